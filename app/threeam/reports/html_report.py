"""The report as one HTML page: self-contained, printable, the night drawn, and every stamp an anchor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from threeam.core.format.entry import Stamp, author_name, escape_unprintable, find_stamp_refs
from threeam.hypotheses.ledger import RECHECK_NOTE
from threeam.reports.postmortem import OBSERVED_NOTE, Postmortem, TimelineEvent

_WIDTH = 1000  # units of the drawing
_LANES = {  # what is drawn on which line of it, from the top, in which colour
    "Hypothesis": (0, "claims", "#0a7d8c"),
    "Prediction": (0, "claims", "#0a7d8c"),
    "Supports": (1, "evidence", "#2f7d32"),
    "Contradicts": (1, "evidence", "#b3261e"),
    "Conclusion": (2, "verdicts", "#111111"),
    "Reopened": (2, "verdicts", "#0a7d8c"),
    "Changed": (3, "changes", "#a15c00"),
    "Undone": (3, "changes", "#2f7d32"),
    "Coffee": (4, "coffee", "#a15c00"),
    "WARNING": (4, "coffee", "#b3261e"),
}
_ROW_HEIGHT, _BARS_HEIGHT = 22, 40  # units: a line of it, and the height of what is below them
_COLUMN_COUNT = 100


class Tick(NamedTuple):
    """An entry in the drawing: where it is, its colour, the anchor and the words."""

    x: float
    y: float
    colour: str
    href: str
    title: str


class Bar(NamedTuple):
    """How much was written in one column of time."""

    x: float
    height: float


def postmortem_to_html(postmortem: Postmortem) -> str:
    """The page."""
    environment = Environment(
        loader=PackageLoader("threeam.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    entries = [event for event in postmortem.events if not event.foreign]
    there = frozenset(stamp.ns for event in entries for stamp in (event.entry.stamp, *event.amendment_stamps))
    environment.filters |= {
        "linked": partial(link_stamps, known_ns=there),
        "anchor": anchor_id,
        "user": author_name,
        "shown": escape_unprintable,
    }
    environment.tests["there"] = lambda stamp: stamp.ns in there
    lanes = {(row * _ROW_HEIGHT + _ROW_HEIGHT / 2, name) for row, name, _ in _LANES.values()}
    return environment.get_template("night.html").render(
        report=postmortem,
        too_many_cups=RECHECK_NOTE,
        observed=OBSERVED_NOTE,
        ticks=list(_make_ticks(entries)),
        bars=_make_bars(entries),
        lanes=sorted(lanes),
        width=_WIDTH,
        height=5 * _ROW_HEIGHT + _BARS_HEIGHT,
        column=_WIDTH / _COLUMN_COUNT,
    )


def anchor_id(stamp: Stamp) -> str:
    """The anchor of the entry of a stamp: the same in whatever zone it is cited."""
    return f"at-{stamp.ns}"


def link_stamps(text: str, known_ns: frozenset[int]) -> Markup:
    """``text``, with each ``@stamp`` in it a link to its entry, if that is one of ``known_ns`` (ns)."""
    whole, pieces = escape_unprintable(text), list[Markup]()
    for stamp in find_stamp_refs(whole):
        before, cited, whole = whole.partition(f"@{stamp}")
        if cited and stamp.ns not in known_ns:
            pieces.append(escape(before + cited))
        elif cited:
            pieces += [
                escape(before),
                Markup('<a href="#{}">{}</a>').format(anchor_id(stamp), f"@{stamp.time_of_day[:12]}"),
            ]
        else:
            whole = before
    return Markup("").join([*pieces, escape(whole)])


def _make_ticks(events: Sequence[TimelineEvent]) -> Iterator[Tick]:
    for event, x in zip(events, _x_positions(events), strict=True):
        entry = event.entry
        if entry.kind in _LANES:
            row, _, colour = _LANES[entry.kind]
            if entry.hypothesis is not None and entry.hypothesis[1] == "refuted":
                colour = "#b3261e"
            title = f"{entry.stamp.time_of_day[:12]} {event.text}"
            yield Tick(
                x, row * _ROW_HEIGHT + _ROW_HEIGHT / 2, colour, "#" + anchor_id(entry.stamp), escape_unprintable(title)
            )


def _make_bars(events: Sequence[TimelineEvent]) -> list[Bar]:
    counts = [0] * _COLUMN_COUNT
    for x in _x_positions(events):
        counts[min(_COLUMN_COUNT - 1, int(x * _COLUMN_COUNT / _WIDTH))] += 1
    most = max(*counts, 1)
    return [Bar(i * _WIDTH / _COLUMN_COUNT, count * _BARS_HEIGHT / most) for i, count in enumerate(counts) if count]


def _x_positions(events: Sequence[TimelineEvent]) -> list[float]:
    times = [event.entry.stamp.ns for event in events]
    begin, span = min(times, default=0), max(max(times, default=0) - min(times, default=0), 1)
    return [round((ns - begin) * _WIDTH / span, 2) for ns in times]
