"""``3am journals``: the journals there are, one for each bug."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from threeam.cli.console import out, out_json, stamp_json, talk
from threeam.cli.context import Context, context
from threeam.cli.exits import Exit
from threeam.cli.parser import Parser
from threeam.core.format.entry import visible
from threeam.core.format.report import when
from threeam.core.platform.disk import in_units
from threeam.core.state.catalog import Summary, name_of, own_journals, summary
from threeam.projections import FOLD


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am journals``."""
    parser = Parser(
        "3am journals",
        "Lists the journals of the state folder, and the one that is in force: last entry, open hypotheses, size. "
        "Any name begins a new one. On the screen ctrl+p changes between them.",
        "example:\n  3am -j checkout log 'the cart was somebody else's'\n  3am journals",
    )
    parser.add_argument("--json", action="store_true", help="one object a journal")
    args = parser.parse_args(argv)
    at = context(args)
    found = own_journals(os.environ)
    if at.journal.live() is not None and at.journal.log not in {one.log for one in found}:
        found.insert(0, at.journal)
    if not found:
        talk("no journals yet: 3am log TEXT begins one, and 3am -j NAME log TEXT one of another name")
    for one in found:
        told = summary(one, FOLD)
        if args.json:
            out_json(_json(at, told))
        else:
            out(_line(at, told))
    return Exit.DONE


def _line(at: Context, one: Summary) -> str:
    here = "*" if one.journal.log == at.journal.log else " "
    home = one.journal.home
    mine = home is not None and os.path.dirname(one.journal.log) == os.path.realpath(home)
    name = f"{here} {visible(name_of(one.journal) if mine else one.journal.log):<16}"  # -j knows no others
    if one.problem:
        return f"{name} {visible(one.problem)}"
    last = "no entry yet" if one.last is None else f"last {when(one.last.stamp, at.clock())}"
    return f"{name} {one.open:>3} open  {in_units(one.size):>9}  {last}"


def _json(at: Context, one: Summary) -> dict[str, Any]:
    return {
        "name": visible(name_of(one.journal)),
        "log": visible(one.journal.log),
        "current": one.journal.log == at.journal.log,
        "open": one.open,
        "size": one.size,
        "problem": visible(one.problem) or None,
        **(stamp_json(one.last.stamp) if one.last is not None else {"ts": None, "ts_ns": None}),
    }
