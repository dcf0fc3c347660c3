"""The journal as it was: `<` on a line, `:as-of`, what can be done there, and the ways back to now."""

from __future__ import annotations

from pathlib import Path

import pytest
from pilots import NIGHT, SMALL, TINY, WIDE, Night, append, line, night, notes, section

from support.journals import FakeClock, texts
from threeam.actions import ACTIONS
from threeam.core.format.entry import CLOCK_STEPPED_PREFIX, NS_PER_S, Stamp
from threeam.core.store.journal import Journal
from threeam.core.write.draft import note_draft
from threeam.core.write.writer import Writer
from threeam.tui.screens.as_of import AsOfScreen
from threeam.tui.screens.entry import EntryScreen
from threeam.tui.screens.report_screen import ReportScreen, ThreadScreen
from threeam.tui.widgets.composer import Composer

MINUTE = 60 * NS_PER_S
LATER = Stamp(NIGHT.ns + 60 * MINUTE)  # while it is looked at: 04:14:07
WRITING_KEYS = [key for action in ACTIONS if action.writes and action.scope == "log" for key in action.keys.split(",")]


def said(minutes: float, text: str, *tags: tuple[str, str], user: str = "bob", cups: int = 0) -> bytes:
    return line(text, round(minutes * MINUTE), user=user, cups=cups, tags=tags)


A_NIGHT = (
    said(0, "paged")
    + said(1, "Coffee: cup 1 of the night.", ("MG", "95"), user="alice", cups=1)
    + said(2, "Hypothesis: the sweeper", ("H1", "open"))
    + said(3, "UPDATE after DELETE")
    + said(4, f"Supports: @{Stamp(NIGHT.ns + 3 * MINUTE)} it was late", ("H1", "open"))
    + said(5, "Coffee: cup 2 of the night.", ("MG", "95"), user="alice", cups=2)
    + said(6, "Hypothesis: the cache", ("H2", "open"))
    + said(7, "Conclusion: it was off", ("H1", "refuted"))
    + said(8, "the last line")
)


def at(minutes: float) -> str:
    """An ``@stamp``."""
    return f"@{Stamp(NIGHT.ns + round(minutes * MINUTE))}"


@pytest.fixture
def clock() -> FakeClock:
    """An hour after the night began."""
    return FakeClock(LATER)


@pytest.fixture
def a_night(log: Path) -> Path:
    log.write_bytes(A_NIGHT)
    return log


def then(it: Night) -> AsOfScreen:
    """The screen as of then that is in front."""
    screen = it.app.screen
    assert isinstance(screen, AsOfScreen), f"{screen} is in front"
    return screen


def depth(it: Night) -> int:
    """How many of them lie over the journal."""
    return sum(isinstance(screen, AsOfScreen) for screen in it.app.screen_stack)


async def known(it: Night) -> AsOfScreen:
    """Waits until it is known what the log added up to then."""
    await it.eventually(lambda: isinstance(it.app.screen, AsOfScreen), "the journal as of then is in front")
    screen = then(it)
    await it.eventually(lambda: screen.sidebar.is_state_known, "what the log added up to is known")
    return screen


async def select(it: Night, text: str) -> None:
    """Puts the cursor on the line that says this, in whatever log is in front."""
    view = it.app.screen.log_view if isinstance(it.app.screen, AsOfScreen) else it.view
    await it.press("g")
    for _ in range(60):
        if view.selected_row is not None and view.selected_row.line.display_text.endswith(text):
            return
        await it.press("j")
    raise AssertionError(f"no line says {text!r}\n{it.shown}")


async def back_to(it: Night, text: str) -> AsOfScreen:
    """`<` on the line that says this."""
    await select(it, text)
    before = depth(it)
    await it.press("<")
    await it.eventually(lambda: depth(it) == before + 1, "another one lies over it")
    return await known(it)


def rows(screen: AsOfScreen) -> list[str]:
    """What its log holds, in order."""
    return [row.entry.text if row.entry else row.line.display_text for row in screen.log_view.window.rows]


def board(screen: AsOfScreen) -> list[str | None]:
    return [option.id for option in screen.sidebar.hypothesis_list.options]


