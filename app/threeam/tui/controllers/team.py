"""The hosts of the team: what is known of them, from files, and a ``3am team`` that outlives the screen.

The modules of the team are imported when a user asks for it, or when one has run: no key and no frame waits for them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from threeam.core.config.options import split_line
from threeam.core.errors import BadInput, PreconditionFailed
from threeam.core.store.attachments import attachment_dir, has_mirrors
from threeam.tui.dispatch import Handler
from threeam.tui.screens.legend import LegendEntry, LegendScreen
from threeam.tui.services import ScreenServices

if TYPE_CHECKING:
    from threeam.team.host_report import HostReport, TeamReport

_REFRESH_S = 1.0  # s; between two looks at the files while they are shown
_ADDRESS = "nats://db1:4222"


class TeamController:
    """The actions about a team."""

    def __init__(self, screen: ScreenServices) -> None:
        self._screen = screen
        self._entries: list[LegendEntry] = []
        self._read_s = -_REFRESH_S  # when the files were read last, on the monotonic clock
        self._is_reading = False

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers of the actions, by id."""
        return {"hosts": self.show_hosts, "team": self.start}

    async def show_hosts(self) -> None:
        """Show what is known of each host of the team."""
        await self._read()
        if not self._entries:
            raise PreconditionFailed(f"no 3am team has run for this journal: :team {_ADDRESS} starts one")
        self._screen.app.push_screen(LegendScreen(self.entries, "hosts"))

    def entries(self) -> list[LegendEntry]:
        """Return what was known of each host a moment ago, and look again; nothing if there is no team."""
        if time.monotonic() - self._read_s >= _REFRESH_S and not self._is_reading and self._has_team():
            self._screen.start_worker(self._read)
        return self._entries

    def _has_team(self) -> bool:
        journal = self._screen.session.journal
        return has_mirrors(journal) or os.path.isdir(os.path.join(attachment_dir(journal), "team"))

    async def _read(self) -> None:
        session = self._screen.session

        def read() -> list[TeamReport]:
            from threeam.team.host_report import read_team_reports
            from threeam.team.team_status import read_statuses

            try:
                return read_team_reports(session.journal, read_statuses(session.journal), session.clock().ns)
            except OSError as error:
                raise PreconditionFailed(f"{error.filename} cannot be read: {error.strerror}") from None

        self._is_reading = True
        try:
            reports = await self._screen.run_in_thread(read) if self._has_team() else []
        finally:
            self._is_reading, self._read_s = False, time.monotonic()
        sign = "⇄" if session.emoji else "="
        self._entries = [entry for report in reports or [] for entry in _team_entries(report, sign)]

    async def start(self, argument: str = "") -> None:
        """Start ``3am team`` as a process of its own, and show how that has begun."""
        words = [os.path.expanduser(word) for word in split_line(argument)]
        if not any("://" in word for word in words):
            raise BadInput(f":team needs the address of an engine, as in :team {_ADDRESS}; :hosts shows the hosts")
        journal = self._screen.session.journal

        def start() -> str:
            from threeam.team.detached import DetachedTeam

            team = DetachedTeam(journal, words)
            try:
                return team.wait_for_start()
            finally:
                team.release()

        async def wait() -> None:
            if (sentence := await self._screen.run_in_thread(start)) is not None:
                self._screen.notify_once(sentence, title="team", timeout=10)

        self._screen.notify_once(f"3am team {' '.join(words)} is being started", title="team", timeout=2)
        self._screen.start_worker(wait)


def _team_entries(report: TeamReport, sign: str) -> list[LegendEntry]:
    name = report.address or "mirrors"
    color = "$success" if report.is_connected else "$warning"
    facts = [("notice", notice) for notice in report.notices]
    return [LegendEntry(sign, name, report.state, color, facts), *map(_host_entry, report.hosts)]


def _host_entry(host: HostReport) -> LegendEntry:
    facts = [
        ("lines", host.lines),
        ("last line", host.last_line.removeprefix("last line ")),
        ("clock", "; ".join(host.clock).removeprefix("clock ")),
    ]
    known = [fact for fact in facts if fact[1]]
    return LegendEntry(" ", host.name, host.state, "$foreground", known, "; ".join(host.problems))
