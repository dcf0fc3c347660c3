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

NO_WORDS = "words follow"


class Said(NamedTuple):
    """The words for the line of ``of``, who wrote them and when; ``times``: how often it was corrected.

    ``position``: of their line, see `Entry.position`.
    """

    of: Stamp
    text: str
    by: Author | None
    at: Stamp
    times: int = 0
    position: int = 0


class Taken(NamedTuple):
    """A stamp that was taken, and by whom."""

    at: Stamp
    by: Author | None


class Texts(NamedTuple):
    """``said``: the words for lines, by their stamps (ns). ``stamps``: those that have no words yet, in their order."""

    said: Mapping[int, Said] = {}
    stamps: Mapping[int, Taken] = {}


def texts(state: State) -> Texts:
    """What the log says of later words."""
    found: Texts = state.projections[ROOM.name]
    return found


def read(state: State, at: Stamp, text: str) -> str:
    """What is read in the line of ``at`` now, where ``text`` was written."""
    said = texts(state).said.get(at.ns)
    return text if said is None else said.text


def claim_of(state: State, one: Hypothesis) -> str:
    """The claim as it is read now."""
    return read(state, one.opened_at, one.claim)


def take_stamp() -> Draft:
    """A stamp now, and the words later."""
    return Draft(
        lambda state, author, stamp: [DraftLine(f"Stamp: {NO_WORDS}", (("STAMP", "now"),))], needs_full_state=False
    )


def words_for(stamp_taken: Callable[[], Stamp | None], text: str) -> Draft:
    """The words for the stamp that ``stamp_taken`` gives under the lock; None: it was taken back."""

    def lines(state: State, author: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        found, of = texts(state), stamp_taken()
        if of is None:
            raise PreconditionFailed("the stamp for these words was taken back: take another")
        if of.ns in found.said:
            raise PreconditionFailed(f"@{of} has its words already, {found.said[of.ns].text!r}: correct them instead")
        if of.ns not in found.stamps:
            waiting = " ".join(f"@{one.at}" for one in found.stamps.values())
            raise PreconditionFailed(
                f"@{of} is no stamp without words: {f'{waiting} wait' if waiting else 'none waits'} for them"
            )
        return _about("Words", (("STAMP", "words"),), of, text)

    return Draft(lines)


def spoken_for(state: State, entry: Entry) -> Stamp:
    """The line whose words ``entry`` has: its own, or the one that it corrects or gives a number to."""
    if entry.kind in ("Correction", "Words"):
        return leading_stamp_ref(entry.body) or entry.effective_stamp
    numbered = script_hypothesis_numbered_by(state.hypotheses.values(), entry)
    return entry.effective_stamp if numbered is None else numbered.opened_at


def without_kind(entry: Entry, words: str) -> str:
    """``words`` for ``entry`` without its kind, which stays in front of them whatever is typed."""
    kind = entry.kind
    return words.removeprefix(f"{kind}:").strip() if kind != "note" else words


def correction(of: Stamp, text: str) -> Draft:
    """Other words for the line of ``of``, as `spoken_for` gives it."""

    def lines(state: State, author: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        known = texts(state).said.get(of.ns)
        times = 0 if known is None else known.times
        return _about("Correction", (("CORRECTION", str(times + 1)),), of, text)

    return Draft(lines)


def correction_of(state: State, entry: Entry, words: str) -> Draft:
    """Other words for ``entry``."""
    return correction(spoken_for(state, entry), without_kind(entry, words))


def _about(kind: str, tags: tuple[tuple[str, str], ...], of: Stamp, text: str) -> list[DraftLine]:
    # On one line, since they stand for one.
    first, *rest = split_submission(f"@{of} {' / '.join(line.strip() for line in text.splitlines() if line.strip())}")
    return [DraftLine(f"{kind}: {first}", tags), *map(DraftLine, rest)]


def _fold(found: Texts, entries: Sequence[Entry]) -> Texts:
    said: dict[int, Said] | None = None
    stamps: dict[int, Taken] = {}
    for entry in entries:
        if (taken := entry.tag("STAMP")) is None and entry.tag("CORRECTION") is None:
            continue
        if said is None:
            said, stamps = dict(found.said), dict(found.stamps)
        kind, body, stamp = entry.kind, entry.body, entry.effective_stamp
        if kind == "Stamp" and taken == "now" and stamp.ns not in said:
            stamps.pop(stamp.ns, None)
            stamps[stamp.ns] = Taken(stamp, entry.author)
        elif kind in ("Words", "Correction") and (of := leading_stamp_ref(body)) is not None:
            text = body.removeprefix(f"@{of}").strip()
            said.pop(of.ns, None)
            said[of.ns] = Said(of, text, entry.author, stamp, _times(entry), entry.position)
            stamps.pop(of.ns, None)
    return found if said is None else Texts(said, stamps)


def _times(entry: Entry) -> int:
    value = entry.tag("CORRECTION")
    return int(value) if value is not None and value.isascii() and value.isdigit() and len(value) < 7 else 0


def _carry(found: Texts) -> Iterator[Entry]:
    for taken in found.stamps.values():
        yield Entry(taken.at, 0, (*by_tag(taken.by), ("STAMP", "now")), f"Stamp: {NO_WORDS}")
    for one in found.said.values():
        kind, tag = ("Correction", ("CORRECTION", str(one.times))) if one.times else ("Words", ("STAMP", "words"))
        yield Entry(one.at, 0, (*by_tag(one.by), tag), f"{kind}: @{one.of} {one.text}", one.position)


ROOM = Projection("texts", ("STAMP", "CORRECTION"), Texts(), _fold, _carry)
