"""The baseline room: which snapshots of normal there are, as their lines say. What they hold lies in files."""

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
    """A baseline cannot be called that."""


class SavedBaseline(NamedTuple):
    """A snapshot of normal: its name, the file that it is in, what its line says, when and by whom."""

    name: str
    file: str
    text: str
    stamp: Stamp
    author: Author | None


def check_baseline_name(name: str) -> str:
    """``name``, if a baseline can be called that. Raises `BadName`."""
    if not _NAME.fullmatch(name):
        raise InvalidBaselineName(
            f"a baseline is called by one plain word, such as {DEFAULT_NAME} or checkout-prod, and not {name!r}"
        )
    return name


def saved_baselines(state: State) -> list[SavedBaseline]:
    """The newest snapshot of each name, the one that was saved last at the end."""
    found: Mapping[str, SavedBaseline] = state.projections[PROJECTION.name]
    return list(found.values())


def require_baseline(state: State, name: str | None) -> SavedBaseline:
    """The newest snapshot of ``name``; without one, the one that was saved last. Raises `Declined`."""
    found = saved_baselines(state)
    if not found:
        raise PreconditionFailed("there is no baseline yet: 3am baseline save takes one, while all is well")
    if name is None:
        return found[-1]
    for one in found:
        if one.name == name:
            return one
    raise PreconditionFailed(
        f"there is no baseline {escape_tag_value(name)}: there are {', '.join(one.name for one in found)}"
    )


def baseline_saved_draft(name: str, file: str, text: str) -> Draft:
    """Says that a snapshot was saved."""
    line = DraftLine(f"Baseline: {text}", (("BASELINE", name), ("FILE", file)))
    return Draft(lambda state, author, stamp: [line], needs_full_state=False)


def baseline_compared_draft(name: str, text: str) -> Draft:
    """Says what is different from a snapshot."""
    line = DraftLine(f"Compared: {text}", (("BASELINE", name),))
    return Draft(lambda state, author, stamp: [line], needs_full_state=False)


def _parse_entry(entry: Entry) -> tuple[str, SavedBaseline] | None:
    name, file = entry.tag("BASELINE"), entry.tag("FILE")
    if name is None or file is None or entry.kind != "Baseline":
        return None
    return name, SavedBaseline(name, file, entry.body, entry.effective_stamp, entry.author)


def _fold(saved_by_name: Mapping[str, SavedBaseline], entries: Sequence[Entry]) -> Mapping[str, SavedBaseline]:
    return latest_by_key(saved_by_name, entries, _parse_entry)


def _checkpoint(saved_by_name: Mapping[str, SavedBaseline]) -> Iterator[Entry]:
    for one in saved_by_name.values():
        tags = (*by_tag(one.author), ("BASELINE", one.name), ("FILE", one.file))
        yield Entry(one.stamp, 0, tags, f"Baseline: {one.text}")


PROJECTION = Projection("baselines", ("BASELINE",), {}, _fold, _checkpoint)
