"""The places in a Python program where system calls are made, from the stacks that it writes itself. Pure.

The program gets a signal at each call, and writes its stack to a descriptor that is not open (`python_site`). strace
prints these writes after the call.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from threeam.experiments.provoke.call_stacks import FAILS, MAX_FRAMES, read_lines

NO_DESCRIPTOR = 2**31 - 1  # as in python_site/sitecustomize.py
_WRITE = f"write({NO_DESCRIPTOR}, "
_WRITTEN = re.compile(rf'^(?:\d+ +)?{re.escape(_WRITE)}"((?:[^"\\]|\\.)*)"')
_FRAME = re.compile(r'^  File "(?P<path>.*)", line (?P<line>\d+) in (?P<function>.*)$', re.MULTILINE)
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")
_PACKAGE = re.compile(r"/(?:site|dist)-packages/")
_STANDARD_LIBRARY = re.compile(
    r"^<frozen |/lib(?:64)?/(?:python|pypy)\d[^/]*/|/python\d+\.zip/|/provoke/python_site/sitecustomize\.py$"
)
_IMPORT = re.compile(r"^<frozen importlib\.|/importlib/[^/]*\.py$")
_RESTARTED = re.compile(r" = \? ERESTART.*$")  # the signal has interrupted it, and it is made again
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_NUMBER = re.compile(r"\btmp[a-z0-9_]{8}\b|0x[0-9a-f]+|\d+")  # also a name that Python's tempfile has made up


class PythonFrame(NamedTuple):
    """A frame of a stack of Python: the file as Python names it, the line, and the function."""

    path: str
    line: int
    function: str

    @property
    def is_installed(self) -> bool:
        """Return whether it is in an installed package or in the standard library."""
        return _PACKAGE.search(self.path) is not None or self.is_standard

    @property
    def is_standard(self) -> bool:
        """Return whether it is in the standard library."""
        return _STANDARD_LIBRARY.search(self.path) is not None and _PACKAGE.search(self.path) is None


class PythonCall(NamedTuple):
    """A system call, and the stack of Python that made it, the innermost frame first."""

    call: str
    frames: tuple[PythonFrame, ...]

    @property
    def shown_frames(self) -> tuple[PythonFrame, ...]:
        """Return the frames of the program itself; if there are none, of packages; else all."""
        own = tuple(frame for frame in self.frames if not frame.is_installed)
        return own or tuple(frame for frame in self.frames if not frame.is_standard) or self.frames

    @property
    def is_import(self) -> bool:
        """Return whether Python made it to import a module."""
        library = self.frames[: self.frames.index(self.shown_frames[0])]
        return any(_IMPORT.search(frame.path) for frame in library)


def parse_python_calls(lines: Iterable[str], calls: Sequence[str]) -> Iterator[PythonCall]:
    """Yield those of ``calls`` with a stack, in the output of strace for a program that writes its stack at each."""
    current: dict[str, tuple[str, list[str]]] = {}  # by the thread: its last call, and what it has written since then
    for line in read_lines(lines, calls):
        if written := _WRITTEN.match(line.text):
            if line.thread in current:
                current[line.thread][1].append(written[1])
        elif line.call and not line.call.startswith(_WRITE):
            yield from _finished(current.pop(line.thread, None))
            current[line.thread] = line.call, []
    for last in current.values():
        yield from _finished(last)


def _finished(made: tuple[str, list[str]] | None) -> Iterator[PythonCall]:
    if made is None:
        return
    call, pieces = made
    text = "".join(pieces).encode("ascii", "replace").decode("unicode_escape")  # the escapes of strace
    frames = tuple(
        PythonFrame(_unescape(frame["path"]), int(frame["line"]), _unescape(frame["function"]))
        for frame in _FRAME.finditer(text)
    )
    if frames:
        yield PythonCall(_RESTARTED.sub("", call), frames)


def _unescape(text: str) -> str:
    """Return a name that faulthandler has written in ASCII."""

    def character(match: re.Match[str]) -> str:
        code = int(match[1] or match[2] or match[3], 16)
        return match[0] if 0xD800 <= code <= 0xDFFF else chr(code)  # a byte that is not UTF-8

    return _ESCAPE.sub(character, text)


def choose_python_call(python_calls: Sequence[PythonCall], delayed: Sequence[str]) -> PythonCall:
    """Return the call to look at, with its result in the run that failed if it was made there, too.

    ``python_calls``: not empty, those of a run without a delay. ``delayed``: the calls of the run that failed. A call
    that has failed only there comes first, then those of the program itself, and of these the one made most often.
    """
    usual_failures = {_shape(made.call) for made in python_calls if FAILS in made.call}
    failures = {_shape(call) for call in delayed if FAILS in call} - usual_failures
    times = Counter(made.frames for made in python_calls)

    def rank(made: PythonCall) -> tuple[bool, bool, bool, int, int]:
        shown = made.shown_frames
        depth = made.frames.index(shown[0])
        return made.is_import, _shape(made.call) not in failures, shown[0].is_installed, -times[made.frames], depth

    chosen = min(python_calls, key=rank)
    alike = [call for call in delayed if _shape(call) == _shape(chosen.call)]
    example = next((call for call in alike if FAILS in call), alike[0] if alike else chosen.call)
    return chosen._replace(call=example)


def _shape(call: str) -> str:
    """Return a call without its result, its numbers and its folders, to compare it with calls of other runs."""
    arguments = call.rpartition(") = ")[0] or call
    named = _STRING.sub(lambda match: f'"{match[1].rpartition("/")[2]}"', arguments)
    return _NUMBER.sub("0", named)


def describe_frames(frames: Sequence[PythonFrame], folder: str) -> str:
    """Return ``claim (worker.py:12) ← main (worker.py:30)``. Files in ``folder`` have their path in it."""
    return " ← ".join(f"{frame.function} ({_name(frame.path, folder)}:{frame.line})" for frame in frames[:MAX_FRAMES])


def _name(path: str, folder: str) -> str:
    return os.path.relpath(path, folder) if path.startswith(os.path.join(folder, "")) else os.path.basename(path)


def format_python_calls(python_calls: Sequence[PythonCall]) -> str:
    """Return the calls as text, as Python prints stacks. Calls of the same place are one, the most frequent first."""
    times = Counter(made.frames for made in python_calls)
    examples = {made.frames: made.call for made in python_calls}
    parts = []
    for frames, count in times.most_common():
        parts.append(f"{examples[frames]}  [3am: {count} of this place]\n")
        parts += [f'  File "{frame.path}", line {frame.line}, in {frame.function}\n' for frame in frames]
    return "".join(parts)
