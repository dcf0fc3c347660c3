"""The report of an experiment on a terminal, and a verdict that cannot be written."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import patch

import pytest

from support.commands import Run as Run3am
from threeam.cli.console import Echo
from threeam.cli.exits import run_reporting_errors
from threeam.cli.run_progress import ExperimentProgress
from threeam.core.errors import FileUnusable, JournalError, LockTimeout
from threeam.core.format.clock import system_clock
from threeam.core.format.entry import Stamp
from threeam.core.state.fold import State
from threeam.core.write.writer import Writer
from threeam.experiments.lifecycle import JournalAccess
from threeam.experiments.runner import ExperimentRunner

AT = Stamp(1_795_490_047_123_456_789)


def test_a_report_drives_no_terminal_and_its_json_is_what_the_log_says(run_here: Run3am, log: Path) -> None:
    """The line is another's: whoever can write the log could print anything in the terminal of who reads a report."""
    bad = "\x9b2J\u202e"
    plan = f"n=1 seed=7 arms=bare same={bad}"
    head = f"[{AT}] [COFFEE: 0] [BY: mallory@db1:1] [R1: {{}}/1]"
    log.write_text(
        f"{head.format(0)} [PLAN: {plan}] [FILE: plan.json] Plan: ./repro {bad}; 1 run of bare\n"
        f"{head.format(1)} [RUN: bare passed exit=0 began=1 ns=1 cpu=1 bytes=0] Run: passed {bad}\n"
        f"{head.format(1)} [VERDICT: bare=0/1] Verdict: {bad}\n"
    )
    for flags in ([], ["--json"]):
        out = run_here("run", "--report", "R1", *flags).stdout.decode()
        assert not set(out) & set(bad[:1] + bad[-1:]), out
        if flags:
            assert json.loads(out)["command"] == f"./repro {bad}"
        else:
            assert "\\x9b2J\\u202e" in out


@pytest.mark.parametrize(("error", "code"), [(LockTimeout("lock", "10s"), 4), (FileUnusable("the disk is full"), 3)])
def test_a_verdict_that_cannot_be_written_is_reported_as_that(
    writer: Writer, capfd: pytest.CaptureFixture[str], error: JournalError, code: int
) -> None:
    """The plan is done and its runs are in the journal: it is no unfinished plan, and nothing has to be made again."""

    def conclude() -> int:
        with patch.object(Writer, "write", side_effect=error):
            access = JournalAccess(writer.journal, system_clock, lambda: writer, State)
            ExperimentRunner(access, ExperimentProgress(Echo("", quiet=True)))._write_verdict(1, writer)
        return 0

    assert run_reporting_errors(conclude) == code
    message = capfd.readouterr().err
    assert "all runs of R1 are made and in the journal; its verdict is not" in message
    assert "ended before its plan is done" not in message
