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

from support.fold_logs import logs, words
from support.folds import ALICE, BOB, every, line, searched
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
