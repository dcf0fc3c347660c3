"""The one table of actions, and that everything which is fed from it agrees with it."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from pilots import append, line, night
from textual.binding import Binding, BindingsMap
from textual.command import CommandPalette
from textual.widget import Widget
from textual_internals import bindings_of

from support.journals import entries, texts
from support.manual_tables import keys as key_tables
from threeam.actions import ACTIONS, BY_COMMAND, BY_ID, GROUPS, format_keys, key_problems
from threeam.core.config.settings import Settings
from threeam.core.store.journal import Journal
from threeam.tui.app import JournalApp
from threeam.tui.command_line import UnknownCommand, parse_command
from threeam.tui.screens.coffee import CoffeeScreen
from threeam.tui.screens.help import HelpScreen
from threeam.tui.screens.journal import JournalScreen
from threeam.tui.widgets.box import InputBox
from threeam.tui.widgets.log_view import LogView

NEVER = {f"ctrl+{key}" for key in ("a", "b", "s", "q", "h", "j", "k", "l", "backslash", "space", "@")}
MARKED = [action for action in ACTIONS if not action.id.startswith("pick-")]


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_action_says_what_it_is(action: object) -> None:
    assert action in ACTIONS
    listed = BY_ID[action.id]
    assert listed.id
    assert listed.label
    assert listed.description
    assert listed.group in GROUPS


async def test_every_action_has_a_handler(journal: Journal) -> None:
    async with night(journal) as it:
        assert [action.id for action in ACTIONS if action.id not in it.journal_screen.actions] == []


def test_no_two_actions_share_an_id_a_word_or_a_key_in_one_place() -> None:
    assert len(BY_ID) == len(ACTIONS)
    words = [action.command for action in ACTIONS if action.command]
    assert len(set(words)) == len(words)
    for place in ("log", "box", "anywhere"):
        keys = [key for action in ACTIONS if action.scope == place for key in action.keys.split(",") if key]
        assert len(set(keys)) == len(keys)


def test_an_action_without_a_key_can_be_called_by_its_word() -> None:
    assert [action.id for action in ACTIONS if not action.keys and not action.command] == []


def keys_of(bindings: BindingsMap) -> set[str]:
    return set(bindings.key_to_bindings)


async def test_keys_of_tmux_flow_control_and_vim_are_never_bound(journal: Journal, log: Path) -> None:
    append(log, line("Hypothesis: a claim", tags=(("H1", "open"),)))
    async with night(journal) as it:
        conflicts: set[tuple[str, str]] = set()
        for opens in ((), ("question_mark",), ("escape", "C")):
            await it.press(*opens)
            nodes: list[Widget | JournalApp] = [it.app, *it.app.screen_stack]
            for screen in it.app.screen_stack:
                nodes += list(screen.walk_children(Widget))
            conflicts |= {(type(node).__name__, key) for node in nodes for key in keys_of(bindings_of(node)) & NEVER}
        assert sorted(conflicts) == []


async def test_such_a_key_does_nothing_in_the_log_nor_in_the_box(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.press(*sorted(NEVER))
        assert it.app.is_running
        assert it.in_the_log
        await it.type("ione two")
        await it.press("left", "left")
        before = (it.composer.text, it.composer.box.cursor_location)
        changed = []
        for key in sorted(NEVER - {"ctrl+h", "ctrl+j"}):  # which a terminal sends for backspace and for enter
            await it.press(key)
            if (it.composer.text, it.composer.box.cursor_location) != before:
                changed.append(key)
                it.composer.box.text = "one two"
                it.composer.box.move_cursor((0, 5))
        assert changed == []
        assert it.app.is_running


@pytest.mark.parametrize("screen", [JournalScreen, HelpScreen, CoffeeScreen, LogView, InputBox])
def test_every_binding_of_ours_has_a_description(screen: type[Widget]) -> None:
    for binding in screen.BINDINGS:
        assert isinstance(binding, Binding)
        assert binding.description


@pytest.mark.parametrize(
    ("typed", "action", "argument"),
    [
        ("note x y", "note", "x y"),
        ("log x", "note", "x"),
        (":note x", "note", "x"),
        ("3am log x", "note", "x"),
        ("hyp the pool", "hypothesis", "the pool"),
        ("hypothesis the pool", "hypothesis", "the pool"),
        ("hyp new the pool", "hypothesis", "the pool"),
        ("hyp new list of peers", "hypothesis", "list of peers"),
        ("hypothesis new show cache is stale", "hypothesis", "show cache is stale"),
        ("hyp new", "hypothesis", ""),
        ("hyp list", "board", ""),
        ("hyp show H1", "thread", "H1"),
        ("refute H1 why", "refute", "H1 why"),
        ("hyp reads go to the replica", "hypothesis", "reads go to the replica"),
        ("status --json", "status", "--json"),
        ("3am export md", "export", "md"),
        ("hyp refute H1 why", "refute", "H1 why"),
        ("coffee", "coffee", ""),
        ("coffee --undo", "undo-coffee", ""),
        ("theme nord", "theme", "nord"),
        ("q", "quit", ""),
        ("quit", "quit", ""),
    ],
)
def test_the_words_of_the_command_line_are_the_words_of_the_shell(typed: str, action: str, argument: str) -> None:
    parsed, rest = parse_command(typed)
    assert (parsed.id, rest) == (action, argument)


async def test_words_that_the_list_has_no_use_for_are_reported(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.command("hyp list of peers")
        await it.says(":board takes nothing more, and 'of peers' follows it")


@pytest.mark.parametrize(
    ("typed", "near"),
    [("cofee", ":coffee"), ("refut H1 x", ":refute"), ("them nord", ":theme"), ("hyp refut H1 x", ":hyp refute")],
)
def test_an_unknown_word_names_the_nearest(typed: str, near: str) -> None:
    with pytest.raises(UnknownCommand, match=near):
        parse_command(typed)


async def test_an_unknown_word_is_reported_and_its_text_stays(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.command("cofee [/foo]")
        await it.says("did you mean :coffee")
        assert it.composer.text == "cofee [/foo]"
        assert texts(log) == []


async def test_a_command_writes_what_the_shell_would(journal: Journal, log: Path) -> None:
    append(log, line("Hypothesis: a claim", tags=(("H1", "open"),)))
    expected = {
        "note x [red]": "x [red]",
        "hyp x": "Hypothesis: x",
        "refute H1 not so": "Conclusion: not so",
        "park 2 later": "Conclusion: later",
        "coffee": "Coffee: cup 1 of the night.",
        "water": "Water: glass 1 of the night.",
    }
    async with night(journal) as it:
        for n, (typed, written) in enumerate(expected.items()):
            await it.command(typed)
            await it.eventually(
                lambda n=n, written=written: texts(log)[1 + n :] == [written], f"{written!r} is written"
            )
            await it.eventually(lambda: it.unanswered == 0, "the screen has been told")
            assert it.in_the_log


async def test_the_theme_can_be_changed_by_name_and_an_unknown_one_lists_them(journal: Journal) -> None:
    async with night(journal) as it:
        await it.command("theme nord")
        assert it.app.theme == "nord"
        await it.command("theme nrod")
        await it.says("there is no theme nrod")
        assert it.app.theme == "nord"


async def test_colon_q_quits_with_0(journal: Journal) -> None:
    async with night(journal) as it:
        await it.command("q")
        await it.eventually(lambda: not it.app.is_running, "it has ended")
    assert it.app.return_code == 0


async def test_a_verdict_by_command_on_no_hypothesis_says_so(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.command("refute H7 why")
        await it.says("there is no hypothesis H7")
        assert texts(log) == []


@pytest.mark.slow
async def test_every_word_of_the_command_line_can_be_said_alone(journal: Journal, log: Path) -> None:
    async with night(journal, size=(80, 24)) as it:
        for word in sorted(set(BY_COMMAND) - {"q"}):
            await it.command(word)
            await it.eventually(lambda: not (it.at_work or it.unanswered), f":{word} has been answered")
            assert not [notice for notice in it.notices if "there is no :" in notice]
            assert it.app.is_running
            while not isinstance(it.app.screen, JournalScreen):
                await it.press("escape")
            await it.press("escape")
            assert it.in_the_log, f"esc leads back to the log after :{word}"


async def test_the_palette_lists_every_action_of_the_log(journal: Journal) -> None:
    async with night(journal, size=(100, 300)) as it:
        await it.press("ctrl+p")
        assert isinstance(it.app.screen, CommandPalette)
        for action in ACTIONS:
            if action.scope == "log" and not action.id.startswith("pick-"):
                await it.shows(action.description[:60])


async def test_the_palette_runs_what_is_chosen(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.press("ctrl+p")
        await it.type("glass of water")
        await it.eventually(lambda: "One coffee" not in it.shown and "One glass" in it.shown, "only water is left")
        await it.press("enter", "enter")
        await it.eventually(lambda: texts(log) == ["Water: glass 1 of the night."], "one glass")


async def test_the_palette_of_a_read_only_screen_offers_no_writing(journal: Journal) -> None:
    async with night(journal, read_only=True, size=(100, 180)) as it:
        await it.press("ctrl+p")
        await it.shows(BY_ID["wrap"].description)
        for action in ACTIONS:
            if action.writes:
                assert action.description not in it.shown


@pytest.mark.parametrize("key", ["question_mark", "f1"])
async def test_the_help_lists_every_key(journal: Journal, key: str) -> None:
    async with night(journal, size=(120, 150)) as it:
        await it.press(key)
        assert isinstance(it.app.screen, HelpScreen)
        for action in MARKED:
            assert action.description in it.shown
            assert format_keys(action.keys) in it.shown
        await it.press("escape")
        assert it.in_the_log


async def test_the_help_scrolls_on_a_small_screen_and_q_only_closes_it(journal: Journal) -> None:
    async with night(journal, size=(40, 10)) as it:
        await it.press("question_mark")
        before = it.shown
        await it.press("j", "j", "j")
        assert it.shown != before
        await it.press("q")
        assert it.app.is_running
        assert it.in_the_log


def test_the_tables_of_the_manual_have_every_key() -> None:
    tables = key_tables()
    for action in MARKED:
        if action.keys:
            assert action.description in tables


async def test_keys_are_remapped_by_their_id(journal: Journal, log: Path) -> None:
    async with night(journal, settings=Settings(keys={"coffee": "f2", "quit": "Q,f10", "leave": "f9"})) as it:
        await it.press("c", "q")
        await it.pilot.pause(0.1)
        assert texts(log) == []
        assert it.app.is_running
        await it.press("f2")
        await it.eventually(lambda: texts(log) == ["Coffee: cup 1 of the night."], "one cup")
        await it.press("Q")
        await it.eventually(lambda: not it.app.is_running, "it has ended")


async def test_sentences_name_the_keys_in_force(journal: Journal) -> None:
    keys = {"coffee": "f2", "note": "f3", "hypothesis": "f4", "help": "", "board": "f5", "quit": "f6"}
    async with night(journal, size=(120, 24), settings=Settings(keys=keys)) as it:
        await it.shows("f3  write a note    f4  open a hypothesis    f2  count a coffee")
        await it.shows(":help  all the keys")
        await it.shows("none yet: f4 opens one")
        await it.shows("none: f2 counts one")
        await it.press("7")
        await it.says("there is no hypothesis H7: f5 shows those there are")
        await it.press("ctrl+c")
        await it.says("f6 quits")


async def test_remapped_keys_act_in_the_sidebar_and_in_the_box(journal: Journal, log: Path) -> None:
    log.write_bytes(line("Hypothesis: a claim", tags=(("H1", "open"),)))
    keys = {"refute": "f3", "board": "f4", "coffee": "f2", "leave": "f9", "coffee-panel": "f5", "help": "f6"}
    async with night(journal, size=(120, 24), settings=Settings(keys=keys)) as it:
        await it.eventually(lambda: it.journal_screen.state.hypotheses, "the hypothesis is known")
        await it.press("f4")
        assert it.app.focused is it.journal_screen.sidebar.hypothesis_list
        await it.press("x", "c")
        assert it.app.focused is it.journal_screen.sidebar.hypothesis_list
        await it.press("f2")
        await it.eventually(lambda: texts(log)[1:] == ["Coffee: cup 1 of the night."], "one cup")
        await it.press("f3")
        assert it.box_kind == "refute H1"
        it.at_once(*"because", "escape", *"!", "f9", "f4")
        await it.settled()
        assert it.composer.text == "because!"
        assert it.app.focused is it.journal_screen.sidebar.hypothesis_list
        await it.press("enter", "f3")
        assert it.in_the_box, "in the thread, too"
        await it.press("f9", "f5", "f5", "f6", "f6")
        assert it.in_the_log


async def test_a_remapped_key_takes_the_key_of_another_without_an_error(journal: Journal, log: Path) -> None:
    async with night(journal, settings=Settings(keys={"coffee": "i", "cofee": "f3", "wrap": ""})) as it:
        await it.says("there is no action cofee; did you mean coffee?; i is the key of coffee and note: one of them")
        await it.press("i")
        await it.eventually(lambda: texts(log) == ["Coffee: cup 1 of the night."], "one cup")


async def test_an_action_without_a_key_gets_the_one_of_the_settings(journal: Journal, log: Path) -> None:
    async with night(journal, settings=Settings(keys={"water": "f4"})) as it:
        await it.press("f4")
        await it.eventually(lambda: [entry.kind for entry in entries(log)] == ["Water"], "a glass is written")


def test_a_key_is_no_problem_for_actions_that_never_act_together() -> None:
    assert key_problems({}) == []
    assert key_problems({"coffee": "alt+c", "note": "f2"}) == []
    assert key_problems({"coffee": "f2,f3", "note": "f3"}) == ["f3 is the key of coffee and note: one of them lost it"]
    assert key_problems({"leave": "q"}) == ["q is the key of leave and quit: one of them lost it"]
    assert key_problems({"xyz": "f2"}) == ["there is no action xyz; 3am help keys has the ids"]


async def test_the_first_ctrl_c_says_how_to_quit_and_the_second_quits_with_130(journal: Journal) -> None:
    async with night(journal) as it:
        await it.press("ctrl+c")
        await it.says("q quits")
        assert it.app.is_running
        await it.press("ctrl+c")
        await it.eventually(lambda: not it.app.is_running, "it has ended")
    assert it.app.return_code == 130


async def test_a_remapped_key_closes_what_lies_over_the_journal(journal: Journal, log: Path) -> None:
    dialogs = [("?",), ("C",), ("enter",), ("r",), ("S",), ("1", ":", "thread\n")]
    append(log, line("Hypothesis: a claim", tags=(("H1", "open"),)))
    settings = Settings(keys={"leave": "ctrl+x", "quit": "Q", "down": "e"})
    async with night(journal, settings=settings) as it:
        for opened, key in product(dialogs, ("ctrl+x", "Q")):
            for part in opened:
                it.at_once(*part) if part.endswith("\n") else await it.press(part)
            await it.eventually(lambda: it.app.screen is not it.journal_screen, "it is open")
            await it.press("q", "escape")
            assert it.app.screen is not it.journal_screen, "the old keys close it no more"
            assert "^x" in it.shown.splitlines()[-1]
            await it.press(key)
            assert it.app.screen is it.journal_screen
