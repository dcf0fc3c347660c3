"""A signal ends the command line with its own exit code and without a traceback, wherever it comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.commands import Run, command, good

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
# Loaded by the interpreter at its start. The signal comes when a certain module is looked for: in the import itself,
# in a finalizer that runs meanwhile, or when stdout is flushed after the command.
SITE = """
import os, sys

class Sends:
    def __del__(self):
        os.kill(os.getpid(), {number})

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            if {where!r} == "finalizer":
                Sends()
                while True:  # until the signal is sent again
                    pass
            elif {where!r} == "import":
                os.kill(os.getpid(), {number})
            elif {where!r} == "flush":
                class Stdout:
                    def __getattr__(self, name):
                        return getattr(sys.__stdout__, name)
                    def flush(self):
                        os.kill(os.getpid(), {number})
                sys.stdout = Stdout()
        return None

sys.meta_path.insert(0, Finder())
"""


def ended(
    folder: Path, where: str, module: str, number: signal.Signals, *argv: str, site: str = ""
) -> subprocess.CompletedProcess[bytes]:
    """A command that gets a signal at an exact place. ``site`` is appended to `SITE`."""
    (folder / "sitecustomize.py").write_text(SITE.format(where=where, module=module, number=int(number)) + site)
    environ = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run([command(), *argv], env=environ, capture_output=True, timeout=60, check=False)


# The first is imported before a command runs; the others by it, before the journal is known and for the lock.
@pytest.mark.parametrize("module", ["threeam.cli.log", "getpass", "filelock"])
@pytest.mark.parametrize("where", ["import", "finalizer"])
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_during_an_import_prints_no_traceback(
    tmp_path: Path, log: Path, where: str, module: str, number: signal.Signals
) -> None:
    done = ended(tmp_path, where, module, number, "log", "precious")
    assert done.returncode == 128 + number, done
    assert done.stdout == b""
    assert done.stderr == (b"" if module == "threeam.cli.log" else b"3am: not written: precious\n")
    assert not log.exists()


# A lost signal is sent again by a timer, which is set in Python's hook for errors of finalizers. Here it expires before
# the hook has returned, as it may on a loaded host; or another signal comes before it is set.
TIMER_SITE = """
import signal

setitimer = signal.setitimer
def set_and_wait(which, delay, *interval):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    setitimer(which, delay, *interval)
    while delay and signal.SIGALRM not in signal.sigpending():
        pass
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
def set_after_a_signal(*args):
    signal.setitimer = setitimer
    os.kill(os.getpid(), signal.SIGTERM)
    setitimer(*args)
signal.setitimer = {setitimer}
"""


@pytest.mark.parametrize(
    ("setitimer", "code"), [("set_and_wait", 128 + signal.SIGHUP), ("set_after_a_signal", 128 + signal.SIGTERM)]
)
def test_a_signal_in_the_hook_for_errors_of_finalizers_is_not_lost(
    tmp_path: Path, log: Path, setitimer: str, code: int
) -> None:
    site = TIMER_SITE.format(setitimer=setitimer)
    done = ended(tmp_path, "finalizer", "filelock", signal.SIGHUP, "log", "precious", site=site)
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"3am: not written: precious\n")
    assert not log.exists()


@pytest.mark.parametrize("module", ["threeam.cli", "threeam.cli.exit_on_signal", "signal", "threeam.cli.main"])
def test_an_interrupt_during_the_first_imports_prints_no_traceback(tmp_path: Path, log: Path, module: str) -> None:
    """While the handlers are not there yet, Python raises `KeyboardInterrupt`, in the imports that install them."""
    done = ended(tmp_path, "import", module, signal.SIGINT, "log", "precious")
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
    assert not log.exists()


def test_an_interrupt_before_the_command_line_is_called_prints_no_traceback(log: Path) -> None:
    """As in the script that pip writes, which compiles a regular expression in between."""
    code = "import os, signal\nfrom threeam.__main__ import run\nos.kill(os.getpid(), signal.SIGINT)\nrun()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
    assert not log.exists()


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_after_the_command_prints_no_traceback(tmp_path: Path, log: Path, number: signal.Signals) -> None:
    done = ended(tmp_path, "flush", "threeam.core.write.writer", number, "log", "precious")
    assert (done.returncode, done.stderr) == (0, b""), "it is written: the exit code says so"
    assert b"precious" in log.read_bytes()


# Loaded by the interpreter at its start. The signal comes right after something was printed on a descriptor.
PRINTING_SITE = """
import os
write = os.write
def write_and_kill(fd, data):
    size = write(fd, data)
    if fd == {fd}:
        os.kill(os.getpid(), {number})
    return size
