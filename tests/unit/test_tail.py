"""`3am tail`: which lines it prints, and what it says if there are none."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from support.commands import Run, good, stderr_lines
from support.journals import parse_entries
from support.lines import HARMFUL
from support.night_log import ALICE, LONG_AGO, line
from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.core.store import reader
from threeam.core.store.journal import Journal

# --- tail


def test_tail_prints_the_last_lines_as_they_are_and_safe(run: Run, night_log: Path) -> None:
    done = run("tail", "-n", "2")
    assert good(done).splitlines() == ["kernel: \\x1b[2J oops \\xff", night_log.read_bytes().splitlines()[-1].decode()]
    assert done.stderr == b""


def test_tail_prints_ten_lines_by_default_and_none_of_an_empty_log(run: Run, log: Path) -> None:
    log.write_bytes(b"".join(line(i, f"n{i}") for i in range(30)))
    assert [entry.text for entry in parse_entries(good(run("tail")).encode())] == [f"n{i}" for i in range(20, 30)]
    assert good(run("tail", "-n", "0")) == ""


def test_tail_prints_an_unfinished_last_line(run: Run, night_log: Path) -> None:
    with night_log.open("ab") as file:
        file.write(b"[2026-11-2")
    assert good(run("tail", "-n", "1")) == "[2026-11-2\n"


@pytest.mark.parametrize(
    ("argv", "numbers"),
    [
        (["--grep", "deadlock|cron"], [1, 4]),
        (["--grep", r"\[H1:"], [3, 6]),
        (["--grep", "oops"], [5]),
        (["--since", str(Stamp(LONG_AGO.ns + 60 * NS_PER_S))], [3, 4, 6]),
        (["--until", "@" + str(Stamp(LONG_AGO.ns + 60 * NS_PER_S))], [0, 1, 2, 3]),
        (
            ["--since", Stamp(LONG_AGO.ns + 2).rfc3339(), "--until", Stamp(LONG_AGO.ns + 120 * NS_PER_S).rfc3339()],
            [2, 3, 4],
        ),
        (["--since", str(LONG_AGO), "-n", "1"], [6]),
        (["--until", "-1d", "--grep", "Acquired"], [0]),
        (["--kind", "conclusion"], [6]),
        (["--kind", "FOREIGN"], [5]),
        (["--by", "alice", "--grep", "H1"], [3, 6]),
        (["--by", "script"], [0, 1, 2]),
        (["--hyp", "H1", "--not", "Conclusion"], [3]),
        (["--hyp", "1", "--kind", "conclusion"], [6]),
        (["--not", "by:alice"], [0, 1, 2, 4, 5]),
        (["--not", "!Conclusion", "--hyp", "h1"], [3, 6]),
        (["-n", "+6"], [5, 6]),
        (["-n", "+4", "--hyp", "H1"], [3, 6]),
        (["-n", "+5", "--hyp", "H1"], [6]),
        (["-n", "+2", "--until", "@" + str(Stamp(LONG_AGO.ns + 60 * NS_PER_S))], [1, 2, 3]),
        (["-n", "+7"], [6]),
        (["-n", "+8"], []),
        (["-n", "1", "--hyp", "H1"], [6]),
    ],
    ids=lambda value: " ".join(value) if value and isinstance(value[0], str) else None,
)
def test_tail_filters(run: Run, night_log: Path, argv: list[str], numbers: list[int]) -> None:
    lines = night_log.read_bytes().splitlines()
    lines[5] = b"kernel: \\x1b[2J oops \\xff"
    assert good(run("tail", *argv)).encode().splitlines() == [lines[i] for i in numbers]


@pytest.mark.parametrize(
    "argv", [["--grep", "nowhere"], ["--since=-15m"], ["--since", "-15m", "--hyp", "H1", "--by", "alice"]], ids=" ".join
)
def test_what_tail_does_not_find_is_exit_1(run: Run, night_log: Path, argv: list[str]) -> None:
    done = run("tail", *argv)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


@pytest.mark.parametrize(
    ("argv", "missing"),
    [
        (["--hyp", "H9"], "H9"),
        (["--hyp", "H1", "--hyp", "H9", "--since", "-15m"], "H9"),
        (["--by", "carol\x1b"], r"line by carol\x1b"),
        (["--kind", "sleep", "--by", "alice"], "line of the kind sleep"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_tail_says_that_the_log_has_nothing_of_that_name(
    run: Run, night_log: Path, argv: list[str], missing: str
) -> None:
    done = run("tail", *argv)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (1, b"", f"3am: the log has no {missing}\n")


@pytest.mark.parametrize("argv", [["log", "x"], ["coffee"], ["hyp", "new", "x"], ["run", "--", "true"]], ids=" ".join)
def test_a_log_without_a_folder_is_refused_with_the_name_of_the_folder(
    run: Run, bare_home: Path, tmp_path: Path, argv: list[str]
) -> None:
    """And not with that of the lock, which would lie beside it."""
    done = run("--log", str(tmp_path / "missing/deep/x.log"), *argv)
    folder = tmp_path / "missing/deep"
    why = f"{folder}/x.log cannot be opened: its folder {folder} does not exist; make it (mkdir -p), or name another"
    assert done.returncode == 3
    assert why in done.stderr.decode()
    assert not (tmp_path / "missing").exists()


def test_a_log_in_a_file_is_refused_with_the_name_of_the_file(run: Run, bare_home: Path, night_log: Path) -> None:
    done = run("--log", f"{night_log}/x.log", "log", "x")
    assert (done.returncode, f"its folder {night_log} is not a folder; name another" in done.stderr.decode()) == (
        3,
        True,
    )


def test_tail_from_a_line_on_counts_through_rotated_files(
    run_here: Run, journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(6):
        assert run_here("log", f"n{n}").returncode == 0
        if n in (1, 3):
            assert run_here("rotate").returncode == 0
    every = run_here("tail", "-n", "+1").stdout.splitlines()
    assert len(every) == 8, "six notes, and what two files begin with"
    monkeypatch.setattr(reader, "CHUNK_BYTES", 100)
    for first in range(1, 10):
        lines = run_here("tail", "-n", f"+{first}", "--grep", "n[0-5]$").stdout.splitlines()
        assert lines == [raw for raw in every[first - 1 :] if raw[-2:-1] == b"n"], first


def test_tail_of_no_log_says_so_and_is_exit_1(run: Run, log: Path) -> None:
    done = run("tail")
    assert (done.returncode, done.stdout) == (1, b"")
    assert "no log at" in stderr_lines(done)[0]
    assert not log.exists()


def test_tail_json_has_one_object_a_line(run: Run, night_log: Path) -> None:
    script, hypothesis, _, foreign, verdict = (
        json.loads(line) for line in good(run("tail", "-n", "5", "--json")).splitlines()
    )
    assert script["ts"] == Stamp(LONG_AGO.ns + 2).rfc3339()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", script["ts"])
    assert script["ts_ns"] == str(LONG_AGO.ns + 2)
    assert (script["by"], script["kind"], script["coffee"]) == (None, "ceremony", 3)
    assert (hypothesis["hypothesis"], hypothesis["state"], hypothesis["by"]) == (1, "open", ALICE[1])
    assert (foreign["foreign"], foreign["ts"], foreign["text"]) == (True, None, "kernel: \\x1b[2J oops \\xff")
    assert (verdict["kind"], verdict["text"]) == ("Conclusion", "Conclusion: it was off")
    raw = night_log.read_bytes()
    assert raw[foreign["offset"] :].startswith(b"kernel")


@pytest.mark.parametrize(
    "argv",
    [["tail", "--json"], ["tail"], ["hyp", "list"], ["hyp", "list", "--json"], ["hyp", "show", "H1"]],
    ids=" ".join,
)
def test_whatever_a_foreign_line_holds_is_made_safe_to_show(run: Run, log: Path, argv: list[str]) -> None:
    bad = "\x9b2J\u202e\u2028\x7f"
    log.write_bytes(
        f"[{LONG_AGO}] [COFFEE: 1] [BY: al{bad}ice@h{bad}:1] [H1: op{bad}en] [X: {bad}] Hypothesis: {bad}\n".encode()
    )
    assert not HARMFUL.search(good(run(*argv)))
