"""Clocks and entries of several lines: `3am races` claims no order that the timestamps do not show."""

from __future__ import annotations

import pytest

from support.commands import Run
from support.race_reports import Report, races
from support.race_traps import CART, at, certain, downgraded, write
from threeam.races.finding import Rule

# Clocks.


def test_a_step_of_the_clock_between_two_lines_leaves_their_order_open(run: Run) -> None:
    """The delete was stamped 03:35 after the clock was set from 03:40 to 03:20, while another clock went on."""
    early = [at(f"03:{minute:02}:00.000", "request_id=x ping") for minute in range(41)]
    late = [at(f"03:{minute:02}:00.000", "request_id=x ping") for minute in range(20, 60)]
    delete = at("03:35:00.500", "request_id=a delete cart=12")
    stepped = write("a.log", *early, *late[:16], delete, *late[16:])
    other = write("b.log", at("03:36:00.000", "request_id=b update cart=12"))
    downgraded(races(run, "--key", CART, stepped, other), Rule.AFTER_DELETE, "clock")


def test_a_step_of_the_clock_that_few_lines_show_leaves_the_order_open(run: Run) -> None:
    """The update was stamped 03:40 at 03:20, when the clock was set back."""
    early = [at(f"03:{minute:02}:00.000", "request_id=x ping") for minute in range(20, 40)]
    update = at("03:40:00.000", "request_id=b update cart=12")
    late = [at(f"03:{minute:02}:00.000", "request_id=x ping") for minute in range(21, 26)]
    stepped = write("a.log", *early, update, *late)
    other = write("b.log", at("03:39:00.000", "request_id=a delete cart=12"))
    downgraded(races(run, "--key", CART, stepped, other), Rule.AFTER_DELETE, "set back by 19m")
    late = [at("03:41:00.000", "request_id=x ping")]
    certain(races(run, "--key", CART, write("a.log", *early, update, *late), other), Rule.AFTER_DELETE)


def test_two_lines_of_a_log_against_their_stamps_are_in_no_known_order(run: Run) -> None:
    """The update came first, and then the clock was set back by two seconds: no index can tell that from late lines."""
    ping = [at(f"03:14:{5 + number // 100:02}.{number % 100:02}0", "request_id=x ping") for number in range(1000)]
    update, delete = (
        at("03:14:07.000", "request_id=b update cart=12"),
        at("03:14:05.500", "request_id=a delete cart=12"),
    )
    downgraded(
        races(run, "--key", CART, write("a.log", update, ping[0], delete, *ping[51:])),
        Rule.AFTER_DELETE,
        "contradict the order of the lines in a",
    )
    certain(races(run, "--key", CART, write("a.log", ping[0], delete, update)), Rule.AFTER_DELETE)


def syslog(time: str, text: str) -> str:
    """Return a line that was stamped when it was received."""
    return f"Nov 24 {time} host app: request_id={text}"


RECEIVED = {"three seconds": ("03:14:04", True), "five minutes": ("03:09:07", False)}


@pytest.mark.parametrize("case", RECEIVED)
def test_a_line_is_received_a_few_seconds_late_and_not_minutes(run: Run, case: str) -> None:
    time, is_possible = RECEIVED[case]
    log = write("sys.log", syslog(time, "b update cart=12"), syslog("03:14:07", "a delete cart=12"))
    report = races(run, "--key", CART, log)
    assert [group.rule for group in report.groups] == [Rule.AFTER_DELETE] * is_possible
    log = write("sys.log", syslog("03:14:07", "a delete cart=12"), syslog("03:19:07", "b update cart=12"))
    downgraded(races(run, "--key", CART, log), Rule.AFTER_DELETE, "the time at which a line was received")


REQUESTS = {"forty seconds": ("03:13:27", True), "two minutes": ("03:12:07", False)}


@pytest.mark.parametrize("case", REQUESTS)
def test_a_request_lasts_a_minute_at_most(run: Run, case: str) -> None:
    time, is_possible = REQUESTS[case]
    get = f'1.2.3.4 - - [24/Nov/2026:{time} +0000] "GET /x?request_id=b&get&cart=12 HTTP/1.1" 200 5 "-" "-"'
    delete = '1.2.3.4 - - [24/Nov/2026:03:14:07 +0000] "DELETE /x?request_id=a&delete&cart=12 HTTP/1.1" 200 5 "-" "-"'
    report = races(run, "--key", CART, write("access.log", get, delete))
    assert [group.rule for group in report.groups] == [Rule.AFTER_DELETE] * is_possible
    assert report.certain == []


