"""The deadlock reports of PostgreSQL: in its log with any ``log_line_prefix``, in its CSV log and in its JSON log."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.format.entry import decode_utf8
from threeam.races.deadlocks.report import (
    MAX_REPORT_BYTES,
    MAX_REPORT_LINES,
    DeadlockReport,
    Lock,
    LogLine,
    Participant,
    Server,
)

_MAX_PREFIX = 500  # bytes before the level of a line
_FIELDS = rb"DETAIL|HINT|QUERY|CONTEXT|LOCATION|BACKTRACE|STATEMENT"
_LEVELS = rb"LOG|ERROR|FATAL|PANIC|WARNING|NOTICE|INFO|DEBUG[1-5]?"
_LABELLED = re.compile(
    rb"(?P<prefix>[^\t]{0,%d}?)(?:(?P<field>%s)|(?:%s)):  (?P<text>.*)" % (_MAX_PREFIX, _FIELDS, _LEVELS), re.DOTALL
)
_HEADER = re.compile(rb"(?P<prefix>[^\t]{0,%d}?)(?P<level>ERROR):  (?:40P01: )?deadlock detected\Z" % _MAX_PREFIX)
_OTHER_LABEL = re.compile(rb"(?:%s|%s):  " % (_FIELDS, _LEVELS))
_CONTINUATION = re.compile(rb"(?P<prefix>[^\t#]{0,%d}?)(?:\t|#011)(?P<text>.*)" % _MAX_PREFIX, re.DOTALL)
_NUMBER = re.compile(rb"\d+")
_FIRST_PROCESS = re.compile(rb"Process (\d+) waits for ")
_CLIENT_LINE = re.compile(rb"(?P<prefix>[^\t]{0,%d}?)(?P<field>DETAIL:  )?(?<!\S)Process \d+ waits for " % _MAX_PREFIX)

_WAIT = re.compile(r"Process (?P<pid>\d+) waits for (?P<mode>\S+) on (?P<target>.+); blocked by process (?P<by>\d+)\.")
_UNAVAILABLE = re.compile(r"<[a-z -]+>")  # in place of a statement
_ROW = re.compile(r"\b(tuple|page) \(?[\d,]+\)?")
_KEYS = re.compile(r"\[[\d,]+\]|\b(?<=transaction )[\d/]+|(?<=token )\d+|(?<=object )\d+")
_TUPLE_PLACE = re.compile(r"(while [a-z ]+?) \(\d+,\d+\) ((?:in|of) relation .*)")
_FUNCTION_PLACE = re.compile(r"PL/\w+ function .*")

_CSV_FIELD = re.compile(rb'(?:"(?P<quoted>(?:[^"]|"")*)(?P<closed>"|\Z)|(?P<plain>[^,"]*))(?P<end>,|\Z)')
_CSV_RECORD = re.compile(
    rb'[^"\n]{10,60}?,(?:"(?:[^"]|"")*+")?,(?:"(?:[^"]|"")*+")?,\d+,(?:"[^"]*")?,[0-9a-f]+\.[0-9a-f]+,\d+,'
)
_CSV_DEADLOCK = re.compile(rb',40P01,"(?!")')  # a quote in the text of another record would be doubled
_CSV_STATE, _CSV_DETAIL, _CSV_CONTEXT, _CSV_STATEMENT = 12, 14, 18, 19
_JSON_STATE = re.compile(rb'"state_code"\s*:\s*"40P01"')
_JSON_MEMBER = re.compile(r'"(?P<name>\w+)"\s*:\s*"(?P<value>(?:[^"\\]|\\.)*)"?')


class _Details(NamedTuple):
    """The texts of a report. None: the log does not have the field."""

    detail: str | None
    context: str | None
    statement: str | None
    is_torn: bool = False


def postgresql_reader(line: LogLine) -> PostgresqlTextReader | CsvRecordReader | JsonLineReader | None:
    """Return the reader of the report that begins in ``line``, or None if none of PostgreSQL's does."""
    header = _HEADER.match(line.text)
    if header is not None and not _OTHER_LABEL.search(header["prefix"]):
        return PostgresqlTextReader(line, header["prefix"])
    if _CSV_DEADLOCK.search(line.text) and _CSV_RECORD.match(line.text):
        return CsvRecordReader(line)
    if line.text.startswith(b"{") and _JSON_STATE.search(line.text):
        return JsonLineReader(line)
    return None


