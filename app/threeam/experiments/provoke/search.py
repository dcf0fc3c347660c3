"""The projection of searches: the plan of each, the outcomes of its runs, and what it has found. Pure.

A search has a number of its own among those of the experiments. Its runs are lines as those of an experiment. A
rotation carries it over in its plan line, with one character for each run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from string import ascii_lowercase
from typing import NamedTuple

from threeam.core.format.entry import Author, Entry, Stamp, by_tag
from threeam.core.format.remote_hypothesis import Bound, bound_to, repeated_bound_tags
from threeam.core.state.fold import Projection, State
from threeam.experiments.experiment import MAX_RUNS, NOT_RUN, KindInExperiment, Run
from threeam.experiments.failure_rule import INCONCLUSIVE, OUTCOMES, PASSED, TIMED_OUT
from threeam.experiments.fingerprint import IDENTITY_TAG
from threeam.experiments.provoke.budget import Budget, parse_budget
from threeam.experiments.provoke.halving import (
    FAILED_CODES,
    INCONCLUSIVE_CODE,
    PASSED_CODE,
    TIMED_OUT_CODE,
    ArmCounts,
    Halving,
    Progress,
    count_outcomes,
    failure_rate,
    follow,
)
from threeam.experiments.runs.run_numbers import SEARCH, parse_run_number, require_run_number
from threeam.experiments.runs.run_tags import (
    MalformedTag,
    format_run,
    index_tag,
    kind_from_entry,
    kind_line,
    parse_index,
    require_count,
    run_from_entry,
    run_tags,
)

_MARK = "search"  # the first word in the tag of the plan of a search; an experiment has another one
NOTHING = "none"  # the value of the tag of a search that found no arm
MAX_SEARCH_ARMS = 64
_MAX_KEPT_PASSES = 5
_CODES = {
    PASSED: PASSED_CODE,
    TIMED_OUT: TIMED_OUT_CODE,
    INCONCLUSIVE: INCONCLUSIVE_CODE,
}


class SearchResult(NamedTuple):
    """The result of a search; ``text``: that of its line.

    ``found``: the arm that was found, and ``confirmation``: the name of the experiment with the fresh runs; empty if
    none was found. ``file``: the attachment with the stacks of the delayed calls; empty if it has none.
    """

    stamp: Stamp
    text: str
    found: str = ""
    confirmation: str = ""
    file: str = ""


class Search(NamedTuple):
    """A search for the arm that fails most often. The first of its ``arms`` is bare.

    ``outcomes``: a code for each run made, or `NOT_RUN`. ``spent_ns``: the time that the runs took. ``kinds``: the
    kinds of failure, in the order of their letters. ``detailed_runs``: the first run of each kind, and some that
    passed, whose output is saved. ``result``: None if the search is not done. ``left_out``: the names of the arms for
    which the budget was too small.
    """

    number: int
    stamp: Stamp
    author: Author | None
    hypothesis: Bound | None
    arms: tuple[str, ...]
    halving: Halving
    budget: Budget
    fingerprint: str
    text: str
    file: str
    identity: str
    outcomes: str
    spent_ns: int
    kinds: tuple[KindInExperiment, ...] = ()
    detailed_runs: tuple[Run, ...] = ()
    result: SearchResult | None = None
    left_out: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return ``R12``."""
        return f"R{self.number}"

    @property
    def sought(self) -> str:
        """Return the letters of the kinds of failure of its hypothesis that bare runs had before."""
        return self.halving.sought.lower()

    @property
    def found(self) -> str:
        """Return the arm that was found; empty if none was, or if the search is not done."""
        return "" if self.result is None else self.result.found

    @property
    def total(self) -> int:
        """Return the number of planned runs. A search may end before: after a round, or when its time is over."""
        return len(self.outcomes)

    @property
    def done_count(self) -> int:
        """Return the number of runs that were made."""
        return self.total - self.outcomes.count(NOT_RUN)

    @property
    def command(self) -> str:
        """Return the command, as its line has it."""
        return self.text.partition("; searches ")[0]

    def progress(self) -> Progress:
        """Return the state of the search. If its time is over, no run is left to make."""
        progress = follow(self.halving, self.outcomes.rstrip(NOT_RUN))
        return progress._replace(is_over=progress.is_over or self.budget.is_spent(self.spent_ns))

    def counts(self) -> list[ArmCounts]:
        """Return the counts of each arm, in the order of the arms."""
        return count_outcomes(self.halving, self.progress().arms, self.outcomes)

    def bare_kind_ids(self) -> set[str]:
        """Return the hashes of the kinds of failure that its bare runs have had."""
        pairs = zip(self.progress().arms, self.outcomes, strict=False)
        letters = {code.lower() for arm, code in pairs if arm == 0 and code in FAILED_CODES}
        return {found.kind.id for found in self.kinds if found.kind.letter in letters}

    def ranking(self) -> list[tuple[str, ArmCounts]]:
        """Return each arm but the first, and its counts: those of the last round first, the best of them first."""
        counts, last_round = self.counts(), self.progress().survivors

        def rank(arm: int) -> tuple[bool, int, float, int]:
            is_out = arm not in last_round
            return is_out, -counts[arm].counts.total if is_out else 0, -failure_rate(counts[arm].comparable), arm

        return [(self.arms[arm], counts[arm]) for arm in sorted(range(1, len(self.arms)), key=rank)]


