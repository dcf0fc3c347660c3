"""What works on a system that has none of the system calls of Linux, such as macOS: all but ``run`` and ``observe``.

There is no such system here: the functions and constants are deleted before the package is imported, and /proc is
hidden.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.journals import texts
from support.lines import NIGHT
from support.processes import Output, held, process

# Everything that Python 3.11 offers on Linux and not on macOS, of the modules that are imported in this package.
WITHOUT_LINUX = """
import builtins, errno, fcntl, os, select, signal, sys

for module, names in (
    (
        os,
        "O_PATH O_TMPFILE O_NOATIME O_DIRECT O_LARGEFILE O_RSYNC fdatasync pipe2 getxattr setxattr listxattr "
        "removexattr memfd_create pidfd_open eventfd splice copy_file_range posix_fadvise posix_fallocate "
        "sched_getaffinity sched_setaffinity sched_getscheduler getrandom setresuid setresgid P_PIDFD",
    ),
    (signal, "sigtimedwait sigwaitinfo pidfd_send_signal SIGRTMIN SIGRTMAX SIGPOLL SIGPWR SIGSTKFLT"),
    (fcntl, "F_SETPIPE_SZ F_GETPIPE_SZ F_ADD_SEALS F_GET_SEALS F_OFD_SETLK F_OFD_SETLKW F_NOTIFY F_SETLEASE F_SETSIG"),
    (select, "epoll"),
):
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
sys.modules["inotify_simple"] = None


def hidden(real):
    def call(path=".", *args, **kwargs):
        name = os.fsdecode(path) if isinstance(path, (str, bytes)) else ""
        if (name + "/").startswith(("/proc/", "/dev/shm/")) or (real is readlink and name == ""):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return real(path, *args, **kwargs)

    return call


readlink = os.readlink
builtins.open = hidden(open)
for name in ("open", "stat", "lstat", "listdir", "readlink", "access", "scandir"):
    setattr(os, name, hidden(getattr(os, name)))
"""

THREE_AM = WITHOUT_LINUX + "from threeam.__main__ import run\nrun()\n"


def argv_of(*args: str) -> list[str]:
    return [sys.executable, "-c", THREE_AM, *args]


def elsewhere(*args: str, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run `3am` as it would run there."""
    return subprocess.run(argv_of(*args), input=stdin, capture_output=True, timeout=60, env={**os.environ, **env})


def works(*args: str, stdin: bytes = b"", **env: str) -> bytes:
    """Run `3am` as it would run there, and return what it prints; nothing may be said on stderr."""
    done = elsewhere(*args, stdin=stdin, **env)
    assert (done.returncode, done.stderr) == (0, b""), (args, done)
    return done.stdout


def test_a_note_and_a_stream_are_written_once(log: Path) -> None:
    works("log", "-q", "one")
    works("log", "-q", "-", stdin=b"two\nthree\n")
    assert texts(log) == ["one", "two", "three"]


def test_the_log_is_read(log: Path) -> None:
    works("log", "-q", "one")
    assert works("tail").endswith(b" one\n")
    assert b" free" in works("status")
    assert elsewhere("doctor").stderr.endswith(b": sound\n")
    assert str(log).encode() in works("path")
    assert b"one" in works("export", "md")


def test_what_is_appended_is_reported_as_it_comes(log: Path) -> None:
    works("log", "-q", "one")
    with process(*argv_of("tail", "-f", "-n", "1")) as following:
        output = Output(following)
        output.until(lambda lines: any(line.endswith(b" one") for line in lines), "the line that was there")
        with log.open("ab") as file:
            file.write(f"[{NIGHT}] [COFFEE: 0] two\n".encode())
        output.until(lambda lines: lines[-1].endswith(b" two"), "the new line")


def test_what_comes_late_into_a_renamed_log_is_reported(log: Path) -> None:
    line = f"[{NIGHT}] [COFFEE: 0] ".encode()
    log.write_bytes(line + b"one\n")
    with process(*argv_of("tail", "-f", "-n", "1")) as following, log.open("ab", buffering=0) as old:
        output = Output(following)
        output.until(lambda lines: len(lines) == 1, "the line that was there")
        log.rename(log.with_suffix(".old"))  # and nothing new has its name, so only the old one changes
        old.write(line + b"two\n")
        output.until(lambda lines: lines[-1].endswith(b" two"), "the late line")


def test_a_cup_and_a_hypothesis(log: Path) -> None:
    works("coffee")
    works("hyp", "new", "the pool is exhausted")
    assert b"the pool is exhausted" in works("hyp", "list")


def test_a_log_is_rotated_when_it_is_asked_for_and_when_it_is_full(log: Path) -> None:
    works("log", "-q", "one")
    works("rotate")
    works("log", "-q", "x" * 70_000)
    works("log", "-q", "last", SANITY_ROTATE_BYTES="65536")
    assert len(list(log.parent.glob("sanity.*Z.log"))) == 2
    assert texts(log)[-1] == "last"


def test_a_log_is_copied_into_a_new_one(log: Path, tmp_path: Path) -> None:
    works("log", "-q", "one")
    works("fork", "--to", str(tmp_path / "copy.log"))
    assert b" one\n" in (tmp_path / "copy.log").read_bytes()


def test_a_lock_that_is_held_is_seen_to_be_held(log: Path) -> None:
    works("log", "-q", "one")
    with held(Path(f"{log}.lock")):
        assert b"held" in works("status")
        done = elsewhere("log", "two", SANITY_LOCK_TIMEOUT="0.1")
    assert done.returncode == 4
    assert b"a process that cannot be seen from here" in done.stderr
    assert texts(log) == ["one"]


@pytest.mark.parametrize(
    "argv", [("run", "--", "true"), ("run", "-n", "2", "--", "true"), ("observe", "1")], ids=" ".join
)
def test_what_needs_linux_says_so(log: Path, argv: tuple[str, ...]) -> None:
    done = elsewhere(*argv)
    assert (done.returncode, done.stdout) == (3, b"")
    assert done.stderr == f"3am: 3am {argv[0]} needs Linux: there is no os.pidfd_open here\n".encode()
    assert not log.exists()


def test_other_processes_are_seen_only_on_linux() -> None:
    done = elsewhere("status", "--footprint")
    assert done.returncode == 3
    assert done.stderr == b"3am: measuring other processes needs Linux: there is no /proc here\n"


def test_the_screen_is_imported() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_LINUX + "import threeam.tui.app"], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
