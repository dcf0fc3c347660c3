"""The built-in parts of an arm: what ``--arm pin+delay:mkdir=20ms`` does to a run. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.errors import BadInput, BadTime
from threeam.core.format.times import format_duration, parse_duration

_NS_PER_US = 1000
_MAX_DELAY_NS = 60_000_000_000
_PERTURB_BYTE = 165  # what glibc writes into freed memory: as an address, 0xa5a5a5a5… is not valid
MEMCHECK_EXIT_CODE = 99
_DELAY = re.compile(r"delay:([a-z0-9_]+)=([0-9a-z.]+)", re.ASCII)
_QUOTA = re.compile(r"quota:(\d{1,5})", re.ASCII)
_PART = re.compile(r"delay:[^+=]*(?:=[^+]*)?|[^+=]*")


class InvalidArm(BadInput):
    """An ``--arm`` option that is not valid."""


class Delay(NamedTuple):
    """A delay before each call of a system call."""

    call: str
    ns: int


class ArmPart(NamedTuple):
    """A built-in part of an arm.

    ``wrapper``: words before the command. ``about``: its description in the plan. ``delay``: a system call that is
    delayed. ``quota``: the percentage of one CPU that a run may use.
    """

    wrapper: tuple[str, ...] = ()
    about: str = ""
    delay: Delay | None = None
    quota: int = 0


# {cpu} and {cpus}: the first CPU that may be used, and how many there are.
_PLAIN_PARTS = {
    "pin": ArmPart(("taskset", "-c", "{cpu}"), "taskset -c {cpu}"),
    "nice": ArmPart(("nice", "-n", "19"), "nice -n 19"),
    "stress": ArmPart(about="a busy neighbour on each of {cpus} CPUs"),
    "jitter": ArmPart(about="one of its processes stopped for 1ms to 20ms, every 1ms to 20ms"),
    "noise": ArmPart(about="every fifth lock operation of a thread delayed by up to 2ms"),
    "perturb": ArmPart(("env", f"MALLOC_PERTURB_={_PERTURB_BYTE}"), f"freed memory filled with {_PERTURB_BYTE}"),
    "memcheck": ArmPart(
        (
            "valgrind",
            "-q",
            "--vgdb=no",
            "--trace-children=yes",
            "--leak-check=no",
            f"--error-exitcode={MEMCHECK_EXIT_CODE}",
        ),
        f"valgrind, exit {MEMCHECK_EXIT_CODE} after an error of memory",
    ),
}
BUILTIN_PARTS = (*_PLAIN_PARTS, "delay:CALL=T", "quota:N")
"""The names of the built-in parts, as an error message lists them."""


def split_parts(text: str) -> tuple[list[str], str | None]:
    """Return the parts of an ``--arm`` option, and the text after ``=``, the wrapper; None without a ``=``.

    The ``=`` of a delay belongs to its part.
    """
    parts, position = [], 0
    while True:
        match = _PART.match(text, position)
        assert match is not None  # the pattern matches nothing, too
        parts.append(match[0])
        position = match.end() + 1
        if text[match.end() : position] != "+":
            break
    return parts, text[position:] if text[position - 1 : position] == "=" else None


def builtin_part(name: str, cpus: Sequence[int]) -> ArmPart | None:
    """Return the built-in part of this name; None if the name is not built in. Raise `InvalidArm` for a bad value."""
    kind = name.partition(":")[0]
    if kind == "delay" and ":" in name:
        return _delay_part(name)
    if kind == "quota" and ":" in name:
        return _quota_part(name)
    if kind in ("delay", "quota"):
        example = "delay:mkdir=20ms" if kind == "delay" else "quota:50"
        raise InvalidArm(f"--arm {name!r}: write {example}")
    part = _PLAIN_PARTS.get(name)
    if part is None:
        return None
    values = {"cpu": str(cpus[0]), "cpus": str(len(cpus))}
    wrapper = tuple(word.format(**values) for word in part.wrapper)
    return part._replace(wrapper=wrapper, about=part.about.format(**values))


def delay_wrapper(delays: Sequence[Delay]) -> tuple[str, ...]:
    """Return the words of one strace that delays all of ``delays``: a process has one tracer at most.

    With ``--seccomp-bpf`` only these calls stop the process; otherwise every system call would.
    """
    calls = ",".join(delay.call for delay in delays)
    words = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", f"trace={calls}"]
    for delay in delays:
        words += ["-e", f"inject={delay.call}:delay_enter={delay.ns // _NS_PER_US}"]
    return tuple(words)


def _delay_part(name: str) -> ArmPart:
    match = _DELAY.fullmatch(name)
    if match is None:
        raise InvalidArm(f"--arm {name!r}: write a system call and a time, as in delay:mkdir=20ms")
    try:
        delay = Delay(match[1], parse_duration(match[2]))
    except BadTime as error:
        raise InvalidArm(f"--arm {name!r}: {error}") from None
    if not _NS_PER_US <= delay.ns <= _MAX_DELAY_NS:
        raise InvalidArm(f"--arm {name!r}: a delay is from 1us to {format_duration(_MAX_DELAY_NS)}")
    return ArmPart(about=f"each {delay.call} delayed by {format_duration(delay.ns)}", delay=delay)


def _quota_part(name: str) -> ArmPart:
    match = _QUOTA.fullmatch(name)
    if match is None or int(match[1]) == 0:
        raise InvalidArm(f"--arm {name!r}: write the percentage of one CPU, as in quota:50")
    percent = int(match[1])
    return ArmPart(about=f"{percent} % of one CPU", quota=percent)