class PostgresqlTextReader:
    """Reads the lines that follow ``ERROR:  deadlock detected``.

    Lines of other processes may stand between them. What tells them apart is the prefix: but for its numbers it is the
    same on all lines of a report, and so is the pid, if the prefix has it.
    """

    def __init__(self, line: LogLine, prefix: bytes) -> None:
        self._first = line
        self._shape = _NUMBER.sub(b"0", prefix)
        self._numbers = _NUMBER.findall(prefix)
        self._pid = b""  # empty until it is known
        self._pid_indexes: list[int] = []  # of the pid among the numbers of the prefix; empty: it is not there
        self._fields: dict[bytes, list[bytes]] = {}
        self._last_field = b""
        self._is_last_mine = True  # whether the line before belongs to the report: a line without a prefix continues it
        self._is_client_copy = False
        self._is_cut = not line.finished
        self._bytes = self._lines = 0
        self.is_complete = False

    def take(self, line: LogLine) -> bool:
        """Return whether ``line`` belongs to the report, and keep it then. `is_complete`: no line can follow."""
        self._lines += 1
        if self._lines > MAX_REPORT_LINES or self._bytes > MAX_REPORT_BYTES:
            self.is_complete = True
            return False
        continuation = _CONTINUATION.match(line.text)
        if continuation is not None and self._continues(continuation["prefix"]):
            return self._keep(line, continuation["text"])
        labelled = _LABELLED.match(line.text)
        if labelled is not None and self._is_of_report(labelled):
            self._is_last_mine, self._last_field = True, labelled["field"]
            self._fields.setdefault(self._last_field, [])
            return self._keep(line, labelled["text"])
        if self._is_last_mine and self._is_sent_to_client(line.text):
            self._is_client_copy = True
        self._is_last_mine = False
        self.is_complete = b"STATEMENT" in self._fields or self._is_client_copy or self._is_new_entry(labelled)
        return False

    def _continues(self, prefix: bytes) -> bool:
        if not self._is_last_mine or not self._last_field:
            return False
        return self._shape.startswith(_NUMBER.sub(b"0", prefix)) and self._has_pid(_NUMBER.findall(prefix))

    def _is_of_report(self, labelled: re.Match[bytes]) -> bool:
        field, prefix = labelled["field"], labelled["prefix"]
        if field is None or field in self._fields or _NUMBER.sub(b"0", prefix) != self._shape:
            return False
        numbers = _NUMBER.findall(prefix)
        if field != b"DETAIL" or self._pid:
            return self._has_pid(numbers)
        process = _FIRST_PROCESS.match(labelled["text"])
        if process is None or (process[1] in numbers) != (process[1] in self._numbers):
            return False
        self._pid = process[1]
        self._pid_indexes = [index for index, number in enumerate(self._numbers) if number == self._pid]
        return self._has_pid(numbers)

    def _is_sent_to_client(self, text: bytes) -> bool:
        """Return whether a line is of a report that a client was sent, and has logged.

        The server puts a tab before the second process, and its whole prefix before the detail. A container or a
        logger may have put its own prefix before all lines.
        """
        line = _CLIENT_LINE.match(text)
        if line is None:
            return False
        prefix = _NUMBER.sub(b"0", line["prefix"])
        return self._shape.startswith(prefix) and (line["field"] is None or prefix != self._shape)

    def _is_new_entry(self, labelled: re.Match[bytes] | None) -> bool:
        """Return whether the process has begun another entry."""
        if labelled is None or labelled["field"] is not None or not self._pid:
            return False
        prefix = labelled["prefix"]
        return _NUMBER.sub(b"0", prefix) == self._shape and self._has_pid(_NUMBER.findall(prefix))

    def _has_pid(self, numbers: Sequence[bytes]) -> bool:
        """Return whether a prefix with these numbers may be of the process: the pid is where the first line has it."""
        return all(numbers[index] == self._pid for index in self._pid_indexes if index < len(numbers))

    def _keep(self, line: LogLine, text: bytes) -> bool:
        self._fields[self._last_field].append(text)
        self._is_cut = not line.finished
        self._bytes += len(text)
        return True

    def report(self) -> DeadlockReport | None:
        """Return the report; None if it is the copy that a client was sent: the log of the server has the original."""
        detection = self._first.source.detection
        is_of_server = bool(self._fields) or (detection is not None and detection.format.name == "postgresql")
        if self._is_client_copy or not is_of_server:
            return None
        texts = {field: decode_utf8(b"\n".join(lines)) for field, lines in self._fields.items()}
        is_torn = self._is_cut or (b"DETAIL" in texts and b"HINT" not in texts and b"STATEMENT" not in texts)
        details = _Details(texts.get(b"DETAIL"), texts.get(b"CONTEXT"), texts.get(b"STATEMENT"), is_torn)
        return _report(self._first, details)


