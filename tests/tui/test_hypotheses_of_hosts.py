"""What a person on the screen does with a hypothesis of another host, and what the screen of that host shows of it."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis_pilots import board_order, wait_for_report
from pilots import WIDE, Night, append, night, notes

from support.experiments import REPRO
from support.journals import FakeClock, entries, texts, writer_of
from support.lines import NIGHT
from support.team import WritingHost
from threeam.core.format.clock import system_clock
from threeam.core.format.remote_hypothesis import RemoteHypothesis
from threeam.core.state.fold import State
from threeam.core.state.host_state import HostState
from threeam.core.store.journal import Journal
from threeam.experiments.experiment import Run
from threeam.experiments.failure_rule import FAILED
from threeam.experiments.runs.run_drafts import single_run_draft
from threeam.hypotheses.changes import change_draft
from threeam.hypotheses.drafts import conclusion_draft, evidence_draft, hypothesis_draft
from threeam.team.mirrors.host_states import HostStates
from threeam.team.origin import OriginFile, host_name
from threeam.tui.screens.report_screen import ThreadScreen


@pytest.fixture
def db1(journal: Journal, log: Path, tmp_path: Path) -> WritingHost:
    append(log, notes(2))
    return WritingHost(tmp_path / "db1", journal)


def own_hypothesis(journal: Journal, log: Path) -> RemoteHypothesis:
    """Open H1 on this host, and return it as db1 names it."""
    writer_of("alice", journal, FakeClock(system_clock())).write(hypothesis_draft("the cron job", 4))
    claim = next(entry for entry in entries(log) if entry.hypothesis)
    return RemoteHypothesis("web1", OriginFile(journal).origin.id, 1, claim.stamp)


async def wait_for_hosts(it: Night) -> None:
    await it.eventually(lambda: it.journal_screen.mirrors.hosts(it.journal_screen.state) != [], "they are read")


async def thread_of(it: Night, name: str) -> list[str]:
    """Open the thread of a hypothesis, and return its lines."""
    await it.command(f"thread {name}")
    report = await wait_for_report(it, ThreadScreen)
    await it.settled()
    return [" ".join(str(option.prompt).split()) for option in report.option_list.options]


async def test_a_verdict_that_all_hosts_have_given_is_refused_and_the_text_is_kept(
    journal: Journal, log: Path, db1: WritingHost
) -> None:
    async with night(journal, size=WIDE) as it:
        await wait_for_hosts(it)
        await it.command("refute db1/H1 it was off")
        await it.eventually(lambda: texts(log)[2:] == ["Conclusion: it was off"], "the verdict")
        await it.command("refute db1/H1 it was off again")
        await it.says("db1/H1 is refuted already: alice@")
        assert len(texts(log)) == 3
        await it.command("confirm db1/H1 no, it was on")
        await it.eventually(lambda: texts(log)[3:] == ["Conclusion: no, it was on"], "another verdict is taken")


async def test_a_verdict_of_another_host_on_an_own_hypothesis_is_not_given_again(
    journal: Journal, log: Path, db1: WritingHost
) -> None:
    db1.write(conclusion_draft("refute", own_hypothesis(journal, log), "it was off", 4))
    count = len(texts(log))
    async with night(journal, size=WIDE) as it:
        await it.eventually(lambda: "refuted" in it.shown, "the verdict of db1 is on the board")
        await it.command("refute H1 it was off, too")
        await it.says("H1 is refuted already: alice@db1: it was off")
        assert len(texts(log)) == count


async def test_a_thread_has_each_verdict_once(journal: Journal, log: Path, db1: WritingHost) -> None:
    db1.write(conclusion_draft("park", "H1", "first", 4), conclusion_draft("refute", "H1", "second", 4))
    own_hypothesis(journal, log)
    writer = writer_of("alice", journal, FakeClock(system_clock()))
    for draft in (conclusion_draft("park", "H1", "first", 4), conclusion_draft("refute", "H1", "second", 4)):
        writer.write(draft)
    async with night(journal, size=WIDE) as it:
        await wait_for_hosts(it)
        for name in ("db1/H1", "H1"):
            told = await thread_of(it, name)
            for words in ("parked: first", "refuted: second"):
                assert sum(words in line for line in told) == 1, told
            assert told.index("EARLIER VERDICTS") < next(n for n, line in enumerate(told) if "parked: first" in line)
            await it.press("escape")


async def test_a_verdict_can_be_given_in_the_thread(journal: Journal, log: Path, db1: WritingHost) -> None:
    async with night(journal, size=WIDE) as it:
        await wait_for_hosts(it)
        await thread_of(it, "db1/h1")
        await it.press("x")
        await it.eventually(lambda: it.box_kind == "refute db1/H1", "its box is open")
        await it.type("it was off\n")
        await it.eventually(lambda: texts(log)[2:] == ["Conclusion: it was off"], "the verdict")


async def test_a_thread_has_the_runs_and_the_words_of_other_hosts(
    journal: Journal, log: Path, db1: WritingHost
) -> None:
    named = own_hypothesis(journal, log)
    run = Run(1, "bare", FAILED, 1, NIGHT.ns, 10**6, 1000, 0)
    db1.write(
        single_run_draft("./repro", run, REPRO, named),
        evidence_draft("support", named, None, "seen on db1"),
        conclusion_draft("refute", named, "it was off", 4),
        single_run_draft("./other", run, REPRO, 1),
    )
    writer_of("alice", journal, FakeClock(system_clock())).write(single_run_draft("./here", run, REPRO, 1))
    async with night(journal, size=WIDE) as it:
        await wait_for_hosts(it)
        told = await thread_of(it, "H1")
        titles = [line for line in told if line.isupper() or line.startswith("ON DB1")]
        assert titles == ["CLAIM", "ON ALL HOSTS", "ON DB1: +1 -0", "RUNS", "RUNS ON DB1"]
        for words in ("refuted: it was off", "seen on db1", "./repro", "./here"):
            assert any(words in line for line in told), (words, told)
        assert not any("./other" in line for line in told)
        await it.press("escape")
        told = await thread_of(it, "db1/H1")
        assert [line for line in told if "RUNS" in line] == ["RUNS ON DB1"]
        assert any("./other" in line for line in told)


async def test_the_panel_has_what_is_said_of_a_host_whose_mirror_is_gone(
    journal: Journal, log: Path, db1: WritingHost
) -> None:
    async with night(journal, size=WIDE) as it:
        await wait_for_hosts(it)
        await it.command("refute db1/H1 it was off")
        await it.eventually(lambda: len(texts(log)) == 3, "the verdict")
    shutil.rmtree(Path(journal.folder_beside_log) / "remote")
    async with night(journal, size=WIDE) as it:
        await it.eventually(lambda: board_order(it) == ["db1/H1"], "it is listed, as 3am hyp list has it")
        assert "none yet" not in it.shown
        assert any("refuted: it was off" in line for line in await thread_of(it, "db1/H1"))


async def test_the_panel_is_not_called_empty_before_the_mirrors_are_read(
    journal: Journal, log: Path, db1: WritingHost
) -> None:
    go_on, read = threading.Event(), HostStates.read

    def read_slowly(states: HostStates, own: State) -> list[HostState]:
        go_on.wait()
        return read(states, own)

    with patch.object(HostStates, "read", read_slowly):
        async with night(journal, size=WIDE) as it:
            try:
                await it.shows("reading the mirrors")
                assert "none yet" not in it.shown
                await it.command("support db1/H1 seen")
                await it.says("the journals of the other hosts are still being read: in a moment")
            finally:
                go_on.set()
            await it.eventually(lambda: board_order(it) == ["db1/H1"], "they are read")
            assert "reading" not in it.shown


async def test_mirrors_that_cannot_be_read_do_not_seem_to_be_read_for_ever(
    journal: Journal, log: Path, db1: WritingHost
) -> None:
    with patch.object(HostStates, "read", side_effect=OSError("no")):
        async with night(journal, size=WIDE) as it:
            await it.says("other hosts are left out: no")
            await it.shows("none yet")


async def test_fixed_takes_a_hypothesis_of_another_host(
    journal: Journal, log: Path, db1: WritingHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threeam.tui.controllers.mirrors.REFRESH_S", 0.05)
    run = Run(1, "bare", FAILED, 1, NIGHT.ns, 10**6, 1000, 0)
    async with night(journal, size=WIDE) as it:
        await wait_for_hosts(it)
        await it.command("fixed db1/H1")
        await it.says("no run is bound to db1/H1: 3am run -n 50 -H db1/H1 -- CMD")
        known = it.journal_screen.mirrors.require_named("db1/H1")
        assert isinstance(known, RemoteHypothesis)
        writer = writer_of("alice", journal, FakeClock(system_clock()))
        writer.write(single_run_draft("./repro", run, REPRO, known))
        db1.write(change_draft("row lock", "", "H1"), single_run_draft("./repro", run, REPRO, 1))
        writer.write(change_draft("row lock on db1", "", known))
        await it.eventually(lambda: "row lock on db1" in it.shown, "the change is read")
        await it.command("fixed db1/H1")
        report = await wait_for_report(it)
        for words in ("db1/H1 the sweeper races the writer", "row lock on db1", "ON DB1, AND NOT COUNTED", "./repro"):
            await it.eventually(
                lambda words=words: any(words in str(option.prompt) for option in report.option_list.options), words
            )


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("changed -H db1/H1 pool at 50 --undo back", "Changed: pool at 50 (undo: back)"),
        ("run -H db1/H1 -- true", "true"),
        ("run -n 2 -H db1/h1 -- true", "Verdict: "),
    ],
)
async def test_a_command_takes_a_hypothesis_of_another_host(
    journal: Journal, log: Path, db1: WritingHost, typed: str, text: str
) -> None:
    async with night(journal, size=WIDE) as it:
        await wait_for_hosts(it)
        await it.command(typed)
        await it.eventually(lambda: text in texts(log)[-1] and len(texts(log)) > 2, "it is written")
        assert entries(log)[-1].hypothesis_name == "db1/H1"


async def test_a_host_has_the_names_that_it_has_in_a_shell(journal: Journal, log: Path, db1: WritingHost) -> None:
    own_hypothesis(journal, log)
    async with night(journal, size=WIDE) as it:
        await wait_for_hosts(it)
        count = len(texts(log))
        assert it.journal_screen.commands.names_for("support H7") == ["H1", "db1/H1"]
        await it.command(f"support {OriginFile(db1.journal).origin.id[:6]}/H1 by its id")
        await it.eventually(lambda: len(texts(log)) == count + 1, "it is written")
        await it.command(f"support {host_name()}/H1 this host")
        await it.eventually(lambda: len(texts(log)) == count + 2, "it is written")
        assert [entry.hypothesis_name for entry in entries(log)[-2:]] == ["db1/H1", "H1"]
        assert "CLAIM" in await thread_of(it, f"{host_name()}/H1")


async def test_a_change_for_an_unknown_host_is_refused_and_the_text_is_kept(
    journal: Journal, log: Path, db1: WritingHost
) -> None:
    async with night(journal, size=WIDE) as it:
        await wait_for_hosts(it)
        await it.command("changed -H db9/H1 pool at 50")
        await it.says("db9")
        assert len(texts(log)) == 2
