"""Taking a baseline, keeping it beside the journal, and looking at what is different now."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from threeam.core.errors import FileUnusable
from threeam.core.format.entry import Stamp
from threeam.core.format.report import Part, Told, when
from threeam.core.redact.redact import redacted
from threeam.core.store.attachment_kinds import BASELINE
from threeam.core.store.attachments import read_attachment, write_attachment
from threeam.core.store.journal import Journal
from threeam.core.write.draft import Draft
from threeam.host.baseline import (
    Baseline,
    Difference,
    compared_count,
    differences,
    from_bytes,
    how_unusual,
    in_words,
    to_bytes,
)
from threeam.host.baseline_log import Saved, compared, saved
from threeam.host.snapshot import Watched, ended_badly, seconds_between, snapshot

_IN_THE_LINE = 5  # differences that the log's one line names
_SHOWN = 200  # and that anybody reads
_WIDEST = 40  # characters of a column
_VERY = 10  # times its normal variation: that is looked at first


class Looked(NamedTuple):
    """What came of looking again: the baseline, what is different, of how many things, and what could not be read."""

    saved: Saved
    baseline: Baseline
    differences: list[Difference]
    things: int
    unread: tuple[str, ...]


def take(
    name: str,
    host: str,
    watched: Sequence[Watched],
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
        taken.append(snapshot(watched, commands, lambda: clock().ns))
    return Baseline(name, host, tuple(taken), tuple(watched), tuple(commands))


def keep(journal: Journal, baseline: Baseline) -> tuple[str, Draft]:
    """Keeps ``baseline`` in a file beside the journal: its path, and the line that says so. Raises `Unusable`."""
    last = baseline.snapshots[-1]
    path = write_attachment(journal, BASELINE, f"baseline-{baseline.name}-{last.at_ns}.json", to_bytes(baseline))
    count = len({*last.numbers, *last.texts})
    samples = "one sample" if len(baseline.snapshots) == 1 else f"{len(baseline.snapshots)} samples"
    over = f" over {seconds_between(baseline.snapshots):.0f} s" if len(baseline.snapshots) > 1 else ""
    unread = f"; not read: {'; '.join(last.unread)}" if last.unread else ""
    text = f"{baseline.name} is {count:,} things on {baseline.host}, {samples}{over}{unread}"
    return path, saved(baseline.name, os.path.basename(path), text)


def failing(baseline: Baseline) -> list[str]:
    """The user's own commands that did not end well, or not in time, in its last snapshot."""
    said = baseline.snapshots[-1].texts
    return [one for one in baseline.commands if ended_badly(said.get(f"command/{one}", ""))]


class Loaded(NamedTuple):
    """A baseline from its file, and why its commands are not run (empty: they may be)."""

    baseline: Baseline
    not_run: str

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands that may be run."""
        return () if self.not_run else self.baseline.commands


def load(journal: Journal, saved_as: Saved) -> Loaded:
    """Load the baseline that a line of the log names. Raises `Unusable`.

    Only this user's key says that its commands are this user's: the line can be written by anybody in the team.
    """
    path, content, signed = read_attachment(journal, saved_as.file, BASELINE)
    baseline = from_bytes(content, path)
    if baseline.name != saved_as.name:
        raise FileUnusable(
            f"{path} is the baseline {baseline.name}, and its line calls it {saved_as.name}: take a new one"
        )
    if signed or not baseline.commands:
        return Loaded(baseline, "")
    commands = "; ".join(map(redacted, baseline.commands))
    save = f"3am baseline save {baseline.name}"
    return Loaded(baseline, f"commands, since {path} is not signed with your key ({commands}); {save} takes a new one")


def look(journal: Journal, saved_as: Saved, clock: Callable[[], Stamp]) -> Looked:
    """Look at everything again that the baseline holds. Raises `Unusable`."""
    loaded = load(journal, saved_as)
    baseline = loaded.baseline
    now = snapshot(baseline.watched, loaded.commands, lambda: clock().ns)
    if loaded.not_run:
        now = now._replace(unread=(*now.unread, loaded.not_run), blind=(*now.blind, "command/"))
    return Looked(saved_as, baseline, differences(baseline, now), compared_count(baseline, now), now.unread)


def line_of(looked: Looked) -> Draft:
    """The one line of the log about it."""
    found = looked.differences
    named = redacted("; ".join(in_words(one) for one in found[:_IN_THE_LINE]))
    more = f"; and {len(found) - _IN_THE_LINE} more" if len(found) > _IN_THE_LINE else ""
    said = f"{len(found)} of {looked.things:,} differ: {named}{more}" if found else f"all {looked.things:,} are normal"
    return compared(looked.saved.name, f"with {looked.saved.name} @{looked.saved.at}: {said}")


def _rows(found: Sequence[Difference]) -> Iterator[tuple[str, str]]:
    """The rows of the table, under their heads, each with the sign that it has: columns as wide as they must be."""
    rows = [("what", "now", "normal", "unusual"), *((one.name, one.now, one.normal, how_unusual(one)) for one in found)]
    widths = [min(_WIDEST, max(len(row[column]) for row in rows)) for column in range(3)]
    for row, one in zip(rows, (None, *found), strict=True):
        text = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, (*widths, 0), strict=True))
        yield text.rstrip(), "" if one is None else "red" if one.unusual >= _VERY else "yellow"


def parts(looked: Looked, now: Stamp) -> list[Part]:
    """The table: what is different, now and normal, the most unusual first."""
    found = looked.differences
    at = when(looked.saved.at, now)
    head = [Told(looked.saved.text, at, looked.saved.at)]
    table = [Told(row, sign=sign) for row, sign in _rows(found[:_SHOWN])] if found else []
    if len(found) > _SHOWN:
        table.append(Told(f"and {len(found) - _SHOWN:,} more: 3am baseline diff"))
    normal = [] if found else [Told(f"all {looked.things:,} things are as they were", sign="ok")]
    told = [
        Part("baseline", head),
        Part(f"different now: {len(found)} of {looked.things:,}", table or normal),
        Part("not read", [Told(one, sign="unknown") for one in looked.unread]),
    ]
    return [part for part in told if part.lines]
