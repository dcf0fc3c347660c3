"""Drafts: lines to write, as a function of the state at the moment of writing.

Numbers, cups and stamps are only known while the lock is held. So callers do not give the writer finished lines but a
`Draft`, and the writer calls it under the lock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import ACQUIRED, RELEASING, Stamp, split_submission
from threeam.core.format.kinds import NOTED_TAG, WORDS
from threeam.core.state.fold import State

if TYPE_CHECKING:  # a note that belongs to no hypothesis needs none of it
    from threeam.core.format.remote_hypothesis import Named

TOXIC_TEXT = "WARNING: Caffeine toxicity imminent. Logic may be compromised."
_SCRIPT_TOXIC_CUPS = 4  # cups: the limit of the script, which does not know the setting toxic_cups


class WriteContext(NamedTuple):
    """The user who writes, and the gap (ns) after which their night ends."""

    user: str
    night_gap_ns: int

    def cups(self, state: State, stamp: Stamp) -> int:
        """Return the author's cups this night, at ``stamp``."""
        return state.cups(self.user, stamp.ns, self.night_gap_ns)


class DraftLine(NamedTuple):
    """A line to write: its text, its tags, and the author's cups after it (None: unchanged)."""

    text: str
    tags: tuple[tuple[str, str], ...] = ()
    cups: int | None = None


class Draft(NamedTuple):
    """Lines to write in one block.

    ``make_lines``: returns them; pure; may raise `PreconditionFailed`. ``ceremonial``: written with the ceremony of the
    lock around them by default. ``needs_full_state``: False if the author's cups are enough, which are found much
    faster. ``source``: the program that wrote it, if no person typed it; such lines do not extend a night.
    """

    make_lines: Callable[[State, WriteContext, Stamp], Sequence[DraftLine]]
    ceremonial: bool = False
    needs_full_state: bool = True
    source: str = ""

    @classmethod
    def fixed(cls, lines: Sequence[DraftLine], source: str = "") -> Draft:
        """Return a draft of ``lines``, which do not depend on the state."""
        return cls(lambda state, context, stamp: lines, needs_full_state=False, source=source)


def note_draft(text: str) -> Draft:
    """Return the draft of a note, with a block of lines for a text of several lines."""
    return Draft.fixed(_note_lines(text))


def bound_note_draft(text: str, hypothesis: Named) -> Draft:
    """Return the draft of a note that belongs to ``hypothesis``."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        first, *rest = _note_lines(text)
        return [first._replace(tags=(*hypothesis_tags(state, hypothesis), *first.tags)), *rest]

    return Draft(lines, needs_full_state=isinstance(hypothesis, str))


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
    """Split ``TEXT (undo: HOW)`` into both parts; HOW is empty if ``text`` does not end like this.

    Only the end of the full text counts: a note may have more lines after the first.
    """
    stripped, opening = text.strip(), " (undo: "
    begin = stripped.rfind(opening, 0, len(stripped) - 2) if stripped.endswith(")") else -1  # HOW is not empty
    undo = stripped[begin + len(opening) : -1]
    return (stripped[:begin], undo) if begin >= 0 and ")\n" not in undo else (text, "")


def change_lines(text: str, undo: str, tags: tuple[tuple[str, str], ...] = ()) -> list[DraftLine]:
    """Return the lines of a change. The first has the way to undo it: only that line is read as the change."""
    first, *rest = split_submission(text)
    first = f"{first} (undo: {' / '.join(undo.splitlines())})" if undo.strip() else first
    return [DraftLine(f"Changed: {first}", (*tags, ("CHANGE", "open"))), *map(DraftLine, rest)]


def hypothesis_tags(state: State, named: Named | int | None) -> tuple[tuple[str, str], ...]:
    """Return the tags that bind a line to a hypothesis of this journal, with its state, or of another host.

    No tag without ``named``. Raises `PreconditionFailed`.
    """
    if named is None:
        return ()
    if not isinstance(named, str | int):
        return named.tags()
    number = hypothesis_number(state, named)
    return ((f"H{number}", state.hypotheses[number].state),)


def hypothesis_number(state: State, name: str | int) -> int:
    """Return the number of the hypothesis that ``7``, ``H7`` or ``@stamp`` names. Raise `PreconditionFailed`."""
    name = name if isinstance(name, str) else f"H{name}"
    hypothesis = state.find_hypothesis(name)
    if hypothesis is None:
        raise PreconditionFailed(f"there is no hypothesis {name}: 3am hyp list shows those there are")
    if hypothesis.number is None:
        raise PreconditionFailed(f"{hypothesis.name} has no number yet: 3am hyp predict gives it one")
    return hypothesis.number


def is_toxic(cups: int, limit: int) -> bool:
    """Return whether ``cups`` are more than ``limit``, the setting toxic_cups."""
    return cups > limit


def toxicity_warning(cups: int, limit: int) -> list[DraftLine]:
    """Return the script's warning if ``cups`` are toxic, else nothing."""
    return [DraftLine(TOXIC_TEXT)] if is_toxic(cups, limit) else []


def script_lines(cups: int, message: str) -> list[str]:
    """Return the lines that the Bash script writes in its critical section; it pauses after the first."""
    warning = [TOXIC_TEXT] if is_toxic(cups, _SCRIPT_TOXIC_CUPS) else []
    return [ACQUIRED, f"Hypothesis: {message}", *warning, RELEASING]
