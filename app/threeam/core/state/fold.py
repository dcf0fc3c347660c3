"""The fold: it reduces the lines of the log to a `State`.

Core folds the cups and nights of each person (COFFEE, BY, NIGHT) and the number and state of each hypothesis (H).
Each other capability brings a `Projection` with its own tags and its own fold; `State.projections` holds the results.
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
_BATCH_ENTRIES = 2000  # entries folded in one step: each step copies the maps of people and hypotheses
MAX_SCRIPT_HYPOTHESES = 1000  # the newest hypotheses without a number that count: the Bash script never closes one
_ORDER_VALUE = re.compile(r"(-?\d{1,20}) (\d{1,20})", re.ASCII)
_MAX_NUMBER = 999_999_999  # of a hypothesis or an experiment, as the format has it


class Person(NamedTuple):
    """The state of one user: cups this night, when they last typed (ns), and from where.

    ``asleep``: their last line ended their night.
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
        """Return what a person types to name it: ``H7``, or ``@stamp`` while it has no number."""
        return f"H{self.number}" if self.number is not None else f"@{self.opened_at}"

    @property
    def bound(self) -> int | None:
        """Return what lines about it are bound to; None while it has no number."""
        return self.number

    @property
    def label(self) -> str:
        """Return what is shown for it: ``H7``, or ``script`` while it has no number."""
        return f"H{self.number}" if self.number is not None else "script"


class State(NamedTuple):
    """The result of the lines so far. ``hypotheses``: by number, or by stamp for those without a number.

    ``projections``: the state of each projection by its name; read it with `Projection.of`. ``last_position``: of the
    last line that changes the state. ``clock_lag_ns``: how far the stamps of later lines are behind their positions;
    it grows each time that such a line has an earlier stamp than the one before it.
    """

    people: Mapping[str, Person] = {}
    hypotheses: Mapping[int | Stamp, Hypothesis] = {}
    last_stamp: Stamp | None = None
    projections: Mapping[str, Any] = {}
    last_position: int = 0
    clock_lag_ns: int = 0

    def after_rotation(self, last_stamp: Stamp) -> State:
        """Return the state after the lines that a rotation has written, of which ``last_stamp`` is the last."""
        last_position = max(self.last_position, last_stamp.ns + self.clock_lag_ns)
        return self._replace(last_stamp=last_stamp, last_position=last_position)

    def current_night(self, user: str, now_ns: int, gap_ns: int) -> Person | None:
        """Return the state of ``user`` if their night continues at ``now_ns``, else None.

        A night ends when its person goes to sleep, or has not typed for ``gap_ns``.
        """
        person = self.people.get(user)
        return None if person is None or person.asleep or now_ns - person.last_active_ns > gap_ns else person

    def cups(self, user: str, now_ns: int, gap_ns: int) -> int:
        """Return the cups of ``user`` this night, as of ``now_ns``."""
        person = self.current_night(user, now_ns, gap_ns)
        return 0 if person is None else person.cups

    def open_hypotheses(self) -> list[Hypothesis]:
        """Return the open hypotheses in the order in which they were opened."""
        return [hypothesis for hypothesis in self.hypotheses.values() if hypothesis.state == OPEN]

    def next_number(self) -> int:
        """Return the number that the next hypothesis gets."""
        numbers = (hypothesis.number for hypothesis in self.hypotheses.values())
        return next_free_number(number for number in numbers if number is not None)

    def find_hypothesis(self, name: str) -> Hypothesis | None:
        """Return the hypothesis that ``H7``, ``h7``, ``7`` or ``@stamp`` names, or None."""
        if name.startswith("@"):
            from threeam.core.format.short_stamp import ShortStamp  # few commands name a hypothesis so

            form, stamp = ShortStamp.parse(name[1:]), Stamp.parse(name[1:])
            if form is None:
                return None
            hypotheses = list(self.hypotheses.values())
            matching = [hypothesis for hypothesis in hypotheses if form.matches(hypothesis.opened_at)]
            if stamp is not None:
                matching = [hypothesis for hypothesis in hypotheses if hypothesis.opened_at.ns == stamp.ns]
            return matching[0] if len(matching) == 1 else None
        digits = name[1:] if name[:1] in "hH" else name
        return self.hypotheses.get(int(digits)) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None


