"""The states of mirrored journals, for what the screen tells of cups and hands over; and whether the team is away.

Without a team nothing is read, and nothing of the team is imported: one look for the folders, at most every 5 s.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from threeam.core.config.settings import Settings
from threeam.core.errors import JournalError, PreconditionFailed
from threeam.core.format.escape import escape_unprintable
from threeam.core.format.remote_hypothesis import Named
from threeam.core.state.fold import State
from threeam.core.state.host_state import HostState
from threeam.core.store.attachments import attachment_dir, has_mirrors
from threeam.hypotheses.amendments import amendments
from threeam.hypotheses.ledger import PROJECTION as LEDGER
from threeam.hypotheses.remarks import remarks
from threeam.hypotheses.team_fold import TeamHypothesis, has_evidence, team_hypotheses
from threeam.tui.services import ScreenServices

if TYPE_CHECKING:
    from threeam.human.team_cups import TeamCups
    from threeam.reports.handoff_hosts import TeamHandoff
    from threeam.team.clocks.host_order import HostOrder
    from threeam.team.mirrors.host_states import HostStates
    from threeam.team.team_status import UnheldLines

_MIN_ID_DIGITS = 4  # of the id of a journal, in place of the name of its host
REFRESH_S = 5.0  # s, between two looks at the mirrors


class Mirrors:
    """Reads the states of the mirrors, and joins them with that of this journal."""

    def __init__(self, screen: ScreenServices) -> None:
        self._screen = screen
        self._states: HostStates | None = None
        self._hosts: list[HostState] = []  # the first one is of this journal; its state is one of an earlier moment
        self._looked_s: float | None = None
        self._is_reading = False
        self.are_hosts_known = True  # False while the mirrors are read for the first time
        self.trouble = ""  # of the connection: team away, 12 unsent
        self._problem = ""  # of the last look
        self._order: HostOrder | None = None
        self._board: Sequence[TeamHypothesis] = []
        self._board_parts: tuple[object, ...] = ()  # all that it was made from

    def refresh(self) -> None:
        """Look for new lines of other hosts, unless that was done a moment ago, and show what has changed."""
        now_s = time.monotonic()
        is_due = self._looked_s is None or now_s - self._looked_s >= 0.9 * REFRESH_S
        if not is_due or self._is_reading or self._screen.session.as_of is not None:
            return
        self._looked_s = now_s
        journal = self._screen.session.journal
        if has_mirrors(journal) or os.path.isdir(os.path.join(attachment_dir(journal), "team")):
            self._is_reading, self.are_hosts_known = True, self._states is not None
            self._screen.start_worker(self._read)

    def hosts(self, state: State) -> list[HostState]:
        """Return ``state``, that of this journal, and those of the others; an empty list without others."""
        return [self._hosts[0]._replace(state=state), *self._hosts[1:]] if len(self._hosts) > 1 else []

    def all_hosts(self, state: State) -> list[HostState]:
        """Return ``state``, that of this journal, and those of the others."""
        return self.hosts(state) or [HostState("", "", state, is_own=True)]

    def require_named(self, name: str) -> Named:
        """Return the hypothesis that ``db1/H7`` names; ``H7`` if that is the name of this host.

        The beginning of the id of a journal is a name of its host, too. Raise `PreconditionFailed` if it is unknown.
        """
        host_text, _, number = name.rpartition("/")
        others = self._hosts[1:]
        found = [host for host in others if host.host == host_text]
        if not found and any(host.host == host_text for host in self._hosts[:1]):
            return number
        if not found and len(host_text) >= _MIN_ID_DIGITS:
            found = [host for host in others if host.origin_id.startswith(host_text)]
        if len(found) == 1:
            return found[0].require_hypothesis(number)
        if not self.are_hosts_known:
            raise PreconditionFailed("the journals of the other hosts are still being read: in a moment")
        shown = ", ".join(host.host for host in others)
        known_ones = f"mirrored here: {shown}" if shown else "no journal is mirrored here"
        raise PreconditionFailed(f"there is no host {escape_unprintable(host_text)}; {known_ones}")

    def named(self, name: str) -> Named:
        """Return the hypothesis that ``name`` names; the name itself if it is of this journal, or not known."""
        if "/" in name:
            with suppress(PreconditionFailed):  # the draft refuses it, and the user keeps the text
                return self.require_named(name)
        return name

    def board(self, state: State) -> Sequence[TeamHypothesis]:
        """Return the hypotheses of all hosts in the order of the board; an empty list without other hosts.

        This journal may speak of a host whose mirror is gone.
        """
        hosts = self.all_hosts(state)
        if len(hosts) == 1 and not remarks(state):
            return []
        parts = (state.hypotheses, LEDGER.of(state), remarks(state), amendments(state), self._order, self._hosts)
        if parts != self._board_parts:  # most lines change none of them
            is_before = self._order.is_before if self._order is not None else lambda first, second: False
            self._board_parts, self._board = parts, team_hypotheses(hosts, is_before)
        return self._board

    def on_all_hosts(self, name: str) -> TeamHypothesis | None:
        """Return what all hosts say about the hypothesis ``name``; None without other hosts."""
        return next((known for known in self.board(self._screen.state) if known.name == name), None)

    def has_evidence(self, number: int) -> bool:
        """Return whether any host has evidence about the hypothesis of this journal with this number."""
        return has_evidence(self.board(self._screen.state), number)

    def with_cups(self, state: State) -> State:
        """Return the state to show: all people have their cups and doses of all hosts in it."""
        if not (hosts := self.hosts(state)):
            return state
        from threeam.human.team_cups import with_cups_of_everybody

        session, settings = self._screen.session, self._screen.session.settings
        return with_cups_of_everybody(hosts, session.clock().ns, settings.night_gap_ns, settings.same_person)

    def cups(self, state: State) -> TeamCups | None:
        """Return the cups of this user on all hosts; None without other hosts."""
        if not (hosts := self.hosts(state)):
            return None
        from threeam.human.team_cups import team_cups

        session, settings = self._screen.session, self._screen.session.settings
        user, now_ns = session.author.user, session.clock().ns
        return team_cups(hosts, user, now_ns, settings.night_gap_ns, settings.same_person)

    def write_settings(self, state: State) -> Settings:
        """Return the settings for a draft: toxic_cups is without the cups that the user had on other hosts."""
        settings, cups = self._screen.session.settings, self.cups(state)
        return settings if cups is None else settings._replace(toxic_cups=settings.toxic_cups - cups.elsewhere)

    def read_unheld_lines(self) -> UnheldLines | None:
        """Return how many lines no other host holds; None without other hosts. It reads files."""
        if len(self._hosts) < 2:
            return None
        from threeam.team.team_status import read_unheld_lines

        return read_unheld_lines(self._screen.session.journal)

    def handoff(self, unheld: UnheldLines | None) -> TeamHandoff | None:
        """Return what is handed over of all hosts; None without other hosts."""
        hosts = self.hosts(self._screen.state)
        if not hosts or unheld is None:
            return None
        from threeam.reports.handoff_hosts import TeamHandoff

        return TeamHandoff(hosts, self.board(self._screen.state), *unheld)

    async def _read(self) -> None:
        from threeam.team.mirrors.host_states import HostStates

        session = self._screen.session
        if self._states is None:
            self._states = HostStates(session.journal, session.fold)
            self._screen.set_interval(REFRESH_S, self.refresh)
        before = self._hosts, self.trouble, self.are_hosts_known
        try:
            self._hosts, self._order, self.trouble = await asyncio.to_thread(self._read_files, self._states)
            self._problem = ""
        except (JournalError, OSError) as error:
            if str(error) != self._problem:  # it is tried again every few seconds
                self._problem = str(error)
                self._screen.notify_once(f"other hosts are left out: {error}", severity="warning")
        finally:
            self._is_reading, self.are_hosts_known = False, True
        if (self._hosts, self.trouble, self.are_hosts_known) != before:
            self._screen.show_state()

    def _read_files(self, states: HostStates) -> tuple[list[HostState], HostOrder, str]:
        from threeam.team.clocks.host_clocks import HostClock, clock_of
        from threeam.team.clocks.host_order import HostOrder
        from threeam.team.team_status import read_trouble

        session = self._screen.session
        hosts, trouble = states.read(session.fold.empty_state), read_trouble(session.journal, session.clock().ns)
        if self._order is not None and hosts == self._hosts:
            return self._hosts, self._order, trouble
        clocks = {host.origin_id: clock_of(session.journal, host.origin_id) for host in hosts[1:]}
        order = HostOrder(hosts[0].origin_id, lambda origin_id: clocks.get(origin_id, HostClock(())))
        return hosts, order, trouble
