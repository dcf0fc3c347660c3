"""Races in the logs that are open: searched on a thread, shown in groups, and what a finding leads to."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from threeam.core.config.options import OptionParser, split_line
from threeam.core.errors import BadInput, JournalError, PreconditionFailed
from threeam.core.format.times import format_exact_duration
from threeam.hypotheses.changes import changes
from threeam.timeline.source import Source
from threeam.tui.controllers.commands import CommandController
from threeam.tui.controllers.hypotheses import HypothesisController
from threeam.tui.controllers.reports import ReportController
from threeam.tui.dispatch import Handler
from threeam.tui.index_scan import IndexScan
from threeam.tui.log_search import LogSearch
from threeam.tui.report_answers import AboutFinding, AskForKey, ReportAnswer, SearchAgain, SearchKey
from threeam.tui.services import ScreenServices

if TYPE_CHECKING:  # the first screen needs none of it
    from threeam.races.arguments import KeyOptions
    from threeam.races.finding import FindingGroup
    from threeam.races.near_miss import NearMisses, OperationPair
    from threeam.races.near_report import NearReport
    from threeam.tui.screens.races import FoundRaces, Proposal

_RUNS = 100
_FOR_KEYS, _FOR_DEADLOCKS = "all lines are searched for keys", "all lines are searched for deadlocks"


class RaceController:
    """Searches the logs of ``index_scan`` for races and near misses; the last search is kept until they are others."""

    def __init__(
        self,
        screen: ScreenServices,
        index_scan: IndexScan,
        hypotheses: HypothesisController,
        reports: ReportController,
        commands: CommandController,
    ) -> None:
        self._screen = screen
        self._index_scan = index_scan
        self._logs = index_scan.logs
        self._hypotheses = hypotheses
        self._reports = reports
        self._commands = commands
        self._options: KeyOptions | None = None  # of the last search, and its words
        self._words = ""
        self._races: LogSearch[FoundRaces] | None = None
        self._searched: list[object] = []  # the files of that search

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers of the actions, by id."""
        return {"races": self.search, "near": self.measure}

    # Races.

    def search(self, argument: str = "") -> None:
        """Search for races on the keys that ``argument`` names; without it, show the last result, or ask for a key."""
        if argument.strip():
            self._search(argument)
        elif self._races is not None and self._races.result is not None and self._searched == self._files():
            self._show_races(self._races)
        else:
            self._propose_keys()

    def _propose_keys(self) -> None:
        from threeam.races.deadlocks.search import find_deadlocks
        from threeam.races.key_candidates import find_key_candidates
        from threeam.tui.screens.races import KeysScreen, Proposal

        self._require_logs()
        session = self._screen.session

        def propose(search: LogSearch[Proposal], sources: Sequence[Source]) -> Proposal:
            search.begin("the first lines are searched for keys")
            candidates = find_key_candidates(_stamped(sources))
            search.begin(_FOR_DEADLOCKS)
            return Proposal(find_deadlocks(sources), candidates)

        page = KeysScreen(
            LogSearch(self._snapshots, propose), session.zone, self._screen.copy_text, emoji=session.emoji
        )
        self._reports.push(page, self.take)

    def _search(self, argument: str) -> None:
        """Search for races; ``argument`` is a pattern, or options."""
        from threeam.races.chance import with_chances
        from threeam.races.deadlocks.search import find_deadlocks
        from threeam.races.search import search_races
        from threeam.tui.screens.races import FoundRaces

        words = argument if argument.startswith("-") else f"--key {shlex.quote(argument.strip())}"
        options, args = _parse("races", words)
        self._require_logs()

        def find(search: LogSearch[FoundRaces], sources: Sequence[Source]) -> FoundRaces:
            search.begin(_FOR_KEYS, _size(_stamped(sources)))
            report = search_races(sources, options, search.note)
            if args.shuffle > 0:
                search.begin(f"one log is shifted {args.shuffle:,} times")
                groups = with_chances(report.groups, sources, options, args.shuffle, search.note)
                report = report._replace(groups=groups)
            search.begin(_FOR_DEADLOCKS)
            return FoundRaces(find_deadlocks(sources), report)

        self._options, self._words, self._searched = options, words, self._files()
        self._races = LogSearch(self._snapshots, find)
        self._show_races(self._races)

    def _show_races(self, search: LogSearch[FoundRaces]) -> None:
        from threeam.tui.screens.races import RacesScreen

        session, writes = self._screen.session, self._screen.writing.is_writable
        page = RacesScreen(search, session.zone, self._screen.copy_text, emoji=session.emoji, writes=writes)
        self._reports.push(page, self.take)

    # Near misses.

    def measure(self, argument: str = "") -> None:
        """Measure how close the pair of operations that ``argument`` names came; without it, begin a command line."""
        if argument.strip():
            from threeam.races.near_miss import parse_pair

            options, args = _parse("near", argument)
            self._measure(parse_pair(args.pair, options.operations), options)
        else:
            self._require_logs()
            self._commands.begin_line(f"near {self._words} " if self._words else "near --key ")

    def _measure(self, pair: OperationPair, options: KeyOptions) -> None:
        from threeam.races.near_report import NearReport, closest_line_numbers
        from threeam.races.search import search_near_misses
        from threeam.tui.screens.races import NearScreen

        self._require_logs()
        session = self._screen.session
        numbers: dict[tuple[int, int], int] = {}

        def find(search: LogSearch[NearMisses], sources: Sequence[Source]) -> NearMisses:
            search.begin(_FOR_KEYS, _size(_stamped(sources)))
            near = search_near_misses(sources, options, pair, search.note)
            numbers.update(closest_line_numbers(near))
            return near

        def report(near: NearMisses, width: int) -> NearReport:
            return NearReport(near, numbers, changes(self._screen.state), session.zone, width, session.emoji)

        page = NearScreen(LogSearch(self._snapshots, find), report, self._screen.copy_text, emoji=session.emoji)
        self._reports.push(page, self.take)

    # What a page is closed with.

    def take(self, answer: ReportAnswer) -> None:
        """Do ``answer``, or what every report may be closed with."""
        try:
            self._take(answer)
        except JournalError as refused:
            self._screen.notify_once(str(refused), severity="warning")

    def _take(self, answer: ReportAnswer) -> None:
        match answer:
            case SearchKey(pattern):
                self._search(f"--key {shlex.quote(pattern)}")
            case AskForKey():
                self._commands.begin_line("races --key ")
            case SearchAgain(same_key=True):
                self._search(self._words)
            case SearchAgain():
                self._propose_keys()
            case AboutFinding("near", group):
                self._measure_group(group)
            case AboutFinding("run", group):
                self._begin_run(group)
            case AboutFinding(verb, group):
                self._cite(verb, group)
            case _:
                self._reports.on_answer(answer)

    def _measure_group(self, group: FindingGroup) -> None:
        from threeam.races.near_miss import OperationPair

        if self._options is not None:
            self._measure(OperationPair(*group.key.operations), self._options)

    def _begin_run(self, group: FindingGroup) -> None:
        """Go to the `:` line, with an experiment whose delay is longer than the gap of the closest finding."""
        from threeam.races.access import distance
        from threeam.races.near_miss import delay_above

        finding = group.closest
        first, second = finding.pair
        longest_ns = max(abs(finding.gap_ns), distance(first, second).longest_ns)
        delay = format_exact_duration(delay_above(longest_ns))
        option = self._hypotheses.picked_option
        self._commands.begin_line(f"run {option}-n {_RUNS} --arm bare --arm delay:CALL={delay} -- ")

    def _cite(self, verb: str, group: FindingGroup) -> None:
        """Make all lines of the closest finding evidence on the picked hypothesis."""
        from threeam.races.finding_report import finding_text
        from threeam.races.race_rows import line_of

        finding = group.closest
        self._hypotheses.require_picked_named()
        read = lambda: [(access.source, line_of(access)) for access in finding.witness]  # noqa: E731  in a thread
        cite = partial(self._hypotheses.cite_finding, verb, read, finding_text(finding))
        self._screen.start_worker(cite, "cite")

    # The logs.

    def _files(self) -> list[object]:
        """Return what tells the logs apart from those of an earlier search: a rotation or a shift makes them others."""
        return [(source.name, source.segment, source.correction) for source in self._logs.sources]

    def _require_logs(self) -> None:
        if not self._logs.sources:
            raise PreconditionFailed("races are searched in the logs of other programs: :open FILE shows one")

    async def _snapshots(self, search: LogSearch[Any]) -> list[Source]:
        """Return the logs as they are now, with their indexes: their files are followed while the thread reads them."""
        search.begin("the times of the lines are read", _size(_stamped(self._logs.sources)))
        await self._index_scan.wait_for_indexes(search.note)
        return [source.snapshot() for source in self._logs.sources]


def _stamped(sources: Sequence[Source]) -> list[Source]:
    """Return those of ``sources`` that have timestamps."""
    return [source for source in sources if source.detection is not None]


def _size(sources: Sequence[Source]) -> int:
    return sum(source.end for source in sources)


def _parse(command: str, words: str) -> tuple[KeyOptions, Namespace]:
    """Return the options of a `:` line: those of keys, and its own. Raises `BadInput`."""
    from threeam.races.arguments import add_key_options, add_shuffle_option, key_options

    parser = OptionParser(command)
    add_key_options(parser)
    if command == "near":
        parser.add_argument("pair", metavar="A→B")
    else:
        add_shuffle_option(parser)
    args: Namespace = parser.parse_intermixed_args(split_line(words))
    if not args.key:
        raise BadInput(f"{command}: --key is needed, as in :{command} --key 'cart=(?P<key>\\d+)'")
    return key_options(args), args
