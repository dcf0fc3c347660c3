"""`3am run` on a terminal: what it shows while it goes on, what is left of it, and who gets the keys."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import psutil
import pytest
from terminals import Terminal, terminal

from support.commands import command
from support.journals import entries
from threeam.core.format.entry import Entry

TOLD = ("--arm", "bare", "--arm", "told=env ARM=told")
ESCAPES = r"printf '\033[31mred\033]0;title\007\r\n'"  # a colour, and a window's title
CTRL_C, CTRL_Z = "\x03", "\x1a"


def the_run(log: Path) -> Entry:
    """The only line of the log."""
    (entry,) = entries(log)
    return entry


def outcome(log: Path) -> str:
    """What its line says came of the one run: ``failed exit=7``."""
    _, came, code, *_ = (the_run(log).tag("RUN") or "").split()
    return f"{came} {code}"


def kept(log: Path) -> bytes:
    """What is kept of the one run."""
    return (Path(f"{log}.d") / (the_run(log).tag("FILE") or "")).read_bytes()


def in_shell(*args: str, then: str = "") -> list[str]:
    """A shell's command line with `3am run` in it."""
    return ["sh", "-c", f"{shlex.join([command(), 'run', *args])} {then}"]


@pytest.mark.parametrize("size", [(160, 24), (40, 24)], ids=["wide", "narrow"])
def test_an_experiment_says_how_far_it_is_and_nothing_is_left_of_that(log: Path, size: tuple[int, int]) -> None:
    with terminal("run", "-q", "-n", "40", *TOLD, "--", "sleep", "0.02", size=size) as on:
        on.eventually(lambda: "failed bare 0/" in on.shown, "it says how far it is")
        assert "R1 " in on.shown
        assert "/80" in on.shown
        on.ends_with(0, 20)
        assert on.shown.strip() == "", "nothing is left of it"
    assert len([entry for entry in entries(log) if entry.kind == "Run"]) == 80


def test_its_progress_is_on_stderr_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    argv = in_shell("-n", "20", *TOLD, "--", "sleep", "0.02", then=f"> {out}")
    with terminal(argv=argv, size=(160, 24)) as on:
        on.eventually(lambda: "failed bare 0/" in on.shown, "it says how far it is")
        on.ends_with(0, 20)
        assert on.shown.strip() == ""
    plan, verdict = out.read_text().splitlines()
    assert " Plan: " in plan
    assert " Verdict: " in verdict
    assert "\x1b" not in plan + verdict


def test_it_answers_in_words_and_not_with_a_line_of_the_log(log: Path) -> None:
    """A person reads it. A script reads a pipe, and gets the line as it was written."""
    with terminal("run", "-n", "2", "--", "sh", "-c", "exit 1", size=(160, 24)) as on:
        on.eventually(lambda: "R1 verdict: bare 2/2 failed" in on.shown, "the verdict is read")
        assert "R1 plan: sh -c 'exit 1'; 2 runs of bare" in on.shown
        assert "(3am run --report R1)" in on.shown
        assert "[BY:" not in on.shown
        on.ends_with(1, 20)
    with terminal("run", "--", "echo", "hello", size=(160, 24)) as on:
        on.eventually(lambda: "R2 passed, exit 0, " in on.shown, "what came of it is read")
        assert on.shown.strip().endswith(" bytes: echo hello")
        on.ends_with(0, 20)
    with terminal(argv=in_shell("--", "true", then="2>&1 | cat"), size=(160, 24)) as on:
        on.eventually(lambda: "Run: passed" in on.shown, "the line of the log")
        assert "[RUN: bare passed exit=0" in on.shown
        on.ends_with(0, 20)


def test_the_time_left_and_the_counts_are_right(tmp_path: Path) -> None:
    with terminal("run", "-q", "-n", "12", *TOLD, "--", "sh", "-c", "sleep 0.05; exit 1", size=(160, 24)) as on:
        on.eventually(
            lambda: all(progress in seen(on) for progress in ("R1 24/24 · ", "failed bare 12/12 · told 12/12")),
            "its last counts were shown",
        )
        on.ends_with(1, 20)


def seen(on: Terminal) -> str:
    """All that was ever sent to it."""
    on.draws_nothing(0.0)
    return on.raw.decode(errors="replace")


def test_escapes_are_made_visible_on_a_terminal_and_kept_raw(log: Path) -> None:
    with terminal("run", "-q", "--", "sh", "-c", ESCAPES) as on:
        on.shows("red")
        on.ends_with(0)
        assert b"\x1b" not in on.raw
        assert b"\x07" not in on.raw
        assert r"\x1b[31mred" in on.shown
    assert kept(log) == b"\x1b[31mred\x1b]0;title\x07\r\n"


def test_escapes_are_raw_in_a_pipe_although_stderr_is_a_terminal(log: Path) -> None:
    with terminal(argv=in_shell("-q", "--", "sh", "-c", f"{ESCAPES}; {ESCAPES} >&2", then="| cat -v")) as on:
        on.ends_with(0)
        assert "^[[31mred^[]0;title^G^M" in on.shown, "of stdout"
        assert r"\x1b[31mred" in on.shown, "of stderr"
        assert b"\x1b" not in on.raw


