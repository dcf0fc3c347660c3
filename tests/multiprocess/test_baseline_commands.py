"""Commands whose output a baseline keeps: those that hang or print without end."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import psutil
import pytest

from support.baselines import differing, save
from support.commands import Run
from support.journals import entries
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


def test_what_a_command_says_is_kept_and_compared(run_here: Run, tmp_path: Path) -> None:
    said_file = tmp_path / "said"
    said_file.write_text("role: primary\nreplicas: 2\n")
    save(run_here, "--cmd", f"cat {said_file}")
    assert f"command/cat {said_file}" not in differing(run_here)
    said_file.write_text("role: replica\nreplicas: 2\n")
    differences = differing(run_here)[f"command/cat {said_file}"]
    assert (differences["now"], differences["normal"]) == ("role: replica", "role: primary")


def test_a_command_that_fails_where_it_did_not_is_different(run_here: Run, tmp_path: Path) -> None:
    # It counts, as `redis-cli info` does: another number in each sample, so that no two are the same.
    count = tmp_path / "count"
    count.write_text("1\n")
    counts = f"read n < {count} && echo clients: $n && echo $((n + 1)) > {count}"
    save(run_here, "--cmd", counts, "--samples", "3", "--every", "0")
    assert f"command/{counts}" not in differing(run_here)
    count.unlink()
    assert f"command/{counts}" in differing(run_here)


@pytest.mark.parametrize(
    "command",
    ["exit 7", "no-such-command-3am", "printf '\\377\\000\\033[2J\\n'", "echo a\necho b", "kill -9 $$", "true", ""],
    ids=["fails", "absent", "binary", "two lines", "killed", "silent", "empty"],
)
def test_any_command_can_be_kept_and_is_as_it_was(run_here: Run, log: Path, command: str) -> None:
    save(run_here, "--cmd", command)
    done = run_here("baseline", "diff")
    assert b"command/" not in done.stdout
    assert b"\x1b" not in done.stdout + done.stderr
    assert [entry.kind for entry in entries(log)] == ["Baseline", "Compared"]


def test_a_command_that_hangs_is_given_up(run_here: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threeam.host.snapshot_collector._COMMAND_TIMEOUT_S", 0.1)
    save(run_here, "--cmd", "sleep 3")
    assert "command/sleep 3" not in differing(run_here)