def one_of(screen: AsOfScreen, number: int) -> str:
    """What its board says of a hypothesis."""
    return str(screen.sidebar.hypothesis_list.get_option(f"H{number}").prompt)


def top_line(it: Night) -> str:
    """The header of what is in front."""
    return it.app.screen._compositor.render_strips()[0].text


# --- what it shows


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_it_shows_journal_board_and_cups_as_they_were(
    journal: Journal, a_night: Path, clock: FakeClock, size: tuple[int, int]
) -> None:
    async with night(journal, clock=clock, size=size) as it:
        screen = await back_to(it, "cup 2 of the night.")
        assert [text.partition(":")[0] for text in rows(screen)] == [
            *("paged", "Coffee", "Hypothesis", "UPDATE after DELETE", "Supports")
        ]
        assert board(screen) == ["H1"]
        assert "open" in one_of(screen, 1)
        assert "refuted" not in one_of(screen, 1)
        assert screen.header.cups == 1
        assert 90 < screen.header.mg < 95, "4 minutes after the cup"
        assert "AS OF" in top_line(it)
        assert "read-only" in top_line(it)
        assert "LIVE" not in top_line(it)
        await it.shows("AS OF 03:19:07.122")
        assert "> back to now" in it.shown
        for later in ("the last line", "the cache", "it was off"):
            assert later not in it.shown


async def test_the_state_of_a_hypothesis_is_that_of_then_and_its_counts_too(
    journal: Journal, a_night: Path, clock: FakeClock
) -> None:
    async with night(journal, clock=clock) as it:
        await it.press(">")
        await it.says("this is now")
        screen = await back_to(it, "it was late")
        assert screen.state.hypotheses[1].state == "open"
        none = one_of(screen, 1)
        await it.press(">")
        screen = await back_to(it, "the last line")
        assert screen.state.hypotheses[1].state == "refuted"
        assert screen.header.cups == 2
        assert sorted(name or "" for name in board(screen)) == ["H1", "H2"]
        await it.press(">")
        screen = await back_to(it, "it was off")
        assert one_of(screen, 1) != none, "the evidence is counted"


async def test_before_the_first_line_there_is_nothing(journal: Journal, a_night: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock) as it:
        screen = await back_to(it, "paged")
        assert rows(screen) == []
        assert board(screen) == []
        assert screen.header.cups == 0
        await it.press("j", "k", "g", "G", "enter", "<", "m", "y", "n", "z", "w", "t")
        assert it.app.is_running
        await it.press(">")
        assert depth(it) == 0


async def test_a_block_is_there_whole_or_not_at_all(journal: Journal, log: Path, clock: FakeClock) -> None:
    log.write_bytes(said(0, "before") + section(1, "the claim", MINUTE, 800_000) + said(2, "after"))
    async with night(journal, clock=clock) as it:
        screen = await back_to(it, "the claim")
        assert rows(screen) == ["before"]
        await it.press(">")
        screen = await back_to(it, "after")
        assert rows(screen) == ["before", "Hypothesis: the claim"]


async def test_what_stands_above_a_step_of_the_clock_stays(journal: Journal, log: Path, clock: FakeClock) -> None:
    step = f"{CLOCK_STEPPED_PREFIX}240.000 s; the order of the file is the true order."
    log.write_bytes(said(5, "ahead") + said(1, step) + said(1.1, "after the step") + said(2, "later"))
    async with night(journal, clock=clock) as it:
        assert rows(await back_to(it, "later")) == ["ahead", step, "after the step"]


async def test_right_after_a_rotation_it_is_what_the_file_before_said(
    journal: Journal, a_night: Path, clock: FakeClock, writer: Writer
) -> None:
    with writer.lock_log(full_state=True) as locked:
        locked.rotate()
    clock.forward(MINUTE)
    writer.write(note_draft("after the rotation"))
    async with night(journal, clock=clock) as it:
        screen = await back_to(it, "after the rotation")
        assert rows(screen)[-1].startswith("Continued from "), "which is where the file begins"
        assert screen.state.hypotheses[1].state == "refuted"
        assert screen.header.cups == 2
        await it.press("g")
        assert screen.log_view.selected_row is not None
        assert screen.log_view.selected_row.line.display_text.endswith("paged")


