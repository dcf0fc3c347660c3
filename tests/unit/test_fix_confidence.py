"""May I call it fixed? Which change is the fix, which runs are before and since it, and which runs are compared.

The cases are a table: what happened, in its order, and what `3am fixed H7` answers. Each event comes a minute after the
one before it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.experiments import (
    BY,
    FIX,
    HALF,
    MINUTE,
    MORE,
    OTHER,
    REPRO,
    Changed,
    Event,
    Runs,
    Undone,
    answer_to,
    plan_entry,
    stamp,
    state_after,
)
from threeam.cli.fixed import answer_json
from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import NS_PER_S, Entry
from threeam.experiments.arms import Arm, parse_arm
from threeam.experiments.failure_rule import FailureRule
from threeam.experiments.fingerprint import ExperimentIdentity, identity_of, parse_identity, wrapper_fingerprint
from threeam.experiments.fix_confidence_report import answer_line, fix_confidence_report
from threeam.projections import FOLD
from threeam.reports.fixed_report import assess_runs, fix_progress_lines
from threeam.reports.fixed_report import fix_report as told_parts

LOOSE = Changed("fix")  # bound to nothing


@pytest.mark.parametrize(
    ("events", "fix", "answer", "before", "clean"),
    [
        # One change.
        ([HALF, FIX, Runs(0, 20)], "fix", "yes", (100, 200), 20),
        ([HALF, LOOSE, Runs(0, 20)], "fix", "yes", (100, 200), 20),
        ([HALF, FIX, Runs(1, 19)], "fix", "no", (100, 200), 19),
        # It holds, and then something else is changed: the count goes on.
        ([HALF, FIX, Runs(0, 20), OTHER], "fix", "yes", (100, 200), 20),
        ([HALF, LOOSE, Runs(0, 20), OTHER], "fix", "yes", (100, 200), 20),
        ([HALF, FIX, Runs(0, 20), Changed("of H8", 8)], "fix", "yes", (100, 200), 20),
        ([HALF, FIX, Runs(0, 2), OTHER, Runs(0, 2)], "fix", "not yet", (100, 200), 4),
        ([HALF, FIX, Runs(0, 10), MORE, Runs(0, 10)], "fix", "yes", (100, 200), 20),
        # It failed again, and then something else is changed: that is not forgotten.
        ([HALF, FIX, Runs(2, 198), OTHER, Runs(0, 20)], "fix", "no", (100, 200), 218),
        ([HALF, LOOSE, Runs(2, 198), OTHER, Runs(0, 20)], "fix", "no", (100, 200), 218),
        ([HALF, FIX, Runs(2, 198), Changed("of H8", 8), Runs(0, 20)], "fix", "no", (100, 200), 218),
        ([HALF, FIX, Runs(2, 198), MORE, Runs(0, 20)], "fix", "no", (100, 200), 218),
        # What was undone is no fix; what was run meanwhile is not in the rate.
        ([HALF, FIX, Runs(2, 198), Undone("fix"), MORE, Runs(0, 20)], "more", "yes", (100, 200), 20),
        ([HALF, FIX, Runs(0, 20), Undone("fix"), Runs(3, 7), MORE, Runs(0, 20)], "more", "yes", (103, 210), 20),
        ([HALF, OTHER, Undone("other"), FIX, Runs(0, 20)], "fix", "yes", (100, 200), 20),
        # A change before anything failed is not the fix.
        ([MORE, HALF, FIX, Runs(0, 20)], "fix", "yes", (100, 200), 20),
        ([OTHER, HALF, LOOSE, Runs(0, 20)], "fix", "yes", (100, 200), 20),
        # Changes that are bound to nothing do not concern H7 if one is bound to it. They only ask for more.
        ([HALF, OTHER, Runs(30, 30), FIX, Runs(0, 20)], "fix", "yes", (30, 60), 20),
        ([Runs(1, 99), OTHER, HALF, FIX, Runs(0, 8)], "fix", "not yet", (101, 300), 8),
        ([HALF, LOOSE, Runs(2, 198), MORE, Runs(0, 20)], "more", "not yet", (2, 200), 20),
        ([HALF, LOOSE, Runs(0, 40), MORE, Runs(0, 20)], "more", "yes", (100, 240), 20),
        # Inconclusive runs are neither.
        ([HALF, FIX, Runs(0, 0, 110)], "fix", "not yet", (100, 200), 0),
        ([Runs(50, 0, 150), FIX, Runs(0, 20)], "fix", "yes", (50, 50), 20),
    ],
)  # fmt: skip
def test_the_table_of_cases(events: list[Event], fix: str, answer: str, before: tuple[int, int], clean: int) -> None:
    change, fixed = answer_to(events)
    assert (change, answer_line(fixed).text.partition(":")[0]) == (fix, answer)
    assert (fixed.failed, fixed.exposure, fixed.clean_since) == (*before, clean)
    assert [line.text.startswith("H7 " + answer) for line in fix_progress_lines(state_after(events))] == [True]


def test_with_two_changes_the_later_one_is_judged_by_the_rate_that_the_first_one_left() -> None:
    """A half fix brought it from 50 % to 1 %: what remains needs thousands of runs, and not 13."""
    events: list[Event] = [HALF, FIX, Runs(2, 198), MORE, Runs(0, 20)]
    state = state_after(events)
    hypothesis = state.find_hypothesis("H7")
    assert hypothesis is not None
    change, answer = assess_runs(state, hypothesis)
    lines = [line for part in told_parts(state, hypothesis, change, answer, stamp(9)) for line in part.lines]
    (later,) = (line for line in lines if line.text == "later: more")
    assert later.detail == f"if that is the fix: 3am fixed H7 --since @{stamp(3)}"
    change, answer = assess_runs(state, hypothesis, stamp(3).ns)
    assert (change.text, answer.failed, answer.exposure, answer.required[-1]) == ("more", 2, 200, 2468)
    assert answer.earlier == (100, 200)
    assert not answer.is_fixed


@given(
    st.lists(
        st.sampled_from([HALF, Runs(2, 198), Runs(0, 20), FIX, MORE, Changed("of H8", 8)]), min_size=1, max_size=7
    ),
    st.integers(0, 7),
)
def test_an_unrelated_change_makes_no_yes_and_takes_no_clean_run(events: list[Event], place: int) -> None:
    """``events``: a hypothesis to which changes are bound; anywhere among them, a change that is bound to nothing."""
    if FIX not in events:
        events = [HALF, FIX, *events]
    try:
        _, without = answer_to(events)
    except PreconditionFailed:
        return
    _, with_it = answer_to([*events[:place], OTHER, *events[place:]])
    assert (with_it.clean_since, with_it.recurrences) == (without.clean_since, without.recurrences)
    assert with_it.levels_reached <= without.levels_reached


def test_of_two_unrelated_changes_neither_makes_a_yes_of_a_no() -> None:
    """The same, if nothing is bound to the hypothesis at all."""
    events: list[Event] = [HALF, LOOSE, Runs(2, 198)]
    for n in range(3):
        events += [Changed(f"other {n}"), Runs(0, 20)]
        assert answer_line(answer_to(events)[1]).text.startswith("no: ")


@pytest.mark.parametrize("extra_events", [[], [Runs(0, 50)]], ids=["no run is left", "no failure is left"])
def test_an_unrelated_change_during_every_failing_experiment_leaves_one_rate(extra_events: list[Event]) -> None:
    """With that change counted, the failing runs have no single configuration, and no rate remains to compare."""
    events: list[Event] = [*extra_events, Runs(4, 0, lasts=3 * MINUTE // 2), OTHER, FIX, Runs(0, 1)]
    _, answer = answer_to(events)
    _, without = answer_to([Changed("of H8", 8) if event == OTHER else event for event in events])
    assert (answer.failed, answer.exposure, answer.required) == (without.failed, without.exposure, without.required)
    assert (answer.ignores_unbound_changes, without.ignores_unbound_changes) == (True, False)
    lines = [(line.text, line.detail) for line in fix_confidence_report(answer)[1].lines]
    ignored = "changes that are bound to no hypothesis are ignored"
    assert (ignored, "one was made or undone during each experiment that failed before") in lines
    assert ignored not in [line.text for line in fix_confidence_report(without)[1].lines]


# --since


@pytest.mark.parametrize(
    ("minute", "change"),
    [(1, "fix"), (0.5, "fix"), (-5, "fix"), (1.5, "more"), (3, "more"), (2.99, "more")],
    ids=["its stamp", "a time before it", "long before", "a time after the first", "its stamp", "just before"],
)
def test_since_is_a_change_or_the_first_one_from_that_time_on(minute: float, change: str) -> None:
    events: list[Event] = [HALF, FIX, Runs(2, 198), MORE, Runs(0, 20)]
    assert answer_to(events, stamp(minute).ns)[0] == change


def test_since_a_time_after_every_change_names_those_there_are() -> None:
    with pytest.raises(
        PreconditionFailed, match=f"at that time or later: @{stamp(1)} fix; @{stamp(3)} more".replace("+", r"\+")
    ):
        answer_to([HALF, FIX, Runs(2, 198), MORE], stamp(3.5).ns)


def test_since_names_no_change_that_is_undone_or_of_another_hypothesis() -> None:
    events: list[Event] = [HALF, FIX, Changed("of H8", 8), Undone("fix"), OTHER, Runs(0, 20)]
    undone = f"@{stamp(1)} fix was undone by alice at {stamp(3)}, so it fixes nothing now: "
    for minute, why in ((1, undone), (2, f"@{stamp(2)} of H8 was made for H8, not for H7: ")):
        with pytest.raises(PreconditionFailed, match=re.escape(why)):
            answer_to(events, stamp(minute).ns)
    assert answer_to([HALF, FIX, OTHER, Runs(0, 20)], stamp(2).ns)[0] == "other", "one that is bound to nothing may be"


def test_without_a_run_since_the_change_the_first_line_says_so() -> None:
    assert answer_line(answer_to([HALF, FIX])[1]).text == "not yet: no run since the change"
    for other in (
        HALF._replace(identity=REPRO._replace(program="/srv/other")),
        Runs(0, 0, timed_out=9),
        Runs(0, 0, inconclusive=9),
    ):
        assert answer_line(answer_to([HALF, FIX, other])[1]).text == "not yet: no run since the change counts", other
    assert answer_line(answer_to([HALF, FIX, Runs(0, 1)])[1]).text.startswith("not yet: even if the rate")


def test_nothing_is_left_to_be_the_fix() -> None:
    with pytest.raises(PreconditionFailed, match="every change is undone: 3am changed -H H7"):
        answer_to([HALF, FIX, Undone("fix"), Runs(0, 20)])


# Which runs are compared.


OTHER_ARGUMENTS = Runs(0, 150, identity=REPRO._replace(arguments="ba9876543210"), command="./repro --new")


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (OTHER_ARGUMENTS, "other arguments: ./repro --new, not ./repro"),
        (Runs(0, 150, identity=REPRO._replace(folder="/srv/b [2]")), "run in /srv/b [2], not in /srv"),
        (Runs(0, 150, identity=REPRO._replace(program="/opt/repro")), "program /opt/repro, not /srv/repro"),
        (
            Runs(0, 150, identity=REPRO._replace(rule="timeout after 5 s")),
            "it fails if timeout after 5 s, not if exit!=0",
        ),
        (Runs(0, 150, arm=Arm("slow", ("nice",))), "arm slow, not bare"),
        (Runs(0, 150, hypothesis=None), "it is bound to no hypothesis"),
    ],
    ids=["arguments", "folder", "program", "rule", "arm", "hypothesis"],
)
def test_runs_of_another_experiment_do_not_count_and_are_named(other: Runs, differs: str) -> None:
    """The answer to 150 clean runs must not be 0 without a word."""
    _, answer = answer_to([HALF, FIX, other])
    assert (answer.clean_since, answer.is_fixed) == (0, False)
    (runs,) = answer.not_counted
    assert (runs.passed, runs.differences) == (150, differs)
    assert f"not counted: {runs.label}: 0 failed, 150 passed" in [
        line.text for line in fix_confidence_report(answer)[1].lines
    ]


@pytest.mark.parametrize("counted", [Runs(0, 60), Runs(1, 59)], ids=["a yes", "a no"])
def test_other_runs_that_failed_are_named_whatever_the_answer_is(counted: Runs) -> None:
    """./repro --hard still fails: a yes for ./repro must not hide that."""
    hard = Runs(30, 0, identity=REPRO._replace(arguments="ba9876543210"), command="./repro --hard")
    _, answer = answer_to([HALF, FIX, *[hard] * 5, counted])
    assert [(runs.failed, runs.differences) for runs in answer.not_counted] == [
        (30, "other arguments: ./repro --hard, not ./repro")
    ] * 5
    lines = [(line.text, line.icon) for line in fix_confidence_report(answer)[1].lines]
    assert ("not counted: R7 ./repro --hard, bare: 30 failed, 0 passed", "red") in lines
    _, answer = answer_to([HALF, hard, FIX, hard, counted])
    assert [line.detail for line in fix_confidence_report(answer)[1].lines if line.text.startswith("apart:")] == [
        "30 of 30 before, 30 failed and 0 clean since"
    ]


CLEAN_REMARK = "the rate includes runs under earlier changes: since the last of those, "


@pytest.mark.parametrize(
    ("between", "without"),
    [
        ([], "no run was made that counts"),
        ([Runs(0, 0, timed_out=9)], "no run was made that counts"),
        ([Runs(0, 9)], "nothing had failed"),
    ],
    ids=["nothing", "no run that counts", "clean runs"],
)
def test_that_nothing_ran_between_two_changes_is_not_called_clean(between: list[Event], without: str) -> None:
    _, answer = answer_to([MORE, HALF, Changed("half a fix", 7), *between, FIX, Runs(0, 20)], since=stamp(3).ns)
    remarks = [line.text for line in fix_confidence_report(answer)[1].lines]
    assert f"{CLEAN_REMARK}{without}" in remarks


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (REPRO._replace(rule="exit==3"), "it fails if exit==3, not if exit!=0"),
        (REPRO._replace(arguments="ba9876543210"), "other arguments: ./repro, not ./repro"),
    ],
    ids=["rule", "arguments"],
)
def test_clean_runs_that_do_not_count_are_named_beside_those_that_do(other: ExperimentIdentity, differs: str) -> None:
    _, answer = answer_to([HALF, FIX, Runs(0, 20, identity=other), Runs(0, 5)])
    assert (answer.clean_since, [(runs.passed, runs.differences) for runs in answer.not_counted]) == (
        5,
        [(20, differs)],
    )
    _, answer = answer_to([HALF, FIX, *[Runs(0, 20, identity=other)] * 5, Runs(0, 5)])
    assert (len(answer.not_counted), answer.further_clean_runs) == (3, 40)
    assert "not counted: 40 runs more, all clean" in [line.text for line in fix_confidence_report(answer)[1].lines]


def test_a_clean_arm_beside_the_one_that_counts_is_named_once() -> None:
    slow = Arm("slow", ("nice",))
    _, answer = answer_to([HALF, FIX, Runs(0, 20), Runs(0, 7, arm=slow)])
    assert [(runs.passed, runs.differences) for runs in answer.not_counted] == [(7, "arm slow, not bare")]
    _, answer = answer_to([HALF, Runs(5, 5, arm=slow), FIX, Runs(0, 20), Runs(0, 7, arm=slow)])
    assert ([tally.clean for tally in answer.other_failing_arms], answer.not_counted) == ([7], ())


def test_an_arm_with_another_wrapper_is_another_arm() -> None:
    slow, fast = Arm("slow", ("env", "P=0.6")), Arm("slow", ("env", "P=0"))
    _, answer = answer_to([Runs(120, 80, arm=slow), FIX, Runs(0, 150, arm=fast)])
    assert (answer.clean_since, answer.not_counted[0].differences) == (0, "the arm slow has a different wrapper")
    _, answer = answer_to([Runs(120, 80, arm=slow), FIX, Runs(0, 150, arm=slow)])
    assert answer.is_fixed


def test_the_nearest_of_those_that_do_not_count_is_named_first() -> None:
    far = Runs(0, 9, identity=ExperimentIdentity("/x", "1" * 12, "/y", "timeout after 1 s"), arm=Arm("pin"))
    near = OTHER_ARGUMENTS
    _, answer = answer_to([HALF, FIX, near, far])
    assert [runs.passed for runs in answer.not_counted] == [150, 9]


def test_what_an_older_version_wrote_is_compared_with_its_like_only() -> None:
    """It recorded neither the program nor the folder: that it is the same experiment, nobody can say."""
    events: list[Event] = [HALF, FIX, Runs(0, 150)]
    entries = [Entry(stamp(-2), 0, (BY, ("H7", "open")), "Hypothesis: it races")]
    for minute, event in enumerate(events):
        if isinstance(event, Runs):
            entry = plan_entry(minute + 1, stamp(minute), event)
            plan = f"n={event.failed + event.passed} seed=1 arms=bare same=5f1c0a77e2d4"
            old = [("PLAN", plan) if key == "PLAN" else (key, value) for key, value in entry.tags if key != "IDENTITY"]
            entries.append(entry._replace(tags=tuple(old)))
        else:
            entries.append(Entry(stamp(minute), 0, (BY, ("CHANGE", "open")), "Changed: fix"))
    older = FOLD(FOLD.empty_state, entries)
    hypothesis = older.find_hypothesis("H7")
    assert hypothesis is not None
    assert assess_runs(older, hypothesis)[1].is_fixed
    mixed = FOLD(FOLD.empty_state, [*entries[:-1], plan_entry(3, stamp(2), Runs(0, 150))])
    _, answer = assess_runs(mixed, hypothesis)
    assert (answer.clean_since, len(answer.not_counted)) == (0, 1)
    assert answer.not_counted[0].differences.startswith("an older 3am wrote R1, and did not record its program")


def test_that_the_program_has_changed_is_told_and_is_no_other_experiment() -> None:
    old, new = (
        Runs(*counts, identity=REPRO._replace(sha256=sha)) for counts, sha in (((100, 100), "aa"), ((0, 20), "bb"))
    )
    _, answer = answer_to([old, FIX, new])
    assert (answer.is_fixed, answer.build_hashes) == (True, ("aa", "bb"))
    assert [
        line.detail for line in fix_confidence_report(answer)[1].lines if line.text == "the program changed since"
    ] == ["its SHA-256 was aa, and is bb"]
    assert answer_to([old, FIX, new._replace(identity=old.identity)])[1].build_hashes is None


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({}, True),
        ({"command": ["./repro", "password=b"]}, True),
        ({"command": ["./repro", "password=a", "-x"]}, False),
        ({"command": ["sh", "password=a"]}, False),
        ({"folder": "/etc"}, False),
        ({"rule": FailureRule(3, False)}, False),
        ({"timeout_ns": 5 * NS_PER_S}, True),
        ({"timeout_ns": 5 * NS_PER_S, "rule": FailureRule(timeout=True)}, False),
    ],
    ids=str,
)
def test_what_is_the_same_experiment(changed: dict[str, object], same: bool) -> None:
    given: dict[str, object] = {
        "command": ["./repro", "password=a"],
        "rule": FailureRule(),
        "timeout_ns": NS_PER_S,
        "folder": "/",
    }
    of = [identity_of(**facts).fingerprint for facts in (given, {**given, **changed})]  # type: ignore[arg-type]
    assert (of[0] == of[1]) == same
    limits = [identity_of(["x"], FailureRule(timeout=True), ns, "/").fingerprint for ns in (NS_PER_S, NS_PER_S + 1)]
    assert limits[0] != limits[1], "the limit is the rule, if a time-out is a failure"


@pytest.mark.parametrize("folder", ["/srv", "/home/al ice/a]b[c%20", "/srv/\udcff", "/srv/ä\n"])
def test_an_identity_comes_back_from_its_tag(folder: str) -> None:
    identity = identity_of(["sh", "-c", "true"], FailureRule(regex="a b]"), None, folder)
    assert identity.program.endswith("/sh")
    assert len(identity.sha256) == 12
    key, value = identity.to_tag()
    assert (key, "]" in value, "\n" in value) == ("IDENTITY", False, False)
    back = parse_identity(value)
    assert back is not None
    assert back._replace(folder="") == identity._replace(folder="")
    assert parse_identity("program=/x") is None


def test_the_program_is_the_one_that_is_run_also_behind_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real/inner")
    program = tmp_path / "real" / "repro"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    identity = identity_of(["link/../repro"], FailureRule(), None, str(tmp_path))
    assert (identity.program, bool(identity.sha256)) == (str(program), True)
    assert identity_of(["./link/repro"], FailureRule(), None, str(tmp_path)).program == str(tmp_path / "link" / "repro")


def test_a_wrapper_is_its_words_and_not_its_name() -> None:
    same = [wrapper_fingerprint(parse_arm(spec, [0])) for spec in ("a=strace -f", "b=strace -f", "b=strace", "bare")]
    assert same[0] == same[1] != same[2]
    assert same[3] == "-"


def test_the_json_has_the_names_of_the_report() -> None:
    """``apart`` keeps the meaning that it had before there was ``not_counted``: scripts read it."""
    pin = Arm("pin", ("taskset", "1"))
    other = Runs(0, 150, hypothesis=None)
    events: list[Event] = [HALF, Runs(3, 7, arm=pin), FIX, Runs(0, 20, inconclusive=2, timed_out=5), other]
    state = state_after(events)
    hypothesis = state.find_hypothesis("H7")
    assert hypothesis is not None
    change, answer = assess_runs(state, hypothesis)
    lines = {
        line.text.split(":")[0]: line
        for part in told_parts(state, hypothesis, change, answer, stamp(9))
        for line in part.lines
    }
    record = answer_json(answer)
    assert (record["timed_out"], record["inconclusive"]) == (5, 2)
    assert lines["timed out"].text == "timed out: 5 runs since, not in the rate"
    assert lines["inconclusive"].text == "inconclusive: 2 runs since, not in the rate"
    (apart,), (runs,) = record["apart"], record["not_counted"]
    assert (apart["what"], apart["failed"], apart["ended"]) == ("./repro, pin", 3, 10)
    assert lines["apart"].text == f"apart:  {apart['what']}"
    assert (runs["passed"], runs["differs"]) == (150, "it is bound to no hypothesis")
    assert lines["not counted"].text.startswith(f"not counted: {runs['what']}: ")
