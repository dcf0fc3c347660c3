"""The side panel: hypotheses, tonight's caffeine, and who is here."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from threeam.actions import ACTIONS
from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.core.format.times import format_age
from threeam.core.state.fold import OPEN, Hypothesis, State
from threeam.human.caffeine import HOUR_NS, remaining_mg
from threeam.human.intake import intake_of
from threeam.hypotheses.amendments import amendments, claim_of
from threeam.hypotheses.drafts import VERDICT_VERBS
from threeam.hypotheses.handoff_notes import journal_holder
from threeam.hypotheses.ledger import PROJECTION as LEDGER
from threeam.hypotheses.ledger import Thread, last_event_stamp, sorted_hypotheses, thread_of
from threeam.hypotheses.thread import MISSING_CLAIM
from threeam.tui.cells import drawable
from threeam.tui.glyphs import GLYPHS
from threeam.tui.keys import key_for_action
from threeam.tui.widgets.row_renderer import author_style

_MAX_OPTIONS = 200  # options at the most: a script in a loop opens thousands of hypotheses
_FULL_CLAIM_CELLS = 60  # cells: with more than that a claim is shown whole
_PRESENT_NS = 15 * 60 * NS_PER_S
_BARS = "▁▂▃▄▅▆▇█"
_CURVE_H = 8


class HypothesisList(OptionList):
    """The list, the open ones first; the picked one has a mark, and that is the one under the cursor."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("j", "cursor_down", "down", show=False),
        Binding("k", "cursor_up", "up", show=False),
        Binding("h", "screen.leave", "back to the log", id="board"),
        Binding("enter", "select", "thread", key_display="enter"),
        Binding("f", "screen.board_full", "full screen"),
        *(
            Binding(a.keys, f"screen.{a.method}", a.label, show=a.id in VERDICT_VERBS, tooltip=a.description, id=a.id)
            for a in ACTIONS
            if a.owner == "screen" and a.scope == "log" and a.keys and a.id != "board" and not a.id.startswith("pick-")
        ),
    ]

    class Picked(Message):
        """A hypothesis was picked; ``opens``: its thread is to be shown."""

        def __init__(self, name: str, *, opens_thread: bool) -> None:
            super().__init__()
            self.name = name
            self.opens = opens_thread

    def __init__(self, *, emoji: bool) -> None:
        super().__init__(markup=False)
        self._emoji = emoji
        self._separator = " · " if emoji else " | "
        self._shown_key: tuple[object, ...] = ()
        self._shown_arguments: tuple[State, str | None, Stamp] | None = None  # of `show`

    def on_resize(self) -> None:
        """Fit the claims to the new width: a list that was hidden until now has none while it is filled."""
        if self._shown_arguments is not None:
            self.show(*self._shown_arguments)

    @property
    def highlighted_name(self) -> str | None:
        """The hypothesis that has the cursor, while the list has the focus."""
        return self.highlighted_option.id if self.has_focus and self.highlighted_option else None

    def show(self, state: State, picked: str | None, now: Stamp) -> None:
        """Shows what the log says; the highlight stays on the same hypothesis."""
        self._shown_arguments = (state, picked, now)
        minutes = now.ns // (60 * NS_PER_S)
        shown = (
            state.hypotheses,
            LEDGER.of(state),
            amendments(state).by_target,
            picked,
            minutes,
            self._claim_cells,
        )
        if shown == self._shown_key:
            return
        self._shown_key, ordered = shown, sorted_hypotheses(state)
        at = self.highlighted_option.id if self.highlighted_option else picked
        self.clear_options()
        self.add_options(
            [
                Option(self._option_text(state, one, one.name == picked, now), id=one.name)
                for one in ordered[:_MAX_OPTIONS]
            ]
        )
        if len(ordered) > _MAX_OPTIONS:
            self.add_option(Option(Content(f"and {len(ordered) - _MAX_OPTIONS} more: 3am hyp list"), disabled=True))
        names = [one.name for one in ordered[:_MAX_OPTIONS]]
        if at in names:
            self.highlighted = names.index(at)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option.id is not None:
            self.post_message(self.Picked(event.option.id, opens_thread=True))

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option.id is not None and self.has_focus:
            self.post_message(self.Picked(event.option.id, opens_thread=False))

    def _option_text(self, state: State, hypothesis: Hypothesis, picked: bool, now: Stamp) -> Content:
        sign = GLYPHS.get(hypothesis.state, GLYPHS["Hypothesis"])
        live = hypothesis.state == OPEN
        mark = ("▸" if self._emoji else ">") if picked else " "
        thread, room = thread_of(state, hypothesis), self._claim_cells
        moves = thread.events
        author = moves[-1].author if moves else hypothesis.author
        who = self._separator + drawable(author.user) if author else ""
        about = f" {self._evidence_counts(thread)}{self._separator}{format_age(now.ns - last_event_stamp(state, hypothesis).ns)}{who}"
        first = f"{mark}{sign.symbol if self._emoji else sign.ascii_symbol} {hypothesis.label} "
        live_style = "$hypothesis" if live else "$foreground-muted"
        head = Content.assemble(
            (first, "bold " + live_style),
            (drawable(hypothesis.state), live_style),
            (self._fit_cells(about, room + 3 - cell_len(first + hypothesis.state)), "$foreground-muted"),
        )
        style = {"refuted": "$foreground-muted strike", "parked": "$foreground-muted"}.get(
            hypothesis.state, "$foreground"
        )
        claim = drawable(claim_of(state, hypothesis)) or MISSING_CLAIM
        return Content.assemble(
            head, "\n   ", (claim if room > _FULL_CLAIM_CELLS else self._fit_cells(claim, room), style)
        )

    @property
    def _claim_cells(self) -> int:
        """Cells for a claim."""
        return max(12, self.scrollable_content_region.width - 3)

    def _evidence_counts(self, thread: Thread) -> str:
        return f"+{len(thread.supports)} {'−' if self._emoji else '-'}{len(thread.contradicts)}"

    def _fit_cells(self, text: str, room: int) -> str:
        if cell_len(text) <= room:
            return text
        return set_cell_size(text, max(0, room - 1)) + ("…" if self._emoji else "~")


