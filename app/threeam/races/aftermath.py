"""The lines after that of an act: a rollback, or an error of the same actor, says that it was not done.

It is looked for only if a finding is certain without it. Most such lines name no key, so a search for keys does not see
them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from threeam.core.store.reader import Line
from threeam.races.access import Access, Actor, ActorKind, OperationKind
from threeam.races.actors import actor_of
from threeam.races.finding import Finding, KeyHistory
from threeam.races.outcomes import NOT_DONE, says_failed

FAILED_LATER = "a later line of its actor says that something failed"

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
_END_OF_WORK = re.compile(rb"\b(?:commit(?:ted)?|begin|start transaction|disconnection)\b", re.IGNORECASE)


class Aftermath:
    """The lines after acts, which may say that these failed. It remembers those that it has read."""

    def __init__(self) -> None:
        self._has_failed: dict[tuple[int, int], bool] = {}
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
        acts = [access for access in finding.witness if access.kind in _ACTS]
        if any(self._failures.get(act.actor, act.ns) > act.ns or self._failed_later(act) for act in acts):
            return finding._replace(doubts=(FAILED_LATER,))
        return finding

    def _failed_later(self, access: Access) -> bool:
        place = access.source.number, access.offset
        has_failed = self._has_failed.get(place)
        if has_failed is None:
            if len(self._has_failed) >= _MAX_REMEMBERED:
                self._has_failed.clear()
            has_failed = self._has_failed[place] = _has_failed_after(access)
        return has_failed


def _has_failed_after(access: Access) -> bool:
    """Return whether the rest of the entry, or one of the next lines of the actor, says that something failed."""
    source = access.source
    data = source.segment.read(access.offset, min(_MAX_BYTES, source.end - access.offset))
    first, *texts = data.split(b"\n")
    is_own = _own_lines(access, first)
    is_of_entry, own_lines, offset = True, 0, access.offset + len(first) + 1
    for text in texts:
        is_of_entry = is_of_entry and source.read_timestamp(Line(source.segment, offset, text)) is None
        offset += len(text) + 1
        if not is_of_entry and not is_own(text):
            continue
        if says_failed(text):
            return True
        own_lines += not is_of_entry
        if own_lines == _MAX_LINES or (not is_of_entry and _END_OF_WORK.search(text)):
            return False
    return False


def _own_lines(access: Access, line: bytes) -> Callable[[bytes], bool]:
    """Return how to tell that a line is of the actor of ``access``, whose own line is ``line``."""
    kind, name, _ = access.actor
    if kind is ActorKind.SOURCE:
        return lambda _: False
    if kind is not ActorKind.NAMED:
        # An id in capitals is not in its line as it is compared.
        return lambda text: (name in text or name not in line) and actor_of(text, kind) == name
    labelled = re.search(rb"(?:\S*[^\w\s])?(?<![\w.-])" + re.escape(name) + rb"(?![\w.-])", line)
    label = labelled[0] if labelled else name
    if label.isdigit():  # it may be any number
        return lambda _: False
    pattern = re.compile(re.escape(label) + rb"(?![\w.-])")
    return lambda text: pattern.search(text) is not None
