"""The first state of a screen: the log is folded in the background, behind the first frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from threeam.core.errors import JournalError
from threeam.core.state.fold import State
from threeam.core.store.journal import Position
from threeam.tui.services import ScreenServices
from threeam.tui.widgets.log_pane import LogPane

_FOLD_COST = 4  # times what it costs to count the lines
_FIRST_FRAME_S = 0.1
_PROGRESS_S = 0.3  # what is not known by then is shown as still being read
RETRY_S = 30.0


class FirstState:
    """Folds the journal up to ``end``, and calls ``on_known`` with the state; ``pane`` counts the lines meanwhile."""

    def __init__(
        self, screen: ScreenServices, pane: LogPane, end: Position | None, on_known: Callable[[State], object]
    ) -> None:
        self._screen = screen
        self._pane = pane
        self._end = end
        self._on_known = on_known

    def start(self) -> None:
        """Begin after the first frame."""
        self._screen.set_timer(_FIRST_FRAME_S, self._begin)

    def _begin(self) -> None:
        self._screen.set_timer(_PROGRESS_S, self._screen.show_state)
        if self._end is None:
            self._pane.start_scan(iter(()), 0)
        else:
            self._pane.start_scan(self._fold_to(self._end), self._end.offset * _FOLD_COST)

    def _fold_to(self, end: Position) -> Iterator[None]:
        try:
            for state in self._screen.session.fold.state_at_in_steps(*end):
                if state is not None:
                    self._on_known(state)
                yield
        except Exception as error:  # as when lines are followed: it may pass
            is_expected = isinstance(error, JournalError | OSError)
            self._screen.notify_once(
                f"{end.segment.path}: {error if is_expected else f'{type(error).__name__}: {error}'}",
                title="what the log adds up to is not known",
                severity="error",
            )
            self._screen.set_timer(RETRY_S, self._begin)
