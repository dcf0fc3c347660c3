"""One syntax of durations: what 3am prints, its options accept, and no text of its own writes them in another way."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.sources import PACKAGE, nodes_of, source_paths
from threeam.core.format.entry import NS_PER_S
from threeam.core.format.times import format_age, format_duration, parse_duration

MINUTE, HOUR, DAY = 60 * NS_PER_S, 3600 * NS_PER_S, 86400 * NS_PER_S
OTHER_SYNTAX = re.compile(r"[\d}] (?:ns|us|µs|ms|s|sec|secs|seconds?|min|mins|minutes?|h|hours?|days?)(?![\w=])")
KEPT = {
    # DESIGN fixes this line, and doctor reads the number back.
    ("core/write/locked_log.py", "} s; the order of the file is the true order."),
    # The identity of an experiment is compared as text with what an older 3am wrote.
    ("experiments/fingerprint.py", "} s"),
    # A number in the files of baselines has this name.
    ("host/snapshot_collector.py", "} min"),
    # The text of a command in such a file: it is compared with what an older 3am saved.
    ("host/snapshot_collector.py", "(took more than {} s)\n"),
    # What two people say to each other.
    ("demo.py", ""),
}


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0ns"),
        (12, "12ns"),
        (1_500, "1.5us"),
        (99_999, "99.9us"),
        (812_345, "0.8ms"),
        (250_000_000, "250ms"),
        (1_003_400_000, "1.003s"),
        (5 * NS_PER_S, "5s"),
        (MINUTE - 1, "59.999s"),
        (MINUTE, "1m"),
        (90 * NS_PER_S, "1m30s"),
        (5 * MINUTE + 4 * NS_PER_S, "5m04s"),
        (96 * MINUTE, "1h36m"),
        (2 * HOUR + 5 * MINUTE + 59 * NS_PER_S, "2h05m"),
        (3 * HOUR, "3h"),
        (DAY - 1, "23h59m"),
        (DAY, "1d"),
        (3 * DAY + 4 * HOUR, "3d04h"),
        (400 * DAY, "400d"),
        (-90 * NS_PER_S, "-1m30s"),
    ],
)
def test_a_duration_has_at_most_two_units(ns: int, text: str) -> None:
    assert format_duration(ns) == text


@given(st.integers(1, 10**20))
def test_what_is_printed_is_accepted(ns: int) -> None:
    text = format_duration(ns)
    assert parse_duration(text) <= ns
    assert format_duration(parse_duration(text)) == text


@pytest.mark.parametrize(
    ("ns", "text"), [(MINUTE - 1, "now"), (MINUTE, "1m"), (90 * NS_PER_S, "1m"), (125 * MINUTE, "2h05m")]
)
def test_an_age_has_no_seconds(ns: int, text: str) -> None:
    assert format_age(ns) == text


def test_no_text_of_the_program_writes_a_duration_in_another_way() -> None:
    found = {
        (str(path.relative_to(PACKAGE)), text)
        for path in source_paths()
        for text in _texts(path)
        if OTHER_SYNTAX.search(text)
    }
    assert not sorted((path, text) for path, text in found if not _is_kept(path, text))


def _is_kept(path: str, text: str) -> bool:
    return any(path == kept_path and text.endswith(kept_text) for kept_path, kept_text in KEPT)


def _texts(path: Path) -> Iterator[str]:
    """Yield the strings of the module in ``path`` that are no docstrings; what an f-string replaces is ``{}``."""
    docstrings, parts = set(), set()
    for node in nodes_of(path):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            docstrings.add(node.value)
        if isinstance(node, ast.JoinedStr):
            parts.update(node.values)
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    for node in nodes_of(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings | parts:
            yield node.value
