"""A copy of the journal up to a moment: byte for byte, with where it comes from, and without what is left out."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.commands import Run
from support.forks import A_NIGHT, ALICE, BOB, board, copied, files, good, line, line_by, refused, rotate
from support.journals import state_of
from support.lines import at_second
from threeam.core.format.entry import NS_PER_S, Entry, Stamp, format_entry
from threeam.core.store.journal import resolve_journal


@pytest.fixture
def night(log: Path) -> Path:
    """A log of six lines."""
    log.write_bytes(A_NIGHT)
    return log


@pytest.fixture
def to(tmp_path: Path) -> Path:
    """Where the copy goes."""
    return tmp_path / "copy.log"


# --- the copy


def test_all_of_it_is_copied_byte_for_byte_and_the_last_line_says_from_where(run: Run, night: Path, to: Path) -> None:
    before = night.stat()
    printed = good(run("fork", "--to", str(to)))
    raw, last = copied(to)
    assert raw == A_NIGHT
    assert to.read_bytes() == raw + printed
    assert last.text.startswith(f"Forked: from {night}, offset {len(A_NIGHT)}: {len(A_NIGHT)} bytes, SHA-256 ")
    assert last.author is not None
    assert last.author.user == "alice"
    assert last.stamp.ns > at_second(4).ns
    after = night.stat()
    assert night.read_bytes() == A_NIGHT
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not list(to.parent.glob("*.creating"))


def test_a_stamp_cuts_right_before_its_entry(run: Run, night: Path, to: Path) -> None:
    """Not a millisecond before it: what stands above it is copied."""
    with night.open("ab") as file:
        file.write(line(4.0000001, "in the same millisecond", BOB))
    good(run("fork", "--at", f"@{at_second(4.0000001)}", "--to", str(to)))
    assert copied(to)[0] == A_NIGHT
    first = to.with_name("one.log")
    good(run("fork", "--at", f"@{at_second(1)}", "--to", str(first)))
    assert copied(first)[0] == line(0, "paged", ALICE)


def test_a_time_cuts_after_it(run: Run, night: Path, to: Path) -> None:
    good(run("fork", "--at", "2026-11-24T03:14:09.123456789Z", "--to", str(to)))
    assert copied(to)[0] == b"".join(A_NIGHT.splitlines(keepends=True)[:4])


def test_the_first_entry_leaves_an_empty_copy_that_says_so(run: Run, night: Path, to: Path) -> None:
    good(run("fork", "--at", f"@{at_second(0)}", "--to", str(to)))
    raw, last = copied(to)
    assert raw == b""
    assert "offset 0: 0 bytes" in last.text


def test_the_rotated_files_are_in_it_one_after_the_other(run: Run, night: Path, to: Path) -> None:
    rotate(run, "after the first")
    rotate(run, "after the second")
    good(run("fork", "-q", "--to", str(to)))
    raw, _ = copied(to)
    assert len(files(night)) == 3
    first, *later = [path.read_bytes() for path in files(night)]
    # What a rotation repeats is in the copy already, and would be forged elsewhere than at the head of a file.
    assert raw == first + b"".join(line for file in later for line in file.splitlines(True) if b"[AT: " not in line)
    assert run("--log", str(to), "tail", "--grep", "Continued from|AT: ").returncode == 1
    assert b"forged" not in run("--log", str(to), "doctor").stdout
    assert state_of(resolve_journal(str(to))).hypotheses == state_of(resolve_journal(str(night))).hypotheses


def test_a_cut_in_a_rotated_file_leaves_the_later_ones_out(run: Run, night: Path, to: Path) -> None:
    rotate(run, "after")
    good(run("fork", "--at", f"@{at_second(3)}", "--to", str(to)))
    raw, last = copied(to)
    assert raw == b"".join(A_NIGHT.splitlines(keepends=True)[:4])
    assert f"from {files(night)[0]}, offset {len(raw)}" in last.text
    listed = board(run, to)
    assert [(hypothesis["number"], hypothesis["state"]) for hypothesis in listed] == [(1, "open")]


def test_stamps_grow_to_the_last_line_also_where_the_log_is_of_the_future(run: Run, log: Path, to: Path) -> None:
    future = Stamp(4_000_000_000 * NS_PER_S)
    log.write_bytes(format_entry(Entry(future, 0, (ALICE,), "from another clock")))
    good(run("fork", "--at", "2097-01-01", "--to", str(to)))
    assert copied(to)[1].stamp.ns == future.ns + 1


def test_a_torn_last_line_is_ended(run: Run, night: Path, to: Path) -> None:
    with night.open("ab") as file:
        file.write(b"[2026-11-24T03:1")
    good(run("fork", "--to", str(to)))
    assert copied(to)[0] == A_NIGHT + b"[2026-11-24T03:1\n"


def test_the_copy_is_a_journal_that_goes_on(run: Run, night: Path, to: Path) -> None:
    good(run("fork", "--at", f"@{at_second(3)}", "--to", str(to)))
    done = run("--log", str(to), "hyp", "refute", "H1", "in the copy")
    assert done.returncode == 0, done.stderr
    assert state_of(resolve_journal(str(to))).hypotheses[1].state == "refuted"
    assert night.read_bytes() == A_NIGHT


def test_the_copy_is_its_makers_alone(run: Run, night: Path, to: Path) -> None:
    night.chmod(0o644)
    good(run("fork", "--to", str(to)))
    assert stat.S_IMODE(to.stat().st_mode) == 0o600


# --- what is refused


@pytest.mark.parametrize("what", ["file", "empty", "folder", "symlink", "itself"])
def test_what_is_there_stays_as_it_is(run: Run, night: Path, to: Path, what: str) -> None:
    other = to.with_name("other.log")
    if what == "file":
        to.write_bytes(b"mine\n")
    elif what == "empty":
        to.touch()
    elif what == "folder":
        to.mkdir()
    elif what == "symlink":
        other.write_bytes(b"mine\n")
        to.symlink_to(other)
    name = str(night if what == "itself" else to)
    listed = sorted(path for path in to.parent.iterdir() if path.suffix != ".lock")
    sentence = refused(run("fork", "--to", name), 1, 3)
    assert "copy.log" in sentence or "other.log" in sentence or str(night) in sentence
    assert night.read_bytes() == A_NIGHT
    if what == "file":
        assert to.read_bytes() == b"mine\n"
    elif what == "empty":
        assert to.read_bytes() == b""
    elif what == "folder":
        assert list(to.iterdir()) == []
    elif what == "symlink":
        assert to.is_symlink()
        assert other.read_bytes() == b"mine\n"
    assert sorted(path for path in to.parent.iterdir() if path.suffix != ".lock") == listed


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["--at", f"@{at_second(99)}"], 1, "there is no entry"),
        (["--blank", f"@{at_second(99)}"], 1, "there is no entry"),
        (["--blank", "the secret"], 2, "is not a stamp"),
        (["--at", "@03:14"], 1, "@03:14 names 5 entries: @03:14:11 the last one; "),
        (["--at", "tea"], 2, "is not a time"),
        (["--at", "2020-01-01"], 1, "begins later"),
    ],
)
def test_what_is_not_in_it_is_reported(
    run: Run, night: Path, to: Path, argv: Sequence[str], code: int, words: str
) -> None:
    assert words in refused(run("fork", "--to", str(to), *argv), code)
    assert not to.exists()


def test_without_a_log_there_is_nothing_to_copy(run: Run, to: Path) -> None:
    assert "there is no log at" in refused(run("fork", "--to", str(to)), 1)
    assert not to.exists()


# --- what a first reading of all this got wrong


def stepped_back() -> bytes:
    """A clock that was an hour ahead, and was stepped back: a time of now is in the first stretch too."""
    now = time.time_ns()
    return b"".join(
        format_entry(Entry(Stamp(now + seconds * NS_PER_S), 0, (("BY", "alice@db1:1"),), text))
        for seconds, text in (
            (-7200, "a"),
            (3000, "an hour ahead"),
            (3600, "still"),
            (-100, "WARNING: Clock stepped back 3700.000 s; the order of the file is the true order."),
            (-99, "after the step"),
        )
    )


def test_a_copy_of_all_of_it_is_of_all_of_it_whatever_the_clock_did(run: Run, log: Path, tmp_path: Path) -> None:
    log.write_bytes(stepped_back())
    for name, more in (("a.log", ()), ("b.log", ("--at", "now"))):
        good(run("fork", "--to", str(tmp_path / name), *more))
        assert (tmp_path / name).read_bytes().startswith(log.read_bytes())


def test_a_link_to_nothing_is_something_that_is_there(run: Run, log: Path, tmp_path: Path) -> None:
    good(run("log", "x"))
    (tmp_path / "d.log").symlink_to(tmp_path / "target.log")
    assert run("fork", "--to", str(tmp_path / "d.log")).returncode == 1
    assert not (tmp_path / "target.log").exists()


def test_no_other_file_is_touched_and_what_one_that_was_killed_has_left_is_cleared(
    run: Run, log: Path, tmp_path: Path
) -> None:
    log.write_bytes(line_by("a", 1, "x"))
    leftover = tmp_path / "clean.log.0123456789abcdef.creating"
    os.link(log, leftover)
    before = log.read_bytes()
    good(run("fork", "--to", str(tmp_path / "clean.log")))
    assert not leftover.exists()
    assert log.read_bytes() == before
