"""The board of hypotheses and the thread of one: order, counts, keys, and the way from evidence to its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis_pilots import SIZES, highlight_line, highlighted_text, wait_for_report
from night_lines import claim_line, evidence_line, hypothesis_line, last_entry, stamp_at
from pilots import TINY, WIDE, append, night, notes

from support.journals import texts
from threeam.core.store.journal import Journal
from threeam.tui.screens.report_screen import ThreadScreen


async def test_a_refuted_one_stays_on_the_board_struck_through(journal: Journal, log: Path) -> None:
    append(log, claim_line(1, "the pool") + hypothesis_line("Conclusion: not in staging", 110, "refuted"))
    async with night(journal, size=WIDE) as it:
        assert "H1 refuted" in it.shown
        board = it.journal_screen.sidebar.hypothesis_list
        prompt = board.get_option_at_index(0).prompt
        assert [str(span.style) for span in getattr(prompt, "spans", []) if "strike" in str(span.style)] != []


async def test_a_claim_that_is_cut_has_its_words_as_they_are(journal: Journal, log: Path) -> None:
    """A line may end at a hyphen: no blank comes after it. One of these does so before the cut, at any width."""
    claims = {f"H{n}": "-".join(["the session-store"[: 3 + n]] * 30) for n in range(1, 9)}
    for n, claim in enumerate(claims.values(), 1):
        append(log, claim_line(n, claim))
    async with night(journal, size=WIDE) as it:
        for option in it.journal_screen.sidebar.hypothesis_list.options:
            _, *lines = str(option.prompt).splitlines()
            remaining = claims[option.id or ""]
            for line in lines:
                remaining = remaining.lstrip()
                shown = line.strip().removesuffix("…")
                assert remaining.startswith(shown)
                remaining = remaining[len(shown) :]
            assert lines[-1].endswith("…")


@pytest.mark.parametrize("size", SIZES)
async def test_enter_on_the_board_opens_the_thread_and_esc_goes_back(
    journal: Journal, log: Path, size: tuple[int, int]
) -> None:
    append(log, notes(3) + claim_line(1) + claim_line(2, "the pool"))
    async with night(journal, size=size) as it:
        await it.press("h", "j")
        highlighted = it.journal_screen.sidebar.hypothesis_list.highlighted_option
        assert highlighted is not None
        name = highlighted.id
        assert name is not None
        assert it.journal_screen.hypotheses.picked_name == name, "the highlighted one is picked"
        await it.press("enter")
        await wait_for_report(it, ThreadScreen)
        assert "CLAIM" in it.shown
        assert name in it.shown
        await it.press("escape")
        assert it.app.screen is it.journal_screen
        assert it.app.focused is it.journal_screen.sidebar.hypothesis_list, "back in the panel"


async def test_the_thread_tells_claim_predictions_evidence_and_history(journal: Journal, log: Path) -> None:
    append(log, notes(3) + claim_line(1, "the [/foo] pool") + hypothesis_line("Prediction: it runs dry", 110))
    append(log, evidence_line("Supports", 1, 0, 111) + evidence_line("Contradicts", 1, 2, 112))
    append(
        log,
        hypothesis_line("Conclusion: not in staging", 113, "refuted")
        + hypothesis_line("Reopened: the ghost is back", 114),
    )
    append(log, hypothesis_line("Conclusion: a leak after all", 115, "confirmed"))
    async with night(journal, size=WIDE) as it:
        await it.command("hyp show H1")
        report = await wait_for_report(it, ThreadScreen)
        words = [str(option.prompt) for option in report.option_list.options]
        titles = ["CLAIM", "PREDICTIONS", "SUPPORTS IT: 1", "CONTRADICTS IT: 1", "EARLIER VERDICTS"]
        assert [word.strip() for word in words if word.strip() in titles] == titles
        for words_shown in (
            "the [/foo] pool",
            "it runs dry",
            "note 0",
            "note 2",
            "not in staging",
            "the ghost is back",
        ):
            assert any(words_shown in word for word in words), f"{words_shown!r} is not told"
        assert sum("confirmed: a leak after all" in word for word in words) == 1


@pytest.mark.parametrize("size", SIZES)
async def test_a_piece_of_evidence_leads_to_its_line_in_the_log(
    journal: Journal, log: Path, size: tuple[int, int]
) -> None:
    append(log, notes(60) + claim_line(1) + evidence_line("Supports", 1, 7, 110) + notes(60, 200))
    async with night(journal, size=size) as it:
        await it.press("h", "j", "enter")
        await wait_for_report(it, ThreadScreen)
        await highlight_line(it, "note 7")
        await it.press("enter")
        await it.eventually(lambda: it.selected_text == "note 7", "the cited line is selected")
        assert it.in_the_log
        assert "note 7" in it.shown


@pytest.mark.parametrize(
    ("key", "kind"), [("V", "confirm H2"), ("x", "refute H2"), ("tilde", "park H2"), ("p", "predict H2")]
)
async def test_a_key_in_the_thread_opens_the_box_for_that(journal: Journal, log: Path, key: str, kind: str) -> None:
    append(log, claim_line(1) + claim_line(2))
    async with night(journal) as it:
        await it.command("thread H2")
        await wait_for_report(it, ThreadScreen)
        await it.press(key)
        assert it.app.screen is it.journal_screen
        assert it.in_the_box
        assert it.box_kind == kind
        await it.type("because\n")
        await it.eventually(lambda: texts(log)[2:] != [], "it is written")
        assert last_entry(log).text.endswith(": because")
        assert last_entry(log).hypothesis is not None


async def test_an_open_thread_tells_the_news_and_keeps_its_cursor(journal: Journal, log: Path) -> None:
    append(log, notes(3) + claim_line(1) + evidence_line("Supports", 1, 0, 110))
    async with night(journal, size=WIDE) as it:
        await it.command("thread H1")
        await wait_for_report(it, ThreadScreen)
        await highlight_line(it, "note 0")
        append(log, hypothesis_line("Prediction: it will be late", 111))
        await it.shows("it will be late")
        append(log, evidence_line("Contradicts", 1, 2, 112))
        await it.shows("CONTRADICTS IT: 1")
        assert "note 0" in highlighted_text(it)
        await it.press("enter")
        await it.eventually(lambda: it.selected_text == "note 0", "the cited line is selected")


@pytest.mark.parametrize("key", ["escape", "h"])
@pytest.mark.parametrize("size", SIZES)
async def test_f_is_full_screen_until_it_is_left(journal: Journal, log: Path, size: tuple[int, int], key: str) -> None:
    append(log, notes(3) + claim_line(1, "the pool"))
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
    append(log, notes(60) + claim_line(1) + evidence_line("Supports", 1, 7, 110))
    async with night(journal, size=TINY) as it:
        await it.press("h", "f", "j", "enter")
        await wait_for_report(it, ThreadScreen)
        await highlight_line(it, "note 7")
        await it.press("enter")
        await it.eventually(lambda: it.selected_text == "note 7", "the cited line is selected")
        assert "note 7" in it.shown


async def test_a_filter_that_hides_the_evidence_is_named(journal: Journal, log: Path) -> None:
    append(log, notes(3) + claim_line(1))
    async with night(journal) as it:
        await it.command(f"support H1 @{stamp_at(1)}")
        await it.eventually(lambda: len(texts(log)) == 5, "it is tied")
        await it.command("filter Hypothesis")
        await it.press("1")
        await it.command("thread")
        await it.eventually(lambda: isinstance(it.app.screen, ThreadScreen), "the thread")
        await it.press("j", "j", "enter")
        await it.says("the filter hides that line")


async def test_the_panel_has_a_cursor_at_once(journal: Journal, log: Path) -> None:
    append(log, notes(1) + claim_line(1))
    async with night(journal, size=WIDE) as it:
        await it.press("h", "h")
        assert it.journal_screen.hypotheses.picked_name == "H1"
