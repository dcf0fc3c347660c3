"""What is a journal: nothing is appended to another program's file, and a journal with foreign lines stays one."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from support.commands import Run
from support.journals import FakeClock, entries, writer_of
from support.lines import NIGHT
from threeam.core.errors import FileUnusable
from threeam.core.format.entry import Entry, format_entry
from threeam.core.store import recognize
from threeam.core.store.journal import Journal, resolve_journal
from threeam.core.write.draft import note_draft
from threeam.core.write.writer import Writer

LINE = format_entry(Entry(NIGHT, 2, (("BY", "alice@db1:4121%3"),), "tcpdump on :5432"))
FOREIGN = b"2026-11-24 03:14:07,123 INFO worker started\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        LINE,
        LINE + b"hi, by hand\n" * 20_000,
        b"hi, by hand\n" * 20_000 + LINE,
        b"hi, by hand\n" + LINE + FOREIGN * 10_000,
        LINE[30:] + LINE,  # cut off at the front
        LINE[:7],
        LINE[:40],
        LINE.replace(b"+0000", b"-0800")[:33],
        b"\0" * 5_000 + LINE,
        b"\xef\xbb\xbf" + LINE,
        LINE.replace(b"\n", b"\r\n"),
        b"[2026-11-24T03:14:07.N+0000] [COFFEE: 3] Hypothesis: by the date(1) of BusyBox\n",
        format_entry(Entry(NIGHT, 2, (), "x" * 60_000)) * 3,
    ],
    ids=range(14),
)
def test_a_journal_is_written(writer: Writer, log: Path, data: bytes) -> None:
    log.write_bytes(data)
    writer.write(note_draft("mine"))
    assert log.read_bytes().startswith(data)
    assert log.read_bytes().endswith(b"] mine\n")


NOT_JOURNALS = {
    "an application's log": FOREIGN * 500,
    "one line": b"hi\n",
    "one torn line": b"hi",
    "a torn line of another log": b"[2026-11-24 03:",
    "gzip": gzip.compress(LINE * 500),
    "nulls": b"\0" * 10_000,
    "utf-16": LINE.decode().encode("utf-16"),
    "json": b'{"at": "2026-11-24T03:14:07.123456789+0000", "coffee": 2}\n',
    "quoted": b"> " + LINE,
}


@pytest.mark.parametrize("what", NOT_JOURNALS)
def test_what_is_not_a_journal_is_not_written_and_gets_no_lock(
    writer: Writer, journal: Journal, log: Path, what: str
) -> None:
    log.write_bytes(NOT_JOURNALS[what])
    for write in (lambda: writer.write(note_draft("x")), lambda: writer.write_stream(["x"])):
        with pytest.raises(FileUnusable, match=r"is not a journal, since none of its lines is an entry|is UTF-16"):
            write()
    assert log.read_bytes() == NOT_JOURNALS[what]
    assert not os.path.exists(journal.lock_path)


@pytest.mark.parametrize("argv", [["log", "oops"], ["coffee"], ["sanity", "--delay", "0"], ["rotate"], ["run", "true"]])
def test_an_archive_is_damaged_by_no_command(
    run_here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: list[str]
) -> None:
    archive = tmp_path / "sanity.log.gz"
    archive.write_bytes(before := gzip.compress(LINE * 500))
    monkeypatch.delenv("SANITY_LOCK")
    done = run_here(argv[0], "--log", str(archive), *argv[1:])
    assert done.returncode == 3
    assert b"sanity.log.gz is not a journal" in done.stderr
    assert archive.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "sanity.log.gz"]


def test_it_can_still_be_read(run_here: Run, log: Path) -> None:
    log.write_bytes(FOREIGN)
    done = run_here("tail")
    assert (done.returncode, done.stdout) == (0, FOREIGN)


def test_in_the_state_folder_lines_by_hand_are_enough(tmp_path: Path, clock: FakeClock) -> None:
    state = tmp_path / "state"
    state.mkdir()
    log = state / "sanity.log"
    log.write_bytes(b"hi, by hand\n")
    writer = writer_of("alice", resolve_journal(str(log), state_dir=str(state)), clock)
    writer.write(note_draft("mine"))
    assert log.read_bytes().startswith(b"hi, by hand\n[")
    log.write_bytes(b"\x1f\x8b" + bytes(100))
    with pytest.raises(FileUnusable):
        writer.write(note_draft("mine"))


def test_an_old_file_of_a_journal_is_closed(writer: Writer, journal: Journal, clock: FakeClock, log: Path) -> None:
    writer.write(note_draft("before"))
    with writer.lock_log(full_state=True) as locked:
        old = locked.rotate().rotated_path
    before = Path(old).read_bytes()
    with pytest.raises(FileUnusable, match=f"{old} was rotated away from {log}: name that one"):
        writer_of("bob", resolve_journal(old), clock).write(note_draft("x"))
    assert Path(old).read_bytes() == before
    log.unlink()  # then it is a copy, or all that is left
    writer_of("bob", resolve_journal(old), clock).write(note_draft("x"))
    assert entries(Path(old))[-1].text == "x"


def test_a_log_without_an_extension_has_old_files_too(clock: FakeClock, tmp_path: Path) -> None:
    writer = writer_of("alice", resolve_journal(str(tmp_path / "night")), clock)
    writer.write(note_draft("before"))
    with writer.lock_log(full_state=True) as locked:
        assert recognize.live_log_path(locked.rotate().rotated_path) == str(tmp_path / "night")


def test_a_line_written_by_hand_after_logrotate_does_not_end_a_journal(log: Path, run: Run) -> None:
    good = run("log", "before")
    assert good.returncode == 0, good.stderr
    log.write_bytes(b"hi from echo\n")  # what `create` of logrotate and a shell leave; the lock file stays
    assert run("log", "after").returncode == 0
    assert log.read_bytes().startswith(b"hi from echo\n[2")


@pytest.mark.parametrize("creates", [True, False])
def test_a_log_that_is_rotated_away_while_it_is_looked_at_is_not_a_refusal(
    writer: Writer, log: Path, monkeypatch: pytest.MonkeyPatch, creates: bool
) -> None:
    """access(2) says no to a name that logrotate has just moved: a stream was refused with "permission denied"."""
    writer.write(note_draft("before"))
    real_access = os.access

    def rotated_away(path: str, mode: int) -> bool:
        if path == str(log) and not log.with_suffix(".1").exists():
            log.rename(log.with_suffix(".1"))
            if creates:
                log.touch()
            return False
        return real_access(path, mode)

    monkeypatch.setattr(os, "access", rotated_away)
    writer.write(note_draft("after"))
    assert [entry.text for entry in entries(log)] == ["after"]
