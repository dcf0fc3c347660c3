"""Real terminals for real processes: a pty that is read with pyte, and a tmux of this test's own."""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pyte
import pytest

from support.commands import command

T = TypeVar("T")

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

ENTERED, LEFT = b"\x1b[?1049h", b"\x1b[?1049l"


class Terminal:
    """A program on a pty of its own: what it was sent, what it drew, and how it ended."""

    def __init__(self, process: subprocess.Popen[bytes], master: int, slave: int, size: tuple[int, int]) -> None:
        self.process = process
        self.raw = b""
        self._master = master
        self._slave = slave
        self._before: list[Any] = termios.tcgetattr(slave)
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def shown(self) -> str:
        """The screen as text, as of now."""
        self._read()
        return "\n".join(row.rstrip() for row in self._screen.display)

    @property
    def is_raw(self) -> bool:
        """Whether keys go to the program as they are."""
        return not termios.tcgetattr(self._slave)[3] & termios.ICANON

    @property
    def header(self) -> str:
        """The first row."""
        return self.shown.partition("\n")[0]

    def send(self, keys: str | bytes) -> None:
        """Sends keys in one write, so that they arrive in one read."""
        os.write(self._master, keys.encode() if isinstance(keys, str) else keys)

    def send_and_wait_until_read(self, keys: bytes) -> None:
        """Sends keys that arrive in a read of their own."""
        self.send(keys)
        self.eventually(lambda: not struct.unpack("i", fcntl.ioctl(self._slave, termios.FIONREAD, bytes(4)))[0], "read")

    def signal(self, number: int) -> None:
        """Sends a signal to the program."""
        self.process.send_signal(number)

    def eventually(self, fact: Callable[..., T], what: str, seconds: float = 10.0) -> T:
        """Waits for a fact, reading the terminal meanwhile; fails loudly, with the screen."""
        deadline = time.monotonic() + seconds
        while not (value := fact()):
            assert time.monotonic() < deadline, f"after {seconds:g} s still not: {what}\n{self.shown}"
            self._read(0.005)
        return value

    def shows(self, text: str) -> None:
        """Waits until a text stands on the screen."""
        self.eventually(lambda: text in self.shown, f"{text!r} is on the screen")

    def opened(self) -> None:
        """Waits until the journal is drawn and follows, and its keys are bound."""
        self.eventually(lambda: "LIVE" in self.header, "the screen is open")

    def draws_nothing(self, seconds: float) -> bool:
        """Whether nothing is drawn for so long."""
        before = len(self.raw)
        self._read(seconds)
        return len(self.raw) == before

    def ends_with(self, code: int, seconds: float = 10.0) -> None:
        """Waits for the end, and looks at the exit code."""
        self.eventually(lambda: self.process.poll() is not None, "the program has ended", seconds)
        self._read()
        assert self.process.returncode == code, self.raw[-500:]

    def is_as_it_was(self) -> None:
        """The terminal is back: its first screen, a cursor, no mouse, echo, and every other mode."""
        entered, left_at = self.raw.rindex(ENTERED), self.raw.rfind(LEFT)
        assert left_at > entered, "the alternate screen was not left"
        after = self.raw[entered:]
        assert after.rfind(b"\x1b[?25h") > after.rfind(b"\x1b[?25l"), "the cursor is hidden"
        for mode in (b"1000", b"1003", b"1006", b"2004"):
            assert after.rfind(b"\x1b[?" + mode + b"l") > after.rfind(b"\x1b[?" + mode + b"h"), f"{mode!r} is still on"
        now = termios.tcgetattr(self._slave)
        assert now[3] & termios.ECHO
        assert now == self._before

    def hang_up(self) -> None:
        """Closes the terminal, as when its window is closed."""
        os.close(self._slave)
        os.close(self._master)
        self._slave = self._master = -1

    def close(self) -> None:
        """Ends the program, whatever it does, and gives the pty back."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        if self._master >= 0:
            self.hang_up()

    def _read(self, timeout: float = 0.0) -> None:
        if self._master < 0:
            time.sleep(timeout)
            return
        while select.select([self._master], [], [], timeout)[0]:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # nobody has the other end open any more
                return
            self.raw += data
            self._stream.feed(data)
            timeout = 0.0


def _environ() -> dict[str, str]:
    """The environment without the size of somebody else's terminal, which pytest-xdist and readline put there."""
    return {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}


