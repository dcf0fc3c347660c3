"""Warnings for a tired mind: what a careful colleague would say about an event. They forbid nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from heapq import nlargest

from threeam.core.format.entry import Entry, Stamp, author_name
from threeam.core.format.times import format_duration
from threeam.core.state.fold import OPEN, Hypothesis, State, script_hypothesis_numbered_by
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

NO_EVIDENCE = "there is no evidence for or against it"
LATE_PREDICTION = "written after the evidence: a prediction counts when it comes first"
PREDICTION_AFTER_VERDICT = "written after the verdict: a prediction counts when it comes first"
_JUDGED_STATES = ("confirmed", "refuted")
_MAX_COMPARED_CLAIMS = 50
_MIN_CLAIM_SIMILARITY = 0.5  # the share of common words from which two claims are taken for the same
_MIN_OPEN_CLAIM_SIMILARITY = 0.8  # theories of one night have many words in common
_MIN_STEM_CHARS = 3  # two forms of a word begin with this many common letters at least
_MIN_WORD_SIMILARITY = 0.7  # the share of common letters from which two words are taken for the same
_STOP_WORDS = frozenset(
    (
        *("a", "an", "and", "are", "at", "by", "for", "from", "in", "is", "it", "not", "of", "on", "or"),
        *("than", "that", "the", "then", "this", "to", "was", "when", "which", "with"),
    )
)


def similar_refuted(state: State, claim: str) -> Hypothesis | None:
    """Return the refuted hypothesis that resembles ``claim`` most, or None if none is similar enough."""
    return _most_similar(state, claim, "refuted", _MIN_CLAIM_SIMILARITY)


def similar_open(state: State, claim: str) -> Hypothesis | None:
    """Return the open hypothesis that says nearly the same as ``claim``, or None."""
    return _most_similar(state, claim, OPEN, _MIN_OPEN_CLAIM_SIMILARITY)


def _most_similar(state: State, claim: str, hypothesis_state: str, min_similarity: float) -> Hypothesis | None:
    words = _significant_words(claim)
    candidates = [
        (_significant_words(claim_of(state, hypothesis)), hypothesis)
        for hypothesis in state.hypotheses.values()
        if hypothesis.state == hypothesis_state
    ]
    # Only the claims with most words in common are compared letter by letter: for thousands that would be slow.
    candidates = nlargest(_MAX_COMPARED_CLAIMS, candidates, key=lambda candidate: len(words & candidate[0]))
    ranked = [(_claim_similarity(words, other_words), hypothesis) for other_words, hypothesis in candidates]
    score, best = max(ranked, default=(0.0, None), key=lambda candidate: candidate[0])
    return best if score >= min_similarity else None


def why_refuted(state: State, hypothesis: Hypothesis) -> str:
    """Return a refuted hypothesis with its verdict's author and reason, in one sentence."""
    verdict = verdict_of(state, hypothesis)
    author = f" by {verdict.author.user}" if verdict is not None and verdict.author is not None else ""
    reason = f": {event_text(state, verdict)}" if verdict is not None and verdict.text else ""
    return f"{hypothesis.name} {claim_of(state, hypothesis)!r}, refuted{author}{reason}"


def warnings_for(
    prior_state: State, entries: Sequence[Entry], has_evidence_elsewhere: Callable[[int], bool] = lambda number: False
) -> list[str]:
    """Return the warnings about ``entries``, a block that was written on top of ``prior_state``.

    ``has_evidence_elsewhere``: returns whether another host has evidence about the hypothesis with a number.
    """
    warnings: list[str] = []
    unnumbered = [hypothesis for hypothesis in prior_state.hypotheses.values() if hypothesis.number is None]
    for entry in entries:
        if entry.hypothesis is None:
            continue
        number, _ = entry.hypothesis
        hypothesis = prior_state.hypotheses.get(number)
        if entry.kind == "Hypothesis" and hypothesis is None and not script_hypothesis_numbered_by(unnumbered, entry):
            similar = similar_refuted(prior_state, entry.body)
            if similar is not None:
                warnings.append(f"H{number} resembles {why_refuted(prior_state, similar)}")
            elif (same := similar_open(prior_state, entry.body)) is not None:
                claim = claim_of(prior_state, same)
                warnings.append(f"H{number} resembles {same.label} {claim!r}, which is open: one of them is enough")
        event = parse_event(entry)
        if event is None:
            continue
        # No fold has given the lines of this block their positions yet.
        event = event._replace(position=max(event.stamp.ns + prior_state.clock_lag_ns, prior_state.last_position + 1))
        earlier = () if hypothesis is None else thread_of(prior_state, hypothesis).events
        evidence = next((other for other in reversed(earlier) if other.kind in EVIDENCE_KINDS), None)
        warnings += (
            f"H{number}: {warning}"
            for warning in event_warnings(event, evidence, prior_state, number)
            if warning != NO_EVIDENCE or not has_evidence_elsewhere(number)
        )
        if hypothesis is not None and evidence is None and is_after_verdict(event, hypothesis.state):
            warnings.append(f"H{number}: {PREDICTION_AFTER_VERDICT}")
        verdict = None if hypothesis is None else verdict_of(prior_state, hypothesis)
        if event.kind in VERDICT_KINDS and verdict is not None:
            author = author_name(verdict.author)
            elapsed = format_duration(max(0, event.stamp.ns - verdict.stamp.ns))
            done = "reopened" if verdict.kind == "Reopened" else verdict.state
            warnings.append(
                f"H{number} was {done} by {author} {elapsed} before ({event_text(prior_state, verdict)}): "
                "both stand, and the later counts"
            )
    return warnings


