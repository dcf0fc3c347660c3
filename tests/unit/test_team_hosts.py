"""The names of mirrored hosts, and a mirror as one file of a journal."""

from __future__ import annotations

import os
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.journals import FakeClock, state_of, temporary_journal
from support.lines import NIGHT
from support.rotations import fill, writer_with
from support.team import DB1, LATER_SEGMENT, SEGMENT, message, outgoing_messages
from threeam.core.errors import BadInput, FileUnusable
from threeam.core.format.entry import Entry
from threeam.core.store.fork import fork_chunks
from threeam.core.store.journal import Journal, Position, resolve_journal
from threeam.core.store.reader import lines_forward
from threeam.core.write.draft import note_draft
from threeam.hypotheses.drafts import hypothesis_draft
from threeam.projections import FOLD
from threeam.team.messages.message import Message
from threeam.team.messages.position import Origin, SegmentEnd
from threeam.team.mirrors.hosts import find_host, host_names, open_mirror, read_hosts
from threeam.team.mirrors.mirror import Mirror, read_mirrors
from threeam.team.mirrors.mirror_segment import MirrorSegment
from threeam.team.origin import OriginFile
from threeam.team.outgoing import Outgoing

WEB2 = Origin("a1b2c3" + "0" * 26)
DATA = b"".join(b"[line %d]\n" % number for number in range(12))
LATER = b"".join(b"[later %d]\n" % number for number in range(6)) + b"[torn"


def write_mirror(journal: Journal, *messages: Message) -> None:
    for each in messages:
        mirror = Mirror(journal, each.origin.id)
        mirror.write(each)
        mirror.close()


def named(host: str, origin: Origin) -> Message:
    return message(DATA, 0, 9)._replace(host=host, origin=origin)


def whole(segment: MirrorSegment) -> bytes:
    return segment.read(0, segment.size())


def pieces(data: bytes, segment: str, after: SegmentEnd | None = None) -> list[Message]:
    begins = [0, *(index + 1 for index, byte in enumerate(data[:-1]) if byte == 10), len(data)]
    return [message(data, *range_, segment=segment, after=after) for range_ in pairwise(begins)]


@given(
    st.permutations([*pieces(DATA, SEGMENT), *pieces(LATER, LATER_SEGMENT, SegmentEnd(SEGMENT, len(DATA)))]),
    st.integers(1, 40),
)
def test_an_open_mirror_has_each_line_once_however_it_came(sent: list[Message], size: int) -> None:
    with temporary_journal() as journal:
        write_mirror(journal, sent[0])
        live = MirrorSegment(journal, DB1)
        before = whole(live)
        for each in sent[1:]:
            write_mirror(journal, each)
            now = whole(live)
            assert now.startswith(before)
            before = now
        expected = DATA + LATER[: LATER.rindex(b"\n") + 1]  # the torn line may still be written
        again = MirrorSegment(journal, DB1)
        assert whole(again) == expected
        assert b"".join(again.read(offset, size) for offset in range(0, len(expected), size)) == expected
        assert set(Counter(before.splitlines()).items()) >= set(Counter(expected.splitlines()).items())


def test_a_mirror_of_a_rotated_journal_reads_as_the_journal(journal: Journal, log: Path, clock: FakeClock) -> None:
    writer = writer_with(journal, clock)
    writer.write(hypothesis_draft("the pool is exhausted", 9))
    for _ in range(3):
        fill(writer, log)
        writer.write(note_draft("this rotates the log"))
    elsewhere = resolve_journal(str(log.parent / "web1" / "sanity.log"))
    log.parent.joinpath("web1").mkdir()
    outgoing = Outgoing(journal)
    write_mirror(elsewhere, *outgoing_messages(outgoing, outgoing.begin()))
    segment = open_mirror(elsewhere, find_host(elsewhere, "db1"))
    live = journal.open_live()
    assert live is not None
    *copied, _ = fork_chunks(journal, Position(live, live.size()), [], lambda *_: Entry(NIGHT, 0, (), "copied"))
    assert len(list(journal.segments_backward(live))) > 2
    assert whole(segment) == b"".join(copied)
    assert FOLD.state_at(segment, segment.size()).hypotheses == state_of(journal).hypotheses
    assert not any(line.is_forged or line.is_repeated for line in lines_forward(segment))


def test_what_a_rotation_repeats_counts_behind_a_gap(journal: Journal, log: Path, clock: FakeClock) -> None:
    writer = writer_with(journal, clock)
    fill(writer, log)
    writer.write(hypothesis_draft("the pool is exhausted", 9))
    fill(writer, log)
    writer.write(note_draft("last"))
    outgoing = Outgoing(journal)
    sent = list(outgoing_messages(outgoing, outgoing.begin()))
    newest = [each for each in sent if each.segment == sent[-1].segment]
    elsewhere = resolve_journal(str(log.parent / "sanity-of-web1.log"))
    write_mirror(elsewhere, message(DATA, 0, 9), newest[0]._replace(after=None), *newest[1:])
    segment = open_mirror(elsewhere, find_host(elsewhere, "db1"))
    assert not any(line.is_forged for line in lines_forward(segment))
    assert FOLD.state_at(segment, segment.size()).hypotheses == state_of(journal).hypotheses


