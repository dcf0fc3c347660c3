"""The README is a front page, and what it says of keys, commands, set-up and speed is true. So is the changelog."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from support.manual_tables import shown_keys
from threeam.actions import ACTIONS
from threeam.cli.commands import COMMANDS
from threeam.experiments.statistics.stats import fisher_exact

ROOT = Path(__file__).parents[2]
MANUAL = ROOT / "app" / "threeam" / "manual"
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAX_LINES = 150
NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def section(title: str) -> str:
    """Return the section of the README under ``title``."""
    match = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", README, re.DOTALL | re.MULTILINE)
    assert match is not None, title
    return match[1]


def test_it_is_short_enough_for_a_minute() -> None:
    assert len(README.splitlines()) <= MAX_LINES


def test_its_twelve_keys_are_keys_of_the_screen() -> None:
    keys = re.findall(r"\| `(\S+)` \|", section("Twelve keys"))
    assert len(keys) == 12
    assert set(keys) <= {key for action in ACTIONS for key in shown_keys(action)}


def test_its_twelve_commands_are_commands() -> None:
    commands = re.findall(r"^\| `3am ?([a-z-]*).*` \|", section("Twelve commands"), re.MULTILINE)
    assert len(commands) == 12
    assert set(commands) - {""} <= set(COMMANDS)


def test_its_set_up_is_two_commands_that_ci_runs() -> None:
    match = re.search(r"<!-- setup -->\n```sh\n(.*?)```\n<!-- /setup -->", README, re.DOTALL)
    assert match is not None
    clone, install = match[1].splitlines()
    assert clone.startswith("git clone ")
    assert install.endswith(" && 3am demo"), "the first command writes to a journal that is deleted afterwards"
    assert "<!-- setup -->" in (ROOT / ".ci" / "setup").read_text(encoding="utf-8")


def test_ci_runs_the_test_command_of_the_manual() -> None:
    page = (MANUAL / "contributing.md").read_text(encoding="utf-8")
    match = re.search(r"<!-- tests -->\n    (.*)\n<!-- /tests -->", page)
    assert match is not None
    assert match[1].startswith("python3 -m venv ")
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "<!-- tests -->" in ci
    assert "app/threeam/manual/contributing.md" in ci


def test_its_sentence_about_speed_counts_the_goals_of_the_table() -> None:
    table = (MANUAL / "performance.md").read_text(encoding="utf-8")
    met, missed = table.count("| met |"), table.count("| **missed** |")
    assert met + missed > 0
    assert f"{met} of {met + missed} goals" in README
    assert re.search(rf"\b{NUMBERS[missed]} that are missed\b|\b{NUMBERS[missed]} that is missed\b", README)


def test_its_verdict_is_that_of_the_statistics() -> None:
    sentence = r"in (\d+) of (\d+) runs, and with strace in (\d+) of (\d+): `strace hides it \(p = (.+?)\)`"
    match = re.search(sentence, " ".join(README.split()))
    assert match is not None
    failed, runs, failed_traced, runs_traced = map(int, match.groups()[:4])
    assert f"{fisher_exact(failed, runs, failed_traced, runs_traced):.2g}" == match[5]


def test_the_changelog_has_the_format_of_keep_a_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]
    assert versions[0].startswith("[Unreleased]\n")
    for version in versions[1:]:
        assert re.match(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d\n", version)
    for version in versions:
        parts = re.findall(r"^### (.*)$", version, re.MULTILINE)
        assert parts
        assert len(set(parts)) == len(parts)
        assert set(parts) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_animation_is_whole_and_has_no_script() -> None:
    svg = ElementTree.parse(ROOT / "screenshots" / "first-minute.svg")
    names = {element.get("id") for element in svg.iter() if element.get("id")}
    used = {(element.get("href") or "").removeprefix("#") for element in svg.iter("{http://www.w3.org/2000/svg}use")}
    assert used == names
    assert not [element.tag for element in svg.iter() if element.tag.endswith(("script", "foreignObject"))]
    assert "http" not in "".join(element.text or "" for element in svg.iter() if element.tag.endswith("style"))
