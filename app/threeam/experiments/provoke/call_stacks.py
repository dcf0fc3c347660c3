"""The places in a program where a delayed system call is made, from the stacks that ``strace -k`` prints. Pure."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

_FRAME = re.compile(r"^ > (?P<module>.*)\((?:(?P<function>[^()]*)\+0x[0-9a-f]+)?\) \[0x(?P<address>[0-9a-f]+)\]$")
_CALL = re.compile(r"^(?:(?P<pid>\d+) +)?(?P<text>(?P<call>\w+)\(.*)$")
_RESUMED = re.compile(r"^(?:(?P<pid>\d+) +)?<\.\.\. (?P<call>\w+) resumed>(?P<rest>.*)$")
_UNFINISHED = re.compile(r",?\s*<unfinished \.\.\.>$")
_SYSTEM_LIBRARY = re.compile(r"^(?:lib(?:c|m|pthread|dl|rt)|ld-linux\S*|ld)[.-]")
_INTERPRETER = re.compile(r"^(?:lib)?(?:python\d|perl|ruby|node)")
_FAILS = ") = -1 E"
_MAX_FRAMES = 4  # of a place, as it is described


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

    def own_frames(self) -> tuple[Frame, ...]:
        """Return the frames outside of the libraries of the system, without the start of the program."""
        return tuple(
            frame
            for frame in self.frames
            if not _SYSTEM_LIBRARY.match(os.path.basename(frame.module)) and frame.function != "_start"
        )


def find_call_sites(text: str, calls: Sequence[str]) -> list[CallSite]:
    """Return the places where ``calls`` are made, in the output of ``strace -k``; those made most often first."""
    begun: dict[str, str] = {}  # by the process: a call that has not returned
    examples: dict[tuple[Frame, ...], str] = {}
    counts: Counter[tuple[Frame, ...]] = Counter()
    current, frames = "", list[Frame]()

    def finish() -> None:
        if current and frames:
            stack = tuple(frames)
            counts[stack] += 1
            if stack not in examples or (_FAILS in current and _FAILS not in examples[stack]):
                examples[stack] = current

    for line in text.splitlines():
        if frame := _FRAME.match(line):
            frames.append(Frame(frame["module"], frame["function"] or "", int(frame["address"], 16)))
            continue
        finish()
        current, frames = "", []
        if (resumed := _RESUMED.match(line)) and resumed["call"] in calls:
            current = begun.pop(resumed["pid"] or "", f"{resumed['call']}(…") + resumed["rest"].lstrip()
        elif (call := _CALL.match(line)) and call["call"] in calls:
            if _UNFINISHED.search(call["text"]):
                begun[call["pid"] or ""] = _UNFINISHED.sub("", call["text"])
            else:
                current = call["text"]
        current = _without_padding(current)
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
    return " ← ".join(places[:_MAX_FRAMES])


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
