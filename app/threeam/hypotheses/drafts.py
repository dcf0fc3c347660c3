"""The drafts of lines about hypotheses: claims, predictions, evidence, verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.cited_line import CitedLine
from threeam.core.format.entry import Entry, Stamp, author_name, split_submission
from threeam.core.format.remote_hypothesis import Named, RemoteHypothesis
from threeam.core.state.fold import OPEN, Hypothesis, State
from threeam.core.write.draft import Draft, DraftLine, WriteContext, is_toxic, toxicity_warning
from threeam.hypotheses.amendments import claim_of, current_text
from threeam.hypotheses.ledger import (
    CONTRADICTS,
    PREDICTION,
    RECHECK_TAGS,
    SUPPORTS,
    Thread,
    event_text,
    parse_event,
    thread_of,
    verdict_of,
)
from threeam.hypotheses.remarks import remarks
from threeam.hypotheses.team_fold import TeamHypothesis, verdict_text

# verb -> (the kind of its line, the state of the hypothesis after it)
VERDICT_VERBS = {
    "confirm": ("Conclusion", "confirmed"),
    "refute": ("Conclusion", "refuted"),
    "park": ("Conclusion", "parked"),
    "reopen": ("Reopened", OPEN),
}
EVIDENCE_VERBS = {"support": SUPPORTS, "contradict": CONTRADICTS}
_MAX_EXCERPT_CHARS = 160


def name_of(named: Named) -> str:
    """Return the name of a hypothesis, as a person types it."""
    return named if isinstance(named, str) else named.name


def hypothesis_draft(text: str, toxic_cups: int) -> Draft:
    """Return the draft of a new open hypothesis with the next number.

    If its author had more than ``toxic_cups`` cups, the warning follows.
    """
    first, *rest = split_submission(text)

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        tag = ((f"H{state.next_number()}", OPEN),)
        opening = [DraftLine(f"Hypothesis: {first}", tag), *(DraftLine(line, tag) for line in rest)]
        return opening + toxicity_warning(context.cups(state, stamp), toxic_cups)

    return Draft(lines, ceremonial=True)


def prediction_draft(named: Named, text: str) -> Draft:
    """Return the draft of a prediction: what will be seen if the hypothesis is true."""
    first, *rest = split_submission(text)

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        subject = _subject_of(state, named)
        lines = [DraftLine(f"{PREDICTION}: {first}", subject.tags), *(DraftLine(line, subject.tags) for line in rest)]
        return [*subject.numbering, *lines]

    return Draft(lines)


def evidence_draft(verb: str, named: Named, cited_stamp: Stamp | None, words: str, entry: Entry | None = None) -> Draft:
    """Return the draft of evidence for (``support``) or against (``contradict``) a hypothesis.

    It cites the line of ``cited_stamp``. Without ``words``, the current text of ``entry`` is used, read under the lock.
    Without ``cited_stamp``, the words are the evidence themselves. A cited line counts once: its newest evidence
    counts.
    """
    kind = EVIDENCE_VERBS[verb]

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        subject = _subject_of(state, named)
        text = words.strip() or (excerpt(state, entry) if entry is not None else "")
        first, *rest = split_submission(text if cited_stamp is None else f"@{cited_stamp} {text}".rstrip())
        if cited_stamp is not None:
            _require_news(subject, kind, cited_stamp.ns)
        lines = [DraftLine(f"{kind}: {first}", subject.tags), *(DraftLine(line, subject.tags) for line in rest)]
        return [*subject.numbering, *lines]

    return Draft(lines)


def quoting_evidence_draft(
    verb: str, named: Named, quoted: CitedLine, text: str, *more: tuple[CitedLine, str]
) -> Draft:
    """Return the draft of evidence for or against a hypothesis that quotes a line of another log.

    ``text`` names that line. ``more``: other lines that belong to it, each with its text. The attachments must exist
    already.
    """
    kind, quotations = EVIDENCE_VERBS[verb], ((quoted, text), *more)

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        subject = _subject_of(state, named)
        _require_news(subject, kind, *((line.reference, line.sha256) for line, _ in quotations))
        written = [*subject.numbering]
        for line, words in quotations:
            first, *rest = split_submission(words)
            written.append(DraftLine(f"{kind}: {first}", (*subject.tags, *line.tags)))
            written += [DraftLine(continuation, subject.tags) for continuation in rest]
        return written

    return Draft(lines)


def _require_news(subject: _Subject, kind: str, *evidence_keys: object) -> None:
    """Raise `PreconditionFailed` if for each key the last evidence with this key is of the same kind."""
    said = {event.evidence_key: event for event in subject.thread.evidence if event.kind == kind}
    if all(key in said for key in evidence_keys):
        author = author_name(said[evidence_keys[0]].author)
        lines = "this line" if len(evidence_keys) == 1 else "these lines"
        verb = kind.lower() if len(evidence_keys) == 1 else kind.lower().removesuffix("s")
        raise PreconditionFailed(f"{author} has said already that {lines} {verb} {subject.name}")


def citable_stamp(entry: Entry) -> Stamp:
    """Return the stamp to cite for ``entry``: for evidence the stamp that it cites itself, else its own."""
    event = parse_event(entry)
    return entry.effective_stamp if event is None or event.cited is None else event.cited


def excerpt(state: State, entry: Entry) -> str:
    """Return the beginning of the current text of ``entry``, so that a thread reads without looking lines up."""
    event = parse_event(entry)
    text = (
        current_text(state, entry.effective_stamp, entry.text)
        if event is None or event.cited is None
        else event_text(state, event)
    )
    return text if len(text) <= _MAX_EXCERPT_CHARS else text[: _MAX_EXCERPT_CHARS - 1] + "…"


def conclusion_draft(
    verb: str, named: Named, reason: str, toxic_cups: int, known: TeamHypothesis | None = None
) -> Draft:
    """Return the draft of a verdict (a verb of `VERDICT_VERBS`) on a hypothesis.

    Over ``toxic_cups`` cups the verdict is marked for a recheck. ``known``: what all hosts say about the hypothesis. If
    they agree on this verdict already, it is refused; if another one stands, it may be the one that this log has.
    """
    kind, state_after = VERDICT_VERBS[verb]
    first, *rest = split_submission(reason)

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        if known is not None and known.states == (state_after,):
            raise PreconditionFailed(f"{known.name} is {state_after} already: {verdict_text(known) or known.claim}")
        if isinstance(named, RemoteHypothesis):
            numbering, tags = list[DraftLine](), named.tags(state_after)
        else:
            hypothesis = require_hypothesis(state, named)
            if known is None or not known.is_disputed:
                _require_other_state(state, hypothesis, state_after)
            numbering, ((key, _),) = _ensure_numbered(state, hypothesis)
            tags = ((key, state_after),)
        recheck = RECHECK_TAGS if kind == "Conclusion" and is_toxic(context.cups(state, stamp), toxic_cups) else ()
        return [*numbering, DraftLine(f"{kind}: {first}", (*tags, *recheck)), *(DraftLine(line, tags) for line in rest)]

    return Draft(lines)


def _require_other_state(state: State, hypothesis: Hypothesis, state_after: str) -> None:
    if hypothesis.state == state_after:
        verdict = verdict_of(state, hypothesis)
        is_open = verdict is None or state_after == OPEN
        current_reason = claim_of(state, hypothesis) if verdict is None or is_open else event_text(state, verdict)
        raise PreconditionFailed(f"{hypothesis.name} is {state_after} already: {current_reason}")


def require_hypothesis(state: State, name: str) -> Hypothesis:
    """Return the hypothesis called ``name``. Raise `PreconditionFailed`, naming the last ones, if there is none."""
    hypothesis = state.find_hypothesis(name)
    if hypothesis is None:
        names = ", ".join(known.name for known in list(state.hypotheses.values())[-9:])
        known_ones = f"there are {names}" if names else "there is none yet, and 3am hyp new opens one"
        raise PreconditionFailed(f"there is no hypothesis {name}: {known_ones}")
    return hypothesis


class _Subject(NamedTuple):
    """The hypothesis that lines are about, in the state under the lock.

    ``thread``: what this log says about it. ``numbering``: the lines that give it a number, if it has none.
    """

    name: str
    thread: Thread
    numbering: list[DraftLine]
    tags: tuple[tuple[str, str], ...]


def _subject_of(state: State, named: Named) -> _Subject:
    if isinstance(named, RemoteHypothesis):
        said = remarks(state).get(named.key)
        return _Subject(named.name, Thread() if said is None else said.thread, [], named.tags())
    hypothesis = require_hypothesis(state, named)
    return _Subject(hypothesis.name, thread_of(state, hypothesis), *_ensure_numbered(state, hypothesis))


def _ensure_numbered(state: State, hypothesis: Hypothesis) -> tuple[list[DraftLine], tuple[tuple[str, str]]]:
    """Return the line that numbers ``hypothesis``, and its tag.

    Only a hypothesis of the script has no number: the line cites it and gives it the next number.
    """
    if hypothesis.number is not None:
        return [], ((f"H{hypothesis.number}", hypothesis.state),)
    tag = ((f"H{state.next_number()}", hypothesis.state),)
    return [DraftLine(f"Hypothesis: @{hypothesis.opened_at} {hypothesis.claim}", tag)], tag
