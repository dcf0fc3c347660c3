"""The look that a user chose last is shown again, and a broken file of it is no obstacle."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from threeam.tui.look import Look, load_look, look_path, save_look


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "3am" / "look.json"


@pytest.mark.parametrize("look", [Look("nord", wrap=False, time_mode="ns"), Look(None, time_mode="since"), Look()])
def test_the_look_is_as_it_was_saved(path: Path, look: Look) -> None:
    save_look(str(path), look)
    assert load_look(str(path)) == look
    assert [file.name for file in path.parent.iterdir()] == ["look.json"], "nothing is left beside it"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"7", b'{"theme": 7, "wrap": "no", "time_mode": "t0"}', b"\xff\xfe", b"[" * 5000],
    ids=["empty", "cut", "list", "number", "wrong types", "bytes", "deep"],
)
def test_what_cannot_be_read_is_the_default(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert load_look(str(path)) == Look()


def test_a_fifo_does_not_hold_up_the_start(path: Path) -> None:
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    assert load_look(str(path)) == Look()


def test_a_folder_in_its_place_is_not_replaced(path: Path) -> None:
    path.mkdir(parents=True)
    assert load_look(str(path)) == Look()
    with pytest.raises(OSError, match="directory"):
        save_look(str(path), Look())
    assert [file.name for file in path.parent.iterdir()] == ["look.json"]


def test_a_user_without_a_home_has_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threeam.core.platform.user_dirs.home_in_passwd", lambda uid: "")
    path = look_path({})
    assert load_look(path) == Look()
    save_look(path, Look("nord"))
