"""A real race, hunted from end to end: found, hidden by the tracer, fixed, and called fixed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.commands import command

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
    pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed"),
]

RUNS = 200  # of each arm: it fails in one of ten


@pytest.fixture
def race(tmp_path: Path) -> list[str]:
    """The racy program: of C, since it takes threads of the system to lose a race."""
    program = str(tmp_path / "race")
    subprocess.run(["gcc", "-O1", "-pthread", "-o", program, str(Path(__file__).with_name("race.c"))], check=True)
    return [program]


def test_it_is_found_hidden_fixed_and_called_fixed(log: Path, race: list[str]) -> None:
    def say(*argv: str, code: int | None = 0, **more: str) -> str:
        done = subprocess.run(
            [command(), *argv], env={**os.environ, **more}, capture_output=True, text=True, timeout=300, check=False
        )
        assert code in (None, done.returncode), (argv, done.returncode, done.stdout, done.stderr)
        return done.stdout

    say("hyp", "new", "the row is updated after the sweeper has deleted it")

    # Found.
    say("run", "-n", str(RUNS), "-H", "H1", "--", *race, code=1)
    report = json.loads(say("run", "--report", "R1", "--json", code=1))
    assert 0 < report["arms"][0]["failed"] < RUNS, "it fails now and then"

    # Hidden by the tracer.
    arms = ("--arm", "bare", "--arm", "strace=strace -f -o /dev/null")
    verdict = say("run", "-n", str(RUNS), *arms, "-H", "H1", "--", *race, code=1)
    assert "strace hides it" in verdict, verdict
    shown = json.loads(say("run", "--report", "R2", "--json", code=1))
    bare, strace = shown["arms"]
    assert bare["failed"] > strace["failed"]
    assert shown["comparisons"][0]["p"] < 0.05
    outputs = [path.read_text() for path in Path(f"{log}.d").glob("R2-*.out")]
    assert "row updated after it was deleted\n" in outputs

    # Fixed, which nobody may say yet.
    say("fixed", "H1", code=1)
    say("changed", "the writer holds the row", "--undo", "unset RACE_FIXED")
    answer = json.loads(say("fixed", "H1", "--json", code=1))
    weak, fair, strong = (answer["needed"][level] for level in ("weak", "fair", "strong"))
    assert 0 < weak <= fair <= strong
    say("run", "-n", str(weak), "-H", "H1", "--", *race, RACE_FIXED="1")
    assert "not yet" in say("fixed", "H1", code=0 if weak == strong else 1) or weak == strong

    # Called fixed, if the rate before was one: else by a control, which fails in the same minutes.
    say("run", "-n", str(strong), "-H", "H1", "--", *race, RACE_FIXED="1")
    answer = json.loads(say("fixed", "H1", "--json", code=None))
    assert answer["fixed"] or answer["rate_varied"], answer
    versions = ("--arm", "old=env -u RACE_FIXED", "--arm", "new=env RACE_FIXED=1")
    say("run", "-n", str(RUNS), *versions, "-H", "H1", "--", *race, code=1)
    assert "yes: call it fixed" in say("fixed", "H1", "--old", "old", "--new", "new")

    assert "strace hides it" in say("export", "md")
    say("doctor")