AUTUMN = ("2026-10-25 02:10:00 x", "2026-10-25 02:40:00 x", "2026-10-25 02:59:59 x")


def test_the_second_of_two_equal_hours_is_later(run: Run) -> None:
    """The update at 02:50 of summer time is before the delete at 02:10 of winter time."""
    update = "2026-10-25 02:50:00 request_id=b update cart=12"
    ping = "2026-10-25 02:30:00 request_id=x ping"
    log = write("app.log", ping, update, "2026-10-25 02:00:00 request_id=x ping", ping, "2026-10-25 03:00:00 x")
    other = write("utc.log", "2026-10-25T01:10:00.000Z request_id=a delete cart=12")
    assert races(run, "--key", CART, "--window", "2h", "--tz", "app=Europe/Berlin", log, other) == Report(0, [])


def test_an_hour_of_which_it_is_not_known_which_of_two_it_was(run: Run) -> None:
    """02:30 is 00:30 or 01:30 UTC, and no line says which."""
    log = write(
        "app.log",
        "2026-10-25 01:30:00 request_id=x ping",
        "2026-10-25 02:30:00 request_id=b update cart=12",
        "2026-10-25 03:30:00 request_id=x ping",
    )
    other = write("utc.log", "2026-10-25T00:45:00.000Z request_id=a delete cart=12")
    report = races(run, "--key", CART, "--window", "2h", "--tz", "app=Europe/Berlin", log, other)
    downgraded(report, Rule.AFTER_DELETE, "order not known")


def test_lines_of_one_second_may_have_been_written_in_any_order(run: Run) -> None:
    log = write(
        "app.log",
        "2026-11-24T03:14:07Z request_id=a delete cart=12",
        "2026-11-24T03:14:07Z request_id=b update cart=12",
    )
    downgraded(races(run, "--key", CART, log), Rule.AFTER_DELETE, "order not known")


def test_a_clock_without_a_bound_gives_no_order(run: Run) -> None:
    first = write("a.log", at("03:14:07.100", "request_id=a delete cart=12"))
    second = write("b.log", at("03:24:07.100", "request_id=b update cart=12"))
    files = ("--key", CART, "--window", "1h", first, second)
    certain(races(run, *files), Rule.AFTER_DELETE)
    downgraded(races(run, "--shift", "b=+1ms", *files), Rule.AFTER_DELETE, "order not known")


# Entries of several lines.


def multi_line_log(name: str, time: str, statement: str) -> str:
    """Write a log in which the key is in a line without a timestamp."""
    return write(
        name,
        at("03:14:06.000", "db[41]: SELECT 1"),
        at(time, f"db[42]: {statement}"),
        "\tWHERE cart=12",
        at("03:14:09.000", "db[41]: SELECT 1"),
    )


def test_a_line_without_a_timestamp_has_that_of_its_entry(run: Run) -> None:
    delete = multi_line_log("db1.log", "03:14:07.100", "DELETE FROM carts")
    update = multi_line_log("db2.log", "03:14:07.500", "UPDATE carts SET n = 1")
    group = downgraded(races(run, "--key", CART, delete, update), Rule.AFTER_DELETE, "may be of one request")
    assert group.row["closest"]["gap_ns"] == 400_000_000
    delete = multi_line_log("db1.log", "03:14:07.900", "DELETE FROM carts")
    assert races(run, "--key", CART, delete, update) == Report(0, [])


def test_a_line_far_from_the_timestamp_of_its_entry_counts(run: Run) -> None:
    """A server that writes the time only if the second is another one has thousands of lines after one timestamp."""
    query = "\t    {} Query\t{}"
    log = write(
        "general.log",
        "261124  3:14:07" + query.format(41, "SELECT 1"),
        "261124  3:14:08" + query.format(41, "DELETE FROM carts WHERE cart=12"),
        "261124  3:14:09" + query.format(41, "SELECT 1"),
        *("\t" + query.format(41, f"SELECT {number}") for number in range(1500)),
        "\t" + query.format(42, "INSERT INTO carts VALUES (1) -- cart=12"),
        "261124  3:14:10" + query.format(43, "UPDATE carts SET n = 1 WHERE cart=12"),
    )
    key = r"(?P<actor>\d+) Query.*cart=(?P<key>\d+)"
    report = races(run, "--key", key, "--format", "general=mysql5", log)
    assert report == Report(0, [])
