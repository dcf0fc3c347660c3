"""The screen as pictures: the demo's story at the sizes that people have. Look before you update one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot

from threeam.core.draft import note
from threeam.core.journal import Journal
from threeam.core.settings import Settings
from threeam.core.writer import WriteOptions, Writer
from threeam.demo import ALICE, BOB, tell
from threeam.method.texts import correction, take_stamp, words_for
from threeam.rooms import FOLD
from threeam.tui.app import JournalApp
from threeam.tui.screens.as_of import AsOfScreen
from threeam.tui.screens.looking import LookingScreen
from threeam.tui.session import Session
from threeam.tui.widgets import log_pane
from threeam.tui.widgets.composer import Box

Snap = Callable[..., bool]

WIDE, USUAL, NARROW = (120, 36), (80, 24), (40, 10)


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing moves in a picture."""
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines are counted at once, and the night drawn with them."""
    monkeypatch.setattr(log_pane, "_STRIP", 0.01)


def story(
    journal: Journal, beats: int | None, *, write: bool = True, bob: bool = False, **settings: object
) -> JournalApp:
    """The screen of alice (or bob) after so much of the story."""
    clock = tell(journal, FOLD, beats)
    by = BOB if bob else ALICE
    writer = Writer(journal, FOLD, clock, WriteOptions(by.user, str(by), sync=False)) if write else None
    emoji = bool(settings.pop("emoji", True))
    return JournalApp(Session(journal, Settings(**settings), FOLD, by, clock, writer, emoji))  # type: ignore[arg-type]


async def settled(pilot: Pilot[None]) -> None:
    """Waits until the screen on top knows what its log says, and has counted it."""
    screen = pilot.app.screen
    assert isinstance(screen, LookingScreen)
    while screen.log_view.window.rows and (
        screen.state.last is None or not screen.pane.activity.done or screen.strip._shown is None
    ):
        await pilot.pause(0.01)


def after(*keys: str) -> Callable[[Pilot[None]], Awaitable[None]]:
    """Presses ``keys`` once the fold of the log has arrived, and its lines are counted."""

    async def run(pilot: Pilot[None]) -> None:
        await settled(pilot)
        await pilot.press(*keys)
        for box in pilot.app.query(Box):
            box.cursor_blink = False
        await pilot.pause()

    return run


@pytest.mark.parametrize("size", [WIDE, USUAL, NARROW])
def test_the_journal(snap_compare: Snap, journal: Journal, size: tuple[int, int]) -> None:
    assert snap_compare(story(journal, 18), terminal_size=size, run_before=after("1"))


@pytest.mark.parametrize("size", [WIDE, USUAL, NARROW])
def test_too_much_coffee(snap_compare: Snap, journal: Journal, size: tuple[int, int]) -> None:
    assert snap_compare(story(journal, 23), terminal_size=size, run_before=after())


@pytest.mark.parametrize("size", [USUAL, NARROW])
def test_read_only_and_paused(snap_compare: Snap, journal: Journal, size: tuple[int, int]) -> None:
    assert snap_compare(story(journal, None, write=False), terminal_size=size, run_before=after("k", "k", "k"))


@pytest.mark.parametrize("size", [WIDE, USUAL, NARROW])
def test_an_empty_journal_says_what_to_press(snap_compare: Snap, journal: Journal, size: tuple[int, int]) -> None:
    assert snap_compare(story(journal, 0), terminal_size=size, run_before=after())


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_help(snap_compare: Snap, journal: Journal, size: tuple[int, int]) -> None:
    assert snap_compare(story(journal, 18), terminal_size=size, run_before=after("question_mark"))


@pytest.mark.parametrize("size", [USUAL, NARROW])
def test_the_board_opened_over_the_log(snap_compare: Snap, journal: Journal, size: tuple[int, int]) -> None:
    assert snap_compare(story(journal, None), terminal_size=size, run_before=after("h"))


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_the_board_over_the_whole_screen(snap_compare: Snap, journal: Journal, size: tuple[int, int]) -> None:
    assert snap_compare(story(journal, None), terminal_size=size, run_before=after("h", "f", "j"))


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_the_thread(snap_compare: Snap, journal: Journal, size: tuple[int, int]) -> None:
    app = story(journal, None)
    assert snap_compare(app, terminal_size=size, run_before=after("h", "j", "j", "j", "enter", "j"))


@pytest.mark.parametrize("size", [USUAL, NARROW])
def test_the_hand_off(snap_compare: Snap, journal: Journal, size: tuple[int, int]) -> None:
    assert snap_compare(story(journal, None), terminal_size=size, run_before=after("S"))


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_as_of(snap_compare: Snap, journal: Journal, size: tuple[int, int]) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await after("k", "k", "k", "less_than_sign")(pilot)
        while not isinstance(pilot.app.screen, AsOfScreen):
            await pilot.pause(0.01)
        await settled(pilot)

    assert snap_compare(story(journal, None), terminal_size=size, run_before=run)


def test_a_corrected_line_and_a_stamp_with_its_words(snap_compare: Snap, journal: Journal) -> None:
    app = story(journal, 9)
    clock = app.session.clock
    writer = Writer(journal, FOLD, clock, WriteOptions(BOB.user, str(BOB), sync=False))
    said = writer.write(note("the lag was 4 ms")).entries[0]
    writer.write(correction(said.stamp, "the lag was 0.4 ms"))
    taken = writer.write(take_stamp()).entries[0]
    writer.write(words_for(lambda: taken.stamp, "the pager went off again"))
    writer.write(take_stamp())
    assert snap_compare(app, terminal_size=USUAL, run_before=after())


def test_a_verdict_being_written(snap_compare: Snap, journal: Journal) -> None:
    keys = ("3", "v", *"one lock for both")
    assert snap_compare(story(journal, 27, bob=True), terminal_size=WIDE, run_before=after(*keys))


def test_the_coffee_panel(snap_compare: Snap, journal: Journal) -> None:
    assert snap_compare(story(journal, 23), terminal_size=USUAL, run_before=after("C"))


def test_wrapped(snap_compare: Snap, journal: Journal) -> None:
    assert snap_compare(story(journal, 18), terminal_size=USUAL, run_before=after("w"))


def test_the_lines_of_the_lock_itself(snap_compare: Snap, journal: Journal) -> None:
    assert snap_compare(story(journal, 18), terminal_size=USUAL, run_before=after("z"))


def test_plain_signs(snap_compare: Snap, journal: Journal) -> None:
    assert snap_compare(story(journal, 23, emoji=False), terminal_size=USUAL, run_before=after("k"))


def test_the_colours_of_the_terminal(snap_compare: Snap, journal: Journal) -> None:
    assert snap_compare(story(journal, 23, theme="ansi-dark"), terminal_size=WIDE, run_before=after())
