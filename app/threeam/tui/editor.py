"""The input box with its outbox and its drafts: what is typed, what is being written, and what must not be lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress

from threeam.actions import BY_ID
from threeam.core.format.entry import Author
from threeam.core.store.journal import Journal, Position
from threeam.core.store.reader import last_line_end, matching_lines_backward
from threeam.tui.draft_store import DraftStore, SavedDraft, SavedDrafts
from threeam.tui.key_labels import key_for_action
from threeam.tui.outbox import Outbox, WriteRequest
from threeam.tui.prompts import NOTE, BoxKind
from threeam.tui.widgets.composer import Composer

_LOOK_BACK = 64 * 1024 * 1024  # bytes of the log in which a draft that was left may stand
_CITED = re.compile(r"(\AWords: )@\S+ ")  # the stamp of words that were begun before it was known
_MOMENT = 0.3  # s: how long quitting waits for what is being written
_KEEPING = 1.0  # s: and for the drafts to be kept


class Editor:
    """A `Composer`, the `Outbox` behind it and the `DraftStore` below it."""

    def __init__(
        self,
        composer: Composer,
        store: DraftStore,
        send: Callable[[WriteRequest], None],
        by: Author,
        place: Callable[[], Position | None],
    ) -> None:
        self.composer = composer
        self.outbox = Outbox(send)
        self._store = store
        self._by = str(by)
        self._place = place  # where the journal ends, as far as it is known here
        self._drafts: tuple[SavedDraft, ...] = ()

    def restore(self, journal: Journal) -> str:
        """Put back the drafts of a screen that was killed; return a sentence about them, empty if there are none."""
        kept = self._store.restore()  # older drafts go into the history
        self.composer.box.add_to_history(self._store.history())
        if kept is None or not kept.drafts:
            return ""
        left = [draft for draft in kept.drafts if not _is_written(journal, kept.author, draft)]
        for draft in kept.drafts:
            if draft not in left:
                self.add_to_history(draft.text)
        if not left:
            self.save_drafts()
            return "the text left in the box is already in the log: up brings it back"
        kinds = [BoxKind.parse(draft.kind) for draft in left]
        texts = [(kind if kind.survives_screen else NOTE, draft.text) for kind, draft in zip(kinds, left, strict=True)]
        (first_kind, first_text), *others = texts
        self.composer.begin_prompt(first_kind, first_text)
        to_history = [text for kind, text in others if not self.composer.add_draft(kind, text)]
        for text in to_history:
            self.add_to_history(text)
        more = "; up brings back the others" if to_history else ""
        is_by_key = bool(BY_ID[first_kind.verb].keys) and first_kind.cites is None  # else its key cites another line
        key = key_for_action(self.composer, first_kind.verb) if is_by_key else "tab"
        return f"{key} leads to the draft that was left here: {abbreviate(first_text)}{more}"

    def finish_request(self, request: WriteRequest, *, written: bool) -> None:
        """Take the answer to ``request``: its text is in the log, or comes back."""
        if not self.outbox.remove(request) or request.outgoing is None:
            return
        if written:
            self.add_to_history(request.outgoing.text)
            self._drafts = ()  # the same words typed again are another draft
        asked_for = request.cancelled.is_set()
        self.composer.release(request.outgoing, clear=written, came_back=not written and not asked_for)
        self.save_drafts()

    def save_drafts(self) -> None:
        """Save the drafts as they are now."""
        place, since = self._place(), {draft[:2]: draft.log_end for draft in self._drafts}
        now = None if place is None else (*place.segment.identity, place.offset)
        drafts = [(str(kind), text) for kind, text in self.composer.drafts]
        self._drafts = tuple(SavedDraft(*draft, since.get(draft, now)) for draft in drafts)
        self._store.save(SavedDrafts(self._by, self._drafts))

    def add_to_history(self, words: str) -> None:
        """Add words that leave the box to the history: the up key brings them back."""
        if words.strip():
            self.composer.box.add_to_history([words])
            self._store.add_to_history(words)

    def close(self) -> list[WriteRequest]:
        """Take back what waits, and keep what is not in the log; return the facts that are not in it."""
        requests = self.outbox.close(_MOMENT)
        for request in requests:
            if request.written:
                self.finish_request(request, written=True)
            elif request.answered.is_set():
                with suppress(OSError):
                    request.remove_attachments()
        self.save_drafts()
        self._store.flush(_KEEPING)
        return [request for request in requests if request.is_irrevocable and not request.written]

    def stop(self) -> None:
        """Save nothing any more: the screen is gone."""
        self._store.stop(_KEEPING)


def _is_written(journal: Journal, by: str, draft: SavedDraft) -> bool:
    """Return whether ``draft`` was written before its screen ended. Equal words from before it do not count."""
    live, left = journal.open_live(), _LOOK_BACK
    unseen = {text.strip() for text in BoxKind.parse(draft.kind).texts(draft.text)}
    for segment in journal.segments_backward(live) if live is not None else ():
        size = segment.size()
        since = last_line_end(segment, max(0, size - left))
        typed_here = draft.log_end is not None and draft.log_end[:2] == segment.identity
        if typed_here and draft.log_end is not None:
            since = max(since, min(size, draft.log_end[2]))
        for line in matching_lines_backward(segment, size, re.compile(re.escape(f"[BY: {by}]".encode())), since):
            entry = line.entry
            if entry is not None and str(entry.author) == by:
                unseen -= {entry.text.strip(), _CITED.sub(r"\1", entry.text).strip()}
            if not unseen:
                return True
        left -= size
        if left <= 0 or typed_here:
            break
    return not unseen


def abbreviate(text: str) -> str:
    """Return the beginning of ``text``, in one line of at most 40 characters."""
    first = text.strip().partition("\n")[0]
    return first if len(first) <= 40 else first[:39] + "…"
