"""Drafts: what is going to be written, as a function of the state at the moment of writing.

Numbers, cups and stamps are only true while the lock is held, so nobody hands the writer finished
lines: they hand it a `Draft`, and the writer calls it under the lock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import ACQUIRED, RELEASING, Stamp, split_submission
from threeam.core.format.kinds import NOTED_TAG, WORDS
from threeam.core.state.fold import State

TOXIC_TEXT = "WARNING: Caffeine toxicity imminent. Logic may be compromised."
_SCRIPT_TOXIC_CUPS = 4  # cups: the script's own, whatever toxic_cups says


class WriteContext(NamedTuple):
    """Whoever writes: the user, and how long a night's gap is (ns)."""

    user: str
    night_gap_ns: int

    def cups(self, state: State, stamp: Stamp) -> int:
        """The author's cups this night, at ``stamp``."""
        return state.cups(self.user, stamp.ns, self.night_gap_ns)


class DraftLine(NamedTuple):
    """One line to be: text, tags of its own, and the author's cups after it (None: as before)."""

    text: str
    tags: tuple[tuple[str, str], ...] = ()
    cups: int | None = None


class Draft(NamedTuple):
    """Lines to be written in one block.

    ``lines``: (state, author, stamp) to the lines; pure; may raise `Declined`. ``ceremonial``: written
    with the ceremony of the lock around it by default. ``whole``: needs the whole state, and not
    just the author's cups, which are found much faster. ``via``: what says it, where nobody types it: so it keeps no
    night going.
    """

    make_lines: Callable[[State, WriteContext, Stamp], Sequence[DraftLine]]
    ceremonial: bool = False
    needs_full_state: bool = True
    source: str = ""


def note_draft(text: str) -> Draft:
    """A note; the lines of a text with several become one block."""
    note_lines = _note_lines(text)
    return Draft(lambda state, author, stamp: note_lines, needs_full_state=False)


def _note_lines(text: str) -> list[DraftLine]:
    word, colon, rest = text.partition(":")
    kind = WORDS.get(word.capitalize()) if colon else None
    tags: tuple[tuple[str, str], ...] = ()
    if kind is not None and kind.tag == NOTED_TAG:  # what the next person must know
        tags, text = ((NOTED_TAG, word.lower()),), f"{kind.name}:{rest}"
    elif kind is not None and kind.name == "Changed":  # what must be undone, by anyone
        return change_lines(*split_undo(rest.strip()))
    return [DraftLine(line, tags) for line in split_submission(text)]


def note_texts(text: str) -> list[str]:
    """Return the texts of the lines that `note_draft` writes."""
    return [line.text for line in _note_lines(text)]


def split_undo(text: str) -> tuple[str, str]:
    """Split ``TEXT (undo: HOW)`` into both; the second one is empty if ``text`` does not end so.

    Only the end of the whole text counts: a note may go on for lines after the first.
    """
    whole, opening = text.strip(), " (undo: "
    begin = whole.rfind(opening, 0, len(whole) - 2) if whole.endswith(")") else -1  # something stands in between
    undo = whole[begin + len(opening) : -1]
    return (whole[:begin], undo) if begin >= 0 and ")\n" not in undo else (text, "")


def change_lines(text: str, undo: str, tags: tuple[tuple[str, str], ...] = ()) -> list[DraftLine]:
    """Return the lines of a change. The way to undo it stands in the first: only that line is read as the change."""
    first, *rest = split_submission(text)
    first = f"{first} (undo: {' / '.join(undo.splitlines())})" if undo.strip() else first
    return [DraftLine(f"Changed: {first}", (*tags, ("CHANGE", "open"))), *map(DraftLine, rest)]


def hypothesis_tag(state: State, name: str | None) -> tuple[tuple[str, str], ...]:
    """The tag that binds a line to a hypothesis, as it stands. Raises `Declined`."""
    if name is None:
        return ()
    known = state.find_hypothesis(name)
    if known is None:
        raise PreconditionFailed(f"there is no hypothesis {name}: 3am hyp list shows those there are")
    if known.number is None:
        raise PreconditionFailed(f"{known.name} has no number yet: 3am hyp predict gives it one")
    return ((f"H{known.number}", known.state),)


def toxicity_warning(cups: int, limit: int) -> list[DraftLine]:
    """The script's warning where ``cups`` are over ``limit``; nothing below."""
    return [DraftLine(TOXIC_TEXT)] if cups > limit else []


def script_lines(cups: int, message: str) -> list[str]:
    """The lines that the Bash script writes in its critical section; it pauses after the first."""
    return [ACQUIRED, f"Hypothesis: {message}", *([TOXIC_TEXT] if cups > _SCRIPT_TOXIC_CUPS else []), RELEASING]