class Projection(NamedTuple, Generic[T]):
    """The part of the fold that one capability defines, with a state of type ``T``.

    ``tag_patterns``: regular expressions for the keys of the tags that change its state, besides H. ``initial``: its
    state before the first line. ``fold``: returns its state after some entries, from its state before them; pure, and
    the same result for any split of the entries. ``checkpoint``: returns the entries that a rotation repeats for a
    state. Each has the stamp of its original, and folding it assigns the state instead of adding to it.
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
    """The fold with some projections, which are loaded when they are first needed.

    Loading them takes a fifth of the time of a command that writes one line, which needs none of them.
    """

    def __init__(self, load_projections: Callable[[], Sequence[Projection[Any]]]) -> None:
        self._load_projections = load_projections

    @cached_property
    def projections(self) -> tuple[Projection[Any], ...]:
        """Return the projections, loaded at the first call."""
        return tuple(self._load_projections())

    @cached_property
    def empty_state(self) -> State:
        """Return the state before the first line."""
        return State(projections={projection.name: projection.initial for projection in self.projections})

    @cached_property
    def state_line_pattern(self) -> re.Pattern[bytes]:
        """Return a pattern that matches in each line that changes the state, and in few others."""
        keys = ("NIGHT", "AT", *self._tag_patterns)
        tails: dict[str, list[str]] = {}
        for pattern in (r"H\d+: ", r"COFFEE: \d+\] Hypothesis:", *(f"{key}: " for key in keys)):
            tails.setdefault(pattern[0], []).append(pattern[1:])
        # One literal first byte, then one alternative for each letter: 70 ms for 64 MiB. One alternative for each tag
        # took 93 ms, and a search for each tag took as long again for each of them.
        alternatives = "|".join(f"{letter}(?:{'|'.join(rest)})" for letter, rest in tails.items())
        return re.compile(rf"\[(?:{alternatives})".encode())

    @cached_property
    def _state_tag_key(self) -> re.Pattern[str]:
        """Return a pattern for the whole key of each tag that changes the state."""
        return re.compile("|".join((r"H\d+", "NIGHT", *self._tag_patterns)))

    @property
    def _tag_patterns(self) -> Iterator[str]:
        return (pattern for projection in self.projections for pattern in projection.tag_patterns)

    def state_at(self, segment: Segment, end: int) -> State:
        """Return the state after the last whole line of ``segment`` before the offset ``end``.

        A byte search finds the lines that change the state; the others are not parsed. Raises OSError.
        """
        return self.advance(self.empty_state, segment, 0, end)

    def checkpoint(self, state: State, stamp: Stamp) -> list[Entry]:
        """Return the entries that a rotation writes to repeat ``state``, at ``stamp`` and then + 1 ns a line.

        The ``AT`` tag of each is the stamp of its original. Folding them alone gives ``state``; folding them after
        ``state`` changes nothing.
        """
        return [
            carry_entry(entry, Stamp(stamp.ns + index, stamp.utc_offset_s))
            for index, entry in enumerate(self.checkpoint_entries(state))
        ]

    def checkpoint_entries(self, state: State) -> Iterator[Entry]:
        """Yield the entries that a rotation repeats for ``state``, each with the stamp of its original."""
        for _, entries in self.checkpoint_parts(state):
            yield from entries

    def checkpoint_parts(self, state: State) -> Iterator[tuple[Any, Iterable[Entry]]]:
        """Yield each part of ``state`` with the entries that a rotation repeats for it."""
        yield (state.last_position, state.clock_lag_ns, state.last_stamp), _checkpoint_clock(state)
        yield state.people, (_checkpoint_person(user, person) for user, person in state.people.items())
        yield state.hypotheses, map(_checkpoint_hypothesis, state.hypotheses.values())
        for projection in self.projections:
            part = projection.of(state)
            yield part, projection.checkpoint(part)

    def advance(self, state: State, segment: Segment, start: int, end: int) -> State:
        """Return ``state`` after the whole lines of ``segment`` between the offsets ``start`` and ``end``.

        A byte search, as in `state_at`. Raises OSError.
        """
        return self(state, _oldest_first(state_entries_backward(segment, end, self.state_line_pattern, start)))

    def state_at_in_steps(self, segment: Segment, end: int) -> Iterator[State | None]:
        """Yield None between steps, then the state: `state_at` for callers that must stay responsive."""
        blocks = []
        for entries in state_entries_backward(segment, end, self.state_line_pattern):
            blocks.append(entries)
            yield None
        state, remaining = self.empty_state, _oldest_first(blocks)
        while batch := list(islice(remaining, _BATCH_ENTRIES)):
            state = self(state, batch)
            yield None
        yield state

    def __call__(self, state: State, entries: Iterable[Entry]) -> State:
        """Return ``state`` after ``entries``, in their order. Pure; copies once for a whole batch."""
        entries, last_position, clock_lag_ns = self._assign_positions(state, entries)
        people = dict(state.people)
        hypotheses = dict(state.hypotheses)
        unnumbered = {key: None for key in hypotheses if isinstance(key, Stamp)}
        last_stamp = state.last_stamp
        for entry in entries:
            last_stamp = entry.stamp
            author = entry.author
            if author is not None and (active := entry.activity_stamp) is not None:
                people[author.user] = Person(entry.cups, active.ns, author, entry.tag("NIGHT") == "over")
            _fold_hypothesis(hypotheses, unnumbered, author, entry)
        projections = {
            projection.name: projection.fold(projection.of(state), entries) for projection in self.projections
        }
        return State(people, hypotheses, last_stamp, projections, last_position, clock_lag_ns)

    def _assign_positions(self, state: State, entries: Iterable[Entry]) -> tuple[list[Entry], int, int]:
        """Return ``entries`` with their positions, and `State.last_position` and `State.clock_lag_ns` after them.

        Only lines that change the state have a place in the order: so a byte search gives the same as folding every
        line.
        """
        placed, pattern = [], self._state_tag_key
        last_position, lag_ns = state.last_position, state.clock_lag_ns
        for entry in entries:
            is_ordered = any(pattern.fullmatch(key) for key, _ in entry.tags)
            if entry.carried_from is not None:
                if clock := _ORDER_VALUE.fullmatch(entry.tag("ORDER") or ""):
                    last_position, lag_ns = int(clock[1]), int(clock[2])
                # A line that has no place in the order (when a person was active) gets none by being repeated.
                last_position = max(last_position, entry.stamp.ns + lag_ns, entry.position if is_ordered else 0)
            elif is_ordered:
                position = entry.stamp.ns + lag_ns
                if position <= last_position and last_position:
                    lag_ns += last_position + 1 - position
                    position = last_position + 1
                last_position = position
                if lag_ns:
                    entry = entry._replace(assigned_position=position)
            placed.append(entry)
        return placed, last_position, lag_ns


CORE_FOLD = Fold(tuple)  # without projections: cups, nights and hypotheses are all that a note needs


def next_free_number(used: Iterable[int]) -> int:
    """Return the number after the highest of ``used``, or the lowest free one if the format has no higher number."""
    numbers = set(used)
    highest = max(numbers, default=0)
    if highest < _MAX_NUMBER:
        return highest + 1
    return next(number for number in count(1) if number not in numbers)


def latest_by_key(
    known: Mapping[K, V], entries: Iterable[Entry], extract: Callable[[Entry], tuple[K, V] | None]
) -> Mapping[K, V]:
    """Return ``known`` with the pairs that ``extract`` returns for ``entries``; the pair set last is the last one."""
    updated: dict[K, V] | None = None
    for entry in entries:
        if (pair := extract(entry)) is not None:
            updated = dict(known) if updated is None else updated
            key, value = pair
            updated.pop(key, None)
            updated[key] = value
    return known if updated is None else updated


def script_hypothesis_numbered_by(hypotheses: Iterable[Hypothesis], entry: Entry) -> Hypothesis | None:
    """Return the script's hypothesis to which ``entry`` gives a number by citing its stamp and claim, or None."""
    stamp = leading_stamp_ref(entry.body) if entry.kind == "Hypothesis" else None
    if stamp is None:
        return None
    cited = (hypothesis for hypothesis in hypotheses if hypothesis.opened_at.ns == stamp.ns)
    return next((hypothesis for hypothesis in cited if entry.body == f"@{stamp} {hypothesis.claim}".rstrip()), None)


