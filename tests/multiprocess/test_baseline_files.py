"""The file and the line of a baseline: names, samples, and files that are gone or damaged."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from support.baselines import differing, kept_files, save
from support.commands import Run
from support.journals import all_texts
from support.processes import held


@pytest.mark.parametrize(
    "argv",
    [
        ["--samples", "0"],
        ["--samples", "1001"],
        ["--samples", "x"],
        ["--every", "-1"],
        ["--every", "nan"],
        ["--every", "inf"],
        ["--every", "86401"],
        ["--pid", "x"],
        ["a", "b"],
    ],
    ids=" ".join,
)
def test_a_value_out_of_range_is_bad_usage_and_saves_nothing(run_here: Run, log: Path, argv: list[str]) -> None:
    done = run_here("baseline", "save", *argv)
    assert (done.returncode, done.stdout) == (2, b"")
    assert not log.exists()
    assert kept_files(log) == []


@pytest.mark.parametrize("name", ["../x", "a b", ".hidden", ""])
def test_a_bad_name_is_refused_in_one_sentence(run_here: Run, log: Path, name: str) -> None:
    done = run_here("baseline", "save", name)
    assert len(done.stderr.splitlines()) == 1
    assert done.returncode == 2
    assert kept_files(log) == []


def test_as_many_samples_are_taken_as_were_asked_for_and_as_far_apart(run_here: Run, log: Path) -> None:
    save(run_here, "--samples", "3", "--every", "0.2")
    (file,) = kept_files(log)
    stamps_ns = [int(shot["at_ns"]) for shot in json.loads(file.read_text())["content"]["snapshots"]]
    assert len(stamps_ns) == 3
    assert all(after - stamps_ns[0] >= n * 0.19e9 for n, after in enumerate(stamps_ns))
    assert "3 samples over " in all_texts(log)[0]


def test_a_refused_line_leaves_no_file_behind(run_here: Run, log: Path, tmp_path: Path) -> None:
    with held(tmp_path / "sanity.log.lock"):
        done = run_here("baseline", "save", SANITY_LOCK_TIMEOUT="0")
    assert done.returncode == 4
    assert kept_files(log) == []
    assert not log.exists()


def test_of_two_baselines_each_is_meant_by_its_name_and_the_last_one_without(run_here: Run, tmp_path: Path) -> None:
    said_file = tmp_path / "said"
    for name in ("quiet", "busy"):
        said_file.write_text(name)
        save(run_here, name, "--cmd", f"cat {said_file}")
    assert f"command/cat {said_file}" in differing(run_here, "quiet")
    assert f"command/cat {said_file}" not in differing(run_here, "busy")
    assert f"command/cat {said_file}" not in differing(run_here)
    done = run_here("baseline", "diff", "nope")
    assert (done.returncode, done.stderr) == (1, b"3am: there is no baseline nope: those that are saved: quiet, busy\n")


def test_without_a_baseline_the_diff_says_how_one_is_taken(run_here: Run, log: Path) -> None:
    done = run_here("baseline", "diff")
    assert done.returncode == 1
    assert b"3am baseline save" in done.stderr
    assert not log.exists()


@pytest.mark.parametrize("what", ["removed", "empty", "garbage", "folder", "fifo", "pid", "huge"])
def test_a_file_that_was_removed_or_mangled_is_one_sentence(run_here: Run, log: Path, what: str) -> None:
    assert run_here("baseline", "save", "--pid", str(os.getpid())).returncode == 0
    (file,) = kept_files(log)
    before, value = log.read_bytes(), json.loads(file.read_text())["content"]
    file.unlink()
    match what:
        case "folder":
            file.mkdir()
        case "fifo":
            os.mkfifo(file)
        case "pid":
            value["watched"][0]["pid"] = -1
            file.write_text(json.dumps(value, indent=1))  # as before there were signatures
        case "huge":
            value["snapshots"][0]["numbers"]["load/1 min"] = 10**400
            file.write_text(json.dumps(value, indent=1))  # as before there were signatures
        case "empty" | "garbage":
            file.write_bytes(b"" if what == "empty" else b"\xff{")
    done = run_here("baseline", "diff")
    assert len(done.stderr.splitlines()) == 1, done.stderr.decode()
    assert str(file).encode() in done.stderr
    assert (done.returncode, done.stdout) == (3, b"")
    assert log.read_bytes() == before


def test_a_journal_in_a_folder_with_an_odd_name_has_its_baseline(run_here: Run, tmp_path: Path) -> None:
    folder = tmp_path / "we[i]rd \\ näme"
    folder.mkdir()
    env = {"SANITY_LOG": str(folder / "s.log"), "SANITY_LOCK": str(folder / "s.log.lock")}
    assert run_here("baseline", "save", **env).returncode == 0
    assert run_here("baseline", "diff", **env).returncode in (0, 1)
