"""The method: claims, predictions, evidence, verdicts; what is said of them, and what the shell does with them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.commands import Run
from support.journals import FakeClock, entries, writer_of
from support.lines import HOUR_NS, at_second, entry_of
from threeam.core.errors import BadStamp, PreconditionFailed
from threeam.core.format.entry import NS_PER_S, Author, Entry, Stamp, format_entry, parse_entry
from threeam.core.state.fold import Hypothesis, State
from threeam.core.store.journal import Journal, Segment, resolve_journal
from threeam.core.store.seek import find_line, parse_stamp_ref
from threeam.core.write.draft import Draft, DraftLine, WriteContext, note_draft
from threeam.core.write.locked_log import Block
from threeam.core.write.writer import Writer
from threeam.hypotheses.amendments import (
    amended_stamp,
    amendments,
    claim_of,
    correction_draft,
    current_text,
    stamp_draft,
    stamp_words_draft,
    strip_kind,
)
from threeam.hypotheses.changes import change_draft, changes, open_changes, parse_typed_change, undone_draft
from threeam.hypotheses.drafts import (
    citable_stamp,
    conclusion_draft,
    evidence_draft,
    excerpt,
    hypothesis_draft,
    prediction_draft,
    require_hypothesis,
)
from threeam.hypotheses.guards import LATE_PREDICTION, NO_EVIDENCE, overturned_verdicts, similar_refuted, warnings_for
from threeam.hypotheses.ledger import (
    EVIDENCE_KINDS,
    VERDICT_KINDS,
    parse_event,
    sorted_hypotheses,
    thread_of,
    verdict_of,
)
from threeam.projections import FOLD

LIMIT = 4
ALICE, BOB, SCRIPT = Author("alice", "db1", 4121, "%3"), Author("bob", "db1", 9, "%1"), None
NOT_YET = "@2026-11-24T03:14:07.000000001+0000"  # before the first line of every log here


def line(seconds: float, by: Author | None, text: str, *tags: tuple[str, str], cups: int = 0) -> Entry:
    return entry_of(by, at_second(seconds), text, tags, cups)


def after(*lines: Entry) -> State:
    return FOLD(FOLD.empty_state, lines)


def opened(number: int, text: str, seconds: float = 0, by: Author = ALICE) -> Entry:
    return line(seconds, by, f"Hypothesis: {text}", (f"H{number}", "open"))


def judged(number: int, state: str, why: str, seconds: float, by: Author = ALICE) -> Entry:
    kind = "Reopened" if state == "open" else "Conclusion"
    return line(seconds, by, f"{kind}: {why}", (f"H{number}", state))


def said(draft: Draft, state: State, seconds: float, by: Author = ALICE) -> list[Entry]:
    """The entries that ``by`` writes with this draft, all at one instant: `Declined` comes through."""
    lines = draft.make_lines(state, WriteContext(by.user, 8 * HOUR_NS), at_second(seconds))
    return [line(seconds + n / NS_PER_S, by, one.text, *one.tags) for n, one in enumerate(lines)]


def texts_of(lines: Iterable[DraftLine | Entry]) -> list[str]:
    return [one.text for one in lines]


def refusal(draft: Draft, state: State, by: Author = ALICE) -> str:
    with pytest.raises(PreconditionFailed) as why:
        said(draft, state, 1000, by)
    return str(why.value)


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
            with writer.lock_log(whole=False) as log:
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
        one = board[which]
        cited = lines[step.cites % len(lines)] if step.cites >= 0 else None
        cites = cited is not None and step.verb in ("support", "contradict")
        kind = {"support": "Supports", "contradict": "Contradicts"}.get(step.verb, "")
        move = parse_event(cited) if cited is not None else None
        if cited is not None and move is not None and move.cited is not None:
            cited = cited._replace(stamp=move.cited)  # evidence that is cited stands for what it cites
        again = cited is not None and one.evidence.get(cited.stamp.ns) == kind
        if again or STATE_AFTER.get(step.verb) == one.state:
            with pytest.raises(PreconditionFailed):
                writer.write(draft_of(step, one.name, cited))
            continue
        written = writer.write(draft_of(step, one.name, cited)).entries
        lines += written
        if (script := one.name).startswith("@"):
            number += 1
            one = board[which] = one._replace(name=f"H{number}")
            assert written[0].text == f"Hypothesis: {script} {one.claim}"
            written = written[1:]
        if kind:
            one.evidence[cited.stamp.ns if cites and cited is not None else written[0].stamp.ns] = kind
        elif step.verb == "predict":
            one.predictions.append(first)
        else:
            board[which] = one._replace(state=STATE_AFTER[step.verb])
            one.verdicts.append((step.user, STATE_AFTER[step.verb], first))
    return board, lines


def as_expected(state: State, one: Hypothesis) -> Expected:
    thread = thread_of(state, one)
    return Expected(
        one.name,
        one.state,
        one.claim,
        one.author.user if one.author is not None else None,
        {move.cited.ns: move.kind for move in thread.evidence if move.cited is not None},
        [
            (move.author.user, move.state, move.text)
            for move in thread.events
            if move.kind in VERDICT_KINDS and move.author
        ],
        [move.text for move in thread.predictions],
    )


def boards(state: State) -> list[Expected]:
    return sorted(as_expected(state, one) for one in state.hypotheses.values())


@given(steps, st.integers(0, 40))
def test_whatever_two_people_do_in_turns_gives_one_state_everywhere(
    tmp_path_factory: pytest.TempPathFactory, todo: list[Step], cut: int
) -> None:
    log = tmp_path_factory.mktemp("log") / "sanity.log"
    log.touch(0o600)
    journal = resolve_journal(str(log))
    expected, _ = play(journal, todo)
    whole = [entry for raw in log.read_bytes().splitlines() if (entry := parse_entry(raw)) is not None]
    state = FOLD(FOLD.empty_state, whole)
    assert boards(state) == sorted(expected)
    assert FOLD(FOLD(FOLD.empty_state, whole[:cut]), whole[cut:]) == state
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
    with writer.lock_log(whole=True) as held:
        held.rotate()
    live = journal.open_live()
    assert live is not None
    rotated = FOLD.state_at(live, live.size())
    assert boards(rotated) == boards(state)
    assert [one.name for one in sorted_hypotheses(rotated)] == [one.name for one in sorted_hypotheses(state)]


@given(
    st.lists(
        st.tuples(st.sampled_from([ALICE, BOB]), st.sampled_from(["confirmed", "refuted", "parked", "open"])),
        min_size=1,
        max_size=8,
    )
)
def test_the_later_verdict_counts_and_every_one_stands(verdicts: list[tuple[Author, str]]) -> None:
    # Written as two people at once write them: neither had seen what the other would say.
    lines = [judged(1, state, f"why {n}", 1 + n, by) for n, (by, state) in enumerate(verdicts)]
    state = after(opened(1, "the sweeper"), *lines)
    one = state.hypotheses[1]
    assert one.state == verdicts[-1][1]
    assert [(move.author, move.state, move.text) for move in thread_of(state, one).events] == [
        (by, name, f"why {n}") for n, (by, name) in enumerate(verdicts)
    ]
    verdict = verdict_of(state, one)
    assert verdict is not None
    assert verdict.text == f"why {len(verdicts) - 1}"


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(EVIDENCE_KINDS)), max_size=10))
def test_a_line_counts_once_and_as_what_was_said_of_it_last(moves: list[tuple[int, str]]) -> None:
    last = dict(moves)
    lines = [
        line(100 + n, BOB if n % 2 else ALICE, f"{kind}: @{at_second(cited)} words {n}", ("H1", "open"))
        for n, (cited, kind) in enumerate(moves)
    ]
    state = after(opened(1, "the sweeper"), *lines)
    thread = thread_of(state, state.hypotheses[1])
    assert len(thread.events) == len(moves)
    assert {(move.cited, move.kind) for move in thread.evidence} == {
        (at_second(one), kind) for one, kind in last.items()
    }
    assert len(thread.supports) + len(thread.contradicts) == len(last)


def test_a_line_cited_in_another_zone_is_the_same_line() -> None:
    lines = [
        line(5, ALICE, f"Supports: @{Stamp(at_second(1).ns, zone)} seen", ("H1", "open"))
        for zone in (0, 3600, -5 * 3600)
    ]
    state = after(opened(1, "the sweeper"), *lines)
    assert len(thread_of(state, state.hypotheses[1]).supports) == 1


def test_evidence_without_a_line_is_a_line_of_its_own_each_time() -> None:
    lines = [line(n, ALICE, "Supports: seen again", ("H1", "open")) for n in (5, 6)]
    state = after(opened(1, "the sweeper"), *lines)
    assert len(thread_of(state, state.hypotheses[1]).supports) == 2


def test_open_ones_come_first_by_fewest_contradictions_then_most_support_then_the_last_change() -> None:
    def about(number: int, seconds: float, *kinds: str) -> list[Entry]:
        return [
            line(seconds + n, ALICE, f"{kind}: seen {number} {n}", (f"H{number}", "open"))
            for n, kind in enumerate(kinds)
        ]

    state = after(
        *(opened(number, f"claim {number}", number) for number in range(1, 9)),
        line(9, SCRIPT, "Hypothesis: the cron job"),
        *about(1, 20, "Supports", "Supports", "Contradicts"),
        *about(2, 30, "Supports"),
        *about(3, 40, "Supports", "Supports"),
        *about(4, 50, "Contradicts"),
        judged(6, "refuted", "no", 60),
        judged(7, "parked", "later", 70),
        judged(8, "confirmed", "yes", 65),  # the clock was stepped back, and the order of the file counts
    )
    assert [one.name for one in sorted_hypotheses(state)] == [
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
    lines = [opened(1, "a"), opened(2, "b", 1), judged(1, "refuted", "no", 2)]
    assert [one.name for one in sorted_hypotheses(after(*lines))] == ["H2", "H1"]
    assert [one.name for one in sorted_hypotheses(after(*lines, judged(1, "open", "seen", 3)))] == ["H1", "H2"]


# --- guards

REFUTED = after(
    opened(1, "reads go to the replica, and the replica lags"),
    judged(1, "refuted", "lag was 0.4 ms", 5, BOB),
    opened(2, "two sweepers run at once", 6),
    opened(3, "the pool hands out a dirty connection", 7),
    judged(3, "parked", "not this", 8),
)


@pytest.mark.parametrize(
    "again",
    [
        "reads go to the replica, and the replica lags",
        "READS GO TO THE REPLICA AND THE REPLICA LAGS!",
        "the replica is lagging and reads go there",
        "lagging replicas, and reads that go to one",
    ],
)
def test_a_claim_that_was_refuted_is_known_in_other_words(again: str) -> None:
    like = similar_refuted(REFUTED, again)
    assert like is not None
    assert like.name == "H1"


@pytest.mark.parametrize(
    "other",
    [
        "the TTL sweeper races the cart writer",
        "a retry in the load balancer sends the request twice",
        "the clock of db2 is behind",
        "reads of the replica see rows of the vacuum",  # two words in common are not enough
        "two sweepers run at once",  # open: it stands on the board, nobody needs to be told
        "the pool hands out a dirty connection",  # parked, not refuted
        "the",
        "",
        "…",
    ],
)
def test_a_claim_of_something_else_resembles_nothing(other: str) -> None:
    assert similar_refuted(REFUTED, other) is None


def test_a_word_is_known_in_another_form() -> None:
    state = after(opened(1, "reads go to a lagging replica"), judged(1, "refuted", "no", 5))
    assert similar_refuted(state, "reads going to the replica which lags") is not None


def test_a_refuted_claim_that_was_reopened_resembles_nothing() -> None:
    assert (
        similar_refuted(FOLD(REFUTED, [judged(1, "open", "seen", 9)]), "the replica lags, and reads go there") is None
    )


def test_the_most_alike_of_the_refuted_ones_is_shown() -> None:
    state = FOLD(REFUTED, [opened(4, "the replica lags", 10), judged(4, "refuted", "no", 11)])
    like = similar_refuted(state, "the replica lags")
    assert like is not None
    assert like.name == "H4"


def test_a_refuted_claim_is_known_by_the_words_that_it_was_corrected_to() -> None:
    state = FOLD(REFUTED, said(correction_draft(at_second(0), "the kernel reorders the datagrams"), REFUTED, 20))
    like = similar_refuted(state, "datagrams are reordered by the kernel")
    assert like is not None
    assert like.name == "H1"


def test_a_new_claim_that_resembles_a_refuted_one_is_told_the_reason() -> None:
    block = said(hypothesis_draft("reads go to a replica that lags", LIMIT), REFUTED, 20)
    (remark,) = warnings_for(REFUTED, block)
    assert remark == ("H4 resembles H1 'reads go to the replica, and the replica lags', refuted by bob: lag was 0.4 ms")


WITH_EVIDENCE = after(opened(1, "the sweeper"), line(3, ALICE, f"Supports: @{at_second(1)} seen", ("H1", "open")))
WITHOUT = after(opened(1, "the sweeper"))


@pytest.mark.parametrize("verb", ["confirm", "refute"])
def test_a_verdict_without_evidence_says_so(verb: str) -> None:
    assert warnings_for(WITHOUT, said(conclusion_draft(verb, "H1", "why", LIMIT), WITHOUT, 10)) == [
        f"H1: {NO_EVIDENCE}"
    ]
    assert warnings_for(WITH_EVIDENCE, said(conclusion_draft(verb, "H1", "why", LIMIT), WITH_EVIDENCE, 10)) == []


def test_parking_needs_no_evidence() -> None:
    assert warnings_for(WITHOUT, said(conclusion_draft("park", "H1", "why", LIMIT), WITHOUT, 10)) == []


def test_a_prediction_written_after_the_evidence_says_so() -> None:
    assert warnings_for(WITHOUT, said(prediction_draft("H1", "clean"), WITHOUT, 10)) == []
    assert warnings_for(WITH_EVIDENCE, said(prediction_draft("H1", "clean"), WITH_EVIDENCE, 10)) == [
        f"H1: {LATE_PREDICTION}"
    ]


def changed_at(*seconds: float) -> list[Entry]:
    return [line(one, BOB, f"Changed: thing {one:g} (undo: back)", ("CHANGE", "open")) for one in seconds]


@pytest.mark.parametrize(
    ("when", "warned"),
    [((), False), ((30,), False), ((30, 40), True), ((5, 30), False), ((30, 60), False), ((30, 35, 40), True)],
    ids=str,
)
def test_two_changes_between_two_observations_are_two_things_at_once(when: tuple[float, ...], warned: bool) -> None:
    before = after(
        opened(1, "the sweeper"),
        line(10, ALICE, "clean"),
        *changed_at(*(one for one in when if one < 50)),
        line(50, ALICE, "dirty"),
        line(55, ALICE, f"Supports: @{at_second(10)} clean", ("H1", "open")),
        *changed_at(*(one for one in when if one > 50)),
    )
    found = warnings_for(before, said(evidence_draft("contradict", "H1", at_second(50), "dirty"), before, 70))
    assert bool(found) is warned, found
    if warned:
        assert "things changed at once" in found[0]
        assert found[0].endswith("; ".join(f"thing {one:g}" for one in when))


def test_a_change_for_another_hypothesis_is_none_of_the_things_changed_at_once() -> None:
    def told(*bound: int) -> list[str]:
        tags = [(f"H{number}", "open") for number in bound]
        changed = [line(30 + i, BOB, f"Changed: thing {i}", tag, ("CHANGE", "open")) for i, tag in enumerate(tags)]
        evidence_for = line(55, ALICE, f"Supports: @{at_second(10)} clean", ("H1", "open"))
        before = after(opened(1, "the sweeper"), opened(2, "the pool"), *changed, evidence_for)
        return warnings_for(before, said(evidence_draft("contradict", "H1", at_second(50), "dirty"), before, 70))

    assert told(1, 2) == []
    assert len(told(1, 1)) == 1


def test_the_order_in_which_two_observations_are_cited_does_not_matter() -> None:
    before = after(
        opened(1, "the sweeper"),
        *changed_at(30, 40),
        line(55, ALICE, f"Supports: @{at_second(50)} dirty", ("H1", "open")),
    )
    (found,) = warnings_for(before, said(evidence_draft("contradict", "H1", at_second(10), "clean"), before, 70))
    assert found.startswith("H1: two things changed at once")


def test_a_verdict_over_somebody_elses_says_that_both_stand() -> None:
    before = FOLD(WITH_EVIDENCE, [judged(1, "confirmed", "yes", 10, BOB)])
    assert warnings_for(before, said(conclusion_draft("refute", "H1", "no", LIMIT), before, 310)) == [
        "H1 was confirmed by bob 5 min before (yes): both stand, and the later counts"
    ]


def test_whoever_is_overturned_is_told_and_nobody_else() -> None:
    before = FOLD(WITH_EVIDENCE, [judged(1, "confirmed", "yes", 10, BOB)])
    block = said(conclusion_draft("refute", "H1", "it was off", LIMIT), before, 310)
    assert overturned_verdicts(before, block, "bob") == [
        "H1: alice says refuted 5 min after you said confirmed: it was off"
    ]
    assert overturned_verdicts(before, block, "alice") == []
    assert overturned_verdicts(before, block, "carol") == []


def test_nobody_is_overturned_by_themselves_by_agreement_or_by_evidence() -> None:
    before = FOLD(WITH_EVIDENCE, [judged(1, "confirmed", "yes", 10, BOB)])
    assert (
        overturned_verdicts(before, said(conclusion_draft("refute", "H1", "no", LIMIT), before, 20, BOB), "bob") == []
    )
    assert overturned_verdicts(before, [judged(1, "confirmed", "me too", 20, ALICE)], "bob") == []
    assert overturned_verdicts(before, said(evidence_draft("contradict", "H1", None, "hm"), before, 20), "bob") == []
    assert overturned_verdicts(WITHOUT, [judged(1, "confirmed", "yes", 20, ALICE)], "bob") == []


# --- drafts

CRON = f"@{at_second(2)}"
OF_THE_SCRIPT = after(opened(4, "the sweeper"), line(2, SCRIPT, "Hypothesis: the cron job"), line(3, ALICE, "seen"))


@pytest.mark.parametrize(
    ("draft", "text", "state"),
    [
        (prediction_draft(CRON, "no run at 3"), "Prediction: no run at 3", "open"),
        (evidence_draft("support", CRON, at_second(3), "there"), f"Supports: @{at_second(3)} there", "open"),
        (evidence_draft("contradict", CRON, None, "no cron"), "Contradicts: no cron", "open"),
        (conclusion_draft("refute", CRON, "cron was off", LIMIT), "Conclusion: cron was off", "refuted"),
        (conclusion_draft("park", CRON, "later", LIMIT), "Conclusion: later", "parked"),
    ],
)
def test_acting_on_one_of_the_scripts_gives_it_a_number_in_a_line_that_cites_it(
    draft: Draft, text: str, state: str
) -> None:
    block = said(draft, OF_THE_SCRIPT, 10)
    assert [(one.text, one.hypothesis) for one in block] == [
        (f"Hypothesis: {CRON} the cron job", (5, "open")),
        (text, (5, state)),
    ]
    now = FOLD(OF_THE_SCRIPT, block)
    assert list(now.hypotheses) == [4, 5]
    assert now.hypotheses[5] == Hypothesis(5, state, "the cron job", None, at_second(2), block[0].stamp.ns)
    assert now.find_hypothesis(CRON) == now.hypotheses[5]  # the name that it had still works
    assert texts_of(said(prediction_draft(CRON, "again"), now, 20)) == [
        "Prediction: again"
    ]  # and gives no second number


def test_reopening_one_of_the_scripts_that_is_open_is_declined_without_a_number() -> None:
    assert (
        refusal(conclusion_draft("reopen", CRON, "x", LIMIT), OF_THE_SCRIPT) == f"{CRON} is open already: the cron job"
    )


@pytest.mark.parametrize(("cups", "marked"), [(LIMIT, False), (LIMIT + 1, True)])
@pytest.mark.parametrize("verb", ["confirm", "refute", "park"])
def test_a_conclusion_over_the_limit_is_to_be_looked_at_again(verb: str, cups: int, marked: bool) -> None:
    state = FOLD(WITHOUT, [line(5, ALICE, "x", cups=cups)])
    (one,) = said(conclusion_draft(verb, "H1", "because", LIMIT), state, 10)
    assert (one.tag("RECHECK") is not None) is marked
    now = FOLD(state, [one])
    verdict = verdict_of(now, now.hypotheses[1])
    assert verdict is not None
    assert verdict.recheck is marked


def test_the_cups_that_count_are_those_of_who_judges_this_night() -> None:
    state = FOLD(WITHOUT, [line(5, ALICE, "x", cups=9)])
    assert said(conclusion_draft("confirm", "H1", "y", LIMIT), state, 10, BOB)[0].tag("RECHECK") is None
    assert said(conclusion_draft("confirm", "H1", "y", LIMIT), state, 10 + 9 * 3600)[0].tag("RECHECK") is None


def test_reopening_is_no_conclusion_and_is_never_marked() -> None:
    state = FOLD(WITHOUT, [judged(1, "parked", "later", 4), line(5, ALICE, "x", cups=9)])
    assert said(conclusion_draft("reopen", "H1", "seen", LIMIT), state, 10)[0].tags[1:] == (("H1", "open"),)


def test_evidence_without_words_quotes_the_line_that_it_cites() -> None:
    cited = line(3, ALICE, "UPDATE 2 ms after DELETE")
    assert excerpt(WITHOUT, cited) == "UPDATE 2 ms after DELETE"
    assert excerpt(corrected(WITHOUT, at_second(3), "3 ms", 5), cited) == "3 ms", "as it is read now"
    (one,) = said(evidence_draft("support", "H1", citable_stamp(cited), excerpt(WITHOUT, cited)), WITHOUT, 10)
    assert one.text == f"Supports: @{at_second(3)} UPDATE 2 ms after DELETE"
    assert (citable_stamp(one), excerpt(WITHOUT, one)) == (at_second(3), "UPDATE 2 ms after DELETE"), (
        "of evidence, what it cites"
    )


def test_what_is_quoted_is_as_long_as_a_glance() -> None:
    assert excerpt(WITHOUT, line(3, ALICE, "x" * 160)) == "x" * 160
    assert excerpt(WITHOUT, line(3, ALICE, "x" * 161)) == "x" * 159 + "…"


def test_words_of_several_lines_are_a_block_under_the_number() -> None:
    for draft in (
        prediction_draft("H1", "a\nb"),
        evidence_draft("support", "H1", None, "a\nb"),
        conclusion_draft("park", "H1", "a\nb", LIMIT),
    ):
        lines = said(draft, WITHOUT, 10)
        assert [one.text.partition(": ")[2] or one.text for one in lines] == ["a", "| b"]
        assert {one.hypothesis for one in lines} == {lines[0].hypothesis}


def test_the_same_said_of_the_same_line_twice_is_declined_and_the_opposite_is_not() -> None:
    cited = at_second(1)
    assert refusal(evidence_draft("support", "H1", cited, "again"), WITH_EVIDENCE, BOB) == (
        "alice has said already that this line supports H1"
    )
    now = FOLD(WITH_EVIDENCE, said(evidence_draft("contradict", "H1", cited, "no"), WITH_EVIDENCE, 10, BOB))
    assert thread_of(now, now.hypotheses[1]).supports == ()
    assert (
        len(said(evidence_draft("support", "H1", cited, "yes, it does"), now, 20)) == 1
    )  # the last word is not said yet


@pytest.mark.parametrize(
    "draft",
    [prediction_draft("H9", "x"), evidence_draft("support", "H9", None, "x"), conclusion_draft("park", "h9", "x", 4)],
)
def test_an_unknown_number_names_those_there_are(draft: Draft) -> None:
    state = after(opened(1, "a"), opened(2, "b"), line(3, SCRIPT, "Hypothesis: c"))
    assert refusal(draft, state).endswith(f"there are H1, H2, @{at_second(3)}")
    assert refusal(draft, FOLD.empty_state).endswith("there is none yet, and 3am hyp new opens one")


def test_of_many_hypotheses_the_last_nine_are_named() -> None:
    state = after(*(opened(number, "x", number) for number in range(1, 13)))
    with pytest.raises(PreconditionFailed, match=r"there are H4, H5, .*, H12$"):
        require_hypothesis(state, "H99")


def test_a_verdict_that_stands_is_declined_with_its_reason() -> None:
    state = FOLD(WITHOUT, [judged(1, "refuted", "it was off", 5, BOB)])
    assert refusal(conclusion_draft("refute", "H1", "x", LIMIT), state) == "H1 is refuted already: it was off"


# --- words that come later

BY_ALICE = after(line(0, ALICE, "Stamp: words follow", ("STAMP", "now")))


def test_a_stamp_waits_for_its_words_and_then_has_them() -> None:
    (taken,) = said(stamp_draft(), FOLD.empty_state, 0)
    state = after(taken)
    assert list(amendments(state).pending_stamps) == [at_second(0).ns]
    state = FOLD(state, said(stamp_words_draft(lambda: at_second(0), "the lag jumped"), state, 5))
    assert amendments(state).pending_stamps == {}
    assert current_text(state, at_second(0), "words follow") == "the lag jumped"


def test_words_whose_stamp_was_taken_back_are_declined() -> None:
    assert refusal(stamp_words_draft(lambda: None, "x"), BY_ALICE).startswith(
        "the stamp for these words was taken back"
    )


def test_anybody_may_give_the_words_for_a_stamp_that_they_name() -> None:
    assert texts_of(said(stamp_words_draft(lambda: at_second(0), "x"), BY_ALICE, 5, BOB)) == [
        f"Words: @{at_second(0)} x"
    ]


def test_words_for_what_has_some_or_is_no_stamp_are_declined_with_what_there_is() -> None:
    assert refusal(stamp_words_draft(lambda: at_second(1), "x"), BY_ALICE) == (
        f"@{at_second(1)} is not a stamp without words: @{at_second(0)} wait for them"
    )
    now = FOLD(BY_ALICE, said(stamp_words_draft(lambda: at_second(0), "the lag"), BY_ALICE, 5))
    assert refusal(stamp_words_draft(lambda: at_second(0), "x"), now) == (
        f"@{at_second(0)} has its words already, 'the lag': correct them instead"
    )
    assert refusal(stamp_words_draft(lambda: at_second(1), "x"), now).endswith("none waits for them")


def corrected(state: State, of: Stamp, text: str, seconds: float) -> State:
    return FOLD(state, said(correction_draft(of, text), state, seconds))


def test_a_correction_is_read_in_place_of_the_line_and_counted_nowhere() -> None:
    state = corrected(WITHOUT, at_second(0), "two sweepers", 5)
    assert claim_of(state, state.hypotheses[1]) == "two sweepers"
    assert state.hypotheses == WITHOUT.hypotheses
    assert current_text(state, at_second(1), "another line") == "another line"


def test_a_correction_of_a_correction_goes_to_the_original() -> None:
    (once,) = said(correction_draft(at_second(0), "two sweepers"), WITHOUT, 5)
    state = FOLD(WITHOUT, [once])
    assert amended_stamp(state, once) == at_second(0)
    (again,) = said(correction_draft(amended_stamp(state, once), "three sweepers"), state, 6)
    assert again.text == f"Correction: @{at_second(0)} three sweepers"
    assert again.tag("CORRECTION") == "2"
    state = FOLD(state, [again])
    assert claim_of(state, state.hypotheses[1]) == "three sweepers"
    assert amendments(state).by_target[at_second(0).ns].correction_count == 2
    assert list(amendments(state).by_target) == [at_second(0).ns]


def test_the_words_of_a_stamp_can_be_corrected_by_either_of_their_lines() -> None:
    (given,) = said(stamp_words_draft(lambda: at_second(0), "replica 1"), BY_ALICE, 5)
    state = FOLD(BY_ALICE, [given])
    for of in (at_second(0), amended_stamp(state, given)):
        assert current_text(corrected(state, of, "replica 2", 9), at_second(0), "") == "replica 2"


def test_correcting_the_line_that_gave_it_a_number_corrects_the_scripts_claim() -> None:
    numbered, predicted = said(prediction_draft(CRON, "x"), OF_THE_SCRIPT, 6)
    state = FOLD(OF_THE_SCRIPT, [numbered, predicted])
    assert amended_stamp(state, predicted) == predicted.stamp
    state = corrected(state, amended_stamp(state, numbered), "the cron job of db2", 9)
    assert claim_of(state, state.hypotheses[5]) == "the cron job of db2"


def test_a_claim_that_begins_with_a_stamp_is_corrected_itself() -> None:
    (mine,) = said(hypothesis_draft(f"{CRON} is wrong, it is the DNS", 4), OF_THE_SCRIPT, 6)
    state = FOLD(OF_THE_SCRIPT, [mine])
    assert len(state.hypotheses) == len(OF_THE_SCRIPT.hypotheses) + 1
    assert amended_stamp(state, mine) == mine.stamp


def test_evidence_that_mentions_a_stamp_further_on_is_its_own() -> None:
    (one,) = said(evidence_draft("contradict", "H1", None, f"it was off, unlike at @{at_second(1)}"), WITH_EVIDENCE, 10)
    state = FOLD(WITH_EVIDENCE, [one])
    thread = thread_of(state, state.hypotheses[1])
    assert (len(thread.supports), len(thread.contradicts)) == (1, 1)


def test_a_correction_of_a_change_corrects_its_undo() -> None:
    state = after(*said(change_draft("set x", "unset x"), FOLD.empty_state, 0))
    state = corrected(state, at_second(0), "set y (undo: unset y)", 5)
    assert [(one.text, one.undo) for one in open_changes(state)] == [("set y", "unset y")]
    assert said(undone_draft(at_second(0), ""), state, 9)[0].text == f"Undone: @{at_second(0)} unset y"


def test_a_correction_of_several_lines_is_one_line() -> None:
    (one,) = said(correction_draft(at_second(0), "a\nb"), WITHOUT, 5)
    assert one.text == f"Correction: @{at_second(0)} a / b"


def test_a_correction_keeps_the_kind_out_of_its_words() -> None:
    assert strip_kind(line(0, ALICE, "Next: a", ("NOTED", "next")), "Next: b") == "b"
    assert strip_kind(line(0, ALICE, "a"), "Next: b") == "Next: b"


def test_whoever_is_overturned_in_the_same_breath_is_told() -> None:
    mine, theirs = judged(1, "refuted", "no", 20), judged(1, "confirmed", "yes", 21, BOB)
    assert overturned_verdicts(WITH_EVIDENCE, [mine, theirs], "alice") == [
        "H1: bob says confirmed 1 s after you said refuted: yes"
    ]


def test_a_correction_of_the_scripts_claim_holds_when_it_gets_its_number() -> None:
    state = corrected(OF_THE_SCRIPT, at_second(2), "the cron job of db2", 5)
    state = FOLD(state, said(prediction_draft(CRON, "x"), state, 6))
    assert claim_of(state, state.hypotheses[5]) == "the cron job of db2"


# --- what must be undone


def test_a_change_is_open_until_it_is_undone_and_then_says_how() -> None:
    state = after(*said(change_draft("flag on", "flag off"), FOLD.empty_state, 0))
    (one,) = open_changes(state)
    assert (one.text, one.undo, one.author, one.stamp) == ("flag on", "flag off", ALICE, at_second(0))
    state = FOLD(state, said(undone_draft(at_second(0), ""), state, 5, BOB))
    assert open_changes(state) == []
    (one,) = changes(state)
    assert (one.undone_at, one.undone_by, one.undone_how) == (at_second(5), BOB, "flag off")


def test_a_change_of_several_lines_is_one_change() -> None:
    lines = said(change_draft("flag on\nand the pool at 50", "flag off"), FOLD.empty_state, 0)
    assert lines[1].text == "| and the pool at 50"
    (one,) = open_changes(after(*lines))
    assert (one.text, one.undo) == ("flag on", "flag off")


def test_a_change_keeps_its_undo_whatever_line_it_stands_in() -> None:
    """A note that begins with `Changed:` may end with the way to undo it, lines later."""
    for typed in ("flag on\nand the pool (undo: flag off)", "flag on (undo: flag off)\nand the pool (at 50)"):
        for draft in (note_draft(f"Changed: {typed}"), change_draft(*parse_typed_change(typed))):
            lines = said(draft, FOLD.empty_state, 0)
            assert [line.kind for line in lines] == ["Changed", "note"]
            (one,) = open_changes(after(*lines))
            assert (one.text, one.undo) == ("flag on", "flag off")


def test_a_change_is_bound_to_the_hypothesis_that_it_names(log: Path, writer: Writer) -> None:
    assert parse_typed_change("-H H7 pool at 50 (undo: back)") == ("pool at 50", "back", "H7")
    assert parse_typed_change("-Hx is set") == ("-Hx is set", "", None)
    writer.write(hypothesis_draft("it races", 4))
    writer.write(change_draft("pool at 50", "back", "H1"))
    assert entries(log)[-1].hypothesis == (1, "open")
    assert refusal(change_draft("x", "", "H9"), FOLD.empty_state).startswith("there is no hypothesis H9")
    live = resolve_journal(str(log)).open_live()
    assert live is not None
    state = FOLD.state_at(live, live.size())
    (one,) = open_changes(state)
    assert (one.hypothesis, one.undo) == (1, "back")
    carried = FOLD(FOLD.empty_state, FOLD.checkpoint(state, at_second(9)))
    assert open_changes(carried) == [one], "also after a rotation"


@pytest.mark.parametrize(
    ("typed", "text", "undo"),
    [
        ("flag on", "flag on", ""),
        ("flag on --undo flag off", "flag on", "flag off"),
        ("flag on --undo 'flag off'", "flag on", "flag off"),
        ('flag on --undo "flag off"', "flag on", "flag off"),
        ("flag on (undo: flag off)", "flag on", "flag off"),
        ("flag on (undo: f(x) off)", "flag on", "f(x) off"),
        ("flag on (undo it)", "flag on (undo it)", ""),
        ("flag --undone", "flag --undone", ""),
        ("", "", ""),
    ],
)
def test_a_change_is_typed_as_the_shell_or_the_log_has_it(typed: str, text: str, undo: str) -> None:
    assert parse_typed_change(typed) == (text, undo, None)


def test_without_a_stamp_the_only_change_that_is_left_is_ticked_off() -> None:
    assert refusal(undone_draft(None, ""), FOLD.empty_state) == "nothing is left to undo"
    state = after(*changed_at(1, 2))
    assert refusal(undone_draft(None, "x"), state) == (
        f"name the change by its @stamp: @{at_second(1)} thing 1; @{at_second(2)} thing 2"
    )
    state = FOLD(state, said(undone_draft(at_second(1), "x"), state, 5))
    (tick,) = said(undone_draft(None, "done"), state, 6)
    assert (tick.text, tick.tag("CHANGE")) == (f"Undone: @{at_second(2)} done", "undone")


def test_what_was_undone_is_not_undone_again() -> None:
    state = after(*changed_at(1))
    state = FOLD(state, said(undone_draft(at_second(1), "flag off"), state, 5, BOB))
    assert (
        refusal(undone_draft(at_second(1), ""), state) == f"that was undone already, by bob at {at_second(5)}: flag off"
    )


def test_a_stamp_of_no_change_is_declined_with_what_is_left() -> None:
    assert (
        refusal(undone_draft(at_second(7), ""), after(*changed_at(1)))
        == f"@{at_second(7)} is not a change: @{at_second(1)} thing 1"
    )
    assert (
        refusal(undone_draft(at_second(7), ""), FOLD.empty_state)
        == f"@{at_second(7)} is not a change, and none is left to undo"
    )


def test_a_change_says_how_it_was_undone_by_the_best_words_there_are() -> None:
    state = after(line(1, BOB, "Changed: flag on", ("CHANGE", "open")))
    assert texts_of(said(undone_draft(at_second(1), ""), state, 5)) == [f"Undone: @{at_second(1)} flag on"]
    assert texts_of(said(undone_draft(at_second(1), ""), after(*changed_at(1)), 5)) == [f"Undone: @{at_second(1)} back"]


# --- stamps in words, and the lines that they name


def test_a_stamp_is_taken_from_the_beginning_of_the_words() -> None:
    assert parse_stamp_ref(f" @{at_second(1)}  the words ") == (at_second(1), "the words")
    assert parse_stamp_ref(f"@{at_second(1)}") == (at_second(1), "")
    assert parse_stamp_ref(f"see @{at_second(1)}") == (None, f"see @{at_second(1)}")
    assert parse_stamp_ref("") == (None, "")
    for bad in ("@", "@nobody", f"@{at_second(1)},", "@2026-02-31T00:00:00.000000000+0000"):
        with pytest.raises(BadStamp, match="is no stamp"):
            parse_stamp_ref(f"{bad} words")


def test_a_line_is_found_by_its_stamp_over_rotated_files(journal: Journal, writer: Writer, clock: FakeClock) -> None:
    blocks: list[Block] = []
    for n in range(6):
        clock.forward(NS_PER_S)
        blocks.append(writer.write(Draft(lambda *_, n=n: [DraftLine(f"note {n}")])))
        if n % 2:
            with writer.lock_log(whole=True) as held:
                held.rotate()
    for n, block in enumerate(blocks):
        found = find_line(journal, Stamp(block.entries[0].stamp.ns, 3600)).entry
        assert found is not None
        assert found.text == f"note {n}"


def test_an_unknown_stamp_names_the_nearest_entry(log: Path, journal: Journal) -> None:
    with pytest.raises(PreconditionFailed, match="the log is empty"):
        find_line(journal, at_second(5))
    log.write_bytes(format_entry(line(1, ALICE, "a")) + format_entry(line(9, ALICE, "b")))
    for asked, named in (
        (0, f"the nearest one is @{at_second(1)}"),
        (4, f"the nearest one is @{at_second(1)}"),
        (6, f"the nearest one is @{at_second(9)}"),
        (10, f"the nearest one is @{at_second(9)}"),
    ):
        with pytest.raises(PreconditionFailed) as why:
            find_line(journal, at_second(asked))
        assert str(why.value) == f"there is no entry @{at_second(asked)}: {named}"


# --- the shell


def good(run: Run, *argv: str) -> str:
    done = run(*argv)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def one_line(run: Run, *argv: str) -> Entry:
    (raw,) = good(run, *argv).splitlines()
    entry = parse_entry(raw.encode())
    assert entry is not None
    return entry


def refused(run: Run, code: int, *argv: str) -> list[str]:
    """What is said on stderr of a command that does not do it."""
    done = run(*argv)
    assert (done.returncode, done.stdout) == (code, b""), done
    return done.stderr.decode().splitlines()


def test_a_hunt_is_told_from_the_shell(run: Run) -> None:
    good(run, "hyp", "new", "the", "sweeper")
    seen = one_line(run, "log", "UPDATE 2 ms after DELETE")
    assert one_line(run, "hyp", "predict", "h1", "500 clean runs").text == "Prediction: 500 clean runs"
    assert one_line(run, "hyp", "support", "1", f"@{seen.stamp}").text == f"Supports: @{seen.stamp} {seen.text}"
    against = one_line(run, "hyp", "contradict", "H1", "it", "was", "off")
    assert (against.text, against.hypothesis) == ("Contradicts: it was off", (1, "open"))
    (listed,) = [json.loads(one) for one in good(run, "hyp", "list", "--json").splitlines()]
    assert {"number", "state", "claim", "supports", "contradicts", "by", "at"} <= listed.keys()
    assert (listed["number"], listed["state"], listed["claim"]) == (1, "open", "the sweeper")
    assert (listed["supports"], listed["contradicts"]) == (1, 1)
    assert listed["by"].startswith("alice@")
    stamp = Stamp.parse(listed["at"])
    assert stamp is not None
    assert listed["ts_ns"] == str(stamp.ns)
    story = [parse_entry(one.encode()) for one in good(run, "hyp", "show", "H1").splitlines()]
    assert [one.kind for one in story if one] == ["Hypothesis", "Prediction", "Supports", "Contradicts"]
    late = run("hyp", "predict", "H1", "and 500 more")
    assert late.returncode == 0
    assert late.stderr.decode().splitlines() == [f"3am: H1: {LATE_PREDICTION}"]


def test_a_corrected_claim_is_what_the_list_shows(run: Run) -> None:
    claimed = parse_entry(good(run, "hyp", "new", "replica 1 lags").splitlines()[1].encode())
    assert claimed is not None
    fixed = one_line(run, "correct", f"@{claimed.stamp}", "replica 2 lags")
    assert fixed.text == f"Correction: @{claimed.stamp} replica 2 lags"
    assert one_line(run, "correct", f"@{fixed.stamp}", "replica 3 lags").text.startswith(
        f"Correction: @{claimed.stamp} "
    )
    assert good(run, "hyp", "list") == "H1   open      +0 -0  replica 3 lags\n"
    assert json.loads(good(run, "hyp", "list", "--json"))["claim"] == "replica 3 lags"
    assert "replica 1 lags" in good(run, "hyp", "show", "H1")  # nothing is rewritten


def test_a_stamp_from_the_shell_gets_its_words_once(run: Run) -> None:
    taken = one_line(run, "stamp")
    assert (taken.text, taken.tag("STAMP")) == ("Stamp: words follow", "now")
    given_words = one_line(run, "stamp", f"@{taken.stamp}", "the", "lag", "jumped")
    assert given_words.text == f"Words: @{taken.stamp} the lag jumped"
    assert refused(run, 1, "stamp", f"@{taken.stamp}", "precious words") == [
        f"3am: not written: @{taken.stamp} precious words",
        f"3am: @{taken.stamp} has its words already, 'the lag jumped': correct them instead",
    ]


def test_what_was_changed_is_ticked_off_from_the_shell(run: Run) -> None:
    first = one_line(run, "changed", "flag", "on", "--undo", "flag off")
    assert (first.text, first.tag("CHANGE")) == ("Changed: flag on (undo: flag off)", "open")
    second = one_line(run, "changed", "pool at 50")
    lines = refused(run, 1, "undone")
    assert str(first.stamp) in lines[0]
    assert str(second.stamp) in lines[0]
    assert one_line(run, "undone", f"@{first.stamp}").text == f"Undone: @{first.stamp} flag off"
    assert refused(run, 1, "undone", f"@{first.stamp}", "again")[1].startswith("3am: that was undone already, by alice")
    assert one_line(run, "undone", "pool", "at", "20").text == f"Undone: @{second.stamp} pool at 20"
    assert refused(run, 1, "undone") == ["3am: nothing is left to undo"]


def test_whoever_takes_the_journal_holds_it(run: Run) -> None:
    assert one_line(run, "take").text == "Taken: alice holds the journal now."
    assert refused(run, 1, "take") == ["3am: alice holds the journal already"]
    assert one_line_as(run, "bob", "take").text == "Taken: bob holds the journal now, and no longer alice."


def one_line_as(run: Run, user: str, *argv: str) -> Entry:
    done = run(*argv, LOGNAME=user)
    assert done.returncode == 0, done.stderr.decode()
    entry = parse_entry(done.stdout.rstrip(b"\n"))
    assert entry is not None
    return entry


@pytest.mark.parametrize(
    ("argv", "words", "named"),
    [
        (["hyp", "predict", "H9", "precious"], "precious", "there are H1"),
        (["hyp", "support", "H9", "precious"], "precious", "there are H1"),
        (["hyp", "contradict", "9", "precious"], "precious", "there are H1"),
        (["hyp", "confirm", "H9", "precious"], "precious", "there are H1"),
        (["hyp", "confirm", "H1", "precious"], "precious", "H1 is confirmed already: 300 clean runs"),
        (["hyp", "support", "H1", NOT_YET, "precious"], f"{NOT_YET} precious", f"the nearest one is @{at_second(0)}"),
        (["correct", NOT_YET, "precious"], f"{NOT_YET} precious", f"the nearest one is @{at_second(0)}"),
        (
            ["correct", f"@{at_second(99)}", "precious"],
            f"@{at_second(99)} precious",
            f"the nearest one is @{at_second(5)}",
        ),
        (["stamp", f"@{at_second(0)}", "precious"], f"@{at_second(0)} precious", "is not a stamp without words"),
        (["undone", f"@{at_second(0)}", "precious"], f"@{at_second(0)} precious", "is not a change"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_answer_no_names_what_there_is_and_hands_the_words_back(
    run: Run, log: Path, argv: list[str], words: str, named: str
) -> None:
    before = b"".join(map(format_entry, [opened(1, "the sweeper"), judged(1, "confirmed", "300 clean runs", 5)]))
    log.write_bytes(before)
    given_back, why = refused(run, 1, *argv)
    assert given_back == f"3am: not written: {words}"
    assert named in why
    assert log.read_bytes() == before


@pytest.mark.parametrize(
    "argv",
    [
        ["hyp", "support", "H1", "@nonsense", "precious"],
        ["hyp", "contradict", "H1", "@2026-02-31T00:00:00.000000000+0000", "precious"],
        ["undone", "@nonsense", "precious"],
    ],
    ids=" ".join,
)
def test_a_word_that_is_no_stamp_is_bad_usage_and_the_words_come_back(run: Run, argv: list[str]) -> None:
    given_back, why = refused(run, 2, *argv)
    assert given_back.startswith("3am: not written: @")
    assert given_back.endswith("precious")
    assert "is no stamp: write it as the log has it" in why


@pytest.mark.parametrize(
    "argv",
    [
        ["hyp", "predict", "H1", " "],
        ["hyp", "support", "H1"],
        ["hyp", "contradict", "H1", ""],
        ["changed", " "],
        ["changed"],
        ["correct"],
        ["take", "x"],
    ],
    ids=" ".join,
)
def test_bad_usage_is_one_sentence_and_leaves_nothing_behind(run: Run, log: Path, argv: list[str]) -> None:
    (why,) = refused(run, 2, *argv)
    assert why.startswith("3am")
    assert not log.exists()


@pytest.mark.parametrize(
    "argv",
    [
        ["correct", f"@{at_second(0)}", " "],
        ["correct", "@nonsense", "x"],
        ["correct", "no stamp before"],
        ["stamp", "no stamp before"],
        ["stamp", f"@{at_second(0)}"],
        ["stamp", "@nonsense"],
    ],
    ids=" ".join,
)
def test_words_without_their_stamp_come_back(run: Run, log: Path, argv: list[str]) -> None:
    given_back, why = refused(run, 2, *argv)
    assert given_back == f"3am: not written: {' '.join(argv[1:])}"
    assert "stamp" in why or "no words" in why
    assert not log.exists()


@pytest.mark.parametrize(
    "argv",
    [
        ["hyp", "predict", "H1", "x"],
        ["hyp", "support", "H1", f"@{at_second(0)}"],
        ["hyp", "park", "H1", "x"],
        ["stamp", f"@{at_second(0)}", "x"],
        ["correct", f"@{at_second(0)}", "x"],
        ["undone"],
    ],
    ids=" ".join,
)
def test_where_there_is_no_log_the_answer_is_no_and_there_is_none_after(run: Run, log: Path, argv: list[str]) -> None:
    refused(run, 1, *argv)
    assert not log.exists()
    assert good(run, "hyp", "list") == ""


def test_a_claim_like_a_refuted_one_is_written_and_the_old_reason_told(run: Run, log: Path) -> None:
    log.write_bytes(
        b"".join(map(format_entry, [opened(1, "the replica lags"), judged(1, "refuted", "0.4 ms", 5, BOB)]))
    )
    done = run("hyp", "new", "replicas are lagging")
    assert done.returncode == 0
    assert done.stderr.decode() == "3am: H2 resembles H1 'the replica lags', refuted by bob: 0.4 ms\n"
    assert b"[H2: open] Hypothesis: replicas are lagging\n" in done.stdout


def test_quiet_commands_print_nothing_and_write(run: Run) -> None:
    for argv in (["stamp", "-q"], ["changed", "-q", "flag on"], ["undone", "-q"], ["take", "-q"]):
        assert good(run, *argv) == ""
    assert len(good(run, "tail").splitlines()) == 4


# --- what a first reading of all this got wrong


def test_a_claim_that_mentions_a_hypothesis_of_the_scripts_does_not_swallow_it() -> None:
    state = FOLD(OF_THE_SCRIPT, said(hypothesis_draft(f"unlike {CRON} the pool leaks", 4), OF_THE_SCRIPT, 6))
    assert len(state.hypotheses) == len(OF_THE_SCRIPT.hypotheses) + 1


def test_the_reason_of_a_verdict_is_told_as_it_was_corrected(run: Run) -> None:
    run("hyp", "new", "the replica lags")
    verdict = one_line(run, "hyp", "refute", "H1", "replica 1 was off")
    run("correct", f"@{verdict.stamp}", "replica 2 was off")
    assert "replica 2 was off" in run("hyp", "list").stdout.decode()
    assert "replica 2 was off" in run("hyp", "list", "--json").stdout.decode()
    assert "replica 2 was off" in run("hyp", "new", f"the replica lags, see @{verdict.stamp}").stderr.decode()
    assert "replica 2 was off" in run("hyp", "refute", "H1", "no").stderr.decode()


def test_an_undo_of_several_lines_and_one_in_the_text_stay_apart() -> None:
    assert said(change_draft("a", "b\nc"), FOLD.empty_state, 0)[0].text == "Changed: a (undo: b / c)"
    state = after(*said(change_draft("x (undo: y)", "z"), FOLD.empty_state, 0))
    assert [(one.text, one.undo) for one in open_changes(state)] == [("x (undo: y)", "z")]


def test_a_log_that_goes_while_a_hypothesis_is_shown_is_a_sentence(
    run_here: Run, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_here("hyp", "new", "it races")
    look = Journal.open_live

    def goes(journal: Journal) -> Segment | None:
        """The file as it was found, which is deleted at once."""
        found = look(journal)
        log.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(Journal, "open_live", goes)
    done = run_here("hyp", "show", "H1")
    assert (done.returncode, b"it races" in done.stdout, done.stderr) == (0, True, b"")
    done = run_here("hyp", "show", "H1")
    assert (done.returncode, b"there is no log at" in done.stderr) == (1, True)
