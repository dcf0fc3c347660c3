"""The method from the keyboard: predictions, evidence, verdicts, later words, changes, and what tells of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pilots import BY, NIGHT, TINY, WIDE, Night, append, held, line, night, notes

from support.journals import FakeClock, entries, texts
from threeam.core.format.entry import NS_PER_S, Entry, Stamp
from threeam.core.store.journal import Journal
from threeam.tui import draft_store
from threeam.tui.screens.entry import EntryScreen
from threeam.tui.screens.report_screen import ReportScreen, ThreadScreen

MS = 1_000_000
SIZES = [WIDE, TINY]


def at(ms: int) -> Stamp:
    """The stamp of a line of `line` or `notes`, so many milliseconds into the night."""
    return Stamp(NIGHT.ns + ms * MS, 0)


def said(text: str, ms: int, state: str = "open", *, number: int = 1, user: str = "bob") -> bytes:
    """A line about a hypothesis."""
    return line(text, ms * MS, user=user, tags=((f"H{number}", state),))


def claim(number: int, text: str = "", ms: int = 0) -> bytes:
    """A hypothesis of bob's, open."""
    return said(f"Hypothesis: {text or f'claim {number}'}", ms or 100 + number, number=number)


def cited(kind: str, number: int, ms: int, after: int) -> bytes:
    """Evidence of bob's: it cites ``note ms``."""
    return said(f"{kind}: @{at(ms)} note {ms}", after, number=number)


def last(log: Path) -> Entry:
    """The last line, without the ceremony."""
    return [entry for entry in entries(log) if entry.kind != "ceremony"][-1]


async def select(it: Night, text: str) -> None:
    """Puts the cursor of the log on the line that says this."""
    await it.press("g")
    for _ in range(60):
        row = it.view.selected_row
        if row is not None and row.line.display_text.endswith(text):
            return
        await it.press("j")
    raise AssertionError(f"no line says {text!r}\n{it.shown}")


async def known(it: Night) -> None:
    """Waits until it is known what the log adds up to."""
    await it.eventually(lambda: it.journal_screen.sidebar.is_state_known, "the log is read")


def on_top(it: Night) -> ReportScreen:
    """The thread or the hand-off that lies over the journal."""
    screen = it.app.screen
    assert isinstance(screen, ReportScreen), f"{screen} is over the journal"
    return screen


async def opens(it: Night, kind: type[ReportScreen] = ReportScreen) -> ReportScreen:
    """Waits for a thread or a hand-off."""
    await it.eventually(lambda: isinstance(it.app.screen, kind), f"a {kind.__name__} is open")
    return on_top(it)


def under_cursor(it: Night) -> str:
    """The line that has the cursor in what is told."""
    option = on_top(it).option_list.highlighted_option
    return "" if option is None else str(option.prompt)


async def highlight(it: Night, words: str) -> None:
    """Goes down in what is told to the line with these words."""
    for _ in range(60):
        if words in under_cursor(it):
            return
        await it.press("j")
    raise AssertionError(f"nothing told says {words!r}\n{it.shown}")


def order(it: Night) -> list[str | None]:
    """The names in the panel, from top to bottom."""
    return [option.id for option in it.journal_screen.sidebar.hypothesis_list.options]


def counts(it: Night, index: int = 0) -> str:
    """What the panel says of one: a notice may lie over the panel."""
    board = it.journal_screen.sidebar.hypothesis_list
    return str(board.get_option_at_index(index).prompt) if board.option_count > index else ""


async def counted(it: Night, words: str) -> None:
    """Waits until the panel says this of the first."""
    await it.eventually(lambda: words in counts(it), f"the panel says {words!r}")


async def reads(it: Night, words: str) -> None:
    """Waits until a row of the log says this, also below a notice."""
    await it.eventually(lambda: any(words in row for row in it.rows), f"a row says {words!r}")


# --- predictions and evidence


async def test_p_asks_for_the_prediction_of_the_picked_one_and_writes_it(journal: Journal, log: Path) -> None:
    append(log, claim(1) + claim(2))
    async with night(journal) as it:
        await it.press("2", "p")
        assert it.in_the_box
        assert it.box_kind == "predict H2"
        await it.type("a dump [/foo] at 03:20\n")
        await it.eventually(lambda: texts(log)[2:] == ["Prediction: a dump [/foo] at 03:20"], "it is written")
        assert last(log).hypothesis == (2, "open")
        await it.eventually(lambda: not it.composer.is_waiting and it.box_kind == "note", "the box is a note's again")


async def test_a_key_about_the_picked_one_says_that_nothing_is_picked(journal: Journal, log: Path) -> None:
    append(log, claim(1))
    async with night(journal) as it:
        await known(it)
        for key in "p+-":
            it.app.clear_notifications()
            await it.press("escape", key)
            await it.says("pick a hypothesis first")
            assert it.in_the_log
        assert len(texts(log)) == 1


async def test_evidence_is_the_selected_line_with_its_words(journal: Journal, log: Path) -> None:
    append(log, notes(3) + claim(1))
    async with night(journal, size=WIDE) as it:
        await select(it, "note 1")
        await it.press("1")
        await counted(it, "+0 −0")
        await it.press("+")
        assert it.box_kind == f"support H1 @{at(1)}"
        placeholder = str(it.composer.box.placeholder)
        assert "its words" in placeholder or "words of the line" in placeholder
        await it.press("enter")
        await counted(it, "+1 −0")
        assert texts(log)[4:] == [f"Supports: @{at(1)} note 1"]
        assert last(log).hypothesis == (1, "open")
        await it.press("+", "enter")
        await it.says("alice has said already that this line supports H1")
        assert len(texts(log)) == 5
        await it.press("escape", "escape", "-")
        await it.type("of my own\n")
        await counted(it, "+0 −1")
        assert texts(log)[5:] == [f"Contradicts: @{at(1)} of my own"]
        assert it.selected_text == "note 1", "the cursor stays where it was"


