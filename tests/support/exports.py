"""A night that is exported, readers of each export, and any log as a Hypothesis strategy."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from support.commands import Done
from support.journals import FakeClock, writer_of
from support.lines import NIGHT, at_minute, entry_of
from threeam.core.format.entry import Author, Entry, Stamp, format_entry
from threeam.core.store.journal import resolve_journal
from threeam.core.store.reader import Line, lines_forward
from threeam.hypotheses.quotations import QuotationReader
from threeam.projections import FOLD
from threeam.reports.postmortem import Postmortem, build_postmortem

ALICE, BOB, SCRIPT = Author("alice", "db1", 4121, "%3"), Author("bob", "db1", 9, "%1"), None


def line(minutes: float, by: Author | None, text: str, *tags: tuple[str, str], cups: int = 0) -> bytes:
    return format_entry(entry_of(by, at_minute(minutes), text, tags, cups))


BEFORE = (
    line(0, ALICE, "paged: *somebody else's* cart <b>once</b>, `GET /cart/8812`")
    + line(1, ALICE, "Coffee: cup 1 of the night.", ("MG", "95"), cups=1)
    + line(2, ALICE, "Hypothesis: the sweeper races the writer", ("H1", "open"), cups=1)
    + line(3, BOB, "UPDATE 2 ms after DELETE [row 8812]", ("VIA", "stdin"))
    + line(3.1, BOB, "DELETE again", ("VIA", "stdin"))
    + b"kernel: \x1b[2J oops \xff\n"
    + line(4, ALICE, "Prediction: with it off, 500 runs stay clean", ("H1", "open"), cups=1)
    + line(5, BOB, f"Supports: @{at_minute(3)} updated after it was gone", ("H1", "open"))
    + line(6, BOB, "Hypothesis: reads go to replica 1", ("H2", "open"))
    + line(7, ALICE, f"Contradicts: @{at_minute(3)} the row is on the primary", ("H2", "open"), cups=1)
)
AFTER = (
    line(8, BOB, "Conclusion: lag was 0.4 ms", ("H2", "refuted"))
    + line(9, ALICE, f"Correction: @{at_minute(6)} reads go to replica_2", ("CORRECTION", "1"), cups=1)
    + line(10, SCRIPT, "Acquired sanity lock.", cups=3)
    + line(11, SCRIPT, "Hypothesis: cron | <script>alert(1)</script>", cups=3)
    + line(12, SCRIPT, "Releasing sanity lock.", cups=3)
    + line(13, ALICE, "Stamp: words follow", ("STAMP", "now"), cups=5)
    + line(13.5, ALICE, f"Words: @{at_minute(13)} the pager again", ("STAMP", "words"), cups=5)
    + line(14, ALICE, "Conclusion: 1,200 sweeps and no overlap", ("H1", "confirmed"), ("RECHECK", "toxic"), cups=5)
    + line(15, ALICE, "Changed: SWEEP_LOCK=/shared on canary (undo: unset it)", ("CHANGE", "open"), cups=5)
    + line(16, ALICE, "Changed: debug log on (undo: off)", ("CHANGE", "open"), cups=5)
    + line(17, BOB, f"Undone: @{at_minute(16)} off", ("CHANGE", "undone"))
    + line(18, BOB, "=cmd|' /C calc'!A0, \"quoted\"")
    + line(19, ALICE, "Next: take the row lock in Sweeper.tick", ("NOTED", "next"), cups=5)
    + line(20, ALICE, "Stamp: words follow", ("STAMP", "now"), cups=5)
    + b"[2026-11-24T03:3"
)


def write_rotated_night(log: Path) -> None:
    """Write a night with all that there is to export, and rotate the log in its middle."""
    log.write_bytes(BEFORE)
    with writer_of("carol", resolve_journal(str(log)), FakeClock(at_minute(7.5))).lock_log(full_state=True) as locked:
        locked.rotate()
    with log.open("ab") as file:
        file.write(AFTER)


def lines_in(log: Path) -> list[Line]:
    """All lines of a log, through all its files."""
    journal = resolve_journal(str(log))
    live = journal.open_live()
    assert live is not None
    return [line for segment in journal.segments_forward(live) for line in lines_forward(segment)]


def postmortem_of(log: Path, name: str = "sanity.log") -> Postmortem:
    journal = resolve_journal(str(log))
    live = journal.open_live()
    assert live is not None
    return build_postmortem(name, FOLD.state_at(live, live.size()), lines_in(log), QuotationReader(journal))


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def good(done: Done) -> bytes:
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    return done.stdout


def refused(done: Done, code: int) -> str:
    stderr = done.stderr.decode()
    assert done.returncode == code, stderr
    assert "Traceback" not in stderr
    assert len(stderr.splitlines()) == 1
    assert done.stdout == b""
    return stderr


# --- nothing of a line is interpreted


HOSTILE = (
    "<script>alert(1)</script>",
    "</style></title></textarea><style>*{display:none}",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7*7 }} {% for x in range(9) %}x{% endfor %} {# gone #}",
    "&lt;b&gt; &amp; &#60;",
    "-->]]><!--",
    "[click](javascript:alert(1))",
    "](javascript:alert(1)) ![x](http://evil.example/x.png)",
    "<http://evil.example> http://evil.example www.evil.example",
    "`` ``` ~~~ ` # > - * _ | --- ===",
    "# a title",
    "- [ ] a task",
    "12. a list",
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(1,2)",
    "'=1",
    '"quoted", and; more\ta tab',
    "two\nlines\r\nand a third",
    "nul \x00 esc \x1b[2J bell \x07 del \x7f c1 \x9b",
    "bidi \u202e\u2066 line \u2028 mark \u200f",
    "undecodable \udcff",
)
some_text = st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(HOSTILE)
some_tags = st.lists(
    st.tuples(st.sampled_from(["BY", "H1", "MG", "VIA", "NEW7"]), st.text(max_size=8).filter(lambda v: v != "")),
    max_size=3,
)
entry_lines = st.builds(
    lambda ns, zone, cups, tags, text: format_entry(
        Entry(Stamp(NIGHT.ns + ns, zone * 60), cups, tuple(tags), text.encode("utf-8", "replace").decode())
    ),
    st.integers(0, 10**15),
    st.integers(-14 * 60, 14 * 60),
    st.integers(0, 999_999_999),
    some_tags,
    some_text.filter(lambda text: not any(0xD800 <= ord(character) <= 0xDFFF for character in text)),
)
foreign_lines = st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"") + b"\n")
mangled_lines = st.tuples(entry_lines, st.sampled_from([b"\r\n", b" \n", b"\xff\n", b"\x00\n", b"\x1b[2J\n"])).map(
    lambda both: both[0][:-1] + both[1]
)
any_log = st.lists(entry_lines | foreign_lines | mangled_lines, max_size=8).map(b"".join)
