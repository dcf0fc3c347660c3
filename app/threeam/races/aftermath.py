"""The lines after that of an act: a rollback, or an error of the same actor, says that it was not done.

It is looked for only if a finding is certain without it. Most such lines name no key, so a search for keys does not see
them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from threeam.core.format.entry import decode_utf8, escape_unprintable
from threeam.core.store.reader import Line
from threeam.races.access import Access, Actor, ActorKind, OperationKind
from threeam.races.actors import actor_of
from threeam.races.finding import Finding, KeyHistory, Rule
from threeam.races.outcomes import NOT_DONE, says_failed

FAILED_LATER = "a later line of its actor says that something failed"

_UNDONE = rb"(?<![a-z])(?:roll(?:ed|ing)?[\s_-]?back|abort(?:ed|ing)?)(?![a-z])"
_ERROR = (
    rb"(?<![a-z])(?:errors?|exception|traceback|panic|fatal|failed|failure)(?![a-z])"
    rb"(?!\w*[\"']?\s*[=:]\s*[\"']?<?(?:0|no|none|nil|null|false)\b)"  # errors=0
    rb"|(?<![a-z])(?:status|response|code)(?:_?code)?[\"']?\s*[=:]?\s*[\"']?5\d\d\b"
)
_ROLLED_BACK = re.compile(_UNDONE, re.IGNORECASE)
_ROLLED_BACK_OR_ERROR = re.compile(_UNDONE + b"|" + _ERROR, re.IGNORECASE)
_ACTS = (
    OperationKind.WRITE,
    OperationKind.CREATE,
    OperationKind.DELETE,
    OperationKind.BEGIN,
    OperationKind.END,
)
_MAX_BYTES = 32 * 1024  # after the line
_MAX_LINES = 20  # of the actor
_MAX_REMEMBERED = 10_000
_MAX_QUOTED_CHARS = 60
_END_OF_WORK = re.compile(rb"\b(?:commit(?:ted)?|begin|start transaction|disconnection)\b", re.IGNORECASE)
_MANY_REQUESTS = (ActorKind.THREAD, ActorKind.PID)  # most of the other lines of such an actor are of other work


class Aftermath:
    """The lines after acts, which may say that these failed. It remembers those that it has read."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, bool], bytes | None] = {}
        self._history: KeyHistory | None = None
        self._failures: dict[Actor, int] = {}  # when a line of the history last said of each that it failed

    def checked(self, finding: Finding, history: KeyHistory | None = None) -> Finding:
        """Return a finding with the doubt that one of its acts failed, if a line after it says so. Raises OSError.

        ``history``: that of its key, whose lines may be in other logs.
        """
        if finding.doubts:
            return finding
        if history is not self._history:
            self._history = history
            accesses = () if history is None else history.accesses
            self._failures = {access.actor: access.ns for access in accesses if NOT_DONE in access.doubts}
        for act, is_last in _decisive_acts(finding):
            if self._failures.get(act.actor, act.ns) > act.ns:
                return finding._replace(doubts=(FAILED_LATER,))
            if (line := self._failure_after(act, is_last)) is not None:
                quoted = escape_unprintable(decode_utf8(line.strip()))[:_MAX_QUOTED_CHARS]
                return finding._replace(doubts=(f"{FAILED_LATER}: {quoted!r}",))
        return finding

    def _failure_after(self, access: Access, is_last: bool) -> bytes | None:
        place = access.source.number, access.offset, is_last
        if place not in self._known:
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            self._known[place] = _failure_after(access, is_last)
        return self._known[place]


def _decisive_acts(finding: Finding) -> list[tuple[Access, bool]]:
    """Return the acts without which there is no race, and whether each is the last one.

    The last one may fail because of the race. A use after a delete does, so only the delete is decisive there.
    """
    acts = [(access, access is finding.witness[-1]) for access in finding.witness if access.kind in _ACTS]
    return acts[:1] if finding.rule is Rule.AFTER_DELETE else acts


def _failure_after(access: Access, is_last: bool) -> bytes | None:
    """Return the rest of the entry, or the next line of the actor, that says that an act was not done; None without."""
    source = access.source
    data = source.segment.read(access.offset, min(_MAX_BYTES, source.end - access.offset))
    first, *texts = data.split(b"\n")
    is_own, says_undone = _own_lines(access, first), _undone_pattern(access, is_last)
    is_of_entry, own_lines, offset = True, 0, access.offset + len(first) + 1
    for text in texts:
        is_of_entry = is_of_entry and source.read_timestamp(Line(source.segment, offset, text)) is None
        offset += len(text) + 1
        if is_of_entry:
            if says_failed(text):
                return text
            continue
        if not is_own(text):
            continue
        if says_undone.search(text):
            return text
        own_lines += 1
        if own_lines == _MAX_LINES or _END_OF_WORK.search(text):
            return None
    return None


def _undone_pattern(access: Access, is_last: bool) -> re.Pattern[bytes]:
    """Return what a later line of the actor says if the act was not done."""
    is_statement = access.source.detection is not None and access.source.detection.format.name == "postgresql"
    if is_statement and not is_last:  # an error there ends the transaction
        return _ROLLED_BACK_OR_ERROR
    return _ROLLED_BACK if is_last or access.actor.kind in _MANY_REQUESTS else _ROLLED_BACK_OR_ERROR


def _own_lines(access: Access, line: bytes) -> Callable[[bytes], bool]:
    """Return how to tell that a line is of the actor of ``access``, whose own line is ``line``."""
    kind, name, _ = access.actor
    if kind is ActorKind.SOURCE:
        return lambda _: False
    if kind is not ActorKind.NAMED:
        # An id in capitals is not in its line as it is compared.
        return lambda text: (name in text or name not in line) and actor_of(text, kind) == name
    labelled = re.search(rb"(?:\S{0,40}[^\w\s])?(?<![\w.-])" + re.escape(name) + rb"(?![\w.-])", line)
    label = labelled[0] if labelled else name
    if label.isdigit():  # it may be any number
        return lambda _: False
    pattern = re.compile(re.escape(label) + rb"(?![\w.-])")
    return lambda text: pattern.search(text) is not None
