"""The fold: what the lines of the log add up to.

Core knows the cups and nights of each person (COFFEE, BY, NIGHT) and the number and state of each
hypothesis (H). Every other room brings a `Room` with its own tags and its own fold; `State.rooms`
holds what it made of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, count, islice
from typing import Any, Generic, NamedTuple, TypeVar, cast

from threeam.core.format.entry import Author, Entry, Stamp, by_tag, leading_stamp_ref
from threeam.core.store.journal import Segment
from threeam.core.store.reader import state_entries_backward

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")  # the state that a projection keeps

OPEN = "open"
_BATCH_ENTRIES = 2000  # entries folded in one step: each copies what is known of people and hypotheses
MAX_SCRIPT_HYPOTHESES = (
    1000  # hypotheses without a number that count as open, the newest: the Bash script never closes one
)
_ORDER_VALUE = re.compile(r"(-?\d{1,20}) (\d{1,20})", re.ASCII)
_MAX_NUMBER = 999_999_999  # of a hypothesis or an experiment, as the format has it


class Person(NamedTuple):
    """What the log says of one user: cups this night, when they last typed (ns), and from where.

    ``asleep``: with that line they ended their night.
    """

    cups: int
    last_active_ns: int
    author: Author
    asleep: bool = False


class Hypothesis(NamedTuple):
    """A claim and its state. ``number`` is None for one that the Bash script wrote.

    ``position``: of the line that gave it its number, see `Entry.position`; `opened_at` may be the stamp of a line of
    the Bash script, which has no place in the order.
    """

    number: int | None
    state: str
    claim: str
    author: Author | None
    opened_at: Stamp
    position: int

    @property
    def name(self) -> str:
        """How a person names it: ``H7``, or ``@stamp`` while it has no number."""
        return f"H{self.number}" if self.number is not None else f"@{self.opened_at}"

    @property
    def label(self) -> str:
        """As it is shown: ``H7``, or ``script`` while it has no number."""
        return f"H{self.number}" if self.number is not None else "script"


class State(NamedTuple):
    """The sum of the lines so far. ``hypotheses`` is keyed by number, or by stamp (ns) where there is none.

    ``order``: the position of the last line that changes the state. ``behind``: how far (ns) the stamps after it are
    behind their positions: it grows each time that such a line has an earlier stamp than the one before it.
    """

    people: Mapping[str, Person] = {}
    hypotheses: Mapping[int | Stamp, Hypothesis] = {}
    last_stamp: Stamp | None = None
    projections: Mapping[str, Any] = {}
    last_position: int = 0
    clock_lag_ns: int = 0

    def after_rotation(self, last_stamp: Stamp) -> State:
        """Return the state after the lines of a rotation, the last of which is at ``last``."""
        return self._replace(
            last_stamp=last_stamp, last_position=max(self.last_position, last_stamp.ns + self.clock_lag_ns)
        )

    def current_night(self, user: str, now_ns: int, gap_ns: int) -> Person | None:
        """What the log says of ``user`` this night, as of ``now_ns``.

        Nothing once ``gap_ns`` has passed since they typed, or they went to sleep.
        """
        person = self.people.get(user)
        return None if person is None or person.asleep or now_ns - person.last_active_ns > gap_ns else person

    def cups(self, user: str, now_ns: int, gap_ns: int) -> int:
        """The cups of ``user`` this night, as of ``now_ns``."""
        person = self.current_night(user, now_ns, gap_ns)
        return 0 if person is None else person.cups

    def open_hypotheses(self) -> list[Hypothesis]:
        """Those still open, in the order in which they were opened."""
        return [h for h in self.hypotheses.values() if h.state == OPEN]

    def next_number(self) -> int:
        """The number that the next hypothesis gets."""
        return next_free_number(h.number for h in self.hypotheses.values() if h.number is not None)

    def find_hypothesis(self, name: str) -> Hypothesis | None:
        """The hypothesis that ``H7``, ``h7``, ``7`` or ``@stamp`` names, or None."""
        if name.startswith("@"):
            stamp = Stamp.parse(name[1:])
            if stamp is None:
                return None
            return next((h for h in self.hypotheses.values() if h.opened_at.ns == stamp.ns), None)
        digits = name[1:] if name[:1] in "hH" else name
        return self.hypotheses.get(int(digits)) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None


class Projection(NamedTuple, Generic[T]):
    """What one capability brings to the fold.

    ``tags``: the keys that carry its state, besides H, as regular expressions. ``empty``: its state before the first
    line. ``fold``: (its state, entries in their order) to its state; pure, and in as many goes as they come. ``carry``:
    its state to the entries that bring it over a rotation; their stamps say when it came to be, and folding them
    assigns.
    """

    name: str
    tag_patterns: tuple[str, ...]
    initial: T
    fold: Callable[[T, Sequence[Entry]], T]
    checkpoint: Callable[[T], Iterable[Entry]]

    def of(self, state: State) -> T:
        """Return what this projection has made of the lines of ``state``."""
        return cast(T, state.projections[self.name])


class Fold:
    """The fold of a program with these rooms: what gives them is called when they are needed.

    They take a fifth of the time of a one-shot that writes a line, which needs none of them.
    """

    def __init__(self, load_projections: Callable[[], Sequence[Projection[Any]]]) -> None:
        self._load_projections = load_projections

    @cached_property
    def projections(self) -> tuple[Projection[Any], ...]:
        """The rooms."""
        return tuple(self._load_projections())

    @cached_property
    def empty_state(self) -> State:
        """The state before the first line."""
        return State(projections={room.name: room.initial for room in self.projections})

    @cached_property
    def state_line_pattern(self) -> re.Pattern[bytes]:
        """What a line that changes the state has in it."""
        keys = ("NIGHT", "AT", *(tag for room in self.projections for tag in room.tag_patterns))
        begins: dict[str, list[str]] = {}
        for one in (r"H\d+: ", r"COFFEE: \d+\] Hypothesis:", *(f"{key}: " for key in keys)):
            begins.setdefault(one[0], []).append(one[1:])
        # One literal first byte, then one alternative for each letter: 70 ms for 64 MiB, where one for each tag took
        # 93 ms, and a search for each tag by itself as long for every one of them.
        ways = "|".join(f"{letter}(?:{'|'.join(rest)})" for letter, rest in begins.items())
        return re.compile(rf"\[(?:{ways})".encode())

    @cached_property
    def _state_tag_key(self) -> re.Pattern[str]:
        """The key of a tag of a line that changes the state, whatever a byte search would find besides."""
        return re.compile(
            "|".join((r"H\d+", "NIGHT", *(tag for room in self.projections for tag in room.tag_patterns)))
        )

    def state_at(self, segment: Segment, end: int) -> State:
        """The state as of the last whole line of ``segment`` before ``end``: a byte search, no parse of every line."""
        return self.advance(self.empty_state, segment, 0, end)

    def checkpoint(self, state: State, stamp: Stamp) -> list[Entry]:
        """The entries that bring ``state`` over a rotation, at ``stamp`` and then + 1 ns a line.

        In its ``AT`` tag each says when that came to be. They assign, so they give ``state`` by themselves, and after
        everything before they change nothing.
        """
        return [
            carry_entry(entry, Stamp(stamp.ns + i, stamp.utc_offset_s))
            for i, entry in enumerate(self.checkpoint_entries(state))
        ]

    def checkpoint_entries(self, state: State) -> Iterator[Entry]:
        """Yield what a rotation has to repeat of ``state``: entries, each with the stamp at which it came to be."""
        for _, entries in self.checkpoint_parts(state):
            yield from entries

    def checkpoint_parts(self, state: State) -> Iterator[tuple[Any, Iterable[Entry]]]:
        """Yield each part of ``state``, and what a rotation has to repeat of it."""
        yield (state.last_position, state.clock_lag_ns, state.last_stamp), _checkpoint_clock(state)
        yield (
            state.people,
            (
                Entry(
                    Stamp(person.last_active_ns),
                    person.cups,
                    _person_tags(person),
                    f"Carried: {person.cups} cups of {user}.",
                )
                for user, person in state.people.items()
            ),
        )
        yield state.hypotheses, map(_checkpoint_hypothesis, state.hypotheses.values())
        for room in self.projections:
            part = room.of(state)
            yield part, room.checkpoint(part)

    def advance(self, state: State, segment: Segment, start: int, end: int) -> State:
        """``state`` after the whole lines of ``segment`` between ``since`` and ``end``: a byte search, as in `of`."""
        return self(state, _oldest_first(state_entries_backward(segment, end, self.state_line_pattern, start)))

    def state_at_in_steps(self, segment: Segment, end: int) -> Iterator[State | None]:
        """What `of` gives, after many a None: for who has other things to do between two steps."""
        blocks = []
        for entries in state_entries_backward(segment, end, self.state_line_pattern):
            blocks.append(entries)
            yield None
        state, entries_left = self.empty_state, _oldest_first(blocks)
        while some := list(islice(entries_left, _BATCH_ENTRIES)):
            state = self(state, some)
            yield None
        yield state

    def __call__(self, state: State, entries: Iterable[Entry]) -> State:
        """``state`` after ``entries``, in their order. Pure; copies once for a whole batch."""
        entries, order, behind = self._assign_positions(state, entries)
        people = dict(state.people)
        hypotheses = dict(state.hypotheses)
        unnumbered = {key: None for key in hypotheses if isinstance(key, Stamp)}
        last = state.last_stamp
        for entry in entries:
            last = entry.stamp
            by = entry.author
            if by is not None and (active := entry.activity_stamp) is not None:
                people[by.user] = Person(entry.cups, active.ns, by, entry.tag("NIGHT") == "over")
            _fold_hypothesis(hypotheses, unnumbered, by, entry)
        rooms = {room.name: room.fold(room.of(state), entries) for room in self.projections}
        return State(people, hypotheses, last, rooms, order, behind)

    def _assign_positions(self, state: State, entries: Iterable[Entry]) -> tuple[list[Entry], int, int]:
        """Return ``entries`` with their positions, and the order and `State.behind` after them.

        Only lines that change the state count, so that a byte search gives what folding every line gives.
        """
        placed, order, behind, key = [], state.last_position, state.clock_lag_ns, self._state_tag_key
        for entry in entries:
            counts = any(key.fullmatch(name) for name, _ in entry.tags)
            if entry.carried_from is not None:
                if clock := _ORDER_VALUE.fullmatch(entry.tag("ORDER") or ""):
                    order, behind = int(clock[1]), int(clock[2])
                # What was not in the order when it was written (when a person was active) is not in it when repeated.
                order = max(order, entry.stamp.ns + behind, entry.position if counts else 0)
            elif counts:
                position = entry.stamp.ns + behind
                if position <= order and order:
                    behind += order + 1 - position
                    position = order + 1
                order = position
                if behind:
                    entry = entry._replace(assigned_position=position)
            placed.append(entry)
        return placed, order, behind


CORE_FOLD = Fold(tuple)  # what people drink and how hypotheses stand: all that a note needs


def next_free_number(used: Iterable[int]) -> int:
    """Return the number after the highest of ``taken``; if a hand wrote the highest there is, the lowest free one."""
    numbers = set(used)
    highest = max(numbers, default=0)
    if highest < _MAX_NUMBER:
        return highest + 1
    return next(number for number in count(1) if number not in numbers)


def latest_by_key(
    known: Mapping[K, V], entries: Iterable[Entry], extract: Callable[[Entry], tuple[K, V] | None]
) -> Mapping[K, V]:
    """``found`` with what ``read`` finds in ``entries``: of each key the newest, the one that came last at the end."""
    others: dict[K, V] | None = None
    for entry in entries:
        if (one := extract(entry)) is not None:
            others = dict(known) if others is None else others
            others.pop(one[0], None)
            others[one[0]] = one[1]
    return known if others is None else others


def script_hypothesis_numbered_by(hypotheses: Iterable[Hypothesis], entry: Entry) -> Hypothesis | None:
    """The script's hypothesis that ``entry`` cites, claim and all, to give it a number; None where it does not."""
    at = leading_stamp_ref(entry.body) if entry.kind == "Hypothesis" else None
    if at is None:
        return None
    script = (one for one in hypotheses if one.opened_at.ns == at.ns)
    return next((one for one in script if entry.body == f"@{at} {one.claim}".rstrip()), None)


