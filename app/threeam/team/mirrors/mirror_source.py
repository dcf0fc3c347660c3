"""The journal of another host as a source of the timeline, and as a journal that can be followed."""

from __future__ import annotations

import os

from threeam.core.errors import BadInput, FileUnusable
from threeam.core.store.chain import Chain
from threeam.core.store.journal import Journal
from threeam.team.mirrors.hosts import Host, find_host, open_mirror, read_hosts
from threeam.team.mirrors.mirror import latest_epoch, mirror_path
from threeam.team.mirrors.mirror_clock import MirrorClock
from threeam.team.mirrors.mirror_segment import MirrorSegment
from threeam.timeline.files import OpenedFile


class MirrorJournal(Journal):
    """The journal of ``host``, in the mirror beside the journal ``beside``.

    It stays with an epoch: the next one has the old lines again, and would show them twice.
    """

    beside: Journal
    host: Host

    def __new__(cls, beside: Journal, host: Host) -> MirrorJournal:
        path = mirror_path(beside, host.origin)
        self = super().__new__(cls, path, f"{path}.lock", None, Chain(path))
        self.beside, self.host = beside, host
        return self

    def open_live(self) -> MirrorSegment:
        try:
            return open_mirror(self.beside, self.host)
        except OSError as error:
            raise FileUnusable(f"the mirror of {self.host.name} cannot be read: {error.strerror}") from None

    @property
    def problem(self) -> str:
        if not os.path.isdir(self.log_path):
            return f"the mirror of {self.host.name} is gone"
        if self.host.is_current and latest_epoch(self.beside, self.host.origin.id) != self.host.origin.epoch:
            return f"{self.host.name} has lost lines that it had sent: open it again to follow what it sends since"
        return ""


def mirror_journal(journal: Journal, name: str) -> MirrorJournal:
    """Return the journal of the host ``name``, which is mirrored beside ``journal``. Raises `BadInput`."""
    return MirrorJournal(journal, find_host(journal, name))


def open_mirror_file(journal: Journal, name: str) -> OpenedFile | None:
    """Return the journal of the host ``name`` as a source; None if no journal is mirrored beside ``journal``.

    Raises `FileUnusable`.
    """
    try:
        mirror = mirror_journal(journal, name) if read_hosts(journal) else None
    except BadInput as unknown:
        raise FileUnusable(f"there is no such file, and {unknown}") from None
    if mirror is None:
        return None
    segment, clock = mirror.open_live(), MirrorClock(journal, mirror.host.origin.id)
    modified_ns = segment.fstat().st_mtime_ns
    return OpenedFile(segment, modified_ns, segment.path, is_remote=True, followed_journal=mirror, clock=clock)
