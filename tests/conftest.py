"""What every test stands on: a journal of its own, a home of its own, and real `3am` processes."""

from __future__ import annotations

import compileall
import ctypes
import gc
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import hypothesis
import pytest

import threeam
from support.commands import Done, Run, command
from support.journals import FakeClock, writer_of
from support.night_log import NIGHT_LOG
from threeam.cli.main import main
from threeam.core.store.journal import Journal, resolve_journal
from threeam.core.write.writer import Writer

gc.disable()  # until all tests are collected: what is imported stays
sys.dont_write_bytecode = False  # pytest rewrites each test module once, and not in each worker of each run

SLOW_TIMEOUT_S = 900  # of a test marked `slow`; all others have the `timeout` of pyproject.toml

_FOLDER_NUMBERS = count()
_UNHURRIED = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])  # under load
hypothesis.settings.register_profile("dev", _UNHURRIED, max_examples=8)
hypothesis.settings.register_profile("ci", _UNHURRIED, max_examples=100, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_configure(config: pytest.Config) -> None:
    """Prepare what the processes of the tests inherit: the signals, and the compiled modules.

    A runner in the background ignores signals, and the tests send them. With PYTHONDONTWRITEBYTECODE set, each process
    would compile the modules that it imports, which takes as long as `3am log` itself. pip compiles what it installs.
    """
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    if not hasattr(config, "workerinput"):  # in one process only, and before it starts the workers
        compileall.compile_dir(Path(threeam.__file__).parent, quiet=1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give the slow tests more time before they count as hanging, and leave out those that were not asked for.

    `-m` asks for them, their name does ("…::test_it"), and so does the folder in which all of them are slow.
    """
    slow = [item for item in items if item.get_closest_marker("slow") is not None]
    for item in slow:
        item.add_marker(pytest.mark.timeout(SLOW_TIMEOUT_S))
    if config.option.markexpr or any("::" in arg for arg in config.args):
        return
    left_out = [item for item in slow if item.path.parent.name != "soak"]
    config.hook.pytest_deselected(items=left_out)
    left_out_ids = set(map(id, left_out))
    items[:] = [item for item in items if id(item) not in left_out_ids]


def pytest_collection_finish() -> None:
    """Exclude all that is imported by now from garbage collection: it takes a quarter of the time of the pilots."""
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder of the test's own. pytest's fixture reads the names of all earlier ones: 2 ms a test."""
    name = re.sub(r"\W", "_", request.node.name)[:30]
    return tmp_path_factory.mktemp(f"{name}{next(_FOLDER_NUMBERS)}", numbered=False)


@pytest.fixture(autouse=True)
def _own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the journal, the settings or the tmux of whoever runs it."""
    for name in list(os.environ):
        if name.startswith(("SANITY_", "XDG_", "TMUX", "SUDO_")) or name in ("NO_COLOR", "COLORTERM"):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("LOGNAME", "alice")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("SANITY_LOG", str(tmp_path / "sanity.log"))
    monkeypatch.setenv("SANITY_LOCK", str(tmp_path / "sanity.log.lock"))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where this test's log is (or will be)."""
    return tmp_path / "sanity.log"


@pytest.fixture
def night_log(log: Path) -> Path:
    """Write a log with a night of two people and the script in it."""
    log.write_bytes(NIGHT_LOG)
    return log


@pytest.fixture
def bare_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh home folder, and nothing that says where the log is."""
    monkeypatch.delenv("SANITY_LOG")
    monkeypatch.delenv("SANITY_LOCK")
    return tmp_path / "home"


@pytest.fixture
def journal(log: Path) -> Journal:
    """This test's journal."""
    return resolve_journal(str(log))


@pytest.fixture
def clock() -> FakeClock:
    """03:14:07.123456789, until the test moves it."""
    return FakeClock()


@pytest.fixture
def writer(journal: Journal, clock: FakeClock) -> Writer:
    """A writer of alice's with a fake clock, that does not wait for the disk."""
    return writer_of("alice", journal, clock)


@pytest.fixture
def run_process() -> Run:
    """Run `3am` with arguments as a process of its own: ``run_process("log", "-", stdin=b"hello\\n")``."""

    def run_3am(*args: str | bytes, stdin: bytes = b"", timeout: float = 60, **env: str) -> Done:
        return subprocess.run(
            [command(), *args],
            input=stdin,
            capture_output=True,
            timeout=timeout,
            env={**os.environ, **env},
        )

    return run_3am


@contextmanager
def _stdin(data: bytes, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this process read ``data`` from its standard input."""
    with tempfile.TemporaryFile() as file, open(0, closefd=False) as stdin:
        file.write(data)
        file.seek(0)
        saved = os.dup(0)
        os.dup2(file.fileno(), 0)
        patch.setattr("sys.stdin", stdin)
        try:
            yield
        finally:
            os.dup2(saved, 0)
            os.close(saved)


_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
_LIBC = ctypes.CDLL(None)  # a test may have put another into its place


def pytest_runtest_teardown() -> None:
    """Adopt no orphans any more: a command that was run in this process may have begun to.

    The killed processes of a later test would stay here as zombies, and look as if they were alive.
    """
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@pytest.fixture
def run_here(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `3am` in the test's own process, in a hundredth of the time of a process."""

    def run_3am(*args: str | bytes, stdin: bytes = b"", **env: str) -> Done:
        capfdbinary.readouterr()
        with monkeypatch.context() as patch, _stdin(stdin, patch):
            for name, value in env.items():
                patch.setenv(name, value)
            code = main([os.fsdecode(arg) for arg in args])
        output = capfdbinary.readouterr()
        return subprocess.CompletedProcess(args, code, output.out, output.err)

    return run_3am


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Run:
    """Run `3am`: in the test's own process in tests/unit, as a process of its own elsewhere."""
    is_unit_test = request.path.parent.name == "unit"
    chosen: Run = request.getfixturevalue("run_here" if is_unit_test else "run_process")
    return chosen


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user can get to, which pytest's own folders are not."""
    assert os.geteuid() == 0, "these tests become other users: run them as root"
    folder = Path(tempfile.mkdtemp(prefix="3am-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this process be in the zone that `TZ` of the tests names, as its children are."""
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
