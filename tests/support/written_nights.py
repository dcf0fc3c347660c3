"""A night of experiments and changes as it is written, with a clock that may be set back."""

from __future__ import annotations

from support.journals import FakeClock
from threeam.core.format.entry import NS_PER_S, Entry, Stamp, format_entry
from threeam.core.state.fold import State
from threeam.core.store.journal import Journal, resolve_journal
from threeam.core.write.draft import note_draft
from threeam.core.write.writer import Writer
from threeam.experiments.arms.arm import Arm
from threeam.experiments.experiment import BARE, Run
from threeam.experiments.failure_rule import FAILED
from threeam.experiments.fingerprint import ExperimentIdentity
from threeam.experiments.fixes.fix_confidence import FixConfidence
from threeam.experiments.runs.run_drafts import PlanFacts, plan_draft, runs_draft, single_run_draft
from threeam.hypotheses.changes import change_draft, undone_draft
from threeam.hypotheses.drafts import hypothesis_draft, prediction_draft
from threeam.projections import FOLD
from threeam.reports.fix_assessment import assess_runs

MINUTE, HOUR = 60 * NS_PER_S, 3600 * NS_PER_S

REPRO = ExperimentIdentity("/srv/repro", "0123456789ab", "/srv", "exit!=0")

_TOGETHER = 100  # runs that are written in one block


class Night:
    """A night as it is written: each step takes a minute of a clock that may be set back."""

    def __init__(self, journal: Journal, clock: FakeClock, writer: Writer, rotate_after: int | None = None) -> None:
        self.journal, self.clock, self.writer = journal, clock, writer
        self._rotate_after, self._steps = rotate_after, 0
        self._totals: dict[int, int] = {}
        self._made: dict[int, int] = {}
        self.stamps: dict[str, Stamp] = {}

    def _stepped(self) -> None:
        if self._steps == self._rotate_after:
            with self.writer.lock_log(full_state=True) as locked:
                locked.rotate()
        self._steps += 1
        self.clock.forward(MINUTE)

    def back(self, ns: int = HOUR) -> None:
        self.clock.forward(-ns)

    def says(self, name: str) -> None:
        self.stamps[name] = self.writer.write(note_draft(name)).draft_entries[-1].stamp
        self._stepped()

    def claims(self) -> None:
        self.writer.write(hypothesis_draft("it races", 9))
        self._stepped()

    def claims_by_a_script(self, ahead_ns: int) -> None:
        """Append a hypothesis as the Bash script does, on a host whose clock is ahead, and give it its number."""
        stamp = Stamp(self.clock.now.ns + ahead_ns)
        with open(self.journal.log_path, "ab") as log:
            log.write(format_entry(Entry(stamp, 0, (), "Hypothesis: it races")))
        self.writer.write(prediction_draft(f"@{stamp}", "a deadlock"))
        self._stepped()

    def changes(self, text: str = "fix", hypothesis: str | None = "H1") -> None:
        self.stamps[text] = self.writer.write(change_draft(text, "", hypothesis)).draft_entries[-1].stamp
        self._stepped()

    def undoes(self, text: str = "fix") -> None:
        self.writer.write(undone_draft(self.stamps[text], ""))
        self._stepped()

    def plans(self, runs: int, identity: ExperimentIdentity = REPRO, command: str = "./repro") -> int:
        number = len(self._totals) + 1
        plan = PlanFacts(runs, 1, [Arm(BARE)], identity, "plan.json")
        self.writer.write(plan_draft(f"{command}; {runs} runs of bare, seed 1", plan, 1))
        self._totals[number], self._made[number] = runs, 0
        self._stepped()
        return number

    def runs(self, number: int, count: int, outcome: str) -> None:
        """Write the next runs of an experiment, each of which takes a millisecond."""
        for first in range(0, count, _TOGETHER):
            runs_made = []
            for _ in range(first, min(first + _TOGETHER, count)):
                self._made[number] += 1
                runs_made.append(self._run(self._made[number], outcome))
                self.clock.forward(NS_PER_S // 1000)
            self.writer.write(runs_draft(number, self._totals[number], runs_made))
        self._stepped()

    def tries(self, count: int, outcome: str, identity: ExperimentIdentity = REPRO, command: str = "./repro") -> None:
        self.runs(self.plans(count, identity, command), count, outcome)

    def once(self, outcome: str, lasts: int = NS_PER_S // 1000, step_back: int = 0) -> None:
        """Write a command that was run by itself; while it runs the clock is stepped back by ``step_back``."""
        run = self._run(1, outcome)._replace(duration_ns=lasts)
        self._totals[len(self._totals) + 1] = 1
        self.clock.forward(lasts - step_back)
        self.writer.write(single_run_draft("./repro", run, REPRO, 1))
        self._stepped()

    def _run(self, number: int, outcome: str) -> Run:
        return Run(number, BARE, outcome, int(outcome == FAILED), self.clock.now.ns, NS_PER_S // 1000, 1000, 0)

    @property
    def state(self) -> State:
        segment = resolve_journal(self.journal.log_path).open_live()
        assert segment is not None
        return FOLD.state_at(segment, segment.size())

    def answer(self, since: str | None = None) -> FixConfidence:
        state = self.state
        return assess_runs(state, state.hypotheses[1], None if since is None else self.stamps[since].ns)[1]
