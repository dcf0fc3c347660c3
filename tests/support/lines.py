"""Stamps of one night, the lines of a log, and what may never stand in text that a terminal shows."""

from __future__ import annotations

import re

from threeam.core.format.entry import NS_PER_S, Author, Entry, Stamp, format_entry

NIGHT = Stamp(1_795_490_047_123_456_789, 0)  # 2026-11-24T03:14:07.123456789+0000
MINUTE_NS = 60 * NS_PER_S
HOUR_NS = 3600 * NS_PER_S
BY = ("BY", "alice@db1:4121%3")  # the tag of alice's lines

# Controls but the newline, and what turns the direction of text or breaks a line.
HARMFUL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def at_second(seconds: float) -> Stamp:
    """Return the stamp that many seconds after `NIGHT`."""
    return Stamp(NIGHT.ns + round(seconds * NS_PER_S))


def at_minute(minutes: float) -> Stamp:
    """Return the stamp that many minutes after `NIGHT`."""
    return Stamp(NIGHT.ns + round(minutes * MINUTE_NS))


def entry_of(
    author: Author | None, stamp: Stamp, text: str, tags: tuple[tuple[str, str], ...] = (), cups: int = 0
) -> Entry:
    """Return an entry of ``author``, or one of the Bash script, which names no author."""
    by = (("BY", str(author)),) if author is not None else ()
    return Entry(stamp, cups, by + tags, text)


def parse_stamp(text: str) -> Stamp:
    """Return the stamp that ``text`` is."""
    stamp = Stamp.parse(text)
    assert stamp is not None, text
    return stamp


def line(ns: int, text: str, *tags: tuple[str, str]) -> bytes:
    """Return the line of an entry of nobody, ``ns`` nanoseconds after `NIGHT`."""
    return format_entry(Entry(Stamp(NIGHT.ns + ns), 0, tags, text))
