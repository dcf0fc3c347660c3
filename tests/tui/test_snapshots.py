"""The screen as pictures: the demo's story at the sizes that people have. Look before you update one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import pytest
from pictures import NARROW, USUAL, WIDE, Snap, make_still
from pilots import is_as_of
from textual.pilot import Pilot

from threeam.core.config.settings import Settings
from threeam.core.format.clock import fixed_zone
from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.core.format.report import ReportSection
from threeam.core.store.journal import Journal
from threeam.core.write.draft import note_draft
from threeam.core.write.locked_log import WriteOptions
from threeam.core.write.writer import Writer
from threeam.demo import ALICE, BOB, STORY_BEGIN, write_story
from threeam.host import baseline_store as normal
from threeam.host import preflight
from threeam.host.baseline import Baseline, Difference
from threeam.host.baseline_log import SavedBaseline
from threeam.host.check import Check, CheckGroup
from threeam.hypotheses.amendments import correction_draft, stamp_draft, stamp_words_draft
from threeam.hypotheses.changes import change_draft
from threeam.projections import FOLD
from threeam.restore.blockers import Backend, BlockerNode, build_blocker_tree
from threeam.restore.stable_commit import stable_draft
from threeam.tui.app import JournalApp
from threeam.tui.screens.journal import JournalScreen
from threeam.tui.screens.report_screen import ReportScreen
from threeam.tui.screens.restore import BlockersScreen
from threeam.tui.session import Session
from threeam.tui.widgets.box import InputBox

STABLE = "3f2a91c in /srv/shop: Cart: renew under the row lock"


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    make_still(monkeypatch)


def story(
    journal: Journal, beats: int | None, *, write: bool = True, bob: bool = False, **settings: object
) -> JournalApp:
    """The screen of alice (or bob) after so much of the story."""
    clock = write_story(journal, FOLD, beats)
    by = BOB if bob else ALICE
    writer = Writer(journal, FOLD, clock, WriteOptions(by.user, str(by), sync=False)) if write else None
    emoji = bool(settings.pop("emoji", True))
    session = Session(journal, Settings(**settings), FOLD, by, clock, writer, emoji, zone=fixed_zone(0))  # type: ignore[arg-type]
    return JournalApp(session)


async def settled(pilot: Pilot[None]) -> None:
    """Waits until the screen on top knows what its log says, and has counted it."""
    screen = pilot.app.screen
    assert isinstance(screen, JournalScreen)
    while screen.log_view.window.rows and (
        screen.state.last_stamp is None or not screen.pane.activity.is_done or screen.sparkline._shown_data is None
    ):
        await pilot.pause(0.01)


def after(*keys: str) -> Callable[[Pilot[None]], Awaitable[None]]:
    """Presses ``keys`` once the fold of the log has arrived, and its lines are counted."""

    async def run(pilot: Pilot[None]) -> None:
        await settled(pilot)
        await pilot.press(*keys)
        for box in pilot.app.query(InputBox):
            box.cursor_blink = False
        await pilot.pause()

    return run


def over(title: str, told: Sequence[ReportSection]) -> Callable[[Pilot[None]], Awaitable[None]]:
    """Lays what is told over the journal."""

    async def run(pilot: Pilot[None]) -> None:
        await settled(pilot)
        await pilot.app.push_screen(ReportScreen(title, lambda: told, lambda *_: None, emoji=True))
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
        while not is_as_of(pilot.app.screen):
            await pilot.pause(0.01)
        await settled(pilot)

    assert snap_compare(story(journal, None), terminal_size=size, run_before=run)


def test_a_corrected_line_and_a_stamp_with_its_words(snap_compare: Snap, journal: Journal) -> None:
    app = story(journal, 9)
    clock = app.session.clock
    writer = Writer(journal, FOLD, clock, WriteOptions(BOB.user, str(BOB), sync=False))
    note = writer.write(note_draft("the lag was 4 ms")).entries[0]
    writer.write(correction_draft(note.stamp, "the lag was 0.4 ms"))
    taken = writer.write(stamp_draft()).entries[0]
    writer.write(stamp_words_draft(lambda: taken.stamp, "the pager went off again"))
    writer.write(stamp_draft())
    assert snap_compare(app, terminal_size=USUAL, run_before=after())


def test_a_verdict_being_written(snap_compare: Snap, journal: Journal) -> None:
    keys = ("3", "V", *"one lock for both")
    assert snap_compare(story(journal, 27, bob=True), terminal_size=WIDE, run_before=after(*keys))


@pytest.mark.parametrize("size", [WIDE, USUAL, NARROW])
def test_the_coffee_panel(snap_compare: Snap, journal: Journal, size: tuple[int, int]) -> None:
    assert snap_compare(story(journal, 23), terminal_size=size, run_before=after("C"))


def test_the_coffee_panel_in_ascii(snap_compare: Snap, journal: Journal) -> None:
    assert snap_compare(story(journal, 23, emoji=False), terminal_size=USUAL, run_before=after("C"))


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_what_must_be_undone(snap_compare: Snap, journal: Journal, size: tuple[int, int]) -> None:
    app = story(journal, None)
    for draft in (
        change_draft("pool of the worker to 50", "pool back to 20, restart"),
        stable_draft("a" * 40, "/srv/shop", STABLE),
    ):
        Writer(journal, FOLD, app.session.clock, WriteOptions(BOB.user, str(BOB), sync=False)).write(draft)
    assert snap_compare(app, terminal_size=size, run_before=after("R"))


@pytest.mark.parametrize("size", [USUAL, NARROW])
def test_lights_out(snap_compare: Snap, journal: Journal, size: tuple[int, int]) -> None:
    assert snap_compare(story(journal, None), terminal_size=size, run_before=after("R", "s"))


@pytest.mark.parametrize("size", [USUAL, NARROW])
def test_preflight(snap_compare: Snap, journal: Journal, size: tuple[int, int]) -> None:
    tools = [
        Check("strace", "ok", "works"),
        Check("tcpdump", "yellow", "not installed", "sudo apt-get install tcpdump"),
        Check("attach to a process", "red", "not without CAP_SYS_PTRACE: ptrace_scope 2", "sudo sysctl …scope=0"),
    ]  # fmt: skip
    clock = [
        Check(
            "clock synchronised",
            "unknown",
            "neither chrony nor timesyncd is here to say",
            "sudo apt-get install chrony",
        )
    ]
    report = preflight.preflight_report([CheckGroup("tracing tools", tools), CheckGroup("the clock", clock)])
    assert snap_compare(story(journal, 18), terminal_size=size, run_before=over("preflight", report))


@pytest.mark.parametrize("size", [WIDE, USUAL, NARROW])
def test_an_experiment(snap_compare: Snap, journal: Journal, size: tuple[int, int]) -> None:
    assert snap_compare(story(journal, None), terminal_size=size, run_before=after("r", "enter"))


@pytest.mark.parametrize("emoji", [True, False])
def test_all_runs_and_one_with_plain_signs(snap_compare: Snap, journal: Journal, emoji: bool) -> None:
    app = story(journal, None, emoji=emoji)
    assert snap_compare(app, terminal_size=USUAL, run_before=after("r", *([] if emoji else ["enter"])))


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_may_i_call_it_fixed(snap_compare: Snap, journal: Journal, size: tuple[int, int]) -> None:
    app = story(journal, None)
    assert app.session.writer is not None
    app.session.writer.write(change_draft("the sweeper takes the row lock"))
    assert snap_compare(app, terminal_size=size, run_before=after("colon", *"fixed H1", "enter"))


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_what_is_not_normal(snap_compare: Snap, journal: Journal, size: tuple[int, int]) -> None:
    saved = SavedBaseline("normal", "f", "normal is 312 things on db1, 5 samples over 20s", STORY_BEGIN, ALICE)
    differences = [
        Difference("sysctl/vm.swappiness", "60", "10", 1e9),
        Difference("load/1 min", "14.20", "0.31 to 0.94", 21.0),
        Difference("process worker/locks waited for", "3", "0", 3.0),
        Difference("peers/10.0.3.7:5432", "48", "20 to 21", 13.0),
    ]
    looked = normal.BaselineComparison(
        saved, Baseline("normal", "db1", (), (), ()), differences, 312, ("sockets of nginx: denied",)
    )
    report = normal.baseline_report(looked, Stamp(STORY_BEGIN.ns + 3600 * NS_PER_S))
    assert snap_compare(story(journal, 18), terminal_size=size, run_before=over("what is not normal", report))


@pytest.mark.parametrize("size", [WIDE, NARROW])
@pytest.mark.parametrize("asks", [False, True])
def test_blocked_queries(snap_compare: Snap, journal: Journal, size: tuple[int, int], asks: bool) -> None:
    def backend(pid: int, user: str, query: str, *blocked_by: int) -> Backend:
        state, waits = ("active", "ShareLock on transactionid") if blocked_by else ("idle in transaction", None)
        return Backend(pid, user, "shop", "", "10.0.0.9", state, 192.0, 200.0, query, blocked_by, waits, 3.2, "")

    nodes = build_blocker_tree([
        backend(4711, "sweeper", "SELECT * FROM carts WHERE expires < now() FOR UPDATE"),
        backend(4712, "app", "UPDATE carts SET expires = $1 WHERE id = 8812", 4711),
        backend(4713, "app", "UPDATE carts SET expires = $1 WHERE id = 8812", 4712, 4711),
    ])  # fmt: skip

    def end(_node: BlockerNode, _waits: int) -> None:
        raise AssertionError("nothing is ended in a picture")

    async def run(pilot: Pilot[None]) -> None:
        await settled(pilot)
        screen = BlockersScreen("db1:5432/shop", lambda: nodes, end, lambda *_: None, emoji=True)
        await pilot.app.push_screen(screen)
        while screen._backends is None:
            await pilot.pause(0.01)
        await pilot.press(*(["x"] if asks else []))
        await pilot.pause()

    assert snap_compare(story(journal, 18), terminal_size=size, run_before=run)


def test_long_lines_cut(snap_compare: Snap, journal: Journal) -> None:
    assert snap_compare(story(journal, 18), terminal_size=USUAL, run_before=after("w"))


def test_the_lines_of_the_lock_itself(snap_compare: Snap, journal: Journal) -> None:
    assert snap_compare(story(journal, 18), terminal_size=USUAL, run_before=after("z"))


def test_plain_signs(snap_compare: Snap, journal: Journal) -> None:
    assert snap_compare(story(journal, 23, emoji=False), terminal_size=USUAL, run_before=after("k"))


def test_the_colours_of_the_terminal(snap_compare: Snap, journal: Journal) -> None:
    assert snap_compare(story(journal, 23, theme="ansi-dark"), terminal_size=WIDE, run_before=after())
