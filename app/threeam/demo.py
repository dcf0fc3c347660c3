"""The story of `3am demo`: one night, two people, a Bash script, one log.

Live, it is written by real writers, and the script's part by a real ``bash`` with a real flock(1). At once, for a pipe
or a picture, it is written by the same writers with a clock of the story.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.config.settings import Settings
from threeam.core.format.clock import Clock, system_clock
from threeam.core.format.entry import NS_PER_S, Author, Stamp
from threeam.core.state.fold import Fold, State
from threeam.core.store.journal import Journal
from threeam.core.write.draft import Draft, DraftLine, WriteContext, note_draft, script_lines
from threeam.core.write.locked_log import WriteOptions
from threeam.core.write.writer import Writer
from threeam.experiments.arms.arm import Arm, run_order
from threeam.experiments.experiment import Run
from threeam.experiments.failure_rule import FAILED, PASSED
from threeam.experiments.fingerprint import ExperimentIdentity
from threeam.experiments.runs.run_drafts import SOURCE, PlanFacts, plan_draft, runs_draft
from threeam.experiments.verdicts.verdict import verdict_draft
from threeam.human.drafts import coffee_draft, water_draft
from threeam.hypotheses.changes import change_draft
from threeam.hypotheses.drafts import conclusion_draft, evidence_draft, hypothesis_draft, prediction_draft

ALICE = Author("alice", "db1", 4121, "%3")
BOB = Author("bob", "db1", 2290, "%1")
TOUR = Author("tour", "3am", 1)
STORY_BEGIN = Stamp(1_795_487_469_418_273_645)  # 2026-11-24T02:31:09.418273645+0000
BEAT_INTERVAL_S = 3.6  # seconds between two beats of the live story: about two minutes in all

_DEFAULT_SETTINGS = Settings()


class Beat(NamedTuple):
    """One event of the story: how long after the last one (ns of story time), who writes, and what.

    ``draft``: None for the Bash script, which then writes ``script_args``: (cups, message).
    """

    after_ns: int
    author: Author
    draft: Draft | None
    script_args: tuple[int, str] = (0, "")


def _coffee() -> Draft:
    return coffee_draft(1, _DEFAULT_SETTINGS.cup_mg, _DEFAULT_SETTINGS.toxic_cups)


def _hypothesis(text: str) -> Draft:
    return hypothesis_draft(text, _DEFAULT_SETTINGS.toxic_cups)


def _conclude(verb: str, name: str, why: str) -> Draft:
    return conclusion_draft(verb, name, why, _DEFAULT_SETTINGS.toxic_cups)


def _evidence_for_last_line(verb: str, name: str, words: str) -> Draft:
    """Return the draft of evidence that cites the line before it."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        return evidence_draft(verb, name, state.last_stamp, words).make_lines(state, context, stamp)

    return Draft(lines)


def _beat(seconds: float, author: Author, draft: Draft) -> Beat:
    return Beat(_jittered_ns(seconds), author, draft)


def _script_beat(seconds: float, cups: int, message: str) -> Beat:
    return Beat(_jittered_ns(seconds), TOUR, None, (cups, message))


def _jittered_ns(seconds: float) -> int:
    """Return ``seconds`` in ns with a fraction: nothing at night happens on the second."""
    return round(seconds * NS_PER_S) + round(seconds * 7_919_331_017) % NS_PER_S


_ARMS, _RUNS, _SEED = ("bare", "strace"), 200, 7  # of the experiment, which is the first one of its journal


def _plan_draft() -> Draft:
    text = (
        f"./renew --while-sweeping; {_RUNS} runs each of bare, strace (strace -f -o /dev/null), in random blocks, "
        f"seed {_SEED}; fails if exit!=0; no other 3am runs"
    )
    arms = (Arm(_ARMS[0]), Arm(_ARMS[1], ("strace", "-f", "-o", "/dev/null")))
    identity = ExperimentIdentity("/srv/cart/renew", "5f1c0a77e2d4", "/srv/cart", "exit!=0", "9b1d0c6f2e84")
    return plan_draft(text, PlanFacts(_RUNS, _SEED, arms, identity, "plan-1.json"), 1)


