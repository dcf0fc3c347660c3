"""The files of a journal, made by hand: lines, names and heads as a rotation writes them."""

from __future__ import annotations

from pathlib import Path

from support.lines import BY, at_second
from threeam.core.format.entry import Entry, format_entry


def line(seconds: float, text: str, *tags: tuple[str, str], cups: int = 0) -> bytes:
    return format_entry(Entry(at_second(seconds), cups, (BY, *tags), text))


def repeated(seconds: float, text: str, *tags: tuple[str, str], cups: int = 0) -> bytes:
    return line(seconds, text, ("AT", str(at_second(0))), *tags, cups=cups)


def rotated_name(seconds: float, stem: str = "sanity") -> str:
    return f"{stem}.{at_second(seconds).rfc3339().replace('-', '').replace(':', '')}.log"


def head(seconds: float, stem: str = "sanity", *, lines: str | None = None) -> bytes:
    """The first line of a file that continues another; ``lines``: how many repeated ones follow, as it says."""
    stated = [("REPEATED", lines)] if lines is not None else []
    return repeated(seconds, f"Continued from {rotated_name(seconds, stem)}", *stated)


def chain_of(log: Path, count: int) -> list[Path]:
    """A journal of ``count`` rotated files and the live one, each with a note in it, as its rotations leave it."""
    paths = [log.parent / rotated_name(n) for n in range(1, count + 1)]
    for n, path in enumerate([*paths, log]):
        path.write_bytes((head(n) if n else b"") + line(n + 0.5, f"note {n}."))
    return paths


def texts(output: bytes) -> list[str]:
    return [line.partition("%3] ")[2] for line in output.decode().splitlines()]


def as_a_symlink(path: Path) -> None:
    path.rename(path.with_suffix(".away"))
    path.symlink_to(path.with_suffix(".away"))
