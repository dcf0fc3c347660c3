"""The hand-off as one JSON object, with the keys of ``3am handoff --json``."""

from __future__ import annotations

from typing import Any

from threeam.core.format.entry import Author, Stamp, escape_unprintable
from threeam.core.format.remote_hypothesis import bound_json
from threeam.experiments.bisect.bisect_log import Bisection
from threeam.experiments.experiment import Experiment, Verdict
from threeam.experiments.fixes.fix_confidence_report import fix_confidence_json
from threeam.experiments.provoke.search import Search
from threeam.experiments.run_list import unfinished_searches
from threeam.hypotheses.amendments import current_text
from threeam.hypotheses.handoff_notes import HandoffNote
from threeam.hypotheses.thread import thread_json
from threeam.reports.handoff import Handoff, hours_awake
from threeam.reports.handoff_hosts import team_handoff_json


def handoff_json(handoff: Handoff) -> dict[str, Any]:
    """Return the hand-off as a JSON object."""
    state, now = handoff.state, handoff.now

    def note_json(note: HandoffNote | None) -> dict[str, Any] | None:
        if note is None:
            return None
        text = "\n".join(map(escape_unprintable, [current_text(state, note.stamp, note.lines[0]), *note.lines[1:]]))
        return {"text": text, **_attribution_json(note.author, note.stamp)}

    holder = handoff.holder
    return {
        "at": str(now),
        "hypotheses": [thread_json(state, hypothesis, handoff.quotations) for hypothesis in handoff.hypotheses],
        "to_undo": [
            {
                "text": escape_unprintable(change.text),
                "undo": escape_unprintable(change.undo) or None,
                **_attribution_json(change.author, change.stamp),
            }
            for change in handoff.open_changes
        ],
        "running": [_experiment_json(experiment) for experiment in handoff.experiments if experiment.remaining],
        "searching": [_search_json(search) for search in unfinished_searches(handoff.state)],
        "verdicts": [
            _verdict_json(experiment, experiment.verdict)
            for experiment in handoff.experiments
            if experiment.verdict is not None
        ],
        "fixed": [
            {
                "hypothesis": bound_json(answer.hypothesis.bound),
                "change": str(answer.change.stamp),
                **fix_confidence_json(answer.confidence),
            }
            for answer in handoff.fix_answers
        ],
        "terminated": [
            {"pid": backend.pid, "text": escape_unprintable(backend.text)}
            | _attribution_json(backend.author, backend.stamp)
            for backend in handoff.terminations
        ],
        "stable": [
            {"commit": stable.commit, "tree": escape_unprintable(stable.tree), "text": escape_unprintable(stable.text)}
            | _attribution_json(stable.author, stable.stamp)
            for stable in handoff.stable_commits
        ],
        "clocks": [
            {
                "source": escape_unprintable(clock.source),
                "shift_ns": str(clock.correction.shift_ns),
                "bound_ns": None if clock.correction.bound_ns is None else str(clock.correction.bound_ns),
                "text": escape_unprintable(clock.text),
                **_attribution_json(clock.author, clock.stamp),
            }
            for clock in handoff.clocks
        ],
        "next": note_json(handoff.next_step),
        "topology": note_json(handoff.topology),
        "shared": note_json(handoff.shared_state),
        "holder": None if holder is None else _attribution_json(holder.author, holder.stamp),
        "stamps_without_words": [_attribution_json(stamp.author, stamp.stamp) for stamp in handoff.pending_stamps],
        "people": [
            {
                "user": escape_unprintable(person.user),
                "cups": person.cups,
                "mg": round(person.mg, 1),
                "hours_awake": hours_awake(person, now),
            }
            for person in handoff.people
        ],
        **(team_handoff_json(handoff.team) if handoff.team is not None else {}),
    }


def _experiment_json(experiment: Experiment) -> dict[str, Any]:
    return {
        "run": experiment.name,
        "hypothesis": bound_json(experiment.hypothesis),
        "command": escape_unprintable(experiment.command),
        "done": experiment.done_count,
        "total": experiment.total,
        "at": str(experiment.stamp),
        "last": str(experiment.record.last_stamp),
        "interrupted": experiment.interrupted_run is not None,
    }


def _search_json(search: Search | Bisection) -> dict[str, Any]:
    if isinstance(search, Bisection):
        sort, done, total = "bisection", search.done, search.budget
    else:
        sort, done, total = "search", search.done_count, search.total
    return {
        "run": search.name,
        "type": sort,
        "hypothesis": bound_json(search.hypothesis),
        "command": escape_unprintable(search.command),
        "done": done,
        "total": total,
        "at": str(search.stamp),
    }


def _verdict_json(experiment: Experiment, verdict: Verdict) -> dict[str, Any]:
    return {
        "run": experiment.name,
        "hypothesis": bound_json(experiment.hypothesis),
        "command": escape_unprintable(experiment.command),
        "verdict": escape_unprintable(verdict.text),
        "at": str(verdict.stamp),
    }


def _attribution_json(author: Author | None, stamp: Stamp) -> dict[str, Any]:
    return {"by": escape_unprintable(str(author)) if author is not None else None, "at": str(stamp)}
