"""A tracer on a process that runs: attached, kept, detached whatever happens, and known of in every line meanwhile."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.commands import Run
from support.journals import all_texts, entries
from support.people import Person
from support.processes import eventually, held, is_free, let_go, process, state_of, three_am, wait_queued

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

# Opens a file with a secret in its name now and then, as long as it runs.
WATCHED = "import time\nwhile True:\n    open('/tmp/token=abcdefghijk', 'a').close()\n    time.sleep(0.02)\n"
MALLORY = Person("mallory", 64013, (64002,))


@pytest.fixture
def watched() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is there to be traced."""
    with process(sys.executable, "-c", WATCHED) as target:  # no wrapper, which is another program first
        eventually(lambda: Path(f"/proc/{target.pid}/comm").read_text().startswith("python"), "it runs")
        yield target
    Path("/tmp/token=abcdefghijk").unlink(missing_ok=True)


def tracer_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("TracerPid:\t")[2].partition("\n")[0])


def observers(log: Path) -> list[str]:
    return [text for text in all_texts(log) if text.startswith("Observer: ")] if log.exists() else []


def test_strace_for_a_while(log: Path, run: Run, watched: subprocess.Popen[bytes]) -> None:
    done = run("observe", str(watched.pid), "--for", "500ms")
    assert done.returncode == 0, done.stderr
    attached, detached = entries(log)
    name = Path(f"/proc/{watched.pid}/comm").read_text().strip()
    assert attached.text == f"Observer: strace attached to {watched.pid} ({name})"
    before, _, seconds = detached.text.partition(" after ")
    assert before == f"Observer: strace detached from {watched.pid} ({name})"
    assert 0.5 <= float(seconds.removesuffix("s")) < 5
    (file,) = Path(f"{log}.d").iterdir()
    assert file.name == detached.tag("FILE")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "openat" in file.read_text()
    assert "abcdefghijk" not in file.read_text(), "a secret that it shows is left out"
    assert tracer_of(watched.pid) == 0
    assert watched.poll() is None
    assert is_free(Path(f"{log}.lock"))
    assert done.stdout.count(b"\n") == 2
    assert str(file).encode() in done.stderr


@pytest.mark.skipif(shutil.which("lsof") is None, reason="lsof is not installed")
def test_lsof_for_a_while(log: Path, run: Run, watched: subprocess.Popen[bytes]) -> None:
    assert run("observe", str(watched.pid), "--with", "lsof", "--for", "700ms").returncode == 0
    assert [text.split(" ")[1:3] for text in observers(log)] == [["lsof", "attached"], ["lsof", "detached"]]
    (file,) = Path(f"{log}.d").iterdir()
    assert str(watched.pid) in file.read_text()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGQUIT, 131)]
)
def test_it_detaches_when_it_is_told_to(
    log: Path, watched: subprocess.Popen[bytes], number: signal.Signals, code: int
) -> None:
    with three_am("observe", str(watched.pid)) as observing:
        eventually(lambda: len(observers(log)) == 1, "it is attached")
        assert tracer_of(watched.pid) != 0
        observing.send_signal(number)
        assert observing.wait(20) == code
    assert tracer_of(watched.pid) == 0
    assert len(observers(log)) == 2
    assert watched.poll() is None


def test_an_interrupt_before_its_time_is_an_interrupt(log: Path, watched: subprocess.Popen[bytes]) -> None:
    with three_am("observe", str(watched.pid), "--for", "60s") as observing:
        eventually(lambda: len(observers(log)) == 1, "it is attached")
        observing.send_signal(signal.SIGINT)
        assert observing.wait(20) == 130
    assert len(observers(log)) == 2


def test_it_detaches_also_when_it_is_killed_and_the_journal_says_so(
    log: Path, watched: subprocess.Popen[bytes]
) -> None:
    with three_am("observe", str(watched.pid)) as observing:
        eventually(lambda: len(observers(log)) == 1, "it is attached")
        observing.kill()
        observing.wait(20)
        eventually(lambda: tracer_of(watched.pid) == 0, "nobody traces it")
        eventually(lambda: len(observers(log)) == 2, "the second process has said so")
    assert "strace detached from" in observers(log)[1]
    assert watched.poll() is None


