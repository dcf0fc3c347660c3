"""References to entries as people write them: an ``@stamp``, or the shortest beginning of it that names one entry."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from threeam.core.errors import BadStamp, PreconditionFailed
from threeam.core.format.entry import CONTINUATION_PREFIX, Entry, Stamp
from threeam.core.format.kinds import CEREMONY
from threeam.core.format.short_stamp import ShortStamp, shortest_forms
from threeam.core.store.journal import Journal
from threeam.core.store.reader import matching_lines_backward

_MAX_WORDS = 60  # characters of a text in it
_MAX_LISTED = 5  # entries in the sentence about an ambiguous form


def parse_stamp_ref(text: str) -> tuple[Stamp | ShortStamp | None, str]:
    """Return the ``@stamp`` at the beginning of ``text``, or None if it does not begin with one; and the rest.

    Raises `BadStamp`.
    """
    first, _, rest = text.strip().partition(" ")
    form = ShortStamp.parse(first.removeprefix("@"))
    stamp = Stamp.parse(first.removeprefix("@")) or (form.full_stamp() if form is not None else None)
    if not first.startswith("@"):  # a full stamp without it is one, too: JSON has it so
        return (None, text.strip()) if stamp is None else (stamp, rest.strip())
    if stamp is None and (form is None or (form.day and form.utc_offset_s is not None and len(form.clock) == 18)):
        raise BadStamp(
            f"{first!r} is not a stamp: write it as the log has it, @2026-11-24T03:14:07.123456789+0000, or its "
            "beginning, @03:14 or @03:14:07.123"
        )
    return stamp or form, rest.strip()


def read_stamp_ref(
    journal: Journal, text: str, preferred: Callable[[], Iterable[Stamp]] = tuple
) -> tuple[Stamp | None, str]:
    """Return the stamp that ``text`` begins with, or None if it does not begin with ``@``; and the rest.

    A short form is looked up among the ``preferred`` stamps, and then among all entries of ``journal``. Raises
    `BadStamp`, `PreconditionFailed` if it names no entry or several, and OSError.
    """
    reference, rest = parse_stamp_ref(text)
    if not isinstance(reference, ShortStamp):
        return reference, rest
    matching = [stamp for stamp in preferred() if reference.matches(stamp)]
    return matching[0] if len(matching) == 1 else find_entry(journal, reference).stamp, rest


def expand_stamp_ref(journal: Journal, text: str) -> str:
    """Return ``text``, which is a time; one that begins with ``@`` with all of its entry's stamp. Raises as above."""
    stamp, rest = read_stamp_ref(journal, text) if text.strip().startswith("@") else (None, "")
    return text if stamp is None else f"@{stamp} {rest}".strip()


def find_entry(journal: Journal, form: ShortStamp) -> Entry:
    """Return the only entry whose stamp begins with ``form``.

    The lines of the lock, warnings and later lines of a text count only if there is nothing else. Raises
    `PreconditionFailed`, and OSError.
    """
    entries = list(_matching_entries(journal, form))
    entries = [entry for entry in entries if is_first_line(entry)] or entries
    if len(entries) == 1:
        return entries[0]
    if not entries:
        raise PreconditionFailed(f"no entry has a stamp that begins with @{form}")
    forms = shortest_forms([entry.stamp for entry in entries], like=form)
    listed = "; ".join(
        f"{short} {_shorten(entry.text)}" for short, entry in list(zip(forms, entries, strict=True))[:_MAX_LISTED]
    )
    more = f"; and {len(entries) - _MAX_LISTED} more" if len(entries) > _MAX_LISTED else ""
    raise PreconditionFailed(f"@{form} names {len(entries)} entries: {listed}{more}")


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_WORDS else text[: _MAX_WORDS - 1] + "…"


def is_first_line(entry: Entry) -> bool:
    """Return whether ``entry`` is more than a line of the lock, a warning, or a later line of a text."""
    return entry.kind not in (CEREMONY, "WARNING") and not entry.text.startswith(("| ", CONTINUATION_PREFIX))


def _matching_entries(journal: Journal, form: ShortStamp) -> Iterator[Entry]:
    """Yield the entries whose stamps begin with ``form``, the last one first."""
    live = journal.open_live()
    in_own_zone = form.utc_offset_s is None
    pattern = re.compile(re.escape(f"{form.day}T{form.clock}" if in_own_zone else form.clock[5:] or ":").encode())
    for segment in journal.segments_backward(live) if live is not None else ():
        for line in matching_lines_backward(segment, segment.size(), pattern):
            entry = line.entry
            if entry is not None and form.matches(entry.stamp) and not line.is_repeated:
                yield entry
