"""The life of a search: its plan, its rounds, a resume, the fresh runs that confirm its choice, and its result."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from threeam.core.errors import FileUnusable, PreconditionFailed
from threeam.core.format.remote_hypothesis import Bound
from threeam.core.format.times import format_duration
from threeam.core.redact.redact import redact
from threeam.core.store.attachment_kinds import PLAN, RUN_OUTPUT
from threeam.core.store.attachments import write_attachment
from threeam.core.write.draft import Draft
from threeam.core.write.writer import Writer
from threeam.experiments.arms.arm import Arm
from threeam.experiments.experiment import NOT_RUN, Experiment, Run
from threeam.experiments.failure_rule import FailureRule
from threeam.experiments.lifecycle import (
    JournalAccess,
    Listener,
    PlanFormat,
    begun_plan,
    explained_ending,
    lock_plan,
    read_plan,
    submit_interruptible,
)
from threeam.experiments.plan import ExperimentPlan, loggable_command
from threeam.experiments.provoke.budget import Budget
from threeam.experiments.provoke.confirmation import (
    confirmation_of,
    confirmed_arm,
    confirming_arms,
    confirming_runs,
    confirming_seed,
    has_candidate,
    kinds_before,
)
from threeam.experiments.provoke.delayed_call import DelayedCalls, find_delayed_calls
from threeam.experiments.provoke.halving import Halving, Progress, plan_rounds
from threeam.experiments.provoke.search import Search, require_search, result_tag
from threeam.experiments.provoke.search_arms import find_search_arms
from threeam.experiments.provoke.search_drafts import SearchFacts, result_draft, search_draft
from threeam.experiments.provoke.search_plan import (
    Reproducer,
    SearchPlan,
    search_plan_from_record,
    search_plan_record,
)
from threeam.experiments.provoke.search_result import result_text
from threeam.experiments.runnable import check_runnable
from threeam.experiments.runs.plan_runs import RunContext, run_plan
from threeam.experiments.runs.run_drafts import runs_draft
from threeam.experiments.runs.run_log import experiments, experiments_by_number
from threeam.experiments.runs.run_outputs import outputs_of_experiment
from threeam.experiments.runs.single_run import lost_run
from threeam.process.process_tree import adopt_orphans

SEARCH_PLANS = PlanFormat(PLAN, "plan", search_plan_record, search_plan_from_record, "3am provoke", "3am run --resume")


class SearchListener(Listener, Protocol):
    """The caller's side of a search."""

    def on_round(self, search: Search, progress: Progress) -> None:
        """Show that a round of ``search`` begins, or continues."""

    def on_run(self, run: Run) -> None:
        """Show that a run was made."""

    def on_confirmed(self, search: Search, arm: str) -> None:
        """Show that the place of the call that ``arm`` delays is looked for."""

    def on_result(self, raw: bytes, *, found: bool) -> None:
        """Show the lines of the result. After this, a signal does not change the exit code."""


class Experimenter(Protocol):
    """The caller's way to run an experiment: a new one, or the rest of one.

    If it is ended too early, the search tells the user how to resume: that continues the experiment too.
    """

    def start(self, plan: ExperimentPlan, hypothesis: Bound | None) -> None:
        """Make the runs of ``plan``, and write the verdict."""

    def resume(self, name: str) -> None:
        """Make the remaining runs of the experiment ``name``, and write the verdict."""


class _RoundPlan(NamedTuple):
    """The runs of a search up to the end of a round. ``total``: of the whole search."""

    command: Sequence[str]
    arms: Sequence[Arm]
    seed: int
    rule: FailureRule
    timeout_ns: int | None
    total: int
    turns: Sequence[Arm]

    def run_arms(self) -> Sequence[Arm]:
        return self.turns


class _TimeIsOver(Exception):
    """The search has taken the time that it may take."""


