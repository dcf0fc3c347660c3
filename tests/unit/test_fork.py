"""A copy of the journal up to a moment: byte for byte, with where it comes from, and without what is left out."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.commands import Done, Run, command
from support.journals import entries, state_of
from support.lines import NIGHT, at_second
from support.people import CAROL
from threeam.core.format.entry import (
    ACQUIRED,
    NS_PER_S,
    RELEASING,
    Entry,
    Stamp,
    find_stamp_refs,
    format_entry,
    parse_entry,
)
from threeam.core.store import reader
from threeam.core.store.attachment_kinds import COPIED_TEXT
from threeam.core.store.attachments import memory_dir, replace_attachment
from threeam.core.store.journal import resolve_journal
from threeam.projections import FOLD

SECRET = "hunter2-4f1d9c"
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


@pytest.fixture
def night(log: Path) -> Path:
    """A log of six lines."""
    log.write_bytes(A_NIGHT)
    return log


@pytest.fixture
def to(tmp_path: Path) -> Path:
    """Where the copy goes."""
    return tmp_path / "copy.log"


def good(done: Done) -> bytes:
    """What was printed; of words that were left out it is said as well where else they may stand."""
    assert done.returncode == 0, done.stderr
    assert done.stderr == b"" or done.stderr.startswith(b"3am: the words may still stand in"), done.stderr
    return done.stdout


def refused(done: Done, *codes: int) -> str:
    """The one sentence of a fork that was not made."""
    said = done.stderr.decode()
    assert done.returncode in codes, said
    assert "Traceback" not in said
    assert done.stdout == b""
    return said


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
    return [json.loads(one) for one in listed.splitlines()]


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
    one = to.with_name("one.log")
    good(run("fork", "--at", f"@{at_second(1)}", "--to", str(one)))
    assert copied(one)[0] == line(0, "paged", ALICE)


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
    assert [(one["number"], one["state"]) for one in listed] == [(1, "open")]


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
    said = refused(run("fork", "--to", name), 1, 3)
    assert "copy.log" in said or "other.log" in said or str(night) in said
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
        (["--blank", "the secret"], 2, "is no stamp"),
        (["--at", "@03:14"], 2, "is no stamp"),
        (["--at", "tea"], 2, "is no time"),
        (["--at", "2020-01-01"], 1, "begins later"),
    ],
)
def test_what_is_not_in_it_is_said(run: Run, night: Path, to: Path, argv: Sequence[str], code: int, words: str) -> None:
    assert words in refused(run("fork", "--to", str(to), *argv), code)
    assert not to.exists()


def test_where_there_is_no_log_there_is_nothing_to_copy(run: Run, to: Path) -> None:
    assert "there is no log at" in refused(run("fork", "--to", str(to)), 1)
    assert not to.exists()


def test_of_two_forks_at_once_one_wins_and_the_file_is_whole(night: Path, to: Path) -> None:
    """Whoever is second is refused, wherever the first is by then."""
    for n in range(3):
        path = to.with_name(f"copy{n}.log")
        both = [
            subprocess.Popen(
                [command(), "fork", "--to", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for _ in range(2)
        ]
        told = [one.communicate(timeout=60) for one in both]
        assert sorted(one.returncode for one in both) == [0, 1], told
        raw, _ = copied(path)
        assert raw == A_NIGHT
        won = next(out for one, (out, _) in zip(both, told, strict=True) if one.returncode == 0)
        assert path.read_bytes() == raw + won
        assert not list(path.parent.glob("*.creating"))


# --- what is left out


def blanked(run: Run, to: Path, *stamps: Stamp) -> bytes:
    argv = [word for stamp in stamps for word in ("--blank", f"@{stamp}")]
    printed = good(run("fork", "--to", str(to), *argv))
    raw = to.read_bytes()
    copied(to)
    assert SECRET.encode() not in raw
    assert SECRET.encode() not in printed
    return raw


def test_a_text_is_left_out_and_its_line_stays(run: Run, log: Path, to: Path) -> None:
    log.write_bytes(
        line(0, "before", BOB) + line(1, f"the password is {SECRET}", ALICE, cups=2) + line(2, "after", BOB)
    )
    raw = blanked(run, to, at_second(1))
    assert raw.startswith(line(0, "before", BOB) + line(1, "(left out)", ALICE, cups=2) + line(2, "after", BOB))
    assert "1 line with words left out" in copied(to)[1].text
    assert SECRET in log.read_text(), "the journal itself stays as it is"


def test_all_lines_of_a_text_are_left_out(run: Run, log: Path, to: Path) -> None:
    good(run("log", f"a dump\nkey: {SECRET}\n\ntoken: {SECRET}2\n"))
    good(run("log", "harmless"))
    first = entries(log)[0]
    raw = blanked(run, to, first.stamp)
    assert b"a dump" not in raw
    assert b"harmless" in raw
    assert len(raw.splitlines()) == len(log.read_bytes().splitlines()) + 1


def test_a_claim_with_more_lines_is_left_out_whole(run: Run, log: Path, to: Path) -> None:
    good(run("hyp", "new", f"it is the token\n{SECRET} is in it"))
    good(run("hyp", "new", "another"))
    claim = next(one for one in entries(log) if one.kind == "Hypothesis")
    blanked(run, to, claim.stamp)
    assert {one["number"]: one["state"] for one in board(run, to)} == {1: "open", 2: "open"}


def test_where_it_is_quoted_it_is_left_out(run: Run, log: Path, to: Path) -> None:
    good(run("hyp", "new", "the cache leaks"))
    good(run("log", f"GET /?token={SECRET} 200 and more"))
    cited = entries(log)[-1].stamp
    good(run("hyp", "support", "H1", f"@{cited}"))
    good(run("hyp", "contradict", "H1", f"@{cited}", f"but GET /?token={SECRET} 200 and more is old"))
    assert log.read_text().count(SECRET) == 3
    raw = blanked(run, to, cited)
    supports = next(one for one in map(parse_entry, raw.splitlines()) if one is not None and one.kind == "Supports")
    assert find_stamp_refs(supports.text) == [cited]
    copy, here = board(run, to), board(run, log)
    assert [(one["supports"], one["contradicts"]) for one in copy] == [(0, 1)], "a line counts once"
    assert copy == here


def test_a_stamp_that_names_it_in_another_zone_is_the_same(run: Run, log: Path, to: Path) -> None:
    log.write_bytes(line(0, "x", BOB) + line(1, f"{SECRET}", ALICE))
    blanked(run, to, Stamp(at_second(1).ns, 7200))


def test_what_it_was_corrected_to_is_left_out_where_that_is_blanked(run: Run, log: Path, to: Path) -> None:
    """A correction has words of its own: they go with its own stamp, and the original's with the original's."""
    good(run("log", f"password {SECRET}"))
    first = entries(log)[0].stamp
    good(run("correct", f"@{first}", f"password {SECRET} on staging"))
    blanked(run, to, first)


def test_a_claim_that_a_rotation_carried_over_is_left_out(run: Run, log: Path, to: Path) -> None:
    good(run("hyp", "new", f"the token {SECRET} leaked"))
    claim = next(one for one in entries(log) if one.kind == "Hypothesis").stamp
    rotate(run, "one")
    rotate(run, "two")
    assert sum(path.read_text().count(SECRET) for path in files(log)) == 3
    blanked(run, to, claim)
    assert [(one["number"], one["state"]) for one in board(run, to)] == [(1, "open")]


def test_in_foreign_lines_it_is_left_out(run: Run, log: Path, to: Path) -> None:
    log.write_bytes(
        line(0, f"{SECRET}", ALICE) + f"kernel: argv {SECRET} \x1b[0m".encode() + b"\xff\n" + b"kernel: else\n"
    )
    raw = blanked(run, to, at_second(0))
    assert b"kernel: else\n" in raw
    assert b"\n(left out)\n" in raw


def test_a_secret_deep_in_a_long_line_is_left_out(run: Run, log: Path, to: Path) -> None:
    edge = b"x" * (reader.CHUNK_BYTES * 6 - 10)
    log.write_bytes(line(0, "hunter2hunter2") + b"a long line " + edge + b"hunter2hunter2" + edge + b"\n")
    done = run("fork", "--blank", f"@{at_second(0)}", "--to", str(to))
    assert done.returncode == 0, done.stderr
    assert b"hunter2" not in to.read_bytes()
    assert to.read_bytes().count(b"(left out)") == 2


def test_a_long_line_is_copied_byte_for_byte(run: Run, log: Path, to: Path) -> None:
    log.write_bytes(line(0, "a note") + b"a long line " + bytes(range(11, 256)) * 12_000)
    done = run("fork", "--to", str(to))
    assert done.returncode == 0, done.stderr
    assert to.read_bytes().startswith(log.read_bytes() + b"\n[")


def test_two_are_left_out_by_two_options(run: Run, log: Path, to: Path) -> None:
    log.write_bytes(line(0, f"{SECRET}-a", ALICE) + line(1, f"{SECRET}-b", BOB) + line(2, "kept", BOB))
    raw = blanked(run, to, at_second(0), at_second(1))
    assert raw.count(b"(left out)") == 2
    assert b"] kept\n" in raw


def test_tags_and_state_stay(run: Run, log: Path, to: Path) -> None:
    log.write_bytes(
        line(0, f"Hypothesis: {SECRET} expired", ALICE, OPEN)
        + line(1, f"Prediction: {SECRET} will be refused", ALICE, OPEN)
        + line(2, f"Supports: 401 for {SECRET}", BOB, OPEN)
        + line(3, f"Coffee: cup 3 with {SECRET}.", ALICE, ("MG", "95"), cups=3)
        + line(4, f"Changed: rotated {SECRET} (undo: put it back)", ALICE, ("CHANGE", "open"))
        + line(5, f"Conclusion: {SECRET} was old", BOB, ("H1", "confirmed"), ("RECHECK", "toxic"))
        + line(6, ACQUIRED, cups=1)
        + line(7, f"Hypothesis: {SECRET} in cron", cups=1)
        + line(8, RELEASING, cups=1)
    )
    blanked(run, to, *(at_second(n) for n in (0, 1, 2, 3, 4, 5, 7)))
    words = ("claim", "reason", "why", "text", "verdict")
    here, copy = board(run, log), board(run, to)
    strip = [[{key: one[key] for key in one if key not in words} for one in all_of] for all_of in (here, copy)]
    assert strip[0] == strip[1]
    assert {one["claim"] for one in copy} == {"(left out)"}
    assert FOLD.state_at(*_end(log)).people == {
        **FOLD.state_at(*_end(to)).people,
        "alice": FOLD.state_at(*_end(log)).people["alice"],
    }
    for old, new in zip(entries(log), entries(to)[:-1], strict=True):
        assert (old.stamp, old.cups, old.tags, old.kind) == (new.stamp, new.cups, new.tags, new.kind)


def _end(log: Path):  # type: ignore[no-untyped-def]
    live = resolve_journal(str(log)).open_live()
    assert live is not None
    return live, live.size()


# --- who may


def as_user(place: Path, *argv: str) -> Done:
    return subprocess.run(
        CAROL.argv(*argv),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        env={**os.environ, "HOME": str(place), "SANITY_LOG": str(place / "sanity.log"), "SANITY_LOCK": ""},
    )


def test_it_needs_to_read_the_journal_and_no_more(place: Path) -> None:
    log, own = place / "sanity.log", place / "own"
    log.write_bytes(A_NIGHT)
    log.chmod(0o644)
    own.mkdir()
    os.chown(own, 64021, 64021)
    good(as_user(place, "fork", "--to", str(own / "copy.log")))
    assert copied(own / "copy.log")[0] == A_NIGHT
    assert (own / "copy.log").stat().st_uid == 64021
    assert sorted(path.name for path in place.iterdir()) == ["own", "sanity.log"]


def test_a_folder_that_may_not_be_written_is_a_sentence_and_nothing_is_left(place: Path) -> None:
    log = place / "sanity.log"
    log.write_bytes(A_NIGHT)
    log.chmod(0o644)
    said = refused(as_user(place, "fork", "--to", str(place / "copy.log")), 3)
    assert str(place / "copy.log") in said
    assert [path.name for path in place.iterdir()] == ["sanity.log"]


def test_a_journal_that_may_not_be_read_is_a_sentence(place: Path) -> None:
    log, own = place / "sanity.log", place / "own"
    log.write_bytes(A_NIGHT)
    log.chmod(0o600)
    own.mkdir()
    os.chown(own, 64021, 64021)
    assert str(log) in refused(as_user(place, "fork", "--to", str(own / "copy.log")), 3)
    assert not (own / "copy.log").exists()


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


@pytest.mark.parametrize(
    "secret", [b"password hunter2-4f1d \xff", b"password\r hunter2-4f1d", b"password \x1b hunter2-4f1d"]
)
def test_a_secret_in_odd_bytes_is_left_out_too(run: Run, log: Path, tmp_path: Path, secret: bytes) -> None:
    log.write_bytes(f"[{NIGHT}] [COFFEE: 0] ".encode() + secret + b"\n" + b"of another tool: " + secret + b"\n")
    good(run("fork", "--to", str(tmp_path / "clean.log"), "--blank", f"@{NIGHT}"))
    assert b"hunter2" not in (tmp_path / "clean.log").read_bytes()


def test_the_later_words_of_what_is_left_out_are_left_out(run: Run, log: Path, tmp_path: Path) -> None:
    wrong = parse_entry(good(run("log", "pasword hunter2-abc")).rstrip(b"\n"))
    taken = parse_entry(good(run("stamp")).rstrip(b"\n"))
    assert wrong is not None
    assert taken is not None
    good(run("correct", f"@{wrong.stamp}", "password hunter2-abc"))
    good(run("stamp", f"@{taken.stamp}", "hunter2-abc again"))
    blanks = ("--blank", f"@{wrong.stamp}", "--blank", f"@{taken.stamp}")
    good(run("fork", "--to", str(tmp_path / "clean.log"), *blanks))
    assert b"hunter2" not in (tmp_path / "clean.log").read_bytes()


def test_a_cup_that_is_left_out_leaves_the_cups_of_others(run: Run, log: Path, tmp_path: Path) -> None:
    cup = parse_entry(good(run("coffee")).splitlines()[0])
    assert cup is not None
    log.write_bytes(log.read_bytes() + format_entry(cup._replace(stamp=Stamp(cup.stamp.ns + 1))))
    good(run("fork", "--to", str(tmp_path / "clean.log"), "--blank", f"@{cup.stamp}"))
    assert (tmp_path / "clean.log").read_bytes().count(b"Coffee: cup 1 of the night.") == 1


def test_a_link_to_nothing_is_something_that_is_there(run: Run, log: Path, tmp_path: Path) -> None:
    good(run("log", "x"))
    (tmp_path / "d.log").symlink_to(tmp_path / "target.log")
    assert run("fork", "--to", str(tmp_path / "d.log")).returncode == 1
    assert not (tmp_path / "target.log").exists()


def by(user: str, seconds: int, text: str, *tags: tuple[str, str]) -> bytes:
    return format_entry(Entry(Stamp(NIGHT.ns + seconds * NS_PER_S), 0, (("BY", f"{user}@db1:1"), *tags), text))


def left_of(run: Run, log: Path, tmp_path: Path, *stamps: int) -> bytes:
    """The copy without the entries of so many seconds into the night."""
    blanks = [word for one in stamps for word in ("--blank", f"@{Stamp(NIGHT.ns + one * NS_PER_S)}")]
    good(run("fork", "--to", str(tmp_path / "clean.log"), *blanks))
    return (tmp_path / "clean.log").read_bytes()


def test_a_long_line_with_others_in_between_is_left_out_whole(run: Run, log: Path, tmp_path: Path) -> None:
    pipe = ("VIA", "stdin")
    log.write_bytes(by("a", 1, "begin", pipe) + by("b", 2, "other") + by("a", 3, "|+ S3cr3t", pipe) + by("a", 4, "new"))
    copied = left_of(run, log, tmp_path, 1)
    assert b"S3cr3t" not in copied
    assert b"other" in copied
    assert b"new" in copied


def test_the_undo_of_a_change_is_left_out_where_it_was_undone(run: Run, log: Path, tmp_path: Path) -> None:
    log.write_bytes(by("a", 1, "Changed: pw rotated (undo: put back S3cr3tPw)", ("CHANGE", "open")))
    good(run("undone"))
    assert b"S3cr3t" not in left_of(run, log, tmp_path, 1)


def test_what_quotes_the_correction_of_it_is_left_out(run: Run, log: Path, tmp_path: Path) -> None:
    at = Stamp(NIGHT.ns + NS_PER_S)
    log.write_bytes(by("a", 1, "innocent") + by("a", 2, "Hypothesis: it", ("H1", "open")))
    good(run("correct", f"@{at}", "the key is S3cr3tKey"))
    good(run("hyp", "support", "H1", f"@{at}"))
    assert b"S3cr3t" in log.read_bytes().splitlines()[-1], "it is quoted"
    assert b"S3cr3t" not in left_of(run, log, tmp_path, 1)


def test_both_lines_of_a_stamp_that_stands_twice_are_left_out(run: Run, log: Path, tmp_path: Path) -> None:
    log.write_bytes(by("a", 1, "first S3cr3t") + by("a", 2, "x") + by("a", 1, "WARNING: Clock stepped back 1.000 s; x"))
    log.write_bytes(log.read_bytes() + by("b", 1, "second S3cr3t"))
    assert b"S3cr3t" not in left_of(run, log, tmp_path, 1)


def test_no_other_file_is_touched_and_what_one_that_was_killed_has_left_is_cleared(
    run: Run, log: Path, tmp_path: Path
) -> None:
    log.write_bytes(by("a", 1, "x"))
    left = tmp_path / "clean.log.0123456789abcdef.creating"
    os.link(log, left)
    before = log.read_bytes()
    good(run("fork", "--to", str(tmp_path / "clean.log")))
    assert not left.exists()
    assert log.read_bytes() == before


def test_the_fork_names_every_place_of_the_user_that_may_hold_the_words(run: Run, log: Path, to: Path) -> None:
    assert run("log", "the password is hunter2").returncode == 0
    assert run("rotate").returncode == 0
    (rotated,) = log.parent.glob("sanity.2*.log")
    journal = resolve_journal(str(log))
    replace_attachment(journal, COPIED_TEXT, b"the password is hunter2")
    memory = Path(memory_dir(journal))
    memory.mkdir(parents=True)
    (memory / "history").write_text('"hunter2"')
    stamp = entries(rotated)[0].stamp
    said = run("fork", "--to", str(to), "--blank", f"@{stamp}").stderr.decode()
    for place in (str(log), str(rotated), f"{journal.attachments_dir}: copied", f"{memory}: history"):
        assert f"  {place}\n" in said
