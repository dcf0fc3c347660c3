"""The surroundings of runs: the journal they are logged in, and the cost of the other 3am processes."""

from __future__ import annotations

import os
from argparse import Namespace

from threeam.cli.context import Context, context
from threeam.core.errors import FileUnusable
from threeam.experiments.build import Surroundings
from threeam.experiments.lifecycle import JournalAccess
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


def observe(folder: str) -> Surroundings:
    """Return the cost of the other 3am processes, and the commit of the work tree around ``folder``."""
    from threeam.process.git import GitFailed
    from threeam.restore.git import work_tree_state

    instances = summarize_instances(measure_instances(_SAMPLE_S, excluded_pids=[os.getpid()]))
    try:
        head, uncommitted_count = work_tree_state(folder)
    except GitFailed:  # the folder is in no work tree that git may read, and the plan names no commit
        return Surroundings(instances)
    return Surroundings(instances, head, uncommitted_count)
