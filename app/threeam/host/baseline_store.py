"""Taking a baseline, keeping it beside the journal, and looking at what is different now."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from threeam.core.errors import FileUnusable
from threeam.core.format.entry import Stamp
from threeam.core.format.report import ReportLine, ReportSection, format_when
from threeam.core.redact.redact import redact
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
from threeam.host.baseline_log import SavedBaseline, baseline_compared_draft, baseline_saved_draft
from threeam.host.snapshot import WatchedProcess, command_failed, span_seconds, take_snapshot

_MAX_IN_LOG_LINE = 5  # differences that the log's one line names
_MAX_ROWS = 200  # and that anybody reads
_MAX_COLUMN_CHARS = 40  # characters of a column
_RED_SCORE = 10  # times its normal variation: that is looked at first


class BaselineComparison(NamedTuple):
    """What came of looking again: the baseline, what is different, of how many things, and what could not be read."""

    saved_baseline: SavedBaseline
    baseline: Baseline
    differences: list[Difference]
    compared_count: int
    unread: tuple[str, ...]


def take_baseline(
    name: str,
    host: str,
    watched: Sequence[WatchedProcess],
    commands: Sequence[str],
    samples: int,
    every_s: float,
    clock: Callable[[], Stamp],
    pause: Callable[[float], object] = time.sleep,
) -> Baseline:
    """``samples`` snapshots, one ``every_s`` seconds, counted from the first so that they do not drift."""
    taken = []
    begun = time.monotonic()
    for n in range(samples):
        if n:
            pause(max(0.0, begun + n * every_s - time.monotonic()))
        taken.append(take_snapshot(watched, commands, lambda: clock().ns))
    return Baseline(name, host, tuple(taken), tuple(watched), tuple(commands))


def save_baseline(journal: Journal, baseline: Baseline) -> tuple[str, Draft]:
    """Keeps ``baseline`` in a file beside the journal: its path, and the line that says so. Raises `Unusable`."""
    last = baseline.snapshots[-1]
    path = write_attachment(journal, BASELINE, f"baseline-{baseline.name}-{last.at_ns}.json", encode_baseline(baseline))
    count = len({*last.numbers, *last.texts})
    samples = "one sample" if len(baseline.snapshots) == 1 else f"{len(baseline.snapshots)} samples"
    over = f" over {span_seconds(baseline.snapshots):.0f} s" if len(baseline.snapshots) > 1 else ""
    unread = f"; not read: {'; '.join(last.unread)}" if last.unread else ""
    text = f"{baseline.name} is {count:,} things on {baseline.host}, {samples}{over}{unread}"
    return path, baseline_saved_draft(baseline.name, os.path.basename(path), text)


def failed_commands(baseline: Baseline) -> list[str]:
    """The user's own commands that did not end well, or not in time, in its last snapshot."""
    said = baseline.snapshots[-1].texts
    return [one for one in baseline.commands if command_failed(said.get(f"command/{one}", ""))]


class LoadedBaseline(NamedTuple):
    """A baseline from its file, and why its commands are not run (empty: they may be)."""

    baseline: Baseline
    commands_refused_reason: str

    @property
    def runnable_commands(self) -> tuple[str, ...]:
        """The commands that may be run."""
        return () if self.commands_refused_reason else self.baseline.commands


def load_baseline(journal: Journal, saved_baseline: SavedBaseline) -> LoadedBaseline:
    """Load the baseline that a line of the log names. Raises `Unusable`.

    Only this user's key says that its commands are this user's: the line can be written by anybody in the team.
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


def compare_now(journal: Journal, saved_as: SavedBaseline, clock: Callable[[], Stamp]) -> BaselineComparison:
    """Look at everything again that the baseline holds. Raises `Unusable`."""
    loaded = load_baseline(journal, saved_as)
    baseline = loaded.baseline
    now = take_snapshot(baseline.watched_processes, loaded.runnable_commands, lambda: clock().ns)
    if loaded.commands_refused_reason:
        now = now._replace(unread=(*now.unread, loaded.commands_refused_reason), blind=(*now.blind, "command/"))
    return BaselineComparison(
        saved_as, baseline, find_differences(baseline, now), count_compared(baseline, now), now.unread
    )


def comparison_draft(comparison: BaselineComparison) -> Draft:
    """The one line of the log about it."""
    found = comparison.differences
    named = redact("; ".join(format_difference(one) for one in found[:_MAX_IN_LOG_LINE]))
    more = f"; and {len(found) - _MAX_IN_LOG_LINE} more" if len(found) > _MAX_IN_LOG_LINE else ""
    said = (
        f"{len(found)} of {comparison.compared_count:,} differ: {named}{more}"
        if found
        else f"all {comparison.compared_count:,} are normal"
    )
    return baseline_compared_draft(
        comparison.saved_baseline.name,
        f"with {comparison.saved_baseline.name} @{comparison.saved_baseline.stamp}: {said}",
    )


def _table_rows(differences: Sequence[Difference]) -> Iterator[tuple[str, str]]:
    """The rows of the table, under their heads, each with the sign that it has: columns as wide as they must be."""
    rows = [
        ("what", "now", "normal", "unusual"),
        *((one.name, one.now, one.normal, format_score(one)) for one in differences),
    ]
    widths = [min(_MAX_COLUMN_CHARS, max(len(row[column]) for row in rows)) for column in range(3)]
    for row, one in zip(rows, (None, *differences), strict=True):
        text = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, (*widths, 0), strict=True))
        yield text.rstrip(), "" if one is None else "red" if one.score >= _RED_SCORE else "yellow"


def baseline_report(looked: BaselineComparison, now: Stamp) -> list[ReportSection]:
    """The table: what is different, now and normal, the most unusual first."""
    found = looked.differences
    at = format_when(looked.saved_baseline.stamp, now)
    head = [ReportLine(looked.saved_baseline.text, at, looked.saved_baseline.stamp)]
    table = [ReportLine(row, icon=sign) for row, sign in _table_rows(found[:_MAX_ROWS])] if found else []
    if len(found) > _MAX_ROWS:
        table.append(ReportLine(f"and {len(found) - _MAX_ROWS:,} more: 3am baseline diff"))
    normal = [] if found else [ReportLine(f"all {looked.compared_count:,} things are as they were", icon="ok")]
    told = [
        ReportSection("baseline", head),
        ReportSection(f"different now: {len(found)} of {looked.compared_count:,}", table or normal),
        ReportSection("not read", [ReportLine(one, icon="unknown") for one in looked.unread]),
    ]
    return [part for part in told if part.lines]
