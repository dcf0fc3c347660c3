"""Finding the lines that say that the clock was stepped back: a search of every byte, kept for large files.

The result is kept in the user's cache folder, with a digest of the first and the last bytes that were searched. So the
next process searches only what was appended since. If the cache cannot be read or written, every byte is searched.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import NamedTuple

from threeam.core.platform.folders import make_dirs, open_file
from threeam.core.platform.user_dirs import private_cache_dir
from threeam.core.store.clock_steps import IsClockStep
from threeam.core.store.journal import Fingerprint, Segment
from threeam.core.store.reader import chunks_forward, last_line_end, lines_forward

_MIN_KEPT_BYTES = 32 * 1024 * 1024  # searching fewer takes about 15 ms
_MAX_KEPT_STEPS = 1000  # of a file; to check that more of them are still there takes as long as a search
_MAX_KEPT_FILES = 64
_MAX_FILE_BYTES = 64 * 1024
_IS_CLOCK_STEP = IsClockStep()


class _SearchedRange(NamedTuple):
    """The offsets of the clock steps of a file up to ``end``, a line end, and the digest of its fingerprint there."""

    end: int
    digest: str
    offsets: list[int]


def clock_step_offsets(segment: Segment, end: int) -> list[int]:
    """Return the offset of each line before ``end`` that says that the clock was stepped back. Raises OSError."""
    known = _load(segment) if end >= _MIN_KEPT_BYTES else None
    start, offsets = (0, []) if known is None else (known.end, known.offsets)
    for chunk in chunks_forward(segment, start, end):
        offsets += [chunk.start + index for index in _IS_CLOCK_STEP.matching_line_offsets(chunk.data)]
    if end - start >= _MIN_KEPT_BYTES:
        _save(segment, end, offsets)
    return [offset for offset in offsets if offset < end]


def _load(segment: Segment) -> _SearchedRange | None:
    """Return what is kept for ``segment``, or None if nothing is, or if the file has changed since."""
    path = _kept_path(segment)
    if path is None:
        return None
    try:
        fd = open_file(path, os.O_RDONLY)
        with open(fd, "rb") as file:
            if os.fstat(fd).st_uid != os.geteuid():
                return None
            kept = _parse(file.read(_MAX_FILE_BYTES))
        return kept if kept is not None and _is_valid(kept, segment) else None
    except OSError:
        return None


def _parse(data: bytes) -> _SearchedRange | None:
    try:
        match json.loads(data):
            case {"end": int(end), "digest": str(digest), "offsets": [*offsets]} if end > 0 and all(
                isinstance(offset, int) and 0 <= offset < end for offset in offsets
            ):
                return _SearchedRange(end, digest, offsets)
    except ValueError:
        pass
    return None


def _is_valid(kept: _SearchedRange, segment: Segment) -> bool:
    """Return whether ``segment`` still has the bytes that were searched, as far as a few reads can tell."""
    if segment.size() < kept.end or _digest(segment, kept.end) != kept.digest:
        return False
    lines = (next(lines_forward(segment, offset), None) for offset in kept.offsets)
    return all(line is not None and _IS_CLOCK_STEP.matches(line.raw) for line in lines)


def _save(segment: Segment, end: int, offsets: list[int]) -> None:
    """Keep ``offsets``, which are those up to ``end``; an unfinished line at the end is searched again."""
    path = _kept_path(segment)
    if path is None or len(offsets) > _MAX_KEPT_STEPS:
        return
    with suppress(OSError):
        end = last_line_end(segment, end)
        kept = _SearchedRange(end, _digest(segment, end), [offset for offset in offsets if offset < end])
        folder = os.path.dirname(path)
        make_dirs(folder)
        new_path = f"{path}.{os.getpid()}.new"
        fd = open_file(new_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        with open(fd, "w", encoding="ascii") as file:
            json.dump(kept._asdict(), file)
        os.replace(new_path, path)
        _remove_oldest(folder)


def _remove_oldest(folder: str) -> None:
    paths = [os.path.join(folder, name) for name in os.listdir(folder)]
    for path in sorted(paths, key=lambda path: os.lstat(path).st_mtime_ns)[:-_MAX_KEPT_FILES]:
        os.unlink(path)


def _digest(segment: Segment, end: int) -> str:
    from hashlib import blake2b  # only large files need it

    fingerprint = Fingerprint.capture(segment, end)
    return blake2b(b"\n".join((fingerprint.head, fingerprint.tail)), digest_size=16).hexdigest()


def _kept_path(segment: Segment) -> str | None:
    folder = private_cache_dir(os.environ)
    device, inode = segment.identity
    return None if folder is None else os.path.join(folder, "clock-steps", f"{device:x}-{inode:x}.json")
