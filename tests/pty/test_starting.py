"""Where the full screen opens, where it does not, and what it says then."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from terminals import terminal

from support.commands import Run, command
from support.journals import texts

ALICE = 64011
LINE = b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] before\n"


def test_text_piped_into_the_full_screen_is_refused_with_the_command_to_use(log: Path) -> None:
    master, slave = pty.openpty()
    done = subprocess.run([command()], input=b"words\n", stdout=slave, stderr=slave, timeout=20)
    os.close(slave)
    output = os.read(master, 65536)
    os.close(master)
    assert done.returncode == 2
    assert b"3am log -" in output
    assert b"\x1b" not in output
    assert not log.exists()


def test_what_is_typed_before_the_first_screen_is_there_is_not_lost(log: Path) -> None:
    log.write_bytes(LINE)
    with terminal() as on:
        while not on.is_raw:
            assert on.process.poll() is None
        on.send("i\x15typed ahead\r")
        on.eventually(lambda: "typed ahead" in texts(log), "it is in the log")


def test_without_a_terminal_on_stdout_it_is_tail_and_says_so(run: Run, log: Path) -> None:
    log.write_bytes(LINE)
    done = run()
    assert (done.returncode, done.stdout) == (0, LINE)
    assert len(done.stderr.splitlines()) == 1
    assert b"3am tail" in done.stderr


def test_without_a_terminal_on_stderr_it_does_not_draw_into_a_file(log: Path, tmp_path: Path) -> None:
    log.write_bytes(LINE)
    with terminal(argv=["sh", "-c", f"{command()} 2> {tmp_path}/stderr"]) as on:
        on.ends_with(2)
        assert b"\x1b" not in (tmp_path / "stderr").read_bytes()
        assert b"\x1b" not in on.raw


def test_on_a_dumb_terminal_it_names_what_to_use_instead(log: Path) -> None:
    log.write_bytes(LINE)
    for argv in ([], ["as-of", "-1h"]):
        with terminal(*argv, TERM="dumb") as on:
            on.ends_with(2)
            assert b"3am tail -f reads, 3am log TEXT writes" in on.raw
            assert b"\x1b" not in on.raw


def test_a_log_that_is_a_folder_exits_3_on_the_untouched_terminal(log: Path) -> None:
    log.mkdir()
    with terminal() as on:
        on.ends_with(3)
        assert b"is a folder" in on.raw
        assert b"\x1b" not in on.raw


@pytest.mark.parametrize("flags", [(), ("-R",)], ids=["to-write", "read-only"])
def test_a_log_that_is_a_fifo_exits_3_and_does_not_hang(log: Path, flags: tuple[str, ...]) -> None:
    os.mkfifo(log)
    with terminal(*flags) as on:
        on.ends_with(3)
        assert b"\x1b" not in on.raw


def test_a_bad_setting_exits_2_on_the_untouched_terminal(log: Path) -> None:
    with terminal(SANITY_TOXIC_CUPS="many") as on:
        on.ends_with(2)
        assert b"SANITY_TOXIC_CUPS" in on.raw
        assert b"\x1b" not in on.raw


def test_a_log_that_may_be_read_and_not_written_opens_read_only_and_says_so(place: Path) -> None:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("becomes an ordinary user with setpriv(1): run it as root")
    log = place / "sanity.log"
    log.write_bytes(LINE)
    log.chmod(0o644)
    # one capability is kept, to read: the interpreter may lie where only root can go
    argv = ["setpriv", f"--reuid={ALICE}", f"--regid={ALICE}", "--clear-groups"]
    argv += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", command()]
    env = {"SANITY_LOG": str(log), "SANITY_LOCK": "", "HOME": str(place)}
    with terminal(argv=argv, size=(120, 30), **env) as on:
        on.opened()
        on.shows("opened read-only")
        assert "read-only" in on.header
        assert "before" in on.shown
        on.send("c")
        on.shows("read-only: this screen")
        on.send("q")
        on.ends_with(0)
        on.is_as_it_was()
    assert os.listdir(place) == ["sanity.log"]
    assert log.read_bytes() == LINE


def test_the_screen_is_as_big_as_its_terminal_and_follows_its_size(log: Path) -> None:
    log.write_bytes(LINE)
    with terminal(size=(40, 10)) as on:
        on.opened()
        assert "before" in on.shown
        on.send("isome words\r")
        on.eventually(lambda: texts(log) == ["before", "some words"], "a note is written at 40×10")
        on.shows("note: some words")


def test_a_screen_on_which_nothing_happens_draws_nothing(log: Path) -> None:
    log.write_bytes(LINE)
    with terminal() as on:
        on.opened()
        on.eventually(lambda: on.draws_nothing(0.7), "it has come to rest")


def test_no_color_sends_no_colour(log: Path) -> None:
    log.write_bytes(LINE * 3)
    with terminal(argv=None, size=(110, 30), NO_COLOR="1", TERM="xterm-256color", COLORTERM="truecolor") as on:
        on.opened()
        for keys, words in [
            *(("kvk", "2 rows selected"), ("\x1b", "c coffee"), ("S", "WHERE WE STAND"), ("q", "c coffee")),
            *(("/before\r", "match"), ("i", "write and close"), ("\x1b", "c coffee"), ("?", "WRITE")),
        ]:
            on.send(keys)
            on.shows(words)
        codes = {int(code) for sgr in re.findall(rb"\x1b\[([\d;:]*)m", on.raw) for code in re.findall(rb"\d+", sgr)}
    assert codes & {1, 7}, "what is important is bold, and the selected row reversed"
    assert codes <= {0, 1, 2, 3, 4, 7, 9}, "and nothing is a colour, not even the default one"


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}], ids=str)
def test_it_opens_without_colour_and_without_utf_8(log: Path, env: dict[str, str]) -> None:
    log.write_bytes(LINE)
    with terminal(argv=None, size=(100, 24), **env) as on:
        on.opened()
        on.shows("before")
        on.send("q")
        on.ends_with(0)
        on.is_as_it_was()
