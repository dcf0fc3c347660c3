"""A night that tests of `3am fork` copy, and what a copy must be."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from support.commands import Done, Run
from support.lines import NIGHT, at_second
from threeam.core.format.entry import NS_PER_S, Entry, Stamp, format_entry, parse_entry

ALICE, BOB = ("BY", "alice@db1:4121%3"), ("BY", "bob@db1:9%1")
OPEN = ("H1", "open")


def line(seconds: float, text: str, *tags: tuple[str, str], cups: int = 0) -> bytes:
    return format_entry(Entry(at_second(seconds), cups, tags, text))


A_NIGHT = (
    line(0, "paged", ALICE)
    + line(1, "Hypothesis: the sweeper", ALICE, OPEN)
    + b"kernel: \x1b[2J oops \xff\n"
    + line(2, "Coffee: cup 1 of the night.", BOB, ("MG", "95"), cups=1)
    + line(3, "Conclusion: it was off", ALICE, ("H1", "refuted"))
    + line(4, "the last one", BOB, cups=1)
)


def good(done: Done) -> bytes:
    """What was printed; of words that were left out it is said as well where else they may stand."""
    assert done.returncode == 0, done.stderr
    assert done.stderr == b"" or done.stderr.startswith(b"3am: the words may still be in"), done.stderr
    return done.stdout


def refused(done: Done, *codes: int) -> str:
    """The one sentence of a fork that was not made."""
    stderr = done.stderr.decode()
    assert done.returncode in codes, stderr
    assert "Traceback" not in stderr
    assert done.stdout == b""
    return stderr


def copied(to: Path) -> tuple[bytes, Entry]:
    """The bytes that were copied, and the line behind them, which must be true."""
    raw = to.read_bytes()
    assert raw.endswith(b"\n")
    cut = raw.rfind(b"\n", 0, -1) + 1
    last = parse_entry(raw[cut:-1])
    assert last is not None
    assert last.kind == "Forked"
    sha256 = hashlib.sha256(raw[:cut]).hexdigest()
    assert last.tag("FORK") == sha256
    assert sha256 in last.text
    assert f" {cut} bytes" in last.text
    return raw[:cut], last


def rotate(run: Run, text: str) -> None:
    """Rotates the log, and goes on with a line."""
    good(run("rotate"))
    good(run("log", text))


def files(log: Path) -> list[Path]:
    return [*sorted(log.parent.glob("sanity.2*.log")), log]


def board(run: Run, log: Path) -> list[dict[str, object]]:
    listed = good(run("--log", str(log), "hyp", "list", "--json"))
    return [json.loads(line) for line in listed.splitlines()]


def line_by(user: str, seconds: int, text: str, *tags: tuple[str, str]) -> bytes:
    return format_entry(Entry(Stamp(NIGHT.ns + seconds * NS_PER_S), 0, (("BY", f"{user}@db1:1"), *tags), text))
