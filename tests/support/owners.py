"""People of a team and one who is not in it, and files that belong to them."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

from support.people import Person

TEAM, ELSEWHERE = 64001, 64002

# All have the same primary group, as on hosts with a group `users`; alice and bob are in the team, mallory is not.
ALICE = Person("alice", 64011, (ELSEWHERE, TEAM))

BOB = Person("bob", 64012, (ELSEWHERE, TEAM))

MALLORY = Person("mallory", 64013, (ELSEWHERE,))

RunAs = Callable[..., subprocess.CompletedProcess[bytes]]


def mode(path: Path) -> str:
    """The permission bits, as in chmod."""
    return f"{stat.S_IMODE(path.stat().st_mode):04o}"


def give(path: Path, who: Person, group: int | None = None, bits: int | None = None) -> Path:
    """Makes a file or folder somebody's."""
    os.chown(path, who.uid, who.gids[0] if group is None else group)
    if bits is not None:
        path.chmod(bits)
    return path


def make_log(place: Path, who: Person, bits: int, group: int | None = None) -> Path:
    """An existing log with a line in it."""
    log = place / "sanity.log"
    log.write_text("[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] before\n")
    return give(log, who, group, bits)
