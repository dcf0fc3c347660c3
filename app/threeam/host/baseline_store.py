"""Take a baseline, save it beside the journal, and compare it with the machine as it is now."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from threeam.core.errors import FileUnusable, JournalError
from threeam.core.format.entry import Stamp, escape_unprintable
from threeam.core.format.report import ReportLine, ReportSection, format_when
from threeam.core.redact.redact import redact
from threeam.core.state.fold import State
from threeam.core.store.attachment_kinds import BASELINE
from threeam.core.store.attachments import read_attachment, write_attachment
from threeam.core.store.journal import Journal
from threeam.core.write.draft import Draft
from threeam.host.baseline import (
    Baseline,
    Difference,
    count_compared,
    decode_baseline,
    encode_baseline,
    find_differences,
    format_difference,
    format_score,
)
from threeam.host.baseline_log import SavedBaseline, baseline_compared_draft, baseline_saved_draft, require_baseline
from threeam.host.snapshot import WatchedProcess, span_seconds
from threeam.host.snapshot_collector import command_failed, take_snapshot

_MAX_IN_LOG_LINE = 5  # differences that the line in the log names
_MAX_ROWS = 200  # differences in a report
_MAX_COLUMN_CHARS = 40
_RED_SCORE = 10  # times the normal variation


class BaselineComparison(NamedTuple):
    """A comparison of a baseline with now: the differences, the number of values compared, and what was not read."""

    saved_baseline: SavedBaseline
    baseline: Baseline
    differences: list[Difference]
    compared_count: int
    unread: tuple[str, ...]


class BaselineRequest(NamedTuple):
    """A baseline to take, and what it records besides the machine: some processes in detail, the output of commands."""

    name: str
    watched_processes: Sequence[WatchedProcess]
    commands: Sequence[str]
    sample_count: int
    interval_s: float


class RecordedBaseline(NamedTuple):
    """A baseline that was saved: its file, the draft of its line, and what the user must know of it."""

    path: str
    draft: Draft
    warnings: Sequence[str]


def record_baseline(
    journal: Journal, request: BaselineRequest, host: str, clock: Callable[[], Stamp]
) -> RecordedBaseline:
    """Take a baseline and save it beside the journal. Raise `FileUnusable`."""
    baseline = take_baseline(request, host, clock)
    warnings = [f"not read: {unread}" for unread in baseline.snapshots[-1].unread]
    warnings += [
        f"{command} failed, and that is normal for this baseline: save it again once it succeeds"
        for command in failed_commands(baseline)
    ]
    return RecordedBaseline(*save_baseline(journal, baseline), warnings)


def add_previous(journal: Journal, state: State, request: BaselineRequest) -> tuple[BaselineRequest, str]:
    """Return ``request`` with the processes and commands of the last baseline of its name, if that can be read.

    Also return why its commands are left out; empty if they are not.
    """
    try:
        previous = load_baseline(journal, require_baseline(state, request.name))
    except JournalError:  # none of that name, or not ours to read
        return request, ""
    added = request._replace(watched_processes=previous.baseline.watched_processes, commands=previous.runnable_commands)
    return added, previous.commands_refused_reason


def take_baseline(
    request: BaselineRequest,
    host: str,
    clock: Callable[[], Stamp],
    sleep: Callable[[float], object] = time.sleep,
) -> Baseline:
    """Return a baseline of snapshots, one every ``interval_s`` seconds.

    The times are counted from the first snapshot, so they do not drift.
    """
    name, watched, commands, sample_count, interval_s = request
    snapshots = []
    start = time.monotonic()
    for index in range(sample_count):
        if index:
            sleep(max(0.0, start + index * interval_s - time.monotonic()))
        snapshots.append(take_snapshot(watched, commands, lambda: clock().ns))
    return Baseline(name, host, tuple(snapshots), tuple(watched), tuple(commands))


def save_baseline(journal: Journal, baseline: Baseline) -> tuple[str, Draft]:
    """Save ``baseline`` in a file beside the journal. Return its path and the draft of its line.

    Raise `FileUnusable`.
    """
    last = baseline.snapshots[-1]
    path = write_attachment(journal, BASELINE, f"baseline-{baseline.name}-{last.at_ns}.json", encode_baseline(baseline))
    count = len({*last.numbers, *last.texts})
    samples = "one sample" if len(baseline.snapshots) == 1 else f"{len(baseline.snapshots)} samples"
    duration = f" over {span_seconds(baseline.snapshots):.0f}s" if len(baseline.snapshots) > 1 else ""
    unread = f"; not read: {'; '.join(last.unread)}" if last.unread else ""
    text = f"{baseline.name} is {count:,} things on {baseline.host}, {samples}{duration}{unread}"
    return path, baseline_saved_draft(baseline.name, os.path.basename(path), text)


def failed_commands(baseline: Baseline) -> list[str]:
    """Return the user's commands that failed or timed out in the last snapshot."""
    texts = baseline.snapshots[-1].texts
    return [command for command in baseline.commands if command_failed(texts.get(f"command/{command}", ""))]


