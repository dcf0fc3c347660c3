"""The command line as a script and a tired person meet it: real processes, exit codes, one sentence."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from select import select
from types import SimpleNamespace

import pytest

from conftest import NIGHT, Run, command
from threeam.cli.commands import COMMANDS
from threeam.cli.main import main
from threeam.core.errors import FileUnusable
from threeam.core.format.entry import ACQUIRED, NS_PER_S, RELEASING, Entry, Stamp, format_entry, parse_entry
from threeam.core.store import reader
from threeam.core.store.journal import Journal
from threeam.core.write.draft import TOXIC_TEXT
from threeam.core.write.locked_log import LockedLog

Done = subprocess.CompletedProcess[bytes]

VERBS = ("new", "list", "show", "predict", "support", "contradict", "confirm", "refute", "park", "reopen")
HARMFUL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
LONG_AGO = Stamp(NIGHT.ns - 900 * 24 * 3600 * NS_PER_S)
ALICE = ("BY", "alice@db1:4121%3")
BOB = ("BY", "bob@db1:9%1")

# The script of the essay from its settings on: with another log and lock, no root and no pause.
SCRIPT = """
set -euo pipefail
LOG_FILE="$SCRIPT_LOG"
LOCK_FILE="$SCRIPT_LOCK"
COFFEE_CUPS=${1:-0}
MESSAGE=${2:-"Staring into the void. The void is returning a 502 Bad Gateway."}
log_debug() {
local msg="$1"
local timestamp
timestamp=$(date +'%Y-%m-%dT%H:%M:%S.%N%z')
echo "[${timestamp}] [COFFEE: ${COFFEE_CUPS}] ${msg}" | tee -a "${LOG_FILE}"
}
(
flock -e 200
log_debug "Acquired sanity lock."
log_debug "Hypothesis: ${MESSAGE}"
if [[ ${COFFEE_CUPS} -gt 4 ]]; then
log_debug "WARNING: Caffeine toxicity imminent. Logic may be compromised."
fi
log_debug "Releasing sanity lock."
) 200> "${LOCK_FILE}"
exit 0
"""


def stderr_lines(done: Done) -> list[str]:
    """Return the lines of stderr. They have neither a traceback nor a control character."""
    text = done.stderr.decode()
    assert "Traceback" not in text, text
    assert not HARMFUL.search(text), text
    return text.splitlines()


def stdout_of(done: Done) -> str:
    assert done.returncode == 0, stderr_lines(done)
    assert "Traceback" not in done.stderr.decode()
    return done.stdout.decode()


def refusal(done: Done, code: int) -> str:
    """Return the only sentence on stderr besides the words that are handed back; nothing is on stdout."""
    lines = [line for line in stderr_lines(done) if not line.startswith("3am: not written: ")]
    assert done.returncode == code, lines
    assert done.stdout == b""
    assert len(lines) == 1, lines
    return lines[0]


def entries(raw: bytes) -> list[Entry]:
    read = [parse_entry(line) for line in raw.splitlines()]
    assert None not in read
    return [entry for entry in read if entry is not None]


def line(ns: int, text: str, *tags: tuple[str, str], cups: int = 0) -> bytes:
    return format_entry(Entry(Stamp(LONG_AGO.ns + ns), cups, tags, text))


@pytest.fixture
def night(log: Path) -> Path:
    """A log with a night of two people and the script in it."""
    log.write_bytes(
        line(0, "Acquired sanity lock.", cups=3)
        + line(1, "Hypothesis: the cron job", cups=3)
        + line(2, "Releasing sanity lock.", cups=3)
        + line(60 * NS_PER_S, "Hypothesis: the sweeper", ALICE, ("H1", "open"), cups=2)
        + line(120 * NS_PER_S, "tcpdump on :5432 deadlock", BOB)
        + b"kernel: \x1b[2J oops \xff\n"
        + line(180 * NS_PER_S, "Conclusion: it was off", ALICE, ("H1", "refuted"), cups=2)
    )
    return log


# --- what a command says of itself


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_has_an_example(run: Run, name: str) -> None:
    printed = stdout_of(run(name, "--help"))
    assert "example" in printed
    assert f"3am {name}" in printed.partition("example")[2]


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_every_hypothesis_command_has_an_example(run: Run, verb: str) -> None:
    assert f"3am hyp {verb}" in stdout_of(run("hyp", verb, "--help")).partition("example")[2]


def test_the_help_of_3am_lists_every_command(run: Run) -> None:
    printed = stdout_of(run("--help"))
    assert all(re.search(rf"^  {name} ", printed, re.MULTILINE) for name in COMMANDS)
    assert "example" in printed


def test_help_has_no_colour_where_there_is_no_terminal(run: Run) -> None:
    assert "\x1b" not in stdout_of(run("log", "--help", FORCE_COLOR="1", TERM="xterm-256color"))


def test_the_version_is_told(run: Run) -> None:
    assert re.fullmatch(r"3am \d+\.\d+\.\d+\n", stdout_of(run("--version")))


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
    sentence = refusal(run(*argv), 2)
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
    refusal(run(*argv), 2)
    assert not log.exists()


def test_an_extra_word_is_not_called_an_option(run: Run) -> None:
    assert "option" not in refusal(run("status", "extra"), 2)


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
def test_a_number_of_any_length_is_no_traceback(night: Path, run: Run, argv: list[str]) -> None:
    stderr_lines(run(*argv))


# --- log


def test_a_note_is_written_and_printed_as_written(run: Run, log: Path) -> None:
    done = run("log", "it", "happened", "again")
    assert done.stderr == b""
    assert stdout_of(done).encode() == log.read_bytes()
    (entry,) = entries(log.read_bytes())
    assert entry.text == "it happened again"
    assert entry.author is not None
    assert entry.author.user == "alice"


def test_a_quiet_note_prints_nothing(run: Run, log: Path) -> None:
    assert stdout_of(run("log", "-q", "x")) == ""
    assert len(entries(log.read_bytes())) == 1


def test_words_after_two_dashes_are_words(run: Run, log: Path) -> None:
    stdout_of(run("log", "--", "-H", "--quiet"))
    assert entries(log.read_bytes())[0].text == "-H --quiet"


def test_undecodable_words_are_made_visible(run: Run, log: Path) -> None:
    stdout_of(run("log", b"caf\xe9 \x1b[2J"))
    assert entries(log.read_bytes())[0].text == "caf\\xe9 \\x1b[2J"
    assert not HARMFUL.search(log.read_text())


def test_a_pasted_stack_trace_is_one_block(run: Run, log: Path) -> None:
    stdout_of(run("log", "Traceback:\n  File x\r\n    raise\n"))
    assert [entry.text for entry in entries(log.read_bytes())] == ["Traceback:", "|   File x", "|     raise"]


def test_every_line_of_stdin_is_an_entry(run: Run, log: Path) -> None:
    done = run("log", "-", stdin=b"one\r\n\n[H9: open] \xff\x00two\nlast without a newline")
    assert stdout_of(done).encode() == log.read_bytes()
    read = entries(log.read_bytes())
    assert [entry.text for entry in read] == ["one", "", "[H9: open] \\xff\\x00two", "last without a newline"]
    assert all(entry.tag("VIA") for entry in read)
    assert all(entry.hypothesis is None for entry in read)


def test_an_empty_stdin_writes_nothing(run_process: Run, log: Path) -> None:
    assert stdout_of(run_process("log", "-")) == ""
    assert not log.exists()


def test_a_closed_stdin_is_no_traceback(log: Path) -> None:
    done = subprocess.run(["/bin/sh", "-c", 'exec "$0" log - <&-', command()], capture_output=True)
    stderr_lines(done)


def test_a_hypothesis_from_the_shell_is_a_block_with_the_ceremony(run: Run, log: Path) -> None:
    stdout_of(run("log", "-H", "the sweeper"))
    read = entries(log.read_bytes())
    assert [entry.text for entry in read] == [ACQUIRED, "Hypothesis: the sweeper", RELEASING]
    assert read[1].hypothesis == (1, "open")


def test_the_ceremony_follows_the_setting(run: Run, log: Path) -> None:
    stdout_of(run("log", "-H", "the sweeper", SANITY_CEREMONY="never"))
    assert [entry.text for entry in entries(log.read_bytes())] == ["Hypothesis: the sweeper"]


# --- stdout and stderr that are not what they should be


def to_full_disk(*argv: str) -> Done:
    with open("/dev/full", "wb") as full:
        return subprocess.run([command(), *argv], stdout=full, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("argv", [["tail"], ["hyp", "list"], ["doctor"], ["status"], ["path"]], ids=" ".join)
def test_a_full_disk_under_stdout_is_a_sentence(night: Path, argv: list[str]) -> None:
    done = to_full_disk(*argv)
    assert stderr_lines(done)
    assert done.returncode == 3


def test_a_note_that_cannot_be_printed_was_written_all_the_same(log: Path) -> None:
    done = to_full_disk("log", "once")
    assert [entry.text for entry in entries(log.read_bytes())] == ["once"]
    assert not any("not written" in text for text in stderr_lines(done))


@pytest.mark.parametrize("closed", [">&-", "<&- >&-", "<&- >&- 2>&-", "2>&-"])
def test_a_note_is_written_once_whatever_is_closed(log: Path, closed: str) -> None:
    done = subprocess.run(["/bin/sh", "-c", f'exec "$0" log "once" {closed}', command()], capture_output=True)
    stderr_lines(done)
    assert [entry.text for entry in entries(log.read_bytes())] == ["once"]


def test_a_reader_that_has_seen_enough_is_no_error(night: Path) -> None:
    night.write_bytes(b"x" * 100 + b"\n" + night.read_bytes() * 2000)
    shell = 'set -o pipefail; "$0" tail -n 100000 | head -n 1'
    done = subprocess.run(["bash", "-c", shell, command()], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"xxx")


# --- files that are not what they should be


def test_a_log_that_is_a_folder_is_refused(run: Run, log: Path) -> None:
    log.mkdir()
    for argv in (["tail"], ["status"], ["doctor"], ["hyp", "list"]):
        assert "is a folder" in refusal(run(*argv), 3)


@pytest.mark.parametrize("argv", [["log", "my words"], ["hyp", "new", "my words"], ["log", "-"]], ids=" ".join)
def test_the_words_that_were_refused_are_given_back(run: Run, log: Path, argv: list[str]) -> None:
    log.mkdir()
    done = run(*argv, stdin=b"my words\n")
    assert (done.returncode, done.stdout) == (3, b"")
    assert stderr_lines(done)[0].endswith("my words")
    assert "is a folder" in stderr_lines(done)[-1]
    assert list(log.iterdir()) == []


@pytest.mark.parametrize("argv", [["log", "x"], ["tail"], ["tail", "-f"], ["doctor"]], ids=" ".join)
def test_a_log_that_is_a_fifo_is_refused_and_never_hangs(run_process: Run, log: Path, argv: list[str]) -> None:
    os.mkfifo(log)
    done = run_process(*argv, timeout=20)
    assert done.returncode == 3
    assert "FIFO" in stderr_lines(done)[-1]


def test_a_log_that_is_a_device_is_refused(run: Run) -> None:
    for argv in (["log", "x"], ["tail"]):
        done = run("--log", "/dev/null", "--lock", "x.lock", *argv)
        assert done.returncode == 3
        assert "device" in stderr_lines(done)[-1]


def test_a_name_that_is_too_long_says_so(run: Run) -> None:
    done = run("--log", "x" * 300, "log", "x")
    assert done.returncode == 3
    assert "too long" in stderr_lines(done)[-1]


def test_a_state_folder_that_cannot_be_made_says_so(run: Run) -> None:
    done = run("-j", "checkout", "log", "x", XDG_STATE_HOME="/proc")
    assert done.returncode == 3
    assert "/proc/3am" in stderr_lines(done)[-1]


def test_a_working_folder_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    shell = 'mkdir gone; cd gone; rmdir ../gone; exec "$0" --log x.log log x'
    done = subprocess.run(["/bin/sh", "-c", shell, command()], capture_output=True, cwd=tmp_path)
    assert stderr_lines(done)
    assert done.returncode == 3


def test_a_lock_that_is_held_is_exit_4_and_names_the_holder(run: Run, log: Path, tmp_path: Path) -> None:
    with open(tmp_path / "sanity.log.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run("log", "x", SANITY_LOCK_TIMEOUT="0.05")
        assert done.returncode == 4
        assert f"pid {os.getpid()}" in stderr_lines(done)[-1]
        assert json.loads(stdout_of(run("status", "--json")))["holder"]["pid"] == os.getpid()
    assert not log.exists()


def test_the_name_of_a_lock_holder_cannot_drive_the_terminal(run: Run, tmp_path: Path) -> None:
    code = (
        "import fcntl, sys\n"
        "open('/proc/self/comm', 'w').write('\\x1b[2J\\nx\\x9b')\n"
        "lock = open(sys.argv[1], 'w'); fcntl.flock(lock, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "sanity.log.lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        printed = [stdout_of(run("status")), stdout_of(run("status", "--tmux"))]
        holder.communicate()
    for status in printed:
        assert "held by" in status
        assert not HARMFUL.search(status)
        assert status.count("\n") == 1


def test_a_file_size_limit_refuses_whole_and_gives_the_words_back(run: Run, log: Path) -> None:
    stdout_of(run("log", "before"))
    before = log.read_bytes()
    done = limited(len(before) + 20, "log", "my words")
    assert (done.returncode, done.stdout) == (3, b"")
    assert stderr_lines(done)[0].endswith("my words")
    assert "nothing was written" in stderr_lines(done)[-1]
    assert log.read_bytes() == before


def test_a_script_run_that_stops_half_way_never_says_that_nothing_was_written(log: Path) -> None:
    first_size = len(line(0, ACQUIRED))
    done = limited(first_size + 20, "sanity", "5", "my words", "--delay", "0")
    assert done.returncode == 3
    assert [entry.text for entry in entries(log.read_bytes())] == [ACQUIRED]
    assert "nothing was written" not in stderr_lines(done)[-1]


def limited(size: int, *argv: str) -> Done:
    """`3am` in a process that may write files of ``size`` bytes at most."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return subprocess.run([command(), *argv], capture_output=True, preexec_fn=limit)


