"""May I call it fixed? How often it must not fail after a change, given how often it failed before. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import ceil, inf
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import NS_PER_S
from threeam.core.format.report import Part, Told
from threeam.core.format.times import duration
from threeam.experiments.experiment import BARE, Counts, Experiment, Place
from threeam.experiments.fingerprint import differences, from_tag
from threeam.experiments.regime import InForce, Piece, baseline, configuration
from threeam.experiments.stats import clean_runs, clean_time, interval
from threeam.experiments.verdict import percent

LEVELS = ("weak", "fair", "strong")
APART_NS = 60 * NS_PER_S  # lines closer than this tell of one occurrence: a deadlock is seldom logged once
_NEAREST = 3  # experiments without a failure that are named because they do not count

Arm = tuple[str, str, str]  # the fingerprint of an experiment, the name of an arm, that of its wrapper


class Tally(NamedTuple):
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


class Fixed(NamedTuple):
    """The answer. ``what`` failed ``failed`` times in ``over`` before the change, and ``again`` times since.

    ``clean``: what there is of it since without a failure, and ``needed``: what it takes at each level (None: more than
    anybody has); both in runs, or in ns where it comes by time (``timed``). ``left_out``: experiments that went on
    while something was changed. ``apart``: what else failed before it, and is not in this answer. ``not_counted``:
    runs of other experiments since. ``timed_out``, ``inconclusive``: how many runs of this one since did so, and are in
    no rate. ``earlier``: what was seen in earlier regimes, which are not in the rate. ``widened``, ``ignored``: see
    `Baseline`. ``builds``: the SHA-256 of the program before and since, if it has changed.
    """

    what: str
    timed: bool
    failed: int
    over: int
    again: int
    clean: int
    needed: tuple[int | None, int | None, int | None]
    left_out: int = 0
    apart: tuple[Tally, ...] = ()
    not_counted: tuple[NotCounted, ...] = ()
    timed_out: int = 0
    inconclusive: int = 0
    earlier: tuple[int, int] = (0, 0)
    widened: bool = False
    ignored: bool = False
    builds: tuple[str, str] | None = None

    @property
    def reached(self) -> int:
        """How many of the levels are reached."""
        if self.again:
            return 0
        return next((i for i, one in enumerate(self.needed) if one is None or self.clean < one), len(LEVELS))

    @property
    def is_fixed(self) -> bool:
        """Whether it may be called so."""
        return self.reached == len(LEVELS)


def by_runs(
    experiments: Sequence[Experiment],
    since: Place,
    arm: str | None = None,
    changes: Sequence[InForce] = (),
    unbound: Sequence[Experiment] = (),
) -> Fixed:
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

    def pieces(concerned: Sequence[InForce]) -> list[Piece]:
        return list(_pieces(sides.before, best, concerned))

    before = baseline(pieces, changes, since.position, lambda one: _or_inf(clean_runs(one.failed, one.over)[-1]))
    again = sum(other.again for key, other in tallies.items() if key[0] == best[0])
    again += sum(one.failed_since(since) for one in sides.between if one.same == best[0])
    counts_since = [counts for one in sides.after for key, counts in _arms(one) if key == best]
    others_since = [one for one in sides.after if not tally.clean + again or (one.same != best[0] and _has_failed(one))]
    loose = [one for one in unbound if one.is_after(since)]
    during = [one for one in sides.between if one.same != best[0] and one.failed_since(since)]
    reference = next(one for one in reversed(sides.before) if best in dict(_arms(one)))
    return Fixed(
        tally.what, False, before.failed, before.over, again, tally.clean, clean_runs(before.failed, before.over),
        left_out=len(sides.between),
        apart=tuple(other for key, other in failing.items() if key != best),
        not_counted=(
            *_not_counted(reference, best, [*others_since, *loose]),
            *(_failed_during(reference, best, one, since) for one in during),
        ),
        timed_out=sum(counts.timed_out for counts in counts_since),
        inconclusive=sum(counts.inconclusive for counts in counts_since),
        earlier=before.earlier,
        widened=before.widened,
        ignored=before.ignored,
        builds=_builds(sides, best),
    )  # fmt: skip


class _Sides(NamedTuple):
    """Experiments by the side of the change on which they were made; ``between``: they went on while it was made."""

    before: list[Experiment]
    after: list[Experiment]
    between: list[Experiment]


def _sides(experiments: Iterable[Experiment], since: Place, changes: Sequence[InForce]) -> _Sides:
    own = [change for change in changes if change.own]
    sides = _Sides([], [], [])
    for one in experiments:
        last = one.last_place.position
        if one.is_after(since):
            sides.after.append(one)
        elif last <= since.position and configuration(own, one.began, last) is not None:
            sides.before.append(one)
        else:
            sides.between.append(one)
    return sides


def _arms(one: Experiment) -> list[tuple[Arm, Counts]]:
    return [((one.same, name, one.wrapper(name)), counts) for name, counts in one.counts().items()]


def _tallies(sides: _Sides) -> dict[Arm, Tally]:
    tallies: dict[Arm, Tally] = {}
    for one in sides.before:
        for key, counts in _arms(one):
            tally = tallies.get(key, Tally(f"{one.command}, {key[1]}"))
            tallies[key] = tally._replace(failed=tally.failed + counts.failed, ended=tally.ended + counts.ended)
    for one in sides.after:
        for key, counts in _arms(one):
            tally = tallies.get(key, Tally(f"{one.command}, {key[1]}"))
            tallies[key] = tally._replace(again=tally.again + counts.failed, clean=tally.clean + counts.passed)
    return tallies


def _pieces(before: Iterable[Experiment], arm: Arm, changes: Sequence[InForce]) -> Iterator[Piece]:
    """Yield what came of the runs of ``arm``, one experiment after the other; none that a change came into."""
    for one in before:
        now = configuration(changes, one.began, one.last_place.position)
        for key, counts in _arms(one):
            if key == arm and now is not None:
                yield Piece(now, counts.failed, counts.ended)


def _has_failed(one: Experiment) -> bool:
    return any(counts.failed for counts in one.counts().values())


def _failed_during(reference: Experiment, arm: Arm, one: Experiment, since: Place) -> NotCounted:
    """Return the failures after the change of another experiment, which went on while it was made."""
    differs = differences((reference, arm[1]), (one, one.arms[0]), reference.hypothesis)
    return NotCounted(f"{one.name} {one.command}, after the change", one.failed_since(since), 0, "; ".join(differs))


def _not_counted(reference: Experiment, arm: Arm, others: Iterable[Experiment]) -> tuple[NotCounted, ...]:
    """Return the runs of ``others`` that do not count, the most similar ones first, with what distinguishes them.

    Those that failed are all named, whatever the answer is: a yes must not hide them.
    """
    not_counted = []
    for one in others:
        for (_, name, _), counts in _arms(one):
            differs = list(differences((reference, arm[1]), (one, name), reference.hypothesis))
            if differs and counts.ended:
                what = f"{one.name} {one.command}, {name}"
                runs = NotCounted(what, counts.failed, counts.passed, "; ".join(differs))
                not_counted.append((len(differs), -one.last_place.position, runs))
    in_order = [runs for _, _, runs in sorted(not_counted)]
    nearest = [runs for runs in in_order if not runs.failed][:_NEAREST]
    return tuple(runs for runs in in_order if runs.failed or runs in nearest)


def _builds(sides: _Sides, arm: Arm) -> tuple[str, str] | None:
    """Return the last known SHA-256 of the program before and since; None if it is the same, or not known."""
    old, new = (_sha256(side, arm) for side in (sides.before, sides.after))
    return (old, new) if old and new and old != new else None


def _sha256(experiments: Iterable[Experiment], arm: Arm) -> str:
    identities = (from_tag(one.identity) for one in experiments if one.same == arm[0])
    return next((one.sha256 for one in reversed(list(identities)) if one is not None and one.sha256), "")


def _or_inf(needed: float | None) -> float:
    return inf if needed is None else needed


def by_time(what: str, seen: Sequence[int], start: int, since: int, now: int, changes: Sequence[InForce] = ()) -> Fixed:
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

    def pieces(concerned: Sequence[InForce]) -> list[Piece]:
        return list(_spans(before, start, since, concerned))

    rate = baseline(pieces, changes, since, lambda one: clean_time(one.failed, one.over)[-1])
    weak, fair, strong = (ceil(ns) for ns in clean_time(rate.failed, rate.over))
    clean = max(0, now - (after[-1] if after else since))
    return Fixed(
        what, True, rate.failed, rate.over, len(_occurrences(after)), clean, (weak, fair, strong),
        earlier=rate.earlier, widened=rate.widened,
    )  # fmt: skip


def _occurrences(times: Sequence[int]) -> list[int]:
    """Return when each occurrence began: what follows the last sighting within a minute belongs to the same one."""
    return [time for i, time in enumerate(times) if i == 0 or time - times[i - 1] >= APART_NS]


def _spans(times: Sequence[int], start: int, end: int, changes: Sequence[InForce]) -> Iterator[Piece]:
    """Divide the time from ``start`` to ``end`` where a change was made or undone."""
    cuts = {start, end} | {cut for change in changes for cut in change[:2] if cut is not None and start < cut < end}
    for begin, until in pairwise(sorted(cuts)):
        now = configuration(changes, begin, until) or frozenset()
        yield Piece(now, sum(begin <= time < until for time in times), until - begin)


def parts(answer: Fixed) -> list[Part]:
    """The answer, as it is told."""
    if answer.timed:
        rate = f"{_times(answer.failed)} in {duration(answer.over)}"
        since = f"{duration(answer.clean)} without it"
        if answer.again:
            since = f"seen {_times(answer.again)} again, the last time {duration(answer.clean)} ago"
    else:
        low, high = interval(answer.failed, answer.over)
        bounds = f"{percent(answer.failed / answer.over)} % ({percent(low)} to {percent(high)})"
        rate = f"{answer.failed} of {answer.over:,} runs failed, {bounds}"
        since = f"{_runs(answer.clean)} without a failure" if not answer.again else f"failed {_times(answer.again)}"
    facts = [Told(f"before: {rate}", answer.what), Told(f"since:  {since}", sign="red" if answer.again else "")]
    facts += _remarks(answer)
    facts += [Told(f"apart:  {tally.what}", _apart(tally)) for tally in answer.apart]
    if answer.left_out:
        facts.append(Told(f"left out: {answer.left_out} that went on while something was changed"))
    levels = [_level(answer, i) for i in range(len(LEVELS))]
    return [
        Part("the answer", [so(answer)]),
        Part("the change and the runs", facts),
        Part("needed without a failure", levels),
    ]


def _apart(tally: Tally) -> str:
    again = f"{tally.again:,} failed and " if tally.again else ""
    return f"{tally.failed} of {tally.ended:,} before, {again}{tally.clean:,} clean since"


def _remarks(answer: Fixed) -> list[Told]:
    """Return what must be known to judge the answer: which runs are not in it, and why."""
    remarks = []
    if answer.earlier[1]:
        failed, over = answer.earlier
        amount = f"{_times(failed)} in {duration(over)}" if answer.timed else f"{failed} of {over:,}"
        remarks.append(Told(f"earlier: {amount}", "another change was in force: not in the rate"))
    if answer.widened:
        remarks.append(
            Told("the rate is that of earlier changes, too: after the last one before it nothing had failed")
        )
    if answer.ignored:
        during = "one was made or undone during each experiment that failed before"
        remarks.append(Told("changes that are bound to no hypothesis are ignored", during))
    if answer.timed_out:
        remarks.append(Told(f"timed out: {_runs(answer.timed_out)} since, in no rate"))
    if answer.inconclusive:
        remarks.append(
            Told(f"inconclusive: {_runs(answer.inconclusive)} since, in no rate", "neither failed nor passed")
        )
    if answer.builds is not None:
        remarks.append(Told("the program changed since", "its SHA-256 was {}, and is {}".format(*answer.builds)))
    for runs in answer.not_counted:
        counts = f"{runs.failed} failed, {runs.passed:,} passed"
        remarks.append(Told(f"not counted: {runs.what}: {counts}", runs.differs, sign="red" if runs.failed else ""))
    return remarks


def _level(answer: Fixed, i: int) -> Told:
    needed = answer.needed[i]
    name = f"{LEVELS[i]:<6}"
    if needed is None:
        return Told(f"{name} more than anybody has", sign="unknown")
    length = duration(needed) if answer.timed else _runs(needed)
    if i < answer.reached:
        return Told(f"{name} {length}", "there are", sign="ok")
    if answer.again:
        return Told(f"{name} {length}")
    left = max(0, needed - answer.clean)
    return Told(f"{name} {length}", f"{duration(left) if answer.timed else f'{left:,}'} more", sign="yellow")


def so(answer: Fixed) -> Told:
    """The answer in a line."""
    if answer.again:
        return Told("no: it happened again after the change", sign="red")
    if answer.is_fixed:
        return Told("yes: call it fixed", sign="ok")
    if not (answer.timed or answer.clean):
        seen = answer.not_counted or answer.timed_out or answer.inconclusive or answer.left_out
        return Told(f"not yet: no run since the change{' counts' if seen else ''}", sign="yellow")
    if answer.reached == 0:
        return Told("not yet: even if the rate that was seen were the true one, this may be luck", sign="yellow")
    return Told(f"not yet: {LEVELS[answer.reached - 1]} only, for the rate itself is uncertain", sign="yellow")


def counted(answer: Fixed) -> str:
    """``120 clean runs of 238``."""
    strong = answer.needed[-1]
    return f"{answer.clean:,} clean runs{f' of {strong:,}' if strong is not None else ''}"


def _runs(count: int) -> str:
    return f"{count:,} run" if count == 1 else f"{count:,} runs"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
