"""The clock: its source, how fine it is, whether anybody keeps it right, and the zone."""

from __future__ import annotations

import re
import time
from itertools import pairwise

from threeam.core.format.times import format_duration
from threeam.host.check import OK, RED, UNKNOWN, YELLOW, Check
from threeam.host.system import System

_CLOCKSOURCE_FILE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
_SLOW_SOURCES = ("hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit")  # read over a bus, or counted by ticks
_FINE_NS, _COARSE_NS = 1_000, 1_000_000  # above the one it is said, above the other it is too coarse for a race
_MAX_OFFSET_NS = 10_000_000  # an offset above this is more than most races are wide
_READING_COUNT = 2_000
_UNITS_NS = {"us": 1_000, "ms": 1_000_000, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9, "d": 86_400 * 10**9}  # ns


def check_clock(system: System, now_ns: int) -> list[Check]:
    """The checks of the clock. ``now_ns``: the time, for the zone's next change."""
    return [_check_source(system), _check_resolution(), _check_synchronised(system), _check_zone(system, now_ns)]


def _check_source(system: System) -> Check:
    source = (system.read_file(_CLOCKSOURCE_FILE) or "").strip()
    if not source:
        return Check("clock source", UNKNOWN, "the kernel does not say")
    if source in _SLOW_SOURCES:
        mend = f"cat {_CLOCKSOURCE_FILE.replace('current', 'available')}; echo tsc | {system.sudo_prefix}tee {_CLOCKSOURCE_FILE}"
        return Check("clock source", YELLOW, f"{source}: slow to read, or coarse", mend)
    return Check("clock source", OK, source)


def _check_resolution() -> Check:
    """What clock_getres(2) says, and the smallest step between readings, which is what stamps really have."""
    says_ns = round(time.clock_getres(time.CLOCK_REALTIME) * 1e9)
    readings = [time.time_ns() for _ in range(_READING_COUNT)]
    step_ns = min((after - one for one, after in pairwise(readings) if after > one), default=0)
    found = f"{format_duration(says_ns)}; two readings are {format_duration(step_ns)} apart"
    coarse = max(says_ns, step_ns)
    if coarse >= _COARSE_NS or step_ns == 0:
        return Check("clock resolution", RED, f"{found}: too coarse for a race")
    return Check("clock resolution", YELLOW if coarse > _FINE_NS * 10 else OK, found)


def _check_synchronised(system: System) -> Check:
    """Whether somebody keeps the clock right, and how far off it is: chrony, timesyncd, or what systemd knows."""
    name = "clock synchronised"
    if system.which("chronyc") and (ran := system.run(("chronyc", "-c", "tracking"))) and ran[0] == 0:
        return _check_chrony(system, name, ran[1])
    asked = system.run(("timedatectl", "show", "--property=NTPSynchronized", "--value"))
    says = asked[1].strip() if asked is not None and asked[0] == 0 else ""
    if says == "yes":
        status = system.run(("timedatectl", "timesync-status"))
        said = re.search(r"Offset: *[+-]?(.*)", status[1]) if status and status[0] == 0 else None
        parts = re.findall(r"(\d+(?:\.\d+)?) ?(us|ms|s|min|h|d)\b", said[1]) if said else []
        if not parts:
            return Check(name, OK, "yes, and nobody says how far it is off")
        return _check_offset(
            system, name, "by timesyncd", sum(round(float(count) * _UNITS_NS[unit]) for count, unit in parts)
        )
    mend = system.install_command("chrony")
    if says == "no":
        return Check(name, YELLOW, "no: lines of two hosts cannot be compared", mend)
    return Check(name, UNKNOWN, "neither chrony nor timesyncd is here to say", mend)


def _check_chrony(system: System, name: str, output: str) -> Check:
    """What `chronyc -c tracking` says: field 5 is the offset in seconds, field 14 the leap status (chronyc(1))."""
    fields = output.strip().split(",")
    try:
        offset_ns, leap = round(float(fields[4]) * 1e9), fields[13]
    except (IndexError, ValueError, OverflowError):
        return Check(name, UNKNOWN, f"chronyc says what this does not understand: {output.strip()}")
    if leap == "Not synchronised":
        return Check(name, YELLOW, "chrony runs, and has no source", "chronyc sources")
    return _check_offset(system, name, "by chrony", offset_ns)


def _check_offset(system: System, name: str, source: str, offset_ns: int) -> Check:
    far = abs(offset_ns) > _MAX_OFFSET_NS
    found = f"{source}, {format_duration(abs(offset_ns))} off"
    return Check(
        name,
        YELLOW if far else OK,
        found,
        f"{system.sudo_prefix}chronyc makestep" if far and "chrony" in source else "",
    )


def _check_zone(system: System, now_ns: int) -> Check:
    """The zone in which stamps are written; a change of its clocks within a day is worth knowing at 3 AM."""
    before, local, after = (time.localtime(now_ns // 10**9 + hours * 3600) for hours in (-24, 0, 24))
    name = system.environ.get("TZ", "").removeprefix(":") or _zone_name(system)
    found = ", ".join(filter(None, [name, local.tm_zone, time.strftime("%z", local)]))
    if before.tm_gmtoff != after.tm_gmtoff:
        return Check("time zone", YELLOW, f"{found}: its clocks change within a day of now; stamps say which")
    return Check("time zone", OK, found)


def _zone_name(system: System) -> str:
    written = (system.read_file("/etc/timezone") or "").strip()
    if written:
        return written
    from os.path import realpath

    _, found, name = realpath("/etc/localtime").partition("/zoneinfo/")
    return name if found else ""
