"""What `3am provoke` refuses before it runs anything; and what an interrupt leaves after its rounds."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from support.commands import Run, good, refused
from support.experiment_runs import lines_of
from support.processes import eventually, three_am


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
        (["--budget", "9999h", "--", "true"], 2, "--budget 9999h: write a time of 365d at most"),
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


# Fails under a tracer. It hangs once in the confirmation, and once in the search for the delayed calls.
HANGS_AFTER_THE_ROUNDS = """
for lines in '\\] .R2: 2/' '\\] .R2: 40/40. .VERDICT: '; do
    grep -q "$lines" "$SANITY_LOG" && ! grep -qF "$lines" hung && { echo "$lines" >> hung; exec sleep 600; }
done
grep -q 'TracerPid:.0$' /proc/self/status
"""


def test_an_interrupt_after_the_rounds_names_the_search_and_its_resume_does_the_rest(
    log: Path, run: Run, tmp_path: Path, few_programs: str
) -> None:
    hung, script = tmp_path / "hung", tmp_path / "script"
    hung.touch()
    script.write_text(HANGS_AFTER_THE_ROUNDS)
    ways = (("provoke", "--budget", "46", "--", "sh", "script"), ("run", "--resume", "R1"), ("run", "--resume", "R2"))
    for count, words in enumerate(ways[:2], 1):
        with three_am(*words, PATH=few_programs) as running:
            eventually(lambda count=count: len(lines_of(hung)) == count, "the command hangs")
            running.send_signal(signal.SIGINT)
            _, errors = running.communicate(timeout=20)
        assert running.returncode == 130, errors.decode()
        assert errors.decode() == "3am: R1 is ended before its plan is done: 3am run --resume R1 continues it\n"
    handed_over = good(run("handoff"))
    assert "SEARCHES WITHOUT A RESULT\n  R1 sh script" in handed_over
    assert "3am run --resume R1 resumes it" in handed_over
    out = good(run(*ways[2], PATH=few_programs))
    assert "SEARCHES" not in good(run("handoff"))
    assert out.count("\n") == 1
    assert "] [VERDICT: delay:" in out