def overturned_verdicts(prior_state: State, entries: Sequence[Entry], user: str) -> list[str]:
    """Return the notices for ``user`` about ``entries`` of others that overturn their verdicts in ``prior_state``."""
    if not any(entry.kind in VERDICT_KINDS for entry in entries):  # nearly always
        return []
    notices: list[str] = []
    own_verdicts: dict[int, HypothesisEvent] = {}
    for hypothesis in prior_state.hypotheses.values():
        verdict = verdict_of(prior_state, hypothesis)
        if hypothesis.number is not None and verdict is not None and _is_by(verdict, user):
            own_verdicts[hypothesis.number] = verdict
    for entry in entries:
        event = parse_event(entry)
        if entry.hypothesis is None or event is None or event.kind not in VERDICT_KINDS:
            continue
        number, _ = entry.hypothesis
        own = own_verdicts.pop(number, None)
        if _is_by(event, user):
            own_verdicts[number] = event
        elif own is not None and own.state != event.state:
            author = author_name(event.author)
            elapsed = format_duration(max(0, event.stamp.ns - own.stamp.ns))
            notices.append(f"H{number}: {author} says {event.state} {elapsed} after you said {own.state}: {event.text}")
    return notices


def _is_by(event: HypothesisEvent, user: str) -> bool:
    return event.author is not None and event.author.user == user


def event_warnings(
    event: HypothesisEvent, last_evidence: HypothesisEvent | None, state: State, hypothesis_number: int | None
) -> Iterator[str]:
    """Yield the warnings about ``event``, given the last evidence before it about the same hypothesis.

    A change that is bound to another hypothesis is not counted among those between two pieces of evidence.
    """
    if event.kind == PREDICTION and last_evidence is not None:
        yield LATE_PREDICTION
    if event.kind == "Conclusion" and event.state in _JUDGED_STATES and last_evidence is None:
        yield NO_EVIDENCE
    if event.cited is not None and last_evidence is not None and last_evidence.cited is not None:
        first, second = sorted(
            (_cited_position(last_evidence, last_evidence.cited), _cited_position(event, event.cited))
        )
        relevant = [change for change in changes(state) if change.hypothesis in (None, hypothesis_number)]
        between = [change.text for change in relevant if first < change.position < second]
        if len(between) > 1:
            count = _NUMBER_WORDS.get(len(between), len(between))
            yield f"{count} things changed at once since the evidence before: {'; '.join(between)}"


def is_after_verdict(event: HypothesisEvent, state_before: str) -> bool:
    """Return whether ``event`` is a prediction about a hypothesis that was confirmed or refuted already."""
    return event.kind == PREDICTION and state_before in _JUDGED_STATES


def _cited_position(event: HypothesisEvent, cited: Stamp) -> int:
    """Return the position of the line that ``event`` cites, computed from the stamps of both.

    A cited stamp that is later than the event's own was written before the clock was stepped back.
    """
    return cited.ns if cited.ns > event.stamp.ns else cited.ns + event.position - event.stamp.ns


_NUMBER_WORDS = {2: "two", 3: "three", 4: "four"}


def _significant_words(text: str) -> frozenset[str]:
    words = re.findall(r"[^\W_]+", re.sub(r"@\S+", " ", text).casefold())  # without stamp references
    return frozenset(word for word in words if word not in _STOP_WORDS) or frozenset(words)


def _claim_similarity(words: frozenset[str], other_words: frozenset[str]) -> float:
    """Return the share of words that two claims have in common, from 0 to 1. A word may be in another form."""
    if not words or not other_words:
        return 0.0
    common = sum(any(_is_similar_word(word, other) for other in other_words) for word in words)
    common += sum(any(_is_similar_word(word, other) for word in words) for other in other_words)
    return common / (len(words) + len(other_words))


def _is_similar_word(word: str, other: str) -> bool:
    if word == other:
        return True
    short, long = sorted((word, other), key=len)
    stem = short[: max(_MIN_STEM_CHARS, len(short) - 1)]
    if len(short) >= _MIN_STEM_CHARS and long.startswith(stem):  # lags, lagging
        return True
    # The cheap upper bounds come first.
    matcher = SequenceMatcher(None, word, other)
    return (
        matcher.real_quick_ratio() >= _MIN_WORD_SIMILARITY
        and matcher.quick_ratio() >= _MIN_WORD_SIMILARITY
        and matcher.ratio() >= _MIN_WORD_SIMILARITY
    )
