"""What a shell shows beside a candidate."""

from __future__ import annotations

from support.commands import Run, good


def test_an_experiment_has_its_command_beside_its_name(run_process: Run) -> None:
    good(run_process("run", "-q", "--", "true", "a"))
    assert good(run_process("completion", "candidates", "--", "run", "--report", "")) == "R1\ttrue a\n"


def test_a_topic_has_its_summary_beside_its_name(run_process: Run) -> None:
    assert good(run_process("completion", "candidates", "--", "help", "find")) == (
        "finding\tsearch, filters, times, marks, and the past\n"
    )
