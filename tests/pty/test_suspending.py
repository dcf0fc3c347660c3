"""ctrl+z: the shell gets its terminal back, and ``fg`` the screen, with all that was typed."""

from __future__ import annotations

from pathlib import Path

from terminals import ENTERED, LEFT, Terminal, terminal

from support.commands import command
from support.journals import texts

SHELL = ["bash", "--norc", "--noprofile", "-i"]


def begun(on: Terminal) -> None:
    """Starts 3am in the shell of a terminal, and waits for its screen."""
    on.shows("shell>")
    on.send(f"{command()}\r")
    on.opened()


def is_stopped(on: Terminal) -> bool:
    """Whether the shell says that its job was stopped, on the first screen of the terminal."""
    return "Stopped" in on.shown and on.raw.rfind(LEFT) > on.raw.rfind(ENTERED)


def test_the_shell_gets_the_terminal_and_fg_the_screen(log: Path) -> None:
    with terminal(argv=SHELL, size=(100, 30), PS1="shell> ") as on:
        begun(on)
        on.send("ihalf a thought")
        on.shows("half a thought")
        on.send("\x1a")
        on.eventually(lambda: is_stopped(on), "the shell has the terminal")
        on.send("echo sum=$((40 + 2))\r")
        on.shows("sum=42")
        on.send("fg\r")
        on.opened()
        on.eventually(lambda: "sum=42" not in on.shown and "half a thought" in on.shown, "it is drawn again")
        on.send(" more\r")
        on.eventually(lambda: texts(log) == ["half a thought more"], "keys arrive once")
        on.send("\x1bq")
        on.eventually(lambda: on.raw.rfind(LEFT) > on.raw.rfind(ENTERED), "it has ended")


def test_a_dialog_is_suspended_too(log: Path) -> None:
    with terminal(argv=SHELL, size=(100, 30), PS1="shell> ") as on:
        begun(on)
        on.send("?")
        on.shows("One coffee: a line in the log")
        on.send("\x1a")
        on.eventually(lambda: is_stopped(on), "the shell has the terminal")
        on.send("fg\r")
        on.eventually(lambda: "One coffee: a line in the log" in on.shown, "the help is still there")
        on.send("q")
        on.shows("c coffee")


def test_without_a_shell_it_goes_on(log: Path) -> None:
    with terminal() as on:
        on.opened()
        on.send("\x1a")
        on.shows("no shell waits for this program")
        on.send("c")
        on.eventually(lambda: len(texts(log)) == 1, "it lives")