# --- nothing can be written


async def test_the_writing_keys_say_read_only_and_write_nothing(
    journal: Journal, a_night: Path, clock: FakeClock
) -> None:
    async with night(journal, clock=clock) as it:
        screen = await back_to(it, "the last line")
        assert screen.session.writer is None
        assert not list(screen.query(Composer))
        await it.press("1")
        for key in WRITING_KEYS:
            it.app.clear_notifications()
            await it.press("escape", key)
            assert any("> returns to now" in notice for notice in it.notices), key
        for command in ("note no", "coffee", "confirm H2 no", f"undone {at(3)}"):
            it.app.clear_notifications()
            await it.command(command)
            await it.says("> returns to now")
        await it.paste("pasted\ntext")
        assert then(it) is screen
        assert a_night.read_bytes() == A_NIGHT
    assert a_night.read_bytes() == A_NIGHT


async def test_marks_there_are_its_own(journal: Journal, a_night: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock) as it:
        screen = await back_to(it, "the last line")
        await select(it, "UPDATE after DELETE")
        await it.press("m")
        assert len(screen.log_view.marked_ns) == 1
        await it.press("G", "apostrophe")
        await it.eventually(
            lambda: screen.log_view.selected_row and b"UPDATE" in screen.log_view.selected_row.line.raw, "it goes there"
        )
        await it.press(">")
        assert len(it.view.marked_ns) == 0
        assert a_night.read_bytes() == A_NIGHT


# --- and back


async def test_what_comes_meanwhile_is_not_there_and_is_on_the_live_screen(
    journal: Journal, a_night: Path, clock: FakeClock
) -> None:
    async with night(journal, clock=clock) as it:
        screen = await back_to(it, "the last line")
        append(a_night, said(9, "meanwhile") + said(10, "Conclusion: yes", ("H2", "confirmed")))
        await it.eventually(
            lambda: any(b"Conclusion: yes" in row.line.raw for row in it.view.window.rows), "the live screen has it"
        )
        await it.eventually(lambda: it.journal_screen.state.hypotheses[2].state == "confirmed", "and knows it")
        assert "meanwhile" not in it.shown
        assert "meanwhile" not in rows(screen)
        assert screen.state.hypotheses[2].state == "open"
        await it.press("G", "j", "F")
        assert "meanwhile" not in it.shown
        await it.press(">")
        assert depth(it) == 0
        assert it.in_the_log
        await it.press("F")
        await it.shows("meanwhile")
        assert "AS OF" not in it.shown


async def test_further_back_and_back_to_now_at_once(journal: Journal, a_night: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock) as it:
        await back_to(it, "the last line")
        screen = await back_to(it, "it was late")
        assert depth(it) == 2
        assert rows(screen)[-1] == "UPDATE after DELETE"
        assert screen.header.cups == 1
        await it.press(">")
        assert depth(it) == 0
        assert it.app.screen is it.journal_screen
        await it.command("note written now")
        await it.eventually(lambda: texts(a_night)[-1] == "written now", "it is live")


async def test_q_goes_back_by_one_and_esc_by_none(journal: Journal, a_night: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock) as it:
        first = await back_to(it, "the last line")
        await back_to(it, "it was late")
        await it.press("escape", "escape")
        assert depth(it) == 2
        await it.press("q")
        assert then(it) is first
        await it.press("q")
        assert depth(it) == 0
        assert it.app.is_running


# --- by a time


async def test_a_time_is_named_on_the_command_line(journal: Journal, a_night: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock) as it:
        await it.command("as-of 03:17")
        screen = await known(it)
        assert rows(screen)[-1] == "Hypothesis: the sweeper"
        await it.shows("AS OF 03:17:00.000")
        await it.press(">")
        await it.command(f"as-of {at(7)}")
        screen = await known(it)
        assert rows(screen)[-1] == "Hypothesis: the cache"
        await it.command("now")
        await it.eventually(lambda: depth(it) == 0, "it is back at now")


