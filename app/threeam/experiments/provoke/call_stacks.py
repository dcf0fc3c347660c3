"""The places in a program where a delayed system call is made, from the stacks that ``strace -k`` prints. Pure."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

_FRAME = re.compile(r"^ > (?P<module>.*)\((?:(?P<function>[^()]*)\+0x[0-9a-f]+)?\) \[0x(?P<address>[0-9a-f]+)\]$")
_CALL = re.compile(r"^(?:(?P<pid>\d+) +)?(?P<text>(?P<call>\w+)\(.*)$")
_RESUMED = re.compile(r"^(?:(?P<pid>\d+) +)?<\.\.\. (?P<call>\w+) resumed>(?P<rest>.*)$")
_UNFINISHED = re.compile(r",?\s*<unfinished \.\.\.>$")
_SYSTEM_LIBRARY = re.compile(r"^(?:lib(?:c|m|pthread|dl|rt)|ld-linux\S*|ld)[.-]")
_INTERPRETER = re.compile(r"^(?:lib)?(?:(?P<python>python\d)|perl|ruby|node|php|lua|(?:da|ba|z|k|c)?sh$|busybox)")
_LONG_STRING = re.compile(r'"((?:[^"\\]|\\.){32})(?:[^"\\]|\\.){64,}"(?:\.\.\.)?')
FAILS = ") = -1 E"
MAX_FRAMES = 4  # of a place, as it is described
STRING_BYTES = "512"  # of each string that strace prints: enough for what faulthandler writes at once


class Frame(NamedTuple):
    """A frame of a stack: the file with the code, the function (empty: not known), and the address in the file."""

    module: str
    function: str
    address: int


class CallSite(NamedTuple):
    """A place where a system call is made.

    ``times``: how many calls there were. ``call``: one of them, one that failed if any did. ``frames``: the innermost
    first.
    """

    times: int
    call: str
    frames: tuple[Frame, ...]

    @property
    def is_interpreted(self) -> bool:
        """Return whether an interpreter made the call for a script: its frames say nothing about that."""
        return any(_INTERPRETER.match(os.path.basename(frame.module)) for frame in self.frames)

    @property
    def is_python(self) -> bool:
        """Return whether the interpreter is that of Python."""
        matches = (_INTERPRETER.match(os.path.basename(frame.module)) for frame in self.frames)
        return any(match is not None and match["python"] for match in matches)

    @property
    def has_names(self) -> bool:
        """Return whether its frames name a function of the program itself."""
        return not self.is_interpreted and any(frame.function for frame in self.own_frames())

    def own_frames(self) -> tuple[Frame, ...]:
        """Return the frames outside of the libraries of the system, without the start of the program."""
        return tuple(
            frame
            for frame in self.frames
            if not _SYSTEM_LIBRARY.match(os.path.basename(frame.module)) and frame.function != "_start"
        )


class ReadLine(NamedTuple):
    """A line of the output of strace: its text, the thread that it is about, and the call that has returned in it.

    ``thread`` and ``call`` are empty if it has none.
    """

    text: str
    thread: str = ""
    call: str = ""


def read_lines(lines: Iterable[str], calls: Sequence[str]) -> Iterator[ReadLine]:
    """Yield the lines of the output of strace, with the calls among ``calls``, each as one text."""
    begun: dict[str, str] = {}  # by the thread: a call that has not returned
    for line in lines:
        thread, call = "", ""
        if resumed := _RESUMED.match(line):
            thread = resumed["pid"] or ""
            if resumed["call"] in calls:
                call = begun.pop(thread, f"{resumed['call']}(…") + resumed["rest"].lstrip()
        elif made := _CALL.match(line):
            thread = made["pid"] or ""
            if made["call"] not in calls:
                pass
            elif _UNFINISHED.search(made["text"]):
                begun[thread] = _UNFINISHED.sub("", made["text"])
            else:
                call = made["text"]
        yield ReadLine(line, thread, _without_padding(call))


def find_call_sites(text: str, calls: Sequence[str]) -> list[CallSite]:
    """Return the places where ``calls`` are made, in the output of ``strace -k``; those made most often first."""
    examples: dict[tuple[Frame, ...], str] = {}
    counts: Counter[tuple[Frame, ...]] = Counter()
    current, frames = "", list[Frame]()

    def finish() -> None:
        if current and frames:
            stack = tuple(frames)
            counts[stack] += 1
            if stack not in examples or (FAILS in current and FAILS not in examples[stack]):
                examples[stack] = current

    for line in read_lines(text.splitlines(), calls):
        if frame := _FRAME.match(line.text):
            frames.append(Frame(frame["module"], frame["function"] or "", int(frame["address"], 16)))
            continue
        finish()
        current, frames = line.call, []
    finish()
    # Of those made equally often, the ones in the program itself tell more than those in a library.
    return sorted(
        (CallSite(count, examples[stack], stack) for stack, count in counts.items()),
        key=lambda site: (-site.times, len(site.frames) - len(site.own_frames())),
    )


def describe_site(site: CallSite, locate: Callable[[Frame], Sequence[str]]) -> str:
    """Return ``store_open (store.c:12) ← main (store.c:40)``; empty if no frame is the program's.

    ``locate``: returns the functions and source lines of a frame, the innermost first, if they are known.
    """
    places: list[str] = []
    for frame in site.own_frames():
        name = frame.function or f"{os.path.basename(frame.module)}+{frame.address:#x}"
        places += locate(frame) or [name]
    return " ← ".join(places[:MAX_FRAMES])


def parse_source_lines(text: str) -> list[str]:
    """Return ``store_open (store.c:12)`` for each function in the output of ``addr2line -f -i``.

    An inlined function comes before the one that it is inlined into.
    """
    lines = text.splitlines()
    places = []
    for function, source in zip(lines[::2], lines[1::2], strict=False):
        path, _, line = source.partition(" (discriminator")[0].rpartition(":")
        if not function.startswith("??") and line.isdigit():
            places.append(f"{function} ({os.path.basename(path)}:{line})")
    return places


def _without_padding(call: str) -> str:
    """Return a call without the blanks that strace puts before its result."""
    return re.sub(r"\) +=", ") =", call).removesuffix(" (DELAYED)")


def shorten_strings(call: str) -> str:
    """Return a call with only the beginning of each string that is longer than a usual path."""
    return _LONG_STRING.sub(r'"\1"...', call)
