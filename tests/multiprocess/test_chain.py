"""The files of a journal, read by processes: with another user, with few descriptors, and while one waits."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from pathlib import Path

import pytest

from support.commands import command
from support.people import Person
from support.rotated_files import as_a_symlink, chain_of, texts
from threeam.core.store.follow import Follower
from threeam.core.store.journal import resolve_journal


def test_tail_says_what_it_could_not_read_before_it_waits_for_more(log: Path) -> None:
    paths = chain_of(log, 2)
    as_a_symlink(paths[1])
    with subprocess.Popen(
        [command(), "tail", "-f", "-n", "+1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as tail:
        assert tail.stderr is not None
        assert f"{paths[1]} cannot be read" in tail.stderr.readline().decode()
        tail.send_signal(signal.SIGINT)
        assert tail.stderr.read() == b""


def test_of_a_file_of_somebody_else_it_is_said_that_it_is_missing(place: Path) -> None:
    bob = Person("bob", 4712, (4712,))
    log = place / "sanity.log"
    paths = chain_of(log, 2)
    for path in (log, paths[0]):
        path.chmod(0o644)
    paths[1].chmod(0o600)
    argv = bob.argv("--log", str(log), "tail", "--grep", "note")
    done = subprocess.run(argv, capture_output=True, env={**os.environ, "HOME": str(place)})
    assert (done.returncode, texts(done.stdout)) == (3, ["note 0.", "note 2."])
    assert f"3am: {paths[1]} cannot be read (Permission denied)" in done.stderr.decode()


@pytest.mark.parametrize("argv", [["-n", "1000"], ["-n", "+1"], ["--grep", "note"], ["--json", "-n", "1000"]])
def test_two_dozen_descriptors_are_enough_for_250_files(log: Path, argv: list[str]) -> None:
    chain_of(log, 250)
    done = subprocess.run(
        [command(), "tail", *argv],
        capture_output=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24)),
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"note ") == 251


def test_a_follower_from_the_beginning_reads_every_file(log: Path) -> None:
    chain_of(log, 20)
    follower = Follower(resolve_journal(str(log)), None)
    lines = []
    while some := follower.read():
        lines += some
    follower.close()
    assert [text for line in lines if (entry := line.entry) and (text := entry.text).startswith("note")] == [
        f"note {n}." for n in range(21)
    ]
