"""Arms: the ways in which the same command is run, and the order in which their turns come. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from threeam.core.errors import BadInput
from threeam.experiments.experiment import BARE, MAX_ARMS

_ARM_NAME_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", re.ASCII)


class InvalidArm(BadInput):
    """An arm that cannot be."""


class BuiltinArm(NamedTuple):
    """What comes built in: what is put before the command, and how it is stated."""

    wrapper: tuple[str, ...]
    description: str


BUILTIN_ARMS = {
    "pin": BuiltinArm(("taskset", "-c", "{cpu}"), "taskset -c {cpu}"),
    "nice": BuiltinArm(("nice", "-n", "19"), "nice -n 19"),
    "stress": BuiltinArm((), "a busy neighbour on each of {cpus} CPUs"),
    "jitter": BuiltinArm((), "one of its processes stopped for 1 to 20 ms, every 1 to 20 ms"),
}


class Arm(NamedTuple):
    """One way to run the command: its name, what is put before the command, and how all of it is stated.

    ``stress``, ``jitter``: whether neighbours run beside it, and whether its processes are stopped now and then.
    """

    name: str
    before: tuple[str, ...] = ()
    about: str = ""
    stress: bool = False
    jitter: bool = False


def parse_arm(spec: str, cpus: Sequence[int]) -> Arm:
    """The arm of ``bare``, ``pin+stress`` or ``strace+pin='strace -f'``. Raises `BadArm`.

    ``cpus``: those that this process may use. Of its parts the wrapper comes last, next to the command.
    """
    name, equals, wrapper = spec.partition("=")
    parts = name.split("+")
    if len(set(parts)) < len(parts):
        raise InvalidArm(f"--arm {spec!r}: once is enough")
    if not equals and ("," in spec or " " in spec):
        raise InvalidArm(f"--arm {spec!r}: an --arm for each, as in --arm bare --arm pin")
    if not all(_ARM_NAME_PART.fullmatch(part) for part in parts):
        raise InvalidArm(f"--arm {spec!r}: an arm is called by plain words, such as bare, strace or strace+pin")
    own = [part for part in parts if part not in BUILTIN_ARMS]
    if equals and (len(own) != 1 or own == [BARE]):
        raise InvalidArm(
            f"--arm {spec!r}: {' and '.join(parts)} come{'s' * (len(parts) == 1)} with what it does already"
        )
    if not equals and own not in ([], [BARE]):
        built_in = ", ".join((BARE, *BUILTIN_ARMS))
        raise InvalidArm(f"--arm {spec!r}: say what {own[0]} is, as in {own[0]}='strace -f'; built in are {built_in}")
    if own == [BARE] and len(parts) > 1:
        raise InvalidArm(f"--arm {spec!r}: bare is with nothing")
    try:
        words = shlex.split(wrapper)
    except ValueError:
        raise InvalidArm(f"--arm {spec!r}: a quotation mark in it has no other one") from None
    if equals and not words:
        raise InvalidArm(f"--arm {spec!r}: it wraps nothing; without a wrapper it is {BARE}")
    known = {"cpu": str(cpus[0]), "cpus": str(len(cpus))}
    chaos = [BUILTIN_ARMS[part] for part in parts if part in BUILTIN_ARMS]
    before = tuple(word.format(**known) for one in chaos for word in one.wrapper)
    about = [one.description.format(**known) for one in chaos] + ([shlex.join(words)] if words else [])
    return Arm(name, (*before, *words), "; ".join(about), "stress" in parts, "jitter" in parts)


def parse_arms(specs: Sequence[str], cpus: Sequence[int]) -> tuple[Arm, ...]:
    """All arms, the first of which the others are compared with; `BARE` alone where none is named. Raises `BadArm`."""
    arms = tuple(parse_arm(one, cpus) for one in specs or (BARE,))
    if len(arms) > MAX_ARMS:
        raise InvalidArm(f"{len(arms)} arms are too many: {MAX_ARMS} at most")
    for i, arm in enumerate(arms):
        if arm.name in [other.name for other in arms[:i]]:
            raise InvalidArm(f"--arm {arm.name}: there is one of that name already")
    return arms


def run_order(arm_count: int, n: int, seed: int) -> list[int]:
    """Whose turn it is, by the number of the arm: ``n`` blocks, in each of which every arm comes once.

    The load of a machine drifts over a night, and drifts for every arm alike. The order in a block is random, and the
    same for the same seed for ever: of Python's generator only `random()` is promised to be.
    """
    random = Random(seed).random
    order: list[int] = []
    for _ in range(n):
        block = list(range(arm_count))
        for i in range(arm_count - 1, 0, -1):
            j = int(random() * (i + 1))
            block[i], block[j] = block[j], block[i]
        order += block
    return order
