"""Experiments as they are told on the screen: arm beside arm, their runs as a strip, those that failed first. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.format.entry import Stamp
from threeam.core.format.report import Part, Told, who_when
from threeam.core.format.times import duration
from threeam.core.state.fold import State
from threeam.experiments.experiment import Experiment, Run
from threeam.experiments.failure_rule import CUT, FAILED, INCONCLUSIVE, LOST, PASSED, TIMED_OUT, exit_shown
from threeam.experiments.runs import experiments
from threeam.experiments.verdict import Rate, not_counted, percent, rates

_NARROWEST, _WIDEST = 10, 48  # cells of a bar
_SHOWN = 200  # that anybody reads
_LONGEST_STRIP = 1000  # runs
_DOTS = {PASSED: "·", FAILED: "✗", TIMED_OUT: "◷", INCONCLUSIVE: "?"}
_PLAIN_DOTS = {PASSED: ".", FAILED: "x", TIMED_OUT: "o", INCONCLUSIVE: "?"}
_TITLES = {
    FAILED: "failed",
    TIMED_OUT: "timed out",
    INCONCLUSIVE: "ended in another way",
    PASSED: "passed, the first of each arm",
}
_INTERRUPTED = {
    CUT: "somebody ended it during a run",
    LOST: "the 3am that ran it ended, and the run that went on has no result",
}
_BAR, _PLAIN_BAR = tuple("├─●┤"), tuple("|-*|")


def listed(found: Sequence[Experiment], now: Stamp) -> list[Part]:
    """All of them, the last one first; those whose plan is not done stand above the others."""
    many = [one for one in found[::-1] if one.seed is not None]
    once = [one for one in found[::-1] if one.seed is None]
    told = [
        Part("not done", [in_a_line(one, now) for one in many if one.left]),
        Part("experiments", [in_a_line(one, now) for one in many if not one.left][:_SHOWN]),
        Part("run once", [in_a_line(one, now) for one in once][:_SHOWN]),
    ]
    nothing = Part("runs", [Told("nothing was run yet: ! runs a command, and 3am run -n 200 in arms")])
    return [part for part in told if part.lines] or [nothing]


def bound(state: State, number: int | None, now: Stamp) -> list[Part]:
    """What was run for a hypothesis, the last first."""
    runs = [in_a_line(one, now) for one in experiments(state)[::-1] if number is not None and one.hypothesis == number]
    return [Part("runs", runs[:_SHOWN])] if runs else []


def in_a_line(one: Experiment, now: Stamp) -> Told:
    bound = f"H{one.hypothesis} " if one.hypothesis is not None else ""
    who = who_when(one.by, one.at, now)
    if one.seed is None:
        run = one.kept[0]
        sign = run.outcome if run.outcome != PASSED else "ok"
        words = one.text.partition(":")[0]
        return Told(
            f"{one.name} {bound}{one.command}", f"{words} · {who}", one.at, sign, f"3am run --report {one.name}"
        )
    arms = ", ".join(
        f"{arm} {counts.failed}/{counts.ended}"
        + (f" ({counts.timed_out} timed out)" if counts.timed_out else "")
        + (f" ({counts.inconclusive} inconclusive)" if counts.inconclusive else "")
        for arm, counts in one.counts().items()
    )
    far = f"{progress(one, now)} · " if one.left else ""
    more = f"{far}failed {arms} · {who}"
    return Told(f"{one.name} {bound}{one.command}", more, one.at, "Plan", f"3am run --report {one.name}")


def parts(one: Experiment, now: Stamp, width: int, *, emoji: bool) -> list[Part]:
    """One experiment, in lines of at most ``width`` cells."""
    found = rates(one)
    resume = f"3am run --resume {one.name}"
    head = [Told(one.verdict, at=one.verdict_at, sign="Verdict")] if one.verdict else []
    if one.left:
        head.append(Told(_progress(one, now), resume if not is_running(one, now) else "", command=resume))
    plan = Part("plan", [Told(one.text, who_when(one.by, one.at, now), one.at, "Plan")])
    arms = [line for rate in found for line in _arm(one, rate, found, width, emoji=emoji)]
    arms += [Told(sentence, sign=outcome) for outcome, sentence in not_counted(found)]
    scale = f"failed of all, and the interval of the rate, up to {percent(_scale(found))} %"
    told = [Part(one.name, head), Part(scale, arms)]
    for outcome, title in _TITLES.items():
        runs = [run for run in one.kept if run.outcome == outcome]
        told.append(Part(title, [_run(one, run) for run in runs[:_SHOWN]]))
    told.append(plan)
    return [part for part in told if part.lines]


def _progress(one: Experiment, now: Stamp) -> str:
    done, left = one.done, len(one.left)
    since = one.last.ns - one.at.ns
    if one.interrupted is not None:
        return f"{progress(one, now)}: {_INTERRUPTED[one.interrupted.outcome]}"
    if not done:
        return f"0 of {one.total} runs"
    pace = f"{duration(since * left // done)} left at this pace"
    still = f", the last {duration(now.ns - one.last.ns)} ago" if is_quiet(one, now) else ""
    return f"{done} of {one.total} runs{still}, {pace}"


def progress(one: Experiment, now: Stamp) -> str:
    """Return how far a plan is that is not done, and whether anybody goes on with it."""
    far = f"{one.done}/{one.total}"
    if one.interrupted is not None:
        return f"interrupted at {far}"
    return f"{far}, no run for {duration(now.ns - one.last.ns)}" if is_quiet(one, now) else far


def is_running(one: Experiment, now: Stamp) -> bool:
    """Return whether somebody seems to go on with a plan: nobody has ended it, and its runs keep their pace."""
    return bool(one.left) and one.interrupted is None and not is_quiet(one, now)


def is_quiet(one: Experiment, now: Stamp) -> bool:
    """Return whether no run came for much longer than one takes, and nothing in the journal says that it was ended.

    The first run may take long, and a crash of the machine leaves no line: nobody can say from the journal alone.
    """
    pace = (one.last.ns - one.at.ns) // max(1, one.done)
    return one.interrupted is None and now.ns - one.last.ns > 10 * pace + 5_000_000_000


def _scale(found: Sequence[Rate]) -> float:
    """The rate at the right end of every bar."""
    return max((rate.high for rate in found if rate.counts.ended), default=1.0)


def _arm(one: Experiment, rate: Rate, found: Sequence[Rate], width: int, *, emoji: bool) -> list[Told]:
    name = f"{rate.arm:<{max(len(other.arm) for other in found)}}"
    mean = f", {duration(rate.spent.ns // rate.spent.runs)} a run" if rate.spent.runs else ""
    counts = f"{rate.counts.failed}/{rate.counts.ended}"
    bounds = f"{percent(rate.rate)} % ({percent(rate.low)} to {percent(rate.high)}){mean}"
    if not rate.counts.ended:
        bounds = f"no run has ended{mean}"
    cells = min(_WIDEST, width - len(name) - len(counts) - 8)
    bar = f" {_bar(rate, found, cells, emoji=emoji)}" if cells >= _NARROWEST and rate.counts.ended else ""
    dots = _DOTS if emoji else _PLAIN_DOTS
    outcomes = one.outcomes(rate.arm)
    before = f"{len(outcomes) - _LONGEST_STRIP:,} before and " if len(outcomes) > _LONGEST_STRIP else ""
    strip = before + "".join(dots[outcome] for outcome in outcomes[-_LONGEST_STRIP:])
    return [Told(f"{name}{bar} {counts}", bounds), Told(f"    {strip}")]


def _bar(rate: Rate, found: Sequence[Rate], cells: int, *, emoji: bool) -> str:
    """The interval, and the rate in it, on one scale for all arms: no blank in it, so that it is not broken."""
    left, line, at, right = _BAR if emoji else _PLAIN_BAR
    scale = _scale(found)
    low, middle, high = (round(share / scale * (cells - 1)) for share in (rate.low, rate.rate, rate.high))
    empty = "╌" if emoji else "."
    bar = [empty] * cells
    bar[low : high + 1] = line * (high + 1 - low)
    bar[low], bar[high], bar[middle] = left, right, at
    return "".join(bar)


def _run(one: Experiment, run: Run) -> Told:
    sign = "ok" if run.outcome == PASSED else run.outcome
    how = f"{run.number}/{one.total} {run.arm}, {exit_shown(run.code)}, {duration(run.ns)}, {run.size:,} bytes"
    return Told(how, f"began {Stamp(run.began_ns, run.at.utc_offset_s).time_of_day}", run.at, sign, run.file)
