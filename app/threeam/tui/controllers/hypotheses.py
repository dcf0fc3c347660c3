"""The hypotheses: the picked one, evidence and verdicts on it, its thread, and verdicts that were overturned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Entry, escape_unprintable
from threeam.core.format.remote_hypothesis import RemoteHypothesis
from threeam.core.format.report import ReportSection
from threeam.core.state.fold import Hypothesis
from threeam.core.store.reader import Line
from threeam.core.write.draft import Draft
from threeam.experiments.run_citation import cite_run
from threeam.hypotheses.amendments import claim_of
from threeam.hypotheses.drafts import EVIDENCE_VERBS, Named, name_of, quoting_evidence_draft
from threeam.hypotheses.evidence import Evidence, read_evidence
from threeam.hypotheses.guards import overturned_verdicts
from threeam.hypotheses.quotations import QuotationReader
from threeam.hypotheses.thread import thread_report
from threeam.timeline.citation import Citation, cite_line, read_citation, save_citations
from threeam.timeline.source import Source
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
        return self._mirrors.require_hypothesis(name) if "/" in name else self.require(name).name

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
        named = self.require_named(name) if name else self.require_picked_named()
        if isinstance(named, RemoteHypothesis):
            self._open_thread_of_other_host(named)
            return
        from threeam.experiments.run_list import hypothesis_runs_report  # the first screen needs none of it

        screen = self._screen
        hypothesis = self.require(name) if name else self.require_picked()
        self.picked_name = hypothesis.name

        quotations = QuotationReader(screen.session.journal)

        def sections() -> Sequence[ReportSection]:
            # It may have got a number since.
            current = screen.state.find_hypothesis(hypothesis.name) or screen.state.find_hypothesis(
                f"@{hypothesis.opened_at}"
            )
            if current is None:
                return []
            now = screen.session.clock()
            return [
                *thread_report(screen.state, current, now, quotations),
                *hypothesis_runs_report(screen.state, current.number, now),
            ]

        report = ThreadScreen(
            hypothesis.name, sections, screen.copy_text, emoji=screen.session.emoji, writes=screen.writing.is_writable
        )
        self._reports.push(report)

    def _open_thread_of_other_host(self, named: RemoteHypothesis) -> None:
        from threeam.hypotheses.team_report import team_thread_report

        def sections() -> Sequence[ReportSection]:
            known = self._mirrors.on_all_hosts(named)
            return [] if known is None else team_thread_report(known, self._screen.session.clock())

        self._reports.show(named.name, sections)

    def notify_of_overturned_verdicts(self, lines: Sequence[Line]) -> None:
        """Show which of this user's verdicts others have overturned in ``lines``, which have just arrived.

        ``state`` must be the one before these lines.
        """
        entries = [entry for line in lines if b" [H" in line.raw and (entry := line.state_entry) is not None]
        for sentence in overturned_verdicts(self._screen.state, entries, self._screen.session.author.user):
            self._screen.notify_once(
                sentence, title="overturned: both stand, and the later counts", severity="warning", timeout=15
            )
