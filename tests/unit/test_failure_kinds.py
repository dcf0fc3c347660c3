"""Kinds of failure, on the recorded outputs of small racy programs in seven languages (tests/unit/recorded_runs).

The sources of the programs are beside the outputs. Each output is labelled with its cause, which the program knows.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple

import pytest

from threeam.experiments.experiment import FailureKind
from threeam.experiments.failure_rule import FAILED, PASSED, TIMED_OUT
from threeam.experiments.kinds.failure_kinds import LETTERS, FailedRun, KindFinder
from threeam.experiments.kinds.output_features import describe_output, find_features, split_output
from threeam.process.hang import STACKS_LINE

RECORDED = Path(__file__).parent / "recorded_runs"
LANGUAGES = ("python", "c", "go", "java", "node", "perl", "bash")
each_language = pytest.mark.parametrize("language", LANGUAGES)


class RecordedRun(NamedTuple):
    """A run whose output was recorded, with the ``cause`` of its failure; empty: it passed."""

    run: FailedRun
    cause: str


def recorded_runs(language: str) -> list[RecordedRun]:
    """Return the recorded runs of a language, in the order in which they were made."""
    runs = []
    for part in (RECORDED / f"{language}.txt").read_bytes().split(b"@@ ")[1:]:
        head, _, output = part.partition(b"\n")
        outcome, exit_code, *cause = head.decode().split(" ", 2)
        runs.append(RecordedRun(FailedRun(outcome, int(exit_code), output), "".join(cause)))
    return runs


def kinds_of(runs: list[RecordedRun], finder: KindFinder) -> dict[FailureKind, list[str]]:
    """Return the causes of the runs of each kind."""
    causes: dict[FailureKind, list[str]] = {}
    for run, cause in runs:
        if run.outcome == PASSED:
            finder.add_passed(run.output or b"")
        else:
            causes.setdefault(finder.find(run), []).append(cause)
    return causes


def find_kind(output: str, *, finder: KindFinder, exit_code: int = 1, outcome: str = FAILED) -> FailureKind:
    return finder.find(FailedRun(outcome, exit_code, output.encode()))


@each_language
def test_each_kind_is_one_cause_and_each_cause_is_one_kind(language: str) -> None:
    runs = recorded_runs(language)
    for seed in range(6):  # the order of the runs decides the letters, not the groups
        causes = kinds_of(runs, KindFinder())
        assert sorted(sorted(set(group)) for group in causes.values()) == sorted(
            [cause] for cause in {cause for _, cause in runs if cause}
        ), f"order {seed}"
        assert [kind.letter for kind in causes] == list(LETTERS[: len(causes)])
        random.Random(seed).shuffle(runs)


@pytest.mark.parametrize(
    ("language", "descriptions"),
    [
        (
            "python",
            ["LOST UPDATE: 18 hits were counted by 6882, 24 were made", "KeyError: 'user-5' in read_entry"],
        ),
        (
            "c",
            [
                "SIGABRT, bank: c/bank.c:23: begin_transfer: Assertion `in_transfer <= 2' failed.",
                "balance is 1011 in place of 1020",
                "time-out, in __futex_abstimed_wait_common",
            ],
        ),
        (
            "go",
            [
                "fatal error: all goroutines are asleep - deadlock! in main.(*Stopper).Stop",
                "fatal error: all goroutines are asleep - deadlock! in main.(*Stopper).Quiesce",
                "panic: runtime error: index out of range [9] with length 9 in main.sum",
            ],
        ),
        (
            "node",
            [
                "TypeError: Cannot read properties of undefined (reading 'toFixed') in takeJob",
                "TypeError: Cannot read properties of undefined (reading 'total') in readResult",
            ],
        ),
        (
            "perl",
            [
                "the book is empty at perl/tickets.pl line 15. in main::read_book",
                "tickets sold twice: 1 are left",
            ],
        ),
    ],
)
def test_the_line_of_a_kind_says_what_happened_and_in_which_function(language: str, descriptions: list[str]) -> None:
    causes = kinds_of(recorded_runs(language), KindFinder())
    assert [kind.description for kind in causes] == descriptions


@pytest.mark.parametrize(
    ("tool", "functions", "description"),
    [
        ("valgrind", "consume free main malloc", "Invalid read of size 1 in consume"),
        (
            "AddressSanitizer",
            "__interceptor_free __interceptor_malloc __libc_start_call_main __libc_start_main_impl _start consume main",
            "ERROR: AddressSanitizer: heap-use-after-free on address",
        ),
        ("backtrace(3)", "__libc_start_main _start main", "in main"),
        (
            "Rust",
            "__rustc::rust_begin_unwind core::ops::function::FnOnce::call_once core::panicking::panic_bounds_check "
            "core::panicking::panic_fmt p::main p::take",
            "thread 'main' (27655) panicked at p.rs:1:44:",
        ),
        ("faulthandler", "<module> _bootstrap _bootstrap_inner run take_both", "in take_both"),
        ("py-spy", "<module> Thread._bootstrap Thread._bootstrap_inner Thread.run take_both", "in <module>"),
        (
            "gdb",
            "___pthread_mutex_lock __GI___futex_abstimed_wait_cancelable64 __GI___lll_lock_wait "
            "__futex_abstimed_wait_common __futex_abstimed_wait_common64 __pthread_clockjoin_ex clone3 deposit_all "
            "futex_wait lll_mutex_lock_optimized lock_both main start_thread withdraw_all",
            "in futex_wait",
        ),
    ],
)
def test_the_functions_of_stacks_are_found_as_each_tool_prints_them(
    tool: str, functions: str, description: str
) -> None:
    parts = dict(part.split("\n", 1) for part in (RECORDED / "stacks.txt").read_text().split("@@ ")[1:])
    lines = split_output(parts[tool].encode())
    features = find_features(lines)
    assert features.has_stacks
    assert features.marks == set(functions.split())
    assert describe_output(lines, ()).startswith(description)


def test_a_program_that_broke_in_another_way_is_not_taken_for_the_lost_update() -> None:
    finder = KindFinder()
    a = find_kind("LOST UPDATE: v is 1 after two increments", finder=finder)
    assert find_kind("LOST UPDATE: v is 3 after two increments", finder=finder) == a
    b = find_kind("LOST UPDATE: v is  after two increments", finder=finder)
    assert (a.letter, b.letter, b.description) == ("a", "b", "LOST UPDATE: v is  after two increments")


def test_what_depends_on_chance_does_not_make_a_kind() -> None:
    finder = KindFinder()
    texts = [
        "\x1b[31m12:00:01.5 job 5f2c9a11 failed after 1.5 s in /tmp/tmp.Qx1/out at 0x7ffe01 for 'bob' (-3)\x1b[0m",
        "23:59:59.25 job 00ab34ef failed after 900 ms in /tmp/pytest-3/x at 0x55aa for 'alice' (7)",
        '1:2:3 job 123e4567-e89b-12d3-a456-426614174000 failed after 2 min in /var/tmp/q at 0x1 for "eve" (0)',
    ]
    assert len({find_kind(text, finder=finder) for text in texts}) == 1


@pytest.mark.parametrize(
    "texts",
    [
        [
            f"{date} web1 app[{pid}]: ERROR lost update"
            for date, pid in (("Nov 30 23:59:59", 7), ("Dec  1 00:00:01", 81))
        ],
        [f"ERROR at {date}" for date in ("Mon Nov 30 08:23:07 UTC 2026", "Tue Dec  1 09:01:00 UTC 2026")],
        [f'[{date} +0000] "GET /x" 500 error' for date in ("30/Nov/2026:23:59:59", "01/Dec/2026:00:00:01")],
        [f"error: cannot make /scratch/{name}/db" for name in ("tmp.aBcDeFgHiJ", "tmp.Q1w2E3r4T5")],
        [f"error: cannot make /scratch/{name}/db" for name in ("tmpabcdefgh", "tmpa1_x4y5z")],
        [f"error: host {address} is lost" for address in ("fe80::1a2b", "2001:db8::7:12", "02:42:ac:11:00:02")],
        [f"FAIL after {time}" for time in ("1m2.3s", "59.9s", "2h3m", "300ms")],
        [f"error: missing [{numbers}]" for numbers in ("7", "7, 8", "1, 2, 3")],
        [f"error: got {value}" for value in (r"b'\xe3\x81'", r"b'ab'")],
    ],
    ids=lambda texts: texts[0],
)
def test_dates_folders_addresses_and_lists_do_not_make_a_kind(texts: list[str]) -> None:
    finder = KindFinder()
    assert len({find_kind(text, finder=finder) for text in texts}) == 1


@pytest.mark.parametrize(
    "text",
    ["ERROR shop::db connection {} is lost", "ERROR: lost a lock (pid {})", "✗ shard {} is lost", "✗ took {} ms"],
)
def test_a_message_that_looks_like_a_failed_test_has_numbers_of_chance(text: str) -> None:
    finder = KindFinder()
    assert len({find_kind(text.format(number), finder=finder) for number in (7, 81, 4711)}) == 1


def test_bytes_that_are_not_text_do_not_make_a_kind() -> None:
    finder, rng = KindFinder(), random.Random(1)
    garbage = (bytes(rng.randrange(128, 256) for _ in range(8)) for _ in range(20))
    assert len({finder.find(FailedRun(FAILED, 1, b"error: record %s is corrupt\n" % data)) for data in garbage}) == 1


@pytest.mark.parametrize(
    ("runner", "output"),
    [
        (
            "pytest",
            "============ FAILURES ============\n______ test_{0} ______\n\n    def test_{0}():\n"
            ">       assert stock() == 1\nE       assert 0 == 1\n\ntest_shop.py:6: AssertionError\n"
            "====== short test summary info ======\nFAILED test_shop.py::test_{0} - assert 0 == 1\n"
            "====== 1 failed, 2 passed in 0.03s ======\n",
        ),
        ("unittest", "FAIL: test_{0} (__main__.Shop.test_{0})\nAssertionError: 0 != 1\nFAILED (failures=1)\n"),
        ("Go", "--- FAIL: Test{0} (0.01s)\n    shop_test.go:12: got 0, want 1\nFAIL\nexit status 1\n"),
        (
            "TAP",
            "not ok 1 - {0}\n  failureType: 'testCodeFailure'\n  code: 'ERR_ASSERTION'\n  name: 'AssertionError'\n"
            "  stack: |-\n    Test.run (node:internal/test_runner/test:796:25)\n# fail 1\n",
        ),
        ("Rust", "test tests::{0} ... FAILED\nassertion `left == right` failed\ntest result: FAILED. 0 passed\n"),
        ("GoogleTest", "error: Expected equality of these values:\n[  FAILED  ] Shop.{0} (3 ms)\n 1 FAILED TEST\n"),
        (
            "Maven",
            "[ERROR] Shop.{0}  Time elapsed: 0.01 s  <<< FAILURE!\nerror: expected: <1> but was: <0>\nerrors: 1\n",
        ),
        ("jest", "  ● shop › {0}\n    expect(received).toBe(expected)\nFAIL\nTests failed: 1\n"),
        ("Mocha", "  0 passing (5ms)\n  1 failing\n\n  1) {0}:\n     AssertionError: 0 != 1\n"),
        ("CTest", "The following tests FAILED:\n\t  3 - {0} (Failed)\nErrors while running CTest\nOutput failed\n"),
        ("Node.js", "✖ {0} (1.23ms)\n  AssertionError: Expected values to be strictly equal:\nfail 1\n"),
        ("RSpec", "Failures: 1\nFailed examples:\n\nrspec ./{0}_spec.rb:3 # counts\n"),
        ("PHPUnit", "There was 1 failure:\n\n1) ShopTest::{0}\nFailed asserting that 0 is 1.\nFAILURES!\n"),
    ],
    ids=lambda value: value if len(value) < 12 else "",
)
def test_two_tests_that_fail_are_two_kinds_though_the_runner_prints_nearly_the_same(runner: str, output: str) -> None:
    finder = KindFinder()
    first, second, both = (output.format("first"), output.format("second"), output.format("first") * 2)
    kinds = [find_kind(text, finder=finder) for text in (first, second, both)]
    assert [kind.letter for kind in kinds] == ["a", "b", "a"], runner
    assert ["first" in kinds[0].description, "second" in kinds[1].description] == [True, True], runner
    assert find_kind(first + second, finder=finder).letter == "c"


def test_lines_that_passing_runs_print_too_do_not_make_runs_alike() -> None:
    usual = "".join(f"step {name} is done\n" for name in ("alpha", "beta", "gamma", "delta", "omega"))
    finder = KindFinder()
    a = find_kind(usual + "the sum is odd", finder=finder)  # before any run has passed
    finder.add_passed(usual.encode())
    b = find_kind(usual + "the list is empty", finder=finder)
    assert (a.letter, b.letter) == ("a", "b")
    assert find_kind(usual + "the sum is odd", finder=finder) == a  # its first run is compared without them too
    assert b.description == "the list is empty"


def test_a_line_that_tells_an_error_counts_more_than_the_others() -> None:
    usual = "".join(f"step {name} is done\n" for name in ("alpha", "beta", "gamma", "delta", "omega"))
    finder = KindFinder()  # no run has passed yet
    a = find_kind(usual + "error: the sum is odd", finder=finder)
    assert find_kind(usual + "error: the list is empty", finder=finder) != a
    assert find_kind("step of today\nerror: the sum is odd", finder=finder) == a


def test_another_outcome_or_exit_code_is_another_kind() -> None:
    finder = KindFinder()
    kinds = [
        find_kind("boom", finder=finder),
        find_kind("boom", finder=finder, exit_code=3),
        find_kind("boom", finder=finder, exit_code=139),
        find_kind("boom", finder=finder, outcome=TIMED_OUT, exit_code=137),
        find_kind("", finder=finder, exit_code=3),
    ]
    assert [kind.letter for kind in kinds] == ["a", "b", "c", "d", "e"]
    assert [kind.description for kind in kinds] == [
        "boom",
        "boom",
        "SIGSEGV, boom",
        "time-out, boom",
        "exit 3, nothing but what passing runs print",
    ]


def test_the_line_of_a_hang_says_how_many_threads_wait_for_locks() -> None:
    (hung, *_) = [run for run, cause in recorded_runs("c") if cause == "crossed locks"]
    stacks = b"".join(line for line in (hung.output or b"").splitlines(True) if line.startswith((b"TID", b"#")))
    output = b"begins\n" + STACKS_LINE.encode() + b"\n" + stacks
    for outcome in (TIMED_OUT, FAILED):  # failed: by --fail timeout
        assert KindFinder().find(FailedRun(outcome, 137, output)).description == "time-out, 3 threads wait for locks"


def test_the_line_of_a_hang_without_locks_names_the_innermost_function() -> None:
    stacks = b"#0  0x00007f9cc7087f16 read\n#1  0x00007f9cc708cce3 main\n"
    output = b"\n" + STACKS_LINE.encode() + b"\n[3am: process 7, 1 thread: ./repro]\n" + stacks
    assert KindFinder().find(FailedRun(TIMED_OUT, 137, output)).description == "time-out, in read"


def test_the_same_stack_with_another_error_is_another_kind() -> None:
    finder = KindFinder()
    stack = "Traceback (most recent call last):\n" + "".join(
        f'  File "/srv/cart.py", line {line}, in {name}\n    {name}()\n' for line, name in ((9, "main"), (5, "take"))
    )
    a = find_kind(f"{stack}KeyError: 'blue'\n", finder=finder)
    assert find_kind(f"{stack}KeyError: 'red or green'\n", finder=finder) == a
    assert find_kind(f"{stack}RuntimeError: dictionary changed size during iteration\n", finder=finder) != a


@each_language
def test_a_resumed_plan_names_kinds_alike(language: str) -> None:
    runs = recorded_runs(language)
    random.Random(7).shuffle(runs)
    finder, kinds, first_runs = KindFinder(), list[FailureKind | None](), dict[FailureKind, FailedRun]()
    for run, _ in runs:
        if run.outcome == PASSED:
            finder.add_passed(run.output or b"")
            kinds.append(None)
        else:
            kind = finder.find(run)
            first_runs.setdefault(kind, run)
            kinds.append(kind)
    for done in range(len(runs)):
        known = [(kind, first_runs[kind]) for kind in dict.fromkeys(filter(None, kinds[:done]))]
        passed = [run.output or b"" for run, _ in runs[:done] if run.outcome == PASSED]
        resumed = KindFinder(known, passed)
        for (run, _), expected in zip(runs[done:], kinds[done:], strict=True):
            if expected is None:
                resumed.add_passed(run.output or b"")
            else:
                assert resumed.find(run) == expected


def test_a_kind_whose_output_is_gone_is_known_by_its_id() -> None:
    output = "error: the sum is odd"
    kind = find_kind(output, finder=KindFinder())
    finder = KindFinder([(kind, FailedRun(FAILED, 1, None))])
    assert find_kind(output, finder=finder) == kind
    other = find_kind("error: the list is empty", finder=finder)
    assert (other.letter, other.id != kind.id) == ("b", True)


def test_after_25_kinds_all_others_are_one() -> None:
    finder = KindFinder()
    kinds = [find_kind(f"error {word}", finder=finder) for word in _words(30)]
    assert "".join(kind.letter for kind in kinds) == LETTERS + "zzzz"
    assert len(set(kinds)) == 26
    assert find_kind("error aa", finder=finder) == kinds[0]


def _words(count: int) -> list[str]:
    return [2 * chr(ord("a") + i % 26) + i // 26 * "x" for i in range(count)]


def test_a_long_output_is_compared_by_its_two_ends() -> None:
    finder = KindFinder()
    middle = "".join(f"{word}\n" for word in _words(30)) * 5_000
    a = find_kind(f"begins\n{middle}error: the sum is odd\n", finder=finder)
    b = find_kind(f"begins\n{middle}error: the list is empty\n", finder=finder)
    assert (a.description, b.description) == ("error: the sum is odd", "error: the list is empty")
