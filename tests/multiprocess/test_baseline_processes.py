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
    with a_child(tmp_path / "the.lock") as one:
        yield one


def kept_files(log: Path) -> list[Path]:
    """The files of baselines beside the log."""
    return sorted(log.parent.glob("sanity.log.d/*"))


def differing(run_here: Run, *args: str) -> dict[str, dict[str, object]]:
    """What `3am baseline diff` says is different, by name; its exit code says whether anything is."""
    done = run_here("baseline", "diff", "--json", *args)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == (1 if said else 0), done.stderr
    unusual = [one["unusual"] for one in said]
    assert unusual == sorted(unusual, reverse=True)
    return {one["name"]: one for one in said}


def save(run_here: Run, *args: str) -> subprocess.CompletedProcess[bytes]:
    done = run_here("baseline", "save", *args)
    assert done.returncode == 0, done.stderr
    return done


def of_process(found: dict[str, dict[str, object]], label: str) -> dict[str, object]:
    """What of one process differs, and what it is now."""
    return {name.removeprefix(f"{label}/"): one["now"] for name, one in found.items() if name.startswith(f"{label}/")}


# --- what a process takes


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
    found = differing(run_here)
    more = {"descriptors": str(int(named["descriptors"]) - 3 + before)} if "descriptors" in named else {}
    assert of_process(found, child.label) == {**named, **more}
    if "listen" in takes:
        assert any(name.startswith("listening/127.0.0.1:") for name in found)
    said = all_texts(log)[-1]
    assert said.startswith("Compared: with normal @")
    assert f" {len(found)} of " in said


def test_a_lock_that_is_waited_for_is_named(run_here: Run, child: Child, tmp_path: Path) -> None:
    save(run_here, "--pid", str(child.pid))
    with held(tmp_path / "the.lock"):
        child.begins("flock")
        row = f"-> FLOCK  ADVISORY  WRITE {child.pid} "
        eventually(lambda: row in Path("/proc/locks").read_text(), "the child waits for the lock")
        assert of_process(differing(run_here), child.label)["locks waited for"] == "1"


# --- processes that go


def test_a_child_that_was_restarted_is_found_again(run_here: Run, tmp_path: Path) -> None:
    with a_child(tmp_path / "the.lock") as first:
        save(run_here, "--pid", str(first.pid))
    with a_child(tmp_path / "the.lock") as again:
        assert again.pid != first.pid
        assert of_process(differing(run_here), again.label) == {}
        again.does("threads")
        assert of_process(differing(run_here), again.label) == {"threads": "8"}


def test_a_child_that_is_gone_is_told(run_here: Run, tmp_path: Path) -> None:
    with a_child(tmp_path / "the.lock") as gone:
        label = gone.label
        save(run_here, "--pid", str(gone.pid))
    done = run_here("baseline", "diff", "--json")
    assert f"{gone.pid} is gone".encode() in done.stderr
    assert of_process({one["name"]: one for one in map(json.loads, done.stdout.splitlines())}, label)["there"] == "0"


def test_of_two_that_are_alike_the_one_that_died_is_missed(run_here: Run, tmp_path: Path) -> None:
    with a_child(tmp_path / "the.lock") as left:
        with a_child(tmp_path / "the.lock") as dies:
            save(run_here, "--pid", str(left.pid), "--pid", str(dies.pid))
            assert of_process(differing(run_here), f"{left.label} 2") == {}
        # workers have one command line; the one that lives is not the one that died, come back
        assert of_process(differing(run_here), f"{left.label} 2").get("there") == "0"


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