def test_a_host_has_its_own_name_and_an_earlier_epoch_its_number(journal: Journal) -> None:
    write_mirror(journal, named("web2", WEB2), named("db1", DB1), named("db1", DB1._replace(epoch=2)))
    assert [(host.name, host.origin.epoch) for host in read_hosts(journal)] == [("db1", 2), ("db1·1", 1), ("web2", 1)]
    for text, origin in {
        "db1": DB1._replace(epoch=2),
        "db1·1": DB1,
        "dddd": DB1._replace(epoch=2),
        "dddddd-1": DB1,
        "a1b2": WEB2,
    }.items():
        assert find_host(journal, text).origin == origin


def test_two_hosts_of_one_name_are_told_apart_by_their_ids(journal: Journal) -> None:
    assert host_names({DB1.id: "db1", WEB2.id: "db1", "1" * 32: "web1"}) == {
        DB1.id: "db1·dddd",
        WEB2.id: "db1·a1b2",
        "1" * 32: "web1",
    }
    alike = ("a1b2c3" + "1" * 26, WEB2.id)
    assert set(host_names(dict.fromkeys(alike, "db1")).values()) == {"db1·a1b2c31", "db1·a1b2c30"}
    write_mirror(journal, named("db1", WEB2), named("db1", DB1))
    with pytest.raises(BadInput, match="2 hosts are named db1: write db1·a1b2 or db1·dddd"):
        find_host(journal, "db1")


def test_our_own_name_is_taken(journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threeam.team.mirrors.hosts.host_name", lambda: "db1")
    log.write_bytes(DATA)
    OriginFile(journal).close()
    write_mirror(journal, named("db1", DB1))
    assert [host.name for host in read_hosts(journal)] == ["db1·dddd"]
    with pytest.raises(BadInput, match="this host is named db1, too: write db1·dddd"):
        find_host(journal, "db1")


def test_the_name_of_this_host_is_told(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threeam.team.mirrors.hosts.host_name", lambda: "web1")
    write_mirror(journal, named("db1", DB1))
    with pytest.raises(BadInput, match=f"web1 is this host: its journal is {journal.log_path}"):
        find_host(journal, "web1")


def test_a_name_from_the_network_is_made_safe_to_type() -> None:
    names = host_names({DB1.id: "../etc", WEB2.id: "-", "1" * 32: "a=b c"})
    assert set(names.values()) == {"_etc", "host", "a_b_c"}


def test_an_unknown_name_is_refused_with_those_that_are_known(journal: Journal) -> None:
    with pytest.raises(BadInput, match="there is no host db1: no journal is mirrored here yet"):
        find_host(journal, "db1")
    write_mirror(journal, named("web2", WEB2), named("db1", DB1))
    with pytest.raises(BadInput, match="there is no host web1; did you mean web2\\?; mirrored here: db1, web2"):
        find_host(journal, "web1")


def test_a_part_is_known_to_continue_the_one_before_once_it_is_there(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = list[bool]()

    def write_all_at(fd: int, data: bytes, offset: int) -> None:
        seen.extend(part.continues for part in read_hosts(journal)[0].files.parts if part.segment == LATER_SEGMENT)
        os.pwrite(fd, data, offset)

    write_mirror(journal, message(DATA, 0, len(DATA)))
    monkeypatch.setattr("threeam.team.mirrors.mirror_part.write_all_at", write_all_at)
    write_mirror(journal, *pieces(LATER, LATER_SEGMENT, SegmentEnd(SEGMENT, len(DATA)))[:1])
    assert set(seen) == {True}


def test_a_gap_is_filled_line_by_line_while_the_mirror_is_open(journal: Journal) -> None:
    write_mirror(journal, message(DATA, 0, 9), message(DATA, 27, 36))
    segment, (files,) = MirrorSegment(journal, DB1), read_mirrors(journal)
    assert whole(segment) == b"[line 0]\n[line 3]\n"
    with open(files.parts[0].path, "ab", buffering=0) as part:
        part.write(b"[line")
        assert whole(segment) == b"[line 0]\n[line 3]\n"
        part.write(b" 1]\n[line 2]\n")
    assert whole(segment) == b"[line 0]\n[line 3]\n[line 1]\n[line 2]\n"


def test_a_mirror_that_could_not_be_read_is_read_again(journal: Journal) -> None:
    write_mirror(journal, message(DATA, 0, 9))
    segment = MirrorSegment(journal, DB1)
    about = Path(segment.path) / "about.json"
    text = about.read_text()
    write_mirror(journal, message(LATER, 0, 10, segment=LATER_SEGMENT))
    about.write_text("{")
    with pytest.raises(FileUnusable, match="is damaged"):
        segment.size()
    about.write_text(text)
    assert whole(segment) == DATA[:9] + LATER[:10]


def test_a_part_that_was_cut_off_ends_what_is_read(journal: Journal) -> None:
    write_mirror(journal, message(DATA, 0, len(DATA)), *pieces(LATER, LATER_SEGMENT, SegmentEnd(SEGMENT, len(DATA))))
    segment, (files,) = MirrorSegment(journal, DB1), read_mirrors(journal)
    size = segment.size()
    os.truncate(files.parts[0].path, 9)
    assert segment.read(0, size) == DATA[:9]
