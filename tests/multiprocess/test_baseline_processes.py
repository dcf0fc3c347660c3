"""`3am baseline` against real processes: what grows is named, what is gone is told, a stranger's file is not obeyed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from support.baselines import differing, kept_files, save
from support.commands import Run
from support.journals import all_texts, entries
from support.lines import NIGHT
from support.people import Person
from support.processes import eventually, held, process
from threeam.core.format.entry import Entry, format_entry

# A child that is still until a line on stdin tells it what to take; it says the same word when it has it.
CHILD = """
import fcntl, os, socket, sys, threading
kept = []
def fds():
    kept.extend(os.open("/dev/null", os.O_RDONLY) for _ in range(40))
def threads():
    for _ in range(7):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
def flock():
    kept.append(open(sys.argv[1], "w"))
    fcntl.flock(kept[-1], fcntl.LOCK_EX)
def listen():
    kept.append(socket.create_server(("127.0.0.1", 0)))
def connect():
    kept.append(socket.create_connection(kept[-1].getsockname()))
print("here", flush=True)
for line in sys.stdin:
    for word in line.split():
        globals()[word]()
    print(line.strip(), flush=True)
"""

ALICE, MALLORY = Person("alice", 64011, (64002,)), Person("mallory", 64013, (64002,))


class Child(NamedTuple):
    """A `CHILD` that runs."""

    started: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.started.pid

    @property
    def label(self) -> str:
        """What a baseline calls it."""
        return f"process {psutil.Process(self.pid).name()}"

    def does(self, words: str) -> None:
        self.begins(words)
        assert self.said() == words

    def begins(self, words: str) -> None:
        assert self.started.stdin is not None
        self.started.stdin.write(f"{words}\n".encode())
        self.started.stdin.flush()

    def said(self) -> str:
        assert self.started.stdout is not None
        return self.started.stdout.readline().decode().strip()


@contextmanager
def a_child(lock: Path) -> Iterator[Child]:
    with process(sys.executable, "-c", CHILD, lock) as started:
        child = Child(started)
        assert child.said() == "here"
        yield child


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    """A child, as quiet as it can be."""
    with a_child(tmp_path / "the.lock") as started:
        yield started


def of_process(differences: dict[str, dict[str, object]], label: str) -> dict[str, object]:
    """What of one process differs, and what it is now."""
    return {
        name.removeprefix(f"{label}/"): record["now"]
        for name, record in differences.items()
        if name.startswith(f"{label}/")
    }


def test_a_process_that_did_nothing_is_as_it_was(run_here: Run, child: Child) -> None:
    save(run_here, "--pid", str(child.pid))
    assert of_process(differing(run_here), child.label) == {}


@pytest.mark.parametrize(
    ("takes", "named"),
    [
        ("fds", {"descriptors": "43"}),
        ("threads", {"threads": "8"}),
        ("flock", {"descriptors": "4", "locks held": "1", "open files": "1"}),
        ("listen", {"descriptors": "4", "sockets LISTEN": "1"}),
        ("listen connect", {"descriptors": "5", "sockets LISTEN": "1", "sockets ESTABLISHED": "1"}),
        (
            "fds threads flock listen connect",
            {
                "descriptors": "46",
                "threads": "8",
                "locks held": "1",
                "open files": "1",
                "sockets LISTEN": "1",
                "sockets ESTABLISHED": "1",
            },
        ),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_exactly_what_a_process_has_taken_is_named(
    run_here: Run, child: Child, log: Path, takes: str, named: dict[str, str]
) -> None:
    save(run_here, "--pid", str(child.pid))
    before = psutil.Process(child.pid).num_fds()
    child.does(takes)
    differences = differing(run_here)
    more = {"descriptors": str(int(named["descriptors"]) - 3 + before)} if "descriptors" in named else {}
    assert of_process(differences, child.label) == {**named, **more}
    if "listen" in takes:
        assert any(name.startswith("listening/127.0.0.1:") for name in differences)
    text = all_texts(log)[-1]
    assert text.startswith("Compared: with normal @")
    assert f" {len(differences)} of " in text


def test_a_lock_that_is_waited_for_is_named(run_here: Run, child: Child, tmp_path: Path) -> None:
    save(run_here, "--pid", str(child.pid))
    with held(tmp_path / "the.lock"):
        child.begins("flock")
        row = f"-> FLOCK  ADVISORY  WRITE {child.pid} "
        eventually(lambda: row in Path("/proc/locks").read_text(), "the child waits for the lock")
        assert of_process(differing(run_here), child.label)["locks waited for"] == "1"


def test_a_child_that_was_restarted_is_found_again(run_here: Run, tmp_path: Path) -> None:
    with a_child(tmp_path / "the.lock") as first:
        save(run_here, "--pid", str(first.pid))
    with a_child(tmp_path / "the.lock") as again:
        assert again.pid != first.pid
        assert of_process(differing(run_here), again.label) == {}
        again.does("threads")
        assert of_process(differing(run_here), again.label) == {"threads": "8"}


def test_a_child_that_is_gone_is_reported(run_here: Run, tmp_path: Path) -> None:
    with a_child(tmp_path / "the.lock") as gone:
        label = gone.label
        save(run_here, "--pid", str(gone.pid))
    done = run_here("baseline", "diff", "--json")
    assert f"{gone.pid} is gone".encode() in done.stderr
    assert (
        of_process({record["name"]: record for record in map(json.loads, done.stdout.splitlines())}, label)["there"]
        == "0"
    )


def test_the_one_of_two_alike_that_died_is_missed(run_here: Run, tmp_path: Path) -> None:
    with a_child(tmp_path / "the.lock") as leftover:
        with a_child(tmp_path / "the.lock") as dies:
            save(run_here, "--pid", str(leftover.pid), "--pid", str(dies.pid))
            assert of_process(differing(run_here), f"{leftover.label} 2") == {}
        # workers have one command line; the one that lives is not the one that died, come back
        assert of_process(differing(run_here), f"{leftover.label} 2").get("there") == "0"


@pytest.mark.parametrize("pid", ["-1", "0", "4194305", "99999999999999999999"])
def test_a_process_that_does_not_exist_is_one_sentence_and_nothing_is_saved(run: Run, log: Path, pid: str) -> None:
    done = run("baseline", "save", f"--pid={pid}")
    assert len(done.stderr.splitlines()) == 1, done.stderr.decode()
    assert done.returncode in (1, 2)
    assert not log.exists()
    assert kept_files(log) == []


@pytest.fixture
def alices(place: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """`3am` as alice, an ordinary user, with a log of her own."""
    home = place / "alice"
    home.mkdir()
    os.chown(home, ALICE.uid, ALICE.gids[0])
    env = {**os.environ, "HOME": str(home), "SANITY_LOG": str(home / "sanity.log")}
    del env["SANITY_LOCK"]

    def run(*args: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(ALICE.argv(*args), input=b"", capture_output=True, timeout=60, env=env)

    return run


def test_what_an_ordinary_user_may_not_read_is_reported_and_not_fatal(
    alices: Callable[..., subprocess.CompletedProcess[bytes]], child: Child, place: Path
) -> None:
    done = alices("baseline", "save", "--pid", str(child.pid))
    assert done.returncode == 0
    sentences = done.stderr.decode().splitlines()
    assert any(line.endswith(": permission denied") and "descriptors" in line for line in sentences)
    assert all(line.startswith("3am: not read: ") for line in sentences)
    (line,) = entries(place / "alice" / "sanity.log")
    assert "permission denied" in line.text
    child.does("fds threads")
    done = alices("baseline", "diff", "--json")
    differences = {record["name"]: record for record in map(json.loads, done.stdout.splitlines())}
    assert b"permission denied" in done.stderr
    assert of_process(differences, child.label) == {"threads": "8"}


def test_a_line_that_names_a_strangers_file_makes_nobody_run_what_is_in_it(
    run: Run, log: Path, place: Path, tmp_path: Path
) -> None:
    """Everybody in the team may write the log; a command in a file of mallory's must not run as root."""
    planted, ran = place / "evil.json", tmp_path / "ran"
    shot = {"at_ns": "1", "numbers": {"load/1 min": 1}, "texts": {}, "unread": [], "blind": []}
    value = {"format": 1, "name": "n", "host": "h", "watched": [], "commands": [f"id > {ran}"], "snapshots": [shot]}
    planted.write_text(json.dumps(value))
    os.chown(planted, MALLORY.uid, MALLORY.gids[0])
    tags = (("BY", "mallory@db1:7"), ("BASELINE", "normal"), ("FILE", str(planted)))
    log.write_bytes(format_entry(Entry(NIGHT, 0, tags, "Baseline: normal is 200 things on db1")))
    done = run("baseline", "diff")
    assert not ran.exists(), ran.read_text()
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1)


def test_the_table_is_read_from_the_top(run_here: Run, child: Child) -> None:
    save(run_here, "--pid", str(child.pid))
    child.does("fds")
    done = run_here("baseline", "diff")
    head, *rows = done.stdout.decode().splitlines()
    assert head.split() == ["NAME", "NOW", "NORMAL", "TIMES", "ITS", "VARIATION"]
    assert any(row.startswith(f"{child.label}/descriptors") for row in rows)
    assert done.returncode == 1
