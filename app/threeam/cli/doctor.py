"""``3am doctor``: reads the log and says what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.cli.console import out, out_json, talk
from threeam.cli.context import context
from threeam.cli.exits import Exit
from threeam.cli.parser import Parser
from threeam.core.doctor import examine
from threeam.core.lock import holder


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am doctor``."""
    parser = Parser(
        "3am doctor",
        "Reads the log and says what is wrong with it: torn or foreign lines, NULs, stamps that run backwards "
        "undeclared, critical sections that overlap. Changes nothing. "
        "Exit 5 if there is any damage, 1 if there is no log.",
        "example:\n  3am doctor && echo sound",
    )
    parser.add_argument("--json", action="store_true", help="one object a finding")
    args = parser.parse_args(argv)
    at = context(args)
    segment = at.journal.live()
    if segment is None:
        talk(f"there is no log at {at.journal.log}; 3am path says which files, and why")
        return Exit.NO
    found = 0
    held = holder(at.journal.lock) is not None
    for finding in examine(segment, segment.size(), lock_held=held):
        found += 1
        if args.json:
            out_json({"offset": finding.offset, "line": finding.line, "what": finding.what, "text": finding.sentence})
        else:
            out(f"offset {finding.offset}, line {finding.line}: {finding.sentence}")
    if found:
        talk(f"{found} finding{'' if found == 1 else 's'} in {at.journal.log}; nothing was changed")
        return Exit.DAMAGE
    talk(f"{at.journal.log} is sound")
    return Exit.DONE
