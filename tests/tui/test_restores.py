"""Before the hunt and after it, on the screen: preflight, baseline, what must be undone, and lights out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pilots import append, full_disk, line, night, notes

from support.journals import FakeClock, entries, texts
from support.lines import HOUR_NS
from support.postgres import PASSWORD, Cluster, Sessions, cluster
from support.repos import make_tree
from threeam.core.config.settings import Settings
from threeam.core.format.entry import Stamp
from threeam.core.store.journal import Journal
from threeam.host.baseline_log import saved_baselines
from threeam.human.drafts import pluralize
from threeam.reports import handoff
from threeam.reports import preflight_checks as preflight
from threeam.reports.end_of_night import SLEEP_ADVICE
from threeam.restore.stable_commit import stable_commits, stable_draft
from threeam.tui.screens.report_screen import ReportScreen
from threeam.tui.screens.restore import BlockersScreen, ConfirmScreen, RestoreScreen, SleepScreen

SLEPT = "Sleep: 0 cups, 0 glasses of water, 0 mg of caffeine left. The ghost will still be there tomorrow."


def changed(text: str, undo: str, ns: int) -> bytes:
    return line(f"Changed: {text} (undo: {undo})", ns, tags=(("CHANGE", "open"),))


# --- before the hunt


async def test_preflight_is_shown_and_noted_down(journal: Journal, log: Path) -> None:
    async with night(journal, size=(110, 60)) as it:
        await it.command("preflight")
        await it.shows("TRACING TOOLS")
        await it.shows("topology: not noted yet")
        await it.eventually(lambda: texts(log)[:1], "a line in the log")
    assert [text.partition(":")[0] for text in texts(log)] == ["Preflight"]
    assert entries(log)[0].tag("PREFLIGHT") in ("ok", "yellow", "red")


async def test_a_report_waits_for_who_is_typing_and_takes_none_of_their_keys(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = threading.Event()
    really_check = preflight.run_preflight_checks

    def preflight_checks(*args: object) -> object:
        looked.wait(10)
        return really_check(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(preflight, "run_preflight_checks", preflight_checks)
    async with night(journal, size=(110, 60)) as it:
        await it.command("preflight")
        await it.press("i")
        await it.eventually(lambda: it.in_the_box, "a slow report holds up no key for long")
        looked.set()
        await it.says("preflight: it is ready")
        assert it.journal_screen.header.ready_reports == 1
        await it.type("q and y are typed\n")
        await it.eventually(lambda: texts(log)[-1:] == ["q and y are typed"], "it is written")
        assert it.in_the_log, "whatever comes behind this enter is for the log"
        await it.press("escape")
        await it.shows("TRACING TOOLS")
        assert "ready" not in it.header


async def test_the_hand_off_does_not_open_over_who_is_typing(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write_bytes(notes(3))
    read = threading.Event()
    really_read = handoff.find_awake_since

    def nights_of(*args: object) -> object:
        read.wait(10)
        return really_read(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(handoff, "find_awake_since", nights_of)
    async with night(journal) as it:
        await it.press("S", "slash")
        await it.eventually(lambda: it.journal_screen.is_typing, "a slow report holds up no key for long")
        read.set()
        await it.says("hand-off: it is ready")
        await it.type("note 2")
        assert it.journal_screen.pane.prompt.box.text == "note 2"
        await it.press("escape", "escape")
        await it.shows("WHERE WE STAND")


async def test_the_command_that_fixes_is_copied(journal: Journal) -> None:
    async with night(journal, size=(110, 60)) as it:
        await it.command("preflight")
        await it.shows("topology: not noted yet")
        screen = it.app.screen
        assert isinstance(screen, ReportScreen)
        for _ in range(40):
            if screen.selected_line is not None and "topology" in screen.selected_line.text:
                break
            await it.press("j")
        await it.press("y")
        await it.eventually(lambda: it.app.clipboard, "it is copied")
        assert it.app.clipboard.startswith("3am log 'Topology: ")


async def test_a_read_only_screen_looks_and_writes_nothing(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(2))
    before = log.read_bytes()
    async with night(journal, read_only=True, size=(110, 60)) as it:
        await it.command("preflight")
        await it.shows("TRACING TOOLS")
        await it.press("escape")
        await it.command("baseline save")
        await it.says("read-only")
        await it.command("sleep")
        assert it.in_the_log
    assert log.read_bytes() == before


async def test_b_without_a_baseline_says_how_one_is_taken(journal: Journal) -> None:
    async with night(journal) as it:
        await it.press("B")
        await it.says("3am baseline save")


async def test_a_baseline_is_saved_and_compared_with(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.command("baseline save quiet")
        await it.eventually(lambda: texts(log)[-1:] and texts(log)[-1].startswith("Baseline: quiet is "), "it is saved")
        await it.eventually(lambda: saved_baselines(it.journal_screen.state), "the screen knows it")
        await it.press("B")
        await it.shows("quiet is ")
        await it.eventually(lambda: texts(log)[-1].startswith("Compared: with quiet @"), "one line about it")
    assert len(list(Path(journal.folder_beside_log).glob("baseline-quiet-*.json"))) == 1


WRONG = {
    "baseline drop": "save NAME or diff NAME",
    "baseline diff nope": "there is no baseline",
    "baseline save a/b": "one plain word",
    "restore everything": "application or data",
    "restore data --engine postgres": "--at --xid is required",
    "restore data now": "required: --engine",
    "restore data 25:99 --engine postgres": "is not a time",
    "restore data @now --engine postgres": "is not a stamp",
    "restore data now --engine oracle": "invalid choice: 'oracle'",
    "restore data now --engine postgres --minus soon": "not a duration",
    "restore data now --minus": "--minus: expected one argument",
    "restore data 'now": "quotation",
    "coffee 0": "write a number from 1 to 20",
    "coffee --mg 5000": "milligrams of one cup, 1 to 1000",
    "blockers": "which server?",
}


async def test_what_is_asked_wrongly_is_one_notice(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        for words, says in WRONG.items():
            it.app.clear_notifications()
            await it.command(words)
            await it.says(says)
    assert texts(log) == []


# --- the application


async def test_changes_are_ticked_off_one_by_one(journal: Journal, log: Path) -> None:
    log.write_bytes(changed("pool to 50", "back to 20", 0) + changed("debug on", "debug off", 10))
    async with night(journal) as it:
        await it.press("R")
        await it.shows("TO BE UNDONE, THE NEWEST FIRST")
        shown = it.shown.partition("TO BE UNDONE")[2]
        assert shown.index("debug off") < shown.index("back to 20")
        await it.press("enter", "enter", "n")
        assert len(texts(log)) == 2, "a key that was hit twice ticks nothing off"
        await it.press("enter", "y")
        await it.eventually(lambda: texts(log)[-1].startswith("Undone: @"), "the newest is undone")
        await it.shows("debug on")
        await it.press("enter", "y")
        await it.shows("nothing: every change is undone")
    assert [text.partition(" ")[2].partition(" ")[2] for text in texts(log)[-2:]] == ["debug off", "back to 20"]


async def test_what_somebody_else_ticks_off_goes_from_the_screen(journal: Journal, log: Path) -> None:
    log.write_bytes(changed("pool to 50", "back to 20", 0))
    async with night(journal) as it:
        await it.press("R")
        await it.shows("back to 20")
        stamp = Stamp(1_795_490_047_123_456_789)
        append(log, line(f"Undone: @{stamp} done by bob", 20, tags=(("CHANGE", "undone"),)))
        await it.shows("nothing: every change is undone")


async def test_enter_on_a_read_only_screen_leads_to_the_line(journal: Journal, log: Path) -> None:
    log.write_bytes(changed("pool to 50", "back to 20", 0) + notes(3, 1))
    async with night(journal, read_only=True) as it:
        await it.press("R")
        await it.shows("back to 20")
        await it.press("s", "d")
        assert isinstance(it.app.screen, RestoreScreen)
        await it.press("enter")
        await it.eventually(lambda: "pool to 50" in it.selected_text, "its line is selected")


async def test_sleeps_that_were_added_since_the_stable_commit_are_shown(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = make_tree(tmp_path / "shop", cart="renew()\n")
    monkeypatch.chdir(tree)
    async with night(journal) as it:
        await it.command("stable")
        await it.eventually(lambda: stable_commits(it.journal_screen.state), "it is noted")
        (tree / "cart.py").write_text("time.sleep(0.1)  # only for tonight\nrenew()\n")
        await it.press("R")
        await it.shows("sleeps: cart.py:1")
        await it.shows("do not leave temporary sleep statements")


async def test_a_work_tree_that_is_gone_is_reported(journal: Journal, writer: object) -> None:
    writer.write(stable_draft("0" * 40, "/nowhere/shop", "0000000 in /nowhere/shop: x"))  # type: ignore[attr-defined]
    async with night(journal) as it:
        await it.press("R")
        await it.shows("is not on this machine")


async def test_the_runbook_for_the_moment_before_a_line(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(3))
    async with night(journal, size=(120, 40)) as it:
        await it.press("g", "R", "d")
        await it.eventually(lambda: it.box_kind == "command", "the line asks for it")
        assert "restore data @2026-11-24T03:14:07.123456789+0000" in it.composer.text
        await it.type("\n")
        await it.shows("recovery_target_time = '2026-11-24 03:14:07.122456+00'")
        await it.eventually(lambda: texts(log)[-1].startswith("Restore: data of postgres to "), "it is noted")
    (attachment,) = Path(journal.folder_beside_log).glob("restore-postgres-*.md")
    assert attachment.stat().st_mode & 0o777 == 0o600


# --- the sysadmin


async def test_lights_out_writes_what_is_open_and_ends(journal: Journal, log: Path, clock: FakeClock) -> None:
    log.write_bytes(changed("pool to 50", "back to 20", 0))
    clock.forward(HOUR_NS)
    async with night(journal, clock=clock) as it:
        await it.press("R", "s")
        await it.eventually(lambda: isinstance(it.app.screen, SleepScreen), "the last page of the night")
        await it.shows(SLEEP_ADVICE)
        await it.press("z")
        await it.eventually(lambda: not it.app.is_running, "the lights are out")
    assert texts(log)[1].startswith("Handoff: alice goes to sleep, and 1 thing is still open.")
    assert texts(log)[-1] == SLEPT
    assert it.app.return_code == 0


async def test_esc_on_it_writes_nothing(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.command("sleep")
        await it.shows(SLEEP_ADVICE)
        await it.press("escape")
        assert it.in_the_log
    assert texts(log) == []


async def test_nobody_goes_to_bed_on_a_line_that_was_refused(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with night(journal) as it:
        await it.command("sleep")
        await it.shows(SLEEP_ADVICE)
        with full_disk(monkeypatch, log):
            await it.press("z")
            await it.says("disk is full")
            await it.press("escape")
            await it.says("not written")
        assert it.app.is_running
        await it.press("c")
        await it.eventually(lambda: texts(log) == ["Coffee: cup 1 of the night."], "it goes on")
        assert it.app.is_running


@pytest.mark.parametrize("since", [b"", line("from a shell, before it", 5 * HOUR_NS, user="alice")])
async def test_the_first_start_in_the_morning_shows_the_hand_off(
    journal: Journal, log: Path, clock: FakeClock, since: bytes
) -> None:
    log.write_bytes(line(SLEPT, user="alice", tags=(("NIGHT", "over"),)) + line("bob goes on", 1) + since)
    clock.forward(6 * HOUR_NS)
    async with night(journal, clock=clock) as it:
        await it.shows("WHERE WE STAND")
        await it.press("escape")
        assert it.in_the_log
    async with night(journal, clock=clock) as it:
        assert "WHERE WE STAND" not in it.shown, "the second start is no morning"


async def test_whoever_is_awake_is_shown_none(journal: Journal, log: Path, clock: FakeClock) -> None:
    log.write_bytes(line(SLEPT, user="bob", tags=(("NIGHT", "over"),)) + line("still here", 1, user="alice"))
    async with night(journal, clock=clock) as it:
        assert "WHERE WE STAND" not in it.shown


@pytest.mark.parametrize(("reminders", "said"), [(("awake",), True), ((), False)])
async def test_after_17_hours_bed_is_named(
    journal: Journal, log: Path, clock: FakeClock, reminders: tuple[str, ...], said: bool
) -> None:
    for hour in range(0, 18, 3):
        append(log, line("still at it", hour * HOUR_NS, user="alice"))
    clock.forward(18 * HOUR_NS)
    async with night(journal, clock=clock, settings=Settings(reminders=reminders)) as it:
        await it.eventually(lambda: it.journal_screen.night.is_awake_known, "it is known since when")
        assert any("awake for 18h" in notice for notice in it.notices) == said


@pytest.mark.parametrize(("reminders", "said"), [(("water",), True), (("dose", "awake"), False)])
async def test_a_cup_reminds_of_water_gently(
    journal: Journal, clock: FakeClock, reminders: tuple[str, ...], said: bool
) -> None:
    async with night(journal, clock=clock, settings=Settings(reminders=reminders)) as it:
        await it.press("c")
        await it.eventually(lambda: "☕ 1" in it.header, "one cup")
        assert any(f"{pluralize(1, 'cup')}, 0 glasses of water" in notice for notice in it.notices) == said


async def test_a_cup_with_a_dose_of_its_own(journal: Journal, log: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock) as it:
        await it.command("coffee 2 --mg 130")
        await it.eventually(lambda: "☕ 2" in it.header, "two of them")
    assert [entry.tag("MG") for entry in entries(log)] == ["130", "130"]


async def test_the_coffee_panel_tells_of_the_others(journal: Journal, log: Path, clock: FakeClock) -> None:
    append(log, line("Coffee: cup 2 of the night.", cups=2, tags=(("MG", "95"),)))
    async with night(journal, clock=clock) as it:
        await it.press("C")
        await it.shows("THE OTHERS")
        await it.shows("bob  1 cup")


# --- blocked queries


@pytest.fixture
def server() -> Iterator[Cluster]:
    with cluster() as server:
        yield server


async def test_who_blocks_whom_is_live_and_x_ends_one(journal: Journal, log: Path, server: Cluster) -> None:
    sessions = Sessions(server)
    try:
        blocker = sessions.holds("CREATE TABLE carts (id int PRIMARY KEY)")
        sessions.waits("CREATE TABLE carts (id int)")
        async with night(journal, size=(140, 30)) as it:
            await it.command(f"blockers {server.dsn()}")
            await it.eventually(lambda: isinstance(it.app.screen, BlockersScreen), "the screen")
            await it.shows("for ShareLock on")
            await it.press("x")
            await it.eventually(lambda: isinstance(it.app.screen, ConfirmScreen), "it asks")
            await it.press("n")
            assert texts(log) == []
            await it.press("x", "y")
            await it.eventually(lambda: texts(log)[-1:] and texts(log)[-1].startswith("Terminated: "), "it is noted")
            await it.shows("no backend waits for another")
        assert not sessions.there(blocker)
    finally:
        sessions.close()
    assert entries(log)[-1].tag("TERMINATED") == str(blocker)
    saved = b"".join(file.read_bytes() for file in Path(journal.folder_beside_log).rglob("*") if file.is_file())
    assert PASSWORD.encode() not in log.read_bytes() + saved


async def test_a_server_that_does_not_answer_is_reported_on_the_screen(journal: Journal) -> None:
    async with night(journal) as it:
        await it.command("blockers postgresql://postgres:geheim@127.0.0.1:1/postgres")
        await it.shows("port 1 failed")
        assert "geheim" not in it.shown


@pytest.mark.parametrize("dsn", ["postgresql://postgres:geheim@db1/shop", "host=db1 user=me password=geheim"])
async def test_a_password_on_the_command_line_is_not_kept(journal: Journal, dsn: str) -> None:
    async with night(journal) as it:
        await it.press("colon")
        await it.type(f"blockers {dsn}")
        await it.press("escape", "colon", "up")
        assert "geheim" not in it.shown
    saved = [file.read_bytes() for file in Path(journal.folder_beside_log).rglob("*") if file.is_file()]
    assert not any(b"geheim" in content for content in saved)
