"""Where the control group of a quota is created: fake trees, since no machine has every layout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from threeam.core.errors import BadInput
from threeam.experiments.arms.cpu_quota import cpu_quota, quota_words


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a tree in which a new folder has the files of a control group, as in cgroupfs."""
    real_mkdir, real_rmdir = os.mkdir, os.rmdir

    def mkdir(path: str, *more: int) -> None:
        real_mkdir(path, *more)
        if os.path.basename(path).startswith("3am-"):
            for name in ("cpu.max", "cpu.cfs_period_us", "cpu.cfs_quota_us", "cgroup.procs"):
                Path(path, name).touch()

    def rmdir(path: str) -> None:
        for name in os.listdir(path):
            os.unlink(os.path.join(path, name))
        real_rmdir(path)

    root = tmp_path / "cgroup"
    root.mkdir()
    monkeypatch.setattr(os, "mkdir", mkdir)
    monkeypatch.setattr(os, "rmdir", rmdir)
    return root


def group(folder: Path, given: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.procs").touch()
    (folder / "cgroup.subtree_control").write_text(given)
    return folder


def own_groups(tmp_path: Path, *lines: str) -> str:
    path = tmp_path / "own"
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def test_of_version_2_the_group_is_made_where_the_controller_is_given(tree: Path, tmp_path: Path) -> None:
    group(tree, "cpuset cpu")
    group(tree / "user", "memory cpu pids")
    group(tree / "user" / "session", "cpuset")  # processes are in it, and no controller is given to its groups
    with cpu_quota(50, str(tree), own_groups(tmp_path, "0::/user/session")) as made:
        assert made == str(tree / "user" / f"3am-{os.getpid()}-50")
        assert Path(made, "cpu.max").read_text() == "50000 100000"
        assert quota_words(made)[-1] == f"{made}/cgroup.procs"
    assert not Path(made).exists()


def test_without_the_controller_in_version_2_it_is_made_in_version_1(tree: Path, tmp_path: Path) -> None:
    group(tree / "unified")
    group(tree / "cpu,cpuacct" / "job")
    own = own_groups(tmp_path, "4:cpu,cpuacct:/job", "3:cpuset:/job", "0::/")
    with cpu_quota(150, str(tree), own) as made:
        assert os.path.dirname(made) == str(tree / "cpu,cpuacct" / "job")
        assert Path(made, "cpu.cfs_quota_us").read_text() == "150000"


def test_the_group_of_a_killed_process_is_removed(tree: Path, tmp_path: Path) -> None:
    stale, used, foreign = (group(tree, "cpu") / name for name in ("3am-999999999-50", f"3am-{os.getpid()}-7", "3am"))
    for folder in (stale, used, foreign):
        folder.mkdir()
    with cpu_quota(50, str(tree), own_groups(tmp_path, "0::/")):
        assert not stale.exists()
        assert used.exists()
        assert foreign.exists()


@pytest.mark.parametrize("lines", [(), ("0::/",), ("2:memory:/",)])
def test_a_machine_without_the_controller_is_a_sentence(tree: Path, tmp_path: Path, lines: tuple[str, ...]) -> None:
    group(tree, "memory pids")
    with pytest.raises(BadInput, match="the arm quota:50 needs a control group"):
        cpu_quota(50, str(tree), own_groups(tmp_path, *lines)).__enter__()
