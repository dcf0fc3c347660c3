"""The writing of a screen that has no writer: each write is refused with a notice."""

from __future__ import annotations

from collections.abc import Mapping

from threeam.actions import ACTIONS
from threeam.core.errors import PreconditionFailed
from threeam.tui.dispatch import Handler
from threeam.tui.outbox import WriteRequest
from threeam.tui.prompts import BoxKind
from threeam.tui.services import AttachingDraftMaker, DraftMaker, ScreenServices


class ReadOnlyWriting:
    """The `Writing` of a read-only screen. Text that is typed for one of its boxes is dropped, or it would be keys."""

    is_writable = is_prompt = False

    def __init__(self, screen: ScreenServices) -> None:
        self._screen = screen

    def handlers(self) -> Mapping[str, Handler]:
        """Return no handlers."""
        return {}

    def require_writable(self) -> None:
        """Raise `PreconditionFailed`: nothing can be written."""
        if self._screen.session.as_of is None:
            raise PreconditionFailed("read-only: this screen was opened without a writer")
        raise PreconditionFailed(f"this is a past state: {self._screen.key_of('now')} returns to now")

    def refuses_box_of(self, key: str) -> bool:
        """Return whether ``key`` opens a box, which this screen does not have."""
        return not self._screen.is_typing and any(
            action.opens_box and key in self._screen.keys_of(action) for action in ACTIONS
        )

    def refuse_key(self, key: str) -> None:
        """Refuse ``key`` if it is one of an action that writes: the table has no handler for it."""
        if any(action.writes and action.scope == "log" and key in self._screen.keys_of(action) for action in ACTIONS):
            self._refuse()

    def _refuse(self) -> None:
        try:
            self.require_writable()
        except PreconditionFailed as refusal:
            self._screen.notify_once(str(refusal))

    def submit(self, request: WriteRequest) -> bool:
        """Refuse ``request``."""
        self._refuse()
        return False

    def open_box(self, kind: BoxKind, text: str = "") -> None:
        """Refuse to open a box."""
        self._refuse()
        self._screen.program.typed_keys.refuse_text()

    def edit(self, kind: BoxKind, text: str) -> None:
        """Refuse to open a box."""
        self.open_box(kind)

    def write_or_ask(self, kind: BoxKind, text: str, draft_of: DraftMaker | None = None) -> None:
        """Refuse to write."""
        self._refuse()

    def write_attaching(self, kind: BoxKind, text: str, attach: AttachingDraftMaker, *, asks: bool) -> None:
        """Refuse to write, and save nothing."""
        self._refuse()

    def leave_box(self) -> bool:
        """Return False: nothing waits."""
        return False
