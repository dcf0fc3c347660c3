"""What an experiment has shown, and how it is told: verdicts, bars, reports. And the plan that it is made from."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threeam.core.errors import BadInput, FileUnusable, PreconditionFailed
from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.core.store.journal import resolve_journal
from threeam.core.write.writer import Writer
from threeam.experiments import experiment_report as report
from threeam.experiments.arms.arm import Arm, parse_arm, parse_arms, run_order
from threeam.experiments.experiment import ArmUsage, Experiment, LogPoint, Run, RunRecord, outcome_code
from threeam.experiments.failure_rule import (
    CUT_SHORT,
    FAILED,
    INCONCLUSIVE,
    PASSED,
    TIMED_OUT,
    FailureRule,
    format_exit,
    parse_failure_rule,
)
from threeam.experiments.fingerprint import ExperimentIdentity
from threeam.experiments.fixes.fix_from_occurrences import estimate_from_occurrences
from threeam.experiments.fixes.fix_from_runs import estimate_from_runs
from threeam.experiments.plan import ExperimentPlan
from threeam.experiments.runner import EXPERIMENT_PLANS
from threeam.experiments.runs import run_log as runs_module
from threeam.experiments.runs.run_drafts import PlanFacts, plan_draft, runs_draft, single_run_draft
from threeam.experiments.runs.run_rows import IsExperimentRun
from threeam.experiments.verdicts import verdict
from threeam.projections import FOLD

AT = Stamp(1_795_490_047_123_456_789)
LATER = Stamp(AT.ns + 60 * NS_PER_S)
IDENTITY = ExperimentIdentity("/srv/repro", "0123456789ab", "/srv", "exit!=0")


def place(ns: int = 0) -> LogPoint:
    return LogPoint(AT.ns + ns, AT.ns + ns)


def experiment(
    *counts: tuple[int, int, int], arms: str = "bare strace stress", remaining: int = 0, stamp: Stamp = AT
) -> Experiment:
    """One with so many failed, passed and timed out in each arm."""
    names = tuple(arms.split()[: len(counts)])
    letters = "".join(
        outcome_code(arm, outcome) * count
        for arm, arm_counts in enumerate(counts)
        for outcome, count in zip((FAILED, PASSED, TIMED_OUT), arm_counts, strict=True)
    )
    spent = tuple(ArmUsage(sum(arm_counts), sum(arm_counts) * 2_000_000, 0) for arm_counts in counts)
    letters += "." * remaining
    text = f"./repro; {len(letters)} runs of {', '.join(names)}, seed 7; fails if exit!=0"
    n = len(letters) // len(counts)
    return Experiment(12, stamp, None, 7, n, 7, names, "0123456789ab", text, "", RunRecord(letters, spent, stamp), ())


def test_a_tracer_that_hides_it() -> None:
    sentence = verdict.verdict_text(experiment((12, 188, 0), (1, 199, 0)))
    assert sentence == (
        "strace hides it (p = 0.0030); bare 12/200 failed, 6.00 % (3.14 to 10.2); "
        "strace 1/200 failed, 0.500 % (0.0127 to 2.75)"
    )


def test_what_looks_convincing_and_is_not() -> None:
    sentence = verdict.verdict_text(experiment((3, 47, 0), (0, 50, 0)))
    assert sentence.startswith("strace: no difference shown (p = 0.24); 158 runs an arm would show one of this size; ")


def test_chaos_that_provokes_it() -> None:
    assert "pin provokes it" in verdict.verdict_text(experiment((1, 199, 0), (30, 170, 0), arms="bare pin"))


def test_the_first_arm_need_not_be_the_bare_program() -> None:
    sentence = verdict.verdict_text(experiment((30, 170, 0), (1, 199, 0), arms="stress strace"))
    assert sentence.startswith("strace: fewer failures than stress (p = ")


def test_one_arm_has_a_rate_and_nothing_to_be_compared_with() -> None:
    assert verdict.verdict_text(experiment((12, 188, 0))) == "bare 12/200 failed, 6.00 % (3.14 to 10.2)"


def test_runs_that_timed_out_are_in_no_rate() -> None:
    sentence = verdict.verdict_text(experiment((0, 50, 0), (0, 20, 30)))
    assert "strace 0/20 failed" in sentence
    assert sentence.startswith("strace: no difference shown (p = 1.0), it never failed; ")
    assert sentence.endswith("; 30 runs of strace timed out, and are not in its rate")
    assert verdict.verdict_text(experiment((0, 50, 1))).endswith("; 1 run of bare timed out, and is not in its rate")


def test_an_arm_that_only_timed_out_tells_nothing() -> None:
    sentence = verdict.verdict_text(experiment((9, 41, 0), (0, 0, 50)))
    assert "strace: no difference shown (p = 1.0)" in sentence
    assert "strace: no run has a result; 50 runs of strace timed out" in sentence, "and there is no rate of 0 %"


def test_with_many_comparisons_each_has_to_be_clearer() -> None:
    sentence = verdict.verdict_text(experiment((6, 44, 0), (0, 50, 0), (6, 44, 0)))
    assert sentence.startswith("strace: no difference shown (p = 0.027); ")
    assert "; 2 comparisons, so p is held against 0.025; bare 6/50 failed" in sentence


@given(st.floats(1e-12, 1.0), st.integers(2, 4))
def test_numbers_have_their_digits_and_are_right_to_these(value: float, count: int) -> None:
    shown = verdict.format_significant(value, count)
    assert float(shown) == pytest.approx(value, rel=0.5 * 10 ** -(count - 1) * 1.01)
    assert len(shown.partition("e")[0].replace(".", "").lstrip("0")) >= count


def test_there_is_no_verdict_before_the_plan_is_done_nor_a_second_one(writer: Writer) -> None:
    writer.write(plan_draft("./repro; 2 runs of bare", PlanFacts(2, 7, [Arm("bare")], IDENTITY, "plan.json"), None))
    run = Run(1, "bare", FAILED, 1, AT.ns, 1, 1, 0)
    writer.write(runs_draft(1, 2, [run]))
    with pytest.raises(PreconditionFailed, match="no verdict before its plan is done: 1 of 2 runs are"):
        writer.write(verdict.verdict_draft(1))
    writer.write(runs_draft(1, 2, [run._replace(number=2, outcome=PASSED, exit_code=0)]))
    block = writer.write(verdict.verdict_draft(1))
    assert block.entries[0].text == "Verdict: bare 1/2 failed, 50.0 % (1.26 to 98.7)"
    with pytest.raises(PreconditionFailed, match="R1 has its verdict"):
        writer.write(verdict.verdict_draft(1))


def test_a_record_has_everything_in_full_and_compares_nothing_before_the_end() -> None:
    done = verdict.experiment_json(experiment((12, 188, 0), (1, 199, 0)))
    assert done["comparisons"][0]["p"] == pytest.approx(0.002960333899180048, rel=1e-9)
    assert done["arms"][0]["low"] == pytest.approx(0.03138395389348353, rel=1e-9)
    assert done["arms"][0]["mean_ns"] == 2_000_000
    assert (done["threshold"], done["comparisons"][0]["threshold"]) == (0.05, 0.05)
    assert verdict.experiment_json(experiment((12, 188, 0), (1, 199, 0), remaining=2))["comparisons"] is None


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 3), st.integers(20, 130), st.booleans())
def test_whatever_the_width_a_bar_fits_and_holds_its_rate(
    failed: int, passed: int, timed_out: int, width: int, emoji: bool
) -> None:
    planned = experiment((failed, passed, timed_out), (0, 9, 1))
    for part in report.experiment_report(planned, LATER, width, emoji=emoji):
        for line in part.lines:
            if ("●" if emoji else "*") in line.text:
                assert len(line.text) <= width
            if not emoji:
                assert line.text.isascii()


def test_the_shell_prints_the_page_of_the_screen_without_its_runs() -> None:
    detailed_runs = (Run(1, "bare", FAILED, 1, AT.ns, 1, 1, 5, "R12-1-1.out", AT),)
    planned = experiment((1, 2, 0))._replace(detailed_runs=detailed_runs)
    page = report.experiment_report(planned, LATER, 60, emoji=True)
    shell = report.experiment_report(planned, LATER, 60, emoji=True, with_runs=False)
    assert shell == [section for section in page if section.title != "failed"]


def test_a_strip_of_many_runs_is_as_wide_as_the_page() -> None:
    planned = experiment((0, 300, 0))
    strips = [
        line.text
        for section in report.experiment_report(planned, LATER, 60, emoji=False, with_runs=False)
        for line in section.lines
        if set(line.text) == {" ", "."}
    ]
    assert [len(strip.strip()) for strip in strips] == [52] * 5 + [40]


def test_runs_that_failed_are_listed_before_those_that_passed() -> None:
    detailed_runs = tuple(
        Run(n, "bare", outcome, int(outcome == FAILED), AT.ns, 1, 1, 5, f"R12-{n}-1.out", AT)
        for n, outcome in ((1, PASSED), (2, TIMED_OUT), (3, FAILED))
    )
    planned = experiment((1, 1, 1))._replace(detailed_runs=detailed_runs)
    titles = [part.title for part in report.experiment_report(planned, LATER, 80, emoji=True)]
    assert titles[2:] == ["failed", "timed out", "passed, the first of each arm", "plan"]


# The plan.


def test_every_block_has_each_arm_once() -> None:
    order = run_order(3, 50, 11)
    assert all(sorted(order[i : i + 3]) == [0, 1, 2] for i in range(0, 150, 3))
    assert len({tuple(order[i : i + 3]) for i in range(0, 150, 3)}) == 6, "in every order"


def test_the_order_of_a_seed_is_the_same_for_ever() -> None:
    assert run_order(3, 4, 42) == [2, 0, 1, 1, 2, 0, 0, 1, 2, 1, 0, 2]


def _delayed(calls: str, **delays_us: int) -> tuple[str, ...]:
    injections = [word for call, us in delays_us.items() for word in ("-e", f"inject={call}:delay_enter={us}")]
    return ("strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", *injections)


@pytest.mark.parametrize(
    ("spec", "before", "stated"),
    [
        ("bare", (), ""),
        ("pin", ("taskset", "-c", "3"), "taskset -c 3"),
        ("pin+stress", ("taskset", "-c", "3"), "taskset -c 3; a busy neighbour on each of 2 CPUs"),
        ("strace=strace -f -o '/tmp/a b'", ("strace", "-f", "-o", "/tmp/a b"), "strace -f -o '/tmp/a b'"),
        ("pin+gdb=gdb -batch", ("taskset", "-c", "3", "gdb", "-batch"), "taskset -c 3; gdb -batch"),
        ("x=env A=1+2", ("env", "A=1+2"), "env A=1+2"),
        ("delay:mkdir=20ms", _delayed("mkdir", mkdir=20_000), "each mkdir delayed by 20ms"),
        (
            "nice+delay:read=1ms+delay:write=30us",
            (*_delayed("read,write", read=1000, write=30), "nice", "-n", "19"),
            "nice -n 19; each read delayed by 1ms; each write delayed by 30us",
        ),
        ("perturb", ("env", "MALLOC_PERTURB_=165"), "freed memory filled with 165"),
        ("noise+quota:50", (), "every fifth lock operation of a thread delayed by up to 2ms; 50 % of one CPU"),
    ],
)
def test_an_arm_is_stated_as_it_is_done(spec: str, before: tuple[str, ...], stated: str) -> None:
    arm = parse_arm(spec, [3, 5])
    assert (arm.before, arm.about) == (before, stated)


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (["strace"], "say what strace is"),
        (["bare=strace"], "'bare' is built in and takes no wrapper"),
        (["bare+pin"], "'bare' cannot be combined"),
        (["a b=x"], "plain words"),
        (["x="], "the wrapper is empty"),
        (["x='"], "unbalanced quote"),
        (["bare,pin"], "use an --arm for each"),
        (["pin", "pin"], "already an arm of that name"),
        (["delya:mkdir=20ms"], "delya is not built in; built in are bare, pin, "),
        (["pin+pin"], "'pin' is repeated"),
        ([f"a{n}=x" for n in range(9)], "too many"),
        (["noise=env A=1"], "'noise' is built in and takes no wrapper"),
        (["delay:mkdir"], "write a system call and a time, as in delay:mkdir=20ms"),
        (["delay"], "write delay:mkdir=20ms"),
        (["delay:mkdir,rmdir=1ms"], "write a system call and a time"),
        (["delay:mkdir=20"], "'20' is not a duration"),
        (["delay:mkdir=100ns"], "a delay is from 1us to 1m"),
        (["delay:mkdir=1ms+delay:mkdir=2ms"], "'delay:mkdir' is repeated"),
        (["quota"], "write quota:50"),
        (["quota:0"], "write the percentage of one CPU"),
        (["quota:50+quota:20"], "two quotas"),
    ],
)
def test_an_arm_that_cannot_be_is_a_sentence(spec: list[str], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        parse_arms(spec, [0])


@pytest.mark.parametrize(
    ("fails", "regex", "code", "matched", "timed_out", "outcome"),
    [
        ([], None, 0, False, False, PASSED),
        ([], None, 139, False, False, FAILED),
        ([], None, 137, False, True, TIMED_OUT),
        (["timeout"], None, 137, False, True, FAILED),
        (["timeout"], None, 1, False, False, INCONCLUSIVE),
        (["timeout"], None, 0, False, False, PASSED),
        (["exit==3"], None, 1, False, False, INCONCLUSIVE),
        (["exit==3"], None, 0, False, False, PASSED),
        (["exit!=3"], None, 3, False, False, PASSED),
        (["exit==0"], None, 1, False, False, PASSED),
        (["exit==0"], None, 139, False, False, INCONCLUSIVE),
        (["exit == 3"], None, 3, False, False, FAILED),
        ([], "deadlock", 0, False, False, PASSED),
        ([], "deadlock", 1, False, False, INCONCLUSIVE),
        ([], "deadlock", 143, False, False, INCONCLUSIVE),
        ([], "deadlock", 0, True, False, FAILED),
        (["exit!=0"], "deadlock", 1, False, False, FAILED),
    ],
)
def test_a_rule(fails: list[str], regex: str | None, code: int, matched: bool, timed_out: bool, outcome: str) -> None:
    assert parse_failure_rule(fails, regex).outcome(code, timed_out=timed_out, matched=matched) == outcome


@pytest.mark.parametrize(
    ("fails", "regex"), [(["exit>0"], None), (["exit!=256"], None), (["exit!=0", "exit==1"], None), ([], "("), ([], "")]
)
def test_an_invalid_rule_is_refused_in_one_sentence(fails: list[str], regex: str | None) -> None:
    with pytest.raises(BadInput):
        parse_failure_rule(fails, regex)


def test_the_name_of_a_signal_says_more_than_its_number() -> None:
    assert [format_exit(code) for code in (0, 3, 139, 255)] == ["exit 0", "exit 3", "SIGSEGV", "exit 255"]


def test_a_plan_comes_back_from_its_file_byte_for_byte() -> None:
    arms = parse_arms(["bare", "strace=strace -f", "pin+stress+jitter"], [0, 1])
    plan = ExperimentPlan(
        ("./re pro", "\udcff", "-x"), arms, 200, 7, FailureRule(3, False, "a|b", True), 5 * NS_PER_S, "/srv"
    )
    assert EXPERIMENT_PLANS.decode(EXPERIMENT_PLANS.encode(plan), "plan.json") == plan
    content = EXPERIMENT_PLANS.encode(plan)
    for broken in (b"", b"{}", b"[]", content[:-9], content.replace(b'"n"', b'"m"')):
        with pytest.raises(FileUnusable):
            EXPERIMENT_PLANS.decode(broken, "plan.json")


# May I call it fixed?


def test_three_answers_since_the_rate_itself_is_uncertain() -> None:
    before = experiment((3, 47, 0))
    for clean, reached in ((48, 0), (49, 1), (84, 2), (237, 2), (238, 3)):
        answer = estimate_from_runs([before, experiment((0, clean, 0), stamp=LATER)], place())
        assert (answer.required, answer.since.clean, answer.levels_reached) == ((49, 84, 238), clean, reached)
        assert answer.is_fixed == (reached == 3)


def test_only_the_same_command_under_the_same_rule_in_the_same_arm_counts() -> None:
    before, clean = experiment((3, 47, 0)), experiment((0, 300, 0), stamp=LATER)
    assert estimate_from_runs([before, clean._replace(fingerprint="another")], place()).since.clean == 0
    assert estimate_from_runs([before, clean._replace(arms=("strace",))], place()).since.clean == 0
    assert estimate_from_runs([before, clean], place()).is_fixed


def test_one_failure_since_is_an_answer_in_whichever_arm() -> None:
    answer = estimate_from_runs([experiment((3, 47, 0)), experiment((0, 300, 0), (1, 299, 0), stamp=LATER)], place())
    assert (answer.since.recurrences, answer.levels_reached) == (1, 0)


def test_runs_that_timed_out_since_are_not_clean() -> None:
    assert (
        estimate_from_runs([experiment((3, 47, 0)), experiment((0, 10, 290), stamp=LATER)], place()).since.clean == 10
    )


def test_what_went_on_while_the_change_was_made_is_left_out_and_told() -> None:
    between = experiment((9, 41, 0), stamp=Stamp(AT.ns + 9))._replace(stamp=AT)
    answer = estimate_from_runs([experiment((3, 47, 0)), between], place(5))
    assert (answer.before.failed, answer.apart.straddling_count) == (3, 1)


def test_without_a_failure_before_nobody_can_say() -> None:
    with pytest.raises(PreconditionFailed, match="no run failed before the change"):
        estimate_from_runs([experiment((0, 47, 0))], place(60 * NS_PER_S))


def test_a_bug_that_comes_by_time_is_counted_once_a_minute() -> None:
    hour = 3600 * NS_PER_S
    seen = [hour, hour + 5, hour + 59 * NS_PER_S, 4 * hour, 7 * hour]
    answer = estimate_from_occurrences("deadlock", seen, 0, 9 * hour, 18 * hour)
    assert (answer.before.failed, answer.before.exposure, answer.since.clean) == (3, 9 * hour, 9 * hour)
    assert answer.required[0] == pytest.approx(8.987 * hour, rel=1e-3)
    assert answer.levels_reached == 1
    assert estimate_from_occurrences("deadlock", [*seen, 17 * hour], 0, 9 * hour, 18 * hour).levels_reached == 0


def test_it_is_about_the_bare_program_where_that_has_failed() -> None:
    """An arm that provokes it fails each time: two clean runs in that say nothing of the program."""
    before = experiment((5, 95, 0), (60, 0, 0), arms="bare pin")
    after = experiment((0, 2, 0), arms="pin", stamp=LATER)
    answer = estimate_from_runs([before, after], place(1))
    assert (answer.label, answer.since.clean) == ("./repro, bare", 0)
    assert (answer.before.failed, answer.before.exposure) == (5, 100)
    assert [(tally.label, tally.clean) for tally in answer.apart.other_failing_arms] == [("./repro, pin", 2)]
    assert not answer.is_fixed
    assert estimate_from_runs([before, after], place(1), "pin").is_fixed, "asked for by name"


def test_a_note_that_quotes_a_run_is_not_a_run() -> None:
    head = b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] [BY: alice@db1:1]"
    run = b" [VIA: run] [R3: 7/400] [RUN: bare passed exit=0 began=1 ns=1 cpu=1 bytes=0] Run: passed, exit 0\n"
    assert IsExperimentRun().matches(head + run)
    assert not IsExperimentRun().matches(head + b" he has " + head + run)
    quoted = head + b" he has " + head + run
    assert list(IsExperimentRun().matching_line_offsets(quoted + head + run)) == [len(quoted)]


def test_what_was_cut_short_is_not_running() -> None:
    run, record = Run(1, "bare", CUT_SHORT, 130, AT.ns, 1, 1, 0), RunRecord(".", (ArmUsage(),), AT)
    planned = Experiment(1, AT, None, 7, 1, None, ("bare",), "x", "cut: sleep 20", "", record, (run,))
    assert planned.remaining == []


def test_of_commands_by_themselves_the_last_are_remembered(writer: Writer, log: Path) -> None:
    """A job that runs one each minute must not fill a log with what is carried over."""
    run = Run(1, "bare", PASSED, 0, AT.ns, 1, 1, 0)
    with patch.object(runs_module, "MAX_SINGLE_RUNS", 3):
        for _ in range(5):
            writer.write(single_run_draft("./job", run, IDENTITY, None))
        segment = resolve_journal(str(log)).open_live()
        assert segment is not None
        assert sorted(runs_module.experiments_by_number(FOLD.state_at(segment, segment.size()))) == [3, 4, 5]


def test_another_command_that_fails_since_takes_nothing_back() -> None:
    before = experiment((3, 47, 0))
    after, another = (
        experiment((0, 240, 0), stamp=LATER),
        experiment((1, 0, 0), stamp=LATER)._replace(fingerprint="another"),
    )
    assert estimate_from_runs([before, after, another], place(1)).is_fixed
