"""The place in the program where the call of a delay arm is made: a few runs with the stack of each call."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.format.entry import decode_utf8, escape_unprintable
from threeam.core.redact.redact import Redactor
from threeam.experiments.arms.arm import Arm
from threeam.experiments.failure_rule import FAILED
from threeam.experiments.provoke.call_stacks import CallSite, Frame, describe_site, find_call_sites, parse_source_lines
from threeam.experiments.provoke.search_plan import Reproducer
from threeam.experiments.provoke.search_result import CodePlace
from threeam.experiments.runs.trial_run import trial_run
from threeam.process.captured import run_captured

_MAX_TRIES = 5  # runs until one fails: its stacks are those of the failure
_ADDR2LINE_TIMEOUT_S = 10
_MAX_STACK_BYTES = 16 * 1024 * 1024


class DelayedCalls(NamedTuple):
    """The place that the calls are made at most often, and all of their stacks as text."""

    place: CodePlace
    stacks: bytes


def find_delayed_calls(reproducer: Reproducer, arm: Arm) -> DelayedCalls | None:
    """Run ``reproducer`` in ``arm``, which delays a call, until it fails; return where the call is made.

    If no run fails, the stacks are those of the last one. Return None if strace prints no stacks.
    """
    calls = [part.removeprefix("delay:").partition("=")[0] for part in arm.name.split("+")]
    stacks = b""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "stacks")
        words = [path if word == os.devnull else word for word in arm.before]
        words.insert(words.index("strace") + 1, "-k")
        for _ in range(_MAX_TRIES):
            outcome, _ = trial_run([*words, *reproducer.command], reproducer.rule, reproducer.timeout_ns)
            if os.path.exists(path):
                with open(path, "rb") as file:
                    stacks = file.read(_MAX_STACK_BYTES)
            if outcome == FAILED:
                break
    stacks = Redactor()(stacks)
    sites = find_call_sites(decode_utf8(stacks), calls)
    return DelayedCalls(_place(sites), stacks) if sites else None


def _place(sites: Sequence[CallSite]) -> CodePlace:
    """Return the first place in the program's own code; if all are in libraries, the first call without functions."""
    for site in sites:
        if site.own_frames() and not site.is_interpreted:
            return CodePlace(escape_unprintable(site.call), escape_unprintable(describe_site(site, _source_lines)))
    return CodePlace(escape_unprintable(sites[0].call), "")


def _source_lines(frame: Frame) -> list[str]:
    """Return the functions and source lines of a frame; none without binutils or without debug information."""
    if shutil.which("addr2line") is None:
        return []
    call_address = hex(frame.address - 1)  # the frame has the address of the return, which may be on the next line
    answer = run_captured(
        ["addr2line", "-e", frame.module, "-f", "-i", "-C", call_address], _ADDR2LINE_TIMEOUT_S, os.environ
    )
    return parse_source_lines(answer[1]) if answer is not None and answer[0] == 0 else []
