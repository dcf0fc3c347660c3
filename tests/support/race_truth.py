"""Logs of accesses to keys, whose true order and whose true races are known.

One clock of nanoseconds dates the acts. Each program writes its own acts, by a clock that is wrong up to its bound, and
cuts the timestamps to its resolution. The acts of a key are a life: actors one after another, as a lock would order
them, or with a race that was planted. An act is known again by its file and the offset of its line.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import combinations, pairwise
from pathlib import Path
from typing import NamedTuple

from support.timeline_truth import NIGHT_NS, NS_PER_S, LineWriter, Program, StampWriter
from threeam.races.finding import Rule
from threeam.timeline.timestamp_format import Meaning

KEY_NAMES = ("cart", "job")
PATTERNS = tuple(rf"req=(?P<actor>\w+) (?P<op>\w+) {name}=(?P<{name}>\d+)" for name in KEY_NAMES)
"""What `3am races --key` takes to read the acts."""

KINDS = {
    "select": "R",
    "exists": "R",
    "update": "W",
    "create": "C",
    "delete": "D",
    "begin": "B",
    "finished": "E",
}

SERIAL_LIVES = (
    ("cart", "a create, b select, b update, c select, c update, d delete"),
    ("cart", "a create, b select, b select, c update, c select"),
    ("cart", "a create, b update, c delete, d create, e update, e delete"),  # the number is used again
    ("cart", "a delete, b create, c select, b select"),
    ("cart", "a exists, a create, b exists, b update, b select"),
    ("job", "a create, b begin, b finished, c select"),
    ("job", "a create, b begin, b update, b finished, c delete, d create, e begin, e finished"),
)
"""What actors do to a key one after another."""

RACES: Mapping[Rule, tuple[str, str, int]] = {
    Rule.AFTER_DELETE: ("cart", "a create, b select, c delete, b update", 2),
    Rule.LOST_UPDATE: ("cart", "a create, b select, c select, c update, b update", 3),
    Rule.TWICE: ("job", "b begin, c begin, b finished, c finished", 1),
    Rule.CHECK_THEN_ACT: ("cart", "b exists, c exists, b create, c create", 1),
}
"""The lives with a race, and the number of the act whose order to the next one makes it: their programs differ."""


_STEP_NS = NS_PER_S  # from the begin of the night until a clock is set back
_LONGEST_REQUEST_NS = 3_000_000
_ENVOY = LineWriter(
    "envoy", b"[", StampWriter("%Y-%m-%dT%H:%M:%S", ".", "Z", UTC, 1_000_000), b'] "GET / HTTP/2" 200 - 0 5 3'
)


class Act(NamedTuple):
    """What an actor did to a key at ``ns``, and the program that wrote it down."""

    ns: int
    program: str
    actor: str
    word: str
    key_name: str
    key: int

    @property
    def kind(self) -> str:
        """The letter of the operation."""
        return KINDS[self.word]

    @property
    def text(self) -> str:
        """What the line says of it."""
        return f"req={self.actor} {self.word} {self.key_name}={self.key}"


class Planted(NamedTuple):
    """A race that was planted. ``is_close``: the clocks cannot tell the order of the two acts that make it."""

    rule: Rule
    key_name: str
    key: int
    is_close: bool


class World(NamedTuple):
    """What happened, by key in the true order; the races that were planted; and what the programs wrote of it.

    ``acts``: by file and offset. ``arguments``: of a command, that say what is known of the clocks.
    """

    lives: dict[tuple[str, int], list[Act]]
    planted: list[Planted]
    acts: dict[tuple[str, int], Act]
    arguments: list[str]


@dataclass
class OddProgram(Program):
    """A program whose timestamps are not those of the acts, or whose clock was set back by ``back_ns``.

    At the end of a request it writes the duration; a request that is stamped with its start has no duration.
    """

    meaning: Meaning = Meaning.EVENT
    back_ns: int = 0

    def clock_ns(self, ns: int) -> int:
        """Return what its clock shows at ``ns``. Before it was set back it was ahead."""
        return ns + self.error_ns + (self.back_ns if ns < NIGHT_NS + _STEP_NS else 0)


class _ToldAct(NamedTuple):
    """An act, the time that its line has by a true clock, the time at which it is written, and its text."""

    act: Act
    stamped_ns: int
    written_ns: int
    text: str


def rfc3339_writer(resolution_ns: int) -> LineWriter:
    """Return a writer of lines that begin with a timestamp in UTC."""
    return LineWriter("app", b"", StampWriter("%Y-%m-%dT%H:%M:%S", ".", "Z", UTC, resolution_ns), b" app:")


def programs_with_clocks(
    rng: random.Random, count: int, bounds_ns: Sequence[int], resolutions_ns: Sequence[int]
) -> list[Program]:
    """Return programs whose clocks are as wrong as their bounds allow, and some of which hold lines back."""
    programs: list[Program] = []
    for number in range(count):
        bound_ns, shift_ns = rng.choice(bounds_ns), rng.choice((0, 3_200_000, -7 * NS_PER_S))
        error_ns = -shift_ns + rng.choice((-bound_ns, bound_ns, rng.randint(-bound_ns, bound_ns)))
        buffers, buffered_lines = rng.choice(((1, 1), (3, 4)))
        writer = rfc3339_writer(rng.choice(resolutions_ns))
        programs.append(Program(f"p{number}", writer, error_ns, shift_ns, bound_ns, buffers, buffered_lines))
    return programs


def odd_programs(rng: random.Random) -> list[Program]:
    """Return a program that stamps the ends of requests, one that stamps their starts, and one with a clock step."""
    end, start, stepped = (
        OddProgram(name, writer, error_ns=error_ns, bound_ns=400_000, meaning=meaning, back_ns=back_ns)
        for name, writer, meaning, back_ns in (
            ("end", rfc3339_writer(1_000), Meaning.END, 0),
            ("start", _ENVOY, Meaning.START, 0),
            ("stepped", rfc3339_writer(1_000), Meaning.EVENT, 60 * NS_PER_S),
        )
        for error_ns in (rng.randint(-400_000, 400_000),)
    )
    return [end, start, stepped]


def disjoint_ns(programs: Sequence[Program]) -> int:
    """Return a distance at which the order of two acts is known, whatever two programs wrote them."""
    bounds_ns = sorted((2 * (program.bound_ns or 0) for program in programs), reverse=True)[:2]
    return sum(bounds_ns) + 2 * max(program.writer.resolution_ns for program in programs)


def steps_of(life: str) -> list[tuple[str, str]]:
    """Return the actor and the word of each act of a life."""
    return [(actor, word) for actor, _, word in (step.strip().partition(" ") for step in life.split(","))]


def night(rng: random.Random, folder: Path, programs: Sequence[Program], keys: int, close: Rule | None) -> World:
    """Write a night of lives one after another, and three with a race, one of which (``close``) the clocks hide.

    All other acts of a key are so far apart that their order is known.
    """
    rules = [Rule.AFTER_DELETE, Rule.LOST_UPDATE, rng.choice((Rule.TWICE, Rule.CHECK_THEN_ACT))]
    if close is not None and close not in rules:
        rules[2] = close
    raced = dict(zip(rng.sample(range(1, keys + 1), len(rules)), rules, strict=True))
    wide_ns = disjoint_ns(programs)
    lives, planted = dict[tuple[str, int], list[Act]](), list[Planted]()
    for key in range(1, keys + 1):
        ns = NIGHT_NS + rng.randrange(keys * 10_000_000)
        if (rule := raced.get(key)) is None:
            key_name, life = rng.choice(SERIAL_LIVES)
            lives[key_name, key] = list(_lived(rng, programs, key_name, key, steps_of(life), ns, wide_ns))
            continue
        key_name, life, first = RACES[rule]
        planted.append(Planted(rule, key_name, key, rule is close))
        acts = list(_lived(rng, programs, key_name, key, steps_of(life), ns, wide_ns))
        if rule is close:
            acts = _brought_close(programs, acts, first, rng)
        lives[key_name, key] = acts
    return _written(rng, folder, programs, lives, planted)


def crowd(rng: random.Random, folder: Path, programs: Sequence[Program], keys: int, gaps_ns: Sequence[int]) -> World:
    """Write a night in which few actors do anything to few keys, at distances that the clocks may hide."""
    lives: dict[tuple[str, int], list[Act]] = {}
    for key in range(1, keys + 1):
        ns = NIGHT_NS + rng.randrange(NS_PER_S)
        acts = lives["cart", key] = []
        for _ in range(rng.randint(2, 9)):
            ns += rng.choice(gaps_ns) + rng.randrange(1, 1000)
            actor = f"r{key}{rng.choice('abc')}"
            acts.append(Act(ns, rng.choice(programs).name, actor, rng.choice(tuple(KINDS)), "cart", key))
    return _written(rng, folder, programs, lives, [])


SHAPES: Mapping[str, Rule] = {
    "Da Rb": Rule.AFTER_DELETE,
    "Da Wb": Rule.AFTER_DELETE,
    "Ra Wb Wa": Rule.LOST_UPDATE,
    "Ra Wb Ra": Rule.UNEQUAL_READS,
    "Wa Wb Ra": Rule.OVERWRITTEN,
    "Wa Rb Wa": Rule.PARTIAL_READ,
    "Ba Bb": Rule.TWICE,
    "Ca Ea Eb": Rule.TWICE,
    "Ca Eb Ea": Rule.TWICE,
    "Ca Eb Ec": Rule.TWICE,
    "Ra Rb Ca Cb": Rule.CHECK_THEN_ACT,
    "Ra Rb Cb Ca": Rule.CHECK_THEN_ACT,
}
"""The acts of a race in their order: the letter of the operation, and the actor."""


INTERLEAVINGS = (Rule.LOST_UPDATE, Rule.UNEQUAL_READS, Rule.OVERWRITTEN, Rule.PARTIAL_READ)


def true_rules(acts: Sequence[Act]) -> set[Rule]:
    """Return the rules of the races of one key, as its acts in the true order show them."""
    found: set[Rule] = set()
    for length in (2, 3, 4):
        for indexes in combinations(range(len(acts)), length):
            rule = rule_of([acts[index] for index in indexes], acts[indexes[0] + 1 : indexes[-1]])
            if rule is not None:
                found.add(rule)
    return found


def rule_of(witness: Sequence[Act], between: Sequence[Act]) -> Rule | None:
    """Return the rule whose pattern acts form, with what was done to the key ``between`` the outer ones."""
    names: dict[str, str] = {}
    letters = [names.setdefault(act.actor, "abcd"[len(names)]) for act in witness]
    rule = SHAPES.get(" ".join(act.kind + letter for act, letter in zip(witness, letters, strict=True)))
    if rule in INTERLEAVINGS:
        first, other, second = witness
        own = [act for act in between if act.actor == first.actor and act.kind in "RWCDE"]
        if any(act.kind != (first if act.ns < other.ns else second).kind for act in own):
            return None  # the actor has looked again, or it was another piece of work
    if rule is Rule.AFTER_DELETE and any(act.kind == "C" for act in between):
        return None
    if rule is Rule.TWICE:
        since = witness[-2]  # the first begin, or the first end
        ends = "ED" if since.kind == "B" else ""
        later = [act for act in between if act.ns > since.ns]
        if any(act.kind == "C" or (act.actor == since.actor and act.kind in ends) for act in later):
            return None
    return rule


def _lived(
    rng: random.Random,
    programs: Sequence[Program],
    key_name: str,
    key: int,
    steps: Sequence[tuple[str, str]],
    ns: int,
    wide_ns: int,
) -> Iterator[Act]:
    """Yield the acts of a life. An actor stays with its program."""
    names = rng.sample([program.name for program in programs], len(programs))
    for actor, word in steps:
        ns += wide_ns + rng.randrange(20 * wide_ns)
        yield Act(ns, names[ord(actor) % len(names)], f"r{key}{actor}", word, key_name, key)


def _brought_close(programs: Sequence[Program], acts: list[Act], first: int, rng: random.Random) -> list[Act]:
    """Return the acts with the one after ``first`` so soon after it that their intervals overlap."""
    hidden_ns = _hidden_ns(programs, *acts[first : first + 2])
    if hidden_ns < 2:  # the clocks err towards each other, and show the order: so the two programs change places
        early, late = (act.program for act in acts[first : first + 2])
        places = {early: late, late: early}
        acts = [act._replace(program=places.get(act.program, act.program)) for act in acts]
        hidden_ns = _hidden_ns(programs, *acts[first : first + 2])
    back_ns = acts[first + 1].ns - acts[first].ns - rng.randrange(1, hidden_ns)
    return [*acts[: first + 1], *(act._replace(ns=act.ns - back_ns) for act in acts[first + 1 :])]


def _hidden_ns(programs: Sequence[Program], early: Act, late: Act) -> int:
    """Return the distance up to which the clocks of two acts cannot tell their order."""
    by_name = {program.name: program for program in programs}
    first, second = by_name[early.program], by_name[late.program]
    assert first is not second
    assert first.bound_ns is not None
    assert second.bound_ns is not None
    ahead_ns = first.error_ns + first.shift_ns - second.error_ns - second.shift_ns
    return first.bound_ns + second.bound_ns + ahead_ns


def _written(
    rng: random.Random,
    folder: Path,
    programs: Sequence[Program],
    lives: dict[tuple[str, int], list[Act]],
    planted: list[Planted],
) -> World:
    """Write the log of each program. A thread that buffers its lines writes them in its own order, but late."""
    by_name = {program.name: program for program in programs}
    by_program: dict[str, list[_ToldAct]] = {name: [] for name in by_name}
    for acts in lives.values():
        for index, act in enumerate(acts):
            last_ns = max((other.ns for other in acts[:index] if other.actor == act.actor), default=0)
            next_ns = min((other.ns for other in acts[index + 1 :] if other.actor == act.actor), default=2 * act.ns)
            by_program[act.program].append(_told(rng, by_name[act.program], act, last_ns, next_ns))
    arguments, by_place = list[str](), dict[tuple[str, int], Act]()
    for program in programs:
        data, offset = list[bytes](), 0
        path = folder / f"{program.name}.log"
        in_order = sorted(by_program[program.name], key=lambda told: (told.written_ns, told.act))
        for told in _in_file_order(rng, program, in_order):
            by_place[str(path), offset] = told.act
            clock_ns = told.stamped_ns + program.error_ns
            if isinstance(program, OddProgram):
                clock_ns = program.clock_ns(told.stamped_ns)
            data.append(program.writer.line(clock_ns, told.text) + b"\n")
            offset += len(data[-1])
        if planted and in_order:  # it ends in order: late lines at the end of a file may come after a step of the clock
            data.append(program.writer.line(in_order[-1].stamped_ns + program.error_ns, "stopped") + b"\n")
        path.write_bytes(b"".join(data))
        if program.shift_ns or program.bound_ns:
            arguments += ["--shift", f"{program.name}={program.shift_text}"]
        arguments.append(f"{program.name}={path}")
    return World(lives, planted, by_place, arguments)


def _told(rng: random.Random, program: Program, act: Act, last_ns: int, next_ns: int) -> _ToldAct:
    """Return what a program writes of an act, whose actor did something else at ``last_ns`` and ``next_ns``."""
    meaning = program.meaning if isinstance(program, OddProgram) else Meaning.EVENT
    if meaning is Meaning.END:
        rest_ns = rng.randrange(min(_LONGEST_REQUEST_NS, next_ns - act.ns))
        took_ns = rest_ns + rng.randrange(_LONGEST_REQUEST_NS)
        text = f"{act.text} took {took_ns // 1_000_000}.{took_ns % 1_000_000:06} ms"
        return _ToldAct(act, act.ns + rest_ns, act.ns + rest_ns, text)
    if meaning is Meaning.START:
        return _ToldAct(act, act.ns - rng.randrange(min(_LONGEST_REQUEST_NS, act.ns - last_ns)), act.ns, act.text)
    return _ToldAct(act, act.ns, act.ns, act.text)


def _in_file_order(rng: random.Random, program: Program, acts: Sequence[_ToldAct]) -> list[_ToldAct]:
    buffers: list[list[_ToldAct]] = [[] for _ in range(program.buffers)]
    salt = rng.randrange(1000)
    written: list[_ToldAct] = []
    for told in acts:
        buffer = buffers[(sum(told.act.actor.encode()) + salt) % program.buffers]
        buffer.append(told)
        if len(buffer) >= program.buffered_lines:
            written += buffer
            buffer.clear()
    return written + [act for buffer in buffers for act in buffer]


def assert_true(world: World, rule: Rule, places: Sequence[tuple[str, int]]) -> None:
    """Check that the acts at ``places`` truly happened in this order, and form the pattern of the rule."""
    witness = [world.acts[place] for place in places]
    if rule is Rule.CHECK_THEN_ACT:  # the order of the two reads makes no difference, nor that of the two creates
        witness = [*sorted(witness[:2]), *sorted(witness[2:])]
    assert all(act.ns < following.ns for act, following in pairwise(witness)), (rule, witness)
    life = world.lives[witness[0].key_name, witness[0].key]
    assert all(act in life for act in witness), (rule, witness)
    if rule is not Rule.HABIT:
        between = [act for act in life if witness[0].ns < act.ns < witness[-1].ns]
        assert rule_of(witness, between) is rule, (rule, witness, life)
