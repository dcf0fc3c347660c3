"""`3am provoke` from end to end: on programs whose windows are known, and on a search that is ended half way."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from support.commands import Run, good, refused
from support.experiment_runs import all_entries, lines_of, outcomes, report_json
from support.processes import eventually, is_gone, three_am
from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.experiments.experiment import NOT_RUN
from threeam.experiments.failure_rule import FailureRule
from threeam.experiments.provoke.budget import RunBudget
from threeam.experiments.provoke.confirmation import confirming_runs, has_candidate
from threeam.experiments.provoke.halving import Halving, plan_rounds
from threeam.experiments.provoke.python_run import find_python_calls
from threeam.experiments.provoke.search import Search
from threeam.experiments.provoke.search_plan import Reproducer
from threeam.experiments.statistics.stats import fisher_exact

pytestmark = pytest.mark.slow

WINDOWS = Path(__file__).with_name("windows")
# Fails if a tracer is attached, as it is by every delay, and in no other way.
IS_TRACED = ("grep", "-q", "TracerPid:.0$", "/proc/self/status")
SEARCH_S = 600  # what a search may take beside other tests


@pytest.fixture
def build(tmp_path: Path) -> Callable[[str], str]:
    """Return a function that compiles a program of the folder `windows`, and returns its path."""

    def compiled(name: str) -> str:
        program = tmp_path / name
        source = str(WINDOWS / f"{name}.c")
        subprocess.run(["cc", "-g", "-O1", "-pthread", "-o", str(program), source], check=True, timeout=60)
        return str(program)

    return compiled


def test_a_window_between_two_system_calls_is_named_with_its_line(
    build: Callable[[str], str], log: Path, run: Run
) -> None:
    out = good(run("provoke", "--", build("two_calls"), timeout=SEARCH_S)).splitlines()
    assert "Verdict: delay:mkdir=20ms provokes " in out[-1]
    assert "look at open_store (two_calls.c:14) ← main (two_calls.c:" in out[-1]
    assert 'mkdir("/tmp/store-' in out[-1]
    bare, delayed = report_json(run, "R2")["arms"]
    assert bare["failed"] < delayed["failed"]
    assert "delay:mkdir=20ms" in good(run("run", "--report", "R1"))


def test_noise_and_memcheck_are_not_tried_in_a_program_that_loads_no_library(
    tmp_path: Path, log: Path, run: Run
) -> None:
    """Otherwise the result excludes windows between lock operations, which noise has left as they were."""
    program = tmp_path / "two_locks"
    source = str(WINDOWS / "two_locks.c")
    subprocess.run(["cc", "-static", "-pthread", "-o", str(program), source], check=True, timeout=60)
    run("provoke", "-q", "--budget", "60", "--", str(program), timeout=SEARCH_S)
    plan = next(entry for entry in all_entries(log) if entry.kind == "Plan")
    assert "noise has no effect in " in plan.body
    assert "memcheck does not know how " in plan.body
    assert not {"noise", "memcheck"} & set((plan.tag("PLAN") or "").partition(" arms=")[2].split(" ")[0].split(","))


def test_a_window_between_two_lock_operations_is_opened_by_noise(
    build: Callable[[str], str], log: Path, run: Run
) -> None:
    out = good(run("provoke", "--budget", "400", "--", build("two_locks"), timeout=SEARCH_S)).splitlines()
    assert "Verdict: noise provokes " in out[-1]
    assert "look at" not in out[-1]
    bare, noisy = report_json(run, "R2")["arms"]
    assert bare["failed"] < noisy["failed"]


def test_without_a_window_nothing_is_named(build: Callable[[str], str], log: Path, run: Run) -> None:
    """Each search may name an arm by chance, with a probability of 2.5 % at most: three do so once in 60,000."""
    program = build("no_window")
    texts = []
    for number in range(3):
        done = run("provoke", "-j", f"night-{number}", "-q", "--budget", "200", "--", program, timeout=SEARCH_S)
        report = run("run", "-j", f"night-{number}", "--report", "R1").stdout.decode()
        assert (" provokes " in report) == (done.returncode == 0)
        texts.append(report)
    assert any("what remains: a window between two accesses to memory" in text for text in texts), texts


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.3, 0.6])
@pytest.mark.parametrize("arms", [3, 12, 30])
def test_an_arm_is_named_by_chance_in_at_most_one_of_twenty_searches(rate: float, arms: int) -> None:
    """All arms fail equally often. The search chooses as it does, and makes as many fresh runs as it would."""
    wrong, tries = 0, 500
    for seed in range(tries):
        random = Random(f"{rate} {arms} {seed}")
        halving = Halving(arms - 1, plan_rounds(arms - 1, 200), seed)
        facts = {"stamp": Stamp(0), "author": None, "hypothesis": None, "text": "", "file": "", "identity": ""}
        names = tuple(f"arm{i}" for i in range(arms))
        search = Search(
            number=1, arms=names, halving=halving, budget=RunBudget(300), fingerprint="",
            outcomes=NOT_RUN * halving.total, spent_ns=0, **facts,  # type: ignore[arg-type]
        )  # fmt: skip
        while not (progress := search.progress()).is_over:
            made = search.outcomes.rstrip(NOT_RUN)
            made += "".join("A" if random.random() < rate else "a" for _ in progress.arms[len(made) :])
            search = search._replace(outcomes=made.ljust(search.total, NOT_RUN))
        if has_candidate(search):
            n = confirming_runs(search)
            bare, chosen = (sum(random.random() < rate for _ in range(n)) for _ in range(2))
            wrong += chosen > bare and fisher_exact(bare, n, chosen, n) < 0.05
    assert wrong <= 0.05 * tries


def test_an_arm_that_fails_in_another_way_is_not_taken_for_the_bug(log: Path, run: Run, few_programs: str) -> None:
    """Under a tracer it always fails, and prints something else than the failure of three in ten bare runs.

    The arms without a tracer fail as bare does: one may be named by chance.
    """
    script = "grep -q 'TracerPid:.0$' /proc/self/status || { echo a tracer is attached; exit 1; }; "
    script += "[ $(od -An -N1 -tu1 /dev/urandom) -ge 77 ] || { echo two workers took one job; exit 1; }"
    command = ("-H", "H1", "--", "sh", "-c", script)
    run("hyp", "new", "-q", "two workers take one job")
    run("run", "-q", "-n", "60", *command, PATH=few_programs)
    run("provoke", "-q", "--budget", "150", *command, PATH=few_programs, timeout=SEARCH_S)
    report = run("run", "--report", "R2").stdout.decode()
    assert re.search(r"delay:\S+ provokes ", report) is None, report
    assert "a tracer is attached" in report.partition("KINDS OF FAILURE")[2]
    assert " of them in another way" in report


@pytest.fixture
def few_programs(tmp_path: Path) -> str:
    """A PATH without a compiler and valgrind, which take long."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("true", "env", "sh", "grep", "strace", "sleep", "wc", "od", "addr2line", "mktemp", "rm"):
        (programs / name).symlink_to(f"/usr/bin/{name}")
    return str(programs)


