"""The hypotheses: the picked one, evidence and verdicts on it, its thread, and verdicts that were overturned."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Entry, escape_unprintable
from threeam.core.format.remote_hypothesis import Bound, Named, RemoteHypothesis
from threeam.core.format.report import ReportSection
from threeam.core.state.fold import Hypothesis
from threeam.core.state.host_state import HostState
from threeam.core.store.reader import Line
from threeam.core.write.draft import Draft, hypothesis_number
from threeam.experiments.run_citation import cite_run
from threeam.hypotheses.amendments import claim_of
from threeam.hypotheses.drafts import EVIDENCE_VERBS, name_of, quoting_evidence_draft
from threeam.hypotheses.evidence import Evidence, read_evidence
from threeam.hypotheses.guards import overturned_verdicts
from threeam.hypotheses.quotations import QuotationReader
from threeam.hypotheses.team_fold import TeamHypothesis
from threeam.hypotheses.thread import thread_report
from threeam.timeline.citation import Citation, cite_line, read_citation, save_citations
from threeam.timeline.source import Source
from threeam.tui.board_rows import board_rows
from threeam.tui.controllers.mirrors import Mirrors
from threeam.tui.controllers.reports import ReportController
from threeam.tui.dispatch import Handler
from threeam.tui.editor import abbreviate
from threeam.tui.outbox import WriteRequest
from threeam.tui.prompts import HYPOTHESIS_VERBS, BoxKind
from threeam.tui.screens.report_screen import ThreadScreen
from threeam.tui.services import ScreenServices
from threeam.tui.widgets.sidebar import HypothesisList, Sidebar


class HypothesisController:
    """The actions on hypotheses. ``picked_name`` is the name of the one that evidence and verdicts are about."""

    def __init__(self, screen: ScreenServices, sidebar: Sidebar, reports: ReportController, mirrors: Mirrors) -> None:
        self._screen = screen
        self._mirrors = mirrors
        self._sidebar = sidebar
        self._reports = reports
        self.picked_name: str | None = None

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers of the actions, by id."""
        return {
            "board": self.toggle_list,
            **{f"pick-{number}": partial(self.pick, f"H{number}") for number in range(1, 10)},
            **{verb: partial(self.ask_about, verb) for verb in HYPOTHESIS_VERBS},
            **{verb: partial(self.add_evidence, verb) for verb in EVIDENCE_VERBS},
            "thread": self.open_thread,
        }

    def require(self, name: str) -> Hypothesis:
        """Return the hypothesis of this name. Raise `PreconditionFailed` if there is none."""
        hypothesis = self._screen.state.find_hypothesis(name)
        if hypothesis is not None:
            return hypothesis
        if not self._screen.is_state_known:
            raise PreconditionFailed("the log is still being read: in a moment")
        raise PreconditionFailed(f"there is no hypothesis {name}: {self._screen.key_of('board')} shows those there are")

    def require_named(self, name: str) -> Named:
        """Return the hypothesis ``name``, of this journal or of another host. Raise `PreconditionFailed`."""
        subject = self.require_subject(name)
        return subject.name if isinstance(subject, Hypothesis) else subject

    def require_bound(self, name: str | None) -> Bound | None:
        """Return the hypothesis that ``-H`` names, so that an unknown one is reported before anything is done."""
        if name is None:
            return None
        named = self._mirrors.require_named(name) if "/" in name else name
        return hypothesis_number(self._screen.state, named) if isinstance(named, str) else named

    @property
    def picked_option(self) -> str:
        """Return the option of a command that names the picked hypothesis; empty if none with a number is picked."""
        name = self.picked_name
        return f"-H {shlex.quote(name)} " if name is not None and not name.startswith("@") else ""

    @property
    def names(self) -> list[str]:
        """Return the names of all hypotheses, those of other hosts too, in the order of the board."""
        state = self._screen.state
        return [row.name for row in board_rows(state, self._mirrors.board(state))]

    def require_subject(self, name: str) -> Hypothesis | RemoteHypothesis:
        """Return the hypothesis ``name``, of this journal or of another host. Raise `PreconditionFailed`."""
        named = self._mirrors.require_named(name) if "/" in name else name
        return self.require(named) if isinstance(named, str) else named

    def on_all_hosts(self, name: str) -> tuple[TeamHypothesis | None, list[HostState]]:
        """Return what all hosts say about a hypothesis, and the states of their journals; None without other hosts."""
        return self._mirrors.on_all_hosts(name), self._mirrors.all_hosts(self._screen.state)

    def require_picked_named(self) -> Named:
        """Return the picked hypothesis, of this journal or of another host. Raise `PreconditionFailed`."""
        if self.picked_name is not None and "/" in self.picked_name:
            return self.require_named(self.picked_name)
        return self.require_picked().name

    def require_picked(self) -> Hypothesis:
        """Return the picked hypothesis of this journal. Raise `PreconditionFailed` without one."""
        if self.picked_name is not None and "/" in self.picked_name:
            raise PreconditionFailed(f"{self.picked_name} is a hypothesis of another host: pick one of this journal")
        hypothesis = self._screen.state.find_hypothesis(self.picked_name) if self.picked_name else None
        if hypothesis is None:
            raise PreconditionFailed(f"pick a hypothesis first: 1 to 9, or {self._screen.key_of('board')}")
        return hypothesis

    def pick(self, name: str) -> None:
        """Make ``name`` the picked hypothesis."""
        hypothesis = self.require(name)
        self.picked_name = hypothesis.name
        self._screen.show_state()
        if not self._sidebar.is_on_screen:
            claim = abbreviate(claim_of(self._screen.state, hypothesis))
            keys = " ".join(map(self._screen.key_of, (*EVIDENCE_VERBS, "confirm", "refute", "park")))
            about = f" · keys {keys}" if self._screen.writing.is_writable else ""
            self._screen.notify_once(f"picked {name}: {claim}{about}", timeout=2)

    def follow_cursor(self, message: HypothesisList.Picked) -> None:
        """Pick the hypothesis under the cursor of the sidebar, and open its thread on Enter."""
        if message.name != self.picked_name:
            self.picked_name = message.name
            self._screen.show_state()
        if message.opens_thread:
            self.open_thread()

    def update_picked_name(self) -> None:
        """Follow the picked hypothesis when it gets a number: its name is another one then."""
        if self.picked_name and (hypothesis := self._screen.state.find_hypothesis(self.picked_name)) is not None:
            self.picked_name = hypothesis.name

    async def toggle_list(self) -> None:
        """Go to the hypotheses of the sidebar, or back from them."""
        hypothesis_list = self._sidebar.hypothesis_list
        is_empty = not hypothesis_list.option_count
        if hypothesis_list.has_focus or (self._sidebar.has_class("-open") and is_empty):
            await self._screen.actions.run("leave")
            return
        self._sidebar.open()
        if not is_empty:
            self._screen.set_focus(hypothesis_list)
            if hypothesis_list.highlighted is None:
                hypothesis_list.action_first()

    def ask_about(self, verb: str) -> None:
        """Go to the box for a prediction or a verdict (``verb``) on the picked hypothesis."""
        self._screen.writing.open_box(BoxKind(verb, name_of(self.require_picked_named())))

    async def add_evidence(self, verb: str, argument: str = "") -> None:
        """Tie the selected line to the picked hypothesis; with ``argument`` what that names: ``H7 @stamp words``.

        ``H7 R3`` names the result of an experiment.
        Words without a stamp are the evidence themselves. A selected line of another log is quoted: its entry is saved
        with the journal, since its file will be rotated away. So is ``H7 --cite FILE:LINE words``.
        """
        name, _, rest = argument.partition(" ")
        named = self.require_named(name) if name else self.require_picked_named()
        option, _, cited = rest.strip().partition(" ")
        if option == "--cite":
            reference, _, words = cited.strip().partition(" ")
            await self._quote(verb, named, lambda: [read_citation(reference)], words, asks=False)
            return
        if not rest.strip() and (cited_line := self._screen.selected_log_line()) is not None:
            await self.cite_line(verb, *cited_line, named)
            return
        read = partial(read_evidence, self._screen.session.journal, cite_run(self._screen.state, rest))
        evidence = await self._screen.run_in_thread(read) if rest.strip() else Evidence("", self._require_entry())
        if evidence is None:
            return
        evidence.require_other_than(name_of(named))
        if evidence.entry is None or (rest.strip() and not evidence.words):  # a user who names the line needs no box
            self._screen.writing.submit(WriteRequest(evidence.draft(verb, named), verb))
            return
        self._screen.writing.write_or_ask(
            BoxKind(verb, name_of(named), evidence.cited_stamp),
            evidence.words,
            lambda text: Evidence(text, evidence.entry).draft(verb, named),
        )

    async def cite_line(self, verb: str, source: Source, line: Line, named: Named = "") -> None:
        """Tie a line of another log to a hypothesis, the picked one without a name, and ask for words."""
        await self._quote(verb, named or self.require_picked_named(), lambda: [cite_line(source, line)])

    async def cite_finding(self, verb: str, read: Callable[[], Sequence[tuple[Source, Line]]], about: str) -> None:
        """Tie the lines of a finding to the picked hypothesis, and ask for words; without any, ``about`` is written.

        ``read`` returns the lines. It is called in a thread, and may raise OSError.
        """
        named = self.require_picked_named()
        await self._quote(verb, named, lambda: [cite_line(*line) for line in read()], about=about)

    async def _quote(
        self,
        verb: str,
        named: Named,
        read: Callable[[], Sequence[Citation]],
        words: str = "",
        *,
        about: str = "",
        asks: bool = True,
    ) -> None:
        """Write evidence that quotes the citations that ``read`` returns: first their attachments, then their lines.

        The words are those of the first line; ``about`` stands before its excerpt if there are no words.
        """
        writing, session = self._screen.writing, self._screen.session
        writing.require_writable()
        citations = await self._screen.run_in_thread(read)
        if citations is None:
            return
        first = citations[0]

        def attach(text: str) -> tuple[Draft, tuple[str, ...]]:
            saved = save_citations(session.journal, citations, session.clock().ns)
            text = text.strip() or (f"{about}: {first.excerpt}" if about else "")
            words = [first.evidence_text(text), *(citation.evidence_text("") for citation in citations[1:])]
            (line, own), *more = zip((each.line for each in saved), words, strict=True)
            draft = quoting_evidence_draft(verb, named, line, own, *more)
            return draft, tuple(each.path for each in saved)

        others = f" +{len(citations) - 1}" if len(citations) > 1 else ""
        kind = BoxKind(verb, name_of(named), quotes=escape_unprintable(first.reference) + others)
        writing.write_attaching(kind, words, attach, asks=asks)

    def _require_entry(self) -> Entry:
        entry = self._screen.selected_entry()
        if entry is None:
            raise PreconditionFailed("select a line of the log first: only those have a stamp")
        return entry

    def open_thread(self, name: str = "") -> None:
        """Show all entries about a hypothesis: ``name``, or the picked one."""
        name = name or self.picked_name or ""
        own = None
        if "/" not in name or self._mirrors.on_all_hosts(name) is None:  # the mirror of its host may be gone
            subject = self.require_subject(name) if name else self.require_picked()
            name, own = subject.name, subject if isinstance(subject, Hypothesis) else None
        self.picked_name = name
        screen = self._screen
        tell = partial(self._thread_sections, self.picked_name, own, QuotationReader(screen.session.journal))
        writes = screen.writing.is_writable
        report = ThreadScreen(self.picked_name, tell, screen.copy_text, emoji=screen.session.emoji, writes=writes)
        self._reports.push(report)

    def _thread_sections(
        self, name: str, own: Hypothesis | None, quotations: QuotationReader
    ) -> Sequence[ReportSection]:
        from threeam.experiments.run_list import hypothesis_runs_report  # the first screen needs none of these
        from threeam.hypotheses.team_report import said_elsewhere_report, team_thread_report
        from threeam.reports.elsewhere import runs_report

        state, now = self._screen.state, self._screen.session.clock()
        current = None
        if own is not None:  # it may have got a number since
            current = state.find_hypothesis(name) or state.find_hypothesis(f"@{own.opened_at}")
        known = self._mirrors.on_all_hosts(name if current is None else current.name)
        sections = [] if current is None else thread_report(state, current, now, quotations)
        if known is None:
            bound = None if current is None else current.bound
            return [*sections, *hypothesis_runs_report(state, lambda of_run: of_run == bound is not None, now)]
        sections += team_thread_report(known, now) if current is None else said_elsewhere_report(known, now)
        hosts = self._mirrors.all_hosts(state)
        return [*sections, *(section for host in hosts for section in runs_report(known, host, now))]

    def notify_of_overturned_verdicts(self, lines: Sequence[Line]) -> None:
        """Show which of this user's verdicts others have overturned in ``lines``, which have just arrived.

        ``state`` must be the one before these lines.
        """
        entries = [entry for line in lines if b" [H" in line.raw and (entry := line.state_entry) is not None]
        for sentence in overturned_verdicts(self._screen.state, entries, self._screen.session.author.user):
            self._screen.notify_once(
                sentence, title="overturned: both stand, and the later counts", severity="warning", timeout=15
            )
