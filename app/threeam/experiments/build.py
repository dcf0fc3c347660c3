"""The build that an experiment ran: files, commit and versions, as far as a plan records them.

Glossary
    file       the program, which the identity of an experiment has, or a file that a word of the command or of a
               wrapper names: a script, a library, a configuration. In a word with blanks (``sh -c './repro 3'``) each
               part is looked at.
    head       the commit of the work tree in which the command runs. A single run does not record it: to ask git takes
               longer than many a run.

A fix changes the build, so runs of different builds are compared all the same, and reports name the difference.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam import __version__
from threeam.core.format.entry import decode_utf8
from threeam.core.redact.redact import redact_argv
from threeam.experiments.arms.arm import Arm
from threeam.experiments.experiment import Experiment
from threeam.experiments.fingerprint import file_sha256, parse_identity

BUILD_TAG = "BUILD"
_MAX_FILES = 16  # recorded of a command
_MAX_FILE_BYTES = 64 * 1024 * 1024  # a larger file is data
_WORD_SEPARATORS = re.compile(r"[\s;|&()<>'\"=]+", re.ASCII)
_UNQUOTED_CHARS = "/!<>'()*$&+@?^{}~"  # characters of a path that stay readable in the tag
_HEAD_DIGITS = 12
_PROGRAM = "the program"
PROGRAM_CHANGED = f"{_PROGRAM} changed"


class Surroundings(NamedTuple):
    """The state of the machine when a plan is made, which the caller observes.

    ``other_instances``: the cost of the other 3am processes, as text. ``head``: the commit of the work tree around the
    folder; empty if the folder is in none. ``uncommitted_count``: its files that are changed and not committed.
    """

    other_instances: str
    head: str = ""
    uncommitted_count: int = 0


class Build(NamedTuple):
    """The program and the machine of an experiment. The tag stores these fields by name; an unknown value is empty.

    ``files``: the SHA-256 of each file by the word that names it. ``uncommitted``: how many files of the work tree were
    changed and not committed. ``load``: the load average of the last minute.
    """

    files: Mapping[str, str]
    head: str = ""
    uncommitted: str = ""
    kernel: str = ""
    libc: str = ""
    threeam: str = ""
    load: str = ""
    cpus: str = ""

    def to_tag(self) -> tuple[str, str]:
        """Return the build as a tag. Names are percent-encoded: a path may contain a blank or a bracket."""
        from urllib.parse import quote

        files = ",".join(
            f"{quote(name.encode('utf-8', 'surrogateescape'), safe=_UNQUOTED_CHARS)}:{sha256}"
            for name, sha256 in self.files.items()
        )
        values = {"files": files, **{key: value for key, value in self._asdict().items() if key != "files"}}
        return BUILD_TAG, " ".join(f"{key}={value}" for key, value in values.items() if value)


def plan_build(command: Sequence[str], arms: Sequence[Arm], folder: str, surroundings: Surroundings) -> Build:
    """Return the build that a plan is going to run in ``folder``. Read the files."""
    words = [*command[1:], *(word for arm in arms for word in arm.before)]
    return Build(
        _file_hashes(words, folder),
        surroundings.head[:_HEAD_DIGITS],
        str(surroundings.uncommitted_count) if surroundings.head else "",
        os.uname().release.replace(" ", "-"),
        _libc_version(),
        __version__,
        f"{os.getloadavg()[0]:.2f}",
        str(len(os.sched_getaffinity(0))),
    )


def single_run_build(command: Sequence[str], folder: str) -> Build:
    """Return the files of a command that is run once in ``folder``. Read them."""
    return Build(_file_hashes(command[1:], folder))


def parse_build(value: str) -> Build:
    """Return the build in the value of a tag; all of it is empty in old logs."""
    from urllib.parse import unquote_to_bytes

    facts = dict(word.split("=", 1) for word in value.split(" ") if "=" in word)
    pairs = (pair.rpartition(":") for pair in facts.pop("files", "").split(","))
    files = {decode_utf8(unquote_to_bytes(name)): sha256 for name, _, sha256 in pairs if name and sha256}
    return Build(files, **{key: text for key, text in facts.items() if key in Build._fields})


def recorded_build(experiment: Experiment) -> Build:
    """Return the build that is recorded of ``experiment``, with its program."""
    build, identity = parse_build(experiment.build), parse_identity(experiment.identity)
    if identity is None or not identity.sha256:
        return build
    return build._replace(files={_PROGRAM: identity.sha256, **build.files})


def is_own_build(build: Build, experiment: Experiment) -> bool:
    """Return whether a fix of the program would change ``build``: it has more than the hash of a shell.

    That is a file besides the program, a commit without uncommitted changes, or a program in the folder of the runs.
    """
    identity = parse_identity(experiment.identity)
    is_local = identity is not None and identity.program.startswith(f"{identity.folder}/")
    return any(name != _PROGRAM for name in build.files) or build.uncommitted == "0" or (is_local and bool(build.files))


def build_differences(old: Build, new: Build) -> Iterator[tuple[str, str]]:
    """Yield what differs between two builds, and how. A value that one of them lacks cannot differ."""
    for name, sha256 in old.files.items():
        if new.files.get(name, sha256) != sha256:
            yield f"{name} changed", f"its SHA-256 was {sha256}, and is {new.files[name]}"
    if old.head and new.head and old.head != new.head:
        yield "the git HEAD changed", f"it was {old.head}, and is {new.head}"
    if old.uncommitted and new.uncommitted and old.uncommitted != new.uncommitted:
        yield "files not committed", f"{old.uncommitted} then, {new.uncommitted} now"
    for what, before, now in (("kernel", old.kernel, new.kernel), ("C library", old.libc, new.libc)):
        if before and now and before != now:
            yield f"another {what}", f"it was {before}, and is {now}"


def is_same_code(old: Build, new: Build) -> bool:
    """Return whether no file and no commit differs that both builds have recorded."""
    has_same_files = all(new.files.get(name, sha256) == sha256 for name, sha256 in old.files.items())
    return has_same_files and (not old.head or not new.head or old.head == new.head)


def describe_build(build: Build) -> str:
    """Return a build in words: ``./repro 3f2a…; git 0123456789ab, 2 files not committed; …``."""
    parts = [", ".join(f"{name} {sha256}" for name, sha256 in build.files.items())]
    if build.head:
        parts.append(f"git {build.head}{_describe_uncommitted(build.uncommitted)}")
    parts += [f"Linux {build.kernel}" if build.kernel else "", build.libc]
    parts.append(f"3am {build.threeam}" if build.threeam else "")
    parts.append(f"load {build.load} on {build.cpus} CPUs" if build.load else "")
    return "; ".join(filter(None, parts))


def _describe_uncommitted(count: str) -> str:
    return "" if count in ("", "0") else f", {count} {'file' if count == '1' else 'files'} not committed"


def _file_hashes(words: Sequence[str], folder: str) -> dict[str, str]:
    """Return the SHA-256 of each file that ``words`` name, by its name. A word with a secret names no file."""
    names = dict.fromkeys(part for word in redact_argv(words) for part in (word, *_WORD_SEPARATORS.split(word)) if part)
    hashes: dict[str, str] = {}
    for name in names:
        path = os.path.join(folder, name)
        if len(hashes) < _MAX_FILES and _is_small_file(path) and (sha256 := file_sha256(path)):
            hashes[name] = sha256
    return hashes


def _is_small_file(path: str) -> bool:
    try:
        return os.path.isfile(path) and os.path.getsize(path) <= _MAX_FILE_BYTES
    except (OSError, ValueError):  # removed meanwhile; or a word with a NUL
        return False


def _libc_version() -> str:
    """Return ``glibc-2.36``; empty with another C library, which does not name itself."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").replace(" ", "-")
    except (ValueError, OSError):
        return ""
