"""The full screen on a pty, as one more writer."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
import time
from contextlib import suppress
from pathlib import Path

from books import Answer, Text
from phase import Phase, three_am

EMPTY_BOX = "i\x1b[18~\x7f"  # i, F7 (select all), backspace: the draft that a killed screen has left is put back
_TRIES = 4  # to leave: a text that waits for room on the disk goes back into the box, and keys go there
_ENDS_WITHIN = 6.0  # s, after q; a loaded machine is slow


def screens(phase: Phase, name: str) -> None:
    """Keeps one screen running: what it has let go of by the time that it ends was acknowledged."""
    number = 0
    while not phase.stopped.is_set():
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
        process = phase.start(
            three_am(),
            phase.env(stepping=phase.happens(0.5)),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            new_session=True,
        )
        os.close(slave)
        drain = threading.Thread(target=_drain, args=(master,))
        drain.start()
        # The terminal edits lines itself until the screen has taken it, and would take the keys before a backspace.
        while _edits_lines(master) and process.poll() is None:
            time.sleep(0.02)
        typed: list[Text] = []
        for _ in range(phase.random.randint(2, 6)):
            number += 1
            typed.append(phase.books.begin(f"{name}-{number}.", f"{name} {process.pid}"))
            _type(master, ((EMPTY_BOX if len(typed) == 1 else "i") + f"{typed[-1].words}\r").encode())
            if phase.pause(0.3, 0.9) or process.poll() is not None:
                break
        phase.pause(0.5, 1.0)
        if not _leave(process, master):
            phase.books.problem("screen", f"the screen {name} did not end by q")
            process.kill()
            process.wait()
        os.close(master)
        drain.join()
        restored = _drafts_of(process.pid, phase.folder, phase.private)
        for text in typed:
            if process.returncode == 0 and text.words not in restored:
                text.set(Answer.ACKNOWLEDGED)
            else:
                text.set(Answer.UNKNOWN)


def _leave(process: subprocess.Popen[bytes], master: int) -> bool:
    """Leaves the screen as a person does; False if it stays."""
    for _ in range(_TRIES):
        for key in (b"\x1b", b"\x1b", b"q"):  # the first takes back what waits, the second leaves the box
            _type(master, key)
            time.sleep(0.6)  # Esc and a key that follow each other at once are alt and that key
        with suppress(subprocess.TimeoutExpired):
            process.wait(_ENDS_WITHIN)
            return True
    return False


def _edits_lines(master: int) -> bool:
    try:
        return bool(termios.tcgetattr(master)[3] & termios.ICANON)
    except termios.error:
        return False


def _type(master: int, keys: bytes) -> None:
    with suppress(OSError):
        os.write(master, keys)


def _drain(master: int) -> None:
    with suppress(OSError):
        while os.read(master, 65536):
            pass


def _drafts_of(pid: int, *folders: Path) -> str:
    return "".join(path.read_text() for folder in folders for path in folder.rglob(f"draft-{pid}-*.json"))
