"""Blanked lines: a hole is as long as its line, the chain goes on behind it, and the words do not come back."""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.commands import Run, good, refused
from support.journals import temporary_journal
from support.team import DB1, SEGMENT, content, message
from threeam.core.errors import FileUnusable
from threeam.core.format.entry import Stamp
from threeam.core.store.fork import Blank
from threeam.core.store.journal import Journal
from threeam.team.blanking.blank_list import NO_STAMP, BlankedLine, BlankList, blank_lines, stamp_text
from threeam.team.blanking.blank_question import answer_question, count_lines_with_words
from threeam.team.blanking.blanking import find_lines
from threeam.team.messages.hole import fill
from threeam.team.messages.line_chain import extend_chain, first_link
from threeam.team.messages.message import HostileMessage, Message, SentEnd, decode, encode_headers
from threeam.team.messages.position import SegmentEnd
from threeam.team.mirrors.mirror import Mirror, read_mirrors
from threeam.team.mirrors.mirror_part import Contradiction
from threeam.team.origin import read_origin
from threeam.team.ssh.known_mirrors import FedMirror
from threeam.team.team_status import OwnStatus, StatusFile, TeamStatus

ENTRY = "2026-11-24T02:00:00.000000000+0000"  # of no line here
LINE = "[2026-11-24T03:14:07.%09d+0000] [COFFEE: 3] [BY: alice@db1] the token is tok-%d\n"
DATA = "".join(LINE % (number, number) for number in range(12)).encode() + b"of another program tok-12\n"
BEGINS = [0, *(index + 1 for index, byte in enumerate(DATA) if byte == 10)]
LINES = [
    BlankedLine(SEGMENT, begin, end, stamp_text(DATA[begin : begin + 40]), ENTRY) for begin, end in pairwise(BEGINS)
]


def filled(lines: Sequence[BlankedLine]) -> bytes:
    places = {line.begin for line in lines}
    return b"".join(fill(DATA[b:e]) if b in places else DATA[b:e] for b, e in pairwise(BEGINS))


def test_the_words_of_an_entry_are_gone_and_its_stamp_and_tags_are_not() -> None:
    assert fill(DATA[: BEGINS[1]]) == (
        b"[2026-11-24T03:14:07.000000000+0000] [COFFEE: 3] [BY: alice@db1] (left out)........\n"
    )
    assert fill(b"pw\n") == b"(l\n"
    assert stamp_text(DATA[BEGINS[-2] :]) == NO_STAMP


@given(st.binary(max_size=80).map(lambda raw: raw.replace(b"\n", b"")), st.booleans(), st.booleans())
def test_a_hole_is_as_long_as_its_line_and_is_filled_once(words: bytes, is_entry: bool, has_newline: bool) -> None:
    raw = (DATA[:50] if is_entry else b"") + words + b"\n" * has_newline
    hole = fill(raw)
    assert len(hole) == len(raw)
    assert hole.count(b"\n") == has_newline
    assert fill(hole) == hole


@given(st.sets(st.sampled_from(LINES)), st.sampled_from(BEGINS[:-1]))
def test_a_message_without_the_words_has_the_chain_of_the_line(lines: set[BlankedLine], begin: int) -> None:
    whole = message(DATA, begin, len(DATA))
    blanked = blank_lines(whole, sorted(lines), {})
    assert blanked.payload == filled([*lines])[begin:]
    assert blanked.end_link() == whole.end_link() == extend_chain(first_link(SEGMENT), DATA)
    assert blank_lines(blanked, LINES, {}).payload == filled(LINES)[begin:]
    assert blank_lines(blanked, LINES, {}).end_link() == whole.end_link()
    assert decode(DB1.id, encode_headers(blanked), blanked.payload) == blanked
    for offset in BEGINS:
        if offset > begin:
            assert blanked.link_at(offset) == whole.link_at(offset)
            first, second = blanked.split(offset) if offset < len(DATA) else (blanked, blanked)
            assert first.end_link() == whole.link_at(first.end)
            assert second.end_link() == whole.end_link()


