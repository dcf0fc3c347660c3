"""The disk under the log: how much room it has, for how long, and who rotates the log."""

from __future__ import annotations

import os
import re
import shlex
from datetime import datetime
from glob import glob
from pathlib import PurePosixPath

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
_OVERDUE_DAYS = {"hourly": 2, "daily": 3, "weekly": 9, "monthly": 34, "yearly": 370}  # days, with some of grace
_STATE_LINE = re.compile(r'"(.+)" (\d+)-(\d+)-(\d+)(?:-(\d+):(\d+):(\d+))?')


def check_disk(system: System, journal: Journal, now_ns: int, disk_floor: int, rotate_bytes: int) -> list[Check]:
    """The checks of the log's disk, as of ``now_ns``. Raises OSError for a log that cannot be read."""
    folder = os.path.dirname(journal.log_path)
    while not os.path.isdir(folder):  # one's own state folder may still have to be made
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
    about = os.statvfs(folder)
    found = f"{format_bytes(free)} free of {format_bytes(about.f_blocks * about.f_frsize)}"
    mend = f"du -xh {shlex.quote(folder)} | sort -h | tail"
    if about.f_files and about.f_favail == 0:
        return Check("disk space", RED, f"{found}, and no inode left", f"df -i {shlex.quote(folder)}")
    if free < disk_floor:
        return Check("disk space", RED, f"{found}: under disk_floor ({format_bytes(disk_floor)})", mend)
    few = free < 8 * disk_floor
    return Check("disk space", YELLOW if few else OK, found, mend if few else "")


def _check_file_system(journal: Journal, folder: str) -> Check:
    warning = network_fs_warning(os.path.join(folder, journal.log_name))
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as table:
            kind = mount_fstype(table.read().splitlines(), os.stat(folder).st_dev)
    except OSError:
        kind = None
    if warning is not None:
        return Check("file system", RED, warning, "3am --log /var/tmp/sanity.log")
    if kind is None:
        return Check("file system", UNKNOWN, f"the kernel does not say what {folder} lies on")
    if kind in ("tmpfs", "ramfs"):
        return Check("file system", YELLOW, f"{kind}: the log is gone after the next boot")
    return Check("file system", OK, f"{kind}, local")


def _check_time_to_full(journal: Journal, now_ns: int, free: int) -> Check:
    """How long the room lasts, if the log grows on as in the last hour, by its own stamps."""
    name, live = "disk full in", journal.open_live()
    if live is None:
        return Check(name, OK, "there is no log yet")
    then = end_at_time(journal, Position(live, live.size()), now_ns - _HOUR_NS)
    grown = 0
    for segment in journal.segments_backward(live):  # the files since then, and of that one what came after
        grown += segment.size()
        if then is not None and segment == then.segment:
            grown -= then.offset
            break
    if grown <= 0:
        return Check(name, OK, "nothing was written in the last hour")
    left_ns = free * _HOUR_NS // grown
    found = f"{_format_long_duration(left_ns)}, at {format_bytes(grown)} an hour"
    return Check(name, RED if left_ns < _DAY_NS else YELLOW if left_ns < 7 * _DAY_NS else OK, found)


def _check_lock_files(system: System, journal: Journal) -> list[Check]:
    """The lock files that users who may not write the log can hold, and so keep every writer waiting."""
    like, checks = LockFileSpec.for_journal(journal, 0o600), []
    for path in journal.lock_paths:
        if (report := permission_problem(path, like)) is not None:
            sentence, mend = report
            sudo = "" if os.stat(path).st_uid == system.uid else system.sudo_prefix
            checks.append(Check("lock", YELLOW, f"{path}: {sentence}", sudo + mend))
    return checks


def _format_long_duration(ns: int) -> str:
    days = ns // _DAY_NS
    return f"{days // 365:,} years" if days >= 730 else f"{days} days" if days >= 2 else format_duration(ns)


