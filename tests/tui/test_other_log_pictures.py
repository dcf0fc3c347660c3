"""Other logs on the screen as pictures: one timeline, the legend, races, near misses. Look before you update one."""

from __future__ import annotations

from pathlib import Path

import pytest
from pictures import NARROW, USUAL, WIDE, Snap, make_still
from textual.pilot import Pilot

from support.log_sources import BASE_NS, stamped, write_log
from support.racing_logs import open_racing_logs
from threeam.core.config.settings import Settings
from threeam.core.format.clock import fixed_zone
from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.core.store.journal import Journal
from threeam.core.write.draft import note_draft
from threeam.core.write.locked_log import WriteOptions
from threeam.core.write.writer import Writer
from threeam.demo import ALICE
from threeam.projections import FOLD
from threeam.timeline.arguments import SourceOptions
from threeam.timeline.clock_bounds import ClockBound
from threeam.timeline.instant import ClockCorrection
from threeam.timeline.open_logs import OpenLogs
from threeam.tui.app import JournalApp
from threeam.tui.session import Session


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    make_still(monkeypatch)


def write_other_logs(folder: Path) -> OpenLogs:
    """The logs of two hosts and a database around one race, and a file that is not there."""
    ms = 1_000_000
    web1 = [(100.2, "app[11] start req=9f3"), (100.901, "app[11] delete cart=42"), (100.401, "app[12] read cart=42")]
    web2 = [(96.9, "app[7] GET cart=42"), (97.751, "app[7] update cart=42")]
    for name, lines in (("web1", web1), ("web2", web2)):
        write_log(folder / f"{name}.log", (stamped(BASE_NS + int(at * ms), text, 6) for at, text in lines))
    database = [
        stamped(BASE_NS + 101 * ms, "pg[431] LOG: statement: UPDATE carts SET qty = 2", 3),
        stamped(BASE_NS + 141 * ms, "pg[431] ERROR: 0 rows updated", 3),
        "\tSTATEMENT: UPDATE carts SET qty = 2 WHERE id = 42",
    ]
    write_log(folder / "db.log", database)
    corrections = {"web2": ClockCorrection(3_200_000, 410_000), "db": ClockCorrection(0, 380_000)}
    logs = OpenLogs(SourceOptions({}, corrections, {}, {}))
    logs.open([f"{name}={name}.log" for name in ("web1", "web2", "db", "gone")], {})
    return logs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, so that no picture has its name."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def open_timeline(journal: Journal, folder: Path, *, emoji: bool = True) -> JournalApp:
    stamp = Stamp(BASE_NS + NS_PER_S, 0)
    clock = lambda: stamp  # noqa: E731
    writer = Writer(journal, FOLD, clock, WriteOptions("alice", str(ALICE), "none", sync=False))
    with writer.lock_log(full_state=True) as log:
        log.write(note_draft("row updated after delete"))
    session = Session(journal, Settings(), FOLD, ALICE, clock, writer, emoji, logs=write_other_logs(folder))
    return JournalApp(session)


async def late_lines_are_known(pilot: Pilot[None]) -> None:
    while not any(row.placement and row.placement.lateness_ns for row in pilot.app.screen.log_view.window.rows):  # type: ignore[attr-defined]
        await pilot.pause()
    await pilot.pause()


@pytest.mark.parametrize("size", [USUAL, WIDE])
def test_other_logs_on_one_timeline(snap_compare: Snap, journal: Journal, folder: Path, size: tuple[int, int]) -> None:
    assert snap_compare(open_timeline(journal, folder), terminal_size=size, run_before=late_lines_are_known)


def test_other_logs_with_plain_signs(snap_compare: Snap, journal: Journal, folder: Path) -> None:
    app = open_timeline(journal, folder, emoji=False)
    assert snap_compare(app, terminal_size=USUAL, run_before=late_lines_are_known)


@pytest.mark.parametrize("size", [USUAL, WIDE])
def test_the_legend_of_other_logs(
    snap_compare: Snap, journal: Journal, folder: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    sentence = "this host's clock is at most 0.38ms from UTC (chrony)"
    bound = ClockBound(380_000, "chrony", sentence)
    monkeypatch.setattr("threeam.timeline.clock_bounds.own_clock_bound", lambda: bound)

    async def open_legend(pilot: Pilot[None]) -> None:
        await late_lines_are_known(pilot)
        await pilot.press("L")
        await pilot.app.workers.wait_for_complete()
        pilot.app.screen.show_rows("")  # type: ignore[attr-defined]
        await pilot.pause()

    assert snap_compare(open_timeline(journal, folder), terminal_size=size, run_before=open_legend)


async def open_races(pilot: Pilot[None], *keys: str) -> None:
    """Searches the racing logs, presses ``keys`` on the list of groups, and waits for the page that they open."""
    await pilot.press("X")
    for key in ("enter", *keys):
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        await pilot.press(key)
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


def racing(journal: Journal, folder: Path, *, emoji: bool = True) -> JournalApp:
    stamp = Stamp(BASE_NS + 70 * NS_PER_S, 0)
    clock = lambda: stamp  # noqa: E731
    logs = open_racing_logs(folder)
    return JournalApp(Session(journal, Settings(), FOLD, ALICE, clock, None, emoji, zone=fixed_zone(0), logs=logs))


@pytest.mark.parametrize("size", [WIDE, USUAL, NARROW])
def test_races(snap_compare: Snap, journal: Journal, folder: Path, size: tuple[int, int]) -> None:
    assert snap_compare(racing(journal, folder), terminal_size=size, run_before=open_races)


@pytest.mark.parametrize("size", [WIDE, USUAL])
def test_a_finding(snap_compare: Snap, journal: Journal, folder: Path, size: tuple[int, int]) -> None:
    app = racing(journal, folder)
    assert snap_compare(app, terminal_size=size, run_before=lambda pilot: open_races(pilot, "j", "enter"))


@pytest.mark.parametrize(("size", "emoji"), [(WIDE, True), (USUAL, False)])
def test_near_misses(snap_compare: Snap, journal: Journal, folder: Path, size: tuple[int, int], emoji: bool) -> None:
    app = racing(journal, folder, emoji=emoji)
    assert snap_compare(app, terminal_size=size, run_before=lambda pilot: open_races(pilot, "j", "M"))
