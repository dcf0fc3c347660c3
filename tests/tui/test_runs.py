"""Runs on the screen: `!`, `r`, what was kept, the row of a plan, and what was observed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from pilots import BY, SMALL, TINY, WIDE, Night, night

from support.journals import FakeClock, entries, texts
from support.lines import NIGHT
from threeam.core.format.clock import Clock
from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.core.store.attachment_kinds import RUN_OUTPUT
from threeam.core.store.attachments import write_attachment
from threeam.core.store.journal import Journal
from threeam.core.write.draft import Draft, note_draft
from threeam.core.write.locked_log import WriteOptions
from threeam.core.write.writer import Writer
from threeam.experiments.arms.arm import Arm
from threeam.experiments.bisect.bisect_drafts import bisect_draft
from threeam.experiments.experiment import FailureKind, Run
from threeam.experiments.failure_rule import FAILED, PASSED
from threeam.experiments.fingerprint import ExperimentIdentity
from threeam.experiments.provoke.budget import RunBudget
from threeam.experiments.provoke.halving import Halving
from threeam.experiments.provoke.search_drafts import SearchFacts, search_draft
from threeam.experiments.runs.run_drafts import PlanFacts, plan_draft, runs_draft, single_run_draft
from threeam.experiments.verdicts.verdict import verdict_draft
from threeam.hypotheses.changes import change_draft, undone_draft
from threeam.hypotheses.drafts import hypothesis_draft
from threeam.projections import FOLD
from threeam.tracing.observations import TracerAttachment, attached_draft, detached_draft
from threeam.tui.screens.journal import JournalScreen
from threeam.tui.screens.runs import ExperimentScreen, OutputScreen, RunsScreen

IDENTITY = ExperimentIdentity("/srv/repro", "0123456789ab", "/srv", "exit!=0")


def write(journal: Journal, *drafts: Draft, clock: Clock | None = None) -> None:
    """Another writer's lines."""
    writer = Writer(journal, FOLD, clock or FakeClock(), WriteOptions("bob", "bob@db1:9%1", sync=False))
    for draft in drafts:
        writer.write(draft)


def experiment(hypothesis: int | None = None) -> list[Draft]:
    """The plan of four runs in each of two arms, and five of them: two of bare have failed."""
    text = "./repro; 4 runs each of bare, strace (strace -f), in random blocks, seed 7; fails if exit!=0"
    return [
        plan_draft(
            text, PlanFacts(4, 7, [Arm("bare"), Arm("strace", ("strace", "-f"))], IDENTITY, "plan.json"), hypothesis
        ),
        runs_draft(1, 8, runs(range(1, 6))),
    ]


def runs(numbers: Sequence[int], *, file: str = "") -> list[Run]:
    """Of these numbers the odd ones are bare; of these the first and the third fail."""
    made = []
    for n in numbers:
        outcome = FAILED if n in (1, 3) else PASSED
        arm = "bare" if n % 2 else "strace"
        file_name = f"R1-{n}-1.out" if outcome == FAILED else file
        made.append(Run(n, arm, outcome, int(outcome == FAILED), NIGHT.ns, 2_000_000, 1_000_000, 9, file_name))
    return made


def row_of(it: Night, words: str) -> str:
    return next(row for row in it.rows if words in row)


async def test_a_command_is_run_and_what_it_prints_is_shown_and_kept(journal: Journal, log: Path) -> None:
    async with night(journal, size=WIDE) as it:
        await it.press("exclamation_mark")
        assert it.composer.text == "run -- "
        await it.type("printf 'token=abcdefghijk \\033[31mred\\n'; exit 3\n")
        await it.eventually(lambda: isinstance(it.app.screen, OutputScreen), "its page is there")
        await it.shows("\\x1b[31mred")
        await it.shows("exit 3 ──")
        await it.shows("R1 failed, exit 3")
        assert "[COFFEE:" not in it.shown, "its line has no tags here, as in the log view"
        await it.press("y")
        await it.says('output, 2 lines, "token=')
        await it.press("escape")
        await it.shows("failed, exit 3")
        (entry,) = entries(log)
        assert "abcdefghijk" not in entry.text, "a secret in a command is left out of its line"
        await it.press("r", "enter")
        await it.shows("token=***")


