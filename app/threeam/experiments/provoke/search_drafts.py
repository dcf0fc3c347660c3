"""Drafts of the lines about searches: the plan, and the result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.format.remote_hypothesis import Bound
from threeam.core.state.fold import State
from threeam.core.write.draft import Draft, DraftLine, WriteContext, hypothesis_tags
from threeam.experiments.fingerprint import ExperimentIdentity
from threeam.experiments.provoke.budget import Budget
from threeam.experiments.provoke.halving import Halving
from threeam.experiments.provoke.search import Search, require_search, search_tag
from threeam.experiments.runs.run_drafts import SOURCE
from threeam.experiments.runs.run_numbers import next_run_number
from threeam.experiments.runs.run_tags import index_tag


class SearchFacts(NamedTuple):
    """The tags of the plan line of a search. ``file``: the plan file's name. ``left_out``: see `Search`."""

    arms: Sequence[str]
    halving: Halving
    budget: Budget
    identity: ExperimentIdentity
    file: str
    left_out: Sequence[str] = ()


def search_draft(text: str, facts: SearchFacts, hypothesis: Bound | None) -> Draft:
    """Return the draft of the plan line of a search. Its number is assigned under the lock."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        tags = (
            index_tag(next_run_number(state), 0, facts.halving.total),
            *hypothesis_tags(state, hypothesis),
            search_tag(facts.arms, facts.halving, facts.budget, facts.identity.fingerprint, facts.left_out),
            facts.identity.to_tag(),
            ("FILE", facts.file),
        )
        return [DraftLine(f"Plan: {text}", tags)]

    return Draft(lines, source=SOURCE)


def result_draft(search: Search, tag: tuple[str, str], text: str, file: str) -> Draft:
    """Return the draft of the result of ``search``. It is refused if the search has a result.

    ``tag``: of `result_tag`. ``file``: the attachment with the stacks, or "".
    """

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        current = require_search(state, search.name)
        if current.result is not None:
            raise PreconditionFailed(f"{current.name} has its result: {current.result.text}")
        tags = (
            index_tag(current.number, current.done_count, current.total),
            *hypothesis_tags(state, current.hypothesis),
            tag,
            *((("FILE", file),) if file else ()),
        )
        return [DraftLine(f"Verdict: {text}", tags)]

    return Draft(lines, source=SOURCE)
