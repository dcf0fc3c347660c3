"""A ``3am team`` that another process starts, and that outlives it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from threeam.core.errors import BadInput, FileUnusable
from threeam.core.platform.folders import SAFE_OPEN_FLAGS
from threeam.core.store.attachments import attachment_dir, open_own_dir
from threeam.core.store.journal import Journal
from threeam.team.nats.nats_target import parse_target
from threeam.team.team_status import TeamStatus, read_statuses, status_dir

_START_S = 5.0  # s; within this time it has connected as a rule, or it has ended
_LOOK_S = 0.1  # s; between two looks at it
_MAX_OUTPUT_BYTES = 64 * 1024


class DetachedTeam:
    """``3am team WORDS`` on ``journal``, started in a session of its own. Its output goes into a private file.

    Construction raises `BadInput` if ``words`` hold a password, and `FileUnusable`.
    """

    def __init__(self, journal: Journal, words: Sequence[str]) -> None:
        _refuse_passwords(words)
        self._journal = journal
        folder, name = status_dir(journal), hashlib.sha256("\0".join(words).encode()).hexdigest()[:16] + ".out"
        try:
            with open_own_dir(attachment_dir(journal), make=True):
                pass
            with open_own_dir(folder, make=True) as dir_fd:
                flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | SAFE_OPEN_FLAGS
                self._output_fd = os.open(name, flags, 0o600, dir_fd=dir_fd)
        except OSError as error:
            raise FileUnusable(f"{folder} cannot be used: {error.strerror}") from None
        self._output_begin = os.fstat(self._output_fd).st_size
        paths = ("--log", journal.log_path, "--lock", journal.lock_path)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "threeam", "team", *paths, *words],
            stdin=subprocess.DEVNULL,
            stdout=self._output_fd,
            stderr=self._output_fd,
            start_new_session=True,
        )

    def wait_for_start(self) -> str:
        """Wait until it is connected, or for a few seconds, and return its state in a sentence.

        Raises `FileUnusable` with its last words if it has ended.
        """
        deadline, status = time.monotonic() + _START_S, None
        while time.monotonic() < deadline and (status is None or status.away):
            time.sleep(_LOOK_S)
            if self.process.poll() is not None:
                raise FileUnusable(self._last_words())
            status = self._status()
        state = "is connected" if status is not None and not status.away else "is not connected yet"
        why = f": {status.away}" if status is not None and status.away else ""
        return f"3am team {state}, pid {self.process.pid}; it goes on when this screen ends{why}"

    def release(self) -> None:
        """Let it run on: a `Popen` that is dropped would warn about it."""
        os.close(self._output_fd)
        if self.process.poll() is None:
            self.process.returncode = 0

    def _status(self) -> TeamStatus | None:
        statuses = (status for status, is_running in read_statuses(self._journal) if is_running)
        return next((status for status in statuses if status.pid == self.process.pid), None)

    def _last_words(self) -> str:
        output = os.pread(self._output_fd, _MAX_OUTPUT_BYTES, self._output_begin).decode(errors="replace")
        lines = output.strip().splitlines() or [f"3am team: exit {self.process.returncode}"]
        return lines[-1].removeprefix("3am: ")


def _refuse_passwords(words: Sequence[str]) -> None:
    """Raise `BadInput` if a password is among ``words``, which every process of this host can read."""
    for word in words:
        if word.startswith(("nats://", "tls://")):
            parse_target(word)
        elif "://" in word and "@" in word and ":" in urlsplit(word).netloc.rpartition("@")[0]:
            raise BadInput("leave the password out of the address: every process on this host can see it")
