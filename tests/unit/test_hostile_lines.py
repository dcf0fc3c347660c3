"""One line of a megabyte that quotes tags by the thousand: reading past it takes no longer than its length."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.lines import NIGHT
from threeam.core.format.entry import Entry, Stamp, format_entry
from threeam.core.store.clock_steps import IsClockStep
from threeam.core.store.filters import ByAuthor, Condition, InHypothesis, IsCeremony, IsKind
from threeam.core.store.journal import Journal, Position
from threeam.core.store.reader import last_active_entry
from threeam.core.write.draft import split_undo
from threeam.host.baseline import _mask_numbers
from threeam.human.awake import awake_since
from threeam.projections import FOLD

SIZE = 1_000_000
QUOTED = {
    "openings": b"[BY: alice@",
    "ends": b"[BY: alice@:1",
    "authors": b"] [BY: alice@h:1]",
    "streams": b"] [BY: alice@h:1] [AT: x] [A: b] ",
    "hypotheses": b"[H7: open] ",
    "kinds": b"] Coffee: x",
    "ceremony": b" sanity lock.",
}


@pytest.fixture(params=QUOTED)
def quoting(request: pytest.FixtureRequest) -> bytes:
    quoted = QUOTED[request.param]
    return quoted * (SIZE // len(quoted)) + b"x"


def test_a_line_that_quotes_many_tags_is_read_past(quoting: bytes, journal: Journal, log: Path) -> None:
    first, last = (
        format_entry(Entry(Stamp(NIGHT.ns + n), 1, (("BY", f"{user}@h:1"),), "x"))
        for n, user in enumerate(("alice", "bob"))
    )
    log.write_bytes(first + quoting + b"\n" + last)
    live = journal.open_live()
    assert live is not None
    state = FOLD.state_at(live, live.size())
    assert set(state.people) == {"alice", "bob"}
    active = last_active_entry(live, live.size(), "alice")
    assert active is not None
    assert active[1].stamp == NIGHT
    log.write_bytes(quoting + b"\n" + first)
    live = journal.open_live()
    assert live is not None
    assert awake_since(journal, Position(live, live.size()), "alice") == NIGHT


@pytest.mark.parametrize(
    "condition", [ByAuthor("alice"), InHypothesis(7), IsKind("Coffee"), IsCeremony(), IsClockStep()]
)
def test_a_condition_looks_at_such_a_line_once(quoting: bytes, condition: Condition) -> None:
    assert list(condition.matching_line_offsets(quoting + b"\n")) == []


def test_people_of_one_line_are_one_line_of_the_first(journal: Journal, log: Path) -> None:
    others = b"".join(b" [BY: u%d@h:1]" % n for n in range(SIZE // 16))
    log.write_bytes(format_entry(Entry(NIGHT, 1, (("BY", "alice@h:1"),), "x"))[:-1] + others + b"\n")
    live = journal.open_live()
    assert live is not None
    assert set(FOLD.state_at(live, live.size()).people) == {"alice"}


def test_a_line_of_blanks_in_an_output_is_compared_without_its_numbers() -> None:
    assert _mask_numbers(f"  12 MB{' ' * SIZE}x 3,5  4") == f"0 MB{' ' * SIZE}x00"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("pool at 50 (undo: pool at 20)", ("pool at 50", "pool at 20")),
        ("a (undo: b) (undo: c)", ("a (undo: b)", "c")),
        ("a (undo: b (undo: )", ("a", "b (undo: ")),
        ("a (undo: )", ("a (undo: )", "")),
        ("a (undo: b) more", ("a (undo: b) more", "")),
        ("a (undo: b)\nc)", ("a (undo: b)\nc)", "")),
        ("a (undo: b\nc)", ("a", "b\nc")),
        (" (undo: x)" * 8000 + "x", (" (undo: x)" * 8000 + "x", "")),
    ],
    ids=range(8),
)
def test_the_way_to_undo_is_split_off(text: str, parts: tuple[str, str]) -> None:
    assert split_undo(text) == parts
