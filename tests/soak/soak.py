"""The soak: everybody writes at once while everything goes wrong, and afterwards the books must balance.

By hand: ``.venv-test/bin/python tests/soak/soak.py --seconds 600 --seed 7``. It prints its report as a table.

Every writer keeps a record of what it was told: *acknowledged* tokens must be in the journal exactly once, whole,
and after every token that was acknowledged before they were begun; *refused* ones must not be there; of those whose
writer was killed or unsure, there may be one or none.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from threeam.core.entry import Entry, parse
from threeam.core.journal import journal_at

COMMAND = str(Path(sys.executable).parent / "3am")
ROTATE_BYTES = 40_000
DISK_BYTES = 24 * 1024 * 1024
_GLUED = re.compile(rb".+\[COFFEE: 1\] (bash[0-9-]+\.)", re.DOTALL)
BASH = """
set -o pipefail
(
  flock -w 10 200 || exit 4
  echo "[$(date +%Y-%m-%dT%H:%M:%S.%N%z)] [COFFEE: 1] $1" | tee -a "$SANITY_LOG" >/dev/null
) 200>> "$SANITY_LOCK"
"""


@dataclass
class Token:
    """A text that nobody else writes: when it was begun and answered (monotonic ns), and what the answer was."""

    text: str
    begun: int
    answered: int = 0
    answer: str = "unknown"  # acknowledged, refused, unsure; unknown: its writer was killed


@dataclass
class Soak:
    """One run: who writes what, what is thrown at them, and what was left of it."""

    folder: Path
    random: random.Random
    disk_can_be_filled: bool
    tokens: dict[str, Token] = field(default_factory=dict)
    thrown: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    disk_was_full: bool = False
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def log(self) -> Path:
        return self.folder / "sanity.log"

    @property
    def in_memory(self) -> Path:
        """Where drafts go when the disk is full: elsewhere, as in life."""
        return self.folder.parent / f"{self.folder.name}-run"

    @property
    def lock(self) -> Path:
        return self.folder / "sanity.log.lock"

    @property
    def env(self) -> dict[str, str]:
        return {
            **os.environ,
            "HOME": str(self.folder / "home"),
            "SANITY_LOG": str(self.log),
            "SANITY_LOCK": str(self.lock),
            "SANITY_ROTATE_BYTES": str(ROTATE_BYTES),
            "SANITY_DISK_FLOOR": "0",
            "XDG_RUNTIME_DIR": str(self.in_memory),
            "TERM": "xterm-256color",
        }

    def begin(self, text: str) -> Token:
        token = Token(text, time.monotonic_ns())
        with self._guard:
            self.tokens[text] = token
        return token

    def answer(self, token: Token, answer: str) -> None:
        token.answer, token.answered = answer, time.monotonic_ns()

    def start(self, *argv: str, **kwargs: object) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(argv, env=self.env, **kwargs)  # type: ignore[call-overload]
        with self._guard:
            self.processes = [one for one in self.processes if one.poll() is None] + [process]
        return process  # type: ignore[no-any-return]

    def pause(self, low: float, high: float) -> bool:
        """Waits a moment; True when it is over."""
        return self.stopped.wait(self.random.uniform(low, high))

    # Those who write.

    def one_shots(self, name: str) -> None:
        """`3am log`, `3am hyp new` and now and then one whose clock is wrong."""
        faketime = shutil.which("faketime")
        number = 0
        while not self.pause(0.0, 0.05):
            number += 1
            token = self.begin(f"{name}-{number}")
            argv = [COMMAND, "log", token.text]
            if number % 9 == 0:
                argv = [COMMAND, "hyp", "new", token.text]
            if faketime and number % 7 == 0:
                argv = [faketime, "-f", self.random.choice(["-3s", "+2s", "-0.5s"]), *argv]
                self.thrown["clock steps"] += 1
            process = self.start(*argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            _, said = process.communicate()
            if process.returncode == 0:
                self.answer(token, "acknowledged")
            elif b"unsure" in said:
                self.answer(token, "unsure")
            elif process.returncode in (3, 4):
                self.answer(token, "refused")
                if b"not written: " + token.text.encode() not in said:
                    self.problems.append(f"{token.text} was refused and not handed back: {said!r}")

    def streams(self, name: str) -> None:
        """`3am log -`: what it repeats on stdout is acknowledged."""
        number = 0
        while not self.stopped.is_set():
            stream = self.start(
                COMMAND, "log", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            assert stream.stdin is not None
            assert stream.stdout is not None
            given: dict[str, Token] = {}
            reader = threading.Thread(target=self._read_stream, args=(stream, given))
            reader.start()
            rounds = self.random.randint(20, 200)
            for _ in range(rounds):
                burst = [self.begin(f"{name}-{number + i}") for i in range(self.random.choice([1, 5, 40]))]
                number += len(burst)
                given.update((token.text, token) for token in burst)
                try:
                    stream.stdin.write("".join(token.text + "\n" for token in burst).encode())
                    stream.stdin.flush()
                except BrokenPipeError:  # it was killed
                    break
                if self.pause(0.005, 0.06):
                    break
            with suppress(BrokenPipeError):
                stream.stdin.close()
            assert stream.stderr is not None
            stream.stderr.read()
            stream.wait()
            reader.join()
            stream.stdout.close()
            stream.stderr.close()

    def _read_stream(self, stream: subprocess.Popen[bytes], given: dict[str, Token]) -> None:
        assert stream.stdout is not None
        for line in stream.stdout:
            entry = parse(line.rstrip(b"\n"))
            if line.endswith(b"\n") and entry is not None and (token := given.get(entry.text)) is not None:
                self.answer(token, "acknowledged")

    def bash(self, name: str) -> None:
        """The essay's critical section."""
        number = 0
        while not self.pause(0.0, 0.05):
            number += 1
            token = self.begin(f"{name}-{number}.")  # a full disk tears its lines: what is left of 351. is not 35.
            process = self.start("bash", "-c", BASH, "bash", token.text, stderr=subprocess.DEVNULL)
            if process.wait() == 0:
                self.answer(token, "acknowledged")

    def screen(self, name: str) -> None:
        """The full screen on a pty, as one more writer: what it has let go of by the time that it ends was written."""
        number = 0
        while not self.stopped.is_set():
            master, slave = pty.openpty()
            fcntl.ioctl(slave, 0x5414, b"\x18\x00\x78\x00\x00\x00\x00\x00")  # TIOCSWINSZ: 24 rows, 120 columns
            process = self.start(COMMAND, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
            os.close(slave)
            drain = threading.Thread(target=_drain, args=(master,))
            drain.start()
            while termios.tcgetattr(master)[3] & termios.ICANON and process.poll() is None:
                time.sleep(0.02)  # until it is the screen's the terminal takes ctrl+u for itself, and the i with it
            typed: list[Token] = []
            for _ in range(self.random.randint(3, 15)):
                number += 1
                typed.append(self.begin(f"{name}-{number}"))
                with suppress(OSError):
                    # ctrl+u: the draft that a killed screen has left is put back.
                    os.write(master, ("i\x15" * (len(typed) == 1) + f"{typed[-1].text}\r").encode())
                if self.pause(0.3, 0.9) or process.poll() is not None:
                    break
            self.pause(0.5, 1.0)
            for key in (b"\x1b", b"\x1b", b"q"):  # the first takes back what waits, the second leaves the box
                with suppress(OSError):
                    os.write(master, key)
                time.sleep(0.3)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                self.problems.append(f"the screen {name} did not end by q")
                process.kill()
            os.close(master)
            drain.join()
            drafts = f"draft-{process.pid}-*.json"
            kept = "".join(path.read_text() for at in (self.folder, self.in_memory) for path in at.rglob(drafts))
            if process.returncode == 0:
                for token in typed:
                    if token.text not in kept:  # or it may be both: its prefix is the name of another
                        self.answer(token, "acknowledged")

    # What is thrown at them.

    def killer(self) -> None:
        """SIGKILL for one of the processes that run, and SIGSTOP for a while for another."""
        while not self.pause(0.2, 0.8):
            with self._guard:
                running = [one for one in self.processes if one.poll() is None]
            if not running:
                continue
            victim = self.random.choice(running)
            if self.random.random() < 0.7:
                victim.kill()
                self.thrown["SIGKILL"] += 1
            else:
                victim.send_signal(signal.SIGSTOP)
                self.pause(0.1, 0.5)
                victim.send_signal(signal.SIGCONT)
                self.thrown["SIGSTOP for a while"] += 1

    def holders(self) -> None:
        """A flock(1) that holds the lock for a while, stopped in the middle of it."""
        while not self.pause(3, 6):
            holder = subprocess.Popen(["flock", str(self.lock), "sleep", "0.5"], stderr=subprocess.DEVNULL)
            self.pause(0.1, 0.2)
            holder.send_signal(signal.SIGSTOP)
            self.pause(0.3, 1.0)
            holder.send_signal(signal.SIGCONT)
            holder.wait()
            self.thrown["stopped holders"] += 1

    def lock_remover(self) -> None:
        """Somebody tidies up, and removes the lock file."""
        while not self.pause(1, 3):
            self.lock.unlink(missing_ok=True)
            self.thrown["lock files removed"] += 1

    def filler(self) -> None:
        """The disk is full for a moment."""
        ballast = self.folder / "ballast"
        while not self.pause(6, 10):
            self.disk_was_full = True
            with suppress(OSError), ballast.open("wb") as file:
                while True:
                    file.write(b"\0" * 65536)
                    file.flush()
            self.pause(0.5, 1.5)
            ballast.unlink(missing_ok=True)
            self.thrown["full disks"] += 1


def _drain(master: int) -> None:
    with suppress(OSError):
        while os.read(master, 65536):
            pass


@contextmanager
def small_disk() -> Iterator[tuple[Path, bool]]:
    """A folder, on a disk of its own that can be filled where we may mount one (and whether we may)."""
    folder = Path(tempfile.mkdtemp(prefix="3am-soak-"))
    argv = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    mounted = subprocess.run(argv, stderr=subprocess.DEVNULL).returncode == 0
    try:
        yield folder, mounted
    finally:
        shutil.rmtree(f"{folder}-run", ignore_errors=True)
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)
        shutil.rmtree(folder, ignore_errors=True)


