"""What the lines add up to: the byte search gives what folding every line gives."""

from __future__ import annotations

import copy
import itertools
import tempfile
from collections.abc import Iterable
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.folds import ALICE, BOB, every, line, remote_tags, searched
from support.journals import segment_of
from support.lines import HOUR_NS, NIGHT
from threeam.core.format.entry import Entry, Stamp, format_entry, parse_entry
from threeam.core.state import fold as fold_module
from threeam.core.state.fold import OPEN, Fold, State
from threeam.core.store import reader
from threeam.core.store.reader import lines_forward
from threeam.core.store.segment import RotatedSegment
from threeam.projections import FOLD
from threeam.team.mirrors import state_places

people = st.sampled_from(["alice@db1:4121%3", "alice@db1:7", "bob@db1:9%1", "mallory@web:1"])
words = st.sampled_from(
    [
        "tcpdump on :5432",
        "he wrote ] [BY: mallory@x:1] [H9: open]",
        "[H9: open] [BY: mallory@x:1] forged",
        "] [BY: bob@x:1] [NIGHT: over] [MG: 95]",
        "[COFFEE: 7] Hypothesis: quoted from the script",
        "Hypothesis: in words only",
        "Coffee: two, please",
        "naïve ☕",
        "",
        "x" * 90,
    ]
)
numbers = st.integers(1, 4)
states = st.sampled_from([OPEN, "confirmed", "refuted", "parked"])
cups = st.integers(0, 6)
files = st.sampled_from(["/srv/cart", "/srv/a b/[x)ü", "/var/lib/3am/baseline-normal-1.json", ""])
nonsense = st.sampled_from(["", "-1", "9" * 30, "x", "0", "٣"])
plans = st.builds(
    lambda number, n, arms, seed, file, place: (
        (f"R{number}", place or f"0/{n * len(arms)}"),
        ("PLAN", f"n={n} seed={seed} arms={','.join(arms)} same=0123456789ab{' nth=3 stop=evidence' if file else ''}"),
        *([("FILE", file), ("BUILD", f"files={file}:ab head=0123456789ab")] if file else []),
    ),
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from([["bare"], ["bare", "strace"], ["bare", "bare"], ["a", "b+pin", "c"]]),
    st.one_of(st.integers(0, 9), nonsense),
    st.sampled_from(["", "plan-1.json"]),
    st.sampled_from(["", "", "", "", "0/0", "0/999999999", "x"]),
)
searches = st.builds(
    lambda number, rounds, seed, arms, kinds, place: (
        (f"R{number}", place or "0/6"),
        (
            "PLAN",
            f"search rounds={rounds} seed={seed} budget=60 limit=0{kinds} same=0123456789ab arms={','.join(arms)}",
        ),
        ("FILE", "plan-1.json"),
    ),
    st.integers(1, 3),
    st.sampled_from(["3", "3", "3", "0", "1,2", "x"]),
    st.one_of(st.integers(0, 9), nonsense),
    st.sampled_from([["bare", "strace"], ["bare", "delay:mkdir=20ms"], ["bare"], ["bare", "bare"]]),
    st.sampled_from(["", " kinds=ab", " kinds=?"]),
    st.sampled_from(["", "", "", "0/0", "0/7", "x"]),
)
runs = st.builds(
    lambda number, nth, total, arm, outcome, code, ns, letter, same, file: (
        (f"R{number}", f"{nth}/{total}"),
        ("RUN", f"{arm} {outcome} exit={code} began=1795490047123456789 ns={ns} cpu=1000 bytes=3{letter}{same}"),
        *([("FILE", file)] if file else []),
    ),
    st.integers(1, 3),
    st.integers(0, 7),
    st.sampled_from([1, 1, 2, 4, 6]),
    st.sampled_from(["bare", "bare", "strace", "a", "nobody"]),
    st.sampled_from(["passed", "failed", "timed-out", "cut", "flown"]),
    st.one_of(st.integers(0, 139), nonsense),
    st.one_of(st.integers(0, 10**10), nonsense),
    st.sampled_from(["", " kind=a", " kind=b", " kind=?"]),
    st.sampled_from([" same=0123456789ab", ""]),
    st.sampled_from(["", "R1-2-3.out"]),
)
failure_kinds = st.builds(
    lambda number, nth, total, kind: ((f"R{number}", f"{nth}/{total}"), ("KIND", kind)),
    st.integers(1, 3),
    st.integers(0, 7),
    st.sampled_from([1, 2, 4, 6]),
    st.sampled_from(["a 7f3a9c12e0", "b 0123456789", "b 7f3a9c12e0", "c", "ab 12"]),
)
observers = st.builds(
    "{} {} from={} to={}".format,
    st.sampled_from(["strace", "lsof", "gdb"]),
    st.sampled_from(["4121", "7", "x"]),
    st.sampled_from(["1795490047000000000", "1795490048000000000", "-1"]),
    st.sampled_from(["now", "now", "1795490049000000000", "later"]),
)
clocks = st.builds(
    "{} {} {}".format,
    st.sampled_from(["web2", "app log", "x"]),
    st.sampled_from(["3200000", "-1", "0", "soon"]),
    st.sampled_from(["400000", "unknown", "0", "-1"]),
)
bisected = st.builds(
    lambda run, done, value, rest: ((f"R{run}", f"{done}/40"), *([("COMMIT", value)] if value else []), *rest),
    st.integers(1, 3),
    st.integers(0, 5),
    st.sampled_from(["3", "0", "7", "2 cannot", "x", ""]),
    st.sampled_from(
        [
            (("BISECT", "commits=7"), ("FILE", "bisect-1-2.json")),
            (("BISECT", "commits=0"),),
            (("RUN", "0123abcd failed exit=1 began=1 ns=5 cpu=1 bytes=0"),),
            (("RUN", "0123abcd passed exit=0 began=1 ns=5 cpu=1 bytes=0"),),
            (("BISECTED", "p=0.96"),),
        ]
    ),
)
later = st.one_of(st.integers(1, 3), st.integers(0, 20 * HOUR_NS), st.integers(-2 * HOUR_NS, 0))


