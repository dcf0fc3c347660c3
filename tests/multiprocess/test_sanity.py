"""`3am sanity` writes what the Bash script writes."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from support.commands import Run, good
from support.essay_script import ESSAY_SCRIPT
from support.journals import entries
from threeam.core.format.entry import NS_PER_S
from threeam.core.write.draft import TOXIC_TEXT

# --- sanity


def texts_without_stamps(raw: bytes) -> list[bytes]:
    stamped = rb"^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}[+-]\d{4}\] "
    lines = raw.splitlines()
    assert all(re.match(stamped, line) for line in lines)
    return [re.sub(stamped, b"", line) for line in lines]


@pytest.mark.parametrize(
    "argv",
    [[], ["0"], ["3", "the cron job"], ["4", "x"], ["5", "the cron job and the API share a row"], ["", ""], ["9"]],
    ids=lambda argv: repr(argv),
)
def test_sanity_writes_what_the_script_writes(run_here: Run, log: Path, tmp_path: Path, argv: list[str]) -> None:
    env = {**os.environ, "SCRIPT_LOG": str(tmp_path / "script.log"), "SCRIPT_LOCK": str(tmp_path / "script.lock")}
    script = subprocess.run(["bash", "-c", ESSAY_SCRIPT, "3am-sanity-lock.sh", *argv], env=env, capture_output=True)
    done = run_here("sanity", *argv, "--delay", "0")
    assert good(done).encode() == log.read_bytes()
    assert done.stderr == b""
    assert script.returncode == 0
    assert texts_without_stamps(done.stdout) == texts_without_stamps(script.stdout)


def test_sanity_has_no_tag_but_coffee(run_here: Run, log: Path) -> None:
    assert texts_without_stamps(run_here("sanity", "5", "--delay", "0").stdout) == [
        b"[COFFEE: 5] Acquired sanity lock.",
        b"[COFFEE: 5] Hypothesis: Staring into the void. The void is returning a 502 Bad Gateway.",
        b"[COFFEE: 5] " + TOXIC_TEXT.encode(),
        b"[COFFEE: 5] Releasing sanity lock.",
    ]
    assert all(entry.tags == () for entry in entries(log))


def test_sanity_pauses_inside_the_lock(run_here: Run, log: Path) -> None:
    good(run_here("sanity", "--delay", "0.05"))
    first, second, *_ = entries(log)
    assert second.stamp.ns - first.stamp.ns >= NS_PER_S // 20