def _runs_draft() -> Draft:
    """Return the draft of the runs: 12 of 200 fail, and 1 of 200 with strace, which hides the bug."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        runs: list[Run] = []
        counts = [0, 0]
        for number, arm in enumerate(run_order(len(_ARMS), _RUNS, _SEED), 1):
            failed = counts[arm] % 17 == 5 if arm == 0 else counts[arm] == 131
            counts[arm] += 1
            duration_ns = (1_900_000, 9_100_000)[arm] + number * 7_919_331 % 400_000
            began_ns, outcome = stamp.ns - (2 * _RUNS - number) * 6_000_000, FAILED if failed else PASSED
            cpu_ns, output_bytes = duration_ns * 3 // 4, 44 if failed else 0
            runs.append(Run(number, _ARMS[arm], outcome, int(failed), began_ns, duration_ns, cpu_ns, output_bytes))
        return runs_draft(1, len(runs), runs).make_lines(state, context, stamp)

    return Draft(lines, source=SOURCE)


STORY = (
    _beat(0, ALICE, note_draft(
        "paged: GET /cart/8812 answered with somebody else's cart. Once. 02:30:54, never in staging"
    )),
    _beat(41, ALICE, _coffee()),
    _beat(210, ALICE, note_draft("row 8812: DELETE at .335, UPDATE at .337: it was updated 2 ms after it was gone")),
    _beat(95, ALICE, _hypothesis("the TTL sweeper races the cart writer: it deletes what is being renewed")),
    _beat(30, BOB, note_draft("awake. I take the replica, you take the sweeper")),
    _beat(12, BOB, _coffee()),
    _beat(388, BOB, _hypothesis("reads go to the replica, and the replica lags")),
    _script_beat(64, 3, "cron: session-sweep started while session-sweep was running"),
    _beat(171, BOB, note_draft("replication lag at 02:30:54 was 0.4 ms. It would have to be 2 s")),
    _beat(6, BOB, _evidence_for_last_line("contradict", "H2", "0.4 ms of lag, and 2 s would be needed")),
    _beat(9, BOB, _conclude("refute", "H2", "lag was 0.4 ms at the time; a stale read needs 2 s")),
    _beat(260, ALICE, _coffee()),
    _beat(48, ALICE, note_draft("strace -f -p 30977 on the sweeper: ten minutes, and not one. Of course")),
    _beat(130, BOB, _coffee()),
    _beat(22, BOB, note_draft(
        "it happens without strace, and the log says so:\n"
        "ERROR: could not serialize access due to concurrent delete\n"
        "  at CartStore.renew (cart_store.py:214)\n"
        "  at Sweeper.tick (sweeper.py:88)"
    )),
    _beat(77, ALICE, _coffee()),
    _beat(36, ALICE, water_draft()),
    _script_beat(118, 5, "two sweepers: the lock file is in /tmp, and /tmp is per container"),
    _beat(205, BOB, _hypothesis("two sweepers run at once: their lock is in /tmp, and each container has its own")),
    _beat(31, ALICE, prediction_draft("H3", "with one lock for both containers, no two sweeps overlap")),
    _beat(14, ALICE, _coffee()),
    _beat(66, ALICE, _coffee()),
    _beat(92, ALICE, _hypothesis("the pool hands out a connection with an open transaction")),
    _beat(143, BOB, note_draft("docker exec: lsof shows /tmp/sweep.lock held in both. Two locks, one table")),
    _beat(8, BOB, _evidence_for_last_line("support", "H3", "one lock file in each container, and both are held")),
    _beat(31, ALICE, _conclude("park", "H4", "true or not, it is not this: the pool resets on return (pool.py:61)")),
    _beat(188, BOB, note_draft("lock moved to the shared volume on canary. 1,200 sweeps, none overlap")),
    _beat(27, BOB, _conclude("confirm", "H3", "one lock for both: 1,200 sweeps and no overlap; before it was 1 in 90")),
    _beat(8, ALICE, _conclude("refute", "H1", "the sweeper was innocent alone; it took two of them (H3)")),
    _beat(45, BOB, _conclude("reopen", "H1", "with one sweeper the window is 2 ms wide still. Not tonight")),
    _beat(60, ALICE, change_draft("canary runs with SWEEP_LOCK=/shared", "unset SWEEP_LOCK, and restart canary")),
    _beat(71, BOB, _plan_draft()),
    _beat(4, BOB, _runs_draft()),
    _beat(0.1, BOB, verdict_draft(1)),
    _beat(24, BOB, note_draft("Next: the window of H1, by daylight: take the row lock in Sweeper.tick")),
)  # fmt: skip

# The hints of the tour, by the beat before which they are shown; each key once.
HINTS = {
    1: "a throwaway journal: press anything\nc  counts a coffee",
    3: "i  writes a note\nEnter sends it, and you are back here",
    5: "H  writes what you believe\nits number is given under the lock",
    7: "k  goes up and pauses the tail\nF  follows again",
    9: "a Bash script wrote above, under the lock\nz  shows the lines of the lock itself",
    12: "h  goes to the hypotheses, 1 to 9 pick one\nx  refutes it, V confirms it",
    14: "C  shows tonight's cups\nand takes the last one back",
    16: "w  cuts long lines, or wraps them",
    19: "p  predicts, before the experiment\n+ -  tie the selected line to the picked one",
    20: "more than 4 cups are toxic\nthe header says so, and the log does too",
    23: ":  is the command line\nctrl+p finds everything",
    27: "?  lists all the keys",
    30: "S  is the hand-off: where we stand,\nand what must be undone",
    32: "3am run -n 200 --arm bare --arm strace=... counts whether the tracer hides it\nr  shows the arms side by side",
    35: "q  quits\n3am log TEXT writes from any shell",
}


class StoryClock:
    """A clock with the time of the story; each reading advances it a little."""

    def __init__(self) -> None:
        self.now = STORY_BEGIN

    def __call__(self) -> Stamp:
        self.advance(412_703)
        return self.now

    def advance(self, ns: int) -> None:
        """Advance the clock by ``ns``."""
        self.now = Stamp(self.now.ns + ns, self.now.utc_offset_s)


def write_story(journal: Journal, fold: Fold, max_beats: int | None = None) -> StoryClock:
    """Write the story (its first ``max_beats``) into ``journal`` at once; return its clock."""
    clock = StoryClock()
    writers = _make_writers(journal, fold, clock, sync=False)
    for beat in STORY[:max_beats]:
        clock.advance(beat.after_ns)
        if beat.draft is not None:
            writers[beat.author].write(beat.draft)
            continue
        cups, message = beat.script_args
        with writers[TOUR].lock_log(full_state=False) as log:
            for text in script_lines(cups, message):
                log.write_script_line(text, cups)
                clock.advance(round(0.31 * NS_PER_S))
    return clock


def play_story(journal: Journal, fold: Fold, stop: threading.Event) -> None:
    """Write the story into ``journal`` as it happens, with the hints, until it ends or ``stop`` is set."""
    writers = _make_writers(journal, fold, system_clock, sync=True)
    for number, beat in enumerate(STORY, 1):
        if hint := HINTS.get(number):
            writers[TOUR].write(note_draft(hint))
            if stop.wait(BEAT_INTERVAL_S / 2):
                return
        if beat.draft is not None:
            writers[beat.author].write(beat.draft)
        else:
            _run_script(journal, *beat.script_args)
        if stop.wait(BEAT_INTERVAL_S):
            return
    writers[TOUR].write(note_draft("that was the night; look around\nq  quits, and this journal is gone"))


def _make_writers(journal: Journal, fold: Fold, clock: Clock, *, sync: bool) -> dict[Author, Writer]:
    return {
        author: Writer(journal, fold, clock, WriteOptions(author.user, str(author), sync=sync))
        for author in (ALICE, BOB, TOUR)
    }


_SCRIPT = r"""
log_debug() { echo "[$(date +'%Y-%m-%dT%H:%M:%S.%N%z')] [COFFEE: $3] $4" | tee -a "$1" >/dev/null; }
( flock -e 200
  log_debug "$1" "$2" "$3" "Acquired sanity lock."
  sleep 1
  log_debug "$1" "$2" "$3" "Hypothesis: $4"
  [ "$3" -gt 4 ] && log_debug "$1" "$2" "$3" "WARNING: Caffeine toxicity imminent. Logic may be compromised."
  log_debug "$1" "$2" "$3" "Releasing sanity lock."
) 200>>"$2"
"""


def _run_script(journal: Journal, cups: int, message: str) -> None:
    """Run the critical section of the Bash script; without bash or flock(1) do nothing."""
    if shutil.which("bash") and shutil.which("flock"):
        command = ["bash", "-c", _SCRIPT, "3am-sanity-lock.sh", journal.log_path, journal.lock_path, str(cups), message]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=30)
