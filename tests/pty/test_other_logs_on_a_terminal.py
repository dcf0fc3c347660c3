"""``3am open`` on a real terminal: what it draws, follows and returns."""

from __future__ import annotations

from pathlib import Path

import pytest
from terminals import LEFT, terminal

from support.commands import command
from support.log_sources import BASE_NS, stamped, write_log

S = 1_000_000_000


@pytest.fixture
def logs(tmp_path: Path) -> tuple[Path, Path]:
    """Two logs of one race."""
    web1 = [stamped(BASE_NS + 100_901_000, "delete cart=42", 6), stamped(BASE_NS + 100_401_000, "read cart=42", 6)]
    web2 = [stamped(BASE_NS + 100_951_000, "update cart=42", 6)]
    return write_log(tmp_path / "web1.log", web1), write_log(tmp_path / "web2.log", web2)


def test_two_files_are_opened_followed_and_left(logs: tuple[Path, Path], log: Path) -> None:
    web1, web2 = logs
    with terminal("open", str(web1), f"app={web2}", size=(80, 24)) as screen:
        screen.shows("J journal · 1 web1 · 2 app")
        screen.shows("read cart=42")
        screen.shows("↥ 500µs")
        rows = [row for row in screen.shown.splitlines() if "cart=42" in row]
        assert [row.split("cart")[0].split()[-1] for row in rows] == ["read", "delete", "update"]
        with web2.open("a") as file:
            file.write(stamped(BASE_NS + 60 * S, "cart=43 appended", 6) + "\n")
        screen.shows("cart=43 appended")
        screen.send("L")
        screen.shows("1 line, by 0.5ms at most")
        screen.send("\x1b")
        screen.eventually(lambda: "by 0.5ms" not in screen.shown, "the legend is closed")
        screen.send("q")
        screen.ends_with(0)
        screen.is_as_it_was()


def test_a_pipe_is_read_and_the_keys_come_from_the_terminal(logs: tuple[Path, Path], log: Path) -> None:
    web1, web2 = logs
    with terminal(argv=["sh", "-c", f"cat {web1} | {command()} open app=- {web2}"], size=(80, 24)) as screen:
        screen.shows("1 app · 2 web2")
        screen.shows("read cart=42")
        screen.send("q")
        screen.ends_with(0)
        screen.is_as_it_was()


def test_a_pipe_that_goes_on_is_followed(logs: tuple[Path, Path], log: Path) -> None:
    web1, _ = logs
    line = stamped(BASE_NS + 60 * S, "cart=44 later", 6)
    stream = f"{{ cat {web1}; sleep 1; echo '{line}'; sleep 30; }}"
    with terminal(argv=["sh", "-c", f"{stream} | {command()} open app=-"], size=(80, 24)) as screen:
        screen.shows("read cart=42")
        screen.shows("cart=44 later")
        screen.send("q")
        screen.eventually(lambda: LEFT in screen.raw, "the screen is left")


def test_files_that_cannot_be_read_are_refused_before_anything_is_drawn(tmp_path: Path, log: Path) -> None:
    with terminal("open", str(tmp_path / "absent.log"), str(tmp_path)) as screen:
        screen.ends_with(3)
        # The terminal breaks a long path in the middle of a word, so the sentence is compared without white space.
        sentence = "absent.log cannot be opened: No such file or directory"
        assert sentence.replace(" ", "") in "".join(screen.shown.split())
        assert b"\x1b[?1049h" not in screen.raw
