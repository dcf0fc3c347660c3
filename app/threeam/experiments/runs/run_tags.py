"""The tags of run, plan and verdict lines: how they are written and parsed."""

from __future__ import annotations

import re
from typing import NamedTuple

from threeam.core.format.entry import Entry, Stamp
from threeam.experiments.experiment import (
    BARE,
    MAX_ARMS,
    MAX_RUNS,
    NO_KIND,
    NOT_RUN,
    ArmUsage,
    FailureKind,
    MidwayChange,
    Run,
    RunRecord,
    outcome_code,
)
from threeam.experiments.failure_rule import CUT_SHORT, LOST, OUTCOMES, TIMED_OUT, format_exit

STOPPED_TAG = "STOPPED"
_EXPERIMENT_KEY = re.compile(r"R(\d{1,9})", re.ASCII)
_INDEX_VALUE = re.compile(r"(\d{1,9})/(\d{1,9})", re.ASCII)
_RUN_VALUE = re.compile(
    rf"(\S+) ({'|'.join((*OUTCOMES, CUT_SHORT, LOST))})"
    r" exit=(\d{1,19}) began=(\d{1,19}) ns=(\d{1,19}) cpu=(\d{1,19}) bytes=(\d{1,19})(?: |\Z)",
    re.ASCII,
)
_KIND_VALUE = re.compile(r"([a-z]) ([0-9a-f]{1,64})", re.ASCII)
_KIND_BODY = re.compile(r"Kind: [a-z] ?(.*)", re.DOTALL)
_LETTER = re.compile(r"[a-z]", re.ASCII)
_DAY_S = 86_400  # an offset from UTC is shorter, so the sum of both is never negative


class MalformedTag(Exception):
    """A tag that no version of 3am writes."""


# Which run a line is about.


class RunIndex(NamedTuple):
    """The number of an experiment, the number of a run in it (from 1; 0: the plan), and how many runs it has."""

    experiment: int
    run: int
    total: int


def index_tag(number: int, run_number: int, total: int) -> tuple[str, str]:
    """Return the tag of a line about the run ``run_number`` of ``total`` in the experiment ``number``."""
    return f"R{number}", f"{run_number}/{total}"


def parse_index(entry: Entry) -> RunIndex | None:
    """Return which run a line is about; None if it has no such tag."""
    for key, value in entry.tags:
        if (number := _EXPERIMENT_KEY.fullmatch(key)) and (place := _INDEX_VALUE.fullmatch(value)):
            return RunIndex(int(number[1]), int(place[1]), int(place[2]))
    return None


def run_label(entry: Entry) -> str | None:
    """Return ``R12``, or ``R12 37/400`` for one of many runs; None if the line is not about a run."""
    index = parse_index(entry)
    if index is None:
        return None
    name = f"R{index.experiment}"
    return f"{name} {index.run}/{index.total}" if entry.kind == "Run" and index.total > 1 else name


# One run.


def run_tags(run: Run, fingerprint: str = "") -> tuple[tuple[str, str], ...]:
    """Return the tags with the results of a run. ``fingerprint``: that of its experiment, if no plan line has it."""
    value = (
        f"{run.arm} {run.outcome} exit={run.exit_code} began={run.began_ns} ns={run.duration_ns} cpu={run.cpu_ns}"
        f" bytes={run.output_bytes}"
    )
    value += f" kind={run.kind}" if run.kind else ""
    tag = ("RUN", f"{value} same={fingerprint}" if fingerprint else value)
    return (tag, ("FILE", run.file)) if run.file else (tag,)


def run_from_entry(number: int, entry: Entry) -> Run | None:
    """Return the run of a line, with the ``number`` that it has in its experiment; None if the line has none."""
    value = entry.tag("RUN") or ""
    match = _RUN_VALUE.match(value)
    if match is None:
        return None
    kind = _parse_facts(value).get("kind", "")
    arm, outcome, *numbers = match.groups()
    exit_code, began_ns, duration_ns, cpu_ns, output_bytes = map(int, numbers)
    return Run(
        number,
        arm,
        outcome,
        exit_code,
        began_ns,
        duration_ns,
        cpu_ns,
        output_bytes,
        entry.tag("FILE") or "",
        entry.effective_stamp,
        kind if _LETTER.fullmatch(kind) else "",
    )


