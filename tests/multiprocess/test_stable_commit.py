"""The stable commit of a real git work tree, what has changed since, and what must be undone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from terminals import terminal

from support.commands import Run
from support.journals import FakeClock, entries, texts, writer_of
from support.repos import git_in, make_tree
from threeam.core.store.journal import Journal, resolve_journal
from threeam.core.write.draft import Draft
from threeam.hypotheses.changes import change_draft, undone_draft

Git = Callable[..., str]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A work tree with a commit, in a folder with an odd name."""
    return make_tree(
        tmp_path / "mein Lädchen",
        cart="import time\n\n\ndef renew():\n    time.sleep(9)  # it was there before\n",
        old="x = 1\n" * 50,
    )


@pytest.fixture
def shell(run_here: Run, tree: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`3am`, called in the work tree."""
    monkeypatch.chdir(tree)
    return run_here


def told(shell: Run, code: int) -> str:
    done = shell("restore", "application")
    assert done.returncode == code, done
    assert done.stderr.startswith(b"3am: left: ") if code else done.stderr == b""
    return str(done.stdout.decode())


def test_head_is_noted_with_its_tree(shell: Run, tree: Path, log: Path) -> None:
    assert shell("stable").returncode == 0
    (entry,) = entries(log)
    short = git_in(tree, "rev-parse", "--short", "HEAD")
    assert entry.text == f"Stable: {short} in {tree}: Cart: renew under the row lock"
    assert (entry.tag("STABLE"), entry.tag("TREE")) == (git_in(tree, "rev-parse", "HEAD"), str(tree))


def test_a_tag_from_a_folder_below_and_what_is_not_committed(
    shell: Run, tree: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_in(tree, "tag", "-am", "x", "v1")
    git_in(tree, "commit", "-q", "--allow-empty", "-m", "later")
    (tree / "below").mkdir()
    (tree / "below" / "new").write_text("x")
    monkeypatch.chdir(tree / "below")
    assert shell("stable", "v1").returncode == 0
    assert entries(log)[0].tag("STABLE") == git_in(tree, "rev-parse", "v1^{commit}")
    assert texts(log)[0].endswith("Cart: renew under the row lock; 1 changed and not committed")


def test_from_a_hook_of_another_repository_the_one_around_is_meant(
    shell: Run, tree: Path, tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git_in(other, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert shell("stable").returncode == 0
    assert entries(log)[0].tag("TREE") == str(tree)


@pytest.mark.parametrize(
    ("rev", "code"), [("nope", 1), ("--exec=touch x", 1), ("main:cart.py", 1), ("HEAD~99", 1), ("", 1)]
)
def test_what_is_not_a_commit_is_one_sentence(shell: Run, log: Path, rev: str, code: int) -> None:
    done = shell("stable", rev)
    assert (done.returncode, len(done.stderr.splitlines())) == (code, 1), done
    assert texts(log) == []


def test_outside_of_a_work_tree_git_says_so(run_here: Run, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    done = run_here("stable")
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1)
    assert b"not a git repository" in done.stderr
    assert texts(log) == []


def test_without_git_it_is_reported(shell: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    done = shell("stable")
    assert (done.returncode, done.stderr) == (3, b"3am: git is not installed\n")


def test_what_has_changed_since_is_listed_and_added_sleeps_are_flagged(shell: Run, tree: Path) -> None:
    shell("stable")
    assert "nothing has changed since" in told(shell, 0)
    (tree / "cart.py").write_text((tree / "cart.py").read_text() + "    time.sleep(0.1)  # only for tonight\n")
    (tree / "old.py").unlink()
    (tree / "binary").write_bytes(b"\0sleep 5\n")
    (tree / "neu.sh").write_text("#!/bin/sh\nsleep 1\n")
    sentence = told(shell, 1)
    for line in ("M cart.py", "D old.py", "? binary", "? neu.sh", "not committed: 4"):
        assert line in sentence
    assert [line.strip().partition("  (")[0] for line in sentence.splitlines() if "sleeps:" in line] == [
        "sleeps: cart.py:6  time.sleep(0.1)  # only for tonight",
        "sleeps: neu.sh:2  sleep 1",
    ]


def test_a_sleep_that_was_moved_with_its_file_was_not_added(shell: Run, tree: Path) -> None:
    shell("stable")
    git_in(tree, "mv", "cart.py", "basket.py")
    git_in(tree, "commit", "-qm", "moved")
    assert "sleeps:" not in told(shell, 0)


@pytest.mark.parametrize("option", ["diff.mnemonicPrefix", "diff.noprefix", "color.diff"])
def test_what_the_user_has_set_for_diffs_changes_no_name(shell: Run, tree: Path, option: str) -> None:
    shell("stable")
    git_in(tree, "config", option, "always" if option == "color.diff" else "true")
    (tree / "cart.py").write_text("sleep(1)\n")
    assert "sleeps: cart.py:1  sleep(1)" in told(shell, 1)


def test_no_program_of_the_tree_is_run(shell: Run, tree: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch '{ran}'\n")
    program.chmod(0o755)
    (tree / ".gitattributes").write_text("*.py diff=evil\n")
    for name in ("diff.external", "diff.evil.textconv", "diff.evil.command", "core.fsmonitor", "core.pager"):
        git_in(tree, "config", name, str(program))
    assert shell("stable").returncode == 0
    (tree / "cart.py").write_text("sleep(1)\n")
    assert "sleeps: cart.py:1" in told(shell, 1)
    assert not ran.exists()


def test_a_tree_that_is_gone_is_reported_and_nothing_is_called_well(
    shell: Run, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell("stable")
    monkeypatch.chdir("/")
    tree.rename(tree.parent / "gone")
    assert "is not on this machine" in told(shell, 1)


def test_the_newest_commit_of_a_tree_counts_and_outlasts_a_rotation(shell: Run, tree: Path, journal: Journal) -> None:
    shell("stable")
    git_in(tree, "commit", "-q", "--allow-empty", "-m", "better")
    shell("stable")
    assert shell("rotate").returncode == 0
    sentence = told(shell, 0)
    assert sentence.count(str(tree)) >= 1
    assert "better" in sentence
    assert "row lock" not in sentence


def changes(journal: Journal, clock: FakeClock) -> Callable[[Draft], object]:
    writer = writer_of("alice", journal, clock)

    def write(draft: Draft) -> object:
        clock.forward(1_000_000_000)
        return writer.write(draft)

    return write


@pytest.fixture
def three(journal: Journal, clock: FakeClock) -> None:
    """Three changes that are to be undone."""
    write = changes(journal, clock)
    write(change_draft("pool to 50", "back to 20"))
    write(change_draft("debug on", "debug off"))
    write(change_draft("flag on", ""))


def test_what_must_be_undone_is_told_the_newest_first(run_here: Run, three: None) -> None:
    done = run_here("restore", "application")
    stdout = done.stdout.decode()
    assert done.returncode == 1
    assert stdout.index("no undo was noted") < stdout.index("debug off") < stdout.index("back to 20")


@pytest.mark.parametrize(
    ("answers", "left", "code"),
    [
        ((b"y\r", b"y\r", b"y\r"), [], 0),
        ((b"n\r", b"y\r", b"n\r"), ["flag on", "pool to 50"], 1),
        ((b"what?\r", b"y\r", b"q\r"), ["debug on", "pool to 50"], 1),
        ((b"\x04",), ["flag on", "debug on", "pool to 50"], 1),
    ],
    ids=["all", "one", "a typo, then one", "ctrl+d"],
)
def test_they_are_ticked_off_one_by_one(
    three: None, run_here: Run, answers: tuple[bytes, ...], left: list[str], code: int
) -> None:
    with terminal("restore", "application", size=(120, 60)) as it:
        for n, answer in enumerate(answers):
            it.eventually(lambda n=n: it.shown.count("[q]uit:") == n + 1, "it asks")
            it.send(answer)
        it.ends_with(code)
    still = json.loads(run_here("handoff", "--json").stdout)["to_undo"]
    assert [child["text"] for child in still] == left


def test_one_that_somebody_else_undoes_meanwhile_is_reported_and_the_next_is_asked(
    three: None, log: Path, clock: FakeClock
) -> None:
    with terminal("restore", "application", size=(120, 60)) as it:
        it.shows("[q]uit:")
        stamp = next(entry.stamp for entry in entries(log) if "flag on" in entry.text)
        writer_of("bob", resolve_journal(str(log)), clock).write(undone_draft(stamp, "did it"))
        it.send(b"y\r")
        it.shows("undone already, by bob")
        it.eventually(lambda: it.shown.count("[q]uit:") == 2, "the next is asked")
        it.send(b"q\r")
        it.ends_with(1)


def test_without_a_log_it_says_so(run_here: Run) -> None:
    done = run_here("restore", "application")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


def test_a_commit_that_takes_anothers_place_names_it(shell: Run, tree: Path) -> None:
    first = git_in(tree, "rev-parse", "HEAD")
    assert shell("stable").stderr == b""
    git_in(tree, "commit", "-q", "--allow-empty", "-m", "fixed the race, I hope")
    assert f"3am stable {first[:12]} notes that one again".encode() in shell("stable").stderr


def test_a_note_that_says_what_was_changed_is_to_be_undone(shell: Run) -> None:
    shell("log", "-q", "changed: the fast path is off (undo: switch it on)")
    assert "switch it on" in told(shell, 1)