def run(seconds: float, seed: int) -> Soak:
    """Soaks for ``seconds``, balances the books, and gives the run with its problems."""
    with small_disk() as (folder, mounted):
        soak = Soak(folder, random.Random(seed), mounted)
        (folder / "home").mkdir()
        subprocess.run([COMMAND, "log", "-q", "the first"], env=soak.env, check=True)
        tails = [_Tail(soak, n) for n in range(2)]
        work: list[Callable[[], None]] = [
            *(lambda n=n: soak.one_shots(f"shot{n}") for n in range(2)),  # type: ignore[misc]
            *(lambda n=n: soak.streams(f"stream{n}") for n in range(2)),  # type: ignore[misc]
            *(lambda n=n: soak.bash(f"bash{n}") for n in range(2)),  # type: ignore[misc]
            lambda: soak.screen("screen"),
            soak.killer,
            soak.holders,
            soak.lock_remover,
            *([soak.filler] if mounted else []),
        ]
        threads = [threading.Thread(target=one) for one in work]
        for thread in threads:
            thread.start()
        soak.stopped.wait(seconds)
        soak.stopped.set()
        for thread in threads:
            thread.join()
        last = soak.begin("the very last")
        subprocess.run([COMMAND, "log", "-q", last.text], env=soak.env, check=True)
        soak.answer(last, "acknowledged")
        _balance(soak, tails)
        return soak


