"""The pages of races: the keys that are worth a search, the groups of findings, one finding, and near misses."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Generic, NamedTuple, TypeVar

from textual.binding import Binding

from threeam.core.format.clock import Zone
from threeam.core.format.report import ReportLine, ReportSection
from threeam.core.store.journal import Position
from threeam.races.access import Access
from threeam.races.deadlocks.groups import DeadlockGroup, Deadlocks
from threeam.races.finding import FindingGroup
from threeam.races.finding_report import finding_sections, finding_text, finding_title, plain_text
from threeam.races.key_candidates import KeyCandidate
from threeam.races.near_miss import NearMisses, Occurrence
from threeam.races.near_report import NearReport
from threeam.races.race_report import deadlock_sections, key_section, race_sections
from threeam.races.race_rows import line_numbers
from threeam.races.search import RaceReport
from threeam.tui.dialog_bindings import bind
from threeam.tui.log_search import LogSearch
from threeam.tui.report_answers import AboutFinding, AskForKey, GoToLine, GoToT0, ReportAnswer, SearchAgain, SearchKey
from threeam.tui.screens.report_screen import ReportScreen

T = TypeVar("T")

Copy = Callable[[str, str], object]
_PROGRESS_S = 0.2
_OTHER_KEY = ReportLine("another key …", "a regular expression with a group: 'cart=(?P<key>\\d+)'", subject=AskForKey())
_ON_TIMELINE = "go to the line on the timeline"
_TO_TIMELINE = Binding("enter", "dismiss_to_timeline", "its line", key_display="enter", tooltip=_ON_TIMELINE)


class SearchScreen(ReportScreen, Generic[T]):
    """The report on a search of the logs. While it runs, the page shows how far it is, and leaving it ends it."""

    BINDINGS: ClassVar[list[Binding]] = [_TO_TIMELINE]

    def __init__(
        self,
        title: str,
        search: LogSearch[T],
        sections: Callable[[T], Sequence[ReportSection]],
        copy: Copy,
        *,
        emoji: bool,
    ) -> None:
        super().__init__(title, self._sections, copy, emoji=emoji)
        self.search = search
        self._sections_of = sections

    def on_mount(self) -> None:
        self.update_report()
        if self.search.cursor is not None:
            self.option_list.highlighted = self.search.cursor
        if self.search.result is None:
            self.run_worker(self._find, group="search")  # type: ignore[arg-type]  # mypy cannot tell which kind it is
        self._timer = self.set_interval(_PROGRESS_S, self.update_report, pause=self.search.result is not None)

    def on_unmount(self) -> None:
        self.search.end()
        if self.search.result is not None and not self.filter_line.words:
            self.search.cursor = self.option_list.highlighted

    async def _find(self) -> None:
        await self.search.find()
        self._timer.stop()
        self.update_report()
        self.option_list.action_first()
        self.refresh_bindings()
        self.call_after_refresh(self.update_report)  # a scroll bar may have made it narrower

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "dismiss_to_timeline":
            return _position_of(self.selected_subject) is not None
        return super().check_action(action, parameters)

    def action_dismiss_to_timeline(self) -> None:
        if (position := _position_of(self.selected_subject)) is not None:
            self.dismiss(GoToLine(position))

    def _sections(self) -> Sequence[ReportSection]:
        search = self.search
        if search.problem:
            return [ReportSection("the search has failed", [ReportLine(search.problem, icon="red")])]
        if search.result is None:
            return [ReportSection("searching", [ReportLine(search.progress, "leaving this page ends it")])]
        return self._sections_of(search.result)


class Proposal(NamedTuple):
    """The keys that are worth a search, and the deadlocks that no search is needed for."""

    deadlocks: Deadlocks
    candidates: Sequence[KeyCandidate]


class KeysScreen(SearchScreen[Proposal]):
    """The keys that are worth a search. It is dismissed with `SearchKey`, or `AskForKey`."""

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("enter", "dismiss_to_search", "search", key_display="enter", tooltip="search for races on this key"),
        _TO_TIMELINE,  # of a deadlock
    ]

    def __init__(self, search: LogSearch[Proposal], zone: Zone, copy: Copy, *, emoji: bool) -> None:
        super().__init__("races: which key?", search, lambda found: _proposal_sections(found, zone), copy, emoji=emoji)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "dismiss_to_search":
            return isinstance(self.selected_subject, KeyCandidate | AskForKey)
        return super().check_action(action, parameters)

    def action_dismiss_to_search(self) -> None:
        match self.selected_subject:
            case KeyCandidate(pattern=pattern):
                self.dismiss(SearchKey(pattern))
            case AskForKey() as answer:
                self.dismiss(answer)


class FoundRaces(NamedTuple):
    """The result of a search for races."""

    deadlocks: Deadlocks
    report: RaceReport


class RacesScreen(SearchScreen[FoundRaces]):
    """The groups of findings. Enter opens the closest finding of one; an answer given there closes both."""

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("enter", "open_finding", "its lines", key_display="enter", tooltip="the closest finding, line by line"),
        _TO_TIMELINE,  # of a deadlock
        bind("near", "dismiss_to_near", "near", "how close its two operations came on all keys", show=True),
        Binding("e", "dismiss_for_key", "other key", tooltip="search for another key"),
        Binding("u", "dismiss_for_update", "again", tooltip="search again: the logs have grown"),
    ]

    def __init__(self, search: LogSearch[FoundRaces], zone: Zone, copy: Copy, *, emoji: bool, writes: bool) -> None:
        super().__init__("races", search, lambda found: _race_sections(found, zone), copy, emoji=emoji)
        self._zone = zone
        self._writes = writes

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("open_finding", "dismiss_to_near"):
            return isinstance(self.selected_subject, FindingGroup)
        return super().check_action(action, parameters)

    def action_open_finding(self) -> None:
        if isinstance(group := self.selected_subject, FindingGroup):
            screen = FindingScreen(group, self._zone, self._copy, emoji=self._emoji, writes=self._writes)
            self.app.push_screen(screen, self._take)

    def _take(self, answer: ReportAnswer | None) -> None:
        """Close this page, too, with what the finding was closed with, unless the user came back to it."""
        if answer is not None:
            self.dismiss(answer)

    def action_dismiss_to_near(self) -> None:
        if isinstance(group := self.selected_subject, FindingGroup):
            self.dismiss(AboutFinding("near", group))

    def action_dismiss_for_key(self) -> None:
        self.dismiss(SearchAgain(same_key=False))

    def action_dismiss_for_update(self) -> None:
        self.dismiss(SearchAgain(same_key=True))


class FindingScreen(ReportScreen):
    """The closest finding of a group: its lines between their neighbours, and what is known of their order.

    ``writes``: it may become evidence.
    """

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("enter", "dismiss_to_timeline", "its line", key_display="enter", tooltip=_ON_TIMELINE),
        bind("t0", "dismiss_to_t0", "T0 here", "go to its first line on the timeline, as T0", show=True),
        bind(
            "support",
            "dismiss_about('support')",
            "for",
            "it supports the picked hypothesis: all lines are cited",
            show=True,
        ),
        bind("contradict", "dismiss_about('contradict')", "against", "it contradicts the picked hypothesis", show=True),
        bind("near", "dismiss_about('near')", "near", "how close its two operations came on all keys", show=True),
        bind("run", "dismiss_about('run')", "run", "an experiment with a delay that is longer than the gap", show=True),
        bind("copy-entry", "copy_finding", "copy", "copy all of it", show=True),
        bind("leave", "leave", "all", show=True),
    ]

    def __init__(self, group: FindingGroup, zone: Zone, copy: Copy, *, emoji: bool, writes: bool) -> None:
        super().__init__(finding_title(group.closest), self._sections, copy, emoji=emoji)
        self._group = group
        self._zone = zone
        self._writes = writes
        self._numbers: Mapping[tuple[int, int], int] = {}
        self._shown: Sequence[ReportSection] = ()

    def on_mount(self) -> None:
        self.run_worker(self._count_lines, group="search")  # type: ignore[arg-type]  # as above

    async def _count_lines(self) -> None:
        """Count the lines before those of the witness, which reads the files up to there."""
        try:
            self._numbers = await asyncio.to_thread(line_numbers, self._group.closest.witness)
        except OSError:  # the lines themselves were read, and the page says where they are
            return
        self._shown = ()
        self.update_report()

    def _sections(self) -> Sequence[ReportSection]:
        if not self._shown:
            try:
                self._shown = finding_sections(self._group, self._numbers, self._zone)
            except OSError as error:
                line = ReportLine(f"its lines cannot be read: {error.strerror}", icon="red")
                self._shown = [ReportSection(finding_text(self._group.closest), [line])]
        return self._shown

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        writes = action == "dismiss_about" and parameters != ("near",)
        return (self._writes or not writes) and super().check_action(action, parameters)

    def action_dismiss_to_timeline(self) -> None:
        selected = _position_of(self.selected_subject)
        self.dismiss(GoToLine(selected or _position_of_access(self._group.closest.witness[0])))

    def action_dismiss_to_t0(self) -> None:
        self.dismiss(GoToT0(_position_of_access(self._group.closest.witness[0])))

    def action_dismiss_about(self, verb: str) -> None:
        self.dismiss(AboutFinding(verb, self._group))

    def action_copy_finding(self) -> None:
        self._copy(plain_text(self._shown), "finding")


class NearScreen(SearchScreen[NearMisses]):
    """The distances of two operations, as a histogram. Enter goes to the lines of one of the closest occurrences."""

    BINDINGS: ClassVar[list[Binding]] = [
        bind("races", "dismiss_to('races')", "races", show=True),
        bind("copy-entry", "copy_report", "copy", "copy all of it", show=True),
    ]

    def __init__(
        self, search: LogSearch[NearMisses], report: Callable[[NearMisses, int], NearReport], copy: Copy, *, emoji: bool
    ) -> None:
        super().__init__("near misses", search, self._near_sections, copy, emoji=emoji)
        self._report = report
        self._drawn: tuple[NearReport, Sequence[ReportSection]] | None = None

    def _near_sections(self, near: NearMisses) -> Sequence[ReportSection]:
        """Return the report. It is made again only if the width or the changes in the journal differ."""
        report = self._report(near, self.option_list.scrollable_content_region.width - 4)
        if self._drawn is None or self._drawn[0] != report:
            self._drawn = report, report.sections()
        return self._drawn[1]

    def action_copy_report(self) -> None:
        if self.search.result is not None:
            self._copy(plain_text(self._sections()), "near misses")


def _position_of(subject: object) -> Position | None:
    """Return the place of the line of a log that ``subject`` is about, the earliest of several; None: of no log."""
    match subject:
        case DeadlockGroup(first=place):
            return Position(place.source.segment, place.offset)
        case Occurrence(first=first, second=second):
            return _position_of_access(min(first, second, key=lambda access: access.ns))
        case Access():
            return _position_of_access(subject)
        case _:
            return None


def _position_of_access(access: Access) -> Position:
    """Return the place of the line that names the key."""
    return Position(access.source.segment, access.offset)


def _race_sections(found: FoundRaces, zone: Zone) -> list[ReportSection]:
    return [*deadlock_sections(found.deadlocks, zone), *race_sections(found.report, zone, quotes_lines=False)]


def _proposal_sections(found: Proposal, zone: Zone) -> list[ReportSection]:
    keys = key_section(found.candidates, lambda pattern: f":races {shlex.join(['--key', pattern])}")
    keys = keys._replace(lines=[*keys.lines, _OTHER_KEY])
    return [keys, *deadlock_sections(found.deadlocks, zone)]  # Enter searches for the first key
