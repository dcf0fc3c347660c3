"""The life of an experiment: its plan file, the claim of the plan, its runs, a resume, and its verdict."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple, Protocol

from threeam.core.errors import BadInput, FileUnusable, JournalError, PreconditionFailed, Unsure
from threeam.core.format.clock import Clock
from threeam.core.state.fold import State
from threeam.core.store.attachment_kinds import PLAN
from threeam.core.store.attachments import discard_attachment, read_attachment, write_attachment
from threeam.core.store.journal import Journal
from threeam.core.write.draft import Draft
from threeam.core.write.locked_log import INTERRUPTED_REASON, Block
from threeam.core.write.write_stats import WriteStatsPublisher
from threeam.core.write.writer import Writer
from threeam.experiments.arms.arm_setup import check_arms
from threeam.experiments.build import Surroundings, build_differences, parse_build, plan_build
from threeam.experiments.experiment import MAX_RUNS, Experiment, Run
from threeam.experiments.failure_rule import LOST
from threeam.experiments.fingerprint import legacy_fingerprint, parse_identity, wrapper_fingerprint
from threeam.experiments.plan import ExperimentPlan, decode_plan, encode_plan, loggable_command
from threeam.experiments.runs.plan_runs import RunContext, run_plan
from threeam.experiments.runs.run_drafts import PlanFacts, plan_draft, runs_draft
from threeam.experiments.runs.run_log import experiments_by_number, require_experiment
from threeam.experiments.runs.run_outputs import outputs_of_experiment
from threeam.experiments.runs.run_tags import parse_index
from threeam.experiments.runs.single_run import EXIT_KILLED, check_runnable
from threeam.experiments.verdicts.stopping import EVIDENCE, needed_runs, rule_of
from threeam.experiments.verdicts.verdict import verdict_draft
from threeam.process.execute import StartFailed


class RunListener(Protocol):
    """The caller's side of some runs: it shows what happens."""

    def on_written(self, raw: bytes) -> None:
        """Show lines that were written to the log."""

    def on_warning(self, text: str) -> None:
        """Show a message for the user."""

    def on_run(self, run: Run) -> None:
        """Show that a run was made."""

    def on_end(self) -> None:
        """Stop showing progress: the runs are made, or the plan was ended."""


class ExperimentListener(RunListener, Protocol):
    """The caller's side of an experiment."""

    def on_verdict(self, raw: bytes, experiment: Experiment) -> None:
        """Show the lines of the verdict on ``experiment``. After this, a signal does not change the exit code."""

    def on_begin(self, number: int, plan: ExperimentPlan, remaining: int) -> None:
        """Show that ``remaining`` runs of the experiment ``number`` are going to be made."""


class JournalAccess(NamedTuple):
    """A journal, its clock, and functions that give a new writer for it and its current state."""

    journal: Journal
    clock: Clock
    new_writer: Callable[[], Writer]
    load_state: Callable[[], State]


