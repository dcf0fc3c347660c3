"""The output of a short command: a part of it if it is long, within a time limit."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

MAX_OUTPUT_BYTES = 64 * 1024  # the rest of a program's output is dropped


def run_captured(argv: Sequence[str], timeout_s: float, environ: Mapping[str, str]) -> tuple[int | None, str] | None:
    """Run a program. Return its exit code (None: it timed out) and its output on both streams, cut.

    Return None if it cannot be started. All processes that it has started end with it.
    """
    deadline, output, is_open = time.monotonic() + timeout_s, bytearray(), True
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environ,
        )
    except OSError:
        return None
    with process:
        assert process.stdout is not None
        fd = process.stdout.fileno()
        while is_open and (remaining_s := deadline - time.monotonic()) > 0:
            if select.select([fd], [], [], remaining_s)[0]:
                data = os.read(fd, MAX_OUTPUT_BYTES)
                output += data[: MAX_OUTPUT_BYTES - len(output)]
                is_open = bool(data)
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        code = None if is_open else process.returncode
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return code, output.decode("utf-8", "replace")
