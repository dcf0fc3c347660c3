"""The text of findings, for the shell and the screen; and their JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from threeam.core.format.clock import Zone
from threeam.core.format.entry import Stamp, escape_unprintable
from threeam.core.format.times import format_duration
from threeam.core.store.reader import Line, lines_forward, read_chunks
from threeam.races.access import ORDER_NOT_KNOWN, Access, distance
from threeam.races.distinct_keys import format_key_count
from threeam.races.finding import Finding, FindingGroup
from threeam.races.rules import format_distance
from threeam.timeline.instant import format_instant
from threeam.timeline.source import Source

_MAX_REASONS = 3


def describe_group(group: FindingGroup) -> str:
    """Return the row of a group: ``use after delete: delete → update, web1 → web2, cart: 3 of 20,000 keys, …``."""
    key = group.key
    operations, sources = (" → ".join(map(escape_unprintable, pair)) for pair in (key.operations, key.sources))
    keys = f"{format_key_count(group.keys)} of {format_key_count(group.seen_keys)} keys"
    gap = f"closest {_format_gap(group.closest)}"
    times = "" if group.findings == group.keys else f", {group.findings:,} times"
    chance = "" if group.chance is None else f", p = {group.chance:.3g}"
    return f"{key.rule}: {operations}, {sources}, {key.key_name}: {keys}{times}, {gap}{chance}"


def _format_gap(finding: Finding) -> str:
    """Return the gap by the timestamps; a limit if they are coarser than that."""
    first, second = finding.pair
    unit_ns = max(first.resolution_ns, second.resolution_ns)
    gap_ns = abs(finding.gap_ns)
    return f"≤ {format_duration(unit_ns)}" if gap_ns < unit_ns and unit_ns > 1 else format_duration(gap_ns)


def describe_doubts(finding: Finding) -> str:
    """Return why a finding is not certain, the order first; "" if it is."""
    doubts = sorted(finding.doubts, key=lambda doubt: not doubt.startswith(ORDER_NOT_KNOWN))
    more = len(doubts) - _MAX_REASONS
    return "; ".join(doubts[:_MAX_REASONS]) + (f"; and {more} more" if more > 0 else "")


def describe_distance(finding: Finding) -> str:
    """Return the true distance of the pair: ``true distance -0.36ms to +0.46ms``."""
    first, second = finding.pair
    return f"true distance {format_distance(first, second)}"


def line_numbers(accesses: Iterable[Access]) -> dict[tuple[int, int], int]:
    """Return the number of the line of each access, from 1, by its source and offset. Raises OSError."""
    offsets: dict[int, set[int]] = {}
    sources: dict[int, Source] = {}
    for access in accesses:
        offsets.setdefault(access.source.number, set()).add(access.offset)
        sources[access.source.number] = access.source
    numbers = {}
    for number, wanted in offsets.items():
        counted, position = 0, 0
        for offset in sorted(wanted):
            counted += sum(data.count(b"\n") for data in read_chunks(sources[number].segment, position, offset))
            position = offset
            numbers[number, offset] = counted + 1
    return numbers


def place_of(access: Access, numbers: Mapping[tuple[int, int], int]) -> str:
    """Return where the line of an access is: ``web1:8409``; ``numbers``: see `line_numbers`, which may lack it."""
    number = numbers.get((access.source.number, access.offset))
    return escape_unprintable(access.source.name) + ("" if number is None else f":{number}")


def line_of(access: Access) -> Line:
    """Return the line of an access. Raises OSError."""
    segment = access.source.segment
    return next(lines_forward(segment, access.offset, access.source.end), Line(segment, access.offset, b"", False))


def witness_rows(finding: Finding, zone: Zone) -> Iterator[str]:
    """Yield a row for each line of a finding: its time, place, shift and text, in columns. Raises OSError."""
    rows = list(_witness_columns(finding, zone))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        columns = [text.ljust(width) for text, width in zip(row, widths, strict=False) if width]
        yield "  ".join([*columns, row[-1]])


def _witness_columns(finding: Finding, zone: Zone) -> Iterator[tuple[str, ...]]:
    """Yield the time, the place, the shift (``+250,000ns``; "" if there is no shift) and the text of each line."""
    numbers = line_numbers(finding.witness)
    for access in finding.witness:
        shift_ns = access.source.correction.shift_ns
        shift = f"{shift_ns:+,}ns" if shift_ns else ""
        yield (
            format_instant(access.ns, access.resolution_ns, zone),
            place_of(access, numbers),
            shift,
            line_of(access).display_text.strip(),
        )


def actor_sentence(kinds: Mapping[str, str]) -> str:
    """Return how the actors are told apart: ``actor = request id`` or ``actor = pid (web1), source (db)``."""
    if len(set(kinds.values())) == 1:
        return f"actor = {next(iter(kinds.values()))}"
    by_kind: dict[str, list[str]] = {}
    for name, kind in kinds.items():
        by_kind.setdefault(kind, []).append(escape_unprintable(name))
    return "actor = " + ", ".join(f"{kind} ({', '.join(names)})" for kind, names in by_kind.items())


def group_json(group: FindingGroup) -> dict[str, Any]:
    """Return a group as a JSON object, in full precision. Raises OSError."""
    key, finding = group.key, group.closest
    first, second = finding.pair
    return {
        "rule": key.rule.value,
        "key_name": key.key_name,
        "operations": list(key.operations),
        "sources": list(key.sources),
        "certain": key.is_certain,
        "order": "known" if not _is_order_unknown(finding.doubts) else ORDER_NOT_KNOWN,
        "findings": group.findings,
        "keys": group.keys,
        "seen_keys": group.seen_keys,
        "first": Stamp(group.first_ns).rfc3339(),
        "first_ns": group.first_ns,
        "last": Stamp(group.last_ns).rfc3339(),
        "last_ns": group.last_ns,
        "p": group.chance,
        "closest": {
            "key": finding.key.decode("utf-8", "backslashreplace"),
            "gap_ns": finding.gap_ns,
            "distance_ns": distance(first, second),
            "doubts": list(finding.doubts),
            "lines": [access_json(access) for access in finding.witness],
        },
    }


def _is_order_unknown(doubts: Sequence[str]) -> bool:
    return any(doubt.startswith(ORDER_NOT_KNOWN) for doubt in doubts)


def access_json(access: Access) -> dict[str, Any]:
    """Return an access as a JSON object, with its line. Raises OSError."""
    return {
        "source": access.source.name,
        "file": access.source.segment.path,
        "offset": access.offset,
        **Stamp(access.ns).to_json(),
        "shift_ns": access.source.correction.shift_ns,
        "bound_ns": access.bound_ns,
        "actor": access.actor.name.decode("utf-8", "backslashreplace") or access.source.name,
        "actor_kind": access.actor.kind.value,
        "operation": access.operation,
        "kind": None if access.kind is None else access.kind.value,
        "text": line_of(access).display_text,
    }
