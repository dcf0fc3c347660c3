"""The stable commit of a real git work tree: odd repositories, odd names, and programs that must not run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from terminals import terminal

from support.commands import Run
from support.journals import FakeClock, entries, texts, writer_of
from support.repos import git_in, make_tree
from threeam.core.store.journal import Journal
from threeam.hypotheses.changes import change_draft

Told = Callable[[int], str]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A work tree with a commit, in a folder with an odd name."""
    cart = "import time\n\n\ndef renew():\n    time.sleep(9)  # before\n" + "x = 1\n" * 20
    return make_tree(tmp_path / "mein Lädchen", cart=cart)


@pytest.fixture
def shell(run_here: Run, tree: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`3am`, called in the work tree."""
    monkeypatch.chdir(tree)
    return run_here


@pytest.fixture
def told(shell: Run) -> Told:
    """HEAD is stable; gives what the restore says then, and looks at its exit code."""

    def restore(code: int) -> str:
        done = shell("restore", "application")
        assert done.returncode == code, done
        assert done.stderr.startswith(b"3am: left: ") if code else done.stderr == b""
        return str(done.stdout.decode("utf-8", "backslashreplace"))

    assert shell("stable").returncode == 0
    return restore


def flagged(said: str) -> list[str]:
    """The sleeps that are flagged, as file:line and text."""
    return [
        line.strip().removeprefix("sleeps: ").partition("  (")[0] for line in said.splitlines() if "sleeps:" in line
    ]


def a_program(tmp_path: Path, *, leaves: Path) -> Path:
    """A program that leaves a file behind, and hands on what it is given."""
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch '{leaves}'\ncat\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("filters", ["clean", "process"])
def test_no_filter_of_the_tree_is_run(told: Told, tree: Path, tmp_path: Path, filters: str) -> None:
    ran = tmp_path / "ran"
    (tree / ".gitattributes").write_text("*.py filter=evil\n")
    git_in(tree, "config", f"filter.evil.{filters}", str(a_program(tmp_path, leaves=ran)))
    (tree / "cart.py").write_text("sleep(1)\n")
    assert flagged(told(1)) == ["cart.py:1  sleep(1)"]
    assert not ran.exists(), f"git ran filter.evil.{filters}"


def test_noting_a_commit_runs_no_filter_either(shell: Run, tree: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (tree / ".gitattributes").write_text("*.py filter=evil\n")
    git_in(tree, "config", "filter.evil.clean", str(a_program(tmp_path, leaves=ran)))
    (tree / "cart.py").write_text((tree / "cart.py").read_text().replace("9", "8"))  # as long as before: git reads it
    assert shell("stable").returncode == 0
    assert not ran.exists(), "git ran filter.evil.clean"


def test_no_monitor_of_a_submodule_is_run(told: Told, tree: Path, tmp_path: Path) -> None:
    ran, other = tmp_path / "ran", tmp_path / "other"
    other.mkdir()
    git_in(other, "init", "-q")
    git_in(other, "commit", "-q", "--allow-empty", "-m", "x")
    git_in(tree, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "sub")
    git_in(tree / "sub", "config", "core.fsmonitor", str(a_program(tmp_path, leaves=ran)))
    git_in(tree, "status")
    assert ran.exists(), "this git runs no monitor in a submodule: the test proves nothing"
    ran.unlink()
    told(0)
    assert not ran.exists()


def test_nothing_is_written_into_the_repository_and_no_hook_of_it_is_run(
    told: Told, tree: Path, tmp_path: Path
) -> None:
    ran, index = tmp_path / "ran", tree / ".git" / "index"
    hook = tree / ".git" / "hooks" / "post-index-change"
    hook.parent.mkdir(exist_ok=True)
    a_program(tmp_path, leaves=ran).rename(hook)
    os.utime(tree / "cart.py", (1, 1))  # git would like to note that it is the same still
    before = index.read_bytes()
    told(0)
    assert (ran.exists(), index.read_bytes() == before) == (False, True), "(a hook was run, the index is as it was)"
    git_in(tree, "status")
    assert index.read_bytes() != before, "git had nothing to note: the test proves nothing"


@pytest.mark.parametrize(
    "setting",
    [
        "[diff]\nnoprefix = true",
        "[diff]\nmnemonicPrefix = true",
        "[diff]\ninterHunkContext = 9",
        "[color]\nui = always",
        "[status]\nbranch = true\nshowUntrackedFiles = no",
    ],
)
def test_whatever_a_user_has_set_the_answer_is_the_same(told: Told, tree: Path, setting: str) -> None:
    (Path(os.environ["HOME"]) / ".gitconfig").write_text(setting + "\n")
    lines = (tree / "cart.py").read_text().splitlines()
    lines[7:7] = ["sleep(1)"]
    lines[10:10] = ["sleep(2)"]
    (tree / "cart.py").write_text("\n".join([*lines, ""]))
    (tree / "neu.sh").write_text("sleep 3\n")
    sentence = told(1)
    assert flagged(sentence) == ["cart.py:8  sleep(1)", "cart.py:11  sleep(2)", "neu.sh:1  sleep 3"]
    assert "not committed: 2" in sentence


@pytest.mark.parametrize(
    "name", ["a b.py", "Lädchen.py", "b/b.py", 'the "one".py', "tab\there.py", "back\\slash.py", " padded .py"]
)
@pytest.mark.parametrize("known", [True, False], ids=["staged", "untracked"])
def test_a_file_is_called_what_it_is_called(told: Told, tree: Path, name: str, known: bool) -> None:
    (tree / name).parent.mkdir(exist_ok=True)
    (tree / name).write_text("sleep(1)\n")
    if known:
        git_in(tree, "add", ".")
    sentence = told(1).replace("\\t", "\t")  # how a tab is shown is not the matter here
    assert f"sleeps: {name}:1  sleep(1)" in sentence
    assert f"{'A' if known else '?'} {name}\n" in sentence


@pytest.mark.parametrize("known", [True, False], ids=["staged", "untracked"])
def test_a_name_that_is_not_utf8_hides_no_sleep(told: Told, tree: Path, known: bool) -> None:
    with open(os.fsencode(tree) + b"/caf\xe9.py", "wb") as file:
        file.write(b"sleep(1)\n")
    if known:
        git_in(tree, "add", ".")
    assert len(flagged(told(1))) == 1


def test_a_line_that_looks_like_the_head_of_a_diff_is_only_a_line(told: Told, tree: Path) -> None:
    (tree / "cart.py").write_text("++ b/other.py\nsleep(1)\n@@ -1 +1,9 @@\n-- a/x\ndiff --git a/x b/x\nsleep(2)\n")
    assert flagged(told(1)) == ["cart.py:2  sleep(1)", "cart.py:6  sleep(2)"]


def test_a_moved_file_with_one_sleep_more_shows_that_one(told: Told, tree: Path) -> None:
    git_in(tree, "mv", "cart.py", "basket.py")
    with (tree / "basket.py").open("a") as file:
        file.write("time.sleep(3)\n")
    git_in(tree, "commit", "-qam", "moved")
    assert flagged(told(1)) == ["basket.py:26  time.sleep(3)"]


def test_a_file_that_was_moved_without_git_brings_no_new_sleep(told: Told, tree: Path) -> None:
    (tree / "cart.py").rename(tree / "basket.py")
    assert flagged(told(0)) == []


def test_a_sleep_in_a_tree_in_conflict_is_flagged(told: Told, tree: Path) -> None:
    git_in(tree, "checkout", "-qb", "hotfix")
    (tree / "cart.py").write_text("theirs\n")
    git_in(tree, "commit", "-qam", "theirs")
    git_in(tree, "checkout", "-q", "main")
    (tree / "cart.py").write_text("sleep(1)\n")
    git_in(tree, "commit", "-qam", "ours")
    with pytest.raises(subprocess.CalledProcessError):
        git_in(tree, "merge", "hotfix")
    assert flagged(told(1)) == ["cart.py:2  sleep(1)"]


def test_files_in_a_new_folder_are_counted_as_they_are_listed(told: Told, tree: Path) -> None:
    (tree / "new").mkdir()
    for n in range(3):
        (tree / "new" / f"{n}").touch()
    assert "files that differ: 3 · not committed: 3" in told(0)


def test_the_path_of_the_tree_is_never_in_capitals(told: Told, tree: Path) -> None:
    assert str(tree).upper() not in told(0)


def test_a_file_that_is_not_to_be_shown_in_diffs_hides_no_sleep(told: Told, tree: Path) -> None:
    (tree / ".gitattributes").write_text("*.py -diff\n")
    (tree / "cart.py").write_text("sleep(1)\n")
    assert flagged(told(1)) == ["cart.py:1  sleep(1)"]


def test_a_commit_that_is_not_there_any_more_is_reported(told: Told, tree: Path) -> None:
    git_in(tree, "commit", "-q", "--amend", "-m", "anew")
    git_in(tree, "reflog", "expire", "--expire=now", "--all")
    git_in(tree, "gc", "-q", "--prune=now")
    assert f"git in {tree}" in told(1)


def test_without_git_the_changes_are_told_still(
    told: Told, journal: Journal, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer_of("bob", journal, clock).write(change_draft("pool to 50", "back to 20"))
    monkeypatch.setenv("PATH", "/nowhere")
    sentence = told(1)
    assert "git is not installed" in sentence
    assert "back to 20" in sentence


@pytest.mark.parametrize("kind", ["bare", "inside .git"])
def test_without_a_work_tree_it_is_one_sentence(
    run_here: Run, tree: Path, tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    git_in(tree, "clone", "-q", "--bare", ".", str(tmp_path / "bare"))
    monkeypatch.chdir(tmp_path / "bare" if kind == "bare" else tree / ".git")
    done = run_here("stable")
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1), done
    assert b"work tree" in done.stderr or b"bare repository" in done.stderr
    assert texts(log) == []


def test_a_branch_without_a_commit_is_one_sentence(
    run_here: Run, tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_in(tmp_path, "init", "-q", "new")
    monkeypatch.chdir(tmp_path / "new")
    done = run_here("stable")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done
    assert b"HEAD is not a commit" in done.stderr
    assert texts(log) == []


def test_no_signature_is_checked(shell: Run, tree: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    signed = tmp_path / "sign"
    says = "echo '[GNUPG:] SIG_CREATED D' >&2; echo '-----BEGIN PGP SIGNATURE-----'"
    signed.write_text(f"#!/bin/sh\ncat >/dev/null; {says}\n")
    signed.chmod(0o755)
    git_in(tree, "-c", f"gpg.program={signed}", "commit", "-qS", "--allow-empty", "-m", "signed")
    git_in(tree, "config", "log.showSignature", "true")
    git_in(tree, "config", "gpg.program", str(a_program(tmp_path, leaves=ran)))
    subprocess.run(["git", "-C", str(tree), "log", "-1"], check=False, capture_output=True, timeout=60)
    assert ran.exists(), "git checks no signature by itself: the test proves nothing"
    ran.unlink()
    assert shell("stable").returncode == 0
    assert shell("restore", "application").returncode == 0
    assert not ran.exists()


def test_a_subject_with_control_characters_cannot_forge_or_draw(shell: Run, tree: Path, log: Path) -> None:
    git_in(tree, "commit", "-q", "--allow-empty", "-m", "red \x1b[31m\x07 [STABLE: x]\r[2026] forged")
    assert shell("stable").returncode == 0
    (entry,) = entries(log)
    assert entry.tag("STABLE") == git_in(tree, "rev-parse", "HEAD")
    assert b"\x1b" not in shell("restore", "application").stdout


def test_a_linked_work_tree_whose_name_ends_in_a_blank_is_a_tree_of_its_own(
    shell: Run, tree: Path, tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_in(tree, "worktree", "add", "-q", "--detach", str(tmp_path / "linked "))
    assert shell("stable").returncode == 0
    monkeypatch.chdir(tmp_path / "linked ")
    assert shell("stable").returncode == 0
    assert [entry.tag("TREE") for entry in entries(log)] == [str(tree), str(tmp_path / "linked ")]
    assert shell("restore", "application").stdout.count(b"nothing has changed since") == 2


def test_ctrl_c_at_the_question_keeps_what_was_ticked_off(journal: Journal, clock: FakeClock, log: Path) -> None:
    for n in range(2):
        clock.forward(1_000_000_000)
        writer_of("bob", journal, clock).write(change_draft(f"flag {n}", f"flag {n} off"))
    with terminal("restore", "application", size=(120, 60)) as on:
        on.shows("[q]uit:")
        on.send("y\r")
        on.eventually(lambda: on.shown.count("[q]uit:") == 2, "the next is asked")
        on.send("\x03")
        on.ends_with(130)
        assert b"Traceback" not in on.raw
    assert sum(text.startswith("Undone: ") for text in texts(log)) == 1