class LoadedBaseline(NamedTuple):
    """A baseline from its file, and why its commands must not be run (empty: they may be run)."""

    baseline: Baseline
    commands_refused_reason: str

    @property
    def runnable_commands(self) -> tuple[str, ...]:
        """Return the commands that may be run."""
        return () if self.commands_refused_reason else self.baseline.commands


def load_baseline(journal: Journal, saved_baseline: SavedBaseline) -> LoadedBaseline:
    """Load the baseline that a line of the log names. Raise `FileUnusable`.

    Anyone in the team can write such a line, so the commands count as this user's only if the user's key signed the
    file.
    """
    path, content, signed = read_attachment(journal, saved_baseline.file, BASELINE)
    baseline = decode_baseline(content, path)
    if baseline.name != saved_baseline.name:
        raise FileUnusable(
            f"{path} is the baseline {baseline.name}, and its line calls it {saved_baseline.name}: take a new one"
        )
    if signed or not baseline.commands:
        return LoadedBaseline(baseline, "")
    commands = "; ".join(map(redact, baseline.commands))
    save = f"3am baseline save {baseline.name}"
    return LoadedBaseline(
        baseline, f"commands, since {path} is not signed with your key ({commands}); {save} takes a new one"
    )


def compare_now(journal: Journal, saved_baseline: SavedBaseline, clock: Callable[[], Stamp]) -> BaselineComparison:
    """Take a snapshot with the processes and commands of the baseline, and compare it. Raise `FileUnusable`."""
    loaded = load_baseline(journal, saved_baseline)
    baseline = loaded.baseline
    now = take_snapshot(baseline.watched_processes, loaded.runnable_commands, lambda: clock().ns)
    if loaded.commands_refused_reason:
        now = now._replace(unread=(*now.unread, loaded.commands_refused_reason), blind=(*now.blind, "command/"))
    return BaselineComparison(
        saved_baseline, baseline, find_differences(baseline, now), count_compared(baseline, now), now.unread
    )


def comparison_draft(comparison: BaselineComparison) -> Draft:
    """Return the draft of the line about a comparison."""
    differences, saved = comparison.differences, comparison.saved_baseline
    named = redact("; ".join(map(format_difference, differences[:_MAX_IN_LOG_LINE])))
    omitted = len(differences) - _MAX_IN_LOG_LINE
    more = f"; and {omitted} more" if omitted > 0 else ""
    result = f"all {comparison.compared_count:,} are normal"
    if differences:
        result = f"{len(differences)} of {comparison.compared_count:,} differ: {named}{more}"
    return baseline_compared_draft(saved.name, f"with {saved.name} @{saved.stamp}: {result}")


def difference_table(differences: Sequence[Difference]) -> list[ReportLine]:
    """Return a table of the differences as lines, the first with the titles. Columns are as wide as their content."""
    rows = [("NAME", "NOW", "NORMAL", "TIMES ITS VARIATION")]
    icons = [""]
    for difference in differences:
        name, now, normal = map(escape_unprintable, (difference.name, difference.now, difference.normal))
        rows.append((name, now, normal, format_score(difference)))
        icons.append("red" if difference.score >= _RED_SCORE else "yellow")
    widths = [min(_MAX_COLUMN_CHARS, max(len(row[column]) for row in rows)) for column in range(3)]
    lines = []
    for row, icon in zip(rows, icons, strict=True):
        text = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, (*widths, 0), strict=True))
        lines.append(ReportLine(text.rstrip(), icon=icon))
    return lines


def baseline_report(comparison: BaselineComparison, now: Stamp) -> list[ReportSection]:
    """Return the report on a comparison: a table of the differences, highest score first."""
    differences, saved = comparison.differences, comparison.saved_baseline
    head = [ReportLine(saved.text, format_when(saved.stamp, now), saved.stamp)]
    table = [ReportLine(f"all {comparison.compared_count:,} things are as they were", icon="ok")]
    if differences:
        table = difference_table(differences[:_MAX_ROWS])
    if len(differences) > _MAX_ROWS:
        table.append(ReportLine(f"and {len(differences) - _MAX_ROWS:,} more: 3am baseline diff"))
    sections = [
        ReportSection("baseline", head),
        ReportSection(f"different now: {len(differences)} of {comparison.compared_count:,}", table),
        ReportSection("not read", [ReportLine(reason, icon="unknown") for reason in comparison.unread]),
    ]
    return [section for section in sections if section.lines]
