"""The tables of kinds and tags: what the code writes is in them, and the screen can draw each kind."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
from rich.cells import cell_len

from support.sources import nodes_of, source_paths
from threeam.cli.colour import format_coloured
from threeam.core.format.entry import Entry, Stamp, format_entry
from threeam.core.format.kinds import HYPOTHESIS_TAG, KINDS, NOTE, TAGS, WORDS, Kind, is_own_tag
from threeam.core.store.reader import Line
from threeam.experiments.failure_rule import OUTCOME_SIGNS
from threeam.hypotheses.drafts import EVIDENCE_VERBS, VERDICT_VERBS
from threeam.hypotheses.ledger import PREDICTION
from threeam.projections import FOLD
from threeam.tui.glyphs import FAMILIES, GLYPHS, SIGNS, TIMELINE_GLYPHS, glyph_of

NIGHT = Stamp(1_795_490_047_123_456_789)
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def expressions() -> Iterator[ast.AST]:
    """Yield the nodes of all sources."""
    return (node for path in source_paths() for node in nodes_of(path))


@cache
def constants() -> dict[str, object]:
    """Return the values of the names that the sources set to a constant."""
    return {
        target.id: value.value
        for node in expressions()
        if isinstance(node, ast.Assign) and isinstance(value := node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def text_of(node: ast.expr) -> str:
    """Return the text of a string, or of the beginning of an f-string, as far as the source states it."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            return str(constants().get(name, ""))
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *rest]):
            return text + ("7" if rest and not text[-1:].isspace() else "")
        case ast.BinOp(left=left):
            return text_of(left)
    return ""


def written_tags() -> Iterator[str]:
    """Yield the keys of the pairs in the sources that can be a tag."""
    for node in expressions():
        if (
            isinstance(node, ast.Tuple)
            and len(node.elts) == 2
            and re.fullmatch(r"[A-Z]{2,}|[HR]7", text_of(node.elts[0]))
        ):
            yield text_of(node.elts[0])


def read_tags() -> Iterator[str]:
    """Yield the keys of the tags that the sources read."""
    for node in expressions():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "tag":
            yield from filter(None, map(text_of, node.args))
    yield from (tag for projection in FOLD.projections for tag in projection.tag_patterns if tag.isalpha())


def written_words() -> Iterator[str]:
    """Yield the words before the colon of the lines that the sources write."""
    texts = {"DraftLine": 0, "Entry": 3}
    for node in expressions():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in texts:
            for argument in node.args[texts[node.func.id] :][:1]:
                if match := re.match(r"([A-Z]\w+): ", text_of(argument)):
                    yield match[1]


def test_every_tag_that_is_written_or_read_is_in_the_table() -> None:
    no_tags = {"WHY", "TERM", "PGHOST", "AKIA", "SIGNS", "TEXT", "WORDS"}  # other pairs whose first half is in capitals
    tags = {*written_tags(), *read_tags()} - no_tags
    assert {tag for tag in tags if not is_own_tag(tag)} == set()
    assert {tag for tag in TAGS if tag not in tags and f"{tag}7" not in tags} == set()


def test_every_word_that_is_written_is_in_the_table() -> None:
    verbs = {*EVIDENCE_VERBS.values(), *(kind for kind, _ in VERDICT_VERBS.values()), PREDICTION}
    words = {*written_words(), *verbs}
    assert {"Changed", "Carried", "Run", "WARNING"} <= words
    assert words - set(WORDS) == set()


@each_kind
def test_every_kind_has_an_icon_one_cell_wide(kind: Kind) -> None:
    assert cell_len(kind.icon) == 1
    assert len(kind.ascii_icon) == 1
    assert kind.ascii_icon.isascii()
    assert kind.doc


@each_kind
def test_the_tag_that_a_kind_needs_is_in_the_table(kind: Kind) -> None:
    assert kind.tag is None or kind.tag in TAGS


@pytest.mark.parametrize("kind", WORDS.values(), ids=WORDS)
def test_a_word_is_a_kind_with_its_tag_and_a_note_without(kind: Kind) -> None:
    tag = "H7" if kind.tag == HYPOTHESIS_TAG else kind.tag
    tagged = Entry(NIGHT, 0, ((tag, "open"),) if tag is not None else (), f"{kind.name}: words")
    assert tagged.kind == kind.name
    assert tagged.body == "words"
    without = Entry(NIGHT, 0, (("BY", "alice@db1:7"),), f"{kind.name}: words")
    assert without.kind == (kind.name if kind.tag is None else NOTE)


@each_kind
def test_every_kind_is_drawn_with_its_icon(kind: Kind) -> None:
    if kind.name == "Conclusion":  # drawn as the state that it gives
        conclusion = Entry(NIGHT, 0, (("H7", "refuted"),), "Conclusion: no")
        assert glyph_of(conclusion) == GLYPHS["refuted"]
    else:
        assert (GLYPHS[kind.name].symbol, GLYPHS[kind.name].style) == (kind.icon, kind.style)


@pytest.mark.parametrize("key", ["H", "R", "H٧", "H7a", "X9", "P1", "FUTURE", ""])
def test_a_tag_of_another_tool_is_not_ours(key: str) -> None:
    assert not is_own_tag(key)


@pytest.mark.parametrize(
    ("tags", "text", "colour"),
    [
        ((), "WARNING: x", "\x1b[31m"),
        ((("TERMINATED", "7"),), "Terminated: x", "\x1b[31m"),
        ((("MG", "95"),), "Coffee: x", "\x1b[33m"),
        ((("H7", "open"),), "Hypothesis: x", "\x1b[36m"),
        ((("NIGHT", "over"),), "Sleep: x", "\x1b[36m"),
        ((), "Acquired sanity lock.", "\x1b[2m"),
        ((("AT", str(NIGHT)),), "Continued from x.log", "\x1b[2m"),
        ((), "x", ""),
    ],
)
def test_a_kind_has_the_colour_of_the_screen(tags: tuple[tuple[str, str], ...], text: str, colour: str) -> None:
    raw = format_entry(Entry(NIGHT, 0, tags, text))[:-1]
    shown = format_coloured(Line(None, 0, raw, True))  # type: ignore[arg-type]
    assert shown.startswith("\x1b[2m[")
    assert shown.endswith(f"{colour}{text}\x1b[0m" if colour else f"\x1b[0m{text}")


@pytest.mark.parametrize("ascii_only", [False, True])
def test_one_sign_has_one_meaning(ascii_only: bool) -> None:
    members = [name for _, names in FAMILIES.values() for name in names]
    meanings: dict[str, set[str]] = {}
    for name, glyph in GLYPHS.items():
        family = next((meaning for meaning, names in FAMILIES.values() if name in names), glyph.description)
        meanings.setdefault(glyph.ascii_symbol if ascii_only else glyph.symbol, set()).add(family)
    assert {sign: found for sign, found in meanings.items() if len(found) > 1} == {}
    assert set(members) <= set(GLYPHS)


def test_the_help_has_each_sign_once() -> None:
    glyphs = (*GLYPHS.values(), *TIMELINE_GLYPHS)
    assert [sign.symbol for sign in SIGNS] == list(dict.fromkeys(glyph.symbol for glyph in glyphs))
    for sign, (_, names) in FAMILIES.items():
        assert {GLYPHS[name].symbol for name in names} == {sign}


def test_an_outcome_has_one_sign_in_the_log_and_in_the_strip_of_an_experiment() -> None:
    assert all(outcome not in GLYPHS or GLYPHS[outcome].symbol == signs[0] for outcome, signs in OUTCOME_SIGNS.items())