def run_outcome(entry: Entry) -> str:
    """Return the outcome of the run that a line is about; empty if it is about none."""
    words = (entry.tag("RUN") or "").split(" ", 2)
    return words[1] if len(words) > 1 else ""


def run_fingerprint(entry: Entry) -> str:
    """Return the fingerprint of the experiment of a single run; empty if the line has none."""
    return _parse_facts(entry.tag("RUN") or "").get("same", "")


def format_run(run: Run) -> str:
    """Return the text of a run line. Its first colon after ``Run:`` ends it: the command follows."""
    arm = "" if run.arm == BARE else f"{run.arm} "
    if run.outcome == LOST:
        return f"Run: {arm}no result, the 3am that ran it ended, {run.output_bytes:,} bytes"
    times = f"{run.duration_ns / 1e9:.9f}s, cpu {run.cpu_ns / 1e9:.6f}s"
    kind = f", kind {run.kind}" if run.kind else ""
    exit_text = "" if run.outcome == TIMED_OUT else f", {format_exit(run.exit_code)}"
    return f"Run: {arm}{run.outcome}{kind}{exit_text}, {times}, {run.output_bytes:,} bytes"


# A kind of failure.


def kind_line(kind: FailureKind) -> tuple[tuple[str, str], str]:
    """Return the tag and the text of the line about ``kind``. It has the index of the first run of this kind."""
    return ("KIND", f"{kind.letter} {kind.id}"), f"Kind: {kind.letter} {kind.description}".rstrip()


def kind_from_entry(entry: Entry) -> FailureKind | None:
    """Return the kind of failure that a line is about; None if it is about none."""
    value, body = _KIND_VALUE.fullmatch(entry.tag("KIND") or ""), _KIND_BODY.fullmatch(entry.text)
    return FailureKind(value[1], value[2], body[1].strip()) if value is not None and body is not None else None


# The plan of many runs.


class PlanTag(NamedTuple):
    """The facts of a plan: ``n`` runs in each of ``arms``, in the order of ``seed``.

    ``wrapper_fingerprints``: empty in old logs. ``nth``: how many experiments of this plan there are with this one.
    ``stop``: the rule by which it may stop early (`experiments.verdicts.stopping`).
    """

    n: int
    seed: int
    arms: tuple[str, ...]
    fingerprint: str
    wrapper_fingerprints: tuple[str, ...] = ()
    nth: int = 1
    stop: str = ""

    def to_tag(self) -> tuple[str, str]:
        """Return the tag of the plan line."""
        value = f"n={self.n} seed={self.seed} arms={','.join(self.arms)} same={self.fingerprint}"
        wrappers = f" wrappers={','.join(self.wrapper_fingerprints)}" if self.wrapper_fingerprints else ""
        nth, stop = f" nth={self.nth}" if self.nth > 1 else "", f" stop={self.stop}" if self.stop else ""
        return "PLAN", f"{value}{wrappers}{nth}{stop}"

    @classmethod
    def parse(cls, value: str, total: int) -> PlanTag:
        """Return the facts of a plan of ``total`` runs in the value of its tag. Raise `MalformedTag`."""
        facts = _parse_facts(value)
        arms = tuple(facts.get("arms", "").split(","))
        n, seed = require_count(facts.get("n")), require_count(facts.get("seed"))
        wrappers = tuple(facts["wrappers"].split(",")) if "wrappers" in facts else ()
        nth = require_count(facts.get("nth", "1"))
        _require(not wrappers or len(wrappers) == len(arms))
        _require(all(arms) and len(set(arms)) == len(arms) <= MAX_ARMS)
        _require(n * len(arms) == total and 1 <= total <= MAX_RUNS and nth >= 1)
        return cls(n, seed, arms, facts.get("same", ""), wrappers, nth, facts.get("stop", ""))


