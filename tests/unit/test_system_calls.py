"""The system calls of a command as strace counts them, and which delays are tried."""

from __future__ import annotations

from threeam.experiments.provoke.system_calls import CallCounts, delays_to_try, parse_summary

SUMMARY = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 61.28    0.002417        1208         2           wait4
 12.07    0.000476          25        19           mmap
  9.99    0.000394           9        41        12 openat
  6.01    0.000237         118         2         1 mkdir
  3.30    0.000130          43         3         1 execve
  0.00    0.000000           0         1           exit_group
------ ----------- ----------- --------- --------- ----------------
100.00    0.003944          58        68        14 total
"""


def test_calls_and_programs_are_counted() -> None:
    counts = parse_summary(SUMMARY)
    assert counts.calls == {"wait4": 2, "mmap": 19, "openat": 41, "mkdir": 2, "execve": 3, "exit_group": 1}
    assert counts.programs == 2
    assert parse_summary("strace: exec: No such file or directory\n") == CallCounts({}, 0)


def test_rare_calls_come_first_and_frequent_ones_are_delayed_shortly() -> None:
    counts = CallCounts({"openat": 400, "mkdir": 2, "rmdir": 1, "read": 100_000, "mmap": 9, "getpid": 1}, 1)
    assert delays_to_try(counts, CallCounts({}, 1)) == ["delay:rmdir=20ms", "delay:mkdir=20ms", "delay:openat=1ms"]


def test_calls_that_change_what_others_see_come_before_those_that_only_ask() -> None:
    counts = CallCounts({"statfs": 1, "wait4": 2, "getpgrp": 1, "mkdir": 4}, 1)
    assert delays_to_try(counts, CallCounts({}, 1)) == ["delay:mkdir=20ms", "delay:statfs=20ms", "delay:wait4=20ms"]


def test_calls_that_each_program_makes_to_start_are_left_out() -> None:
    counts = CallCounts({"openat": 6, "close": 6, "read": 3, "access": 3}, 3)
    assert delays_to_try(counts, CallCounts({"openat": 2, "close": 2, "read": 1, "access": 1}, 1)) == []
    assert delays_to_try(counts, CallCounts({"openat": 1, "close": 2, "read": 1, "access": 1}, 1)) == [
        "delay:openat=20ms"
    ]


def test_the_exit_of_a_program_with_threads_is_delayed_too() -> None:
    assert delays_to_try(CallCounts({"clone3": 2}, 1), CallCounts({}, 1)) == [
        "delay:clone3=20ms",
        "delay:exit_group=20ms",
    ]
