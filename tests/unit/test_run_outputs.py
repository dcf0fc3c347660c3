"""The kinds of failure in the log of an experiment, whatever interrupts it, and which outputs are kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from support.journals import FakeClock
from threeam.core.state.fold import State
from threeam.core.store.journal import Journal
from threeam.core.write.writer import Writer
from threeam.experiments.arms.arm import Arm
from threeam.experiments.experiment import Experiment, Run
from threeam.experiments.failure_rule import CUT_SHORT, FAILED, PASSED, TIMED_OUT
from threeam.experiments.fingerprint import ExperimentIdentity
from threeam.experiments.runs import run_outputs
from threeam.experiments.runs.run_drafts import PlanFacts, plan_draft, runs_draft
from threeam.experiments.runs.run_log import experiments_by_number, require_experiment
from threeam.experiments.runs.run_outputs import RunOutputs, outputs_of_experiment
from threeam.hypotheses.drafts import hypothesis_draft
from threeam.projections import FOLD

IDENTITY = ExperimentIdentity("/srv/repro", "0123456789ab", "/srv", "exit!=0")
LOST = (FAILED, "LOST UPDATE: v is 1 after two increments")
BROKEN = (FAILED, "psql: error: connection to server failed")
HUNG = (TIMED_OUT, "")
FINE = (PASSED, "v is 2 after two increments")

Ending = tuple[str, str]


class Night:
    """An experiment whose runs end as a test says, in batches, in one arm or in two by turns."""

    def __init__(self, writer: Writer, arms: Sequence[str] = ("bare",), hypothesis: int | None = None) -> None:
        self.writer = writer
        self.arms = arms
        facts = PlanFacts(30, 7, [Arm(arm) for arm in arms], IDENTITY, "plan.json")
        self.number = len(experiments_by_number(self.state)) + 1
        writer.write(plan_draft(f"./repro; 30 runs of {', '.join(arms)}", facts, hypothesis))
        self.made = 0
        self.continue_it()

    @property
    def state(self) -> State:
        """The state as another process reads it from the file."""
        segment = self.writer.journal.open_live()
        return FOLD.empty_state if segment is None else FOLD.state_at(segment, segment.size())

    @property
    def experiment(self) -> Experiment:
        return require_experiment(self.state, f"R{self.number}")

    def continue_it(self) -> None:
        """Begin or resume the plan in another process."""
        state = self.state
        self.outputs = outputs_of_experiment(self.writer.journal, self.experiment, experiments_by_number(state))

    def make(self, *endings: Ending) -> None:
        """Make a run for each of ``endings``, and write them as one batch."""
        runs, new_kinds = [], {}
        for outcome, output in endings:
            self.made += 1
            code = {PASSED: 0, TIMED_OUT: 137}.get(outcome, 1)
            arm = self.arms[self.made % len(self.arms)]
            run = Run(self.made, arm, outcome, code, 1_795_490_047_000_000_000 + self.made, 10, 5, len(output))
            run, kind = self.outputs.keep(run, output.encode())
            runs.append(run)
            if kind is not None:
                new_kinds[run.number] = kind
            if outcome == CUT_SHORT:
                self.made -= 1
        self.writer.write(runs_draft(self.number, 30 * len(self.arms), runs, new_kinds))

    @property
    def letters(self) -> str:
        return self.experiment.record.kind_letters[: self.made]


@pytest.fixture(autouse=True)
def _nothing_is_synced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


def test_each_run_has_its_kind_and_each_kind_a_line_after_its_first_run(writer: Writer, log: Path) -> None:
    night = Night(writer)
    night.make(FINE, LOST, BROKEN, LOST, HUNG)
    assert night.letters == ".abac"
    about = [line.partition("[VIA: run] ")[2] for line in log.read_text().splitlines() if "Kind:" in line]
    ids = [found.kind.id for found in night.experiment.kinds]
    assert about == [
        f"[R1: 2/30] [KIND: a {ids[0]}] Kind: a LOST UPDATE: v is 1 after two increments",
        f"[R1: 3/30] [KIND: b {ids[1]}] Kind: b psql: error: connection to server failed",
        f"[R1: 5/30] [KIND: c {ids[2]}] Kind: c time-out, nothing but what passing runs print",
    ]
    assert [(found.kind.letter, found.first_run) for found in night.experiment.kinds] == [("a", 2), ("b", 3), ("c", 5)]


ENDINGS = [FINE, LOST, HUNG, LOST, BROKEN, FINE, HUNG, BROKEN, LOST]


@pytest.mark.parametrize("interrupted", range(len(ENDINGS)))
@pytest.mark.parametrize("rotated", [False, True])
def test_a_resumed_plan_names_kinds_alike_also_after_a_rotation(
    writer: Writer, interrupted: int, rotated: bool
) -> None:
    night = Night(writer)
    for ending in ENDINGS[:interrupted]:
        night.make(ending)
    if interrupted:
        night.make((CUT_SHORT, "LOST UPDATE"))
    if rotated:
        before = night.experiment
        with writer.lock_log(full_state=True) as locked:
            locked.rotate()
        assert night.experiment == before
    night.continue_it()
    night.make(*ENDINGS[interrupted:])
    assert night.letters == ".abac.bca"
    assert [found.kind.letter for found in night.experiment.kinds] == ["a", "b", "c"]


def test_kinds_keep_their_letters_in_the_experiments_of_a_hypothesis(writer: Writer) -> None:
    writer.write(hypothesis_draft("updates are lost", 9))
    first = Night(writer, hypothesis=1)
    first.make(BROKEN, FINE, LOST)
    second = Night(writer, hypothesis=1)
    second.make(LOST, HUNG, LOST)
    assert (first.letters, second.letters) == ("a.b", "bcb")
    assert second.experiment.kinds[0].kind == first.experiment.kinds[1].kind


def test_kinds_have_their_own_letters_in_each_experiment_without_a_hypothesis(writer: Writer) -> None:
    first, second = Night(writer), Night(writer)
    first.make(BROKEN, LOST)
    second.continue_it()
    second.make(LOST, BROKEN)
    assert (first.letters, second.letters) == ("ab", "ab")


def test_a_resumed_plan_knows_what_passing_runs_print(writer: Writer) -> None:
    usual = "".join(f"step {name} is done\n" for name in "abcdefghij")
    night = Night(writer)
    night.make((FAILED, usual + "the sum is odd"), (PASSED, usual))
    night.continue_it()
    night.make((FAILED, usual + "the list is empty"), (FAILED, usual + "the sum is odd"))
    assert night.letters == "a.ba"


def test_what_passing_runs_print_now_and_then_does_not_make_a_kind(writer: Writer) -> None:
    """Only the first passing run of an arm used to be looked at: whether it had printed the retry was chance."""
    night = Night(writer)
    retried = "error: connection reset, tried again\nerror: the cache cannot be reached\n"
    night.make(FINE, LOST, (PASSED, retried + FINE[1]), (FAILED, retried + LOST[1]))
    assert [found.kind.letter for found in night.experiment.kinds] == ["a"]
    night.continue_it()
    night.make((FAILED, retried + LOST[1]))
    assert [found.kind.letter for found in night.experiment.kinds] == ["a"]
    saved = [run.number for run in night.experiment.detailed_runs if run.outcome == PASSED and run.file]
    assert saved == [1, 3]


def test_of_the_passing_runs_only_a_few_are_saved(writer: Writer) -> None:
    night = Night(writer)
    night.make(
        *[(PASSED, f"step {word} is done") for word in ["alpha", "beta", "gamma", "delta", "omega", "sigma", "theta"]]
    )
    night.make(*[FINE] * 9)
    assert sum(run.file != "" for run in night.experiment.detailed_runs) == 5


def test_a_letter_that_two_plans_gave_at_once_stays_that_of_each(writer: Writer) -> None:
    writer.write(hypothesis_draft("updates are lost", 9))
    first, second = Night(writer, hypothesis=1), Night(writer, hypothesis=1)
    first.make(LOST)
    second.make(BROKEN)
    assert (first.letters, second.letters) == ("a", "a")
    second.continue_it()
    second.make(BROKEN, LOST)
    assert second.letters == "aab"


def test_the_first_outputs_of_each_kind_are_kept_whatever_was_kept_before(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_outputs, "MAX_DETAILED_RUNS", 8)
    monkeypatch.setattr("threeam.experiments.runs.run_log.MAX_DETAILED_RUNS", 8)
    night = Night(writer)
    night.make(*10 * [LOST], FINE, *8 * [BROKEN])
    saved = [run for run in night.experiment.detailed_runs if run.file]
    assert [run.kind for run in saved] == 8 * ["a"] + 5 * ["b"]
    night.continue_it()
    night.make(BROKEN, HUNG)
    assert len([run for run in night.experiment.detailed_runs if run.file]) == 13
    before = night.experiment
    with writer.lock_log(full_state=True) as locked:
        locked.rotate()
    assert night.experiment == before


def test_the_first_output_of_a_kind_is_kept_though_there_is_no_space(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_outputs, "_MAX_EXPERIMENT_OUTPUT_BYTES", 90)
    night = Night(writer)
    night.make(LOST, LOST, LOST, BROKEN, BROKEN)
    assert [bool(run.file) for run in night.experiment.detailed_runs] == [True, True, False, True, False]


def test_the_runs_of_a_search_have_outputs_and_no_kinds(journal: Journal) -> None:
    outputs = RunOutputs(journal, "R7")
    run, kind = outputs.keep(Run(3, "bare", FAILED, 1, 5, 10, 5, 4), b"boom")
    assert (run.file, run.kind, kind) == ("R7-3-5.out", "", None)


def test_an_output_that_cannot_be_read_any_more_is_known_by_its_hash(writer: Writer, journal: Journal) -> None:
    night = Night(writer)
    night.make(LOST, BROKEN)
    for path in Path(journal.folder_beside_log).iterdir():
        path.unlink()
    night.continue_it()
    night.make(BROKEN, LOST, HUNG)
    assert night.letters == "abbac"


def test_runs_of_a_version_without_kinds_have_none(writer: Writer, clock: FakeClock) -> None:
    night = Night(writer)
    run = Run(1, "bare", FAILED, 1, clock().ns, 10, 5, 0)
    writer.write(runs_draft(night.number, 30, [run]))
    assert (night.experiment.kinds, night.experiment.record.kind_letters) == ((), "")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda line: line.replace("[KIND: a ", "[KIND: A "),
        lambda line: line.replace("[KIND: a ", "[KIND: ab "),
        lambda line: line.replace("[R1: 1/30]", "[R9: 1/30]"),
        lambda line: line.replace("Kind: a", "Kind: A"),
    ],
)
def test_a_malformed_line_about_a_kind_is_passed_over(writer: Writer, log: Path, spoil: Callable[[str], str]) -> None:
    night = Night(writer)
    night.make(LOST)
    log.write_text("".join(spoil(line) if "Kind:" in line else line for line in log.read_text().splitlines(True)))
    assert night.experiment.kinds == ()
