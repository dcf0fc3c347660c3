"""A run of a command."""

from __future__ import annotations

from support.commands import Run, good


def test_a_run_that_was_made_once_has_nothing_to_resume(run_here: Run) -> None:
    good(run_here("run", "-q", "--", "true"))
    done = run_here("run", "--resume", "R1")
    assert (done.returncode, done.stderr.startswith(b"3am: R1 is a single run, and has no plan")) == (1, True)
