"""One line of the log: parse and format are each other's inverse, and nothing gets past them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.lines import BY, NIGHT
from support.text_strategies import HARMFUL, texts
from threeam.core.format import entry as entry_module
from threeam.core.format.entry import (
    CONTINUATION_PREFIX,
    MAX_TEXT_BYTES,
    NS_PER_S,
    Author,
    Entry,
    Stamp,
    decode_utf8,
    escape_tag_value,
    escape_unprintable,
    find_stamp_refs,
    format_batch,
    format_entry,
    parse_entry,
    split_submission,
    utf8_boundary,
)

YEAR_2200 = 7_258_118_400 * NS_PER_S
stamps = st.builds(Stamp, st.integers(0, YEAR_2200 - 1), st.integers(-1439, 1439).map(lambda minutes: minutes * 60))
keys = st.text(st.sampled_from("ABCGHMVY0179"), min_size=1, max_size=6)
tags = st.lists(st.tuples(keys, texts), max_size=4).map(tuple)
entries = st.builds(Entry, stamps, st.integers(0, 999_999_999), tags, texts, st.none())


def line(entry: Entry) -> bytes:
    raw = format_entry(entry)
    assert raw.endswith(b"\n")
    return raw[:-1]


def as_read(entry: Entry) -> Entry:
    return entry._replace(
        text=escape_unprintable(entry.text),
        tags=tuple((key, escape_unprintable(value).replace("]", ")")) for key, value in entry.tags),
    )


@given(entries)
@example(Entry(NIGHT, 0, (), ""))
@example(Entry(NIGHT, 0, (), " "))
@example(Entry(NIGHT, 0, (), "[COFFEE: 9]"))
@example(Entry(NIGHT, 0, (BY,), "[A: ]"))
@example(Entry(NIGHT, 0, (BY,), "\\[H9: open] x"))
@example(Entry(NIGHT, 0, (BY,), "\\\\\\[H9: open]"))
@example(Entry(NIGHT, 0, (BY,), " [H9: open]"))
@example(Entry(NIGHT, 0, (BY,), "[H9: o\npen]"))
def test_parsing_what_was_formatted_gives_the_entry_back(entry: Entry) -> None:
    assert parse_entry(line(entry)) == as_read(entry)


@given(entries)
def test_what_was_read_is_written_again_byte_for_byte(entry: Entry) -> None:
    again = parse_entry(line(entry))
    assert again is not None
    assert line(again) == line(entry)


@given(entries)
def test_a_formatted_line_holds_no_control_but_its_newline(entry: Entry) -> None:
    assert not HARMFUL.search(line(entry).decode())


@given(entries)
def test_a_text_never_becomes_a_second_line(entry: Entry) -> None:
    raw = format_entry(entry)
    assert raw.count(b"\n") == 1
    assert len(raw.decode().splitlines()) == 1


@given(tags, texts, texts)
def test_a_text_never_forges_a_tag(own: tuple[tuple[str, str], ...], before: str, after: str) -> None:
    for forged in ("[H9: open]", "[BY: mallory@x:1]", "[LATER0: capability]"):
        read = parse_entry(line(Entry(NIGHT, 3, own, before + forged + after)))
        assert read is not None
        assert read.cups == 3
        assert [key for key, _ in read.tags] == [key for key, _ in own]


@pytest.mark.parametrize("text", ["[H9: open] x", "[BY: mallory@x:1]", "[NEXTYEAR: 1]", "[9: ]"])
def test_a_reserved_beginning_gets_one_backslash(text: str) -> None:
    assert line(Entry(NIGHT, 0, (BY,), text)).endswith(b"] \\" + text.encode())


@pytest.mark.parametrize(
    "text", ["[h9: open]", "[H9:open]", "[H 9: open]", "[H9: open", "see [H9: open]", "[] x", "[ÄB: 1]"]
)
def test_a_text_that_cannot_be_a_tag_is_left_as_it_is(text: str) -> None:
    assert line(Entry(NIGHT, 0, (BY,), text)).endswith(b"] " + text.encode())


@given(texts)
def test_a_tag_value_never_ends_its_tag(value: str) -> None:
    assert "]" not in escape_tag_value(value)
    read = parse_entry(line(Entry(NIGHT, 0, (("BY", value), ("H7", "open")), "x")))
    assert read is not None
    assert [key for key, _ in read.tags] == ["BY", "H7"]


@given(st.binary())
@example(b"")
@example(b"[2026-02-31T03:14:07.123456789+0000] [COFFEE: 3] no such day")
@example(b"[0000-00-00T00:00:00.000000000+0000] [COFFEE: 3] ")
@example(b"[9999-12-31T23:59:59.999999999-2359] [COFFEE: 3] ")
@example(b"[0001-01-01T00:00:00.000000000+2359] [COFFEE: 3] ")
def test_parsing_is_total_on_any_bytes(raw: bytes) -> None:
    entry = parse_entry(raw)
    if entry is not None:
        assert str(entry.stamp)
        assert entry.stamp.rfc3339()
        assert entry.kind
        assert entry.author is None or entry.tag("BY") is not None
        assert entry.hypothesis is None or entry.tags
        assert isinstance(entry.body, str)


@given(entries, st.integers(0, 200), st.binary(max_size=3))
def test_parsing_is_total_on_damaged_lines(entry: Entry, at: int, damage: bytes) -> None:
    raw = line(entry)
    for damaged in (raw[:at] + damage + raw[at + 1 :], raw[:at], raw[at:]):
        read = parse_entry(damaged)
        if read is not None:
            assert read.kind
            assert isinstance(find_stamp_refs(read.body), list)
            assert not HARMFUL.search(escape_unprintable(decode_utf8(damaged)))


@pytest.mark.parametrize(
    "raw",
    [
        b"[2026-11-24T03:14:07.12345678+0000] [COFFEE: 3] eight digits",
        b"[2026-11-24T24:14:07.123456789+0000] [COFFEE: 3] hour 24",
        b"[2026-11-24T03:60:07.123456789+0000] [COFFEE: 3] minute 60",
        b"[2026-11-24T03:14:07.123456789+2400] [COFFEE: 3] zone",
        b"[2026-11-24T03:14:07.123456789Z] [COFFEE: 3] zone",
        b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: many] cups",
        b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: -1] cups",
        b"[2026-11-24T03:14:07.123456789+0000] no cups",
        b" [2026-11-24T03:14:07.123456789+0000] [COFFEE: 3] indented",
        "[٢٠٢٦-11-24T03:14:07.123456789+0000] [COFFEE: 3] digits".encode(),
    ],
)
def test_what_is_not_a_line_of_the_log_is_none(raw: bytes) -> None:
    assert parse_entry(raw) is None


def test_a_line_of_the_bash_script_is_an_entry_of_nobodys() -> None:
    entry = parse_entry(b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 3] Acquired sanity lock.")
    assert entry == Entry(NIGHT, 3, (), "Acquired sanity lock.")
    assert entry.author is None
    assert entry.activity_stamp is None
    assert entry.kind == "ceremony"


def test_a_line_of_the_contract_is_read_as_it_says() -> None:
    entry = parse_entry(
        b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 3] [BY: alice@db1:4121%3] [H7: open] "
        b"Hypothesis: the TTL sweeper races the writer"
    )
    assert entry is not None
    assert entry.stamp == NIGHT
    assert entry.cups == 3
    assert entry.author == Author("alice", "db1", 4121, "%3")
    assert entry.hypothesis == (7, "open")
    assert entry.kind == "Hypothesis"
    assert entry.body == "the TTL sweeper races the writer"


@pytest.mark.parametrize("by", ["", "alice", "alice@db1", "alice@db1:", "alice@db1:x", "alice@db1:1%", "alice@db1:1 "])
def test_a_by_that_names_nobody_is_nobodys(by: str) -> None:
    assert Entry(NIGHT, 0, (("BY", by),), "x").author is None


@given(stamps)
@example(Stamp(0, 0))
@example(Stamp(0, -60))
@example(Stamp(NS_PER_S - 1, 23 * 3600 + 59 * 60))
@example(Stamp(YEAR_2200 - 1, -(23 * 3600 + 59 * 60)))
def test_a_stamp_survives_being_written_to_the_nanosecond(stamp: Stamp) -> None:
    assert Stamp.parse(str(stamp)) == stamp


@given(stamps)
def test_a_stamp_says_the_instant_that_the_calendar_says(stamp: Stamp) -> None:
    utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=stamp.ns // 1000)
    local = utc.replace(tzinfo=None) + timedelta(seconds=stamp.utc_offset_s)
    assert str(stamp)[:26] == local.strftime("%Y-%m-%dT%H:%M:%S.%f")
    assert str(stamp)[:29].endswith(f"{stamp.ns % NS_PER_S:09d}")
    assert stamp.rfc3339() == utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{stamp.ns % NS_PER_S:09d}Z"
    assert (stamp.iso_date, stamp.time_of_day) == (str(stamp)[:10], str(stamp)[11:29])


@given(
    st.builds(
        Stamp,
        st.one_of(st.integers(0, YEAR_2200), st.integers(NS_PER_S - 8, NS_PER_S + 2)),
        st.sampled_from([0, -12600]),
    ),
    st.integers(0, 99),
    tags,
    st.lists(texts, max_size=8),
)
@example(Stamp(NS_PER_S - 2), 1, (BY,), ["a", "b"])
@example(Stamp(NS_PER_S - 2), 1, (BY,), ["a", "b", "c"])
@example(
    Stamp(NIGHT.ns // NS_PER_S * NS_PER_S + NS_PER_S - 1), 1, (BY,), ["last", "[H1: open] first of the next second"]
)
def test_many_lines_are_what_each_of_them_would_have_been(
    stamp: Stamp, coffee: int, own: tuple[tuple[str, str], ...], many: list[str]
) -> None:
    each = [
        format_entry(Entry(Stamp(stamp.ns + i, stamp.utc_offset_s), coffee, own, text)) for i, text in enumerate(many)
    ]
    assert format_batch(stamp, coffee, own, many) == b"".join(each)


@pytest.mark.parametrize(
    ("own", "text", "kind"),
    [
        ((BY,), "Coffee: two, please", "note"),
        ((BY, ("MG", "95")), "Coffee: cup 3 of the night.", "Coffee"),
        ((BY,), "Hypothesis: only words", "note"),
        ((BY, ("H7", "open")), "Hypothesis: a claim", "Hypothesis"),
        ((), "Hypothesis: the script's", "Hypothesis"),
        ((BY,), "Conclusion: only words", "note"),
        ((BY, ("H7", "refuted")), "Conclusion: no", "Conclusion"),
        ((BY, ("H7", "open")), "Prediction: it stops", "Prediction"),
        ((BY, ("H7", "open")), "Supports: it did", "Supports"),
        ((BY, ("H7", "open")), "Contradicts: it did not", "Contradicts"),
        ((BY, ("H7", "open")), "Reopened: seen again", "Reopened"),
        ((BY, ("WATER", "1")), "Water: glass 1", "Water"),
        ((BY,), "Water: is wet", "note"),
        ((BY, ("NIGHT", "over")), "Sleep: at last", "Sleep"),
        ((BY,), "Sleep: is for the weak", "note"),
        ((BY,), "WARNING: anything", "WARNING"),
        ((BY,), "hypothesis: small letters", "note"),
        ((BY,), "Error: no such kind", "note"),
        ((BY,), "Hypothesis without a colon", "note"),
        ((BY, ("H7", "open")), "| a later line", "note"),
        ((), "Releasing sanity lock.", "ceremony"),
    ],
)
def test_a_word_has_a_kind_only_with_its_tag(own: tuple[tuple[str, str], ...], text: str, kind: str) -> None:
    assert Entry(NIGHT, 0, own, text).kind == kind


def test_a_line_that_came_through_a_pipe_was_not_typed() -> None:
    assert Entry(NIGHT, 0, (BY,), "x").activity_stamp == NIGHT
    assert Entry(NIGHT, 0, (BY, ("VIA", "stdin")), "x").activity_stamp is None


def test_a_carried_line_says_when_it_came_to_be_and_only_that_of_a_person_shows_them_active() -> None:
    at_tag = ("AT", str(Stamp(NIGHT.ns - 7, 3600)))
    person = Entry(NIGHT, 3, (BY, at_tag), "Carried: 3 cups of alice.")
    assert person.carried_from == person.activity_stamp == Stamp(NIGHT.ns - 7, 3600)
    claim = Entry(NIGHT, 0, (BY, at_tag, ("H1", "open")), "Hypothesis: a")
    assert (claim.kind, claim.carried_from, claim.activity_stamp) == ("Hypothesis", Stamp(NIGHT.ns - 7, 3600), None)
    assert Entry(NIGHT, 0, (BY,), "Carried: a stone up the hill").kind == "note"


def test_only_with_its_tag_does_a_line_name_the_file_before() -> None:
    at_tag = ("AT", str(NIGHT))
    assert Entry(NIGHT, 0, (at_tag,), "Continued from sanity.1.log").predecessor_name == "sanity.1.log"
    assert Entry(NIGHT, 0, (at_tag,), "Continued from sanity.1.log").kind == "Continued"
    assert Entry(NIGHT, 0, (), "Continued from sanity.1.log").predecessor_name is None
    assert Entry(NIGHT, 0, (("AT", "yesterday"),), "Continued from sanity.1.log").predecessor_name is None


def test_references_are_found_in_order() -> None:
    text = "see @2026-11-24T03:14:07.123456789+0000, and @1970-01-01T00:00:01.000000002+0100."
    assert find_stamp_refs(text) == [NIGHT, Stamp(-3599 * NS_PER_S + 2, 3600)]


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T03:14:07.123456789+0000",
        "@2026-11-24T03:14:07.123456789",
        "@2026-02-31T03:14:07.123456789+0000",
        "@2026-11-24T03:14:07.123456789+00001",
        "@2026-11-24T25:14:07.123456789+0000",
        "@home",
    ],
)
def test_what_only_looks_like_a_reference_is_none(text: str) -> None:
    assert find_stamp_refs(text) == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one", ["one"]),
        ("", [""]),
        ("\n", [""]),
        ("one\ntwo", ["one", "| two"]),
        ("one\r\ntwo\r\n", ["one", "| two"]),
        ("one\n\ntwo\n", ["one", "| ", "| two"]),
        ("  File x\n    raise", ["  File x", "|     raise"]),
        ("progress\rdone", ["progress\\x0ddone"]),
    ],
)
def test_a_text_with_several_lines_survives_whole(text: str, lines: list[str]) -> None:
    assert split_submission(text) == lines


@given(texts)
def test_no_line_of_a_submission_holds_a_newline(text: str) -> None:
    lines = split_submission(text)
    assert lines
    assert not any("\n" in line for line in lines)
    assert all(line.startswith("| ") for line in lines[1:])


@given(st.text(alphabet=st.sampled_from("aé☕🫠\x1b\u202e"), max_size=60), st.integers(20, 40))
def test_a_long_line_goes_on_in_pieces_that_are_the_line(text: str, longest: int) -> None:
    with patch.object(entry_module, "MAX_TEXT_BYTES", longest):
        first, *rest = split_submission(text)
    assert all(line.startswith(CONTINUATION_PREFIX) for line in rest)
    assert first + "".join(line[len(CONTINUATION_PREFIX) :] for line in rest) == escape_unprintable(text)
    assert all(len(line.encode()) <= longest + len(CONTINUATION_PREFIX) for line in (first, *rest))


@given(st.binary(max_size=40), st.integers(1, 40))
def test_no_character_is_cut_and_no_piece_is_empty(data: bytes, end: int) -> None:
    end = min(end, len(data))
    if end < len(data):
        assert 0 < utf8_boundary(data, end) <= end


def test_a_text_of_64_kib_is_one_line() -> None:
    assert split_submission("x" * MAX_TEXT_BYTES) == ["x" * MAX_TEXT_BYTES]
    assert split_submission("x" * MAX_TEXT_BYTES + "y") == ["x" * MAX_TEXT_BYTES, CONTINUATION_PREFIX + "y"]
