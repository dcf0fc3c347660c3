"""The examples of the manual and of the README, run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from support.commands import command
from support.pages import PAGES

ANY_TEXT = "…"  # in the shown output; alone on a line it stands for any lines
TIMEOUT_S = 60


class Example(NamedTuple):
    """A command of a page, and the output that the page shows."""

    command: str
    shown: str


def examples_of(page: Path) -> list[Example]:
    """Return the commands behind ``$ `` in the ``console`` blocks of a page, with the lines that follow each."""
    examples = []
    for block in re.findall(r"^```console\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        assert block.startswith("$ "), block
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, shown = part.partition("\n")
            examples.append(Example(line, shown.rstrip("\n")))
    return examples


def pattern_of(shown: str) -> str:
    """Return the regular expression of a shown output."""
    lines = [
        r"(?:.*\n)*?" if line == ANY_TEXT else ".*?".join(map(re.escape, line.split(ANY_TEXT))) + r"\n"
        for line in shown.splitlines()
    ]
    return "".join(lines)


WITH_EXAMPLES = [page for page in PAGES if examples_of(page)]


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_print_what_it_shows(page: Path, bare_home: Path, tmp_path: Path) -> None:
    """The log is the one of an ordinary user, because root's is in /var/log."""
    state = bare_home / ".local" / "state" / "3am"
    state.mkdir(parents=True)
    folder = tmp_path / "work"
    folder.mkdir()
    examples = examples_of(page)
    script = "".join(f"{{ {example.command}\n}} 2>&1; printf '\\0'\n" for example in examples)
    path = f"{Path(command()).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=folder,
        env={**os.environ, "PATH": path, "SANITY_LOG": str(state / "sanity.log")},
        timeout=TIMEOUT_S,
    )
    outputs = done.stdout.decode().split("\0")[:-1]
    assert not done.stderr, done.stderr.decode()
    assert len(outputs) == len(examples)
    for example, output in zip(examples, outputs, strict=True):
        if not re.fullmatch(pattern_of(example.shown), output):
            pytest.fail(f"{page.name}\n$ {example.command}\n{output}\nThe page shows:\n{example.shown}", pytrace=False)


def test_an_ellipsis_stands_for_any_text_and_alone_for_any_lines() -> None:
    assert re.fullmatch(pattern_of("a … c"), "a b c\n")
    assert re.fullmatch(pattern_of("a\n…\nd"), "a\nb\nc\nd\n")
    assert not re.fullmatch(pattern_of("a\n…\nd"), "a\nb\nc\n")
    assert not re.fullmatch(pattern_of("a"), "a\nb\n")
