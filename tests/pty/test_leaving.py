"""Every way out: the exit code, the terminal as it was, and the draft kept."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from terminals import ENTERED, held, kept, terminal

from support.commands import command
from support.following import append
from support.journals import texts
from support.lines import line
from threeam.core.format.entry import NS_PER_S


def lock_of(log: Path) -> Path:
    return Path(f"{log}.lock")


def test_q_leaves_with_0_and_the_terminal_as_it_was(log: Path) -> None:
    with terminal() as on:
        on.opened()
        on.send("q")
        on.ends_with(0)
        on.is_as_it_was()


def test_ctrl_c_once_says_how_to_quit_and_twice_quits_with_130(log: Path) -> None:
    with terminal() as on:
        on.opened()
        on.send("\x03")
        on.shows("again quits")
        on.send("\x03")
        on.ends_with(130)
        on.is_as_it_was()


def test_ctrl_c_twice_in_one_read_quits_from_the_box_too_and_keeps_the_draft(log: Path) -> None:
    with terminal() as on:
        on.opened()
        on.send("ihalf a thought")
        on.shows("half a thought")
        on.send("\x03\x03")
        on.ends_with(130)
        on.is_as_it_was()
    assert "half a thought" in kept(log)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)], ids=lambda it: str(it)
)
def test_a_signal_leaves_with_its_code_and_the_terminal_as_it_was(log: Path, number: int, code: int) -> None:
    with terminal() as on:
        on.opened()
        on.signal(number)
        on.ends_with(code)
        on.is_as_it_was()


def test_sigterm_while_the_help_is_open_and_a_draft_is_in_the_box_keeps_the_draft(log: Path) -> None:
    with terminal() as on:
        on.opened()
        on.send("ihalf a thought")
        on.shows("half a thought")
        on.send("\x1b")
        on.shows("c coffee")
        on.send("?")
        on.shows("HYPOTHESES")
        on.signal(signal.SIGTERM)
        on.ends_with(143)
        on.is_as_it_was()
    assert "half a thought" in kept(log)
    assert texts(log) == []


def test_sigterm_while_a_text_waits_for_the_lock_does_not_hang_and_keeps_it(log: Path) -> None:
    with held(lock_of(log)), terminal() as on:
        on.opened()
        on.send("imy words\r")
        on.shows("waits for the lock")
        on.signal(signal.SIGTERM)
        on.ends_with(143, seconds=3)
        on.is_as_it_was()
    assert texts(log) == []
    assert "my words" in kept(log)


@pytest.mark.slow
def test_q_q_while_somebody_holds_the_lock_does_not_hang_and_keeps_the_draft(log: Path) -> None:
    with held(lock_of(log)), terminal() as on:
        on.opened()
        on.send("imy words\r")
        on.shows("waits for the lock")
        on.send("\x1b[<0;5;5M\x1b[<0;5;5m")  # a click into the log
        on.shows("c coffee")
        on.send("q")
        on.shows("q again")
        on.send("q")
        on.ends_with(0, seconds=3)
        on.is_as_it_was()
    assert texts(log) == []
    assert "my words" in kept(log)
    with terminal() as on:
        on.shows("my words")
        on.shows("draft")
        on.send("i\r")
        on.eventually(lambda: texts(log) == ["my words"], "it can be sent now")


@pytest.mark.parametrize("time", range(3))
def test_a_closed_window_ends_the_program_and_keeps_the_draft(log: Path, time: int) -> None:
    with terminal() as on:
        on.opened()
        on.send("ihalf a thought")
        on.shows("half a thought")
        on.hang_up()
        on.eventually(lambda: on.process.poll() is not None, "the program has ended")
    assert "half a thought" in kept(log)


def test_sigkill_while_typing_keeps_the_draft_for_the_next_start(log: Path) -> None:
    with terminal() as on:
        on.opened()
        on.send("Hthe [/foo] sweeper races")
        on.eventually(lambda: "the [/foo] sweeper races" in kept(log), "the draft is kept")
        on.signal(signal.SIGKILL)
        on.ends_with(-signal.SIGKILL)
    with terminal() as on:
        on.shows("the [/foo] sweeper races")
        on.opened()
        assert texts(log) == []
        on.send("i")
        on.shows("note ▏what")
        on.send("\x1bH")
        on.shows("hypothesis ▏the")
        on.send("\r")
        on.eventually(lambda: texts(log) == ["Hypothesis: the [/foo] sweeper races"], "it can be sent")
        on.eventually(lambda: "sweeper" in on.shown and "hypothesis ▏" not in on.shown, "the box is empty again")
        on.send("\x1b")
        on.shows("c coffee")
        on.send("q")
        on.ends_with(0)
    with terminal() as on:
        on.shows("note ▏what did you see")  # the box is empty: what was sent does not come back


@pytest.mark.slow
def test_a_draft_is_restored_though_nobody_waits_for_the_screen_that_was_killed(log: Path) -> None:
    """It stays a zombie, as all do in a container whose first process waits for none."""
    with terminal() as on:
        on.opened()
        on.send("ithe sweeper races")
        on.eventually(lambda: "the sweeper races" in kept(log), "the draft is kept")
        os.kill(on.process.pid, signal.SIGKILL)  # not through Popen, which would look whether it has ended
        stat = Path(f"/proc/{on.process.pid}/stat")
        on.eventually(lambda: ") Z " in stat.read_text(), "it is a zombie")
        with terminal() as again:
            again.shows("note ▏the sweeper races")
            assert ") Z " in stat.read_text()


@pytest.mark.slow
def test_sigkill_while_the_text_waits_for_the_lock_keeps_it_for_the_next_start(log: Path) -> None:
    with held(lock_of(log)), terminal() as on:
        on.opened()
        on.send("imy words\r")
        on.shows("waits for the lock")
        on.signal(signal.SIGKILL)
        on.ends_with(-signal.SIGKILL)
        with terminal() as again:
            again.shows("my words")
    assert texts(log) == []


def test_a_draft_with_controls_in_it_does_not_drive_the_terminal(log: Path) -> None:
    folder = Path(f"{log}.d")
    folder.mkdir()
    draft = '["x", [["note", "before \\u001b]0;owned\\u0007 \\u001b[8m after", 0]]]'
    (folder / "draft-4000001-77.json").write_text(draft)
    with terminal() as on:
        on.opened()
        on.shows("before")
        assert b"\x1b]0;owned" not in on.raw
        assert b"\x1b[8m" not in on.raw


@pytest.mark.parametrize("stop", [signal.SIGSTOP, signal.SIGTSTP], ids=lambda it: str(it))
def test_stopped_and_continued_it_reads_its_keys_once_and_in_order(log: Path, stop: int) -> None:
    words = "".join(f"{n:04d} " for n in range(600)).strip()
    with terminal() as on:
        on.opened()
        on.eventually(lambda: on.draws_nothing(0.5), "everything has begun")
        threads = threads_of(on.process.pid)
        for _ in range(3):
            on.signal(stop)
            on.eventually(lambda: state_of(on.process.pid) == "T", "it has stopped")
            on.signal(signal.SIGCONT)
            on.eventually(lambda: state_of(on.process.pid) != "T", "it goes on")
            on.raw = b""
            on.eventually(lambda: b"\x1b[?2004h" in on.raw, "it has entered the terminal again")
        on.eventually(lambda: threads_of(on.process.pid) == threads, "it has as many threads as before")
        on.send(f"i\x1b[200~{words}\x1b[201~\r")
        on.eventually(lambda: texts(log), "it is written")
        assert texts(log) == [words]
        on.send("\x03\x03")
        on.ends_with(130)
        on.is_as_it_was()


@pytest.mark.slow
def test_it_can_be_stopped_while_it_draws(log: Path) -> None:
    with terminal() as on:
        on.opened()
        for number in range(100):
            append(log, line(number * 2 * NS_PER_S, f"line {number}"))
            on.eventually(lambda number=number: f"line {number}" in on.shown, "it draws the line")
            append(log, line((number * 2 + 1) * NS_PER_S, "and another line"))
            on.signal(signal.SIGTSTP)
            on.eventually(lambda: state_of(on.process.pid) == "T", "it has stopped")
            on.signal(signal.SIGCONT)
            on.eventually(lambda: state_of(on.process.pid) != "T", "it goes on")
        on.send("q")
        on.ends_with(0)
        on.is_as_it_was()


@pytest.mark.slow
def test_what_is_typed_around_a_stop_is_not_thrown_away(log: Path) -> None:
    with terminal() as on:
        on.opened()
        on.eventually(lambda: on.draws_nothing(0.5), "everything has begun")
        for n in range(20):
            on.signal(signal.SIGSTOP)
            on.eventually(lambda: state_of(on.process.pid) == "T", "it has stopped")
            if n % 4:
                on.signal(signal.SIGCONT)
                on.send(f"ityped {n}\r")
            else:
                on.send(f"ityped {n}\r")
                on.signal(signal.SIGCONT)
            on.eventually(lambda n=n: len(texts(log)) > n, f"text {n} is written")
        assert texts(log) == [f"typed {n}" for n in range(20)]


@pytest.mark.slow
def test_what_is_typed_while_it_enters_the_terminal_again_is_not_thrown_away(log: Path) -> None:
    with terminal() as on:
        on.opened()
        for n in range(5):
            on.send("i")
            on.shows("note ▏")
            on.signal(signal.SIGSTOP)
            on.eventually(lambda: state_of(on.process.pid) == "T", "it has stopped")
            on.raw = b""
            on.signal(signal.SIGCONT)
            typed = 0

            def has_entered() -> bool:
                nonlocal typed
                on.send("x")
                typed += 1
                return ENTERED in on.raw

            on.eventually(has_entered, "it has entered the terminal again")
            on.send("\r")
            on.eventually(lambda n=n: len(texts(log)) > n, f"text {n} is written")
            assert texts(log)[n] == "x" * typed


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def threads_of(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


@pytest.mark.slow
def test_it_ends_when_its_terminal_is_gone_and_no_signal_tells_of_it(log: Path) -> None:
    log.write_bytes(b"")
    master, slave = os.openpty()
    # Not its controlling terminal: then the kernel sends nothing when the other end is closed.
    process = subprocess.Popen([command()], stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    seen = b""
    while b"LIVE" not in seen:
        seen += os.read(master, 65536)
    os.close(master)
    try:
        assert process.wait(20) == 129
    finally:
        process.kill()
