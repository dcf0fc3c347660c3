"""Restoring the sysadmin: what is still open, said into the log, and then lights out."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.format.report import Part, Told, when
from threeam.core.state.fold import State
from threeam.core.write.draft import Draft, DraftLine, WriteContext
from threeam.human import drafts
from threeam.human.night_summary import Evening, drunk, forecast
from threeam.hypotheses.amendments import claim_of, read, texts
from threeam.hypotheses.changes import open_changes
from threeam.hypotheses.handoff_notes import noted
from threeam.hypotheses.ledger import in_order, thread_of
from threeam.hypotheses.thread import LOST

EVENTUALLY = "the system is eventually consistent, and right now you are not"
UNSAID = "nobody has said how it is undone"
_MOST = 12  # lines of each kind: a list that is longer is read by nobody
_LONGEST = 160  # characters of a line of it


def still_open(state: State) -> list[list[Told]]:
    """What is not done, by kind: what must be undone, the live hypotheses, the next step, stamps without words."""
    open_ones = [one for one in in_order(state) if one.state == "open"]
    undo = [
        Told(*(f"undo: {one.undo}", one.text) if one.undo else (f"changed: {one.text}", UNSAID), one.at, "Changed")
        for one in reversed(open_changes(state))
    ]
    live = []
    for one in open_ones:
        thread = thread_of(state, one)
        counts = f"+{len(thread.supports)} −{len(thread.contradicts)}"
        live.append(Told(f"{one.label} {claim_of(state, one) or LOST}", counts, one.opened_at, "Hypothesis"))
    following = noted(state, "next")
    then = (
        []
        if following is None
        else [Told(f"next: {read(state, following.at, following.lines[0])}", "", following.at, "Next")]
    )
    unworded = [Told("a stamp without words", "", one.at, "Stamp") for one in texts(state).stamps.values()]
    return [undo, live, then, unworded]


def _short_list(kinds: Sequence[Sequence[Told]]) -> list[Told]:
    """As many lines of each kind as anybody reads."""
    told: list[Told] = []
    for lines in kinds:
        more = len(lines) - _MOST
        told += [*lines[:_MOST], *([Told(f"and {more:,} more: 3am handoff")] if more > 0 else [])]
    return told


def lights_out(half_life_h: float) -> Draft:
    """The end of the author's night, as one block: what is still open, for whoever is up, and the sleep line."""

    def lines(state: State, author: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        me = state.people.get(author.user)
        if me is not None and me.asleep:
            raise PreconditionFailed(
                f"the night of {author.user} is over already, since {Stamp(me.last_active_ns, stamp.utc_offset_s)}"
            )
        kinds = still_open(state)
        left = sum(map(len, kinds))
        head = f"Handoff: {author.user} goes to sleep, and {left or 'nothing'} {_is(left)} still open."
        return [
            DraftLine(head, (("HANDOFF", str(left)),)),
            *(DraftLine(f"| {_short(one)}") for one in _short_list(kinds)),
            drafts.sleep(state, author, stamp, half_life_h),
        ]

    return Draft(lines)


def _is(count: int) -> str:
    return "thing is" if count == 1 else "things are" if count else "is"


def _short(line: Told) -> str:
    text = f"{line.text}{f' ({line.more})' if line.more else ''}"
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return f"{text}{f' @{line.at}' if line.at is not None else ''}"


def parts(state: State, one: Evening, awake_since: Stamp | None) -> list[Part]:
    """What ``one`` reads before the lights go out."""
    you = [Told(f"{drunk(one)}, {one.mg:.0f} mg", forecast(one))]
    if awake_since is not None:
        you.append(Told("awake", f"since {when(awake_since, one.now)} at least", awake_since))
    return [
        Part("still open", _short_list(still_open(state)) or [Told("nothing", sign="ok")]),
        Part("you", [*you, Told("a glass of water, and then lights out"), Told(EVENTUALLY)]),
    ]
