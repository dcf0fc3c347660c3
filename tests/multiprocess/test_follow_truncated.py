"""Following a log that gets shorter: truncation, copytruncate, lines taken back, a file written again."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.following import append, drain, hear
from threeam.core.store.follow import Follower
from threeam.core.store.journal import ResumePoint


@pytest.mark.parametrize("length", [10, 200, 1000])
def test_a_file_written_again_with_the_same_words_at_other_times_is_read_whole(
    follower: Follower, log: Path, length: int
) -> None:
    def lines(second: int) -> bytes:
        stamps = (b"[2026-11-24T03:14:%02d.%09d+0000]" % (second, n) for n in range(3))
        return b"".join(b"%s [COFFEE: 0] %s\n" % (stamp, b"x" * length) for stamp in stamps)

    append(log, lines(1))
    assert len(drain(follower)) == 3
    log.write_bytes(b"")
    append(log, lines(2) + lines(3))
    assert hear(follower, 6) == (lines(2) + lines(3)).splitlines()


def test_what_was_taken_back_is_never_told(follower: Follower, log: Path) -> None:
    """A writer whose write came out short cuts it back and refuses: then rotation must not bring it up again."""
    append(log, b"1\n")
    assert drain(follower) == [b"1"]
    append(log, b"refused wor")
    assert drain(follower) == []
    os.truncate(log, 2)
    log.rename(f"{log}.1")
    append(log, b"2\n")
    assert hear(follower, 1) == [b"2"]


def test_what_was_taken_back_and_written_otherwise_is_told_as_it_stands(follower: Follower, log: Path) -> None:
    append(log, b"1\nrefused wor")
    assert drain(follower) == [b"1"]
    os.truncate(log, 2)
    append(log, b"other\n")
    assert hear(follower, 1) == [b"other"]


def test_truncation(follower: Follower, log: Path) -> None:
    append(log, b"1\n2\n3\n")
    assert drain(follower) == [b"1", b"2", b"3"]
    subprocess.run(["sh", "-c", ': > "$1"', "_", str(log)], check=True)
    assert drain(follower) == []
    assert follower.truncations == 1
    append(log, b"4\n")
    assert hear(follower, 1) == [b"4"]


def test_truncation_while_a_line_was_unfinished(follower: Follower, log: Path) -> None:
    append(log, b"1\nhalf")
    assert drain(follower) == [b"1"]
    os.truncate(log, 0)
    append(log, b"2\n")
    assert hear(follower, 1) == [b"2"]
    assert follower.unfinished is None


@pytest.mark.parametrize("times", [1, 50], ids=["smaller", "larger"])
def test_copytruncate_and_growth_before_the_next_look(follower: Follower, log: Path, times: int) -> None:
    old = [b"old %d" % i for i in range(20)]
    append(log, b"".join(line + b"\n" for line in old))
    assert drain(follower) == old
    shutil.copy(log, f"{log}.1")
    os.truncate(log, 0)
    new = [b"new %d" % i for i in range(3 * times)]
    append(log, b"".join(line + b"\n" for line in new))
    assert hear(follower, len(new)) == new
    assert follower.truncations == 1


def test_copytruncate_and_growth_to_the_same_size(follower: Follower, log: Path) -> None:
    append(log, b"old 1\nold 2\n")
    assert hear(follower, 2) == [b"old 1", b"old 2"]
    while follower.wait(0.05):  # until it has heard of everything so far
        assert drain(follower) == []
    os.truncate(log, 0)
    append(log, b"new 1\nnew 2\n")
    assert follower.wait(1.0)
    assert drain(follower) == [b"new 1", b"new 2"]


def test_a_block_that_is_cut_back_between_the_check_and_the_read_tears_no_later_line(
    follower: Follower, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(log, b"1\n2\n3 refused\n4 refused\n")
    assert len(drain(follower)) == 4
    longer = b"a line that begins where the refused ones began, and is longer"
    real_holds = ResumePoint.is_valid

    def holds_and_then_is_cut_back(anchor: ResumePoint) -> bool:
        answer = real_holds(anchor)
        monkeypatch.setattr(ResumePoint, "is_valid", real_holds)
        os.truncate(log, 4)
        append(log, longer + b"\n5\n")
        return answer

    monkeypatch.setattr(ResumePoint, "is_valid", holds_and_then_is_cut_back)
    assert hear(follower, 2) == [longer, b"5"]
    assert (follower.truncations, follower.rollbacks) == (0, 1)
