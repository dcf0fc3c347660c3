"""The peak memory of a command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import IO

# A process begins with the peak memory of the one that started it, and that of the tests is large: so a small one does.
_STARTER = """
import os, resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
os.write(int(sys.argv[1]), b"%d %d" % (code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
"""


def run_with_peak(argv: Sequence[str], stdout: IO[bytes] | int = subprocess.DEVNULL) -> tuple[int, float]:
    """Run a command; return its exit code and its peak memory in MiB."""
    read_end, write_end = os.pipe()
    try:
        subprocess.run(
            [sys.executable, "-c", _STARTER, str(write_end), *argv], stdout=stdout, pass_fds=[write_end], check=True
        )
        code, kib = os.read(read_end, 100).split()
    finally:
        os.close(read_end)
        os.close(write_end)
    return int(code), int(kib) / 1024