def test_it_ends_with_the_process_that_it_watches(log: Path, watched: subprocess.Popen[bytes]) -> None:
    with three_am("observe", str(watched.pid)) as observing:
        eventually(lambda: len(observers(log)) == 1, "it is attached")
        watched.kill()
        assert observing.wait(20) == 0
    assert len(observers(log)) == 2


def test_what_it_watches_is_not_held_up_by_the_lock(log: Path, watched: subprocess.Popen[bytes], run: Run) -> None:
    run("log", "-q", "before")
    with held(Path(f"{log}.lock")) as holder, three_am("observe", str(watched.pid), "--for", "1s") as observing:
        eventually(lambda: tracer_of(watched.pid) != 0, "it is attached")
        eventually(lambda: tracer_of(watched.pid) == 0, "and detached in its time, although nothing can be written")
        let_go(holder)
        assert observing.wait(20) == 0
    assert len(observers(log)) == 2


def test_what_cannot_be_is_a_sentence_and_no_line(
    log: Path, run: Run, watched: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    for argv, path, code, why in (
        (["999999999"], os.environ["PATH"], 1, b"there is no process 999999999"),
        ([str(watched.pid)], str(tmp_path / "bin"), 3, b"strace is not installed"),
        ([str(watched.pid), "--with", "gdb"], os.environ["PATH"], 2, b"invalid choice"),
        ([str(watched.pid), "--for", "soon"], os.environ["PATH"], 2, b"not a duration"),
        ([str(watched.pid), "-H", "H9"], os.environ["PATH"], 1, b"there is no hypothesis H9"),
    ):
        done = run("observe", *argv, PATH=path)
        assert (done.returncode, why in done.stderr) == (code, True), done.stderr
    assert not log.exists()


def test_what_is_traced_already_is_not_traced_again(log: Path, run: Run, watched: subprocess.Popen[bytes]) -> None:
    with three_am("observe", str(watched.pid)):
        eventually(lambda: len(observers(log)) == 1, "it is attached")
        done = run("observe", str(watched.pid))
        assert done.returncode == 3
        assert b"is traced already" in done.stderr


def test_what_is_missing_is_said_first(place: Path) -> None:
    """As an ordinary user, on a process of root's."""
    own = place / "own"
    own.mkdir()
    os.chown(own, MALLORY.uid, MALLORY.gids[0])
    env = {**os.environ, "HOME": str(own), "SANITY_LOG": str(own / "m.log"), "SANITY_LOCK": str(own / "m.log.lock")}
    argv = MALLORY.argv("observe", str(os.getpid()))
    done = subprocess.run(argv, env=env, cwd=own, capture_output=True, timeout=60, check=False)
    assert done.returncode == 3, done.stderr
    assert b"is another user's, and you have no CAP_SYS_PTRACE: sudo 3am observe" in done.stderr
    assert not (own / "m.log").exists()


def test_every_line_of_that_time_carries_a_mark_in_every_export(
    log: Path, run: Run, watched: subprocess.Popen[bytes]
) -> None:
    run("log", "-q", "before it")
    with three_am("observe", str(watched.pid), "-q") as observing:
        eventually(lambda: len(observers(log)) == 1, "it is attached")
        run("log", "-q", "during it")
        run("rotate")
        run("log", "-q", "during it, after a rotation")
        observing.send_signal(signal.SIGINT)
        observing.wait(20)
    run("log", "-q", "after it")
    records = [json.loads(line) for line in run("export", "jsonl").stdout.splitlines()]
    marked = {record["text"] for record in records if record.get("observed")}
    assert {"during it", "during it, after a rotation"} <= marked
    assert not {"before it", "after it"} & marked
    rows = list(csv.DictReader(io.StringIO(run("export", "csv").stdout.decode(), newline="")))
    assert {row["text"] for row in rows if row["observed"] == "True"} == marked
    for shape in ("md", "html"):
        lines = [line for line in run("export", shape).stdout.decode().splitlines() if "timings perturbed" in line]
        assert any("during it" in line for line in lines)
        assert not any("before it" in line or "after it" in line for line in lines)
    older, newer = sorted(log.parent.glob("sanity*.log"), key=lambda path: path == log)
    repeated = re.compile(rb"[^\n]*\] \[AT: [^\n]*\n")  # the head of the newer file, whose lines the older one has
    once = older.read_bytes() + repeated.sub(b"", newer.read_bytes())
    jsonl = run("export", "jsonl").stdout
    again = run("--log", str(log.parent / "again.log"), "import", "-", stdin=jsonl)
    assert again.returncode == 0, again.stderr
    assert (log.parent / "again.log").read_bytes() == once


BUSY = "import os\nwhile True:\n    os.stat('/tmp')\n"


def test_a_process_that_never_stops_is_let_go_in_its_time(log: Path, run: Run) -> None:
    """strace prints without a pause then: what has its time must have it all the same."""
    with process(sys.executable, "-c", BUSY) as busy:
        done = run("observe", str(busy.pid), "--for", "300ms", timeout=20)
        assert done.returncode == 0, done.stderr
        assert [text.split(" ")[2] for text in observers(log)] == ["attached", "detached"]
        assert tracer_of(busy.pid) == 0


def test_what_it_said_until_it_was_killed_is_kept(log: Path, watched: subprocess.Popen[bytes]) -> None:
    with three_am("observe", str(watched.pid)) as observing:
        eventually(lambda: len(observers(log)) == 1, "it is attached")
        (file,) = Path(f"{log}.d").iterdir()
        eventually(lambda: "openat" in file.read_text(), "it is kept as it comes")
        observing.kill()
        observing.wait(20)
        eventually(lambda: len(observers(log)) == 2, "the second process has said so")
    assert entries(log)[-1].tag("FILE") == file.name
    assert "openat" in file.read_text()


def test_after_a_crash_of_the_machine_somebody_can_say_that_it_is_over(log: Path, run: Run) -> None:
    """Else every line after it would be marked for ever."""
    gone = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, check=True).stdout.decode().strip()
    host = os.uname().nodename
    log.write_text(
        f"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] [BY: alice@{host}:{gone}] [VIA: observe] "
        "[OBSERVER: strace 4121 from=1795490047123456700 to=now] Observer: strace attached to 4121 (worker)\n"
    )
    run("log", "-q", "before it")
    done = run("observe", "--over")
    assert done.returncode == 0, done.stderr
    run("log", "-q", "after it")
    records = [json.loads(line) for line in run("export", "jsonl").stdout.splitlines()]
    assert {record["text"] for record in records if record.get("observed")} >= {"before it"}
    assert "after it" not in {record["text"] for record in records if record.get("observed")}
    assert run("observe", "--over").returncode == 1, "and there is nothing more to be ended"


