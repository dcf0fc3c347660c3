"""The reports in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from threeam.core.format.entry import author_name
from threeam.core.format.markdown import as_markdown
from threeam.core.format.report import Part
from threeam.hypotheses.ledger import TOO_MANY_CUPS
from threeam.reports.postmortem import OBSERVED, Report


def list_of(part: Part) -> Iterator[str]:
    """The lines of ``part`` as a list."""
    for line in part.lines:
        indent = "  " if line.text.startswith(" ") else ""
        more = f" ({as_markdown(line.more)})" if line.more else ""
        at = f" `@{line.at}`" if line.at is not None else ""
        yield f"{indent}- {as_markdown(line.text)}{more}{at}"


def parts_in_markdown(title: str, told: Sequence[Part]) -> str:
    """Parts under a title."""
    lines = [f"# {as_markdown(title)}"]
    for part in told:
        lines += ["", f"## {as_markdown(part.title.capitalize())}", "", *list_of(part)]
    return "\n".join(lines)


def report_in_markdown(report: Report) -> str:
    """A postmortem to go on with by hand."""
    lines = [f"# Postmortem: {as_markdown(report.name)}"]
    for section in report.sections:
        lines += ["", f"## {section.title}", ""]
        if section.hint:
            lines += [f"*{section.hint}*", ""]
        if not section.hint and not any(part.lines for part in section.parts):
            lines += ["Nothing.", ""]
        for part in section.parts:
            if part.title:
                lines += [f"### {as_markdown(part.title)}", ""]
            lines += [*list_of(part), ""]
        while not lines[-1]:
            lines.pop()
        if section.title == "Impact":
            lines += ["", "## Timeline", "", *_timeline(report)]
    return "\n".join(lines)


def _timeline(report: Report) -> Iterator[str]:
    for event in report.events:
        if event.foreign:
            yield f"- {as_markdown(event.text)}"
            continue
        entry = event.entry
        who = as_markdown(author_name(entry.author))
        tag = f"H{entry.hypothesis[0]} " if entry.hypothesis is not None else ""
        was = f" (it was: {as_markdown(event.was)})" if event.was else ""
        recheck = f" ({TOO_MANY_CUPS})" if entry.tag("RECHECK") is not None else ""
        observed = f" ({OBSERVED})" if event.observed else ""
        yield f"- `{entry.stamp}` {who}: {tag}{as_markdown(event.text)}{was}{recheck}{observed}"
    if report.left_out:
        yield f"\n{report.left_out:,} lines that came through a pipe, or are of another program, are not in it."
