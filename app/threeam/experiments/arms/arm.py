"""Arms: the ways to run the command of an experiment, and the random order of their runs. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

from threeam.experiments.arms.arm_parts import (
    BUILTIN_PARTS,
    ArmPart,
    InvalidArm,
    builtin_part,
    delay_wrapper,
    split_parts,
)
from threeam.experiments.experiment import BARE, MAX_ARMS

_ARM_NAME_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", re.ASCII)


class Arm(NamedTuple):
    """One way to run the command. The plan file stores these fields by name.

    ``before``: the words before the command. ``about``: the description in the plan. ``stress``: whether every CPU is
    kept busy meanwhile. ``jitter``: whether its processes are stopped now and then. ``noise``: whether its threads
    sleep at lock operations now and then. ``quota``: the percentage of one CPU that it may use; 0: no limit.
    """

    name: str
    before: tuple[str, ...] = ()
    about: str = ""
    stress: bool = False
    jitter: bool = False
    noise: bool = False
    quota: int = 0

    @property
    def delays_calls(self) -> bool:
        """Return whether a system call is delayed."""
        return any(part.startswith("delay:") for part in self.name.split("+"))

    @property
    def needs_whole_machine(self) -> bool:
        """Return whether it is about the share of a run of the CPUs, which other runs beside it would change."""
        return self.stress or self.quota > 0 or not {"pin", "nice"}.isdisjoint(self.name.split("+"))


def arms_from_record(fields_of_arms: list[dict[str, Any]]) -> tuple[Arm, ...]:
    """Return the arms of a plan file, each with its fields by name."""
    return tuple(Arm(**{**fields, "before": tuple(fields["before"])}) for fields in fields_of_arms)


class _ArmSpec(NamedTuple):
    """The text of an ``--arm`` option, and its parts. ``wrapper`` is None without a ``=``."""

    text: str
    parts: list[str]
    builtins: list[ArmPart]
    custom_parts: list[str]
    wrapper: list[str] | None

    @property
    def name(self) -> str:
        """Return the name of the arm."""
        return "+".join(self.parts)


def parse_arm(text: str, cpus: Sequence[int]) -> Arm:
    """Return the arm of ``bare``, ``pin+stress``, ``delay:mkdir=20ms`` or ``strace+pin='strace -f'``.

    ``cpus``: those that this process may use. The wrapper comes after the words of built-in parts, next to the command.
    Raise `InvalidArm`.
    """
    spec = _split_spec(text, cpus)
    for is_wrong, message in _checks(spec):
        if is_wrong:
            raise InvalidArm(f"--arm {text!r}: {message}")
    wrapper = spec.wrapper or []
    delays = [part.delay for part in spec.builtins if part.delay is not None]
    words = [word for part in spec.builtins for word in part.wrapper]
    descriptions = [part.about for part in spec.builtins]
    if wrapper:
        descriptions.append(shlex.join(wrapper))
    return Arm(
        spec.name,
        (*(delay_wrapper(delays) if delays else ()), *words, *wrapper),
        "; ".join(descriptions),
        stress="stress" in spec.parts,
        jitter="jitter" in spec.parts,
        noise="noise" in spec.parts,
        quota=max((part.quota for part in spec.builtins), default=0),
    )


def _split_spec(text: str, cpus: Sequence[int]) -> _ArmSpec:
    parts, wrapper = split_parts(text)
    try:
        words = None if wrapper is None else shlex.split(wrapper)
    except ValueError:
        raise InvalidArm(f"--arm {text!r}: unbalanced quote") from None
    resolved = [(part, builtin_part(part, cpus)) for part in parts]
    builtins = [builtin for _, builtin in resolved if builtin is not None]
    return _ArmSpec(text, parts, builtins, [part for part, builtin in resolved if builtin is None], words)


def _checks(spec: _ArmSpec) -> Iterator[tuple[bool, str]]:
    """Yield whether something is wrong with ``spec``, and the message for that. The first one counts."""
    parts, custom, has_wrapper = spec.parts, spec.custom_parts, spec.wrapper is not None
    repeated = _first_repeated([part.partition("=")[0] for part in parts])
    yield repeated != "", f"{repeated!r} is repeated"
    yield sum(part.quota > 0 for part in spec.builtins) > 1, "it has two quotas"
    is_list = not has_wrapper and ("," in spec.text or " " in spec.text)
    yield is_list, "use an --arm for each, as in --arm bare --arm pin"
    builtin_names = ", ".join((BARE, *BUILTIN_PARTS))
    unknown = next((part.partition(":")[0] for part in custom if ":" in part), "")
    yield unknown != "", f"{unknown} is not built in; built in are {builtin_names}"
    are_names = all(_ARM_NAME_PART.fullmatch(part) for part in custom)
    yield not are_names, "use plain words as names, such as bare, strace or strace+pin"
    yield has_wrapper and len(custom) > 1, "a wrapper has one name; the other parts must be built in"
    wraps_builtin = has_wrapper and custom in ([], [BARE])
    yield wraps_builtin, f"{spec.name!r} is built in and takes no wrapper"
    is_undefined = not has_wrapper and custom not in ([], [BARE])
    example = f"{custom[0]}='strace -f'" if custom else ""
    yield is_undefined, f"say what {''.join(custom[:1])} is, as in {example}; built in are {builtin_names}"
    yield custom == [BARE] and len(parts) > 1, "'bare' cannot be combined with other arms"
    yield spec.wrapper == [], f"the wrapper is empty; use --arm {BARE}"


def _first_repeated(words: Sequence[str]) -> str:
    """Return the first of ``words`` that occurs twice; empty if each occurs once."""
    return next((word for word in words if words.count(word) > 1), "")


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