class _Tail:
    """A `3am tail -f` from the first line on, and what it has heard."""

    def __init__(self, soak: Soak, number: int) -> None:
        self.heard = soak.folder.parent / f"{soak.folder.name}-tail{number}"
        with self.heard.open("wb") as file:
            self.process = subprocess.Popen(
                [COMMAND, "tail", "-f", "-n", "1"], env=soak.env, stdout=file, stderr=subprocess.PIPE
            )
        deadline = time.monotonic() + 20
        while not self.heard.stat().st_size:
            assert time.monotonic() < deadline, "the tail does not follow"
            time.sleep(0.01)

    def texts(self, last: str) -> list[str]:
        """What it has heard, once ``last`` is among it."""
        deadline = time.monotonic() + 30
        while last.encode() not in self.heard.read_bytes() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(3)  # longer than a renamed file is still listened to
        self.process.terminate()
        self.process.communicate()
        lines = self.heard.read_bytes().splitlines()
        self.heard.unlink()
        return [text for line in lines if (text := _text(line)) is not None]


def _text(raw: bytes) -> str | None:
    """What a line says; None for what was carried over. To a line that a full disk tore Bash glues its own."""
    entry = parse(raw)
    if glued := _GLUED.fullmatch(raw):  # torn before its text or in it: the second head tells
        return glued[1].decode("utf-8", "replace")
    if entry is None:
        return raw.decode("utf-8", "replace")
    return None if entry.carried else entry.body if entry.kind == "Hypothesis" else entry.text


