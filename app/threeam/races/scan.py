"""The scan of logs for keys: it gives the accesses to each key, as soon as the key was idle for a while.

The lines of each file are searched in file order, and the files side by side by time, in parts of a chunk that span
only a part of the window: a chunk of a small log may have the lines of a day. A line is kept as long as its key was not
idle for the window, and is read when a second line names the key. So memory depends on the window, not on the size of
the logs.
"""

from __future__ import annotations

import heapq
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from threeam.core.format.entry import NS_PER_S, escape_unprintable
from threeam.core.store.reader import Chunk, chunks_forward
from threeam.core.store.regex import escape_invalid_utf8
from threeam.races.access import Access, ActorKind
from threeam.races.access_reader import AccessReader, Place
from threeam.races.copies import without_copies
from threeam.races.distinct_keys import DistinctKeys
from threeam.races.finding import KeyHistory
from threeam.races.key_pattern import KeyPatterns, Mention
from threeam.races.omissions import CutKeys, Omissions
from threeam.races.operations import Operations
from threeam.races.silences import Silences, find_silences
from threeam.timeline.entry_stamps import EntryStamps
from threeam.timeline.sorted_chunks import timestamps_of
from threeam.timeline.source import Source

DEFAULT_WINDOW_NS = 600 * NS_PER_S
MAX_KEYS_OF_LINE = 100  # the others are not read
_MAX_LINES_PER_KEY = 50_000  # a key with more lines is examined in parts
_ROTATED = re.compile(r"(?:\.\d{1,3}|[.-]\d{8}(?:[-T]?\d+)?|\.(?:gz|bz2|xz|zst|old))+$")
_MIN_SPAN_NS = NS_PER_S  # of a part of a chunk; smaller parts cost more than they save
_MAX_LATENESS_NS = 60 * NS_PER_S  # a line that is later than this may miss another one of its key
_MAX_SAMPLES = 100  # lines of a source from which its kind of actor is found


class _Batch(NamedTuple):
    """Lines of a chunk that name keys: the number of the name, the key and the place of each."""

    first_ns: int
    places: list[tuple[int, bytes, Place]]


