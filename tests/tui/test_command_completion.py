"""Tab on the `:` line, and the commands of the shell that it runs as they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pilots import TINY, WIDE, append, line, night

from support.journals import texts
from threeam.actions import ACTIONS
from threeam.cli.commands import COMMANDS
from threeam.core.store.journal import Journal
from threeam.tui.command_line import complete_command
from threeam.tui.screens.runs import OutputScreen
from threeam.tui.widgets.candidates import MAX_ROWS, candidate_rows

NAMES = {"refute H7": ["H1", "H12"], "runs R12": ["R1"], "undone @STAMP": ["@03:14:07.123"], "theme NAME": ["nord"]}


@pytest.mark.parametrize(
    ("typed", "added", "words"),
    [
        ("refu", "te ", ["refute"]),
        ("un", "", ["uncoffee", "undone", "unfilter"]),
        ("doc", "tor ", ["doctor"]),
        ("water", "", ["water"]),
        ("hyp ref", "ute ", ["refute"]),
        ("hyp refute ", "H1", ["H1", "H12"]),
        ("refute H12", " ", ["H12"]),
        ("refute H12 ", "", []),
        ("runs ", "R1 ", ["R1"]),
        ("undone @", "03:14:07.123 ", ["@03:14:07.123"]),
        ("theme n", "ord ", ["nord"]),
        ("export ", "", ["md", "html", "jsonl", "csv"]),
        ("export h", "tml ", ["html"]),
        ("observe 1 --w", "ith ", ["--with"]),
        ("observe 1 --with s", "trace ", ["strace"]),
        ("status --", "", ["--json", "--tmux", "--footprint"]),
        ("nonsense ", "", []),
        ("", "", []),
    ],
)
def test_tab_adds_what_all_candidates_have_in_common(typed: str, added: str, words: list[str]) -> None:
    assert complete_command(typed, lambda part: NAMES.get(part, ())) == (added, words)


def test_every_command_of_the_shell_that_makes_sense_is_on_the_line() -> None:
    here = {action.command for action in ACTIONS} | {"log", "hyp", "journals"}
    elsewhere = {"sanity", "import", "as-of", "demo", "help", "init", "completion"}  # a screen is no place for these
    assert set(COMMANDS) - here - elsewhere == set()


async def test_tab_completes_names_and_never_leaves_the_line(journal: Journal, log: Path) -> None:
    append(log, line("Hypothesis: a claim", tags=(("H1", "open"),)))
    async with night(journal) as it:
        await it.eventually(lambda: it.unanswered == 0, "the screen has been told")
        await it.press("colon")
        await it.type("hyp refu")
        await it.press("tab")
        await it.eventually(lambda: it.composer.text == "hyp refute ", "the verb is completed")
        await it.press("tab")
        await it.eventually(lambda: it.composer.text == "hyp refute H1 ", "the name is completed")
        await it.press("tab", "shift+tab", "tab", "q", "c")
        assert it.composer.text == "hyp refute H1 qc"
        assert texts(log) == ["Hypothesis: a claim"]


@pytest.mark.parametrize("size", [WIDE, TINY])
@pytest.mark.parametrize("read_only", [False, True])
async def test_candidates_stand_directly_above_the_line(
    journal: Journal, log: Path, size: tuple[int, int], read_only: bool
) -> None:
    append(log, line("a note"))
    async with night(journal, size=size, read_only=read_only) as it:
        await it.press("colon")
        await it.type("un")
        await it.press("tab")
        rows = it.shown.splitlines()
        assert rows[-3].split() == ["uncoffee", "undone", "unfilter"]
        assert rows[-2].endswith("un")
        assert it.notices == []
        await it.type("f")
        assert "uncoffee" not in it.shown
        await it.press("backspace", "tab", "escape")
        assert "uncoffee" not in it.shown


def test_candidates_that_do_not_fit_are_counted() -> None:
    assert candidate_rows(["uncoffee", "undone"], 40) == [" uncoffee  undone"]
    words = [f"word{number}" for number in range(10, 60)]
    rows = candidate_rows(words, 40)
    assert len(rows) == MAX_ROWS
    assert all(len(row) <= 40 for row in rows)
    shown = " ".join(rows).split()
    assert shown[:-2] == words[: len(shown) - 2]
    assert shown[-2:] == [f"+{50 - (len(shown) - 2)}", "more"]


async def test_a_command_of_the_shell_shows_its_output(journal: Journal, log: Path) -> None:
    append(log, line("it happened again"))
    async with night(journal) as it:
        for command, shown in (("status", "☕ 0"), ("doctor", "sound"), ("path", str(log)), ("tail", "happened")):
            await it.command(command)
            await it.eventually(lambda: isinstance(it.app.screen, OutputScreen), f":{command} shows its output")
            await it.shows(shown)
            await it.shows("done")
            await it.press("escape")
            assert it.in_the_log
        await it.command("export nonsense")
        await it.shows("invalid choice")
        await it.shows("exit 2")


async def test_an_export_is_saved_to_a_new_file(journal: Journal, log: Path, tmp_path: Path) -> None:
    append(log, line("it happened again"))
    async with night(journal) as it:
        target = tmp_path / "night.jsonl"
        await it.command(f"export jsonl > {target}")
        await it.says("has it")
        assert json.loads(target.read_text().splitlines()[0])["text"] == "it happened again"
        it.app.clear_notifications()
        await it.command(f"export md >{target}")
        await it.says("cannot be made: File exists")
        await it.command(f"export md >'{target}.md'")
        await it.says(f"{target}.md has it")
        assert "it happened again" in Path(f"{target}.md").read_text()
        assert json.loads(target.read_text().splitlines()[0])["text"] == "it happened again"


async def test_a_follower_ends_with_its_screen(journal: Journal, log: Path) -> None:
    append(log, line("it happened again"))
    async with night(journal) as it:
        await it.command("tail -f")
        await it.shows("it happened again")
        await it.press("escape")
        await it.eventually(lambda: not it.at_work, "the command has ended")


async def test_a_read_only_screen_rotates_nothing(journal: Journal, log: Path) -> None:
    append(log, line("it happened again"))
    before = log.read_bytes()
    async with night(journal, read_only=True) as it:
        await it.press("colon")
        await it.type("rotate")
        await it.press("enter")
        await it.says("read-only")
    assert log.read_bytes() == before
