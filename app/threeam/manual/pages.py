"""The pages of the manual by their topics."""

from __future__ import annotations

import os
import re

from threeam.core.errors import BadInput

TOPICS = {
    "getting-started": "install it, and write the first lines",
    "concepts": "the words of this manual, each with one sentence",
    "keys": "every key of the screen",
    "commands": "every command of the shell, with its options",
    "hypotheses": "claims, predictions, evidence and verdicts",
    "experiments": "run it 200 times, and ask whether it is fixed",
    "tracing": "attach strace and say so; save a pane; see what 3am costs",
    "preflight-and-baseline": "what the hunt needs, and what normal looks like",
    "restore": "undo changes, end blocking queries, restore data",
    "caffeine": "cups, milligrams, water and sleep",
    "finding": "search, filters, times, marks, and the past",
    "timeline": "other programs' logs: open, merge, late lines, order not known",
    "races": "races on a key, near misses and deadlocks in these logs",
    "clocks": "which of two lines came first, if their clocks differ",
    "timestamps": "how the times of other logs are read, and the formats",
    "handoff-and-export": "what the next person needs, and the postmortem",
    "settings": "every setting, with a sample file",
    "log-format": "the file: lines, tags, kinds, rotation",
    "scripting": "shell functions, pipes, JSON, exit codes, tmux, lnav, logrotate",
    "team": "several people, on one host or on many",
    "team-server": "users, rights and certificates of the engine of a team",
    "secrets": "what is removed, and how to remove what was not",
    "guarantees": "what it promises, and how that is tested",
    "performance": "how fast it is, with the goals that it misses",
    "troubleshooting": "messages, their causes and their cures",
    "architecture": "goals, rejected alternatives, and the map of the code",
    "contributing": "tests, style, and how a change gets in",
    "security": "whom it trusts, and how to report a weakness",
}
"""Each topic is the name of a page without ``.md``; in the order of reading."""

MARKDOWN_STYLES = {
    "markdown.h1": "bold",
    "markdown.h2": "bold underline",
    "markdown.h3": "underline",
    "markdown.code": "bold",
    "markdown.item.bullet": "bold",
    "markdown.item.number": "bold",
    "markdown.table.border": "dim",
    "markdown.table.header": "bold",
}
"""Rich's names of what it draws in colours of a dark terminal, and the styles that can be read on every ground."""

_CLOSE_MATCH = 0.7  # of two names, from 0 to 1: blockers is not close to lock
_MAX_PAGES_WITH_WORD = 3
_FOLDER = os.path.dirname(__file__)
_COMMENT = re.compile(r"<!--.*?-->\n\n?")  # a marker of a generated part
_FENCE = re.compile(r"^```\w+$", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]+)\]\(([a-z-]+)\.md(#[^)]*)?\)")


def read_page(topic: str) -> str:
    """Return the Markdown of the page ``topic``, or of the command ``topic`` (``run``, ``hyp new``).

    Raises `BadInput`, which suggests the nearest topic, or names the pages that have the word.
    """
    topic = " ".join(topic.lower().split()).removeprefix("3am ")
    if topic in TOPICS:
        return _read(topic)
    section = _section(_read("commands"), topic)
    if section is None:
        raise BadInput(f"the manual has no page {topic!r}{_suggestion(topic)}")
    return section


def list_topics() -> str:
    """Return the topics as aligned lines of text."""
    width = max(map(len, TOPICS))
    return "\n".join(f"  {topic:<{width}}  {summary}" for topic, summary in TOPICS.items())


def for_terminal(markdown: str, command: str) -> str:
    """Return ``markdown`` without what a terminal cannot show.

    A link to a page becomes its text, and ``command`` with the topic. Code is not highlighted: the colours would be
    those of a dark terminal.
    """

    def replace(link: re.Match[str]) -> str:
        text, topic = link[1], link[2]
        return text if text.strip("`") == topic else f"{text} (`{command} {topic}`)"

    return _FENCE.sub("```", _LINK.sub(replace, markdown))


def _read(topic: str) -> str:
    with open(os.path.join(_FOLDER, f"{topic}.md"), encoding="utf-8") as page:
        return _COMMENT.sub("", page.read())


def _section(page: str, command: str) -> str | None:
    """Return the section of ``page`` about ``3am COMMAND``; None if there is none."""
    pattern = rf"^(###?) `3am {re.escape(command)}`\n.*?(?=^(?:##|\1) |\Z)"
    match = re.search(pattern, page, re.DOTALL | re.MULTILINE)
    return match[0] if match is not None else None


def _suggestion(topic: str) -> str:
    from difflib import get_close_matches

    names = [*TOPICS, *re.findall(r"^###? `3am ([a-z -]+)`$", _read("commands"), re.MULTILINE)]
    word = re.compile(rf"\b{re.escape(topic)}\b", re.IGNORECASE)
    is_word = any(map(str.isalnum, topic))  # `[` stands between letters, too
    counts = {page: len(word.findall(_read(page))) for page in TOPICS} if is_word else {}
    nearest = [name for name in names if topic and name.startswith(topic)]
    if not nearest and not counts.get("concepts"):  # a word that is explained there is no mistake
        nearest = get_close_matches(topic, names, 1, _CLOSE_MATCH)
    if nearest:
        return f"; did you mean {nearest[0]}?"
    pages = sorted(filter(counts.get, counts), key=lambda page: (page != "concepts", -counts[page]))
    return f"; it is a word of {', '.join(pages[:_MAX_PAGES_WITH_WORD])}" if pages else "; 3am help lists the topics"
