"""What the palette and the screens need of a screen and of the program, without importing either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from threeam.actions import Action
from threeam.core.store.as_of import PointInTime
from threeam.core.store.journal import Journal
from threeam.tui.session import Session


@runtime_checkable
class ActionRunner(Protocol):
    """A screen that runs actions of the table."""

    @property
    def is_writable(self) -> bool:
        """Whether it runs those that write."""

    async def run(self, action: Action, argument: str = "") -> None:
        """Run ``action``, with the text that followed its command."""


@runtime_checkable
class Program(Protocol):
    """The program around the screens, as they see it."""

    leave_pressed_s: float  # when the last key was pressed, on the monotonic clock

    @property
    def other_journals(self) -> Sequence[Journal]:
        """The journals that can be opened in place of this one."""

    def open_journal(self, journal: Journal) -> None:
        """End, and show ``journal`` next."""

    def open_as_of(self, session: Session, moment: PointInTime) -> None:
        """Lay the journal of ``session`` as it was at ``moment`` over the screen."""

    def refuse_text(self) -> None:
        """Drop the text that is being typed for a box that does not open."""
