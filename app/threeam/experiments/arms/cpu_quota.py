"""The arm ``quota``: control groups (cgroups(7), v2 or v1) that limit the CPU time of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from threeam.core.errors import BadInput

CGROUP_ROOT = "/sys/fs/cgroup"
_PERIOD_US = 100_000
_PREFIX = "3am-"


@contextmanager
def cpu_quota(percent: int, root: str = CGROUP_ROOT, own_groups: str = "/proc/self/cgroup") -> Iterator[str]:
    """Create a control group that may use ``percent`` of one CPU; yield its folder, and remove it afterwards.

    It is beside the group of this process, or beside one of the groups around that: the first place that may be
    written and has the cpu controller. Raise `BadInput` if there is no such place.
    """
    group = _create_group(percent, root, own_groups)
    try:
        yield group
    finally:
        with suppress(OSError):  # a process of a run is still in it; the next experiment removes it
            os.rmdir(group)


def quota_words(group: str) -> list[str]:
    """Return the words before a command that run it in ``group``."""
    return ["sh", "-c", 'echo 0 > "$0" && exec "$@"', os.path.join(group, "cgroup.procs")]


def _create_group(percent: int, root: str, own_groups: str) -> str:
    quota_us = percent * _PERIOD_US // 100
    for parent, limits in _places(root, own_groups, quota_us):
        _remove_stale_groups(parent)
        group = os.path.join(parent, f"{_PREFIX}{os.getpid()}-{percent}")
        with suppress(OSError):
            os.mkdir(group)
            try:
                for name, value in limits.items():
                    # Without O_CREAT: a plain folder has no such file.
                    with open(os.open(os.path.join(group, name), os.O_WRONLY | os.O_CLOEXEC), "w") as file:
                        file.write(value)
            except OSError:
                os.rmdir(group)
                raise
            return group
    raise BadInput(
        f"the arm quota:{percent} needs a control group with the cpu controller that you may write below {root}: "
        "run 3am as root, or in systemd-run --user --scope -p Delegate=yes"
    )


def _places(root: str, own_groups: str, quota_us: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the folders in which a group can be created, and the files to write in it: v2 first, inner groups first."""
    try:
        with open(own_groups) as file:
            lines = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:
        return
    for controllers, own in ((controllers, own) for _, controllers, own in sorted(lines, key=lambda line: line[1])):
        is_v2 = controllers == ""
        if is_v2:
            bases, limits = ("", "unified"), {"cpu.max": f"{quota_us} {_PERIOD_US}"}
        elif "cpu" in controllers.split(","):
            bases = (controllers, "cpu")
            limits = {"cpu.cfs_period_us": str(_PERIOD_US), "cpu.cfs_quota_us": str(quota_us)}
        else:
            continue
        for base in bases:
            for group in _with_parents(own):
                parent = os.path.join(root, base, group)
                if os.path.exists(os.path.join(parent, "cgroup.procs")) and (not is_v2 or _gives_cpu(parent)):
                    yield parent, limits


def _with_parents(group: str) -> Iterator[str]:
    """Yield ``a/b``, ``a`` and the empty path for ``/a/b``."""
    names = group.strip("/").split("/") if group.strip("/") else []
    for count in range(len(names), -1, -1):
        yield "/".join(names[:count])


def _gives_cpu(parent: str) -> bool:
    """Return whether the groups in the v2 group ``parent`` have the cpu controller."""
    try:
        with open(os.path.join(parent, "cgroup.subtree_control")) as file:
            return "cpu" in file.read().split()
    except OSError:
        return False


def _remove_stale_groups(parent: str) -> None:
    """Remove the groups of processes of 3am that were killed."""
    with suppress(OSError):
        for name in os.listdir(parent):
            pid = name.removeprefix(_PREFIX).partition("-")[0]
            if name.startswith(_PREFIX) and pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
                with suppress(OSError):
                    os.rmdir(os.path.join(parent, name))
