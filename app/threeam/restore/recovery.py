"""Point-in-time recovery: the moment before the corruption, and the runbook that leads there. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

from jinja2 import Environment, StrictUndefined

from threeam.core.draft import Draft, DraftLine
from threeam.core.entry import NS, Stamp, visible
from threeam.core.journal import BadInput
from threeam.core.seek import stamp_of
from threeam.core.when import duration, parse_when

ENGINES = ("postgres", "mysql")
DEFAULT_MINUS = "1ms"
_UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": NS, "m": 60 * NS, "min": 60 * NS, "h": 3600 * NS}
_LENGTH = re.compile(r"(\d{1,12})(ns|us|µs|ms|s|min|m|h)")
_US = 1_000  # ns


class BadLength(BadInput):
    """A length of time that cannot be understood."""


class Target(NamedTuple):
    """``t``: when the corrupted transaction was committed; ``minus_ns`` before it is where the replay must end."""

    t: Stamp
    minus_ns: int

    @property
    def ns(self) -> int:
        """T − minus."""
        return self.t.ns - self.minus_ns

    @property
    def microsecond(self) -> str:
        """The last whole microsecond that is not after it, as PostgreSQL writes it, in UTC with the offset."""
        at = Stamp(self.ns // _US * _US)
        return f"{at.day} {at.clock[:15]}+00"

    @property
    def t_microsecond(self) -> str:
        """T itself, so written, rounded down."""
        at = Stamp(self.t.ns // _US * _US)
        return f"{at.day} {at.clock[:15]}+00"

    @property
    def second(self) -> str:
        """The second that it is in, in UTC: mysqlbinlog stops at the first event of it, and so never after it."""
        at = Stamp(self.ns)
        return f"{at.day} {at.clock[:8]}"

    @property
    def after(self) -> str:
        """The end of the second after T, in UTC: up to there one looks for the transaction itself."""
        at = Stamp((self.t.ns // NS + 2) * NS)
        return f"{at.day} {at.clock[:8]}"


def parse_length(text: str) -> int:
    """``1ms``, ``500us``, ``2s`` in ns. Raises `BadLength`."""
    found = _LENGTH.fullmatch(text.strip())
    if not found or int(found[1]) == 0:
        raise BadLength(f"{text!r} is no length of time: write 1ms, 500us, 2s")
    return int(found[1]) * _UNITS[found[2]]


def moment_of(text: str, now: Stamp) -> Stamp:
    """The instant that ``text`` names: an ``@stamp``, or a time as `parse_when` has it. Raises `BadInput`."""
    if text.strip().startswith("@"):
        at, rest = stamp_of(text)
        if at is not None and not rest:
            return at
    return Stamp(parse_when(text, now), now.offset)


class Server(NamedTuple):
    """What a server says of itself, in sentences, and what stands against a restore to the target (empty: nothing)."""

    says: Sequence[str]
    against: Sequence[str]
    archive_command: str = ""


def runbook(engine: str, target: Target, source: str, server: Server | None = None) -> str:
    """The way to ``target`` and back into the live rows, as Markdown. ``source``: where T comes from."""
    environment = Environment(autoescape=False, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = (files("threeam.restore") / "runbooks" / f"{engine}.md").read_text(encoding="utf-8")
    return environment.from_string(template).render(
        target=target,
        minus=duration(target.minus_ns),
        at=str(target.t),
        t_us=target.t.ns // _US,
        source=visible(source),
        server=server,
    )


def noted(engine: str, target: Target, path: str) -> Draft:
    """Says to where data is being restored, and where the runbook lies."""
    where = target.microsecond if engine == "postgres" else f"{target.second}, and on by position"
    text = f"Restore: data of {engine} to {where}, {duration(target.minus_ns)} before @{target.t}: {path}"
    line = DraftLine(text, (("RESTORE", "data"), ("FILE", os.path.basename(path))))
    return Draft(lambda state, author, stamp: [line], whole=False)