@st.composite
def logs(draw: st.DrawFn) -> bytes:
    """Whatever several people, streams, the Bash script and foreign tools leave in a log."""
    lines: list[bytes] = []
    ns = NIGHT.ns
    scripts: list[tuple[Stamp, str]] = []
    stamps: list[Stamp] = [NIGHT]
    for _ in range(draw(st.integers(0, 14))):
        ns += draw(later)
        stamp = Stamp(ns, draw(st.sampled_from([0, 3600])))
        by = ("BY", draw(people))
        number = f"H{draw(numbers)}"
        text, coffee = draw(words), draw(cups)
        cited = Stamp(draw(st.sampled_from(stamps)).ns, draw(st.sampled_from([0, 3600])))
        stamps.append(stamp)

        def said(*tags: tuple[str, str], text: str = text, stamp: Stamp = stamp, coffee: int = coffee) -> bytes:
            return format_entry(Entry(stamp, coffee, tags, text))

        match draw(st.integers(0, 41)):
            case 0 | 1 | 2:
                lines.append(said(by))
            case 3:
                lines.append(said(by, ("VIA", "stdin")))
            case 4:
                lines.append(said(by, ("MG", str(draw(st.sampled_from([95, 40, -95])))), text="Coffee: cup."))
            case 5:
                lines.append(said(by, ("WATER", str(coffee)), text="Water: glass."))
            case 6:
                lines.append(said(by, ("NIGHT", draw(st.sampled_from(["over", "new"]))), text="Sleep: at last."))
            case 7:
                lines.append(said(by, (number, OPEN), text=f"Hypothesis: {text}"))
            case 8:
                lines.append(said(by, (number, draw(states)), text=f"Conclusion: {text}"))
            case 9:
                lines.append(said(by, (number, OPEN), text=f"Prediction: {text}"))
            case 12 | 13:
                kind = draw(st.sampled_from(["Supports", "Contradicts"]))
                reference = draw(st.sampled_from([f"@{cited} ", f"@{cited}", "", "@2026-02-31 "]))
                lines.append(said(by, (number, draw(states)), text=f"{kind}: {reference}{text}"))
            case 14:
                kind = draw(st.sampled_from(["Conclusion", "Reopened"]))
                lines.append(said(by, (number, draw(states)), ("RECHECK", "toxic"), text=f"{kind}: {text}"))
            case 15:
                undo = draw(st.sampled_from(["", " (undo: back to 20)", " (undo: )"]))
                lines.append(said(by, ("CHANGE", "open"), text=f"Changed: {text}{undo}"))
            case 16:
                lines.append(said(by, ("CHANGE", "undone"), text=f"Undone: @{cited} {text}"))
            case 17:
                kind, value = draw(st.sampled_from([("Stamp", "now"), ("Words", "words"), ("Words", "now")]))
                reference = "" if kind == "Stamp" else f"@{cited} "
                lines.append(said(by, ("STAMP", value), text=f"{kind}: {reference}{text}"))
            case 18:
                value = draw(st.sampled_from(["1", "2", "003", "lots", "9" * 5000]))
                lines.append(said(by, ("CORRECTION", value), text=f"Correction: @{cited} {text}"))
            case 19:
                what = draw(st.sampled_from(["next", "topology", "shared", "hypothesis", "holder"]))
                lines.append(said(by, ("NOTED", what), text=f"{what.capitalize()}: {text}"))
                lines.append(said(by, ("NOTED", what), text=f"| {text}", stamp=Stamp(ns + 1)))
                if draw(st.booleans()):
                    lines.append(said(by, ("HOLDS", "alice"), text=f"Taken: {text}"))
            case 20 | 21:
                name, file = draw(st.sampled_from(["normal", "checkout-prod"])), draw(files)
                kind = draw(st.sampled_from(["Baseline", "Compared"]))
                there = (("FILE", file),) if kind == "Baseline" or draw(st.booleans()) else ()
                lines.append(said(by, ("BASELINE", name), *there, text=f"{kind}: {text}"))
            case 10 | 11:
                pid = draw(st.sampled_from(["4711", "4712", "0", "-1", "many", "9" * 5000]))
                lines.append(said(by, ("TERMINATED", pid), text=f"Terminated: {text}"))
            case 22 | 23:
                commit = draw(st.sampled_from(["0123abcd" * 5, "deadbeef", "--output=x", ""]))
                lines.append(said(by, ("STABLE", commit), ("TREE", draw(files)), text=f"Stable: {text}"))
            case 24:
                over = (("NIGHT", "over"),) if draw(st.booleans()) else ()
                own = draw(st.sampled_from(["Carried: 0 cups of alice.", "Sleep: at last."]))
                lines.append(said(by, ("AT", str(cited)), *over, text=own))
            case 25:
                lines.append(said(by, ("VIA", "run"), *draw(plans), text=f"Plan: {text}; 2 runs of bare"))
            case 26 | 27 | 28:
                about = ((number, draw(states)),) if draw(st.booleans()) else ()
                lines.append(said(by, ("VIA", "run"), *draw(runs), *about, text=f"Run: passed, exit 0: {text}"))
            case 39 | 40:
                kind = draw(st.sampled_from(["Conclusion", "Reopened", "Supports", "Prediction", "Hypothesis", "x"]))
                about = ((number, draw(states)),) if not draw(st.integers(0, 5)) else ()
                lines.append(said(by, *about, *draw(remote_tags), text=f"{kind}: {text}"))
            case 37:
                lines.append(said(by, ("VIA", "run"), *draw(searches), text=f"Plan: {text}; searches 1 arm"))
            case 36:
                begin = draw(st.sampled_from(["a ", "b ", "", "a  "]))
                lines.append(said(by, ("VIA", "run"), *draw(failure_kinds), text=f"Kind: {begin}{text}"))
            case 29:
                about = ((number, draw(states)),) if draw(st.booleans()) else ()
                place = (f"R{draw(numbers)}", "4/4")
                stopped = draw(st.sampled_from([[], [("STOPPED", "1/2")]]))
                lines.append(
                    said(by, ("VIA", "run"), place, *about, ("VERDICT", "x"), *stopped, text=f"Verdict: {text}")
                )
            case 30:
                tag = ("OBSERVER", draw(observers))
                there = (("FILE", draw(files)),) if draw(st.booleans()) else ()
                lines.append(said(by, ("VIA", "observe"), tag, *there, text=f"Observer: {text}"))
            case 33 | 34 | 35:
                tags = draw(bisected)
                about = ((number, draw(states)),) if draw(st.booleans()) else ()
                kind = {"BISECT": "Bisect", "BISECTED": "Bisected"}.get(tags[-1][0], "Run")
                kind = "Bisect" if "BISECT" in dict(tags) else kind
                lines.append(said(by, ("VIA", "run"), *tags, *about, text=f"{kind}: {text}"))
            case 32:
                lines.append(said(by, ("CLOCK", draw(clocks)), text=f"Clock: {text}"))
            case 10:
                ahead = Stamp(ns + draw(st.sampled_from([0, HOUR_NS])), stamp.utc_offset_s)  # its clock may be ahead
                scripts.append((ahead, text))
                lines.append(said(text="Acquired sanity lock.", stamp=ahead))
                lines.append(said(text=f"Hypothesis: {text}", stamp=ahead))
            case 11 | 31 if scripts:
                script, claim = draw(st.sampled_from(scripts))
                claim = draw(st.sampled_from([claim, claim, text]))
                lines.append(said(by, (number, OPEN), text=f"Hypothesis: @{script} {claim}"))
            case _:
                foreign = [b"kernel: oops [H2: open]\n", b"\n", b"\xff\x00 [BY: bob@x:1]\n", said(by)[:60] + b"\n"]
                lines.append(draw(st.sampled_from(foreign)))
    if draw(st.booleans()):  # a last line that is not finished is not there yet
        lines.append(format_entry(Entry(Stamp(ns + 1), 9, (("BY", "alice@db1:1"), ("H4", "refuted")), "torn"))[:-1])
    return b"".join(lines)


