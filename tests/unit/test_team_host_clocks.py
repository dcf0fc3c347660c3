"""The file with the measured clock of a host: what is written is read, and bytes that are no measurement are not."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from support.team import DB1
from threeam.core.errors import FileUnusable
from threeam.core.state.host_state import HostStamp
from threeam.core.store.journal import Journal, resolve_journal
from threeam.team.clocks.clock_offset import Offset, Span
from threeam.team.clocks.host_clocks import ClockFile, HostClock, clock_of
from threeam.team.clocks.host_order import HostOrder
from threeam.team.team_status import StatusFile, status_dir
from threeam.timeline.instant import Order

FIRST, GROWN, SECOND = Span(10, 20, Offset(-3, 5)), Span(10, 30, Offset(-4, 5)), Span(30, 2**62, Offset(-(2**62), 7))


WEB2_ID = "2" * 32


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = resolve_journal(str(tmp_path / "sanity.log"))
    StatusFile(journal, "nats://db1").close()  # it makes the folder
    return journal


def test_a_span_that_grows_replaces_itself_and_another_one_follows(journal: Journal) -> None:
    assert clock_of(journal, DB1.id) == HostClock(())
    file = ClockFile(journal, DB1.id)
    for span in (FIRST, GROWN, SECOND, SECOND):
        file.write(span)
    assert clock_of(journal, DB1.id) == HostClock((GROWN, SECOND))
    ClockFile(journal, DB1.id).write(FIRST)  # by the next process
    assert clock_of(journal, DB1.id) == HostClock((GROWN, SECOND, FIRST))
    (path,) = Path(status_dir(journal)).glob("*.clock")
    assert path.stat().st_mode & 0o777 == 0o600


def test_two_processes_that_measure_a_host_keep_what_both_have_found(journal: Journal) -> None:
    one, two = ClockFile(journal, DB1.id), ClockFile(journal, DB1.id)
    one.write(FIRST)
    two.write(SECOND)
    one.write(GROWN)
    assert set(clock_of(journal, DB1.id).spans) == {GROWN, SECOND}


def test_a_torn_line_is_left_out(journal: Journal) -> None:
    ClockFile(journal, DB1.id).write(FIRST)
    (path,) = Path(status_dir(journal)).glob("*.clock")
    whole = path.read_bytes()
    path.write_bytes(whole[:50] + b"\n\xff 1 2 3\n1 2 3 4 5\n" + b"9" * 5000 + b" 1 2 3\n" + whole)
    assert clock_of(journal, DB1.id) == HostClock((FIRST,))


def test_a_measurement_that_does_not_fit_on_the_disk_is_reported_and_written_later(journal: Journal) -> None:
    file = ClockFile(journal, DB1.id)
    file.write(FIRST)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))  # the write is a short one
    try:
        with pytest.raises(OSError, match="File too large"):
            file.write(SECOND)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    file.write(SECOND)
    assert clock_of(journal, DB1.id) == HostClock((FIRST, SECOND))
    file.write(SECOND._replace(offset=GROWN.offset))
    assert clock_of(journal, DB1.id) == HostClock((FIRST, SECOND._replace(offset=GROWN.offset)))


def test_of_years_the_last_weeks_are_read(journal: Journal) -> None:
    ClockFile(journal, DB1.id).write(FIRST)
    (path,) = Path(status_dir(journal)).glob("*.clock")
    path.write_bytes(path.read_bytes() * 13_000 + b"torn")
    assert 11_000 < len(clock_of(journal, DB1.id).spans) < 12_000


def test_a_file_that_cannot_be_read_is_one_sentence(journal: Journal) -> None:
    (Path(status_dir(journal)) / f"{DB1.id}.clock").symlink_to("/etc/passwd")
    with pytest.raises(FileUnusable, match="cannot be read"):
        clock_of(journal, DB1.id)


def test_the_bounds_of_two_other_hosts_add_up() -> None:
    """Both were measured from here: db1 is 100 ns ahead, within 10, and web2 is 50 ns behind, within 5."""
    clocks = {
        DB1.id: HostClock((Span(0, 10_000, Offset(90, 110)),)),
        WEB2_ID: HostClock((Span(0, 10_000, Offset(-55, -45)),)),
    }
    order = HostOrder("1" * 32, clocks.__getitem__)
    at_db1 = HostStamp(DB1.id, 5100)  # 5000 here, within 10
    for distance_ns, expected in [(40, Order.AFTER), (13, Order.UNKNOWN), (-13, Order.UNKNOWN), (-40, Order.BEFORE)]:
        assert order.order_to(HostStamp(WEB2_ID, 4950 + distance_ns), at_db1) is expected
    for distance_ns, expected in [(13, Order.AFTER), (8, Order.UNKNOWN)]:  # a line of this host has no bound
        assert order.order_to(HostStamp("1" * 32, 5000 + distance_ns), at_db1) is expected
