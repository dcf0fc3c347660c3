"""A sentence with a long path has its last word on the screen, also in a small window."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pilots import SMALL, Night, night

from threeam.core.format.report import Quotation, ReportLine, ReportSection
from threeam.core.store.journal import Journal
from threeam.tui.screens.report_screen import ReportScreen
from threeam.tui.screens.restore import ConfirmScreen

PATH = "/srv/night/" + "archive-of-the-night-" * 5 + "/sanity.log"
SIZES = [SMALL, (40, 10)]


def joined(it: Night) -> str:
    """All that is shown without white space and frames: a path may be broken anywhere."""
    return "".join("".join(row.split()).strip("│▌▊▃▇▄▅▆█▂▁") for row in it.shown.split("\n"))


async def read_down(it: Night, last: str) -> None:
    """Go down until the last words are shown."""
    for _ in range(40):
        if last.replace(" ", "") in joined(it):
            return
        await it.press("j")
    raise AssertionError(f"{last!r} was never shown\n{it.shown}")


@pytest.mark.parametrize("size", SIZES)
async def test_a_question_can_be_read_to_its_end(journal: Journal, size: tuple[int, int]) -> None:
    question = (
        f"Tick off as undone: {PATH} {PATH}?\n\nundo: mv {PATH} back\n\n3am only writes this down. It runs nothing."
    )
    async with night(journal, size=size) as it:
        answers: list[bool | None] = []
        await it.app.push_screen(ConfirmScreen(question), answers.append)
        await it.settled()
        await read_down(it, "runs nothing.")
        await it.press("y")
        assert answers == [True]


@pytest.mark.parametrize("size", SIZES)
async def test_a_line_of_a_report_that_is_taller_than_the_window_can_be_read(
    journal: Journal, size: tuple[int, int]
) -> None:
    def tell() -> Sequence[ReportSection]:
        rows = (*(f"line {number} of the entry" for number in range(20)), "the end of it")
        quotation = Quotation("app.log:8412", rows)
        lines = [ReportLine("first"), ReportLine("second", f"in {PATH} {PATH}: ask alice", quotation=quotation)]
        return [ReportSection("hosts", [*lines, ReportLine("third")])]

    async with night(journal, size=size) as it:
        await it.app.push_screen(ReportScreen("hosts", tell, lambda text, name: None, emoji=True))
        await it.settled()
        await it.press("j")
        await read_down(it, "ask alice")
        await read_down(it, "the end of it")
        await read_down(it, "third")
        for _ in range(60):
            await it.press("k")
            if "first" in it.shown:
                break
        assert "first" in it.shown


@pytest.mark.parametrize("size", SIZES)
async def test_a_notice_with_a_long_path_says_what_to_do(journal: Journal, size: tuple[int, int]) -> None:
    async with night(journal, size=size) as it:
        it.journal_screen.notify_once(f"{PATH} cannot be opened: permission denied; ask alice")
        await it.eventually(lambda: "askalice" in joined(it), "its last word")
