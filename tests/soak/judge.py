"""The judge: pure functions from the books and the files of one phase to the promises that were broken."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from books import Answer, Books, Problem, Text
from journal_files import File, Journal, Row, cup_in, is_expected, rows_of
from torn import Torn, torn_lines

from threeam.core.format.entry import Stamp, parse_entry
from threeam.core.state.fold import State
from threeam.projections import FOLD

_TIMES = {
    Answer.ACKNOWLEDGED: (1,),
    Answer.REFUSED: (0,),
    Answer.UNREAD: (0,),
    Answer.UNSURE: (0, 1),
    Answer.UNKNOWN: (0, 1),
}
_STAMPED = re.compile(rb"\[(2[^\]]*)\] \[COFFEE: \d")
_TIE_NS = 1_000_000  # the script's clock reading may be this far behind the line before


@dataclass(frozen=True)
class Rules:
    """How strict a phase is.

    ``lock``: whether the lock excluded everybody, so that numbers, cups and the order in time are exact. ``log``:
    whether the log was left where it is, so that the followers hear all of it and the files are one chain.
    """

    lock: bool = True
    log: bool = True


@dataclass
class Evidence:
    """What the judge looks at, besides the books.

    ``findings`` and ``code``: what `3am doctor --json` said. ``heard``: for each follower, the lines that it printed.
    ``gaps``: for each follower, whether it said that lines may be missing. ``notes``: what `faults.SyncWatch` noted.
    ``unlinked``: the names of the files in the folder that are not in the chain.
    """

    journal: Journal
    findings: Sequence[Mapping[str, Any]] = ()
    code: int = 0
    heard: Sequence[Sequence[bytes]] = ()
    gaps: Sequence[bool] = ()
    notes: Sequence[str] = ()
    unlinked: Sequence[str] = field(default_factory=list)


def judge(books: Books, evidence: Evidence, rules: Rules) -> list[Problem]:
    """All broken promises of one phase."""
    journal = evidence.journal
    torn, unexplained = torn_lines(journal, books, lock=rules.lock)
    late = frozenset[Row]() if rules.lock else late_rows(journal)
    problems = [
        *books.problems,
        *unexplained,
        *counted(journal, books, torn),
        *printed_as_written(journal),
        *order_of_each_writer(journal),
        *blocks_whole(journal, books),
        *states_repeated(journal.files, late),
        *synced(journal, evidence.notes),
    ]
    if rules.lock:
        problems += [*order_in_time(journal), *cups_counted(journal), *numbers_counted(journal)]
    else:
        problems += acknowledged_numbers(journal)
    if rules.lock and rules.log:
        problems += doctor_agrees(journal, torn, evidence.findings, evidence.code)
    if rules.log:
        problems += [Problem("chain", f"no file links to {name}") for name in evidence.unlinked]
    for number, lines in enumerate(evidence.heard):
        if rules.log:
            problems += heard_all(journal, books, lines, f"follower {number}", late)
            if rules.lock:  # else a second holder may write to a file that the first one has rotated
                problems += heard_in_order(journal, lines, f"follower {number}")
        else:
            problems += heard_once(journal, lines, f"follower {number}", gap=evidence.gaps[number])
    return problems


def counted(journal: Journal, books: Books, torn: Sequence[Torn]) -> Iterator[Problem]:
    """Checks that each acknowledged line is there once, no refused one, and each doubtful one at most once."""
    count = Counter(id(text) for _, text in journal.placed())
    count.update(id(line.glued) for line in torn if line.glued is not None)
    for text in books.every_text():
        if count[id(text)] not in _TIMES[text.answer]:
            yield Problem("count", f"{text.words[:80]!r} was {text.answer}, and is there {count[id(text)]} times")


def printed_as_written(journal: Journal) -> Iterator[Problem]:
    """Checks that what a process printed as its acknowledgement is byte for byte the line in the log."""
    for row, text in journal.placed():
        if text.raw and text.raw != row.raw:
            yield Problem("printed", f"{text.raw[:120]!r} was printed, and {row.raw[:120]!r} is in the log")


def order_of_each_writer(journal: Journal) -> Iterator[Problem]:
    """Checks that the lines of one process are in the order in which it was given them."""
    last: dict[str, Text] = {}
    for _, text in journal.placed():
        before = last.get(text.writer)
        if before is not None and before.begun > text.begun:
            yield Problem("order", f"{text.words[:60]!r} stands after {before.words[:60]!r}, which came later")
        last[text.writer] = text


def order_in_time(journal: Journal) -> Iterator[Problem]:
    """Checks that a line stands after every line that was acknowledged before it was begun."""
    begun, latest = 0, ""
    for _, text in journal.placed():
        if text.answer is not Answer.ACKNOWLEDGED:
            continue
        if text.answered < begun:
            yield Problem("time", f"{text.words[:60]!r} was acknowledged before {latest[:60]!r} began, and is after it")
        if text.begun > begun:
            begun, latest = text.begun, text.words


def blocks_whole(journal: Journal, books: Books) -> Iterator[Problem]:
    """Checks that a block is in the log whole and in one piece, or not at all."""
    size = Counter(text.block for text in books.texts.values() if text.block)
    places: dict[str, list[tuple[int, Row]]] = {}
    for place, (row, text) in enumerate(zip(journal.rows, journal.texts, strict=True)):
        if text is not None and text.block:
            places.setdefault(text.block, []).append((place, row))
    for block, rows in places.items():
        if len(rows) != size[block]:
            yield Problem("block", f"{len(rows)} of the {size[block]} lines of the block {block} are there")
        for (one, row), (two, following) in pairwise(rows):
            if two != one + 1 or row.file != following.file:
                yield Problem("block", f"other lines stand inside the block {block}")


def cups_counted(journal: Journal) -> Iterator[Problem]:
    """Checks that each cup is one more than the last of that user, and that every line says how many there are."""
    for rows in _generations(journal):
        cups: dict[str, int] = {}
        for row in rows:
            entry = row.entry
            if entry is None or entry.author is None or entry.tag("AT") is not None:
                continue
            user, number = entry.author.user, cup_in(entry)
            if number is not None and number != cups.get(user, 0) + 1:
                yield Problem("cups", f"cup {number} of {user} comes after cup {cups.get(user, 0)}")
            cups[user] = cups.get(user, 0) if number is None else number
            # The warnings and the ceremony before the first cup of a block of two say the cups before or after it.
            if not is_expected(entry) and entry.cups != cups[user]:
                yield Problem("cups", f"{row.raw[:100]!r} was written after {cups[user]} cups of {user}")


def numbers_counted(journal: Journal) -> Iterator[Problem]:
    """Checks that the hypotheses of a log are H1, H2, H3, …, in the order in which they were opened."""
    for rows in _generations(journal):
        last = 0
        for row in rows:
            number = _opened(row)
            if number is not None:
                if number != last + 1:
                    yield Problem("numbers", f"H{number} was opened after H{last}")
                last = max(last, number)


def acknowledged_numbers(journal: Journal) -> Iterator[Problem]:
    """Checks that no number was acknowledged twice, although the lock may have had two holders.

    The line of a second holder, which is in doubt, may say fewer cups than there were: the next cup counts on from it.
    """
    numbers: set[tuple[str, str, int]] = set()
    for row, text in journal.placed():
        entry = row.entry
        if entry is None:
            continue
        user = entry.author.user if entry.author is not None else ""
        # A screen does not tell this harness which of its lines are in doubt.
        if text.answer is not Answer.ACKNOWLEDGED or text.writer.startswith("screen"):
            numbers -= {one for one in numbers if one[:2] == ("cup", user) and one[2] > entry.cups}
        if text.answer is not Answer.ACKNOWLEDGED:
            continue
        if (number := _opened(row)) is not None:
            key = ("hypothesis", "", number)
        elif user and (number := cup_in(entry)) is not None:
            key = ("cup", user, number)
        else:
            continue
        if key in numbers:
            yield Problem("numbers", f"{key[0]} {number} {key[1]} was acknowledged twice")
        numbers.add(key)


def late_rows(journal: Journal) -> frozenset[Row]:
    """Return the lines that a second holder of the lock appended to a file that the first one was rotating.

    Only the Bash script may take them for written: `3am` looks whether its lock is still that of the log.
    """
    late = list[Row]()
    for number, file in enumerate(journal.files):
        begin = parse_entry(file.data.partition(b"\n")[0]) if file.before is not None else None
        if begin is None:
            continue
        rows = [pair for pair in zip(journal.rows, journal.texts, strict=True) if pair[0].file == number - 1]
        stamps = [str(row.entry.stamp) if row.entry is not None else "" for row, _ in rows]
        if begin.tag("AT") in stamps:  # the stamp of the last line that the rotation has read
            place = len(stamps) - stamps[::-1].index(str(begin.tag("AT")))
            late += [row for row, text in rows[place:] if row.pid == 0 or not _is_acknowledged(text)]
    return frozenset(late)


def states_repeated(files: Sequence[File], late: Container[Row] = ()) -> Iterator[Problem]:
    """Checks after each rotation that the first lines of the new file give the state of all files before it.

    ``late``: the lines that it cannot repeat.
    """
    state = FOLD.empty_state
    for number, file in enumerate(files):
        rows = (row._replace(file=number) for row in rows_of([file]))
        entries = [row.entry for row in rows if row.entry is not None and row.finished and row not in late]
        repeated = next((i for i, entry in enumerate(entries) if entry.tag("AT") is None), len(entries))
        if file.before is None:
            state = FOLD.empty_state
        else:
            alone = FOLD(FOLD.empty_state, entries[:repeated])
            yield from _same(state, alone, f"{files[number - 1].name} and the files before it", f"{file.name} begins")
        state = FOLD(state, entries)
        if file.before is not None:
            yield from _same(state, FOLD(FOLD.empty_state, entries), "all files", f"{file.name} alone ends")


def doctor_agrees(
    journal: Journal, torn: Sequence[Torn], findings: Sequence[Mapping[str, Any]], code: int
) -> Iterator[Problem]:
    """Checks that `3am doctor` finds the lines that a full disk tore and the script's clock readings, and no other."""
    expected = {(line.row, what) for line in torn for what in _damage(line, _stamp_after(line.row, journal))}
    last: Stamp | None = None
    for row in journal.rows:
        entry = row.entry
        if entry is None:
            continue
        if entry.author is None and last is not None and last.ns - entry.stamp.ns > _TIE_NS:
            expected.add((row, "backwards"))  # another process has stepped its clock, and the script cannot declare it
        last = entry.stamp
    wanted = {(journal.files[row.file].name, row.offset, what) for row, what in expected}
    findings_by_place = {
        (str(record["file"]), int(record["offset"]), str(record["what"])): str(record["text"]) for record in findings
    }
    yield from (
        Problem("doctor", f"the doctor finds {key}: {text}")
        for key, text in findings_by_place.items()
        if key not in wanted
    )
    yield from (Problem("doctor", f"the doctor does not find {key}") for key in wanted - findings_by_place.keys())
    if code != (5 if wanted else 0):
        yield Problem("doctor", f"the doctor ends with {code}, and {len(wanted)} findings were expected")


