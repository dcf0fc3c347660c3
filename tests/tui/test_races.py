"""Races on the screen: a key is chosen, the groups are shown, and a finding leads to its lines and further."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis_pilots import board_order, highlight_line, highlighted_text, wait_for_report, wait_for_state
from night_lines import claim_line
from pilots import SMALL, WIDE, Night, append, night

from support.journals import entries, texts
from support.log_sources import write_log
from support.racing_logs import CERTAIN, POSSIBLE, open_racing_logs
from support.team import WritingHost
from threeam.core.format.cited_line import parse_cited_line
from threeam.core.format.report import ReportLine, ReportSection
from threeam.core.store.journal import Journal
from threeam.timeline.time_index import TimeIndex
from threeam.tui.screens.races import FindingScreen, KeysScreen, NearScreen, RacesScreen
from threeam.tui.screens.report_screen import ReportScreen, ThreadScreen

pytestmark = pytest.mark.usefixtures("utc")

DEADLOCK = """\
2026-11-24 03:14:30.897 UTC [23] ERROR:  deadlock detected
2026-11-24 03:14:30.897 UTC [23] DETAIL:  Process 23 waits for ShareLock on transaction 730; blocked by process 24.
\tProcess 24 waits for ShareLock on transaction 731; blocked by process 23.
\tProcess 23: UPDATE carts SET qty = 2 WHERE id = 7
\tProcess 24: UPDATE users SET seen = 3 WHERE id = 7
2026-11-24 03:14:30.897 UTC [23] STATEMENT:  UPDATE carts SET qty = 2 WHERE id = 7
"""
UNKNOWN = "use after delete: delete → update, web1 → web2, cart: 1 of 30 keys, closest 50us"


async def wait_for_groups(it: Night) -> RacesScreen:
    """Waits for the result of a search."""
    report = await wait_for_report(it, RacesScreen)
    await it.shows("THE SEARCH")
    assert isinstance(report, RacesScreen)
    return report


async def search_carts(it: Night) -> None:
    """Searches for races on carts, from the key that is proposed."""
    await it.press("X")
    await wait_for_report(it, KeysScreen)
    await it.shows("cart: 30 values")
    await it.press("enter")
    await wait_for_groups(it)


async def open_finding(it: Night, words: str) -> None:
    """Opens the closest finding of the group with these words."""
    await highlight_line(it, words)
    await it.press("enter")
    await wait_for_report(it, FindingScreen)
    await it.shows("web1:8" if "50us" in words else "web1:5")


async def test_x_proposes_a_key_and_lists_the_groups_certain_ones_first(journal: Journal, tmp_path: Path) -> None:
    async with night(journal, size=WIDE, logs=open_racing_logs(tmp_path)) as it:
        await search_carts(it)
        certain, possible = it.shown.index("│ CERTAIN"), it.shown.index("POSSIBLE: ORDER NOT KNOWN")
        assert certain < it.shown.index("closest 400ms") < possible < it.shown.index("closest 50us")
        assert "order not known; true distance -0.156ms to +0.256ms · 2026-11-24 03:14:21" in it.shown
        assert "keys: 30 of cart; actor = request id" in it.shown


async def test_a_finding_has_its_lines_between_their_neighbours(journal: Journal, tmp_path: Path) -> None:
    async with night(journal, size=WIDE, logs=open_racing_logs(tmp_path)) as it:
        await search_carts(it)
        await open_finding(it, UNKNOWN)
        for text in (
            "order not known",
            "true distance -156us to +256us",
            "by the stamps 50us apart; clocks and digits leave ±0.206ms",
            "│   2026-11-24T03:14:19.001001Z app[11]: req=a11 delete cart=6",
            "│ > 2026-11-24T03:14:21.001001Z app[12]: req=a12 delete cart=7",
            "web2 -3.2ms±0.205ms",
        ):
            assert text.replace("156us", "0.156ms").replace("256us", "0.256ms") in it.shown
        await it.press("escape")
        assert highlighted_text(it).strip().startswith("use after delete")


async def test_t_goes_to_the_first_line_and_x_comes_back(journal: Journal, tmp_path: Path) -> None:
    async with night(journal, size=WIDE, logs=open_racing_logs(tmp_path)) as it:
        await search_carts(it)
        await open_finding(it, UNKNOWN)
        await it.press("T")
        row = it.view.selected_row
        assert row is not None
        assert row.line.display_text.endswith(f"delete cart={POSSIBLE}")
        assert (it.view.render_options.t0_ns, it.view.render_options.time_mode) == (row.ns, "t0")
        await it.press("X")
        await wait_for_groups(it)
        assert "closest 50us" in highlighted_text(it), "the list is where it was left"
        await it.press("enter")
        await highlight_line(it, "web2:")
        await it.press("enter")
        row = it.view.selected_row
        assert row is not None
        assert row.line.display_text.endswith(f"update cart={POSSIBLE}")


async def test_a_finding_becomes_evidence_with_all_its_lines(journal: Journal, log: Path, tmp_path: Path) -> None:
    append(log, claim_line(1))
    async with night(journal, size=WIDE, logs=open_racing_logs(tmp_path)) as it:
        await wait_for_state(it)
        await search_carts(it)
        await open_finding(it, UNKNOWN)
        await it.press("+")
        await it.says("pick a hypothesis first")
        await it.press("1", "X")
        await wait_for_groups(it)
        await it.press("enter")
        await wait_for_report(it, FindingScreen)
        await it.press("+")
        await it.eventually(lambda: it.box_kind == "support H1 web1.log:8 +1", "the box asks for words")
        await it.press("enter")
        await it.eventually(lambda: len(texts(log)) == 3, "both lines are cited")
    first, second = entries(log)[1:]
    assert first.text == (
        "Supports: web1.log:8 @03:14:21.001001 use after delete, cart 7, order not known: "
        "app[12]: req=a12 delete cart=7"
    )
    assert second.text.endswith("app[8]: req=b8 update cart=7")
    cited = [parse_cited_line(entry) for entry in (first, second)]
    assert [line.source for line in cited if line is not None] == ["web1.log", "web2.log"]
    assert len({line.file for line in cited if line is not None}) == 2


async def test_a_finding_begins_an_experiment_with_a_longer_delay(journal: Journal, log: Path, tmp_path: Path) -> None:
    append(log, claim_line(1))
    async with night(journal, size=WIDE, logs=open_racing_logs(tmp_path)) as it:
        await wait_for_state(it)
        await it.press("1")
        await search_carts(it)
        await open_finding(it, UNKNOWN)
        await it.press("!")
        assert it.box_kind == "command"
        assert it.composer.text == "run -H H1 -n 100 --arm bare --arm delay:CALL=0.5ms -- "


async def test_a_finding_is_for_a_hypothesis_of_another_host(journal: Journal, log: Path, tmp_path: Path) -> None:
    append(log, claim_line(1))
    WritingHost(tmp_path / "db1", journal)
    async with night(journal, size=WIDE, logs=open_racing_logs(tmp_path)) as it:
        await it.eventually(lambda: "db1/H1" in board_order(it), "the mirror is read")
        await it.command("thread db1/H1")  # it is picked then
        await wait_for_report(it, ThreadScreen)
        await it.press("escape")
        await search_carts(it)
        await open_finding(it, UNKNOWN)
        await it.press("+")
        await it.eventually(lambda: it.box_kind == "support db1/H1 web1.log:8 +1", "the box asks for words")
        await it.press("enter")
        await it.eventually(lambda: len(texts(log)) == 3, "both lines are cited")
        assert [entry.hypothesis_name for entry in entries(log)[1:]] == ["db1/H1"] * 2
        await it.press("X")
        await wait_for_groups(it)
        await open_finding(it, UNKNOWN)
        await it.press("!")
        assert it.composer.text == "run -H db1/H1 -n 100 --arm bare --arm delay:CALL=0.5ms -- "


async def test_m_measures_the_pair_of_the_finding(journal: Journal, tmp_path: Path) -> None:
    async with night(journal, size=(120, 60), logs=open_racing_logs(tmp_path)) as it:
        await search_carts(it)
        await open_finding(it, UNKNOWN)
        await it.press("M")
        await wait_for_report(it, NearScreen)
        await it.shows("NEAR MISSES: DELETE → UPDATE")
        assert "≈ either order: 1 of 30" in it.shown
        assert "hatched ░: could have been either order" in it.shown
        await highlight_line(it, "400ms: cart 4")
        await it.press("enter")
        row = it.view.selected_row
        assert row is not None
        assert row.line.display_text.endswith(f"delete cart={CERTAIN}")


async def test_m_without_a_pair_begins_a_line_with_the_last_key(journal: Journal, tmp_path: Path) -> None:
    async with night(journal, size=WIDE, logs=open_racing_logs(tmp_path)) as it:
        await it.press("M")
        assert it.composer.text == "near --key "
        await it.press("escape")
        await it.command(r"races --key 'cart=(\d+)' --shuffle 19")
        await wait_for_groups(it)
        assert re.search(r"closest 400ms, p = (0\.\d+|1)", " ".join(it.shown.split()))
        await it.press("escape")
        await it.command(r"races cart=(\d+)")
        await wait_for_groups(it)
        await it.press("escape", "M")
        assert it.composer.text == r"near --key 'cart=(\d+)' "
        await it.type("delete->update\n")
        await wait_for_report(it, NearScreen)
        await it.shows("NEAR MISSES: DELETE → UPDATE")


async def test_a_line_that_names_no_search_is_refused(journal: Journal, tmp_path: Path) -> None:
    async with night(journal, size=SMALL, logs=open_racing_logs(tmp_path)) as it:
        for line, sentence in (
            ("races cart=", "needs a group that is the key"),
            ("races --key", "expected one argument"),
            ("races --op W=touch", "races: --key is needed"),
            ("near delete->update", "near: --key is needed"),
            (r"near delete --key 'cart=(\d+)'", "is not a pair of operations"),
        ):
            await it.command(line)
            await it.says(sentence)


async def test_without_other_logs_it_says_how_to_open_one(journal: Journal, log: Path) -> None:
    append(log, claim_line(1))
    async with night(journal, size=SMALL) as it:
        await it.press("X")
        await it.says(":open FILE shows one")


async def test_a_finding_whose_log_cannot_be_read_any_more_is_a_notice(
    journal: Journal, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_access: object) -> NoReturn:
        raise OSError(errno.EIO, "Input/output error", "web1.log")

    append(log, claim_line(1))
    async with night(journal, size=WIDE, logs=open_racing_logs(tmp_path)) as it:
        await wait_for_state(it)
        await it.press("1")
        await search_carts(it)
        await open_finding(it, UNKNOWN)
        monkeypatch.setattr("threeam.races.race_rows.line_of", fail)
        await it.press("+")
        await it.says("Input/output error")
    assert len(texts(log)) == 1


async def test_a_read_only_screen_shows_findings_and_writes_nothing(
    journal: Journal, log: Path, tmp_path: Path
) -> None:
    append(log, claim_line(1))
    async with night(journal, size=WIDE, logs=open_racing_logs(tmp_path), read_only=True) as it:
        await wait_for_state(it)
        await search_carts(it)
        await open_finding(it, UNKNOWN)
        await it.press("+", "-", "!")
        await wait_for_report(it, FindingScreen)
        await it.press("M")
        await wait_for_report(it, NearScreen)
        await it.press("X")
        await wait_for_groups(it)
        await it.press("e")
        await wait_for_report(it, KeysScreen)
        await highlight_line(it, "another key")
        await it.press("enter")
        prompt = it.journal_screen.pane.prompt
        assert (prompt.kind, prompt.box.text) == ("command", "races --key ")
        await it.type("'cart=([0-9]+)'\n")
        await wait_for_groups(it)
    assert len(texts(log)) == 1


async def test_a_log_that_was_opened_since_is_searched_too(journal: Journal, tmp_path: Path) -> None:
    async with night(journal, size=WIDE, logs=open_racing_logs(tmp_path)) as it:
        await search_carts(it)
        await it.press("escape")
        (tmp_path / "db.log").write_text("2026-11-24T03:14:07.000001Z pg[1]: req=c1 delete cart=3\n")
        await it.command(f"open {tmp_path}/db.log")
        await it.press("X")
        await wait_for_report(it, KeysScreen)
        await it.shows("cart: 30 values")
        await it.press("enter")
        await wait_for_groups(it)
        assert "use after delete: delete → read, db → web2, cart: 1 of 30 keys" in it.shown


async def test_a_search_waits_for_the_scan_of_late_lines_whose_index_stays(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threeam.tui.index_scan.SLICE_S", -1)
    logs = open_racing_logs(tmp_path)
    async with night(journal, size=WIDE, logs=logs) as it:
        it.journal_screen.pane.may_scan.clear()
        (tmp_path / "app.log").write_text("2026-11-24T03:14:07.000001Z app[1]: req=c2 read cart=3\n")
        await it.command(f"open {tmp_path}/app.log")
        opened = logs.sources[2]
        await it.press("X")
        await it.shows("the times of the lines are read: 100 %")
        assert opened.index is None
        it.journal_screen.pane.may_scan.set()
        await it.shows("cart: 30 values")
        index = opened.index
        assert index is not None
        await it.press("enter")
        await wait_for_groups(it)
        assert opened.index is index


async def test_a_search_in_a_log_that_cannot_be_read_says_so(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_index: TimeIndex, _stop: int) -> NoReturn:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(TimeIndex, "scan", fail)
    async with night(journal, size=WIDE, logs=open_racing_logs(tmp_path)) as it:
        await it.press("X")
        await it.shows("web1.log cannot be read:")


async def test_a_line_of_a_log_that_was_closed_is_not_gone_to(journal: Journal, tmp_path: Path) -> None:
    async with night(journal, size=WIDE, logs=open_racing_logs(tmp_path)) as it:
        await search_carts(it)
        await it.command("filter !delete")
        await it.press("escape")
        await it.command("filter !delete")
        await it.press("X")
        await wait_for_groups(it)
        await it.press("enter")
        await wait_for_report(it, FindingScreen)
        await it.press("T")
        await it.says("the filter hides it")


async def test_a_deadlock_that_a_server_has_reported_is_shown_with_its_statements(
    journal: Journal, tmp_path: Path
) -> None:
    write_log(tmp_path / "db.log", DEADLOCK.splitlines())
    logs = open_racing_logs(tmp_path)
    logs.open([str(tmp_path / "db.log")], {})
    async with night(journal, size=WIDE, logs=logs) as it:
        await it.press("X")
        await wait_for_report(it, KeysScreen)
        await it.shows("1 × PostgreSQL deadlock in db")
        assert "UPDATE users SET seen = ? WHERE id = ?" in it.shown
        await it.press("enter")
        await wait_for_groups(it)
        await highlight_line(it, "1 × PostgreSQL deadlock in db")
        await it.press("enter")
        row = it.view.selected_row
        assert row is not None
        assert row.line.display_text.endswith("ERROR:  deadlock detected")


async def test_lines_of_one_text_are_told_apart_by_what_they_are_about(journal: Journal) -> None:
    subjects = ["web1", "web2"]

    def tell() -> list[ReportSection]:
        return [ReportSection("found", [ReportLine("delete cart=4", subject=subject) for subject in subjects])]

    async with night(journal, size=SMALL) as it:
        page = ReportScreen("races", tell, lambda _text, _name: None, emoji=True)
        it.app.push_screen(page)
        await wait_for_report(it, ReportScreen)
        await it.press("down")
        assert page.selected_subject == "web2"
        subjects.insert(0, "web3")
        page.update_report()
        assert page.selected_subject == "web2"
