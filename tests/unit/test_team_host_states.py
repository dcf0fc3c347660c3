"""The states of mirrored journals, read again as they grow, and the order of lines of different hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.hypotheses import ALICE, hypothesis_entry, line
from support.journals import FakeClock, state_of
from support.rotations import files, fill, writer_with
from support.team import message, mirror_journal
from threeam.core.format.entry import format_entry
from threeam.core.state.host_state import HostStamp
from threeam.core.store.fork import BLANKED_TEXT
from threeam.core.store.journal import resolve_journal
from threeam.human.drafts import coffee_draft
from threeam.hypotheses.drafts import conclusion_draft, hypothesis_draft
from threeam.projections import FOLD
from threeam.team.blanking.blank_list import BlankedLine, blank_lines, stamp_text
from threeam.team.clocks.clock_offset import Offset, Span
from threeam.team.clocks.host_clocks import HostClock
from threeam.team.clocks.host_order import HostOrder
from threeam.team.mirrors import state_places
from threeam.team.mirrors.host_states import HostStates
from threeam.team.mirrors.mirror import Mirror
from threeam.timeline.instant import Order


def test_a_mirror_that_has_grown_gives_the_state_of_its_journal(tmp_path: Path, clock: FakeClock) -> None:
    """New lines, a rotation, and lines after it; the state is that which the other host has."""
    (tmp_path / "db1").mkdir()
    db1, here = resolve_journal(str(tmp_path / "db1" / "sanity.log")), resolve_journal(str(tmp_path / "sanity.log"))
    writer, log = writer_with(db1, clock), Path(db1.log_path)
    states = HostStates(here, FOLD)
    own = FOLD.empty_state
    for write in (
        lambda: writer.write(hypothesis_draft("the sweeper", 4)),
        lambda: writer.write(coffee_draft(2, 95, 4)),
        lambda: fill(writer, log),
        lambda: writer.write(conclusion_draft("refute", "H1", "it was off", 4)),
    ):
        write()
        clock.forward(10**9)
        mirror_journal(db1, "db1", here)
        (mine, db1_state) = states.read(own)
        assert (mine.state, mine.is_own) == (own, True)
        assert db1_state.host == "db1"
        assert db1_state.state == HostStates(here, FOLD).read(own)[1].state == state_of(db1)
    assert len(files(log)) == 2


def measured_clock(origin_id: str) -> HostClock:
    """The clock of db1 is 3 s ahead, known to half a second; nothing was measured of any other."""
    ahead = Offset(25 * 10**8, 35 * 10**8)
    return HostClock((Span(0, 60 * 10**9, ahead),) if origin_id == "db1" else ())


@pytest.mark.parametrize(
    ("db1_s", "own_s", "order"),
    [
        (10.0, 6.4, Order.AFTER),
        (10.0, 7.6, Order.BEFORE),
        (10.0, 7.0, Order.UNKNOWN),
        (10.0, 7.4, Order.UNKNOWN),
    ],
)
def test_an_order_between_hosts_is_claimed_only_beyond_the_bounds_of_their_clocks(
    db1_s: float, own_s: float, order: Order
) -> None:
    known = HostOrder("own", measured_clock)
    db1, own = HostStamp("db1", round(db1_s * 10**9)), HostStamp("own", round(own_s * 10**9))
    assert known.order_to(db1, own) is order
    assert known.is_before(own, db1) is (order is Order.AFTER)
    assert known.is_before(db1, own) is (order is Order.BEFORE)


def test_without_a_measured_clock_no_order_is_claimed() -> None:
    known = HostOrder("own", measured_clock)
    early, late = HostStamp("web2", 0), HostStamp("own", 10**18)
    assert known.order_to(late, early) is Order.UNKNOWN
    assert not known.is_before(early, late)


@pytest.mark.parametrize("is_new", [False, True], ids=["one process", "a process each time"])
def test_a_line_that_was_blanked_is_read_again(is_new: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_places, "_MIN_NEW_BYTES", 1)
    claim = format_entry(hypothesis_entry(1, "the password is hunter2"))
    after = format_entry(line(1, ALICE, "a note"))
    here = resolve_journal(str(tmp_path / "sanity.log"))
    states, data = HostStates(here, FOLD), claim + after
    sent = message(data, 0, len(claim))
    for each, claimed in (
        (sent, "the password is hunter2"),
        (message(data, len(claim), len(data)), "the password is hunter2"),
        (
            blank_lines(sent, [BlankedLine(sent.segment, 0, len(claim), stamp_text(claim), stamp_text(claim))], {}),
            BLANKED_TEXT,
        ),
    ):
        mirror = Mirror(here, each.origin.id)
        mirror.write(each)
        mirror.close()
        (_, db1) = (HostStates(here, FOLD) if is_new else states).read(FOLD.empty_state)
        assert db1.state.hypotheses[1].claim.startswith(claimed)
        (kept,) = tmp_path.rglob("state.places")
        assert b"hunter2" not in kept.read_bytes()
