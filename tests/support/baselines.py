"""Baselines by command: saved, compared, and their files."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from support.commands import Run


def kept_files(log: Path) -> list[Path]:
    """The files of baselines beside the log."""
    return sorted(log.parent.glob("sanity.log.d/*"))


def differing(run_here: Run, *args: str) -> dict[str, dict[str, object]]:
    """What `3am baseline diff` says is different, by name; its exit code says whether anything is."""
    done = run_here("baseline", "diff", "--json", *args)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == (1 if records else 0), done.stderr
    unusual = [difference["unusual"] for difference in records]
    assert unusual == sorted(unusual, reverse=True)
    return {difference["name"]: difference for difference in records}


def save(run_here: Run, *args: str) -> subprocess.CompletedProcess[bytes]:
    done = run_here("baseline", "save", *args)
    assert done.returncode == 0, done.stderr
    return done
