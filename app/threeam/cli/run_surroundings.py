"""The surroundings of runs: the journal they are logged in, and the cost of the other 3am processes."""

from __future__ import annotations

import os
from argparse import Namespace

from threeam.cli.context import Context, context
from threeam.core.errors import FileUnusable
from threeam.experiments.runner import JournalAccess
from threeam.tracing.instances import measure_instances, summarize_instances

_SAMPLE_S = 0.25  # how long the cost of the other 3am processes is measured


def writable_context(args: Namespace) -> Context:
    """Return the context. Raise `FileUnusable` if the journal cannot be written: then nothing is run."""
    ctx = context(args)
    if (obstacle := ctx.journal.write_obstacle()) is not None:
        raise FileUnusable(f"nothing was run: {obstacle}")
    return ctx


def journal_access(ctx: Context) -> JournalAccess:
    """Return the access of a runner to the journal of ``ctx``."""
    return JournalAccess(ctx.journal, ctx.clock, ctx.writer, ctx.load_state)


def measure_load() -> str:
    """Return the cost of the other 3am processes, as text."""
    return summarize_instances(measure_instances(_SAMPLE_S, excluded_pids=[os.getpid()]))
