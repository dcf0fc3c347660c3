"""The projection of runs: each command that was run once, and each experiment with the outcomes of its runs.

The log has a line for each run. A rotation carries their results over in a compact form: one character per run (its arm
and outcome), and a line for each run that did not pass or whose output was saved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from threeam.core.format.entry import Entry, Stamp, by_tag
from threeam.core.format.remote_hypothesis import bound_to, repeated_bound_tags
from threeam.core.state.fold import Projection, State
from threeam.experiments.arms.arm import Arm
from threeam.experiments.build import BUILD_TAG
from threeam.experiments.experiment import (
    MAX_DETAILED_RUNS,
    MAX_SAVED_OF_KIND,
    MAX_SINGLE_RUNS,
    NO_KIND,
    NOT_RUN,
    ArmUsage,
    Experiment,
    FailureKind,
    KindInExperiment,
    LogPoint,
    MidwayChange,
    Run,
    RunRecord,
    Verdict,
    has_begun_after,
    outcome_code,
)
from threeam.experiments.failure_rule import CUT_SHORT, LOST, PASSED
from threeam.experiments.fingerprint import IDENTITY_TAG, wrapper_fingerprint
from threeam.experiments.runs.run_numbers import EXPERIMENT, require_run_number
from threeam.experiments.runs.run_tags import (
    STOPPED_TAG,
    MalformedTag,
    PlanTag,
    format_run,
    index_tag,
    kind_from_entry,
    kind_line,
    parse_index,
    parse_record,
    record_tags,
    run_fingerprint,
    run_from_entry,
    run_tags,
)


def experiments_by_number(state: State) -> Mapping[int, Experiment]:
    """Return all experiments by their numbers, single runs too."""
    return PROJECTION.of(state)


def experiments(state: State) -> list[Experiment]:
    """Return all experiments in the order of their numbers, single runs too."""
    by_number = experiments_by_number(state)
    return [by_number[number] for number in sorted(by_number)]


def require_experiment(state: State, name: str) -> Experiment:
    """Return the experiment that is called ``R12``, ``r12`` or ``12``. Raise `PreconditionFailed` if missing."""
    return experiments_by_number(state)[require_run_number(state, EXPERIMENT, name)]


class _ExperimentBuilder:
    """The mutable part of an experiment while lines are folded into it."""

    def __init__(self, experiment: Experiment) -> None:
        self._arm_indices = {arm: i for i, arm in enumerate(experiment.arms)}
        record = experiment.record
        self._outcome_codes = bytearray(record.outcome_codes.encode())
        self._usage = list(record.usage)
        self._detailed_runs = {run.number: run for run in experiment.detailed_runs}
        self._last_stamp, self._last_position = record.last_stamp, record.last_position
        self._midway_changes = list(record.midway_changes)
        self._kinds = {found.kind.letter: found for found in experiment.kinds}
        self._kind_letters = bytearray((record.kind_letters or NO_KIND * experiment.total).encode())
        self._detailed_of_kind = Counter(run.kind for run in experiment.detailed_runs)

    def add_change(self, position: int, ns: int) -> None:
        """Add a change of the system: later runs are told apart from earlier ones."""
        if NOT_RUN.encode() in self._outcome_codes:
            self._midway_changes.append(MidwayChange(position, ns))

    def add_run(self, run: Run, position: int, *, is_carried_over: bool) -> None:
        """Add a run from the line at ``position``; a carried-over run is in the sums of its plan line already."""
        arm_index = self._arm_indices.get(run.arm)
        if arm_index is None or not 1 <= run.number <= len(self._outcome_codes):
            return
        code, code_before = outcome_code(arm_index, run.outcome), chr(self._outcome_codes[run.number - 1])
        if not is_carried_over:
            self._last_stamp, self._last_position = run.stamp, _position_unless_stamp(position, run.stamp)
            self._mark_first_run_after_changes(run, position)
            if code_before == NOT_RUN != code:
                sums = self._usage[arm_index]
                self._usage[arm_index] = ArmUsage(sums.runs + 1, sums.ns + run.duration_ns, sums.cpu_ns + run.cpu_ns)
        if code == NOT_RUN != code_before:
            return  # it was interrupted, and has been made again since
        self._outcome_codes[run.number - 1] = ord(code)
        if not is_carried_over:
            self._kind_letters[run.number - 1] = ord(run.kind or NO_KIND)
        self._remember(run)

    def add_kind(self, kind: FailureKind, run_number: int, stamp: Stamp) -> None:
        """Add a kind of failure, of which the run ``run_number`` is the first one."""
        self._kinds.setdefault(kind.letter, KindInExperiment(kind, run_number, stamp))

    def _remember(self, run: Run) -> None:
        """Keep the details of ``run`` if there is space, or if it is one of the first of its kind of failure."""
        known = self._detailed_runs.pop(run.number, None)
        if known is not None:
            self._detailed_of_kind[known.kind] -= 1
        has_space = known is not None or len(self._detailed_runs) < MAX_DETAILED_RUNS
        has_space = has_space or (run.kind != "" and self._detailed_of_kind[run.kind] < MAX_SAVED_OF_KIND)
        # An interrupted run says that the plan was ended, until the run is made again. There is at most one.
        if run.outcome in (CUT_SHORT, LOST) or (has_space and (run.file or run.outcome != PASSED)):
            self._detailed_runs[run.number] = run
            self._detailed_of_kind[run.kind] += 1

    def _mark_first_run_after_changes(self, run: Run, position: int) -> None:
        """Remember ``run`` as the first one after each change that it is the first one after."""
        for i, change in reversed(list(enumerate(self._midway_changes))):
            if change.first_run_after:  # and so has each earlier change
                break
            if has_begun_after(run, LogPoint(position, run.stamp.ns), LogPoint(change.position, change.ns)):
                self._midway_changes[i] = change._replace(first_run_after=run.number)

    def build(self, experiment: Experiment) -> Experiment:
        """Return ``experiment`` with the runs and changes that were added."""
        letters = self._kind_letters.decode()
        record = RunRecord(
            self._outcome_codes.decode(),
            tuple(self._usage),
            self._last_stamp,
            self._last_position,
            tuple(self._midway_changes),
            letters if letters.strip(NO_KIND) else "",
        )
        return experiment._replace(
            record=record,
            detailed_runs=tuple(self._detailed_runs.values()),
            kinds=tuple(self._kinds[letter] for letter in sorted(self._kinds)),
        )


def _fold(current: Mapping[int, Experiment], entries: Sequence[Entry]) -> Mapping[int, Experiment]:
    updated: dict[int, Experiment] = {}
    builders: dict[int, _ExperimentBuilder] = {}  # of experiments with many runs

    for entry in entries:
        kind, is_carried_over = entry.kind, entry.carried_from is not None
        if kind == "Changed" and not is_carried_over:
            for experiment in _unfinished({**current, **updated}):
                builder = builders.setdefault(experiment.number, _ExperimentBuilder(experiment))
                builder.add_change(entry.position, entry.stamp.ns)
                updated[experiment.number] = experiment
        index = parse_index(entry)
        if index is None:
            continue
        number = index.experiment
        known = updated.get(number) or current.get(number)
        match kind:
            case "Plan" if known is None or is_carried_over:
                if (planned := _planned_experiment(number, index.total, entry)) is not None:
                    updated[number], builders[number] = planned, _ExperimentBuilder(planned)
            case "Run" if (run := run_from_entry(index.run, entry)) is not None:
                if index.run == index.total == 1 and (known is None or known.seed is None):
                    updated[number] = _single_run_experiment(number, run, entry)
                    builders.pop(number, None)
                elif known is not None and known.seed is not None:
                    if number not in builders:
                        builders[number] = _ExperimentBuilder(known)
                    builders[number].add_run(run, entry.position, is_carried_over=is_carried_over)
                    updated[number] = known
            case "Kind" if known is not None and (failure_kind := kind_from_entry(entry)) is not None:
                if known.seed is not None:
                    builder = builders.setdefault(number, _ExperimentBuilder(known))
                    builder.add_kind(failure_kind, index.run, entry.effective_stamp)
                    updated[number] = known
            case "Verdict" if known is not None:
                verdict = Verdict(entry.body, entry.effective_stamp, entry.tag(STOPPED_TAG) or "")
                updated[number] = known._replace(verdict=verdict)
    if not updated:
        return current
    built = {number: builder.build(updated[number]) for number, builder in builders.items()}
    return _without_old_single_runs({**current, **updated, **built})


def _unfinished(current: Mapping[int, Experiment]) -> list[Experiment]:
    """Return the experiments that had remaining runs before the entries that are folded now."""
    return [
        experiment
        for experiment in current.values()
        if experiment.seed is not None and not experiment.stopped and NOT_RUN in experiment.record.outcome_codes
    ]


def _without_old_single_runs(current: Mapping[int, Experiment]) -> Mapping[int, Experiment]:
    """Return ``current`` without the oldest single runs that are bound to no hypothesis.

    Otherwise a job that runs a command each minute would fill the log with what each rotation carries over.
    """
    unbound = [
        number for number, experiment in current.items() if experiment.seed is None and experiment.hypothesis is None
    ]
    if len(unbound) <= MAX_SINGLE_RUNS:
        return current
    old = set(sorted(unbound)[:-MAX_SINGLE_RUNS])
    return {number: experiment for number, experiment in current.items() if number not in old}


def _single_run_experiment(number: int, run: Run, entry: Entry) -> Experiment:
    position = _position_unless_stamp(entry.position, run.stamp)
    usage = ArmUsage(1, run.duration_ns, run.cpu_ns)
    return Experiment(
        number=number,
        stamp=entry.effective_stamp,
        author=entry.author,
        hypothesis=bound_to(entry),
        n=1,
        seed=None,
        arms=(run.arm,),
        fingerprint=run_fingerprint(entry),
        text=entry.body,
        file=run.file,
        record=RunRecord(outcome_code(0, run.outcome), (usage,), run.stamp, position),
        detailed_runs=(run,),
        identity=entry.tag(IDENTITY_TAG) or "",
        build=entry.tag(BUILD_TAG) or "",
        wrapper_fingerprints=(wrapper_fingerprint(Arm(run.arm)),),
        first_position=position,
    )


def _planned_experiment(number: int, total: int, entry: Entry) -> Experiment | None:
    """Return the experiment of a plan line; None if its tags are malformed."""
    try:
        facts = PlanTag.parse(entry.tag("PLAN") or "", total)
        record = parse_record(entry, facts)
    except MalformedTag:
        return None
    return Experiment(
        number=number,
        stamp=entry.effective_stamp,
        author=entry.author,
        hypothesis=bound_to(entry),
        n=facts.n,
        seed=facts.seed,
        arms=facts.arms,
        fingerprint=facts.fingerprint,
        text=entry.body,
        file=entry.tag("FILE") or "",
        record=record,
        detailed_runs=(),
        identity=entry.tag(IDENTITY_TAG) or "",
        build=entry.tag(BUILD_TAG) or "",
        wrapper_fingerprints=facts.wrapper_fingerprints,
        first_position=_position_unless_stamp(entry.position, entry.effective_stamp),
        nth=facts.nth,
        stop=facts.stop,
    )


def _position_unless_stamp(position: int, stamp: Stamp) -> int | None:
    return None if position == stamp.ns else position


def _checkpoint(current: Mapping[int, Experiment]) -> Iterator[Entry]:
    """Yield the entries that carry the experiments over a rotation."""
    for experiment in current.values():
        if experiment.seed is None:
            yield _single_run_entry(experiment)
        else:
            yield _plan_entry(experiment)
            author = by_tag(experiment.author)
            for kind, first_run, stamp in experiment.kinds:
                tag, text = kind_line(kind)
                yield Entry(stamp, 0, (*author, index_tag(experiment.number, first_run, experiment.total), tag), text)
            for run in experiment.detailed_runs:
                index = index_tag(experiment.number, run.number, experiment.total)
                yield Entry(run.stamp, 0, (*author, index, *run_tags(run)), format_run(run))
        if experiment.verdict is not None:
            yield _verdict_entry(experiment, experiment.verdict)


def _single_run_entry(experiment: Experiment) -> Entry:
    run = experiment.detailed_runs[0]
    tags = (*_leading_tags(experiment, 1), *run_tags(run, experiment.fingerprint), *_identity_tags(experiment))
    return Entry(experiment.stamp, 0, tags, f"Run: {experiment.text}", experiment.first_position)


def _plan_entry(experiment: Experiment) -> Entry:
    assert experiment.seed is not None
    facts = PlanTag(
        experiment.n,
        experiment.seed,
        experiment.arms,
        experiment.fingerprint,
        experiment.wrapper_fingerprints,
        experiment.nth,
        experiment.stop,
    )
    tags = (
        *_leading_tags(experiment, 0),
        facts.to_tag(),
        *_identity_tags(experiment),
        ("FILE", experiment.file),
        *record_tags(experiment.record),
    )
    return Entry(experiment.stamp, 0, tags, f"Plan: {experiment.text}", experiment.first_position)


def _verdict_entry(experiment: Experiment, verdict: Verdict) -> Entry:
    stopped = ((STOPPED_TAG, verdict.stopped),) if verdict.stopped else ()
    tags = (*_leading_tags(experiment, experiment.done_count), ("VERDICT", "carried"), *stopped)
    return Entry(verdict.stamp, 0, tags, f"Verdict: {verdict.text}")


def _leading_tags(experiment: Experiment, run_number: int) -> tuple[tuple[str, str], ...]:
    """Return the author, the index and the hypothesis of a line about ``experiment``."""
    index = index_tag(experiment.number, run_number, experiment.total)
    return (*by_tag(experiment.author), index, *repeated_bound_tags(experiment.hypothesis, "run"))


def _identity_tags(experiment: Experiment) -> tuple[tuple[str, str], ...]:
    """Return what was run: the identity of ``experiment``, and its build. Old logs have neither."""
    tags = ((IDENTITY_TAG, experiment.identity), (BUILD_TAG, experiment.build))
    return tuple((key, value) for key, value in tags if value)


PROJECTION: Projection[Mapping[int, Experiment]] = Projection(
    EXPERIMENT.projection, (r"R\d+", "CHANGE"), {}, _fold, _checkpoint
)
