"""Reminders on a terminal."""

from __future__ import annotations

import os
import subprocess

import pytest

from support.commands import Run, command


@pytest.mark.parametrize(("wanted", "times"), [("water", 1), ("none", 0)])
def test_somebody_at_a_terminal_is_reminded_and_a_script_is_not(
    run: Run, monkeypatch: pytest.MonkeyPatch, wanted: str, times: int
) -> None:
    monkeypatch.setenv("SANITY_REMINDERS", wanted)
    assert run("coffee").stderr == b""
    ours, theirs = os.openpty()
    try:
        subprocess.run([command(), "coffee"], stdout=subprocess.DEVNULL, stderr=theirs, timeout=60, check=True)
        os.write(theirs, b".")  # so that there is something to read in any case
        assert os.read(ours, 4096).count(b"2 cups, 0 glasses of water") == times
    finally:
        os.close(ours)
        os.close(theirs)
