"""The names of the hosts whose journals are mirrored here: what users read and type.

    db1           the journal of db1; after it has lost lines, what it has sent since
    db1·1         what it had sent before that
    db1·3f2a      two journals are of hosts named db1: the beginning of the id tells them apart

A name does not depend on what came first, so it is the same on all hosts, and no host can take over that of another:
after a second db1, neither has the plain name. The first digits of the id can be typed instead: ``3f2a``, ``3f2a-1``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from threeam.core.config.options import did_you_mean
from threeam.core.errors import BadInput
from threeam.core.format.escape import escape_unprintable
from threeam.core.store.journal import Journal
from threeam.team.messages.position import Origin
from threeam.team.mirrors.mirror import MirrorFiles, read_mirrors
from threeam.team.mirrors.mirror_segment import MirrorSegment
from threeam.team.origin import host_name, read_origin

_OTHER_CHARS = re.compile(r"[^A-Za-z0-9._-]")
_ID_PREFIX = re.compile(r"([0-9a-f]{4,32})(?:-([1-9]\d{0,5}))?", re.ASCII)
_MIN_ID_DIGITS = 4  # more than any epoch has


class Host(NamedTuple):
    """A mirrored journal. ``is_current``: it is the latest epoch."""

    name: str
    files: MirrorFiles
    is_current: bool

    @property
    def origin(self) -> Origin:
        """The origin of the journal."""
        return self.files.origin


def read_hosts(journal: Journal) -> list[Host]:
    """Return the journals that are mirrored beside ``journal``, by name. Raises OSError or `FileUnusable`."""
    mirrors = read_mirrors(journal)
    names = host_names({files.origin.id: files.host for files in mirrors} | own_claim(journal))
    latest = {files.origin.id: files.origin.epoch for files in mirrors}  # the epochs of an origin are in their order
    hosts = []
    for files in mirrors:
        origin_id, epoch = files.origin
        is_current = epoch == latest[origin_id]
        hosts.append(Host(names[origin_id] if is_current else f"{names[origin_id]}·{epoch}", files, is_current))
    return sorted(hosts, key=lambda host: host.name)


def own_claim(journal: Journal) -> dict[str, str]:
    """Return what this host calls itself, by the id of ``journal``; nothing if that has no id yet."""
    own = read_origin(journal)
    return {} if own is None else {own.id: host_name()}


def host_names(claims: Mapping[str, str]) -> dict[str, str]:
    """Return the name of each origin by its id. ``claims``: what each calls itself, by its id."""
    ids = defaultdict[str, set[str]](set)
    for origin_id, claimed in claims.items():
        ids[_OTHER_CHARS.sub("_", claimed).lstrip("-.") or "host"].add(origin_id)
    names = {}
    for base, same in ids.items():
        digits = next(
            count for count in range(_MIN_ID_DIGITS, 33) if len({origin_id[:count] for origin_id in same}) == len(same)
        )
        names.update({origin_id: base if len(same) == 1 else f"{base}·{origin_id[:digits]}" for origin_id in same})
    return names


def find_host(journal: Journal, text: str) -> Host:
    """Return the host that a user has named. Raises `BadInput` with the names that are known."""
    hosts = read_hosts(journal)
    if (named := next((host for host in hosts if host.name == text), None)) is not None:
        return named
    if (match := _ID_PREFIX.fullmatch(text)) is not None:
        epoch = int(match[2] or 0)
        found = [host for host in hosts if host.origin.id.startswith(match[1])]
        found = [host for host in found if (host.origin.epoch == epoch if epoch else host.is_current)]
        if len(found) == 1:
            return found[0]
    shown, names = escape_unprintable(text), [host.name for host in hosts]
    if same := [host.name for host in hosts if host.is_current and host.name.partition("·")[0] == text]:
        who = f"{len(same)} hosts are named {shown}" if len(same) > 1 else f"this host is named {shown}, too"
        raise BadInput(f"{who}: write {' or '.join(same)}")
    if text == host_name():
        raise BadInput(f"{shown} is this host: its journal is {escape_unprintable(journal.log_path)}")
    if not names:
        raise BadInput(f"there is no host {shown}: no journal is mirrored here yet; 3am team nats://HOST begins that")
    raise BadInput(f"there is no host {shown}{did_you_mean(text, names)}; mirrored here: {', '.join(names)}")


def open_mirror(journal: Journal, host: Host) -> MirrorSegment:
    """Return the journal of ``host`` as one file; it grows with the mirror. Raises OSError."""
    return MirrorSegment(journal, host.origin)
