"""The runs room: every command that was run and every experiment, with what became of each of its runs.

A line for each run stands in the log. What they add up to is small, and is carried over a rotation: of every run whose
turn it was and what came of it (a letter), of those that did not pass where their output is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Entry, Stamp, by_tag
from threeam.core.state.fold import Projection, State, next_free_number
from threeam.core.write.draft import Draft, DraftLine, WriteContext, hypothesis_tag
from threeam.experiments.arms import Arm
from threeam.experiments.experiment import (
    BARE,
    MAX_ARMS,
    MAX_DETAILED_RUNS,
    MAX_RUNS,
    MAX_SINGLE_RUNS,
    NOT_RUN,
    ArmUsage,
    Experiment,
    LogPoint,
    MidwayChange,
    Run,
    has_begun_after,
    outcome_code,
)
from threeam.experiments.failure_rule import CUT_SHORT, LOST, OUTCOMES, PASSED, TIMED_OUT, format_exit
from threeam.experiments.fingerprint import IDENTITY_TAG, ExperimentIdentity, wrapper_fingerprint

SOURCE = "run"
_NUMBER = re.compile(r"R(\d{1,9})", re.ASCII)
_RUN = re.compile(
    rf"(\S+) ({'|'.join((*OUTCOMES, CUT_SHORT, LOST))}) exit=(\d{{1,19}}) began=(\d{{1,19}}) ns=(\d{{1,19}}) cpu=(\d{{1,19}})"
    r" bytes=(\d{1,19})(?: |\Z)",
    re.ASCII,
)
_PLACE = re.compile(r"(\d{1,9})/(\d{1,9})", re.ASCII)


def experiments_by_number(state: State) -> Mapping[int, Experiment]:
    """All of them, by number."""
    return PROJECTION.of(state)


def experiments(state: State) -> list[Experiment]:
    """All of them, by their numbers."""
    found = experiments_by_number(state)
    return [found[number] for number in sorted(found)]


def require_experiment(state: State, name: str) -> Experiment:
    """The one that ``R12``, ``r12`` or ``12`` names. Raises `Declined`."""
    found = experiments_by_number(state)
    digits = name[1:] if name[:1] in ("r", "R") else name
    one = found.get(int(digits)) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None
    if one is None:
        there = f"there are R{min(found)} to R{max(found)}" if found else "nothing was run yet"
        raise PreconditionFailed(f"there is no run {name}: {there}")
    return one


# What is written.


class PlanFacts(NamedTuple):
    """What a plan line says besides its text: ``n`` runs in each arm, in the order of ``seed``; ``file``: the plan."""

    n: int
    seed: int
    arms: Sequence[Arm]
    identity: ExperimentIdentity
    file: str


def plan_draft(text: str, plan: PlanFacts, hypothesis: str | None) -> Draft:
    """Return the draft of the line that says what is going to be run. The number is assigned under the lock."""

    def lines(state: State, author: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        place = (f"R{_next_number(state)}", f"0/{plan.n * len(plan.arms)}")
        names, wrappers = (",".join(map(of, plan.arms)) for of in (_name, wrapper_fingerprint))
        facts = f"n={plan.n} seed={plan.seed} arms={names} same={plan.identity.fingerprint} wrappers={wrappers}"
        tags = (place, *hypothesis_tag(state, hypothesis), ("PLAN", facts), plan.identity.to_tag(), ("FILE", plan.file))
        return [DraftLine(f"Plan: {text}", tags)]

    return Draft(lines, source=SOURCE)


def _name(arm: Arm) -> str:
    return arm.name


def runs_draft(number: int, total: int, runs: Sequence[Run]) -> Draft:
    """Says what came of ``runs``."""
    said = [DraftLine(format_run(run), (_place(number, run.number, total), *_tags_of(run))) for run in runs]
    return Draft(lambda state, author, stamp: said, needs_full_state=False, source=SOURCE)


def single_run_draft(command: str, run: Run, identity: ExperimentIdentity, hypothesis: str | None) -> Draft:
    """Return the draft of the line about a command that was run once. The number is assigned under the lock."""

    def lines(state: State, author: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        place = _place(_next_number(state), 1, 1)
        of_run = (*_tags_of(run, identity.fingerprint), identity.to_tag())
        return [DraftLine(f"{format_run(run)}: {command}", (place, *hypothesis_tag(state, hypothesis), *of_run))]

    return Draft(lines, source=SOURCE)


def verdict_draft_line(one: Experiment, state: State, text: str, tag: str) -> DraftLine:
    """The line of a verdict on ``one``."""
    hypothesis = None if one.hypothesis is None else f"H{one.hypothesis}"
    tags = (_place(one.number, one.done_count, one.total), *hypothesis_tag(state, hypothesis), ("VERDICT", tag))
    return DraftLine(f"Verdict: {text}", tags)


def _next_number(state: State) -> int:
    return next_free_number(experiments_by_number(state))


def _place(number: int, nth: int, total: int) -> tuple[str, str]:
    return f"R{number}", f"{nth}/{total}"


def _tags_of(run: Run, same: str = "") -> tuple[tuple[str, str], ...]:
    facts = f"{run.arm} {run.outcome} exit={run.exit_code} began={run.began_ns} ns={run.duration_ns} cpu={run.cpu_ns} bytes={run.output_bytes}"
    tag = ("RUN", f"{facts} same={same}" if same else facts)
    return (tag, ("FILE", run.file)) if run.file else (tag,)


def format_run(run: Run) -> str:
    """Return what came of a run in words. The first colon ends them: the command follows."""
    arm = "" if run.arm == BARE else f"{run.arm} "
    if run.outcome == LOST:
        return f"Run: {arm}no result, the 3am that ran it ended, {run.output_bytes:,} bytes"
    seconds = f"{run.duration_ns / 1e9:.9f} s, cpu {run.cpu_ns / 1e9:.6f} s"
    how = "" if run.outcome == TIMED_OUT else f", {format_exit(run.exit_code)}"
    return f"Run: {arm}{run.outcome}{how}, {seconds}, {run.output_bytes:,} bytes"


# The fold.


class _Noting:
    """An experiment while lines are folded into it: a run changes a letter, a sum, and what is kept."""

    def __init__(self, one: Experiment) -> None:
        self._arms = {arm: i for i, arm in enumerate(one.arms)}
        self._letters = bytearray(one.outcome_codes.encode())
        self._spent = [list(spent) for spent in one.arm_usage]
        self._kept = {run.number: run for run in one.detailed_runs}
        self._last, self._last_order = one.last_stamp, one.last_position
        self._cuts = list(one.midway_changes)

    def changed(self, position: int, ns: int) -> None:
        """Something was changed: the runs that begin from now on are apart from those before."""
        if NOT_RUN.encode() in self._letters:
            self._cuts.append(MidwayChange(position, ns))

    def note(self, run: Run, position: int, *, again: bool) -> None:
        """Takes a run from the line at ``position``.

        ``again``: it was carried over, and is in the sums that came with its plan.
        """
        if (arm := self._arms.get(run.arm)) is None or not 1 <= run.number <= len(self._letters):
            return
        at, letter = run.number - 1, outcome_code(arm, run.outcome)
        if not again:
            self._last, self._last_order = run.stamp, _unless_stamp(position, run.stamp)
            for i in range(len(self._cuts) - 1, -1, -1):
                if (cut := self._cuts[i]).first_run_after:  # and so has each change before it
                    break
                if has_begun_after(run.began_ns, LogPoint(position, run.stamp.ns), LogPoint(cut.position, cut.ns)):
                    self._cuts[i] = cut._replace(first_run_after=run.number)
            if self._letters[at] == ord(NOT_RUN) and letter != NOT_RUN:
                spent = self._spent[arm]
                spent[0], spent[1], spent[2] = spent[0] + 1, spent[1] + run.duration_ns, spent[2] + run.cpu_ns
        if letter == NOT_RUN and self._letters[at] != ord(NOT_RUN):
            return  # it was cut short once, and made again since
        self._letters[at] = ord(letter)
        known = self._kept.pop(run.number, None) is not None
        room = known or len(self._kept) < MAX_DETAILED_RUNS
        # A run that was cut short says that the plan was ended, until the run is made again: there is one at a time.
        if run.outcome in (CUT_SHORT, LOST) or (room and (run.file or run.outcome != PASSED)):
            self._kept[run.number] = run

    def noted(self, one: Experiment) -> Experiment:
        """The experiment after all of that."""
        spent = tuple(ArmUsage(*one) for one in self._spent)
        kept = tuple(self._kept.values())
        return one._replace(
            outcome_codes=self._letters.decode(), arm_usage=spent, detailed_runs=kept, last_stamp=self._last, last_position=self._last_order,
            midway_changes=tuple(self._cuts),
        )  # fmt: skip


def _fold(found: Mapping[int, Experiment], entries: Sequence[Entry]) -> Mapping[int, Experiment]:
    others: dict[int, Experiment] = {}
    noting: dict[int, _Noting] = {}  # of those with many runs

    for entry in entries:
        if (kind := entry.kind) == "Changed" and entry.carried_from is None:
            for one in _not_done({**found, **others}):
                noting.setdefault(one.number, _Noting(one)).changed(entry.position, entry.stamp.ns)
                others[one.number] = one
        if (place := _placed(entry)) is None:
            continue
        number, nth, total = place
        known = others.get(number) or found.get(number)
        match kind:
            case "Plan" if known is None or entry.carried_from is not None:
                if (plan := _plan_of(number, total, entry)) is not None:
                    others[number], noting[number] = plan, _Noting(plan)
            case "Run" if (run := _run_of(nth, entry)) is not None:
                if nth == total == 1 and (known is None or known.seed is None):
                    others[number] = _once(number, run, entry)
                    noting.pop(number, None)
                elif known is not None and known.seed is not None:
                    if number not in noting:
                        noting[number] = _Noting(known)
                    noting[number].note(run, entry.position, again=entry.carried_from is not None)
                    others[number] = known
            case "Verdict" if known is not None:
                others[number] = known._replace(verdict=entry.body, verdict_stamp=entry.effective_stamp)
    if not others:
        return found
    return _lately({**found, **others, **{number: one.noted(others[number]) for number, one in noting.items()}})


def _not_done(found: Mapping[int, Experiment]) -> list[Experiment]:
    """Return the experiments of ``found`` that had runs still to be made before the entries that are folded now."""
    return [one for one in found.values() if one.seed is not None and NOT_RUN in one.outcome_codes]


def _lately(found: Mapping[int, Experiment]) -> Mapping[int, Experiment]:
    """``found`` without the commands run by themselves, for no hypothesis, that are many runs ago.

    A job that runs one each minute would have all of them carried over each rotation, until there is no room for more.
    """
    by_themselves = [number for number, one in found.items() if one.seed is None and one.hypothesis is None]
    if len(by_themselves) <= MAX_SINGLE_RUNS:
        return found
    gone = set(sorted(by_themselves)[:-MAX_SINGLE_RUNS])
    return {number: one for number, one in found.items() if number not in gone}


def _once(number: int, run: Run, entry: Entry) -> Experiment:
    tagged = entry.hypothesis
    return Experiment(
        number, entry.effective_stamp, entry.author, None if tagged is None else tagged[0], 1, None, (run.arm,),
        _facts(entry.tag("RUN") or "").get("same", ""), entry.body, run.file, outcome_code(0, run.outcome),
        (ArmUsage(1, run.duration_ns, run.cpu_ns),), (run,), run.stamp, "", None, entry.tag(IDENTITY_TAG) or "",
        (wrapper_fingerprint(Arm(run.arm)),), _unless_stamp(entry.position, run.stamp), _unless_stamp(entry.position, run.stamp),
    )  # fmt: skip


def _unless_stamp(position: int, stamp: Stamp) -> int | None:
    return None if position == stamp.ns else position


def _cuts_of(value: str) -> tuple[MidwayChange, ...]:
    """Return the cuts that the plan line of a rotation holds: ``position:ns:first`` each."""
    cuts = ([_count(digits) for digits in word.split(":")] for word in value.split())
    return tuple(MidwayChange(*[digits or 0 for digits in cut]) for cut in cuts if len(cut) == 3 and None not in cut)


def _plan_of(number: int, total: int, entry: Entry) -> Experiment | None:
    facts, tagged = _facts(entry.tag("PLAN") or ""), entry.hypothesis
    arms = tuple(facts.get("arms", "").split(","))
    n, seed = _count(facts.get("n")), _count(facts.get("seed"))
    wrappers = tuple(facts["wrappers"].split(",")) if "wrappers" in facts else ()
    if wrappers and len(wrappers) != len(arms):
        return None
    if n is None or seed is None or n * len(arms) != total or not all(arms) or len(set(arms)) < len(arms):
        return None
    if not 1 <= total <= MAX_RUNS or len(arms) > MAX_ARMS:
        return None
    letters, spent, last = entry.tag("RUNS") or NOT_RUN * total, (ArmUsage(),) * len(arms), entry.effective_stamp
    known = {outcome_code(i, outcome) for i in range(len(arms)) for outcome in OUTCOMES} | {NOT_RUN}
    if len(letters) != total or not set(letters) <= known:
        return None
    if (sums := entry.tag("SPENT")) is not None:
        numbers = [_count(word) for word in sums.split()]
        if len(numbers) != 3 * len(arms) + 2 or None in numbers:
            return None
        whole = [number or 0 for number in numbers]
        spent = tuple(ArmUsage(*whole[i * 3 : i * 3 + 3]) for i in range(len(arms)))
        last = Stamp(whole[-2], whole[-1] - _DAY)
    return Experiment(
        number, entry.effective_stamp, entry.author, None if tagged is None else tagged[0], n, seed, arms, facts.get("same", ""),
        entry.body, entry.tag("FILE") or "", letters, spent, (), last, "", None, entry.tag(IDENTITY_TAG) or "", wrappers,
        _unless_stamp(entry.position, entry.effective_stamp), _count(entry.tag("LAST")), _cuts_of(entry.tag("CUTS") or ""),
    )  # fmt: skip


_DAY = 86_400  # s: an offset is less, so with it added it is none below zero


def _run_of(nth: int, entry: Entry) -> Run | None:
    if (found := _RUN.match(entry.tag("RUN") or "")) is None:
        return None
    arm, outcome, *numbers = found.groups()
    code, began_ns, ns, cpu_ns, size = map(int, numbers)
    return Run(nth, arm, outcome, code, began_ns, ns, cpu_ns, size, entry.tag("FILE") or "", entry.effective_stamp)


def run_outcome(entry: Entry) -> str:
    """What came of the run that a line tells of; empty where it tells of none."""
    words = (entry.tag("RUN") or "").split(" ", 2)
    return words[1] if len(words) > 1 else ""


def run_label(entry: Entry) -> str | None:
    """``R12``, or for one of many runs ``R12 37/400``, where a line is about one."""
    place = _placed(entry)
    if place is None:
        return None
    number, nth, total = place
    return f"R{number} {nth}/{total}" if entry.kind == "Run" and total > 1 else f"R{number}"


def _placed(entry: Entry) -> tuple[int, int, int] | None:
    """Number, the how manieth of how many, from the tag of a line."""
    for key, value in entry.tags:
        if (found := _NUMBER.fullmatch(key)) and (place := _PLACE.fullmatch(value)):
            return int(found[1]), int(place[1]), int(place[2])
    return None


def _facts(words: str) -> dict[str, str]:
    return {key: value for key, equals, value in (word.partition("=") for word in words.split(" ")) if equals}


def _count(digits: str | None) -> int | None:
    return int(digits) if digits is not None and digits.isascii() and digits.isdigit() and len(digits) < 20 else None


def _identity(one: Experiment) -> tuple[tuple[str, str], ...]:
    return ((IDENTITY_TAG, one.identity),) if one.identity else ()


def _carry(found: Mapping[int, Experiment]) -> Iterator[Entry]:
    for number, one in found.items():
        by = by_tag(one.author)
        bound = () if one.hypothesis is None else ((f"H{one.hypothesis}", "run"),)
        if one.seed is None:
            run = one.detailed_runs[0]
            tags = (*_tags_of(run, one.fingerprint), *_identity(one))
            yield Entry(
                one.stamp, 0, (*by, _place(number, 1, 1), *bound, *tags), f"Run: {one.text}", one.first_position
            )
        else:
            plan = f"n={one.n} seed={one.seed} arms={','.join(one.arms)} same={one.fingerprint}"
            plan += f" wrappers={','.join(one.wrapper_fingerprints)}" if one.wrapper_fingerprints else ""
            sums = [str(number) for spent in one.arm_usage for number in spent]
            sums += [str(one.last_stamp.ns), str(one.last_stamp.utc_offset_s + _DAY)]
            tags = (("PLAN", plan), *_identity(one), ("FILE", one.file))
            tags += (("RUNS", one.outcome_codes), ("SPENT", " ".join(sums)))
            tags += (("LAST", str(one.last_position)),) if one.last_position is not None else ()
            tags += (
                (("CUTS", " ".join(":".join(map(str, cut)) for cut in one.midway_changes)),)
                if one.midway_changes
                else ()
            )
            yield Entry(
                one.stamp,
                0,
                (*by, _place(number, 0, one.total), *bound, *tags),
                f"Plan: {one.text}",
                one.first_position,
            )
            for run in one.detailed_runs:
                place = _place(number, run.number, one.total)
                yield Entry(run.stamp, 0, (*by, place, *_tags_of(run)), format_run(run))
        if one.verdict_stamp is not None:
            tags = (_place(number, one.done_count, one.total), *bound, ("VERDICT", "carried"))
            yield Entry(one.verdict_stamp, 0, (*by, *tags), f"Verdict: {one.verdict}")


PROJECTION: Projection[Mapping[int, Experiment]] = Projection("runs", (r"R\d+", "CHANGE"), {}, _fold, _carry)
