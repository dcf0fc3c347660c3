"""Reading needs no more than read permission; a log that may only be read is refused to writers."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from support.journals import all_texts
from support.owners import ALICE, BOB, TEAM, RunAs, give, make_log
from support.processes import held


def test_a_log_that_may_only_be_read_leaves_no_lock_behind(run_as: RunAs, place: Path) -> None:
    """A lock of bob's, 0600, beside alice's log would lock alice out of it."""
    give(place, ALICE, TEAM, 0o775)
    log = make_log(place, ALICE, 0o644)
    assert run_as(BOB, "log", "the words").returncode == 3
    assert [path.name for path in place.iterdir()] == ["sanity.log"]
    assert run_as(ALICE, "log", "words").returncode == 0
    assert all_texts(log) == ["before", "words"]


@pytest.mark.parametrize(
    "argv",
    [["tail"], ["-R"], ["status"], ["doctor"], ["hyp", "list"], ["path"]],
    ids=lambda argv: " ".join(argv),
)
def test_reading_needs_no_more_than_read_permission_and_creates_nothing(
    run_as: RunAs, place: Path, argv: list[str]
) -> None:
    make_log(give(place, ALICE), ALICE, 0o644)
    done = run_as(BOB, *argv)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr.decode()
    if argv in (["tail"], ["-R"]):
        assert done.stdout == b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] before\n"
    assert [path.name for path in place.iterdir()] == ["sanity.log"]


@pytest.mark.parametrize("argv", [["tail"], ["-R"], ["status"], ["doctor"], ["hyp", "list"]], ids=" ".join)
def test_reading_where_there_is_nothing_yet_creates_nothing(run_as: RunAs, place: Path, argv: list[str]) -> None:
    give(place, ALICE)
    done = run_as(ALICE, *argv, SANITY_LOG="", XDG_STATE_HOME=str(place / "state"))
    assert done.returncode == (0 if argv[0] in ("status", "hyp") else 1)
    assert list(place.iterdir()) == []


def test_reading_goes_on_while_somebody_holds_the_lock(run_as: RunAs, place: Path) -> None:
    log = make_log(give(place, ALICE), ALICE, 0o644)
    with held(Path(f"{log}.lock")):
        assert run_as(BOB, "tail").stdout == log.read_bytes()


@pytest.mark.slow
def test_tail_f_follows_a_log_that_may_only_be_read(place: Path, run_as: RunAs) -> None:
    log = make_log(give(place, ALICE), ALICE, 0o644)
    follow = subprocess.Popen(
        BOB.argv("tail", "-f"),
        env={**os.environ, "HOME": str(place), "SANITY_LOG": str(log)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert follow.stdout is not None
        assert follow.stdout.readline().endswith(b"] before\n")
        written = run_as(ALICE, "log", "live")
        assert follow.stdout.readline() == written.stdout
        log.rename(f"{log}.1")
        new = place / "new"  # as it is when it is done: logrotate's way to get there is test_follow's
        new.touch()
        give(new, ALICE, bits=0o644).rename(log)
        written = run_as(ALICE, "log", "after rotation")
        assert follow.stdout.readline() == written.stdout
    finally:
        follow.kill()
        follow.communicate()


def test_a_log_that_may_not_be_read_is_a_sentence(run_as: RunAs, place: Path) -> None:
    log = make_log(give(place, ALICE), ALICE, 0o600)
    for argv in (["tail"], ["log", "the words"], ["status"], ["doctor"]):
        done = run_as(BOB, *argv)
        stderr = done.stderr.decode()
        assert (done.returncode, done.stdout) == (3, b"")
        assert f"{log} " in stderr
        assert "--log" in stderr
        assert "Traceback" not in stderr


def test_a_log_that_may_be_there_in_a_closed_folder_is_not_called_missing(run_as: RunAs, place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    (closed / "sanity.log").touch()
    done = run_as(BOB, "--log", str(closed / "sanity.log"), "log", "precious")
    assert done.returncode == 3
    assert "cannot be opened: permission denied; ask the owner of its folder" in done.stderr.decode()


def test_a_folder_that_may_not_be_written_is_a_sentence(run_as: RunAs, place: Path) -> None:
    done = run_as(ALICE, "log", "the words")  # the folder is root's, and there is no log in it
    stderr = done.stderr.decode()
    assert done.returncode == 3
    assert "the words" in stderr
    assert str(place / "sanity.log") in stderr
    assert list(place.iterdir()) == []
