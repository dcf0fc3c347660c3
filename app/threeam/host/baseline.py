"""A baseline: several snapshots of normal, how much varies between them, and what differs from them. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from threeam.core.errors import FileUnusable
from threeam.core.format.entry import escape_unprintable
from threeam.core.platform.disk import format_bytes
from threeam.host.snapshot import Snapshot, WatchedProcess

_FORMAT_VERSION = 1
# Anchored at the first of many blanks: starting at each one would take quadratic time.
_NUMBER = re.compile(r"(?<! ) *\d[\d.,:]*")
_RELATIVE_TOLERANCE = 0.10  # of the middle of the range: a smaller difference is never reported
_ABSOLUTE_TOLERANCES = {
    "load": 0.25,
    "cpu": 5.0,
    "bytes": 16.0 * 1024 * 1024,
    "%": 1.0,
    "inodes free": 10_000.0,
}  # group or name suffix -> a smaller difference is never reported
_CATEGORICAL_SCORE = 1e9  # of a text that was always the same and has changed: above the score of any number


class Baseline(NamedTuple):
    """Snapshots of normal, with the processes and commands that are needed to take another one."""

    name: str
    host: str
    snapshots: tuple[Snapshot, ...]
    watched_processes: tuple[WatchedProcess, ...]
    commands: tuple[str, ...]


class Difference(NamedTuple):
    """A value that is not normal: its name, what it is now, what is normal, and its score.

    ``score``: for a number, its distance from the normal range, in widths of that range.
    """

    name: str
    now: str
    normal: str
    score: float

    def to_json(self) -> dict[str, Any]:
        """Return the difference under the keys of ``3am baseline diff --json``."""
        return {
            "name": escape_unprintable(self.name),
            "now": escape_unprintable(self.now),
            "normal": escape_unprintable(self.normal),
            "unusual": round(self.score, 3),
        }


class NormalRange(NamedTuple):
    """The lowest and the highest normal value of a number."""

    low: float
    high: float

    def tolerance(self, name: str) -> float:
        """Return how much variation of ``name`` is normal.

        That is the width of the range, a tenth of its middle, or the absolute tolerance, whichever is largest.
        """
        middle = (self.low + self.high) / 2
        return max(self.high - self.low, _RELATIVE_TOLERANCE * abs(middle), _absolute_tolerance(name))

    def distance_outside(self, value: float) -> float:
        """Return how far ``value`` is outside the range; 0 inside."""
        return max(self.low - value, value - self.high, 0.0)


def normal_ranges(baseline: Baseline) -> dict[str, NormalRange]:
    """Return the range of each number. A number that a snapshot lacks counts as 0 in it."""
    names = {name for snapshot in baseline.snapshots for name in snapshot.numbers}
    ranges = {}
    for name in names:
        values = [snapshot.numbers.get(name, 0.0) for snapshot in baseline.snapshots]
        ranges[name] = NormalRange(min(values), max(values))
    return ranges


def find_differences(baseline: Baseline, now: Snapshot) -> list[Difference]:
    """Return what is not normal in ``now``, highest score first. Values unknown in any snapshot are left out."""
    unknown_prefixes = tuple(prefix for snapshot in (*baseline.snapshots, now) for prefix in snapshot.blind)
    differences = [*_number_differences(normal_ranges(baseline), now.numbers), *_text_differences(baseline, now.texts)]
    known = [difference for difference in differences if not difference.name.startswith(unknown_prefixes)]
    return sorted(known, key=lambda difference: (-difference.score, difference.name))


def count_compared(baseline: Baseline, now: Snapshot) -> int:
    """Return the number of values compared."""
    names = {name for snapshot in baseline.snapshots for name in (*snapshot.numbers, *snapshot.texts)}
    return len(names | set(now.numbers) | set(now.texts))


def _number_differences(ranges: Mapping[str, NormalRange], now: Mapping[str, float]) -> Iterator[Difference]:
    for name in sorted({*ranges, *now}):
        normal_range = ranges.get(name, NormalRange(0.0, 0.0))
        value = now.get(name, 0.0)
        score = normal_range.distance_outside(value) / normal_range.tolerance(name)
        if (score and name.startswith("listening/")) or name.endswith("/there"):
            score *= _CATEGORICAL_SCORE  # something new or gone comes before every amount
        if score >= 1.0:
            yield Difference(name, format_amount(name, value), format_range(name, normal_range), score)


def _text_differences(baseline: Baseline, now: Mapping[str, str]) -> Iterator[Difference]:
    names = {name for snapshot in baseline.snapshots for name in snapshot.texts}
    for name in sorted({*names, *now}):
        normal_texts = [snapshot.texts.get(name) for snapshot in baseline.snapshots]
        text = now.get(name)
        if text in normal_texts:
            continue
        is_command = name.startswith("command/")
        only_numbers_differ = is_command and _mask_numbers(text) in set(map(_mask_numbers, normal_texts))
        if only_numbers_differ and len(set(normal_texts)) > 1:  # the command counts something that always changes
            continue
        if not is_command and len(set(normal_texts)) == len(normal_texts) > 1:  # it was never the same: none is normal
            continue
        score = 1.0 if only_numbers_differ else _CATEGORICAL_SCORE
        yield Difference(name, *_changed_lines(normal_texts[-1], text), score)


def _mask_numbers(text: str | None) -> str | None:
    """Return ``text`` with each number as ``0``: the numbers that a command prints vary."""
    return None if text is None else _NUMBER.sub("0", text)


def _changed_lines(before: str | None, now: str | None) -> tuple[str, str]:
    """Return the lines of ``now`` that ``before`` lacks, and the reverse, each abbreviated to one line."""
    if before is None or now is None:
        return _abbreviate_text(now), _abbreviate_text(before)
    old_lines, new_lines = before.splitlines(), now.splitlines()
    removed = [line for line in old_lines if line not in new_lines]
    added = [line for line in new_lines if line not in old_lines]
    return _abbreviate_lines(added) if added or removed else "in another order", _abbreviate_lines(removed)


def _abbreviate_lines(lines: Sequence[str]) -> str:
    more = f" (and {len(lines) - 1} lines more)" if len(lines) > 1 else ""
    return f"{lines[0].strip() if lines else 'nothing'}{more}"


def _abbreviate_text(text: str | None) -> str:
    return "not there" if text is None else _abbreviate_lines(text.splitlines())


def format_amount(name: str, value: float) -> str:
    """Return ``value`` for a reader."""
    if name.endswith("bytes"):
        return format_bytes(round(value))
    return f"{value:,.0f}" if value == int(value) else f"{value:.2f}"


def format_range(name: str, normal_range: NormalRange) -> str:
    """Return ``0.31 to 0.94``, or the one value of an empty range."""
    low, high = format_amount(name, normal_range.low), format_amount(name, normal_range.high)
    return low if low == high else f"{low} to {high}"


def format_difference(difference: Difference) -> str:
    """Return ``load/1 min 14.2 (normal: 0.31 to 0.94)``."""
    return f"{difference.name} {difference.now} (normal: {difference.normal})"


def format_score(difference: Difference) -> str:
    """Return ``15 ×`` the normal variation; for a text, or for something new or gone, a word."""
    if difference.score < _CATEGORICAL_SCORE / 1000:
        return f"{difference.score:,.0f} ×"
    return "gone" if difference.now in ("0", "not there") else "never before"


def _absolute_tolerance(name: str) -> float:
    group, _, detail = name.partition("/")
    matches = (step for word, step in _ABSOLUTE_TOLERANCES.items() if group == word or detail.endswith(word))
    return next(matches, 1.0)


def encode_baseline(baseline: Baseline) -> bytes:
    """Return ``baseline`` as the content of its file: JSON."""
    document = {
        "format": _FORMAT_VERSION,
        "name": baseline.name,
        "host": baseline.host,
        "watched": [process._asdict() for process in baseline.watched_processes],
        "commands": baseline.commands,
        "snapshots": [snapshot._asdict() | {"at_ns": str(snapshot.at_ns)} for snapshot in baseline.snapshots],
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def decode_baseline(data: bytes, path: str) -> Baseline:
    """Return the baseline in a file's content. Raise `FileUnusable`, naming ``path``."""
    try:
        document: Any = json.loads(data)
        if document["format"] != _FORMAT_VERSION:
            raise FileUnusable(f"{path} is of a later 3am: format {document['format']!r}")
        baseline = Baseline(
            str(document["name"]),
            str(document["host"]),
            tuple(map(_parse_snapshot, document["snapshots"])),
            tuple(map(_parse_process, document["watched"])),
            _parse_texts(document["commands"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        raise FileUnusable(f"{path} is not a baseline: 3am baseline save takes a new one") from None
    if not baseline.snapshots:
        raise FileUnusable(f"{path} holds no snapshot: 3am baseline save takes a new one")
    return baseline


def _parse_snapshot(value: Any) -> Snapshot:
    numbers = {str(name): float(number) for name, number in value["numbers"].items()}
    if not all(map(math.isfinite, numbers.values())):
        raise ValueError
    texts = {str(name): str(text) for name, text in value["texts"].items()}
    return Snapshot(int(value["at_ns"]), numbers, texts, _parse_texts(value["unread"]), _parse_texts(value["blind"]))


def _parse_process(value: Any) -> WatchedProcess:
    created, name, cmdline = float(value["created"]), str(value["name"]), _parse_texts(value["cmdline"])
    return WatchedProcess(_parse_pid(value["pid"]), created, name, cmdline)


def _parse_pid(value: Any) -> int:
    if not isinstance(value, int) or not 0 < value < 2**31:
        raise ValueError
    return value


def _parse_texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):  # a string would be taken for a list of letters
        raise TypeError
    return tuple(map(str, value))
