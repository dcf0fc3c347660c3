"""Evidence as a person gives it: a line of the log, words, or both."""

from __future__ import annotations

from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Entry, Stamp
from threeam.core.format.remote_hypothesis import Named
from threeam.core.store.journal import Journal
from threeam.core.store.seek import find_line
from threeam.core.store.stamp_ref import read_stamp_ref
from threeam.core.write.draft import Draft
from threeam.hypotheses.drafts import citable_stamp, evidence_draft, quoting_evidence_draft
from threeam.hypotheses.ledger import parse_event


class Evidence(NamedTuple):
    """Evidence for or against a hypothesis: words, the entry that they cite (None: no entry), or both."""

    words: str = ""
    entry: Entry | None = None

    @property
    def cited_stamp(self) -> Stamp | None:
        """The stamp to cite, see `citable_stamp`; None: no entry is cited."""
        return None if self.entry is None else citable_stamp(self.entry)

    def require_other_than(self, hypothesis: str) -> None:
        """Raise `PreconditionFailed` if the cited line is the claim of ``hypothesis``, which shows nothing about it."""
        if self.entry is not None and self.entry.kind == "Hypothesis" and _name_of(self.entry) == hypothesis:
            raise PreconditionFailed(f"that line is {hypothesis} itself: select one that shows whether it is true")

    def draft(self, verb: str, hypothesis: Named) -> Draft:
        """Return the draft of this evidence for (``support``) or against (``contradict``) ``hypothesis``.

        Evidence that quotes another log stands for what it quotes: the new evidence quotes the same. Raise
        `PreconditionFailed` if the cited line is the claim itself.
        """
        if isinstance(hypothesis, str):
            self.require_other_than(hypothesis)
        event = None if self.entry is None else parse_event(self.entry)
        if event is not None and event.quoted is not None:
            words = self.words.strip()
            text = f"{event.quoted.reference} {words}" if words else event.text
            return quoting_evidence_draft(verb, hypothesis, event.quoted, text)
        return evidence_draft(verb, hypothesis, self.cited_stamp, self.words, self.entry)


def read_evidence(journal: Journal, text: str) -> Evidence:
    """Return the evidence in ``text``, which is ``@stamp``, ``@stamp words`` or ``words``.

    Read the journal for the line of the stamp. Raise `BadStamp`, `PreconditionFailed` if there is no such line, and
    OSError.
    """
    stamp, words = read_stamp_ref(journal, text)
    return Evidence(words, None if stamp is None else find_line(journal, stamp).entry)


def _name_of(entry: Entry) -> str | None:
    """Return the name of the hypothesis that ``entry`` belongs to."""
    return None if entry.hypothesis is None else f"H{entry.hypothesis[0]}"