def search_tag(
    arms: Sequence[str], halving: Halving, budget: Budget, fingerprint: str, left_out: Sequence[str] = ()
) -> tuple[str, str]:
    """Return the tag of the plan of a search."""
    rounds = ",".join(map(str, halving.rounds))
    limits = budget.tag_words() + (f" kinds={halving.sought.lower()}" if halving.sought else "")
    names = f"arms={','.join(arms)}" + (f" left={','.join(left_out)}" if left_out else "")
    return "PLAN", f"{_MARK} rounds={rounds} seed={halving.seed} {limits} same={fingerprint} {names}"


def result_tag(found: str, confirmation: str) -> tuple[str, str]:
    """Return the tag of the result of a search. ``found``, ``confirmation``: see `SearchResult`."""
    return "VERDICT", f"{found} {confirmation}".rstrip() if found else NOTHING


def searches_by_number(state: State) -> Mapping[int, Search]:
    """Return all searches by their numbers."""
    return PROJECTION.of(state)


def find_search(state: State, name: str) -> Search | None:
    """Return the search that is called ``R12``, ``r12`` or ``12``; None if no search has that name."""
    number = parse_run_number(name)
    return None if number is None else searches_by_number(state).get(number)


def require_search(state: State, name: str) -> Search:
    """Return the search that is called ``R12``. Raise `PreconditionFailed` if no search has that name."""
    return searches_by_number(state)[require_run_number(state, SEARCH, name)]


def _fold(current: Mapping[int, Search], entries: Sequence[Entry]) -> Mapping[int, Search]:
    updated: dict[int, Search] = {}
    for entry in entries:
        index = parse_index(entry)
        if index is None:
            continue
        known = updated.get(index.experiment) or current.get(index.experiment)
        is_plan = entry.kind == "Plan" and (entry.tag("PLAN") or "").startswith(f"{_MARK} ")
        if is_plan and (known is None or entry.carried_from is not None):
            if (planned := _planned_search(index.experiment, index.total, entry)) is not None:
                updated[index.experiment] = planned
        elif known is None:
            continue
        elif entry.kind == "Kind" and (kind := kind_from_entry(entry)) is not None:
            updated[index.experiment] = _with_kind(known, KindInExperiment(kind, index.run, entry.effective_stamp))
        elif entry.kind == "Run" and (run := run_from_entry(index.run, entry)) is not None:
            updated[index.experiment] = _with_run(known, run)
        elif entry.kind == "Verdict":
            updated[index.experiment] = _with_result(known, entry)
    return {**current, **updated} if updated else current


def _with_kind(search: Search, found: KindInExperiment) -> Search:
    if any(known.kind.letter == found.kind.letter for known in search.kinds):
        return search
    return search._replace(kinds=tuple(sorted((*search.kinds, found), key=lambda known: known.kind.letter)))


def _with_result(search: Search, entry: Entry) -> Search:
    found, _, confirmation = (entry.tag("VERDICT") or "").partition(" ")
    arm = "" if found == NOTHING else found
    result = SearchResult(entry.effective_stamp, entry.body, arm, confirmation, entry.tag("FILE") or "")
    return search._replace(result=result)