async def test_a_relative_time_is_relative_to_where_one_is(journal: Journal, a_night: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock) as it:
        await it.command("as-of -55m")
        screen = await known(it)
        assert rows(screen)[-1].startswith("Coffee: cup 2")
        await it.command("as-of -3m")
        await it.eventually(lambda: depth(it) == 2, "further back")
        assert rows(await known(it))[-1] == "Hypothesis: the sweeper"


async def test_what_names_no_moment_is_said(journal: Journal, a_night: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock) as it:
        for word, why in (
            (at(99), "there is no entry"),
            ("03:00", "begins later"),
            ("tea time", "is not a time"),
            ("@tea", "is not a stamp"),
        ):
            it.app.clear_notifications()
            await it.command(f"as-of {word}")
            await it.says(why)
            assert depth(it) == 0


async def test_a_foreign_line_has_no_moment(journal: Journal, log: Path, clock: FakeClock) -> None:
    log.write_bytes(b"kernel: oops\n")
    async with night(journal, clock=clock) as it:
        await it.press("g", "<")
        await it.says("only those have a stamp")
        assert depth(it) == 0


async def test_where_there_is_no_log_there_is_no_then(journal: Journal, clock: FakeClock) -> None:
    async with night(journal, clock=clock) as it:
        await it.press("<")
        await it.says("only those have a stamp")
        await it.command("as-of 03:14")
        assert depth(it) == 0


# --- what can be done there


async def test_search_and_filter_find_what_was_there(journal: Journal, log: Path, clock: FakeClock) -> None:
    log.write_bytes(notes(3000) + said(10, "the last one, note 7"))
    async with night(journal, clock=clock) as it:
        await it.command(f"as-of @{Stamp(NIGHT.ns + 2000 * 1_000_000)}")
        screen = await known(it)
        await it.type("/note 1[79]00$\n")
        await it.shows("match 2 of 2")
        assert screen.log_view.selected_row is not None
        assert b"note 1900" in screen.log_view.selected_row.line.raw
        await it.press("N")
        await it.shows("note 1700")
        await it.type("/note 2500\n")
        await it.says("no")
        await it.type("&note 7$\n")
        await it.shows("1 line")
        assert rows(screen) == ["note 7"]
        await it.command("unfilter")
        await it.press("G")
        await it.shows("note 1999")
        assert "note 2000" not in it.shown


async def test_entry_thread_and_handoff_are_those_of_then(journal: Journal, a_night: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock, size=(110, 40)) as it:
        screen = await back_to(it, "cup 2 of the night.")
        await select(it, "UPDATE after DELETE")
        await it.press("enter")
        assert isinstance(it.app.screen, EntryScreen)
        assert "UPDATE after DELETE" in it.shown
        await it.press("escape")
        await it.press("1")
        await it.command("thread H1")
        await it.eventually(lambda: isinstance(it.app.screen, ThreadScreen), "the thread is open")
        assert "it was late" in it.shown
        assert "it was off" not in it.shown
        await it.press("escape")
        await it.press("S")
        await it.eventually(lambda: isinstance(it.app.screen, ReportScreen), "the hand-off is open")
        await it.shows("the sweeper")
        assert "the cache" not in it.shown
        assert "it was off" not in it.shown
        await it.press("escape")
        assert then(it) is screen
        await it.press("C")
        await it.shows("95")
        await it.press("escape")
        assert then(it) is screen


async def test_it_works_in_a_corner_of_a_screen(journal: Journal, a_night: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock, size=TINY) as it:
        screen = await back_to(it, "cup 2 of the night.")
        assert "AS OF 03:19:07.122" in it.shown
        assert "> back to now" in it.shown
        assert "AS OF" in top_line(it)
        await it.press("g")
        assert "paged" in it.shown
        await it.press("h")
        assert "the sweeper" in it.shown
        await it.press("enter")
        await it.eventually(lambda: isinstance(it.app.screen, ThreadScreen), "the thread is open")
        await it.press("escape", "escape")
        assert then(it) is screen
        await it.press("question_mark", "escape", ">")
        assert depth(it) == 0


async def test_a_read_only_screen_goes_back_too(journal: Journal, a_night: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock, read_only=True) as it:
        screen = await back_to(it, "it was off")
        assert screen.state.hypotheses[1].state == "open"
        await it.press(">")
        assert depth(it) == 0