class CsvRecordReader:
    """Reads a record of the CSV log, whose texts may have several lines."""

    def __init__(self, line: LogLine) -> None:
        self._first = line
        self._raw = bytearray(line.raw)
        self._quotes = line.raw.count(b'"')
        self._is_torn = False
        self.is_complete = self._quotes % 2 == 0

    def take(self, line: LogLine) -> bool:
        """Return whether ``line`` belongs to the record: its quotes are not closed, and no other record begins."""
        if _CSV_RECORD.match(line.text):
            self.is_complete = self._is_torn = True
            return False
        self._raw += b"\n" + line.raw
        self._quotes += line.raw.count(b'"')
        self.is_complete = self._quotes % 2 == 0 or len(self._raw) > MAX_REPORT_BYTES
        return True

    def report(self) -> DeadlockReport | None:
        """Return the report; None if the record is about something else."""
        raw, fields, offset = bytes(self._raw), list[str | None](), 0
        is_torn = self._is_torn or self._quotes % 2 == 1
        while (match := _CSV_FIELD.match(raw, offset)) is not None:
            quoted = match["quoted"]
            fields.append(decode_utf8(match["plain"] if quoted is None else quoted.replace(b'""', b'"')))
            offset = match.end()
            if not match["end"]:
                break
        is_torn |= offset < len(raw)
        fields += [None] * (_CSV_STATEMENT + 1 - len(fields))
        if fields[_CSV_STATE] != "40P01":
            return None
        detail, context, statement = (fields[index] or None for index in (_CSV_DETAIL, _CSV_CONTEXT, _CSV_STATEMENT))
        return _report(self._first, _Details(detail, context, statement, is_torn))


class JsonLineReader:
    """Reads a line of the JSON log."""

    is_complete = True

    def __init__(self, line: LogLine) -> None:
        self._line = line

    def take(self, line: LogLine) -> bool:
        """Return False: a report is one line."""
        return False

    def report(self) -> DeadlockReport | None:
        """Return the report; None if the line is about something else."""
        text = decode_utf8(self._line.text)
        try:
            members, is_torn = json.loads(text), False
        except ValueError:  # it was cut: what stands before the cut is read
            members, is_torn = _members_of_torn(text), True
        if members.get("state_code") != "40P01":
            return None
        detail, context, statement = (
            value if isinstance(value := members.get(name), str) else None
            for name in ("detail", "context", "statement")
        )
        return _report(self._line, _Details(detail, context, statement, is_torn))


def _members_of_torn(text: str) -> dict[str, str]:
    members = dict[str, str]()
    for match in _JSON_MEMBER.finditer(text):
        try:
            members.setdefault(match["name"], json.loads(f'"{match["value"]}"'))
        except ValueError:  # an escape that JSON does not have
            continue
    return members


def _report(line: LogLine, details: _Details) -> DeadlockReport:
    participants, missing = _participants(details)
    if details.is_torn:
        missing.append("the end of the report: the log ends before it, or lines are lost")
    places = [place for text in (details.context or "").split("\n") if (place := _place(text))]
    return line.report(
        Server.POSTGRESQL, tuple(participants), 0 if participants else None, tuple(places), tuple(missing)
    )


def _place(text: str) -> str:
    """Return a line of a context without the values in it, or an empty text if it may have others."""
    match = _TUPLE_PLACE.fullmatch(text)
    if match is not None:
        return f"{match[1]} {match[2]}"
    return text if _FUNCTION_PLACE.fullmatch(text) else ""


def _participants(details: _Details) -> tuple[list[Participant], list[str]]:
    """Return those who waited, the victim first, and what is missing."""
    if details.detail is None:
        alone = [Participant("the process", statement=details.statement)] if details.statement else []
        return alone, ["who waited for whom: the report has no DETAIL, as with log_error_verbosity = terse"]
    texts = details.detail.split("\n")
    waits = list[re.Match[str]]()
    for text in texts:
        wait = _WAIT.fullmatch(text)
        if wait is None:
            break
        waits.append(wait)
    if not waits:
        return [], ["who waited for whom: the DETAIL is cut, or not in English (lc_messages)"]
    statements = _statements([wait["pid"] for wait in waits], texts[len(waits) :])
    pids, missing = {wait["pid"] for wait in waits}, list[str]()
    participants = list[Participant]()
    for index, wait in enumerate(waits):
        pid = wait["pid"]
        statement = details.statement if index == 0 and details.statement else statements.get(pid)
        if statement is None or _UNAVAILABLE.fullmatch(statement):
            missing.append(f"the statement of process {pid}" + (f": {statement}" if statement else ""))
            statement = None
        if wait["by"] not in pids:
            missing.append(f"what process {wait['by']} waited for")
        lock = Lock(wait["mode"], wait["target"], _KEYS.sub("?", _ROW.sub(r"\1 ?", wait["target"])))
        blocker = f"process {wait['by']}"
        participants.append(Participant(f"process {pid}", "", statement, lock, (blocker,)))
    return participants, missing


def _statements(pids: Sequence[str], texts: Sequence[str]) -> dict[str, str]:
    """Return the statement of each process. They follow each other in the order of the waits, each with its pid."""
    statements, index = dict[str, str](), 0
    for text in texts:
        head = f"Process {pids[index]}: " if index < len(pids) else None
        if head is not None and text.startswith(head):
            statements[pids[index]] = text.removeprefix(head)
            index += 1
        elif index:
            statements[pids[index - 1]] += f"\n{text}"
    return statements
