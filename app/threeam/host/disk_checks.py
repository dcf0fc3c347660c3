"""The disk under the log: free space, how long it lasts, and who rotates the log."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from datetime import datetime
from glob import glob
from pathlib import PurePosixPath
from typing import NamedTuple

from threeam.core.errors import RotationFailed, RotationSkipped
from threeam.core.format.entry import NS_PER_S
from threeam.core.format.times import format_duration
from threeam.core.platform.disk import format_bytes, free_bytes, mount_fstype, network_fs_warning
from threeam.core.store.as_of import end_at_time
from threeam.core.store.journal import Journal, Position
from threeam.core.write.lock_file import LockFileSpec, permission_problem
from threeam.core.write.rotate import check_rotatable
from threeam.host.check import OK, RED, UNKNOWN, YELLOW, Check
from threeam.host.system import System

_DAY_NS = 86_400 * NS_PER_S
_HOUR_NS = 3600 * NS_PER_S
_LOGROTATE_STATE_FILES = (
    "/var/lib/logrotate/status",
    "/var/lib/logrotate/logrotate.status",
    "/var/lib/logrotate.status",
)
_OVERDUE_DAYS = {"hourly": 2, "daily": 3, "weekly": 9, "monthly": 34, "yearly": 370}  # including some grace
_STATE_LINE = re.compile(r'"(.+)" (\d+)-(\d+)-(\d+)(?:-(\d+):(\d+):(\d+))?')


def check_disk(system: System, journal: Journal, now_ns: int, disk_floor: int, rotate_bytes: int) -> list[Check]:
    """Return the checks of the log's disk, as of ``now_ns``. Raise OSError if the log cannot be read."""
    folder = os.path.dirname(journal.log_path)
    while not os.path.isdir(folder):  # the user's state folder may not exist yet
        folder = os.path.dirname(folder)
    free = free_bytes(folder)
    return [
        _check_space(folder, free, disk_floor),
        _check_file_system(journal, folder),
        _check_time_to_full(journal, now_ns, free),
        _check_rotation(system, journal, now_ns, rotate_bytes),
        *_check_lock_files(system, journal),
    ]


def _check_space(folder: str, free: int, disk_floor: int) -> Check:
    file_system = os.statvfs(folder)
    detail = f"{format_bytes(free)} free of {format_bytes(file_system.f_blocks * file_system.f_frsize)}"
    fix = f"du -xh {shlex.quote(folder)} | sort -h | tail"
    if file_system.f_files and file_system.f_favail == 0:
        return Check("disk space", RED, f"{detail}, and no inode left", f"df -i {shlex.quote(folder)}")
    if free < disk_floor:
        return Check("disk space", RED, f"{detail}: under disk_floor ({format_bytes(disk_floor)})", fix)
    if free < 8 * disk_floor:
        return Check("disk space", YELLOW, detail, fix)
    return Check("disk space", OK, detail)


def _check_file_system(journal: Journal, folder: str) -> Check:
    warning = network_fs_warning(os.path.join(folder, journal.log_name))
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as table:
            fs_type = mount_fstype(table.read().splitlines(), os.stat(folder).st_dev)
    except OSError:
        fs_type = None
    if warning is not None:
        return Check("file system", RED, warning, "3am --log /var/tmp/sanity.log")
    if fs_type is None:
        return Check("file system", UNKNOWN, f"the kernel does not say what {folder} lies on")
    if fs_type in ("tmpfs", "ramfs"):
        return Check("file system", YELLOW, f"{fs_type}: the log is gone after the next boot")
    return Check("file system", OK, f"{fs_type}, local")


def _check_time_to_full(journal: Journal, now_ns: int, free: int) -> Check:
    """Return how long the free space lasts if the log grows as in the last hour, by its own stamps."""
    name, live = "disk full in", journal.open_live()
    if live is None:
        return Check(name, OK, "there is no log yet")
    hour_ago = end_at_time(journal, Position(live, live.size()), now_ns - _HOUR_NS)
    growth = 0  # bytes written since then, over all files
    for segment in journal.segments_backward(live):
        growth += segment.size()
        if hour_ago is not None and segment == hour_ago.segment:
            growth -= hour_ago.offset
            break
    if growth <= 0:
        return Check(name, OK, "nothing was written in the last hour")
    time_left_ns = free * _HOUR_NS // growth
    detail = f"{_format_long_duration(time_left_ns)}, at {format_bytes(growth)} an hour"
    if time_left_ns < _DAY_NS:
        return Check(name, RED, detail)
    return Check(name, YELLOW if time_left_ns < 7 * _DAY_NS else OK, detail)


def _check_lock_files(system: System, journal: Journal) -> list[Check]:
    """Return a check for each lock file that users without write access to the log can hold, blocking every writer."""
    spec, checks = LockFileSpec.for_journal(journal, 0o600), []
    for path in journal.lock_paths:
        problem = permission_problem(path, spec)
        if problem is not None:
            sentence, command = problem
            sudo = "" if os.stat(path).st_uid == system.uid else system.sudo_prefix
            checks.append(Check("lock", YELLOW, f"{path}: {sentence}", sudo + command))
    return checks


