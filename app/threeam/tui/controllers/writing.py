"""The input box of a writable screen: what is sent from it, and what became of each write request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial

from threeam.core.format.entry import NS_PER_S
from threeam.core.format.times import format_duration
from threeam.core.write.draft import Draft
from threeam.hypotheses.drafts import EVIDENCE_VERBS
from threeam.hypotheses.guards import similar_refuted, warnings_for, why_refuted
from threeam.tui import messages
from threeam.tui.controllers.mirrors import Mirrors
from threeam.tui.controllers.quitting import QuitController
from threeam.tui.dispatch import Handler
from threeam.tui.editor import Editor
from threeam.tui.outbox import Outgoing, WriteRequest
from threeam.tui.prompts import CHANGED, COMMAND, DRAFTS, HYPOTHESIS, NOTE, BoxKind
from threeam.tui.services import AttachingDraftMaker, DraftMaker, ScreenServices
from threeam.tui.widgets.composer import Composer
from threeam.tui.widgets.header import Header
from threeam.tui.widgets.log_view import LogView

_SHORT_WAIT_S = 0.05  # a shorter wait for the lock is not shown


class WritingController:
    """The box of ``editor`` and its write requests; ``header`` shows how many wait. A read-only screen has none."""

    def __init__(
        self,
        screen: ScreenServices,
        editor: Editor,
        quitting: QuitController,
        header: Header,
        log_view: LogView,
        mirrors: Mirrors,
    ) -> None:
        self._screen = screen
        self._mirrors = mirrors
        self.editor = editor
        self._quitting = quitting
        self._header = header
        self._log_view = log_view
        self._draft_makers: dict[BoxKind, DraftMaker] = {}  # of boxes whose draft depends on more than their kind
        self._attaching_makers: dict[BoxKind, AttachingDraftMaker] = {}  # of those whose draft has attachments
        self._resembling_claim = ""  # stands in the box; the user was shown that it resembles a refuted one

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers of the actions, by id."""
        return {
            "note": partial(self.open_box, NOTE),
            "hypothesis": partial(self.open_box, HYPOTHESIS),
            "changed": partial(self.open_box, CHANGED),
            "kind-hypothesis": partial(self._convert_box, HYPOTHESIS),
            "kind-note": partial(self._convert_box, NOTE),
            "box-coffee": self._drink_coffee,
        }

    @property
    def is_writable(self) -> bool:
        """Return True: there is a writer."""
        return True

    def require_writable(self) -> None:
        """Return: there is a writer."""

    def refuses_box_of(self, key: str) -> bool:
        """Return False: each key that opens a box opens it."""
        return False

    def refuse_key(self, key: str) -> None:
        """Refuse no key."""

    @property
    def is_prompt(self) -> bool:
        """Return whether the box has the focus, and a text whose Enter leads out of it."""
        composer = self.editor.composer
        return self._screen.focused is composer.box and not composer.is_waiting

    # The box.

    def open_box(self, kind: BoxKind, text: str = "") -> None:
        """Go to the box for ``kind``; ``text`` is added to what stands there."""
        self._forget_resembling_claim()
        composer = self.editor.composer
        self.editor.add_to_history(composer.switch_to(kind))
        self._screen.set_focus(composer.box)
        if text:
            composer.box.paste(text)

    def edit(self, kind: BoxKind, text: str) -> None:
        """Go to the box for ``kind``, with ``text`` in it."""
        self.editor.add_to_history(self.editor.composer.begin_prompt(kind, text))
        self._screen.set_focus(self.editor.composer.box)

    def write_or_ask(self, kind: BoxKind, text: str, draft_of: DraftMaker | None = None) -> None:
        """Write ``text`` as if it had been sent from a box for ``kind``; without a text, open that box.

        ``draft_of`` makes the draft of such a box from its text, in place of `BoxKind.draft`.
        """
        if draft_of is not None:
            self._draft_makers[kind] = draft_of
        words = text.strip()
        if not words:
            self.open_box(kind)
            return
        composer = self.editor.composer
        self.editor.add_to_history(composer.begin_prompt(kind, words))
        if not self._send(composer.send()):  # there is a warning to read before it is sent
            self._screen.set_focus(composer.box)

    def write_attaching(self, kind: BoxKind, text: str, attach: AttachingDraftMaker, *, asks: bool) -> None:
        """Write ``text`` with what ``attach`` saves; if it ``asks``, open a box for a missing text."""
        if asks:
            self._attaching_makers[kind] = attach
            self.write_or_ask(kind, text)
        else:
            self._screen.start_worker(partial(self._attach_and_submit, attach, text, kind.title), "attach")

    async def _attach_and_submit(
        self, attach: AttachingDraftMaker, text: str, title: str, outgoing: Outgoing | None = None
    ) -> None:
        """Save the attachments of a text on a thread, and then send the text. If that fails, the text comes back."""
        attached = await self._screen.run_in_thread(partial(attach, text))
        if attached is not None:
            draft, paths = attached
            self.submit(WriteRequest(draft, title, outgoing, attachments=paths))
        elif outgoing is not None:
            self.editor.composer.release(outgoing, clear=False, came_back=True)

    def rename_box(self, kind: BoxKind, name: BoxKind) -> None:
        """Make the box for ``kind`` one for ``name``, which was not known when it was opened."""
        self.editor.composer.rename_prompt(kind, name)

    def leave_box(self) -> bool:
        """Take back what waits, and return True; if nothing waits, end the prompt, and return False."""
        outbox, composer = self.editor.outbox, self.editor.composer
        # Not what is just being written. An Esc that came before the wait was shown is meant to leave the box.
        pressed_s = self._screen.program.typed_keys.last_s
        if outbox.is_blocked and pressed_s > outbox.wait_shown_s and outbox.cancel_waiting():
            return True
        if composer.kind not in DRAFTS and (composer.kind == COMMAND or not composer.text.strip()):
            self.editor.add_to_history(composer.end_prompt())
        composer.send_typed_ahead()
        return False

    def _convert_box(self, kind: BoxKind) -> None:
        self._forget_resembling_claim()
        self.editor.add_to_history(self.editor.composer.convert_to(kind))

    def _drink_coffee(self) -> None:
        """Write a coffee from within the box, behind the texts that were sent before."""
        self.editor.composer.send_typed_ahead()
        # The screen gets the texts as messages: they are before it in its queue.
        self._screen.call_later(self._screen.actions.run, "coffee")

    def take_changes(self) -> None:
        """Save the drafts as they have become."""
        self.editor.save_drafts()
        if self._resembling_claim and self.editor.composer.text != self._resembling_claim:
            self._forget_resembling_claim()

    def _forget_resembling_claim(self) -> None:
        if self._resembling_claim:
            self._resembling_claim = ""
            self.editor.composer.set_status("")

    # What is sent.

    def send(self, message: Composer.Submitted) -> None:
        """Send the text that Enter was pressed on, and go back to the log; a command is not one.

        A text that is not sent keeps the box open: it is empty, or there is a warning to read first.
        """
        outgoing = message.outgoing
        if not (outgoing.text.strip() or self._may_be_empty(outgoing.kind)):
            self._screen.notify_once("nothing to write yet: type it first")
            message.composer.release(outgoing, clear=False)
        elif self._send(outgoing):
            self._screen.focus_log()

    def _send(self, outgoing: Outgoing) -> bool:
        """Send a text of the box; a claim that resembles a refuted one only after that was shown."""
        kind, text = outgoing.kind, outgoing.text
        if kind == HYPOTHESIS and text != self._resembling_claim:
            refuted = similar_refuted(self._screen.state, text)
            if refuted is not None:
                self._resembling_claim = text
                is_in_box = self.editor.composer.has(outgoing)
                self.editor.composer.release(outgoing, clear=False)
                if is_in_box:
                    self.editor.composer.set_status("enter again writes it")
                sentence = f"this resembles {why_refuted(self._screen.state, refuted)}"
                self._screen.notify_once(sentence, title="tried before", severity="warning")
                return False
        self._resembling_claim = ""
        if (attach := self._attaching_makers.get(kind)) is not None:
            attach_and_submit = partial(self._attach_and_submit, attach, text, kind.title, outgoing)
            self._screen.start_worker(attach_and_submit, "attach")
        else:
            self.submit(WriteRequest(self._draft(kind, text), kind.title, outgoing))
        return True

    def _draft(self, kind: BoxKind, text: str) -> Draft:
        draft_of = self._draft_makers.get(kind)
        if draft_of is not None:
            return draft_of(text)
        settings, mirrors = self._mirrors.write_settings(self._screen.state), self._mirrors
        known = mirrors.on_all_hosts(kind.hypothesis) if kind.hypothesis else None
        return kind.draft(text, settings, mirrors.named, known)

    def _may_be_empty(self, kind: BoxKind) -> bool:
        """Return whether a box of this kind can be sent without a text: the cited line gives the words."""
        return kind.verb in EVIDENCE_VERBS and (kind in self._draft_makers or kind in self._attaching_makers)

    def submit(self, request: WriteRequest) -> bool:
        """Send ``request`` behind those that wait. Return True: accepted, not written yet."""
        self.editor.outbox.submit(request)
        self._show_waiting()
        return True

    # What became of it.

    def take_progress(self, message: messages.WriteProgress) -> None:
        """Show what has become of a request; take its answer."""
        match message:
            case messages.WriteWaiting():
                self._show_lock_wait(message)
            case messages.WriteOutOfSpace():
                self._show_full_disk(message)
            case messages.BlockWritten():
                self._take_written(message)
            case messages.WriteRefused():
                self._take_refused(message)
            case messages.WriteUnsure():
                self._take_unsure(message)

    def _show_lock_wait(self, message: messages.WriteWaiting) -> None:
        if message.seconds < _SHORT_WAIT_S:
            return
        held = f"held by {message.holder}" if message.holder else "busy"
        waited = format_duration(int(message.seconds) * NS_PER_S)
        sentence = f"waits for the lock, {held}, {waited}{self._how_to_cancel(message.request)}"
        if self.editor.composer.sends:
            self.editor.composer.set_status(sentence)
        elif not self.editor.outbox.is_blocked:
            self._screen.notify_once(sentence, title=message.request.title)
        self.editor.outbox.record_wait_shown()
        self._show_waiting()

    def _show_full_disk(self, message: messages.WriteOutOfSpace) -> None:
        sentence = f"the disk is full: written as soon as there is room{self._how_to_cancel(message.request)}"
        if self.editor.composer.sends:
            self.editor.composer.set_status(sentence)
        self._screen.notify_once(message.sentence, title=f"{message.request.title}: {sentence}", severity="error")
        self.editor.outbox.record_wait_shown()
        self._show_waiting()

    def _take_written(self, message: messages.BlockWritten) -> None:
        request, block = message.request, message.block
        if request.on_written is not None:
            request.on_written(block)
        self._finish(request, written=True)
        for remark in warnings_for(block.prior_state, block.entries, self._mirrors.has_evidence):
            self._screen.notify_once(remark, title=f"{request.title} (written)", severity="warning", timeout=10)

    def _take_refused(self, message: messages.WriteRefused) -> None:
        request = message.request
        if request.on_refused is not None:
            request.on_refused()
        if request.is_irrevocable:
            self._quitting.report_at_end(f"this happened, and is not in the log: {request.title} ({message.sentence})")
        self._finish(request, written=False)
        try:
            request.remove_attachments()
        except OSError as error:
            sentence = f"{error.filename} stays, and no line names it: {error.strerror}"
            self._screen.notify_once(sentence, severity="warning")
        if message.sentence:
            sentence = message.sentence + self._where_texts_are([request])
            self._screen.notify_once(sentence, title=f"{request.title}: not written", severity="error")

    def _take_unsure(self, message: messages.WriteUnsure) -> None:
        request = message.request
        self._log_view.mark_unsure(message.first, message.last)
        if request.on_written is not None and request.block is not None:
            request.on_written(request.block)
        self._finish(request, written=True)
        self._screen.notify_once(message.sentence, title=request.title, severity="error", timeout=60)

    def _finish(self, request: WriteRequest, *, written: bool) -> None:
        self.editor.finish_request(request, written=written)
        self._show_waiting()
        if cancelled := self.editor.outbox.all_taken_back():
            titles = Counter(request.title for request in cancelled)
            counted = ", ".join(f"{title} × {count}" if count > 1 else title for title, count in titles.items())
            name = cancelled[0].title if len(cancelled) == 1 else f"{len(cancelled)} ({counted})"
            self._screen.notify_once(f"taken back{self._where_texts_are(cancelled)}", title=f"{name}: not written")
        self._quitting.leave_if_done()

    def _where_texts_are(self, requests: list[WriteRequest]) -> str:
        """Return where the texts of ``requests`` are, which were not written."""
        kinds = [request.outgoing.kind for request in requests if request.outgoing is not None]
        if not kinds:
            return ""
        composer = self.editor.composer
        visible = composer.kind if composer.box.has_focus else None
        keys = dict.fromkeys(self._screen.key_of(kind.verb) for kind in kinds if kind != visible)
        saved = "; your text is still in the box" if len(kinds) == 1 else f"; your {len(kinds)} texts are kept"
        return saved + (f": {' and '.join(keys)} leads there" if keys else "")

    def _how_to_cancel(self, request: WriteRequest) -> str:
        return "" if request.is_irrevocable else f" · {self._screen.key_of('leave')} takes it back"

    def _show_waiting(self) -> None:
        """Show how many requests wait: each press of a key is seen, although nothing is written yet."""
        self._header.waiting_writes = len(self.editor.outbox) if self.editor.outbox.is_blocked else 0