async def test_a_plain_command_is_not_run_by_a_shell(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.command("run echo 'a b'")
        await it.eventually(lambda: log.exists() and len(texts(log)) == 1, "it is in the log")
        assert texts(log)[0].endswith(": echo 'a b'")
        await it.press("escape")
        await it.command("run -- echo a | tr a b")
        await it.eventually(lambda: len(texts(log)) == 2, "so is the other one")
        assert texts(log)[1].endswith(": sh -c 'echo a | tr a b'")


async def test_the_page_can_be_left_and_the_command_runs_on(journal: Journal, log: Path, tmp_path: Path) -> None:
    async with night(journal) as it:
        await it.command(f"run -- sh -c 'echo be''gun; until test -e {tmp_path}/go; do sleep 0.02; done'")
        await it.shows("begun")
        await it.press("escape")
        assert it.in_the_log
        (tmp_path / "go").touch()
        await it.shows("passed, exit 0")


async def test_x_stops_it(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.command("run -- sh -c 'echo be''gun; exec sleep 600'")
        await it.shows("begun")
        await it.press("x")
        await it.shows("exit 130")
        assert texts(log)[0].startswith("Run: cut, SIGINT")


async def test_a_run_is_bound_to_the_picked_hypothesis(journal: Journal, log: Path) -> None:
    write(journal, hypothesis_draft("the sweeper races the writer", 4))
    async with night(journal) as it:
        await it.press("1", "exclamation_mark")
        assert it.composer.text == "run -H H1 -- "
        await it.type("true\n")
        await it.eventually(lambda: any(text.startswith("Run: ") for text in texts(log)), "it is in the log")
        assert entries(log)[-1].tag("H1") == "open"


async def test_a_line_that_cannot_be_read_is_answered(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.command("run -- echo 'a")
        await it.says("unbalanced quote")
        for nothing in ("run -- ", "run -n 3 --", "run -- -n 3 -- true"):
            await it.command(nothing)
            await it.says("which command? options stand before --")
            it.app.clear_notifications()
        await it.command("runs R9")
        await it.says("there is no run R9: none was made so far")
        assert not log.exists()


async def test_a_read_only_screen_runs_nothing_and_shows_all(journal: Journal) -> None:
    write(journal, *experiment())
    async with night(journal, read_only=True) as it:
        await it.press("exclamation_mark")
        await it.says("read-only")
        await it.press("escape", "P")
        await it.says("read-only")
        await it.press("r", "enter")
        await it.shows("5 of 8 runs")


async def test_the_row_of_a_plan_counts_and_the_runs_are_folded(journal: Journal) -> None:
    write(journal, *experiment())
    async with night(journal, size=WIDE) as it:
        await it.shows("5/8 · 2 failed")
        assert len(it.view.window.rows) == 1
        await it.press("z")
        assert len([row for row in it.rows if re.search(r" R1 \d/8 (?!·)", row)]) == 5
        await it.press("z")
        write(journal, runs_draft(1, 8, runs(range(6, 9))), verdict_draft(1))
        await it.shows("8/8 · 2 failed")
        await it.shows("R1 Verdict: strace: no difference shown")
        assert "R1 8/8 · 2 failed Plan: ./repro" in it.rows[0]


async def test_runs_are_not_unread(journal: Journal) -> None:
    write(journal, note_draft("one"), note_draft("two"), *experiment())
    async with night(journal) as it:
        await it.press("k")
        write(journal, runs_draft(1, 8, runs(range(6, 9))), note_draft("three"))
        await it.eventually(lambda: it.view.unread == 1, "one line is, and three runs are not")


@pytest.mark.parametrize("size", [WIDE, SMALL, TINY])
async def test_the_page_of_an_experiment_is_live(journal: Journal, size: tuple[int, int]) -> None:
    write(journal, *experiment())
    async with night(journal, size=size) as it:
        await it.press("r")
        assert isinstance(it.app.screen, RunsScreen)
        await it.press("enter")
        assert isinstance(it.app.screen, ExperimentScreen)
        await it.shows("5 of 8 runs")
        write(journal, runs_draft(1, 8, runs(range(6, 9))), verdict_draft(1))
        await it.shows("93.2")
        await it.press("escape")
        assert isinstance(it.app.screen, RunsScreen)
        await it.press("escape")
        assert isinstance(it.app.screen, JournalScreen)
        assert it.in_the_log


async def test_what_a_failing_run_has_printed_is_opened(journal: Journal) -> None:
    write(journal, *experiment())
    write_attachment(journal, RUN_OUTPUT, "R1-1-1.out", b"row 8812 \x1b[2J was updated\n")
    async with night(journal, size=WIDE) as it:
        await it.press("r", "enter")
        await it.shows("1/8 bare, exit 1")
        screen = it.app.screen
        assert isinstance(screen, ExperimentScreen)
        while screen.selected_line is None or not screen.selected_line.command.endswith("R1-1-1.out"):
            await it.press("j")
        await it.press("enter")
        await it.shows("row 8812 \\x1b[2J was updated")
        await it.press("escape", "j", "enter")
        await it.says("R1-3-1.out does not exist")


async def test_the_letter_of_a_kind_is_beside_the_sign_of_a_run_and_its_line_opens_an_output(journal: Journal) -> None:
    plan, _ = experiment()
    made = [run._replace(kind={1: "a", 3: "b"}.get(run.number, "")) for run in runs(range(1, 6))]
    kinds = {
        n: FailureKind(letter, f"{n}", text) for n, letter, text in ((1, "a", "a lost row"), (3, "b", "no server"))
    }
    write(journal, plan, runs_draft(1, 8, made, kinds))
    write_attachment(journal, RUN_OUTPUT, "R1-3-1.out", b"cannot connect\n")
    async with night(journal, size=WIDE) as it:
        assert "5/8 · 2 failed (a 1, b 1)" in row_of(it, "./repro")
        assert "⊛" in row_of(it, "b no server")
        await it.press("r", "enter")
        await it.shows("KINDS OF FAILURE")
        await it.shows("⊗ b no server")
        await it.shows("⊗ b 3/8 bare, exit 1")
        await it.shows("    ab·")
        screen = it.app.screen
        assert isinstance(screen, ExperimentScreen)
        while screen.selected_line is None or not screen.selected_line.text.startswith("b no server"):
            await it.press("j")
        await it.press("enter")
        await it.shows("cannot connect")


async def test_enter_on_a_line_and_o_lead_to_what_was_kept_with_it(journal: Journal) -> None:
    run = Run(1, "bare", PASSED, 0, NIGHT.ns, 1, 1, 5, "run-1-1.out")
    write(journal, single_run_draft("./repro", run, IDENTITY, None))
    write_attachment(journal, RUN_OUTPUT, "run-1-1.out", b"all is well\n")
    async with night(journal, size=WIDE) as it:
        await it.press("G", "enter")
        await it.shows("o show its attachment")
        await it.press("o")
        await it.shows("all is well")
        await it.press("escape")
        write(journal, note_draft("nothing is kept with this"))
        await it.shows("nothing is kept with this")
        await it.press("G", "enter", "o")
        assert not isinstance(it.app.screen, OutputScreen)


async def test_a_search_counts_on_its_row_and_its_page_has_its_arms(journal: Journal) -> None:
    halving = Halving(2, (3,), 7)
    facts = SearchFacts(("bare", "noise", "delay:mkdir=20ms"), halving, RunBudget(60), IDENTITY, "plan.json")
    made = [Run(n, "noise", FAILED if n == 1 else PASSED, 0, NIGHT.ns, 1, 1, 0) for n in range(1, 4)]
    write(journal, search_draft("./repro; searches 2 arms; seed 7", facts, None), runs_draft(1, 9, made))
    async with night(journal, size=WIDE) as it:
        await it.shows("3/9 · 1 failed")
        await it.press("G", "enter", "o")
        await it.shows("3 of at most 9 runs")
        await it.shows("delay:mkdir=20ms ")
        write(journal, runs_draft(1, 9, [Run(4, "noise", FAILED, 1, NIGHT.ns, 1, 1, 0)]))
        await it.shows("4 of at most 9 runs")


async def test_a_search_is_opened_from_the_list_and_a_bisection_says_where_its_report_is(journal: Journal) -> None:
    facts = SearchFacts(("bare", "noise", "perturb"), Halving(2, (3,), 7), RunBudget(60), IDENTITY, "plan.json")
    write(journal, search_draft("./repro; searches 2 arms; seed 7", facts, None))
    write(journal, bisect_draft("./repro; 7 commits after 3f2a, to 9bc1", 7, 40, "bisect-1-2.json", None))
    async with night(journal, size=WIDE) as it:
        await it.press("r")
        await it.shows("search: 0 of at most 9 runs")
        await it.press("enter")
        await it.says("R2 is a bisection: 3am bisect --report R2 shows it")
        await it.press("r", "j", "enter")
        await it.shows("0 of at most 9 runs: no result before fresh runs confirm it")


async def test_with_nothing_run_it_says_how_to(journal: Journal) -> None:
    async with night(journal) as it:
        await it.press("r")
        await it.shows("nothing was run yet")


async def test_as_of_then_the_experiment_is_as_it_was(journal: Journal) -> None:
    clock = FakeClock()
    write(journal, *experiment(), clock=clock)
    clock.forward(NS_PER_S)
    write(journal, note_draft("then"), clock=clock)
    clock.forward(NS_PER_S)
    write(journal, runs_draft(1, 8, runs(range(6, 9))), verdict_draft(1), clock=clock)
    async with night(journal, size=WIDE) as it:
        await it.shows("8/8 · 2 failed")
        await it.press("k", "less_than_sign")
        await it.shows("AS OF")
        await it.eventually(lambda: "5/8 · 2 failed" in it.shown, "five were made by then")


async def test_may_it_be_called_fixed(journal: Journal) -> None:
    clock = FakeClock()
    write(journal, hypothesis_draft("the sweeper races the writer", 4), *experiment(1), clock=clock)
    async with night(journal, size=WIDE) as it:
        await it.command("fixed H1")
        await it.says("no change still stands")
        clock.forward(NS_PER_S)
        write(journal, change_draft("the row lock"), clock=clock)
        await it.shows("Changed: the row lock")
        await it.command("fixed H1")
        await it.shows("not yet: no run since the change")
        await it.press("escape", "1", "h", "enter")
        await it.shows("failed bare 2/3, strace 0/2")
        await it.press("escape", "escape", "S")
        await it.shows("5/8, no run for")
        await it.shows("H1 not yet")


@pytest.mark.parametrize(("emoji", "sign"), [(True, "◉"), (False, "o")])
async def test_what_was_logged_while_a_tracer_was_attached_is_marked(journal: Journal, emoji: bool, sign: str) -> None:
    clock = FakeClock()
    attachment = TracerAttachment("strace", 4121, "worker", NIGHT.ns + 10 * NS_PER_S, None)
    for words, ns in (("before it", 5), ("during it", 20), ("after it", 60)):
        stamp = Stamp(NIGHT.ns + ns * NS_PER_S)
        if words == "during it":
            clock.now = Stamp(NIGHT.ns + 10 * NS_PER_S)
            write(journal, attached_draft(attachment), clock=clock)
        if words == "after it":
            clock.now = Stamp(NIGHT.ns + 30 * NS_PER_S)
            write(journal, detached_draft(attachment, clock.now.ns, ""), clock=clock)
        clock.now = stamp
        write(journal, note_draft(words), clock=clock)
    async with night(journal, size=WIDE, emoji=emoji, clock=clock, by=BY) as it:
        await it.shows("after it")
        assert row_of(it, "during it")[13] == sign
        assert row_of(it, "before it")[13] == row_of(it, "after it")[13] == " "


async def test_an_open_answer_that_holds_no_more_says_so(journal: Journal) -> None:
    clock = FakeClock()
    write(journal, hypothesis_draft("the sweeper races the writer", 4), *experiment(1), clock=clock)
    clock.forward(NS_PER_S)
    write(journal, change_draft("the row lock"), clock=clock)
    async with night(journal, size=WIDE) as it:
        await it.shows("Changed: the row lock")
        await it.command("fixed H1")
        await it.shows("not yet: no run since the change")
        clock.forward(NS_PER_S)
        write(journal, undone_draft(None, "taken out"), clock=clock)
        await it.shows("no change still stands")
        assert it.app.is_running


async def test_a_report_from_the_screen_is_shown(journal: Journal) -> None:
    write(journal, *experiment())
    async with night(journal) as it:
        await it.command("run --report R1")
        await it.shows("no verdict before the plan is done")


async def test_a_plan_from_the_screen_is_told_when_it_is_done(journal: Journal, log: Path) -> None:
    async with night(journal, size=WIDE) as it:
        await it.command("run -n 3 -- true")
        await it.says("r shows how far it is")
        assert it.in_the_log, "nothing lies over the log, in which it counts"
        await it.says("done: r shows it")
        it.app.clear_notifications()
        await it.shows("3/3 · 0 failed")
        await it.command("run -n 3 --arm bogus -- true")
        await it.says("say what bogus is")