os.write = write_and_kill
"""


# All signals have one handler, whatever the command is: each command gets one signal, and one command gets all.
@pytest.mark.parametrize(
    ("number", "argv"),
    [
        *((number, ["log", "precious"]) for number in SIGNALS),
        (signal.SIGINT, ["coffee"]),
        (signal.SIGTERM, ["sleep"]),
        (signal.SIGHUP, ["hyp", "new", "the sweeper"]),
        (signal.SIGINT, ["changed", "a flag"]),
        (signal.SIGINT, ["take"]),
        (signal.SIGTERM, ["rotate"]),
        (signal.SIGHUP, ["fork", "--to", "fork.log"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else value.name,
)
def test_a_signal_right_after_the_acknowledgement_does_not_change_the_exit_code(
    tmp_path: Path, log: Path, number: signal.Signals, argv: list[str], run_here: Run
) -> None:
    good(run_here("log", "-q", "the first line"))
    (tmp_path / "sitecustomize.py").write_text(PRINTING_SITE.format(fd=1, number=int(number)))
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([command(), *argv], env=environ, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout


@pytest.mark.parametrize(
    ("argv", "code"),
    [(["coffee"], 0), (["run", "--", "true"], 0), (["run", "--", "false"], 1)],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_an_interrupt_of_what_follows_the_acknowledgement_does_not_change_the_exit_code(
    tmp_path: Path, log: Path, argv: list[str], code: int
) -> None:
    """As the reminders after a coffee, which are printed on a terminal only."""
    (tmp_path / "sitecustomize.py").write_text(PRINTING_SITE.format(fd=2, number=int(signal.SIGINT)))
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    terminal, replica = os.openpty()
    try:
        done = subprocess.run([command(), *argv], env=environ, stdout=subprocess.PIPE, stderr=replica, timeout=60)
        assert os.read(terminal, 4096)
    finally:
        os.close(terminal)
        os.close(replica)
    assert done.returncode == code
    assert log.read_bytes()


def test_an_interrupt_before_the_warnings_about_a_hypothesis_does_not_change_the_exit_code(
    tmp_path: Path, log: Path
) -> None:
    done = ended(tmp_path, "import", "threeam.hypotheses.guards", signal.SIGINT, "log", "-H", "precious")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"precious" in log.read_bytes()


def test_another_fault_of_a_finalizer_is_shown(tmp_path: Path, log: Path) -> None:
    """Only interrupts are kept quiet."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nclass Faulty:\n    def __del__(self):\n        raise ValueError('a bug')\n"
        "class Finder:\n    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'threeam.core.write.writer':\n            Faulty()\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([command(), "log", "x"], env=environ, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
    assert b"a bug" in done.stderr


def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path, log: Path) -> None:
    """As nohup does it."""
    (tmp_path / "sitecustomize.py").write_text(
        SITE.format(where="import", module="threeam.core.write.writer", number=int(signal.SIGHUP))
    )
    script = f"trap '' HUP; exec {command()} log words"
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(["sh", "-c", script], env=environ, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert b"words" in log.read_bytes()


def test_the_module_that_is_imported_first_imports_next_to_nothing() -> None:
    """Until its handlers are there, an interrupt is Python's to tell."""
    code = "import sys, signal\nbefore = set(sys.modules)\nimport threeam.__main__\nprint(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {
        "__future__",
        "threeam",
        "threeam.__main__",
        "threeam.cli",
        "threeam.cli.exit_on_signal",
    }


THREAD = """
import os, signal, threading
from threeam.core.platform.signals import defer_interrupts
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
os.kill(os.getpid(), signal.SIGINT)
def write():
    with defer_interrupts(True) as interrupted:
        assert not interrupted()
thread = threading.Thread(target=write)
thread.start()
thread.join()
print(signal.SIGINT in signal.sigpending())
"""


def test_a_thread_that_writes_takes_no_signal_away_from_the_main_thread() -> None:
    """`3am observe` writes on a thread that its tracer is attached, while ctrl+c waits for the main thread."""
    done = subprocess.run([sys.executable, "-c", THREAD], capture_output=True, check=False)
    assert (done.stdout, done.stderr) == (b"True\n", b"")
