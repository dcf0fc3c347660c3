"""Runs: commands, experiments, captured panes, and whether a bug may be called fixed.

Each command is run by a ``3am run`` process: the screen is not part of the experiment, and reads its results from the
log, as every other instance does.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from threeam.core.config.options import OptionParser, split_line
from threeam.core.errors import BadInput
from threeam.core.format.cited_line import parse_cited_line
from threeam.core.format.entry import Entry, decode_utf8
from threeam.core.format.remote_hypothesis import Bound
from threeam.core.format.report import ReportSection
from threeam.core.format.times import parse_time
from threeam.core.state.fold import Hypothesis
from threeam.core.store.attachment_kinds import CAPTURED_PANE, RUN_OUTPUT, TRACER_OUTPUT
from threeam.core.store.attachments import Attachment, attachment_dir, read_attachment
from threeam.core.store.cited_files import read_cited_attachment
from threeam.core.store.stamp_ref import expand_stamp_ref
from threeam.core.write.draft import Draft
from threeam.experiments.experiment import Experiment
from threeam.experiments.fixes.fixed_options import parse_fixed_options
from threeam.experiments.provoke.search import find_search, require_search
from threeam.experiments.provoke.search_report import search_report
from threeam.experiments.runs.repeats import find_repeats
from threeam.experiments.runs.run_log import require_experiment
from threeam.experiments.runs.run_rows import attachment_of, run_line_in_words
from threeam.hypotheses.amendments import claim_of
from threeam.hypotheses.drafts import name_of
from threeam.reports.fix_change import Subject
from threeam.tracing.options import DEFAULT_LINES, parse_capture_options
from threeam.tui.child_command import ChildCommand
from threeam.tui.controllers.commands import CommandController
from threeam.tui.controllers.hypotheses import HypothesisController
from threeam.tui.controllers.quitting import QuitController
from threeam.tui.controllers.reports import ReportController
from threeam.tui.dispatch import Handler
from threeam.tui.editor import abbreviate
from threeam.tui.outbox import WriteRequest
from threeam.tui.screens.report_screen import ReportScreen
from threeam.tui.services import ScreenServices

_FOR_A_SHELL = frozenset("|&;<>()$`*?[]{}~#!\n")
_EXPANDED = frozenset("$`")  # also in double quotes
_IN_SINGLE, _IN_DOUBLE = re.compile(r"'[^']*'"), re.compile(r'"((?:\\.|[^"\\])*)"')


class ExperimentController:
    """The actions that run commands, and that show their results."""

    def __init__(
        self,
        screen: ScreenServices,
        hypotheses: HypothesisController,
        reports: ReportController,
        quitting: QuitController,
        commands: CommandController,
    ) -> None:
        self._screen = screen
        self._hypotheses = hypotheses
        self._reports = reports
        self._quitting = quitting
        self._commands = commands

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers of the actions, by id."""
        return {
            "run": self.run_command,
            "runs": self.open_runs,
            "capture": self.capture,
            "fixed": self.open_fix_report,
        }

    def run_command(self, argument: str = "") -> None:
        """Run the command in ``argument``, or begin a command line for one."""
        if not argument:
            self._commands.begin_line(f"run {self._hypotheses.picked_option}-- ")
            return
        try:
            options, command = _words_of(argument)
        except ValueError:
            self._screen.notify_once(f"{argument}: unbalanced quote", title="run", severity="warning")
            return
        resumes = "--resume" in options or "--report" in options
        if (command[:1] and command[0][:1] == "-") or not (command or resumes):
            self._screen.notify_once(
                "which command? options stand before --: run -n 20 -- CMD", title="run", severity="warning"
            )
            return
        words = [*options, "--", *command] if command else options
        many = any(word[:2] == "-n" or word == "--resume" for word in options)
        if not many and command:
            words = ["--exit-code", *words]
        self._screen.start_worker(partial(self._run_plan if many else self._run, words, argument), "run")

    async def _run_plan(self, words: Sequence[str], typed: str) -> None:
        """Run a plan; `r` shows how far it is, here and everywhere."""
        child = await ChildCommand.start(self._screen.session.journal, ["run", "-q", *words])
        title = f"run {abbreviate(typed)}"
        self._screen.notify_once(
            f"{self._screen.key_of('runs')} shows how far it is", title=title, timeout=2
        )  # it lies over the row that counts
        with child.may_outlive():
            report = decode_utf8(await child.output.read()).strip().rpartition("\n")[2].removeprefix("3am: ")
            code = await asyncio.to_thread(child.process.wait)
        self._screen.notify_once(
            report or f"done: {self._screen.key_of('runs')} shows it",
            title=title,
            severity="warning" if report or code > 1 else "information",
        )

    async def _run(self, words: Sequence[str], typed: str) -> None:
        from threeam.tui.screens.runs import OutputScreen

        child = await ChildCommand.start(self._screen.session.journal, ["run", *words])
        screen = OutputScreen(typed.removeprefix("-- "), self._screen.copy_text, child.interrupt)
        if self._screen.is_log_focused:  # else it would lie over what is being typed
            await self._screen.app.push_screen(screen)
        code = await child.print_to(lambda text: screen.append(_in_words(text)) if screen.is_mounted else None)
        how = "done" if code == 0 else f"exit {code}"
        if screen.is_mounted:
            screen.show_end(how)
        else:
            self._screen.notify_once(f"{how}: {self._screen.key_of('runs')} shows it", title=f"run {abbreviate(typed)}")

    def open_runs(self, name: str = "") -> None:
        """Show all runs and experiments, or the one called ``name``."""
        if name:
            self.open_run(name)
            return
        from threeam.experiments.run_list import run_list_report
        from threeam.tui.screens.runs import RunsScreen

        screen = RunsScreen(
            lambda: run_list_report(self._screen.state, self._screen.session.clock()),
            self._screen.copy_text,
            emoji=self._screen.session.emoji,
        )
        self._reports.push(screen)

    def open_run(self, name: str) -> None:
        """Show an experiment, a search, or what a single run printed."""
        from threeam.tui.screens.runs import ExperimentScreen

        if (search := find_search(self._screen.state, name)) is not None:
            self._show_search(search.name)
            return
        experiment = require_experiment(self._screen.state, name)
        if experiment.seed is None and experiment.file:
            self._show_file(experiment.command, experiment.file)
            return

        def find() -> tuple[Experiment, Sequence[Experiment]]:
            current = require_experiment(self._screen.state, experiment.name)
            return current, find_repeats(self._screen.state, current)

        self._reports.push(
            ExperimentScreen(
                find,
                self._screen.session.clock,
                self._show_file,
                self._screen.copy_text,
                emoji=self._screen.session.emoji,
            )
        )

    def _show_search(self, name: str) -> None:
        screen = self._screen

        def tell() -> Sequence[ReportSection]:
            return search_report(require_search(screen.state, name), screen.session.clock())

        self._reports.push(ReportScreen(f"search {name}", tell, screen.copy_text, emoji=screen.session.emoji))

    def show_attachment(self, entry: Entry) -> None:
        """Show the attachment of a line: the output of a command, the lines of a pane or a log, an experiment."""
        kept, cited = attachment_of(entry), parse_cited_line(entry)
        if cited is not None:
            self._reports.start(
                partial(self._output, entry.body, lambda: read_cited_attachment(self._screen.session.journal, cited)),
                "cited lines",
            )
        elif kept is not None and kept.endswith(".out"):
            self._show_file(entry.body, kept)
        elif kept is not None:
            self._screen.call_later(self._screen.actions.run, "runs", kept)

    def _show_file(self, title: str, name: str) -> None:
        def read() -> Attachment:
            return read_attachment(self._screen.session.journal, name, RUN_OUTPUT, TRACER_OUTPUT, CAPTURED_PANE)

        self._reports.start(partial(self._output, title, read), "output")

    async def _output(self, title: str, read: Callable[[], Attachment]) -> None:
        from threeam.tui.screens.runs import OutputScreen

        if (kept := await self._screen.run_in_thread(read)) is not None:
            screen = OutputScreen(f"{title} · {kept.path}", self._screen.copy_text, text=decode_utf8(kept.content))
            over = self._screen.app.screen  # the page on which it was asked for
            if isinstance(over, ReportScreen) and over is self._reports.open_report:
                self._screen.app.push_screen(screen)
            else:
                self._reports.show_when_free("output", lambda: self._screen.app.push_screen(screen))

    def capture(self, argument: str = "") -> None:
        """Capture the tmux pane that is named, or the only other one; of several the user picks one."""
        options = parse_capture_options(OptionParser("capture"), split_line(argument))
        hypothesis = self._hypotheses.require_bound(options.hyp)
        self._reports.start(partial(self._capture, options, hypothesis), "capture")

    async def _capture(self, options: Namespace, hypothesis: Bound | None) -> None:
        from threeam.tracing.capture import Pane, capture_pane, list_other_panes, select_pane
        from threeam.tui.screens.runs import PanesScreen

        session, own = self._screen.session, os.environ.get("TMUX_PANE")

        def list_candidates() -> list[Pane]:
            if options.pane is None and options.n == DEFAULT_LINES and options.hyp is None:
                return list_other_panes(own)  # the list hands back no more than a pane
            return [select_pane(options.pane, own)]

        if (panes := await self._screen.run_in_thread(list_candidates)) is None:
            return
        if len(panes) > 1:
            self._reports.show_screen(PanesScreen(panes, self._screen.copy_text, emoji=session.emoji))
            return

        def captured() -> tuple[str, Draft]:
            return capture_pane(session.journal, panes[0], options.n, session.clock(), hypothesis)

        check = f"look for a new pane-… in {attachment_dir(session.journal)}"
        self._quitting.start_effect(
            "capture",
            captured,
            lambda saved: self._screen.writing.submit(WriteRequest(saved[1], "capture", attachments=(saved[0],))),
            check,
        )

    def open_fix_report(self, argument: str = "") -> None:
        """Show whether the hypothesis that is named, or the picked one, may be called fixed."""
        session, words = self._screen.session, split_line(argument)
        if not words or words[0].startswith("-"):
            words = [name_of(self._hypotheses.require_picked_named()), *words]
        options = parse_fixed_options(OptionParser("fixed"), words)
        if options.seen is not None:
            raise BadInput("--seen reads the whole log: use it in a shell")
        since_ns = None
        if options.since is not None:
            since = expand_stamp_ref(session.journal, options.since)
            since_ns = parse_time(since, session.clock(), session.zone)
        subject = self._hypotheses.require_subject(options.hypothesis)
        tell = partial(self._fix_sections, subject, options, since_ns)
        tell()  # it raises if there is nothing to tell
        title = f"{subject.label}: may I call it fixed?"
        self._reports.push(ReportScreen(title, tell, self._screen.copy_text, emoji=session.emoji))

    def _fix_sections(self, subject: Subject, options: Namespace, since_ns: int | None) -> Sequence[ReportSection]:
        from threeam.reports import fix_assessment
        from threeam.reports.elsewhere import check_fix_is_here, elsewhere_report
        from threeam.reports.fixed_report import fix_report, versions_report

        state, now = self._screen.state, self._screen.session.clock()
        if isinstance(subject, Hypothesis):
            subject = state.find_hypothesis(subject.name) or subject
        known, hosts = self._hypotheses.on_all_hosts(subject.name)
        claim = claim_of(state, subject) if isinstance(subject, Hypothesis) else known.claim if known else ""
        elsewhere = [] if known is None else elsewhere_report(known, hosts, now)
        if options.versions is not None:
            controlled = fix_assessment.assess_versions(state, subject, options.versions, since_ns, options.kind)
            return [*versions_report(subject, claim, controlled), *elsewhere]
        if known is not None and since_ns is None:
            check_fix_is_here(state, subject, known, hosts)
        change, answer = fix_assessment.assess_runs(state, subject, since_ns, options.arm, options.kind)
        return [*fix_report(state, fix_assessment.FixAnswer(subject, change, answer), claim, now), *elsewhere]


def _in_words(text: str) -> str:
    """Return output of ``3am run``, with the line of the log that ends it in words, as the log view has it."""
    before, newline, last = text.removesuffix("\n").rpartition("\n")
    if not last.startswith("["):
        return text
    line = run_line_in_words(f"{last}\n".encode("utf-8", "surrogateescape"))
    return before + newline + line.decode("utf-8", "surrogateescape")


def _words_of(argument: str) -> tuple[list[str], list[str]]:
    """Return the options and the command of a `:` line; shell syntax is passed to a shell. Raise ValueError."""
    options, separator, line = f" {argument} ".partition(" -- ")
    if not separator:
        if argument.lstrip()[:1] == "-":
            return shlex.split(argument), []  # --resume R12
        options, line = "", argument
    line = line.strip()
    unquoted = _IN_SINGLE.sub("", line)
    unquoted = _IN_DOUBLE.sub(lambda match: "".join(_EXPANDED & set(match[1])), unquoted)
    quoted = shlex.split(line)
    return shlex.split(options), ["sh", "-c", line] if _FOR_A_SHELL & set(unquoted) else quoted
