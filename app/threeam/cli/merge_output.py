"""The output formats of ``3am merge``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from threeam.core.format.clock import Zone
from threeam.core.format.entry import NS_PER_S, Stamp, escape_unprintable
from threeam.core.format.times import format_duration
from threeam.core.store.reader import Line, read_chunks
from threeam.timeline.instant import Order, format_instant, fraction_digits
from threeam.timeline.source import PlacedLine, Source

FORMATS = ("short", "delta", "raw", "json")
LATE, UNKNOWN, BEFORE = "↥", "≈", "«"
_ORDER_MARKS = {Order.AFTER: " ", Order.UNKNOWN: UNKNOWN, Order.BEFORE: BEFORE}
_DELTA_CELLS = 9

RowFormatter = Callable[[PlacedLine, Order, PlacedLine | None], Iterable[bytes]]
"""Returns the bytes that are printed for a line, with its order to the line before it, and that line."""


def row_formatter(output: str, sources: Sequence[Source], zone: Zone) -> RowFormatter:
    """Return the formatter of ``output``, one of `FORMATS`. Local times are those of ``zone``."""
    match output:
        case "raw":
            return lambda placed, order, previous: _raw_line(placed.line)
        case "json":
            return lambda placed, order, previous: _json_line(placed, None if previous is None else order)
        case _:
            return _TextFormatter(zone, sources, with_delta=output == "delta")


class _TextFormatter:
    """Formats lines for a person: time, order, source, line, lateness."""

    def __init__(self, zone: Zone, sources: Sequence[Source], *, with_delta: bool) -> None:
        self._format_second = lru_cache(maxsize=16)(lambda second: format_instant(second * NS_PER_S, NS_PER_S, zone))
        self._name_cells = max(len(escape_unprintable(source.name)) for source in sources)
        finest_ns = min(
            (source.index.resolution_ns or NS_PER_S for source in sources if source.index), default=NS_PER_S
        )
        self._time_cells = len(format_instant(0, finest_ns, zone))
        self._with_delta = with_delta

    def __call__(self, placed: PlacedLine, order: Order, previous: PlacedLine | None) -> Iterable[bytes]:
        """Return the bytes of a line."""
        columns = [self._format_time(placed).ljust(self._time_cells)]
        if self._with_delta:
            columns.append(_format_delta(placed, previous).rjust(_DELTA_CELLS))
        is_late = placed.lateness_ns and not placed.is_continuation
        late = f" {LATE}{format_duration(placed.lateness_ns)}" if is_late else ""
        name = escape_unprintable(placed.source.name).ljust(self._name_cells)
        columns += [_ORDER_MARKS[order], name, f"{placed.line.display_text}{late}"]
        return (_encode(" ".join(columns)),)

    def _format_time(self, placed: PlacedLine) -> str:
        if placed.timestamp is None:
            return "no timestamp"
        second, fraction_ns = divmod(placed.ns, NS_PER_S)
        digits = fraction_digits(placed.timestamp.resolution_ns)
        return self._format_second(second) + (f".{fraction_ns:09d}"[: digits + 1] if digits else "")


def _format_delta(placed: PlacedLine, previous: PlacedLine | None) -> str:
    """Return the time since the line before; only a limit if the digits of a timestamp end before that."""
    if previous is None or previous.timestamp is None or placed.timestamp is None or placed.is_continuation:
        return ""
    distance_ns = placed.ns - previous.ns
    unit_ns = max(placed.timestamp.resolution_ns, previous.timestamp.resolution_ns)
    if abs(distance_ns) < unit_ns and unit_ns > 1:
        return f"≤+{format_duration(unit_ns)}"
    return f"{'+' if distance_ns >= 0 else ''}{format_duration(distance_ns)}"


def _json_line(placed: PlacedLine, order: Order | None) -> Iterable[bytes]:
    source, timestamp = placed.source, placed.timestamp
    fields: dict[str, Any] = {"source": source.name, "file": source.segment.path, "offset": placed.line.offset}
    if timestamp is not None:
        fields |= {
            **Stamp(placed.ns).to_json(),
            "resolution_ns": timestamp.resolution_ns,
            "shift_ns": placed.correction.shift_ns,
            "bound_ns": placed.correction.bound_ns,
            "late_ns": placed.lateness_ns,
        }
    fields |= {
        "continues": placed.is_continuation,
        "order": None if order is None else str(order),
        "text": placed.line.display_text,
    }
    return (_encode(json.dumps(fields, ensure_ascii=False)),)


def _raw_line(line: Line) -> Iterator[bytes]:
    """Yield the bytes of ``line`` as they are in the file; a last line without a newline gets one."""
    if line.omitted_bytes:
        yield from read_chunks(line.segment, line.offset, line.end)
    else:
        yield line.raw + (line.line_end if line.finished else b"")
    if not line.finished:
        yield b"\n"


def _encode(text: str) -> bytes:
    return f"{text}\n".encode("utf-8", "backslashreplace")
