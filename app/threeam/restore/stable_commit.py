"""The projection of the last known stable commit of each work tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.format.entry import Author, Entry, Stamp, by_tag
from threeam.core.state.fold import Projection, State, latest_by_key
from threeam.core.write.draft import Draft, DraftLine


class StableCommit(NamedTuple):
    """A commit that is known to be good: its hash, its work tree, the text of its line, when and by whom."""

    commit: str
    tree: str
    text: str
    stamp: Stamp
    author: Author | None


def stable_commits(state: State) -> list[StableCommit]:
    """Return the newest stable commit of each work tree, in the order in which they were noted."""
    return list(PROJECTION.of(state).values())


def stable_draft(commit: str, tree: str, text: str) -> Draft:
    """Return the draft of the line that ``commit`` of a work tree is stable."""
    line = DraftLine(f"Stable: {text}", (("STABLE", commit), ("TREE", tree)))
    return Draft.fixed([line])


def _parse_entry(entry: Entry) -> tuple[str, StableCommit] | None:
    commit, tree = entry.tag("STABLE"), entry.tag("TREE")
    if commit is None or tree is None or entry.kind != "Stable" or not commit.isalnum():
        return None
    return tree, StableCommit(commit, tree, entry.body, entry.effective_stamp, entry.author)


def _fold(commits: Mapping[str, StableCommit], entries: Sequence[Entry]) -> Mapping[str, StableCommit]:
    return latest_by_key(commits, entries, _parse_entry)


def _checkpoint(commits: Mapping[str, StableCommit]) -> Iterator[Entry]:
    for stable in commits.values():
        tags = (*by_tag(stable.author), ("STABLE", stable.commit), ("TREE", stable.tree))
        yield Entry(stable.stamp, 0, tags, f"Stable: {stable.text}")


PROJECTION: Projection[Mapping[str, StableCommit]] = Projection("stables", ("STABLE",), {}, _fold, _checkpoint)
