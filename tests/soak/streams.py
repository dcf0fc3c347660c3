"""Writers that write for long: `3am log -`."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from books import Answer, Text
from one_shots import ENDED_BY, GOES_ON, LONGEST, long_text
from phase import ROTATE_BYTES, Phase, three_am

from threeam.core.format.entry import parse_entry

_PIPE = 1 << 20  # bytes: a line of 70,000 characters must not block the harness
_IN_FLIGHT = 40  # lines that a stream has not answered: what a kill leaves unknown is bounded by this
_BURSTS = (1, 5, 15, 30)
_BIG_BURST = 100
_LINES = re.compile(r"\((\d+) lines?\)$")
_SIGNALLED = (129, 130, 131, 143)


@dataclass
class Stream:
    """One `3am log -`: what it was given, in order, and what it said."""

    process: subprocess.Popen[bytes]
    read_end: int  # kept open, so that what the process did not read can be read here
    write_end: int
    given: list[tuple[Text, int, int]] = field(default_factory=list)  # each with its first byte and its end
    by_words: dict[str, Text] = field(default_factory=dict)
    size: int = 0
    refused: set[str] = field(default_factory=set)
    unsure: int = 0  # how often it said so
    unsure_lines: int = 0  # of how many lines it said so
    interrupted: bool = False  # and it said so of the last lines without their number
    said: list[str] = field(default_factory=list)
    in_flight: int = 0
    answered: threading.Condition = field(default_factory=threading.Condition)

    def give(self, lines: list[tuple[Text, int, int]], data: bytes) -> None:
        """Writes ``data``; ``lines`` are the texts that it becomes, each with its begin and its end in ``data``."""
        with self.answered:
            self.given += [(text, self.size + begin, self.size + end) for text, begin, end in lines]
            self.by_words.update((text.words, text) for text, _, _ in lines)
            self.in_flight += len(lines)
        self.size += len(data)
        view = memoryview(data)
        while view:
            view = view[os.write(self.write_end, view) :]

    def has_room(self) -> bool:
        """Waits until most lines are answered; False if the process has ended."""
        with self.answered:
            while self.in_flight > _IN_FLIGHT:
                if self.process.poll() is not None:
                    return False
                self.answered.wait(0.05)
        return self.process.poll() is None

    def read_out(self) -> None:
        """Reads the acknowledgements: the lines as they were written."""
        for line in _lines(self.process.stdout):
            entry = parse_entry(line)
            text = self.by_words.get(entry.text) if entry is not None else None
            if text is not None:
                text.set(Answer.ACKNOWLEDGED, line)
                self._count(1)

    def read_said(self) -> None:
        """Reads the refusals."""
        for line in _lines(self.process.stderr):
            words = line.decode().removeprefix("3am: ")
            if words.startswith("not written: "):
                self._hand_back(words.removeprefix("not written: "))
                self._count(1)
            elif words.startswith("unsure: written as @"):
                self.unsure += 1
                match = _LINES.search(words)
                self.unsure_lines += int(match[1]) if match else 0
                self.interrupted = match is None
                self._count(int(match[1]) if match else self.in_flight)
            else:
                self.said.append(words)

    def unread(self) -> int:
        """How many bytes the process, which has ended, has left in the pipe."""
        size = 0
        while data := os.read(self.read_end, _PIPE):
            size += len(data)
        os.close(self.read_end)
        return size

    def _hand_back(self, words: str) -> None:
        """Enters a refusal: of a line, of one longer than a line may be, or of the rest of such a one."""
        self.refused |= {words, GOES_ON + words, words[:LONGEST], GOES_ON + words[LONGEST:]}

    def _count(self, answers: int) -> None:
        with self.answered:
            self.in_flight = max(0, self.in_flight - answers)
            self.answered.notify()


def streams(phase: Phase, name: str, *, second_user: bool = False, cramped: bool = False) -> None:
    """Keeps one stream running. ``cramped``: with a limit on the size of a file, so that the log cuts writes short."""
    number, lives = 0, 0
    while not phase.stopped.is_set():
        lives += 1
        stream = _start(phase, second_user=second_user, cramped=cramped)
        readers = [threading.Thread(target=read) for read in (stream.read_out, stream.read_said)]
        for reader in readers:
            reader.start()
        for _ in range(phase.random.randint(20, 400)):
            if not stream.has_room():
                break
            burst = _BIG_BURST if phase.happens(0.01) else phase.random.choice(_BURSTS)
            lines, data = _burst(phase, f"{name}-{lives}", range(number, number + burst))
            number += burst
            stream.give(lines, data)
            if phase.pause(0.001, 0.02):
                break
        _finish(phase, stream, readers)


def _start(phase: Phase, *, second_user: bool, cramped: bool) -> Stream:
    read_end, write_end = os.pipe()
    fcntl.fcntl(read_end, fcntl.F_SETPIPE_SZ, _PIPE)
    env = phase.env(
        failing_syncs=0.08 if phase.happens(0.5) else 0.0,
        stepping=not second_user and phase.happens(0.4),
        user="bob" if second_user else "alice",
    )
    limit = ROTATE_BYTES - phase.random.randint(0, ROTATE_BYTES // 2) if cramped else 0
    argv = three_am("log", "-", second_user=second_user, largest_file=limit)
    return Stream(phase.start(argv, env, stdin=read_end), read_end, write_end)


def _burst(phase: Phase, writer: str, numbers: range) -> tuple[list[tuple[Text, int, int]], bytes]:
    lines: list[tuple[Text, int, int]] = []
    data = b""
    for number in numbers:
        words = f"{writer}-{number}."
        complete = long_text(words) if number % 1000 == 999 else words
        begin, end = len(data), len(data) + len(complete) + 1
        lines.append((phase.books.begin(complete[:LONGEST], writer), begin, min(end, begin + LONGEST)))
        if len(complete) > LONGEST:
            lines.append((phase.books.begin(GOES_ON + complete[LONGEST:], writer), begin + LONGEST, end))
        data += complete.encode() + b"\n"
    return lines, data


def _finish(phase: Phase, stream: Stream, readers: list[threading.Thread]) -> None:
    """Ends the stream's input, and enters the answer for each line that it has not acknowledged."""
    os.close(stream.write_end)
    code = stream.process.wait()
    for reader in readers:
        reader.join()
    read = stream.size - stream.unread()
    for text, begin, end in stream.given:
        if text.answer is Answer.ACKNOWLEDGED and text.words in stream.refused:
            phase.books.problem("two answers", f"{text.words[:60]!r} was acknowledged and handed back")
        elif text.answer is not Answer.ACKNOWLEDGED:
            # A line of which a part was read is not written, and handed back in part.
            unread = begin >= read or (begin < read < end and code not in ENDED_BY)
            text.set(Answer.UNREAD if unread else _answer(phase, stream, text, code))
    unsure = sum(text.answer is Answer.UNSURE for text, _, _ in stream.given)
    if code in (0, 3) and not stream.interrupted and unsure != stream.unsure_lines:
        phase.books.problem("unsure", f"a stream was unsure of {stream.unsure_lines} lines, and not of {unsure}")
    traces = [line for line in stream.said if line.startswith("Traceback")]
    if traces and code not in (*_SIGNALLED, *ENDED_BY):  # or Python itself was still starting
        phase.books.problem("traceback", f"a stream ended with {code}: {stream.said[-1]}")


def _answer(phase: Phase, stream: Stream, text: Text, code: int) -> Answer:
    if text.words in stream.refused:
        return Answer.REFUSED
    if stream.unsure:
        return Answer.UNSURE
    if code in ENDED_BY:
        return Answer.UNKNOWN
    phase.books.problem(
        "unanswered", f"{text.words[:60]!r} was read by a stream that ended with {code}, and it said nothing about it"
    )
    return Answer.UNKNOWN


def _lines(stream: IO[bytes] | None) -> Iterator[bytes]:
    """The finished lines of a pipe, without their newlines: a killed process may leave half a line."""
    assert stream is not None
    with stream:
        for line in stream:
            if line.endswith(b"\n"):
                yield line[:-1]