def test_a_character_that_comes_in_two_pieces_is_shown_whole() -> None:
    with terminal("run", "-q", "--", "sh", "-c", r"printf '\303'; sleep 0.05; printf '\251t\303\251\n'") as on:
        on.shows("été")
        on.ends_with(0)


def test_an_interactive_command_asks_and_is_answered(log: Path) -> None:
    script = '[ -t 0 ] && printf "who is it? "; read -r name; echo "hello $name"'
    with terminal("run", "-q", "--", "sh", "-c", script) as on:
        on.shows("who is it?")
        on.send("alice\r")
        on.shows("hello alice")
        on.ends_with(0)
    assert kept(log) == b"who is it? hello alice\n"


def test_ctrl_c_ends_the_command_and_its_line_is_written(log: Path) -> None:
    with terminal("run", "--", "sh", "-c", "echo begun; exec sleep 60") as on:
        on.shows("begun")
        on.send(CTRL_C)
        on.ends_with(130)
        assert "R1 cut, SIGINT, " in on.shown
        assert not on.is_raw
    assert outcome(log) == "cut exit=130"


def test_ctrl_c_is_the_commands_own_where_it_goes_on(log: Path) -> None:
    script = "trap 'echo not yet' INT; echo begun; until read -r word; do :; done; echo $word"
    with terminal("run", "--", "sh", "-c", script) as on:
        on.shows("begun")
        on.send(CTRL_C)
        on.shows("not yet")
        on.send("now\r")
        on.ends_with(0)
    assert outcome(log) == "passed exit=0"
    assert kept(log) == b"begun\nnot yet\nnow\n"


@pytest.mark.parametrize("flags", [(), ("--timeout", "60s")], ids=" ".join)
def test_a_command_that_minds_ctrl_c_in_its_own_way_was_cut_all_the_same(log: Path, flags: tuple[str, ...]) -> None:
    """Many programs clean up and exit by themselves then: it was not the bug that ended them."""
    script = "trap 'echo undone; exit 1' INT; echo begun; while :; do sleep 0.01; done"
    with terminal("run", *flags, "--", "sh", "-c", script) as on:
        on.shows("begun")
        on.send(CTRL_C)
        on.ends_with(130)
    assert outcome(log).startswith("cut "), "it is no failure of the program"


def test_ctrl_c_ends_an_experiment_and_says_how_it_goes_on(log: Path, tmp_path: Path) -> None:
    with terminal("run", "-q", "-n", "400", *TOLD, "--", "sleep", "0.02", size=(160, 24)) as on:
        on.eventually(lambda: "failed bare 0/" in on.shown, "it says how far it is")
        on.send(CTRL_C)
        on.ends_with(130)
        assert on.shown.strip().endswith("3am run --resume R1 continues it")
        assert "left" not in on.shown, "its progress is gone"
    written = [entry for entry in entries(log) if entry.kind in ("Run", "Verdict")]
    assert [entry.tag("R1") for entry in written] == [f"{i}/800" for i in range(1, len(written) + 1)]


def test_ctrl_z_stops_the_command_and_fg_goes_on(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PS1", "ready> ")
    with terminal(argv=["bash", "--norc", "--noediting", "-i"]) as on:
        on.shows("ready>")
        on.send(f"{command()} run -q -- sh -c 'echo be''gun $$; read -r word; echo got $word'\r")
        on.eventually(lambda: re.search(r"begun \d+\n", on.shown), "it has begun")
        sh = psutil.Process(int(on.shown.partition("begun ")[2].split()[0]))
        on.send(CTRL_Z)
        on.shows("Stopped")
        on.eventually(lambda: on.shown.rstrip().endswith("ready>"), "the shell is back")
        # The shell waits for 3am alone. Until its command is scheduled and stops, it still reads what is typed.
        on.eventually(lambda: sh.status() == psutil.STATUS_STOPPED, "the command is stopped, too")
        on.send("fg\r")
        on.eventually(lambda: "run -q" in on.shown.partition("ready> fg")[2], "it goes on")
        on.send("words\r")
        on.shows("got words")
        on.send("exit\r")
        on.ends_with(0)
    assert outcome(log) == "passed exit=0"


def test_a_terminal_that_is_closed_ends_the_command_and_its_line_is_written(log: Path) -> None:
    with terminal("run", "--", "sh", "-c", "echo begun; exec sleep 60") as on:
        on.shows("begun")
        on.hang_up()
        on.eventually(lambda: on.process.poll() is not None, "it has ended")
    assert outcome(log) == "cut exit=129"


@pytest.mark.parametrize("then", ["", "> out 2> err", "< /dev/null", "< /dev/null > out 2> err"])
def test_a_command_that_asks_the_terminal_itself_finds_it_whatever_is_redirected(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    """ssh and sudo ask for a password on /dev/tty."""
    monkeypatch.chdir(tmp_path)
    script = "printf 'password? ' > /dev/tty; read -r word < /dev/tty; echo got $word"
    with terminal(argv=in_shell("-q", "--", "sh", "-c", script, then=then)) as on:
        on.shows("password?")
        on.send("words\r")
        on.ends_with(0)
    assert kept(log) == b"got words\n"
