"""Makes the pictures in this folder from the running program, with the story of `3am demo`.

python screenshots/make.py
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from team_scene import mirror_web1

from threeam.core.config.settings import Settings
from threeam.core.store.journal import resolve_journal
from threeam.core.write.locked_log import WriteOptions
from threeam.core.write.writer import Writer
from threeam.demo import ALICE, BOB, write_story
from threeam.projections import FOLD
from threeam.timeline.arguments import SourceOptions
from threeam.timeline.instant import ClockCorrection
from threeam.timeline.open_logs import OpenLogs
from threeam.tui.app import JournalApp
from threeam.tui.session import Session

HERE = Path(__file__).parent

# name: columns, rows, beats of the story, whose screen (None: read-only), keys pressed first
PICTURES = {
    "journal": (120, 36, 18, ALICE, ("1",)),
    "toxic": (120, 36, 23, ALICE, ("1",)),
    "verdict": (120, 36, None, BOB, ("3", "V", *"one lock for both")),
    "read-only": (80, 24, None, None, ("k", "k", "k")),
    "finding": (
        120,
        36,
        None,
        ALICE,
        ("ampersand", *"!kind:coffee", "enter", "slash", *"sweeper", "enter", "N", "N", "m"),
    ),
    "entry": (120, 36, 27, ALICE, ("g", *"jjjj", "enter")),
    "thread": (120, 36, None, ALICE, ("3", "h", "enter")),
    "handoff": (120, 36, None, ALICE, ("S",)),
    "coffee": (100, 30, 24, ALICE, ("C",)),
    "restore": (100, 30, None, ALICE, ("R",)),
    "runs": (100, 30, None, ALICE, ("r", "enter")),
    "sleep": (100, 30, None, ALICE, ("R", "s")),
    "as-of": (120, 36, None, ALICE, ("k", "k", "k", "k", "less_than_sign")),
    "help": (120, 36, None, ALICE, ("question_mark",)),
    "timeline": (120, 36, None, ALICE, ("1", "k", "k", "k")),
    "races": (120, 36, None, ALICE, ("1", "X", "enter")),
    "witness": (120, 36, None, ALICE, ("1", "X", "enter", "enter")),
    "team": (120, 36, None, ALICE, ("colon", *"open web1", "enter")),
    "narrow": (40, 10, 24, ALICE, ()),
    "empty": (80, 24, 0, ALICE, ()),
}

# The logs of other programs beside the journal, in the picture of the timeline: an update just after a delete.
LOGS = {
    "web1.log": (
        "2026-11-24T03:17:07.100200Z app[11] start req=9f3",
        "2026-11-24T03:17:07.100900Z app[11] delete cart=42",
        "2026-11-24T03:17:07.100400Z app[12] read cart=42",
        "2026-11-24T03:17:07.140700Z app[11] 200 DELETE /cart/42",
    ),
    "web2.log": (
        "2026-11-24T03:17:07.097100Z app[7] GET cart=42",
        "2026-11-24T03:17:07.097750Z app[7] update cart=42",
        "2026-11-24T03:17:07.137900Z app[7] ERROR 0 rows updated",
        "    at Cart.renew (cart.py:88)",
    ),
    "db.log": (
        "2026-11-24 03:17:07.101 UTC [431] LOG:  statement: UPDATE carts SET qty = 2 WHERE id = 42",
        "2026-11-24 03:17:07.140 UTC [430] LOG:  duration: 39.812 ms",
    ),
    "lb.log": ('10.0.0.9 - - [24/Nov/2026:03:17:07 +0000] "PUT /cart/42 HTTP/1.1" 502 0 "-" "curl/8"',),
}


def _carts() -> dict[str, list[str]]:
    """Return two logs of 60 carts that are read, updated and deleted in turn, but for two: see their last lines."""

    def line(ms: float, text: str) -> str:
        return f"2026-11-24T03:17:{int(ms // 1000):02}.{round(ms % 1000 * 1000):06}Z {text}"

    web1, web2 = list[str](), list[str]()
    for cart in range(1, 61):
        ms = cart * 50.001
        web1 += [
            line(ms, f"app[11] req=a{cart} read cart={cart}"),
            line(ms + 1, f"app[11] req=a{cart} update cart={cart}"),
        ]
        web2.append(line(ms + 23.5, f"app[7] req=b{cart} delete cart={cart}"))
    web1 += [line(3026.9, "app[12] req=c1 update cart=60"), line(3030.4, "app[12] req=c2 update cart=59")]
    return {"web1.log": web1, "web2.log": web2}


def open_logs(folder: str, logs: Mapping[str, Sequence[str]]) -> OpenLogs:
    """Write ``logs`` to files and open them; the clock of web2 is 3.2 ms behind."""
    for name, lines in logs.items():
        Path(folder, name).write_text("".join(f"{line}\n" for line in lines))
    opened = OpenLogs(SourceOptions({}, {"web2": ClockCorrection(3_200_000, 410_000)}, {}, {}))
    opened.open([f"{folder}/{name}" for name in logs], {})
    return opened


async def picture(name: str) -> str:
    """The SVG of one picture."""
    columns, rows, beats, person, keys = PICTURES[name]
    with tempfile.TemporaryDirectory() as folder:
        journal = resolve_journal(f"{folder}/sanity.log")
        clock = write_story(journal, FOLD, beats)
        if name == "team":
            mirror_web1(journal, clock())
        by = person or ALICE
        writer = None if person is None else Writer(journal, FOLD, clock, WriteOptions(by.user, str(by), sync=False))
        session = Session(journal, Settings(), FOLD, by, clock, writer, emoji=True)
        logs = LOGS if name == "timeline" else _carts() if name in ("races", "witness") else {}
        app = JournalApp(session._replace(logs=open_logs(folder, logs)) if logs else session)
        async with app.run_test(size=(columns, rows), notifications=False) as pilot:
            await pilot.pause(0.5)  # a picture, not a test: the fold has arrived by then
            for key in keys:
                await pilot.press(key)
                if name in ("races", "witness"):
                    await pilot.pause(0.5)  # a search has its result by then
            await pilot.pause(0.5)
            svg = app.export_screenshot(title=f"3am · {name}")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # it would be fetched from elsewhere


def main() -> None:
    """Makes them all."""
    for name in PICTURES:
        (HERE / f"{name}.svg").write_text(asyncio.run(picture(name)), encoding="utf-8")


if __name__ == "__main__":
    main()