def record_tags(record: RunRecord) -> tuple[tuple[str, str], ...]:
    """Return the tags with which a rotation repeats the runs of an experiment at its plan line."""
    sums = [str(number) for usage in record.usage for number in usage]
    sums += [str(record.last_stamp.ns), str(record.last_stamp.utc_offset_s + _DAY_S)]
    tags = [("RUNS", record.outcome_codes), ("SPENT", " ".join(sums))]
    if record.last_position is not None:
        tags.append(("LAST", str(record.last_position)))
    if record.kind_letters:
        tags.append(("LETTERS", record.kind_letters.rstrip(NO_KIND)))
    if record.midway_changes:
        tags.append(("CUTS", " ".join(":".join(map(str, change)) for change in record.midway_changes)))
    return tuple(tags)


def parse_record(entry: Entry, plan: PlanTag) -> RunRecord:
    """Return the runs that a rotation has added to a plan line, or none. Raise `MalformedTag`."""
    total = plan.n * len(plan.arms)
    outcome_codes = entry.tag("RUNS") or NOT_RUN * total
    known_codes = {outcome_code(i, outcome) for i in range(len(plan.arms)) for outcome in OUTCOMES} | {NOT_RUN}
    _require(len(outcome_codes) == total and set(outcome_codes) <= known_codes)
    usage, last_stamp = (ArmUsage(),) * len(plan.arms), entry.effective_stamp
    if (sums := entry.tag("SPENT")) is not None:
        usage, last_stamp = _parse_usage(sums, len(plan.arms))
    return RunRecord(
        outcome_codes,
        usage,
        last_stamp,
        _parse_count(entry.tag("LAST")),
        _parse_midway_changes(entry.tag("CUTS") or ""),
        _parse_letters(entry.tag("LETTERS") or "", total),
    )


def _parse_usage(value: str, arm_count: int) -> tuple[tuple[ArmUsage, ...], Stamp]:
    """Return the usage of each arm (three numbers each) and the stamp of the last run (ns, and offset + one day)."""
    counts = [require_count(word) for word in value.split()]
    _require(len(counts) == 3 * arm_count + 2)
    *numbers, last_ns, shifted_offset_s = counts
    usage = [ArmUsage(*sums) for sums in zip(numbers[0::3], numbers[1::3], numbers[2::3], strict=True)]
    return tuple(usage), Stamp(last_ns, shifted_offset_s - _DAY_S)


def _parse_midway_changes(value: str) -> tuple[MidwayChange, ...]:
    """Return the changes of a ``CUTS`` tag, ``position:ns:first_run_after`` each; malformed ones are skipped."""
    numbers = ([_parse_count(digits) for digits in word.split(":")] for word in value.split())
    return tuple(MidwayChange(*[number or 0 for number in row]) for row in numbers if len(row) == 3 and None not in row)


def _parse_letters(value: str, total: int) -> str:
    """Return the letter of each run of a ``LETTERS`` tag, which leaves out the runs after the last letter.

    Return "" if no run has a letter.
    """
    letters = "".join(letter if _LETTER.fullmatch(letter) else NO_KIND for letter in value[:total])
    return letters.ljust(total, NO_KIND) if letters.strip(NO_KIND) else ""


def _parse_facts(text: str) -> dict[str, str]:
    return {key: value for key, equals, value in (word.partition("=") for word in text.split(" ")) if equals}


def _parse_count(digits: str | None) -> int | None:
    return int(digits) if digits is not None and digits.isascii() and digits.isdigit() and len(digits) < 20 else None


def require_count(digits: str | None) -> int:
    """Return the number that a tag has. Raise `MalformedTag` if it has none, or one of 20 digits and more."""
    count = _parse_count(digits)
    if count is None:
        raise MalformedTag
    return count


def _require(condition: bool) -> None:
    if not condition:
        raise MalformedTag