class SearchRunner:
    """A runner of searches: `start` a new one, or `resume` one that was ended before its result was written.

    Both return whether an arm was found, and raise `RunInterrupted` if a signal ends a run, of the confirmation too;
    the listener has then told the user how to resume.
    """

    def __init__(self, access: JournalAccess, listener: SearchListener, experimenter: Experimenter) -> None:
        self._access = access
        self._listener = listener
        self._experimenter = experimenter

    def start(self, reproducer: Reproducer, seed: int, budget: Budget, hypothesis: Bound | None) -> bool:
        """Find the arms for ``reproducer``, save and log the search, and make it.

        Raise `BadInput` if the command cannot be run or traced, or if the budget is too small.
        """
        check_runnable(reproducer.command)
        adopt_orphans()
        found = find_search_arms(reproducer)
        runs = budget.search_runs(found.run_ns)
        found = found.fitting(runs)
        plan = SearchPlan(reproducer, found.arms, seed)
        sought = kinds_before(experiments(self._access.load_state()), hypothesis)
        halving = Halving(len(plan.arms) - 1, plan_rounds(len(plan.arms) - 1, runs), plan.seed, sought.upper())
        identity = reproducer.identity

        def draft_of(file_name: str) -> Draft:
            facts = SearchFacts([arm.name for arm in plan.arms], halving, budget, identity, file_name, found.left_out)
            return search_draft(_plan_text(plan, halving, budget, found.untried), facts, hypothesis)

        with begun_plan(self._access, self._listener, SEARCH_PLANS, plan, draft_of) as (name, writer):
            return self._finish(name, plan, writer)

    def resume(self, name: str) -> bool:
        """Do what is left of the search ``name``, in the folder of its plan.

        Raise `PreconditionFailed` if it is done or another process runs it, and `FileUnusable` if its plan was changed.
        """
        search = self._require_unfinished(name)
        stored = read_plan(self._access.journal, SEARCH_PLANS, search.file)
        plan = stored.signed()
        os.chdir(plan.reproducer.cwd)
        check_runnable(plan.command)
        fingerprint = plan.reproducer.identity.fingerprint
        if fingerprint != search.fingerprint or tuple(arm.name for arm in plan.arms) != search.arms:
            raise FileUnusable(f"{stored.path} is not the plan of {search.name}: it has other arms, or another command")
        adopt_orphans()
        with lock_plan(stored.path, search.name):
            self._require_unfinished(name)  # another process may have continued it since the first look
            return self._finish(search.name, plan, self._access.new_writer())

    def _require_unfinished(self, name: str) -> Search:
        search = require_search(self._access.load_state(), name)
        if search.result is not None:
            raise PreconditionFailed(f"{search.name} is done: {search.result.text}")
        return search

    def _finish(self, name: str, plan: SearchPlan, writer: Writer) -> bool:
        """Make the rounds that are left, confirm the choice, write the result, and return whether an arm was found."""
        with explained_ending(name, SEARCH_PLANS.resume, self._listener):
            while not (search := require_search(self._access.load_state(), name)).progress().is_over:
                self._run_round(search, plan, writer)
            confirmation = self._confirm(search, plan) if has_candidate(search) else None
            found = confirmed_arm(search, confirmation) if confirmation is not None else ""
            calls = self._find_calls(search, next((arm for arm in plan.arms if arm.name == found), None), plan)
            file = self._save_stacks(search, calls) if calls is not None else ""
            text = result_text(search, confirmation, None if calls is None else calls.place)
            tag = result_tag(found, confirmation.name if found and confirmation is not None else "")
            block = writer.write(result_draft(search, tag, text, file))
        self._listener.on_result(block.raw, found=bool(found))
        return bool(found)

    def _run_round(self, search: Search, plan: SearchPlan, writer: Writer) -> None:
        """Make the runs of the current round that are left, or as many as the time of the search allows."""
        progress, spent_ns = search.progress(), search.spent_ns
        turns = [plan.arms[i] for i in progress.arms]
        remaining = [i for i in range(1, len(turns) + 1) if search.outcomes[i - 1] == NOT_RUN]
        command, rule, timeout_ns, _ = plan.reproducer
        round_plan = _RoundPlan(command, plan.arms, plan.seed, rule, timeout_ns, search.total, turns)

        def submit(draft: Draft) -> None:
            submit_interruptible(writer, draft)  # `run_plan` defers interrupts itself

        def on_run(run: Run) -> None:
            nonlocal spent_ns
            self._listener.on_run(run)
            spent_ns += run.duration_ns
            if search.budget.is_spent(spent_ns):
                raise _TimeIsOver

        def on_lost() -> None:
            self._log_lost_run(search.name, plan)

        known = experiments_by_number(self._access.load_state())
        outputs = outputs_of_experiment(self._access.journal, search, known)
        context = RunContext(outputs, submit, on_run, on_lost, self._access.clock)
        self._listener.on_round(search, progress)
        try:
            run_plan(search.number, round_plan, remaining, context)
        except _TimeIsOver:
            pass
        finally:
            self._listener.on_end()
        if unsaved := outputs.describe_unsaved():
            self._listener.on_warning(unsaved)

    def _log_lost_run(self, name: str, plan: SearchPlan) -> None:
        """Log that the first run without a result is lost, so that the log tells that the search was ended."""
        search = require_search(self._access.load_state(), name)
        number = search.outcomes.find(NOT_RUN) + 1
        arms = search.progress().arms
        if 1 <= number <= len(arms):
            arm = plan.arms[arms[number - 1]].name
            run = lost_run(number, arm, self._access.clock().ns)
            self._access.new_writer().write(runs_draft(search.number, search.total, [run]))

    def _confirm(self, search: Search, plan: SearchPlan) -> Experiment:
        """Return the experiment that compares the chosen arm with bare in fresh runs. Make its runs first."""
        known = confirmation_of(search, experiments(self._access.load_state()))
        if known is None:
            fresh = plan.experiment(confirming_arms(search), confirming_runs(search), confirming_seed(search))
            self._experimenter.start(fresh, search.hypothesis)
        elif known.remaining or known.verdict is None:
            self._experimenter.resume(known.name)
        made = confirmation_of(search, experiments(self._access.load_state()))
        assert made is not None
        return made

    def _find_calls(self, search: Search, arm: Arm | None, plan: SearchPlan) -> DelayedCalls | None:
        if arm is None or not arm.delays_calls:
            return None
        self._listener.on_confirmed(search, arm.name)
        return find_delayed_calls(plan.reproducer, arm)

    def _save_stacks(self, search: Search, calls: DelayedCalls) -> str:
        """Save the stacks as an attachment, and return its name."""
        name = f"{search.name}-0-{self._access.clock().ns}.out"
        return os.path.basename(write_attachment(self._access.journal, RUN_OUTPUT, name, calls.stacks))


def _plan_text(plan: SearchPlan, halving: Halving, budget: Budget, untried: Sequence[str]) -> str:
    """Return the text of the plan line, without secrets."""
    names = [arm.name for arm in plan.arms[1:] if not arm.delays_calls]
    calls = [arm.name.removeprefix("delay:") for arm in plan.arms if arm.delays_calls]
    names += [f"delays of {', '.join(calls)}"] if calls else []
    rule, timeout_ns = plan.reproducer.rule, plan.reproducer.timeout_ns
    limit = "" if timeout_ns is None else f", each for {format_duration(timeout_ns)} at most"
    parts = [
        f"searches {halving.candidate_count} arms for the one that fails most often: {', '.join(names)}",
        f"at most {halving.total} runs{limit}, then fresh ones, with {budget}",
        f"seed {plan.seed}",
        f"fails if {rule}",
        *untried,
    ]
    return f"{loggable_command(plan.command)}; {redact('; '.join(parts))}"
