"""One line of the log: parse and format, pure and total.

A line is ``[stamp] [COFFEE: n] [KEY: value]… text``. Formatting makes anything that could move a
cursor or forge a tag visible, so no text can become a second line or a tag; parsing accepts any
bytes and gives None where they are not a line of ours.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from threeam.core.format.escape import escape_unprintable as escape_unprintable
from threeam.core.format.kinds import CEREMONY, CONTINUED, HYPOTHESIS_TAG, NOTE, WORDS

NS_PER_S = 1_000_000_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MIN_NS = (1 - _EPOCH_DAY) * 86_400 * NS_PER_S  # years 1 to 9999 in UTC: no other has four digits in every zone
_END_NS = (date.max.toordinal() + 1 - _EPOCH_DAY) * 86_400 * NS_PER_S

ACQUIRED = "Acquired sanity lock."
RELEASING = "Releasing sanity lock."
CLOCK_STEPPED_PREFIX = "WARNING: Clock stepped back "  # and how far: the order of the file is the true order
CEREMONY_TEXTS = frozenset({ACQUIRED, RELEASING})

MAX_COFFEE_VALUE = 999_999_999  # that the COFFEE tag has room for
MAX_TEXT_BYTES = (
    64 * 1024
)  # bytes of text in a line that 3am writes: a single write of a block of them is not torn by a kill
CONTINUATION_PREFIX = "|+ "  # before the second and later pieces of a longer one
BOM = b"\xef\xbb\xbf"  # the byte order mark that some editors put in front of a file
CONTINUED_FROM = "Continued from "  # and the name of the file before: with an AT tag, the first line of a file
REPEATED_TAG = "REPEATED"  # the tag of that line: how many lines after it repeat what the file before it says

_STAMP = r"(\d{4}-\d\d-\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{9})([+-])(\d\d)(\d\d)"
_STAMP_ONLY = re.compile(_STAMP, re.ASCII)
_TAG = r"\[[A-Z0-9]+: [^\]]*\]"
_LINE = re.compile(rf"\[{_STAMP}\] \[COFFEE: (\d{{1,9}})\]((?: {_TAG})*)(?: (.*))?", re.ASCII | re.DOTALL)
_TAGS = re.compile(r"\[([A-Z0-9]+): ([^\]]*)\]")
_LOOKS_LIKE_TAG = re.compile(rf"\\*{_TAG}")
_QUOTED_TAG = re.compile(rf"\\+{_TAG}")
_REFERENCE = re.compile(rf"@({_STAMP})(?!\d)", re.ASCII)
_HYPOTHESIS_KEY = re.compile(r"H(\d{1,9})", re.ASCII)
_ORDER = re.compile(r"-?\d{1,20}", re.ASCII)
_COUNT = re.compile(r"\d{1,9}", re.ASCII)
_BY = re.compile(r"([^@]*)@(.*):(\d{1,9})(%\d+)?", re.ASCII)


class Stamp(NamedTuple):
    """An instant as the log holds it.

    ``ns``: integer nanoseconds since 1970-01-01T00:00:00Z. ``offset``: seconds east of UTC of the
    writer's own zone, whole minutes.
    """

    ns: int
    utc_offset_s: int = 0

    def __str__(self) -> str:
        seconds, fraction = divmod(self.ns, NS_PER_S)
        sign, minutes = ("-", -self.utc_offset_s // 60) if self.utc_offset_s < 0 else ("+", self.utc_offset_s // 60)
        return f"{_format_utc_seconds(seconds + self.utc_offset_s)}.{fraction:09d}{sign}{minutes // 60:02d}{minutes % 60:02d}"

    @property
    def time_of_day(self) -> str:
        """``HH:MM:SS.nnnnnnnnn`` in the writer's zone."""
        return str(self)[11:29]

    @property
    def iso_date(self) -> str:
        """``YYYY-MM-DD`` in the writer's zone."""
        return str(self)[:10]

    def rfc3339(self) -> str:
        """The instant in UTC with ``Z``, as machine output has it."""
        seconds, fraction = divmod(self.ns, NS_PER_S)
        return f"{_format_utc_seconds(seconds)}.{fraction:09d}Z"

    @classmethod
    def parse(cls, text: str) -> Stamp | None:
        """The stamp that ``text`` is, whole, or None."""
        found = _STAMP_ONLY.fullmatch(text)
        return _make_stamp(*found.groups()) if found else None


class Author(NamedTuple):
    """Who wrote a line: ``user@host:pid``, and in tmux ``%pane``."""

    user: str
    host: str
    pid: int
    pane: str = ""

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.pid}{self.pane}"

    @property
    def label(self) -> str:
        """``alice%3``, as the screen shows it."""
        return self.user + self.pane


