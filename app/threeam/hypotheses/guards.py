"""Guards for a tired mind: what a careful colleague would say of a move, and would not forbid."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from heapq import nlargest

from threeam.core.format.entry import Entry, Stamp, author_name
from threeam.core.format.times import format_duration
from threeam.core.state.fold import Hypothesis, State, script_hypothesis_numbered_by
from threeam.hypotheses.amendments import claim_of
from threeam.hypotheses.changes import changes
from threeam.hypotheses.ledger import (
    EVIDENCE_KINDS,
    PREDICTION,
    VERDICT_KINDS,
    HypothesisEvent,
    event_text,
    parse_event,
    thread_of,
    verdict_of,
)

NO_EVIDENCE = "no evidence stands for it or against it"
LATE_PREDICTION = "written after the evidence: a prediction counts when it comes first"
_MAX_COMPARED_CLAIMS = 50  # claims
_MIN_CLAIM_SIMILARITY = 0.5  # of the words of two claims: so many in common, and they are taken for one
_MIN_STEM_CHARS = 3  # letters, at least, that two forms of a word begin with
_MIN_WORD_SIMILARITY = 0.7  # of the letters of two words
_STOP_WORDS = frozenset(
    (
        *("a", "an", "and", "are", "at", "by", "for", "from", "in", "is", "it", "not", "of", "on", "or"),
        *("than", "that", "the", "then", "this", "to", "was", "when", "which", "with"),
    )
)


def similar_refuted(state: State, claim: str) -> Hypothesis | None:
    """The refuted hypothesis that ``claim`` resembles most, if it resembles any."""
    words = _significant_words(claim)
    refuted = [one for one in state.hypotheses.values() if one.state == "refuted"]
    claims = [(_significant_words(claim_of(state, one)), one) for one in refuted]
    # Who has no word in common is not compared letter by letter: that takes long with thousands of them.
    claims = nlargest(_MAX_COMPARED_CLAIMS, claims, key=lambda claim: len(words & claim[0]))
    ranked = [(_claim_similarity(words, others), one) for others, one in claims]
    best = max(ranked, default=None, key=lambda found: found[0])
    return best[1] if best is not None and best[0] >= _MIN_CLAIM_SIMILARITY else None


def why_refuted(state: State, hypothesis: Hypothesis) -> str:
    """A refuted hypothesis with its reason, in a sentence."""
    verdict = verdict_of(state, hypothesis)
    who = f" by {verdict.author.user}" if verdict is not None and verdict.author is not None else ""
    why = f": {event_text(state, verdict)}" if verdict is not None and verdict.text else ""
    return f"{hypothesis.name} {claim_of(state, hypothesis)!r}, refuted{who}{why}"


def warnings_for(prior_state: State, entries: Sequence[Entry]) -> list[str]:
    """What is to be said of a block that was written, given the state ``prior_state`` it."""
    said: list[str] = []
    scripts = [one for one in prior_state.hypotheses.values() if one.number is None]
    for entry in entries:
        if (tagged := entry.hypothesis) is None:
            continue
        one = prior_state.hypotheses.get(tagged[0])
        is_new = entry.kind == "Hypothesis" and one is None and script_hypothesis_numbered_by(scripts, entry) is None
        if is_new and (like := similar_refuted(prior_state, entry.body)) is not None:
            said.append(f"H{tagged[0]} resembles {why_refuted(prior_state, like)}")
        move = parse_event(entry)
        if move is None:
            continue
        # No fold has given the lines of a block their positions yet.
        move = move._replace(position=max(move.stamp.ns + prior_state.clock_lag_ns, prior_state.last_position + 1))
        moves = () if one is None else thread_of(prior_state, one).events
        evidence = next((other for other in reversed(moves) if other.kind in EVIDENCE_KINDS), None)
        said += (f"H{tagged[0]}: {remark}" for remark in event_warnings(move, evidence, prior_state, tagged[0]))
        if one is not None and move.kind in VERDICT_KINDS and (verdict := verdict_of(prior_state, one)) is not None:
            who = author_name(verdict.author)
            ago = format_duration(max(0, move.stamp.ns - verdict.stamp.ns))
            said.append(
                f"H{tagged[0]} was {verdict.state} by {who} {ago} before ({event_text(prior_state, verdict)}): "
                "both stand, and the later counts"
            )
    return said


def overturned_verdicts(prior_state: State, entries: Sequence[Entry], user: str) -> list[str]:
    """What ``user`` is told when ``entries``, which others wrote, overturn a verdict of theirs in ``prior_state``."""
    said: list[str] = []
    if not any(entry.kind in VERDICT_KINDS for entry in entries):  # nearly always
        return said
    verdicts = {
        one.number: verdict_of(prior_state, one) for one in prior_state.hypotheses.values() if one.number is not None
    }
    mine = {number: move for number, move in verdicts.items() if move is not None and _is_by(move, user)}
    for entry in entries:
        tagged, move = entry.hypothesis, parse_event(entry)
        if tagged is None or move is None or move.kind not in VERDICT_KINDS:
            continue
        own = mine.pop(tagged[0], None)
        if _is_by(move, user):
            mine[tagged[0]] = move
        elif own is not None and own.state != move.state:
            who = author_name(move.author)
            ago = format_duration(max(0, move.stamp.ns - own.stamp.ns))
            said.append(f"H{tagged[0]}: {who} says {move.state} {ago} after you said {own.state}: {move.text}")
    return said


def _is_by(event: HypothesisEvent, user: str) -> bool:
    return event.author is not None and event.author.user == user


def event_warnings(
    event: HypothesisEvent, last_evidence: HypothesisEvent | None, state: State, hypothesis_number: int | None
) -> Iterator[str]:
    """What is to be said of ``event``, given the last evidence before it about the same hypothesis.

    A change that is bound to another hypothesis is not counted among those between two pieces of evidence.
    """
    if event.kind == PREDICTION and last_evidence is not None:
        yield LATE_PREDICTION
    if event.kind == "Conclusion" and event.state in ("confirmed", "refuted") and last_evidence is None:
        yield NO_EVIDENCE
    if event.cited is not None and last_evidence is not None and last_evidence.cited is not None:
        first, after = sorted(
            (_cited_position(last_evidence, last_evidence.cited), _cited_position(event, event.cited))
        )
        concerned = [one for one in changes(state) if one.hypothesis in (None, hypothesis_number)]
        between = [one.text for one in concerned if first < one.position < after]
        if len(between) > 1:
            yield (
                f"{_NUMBER_WORDS.get(len(between), len(between))} things changed at once since the evidence before: "
                + ("; ".join(between))
            )


def _cited_position(event: HypothesisEvent, cited: Stamp) -> int:
    """Return the position of the line that ``event`` cites, as far as the stamps of both tell it.

    A cited stamp that is later than that of the move is from before the clock was stepped back.
    """
    return cited.ns if cited.ns > event.stamp.ns else cited.ns + event.position - event.stamp.ns


_NUMBER_WORDS = {2: "two", 3: "three", 4: "four"}


def _significant_words(text: str) -> frozenset[str]:
    words = re.findall(r"[^\W_]+", re.sub(r"@\S+", " ", text).casefold())  # a reference is no word
    return frozenset(word for word in words if word not in _STOP_WORDS) or frozenset(words)


def _claim_similarity(words: frozenset[str], other_words: frozenset[str]) -> float:
    """How much of the words of two claims is common to both, from 0 to 1; a word may be in another form."""
    if not words or not other_words:
        return 0.0
    common = sum(any(_is_similar_word(word, other) for other in other_words) for word in words)
    common += sum(any(_is_similar_word(word, other) for word in words) for other in other_words)
    return common / (len(words) + len(other_words))


def _is_similar_word(word: str, other: str) -> bool:
    if word == other:
        return True
    short, long = sorted((word, other), key=len)
    if len(short) >= _MIN_STEM_CHARS and long.startswith(
        short[: max(_MIN_STEM_CHARS, len(short) - 1)]
    ):  # lags, lagging
        return True
    # The upper bounds first: they cost little.
    matcher = SequenceMatcher(None, word, other)
    return (
        matcher.real_quick_ratio() >= _MIN_WORD_SIMILARITY
        and matcher.quick_ratio() >= _MIN_WORD_SIMILARITY
        and matcher.ratio() >= _MIN_WORD_SIMILARITY
    )
