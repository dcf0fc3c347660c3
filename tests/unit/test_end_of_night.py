"""`3am sleep`: what is still open is said, the night is over, and the next line begins another."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.commands import Run
from support.journals import FakeClock, end_of, entries, texts, writer_of
from support.lines import HOUR_NS
from threeam.core.errors import PreconditionFailed
from threeam.core.format.clock import fixed_zone
from threeam.core.format.entry import NS_PER_S, RELEASING, Entry, Stamp, find_stamp_refs
from threeam.core.store.journal import Journal, Position, resolve_journal
from threeam.core.store.reader import lines_forward
from threeam.core.write.draft import Draft, note_draft
from threeam.human.awake import awake_since, update_awake_since
from threeam.human.drafts import coffee_draft, water_draft
from threeam.human.night_summary import summarize_night
from threeam.hypotheses.changes import change_draft
from threeam.projections import FOLD
from threeam.reports.end_of_night import SLEEP_ADVICE, open_items, sleep_draft, sleep_report

GAP = 8 * HOUR_NS


@pytest.fixture
def at(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock of every `3am` that runs here."""
    monkeypatch.setattr("threeam.cli.context.system_clock", clock)
    return clock


def done(run_here: Run, at: FakeClock, *argv: str) -> list[str]:
    """Runs it a second later, and gives the lines that it printed."""
    at.forward(NS_PER_S)
    did = run_here(*argv)
    assert did.returncode == 0, (argv, did.stderr)
    return did.stdout.decode().splitlines()


def status(run_here: Run, at: FakeClock) -> dict[str, object]:
    (line,) = done(run_here, at, "status", "--json")
    facts: dict[str, object] = json.loads(line)
    return facts


# --- the block


def test_sleep_says_what_is_open_and_what_the_night_came_to(run_here: Run, at: FakeClock, log: Path) -> None:
    for argv in (
        ["hyp", "new", "the sweeper races the writer"],
        ["changed", "pool at 50", "--undo", "back to 20"],
        ["log", "Next: take the row lock"],
        ["coffee", "2", "--mg", "100"],
        ["water"],
    ):
        done(run_here, at, *argv)
    written = len(entries(log))
    printed = done(run_here, at, "sleep")
    block = entries(log)[written:]
    assert printed == log.read_text().splitlines()[written:]
    head, *rest, last = block
    assert (head.text, head.kind) == ("Handoff: alice goes to sleep, and 3 things are still open.", "Handoff")
    assert [line.text.rpartition(" @")[0] for line in rest] == [
        "| undo: back to 20 (pool at 50)",
        "| H1 the sweeper races the writer (+0 −0)",
        "| next: take the row lock",
    ]
    assert (last.kind, last.tag("NIGHT"), last.cups) == ("Sleep", "over", 0)
    assert last.text.startswith("Sleep: 2 cups, 1 glass of water, 200 mg of caffeine left.")
    assert [entry.stamp.ns - head.stamp.ns for entry in block] == list(range(len(block)))


def test_each_line_of_it_cites_what_it_is_about(run_here: Run, at: FakeClock, log: Path) -> None:
    done(run_here, at, "changed", "pool at 50 " + "x" * 400)
    changed = entries(log)[-1].stamp
    done(run_here, at, "sleep")
    (line,) = (entry.text for entry in entries(log) if entry.text.startswith("| "))
    assert find_stamp_refs(line) == [changed]
    assert len(line) < 250


def test_nothing_open_is_reported_too(run_here: Run, at: FakeClock, log: Path) -> None:
    done(run_here, at, "sleep")
    head, last = texts(log)
    assert head == "Handoff: alice goes to sleep, and nothing is still open."
    assert last.startswith("Sleep: 0 cups, 0 glasses of water, 0 mg of caffeine left.")


def test_one_thing_is_one_thing(journal: Journal, at: FakeClock, log: Path) -> None:
    alice = writer_of("alice", journal, at)
    alice.write(change_draft("pool at 50"))
    alice.write(sleep_draft(5.0))
    assert texts(log)[1] == "Handoff: alice goes to sleep, and 1 thing is still open."


def test_a_long_list_is_cut_and_counted_whole(journal: Journal, at: FakeClock) -> None:
    alice = writer_of("alice", journal, at)
    for n in range(20):
        alice.write(change_draft(f"change {n}"))
    block = alice.write(sleep_draft(5.0)).entries
    assert [block[1].text.split(" @")[0], block[-2].text] == [
        "| changed: change 19 (no undo was noted)",
        "| and 8 more: 3am handoff",
    ]
    assert block[0].text == "Handoff: alice goes to sleep, and 20 things are still open."
    assert block[0].tag("HANDOFF") == "20"


def test_a_glass_of_water_and_lights_out(run_here: Run, at: FakeClock) -> None:
    assert SLEEP_ADVICE in run_here("sleep").stderr.decode()
    again = run_here("sleep")
    assert (again.returncode, again.stdout) == (1, b"")
    assert b"is over already" in again.stderr
    run_here("log", "and up again")
    quiet = run_here("sleep", "-q")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, b"", b"")


