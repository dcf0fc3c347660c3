"""What a plan records of the build that it runs, and how two builds differ."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from support.experiments import FIX, HALF, REPRO, Runs, answer_to
from support.repos import git_in, make_tree
from threeam.core.format.entry import Entry, Stamp, format_entry, parse_entry
from threeam.experiments.arms.arm import Arm
from threeam.experiments.build import (
    Build,
    Surroundings,
    build_differences,
    describe_build,
    parse_build,
    plan_build,
    single_run_build,
)
from threeam.experiments.fixes.fix_confidence_report import fix_confidence_json, fix_confidence_report
from threeam.restore.git import work_tree_state

words = st.text(st.characters(codec="utf-8") | st.sampled_from(" ]=,:%"), min_size=1, max_size=12)


@given(st.dictionaries(words, st.just("0123456789ab"), max_size=3), st.sampled_from(["", "fedcba987654"]))
def test_a_build_is_read_back_from_its_tag(files: dict[str, str], head: str) -> None:
    build = Build(files, head, "2" if head else "", "6.1.0-18", "glibc-2.36", "0.1.0", "0.52", "2")
    entry = parse_entry(format_entry(Entry(Stamp(1), 0, (build.to_tag(),), "Plan: x")).rstrip(b"\n"))
    assert entry is not None
    assert parse_build(entry.tag("BUILD") or "") == build


def test_what_a_later_version_adds_is_skipped() -> None:
    assert parse_build("files=a:b compiler=gcc head=ab") == Build({"a": "b"}, "ab")
    assert parse_build("") == Build({})


def test_files_that_the_words_name_are_hashed_wherever_they_stand(tmp_path: Path) -> None:
    for name in ("repro.py", "case 1.json", "lib.so", "wrapper.sh"):
        (tmp_path / name).write_text(name)
    (tmp_path / "folder").mkdir()
    command = ["python3", "repro.py", "case 1.json", "--config=folder", "absent.py", "-c", "./repro.py 3;true", "\0"]
    arms = [Arm("bare"), Arm("noise", ("env", "LD_PRELOAD=lib.so")), Arm("own", ("./wrapper.sh",))]
    build = plan_build(command, arms, str(tmp_path), Surroundings("", "f" * 40, 2))
    assert list(build.files) == ["repro.py", "case 1.json", "./repro.py", "lib.so", "./wrapper.sh"]
    assert build.files["repro.py"] == build.files["./repro.py"] != build.files["lib.so"]
    assert (build.head, build.uncommitted) == ("f" * 12, "2")
    assert "git ffffffffffff, 2 files not committed; Linux " in describe_build(build)
    assert list(single_run_build(command, str(tmp_path)).files) == ["repro.py", "case 1.json", "./repro.py"]


def test_a_word_with_a_secret_names_no_file(tmp_path: Path) -> None:
    (tmp_path / "hunter2").write_text("x")
    assert single_run_build(["curl", "--password", "hunter2"], str(tmp_path)).files == {}


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert single_run_build(["cat", "fifo"], str(tmp_path)).files == {}


def test_what_both_know_is_compared_and_nothing_else() -> None:
    old = Build({"repro.py": "aa", "gone.py": "bb"}, "a" * 12, "0", "6.1", "glibc-2.36", load="0.1")
    new = Build({"repro.py": "cc", "new.py": "dd"}, "b" * 12, "2", "6.1", "glibc-2.41", load="9.9")
    assert list(build_differences(old, new)) == [
        ("repro.py changed", "its SHA-256 was aa, and is cc"),
        ("the git HEAD changed", "it was aaaaaaaaaaaa, and is bbbbbbbbbbbb"),
        ("files not committed", "0 then, 2 now"),
        ("another C library", "it was glibc-2.36, and is glibc-2.41"),
    ]
    assert list(build_differences(old, Build({}))) == []


def test_a_fixed_script_is_named_and_an_unchanged_one_is_too() -> None:
    """The program is the same interpreter: only the script has changed, or nothing has."""
    python = REPRO._replace(program="/usr/bin/python3", sha256="99")
    old, new = (
        Runs(*counts, identity=python, build=build)
        for counts, build in (((100, 100), Build({"repro.py": "aa"})), ((0, 60), Build({"repro.py": "bb"})))
    )
    _, answer = answer_to([old, FIX, new])
    assert answer.builds.changes == (("repro.py changed", "its SHA-256 was aa, and is bb"),)
    record = fix_confidence_json(answer)
    assert (record["program_changed"], record["build_changes"]) == (
        False,
        ["repro.py changed: its SHA-256 was aa, and is bb"],
    )
    _, answer = answer_to([old, FIX, new._replace(build=old.build)])
    assert answer.builds.is_same
    assert "is the fix in it?" in str(fix_confidence_report(answer)[1])
    shell = HALF._replace(identity=python)
    assert not answer_to([shell, FIX, shell._replace(failed=0)])[1].builds.is_same, "a shell says nothing of its script"


def test_the_commit_and_what_is_not_committed(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree", cart="x")
    head = git_in(tree, "rev-parse", "HEAD")
    assert work_tree_state(str(tree)) == (head, 0)
    (tree / "cart.py").write_text("y")
    (tree / "new.py").write_text("z")
    assert work_tree_state(str(tree)) == (head, 2)
