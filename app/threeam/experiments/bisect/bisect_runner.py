"""The life of a bisection: its plan, its runs in work trees, a resume, and its result."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from typing import NamedTuple, Protocol

from threeam.core.errors import FileUnusable, PreconditionFailed
from threeam.core.format.entry import NS_PER_S, decode_utf8
from threeam.core.format.remote_hypothesis import Bound
from threeam.core.platform.signals import defer_interrupts
from threeam.core.store.attachment_kinds import BISECTION, RUN_OUTPUT
from threeam.core.store.attachments import write_attachment
from threeam.core.store.journal import Journal
from threeam.core.write.draft import Draft
from threeam.core.write.write_stats import WriteStatsPublisher
from threeam.core.write.writer import Writer
from threeam.experiments.bisect.bisect_drafts import bisect_draft, result_draft, step_draft
from threeam.experiments.bisect.bisect_log import Bisection, count_run, require_bisection
from threeam.experiments.bisect.bisect_plan import BisectPlan, bisect_plan_from_record, bisect_plan_record
from threeam.experiments.bisect.bisect_report import likely_text, result_text
from threeam.experiments.bisect.checkouts import Checkouts
from threeam.experiments.bisect.posterior import Belief, belief_of
from threeam.experiments.experiment import MAX_DETAILED_RUNS, Run
from threeam.experiments.failure_rule import INCONCLUSIVE, PASSED, TIMED_OUT, format_exit
from threeam.experiments.lifecycle import (
    JournalAccess,
    Listener,
    PlanFormat,
    StoredPlan,
    begun_plan,
    explained_ending,
    lock_plan,
    read_plan,
    submit_interruptible,
)
from threeam.experiments.runs.plan_runs import RunInterrupted
from threeam.experiments.runs.single_run import make_run
from threeam.process.execute import ExecuteOptions, StartFailed, execute
from threeam.process.git import WorkTree
from threeam.process.guard import RunningProgram, process_guard
from threeam.process.output import MAX_SAVED_BYTES, OutputRecorder
from threeam.process.process_tree import adopt_orphans

BISECT_PLANS = PlanFormat(
    BISECTION, "bisect", bisect_plan_record, bisect_plan_from_record, "3am bisect GOOD BAD", "3am bisect --resume"
)
_SKIP_EXIT = 125  # as in git bisect run: this commit cannot be tested
_NOT_STARTED_EXIT = 127  # as of a shell
_BUILD_TRIES = 2


class BisectListener(Listener, Protocol):
    """The caller's side of a bisection."""

    def on_result(self, raw: bytes, bisection: Bisection) -> None:
        """Show the result. After this, a signal does not change the exit code."""

    def on_step(self, bisection: Bisection, about: str) -> None:
        """Show that a run was made. ``about``: what follows from all runs."""


class _Step(NamedTuple):
    """A run of a commit, the signal that interrupted it (0: none), its output, and why the commit cannot be tested."""

    run: Run
    signum: int
    output: bytes
    obstacle: str = ""