@contextmanager
def terminal(
    *args: str, size: tuple[int, int] = (100, 24), argv: list[str] | None = None, **env: str
) -> Iterator[Terminal]:
    """`3am` with ``args`` on a pty; or another command line, ``argv``."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    def take_the_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        argv or [command(), *args],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=take_the_terminal,
        env={**_environ(), "TERM": "xterm-256color", **env},
    )
    on = Terminal(process, master, slave, size)
    try:
        yield on
    finally:
        on.close()


class Tmux:
    """A tmux server of this test's own."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.started: set[int] = set()

    def __call__(self, *args: str) -> str:
        """Runs a tmux command and gives what it prints."""
        done = subprocess.run(
            ["tmux", "-L", self._name, "-f", "/dev/null", *args],
            capture_output=True,
            text=True,
            timeout=20,
            env=_environ(),
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def pane(self, *args: str) -> str:
        """Opens one more pane with `3am` in it, and gives its id."""
        run = [command(), *args]
        opens = ["split-window", "-h"] if self.panes() else ["new-session", "-d", "-x", "120", "-y", "36"]
        pane, pid = self(*opens, "-P", "-F", "#{pane_id} #{pane_pid}", *run).split()
        self.started.add(int(pid))
        return pane

    def panes(self) -> list[str]:
        """The ids of the panes."""
        done = subprocess.run(
            ["tmux", "-L", self._name, "list-panes", "-a", "-F", "#{pane_id}"],
            capture_output=True,
            text=True,
            timeout=20,
        )
        return done.stdout.split()

    def shown(self, pane: str) -> str:
        """What a pane shows."""
        return self("capture-pane", "-p", "-t", pane)

    def shows(self, pane: str, text: str) -> None:
        """Waits until a text stands in a pane."""
        self.eventually(lambda: text in self.shown(pane), f"{text!r} is in {pane}")

    def eventually(self, fact: Callable[..., T], what: str, seconds: float = 10.0) -> T:
        """Waits for a fact; fails loudly, with every pane."""
        deadline = time.monotonic() + seconds
        while not (value := fact()):
            if time.monotonic() >= deadline:
                panes = "\n".join(f"--- {pane}\n{self.shown(pane)}" for pane in self.panes())
                pytest.fail(f"after {seconds:g} s still not: {what}\n{panes}")
            time.sleep(0.01)
        return value


@contextmanager
def tmux(**env: str) -> Iterator[Tmux]:
    """A tmux server, which does not outlive the block."""
    name = f"3am-{uuid.uuid4().hex[:12]}"
    server = Tmux(name)
    before: Mapping[str, str | None] = {key: os.environ.get(key) for key in env}
    os.environ.update(env)
    try:
        yield server
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value
        subprocess.run(["tmux", "-L", name, "kill-server"], capture_output=True, timeout=20)
        for pid in server.started:  # whatever a program does when its terminal goes: it does not outlive the test
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


@contextmanager
def held(lock: Path) -> Iterator[subprocess.Popen[bytes]]:
    """flock(1) holds the lock until its stdin is closed or the block ends."""
    holder = subprocess.Popen(
        ["flock", "-e", "-F", str(lock), "sh", "-c", "echo held; exec cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield holder
    finally:
        holder.kill()
        holder.communicate()


def let_go(holder: subprocess.Popen[bytes]) -> None:
    """The lock is free again."""
    holder.send_signal(signal.SIGKILL)
    holder.wait(10)


def kept(log: Path) -> str:
    """All that lies beside the log in its folder."""
    folder = Path(f"{log}.d")
    collected = []
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            collected.append(path.read_text())
        except FileNotFoundError:  # renamed or settled meanwhile
            continue
    return "\n".join(collected)
