"""The prose of the program is plain English: comments, docstrings, messages, help texts and the manual."""

from __future__ import annotations

import ast
import io
import re
import token
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.pages import PAGES
from support.sources import PACKAGE, nodes_of, source_paths

UNIDIOMATIC = {
    r"(?<!there )(is|are) (?-i:none)\b": "is not an X",
    r"(?<!there )is no (?!longer|more than|less than)": "is not an X",
    r"how manieth": "the 1-based index",
    r"so long\b": "as long as; this long",
    r"so many\b": "N; as many as",
    r"(?<!\.)mend(s|ed|ing)?\b": "fix",
    r"whoever\b": "name the actor: the caller, the reader, another process, the user",
    r"anew\b": "again",
    r"go(es)? on with": "continue, resume",
    r"what is told": "the report; what is printed",
    r"(nobody|somebody)\b(?! else)": "name the actor: no process, another user",
    r"none where\b": "if; when",
}
"""Patterns of words, and what to write instead. Each begins at the beginning of a word."""

PATTERN = re.compile("|".join(rf"\b{pattern}" for pattern in UNIDIOMATIC), re.IGNORECASE)
ALLOWED = {"mend"}
"""Literals that are keys of the machine output, which scripts read."""


def prose(source: str) -> Iterator[tuple[int, str]]:
    """Yield each comment block and each string literal with its first line; adjacent ones are joined."""
    kind, start, parts = 0, 0, list[str]()
    for current in tokenize.generate_tokens(io.StringIO(source).readline):
        if current.type in (token.NL, token.NEWLINE) and kind == token.COMMENT:
            continue
        if current.type == token.NL:
            continue
        if current.type != kind or kind not in (token.COMMENT, token.STRING):
            if parts:
                yield start, "".join(parts)
            kind, start, parts = current.type, current.start[0], []
        if kind == token.COMMENT:
            parts.append(current.string.lstrip("#") + " ")
        elif kind == token.STRING:
            text = re.sub(r"""^[a-zA-Z]*("{3}|"|'{3}|')|("{3}|"|'{3}|')$""", "", current.string)
            parts.append(re.sub(r"\{[^{}]*\}", "{}", text))  # an expression in an f-string is code


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each docstring of the module in ``path``, its classes and its functions, with the line of its owner."""
    for node in nodes_of(path):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), text


def test_the_prose_has_no_unidiomatic_phrase() -> None:
    phrases = [
        f"{path.relative_to(PACKAGE)}, line {number}: {match[0]!r} in {text.strip()[:100]!r}"
        for path in source_paths()
        for number, text in prose(path.read_text(encoding="utf-8"))
        if text not in ALLOWED
        for match in PATTERN.finditer(re.sub(r"\s+", " ", text))
    ]
    assert not phrases, "\n".join(phrases)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_of_the_manual_has_no_unidiomatic_phrase(page: Path) -> None:
    text = re.sub(r"\s+", " ", page.read_text(encoding="utf-8"))
    phrases = [text[max(0, match.start() - 40) : match.end() + 40] for match in PATTERN.finditer(text)]
    assert not phrases, "\n".join(phrases)


def test_no_docstring_begins_with_a_question_word() -> None:
    questions = [
        f"{path.relative_to(PACKAGE)}, line {number}: {text.splitlines()[0]}"
        for path in source_paths()
        for number, text in docstrings(path)
        if re.match(r"(What|Whether|How|Where)\b", text)
    ]
    assert not questions, "\n".join(questions)


def test_the_prose_of_a_module_is_its_comments_and_its_literals() -> None:
    source = (
        '# one\n# two\nx = 1  # three\nx = ("four " f"{anew} "\n      "five")\n"""Six\nseven."""\nanew = so_long = 8\n'
    )
    assert [text.strip() for _, text in prose(source)] == ["one  two", "three", "four {} five", "Six\nseven."]
