"""The names of the tests that failed, as test runners print them. Pure.

Two tests that fail print nearly the same: the frame around a failure, the count at the end. So outputs in which other
tests failed are told apart by the names of the tests, however similar they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_MAX_LINE = 400  # characters; a longer line names no test
_FAILED_TEST = re.compile(
    "|".join(
        (
            r"(?:FAILED|ERROR) (\S+\.py(?:::.+?)?)(?: - .*)?",  # pytest
            r"(\S+\.py::\S+) (?:FAILED|ERROR)(?: +\[ *\d+%\])?",  # pytest -v
            r"(?:FAIL|ERROR): ((?:test|setUp|tearDown)\w* \(.+\))",  # unittest
            r"\s*--- FAIL: (\S+) \(.*\)",  # Go
            r"\s*not ok (?:\d+ *)?(?:- )?(.+?)(?: # (?!TODO|SKIP).*)?",  # TAP: node, bats, Perl
            r"#\s+Failed test '(.*)'",  # Perl
            r"test (\S+) \.\.\. FAILED",  # Rust
            r"\[  FAILED  \] ([\w/]+\.[\w./]+)(?:[ ,].*)?",  # GoogleTest
            r"(?:\[ERROR\] +)?(\S+).* <<< (?:FAILURE|ERROR)!",  # Maven
            r"(\S.* > .+) FAILED",  # Gradle
            r"\s*● (.+ › .+)",  # jest
            r"rspec (\S+:\d+)(?: # .*)?",  # RSpec
            r"\s*\d+ - (.+) \((?:Failed|Timeout|SEGFAULT|Subprocess aborted|ILLEGAL|NUMERICAL|OTHER_FAULT)\)",  # CTest
            r"\s*\d+\) (?:test (.+ \(.+\))|([\w\\]+::\w+.*))",  # ExUnit, PHPUnit
        )
    )
)
_MARKED_TEST = re.compile(r"\s*[✖✕×✗] (.+?)(?: \(?#\)?)?")  # Node.js, jest, vitest; or a message: it is masked
_MOCHA_COUNT = re.compile(r"\s*\d+ failing")
_MOCHA_TEST = re.compile(r"\s*\d+\) (\S.*?):?")


def failed_tests(lines: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the line of each test that failed, by the name of the test, in the order of ``lines``.

    ``lines``: each as it was printed, and with what depends on chance masked.
    """
    pairs = [(text, masked) for text, masked in lines if len(text) <= _MAX_LINE]
    is_mocha = any(_MOCHA_COUNT.fullmatch(text) for text, _ in pairs)
    found: dict[str, str] = {}
    for text, masked in pairs:
        match = _FAILED_TEST.fullmatch(text) or _MARKED_TEST.fullmatch(masked)
        if match is None and is_mocha:
            match = _MOCHA_TEST.fullmatch(text)
        if match is not None:
            found.setdefault(match[match.lastindex or 0], text.strip())
    return found
