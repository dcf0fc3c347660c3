"""A disk that is nearly full: the log says so now and then, and nothing is lost."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from support.journals import FakeClock
from threeam.core.format.entry import NS_PER_S, Entry, parse_entry
from threeam.core.platform.disk import format_bytes, free_bytes, mount_fstype, network_fs_warning
from threeam.core.state import state_cache
from threeam.core.store.journal import Journal, Segment
from threeam.core.store.reader import Line, matching_lines_backward
from threeam.core.write.draft import note_draft
from threeam.core.write.locked_log import WriteOptions
from threeam.core.write.writer import Writer
from threeam.hypotheses.drafts import hypothesis_draft
from threeam.projections import FOLD

FORTY = 40 * 1024


def entries(log: Path) -> list[Entry]:
    return [entry for line in log.read_bytes().splitlines() if (entry := parse_entry(line))]


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty kilobytes are left, as at the end of the essay."""
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=40, f_frsize=1024))


def test_the_log_says_that_its_disk_is_nearly_full(writer: Writer, log: Path, full: None) -> None:
    writer.write(note_draft("the first makes the file"))
    writer.write(hypothesis_draft("a", 4))
    warning = entries(log)[1]
    assert warning.text == "WARNING: Disk nearly full: 40 KiB left for the log."
    assert warning.tag("DISK") == str(FORTY)
    assert entries(log)[2].text == "Acquired sanity lock.", "the section itself stays as it is"


def test_it_says_so_once_in_a_quarter_of_an_hour_whoever_writes(
    writer: Writer, journal: Journal, clock: FakeClock, log: Path, full: None
) -> None:
    bob = Writer(journal, FOLD, clock, WriteOptions("bob", "bob@db1:9", sync=False))
    writer.write(note_draft("the first makes the file"))
    for _ in range(3):
        clock.forward(60 * NS_PER_S)
        writer.write(note_draft("a"))
        bob.write_stream(["b"])
        bob.write_stream(["b"])
    assert [entry.kind for entry in entries(log)].count("WARNING") == 1
    clock.forward(16 * 60 * NS_PER_S)
    bob.write_stream(["c"])
    bob.write_stream(["d"])
    warning = "WARNING: Disk nearly full: 40 KiB left for the log."
    assert [entry.text for entry in entries(log)][-3:] == [warning, "c", "d"]
    stamps = [entry.stamp.ns for entry in entries(log)]
    assert stamps == sorted(set(stamps))


def test_the_log_is_not_searched_for_the_warning_again_and_again(
    writer: Writer, log: Path, full: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is searched under the lock, and the warning may lie 64 MiB back."""
    searches: list[int] = []
    search = matching_lines_backward

    def counted(segment: Segment, end: int, pattern: re.Pattern[bytes]) -> Iterator[Line]:
        searches.append(end)
        return search(segment, end, pattern)

    monkeypatch.setattr(state_cache, "matching_lines_backward", counted)
    for _ in range(10):
        writer.write(note_draft("a"))
    assert [entry.kind for entry in entries(log)].count("WARNING") == 1
    assert len(searches) == 2


def test_with_room_or_without_a_floor_nothing_is_reported(
    writer: Writer, journal: Journal, clock: FakeClock, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write(note_draft("a"))
    writer.write(note_draft("b"))
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=0, f_frsize=1024))
    Writer(journal, FOLD, clock, WriteOptions("bob", "bob@db1:9", sync=False, disk_floor=0)).write(note_draft("c"))
    assert [entry.text for entry in entries(log)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (FORTY, "40 KiB"), (3 * 2**29, "1.5 GiB"), (2**50, "1024 TiB")],
)
def test_sizes_as_a_person_reads_them(size: int, shown: str) -> None:
    assert format_bytes(size) == shown


def test_the_room_of_a_path_is_that_of_its_disk(log: Path) -> None:
    assert free_bytes(str(log.parent)) > 0


def test_the_kind_of_a_mount_is_found_by_its_device() -> None:
    rows = [
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
        "90 22 0:52 / /srv/night rw,relatime shared:9 master:2 - nfs4 filer:/night rw,vers=4.2",
        "not a row at all",
    ]
    assert mount_fstype(rows, os.makedev(0, 52)) == "nfs4"
    assert mount_fstype(rows, os.makedev(8, 1)) == "ext4"
    assert mount_fstype(rows, os.makedev(7, 7)) is None


def test_a_log_on_a_network_is_warned_of(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert network_fs_warning(str(log)) is None
    monkeypatch.setattr("threeam.core.platform.disk.mount_fstype", lambda *_: "nfs4")
    warning = network_fs_warning(str(log))
    assert warning is not None
    assert str(log) in warning
    assert "nfs4" in warning
