"""Experiments of real processes: scripts to run, one that is half way, and what the log says of the runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from support.commands import Run
from support.processes import eventually, three_am
from threeam.core.format.entry import Entry
from threeam.core.store.journal import resolve_journal
from threeam.core.store.reader import lines_forward

TOLD = ("--arm", "bare", "--arm", "told=env ARM=told")  # by the second, the command itself knows whose turn it is


# Says whose turn it is and what it is going to come to, in a file of its own: what really happened.
EVERY_THIRD = """
echo x >> turns; n=$(($(wc -l < turns)))
[ $((n % 3)) -eq 0 ] && came=failed || came=passed
echo "${ARM:-bare} $came" >> happened
[ $came = passed ]
"""


# Its 7th turn lasts until somebody ends it, or lets it go on with a file `go`.
STOPS_AT_7 = """
echo $$ >> turns
[ $(wc -l < turns) -ne 7 ] || [ -e go ] || exec sleep 600
"""


def all_entries(log: Path) -> list[Entry]:
    """The lines of a log and of what was rotated away, but for those that are carried over."""
    journal = resolve_journal(str(log))
    live = journal.open_live()
    assert live is not None
    entries = [line.entry for segment in journal.segments_forward(live) for line in lines_forward(segment)]
    return [entry for entry in entries if entry is not None and entry.carried_from is None]


def numbers(entries: list[Entry], name: str = "R1") -> list[int]:
    """The numbers of the runs of an experiment that have a result, as their lines stand."""
    return [int((entry.tag(name) or "").split("/")[0]) for entry in with_result(entries, name)]


def outcomes(entries: list[Entry], name: str = "R1") -> Counter[tuple[str, ...]]:
    """How often each arm came to what, by the lines of its runs."""
    return Counter(tuple((entry.tag("RUN") or "").split()[:2]) for entry in with_result(entries, name))


def with_result(entries: list[Entry], name: str) -> list[Entry]:
    """The lines of the runs of an experiment, without those of a run that was cut short or lost."""
    runs = [entry for entry in entries if entry.kind == "Run" and entry.tag(name)]
    return [entry for entry in runs if (entry.tag("RUN") or "").split()[1] not in ("cut", "lost")]


def verdicts(entries: list[Entry]) -> list[str]:
    return [entry.body for entry in entries if entry.kind == "Verdict"]


def report_json(run: Run, name: str = "R1") -> dict[str, Any]:
    """What ``--report --json`` says."""
    entries: dict[str, Any] = json.loads(run("run", "--report", name, "--json").stdout)
    return entries


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def halfway(tmp_path: Path, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    """An experiment of 10 runs whose 7th is going on."""
    argv = flags or TOLD
    n = "10" if "--arm" not in argv or argv.count("--arm") == 1 else "5"
    with three_am("run", "-q", "-n", n, *argv, "--", "sh", "-c", STOPS_AT_7) as running:
        try:
            eventually(lambda: len(lines_of(tmp_path / "turns")) == 7, "the 7th run goes on")
            yield running
        finally:
            running.kill()
            running.wait(20)
            for pid in map(int, lines_of(tmp_path / "turns")[6:7]):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
