"""The rows of the speed table about `3am run`: what it adds to each run of a shell loop."""

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
LIMIT_MS = 2
# One in four fails, with a text of its own: its kind is looked for, and its output saved as far as there is space.
FAILING = """
for i in 1 2 3 4 5 6 7 8 9; do echo "worker $i of $$ has taken job $i"; done
[ $(($$ % 4)) -ne 0 ] || { echo "two workers took one job" >&2; exit 1; }
"""


def test_what_a_run_costs(tmp_path: Path, report: Report) -> None:
    own_ms, loop_ms = run_times_ms(tmp_path, ["/bin/true"], exit_code=0)
    work = "`3am run -n 1000`: what it adds to each run of a shell loop"
    report(limit_measurement(work, own_ms - loop_ms, LIMIT_MS))
    report(Measurement("the same, the whole run of /bin/true", own_ms, loop_ms, "the shell loop", goal=None))


def test_what_a_run_costs_if_one_in_four_fails(tmp_path: Path, report: Report) -> None:
    script = tmp_path / "repro"
    script.write_text(f"#!/bin/sh\n{FAILING}")
    script.chmod(0o755)
    own_ms, loop_ms = run_times_ms(tmp_path, [str(script)], exit_code=1)
    work = "the same, of a script that prints ten lines, and fails in one of four runs: what it adds"
    report(limit_measurement(work, own_ms - loop_ms, LIMIT_MS))


def run_times_ms(folder: Path, command: Sequence[str], *, exit_code: int) -> tuple[float, float]:
    """Return how long a run takes under 3am, and how long it takes in a shell loop. ``exit_code``: of 3am."""
    environment = {**os.environ, "SANITY_LOG": str(folder / "sanity.log"), "HOME": str(folder)}
    loop = f'i=0; while [ $i -lt {RUNS} ]; do "$0" >/dev/null 2>&1 </dev/null; i=$((i+1)); done'
    own_ms, loop_ms = [], []
    for _ in range(REPEATS):
        many_s = duration_s([COMMAND, "run", "-q", "-n", str(RUNS), "--", *command], environment, exit_code)
        one_s = duration_s([COMMAND, "run", "-q", "-n", "1", "--", "/bin/true"], environment)  # start, plan, conclude
        own_ms.append((many_s - one_s) * 1000 / (RUNS - 1))
        loop_ms.append(duration_s(["sh", "-c", loop, *command], environment) * 1000 / RUNS)
    return min(own_ms), min(loop_ms)


def duration_s(argv: Sequence[str], environment: Mapping[str, str], exit_code: int = 0) -> float:
    """Return how long a command takes."""
    began_s = time.perf_counter()
    done = subprocess.run(argv, env=environment)
    taken_s = time.perf_counter() - began_s
    assert done.returncode == exit_code, argv
    return taken_s
