"""References to entries on the `:` line. A short one is looked up in the journal, on a thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from threeam.core.format.entry import Stamp
from threeam.core.format.short_stamp import ShortStamp
from threeam.core.store.stamp_ref import parse_stamp_ref, read_stamp_ref
from threeam.tui.services import ScreenServices


async def resolve_stamp_ref(
    screen: ScreenServices, text: str, preferred: Callable[[], list[Stamp]] = list
) -> tuple[Stamp | None, str] | None:
    """Return the stamp that ``text`` begins with (or None) and the rest; None, after a notice, if it names no entry.

    ``preferred``: see `read_stamp_ref`. Raises `BadStamp`.
    """
    reference, rest = parse_stamp_ref(text)
    if not isinstance(reference, ShortStamp):
        return reference, rest
    return await screen.run_in_thread(partial(read_stamp_ref, screen.session.journal, text, preferred))
