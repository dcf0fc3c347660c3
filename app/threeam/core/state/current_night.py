"""The present night of a person whose last lines have stamps of a clock that was far ahead."""

from __future__ import annotations

from threeam.core.state.fold import Person, State
from threeam.core.store.journal import Position
from threeam.core.store.reader import active_entries_backward


def correct_for_future_lines(state: State, end: Position, user: str, now_ns: int, gap_ns: int) -> State:
    """Return ``state``, which is that at ``end``, with the night of ``user`` that continues at ``now_ns``.

    A line from the future begins another night. When the clock is right again, the night before it continues, and the
    cups of both count. Raises OSError.
    """
    person = state.people.get(user)
    if person is None or person.asleep or person.last_active_ns - now_ns <= gap_ns:
        return state
    began_again = False
    for entry in active_entries_backward(end.segment, end.offset, user):
        active = entry.activity_stamp
        if active is not None and active.ns - now_ns <= gap_ns:
            if now_ns - active.ns > gap_ns or entry.tag("NIGHT") == "over":
                return state  # that night is over: the lines from the future belong to this one
            cups = entry.cups + person.cups if began_again else max(entry.cups, person.cups)
            return state._replace(people={**state.people, user: Person(cups, active.ns, person.author)})
        began_again = began_again or entry.tag("NIGHT") == "new"
    return state
