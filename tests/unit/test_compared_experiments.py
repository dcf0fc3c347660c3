"""Which runs are compared: those of the same command, arm, wrapper, folder and rule; the others are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.experiments import BY, FIX, HALF, MORE, REPRO, Changed, Event, Runs, answer_to, plan_entry, stamp
from threeam.core.format.entry import NS_PER_S, Entry
from threeam.experiments.arms.arm import Arm, parse_arm
from threeam.experiments.failure_rule import FailureRule
from threeam.experiments.fingerprint import ExperimentIdentity, identity_of, parse_identity, wrapper_fingerprint
from threeam.experiments.fixes.fix_confidence_report import fix_confidence_report
from threeam.projections import FOLD
from threeam.reports.fix_assessment import assess_runs

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
    assert (answer.since.clean, answer.is_fixed) == (0, False)
    (runs,) = answer.apart.not_counted
    assert (runs.passed, runs.differences) == (150, differs)
    assert f"not counted: {runs.label}: 0 failed, 150 passed" in [
        line.text for line in fix_confidence_report(answer)[1].lines
    ]


@pytest.mark.parametrize("counted", [Runs(0, 60), Runs(1, 59)], ids=["a yes", "a no"])
def test_other_runs_that_failed_are_named_whatever_the_answer_is(counted: Runs) -> None:
    """./repro --hard still fails: a yes for ./repro must not hide that."""
    hard = Runs(30, 0, identity=REPRO._replace(arguments="ba9876543210"), command="./repro --hard")
    _, answer = answer_to([HALF, FIX, *[hard] * 5, counted])
    assert [(runs.failed, runs.differences) for runs in answer.apart.not_counted] == [
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
    assert (answer.since.clean, [(runs.passed, runs.differences) for runs in answer.apart.not_counted]) == (
        5,
        [(20, differs)],
    )
    _, answer = answer_to([HALF, FIX, *[Runs(0, 20, identity=other)] * 5, Runs(0, 5)])
    assert (len(answer.apart.not_counted), answer.apart.further_clean_runs) == (3, 40)
    assert "not counted: 40 runs more, all clean" in [line.text for line in fix_confidence_report(answer)[1].lines]


def test_a_clean_arm_beside_the_one_that_counts_is_named_once() -> None:
    slow = Arm("slow", ("nice",))
    _, answer = answer_to([HALF, FIX, Runs(0, 20), Runs(0, 7, arm=slow)])
    assert [(runs.passed, runs.differences) for runs in answer.apart.not_counted] == [(7, "arm slow, not bare")]
    _, answer = answer_to([HALF, Runs(5, 5, arm=slow), FIX, Runs(0, 20), Runs(0, 7, arm=slow)])
    assert ([tally.clean for tally in answer.apart.other_failing_arms], answer.apart.not_counted) == ([7], ())


def test_an_arm_with_another_wrapper_is_another_arm() -> None:
    slow, fast = Arm("slow", ("env", "P=0.6")), Arm("slow", ("env", "P=0"))
    _, answer = answer_to([Runs(120, 80, arm=slow), FIX, Runs(0, 150, arm=fast)])
    assert (answer.since.clean, answer.apart.not_counted[0].differences) == (0, "the arm slow has a different wrapper")
    _, answer = answer_to([Runs(120, 80, arm=slow), FIX, Runs(0, 150, arm=slow)])
    assert answer.is_fixed


def test_the_nearest_of_those_that_do_not_count_is_named_first() -> None:
    far = Runs(0, 9, identity=ExperimentIdentity("/x", "1" * 12, "/y", "timeout after 1 s"), arm=Arm("pin"))
    near = OTHER_ARGUMENTS
    _, answer = answer_to([HALF, FIX, near, far])
    assert [runs.passed for runs in answer.apart.not_counted] == [150, 9]


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
    assert (answer.since.clean, len(answer.apart.not_counted)) == (0, 1)
    assert answer.apart.not_counted[0].differences.startswith("an older 3am wrote R1, and did not record its program")


def test_a_changed_program_is_reported_and_is_not_another_experiment() -> None:
    old, new = (
        Runs(*counts, identity=REPRO._replace(sha256=sha)) for counts, sha in (((100, 100), "aa"), ((0, 20), "bb"))
    )
    _, answer = answer_to([old, FIX, new])
    assert answer.is_fixed
    assert [
        line.detail for line in fix_confidence_report(answer)[1].lines if line.text == "the program changed since"
    ] == ["its SHA-256 was aa, and is bb"]
    _, answer = answer_to([old, FIX, new._replace(identity=old.identity)])
    assert (answer.builds.changes, answer.builds.is_same) == ((), True)
    assert "the same build before and since" in [line.text for line in fix_confidence_report(answer)[1].lines]


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