class BisectRunner:
    """A runner of bisections: `start` a new one, or `resume` one that was ended or not decided.

    Both return the bisection with its result. They raise `RunInterrupted` if a signal ends a run; the listener has then
    told the user how to resume.
    """

    def __init__(self, access: JournalAccess, listener: BisectListener) -> None:
        self._access = access
        self._listener = listener

    def start(self, plan: BisectPlan, budget: int, hypothesis: Bound | None) -> Bisection:
        """Save and log ``plan``, run commits until one is named or ``budget`` runs are made, and write the result."""

        def draft_of(file_name: str) -> Draft:
            return bisect_draft(plan.text(budget), len(plan.commits) - 1, budget, file_name, hypothesis)

        with begun_plan(self._access, self._listener, BISECT_PLANS, plan, draft_of) as (name, writer):
            return self._finish(name, plan, budget, writer)

    def resume(self, name: str, budget: int | None) -> Bisection:
        """Make more runs of the bisection ``name``, until ``budget`` are made (None: as before), and write the result.

        Raise `PreconditionFailed` if it is decided, if it has used its budget, or if another process runs it.
        """
        bisection = require_bisection(self._access.load_state(), name)
        stored = load_bisect_plan(self._access.journal, bisection)
        plan = stored.signed()
        with lock_plan(stored.path, bisection.name):
            # Another process may have continued it since the first look.
            bisection = require_bisection(self._access.load_state(), name)
            if bisection.result and belief_of(bisection.runs()).is_decided:
                raise PreconditionFailed(f"{bisection.name} is done: {bisection.result}")
            budget = bisection.budget if budget is None else budget
            if bisection.result and bisection.done >= budget:
                raise PreconditionFailed(
                    f"{bisection.name} has made its {bisection.done} runs: 3am bisect --resume {bisection.name} "
                    f"--budget {bisection.done * 2} makes more"
                )
            return self._finish(bisection.name, plan, budget, self._access.new_writer())

    def _finish(self, name: str, plan: BisectPlan, budget: int, writer: Writer) -> Bisection:
        access, listener = self._access, self._listener
        bisection = require_bisection(access.load_state(), name)._replace(budget=budget)
        writer.stats_publisher = WriteStatsPublisher(access.journal.log_path)
        with explained_ending(name, BISECT_PLANS.resume, listener):
            bisection = self._make_runs(bisection, plan, writer)
            belief = belief_of(bisection.runs())
            text = result_text(bisection, belief, plan)
            block = writer.write(result_draft(bisection, text, belief.answer.probability))
        bisection = bisection._replace(result=text, result_stamp=block.entries[-1].stamp)
        listener.on_result(block.raw, bisection)
        return bisection

    def _make_runs(self, bisection: Bisection, plan: BisectPlan, writer: Writer) -> Bisection:
        """Run commits until one can be named, or the budget is used. Return the bisection with the runs."""
        adopt_orphans()
        checkouts = Checkouts(WorkTree(plan.tree), plan.checkouts)
        checkouts.remove_all()  # of a process that was killed
        with ExitStack() as stack:
            running = stack.enter_context(process_guard(checkouts.remove_all))
            # An interrupt is delivered only while a command runs, and ends it.
            stack.enter_context(defer_interrupts(True))
            stack.callback(checkouts.remove_all)
            stack.callback(os.chdir, plan.tree)
            steps = _Steps(self._access, plan, checkouts, running)
            belief = belief_of(bisection.runs())
            while not belief.is_decided and bisection.done < bisection.budget:
                position = belief.next_position(bisection.commits)
                step = steps.make(bisection.number, bisection.done + 1, position)
                if step.signum:
                    raise RunInterrupted(step.signum)
                had_result = bisection.runs()[position].has_result
                bisection = _counted(bisection, position, step)
                belief = belief_of(bisection.runs())
                self._log_step(bisection, position, step, belief, plan, writer)
                if step.obstacle and position == bisection.last:
                    bad = plan.commits[-1]
                    raise PreconditionFailed(f"{bad.short}, the bad commit, cannot be tested: {step.obstacle}")
                if position == bisection.last and not bisection.runs()[position].is_testable:
                    bad, outcome = plan.commits[-1], step.run.outcome
                    hint = ": --fail timeout counts it as a failure" if outcome == TIMED_OUT else ""
                    ending = "timed out" if outcome == TIMED_OUT else format_exit(step.run.exit_code)
                    raise PreconditionFailed(f"{bad.short}, the bad commit, neither failed nor passed: {ending}{hint}")
                if step.obstacle and had_result:
                    short = plan.commits[position].short
                    raise PreconditionFailed(f"{short} was tested before, and cannot be now: {step.obstacle}")
        return bisection

    def _log_step(
        self, bisection: Bisection, position: int, step: _Step, belief: Belief, plan: BisectPlan, writer: Writer
    ) -> None:
        about = likely_text(belief, plan)
        obstacle = f"it cannot be tested: {step.obstacle}; " if step.obstacle else ""
        draft = step_draft(
            bisection.number,
            bisection.budget,
            step.run,
            position,
            cannot=bool(step.obstacle),
            about=f"{obstacle}{about}",
        )
        submit_interruptible(writer, draft)  # `_make_runs` defers interrupts itself
        self._listener.on_step(bisection, about)


