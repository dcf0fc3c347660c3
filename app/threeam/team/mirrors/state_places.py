"""The places of the lines that the state of a mirrored file is made of, kept in the folder of the mirror.

So a command reads these lines and what is new, and not the whole file again. The places are kept and not the lines:
there are no words in the file that would have to be blanked, and a line that was blanked is read as it is now. Lines
that later ones have made superfluous are left out, if the state is verified to be the same without them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from threeam.core.platform.folders import SAFE_OPEN_FLAGS
from threeam.core.platform.whole_write import write_all
from threeam.core.state.fold import Fold, State
from threeam.core.store.attachments import open_own_dir
from threeam.core.store.reader import Line, lines_forward, state_lines_backward
from threeam.core.store.segment import Segment
from threeam.team.mirrors.mirror_about import ABOUT_NAME

_NAME = "state.places"
_FORMAT = "1"
_MIN_NEW_BYTES = 1024 * 1024  # bytes; fewer are read each time, which takes 2 ms
_RECENT_LINES = 256  # the last ones are kept: many cups may be one night
_TAIL_BYTES = 4096  # bytes before the end, by which a file is known


class _Kept(NamedTuple):
    """The ranges of the lines of a file up to ``end``. ``key``: tells the file and its blanked lines from others."""

    key: str
    end: int
    ranges: list[tuple[int, int]]


class StatePlaces:
    """The places that are kept in ``folder``, that of a mirror, for ``fold``."""

    def __init__(self, folder: str, fold: Fold) -> None:
        self._folder = folder
        self._about_path = os.path.join(folder, ABOUT_NAME)
        self._fold = fold

    def state_at(self, segment: Segment, end: int) -> State:
        """Return what `Fold.state_at` does: without the places, or if they are of another file, it reads all lines.

        ``end``: the end of a line. Raises OSError.
        """
        kept = self._read()
        if kept is None or kept.end > end or kept.key != self._key(segment, kept.end):
            kept = _Kept("", 0, [])
        lines = [line for place in kept.ranges for line in lines_forward(segment, *place)]
        blocks = state_lines_backward(segment, end, self._fold.state_line_pattern, kept.end)
        lines += (line for block in reversed(list(blocks)) for line in block)
        state = self._state_of(lines)
        if end - kept.end >= _MIN_NEW_BYTES and not self._may_be_blanked(segment):
            self._write(_Kept(self._key(segment, end), end, _joined(self._needed(lines, state))))
        return state

    def _may_be_blanked(self, segment: Segment) -> bool:
        """Return whether a line may be about to be blanked: then others may not be superfluous any more."""
        with suppress(FileNotFoundError):
            return segment.fstat().st_mtime_ns <= os.stat(self._about_path).st_mtime_ns
        return False

    def _state_of(self, lines: Iterable[Line]) -> State:
        return self._fold(self._fold.empty_state, (entry for line in lines if (entry := line.state_entry) is not None))

    def _needed(self, lines: list[Line], state: State) -> list[Line]:
        """Return those of ``lines`` that give ``state`` as well.

        They are the last lines, those that a rotation would repeat, and the first of each person, since the order of
        the people is a part of the state. The others are tried by kinds: the state may be a sum over one kind.
        """
        repeated = {entry.stamp for entry in self._fold.checkpoint_entries(state)}
        others, seen = defaultdict[bytes, set[int]](set), set[tuple[bytes, str]]()
        for line in lines[:-_RECENT_LINES]:
            kind, entry = self._kind(line), line.entry
            person = kind, entry.author.user if entry is not None and entry.author is not None else ""
            if person in seen and entry is not None and entry.stamp not in repeated:
                others[kind].add(line.offset)
            seen.add(person)
        needed = lines
        for superfluous in others.values():
            shorter = [line for line in needed if line.offset not in superfluous]
            if repr(self._state_of(shorter)) == repr(state):
                needed = shorter
        return needed

    def _kind(self, line: Line) -> bytes:
        match = self._fold.state_line_pattern.search(line.raw)
        return match[0].translate(None, b"0123456789") if match is not None else b""

    def _key(self, segment: Segment, end: int) -> str:
        begin, about = max(0, end - _TAIL_BYTES), b""
        with suppress(FileNotFoundError), open(self._about_path, "rb") as file:
            about = file.read()
        parts = (
            about,
            str(segment.identity).encode(),
            self._fold.state_line_pattern.pattern,
            segment.read(begin, end - begin),
        )
        return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()

    def _read(self) -> _Kept | None:
        try:
            with open(os.path.join(self._folder, _NAME), "rb") as file:
                digest, _, text = file.read().partition(b"\n")
        except OSError:  # it is made again
            return None
        if digest.decode("ascii", "replace") != _digest(text):
            return None
        key, end, ranges = json.loads(text)
        return _Kept(key, end, [(begin, stop) for begin, stop in ranges])

    def _write(self, kept: _Kept) -> None:
        text = json.dumps(kept).encode()
        temporary = _NAME + ".new"  # of two processes that write at once, one at most leaves a sound file
        with suppress(OSError), open_own_dir(self._folder) as dir_fd:  # without the file all lines are read again
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | SAFE_OPEN_FLAGS, 0o600, dir_fd=dir_fd)
            try:
                write_all(fd, f"{_digest(text)}\n".encode() + text)
            finally:
                os.close(fd)
            os.rename(temporary, _NAME, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)


def _digest(text: bytes) -> str:
    return hashlib.sha256(_FORMAT.encode() + text).hexdigest()


def _joined(lines: Iterable[Line]) -> list[tuple[int, int]]:
    """Return the ranges of ``lines``: one for those that touch."""
    ranges = list[tuple[int, int]]()
    for line in lines:
        if ranges and ranges[-1][1] == line.offset:
            ranges[-1] = (ranges[-1][0], line.end)
        else:
            ranges.append((line.offset, line.end))
    return ranges
