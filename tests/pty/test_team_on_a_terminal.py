"""``:team`` on a real terminal: the process outlives the screen."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from terminals import terminal

from support.lines import line
from support.team import LATER_SEGMENT, OtherHost
from threeam.core.store.journal import resolve_journal
from threeam.team.team_status import TeamStatus, read_statuses

NOWHERE = "nats://127.0.0.1:1"  # no engine listens on this port


def running(log: Path) -> TeamStatus | None:
    statuses = [status for status, is_running in read_statuses(resolve_journal(str(log))) if is_running]
    return statuses[0] if statuses else None


def test_a_team_that_is_started_on_the_screen_outlives_it(log: Path) -> None:
    log.write_bytes(line(0, "note: first"))
    pid = 0
    try:
        with terminal(size=(80, 24)) as screen:
            screen.opened()
            screen.send(f":team {NOWHERE}\r")
            status = screen.eventually(lambda: running(log), "a 3am team runs")
            assert status is not None
            pid = status.pid
            assert os.getsid(pid) == pid
            screen.shows("is not connected yet")
            screen.send("q")
            screen.ends_with(0)
            screen.is_as_it_was()
        assert os.getsid(pid) == pid
        status = running(log)
        assert status is not None
        assert status.pid == pid
        (output,) = log.parent.glob("*.d/team/*.out")
        assert output.stat().st_mode & 0o777 == 0o600
        assert f"every line of {log} is sent to {NOWHERE}" in output.read_text()
    finally:
        if pid:
            os.kill(pid, signal.SIGTERM)


def test_the_journal_of_a_host_is_opened_by_its_name(log: Path) -> None:
    db1 = OtherHost(resolve_journal(str(log)))
    db1.send(line(0, "note: the pool is exhausted"))
    with terminal("open", "db1", size=(80, 24)) as screen:
        screen.shows("J journal · 1 db1 ±?")
        screen.shows("the pool is exhausted")
        db1.send(line(10**9, "note: it is up again"), LATER_SEGMENT)
        screen.shows("it is up again")
        screen.send("q")
        screen.ends_with(0)
        screen.is_as_it_was()