class Sidebar(Vertical):
    """The panel with its three parts."""

    @property
    def is_on_screen(self) -> bool:
        """Whether there is room for it, or it was opened."""
        return self.display and self.size.width > 0

    def __init__(self, *, emoji: bool, read_only: bool) -> None:
        super().__init__()
        self._emoji = emoji
        self._separator = " · " if emoji else " | "
        self._read_only = read_only
        self.is_state_known = False  # whether it is known what the log says: a big one takes its time
        self.hypothesis_list = HypothesisList(emoji=emoji)
        self._empty_text = Static(classes="board--none")
        self._caffeine_text = Static(classes="board--coffee")
        self._people_text = Static(classes="board--here")

    def compose(self) -> ComposeResult:
        """The parts, from top to bottom."""
        yield Static(Content("HYPOTHESES"), classes="board--title")
        yield self._empty_text
        yield self.hypothesis_list
        yield Static(Content("COFFEE"), classes="board--title")
        yield self._caffeine_text
        yield Static(Content("HERE"), classes="board--title")
        yield self._people_text

    def show(self, state: State, picked: str | None, user: str, now: Stamp, half_life_h: float) -> None:
        """Shows what the log says, as of ``now``."""
        _update_if_changed(
            self._empty_text, self._empty_content("none yet", f"{key_for_action(self, 'hypothesis')} opens one")
        )
        self._empty_text.display = not state.hypotheses
        self.hypothesis_list.display = bool(state.hypotheses)
        self.hypothesis_list.show(state, picked, now)
        doses = intake_of(state, user).doses
        _update_if_changed(self._caffeine_text, self._caffeine_content(doses, now, half_life_h))
        _update_if_changed(self._people_text, self._people_content(state, now))

    def _caffeine_content(self, doses: tuple[tuple[int, int], ...], now: Stamp, half_life_h: float) -> Content:
        left = remaining_mg(doses, now.ns, half_life_h)
        if left < 1:
            return self._empty_content("none", f"{key_for_action(self, 'coffee')} counts one")
        points = 16
        step = _CURVE_H * HOUR_NS // points
        values = [remaining_mg(doses, now.ns - (points - 1 - i) * step, half_life_h) for i in range(points)]
        top = max(*values, 1.0)
        bars = "".join(_BARS[min(7, int(value / top * 7.99))] for value in values) if self._emoji else ""
        return Content.assemble((bars, "$coffee"), (f" {left:.0f} mg now", "$coffee"))

    def _empty_content(self, reason: str, key: str = "") -> Content:
        """What stands where there is nothing: why, and the key that makes it something."""
        if not self.is_state_known:
            reason = "reading the log"
        elif key and not self._read_only:
            reason = f"{reason}: {key}"
        return Content.assemble((reason, "$foreground-muted"))

    def _people_content(self, state: State, now: Stamp) -> Content:
        here = sorted(
            (p for p in state.people.values() if 0 <= now.ns - p.last_active_ns <= _PRESENT_NS),
            key=lambda p: -p.last_active_ns,
        )
        if not here:
            return self._empty_content("nobody has written for 15 min")
        lines = []
        taken = journal_holder(state)
        for person in here:
            style = f"${author_style(person.author.user)}"
            holds = taken is not None and taken.author is not None and taken.author.user == person.author.user
            about = (
                f" {format_age(now.ns - person.last_active_ns)}{self._separator + 'holds the journal' if holds else ''}"
            )
            lines.append(Content.assemble((drawable(person.author.label), style), (about, "$foreground-muted")))
        return Content("\n").join(lines)


def _update_if_changed(widget: Static, content: Content) -> None:
    """Shows ``content`` if it is another: an update lays out the whole screen, and in a burst each frame brings one."""
    if widget.content != content:
        widget.update(content)
