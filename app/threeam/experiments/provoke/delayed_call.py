"""The place in the program where the call of a delay arm is made: a few runs with the stack of each call."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.format.entry import decode_utf8, escape_unprintable
from threeam.core.redact.redact import Redactor, redact
from threeam.experiments.arms.arm import Arm
from threeam.experiments.failure_rule import FAILED
from threeam.experiments.provoke.call_stacks import (
    STRING_BYTES,
    Frame,
    ReadLine,
    describe_site,
    find_call_sites,
    parse_source_lines,
    read_lines,
    shorten_strings,
)
from threeam.experiments.provoke.python_run import find_python_calls
from threeam.experiments.provoke.python_stacks import choose_python_call, describe_frames, format_python_calls
from threeam.experiments.provoke.search_plan import Reproducer
from threeam.experiments.provoke.search_result import CodePlace
from threeam.experiments.runs.trial_run import trial_run
from threeam.process.captured import run_captured

_MAX_TRIES = 5  # runs until one fails: its stacks are those of the failure
_ADDR2LINE_TIMEOUT_S = 10
_MAX_STACK_BYTES = 16 * 1024 * 1024
_LAST_CALLS = frozenset({"exit", "exit_group"})  # they do not return, so Python gets no signal at them
_NO_PYTHON_STACKS = "its line is not known: Python seems to ignore PYTHONPATH (-E, -I, -S, or a cleared environment)"


class DelayedCalls(NamedTuple):
    """The place that the calls are made at most often, and all of their stacks as text."""

    place: CodePlace
    stacks: bytes


def find_delayed_calls(reproducer: Reproducer, arm: Arm) -> DelayedCalls | None:
    """Run ``reproducer`` in ``arm``, which delays a call, until it fails; return where the call is made.

    If no run fails, the stacks are those of the last one. If Python makes the call, more runs find the place in Python.
    Return None if strace prints no stacks.
    """
    calls = [part.removeprefix("delay:").partition("=")[0] for part in arm.name.split("+")]
    stacks = decode_utf8(Redactor()(_run_with_stacks(reproducer, arm)))
    sites = find_call_sites(stacks, calls)
    if not sites:
        return None
    site = next((site for site in sites if site.is_python or site.has_names), None)
    site = site or next((site for site in sites if site.own_frames() and not site.is_interpreted), sites[0])
    if site.is_python and not _LAST_CALLS.issuperset(calls):
        made = [line for line in read_lines(stacks.splitlines(), calls) if line.call]
        place, python_stacks = _find_python_place(reproducer, calls, made)
        place = place or CodePlace(shorten_strings(site.call), "", _NO_PYTHON_STACKS)
        stacks += python_stacks
    else:
        functions = "" if site.is_interpreted else describe_site(site, _source_lines)
        place = CodePlace(shorten_strings(site.call), functions)
    return DelayedCalls(CodePlace(*map(escape_unprintable, place)), stacks.encode())


def _run_with_stacks(reproducer: Reproducer, arm: Arm) -> bytes:
    """Return what strace prints about the calls in the first run that fails; if none does, in the last one."""
    stacks = b""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "stacks")
        words = [path if word == os.devnull else word for word in arm.before]
        strace = words.index("strace") + 1
        words[strace:strace] = ["-k", "-s", STRING_BYTES]
        for _ in range(_MAX_TRIES):
            outcome, _ = trial_run([*words, *reproducer.command], reproducer.rule, reproducer.timeout_ns)
            if os.path.exists(path):
                with open(path, "rb") as file:
                    stacks = file.read(_MAX_STACK_BYTES)
            if outcome == FAILED:
                break
    return stacks


def _find_python_place(
    reproducer: Reproducer, calls: Sequence[str], delayed: Sequence[ReadLine]
) -> tuple[CodePlace | None, str]:
    """Return the place in Python where ``calls`` are made, and their stacks. ``delayed``: the calls of a failed run."""
    most_calls = max(Counter(line.thread for line in delayed).values())
    python_calls = find_python_calls(reproducer, calls, most_calls)
    if not python_calls:
        return None, ""
    chosen = choose_python_call(python_calls, [line.call for line in delayed])
    functions = describe_frames(chosen.shown_frames, reproducer.cwd)
    stacks = f"[3am: the stacks of Python in a run without a delay]\n{format_python_calls(python_calls)}"
    return CodePlace(redact(shorten_strings(chosen.call)), redact(functions)), redact(stacks)


def _source_lines(frame: Frame) -> list[str]:
    """Return the functions and source lines of a frame; none without binutils or without debug information."""
    if shutil.which("addr2line") is None:
        return []
    call_address = hex(frame.address - 1)  # the frame has the address of the return, which may be on the next line
    answer = run_captured(
        ["addr2line", "-e", frame.module, "-f", "-i", "-C", call_address], _ADDR2LINE_TIMEOUT_S, os.environ
    )
    return parse_source_lines(answer[1]) if answer is not None and answer[0] == 0 else []
