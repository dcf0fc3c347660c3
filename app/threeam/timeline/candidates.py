"""A place at which the lines of a file may have stamps, and what the samples show of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from threeam.core.format.entry import NS_PER_S
from threeam.timeline.instant import Timestamp
from threeam.timeline.missing_date import nearest_clock
from threeam.timeline.notation import ZONE_NAMES
from threeam.timeline.stamp_clock import StampClock
from threeam.timeline.timestamp_format import Context, Layout, TimestampFormat
from threeam.timeline.timestamp_reader import LearnedPlace, TimestampReader, columns_of

_DIGITS_AS_ZERO = bytes.maketrans(b"123456789", b"0" * 9)
_MIN_FOR_ORDER = 10  # stamps
_MAX_JUMPS = 0.33  # of the steps; times in a random order have 0.45, starts of connections up to 0.25
_MIN_ZEROS = 20  # at the ends of different fractions, all in the same places: they are no digits of the clock
_BROKEN = 0.05  # of the stamps
_DOUBLE_DIGITS = 7  # after the second: the most that the shortest text of a double has today
_DOUBLE_ERROR_NS = 120  # half of the step between two doubles
_MAX_NAMED = 60  # lines whose context is compared
_MAX_CONTEXT = 1024  # bytes after a stamp that are compared with the context of a format
_MAX_COMPARED = 4096  # bytes of a line that are searched for the literal of a layout

Users = list[tuple[TimestampFormat, Layout]]


@lru_cache(maxsize=256)
def compiled(pattern: bytes) -> re.Pattern[bytes]:
    """Return the compiled pattern; compiling all takes longer than reading the samples."""
    return re.compile(pattern)


def joined_shape(lines: Sequence[bytes]) -> bytes:
    """Return the beginnings of the lines, with each digit as 0: a stamp has a shape that must occur in them."""
    return b"\n".join([b"", *(line[:_MAX_COMPARED] for line in lines)]).translate(_DIGITS_AS_ZERO)


def candidates_of(formats: Sequence[TimestampFormat], shape: bytes) -> Iterator[Candidate]:
    """Yield each place of the formats that lines of this shape can have. Formats of one place share a candidate."""
    users: dict[tuple[bytes, int], Users] = {}
    for timestamp_format in formats:
        for layout in timestamp_format.layouts:
            if layout.shape in shape and layout.literal.translate(_DIGITS_AS_ZERO) in shape:
                key = (layout.pattern, layout.max_end)
                users.setdefault(key, []).append((timestamp_format, layout))
    for sharing in users.values():
        yield Candidate(sharing)


class Candidate:
    """A place, and the formats that have it. `read_samples` fills in the rest.

    ``indexes``: of the lines with a stamp; ``stamps``: of those that could be read.
    """

    def __init__(self, users: Users) -> None:
        self.users = users
        self.layout = users[0][1]
        self.indexes: list[int] = []
        self.stamps: list[Timestamp] = []
        self.share = 0.0
        self.growth = 1.0
        self.unread_zones: Counter[bytes] = Counter()
        self.zone_abbreviations: set[str] = set()
        self._matches: list[re.Match[bytes]] = []

    @property
    def begin(self) -> int:
        """The column of the first stamp; less for a layout that is to be taken before others."""
        if self.layout.is_preferred:
            return -1
        return self.layout.rank or columns_of(self._matches[0]).begin

    @property
    def resolution_ns(self) -> int:
        """The finest resolution of the stamps."""
        return min((stamp.resolution_ns for stamp in self.stamps), default=0)

    @property
    def pattern(self) -> re.Pattern[bytes]:
        """The pattern of the place."""
        return compiled(self.layout.pattern)

    def read_samples(self, lines: Sequence[bytes], context: Context) -> None:
        """Read the stamps of the lines."""
        reader = TimestampReader(LearnedPlace(self.pattern, self.layout.max_end), nearest_clock(context, self.layout))
        literal = self.layout.literal
        match_at_begin, max_end = self.pattern.match, self.layout.max_end
        has_zone = "z" in self.pattern.groupindex
        for index, line in enumerate(lines):
            if literal and literal not in line:
                continue
            if match_at_begin(line, 0, max_end) is None:
                continue
            match = reader.match(line)
            if match is None:
                continue
            stamp = reader.read_match(line, match)
            name = (match["z"] or b"").strip(b" ()[]") if has_zone else b""
            is_name = name[-1:].isalpha() and name not in ZONE_NAMES[:3] and b"/" not in name
            if stamp is not None:
                self.stamps.append(stamp)
                if is_name:
                    self.zone_abbreviations.add(name.decode("ascii"))
            elif is_name:
                self.unread_zones[name] += 1
            elif "up" in self.pattern.groupindex:
                pass  # the time of the boot is not known
            else:
                continue
            self.indexes.append(index)
            self._matches.append(match)
        if self.indexes:
            comments = (
                sum(line.startswith(b"#") for line in lines) if not lines[self.indexes[0]].startswith(b"#") else 0
            )
            self.share = len(self.indexes) / (len(lines) - comments)
            steps = len(self.stamps) - 1
            self.growth = sum(a.ns <= b.ns for a, b in pairwise(self.stamps)) / steps if steps > 0 else 1.0

    @property
    def lacks_zone(self) -> bool:
        """True if some stamps have no zone."""
        return "z" not in self.pattern.groupindex or any(match["z"] is None for match in self._matches)

    @property
    def is_constant(self) -> bool:
        """True if all times are the same, as that of the start of the program in each line."""
        return len(self.stamps) >= _MIN_FOR_ORDER and len({stamp.ns for stamp in self.stamps}) == 1

    @property
    def jumps_about(self) -> bool:
        """True if the times follow no order, as those of a column that has no stamps."""
        times = [stamp.ns for stamp in self.stamps]
        if len(times) < _MIN_FOR_ORDER:
            return False
        near_ns = max(NS_PER_S, (max(times) - min(times)) // 20)  # threads of one program are nearer than a second
        return sum(after < before - near_ns for before, after in pairwise(times)) > _MAX_JUMPS * len(times)

    def is_after(self, ns: int) -> bool:
        """Return whether more of the times are later than ``ns`` than a few broken lines."""
        return sum(stamp.ns > ns for stamp in self.stamps) > _BROKEN * len(self.stamps)

    def stamps_by(self, clock: StampClock) -> list[Timestamp]:
        """Return the stamps of the samples, read by other rules."""
        reader = TimestampReader(LearnedPlace(self.pattern, self.layout.max_end), clock)
        stamps = (reader.read_match(match.string, match) for match in self._matches)
        return [stamp for stamp in stamps if stamp is not None]

    def count_context(self, layout: Layout, lines: Sequence[bytes]) -> int:
        """Return how many of some lines with a stamp have the context of a format."""
        if layout.file_mark and not any(layout.file_mark in line for line in lines):
            return 0
        if layout.runs_back and self.growth == 1.0:
            return 0
        context = compiled(layout.context)
        some = self._matches[:: len(self._matches) // _MAX_NAMED + 1]
        return sum(context.match(each.string, each.end(), each.end() + _MAX_CONTEXT) is not None for each in some)

    @property
    def compared_count(self) -> int:
        """The number of lines whose context is compared."""
        return len(range(0, len(self._matches), len(self._matches) // _MAX_NAMED + 1))

    def learn_place(self) -> LearnedPlace:
        """Return where the stamps of the file stand."""
        groups = self.pattern.groupindex
        zones = {match["z"] if "z" in groups else None for match in self._matches}
        columns = {columns_of(match) for match in {match.regs: match for match in self._matches}.values()}
        place = LearnedPlace(
            self.pattern,
            self.layout.max_end,
            coarsest_ns=self._coarsest_ns(),
            is_local="H" in groups and any(zone is None or b"/" in zone for zone in zones),
            rounding_ns=self._rounding_ns(),
        )
        if len(columns) != 1:
            return place
        (only,) = columns
        if b"(?=" in self.layout.after:
            return place  # bytes that are far behind the stamp decide whether it is one
        if only.fraction_end - only.fraction_begin > 9 or not {"total_ms", "nano", "hex_nano"}.isdisjoint(groups):
            return place
        zone_texts = {match.string[only.fraction_end : only.end] for match in self._matches}
        return place._replace(
            columns=only,
            zone_text=zone_texts.pop(),
            sorts=self.layout.notation.sorts and not zone_texts,
        )

    def _rounding_ns(self) -> int:
        """Return how far the times may be from their stamps because they went through doubles."""
        if not self.layout.is_double:
            return 0
        most = max(len((match["f"] or b"").partition(b".")[2]) for match in self._matches)
        return _DOUBLE_ERROR_NS if most == _DOUBLE_DIGITS else 0

    def _coarsest_ns(self) -> int:
        """Return the unit of the last digit that is not always 0, if enough different fractions show that."""
        if "f" not in self.pattern.groupindex:
            return 1
        digits = [(match["f"] or b"").translate(None, b".,") for match in self._matches]
        widths = {len(each) for each in digits}
        different = {stamp.ns for stamp in self.stamps}
        if len(widths) != 1:
            return 1
        zeros = min(len(each) - len(each.rstrip(b"0")) for each in digits)
        if zeros * len(different) < _MIN_ZEROS:
            return 1
        return int(10 ** max(9 - len(digits[0]) + zeros, 0)) if zeros else 1
