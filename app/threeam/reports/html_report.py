"""The postmortem as one self-contained, printable HTML page with a chart of the night; each entry is an anchor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from threeam.core.format.entry import Stamp, author_name, escape_unprintable, find_stamp_refs
from threeam.hypotheses.ledger import RECHECK_NOTE
from threeam.reports.postmortem import OBSERVED_NOTE, Postmortem, TimelineEvent

_WIDTH = 1000  # SVG units of the chart
_LANES = {  # kind -> (row from the top, its label, the colour of its dots)
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
    known_ns = frozenset(stamp.ns for event in entries for stamp in (event.entry.stamp, *event.amendment_stamps))
    environment.filters |= {
        "linked": partial(link_stamps, known_ns=known_ns),
        "anchor": anchor_id,
        "user": author_name,
        "visible": escape_unprintable,
    }
    environment.tests["on_page"] = lambda stamp: stamp.ns in known_ns
    lanes = {(row * _ROW_HEIGHT + _ROW_HEIGHT / 2, name) for row, name, _ in _LANES.values()}
    return environment.get_template("night.html").render(
        postmortem=postmortem,
        recheck_note=RECHECK_NOTE,
        observed_note=OBSERVED_NOTE,
        ticks=list(_make_ticks(entries)),
        bars=_make_bars(entries),
        lanes=sorted(lanes),
        width=_WIDTH,
        height=5 * _ROW_HEIGHT + _BARS_HEIGHT,
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


def _make_ticks(events: Sequence[TimelineEvent]) -> Iterator[Tick]:
    for event, x in zip(events, _x_positions(events), strict=True):
        entry = event.entry
        if entry.kind in _LANES:
            row, _, colour = _LANES[entry.kind]
            if entry.hypothesis is not None and entry.hypothesis[1] == "refuted":
                colour = "#b3261e"
            title = f"{entry.stamp.time_of_day[:12]} {event.text}"
            y = row * _ROW_HEIGHT + _ROW_HEIGHT / 2
            yield Tick(x, y, colour, f"#{anchor_id(entry.stamp)}", escape_unprintable(title))


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
