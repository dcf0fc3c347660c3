"""May I call it fixed? How often it must not fail after a change, given how often it failed before. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from threeam.core.draft import Declined
from threeam.core.entry import NS, Stamp
from threeam.core.told import Part, Told
from threeam.core.when import duration
from threeam.observe.experiment import BARE, Experiment
from threeam.observe.stats import clean_runs, clean_time, interval
from threeam.observe.verdict import percent

LEVELS = ("weak", "fair", "strong")
APART_NS = 60 * NS  # lines closer than this tell of one occurrence: a deadlock is seldom logged once


class Tally(NamedTuple):
    """A command in an arm: how often it ``failed`` before the change, of those that ``ended``, and what came since."""

    what: str
    failed: int = 0
    ended: int = 0
    again: int = 0
    clean: int = 0


class Fixed(NamedTuple):
    """The answer. ``what`` failed ``failed`` times in ``over`` before the change, and ``again`` times since.

    ``clean``: what there is of it since without a failure, and ``needed``: what it takes at each level (None: more than
    anybody has); both in runs, or in ns where it comes by time (``timed``). ``left_out``: experiments that went on
    while the change was made. ``others``: what else failed before it, and is not in this answer.
    """

    what: str
    timed: bool
    failed: int
    over: int
    again: int
    clean: int
    needed: tuple[int | None, int | None, int | None]
    left_out: int = 0
    others: tuple[Tally, ...] = ()

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


def by_runs(found: Sequence[Experiment], since: Stamp, arm: str | None = None) -> Fixed:
    """The answer from the runs in ``found``, all of one hypothesis, before ``since`` and after it.

    Only those of the same command under the same rule in the same arm are compared. Of several it is the one that ran
    most since, or else before; the bare program, if that has failed: an arm may provoke the bug. A failure of it since,
    in whichever arm, is an answer too. Raises `Declined` where nothing failed before.
    """
    tallies: dict[tuple[str, str], Tally] = {}
    left_out = 0
    for one in found:
        began_ns = one.kept[0].began_ns if one.seed is None else one.at.ns  # its line is written at its end
        before, after = one.last.ns <= since.ns, began_ns > since.ns
        if not (before or after):  # it went on while the change was made
            left_out += 1
            continue
        for name, counts in one.counts().items():
            tally = tallies.get((one.same, name), Tally(f"{one.command}, {name}"))
            if before:
                tally = tally._replace(failed=tally.failed + counts.failed, ended=tally.ended + counts.ended)
            else:
                tally = tally._replace(again=tally.again + counts.failed, clean=tally.clean + counts.passed)
            tallies[one.same, name] = tally
    failing = {key: tally for key, tally in tallies.items() if tally.failed and arm in (None, key[1])}
    if not failing:
        which = "" if arm is None else f" in the arm {arm}"
        raise Declined(f"no run{which} failed before the change: without a rate nobody can say how many it takes now")
    best = max(failing, key=lambda key: (key[1] == BARE, failing[key].clean + failing[key].again, failing[key].ended))
    again = sum(tally.again for (same, _), tally in tallies.items() if same == best[0])
    others = tuple(tally for key, tally in failing.items() if key != best)
    what, failed, ended, _, clean = failing[best]
    return Fixed(what, False, failed, ended, again, clean, clean_runs(failed, ended), left_out, others)


def by_time(what: str, seen: Sequence[int], start: int, since: int, now: int) -> Fixed:
    """The answer for what was seen at the times ``seen`` (ns), watched from ``start`` on. Raises `Declined`."""
    occurrences: list[int] = []
    last = None
    for at in seen:
        if last is None or at - last >= APART_NS:
            occurrences.append(at)
        last = at
    before = sum(start <= at < since for at in occurrences)
    if not before or since <= start:
        raise Declined("it was not seen before the change: without a rate nobody can say how long it takes now")
    again = sum(at >= since for at in occurrences)
    over = since - start
    weak, fair, strong = (ceil(ns) for ns in clean_time(before, over))
    return Fixed(what, True, before, over, again, max(0, now - since), (weak, fair, strong))


def parts(answer: Fixed) -> list[Part]:
    """The answer, as it is told."""
    if answer.timed:
        rate = f"{answer.failed} times in {duration(answer.over)}"
        since = f"{duration(answer.clean)} without it" if not answer.again else f"seen {_times(answer.again)} again"
    else:
        low, high = interval(answer.failed, answer.over)
        bounds = f"{percent(answer.failed / answer.over)} % ({percent(low)} to {percent(high)})"
        rate = f"{answer.failed} of {answer.over:,} runs failed, {bounds}"
        since = f"{_runs(answer.clean)} without a failure" if not answer.again else f"failed {_times(answer.again)}"
    facts = [Told(f"before: {rate}", answer.what), Told(f"since:  {since}", sign="red" if answer.again else "")]
    facts += [
        Told(f"apart:  {tally.what}", f"{tally.failed} of {tally.ended:,} before, {tally.clean:,} clean since")
        for tally in answer.others
    ]
    if answer.left_out:
        facts.append(Told(f"left out: {answer.left_out} that went on while the change was made"))
    levels = [_level(answer, i) for i in range(len(LEVELS))]
    return [
        Part("the answer", [so(answer)]),
        Part("the change and the runs", facts),
        Part("needed without a failure", levels),
    ]


def _level(answer: Fixed, i: int) -> Told:
    needed = answer.needed[i]
    name = f"{LEVELS[i]:<6}"
    if needed is None:
        return Told(f"{name} more than anybody has", sign="unknown")
    length = duration(needed) if answer.timed else f"{needed:,} runs"
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
