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


def current_text(state: State, stamp: Stamp, text: str) -> str:
    """What is read in the line of ``stamp`` now, where ``text`` was written."""
    said = amendments(state).by_target.get(stamp.ns)
    return text if said is None else said.text


def claim_of(state: State, hypothesis: Hypothesis) -> str:
    """The claim as it is read now."""
    return current_text(state, hypothesis.opened_at, hypothesis.claim)


def stamp_draft() -> Draft:
    """A stamp now, and the words later."""
    return Draft(
        lambda state, author, stamp: [DraftLine(f"Stamp: {PENDING_TEXT}", (("STAMP", "now"),))], needs_full_state=False
    )


def stamp_words_draft(get_stamp: Callable[[], Stamp | None], text: str) -> Draft:
    """The words for the stamp that ``get_stamp`` gives under the lock; None: it was taken back."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        found, of = amendments(state), get_stamp()
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
        return _amendment_lines("Words", (("STAMP", "words"),), of, text)

    return Draft(lines)


def amended_stamp(state: State, entry: Entry) -> Stamp:
    """The line whose words ``entry`` has: its own, or the one that it corrects or gives a number to."""
    if entry.kind in ("Correction", "Words"):
        return leading_stamp_ref(entry.body) or entry.effective_stamp
    numbered = script_hypothesis_numbered_by(state.hypotheses.values(), entry)
    return entry.effective_stamp if numbered is None else numbered.opened_at


def strip_kind(entry: Entry, text: str) -> str:
    """``text`` for ``entry`` without its kind, which stays in front of them whatever is typed."""
    kind = entry.kind
    return text.removeprefix(f"{kind}:").strip() if kind != "note" else text


def correction_draft(target: Stamp, text: str) -> Draft:
    """Other words for the line of ``target``, as `spoken_for` gives it."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        known = amendments(state).by_target.get(target.ns)
        times = 0 if known is None else known.correction_count
        return _amendment_lines("Correction", (("CORRECTION", str(times + 1)),), target, text)

    return Draft(lines)


def entry_correction_draft(state: State, entry: Entry, text: str) -> Draft:
    """Other words for ``entry``."""
    return correction_draft(amended_stamp(state, entry), strip_kind(entry, text))


def _amendment_lines(kind: str, tags: tuple[tuple[str, str], ...], target: Stamp, text: str) -> list[DraftLine]:
    # On one line, since they stand for one.
    first, *rest = split_submission(
        f"@{target} {' / '.join(line.strip() for line in text.splitlines() if line.strip())}"
    )
    return [DraftLine(f"{kind}: {first}", tags), *map(DraftLine, rest)]


def _fold(current: Amendments, entries: Sequence[Entry]) -> Amendments:
    said: dict[int, Amendment] | None = None
    stamps: dict[int, PendingStamp] = {}
    for entry in entries:
        if (taken := entry.tag("STAMP")) is None and entry.tag("CORRECTION") is None:
            continue
        if said is None:
            said, stamps = dict(current.by_target), dict(current.pending_stamps)
        kind, body, stamp = entry.kind, entry.body, entry.effective_stamp
        if kind == "Stamp" and taken == "now" and stamp.ns not in said:
            stamps.pop(stamp.ns, None)
            stamps[stamp.ns] = PendingStamp(stamp, entry.author)
        elif kind in ("Words", "Correction") and (of := leading_stamp_ref(body)) is not None:
            text = body.removeprefix(f"@{of}").strip()
            said.pop(of.ns, None)
            said[of.ns] = Amendment(of, text, entry.author, stamp, _correction_count(entry), entry.position)
            stamps.pop(of.ns, None)
    return current if said is None else Amendments(said, stamps)


def _correction_count(entry: Entry) -> int:
    value = entry.tag("CORRECTION")
    return int(value) if value is not None and value.isascii() and value.isdigit() and len(value) < 7 else 0


def _checkpoint(current: Amendments) -> Iterator[Entry]:
    for taken in current.pending_stamps.values():
        yield Entry(taken.stamp, 0, (*by_tag(taken.author), ("STAMP", "now")), f"Stamp: {PENDING_TEXT}")
    for one in current.by_target.values():
        kind, tag = (
            ("Correction", ("CORRECTION", str(one.correction_count)))
            if one.correction_count
            else ("Words", ("STAMP", "words"))
        )
        yield Entry(one.stamp, 0, (*by_tag(one.author), tag), f"{kind}: @{one.target} {one.text}", one.position)


PROJECTION = Projection("texts", ("STAMP", "CORRECTION"), Amendments(), _fold, _checkpoint)
