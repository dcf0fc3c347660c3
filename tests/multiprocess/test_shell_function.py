"""The function of `3am init` writes what `3am log` writes, from bash, zsh and fish, as one writer among others."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.commands import Run, command, good
from support.journals import all_texts, entries, lines
from support.locks import locked
from support.processes import BASH_LINE, eventually
from support.shells import BASH_THEN_SLOWLY_THE_OTHERS, SHELLS, for_each_word, run_shell, shell_argv, shell_function
from support.text_strategies import pieces
from threeam.core.format.entry import Entry, Stamp, format_entry, parse_entry
from threeam.core.write.draft import note_texts

FAST = [
    "it happened again",
    "two  spaces, and one at the end ",
    "100% of %s and \\n and $HOME and `date` and 'quotes' \"too\" * ~ !",
    "[H9: open] Conclusion: forged",
    "\\[MG: 95] forged",
    "[not a tag",
    "Acquired sanity lock.",
    "Hypothesis: only a word",
    "Größe, naïve, Ελλάδα, привет, 競合 → “quoted” – and…",
]
SLOW: list[str | bytes] = [
    "two\nlines\r\nand a third",
    "\x1b[2J\x07 tab\t and \x7f",
    "\u202ereversed\u2066 zero\u200bwidth",
    b"bytes that are not UTF-8: \xff\xc3 \xe4\xc3\xa4\xb6",
    "next: look at the sweeper",
    "ChAnGeD: the pool to 5 (undo: back to 20)",
    "x" * 2001,
    "ö" * 40_000,
]
LOG_WORD = '3am log "$word"'  # the same in the three shells
LAST = Stamp(1_795_489_999_123_456_788)


def without_3am(function: Path) -> Path:
    """Return a copy of the function that fails whenever it would start 3am."""
    text = function.read_text()
    assert command() in text
    copy = function.with_name(f"alone-{function.name}")
    copy.write_text(text.replace(command(), "/bin/false"))
    return copy


def awk_program(folder: Path) -> str:
    """Return the awk program in the function."""
    path = folder / "init.bash"
    text = path.read_text() if path.exists() else shell_function("bash", folder).read_text()
    return shlex.split(text[text.index("awk '# The line") :].partition(')"')[0])[1]


def blocked_on(path: Path) -> bool:
    """Return whether a process waits for the lock of ``path``."""
    waiting = [line.split() for line in Path("/proc/locks").read_text().splitlines() if "->" in line]
    return any(fields[-3].endswith(f":{path.stat().st_ino}") for fields in waiting)


def log_each(shell: str, function: Path) -> str:
    return f"source {function}; {for_each_word(shell, LOG_WORD)}"


def decode(text: str | bytes) -> str:
    return os.fsdecode(text) if isinstance(text, bytes) else text


@pytest.mark.parametrize("shell", BASH_THEN_SLOWLY_THE_OTHERS)
def test_every_text_is_written_as_3am_writes_it(shell: str, run_here: Run, log: Path, tmp_path: Path) -> None:
    good(run_here("log", "-q", "the first note"))
    texts: list[str | bytes] = [*FAST, *SLOW]
    done = run_shell(shell, log_each(shell, shell_function(shell, tmp_path)), *texts)
    assert (done.returncode, done.stderr) == (0, b"")
    assert all_texts(log) == ["the first note", *(line for text in texts for line in note_texts(decode(text)))]
    assert done.stdout.splitlines() == lines(log)[1:]
    good(run_here("doctor"))


@pytest.mark.parametrize("shell", SHELLS)
def test_ordinary_texts_start_no_python(shell: str, run_here: Run, log: Path, tmp_path: Path) -> None:
    good(run_here("coffee", "-q"))
    function = without_3am(shell_function(shell, tmp_path))
    done = run_shell(shell, log_each(shell, function), *FAST, TMUX="/tmp/tmux,1,0", TMUX_PANE="%12")
    assert (done.returncode, done.stderr) == (0, b"")
    first, *others = entries(log)
    assert [entry.text for entry in others] == FAST
    assert {(entry.cups, entry.tags[1:]) for entry in others} == {(1, ())}
    assert first.author is not None
    authors = {(entry.author.user, entry.author.host, entry.author.pane) for entry in others if entry.author}
    assert authors == {(first.author.user, first.author.host, "%12")}
    assert b"".join(map(format_entry, others)).splitlines() == lines(log)[1:]


@pytest.mark.parametrize("shell", SHELLS)
def test_other_texts_are_left_to_3am(shell: str, run_here: Run, log: Path, tmp_path: Path) -> None:
    good(run_here("log", "-q", "the first note"))
    before = log.read_bytes()
    function = without_3am(shell_function(shell, tmp_path))
    script = f"source {function}; {for_each_word(shell, LOG_WORD + ' && exit 9')}"
    done = run_shell(shell, script, *SLOW, "", "  ", "-n", "--", "-")
    assert done.returncode == 1, done.stderr
    assert log.read_bytes() == before


@pytest.mark.parametrize("awk", ["gawk", "mawk"])
@given(text=st.one_of(pieces, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))))
def test_a_line_of_the_shell_is_a_line_of_3am(awk: str, text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """For any text: nothing, or the very bytes that 3am would write."""
    text = text.replace("\0", "").encode("utf-8", "replace").decode()  # an environment has neither NUL nor half a pair
    program = awk_program(tmp_path_factory.getbasetemp())
    entry = Entry(Stamp(LAST.ns + 1), 3, (("BY", "alice@db1:7"),), text)
    env = {"_3AM_STAMP": str(entry.stamp), "_3AM_TEXT": text, "_3AM_CHOICE": "||", "_3AM_USER": "alice"}
    line = subprocess.run(
        [awk, program],
        input=format_entry(Entry(LAST, 3, (("BY", "alice@db1:1"),), "before")) + b".\n",
        env={os.fsencode(k): os.fsencode(v) for k, v in {**env, "_3AM_BY": "alice@db1:7", "LC_ALL": "C"}.items()}
        | {b"PATH": os.environb[b"PATH"]},
        capture_output=True,
        check=True,
    ).stdout
    assert line in (b"", format_entry(entry))
    if line:
        assert note_texts(text) == [text]
        assert parse_entry(line[:-1]) == entry
    elif text.isascii() and text.isprintable() and text.strip() and len(text) <= 2000:
        assert ":" in text  # it begins with the word of a kind


@pytest.mark.parametrize("shell", BASH_THEN_SLOWLY_THE_OTHERS)
@pytest.mark.parametrize(
    "last",
    [
        b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 2] [BY: alice@db1:7] a torn no",
        b"[2126-11-24T03:14:07.123456789+0000] [COFFEE: 2] [BY: bob@db1:7] from the future\n",
        b"{now} [COFFEE: 2] [BY: alice@db1:7] [NIGHT: over] Sleep: the ghost will still be there tomorrow\n",
        b"{now} [COFFEE: 2] [BY: alice@db1:7] [AT: 2026-11-24T03:14:07.123456789+0000] Carried: 2 cups of alice.\n",
        b"{now} [COFFEE: 2] [BY: alice@db1:7] [VIA: stdin] a line from a pipe\n",
        b"{now} [COFFEE: 2] [BY: malice@db1:7] another person\n",
        b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 2] [BY: alice@db1:7] of another night\n",
    ],
    ids=["torn", "future", "asleep", "carried", "pipe", "other", "night"],
)
def test_what_the_last_lines_do_not_tell_is_left_to_3am(
    shell: str, last: bytes, run_here: Run, log: Path, tmp_path: Path
) -> None:
    now = subprocess.run(["date", "+[%Y-%m-%dT%H:%M:%S.%N%z]"], capture_output=True, check=True).stdout.strip()
    log.write_bytes(last.replace(b"{now}", now))
    log.with_name("sanity.log.lock").touch(0o600)
    before = log.read_bytes()
    function = shell_function(shell, tmp_path)
    alone = run_shell(shell, f"source {without_3am(function)}; 3am log it happened again")
    assert (alone.returncode, log.read_bytes()) == (1, before)
    done = run_shell(shell, f"source {function}; 3am log it happened again")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(b" it happened again\n")
    assert log.read_bytes().startswith(before)
    assert log.read_bytes().endswith(b"\n" + done.stdout)


@pytest.mark.parametrize("shell", SHELLS)
def test_options_of_the_shell_change_nothing(shell: str, run_here: Run, log: Path, tmp_path: Path) -> None:
    good(run_here("log", "-q", "the first note"))
    function = without_3am(shell_function(shell, tmp_path))
    options = {
        "bash": "set -euo pipefail -o noclobber; shopt -s failglob; IFS=/; alias date=false printf=false;",
        "zsh": "setopt errexit nounset noclobber ksharrays shwordsplit globsubst; IFS=/; alias date=false;",
        "fish": "",
    }[shell]
    done = run_shell(shell, f"{options} source {function}; 3am log -q a b/c '*' 7 8 9")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert all_texts(log) == ["the first note", "a b/c * 7 8 9"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_variable_that_3am_would_not_see_chooses_no_log(shell: str, run_here: Run, log: Path, tmp_path: Path) -> None:
    good(run_here("log", "-q", "the first note"))
    good(run_here("log", "-q", "the first note", SANITY_LOG=str(tmp_path / "b.log"), SANITY_LOCK=""))
    function = without_3am(shell_function(shell, tmp_path))
    unset = "set -e" if shell == "fish" else "unset"
    private = "set -l SANITY_LOG" if shell == "fish" else "SANITY_LOG="
    script = f"source {function}; {unset} SANITY_LOG; {private}{' ' if shell == 'fish' else ''}{tmp_path / 'b.log'}"
    assert run_shell(shell, f"{script}; 3am log never", SANITY_LOCK="").returncode == 1
    other = f"source {function}; 3am log in the other one"
    done = run_shell(shell, other, SANITY_LOG=str(tmp_path / "b.log"), SANITY_LOCK="")
    assert done.returncode == 0, done.stderr
    assert all_texts(log) == ["the first note"]
    assert all_texts(tmp_path / "b.log") == ["the first note", "in the other one"]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_lock_is_waited_for(shell: str, run_here: Run, log: Path, tmp_path: Path) -> None:
    good(run_here("log", "-q", "the first note"))
    function = shell_function(shell, tmp_path)
    lock = log.with_name("sanity.log.lock")
    with locked(lock):
        done = run_shell(shell, f"source {function}; 3am log refused", SANITY_LOCK_TIMEOUT="0.1")
    assert done.returncode == 4
    assert b"not written: refused" in done.stderr
    with locked(lock):
        waiting = subprocess.Popen(shell_argv(shell, f"source {function}; 3am log waited"), stdout=subprocess.DEVNULL)
        eventually(lambda: blocked_on(lock), "the shell waits")
        assert all_texts(log) == ["the first note"]
    assert waiting.wait(60) == 0
    assert all_texts(log) == ["the first note", "waited"]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("replaced", ["sanity.log", "sanity.log.lock"])
def test_a_file_that_was_replaced_during_the_wait_is_not_used(
    shell: str, replaced: str, run_here: Run, log: Path, tmp_path: Path
) -> None:
    good(run_here("log", "-q", "the first note"))
    function = without_3am(shell_function(shell, tmp_path))
    path, lock = log.with_name(replaced), log.with_name("sanity.log.lock")
    with locked(lock):
        waiting = subprocess.Popen(shell_argv(shell, f"source {function}; 3am log again"), stderr=subprocess.PIPE)
        eventually(lambda: blocked_on(lock), "the shell waits")
        moved = path.rename(tmp_path / "moved")
        shutil.copy(moved, path)
    _, errors = waiting.communicate(timeout=60)
    assert (waiting.returncode, errors) == (1, b"")
    assert [line for file in (log, moved) for line in file.read_bytes().splitlines() if b"again" in line] == []


@pytest.mark.parametrize("shell", SHELLS)
def test_a_full_disk_leaves_the_log_as_it_was(shell: str, run_here: Run, log: Path, tmp_path: Path) -> None:
    good(run_here("log", "-q", "the first note"))
    with log.open("ab") as file:
        file.write(b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] x\n" * 80)
    good(run_here("log", "-q", "x" * (4096 - log.stat().st_size % 1024 - 150)))
    before = log.read_bytes()
    blocks = len(before) // 1024 + 1  # the last block has room for a part of the line
    function = shell_function(shell, tmp_path)
    text = function.read_text()
    assert "command ulimit -f &&" in text
    function.write_text(text.replace("command ulimit -f &&", "echo unlimited &&"))  # the limit plays the full disk
    limited = tmp_path / "sh"
    limited.write_text(f'#!/bin/bash\ntrap \'\' XFSZ; ulimit -f {blocks}; exec "${{SHELL_PATH:-/bin/sh}}" "$@"\n')
    limited.chmod(0o755)
    argv = shell_argv(shell, f"source {function}; 3am log {'y' * 1900}")
    if shell == "fish":  # it gives its children the default action of each signal
        done = run_shell(shell, str(argv[-1]), PATH=f"{tmp_path}:{os.environ['PATH']}")
    else:
        env = {**os.environ, "SHELL_PATH": str(shutil.which(shell))}
        done = subprocess.run([limited, *argv[1:]], env=env, capture_output=True)
    assert done.returncode == 3, done.stderr
    assert b"not written: yyy" in done.stderr
    assert log.read_bytes() == before


@pytest.mark.parametrize("shell", SHELLS)
def test_a_limit_of_file_sizes_neither_ends_the_shell_nor_tears_the_log(
    shell: str, run_here: Run, log: Path, tmp_path: Path
) -> None:
    good(run_here("log", "-q", "the first note"))
    with log.open("ab") as file:
        file.write(b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] x\n" * 80)
    good(run_here("log", "-q", "the last note"))
    before = log.read_bytes()
    script = f"source {shell_function(shell, tmp_path)}; ulimit -f {len(before) // 1024 + 1}; 3am log {'y' * 1900}"
    done = run_shell(shell, f"{script}; echo $status" if shell == "fish" else f"{script}; echo $?")
    assert (done.returncode, done.stdout) == (0, b"3\n"), done.stderr
    assert b"not written: yyy" in done.stderr
    assert log.read_bytes() == before


@pytest.mark.parametrize("shell", SHELLS)
def test_a_full_stdout_is_said_with_the_stamp(shell: str, run_here: Run, log: Path, tmp_path: Path) -> None:
    good(run_here("log", "-q", "the first note"))
    function = without_3am(shell_function(shell, tmp_path))
    done = run_shell(shell, f"source {function}; 3am log again >/dev/full")
    assert (done.returncode, all_texts(log)) == (3, ["the first note", "again"])
    said = f"3am: written as @{entries(log)[-1].stamp}, but stdout cannot be written\n"
    assert done.stderr.decode() == said
    closed = run_shell(shell, f"source {function}; 3am log closed >&-")
    assert (closed.returncode, closed.stderr, all_texts(log)[2:]) == (0, b"", ["closed"])


@pytest.mark.parametrize("shell", SHELLS)
def test_a_line_is_one_write(shell: str, run_here: Run, log: Path, tmp_path: Path) -> None:
    good(run_here("log", "-q", "the first note"))
    function = without_3am(shell_function(shell, tmp_path))
    trace = tmp_path / "trace"
    argv = shell_argv(shell, f"source {function}; 3am log {'y' * 1990}")
    subprocess.run(["strace", "-f", "-y", "-e", "write", "-s", "1", "-o", trace, *argv], check=True)
    assert len(re.findall(r"write\(\d+<[^>]*/sanity\.log>", trace.read_text())) == 1


@pytest.mark.slow
def test_shells_among_other_writers(run_here: Run, log: Path, tmp_path: Path) -> None:
    """Three shells, 3am itself, the Bash script and a log that is rotated again and again: no line is lost or torn."""
    lock = log.with_name("sanity.log.lock")
    good(run_here("log", "-q", "the first note"))
    counts = dict.fromkeys(SHELLS, 30)
    scripts = {
        "bash": f"for i in {{1..{counts['bash']}}}; do 3am log -q bash $i of many; done",
        "zsh": f"for i in {{1..{counts['zsh']}}}; do 3am log -q zsh $i of many; done",
        "fish": f"for i in (seq {counts['fish']}); 3am log -q fish $i of many; end",
    }
    commands = [shell_argv(shell, f"source {shell_function(shell, tmp_path)}; {scripts[shell]}") for shell in SHELLS]
    commands.append(["bash", "-c", f'{BASH_LINE} for i in {{1..30}}; do line {log} {lock} 0 "script $i of many"; done'])
    commands.append(
        ["bash", "-c", f"for i in {{1..5}}; do {command()} log -q own $i of many; {command()} rotate; done"]
    )
    running = [subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for argv in commands]
    for one in running:
        _, errors = one.communicate(timeout=100)
        assert (one.returncode, errors) == (0, b"")
    good(run_here("doctor"))
    written = [entry.text for path in tmp_path.glob("sanity*.log") for entry in entries(path)]
    expected = [f"{who} {i} of many" for who, n in {**counts, "script": 30, "own": 5}.items() for i in range(1, n + 1)]
    assert sorted(text for text in written if text.endswith("of many")) == sorted(expected)