async def test_two_enters_in_one_read_write_one_line(journal: Journal, log: Path) -> None:
    append(log, claim(1) + notes(3, 200))
    async with night(journal) as it:
        await select(it, "note 201")
        await it.press("1")
        it.at_once("+", "\n", "\n")
        await it.eventually(lambda: len(texts(log)) == 5, "it is tied")
        await it.settled()
        assert texts(log)[4:] == [f"Supports: @{at(201)} note 201"]


async def test_a_foreign_line_cannot_be_cited(journal: Journal, log: Path) -> None:
    append(log, claim(1) + b"Traceback (most recent call last)\n")
    async with night(journal) as it:
        await select(it, "Traceback (most recent call last)")
        await it.press("1")
        for key in ("+", "-"):
            it.app.clear_notifications()
            await it.press("escape", key)
            await it.says("only those have a stamp")
        assert log.read_bytes().endswith(b"last)\n")


async def test_evidence_by_the_command_line_cites_what_it_names(journal: Journal, log: Path) -> None:
    append(log, notes(3) + claim(1))
    async with night(journal, size=WIDE) as it:
        await it.command(f"support H1 @{at(1)} the sweep [/foo]")
        await it.eventually(lambda: texts(log)[4:] == [f"Supports: @{at(1)} the sweep [/foo]"], "it is written")
        assert last(log).hypothesis == (1, "open")
        await it.command("hyp contradict H1 it was warm")
        await it.eventually(lambda: texts(log)[5:] == ["Contradicts: it was warm"], "words are evidence too")
        await counted(it, "+1 −1")
        await it.command(f"3am hyp contradict H1 @{at(2)}")
        await it.eventually(lambda: texts(log)[6:] == [f"Contradicts: @{at(2)} note 2"], "its own words stand there")
        await counted(it, "+1 −2")


async def test_the_selected_line_is_tied_to_the_one_that_a_command_names(journal: Journal, log: Path) -> None:
    append(log, notes(3) + claim(1) + claim(2))
    async with night(journal) as it:
        await select(it, "note 0")
        await it.press("1")
        await it.command("contradict H2")
        await it.press("enter")
        await it.eventually(lambda: texts(log)[5:] == [f"Contradicts: @{at(0)} note 0"], "it is written")
        assert last(log).hypothesis == (2, "open")


@pytest.mark.parametrize("command", ["support H1 @{} words", "correct @{} words"])
async def test_a_stamp_that_is_not_there_is_said_with_the_nearest(journal: Journal, log: Path, command: str) -> None:
    append(log, notes(3) + claim(1))
    async with night(journal) as it:
        await it.command(command.format(Stamp(at(1).ns + 5, 0)))
        await it.says(f"@{at(1)}")
        assert it.unanswered == 0
        assert len(texts(log)) == 4


async def test_what_a_command_names_wrongly_is_said_and_nothing_is_written(journal: Journal, log: Path) -> None:
    append(log, notes(3) + claim(1))
    wrong = {
        "support H9 words": "there is no hypothesis H9",
        "predict H9 words": "there is no hypothesis H9",
        "thread H9": "there is no hypothesis H9",
        "support H1 @03:14 words": "'@03:14' is not a stamp",
        "correct @yesterday words": "'@yesterday' is not a stamp",
        "undone @yesterday": "'@yesterday' is not a stamp",
        "undone": "nothing is left to undo",
        "take two": ":take takes nothing more",
    }
    async with night(journal) as it:
        await known(it)
        for command, answer in wrong.items():
            it.app.clear_notifications()
            await it.command(command)
            await it.says(answer)
            if command == "predict H9 words":  # the words are in the line again
                assert it.composer.text == command
                await it.press("escape")
            assert it.in_the_log
            assert it.unanswered == 0
        await it.command("words lost")
        await it.says("no stamp of yours is without words")
        await it.press("colon", "up")
        assert it.composer.text == "words lost", "what was typed is one key away"
        assert len(texts(log)) == 4


async def test_evidence_for_one_of_the_script_gives_it_a_number(journal: Journal, log: Path) -> None:
    append(log, notes(2) + line("Hypothesis: of the script", 5 * MS, user=""))
    async with night(journal) as it:
        await select(it, "note 1")
        await it.press("h", "j", "escape", "+", "enter")
        await it.eventually(lambda: len(texts(log)) == 5, "two lines are written")
        assert texts(log)[3:] == [f"Hypothesis: @{at(5)} of the script", f"Supports: @{at(1)} note 1"]
        assert last(log).hypothesis == (1, "open")
        await counted(it, "H1 open +1 −0")


# --- the board and the thread


@pytest.mark.parametrize("size", SIZES)
async def test_the_board_is_in_the_order_of_what_stands_against_and_then_for(
    journal: Journal, log: Path, size: tuple[int, int]
) -> None:
    append(log, notes(9) + b"".join(map(claim, range(1, 6))))
    append(log, cited("Contradicts", 1, 0, 120) + cited("Supports", 1, 1, 121) + cited("Supports", 1, 2, 122))
    append(log, cited("Supports", 2, 3, 123) + cited("Supports", 3, 4, 124) + cited("Supports", 3, 5, 125))
    append(log, said("Conclusion: not in staging", 126, "refuted", number=4))
    append(log, cited("Contradicts", 5, 6, 127) + cited("Contradicts", 5, 7, 128))
    async with night(journal, size=size) as it:
        await it.press("h")
        assert order(it) == ["H3", "H2", "H1", "H5", "H4"]
        await it.shows("H3 open +2 −0")
        append(log, cited("Contradicts", 3, 6, 129))
        await it.eventually(lambda: order(it) == ["H2", "H3", "H1", "H5", "H4"], "the order is another")


