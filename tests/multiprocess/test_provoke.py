"""What `3am provoke` refuses before it runs anything, with a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.commands import Run, refused


@pytest.fixture
def few_programs(tmp_path: Path) -> str:
    """A PATH without a compiler and valgrind, which take long."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("true", "env", "sh", "grep", "strace", "sleep", "wc", "addr2line"):
        (programs / name).symlink_to(f"/usr/bin/{name}")
    return str(programs)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--"], 2, "which command? it comes after --"),
        (["--budget", "4", "--", "true"], 2, "the budget is too small: 46 runs are the least, and "),
        (["--budget", "0", "--", "true"], 2, "--budget 0: write a number from 1 to 50000, or a time such as 5m"),
        (["--budget", "soon", "--", "true"], 2, "'soon' is not a duration"),
        (["--fail", "timeout", "--", "true"], 2, "--fail timeout never comes true without --timeout 5s"),
        (["--", "nosuch"], 2, "nosuch: there is no such command"),
        (["--timeout", "50ms", "--", "sleep", "9"], 2, "the command did not end within 50ms under strace"),
        (["-H", "H9", "--", "true"], 1, "there is no hypothesis H9"),
    ],
)
def test_what_cannot_be_searched_is_a_sentence_and_no_plan(
    log: Path, run: Run, few_programs: str, words: list[str], code: int, sentence: str
) -> None:
    assert sentence in refused(run("provoke", *words, PATH=few_programs), code)
    assert not log.exists()


def test_without_strace_there_is_no_search(log: Path, run: Run, few_programs: str) -> None:
    os.unlink(f"{few_programs}/strace")
    done = refused(run("provoke", "--", "true", PATH=few_programs), 2)
    assert "needs strace, which is not installed: install strace" in done
    assert not log.exists()
