"""Words that come later: for a stamp that was taken before there was time for them, and in place of wrong ones.

Nothing is rewritten: each is a line that cites the one that it speaks for. It changes what is read there, and
never what is counted.
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
    """The words for the line of ``of``, who wrote them and when; ``times``: how often it was corrected.

    ``position``: of their line, see `Entry.position`.
    """

    target: Stamp
    text: str
    author: Author | None
    stamp: Stamp
    correction_count: int = 0
    position: int = 0


class PendingStamp(NamedTuple):
    """A stamp that was taken, and by whom."""

    stamp: Stamp
    author: Author | None


class Amendments(NamedTuple):
    """``said``: the words for lines, by their stamps (ns). ``stamps``: those that have no words yet, in their order."""

    by_target: Mapping[int, Amendment] = {}
    pending_stamps: Mapping[int, PendingStamp] = {}


def amendments(state: State) -> Amendments:
    """What the log says of later words."""
    found: Amendments = state.projections[PROJECTION.name]
    return found


def current_text(state: State, at: Stamp, text: str) -> str:
    """What is read in the line of ``at`` now, where ``text`` was written."""
    said = amendments(state).by_target.get(at.ns)
    return text if said is None else said.text


def claim_of(state: State, one: Hypothesis) -> str:
    """The claim as it is read now."""
    return current_text(state, one.opened_at, one.claim)


def stamp_draft() -> Draft:
    """A stamp now, and the words later."""
    return Draft(
        lambda state, author, stamp: [DraftLine(f"Stamp: {PENDING_TEXT}", (("STAMP", "now"),))], needs_full_state=False
    )


def stamp_words_draft(stamp_taken: Callable[[], Stamp | None], text: str) -> Draft:
    """The words for the stamp that ``stamp_taken`` gives under the lock; None: it was taken back."""

    def lines(state: State, author: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        found, of = amendments(state), stamp_taken()
        if of is None:
            raise PreconditionFailed("the stamp for these words was taken back: take another")
        if of.ns in found.by_target:
            raise PreconditionFailed(
                f"@{of} has its words already, {found.by_target[of.ns].text!r}: correct them instead"
            )
        if of.ns not in found.pending_stamps:
            waiting = " ".join(f"@{one.stamp}" for one in found.pending_stamps.values())
            raise PreconditionFailed(
                f"@{of} is no stamp without words: {f'{waiting} wait' if waiting else 'none waits'} for them"
            )
        return _about("Words", (("STAMP", "words"),), of, text)

    return Draft(lines)


def amended_stamp(state: State, entry: Entry) -> Stamp:
    """The line whose words ``entry`` has: its own, or the one that it corrects or gives a number to."""
    if entry.kind in ("Correction", "Words"):
        return leading_stamp_ref(entry.body) or entry.effective_stamp
    numbered = script_hypothesis_numbered_by(state.hypotheses.values(), entry)
    return entry.effective_stamp if numbered is None else numbered.opened_at


def strip_kind(entry: Entry, words: str) -> str:
    """``words`` for ``entry`` without its kind, which stays in front of them whatever is typed."""
    kind = entry.kind
    return words.removeprefix(f"{kind}:").strip() if kind != "note" else words


def correction_draft(of: Stamp, text: str) -> Draft:
    """Other words for the line of ``of``, as `spoken_for` gives it."""

    def lines(state: State, author: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        known = amendments(state).by_target.get(of.ns)
        times = 0 if known is None else known.correction_count
        return _about("Correction", (("CORRECTION", str(times + 1)),), of, text)

    return Draft(lines)


def entry_correction_draft(state: State, entry: Entry, words: str) -> Draft:
    """Other words for ``entry``."""
    return correction_draft(amended_stamp(state, entry), strip_kind(entry, words))


def join_lines(text: str) -> str:
    """Return the lines of ``text`` on one line, since they stand for one."""
    return " / ".join(line.strip() for line in text.splitlines() if line.strip())


def _about(kind: str, tags: tuple[tuple[str, str], ...], of: Stamp, text: str) -> list[DraftLine]:
    first, *rest = split_submission(f"@{of} {join_lines(text)}")
    return [DraftLine(f"{kind}: {first}", tags), *map(DraftLine, rest)]


def _fold(found: Amendments, entries: Sequence[Entry]) -> Amendments:
    said: dict[int, Amendment] | None = None
    stamps: dict[int, PendingStamp] = {}
    for entry in entries:
        if (taken := entry.tag("STAMP")) is None and entry.tag("CORRECTION") is None:
            continue
        if said is None:
            said, stamps = dict(found.by_target), dict(found.pending_stamps)
        kind, body, stamp = entry.kind, entry.body, entry.effective_stamp
        if kind == "Stamp" and taken == "now" and stamp.ns not in said:
            stamps.pop(stamp.ns, None)
            stamps[stamp.ns] = PendingStamp(stamp, entry.author)
        elif kind in ("Words", "Correction") and (of := leading_stamp_ref(body)) is not None:
            text = body.removeprefix(f"@{of}").strip()
            said.pop(of.ns, None)
            said[of.ns] = Amendment(of, text, entry.author, stamp, _times(entry), entry.position)
            stamps.pop(of.ns, None)
    return found if said is None else Amendments(said, stamps)


def _times(entry: Entry) -> int:
    value = entry.tag("CORRECTION")
    return int(value) if value is not None and value.isascii() and value.isdigit() and len(value) < 7 else 0


def _carry(found: Amendments) -> Iterator[Entry]:
    for taken in found.pending_stamps.values():
        yield Entry(taken.stamp, 0, (*by_tag(taken.author), ("STAMP", "now")), f"Stamp: {PENDING_TEXT}")
    for one in found.by_target.values():
        kind, tag = (
            ("Correction", ("CORRECTION", str(one.correction_count)))
            if one.correction_count
            else ("Words", ("STAMP", "words"))
        )
        yield Entry(one.stamp, 0, (*by_tag(one.author), tag), f"{kind}: @{one.target} {one.text}", one.position)


PROJECTION = Projection("texts", ("STAMP", "CORRECTION"), Amendments(), _fold, _carry)
