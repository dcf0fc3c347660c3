"""The one list of rooms: what each capability brings to the fold."""

from threeam.core.fold import Fold
from threeam.human.room import ROOM as HUMAN
from threeam.method.marks import ROOM as MARKS

FOLD = Fold((HUMAN, MARKS))
