"""The life of an experiment: its plan file, the claim of the plan, its runs, a resume, and its verdict."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import islice
from typing import Protocol

from threeam.core.errors import BadInput, FileUnusable, JournalError, PreconditionFailed, Unsure
from threeam.core.format.remote_hypothesis import Bound
from threeam.core.state.fold import State
from threeam.core.store.attachment_kinds import PLAN
from threeam.core.write.draft import Draft
from threeam.core.write.locked_log import Block
from threeam.core.write.write_stats import WriteStatsPublisher
from threeam.core.write.writer import Writer
from threeam.experiments.arms.arm_setup import check_arms
from threeam.experiments.build import Surroundings, build_differences, parse_build, plan_build
from threeam.experiments.experiment import MAX_RUNS, Experiment, Run
from threeam.experiments.fingerprint import legacy_fingerprint, parse_identity, wrapper_fingerprint
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
from threeam.experiments.plan import ExperimentPlan, plan_from_record, plan_record
from threeam.experiments.runnable import check_runnable
from threeam.experiments.runs.plan_runs import RunContext, run_plan
from threeam.experiments.runs.run_drafts import PlanFacts, plan_draft, runs_draft
from threeam.experiments.runs.run_log import experiments_by_number, require_experiment
from threeam.experiments.runs.run_outputs import outputs_of_experiment
from threeam.experiments.runs.single_run import lost_run
from threeam.experiments.verdicts.stopping import EVIDENCE, needed_runs, rule_of
from threeam.experiments.verdicts.verdict import verdict_draft

EXPERIMENT_PLANS = PlanFormat(PLAN, "plan", plan_record, plan_from_record, "3am run -n", "3am run --resume")


class ExperimentListener(Listener, Protocol):
    """The caller's side of an experiment."""

    def on_verdict(self, raw: bytes, experiment: Experiment) -> None:
        """Show the lines of the verdict on ``experiment``. After this, a signal does not change the exit code."""

    def on_begin(self, number: int, plan: ExperimentPlan, remaining: int) -> None:
        """Show that ``remaining`` runs of the experiment ``number`` are going to be made."""

    def on_run(self, run: Run) -> None:
        """Show that a run was made."""


