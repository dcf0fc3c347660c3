"""The outputs of the runs of an experiment: which kinds of failure they show, and which of them are saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from threeam.core.errors import FileUnusable
from threeam.core.format.remote_hypothesis import Bound
from threeam.core.store.attachment_kinds import RUN_OUTPUT
from threeam.core.store.attachments import read_attachment, write_attachment
from threeam.core.store.journal import Journal
from threeam.experiments.experiment import (
    MAX_DETAILED_RUNS,
    MAX_SAVED_OF_KIND,
    Experiment,
    FailureKind,
    KindInExperiment,
    Run,
)
from threeam.experiments.failure_rule import OUTCOMES, PASSED
from threeam.experiments.kinds.failure_kinds import FailedRun, KindFinder
from threeam.process.output import MAX_SAVED_BYTES

_MAX_EXPERIMENT_OUTPUT_BYTES = 256 * 1024 * 1024  # saved output of all runs of one experiment
_MAX_RECENT_EXPERIMENTS = 5  # whose passing outputs are read
_MAX_USUAL_PASSES = 20  # in a row that print nothing new; later ones are not looked at


class RunOutputs:
    """The outputs of the runs of an experiment or a search, ``name``: `keep` each one after its run.

    ``finder``: finds the kinds of failure; None: runs have no kind. ``letters``: the kinds that were seen so far.
    ``saved_runs``: the runs so far whose outputs are saved.
    """

    def __init__(
        self,
        journal: Journal,
        name: str,
        finder: KindFinder | None = None,
        letters: Iterable[str] = (),
        saved_runs: Sequence[Run] = (),
    ) -> None:
        self._journal = journal
        self._name = name
        self._finder = finder
        self._letters = set(letters)
        self._saved_bytes = sum(min(run.output_bytes, MAX_SAVED_BYTES) for run in saved_runs)
        self._saved_count = len(saved_runs)
        self._saved_of_kind = Counter(run.kind for run in saved_runs if run.kind)
        self._saved_passes = Counter(run.arm for run in saved_runs if run.outcome == PASSED)
        self._usual_passes = 0  # in a row
        self._unsaved_count, self._problem = 0, ""

    def keep(self, run: Run, output: bytes) -> tuple[Run, FailureKind | None]:
        """Return ``run`` with its kind of failure and its file, and the kind if the experiment has not seen it before.

        The first outputs of each kind are saved, and further ones while there is space. Of the runs that passed, the
        first of each arm is saved, and up to four more that print something new.
        """
        if run.outcome not in OUTCOMES:  # it was interrupted, and is made again
            return run, None
        if run.outcome == PASSED:
            return self._keep_passed(run, output), None
        if self._finder is None:
            return self._save(run, output) if self._has_space(output) else run, None
        kind = self._finder.find(FailedRun(run.outcome, run.exit_code, output))
        run = run._replace(kind=kind.letter)
        is_new = kind.letter not in self._letters
        self._letters.add(kind.letter)
        if is_new or self._has_space(output, kind.letter):  # later runs are compared with the first one
            run = self._save(run, output)
            self._saved_of_kind[kind.letter] += bool(run.file)
        return run, kind if is_new else None

    def _keep_passed(self, run: Run, output: bytes) -> Run:
        """Return ``run``, which passed, with its file; without one if such outputs are known."""
        is_unusual = False
        if self._finder is not None and self._usual_passes < _MAX_USUAL_PASSES:
            is_unusual = self._finder.add_passed(output)
            self._usual_passes = 0 if is_unusual else self._usual_passes + 1
        saved = self._saved_passes[run.arm]
        if not (saved == 0 or (is_unusual and saved < MAX_SAVED_OF_KIND)) or not self._has_space(output):
            return run
        run = self._save(run, output)
        self._saved_passes[run.arm] += bool(run.file)
        return run

    def _save(self, run: Run, output: bytes) -> Run:
        """Return ``run`` with the file in which ``output`` is saved; without one if that is impossible."""
        if not output:
            return run
        name = f"{self._name}-{run.number}-{run.began_ns}.out"
        try:
            write_attachment(self._journal, RUN_OUTPUT, name, output)
        except FileUnusable as error:  # the line matters more; without a FILE tag it says that there is no file
            self._unsaved_count, self._problem = self._unsaved_count + 1, str(error)
            return run
        self._saved_count += 1
        self._saved_bytes += len(output)
        return run._replace(file=name)

    def describe_unsaved(self) -> str:
        """Return how many outputs could not be saved, and why; empty if all could."""
        if not self._unsaved_count:
            return ""
        count = self._unsaved_count
        what = "the output of 1 run is" if count == 1 else f"the outputs of {count} runs are"
        return f"{what} not saved: {self._problem}"

    def _has_space(self, output: bytes, letter: str = "") -> bool:
        if self._saved_bytes + len(output) > _MAX_EXPERIMENT_OUTPUT_BYTES:
            return False
        is_one_of_the_first = letter != "" and self._saved_of_kind[letter] < MAX_SAVED_OF_KIND
        return is_one_of_the_first or self._saved_count < MAX_DETAILED_RUNS


class RecordedRuns(Protocol):
    """The runs so far of an experiment or of a search, as the log has them."""

    @property
    def number(self) -> int:
        """Return its number among those of the experiments."""

    @property
    def name(self) -> str:
        """Return ``R12``."""

    @property
    def total(self) -> int:
        """Return the number of planned runs."""

    @property
    def hypothesis(self) -> Bound | None:
        """Return the number of its hypothesis; None: it has none."""

    @property
    def kinds(self) -> Sequence[KindInExperiment]:
        """Return the kinds of failure that were seen."""

    @property
    def detailed_runs(self) -> Sequence[Run]:
        """Return the runs for which more is remembered."""


def outputs_of_experiment(
    journal: Journal, experiment: RecordedRuns, all_experiments: Mapping[int, Experiment]
) -> RunOutputs:
    """Return the outputs of ``experiment`` so far.

    ``all_experiments``: the kinds of the earlier ones of the same hypothesis keep their letters.
    """
    letters = {found.kind.letter for found in experiment.kinds}
    saved_runs = [run for run in experiment.detailed_runs if run.file]
    return RunOutputs(journal, experiment.name, _known_kinds(journal, experiment, all_experiments), letters, saved_runs)


def _known_kinds(journal: Journal, experiment: RecordedRuns, all_experiments: Mapping[int, Experiment]) -> KindFinder:
    """Return the kinds of the earlier experiments of the same hypothesis, and those of ``experiment`` so far."""
    earlier = [
        other
        for number, other in sorted(all_experiments.items())
        if number < experiment.number and other.hypothesis == experiment.hypothesis is not None
    ]
    kinds: dict[str, FailureKind] = {}
    for other in (experiment, *earlier):  # two plans that ran at once may have given one letter to two kinds
        for found in other.kinds:
            kinds.setdefault(found.kind.letter, found.kind)
    in_order = (*earlier, experiment)
    first_runs = [(kind, _first_run(journal, kind, in_order)) for _, kind in sorted(kinds.items())]
    recent = in_order[-_MAX_RECENT_EXPERIMENTS:]
    return KindFinder(first_runs, (output for other in recent for output in _passed_outputs(journal, other)))


def _first_run(journal: Journal, kind: FailureKind, in_order: Sequence[RecordedRuns]) -> FailedRun:
    """Return the first run of ``kind``, if possible one whose output can still be read."""
    first = FailedRun("", 0, None)
    for experiment in in_order:
        for run in _first_runs_of(experiment, kind):
            first = FailedRun(run.outcome, run.exit_code, _saved_output(journal, run))
            if first.output is not None:
                return first
    return first


def _first_runs_of(experiment: RecordedRuns, kind: FailureKind) -> Iterator[Run]:
    numbers = {found.first_run for found in experiment.kinds if found.kind.id == kind.id}
    return (run for run in experiment.detailed_runs if run.number in numbers)


def _passed_outputs(journal: Journal, experiment: RecordedRuns) -> Iterator[bytes]:
    for run in experiment.detailed_runs:
        if run.outcome == PASSED and run.file and (output := _saved_output(journal, run)) is not None:
            yield output


def _saved_output(journal: Journal, run: Run) -> bytes | None:
    """Return the output of ``run``; None if it was not saved, or cannot be read any more."""
    if not run.output_bytes:
        return b""
    with suppress(FileUnusable):  # its runs are compared by the hash of their features then
        return read_attachment(journal, run.file, RUN_OUTPUT).content if run.file else None
    return None
