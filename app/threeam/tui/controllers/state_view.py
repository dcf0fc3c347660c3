"""The state of the journal on the header, the sidebar and the rows of the log."""

from __future__ import annotations

from collections.abc import Mapping

from threeam.core.state.fold import State
from threeam.experiments.bisect.bisect_log import Bisection, bisections
from threeam.experiments.experiment import Experiment
from threeam.experiments.provoke.search import Search, searches_by_number
from threeam.experiments.run_list import plan_progress
from threeam.experiments.runs.run_log import experiments_by_number
from threeam.human.caffeine import remaining_mg
from threeam.human.drafts import glasses_tonight
from threeam.human.intake import intake_of
from threeam.hypotheses.amendments import amendments
from threeam.tracing.observations import Observation, observations, observed_intervals
from threeam.tui.controllers.mirrors import Mirrors
from threeam.tui.services import ScreenServices
from threeam.tui.widgets.header import Header
from threeam.tui.widgets.log_view import LogView
from threeam.tui.widgets.sidebar import Sidebar, SidebarView

_Plans = tuple[Mapping[int, Experiment], Mapping[int, Search], Mapping[int, Bisection]]  # by number


class StateView:
    """Shows the state on widgets. Rows are drawn again only for what has changed since the last time."""

    def __init__(
        self, screen: ScreenServices, header: Header, sidebar: Sidebar, log_view: LogView, mirrors: Mirrors
    ) -> None:
        self._screen = screen
        self._mirrors = mirrors
        self._header = header
        self._sidebar = sidebar
        self._log_view = log_view
        self._cups: int | None = None  # shown last; None: do not warn at the next update
        empty = screen.session.fold.empty_state
        self._plans: _Plans = (experiments_by_number(empty), searches_by_number(empty), bisections(empty))
        self._observations: Mapping[tuple[str, int, int], Observation] = observations(empty)

    def show(self, state: State, picked_name: str | None, *, is_known: bool) -> None:
        """Show ``state`` with the ages and amounts of this moment; ``is_known``: the log was read to its end."""
        session = self._screen.session
        with_cups, cups = self._mirrors.with_cups(state), self._mirrors.cups(state)
        self._header.cups_elsewhere = "" if cups is None else cups.elsewhere_text()
        self._header.team_trouble = self._mirrors.trouble
        self._show_intake(with_cups, is_known=is_known)
        board, are_hosts_known = self._mirrors.board(state), self._mirrors.are_hosts_known
        half_life_h = session.settings.half_life_h
        view = SidebarView(with_cups, picked_name, session.author.user, half_life_h, board, are_hosts_known)
        self._sidebar.show(view, session.clock())
        self._log_view.set_amendments(amendments(state).by_target)
        plans = (experiments_by_number(state), searches_by_number(state), bisections(state))
        if any(now is not shown for now, shown in zip(plans, self._plans, strict=True)):
            self._plans = plans
            self._log_view.set_progress(plan_progress(state))
        if (observed := observations(state)) is not self._observations:
            self._observations = observed
            self._log_view.set_observed_intervals(observed_intervals(state))

    def _show_intake(self, state: State, *, is_known: bool) -> None:
        session, header = self._screen.session, self._header
        settings, now, user = session.settings, session.clock(), session.author.user
        cups = state.cups(user, now.ns, settings.night_gap_ns)
        header.cups = cups
        header.mg = remaining_mg(intake_of(state, user).doses, now.ns, settings.half_life_h)
        header.water = glasses_tonight(state, user, now.ns, settings.night_gap_ns)
        header.set_class(header.is_alarming, "-alarm")
        if self._cups is not None and cups > self._cups and header.is_toxic:
            self._screen.notify_once(
                "Caffeine toxicity imminent. Logic may be compromised.", title=f"{cups} cups: TOXIC", severity="error"
            )
        # The cups of the first state were drunk before the screen was opened, and those of an earlier time long ago.
        self._cups = cups if is_known and session.as_of is None else None
