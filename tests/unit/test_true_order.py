"""The order of the file is the true order: no answer depends on a clock that was stepped back, or on a rotation.

Each case is a night: steps that the writer writes, with a clock that a step may set back. The answer is the same
with a rotation after any of the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from support.journals import FakeClock
from support.written_nights import HOUR, MINUTE, REPRO, Night
from threeam.core.format.entry import NS_PER_S
from threeam.core.store.journal import Journal, resolve_journal
from threeam.core.write.writer import Writer
from threeam.experiments.experiment import BARE, LogPoint, Run, has_begun_after
from threeam.experiments.failure_rule import FAILED, PASSED
from threeam.experiments.fixes.fix_confidence import FixConfidence
from threeam.experiments.fixes.fix_confidence_report import answer_line
from threeam.experiments.runs import run_log as runs_module
from threeam.hypotheses.amendments import correction_draft
from threeam.hypotheses.drafts import evidence_draft
from threeam.hypotheses.guards import event_warnings, warnings_for
from threeam.hypotheses.ledger import event_text, sorted_hypotheses, thread_of
from threeam.reports.fix_assessment import assess_occurrences
from threeam.reports.occurrences import find_occurrences

HARD = REPRO._replace(arguments="ba9876543210")


@pytest.fixture(autouse=True)
def _few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the runs that failed in an experiment not all are kept."""
    monkeypatch.setattr(runs_module, "MAX_DETAILED_RUNS", 5)


Steps = Callable[[Night], None]


def stepped_back(night: Night) -> None:
    night.claims()
    night.tries(10, FAILED)
    night.changes()
    night.back()
    night.tries(3, FAILED)
    night.tries(60, PASSED)


def stepped_back_one_run(night: Night) -> None:
    night.claims()
    night.tries(10, FAILED)
    night.changes()
    night.back()
    night.once(FAILED)
    night.tries(60, PASSED)


def stepped_back_before_the_fix(night: Night) -> None:
    night.claims()
    night.tries(10, FAILED)
    night.back()
    night.changes()
    night.tries(60, PASSED)


def stepped_back_twice(night: Night) -> None:
    night.claims()
    night.tries(10, FAILED)
    night.back()
    night.changes()
    night.undoes()
    night.tries(3, FAILED)
    night.back(3 * HOUR)
    night.changes("second")
    night.tries(60, PASSED)


def stepped_back_before_single_runs(night: Night) -> None:
    night.claims()
    night.changes("half a fix")
    night.back()
    for _ in range(3):
        night.once(FAILED, lasts=NS_PER_S)
    night.changes()
    night.tries(60, PASSED)


def stepped_back_before_an_undo_and_a_single_run(night: Night) -> None:
    night.claims()
    night.changes("half a fix")
    night.undoes("half a fix")
    night.back()
    night.once(FAILED, lasts=NS_PER_S)
    night.tries(3, FAILED)
    night.changes()
    night.tries(60, PASSED)


def stepped_back_during_a_single_run(night: Night) -> None:
    night.claims()
    night.tries(10, FAILED)
    night.once(FAILED, lasts=HOUR, step_back=2 * HOUR)
    night.changes()
    night.tries(60, PASSED)


def a_script_of_the_future(night: Night) -> None:
    night.claims_by_a_script(30 * MINUTE)
    night.tries(10, FAILED)
    night.changes()
    night.tries(3, FAILED)
    night.tries(60, PASSED)


def changed_meanwhile(night: Night) -> None:
    night.claims()
    night.tries(10, FAILED)
    number = night.plans(20)
    night.runs(number, 10, FAILED)
    night.changes()
    night.runs(number, 10, FAILED)
    night.tries(60, PASSED)


def changed_meanwhile_and_stepped_back(night: Night) -> None:
    night.claims()
    night.tries(10, FAILED)
    number = night.plans(20)
    night.runs(number, 10, FAILED)
    night.changes()
    night.back()
    night.runs(number, 10, FAILED)
    night.tries(60, PASSED)


