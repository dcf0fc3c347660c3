"""What a log does not have: suppressed messages, gaps, and replicas that are late, as `3am races` sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.commands import Run
from support.race_reports import races
from support.race_traps import CART, at, certain, downgraded, write
from threeam.races.finding import Rule


@pytest.mark.parametrize("time", ["03:14:07.150", "03:14:07.250", "03:14:36.000"])
@pytest.mark.parametrize("name", ["app.log", "system.log"])
def test_suppressed_messages_may_have_had_the_create(run: Run, time: str, name: str) -> None:
    """A message about it comes at the end of the time over which the program counts."""
    suppressed = at(time, "systemd-journald[301]: Suppressed 641 messages from app.service")
    log = used_after_delete()
    with Path(name).open("a") as file:
        file.write(f"{suppressed}\n")
    downgraded(races(run, "--key", CART, *{log, name}), Rule.AFTER_DELETE, "suppressed messages")


@pytest.mark.parametrize(
    ("text", "is_suppressed"),
    [
        ("net_ratelimit: 12 callbacks suppressed", True),
        ("5 output lines suppressed due to ratelimiting", True),
        ("rsyslogd: imuxsock lost 34 messages from pid 7", True),
        ("dropped 3 log events", True),
        ("1 message discarded", True),
        ("message repeated 3 times: [ping]", True),
        ("req=s3 dropped cart=43", False),
        ("req=3 sweeper dropped cart=43", False),
        ("3 packets dropped", False),
        ("dropped 3 packets", False),
        ("suppressed 2 duplicates", False),
        ("lost 3 carts", False),
    ],
)
def test_suppressed_messages_are_named(text: str, is_suppressed: bool, run: Run) -> None:
    report = races(run, "--key", CART, used_after_delete(at("03:14:07.150", text)))
    (group,) = report.groups
    assert group.is_certain != is_suppressed
    assert any("suppressed messages" in doubt for doubt in group.doubts) == is_suppressed


@pytest.mark.parametrize("time", ["03:14:07.050", "03:15:07.000"])
def test_messages_that_were_suppressed_before_or_long_after_change_nothing(run: Run, time: str) -> None:
    log = used_after_delete(at(time, "systemd-journald[301]: Suppressed 641 messages from app.service"))
    certain(races(run, "--key", CART, log), Rule.AFTER_DELETE)


def used_after_delete(*lines: str) -> str:
    """Write a log of a cart that is used after its delete, with more lines."""
    acts = (
        at("03:14:07.100", "request_id=a delete cart=12"),
        at("03:14:07.200", "request_id=b update cart=12"),
    )
    return write("app.log", *sorted((*acts, *lines)))


def test_a_gap_of_the_log_may_have_had_the_create(run: Run) -> None:
    busy = [at(f"03:{second // 60:02}:{second % 60:02}.000", "request_id=x ping") for second in range(600)]
    late = [line.replace("T03:", "T04:") for line in busy]
    delete = at("03:09:59.500", "request_id=a delete cart=12")
    update = at("04:00:00.500", "request_id=b update cart=12")
    log = write("app.log", *busy, delete, *late[:1], update, *late[1:])
    downgraded(races(run, "--key", CART, "--window", "2h", log), Rule.AFTER_DELETE, "gap")


def test_a_replica_may_be_late(run: Run) -> None:
    primary = write("primary.log", at("03:14:07.100", "request_id=a delete cart=12"))
    replica = write("replica1.log", at("03:14:07.200", "request_id=b select cart=12"))
    downgraded(races(run, "--key", CART, primary, replica), Rule.AFTER_DELETE, "replica")
