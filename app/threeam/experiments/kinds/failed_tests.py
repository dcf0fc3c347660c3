"""The names of the tests that failed, as test runners print them. Pure.

Two tests that fail print nearly the same: the frame around a failure, the count at the end. So outputs in which other
tests failed are told apart by the names of the tests, however similar they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_MAX_LINE = 400  # characters; a longer line names no test
_TIME = r"(?: \(?[\d.]+ ?m?s\)?)?"
_FAILED_TEST = re.compile(
    "|".join(
        (
            r"(?:FAILED|ERROR) (\S+::.+?)(?: - .*)?",  # pytest
            r"(\S+::\S+) (?:FAILED|ERROR)(?: +\[ *\d+%\])?",  # pytest -v
            r"(?:FAIL|ERROR): (\w+ \(.+\))",  # unittest
            r"\s*--- FAIL: (\S+) \(.*\)",  # Go
            r"\s*not ok (?:\d+ *)?(?:- )?(.+?)(?: # (?!TODO|SKIP).*)?",  # TAP: node, bats, Perl
            r"#\s+Failed test '(.*)'",  # Perl
            r"test (\S+) \.\.\. FAILED",  # Rust
            r"\[  FAILED  \] ([\w/]+\.[\w./]+)(?:[ ,].*)?",  # GoogleTest
            r"(?:\[ERROR\] +)?(\S+).* <<< (?:FAILURE|ERROR)!",  # Maven
            r"(\S.* > .+) FAILED",  # Gradle
            rf"\s*[✖✕×✗] (.+?){_TIME}",  # Node.js, jest, vitest
            r"\s*● (.+ › .+)",  # jest
            r"rspec (\S+:\d+)(?: # .*)?",  # RSpec
            r"\s*\d+ - (.+) \((?:Failed|Timeout|SEGFAULT|Subprocess aborted|ILLEGAL|NUMERICAL|OTHER_FAULT)\)",  # CTest
            r"\s*\d+\) (?:test (.+ \(.+\))|([\w\\]+::\w+.*))",  # ExUnit, PHPUnit
        )
    )
)
_MOCHA_COUNT = re.compile(r"\s*\d+ failing")
_MOCHA_TEST = re.compile(r"\s*\d+\) (\S.*?):?")


def failed_tests(lines: Iterable[str]) -> dict[str, str]:
    """Return the line of each test that failed, by the name of the test, in the order of ``lines``."""
    texts = [text for text in lines if len(text) <= _MAX_LINE]
    patterns = (_FAILED_TEST, _MOCHA_TEST) if any(map(_MOCHA_COUNT.fullmatch, texts)) else (_FAILED_TEST,)
    found: dict[str, str] = {}
    for text in texts:
        match = next(filter(None, (pattern.fullmatch(text) for pattern in patterns)), None)
        if match is not None:
            found.setdefault(match[match.lastindex or 0], text.strip())
    return found
