"""The side panel: hypotheses, the user's caffeine, and the people who have written lately."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import ClassVar, NamedTuple

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
from threeam.core.state.fold import State
from threeam.human.caffeine import HOUR_NS, remaining_mg
from threeam.human.intake import intake_of
from threeam.hypotheses.amendments import amendments
from threeam.hypotheses.drafts import VERDICT_VERBS
from threeam.hypotheses.handoff_notes import journal_holder
from threeam.hypotheses.ledger import PROJECTION as LEDGER
from threeam.hypotheses.team_fold import TeamHypothesis
from threeam.hypotheses.thread import MISSING_CLAIM
from threeam.tui.board_rows import BoardRow, board_rows
from threeam.tui.cells import drawable
from threeam.tui.dialog_bindings import bind, bind_filter
from threeam.tui.glyphs import GLYPHS
from threeam.tui.key_labels import key_for_action
from threeam.tui.widgets.filter_line import FilterLine, has_words
from threeam.tui.widgets.row_look import author_style

_MAX_OPTIONS = 200  # a script in a loop opens thousands of hypotheses
_FULL_CLAIM_CELLS = 60  # with more width, a claim is shown in full
_CLAIM_LINES = 3  # with less, so much of it
_BESIDE_LOG_CELLS = 60  # of the screen: with less the panel covers the log
_MIN_LIMIT_CELLS = 24  # of the panel beside the log; a wide screen gives it more
_WIDEST_TITLE = "HYPOTHESES"
_PADDING_CELLS = 2
_HEAD_CELLS = 30  # of the line with the state, the evidence and the age of a hypothesis
_PRESENT_NS = 15 * 60 * NS_PER_S
_BARS = "▁▂▃▄▅▆▇█"
_CURVE_HOURS = 8
_CURVE_POINTS = 12


class HypothesisList(OptionList):
    """The list of hypotheses, the open ones first. The picked one has a mark."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        bind("down", "cursor_down"),
        bind("up", "cursor_up"),
        bind("top", "first"),
        bind("bottom", "last"),
        bind("page-down", "page_down"),
        bind("page-up", "page_up"),
        bind_filter("filter"),
        Binding("h", "screen.do('leave')", "back to the log", id="board"),
        Binding("enter", "select", "thread", key_display="enter"),
        Binding("f", "screen.board_full", "full screen"),
        *(
            Binding(a.keys, a.binding, a.label, show=a.id in (*VERDICT_VERBS, "help"), tooltip=a.description, id=a.id)
            for a in ACTIONS
            if not a.log_only
            and a.scope == "log"
            and a.keys
            and a.id not in ("board", "search")
            and not a.id.startswith("pick-")
        ),
    ]

    class Picked(Message):
        """A hypothesis was picked; ``opens_thread``: its thread is to be shown."""

        def __init__(self, name: str, *, opens_thread: bool) -> None:
            super().__init__()
            self.name = name
            self.opens_thread = opens_thread

    def __init__(self, *, emoji: bool) -> None:
        super().__init__(markup=False)
        self._emoji = emoji
        self._separator = " · " if emoji else " | "
        self.filter_line = FilterLine(self._show_rows, self._take_focus)
        self.content_cells = 0  # the width at which no claim is wrapped
        self._shown_key: tuple[object, ...] = ()  # all that the options were made from
        self._shown_arguments: tuple[State, Sequence[TeamHypothesis], str | None, Stamp] | None = None  # of `show`

    def on_resize(self) -> None:
        """Fit the claims to the new width: a hidden list had none when it was filled."""
        if self._shown_arguments is not None:
            self.show(*self._shown_arguments)

    def action_filter(self) -> None:
        """Ask for the words that the hypotheses must have."""
        self.filter_line.open()

    def _take_focus(self) -> None:
        self.screen.set_focus(self)

    def _show_rows(self, words: str) -> int:
        if self._shown_arguments is not None:
            self.show(*self._shown_arguments)
        return sum(option.id is not None for option in self.options)

    def show(self, state: State, on_all_hosts: Sequence[TeamHypothesis], picked: str | None, now: Stamp) -> None:
        """Show the hypotheses of ``state``, if filtered those that match; the cursor stays on the same one.

        ``on_all_hosts``: of a team, with those of ``state``.
        """
        self._shown_arguments = (state, on_all_hosts, picked, now)
        minutes = now.ns // (60 * NS_PER_S)
        ledger, amended = LEDGER.of(state), amendments(state).by_target
        words = self.filter_line.words
        key = (state.hypotheses, ledger, amended, on_all_hosts, picked, minutes, self._claim_cells, words)
        if key == self._shown_key:
            return
        self._shown_key = key
        highlighted = self.highlighted_option.id if self.highlighted_option else picked
        rows = [
            row
            for row in board_rows(state, on_all_hosts)
            if not words or has_words(f"{row.label} {row.state} {row.claim}", words)
        ]
        claims = [drawable(row.claim) or MISSING_CLAIM for row in rows]
        self.content_cells = max([_HEAD_CELLS if rows else 0, *(cell_len(claim) + 3 for claim in claims)])
        listed = rows[:_MAX_OPTIONS]
        self.clear_options()
        self.add_options(
            [Option(self._option_text(row, is_picked=row.name == picked, now=now), id=row.name) for row in listed]
        )
        if len(rows) > len(listed):
            remaining = len(rows) - len(listed)
            self.add_option(Option(Content(f"and {remaining} more: 3am hyp list"), disabled=True))
        names = [row.name for row in listed]
        if highlighted in names:
            self.highlighted = names.index(highlighted)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option.id is not None:
            self.post_message(self.Picked(event.option.id, opens_thread=True))

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option.id is not None and self.has_focus:
            self.post_message(self.Picked(event.option.id, opens_thread=False))

    def _option_text(self, row: BoardRow, *, is_picked: bool, now: Stamp) -> Content:
        claim_cells, state = self._claim_cells, drawable(row.state)
        label = f"{self._pick_mark(is_picked)}{self._glyph(row)} {drawable(row.label)} "
        label_style = "$hypothesis" if row.is_open else "$foreground-muted"
        facts_cells = claim_cells + 3 - cell_len(label + state)
        head = Content.assemble(
            (label, "bold " + label_style),
            (state, label_style),
            (self._facts(row, now, facts_cells), "$foreground-muted"),
        )
        styles = {"refuted": "$foreground-muted strike", "parked": "$foreground-muted"}
        claim = drawable(row.claim) or MISSING_CLAIM
        if claim_cells <= _FULL_CLAIM_CELLS:
            lines = wrap(claim, claim_cells) or [""]
            if len(lines) > _CLAIM_LINES:
                rest = claim  # as it is: a line may end within a word, at a hyphen
                for line in lines[: _CLAIM_LINES - 1]:
                    rest = rest.lstrip()[len(line) :]
                lines[_CLAIM_LINES - 1 :] = [self._fit(rest.lstrip(), claim_cells)]
            claim = "\n   ".join(lines)
        return Content.assemble(head, "\n   ", (claim, styles.get(row.state, "$foreground")))

    def _pick_mark(self, is_picked: bool) -> str:
        if not is_picked:
            return " "
        return "▌" if self._emoji else ">"  # as the cursor of the log

    def _glyph(self, row: BoardRow) -> str:
        glyph = GLYPHS.get(row.state, GLYPHS["Hypothesis"])
        return glyph.symbol if self._emoji else glyph.ascii_symbol

    def _facts(self, row: BoardRow, now: Stamp, width_cells: int) -> str:
        """Return the counts of evidence, the age of the last event, and its author, as far as they fit."""
        facts = [self._evidence_counts(row), format_age(now.ns - row.stamp.ns)]
        if row.author:
            facts.append(drawable(row.author.user))
        while facts and cell_len(" " + self._separator.join(facts)) > width_cells:
            facts.pop()
        return " " + self._separator.join(facts) if facts else ""

    @property
    def _claim_cells(self) -> int:
        return max(12, self.scrollable_content_region.width - 3)

    def _evidence_counts(self, row: BoardRow) -> str:
        return f"+{row.supports} {'−' if self._emoji else '-'}{row.contradicts}"

    def _fit(self, text: str, width_cells: int) -> str:
        if cell_len(text) <= width_cells:
            return text
        return set_cell_size(text, max(0, width_cells - 1)) + ("…" if self._emoji else "~")


