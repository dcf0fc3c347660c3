"""Forks of a journal by several processes and by other users."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from support.commands import Done, command
from support.forks import A_NIGHT, copied, good, refused
from support.people import CAROL


@pytest.fixture
def night(log: Path) -> Path:
    """A log of six lines."""
    log.write_bytes(A_NIGHT)
    return log


@pytest.fixture
def to(tmp_path: Path) -> Path:
    """Where the copy goes."""
    return tmp_path / "copy.log"


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
        results = [child.communicate(timeout=60) for child in both]
        assert sorted(child.returncode for child in both) == [0, 1], results
        raw, _ = copied(path)
        assert raw == A_NIGHT
        won = next(out for child, (out, _) in zip(both, results, strict=True) if child.returncode == 0)
        assert path.read_bytes() == raw + won
        assert not list(path.parent.glob("*.creating"))


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
    sentence = refused(as_user(place, "fork", "--to", str(place / "copy.log")), 3)
    assert str(place / "copy.log") in sentence
    assert [path.name for path in place.iterdir()] == ["sanity.log"]


def test_a_journal_that_may_not_be_read_is_a_sentence(place: Path) -> None:
    log, own = place / "sanity.log", place / "own"
    log.write_bytes(A_NIGHT)
    log.chmod(0o600)
    own.mkdir()
    os.chown(own, 64021, 64021)
    assert str(log) in refused(as_user(place, "fork", "--to", str(own / "copy.log")), 3)
    assert not (own / "copy.log").exists()