class ExperimentRunner:
    """A runner of experiments: `start` a new one, `resume` one that was ended before its plan was done, `repeat` one.

    They return the experiment as it was just before its verdict. They raise `RunInterrupted` if a signal ends a run;
    the listener has then told the user how to resume.
    """

    def __init__(self, access: JournalAccess, listener: ExperimentListener) -> None:
        self._access = access
        self._listener = listener

    def start(self, plan: ExperimentPlan, hypothesis: str | None, observe: Callable[[str], Surroundings]) -> Experiment:
        """Save and log ``plan``, make its runs, and write the verdict.

        ``observe``: returns the surroundings of a run in a folder, for the plan line. Raise `BadInput` if the command
        or an arm cannot be run.
        """
        check_runnable(plan.command)
        check_arms(plan.arms)
        journal, writer = self._access.journal, self._access.new_writer()
        file_name = f"plan-{self._access.clock().ns}-{os.getpid()}.json"
        path = write_attachment(journal, PLAN, file_name, encode_plan(plan))
        identity = plan.identity
        surroundings = observe(plan.cwd)
        build = plan_build(plan.command, plan.arms, plan.cwd, surroundings)
        facts = PlanFacts(plan.n, plan.seed, plan.arms, identity, os.path.basename(path), build, plan.stop)
        text = f"{plan.text()}; {surroundings.other_instances}"
        block = write_plan(writer, plan_draft(text, facts, hypothesis), path)
        self._listener.on_written(block.raw)
        index = parse_index(block.draft_entries[-1])
        assert index is not None  # the draft has assigned the number
        number = index.experiment
        with lock_plan(path, f"R{number}"):
            return self._finish(number, plan, self._access.load_state(), writer)

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
            return self._finish(experiment.number, plan, state, self._access.new_writer())

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
        if not experiment.verdict:
            raise PreconditionFailed(f"{experiment.name} is not done: 3am run --resume {experiment.name} comes first")
        plan, _ = self._read_plan(experiment)
        stop = plan.stop if plan.stop == EVIDENCE else ""
        hypothesis = None if experiment.hypothesis is None else f"H{experiment.hypothesis}"
        return self.start(plan._replace(n=n, seed=seed, stop=stop), hypothesis, observe)

    def _read_plan(self, experiment: Experiment) -> tuple[ExperimentPlan, str]:
        """Return the plan of ``experiment`` and the path of its file, and change to its folder.

        Raise `FileUnusable` if the plan was changed, or would run another program now.
        """
        path, content, is_signed = read_attachment(self._access.journal, experiment.file, PLAN)
        plan = decode_plan(content, path)
        if not is_signed:
            raise FileUnusable(
                f"{path} is not signed with your key, so its command is not run: {loggable_command(plan.command)}; "
                "start the experiment again with 3am run -n"
            )
        os.chdir(plan.cwd)
        check_runnable(plan.command)
        self._check_same_plan(experiment, plan, path)
        return plan, path

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

    def _finish(self, number: int, plan: ExperimentPlan, state: State, writer: Writer) -> Experiment:
        """Make the remaining runs, write the verdict, and return the experiment that it is about."""
        writer.stats_publisher = WriteStatsPublisher(self._access.journal.log_path)
        self._make_runs(plan, require_experiment(state, f"R{number}"), state, writer)
        block = self._write_verdict(number, writer)
        experiment = require_experiment(block.prior_state, f"R{number}")
        self._listener.on_verdict(block.raw, experiment)
        return experiment

    def _make_runs(self, plan: ExperimentPlan, experiment: Experiment, state: State, writer: Writer) -> None:
        number, remaining, rule = experiment.number, experiment.remaining, rule_of(experiment)

        def submit(draft: Draft) -> None:
            # Interruptible: `run_plan` defers interrupts itself.
            with writer.lock_log(full_state=draft.needs_full_state, interruptible=True) as log:
                log.write(draft)

        def on_lost() -> None:
            self._log_lost_run(number, plan)

        def on_run(run: Run) -> None:
            if rule is not None:
                rule.add(run.number, run.arm, run.outcome)
            listener.on_run(run)

        access, listener = self._access, self._listener
        listener.on_begin(number, plan, len(remaining))
        with explained_ending(number, listener):
            outputs = outputs_of_experiment(access.journal, experiment, experiments_by_number(state))
            needed = needed_runs(remaining, plan.run_arms(), rule)
            run_plan(number, plan, needed, RunContext(outputs, submit, on_run, on_lost, access.clock), plan.jobs)

    def _log_lost_run(self, number: int, plan: ExperimentPlan) -> None:
        """Log that the first remaining run is lost.

        Later runs may have been made too, but no process knows their results.
        """
        experiment = require_experiment(self._access.load_state(), f"R{number}")
        arms = plan.run_arms()
        for run_number in islice(needed_runs(experiment.remaining, arms, rule_of(experiment)), 1):
            arm = arms[run_number - 1].name
            run = Run(run_number, arm, LOST, EXIT_KILLED, self._access.clock().ns, 0, 0, 0)
            self._access.new_writer().write(runs_draft(number, plan.total, [run]))

    def _write_verdict(self, number: int, writer: Writer) -> Block:
        """Write the verdict. If that fails, tell the user that no run is lost: the plan is done."""
        try:
            return writer.write(verdict_draft(number))
        except Unsure:
            raise
        except (JournalError, KeyboardInterrupt):
            self._listener.on_warning(
                f"all runs of R{number} are made and in the journal; its verdict is not: "
                f"3am run --report R{number} shows it, 3am run --resume R{number} writes it"
            )
            raise


@contextmanager
def explained_ending(number: int, listener: RunListener) -> Iterator[None]:
    """Tell ``listener`` when the runs of R``number`` end, and how they are resumed if that is too early."""
    unfinished = f"R{number} is ended before its plan is done"
    try:
        yield
    except KeyboardInterrupt:
        listener.on_end()
        listener.on_warning(f"{unfinished}: 3am run --resume R{number} continues it")
        raise
    except (JournalError, StartFailed, OSError) as error:
        listener.on_end()
        listener.on_warning(f"{unfinished}: once this is fixed, 3am run --resume R{number} continues it")
        raise error if isinstance(error, JournalError) else FileUnusable(str(error)) from None
    except BaseException:
        listener.on_end()
        raise
    listener.on_end()


def write_plan(writer: Writer, draft: Draft, path: str) -> Block:
    """Write the line of a plan; delete the plan file at ``path`` if nothing was written."""
    try:
        return writer.write(draft)
    except BaseException as error:
        if writer.first_stamp is None:
            discard_attachment(path)
        elif isinstance(error, KeyboardInterrupt):  # its exit code would say that nothing was written
            raise Unsure(writer.first_stamp, INTERRUPTED_REASON) from None
        raise


def _require_unfinished(state: State, name: str) -> Experiment:
    """Return the experiment of this name. Raise `PreconditionFailed` if it has nothing left to do."""
    experiment = require_experiment(state, name)
    if experiment.seed is None:
        raise PreconditionFailed(
            f"{experiment.name} is a single run, and has no plan to resume: 3am run -- CMD runs the command again"
        )
    if experiment.verdict and not experiment.remaining:
        raise PreconditionFailed(f"{experiment.name} is done: {experiment.verdict}")
    return experiment


@contextmanager
def lock_plan(path: str, name: str) -> Iterator[None]:
    """Hold a lock on the plan file at ``path``. Raise `PreconditionFailed` if another process holds it."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PreconditionFailed(f"{name} is being run by another process") from None
        yield
    finally:
        os.close(fd)