def changed_meanwhile_and_held(night: Night) -> None:
    night.claims()
    night.tries(10, FAILED)
    number = night.plans(20)
    night.runs(number, 10, FAILED)
    night.changes()
    night.runs(number, 10, PASSED)
    night.tries(60, PASSED)


CASES: Sequence[tuple[Steps, str, int, int]] = [
    (stepped_back, "no", 3, 0),
    (stepped_back_one_run, "no", 1, 0),
    (stepped_back_before_the_fix, "yes", 0, 0),
    (stepped_back_twice, "yes", 0, 0),
    (stepped_back_before_single_runs, "yes", 0, 0),
    (stepped_back_before_an_undo_and_a_single_run, "yes", 0, 0),
    (stepped_back_during_a_single_run, "yes", 0, 0),
    (a_script_of_the_future, "no", 3, 0),
    (changed_meanwhile, "no", 10, 1),
    (changed_meanwhile_and_stepped_back, "no", 10, 1),
    (changed_meanwhile_and_held, "yes", 0, 1),
]


@pytest.mark.parametrize(("steps", "answer", "again", "left_out"), CASES, ids=[case[0].__name__ for case in CASES])
def test_the_answer_follows_the_order_of_the_file(
    journal: Journal, clock: FakeClock, writer: Writer, steps: Steps, answer: str, again: int, left_out: int
) -> None:
    night = Night(journal, clock, writer)
    steps(night)
    fixed = night.answer()
    assert (answer_line(fixed).text.partition(":")[0], fixed.since.recurrences, fixed.apart.straddling_count) == (
        answer,
        again,
        left_out,
    )


@pytest.mark.parametrize(
    "rotate_after", [n if n in (0, 1, 4, 8) else pytest.param(n, marks=pytest.mark.slow) for n in range(9)]
)
@pytest.mark.parametrize("steps", [case[0] for case in CASES], ids=[case[0].__name__ for case in CASES])
def test_a_rotation_in_between_changes_no_answer(
    journal: Journal, clock: FakeClock, writer: Writer, steps: Steps, rotate_after: int
) -> None:
    """state(last file) = state(all files), and the writer goes on with that state as well."""
    night = Night(journal, clock, writer, rotate_after)
    steps(night)
    expected = next(case[1:] for case in CASES if case[0] == steps)
    fixed = night.answer()
    assert (
        answer_line(fixed).text.partition(":")[0],
        fixed.since.recurrences,
        fixed.apart.straddling_count,
    ) == expected
    with writer.lock_log(full_state=True) as locked:
        assert locked._load_state(full=True) == night.state


@pytest.mark.parametrize(
    ("began", "line", "change", "after"),
    [
        (5, (10, 10), (3, 3), True),
        (2, (10, 10), (3, 3), False),
        (1, (21, 2), (20, 20), True),  # the step back came after the change, and the run after the step
        (19, (21, 2), (20, 20), False),  # the change and then the step came during the run
        (19, (30, 11), (25, 6), False),  # the step and then the change came during the run
    ],
)
def test_a_run_is_before_or_after_a_change_whatever_the_clock_was_set_to(
    began: int, line: tuple[int, int], change: tuple[int, int], after: bool
) -> None:
    """Positions and readings of the clock in minutes; the run took one minute."""
    run = Run(1, BARE, FAILED, 1, began * MINUTE, MINUTE, 0, 0)
    points = [LogPoint(position * MINUTE, reading * MINUTE) for position, reading in (line, change)]
    assert has_begun_after(run, *points) == after


@pytest.mark.parametrize("rotate_after", [None, 0, 1, 2, 3, 4])
def test_a_correction_after_the_clock_was_stepped_back_is_read(
    journal: Journal, clock: FakeClock, writer: Writer, rotate_after: int | None
) -> None:
    night = Night(journal, clock, writer, rotate_after)
    night.says("old words")
    night.claims()
    writer.write(evidence_draft("support", "H1", night.stamps["old words"], "old words"))
    night._stepped()
    night.back()
    writer.write(correction_draft(night.stamps["old words"], "new words"))
    night._stepped()
    state = night.state
    (move,) = thread_of(state, state.hypotheses[1]).supports
    assert event_text(state, move).startswith("new words")


