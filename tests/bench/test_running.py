"""The row of the speed table about `3am run`: what it adds to each run of a shell loop."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from bench.measurement import Measurement, Report, limit_measurement
from bench.programs import COMMAND

pytestmark = pytest.mark.timeout(900)

RUNS = 1000
REPEATS = 3


def test_what_a_run_costs(tmp_path: Path, report: Report) -> None:
    environment = {**os.environ, "SANITY_LOG": str(tmp_path / "sanity.log"), "HOME": str(tmp_path)}
    loop = f"i=0; while [ $i -lt {RUNS} ]; do /bin/true >/dev/null 2>&1 </dev/null; i=$((i+1)); done"
    own_ms, loop_ms = [], []
    for _ in range(REPEATS):
        many_s = duration_s([COMMAND, "run", "-q", "-n", str(RUNS), "--", "/bin/true"], environment)
        one_s = duration_s([COMMAND, "run", "-q", "-n", "1", "--", "/bin/true"], environment)  # start, plan, conclude
        own_ms.append((many_s - one_s) * 1000 / (RUNS - 1))
        loop_ms.append(duration_s(["sh", "-c", loop], environment) * 1000 / RUNS)
    added_ms = min(own_ms) - min(loop_ms)
    report(limit_measurement("`3am run -n 1000`: what it adds to each run of a shell loop", added_ms, 2))
    work = "the same, the whole run of /bin/true"
    report(Measurement(work, min(own_ms), min(loop_ms), "the shell loop", goal=None))


def duration_s(argv: Sequence[str], environment: Mapping[str, str]) -> float:
    """Return how long a command takes."""
    began_s = time.perf_counter()
    subprocess.run(argv, env=environment, check=True)
    return time.perf_counter() - began_s
