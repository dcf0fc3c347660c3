"""One phase of a soak: a fresh journal, the processes that run on it, and how each of them is started."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from books import Books
from faults import FAILING_SYNCS, MUTANT, NOTES

ROTATE_BYTES = 24_000
GROUP, SECOND_USER = 48_211, 48_212  # ids that no account has
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
# `3am` as it is installed, with the watch on its syncs.
_WATCHED = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import faults; del sys.path[0]\n"


@dataclass
class Phase:
    """The journal in ``folder``, and what a running phase shares. ``mutant``: the fault of its `3am`, or empty."""

    folder: Path
    private: Path  # on another disk, which is never full
    random: random.Random
    mutant: str = ""
    books: Books = field(default_factory=Books)
    stopped: threading.Event = field(default_factory=threading.Event)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    followers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _started: set[int] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def prepare(self) -> None:
        """Makes the folders: two users share the journal's."""
        self.folder.mkdir()
        os.chown(self.folder, -1, GROUP)
        self.folder.chmod(0o2770)
        self.private.mkdir(parents=True)
        (self.private / "home").mkdir()
        self.private.chmod(0o755)
        self.notes.touch()
        self.notes.chmod(0o666)
        self.set_clock(0)

    @property
    def log(self) -> Path:
        return self.folder / "sanity.log"

    @property
    def lock(self) -> Path:
        return self.folder / "sanity.log.lock"

    @property
    def notes(self) -> Path:
        return self.private / "notes"

    @property
    def clock(self) -> Path:
        return self.private / "clock"

    def set_clock(self, seconds: float) -> None:
        """Steps the clock of the processes that were started with ``stepping``."""
        aside = self.private / "clock.new"
        aside.write_text(f"{seconds:+g}\n")
        aside.rename(self.clock)

    def env(self, *, failing_syncs: float = 0.0, stepping: bool = False, user: str = "alice") -> dict[str, str]:
        """The environment of a process."""
        clock = {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self.clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        return {
            **os.environ,
            "HOME": str(self.private / "home"),
            "LOGNAME": user,
            "SANITY_LOG": str(self.log),
            "SANITY_LOCK": str(self.lock),
            "SANITY_ROTATE_BYTES": str(ROTATE_BYTES),
            "SANITY_DISK_FLOOR": "0",
            "XDG_RUNTIME_DIR": str(self.private / "run"),
            "TERM": "xterm-256color",
            "TZ": "UTC",
            NOTES: str(self.notes),
            FAILING_SYNCS: str(failing_syncs),
            **({MUTANT: self.mutant} if self.mutant else {}),
            **(clock if stepping else {}),
        }

    def start(
        self,
        argv: list[str],
        env: dict[str, str],
        *,
        stdin: int | IO[bytes] | None = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
        new_session: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Starts a process that the disturbances may kill and stop."""
        process = subprocess.Popen(
            argv, env=env, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=new_session, cwd="/"
        )
        with self._guard:
            self.processes = [other for other in self.processes if other.poll() is None] + [process]
            self._started.add(process.pid)
        return process

    def forget_clocks(self) -> None:
        """Removes what libfaketime leaves of processes that end without their destructors."""
        for path in Path("/dev/shm").glob("*faketime_*_*"):
            if int(path.name.rpartition("_")[2]) in self._started:
                path.unlink(missing_ok=True)

    def running(self) -> list[subprocess.Popen[bytes]]:
        """The writers that run now."""
        with self._guard:
            return [process for process in self.processes if process.poll() is None]

    def kill_all(self) -> None:
        """Ends what still runs, if the harness itself has failed."""
        self.stopped.set()
        for process in [*self.running(), *self.followers]:
            process.kill()

    def pause(self, low: float, high: float) -> bool:
        """Waits between ``low`` and ``high`` seconds; True if the phase is over."""
        return self.stopped.wait(self.random.uniform(low, high))

    def happens(self, share: float) -> bool:
        """True in that share of the calls."""
        return self.random.random() < share


def three_am(*args: str, second_user: bool = False, largest_file: int = 0) -> list[str]:
    """The command line of `3am`; of another user of the same group, or with a limit on the size of a file (bytes)."""
    begin = _WATCHED + "faults.install()\n"
    if largest_file:
        begin += f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({largest_file}, {largest_file}))\n"
    if second_user:
        begin += f"faults.become({SECOND_USER}, {GROUP})\n"
    return [sys.executable, "-P", "-c", begin + "from threeam.cli.main import run_and_exit; run_and_exit()", *args]


def now() -> int:
    """The monotonic clock, in ns: all processes of the machine share it."""
    return time.monotonic_ns()