def test_failures_of_another_experiment_that_went_on_meanwhile_are_named(
    journal: Journal, clock: FakeClock, writer: Writer
) -> None:
    night = Night(journal, clock, writer)
    night.claims()
    night.tries(10, FAILED)
    number = night.plans(20, HARD, "./repro --hard")
    night.runs(number, 10, FAILED)
    night.changes()
    night.runs(number, 10, FAILED)
    night.tries(60, PASSED)
    answer = night.answer()
    assert (answer.since.recurrences, answer.is_fixed) == (0, True)
    (runs,) = answer.apart.not_counted
    assert (runs.failed, runs.differences) == (10, "other arguments: ./repro --hard, not ./repro")


def test_changes_between_two_pieces_of_evidence_are_counted_after_a_step(
    journal: Journal, clock: FakeClock, writer: Writer
) -> None:
    night = Night(journal, clock, writer)
    night.claims()
    for words in ("slow", "slower"):
        night.says(words)
        before = night.state
        block = writer.write(evidence_draft("support", "H1", night.stamps[words], words))
        night._stepped()
        if words == "slow":
            night.back()
            night.changes("the pool")
            night.changes("the index")
    state = night.state
    first, second = thread_of(state, state.hypotheses[1]).supports
    assert [remark.partition(" changed")[0] for remark in event_warnings(second, first, state, 1)] == ["two things"]
    assert [remark.partition(" changed")[0] for remark in warnings_for(before, block.draft_entries)] == [
        "H1: two things"
    ]


def seen(night: Night, pattern: str = "deadlock") -> FixConfidence:
    state, live = night.state, resolve_journal(night.journal.log_path).open_live()
    assert live is not None
    watched = find_occurrences(night.journal, live, pattern, None)
    return assess_occurrences(state, state.hypotheses[1], pattern, watched, None, night.clock.now)[1]


@pytest.mark.parametrize("rotate_after", [None, 2, 4, 5, 6])
def test_what_is_seen_after_the_clock_was_stepped_back_is_seen_since(
    journal: Journal, clock: FakeClock, writer: Writer, rotate_after: int | None
) -> None:
    night = Night(journal, clock, writer, rotate_after)
    night.claims()
    for _ in range(3):
        night.says("deadlock")
    night.changes()
    night.says("quiet")
    night.back(HOUR)
    night.says("deadlock")
    clock.forward(20 * MINUTE)
    answer = seen(night)
    assert (answer.before.failed, answer.since.recurrences, answer.since.clean) == (
        3,
        1,
        clock.now.ns - night.stamps["deadlock"].ns,
    )
    assert answer_line(answer).text.startswith("no: ")


def test_a_note_that_quotes_a_step_of_the_clock_lengthens_no_time(
    journal: Journal, clock: FakeClock, writer: Writer
) -> None:
    night = Night(journal, clock, writer)
    night.claims()
    night.says("deadlock")
    night.changes()
    before = seen(night)
    night.says("WARNING: Clock stepped back 99999.000 s; the order of the file is the true order.")
    assert seen(night).since.clean == before.since.clean + MINUTE


@pytest.mark.parametrize("rotate_after", [None, 0, 1, 2, 3])
def test_the_newest_open_hypothesis_is_first_on_the_board_after_the_clock_was_stepped_back(
    journal: Journal, clock: FakeClock, writer: Writer, rotate_after: int | None
) -> None:
    night = Night(journal, clock, writer, rotate_after)
    night.claims()
    night.back()
    night.claims()
    night.back()
    night.claims()
    night.says("rotated before this, if not earlier")
    assert [hypothesis.name for hypothesis in sorted_hypotheses(night.state)] == ["H3", "H2", "H1"]