def test_an_arm_is_found_confirmed_by_fresh_runs_and_its_call_is_named(log: Path, run: Run, few_programs: str) -> None:
    run("hyp", "new", "-q", "a tracer is seen")
    words = ("provoke", "--budget", "120", "-H", "H1", "--", *IS_TRACED)
    out = good(run(*words, PATH=few_programs, timeout=SEARCH_S)).splitlines()
    assert "] [H1: open] [PLAN: search rounds=" in out[0]
    assert "no cc: install gcc" in out[0]
    assert "memcheck needs valgrind" in out[0]
    assert "[R2: 0/40] [H1: open] [PLAN: n=20 " in out[1]
    assert "[VERDICT: bare=0/20 delay:" in out[2]
    assert "[VERDICT: delay:" in out[3]
    failure = "a failure that bare has not shown (3am run --report R2 --kind a prints it)"
    assert f" provokes {failure}: 20/20 against 0/20 bare in fresh runs (R2, p = " in out[3]
    assert ": 3am fixed H1 --arm delay:" in out[3]
    assert len(out) == 4
    assert good(run("run", "--report", "R1", "--kind", "a")).startswith("== R1 ")
    arms = outcomes(all_entries(log))
    assert {outcome for arm, outcome in arms if arm.startswith("delay:")} == {"failed"}
    assert {outcome for arm, outcome in arms if not arm.startswith("delay:")} == {"passed"}
    (stacks,) = Path(f"{log}.d").glob("R1-0-*.out")
    assert " > /" in stacks.read_text()
    assert f"[FILE: {stacks.name}]" in out[3]

    report = good(run("run", "--report", "R1"))
    assert report.startswith("R1 H1\n  delay:")
    assert "\n  bare 0/" in report
    assert report_json(run, "R2")["hypothesis"] == 1
    assert "R1 is done: delay:" in refused(run("run", "--resume", "R1"), 1)
    assert (report_json(run, "R1")["type"], report_json(run, "R1")["confirmation"]) == ("search", "R2")
    assert "R1 is a search" in refused(run("run", "--more", "5", "R1"), 1)


