"""The function of `3am init` writes with the settings that it was made with, or leaves the text to 3am."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.commands import Run, command, good, refused
from support.journals import all_texts
from support.shells import BASH_THEN_SLOWLY_THE_OTHERS, SHELLS, run_shell, shell_function

FILE = 'log = "{log}"\n# it\'s 3 a.m.: \\ "$HOME" `date` %s Größe 競合\n\n'


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of the settings file of a user who has a home folder, and set no variable that names a log."""
    for name in ("SANITY_LOG", "SANITY_LOCK", "SANITY_JOURNAL", "SANITY_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "3am" / "config.toml"
    path.parent.mkdir()
    return path


def write_settings(path: Path, log: Path, rest: str = "") -> None:
    path.write_text(FILE.format(log=log) + rest)


def only_shell(function: Path) -> str:
    """Return the command that reads the function, with `false` in the place of 3am."""
    copy = function.with_name(f"alone-{function.name}")
    copy.write_text(function.read_text().replace(command(), "/bin/false"))
    return f"source {copy}"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("rest", ["", "x", "# " + "x" * 9000], ids=["newlines", "comment", "long"])
def test_unchanged_settings_start_no_python(shell: str, rest: str, config: Path, run_here: Run, tmp_path: Path) -> None:
    write_settings(config, tmp_path / "old.log", rest and f"# {rest}")
    good(run_here("log", "-q", "seed"))
    done = run_shell(shell, f"{only_shell(shell_function(shell, tmp_path))}; 3am log -q again")
    assert (done.returncode, done.stderr) == (0, b"")
    assert all_texts(tmp_path / "old.log") == ["seed", "again"]


@pytest.mark.parametrize("shell", BASH_THEN_SLOWLY_THE_OTHERS)
@pytest.mark.parametrize("change", ["another log", "a byte", "removed", "unreadable", "made", "a null byte", "empty"])
def test_changed_settings_are_left_to_3am(
    shell: str, change: str, config: Path, run_here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = tmp_path / "old.log", tmp_path / "new.log"
    if change in ("removed", "made", "empty"):  # one of the two files names no log
        monkeypatch.setenv("SANITY_LOG", str(old))
    if change != "made":
        write_settings(config, old)
    good(run_here("log", "-q", "seed"))
    function = shell_function(shell, tmp_path)
    if change in ("another log", "made"):
        write_settings(config, new, 'ceremony = "always"\n')
    elif change == "a byte":
        config.write_bytes(config.read_bytes()[:-1])
    elif change == "removed":
        config.unlink()
    elif change == "unreadable":
        config.unlink()
        config.mkdir()
    elif change == "a null byte":
        config.write_bytes(config.read_bytes() + b"\0log = 5\n")
    else:
        config.write_bytes(b"")
    alone = run_shell(shell, f"{only_shell(function)}; 3am log never")
    assert (alone.returncode, alone.stderr) == (1, b"")
    done = run_shell(shell, f"source {function}; 3am log x")
    program = run_here("log", "x")
    assert done.returncode == program.returncode
    assert done.stderr == program.stderr
    log = new if change == "another log" else old
    framed = ["Acquired sanity lock.", "x", "Releasing sanity lock."] * 2
    written = {"a byte": ["x"] * 2, "removed": ["x"] * 2, "empty": ["x"] * 2, "another log": framed, "made": framed}
    assert all_texts(log)[log == old :] == written.get(change, [])


@pytest.mark.parametrize("shell", SHELLS)
def test_an_empty_settings_file_is_not_an_absent_one(shell: str, config: Path, run_here: Run, tmp_path: Path) -> None:
    config.touch()
    good(run_here("-j", "cart", "log", "-q", "seed"))
    script = f"{only_shell(shell_function(shell, tmp_path))}; 3am log -q again"
    assert run_shell(shell, script, SANITY_JOURNAL="cart").returncode == 0
    config.unlink()
    assert run_shell(shell, script, SANITY_JOURNAL="cart").returncode == 1


@pytest.mark.parametrize("shell", SHELLS)
def test_the_variables_of_the_settings_are_obeyed(shell: str, config: Path, run_here: Run, tmp_path: Path) -> None:
    old, third = tmp_path / "old.log", tmp_path / "third.log"
    write_settings(config, old)
    write_settings(tmp_path / "third.toml", third)
    good(run_here("log", "-q", "seed"))
    script = f"source {shell_function(shell, tmp_path)}; 3am log -q x"
    for name, value in {"SANITY_CONFIG": str(tmp_path / "third.toml"), "SANITY_CEREMONY": "always"}.items():
        done = run_shell(shell, script, **{name: value})
        assert (done.returncode, done.stderr) == (0, b"")
    assert all_texts(third) == ["x"]
    assert all_texts(old) == ["seed", "Acquired sanity lock.", "x", "Releasing sanity lock."]
    refusal = run_shell(shell, script, SANITY_SYNC="sometimes")
    assert refusal.returncode == 2
    assert b"SANITY_SYNC must be one of always, never" in refusal.stderr
    good(run_here("-j", "cart", "log", "-q", "seed"))
    done = run_shell(shell, script, HOME=str(tmp_path / "another"), SANITY_JOURNAL="cart")
    assert (done.returncode, done.stderr) == (0, b"")
    assert all_texts(tmp_path / "another/.local/state/3am/cart.log") == ["x"]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_function_takes_no_option_that_chooses_a_log(shell: str, run_here: Run) -> None:
    """The program, to which it leaves some texts, would not have it."""
    assert "SANITY_JOURNAL=cart" in refused(run_here("-j", "cart", "init", shell), 2)
