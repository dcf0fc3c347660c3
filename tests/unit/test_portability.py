"""What takes the place of calls that only Linux has: for walking a path, for syncing, for pending signals."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from threeam.core.errors import ForeignSymlink
from threeam.core.platform import folders
from threeam.core.platform.folders import make_dirs, open_dir, open_file, resolve_path
from threeam.core.platform.portability import fdatasync_fd, fsync_fd, make_nonblocking_pipe
from threeam.core.platform.signals import defer_interrupts


@pytest.fixture(params=[True, False], ids=["with O_PATH", "without O_PATH"])
def o_path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the system has O_PATH."""
    if not request.param:
        monkeypatch.setattr(folders, "_HAS_O_PATH", False)
        monkeypatch.setattr(folders, "_STEP_FLAGS", os.O_RDONLY | os.O_DIRECTORY | folders.SAFE_OPEN_FLAGS)
    return bool(request.param)


@pytest.mark.usefixtures("o_path")
def test_a_path_is_walked_through_links_and_up_to_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "file").touch()
    (tmp_path / "link").symlink_to("a/b/../file")
    (tmp_path / "up").symlink_to(tmp_path / "a" / "b")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "a" / "fifo")
    for name, real in {
        "link": "a/file",
        "up/../c/d": "a/c/d",  # `..` of what the link points to, as the kernel has it
        "up/c/d": "a/b/c/d",
        "a/fifo": "a/fifo",
        "a/file": "a/file",
    }.items():
        assert resolve_path(str(tmp_path / name)) == str(tmp_path / real)
    with pytest.raises(OSError, match="symbolic links"):
        resolve_path(str(tmp_path / "loop"))
    for name in ("link/x", "a/fifo/x"):
        with pytest.raises(NotADirectoryError):
            resolve_path(str(tmp_path / name))
    for name in ("link", "a/fifo"):
        with pytest.raises(NotADirectoryError), open_dir(str(tmp_path / name)):
            pass
    make_dirs(str(tmp_path / "up" / "new" / "newer"))
    assert (tmp_path / "a" / "b" / "new" / "newer").is_dir()
    with pytest.raises(OSError, match="symbolic links"):
        open_file(str(tmp_path / "link"), os.O_RDONLY)
    os.close(open_file(str(tmp_path / "up" / ".." / "file"), os.O_RDONLY))


@pytest.mark.usefixtures("o_path")
def test_the_link_of_another_user_is_not_followed(tmp_path: Path) -> None:
    assert os.geteuid() == 0, "this test gives a link away: run it as root"
    (tmp_path / "link").symlink_to("target")
    os.chown(tmp_path / "link", 64_013, 64_013, follow_symlinks=False)
    for path in ("link", "link/x"):
        with pytest.raises(ForeignSymlink, match="link") as refused:
            resolve_path(str(tmp_path / path))
        assert refused.value.uid == 64_013


@pytest.mark.usefixtures("o_path")
def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    before = os.listdir("/proc/self/fd")
    for name in ("file", "link", "file/x", "link/x", "missing/x"):
        try:
            resolve_path(str(tmp_path / name))
        except NotADirectoryError:
            pass
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("o_path", [False], indirect=True, ids=["without O_PATH"])
@pytest.mark.usefixtures("o_path")
def test_a_link_that_is_replaced_while_it_is_read_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The target that is read is not the one of the link that was checked: mallory has put her own there meanwhile."""
    link, aside = tmp_path / "link", tmp_path / "aside"
    link.symlink_to("mine")
    aside.symlink_to("hers")
    os.chown(aside, 64_013, 64_013, follow_symlinks=False)
    real_readlink = os.readlink

    def swapped(name: str, **folder: int) -> str:
        monkeypatch.setattr(os, "readlink", real_readlink)
        link.rename(tmp_path / "kept")
        aside.rename(link)
        return real_readlink(name, **folder)

    def swapped_and_back(name: str, **folder: int) -> str:
        target = swapped(name, **folder)
        link.rename(aside)
        (tmp_path / "kept").rename(link)
        return target

    monkeypatch.setattr(os, "readlink", swapped_and_back)
    assert resolve_path(str(link)) == str(tmp_path / "mine")
    monkeypatch.setattr(os, "readlink", swapped)
    with pytest.raises(ForeignSymlink):
        resolve_path(str(link))


@pytest.mark.parametrize("sync_it", [fsync_fd, fdatasync_fd])
def test_the_cache_of_the_drive_is_flushed_where_fsync_does_not(
    sync_it: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []

    def full_sync(fd: int, request: int) -> int:
        calls.append((fd, request))
        if fd != 7:
            raise OSError(fd, os.strerror(fd))
        return 0

    monkeypatch.delattr(os, "fdatasync")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", full_sync)
    monkeypatch.setattr(os, "fsync", calls.append)
    sync_it(7)
    sync_it(errno.ENOTSUP)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        sync_it(errno.EIO)
    assert calls == [(7, 51), (errno.ENOTSUP, 51), errno.ENOTSUP, (errno.EIO, 51)]


def test_a_pipe_never_blocks_and_is_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pipe2")
    for fd in make_nonblocking_pipe():
        assert (os.get_blocking(fd), os.get_inheritable(fd)) == (False, False)
        os.close(fd)


def test_a_signal_that_came_meanwhile_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(signal, "sigtimedwait")
    with defer_interrupts(True) as interrupted:
        signal.raise_signal(signal.SIGINT)  # to this thread: a worker of xdist has others
        assert interrupted()
        assert not interrupted()