IN_A_SHELL = (
    "d=$(mktemp -d); {python} {script} worker $d 0 & first=$!; {python} {script} worker $d 0.003; second=$?; "
    "wait $first; first=$?; rm -r $d; exit $((first + second))"
)


@pytest.mark.parametrize(
    ("words", "callers"),
    [
        (["{python}", "{script}"], " ← work (claim.py:{work}) ← main (claim.py:"),
        (["{python}", "{script}", "threads"], " ← work (claim.py:{work}): mkdir("),
        (["sh", "-c", IN_A_SHELL], " ← work (claim.py:{work}) ← main (claim.py:"),
        (["{python}", "-E", "{script}"], None),
    ],
    ids=["processes", "threads", "children of a shell", "without its environment"],
)
def test_the_line_of_a_python_program_is_named(
    log: Path, run: Run, few_programs: str, words: list[str], callers: str | None
) -> None:
    """Without its environment Python does not write its stacks, and the verdict has the call only."""
    script = WINDOWS / "claim.py"
    numbered = {line.strip(): number for number, line in enumerate(lines_of(script), 1)}
    makes, works = numbered["path.mkdir()"], numbered["wrong += [] if claim(folder) else [True]"]
    command = [word.format(python=sys.executable, script=script) for word in words]
    out = good(run("provoke", "--budget", "120", "--", *command, PATH=few_programs, timeout=SEARCH_S)).splitlines()
    assert "Verdict: delay:mkdir=20ms provokes " in out[-1]
    call = 'job", 0777) = -1 EEXIST (File exists); '
    if callers is None:
        assert '; the call: mkdir("/tmp/' in out[-1]
        assert f"{call}its line is not known: Python seems to ignore PYTHONPATH (-E, " in out[-1]
        return
    assert f"; look at claim (claim.py:{makes}){callers.format(work=works)}" in out[-1]
    assert call in out[-1]
    assert out[-1].partition("Verdict: ")[2] in good(run("run", "--report", "R1"))
    assert f"look at claim (claim.py:{makes})" in report_json(run, "R1")["result"]
    (stacks,) = Path(f"{log}.d").glob("R1-0-*.out")
    assert f'  File "{script}", line {makes}, in claim\n' in stacks.read_text()


def test_a_python_program_that_waits_gets_a_few_signals_only(tmp_path: Path) -> None:
    """Each signal interrupts the wait, and the call is made again."""
    script = tmp_path / "waits.py"
    script.write_text(
        "import fcntl, os, time\n"
        "first, second = (open(f'{__file__}.lock', 'w') for _ in range(2))\n"
        "fcntl.flock(first, fcntl.LOCK_EX)\n"
        "if not os.fork():\n"
        "    time.sleep(1)\n"
        "    os._exit(0)\n"
        "first.close()\n"
        "fcntl.flock(second, fcntl.LOCK_EX)\n"
    )
    waits = Reproducer((sys.executable, str(script)), FailureRule(), 30 * NS_PER_S, str(tmp_path))
    lines = Counter(made.frames[0].line for made in find_python_calls(waits, ["flock"], 2))
    assert lines[3] == 1
    assert 2 <= lines[8] <= 14


