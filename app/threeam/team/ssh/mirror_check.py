"""The questions of a feed to its reader, until the mirror there has the words of no blanked line."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from threeam.team.blanking.blank_list import BlankList
from threeam.team.blanking.blank_question import questions
from threeam.team.ssh.frames import encode_ask
from threeam.team.ssh.known_mirrors import FedMirror

_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.1, 10.0  # s; before a question is asked again
_ANSWER = re.compile(rb"blanked (\d{1,9}) (\d{1,9})")


class MirrorCheck:
    """Asks about the lines of ``blank_list``, and notes in ``mirror`` that they are blanked there."""

    def __init__(self, blank_list: BlankList, mirror: FedMirror, write: Callable[[bytes], None]) -> None:
        self._blank_list = blank_list
        self._mirror = mirror
        self._write = write
        self._digest = ""  # of the list that was asked about last
        self._questions: list[bytes] = []  # those that are not answered with 0 yet; the last is asked
        self._number = 0
        self._count: int | None = None  # the answer to the question with that number
        self._next_s, self._pause_s = 0.0, _FIRST_PAUSE_S

    def ask(self, origin_id: str) -> float:
        """Ask what is to be asked now; return after how many seconds to call this again. Raises `FileUnusable`.

        The reader must have been sent all lines of the list without their words.
        """
        digest, now_s = self._blank_list.digest(), time.monotonic()
        if digest != self._digest:
            self._digest, self._questions = digest, questions(origin_id, self._blank_list.lines())
            self._pause_s = _FIRST_PAUSE_S
        elif not self._questions:
            return _LAST_PAUSE_S
        elif self._count == 0:
            self._questions.pop()
            if not self._questions:
                self._mirror.confirm(digest)
        elif now_s < self._next_s:
            return self._next_s - now_s
        else:
            self._pause_s = min(2 * self._pause_s, _LAST_PAUSE_S)
        self._count = None
        if not self._questions:
            return _LAST_PAUSE_S
        self._number += 1
        self._next_s = now_s + self._pause_s
        self._write(encode_ask(self._number, self._questions[-1]))
        return self._pause_s

    def take(self, line: bytes) -> bool:
        """Take a line of the reader, in any thread; return whether there is something to do now."""
        match = _ANSWER.fullmatch(line)
        if match is None or int(match[1]) != self._number:
            return False
        self._count = int(match[2])
        return self._count == 0
