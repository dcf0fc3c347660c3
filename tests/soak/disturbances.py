"""What is done to a soaked journal and its processes. Each runs until its phase is over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from journal_files import File
from phase import Phase, now, three_am

_SIGNALS = (  # sent in a random order, each as often as it stands here
    *[signal.SIGKILL] * 5,
    *[signal.SIGSTOP] * 4,
    *[signal.SIGTERM] * 2,
    *[signal.SIGINT] * 2,
    *[signal.SIGHUP] * 2,
    signal.SIGQUIT,
)
_LINES_A_KILL = 600


def signals(phase: Phase) -> None:
    """Sends a signal to one of the writers, or stops it for a while."""
    acknowledged = 0
    numbers: list[signal.Signals] = []
    while not phase.pause(0.2, 0.7):
        numbers = numbers or phase.random.sample(_SIGNALS, len(_SIGNALS))
        number = numbers.pop()
        if number in (signal.SIGKILL, signal.SIGQUIT):  # what these leave unknown is a share of what was written
            while phase.books.acknowledged() < acknowledged + _LINES_A_KILL and not phase.pause(0.1, 0.1):
                continue
            acknowledged = phase.books.acknowledged()
        running = phase.running()
        if not running:
            continue
        victim = phase.random.choice(running)
        victim.send_signal(number)
        phase.books.inject(f"{number.name} for a while" if number is signal.SIGSTOP else number.name)
        if number is signal.SIGSTOP:
            phase.pause(0.1, 0.5)
            victim.send_signal(signal.SIGCONT)


def stopped_followers(phase: Phase) -> None:
    """Stops a follower for so long that it is several files behind."""
    while not phase.pause(1.0, 2.0):
        victim = phase.random.choice(phase.followers)
        victim.send_signal(signal.SIGSTOP)
        phase.books.inject("stopped followers")
        phase.pause(0.5, 2.0)
        victim.send_signal(signal.SIGCONT)


def holders(phase: Phase) -> None:
    """Holds the lock with flock(1), and stops the holder in the middle of it."""
    while not phase.pause(3, 6):
        holder = subprocess.Popen(["flock", str(phase.lock), "sleep", "0.3"], stderr=subprocess.DEVNULL)
        phase.pause(0.1, 0.2)
        holder.send_signal(signal.SIGSTOP)
        phase.pause(0.2, 0.6)
        holder.send_signal(signal.SIGCONT)
        holder.wait()
        phase.books.inject("stopped holders of the lock")


def clock_steps(phase: Phase) -> None:
    """Steps the clock of some one-shots, streams and screens while they run."""
    while not phase.pause(0.3, 1.0):
        phase.set_clock(phase.random.choice([-3.0, -0.5, 0.0, 0.0, 1.5, 2.0]))
        phase.books.inject("clock steps")


def rotations(phase: Phase) -> None:
    """Runs `3am rotate`."""
    while not phase.pause(1.0, 3.0):
        subprocess.run(three_am("rotate"), env=phase.env(), capture_output=True)
        phase.books.inject("3am rotate")


def full_disks(phase: Phase) -> None:
    """Fills the disk of the journal, and makes room again after a while."""
    ballast = phase.folder / "ballast"
    while not phase.pause(4, 8):
        full = [now(), sys.maxsize]
        phase.books.full_disk.append(full)
        with suppress(OSError), ballast.open("wb") as file:
            while True:
                file.write(b"\0" * 65536)
                file.flush()
        phase.pause(0.3, 1.0)
        ballast.unlink(missing_ok=True)
        full[1] = now()
        phase.books.inject("full disks")


def lock_removals(phase: Phase) -> None:
    """Removes the lock file, as somebody who tidies up."""
    while not phase.pause(0.3, 1.5):
        phase.lock.unlink(missing_ok=True)
        phase.books.inject("lock files removed")


@dataclass
class LogTaker:
    """Takes the log away, and keeps open every file that it took: the books need what is in them."""

    phase: Phase
    _taken: list[tuple[int, int]] = field(default_factory=list)  # wall clock (ns) and descriptor

    def run(self) -> None:
        """Renames the log, removes it, or has logrotate(8) rotate it with ``create``."""
        config = self.phase.private / "logrotate.conf"
        config.write_text(f"{self.phase.log} {{\n  rotate 9\n  size 1\n  create 0660\n  su root root\n}}\n")
        config.chmod(0o644)
        while not self.phase.pause(0.7, 1.8):
            with suppress(FileNotFoundError):  # nobody has written a new one yet
                self.phase.random.choice([self._rename, self._remove, self._logrotate])()

    def files(self) -> list[tuple[int, File]]:
        """The files that it took, each with the time of that (wall clock, ns)."""
        files: dict[int, tuple[int, File]] = {}
        for taken, fd in self._taken:
            about = os.fstat(fd)
            files[about.st_ino] = taken, File(f"taken.{taken}.log", about.st_ino, os.pread(fd, about.st_size, 0))
        return list(files.values())

    def _rename(self) -> None:
        self._take(self.phase.log)
        self.phase.books.inject("logs renamed")

    def _remove(self) -> None:
        self._take(self.phase.log).unlink()
        self.phase.books.inject("logs removed")

    def _logrotate(self) -> None:
        state = self.phase.private / "logrotate.state"
        subprocess.run(
            ["logrotate", "-s", str(state), str(self.phase.private / "logrotate.conf")], capture_output=True, check=True
        )
        self._take(Path(f"{self.phase.log}.1"))
        for path in self.phase.folder.glob("sanity.log-*.backup"):  # a writer was faster than logrotate's create
            self._take(path)
        self.phase.books.inject("logrotate create")

    def _take(self, path: Path) -> Path:
        taken = time.time_ns()
        aside = path.rename(f"{self.phase.log}.{taken}.taken")
        self._taken.append((taken, os.open(aside, os.O_RDONLY)))
        return aside
