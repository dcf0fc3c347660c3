"""What a pilot does and sees on the board of hypotheses, in a thread and in a hand-off."""

from __future__ import annotations

from pilots import TINY, WIDE, Night

from threeam.tui.screens.report_screen import ReportScreen

SIZES = [WIDE, TINY]


async def select_line(it: Night, text: str) -> None:
    """Puts the cursor of the log on the line that says this."""
    await it.press("g")
    for _ in range(60):
        row = it.view.selected_row
        if row is not None and row.line.display_text.endswith(text):
            return
        await it.press("j")
    raise AssertionError(f"no line says {text!r}\n{it.shown}")


async def wait_for_state(it: Night) -> None:
    """Waits until it is known what the log adds up to."""
    await it.eventually(lambda: it.journal_screen.sidebar.is_state_known, "the log is read")


def report_in_front(it: Night) -> ReportScreen:
    """The thread or the hand-off that lies over the journal."""
    screen = it.app.screen
    assert isinstance(screen, ReportScreen), f"{screen} is over the journal"
    return screen


async def wait_for_report(it: Night, kind: type[ReportScreen] = ReportScreen) -> ReportScreen:
    """Waits for a thread or a hand-off."""
    await it.eventually(lambda: isinstance(it.app.screen, kind), f"a {kind.__name__} is open")
    return report_in_front(it)


def highlighted_text(it: Night) -> str:
    """The line that has the cursor in what is told."""
    option = report_in_front(it).option_list.highlighted_option
    return "" if option is None else str(option.prompt)


async def highlight_line(it: Night, words: str) -> None:
    """Goes down in what is told to the line with these words."""
    for _ in range(60):
        if words in highlighted_text(it):
            return
        await it.press("j")
    raise AssertionError(f"nothing told says {words!r}\n{it.shown}")


def board_order(it: Night) -> list[str | None]:
    """The names in the panel, from top to bottom."""
    return [option.id for option in it.journal_screen.sidebar.hypothesis_list.options]


def board_text(it: Night, index: int = 0) -> str:
    """What the panel says of one: a notice may lie over the panel."""
    board = it.journal_screen.sidebar.hypothesis_list
    return str(board.get_option_at_index(index).prompt) if board.option_count > index else ""


async def wait_for_board(it: Night, words: str) -> None:
    """Waits until the panel says this of the first."""
    await it.eventually(lambda: words in board_text(it), f"the panel says {words!r}")


async def wait_for_row(it: Night, words: str) -> None:
    """Waits until a row of the log says this, also below a notice."""
    await it.eventually(lambda: any(words in row for row in it.rows), f"a row says {words!r}")
