"""Drafts of the lines about runs: a plan, its runs, a command that was run once, a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from threeam.core.format.entry import Stamp
from threeam.core.format.remote_hypothesis import Bound
from threeam.core.state.fold import State
from threeam.core.write.draft import Draft, DraftLine, WriteContext, hypothesis_tags
from threeam.experiments.arms.arm import Arm
from threeam.experiments.build import Build
from threeam.experiments.experiment import Experiment, FailureKind, Run
from threeam.experiments.fingerprint import ExperimentIdentity, wrapper_fingerprint
from threeam.experiments.runs.repeats import earlier_repeats
from threeam.experiments.runs.run_log import experiments
from threeam.experiments.runs.run_numbers import next_run_number
from threeam.experiments.runs.run_tags import PlanTag, format_run, index_tag, kind_line, run_tags

SOURCE = "run"  # the program that writes these lines: no person types them, so they do not extend a night
_NO_KINDS: Mapping[int, FailureKind] = MappingProxyType({})


class PlanFacts(NamedTuple):
    """The tags of a plan line: ``n`` runs in each arm, in the order of ``seed``. ``file``: the plan file's name.

    ``build``: None in a plan that is not run, as that of the demonstration.
    """

    n: int
    seed: int
    arms: Sequence[Arm]
    identity: ExperimentIdentity
    file: str
    build: Build | None = None
    stop: str = ""


def plan_draft(text: str, facts: PlanFacts, hypothesis: Bound | None) -> Draft:
    """Return the draft of a plan line. Its number, and how many there are with this plan, are read under the lock."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        number, arms = next_run_number(state), tuple(arm.name for arm in facts.arms)
        wrappers = tuple(map(wrapper_fingerprint, facts.arms))
        fingerprint = facts.identity.fingerprint
        nth = 1 + len(earlier_repeats(experiments(state), number, fingerprint, arms, wrappers))
        tags = (
            index_tag(number, 0, facts.n * len(arms)),
            *hypothesis_tags(state, hypothesis),
            PlanTag(facts.n, facts.seed, arms, fingerprint, wrappers, nth, facts.stop).to_tag(),
            facts.identity.to_tag(),
            *_build_tags(facts.build),
            ("FILE", facts.file),
        )
        return [DraftLine(f"Plan: {text}", tags)]

    return Draft(lines, source=SOURCE)


def runs_draft(number: int, total: int, runs: Sequence[Run], new_kinds: Mapping[int, FailureKind] = _NO_KINDS) -> Draft:
    """Return the draft of a line for each of ``runs``, which belong to the experiment ``number``.

    ``new_kinds``: the kinds of failure that the experiment has not seen before, by the number of their first run.
    """
    draft_lines = []
    for run in runs:
        index = index_tag(number, run.number, total)
        draft_lines.append(DraftLine(format_run(run), (index, *run_tags(run))))
        if (kind := new_kinds.get(run.number)) is not None:
            tag, text = kind_line(kind)
            draft_lines.append(DraftLine(text, (index, tag)))
    return Draft(lambda state, context, stamp: draft_lines, needs_full_state=False, source=SOURCE)


def single_run_draft(
    command: str, run: Run, identity: ExperimentIdentity, hypothesis: Bound | None, build: Build | None = None
) -> Draft:
    """Return the draft of the line about a command that was run once. Its number is assigned under the lock."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        tags = (
            index_tag(next_run_number(state), 1, 1),
            *hypothesis_tags(state, hypothesis),
            *run_tags(run, identity.fingerprint),
            identity.to_tag(),
            *_build_tags(build),
        )
        return [DraftLine(f"{format_run(run)}: {command}", tags)]

    return Draft(lines, source=SOURCE)


def verdict_draft_line(
    experiment: Experiment, state: State, text: str, results: Sequence[tuple[str, str]]
) -> DraftLine:
    """Return the line of a verdict on ``experiment``, with the tags ``results``."""
    tags = (
        index_tag(experiment.number, experiment.done_count, experiment.total),
        *hypothesis_tags(state, experiment.hypothesis),
        *results,
    )
    return DraftLine(f"Verdict: {text}", tags)


def _build_tags(build: Build | None) -> tuple[tuple[str, str], ...]:
    tag = ("", "") if build is None else build.to_tag()
    return (tag,) if tag[1] else ()
