"""What the running instances take, seen from outside."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from support.commands import Run
from support.journals import entries
from support.processes import eventually, process, three_am
from threeam.core.write.write_stats import write_stats_of


def instances(run: Run, log: Path) -> list[dict[str, object]]:
    """Those on this test's journal."""
    done = run("status", "--footprint", "--json")
    assert done.returncode == 0, done.stderr
    return [record for line in done.stdout.splitlines() if (record := json.loads(line))["log"] == str(log)]


def test_a_stream_is_seen_with_what_it_writes(log: Path, run: Run) -> None:
    with three_am("log", "-q", "-") as stream:
        assert stream.stdin is not None
        stream.stdin.write(b"one\n")
        stream.stdin.flush()
        eventually(lambda: log.exists() and len(entries(log)) == 1, "its first line is there")
        (before,) = instances(run, log)
        stream.stdin.write(b"two\nthree\n")
        stream.stdin.flush()
        eventually(lambda: len(entries(log)) == 3, "the others are")
        (after,) = instances(run, log)
        assert before["pid"] == after["pid"] == stream.pid
        assert before["words"] == "3am log -q -"
        spent, more = before["spent"], after["spent"]
        assert isinstance(spent, dict)
        assert isinstance(more, dict)
        assert spent["holds"] >= 1
        assert spent["held_ns"] > 0
        assert spent["written"] < more["written"] == log.stat().st_size
        assert run("status", "--footprint").stdout.decode().splitlines()[-1].count("wake-ups/s") == 1
    assert instances(run, log) == [], "and nothing is left of it"


def test_one_that_was_killed_leaves_nothing(log: Path, run: Run) -> None:
    with three_am("log", "-q", "-") as stream:
        eventually(lambda: list(write_stats_of(stream.pid)), "it is there")
        stream.kill()
        stream.wait()
    assert instances(run, log) == []


def test_other_programs_that_speak_of_it_are_not_counted(run: Run) -> None:
    with process("sh", "-c", "echo begun; exec sleep 60", "3am", "log") as other, process("grep", "3am", "-") as grep:
        assert other.stdout is not None
        other.stdout.readline()
        shown = [json.loads(line)["pid"] for line in run("status", "--footprint", "--json").stdout.splitlines()]
        assert not {other.pid, grep.pid} & set(shown)


def test_the_plan_of_an_experiment_states_it(log: Path, run: Run) -> None:
    with three_am("log", "-q", "-"):
        run("run", "-q", "-n", "2", "--", "true")
    assert "wake-ups/s, the lock held" in entries(log)[0].text


def test_it_is_near_nothing_while_nothing_happens(log: Path, run: Run) -> None:
    run("log", "-q", "a line")
    with three_am("tail", "-f") as tail:
        assert tail.stdout is not None
        tail.stdout.readline()
        done = run("status", "--footprint", "--json")
        (record,) = [record for line in done.stdout.splitlines() if (record := json.loads(line))["pid"] == tail.pid]
        assert record["wakeups"] <= 20
        assert record["cpu_ns"] < 0.1 * record["over_ns"]
        assert record["spent"] == {"holds": 0, "held_ns": 0, "written": 0}, "it has no writer"
    assert isinstance(done, subprocess.CompletedProcess)
