"""The man page 3am(1): roff reads it without a warning, and man(1) shows it."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from support.pages import MANUAL
from threeam.cli.commands import COMMANDS

PAGE = MANUAL / "3am.1"


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_roff_has_no_warning_about_the_page() -> None:
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", PAGE], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr.decode()) == (0, "")


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
def test_man_shows_each_command_and_each_section() -> None:
    env = {**os.environ, "MANWIDTH": "100", "MANPAGER": "cat", "PAGER": "cat", "MAN_KEEP_FORMATTING": ""}
    done = subprocess.run(["man", "--warnings", "-l", PAGE], capture_output=True, timeout=60, env=env)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    lines = done.stdout.decode().splitlines()
    for section in ("NAME", "SYNOPSIS", "OPTIONS", "COMMANDS", "EXIT STATUS", "ENVIRONMENT", "FILES", "SETTINGS"):
        assert section in lines
    for command in COMMANDS:
        assert f"   {command}" in lines