def load_bisect_plan(journal: Journal, bisection: Bisection) -> StoredPlan[BisectPlan]:
    """Return the plan of ``bisection``. Raise `FileUnusable` if its file has another plan."""
    stored = read_plan(journal, BISECT_PLANS, bisection.file)
    if len(stored.plan.commits) != bisection.last + 1:
        raise FileUnusable(f"{stored.path} is not the plan of {bisection.name}: it has other commits")
    return stored


def _counted(bisection: Bisection, position: int, step: _Step) -> Bisection:
    runs = count_run(bisection.runs()[position], step.run.outcome, cannot=bool(step.obstacle))
    return bisection._replace(done=step.run.number, commits={**bisection.commits, position: runs})


class _Steps:
    """The runs of commits in their work trees, each built once."""

    def __init__(self, access: JournalAccess, plan: BisectPlan, checkouts: Checkouts, running: RunningProgram) -> None:
        self._access = access
        self._plan = plan
        self._checkouts = checkouts
        self._running = running
        self._saved_count = 0

    def make(self, experiment: int, number: int, position: int) -> _Step:
        """Run the commit at ``position`` once, after building it if that is new. Save the output unless it passed."""
        plan, commit = self._plan, self._plan.commits[position]
        is_new = self._checkouts.use(commit.hash)
        folder = os.path.join(self._checkouts.path(commit.hash), plan.subfolder)
        if not os.path.isdir(folder):
            return self._cannot(number, commit.short, f"it has no folder {plan.subfolder}")
        os.chdir(folder)
        step = self._build(number, commit.short) if is_new and plan.build else None
        if step is None:
            step = self._execute(number, commit.short, plan.command, is_build=False)
        if step.output and step.run.outcome != PASSED and self._saved_count < MAX_DETAILED_RUNS:
            name = f"R{experiment}-{number}-{step.run.began_ns}.out"
            with suppress(FileUnusable):  # the line matters more; without a FILE tag it says that there is no file
                write_attachment(self._access.journal, RUN_OUTPUT, name, step.output)
                self._saved_count += 1
                return step._replace(run=step.run._replace(file=name))
        return step

    def _build(self, number: int, arm: str) -> _Step | None:
        """Build the commit in this folder; return None if it is built, and otherwise the step that ended too early.

        A build that fails is tried again: some builds fail by chance, and the commit would be lost to the search.
        """
        command = ("sh", "-c", self._plan.build)
        for _ in range(_BUILD_TRIES):
            step = self._execute(number, arm, command, is_build=True)
            if step.signum or not step.obstacle:
                break
        return step if step.signum or step.obstacle else None

    def _execute(self, number: int, arm: str, command: tuple[str, ...], *, is_build: bool) -> _Step:
        plan, chunks = self._plan, list[bytes]()
        # The output is searched after the end of the run: before, the clock of the run is ticking.
        recorder = OutputRecorder(chunks.append, "" if is_build else plan.rule.regex, flush_bytes=MAX_SAVED_BYTES)
        timeout_s = None if is_build or plan.timeout_ns is None else plan.timeout_ns / NS_PER_S
        options = ExecuteOptions(timeout_s=timeout_s, reads_stacks=True)
        began_ns = self._access.clock().ns
        try:
            result = execute(command, lambda _, data: recorder.feed(data), options, running=self._running)
        except StartFailed as error:
            return self._cannot(number, arm, str(error))
        recorder.close()
        output = b"".join(chunks)
        run = make_run(number, arm, plan.rule, result, recorder, began_ns)
        obstacle = ""
        if is_build and result.exit_code != 0:
            obstacle = f"the build exits {result.exit_code}{_last_line(output)}"
        elif not is_build and result.exit_code == _SKIP_EXIT != plan.rule.code:
            obstacle = f"exit {_SKIP_EXIT}"
        return _Step(run._replace(outcome=INCONCLUSIVE) if obstacle else run, result.interrupted_by, output, obstacle)

    def _cannot(self, number: int, arm: str, obstacle: str) -> _Step:
        run = Run(number, arm, INCONCLUSIVE, _NOT_STARTED_EXIT, self._access.clock().ns, 0, 0, 0)
        return _Step(run, 0, b"", obstacle)


def _last_line(output: bytes) -> str:
    line = decode_utf8(output).rstrip().rpartition("\n")[2].strip()
    return f", {line}" if line else ""
