"""The states of the journals of several hosts."""

from __future__ import annotations

from typing import NamedTuple

from threeam.core.state.fold import State


class HostState(NamedTuple):
    """The state of the journal ``origin_id``.

    ``host``: the name that is shown for it. ``is_own``: whether it is the journal of this host.
    """

    origin_id: str
    host: str
    state: State
    is_own: bool = False


class HostStamp(NamedTuple):
    """The stamp (ns) of a line of the journal ``origin_id``."""

    origin_id: str
    ns: int
