"""The states of the journals of a team: of this host's, and of those that are mirrored beside it."""

from __future__ import annotations

import os
from typing import NamedTuple

from threeam.core.format.remote_hypothesis import RemoteHypothesis
from threeam.core.state.fold import Fold, State
from threeam.core.state.host_state import HostState
from threeam.core.store.journal import Journal
from threeam.core.store.reader import last_line_end
from threeam.core.store.segment import RotatedSegment, Segment
from threeam.team.mirrors.hosts import Host, find_host, open_mirror, read_hosts
from threeam.team.mirrors.mirror import about_path
from threeam.team.mirrors.mirror_segment import MirrorSegment
from threeam.team.mirrors.state_places import StatePlaces
from threeam.team.origin import host_name, read_origin


class HostStates:
    """The states of the journals of a team. What was read of a mirror is kept, so only its new lines are read again."""

    def __init__(self, journal: Journal, fold: Fold) -> None:
        self._journal = journal
        self._fold = fold
        self._known: dict[str, _KnownState] = {}  # by origin id, of the last file of a mirror

    def read(self, own: State) -> list[HostState]:
        """Return ``own``, the state of this host's journal, and the states of the mirrored journals.

        What a host has sent before it lost lines does not count: that host does not have it either. Raises OSError or
        `FileUnusable`.
        """
        origin = read_origin(self._journal)
        own_state = HostState("" if origin is None else origin.id, host_name(), own, is_own=True)
        hosts = [host for host in read_hosts(self._journal) if host.is_current]
        return [own_state, *(HostState(host.origin.id, host.name, self.state_of(host)) for host in hosts)]

    def state_of(self, host: Host) -> State:
        """Return the state of a mirrored journal as its own host has it: that of its last file. Raises OSError."""
        if not host.files.parts:
            return self._fold.empty_state
        last = host.files.parts[-1]
        if last.begin:  # its beginning, which repeats the state, may be missing
            whole = open_mirror(self._journal, host)
            return self._fold.state_at(whole, whole.size())
        known = self._known.pop(host.origin.id, None)
        about = about_path(self._journal, host.origin.id)
        about_ns = os.stat(about).st_mtime_ns
        segment = RotatedSegment(last.path)
        written_ns = segment.fstat().st_mtime_ns
        end = last_line_end(segment, segment.size())
        if known is None or known.segment != segment or known.about_ns != about_ns:
            state = StatePlaces(os.path.dirname(about), self._fold).state_at(segment, end)
        else:
            state = known.state if known.end == end else self._fold.advance(known.state, segment, known.end, end)
        if written_ns > about_ns:  # else a line may be about to be blanked
            self._known[host.origin.id] = _KnownState(segment, end, about_ns, state)
        return state


class _KnownState(NamedTuple):
    """The state of a file up to ``end``.

    A mirror is only appended to, but for lines that are blanked. ``about_ns``: when that was noted last, if it was.
    """

    segment: Segment
    end: int
    about_ns: int
    state: State


def find_remote_hypothesis(journal: Journal, fold: Fold, name: str) -> str | RemoteHypothesis:
    """Return the hypothesis that ``db1/H7`` names; ``H7`` if that is the name of this host.

    Raises `BadInput` if there is no such host, `PreconditionFailed` if it has no such hypothesis, and OSError.
    """
    host_text, _, number = name.rpartition("/")
    if host_text == host_name() and all(host.name != host_text for host in read_hosts(journal)):
        return number
    host = find_host(journal, host_text)
    return HostState(host.origin.id, host.name, HostStates(journal, fold).state_of(host)).require_hypothesis(number)


def open_current_mirror(journal: Journal, origin_id: str) -> MirrorSegment:
    """Return the mirror of a journal, what it has sent since it last lost lines, as one file. Raises OSError."""
    host = next(host for host in read_hosts(journal) if host.origin.id == origin_id and host.is_current)
    return open_mirror(journal, host)
