"""The journal as of a point in time: the same screen, without a writer and without a follower."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from threeam.core.format.entry import Stamp
from threeam.core.state.fold import State
from threeam.core.store.as_of import PointInTime
from threeam.tui.key_labels import key_for_action
from threeam.tui.log_window import LogWindow
from threeam.tui.screens.looking import LookingScreen
from threeam.tui.session import Session


class AsOfScreen(LookingScreen):
    """The journal, the hypotheses and the cups as of ``moment``. It has no writer, so it cannot write."""

    def __init__(self, session: Session, moment: PointInTime) -> None:
        at = Stamp(moment.ns, session.zone(moment.ns))
        window = LogWindow(session.journal, until=moment.end)
        super().__init__(session._replace(writer=None, clock=lambda: at, notice=""), window)
        self._moment = moment
        self.header.is_as_of = True

    def _above(self) -> Iterator[Widget]:
        at = str(self.session.clock())
        yield Static(
            Content(
                f" AS OF {at[11:23]} · {key_for_action(self, 'now')} back to now · {at[:10]} {at[29:]} · read-only"
            ),
            classes="as-of--banner",
        )

    def on_mount(self) -> None:
        self.scan_up_to(self._moment.end, self._know)

    def _know(self, state: State) -> None:
        self.state = state
        self.header.is_state_known = self.sidebar.is_state_known = True
        self._show_state()

    def action_now(self) -> None:
        """Return to the current journal, through all as-of screens."""
        while isinstance(self.app.screen, AsOfScreen):
            self.app.pop_screen()

    def refuse_write(self) -> None:
        self.notify_once(f"this is a past state: {key_for_action(self, 'now')} returns to now")