async def test_a_refuted_one_stays_on_the_board_struck_through(journal: Journal, log: Path) -> None:
    append(log, claim(1, "the pool") + said("Conclusion: not in staging", 110, "refuted"))
    async with night(journal, size=WIDE) as it:
        assert "H1 refuted" in it.shown
        board = it.journal_screen.sidebar.hypothesis_list
        prompt = board.get_option_at_index(0).prompt
        assert [str(span.style) for span in getattr(prompt, "spans", []) if "strike" in str(span.style)] != []


@pytest.mark.parametrize("size", SIZES)
async def test_enter_on_the_board_opens_the_thread_and_esc_goes_back(
    journal: Journal, log: Path, size: tuple[int, int]
) -> None:
    append(log, notes(3) + claim(1) + claim(2, "the pool"))
    async with night(journal, size=size) as it:
        await it.press("h", "j")
        highlighted = it.journal_screen.sidebar.hypothesis_list.highlighted_option
        assert highlighted is not None
        name = highlighted.id
        assert name is not None
        assert it.journal_screen.picked_name == name, "the highlighted one is picked"
        await it.press("enter")
        await opens(it, ThreadScreen)
        assert "CLAIM" in it.shown
        assert name in it.shown
        await it.press("escape")
        assert it.app.screen is it.journal_screen
        assert it.app.focused is it.journal_screen.sidebar.hypothesis_list, "back in the panel"


async def test_the_thread_tells_claim_predictions_evidence_and_history(journal: Journal, log: Path) -> None:
    append(log, notes(3) + claim(1, "the [/foo] pool") + said("Prediction: it runs dry", 110))
    append(log, cited("Supports", 1, 0, 111) + cited("Contradicts", 1, 2, 112))
    append(log, said("Conclusion: not in staging", 113, "refuted") + said("Reopened: the ghost is back", 114))
    append(log, said("Conclusion: a leak after all", 115, "confirmed"))
    async with night(journal, size=WIDE) as it:
        await it.command("hyp show H1")
        told = await opens(it, ThreadScreen)
        words = [str(option.prompt) for option in told.option_list.options]
        titles = ["CLAIM", "PREDICTIONS", "SUPPORTS IT: 1", "CONTRADICTS IT: 1", "HISTORY"]
        assert [word.strip() for word in words if word.strip() in titles] == titles
        for one in ("the [/foo] pool", "it runs dry", "note 0", "note 2", "not in staging", "the ghost is back"):
            assert any(one in word for word in words), f"{one!r} is not told"
        assert any("confirmed: a leak after all" in word for word in words)


@pytest.mark.parametrize("size", SIZES)
async def test_a_piece_of_evidence_leads_to_its_line_in_the_log(
    journal: Journal, log: Path, size: tuple[int, int]
) -> None:
    append(log, notes(60) + claim(1) + cited("Supports", 1, 7, 110) + notes(60, 200))
    async with night(journal, size=size) as it:
        await it.press("h", "j", "enter")
        await opens(it, ThreadScreen)
        await highlight(it, "note 7")
        await it.press("enter")
        await it.eventually(lambda: it.selected_text == "note 7", "the cited line is selected")
        assert it.in_the_log
        assert "note 7" in it.shown


@pytest.mark.parametrize(
    ("key", "kind"), [("v", "confirm H2"), ("x", "refute H2"), ("tilde", "park H2"), ("p", "predict H2")]
)
async def test_a_key_in_the_thread_opens_the_box_for_that(journal: Journal, log: Path, key: str, kind: str) -> None:
    append(log, claim(1) + claim(2))
    async with night(journal) as it:
        await it.command("thread H2")
        await opens(it, ThreadScreen)
        await it.press(key)
        assert it.app.screen is it.journal_screen
        assert it.in_the_box
        assert it.box_kind == kind
        await it.type("because\n")
        await it.eventually(lambda: texts(log)[2:] != [], "it is written")
        assert last(log).text.endswith(": because")
        assert last(log).hypothesis is not None


async def test_an_open_thread_tells_the_news_and_keeps_its_cursor(journal: Journal, log: Path) -> None:
    append(log, notes(3) + claim(1) + cited("Supports", 1, 0, 110))
    async with night(journal, size=WIDE) as it:
        await it.command("thread H1")
        await opens(it, ThreadScreen)
        await highlight(it, "note 0")
        append(log, said("Prediction: it will be late", 111))
        await it.shows("it will be late")
        append(log, cited("Contradicts", 1, 2, 112))
        await it.shows("CONTRADICTS IT: 1")
        assert "note 0" in under_cursor(it)
        await it.press("enter")
        await it.eventually(lambda: it.selected_text == "note 0", "the cited line is selected")


@pytest.mark.parametrize("key", ["escape", "h"])
@pytest.mark.parametrize("size", SIZES)
async def test_f_is_full_screen_until_it_is_left(journal: Journal, log: Path, size: tuple[int, int], key: str) -> None:
    append(log, notes(3) + claim(1, "the pool"))
    async with night(journal, size=size) as it:
        await it.press("h", "f")
        board = it.journal_screen.sidebar
        assert board.size.width >= size[0] - 4, "all of the width is the board's"
        assert "the pool" in it.shown
        assert "note 2" not in it.shown
        await it.press(key)
        assert it.in_the_log
        assert "note 2" in it.shown
        await it.press("h", "f", "f")
        assert not board.has_class("-full"), "f again: a panel"


