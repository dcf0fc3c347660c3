"""Several bugs at once: the journals of the state folder, each with its last entry, open hypotheses and size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.commands import Run, good
from support.lines import line
from threeam.core.format.entry import NS_PER_S, parse_entry
from threeam.core.state.catalog import journal_name, list_journals, summarize_journal
from threeam.core.store.journal import resolve_journal
from threeam.projections import FOLD


@pytest.fixture
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the state folder, in which the journals lie where no setting says otherwise."""
    monkeypatch.delenv("SANITY_LOG")
    monkeypatch.delenv("SANITY_LOCK")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "3am"


def listed(run: Run, *argv: str) -> dict[str, dict[str, Any]]:
    """What ``3am journals --json`` says, by name.

    Root's own journal may be there on this host, and is listed while it is in force: so another one is.
    """
    printed = good(run(*(argv or ("-j", "nothing")), "journals", "--json"))
    return {record["name"]: record for record in map(json.loads, printed.splitlines())}


def test_each_has_its_last_entry_its_open_hypotheses_and_its_size(run: Run, state_folder: Path) -> None:
    good(run("-j", "checkout", "hyp", "new", "somebody else's cart"))
    good(run("-j", "checkout", "hyp", "new", "the cache"))
    good(run("-j", "checkout", "hyp", "refute", "H1", "it was off"))
    good(run("-j", "login", "log", "twice"))
    journals = listed(run)
    assert list(journals) == ["checkout", "login"]
    for name, opened in (("checkout", 1), ("login", 0)):
        log = state_folder / f"{name}.log"
        last = parse_entry(log.read_bytes().splitlines()[-1])
        assert last is not None
        summary = journals[name]
        assert (summary["open"], summary["size"], summary["problem"], summary["current"]) == (
            opened,
            log.stat().st_size,
            None,
            False,
        )
        assert (summary["ts"], summary["log"]) == (last.stamp.rfc3339(), str(log))


def test_the_list_for_people_says_the_same(run: Run, state_folder: Path) -> None:
    good(run("-j", "checkout", "hyp", "new", "somebody else's cart"))
    good(run("-j", "login", "log", "twice"))
    checkout, login = good(run("-j", "login", "journals")).splitlines()
    assert checkout.split()[:3] == ["checkout", "1", "open"]
    assert login.split()[:4] == ["*", "login", "0", "open"]
    assert "last " in login


def test_the_one_in_force_is_marked(run: Run, state_folder: Path) -> None:
    good(run("-j", "a", "log", "x"))
    good(run("-j", "b", "log", "x"))
    assert {name: record["current"] for name, record in listed(run, "-j", "b").items()} == {"a": False, "b": True}


def test_one_in_another_place_is_listed_while_it_is_in_force(run: Run, state_folder: Path, tmp_path: Path) -> None:
    good(run("-j", "a", "log", "x"))
    other = tmp_path / "elsewhere.log"
    good(run("--log", str(other), "log", "x"))
    assert list(listed(run, "--log", str(other))) == ["elsewhere", "a"]
    assert list(listed(run)) == ["a"]


def test_rotated_files_count_and_are_not_listed(run: Run, state_folder: Path) -> None:
    good(run("-j", "a", "hyp", "new", "it"))
    good(run("-j", "a", "rotate"))
    good(run("-j", "a", "log", "after"))
    files = [path for path in state_folder.iterdir() if path.suffix == ".log"]
    assert len(files) == 2
    journals = listed(run)
    assert list(journals) == ["a"]
    assert journals["a"]["size"] == sum(path.stat().st_size for path in files)
    assert journals["a"]["open"] == 1


def test_without_a_state_folder_there_are_none_and_none_is_made(run: Run, state_folder: Path) -> None:
    done = run("-j", "nothing", "journals")
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"no journals yet" in done.stderr
    assert not state_folder.exists()
    assert listed(run) == {}


def test_what_is_not_a_journal_is_not_listed(run: Run, state_folder: Path) -> None:
    good(run("-j", "a", "log", "x"))
    (state_folder / "notes.txt").write_text("mine")
    (state_folder / "folder.log").mkdir()
    (state_folder / "dangling.log").symlink_to(state_folder / "nowhere")
    assert list(listed(run)) == ["a"]


def test_an_empty_one_and_one_of_foreign_lines_are_listed(run: Run, state_folder: Path) -> None:
    state_folder.mkdir(parents=True)
    (state_folder / "empty.log").touch()
    (state_folder / "foreign.log").write_bytes(b"kernel: \x1b[2J oops\n\xff\n")
    journals = listed(run)
    assert [journals[name]["ts"] for name in ("empty", "foreign")] == [None, None]
    assert "no entry yet" in good(run("-j", "nothing", "journals"))


def test_a_hostile_name_does_nothing_to_the_terminal(run: Run, state_folder: Path) -> None:
    state_folder.mkdir(parents=True)
    (state_folder / "a\x1b[2J\u202eb.log").write_bytes(line(0, "x"))
    for argv in (["journals"], ["journals", "--json"]):
        printed = good(run("-j", "nothing", *argv))
        assert "\x1b" not in printed
        assert "\u202e" not in printed


def test_listing_writes_nothing(run: Run, state_folder: Path) -> None:
    good(run("-j", "a", "log", "x"))
    before = sorted((path.name, path.lstat().st_mtime_ns) for path in state_folder.rglob("*"))
    good(run("-j", "nothing", "journals"))
    assert sorted((path.name, path.lstat().st_mtime_ns) for path in state_folder.rglob("*")) == before


def test_the_summary_is_that_of_the_lines(tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    raw = line(0, "Hypothesis: a", ("H1", "open")) + line(NS_PER_S, "Hypothesis: b", ("H2", "parked")) + b"foreign\n"
    log.write_bytes(raw)
    (summary,) = list_journals(str(tmp_path))
    assert journal_name(summary) == "one"
    told = summarize_journal(resolve_journal(str(log)), FOLD)
    assert told.newest_entry is not None
    assert (told.newest_entry.text, told.open_count, told.size_bytes, told.problem) == (
        "Hypothesis: b",
        1,
        len(raw),
        "",
    )
