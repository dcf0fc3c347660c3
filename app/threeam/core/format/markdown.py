"""Escaping of text from a log, a server or git, so that Markdown shows it as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from threeam.core.format.entry import escape_unprintable

# GitHub searches the rendered page for @user and #12, so a backslash or an entity does not hide them. It skips code,
# and so does GitLab.
_REFERENCE = (
    r"(?P<reference>(?:(?<!\w)@(?=\w)|(?<![\w./-])[\w./-]{0,80}\#(?=\d)|\#(?=\d)|\b[Gg][Hh]-(?=\d))[\w@#./:+-]*\w)"
)
# Markup at any place, text that GitHub turns into a link, and text that GitLab takes for a reference: a backslash is
# enough.
_MARKUP = r"[\\`*_\[\]<>&~|$]|(?<=[a-zA-Z]):(?=//)|(?<=[wW]{3})\.|(?<=[\w.+-])@(?=\w)|!(?=\d)|%(?=[\w\"])"
_SPECIAL = re.compile(f"{_REFERENCE}|{_MARKUP}")
_BLOCK_MARKER = re.compile(r"(\d{1,9})([.)])|([#+\-=>:])")  # a list, a heading, a quote and the like
_BACKTICKS = re.compile("`+")


def escape_markdown(text: str) -> str:
    """Return ``text`` as one line that Markdown shows as it is. ``@user`` and ``#12`` become code, not mentions."""
    text = _SPECIAL.sub(_escape_match, escape_unprintable(text).strip())
    if match := _BLOCK_MARKER.match(text):
        text = f"{match[1]}\\{match[2]}{text[match.end() :]}" if match[1] else "\\" + text
    return text


def inline_code(text: str) -> str:
    """Return ``text`` as inline code, in backticks that it cannot close."""
    text = escape_unprintable(text)
    ticks = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(text)), default=0))
    # Markdown removes one blank on each side. It separates a backtick at an end, and protects a text of blanks.
    pad = " " if text[:1] in ("`", " ", "") or text[-1:] in ("`", " ") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def code_block(lines: Sequence[str], indent: str = "") -> list[str]:
    """Return ``lines`` as a fenced block of code, with a fence that no line of it can close."""
    safe = [escape_unprintable(line) for line in lines]
    longest = max((len(run) for line in safe for run in _BACKTICKS.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{indent}{fence}", *(f"{indent}{line}" for line in safe), f"{indent}{fence}"]


def _escape_match(match: re.Match[str]) -> str:
    return f"`{match[0]}`" if match["reference"] is not None else f"\\{match[0]}"