def _oldest_first(blocks: Iterable[list[Entry]]) -> Iterator[Entry]:
    """Return the entries of ``blocks``, beginning with the last block."""
    return chain.from_iterable(reversed(list(blocks)))


def _fold_hypothesis(
    hypotheses: dict[int | Stamp, Hypothesis], unnumbered: dict[Stamp, None], author: Author | None, entry: Entry
) -> None:
    """Apply ``entry``, written by ``author``, to ``hypotheses``. ``unnumbered``: the keys of those without a number."""
    stamp = entry.effective_stamp
    tag = entry.hypothesis
    if tag is None:
        if author is None and entry.kind == "Hypothesis":  # of the Bash script: no tag, no author
            hypotheses[stamp], unnumbered[stamp] = Hypothesis(None, OPEN, entry.body, None, stamp, stamp.ns), None
            if len(unnumbered) > MAX_SCRIPT_HYPOTHESES:  # else a rotation would repeat most of a log of the script
                oldest = next(iter(unnumbered))
                del hypotheses[oldest], unnumbered[oldest]
        return
    number, state = tag
    hypothesis = hypotheses.get(number)
    if entry.carried_from is not None:  # only the hypothesis itself: the repeated lines about it have older states
        if entry.kind == "Hypothesis":
            hypotheses[number] = Hypothesis(number, state, entry.body, author, stamp, entry.position)
    elif hypothesis is None:
        claim = entry.body if entry.kind == "Hypothesis" else ""  # its opening line may be gone
        opened = Hypothesis(number, state, claim, author, stamp, entry.position)
        script = script_hypothesis_numbered_by((hypotheses[key] for key in unnumbered), entry)
        if script is not None:
            opened = opened._replace(claim=script.claim, author=script.author, opened_at=script.opened_at)
            del hypotheses[script.opened_at], unnumbered[script.opened_at]
        hypotheses[number] = opened
    elif state != hypothesis.state:
        hypotheses[number] = hypothesis._replace(state=state)


