"""The deadlock reports of InnoDB, as MySQL and MariaDB write them.

They stand in the error log (``innodb_print_all_deadlocks``), and in the output of ``SHOW ENGINE INNODB STATUS`` and of
the InnoDB monitor, which have the latest one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from threeam.core.format.entry import NS_PER_S, decode_utf8
from threeam.races.deadlocks.report import (
    MAX_REPORT_BYTES,
    MAX_REPORT_LINES,
    DeadlockReport,
    Lock,
    LogLine,
    Participant,
    Server,
)
from threeam.races.deadlocks.statement_shape import Dialect, ends_in_string

STATUS_TITLE = b"LATEST DETECTED DEADLOCK"
_MAX_STATEMENT_LINES = 500  # servers cut a statement at some kilobytes

_HEADER = re.compile(rb"(?P<prefix>.{0,120}?)(?:InnoDB:|\[InnoDB\]) [Tt]ransactions deadlock detected, dumping ")
_NOTE = re.compile(rb"(?P<prefix>.{0,120}?\[\w+\] (?:\[MY-\d+\] )?)(?:InnoDB:|\[InnoDB\]) ?(?P<text>.*)", re.DOTALL)
_ENTRY = re.compile(rb"[\dT:.+Z -]{15,40} (?P<thread>[\da-fx]+) \[\w+\] ")
_SECTION = re.compile(
    rb"\*\*\* (?:\((?P<number>\d+)\) )?"
    rb"(?P<name>TRANSACTION|HOLDS THE LOCK\(S\)|WAITING FOR THIS LOCK TO BE GRANTED|CONFLICTING WITH):\s*\Z"
)
_VICTIM = re.compile(rb"\*\*\* WE ROLL BACK TRANSACTION \((?P<number>\d+)\)")
_TRANSACTION = re.compile(rb"TRANSACTION (?P<id>[0-9A-Fa-f ]+), ")
_THREAD = re.compile(rb"(?:MySQL|MariaDB) thread id \d+\b")
_TITLE_RULE = re.compile(rb"-{3,}\s*\Z")
_TIME = re.compile(
    rb"(?P<Y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)[ T] ?(?P<H>\d{1,2}):(?P<M>\d\d):(?P<S>\d\d)\b"
    rb"|(?P<y>\d\d)(?P<m2>\d\d)(?P<d2>\d\d) +(?P<H2>\d{1,2}):(?P<M2>\d\d):(?P<S2>\d\d)\b"
)
_LOCK = re.compile(
    rb"(?:RECORD LOCKS (?P<place>space id \d+ page no \d+) n bits \d+ index (?P<index>.+?) of table |TABLE LOCK table )"
    rb"(?P<table>.+?) trx id (?P<trx>[0-9A-Fa-f ]+?) lock[_ ]mode (?P<mode>.+?)(?P<waiting> waiting)?\s*\Z"
)
_RECORD = re.compile(rb"Record lock, heap no (?P<heap>\d+)")
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_UNESCAPED = {b"n": b"\n", b"t": b"\t", b"0": b"\0"}


@dataclass
class _RawLock:
    """A lock as it is read. ``heaps``: the numbers of its records in the page."""

    fields: re.Match[bytes]
    heaps: list[int] = field(default_factory=list)

    @property
    def transaction(self) -> str:
        return decode_utf8(self.fields["trx"])

    @property
    def lock(self) -> Lock:
        mode, _, extent = decode_utf8(self.fields["mode"]).partition(" ")
        mode += f" ({extent.removeprefix('locks ')})" if extent else ""
        table = f"table {decode_utf8(self.fields['table'])}"
        if self.fields["index"] is None:
            return Lock(mode, table, table)
        kind = f"index {decode_utf8(self.fields['index']).strip('`')} of {table}"
        place = decode_utf8(self.fields["place"]).replace(" id ", " ").replace(" no ", " ")
        records = f", record {', '.join(map(str, self.heaps))}" if self.heaps else ""
        return Lock(mode, f"{kind} ({place}{records})", kind)


@dataclass
class _Transaction:
    """A transaction as it is read. ``conflicts``: the locks of all transactions that it waited for."""

    number: int
    id: str
    thread: str = ""
    lines: list[bytes] = field(default_factory=list)
    waits_for: _RawLock | None = None
    holds: list[_RawLock] = field(default_factory=list)
    conflicts: list[_RawLock] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"transaction {self.id}"

    @property
    def statement(self) -> str:
        return decode_utf8(b"\n".join(self.lines)).strip("\n")

    def participant(self, transactions: Sequence[_Transaction]) -> Participant:
        """Return what the report says of it. Of two transactions, each waits for the other."""
        locks = [lock for each in transactions for lock in (*each.holds, *each.conflicts)]
        holds = tuple(dict.fromkeys(lock.lock for lock in locks if lock.transaction == self.id))
        waits_for = None if self.waits_for is None else self.waits_for.lock
        blockers = [f"transaction {lock.transaction}" for lock in self.conflicts]
        if not blockers and len(transactions) == 2:
            blockers = [each.name for each in transactions]
        blocked_by = tuple(name for name in dict.fromkeys(blockers) if name != self.name)
        return Participant(self.name, self.thread, self.statement or None, waits_for, blocked_by, holds)


def innodb_reader(line: LogLine) -> InnodbReader | None:
    """Return the reader of the report that begins in ``line``, or None if none of InnoDB's does."""
    header = _HEADER.match(line.text)
    if header is not None:
        return InnodbReader(line)
    return InnodbReader(line, is_status=True) if line.text.strip() == STATUS_TITLE else None


