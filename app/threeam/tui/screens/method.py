"""Hypotheses on a journal's screen: claims, evidence, verdicts, later words, the thread and the hand-off."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from threeam.core.errors import BadStamp, JournalError, PreconditionFailed
from threeam.core.format.entry import Entry, Stamp
from threeam.core.format.report import ReportSection
from threeam.core.state.fold import Hypothesis
from threeam.core.store.reader import Line
from threeam.core.store.seek import find_line, parse_stamp_ref
from threeam.core.write.draft import Draft
from threeam.core.write.locked_log import Block
from threeam.hypotheses import thread
from threeam.hypotheses.amendments import (
    amended_stamp,
    amendments,
    claim_of,
    current_text,
    stamp_draft,
    stamp_words_draft,
    strip_kind,
)
from threeam.hypotheses.changes import open_changes, undone_draft
from threeam.hypotheses.drafts import citable_stamp, evidence_draft
from threeam.hypotheses.guards import overturned_verdicts
from threeam.hypotheses.handoff_notes import take_journal_draft
from threeam.tui.editor import abbreviate
from threeam.tui.key_labels import key_for_action
from threeam.tui.outbox import WriteRequest
from threeam.tui.prompts import NOTE, BoxKind
from threeam.tui.report_answers import ReportAnswer
from threeam.tui.screens.commanding import CommandingScreen
from threeam.tui.screens.report_screen import ReportScreen, ThreadScreen
from threeam.tui.widgets.sidebar import HypothesisList


class MethodScreen(CommandingScreen):
    """A screen on which a hypothesis can be picked, and be written about."""

    picked_name: str | None = None
    open_report: ReportScreen | None = None  # it lies over this screen, and is updated with the state

    def __init__(self) -> None:
        super().__init__()
        self._cited: dict[BoxKind, Entry] = {}  # by kind of box: the line that is cited there
        self._stamp_requests: dict[BoxKind, WriteRequest] = {}  # by kind of box: the stamp whose words are typed there

    # Hypotheses.

    def action_board(self) -> None:
        if self.sidebar.hypothesis_list.has_focus or (self.sidebar.has_class("-open") and not self.state.hypotheses):
            self.action_leave()
            return
        self.sidebar.add_class("-open")
        if self.state.hypotheses:
            self.set_focus(self.sidebar.hypothesis_list)
            if self.sidebar.hypothesis_list.highlighted is None:
                self.sidebar.hypothesis_list.action_first()

    def action_board_full(self) -> None:
        self.sidebar.toggle_class("-full")

    def action_leave(self) -> None:
        self.sidebar.remove_class("-full")
        super().action_leave()

    def action_pick(self, name: str) -> None:
        """Make ``name`` the hypothesis that evidence and verdicts are about."""
        known = self.require_hypothesis(name)
        if known is None:
            return
        self.picked_name = known.name
        self._show_state()
        if not self.sidebar.is_on_screen:
            judge = " · + - tie lines to it, v x ~ judge it" if self.is_writable else ""
            self.notify_once(f"picked {name}: {abbreviate(claim_of(self.state, known))}{judge}", timeout=2)

    def on_hypothesis_list_picked(self, message: HypothesisList.Picked) -> None:
        if message.name != self.picked_name:
            self.picked_name = message.name
            self._show_state()
        if message.opens_thread:
            self.action_thread()

    def action_ask_about(self, verb: str) -> None:
        """Goes to the box for what ``verb`` says about the picked hypothesis."""
        if (hypothesis := self.picked_hypothesis()) is not None:
            self.open_box(BoxKind(verb, hypothesis.name))
        else:
            self.refuse_text()

    async def action_evidence(self, verb: str, argument: str = "") -> None:
        """Ties the selected line to the picked hypothesis; with an argument, what it names: ``H7 @stamp words``."""
        name, _, rest = argument.partition(" ")
        one = self.require_hypothesis(name) if name else self.picked_hypothesis()
        if one is None:
            self.refuse_text()
            return
        at, words = self._stamp_in(rest)
        if words is None:
            return
        entry = self.selected_entry() if at is None and not words else None
        if at is not None:
            line = await self._line_of(at)
            entry = line.entry if line is not None else None
        if entry is not None:
            cites = citable_stamp(entry)
            kind = BoxKind(verb, one.name, cites)
            self._cited[kind] = entry
            if at is not None and not words:  # who names the line wants no box
                self.submit(WriteRequest(evidence_draft(verb, one.name, cites, "", entry), verb))
            else:
                self._write_at_once(kind, words)
        elif words and at is None:
            self.submit(WriteRequest(evidence_draft(verb, one.name, None, words), verb))
        elif at is None:
            self.notify_once("select a line of the log first: only those have a stamp")
            self.refuse_text()

    def action_thread(self, name: str = "") -> None:
        """Show all entries about a hypothesis."""
        from threeam.experiments.experiment_report import (
            hypothesis_runs_report,  # with all that it tells of; the first screen needs none of that
        )

        one = self.require_hypothesis(name) if name else self.picked_hypothesis()
        if one is None:
            return
        self.picked_name = key = one.name
        opened = one.opened_at

        def tell() -> Sequence[ReportSection]:
            # It may have got a number since.
            now = self.state.find_hypothesis(key) or self.state.find_hypothesis(f"@{opened}")
            if now is None:
                return []
            at = self.session.clock()
            return [*thread.thread_report(self.state, now, at), *hypothesis_runs_report(self.state, now.number, at)]

        self.push_report(
            ThreadScreen(one.name, tell, self.copy_text, emoji=self.session.emoji, writes=self.is_writable)
        )

    def picked_hypothesis(self) -> Hypothesis | None:
        """Return the hypothesis that is picked; None, after a notice, if there is none."""
        known = self.state.find_hypothesis(self.picked_name) if self.picked_name else None
        if known is None:
            self.notify_once(f"pick a hypothesis first: 1 to 9, or {key_for_action(self, 'board')}")
        return known

    def _tell_of_verdicts(self, lines: Sequence[Line]) -> None:
        """Says which of our own verdicts others have overturned in ``lines``, which have just come."""
        entries = [entry for line in lines if b" [H" in line.raw and (entry := line.state_entry) is not None]
        for sentence in overturned_verdicts(self.state, entries, self.session.author.user):
            self.notify_once(
                sentence, title="overturned: both stand, and the later counts", severity="warning", timeout=15
            )

    # Later words, changes, who holds the journal.

    def action_stamp(self) -> None:
        if self.editor is None:
            self.refuse_write()
            self.refuse_text()
            return
        composer = self.editor.composer
        kind = BoxKind("words", pending_stamp=len(self._stamp_requests) + 1)
        request = WriteRequest(
            stamp_draft(),
            "stamp",
            on_written=lambda block: composer.rename_prompt(kind, BoxKind("words", cites=_stamp_of(block))),
            on_refused=lambda: composer.rename_prompt(kind, NOTE),  # there is no stamp for these words
        )
        self._stamp_requests[kind] = request
        self.submit(request)
        self.open_box(kind)

    def _draft(self, kind: BoxKind, text: str) -> Draft:
        if (stamp_request := self._stamp_requests.get(kind)) is not None:
            # The writer's thread asks for the stamp when it is in the log.
            return stamp_words_draft(lambda: stamp_request.block and _stamp_of(stamp_request.block), text)
        if (entry := self._cited.get(kind)) is not None:
            return evidence_draft(kind.verb, kind.hypothesis, kind.cites, text, entry)
        return super()._draft(kind, text)

    def _may_be_empty(self, kind: BoxKind) -> bool:
        return kind in self._cited

    async def action_words(self, argument: str = "") -> None:
        """Write the words for a stamp: the one in ``argument``, the selected one, or the user's last without words."""
        at, words = self._stamp_in(argument)
        if words is None or (at is not None and await self._line_of(at) is None):
            return
        waiting, selected = amendments(self.state).pending_stamps, self.selected_entry()
        mine = [
            one.stamp
            for one in waiting.values()
            if one.author is not None and one.author.user == self.session.author.user
        ]
        if at is None and not words and selected is not None and selected.effective_stamp.ns in waiting:
            at = selected.effective_stamp
        elif at is None and not mine:
            self.notify_once(f"no stamp of yours is without words: {key_for_action(self, 'stamp')} takes one")
            self.refuse_text()
            return
        self._write_at_once(BoxKind("words", cites=at or mine[-1]), words)

    async def action_correct(self, argument: str = "") -> None:
        """Correct an entry: the one in ``argument``, or the selected one."""
        at, words = self._stamp_in(argument)
        if words is None:
            return
        selected = self.selected_entry()
        if at is not None:
            line = await self._line_of(at)
            selected = line.entry if line is not None else None
            if selected is None:
                return
        if selected is None:
            self.notify_once("select a line of the log first, or name it: :correct @stamp text")
            self.refuse_text()
            return
        named, at = at is not None, amended_stamp(self.state, selected)
        words = strip_kind(selected, words)
        self._write_at_once(BoxKind("correct", cites=at), words if named else "")
        if (
            not named and self.editor is not None and not self.editor.composer.is_waiting
        ):  # to be seen before it is sent
            self.editor.composer.box.set_text(words or current_text(self.state, at, selected.body))

    def _stamp_in(self, argument: str) -> tuple[Stamp | None, str | None]:
        """Return the stamp at the beginning of ``argument``, and the words; None for them, after a notice, if bad."""
        try:
            return parse_stamp_ref(argument)
        except BadStamp as bad:
            self.notify_once(str(bad), severity="warning")
            return None, None

    async def action_undone(self, argument: str = "") -> None:
        at, words = self._stamp_in(argument)
        if words is None:
            return
        selected = self.selected_entry()
        if (
            at is None
            and selected is not None
            and selected.effective_stamp.ns in {c.stamp.ns for c in open_changes(self.state)}
        ):
            at = selected.effective_stamp
        self.submit(WriteRequest(undone_draft(at, words), "undone"))

    def action_take(self) -> None:
        self.submit(WriteRequest(take_journal_draft(), "taking the journal"))

    # The hand-off, and other reports.

    def action_handoff(self) -> None:
        self.start_worker(self._handoff, "handoff", exclusive=True)  # it may have to read much of the log

    async def _handoff(self) -> None:
        from threeam.reports.handoff import collect_handoff, find_awake_since, handoff_report

        settings, clock, end = self.session.settings, self.session.clock, self.pane.view.window.log_end
        if end is None or not self.sidebar.is_state_known:
            self.notify_once(
                "there is nothing to hand over yet" if end is None else "the log is still being read: in a moment"
            )
            return
        gap, state, now = settings.night_gap_ns, self.state, clock()
        try:
            nights = await asyncio.to_thread(find_awake_since, self.session.journal, end, state, now, gap)
        except (OSError, JournalError) as error:
            self.notify_once(f"the log cannot be read: {error}", severity="error")
            return

        def tell() -> Sequence[ReportSection]:
            return handoff_report(collect_handoff(self.state, clock(), gap, settings.half_life_h, nights))

        self.show_report(ReportScreen("hand-off", tell, self.copy_text, emoji=self.session.emoji))

    def show_report(self, screen: ReportScreen) -> None:
        """Lay ``screen`` over the journal as soon as the user is not typing."""
        self.show_when_free(screen.report_title, lambda: self.push_report(screen))

    def push_report(self, screen: ReportScreen) -> None:
        if self.open_report is None:  # S again while the log is read for it
            self.open_report = screen
            self.app.push_screen(screen, self.on_report_closed)

    def on_report_closed(self, answer: ReportAnswer | None) -> None:
        """Do what the report that lay over the journal was closed with."""
        self.open_report = None

    async def _line_of(self, at: Stamp) -> Line | None:
        """Return the line of a stamp; None, after a notice, if there is none."""
        try:
            return await asyncio.to_thread(find_line, self.session.journal, at)
        except PreconditionFailed as declined:
            self.notify_once(str(declined), severity="warning")
        except (OSError, JournalError) as error:
            self.notify_once(f"the log cannot be read: {error}", severity="error")
        return None

    def _show_state(self) -> None:
        """Show the state as it is by now."""
        session = self.session
        if self.picked_name and (one := self.state.find_hypothesis(self.picked_name)) is not None:
            self.picked_name = one.name  # it may have got a number
        now, half_life_h = session.clock(), session.settings.half_life_h
        self.sidebar.show(self.state, self.picked_name, session.author.user, now, half_life_h)
        if self.open_report is not None:
            self.open_report.update_report()


def _stamp_of(block: Block) -> Stamp:
    """Return the stamp of what was written in ``block``, without the ceremony around it."""
    return block.draft_entries[-1].stamp
