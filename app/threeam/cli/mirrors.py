"""The journals of other hosts, for commands that read a log. The team is imported if one of them is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from threeam.cli.context import Context
from threeam.core.store.journal import Journal

if TYPE_CHECKING:
    from threeam.timeline.files import OpenedFile


def mirror_opener(journal: Journal) -> Callable[[str], OpenedFile | None]:
    """Return what opens the journals that are mirrored beside ``journal``, by the names of their hosts."""

    def open_mirror(name: str) -> OpenedFile | None:
        from threeam.team.mirrors.mirror_source import open_mirror_file

        return open_mirror_file(journal, name)

    return open_mirror


def on_host(ctx: Context, name: str | None) -> Context:
    """Return ``ctx`` on the journal of a host of the team; None: as it is. Raises `BadInput`."""
    if name is None:
        return ctx
    from threeam.team.mirrors.mirror_source import mirror_journal

    journal = mirror_journal(ctx.journal, name)
    return ctx._replace(resolved_config=ctx.resolved_config._replace(journal=journal))
