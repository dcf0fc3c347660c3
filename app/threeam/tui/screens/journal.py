"""The journal, full screen: what is asked for goes to the bridge, what has happened comes from it."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Footer

from threeam.actions import ACTIONS, BY_ID, Action
from threeam.core.draft import Draft
from threeam.core.entry import lines_of, visible
from threeam.core.fold import State
from threeam.human import drafts as human_drafts
from threeam.human.caffeine import milligrams
from threeam.human.drafts import glasses_tonight
from threeam.human.room import human
from threeam.method.drafts import VERBS
from threeam.tui import messages
from threeam.tui.bridge import Bridge
from threeam.tui.commands import UnknownCommand, draft_of, parse_command
from threeam.tui.draft_store import DraftStore, KeptDraft
from threeam.tui.outbox import Outbox, Ticket
from threeam.tui.screens.cups import CupsScreen
from threeam.tui.screens.help import HelpScreen
from threeam.tui.session import Session
from threeam.tui.widgets.board import Board, Hypotheses
from threeam.tui.widgets.composer import DRAFTS, Composer
from threeam.tui.widgets.entry_bar import EntryBar
from threeam.tui.widgets.header import Header
from threeam.tui.widgets.log_view import LogView
from threeam.tui.window import Window

_WRITING = {action.method.partition("(")[0] for action in ACTIONS if action.writes}
_LOOK_AT_CLOCK = 30.0  # s between two looks: milligrams and ages change slowly
_MOMENT = 0.05  # s: a shorter wait for the lock is nobody's business


class JournalScreen(Screen[None]):
    """The log, the panel, the box; the state that it shows is the last one that came from the file."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("escape", "leave", "leave", show=False, tooltip=BY_ID["leave"].about, id="leave"),
    ]

    def __init__(self, session: Session, window: Window) -> None:
        super().__init__()
        self.session = session
        self.state: State = session.fold.empty
        self.picked: str | None = None
        self._cups: int | None = None
        self._leaving = False
        read_only = session.writer is None
        self.header = Header(
            visible(session.journal.name),
            toxic_cups=session.settings.toxic_cups,
            read_only=read_only,
            emoji=session.emoji,
        )
        self.log_view = LogView(window, emoji=session.emoji, read_only=read_only)
        self.board = Board(emoji=session.emoji)
        self.entry_bar = EntryBar(emoji=session.emoji)
        self.composer = None if read_only else Composer(emoji=session.emoji)
        self.drafts = None if read_only else DraftStore(session.journal)
        self.bridge = Bridge(session.journal, window.anchor, session.fold, session.writer, self.post_message)
        self.outbox = Outbox(self.bridge.submit)

    @property
    def writes(self) -> bool:
        """Whether this screen has a writer."""
        return self.session.writer is not None

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield self.header
        with Horizontal(id="body"):
            with Vertical(id="log"):
                yield self.log_view
                yield self.entry_bar
            yield self.board
        if self.composer is not None:
            yield self.composer
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self.set_focus(self.log_view)
        self.entry_bar.show(self.log_view.selected)
        if self.composer is not None and self.drafts is not None:
            kept = self.drafts.restore()  # older drafts go into the history
            self.composer.box.remember(self.drafts.history())
            if kept is not None:
                self._restore(self.composer, kept)
        if self.session.notice:
            self._say(self.session.notice, severity="warning")
        self.set_interval(_LOOK_AT_CLOCK, self._show_state)
        self.bridge.start()

    def _restore(self, composer: Composer, kept: KeptDraft) -> None:
        """Puts back what a screen that was killed has left, unless it had written it by then."""
        theirs = [row.entry for row in self.log_view.window.rows if row.entry and row.entry.tag("BY") == kept.by]
        written = {text for entry in theirs for text in (entry.text, entry.body)}
        if all(visible(line) in written for line in lines_of(kept.text)):
            self._keep_words(kept.text)
            self._keep_draft()
            self._say("what was left in the box stands in the log already: up brings it back")
            return
        if kept.kind in DRAFTS:
            composer.become(kept.kind)
            composer.box.replace_all(kept.text)
        else:
            composer.begin_prompt(kept.kind, kept.text)
        self._say(f"a draft was left here: {_short(kept.text)}", title="i goes to the draft")

    def on_unmount(self) -> None:
        self.bridge.stop()

    # What came from the file.

    def on_lines_arrived(self, message: messages.LinesArrived) -> None:
        self.state = message.state
        self.log_view.arrive(message.lines, message.unfinished, restarted=message.restarted)
        if message.restarted:
            self._say("the log was truncated; what is shown above is no longer in the file", severity="warning")
        self._show_state()
        self.bridge.ready()

    def on_lock_seen(self, message: messages.LockSeen) -> None:
        self.header.held_since(message.holder, message.since_ns)

    def on_follow_failed(self, message: messages.FollowFailed) -> None:
        self.header.stale = bool(message.sentence)
        if message.sentence:
            self._say(message.sentence, title="the log cannot be read", severity="error", timeout=10)

    def on_log_view_selected(self, message: LogView.Selected) -> None:
        self.entry_bar.show(message.row)

    def on_log_view_moved(self) -> None:
        self.header.following = self.log_view.following
        self.header.unread = self.log_view.unread

    def _show_state(self) -> None:
        session, now, user = self.session, self.session.clock(), self.session.by.user
        cups = self.state.cups(user, now.ns, session.settings.night_gap_ns)
        self.header.cups = cups
        self.header.mg = milligrams(human(self.state, user).doses, now.ns, session.settings.half_life_h)
        self.header.water = glasses_tonight(self.state, user, now.ns, session.settings.night_gap_ns)
        self.header.set_class(self.header.toxic, "-toxic")
        self.header.refresh()
        self.board.show(self.state, self.picked, user, now, session.settings.half_life_h)
        if self._cups is not None and cups > self._cups and self.header.toxic:
            self._say(
                "Caffeine toxicity imminent. Logic may be compromised.", title=f"{cups} cups: TOXIC", severity="error"
            )
        self._cups = cups

    # What became of what was written.

    def on_write_waits(self, message: messages.WriteWaits) -> None:
        held = f"held by {message.holder}" if message.holder else "busy"
        sentence = f"waits for the lock, {held}, {message.seconds:.0f} s · esc takes it back"
        if message.seconds < _MOMENT:
            return
        if message.ticket.from_box and self.composer is not None:
            self.composer.tell(sentence)
        elif not message.ticket.waits:
            self._say(sentence, title=message.ticket.what)
        message.ticket.waits = True

    def on_block_written(self, message: messages.BlockWritten) -> None:
        self._settle(message.ticket, clear=True)

    def on_write_refused(self, message: messages.WriteRefused) -> None:
        self._settle(message.ticket, clear=False)
        kept = "; your text is still in the box" if message.ticket.from_box else ""
        if message.sentence:
            self._say(message.sentence + kept, title=f"{message.ticket.what}: not written", severity="error")
        else:
            self._say(f"taken back{kept}", title=f"{message.ticket.what}: not written")

    def on_write_unsure(self, message: messages.WriteUnsure) -> None:
        self.log_view.mark_unsure(message.stamp)
        self._settle(message.ticket, clear=True)
        self._say(message.sentence, title=message.ticket.what, severity="error", timeout=60)

    def _settle(self, ticket: Ticket, *, clear: bool) -> None:
        self.outbox.answered(ticket)
        if ticket.from_box and self.composer is not None and self.drafts is not None:
            if clear:
                self.composer.box.remember([self.composer.text])
                self.drafts.remember(self.composer.text)
            self.composer.settle(clear=clear)
            self._keep_draft()
        if self._leaving and not len(self.outbox):
            self.leave(0)

    def _free_box(self) -> None:
        """Nothing was sent: the box is the person's again, as it stands."""
        if self.composer is not None:
            self.composer.settle(clear=False)

    def _submit(self, draft: Draft, what: str, *, from_box: bool = False) -> None:
        if not self.writes:
            self._read_only()
        elif not self.outbox.submit(Ticket(draft, what, from_box)):
            self._say(f"{what}: one waits for the lock already")
        elif from_box and self.composer is not None:
            self.composer.wait()

    # The box.

    def on_composer_changed(self) -> None:
        self._keep_draft()

    def _keep_draft(self) -> None:
        if self.drafts is not None and self.composer is not None:
            self.drafts.save(KeptDraft(*self.composer.draft, str(self.session.by)))
            if self.drafts.problem:
                self._say(self.drafts.problem, severity="warning")

    def _keep_words(self, words: str) -> None:
        """Words that had to leave the box unsent are one key (up) away."""
        if words.strip() and self.composer is not None and self.drafts is not None:
            self.composer.box.remember([words])
            self.drafts.remember(words)

    async def on_composer_submitted(self, message: Composer.Submitted) -> None:
        kind, text = message.kind, message.text
        if kind == "command":
            await self._command(text)
            return
        if not text.strip():
            self._say("nothing to write yet: type it first")
            self._free_box()
            return
        self._submit(draft_of(kind, text, self.session.settings), kind, from_box=True)

    def action_write(self, kind: str, text: str | None = None) -> None:
        """Goes to the box, as a box for ``kind``; ``text`` is added to what stands there."""
        if self.composer is None:
            self._read_only()
            return
        self._keep_words(self.composer.become(kind))
        self.set_focus(self.composer.box)
        if text is not None:
            self.composer.box.paste(text)

    async def _command(self, text: str) -> None:
        assert self.composer is not None
        if not text.strip():
            self._free_box()
            self.action_leave()
            return
        try:
            action, argument = parse_command(text)
        except UnknownCommand as unknown:
            self._say(str(unknown), severity="warning")
            self._free_box()
            return
        self.composer.box.remember([text])
        self.composer.settle(clear=True)
        self.set_focus(self.log_view)
        await self.run(action, argument)

    async def run(self, action: Action, argument: str = "") -> None:
        """Does what ``action`` does, from the palette or the `:` line, with what follows its word."""
        kind, text = action.id, argument
        if action.id in VERBS and argument:
            name, _, text = argument.partition(" ")
            known = self.state.named(name)
            if known is None:
                self._say(f"there is no hypothesis {name}: h shows those there are", severity="warning")
                return
            kind = f"{action.id} {known.name}"
        if action.id in ("note", "hypothesis", *VERBS) and (text.strip() or kind != action.id):
            if text.strip() and self.composer is not None:
                self._keep_words(self.composer.begin_prompt(kind, text.strip()))
                self._submit(draft_of(kind, text.strip(), self.session.settings), kind, from_box=True)
            else:
                self.action_write(kind)
        elif action.id == "theme":
            self.action_theme(argument)
        else:
            owner = self.log_view if action.owner == "log" else self
            await owner.run_action(action.method)

    # What the keys do; each is an action of the table.

    def action_coffee(self) -> None:
        settings = self.session.settings
        self._submit(human_drafts.coffee(1, settings.cup_mg, settings.toxic_cups), "coffee")

    def action_undo_coffee(self) -> None:
        self._submit(human_drafts.undo_coffee(), "taking a cup back")

    def action_water(self) -> None:
        self._submit(human_drafts.water(), "water")

    def action_sleep(self) -> None:
        self._submit(human_drafts.sleep(self.session.settings.half_life_h), "sleep")

    def action_coffee_panel(self) -> None:
        user, now = self.session.by.user, self.session.clock()
        cups = self.header.cups
        tonight = human(self.state, user).doses[-cups:] if cups else ()

        def closed(undo: bool | None) -> None:
            if undo:
                self.action_undo_coffee()

        self.app.push_screen(CupsScreen(tonight, self.header.mg, now, writes=self.writes), closed)

    def action_board(self) -> None:
        if self.board.hypotheses.has_focus or (self.board.has_class("-open") and not self.state.hypotheses):
            self.action_leave()
            return
        self.board.add_class("-open")
        if self.state.hypotheses:
            self.set_focus(self.board.hypotheses)

    def action_theme(self, name: str = "") -> None:
        if not name:
            self.app.search_themes()
        elif name in self.app.available_themes:
            self.app.theme = name
        else:
            self._say(f"there is no theme {name}; there are {', '.join(sorted(self.app.available_themes))}")

    def action_help(self) -> None:
        keys = self.session.settings.keys
        self.app.push_screen(HelpScreen(read_only=not self.writes, emoji=self.session.emoji, keys=keys))

    def action_leave(self) -> None:
        if self.outbox.take_back():
            return
        composer = self.composer
        if (
            composer is not None
            and composer.kind not in DRAFTS
            and (composer.kind == "command" or not composer.text.strip())
        ):
            self._keep_words(composer.become("note"))
        self.board.remove_class("-open")
        self.set_focus(self.log_view)

    def action_quit(self) -> None:
        if not len(self.outbox) or self._leaving:
            self.leave(0)
            return
        self._leaving = True
        self._say("quits as soon as the lock is had; q again quits now, and your text is kept")

    def leave(self, code: int) -> None:
        """Ends the program: what still waits is taken back, and stays as the draft."""
        landed = self.outbox.close(0.3)
        if self.drafts is not None:
            if any(ticket.from_box for ticket in landed) and self.composer is not None:
                self.composer.settle(clear=True)
                self._keep_draft()
            self.drafts.settle(1.0)
        self.app.exit(return_code=code)

    def action_pick(self, name: str) -> None:
        """Makes ``name`` the hypothesis that verdicts are about."""
        if self.state.named(name) is None:
            self._say(f"there is no {name}: h shows those there are")
            return
        self.picked = name
        self._show_state()

    def on_hypotheses_picked(self, message: Hypotheses.Picked) -> None:
        self.action_pick(message.name)
        self.set_focus(self.log_view)

    def action_judge(self, verb: str) -> None:
        known = self.state.named(self.picked) if self.picked else None
        if known is None:
            self._say("pick a hypothesis first: 1 to 9, or h")
        else:
            self.action_write(f"{verb} {known.name}")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return None if not self.writes and action in _WRITING else True

    def on_key(self, event: events.Key) -> None:
        moved = self.session.settings.keys
        writing = (action for action in ACTIONS if action.writes and action.place == "log")
        if not self.writes and any(event.key in moved.get(one.id, one.keys).split(",") for one in writing):
            self._read_only()

    def _read_only(self) -> None:
        self._say("read-only: this screen was opened without a writer")

    def _say(self, sentence: str, *, title: str = "", severity: str = "information", timeout: float = 6) -> None:
        self.notify(visible(sentence), title=visible(title), severity=severity, timeout=timeout, markup=False)  # type: ignore[arg-type]


def _short(text: str) -> str:
    first = text.strip().partition("\n")[0]
    return first if len(first) <= 40 else first[:39] + "…"
