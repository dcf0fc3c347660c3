"""The one list of rooms: what each capability brings to the fold."""

from collections.abc import Sequence

from threeam.core.fold import Fold, Room


def _rooms() -> Sequence[Room]:
    from threeam.human.room import ROOM as HUMAN
    from threeam.machine.baselines import ROOM as BASELINES
    from threeam.method.changes import ROOM as CHANGES
    from threeam.method.ledger import ROOM as LEDGER
    from threeam.method.marks import ROOM as MARKS
    from threeam.method.noted import ROOM as NOTED
    from threeam.method.texts import ROOM as TEXTS
    from threeam.observe.observers import ROOM as OBSERVERS
    from threeam.observe.runs import ROOM as RUNS
    from threeam.restore.stable import ROOM as STABLES

    return (HUMAN, MARKS, LEDGER, TEXTS, CHANGES, NOTED, BASELINES, STABLES, RUNS, OBSERVERS)


FOLD = Fold(_rooms)