def test_a_message_with_very_many_holes_is_sent_in_parts_with_small_headers() -> None:
    data = b"".join(LINE.encode() % (number, number) for number in range(1_400))
    begins = [0, *(index + 1 for index, byte in enumerate(data) if byte == 10)]
    lines = [BlankedLine(SEGMENT, begin, end, stamp_text(data[begin:]), ENTRY) for begin, end in pairwise(begins)]
    whole = message(data, 0, len(data))
    parts = [*blank_lines(whole, lines, {}).parts()]
    assert [len(part.holes) for part in parts] == [400, 400, 400, 200]
    assert [part.link for part in parts[1:]] == [part.end_link() for part in parts[:-1]]
    assert b"".join(part.payload for part in parts) == blank_lines(whole, lines, {}).payload
    assert parts[-1].end_link() == whole.end_link()
    assert max(sum(map(len, encode_headers(part).values())) for part in parts) < 50_000
    assert [*whole.parts()] == [whole]


def test_the_end_of_what_was_sent_goes_with_a_message() -> None:
    sent = SentEnd(2, SEGMENT, 99, first_link(SEGMENT))
    replacing = message(DATA, 0, BEGINS[1])._replace(sent=sent)
    assert decode(DB1.id, encode_headers(replacing), replacing.payload).sent_end() == sent


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Message], set[BlankedLine]]:
    """Messages in any order, batched in two ways, some without words; and the lines that they blank."""
    lines = draw(st.sets(st.sampled_from(LINES), min_size=1))
    sent = []
    for is_blanked in (False, True):
        cuts = [0, *sorted(draw(st.sets(st.sampled_from(BEGINS[1:-1]), max_size=4))), len(DATA)]
        for begin, end in pairwise(cuts):
            each = message(DATA, begin, end)
            sent.append(blank_lines(each, sorted(lines), {}) if is_blanked else each)
    return draw(st.permutations(sent)), lines


@given(histories(), st.booleans(), st.data())
def test_words_that_were_blanked_do_not_come_back(
    history: tuple[list[Message], set[BlankedLine]], is_reopened: bool, data: st.DataObject
) -> None:
    sent, lines = history
    with temporary_journal() as journal:
        mirror = Mirror(journal, DB1.id)
        gone = set[BlankedLine]()
        for each in [*sent, *data.draw(st.lists(st.sampled_from(sent), max_size=3))]:
            mirror.write(each)
            gone |= {line for line in lines for hole in each.holes if hole.begin == line.begin}
            held = b"".join(content(files) for files in read_mirrors(journal))
            for line in gone:
                assert DATA[line.begin : line.end].rpartition(b" ")[2] not in held.splitlines(keepends=True)
                assert DATA[line.begin : line.end] not in held
            assert count_lines_with_words(journal, DB1.id, sorted(gone)) == 0
            if is_reopened:
                mirror.close()
                mirror = Mirror(journal, DB1.id)
        mirror.close()
        (files,) = read_mirrors(journal)
        assert content(files) == filled([*lines])
        assert files.gaps == []


def test_a_mirror_that_was_killed_while_it_blanked_ends_it(journal: Journal) -> None:
    mirror = Mirror(journal, DB1.id)
    mirror.write(message(DATA, 0, len(DATA)))
    blanked = blank_lines(message(DATA, 0, len(DATA)), LINES, {})
    mirror.write(blanked)
    mirror.close()
    path = read_mirrors(journal)[0].parts[0].path
    for size in (0, 30, BEGINS[3] + 5, len(DATA)):
        Path(path).write_bytes(DATA[:size])  # the holes were noted, and the words are still there
        mirror = Mirror(journal, DB1.id)
        mirror.write(blanked)
        mirror.close()
        assert Path(path).read_bytes() == filled(LINES)


def test_a_tail_that_was_lost_comes_again_without_the_words(journal: Journal) -> None:
    mirror = Mirror(journal, DB1.id)
    mirror.write(blank_lines(message(DATA, 0, len(DATA)), LINES, {}))
    mirror.close()
    path = read_mirrors(journal)[0].parts[0].path
    for size in (0, BEGINS[3], BEGINS[3] + 75):
        os.truncate(path, size)
        mirror = Mirror(journal, DB1.id)
        mirror.write(message(DATA, 0, len(DATA)))
        mirror.close()
        assert Path(path).read_bytes() == filled(LINES)


