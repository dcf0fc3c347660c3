"""The stacks of real programs that hang."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support import thread_deadlocks
from support.commands import Run
from support.processes import eventually, is_gone
from support.single_runs import outcome, output_file, run_entry
from threeam.process.hang import STACKS_LINE, describe_hang
from threeam.process.runtimes import GO, NATIVE, PYTHON, runtime_of, takes_preloads
from threeam.process.stacks import MAX_PROCESSES, read_stacks

needs_eu_stack = pytest.mark.skipif(shutil.which("eu-stack") is None, reason="eu-stack is not installed")


@contextmanager
def started(*argv: str) -> Iterator[int]:
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


@needs_eu_stack
def test_a_deadlock_in_python_is_named_with_its_lines(tmp_path: Path) -> None:
    program = tmp_path / "ab.py"
    program.write_text(thread_deadlocks.PYTHON)
    with started(sys.executable, str(program)) as pid:
        eventually(lambda: describe_hang(read_stacks([pid])[0].decode()) == "2 threads wait for locks", "the deadlock")
        text = read_stacks([pid])[0].decode()
    assert text.count("take (ab.py:9)") == 2
    assert text.endswith("[3am: 2 threads wait for locks]\n")


def test_a_run_that_times_out_has_its_stacks_at_the_end_of_its_output(log: Path, run: Run) -> None:
    done = run("run", "-q", "--timeout", "300ms", "--", "sh", "-c", "echo begun; sleep 60 & echo $!; wait")
    assert outcome(log) == "timed-out exit=137"
    saved = output_file(log).read_text()
    printed, _, stacks = saved.partition(f"\n{STACKS_LINE}\n")
    begun, child = printed.split()
    assert begun == "begun"
    assert stacks.index("1 thread: sh -c echo begun") < stacks.index(f"[3am: process {child}, 1 thread: sleep 60]")
    assert is_gone(int(child))
    assert saved.encode() in done.stdout + done.stderr
    nanoseconds = int((run_entry(log).tag("RUN") or "").split(" ns=")[1].split()[0])
    assert nanoseconds >= 300_000_000, "the run ends with its time limit, and the stacks are read after it"


def test_stacks_are_read_after_the_clock_has_stopped(log: Path, run: Run, tmp_path: Path) -> None:
    for tool in ("eu-stack", "gdb"):
        slow = tmp_path / tool
        slow.write_text("#!/bin/sh\nsleep 0.3\n")
        slow.chmod(0o755)
    began_ns = time.monotonic_ns()
    run("run", "-q", "--timeout", "100ms", "--", "sleep", "60", PATH=f"{tmp_path}:{os.environ['PATH']}")
    elsewhere_ns = time.monotonic_ns() - began_ns - int((run_entry(log).tag("RUN") or "").split(" ns=")[1].split()[0])
    assert elsewhere_ns >= 600_000_000, "each of the two tools took half of it"
    assert "[3am: no native frames: gdb: it printed nothing]\n" in output_file(log).read_text()


def test_a_run_that_ends_in_time_is_not_looked_at(log: Path, run: Run, tmp_path: Path) -> None:
    called = tmp_path / "called"
    for tool in ("eu-stack", "gdb"):
        (tmp_path / tool).write_text(f"#!/bin/sh\n: > {called}\n")
        (tmp_path / tool).chmod(0o755)
    run("run", "-q", "--timeout", "60s", "--", "false", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert outcome(log) == "failed exit=1"
    assert not called.exists()


def test_a_tool_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for tool in ("py-spy", "eu-stack", "gdb"):
        (tmp_path / tool).write_text(f"#!/bin/sh\necho {tool} may not\nexit 1\n")
        (tmp_path / tool).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with started(sys.executable, "-c", "import time; time.sleep(60)") as pid:
        section, signals = read_stacks([pid])
    assert b"[3am: no Python frames: py-spy: py-spy may not" in section
    assert b"[3am: no native frames: gdb: gdb may not" in section
    assert not signals


def test_a_program_of_many_processes_is_cut() -> None:
    section, signals = read_stacks([0] * (MAX_PROCESSES + 2))
    assert section.decode().endswith("[3am: 2 more processes are left out]\n")
    assert not signals


def test_a_runtime_is_told_by_the_executable(tmp_path: Path) -> None:
    assert runtime_of(os.getpid()) == PYTHON
    with started("sleep", "60") as pid:
        eventually(lambda: "sleep" in os.readlink(f"/proc/{pid}/exe"), "the program runs")
        assert runtime_of(pid) == NATIVE
    assert runtime_of(2**22 + 1) == NATIVE, "there is no such process"
    if (objcopy := shutil.which("objcopy")) is not None:  # what a Go linker adds
        program, section = tmp_path / "server", tmp_path / "section"
        section.write_bytes(b"\xff Go buildinf:")
        sleep = shutil.which("sleep")
        assert sleep is not None
        subprocess.run([objcopy, f"--add-section=.go.buildinfo={section}", sleep, program], check=True)
        with started(str(program), "60") as pid:
            eventually(lambda: os.readlink(f"/proc/{pid}/exe") == str(program), "the program runs")
            assert runtime_of(pid) == GO
        assert takes_preloads(sleep)
        assert not takes_preloads(str(program))


def test_a_program_without_a_dynamic_linker_loads_no_library(tmp_path: Path) -> None:
    script, program = tmp_path / "repro.sh", tmp_path / "repro"
    script.write_text("#!/bin/sh\n")
    assert takes_preloads(str(script))
    assert takes_preloads(str(tmp_path / "nosuch"))
    objcopy, sleep = shutil.which("objcopy"), shutil.which("sleep")
    if objcopy is not None and sleep is not None:
        subprocess.run([objcopy, "--rename-section=.interp=.other", sleep, program], check=True)
        assert not takes_preloads(str(program))
