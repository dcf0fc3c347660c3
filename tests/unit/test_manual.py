"""The manual: its pages, its links, its generated parts, and ``3am help``."""

from __future__ import annotations

import json
import re
from itertools import chain
from pathlib import Path

import pytest

from generate_manual import generated_files
from support.commands import Run, good, refused
from support.pages import MANUAL, PAGES, prose_of
from support.sources import PACKAGE
from threeam.cli.commands import COMMANDS, FAMILIES
from threeam.cli.exit_on_signal import TERMINATION_SIGNALS
from threeam.cli.exits import ExitCode
from threeam.core.config.settings import SETTINGS, PathFlags, Settings, load_config
from threeam.core.errors import BadInput
from threeam.manual.pages import TOPICS, for_terminal, list_topics, read_page

MAX_COLUMNS = 120


def anchors_of(page: Path) -> set[str]:
    """Return the anchors that a forge gives the headings of a page."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in heads}


def test_each_topic_has_a_page_and_each_page_a_topic() -> None:
    assert {page.stem for page in MANUAL.glob("*.md")} == {*TOPICS, "index"}


@pytest.mark.parametrize("path", [path for path, _ in generated_files()], ids=lambda path: path.name)
def test_the_generated_parts_are_those_of_the_program(path: Path) -> None:
    expected = dict(generated_files())[path]
    assert path.read_text(encoding="utf-8") == expected, "python tests/generate_manual.py writes the generated parts"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name) if name else page
        assert path.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors_of(path), f"{page.name}: {target}"


def test_the_architecture_names_modules_that_exist() -> None:
    names = set(re.findall(r"`([a-z_/]+\.py)`", read_page("architecture")))
    assert len(names) > 20
    for name in names - {"tests/unit/test_imports.py"}:
        assert (PACKAGE / name).is_file() or (PACKAGE / "experiments" / name).is_file(), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_begins_with_its_title_and_has_lines_that_can_be_read(page: Path) -> None:
    assert page.read_text(encoding="utf-8").startswith("# ")
    long = [line for line in prose_of(page).splitlines() if len(line) > MAX_COLUMNS]
    assert not long, "\n".join(long)
    assert re.search(r"\[[^]\n]*\n[^]]*\]\(", prose_of(page)) is None, "the text of a link goes over two lines"


def test_help_prints_a_page_as_it_is(run: Run) -> None:
    assert good(run("help", "settings")) == read_page("settings")
    assert "<!--" not in read_page("settings")


def test_help_without_a_topic_lists_the_topics(run: Run) -> None:
    printed = good(run("help"))
    assert list_topics() in printed
    assert all(topic in printed for topic in TOPICS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_is_its_section(command: str) -> None:
    section = read_page(command)
    if command not in TOPICS:
        assert section.startswith(f"## `3am {command}`")
        assert section.count("\n## ") == 0


def test_each_command_is_in_one_family() -> None:
    assert sorted(chain(*FAMILIES.values())) == sorted(COMMANDS)


def test_a_wrong_topic_gets_the_nearest_one(run: Run) -> None:
    assert (
        refused(run("help", "experimets"), 2) == "3am: the manual has no page 'experimets'; did you mean experiments?"
    )
    assert refused(run("help", "tial"), 2) == "3am: the manual has no page 'tial'; did you mean tail?"
    with pytest.raises(BadInput, match="3am help lists the topics"):
        read_page("../pages")


def test_a_verb_is_a_topic_in_any_case(run: Run) -> None:
    section = good(run("help", "hyp", "NEW"))
    assert section.startswith("### `3am hyp new`\n")
    assert section.count("\n##") == 0
    assert good(run("help", "3am", "baseline diff")).startswith("### `3am baseline diff`\n")


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("cof", "did you mean coffee?"),
        ("lock", "it is a word of concepts, "),
        ("tmux", "it is a word of "),
        ("quokka", "3am help lists the topics"),
        ("[", "3am help lists the topics"),
    ],
)
def test_a_word_that_is_no_topic_leads_to_the_pages_that_have_it(run: Run, word: str, hint: str) -> None:
    assert hint in refused(run("help", word), 2)


def test_a_link_becomes_the_command_that_shows_its_page() -> None:
    markdown = "see [team](team.md) and [the file](log-format.md#tags)"
    assert for_terminal(markdown, "3am help") == "see team and the file (`3am help log-format`)"


def test_code_on_a_terminal_has_no_colours_of_its_own() -> None:
    assert for_terminal("```console\n$ 3am\n```", "3am help") == "```\n$ 3am\n```"


def test_the_messages_of_the_page_about_trouble_are_those_of_the_program() -> None:
    """Each is cut at its ``…`` and at its values; the pieces are looked for in the source."""
    page = read_page("troubleshooting").partition("## Messages")[2].partition("## The terminal")[0]
    rows = [re.split(r" *\| *", line)[1] for line in page.splitlines() if line.startswith("| ")][2:]
    messages = [message for row in rows for message in re.findall(r"`([^`]+ [^`]+)`", row)]
    source = "\n".join(module.read_text(encoding="utf-8") for module in MANUAL.parent.rglob("*.py"))
    pieces = [piece.strip() for message in messages for piece in re.split(r"…|10s|:", message) if piece.strip()]
    assert len(pieces) > 10
    assert [piece for piece in pieces if piece not in source] == []


def test_the_sample_settings_without_their_hashes_are_the_defaults(tmp_path: Path) -> None:
    block = re.search(r"## A sample file\n.*?```toml\n(.*?)```", read_page("settings"), re.DOTALL)
    assert block is not None
    config = tmp_path / "config.toml"
    config.write_text(re.sub(r"^# ([a-z_]+ = )", r"\1", block[1], flags=re.MULTILINE), encoding="utf-8")
    environ = {"HOME": str(tmp_path), "SANITY_CONFIG": str(config)}
    resolved = load_config(PathFlags(), environ, uid=1000)
    assert resolved.settings == Settings()
    assert {resolved.origins[name] for name in SETTINGS} == {str(config)}, "each setting is in the sample"


def test_each_variable_of_the_environment_is_in_the_manual() -> None:
    source = "\n".join(module.read_text(encoding="utf-8") for module in MANUAL.parent.rglob("*.py"))
    variables = set(re.findall(r'"(SANITY_[A-Z]+)"', source))
    assert variables
    for place in (read_page("settings"), (MANUAL / "3am.1").read_text(encoding="utf-8")):
        assert variables - set(re.findall(r"SANITY_[A-Z]+", place)) == set()


def test_each_exit_code_is_in_the_manual() -> None:
    rows = re.findall(r"^\| ([0-9, ]+) \|", read_page("scripting"), re.MULTILINE)
    codes = {int(code) for row in rows for code in row.split(",")}
    assert codes == {int(code) for code in ExitCode} | {128 + number for number in TERMINATION_SIGNALS}


def test_each_key_of_an_exported_record_is_in_the_manual(run: Run) -> None:
    page = read_page("log-format").partition("## Records")[2]
    for words in (("log", "a note"), ("hyp", "new", "a claim"), ("log", "x" * 100_000)):
        good(run(*words))
    records = [json.loads(line) for line in good(run("export", "jsonl")).splitlines()]
    assert {key for record in records for key in record} - set(re.findall(r"`([a-z_]+)`", page)) == set()