async def test_the_evidence_of_a_full_board_leads_to_the_log(journal: Journal, log: Path) -> None:
    append(log, notes(60) + claim(1) + cited("Supports", 1, 7, 110))
    async with night(journal, size=TINY) as it:
        await it.press("h", "f", "j", "enter")
        await opens(it, ThreadScreen)
        await highlight(it, "note 7")
        await it.press("enter")
        await it.eventually(lambda: it.selected_text == "note 7", "the cited line is selected")
        assert "note 7" in it.shown


# --- guards


def refuted_pool() -> bytes:
    """A claim that was tried."""
    text = "the connection pool is exhausted by the nightly job"
    return claim(1, text) + said("Conclusion: 3 of 20 in use", 110, "refuted")


async def test_a_claim_like_a_refuted_one_is_written_by_a_second_enter(journal: Journal, log: Path) -> None:
    append(log, refuted_pool())
    async with night(journal) as it:
        await it.type("Hnightly job exhausts the connection pool\n")
        await it.says("3 of 20 in use")
        await it.says("tried before")
        assert it.composer.text == "nightly job exhausts the connection pool"
        assert it.box_kind == "hypothesis"
        assert it.in_the_box
        assert len(texts(log)) == 2
        await it.shows("enter again writes it")
        await it.press("enter")
        await it.eventually(lambda: len(texts(log)) == 3, "it is written")
        assert last(log).text == "Hypothesis: nightly job exhausts the connection pool"
        assert last(log).hypothesis == (2, "open")


@pytest.mark.parametrize("word", ["hyp new"])
async def test_a_claim_of_the_command_line_is_shown_what_it_resembles(journal: Journal, log: Path, word: str) -> None:
    append(log, refuted_pool())
    async with night(journal) as it:
        await it.command(f"{word} nightly job exhausts the connection pool")
        await it.says("tried before")
        assert it.composer.text == "nightly job exhausts the connection pool"
        assert it.in_the_box
        assert it.unanswered == 0
        assert len(texts(log)) == 2
        await it.press("enter")
        await it.eventually(lambda: len(texts(log)) == 3, "it is written")
        assert last(log).hypothesis == (2, "open")


async def test_another_claim_is_written_at_once(journal: Journal, log: Path) -> None:
    append(log, refuted_pool() + claim(2, "a stale DNS entry"))
    async with night(journal) as it:
        await it.type("Ha stale DNS entry on db2\n")
        await it.eventually(lambda: len(texts(log)) == 4, "only refuted ones are compared")
        await it.press("escape")
        await it.command("hyp cosmic rays")
        await it.eventually(lambda: texts(log)[4:] == ["Hypothesis: cosmic rays"], "it is written")
        assert not [notice for notice in it.notices if "tried before" in notice]


@pytest.mark.parametrize(("key", "told"), [("v", True), ("x", True), ("tilde", False)])
async def test_a_verdict_without_evidence_says_so(journal: Journal, log: Path, key: str, told: bool) -> None:
    append(log, notes(2) + claim(1) + claim(2) + cited("Supports", 2, 0, 110))
    async with night(journal) as it:
        await it.press("2", key)
        await it.type("with evidence\n")
        await it.eventually(lambda: len(texts(log)) == 6, "it is written")
        await it.eventually(lambda: it.unanswered == 0, "it is answered")
        assert not [notice for notice in it.notices if "no evidence" in notice]
        await it.press("1", key)
        await it.type("a feeling\n")
        await it.eventually(lambda: len(texts(log)) == 7, "it is written")
        await it.eventually(lambda: it.unanswered == 0, "it is answered")
        if told:
            await it.says("H1: there is no evidence for or against it")
        else:
            assert not [notice for notice in it.notices if "no evidence" in notice]


async def test_a_prediction_after_the_evidence_says_so(journal: Journal, log: Path) -> None:
    append(log, notes(2) + claim(1))
    async with night(journal, size=WIDE) as it:
        await it.press("1", "p")
        await it.type("first\n")
        await it.eventually(lambda: it.unanswered == 0 and len(texts(log)) == 4, "it is written")
        assert not [notice for notice in it.notices if "after the evidence" in notice]
        append(log, cited("Supports", 1, 0, 110))
        await counted(it, "+1 −0")
        await it.command("predict H1 second")
        await it.says("H1: written after the evidence")
        await it.command("thread H1")
        await opens(it, ThreadScreen)
        assert "written after the evidence" in " ".join(it.shown.replace("│", " ").split())


@pytest.mark.parametrize(
    ("mine", "theirs", "user", "told"),
    [
        ("refuted", "confirmed", "bob", True),
        ("refuted", "open", "bob", True),
        ("refuted", "refuted", "bob", False),
        ("refuted", "confirmed", "alice", False),
    ],
)
async def test_a_verdict_of_mine_that_another_overturns_is_told(
    journal: Journal, log: Path, mine: str, theirs: str, user: str, told: bool
) -> None:
    append(log, claim(1) + said("Conclusion: not in staging", 110, mine, user="alice"))
    kind = "Reopened" if theirs == "open" else "Conclusion"
    async with night(journal, size=WIDE) as it:
        await known(it)
        append(log, said(f"{kind}: the [/foo] ghost", 3110, theirs, user=user))
        await reads(it, f"{theirs if kind == 'Conclusion' else 'Reopened'}: the [/foo] ghost")
        if told:
            await it.says(f"H1: bob says {theirs} 3 s after you said {mine}: the [/foo] ghost")
        else:
            assert it.notices == []


