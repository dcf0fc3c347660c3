"""The soak: everybody writes at once while everything goes wrong, and afterwards the books must balance.

By hand: ``.venv-test/bin/python tests/soak/soak.py --seconds 600 --seed 7``. It prints its report as a table.

A soak has phases, each on a fresh journal. In the first one the lock and the log are left where they are, and the
rules are exact. In the second the lock file is removed, in the third the log itself: these relax what only they break.
"""

from __future__ import annotations

import argparse
import calendar
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import disturbances
from books import Answer, Problem, Text
from disturbances import LogTaker
from faults import MUTANTS
from followers import Follower
from journal_files import File, chain, files_in, journal_of
from judge import Evidence, Rules, judge
from one_shots import LONGEST, hypotheses, notes, script
from phase import GROUP, Phase, three_am
from screens import screens
from streams import streams

LONGEST_PHASE = 120.0  # seconds to wait for a number of lines
ROUND = 120.0  # seconds of all phases, about
DISK_BYTES = 24 * 1024 * 1024
LAST = "the very last"
_ROTATED_AT = re.compile(r"\.(\d{8}T\d{6})\.(\d{9})Z\.log$")


@dataclass(frozen=True)
class Plan:
    """What a phase is like: its rules, its share of the time, and what is done to it besides signals and holders."""

    name: str
    rules: Rules
    share: float
    disturbances: tuple[Callable[[Phase], None], ...] = ()


class End(NamedTuple):
    """When a phase ends: after ``seconds``, and not before ``lines`` are acknowledged."""

    seconds: float
    lines: int

    def wait(self, phase: Phase) -> None:
        """Waits for the end."""
        time.sleep(self.seconds)
        deadline = time.monotonic() + LONGEST_PHASE
        while phase.books.acknowledged() < self.lines and time.monotonic() < deadline:
            time.sleep(0.2)


UNDISTURBED = Plan(
    "lock and log in place",
    Rules(),
    0.6,
    (disturbances.clock_steps, disturbances.rotations, disturbances.full_disks, disturbances.stopped_followers),
)
NO_LOCK_FILE = Plan(
    "the lock file removed", Rules(lock=False), 0.2, (disturbances.lock_removals, disturbances.rotations)
)
NO_LOG = Plan("the log taken away", Rules(log=False), 0.2)
PLANS = (UNDISTURBED, NO_LOCK_FILE, NO_LOG)


@dataclass
class Report:
    """What a soak came to."""

    answers: Counter[Answer] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    acknowledged: Counter[str] = field(default_factory=Counter)  # lines by the kind of what wrote them
    disk_can_be_filled: bool = True

    @property
    def unknown_share(self) -> float:
        """The share of the lines of which nobody can say whether they were acknowledged."""
        return self.answers[Answer.UNKNOWN] / max(1, self.answers.total())

    def add(self, phase: Phase) -> None:
        """Adds what a phase counted."""
        texts = phase.books.every_text()
        self.answers += Counter(text.answer for text in texts)
        self.acknowledged += Counter(_kind(text) for text in texts if text.answer is Answer.ACKNOWLEDGED)
        self.injected += phase.books.injected

    def table(self, seconds: float) -> str:
        """The report as a Markdown table."""
        rows = [
            ("seconds", f"{seconds:.0f}"),
            *((f"lines {answer}", f"{self.answers[answer]:,}") for answer in Answer),
            ("share of lines unknown", f"{self.unknown_share:.1%}"),
            *((what, f"{count:,}") for what, count in sorted(self.injected.items(), key=lambda pair: pair[0].lower())),
            ("problems", f"{len(self.problems)}"),
        ]
        return "\n".join(["| soak | |", "|---|---|", *(f"| {what} | {count} |" for what, count in rows)])


def _kind(text: Text) -> str:
    if text.words.startswith("cup "):
        return "cup"
    if len(text.words) == LONGEST:
        return "long line"
    if text.block:
        return "block"
    return text.writer.rstrip("0123456789-. ")


@contextmanager
def small_disk() -> Iterator[tuple[Path, bool]]:
    """A folder on a disk of its own that can be filled, if we may mount one, and whether we may."""
    folder = Path(tempfile.mkdtemp(prefix="3am-soak-"))
    argv = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=755", "tmpfs", str(folder)]
    mounted = subprocess.run(argv, stderr=subprocess.DEVNULL).returncode == 0
    folder.chmod(0o755)
    try:
        yield folder, mounted
    finally:
        shutil.rmtree(f"{folder}-private", ignore_errors=True)
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)
        shutil.rmtree(folder, ignore_errors=True)


