"""A baseline: several snapshots of normal, how much is normal between them, and what is not. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from threeam.core.errors import FileUnusable
from threeam.core.platform.disk import format_bytes
from threeam.host.snapshot import Snapshot, WatchedProcess

_FORMAT_VERSION = 1
_NUMBER = re.compile(r"(?<! ) *\d[\d.,:]*")  # from the first of many blanks only: from each one costs their square
_RELATIVE_TOLERANCE = (
    0.10  # of the middle: less than that is no difference, however still it was while it was looked at
)
_ABSOLUTE_TOLERANCES = {
    "load": 0.25,
    "cpu": 5.0,
    "bytes": 16.0 * 1024 * 1024,
    "%": 1.0,
    "inodes free": 10_000.0,
}  # and less than this
_CATEGORICAL_SCORE = 1e9  # a text that was always the same, and is not: more unusual than any number


class Baseline(NamedTuple):
    """Snapshots of normal, with what is needed to look again: the processes and the commands."""

    name: str
    host: str
    snapshots: tuple[Snapshot, ...]
    watched_processes: tuple[WatchedProcess, ...]
    commands: tuple[str, ...]


class Difference(NamedTuple):
    """Something that is not normal: its name, what it is now, what is normal, and how unusual that is.

    ``unusual``: for a number, how many times as far outside of its range as that is wide.
    """

    name: str
    now: str
    normal: str
    score: float


class NormalRange(NamedTuple):
    """From where to where a number was normal."""

    low: float
    high: float

    def tolerance(self, name: str) -> float:
        """How much variation of ``name`` is nothing: what was seen, a tenth of its size, and a step at the least."""
        middle = (self.low + self.high) / 2
        return max(self.high - self.low, _RELATIVE_TOLERANCE * abs(middle), _absolute_tolerance(name))

    def distance_outside(self, value: float) -> float:
        """How far ``value`` is outside; 0 inside."""
        return max(self.low - value, value - self.high, 0.0)


def normal_ranges(baseline: Baseline) -> dict[str, NormalRange]:
    """The range of each number; one that was not there in some snapshot was 0 there, as far as it is a count."""
    names = {name for one in baseline.snapshots for name in one.numbers}
    found = {}
    for name in names:
        values = [one.numbers.get(name, 0.0) for one in baseline.snapshots]
        found[name] = NormalRange(min(values), max(values))
    return found


def find_differences(baseline: Baseline, now: Snapshot) -> list[Difference]:
    """What is not normal in ``now``, the most unusual first."""
    blind = tuple(prefix for one in (*baseline.snapshots, now) for prefix in one.blind)  # what is not known is no news
    found = [*_number_differences(normal_ranges(baseline), now.numbers), *_text_differences(baseline, now.texts)]
    found = [one for one in found if not one.name.startswith(blind)]
    return sorted(found, key=lambda one: (-one.score, one.name))


def count_compared(baseline: Baseline, now: Snapshot) -> int:
    """How many things were compared."""
    names = {name for one in baseline.snapshots for name in (*one.numbers, *one.texts)}
    return len(names | set(now.numbers) | set(now.texts))


def _number_differences(ranges: Mapping[str, NormalRange], now: Mapping[str, float]) -> Iterator[Difference]:
    for name in sorted({*ranges, *now}):
        range_ = ranges.get(name, NormalRange(0.0, 0.0))
        value = now.get(name, 0.0)
        unusual = range_.distance_outside(value) / range_.tolerance(name)
        if (unusual and name.startswith("listening/")) or name.endswith("/there"):
            unusual *= _CATEGORICAL_SCORE  # who is gone, or new, stands before every amount
        if unusual >= 1.0:
            yield Difference(name, format_amount(name, value), format_range(name, range_), unusual)


def _text_differences(baseline: Baseline, now: Mapping[str, str]) -> Iterator[Difference]:
    names = {name for one in baseline.snapshots for name in one.texts}
    for name in sorted({*names, *now}):
        before = [one.texts.get(name) for one in baseline.snapshots]
        here = now.get(name)
        if here in before:
            continue
        if name.startswith("command/"):
            plain = set(map(_mask_numbers, before))
            if len(set(before)) > 1 and _mask_numbers(here) in plain:  # it counts, and is another one each time
                continue
            usual = _mask_numbers(here) in plain
        elif len(set(before)) == len(before) > 1:  # it was another one each time: there is no normal
            continue
        else:
            usual = False
        yield Difference(name, *_changed_lines(before[-1], here), 1.0 if usual else _CATEGORICAL_SCORE)


def _mask_numbers(text: str | None) -> str | None:
    """``text`` with each number as ``0``: what a command counts is another one each time."""
    return None if text is None else _NUMBER.sub("0", text)


def _changed_lines(before: str | None, now: str | None) -> tuple[str, str]:
    """What differs between two texts, in a line for each: the lines that the other has not."""
    if before is None or now is None:
        return _abbreviate_text(now), _abbreviate_text(before)
    old, new = before.splitlines(), now.splitlines()
    gone = [line for line in old if line not in new]
    come = [line for line in new if line not in old]
    return _abbreviate_lines(come) if come or gone else "in another order", _abbreviate_lines(gone)


def _abbreviate_lines(lines: Sequence[str]) -> str:
    more = f" (and {len(lines) - 1} lines more)" if len(lines) > 1 else ""
    return f"{lines[0].strip() if lines else 'nothing'}{more}"


def _abbreviate_text(text: str | None) -> str:
    return "not there" if text is None else _abbreviate_lines(text.splitlines())


def format_amount(name: str, value: float) -> str:
    """``value`` as a person reads it."""
    if name.endswith("bytes"):
        return format_bytes(round(value))
    return f"{value:,.0f}" if value == int(value) else f"{value:.2f}"


def format_range(name: str, range_: NormalRange) -> str:
    """``0.31 to 0.94``, or the one value that it always had."""
    low, high = format_amount(name, range_.low), format_amount(name, range_.high)
    return low if low == high else f"{low} to {high}"


def format_difference(difference: Difference) -> str:
    """``load/1 min 14.2 (normal: 0.31 to 0.94)``."""
    return f"{difference.name} {difference.now} (normal: {difference.normal})"


def format_score(difference: Difference) -> str:
    """``15 ×`` its normal variation; of a text, and of what is new or gone, a word."""
    if difference.score < _CATEGORICAL_SCORE / 1000:
        return f"{difference.score:,.0f} ×"
    return "gone" if difference.now in ("0", "not there") else "never before"


def _absolute_tolerance(name: str) -> float:
    group, _, what = name.partition("/")
    return next((step for word, step in _ABSOLUTE_TOLERANCES.items() if group == word or what.endswith(word)), 1.0)


def encode_baseline(baseline: Baseline) -> bytes:
    """``baseline`` as the file that it is kept in: JSON."""
    value = {
        "format": _FORMAT_VERSION,
        "name": baseline.name,
        "host": baseline.host,
        "watched": [one._asdict() for one in baseline.watched_processes],
        "commands": baseline.commands,
        "snapshots": [one._asdict() | {"at_ns": str(one.at_ns)} for one in baseline.snapshots],
    }
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def decode_baseline(data: bytes, path: str) -> Baseline:
    """The baseline that a file holds. Raises `Unusable`, naming ``path``."""
    try:
        value: Any = json.loads(data)
        if value["format"] != _FORMAT_VERSION:
            raise FileUnusable(f"{path} is of a later 3am: format {value['format']!r}")
        baseline = Baseline(
            str(value["name"]),
            str(value["host"]),
            tuple(_parse_snapshot(one) for one in value["snapshots"]),
            tuple(
                WatchedProcess(
                    _parse_pid(one["pid"]), float(one["created"]), str(one["name"]), _parse_texts(one["cmdline"])
                )
                for one in value["watched"]
            ),
            _parse_texts(value["commands"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        raise FileUnusable(f"{path} is no baseline: 3am baseline save takes a new one") from None
    if not baseline.snapshots:
        raise FileUnusable(f"{path} holds no snapshot: 3am baseline save takes a new one")
    return baseline


def _parse_snapshot(value: Any) -> Snapshot:
    numbers = {str(name): float(number) for name, number in value["numbers"].items()}
    if not all(map(math.isfinite, numbers.values())):
        raise ValueError
    texts = {str(name): str(text) for name, text in value["texts"].items()}
    return Snapshot(int(value["at_ns"]), numbers, texts, _parse_texts(value["unread"]), _parse_texts(value["blind"]))


def _parse_pid(value: Any) -> int:
    if not isinstance(value, int) or not 0 < value < 2**31:
        raise ValueError
    return value


def _parse_texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):  # a string is one of letters, too
        raise TypeError
    return tuple(map(str, value))
