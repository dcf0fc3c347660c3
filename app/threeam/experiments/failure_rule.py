"""What counts as failing. Pure."""

from __future__ import annotations

import re
import signal
from typing import NamedTuple

from threeam.core.errors import BadInput, BadPattern, NonlinearPattern
from threeam.core.store.regex import Regex

PASSED, FAILED, TIMED_OUT, INCONCLUSIVE, CUT_SHORT = "passed", "failed", "timed-out", "inconclusive", "cut"
LOST = "lost"  # the 3am that ran it was killed
OUTCOMES = (PASSED, FAILED, TIMED_OUT, INCONCLUSIVE)  # a run that was cut short or lost says nothing, and is none
DEFAULT_FAIL_RULE = "exit!=0"
_EXIT_CONDITION = re.compile(r"exit\s*(!=|==)\s*(\d{1,3})", re.ASCII)


class InvalidFailureRule(BadInput):
    """A rule that cannot be understood."""


class FailureRule(NamedTuple):
    """A run fails if its exit is (not) ``code``, or its output matches ``regex``; ``timeout``: also if it times out.

    ``unlike``: whether it fails by another exit than ``code``; else by this one. ``code`` None: no exit is a failure.
    A run that does not fail passes if it ended as the rule expects of a good run (`_is_clean_exit`). Otherwise it is
    inconclusive: a server that was down must not count as a run without the bug.
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
        if by_exit or matched:
            return FAILED
        return PASSED if self._is_clean_exit(exit_code) else INCONCLUSIVE

    def _is_clean_exit(self, exit_code: int) -> bool:
        """Return whether a run that did not fail ended well.

        If the rule names the good exit (``exit!=3``), that one is good. If exit 0 is the failure, every other exit is
        good, but no signal. Otherwise only exit 0 is.
        """
        if self.code is not None and self.unlike:
            return exit_code == self.code
        return 0 < exit_code <= 128 if self.code == 0 else exit_code == 0


def parse_failure_rule(fail_options: list[str], regex: str | None) -> FailureRule:
    """The rule of ``--fail`` (``exit!=0``, ``exit==3``, ``timeout``) and ``--fail-regex``. Raises `BadRule`.

    With a regex alone, no exit is a failure, and a run passes if it exits with 0.
    """
    code, unlike, timeout = None if regex or fail_options else 0, True, False
    for one in fail_options:
        found = _EXIT_CONDITION.fullmatch(one.strip())
        if one.strip() == "timeout":
            timeout = True
        elif found is None or int(found[2]) > 255:
            raise InvalidFailureRule(f"--fail {one!r}: write exit!=0, exit==3 or timeout")
        elif code is not None:
            raise InvalidFailureRule(f"--fail {one!r}: one exit is enough")
        else:
            code, unlike = int(found[2]), found[1] == "!="
    if regex == "":
        raise InvalidFailureRule("--fail-regex '' matches everything: every run would fail")
    try:
        if regex:
            Regex(regex)
    except NonlinearPattern as error:
        raise InvalidFailureRule(f"--fail-regex {error}, or use --fail exit==0 -- sh -c 'CMD | grep -v OK'") from None
    except BadPattern as error:
        raise InvalidFailureRule(f"--fail-regex {error}") from None
    return FailureRule(code, unlike, regex or "", timeout)


def format_exit(exit_code: int) -> str:
    """``exit 1``, or the name of the signal: ``SIGSEGV``."""
    if exit_code > 128:
        try:
            return signal.Signals(exit_code - 128).name
        except ValueError:
            pass
    return f"exit {exit_code}"