def run(seconds: float, seed: int, *, mutant: str = "", plans: tuple[Plan, ...] = PLANS, lines: int = 0) -> Report:
    """Soaks for ``seconds``, and until each phase has acknowledged ``lines``; then balances the books."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # SIGQUIT would leave a core for each process
    report, total = Report(), sum(plan.share for plan in plans)
    rounds = max(1, round(seconds / ROUND))  # each is judged by itself: a night does not fit into memory
    with small_disk() as (folder, mounted):
        report.disk_can_be_filled = mounted
        for number, plan in enumerate(plans * rounds):
            place, private = folder / str(number), Path(f"{folder}-private") / str(number)
            phase = Phase(place, private, random.Random(f"{seed} {number}"), mutant)
            phase.prepare()
            end = End(seconds * plan.share / total / rounds, lines)
            try:
                problems = _run_phase(phase, plan, end, mounted=mounted)
            finally:
                phase.kill_all()
            report.problems += [Problem(problem.rule, f"{plan.name}: {problem.text}") for problem in problems]
            report.add(phase)
            shutil.rmtree(place)
            shutil.rmtree(private)
    return report


def _run_phase(phase: Phase, plan: Plan, end: End, *, mounted: bool) -> list[Problem]:
    _say(phase, "the first")
    for path in (phase.log, phase.lock):  # for the second user
        os.chown(path, -1, GROUP)
        path.chmod(0o660)
    heard = [Follower(phase, number) for number in range(2)]
    taker = LogTaker(phase)
    work: list[Callable[[], None]] = [
        *(lambda name=name: notes(phase, name) for name in ("note0", "note1")),
        lambda: hypotheses(phase, "claim"),
        *(lambda name=name: script(phase, name) for name in ("script0", "script1")),
        lambda: streams(phase, "stream0"),
        lambda: streams(phase, "cramped", cramped=True),
        lambda: streams(phase, "second", second_user=True),
        lambda: screens(phase, "screen"),
        lambda: disturbances.signals(phase),
        lambda: disturbances.holders(phase),
        *(
            lambda disturb=disturb: disturb(phase)
            for disturb in plan.disturbances
            if mounted or disturb is not disturbances.full_disks
        ),
        *([] if plan.rules.log else [taker.run]),
    ]
    threads = [threading.Thread(target=_guarded, args=(phase, task)) for task in work]
    for thread in threads:
        thread.start()
    end.wait(phase)
    phase.stopped.set()
    for thread in threads:
        thread.join()
    phase.forget_clocks()
    _say(phase, LAST)
    printed = [follower.finish(LAST) for follower in heard]
    there = files_in(str(phase.folder), phase.log.name)
    files = chain(there, phase.log.name) if plan.rules.log else _in_order_of_time(there, taker)
    phase.books.injected["rotations"] += sum(file.before is not None for file in files)
    doctor = subprocess.run(three_am("doctor", "--json"), env=phase.env(), capture_output=True)
    evidence = Evidence(
        journal_of(files, phase.books),
        [json.loads(line) for line in doctor.stdout.splitlines()],
        doctor.returncode,
        printed,
        [follower.told_of_a_gap for follower in heard],
        phase.notes.read_text().splitlines(),
        sorted({file.name for file in there} - {file.name for file in files}),
    )
    return judge(phase.books, evidence, plan.rules)


def _say(phase: Phase, words: str) -> None:
    """Writes one line while nothing is injected: it must be acknowledged."""
    text = phase.books.begin(words, words)
    done = subprocess.run(three_am("log", "-q", words), env=phase.env(), capture_output=True)
    text.set(Answer.ACKNOWLEDGED if done.returncode == 0 else Answer.UNKNOWN)
    if done.returncode != 0:
        phase.books.problem("undisturbed", f"{words!r}: exit {done.returncode}: {done.stderr!r}")


def _guarded(phase: Phase, work: Callable[[], None]) -> None:
    """Runs ``work``; an error of the harness is a problem, and not a thread that is missing without a word."""
    try:
        work()
    except Exception:
        phase.books.problem("harness", traceback.format_exc())


def _in_order_of_time(there: list[File], taker: LogTaker) -> list[File]:
    """The files of several logs of one name: rotated when their names say, taken away when the taker says."""
    taken = taker.files()
    inodes = {file.inode for _, file in taken}
    dated = [*taken, *((_rotated_at(file.name), file) for file in there if file.inode not in inodes)]
    return [file for _, file in sorted(dated, key=lambda pair: pair[0])]


def _rotated_at(name: str) -> int:
    """When a file got the name that a rotation gives (ns); the live log comes last."""
    match = _ROTATED_AT.search(name)
    if match is None:
        return sys.maxsize
    seconds = calendar.timegm(time.strptime(match[1], "%Y%m%dT%H%M%S"))
    return seconds * 1_000_000_000 + int(match[2])


def main() -> int:
    """Runs it by hand."""
    parser = argparse.ArgumentParser(description="Soaks 3am.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--mutant", choices=sorted(MUTANTS), default="")
    args = parser.parse_args()
    report = run(args.seconds, args.seed, mutant=args.mutant)
    print(report.table(args.seconds))
    for problem in report.problems[:40]:
        print(f"{problem.rule}: {problem.text}", file=sys.stderr)
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