def _balance(soak: Soak, tails: list[_Tail]) -> None:
    journal = journal_at(str(soak.log), str(soak.lock))
    live = journal.live()
    assert live is not None
    order: list[str] = []
    entries: list[Entry] = []
    foreign = 0
    for segment in journal.segments(live):
        soak.thrown["rotations"] += 1
        for raw in segment.read(0, segment.size()).split(b"\n")[:-1]:
            entry = parse(raw)
            foreign += entry is None
            entries += [entry] if entry is not None and entry.carried is None else []
            order += [text] if (text := _text(raw)) is not None else []
    soak.thrown["rotations"] -= 1
    count = Counter(order)
    for token in soak.tokens.values():
        here = count[token.text]
        allowed = {"acknowledged": (1,), "refused": (0,)}.get(token.answer, (0, 1))
        if here not in allowed:
            soak.problems.append(f"{token.text} was {token.answer}, and is there {here} times")
    begun = 0
    for text in order:
        token = soak.tokens.get(text)
        if token is None or token.answer != "acknowledged":
            continue
        if token.answered < begun:
            soak.problems.append(f"{text} stands after a token that was begun when it was acknowledged already")
        begun = max(begun, token.begun)
    # Who lost the lock in the middle of it was told so: unsure.
    numbers = Counter(
        entry.hypothesis[0]
        for entry in entries
        if entry.kind == "Hypothesis"
        and entry.hypothesis
        and (token := soak.tokens.get(entry.body)) is not None
        and token.answer == "acknowledged"
    )
    soak.problems += [f"{count} hypotheses are H{number}" for number, count in numbers.items() if count > 1]
    if foreign and not soak.disk_was_full:  # a full disk tears the lines of tee(1)
        soak.problems.append(f"{foreign} lines are torn, and the disk was never full")
    doctor = subprocess.run([COMMAND, "doctor", "--json"], env=soak.env, capture_output=True)
    if doctor.returncode not in (0, 5) or b'"nul"' in doctor.stdout:
        soak.problems.append(f"the doctor ends with {doctor.returncode}: {doctor.stderr!r}")
    expected = Counter(token.text for token in soak.tokens.values() if token.answer == "acknowledged")
    for number, tail in enumerate(tails):
        heard = Counter(tail.texts("the very last"))
        for text in expected:
            if heard[text] != 1:
                soak.problems.append(f"tail {number} has heard {text} {heard[text]} times")


def report(soak: Soak, seconds: float) -> str:
    """What was thrown at it and what was lost, as a Markdown table."""
    answers = Counter(token.answer for token in soak.tokens.values())
    rows = [
        ("seconds", f"{seconds:.0f}"),
        *((f"texts {answer}", f"{number:,}") for answer, number in sorted(answers.items())),
        *((what, f"{number:,}") for what, number in sorted(soak.thrown.items())),
        ("acknowledged and lost, doubled, torn or out of order; refused and written", f"{len(soak.problems)}"),
    ]
    return "\n".join(["| soak | |", "|---|---|", *(f"| {what} | {number} |" for what, number in rows)])


def main() -> int:
    """Runs it by hand."""
    parser = argparse.ArgumentParser(description="Soaks 3am.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    args = parser.parse_args()
    soak = run(args.seconds, args.seed)
    print(report(soak, args.seconds))
    for problem in soak.problems[:20]:
        print(problem, file=sys.stderr)
    return 1 if soak.problems else 0


if __name__ == "__main__":
    sys.exit(main())
