"""The postmortem as one self-contained, printable HTML page with a chart of the night; each entry is an anchor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from threeam.core.format.entry import Stamp, author_name, escape_unprintable, find_stamp_refs
from threeam.hypotheses.ledger import RECHECK_NOTE
from threeam.reports.postmortem import (
    OBSERVED_NOTE,
    Postmortem,
    TimelineEvent,
    format_excerpt_line,
    format_omitted_lines,
)

_WIDTH = 1000  # SVG units of the chart
_TEAL, _GREEN, _RED, _BLACK, _BROWN = "#0a7d8c", "#2f7d32", "#b3261e", "#111111", "#a15c00"
_LEGEND = {
    _TEAL: "claim, prediction, experiment",
    _GREEN: "supports, confirmed, undone",
    _RED: "contradicts, refuted, warning",
    _BLACK: "parked, what an experiment has shown",
    _BROWN: "change, coffee",
}
_LANE_LABELS = ("claims", "evidence", "experiments", "verdicts", "changes", "coffee", "warnings")
_LANES = {  # kind -> (lane, the colour of its dots)
    "Hypothesis": ("claims", _TEAL),
    "Prediction": ("claims", _TEAL),
    "Supports": ("evidence", _GREEN),
    "Contradicts": ("evidence", _RED),
    "Plan": ("experiments", _TEAL),
    "Verdict": ("experiments", _BLACK),
    "Bisect": ("experiments", _TEAL),
    "Bisected": ("experiments", _BLACK),
    "Conclusion": ("verdicts", _BLACK),
    "Reopened": ("verdicts", _TEAL),
    "Changed": ("changes", _BROWN),
    "Undone": ("changes", _GREEN),
    "Coffee": ("coffee", _BROWN),
    "WARNING": ("warnings", _RED),
}
_CONCLUSION_COLOURS = {"confirmed": _GREEN, "refuted": _RED}
_ROW_HEIGHT, _BARS_HEIGHT = 22, 40  # SVG units: a row of dots, and the bars below all rows
_COLUMN_COUNT = 100


class Tick(NamedTuple):
    """An entry in the chart: a dot with a link to the entry and its text."""

    x: float
    y: float
    colour: str
    href: str
    title: str


class Bar(NamedTuple):
    """The number of entries in one interval of time, as a bar."""

    x: float
    height: float


def postmortem_to_html(postmortem: Postmortem) -> str:
    """Return the page."""
    environment = Environment(
        loader=PackageLoader("threeam.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    entries = [event for event in postmortem.events if not event.foreign]
    known_ns = frozenset(
        stamp.ns
        for event in entries
        for stamp in (event.entry.stamp, *event.amendment_stamps, *(line.stamp for line in event.block))
    )
    environment.filters |= {
        "linked": partial(link_stamps, known_ns=known_ns),
        "anchor": anchor_id,
        "user": author_name,
        "visible": escape_unprintable,
        "excerpt_line": format_excerpt_line,
        "omitted": format_omitted_lines,
    }
    environment.tests["on_page"] = lambda stamp: stamp.ns in known_ns
    lanes = [(_lane_y(label), label) for label in _LANE_LABELS]
    return environment.get_template("night.html").render(
        postmortem=postmortem,
        recheck_note=RECHECK_NOTE,
        observed_note=OBSERVED_NOTE,
        ticks=list(_make_ticks(entries)),
        bars=_make_bars(entries),
        lanes=lanes,
        legend=_LEGEND,
        width=_WIDTH,
        height=len(_LANE_LABELS) * _ROW_HEIGHT + _BARS_HEIGHT,
        column=_WIDTH / _COLUMN_COUNT,
    )


def anchor_id(stamp: Stamp) -> str:
    """Return the anchor of an entry: the same for every time zone in which its stamp is cited."""
    return f"at-{stamp.ns}"


def link_stamps(text: str, known_ns: frozenset[int]) -> Markup:
    """Return ``text`` as HTML with each ``@stamp`` in it a link to its entry, if that is one of ``known_ns``."""
    remaining, pieces = escape_unprintable(text), list[Markup]()
    for stamp in find_stamp_refs(remaining):
        before, reference, after = remaining.partition(f"@{stamp}")
        if not reference:
            continue
        remaining = after
        if stamp.ns in known_ns:
            link = Markup('<a href="#{}">{}</a>').format(anchor_id(stamp), f"@{stamp.time_of_day[:12]}")
            pieces += [escape(before), link]
        else:
            pieces.append(escape(before + reference))
    return Markup("").join([*pieces, escape(remaining)])


def _lane_y(label: str) -> float:
    return (_LANE_LABELS.index(label) + 0.5) * _ROW_HEIGHT


def _make_ticks(events: Sequence[TimelineEvent]) -> Iterator[Tick]:
    for event, x in zip(events, _x_positions(events), strict=True):
        entry = event.entry
        if entry.kind in _LANES:
            label, colour = _LANES[entry.kind]
            if entry.kind == "Conclusion" and entry.state_after is not None:
                colour = _CONCLUSION_COLOURS.get(entry.state_after, colour)
            title = f"{entry.stamp.time_of_day[:12]} {event.text}"
            yield Tick(x, _lane_y(label), colour, f"#{anchor_id(entry.stamp)}", escape_unprintable(title))


def _make_bars(events: Sequence[TimelineEvent]) -> list[Bar]:
    counts = [0] * _COLUMN_COUNT
    for x in _x_positions(events):
        counts[min(_COLUMN_COUNT - 1, int(x * _COLUMN_COUNT / _WIDTH))] += 1
    highest = max(*counts, 1)
    return [
        Bar(column * _WIDTH / _COLUMN_COUNT, count * _BARS_HEIGHT / highest)
        for column, count in enumerate(counts)
        if count
    ]


def _x_positions(events: Sequence[TimelineEvent]) -> list[float]:
    times = [event.entry.stamp.ns for event in events]
    begin = min(times, default=0)
    span = max(max(times, default=0) - begin, 1)
    return [round((ns - begin) * _WIDTH / span, 2) for ns in times]
