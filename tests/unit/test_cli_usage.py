"""What the command line says of itself, of a slip and of odd words: one sentence and exit 2."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.commands import Run, good, refused, stderr_lines
from support.lines import HARMFUL
from threeam.cli.commands import COMMANDS
from threeam.cli.main import main

VERBS = ("new", "list", "show", "predict", "support", "contradict", "confirm", "refute", "park", "reopen")


# --- what a command says of itself


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_has_an_example(run: Run, name: str) -> None:
    printed = good(run(name, "--help"))
    assert "example" in printed
    assert f"3am {name}" in printed.partition("example")[2]


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_every_hypothesis_command_has_an_example(run: Run, verb: str) -> None:
    assert f"3am hyp {verb}" in good(run("hyp", verb, "--help")).partition("example")[2]


def test_the_help_of_3am_lists_every_command(run: Run) -> None:
    printed = good(run("--help"))
    assert all(re.search(rf"^  {name} ", printed, re.MULTILINE) for name in COMMANDS)
    assert "example" in printed


def test_help_has_no_colour_without_a_terminal(run: Run) -> None:
    assert "\x1b" not in good(run("log", "--help", FORCE_COLOR="1", TERM="xterm-256color"))


def test_the_version_is_reported(run: Run) -> None:
    assert re.fullmatch(r"3am \d+\.\d+\.\d+\n", good(run("--version")))


# --- what was mistyped


@pytest.mark.parametrize(
    ("argv", "right"),
    [
        (["lgo", "hello"], "log"),
        (["tial"], "tail"),
        (["coffe"], "coffee"),
        (["tail", "--jsno"], "--json"),
        (["tail", "--folow"], "--follow"),
        (["log", "--hypotesis", "x"], "--hypothesis"),
        (["--readonly"], "--read-only"),
        (["hyp", "refuse", "H1", "x"], "refute"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_a_slip_names_the_nearest_right_word(run: Run, log: Path, argv: list[str], right: str) -> None:
    sentence = refused(run(*argv), 2)
    assert f"did you mean {right}?" in sentence
    assert argv[0] in sentence
    assert not log.exists()


@pytest.mark.parametrize(
    "argv",
    [
        ["log"],
        ["log", ""],
        ["log", "  "],
        ["log", "\n"],
        ["log", "-H", ""],
        ["log", "-H", "-"],
        ["hyp"],
        ["hyp", "new"],
        ["hyp", "new", " "],
        ["hyp", "refute", "H1"],
        ["hyp", "show"],
        ["coffee", "0"],
        ["coffee", "-1"],
        ["coffee", "two"],
        ["coffee", "21"],
        ["sanity", "many"],
        ["sanity", "--delay", "-1"],
        ["tail", "-n", "x"],
        ["tail", "-n", "-1"],
        ["tail", "--grep", "("],
        ["tail", "--since", "whenever"],
        ["tail", "--until", "25:00"],
        ["status", "extra"],
        ["-j", "..", "log", "x"],
        ["-j", "", "log", "x"],
        ["xyzzy"],
        [""],
        ["log", "--log"],
    ],
    ids=lambda argv: " ".join(argv).encode("unicode_escape").decode() or "nothing",
)
def test_a_bad_command_line_is_one_sentence_and_exit_2(run: Run, log: Path, argv: list[str]) -> None:
    refused(run(*argv), 2)
    assert not log.exists()


def test_an_extra_word_is_not_called_an_option(run: Run) -> None:
    assert "option" not in refused(run("status", "extra"), 2)


@pytest.mark.parametrize(
    "argv",
    [
        ["--log", "/no/x.log", "log", "\x1b[2Jx"],
        ["hyp", "\x1b[2J"],
        ["\x1b[2J"],
        ["status", "--\x1b[2J"],
        ["tail", "--grep", "(\x9b"],
    ],
    ids=["message", "verb", "command", "option", "pattern"],
)
def test_a_control_on_the_command_line_never_reaches_the_terminal(run: Run, argv: list[str]) -> None:
    done = run(*argv)
    assert done.returncode in (2, 3)
    assert not HARMFUL.search("".join(stderr_lines(done)))


@pytest.mark.parametrize(
    "argv",
    [
        [b"\xff"],
        [b"log", b"--\xff"],
        [b"log", b"--log", b"\xff/\xff", b"x"],
        [b"hyp", b"\xff"],
        [b"hyp", b"show", b"\xff"],
        [b"tail", b"--since", b"\xff"],
        [b"-j", b"\xff", b"log", b"x"],
        [b"coffee", b"\xff"],
    ],
    ids=lambda argv: b" ".join(argv).decode(errors="backslashreplace"),
)
def test_undecodable_arguments_are_refused_in_a_sentence(run: Run, argv: list[bytes]) -> None:
    done = run(*argv)
    assert done.returncode in (1, 2, 3)
    assert stderr_lines(done)
    assert done.stdout == b""


@pytest.mark.parametrize(
    "argv",
    [
        ["tail", "-n", "9" * 25],
        ["tail", "-n", "9" * 5000],
        ["hyp", "show", "9" * 5000],
        ["coffee", "9" * 5000],
        ["sanity", "9" * 5000],
    ],
    ids=lambda argv: f"{argv[0]}, {len(argv[-1])} digits",
)
def test_a_number_of_any_length_prints_no_traceback(night_log: Path, run: Run, argv: list[str]) -> None:
    stderr_lines(run(*argv))


@pytest.mark.parametrize("argv", [["-j", "checkout", "log", "x"], ["log", "-j", "checkout", "x"]], ids=" ".join)
def test_the_options_of_every_command_may_stand_before_or_after_it(run: Run, tmp_path: Path, argv: list[str]) -> None:
    good(run(*argv, XDG_STATE_HOME=str(tmp_path / "state")))
    assert (tmp_path / "state" / "3am" / "checkout.log").exists()


# --- 3am by itself


@pytest.mark.parametrize("argv", [[], ["-R"]], ids=["3am", "3am -R"])
def test_3am_without_a_terminal_is_tail_and_says_so(run: Run, night_log: Path, argv: list[str]) -> None:
    done = run(*argv)
    assert good(done) == good(run("tail"))
    assert stderr_lines(done) == ["3am: stdout is not a terminal, so this is 3am tail"]


def test_an_interrupt_while_modules_are_imported_prints_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: str) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr("threeam.cli.main.import_module", interrupted)
    assert main(["run", "--", "true"]) == 130


def test_a_log_without_a_text_names_the_one_for_stdin(run: Run, log: Path) -> None:
    done = run("log", "-q", stdin=b"hi\n")
    assert done.returncode == 2
    assert b"3am log - writes the lines of stdin" in done.stderr
    assert not log.exists()
