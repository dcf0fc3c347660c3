"""What `3am run` adds to a run, beside a bare shell loop."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from measured import Measured

pytestmark = pytest.mark.timeout(900)

COMMAND = str(Path(sys.executable).parent / "3am")
RUNS = 1000
REPEATS = 3
Report = Callable[[Measured], None]


def test_what_a_run_costs(tmp_path: Path, report: Report) -> None:
    environ = {**os.environ, "SANITY_LOG": str(tmp_path / "sanity.log"), "HOME": str(tmp_path)}
    loop = f"i=0; while [ $i -lt {RUNS} ]; do /bin/true >/dev/null 2>&1 </dev/null; i=$((i+1)); done"
    ours, peer = [], []
    for _ in range(REPEATS):
        many = _seconds([COMMAND, "run", "-q", "-n", str(RUNS), "--", "/bin/true"], environ)
        one = _seconds([COMMAND, "run", "-q", "-n", "1", "--", "/bin/true"], environ)  # to start, plan and conclude
        ours.append((many - one) * 1000 / (RUNS - 1))
        peer.append(_seconds(["sh", "-c", loop], environ) * 1000 / RUNS)
    added = min(ours) - min(peer)
    report(Measured("`3am run -n 1000`: what it adds to each run of a shell loop", added, 2, "the goal itself", 1))
    report(Measured("the same, the whole run of /bin/true", min(ours), min(peer), "the shell loop", None))


def _seconds(argv: list[str], environ: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(argv, env=environ, check=True)
    return time.perf_counter() - began