def heard_all(
    journal: Journal, books: Books, lines: Sequence[bytes], who: str, late: Iterable[Row] = ()
) -> Iterator[Problem]:
    """Checks that a follower printed every line once; one of ``late`` may have come when it had left that file.

    A batch that the disk cut short may be heard before its writer has cut it back.
    """
    there = [row.raw for row in journal.rows if row.entry is None or row.entry.tag("AT") is None]
    present, heard = set(there), [line for line in lines if b"] [AT: " not in line]
    refused = {text.words.encode() for text in books.texts.values() if text.answer is not Answer.ACKNOWLEDGED}
    doubled = [line for line, count in Counter(heard).items() if count > 1 and line in present]
    yield from (Problem("heard", f"{who} printed {line[:100]!r} more than once") for line in doubled)
    yield from (
        Problem("heard", f"{who} did not print {line[:100]!r}")
        for line in present - set(heard) - {row.raw for row in late}
    )
    for line in set(heard) - present:
        entry = parse_entry(line)
        if (entry is None or not is_expected(entry)) and not any(line.endswith(words) for words in refused):
            yield Problem("heard", f"{who} printed {line[:100]!r}, which is not in the log")


def heard_in_order(journal: Journal, lines: Sequence[bytes], who: str) -> Iterator[Problem]:
    """Checks that a follower printed the lines in the order of the log.

    A last line without a newline does not count: the follower waits for its end, while the next file grows.
    """
    place = {row.raw: number for number, row in enumerate(journal.rows) if row.finished}
    places = [place[line] for line in lines if line in place and b"] [AT: " not in line]
    if places != sorted(places):
        yield Problem("heard", f"{who} printed lines in another order than that of the log")