def test_what_an_ordinary_user_may_not_read_is_told_and_not_fatal(
    alices: Callable[..., subprocess.CompletedProcess[bytes]], child: Child, place: Path
) -> None:
    done = alices("baseline", "save", "--pid", str(child.pid))
    assert done.returncode == 0
    told = done.stderr.decode().splitlines()
    assert any(line.endswith(": permission denied") and "descriptors" in line for line in told)
    assert all(line.startswith("3am: not read: ") for line in told)
    (line,) = entries(place / "alice" / "sanity.log")
    assert "permission denied" in line.text
    child.does("fds threads")
    done = alices("baseline", "diff", "--json")
    found = {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert b"permission denied" in done.stderr
    assert of_process(found, child.label) == {"threads": "8"}


# --- whose file it is


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


# --- commands


def test_what_a_command_says_is_kept_and_compared(run_here: Run, tmp_path: Path) -> None:
    said = tmp_path / "said"
    said.write_text("role: primary\nreplicas: 2\n")
    save(run_here, "--cmd", f"cat {said}")
    assert f"command/cat {said}" not in differing(run_here)
    said.write_text("role: replica\nreplicas: 2\n")
    found = differing(run_here)[f"command/cat {said}"]
    assert (found["now"], found["normal"]) == ("role: replica", "role: primary")


def test_a_command_that_fails_where_it_did_not_is_different(run_here: Run, tmp_path: Path) -> None:
    # It counts, as `redis-cli info` does: another number in each sample, so that no two are the same.
    count = tmp_path / "count"
    count.write_text("1\n")
    counts = f"read n < {count} && echo clients: $n && echo $((n + 1)) > {count}"
    save(run_here, "--cmd", counts, "--samples", "3", "--every", "0")
    assert f"command/{counts}" not in differing(run_here)
    count.unlink()
    assert f"command/{counts}" in differing(run_here)


@pytest.mark.parametrize(
    "command",
    ["exit 7", "no-such-command-3am", "printf '\\377\\000\\033[2J\\n'", "echo a\necho b", "kill -9 $$", "true", ""],
    ids=["fails", "absent", "binary", "two lines", "killed", "silent", "empty"],
)
def test_any_command_can_be_kept_and_is_as_it_was(run_here: Run, log: Path, command: str) -> None:
    save(run_here, "--cmd", command)
    done = run_here("baseline", "diff")
    assert b"command/" not in done.stdout
    assert b"\x1b" not in done.stdout + done.stderr
    assert [entry.kind for entry in entries(log)] == ["Baseline", "Compared"]


def test_a_command_that_hangs_is_given_up(run_here: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threeam.host.snapshot_collector._COMMAND_TIMEOUT_S", 0.1)
    save(run_here, "--cmd", "sleep 3")
    assert "command/sleep 3" not in differing(run_here)


# --- the line, the file, and bad input


@pytest.mark.parametrize(
    "argv",
    [
        ["--samples", "0"],
        ["--samples", "1001"],
        ["--samples", "x"],
        ["--every", "-1"],
        ["--every", "nan"],
        ["--every", "inf"],
        ["--every", "86401"],
        ["--pid", "x"],
        ["a", "b"],
    ],
    ids=" ".join,
)
def test_a_value_out_of_range_is_bad_usage_and_saves_nothing(run: Run, log: Path, argv: list[str]) -> None:
    done = run("baseline", "save", *argv)
    assert (done.returncode, done.stdout) == (2, b"")
    assert not log.exists()
    assert kept_files(log) == []


@pytest.mark.parametrize("name", ["../x", "a b", ".hidden", ""])
def test_a_bad_name_is_refused_in_one_sentence(run: Run, log: Path, name: str) -> None:
    done = run("baseline", "save", name)
    assert len(done.stderr.splitlines()) == 1
    assert done.returncode == 2
    assert kept_files(log) == []


def test_samples_are_taken_so_many_and_so_far_apart(run_here: Run, log: Path) -> None:
    save(run_here, "--samples", "3", "--every", "0.2")
    (file,) = kept_files(log)
    at = [int(shot["at_ns"]) for shot in json.loads(file.read_text())["content"]["snapshots"]]
    assert len(at) == 3
    assert all(after - at[0] >= n * 0.19e9 for n, after in enumerate(at))
    assert "3 samples over " in all_texts(log)[0]


def test_a_refused_line_leaves_no_file_behind(run: Run, log: Path, tmp_path: Path) -> None:
    with held(tmp_path / "sanity.log.lock"):
        done = run("baseline", "save", SANITY_LOCK_TIMEOUT="0")
    assert done.returncode == 4
    assert kept_files(log) == []
    assert not log.exists()


def test_of_two_baselines_each_is_meant_by_its_name_and_the_last_one_without(run_here: Run, tmp_path: Path) -> None:
    said = tmp_path / "said"
    for name in ("quiet", "busy"):
        said.write_text(name)
        save(run_here, name, "--cmd", f"cat {said}")
    assert f"command/cat {said}" in differing(run_here, "quiet")
    assert f"command/cat {said}" not in differing(run_here, "busy")
    assert f"command/cat {said}" not in differing(run_here)
    done = run_here("baseline", "diff", "nope")
    assert (done.returncode, done.stderr) == (1, b"3am: there is no baseline nope: there are quiet, busy\n")


def test_without_a_baseline_the_diff_says_how_one_is_taken(run: Run, log: Path) -> None:
    done = run("baseline", "diff")
    assert done.returncode == 1
    assert b"3am baseline save" in done.stderr
    assert not log.exists()


@pytest.mark.parametrize("what", ["removed", "empty", "garbage", "folder", "fifo", "pid", "huge"])
def test_a_file_that_was_removed_or_mangled_is_one_sentence(run: Run, log: Path, what: str) -> None:
    assert run("baseline", "save", "--pid", str(os.getpid())).returncode == 0
    (file,) = kept_files(log)
    before, value = log.read_bytes(), json.loads(file.read_text())["content"]
    file.unlink()
    match what:
        case "folder":
            file.mkdir()
        case "fifo":
            os.mkfifo(file)
        case "pid":
            value["watched"][0]["pid"] = -1
            file.write_text(json.dumps(value, indent=1))  # as before there were signatures
        case "huge":
            value["snapshots"][0]["numbers"]["load/1 min"] = 10**400
            file.write_text(json.dumps(value, indent=1))  # as before there were signatures
        case "empty" | "garbage":
            file.write_bytes(b"" if what == "empty" else b"\xff{")
    done = run("baseline", "diff", timeout=20)
    assert len(done.stderr.splitlines()) == 1, done.stderr.decode()
    assert str(file).encode() in done.stderr
    assert (done.returncode, done.stdout) == (3, b"")
    assert log.read_bytes() == before


def test_a_journal_in_a_folder_with_an_odd_name_has_its_baseline(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "we[i]rd \\ näme"
    folder.mkdir()
    env = {"SANITY_LOG": str(folder / "s.log"), "SANITY_LOCK": str(folder / "s.log.lock")}
    assert run("baseline", "save", **env).returncode == 0
    assert run("baseline", "diff", **env).returncode in (0, 1)


def test_the_table_is_read_from_the_top(run_here: Run, child: Child) -> None:
    save(run_here, "--pid", str(child.pid))
    child.does("fds")
    done = run_here("baseline", "diff")
    head, *rows = done.stdout.decode().splitlines()
    assert head.split() == ["NAME", "NOW", "NORMAL", "UNUSUAL"]
    assert any(row.startswith(f"{child.label}/descriptors") for row in rows)
    assert done.returncode == 1
