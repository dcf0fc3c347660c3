"""Later lines about earlier ones: words for a stamp, corrections, changes that were undone, who holds the journal."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Entry, Stamp
from threeam.core.state.fold import State
from threeam.core.store.reader import Line
from threeam.core.store.seek import find_line
from threeam.core.write.locked_log import Block
from threeam.hypotheses.amendments import (
    amended_stamp,
    amendments,
    current_text,
    stamp_draft,
    stamp_words_draft,
    strip_kind,
)
from threeam.hypotheses.changes import open_changes, undone_draft
from threeam.hypotheses.handoff_notes import take_journal_draft
from threeam.tui.controllers.writing import WritingController
from threeam.tui.dispatch import Handler
from threeam.tui.outbox import WriteRequest
from threeam.tui.prompts import NOTE, BoxKind
from threeam.tui.services import ScreenServices
from threeam.tui.stamp_refs import resolve_stamp_ref


class AmendmentController:
    """The actions that write a line about an earlier one. A read-only screen has none of them."""

    def __init__(self, screen: ScreenServices, writing: WritingController) -> None:
        self._screen = screen
        self._writing = writing
        self._stamps_taken = 0

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers of the actions, by id."""
        return {
            "stamp": self.take_stamp,
            "words": self.add_words,
            "correct": self.correct,
            "undone": self.note_undone,
            "take": self.take_journal,
        }

    def take_stamp(self) -> None:
        """Write a stamp now, and open the box for its words, which may be sent before the stamp is written."""
        self._stamps_taken += 1
        pending = BoxKind("words", pending_stamp=self._stamps_taken)
        request = WriteRequest(
            stamp_draft(),
            "stamp",
            on_written=lambda block: self._writing.rename_box(pending, BoxKind("words", cites=_stamp_of(block))),
            on_refused=lambda: self._writing.rename_box(pending, NOTE),  # there is no stamp for these words
        )
        self._writing.submit(request)
        self._writing.write_or_ask(
            pending,
            "",
            # The writer's thread reads the stamp, after the request for it is in the log.
            lambda text: stamp_words_draft(lambda: request.block and _stamp_of(request.block), text),
        )

    async def add_words(self, argument: str = "") -> None:
        """Write the words for a stamp: the one in ``argument``, the selected one, or the user's last without words."""
        state = self._screen.state
        reference = await resolve_stamp_ref(self._screen, argument, lambda: _pending_stamps(state))
        if reference is None:
            return
        stamp, words = reference
        if stamp is None:
            stamp = self._stamp_without_words(is_selection=not words)
        elif await self._line_of(stamp) is None:
            return
        self._writing.write_or_ask(BoxKind("words", cites=stamp), words)

    def _stamp_without_words(self, *, is_selection: bool) -> Stamp:
        """Return the selected stamp if that has no words, else the user's last. Raise `PreconditionFailed`."""
        pending, selected = amendments(self._screen.state).pending_stamps, self._screen.selected_entry()
        if is_selection and selected is not None and selected.effective_stamp.ns in pending:
            return selected.effective_stamp
        user = self._screen.session.author.user
        own = [entry.stamp for entry in pending.values() if entry.author is not None and entry.author.user == user]
        if not own:
            raise PreconditionFailed(f"no stamp of yours is without words: {self._screen.key_of('stamp')} takes one")
        return own[-1]

    async def correct(self, argument: str = "") -> None:
        """Correct the entry that ``argument`` names, with its words; or open the box for the selected entry."""
        reference = await resolve_stamp_ref(self._screen, argument)
        if reference is None:
            return
        stamp, words = reference
        if stamp is not None:
            line = await self._line_of(stamp)
            if line is not None and line.entry is not None:
                kind = BoxKind("correct", cites=amended_stamp(self._screen.state, line.entry))
                self._writing.write_or_ask(kind, strip_kind(line.entry, words))
            return
        entry = self._screen.selected_entry()
        if entry is None:
            raise PreconditionFailed("select a line of the log first, or name it: :correct @stamp text")
        self._edit(entry, words)

    def _edit(self, entry: Entry, words: str) -> None:
        """Open the box for a correction of ``entry`` with ``words``, or its text, to be read before it is sent."""
        stamp = amended_stamp(self._screen.state, entry)
        self._writing.open_box(BoxKind("correct", cites=stamp))
        composer = self._writing.editor.composer
        if not composer.is_waiting:
            composer.box.set_text(strip_kind(entry, words) or current_text(self._screen.state, stamp, entry.body))

    async def note_undone(self, argument: str = "") -> None:
        """Write that a change was undone: the one in ``argument``, the selected one, or the only one left."""
        state = self._screen.state
        reference = await resolve_stamp_ref(self._screen, argument, lambda: _open_change_stamps(state))
        if reference is None:
            return
        stamp, words = reference
        selected = self._screen.selected_entry()
        if stamp is None and selected is not None:
            still_open = {change.stamp.ns for change in open_changes(self._screen.state)}
            stamp = selected.effective_stamp if selected.effective_stamp.ns in still_open else None
        self._writing.submit(WriteRequest(undone_draft(stamp, words), "undone"))

    def take_journal(self) -> None:
        """Write that this user holds the journal now."""
        self._writing.submit(WriteRequest(take_journal_draft(), "taking the journal"))

    async def _line_of(self, stamp: Stamp) -> Line | None:
        """Return the line of ``stamp``; None, after a notice, if it cannot be found."""
        return await self._screen.run_in_thread(partial(find_line, self._screen.session.journal, stamp))


def _stamp_of(block: Block) -> Stamp:
    """Return the stamp of what was written in ``block``, without the ceremony around it."""
    return block.draft_entries[-1].stamp


def _open_change_stamps(state: State) -> list[Stamp]:
    return [change.stamp for change in open_changes(state)]


def _pending_stamps(state: State) -> list[Stamp]:
    return [pending.stamp for pending in amendments(state).pending_stamps.values()]
