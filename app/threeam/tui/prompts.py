"""The kinds of the input box: what a text in it is for, and which draft it becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from threeam.core.config.settings import Settings
from threeam.core.format.entry import Stamp, split_submission
from threeam.core.format.remote_hypothesis import Named
from threeam.core.write.draft import Draft, change_lines, note_draft, note_texts
from threeam.hypotheses.amendments import correction_draft, join_lines, stamp_words_draft
from threeam.hypotheses.changes import change_draft, parse_typed_change
from threeam.hypotheses.drafts import (
    EVIDENCE_VERBS,
    VERDICT_VERBS,
    conclusion_draft,
    evidence_draft,
    hypothesis_draft,
    prediction_draft,
)
from threeam.hypotheses.ledger import PREDICTION
from threeam.hypotheses.team_fold import TeamHypothesis

HYPOTHESIS_VERBS = (*VERDICT_VERBS, "predict")  # a box of these is about one hypothesis, and cites no line
_CITING_VERBS = ("words", "correct")
_PLAIN_VERBS = ("note", "hypothesis", "changed", "command")


@dataclass(frozen=True)
class BoxKind:
    """The purpose of a text in the input box: a note, a verdict on a hypothesis, words for a stamp.

    ``verb`` is the id of its action. ``hypothesis`` is a name (``H7``), ``cites`` the stamp of the line that it is
    about. ``pending_stamp`` is a number (from 1) for words whose stamp is not written yet, and 0 otherwise. ``quotes``
    is the line of another log that evidence quotes: ``web1.log:8412``.
    """

    verb: str
    hypothesis: str = ""
    cites: Stamp | None = None
    pending_stamp: int = 0
    quotes: str = ""

    @classmethod
    def parse(cls, text: str) -> BoxKind:
        """Return the kind that `str` gives ``text`` for: ``note``, ``refute H7``, ``support H7 @stamp``.

        A text that names no kind, or one that has gone, is a note.
        """
        verb, _, rest = text.partition(" ")
        if verb in HYPOTHESIS_VERBS and rest:
            return cls(verb, rest)
        if verb in EVIDENCE_VERBS:
            name, _, reference = rest.partition(" ")
            stamp = Stamp.parse(reference.removeprefix("@"))
            return NOTE if stamp is None or not name else cls(verb, name, stamp)
        if verb == "words" and (not rest or (rest[0] == "+" and rest[1:].isdecimal())):
            return cls(verb, pending_stamp=int(rest[1:] or 1))
        if verb in _CITING_VERBS:
            stamp = Stamp.parse(rest.removeprefix("@"))
            return NOTE if stamp is None else cls(verb, cites=stamp)
        return cls(verb) if verb in _PLAIN_VERBS and not rest else NOTE

    def __str__(self) -> str:
        pending = f"+{self.pending_stamp}" if self.pending_stamp else ""
        return " ".join(part for part in (self.title, pending) if part)

    @property
    def title(self) -> str:
        """The name of the box as a person reads it."""
        cited = f"@{self.cites}" if self.cites is not None else ""
        return " ".join(part for part in (self.verb, self.hypothesis, cited, self.quotes) if part)

    @property
    def survives_screen(self) -> bool:
        """Return whether a text that was left in such a box can still be sent from one, after the end of its screen."""
        return self != COMMAND and not self.pending_stamp and not self.quotes

    def draft(
        self,
        text: str,
        settings: Settings,
        find: Callable[[str], Named] = str,
        known: TeamHypothesis | None = None,
    ) -> Draft:
        """Return the draft that ``text`` becomes in a box of this kind.

        ``find``: returns the hypothesis that a name names. ``known``: see `conclusion_draft`.
        """
        named = find(self.hypothesis)
        if self.verb in VERDICT_VERBS:
            return conclusion_draft(self.verb, named, text, settings.toxic_cups, known)
        if self.verb in EVIDENCE_VERBS:
            return evidence_draft(self.verb, named, self.cites, text)
        match self.verb:
            case "predict":
                return prediction_draft(named, text)
            case "hypothesis":
                return hypothesis_draft(text, settings.toxic_cups)
            case "words":
                return stamp_words_draft(lambda: self.cites, text)
            case "correct" if self.cites is not None:
                return correction_draft(self.cites, text)
            case "changed":
                words, undo, name = parse_typed_change(text)
                return change_draft(words, undo, None if name is None else find(name))
            case _:
                return note_draft(text)

    def texts(self, text: str) -> list[str]:
        """Return the texts of the entries that `draft` writes, as far as the box alone determines them.

        What only the state determines is absent: the number that a hypothesis gets, and a stamp that is pending.
        """
        cited = f"@{self.cites} " if self.cites is not None else ""
        if self.verb in VERDICT_VERBS:
            return split_submission(f"{VERDICT_VERBS[self.verb][0]}: {text}")
        if self.verb in EVIDENCE_VERBS:
            return split_submission(f"{EVIDENCE_VERBS[self.verb]}: {cited}{text.strip()}")
        match self.verb:
            case "predict":
                return split_submission(f"{PREDICTION}: {text}")
            case "hypothesis":
                return split_submission(f"Hypothesis: {text}")
            case "words":
                return split_submission(f"Words: {cited}{join_lines(text)}")
            case "correct":
                return split_submission(f"Correction: {cited}{join_lines(text)}")
            case "changed":
                words, undo, _ = parse_typed_change(text)
                return [line.text for line in change_lines(words, undo)]
            case _:
                return note_texts(text)


NOTE = BoxKind("note")
HYPOTHESIS = BoxKind("hypothesis")
CHANGED = BoxKind("changed")
COMMAND = BoxKind("command")
DRAFTS = (NOTE, HYPOTHESIS)  # the kinds that a draft can be, and be converted between