def heard_once(journal: Journal, lines: Sequence[bytes], who: str, *, gap: bool) -> Iterator[Problem]:
    """Checks that a follower printed no line twice, and that it said so if it may have missed some."""
    count = Counter(lines)
    for row, text in journal.placed():
        if count[row.raw] > 1:
            yield Problem("heard", f"{who} printed {row.raw[:100]!r} {count[row.raw]} times")
        elif not count[row.raw] and text.answer is Answer.ACKNOWLEDGED and not gap:
            yield Problem("heard", f"{who} did not print {row.raw[:100]!r}, and told of no gap")


def synced(journal: Journal, notes: Iterable[str]) -> Iterator[Problem]:
    """Checks that nothing was acknowledged without a sync, or after its sync had failed."""
    lost: list[tuple[int, int, int]] = []
    for note in notes:
        pid, what, *rest = note.split()
        if what == "unsynced":
            yield Problem("sync", f"the process {pid} acknowledged {' '.join(rest)} what it had not synced")
        else:
            inode, begin, end = map(int, rest)
            lost.append((inode, begin, end))
    for row, text in journal.placed():
        inode = journal.files[row.file].inode
        if text.answer is Answer.ACKNOWLEDGED and any(
            inode == other and begin <= row.offset < end for other, begin, end in lost
        ):
            yield Problem("sync", f"{text.words[:60]!r} was acknowledged, and its sync had failed")


