"""The bound of this host's clock: how far it is from UTC at most, as what synchronises it says."""

from __future__ import annotations

import ctypes
import os
import re
from typing import NamedTuple

from threeam.core.format.times import format_exact_duration
from threeam.process.captured import run_captured

BOUND_AGE_S = 30.0  # s; a bound that is older is asked for again
_TIMEOUT_S = 2.0  # of chronyc, which waits for an answer of its daemon
_CHRONY_FIELDS = 14  # of `chronyc -c tracking`, see chronyc(1)
_OFFSET, _ROOT_DELAY, _ROOT_DISPERSION, _LEAP_STATUS = 4, 10, 11, 13
_SECONDS = re.compile(r"-?(\d{1,9})\.(\d{9})\d*", re.ASCII)
_STA_UNSYNC = 0x40  # of adjtimex(2): the clock is not synchronised
_REMEDY = "start chrony or systemd-timesyncd"


class ClockBound(NamedTuple):
    """The bound (ns) of the error of this host's clock against UTC; None: it has none.

    ``source``: ``chrony``, ``adjtimex``, or empty if neither says anything. ``sentence``: the same for a person.
    """

    bound_ns: int | None
    source: str
    sentence: str


class _Timex(ctypes.Structure):
    """The beginning of the kernel's ``struct timex``, and room for the rest of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 512),
    )


def own_clock_bound() -> ClockBound:
    """Return the bound of this host's clock: by chrony if it answers, else by the kernel. It takes up to 2 s."""
    return _ask_chrony() or _ask_kernel()


def _ask_chrony() -> ClockBound | None:
    """Return what chrony says; None if it is not there, does not answer, or prints what cannot be read."""
    result = run_captured(["chronyc", "-c", "tracking"], _TIMEOUT_S, {**os.environ, "LC_ALL": "C"})
    return parse_tracking(result[1]) if result is not None and result[0] == 0 else None


def parse_tracking(output: str) -> ClockBound | None:
    """Return the bound in the output of ``chronyc -c tracking``; None if that is something else.

    chronyc(1): the error is at most the offset, the root dispersion and half of the root delay, if the clock of the
    stratum 1 server is right.
    """
    fields = output.strip().split(",")
    if len(fields) != _CHRONY_FIELDS:
        return None
    if fields[_LEAP_STATUS] == "Not synchronised":
        sentence = "this host's clock is not synchronised: chrony has no source; chronyc sources shows what it tries"
        return ClockBound(None, "chrony", sentence)
    offset_ns, delay_ns, dispersion_ns = (
        _magnitude_ns(fields[index]) for index in (_OFFSET, _ROOT_DELAY, _ROOT_DISPERSION)
    )
    if offset_ns is None or delay_ns is None or dispersion_ns is None:
        return None
    bound_ns = offset_ns + dispersion_ns + (delay_ns + 1) // 2
    return ClockBound(bound_ns, "chrony", f"{_bound_sentence(bound_ns)} (chrony)")


def _magnitude_ns(text: str) -> int | None:
    """Return the magnitude of a number of seconds with nine digits at least, in ns, rounded up."""
    match = _SECONDS.fullmatch(text)
    if match is None:
        return None
    return int(match[1]) * 10**9 + int(match[2]) + (1 if text[match.end(2) :].strip("0") else 0)


def _ask_kernel() -> ClockBound:
    timex = _Timex()  # modes 0: only read
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        is_refused = libc.adjtimex(ctypes.byref(timex)) < 0
    except (OSError, AttributeError):  # this system has no such call
        is_refused = True
    if is_refused:
        sentence = "the bound of this host's clock is not known: neither chronyc nor adjtimex(2) answers"
        return ClockBound(None, "", sentence)
    if timex.status & _STA_UNSYNC:
        sentence = f"this host's clock is not synchronised (adjtimex: STA_UNSYNC): {_REMEDY}"
        return ClockBound(None, "adjtimex", sentence)
    bound_ns = timex.maxerror * 1000
    return ClockBound(bound_ns, "adjtimex", f"{_bound_sentence(bound_ns)} (adjtimex)")


def _bound_sentence(bound_ns: int) -> str:
    return f"this host's clock is within {format_exact_duration(bound_ns)} of UTC"
