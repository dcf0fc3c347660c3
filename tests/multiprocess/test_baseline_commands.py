"""Commands whose output a baseline keeps: those that hang or print without end."""

from __future__ import annotations

import tracemalloc

import psutil
import pytest

from support.lines import NIGHT
from threeam.host import snapshot_collector
from threeam.host.snapshot_collector import take_snapshot


def test_a_command_that_hangs_is_given_up_and_what_it_started_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_collector, "_COMMAND_TIMEOUT_S", 0.1)
    texts = take_snapshot([], ["sleep 54321 | cat"], lambda: NIGHT.ns).texts
    sleeps = [process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"] == ["sleep", "54321"]]
    # SIGKILL was sent, but kill(2) does not wait: on a busy machine a killed process can still be seen for a moment.
    # One that was not killed sleeps on, and is still alive after these ten seconds.
    _, alive = psutil.wait_procs(sleeps, timeout=10)
    for process in alive:
        process.kill()
    assert "took more than" in texts["command/sleep 54321 | cat"]
    assert alive == []


def test_a_command_that_says_much_is_not_kept_in_memory() -> None:
    tracemalloc.start()
    try:
        text = take_snapshot([], ["head -c 64M /dev/zero"], lambda: NIGHT.ns).texts["command/head -c 64M /dev/zero"]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(text) <= 64 * 1024
    assert peak < 16 * 1024 * 1024, f"{peak // 2**20} MiB for a text of {len(text) // 1024} KiB"