async def test_over_the_limit_a_verdict_is_to_be_looked_at_again(journal: Journal, log: Path, clock: FakeClock) -> None:
    append(log, claim(1) + line("Coffee: cup 5 of the night.", 120 * MS, user="alice", cups=5, tags=(("MG", "95"),)))
    clock.forward(NS_PER_S)
    async with night(journal, clock=clock, size=WIDE) as it:
        await it.press("1", "x")
        await it.type("surely\n")
        await reads(it, "recheck refuted: surely")
        assert last(log).tag("RECHECK") is not None


# --- stamp now, words later


async def test_s_writes_a_stamp_at_once_and_the_words_cite_it(journal: Journal, log: Path) -> None:
    append(log, notes(2))
    async with night(journal, size=WIDE) as it:
        await it.press("s")
        await it.eventually(lambda: len(texts(log)) == 3, "the stamp is written")
        stamp = last(log)
        assert stamp.kind == "Stamp"
        assert it.in_the_box
        await it.eventually(lambda: it.box_kind == f"words @{stamp.stamp}", "the box is for that stamp")
        await it.type("the LED blinked [/foo]\n")
        await it.eventually(lambda: texts(log)[3:] == [f"Words: @{stamp.stamp} the LED blinked [/foo]"], "the words")
        await reads(it, "Stamp: the LED blinked [/foo]")
        await it.eventually(lambda: it.in_the_log, "the log has the focus again")


async def test_words_by_the_command_line_after_esc(journal: Journal, log: Path) -> None:
    async with night(journal, size=WIDE) as it:
        await it.press("s")
        await it.eventually(lambda: len(texts(log)) == 1, "the stamp is written")
        stamp = last(log).stamp
        await it.eventually(lambda: it.box_kind == f"words @{stamp}", "the box is for that stamp")
        await it.press("escape")
        assert it.in_the_log
        assert it.box_kind == "note"
        await it.type("ia note\n")
        await it.eventually(lambda: texts(log)[1:] == ["a note"], "a note is a note")
        await it.press("escape")
        await it.command(f"words @{stamp} it was the LED")
        await it.eventually(lambda: texts(log)[2:] == [f"Words: @{stamp} it was the LED"], "the words are written")
        await reads(it, "Stamp: it was the LED")
        await it.command(f"words @{stamp} once more")
        await it.says("has its words already")
        assert len(texts(log)) == 3


