"""A service with a /tmp of its own (PrivateTmp=yes) and a login shell write root's default log at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.journals import entries
from threeam.core.store.journal import SCRIPT_LOG

pytestmark = pytest.mark.slow

CUPS = 400
# What is imported late is imported before /tmp is another one: the program may lie there.
DRINK = """
import os, subprocess, sys
from threeam.core.format.clock import system_clock
from threeam.core.store.journal import resolve_journal
from threeam.core.write.locked_log import WriteOptions
from threeam.core.config.settings import PathFlags, load_config
from threeam.core.write.writer import Writer
from threeam.human.drafts import coffee_draft
from threeam.projections import FOLD
options = WriteOptions("root", f"root@db1:{os.getpid()}", sync=False)
scratch, var_log, cups = sys.argv[1:]
Writer(resolve_journal(scratch), FOLD, system_clock, options).write(coffee_draft(1, 95, 9999))
journal = load_config(PathFlags(), {"HOME": "/nonexistent"}, 0).journal
subprocess.run(["mount", "--bind", var_log, "/var/log"], check=True)
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/tmp"], check=True)
writer = Writer(journal, FOLD, system_clock, options)
for _ in range(int(cups)):
    writer.write(coffee_draft(1, 95, 9999))
"""


def test_no_cup_is_counted_twice_although_each_has_another_tmp(tmp_path: Path) -> None:
    """Each process has its own mounts, so the log and the lock of this machine's root are not touched."""
    assert os.geteuid() == 0
    var_log = tmp_path / "var-log"
    var_log.mkdir()
    both = [
        subprocess.Popen(
            ["unshare", "--mount", sys.executable, "-c", DRINK, str(tmp_path / f"{n}.log"), str(var_log), str(CUPS)],
            cwd="/",
        )
        for n in range(2)
    ]
    assert [process.wait(120) for process in both] == [0, 0]
    log = var_log / Path(SCRIPT_LOG).name
    assert [entry.cups for entry in entries(log)] == list(range(1, 2 * CUPS + 1))
