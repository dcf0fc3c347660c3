"""Faults for `3am team`, which its soak must find."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from faults import replace


def mutated(mutant: str) -> list[str]:
    """Return the command line of a `3am` that has the fault ``mutant``."""
    begin = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import team_mutants; del sys.path[0]\n"
    begin += f"team_mutants.MUTANTS[{mutant!r}]()\n"
    return [sys.executable, "-P", "-c", begin + "from threeam.cli.main import run_and_exit; run_and_exit()"]


def _engine_not_asked() -> None:
    from threeam.team.messages.message import Message
    from threeam.team.outgoing import Cursor
    from threeam.team.publisher import Publisher

    real = Publisher._resume

    def resume(self: Publisher, last: Message | None) -> Cursor | None:
        return self._cursor if self._cursor is not None else real(self, last)

    replace(Publisher, "_resume", resume)


def _mirror_appends_what_comes() -> None:
    from threeam.core.platform.whole_write import write_all_at
    from threeam.team.messages.message import Message
    from threeam.team.mirrors import mirror_part

    def write(self: mirror_part.OpenPart, message: Message) -> int:
        write_all_at(self._fd, message.payload, self.end - self.begin)
        self.end += len(message.payload)
        self._dirty = True
        return len(message.payload)

    replace(mirror_part.OpenPart, "write", write)


def _files_between_left_out() -> None:
    from threeam.team import outgoing
    from threeam.team.messages.position import SegmentEnd

    def successor(self: outgoing.Outgoing, cursor: outgoing.Cursor) -> outgoing.Cursor | None:
        live = self._journal.open_live()
        if live is None or live == cursor.segment:
            return None
        return outgoing._cursor_at_begin(live, SegmentEnd(cursor.name, cursor.offset))

    replace(outgoing.Outgoing, "_successor", successor)


MUTANTS: dict[str, Callable[[], None]] = {
    "continues where it was, without asking the engine": _engine_not_asked,
    "a mirror appends what comes": _mirror_appends_what_comes,
    "goes from a file to the live one": _files_between_left_out,
}
