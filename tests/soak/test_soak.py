"""One minute of the soak; for longer ones run soak.py by hand."""

from __future__ import annotations

import os
import time

import pytest

from soak import report, run


@pytest.mark.slow
def test_a_minute_of_everything_at_once_loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    seconds, seed = float(os.environ.get("SOAK_SECONDS", "60")), int(time.time())
    soak = run(seconds, seed)
    with capsys.disabled():
        print(f"\nseed {seed}\n{report(soak, seconds)}")
    assert soak.problems == []
    for what in ("rotations", "SIGKILL", "SIGSTOP for a while", "stopped holders", "lock files removed"):
        assert soak.thrown[what] > 3, what
    if soak.disk_can_be_filled:
        assert soak.thrown["full disks"] > 0
    assert any(token.text.startswith("screen") and token.answer == "acknowledged" for token in soak.tokens.values())
    assert sum(token.answer == "acknowledged" for token in soak.tokens.values()) > 1000