def unescaped_status(line: LogLine) -> list[LogLine]:
    """Return the lines of a status that a client has printed in one line, with ``\\n`` for each newline; else none."""
    if STATUS_TITLE + rb"\n" not in line.text:
        return []
    text = _ESCAPE.sub(lambda escape: _UNESCAPED.get(escape[1], escape[1]), line.text)
    lines = text[text.index(STATUS_TITLE) :].split(b"\n")
    return [line._replace(raw=each, text=each) for each in lines]


class InnodbReader:
    """Reads the lines that follow the title of a report.

    In the error log of a newer server each section is an entry, all by one thread. Lines of other threads may stand
    between them. A line of a statement may look like a title, so a title counts only if its section follows.
    """

    def __init__(self, line: LogLine, *, is_status: bool = False) -> None:
        self._first = line
        entry, note = _ENTRY.match(line.text), _NOTE.match(line.text)
        self._has_notes = note is not None and not is_status
        self._thread = entry["thread"] if entry is not None and not is_status else None
        self._is_status = is_status
        self._after_note = False  # the note that begins a section is an empty line
        self._time: re.Match[bytes] | None = None
        self._transactions: list[_Transaction] = []
        self._title: re.Match[bytes] | None = None  # of a section of which no line was read
        self._blank_lines: list[bytes] = []  # after that title
        self._section = b""
        self._lock: _RawLock | None = None
        self._victim: int | None = None
        self._is_cut = False
        self._bytes = self._lines = 0
        self.is_complete = False

    def take(self, line: LogLine) -> bool:
        """Return whether ``line`` belongs to the report, and keep it then. `is_complete`: no line can follow."""
        self._lines += 1
        self._bytes += len(line.text)
        if self._lines > MAX_REPORT_LINES or self._bytes > MAX_REPORT_BYTES:
            self.is_complete = True
            return False
        text, is_note = line.text, False
        entry = _ENTRY.match(text) if self._has_notes or not self._is_in_statement else None
        if entry is not None:
            note = _NOTE.match(text)
            is_section = note is not None and (not note["text"].strip() or note["text"].startswith(b"***"))
            if entry["thread"] == self._thread and is_section and note is not None:
                text, is_note = note["text"], True
            elif not (self._is_in_statement and ends_in_string(self._transactions[-1].statement, Dialect.MYSQL)):
                self.is_complete = entry["thread"] == self._thread  # it has begun another entry
                return False
        self._is_cut = not line.finished
        is_title_possible = is_note or self._after_note or not self._has_notes
        self._after_note = is_note and not text
        if not self._after_note:
            self._read(text, is_title_possible)
        return not self.is_complete or self._victim is not None

    @property
    def _is_in_statement(self) -> bool:
        if self._section != b"TRANSACTION" or not self._transactions:
            return False
        return bool(self._transactions[-1].thread) and len(self._transactions[-1].lines) < _MAX_STATEMENT_LINES

    def _read(self, text: bytes, is_title_possible: bool) -> None:
        if self._title is not None:
            if not text.strip():
                self._blank_lines.append(text)
                return
            self._begin_section(self._title, text)
            return
        if is_title_possible and (title := _SECTION.match(text)) is not None:
            self._title, self._blank_lines = title, []
        elif self._is_in_statement:
            self._transactions[-1].lines.append(text)
        elif is_title_possible and (victim := _VICTIM.match(text)) is not None:
            self._victim, self.is_complete = int(victim["number"]), True
        elif self._is_status and self._transactions and _TITLE_RULE.match(text):
            self.is_complete = True  # of the next part of the status
        else:
            self._read_line_of_section(text)

    def _begin_section(self, title: re.Match[bytes], text: bytes) -> None:
        """Begin a section if ``text`` is its first line; else title and text belong to the statement before it."""
        self._title = None
        is_transaction = title["name"] == b"TRANSACTION"
        if (_TRANSACTION if is_transaction else _LOCK).match(text) is None and self._is_in_statement:
            self._transactions[-1].lines += (title[0], *self._blank_lines, text)
            return
        self._section, self._lock = title["name"], None
        self._read_line_of_section(text, int(title["number"] or 0))

    def _read_line_of_section(self, text: bytes, number: int = 0) -> None:
        if self._section == b"TRANSACTION":
            if (transaction := _TRANSACTION.match(text)) is not None:
                self._transactions.append(_Transaction(number, decode_utf8(transaction["id"])))
            elif self._transactions and _THREAD.match(text):
                self._transactions[-1].thread = decode_utf8(text)
        elif not self._section:
            self._time = self._time or _TIME.match(text)
        elif self._transactions and (fields := _LOCK.match(text)) is not None:
            self._add_lock(_RawLock(fields))
        elif self._lock is not None and (record := _RECORD.match(text)) is not None:
            self._lock.heaps.append(int(record["heap"]))

    def _add_lock(self, lock: _RawLock) -> None:
        self._lock, transaction = lock, self._transactions[-1]
        if self._section.startswith(b"WAITING"):
            transaction.waits_for = transaction.waits_for or lock
        elif self._section.startswith(b"HOLDS"):
            transaction.holds.append(lock)
        else:
            transaction.conflicts.append(lock)

    def report(self) -> DeadlockReport | None:
        """Return the report."""
        transactions, missing = self._transactions, list[str]()
        for each in transactions:
            if each.waits_for is None:
                missing.append(f"the lock that {each.name} waited for")
            if not each.statement:
                missing.append(f"the statement of {each.name}")
        if len(transactions) < 2:
            missing.append("the other transactions")
        if self._victim is None:
            missing.append("which transaction was rolled back")
        if self._is_cut:
            missing.append("the end of the report: the log ends before it")
        participants = tuple(each.participant(transactions) for each in transactions)
        numbers = [each.number for each in transactions]
        victim = numbers.index(self._victim) if self._victim in numbers else None
        report = self._first.report(Server.INNODB, participants, victim, (), tuple(missing))
        return self._at_stated_time(report) if self._is_status else report

    def _at_stated_time(self, report: DeadlockReport) -> DeadlockReport:
        """Return the report at the time that follows the title. Its zone is that of the log, if its lines have none."""
        report = report._replace(ns=None, resolution_ns=0)
        detection = report.source.detection
        if self._time is None:
            return report
        report = report._replace(stated_time=decode_utf8(self._time[0]))
        if detection is None or not detection.reader.place.is_local:
            return report
        groups = self._time.groupdict()
        fields = {name: groups[name] or groups[f"{name}2"] for name in "mdHMS"}
        ns = detection.reader.clock.second_ns({**fields, "Y": groups["Y"], "y": groups["y"]})
        if ns is None:
            return report
        return report._replace(ns=ns + report.source.correction.shift_ns, resolution_ns=NS_PER_S)
