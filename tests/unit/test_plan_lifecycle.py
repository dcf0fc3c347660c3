"""The life of a plan, the same for an experiment, a search and a bisection."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from support.journals import FakeClock
from threeam.core.errors import FileUnusable, JournalError, LockTimeout, PreconditionFailed
from threeam.core.store.attachments import attachment_dir
from threeam.core.store.journal import Journal
from threeam.core.write.draft import Draft
from threeam.core.write.writer import Writer
from threeam.experiments.arms.arm import Arm
from threeam.experiments.bisect.bisect_drafts import bisect_draft
from threeam.experiments.bisect.bisect_plan import BisectPlan, Commit
from threeam.experiments.bisect.bisect_runner import BISECT_PLANS
from threeam.experiments.failure_rule import FailureRule
from threeam.experiments.lifecycle import (
    JournalAccess,
    PlanFormat,
    begun_plan,
    explained_ending,
    lock_plan,
    read_plan,
)
from threeam.experiments.plan import ExperimentPlan
from threeam.experiments.provoke.search_plan import Reproducer, SearchPlan
from threeam.experiments.provoke.search_runner import SEARCH_PLANS
from threeam.experiments.runner import EXPERIMENT_PLANS
from threeam.process.execute import StartFailed

RULE = FailureRule()
BISECTION = BisectPlan(("./repro",), "", RULE, None, "/src", "", "/trees", (Commit("a1", "old"), Commit("b2", "new")))
EXPERIMENT = ExperimentPlan(("./repro",), (), 5, 1, RULE, None, "/src")
SEARCH = SearchPlan(Reproducer(("./repro",), RULE, 5, "/src"), (Arm("bare"), Arm("nice", ("nice",))), 7)
BEGINS: tuple[tuple[PlanFormat[Any], Any, str], ...] = (
    (EXPERIMENT_PLANS, EXPERIMENT, "3am run -n makes a new plan"),
    (SEARCH_PLANS, SEARCH, "3am provoke makes a new plan"),
    (BISECT_PLANS, BISECTION, "3am bisect GOOD BAD makes a new plan"),
)


class Recorder:
    """A listener that keeps what it was told."""

    def __init__(self) -> None:
        self.hints: list[str] = []
        self.written = b""
        self.ends = 0

    def on_written(self, raw: bytes) -> None:
        self.written += raw

    def on_warning(self, text: str) -> None:
        pytest.fail(f"no warning was expected: {text}")

    def on_unfinished(self, text: str) -> None:
        self.hints.append(text)

    def on_end(self) -> None:
        self.ends += 1


@pytest.fixture
def access(writer: Writer, clock: FakeClock) -> JournalAccess:
    return JournalAccess(writer.journal, clock, lambda: writer, lambda: pytest.fail("no state is needed"))


def draft_of(file_name: str) -> Draft:
    return bisect_draft("./repro", 1, 10, file_name, None)


@pytest.mark.parametrize(("plans", "plan", "remedy"), BEGINS)
def test_a_plan_of_each_sort_is_read_back_and_one_without_a_signature_is_refused_alike(
    access: JournalAccess, plans: PlanFormat[Any], plan: Any, remedy: str
) -> None:
    with begun_plan(access, Recorder(), plans, plan, draft_of) as (name, _):
        assert name == "R1"
    (file,) = Path(attachment_dir(access.journal)).glob(f"{plans.prefix}-*.json")
    assert read_plan(access.journal, plans, file.name).signed() == plan
    file.write_bytes(plans.encode(plan))
    refusal = f"{file} is not signed with your key, so its command is not run: ./repro; {remedy}"
    with pytest.raises(FileUnusable) as refused:
        read_plan(access.journal, plans, file.name).signed()
    assert str(refused.value) == refusal


def test_a_plan_is_locked_while_it_runs(access: JournalAccess) -> None:
    listener = Recorder()
    with begun_plan(access, listener, BISECT_PLANS, BISECTION, draft_of) as (name, _):
        (file,) = Path(attachment_dir(access.journal)).glob("bisect-*.json")
        assert b"[R1: 0/10]" in listener.written
        with (
            pytest.raises(PreconditionFailed, match=r"^R1 is being run by another process$"),
            lock_plan(str(file), name),
        ):
            pass
    with lock_plan(str(file), name):
        assert file.exists()


def test_the_file_of_a_plan_whose_line_was_not_written_is_removed(access: JournalAccess, journal: Journal) -> None:
    with (
        patch.object(Writer, "write", side_effect=LockTimeout("lock", "10s")),
        pytest.raises(LockTimeout),
        begun_plan(access, Recorder(), BISECT_PLANS, BISECTION, draft_of),
    ):
        pass
    assert os.listdir(attachment_dir(journal)) == []


@pytest.mark.parametrize(
    ("error", "raised", "reason"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt, ""),
        (LockTimeout("lock", "10s"), JournalError, "once this is fixed, "),
        (OSError("the disk is full"), FileUnusable, "once this is fixed, "),
        (StartFailed("no such program"), FileUnusable, "once this is fixed, "),
    ],
)
def test_a_plan_that_is_ended_too_early_says_how_it_is_continued(
    error: BaseException, raised: type[BaseException], reason: str
) -> None:
    listener = Recorder()
    with pytest.raises(raised), explained_ending("R7", "3am bisect --resume", listener):
        raise error
    assert listener.hints == [f"R7 is ended before its plan is done: {reason}3am bisect --resume R7 continues it"]
    assert listener.ends == 1


@pytest.mark.parametrize("end", [lambda: None, lambda: 1 / 0])
def test_a_plan_that_is_done_or_a_fault_of_3am_itself_is_not_explained(end: Callable[[], object]) -> None:
    listener = Recorder()
    try:
        with explained_ending("R7", "3am run --resume", listener):
            end()
    except ZeroDivisionError:
        pass
    assert (listener.hints, listener.ends) == ([], 1)