class SidebarView(NamedTuple):
    """The content of the panel: a state, the picked hypothesis, and the caffeine of ``user``.

    ``on_all_hosts``: the hypotheses of a team, with those of ``state``; empty without a team. ``are_hosts_known``: not
    while the journals of the team are read.
    """

    state: State
    picked: str | None
    user: str
    half_life_h: float
    on_all_hosts: Sequence[TeamHypothesis] = ()
    are_hosts_known: bool = True


class Sidebar(Vertical):
    """The panel with its three parts."""

    @property
    def is_on_screen(self) -> bool:
        """Return whether the panel is shown, because there is room for it or it was opened."""
        return self.display and self.size.width > 0

    def __init__(self, *, emoji: bool, read_only: bool) -> None:
        super().__init__()
        self._emoji = emoji
        self._separator = " · " if emoji else " | "
        self._read_only = read_only
        self.is_state_known = False  # False while a large log is read
        self._are_hosts_known = True
        self._text_cells = 0  # the width of the widest text
        self.hypothesis_list = HypothesisList(emoji=emoji)
        self._empty_text = Static(classes="board--none")
        self._caffeine_text = Static(classes="board--coffee")
        self._people_text = Static(classes="board--here")

    def compose(self) -> ComposeResult:
        """Yield the parts from top to bottom."""
        yield Static(Content(_WIDEST_TITLE), classes="board--title")
        yield self._empty_text
        yield self.hypothesis_list
        yield self.hypothesis_list.filter_line
        yield Static(Content("COFFEE"), classes="board--title")
        yield self._caffeine_text
        yield Static(Content("HERE"), classes="board--title")
        yield self._people_text

    def open(self) -> None:
        """Show the panel, also if it covers a part of the log."""
        self.add_class("-open")
        self._fit_width()

    def close(self) -> None:
        """Show the panel only if there is room for it."""
        self.remove_class("-open", "-full")
        self._fit_width()

    def toggle_full(self) -> None:
        """Let the panel take the whole screen, or its usual width again."""
        self.toggle_class("-full")
        self._fit_width()

    def leave_full(self) -> None:
        """Give the panel its usual width."""
        self.remove_class("-full")
        self._fit_width()

    def on_resize(self) -> None:
        self._fit_width()

    def _fit_width(self) -> None:
        """Make the panel no wider than its content, and on a wide screen no wider than a fifth of it."""
        width = self.screen.size.width
        if self.has_class("-full") or width < _BESIDE_LOG_CELLS:
            self.styles.width = None  # the style sheet's
            return
        content = max(len(_WIDEST_TITLE), self._text_cells, self.hypothesis_list.content_cells)
        self.styles.width = min(content + _PADDING_CELLS, max(_MIN_LIMIT_CELLS, width // 5))

    def show(self, view: SidebarView, now: Stamp) -> None:
        """Show ``view`` as of ``now``."""
        state, self._are_hosts_known = view.state, view.are_hosts_known
        new_key = key_for_action(self, "hypothesis")
        empty = self._empty_content("none yet", f"{new_key} opens one")
        _update_if_changed(self._empty_text, empty)
        has_hypotheses = bool(state.hypotheses or view.on_all_hosts)
        self._empty_text.display = not has_hypotheses
        self.hypothesis_list.display = has_hypotheses
        self.hypothesis_list.show(state, view.on_all_hosts, view.picked, now)
        doses = intake_of(state, view.user).doses
        caffeine, people = self._caffeine_content(doses, now, view.half_life_h), self._people_content(state, now)
        _update_if_changed(self._caffeine_text, caffeine)
        _update_if_changed(self._people_text, people)
        texts = (caffeine, people) if has_hypotheses else (caffeine, people, empty)
        self._text_cells = max(cell_len(line) for text in texts for line in text.plain.split("\n"))
        self._fit_width()

    def _caffeine_content(self, doses: tuple[tuple[int, int], ...], now: Stamp, half_life_h: float) -> Content:
        now_mg = remaining_mg(doses, now.ns, half_life_h)
        if now_mg < 1:
            return self._empty_content("none", f"{key_for_action(self, 'coffee')} counts one")
        step_ns = _CURVE_HOURS * HOUR_NS // _CURVE_POINTS
        times_ns = [now.ns - i * step_ns for i in reversed(range(_CURVE_POINTS))]
        values = [remaining_mg(doses, ns, half_life_h) for ns in times_ns]
        top = max(*values, 1.0)
        bars = "".join(_BARS[min(7, int(value / top * 7.99))] for value in values) if self._emoji else ""
        return Content.assemble((bars, "$coffee"), (f" {now_mg:.0f} mg", "$coffee"))

    def _empty_content(self, reason: str, key: str = "") -> Content:
        """Return what a part shows if it is empty: why, and the key that changes it."""
        if not self.is_state_known:
            reason = "reading the log"
        elif not self._are_hosts_known:
            reason = "reading the mirrors"
        elif key and not self._read_only:
            reason = f"{reason}: {key}"
        return Content.assemble((reason, "$foreground-muted"))

    def _people_content(self, state: State, now: Stamp) -> Content:
        present = [p for p in state.people.values() if 0 <= now.ns - p.last_active_ns <= _PRESENT_NS]
        if not present:
            return self._empty_content("no one for 15m" if state.people else "no one yet")
        holder = journal_holder(state)
        holder_user = holder.author.user if holder is not None and holder.author is not None else None
        lines = []
        for person in sorted(present, key=lambda p: p.author.label):  # by name: rows that jump cannot be read
            author = person.author
            holds = "\n  holds the journal" if author.user == holder_user else ""
            facts = f" {format_age(now.ns - person.last_active_ns)}{holds}"
            style = f"${author_style(author.user)}"
            lines.append(Content.assemble((drawable(author.label), style), (facts, "$foreground-muted")))
        return Content("\n").join(lines)


def _update_if_changed(widget: Static, content: Content) -> None:
    """Show ``content``, unless it is shown: an update lays out the whole screen, and a burst has one each frame."""
    if widget.content != content:
        widget.update(content)
