"""One minute of the soak; for longer ones run soak.py by hand."""

from __future__ import annotations

import os
import time

import pytest
from books import Answer

from soak import run

SOAK_SECONDS = float(os.environ.get("SOAK_SECONDS", "60"))
INJECTED = (
    "3am rotate",
    "SIGHUP",
    "SIGINT",
    "SIGKILL",
    "SIGQUIT",
    "SIGSTOP for a while",
    "SIGTERM",
    "clock steps",
    "lock files removed",
    "rotations",
    "stopped followers",
    "stopped holders of the lock",
)
WRITERS = ("block", "claim", "cramped", "cup", "long line", "note", "screen", "second", "script", "stream")


@pytest.mark.slow
@pytest.mark.timeout(SOAK_SECONDS + 600)
def test_a_minute_of_everything_at_once_loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(time.time())
    report = run(SOAK_SECONDS, seed)
    with capsys.disabled():
        print(f"\nseed {seed}\n{report.table(SOAK_SECONDS)}")
    assert report.problems == []
    assert report.unknown_share < 0.05
    assert [what for what in INJECTED if not report.injected[what]] == []
    assert report.injected["logs renamed"] + report.injected["logs removed"] + report.injected["logrotate create"] > 2
    if report.disk_can_be_filled:
        assert report.injected["full disks"] > 0
    assert report.answers[Answer.ACKNOWLEDGED] > 1000
    assert [kind for kind in WRITERS if not report.acknowledged[kind]] == []
