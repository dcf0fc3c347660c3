"""The projection of the saved baselines: their lines in the log. The snapshots themselves are in files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.errors import BadInput, PreconditionFailed
from threeam.core.format.entry import Author, Entry, Stamp, by_tag, escape_tag_value
from threeam.core.state.fold import Projection, State, latest_by_key
from threeam.core.write.draft import Draft, DraftLine

DEFAULT_NAME = "normal"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


class InvalidBaselineName(BadInput):
    """A name that a baseline cannot have."""


class SavedBaseline(NamedTuple):
    """A saved baseline: its name, its file, the text of its line, when and by whom."""

    name: str
    file: str
    text: str
    stamp: Stamp
    author: Author | None


def check_baseline_name(name: str) -> str:
    """Return ``name``. Raise `InvalidBaselineName` if a baseline cannot have it."""
    if not _NAME.fullmatch(name):
        raise InvalidBaselineName(
            f"the name of a baseline is one plain word, such as {DEFAULT_NAME} or checkout-prod, and not {name!r}"
        )
    return name


def saved_baselines(state: State) -> list[SavedBaseline]:
    """Return the newest baseline of each name, in the order in which they were saved."""
    saved_by_name = PROJECTION.of(state)
    return list(saved_by_name.values())


def require_baseline(state: State, name: str | None) -> SavedBaseline:
    """Return the newest baseline called ``name`` (None: the one saved last). Raise `PreconditionFailed` if none is."""
    saved = saved_baselines(state)
    if not saved:
        raise PreconditionFailed("there is no baseline yet: 3am baseline save takes one, while all is well")
    if name is None:
        return saved[-1]
    for baseline in saved:
        if baseline.name == name:
            return baseline
    names = ", ".join(baseline.name for baseline in saved)
    raise PreconditionFailed(f"there is no baseline {escape_tag_value(name)}: those that are saved: {names}")


def baseline_saved_draft(name: str, file: str, text: str) -> Draft:
    """Return the draft of the line that a baseline was saved."""
    line = DraftLine(f"Baseline: {text}", (("BASELINE", name), ("FILE", file)))
    return Draft.fixed([line])


def baseline_compared_draft(name: str, text: str) -> Draft:
    """Return the draft of the line with the differences from a baseline."""
    line = DraftLine(f"Compared: {text}", (("BASELINE", name),))
    return Draft.fixed([line])


def _parse_entry(entry: Entry) -> tuple[str, SavedBaseline] | None:
    name, file = entry.tag("BASELINE"), entry.tag("FILE")
    if name is None or file is None or entry.kind != "Baseline":
        return None
    return name, SavedBaseline(name, file, entry.body, entry.effective_stamp, entry.author)


def _fold(saved_by_name: Mapping[str, SavedBaseline], entries: Sequence[Entry]) -> Mapping[str, SavedBaseline]:
    return latest_by_key(saved_by_name, entries, _parse_entry)


def _checkpoint(saved_by_name: Mapping[str, SavedBaseline]) -> Iterator[Entry]:
    for saved in saved_by_name.values():
        tags = (*by_tag(saved.author), ("BASELINE", saved.name), ("FILE", saved.file))
        yield Entry(saved.stamp, 0, tags, f"Baseline: {saved.text}")


PROJECTION: Projection[Mapping[str, SavedBaseline]] = Projection("baselines", ("BASELINE",), {}, _fold, _checkpoint)
