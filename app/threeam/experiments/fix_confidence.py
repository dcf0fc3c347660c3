"""May I call it fixed? How often it must not fail after a change, given how often it failed before. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import ceil, inf
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import NS_PER_S
from threeam.core.format.report import ReportLine, ReportSection
from threeam.core.format.times import format_duration
from threeam.experiments.experiment import BARE, Counts, Experiment, LogPoint
from threeam.experiments.fingerprint import experiment_differences, parse_identity
from threeam.experiments.regime import ChangePeriod, Period, choose_baseline, configuration_between
from threeam.experiments.stats import clopper_pearson, required_clean_runs, required_clean_time
from threeam.experiments.verdict import format_percent

CONFIDENCE_LEVELS = ("weak", "fair", "strong")
CLUSTER_NS = 60 * NS_PER_S  # lines closer than this tell of one occurrence: a deadlock is seldom logged once
_NEAREST = 3  # experiments without a failure that are named because they do not count

ArmKey = tuple[str, str, str]  # the fingerprint of an experiment, the name of an arm, that of its wrapper


class ArmTally(NamedTuple):
    """A command in an arm: how often it ``failed`` before the change, of those that ``ended``, and what came since."""

    what: str
    failed: int = 0
    ended: int = 0
    again: int = 0
    clean: int = 0


class NotCounted(NamedTuple):
    """Runs since the change that do not count: those of ``what``, which differs by ``differs``."""

    what: str
    failed: int
    passed: int
    differs: str


class FixConfidence(NamedTuple):
    """The answer. ``what`` failed ``failed`` times in ``over`` before the change, and ``again`` times since.

    ``clean``: what there is of it since without a failure, and ``needed``: what it takes at each level (None: more than
    anybody has); both in runs, or in ns where it comes by time (``timed``). ``left_out``: experiments that went on
    while something was changed. ``apart``: what else failed before it, and is not in this answer. ``not_counted``:
    runs of other experiments since. ``timed_out``, ``inconclusive``: how many runs of this one since did so, and are in
    no rate. ``earlier``: what was seen in earlier regimes, which are not in the rate. ``widened``, ``ignored``: see
    `Baseline`. ``builds``: the SHA-256 of the program before and since, if it has changed.
    """

    label: str
    is_time_based: bool
    failed: int
    exposure: int
    recurrences: int
    clean_since: int
    required: tuple[int | None, int | None, int | None]
    straddling_count: int = 0
    other_failing_arms: tuple[ArmTally, ...] = ()
    not_counted: tuple[NotCounted, ...] = ()
    timed_out: int = 0
    inconclusive: int = 0
    earlier: tuple[int, int] = (0, 0)
    includes_earlier: bool = False
    ignores_unbound_changes: bool = False
    build_hashes: tuple[str, str] | None = None

    @property
    def levels_reached(self) -> int:
        """How many of the levels are reached."""
        if self.recurrences:
            return 0
        return next(
            (i for i, one in enumerate(self.required) if one is None or self.clean_since < one), len(CONFIDENCE_LEVELS)
        )

    @property
    def is_fixed(self) -> bool:
        """Whether it may be called so."""
        return self.levels_reached == len(CONFIDENCE_LEVELS)


def estimate_from_runs(
    experiments: Sequence[Experiment],
    since: LogPoint,
    arm: str | None = None,
    changes: Sequence[ChangePeriod] = (),
    unbound: Sequence[Experiment] = (),
) -> FixConfidence:
    """Return the answer from ``experiments``, all of one hypothesis, before ``since`` and after it.

    Only runs of the same experiment in the same arm are compared (`experiments.fingerprint`). Of several it is the one
    that ran most since, or else before; the bare program, if that has failed: an arm may provoke the bug. A failure of
    that experiment since, in whichever arm, is an answer too. ``changes``: all that may concern the hypothesis.
    ``unbound``: experiments that belong to no hypothesis; they do not count, but they may be named.
    Raise `Declined` if nothing failed before.
    """
    sides = _sides(experiments, since, changes)
    tallies = _tallies(sides)
    failing = {key: tally for key, tally in tallies.items() if tally.failed and arm in (None, key[1])}
    if not failing:
        which = "" if arm is None else f" in the arm {arm}"
        raise PreconditionFailed(
            f"no run{which} failed before the change: without a rate nobody can say how many it takes now"
        )
    best = max(failing, key=lambda key: (key[1] == BARE, failing[key].clean + failing[key].again, failing[key].ended))
    tally = failing[best]

    def pieces(concerned: Sequence[ChangePeriod]) -> list[Period]:
        return list(_pieces(sides.before, best, concerned))

    before = choose_baseline(
        pieces, changes, since.position, lambda one: _or_inf(required_clean_runs(one.failed, one.exposure)[-1])
    )
    again = sum(other.again for key, other in tallies.items() if key[0] == best[0])
    again += sum(one.count_failed_since(since) for one in sides.between if one.fingerprint == best[0])
    counts_since = [counts for one in sides.after for key, counts in _arms(one) if key == best]
    others_since = [
        one for one in sides.after if not tally.clean + again or (one.fingerprint != best[0] and _has_failed(one))
    ]
    loose = [one for one in unbound if one.is_after(since)]
    during = [one for one in sides.between if one.fingerprint != best[0] and one.count_failed_since(since)]
    reference = next(one for one in reversed(sides.before) if best in dict(_arms(one)))
    return FixConfidence(
        tally.what, False, before.failed, before.exposure, again, tally.clean, required_clean_runs(before.failed, before.exposure),
        straddling_count=len(sides.between),
        other_failing_arms=tuple(other for key, other in failing.items() if key != best),
        not_counted=(
            *_not_counted(reference, best, [*others_since, *loose]),
            *(_failed_during(reference, best, one, since) for one in during),
        ),
        timed_out=sum(counts.timed_out for counts in counts_since),
        inconclusive=sum(counts.inconclusive for counts in counts_since),
        earlier=before.earlier,
        includes_earlier=before.includes_earlier,
        ignores_unbound_changes=before.ignores_unbound_changes,
        build_hashes=_builds(sides, best),
    )  # fmt: skip


class _Sides(NamedTuple):
    """Experiments by the side of the change on which they were made; ``between``: they went on while it was made."""

    before: list[Experiment]
    after: list[Experiment]
    between: list[Experiment]


def _sides(experiments: Iterable[Experiment], since: LogPoint, changes: Sequence[ChangePeriod]) -> _Sides:
    own = [change for change in changes if change.concerns_hypothesis]
    sides = _Sides([], [], [])
    for one in experiments:
        last = one.last_point.position
        if one.is_after(since):
            sides.after.append(one)
        elif last <= since.position and configuration_between(own, _began(one, own), last) is not None:
            sides.before.append(one)
        else:
            sides.between.append(one)
    return sides


def _began(experiment: Experiment, changes: Iterable[ChangePeriod]) -> int:
    return experiment.began_position(point for change in changes for point in change.points)


def _arms(one: Experiment) -> list[tuple[ArmKey, Counts]]:
    return [((one.fingerprint, name, one.wrapper_fingerprint(name)), counts) for name, counts in one.counts().items()]


def _tallies(sides: _Sides) -> dict[ArmKey, ArmTally]:
    tallies: dict[ArmKey, ArmTally] = {}
    for one in sides.before:
        for key, counts in _arms(one):
            tally = tallies.get(key, ArmTally(f"{one.command}, {key[1]}"))
            tallies[key] = tally._replace(failed=tally.failed + counts.failed, ended=tally.ended + counts.conclusive)
    for one in sides.after:
        for key, counts in _arms(one):
            tally = tallies.get(key, ArmTally(f"{one.command}, {key[1]}"))
            tallies[key] = tally._replace(again=tally.again + counts.failed, clean=tally.clean + counts.passed)
    return tallies


def _pieces(before: Iterable[Experiment], arm: ArmKey, changes: Sequence[ChangePeriod]) -> Iterator[Period]:
    """Yield what came of the runs of ``arm``, one experiment after the other; none that a change came into."""
    for one in before:
        now = configuration_between(changes, _began(one, changes), one.last_point.position)
        for key, counts in _arms(one):
            if key == arm and now is not None:
                yield Period(now, counts.failed, counts.conclusive)


def _has_failed(one: Experiment) -> bool:
    return any(counts.failed for counts in one.counts().values())


def _failed_during(reference: Experiment, arm: ArmKey, one: Experiment, since: LogPoint) -> NotCounted:
    """Return the failures after the change of another experiment, which went on while it was made."""
    differs = experiment_differences((reference, arm[1]), (one, one.arms[0]), reference.hypothesis)
    return NotCounted(
        f"{one.name} {one.command}, after the change", one.count_failed_since(since), 0, "; ".join(differs)
    )


def _not_counted(reference: Experiment, arm: ArmKey, others: Iterable[Experiment]) -> tuple[NotCounted, ...]:
    """Return the runs of ``others`` that do not count, the most similar ones first, with what distinguishes them.

    Those that failed are all named, whatever the answer is: a yes must not hide them.
    """
    not_counted = []
    for one in others:
        for (_, name, _), counts in _arms(one):
            differs = list(experiment_differences((reference, arm[1]), (one, name), reference.hypothesis))
            if differs and counts.conclusive:
                what = f"{one.name} {one.command}, {name}"
                runs = NotCounted(what, counts.failed, counts.passed, "; ".join(differs))
                not_counted.append((len(differs), -one.last_point.position, runs))
    in_order = [runs for _, _, runs in sorted(not_counted)]
    nearest = [runs for runs in in_order if not runs.failed][:_NEAREST]
    return tuple(runs for runs in in_order if runs.failed or runs in nearest)


def _builds(sides: _Sides, arm: ArmKey) -> tuple[str, str] | None:
    """Return the last known SHA-256 of the program before and since; None if it is the same, or not known."""
    old, new = (_sha256(side, arm) for side in (sides.before, sides.after))
    return (old, new) if old and new and old != new else None


def _sha256(experiments: Iterable[Experiment], arm: ArmKey) -> str:
    identities = (parse_identity(one.identity) for one in experiments if one.fingerprint == arm[0])
    return next((one.sha256 for one in reversed(list(identities)) if one is not None and one.sha256), "")


def _or_inf(needed: float | None) -> float:
    return inf if needed is None else needed


def estimate_from_occurrences(
    what: str, seen: Sequence[int], start: int, since: int, now: int, changes: Sequence[ChangePeriod] = ()
) -> FixConfidence:
    """Return the answer for what was seen at the times ``seen`` (ns), watched from ``start`` on.

    For the rate, what was seen within a minute is one occurrence: otherwise one deadlock that is logged ten times would
    make the bug look frequent, and the time without it that is needed short. Since the change, each sighting counts.
    Raise `Declined` if it was not seen before the change.
    """
    times = sorted(seen)
    before = _occurrences([time for time in times if start <= time < since])
    if not before or since <= start:
        raise PreconditionFailed(
            "it was not seen before the change: without a rate nobody can say how long it takes now"
        )
    after = [time for time in times if time >= since]

    def pieces(concerned: Sequence[ChangePeriod]) -> list[Period]:
        return list(_spans(before, start, since, concerned))

    rate = choose_baseline(pieces, changes, since, lambda one: required_clean_time(one.failed, one.exposure)[-1])
    weak, fair, strong = (ceil(ns) for ns in required_clean_time(rate.failed, rate.exposure))
    clean = max(0, now - (after[-1] if after else since))
    return FixConfidence(
        what, True, rate.failed, rate.exposure, len(_occurrences(after)), clean, (weak, fair, strong),
        earlier=rate.earlier, includes_earlier=rate.includes_earlier,
    )  # fmt: skip


def _occurrences(times: Sequence[int]) -> list[int]:
    """Return when each occurrence began: what follows the last sighting within a minute belongs to the same one."""
    return [time for i, time in enumerate(times) if i == 0 or time - times[i - 1] >= CLUSTER_NS]


def _spans(times: Sequence[int], start: int, end: int, changes: Sequence[ChangePeriod]) -> Iterator[Period]:
    """Divide the time from ``start`` to ``end`` where a change was made or undone."""
    cuts = {start, end} | {cut for change in changes for cut in change[:2] if cut is not None and start < cut < end}
    for begin, until in pairwise(sorted(cuts)):
        now = configuration_between(changes, begin, until) or frozenset()
        yield Period(now, sum(begin <= time < until for time in times), until - begin)


def fix_confidence_report(answer: FixConfidence) -> list[ReportSection]:
    """The answer, as it is told."""
    if answer.is_time_based:
        rate = f"{_times(answer.failed)} in {format_duration(answer.exposure)}"
        since = f"{format_duration(answer.clean_since)} without it"
        if answer.recurrences:
            since = f"seen {_times(answer.recurrences)} again, the last time {format_duration(answer.clean_since)} ago"
    else:
        low, high = clopper_pearson(answer.failed, answer.exposure)
        bounds = (
            f"{format_percent(answer.failed / answer.exposure)} % ({format_percent(low)} to {format_percent(high)})"
        )
        rate = f"{answer.failed} of {answer.exposure:,} runs failed, {bounds}"
        since = (
            f"{_runs(answer.clean_since)} without a failure"
            if not answer.recurrences
            else f"failed {_times(answer.recurrences)}"
        )
    facts = [
        ReportLine(f"before: {rate}", answer.label),
        ReportLine(f"since:  {since}", icon="red" if answer.recurrences else ""),
    ]
    facts += _remarks(answer)
    facts += [ReportLine(f"apart:  {tally.what}", _apart(tally)) for tally in answer.other_failing_arms]
    if answer.straddling_count:
        facts.append(ReportLine(f"left out: {answer.straddling_count} that went on while something was changed"))
    levels = [_level(answer, i) for i in range(len(CONFIDENCE_LEVELS))]
    return [
        ReportSection("the answer", [answer_line(answer)]),
        ReportSection("the change and the runs", facts),
        ReportSection("needed without a failure", levels),
    ]


def _apart(tally: ArmTally) -> str:
    again = f"{tally.again:,} failed and " if tally.again else ""
    return f"{tally.failed} of {tally.ended:,} before, {again}{tally.clean:,} clean since"


def _remarks(answer: FixConfidence) -> list[ReportLine]:
    """Return what must be known to judge the answer: which runs are not in it, and why."""
    remarks = []
    if answer.earlier[1]:
        failed, over = answer.earlier
        amount = f"{_times(failed)} in {format_duration(over)}" if answer.is_time_based else f"{failed} of {over:,}"
        remarks.append(ReportLine(f"earlier: {amount}", "another change was in force: not in the rate"))
    if answer.includes_earlier:
        remarks.append(
            ReportLine("the rate is that of earlier changes, too: after the last one before it nothing had failed")
        )
    if answer.ignores_unbound_changes:
        during = "one was made or undone during each experiment that failed before"
        remarks.append(ReportLine("changes that are bound to no hypothesis are ignored", during))
    if answer.timed_out:
        remarks.append(ReportLine(f"timed out: {_runs(answer.timed_out)} since, in no rate"))
    if answer.inconclusive:
        remarks.append(
            ReportLine(f"inconclusive: {_runs(answer.inconclusive)} since, in no rate", "neither failed nor passed")
        )
    if answer.build_hashes is not None:
        remarks.append(
            ReportLine("the program changed since", "its SHA-256 was {}, and is {}".format(*answer.build_hashes))
        )
    for runs in answer.not_counted:
        counts = f"{runs.failed} failed, {runs.passed:,} passed"
        remarks.append(
            ReportLine(f"not counted: {runs.what}: {counts}", runs.differs, icon="red" if runs.failed else "")
        )
    return remarks


def _level(answer: FixConfidence, i: int) -> ReportLine:
    needed = answer.required[i]
    name = f"{CONFIDENCE_LEVELS[i]:<6}"
    if needed is None:
        return ReportLine(f"{name} more than anybody has", icon="unknown")
    length = format_duration(needed) if answer.is_time_based else _runs(needed)
    if i < answer.levels_reached:
        return ReportLine(f"{name} {length}", "there are", icon="ok")
    if answer.recurrences:
        return ReportLine(f"{name} {length}")
    left = max(0, needed - answer.clean_since)
    return ReportLine(
        f"{name} {length}", f"{format_duration(left) if answer.is_time_based else f'{left:,}'} more", icon="yellow"
    )


def answer_line(answer: FixConfidence) -> ReportLine:
    """The answer in a line."""
    if answer.recurrences:
        return ReportLine("no: it happened again after the change", icon="red")
    if answer.is_fixed:
        return ReportLine("yes: call it fixed", icon="ok")
    if not (answer.is_time_based or answer.clean_since):
        seen = answer.not_counted or answer.timed_out or answer.inconclusive or answer.straddling_count
        return ReportLine(f"not yet: no run since the change{' counts' if seen else ''}", icon="yellow")
    if answer.levels_reached == 0:
        return ReportLine("not yet: even if the rate that was seen were the true one, this may be luck", icon="yellow")
    return ReportLine(
        f"not yet: {CONFIDENCE_LEVELS[answer.levels_reached - 1]} only, for the rate itself is uncertain", icon="yellow"
    )


def format_clean_runs(answer: FixConfidence) -> str:
    """``120 clean runs of 238``."""
    strong = answer.required[-1]
    return f"{answer.clean_since:,} clean runs{f' of {strong:,}' if strong is not None else ''}"


def _runs(count: int) -> str:
    return f"{count:,} run" if count == 1 else f"{count:,} runs"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