@pytest.mark.parametrize("option", ["4121", "--with perf", "--for 5s", "-H H1"])
def test_an_option_of_a_new_observation_is_refused_where_it_has_no_effect(run: Run, option: str) -> None:
    done = run("observe", "--over", *option.split())
    assert (done.returncode, b"--over takes no PID" in done.stderr) == (2, True), done.stderr


def test_what_is_attached_is_not_said_to_be_over(log: Path, run: Run, watched: subprocess.Popen[bytes]) -> None:
    with three_am("observe", str(watched.pid)):
        eventually(lambda: len(observers(log)) == 1, "it is attached")
        done = run("observe", "--over")
        assert (done.returncode, b"(by 3am, pid" in done.stderr) == (1, True)
        assert len(observers(log)) == 1


@pytest.mark.slow
def test_a_second_interrupt_right_behind_the_first_takes_no_line_with_it(
    log: Path, watched: subprocess.Popen[bytes]
) -> None:
    for ms in range(0, 10, 2):
        begun = len(observers(log))
        with three_am("observe", str(watched.pid)) as observing:
            eventually(lambda before=begun: len(observers(log)) == before + 1, "it is attached")
            observing.send_signal(signal.SIGINT)
            time.sleep(ms / 1000)
            observing.send_signal(signal.SIGINT)
            observing.wait(20)
        assert len(observers(log)) == begun + 2, f"after {ms} ms"


