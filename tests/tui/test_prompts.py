"""The kinds of the input box: their text, and what a text in one of them becomes."""

from __future__ import annotations

import pytest

from threeam.core.config.settings import Settings
from threeam.core.format.entry import Stamp
from threeam.core.write.draft import WriteContext
from threeam.projections import FOLD
from threeam.tui.prompts import COMMAND, NOTE, BoxKind

STAMP = Stamp(1_795_490_047_123_456_789, 0)
KINDS = [
    *(BoxKind(verb) for verb in ("note", "hypothesis", "changed", "command")),
    *(BoxKind(verb, "H7") for verb in ("predict", "confirm", "refute", "park", "reopen")),
    *(BoxKind(verb, "H7", STAMP) for verb in ("support", "contradict")),
    *(BoxKind(verb, cites=STAMP) for verb in ("words", "correct")),
    BoxKind("words", pending_stamp=2),
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_kind_is_parsed_from_its_text(kind: BoxKind) -> None:
    assert BoxKind.parse(str(kind)) == kind


@pytest.mark.parametrize(
    "text", ["", "refute", "support H7", "support H7 @03:14", "correct", "words @x", "note x", "nothing", "words +x"]
)
def test_a_text_that_names_no_kind_is_a_note(text: str) -> None:
    assert BoxKind.parse(text) == NOTE


def test_a_text_left_by_another_screen_is_sent_only_from_a_box_that_can_exist_there() -> None:
    assert [str(kind) for kind in KINDS if not kind.survives_screen] == [str(COMMAND), "words +2"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not (kind.hypothesis or kind.verb == "words")], ids=str)
@pytest.mark.parametrize("text", ["one", "next: one\ntwo", "changed: one (undo: two)", "one --undo two", " a \\ b "])
def test_the_texts_of_a_kind_are_those_of_its_draft(kind: BoxKind, text: str) -> None:
    lines = kind.draft(text, Settings()).make_lines(FOLD.empty_state, WriteContext("alice", 1), STAMP)
    assert [line.text for line in lines] == kind.texts(text)