def _format_long_duration(ns: int) -> str:
    days = ns // _DAY_NS
    if days >= 730:
        return f"{days // 365:,} years"
    return format_duration(days * _DAY_NS if days >= 2 else ns)


def _check_rotation(system: System, journal: Journal, now_ns: int, rotate_bytes: int) -> Check:
    """Return whether the log can be rotated, and whether 3am or logrotate does it."""
    name, log = "rotation", journal.log_path
    rule = _find_logrotate_rule(system, log)
    try:
        if (live := journal.open_live()) is not None:
            check_rotatable(live, log)
    except RotationSkipped as error:
        if rule is None or isinstance(error, RotationFailed):  # logrotate is root and may do more than this user
            return Check(name, YELLOW, f"{error}; so it grows on", error.remedy and system.sudo_prefix + error.remedy)
    if rule is None:
        return Check(name, OK, f"by 3am itself, at {format_bytes(rotate_bytes)}; logrotate does not know the log")
    return _check_logrotate(system, name, log, rule, now_ns)


def _check_logrotate(system: System, name: str, log: str, rule: _LogrotateRule, now_ns: int) -> Check:
    """Return whether logrotate follows ``rule``: cron reports its failures to no one."""
    path, interval, copytruncate_path = rule.path, rule.interval, rule.copytruncate_path
    if copytruncate_path:
        detail = f"{copytruncate_path} has copytruncate for it: lines that come between the copy and the cut are lost"
        fix = f"{system.sudo_prefix}sed -i s/copytruncate/create/ {shlex.quote(copytruncate_path)}"
        return Check(name, RED, detail, fix)
    fix = f"{system.sudo_prefix}logrotate -v {path}"
    state = next((text for text in map(system.read_file, _LOGROTATE_STATE_FILES) if text is not None), None)
    if state is None:
        if any(map(os.path.exists, _LOGROTATE_STATE_FILES)):
            return Check(name, UNKNOWN, f"{path} names it, and its state file is not yours to read", fix)
        return Check(name, RED, f"{path} names it, and its state file is not there: it has never run", fix)
    rotated_ns = {match[1]: _state_time_ns(match) for match in map(_STATE_LINE.fullmatch, state.splitlines()) if match}
    last_ns = rotated_ns.get(log)
    if last_ns is None:
        return Check(name, YELLOW, f"{path} names it, and logrotate has not seen it yet", fix)
    age_ns = now_ns - last_ns
    days = max(0, age_ns) // _DAY_NS
    age = f"{format_duration(days * _DAY_NS)} ago" if days else "less than 1d ago"
    if interval in _OVERDUE_DAYS and age_ns > _OVERDUE_DAYS[interval] * _DAY_NS:
        others = "; it has rotated others since" if max(rotated_ns.values()) > last_ns else ""
        return Check(name, RED, f"by logrotate ({path}, {interval}), and last {age}{others}: it fails silently", fix)
    return Check(name, OK, f"by logrotate ({path}, {interval}), last {age}")


class _LogrotateRule(NamedTuple):
    """The way in which logrotate treats a log.

    ``path``: the file with the rule. ``interval``: ``daily``, ``size`` and so on. ``copytruncate_path``: the file that
    sets copytruncate (empty: none does).
    """

    path: str
    interval: str = "weekly"  # the default of logrotate(8)
    copytruncate_path: str = ""

    def with_directive(self, word: str) -> _LogrotateRule:
        """Return the rule after a word of the file ``path``; words that do not matter here change nothing."""
        if word in _OVERDUE_DAYS or word == "size":
            return self._replace(interval=word)
        if word in ("copytruncate", "nocopytruncate"):
            return self._replace(copytruncate_path=self.path if word == "copytruncate" else "")
        return self


def _find_logrotate_rule(system: System, log: str) -> _LogrotateRule | None:
    """Return the rule of logrotate for ``log``, or None if no file names it.

    A block ``PATTERN... { DIRECTIVE... }`` inherits the directives that stand outside of all blocks before it.
    """
    defaults = _LogrotateRule("")
    for path in ("/etc/logrotate.conf", *sorted(glob("/etc/logrotate.d/*"))):
        defaults = defaults._replace(path=path)
        block: _LogrotateRule | None = None
        patterns: list[str] = []
        for word in _logrotate_words(system, path):
            if word == "{":
                block = defaults
            elif word == "}":
                if block is not None and any(PurePosixPath(log).match(pattern) for pattern in patterns):
                    return block
                block, patterns = None, []
            elif block is not None:
                block = block.with_directive(word)
            elif word.startswith("/"):
                patterns.append(word)
            else:
                defaults = defaults.with_directive(word)
    return None


def _logrotate_words(system: System, path: str) -> Iterator[str]:
    for line in (system.read_file(path) or "").splitlines():
        yield from _shell_words(line.replace("{", " { ").replace("}", " } "))


def _shell_words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:  # an unclosed quote
        return line.split()


def _state_time_ns(match: re.Match[str]) -> int:
    """Return the time in a line of the state file: local time, since logrotate writes no zone."""
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[1:])
    try:
        return round(datetime(year, month, day, hour, minute, second).timestamp()) * NS_PER_S
    except (ValueError, OverflowError, OSError):
        return 0