@pytest.mark.parametrize("content", [b"\xff\n", b"toxic_cups = \n", b"toxic_cup = 3\n", b'ceremony = "x"\n'])
@pytest.mark.parametrize("argv", [["log", "x"], ["tail"], ["path"]], ids=" ".join)
def test_bad_settings_are_a_sentence_and_exit_2(
    run: Run, log: Path, tmp_path: Path, content: bytes, argv: list[str]
) -> None:
    (tmp_path / "config.toml").write_bytes(content)
    assert "config.toml" in refusal(run(*argv, SANITY_CONFIG=str(tmp_path / "config.toml")), 2)
    assert not log.exists()


# --- other people's files, seen by an ordinary user

NOBODY = 65534
AS_NOBODY = f"""
import os, sys
import argparse, difflib, getpass, json, pwd, shlex, tomllib  # while they can still be read
import filelock, inotify_simple
from threeam.cli import doctor, hyp, log, main, path, status, tail
if os.geteuid() == 0:
    os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
sys.exit(main.main(sys.argv[1:]))
"""


@pytest.fixture
def commons() -> Iterator[Path]:
    """A folder that everybody can reach and only its owner can write to."""
    folder = Path(tempfile.mkdtemp(prefix="3am-test-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o700)
    shutil.rmtree(folder)


@pytest.fixture
def as_nobody(commons: Path) -> Callable[..., Done]:
    """Runs `3am` as an ordinary user: as nobody where the tests run as root."""

    def run_as_nobody(*argv: str) -> Done:
        env = {**os.environ, "SANITY_LOG": str(commons / "sanity.log"), "HOME": str(commons)}
        del env["SANITY_LOCK"]
        return subprocess.run(
            [sys.executable, "-c", AS_NOBODY, *argv], env=env, capture_output=True, stdin=subprocess.DEVNULL, timeout=20
        )

    return run_as_nobody


def test_a_log_that_cannot_be_read_says_whom_to_ask(as_nobody: Callable[..., Done], commons: Path) -> None:
    (commons / "sanity.log").write_bytes(line(0, "secret"))
    (commons / "sanity.log").chmod(0)
    for argv in (["tail"], ["status"], ["doctor"], ["hyp", "list"]):
        sentence = refusal(as_nobody(*argv), 3)
        assert "permission denied" in sentence
        assert "--log" in sentence


def test_a_log_that_can_be_read_and_not_written_is_read_and_never_written(
    as_nobody: Callable[..., Done], commons: Path
) -> None:
    log = commons / "sanity.log"
    log.write_bytes(line(0, "for all to read"))
    log.chmod(0o444)
    commons.chmod(0o555)
    before = log.read_bytes()
    assert stdout_of(as_nobody("tail")).encode() == before
    stdout_of(as_nobody("status"))
    stdout_of(as_nobody("doctor"))
    done = as_nobody("log", "my words")
    assert done.returncode == 3
    assert stderr_lines(done)[0].endswith("my words")
    assert "permission denied" in stderr_lines(done)[-1]
    assert log.read_bytes() == before
    assert os.listdir(commons) == ["sanity.log"]


def test_a_home_that_cannot_be_written_to_is_a_sentence(as_nobody: Callable[..., Done], commons: Path) -> None:
    commons.chmod(0o555)
    done = as_nobody("-j", "checkout", "log", "my words")
    assert done.returncode == 3
    assert stderr_lines(done)[0].endswith("my words")
    assert os.listdir(commons) == []


def test_a_log_that_is_a_symlink_of_somebody_elses_is_refused(run: Run, log: Path, tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"")
    log.symlink_to(tmp_path / "target")
    if os.geteuid() == 0:
        os.lchown(log, NOBODY, NOBODY)
        done = run("log", "x")
        assert done.returncode == 3
        assert "is a symlink of" in stderr_lines(done)[-1]
        assert (tmp_path / "target").read_bytes() == b""
        (tmp_path / "inner").mkdir()
        (tmp_path / "link").symlink_to("inner")
        done = run("log", "--log", f"{tmp_path}/link/../{log.name}", "x")
        assert stderr_lines(done)[-1].endswith(": name the file that it points to")
    else:  # only root can make one: our own is resolved
        stdout_of(run("log", "x"))


# --- sanity


def texts_without_stamps(raw: bytes) -> list[bytes]:
    stamped = rb"^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}[+-]\d{4}\] "
    lines = raw.splitlines()
    assert all(re.match(stamped, raw) for raw in lines)
    return [re.sub(stamped, b"", raw) for raw in lines]


@pytest.mark.parametrize(
    "argv",
    [[], ["0"], ["3", "the cron job"], ["4", "x"], ["5", "the cron job and the API share a row"], ["", ""], ["9"]],
    ids=lambda argv: repr(argv),
)
def test_sanity_writes_what_the_script_writes(run: Run, log: Path, tmp_path: Path, argv: list[str]) -> None:
    env = {**os.environ, "SCRIPT_LOG": str(tmp_path / "script.log"), "SCRIPT_LOCK": str(tmp_path / "script.lock")}
    script = subprocess.run(["bash", "-c", SCRIPT, "3am-sanity-lock.sh", *argv], env=env, capture_output=True)
    done = run("sanity", *argv, "--delay", "0")
    assert stdout_of(done).encode() == log.read_bytes()
    assert done.stderr == b""
    assert script.returncode == 0
    assert texts_without_stamps(done.stdout) == texts_without_stamps(script.stdout)


def test_sanity_has_no_tag_but_coffee(run: Run, log: Path) -> None:
    assert texts_without_stamps(run("sanity", "5", "--delay", "0").stdout) == [
        b"[COFFEE: 5] Acquired sanity lock.",
        b"[COFFEE: 5] Hypothesis: Staring into the void. The void is returning a 502 Bad Gateway.",
        b"[COFFEE: 5] " + TOXIC_TEXT.encode(),
        b"[COFFEE: 5] Releasing sanity lock.",
    ]
    assert all(entry.tags == () for entry in entries(log.read_bytes()))


def test_sanity_pauses_inside_the_lock(run: Run, log: Path) -> None:
    stdout_of(run("sanity", "--delay", "0.05"))
    first, second, *_ = entries(log.read_bytes())
    assert second.stamp.ns - first.stamp.ns >= NS_PER_S // 20


# --- tail


def test_tail_prints_the_last_lines_as_they_are_and_safe(run: Run, night: Path) -> None:
    done = run("tail", "-n", "2")
    assert stdout_of(done).splitlines() == ["kernel: \\x1b[2J oops \\xff", night.read_bytes().splitlines()[-1].decode()]
    assert done.stderr == b""


def test_tail_prints_ten_lines_by_itself_and_none_of_none(run: Run, log: Path) -> None:
    log.write_bytes(b"".join(line(i, f"n{i}") for i in range(30)))
    assert [entry.text for entry in entries(stdout_of(run("tail")).encode())] == [f"n{i}" for i in range(20, 30)]
    assert stdout_of(run("tail", "-n", "0")) == ""


def test_tail_prints_an_unfinished_last_line(run: Run, night: Path) -> None:
    with night.open("ab") as file:
        file.write(b"[2026-11-2")
    assert stdout_of(run("tail", "-n", "1")) == "[2026-11-2\n"


@pytest.mark.parametrize(
    ("argv", "numbers"),
    [
        (["--grep", "deadlock|cron"], [1, 4]),
        (["--grep", r"\[H1:"], [3, 6]),
        (["--grep", "oops"], [5]),
        (["--since", str(Stamp(LONG_AGO.ns + 60 * NS_PER_S))], [3, 4, 6]),
        (["--until", "@" + str(Stamp(LONG_AGO.ns + 60 * NS_PER_S))], [0, 1, 2, 3]),
        (
            ["--since", Stamp(LONG_AGO.ns + 2).rfc3339(), "--until", Stamp(LONG_AGO.ns + 120 * NS_PER_S).rfc3339()],
            [2, 3, 4],
        ),
        (["--since", str(LONG_AGO), "-n", "1"], [6]),
        (["--until", "-1d", "--grep", "Acquired"], [0]),
        (["--kind", "conclusion"], [6]),
        (["--kind", "FOREIGN"], [5]),
        (["--by", "alice", "--grep", "H1"], [3, 6]),
        (["--by", "script"], [0, 1, 2]),
        (["--hyp", "H1", "--not", "Conclusion"], [3]),
        (["--hyp", "1", "--kind", "conclusion"], [6]),
        (["--not", "by:alice"], [0, 1, 2, 4, 5]),
        (["--not", "!Conclusion", "--hyp", "h1"], [3, 6]),
        (["-n", "+6"], [5, 6]),
        (["-n", "+4", "--hyp", "H1"], [3, 6]),
        (["-n", "+5", "--hyp", "H1"], [6]),
        (["-n", "+2", "--until", "@" + str(Stamp(LONG_AGO.ns + 60 * NS_PER_S))], [1, 2, 3]),
        (["-n", "+7"], [6]),
        (["-n", "+8"], []),
        (["-n", "1", "--hyp", "H1"], [6]),
    ],
    ids=lambda value: " ".join(value) if value and isinstance(value[0], str) else None,
)
def test_tail_filters(run: Run, night: Path, argv: list[str], numbers: list[int]) -> None:
    lines = night.read_bytes().splitlines()
    lines[5] = b"kernel: \\x1b[2J oops \\xff"
    assert stdout_of(run("tail", *argv)).encode().splitlines() == [lines[i] for i in numbers]


@pytest.mark.parametrize(
    "argv", [["--grep", "nowhere"], ["--since=-15m"], ["--since", "-15m", "--hyp", "H1", "--by", "alice"]], ids=" ".join
)
def test_what_tail_does_not_find_is_exit_1(run: Run, night: Path, argv: list[str]) -> None:
    done = run("tail", *argv)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


@pytest.mark.parametrize(
    ("argv", "missing"),
    [
        (["--hyp", "H9"], "H9"),
        (["--hyp", "H1", "--hyp", "H9", "--since", "-15m"], "H9"),
        (["--by", "carol\x1b"], r"line by carol\x1b"),
        (["--kind", "sleep", "--by", "alice"], "line of the kind sleep"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_tail_says_that_the_log_has_nothing_of_that_name(run: Run, night: Path, argv: list[str], missing: str) -> None:
    done = run("tail", *argv)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (1, b"", f"3am: the log has no {missing}\n")


def test_tail_f_says_it_and_goes_on(night: Path) -> None:
    with subprocess.Popen(
        [command(), "tail", "-f", "--hyp", "H9"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        try:
            assert select([tail.stderr], [], [], 10)[0], "it says nothing"
            assert tail.stderr.readline() == b"3am: the log has no H9\n"
            line = f"[{LONG_AGO}] [COFFEE: 0] [H9: open] Hypothesis: the cache"
            with night.open("a") as file:
                file.write(line + "\n")
            assert tail.stdout.readline().decode() == line + "\n"
        finally:
            tail.kill()


@pytest.mark.parametrize("argv", [["log", "x"], ["coffee"], ["hyp", "new", "x"], ["run", "--", "true"]], ids=" ".join)
def test_a_log_without_a_folder_is_refused_with_the_name_of_the_folder(
    run: Run, bare_home: Path, tmp_path: Path, argv: list[str]
) -> None:
    """And not with that of the lock, which would lie beside it."""
    done = run("--log", str(tmp_path / "missing/deep/x.log"), *argv)
    folder = tmp_path / "missing/deep"
    why = f"{folder}/x.log cannot be opened: its folder {folder} does not exist; make it (mkdir -p), or name another"
    assert done.returncode == 3
    assert why in done.stderr.decode()
    assert not (tmp_path / "missing").exists()


def test_a_log_in_a_file_is_refused_with_the_name_of_the_file(run: Run, bare_home: Path, night: Path) -> None:
    done = run("--log", f"{night}/x.log", "log", "x")
    assert (done.returncode, f"its folder {night} is not a folder; name another" in done.stderr.decode()) == (3, True)


def test_a_run_that_was_made_once_has_nothing_to_resume(run_here: Run) -> None:
    stdout_of(run_here("run", "-q", "--", "true"))
    done = run_here("run", "--resume", "R1")
    assert (done.returncode, done.stderr.startswith(b"3am: R1 is a single run, and has no plan")) == (1, True)


def test_tail_f_ends_with_its_reader_while_others_write_what_it_does_not_print(night: Path) -> None:
    tail = subprocess.Popen([command(), "tail", "-f", "-n", "1", "--grep", "Conclusion"], stdout=subprocess.PIPE)
    assert tail.stdout is not None
    assert b"Conclusion" in tail.stdout.readline()
    tail.stdout.close()
    with night.open("ab", buffering=0) as file:
        deadline = time.monotonic() + 10
        while tail.poll() is None and time.monotonic() < deadline:
            file.write(b"foreign\n")
            time.sleep(0.02)
    assert tail.wait(0) == 0


def test_tail_from_a_line_on_counts_through_rotated_files(
    run_here: Run, journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(6):
        assert run_here("log", f"n{n}").returncode == 0
        if n in (1, 3):
            assert run_here("rotate").returncode == 0
    every = run_here("tail", "-n", "+1").stdout.splitlines()
    assert len(every) == 8, "six notes, and what two files begin with"
    monkeypatch.setattr(reader, "CHUNK_BYTES", 100)
    for first in range(1, 10):
        lines = run_here("tail", "-n", f"+{first}", "--grep", "n[0-5]$").stdout.splitlines()
        assert lines == [raw for raw in every[first - 1 :] if raw[-2:-1] == b"n"], first


@pytest.mark.parametrize("end", ["-1d", "@" + str(Stamp(LONG_AGO.ns + 3600 * NS_PER_S))])
def test_tail_f_ends_at_once_if_until_is_over(run_here: Run, night: Path, end: str) -> None:
    assert len(stdout_of(run_here("tail", "-f", "--until", end)).splitlines()) == 6


def test_tail_f_ends_when_a_line_later_than_until_has_come(night: Path) -> None:
    now = time.time_ns()
    until = str(Stamp(now + 3600 * NS_PER_S))
    tail = subprocess.Popen([command(), "tail", "-f", "--grep", "time|Conclusion", "--until", until], stdout=-1)
    assert tail.stdout is not None
    assert b"Conclusion" in tail.stdout.readline()
    in_time, too_late = (format_entry(Entry(Stamp(now + hours * 3600 * NS_PER_S), 0, (), "time")) for hours in (1, 2))
    with night.open("ab", buffering=0) as file:
        file.write(in_time)
        assert tail.stdout.readline() == in_time
        file.write(too_late)
    assert tail.communicate(timeout=10)[0] == b""
    assert tail.returncode == 0


def test_tail_is_in_colour_on_a_terminal_only(night: Path) -> None:
    def seen(**env: str) -> bytes:
        terminal, ours = pty.openpty()
        argv = [command(), "tail", "-n", "1"]
        subprocess.run(argv, stdout=ours, env={**os.environ, "TERM": "xterm", **env}, check=True)
        os.close(ours)
        return os.read(terminal, 65536)

    plain = night.read_bytes().splitlines()[-1]
    assert b"\x1b[36m" in seen()
    assert re.sub(rb"\x1b\[\d+m", b"", seen()).rstrip() == plain
    assert seen(NO_COLOR="1").rstrip() == plain


def test_tail_of_no_log_says_so_and_is_exit_1(run: Run, log: Path) -> None:
    done = run("tail")
    assert (done.returncode, done.stdout) == (1, b"")
    assert "no log at" in stderr_lines(done)[0]
    assert not log.exists()


def test_tail_json_has_one_object_a_line(run: Run, night: Path) -> None:
    script, hypothesis, _, foreign, verdict = (
        json.loads(text) for text in stdout_of(run("tail", "-n", "5", "--json")).splitlines()
    )
    assert script["ts"] == Stamp(LONG_AGO.ns + 2).rfc3339()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", script["ts"])
    assert script["ts_ns"] == str(LONG_AGO.ns + 2)
    assert (script["by"], script["kind"], script["coffee"]) == (None, "ceremony", 3)
    assert (hypothesis["hypothesis"], hypothesis["state"], hypothesis["by"]) == (1, "open", ALICE[1])
    assert (foreign["foreign"], foreign["ts"], foreign["text"]) == (True, None, "kernel: \\x1b[2J oops \\xff")
    assert (verdict["kind"], verdict["text"]) == ("Conclusion", "Conclusion: it was off")
    raw = night.read_bytes()
    assert raw[foreign["offset"] :].startswith(b"kernel")


@pytest.mark.parametrize(
    "argv",
    [["tail", "--json"], ["tail"], ["hyp", "list"], ["hyp", "list", "--json"], ["hyp", "show", "H1"]],
    ids=" ".join,
)
def test_whatever_a_foreign_line_holds_is_made_safe_to_show(run: Run, log: Path, argv: list[str]) -> None:
    bad = "\x9b2J\u202e\u2028\x7f"
    log.write_bytes(
        f"[{LONG_AGO}] [COFFEE: 1] [BY: al{bad}ice@h{bad}:1] [H1: op{bad}en] [X: {bad}] Hypothesis: {bad}\n".encode()
    )
    assert not HARMFUL.search(stdout_of(run(*argv)))


# --- coffee, water, sleep, status


def test_the_human_state_goes_up_and_down_in_the_log(run: Run, log: Path) -> None:
    for argv in (["coffee", "5"], ["coffee", "--undo"], ["water"]):
        stdout_of(run(*argv))
    read = entries(log.read_bytes())
    assert [entry.cups for entry in read] == [1, 2, 3, 4, 5, 5, 4, 4]
    assert [entry.tag("MG") for entry in read] == ["95"] * 5 + [None, "-95", None]
    assert read[5].text == TOXIC_TEXT
    facts = json.loads(stdout_of(run("status", "--json")))
    assert {key: facts[key] for key in ("cups", "water", "open", "lock", "toxic")} == {
        "cups": 4, "water": 1, "open": 0, "lock": "free", "toxic": False
    }  # fmt: skip
    assert facts["mg"] == pytest.approx(380, abs=1)
    stdout_of(run("sleep"))
    assert json.loads(stdout_of(run("status", "--json")))["cups"] == 0


def test_reminders_that_cannot_be_read_do_not_change_the_exit_code_of_a_coffee(
    run_here: Run, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> object:
        raise FileUnusable("the log cannot be read")

    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr("threeam.cli.coffee.sys", SimpleNamespace(stderr=terminal))
    monkeypatch.setattr("threeam.cli.coffee.coffee_reminders", fail)
    done = run_here("coffee")
    assert (done.returncode, stderr_lines(done)) == (0, ["3am: no reminders: the log cannot be read"])
    assert len(entries(log.read_bytes())) == 1


def test_an_interrupt_after_a_rotation_does_not_hide_it(
    run_here: Run, night: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LockedLog, "prune_rotated", lambda _: os.kill(os.getpid(), signal.SIGINT) or "")
    assert Path(stdout_of(run_here("rotate")).strip()).exists()


def test_a_cup_that_is_not_there_cannot_be_taken_back(run: Run) -> None:
    assert "none this night" in refusal(run("coffee", "--undo"), 1)


@pytest.mark.parametrize("argv", [["status"], ["status", "--tmux"]], ids=" ".join)
def test_status_is_one_line_without_a_log(run: Run, log: Path, argv: list[str]) -> None:
    printed = stdout_of(run(*argv))
    assert printed.count("\n") == 1
    assert "lock free" in printed
    assert not log.exists()


def test_status_says_toxic_in_a_word(run: Run) -> None:
    stdout_of(run("coffee", "5"))
    assert "5 TOXIC" in stdout_of(run("status"))
    assert "#[fg=red]" in stdout_of(run("status", "--tmux"))


def test_a_dose_that_a_hand_wrote_with_400_digits_is_no_traceback(run: Run, log: Path) -> None:
    log.write_bytes(line(0, "Coffee: a lot", ("BY", "alice@db1:1"), ("MG", "1" + "0" * 400), ("WATER", "9" * 4300)))
    for argv in (["status"], ["status", "--json"], ["sleep"], ["water"]):
        stdout_of(run(*argv))


# --- hyp


def test_a_hypothesis_has_its_story_told_from_the_shell(run: Run, log: Path) -> None:
    stdout_of(run("hyp", "new", "the", "sweeper"))
    assert entries(log.read_bytes())[1].hypothesis == (1, "open")
    assert stdout_of(run("hyp", "list")) == "H1   open      +0 -0  the sweeper\n"
    stdout_of(run("hyp", "refute", "h1", "it was off"))
    (hypothesis,) = [json.loads(text) for text in stdout_of(run("hyp", "list", "--json")).splitlines()]
    facts = {key: hypothesis[key] for key in ("number", "state", "claim", "why")}
    assert facts == {"number": 1, "state": "refuted", "claim": "the sweeper", "why": "it was off"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", hypothesis["ts"])
    assert isinstance(hypothesis["ts_ns"], str)
    shown = entries(stdout_of(run("hyp", "show", "1")).encode())
    assert [entry.text for entry in shown] == ["Hypothesis: the sweeper", "Conclusion: it was off"]


def test_a_hypothesis_of_the_scripts_can_be_refuted_by_its_stamp(run: Run, night: Path) -> None:
    cited = f"@{Stamp(LONG_AGO.ns + 1)}"
    stdout_of(run("hyp", "refute", cited, "cron was off"))
    numbered, verdict = entries(b"\n".join(night.read_bytes().splitlines()[-2:]))
    assert (numbered.hypothesis, numbered.text) == ((2, "open"), f"Hypothesis: {cited} the cron job")
    assert (verdict.hypothesis, verdict.text) == ((2, "refuted"), "Conclusion: cron was off")
    story = entries(stdout_of(run("hyp", "show", "H2")).encode())
    assert [entry.text for entry in story] == ["Hypothesis: the cron job", numbered.text, verdict.text]


@pytest.mark.parametrize(
    "argv", [["show", "H9"], ["refute", "H9", "x"], ["park", "@nonsense", "x"], ["refute", "H1", "again"]], ids=" ".join
)
def test_the_answer_may_be_no(run: Run, night: Path, argv: list[str]) -> None:
    before = night.read_bytes()
    refusal(run("hyp", *argv), 1)
    assert night.read_bytes() == before


# --- doctor and path


def test_the_doctor_finds_damage_and_changes_nothing(run: Run, night: Path) -> None:
    before = night.read_bytes()
    at = before.index(b"kernel")
    done = run("doctor")
    assert done.returncode == 5
    assert done.stdout.decode().startswith(f"sanity.log, offset {at}, line 6: ")
    assert "1 finding in" in stderr_lines(done)[0]
    finding = json.loads(run("doctor", "--json").stdout)
    assert (finding["offset"], finding["line"], finding["what"]) == (at, 6, "foreign")
    assert night.read_bytes() == before


def test_the_doctor_calls_a_sound_log_sound(run: Run, log: Path) -> None:
    stdout_of(run("log", "-H", "x"))
    done = run("doctor")
    assert stdout_of(done) == ""
    assert "sound" in stderr_lines(done)[0]


def test_the_doctor_calls_no_log_that_is_not_there_sound(run: Run, log: Path) -> None:
    done = run("doctor")
    assert (done.returncode, done.stdout) == (1, b"")
    assert "no log at" in stderr_lines(done)[0]
    assert not log.exists()


def test_the_words_of_a_verdict_that_is_declined_are_handed_back(run: Run) -> None:
    done = run("hyp", "refute", "H9", "precious", "why")
    assert done.returncode == 1
    assert stderr_lines(done)[0] == "3am: not written: precious why"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=str)
def test_the_words_of_a_note_that_is_ended_while_it_waits_are_handed_back(
    journal: Journal, log: Path, number: int
) -> None:
    with open(journal.lock_path, "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen([command(), "log", "precious"], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        while not re.search(rf"-> FLOCK .* {process.pid} ", Path("/proc/locks").read_text()):  # in the kernel's queue
            assert process.poll() is None
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert (out, err) == (b"", b"3am: not written: precious\n")
    assert not log.exists()


def test_what_a_stream_was_given_is_handed_back_when_the_settings_are_broken(run: Run) -> None:
    done = run("log", "-", stdin=b"precious\nwords\n", SANITY_SYNC="bogus")
    assert done.returncode == 2
    assert stderr_lines(done)[:2] == ["3am: not written: precious", "3am: not written: words"]


def test_stdout_into_the_log_itself_doubles_nothing(run: Run, log: Path) -> None:
    run("log", "first")
    for argv, stdin in ((["log", "second"], b""), (["log", "-"], b"third\n")):
        with log.open("ab") as file:
            done = subprocess.run([command(), *argv], input=stdin, stdout=file, check=False)
        assert done.returncode == 0
    assert [entry.text for entry in entries(log.read_bytes())] == ["first", "second", "third"]


def test_the_log_is_not_read_into_itself(run: Run, log: Path) -> None:
    run("log", "first")
    with log.open("rb") as file:
        done = subprocess.run([command(), "log", "-q", "-"], stdin=file, capture_output=True, timeout=20)
    assert done.returncode == 3
    assert "stdin is the log itself" in stderr_lines(done)[-1]
    assert len(entries(log.read_bytes())) == 1


def test_a_script_run_whose_log_is_removed_is_unsure(journal: Journal, log: Path) -> None:
    process = subprocess.Popen([command(), "sanity", "0", "x", "--delay", "0.5"], stderr=subprocess.PIPE)
    while not log.exists() or not log.read_bytes():
        assert process.poll() is None
    log.unlink()
    assert b"removed" in process.communicate(timeout=20)[1]
    assert process.returncode == 3


def test_path_says_which_files_and_why(run: Run, log: Path, tmp_path: Path) -> None:
    printed = stdout_of(run("path"))
    assert re.search(rf"^log +{re.escape(str(log))} +\(SANITY_LOG\)$", printed, re.MULTILINE)
    assert re.search(r"^lock .*\(SANITY_LOCK\)$", printed, re.MULTILINE)
    assert re.search(r"^settings .*config.toml +\(default\)$", printed, re.MULTILINE)
    assert re.search(r"^log +/x/y.log +\(--log\)$", stdout_of(run("path", "--log", "/x/y.log")), re.MULTILINE)


def test_path_tells_the_settings_in_force_and_where_each_comes_from(run: Run) -> None:
    printed = stdout_of(run("path", "--settings", SANITY_TOXIC_CUPS="6"))
    assert re.search(r"^toxic_cups = 6 +# SANITY_TOXIC_CUPS$", printed, re.MULTILINE)
    assert re.search(r"^cup_mg = 95 +# default$", printed, re.MULTILINE)


def test_what_path_prints_of_the_settings_is_a_settings_file(
    run_here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        'reminders = "none"\nkeep = "all"\nemoji = false\ntheme = "a \\"b\\" \\u007f"\nhalf_life_h = 4.5\n'
        '[keys]\ncoffee = "f2"\n"an odd one" = "c,d"\n'
    )
    monkeypatch.setenv("SANITY_CONFIG", str(config))
    printed = stdout_of(run_here("path", "--settings"))
    config.write_text(printed)
    again = stdout_of(run_here("path", "--settings"))
    in_force = tomllib.loads(printed)
    assert tomllib.loads(again) == in_force
    assert (in_force["emoji"], in_force["keep"], in_force["reminders"]) == (False, "all", ["none"])
    assert in_force["keys"] == {"coffee": "f2", "an odd one": "c,d"}
    assert "log = " in printed


def test_status_has_no_signs_if_the_settings_say_so(run_here: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stdout_of(run_here("status")).startswith("☕ 0 ")
    monkeypatch.setenv("SANITY_EMOJI", "false")
    printed = stdout_of(run_here("status"))
    assert printed.isascii()
    assert printed.startswith("c 0 0 mg | w 0 | 0 open | lock ")


@pytest.mark.parametrize("argv", [["-j", "checkout", "log", "x"], ["log", "-j", "checkout", "x"]], ids=" ".join)
def test_the_options_of_every_command_may_stand_before_or_after_it(run: Run, tmp_path: Path, argv: list[str]) -> None:
    stdout_of(run(*argv, XDG_STATE_HOME=str(tmp_path / "state")))
    assert (tmp_path / "state" / "3am" / "checkout.log").exists()


# --- 3am by itself


@pytest.mark.parametrize("argv", [[], ["-R"]], ids=["3am", "3am -R"])
def test_3am_without_a_terminal_is_tail_and_says_so(run: Run, night: Path, argv: list[str]) -> None:
    done = run(*argv)
    assert stdout_of(done) == stdout_of(run("tail"))
    assert stderr_lines(done) == ["3am: stdout is not a terminal, so this is 3am tail"]


def test_text_piped_into_the_full_screen_names_the_command_for_it(log: Path) -> None:
    primary, replica = os.openpty()
    try:
        done = subprocess.run([command()], input=b"text\n", stdout=replica, stderr=subprocess.PIPE)
    finally:
        os.close(primary)
        os.close(replica)
    assert done.returncode == 2
    (sentence,) = stderr_lines(done)
    assert "3am log -" in sentence
    assert not log.exists()


def test_an_interrupt_while_modules_are_imported_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: str) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr("threeam.cli.main.import_module", interrupted)
    assert main(["run", "--", "true"]) == 130
