"""Logs of other hosts by ssh, and streams that grow. An `ssh` on PATH runs the remote command here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from support.log_sources import BASE_NS, stamped, write_log
from threeam.core.errors import FileUnusable
from threeam.timeline.files import open_log_file, remote_parts

_SSH = """#!/bin/sh
while [ "$1" != -- ]; do shift; done
[ "$2" = web2 ] || { echo "ssh: Could not resolve hostname $2" >&2; exit 255; }
exec sh -c "$3"
"""
MERGE = [sys.executable, "-m", "threeam", "merge", "-o", "raw"]


@pytest.fixture(autouse=True)
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "ssh").write_text(_SSH)
    (folder / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SANITY_LOG", str(tmp_path / "sanity.log"))


def test_a_file_of_another_host_is_merged(tmp_path: Path) -> None:
    here = write_log(tmp_path / "here.log", [stamped(BASE_NS, "a"), stamped(BASE_NS + 2, "c")])
    there = write_log(tmp_path / "it's there.log", [stamped(BASE_NS + 1, "b")])
    done = subprocess.run([*MERGE, str(here), f"web2:{there}"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[1] for line in done.stdout.splitlines()] == ["a", "b", "c"]


def test_no_order_is_claimed_to_the_clock_of_another_host(tmp_path: Path) -> None:
    here = write_log(tmp_path / "here.log", [stamped(BASE_NS)])
    there = write_log(tmp_path / "there.log", [stamped(BASE_NS + 10**12)])
    done = subprocess.run([*MERGE[:-1], "json", str(here), f"web2:{there}"], capture_output=True, text=True)
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["bound_ns"], second["bound_ns"], second["order"]) == (0, None, "unknown")


@pytest.mark.parametrize("live", [False, True])
def test_a_host_that_does_not_answer_and_a_file_that_is_not_there(tmp_path: Path, live: bool) -> None:
    with pytest.raises(FileUnusable, match="ssh db9: ssh: Could not resolve hostname db9"):
        open_log_file("db9:/var/log/app.log", live=live)
    with pytest.raises(FileUnusable, match=r"ssh web2: .*nothing\.log.*No such file"):
        open_log_file(f"web2:{tmp_path}/nothing.log", live=live)


def test_a_path_with_a_colon_is_a_file_of_this_host_if_it_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a:").mkdir()
    (tmp_path / "a:" / "b").touch()
    assert remote_parts("a:/b") is None
    assert remote_parts("web2:/b") == ("web2", "/b")
    assert remote_parts("2026-11-24T03:14:07.log") is None


def follow(*files: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*MERGE, "-f", *files], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)


def test_new_lines_of_another_host_are_followed_and_its_reader_ends_with_this_process(tmp_path: Path) -> None:
    there = write_log(tmp_path / "there.log", [stamped(BASE_NS, "old")])
    with follow(f"web2:{there}") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{stamped(BASE_NS, 'old')}\n"
        with there.open("a") as log:
            log.write(f"{stamped(BASE_NS + 1, 'new')}\n")
        assert process.stdout.readline() == f"{stamped(BASE_NS + 1, 'new')}\n"
        readers = _processes_of(there)
        assert readers
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(readers, timeout=30)
    assert not _processes_of(there)


def test_a_pipe_is_followed(tmp_path: Path) -> None:
    with follow("-") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):
            process.stdin.write(f"{stamped(BASE_NS + number)}\n")
            process.stdin.flush()
            assert process.stdout.readline() == f"{stamped(BASE_NS + number)}\n"
        process.kill()


def _processes_of(path: Path) -> list[psutil.Process]:
    """Return the processes whose command line names ``path``, but those of `3am`."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if str(path) in " ".join(command) and "threeam" not in command:
            found.append(process)
    return found