class KeyScan:
    """A search of ``sources``, which have their indexes, for the keys of ``patterns``.

    ``window_ns``: lines of one key that are further apart do not belong together. ``same``: pairs of
    sources that are logs of one program. ``on_progress`` is called with the number of bytes that were read so far, and
    may raise to end the search.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        patterns: KeyPatterns,
        operations: Operations,
        window_ns: int = DEFAULT_WINDOW_NS,
        same: Sequence[tuple[str, str]] = (),
    ) -> None:
        stamped = [source for source in sources if source.detection is not None]
        self._sources, self._copies = without_copies(stamped)
        self._unstamped = [source.name for source in sources if source.detection is None and source.end]
        self._patterns = patterns
        self._window_ns = window_ns
        scopes = _scopes(sources, same)
        self._readers = {
            source.number: AccessReader(source, scopes[source.name], patterns, operations) for source in self._sources
        }
        self._samples: dict[int, list[bytes]] = {source.number: [] for source in self._sources}
        self._young: list[dict[bytes, list[Place]]] = [{} for _ in patterns.names]
        self._old: list[dict[bytes, list[Place]]] = [{} for _ in patterns.names]
        self._span_ns = max(window_ns // 4, _MIN_SPAN_NS)
        self._keys = {name: DistinctKeys() for name in patterns.names}
        self.cut_keys: CutKeys = {}
        self.matches = 0
        self.silences = Silences()
        self.bytes_read = 0
        self.on_progress: Callable[[int], None] = lambda bytes_read: None

    @property
    def actor_kinds(self) -> Mapping[str, ActorKind]:
        """The kind of actor of each source, by its name; known when its first line was read."""
        if all(pattern.names_actor for pattern in self._patterns.patterns):
            return {source.name: ActorKind.NAMED for source in self._sources}
        readers = self._readers.values()
        return {reader.source.name: reader.actor_kind for reader in readers if reader.actor_kind is not None}

    @property
    def omissions(self) -> Omissions:
        """The parts that were left out, as far as the search has come."""
        return Omissions(self._unstamped, self._copies, self.cut_keys)

    @property
    def seen_keys(self) -> Mapping[str, int]:
        """The number of keys of each name that were seen, as far as the search has come."""
        return {name: len(keys) for name, keys in self._keys.items()}

    def histories(self) -> Iterator[KeyHistory]:
        """Yield the accesses to each key that two lines or more name. Raises OSError.

        A generation is longer than the window, by the time by which a line may come after a later one.
        """
        generation_end_ns: int | None = None
        length_ns = self._window_ns + self._span_ns + self._lateness_ns()
        for batch in self._batches_by_time():
            if generation_end_ns is None or batch.first_ns >= generation_end_ns:
                if generation_end_ns is not None:
                    yield from self._end_generation()
                    if batch.first_ns >= generation_end_ns + length_ns:
                        yield from self._end_generation()
                generation_end_ns = batch.first_ns + length_ns
            yield from self._add(batch)
        yield from self._end_generation()
        yield from self._end_generation()

    def _lateness_ns(self) -> int:
        """Return by how much a line of any source is late, up to a limit."""
        indexes = (source.index for source in self._sources)
        lateness_ns = max((index.largest_lateness_ns for index in indexes if index is not None), default=0)
        return min(lateness_ns, _MAX_LATENESS_NS)

    def _batches_by_time(self) -> Iterator[_Batch]:
        """Yield the lines of all sources, those of the part with the earliest line first."""
        waiting: list[tuple[int, int, _Batch, Iterator[_Batch]]] = []
        for source in self._sources:
            batches = self._batches(source)
            if (batch := next(batches, None)) is not None:
                waiting.append((batch.first_ns, source.number, batch, batches))
        heapq.heapify(waiting)
        while waiting:
            _, number, batch, batches = waiting[0]
            yield batch
            following = next(batches, None)
            if following is None:
                heapq.heappop(waiting)
            else:
                heapq.heapreplace(waiting, (following.first_ns, number, following, batches))

    def _batches(self, source: Source) -> Iterator[_Batch]:
        stamps = EntryStamps(source)
        self.silences.add_gaps(source)
        for chunk in chunks_forward(source.segment, 0, source.end):
            self.bytes_read += chunk.end - chunk.start
            self.on_progress(self.bytes_read)
            self.silences.add_suppressions(source, find_silences(source, chunk))
            lines = self._lines_with_keys(chunk)
            texts = _texts(chunk.data, [begin for begin, _, _, _ in lines])
            instants = _instants(source, chunk, [begin for begin, _, _, _ in lines], texts, stamps)
            shift_ns, number, start = source.correction.shift_ns, source.number, chunk.start
            places = [
                (name, key, (ns + shift_ns, number, start + begin, pattern, text))
                for (begin, name, key, pattern), text, ns in zip(lines, texts, instants, strict=True)
                if ns is not None
            ]
            samples = self._samples[number]
            if len(samples) < _MAX_SAMPLES:
                samples += texts[: _MAX_SAMPLES - len(samples)]
            yield from _parts(places, self._span_ns)

    def _lines_with_keys(self, chunk: Chunk) -> list[tuple[int, int, bytes, int]]:
        """Return the begin of each line that names a key, the number of the name, the key, and that of the pattern."""
        data = chunk.data
        lines = []
        is_utf8 = escape_invalid_utf8(data) is data
        for number, pattern in enumerate(self._patterns.patterns):
            if is_utf8:
                lines += [
                    (line_begin, name, data[begin:end], number)
                    for line_begin, name, begin, end in _with_line_begins(data, pattern.mentions(data))
                ]
                continue
            line_begin = 0
            for raw in data.split(b"\n"):
                text = escape_invalid_utf8(raw)
                mentions = islice(pattern.mentions(text), MAX_KEYS_OF_LINE)
                lines += [(line_begin, name, text[begin:end], number) for name, begin, end in mentions]
                line_begin += len(raw) + 1
        if len(self._patterns.patterns) > 1:
            lines.sort()
        self.matches += len({begin for begin, _, _, _ in lines})
        return lines

    def _add(self, batch: _Batch) -> Iterator[KeyHistory]:
        """Add the places of a batch; yield the keys that are examined in parts, since they have too many lines."""
        young, old = self._young, self._old
        for name, key, place in batch.places:
            places = young[name].get(key)
            if places is None:
                places = young[name][key] = old[name].pop(key, [])
            elif places[-1][1:3] == place[1:3]:
                continue  # the line names the key twice
            places.append(place)
            if len(places) == _MAX_LINES_PER_KEY:
                young[name][key] = [place]
                self.cut_keys[self._patterns.names[name], key] = None
                yield from self._history(name, key, places)

    def _end_generation(self) -> Iterator[KeyHistory]:
        """Yield the keys that were idle for a window, and begin a new generation."""
        for name, keys in enumerate(self._old):
            counted = self._keys[self._patterns.names[name]]
            for key, places in keys.items():
                counted.add(key)
                if len(places) > 1:
                    yield from self._history(name, key, places)
        self._old, self._young = self._young, [{} for _ in self._patterns.names]

    def _history(self, name: int, key: bytes, places: list[Place]) -> Iterator[KeyHistory]:
        places.sort()
        accesses = []
        for place in places:
            reader = self._readers[place[1]]
            if reader.actor_kind is None:
                reader.find_actor_kind(self._samples[place[1]])
            access = reader.read(place, name, key)
            if access is not None:
                accesses.append(access)
        accesses = _with_repeated_lines(accesses, places)
        if len(accesses) > 1:
            yield KeyHistory(self._patterns.names[name], key, tuple(accesses))


def _with_repeated_lines(accesses: list[Access], places: Sequence[Place]) -> list[Access]:
    """Return the accesses; those whose line two sources have are in doubt: it may be one line."""
    if len({place[4] for place in places}) == len(places):
        return accesses
    names: dict[bytes, dict[str, None]] = {}
    texts = {(number, offset): text for _, number, offset, _, text in places}
    for access in accesses:
        names.setdefault(texts[access.source.number, access.offset], {})[access.source.name] = None
    doubtful = []
    for access in accesses:
        own = names[texts[access.source.number, access.offset]]
        if len(own) > 1 and access.offset == access.entry_offset:
            doubt = f"the same line is in {' and '.join(map(escape_unprintable, own))}"
            access = access._replace(doubts=(*access.doubts, doubt))
        doubtful.append(access)
    return doubtful


def _parts(places: list[tuple[int, bytes, Place]], span_ns: int) -> Iterator[_Batch]:
    """Yield the lines of a chunk in parts, in file order; the lines of a part are at most ``span_ns`` apart."""
    if not places:
        return
    instants = [place[0] for _, _, place in places]
    if max(instants) - min(instants) <= span_ns:
        yield _Batch(min(instants), places)
        return
    begin, first_ns, last_ns = 0, instants[0], instants[0]
    for index, ns in enumerate(instants):
        first_ns, last_ns = min(first_ns, ns), max(last_ns, ns)
        if last_ns - first_ns > span_ns:
            yield _Batch(min(instants[begin:index]), places[begin:index])
            begin, first_ns, last_ns = index, ns, ns
    yield _Batch(first_ns, places[begin:])


def _instants(
    source: Source, chunk: Chunk, begins: Sequence[int], texts: Sequence[bytes], stamps: EntryStamps
) -> list[int | None]:
    """Return the instant of each of the lines that begin at these places of a chunk, without the shift."""
    index = source.index
    if index is not None and texts and index.is_sorted(chunk.start, chunk.end) and not chunk.omitted_bytes:
        instants = timestamps_of(index.reader_at(chunk.start), texts)
        if instants is not None:
            stamps.end_chunk(chunk)
            return list(instants)
    timestamps = [stamps.of_line(chunk, begin) for begin in begins]
    stamps.end_chunk(chunk)
    return [None if timestamp is None else timestamp.ns for timestamp in timestamps]


def _with_line_begins(data: bytes, mentions: Iterator[Mention]) -> Iterator[tuple[int, int, int, int]]:
    """Yield the begin of the line of each mention, and the mention; of a line the first ones."""
    line_begin, line_end, keys = 0, -1, 0
    for name, begin, end in mentions:
        if begin > line_end:
            line_begin, keys = data.rfind(b"\n", 0, begin) + 1, 0
            line_end = data.find(b"\n", end)
            if line_end < 0:
                line_end = len(data)
        keys += 1
        if keys <= MAX_KEYS_OF_LINE:
            yield line_begin, name, begin, end


def _texts(data: bytes, begins: Sequence[int]) -> list[bytes]:
    """Return the lines that begin at these places; a line that is there several times is one object."""
    texts: list[bytes] = []
    last = -1
    for begin in begins:
        if begin == last:
            texts.append(texts[-1])
            continue
        end = data.find(b"\n", begin)
        texts.append(data[begin : end if end >= 0 else None])  # the last line may have no newline
        last = begin
    return texts


def _scopes(sources: Sequence[Source], same: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Return a number for each source, one for all logs of the same program.

    A file that is named twice, and an older file of a log, ``app.log.1``, are of one program.
    """
    scopes, programs = {}, dict[str, int]()
    for source in sources:
        program = _ROTATED.sub("", os.path.realpath(source.segment.path))
        scopes[source.name] = programs.setdefault(program, source.number)
    for first, second in same:
        old, new = scopes[second], scopes[first]
        scopes = {name: new if scope == old else scope for name, scope in scopes.items()}
    return scopes
