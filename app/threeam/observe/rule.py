"""What counts as failing. Pure."""

from __future__ import annotations

import re
import signal
from typing import NamedTuple

from threeam.core.journal import BadInput
from threeam.core.regex import BadPattern, NotLinear, Regex

PASSED, FAILED, TIMED_OUT, CUT = "passed", "failed", "timed-out", "cut"
OUTCOMES = (PASSED, FAILED, TIMED_OUT)  # a run that was cut short by its person says nothing, and is none
BY_DEFAULT = "exit!=0"
_EXIT = re.compile(r"exit\s*(!=|==)\s*(\d{1,3})", re.ASCII)


class BadRule(BadInput):
    """A rule that cannot be understood."""


class Rule(NamedTuple):
    """A run fails if its exit is (not) ``code``, or its output matches ``regex``; ``timeout``: also if it times out.

    ``unlike``: whether it fails by another exit than ``code``; else by this one. ``code`` None: its exit says nothing.
    """

    code: int | None = 0
    unlike: bool = True
    regex: str = ""
    timeout: bool = False

    def __str__(self) -> str:
        ways = [] if self.code is None else [f"exit{'!=' if self.unlike else '=='}{self.code}"]
        ways += [f"output matches {self.regex!r}"] if self.regex else []
        ways += ["timeout"] if self.timeout else []
        return " or ".join(ways)

    def outcome(self, exit_code: int, *, timed_out: bool, matched: bool) -> str:
        """What a run came to that ended with ``exit_code`` (128 + the signal, if one ended it)."""
        if timed_out:
            return FAILED if self.timeout else TIMED_OUT
        by_exit = self.code is not None and (exit_code != self.code) == self.unlike
        return FAILED if by_exit or matched else PASSED


def rule_of(fails: list[str], regex: str | None) -> Rule:
    """The rule of ``--fail`` (``exit!=0``, ``exit==3``, ``timeout``) and ``--fail-regex``. Raises `BadRule`.

    With a regex alone, the exit says nothing.
    """
    code, unlike, timeout = None if regex or fails else 0, True, False
    for one in fails:
        found = _EXIT.fullmatch(one.strip())
        if one.strip() == "timeout":
            timeout = True
        elif found is None or int(found[2]) > 255:
            raise BadRule(f"--fail {one!r}: write exit!=0, exit==3 or timeout")
        elif code is not None:
            raise BadRule(f"--fail {one!r}: one exit is enough")
        else:
            code, unlike = int(found[2]), found[1] == "!="
    if regex == "":
        raise BadRule("--fail-regex '' matches everything: every run would fail")
    try:
        if regex:
            Regex(regex)
    except NotLinear as error:
        raise BadRule(f"--fail-regex {error}, or run sh -c 'CMD | grep -v OK' and judge its exit") from None
    except BadPattern as error:
        raise BadRule(f"--fail-regex {error}") from None
    return Rule(code, unlike, regex or "", timeout)


def exit_shown(code: int) -> str:
    """``exit 1``, or the name of the signal: ``SIGSEGV``."""
    if code > 128:
        try:
            return signal.Signals(code - 128).name
        except ValueError:
            pass
    return f"exit {code}"