class Entry(NamedTuple):
    """A line of the log that parses: stamp, cups, the tags after COFFEE in order, and the text.

    ``order``: its position, if the fold has found that it is not the stamp; see `position`.
    """

    stamp: Stamp
    cups: int
    tags: tuple[tuple[str, str], ...]
    text: str
    assigned_position: int | None = None

    def tag(self, key: str) -> str | None:
        """The value of the first tag ``key``, or None."""
        for name, value in self.tags:
            if name == key:
                return value
        return None

    @property
    def author(self) -> Author | None:
        """The author, or None for a line that belongs to nobody."""
        value = self.tag("BY")
        if value is None or not (found := _BY.fullmatch(value)):
            return None
        user, host, pid, pane = found.groups()
        return Author(user, host, int(pid), pane or "")

    @property
    def carried_from(self) -> Stamp | None:
        """For a line that a rotation has carried over from the file before: when what it says came to be."""
        value = self.tag("AT")
        return None if value is None else Stamp.parse(value)

    @property
    def effective_stamp(self) -> Stamp:
        """When what it says came to be: its own stamp, and for a line that was carried over that of the first."""
        return self.carried_from or self.stamp

    @property
    def position(self) -> int:
        """The place of the line among the lines that change the state: its stamp (ns) until the clock is stepped back.

        Then it is later than that of every such line before it. A line that was carried over says it in ``ORDER``.
        """
        if self.assigned_position is not None:
            return self.assigned_position
        if self.carried_from is not None and _ORDER.fullmatch(value := self.tag("ORDER") or ""):
            return int(value)
        return self.effective_stamp.ns

    @property
    def activity_stamp(self) -> Stamp | None:
        """When its author was active, where this line shows it: they typed it, or it carries that over."""
        if self.author is None or self.tag("VIA") is not None:
            return None
        if self.tag("AT") is None:
            return self.stamp
        return self.carried_from if self.kind == "Carried" else None

    @property
    def predecessor_name(self) -> str | None:
        """The name of the file that this line's file continues, if this is the line that says so."""
        if not self.text.startswith(CONTINUED_FROM) or self.carried_from is None:
            return None
        return self.text[len(CONTINUED_FROM) :]

    @property
    def repeated_count(self) -> int | None:
        """For the line that names the predecessor: how many lines after it repeat what that file says.

        None if it does not say so, as in files of older versions, or if what it says is not a number.
        """
        value = self.tag(REPEATED_TAG)
        return int(value) if value is not None and _COUNT.fullmatch(value) else None

    @property
    def hypothesis(self) -> tuple[int, str] | None:
        """(number, state after this line) from the ``H`` tag, or None."""
        for name, value in self.tags:
            if found := _HYPOTHESIS_KEY.fullmatch(name):
                return int(found[1]), value
        return None

    @property
    def kind(self) -> str:
        """The known word before the first colon, or ``note``.

        A word whose tag is missing is only a word: ``Coffee: two, please`` is a note. The one
        exception is the Bash script's ``Hypothesis:``, which has no tags at all.
        """
        if self.text in CEREMONY_TEXTS:
            return CEREMONY
        if self.predecessor_name is not None:
            return CONTINUED
        word, colon, _ = self.text.partition(":")
        if not colon or word not in WORDS:
            return NOTE
        tag = WORDS[word].tag
        if tag is None or (word == "Hypothesis" and all(key == "AT" for key, _ in self.tags)):
            return word
        is_tagged = self.hypothesis is not None if tag == HYPOTHESIS_TAG else self.tag(tag) is not None
        return word if is_tagged else NOTE

    @property
    def body(self) -> str:
        """The text without its kind: what is left to read once a sign stands for the word."""
        return self.text if self.kind in (NOTE, CEREMONY, CONTINUED) else self.text.partition(":")[2].lstrip(" ")


def by_tag(author: Author | None) -> tuple[tuple[str, str], ...]:
    """The tag of whoever said it; none, where nobody is said to have."""
    return (("BY", str(author)),) if author is not None else ()


def author_name(author: Author | None) -> str:
    """The user who wrote it; ``script``, where nobody is said to have."""
    return author.user if author is not None else "script"


def decode_utf8(raw: bytes) -> str:
    """The characters of ``raw``; undecodable bytes appear as ``\\xff``."""
    return raw.decode("utf-8", "backslashreplace")


def split_submission(text: str) -> list[str]:
    """The lines of one submission (``\\n``, ``\\r\\n``), made visible, later ones with their ``| ``; one at least.

    A line of over 64 KiB goes on in lines with `GOES_ON` in front.
    """
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").rstrip("\n").split("\n"):
        first, *rest = split_long_text(escape_unprintable(line))
        lines += ["| " + first if lines else first, *(CONTINUATION_PREFIX + piece for piece in rest)]
    return lines


def split_long_text(text: str) -> list[str]:
    """``text`` in pieces of at most `LONGEST` bytes; one at least."""
    if len(text) * 4 <= MAX_TEXT_BYTES or len(text.encode()) <= MAX_TEXT_BYTES:
        return [text]
    data, cut = text.encode(), []
    while len(data) > MAX_TEXT_BYTES:
        end = utf8_boundary(data, MAX_TEXT_BYTES)
        cut.append(data[:end].decode())
        data = data[end:]
    return [*cut, data.decode()]


