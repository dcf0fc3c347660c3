"""Experiments and changes as events, and the state after them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from threeam.core.format.entry import NS_PER_S, Author, Entry, Stamp
from threeam.core.state.fold import State
from threeam.experiments.arms.arm import Arm
from threeam.experiments.build import Build
from threeam.experiments.experiment import (
    NO_KIND,
    ArmUsage,
    Experiment,
    FailureKind,
    KindInExperiment,
    RunRecord,
    outcome_code,
)
from threeam.experiments.failure_rule import FAILED, INCONCLUSIVE, PASSED, TIMED_OUT
from threeam.experiments.fingerprint import ExperimentIdentity, wrapper_fingerprint
from threeam.experiments.fixes.fix_confidence import FixConfidence
from threeam.experiments.fixes.fix_control import Versions
from threeam.projections import FOLD
from threeam.reports.fix_assessment import assess_runs

BEGIN = 1_795_490_047 * NS_PER_S
MINUTE, HOUR = 60 * NS_PER_S, 3600 * NS_PER_S
BY = ("BY", str(Author("alice", "db1", 4121)))
REPRO = ExperimentIdentity("/srv/repro", "0123456789ab", "/srv", "exit!=0")


class Runs(NamedTuple):
    """An experiment: how many runs failed, passed, were inconclusive and timed out, and how long it lasted (ns).

    ``letters``: the kinds of failure of the runs that failed, and after these of those that timed out.
    """

    failed: int
    passed: int
    inconclusive: int = 0
    timed_out: int = 0
    identity: ExperimentIdentity = REPRO
    command: str = "./repro"
    arm: Arm = Arm("bare")
    hypothesis: int | None = 7
    build: Build | None = None
    lasts: int = 1000
    letters: str = ""


class Changed(NamedTuple):
    """A change; ``hypothesis``: to which it is bound."""

    text: str
    hypothesis: int | None = None


class Undone(NamedTuple):
    """A change is undone."""

    text: str


Event = Runs | Changed | Undone


def stamp(minute: float) -> Stamp:
    return Stamp(BEGIN + round(minute * MINUTE))


def state_after(events: Sequence[Event]) -> State:
    """The state after the events, each a minute after the one before it; H7 and H8 are open."""
    entries = [Entry(stamp(-9 + n), 0, (BY, (f"H{n}", "open")), "Hypothesis: it races") for n in (7, 8)]
    made: dict[str, Stamp] = {}
    for minute, event in enumerate(events):
        now = stamp(minute)
        match event:
            case Runs():
                entries.append(plan_entry(minute + 1, now, event))
                entries += kind_entries(minute + 1, now, event)
            case Changed(text, hypothesis):
                bound = () if hypothesis is None else ((f"H{hypothesis}", "open"),)
                made[text] = now
                entries.append(Entry(now, 0, (BY, *bound, ("CHANGE", "open")), f"Changed: {text}"))
            case Undone(text):
                entries.append(Entry(now, 0, (BY, ("CHANGE", "undone")), f"Undone: @{made[text]} {text}"))
    return FOLD(FOLD.empty_state, entries)


def plan_entry(number: int, now: Stamp, runs: Runs) -> Entry:
    """The line with which a rotation carries an experiment over: it says all of it at once."""
    counts = [(FAILED, runs.failed), (PASSED, runs.passed), (INCONCLUSIVE, runs.inconclusive)]
    counts.append((TIMED_OUT, runs.timed_out))
    letters = "".join(outcome_code(0, outcome) * count for outcome, count in counts)
    facts = f"n={len(letters)} seed=1 arms={runs.arm.name} same={runs.identity.fingerprint}"
    facts += f" wrappers={wrapper_fingerprint(runs.arm)}"
    tags = (
        (f"R{number}", f"0/{len(letters)}"),
        ("AT", str(now)),
        *(() if runs.hypothesis is None else ((f"H{runs.hypothesis}", "run"),)),
        ("PLAN", facts),
        runs.identity.to_tag(),
        *(() if runs.build is None else (runs.build.to_tag(),)),
        ("RUNS", letters),
        *(() if not runs.letters else (("LETTERS", kind_letters(runs)),)),
        ("SPENT", f"{len(letters)} 1 1 {now.ns + runs.lasts} 86400"),
    )
    return Entry(now, 0, (BY, *tags), f"Plan: {runs.command}; {len(letters)} runs of {runs.arm.name}, seed 1")


def kind_letters(runs: Runs) -> str:
    """The letters of all runs, in the order in which `plan_entry` has them."""
    passed = NO_KIND * (runs.passed + runs.inconclusive)
    return runs.letters[: runs.failed] + passed + runs.letters[runs.failed :]


def kind_entries(number: int, now: Stamp, runs: Runs) -> list[Entry]:
    """The lines about the kinds of failure, as a rotation carries them over."""
    letters = kind_letters(runs)
    return [
        Entry(
            now,
            0,
            (
                BY,
                (f"R{number}", f"{letters.index(letter) + 1}/{len(letters)}"),
                ("AT", str(now)),
                ("KIND", f"{letter} {ord(letter):010x}"),
            ),
            f"Kind: {letter} {letter} is printed",
        )
        for letter in sorted(set(runs.letters))
    ]


def answer_to(
    events: Sequence[Event], since: int | None = None, arm: str | None = None, kind: str | None = None
) -> tuple[str, FixConfidence]:
    """The text of the change that is taken for the fix, and the answer about H7."""
    state = state_after(events)
    hypothesis = state.find_hypothesis("H7")
    assert hypothesis is not None
    change, answer = assess_runs(state, hypothesis, since, arm, kind)
    return change.text, answer


FIX, OTHER, MORE = Changed("fix", 7), Changed("other"), Changed("more", 7)
HALF = Runs(100, 100)


OLD_NEW = Versions("old", "new")
_KINDS = "abcdeABCDE"
_OUTCOMES = {"f": FAILED, "p": PASSED, "t": TIMED_OUT, "i": INCONCLUSIVE}
_OUTCOMES.update({letter: FAILED if letter.islower() else TIMED_OUT for letter in _KINDS})


def versions_in(*blocks: str, number: int = 1, **facts: Any) -> Experiment:
    """An experiment whose blocks are words: ``fp`` is a block in which the old version failed and the new one passed.

    A dot is a run that was not made. ``a`` to ``e`` failed in the kind of this letter, and ``A`` to ``E`` timed out in
    it. The order within a block is that of the letters, or reversed in every other one.
    """
    codes = letters = ""
    for i, block in enumerate(blocks):
        order = -1 if i % 2 else 1
        word = "".join(
            "." if letter == "." else outcome_code(arm, _OUTCOMES[letter]) for arm, letter in enumerate(block)
        )
        codes += word[::order]
        letters += "".join(letter.lower() if letter in _KINDS else NO_KIND for letter in block)[::order]
    stamp = Stamp(number)
    kinds = tuple(
        KindInExperiment(FailureKind(letter, f"{ord(letter):010x}", f"{letter} is printed"), 1, stamp)
        for letter in sorted(set(letters) - {NO_KIND})
    )
    record = RunRecord(codes, (ArmUsage(),) * 2, stamp, kind_letters=letters if kinds else "")
    made = Experiment(
        number, stamp, None, 7, len(blocks), 1, tuple(OLD_NEW), REPRO.fingerprint, "./repro", "", record, (),
        identity=REPRO.to_tag()[1], wrapper_fingerprints=("aa", "bb"), kinds=kinds,
    )  # fmt: skip
    return made._replace(**facts)