def test_holes_that_are_not_of_the_lines_of_the_mirror_are_refused(journal: Journal) -> None:
    mirror = Mirror(journal, DB1.id)
    mirror.write(message(DATA, 0, len(DATA)))
    blanked = blank_lines(message(DATA, 0, len(DATA)), LINES[2:4], {})
    first, second = blanked.holes
    hostile = [
        blanked._replace(holes=(first._replace(link=second.link), second)),
        blanked._replace(holes=(first,)),  # and other words in the second line
        blanked._replace(payload=blanked.payload.replace(b"alice", b"mallo"), holes=blanked.holes),
        blanked._replace(link=second.link),
    ]
    for each in hostile:
        with pytest.raises(Contradiction):
            mirror.write(each)
    rewritten = blanked.payload.replace(b"(left out)", b"was a liar")
    mirror.write(blanked._replace(payload=rewritten))  # the words of a hole are ours
    mirror.close()
    assert content(read_mirrors(journal)[0]) == filled(LINES[2:4])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0 10",
        "0 10 " + "z" * 64,
        "5 9 " + "a" * 64,
        "0 5 " + "a" * 64,
        "83 0 " + "a" * 64,
        "0 9999999 " + "a" * 64,
        "0 83 " + "a" * 64 + ",0 83 " + "a" * 64,
        "0 83 " + "a" * 64 + ",",
        "0 " + "9" * 40 + " " + "a" * 64,
    ],
)
def test_holes_that_are_not_lines_are_refused(text: str) -> None:
    headers = {**encode_headers(message(DATA, 0, len(DATA))), "3am-holes": text}
    if not text:
        assert decode(DB1.id, headers, DATA).holes == ()
        return
    with pytest.raises(HostileMessage, match="3am-holes"):
        decode(DB1.id, headers, DATA)


@pytest.mark.parametrize("text", ["", "1", f"0 {SEGMENT} 1 " + "a" * 64, "1 ../x 1 " + "a" * 64, f"1 {SEGMENT} 1 ab"])
def test_an_end_of_what_was_sent_that_is_none_is_refused(text: str) -> None:
    headers = {**encode_headers(message(DATA, 0, len(DATA))), "3am-sent": text}
    with pytest.raises(HostileMessage, match="3am-sent"):
        decode(DB1.id, headers, DATA)


def test_the_list_is_kept_and_each_line_is_in_it_once(journal: Journal, night_log: Path) -> None:
    blank_list, other = BlankList(journal), BlankList(journal)
    whole = message(DATA, 0, len(DATA))
    assert other.blank(whole) is whole
    blank_list.add(LINES[:2])
    assert other.blank(whole) == blank_lines(whole, LINES[:2], {})
    blank_list.add(LINES[1:3])
    assert other.lines() == LINES[:3]
    assert night_log.with_name("sanity.log.blanked").read_text().count("\n") == 3


def test_a_list_that_does_not_fit_on_the_disk_is_reported(journal: Journal, night_log: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))  # the first write is a short one
    try:
        with pytest.raises(FileUnusable, match="cannot be written"):
            BlankList(journal).add(LINES)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with pytest.raises(FileUnusable, match="nothing is sent"):
        BlankList(journal).lines()


def test_a_list_that_is_damaged_stops_the_sending(journal: Journal, night_log: Path) -> None:
    BlankList(journal).add(LINES[:1])
    night_log.with_name("sanity.log.blanked").write_text("half a li")
    with pytest.raises(FileUnusable, match="nothing is sent"):
        BlankList(journal).blank(message(DATA, 0, len(DATA)))


def test_another_line_at_the_same_place_is_not_blanked() -> None:
    other = DATA.replace(b"03:14", b"03:15")
    whole = message(other, 0, len(other))
    assert blank_lines(whole, LINES[:12], {}) is whole


def test_a_line_is_blanked_at_another_place_by_its_stamp_or_its_words() -> None:
    shifted = message(b"x\n" + DATA, 0, len(DATA) + 2)
    assert blank_lines(shifted, LINES, {}).payload == b"x\n" + filled(LINES[:-1])
    words = {ENTRY: Blank(frozenset(), ("program tok-12",), anywhere=True)}
    blanked = blank_lines(shifted, LINES[:1], words)
    assert blanked.payload == b"x\n" + filled([LINES[0], LINES[-1]])
    assert blanked.entries == (ENTRY,)
    assert blanked.end_link() == shifted.end_link()


@pytest.mark.parametrize(
    "question",
    [
        b"",
        b"[]",
        b"{}",
        b'["x", []]',
        b'["%s", [[1, 2, 3, 4]]]' % (b"d" * 32),
        b'["%s", 3]' % (b"d" * 32),
        b'["%s", [["%s", -1, 2, ""]]]' % (b"d" * 32, SEGMENT.encode()),
        b'["../..", []]',
        b"[" * 9999,
        b"\xff\x00",
    ],
)
def test_a_hostile_question_gets_no_answer(question: bytes, journal: Journal) -> None:
    assert answer_question(journal, question) is None