def _checkpoint_person(user: str, person: Person) -> Entry:
    night = (("NIGHT", "over"),) if person.asleep else ()
    text = f"Carried: {person.cups} cups of {user}."
    return Entry(Stamp(person.last_active_ns), person.cups, (*by_tag(person.author), *night), text)


def carry_entry(entry: Entry, stamp: Stamp) -> Entry:
    """Return ``entry`` repeated at ``stamp``: BY stays the first tag, and AT is the stamp of the original."""
    author = tuple(tag for tag in entry.tags[:1] if tag[0] == "BY")
    order = () if entry.assigned_position in (None, entry.stamp.ns) else (("ORDER", str(entry.assigned_position)),)
    tags = (*author, ("AT", str(entry.stamp)), *order, *entry.tags[len(author) :])
    return Entry(stamp, entry.cups, tags, entry.text)


def _checkpoint_clock(state: State) -> Iterator[Entry]:
    """Yield a line with the order so far if the stamps alone do not give it, because the clock was stepped back.

    Without it the lines after the rotation would be ordered before the lines that it repeats.
    """
    if state.last_stamp is not None and (state.clock_lag_ns or state.last_position > state.last_stamp.ns):
        tags = (("ORDER", f"{state.last_position} {state.clock_lag_ns}"),)
        yield Entry(state.last_stamp, 0, tags, "Carried: the clock was stepped back.")


def _checkpoint_hypothesis(hypothesis: Hypothesis) -> Entry:
    tag = ((f"H{hypothesis.number}", hypothesis.state),) if hypothesis.number is not None else ()
    tags = (*by_tag(hypothesis.author), *tag)
    return Entry(hypothesis.opened_at, 0, tags, f"Hypothesis: {hypothesis.claim}", hypothesis.position)
