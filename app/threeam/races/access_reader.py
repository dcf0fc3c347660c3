"""Reading one access from the line that names the key: who, what, and in which interval of time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from threeam.core.format.entry import NS_PER_S, escape_unprintable
from threeam.core.format.times import format_duration
from threeam.core.store.reader import Line, lines_backward
from threeam.core.store.regex import Regex, escape_invalid_utf8
from threeam.races.access import EVERYWHERE, ORDER_NOT_KNOWN, Access, Actor, ActorKind, OperationKind
from threeam.races.actors import actor_of, find_actor_kind
from threeam.races.duration import DURATION_MARK, read_duration
from threeam.races.key_pattern import PART_OF_A_WORD, KeyPatterns, Mentioned
from threeam.races.operations import Operations
from threeam.races.outcomes import BEGUN_MARK, DOUBT_MARK, OUTCOME_MARK, outcome_doubts, read_outcome, says_begun
from threeam.races.statements import STATEMENT_MARK
from threeam.races.verb_reading import NamedOperation
from threeam.timeline.instant import Interval, Timestamp
from threeam.timeline.order import ClockRange
from threeam.timeline.source import FIRST_NS, LAST_NS, PlacedLine, Source
from threeam.timeline.timestamp_format import Meaning

MAX_KEYS_PER_LINE = 8  # a line that names more of them is about a bulk of keys
_MAX_LINE_BYTES = 64 * 1024
_MAX_LINES_BACK = 1000  # between the line and the beginning of its entry
_STATEMENT = re.compile(rb"\b(?:statement|execute [^\n]{1,80}?): ")  # without a duration
_FAILED_STATEMENT = re.compile(rb"\bSTATEMENT:  ")
_REPLICA = re.compile(r"replica|standby|secondary|follower|slave", re.IGNORECASE)


Place = tuple[int, int, int, int, bytes]
"""A line that names a key: its instant, the number of its source, its offset, the number of the pattern, its text.

