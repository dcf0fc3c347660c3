"""Makes `first-minute.svg`: the first minute on the screen, from the running program.

python screenshots/animate.py

It is an SVG with CSS animations and without a script, as pages that show a README allow. A row that stands on the
screen for some time, or again later, is in the file once. Who asks for less motion gets the last screen.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NamedTuple

from textual.pilot import Pilot

from threeam.core.config.settings import Settings
from threeam.core.format.entry import NS_PER_S, Author
from threeam.core.store.journal import Journal, resolve_journal
from threeam.core.write.draft import Draft, note_draft
from threeam.core.write.locked_log import WriteOptions
from threeam.core.write.writer import Writer
from threeam.demo import ALICE, BOB, StoryClock
from threeam.hypotheses.drafts import evidence_draft, hypothesis_draft
from threeam.projections import FOLD
from threeam.tui.app import JournalApp
from threeam.tui.session import Session

FILE = Path(__file__).parent / "first-minute.svg"
COLUMNS, ROWS = 100, 24
_GROUND, _CELL_WIDTH = "#0d1017", 12.2  # of the log, which a screenshot leaves out in a part of an empty screen
_ROW_HEIGHT, _TEXT_Y, _RECT_Y = 24.4, 20.0, 1.5  # of a screenshot, in units of the SVG
_CHARS_TYPED = 9  # between two frames
_TYPING_S = 0.14
_WORKER = Author("worker-3", "web1", 711)
_STACK = "Traceback: orders.py:88 reserve\nDeadlockDetected: process 4121 waits for ShareLock"


class Others(NamedTuple):
    """Lines that others write, a moment apart."""

    by: Author
    draft: Draft


Step = str | Others | float  # keys to press (a text in quotes is typed), lines of others, or seconds to look at it

STEPS: Sequence[Step] = (
    1.6,
    "i", "'cart 8812 shows the items of a stranger'", 0.6, "enter", 1.2,
    Others(BOB, note_draft("awake. I take the replica")), 1.2,
    "H", "'the sweeper races the cart writer'", 0.6, "enter", 1.2,
    Others(_WORKER, note_draft(_STACK)), 1.0,
    Others(BOB, hypothesis_draft("reads go to a replica that lags", 4)), 1.4,
    "c", 1.2,
    Others(BOB, note_draft("row 8812: DELETE at .335, UPDATE at .337")), 1.2,
    "1", 0.8, "+", 1.2, "enter", 1.6,
    Others(BOB, evidence_draft("contradict", "H2", None, "the lag was 0.4ms at that time")), 1.6,
    "S", 4.0,
)  # fmt: skip


class Frame(NamedTuple):
    """A screenshot, and how long it stays (s)."""

    svg: str
    seconds: float


async def record() -> list[Frame]:
    """Return the frames of all steps."""
    with tempfile.TemporaryDirectory() as folder:
        journal, clock = resolve_journal(f"{folder}/sanity.log"), StoryClock()
        writer = Writer(journal, FOLD, clock, WriteOptions(ALICE.user, str(ALICE), sync=False))
        app = JournalApp(Session(journal, Settings(reminders=()), FOLD, ALICE, clock, writer, emoji=True))
        async with app.run_test(size=(COLUMNS, ROWS), notifications=False) as pilot:
            await pilot.pause(0.5)
            return [
                Frame(app.export_screenshot(title="3am"), seconds) async for seconds in _play(pilot, journal, clock)
            ]


async def _play(pilot: Pilot[object], journal: Journal, clock: StoryClock) -> AsyncIterator[float]:
    """Take the steps; yield when the screen is to be recorded, and for how long it stays."""
    for step in STEPS:
        if isinstance(step, float):
            yield step
        elif isinstance(step, Others):
            clock.advance(7 * NS_PER_S)
            options = WriteOptions(step.by.user, str(step.by), sync=False)
            Writer(journal, FOLD, clock, options).write(step.draft)
            await pilot.pause(0.4)
        elif step.startswith("'"):
            text = step.strip("'")
            for begin in range(0, len(text), _CHARS_TYPED):
                await pilot.press(*text[begin : begin + _CHARS_TYPED])
                await pilot.pause(0.1)
                yield _TYPING_S
        else:
            clock.advance(4 * NS_PER_S)
            await pilot.press(step)
            await pilot.pause(0.4)


class Film:
    """The rows of the frames, each kept once, with the frames in which it stands in a place."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        self._frames = frames
        self._styles: dict[str, str] = {}  # CSS -> class
        self._rows: dict[str, str] = {}  # content -> id
        self._shown: dict[tuple[int, str], list[int]] = {}  # (row, id) -> frames
        for number, frame in enumerate(frames):
            for row, content in self._rows_of(frame.svg).items():
                name = self._rows.setdefault(content, f"r{len(self._rows)}")
                self._shown.setdefault((row, name), []).append(number)

    def _rows_of(self, svg: str) -> dict[int, str]:
        """Return the content of each row of a screenshot, moved to the place of the first row."""
        prefix = re.search(r"\.(terminal-\d+)-matrix", svg)
        assert prefix is not None
        styles = dict(re.findall(rf"\.{prefix[1]}-(r\d+) \{{ (.*?) \}}", svg))
        rows: dict[int, list[str]] = {}
        matrix = svg[svg.rindex("</defs>") :]
        for fill, x, y, width, _ in re.findall(
            r'<rect fill="([^"]+)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)" shape-', matrix
        ):
            row = round((float(y) - _RECT_Y) / _ROW_HEIGHT)
            rows.setdefault(row, []).append(f'<rect fill="{fill}" x="{x}" y="1.5" width="{width}" height="24.65"/>')
        for style, x, y, length, text in re.findall(
            rf'<text class="{prefix[1]}-(r\d+)" x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)"[^>]*>(.*?)</text>',
            matrix,
        ):
            if not text.replace("&#160;", ""):
                continue
            name = self._styles.setdefault(styles[style], f"s{len(self._styles)}")
            row = round((float(y) - _TEXT_Y) / _ROW_HEIGHT)
            rows.setdefault(row, []).append(f'<text class="{name}" x="{x}" y="20" textLength="{length}">{text}</text>')
        return {row: "".join(parts) for row, parts in rows.items()}

    def svg(self) -> str:
        """Return the animation as an SVG."""
        places: dict[tuple[int, int], str] = {}  # the first frame and the one after the last -> class
        uses = []
        for (row, name), numbers in sorted(self._shown.items()):
            for interval in _intervals(numbers):
                place = places.setdefault(interval, f"k{len(places)}")
                uses.append(f'<use href="#{name}" y="{row * _ROW_HEIGHT:g}" class="{place}"/>')
        styles = [f".{name}{{{css.replace(' ', '')}}}" for css, name in self._styles.items()]
        hidden_at_end = [f".{name}" for (_, end), name in places.items() if end < len(self._frames)]
        motion = "".join(self._animation(interval, name) for interval, name in places.items())
        window = _chrome(self._frames[0].svg)
        lines = [
            f"{window.head}<style>",
            "text{font-family:Fira Code,monospace;font-size:20px;white-space:pre}",
            *styles,
            f"{','.join(hidden_at_end)}{{visibility:hidden}}",
            f"@media (prefers-reduced-motion: no-preference){{{motion}}}",
            "</style><defs>",
            *(f'<g id="{name}">{content}</g>' for content, name in self._rows.items()),
            f'</defs>{window.frame}<g transform="translate(9, 41)">',
            f'<rect fill="{_GROUND}" width="{COLUMNS * _CELL_WIDTH:g}" height="{ROWS * _ROW_HEIGHT:g}"/>',
            *uses,
            "</g></svg>\n",
        ]
        return "\n".join(lines)

    def _animation(self, interval: tuple[int, int], name: str) -> str:
        """Return the CSS that shows what has the class ``name`` in the frames of ``interval``, and at no other time."""
        begin, end = interval
        if end - begin == len(self._frames):
            return ""
        seconds = [frame.seconds for frame in self._frames]
        total = sum(seconds)
        from_, to = (100 * sum(seconds[:number]) / total for number in interval)
        steps = [f"0%{{visibility:{'hidden' if begin else 'visible'}}}"]
        if begin:
            steps.append(f"{from_:.2f}%{{visibility:visible}}")
        if end < len(self._frames):
            steps.append(f"{to:.2f}%{{visibility:hidden}}")
        return f"@keyframes {name}{{{''.join(steps)}}}.{name}{{animation:{name} {total:g}s step-end infinite}}"


class _Window(NamedTuple):
    """The first tag of a screenshot, and its frame without a title."""

    head: str
    frame: str


def _chrome(svg: str) -> _Window:
    head = re.match(r"<svg[^>]*>", svg)
    frame = re.search(r'</defs>\s*(<rect .*?</g>)\s*<g transform="translate\(9', svg, re.DOTALL)
    assert head is not None
    assert frame is not None
    return _Window(head[0], re.sub(r"<text.*?</text>", "", frame[1], flags=re.DOTALL))


def _intervals(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Return the runs of consecutive ``numbers``, each as its first and the one after its last."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number:
            runs[-1] = (runs[-1][0], number + 1)
        else:
            runs.append((number, number + 1))
    return runs


def main() -> None:
    """Makes it."""
    FILE.write_text(Film(asyncio.run(record())).svg(), encoding="utf-8")


if __name__ == "__main__":
    main()