# Opens files with long names without a pause, and says in a file how many: strace prints 300 bytes for each.
COUNTS = """
import mmap, os, struct, sys
with open(sys.argv[1], "w+b") as file:
    file.truncate(8)
    count = mmap.mmap(file.fileno(), 8)
name, n = "/tmp/" + "x" * 240, 0
while True:
    os.access(name, os.F_OK)
    n += 1
    count[:] = struct.pack("=q", n)
"""
PIPE_FULL = 8000  # of them: more than any pipe holds


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], int]]]:
    """A process that is busy, and how far it is."""
    path = tmp_path / "count"

    def count() -> int:
        return int.from_bytes(path.read_bytes(), sys.byteorder)

    with process(sys.executable, "-c", COUNTS, path) as busy:
        eventually(lambda: path.exists() and count() > 0, "it runs")
        yield busy, count


def worker_of(observing: subprocess.Popen[bytes]) -> int:
    """The process that reads what the tracer prints."""
    (worker,) = Path(f"/proc/{observing.pid}/task/{observing.pid}/children").read_text().split()
    return int(worker)


@pytest.mark.parametrize("receiver", ["what the user sees", "who reads"])
def test_a_stop_of_the_observer_does_not_stop_what_it_observes(
    log: Path, counting: tuple[subprocess.Popen[bytes], Callable[[], int]], receiver: str
) -> None:
    busy, count = counting
    with three_am("observe", str(busy.pid)) as observing:
        eventually(lambda: len(observers(log)) == 1, "it is attached")
        pid = observing.pid if receiver == "what the user sees" else worker_of(observing)
        os.kill(pid, signal.SIGSTOP)
        if pid == observing.pid:
            eventually(lambda: state_of(pid) == "T", "it is stopped")
        begun = count()
        eventually(lambda: count() > begun + PIPE_FULL, "what is observed goes on")
        os.kill(pid, signal.SIGCONT)
        observing.send_signal(signal.SIGINT)
        assert observing.wait(20) == 0
    assert tracer_of(busy.pid) == 0
    assert len(observers(log)) == 2


def test_it_detaches_also_when_its_second_process_is_killed(log: Path, watched: subprocess.Popen[bytes]) -> None:
    with three_am("observe", str(watched.pid)) as observing:
        eventually(lambda: len(observers(log)) == 1, "it is attached")
        os.kill(worker_of(observing), signal.SIGKILL)
        assert observing.wait(20) == 137
    assert tracer_of(watched.pid) == 0
    assert len(observers(log)) == 2
    assert watched.poll() is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_second_interrupt_ends_the_wait_for_the_lock_and_not_the_line(
    log: Path, watched: subprocess.Popen[bytes], number: signal.Signals
) -> None:
    """Without its end, every line after it would be marked as logged while it was observed."""
    with three_am("observe", str(watched.pid)) as observing:
        eventually(lambda: len(observers(log)) == 1, "it is attached")
        with held(Path(f"{log}.lock")) as holder:
            observing.send_signal(signal.SIGINT)
            wait_queued(Path(f"{log}.lock"))
            observing.send_signal(number)
            assert observing.wait(20) == 128 + number
            assert observing.stderr is not None
            lines = observing.stderr.readline() + observing.stderr.readline()
            assert b"the line that says so is written when the lock is free" in lines
            let_go(holder)
        eventually(lambda: len(observers(log)) == 2, "its end is written all the same")
