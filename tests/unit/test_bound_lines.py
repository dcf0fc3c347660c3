"""What a line is bound to: a hypothesis of its own journal, or one of another host. Both are read back the same way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.experiments import REPRO
from support.hypotheses import hypothesis_entry, refusal, state_after, written_entries
from support.lines import NIGHT, at_second
from threeam.core.format.entry import Entry, format_entry, parse_entry
from threeam.core.format.remote_hypothesis import Bound, RemoteHypothesis, bound_json, bound_to, name_of_bound
from threeam.core.state.fold import State
from threeam.core.write.draft import Draft, bound_note_draft
from threeam.experiments.arms.arm import Arm
from threeam.experiments.bisect.bisect_drafts import bisect_draft
from threeam.experiments.bisect.bisect_drafts import result_draft as bisected_draft
from threeam.experiments.bisect.bisect_log import bisections
from threeam.experiments.experiment import Run
from threeam.experiments.failure_rule import FAILED
from threeam.experiments.provoke.budget import RunBudget
from threeam.experiments.provoke.halving import Halving
from threeam.experiments.provoke.search import searches_by_number
from threeam.experiments.provoke.search_drafts import SearchFacts, search_draft
from threeam.experiments.runs.run_drafts import PlanFacts, plan_draft, single_run_draft, verdict_draft_line
from threeam.experiments.runs.run_log import experiments, require_experiment
from threeam.hypotheses.changes import change_draft, changes, parse_typed_change
from threeam.projections import FOLD
from threeam.tracing.capture import Pane, captured_draft
from threeam.tracing.observations import TracerAttachment, attached_draft, detached_draft

DB1 = RemoteHypothesis("db1", "d" * 32, 7, at_second(0))
OWN = hypothesis_entry(7, "the cron job")
RUN = Run(1, "bare", FAILED, 1, NIGHT.ns, 10**6, 1000, 0)
PANE = Pane("%3", "", "", "")
BOUND = st.one_of(
    st.none(),
    st.just(7),
    st.builds(
        RemoteHypothesis,
        st.text("ab1·._-", min_size=1, max_size=9),
        st.text("0123456789abcdef", min_size=32, max_size=32),
        st.integers(1, 999_999_999),
        st.integers(0, 10**6).map(at_second),
    ),
)


def written(bound: Bound | None) -> list[Entry]:
    """Return a line of each kind that may be bound, as the commands write them."""
    attachment = TracerAttachment("strace", 4121, "worker", NIGHT.ns, bound)
    facts = PlanFacts(4, 7, [Arm("bare")], REPRO, "plan-1-1.json")
    halving = Halving(1, (2,), 1)
    drafts: list[Draft] = [
        change_draft("pool at 50", "back to 9", f"H{bound}" if isinstance(bound, int) else bound),
        plan_draft("./repro; 4 runs of bare", facts, bound),
        single_run_draft("./repro", RUN, REPRO, bound),
        search_draft("./repro", SearchFacts(("bare", "noise"), halving, RunBudget(60), REPRO, "plan-1-2.json"), bound),
        bisect_draft("./repro", 7, 40, "bisect-1-2.json", bound),
        attached_draft(attachment),
        detached_draft(attachment, NIGHT.ns + 1, ""),
        captured_draft(PANE, ["line"], "pane-1-3.out", bound),
    ]
    lines = [OWN]
    for second, draft in enumerate(drafts, 1):
        lines += written_entries(draft, state_after(*lines), second)
    return [read_back(entry) for entry in lines[1:]]


def read_back(entry: Entry) -> Entry:
    """Return ``entry`` as it is read from the file."""
    read = parse_entry(format_entry(entry)[:-1])
    assert read is not None
    return read


def parts(state: State) -> list[Any]:
    """Return what is bound in a state, and the name that its host had."""
    bound: list[Any] = [
        *changes(state),
        *experiments(state),
        *searches_by_number(state).values(),
        *bisections(state).values(),
    ]
    return [(part, None if part.hypothesis is None else name_of_bound(part.hypothesis)) for part in bound]


@given(BOUND)
def test_what_is_bound_is_read_back_also_after_rotations(bound: Bound | None) -> None:
    lines = written(bound)
    assert {bound_to(entry) for entry in lines if entry.text[:2] != "| "} == {bound}
    before = parts(state_after(OWN, *lines))
    assert [part.hypothesis for part, _ in before] == [bound] * 5
    once = FOLD.checkpoint(state_after(OWN, *lines), at_second(100))
    once = [read_back(entry) for entry in once]
    twice = FOLD.checkpoint(state_after(*once), at_second(200))
    assert parts(state_after(*once)) == parts(state_after(*twice)) == before


@given(BOUND)
def test_the_lines_that_end_a_plan_are_bound_as_it_is(bound: Bound | None) -> None:
    state = state_after(OWN, *written(bound))
    (bisection,) = bisections(state).values()
    verdict = verdict_draft_line(require_experiment(state, "R1"), state, "bare 1/4 failed", [("VERDICT", "bare=1/4")])
    bisected = bisected_draft(bisection, "5d1e has introduced it", 0.97)
    for draft in (Draft.fixed([verdict]), bisected):
        assert [bound_to(entry) for entry in written_entries(draft, state, 50)] == [bound]


def test_a_hypothesis_of_another_host_is_the_same_under_another_name_of_the_host() -> None:
    renamed = DB1._replace(host="db1·dddd")
    assert renamed == DB1
    assert {renamed, DB1} == {DB1}
    assert {renamed: 1}[DB1] == 1
    for other in (DB1._replace(number=8), DB1._replace(origin_id="e" * 32), DB1._replace(opened_at=at_second(1)), 7):
        assert other != DB1


def test_nothing_of_another_host_is_taken_for_the_own_one_of_its_number() -> None:
    state = state_after(OWN, *written(DB1))
    assert state.hypotheses == state_after(OWN).hypotheses
    assert {part.hypothesis == 7 for part, _ in parts(state)} == {False}
    assert (bound_json(7), bound_json(DB1), bound_json(None)) == (7, "db1/H7", None)


def test_a_hypothesis_that_the_log_does_not_have_is_refused() -> None:
    for draft in (bound_note_draft("x", "H9"), change_draft("x", "", "H9"), captured_draft(PANE, ["x"], "f.out", 9)):
        assert refusal(draft, state_after(OWN)) == "there is no hypothesis H9: 3am hyp list shows those there are"


@pytest.mark.parametrize(
    "name", ["H7", "h7", "7", "@03:14:07", "db1/H7", "db1/7", "db1·3f2a/H7", "3f2a/H7", "db-1.x/h7"]
)
def test_a_typed_change_names_its_hypothesis(name: str) -> None:
    assert parse_typed_change(f"-H {name} pool at 50 (undo: back)") == ("pool at 50", "back", name)
