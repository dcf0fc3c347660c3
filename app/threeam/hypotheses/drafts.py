"""The drafts of lines about hypotheses: claims, predictions, evidence, verdicts."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.errors import PreconditionFailed
from threeam.core.format.cited_line import CitedLine
from threeam.core.format.entry import Entry, Stamp, author_name, split_submission
from threeam.core.state.fold import OPEN, Hypothesis, State
from threeam.core.write.draft import Draft, DraftLine, WriteContext, is_toxic, toxicity_warning
from threeam.hypotheses.amendments import claim_of, current_text
from threeam.hypotheses.ledger import (
    CONTRADICTS,
    PREDICTION,
    RECHECK_TAGS,
    SUPPORTS,
    event_text,
    parse_event,
    thread_of,
    verdict_of,
)

# verb -> (the kind of its line, the state of the hypothesis after it)
VERDICT_VERBS = {
    "confirm": ("Conclusion", "confirmed"),
    "refute": ("Conclusion", "refuted"),
    "park": ("Conclusion", "parked"),
    "reopen": ("Reopened", OPEN),
}
EVIDENCE_VERBS = {"support": SUPPORTS, "contradict": CONTRADICTS}
_MAX_EXCERPT_CHARS = 160


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


def prediction_draft(name: str, text: str) -> Draft:
    """Return the draft of a prediction: what will be seen if the hypothesis ``name`` is true."""
    first, *rest = split_submission(text)

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        hypothesis = require_hypothesis(state, name)
        numbering, tag = _ensure_numbered(state, hypothesis)
        return [*numbering, DraftLine(f"{PREDICTION}: {first}", tag), *(DraftLine(line, tag) for line in rest)]

    return Draft(lines)


def evidence_draft(verb: str, name: str, cited_stamp: Stamp | None, words: str, entry: Entry | None = None) -> Draft:
    """Return the draft of evidence for (``support``) or against (``contradict``) the hypothesis ``name``.

    It cites the line of ``cited_stamp``. Without ``words``, the current text of ``entry`` is used, read under the lock.
    Without ``cited_stamp``, the words are the evidence themselves. A cited line counts once: its newest evidence
    counts.
    """
    kind = EVIDENCE_VERBS[verb]

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        hypothesis = require_hypothesis(state, name)
        text = words.strip() or (excerpt(state, entry) if entry is not None else "")
        first, *rest = split_submission(text if cited_stamp is None else f"@{cited_stamp} {text}".rstrip())
        if cited_stamp is not None:
            _require_news(state, hypothesis, kind, cited_stamp.ns)
        numbering, tag = _ensure_numbered(state, hypothesis)
        return [*numbering, DraftLine(f"{kind}: {first}", tag), *(DraftLine(line, tag) for line in rest)]

    return Draft(lines)


def quoting_evidence_draft(verb: str, name: str, quoted: CitedLine, text: str, *more: tuple[CitedLine, str]) -> Draft:
    """Return the draft of evidence for or against the hypothesis ``name`` that quotes a line of another log.

    ``text`` names that line. ``more``: other lines that belong to it, each with its text. The attachments must exist
    already.
    """
    kind, quotations = EVIDENCE_VERBS[verb], ((quoted, text), *more)

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        hypothesis = require_hypothesis(state, name)
        _require_news(state, hypothesis, kind, *((line.reference, line.sha256) for line, _ in quotations))
        numbering, tag = _ensure_numbered(state, hypothesis)
        written = [*numbering]
        for line, words in quotations:
            first, *rest = split_submission(words)
            written.append(DraftLine(f"{kind}: {first}", (*tag, *line.tags)))
            written += [DraftLine(continuation, tag) for continuation in rest]
        return written

    return Draft(lines)


def _require_news(state: State, hypothesis: Hypothesis, kind: str, *evidence_keys: object) -> None:
    """Raise `PreconditionFailed` if for each key the last evidence with this key is of the same kind."""
    said = {event.evidence_key: event for event in thread_of(state, hypothesis).evidence if event.kind == kind}
    if all(key in said for key in evidence_keys):
        author = author_name(said[evidence_keys[0]].author)
        lines = "this line" if len(evidence_keys) == 1 else "these lines"
        verb = kind.lower() if len(evidence_keys) == 1 else kind.lower().removesuffix("s")
        raise PreconditionFailed(f"{author} has said already that {lines} {verb} {hypothesis.name}")


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


def conclusion_draft(verb: str, name: str, reason: str, toxic_cups: int) -> Draft:
    """Return the draft of a verdict (a verb of `VERDICT_VERBS`) on the hypothesis ``name``.

    ``name``: ``H7``, or ``@stamp`` for one of the script. Over ``toxic_cups`` cups the verdict is marked for a recheck.
    """
    kind, state_after = VERDICT_VERBS[verb]
    first, *rest = split_submission(reason)

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        hypothesis = require_hypothesis(state, name)
        if hypothesis.state == state_after:
            verdict = verdict_of(state, hypothesis)
            is_open = verdict is None or state_after == OPEN
            current_reason = claim_of(state, hypothesis) if verdict is None or is_open else event_text(state, verdict)
            raise PreconditionFailed(f"{hypothesis.name} is {state_after} already: {current_reason}")
        numbering, ((key, _),) = _ensure_numbered(state, hypothesis)
        tag = ((key, state_after),)
        recheck = RECHECK_TAGS if kind == "Conclusion" and is_toxic(context.cups(state, stamp), toxic_cups) else ()
        return [*numbering, DraftLine(f"{kind}: {first}", (*tag, *recheck)), *(DraftLine(line, tag) for line in rest)]

    return Draft(lines)


def require_hypothesis(state: State, name: str) -> Hypothesis:
    """Return the hypothesis called ``name``. Raise `PreconditionFailed`, naming the last ones, if there is none."""
    hypothesis = state.find_hypothesis(name)
    if hypothesis is None:
        names = ", ".join(known.name for known in list(state.hypotheses.values())[-9:])
        known_ones = f"there are {names}" if names else "there is none yet, and 3am hyp new opens one"
        raise PreconditionFailed(f"there is no hypothesis {name}: {known_ones}")
    return hypothesis


def _ensure_numbered(state: State, hypothesis: Hypothesis) -> tuple[list[DraftLine], tuple[tuple[str, str]]]:
    """Return the line that numbers ``hypothesis``, and its tag.

    Only a hypothesis of the script has no number: the line cites it and gives it the next number.
    """
    if hypothesis.number is not None:
        return [], ((f"H{hypothesis.number}", hypothesis.state),)
    tag = ((f"H{state.next_number()}", hypothesis.state),)
    return [DraftLine(f"Hypothesis: @{hypothesis.opened_at} {hypothesis.claim}", tag)], tag
