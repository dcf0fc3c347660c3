"""Mirrors: whatever order, number and fate its messages have, a mirror has the bytes of its origin or names a gap."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.journals import temporary_journal
from support.team import DB1, LATER_SEGMENT, SEGMENT, content, message
from threeam.core.store.journal import Journal
from threeam.team.blanking.blank_list import NO_STAMP, BlankedLine, blank_lines
from threeam.team.messages.message import Message
from threeam.team.messages.position import Origin, SegmentEnd
from threeam.team.mirrors.mirror import Gap, Mirror, MirrorBusy, read_mirror, read_mirrors
from threeam.team.mirrors.mirror_part import Contradiction
from threeam.team.ssh.line_cursor import LineCursor, mirror_cursor

DATA = b"".join(b"[line %d]\n" % number for number in range(40))
BEGINS = [index + 1 for index, byte in enumerate(DATA) if byte == 10]


@st.composite
def messages(draw: st.DrawFn) -> list[Message]:
    """Messages that cover `DATA`, of two ways to batch it, some twice and in any order."""
    sent = []
    for _ in range(2):
        cuts = [0, *sorted(draw(st.sets(st.sampled_from(BEGINS[:-1]), max_size=6))), len(DATA)]
        sent += [message(DATA, begin, end) for begin, end in pairwise(cuts)]
    return draw(st.permutations(sent))


@given(messages())
def test_duplicates_and_reorder_change_nothing(sent: list[Message]) -> None:
    with temporary_journal() as journal:
        mirror = Mirror(journal, DB1.id)
        written = sum(mirror.write(each) for each in sent)
        mirror.close()
        (files,) = read_mirrors(journal)
        assert content(files) == DATA
        assert written == len(DATA)
        assert files.gaps == []
        assert files.run_begin == SegmentEnd(SEGMENT, 0)
        assert files.end == SegmentEnd(SEGMENT, len(DATA))


@given(messages(), st.data())
def test_a_mirror_that_is_opened_again_after_each_message_is_the_same(sent: list[Message], data: st.DataObject) -> None:
    """A kill leaves any part of the bytes of the message that was being written."""
    with temporary_journal() as journal:
        for each in sent:
            mirror = Mirror(journal, DB1.id)
            torn = mirror.write(each)
            mirror.close()
            (files,) = read_mirrors(journal)
            written = [part for part in files.parts if part.begin <= each.offset and part.end == each.end]
            if torn and written and data.draw(st.booleans()):
                os.truncate(written[0].path, each.end - written[0].begin - data.draw(st.integers(0, torn)))
                mirror = Mirror(journal, DB1.id)
                mirror.write(each)
                mirror.close()
        assert content(read_mirrors(journal)[0]) == DATA


def test_a_gap_is_reported_and_filled_later(journal: Journal) -> None:
    first, third = message(DATA, 0, 9), message(DATA, 18, 27)
    mirror = Mirror(journal, DB1.id)
    mirror.write(first)
    mirror.write(third)
    (files,) = read_mirrors(journal)
    assert files.gaps == [Gap(SEGMENT, 9, 18)]
    assert content(files) == first.payload + third.payload
    assert files.run_begin == SegmentEnd(SEGMENT, 18)
    mirror.close()
    mirror = Mirror(journal, DB1.id)
    mirror.write(message(DATA, 9, 27))
    (files,) = read_mirrors(journal)
    assert (files.gaps, content(files)) == ([], DATA[:27])
    mirror.close()


def test_missing_bytes_of_the_segment_before_are_a_gap(journal: Journal) -> None:
    mirror = Mirror(journal, DB1.id)
    mirror.write(message(DATA, 0, 9))
    mirror.write(message(DATA, 0, 9, segment=LATER_SEGMENT, after=SegmentEnd(SEGMENT, 18)))
    (files,) = read_mirrors(journal)
    assert files.gaps == [Gap(SEGMENT, 9, 18)]
    assert files.run_begin == SegmentEnd(LATER_SEGMENT, 0)
    mirror.write(message(DATA, 9, 18))
    (files,) = read_mirrors(journal)
    assert (files.gaps, files.run_begin) == ([], SegmentEnd(SEGMENT, 0))
    mirror.close()


def test_the_files_of_a_mirror_are_in_order_after_the_clock_was_stepped_back(journal: Journal) -> None:
    newest = "20261124T020000.000000000Z"
    mirror = Mirror(journal, DB1.id)
    mirror.write(message(DATA, 0, 9))
    mirror.write(message(DATA, 0, 18, segment=LATER_SEGMENT, after=SegmentEnd(SEGMENT, 9)))
    mirror.write(message(DATA, 0, 27, segment=newest, after=SegmentEnd(LATER_SEGMENT, 18)))
    mirror.close()
    (files,) = read_mirrors(journal)
    assert [part.segment for part in files.parts] == [SEGMENT, LATER_SEGMENT, newest]
    assert (files.run_begin, files.end) == (SegmentEnd(SEGMENT, 0), SegmentEnd(newest, 27))


def test_a_circle_of_segments_hides_none_of_them(journal: Journal) -> None:
    mirror = Mirror(journal, DB1.id)
    mirror.write(message(DATA, 0, 9, after=SegmentEnd(LATER_SEGMENT, 9)))
    mirror.write(message(DATA, 0, 9, segment=LATER_SEGMENT, after=SegmentEnd(SEGMENT, 9)))
    mirror.close()
    (files,) = read_mirrors(journal)
    assert sorted(part.segment for part in files.parts) == [SEGMENT, LATER_SEGMENT]


def test_a_message_that_contradicts_the_mirror_is_refused_and_nothing_changes(journal: Journal) -> None:
    other = DATA.replace(b"line 1]", b"LINE 1]")
    mirror = Mirror(journal, DB1.id)
    mirror.write(message(DATA, 0, 18))
    for forged in (
        message(other, 0, 27),  # other bytes
        message(other, 18, 27),  # other bytes before it
        message(DATA, 18, 27)._replace(link=bytes(32)),
        message(DATA, 0, 18)._replace(payload=DATA[:17] + b"!"),
    ):
        with pytest.raises(Contradiction):
            mirror.write(forged)
    assert content(read_mirrors(journal)[0]) == DATA[:18]
    assert mirror.write(message(DATA, 18, 27)) == 9
    mirror.close()


def test_a_new_epoch_is_kept_beside_the_old_one(journal: Journal) -> None:
    shorter = DATA[:9] + b"other\n"
    mirror = Mirror(journal, DB1.id)
    mirror.write(message(DATA, 0, 27))
    mirror.write(message(shorter, 0, 15, epoch=2))
    mirror.write(message(DATA, 27, 36))
    mirror.close()
    first, second = read_mirror(journal, DB1.id)
    assert (first.origin, content(first)) == (DB1, DATA[:36])
    assert (second.origin, content(second)) == (Origin(DB1.id, 2), shorter)


def test_only_this_user_can_read_a_mirror(journal: Journal) -> None:
    previous = os.umask(0)
    try:
        mirror = Mirror(journal, DB1.id)
        mirror.write(message(DATA, 0, 27))
        mirror.write(message(DATA, 36, 45, epoch=2))
        mirror.close()
    finally:
        os.umask(previous)
    for folder, _, names in os.walk(os.path.join(journal.folder_beside_log, "remote")):
        assert os.stat(folder).st_mode & 0o777 == 0o700
        assert all(os.stat(os.path.join(folder, name)).st_mode & 0o777 == 0o600 for name in names)


def test_one_process_writes_a_mirror(journal: Journal) -> None:
    mirror = Mirror(journal, DB1.id)
    with pytest.raises(MirrorBusy):
        Mirror(journal, DB1.id)
    mirror.close()
    Mirror(journal, DB1.id).close()


def test_a_symlink_in_the_place_of_a_mirror_is_not_followed(journal: Journal, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_bytes(b"precious")
    mirror = Mirror(journal, DB1.id)
    os.symlink(target, os.path.join(mirror.path, SEGMENT + ".log"))
    with pytest.raises(OSError, match="symbolic links"):
        mirror.write(message(DATA, 0, 9))
    mirror.close()
    assert target.read_bytes() == b"precious"


def test_a_mirror_of_a_killed_process_is_completed(journal: Journal) -> None:
    """A real kill -9, at a limit of the file size in the middle of a message."""
    script = f"""