def test_a_journal_that_was_never_sent_has_nothing_to_blank(run: Run, night_log: Path) -> None:
    stamp = night_log.read_bytes()[1:35].decode()
    assert "no line of this journal was sent" in refused(run("team", "blank", f"@{stamp}"), 1)
    assert not night_log.with_name("sanity.log.blanked").exists()


def test_a_file_that_is_not_sent_for_want_of_a_name_has_nothing_to_blank(run: Run, night_log: Path) -> None:
    good(run("team", "id"))
    stamp = night_log.read_bytes()[1:35].decode()
    night_log.write_bytes(b"of another program\n" * 4_000 + night_log.read_bytes())
    assert "no line of this file was sent" in refused(run("team", "blank", f"@{stamp}"), 1)


def test_without_an_engine_the_lines_are_noted(run: Run, night_log: Path, journal: Journal) -> None:
    good(run("team", "id"))
    stamp = night_log.read_bytes()[1:35].decode()
    assert "line" in good(run("team", "blank", f"@{stamp}"))
    assert BlankList(journal).lines()[0].stamp == BlankList(journal).lines()[0].entry == stamp
    refused(run("team", "blank", "@2020-01-01T00:00:00.000000000+0000"), 1)


def test_what_was_not_asked_is_named_as_not_blanked(run: Run, night_log: Path, journal: Journal) -> None:
    good(run("team", "id"))
    origin = read_origin(journal)
    assert origin is not None
    status = TeamStatus("nats://db1:4222/night", 7)
    status.own = OwnStatus(origin, "web1", publishes=True, sent=SegmentEnd(SEGMENT, 9))
    file = StatusFile(journal, status.address)
    file.write(status, None)
    file.close()
    mirrors = [FedMirror(journal, name) for name in ("alice@web1:/srv/a%20b.log", "bob@web2:/srv/b.log")]
    stamp = night_log.read_bytes()[1:35].decode()
    blank_list = BlankList(journal)
    blank_list.add(find_lines(journal, Stamp.parse(stamp)))  # type: ignore[arg-type]
    for mirror in mirrors:
        mirror.close()
    mirrors[0] = FedMirror(journal, "alice@web1:/srv/a%20b.log")
    mirrors[0].confirm(blank_list.digest())
    mirrors[0].close()
    done = run("team", "blank", f"@{stamp}")
    assert done.returncode == 1
    assert done.stdout.decode().splitlines()[1:] == [
        "  nats://db1:4222/night: not blanked, and not asked: repeat this with its address",
        "  alice@web1:/srv/a b.log: blanked",
        "  bob@web2:/srv/b.log: not blanked, no answer; its 3am team blanks them when it runs again",
    ]
    blank_list.add([BlankedLine(SEGMENT, 0, 9, NO_STAMP, stamp)])  # alice has not heard of this one
    assert b"alice@web1:/srv/a b.log: not blanked" in run("team", "blank", f"@{stamp}").stdout


def test_a_mirror_that_cannot_be_noted_gets_no_line(journal: Journal, night_log: Path) -> None:
    Path(f"{night_log}.mirrors").symlink_to(night_log)
    with pytest.raises(FileUnusable, match="this mirror cannot be noted in"):
        FedMirror(journal, "alice@web1:/srv/a.log")


def test_each_mirror_is_noted_once_also_behind_a_torn_row(journal: Journal, night_log: Path) -> None:
    path = Path(f"{night_log}.mirrors")
    path.write_text("carol@web3:/sr")
    for _ in range(2):
        mirror = FedMirror(journal, "alice@web1:/srv/a.log")
        mirror.confirm("0123")
        mirror.confirm("0123")
        mirror.close()
    assert path.read_text() == "carol@web3:/sr\nalice@web1:/srv/a.log\nalice@web1:/srv/a.log 0123\n"


@pytest.mark.parametrize("text", ["x", "../x", ",", f"{ENTRY},", ",".join([ENTRY] * 401)])
def test_entries_that_are_no_stamps_are_refused(text: str) -> None:
    headers = {**encode_headers(message(DATA, 0, len(DATA))), "3am-entries": text}
    with pytest.raises(HostileMessage, match="3am-entries"):
        decode(DB1.id, headers, DATA)
