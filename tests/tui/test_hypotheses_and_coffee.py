"""Hypotheses, verdicts and coffee by their keys; what is shown is what came back from the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from pilots import SMALL, WIDE, append, full_disk, held, line, night

from support.journals import FakeClock, entries, texts
from threeam.core.config.settings import Settings
from threeam.core.format.clock import system_clock
from threeam.core.format.entry import NS_PER_S, Entry, Stamp, format_entry
from threeam.core.store.journal import Journal
from threeam.core.write.draft import TOXIC_TEXT
from threeam.projections import FOLD
from threeam.tui.widgets.sidebar import SidebarView

CUP = "Coffee: cup {} of the night."


def opened(log: Path, *numbers: int) -> None:
    """Hypotheses of bob's, open, with these numbers."""
    for number in numbers:
        append(log, line(f"Hypothesis: claim {number}", number, tags=((f"H{number}", "open"),)))


async def test_capital_h_opens_hypotheses_that_are_numbered_under_the_lock(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("Hthe sweeper\n")
        await it.eventually(lambda: texts(log) == ["Hypothesis: the sweeper"], "it is written")
        await it.press("escape")
        opened(log, 7)
        await it.type("Hthe pool\n")
        await it.eventually(lambda: len(texts(log)) == 3, "the second is written")
        tags = [entry.hypothesis for entry in entries(log) if entry.hypothesis]
        assert tags == [(1, "open"), (7, "open"), (8, "open")]
        ceremony = [entry.text for entry in entries(log)]
        assert ceremony[:3] == ["Acquired sanity lock.", "Hypothesis: the sweeper", "Releasing sanity lock."]
        await it.shows("H8 open")


@pytest.mark.parametrize(("key", "state"), [("V", "confirmed"), ("x", "refuted"), ("tilde", "parked")])
async def test_a_verdict_asks_for_a_line_of_why_and_is_written(
    journal: Journal, log: Path, key: str, state: str
) -> None:
    opened(log, 1, 2, 3)
    async with night(journal) as it:
        await it.press("2", key)
        assert it.in_the_box
        assert "H2" in it.box_kind
        await it.type("because [/foo] of the trace\n")
        await it.eventually(lambda: "Conclusion: because [/foo] of the trace" in texts(log), "the verdict is written")
        assert entries(log)[-1].hypothesis == (2, state)
        await it.shows(f"H2 {state}")


async def test_a_verdict_on_nothing_says_so(journal: Journal, log: Path) -> None:
    opened(log, 1)
    async with night(journal) as it:
        for key in ("V", "x", "tilde"):
            it.app.clear_notifications()
            await it.press("escape", key)
            await it.says("pick a hypothesis first")
            assert it.in_the_log
        assert len(texts(log)) == 1


async def test_the_first_claim_has_the_whole_width_of_the_panel(journal: Journal) -> None:
    """The list is hidden while it is empty, so it has no width yet when the first claim is put into it."""
    opening = Entry(Stamp(1), 0, (("BY", "bob@db1:7"), ("H1", "open")), "Hypothesis: the sweeper races w")
    async with night(journal, size=WIDE) as it:
        board = it.journal_screen.sidebar
        board.show(SidebarView(FOLD(FOLD.empty_state, [opening]), None, "alice", 5.0), Stamp(2))
        prompt = board.hypothesis_list.get_option_at_index
        await it.eventually(lambda: "the sweeper races" in str(prompt(0).prompt), "the claim has the width")


async def test_the_digits_pick_a_hypothesis(journal: Journal, log: Path) -> None:
    opened(log, *range(1, 10))
    async with night(journal, size=WIDE) as it:
        for number in range(1, 10):
            await it.press(str(number))
            assert it.journal_screen.hypotheses.picked_name == f"H{number}"
            marked = [row for row in it.shown.splitlines() if "▌◇" in row]
            assert len(marked) == 1, "the picked one has a mark"
            assert f"H{number}" in marked[0]


async def test_a_digit_of_no_hypothesis_says_so_and_keeps_the_pick(journal: Journal, log: Path) -> None:
    opened(log, 1)
    async with night(journal) as it:
        await it.press("1", "9")
        await it.says("there is no hypothesis H9")
        assert it.journal_screen.hypotheses.picked_name == "H1"


async def test_a_verdict_that_was_given_already_is_declined_and_its_text_stays(journal: Journal, log: Path) -> None:
    opened(log, 1)
    append(log, line("Conclusion: long ago", 9, tags=(("H1", "refuted"),)))
    async with night(journal) as it:
        await it.press("1", "x")
        await it.type("once more\n")
        await it.says("refuted already")
        assert it.composer.text == "once more"
        assert len(texts(log)) == 2


@pytest.mark.parametrize("size", [WIDE, SMALL, (40, 10)])
async def test_h_goes_to_the_panel_and_back(journal: Journal, log: Path, size: tuple[int, int]) -> None:
    opened(log, 1, 2)
    async with night(journal, size=size) as it:
        await it.press("h")
        assert it.app.focused is it.journal_screen.sidebar.hypothesis_list
        assert "HYPOTHESES" in it.shown
        await it.press("h")
        assert it.in_the_log, "h again: back to the log"


async def test_the_one_under_the_cursor_in_the_panel_is_picked(journal: Journal, log: Path) -> None:
    opened(log, 1, 2)
    async with night(journal, size=SMALL) as it:
        await it.press("h", "down")
        picked = it.journal_screen.hypotheses.picked_name
        assert picked in ("H1", "H2")
        await it.press("h")
        assert it.in_the_log
        await it.press("x")
        assert it.box_kind == f"refute {picked}"


async def test_esc_leaves_the_panel(journal: Journal, log: Path) -> None:
    opened(log, 1)
    async with night(journal, size=SMALL) as it:
        assert "HYPOTHESES" not in it.shown
        await it.press("h", "escape")
        assert it.in_the_log
        assert "HYPOTHESES" not in it.shown


async def test_h_with_no_hypothesis_yet_opens_the_panel_and_closes_it(journal: Journal) -> None:
    async with night(journal, size=SMALL) as it:
        await it.press("h")
        assert "none yet" in it.shown
        await it.press("h")
        assert "none yet" not in it.shown


async def test_a_hypothesis_of_the_bash_script_can_be_judged(journal: Journal, log: Path) -> None:
    append(log, line("Hypothesis: of the script", user=""))
    async with night(journal) as it:
        await it.press("h", "down", "enter", "V")
        await it.type("it was\n")
        await it.eventually(lambda: entries(log)[-1].text == "Conclusion: it was", "the verdict is written")
        assert entries(log)[-1].hypothesis == (1, "confirmed")


async def test_h_reopened_by_its_command(journal: Journal, log: Path) -> None:
    opened(log, 1)
    append(log, line("Conclusion: long ago", 9, tags=(("H1", "refuted"),)))
    async with night(journal) as it:
        await it.command("reopen H1 the ghost is back")
        await it.eventually(lambda: entries(log)[-1].text == "Reopened: the ghost is back", "it is written")
        assert entries(log)[-1].hypothesis == (1, "open")


async def test_who_is_here_are_those_who_wrote_in_the_last_quarter_of_an_hour(
    journal: Journal, log: Path, clock: FakeClock
) -> None:
    append(log, line("long ago", 0, user="carol") + line("just now", 20 * 60 * NS_PER_S, user="bob"))
    clock.forward(21 * 60 * NS_PER_S)
    async with night(journal, clock=clock) as it:
        here = it.shown.partition("HERE")[2]
        assert "bob%1" in here
        assert "carol" not in here


async def test_c_counts_a_cup_in_the_log_and_then_in_the_header(journal: Journal, log: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock) as it:
        assert "☕ 0" in it.header
        await it.press("c")
        await it.eventually(lambda: texts(log) == [CUP.format(1)], "one cup is in the log")
        await it.eventually(lambda: "☕ 1 95 mg" in it.header, "and in the header")
        assert entries(log)[0].cups == 1
        assert entries(log)[0].tag("MG") == "95"


async def test_over_four_cups_the_header_the_log_and_a_notice_say_so(
    journal: Journal, log: Path, clock: FakeClock
) -> None:
    async with night(journal, clock=clock) as it:
        for cup in range(1, 6):
            assert "TOXIC" not in it.header
            assert TOXIC_TEXT not in texts(log)
            await it.press("c")
            await it.eventually(lambda cup=cup: f"☕ {cup}" in it.header, f"{cup} cups in the header")
        assert "☕ 5 TOXIC" in it.header
        await it.says("TOXIC")
        assert texts(log)[-2:] == [CUP.format(5), TOXIC_TEXT]
        await it.type("Hthe coffee did it\n")
        await it.eventually(lambda: len(texts(log)) == 8, "the hypothesis is written")
        assert texts(log)[-2:] == ["Hypothesis: the coffee did it", TOXIC_TEXT]
        await it.press("escape")
        await it.type("ia note\n")
        await it.eventually(lambda: texts(log)[-1] == "a note", "a note is never warned")


async def test_the_limit_is_a_setting(journal: Journal, log: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock, settings=Settings(toxic_cups=0, cup_mg=40)) as it:
        await it.press("c")
        await it.eventually(lambda: "☕ 1 TOXIC 40 mg" in it.header, "one is too many")
        assert texts(log) == [CUP.format(1), TOXIC_TEXT]


async def test_the_cups_of_others_are_not_mine(journal: Journal, log: Path, clock: FakeClock) -> None:
    append(log, line(CUP.format(6), cups=6, tags=(("MG", "95"),)))
    async with night(journal, clock=clock) as it:
        assert "☕ 0" in it.header
        assert "TOXIC" not in it.header


async def test_capital_c_shows_tonights_cups_and_backspace_takes_one_back(
    journal: Journal, log: Path, clock: FakeClock
) -> None:
    async with night(journal, clock=clock) as it:
        for cup in (1, 2):
            await it.press("c")
            await it.eventually(lambda cup=cup: f"☕ {cup}" in it.header, f"{cup} cups")
        await it.press("C")
        assert it.shown.count("03:14:07    95 mg") == 2
        await it.press("backspace")
        await it.eventually(lambda: "☕ 1 95 mg" in it.header, "one was taken back")
        assert texts(log)[-1] == "Coffee: cup 2 taken back."
        assert entries(log)[-1].cups == 1
        await it.press("C", "escape")
        assert it.in_the_log
        assert len(texts(log)) == 3


async def test_the_coffee_panel_without_a_cup_takes_nothing_back(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.press("C")
        assert "No cup yet" in it.shown
        await it.press("backspace", "C")
        assert it.in_the_log
        assert texts(log) == []


async def test_water_and_sleep_by_their_words(journal: Journal, log: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock) as it:
        await it.press("c")
        await it.eventually(lambda: "☕ 1" in it.header, "one cup")
        await it.command("water")
        await it.eventually(lambda: "💧 1" in it.header, "one glass")
        await it.command("sleep")
        await it.shows("right now you are not")
        await it.press("z")
        await it.eventually(lambda: not it.app.is_running, "the lights are out")
    assert entries(log)[-1].tag("NIGHT") == "over"


async def test_a_coffee_that_waits_for_the_lock_is_taken_back_by_esc(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.press("c")
            await it.says("waits for the lock")
            await it.press("escape")
            await it.says("taken back")
        await it.pilot.pause(0.2)
        assert texts(log) == []


async def test_a_refused_coffee_says_so_and_is_not_counted(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with night(journal) as it:
        with full_disk(monkeypatch, log):
            await it.press("c")
            await it.says("full")
        assert "☕ 0" in it.header


async def test_without_emoji_every_sign_is_ascii(journal: Journal, log: Path, clock: FakeClock) -> None:
    opened(log, 1)
    append(log, b"foreign\n" + line("Conclusion: so", 9, tags=(("H1", "refuted"),)))
    async with night(journal, clock=clock, emoji=False) as it:
        await it.press("c")
        await it.eventually(lambda: "c 1" in it.header, "one cup")
        assert it.shown.replace("·", "").replace("▏", "").isascii(), "a terminal without UTF-8 shows all of it"


async def test_after_a_verdict_the_log_has_the_focus_again(journal: Journal, log: Path) -> None:
    opened(log, 1)
    async with night(journal) as it:
        await it.press("1", "x")
        await it.type("not in staging\n")
        await it.eventually(lambda: "Conclusion: not in staging" in texts(log), "it is written")
        await it.eventually(lambda: it.in_the_log, "the log has the focus")
        await it.press("c")
        await it.eventually(lambda: entries(log)[-1].cups == 1, "c is a coffee")


async def test_in_the_panel_the_keys_act_on_the_one_under_the_cursor(journal: Journal, log: Path) -> None:
    opened(log, 1, 2, 3)
    async with night(journal, size=WIDE) as it:
        await it.press("1", "h", "j")
        highlighted = it.journal_screen.sidebar.hypothesis_list.highlighted_option
        assert highlighted is not None
        assert highlighted.id != "H1"
        await it.press("x")
        assert it.box_kind == f"refute {highlighted.id}"
        assert it.in_the_box


async def test_a_digit_says_what_it_picked_where_the_panel_is_not_on_the_screen(journal: Journal, log: Path) -> None:
    opened(log, 1)
    async with night(journal, size=(80, 24)) as it:
        await it.press("1")
        await it.says("picked H1")


async def test_a_command_of_the_shell_that_writes_nothing_writes_nothing_here(journal: Journal, log: Path) -> None:
    opened(log, 1)
    async with night(journal) as it:
        for command in ("hyp list", "hyp show H1", "water 3", "coffee two", "coffee 21", "sleep well"):
            await it.command(command)
            await it.settled()
            assert it.unanswered == 0, command
            assert len(texts(log)) == 1, command
            await it.press("escape", "escape")
            assert it.in_the_log, command


async def test_several_cups_by_the_command_line(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.command("coffee 3")
        await it.eventually(lambda: [entry.cups for entry in entries(log)] == [1, 2, 3], "three cups")


async def test_the_header_counts_this_night_although_a_line_is_from_the_future(journal: Journal, log: Path) -> None:
    now = system_clock()
    for n in (1, 2, 3):
        dose = Entry(Stamp(now.ns - (4 - n) * 3600 * NS_PER_S), n, (("BY", "alice@db1:9"), ("MG", "95")), "Coffee: cup")
        append(log, format_entry(dose))
    tags = (("BY", "alice@db2:1"), ("NIGHT", "new"))
    append(log, format_entry(Entry(Stamp(4_070_908_800 * 10**9), 0, tags, "from the year 2099")))
    async with night(journal) as it:
        await it.eventually(lambda: "☕ 3 " in it.header, "the cups of the night that goes on")
        await it.press("c")
        await it.eventually(lambda: "☕ 4 " in it.header, "and one more")
    assert entries(log)[-1].cups == 4
