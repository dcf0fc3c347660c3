"""The file about.json of a mirror: the name of its host, and what the bytes of its parts do not tell.

``host``: the name. By epoch, ``links``: of the chain, at the parts behind gaps; ``holes``: the blanked lines of each
segment. ``entries``: the stamps of the entries whose words were blanked in all files.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any

from threeam.core.errors import FileUnusable
from threeam.core.platform.folders import SAFE_OPEN_FLAGS, fsync_dir_fd
from threeam.core.platform.portability import fsync_fd
from threeam.core.platform.whole_write import write_all
from threeam.core.store.attachments import open_own_dir
from threeam.team.messages.hole import Hole
from threeam.team.messages.line_chain import first_link
from threeam.team.messages.position import SegmentEnd
from threeam.team.mirrors.mirror_part import MirrorPart

ABOUT_NAME = "about.json"


def read_about(folder: str) -> dict[str, Any]:
    """Return what is known of the mirror in ``folder``. Raises OSError or `FileUnusable`."""
    about: dict[str, Any] = {"host": "", "links": {}, "holes": {}, "entries": []}
    try:
        with suppress(FileNotFoundError), open(os.path.join(folder, ABOUT_NAME), encoding="utf-8") as file:
            about |= json.load(file)
        _check(about)
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise damaged_file(folder, ABOUT_NAME) from None
    return about


def write_about(folder: str, about: dict[str, Any]) -> None:
    """Replace what is known of the mirror in ``folder``, and sync it. Raises OSError."""
    with open_own_dir(folder) as dir_fd:
        temporary = ABOUT_NAME + ".new"
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | SAFE_OPEN_FLAGS, 0o600, dir_fd=dir_fd)
        try:
            write_all(fd, json.dumps(about, indent=1).encode() + b"\n")
            fsync_fd(fd)
        finally:
            os.close(fd)
        os.rename(temporary, ABOUT_NAME, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
        fsync_dir_fd(dir_fd)


def link_at(about: dict[str, Any], folder: str, epoch: int, begin: SegmentEnd) -> bytes:
    """Return the link of the chain at ``begin``, where a part behind a gap begins. Raises `FileUnusable`."""
    link = about["links"].get(str(epoch), {}).get(f"{begin.segment}+{begin.offset}")
    if link is None:
        raise damaged_file(folder, ABOUT_NAME)
    return bytes.fromhex(link)


def holes_of(about: dict[str, Any], epoch: int, segment: str) -> list[Hole]:
    """Return the holes of a segment, in their order."""
    rows = about["holes"].get(str(epoch), {}).get(segment, [])
    return [Hole(begin, end, bytes.fromhex(link)) for begin, end, link in rows]


def known_links(about: dict[str, Any], folder: str, epoch: int, part: MirrorPart) -> list[tuple[int, bytes]]:
    """Return offsets in a part, and the links of the chain there, in their order. Raises `FileUnusable`.

    They are at its beginning, and behind its blanked lines, across which the chain cannot be computed.
    """
    begin_link = first_link(part.segment)
    if part.begin:
        begin_link = link_at(about, folder, epoch, SegmentEnd(part.segment, part.begin))
    holes = holes_of(about, epoch, part.segment)
    return [(part.begin, begin_link), *((hole.end, hole.link) for hole in holes if part.begin < hole.end <= part.end)]


def _check(about: dict[str, Any]) -> None:
    """Raise ValueError, TypeError or AttributeError if ``about`` is not what a `Mirror` has written."""
    if not isinstance(about["host"], str):
        raise TypeError
    if not all(isinstance(entry, str) for entry in about["entries"]):
        raise TypeError
    for links in about["links"].values():
        for link in links.values():
            bytes.fromhex(link)
    for epoch in about["holes"].values():
        for rows in epoch.values():
            for begin, end, link in rows:
                if not type(begin) is type(end) is int:
                    raise ValueError
                bytes.fromhex(link)


def damaged_file(folder: str, name: str) -> FileUnusable:
    """Return the error about a file of the mirror in ``folder`` that no `Mirror` has written like this."""
    return FileUnusable(f"{os.path.join(folder, name)} is damaged: remove {folder}, and 3am team fills it again")
