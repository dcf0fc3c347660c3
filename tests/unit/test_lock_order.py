"""Locks that are taken in two orders are found, and what cannot be a deadlock is not."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import combinations, permutations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.log_sources import source_of
from support.race_logs import at
from threeam.races import lock_order
from threeam.races.arguments import KeyOptions
from threeam.races.finding import Finding, Rule
from threeam.races.key_pattern import parse_key_patterns
from threeam.races.lock_order import LockOrder
from threeam.races.operations import parse_operations
from threeam.races.partners import WitnessLimits

Lines = Iterable[tuple[float, str]]
MINUTE = 60_000_000_000


def found(folder: Path, *logs: Lines, window_ns: int = 10 * MINUTE) -> list[Finding]:
    """Return the findings in logs with these lines; an actor is a word before a colon, a lock a word after ``lock``."""
    sources = []
    for number, lines in enumerate(logs):
        path = folder / f"web{number}.log"
        path.write_text("".join(f"{at(*line)}\n" for line in lines))
        sources.append(source_of(path, number))
    patterns = parse_key_patterns([r"(?P<actor>\w+): (?P<op>\w+) lk=(?P<key>\w+)"])
    scan = KeyOptions(patterns, parse_operations([]), window_ns).scan(sources)
    for source in sources:
        source.make_index()
    order = LockOrder(WitnessLimits(window_ns, scan.silences, scan.cut_keys))
    for history in scan.histories():
        for access in history.accesses:
            order.add(history.key_name, history.key, access)
    return list(order.findings())


def takes(actor: str, begin: float, *locks: str) -> list[tuple[float, str]]:
    """Return the lines of an actor that takes ``locks`` one in the other, and releases them."""
    lines = [(begin + index, f"{actor}: lock lk={lock}") for index, lock in enumerate(locks)]
    end = begin + len(locks)
    return lines + [(end + index, f"{actor}: unlock lk={lock}") for index, lock in enumerate(reversed(locks))]


def test_two_orders_of_two_locks_are_found_even_if_nothing_hung(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, sorted([*takes("a", 0, "x", "y"), *takes("b", 2.5, "y", "x"), *takes("a", 20, "x")]))
    assert (finding.rule, finding.key_name, finding.key) == (Rule.LOCK_ORDER, "lk", b"x and y")
    assert [(access.actor.name, access.operation) for access in finding.witness] == [
        (b"a", "lock"),
        (b"a", "lock"),
        (b"b", "lock"),
        (b"b", "lock"),
    ]
    assert finding.gap_ns == 2_500_000
    assert finding.is_certain


def test_three_actors_may_form_the_cycle(tmp_path: Path) -> None:
    lines = [*takes("a", 0, "x", "y"), *takes("b", 1.5, "y", "z"), *takes("c", 3.2, "z", "x")]
    lines += [(30 + index, f"{actor}: lock lk=w{actor}{n}") for n in (1, 2) for index, actor in enumerate("abc")]
    (finding,) = found(tmp_path, sorted(lines))
    assert finding.key == b"x and y and z"
    assert [access.actor.name for access in finding.witness] == [b"a", b"a", b"b", b"b", b"c", b"c"]


HARMLESS = {
    "one order": [*takes("a", 0, "x", "y"), *takes("b", 2.5, "x", "y")],
    "one actor": [*takes("a", 0, "x", "y"), *takes("a", 10, "y", "x")],
    "gate lock": [*takes("a", 0, "g", "x", "y"), *takes("b", 3.5, "g", "y", "x"), *takes("a", 20, "x")],
    "released in between": [*takes("a", 0, "x"), *takes("a", 5, "y"), *takes("b", 1.5, "y"), *takes("b", 7.5, "x")],
    "further apart than the window": [*takes("a", 0, "x", "y"), *takes("b", 700_000, "y", "x")],
    "one lock": [*takes("a", 0, "x"), *takes("b", 10, "x")],
}


@pytest.mark.parametrize("case", HARMLESS)
def test_what_cannot_be_a_deadlock_is_not_found(case: str, tmp_path: Path) -> None:
    assert found(tmp_path, sorted(HARMLESS[case])) == []


def test_a_gate_lock_of_one_actor_does_not_help(tmp_path: Path) -> None:
    lines = [*takes("a", 0, "g", "x", "y"), *takes("b", 2.5, "y", "x"), *takes("a", 20, "x")]
    (finding,) = found(tmp_path, sorted(lines))
    assert finding.is_certain


def test_a_run_without_the_gate_lock_counts(tmp_path: Path) -> None:
    lines = [*takes("a", 0, "g", "x", "y"), *takes("b", 2.5, "g", "y", "x"), *takes("a", 20, "x", "y")]
    (finding,) = found(tmp_path, sorted(lines))
    assert finding.is_certain


DOUBTFUL = {
    "both may have held lk g then": [
        *(line for line in takes("a", 0, "g", "x", "y") if "unlock lk=g" not in line[1]),
        *takes("b", 3.5, "g", "y", "x"),
        *takes("a", 20, "x"),
    ],
    "no line says when lk x was released": [
        *((ms, text) for ms, text in takes("a", 0, "x", "y") if "unlock lk=x" not in text),
        *takes("b", 2.5, "y", "x"),
        (20.0, "a: lock lk=w"),
        (21.0, "b: lock lk=w"),
    ],
    "their actors did not work at the same time in these logs": [*takes("a", 0, "x", "y"), *takes("b", 10, "y", "x")],
    "lk x is taken again before it is released": [
        *takes("a", 0, "x", "y"),
        (0.5, "a: lock lk=x"),
        *takes("b", 2.5, "y", "x"),
        *takes("a", 20, "x"),
    ],
    "order not known": [
        (0.0, "a: lock lk=x"),
        *takes("a", 0, "y")[:1],
        *takes("b", 2.5, "y", "x"),
        *takes("a", 20, "x"),
    ],
}


@pytest.mark.parametrize("doubt", DOUBTFUL)
def test_a_doubt_makes_it_possible(doubt: str, tmp_path: Path) -> None:
    lines = sorted(DOUBTFUL[doubt])
    if doubt == "order not known":  # the two lines of an actor stand in two logs, with one timestamp
        findings = found(tmp_path, lines[:1], lines[1:])
    else:
        findings = found(tmp_path, lines)
    (finding,) = findings
    assert doubt in finding.doubts


def test_locks_that_were_not_compared_are_a_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_order, "_MAX_ACCESSES", 10)
    lines = [*takes("a", 0, "x", "y"), *takes("b", 2.5, "y", "x"), *takes("a", 20, "x"), *takes("a", 30, "q")]
    (finding,) = found(tmp_path, sorted(lines))
    assert any(doubt.startswith("only ") for doubt in finding.doubts)


def test_many_locks_of_many_actors_end_in_time(tmp_path: Path) -> None:
    lines = [
        line
        for number, locks in enumerate(permutations("abcdef", 4))
        for line in takes(f"r{number}", number * 20, *locks)
    ]
    findings = found(tmp_path, lines)
    assert 0 < len(findings) <= 1000
    assert not any(finding.is_certain for finding in findings)


Event = tuple[str, str, str]


def run_of(programs: list[list[list[str]]], choices: random.Random) -> list[Event]:
    """Return what actors do that take locks, one in the other, in some order that the locks allow.

    A program is a list of nests of locks. It ends early if the actors block each other. Each actor has a lock of its
    own at its begin and its end, so that all work at the same time.
    """
    todo = []
    for number, nests in enumerate(programs):
        own = [("lock", f"own{number}"), ("unlock", f"own{number}")]
        steps = [
            step
            for nest in nests
            for step in (*(("lock", lock) for lock in nest), *(("unlock", lock) for lock in reversed(nest)))
        ]
        todo.append([*own, *steps, *own])
    owners, events = dict[str, int](), [(f"a{number}", *todo[number].pop(0)) for number in range(len(todo))]
    owners.update({lock: number for number, (_, _, lock) in enumerate(events)})
    while ready := [
        number for number, steps in enumerate(todo) if len(steps) > 2 and owners.get(steps[0][1], number) == number
    ]:
        number = choices.choice(ready)
        verb, lock = todo[number].pop(0)
        owners.pop(lock, None) if verb == "unlock" else owners.update({lock: number})
        events.append((f"a{number}", verb, lock))
    return events + [(f"a{number}", *step) for number, steps in enumerate(todo) for step in steps[-2:]]


def cycles_of(events: list[Event]) -> set[frozenset[str]]:
    """Return the sets of two or three locks that form a cycle, by trying all edges."""
    held, edges = dict[str, list[str]](), set[tuple[str, str, str, frozenset[str]]]()
    for actor, verb, lock in events:
        locks = held.setdefault(actor, [])
        if verb == "lock":
            edges.update((actor, other, lock, frozenset(locks)) for other in locks)
            locks.append(lock)
        else:
            locks.remove(lock)
    found = set()
    for count in (2, 3):
        for chosen in permutations(edges, count):
            ends = [(edge[1], edge[2]) for edge in chosen]
            is_cycle = all(end == begin for (_, end), (begin, _) in zip(ends, [*ends[1:], ends[0]], strict=True))
            pairs = list(combinations(chosen, 2))
            if is_cycle and all(one[0] != other[0] and not one[3] & other[3] for one, other in pairs):
                found.add(frozenset(begin for begin, _ in ends))
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(st.lists(st.sampled_from("wxyz"), min_size=2, max_size=3, unique=True), max_size=2), max_size=3),
    st.randoms(use_true_random=False),
)
def test_the_cycles_are_those_of_all_edges(
    tmp_path: Path, programs: list[list[list[str]]], choices: random.Random
) -> None:
    events = run_of(programs, choices)
    lines = [(float(ms), f"{actor}: {verb} lk={lock}") for ms, (actor, verb, lock) in enumerate(events)]
    findings = found(tmp_path, lines)
    verbs = [verb for _, verb, _ in events]
    if verbs.count("lock") == verbs.count("unlock"):
        assert all(finding.is_certain for finding in findings)
    sets = {frozenset(finding.key.decode().split(" and ")) for finding in findings}
    assert {locks for locks in sets if len(locks) < 4} == cycles_of(events)
