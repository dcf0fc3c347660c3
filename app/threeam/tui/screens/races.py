"""The pages of races: the keys that are worth a search, the groups of findings, one finding, and near misses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Generic, NamedTuple, TypeVar

from textual.binding import Binding

from threeam.core.format.clock import Zone
from threeam.core.format.report import ReportLine, ReportSection
from threeam.core.store.journal import Position
from threeam.races.access import Access
from threeam.races.deadlocks.groups import Deadlocks
from threeam.races.finding import FindingGroup
from threeam.races.finding_report import (
    deadlock_line,
    deadlock_section,
    finding_sections,
    finding_text,
    finding_title,
    group_line,
    plain_text,
    race_sections,
)
from threeam.races.key_candidates import KeyCandidate
from threeam.races.near_miss import NearMisses
from threeam.races.near_report import NearReport
from threeam.races.race_rows import line_numbers
from threeam.races.search import RaceReport
from threeam.timeline.source import Source
from threeam.tui.dialog_bindings import bind
from threeam.tui.log_search import LogSearch
from threeam.tui.report_answers import AboutFinding, AskForKey, GoToLine, GoToT0, ReportAnswer, SearchAgain, SearchKey
from threeam.tui.screens.report_screen import ReportScreen

T = TypeVar("T")

Copy = Callable[[str, str], object]
_PROGRESS_S = 0.2
_OTHER_KEY = ReportLine("another key …", "a regular expression with a group: 'cart=(?P<key>\\d+)'")
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

    def position_in(self, found: T) -> Position | None:
        """Return the place of the line of a log that the line under the cursor is about; None: of no log."""
        return None

    @property
    def _position(self) -> Position | None:
        return None if self.search.result is None else self.position_in(self.search.result)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "dismiss_to_timeline":
            return self._position is not None
        return super().check_action(action, parameters)

    def action_dismiss_to_timeline(self) -> None:
        if (position := self._position) is not None:
            self.dismiss(GoToLine(position))

    def _sections(self) -> Sequence[ReportSection]:
        search = self.search
        if search.problem:
            return [ReportSection("the search has failed", [ReportLine(search.problem, icon="red")])]
        if search.result is None:
            return [ReportSection("searching", [ReportLine(search.progress, "leaving this page ends it")])]
        return self._sections_of(search.result)


class FoundDeadlocks(NamedTuple):
    """The deadlocks that servers have reported in ``sources``."""

    deadlocks: Deadlocks
    sources: Sequence[Source]

    def position_of(self, line: ReportLine | None, zone: Zone) -> Position | None:
        """Return the place of the first report of the deadlock that ``line`` is about; None: it is about another."""
        group = next((group for group in self.deadlocks.groups if deadlock_line(group, zone) == line), None)
        if group is None:
            return None
        source = next(source for source in self.sources if source.name == group.first.source)
        return Position(source.segment, group.first.offset)


class Proposal(NamedTuple):
    """The keys that are worth a search, and the deadlocks that no search is needed for."""

    deadlocks: FoundDeadlocks
    candidates: Sequence[KeyCandidate]


class KeysScreen(SearchScreen[Proposal]):
    """The keys that are worth a search. It is dismissed with `SearchKey`, or `AskForKey`."""

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("enter", "dismiss_to_search", "search", key_display="enter", tooltip="search for races on this key"),
        _TO_TIMELINE,  # of a deadlock
    ]

    def __init__(self, search: LogSearch[Proposal], zone: Zone, copy: Copy, *, emoji: bool) -> None:
        super().__init__("races: which key?", search, lambda found: _proposal_sections(found, zone), copy, emoji=emoji)
        self._zone = zone

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "dismiss_to_search":
            return self.search.result is not None and self._answer is not None
        return super().check_action(action, parameters)

    def position_in(self, found: Proposal) -> Position | None:
        """Return the place of the first report of the deadlock under the cursor."""
        return found.deadlocks.position_of(self.selected_line, self._zone)

    @property
    def _answer(self) -> SearchKey | AskForKey | None:
        """Return what Enter means on the line under the cursor."""
        line = self.selected_line
        if line == _OTHER_KEY:
            return AskForKey()
        candidates = self.search.result.candidates if self.search.result is not None else ()
        return next((SearchKey(each.pattern) for each in candidates if _key_line(each) == line), None)

    def action_dismiss_to_search(self) -> None:
        if self._answer is not None:
            self.dismiss(self._answer)


class FoundRaces(NamedTuple):
    """The result of a search for races."""

    deadlocks: FoundDeadlocks
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

    def position_in(self, found: FoundRaces) -> Position | None:
        """Return the place of the first report of the deadlock under the cursor."""
        return found.deadlocks.position_of(self.selected_line, self._zone)

    @property
    def selected_group(self) -> FindingGroup | None:
        """Return the group under the cursor."""
        groups = self.search.result.report.groups if self.search.result is not None else []
        line = self.selected_line
        return next((group for group in groups if group_line(group, self._zone) == line), None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("open_finding", "dismiss_to_near"):
            return self.selected_group is not None
        return super().check_action(action, parameters)

    def action_open_finding(self) -> None:
        if (group := self.selected_group) is not None:
            screen = FindingScreen(group, self._zone, self._copy, emoji=self._emoji, writes=self._writes)
            self.app.push_screen(screen, self._take)

    def _take(self, answer: ReportAnswer | None) -> None:
        """Close this page, too, with what the finding was closed with, unless the user came back to it."""
        if answer is not None:
            self.dismiss(answer)

    def action_dismiss_to_near(self) -> None:
        if (group := self.selected_group) is not None:
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
        accesses = self._group.closest.witness
        self.dismiss(GoToLine(position_of(accesses[self._selected_access(accesses)])))

    def action_dismiss_to_t0(self) -> None:
        self.dismiss(GoToT0(position_of(self._group.closest.witness[0])))

    def _selected_access(self, accesses: Sequence[Access]) -> int:
        """Return the index of the access under the cursor; that of the first one, if another line is."""
        lines, line = list(self._shown[-1].lines), self.selected_line
        return lines.index(line) if line in lines and len(lines) == len(accesses) else 0

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

    def position_in(self, found: NearMisses) -> Position | None:
        """Return the place of the earlier line of the occurrence under the cursor."""
        report, line = self._report(found, 0), self.selected_line
        occurrence = next((each for each in found.closest if report.occurrence_line(each) == line), None)
        if occurrence is None:
            return None
        return position_of(min(occurrence.first, occurrence.second, key=lambda access: access.ns))

    def action_copy_report(self) -> None:
        if self.search.result is not None:
            self._copy(plain_text(self._sections()), "near misses")


def position_of(access: Access) -> Position:
    """Return the place of the line that names the key."""
    return Position(access.source.segment, access.offset)


def _race_sections(found: FoundRaces, zone: Zone) -> list[ReportSection]:
    deadlocks = deadlock_section(found.deadlocks.deadlocks, zone)
    return [*([deadlocks] if deadlocks.lines else []), *race_sections(found.report, zone)]


def _proposal_sections(found: Proposal, zone: Zone) -> list[ReportSection]:
    deadlocks = deadlock_section(found.deadlocks.deadlocks, zone)
    lines = [_key_line(candidate) for candidate in found.candidates]
    nothing = ReportLine("no name has values in two logs or under two actors")
    keys = ReportSection("names whose values several actors share", [*(lines or [nothing]), _OTHER_KEY])
    return [keys, *([deadlocks] if deadlocks.lines else [])]


def _key_line(candidate: KeyCandidate) -> ReportLine:
    shared = f"{candidate.shared_by_actors:,} under two actors, {candidate.shared_by_sources:,} in two logs"
    return ReportLine(f"{candidate.name}: {candidate.values:,} values, {shared}", candidate.pattern)
