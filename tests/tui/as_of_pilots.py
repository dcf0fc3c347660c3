"""A night to look back at, and the screens that show it as it was."""

from __future__ import annotations

from pilots import Night, is_as_of, line
from textual_internals import text_of

from support.lines import NIGHT
from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.tui.screens.journal import JournalScreen

MINUTE = 60 * NS_PER_S

LATER = Stamp(NIGHT.ns + 60 * MINUTE)  # while it is looked at: 04:14:07


def line_at(minutes: float, text: str, *tags: tuple[str, str], user: str = "bob", cups: int = 0) -> bytes:
    return line(text, round(minutes * MINUTE), user=user, cups=cups, tags=tags)


A_NIGHT = (
    line_at(0, "paged")
    + line_at(1, "Coffee: cup 1 of the night.", ("MG", "95"), user="alice", cups=1)
    + line_at(2, "Hypothesis: the sweeper", ("H1", "open"))
    + line_at(3, "UPDATE after DELETE")
    + line_at(4, f"Supports: @{Stamp(NIGHT.ns + 3 * MINUTE)} it was late", ("H1", "open"))
    + line_at(5, "Coffee: cup 2 of the night.", ("MG", "95"), user="alice", cups=2)
    + line_at(6, "Hypothesis: the cache", ("H2", "open"))
    + line_at(7, "Conclusion: it was off", ("H1", "refuted"))
    + line_at(8, "the last line")
)


def stamp_at(minutes: float) -> str:
    """An ``@stamp``."""
    return f"@{Stamp(NIGHT.ns + round(minutes * MINUTE))}"


def as_of_screen(it: Night) -> JournalScreen:
    """The screen as of then that is in front."""
    screen = it.app.screen
    assert is_as_of(screen), f"{screen} is in front"
    return screen


def as_of_depth(it: Night) -> int:
    """How many of them lie over the journal."""
    return sum(is_as_of(screen) for screen in it.app.screen_stack)


async def wait_for_as_of(it: Night) -> JournalScreen:
    """Waits until it is known what the log added up to then."""
    await it.eventually(lambda: is_as_of(it.app.screen), "the journal as of then is in front")
    screen = as_of_screen(it)
    await it.eventually(lambda: screen.sidebar.is_state_known, "what the log added up to is known")
    return screen


async def select_line(it: Night, text: str) -> None:
    """Puts the cursor on the line that says this, in whatever log is in front."""
    view = it.app.screen.log_view if is_as_of(it.app.screen) else it.view
    await it.press("g")
    for _ in range(60):
        if view.selected_row is not None and view.selected_row.line.display_text.endswith(text):
            return
        await it.press("j")
    raise AssertionError(f"no line says {text!r}\n{it.shown}")


async def open_as_of(it: Night, text: str) -> JournalScreen:
    """`<` on the line that says this."""
    await select_line(it, text)
    before = as_of_depth(it)
    await it.press("<")
    await it.eventually(lambda: as_of_depth(it) == before + 1, "another one lies over it")
    return await wait_for_as_of(it)


def row_texts(screen: JournalScreen) -> list[str]:
    """What its log holds, in order."""
    return [row.entry.text if row.entry else row.line.display_text for row in screen.log_view.window.rows]


def board_names(screen: JournalScreen) -> list[str | None]:
    return [option.id for option in screen.sidebar.hypothesis_list.options]


def board_text(screen: JournalScreen, number: int) -> str:
    """What its board says of a hypothesis."""
    return str(screen.sidebar.hypothesis_list.get_option(f"H{number}").prompt)


def header_of(it: Night) -> str:
    """The header of what is in front."""
    return text_of(it.app.screen)[0]
