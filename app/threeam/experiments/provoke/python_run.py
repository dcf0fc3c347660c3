"""A run of a Python program that writes its stack at each of some system calls."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence

from threeam.core.format.entry import NS_PER_S
from threeam.experiments.provoke.call_stacks import STRING_BYTES
from threeam.experiments.provoke.python_stacks import PythonCall, parse_python_calls
from threeam.experiments.provoke.search_plan import Reproducer
from threeam.experiments.runs.trial_run import trial_run

_PYTHON_SITE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "python_site")
_MAX_S = 60  # for all runs: strace stops the program at every system call here, so it is slow
_MAX_SIGNALS = 65534  # of strace
_WRITE = "write"
_WRITES_TRIED = 5


def find_python_calls(reproducer: Reproducer, calls: Sequence[str], most_calls: int) -> list[PythonCall]:
    """Run ``reproducer`` without a delay; return those of ``calls`` that Python made, each with its stack.

    ``most_calls``: how many of them a thread makes. A signal interrupts a call that waits, which is then made again and
    interrupted again, so the number of signals is limited. A stack is made of writes. So if ``write`` is one of
    ``calls``, each run has one signal for a thread: at its first write, at its second one, and so on.

    Return nothing if Python is started with -E, -I or -S, or without this environment.
    """
    signals = [f"1..{min(2 * most_calls + 10, _MAX_SIGNALS)}"]
    if _WRITE in calls:
        signals = [str(number) for number in range(1, min(most_calls, _WRITES_TRIED) + 1)]
    end_ns = time.monotonic_ns() + _MAX_S * NS_PER_S
    found: list[PythonCall] = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "calls")
        for when in signals:
            if (remaining_ns := end_ns - time.monotonic_ns()) <= 0:
                break
            # Not with --seccomp-bpf: strace loses the signals then. It loses them with a delay, too.
            words = ["strace", "-f", "-qq", "-o", path, "-s", STRING_BYTES, "-E", f"PYTHONPATH={_python_path()}"]
            words += ["-e", "signal=none", "-e", f"trace={','.join({*calls, _WRITE})}"]
            words += ["-e", f"inject={','.join(calls)}:signal=SIGURG:when={when}"]
            timeout_ns = min(reproducer.timeout_ns or remaining_ns, remaining_ns)
            trial_run([*words, *reproducer.command], reproducer.rule, timeout_ns)
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="backslashreplace") as file:
                    found += parse_python_calls(file, calls)
    return found


def _python_path() -> str:
    """Return the folders from which Python imports modules, with that of `sitecustomize` before them."""
    others = os.environ.get("PYTHONPATH")
    return os.pathsep.join([_PYTHON_SITE, others] if others else [_PYTHON_SITE])
