"""Arms: the ways to run the command of an experiment, and the random order of their runs. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from threeam.core.errors import BadInput
from threeam.experiments.experiment import BARE, MAX_ARMS

_ARM_NAME_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", re.ASCII)


class InvalidArm(BadInput):
    """An ``--arm`` option that is not valid."""


class BuiltinArm(NamedTuple):
    """A built-in arm: the words before the command, and the description in the plan."""

    wrapper: tuple[str, ...]
    description: str


BUILTIN_ARMS = {
    "pin": BuiltinArm(("taskset", "-c", "{cpu}"), "taskset -c {cpu}"),
    "nice": BuiltinArm(("nice", "-n", "19"), "nice -n 19"),
    "stress": BuiltinArm((), "a busy neighbour on each of {cpus} CPUs"),
    "jitter": BuiltinArm((), "one of its processes stopped for 1ms to 20ms, every 1ms to 20ms"),
}


class Arm(NamedTuple):
    """One way to run the command. The plan file stores these fields by name.

    ``before``: the words before the command. ``about``: the description in the plan. ``stress``: whether every CPU is
    kept busy meanwhile. ``jitter``: whether its processes are stopped now and then.
    """

    name: str
    before: tuple[str, ...] = ()
    about: str = ""
    stress: bool = False
    jitter: bool = False


class _ArmSpec(NamedTuple):
    """The text of an ``--arm`` option, and its parts."""

    text: str
    name: str
    parts: list[str]
    has_wrapper: bool
    wrapper: list[str]

    @property
    def custom_parts(self) -> list[str]:
        """Return the parts that are not built in; `BARE` is one of them."""
        return [part for part in self.parts if part not in BUILTIN_ARMS]


def parse_arm(text: str, cpus: Sequence[int]) -> Arm:
    """Return the arm of ``bare``, ``pin+stress`` or ``strace+pin='strace -f'``. Raise `InvalidArm`.

    ``cpus``: those that this process may use. The wrapper comes after the words of built-in parts, next to the command.
    """
    spec = _split_spec(text)
    for is_wrong, message in _checks(spec):
        if is_wrong:
            raise InvalidArm(f"--arm {text!r}: {message}")
    values = {"cpu": str(cpus[0]), "cpus": str(len(cpus))}
    builtins = [BUILTIN_ARMS[part] for part in spec.parts if part in BUILTIN_ARMS]
    words = [word.format(**values) for builtin in builtins for word in builtin.wrapper]
    descriptions = [builtin.description.format(**values) for builtin in builtins]
    if spec.wrapper:
        descriptions.append(shlex.join(spec.wrapper))
    return Arm(
        spec.name,
        (*words, *spec.wrapper),
        "; ".join(descriptions),
        stress="stress" in spec.parts,
        jitter="jitter" in spec.parts,
    )


def _split_spec(text: str) -> _ArmSpec:
    name, equals, wrapper = text.partition("=")
    try:
        words = shlex.split(wrapper)
    except ValueError:
        raise InvalidArm(f"--arm {text!r}: unbalanced quote") from None
    return _ArmSpec(text, name, name.split("+"), bool(equals), words)


def _checks(spec: _ArmSpec) -> Iterator[tuple[bool, str]]:
    """Yield whether something is wrong with ``spec``, and the message for that. The first one counts."""
    parts, custom = spec.parts, spec.custom_parts
    repeated = next((part for part in parts if parts.count(part) > 1), "")
    yield repeated != "", f"{repeated!r} is repeated"
    is_list = not spec.has_wrapper and ("," in spec.text or " " in spec.text)
    yield is_list, "use an --arm for each, as in --arm bare --arm pin"
    are_names = all(_ARM_NAME_PART.fullmatch(part) for part in parts)
    yield not are_names, "use plain words as names, such as bare, strace or strace+pin"
    yield spec.has_wrapper and len(custom) > 1, "a wrapper has one name; the other parts must be built in"
    wraps_builtin = spec.has_wrapper and custom in ([], [BARE])
    yield wraps_builtin, f"{spec.name!r} is built in and takes no wrapper"
    is_undefined = not spec.has_wrapper and custom not in ([], [BARE])
    builtin_names = ", ".join((BARE, *BUILTIN_ARMS))
    example = f"{custom[0]}='strace -f'" if custom else ""
    yield is_undefined, f"say what {''.join(custom[:1])} is, as in {example}; built in are {builtin_names}"
    yield custom == [BARE] and len(parts) > 1, "'bare' cannot be combined with other arms"
    yield spec.has_wrapper and not spec.wrapper, f"the wrapper is empty; use --arm {BARE}"


def parse_arms(texts: Sequence[str], cpus: Sequence[int]) -> tuple[Arm, ...]:
    """Return the arms of an experiment, `BARE` if ``texts`` is empty. Raise `InvalidArm`.

    The other arms are compared with the first one.
    """
    arms = tuple(parse_arm(text, cpus) for text in texts or (BARE,))
    if len(arms) > MAX_ARMS:
        raise InvalidArm(f"{len(arms)} arms are too many: {MAX_ARMS} at most")
    names = [arm.name for arm in arms]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise InvalidArm(f"--arm {name}: there is already an arm of that name")
    return arms


def run_order(arm_count: int, n: int, seed: int) -> list[int]:
    """Return the index of the arm of each run: ``n`` blocks, each with every arm once.

    The load of a machine drifts over a night. With blocks it drifts for every arm alike. The order in a block is
    random, but the same for equal seeds in every version of Python: only `random()` guarantees that.
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
