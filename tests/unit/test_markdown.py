"""Text of others in Markdown: nothing of it is markup, a mention, a reference, or the end of a piece of code."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from threeam.core.format.entry import escape_unprintable
from threeam.core.format.markdown import escape_markdown, inline_code

# All that CommonMark knows, and of GitHub's additions tables and strikethrough.
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def shown(markdown: str) -> tuple[str, set[str]]:
    """What a reader of ``markdown`` sees, and of which kinds the tokens are."""
    parsed: list[Token] = []
    for token in MARKDOWN.parse(markdown):
        parsed += token.children if token.type == "inline" and token.children else [token]
    seen = [token.content for token in parsed if token.type in ("text", "text_special", "code_inline")]
    return "".join(seen), {token.type for token in parsed}


LIST_ITEM = {"bullet_list_open", "list_item_open", "paragraph_open", "text", "code_inline", "paragraph_close"}
LIST_ITEM |= {"list_item_close", "bullet_list_close", "inline"}
PARAGRAPH = {"paragraph_open", "text", "code_inline", "paragraph_close", "inline"}
markup = st.text(st.sampled_from("*_`#>+-=|~![](){}<>&;:/\\.\"'$^ \t\n\r0123456789abxw@%\x1b\u00a0☕"), max_size=40)
pieces = st.lists(
    st.sampled_from(
        [
            *("**", "__", "```", "~~~", "---", "===", "- ", "1. ", "1) ", "# ", "> ", "<b>", "<!-- ", "&amp;", "&#65;"),
            *(
                "[a](b)",
                "![a](b)",
                "[a]: b",
                "https://x.y/z",
                "<https://x.y>",
                "| a | b |",
                "\\*",
                "    ",
                "a",
                " ",
                "`",
            ),
        ]
    ),
    max_size=8,
).map("".join)


@given(st.one_of(markup, pieces, st.text(max_size=30)))
@example("1234567890. not a list")
@example("10) a")
@example("\\")
@example("a\\")
@example("setext\n===")
@example("<a@b.example>")
@example("[x] done")
def test_no_text_is_markup(text: str) -> None:
    as_it_is = escape_unprintable(text).strip()
    for around, kinds in (("- {}", LIST_ITEM), ("{}", PARAGRAPH)):
        text_shown, parsed = shown(around.format(escape_markdown(text)))
        assert parsed <= kinds, escape_markdown(text)
        assert text_shown == as_it_is


@given(pieces, pieces)
def test_text_after_text_is_not_markup_either(text: str, more: str) -> None:
    # As the hand-off has it: (by whom, when) behind the words, and the stamp as code.
    text_shown, parsed = shown(f"- {escape_markdown(text)} ({escape_markdown(more)}) `@stamp`")
    assert parsed <= LIST_ITEM
    assert text_shown == f"{escape_unprintable(text).strip()} ({escape_unprintable(more).strip()}) @stamp".lstrip()


# --- mentions and references

# What GitHub makes a link of, in a piece of text that is no code: it looks at the page, where no backslash is left.
GITHUB = re.compile(r"(?<!\w)@\w|#\d|\bGH-\d", re.IGNORECASE)
# And GitLab, which looks at the source: what has a backslash in front of it is none.
GITLAB = re.compile(r"(?<!\w)@\w|[#!$%~&]\d|%\w")
references = st.lists(
    st.sampled_from(
        ["@alice", "@org/team", "#12", "shop#12", "org/shop#12", "GH-12", "!12", "%3", "$12", "~12", "&12", "@"]
    )
    | st.sampled_from([" ", "@", ".", "(", "`", "\\", "a", "_", "-", "*", "é", "@2026-11-24T03:14:07.123456789+0000"]),
    max_size=8,
).map("".join)


def pieces_of_text(markdown: str) -> list[str]:
    """The pieces of text of the page that stand between pieces of code."""
    pieces = [""]
    for token in MARKDOWN.parse(markdown):
        for child in token.children or ():
            if child.type == "code_inline":
                pieces.append("")
            else:
                pieces[-1] += child.content
    return pieces


@given(references)
@example("ask @alice about #12")
@example("#12@alice")
@example("@alice`#12`")
def test_nobody_is_mentioned_and_nothing_is_referred_to(text: str) -> None:
    markdown = f"- {escape_markdown(text)} ({escape_markdown(text)})"
    assert shown(markdown)[0] == f"{escape_unprintable(text).strip()} ({escape_unprintable(text).strip()})".lstrip()
    for piece in pieces_of_text(markdown):
        assert not GITHUB.search(piece), (markdown, piece)
    outside = re.sub(r"\\[!-/:-@\[-`{-~]", "¤", markdown)  # what is escaped is no reference there
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "¤", outside)
    assert not GITLAB.search(outside), (markdown, outside)


@pytest.mark.parametrize("text", ["a" * 60_000, "@a-" * 20_000, "a/" * 30_000, "#" * 60_000, "`" * 60_000])
def test_a_long_text_takes_no_longer_than_it_is(text: str) -> None:
    assert len(escape_markdown(text)) <= 3 * len(text)


# --- code


@given(st.text(st.sampled_from("`` ab|*\\\n\t\x1b\u202e"), max_size=20))
@example("")
@example("cp %p /a\n```\n```sh\nrm -rf /\n```")
def test_code_is_one_piece_of_code_whatever_is_in_it(text: str) -> None:
    text_shown, parsed = shown(f"- x {inline_code(text)} y")
    assert parsed <= LIST_ITEM
    assert text_shown.replace(" ", "") == f"x{escape_unprintable(text)}y".replace(" ", "")
    if text.strip() == text and text:
        assert text_shown == f"x {escape_unprintable(text)} y"
