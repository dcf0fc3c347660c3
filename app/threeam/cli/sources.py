"""``3am sources``: what 3am finds in log files: formats, zones, late lines, gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from threeam.cli.console import print_json, print_out
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.source_files import open_named_files
from threeam.core.format.clock import Zone
from threeam.core.format.entry import Stamp
from threeam.core.format.times import format_duration
from threeam.timeline.arguments import add_source_options
from threeam.timeline.clock_bounds import own_clock_bound
from threeam.timeline.instant import ClockCorrection, format_instant
from threeam.timeline.shifts import format_correction
from threeam.timeline.source import Source
from threeam.timeline.time_index import Gap, TimeIndex
from threeam.timeline.timestamp_format import Meaning

_SHOWN_GAPS = 3
_MEANINGS = {
    Meaning.EVENT: "the time of the event",
    Meaning.START: "the start of a request or call, whose line is written at its end",
    Meaning.END: "the end of a request or call",
    Meaning.RECEIPT: "the time at which the line was received from another program",
}


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am sources``."""
    parser = Parser(
        "3am sources",
        "Reports how 3am reads log files: the format and zone of the timestamps, their resolution, the share of lines "
        "that have one, the first and last, the lines that were written late, the steps of the clock, the gaps; and "
        "how far the clock of this host may be from UTC, by chrony or the kernel.",
        "examples:\n  3am sources /var/log/*.log\n  3am sources --json app.log | jq .late",
    )
    add_source_options(parser)
    parser.add_argument("--json", action="store_true", help="one object a file")
    args = parser.parse_intermixed_args(argv)  # options may stand between the files
    ctx = context(args)
    opened = open_named_files(args, ctx)
    for number, source in enumerate(opened.sources):
        index = source.make_index()
        if args.json:
            print_json(_source_json(source, index))
            continue
        if number:
            print_out("")
        print_out(f"{source.name}  {source.segment.path}")
        for label, text in _facts(source, index, ctx.zone):
            print_out(f"  {label:<11} {text}")
    if not args.json:
        print_out(f"\n{own_clock_bound().sentence}")
    return ExitCode.IO_ERROR if opened.problems else ExitCode.OK


def _facts(source: Source, index: TimeIndex | None, zone: Zone) -> list[tuple[str, str]]:
    """Return the facts about a file, each with its label."""
    detection = source.detection
    if detection is None or index is None:
        return [("format", "no timestamp found: its lines are shown in their own order, before the timeline")]
    zone_name = detection.reader.zone_description
    facts = [
        ("format", f"{detection.format.name}: {detection.format.title}"),
        ("means", _MEANINGS[detection.format.meaning]),
        *((("zone", zone_name),) if not any(zone_name in text for text in detection.assumptions) else ()),
        *(("assumed", assumption) for assumption in detection.assumptions),
        *((("shift", format_correction(source.correction)),) if source.correction != ClockCorrection() else ()),
        ("lines", f"{index.lines:,}, {_percent(index)} with a timestamp"),
        ("resolution", format_duration(index.resolution_ns)),
        *(
            (label, format_instant(ns, index.resolution_ns, zone))
            for label, ns in (("first", index.first_ns), ("last", index.latest_ns))
            if ns is not None
        ),
        ("late", _late_text(index)),
        *(("clock step", f"back by {format_duration(step.back_ns)} at byte {step.offset:,}") for step in index.steps),
    ]
    longest = sorted(index.gaps, key=lambda gap: -gap.length_ns)[:_SHOWN_GAPS]
    return facts + [("gap", _gap_text(gap, index.resolution_ns, zone)) for gap in longest]


def _late_text(index: TimeIndex) -> str:
    if not index.late_count:
        return "none: each line was written in the order of the timestamps"
    lines = "1 line" if index.late_count == 1 else f"{index.late_count:,} lines"
    return f"{lines}, by {format_duration(index.largest_lateness_ns)} at most"


def _gap_text(gap: Gap, resolution_ns: int, zone: Zone) -> str:
    begin, end = (format_instant(ns, resolution_ns, zone) for ns in gap)
    return f"{format_duration(gap.length_ns)}, from {begin} to {end}"


def _percent(index: TimeIndex) -> str:
    return "100 %" if index.stamped == index.lines else f"{100 * index.stamped / index.lines:.1f} %"


def _source_json(source: Source, index: TimeIndex | None) -> dict[str, Any]:
    detection = source.detection
    fields: dict[str, Any] = {"source": source.name, "file": source.segment.path, "format": None}
    if detection is None or index is None:
        return fields
    return {
        **fields,
        "format": detection.format.name,
        "means": detection.format.meaning.value,
        "assumptions": list(detection.assumptions),
        "lines": index.lines,
        "stamped": index.stamped,
        "resolution_ns": index.resolution_ns or None,
        "first": None if index.first_ns is None else Stamp(index.first_ns).rfc3339(),
        "last": None if index.latest_ns is None else Stamp(index.latest_ns).rfc3339(),
        "shift_ns": source.correction.shift_ns,
        "bound_ns": source.correction.bound_ns,
        "late": index.late_count,
        "largest_lateness_ns": index.largest_lateness_ns,
        "clock_steps": [{"offset": step.offset, "back_ns": step.back_ns} for step in index.steps],
        "gaps": [{"begin": Stamp(gap.begin_ns).rfc3339(), "end": Stamp(gap.end_ns).rfc3339()} for gap in index.gaps],
    }
