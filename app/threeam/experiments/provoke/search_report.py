"""The report on a search: its result, and the arms that failed most often. Pure."""

from __future__ import annotations

from typing import Any

from threeam.core.format.entry import Stamp
from threeam.core.format.remote_hypothesis import bound_json, bound_prefix
from threeam.core.format.report import ReportLine, ReportSection, format_attribution
from threeam.experiments.provoke.halving import ArmCounts
from threeam.experiments.provoke.search import Search


def search_report(search: Search, now: Stamp) -> list[ReportSection]:
    """Return the sections of the report on ``search``."""
    title = f"{search.name} {bound_prefix(search.hypothesis)}".rstrip()
    resume = f"3am run --resume {search.name}"
    if search.result is not None:
        conclusion = ReportLine(search.result.text, stamp=search.result.stamp, icon="Verdict")
    else:
        done = f"{search.done_count} of at most {search.total} runs: no result before fresh runs confirm it"
        conclusion = ReportLine(done, resume, command=resume)
    bare = ReportLine(f"{search.arms[0]} {_format_counts(search.counts()[0])}")
    kinds = [
        ReportLine(f"{found.kind.letter} {found.kind.description}", f"first in run {found.first_run}", found.stamp)
        for found in search.kinds
    ]
    arms = [ReportLine(f"{arm} {_format_counts(counts)}") for arm, counts in search.ranking()]
    attribution = format_attribution(search.author, search.stamp, now)
    sections = [
        ReportSection(title, [conclusion]),
        ReportSection("failed of all, the last round first", [bare, *arms]),
        ReportSection("kinds of failure", kinds),
        ReportSection("plan", [ReportLine(search.text, attribution, search.stamp, "Plan")]),
    ]
    return [section for section in sections if section.lines]


def search_json(search: Search) -> dict[str, Any]:
    """Return the facts and the result of ``search`` as a JSON object."""
    return {
        "run": search.name,
        "type": "search",
        "hypothesis": bound_json(search.hypothesis),
        "command": search.command,
        "seed": search.halving.seed,
        "total": search.total,
        "done": search.done_count,
        "arms": [
            {"arm": arm, "otherwise": counts.failed_otherwise, **counts.counts._asdict()}
            for arm, counts in zip(search.arms, search.counts(), strict=True)
        ],
        "kinds": [
            {"kind": found.kind.letter, "id": found.kind.id, "what": found.kind.description} for found in search.kinds
        ],
        "found": search.found or None,
        "confirmation": (search.result.confirmation or None) if search.result is not None else None,
        "result": search.result.text if search.result is not None else None,
    }


def _format_counts(arm: ArmCounts) -> str:
    counts = arm.counts
    otherwise = f", {arm.failed_otherwise} of them in another way" if arm.failed_otherwise else ""
    timed_out = f", {counts.timed_out} timed out" if counts.timed_out else ""
    inconclusive = f", {counts.inconclusive} inconclusive" if counts.inconclusive else ""
    return f"{counts.failed}/{counts.conclusive}{otherwise}{timed_out}{inconclusive}"