async def test_words_without_a_stamp_are_for_the_last_of_mine(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.command("stamp")
        await it.eventually(lambda: len(texts(log)) == 1, "the stamp is written")
        stamp = last(log).stamp
        await it.eventually(lambda: it.box_kind == f"words @{stamp}", "the box is for that stamp")
        await it.press("escape")
        append(log, line("Stamp: words follow", tags=(("STAMP", "now"),)))
        append(log, line("between"))
        await reads(it, "between")
        await it.press("G")
        await it.command("words the LED")
        await it.eventually(lambda: texts(log)[3:] == [f"Words: @{stamp} the LED"], "the words are for mine")


async def test_s_while_the_lock_is_held_takes_the_words_meanwhile(journal: Journal, log: Path) -> None:
    async with night(journal, size=WIDE) as it:
        with held(journal.lock_path):
            await it.press("s")
            assert it.in_the_box
            await it.type("the LED ")
            await it.says("waits for the lock")
            await it.type("blinked")
            assert it.composer.text == "the LED blinked", "typing goes on"
            await it.press("enter")
            await it.eventually(lambda: it.composer.is_waiting, "the words wait too")
            assert texts(log) == []
        await it.eventually(lambda: len(texts(log)) == 2, "both are written")
        stamp = entries(log)[0]
        assert texts(log) == [stamp.text, f"Words: @{stamp.stamp} the LED blinked"]
        assert stamp.kind == "Stamp"
        await reads(it, "Stamp: the LED blinked")


async def test_s_and_its_words_in_one_read_are_both_written(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("sthe LED\n")
        await it.eventually(lambda: len(texts(log)) == 2, "both are written")
        assert texts(log)[1] == f"Words: @{entries(log)[0].stamp} the LED"


async def test_words_that_were_begun_for_one_stamp_do_not_land_at_another(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.press("s")
        await it.eventually(lambda: it.box_kind.startswith("words @"), "the first stamp is written")
        first = last(log).stamp
        await it.type("the first")
        await it.press("escape", "s")
        await it.eventually(lambda: len(texts(log)) == 2, "the second stamp is written")
        second = last(log).stamp
        await it.eventually(lambda: it.box_kind == f"words @{second}", "the box is for the second")
        assert it.composer.text == ""
        await it.type("the second\n")
        await it.eventually(lambda: texts(log)[2:] == [f"Words: @{second} the second"], "its words are written")
        await it.command(f"words @{first}")
        assert it.box_kind == f"words @{first}"
        assert it.composer.text == "the first", "what was begun is still there"
        await it.press("enter")
        await it.eventually(lambda: texts(log)[3:] == [f"Words: @{first} the first"], "and lands where it belongs")


async def test_a_note_that_was_begun_before_s_comes_back_after_the_words(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("ihalf a note")
        await it.press("escape", "s")
        await it.type("the LED\n")
        await it.eventually(lambda: len(texts(log)) == 2, "both are written")
        await it.eventually(lambda: it.composer.text == "half a note", "the note is back")
        assert it.box_kind == "note"


# --- corrections


@pytest.mark.parametrize("size", [WIDE])
async def test_a_correction_is_what_the_row_shows_and_what_it_was_is_a_key_away(
    journal: Journal, log: Path, size: tuple[int, int]
) -> None:
    append(log, notes(3))
    async with night(journal, size=size) as it:
        await it.command(f"correct @{at(1)} the right [/foo] words")
        await it.eventually(lambda: len(texts(log)) == 4, "it is written")
        assert texts(log)[3] == f"Correction: @{at(1)} the right [/foo] words"
        await reads(it, "corrected note: the right [/foo] words")
        assert not [row for row in it.rows if "note 1" in row]
        await select(it, "note 1")
        await it.press("enter")
        assert isinstance(it.app.screen, EntryScreen)
        page = it.shown
        assert "it was  note 1" in page
        assert "corrected  alice" in page
        assert "the right [/foo] words" in page


async def test_correct_without_words_begins_with_those_of_the_selected_line(journal: Journal, log: Path) -> None:
    append(log, notes(3) + claim(1, "the pol"))
    async with night(journal, size=WIDE) as it:
        await select(it, "the pol")
        await it.command("correct")
        assert it.in_the_box
        assert it.box_kind == f"correct @{at(101)}"
        assert it.composer.text == "the pol"
        await it.press("backspace")
        await it.type("ol\n")
        await it.eventually(lambda: texts(log)[4:] == [f"Correction: @{at(101)} the pool"], "it is written")
        await reads(it, "corrected Hypothesis: the pool")
        await it.eventually(lambda: it.in_the_log, "the log has the focus again")
        assert "the pool" in it.shown.partition("HYPOTHESES")[2], "the board reads it too"
        await select(it, "the pol")
        await it.command("correct")
        assert it.composer.text == "the pool", "what is read there now"
        await it.type("!\n")
        await it.eventually(lambda: texts(log)[5:] == [f"Correction: @{at(101)} the pool!"], "a second one")
        assert last(log).tag("CORRECTION") == "2"


async def test_correct_on_a_foreign_line_says_what_can_be_corrected(journal: Journal, log: Path) -> None:
    append(log, b"foreign\n")
    async with night(journal) as it:
        await it.press("G")
        await it.command("correct")
        await it.says("select a line of the log first")
        assert log.read_bytes() == b"foreign\n"


# --- what was changed, and who holds the journal


async def test_a_change_is_ticked_off_when_it_is_undone(journal: Journal, log: Path) -> None:
    async with night(journal, size=WIDE) as it:
        await it.command("changed raised pool (undo: back to 20)")
        await it.eventually(lambda: texts(log) == ["Changed: raised pool (undo: back to 20)"], "it is written")
        change = last(log).stamp
        assert last(log).tag("CHANGE") == "open"
        await it.command("undone")
        await it.eventually(lambda: texts(log)[1:] == [f"Undone: @{change} back to 20"], "the only one is meant")
        assert last(log).tag("CHANGE") == "undone"
        await it.command("undone")
        await it.says("nothing is left to undo")
        await it.command(f"undone @{change}")
        await it.says("that was undone already, by alice")
        assert len(texts(log)) == 2


def change(text: str, ms: int) -> bytes:
    """A change of bob's."""
    return line(f"Changed: {text}", ms * MS, tags=(("CHANGE", "open"),))


async def test_undone_names_one_of_several(journal: Journal, log: Path) -> None:
    append(log, change("pool (undo: 20)", 1) + change("timeout (undo: 3 s)", 2) + change("log level", 3) + notes(2, 9))
    async with night(journal) as it:
        await it.command("undone")
        await it.says(f"@{at(2)} timeout")
        assert len(texts(log)) == 5
        await it.command(f"undone @{at(2)} by hand")
        await it.eventually(lambda: texts(log)[5:] == [f"Undone: @{at(2)} by hand"], "the named one")
        await select(it, "Changed: pool (undo: 20)")
        await it.command("undone")
        await it.eventually(lambda: texts(log)[6:] == [f"Undone: @{at(1)} 20"], "the selected one")
        await it.command(f"undone @{at(9)}")
        await it.says("is not a change")
        assert len(texts(log)) == 7


async def test_changed_without_words_asks_for_them(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.command("changed")
        assert it.in_the_box
        assert it.box_kind == "changed"
        await it.type("log level up (undo: down)\n")
        await it.eventually(lambda: texts(log) == ["Changed: log level up (undo: down)"], "it is written")


@pytest.mark.parametrize("size", SIZES)
async def test_the_hand_off_lists_what_is_to_be_undone_and_leads_to_it(
    journal: Journal, log: Path, size: tuple[int, int]
) -> None:
    append(log, notes(60) + change("pool (undo: 20)", 90) + claim(1, "the pool") + notes(60, 200))
    async with night(journal, size=size) as it:
        await known(it)
        await it.press("S")
        told = await opens(it)
        words = [str(option.prompt).strip() for option in told.option_list.options]
        first, undo = words.index("WHERE WE STAND"), words.index("TO BE UNDONE")
        assert first < words.index("LIVE HYPOTHESES") < undo
        assert "pool" in words[undo + 1]
        assert "undo: 20" in " ".join(words[undo + 1].split())
        await highlight(it, "undo: 20")
        assert "pool" in it.shown
        await it.press("enter")
        await it.eventually(lambda: it.selected_text == "Changed: pool (undo: 20)", "its line is selected")
        assert it.in_the_log
        await it.command("undone")
        await it.eventually(lambda: last(log).kind == "Undone", "it is undone")
        await it.eventually(lambda: it.unanswered == 0, "it is answered")
        await it.press("S")
        told = await opens(it)
        await it.eventually(
            lambda: "TO BE UNDONE" not in str([o.prompt for o in told.option_list.options]), "ticked off"
        )
        await it.press("escape")
        assert it.in_the_log


async def test_the_hand_off_tells_the_news_while_it_is_open(journal: Journal, log: Path) -> None:
    append(log, notes(3))
    async with night(journal, size=WIDE) as it:
        await known(it)
        await it.press("S")
        await opens(it)
        append(log, change("pool (undo: 20)", 90))
        await it.shows("TO BE UNDONE")


async def test_an_empty_journal_has_nothing_to_hand_over(journal: Journal) -> None:
    async with night(journal) as it:
        await it.press("S")
        await it.says("there is nothing to hand over yet")


async def test_who_takes_the_journal_holds_it_in_the_panel(journal: Journal, log: Path, clock: FakeClock) -> None:
    append(log, line("here too", user="bob"))
    clock.forward(60 * NS_PER_S)
    async with night(journal, clock=clock, size=WIDE) as it:
        assert "holds the journal" not in it.shown
        await it.command("take")
        await it.shows("holds the journal")
        assert texts(log)[1:] == ["Taken: alice holds the journal now."]
        await it.command("take")
        await it.says("alice holds the journal already")
        append(
            log, line("Taken: bob holds the journal now, and no longer alice.", 61 * NS_PER_S, tags=(("HOLDS", "bob"),))
        )
        clock.forward(60 * NS_PER_S)

        def holders() -> list[str]:
            here = it.shown.partition("HERE")[2].splitlines()
            return [row for row in here if "· holds the journal" in row]

        await it.eventually(lambda: len(holders()) == 1 and "bob" in holders()[0], "bob holds it")
        assert len(texts(log)) == 3


# --- drafts


@pytest.mark.parametrize(
    ("begin", "typed", "kind", "written"),
    [
        (("1", "p"), "it will leak", "predict H1", "Prediction: it will leak"),
        ((":correct\n",), " indeed", f"correct @{at(1)}", f"Correction: @{at(1)} note 1 indeed"),
        (("s",), "the LED", "words @", "Words: @"),
    ],
)
async def test_what_was_begun_outlives_its_screen(
    journal: Journal,
    log: Path,
    monkeypatch: pytest.MonkeyPatch,
    begin: tuple[str, ...],
    typed: str,
    kind: str,
    written: str,
) -> None:
    append(log, notes(3) + line("Stamp: words follow", 5 * MS, tags=(("STAMP", "now"),)) + claim(1))
    monkeypatch.setattr(draft_store, "_started", lambda pid: 1)
    async with night(journal) as it:
        await select(it, "note 1")
        for keys in begin:
            await it.type(keys)
        await it.eventually(lambda: it.box_kind.startswith(kind), "it is the box for that")
        await it.eventually(lambda: it.unanswered == 0, "nothing is on its way")
        await it.settled()
        name, count = it.box_kind, len(texts(log))
        await it.type(typed)
        text = it.composer.text
        await it.press("escape")
        assert it.in_the_log
        await it.press("q")
        await it.eventually(lambda: not it.app.is_running, "it has ended")
    assert len(texts(log)) == count
    monkeypatch.setattr(draft_store, "_started", lambda pid: 2)
    async with night(journal) as it:
        assert it.box_kind == name
        assert it.composer.text == text
        assert text.endswith(typed)
        assert it.in_the_log
        await it.says("a draft was left here")
        await it.press("shift+tab")
        assert it.in_the_box
        await it.press("enter")
        await it.eventually(lambda: len(texts(log)) == count + 1, "it can be sent")
        assert last(log).text.startswith(written)
        assert last(log).text.endswith(typed)
        await it.eventually(lambda: not list(Path(journal.attachments_dir).glob("draft-*")), "no draft is left")
    monkeypatch.setattr(draft_store, "_started", lambda pid: 3)
    async with night(journal) as it:
        assert it.composer.text == ""


@pytest.mark.parametrize("there", [True, False], ids=["as-it-was", "another-log"])
@pytest.mark.parametrize("kind", ["predict H1", f"correct @{at(1)}", f"words @{at(1)}"])
async def test_a_draft_of_any_kind_comes_back_whatever_the_log_says_by_now(
    journal: Journal, log: Path, kind: str, there: bool
) -> None:
    if there:
        append(log, notes(3) + line("Stamp: words follow", 5 * MS, tags=(("STAMP", "now"),)) + claim(1))
    folder = Path(journal.attachments_dir)
    folder.mkdir()
    (folder / "draft-4000001-77.json").write_text(json.dumps([str(BY), [[kind, "half a [/foo]", None]]]))
    async with night(journal) as it:
        assert it.box_kind == kind
        assert it.composer.text == "half a [/foo]"
        await it.says("a draft was left here: half a [/foo]")
        await it.press("i")
        assert it.box_kind == "note"
        assert it.composer.text == ""
        assert (kind, "half a [/foo]") in it.drafts, "and it is still kept"


# --- a screen that only looks


async def test_a_read_only_screen_says_so_for_the_keys_of_the_method(journal: Journal, log: Path) -> None:
    append(log, notes(3) + claim(1))
    before = log.read_bytes()
    async with night(journal, read_only=True) as it:
        await known(it)
        await it.press("1")
        for key in "p+-s":
            it.app.clear_notifications()
            await it.press("escape", key)
            await it.says("read-only")
            assert it.in_the_log
    assert log.read_bytes() == before


async def test_a_read_only_screen_says_so_for_the_commands_of_the_method(journal: Journal, log: Path) -> None:
    append(log, notes(3) + change("pool (undo: 20)", 90) + claim(1))
    before = log.read_bytes()
    commands = [
        "support H1 words",
        f"contradict H1 @{at(1)}",
        "predict H1 words",
        "predict H1",
        "correct words",
        f"correct @{at(1)} words",
        f"words @{at(1)} words",
        "changed pool (undo: 20)",
        "undone pool",
        f"undone @{at(90)}",
    ]
    async with night(journal, read_only=True) as it:
        await known(it)
        for command in commands:
            it.app.clear_notifications()
            await it.command(command)
            await it.says("read-only")
            assert it.in_the_log
    assert log.read_bytes() == before


async def test_a_read_only_screen_has_the_board_the_thread_and_the_hand_off(journal: Journal, log: Path) -> None:
    append(log, notes(9) + change("pool (undo: 20)", 90) + claim(1, "the pool") + cited("Supports", 1, 1, 110))
    async with night(journal, read_only=True, size=WIDE) as it:
        await known(it)
        await it.press("h", "f", "j")
        assert "+1 −0" in it.shown
        await it.press("enter")
        await opens(it, ThreadScreen)
        assert "judge" not in it.shown
        await it.press("v", "p")
        assert isinstance(it.app.screen, ThreadScreen), "nothing is asked for here"
        append(log, said("Prediction: it will be late", 111))
        await it.shows("it will be late")
        await highlight(it, "note 1")
        await it.press("enter")
        await it.eventually(lambda: it.selected_text == "note 1", "the cited line is selected")
        await it.press("S")
        await opens(it)
        assert "TO BE UNDONE" in it.shown
        await it.press("q")
        assert it.in_the_log


# --- what a first reading of all this got wrong


async def test_correcting_a_correction_begins_with_the_words_that_are_read_now(journal: Journal, log: Path) -> None:
    append(log, notes(2))
    async with night(journal) as it:
        await it.command(f"correct @{at(1)} right")
        await it.eventually(lambda: len(texts(log)) == 3, "it is corrected")
        await it.press("G")
        await it.command("correct")
        assert it.composer.text == "right"
        await it.type("!\n")
        await it.eventually(lambda: texts(log)[-1] == f"Correction: @{at(1)} right!", "again")


async def test_a_command_without_words_is_refused_on_a_read_only_screen(journal: Journal, log: Path) -> None:
    append(log, notes(1))
    async with night(journal, read_only=True) as it:
        for command in ("correct", "changed", "undone", "take", "stamp", "words", "support", "water"):
            it.app.clear_notifications()
            await it.command(command)
            await it.says("read-only")


async def test_words_whose_stamp_was_taken_back_find_no_other(journal: Journal, log: Path) -> None:
    append(log, line("Stamp: words follow", 5 * MS, user="alice", tags=(("STAMP", "now"),)))
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.press("s")
            await it.type("second")
            await it.shows("1 wait")  # Esc takes back only what the screen has said waits
            await it.press("escape")
            await it.says("taken back")
        assert it.drafts == [("note", "second")]
        await it.type("\n")
        await it.eventually(lambda: texts(log) == ["Stamp: words follow", "second"], "they are a note")


async def test_a_correction_is_for_the_line_that_was_selected_when_it_was_begun(journal: Journal, log: Path) -> None:
    append(log, notes(2))
    async with night(journal) as it:
        await it.type(":correct more")
        append(log, line("of bob's", 900 * MS))
        await it.shows("of bob's")
        await it.type(" words\n")
        assert it.box_kind == f"correct @{at(1)}"
        assert it.composer.text == "more words"
        await it.press("enter")
        await it.eventually(lambda: texts(log)[-1] == f"Correction: @{at(1)} more words", "it is for the note before")


async def test_plus_on_evidence_is_about_the_line_that_it_cites(journal: Journal, log: Path) -> None:
    append(log, claim(1) + notes(1))
    async with night(journal) as it:
        await it.press("1", "G", "+", "enter")
        await it.eventually(lambda: len(texts(log)) == 3, "it is tied")
        await it.press("G", "+")
        assert it.box_kind == f"support H1 @{at(0)}"
        await it.press("enter")
        await it.says("has said already")
        assert len(texts(log)) == 3


async def test_evidence_quotes_what_is_read_there_now(journal: Journal, log: Path) -> None:
    append(log, notes(1) + claim(1))
    async with night(journal) as it:
        await it.command(f"correct @{at(0)} right words")
        await it.command(f"support H1 @{at(0)}")
        await it.eventually(lambda: texts(log)[-1] == f"Supports: @{at(0)} right words", "it quotes them")


async def test_a_filter_that_hides_the_evidence_is_named(journal: Journal, log: Path) -> None:
    append(log, notes(3) + claim(1))
    async with night(journal) as it:
        await it.command(f"support H1 @{at(1)}")
        await it.eventually(lambda: len(texts(log)) == 5, "it is tied")
        await it.command("filter Hypothesis")
        await it.press("1")
        await it.command("thread")
        await it.eventually(lambda: isinstance(it.app.screen, ThreadScreen), "the thread")
        await it.press("j", "j", "enter")
        await it.says("the filter hides that line")


async def test_the_panel_has_a_cursor_at_once(journal: Journal, log: Path) -> None:
    append(log, notes(1) + claim(1))
    async with night(journal, size=WIDE) as it:
        await it.press("h", "h")
        assert it.journal_screen.picked_name == "H1"
