"""The writing of a screen that has no writer: each write is refused with a notice."""

from __future__ import annotations

from collections.abc import Mapping

from threeam.tui.dispatch import Handler
from threeam.tui.outbox import WriteRequest
from threeam.tui.prompts import BoxKind
from threeam.tui.services import DraftMaker, ScreenServices


class ReadOnlyWriting:
    """The `Writing` of a read-only screen. Text that is typed for one of its boxes is dropped, or it would be keys."""

    is_writable = is_prompt = False

    def __init__(self, screen: ScreenServices) -> None:
        self._screen = screen

    def handlers(self) -> Mapping[str, Handler]:
        """Return no handlers."""
        return {}

    def submit(self, request: WriteRequest) -> bool:
        """Refuse ``request``."""
        self._screen.refuse_write()
        return False

    def open_box(self, kind: BoxKind, text: str = "") -> None:
        """Refuse to open a box."""
        self._screen.refuse_write()
        self._screen.program.refuse_text()

    def edit(self, kind: BoxKind, text: str) -> None:
        """Refuse to open a box."""
        self.open_box(kind)

    def write_or_ask(self, kind: BoxKind, text: str, draft_of: DraftMaker | None = None) -> None:
        """Refuse to write."""
        self._screen.refuse_write()

    def leave_box(self) -> bool:
        """Return False: nothing waits."""
        return False