class ExperimentRunner:
    """A runner of experiments: `start` a new one, `resume` one that was ended before its plan was done, `repeat` one.

    They return the experiment as it was just before its verdict. They raise `RunInterrupted` if a signal ends a run;
    the listener has then told the user how to resume.
    """

    def __init__(self, access: JournalAccess, listener: ExperimentListener) -> None:
        self._access = access
        self._listener = listener

    def start(
        self, plan: ExperimentPlan, hypothesis: Bound | None, observe: Callable[[str], Surroundings]
    ) -> Experiment:
        """Save and log ``plan``, make its runs, and write the verdict.

        ``observe``: returns the surroundings of a run in a folder, for the plan line. Raise `BadInput` if the command
        or an arm cannot be run.
        """
        check_runnable(plan.command)
        check_arms(plan.arms)
        identity = plan.identity
        surroundings = observe(plan.cwd)
        build = plan_build(plan.command, plan.arms, plan.cwd, surroundings)

        def draft_of(file_name: str) -> Draft:
            facts = PlanFacts(plan.n, plan.seed, plan.arms, identity, file_name, build, plan.stop)
            return plan_draft(f"{plan.text()}; {surroundings.other_instances}", facts, hypothesis)

        with begun_plan(self._access, self._listener, EXPERIMENT_PLANS, plan, draft_of) as (name, writer):
            return self._finish(name, plan, self._access.load_state(), writer)

    def resume(self, name: str) -> Experiment:
        """Make the remaining runs of the experiment ``name``, in the folder of its plan, and write the verdict.

        Raise `PreconditionFailed` if it is done or another process runs it, and `FileUnusable` if its plan was changed
        or would run another program.
        """
        experiment = _require_unfinished(self._access.load_state(), name)
        plan, path = self._read_plan(experiment)
        check_arms(plan.arms)
        with lock_plan(path, experiment.name):
            # Another process may have continued it since the first look.
            state = self._access.load_state()
            _require_unfinished(state, experiment.name)
            return self._finish(experiment.name, plan, state, self._access.new_writer())

    def repeat(self, name: str, n: int, seed: int, observe: Callable[[str], Surroundings]) -> Experiment:
        """Make ``n`` more runs in each arm of the experiment ``name``, in the folder of its plan.

        They are an experiment of their own, and its verdict has the sums of both. To extend the old one until it shows
        something would bias it. Raise as `resume` does, and `PreconditionFailed` if the old one is not done.
        """
        experiment = require_experiment(self._access.load_state(), name)
        if experiment.seed is None:
            raise PreconditionFailed(
                f"{experiment.name} is a single run, and has no plan: 3am run -n {n} -- CMD makes one"
            )
        if n * len(experiment.arms) > MAX_RUNS:
            raise BadInput(f"--more {n}: write a number from 1 to {MAX_RUNS // len(experiment.arms)}")
        if experiment.verdict is None:
            raise PreconditionFailed(f"{experiment.name} is not done: 3am run --resume {experiment.name} comes first")
        plan, _ = self._read_plan(experiment)
        stop = plan.stop if plan.stop == EVIDENCE else ""
        return self.start(plan._replace(n=n, seed=seed, stop=stop), experiment.hypothesis, observe)

    def _read_plan(self, experiment: Experiment) -> tuple[ExperimentPlan, str]:
        """Return the plan of ``experiment`` and the path of its file, and change to its folder.

        Raise `FileUnusable` if the plan was changed, or would run another program now.
        """
        stored = read_plan(self._access.journal, EXPERIMENT_PLANS, experiment.file)
        plan = stored.signed()
        os.chdir(plan.cwd)
        check_runnable(plan.command)
        self._check_same_plan(experiment, plan, stored.path)
        return plan, stored.path

    def _check_same_plan(self, experiment: Experiment, plan: ExperimentPlan, path: str) -> None:
        """Raise `FileUnusable` if ``plan`` is not that of ``experiment``, or would run another program now.

        Warn if the content of the program has changed: then the remaining runs are of another build.
        """
        identity = plan.identity
        planned = parse_identity(experiment.identity)
        fingerprint = identity.fingerprint if planned else legacy_fingerprint(plan.command, plan.rule)
        names, wrappers = tuple(arm.name for arm in plan.arms), tuple(map(wrapper_fingerprint, plan.arms))
        has_same_arms = names == experiment.arms and experiment.wrapper_fingerprints in ((), wrappers)
        name = experiment.name
        if planned and planned.program != identity.program and planned.folder == identity.folder:
            raise FileUnusable(
                f"{name} ran {planned.program}; {plan.command[0]} is {identity.program} now: set PATH as then"
            )
        planned_facts = (experiment.n, experiment.seed, experiment.fingerprint, experiment.stop)
        if (plan.n, plan.seed, fingerprint, plan.stop) != planned_facts or not has_same_arms:
            raise FileUnusable(f"{path} is not the plan of {name}: it has other arms, another seed, or another command")
        if planned and planned.sha256 != identity.sha256:
            before, now = planned.sha256 or "not readable", identity.sha256 or "not readable"
            self._listener.on_warning(
                f"{identity.program} has changed since {name} was planned: its SHA-256 was {before}, and is {now}"
            )
        build = plan_build(plan.command, plan.arms, plan.cwd, Surroundings(""))
        for what, how in build_differences(parse_build(experiment.build), build):
            self._listener.on_warning(f"{what} since {name} was planned: {how}")

    def _finish(self, name: str, plan: ExperimentPlan, state: State, writer: Writer) -> Experiment:
        """Make the remaining runs, write the verdict, and return the experiment that it is about."""
        writer.stats_publisher = WriteStatsPublisher(self._access.journal.log_path)
        planned = require_experiment(state, name)
        self._make_runs(plan, planned, state, writer)
        block = self._write_verdict(planned.number, writer)
        experiment = require_experiment(block.prior_state, name)
        self._listener.on_verdict(block.raw, experiment)
        return experiment

    def _make_runs(self, plan: ExperimentPlan, experiment: Experiment, state: State, writer: Writer) -> None:
        number, remaining, rule = experiment.number, experiment.remaining, rule_of(experiment)

        def submit(draft: Draft) -> None:
            submit_interruptible(writer, draft)  # `run_plan` defers interrupts itself

        def on_lost() -> None:
            self._log_lost_run(number, plan)

        def on_run(run: Run) -> None:
            if rule is not None:
                rule.add(run.number, run.arm, run.outcome)
            listener.on_run(run)

        access, listener = self._access, self._listener
        listener.on_begin(number, plan, len(remaining))
        with explained_ending(experiment.name, EXPERIMENT_PLANS.resume, listener):
            outputs = outputs_of_experiment(access.journal, experiment, experiments_by_number(state))
            needed = needed_runs(remaining, plan.run_arms(), rule)
            run_plan(number, plan, needed, RunContext(outputs, submit, on_run, on_lost, access.clock), plan.jobs)
        if unsaved := outputs.describe_unsaved():
            listener.on_warning(unsaved)

    def _log_lost_run(self, number: int, plan: ExperimentPlan) -> None:
        """Log that the first remaining run is lost.

        Later runs may have been made too, but no process knows their results.
        """
        experiment = require_experiment(self._access.load_state(), f"R{number}")
        arms = plan.run_arms()
        for run_number in islice(needed_runs(experiment.remaining, arms, rule_of(experiment)), 1):
            arm = arms[run_number - 1].name
            run = lost_run(run_number, arm, self._access.clock().ns)
            self._access.new_writer().write(runs_draft(number, plan.total, [run]))

    def _write_verdict(self, number: int, writer: Writer) -> Block:
        """Write the verdict. If that fails, tell the user that no run is lost: the plan is done."""
        try:
            return writer.write(verdict_draft(number))
        except Unsure:
            raise
        except (JournalError, KeyboardInterrupt):
            self._listener.on_unfinished(
                f"all runs of R{number} are made and in the journal; its verdict is not: "
                f"3am run --report R{number} shows it, 3am run --resume R{number} writes it"
            )
            raise


def _require_unfinished(state: State, name: str) -> Experiment:
    """Return the experiment of this name. Raise `PreconditionFailed` if it has nothing left to do."""
    experiment = require_experiment(state, name)
    if experiment.seed is None:
        raise PreconditionFailed(
            f"{experiment.name} is a single run, and has no plan to resume: 3am run -- CMD runs the command again"
        )
    if experiment.verdict is not None and not experiment.remaining:
        raise PreconditionFailed(f"{experiment.name} is done: {experiment.verdict.text}")
    return experiment
