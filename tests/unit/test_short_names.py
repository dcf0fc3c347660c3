"""Short forms of stamps, and durations: what is printed is accepted, and what is ambiguous is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.commands import Run, good, refused
from support.journals import entries
from support.parsers import command_parsers
from threeam.core.errors import BadStamp, BadTime, PreconditionFailed
from threeam.core.format.clock import fixed_zone
from threeam.core.format.entry import NS_PER_S, Entry, Stamp, format_entry
from threeam.core.format.short_stamp import ShortStamp, shortest_forms
from threeam.core.format.times import format_age, format_duration, parse_duration, parse_seconds, parse_time
from threeam.core.store.journal import resolve_journal
from threeam.core.store.stamp_ref import find_entry, parse_stamp_ref, read_stamp_ref

DAY = 86_400 * NS_PER_S
FIRST_NS = 1_795_489_000 * NS_PER_S
stamps = st.builds(
    Stamp,
    st.integers(0, 3 * DAY).map(lambda ns: FIRST_NS + ns),
    st.sampled_from([0, 3600, -3600, 19_800, -43_200]),
)
crowds = st.lists(stamps, min_size=1, max_size=12, unique_by=lambda stamp: stamp.ns)


@given(crowds)
def test_the_shortest_form_names_its_stamp_alone(crowd: list[Stamp]) -> None:
    for stamp, form in zip(crowd, shortest_forms(crowd), strict=True):
        reference, rest = parse_stamp_ref(f"{form} the words")
        assert rest == "the words"
        if isinstance(reference, ShortStamp):
            assert [other for other in crowd if reference.matches(other)] == [stamp]
            assert len(form) < len(f"@{stamp}")
        else:
            assert reference == stamp


@given(stamps, st.sampled_from([5, 8, 12, 15, 18]), st.sampled_from(["", "+0530", "-08:00", "Z"]))
def test_each_beginning_of_a_stamp_matches_it_in_each_zone(stamp: Stamp, length: int, offset: str) -> None:
    form = ShortStamp.parse(str(stamp)[11 : 11 + length] + offset)
    assert form is not None
    shown = stamp if form.utc_offset_s is None else Stamp(stamp.ns, form.utc_offset_s)
    for day in ("", f"{shown.iso_date}T"):
        in_zone = ShortStamp.parse(day + str(shown)[11 : 11 + length] + offset)
        assert in_zone is not None
        assert in_zone.matches(stamp)


@given(stamps)
def test_every_printed_form_of_a_stamp_is_accepted(stamp: Stamp) -> None:
    """As the log, as JSON (at, ts), and as the screen writes it, with spaces."""
    assert parse_stamp_ref(f"@{stamp}")[0] == stamp
    assert parse_stamp_ref(f"{stamp} words") == (stamp, "words")
    at_utc, _ = parse_stamp_ref(f"@{stamp.rfc3339()}")
    assert isinstance(at_utc, Stamp)
    assert at_utc.ns == stamp.ns
    now, zone = Stamp(FIRST_NS + 4 * DAY), fixed_zone(7200)
    spaced = f"{stamp.iso_date} {stamp.time_of_day} {str(stamp)[29:]}"
    for text in (str(stamp), f"@{stamp}", stamp.rfc3339(), spaced):
        assert parse_time(text, now, zone) == stamp.ns


@given(st.integers(1, 400 * DAY))
def test_every_printed_duration_is_accepted(ns: int) -> None:
    """A duration is printed with fewer digits than it has; what is read is what was printed."""
    printed = format_duration(ns)
    read = parse_duration(printed)
    assert format_duration(read) == printed
    assert abs(read - ns) <= max(1, ns // 2)
    if (age := format_age(ns)) != "now":
        assert format_age(parse_duration(age)) == age


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("5s", 5 * NS_PER_S),
        ("0.4s", 400_000_000),
        ("1m30s", 90 * NS_PER_S),
        ("1h 2m 3.5s", 3723 * NS_PER_S + NS_PER_S // 2),
        ("500us", 500_000),
        ("500 µs", 500_000),
        ("12 ns", 12),
        ("5 min", 300 * NS_PER_S),
        ("2d", 2 * DAY),
        ("0.000000001s", 1),
    ],
)
def test_a_duration_has_one_syntax(text: str, ns: int) -> None:
    assert parse_duration(text) == ns
    assert parse_seconds(text) == ns / NS_PER_S
    now = Stamp(FIRST_NS)
    assert parse_time(f"-{text}", now, fixed_zone(0)) == FIRST_NS - ns


@pytest.mark.parametrize("text", ["", "5", "s", "-5s", "5 s s", "1.s", ".5s", "5s,", "0s", "1e3s", "٣s"])
def test_other_text_is_no_duration(text: str) -> None:
    with pytest.raises(BadTime, match="is not a duration: write 500us"):
        parse_duration(text)


def test_seconds_may_be_a_bare_number() -> None:
    assert [parse_seconds(text) for text in ("2", "0.5", "0")] == [2, 0.5, 0]
    with pytest.raises(ValueError, match="soon"):
        parse_seconds("soon")


def test_a_short_stamp_names_the_entry_in_every_command(run: Run, log: Path) -> None:
    good(run("hyp", "new", "the sweeper races the writer"))
    good(run("changed", "the pool to 5", "--undo", "back to 20"))
    good(run("stamp"))
    written = {entry.kind: entry for entry in entries(log)}

    def short(kind: str) -> str:
        return f"@{written[kind].stamp.time_of_day[:15]}"

    good(run("hyp", "support", "H1", short("Changed"), "seen", "again"))
    good(run("correct", short("Hypothesis"), "the sweeper races the reader"))
    good(run("stamp", short("Stamp"), "the lag jumped"))
    good(run("undone", "@" + written["Changed"].stamp.time_of_day[:5]))
    good(run("as-of", short("Changed")))
    record = json.loads(good(run("tail", "-n", "1", "--json")))
    good(run("hyp", "contradict", "H1", record["at"], "by at"))
    good(run("correct", record["ts"], "by ts"))
    good(run("correct", "@" + record["ts"], "by @ and ts"))
    good(run("fork", "--at", short("Stamp"), "--to", str(log.with_name("to.log"))))
    hypothesis_line = good(run("tail", "--since", short("Hypothesis"), "--until", short("Hypothesis")))
    assert hypothesis_line.count("\n") == 1, "the entry, to the nanosecond"
    texts = [entry.text for entry in entries(log)][-7:-3]
    assert texts == [
        f"Supports: @{written['Changed'].stamp} seen again",
        f"Correction: @{written['Hypothesis'].stamp} the sweeper races the reader",
        f"Words: @{written['Stamp'].stamp} the lag jumped",
        f"Undone: @{written['Changed'].stamp} back to 20",
    ]


def test_an_ambiguous_form_is_refused_with_the_entries(run: Run, log: Path) -> None:
    log.write_text(
        "[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] [BY: alice@db1:1] first\n"
        "[2026-11-24T03:14:07.123456790+0000] [COFFEE: 0] [BY: alice@db1:1] | its second line\n"
        "[2026-11-24T03:14:07.200000000+0000] [COFFEE: 0] [BY: alice@db1:1] second\n"
        "[2026-11-25T04:14:07.123456789+0100] [COFFEE: 0] [BY: alice@db1:1] third\n"
    )
    journal = resolve_journal(str(log))
    first, _, second, third = [entry.stamp for entry in entries(log)]
    assert read_stamp_ref(journal, "@03:14:07.1 words") == (first, "words")
    assert read_stamp_ref(journal, "@03:14:07.2") == (second, "")
    assert read_stamp_ref(journal, "@04:14:07") == (third, "")
    assert read_stamp_ref(journal, "@2026-11-25T03:14:07Z") == (third, "")
    with pytest.raises(PreconditionFailed) as refusal:
        read_stamp_ref(journal, "@03:14:07")
    assert str(refusal.value) == "@03:14:07 names 2 entries: @03:14:07.200 second; @03:14:07.123 first"
    with pytest.raises(PreconditionFailed, match="no entry has a stamp that begins with @05:14"):
        read_stamp_ref(journal, "@05:14")
    assert read_stamp_ref(journal, "@03:14:07", lambda: [second]) == (second, "")
    for bad in ("@3:14", "@03", "@03:14:7", "@03:14:07.", "@2026-11-24"):
        with pytest.raises(BadStamp):
            read_stamp_ref(journal, bad)
    sentence = refused(run("correct", "@03:14:07", "other words"), 1)
    assert "@03:14:07 names 2 entries" in sentence


def test_a_form_with_a_day_is_refused_with_forms_that_have_it(run: Run, log: Path) -> None:
    log.write_text(
        "[2026-11-23T03:14:07.100000000+0000] [COFFEE: 0] [BY: alice@db1:1] the day before\n"
        "[2026-11-24T03:14:07.200000000+0000] [COFFEE: 0] [BY: alice@db1:1] first\n"
        "[2026-11-24T03:14:09.000000000+0000] [COFFEE: 0] [BY: alice@db1:1] second\n"
    )
    sentence = refused(run("correct", "@2026-11-24T03:14", "w"), 1)
    assert "2 entries: @2026-11-24T03:14:09 second; @2026-11-24T03:14:07 first" in sentence
    good(run("correct", "@2026-11-24T03:14:07", "w"))


near_ns = st.builds(
    lambda days, seconds, part: FIRST_NS + days * DAY + seconds * NS_PER_S + part,
    st.integers(0, 1),
    st.sampled_from([0, 1, 60, 3600]),
    st.sampled_from([0, 1, 1000, 100_000_000, 100_000_001]),
)
near_stamps = st.builds(Stamp, near_ns, st.sampled_from([0, 3600, -19_800]))


@given(
    st.lists(near_stamps, min_size=2, max_size=12),
    st.sampled_from([5, 8, 10, 12, 15, 18]),
    st.sampled_from([None, 0, 3600, -19_800]),
    st.booleans(),
)
def test_every_form_that_a_refusal_offers_is_accepted(
    tmp_path_factory: pytest.TempPathFactory,
    crowd: list[Stamp],
    length: int,
    offset_s: int | None,
    has_day: bool,
) -> None:
    """Also if two entries have one stamp, which several writers can bring about."""
    crowd.sort(key=lambda stamp: stamp.ns)
    log = tmp_path_factory.getbasetemp() / "forms.log"
    log.write_bytes(b"".join(format_entry(Entry(stamp, 0, (), f"entry {n}")) for n, stamp in enumerate(crowd)))
    journal = resolve_journal(str(log))
    shown = crowd[0] if offset_s is None else Stamp(crowd[0].ns, offset_s)
    query = ShortStamp(shown.iso_date if has_day else "", shown.time_of_day[:length], offset_s)
    try:
        find_entry(journal, query)
    except PreconditionFailed as refusal:
        offered = re.findall(r"(@\S+) entry (\d+)", str(refusal))
        assert len(offered) >= 2
        for form, number in offered:
            stamp, _ = read_stamp_ref(journal, form)
            assert stamp is not None
            assert stamp.ns == crowd[int(number)].ns


def test_a_script_s_hypothesis_has_a_short_name(run: Run, log: Path) -> None:
    log.write_text("[2026-11-24T03:14:07.123456789+0000] [COFFEE: 3] Hypothesis: the cron job\n")
    good(run("hyp", "predict", "@03:14:07", "it stops with cron"))
    assert entries(log)[-1].hypothesis == (1, "open")


def test_a_variable_selects_a_journal_as_an_option_does(run: Run, bare_home: Path) -> None:
    folder = bare_home / ".local/state/3am"
    good(run("-j", "cart", "log", "-q", "by the option"))
    good(run("log", "-q", "by the variable", SANITY_JOURNAL="cart"))
    assert [entry.text for entry in entries(folder / "cart.log")] == ["by the option", "by the variable"]
    assert "(SANITY_JOURNAL)" in good(run("path", SANITY_JOURNAL="cart"))
    good(run("-j", "shop", "log", "-q", "the option wins", SANITY_JOURNAL="cart"))
    good(run("log", "-q", "the file wins", SANITY_JOURNAL="cart", SANITY_LOG=str(bare_home / "a.log")))
    assert [entry.text for entry in entries(folder / "shop.log")] == ["the option wins"]
    assert [entry.text for entry in entries(bare_home / "a.log")] == ["the file wins"]
    sentence = refused(run("log", "x", SANITY_JOURNAL="../x"), 2)
    assert sentence == "3am: SANITY_JOURNAL is '../x': the name of a journal is one plain word, such as checkout"


def test_a_hypothesis_is_named_by_the_same_option_in_every_command(run: Run, log: Path) -> None:
    good(run("log", "-H", "the sweeper races the writer"))
    good(run("log", "-H", "H1", "it happened with the sweeper off"))
    good(run("changed", "-H", "H1", "the pool to 5"))
    assert entries(log)[-2].tags[1:] == (("H1", "open"),)
    assert good(run("tail", "-H", "H1")).count("\n") == 3
    assert good(run("export", "csv", "-H", "H1")) == good(run("export", "csv", "--hyp", "H1"))
    refused(run("log", "-H", "H9", "no such hypothesis"), 1)


@pytest.mark.parametrize(
    "words", ["-H H1 it was off", "it was off -H H1", "it was off -HH1", "--hyp H1 it was off", "--hyp=h1 it was off"]
)
def test_the_option_may_stand_anywhere_in_a_note(run: Run, log: Path, words: str) -> None:
    good(run("hyp", "new", "the sweeper races the writer"))
    good(run("log", *words.split()))
    assert entries(log)[-1].text == "it was off"
    assert entries(log)[-1].hypothesis == (1, "open")


@pytest.mark.parametrize("words", ["-H 7 workers hang", "7 workers hang -H", "--hypothesis 7 workers hang"])
def test_other_words_than_a_number_after_it_are_a_claim(run: Run, log: Path, words: str) -> None:
    good(run("log", *words.split()))
    assert "Hypothesis: 7 workers hang" in [entry.text for entry in entries(log)]


def test_a_note_that_is_linked_needs_words(run: Run, log: Path) -> None:
    good(run("hyp", "new", "the sweeper races the writer"))
    before = log.read_bytes()
    assert "there is no text" in refused(run("log", "-H", "H1"), 2)
    assert "not a stream" in refused(run("log", "-H", "H1", "-", stdin=b"x\n"), 2)
    assert "take one of them" in refused(run("log", "-H", "H1", "--hypothesis", "x"), 2)
    assert log.read_bytes() == before


def test_an_option_has_one_name_and_one_kind_of_value_in_all_commands() -> None:
    """Those with two kinds are named here, with the reason."""
    kept = {
        "--undo",  # of a coffee: take it back; of a change: how to take it back
        "--json",  # a switch everywhere; a command says what is an object
        "--at",  # of align: two times, each in a file
        "--kind",  # of tail: of lines; of run and fixed: of failures
        "--budget",  # of provoke: also a time
        "-j",  # of run: a number is that of jobs, any other word the journal as everywhere
    }
    values: dict[str, set[object]] = {}
    for parser in command_parsers():
        for action in parser._actions:
            for name in action.option_strings:
                values.setdefault(name, set()).add(action.metavar if action.nargs != 0 else None)
    assert {name: kinds for name, kinds in values.items() if len(kinds) > 1 and name not in kept} == {}


def test_settings_take_durations(run: Run, tmp_path: Path) -> None:
    settings = tmp_path / "config.toml"
    settings.write_text('lock_timeout = "400ms"\nnight_gap_h = "7h30m"\nhalf_life_h = 5\n')
    printed = good(run("path", "--settings", SANITY_CONFIG=str(settings)))
    for line in ("lock_timeout = 0.4 ", "night_gap_h = 7.5 ", "half_life_h = 5.0 "):
        assert line in printed
    settings.write_text('lock_timeout = "soon"\n')
    assert "a duration such as 1m30s" in refused(run("path", SANITY_CONFIG=str(settings)), 2)