def _with_kept_run(search: Search, run: Run) -> Search:
    """Return ``search`` with ``run`` kept, if later runs are compared with its output."""
    is_first = run.kind != "" and all(kept.kind != run.kind for kept in search.detailed_runs)
    passes = sum(kept.outcome == PASSED for kept in search.detailed_runs)
    is_kept = is_first or (run.outcome == PASSED and run.file != "" and passes < _MAX_KEPT_PASSES)
    is_known = any(kept.number == run.number for kept in search.detailed_runs)
    return search._replace(detailed_runs=(*search.detailed_runs, run)) if is_kept and not is_known else search


def _with_run(search: Search, run: Run) -> Search:
    search = _with_kept_run(search, run) if run.outcome in OUTCOMES else search
    if not 1 <= run.number <= search.total or search.outcomes[run.number - 1] != NOT_RUN:
        return search
    if run.outcome not in OUTCOMES:  # it was interrupted, and will be made again
        return search
    code = _CODES.get(run.outcome) or (run.kind.upper() or FAILED_CODES[0])
    outcomes = search.outcomes[: run.number - 1] + code + search.outcomes[run.number :]
    return search._replace(outcomes=outcomes, spent_ns=search.spent_ns + run.duration_ns)


def _planned_search(number: int, total: int, entry: Entry) -> Search | None:
    """Return the search of a plan line; None if its tags are malformed."""
    facts = dict(word.partition("=")[::2] for word in (entry.tag("PLAN") or "").split(" "))
    arms = tuple(facts.get("arms", "").split(","))
    try:
        rounds = tuple(require_count(word) for word in facts.get("rounds", "").split(","))
        sought = "".join(letter for letter in facts.get("kinds", "") if letter in ascii_lowercase)
        halving = Halving(len(arms) - 1, rounds, require_count(facts.get("seed")), sought.upper())
        budget, spent_ns = parse_budget(facts), require_count(entry.tag("SPENT") or "0")
        planned_total = halving.total
    except (MalformedTag, ValueError):  # ValueError: another number of rounds than the arms need
        return None
    outcomes = entry.tag("RUNS") or NOT_RUN * total
    has_names = all(arms) and len(set(arms)) == len(arms) and 2 <= len(arms) <= MAX_SEARCH_ARMS
    has_runs = min(rounds) > 0 and planned_total == total <= MAX_RUNS and len(outcomes) == total
    if not (has_names and has_runs and set(outcomes) <= {NOT_RUN, *_CODES.values(), *FAILED_CODES}):
        return None
    return Search(
        number=number,
        stamp=entry.effective_stamp,
        author=entry.author,
        hypothesis=bound_to(entry),
        arms=arms,
        halving=halving,
        budget=budget,
        fingerprint=facts.get("same", ""),
        text=entry.body,
        file=entry.tag("FILE") or "",
        identity=entry.tag(IDENTITY_TAG) or "",
        outcomes=outcomes,
        spent_ns=spent_ns,
        left_out=tuple(filter(None, facts.get("left", "").split(","))),
    )


def _checkpoint(current: Mapping[int, Search]) -> Iterator[Entry]:
    """Yield the entries that carry the searches over a rotation."""
    for search in current.values():
        bound = repeated_bound_tags(search.hypothesis, "run")
        leading = (*by_tag(search.author), index_tag(search.number, 0, search.total), *bound)
        tags = (
            *leading,
            search_tag(search.arms, search.halving, search.budget, search.fingerprint, search.left_out),
            *(((IDENTITY_TAG, search.identity),) if search.identity else ()),
            ("FILE", search.file),
            ("RUNS", search.outcomes),
            ("SPENT", str(search.spent_ns)),
        )
        yield Entry(search.stamp, 0, tags, f"Plan: {search.text}")
        author = by_tag(search.author)
        for found in search.kinds:
            tag, text = kind_line(found.kind)
            yield Entry(found.stamp, 0, (*author, index_tag(search.number, found.first_run, search.total), tag), text)
        for run in search.detailed_runs:
            index = index_tag(search.number, run.number, search.total)
            yield Entry(run.stamp, 0, (*author, index, *run_tags(run)), format_run(run))
        if (result := search.result) is not None:
            tags = (*leading, result_tag(result.found, result.confirmation))
            tags += (("FILE", result.file),) if result.file else ()
            yield Entry(result.stamp, 0, tags, f"Verdict: {result.text}")


PROJECTION: Projection[Mapping[int, Search]] = Projection(SEARCH.projection, (r"R\d+",), {}, _fold, _checkpoint)
