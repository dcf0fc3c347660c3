"""What a fork leaves out: the words of an entry, wherever else they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.commands import Run
from support.forks import ALICE, BOB, OPEN, board, copied, files, good, line, line_by, rotate
from support.journals import entries
from support.lines import NIGHT, at_second
from threeam.core.format.entry import ACQUIRED, NS_PER_S, RELEASING, Stamp, find_stamp_refs, format_entry, parse_entry
from threeam.core.store import reader
from threeam.core.store.attachment_kinds import COPIED_TEXT
from threeam.core.store.attachments import memory_dir, replace_attachment
from threeam.core.store.journal import resolve_journal
from threeam.projections import FOLD

SECRET = "hunter2-4f1d9c"


@pytest.fixture
def to(tmp_path: Path) -> Path:
    """Where the copy goes."""
    return tmp_path / "copy.log"


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
    claim = next(entry for entry in entries(log) if entry.kind == "Hypothesis")
    blanked(run, to, claim.stamp)
    assert {hypothesis["number"]: hypothesis["state"] for hypothesis in board(run, to)} == {1: "open", 2: "open"}


def test_where_it_is_quoted_it_is_left_out(run: Run, log: Path, to: Path) -> None:
    good(run("hyp", "new", "the cache leaks"))
    good(run("log", f"GET /?token={SECRET} 200 and more"))
    cited = entries(log)[-1].stamp
    good(run("hyp", "support", "H1", f"@{cited}"))
    good(run("hyp", "contradict", "H1", f"@{cited}", f"but GET /?token={SECRET} 200 and more is old"))
    assert log.read_text().count(SECRET) == 3
    raw = blanked(run, to, cited)
    supports = next(
        entry for entry in map(parse_entry, raw.splitlines()) if entry is not None and entry.kind == "Supports"
    )
    assert find_stamp_refs(supports.text) == [cited]
    copy, here = board(run, to), board(run, log)
    assert [(entry["supports"], entry["contradicts"]) for entry in copy] == [(0, 1)], "a line counts once"
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
    claim = next(entry for entry in entries(log) if entry.kind == "Hypothesis").stamp
    rotate(run, "one")
    rotate(run, "two")
    assert sum(path.read_text().count(SECRET) for path in files(log)) == 3
    blanked(run, to, claim)
    assert [(hypothesis["number"], hypothesis["state"]) for hypothesis in board(run, to)] == [(1, "open")]


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
    strip = [[{key: entry[key] for key in entry if key not in words} for entry in all_of] for all_of in (here, copy)]
    assert strip[0] == strip[1]
    assert {entry["claim"] for entry in copy} == {"(left out)"}
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


def left_of(run: Run, log: Path, tmp_path: Path, *stamps: int) -> bytes:
    """The copy without the entries of so many seconds into the night."""
    blanks = [word for stamp in stamps for word in ("--blank", f"@{Stamp(NIGHT.ns + stamp * NS_PER_S)}")]
    good(run("fork", "--to", str(tmp_path / "clean.log"), *blanks))
    return (tmp_path / "clean.log").read_bytes()


def test_a_long_line_with_others_in_between_is_left_out_whole(run: Run, log: Path, tmp_path: Path) -> None:
    pipe = ("VIA", "stdin")
    log.write_bytes(
        line_by("a", 1, "begin", pipe)
        + line_by("b", 2, "other")
        + line_by("a", 3, "|+ S3cr3t", pipe)
        + line_by("a", 4, "new")
    )
    copied = left_of(run, log, tmp_path, 1)
    assert b"S3cr3t" not in copied
    assert b"other" in copied
    assert b"new" in copied


def test_the_undo_of_a_change_is_left_out_where_it_was_undone(run: Run, log: Path, tmp_path: Path) -> None:
    log.write_bytes(line_by("a", 1, "Changed: pw rotated (undo: put back S3cr3tPw)", ("CHANGE", "open")))
    good(run("undone"))
    assert b"S3cr3t" not in left_of(run, log, tmp_path, 1)


def test_what_quotes_the_correction_of_it_is_left_out(run: Run, log: Path, tmp_path: Path) -> None:
    stamp = Stamp(NIGHT.ns + NS_PER_S)
    log.write_bytes(line_by("a", 1, "innocent") + line_by("a", 2, "Hypothesis: it", ("H1", "open")))
    good(run("correct", f"@{stamp}", "the key is S3cr3tKey"))
    good(run("hyp", "support", "H1", f"@{stamp}"))
    assert b"S3cr3t" in log.read_bytes().splitlines()[-1], "it is quoted"
    assert b"S3cr3t" not in left_of(run, log, tmp_path, 1)


def test_both_lines_of_a_stamp_that_stands_twice_are_left_out(run: Run, log: Path, tmp_path: Path) -> None:
    log.write_bytes(
        line_by("a", 1, "first S3cr3t")
        + line_by("a", 2, "x")
        + line_by("a", 1, "WARNING: Clock stepped back 1.000 s; x")
    )
    log.write_bytes(log.read_bytes() + line_by("b", 1, "second S3cr3t"))
    assert b"S3cr3t" not in left_of(run, log, tmp_path, 1)


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
    stderr = run("fork", "--to", str(to), "--blank", f"@{stamp}").stderr.decode()
    for place in (str(log), str(rotated), f"{journal.folder_beside_log}: copied", f"{memory}: history"):
        assert f"  {place}\n" in stderr
