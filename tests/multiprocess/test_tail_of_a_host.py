"""`3am tail -f --host` and `3am merge -f` on a mirror, as processes."""

from __future__ import annotations

import subprocess
from pathlib import Path

from support.commands import command
from support.lines import line
from support.team import DB1, LATER_SEGMENT, SEGMENT, OtherHost
from threeam.core.store.follow import Follower
from threeam.core.store.journal import Journal
from threeam.team.mirrors.mirror_source import mirror_journal

FIRST, SECOND, THIRD = (line(number, f"note: {number}") for number in range(3))


def follow(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([command(), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_tail_f_follows_a_host_and_ends_when_it_has_lost_lines(journal: Journal) -> None:
    db1 = OtherHost(journal)
    db1.send(FIRST)
    with follow("tail", "-f", "--host", "db1") as tail:
        assert tail.stdout is not None
        assert tail.stdout.readline() == FIRST
        db1.send(SECOND)
        assert tail.stdout.readline() == SECOND
        db1.send(THIRD, LATER_SEGMENT)
        assert tail.stdout.readline() == THIRD
        OtherHost(journal, origin=DB1._replace(epoch=2)).send(FIRST)
        printed, told = tail.communicate(timeout=10)
        assert (printed, tail.returncode) == (b"", 3)
        sentence = "3am: db1 has lost lines that it had sent: open it again to follow what it sends since\n"
        assert told.decode() == sentence


def test_merge_f_follows_a_host_among_files(journal: Journal, tmp_path: Path) -> None:
    db1 = OtherHost(journal)
    db1.send(FIRST)
    app = tmp_path / "app.log"
    app.write_text("2026-11-24T03:14:08.000000000Z start\n")
    with follow("merge", "-f", "-o", "raw", "db1", str(app)) as merge:
        assert merge.stdout is not None
        assert merge.stdout.readline() == FIRST
        assert merge.stdout.readline() == b"2026-11-24T03:14:08.000000000Z start\n"
        db1.send(line(2 * 10**9, "note: later"), LATER_SEGMENT)
        assert merge.stdout.readline().endswith(b"note: later\n")
        merge.kill()


def test_new_bytes_and_new_files_of_a_mirror_wake_its_follower(journal: Journal) -> None:
    db1 = OtherHost(journal)
    db1.send(FIRST)
    follower = Follower(mirror_journal(journal, "db1"), None)
    try:
        assert [each.raw + b"\n" for each in follower.read()] == [FIRST]
        while follower.wait(0.0):  # its watches are new: it looks once more
            follower.read()
        for data, segment in ((SECOND, SEGMENT), (THIRD, LATER_SEGMENT)):
            db1.send(data, segment)
            assert follower.wait(0.001)  # the event is there already
            assert [each.raw + b"\n" for each in follower.read()] == [data]
    finally:
        follower.close()
