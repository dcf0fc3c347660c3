"""The base of what lies over the journal: its keys in the footer, the same moves in each, and a help of its own."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, ScreenResultType
from textual.scroll_view import ScrollView
from textual.widget import Widget
from textual.widgets import OptionList, Static

from threeam.tui.cells import drawable
from threeam.tui.dialog_bindings import bind, bind_filter, bind_moves
from threeam.tui.key_labels import describe_keys, key_lines
from threeam.tui.widgets.filter_line import FilterLine
from threeam.tui.widgets.footer import KeyFooter

_LIST_MOVES = {
    "down": "cursor_down",
    "up": "cursor_up",
    "page-down": "page_down",
    "page-up": "page_up",
    "top": "first",
    "bottom": "last",
}


class Dialog(ModalScreen[ScreenResultType]):
    """A dialog around ``body``, in a frame. What it is closed with is None, unless a key of it says otherwise.

    The footer and the help show what is bound: a key that does nothing here is in neither.
    """

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        bind("help", "explain", "help", "these keys", show=True),
        bind("leave", "leave", "close", show=True),
        bind("quit", "dismiss_dialog", "close"),
        *bind_moves("move"),
    ]
    AUTO_FOCUS = ""  # the body has the focus, and never the box of the filter
    FRAME_ID: ClassVar[str] = "told"

    def __init__(self, title: str, body: Widget) -> None:
        super().__init__()
        self.dialog_title = title
        self.body = body
        self.frame = Vertical(body, id=self.FRAME_ID, classes="dialog--frame")

    def compose(self) -> ComposeResult:
        """Yield the body in its frame, and below it the keys."""
        self.frame.border_title = drawable(self.dialog_title)
        yield self.frame
        with Vertical(classes="dialog--foot"):
            yield from self.compose_foot()
            yield KeyFooter(last=("search", "leave", "help"))

    def compose_foot(self) -> ComposeResult:
        """Yield what stands above the keys."""
        yield from ()

    def on_mount(self) -> None:
        self.app.clear_notifications()  # they would cover it
        self.focus_body()

    def focus_body(self) -> None:
        """Let the next key go to the body; a page that only scrolls has no keys of its own."""
        self.set_focus(self.body if self.body.can_focus else None)

    def action_move(self, move: str) -> None:
        """Move in the body, as the action ``move`` does in the log."""
        if isinstance(self.body, OptionList):
            getattr(self.body, f"action_{_LIST_MOVES[move]}")()
        elif isinstance(self.body, VerticalScroll | ScrollView):
            self._scroll(self.body, move)

    def _scroll(self, body: VerticalScroll | ScrollView, move: str) -> None:
        page = max(1, body.scrollable_content_region.height - 1)
        match move:
            case "top":
                body.scroll_home(animate=False, immediate=True)
            case "bottom":
                body.scroll_end(animate=False, immediate=True)
            case _:
                lines = {"down": 1, "up": -1, "page-down": page, "page-up": -page}[move]
                body.scroll_relative(y=lines, animate=False)

    def action_leave(self) -> None:
        """Close the dialog; a subclass may first take back what was done in it."""
        self.action_dismiss_dialog()

    def action_dismiss_dialog(self) -> None:
        self.dismiss(None)

    def action_explain(self) -> None:
        """Show the keys of this dialog."""
        self.app.push_screen(DialogHelp(self.dialog_title, describe_keys(self)))


class FilteredDialog(Dialog[ScreenResultType]):
    """A dialog whose rows can be filtered."""

    BINDINGS: ClassVar[list[Binding]] = [bind_filter("filter")]

    def __init__(self, title: str, body: Widget) -> None:
        super().__init__(title, body)
        self.filter_line = FilterLine(self.show_rows, self.focus_body)

    def compose_foot(self) -> ComposeResult:
        """Yield the line of the filter."""
        yield self.filter_line

    def show_rows(self, words: str) -> int:
        """Show the rows that have ``words``, all if there are none; return how many."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Refuse the keys of the list while words are typed."""
        return not self.filter_line.box.has_focus or action not in ("filter", "explain", "move")

    def action_filter(self) -> None:
        """Ask for the words that the rows must have."""
        self.filter_line.open()

    def action_leave(self) -> None:
        """Show all rows again; if they all are shown, close the dialog."""
        if not self.filter_line.clear():
            super().action_leave()


class DialogHelp(Dialog[None]):
    """The keys of one dialog, each with what it does. The key that opened it closes it, too."""

    BINDINGS: ClassVar[list[Binding]] = [bind("help", "dismiss_dialog", "close")]
    FRAME_ID = "keys"

    def __init__(self, title: str, keys: list[tuple[str, str]]) -> None:
        self._text = Static()
        super().__init__(f"keys: {title}", VerticalScroll(self._text, can_focus=False))
        self._keys = keys

    def on_resize(self) -> None:
        width = max(24, self.body.scrollable_content_region.width)
        self._text.update(
            Content("\n").join(line for key, about in self._keys for line in key_lines(key, about, width))
        )
