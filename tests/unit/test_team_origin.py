"""The id of a journal: made once, kept, and held by one publisher."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.commands import Run, good
from threeam.core.errors import FileUnusable
from threeam.core.store.journal import Journal
from threeam.team.blanking.blank_list import BlankedLine, BlankList
from threeam.team.messages.position import Origin
from threeam.team.origin import OriginFile, origin_path, read_origin


def test_an_id_is_made_once(night_log: Path, journal: Journal) -> None:
    assert read_origin(journal) is None
    first, second = OriginFile(journal), OriginFile(journal)
    assert first.origin == second.origin == read_origin(journal)
    assert first.origin.epoch == 1
    assert len(first.origin.id) == 32
    assert sorted(path.name for path in night_log.parent.glob("sanity*")) == ["sanity.log", "sanity.log.origin"]
    first.close()
    second.close()


def test_one_process_publishes(night_log: Path, journal: Journal) -> None:
    first, second = OriginFile(journal), OriginFile(journal)
    assert first.lock()
    assert not second.lock()
    first.close()
    assert second.lock()
    second.close()


def test_who_waits_uses_the_file_that_has_the_name(night_log: Path, journal: Journal) -> None:
    first, second = OriginFile(journal), OriginFile(journal)
    path = Path(origin_path(journal))
    assert first.lock()
    path.unlink()
    assert not second.lock()  # the first process goes on with its id
    first.close()
    path.write_bytes(b"damaged")
    for _ in range(2):
        with pytest.raises(FileUnusable, match="remove it"):
            second.lock()
    path.unlink()
    assert second.lock()
    assert second.origin == read_origin(journal) != first.origin
    third = OriginFile(journal)
    assert not third.lock()
    assert third.origin == second.origin
    second.close()
    third.close()


def test_who_waits_sees_the_epoch_and_the_id_of_the_publisher(night_log: Path, journal: Journal) -> None:
    first, second = OriginFile(journal), OriginFile(journal)
    assert first.lock()
    epoch = first.begin_epoch(2)
    assert not second.lock()
    assert second.origin == epoch
    other = first.take_new_id()
    assert not second.lock()
    assert second.origin == other
    first.close()
    second.close()


def test_the_lock_ends_with_its_process(night_log: Path, journal: Journal) -> None:
    script = f"""
import os, signal
from threeam.core.store.journal import resolve_journal
from threeam.team.origin import OriginFile
assert OriginFile(resolve_journal({journal.log_path!r})).lock()
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    file = OriginFile(journal)
    assert file.lock()
    file.close()


def test_an_epoch_and_a_new_id_are_kept(night_log: Path, journal: Journal) -> None:
    file = OriginFile(journal)
    assert file.lock()
    assert read_origin(journal) == file.origin
    later = file.begin_epoch(2)
    assert later == Origin(file.origin.id, 2) == read_origin(journal)
    other = file.take_new_id()
    assert other.id != later.id
    assert read_origin(journal) == other == Origin(other.id, 1)
    file.close()


@pytest.mark.parametrize("content", [b"", b"x" * 32, b"g" * 32 + b" 000001\n", b"a" * 32 + b" 0\n", b"\0" * 40])
def test_a_damaged_file_is_refused_with_the_remedy(content: bytes, night_log: Path, journal: Journal) -> None:
    Path(origin_path(journal)).write_bytes(content)
    with pytest.raises(FileUnusable, match="remove it"):
        OriginFile(journal)


@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o600), (0o660, 0o660), (0o664, 0o664), (0o640, 0o640)])
def test_the_users_of_the_log_can_use_it(mode: int, expected: int, night_log: Path, journal: Journal) -> None:
    night_log.chmod(mode)
    OriginFile(journal).close()
    assert os.stat(origin_path(journal)).st_mode & 0o777 == expected


def test_the_users_of_a_log_that_was_shared_later_can_use_it(night_log: Path, journal: Journal) -> None:
    night_log.chmod(0o600)
    OriginFile(journal).close()
    night_log.chmod(0o664)
    OriginFile(journal).close()
    assert os.stat(origin_path(journal)).st_mode & 0o777 == 0o664


def test_who_may_not_use_it_is_told_the_remedy(
    night_log: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("threeam.team.origin.open_file", refuse)
    for use in (OriginFile, read_origin):
        with pytest.raises(FileUnusable, match="chmod --reference="):
            use(journal)


def test_the_id_is_printed_without_a_network(run: Run, night_log: Path, journal: Journal) -> None:
    printed = good(run("team", "id"))
    origin = read_origin(journal)
    assert origin is not None
    assert printed == f"{origin.id}\n"
    assert good(run("team", "id")) == printed


def test_a_journal_without_a_log_is_named_and_not_its_folder(journal: Journal) -> None:
    with pytest.raises(FileUnusable, match=f"^there is no log at {journal.log_path}: 3am log TEXT begins one$"):
        OriginFile(journal)
    with pytest.raises(FileUnusable, match=f"^there is no log at {journal.log_path}: "):
        BlankList(journal).add([BlankedLine("20261124T031407.000000000Z", 0, 9, "-", "-")])
    assert not [name for name in os.listdir(os.path.dirname(journal.log_path)) if name.startswith("sanity")]
