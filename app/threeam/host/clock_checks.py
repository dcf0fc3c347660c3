"""Checks of the clock: its source, its resolution, whether it is synchronised, and the time zone."""

from __future__ import annotations

import re
import time
from itertools import pairwise

from threeam.core.format.times import format_duration
from threeam.host.check import OK, RED, UNKNOWN, YELLOW, Check
from threeam.host.system import System

_CLOCKSOURCE_FILE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
_SLOW_SOURCES = ("hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit")  # read over a bus, or counted in ticks
_YELLOW_GRANULARITY_NS, _RED_GRANULARITY_NS = 10_000, 1_000_000  # too coarse to order the events of a race
_MAX_OFFSET_NS = 10_000_000  # longer than the window of most races
_READING_COUNT = 2_000
_UNITS_NS = {"us": 1_000, "ms": 1_000_000, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9, "d": 86_400 * 10**9}


def check_clock(system: System, now_ns: int) -> list[Check]:
    """Return the checks of the clock. ``now_ns``: the time, to find the next change of the time zone."""
    return [_check_source(system), _check_resolution(), _check_synchronised(system), _check_zone(system, now_ns)]


def _check_source(system: System) -> Check:
    source = (system.read_file(_CLOCKSOURCE_FILE) or "").strip()
    if not source:
        return Check("clock source", UNKNOWN, "the kernel does not report it")
    if source in _SLOW_SOURCES:
        available = _CLOCKSOURCE_FILE.replace("current", "available")
        fix = f"cat {available}; echo tsc | {system.sudo_prefix}tee {_CLOCKSOURCE_FILE}"
        return Check("clock source", YELLOW, f"{source}: slow to read, or coarse", fix)
    return Check("clock source", OK, source)


def _check_resolution() -> Check:
    """Return the resolution by clock_getres(2), and the granularity of readings, which is that of stamps."""
    nominal_ns = round(time.clock_getres(time.CLOCK_REALTIME) * 1e9)
    readings = [time.time_ns() for _ in range(_READING_COUNT)]
    granularity_ns = min((later - earlier for earlier, later in pairwise(readings) if later > earlier), default=0)
    detail = f"{format_duration(nominal_ns)}; two readings are {format_duration(granularity_ns)} apart"
    resolution_ns = max(nominal_ns, granularity_ns)
    if resolution_ns >= _RED_GRANULARITY_NS or granularity_ns == 0:
        return Check("clock resolution", RED, f"{detail}: too coarse for a race")
    return Check("clock resolution", YELLOW if resolution_ns > _YELLOW_GRANULARITY_NS else OK, detail)


def _check_synchronised(system: System) -> Check:
    """Return whether chrony or timesyncd synchronises the clock, and the offset if one reports it."""
    name = "clock synchronised"
    if system.which("chronyc") and (output := _output_of(system, "chronyc", "-c", "tracking")) is not None:
        return _check_chrony(system, name, output)
    synchronised = _output_of(system, "timedatectl", "show", "--property=NTPSynchronized", "--value") or ""
    if synchronised.strip() == "yes":
        status = _output_of(system, "timedatectl", "timesync-status") or ""
        offset = re.search(r"Offset: *[+-]?(.*)", status)
        terms = re.findall(r"(\d+(?:\.\d+)?) ?(us|ms|s|min|h|d)\b", offset[1]) if offset else []
        if not terms:
            return Check(name, OK, "yes, offset unknown")
        offset_ns = sum(round(float(count) * _UNITS_NS[unit]) for count, unit in terms)
        return _check_offset(system, name, "by timesyncd", offset_ns)
    fix = system.install_command("chrony")
    if synchronised.strip() == "no":
        return Check(name, YELLOW, "no: lines of two hosts cannot be compared", fix)
    return Check(name, UNKNOWN, "neither chrony nor timesyncd reports it", fix)


def _output_of(system: System, *argv: str) -> str | None:
    """Return the output of a program, or None if it failed."""
    result = system.run(argv)
    return result[1] if result is not None and result[0] == 0 else None


def _check_chrony(system: System, name: str, output: str) -> Check:
    """Return the check by `chronyc -c tracking`: field 5 is the offset (s), field 14 the leap status (chronyc(1))."""
    fields = output.strip().split(",")
    try:
        offset_ns, leap = round(float(fields[4]) * 1e9), fields[13]
    except (IndexError, ValueError, OverflowError):
        return Check(name, UNKNOWN, f"cannot read the output of chronyc: {output.strip()}")
    if leap == "Not synchronised":
        return Check(name, YELLOW, "chrony runs, and has no source", "chronyc sources")
    return _check_offset(system, name, "by chrony", offset_ns)


def _check_offset(system: System, name: str, source: str, offset_ns: int) -> Check:
    detail = f"{source}, {format_duration(abs(offset_ns))} off"
    if abs(offset_ns) <= _MAX_OFFSET_NS:
        return Check(name, OK, detail)
    return Check(name, YELLOW, detail, f"{system.sudo_prefix}chronyc makestep" if "chrony" in source else "")


def _check_zone(system: System, now_ns: int) -> Check:
    """Return the time zone of new stamps, yellow if its clocks change within a day of now."""
    day_before, now, day_after = (time.localtime(now_ns // 10**9 + hours * 3600) for hours in (-24, 0, 24))
    name = system.environ.get("TZ", "").removeprefix(":") or _zone_name(system)
    detail = ", ".join(filter(None, [name, now.tm_zone, time.strftime("%z", now)]))
    if day_before.tm_gmtoff != day_after.tm_gmtoff:
        return Check("time zone", YELLOW, f"{detail}: its clocks change within a day of now; stamps say which")
    return Check("time zone", OK, detail)


def _zone_name(system: System) -> str:
    configured = (system.read_file("/etc/timezone") or "").strip()
    if configured:
        return configured
    from os.path import realpath

    return realpath("/etc/localtime").partition("/zoneinfo/")[2]
