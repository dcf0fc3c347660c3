"""`3am` as an ordinary user, in tests that root runs."""

from __future__ import annotations

import sys
from typing import NamedTuple

# The console script of `3am` under another uid. The interpreter may lie where only root can go (as /root/.pyenv
# does), so everything is imported before the change of user, and nothing but that is different.
AS_USER = """
import importlib, os, pkgutil, sys
import ctypes, difflib, getpass, grp, json, pwd, tomllib
from filelock import lock_descriptor
import threeam
for found in pkgutil.walk_packages(threeam.__path__, "threeam."):
    if not found.name.startswith("threeam.tui"):
        importlib.import_module(found.name)
if sys.platform == "linux":
    import inotify_simple
uid, gids, umask = int(sys.argv[1]), [int(gid) for gid in sys.argv[2].split(",")], int(sys.argv[3], 8)
os.setgroups(gids[1:])
os.setgid(gids[0])
os.setuid(uid)
os.umask(umask)
sys.argv[1:] = sys.argv[4:]
"""
THREE_AM = "from threeam.cli.main import run_and_exit; run_and_exit()"


class Person(NamedTuple):
    """An ordinary user: the first group is the primary one."""

    name: str
    uid: int
    gids: tuple[int, ...]
    umask: str = "077"

    def argv(self, *args: str, program: str = THREE_AM) -> list[str]:
        """The command line of this person's `3am`, or of another program of theirs."""
        gids = ",".join(map(str, self.gids))
        return [sys.executable, "-c", AS_USER + program, str(self.uid), gids, self.umask, *args]


TEAM = 64001  # the group of alice and bob; carol is not in it. None of these has an entry in the user database
ALICE = Person("alice", 64011, (64002, TEAM))
BOB = Person("bob", 64012, (64002, TEAM))
CAROL = Person("carol", 64021, (64021,))
