"""The identity of an experiment: what must be equal before the runs of two experiments are compared.

Glossary
    experiment      a command that is run many times (``3am run -n``) or once (``3am run``).
    arm             one way to run the command of an experiment.
    same experiment two experiments with the same identity. `fixed` compares only runs of the same experiment in the
                    same arm.
    identity        - the program: the absolute path at which the first word of the command was found. A symbolic link
                      is not followed: a link that leads to the old build and then to the new one is one program.
                    - the arguments, word by word, after their secrets were replaced.
                    - the folder in which the command runs.
                    - the failure rule, with its time limit if a time-out is a failure. Another limit finds another
                      set of failures. If a time-out is not a failure, the limit is not part of the identity: runs that
                      timed out are in no rate.
                    - how many runs are made side by side: they disturb each other.
    same arm        two arms with the same name and the same words before the command (the wrapper).
    reported only   the SHA-256 of the program, and the build (`experiments.build`). A fix changes them, so the runs are
                    compared all the same, and the answer names the difference.
    not recorded    the environment, and the files that the command reads without naming them.

An experiment of an older version has a fingerprint of its arguments and rule alone. It equals no fingerprint of this
version, so such an experiment is compared with others of that version only, and the answer says so.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from threeam.core.format.entry import NS_PER_S, decode_utf8
from threeam.core.format.remote_hypothesis import Bound, name_of_bound
from threeam.core.redact.redact import redact, redact_argv
from threeam.experiments.arms.arm import Arm
from threeam.experiments.experiment import BARE, Experiment
from threeam.experiments.failure_rule import FailureRule

IDENTITY_TAG = "IDENTITY"
_UNQUOTED_CHARS = "/!=<>|:;,'\"()*$&+@?^{}~"  # characters of a path or rule that stay readable in the tag
_HASH_DIGITS = 12  # hexadecimal digits of a hash


class ExperimentIdentity(NamedTuple):
    """The identity of an experiment. The tag of its line stores these fields by name. ``sha256`` is only reported.

    ``jobs``: how many runs are made side by side; empty: one at a time.
    """

    program: str
    arguments: str
    folder: str
    rule: str
    sha256: str = ""
    jobs: str = ""

    @property
    def fingerprint(self) -> str:
        """Return a hash that is equal for two experiments if and only if they are the same."""
        side_by_side = (self.jobs,) if self.jobs else ()
        return _digest("\0".join(("2", *self[:4], *side_by_side)))

    def to_tag(self) -> tuple[str, str]:
        """Return the identity as a tag. Values are percent-encoded: a path may contain a blank or a bracket."""
        from urllib.parse import quote

        words = (
            f"{key}={quote(value.encode('utf-8', 'surrogateescape'), safe=_UNQUOTED_CHARS)}"
            for key, value in self._asdict().items()
            if value
        )
        return IDENTITY_TAG, " ".join(words)


def identity_of(
    command: Sequence[str], rule: FailureRule, timeout_ns: int | None, folder: str, jobs: int = 1
) -> ExperimentIdentity:
    """Return the identity of ``command``, run in ``folder`` under ``rule``. Read the program for its SHA-256."""
    program = os.path.join(folder, shutil.which(command[0]) or command[0])
    if ".." in program.split("/"):  # after a symbolic link, ``..`` is the parent of its target
        program = os.path.join(os.path.realpath(os.path.dirname(program)), os.path.basename(program))
    program = os.path.normpath(program)
    limit = f" after {_format_seconds(timeout_ns)}" if rule.timeout and timeout_ns is not None else ""
    arguments = _digest("\0".join(redact_argv(command)[1:]))
    return ExperimentIdentity(
        redact(program),
        arguments,
        redact(folder),
        redact(f"{rule}{limit}"),
        file_sha256(program),
        str(jobs) if jobs > 1 else "",
    )


def parse_identity(value: str) -> ExperimentIdentity | None:
    """Return the identity in the value of a tag; None if it is incomplete, as in old logs."""
    from urllib.parse import unquote_to_bytes

    facts = {
        key: decode_utf8(unquote_to_bytes(word))
        for key, equals, word in (word.partition("=") for word in value.split(" "))
        if equals and key in ExperimentIdentity._fields
    }
    return ExperimentIdentity(**facts) if facts.keys() >= set(ExperimentIdentity._fields[:4]) else None


def legacy_fingerprint(command: Sequence[str], rule: FailureRule) -> str:
    """Return the fingerprint that versions without the tag wrote: the hash of the words and the rule alone."""
    return _digest("\0".join((str(rule), *map(redact, command))))


def wrapper_fingerprint(arm: Arm) -> str:
    """Return the hash of the words before the command; ``-`` without a wrapper."""
    return _digest("\0".join(redact_argv(arm.before)))[:8] if arm.before else "-"


def experiment_differences(
    reference: tuple[Experiment, str], other: tuple[Experiment, str], hypothesis: Bound | None
) -> Iterator[str]:
    """Yield what distinguishes an arm of another experiment from an arm of ``reference``; nothing if they are equal."""
    (experiment, arm), (other_experiment, other_arm) = reference, other
    if experiment.fingerprint != other_experiment.fingerprint:
        yield from _identity_differences(experiment, other_experiment)
    if arm != other_arm:
        yield f"arm {other_arm}, not {arm}"
    elif experiment.wrapper_fingerprint(arm) != other_experiment.wrapper_fingerprint(other_arm):
        yield f"the arm {arm} has a different wrapper" if arm != BARE else "the arm bare is different"
    bound = other_experiment.hypothesis
    if bound != hypothesis:
        yield "it is bound to no hypothesis" if bound is None else f"it is bound to {name_of_bound(bound)}"


def _identity_differences(reference: Experiment, other: Experiment) -> Iterator[str]:
    old, new = parse_identity(reference.identity), parse_identity(other.identity)
    if old is None or new is None:
        older = reference.name if old is None else other.name
        yield f"an older 3am wrote {older}, and did not record its program, folder and wrappers"
        return
    if old.program != new.program:
        yield f"program {new.program}, not {old.program}"
    if old.arguments != new.arguments and old.rule == new.rule:
        yield f"other arguments: {other.command}, not {reference.command}"
    if old.folder != new.folder:
        yield f"run in {new.folder}, not in {old.folder}"
    if old.jobs != new.jobs:
        yield f"{new.jobs or 1} at a time, not {old.jobs or 1}"
    if old.rule != new.rule:
        yield f"it fails if {new.rule}, not if {old.rule}"


def _format_seconds(ns: int) -> str:
    """Return a duration in seconds, with all of its digits."""
    return f"{ns // NS_PER_S}.{ns % NS_PER_S:09d}".rstrip("0").rstrip(".") + " s"


def _digest(text: str) -> str:
    import hashlib  # deferred: the fold of a log does not need it

    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_HASH_DIGITS]


def file_sha256(path: str) -> str:
    """Return the first digits of the SHA-256 of a file; empty if it cannot be read, as with mode 0711."""
    import hashlib

    if not os.path.isfile(path):  # a FIFO would wait for a writer
        return ""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:_HASH_DIGITS]
    except OSError:
        return ""
