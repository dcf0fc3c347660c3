"""Text that comes later: for a stamp that was taken without text, and in place of wrong text.

No line is rewritten: an amendment is a line of its own that cites its target. It changes how the target reads, and
never a count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Author, Entry, Stamp, by_tag, leading_stamp_ref, split_submission
from threeam.core.state.fold import Hypothesis, Projection, State, script_hypothesis_numbered_by
from threeam.core.write.draft import Draft, DraftLine, WriteContext

PENDING_TEXT = "words follow"


class Amendment(NamedTuple):
    """The text for the line of ``target``, by whom and when; ``correction_count``: how often it was corrected.

    ``position``: that of the amendment's own line, see `Entry.position`.
    """

    target: Stamp
    text: str
    author: Author | None
    stamp: Stamp
    correction_count: int = 0
    position: int = 0


class PendingStamp(NamedTuple):
    """A stamp that has no text yet, and who took it."""

    stamp: Stamp
    author: Author | None


class Amendments(NamedTuple):
    """All amendments.

    ``by_target``: the text for lines, by the lines' stamps (ns). ``pending_stamps``: the stamps without text, by ns,
    oldest first.
    """

    by_target: Mapping[int, Amendment] = {}
    pending_stamps: Mapping[int, PendingStamp] = {}


def amendments(state: State) -> Amendments:
    """Return all amendments in ``state``."""
    return PROJECTION.of(state)


def current_text(state: State, stamp: Stamp, text: str) -> str:
    """Return how the line of ``stamp`` reads now: its amendment, or else ``text``, which was written there."""
    amendment = amendments(state).by_target.get(stamp.ns)
    return text if amendment is None else amendment.text


def claim_of(state: State, hypothesis: Hypothesis) -> str:
    """Return the claim as it reads now."""
    return current_text(state, hypothesis.opened_at, hypothesis.claim)


def stamp_draft() -> Draft:
    """Return the draft of a stamp whose text comes later."""
    return Draft.fixed([DraftLine(f"Stamp: {PENDING_TEXT}", (("STAMP", "now"),))])


def stamp_words_draft(get_stamp: Callable[[], Stamp | None], text: str) -> Draft:
    """Return the draft of the text for a stamp that was taken before.

    ``get_stamp`` is called under the lock. It returns None if the stamp is not in the log after all.
    """

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        known, target = amendments(state), get_stamp()
        if target is None:
            raise PreconditionFailed("the stamp for these words was taken back: take another")
        if target.ns in known.by_target:
            raise PreconditionFailed(
                f"@{target} has its words already, {known.by_target[target.ns].text!r}: correct them instead"
            )
        if target.ns not in known.pending_stamps:
            waiting = " ".join(f"@{pending.stamp}" for pending in known.pending_stamps.values())
            raise PreconditionFailed(
                f"@{target} is not a stamp without words: {f'{waiting} wait' if waiting else 'none waits'} for them"
            )
        return _amendment_lines("Words", (("STAMP", "words"),), target, text)

    return Draft(lines)


def amended_stamp(state: State, entry: Entry) -> Stamp:
    """Return the stamp of the line whose text ``entry`` holds.

    That is the line that ``entry`` corrects or gives a number to, or else ``entry`` itself.
    """
    if entry.kind in ("Correction", "Words"):
        return leading_stamp_ref(entry.body) or entry.effective_stamp
    numbered = script_hypothesis_numbered_by(state.hypotheses.values(), entry)
    return entry.effective_stamp if numbered is None else numbered.opened_at


def strip_kind(entry: Entry, text: str) -> str:
    """Return ``text`` without the kind of ``entry``, which a correction keeps in any case."""
    kind = entry.kind
    return text.removeprefix(f"{kind}:").strip() if kind != "note" else text


def correction_draft(target: Stamp, text: str) -> Draft:
    """Return the draft that corrects the line of ``target``, which `amended_stamp` gives."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        known = amendments(state).by_target.get(target.ns)
        correction_count = 0 if known is None else known.correction_count
        return _amendment_lines("Correction", (("CORRECTION", str(correction_count + 1)),), target, text)

    return Draft(lines)


def entry_correction_draft(state: State, entry: Entry, text: str) -> Draft:
    """Return the draft that corrects ``entry``."""
    return correction_draft(amended_stamp(state, entry), strip_kind(entry, text))


def join_lines(text: str) -> str:
    """Return the lines of ``text`` on one line, since they replace one line."""
    return " / ".join(line.strip() for line in text.splitlines() if line.strip())


def _amendment_lines(kind: str, tags: tuple[tuple[str, str], ...], target: Stamp, text: str) -> list[DraftLine]:
    first, *rest = split_submission(f"@{target} {join_lines(text)}")
    return [DraftLine(f"{kind}: {first}", tags), *map(DraftLine, rest)]


def _fold(current: Amendments, entries: Sequence[Entry]) -> Amendments:
    by_target: dict[int, Amendment] | None = None
    pending: dict[int, PendingStamp] = {}
    for entry in entries:
        if (stamp_tag := entry.tag("STAMP")) is None and entry.tag("CORRECTION") is None:
            continue
        if by_target is None:
            by_target, pending = dict(current.by_target), dict(current.pending_stamps)
        kind, body, stamp = entry.kind, entry.body, entry.effective_stamp
        if kind == "Stamp" and stamp_tag == "now" and stamp.ns not in by_target:
            pending.pop(stamp.ns, None)
            pending[stamp.ns] = PendingStamp(stamp, entry.author)
        elif kind in ("Words", "Correction") and (target := leading_stamp_ref(body)) is not None:
            text = body.removeprefix(f"@{target}").strip()
            by_target.pop(target.ns, None)
            by_target[target.ns] = Amendment(
                target, text, entry.author, stamp, _correction_count(entry), entry.position
            )
            pending.pop(target.ns, None)
    return current if by_target is None else Amendments(by_target, pending)


def _correction_count(entry: Entry) -> int:
    value = entry.tag("CORRECTION")
    return int(value) if value is not None and value.isascii() and value.isdigit() and len(value) < 7 else 0


def _checkpoint(current: Amendments) -> Iterator[Entry]:
    for pending in current.pending_stamps.values():
        yield Entry(pending.stamp, 0, (*by_tag(pending.author), ("STAMP", "now")), f"Stamp: {PENDING_TEXT}")
    for amendment in current.by_target.values():
        kind, tag = (
            ("Correction", ("CORRECTION", str(amendment.correction_count)))
            if amendment.correction_count
            else ("Words", ("STAMP", "words"))
        )
        yield Entry(
            amendment.stamp,
            0,
            (*by_tag(amendment.author), tag),
            f"{kind}: @{amendment.target} {amendment.text}",
            amendment.position,
        )


PROJECTION: Projection[Amendments] = Projection("texts", ("STAMP", "CORRECTION"), Amendments(), _fold, _checkpoint)