def _check_rotation(system: System, journal: Journal, now_ns: int, rotate_bytes: int) -> Check:
    """Whether the log can be rotated, and by whom: 3am, or logrotate, and when that last did its work.

    cron reports to nobody when it fails.
    """
    name, log = "rotation", journal.log_path
    rule = _find_logrotate_rule(system, log)
    try:
        if (live := journal.open_live()) is not None:
            check_rotatable(live, log)
    except RotationSkipped as why:
        if rule is None or isinstance(why, RotationFailed):  # logrotate is root, and may do what we may not
            return Check(name, YELLOW, f"{why}; so it grows on", why.remedy and system.sudo_prefix + why.remedy)
    if rule is None:
        return Check(name, OK, f"by 3am itself, at {format_bytes(rotate_bytes)}; logrotate does not know the log")
    by, every, copies = rule
    if copies:
        found = f"{copies} has copytruncate for it: lines that come between the copy and the cut are lost"
        return Check(name, RED, found, f"{system.sudo_prefix}sed -i s/copytruncate/create/ {shlex.quote(copies)}")
    mend = f"{system.sudo_prefix}logrotate -v {by}"
    texts = [text for path in _LOGROTATE_STATE_FILES if (text := system.read_file(path)) is not None]
    if not texts:
        there = any(os.path.exists(path) for path in _LOGROTATE_STATE_FILES)
        found = f"{by} names it, and its state file {'is not yours to read' if there else 'is not there'}"
        return Check(name, UNKNOWN if there else RED, found + ("" if there else ": it has never run"), mend)
    seen = {match[1]: _state_time_ns(match) for match in map(_STATE_LINE.fullmatch, texts[0].splitlines()) if match}
    last = seen.get(log)
    if last is None:
        return Check(name, YELLOW, f"{by} names it, and logrotate has not seen it yet", mend)
    days = max(0, now_ns - last) // _DAY_NS
    ago = f"{days} day{'' if days == 1 else 's'} ago"
    if every in _OVERDUE_DAYS and now_ns - last > _OVERDUE_DAYS[every] * _DAY_NS:
        others = "; it has rotated others since" if max(seen.values()) > last else ""
        return Check(name, RED, f"by logrotate ({by}, {every}), and last {ago}{others}: it fails silently", mend)
    return Check(name, OK, f"by logrotate ({by}, {every}), last {ago}")


def _find_logrotate_rule(system: System, log: str) -> tuple[str, str, str] | None:
    """Return the file in which logrotate is told of ``log``, how often it rotates it, and the file that says
    copytruncate (empty: none does); None if no file names the log.

    Without a word of its own a log has what stands outside of all braces before it, and weekly (logrotate(8)).
    """
    usual, usual_copies = "weekly", ""
    for path in ("/etc/logrotate.conf", *sorted(glob("/etc/logrotate.d/*"))):
        inside, ours, every, copies = False, False, "", ""
        named: list[str] = []
        for line in (system.read_file(path) or "").splitlines():
            words = _shell_words(line.replace("{", " { ").replace("}", " } "))
            for word in words:
                if word == "{":
                    inside, ours = True, any(PurePosixPath(log).match(pattern) for pattern in named)
                    every, copies = usual, usual_copies
                elif word == "}":
                    if ours:
                        return path, every, copies
                    inside, named = False, []
                elif word.startswith("/") and not inside:
                    named.append(word)
                elif word in _OVERDUE_DAYS or word == "size":
                    every = word
                    usual = usual if inside else word
                elif word in ("copytruncate", "nocopytruncate"):
                    copies = path if word == "copytruncate" else ""
                    usual_copies = usual_copies if inside else copies
    return None


def _shell_words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:  # a quote that is not closed
        return line.split()


def _state_time_ns(match: re.Match[str]) -> int:
    """The time of a line of the state file, which has no zone: logrotate writes local time."""
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[1:])
    try:
        return round(datetime(year, month, day, hour, minute, second).timestamp()) * NS_PER_S
    except (ValueError, OverflowError, OSError):
        return 0
