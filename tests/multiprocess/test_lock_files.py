"""The lock file: deleted, made at the same instant, foreign, and not a plain file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.commands import Run
from support.journals import all_texts, entries
from support.processes import held, three_am

NOBODY = 65534

AT_ONCE_S = 8  # less than the ten seconds for which a held lock is waited for


def test_a_lock_file_that_is_deleted_between_two_turns_is_made_again(run: Run, log: Path, lock: Path) -> None:
    assert run("log", "one").returncode == 0
    lock.unlink()
    assert run("log", "two").returncode == 0
    assert lock.exists()
    assert all_texts(log) == ["one", "two"]


def _plant(kind: str, lock: Path) -> None:
    match kind:
        case "symlink":
            lock.with_name("elsewhere").touch()
            lock.symlink_to("elsewhere")
        case "dangling symlink":
            lock.symlink_to("nowhere")
        case "FIFO":
            os.mkfifo(lock)
        case "folder":
            lock.mkdir()


@pytest.mark.parametrize("kind", ["symlink", "dangling symlink", "FIFO", "folder", "device"])
def test_a_lock_that_is_not_a_plain_file_is_refused_with_a_sentence(run: Run, log: Path, lock: Path, kind: str) -> None:
    _plant(kind, lock)
    env = {"SANITY_LOCK": "/dev/null"} if kind == "device" else {}
    done = run("log", "the words", timeout=AT_ONCE_S, **env)  # no waiting for another process to open the FIFO
    stderr = done.stderr.decode()
    assert done.returncode == 3
    assert env.get("SANITY_LOCK", str(lock)) in stderr
    assert "--lock" in stderr, "the remedy for a bad lock is another lock"
    assert "the words" in stderr
    assert "Traceback" not in stderr
    assert not log.exists()
    assert not lock.with_name("nowhere").exists()


@pytest.fixture
def sticky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder as /tmp is: anybody may make files there, and only their owners may remove them."""
    folder = tmp_path_factory.mktemp("sticky")
    folder.chmod(0o1777)
    os.chown(folder, 2, 2)  # not ours either: a stranger's folder
    yield folder
    shutil.rmtree(folder)


def test_a_foreign_lock_in_a_sticky_folder_is_refused_with_a_sentence(run: Run, log: Path, sticky: Path) -> None:
    planted = sticky / "sanity.lock"
    planted.touch(0o666)
    os.chown(planted, NOBODY, NOBODY)
    done = run("log", "the words", timeout=AT_ONCE_S, SANITY_LOCK=str(planted))
    stderr = done.stderr.decode()
    assert done.returncode == 3
    assert str(planted) in stderr
    assert "nobody" in stderr
    assert "--lock" in stderr
    assert "the words" in stderr
    assert not log.exists()


def test_a_foreign_lock_is_refused_even_while_its_owner_holds_it(run: Run, sticky: Path) -> None:
    """Otherwise a stranger could make everybody wait for the whole timeout, for nothing."""
    planted = sticky / "sanity.lock"
    planted.touch(0o666)
    os.chown(planted, NOBODY, NOBODY)
    with held(planted):
        assert run("log", "the words", timeout=AT_ONCE_S, SANITY_LOCK=str(planted)).returncode == 3


@pytest.mark.slow
def test_many_locks_that_are_taken_for_the_first_time_at_once_are_one(log: Path, lock: Path) -> None:
    """Neither the log nor the lock exists when eight writers come at the same instant."""
    assert not lock.exists()
    with ExitStack() as stack:
        crowd = [stack.enter_context(three_am("hyp", "new", f"claim {i}")) for i in range(8)]
        for child in crowd:
            _, err = child.communicate(timeout=30)
            assert (child.returncode, err) == (0, b"")
    opened = [e.hypothesis for e in entries(log) if e.kind == "Hypothesis"]
    assert opened == [(n, "open") for n in range(1, 9)]
