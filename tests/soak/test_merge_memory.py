"""`3am merge` holds little in memory, whatever the files are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.commands import command

MAX_KIB = 90 * 1024
# A process begins with the memory of the one that started it, and this one has much: so a small one starts it.
MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""
HUGE = 60_000_000  # bytes of a line, or of an entry
OTHER = b"".join(b"2026-11-24T03:14:%02d.500Z other\n" % second for second in range(60))


def huge_line(path: Path) -> None:
    """Write a line that is in order."""
    path.write_bytes(b"2026-11-24T03:14:07Z a\n2026-11-24T03:14:08Z " + b"x" * HUGE + b"\n2026-11-24T03:14:09Z c\n")


def late_huge_line(path: Path) -> None:
    """Write a line that is late."""
    path.write_bytes(b"2026-11-24T03:14:07Z a\n2026-11-24T03:14:05Z " + b"x" * HUGE + b"\n2026-11-24T03:14:09Z c\n")


def huge_continuation(path: Path) -> None:
    """Write a line without a timestamp."""
    path.write_bytes(b"2026-11-24T03:14:07Z a\n" + b"x" * HUGE + b"\n2026-11-24T03:14:09Z c\n")


def huge_entry(path: Path) -> None:
    """Write an entry of a million lines."""
    trace = b"".join(b"  at frame %d of a long trace of calls and returns\n" % number for number in range(HUGE // 60))
    path.write_bytes(b"2026-11-24T03:14:07Z a\n" + trace + b"2026-11-24T03:14:09Z c\n")


def huge_head(path: Path) -> None:
    """Write a million lines before the first timestamp."""
    head = b"".join(b"2026-11-24T03:14:07Z line %d\n" % number for number in range(400))
    path.write_bytes(b"# a comment that stands before the first line\n" * 100 + head)


def huge_second(path: Path) -> None:
    """Write a million lines of one second."""
    path.write_bytes(
        b"".join(b"2026-11-24T03:14:07Z line %d of a burst in one second\n" % number for number in range(HUGE // 50))
    )


@pytest.mark.slow
@pytest.mark.parametrize("write", [huge_line, late_huge_line, huge_continuation, huge_entry, huge_head, huge_second])
@pytest.mark.parametrize("output", ["raw", "short"])
def test_memory_does_not_grow_with_a_line_or_an_entry(write: Callable[[Path], None], output: str) -> None:
    write(Path("a.log"))
    Path("b.log").write_bytes(OTHER)
    printed = Path("printed")
    with printed.open("wb") as file:
        argv = [sys.executable, "-c", MEASURED, command(), "merge", "-o", output, "a.log", "b.log"]
        done = subprocess.run(argv, stdout=file, stderr=subprocess.PIPE, check=True)
    assert int(done.stderr) < MAX_KIB
    if output == "raw":
        lines = Path("a.log").read_bytes().splitlines() + OTHER.splitlines()
        assert sorted(printed.read_bytes().splitlines()) == sorted(lines)
