"""Neighbours and jitter around the runs of an experiment: none is left running or stopped."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from support.commands import Run
from support.experiment_runs import all_entries, children, halfway, lines_of, outcomes
from support.processes import eventually, is_gone, three_am


@pytest.mark.parametrize(
    "leaves",
    ["{} &", "sh -c '{} & wait' &", "timeout 600 {} &", "setsid {} &"],
    ids=["a child", "a grandchild", "a group of its own, as timeout(1) makes one", "a session of its own"],
)
@pytest.mark.parametrize("ends", ["exit 0", "wait"], ids=["ended", "timed out"])
def test_a_run_leaves_no_process_behind(run: Run, tmp_path: Path, leaves: str, ends: str) -> None:
    mark = f"MARK={tmp_path}"
    (tmp_path / "left").write_text("#!/bin/sh\n: > there\nexec sleep 600\n")
    (tmp_path / "left").chmod(0o755)
    script = f"export {mark}; {leaves.format('./left')} until [ -e there ]; do sleep 0.01; done; {ends}"
    try:
        run("run", "-q", "-n", "1", "--timeout", "500ms", "--", "sh", "-c", script)
        assert (tmp_path / "there").exists()
        eventually(lambda: not marked(mark), "what was killed has ended", 2)
    finally:
        for pid in marked(mark):
            os.kill(pid, signal.SIGKILL)


def marked(mark: str) -> list[int]:
    """The processes that have ``mark`` in their environment."""
    pids = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark.encode() in path.read_bytes().split(b"\0"):
                pids.append(int(path.parent.name))
    return pids


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda s: s.name)
def test_neighbours_end_with_us_however_we_end(tmp_path: Path, number: signal.Signals) -> None:
    with halfway(tmp_path, "--arm", "stress") as running:
        run_now = int(lines_of(tmp_path / "turns")[6])
        own = os.getsid(running.pid)  # the guard has a session of its own, and so has the run
        neighbours = [pid for pid in children(running.pid) if os.getsid(pid) == own]
        assert run_now not in neighbours
        assert len(neighbours) == len(os.sched_getaffinity(0))
        running.send_signal(number)
        running.wait(20)
        eventually(lambda: all(map(is_gone, neighbours)), "the neighbours have ended", 5)


@pytest.mark.slow
def test_jitter_leaves_nothing_stopped(log: Path, run: Run, tmp_path: Path) -> None:
    script = "echo $$ >> pids; for i in 1 2 3; do sleep 0.01 & echo $! >> pids; wait; done; sleep 9"
    done = run("run", "-q", "-n", "8", "--arm", "jitter", "--timeout", "150ms", "--", "sh", "-c", script)
    assert done.returncode == 1
    assert outcomes(all_entries(log)) == {("jitter", "timed-out"): 8}
    pids = [int(pid) for pid in lines_of(tmp_path / "pids")]
    assert len(pids) > 8
    eventually(lambda: all(map(is_gone, pids)), "what was killed has ended", 2)


def test_a_ctrl_c_in_the_middle_of_jitter_leaves_nothing_stopped(tmp_path: Path) -> None:
    with three_am("run", "-q", "-n", "3", "--arm", "jitter", "--", "sh", "-c", "echo $$ >> pids; sleep 600") as running:
        eventually(lambda: lines_of(tmp_path / "pids"), "a run goes on")
        (pid,) = map(int, lines_of(tmp_path / "pids"))
        eventually(lambda: "T" in stat_of(pid), "it is stopped")
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130
        assert is_gone(pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT], ids=lambda number: number.name)
def test_what_jitter_has_stopped_ends_with_us_however_we_end(tmp_path: Path, number: signal.Signals) -> None:
    script = "sleep 600 & echo $! >> pids; setsid sleep 600 & echo $! >> pids; echo $$ >> pids; : > there; wait"
    with three_am("run", "-q", "-n", "3", "--arm", "jitter", "--", "sh", "-c", script) as running:
        eventually((tmp_path / "there").exists, "a run goes on")
        pids = [int(pid) for pid in lines_of(tmp_path / "pids")]
        eventually(lambda: any("T" in stat_of(pid) for pid in pids), "one of its processes is stopped")
        running.send_signal(number)
        running.wait(20)
        eventually(lambda: all(map(is_gone, pids)), "all of them have ended")


def stat_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_neighbour_that_was_killed_is_reported(log: Path, run: Run, tmp_path: Path) -> None:
    """For want of memory, say: it is no pipe that somebody has closed, and nothing went well."""
    script = f"echo $PPID > {tmp_path}/us; until test -e {tmp_path}/go; do sleep 0.01; done"
    with three_am("run", "-q", "-n", "3", "--arm", "stress", "--", "sh", "-c", script) as running:
        eventually((tmp_path / "us").exists, "the first run goes on")
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        for pid in map(int, children):
            if Path(f"/proc/{pid}/comm").read_text() == Path(f"/proc/{running.pid}/comm").read_text():
                os.kill(pid, signal.SIGKILL)
        (tmp_path / "go").touch()
        _, err = running.communicate(timeout=20)
    assert (running.returncode, b"a neighbour of the arm stress has ended" in err) == (3, True), err
    assert b"--resume R1" in err
