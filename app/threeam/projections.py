"""The one list of projections: the part of the fold that each capability defines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from threeam.core.state.fold import Fold, Projection


def _projections() -> Sequence[Projection[Any]]:
    from threeam.experiments.bisect.bisect_log import PROJECTION as BISECTIONS
    from threeam.experiments.provoke.search import PROJECTION as SEARCHES
    from threeam.experiments.runs.run_log import PROJECTION as RUNS
    from threeam.host.baseline_log import PROJECTION as BASELINES
    from threeam.human.intake import PROJECTION as HUMAN
    from threeam.hypotheses.amendments import PROJECTION as TEXTS
    from threeam.hypotheses.changes import PROJECTION as CHANGES
    from threeam.hypotheses.handoff_notes import PROJECTION as NOTED
    from threeam.hypotheses.ledger import PROJECTION as LEDGER
    from threeam.hypotheses.marks import PROJECTION as MARKS
    from threeam.hypotheses.remarks import PROJECTION as REMARKS
    from threeam.restore.stable_commit import PROJECTION as STABLES
    from threeam.restore.terminations import PROJECTION as TERMINATIONS
    from threeam.timeline.clock_lines import PROJECTION as CLOCKS
    from threeam.tracing.observations import PROJECTION as OBSERVERS

    return (
        HUMAN,
        MARKS,
        LEDGER,
        REMARKS,
        TEXTS,
        CHANGES,
        NOTED,
        BASELINES,
        STABLES,
        TERMINATIONS,
        RUNS,
        SEARCHES,
        BISECTIONS,
        OBSERVERS,
        CLOCKS,
    )


FOLD = Fold(_projections)
