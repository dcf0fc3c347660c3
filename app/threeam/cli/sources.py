"""``3am sources``: what 3am finds in log files: formats, zones, late lines, gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from threeam.cli.console import print_json, print_out
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.source_files import open_named_files
from threeam.core.format.entry import Stamp, escape_unprintable
from threeam.timeline.arguments import add_source_options
from threeam.timeline.clock_bounds import own_clock_bound
from threeam.timeline.source import Source
from threeam.timeline.source_facts import source_facts
from threeam.timeline.time_index import TimeIndex


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
        print_out(escape_unprintable(f"{source.name}  {source.segment.path}"))
        for label, text in source_facts(source, index, ctx.zone):
            print_out(f"  {label:<11} {text}")
    if not args.json:
        print_out(f"\n{own_clock_bound().sentence}")
    return ExitCode.IO_ERROR if opened.problems else ExitCode.OK


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
