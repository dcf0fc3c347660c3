"""The kinds of failure: which runs that did not pass ended in the same way. Pure.

Two outputs are compared by their features. Numbers, addresses, temporary files and the like are masked, and lines that
a passing run printed too are dropped. If an output has stacks, its features are the functions in them and the errors
above them. Otherwise they are its lines that tell an error, or all of its lines if none does. Runs with another outcome
or exit code are of another kind, and so are runs in which other tests failed.

A run is of the first kind whose first run is similar enough. So runs that are compared again in the same order get the
same letters. The letters are a lower bound of the bugs: two bugs that print the same are one kind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from string import ascii_lowercase
from typing import NamedTuple

from threeam.core.format.entry import decode_utf8
from threeam.experiments.experiment import FailureKind
from threeam.experiments.failure_rule import TIMED_OUT, format_exit
from threeam.experiments.kinds.output_features import Features, OutputLine, describe_output, find_features, split_output
from threeam.process.hang import STACKS_LINE, describe_hang

LETTERS = ascii_lowercase  # the last one is for every run that is similar to none of the first 25 kinds
MAX_DESCRIPTION = 160  # characters
_LEAST_SHARED_FRAMES = 0.95
_LEAST_SHARED_LINES = 0.7
_ID_DIGITS = 10


class FailedRun(NamedTuple):
    """The end of a run that did not pass. ``output`` None: it was not saved, or its file is gone."""

    outcome: str
    exit_code: int
    output: bytes | None

    @property
    def is_hang(self) -> bool:
        """Return whether the run timed out; its outcome is failed if the rule says so, and then its stacks tell."""
        return self.outcome == TIMED_OUT or STACKS_LINE.encode() in (self.output or b"")


class _Member:
    """The first run of a kind: later runs are compared with it."""

    def __init__(self, kind: FailureKind, run: FailedRun) -> None:
        self.kind = kind
        self._ending = (run.outcome, run.exit_code)
        self._lines = None if run.output is None else split_output(run.output)
        self._features = Features(frozenset(), has_stacks=False)
        self._expected_count = -1  # the features are not known yet

    def features(self, expected: Collection[str]) -> Features:
        """Return the features of its output without the masked lines that are ``expected``, which never get fewer."""
        if self._expected_count != len(expected):
            self._features = find_features(_unexpected(self._lines or (), expected))
            self._expected_count = len(expected)
        return self._features

    def is_like(self, run: FailedRun, features: Features, expected: Collection[str]) -> bool:
        """Return whether ``run``, which has these ``features``, is of this kind."""
        if self._ending != (run.outcome, run.exit_code):
            return False
        if self._lines is None:
            return self.kind.id == _kind_id(run, features)
        own = self.features(expected)
        if own.tests != features.tests:
            return False
        least = _LEAST_SHARED_FRAMES if own.has_stacks else _LEAST_SHARED_LINES
        return own.has_stacks == features.has_stacks and _similarity(own.marks, features.marks) >= least


class KindFinder:
    """The kinds that were found so far.

    ``known``: kinds of earlier runs, each with its first run. ``passed_outputs``: outputs of earlier runs that passed.
    """

    def __init__(
        self, known: Iterable[tuple[FailureKind, FailedRun]] = (), passed_outputs: Iterable[bytes] = ()
    ) -> None:
        self._members = [_Member(kind, run) for kind, run in known]
        self._expected: set[str] = set()
        for output in passed_outputs:
            self.add_passed(output)

    def add_passed(self, output: bytes) -> bool:
        """Leave the lines of ``output``, which a run that passed has printed, out of all comparisons from now on.

        Return whether it has lines that no earlier one had.
        """
        known_count = len(self._expected)
        self._expected.update(line.masked for line in split_output(output))
        return len(self._expected) > known_count

    def find(self, run: FailedRun) -> FailureKind:
        """Return the kind of ``run``; a new one if it is similar to no earlier run."""
        lines = _unexpected(split_output(run.output or b""), self._expected)
        features = find_features(lines)
        for member in self._members:
            if member.is_like(run, features, self._expected):
                return member.kind
        kind = self._new_kind(run, lines, _kind_id(run, features))
        self._members.append(_Member(kind, run))
        return kind

    def _new_kind(self, run: FailedRun, lines: Sequence[OutputLine], kind_id: str) -> FailureKind:
        letters = [member.kind.letter for member in self._members]
        if LETTERS[-1] in letters:
            return next(member.kind for member in self._members if member.kind.letter == LETTERS[-1])
        letter = LETTERS[LETTERS.index(max(letters)) + 1] if letters else LETTERS[0]
        features = [member.features(self._expected) for member in self._members]
        known = frozenset[str]().union(*(own.marks | own.tests for own in features))
        hang = describe_hang(decode_utf8(run.output)) if run.is_hang and run.output else ""
        return FailureKind(letter, kind_id, _describe(run, hang or describe_output(lines, known)))


def _unexpected(lines: Sequence[OutputLine], expected: Collection[str]) -> list[OutputLine]:
    return [line for line in lines if line.masked not in expected]


def _describe(run: FailedRun, text: str) -> str:
    """Return a line about the end of ``run``. ``text``: what its output says, if it says anything."""
    ending = "time-out" if run.is_hang else format_exit(run.exit_code)
    if text and ending.startswith("exit"):  # an exit code says no more than the text
        return text[:MAX_DESCRIPTION]
    text = text or ("its output is not saved" if run.output is None else "nothing but what passing runs print")
    return f"{ending}, {text}"[:MAX_DESCRIPTION]


def _kind_id(run: FailedRun, features: Features) -> str:
    marks = "\n".join((run.outcome, str(run.exit_code), *sorted(features.marks), *sorted(features.tests)))
    return hashlib.sha256(marks.encode("utf-8", "backslashreplace")).hexdigest()[:_ID_DIGITS]


def _similarity(marks: frozenset[str], others: frozenset[str]) -> float:
    """Return the share of what both have in what either has (Jaccard)."""
    return len(marks & others) / len(marks | others) if marks or others else 1.0
