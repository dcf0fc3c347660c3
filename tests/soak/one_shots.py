"""Writers that write once and end: `3am log`, `3am hyp`, `3am coffee`, and the essay's script under flock(1)."""

from __future__ import annotations

import re
import signal
import subprocess

from books import Answer, Text
from journal_files import cup_words
from phase import Phase, now, three_am

LONG = 70_000  # characters: more than a line may have
LONGEST = 65_536  # characters in a line of 3am
GOES_ON = "|+ "  # begins the rest of a longer one
MOST_HYPOTHESES = 15  # in one phase: a log that repeats much is not rotated
MOST_CUPS = 60
ENDED_BY = (-signal.SIGKILL, -signal.SIGQUIT, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP)
_HYPOTHESIS = re.compile(rb"\[H(\d+): open\]")

# One line under the lock as the essay's script writes it, or its whole section. `tee` says on stdout what it was given.
SCRIPT = """
set -euo pipefail
umask 007
log_debug() { echo "[$(date +%Y-%m-%dT%H:%M:%S.%N%z)] [COFFEE: 1] $1" | tee -a "$SANITY_LOG"; }
(
  flock -w 10 -e 200 || exit 4
  if [[ $2 = line ]]; then log_debug "$1"; exit; fi
  log_debug "Acquired sanity lock."
  sleep 0.01
  log_debug "Hypothesis: $1"
  log_debug "Releasing sanity lock."
) 200>> "$SANITY_LOCK"
"""


def notes(phase: Phase, name: str) -> None:
    """Runs `3am log` with one line, a block of lines, or more than a line may hold."""
    number = 0
    while not phase.pause(0.0, 0.1):
        number += 1
        key = f"{name}-{number}."
        if number % 20 == 7:
            argument = long_text(key)
            lines = [argument[:LONGEST], GOES_ON + argument[LONGEST:]]
        elif number % 4 == 1:
            lines = [key, f"| {key} its second line", f"| {key} its third line"]
            argument = f"{key}\n{key} its second line\n{key} its third line"
        else:
            lines, argument = [key], key
        begun = now()
        texts = [
            phase.books.begin(words, key, key if len(lines) > 1 else "", begun + i) for i, words in enumerate(lines)
        ]
        quiet = ["-q"] if phase.happens(0.3) else []
        _run(phase, ["log", *quiet, argument], texts, quiet=bool(quiet))


def long_text(key: str) -> str:
    """More than a line of 3am may hold; no other key gives any part of it."""
    return ((key + " ") * (LONG // (len(key) + 1))).rstrip()


def hypotheses(phase: Phase, name: str) -> None:
    """Runs `3am hyp`, and `3am coffee`."""
    numbers: list[str] = []
    number = cups = 0
    while not phase.pause(0.0, 0.1):
        number += 1
        key = f"{name}-{number}."
        if number % 3 == 0:
            if cups < MOST_CUPS:
                cups += _coffee(phase, key, 1 + phase.happens(0.3))
            continue
        if numbers and (phase.happens(0.6) or len(numbers) >= MOST_HYPOTHESES):
            verb = phase.random.choice(["support", "contradict", "predict", "park", "reopen"])
            args = ["hyp", verb, phase.random.choice(numbers), key]
        else:
            args = ["hyp", "new", key]
        printed = _run(phase, args, [phase.books.begin(key, key)])
        if args[1] == "new" and (match := _HYPOTHESIS.search(printed)):
            numbers.append(f"H{int(match[1])}")


def script(phase: Phase, name: str) -> None:
    """Runs the essay's critical section: the kernel's flock(1) and tee(1), no 3am."""
    number = 0
    while not phase.pause(0.0, 0.1):
        number += 1
        section = "section" if number % 8 == 0 else "line"
        begun = now()
        process = phase.start(
            ["bash", "-c", SCRIPT, "bash", f"{name}-{number}.", section], phase.env(), stderr=subprocess.DEVNULL
        )
        printed, _ = process.communicate()
        writer = f"{name}-{number}"
        for i, raw in enumerate(printed.split(b"\n")[:-1]):
            text = phase.books.script_line(raw, writer, begun + i)
            # Where tee failed the line may lack its newline only, and be whole once the next writer has added it.
            text.set(Answer.ACKNOWLEDGED if process.returncode == 0 else Answer.UNKNOWN)


def _coffee(phase: Phase, key: str, cups: int) -> int:
    begun = now()
    process = phase.start(three_am("coffee", str(cups)), phase.env(user="alice"))
    block = key if cups > 1 else ""
    texts = [phase.books.begin(cup_words(process.pid, i), key, block, begun + i) for i in range(1, cups + 1)]
    out, stderr = process.communicate()
    # A coffee has no text to hand back.
    _answer(phase, texts, process.returncode, out, stderr, hands_back=False)
    return cups


def _run(phase: Phase, args: list[str], texts: list[Text], *, quiet: bool = False) -> bytes:
    """Runs `3am` once, and enters its answer for ``texts``; returns what it printed."""
    failing = 0.2 if phase.happens(0.3) else 0.0
    stepping = phase.happens(0.15)
    process = phase.start(three_am(*args), phase.env(failing_syncs=failing, stepping=stepping))
    out, stderr = process.communicate()
    _answer(phase, texts, process.returncode, out, stderr, quiet=quiet)
    return out


def _answer(
    phase: Phase,
    texts: list[Text],
    code: int,
    out: bytes,
    stderr: bytes,
    *,
    quiet: bool = False,
    hands_back: bool = True,
) -> None:
    printed = out.split(b"\n")[:-1]
    raws = [_printed_line(printed, text) for text in texts]
    words = texts[0].words.encode()
    if b"unsure: written as @" in stderr:
        answer = Answer.UNSURE
    elif code == 0 or all(raws):  # or it was killed after it had said so
        answer = Answer.ACKNOWLEDGED
        if not quiet and not all(raws):
            phase.books.problem("printed", f"{words[:80]!r}: exit 0, and {out!r} was printed")
    elif code in ENDED_BY:
        answer = Answer.UNKNOWN
    else:
        answer = Answer.REFUSED
        # SIGINT while Python itself starts ends it with 1.
        handed_back = b"not written: " + words in stderr or b"Fatal Python error: init_import_site" in stderr
        if hands_back and code in (1, 3, 4) and not handed_back:
            phase.books.problem("handed back", f"{words[:80]!r} was refused ({code}) and not handed back: {stderr!r}")
        elif code not in (1, 3, 4, 129, 130, 131, 143):
            phase.books.problem("exit", f"{words[:80]!r} ended with {code}: {stderr!r}")
    for text, raw in zip(texts, raws, strict=True):
        text.set(answer, raw if answer is Answer.ACKNOWLEDGED else b"")


def _printed_line(printed: list[bytes], text: Text) -> bytes:
    """The line that was printed for ``text``, or nothing. That of a cup does not name its text: it is taken out."""
    for raw in printed:
        if text.words.startswith("cup ") and b"Coffee: cup" in raw:
            printed.remove(raw)
            return raw
        if raw.endswith(b" " + text.words.encode()):
            return raw
    return b""