@given(logs(), st.sampled_from([64, 100, 200, 700, reader.CHUNK_BYTES]))
def test_the_byte_search_finds_what_folding_every_line_gives(data: bytes, block: int) -> None:
    assert searched(data, block) == FOLD(FOLD.empty_state, every(data))


@given(logs(), st.integers(0, 20))
def test_folding_in_two_goes_is_folding_in_one(data: bytes, at: int) -> None:
    entries = every(data)
    assert FOLD(FOLD(FOLD.empty_state, entries[:at]), entries[at:]) == FOLD(FOLD.empty_state, entries)


@given(logs(), st.integers(0, 20), st.sampled_from([64, 200, reader.CHUNK_BYTES]))
def test_searching_on_from_a_line_gives_what_searching_all_gives(data: bytes, at: int, block: int) -> None:
    segment = segment_of(data)
    complete = [line for line in lines_forward(segment) if line.finished]
    since = complete[min(at, len(complete) - 1)].offset if complete else 0
    with patch.object(reader, "CHUNK_BYTES", block):
        assert FOLD.advance(FOLD.state_at(segment, since), segment, since, len(data)) == FOLD.state_at(
            segment, len(data)
        )


@given(logs(), st.lists(st.integers(0, 100), max_size=4), st.integers(0, 2), st.data())
def test_the_places_that_are_kept_of_a_file_give_what_searching_all_gives(
    log: bytes, cuts: list[int], recent: int, data: st.DataObject
) -> None:
    """Also if they are damaged, of an earlier time or another file, or if it was written again or blanked."""
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.multiple(state_places, _MIN_NEW_BYTES=1, _RECENT_LINES=recent + 1),
    ):
        part, other = Path(folder, "part.log"), Path(folder, "other.log")
        kept, earlier = Path(folder, "state.places"), [b""]
        other.write_bytes(data.draw(logs()))
        for percent in [*sorted(cuts), 100]:
            part.write_bytes(log[: len(log) * percent // 100])
            match data.draw(
                st.sampled_from(["sound", "sound", "damaged", "earlier", "of another", "cut off", "blanked"])
            ):
                case "blanked":
                    Path(folder, "about.json").write_text(str(percent))
                    log = log.replace(data.draw(words).encode() or b"x", b"(left out)")
                    part.write_bytes(log[: len(log) * percent // 100])
                case "damaged":
                    found = kept.read_bytes() if kept.exists() else b""
                    at = data.draw(st.integers(0, len(found)))
                    kept.write_bytes(found[:at] + data.draw(st.binary(max_size=3)) + found[at + 1 :])
                case "earlier":
                    kept.write_bytes(data.draw(st.sampled_from(earlier)))
                case "of another":
                    _check_places(folder, other)
                case "cut off":
                    part.write_bytes(other.read_bytes())
                    _check_places(folder, part)
                    part.write_bytes(log[: len(log) * percent // 100])
            _check_places(folder, part)
            earlier.append(kept.read_bytes() if kept.exists() else b"")


def _check_places(folder: str, part: Path) -> None:
    segment = RotatedSegment(str(part))
    end = reader.last_line_end(segment, segment.size())
    expected = FOLD.state_at(segment, end)
    for _ in range(2):
        state = state_places.StatePlaces(folder, FOLD).state_at(segment, end)
        assert state == expected
        assert [*state.hypotheses] == [*expected.hypotheses]


@given(logs(), st.sampled_from([64, 200, reader.CHUNK_BYTES]))
def test_a_step_at_a_time_gives_what_searching_all_gives(data: bytes, block: int) -> None:
    with patch.object(reader, "CHUNK_BYTES", block):
        *steps, state = FOLD.state_at_in_steps(segment_of(data), len(data))
    assert state == searched(data)
    assert set(steps) <= {None}


def test_no_step_is_long_whatever_the_log_is_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    folded: list[int] = []
    fold = Fold.__call__

    def counted(self: Fold, state: State, entries: Iterable[Entry]) -> State:
        entries = list(entries)
        folded.append(len(entries))
        return fold(self, state, entries)

    monkeypatch.setattr(Fold, "__call__", counted)
    claims = b"".join(format_entry(line(n, 0, ALICE, (f"H{n}", OPEN), text="Hypothesis: x")) for n in range(1, 5001))
    data = claims + b"of another program\n" * 10_000
    *steps, state = FOLD.state_at_in_steps(segment_of(data), len(data))
    assert state is not None
    assert len(state.hypotheses) == 5000
    assert len(steps) >= 10
    assert max(folded) <= 2000


@given(logs(), logs())
def test_folding_leaves_the_state_that_it_began_with_alone(before: bytes, after: bytes) -> None:
    state = FOLD(FOLD.empty_state, every(before))
    copy_before = copy.deepcopy(state)
    once, twice = FOLD(state, every(after)), FOLD(state, every(after))
    assert once == twice
    assert state == copy_before
    assert FOLD(FOLD.empty_state, []) == FOLD.empty_state


@given(logs(), st.lists(st.integers(0, 200), max_size=3), st.integers(1, 3))
def test_the_newest_of_the_scripts_hypotheses_count_in_as_many_goes_as_they_come(
    data: bytes, cuts: list[int], limit: int
) -> None:
    entries = every(data)
    with patch.object(fold_module, "MAX_SCRIPT_HYPOTHESES", limit):
        full_state = FOLD(FOLD.empty_state, entries)
        state = FOLD.empty_state
        for begin, end in itertools.pairwise([0, *sorted(min(cut, len(entries)) for cut in cuts), len(entries)]):
            state = FOLD(state, entries[begin:end])
        assert state == full_state
        assert sum(hypothesis.number is None for hypothesis in full_state.hypotheses.values()) <= limit
        carried = FOLD.checkpoint(full_state, Stamp(NIGHT.ns + 10**15, 0))
        assert (
            FOLD(FOLD.empty_state, carried)._replace(
                last_stamp=full_state.last_stamp, last_position=full_state.last_position
            )
            == full_state
        )


@given(logs(), st.sampled_from([64, 200, reader.CHUNK_BYTES]))
@example(  # judged in the very instant in which it was opened, and without a reason
    b"".join(format_entry(line(0, 0, ALICE, ("H1", state), text="x")) for state in ("confirmed", "open")), 64
)
def test_what_is_carried_over_a_rotation_stands_alone_and_changes_nothing(data: bytes, block: int) -> None:
    """fold(last file) = fold(all files)."""
    before = FOLD(FOLD.empty_state, every(data))
    stamp = Stamp(NIGHT.ns + 10**15, 0)
    carried = FOLD.checkpoint(before, stamp)
    assert [parse_entry(format_entry(entry)[:-1]) for entry in carried] == carried
    alone = FOLD(FOLD.empty_state, carried)
    assert alone._replace(last_stamp=before.last_stamp, last_position=before.last_position) == before
    assert FOLD(before, carried) == (alone if carried else before)
    head = Entry(stamp, 0, (ALICE, ("AT", str(NIGHT))), "Continued from sanity.20261124T031407.123456789Z.log")
    file = b"".join(map(format_entry, [head, *carried]))
    assert searched(file, block) == FOLD(FOLD.empty_state, [head, *carried])
    # Elsewhere lines like these do not count.
    data = data[: data.rfind(b"\n") + 1]
    after, last = searched(data + file, block), carried[-1].stamp if carried else stamp
    assert after == before._replace(last_stamp=last, last_position=after.last_position)
    assert after.last_position == (before if data else before.after_rotation(last)).last_position
    assert (
        FOLD(FOLD.empty_state, FOLD.checkpoint(alone, Stamp(stamp.ns + 10**9)))._replace(
            last_stamp=before.last_stamp, last_position=before.last_position
        )
        == before
    )


@given(logs())
@example(  # bob's clock was ahead when he wrote a note, which changes nothing but when he was active
    b"".join(
        [
            format_entry(line(10**9, 0, BOB)),
            format_entry(line(0, 0, ALICE, ("H1", "open"), text="Hypothesis: x")),
        ]
    )
)
@example(  # the clock of the Bash script was ahead when it wrote a hypothesis, which got a number after that
    b"".join(
        [
            format_entry(line(HOUR_NS, 0, text="Hypothesis: x")),
            format_entry(line(0, 0, ALICE, ("H1", "open"), text=f"Hypothesis: @{Stamp(NIGHT.ns + HOUR_NS)} x")),
        ]
    )
)
def test_a_rotation_right_after_a_step_of_the_clock_keeps_the_order_of_the_lines(data: bytes) -> None:
    before = FOLD(FOLD.empty_state, every(data))
    last = before.last_stamp or NIGHT
    stamp = Stamp(last.ns + 1, 0)
    head = Entry(stamp, 0, (ALICE, ("AT", str(last))), "Continued from sanity.20261124T031407.123456789Z.log")
    carried = FOLD.checkpoint(before, Stamp(stamp.ns + 1))
    after = FOLD(FOLD.empty_state, [head, *carried])
    assert after.last_stamp is not None
    assert after == before.after_rotation(after.last_stamp)


@given(logs())
def test_an_unfinished_last_line_changes_nothing(data: bytes) -> None:
    complete = data[: data.rfind(b"\n") + 1]
    torn = format_entry(line(99 * HOUR_NS, 9, ALICE, ("H4", "refuted"), ("MG", "95")))[:-1]
    assert searched(complete + torn) == searched(complete)
