"""The place in the program where the call of a delay arm is made: a few runs with the stack of each call."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from threeam.core.format.entry import decode_utf8, escape_unprintable
from threeam.core.redact.redact import Redactor, redact
from threeam.experiments.arms.arm import Arm
from threeam.experiments.failure_rule import FAILED
from threeam.experiments.provoke.call_stacks import (
    STRING_BYTES,
    CallSite,
    Frame,
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

_MAX_TRIES = 20  # runs until one fails: its calls are those of the failure
_MAX_TRIES_WITH_STACKS = 5  # they are slow
_ADDR2LINE_TIMEOUT_S = 10
_MAX_TRACE_BYTES = 16 * 1024 * 1024
_LAST_CALLS = frozenset({"exit", "exit_group"})  # they do not return, so Python gets no signal at them
_NO_PYTHON_STACKS = (
    "its line is not known: Python seems to ignore PYTHONPATH (-E, -I, -S, or a cleared environment), or the program "
    "handles SIGURG"
)


class DelayedCalls(NamedTuple):
    """The place that the calls are made at most often, and all of their stacks as text."""

    place: CodePlace
    stacks: bytes


def find_delayed_calls(reproducer: Reproducer, arm: Arm) -> DelayedCalls | None:
    """Run ``reproducer`` in ``arm``, which delays a call, until it fails; return where the call is made.

    If no run fails, the stacks are those of the last one. Return None if strace prints no stacks.
    """
    calls = [part.removeprefix("delay:").partition("=")[0] for part in arm.name.split("+")]
    for _ in range(_MAX_TRIES_WITH_STACKS):
        stacks, has_failed = _trace(reproducer, arm, "-k")
        site = _first_known(find_call_sites(stacks, calls))
        if has_failed or (site is not None and site.is_python):
            break
    if site is None:
        return None
    if site.is_python and not _LAST_CALLS.issuperset(calls):
        place, python_stacks = _find_python_place(reproducer, arm, calls)
        place = place or CodePlace(shorten_strings(site.call), "", _NO_PYTHON_STACKS)
        stacks += python_stacks
    else:
        functions = "" if site.is_interpreted else describe_site(site, _source_lines)
        place = CodePlace(shorten_strings(site.call), functions)
    return DelayedCalls(CodePlace(*map(escape_unprintable, place)), stacks.encode())


def _trace(reproducer: Reproducer, arm: Arm, *options: str) -> tuple[str, bool]:
    """Run ``reproducer`` in ``arm``; return what strace prints about the delayed calls, and whether the run failed.

    ``options``: more options of strace.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "calls")
        words = [path if word == os.devnull else word for word in arm.before]
        strace = words.index("strace") + 1
        words[strace:strace] = [*options, "-s", STRING_BYTES]
        outcome, _ = trial_run([*words, *reproducer.command], reproducer.rule, reproducer.timeout_ns)
        printed = b""
        if os.path.exists(path):
            with open(path, "rb") as file:
                printed = file.read(_MAX_TRACE_BYTES)
    return decode_utf8(Redactor()(printed)), outcome == FAILED


def _first_known(sites: Sequence[CallSite]) -> CallSite | None:
    """Return the first place with functions or lines of the program, else with its frames, else the first one."""
    named = (site for site in sites if site.is_python or site.has_names)
    own = (site for site in sites if site.own_frames() and not site.is_interpreted)
    return next(chain(named, own, sites), None)


def _find_python_place(reproducer: Reproducer, arm: Arm, calls: Sequence[str]) -> tuple[CodePlace | None, str]:
    """Return the place in Python where ``calls`` are made, and their stacks."""
    for _ in range(_MAX_TRIES):
        printed, has_failed = _trace(reproducer, arm)
        if has_failed:
            break
    delayed = [line for line in read_lines(printed.splitlines(), calls) if line.call]
    most_calls = max(Counter(line.thread for line in delayed).values(), default=1)
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
