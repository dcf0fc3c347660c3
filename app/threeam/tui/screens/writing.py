"""The base of the screens of a journal: writes and their answers, work with an effect, and the input box."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from rich.text import Text
from textual.dom import DOMNode
from textual.screen import Screen

from threeam.core.errors import JournalError
from threeam.core.format.entry import escape_unprintable
from threeam.core.state.fold import State
from threeam.core.store.attachment_kinds import COPIED_TEXT
from threeam.core.store.attachments import replace_attachment
from threeam.core.write.draft import Draft
from threeam.hypotheses.guards import similar_refuted, warnings_for, why_refuted
from threeam.tui import messages
from threeam.tui.clipboard import send_to_clipboard
from threeam.tui.dispatch import ActionTable
from threeam.tui.editor import Editor, abbreviate
from threeam.tui.effects import Effect, EffectRunner
from threeam.tui.key_labels import key_for_action
from threeam.tui.outbox import Outgoing, WriteRequest
from threeam.tui.prompts import COMMAND, DRAFTS, HYPOTHESIS, BoxKind
from threeam.tui.services import Program
from threeam.tui.session import Session
from threeam.tui.widgets.composer import Composer
from threeam.tui.widgets.header import Header
from threeam.tui.widgets.log_view import LogView

T = TypeVar("T")

_EFFECT_S = 1.0  # how long quitting waits for work with an effect
_MOMENT = 0.05  # s: a shorter wait for the lock is not shown


class WritingScreen(Screen[None]):
    """A screen with a log, a header, and (unless it is read-only) an `Editor`."""

    session: Session
    header: Header
    log_view: LogView
    editor: Editor | None
    state: State
    actions: ActionTable
    _tried_before = ""  # the claim in the box that was seen to resemble a refuted one
    is_leaving = False  # as soon as everything has its answer
    parting_text = ""  # what is said on the terminal then

    def __init__(self) -> None:
        super().__init__()
        self._ends = False  # as soon as it leaves
        self._at_end: list[str] = []  # what else is said then: no notice can be read any more
        self.effects = EffectRunner(lambda effect: self.post_message(messages.EffectFinished(effect)))

    @property
    def program(self) -> Program:
        """The program around this screen."""
        assert isinstance(self.app, Program)
        return self.app

    @property
    def is_writable(self) -> bool:
        """Whether this screen has a writer."""
        return self.editor is not None

    # What became of what was written.

    def on_write_waiting(self, message: messages.WriteWaiting) -> None:
        if message.seconds < _MOMENT or self.editor is None:
            return
        held = f"held by {message.holder}" if message.holder else "busy"
        sentence = f"waits for the lock, {held}, {message.seconds:.0f} s{_back(self, message.request)}"
        if self.editor.composer.sends:
            self.editor.composer.set_status(sentence)
        elif not self.editor.outbox.is_blocked:
            self.notify_once(sentence, title=message.request.title)
        self.editor.outbox.tell()
        self._show_waiting()

    def on_write_out_of_space(self, message: messages.WriteOutOfSpace) -> None:
        if self.editor is None:
            return
        sentence = f"the disk is full: written as soon as there is room{_back(self, message.request)}"
        if self.editor.composer.sends:
            self.editor.composer.set_status(sentence)
        self.notify_once(message.sentence, title=f"{message.request.title}: {sentence}", severity="error")
        self.editor.outbox.tell()
        self._show_waiting()

    def on_block_written(self, message: messages.BlockWritten) -> None:
        if message.request.on_written is not None:
            message.request.on_written(message.block)
        self._answered(message.request, written=True)
        for remark in warnings_for(message.block.prior_state, message.block.entries):
            self.notify_once(remark, title=message.request.title, severity="warning", timeout=10)

    def on_write_refused(self, message: messages.WriteRefused) -> None:
        if message.request.on_refused is not None:
            message.request.on_refused()
        if message.request.is_irrevocable:
            self._at_end_too(f"this happened, and is not in the log: {message.request.title} ({message.sentence})")
        self._answered(message.request, written=False)
        self._remove_beside(message.request)
        if message.sentence:
            sentence = message.sentence + self._where_kept([message.request])
            self.notify_once(sentence, title=f"{message.request.title}: not written", severity="error")

    def on_write_unsure(self, message: messages.WriteUnsure) -> None:
        self.log_view.mark_unsure(message.first, message.last)
        if message.request.on_written is not None and message.request.block is not None:
            message.request.on_written(message.request.block)
        self._answered(message.request, written=True)
        self.notify_once(message.sentence, title=message.request.title, severity="error", timeout=60)

    def _answered(self, ticket: WriteRequest, *, written: bool) -> None:
        if self.editor is None:
            return
        self.editor.finish_request(ticket, written=written)
        self._show_waiting()
        if taken_back := self.editor.outbox.all_taken_back():
            names = Counter(ticket.title for ticket in taken_back)
            several = ", ".join(f"{name} × {count}" if count > 1 else name for name, count in names.items())
            what = taken_back[0].title if len(taken_back) == 1 else f"{len(taken_back)} ({several})"
            self.notify_once(f"taken back{self._where_kept(taken_back)}", title=f"{what}: not written")
        self._leave_if_done()

    def _where_kept(self, tickets: list[WriteRequest]) -> str:
        """Say where the texts of ``tickets`` are, which were not written."""
        kinds = [ticket.outgoing.kind for ticket in tickets if ticket.outgoing is not None]
        if self.editor is None or not kinds:
            return ""
        composer = self.editor.composer
        seen = composer.kind if composer.box.has_focus else None
        keys = dict.fromkeys(key_for_action(self, kind.verb) for kind in kinds if kind != seen)
        kept = "; your text is still in the box" if len(kinds) == 1 else f"; your {len(kinds)} texts are kept"
        return kept + (f": {' and '.join(keys)} leads there" if keys else "")

    def submit(self, request: WriteRequest) -> bool:
        """Send ``request``; return False if this screen is read-only."""
        if self.editor is None:
            self.refuse_write()
            return False
        self.editor.submit(request)
        self._show_waiting()
        return True

    def submit_if_writable(self, draft: Draft, title: str) -> None:
        """Write a line about what was shown; a read-only screen only shows it."""
        if self.is_writable:
            self.submit(WriteRequest(draft, title))

    async def run_in_thread(self, ask: Callable[[], T]) -> T | None:
        try:
            return await asyncio.to_thread(ask)
        except (JournalError, OSError) as error:
            self.notify_once(str(error), severity="warning", timeout=10)
            return None

    def _show_waiting(self) -> None:
        """Show how many writes wait: each press of a key is seen, although nothing is written yet."""
        if self.editor is not None:
            self.header.waiting_writes = len(self.editor.outbox) if self.editor.outbox.is_blocked else 0

    def _remove_beside(self, ticket: WriteRequest) -> None:
        try:
            ticket.remove_attachment()
        except OSError as error:
            self.notify_once(f"{ticket.attachment} stays, and no line names it: {error.strerror}", severity="warning")

    # Work with an effect.

    @property
    def is_busy(self) -> bool:
        """Whether something is still to be written, or is still being done."""
        return bool(self.editor is not None and len(self.editor.outbox)) or bool(len(self.effects))

    @property
    def effects_under_way(self) -> str:
        """Which work with an effect is under way, in words; empty if none."""
        names = [effect.name for effect in self.effects.running]
        return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} still under way" if names else ""

    def start_effect(self, name: str, work: Callable[[], T], then: Callable[[T], object], check: str) -> None:
        """Run ``work``, which changes something, on a thread, and then ``then`` with its result, here.

        Nothing cancels it but the end of the program; then the parting text names it, and ``check``, which says how to
        find out whether it has happened. The same work a second time is refused while it runs.
        """
        if not self.effects.start(name, work, then, check):
            self.notify_once("it is still under way", title=name)

    def on_effect_finished(self, message: messages.EffectFinished) -> None:
        self._settle(message.effect)
        self._leave_if_done()

    def _settle(self, effect: Effect) -> None:
        if not self.effects.remove(effect):
            return
        if effect.problem:
            self._at_end_too(f"{effect.name}: {effect.problem}")
            self.notify_once(effect.problem, title=effect.name, severity="warning", timeout=10)
        else:
            effect.on_done(effect.result)

    def _at_end_too(self, sentence: str) -> None:
        """Say ``sentence`` on the terminal, too, if this screen ends before its notice can be read."""
        if self.is_leaving or self._ends:
            self._at_end.append(f"3am: {escape_unprintable(sentence)}")

    def leave_when_written(self, parting_text: str) -> None:
        """Quit as soon as nothing waits to be written, and print ``parting_text``."""
        self.is_leaving, self.parting_text = True, parting_text

    def stay(self) -> None:
        """Do not quit when all is written."""
        self.is_leaving, self.parting_text = False, ""

    def _leave_if_done(self) -> None:
        if self.is_leaving and not self.is_busy:
            self.leave(0)

    # The box.

    def on_composer_changed(self) -> None:
        if self.editor is None:
            return
        self.editor.save_drafts()
        if self._tried_before and self.editor.composer.text != self._tried_before:  # it is another one by now
            self._tried_before = ""
            self.editor.composer.set_status("")

    def _not_kept(self, sentence: str) -> None:
        self.post_message(messages.DraftSaveFailed(sentence))

    def on_draft_save_failed(self, message: messages.DraftSaveFailed) -> None:
        if message.sentence:
            self.notify_once(message.sentence, severity="warning")

    async def on_composer_submitted(self, message: Composer.Submitted) -> None:
        outgoing = message.outgoing
        if outgoing.kind == COMMAND:  # done where the commands are
            return
        if not (outgoing.text.strip() or self._may_be_empty(outgoing.kind)):
            self.notify_once("nothing to write yet: type it first")
            message.composer.release(outgoing, clear=False)
        elif self._send(outgoing) and outgoing.kind not in DRAFTS:
            self.set_focus(self.log_view)  # where it was asked for
        if outgoing.kind not in DRAFTS:
            self.app.post_message(messages.CommandDone())

    def _send(self, outgoing: Outgoing) -> bool:
        """Send a text of the box; a claim that resembles a refuted one only after that was shown."""
        if self.editor is None:
            return False
        kind, text = outgoing.kind, outgoing.text
        like = similar_refuted(self.state, text) if kind == HYPOTHESIS and text != self._tried_before else None
        if like is not None:
            self._tried_before = text
            stands_there = self.editor.composer.has(outgoing)
            self.editor.composer.release(outgoing, clear=False)
            if stands_there:
                self.editor.composer.set_status("enter again writes it")
            self.notify_once(
                f"this resembles {why_refuted(self.state, like)}", title="tried before", severity="warning"
            )
            return False
        self._tried_before = ""
        self.submit(WriteRequest(self._draft(kind, text), kind.title, outgoing))
        return True

    def _may_be_empty(self, kind: BoxKind) -> bool:
        """Whether a box of this kind can be sent without a text."""
        return False

    def _draft(self, kind: BoxKind, text: str) -> Draft:
        return kind.draft(text, self.session.settings)

    def open_box(self, kind: BoxKind, text: str | None = None) -> None:
        """Go to the box for ``kind``; ``text`` is added to what stands there."""
        if (composer := self._writing_composer()) is not None and self.editor is not None:
            self.editor.add_to_history(composer.switch_to(kind))
            self.set_focus(composer.box)
            if text is not None:
                composer.box.paste(text)

    def action_box_coffee(self) -> None:
        """Write a coffee from within the box, behind the texts that were sent before."""
        if self.editor is not None:
            self.editor.composer.send_typed_ahead()
        self.call_later(self.actions.run, "coffee")  # this screen gets the texts as messages: they are before it

    def convert_box(self, kind: BoxKind) -> None:
        """Make the draft in the box one of ``kind``."""
        if (composer := self._writing_composer()) is not None and self.editor is not None:
            self.editor.add_to_history(composer.convert_to(kind))

    def _writing_composer(self) -> Composer | None:
        """Return the composer; None, after a notice, if this screen is read-only."""
        if self.editor is None:
            self.refuse_write()
            self.refuse_text()
            return None
        composer = self.editor.composer
        if self._tried_before:
            self._tried_before = ""
            composer.set_status("")
        return composer

    def leave(self, code: int) -> None:
        """End the program: what still waits is taken back, and stays as the draft.

        What is not known to be in the log although it has happened, or may have happened, is named on the terminal.
        """
        self._ends = True
        for effect in self.effects.wait(_EFFECT_S):
            self._settle(effect)
        lost = [
            escape_unprintable(
                f"3am: {effect.name} was still under way, and may have happened without a line: {effect.how_to_check}"
            )
            for effect in self.effects.running
        ]
        if self.editor is not None:
            lost += [f"3am: this happened, and may not be in the log: {fact.title}" for fact in self.editor.close()]
        parting = "\n".join([*self._at_end, *lost]) or self.parting_text
        # As a Text: a path in brackets is no markup.
        self.app.exit(return_code=code, message=Text(parting) if parting else None)

    def copy_text(self, text: str, what: str = "line") -> None:
        """Copy ``text``, and show where it is then."""
        keep = partial(replace_attachment, self.session.journal, COPIED_TEXT) if self.is_writable else None

        async def copied() -> None:
            report = await send_to_clipboard(text, self.app.copy_to_clipboard, keep)
            self.notify_once(report, title=f"{what}: {abbreviate(text)}", timeout=3)

        self.start_worker(copied)  # not in the key's own time: a tmux that hangs would hold up every other

    def start_worker(self, work: Callable[[], Awaitable[object]], group: str = "", *, exclusive: bool = False) -> None:
        """Run ``work`` beside the keys; ``exclusive`` cancels what runs in ``group``.

        It is called by its worker. A coroutine would be left behind, with a warning, if the program ends before that.
        """
        self.run_worker(work, group=group or "default", exclusive=exclusive)

    def refuse_text(self) -> None:
        """Drop what was typed behind the key of a box that does not open."""
        self.program.refuse_text()

    def refuse_write(self) -> None:
        self.notify_once("read-only: this screen was opened without a writer")

    def notify_once(self, sentence: str, *, title: str = "", severity: str = "information", timeout: float = 6) -> None:
        if any(
            (escape_unprintable(title), escape_unprintable(sentence)) == (up.title, up.message)
            for up in self.app._notifications
        ):
            return  # a key hit again does not pile it up
        self.notify(
            escape_unprintable(sentence),
            title=escape_unprintable(title),
            severity=severity,  # type: ignore[arg-type]
            timeout=timeout,
            markup=False,
        )


def _back(node: DOMNode, ticket: WriteRequest) -> str:
    return "" if ticket.is_irrevocable else f" · {key_for_action(node, 'leave')} takes it back"