def _oldest_first(blocks: Iterable[list[Entry]]) -> Iterator[Entry]:
    """The entries of ``blocks``, the last of which comes first."""
    return chain.from_iterable(reversed(list(blocks)))


def _fold_hypothesis(
    hypotheses: dict[int | Stamp, Hypothesis], unnumbered: dict[Stamp, None], entry_author: Author | None, entry: Entry
) -> None:
    """Change ``hypotheses``, and their keys that are no numbers, by ``entry``."""
    carried = entry.carried_from
    stamp = carried or entry.stamp
    tagged = entry.hypothesis
    if tagged is None:
        if entry_author is None and entry.kind == "Hypothesis":  # the Bash script's: no tag, no author
            hypotheses[stamp], unnumbered[stamp] = Hypothesis(None, OPEN, entry.body, None, stamp, stamp.ns), None
            if (
                len(unnumbered) > MAX_SCRIPT_HYPOTHESES
            ):  # else a log of the script alone would be carried over for the most part
                oldest = next(iter(unnumbered))
                del hypotheses[oldest], unnumbered[oldest]
        return
    number, state = tagged
    known = hypotheses.get(number)
    if carried is not None:  # of what was said about it the state is no news
        if entry.kind == "Hypothesis":
            hypotheses[number] = Hypothesis(number, state, entry.body, entry_author, stamp, entry.position)
    elif known is None:
        claim = entry.body if entry.kind == "Hypothesis" else ""  # its opening line may be gone
        opened, author = stamp, entry_author
        script = script_hypothesis_numbered_by((one for one in hypotheses.values() if one.number is None), entry)
        if script is not None:
            claim, opened, author = script.claim, script.opened_at, script.author
            del hypotheses[script.opened_at], unnumbered[script.opened_at]
        hypotheses[number] = Hypothesis(number, state, claim, author, opened, entry.position)
    elif state != known.state:
        hypotheses[number] = known._replace(state=state)


