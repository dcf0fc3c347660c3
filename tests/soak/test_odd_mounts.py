"""Logs that can be written and not renamed, or not even written, with real mounts and attributes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commands import Run, command

pytestmark = pytest.mark.slow

LINE = b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] x\n"


@pytest.fixture
def full(log: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This test's log, which is full."""
    assert os.geteuid() == 0
    log.write_bytes(LINE * 100)
    monkeypatch.setenv("SANITY_ROTATE_BYTES", "4000")
    return log


@pytest.fixture
def append_only(full: Path) -> Iterator[Path]:
    """A full log that can only be appended to."""
    subprocess.run(["chattr", "+a", full], check=True)
    yield full
    subprocess.run(["chattr", "-a", full], check=True)


def mounted(mount: str, *argv: str) -> subprocess.CompletedProcess[bytes]:
    """What `3am` does in a mount namespace of its own in which ``mount`` was called."""
    return subprocess.run(
        ["unshare", "--mount", "sh", "-ec", f'{mount}; exec "$@"', "sh", command(), *argv], capture_output=True
    )


def test_an_append_only_log_grows_on_and_says_why(run: Run, append_only: Path) -> None:
    assert run("log", "more").returncode == 0
    assert append_only.read_bytes().startswith(LINE * 100)
    refused = run("rotate")
    assert (refused.returncode, b"it is append-only (chattr +a)" in refused.stderr) == (3, True)
    assert f"$ chattr -a {append_only}" in run("preflight").stdout.decode()


def test_a_log_that_is_mounted_by_itself_grows_on_and_says_why(full: Path) -> None:
    bind = f"mount --bind {full} {full}"
    assert mounted(bind, "log", "more").returncode == 0
    assert full.read_bytes().startswith(LINE * 100)
    refused = mounted(bind, "rotate")
    assert (refused.returncode, b"it is a mount point" in refused.stderr) == (3, True)
    assert b"mount its folder instead; so it grows on" in mounted(bind, "preflight").stdout


def test_a_log_on_a_read_only_mount_is_not_reported_as_a_matter_of_permission(full: Path, tmp_path: Path) -> None:
    read_only = f"mount --bind {tmp_path} {tmp_path}; mount -o remount,ro,bind {tmp_path}"
    there, new = mounted(read_only, "log", "more"), mounted(read_only, "--log", f"{tmp_path}/new.log", "log", "more")
    assert [done.returncode for done in (there, new)] == [3, 3]
    assert f"{full} cannot be written: its file system is mounted read-only".encode() in there.stderr
    assert f"new.log cannot be created: {tmp_path} is mounted read-only".encode() in new.stderr


def test_an_immutable_log_says_so(run: Run, full: Path) -> None:
    subprocess.run(["chattr", "+i", full], check=True)
    try:
        refused = run("log", "more")
    finally:
        subprocess.run(["chattr", "-i", full], check=True)
    assert (refused.returncode, b"it is immutable; chattr -i it" in refused.stderr) == (3, True)