def utf8_boundary(data: bytes, end: int) -> int:
    """The last place at or before ``end`` where no character of UTF-8 is cut."""
    for back in range(min(4, end)):
        if data[end - back] & 0xC0 != 0x80:
            return end - back
    return end  # bytes that are no UTF-8 at all


def format_entry(entry: Entry) -> bytes:
    """The whole line of ``entry`` with its newline, UTF-8. No text can forge a tag or a line."""
    return f"[{entry.stamp}]{format_tail(entry.cups, entry.tags, entry.text)}\n".encode()


def format_tail(cups: int, tags: Iterable[tuple[str, str]], text: str) -> str:
    """Everything of a line after its stamp, without the newline."""
    shown = "".join(f" [{key}: {escape_tag_value(value)}]" for key, value in tags)
    text = escape_unprintable(text)
    if _LOOKS_LIKE_TAG.match(text):
        text = "\\" + text
    return f" [COFFEE: {cups}]{shown} {text}"


def format_batch(stamp: Stamp, cups: int, tags: Iterable[tuple[str, str]], texts: list[str]) -> bytes:
    """A line for each of ``texts``, the first at ``stamp`` and then + 1 ns a line.

    What `format_entry` gives for each, at a tenth of the price: for streams.
    """
    whole = "".join(texts)
    texts = texts if whole.isascii() and whole.isprintable() else [escape_unprintable(text) for text in texts]
    texts = [("\\" + text if text[:1] in ("[", "\\") and _LOOKS_LIKE_TAG.match(text) else text) for text in texts]
    return format_stamped_lines(stamp, format_tail(cups, tags, ""), texts)


def format_stamped_lines(stamp: Stamp, prefix: str, texts: list[str]) -> bytes:
    """Return a line for each of ``texts``: a stamp, ``before``, and the text. From ``stamp`` on, + 1 ns a line."""
    fraction = stamp.ns % NS_PER_S
    if fraction + len(texts) > NS_PER_S:  # over the second's edge: the first part of each line changes
        stamps = (Stamp(stamp.ns + i, stamp.utc_offset_s) for i in range(len(texts)))
        return "".join([f"[{at}]{prefix}{text}\n" for at, text in zip(stamps, texts, strict=True)]).encode()
    text = str(stamp)
    head, zone = "[" + text[:20], text[29:] + "]" + prefix
    return "".join([f"{head}{ns:09d}{zone}{text}\n" for ns, text in enumerate(texts, fraction)]).encode()


def escape_tag_value(value: str) -> str:
    """``value`` as it may stand inside a tag: one line, and without the bracket that would end it."""
    return escape_unprintable(value).replace("]", ")")


def parse_entry(raw: bytes) -> Entry | None:
    """The entry that a line (without its newline) is, or None: never an error, whatever the bytes."""
    if raw[-1:] == b"\r":  # of an editor's or another system's line end
        raw = raw[:-1]
    found = _LINE.fullmatch(decode_utf8(raw)) or (
        _LINE.fullmatch(decode_utf8(raw[3:])) if raw.startswith(BOM) else None
    )
    if not found:
        return None
    stamp = _make_stamp(*found.groups()[:8])
    if stamp is None:
        return None
    coffee, tags, text = found.groups()[8:]
    text = text or ""
    if _QUOTED_TAG.match(text):
        text = text[1:]
    return Entry(stamp, int(coffee), tuple(_TAGS.findall(tags)) if tags else (), text)


def find_stamp_refs(text: str) -> list[Stamp]:
    """The ``@stamp`` references in ``text``, in order; what only looks like one is left out."""
    stamps = (_make_stamp(*found.groups()[1:]) for found in _REFERENCE.finditer(text))
    return [stamp for stamp in stamps if stamp is not None]


def leading_stamp_ref(text: str) -> Stamp | None:
    """The ``@stamp`` that ``text`` begins with: what it is about. One further on is only mentioned."""
    found = _REFERENCE.match(text)
    return _make_stamp(*found.groups()[1:]) if found else None


@lru_cache(maxsize=256)
def _format_utc_seconds(seconds: int) -> str:
    t = time.gmtime(seconds)
    return f"{t.tm_year:04d}-{t.tm_mon:02d}-{t.tm_mday:02d}T{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d}"


@lru_cache(maxsize=64)
def _days_since_epoch(day: str) -> int | None:
    try:
        return date.fromisoformat(day).toordinal() - _EPOCH_DAY
    except ValueError:  # the 31st of February parses as digits, and is no day
        return None


def _make_stamp(
    day: str, hour: str, minute: str, second: str, ns: str, sign: str, off_h: str, off_m: str
) -> Stamp | None:
    days = _days_since_epoch(day)
    if days is None or hour > "23" or minute > "59" or second > "59" or off_h > "23" or off_m > "59":
        return None
    offset = int(off_h) * 3600 + int(off_m) * 60
    if sign == "-":
        offset = -offset
    seconds = days * 86400 + int(hour) * 3600 + int(minute) * 60 + int(second) - offset
    since_epoch = seconds * NS_PER_S + int(ns)
    return Stamp(since_epoch, offset) if _MIN_NS <= since_epoch < _END_NS else None
