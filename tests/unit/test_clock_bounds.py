"""The bound of this host's clock: by a chronyc on the PATH, and by the real adjtimex(2)."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from threeam.timeline import clock_bounds
from threeam.timeline.clock_bounds import ClockBound, own_clock_bound, parse_tracking

TRACKING = (
    "C0248F97,ntp1.example.net,3,1795489990.123456789,{offset},-0.000012,0.000031,-12.1,0.001,0.02,{rest},64.2,{leap}"
)
READ = TRACKING.format(offset="-0.000100001", rest="0.002000003,0.000300000", leap="Normal")


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is first on the PATH, and has no chronyc yet."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def put_chronyc(folder: Path, script: str, mode: int = 0o755) -> None:
    program = folder / "chronyc"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(mode)


class FakeLibc:
    """A C library whose adjtimex fills in what a kernel would."""

    def __init__(self, status: int, maxerror_us: int) -> None:
        self.status, self.maxerror_us = status, maxerror_us

    def adjtimex(self, reference: Any) -> int:
        timex = reference._obj
        assert timex.modes == 0, "nothing may be changed"
        timex.status, timex.maxerror = self.status, self.maxerror_us
        return 0


def test_chrony_says_how_far_the_clock_is_off_at_most(on_path: Path) -> None:
    put_chronyc(on_path, f'test "$*" = "-c tracking" && echo {READ}')
    bound_ns = 100_001 + 300_000 + 1_000_002  # half of the delay is rounded up
    assert own_clock_bound() == ClockBound(bound_ns, "chrony", "this host's clock is within 1.400003ms of UTC (chrony)")


def test_a_chrony_without_a_source_bounds_nothing(on_path: Path) -> None:
    line = TRACKING.format(offset="0.000000000", rest="1.000000000,1.000000000", leap="Not synchronised")
    put_chronyc(on_path, f"echo '{line}'")
    bound = own_clock_bound()
    assert (bound.bound_ns, bound.source) == (None, "chrony")
    assert bound.sentence.startswith("this host's clock is not synchronised: chrony has no source")


@pytest.mark.parametrize(
    ("script", "mode"),
    [
        ("echo 506 Cannot talk to daemon; exit 1", 0o755),
        (f"echo {READ}; exit 1", 0o755),
        (f"echo {READ}", 0o644),
        ("exec sleep 60", 0o755),
        ("sleep 60 & wait", 0o755),
        ("yes", 0o755),
        ("exit 0", 0o755),
        ("kill -9 $$", 0o755),
        ("head -c 100000 /dev/urandom", 0o755),
        (f"echo {READ.replace('-0.000100001', 'nan')}", 0o755),
        (f"echo {READ.replace('-0.000100001', '1e9')}", 0o755),
        (f"echo {READ.replace('-0.000100001', '0.1')}", 0o755),  # fewer digits than chronyc prints
        (f"echo {READ},and one more", 0o755),
    ],
)
def test_a_chronyc_that_fails_leaves_the_answer_to_the_kernel(
    on_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, mode: int
) -> None:
    monkeypatch.setattr(clock_bounds, "_TIMEOUT_S", 0.3)
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: FakeLibc(0, 1500))
    put_chronyc(on_path, script, mode)
    began = time.monotonic()
    assert own_clock_bound() == ClockBound(1_500_000, "adjtimex", "this host's clock is within 1.5ms of UTC (adjtimex)")
    assert time.monotonic() - began < 20


def test_a_missing_chronyc_leaves_the_answer_to_the_kernel(on_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(on_path))
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: FakeLibc(0x40, 16_000_000))
    bound = own_clock_bound()
    assert (bound.bound_ns, bound.source) == (None, "adjtimex")
    assert bound.sentence == (
        "this host's clock is not synchronised (adjtimex: STA_UNSYNC): start chrony or systemd-timesyncd"
    )


def test_a_system_without_adjtimex_says_that_nothing_is_known(on_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(on_path))
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    assert own_clock_bound() == ClockBound(
        None, "", "the bound of this host's clock is not known: neither chronyc nor adjtimex(2) answers"
    )


ASK = "from threeam.timeline.clock_bounds import own_clock_bound; print(own_clock_bound())"


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace reads the answer of the kernel")
def test_the_real_kernel_is_read_as_strace_reads_it(on_path: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    strace = [shutil.which("strace") or "", "-f", "-o", str(trace), "-e", "trace=adjtimex,clock_adjtime"]
    done = subprocess.run([*strace, sys.executable, "-c", ASK], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    [call] = [line for line in trace.read_text().splitlines() if "adjtime" in line and "{modes=0" in line]
    maxerror_us = re.search(r"maxerror=(\d+)", call)
    assert maxerror_us is not None
    bound_ns = None if "STA_UNSYNC" in call else int(maxerror_us[1]) * 1000
    assert done.stdout.startswith(f"ClockBound(bound_ns={bound_ns}, source='adjtimex'"), (done.stdout, call)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace makes the call fail")
def test_a_kernel_that_refuses_the_call_is_no_error(on_path: Path) -> None:
    calls = "adjtimex,clock_adjtime"
    strace = [shutil.which("strace") or "", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}"]
    inject = ["-e", f"inject={calls}:error=EPERM"]
    done = subprocess.run([*strace, *inject, sys.executable, "-c", ASK], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ClockBound(bound_ns=None, source=''"), done.stdout


def test_digits_beyond_a_nanosecond_are_rounded_up() -> None:
    line = TRACKING.format(offset="0.0000000011", rest="0.000000001,0.0000000020", leap="Normal")
    bound = parse_tracking(line)
    assert bound is not None
    assert bound.bound_ns == 2 + 1 + 2
