"""Reports in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from threeam.core.format.entry import author_name
from threeam.core.format.markdown import code_block, escape_markdown
from threeam.core.format.report import ReportSection
from threeam.hypotheses.ledger import RECHECK_NOTE
from threeam.reports.postmortem import OBSERVED_NOTE, Postmortem, format_excerpt_line, format_omitted_lines


def format_list(section: ReportSection) -> Iterator[str]:
    """Yield the lines of ``section`` as a list."""
    for line in section.lines:
        indent = "  " if line.text.startswith(" ") else ""
        detail = f" ({escape_markdown(line.detail)})" if line.detail else ""
        reference = f" `@{line.stamp}`" if line.stamp is not None else ""
        yield f"{indent}- {escape_markdown(line.text)}{detail}{reference}"
        if line.quotation is not None:
            below = f"{indent}  "
            yield from ("", f"{below}{escape_markdown(line.quotation.caption)}")
            if line.quotation.lines:
                yield from ("", *code_block(line.quotation.lines, below))


def sections_to_markdown(title: str, sections: Sequence[ReportSection]) -> str:
    """Return the sections of a report under a title."""
    lines = [f"# {escape_markdown(title)}"]
    for section in sections:
        lines += ["", f"## {escape_markdown(section.title.capitalize())}", "", *format_list(section)]
    return "\n".join(lines)


def postmortem_to_markdown(postmortem: Postmortem) -> str:
    """Return a postmortem to continue by hand."""
    lines = [f"# Postmortem: {escape_markdown(postmortem.name)}"]
    for section in postmortem.sections:
        lines += ["", f"## {section.title}", ""]
        if section.hint:
            lines += [f"*{section.hint}*", ""]
        if not section.hint and not any(subsection.lines for subsection in section.subsections):
            lines += ["Nothing.", ""]
        for subsection in section.subsections:
            if subsection.title:
                lines += [f"### {escape_markdown(subsection.title)}", ""]
            lines += [*format_list(subsection), ""]
        while not lines[-1]:
            lines.pop()
        if section.title == "Impact":
            lines += ["", "## Timeline", "", *_timeline_lines(postmortem)]
    return "\n".join(lines)


def _timeline_lines(postmortem: Postmortem) -> Iterator[str]:
    for event in postmortem.events:
        if event.foreign:
            yield f"- {escape_markdown(event.text)}"
            continue
        entry = event.entry
        author = escape_markdown(author_name(entry.author))
        tag = f"{escape_markdown(entry.hypothesis_name)} " if entry.hypothesis_name is not None else ""
        original = f" (it was: {escape_markdown(event.original_text)})" if event.original_text else ""
        recheck = f" ({RECHECK_NOTE})" if entry.tag("RECHECK") is not None else ""
        observed = f" ({OBSERVED_NOTE})" if event.observed else ""
        yield f"- `{entry.stamp}` {author}: {tag}{escape_markdown(event.text)}{original}{recheck}{observed}"
        if event.block:
            yield from ("", *code_block([line.text for line in event.block], "  "), "")
        if event.excerpt:
            yield from ("", *code_block([format_excerpt_line(line) for line in event.excerpt], "  "), "")
    if postmortem.omitted_lines:
        yield f"\n{format_omitted_lines(postmortem.omitted_lines)}"
