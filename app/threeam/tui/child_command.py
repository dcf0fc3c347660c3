"""Commands of 3am that the screen runs as processes of their own, on the journal that it shows."""

from __future__ import annotations

import asyncio
import codecs
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from threeam.core.store.journal import Journal

_PROGRAM = (sys.executable, "-m", "threeam")


class ChildCommand:
    """A running ``3am`` and its output. No SIGINT of this terminal reaches it, and it may outlive the screen."""

    def __init__(self, process: subprocess.Popen[bytes], output: asyncio.StreamReader) -> None:
        self.process = process
        self.output = output

    @classmethod
    async def start(cls, journal: Journal, words: Sequence[str]) -> ChildCommand:
        """Start ``3am WORDS`` on ``journal``. The first word is the command."""
        process = subprocess.Popen(
            [*_PROGRAM, words[0], "--log", journal.log_path, "--lock", journal.lock_path, *words[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        output = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(output), process.stdout)
        return cls(process, output)

    def interrupt(self) -> None:
        """Send it a SIGINT, if it still runs."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)

    async def print_to(self, show: Callable[[str], object]) -> int:
        """Call ``show`` with each part of the output, and return the exit code at its end."""
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        with self.may_outlive():
            while data := await self.output.read(64 * 1024):
                show(decoder.decode(data))
            return await asyncio.to_thread(self.process.wait)

    @contextmanager
    def may_outlive(self) -> Iterator[None]:
        """Let it run on if the screen ends first: a `Popen` that is dropped warns about a child that still runs."""
        try:
            yield
        finally:
            if self.process.poll() is None:
                self.process.returncode = 0
