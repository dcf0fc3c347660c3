"""The one list of rooms: what each capability brings to the fold."""

from collections.abc import Sequence

from threeam.core.state.fold import Fold, Projection


def _rooms() -> Sequence[Projection]:
    from threeam.experiments.runs import ROOM as RUNS
    from threeam.host.baseline_log import ROOM as BASELINES
    from threeam.human.intake import ROOM as HUMAN
    from threeam.hypotheses.amendments import ROOM as TEXTS
    from threeam.hypotheses.changes import ROOM as CHANGES
    from threeam.hypotheses.handoff_notes import ROOM as NOTED
    from threeam.hypotheses.ledger import ROOM as LEDGER
    from threeam.hypotheses.marks import ROOM as MARKS
    from threeam.restore.stable_commit import ROOM as STABLES
    from threeam.tracing.observations import ROOM as OBSERVERS

    return (HUMAN, MARKS, LEDGER, TEXTS, CHANGES, NOTED, BASELINES, STABLES, RUNS, OBSERVERS)


FOLD = Fold(_rooms)