def _same(state: State, other: State, before: str, after: str) -> Iterator[Problem]:
    if state._replace(last_stamp=None, last_position=0) == other._replace(last_stamp=None, last_position=0):
        return
    differences = [name for name in ("people", "hypotheses") if getattr(state, name) != getattr(other, name)] + [
        name for name in state.projections if state.projections[name] != other.projections[name]
    ]
    yield Problem("state", f"{', '.join(differences)}: the state of {before} is not that with which {after}")


def _damage(torn: Torn, following: Stamp | None) -> Iterator[str]:
    """Yield the findings of the doctor for a torn line, before a line stamped ``following`` (None: the last one).

    A beginning with its tag of the cups parses, and hides what is glued to it. The doctor knows that only from a later
    stamp, which must not be later than that of the line after it, as a quoted one may be.
    """
    entry = torn.row.entry
    glued = [*torn.beginnings[1:], *([torn.row.raw[sum(map(len, torn.beginnings)) :]] if torn.glued else [])]
    stamps = [Stamp.parse(match[1].decode(errors="replace")) for piece in glued if (match := _STAMPED.match(piece))]
    if not torn.row.finished or (
        entry is not None
        and any(
            stamp is not None
            and stamp.ns > entry.stamp.ns
            and (following is None or stamp.ns <= following.ns + _TIE_NS)
            for stamp in stamps
        )
    ):
        yield "torn"
    elif entry is None:
        yield "foreign"


def _stamp_after(row: Row, journal: Journal) -> Stamp | None:
    """Return the stamp of the first entry after ``row`` in its file, or None."""
    later = (other for other in journal.rows if other.file == row.file and other.offset > row.offset)
    return next((other.entry.stamp for other in later if other.entry is not None), None)


def _is_acknowledged(text: Text | None) -> bool:
    return text is not None and text.answer is Answer.ACKNOWLEDGED


def _opened(row: Row) -> int | None:
    """The number of the hypothesis that a line opens."""
    entry = row.entry
    if entry is None or entry.author is None or entry.kind != "Hypothesis" or entry.tag("AT") is not None:
        return None
    return entry.hypothesis[0] if entry.hypothesis is not None else None


def _generations(journal: Journal) -> Iterator[list[Row]]:
    """The lines of each log: one begins wherever a file continues no other."""
    rows: list[Row] = []
    number = -1
    for row in journal.rows:
        if row.file != number:
            number = row.file
            if journal.files[number].before is None and rows:
                yield rows
                rows = []
        rows.append(row)
    yield rows