def test_the_writes_of_a_python_program_are_found_one_by_one(tmp_path: Path) -> None:
    """Its stacks are made of writes, too."""
    script = tmp_path / "writes.py"
    script.write_text("import os\nos.write(1, b'a')\ndef second():\n    os.write(1, b'b' * 200)\nsecond()\n")
    writes = Reproducer((sys.executable, str(script)), FailureRule(), 30 * NS_PER_S, str(tmp_path))
    made = find_python_calls(writes, ["write"], 2)
    assert [(call.call[:12], call.frames[0].line) for call in made] == [('write(1, "a"', 2), ('write(1, "bb', 4)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_what_ends_it_keeps_its_runs_and_resume_makes_the_others(
    log: Path, run: Run, tmp_path: Path, few_programs: str, number: signal.Signals
) -> None:
    stops = "echo $$ >> turns; [ $(wc -l < turns) -ne 9 ] || [ -e go ] || exec sleep 600"
    with three_am("provoke", "-q", "--budget", "67", "--", "sh", "-c", stops, PATH=few_programs) as running:
        eventually(lambda: len(lines_of(tmp_path / "turns")) == 9, "the 9th run goes on")
        stopped = int(lines_of(tmp_path / "turns")[8])
        running.send_signal(number)
        assert running.wait(20) == (-9 if number == signal.SIGKILL else 128 + number)
        assert running.stderr is not None
        if number != signal.SIGKILL:
            assert b"R1 is ended before its plan is done: 3am run --resume R1 continues it" in running.stderr.read()
        eventually(lambda: is_gone(stopped), "the run has ended")
        label = b"cut" if number != signal.SIGKILL else b"lost"
        eventually(lambda: b" " + label + b" exit=" in log.read_bytes(), "a line says that it has no result")
    made = sum(outcomes(all_entries(log)).values())
    (tmp_path / "go").touch()
    ended = run("run", "-q", "--resume", "R1", PATH=few_programs)
    assert ended.returncode == 1, ended.stderr
    report = run("run", "--report", "R1").stdout.decode()
    assert "nothing failed in 2" in report
    assert sum(outcomes(all_entries(log)).values()) >= 20 > made
    assert sum(outcomes(all_entries(log)).values()) == int(report.partition("nothing failed in ")[2].split()[0])


def test_a_search_that_is_ended_while_it_looks_for_the_line_is_resumed(
    log: Path, run: Run, tmp_path: Path, few_programs: str
) -> None:
    """Its script waits in the run with the stacks of Python, the only one with another PYTHONPATH."""
    script = tmp_path / "waits.py"
    script.write_text(
        "import os, sys, time\n"
        "if 'python_site' in os.environ.get('PYTHONPATH', '') and not os.path.exists('go'):\n"
        "    open('pid', 'w').write(f'{os.getpid()}\\n')\n"
        "    time.sleep(600)\n"
        "os.mkdir('made')\n"
        "os.rmdir('made')\n"
        "sys.exit('TracerPid:\\t0' not in open('/proc/self/status').read())\n"
    )
    pid = tmp_path / "pid"
    words = ("provoke", "-q", "--budget", "80", "--", sys.executable, str(script))
    with three_am(*words, PATH=few_programs) as running:
        eventually(lambda: lines_of(pid) != [], "the run with the stacks goes on", SEARCH_S)
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130
        assert running.stderr is not None
        assert b"R1 is ended before its plan is done: 3am run --resume R1 continues it" in running.stderr.read()
    eventually(lambda: is_gone(int(lines_of(pid)[0])), "the run has ended")
    (tmp_path / "go").touch()
    out = good(run("run", "--resume", "R1", PATH=few_programs, timeout=SEARCH_S)).splitlines()
    assert len(out) == 1
    assert "Verdict: delay:" in out[0]


def test_a_running_search_is_not_resumed_by_another_process(
    log: Path, run: Run, tmp_path: Path, few_programs: str
) -> None:
    stops = "echo $$ >> turns; [ $(wc -l < turns) -ne 4 ] || exec sleep 600"
    with three_am("provoke", "-q", "--budget", "67", "--", "sh", "-c", stops, PATH=few_programs) as running:
        eventually(lambda: len(lines_of(tmp_path / "turns")) == 4, "the 4th run goes on")
        assert "R1 is being run by another process" in refused(run("run", "--resume", "R1", PATH=few_programs), 1)
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130
