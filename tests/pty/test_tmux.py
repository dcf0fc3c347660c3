"""Two panes of a real tmux on one journal."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from terminals import held, let_go, needs_tmux, tmux

from support.commands import Run, command
from support.journals import entries, texts

pytestmark = needs_tmux


def lives(pid: int) -> bool:
    """Return whether process ``pid`` has not ended. When it has, it stays in /proc until its parent waits for it.

    The processes of a killed tmux have the first process of the machine for a parent, which may take its time.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")


def test_a_process_that_has_ended_does_not_live_although_nobody_waits_for_it() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        assert lives(child.pid)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not lives(child.pid)
    assert not lives(child.pid)


def test_two_panes_see_each_others_lines_and_who_wrote_them(log: Path) -> None:
    with tmux() as server:
        one, two = server.pane(), server.pane()
        for pane in (one, two):
            server.shows(pane, "LIVE")
        server("send-keys", "-t", one, "iseen from the first", "Enter")
        server("send-keys", "-t", two, "iseen from the second", "Enter")
        for pane in (one, two):
            server.shows(pane, "seen from the first")
            server.shows(pane, "seen from the second")
        assert {(e.author.user, e.author.pane) for e in entries(log) if e.author} == {("alice", one), ("alice", two)}


def test_two_panes_that_press_c_at_the_same_instant_make_two_cups(log: Path) -> None:
    # A pane takes no second coffee before its first is acknowledged, and that must not hang on a busy disk.
    with tmux(SANITY_TOXIC_CUPS="1000", SANITY_SYNC="never") as server:
        one, two = server.pane(), server.pane()
        both_press_c = ("send-keys", "-t", one, "c", ";", "send-keys", "-t", two, "c")
        for pane in (one, two):
            server.shows(pane, "LIVE")
        with held(Path(f"{log}.lock")) as holder:  # both stand in the queue when it is let go
            server(*both_press_c)
            for pane in (one, two):
                server.shows(pane, "waits for the lock")
            let_go(holder)
        server.eventually(lambda: len(entries(log)) == 2, "two cups are in the log")
        for _ in range(8):  # one or two come of it
            before = len(entries(log))
            server(*both_press_c)
            server.eventually(lambda before=before: len(entries(log)) > before, f"more than {before} cups")
            for pane in (one, two):
                server.eventually(lambda pane=pane: f"☕ {len(entries(log))} " in server.shown(pane), "all are counted")
        cups = [entry.cups for entry in entries(log)]
        assert cups == list(range(1, len(cups) + 1))
        assert [entry.text for entry in entries(log)] == [f"Coffee: cup {n} of the night." for n in cups]
        stamps = [entry.stamp.ns for entry in entries(log)]
        assert stamps == sorted(set(stamps))
        assert {entry.author.pane for entry in entries(log) if entry.author} == {one, two}


def test_the_key_the_words_and_enter_of_one_send_keys_land_as_one_note(log: Path, run: Run) -> None:
    with tmux() as server:
        pane = server.pane()
        server.shows(pane, "LIVE")
        server("send-keys", "-t", pane, "iword word", "Enter")
        server.eventually(lambda: texts(log) == ["word word"], "it is one note")
    assert run("doctor").returncode == 0


def test_notes_sent_one_right_after_the_other_lose_no_letter(log: Path) -> None:
    with tmux() as server:
        pane = server.pane()
        server.shows(pane, "LIVE")
        expected = [f"note {n} in a row" for n in range(5)]
        for text in expected:
            server("send-keys", "-t", pane, f"i{text}", "Enter")
        server.eventually(lambda: len(texts(log)) >= 5, "five notes are written")
        assert texts(log) == expected


@pytest.mark.parametrize("focus", ["the-log", "the-box"])
def test_a_paste_of_tmux_is_one_block_whatever_has_the_focus(log: Path, focus: str) -> None:
    trace = "Traceback (most recent call last):\n  File x, line 1\nKeyError: 'q'\n"
    with tmux() as server:
        pane = server.pane()
        server.shows(pane, "LIVE")
        if focus == "the-box":
            server("send-keys", "-t", pane, "i")
            server.shows(pane, "write and close")
        server("set-buffer", trace)
        server("paste-buffer", "-p", "-t", pane, ";", "send-keys", "-t", pane, "Enter")
        block = ["Traceback (most recent call last):", "|   File x, line 1", "| KeyError: 'q'"]
        server.eventually(lambda: texts(log) == block, "it is one block")


def test_a_pane_that_is_made_small_and_wide_again_goes_on(log: Path) -> None:
    with tmux() as server:
        pane = server.pane()
        server.shows(pane, "LIVE")
        for width, height in ((40, 10), (20, 5), (120, 36)):
            server("resize-window", "-t", pane, "-x", str(width), "-y", str(height))
            server.eventually(
                lambda width=width: server("display", "-p", "-t", pane, "#{pane_width}").strip() == str(width),
                "its size",
            )
        server("send-keys", "-t", pane, "istill here", "Enter")
        server.shows(pane, "note: still here")
        server.shows(pane, "HYPOTHESES")


def test_a_killed_pane_keeps_its_draft_for_the_next(log: Path) -> None:
    with tmux() as server:
        stays, goes = server.pane(), server.pane()
        for pane in (stays, goes):
            server.shows(pane, "LIVE")
        server("send-keys", "-t", goes, "ihalf a thought")
        server.shows(goes, "half a thought")
        pid = int(server("display", "-p", "-t", goes, "#{pane_pid}"))
        server("kill-pane", "-t", goes)
        server.eventually(lambda: not lives(pid), "the process of the pane has ended")
        again = server.pane()
        server.shows(again, "half a thought")
        assert texts(log) == []


def test_when_tmux_is_killed_no_process_stays_behind(log: Path) -> None:
    with tmux() as server:
        panes = [server.pane() for _ in range(2)]
        for pane in panes:
            server.shows(pane, "LIVE")
            server("send-keys", "-t", pane, "ihalf a thought")
            server.shows(pane, "half a thought")
        server("kill-server")
        server.eventually(lambda: not any(map(lives, server.started)), "the processes of the panes have ended")


def test_the_last_lines_of_another_pane_are_captured_by_the_screen_and_by_the_command(log: Path) -> None:
    with tmux() as server:
        one = server.pane()
        server.shows(one, "LIVE")
        server("send-keys", "-t", one, ":capture", "Enter")
        server.shows(one, "there is no other pane")
        printing = ["split-window", "-d", "-P", "-F", "#{pane_id}", "sh", "-c", "printf 'first\\nlast\\n'; exec cat"]
        other = server(*printing).strip()
        server.shows(other, "last")
        server("send-keys", "-t", one, ":capture -n 1", "Enter")
        server.eventually(lambda: len(texts(log)) == 2, "the screen has captured it")
        server("run-shell", f"{command()} capture {other} -n 1 -q")
        server.eventually(lambda: len(texts(log)) == 4, "the command has captured it")
        head, line, *rest = entries(log)
        assert (head.tag("CAPTURED"), line.text) == (other, "| last")
        assert [entry.text for entry in rest] == [head.text, line.text]
        kept = [Path(f"{log}.d", entry.tag("FILE") or "").read_text() for entry in (head, rest[0])]
        assert kept == ["last\n", "last\n"]
