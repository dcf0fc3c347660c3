"""``3am run --report R12 --kind b``: the saved outputs of the failures of one kind."""

from __future__ import annotations

from threeam.cli.console import print_err, print_out
from threeam.cli.exits import ExitCode
from threeam.cli.run_progress import OutputPrinter
from threeam.core.errors import FileUnusable, PreconditionFailed
from threeam.core.format.entry import escape_unprintable
from threeam.core.format.times import format_duration
from threeam.core.store.attachment_kinds import RUN_OUTPUT
from threeam.core.store.attachments import read_attachment
from threeam.core.store.journal import Journal
from threeam.experiments.failure_rule import TIMED_OUT, format_exit
from threeam.experiments.runs.run_outputs import RecordedRuns
from threeam.process.execute import STDOUT


def print_outputs_of_kind(journal: Journal, experiment: RecordedRuns, letter: str) -> int:
    """Print the saved outputs of the runs of a kind, each under a line about its run. Return the exit code."""
    kind = next((found.kind for found in experiment.kinds if found.kind.letter == letter), None)
    if kind is None:
        letters = ", ".join(found.kind.letter for found in experiment.kinds)
        raise PreconditionFailed(
            f"{experiment.name} has no kind of failure {letter}: it has {letters or 'no run with a kind'}"
        )
    runs = sorted(run for run in experiment.detailed_runs if run.kind == letter)
    code = ExitCode.OK
    for run in runs:
        how = "time-out" if run.outcome == TIMED_OUT else format_exit(run.exit_code)
        number, duration = f"{run.number}/{experiment.total}", format_duration(run.duration_ns)
        about = f"{experiment.name} {number} {run.arm}, {how}, {duration}"
        if not run.file:
            saved = "it printed nothing" if not run.output_bytes else "its output is not saved"
            print_out(escape_unprintable(f"== {about}: {saved}"))
            continue
        try:
            output = read_attachment(journal, run.file, RUN_OUTPUT).content
        except FileUnusable as error:
            print_err(str(error))
            code = ExitCode.IO_ERROR
            continue
        print_out(escape_unprintable(f"== {about}"))
        OutputPrinter(STDOUT)(output if output.endswith(b"\n") else output + b"\n")
    return code
