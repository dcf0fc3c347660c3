"""The live journal: what the bridge has read from the file goes to the state, the log and the header."""

from __future__ import annotations

from threeam.core.state.current_night import correct_for_future_lines
from threeam.core.store.journal import Position
from threeam.tui import messages
from threeam.tui.bridge import Bridge
from threeam.tui.controllers.first_state import FirstState
from threeam.tui.controllers.hypotheses import HypothesisController
from threeam.tui.controllers.night import AWAKE_REMINDER_S, NightController
from threeam.tui.services import ScreenServices
from threeam.tui.widgets.header import Header
from threeam.tui.widgets.log_pane import LogPane

CLOCK_REFRESH_S = 30.0  # between two looks at the clock: milligrams and ages change slowly


class LiveController:
    """Follows the journal through ``bridge``. A screen of an earlier time has none."""

    def __init__(
        self,
        screen: ScreenServices,
        bridge: Bridge,
        header: Header,
        pane: LogPane,
        hypotheses: HypothesisController,
        night: NightController,
    ) -> None:
        self._screen = screen
        self.bridge = bridge
        self._header = header
        self._pane = pane
        self._hypotheses = hypotheses
        self._night = night
        session = screen.session
        user, gap_ns = session.author.user, session.settings.night_gap_ns
        bridge.adjust_state = lambda state, end: correct_for_future_lines(state, end, user, session.clock().ns, gap_ns)

    def start(self) -> None:
        """Fold the journal up to the window's end, and follow it from there."""
        self._screen.set_interval(CLOCK_REFRESH_S, self._screen.show_state)
        self._screen.call_after_refresh(self.bridge.start)
        anchor = self._pane.view.window.anchor
        end = None if anchor is None else Position(anchor.segment, anchor.offset)
        FirstState(self._screen, self._pane, end, self.bridge.set_initial_state).start()

    def stop(self) -> None:
        """Follow no more."""
        self.bridge.stop()

    def follow(self, message: messages.JournalChanged) -> None:
        """Take what the bridge has seen."""
        match message:
            case messages.LinesArrived():
                self._take_lines(message)
            case messages.LockHolderChanged(holder, since_ns):
                self._header.set_lock_holder(holder, since_ns)
            case messages.DiskSpaceChanged(free_bytes):
                self._header.free_bytes = free_bytes
                self._header.set_class(self._header.is_alarming, "-alarm")
            case messages.FollowFailed(sentence):
                self._header.stale = bool(sentence)
                if sentence:
                    self._screen.notify_once(sentence, title="the log cannot be read", severity="error", timeout=10)

    def _take_lines(self, message: messages.LinesArrived) -> None:
        screen = self._screen
        if message.state is not None:
            self._hypotheses.notify_of_overturned_verdicts(message.lines)
            is_first = not screen.is_state_known
            screen.take_state(message.state)
            if is_first:
                self._night.begin()
                screen.set_interval(AWAKE_REMINDER_S, self._night.remind_of_awake_hours)
            else:
                self._night.follow(message.lines)
        self._pane.add_lines(message.lines, message.end, message.unfinished, truncated=message.truncated)
        if message.truncated:
            screen.notify_once(
                "the log was truncated: the lines above may exist only on this screen", severity="warning"
            )
        screen.show_state()
        self.bridge.acknowledge()
