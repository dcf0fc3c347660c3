"""Deadlocks in three languages, found by a run that times out, with each tool that reads stacks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support import thread_deadlocks
from support.commands import Run
from support.single_runs import outcome, output_file
from threeam.process.hang import describe_hang

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("eu-stack") is None, reason="eu-stack is not installed"),
    pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not installed"),
    pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed"),
]
NAMED = "2 threads wait for locks"


@pytest.fixture
def saved(log: Path, run: Run) -> Callable[..., str]:
    """Run a program that hangs, and return its saved output."""

    def saved(*argv: str, **environ: str) -> str:
        run("run", "-q", "--timeout", "5s", "--", *argv, **environ)
        assert outcome(log) == "timed-out exit=137"
        return output_file(log).read_text()

    return saved


@pytest.fixture
def program(tmp_path: Path) -> str:
    source, program = tmp_path / "ab.c", tmp_path / "ab"
    source.write_text(thread_deadlocks.C)
    subprocess.run(["gcc", "-g", "-pthread", "-o", program, source], check=True)
    return str(program)


@pytest.fixture
def script(tmp_path: Path) -> str:
    script = tmp_path / "ab.py"
    script.write_text(thread_deadlocks.PYTHON)
    return str(script)


@pytest.fixture
def path_without(tmp_path: Path) -> Callable[..., str]:
    """Return a PATH on which tools are broken."""

    def path_without(*tools: str) -> str:
        folder = tmp_path / "broken"
        folder.mkdir()
        for tool in tools:
            (folder / tool).symlink_to("/bin/false")
        return f"{folder}:{os.environ['PATH']}"

    return path_without


def test_in_c(saved: Callable[..., str], program: str) -> None:
    text = saved(program)
    assert describe_hang(text) == NAMED
    assert " first\n" in text
    assert "/ab.c:8" in text
    assert text.endswith(f"[3am: {NAMED}]\n")


def test_in_c_with_gdb(saved: Callable[..., str], program: str, path_without: Callable[..., str]) -> None:
    text = saved(program, PATH=path_without("eu-stack"))
    assert describe_hang(text) == NAMED
    assert " in first (arg=...) at " in text, "values of arguments may be secrets"


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_in_c_under_a_tracer(saved: Callable[..., str], program: str) -> None:
    text = saved("strace", "-f", "-o", "/dev/null", program)
    assert describe_hang(text) == NAMED
    assert "because it traced them: strace -f" in text


def test_in_python(saved: Callable[..., str], script: str) -> None:
    text = saved(sys.executable, script)
    assert describe_hang(text) == NAMED
    assert text.count("take (ab.py:9)") == 2


def test_in_python_by_its_own_signal(
    saved: Callable[..., str], script: str, path_without: Callable[..., str], tmp_path: Path
) -> None:
    text = saved(sys.executable, "-X", "faulthandler", script, PATH=path_without("py-spy"))
    assert describe_hang(text) == NAMED
    assert text.count('ab.py", line 9 in take') == 2
    assert not list(tmp_path.glob("core*"))


@pytest.mark.skipif(shutil.which("java") is None, reason="Java is not installed")
def test_in_java(saved: Callable[..., str], tmp_path: Path) -> None:
    source = tmp_path / "Deadlock.java"
    source.write_text(thread_deadlocks.JAVA)
    text = saved("java", str(source))
    assert describe_hang(text) == NAMED
    assert "Found one Java-level deadlock" in text


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_deadlock_is_the_same_kind_in_every_arm(run: Run, program: str) -> None:
    """noise has functions of its own around those of the C library, and a delay ends with its tracer."""
    arms = ("--arm", "bare", "--arm", "noise", "--arm", "delay:futex=20ms")
    run("run", "-q", "-n", "2", "--timeout", "1s", *arms, "--", program)
    (report,) = map(json.loads, run("run", "--report", "R1", "--json").stdout.splitlines())
    (kind,) = report["kinds"]
    assert kind["what"] == f"time-out, {NAMED}"
    assert kind["runs"] == {"bare": 2, "noise": 2, "delay:futex=20ms": 2}