import os, resource, signal
from support.team import message
from threeam.core.store.journal import resolve_journal
from threeam.team.mirrors.mirror import Mirror
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
mirror = Mirror(resolve_journal({journal.log_path!r}), {DB1.id!r})
mirror.write(message({DATA!r}, 0, 9))
resource.setrlimit(resource.RLIMIT_FSIZE, (14, 14))
try:
    mirror.write(message({DATA!r}, 9, 27))
finally:
    os.kill(os.getpid(), signal.SIGKILL)
"""
    path = os.pathsep.join(sys.path)
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path}, check=False)
    assert done.returncode == -9
    assert content(read_mirrors(journal)[0]) == DATA[:14]
    mirror = Mirror(journal, DB1.id)
    assert mirror.write(message(DATA, 0, 9)) == 0
    assert mirror.write(message(DATA, 9, 27)) == 13
    mirror.close()
    assert content(read_mirrors(journal)[0]) == DATA[:27]


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (b"[one]\n[two]\n", 12),
        (b"[one]\n[tw", 6),  # a kill in the middle of a write
        (b"[one", 0),
        (b"[one]\n" + b"x" * 600_000, 6),
    ],
    ids=["whole", "torn", "first", "long"],
)
def test_a_mirror_says_up_to_which_line_it_has_all(data: bytes, end: int, journal: Journal) -> None:
    mirror = Mirror(journal, DB1.id)
    mirror.write(message(data, 0, len(data)))
    mirror.close()
    cursor = mirror_cursor(journal, DB1.id)
    assert cursor == LineCursor(DB1, SegmentEnd(SEGMENT, end), message(data, end, end).link)


def test_the_end_of_a_mirror_is_that_of_its_last_epoch_and_behind_its_gaps(journal: Journal) -> None:
    assert mirror_cursor(journal, DB1.id) is None
    data = b"[one]\n[two]\n[three]\n"
    mirror = Mirror(journal, DB1.id)
    mirror.write(message(data, 0, len(data)))
    mirror.write(message(data, 6, 12, epoch=2))
    mirror.close()
    origin = DB1._replace(epoch=2)
    assert mirror_cursor(journal, DB1.id) == LineCursor(origin, SegmentEnd(SEGMENT, 12), message(data, 12, 12).link)


def test_the_end_of_a_mirror_is_known_behind_blanked_lines(journal: Journal) -> None:
    data = b"[one]\n[two]\n[three]\n"
    sent = message(data, 0, len(data))
    mirror = Mirror(journal, DB1.id)
    mirror.write(blank_lines(sent, [BlankedLine(SEGMENT, 6, 12, NO_STAMP, "2026-11-24T03:14:07.000000000+0000")], {}))
    mirror.close()
    (files,) = read_mirror(journal, DB1.id)
    assert b"two" not in content(files)
    assert mirror_cursor(journal, DB1.id) == LineCursor(DB1, SegmentEnd(SEGMENT, len(data)), sent.end_link())
