"""One line of the log: its parser and its formatter, pure and total.

A line is ``[stamp] [COFFEE: n] [KEY: value]… text``. Formatting escapes everything that could move a cursor or forge a
tag, so no text can become a second line or a tag. Parsing accepts any bytes, and returns None if they are not a line
of 3am.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from threeam.core.format.escape import escape_unprintable as escape_unprintable
from threeam.core.format.kinds import CEREMONY, CONTINUED, HYPOTHESIS_TAG, NOTE, WORDS

NS_PER_S = 1_000_000_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MIN_NS = (1 - _EPOCH_DAY) * 86_400 * NS_PER_S  # years 1 to 9999 in UTC: only these have four digits in every zone
_END_NS = (date.max.toordinal() + 1 - _EPOCH_DAY) * 86_400 * NS_PER_S

ACQUIRED = "Acquired sanity lock."
RELEASING = "Releasing sanity lock."
CLOCK_STEPPED_PREFIX = "WARNING: Clock stepped back "  # followed by the time: the order of the file is the true one
CEREMONY_TEXTS = frozenset({ACQUIRED, RELEASING})

MAX_COFFEE_VALUE = 999_999_999  # the COFFEE tag has nine digits
MAX_TEXT_BYTES = 64 * 1024  # of text in a line that 3am writes: a kill does not tear one write of a block of such lines
CONTINUATION_PREFIX = "|+ "  # before the second and later pieces of a longer text
BOM = b"\xef\xbb\xbf"  # the byte order mark that some editors put in front of a file
CONTINUED_FROM = "Continued from "  # and the name of the file before: with an AT tag, the first line of a file
REPEATED_TAG = "REPEATED"  # a tag of that line: the number of lines after it that a rotation repeats
ON_TAG = "ON"  # in place of H: the line is about a hypothesis of another host
STATE_TAG = "STATE"  # the state of that hypothesis after the line

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
        local_time = _format_utc_seconds(seconds + self.utc_offset_s)
        return f"{local_time}.{fraction:09d}{sign}{minutes // 60:02d}{minutes % 60:02d}"

    @property
    def time_of_day(self) -> str:
        """Return ``HH:MM:SS.nnnnnnnnn`` in the writer's zone."""
        return str(self)[11:29]

    @property
    def iso_date(self) -> str:
        """Return ``YYYY-MM-DD`` in the writer's zone."""
        return str(self)[:10]

    def rfc3339(self) -> str:
        """Return the instant in UTC with ``Z``, for the output that programs read."""
        seconds, fraction = divmod(self.ns, NS_PER_S)
        return f"{_format_utc_seconds(seconds)}.{fraction:09d}Z"

    def to_json(self) -> dict[str, str]:
        """Return ``ts`` (RFC 3339, nine digits) and ``ts_ns`` (a string: a double could not hold it)."""
        return {"ts": self.rfc3339(), "ts_ns": str(self.ns)}

    @classmethod
    def parse(cls, text: str) -> Stamp | None:
        """Return the stamp that the whole of ``text`` is, or None."""
        match = _STAMP_ONLY.fullmatch(text)
        return _make_stamp(match.groups()) if match else None


class Author(NamedTuple):
    """The author of a line: ``user@host:pid``, and in tmux ``%pane``."""

    user: str
    host: str
    pid: int
    pane: str = ""

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.pid}{self.pane}"

    @property
    def label(self) -> str:
        """Return what the screen shows: ``alice%3``."""
        return self.user + self.pane


