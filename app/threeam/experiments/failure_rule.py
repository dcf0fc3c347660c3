"""The failure rule: which outcome a run has. Pure."""

from __future__ import annotations

import re
import signal
from typing import NamedTuple

from threeam.core.errors import BadInput, BadPattern, NonlinearPattern
from threeam.core.store.regex import Regex

PASSED, FAILED, TIMED_OUT, INCONCLUSIVE, CUT_SHORT = "passed", "failed", "timed-out", "inconclusive", "cut"
LOST = "lost"  # 3am was killed during the run
OUTCOMES = (PASSED, FAILED, TIMED_OUT, INCONCLUSIVE)  # an interrupted or lost run is not a result
OUTCOME_SIGNS = {
    PASSED: ("·", "."),
    FAILED: ("⊗", "F"),
    TIMED_OUT: ("◷", "t"),
    INCONCLUSIVE: ("◑", "i"),
}  # and in ASCII
DEFAULT_FAIL_RULE = "exit!=0"
_EXIT_CONDITION = re.compile(r"exit\s*(!=|==)\s*(\d{1,3})", re.ASCII)


class InvalidFailureRule(BadInput):
    """A ``--fail`` or ``--fail-regex`` option that is not valid."""


class FailureRule(NamedTuple):
    """The conditions under which a run fails. The plan file stores these fields by name.

    ``code``: the exit code to compare with; None: no exit code is a failure. ``unlike``: whether other exit codes are
    failures, rather than this one. ``regex``: a matching line of output is a failure. ``timeout``: a timeout is a
    failure. A run that does not fail passes if its exit is that of a good run (`_is_clean_exit`). Otherwise it is
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
        """Return the outcome of a run with this ``exit_code`` (128 + the number of a signal that ended it)."""
        if timed_out:
            return FAILED if self.timeout else TIMED_OUT
        by_exit = self.code is not None and (exit_code != self.code) == self.unlike
        if by_exit or matched:
            return FAILED
        return PASSED if self._is_clean_exit(exit_code) else INCONCLUSIVE

    def _is_clean_exit(self, exit_code: int) -> bool:
        """Return whether a run that did not fail ended well.

        If the rule names the good exit code (``exit!=3``), that one is good. If exit code 0 is the failure, every other
        exit code is good, but a signal is not. Otherwise only 0 is good.
        """
        if self.code is not None and self.unlike:
            return exit_code == self.code
        return 0 < exit_code <= 128 if self.code == 0 else exit_code == 0


def parse_failure_rule(fail_options: list[str], regex: str | None) -> FailureRule:
    """Return the rule of ``--fail`` (``exit!=0``, ``exit==3``, ``timeout``) and ``--fail-regex``.

    With a regex alone, no exit code is a failure, and a run passes if it exits with 0. Raise `InvalidFailureRule`.
    """
    code, unlike, timeout = None if regex or fail_options else 0, True, False
    for option in fail_options:
        match = _EXIT_CONDITION.fullmatch(option.strip())
        if option.strip() == "timeout":
            timeout = True
        elif match is None or int(match[2]) > 255:
            raise InvalidFailureRule(f"--fail {option!r}: write exit!=0, exit==3 or timeout")
        elif code is not None:
            raise InvalidFailureRule(f"--fail {option!r}: only one exit code can be given")
        else:
            code, unlike = int(match[2]), match[1] == "!="
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
    """Return ``exit 1``, or the name of the signal that ended the run: ``SIGSEGV``."""
    if exit_code > 128:
        try:
            return signal.Signals(exit_code - 128).name
        except ValueError:
            pass
    return f"exit {exit_code}"
