"""The half of the journal's screen that is about runs: commands, experiments, and whether a bug may be called fixed.

What is run here is run by a ``3am run`` of its own: the screen is no part of the experiment, and what came of it is
read from the log, as every other instance reads it.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Entry, decode_utf8
from threeam.core.format.report import ReportSection
from threeam.core.store.attachment_kinds import CAPTURED_PANE, RUN_OUTPUT, TRACER_OUTPUT
from threeam.core.store.attachments import read_attachment
from threeam.core.write.draft import Draft
from threeam.experiments.run_rows import attachment_of
from threeam.experiments.runs import experiments, require_experiment
from threeam.tui.editor import abbreviate
from threeam.tui.keys import key_for_action
from threeam.tui.outbox import WriteRequest
from threeam.tui.prompts import COMMAND
from threeam.tui.screens.machine import MachineScreen
from threeam.tui.screens.report_screen import ReportScreen

_FOR_A_SHELL = frozenset("|&;<>()$`*?[]{}~#!\n")
_EXPANDED = frozenset("$`")  # also in double quotes
_IN_SINGLE, _IN_DOUBLE = re.compile(r"'[^']*'"), re.compile(r'"((?:\\.|[^"\\])*)"')


class ObservingScreen(MachineScreen):
    """A screen from which commands are run, and on which is shown what came of them."""

    def action_run(self, argument: str = "") -> None:
        if not argument:
            bound = f"-H {self.picked_name} " if self.picked_name and self.picked_name[:1] == "H" else ""
            self.open_box(COMMAND, f"run {bound}-- ")
            return
        try:
            options, command = _words_of(argument)
        except ValueError:
            self.notify_once(f"{argument}: a quotation mark in it has no other one", title="run", severity="warning")
            return
        goes_on = "--resume" in options or "--report" in options
        if (command[:1] and command[0][:1] == "-") or not (command or goes_on):
            self.notify_once(
                "which command? options stand before --: run -n 20 -- CMD", title="run", severity="warning"
            )
            return
        words = [*options, "--", *command] if command else options
        many = any(word[:2] == "-n" or word == "--resume" for word in options)
        self.start_worker(partial(self._go_through if many else self._run, words, argument), "run")

    async def _go_through(self, words: Sequence[str], said: str) -> None:
        """Goes through a plan; `r` shows how far it is, here and everywhere."""
        child, output = await self._begun(["-q", *words])
        title = f"run {abbreviate(said)}"
        self.notify_once(
            f"{key_for_action(self, 'runs')} shows how far it is", title=title, timeout=2
        )  # it lies over the row that counts
        with _may_outlive(child):
            told = decode_utf8(await output.read()).strip().rpartition("\n")[2].removeprefix("3am: ")
            code = await asyncio.to_thread(child.wait)
        self.notify_once(
            told or f"done: {key_for_action(self, 'runs')} shows it",
            title=title,
            severity="warning" if told or code > 1 else "information",
        )

    async def _begun(self, words: Sequence[str]) -> tuple[subprocess.Popen[bytes], asyncio.StreamReader]:
        """Start a ``3am run``; return it and its output. No SIGINT of this terminal reaches it; it may outlive it."""
        journal = self.session.journal
        child = subprocess.Popen(
            [sys.executable, "-m", "threeam", "run", "--log", journal.log_path, "--lock", journal.lock_path, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        output = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(output), child.stdout)
        return child, output

    async def _run(self, words: Sequence[str], said: str) -> None:
        from threeam.tui.screens.runs import OutputScreen

        child, output = await self._begun(["--exit-code", *words])
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

        def stop() -> None:
            with suppress(ProcessLookupError):
                child.send_signal(signal.SIGINT)

        screen = OutputScreen(said, stop)
        if self.app.screen is self and self.focused is self.log_view:  # else it would lie over what is being typed
            await self.app.push_screen(screen)
        with _may_outlive(child):
            while data := await output.read(64 * 1024):
                if screen.is_mounted:
                    screen.append(decoder.decode(data))
            code = await asyncio.to_thread(child.wait)
        how = "done" if code == 0 else f"exit {code}"
        if screen.is_mounted:
            screen.set_hint(f"{how} · esc")
        else:
            self.notify_once(f"{how}: {key_for_action(self, 'runs')} shows it", title=f"run {abbreviate(said)}")

    def action_runs(self, name: str = "") -> None:
        if name:
            self.open_run(name)
            return
        from threeam.tui.screens.runs import RunsScreen

        found = RunsScreen(
            lambda: experiments(self.state), self.session.clock, self.copy_text, emoji=self.session.emoji
        )
        self.push_report(found)

    def open_run(self, name: str) -> None:
        """Show an experiment, or what a single run printed."""
        from threeam.tui.screens.runs import ExperimentScreen

        try:
            one = require_experiment(self.state, name)
        except PreconditionFailed as declined:
            self.notify_once(str(declined), severity="warning")
            return
        if one.seed is None and one.file:
            self._show_file(one.command, one.file)
            return
        self.push_report(
            ExperimentScreen(
                lambda: require_experiment(self.state, one.name),
                self.session.clock,
                self._show_file,
                self.copy_text,
                emoji=self.session.emoji,
            )
        )

    def show_attachment(self, entry: Entry) -> None:
        """Show the attachment of a line: the output of a command, the lines of a pane, an experiment."""
        kept = attachment_of(entry)
        if kept is not None and kept.endswith(".out"):
            self._show_file(entry.body, kept)
        elif kept is not None:
            self.open_run(kept)

    def _show_file(self, title: str, name: str) -> None:
        self._start_exclusive(partial(self._output, title, name), "output")

    async def _output(self, title: str, name: str) -> None:
        from threeam.tui.screens.runs import OutputScreen

        journal = self.session.journal
        if (
            kept := await self.run_in_thread(
                lambda: read_attachment(journal, name, RUN_OUTPUT, TRACER_OUTPUT, CAPTURED_PANE)
            )
        ) is not None:
            screen = OutputScreen(f"{title} · {kept.path}", text=decode_utf8(kept.content))
            over = self.app.screen  # the page on which it was asked for
            if isinstance(over, ReportScreen) and over is self.open_report:
                self.app.push_screen(screen)
            else:
                self.show_when_free("output", lambda: self.app.push_screen(screen))

    def action_capture(self, name: str = "") -> None:
        self._start_exclusive(partial(self._capture, name or None), "capture")

    async def _capture(self, name: str | None) -> None:
        from threeam.tracing.capture import DEFAULT_LINES, Pane, capture_pane, list_panes, select_pane
        from threeam.tui.screens.runs import PanesScreen

        session, own = self.session, os.environ.get("TMUX_PANE")

        def found() -> list[Pane]:
            return list_panes(own) if name is None else [select_pane(name, own)]

        if (there := await self.run_in_thread(found)) is None:
            return
        if not there:
            self.notify_once("there is no other pane: split the window first", title="capture", severity="warning")
            return
        if len(there) > 1:
            self.show_report(PanesScreen(there, self.copy_text, emoji=session.emoji))
            return

        def captured() -> tuple[str, Draft]:
            return capture_pane(session.journal, there[0], DEFAULT_LINES, session.clock(), None)

        check = f"look for a new pane-… in {session.journal.attachments_dir}"
        self.start_effect(
            "capture",
            captured,
            lambda saved: self.submit(WriteRequest(saved[1], "capture", attachment=saved[0])),
            check,
        )

    def action_fixed(self, name: str = "") -> None:
        one = self._require_hypothesis(name) if name else self._picked()
        if one is None:
            return
        from threeam.reports import fixed_report as fixed

        key, state = one.name, self.state

        def tell() -> Sequence[ReportSection]:
            now = self.state.find_hypothesis(key) or one
            change, answer = fixed.assess_runs(self.state, now)
            return fixed.fix_report(self.state, now, change, answer, self.session.clock())

        try:
            fixed.assess_runs(state, one)
        except PreconditionFailed as declined:
            self.notify_once(str(declined), severity="warning", timeout=10)
            return
        self.push_report(
            ReportScreen(f"{one.label}: may I call it fixed?", tell, self.copy_text, emoji=self.session.emoji)
        )


@contextmanager
def _may_outlive(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Let ``child`` run on if the screen ends first: a `Popen` that is dropped warns about a child that still runs."""
    try:
        yield
    finally:
        if child.poll() is None:
            child.returncode = 0


def _words_of(argument: str) -> tuple[list[str], list[str]]:
    """Return the options and the command of a `:` line; shell syntax is passed to a shell. Raise ValueError."""
    options, separator, line = f" {argument} ".partition(" -- ")
    if not separator:
        if argument.lstrip()[:1] == "-":
            return shlex.split(argument), []  # --resume R12
        options, line = "", argument
    line = line.strip()
    unquoted = _IN_SINGLE.sub("", line)
    unquoted = _IN_DOUBLE.sub(lambda found: "".join(_EXPANDED & set(found[1])), unquoted)
    quoted = shlex.split(line)
    return shlex.split(options), ["sh", "-c", line] if _FOR_A_SHELL & set(unquoted) else quoted
