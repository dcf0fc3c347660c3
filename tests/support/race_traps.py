"""Small logs that look like races, for the tests of `3am races`, and what its report may say of them."""

from __future__ import annotations

from pathlib import Path

from support.race_reports import Group, Report
from threeam.races.finding import Rule

CART = r"cart[=/ ](?P<key>\d+)"
JOB = r"job=(?P<key>\d+)"


def write(name: str, *lines: str) -> str:
    """Write a log and return its name."""
    Path(name).write_text("".join(f"{line}\n" for line in lines))
    return name


def at(time: str, text: str) -> str:
    """Return a line of 24 November, in UTC."""
    return f"2026-11-24T{time}Z {text}"


def downgraded(report: Report, rule: Rule, reason: str) -> Group:
    """Return the only row about a rule, which is not certain for a reason that contains a word."""
    assert report.certain == []
    (group,) = [group for group in report.groups if group.rule == rule]
    assert any(reason in doubt for doubt in group.doubts), group.doubts
    return group


def certain(report: Report, rule: Rule) -> Group:
    """Return the only row, which is certain: the same log without the trap."""
    (group,) = report.groups
    assert (group.rule, group.is_certain, group.doubts) == (rule, True, ())
    return group
