"""The ledger of hypotheses: claims, predictions, evidence and verdicts, as properties."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.hypotheses import ALICE, BOB, LIMIT, SCRIPT, hypothesis_entry, line, state_after, verdict_entry
from support.journals import FakeClock, writer_of
from support.lines import at_second
from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import NS_PER_S, Author, Entry, Stamp, parse_entry
from threeam.core.state.fold import Hypothesis, State
from threeam.core.store.journal import Journal, resolve_journal
from threeam.core.write.draft import Draft, DraftLine
from threeam.hypotheses.drafts import (
    citable_stamp,
    conclusion_draft,
    evidence_draft,
    hypothesis_draft,
    prediction_draft,
)
from threeam.hypotheses.ledger import (
    EVIDENCE_KINDS,
    VERDICT_KINDS,
    parse_event,
    sorted_hypotheses,
    thread_of,
    verdict_of,
)
from threeam.projections import FOLD

# --- the ledger, as properties


class Step(NamedTuple):
    """What somebody does: the verb, to which hypothesis (of those there are), citing which line, in whose name."""

    user: str
    verb: str
    which: int
    cites: int
    words: str


VERBS = ("claim", "script", "predict", "support", "contradict", "confirm", "refute", "park", "reopen", "note")
WORDS = ("the sweeper", "it was off", "500 clean runs\nand a trace", "[H9: refuted] forged", "x @2026-11-24T03:00 y")
steps = st.lists(
    st.builds(
        Step,
        st.sampled_from(["alice", "bob"]),
        st.sampled_from(VERBS),
        st.integers(0, 3),
        st.integers(-1, 5),
        st.sampled_from(WORDS),
    ),
    max_size=14,
)


class Expected(NamedTuple):
    """What a hypothesis comes to when its moves are counted by hand."""

    name: str
    state: str
    claim: str
    by: str | None
    evidence: dict[int, str]
    verdicts: list[tuple[str, str, str]]
    predictions: list[str]


def draft_of(step: Step, name: str, cited: Entry | None) -> Draft:
    match step.verb:
        case "predict":
            return prediction_draft(name, step.words)
        case "support" | "contradict":
            return evidence_draft(step.verb, name, None if cited is None else citable_stamp(cited), step.words)
        case _:
            return conclusion_draft(step.verb, name, step.words, LIMIT)


STATE_AFTER = {"confirm": "confirmed", "refute": "refuted", "park": "parked", "reopen": "open"}


def play(journal: Journal, todo: list[Step]) -> tuple[list[Expected], list[Entry]]:
    """Writes the steps by real writers, each of which is only told what the log says; what it must come to."""
    clock = FakeClock()
    writers = {user: writer_of(user, journal, clock) for user in ("alice", "bob")}
    board: list[Expected] = []
    lines: list[Entry] = []
    number = 0
    for step in todo:
        clock.forward(NS_PER_S)
        writer, first = writers[step.user], step.words.partition("\n")[0]
        if step.verb == "script":
            with writer.lock_log(full_state=False) as log:
                entry = parse_entry(log.write_script_line(f"Hypothesis: {first}", 0).rstrip(b"\n"))
            assert entry is not None
            board.append(Expected(f"@{entry.stamp}", "open", first, None, {}, [], []))
            lines.append(entry)
            continue
        if step.verb == "note":
            lines += writer.write(Draft(lambda *_, first=first: [DraftLine(first)])).entries
            continue
        if step.verb == "claim":
            number += 1
            lines += writer.write(hypothesis_draft(step.words, LIMIT)).entries
            board.append(Expected(f"H{number}", "open", first, step.user, {}, [], []))
            continue
        if not board:
            with pytest.raises(PreconditionFailed):
                writer.write(draft_of(step, "H1", None))
            continue
        which = step.which % len(board)
        hypothesis = board[which]
        cited = lines[step.cites % len(lines)] if step.cites >= 0 else None
        cites = cited is not None and step.verb in ("support", "contradict")
        kind = {"support": "Supports", "contradict": "Contradicts"}.get(step.verb, "")
        move = parse_event(cited) if cited is not None else None
        if cited is not None and move is not None and move.cited is not None:
            cited = cited._replace(stamp=move.cited)  # evidence that is cited stands for what it cites
        again = cited is not None and hypothesis.evidence.get(cited.stamp.ns) == kind
        if again or STATE_AFTER.get(step.verb) == hypothesis.state:
            with pytest.raises(PreconditionFailed):
                writer.write(draft_of(step, hypothesis.name, cited))
            continue
        written = writer.write(draft_of(step, hypothesis.name, cited)).entries
        lines += written
        if (script := hypothesis.name).startswith("@"):
            number += 1
            hypothesis = board[which] = hypothesis._replace(name=f"H{number}")
            assert written[0].text == f"Hypothesis: {script} {hypothesis.claim}"
            written = written[1:]
        if kind:
            hypothesis.evidence[cited.stamp.ns if cites and cited is not None else written[0].stamp.ns] = kind
        elif step.verb == "predict":
            hypothesis.predictions.append(first)
        else:
            board[which] = hypothesis._replace(state=STATE_AFTER[step.verb])
            hypothesis.verdicts.append((step.user, STATE_AFTER[step.verb], first))
    return board, lines


def as_expected(state: State, hypothesis: Hypothesis) -> Expected:
    thread = thread_of(state, hypothesis)
    return Expected(
        hypothesis.name,
        hypothesis.state,
        hypothesis.claim,
        hypothesis.author.user if hypothesis.author is not None else None,
        {move.cited.ns: move.kind for move in thread.evidence if move.cited is not None},
        [
            (move.author.user, move.state, move.text)
            for move in thread.events
            if move.kind in VERDICT_KINDS and move.author
        ],
        [move.text for move in thread.predictions],
    )


def boards(state: State) -> list[Expected]:
    return sorted(as_expected(state, hypothesis) for hypothesis in state.hypotheses.values())


@given(steps, st.integers(0, 40))
def test_whatever_two_people_do_in_turns_gives_one_state_everywhere(
    tmp_path_factory: pytest.TempPathFactory, todo: list[Step], cut: int
) -> None:
    log = tmp_path_factory.mktemp("log") / "sanity.log"
    log.touch(0o600)
    journal = resolve_journal(str(log))
    expected, _ = play(journal, todo)
    complete = [entry for raw in log.read_bytes().splitlines() if (entry := parse_entry(raw)) is not None]
    state = FOLD(FOLD.empty_state, complete)
    assert boards(state) == sorted(expected)
    assert FOLD(FOLD(FOLD.empty_state, complete[:cut]), complete[cut:]) == state
    segment = journal.open_live()
    assert segment is not None
    searched = FOLD.state_at(segment, segment.size())
    assert (searched.hypotheses, searched.projections) == (state.hypotheses, state.projections)
    if not todo:
        return
    # Whoever opens the journal after a rotation reads the last file alone.
    writer = writer_of("carol", journal, FakeClock(at_second(3600)))
    # What a writer is told of before it writes is no different.
    before = writer.write(Draft(lambda *_: [DraftLine("good morning")])).prior_state
    assert boards(before) == boards(state)
    with writer.lock_log(full_state=True) as held:
        held.rotate()
    live = journal.open_live()
    assert live is not None
    rotated = FOLD.state_at(live, live.size())
    assert boards(rotated) == boards(state)
    assert [hypothesis.name for hypothesis in sorted_hypotheses(rotated)] == [
        hypothesis.name for hypothesis in sorted_hypotheses(state)
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from([ALICE, BOB]), st.sampled_from(["confirmed", "refuted", "parked", "open"])),
        min_size=1,
        max_size=8,
    )
)
def test_the_later_verdict_counts_and_every_one_stands(verdicts: list[tuple[Author, str]]) -> None:
    # Written as two people at once write them: neither had seen what the other would say.
    lines = [verdict_entry(1, state, f"why {n}", 1 + n, by) for n, (by, state) in enumerate(verdicts)]
    state = state_after(hypothesis_entry(1, "the sweeper"), *lines)
    hypothesis = state.hypotheses[1]
    assert hypothesis.state == verdicts[-1][1]
    assert [(move.author, move.state, move.text) for move in thread_of(state, hypothesis).events] == [
        (by, name, f"why {n}") for n, (by, name) in enumerate(verdicts)
    ]
    verdict = verdict_of(state, hypothesis)
    assert verdict is not None
    assert verdict.text == f"why {len(verdicts) - 1}"


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(EVIDENCE_KINDS)), max_size=10))
def test_a_line_counts_once_and_as_what_was_said_of_it_last(moves: list[tuple[int, str]]) -> None:
    last = dict(moves)
    lines = [
        line(100 + n, BOB if n % 2 else ALICE, f"{kind}: @{at_second(cited)} words {n}", ("H1", "open"))
        for n, (cited, kind) in enumerate(moves)
    ]
    state = state_after(hypothesis_entry(1, "the sweeper"), *lines)
    thread = thread_of(state, state.hypotheses[1])
    assert len(thread.events) == len(moves)
    assert {(move.cited, move.kind) for move in thread.evidence} == {
        (at_second(hypothesis), kind) for hypothesis, kind in last.items()
    }
    assert len(thread.supports) + len(thread.contradicts) == len(last)


def test_a_line_cited_in_another_zone_is_the_same_line() -> None:
    lines = [
        line(5, ALICE, f"Supports: @{Stamp(at_second(1).ns, zone)} seen", ("H1", "open"))
        for zone in (0, 3600, -5 * 3600)
    ]
    state = state_after(hypothesis_entry(1, "the sweeper"), *lines)
    assert len(thread_of(state, state.hypotheses[1]).supports) == 1


def test_evidence_without_a_line_is_a_line_of_its_own_each_time() -> None:
    lines = [line(n, ALICE, "Supports: seen again", ("H1", "open")) for n in (5, 6)]
    state = state_after(hypothesis_entry(1, "the sweeper"), *lines)
    assert len(thread_of(state, state.hypotheses[1]).supports) == 2


def test_open_ones_come_first_by_fewest_contradictions_then_most_support_then_the_last_change() -> None:
    def about(number: int, seconds: float, *kinds: str) -> list[Entry]:
        return [
            line(seconds + n, ALICE, f"{kind}: seen {number} {n}", (f"H{number}", "open"))
            for n, kind in enumerate(kinds)
        ]

    state = state_after(
        *(hypothesis_entry(number, f"claim {number}", number) for number in range(1, 9)),
        line(9, SCRIPT, "Hypothesis: the cron job"),
        *about(1, 20, "Supports", "Supports", "Contradicts"),
        *about(2, 30, "Supports"),
        *about(3, 40, "Supports", "Supports"),
        *about(4, 50, "Contradicts"),
        verdict_entry(6, "refuted", "no", 60),
        verdict_entry(7, "parked", "later", 70),
        verdict_entry(8, "confirmed", "yes", 65),  # the clock was stepped back, and the order of the file counts
    )
    assert [hypothesis.name for hypothesis in sorted_hypotheses(state)] == [
        "H3",
        "H2",
        f"@{at_second(9)}",
        "H5",
        "H1",
        "H4",
        "H8",
        "H7",
        "H6",
    ]


def test_a_hypothesis_that_is_reopened_is_among_the_open_ones_again() -> None:
    lines = [hypothesis_entry(1, "a"), hypothesis_entry(2, "b", 1), verdict_entry(1, "refuted", "no", 2)]
    assert [hypothesis.name for hypothesis in sorted_hypotheses(state_after(*lines))] == ["H2", "H1"]
    assert [
        hypothesis.name for hypothesis in sorted_hypotheses(state_after(*lines, verdict_entry(1, "open", "seen", 3)))
    ] == [
        "H1",
        "H2",
    ]