A plain tuple, since a scan makes millions of them. The instant is first, then the source and the offset: that is their
order.
"""


class AccessReader:
    """The accesses of one source. ``scope``: the number within which its threads and processes have their names."""

    def __init__(self, source: Source, scope: int, patterns: KeyPatterns, operations: Operations) -> None:
        self.source = source
        self._scope = self._scope_of_actors = scope
        self._patterns = patterns
        self._operations = operations
        self._is_replica = bool(_REPLICA.search(source.name) or _REPLICA.search(source.segment.path))
        self.actor_kind: ActorKind | None = None
        self._steady_clock: tuple[int | None, ClockRange] | None = None
        self._possible_step = None if source.index is None else source.index.possible_step
        assert source.detection is not None
        self._is_postgresql = source.detection.format.name == "postgresql"
        place = source.detection.reader.place
        self._meaning = source.detection.format.meaning
        self._rounding_ns = place.rounding_ns
        self._is_epoch = "epoch" in place.pattern.groupindex
        self._any_mark = _any_mark()
        self._shown_name = escape_unprintable(source.name)

    def find_actor_kind(self, samples: Sequence[bytes]) -> None:
        """Find what tells the actors apart, from lines that name a key."""
        if self.actor_kind is None:
            self.actor_kind = find_actor_kind(samples)
            self._scope_of_actors = -1 if self.actor_kind in EVERYWHERE else self._scope

    def read(self, place: Place, name: int, key: bytes) -> Access | None:
        """Return the access to ``key`` in a line; None if the file has another line there by now. Raises OSError."""
        ns, _, offset, pattern, raw = place
        source = self.source
        entry_offset, text, line, timestamp = self._entry(offset, raw.removesuffix(b"\r"))
        if timestamp is None:  # its entry began too many lines before: only the scan knows its time
            resolution_ns = NS_PER_S if source.index is None else source.index.resolution_ns
            timestamp = Timestamp(ns - source.correction.shift_ns, resolution_ns)
        before = escape_invalid_utf8(text[: offset - entry_offset]) if offset != entry_offset else b""
        text = escape_invalid_utf8(text[offset - entry_offset :])
        mentioned = self._patterns.patterns[pattern].find(text, name, key, MAX_KEYS_PER_LINE + 1)
        if mentioned is None:
            return None
        if len(text) > _MAX_LINE_BYTES:
            text, mentioned = _shortened(text, mentioned)
        if before:
            text, mentioned = before + text, _moved(mentioned, len(before))
        ns = timestamp.ns + source.correction.shift_ns
        is_marked = self._any_mark.has_match(text)
        named = self._operation(text, mentioned, is_marked=is_marked)
        (operation, kind), about, verb_doubts, has_only_begun = named
        has_only_begun = has_only_begun or (is_marked and says_begun(text))
        duration_ns = read_duration(text) if is_marked and not self._is_end(kind) else None
        interval, meaning = self._interval(text, ns, timestamp.resolution_ns, duration_ns, has_only_begun)
        actor, doubts = self._actor(text, mentioned)
        doubts += verb_doubts
        if self._possible_step is not None and entry_offset < self._possible_step.offset:
            back = format_duration(self._possible_step.lateness_ns)
            doubts += (f"{ORDER_NOT_KNOWN}: the clock of {self._shown_name} may have been set back by {back}",)
        if self._is_postgresql and _FAILED_STATEMENT.search(text):
            doubts += ("the statement failed",)
        if self._is_replica:
            doubts += (f"{self._shown_name} is a replica: a stale read is lag",)
        if mentioned.keys > MAX_KEYS_PER_LINE:
            doubts += (f"the line names more than {MAX_KEYS_PER_LINE} keys",)
        if mentioned.is_part:
            doubts += (PART_OF_A_WORD,)
        if is_marked:
            doubts += outcome_doubts(text, kind)
        bound_ns, clock_range = self._steady_clock or self._clock_at(PlacedLine(line, source, timestamp, ns))
        return Access(
            source,
            offset,
            entry_offset,
            actor,
            operation,
            kind,
            ns,
            interval,
            bound_ns,
            clock_range,
            doubts,
            timestamp.resolution_ns,
            meaning,
            about,
            read_outcome(text) if is_marked and kind is OperationKind.READ else None,
        )

    def _is_end(self, kind: OperationKind | None) -> bool:
        """Return whether a line is the end of an act, whose duration does not move it: `finished job=42 in 1.2s`."""
        return kind is OperationKind.END and self._meaning is not Meaning.START

    def _entry(self, offset: int, raw: bytes) -> tuple[int, bytes, Line, Timestamp | None]:
        """Return the offset of the entry, the text from it to the end of the line ``raw``, its line, its stamp."""
        source, segment = self.source, self.source.segment
        line = Line(segment, offset, raw)
        timestamp = source.read_timestamp(line)
        if timestamp is not None:
            return offset, raw, line, timestamp
        for number, earlier in enumerate(lines_backward(segment, offset)):
            timestamp = source.read_timestamp(earlier)
            if timestamp is not None:
                text = segment.read(earlier.offset, min(_MAX_LINE_BYTES, offset - earlier.offset))
                if len(text) < offset - earlier.offset:
                    text = text[: _MAX_LINE_BYTES - 1].ljust(offset - earlier.offset)
                return earlier.offset, text + raw, earlier, timestamp
            if number == _MAX_LINES_BACK:
                break
        return offset, raw, line, None

    def _clock_at(self, placed: PlacedLine) -> tuple[int | None, ClockRange]:
        """Return the bound of the clock and its range at a line: the same for all lines if it was never stepped."""
        source = self.source
        clock = source.correction_at(placed).bound_ns, source.clock_range_of(placed.line)
        index, detection = source.index, source.detection
        if index is not None and detection is not None and not index.steps and not detection.reader.reads_local_time:
            self._steady_clock = clock
        return clock

    def _interval(
        self, text: bytes, ns: int, resolution_ns: int, duration_ns: int | None, has_only_begun: bool
    ) -> tuple[Interval, str]:
        """Return the time of the act by the clock of the source, and why it has no begin, or no end."""
        meaning, rounding_ns = self._meaning, self._rounding_ns
        begin_ns, end_ns = ns - rounding_ns, ns + resolution_ns + rounding_ns
        if self._is_epoch and resolution_ns < NS_PER_S:  # `%.3f` rounds to the nearest
            begin_ns = min(begin_ns, ns - resolution_ns // 2)
        if meaning is Meaning.START:
            if duration_ns is not None:
                return Interval(begin_ns, end_ns + duration_ns), ""
            return Interval(begin_ns, LAST_NS), f"{self._shown_name} stamps the start of a request"
        if duration_ns is not None:  # a line with a duration is written at the end
            return Interval(begin_ns - duration_ns, end_ns), ""
        if meaning is Meaning.END:
            return Interval(FIRST_NS, end_ns), f"{self._shown_name} stamps the end of a request"
        if meaning is Meaning.RECEIPT:
            return Interval(FIRST_NS, end_ns), f"{self._shown_name} has the time at which a line was received"
        if self._is_postgresql and _STATEMENT.search(text):  # it may then wait for a lock
            return Interval(begin_ns, LAST_NS), f"{self._shown_name} has a statement before it is executed"
        if has_only_begun:
            return Interval(begin_ns, LAST_NS), f"{self._shown_name} says that an act has begun, not that it was done"
        return Interval(begin_ns, end_ns), ""

    def _actor(self, text: bytes, mentioned: Mentioned) -> tuple[Actor, tuple[str, ...]]:
        if mentioned.actor is not None:
            return Actor(ActorKind.NAMED, mentioned.actor, -1), ()
        kind = self.actor_kind or ActorKind.SOURCE
        if kind is not ActorKind.SOURCE:
            name = actor_of(text, kind, mentioned.begin)
            if name is not None:
                return Actor(kind, name, self._scope_of_actors), ()
            doubt = (f"a line of {self._shown_name} has no {kind.value}",)
            return Actor(ActorKind.SOURCE, self.source.name.encode(errors="surrogateescape"), self._scope), doubt
        return Actor(kind, b"", self._scope), ()

    def _operation(self, text: bytes, mentioned: Mentioned, *, is_marked: bool) -> NamedOperation:
        if mentioned.operation is not None:
            return NamedOperation(self._operations.of_word(mentioned.operation.decode(errors="replace")))
        return self._operations.near(
            text, mentioned.begin, mentioned.end, mentioned.match_begin, may_be_statement=is_marked
        )


@cache
def _any_mark() -> Regex:
    """Return the marks of durations, outcomes and statements as one pattern: most lines have none of them.

    A call of RE2 takes longer than its search in a line.
    """
    return Regex("|".join((DURATION_MARK, BEGUN_MARK, DOUBT_MARK, OUTCOME_MARK, STATEMENT_MARK)))


def _shortened(text: bytes, mentioned: Mentioned) -> tuple[bytes, Mentioned]:
    """Return the begin of a long line and what is around the key, and the mention in it."""
    part = _MAX_LINE_BYTES // 4
    begin, end = min(mentioned.match_begin, mentioned.begin) - part, mentioned.end + part
    if begin <= part:
        return text[:end], mentioned
    return text[:part] + b" " + text[begin:end], _moved(mentioned, part + 1 - begin)


def _moved(mentioned: Mentioned, by: int) -> Mentioned:
    begin, end, match_begin = mentioned[:3]
    return mentioned._replace(begin=begin + by, end=end + by, match_begin=match_begin + by)