class Entry(NamedTuple):
    """A parsed line of the log: stamp, cups, the tags after COFFEE in order, and the text.

    ``assigned_position``: its position, if the fold has assigned one that is not the stamp; see `position`.
    """

    stamp: Stamp
    cups: int
    tags: tuple[tuple[str, str], ...]
    text: str
    assigned_position: int | None = None

    def tag(self, key: str) -> str | None:
        """Return the value of the first tag ``key``, or None."""
        for name, value in self.tags:
            if name == key:
                return value
        return None

    @property
    def author(self) -> Author | None:
        """Return the author, or None for a line without one."""
        value = self.tag("BY")
        if value is None or not (match := _BY.fullmatch(value)):
            return None
        user, host, pid, pane = match.groups()
        return Author(user, host, int(pid), pane or "")

    @property
    def carried_from(self) -> Stamp | None:
        """Return the stamp of the original of a line that a rotation has repeated, else None."""
        value = self.tag("AT")
        return None if value is None else Stamp.parse(value)

    @property
    def effective_stamp(self) -> Stamp:
        """Return the stamp of the original for a repeated line, and its own for any other."""
        return self.carried_from or self.stamp

    @property
    def position(self) -> int:
        """Return the place of the line among the lines that change the state: its stamp (ns), as a rule.

        After a step of the clock backwards it is a number after the positions of all such lines before it. A line that
        was repeated has it in ``ORDER``.
        """
        if self.assigned_position is not None:
            return self.assigned_position
        if self.carried_from is not None and _ORDER.fullmatch(value := self.tag("ORDER") or ""):
            return int(value)
        return self.effective_stamp.ns

    @property
    def activity_stamp(self) -> Stamp | None:
        """Return when its author was active, if this line shows it: they typed it, or it repeats that they did."""
        if self.author is None or self.tag("VIA") is not None:
            return None
        if self.tag("AT") is None:
            return self.stamp
        return self.carried_from if self.kind == "Carried" else None

    @property
    def predecessor_name(self) -> str | None:
        """Return the name of the file that this line's file continues, if this line names it."""
        if not self.text.startswith(CONTINUED_FROM) or self.carried_from is None:
            return None
        return self.text[len(CONTINUED_FROM) :]

    @property
    def repeated_count(self) -> int | None:
        """Return how many lines after this one repeat lines of the file before, for the line that names that file.

        None if it has no such number, as in files of older versions.
        """
        value = self.tag(REPEATED_TAG)
        return int(value) if value is not None and _COUNT.fullmatch(value) else None

    @property
    def hypothesis(self) -> tuple[int, str] | None:
        """Return (number, state after this line) from the ``H`` tag, or None."""
        for name, value in self.tags:
            if match := _HYPOTHESIS_KEY.fullmatch(name):
                return int(match[1]), value
        return None

    @property
    def hypothesis_name(self) -> str | None:
        """Return the name of the hypothesis that the line belongs to: ``H7``, of another host ``db1/H7``, or None."""
        return self.tag(ON_TAG) if self.hypothesis is None else f"H{self.hypothesis[0]}"

    @property
    def state_after(self) -> str | None:
        """Return the state of the hypothesis that the line belongs to, here or on another host, after it, or None."""
        return self.tag(STATE_TAG) if self.hypothesis is None else self.hypothesis[1]

    @property
    def kind(self) -> str:
        """Return the known word before the first colon, or ``note``.

        A word without its tag is only a word: ``Coffee: two, please`` is a note. The one exception is the Bash
        script's ``Hypothesis:``, which has no tags at all.
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
        if tag == HYPOTHESIS_TAG:  # another host's hypothesis is opened in its own log alone
            is_tagged = self.hypothesis is not None or (word != "Hypothesis" and self.tag(ON_TAG) is not None)
        else:
            is_tagged = self.tag(tag) is not None
        return word if is_tagged else NOTE

    @property
    def body(self) -> str:
        """Return the text without the word of its kind: the icon stands for that."""
        return self.text if self.kind in (NOTE, CEREMONY, CONTINUED) else self.text.partition(":")[2].lstrip(" ")


def by_tag(author: Author | None) -> tuple[tuple[str, str], ...]:
    """Return the ``BY`` tag of ``author``, or no tag without one."""
    return (("BY", str(author)),) if author is not None else ()


def author_name(author: Author | None) -> str:
    """Return the user, or ``script`` for a line without an author."""
    return author.user if author is not None else "script"


def decode_utf8(raw: bytes) -> str:
    """Return the characters of ``raw``; an undecodable byte becomes ``\\xff``."""
    return raw.decode("utf-8", "backslashreplace")


def split_submission(text: str) -> list[str]:
    """Return the lines of ``text``, escaped, the later ones with a ``| `` in front; one at least.

    Lines end in ``\\n`` or ``\\r\\n``. A line of over `MAX_TEXT_BYTES` becomes several: the later pieces begin with
    `CONTINUATION_PREFIX`.
    """
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").rstrip("\n").split("\n"):
        first, *rest = split_long_text(escape_unprintable(line))
        lines += ["| " + first if lines else first, *(CONTINUATION_PREFIX + piece for piece in rest)]
    return lines


def split_long_text(text: str) -> list[str]:
    """Return ``text`` in pieces of at most `MAX_TEXT_BYTES` bytes; one at least."""
    if len(text) * 4 <= MAX_TEXT_BYTES or len(text.encode()) <= MAX_TEXT_BYTES:
        return [text]
    data, pieces = text.encode(), []
    while len(data) > MAX_TEXT_BYTES:
        end = utf8_boundary(data, MAX_TEXT_BYTES)
        pieces.append(data[:end].decode())
        data = data[end:]
    return [*pieces, data.decode()]


def utf8_boundary(data: bytes, end: int) -> int:
    """Return the last offset at or before ``end`` at which no UTF-8 character is cut."""
    for back in range(min(4, end)):
        if data[end - back] & 0xC0 != 0x80:
            return end - back
    return end  # these bytes are not UTF-8


def format_entry(entry: Entry) -> bytes:
    """Return the line of ``entry`` with its newline, in UTF-8. No text can forge a tag or a line."""
    return f"[{entry.stamp}]{format_tail(entry.cups, entry.tags, entry.text)}\n".encode()


def format_tail(cups: int, tags: Iterable[tuple[str, str]], text: str) -> str:
    """Return everything of a line after its stamp, without the newline."""
    formatted_tags = "".join(f" [{key}: {escape_tag_value(value)}]" for key, value in tags)
    text = escape_unprintable(text)
    if _LOOKS_LIKE_TAG.match(text):
        text = "\\" + text
    return f" [COFFEE: {cups}]{formatted_tags} {text}"


def format_batch(stamp: Stamp, cups: int, tags: Iterable[tuple[str, str]], texts: list[str]) -> bytes:
    """Return a line for each of ``texts``, the first at ``stamp`` and then + 1 ns a line.

    The same as `format_entry` for each of them, in a tenth of the time: for streams.
    """
    joined = "".join(texts)
    texts = texts if joined.isascii() and joined.isprintable() else [escape_unprintable(text) for text in texts]
    texts = [("\\" + text if text[:1] in ("[", "\\") and _LOOKS_LIKE_TAG.match(text) else text) for text in texts]
    return format_stamped_lines(stamp, format_tail(cups, tags, ""), texts)


def format_stamped_lines(stamp: Stamp, prefix: str, texts: list[str]) -> bytes:
    """Return a line for each of ``texts``: a stamp, ``prefix`` and the text. From ``stamp`` on, + 1 ns a line."""
    fraction = stamp.ns % NS_PER_S
    if fraction + len(texts) > NS_PER_S:  # they cross the second: the first part of the stamps changes
        return "".join(
            [f"[{Stamp(stamp.ns + index, stamp.utc_offset_s)}]{prefix}{text}\n" for index, text in enumerate(texts)]
        ).encode()
    first = str(stamp)
    head, zone = "[" + first[:20], first[29:] + "]" + prefix
    return "".join([f"{head}{ns:09d}{zone}{text}\n" for ns, text in enumerate(texts, fraction)]).encode()


def escape_tag_value(value: str) -> str:
    """Return ``value`` safe for the inside of a tag: in one line, and without the bracket that would end the tag."""
    return escape_unprintable(value).replace("]", ")")


def parse_entry(raw: bytes) -> Entry | None:
    """Return the entry of a line (without its newline), or None. It raises nothing, whatever the bytes."""
    if raw[-1:] == b"\r":  # the line end of an editor or of another system
        raw = raw[:-1]
    match = _LINE.fullmatch(decode_utf8(raw))
    if match is None and raw.startswith(BOM):
        match = _LINE.fullmatch(decode_utf8(raw[len(BOM) :]))
    if match is None:
        return None
    *stamp_fields, cups, tags, text = match.groups()
    stamp = _make_stamp(stamp_fields)
    if stamp is None:
        return None
    text = text or ""
    if _QUOTED_TAG.match(text):
        text = text[1:]
    return Entry(stamp, int(cups), tuple(_TAGS.findall(tags)) if tags else (), text)


def find_stamp_refs(text: str) -> list[Stamp]:
    """Return the ``@stamp`` references in ``text``, in order, without those that are not valid stamps."""
    stamps = (_make_stamp(match.groups()[1:]) for match in _REFERENCE.finditer(text))
    return [stamp for stamp in stamps if stamp is not None]


def leading_stamp_ref(text: str) -> Stamp | None:
    """Return the ``@stamp`` at the beginning of ``text``, or None: a line cites it. A later one is only a mention."""
    match = _REFERENCE.match(text)
    return _make_stamp(match.groups()[1:]) if match else None


@lru_cache(maxsize=256)
def _format_utc_seconds(seconds: int) -> str:
    year, month, day, hour, minute, second, *_ = time.gmtime(seconds)
    return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}"


@lru_cache(maxsize=64)
def _days_since_epoch(day: str) -> int | None:
    try:
        return date.fromisoformat(day).toordinal() - _EPOCH_DAY
    except ValueError:  # the pattern matches the 31st of February, too
        return None


def _make_stamp(fields: Sequence[str]) -> Stamp | None:
    """Return the stamp of the groups of `_STAMP`, or None if there is no such time."""
    day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = fields
    if hour > "23" or minute > "59" or second > "59" or offset_hours > "23" or offset_minutes > "59":
        return None
    days = _days_since_epoch(day)
    if days is None:
        return None
    offset = int(offset_hours) * 3600 + int(offset_minutes) * 60
    if sign == "-":
        offset = -offset
    seconds = days * 86400 + int(hour) * 3600 + int(minute) * 60 + int(second) - offset
    ns = seconds * NS_PER_S + int(fraction)
    return Stamp(ns, offset) if _MIN_NS <= ns < _END_NS else None
