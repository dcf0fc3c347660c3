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
_EXPERIMENT_KEY = re.compile(r"R(\d{1,9})", re.ASCII)
_RUN_VALUE = re.compile(
    rf"(\S+) ({'|'.join((*OUTCOMES, CUT_SHORT, LOST))}) exit=(\d{{1,19}}) began=(\d{{1,19}}) ns=(\d{{1,19}}) cpu=(\d{{1,19}})"
    r" bytes=(\d{1,19})(?: |\Z)",
    re.ASCII,
)
_INDEX_VALUE = re.compile(r"(\d{1,9})/(\d{1,9})", re.ASCII)


def experiments_by_number(state: State) -> Mapping[int, Experiment]:
    """All of them, by number."""
    found: Mapping[int, Experiment] = state.projections[PROJECTION.name]
    return found


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


def plan_draft(text: str, plan_facts: PlanFacts, hypothesis: str | None) -> Draft:
    """Return the draft of the line that says what is going to be run. The number is assigned under the lock."""

    def lines(state: State, author: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        place = (f"R{_next_number(state)}", f"0/{plan_facts.n * len(plan_facts.arms)}")
        names, wrappers = (",".join(map(of, plan_facts.arms)) for of in (_arm_name, wrapper_fingerprint))
        facts = f"n={plan_facts.n} seed={plan_facts.seed} arms={names} same={plan_facts.identity.fingerprint} wrappers={wrappers}"
        tags = (
            place,
            *hypothesis_tag(state, hypothesis),
            ("PLAN", facts),
            plan_facts.identity.to_tag(),
            ("FILE", plan_facts.file),
        )
        return [DraftLine(f"Plan: {text}", tags)]

    return Draft(lines, source=SOURCE)


def _arm_name(arm: Arm) -> str:
    return arm.name


def runs_draft(number: int, total: int, runs: Sequence[Run]) -> Draft:
    """Says what came of ``runs``."""
    said = [DraftLine(format_run(run), (_index_tag(number, run.number, total), *_run_tags(run))) for run in runs]
    return Draft(lambda state, author, stamp: said, needs_full_state=False, source=SOURCE)


def single_run_draft(command: str, run: Run, identity: ExperimentIdentity, hypothesis: str | None) -> Draft:
    """Return the draft of the line about a command that was run once. The number is assigned under the lock."""

    def lines(state: State, author: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        place = _index_tag(_next_number(state), 1, 1)
        of_run = (*_run_tags(run, identity.fingerprint), identity.to_tag())
        return [DraftLine(f"{format_run(run)}: {command}", (place, *hypothesis_tag(state, hypothesis), *of_run))]

    return Draft(lines, source=SOURCE)


def verdict_draft_line(experiment: Experiment, state: State, text: str, counts: str) -> DraftLine:
    """The line of a verdict on ``experiment``."""
    hypothesis = None if experiment.hypothesis is None else f"H{experiment.hypothesis}"
    tags = (
        _index_tag(experiment.number, experiment.done_count, experiment.total),
        *hypothesis_tag(state, hypothesis),
        ("VERDICT", counts),
    )
    return DraftLine(f"Verdict: {text}", tags)


def _next_number(state: State) -> int:
    return next_free_number(experiments_by_number(state))


def _index_tag(number: int, index: int, total: int) -> tuple[str, str]:
    return f"R{number}", f"{index}/{total}"


def _run_tags(run: Run, fingerprint: str = "") -> tuple[tuple[str, str], ...]:
    facts = f"{run.arm} {run.outcome} exit={run.exit_code} began={run.began_ns} ns={run.duration_ns} cpu={run.cpu_ns} bytes={run.output_bytes}"
    tag = ("RUN", f"{facts} same={fingerprint}" if fingerprint else facts)
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


class _ExperimentBuilder:
    """An experiment while lines are folded into it: a run changes a letter, a sum, and what is kept."""

    def __init__(self, experiment: Experiment) -> None:
        self._arm_indices = {arm: i for i, arm in enumerate(experiment.arms)}
        self._outcome_codes = bytearray(experiment.outcome_codes.encode())
        self._usage = [list(spent) for spent in experiment.arm_usage]
        self._detailed_runs = {run.number: run for run in experiment.detailed_runs}
        self._last_stamp, self._last_position = experiment.last_stamp, experiment.last_position
        self._midway_changes = list(experiment.midway_changes)

    def changed(self, position: int, ns: int) -> None:
        """Something was changed: the runs that begin from now on are apart from those before."""
        if NOT_RUN.encode() in self._outcome_codes:
            self._midway_changes.append(MidwayChange(position, ns))

    def note(self, run: Run, position: int, *, carried_over: bool) -> None:
        """Takes a run from the line at ``position``.

        ``carried_over``: it was carried over, and is in the sums that came with its plan.
        """
        if (arm := self._arm_indices.get(run.arm)) is None or not 1 <= run.number <= len(self._outcome_codes):
            return
        at, letter = run.number - 1, outcome_code(arm, run.outcome)
        if not carried_over:
            self._last_stamp, self._last_position = run.stamp, _position_unless_stamp(position, run.stamp)
            for i in range(len(self._midway_changes) - 1, -1, -1):
                if (cut := self._midway_changes[i]).first_run_after:  # and so has each change before it
                    break
                if has_begun_after(run, LogPoint(position, run.stamp.ns), LogPoint(cut.position, cut.ns)):
                    self._midway_changes[i] = cut._replace(first_run_after=run.number)
            if self._outcome_codes[at] == ord(NOT_RUN) and letter != NOT_RUN:
                spent = self._usage[arm]
                spent[0], spent[1], spent[2] = spent[0] + 1, spent[1] + run.duration_ns, spent[2] + run.cpu_ns
        if letter == NOT_RUN and self._outcome_codes[at] != ord(NOT_RUN):
            return  # it was cut short once, and made again since
        self._outcome_codes[at] = ord(letter)
        known = self._detailed_runs.pop(run.number, None) is not None
        room = known or len(self._detailed_runs) < MAX_DETAILED_RUNS
        # A run that was cut short says that the plan was ended, until the run is made again: there is one at a time.
        if run.outcome in (CUT_SHORT, LOST) or (room and (run.file or run.outcome != PASSED)):
            self._detailed_runs[run.number] = run

    def noted(self, experiment: Experiment) -> Experiment:
        """The experiment after all of that."""
        spent = tuple(ArmUsage(*experiment) for experiment in self._usage)
        kept = tuple(self._detailed_runs.values())
        return experiment._replace(
            outcome_codes=self._outcome_codes.decode(), arm_usage=spent, detailed_runs=kept, last_stamp=self._last_stamp, last_position=self._last_position,
            midway_changes=tuple(self._midway_changes),
        )  # fmt: skip


def _fold(current: Mapping[int, Experiment], entries: Sequence[Entry]) -> Mapping[int, Experiment]:
    others: dict[int, Experiment] = {}
    noting: dict[int, _ExperimentBuilder] = {}  # of those with many runs

    for entry in entries:
        if (kind := entry.kind) == "Changed" and entry.carried_from is None:
            for one in _unfinished({**current, **others}):
                noting.setdefault(one.number, _ExperimentBuilder(one)).changed(entry.position, entry.stamp.ns)
                others[one.number] = one
        if (place := _parse_index(entry)) is None:
            continue
        number, nth, total = place
        known = others.get(number) or current.get(number)
        match kind:
            case "Plan" if known is None or entry.carried_from is not None:
                if (plan := _parse_plan(number, total, entry)) is not None:
                    others[number], noting[number] = plan, _ExperimentBuilder(plan)
            case "Run" if (run := _parse_run(nth, entry)) is not None:
                if nth == total == 1 and (known is None or known.seed is None):
                    others[number] = _single_run_experiment(number, run, entry)
                    noting.pop(number, None)
                elif known is not None and known.seed is not None:
                    if number not in noting:
                        noting[number] = _ExperimentBuilder(known)
                    noting[number].note(run, entry.position, carried_over=entry.carried_from is not None)
                    others[number] = known
            case "Verdict" if known is not None:
                others[number] = known._replace(verdict=entry.body, verdict_stamp=entry.effective_stamp)
    if not others:
        return current
    return _without_old_single_runs(
        {**current, **others, **{number: one.noted(others[number]) for number, one in noting.items()}}
    )


def _unfinished(current: Mapping[int, Experiment]) -> list[Experiment]:
    """Return the experiments of ``current`` that had runs still to be made before the entries that are folded now."""
    return [one for one in current.values() if one.seed is not None and NOT_RUN in one.outcome_codes]


def _without_old_single_runs(current: Mapping[int, Experiment]) -> Mapping[int, Experiment]:
    """``current`` without the commands run by themselves, for no hypothesis, that are many runs ago.

    A job that runs one each minute would have all of them carried over each rotation, until there is no room for more.
    """
    by_themselves = [number for number, one in current.items() if one.seed is None and one.hypothesis is None]
    if len(by_themselves) <= MAX_SINGLE_RUNS:
        return current
    gone = set(sorted(by_themselves)[:-MAX_SINGLE_RUNS])
    return {number: one for number, one in current.items() if number not in gone}


def _single_run_experiment(number: int, run: Run, entry: Entry) -> Experiment:
    tagged = entry.hypothesis
    return Experiment(
        number, entry.effective_stamp, entry.author, None if tagged is None else tagged[0], 1, None, (run.arm,),
        _parse_facts(entry.tag("RUN") or "").get("same", ""), entry.body, run.file, outcome_code(0, run.outcome),
        (ArmUsage(1, run.duration_ns, run.cpu_ns),), (run,), run.stamp, "", None, entry.tag(IDENTITY_TAG) or "",
        (wrapper_fingerprint(Arm(run.arm)),), _position_unless_stamp(entry.position, run.stamp), _position_unless_stamp(entry.position, run.stamp),
    )  # fmt: skip


def _position_unless_stamp(position: int, stamp: Stamp) -> int | None:
    return None if position == stamp.ns else position


def _parse_midway_changes(value: str) -> tuple[MidwayChange, ...]:
    """Return the cuts that the plan line of a rotation holds: ``position:ns:first`` each."""
    cuts = ([_parse_count(digits) for digits in word.split(":")] for word in value.split())
    return tuple(MidwayChange(*[digits or 0 for digits in cut]) for cut in cuts if len(cut) == 3 and None not in cut)


def _parse_plan(number: int, total: int, entry: Entry) -> Experiment | None:
    facts, tagged = _parse_facts(entry.tag("PLAN") or ""), entry.hypothesis
    arms = tuple(facts.get("arms", "").split(","))
    n, seed = _parse_count(facts.get("n")), _parse_count(facts.get("seed"))
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
        numbers = [_parse_count(word) for word in sums.split()]
        if len(numbers) != 3 * len(arms) + 2 or None in numbers:
            return None
        whole = [number or 0 for number in numbers]
        spent = tuple(ArmUsage(*whole[i * 3 : i * 3 + 3]) for i in range(len(arms)))
        last = Stamp(whole[-2], whole[-1] - _DAY_S)
    return Experiment(
        number, entry.effective_stamp, entry.author, None if tagged is None else tagged[0], n, seed, arms, facts.get("same", ""),
        entry.body, entry.tag("FILE") or "", letters, spent, (), last, "", None, entry.tag(IDENTITY_TAG) or "", wrappers,
        _position_unless_stamp(entry.position, entry.effective_stamp), _parse_count(entry.tag("LAST")), _parse_midway_changes(entry.tag("CUTS") or ""),
    )  # fmt: skip


_DAY_S = 86_400  # s: an offset is less, so with it added it is none below zero


def _parse_run(number: int, entry: Entry) -> Run | None:
    if (found := _RUN_VALUE.match(entry.tag("RUN") or "")) is None:
        return None
    arm, outcome, *numbers = found.groups()
    code, began_ns, ns, cpu_ns, size = map(int, numbers)
    return Run(number, arm, outcome, code, began_ns, ns, cpu_ns, size, entry.tag("FILE") or "", entry.effective_stamp)


def run_outcome(entry: Entry) -> str:
    """What came of the run that a line tells of; empty where it tells of none."""
    words = (entry.tag("RUN") or "").split(" ", 2)
    return words[1] if len(words) > 1 else ""


def experiment_number(entry: Entry) -> int | None:
    """Return the number of the experiment that a line is about; None if it is about none."""
    place = _parse_index(entry)
    return None if place is None else place[0]


def run_label(entry: Entry) -> str | None:
    """``R12``, or for one of many runs ``R12 37/400``, where a line is about one."""
    place = _parse_index(entry)
    if place is None:
        return None
    number, nth, total = place
    return f"R{number} {nth}/{total}" if entry.kind == "Run" and total > 1 else f"R{number}"


def _parse_index(entry: Entry) -> tuple[int, int, int] | None:
    """Number, the how manieth of how many, from the tag of a line."""
    for key, value in entry.tags:
        if (found := _EXPERIMENT_KEY.fullmatch(key)) and (place := _INDEX_VALUE.fullmatch(value)):
            return int(found[1]), int(place[1]), int(place[2])
    return None


def _parse_facts(text: str) -> dict[str, str]:
    return {key: value for key, equals, value in (word.partition("=") for word in text.split(" ")) if equals}


def _parse_count(digits: str | None) -> int | None:
    return int(digits) if digits is not None and digits.isascii() and digits.isdigit() and len(digits) < 20 else None


def _identity_tags(experiment: Experiment) -> tuple[tuple[str, str], ...]:
    return ((IDENTITY_TAG, experiment.identity),) if experiment.identity else ()


def _carry(current: Mapping[int, Experiment]) -> Iterator[Entry]:
    for number, one in current.items():
        by = by_tag(one.author)
        bound = () if one.hypothesis is None else ((f"H{one.hypothesis}", "run"),)
        if one.seed is None:
            run = one.detailed_runs[0]
            tags = (*_run_tags(run, one.fingerprint), *_identity_tags(one))
            yield Entry(
                one.stamp, 0, (*by, _index_tag(number, 1, 1), *bound, *tags), f"Run: {one.text}", one.first_position
            )
        else:
            plan = f"n={one.n} seed={one.seed} arms={','.join(one.arms)} same={one.fingerprint}"
            plan += f" wrappers={','.join(one.wrapper_fingerprints)}" if one.wrapper_fingerprints else ""
            sums = [str(number) for spent in one.arm_usage for number in spent]
            sums += [str(one.last_stamp.ns), str(one.last_stamp.utc_offset_s + _DAY_S)]
            tags = (("PLAN", plan), *_identity_tags(one), ("FILE", one.file))
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
                (*by, _index_tag(number, 0, one.total), *bound, *tags),
                f"Plan: {one.text}",
                one.first_position,
            )
            for run in one.detailed_runs:
                place = _index_tag(number, run.number, one.total)
                yield Entry(run.stamp, 0, (*by, place, *_run_tags(run)), format_run(run))
        if one.verdict_stamp is not None:
            tags = (_index_tag(number, one.done_count, one.total), *bound, ("VERDICT", "carried"))
            yield Entry(one.verdict_stamp, 0, (*by, *tags), f"Verdict: {one.verdict}")


PROJECTION = Projection("runs", (r"R\d+", "CHANGE"), {}, _fold, _carry)