def _person_tags(person: Person) -> tuple[tuple[str, str], ...]:
    return (("BY", str(person.author)), *([("NIGHT", "over")] if person.asleep else []))


def carry_entry(entry: Entry, stamp: Stamp) -> Entry:
    """Return ``entry`` repeated at ``stamp``: the author stays in front, and its own stamp stands in ``AT``."""
    by = tuple(tag for tag in entry.tags[:1] if tag[0] == "BY")
    order = () if entry.assigned_position in (None, entry.stamp.ns) else (("ORDER", str(entry.assigned_position)),)
    return Entry(stamp, entry.cups, (*by, ("AT", str(entry.stamp)), *order, *entry.tags[len(by) :]), entry.text)


def _checkpoint_clock(state: State) -> Iterator[Entry]:
    """Yield the line that says how far the clock was stepped back; nothing if the stamps say the order by themselves.

    Without it the lines after the rotation would come before those that are carried over.
    """
    if state.last_stamp is not None and (state.clock_lag_ns or state.last_position > state.last_stamp.ns):
        yield Entry(
            state.last_stamp,
            0,
            (("ORDER", f"{state.last_position} {state.clock_lag_ns}"),),
            "Carried: the clock was stepped back.",
        )


def _checkpoint_hypothesis(hypothesis: Hypothesis) -> Entry:
    tag = ((f"H{hypothesis.number}", hypothesis.state),) if hypothesis.number is not None else ()
    tags = (*by_tag(hypothesis.author), *tag)
    return Entry(hypothesis.opened_at, 0, tags, f"Hypothesis: {hypothesis.claim}", hypothesis.position)
