"""A log with a line of 200 MB: every command reads it in seconds, and holds little of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.commands import command
from support.peak_memory import run_with_peak

pytestmark = pytest.mark.slow

SIZE = 200 * 1024 * 1024
MOST_MIB = 120  # of memory: what Python and 3am need by themselves, and a few heads of a line
ENTRY = b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 1] [BY: alice@db1:4121%3] a note\n"


def spent(*argv: str, stdout: Path) -> tuple[int, float]:
    """The exit code of a `3am`, and the most memory that it had, in MiB."""
    with stdout.open("wb") as out:
        return run_with_peak([command(), *argv], out)


def nuls(log: Path) -> None:
    """What a crash leaves behind an entry: blocks of the file that were never written."""
    log.write_bytes(ENTRY)
    os.truncate(log, len(ENTRY) + SIZE)


def text(log: Path) -> None:
    """A line without an end, of another program."""
    with log.open("wb") as file:
        file.write(ENTRY)
        for _ in range(SIZE // 1_000_000):
            file.write(b"0123456789" * 100_000)


@pytest.mark.parametrize("make", [nuls, text])
@pytest.mark.parametrize("ended", [False, True], ids=["at the end", "before an entry"])
def test_every_command_bounds_a_line_of_200_mb(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], ended: bool
) -> None:
    monkeypatch.setenv("SANITY_ROTATE_BYTES", str(10**12))  # the line that is written must not begin another file
    make(log)
    if ended:
        with log.open("ab") as file:
            file.write(b"\n" + ENTRY.replace(b".123", b".124"))
    out, copy = tmp_path / "out", tmp_path / "copy.log"
    for code, *argv in (
        (0, "tail", "-n", "3"),
        (0, "tail", "-n", "+1", "--json"),
        (0, "tail", "--grep", "note"),
        (0, "tail", "--since", "2026-11-24T03:14:07.123456788+0000"),
        (0, "as-of", "2026-11-24T03:14:08+0000"),
        (0, "status"),
        (0, "handoff"),
        (0, "export", "md"),
        (0, "export", "html"),
        (0, "export", "csv"),
        (5, "doctor"),
        (0, "fork", "--to", str(copy)),
        (0, "export", "jsonl"),
        (0, "--log", str(tmp_path / "import.log"), "import", str(out)),
        (0, "log", "the next note"),
        (0, "tail", "-n", "1"),
    ):
        done, mib = spent(*argv, stdout=tmp_path / "next")
        assert (done, argv) == (code, argv)
        assert mib < MOST_MIB, argv
        os.replace(tmp_path / "next", out)
    assert out.read_bytes().endswith(b"the next note\n")
    with log.open("rb") as lines, (tmp_path / "import.log").open("rb") as imported:
        while data := imported.read(1 << 20):
            assert data == lines.read(len(data))