def test_what_is_read_before_it_is_what_the_log_will_say(journal: Journal, at: FakeClock) -> None:
    alice = writer_of("alice", journal, at)
    since = alice.write(change_draft("pool at 50")).entries[0].stamp
    state = FOLD.state_at(*end_of(journal))
    report = sleep_report(state, summarize_night(state, "alice", at(), GAP, 5.0, fixed_zone(0)), since)
    assert [section.title for section in report] == ["still open", "you"]
    assert report[0].lines == [section for kind in open_items(state) for section in kind]
    assert SLEEP_ADVICE in [line.text for line in report[1].lines]
    assert [line.stamp for line in report[1].lines if line.text == "awake"] == [since]
    assert [
        section.text
        for section in sleep_report(
            FOLD.empty_state, summarize_night(FOLD.empty_state, "alice", at(), GAP, 5.0, fixed_zone(0)), None
        )[0].lines
    ] == ["nothing"]


# --- after it


def test_cups_start_again_and_milligrams_decay(run_here: Run, at: FakeClock, log: Path) -> None:
    done(run_here, at, "coffee", "2", "--mg", "100")
    done(run_here, at, "water")
    done(run_here, at, "sleep")
    at.forward(5 * HOUR_NS - 3 * NS_PER_S)  # a second for each command, and one for the status
    assert {key: status(run_here, at)[key] for key in ("cups", "water", "mg")} == {"cups": 0, "water": 0, "mg": 100.0}
    done(run_here, at, "coffee")
    assert (entries(log)[-1].text, entries(log)[-1].tag("NIGHT")) == ("Coffee: cup 1 of the night.", "new")
    assert status(run_here, at)["mg"] == 195.0


def test_the_night_is_over_with_ceremony_too(
    run_here: Run, at: FakeClock, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANITY_CEREMONY", "always")
    done(run_here, at, "coffee")
    done(run_here, at, "sleep")
    assert entries(log)[-1].text == RELEASING
    assert status(run_here, at)["cups"] == 0
    done(run_here, at, "log", "up again")
    new = [entry.text for entry in entries(log) if entry.tag("NIGHT") == "new"]
    assert new == ["Acquired sanity lock."]


@pytest.mark.parametrize("ceremony", ["always", "hypotheses"])
@pytest.mark.parametrize("rotations", [0, 1, 2])
def test_who_sleeps_goes_on_sleeping_through_a_rotation(
    run_here: Run, at: FakeClock, log: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch, rotations: int,
    ceremony: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("SANITY_CEREMONY", ceremony)
    done(run_here, at, "coffee", "--mg", "100")
    done(run_here, at, "sleep")
    for _ in range(rotations):
        done(run_here, at, "rotate")
    assert awake_since(journal, end_of(journal), "alice") is None
    facts = status(run_here, at)
    assert (facts["cups"], facts["water"], facts["mg"]) == (0, 0, 100.0)
    before = len(entries(log))
    done(run_here, at, "log", "up again")
    again = entries(log)[before:]
    assert [entry.tag("NIGHT") for entry in again] == ["new", *[None] * (len(again) - 1)]
    assert awake_since(journal, end_of(journal), "alice") == again[0].stamp
    done(run_here, at, "log", "and on")
    assert entries(log)[-1].tag("NIGHT") is None


def test_only_ones_own_night_is_over(journal: Journal, at: FakeClock) -> None:
    alice, bob = writer_of("alice", journal, at), writer_of("bob", journal, at)
    for writer in (alice, bob):
        writer.write(coffee_draft(2, 95, 4))
    alice.write(sleep_draft(5.0))
    assert bob.write(note_draft("still here")).entries[0].tag("NIGHT") is None
    state = FOLD.state_at(*end_of(journal))
    assert [state.cups(user, at().ns, GAP) for user in ("alice", "bob")] == [0, 2]


# --- since when somebody is awake, read back and folded forward

ACTS: dict[str, Callable[[], Draft]] = {
    "note": lambda: note_draft("words\nand more"),
    "coffee": lambda: coffee_draft(1, 95, 4),
    "water": water_draft,
    "sleep": lambda: sleep_draft(5.0),
}
steps = st.tuples(
    st.sampled_from(["alice", "bob"]),
    st.sampled_from([*ACTS, "sleep", "stream", "rotate"]),
    st.sampled_from([NS_PER_S, HOUR_NS, GAP, GAP + 1, 20 * HOUR_NS]),
)


@given(st.lists(steps, max_size=12), st.sampled_from(["always", "never"]))
def test_awake_since_and_awake_after_agree(night: list[tuple[str, str, int]], ceremony: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        clock, journal = FakeClock(), resolve_journal(f"{folder}/log")
        writers = {user: writer_of(user, journal, clock) for user in ("alice", "bob")}
        for writer in writers.values():
            writer.options = writer.options._replace(ceremony=ceremony)
        writers["bob"].write(note_draft("first"))  # something to rotate
        since: Stamp | None = None
        for user, what, pause in night:
            clock.forward(pause)
            before = end_of(journal)
            if what == "rotate":
                with writers[user].lock_log(full_state=True) as held:
                    held.rotate()
            elif what == "stream":
                writers[user].write_stream(["a", "b"])
            else:
                with suppress(PreconditionFailed):  # nobody goes to sleep twice
                    writers[user].write(ACTS[what]())
            for end, entry in landed(before, end_of(journal)):
                since = update_awake_since(since, entry, "alice")
                assert awake_since(journal, end, "alice") == since, (user, what, entry)


def landed(before: Position, end: Position) -> list[tuple[Position, Entry]]:
    """Each entry between the two, with the place after it; all of a new file."""
    start = before.offset if before.segment == end.segment else 0
    lines = lines_forward(end.segment, start, end.offset)
    return [(Position(end.segment, line.end), line.entry) for line in lines if line.entry is not None]
