"""A service with a /tmp of its own (PrivateTmp=yes) and a login shell write root's default log at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import entries
from threeam.core.settings import SCRIPT_LOCK, SCRIPT_LOG

pytestmark = pytest.mark.slow

CUPS = 400
DRINK = """
import os, sys
from threeam.core.clock import system_clock
from threeam.core.locked_log import WriteOptions
from threeam.core.settings import Flags, setup
from threeam.core.writer import Writer
from threeam.human.drafts import coffee
from threeam.rooms import FOLD
options = WriteOptions("root", f"root@db1:{os.getpid()}", sync=False)
writer = Writer(setup(Flags(), {"HOME": "/nonexistent"}, 0).journal, FOLD, system_clock, options)
for _ in range(int(sys.argv[1])):
    writer.write(coffee(1, 95, 9999))
"""


@pytest.fixture
def no_log_of_root() -> Iterator[Path]:
    """Root's default log, which must not be there before, and is not after."""
    paths = [Path(path) for path in (SCRIPT_LOG, SCRIPT_LOG + ".lock", SCRIPT_LOCK)]
    assert not paths[0].exists(), f"{SCRIPT_LOG} is in use: these tests write it"
    yield paths[0]
    for path in paths:
        path.unlink(missing_ok=True)


def test_no_cup_is_counted_twice_although_each_has_another_tmp(no_log_of_root: Path) -> None:
    assert os.geteuid() == 0
    drink = [sys.executable, "-c", DRINK, str(CUPS)]
    private = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /tmp && exec "$@"', "sh", *drink]
    both = [subprocess.Popen(argv, cwd="/") for argv in (drink, private)]
    assert [process.wait(120) for process in both] == [0, 0]
    assert [entry.coffee for entry in entries(no_log_of_root)] == list(range(1, 2 * CUPS + 1))
