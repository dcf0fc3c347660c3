"""The `:` line and the palette: the same actions by their words."""

from __future__ import annotations

from difflib import get_close_matches
from functools import partial
from itertools import takewhile

from textual.command import DiscoveryHit, Hit, Hits, Provider

from threeam.actions import ACTIONS, BY_COMMAND, Action
from threeam.core.config.settings import Settings
from threeam.core.format.entry import Stamp, split_submission
from threeam.core.state.catalog import journal_name
from threeam.core.store.journal import Journal
from threeam.core.write.draft import Draft, change_lines, note_draft, note_texts
from threeam.hypotheses.amendments import correction_draft, join_lines, stamp_words_draft
from threeam.hypotheses.changes import change_draft, parse_typed_change
from threeam.hypotheses.drafts import (
    EVIDENCE_VERBS,
    VERDICT_VERBS,
    conclusion_draft,
    evidence_draft,
    hypothesis_draft,
    prediction_draft,
)
from threeam.hypotheses.ledger import PREDICTION
from threeam.tui.cells import drawable

ALIASES = {"journals": "journal", "hypothesis": "hyp", "quit": "q", "coffee --undo": "uncoffee", "hyp new": "hyp"}
HYPOTHESIS_VERBS = (
    *VERDICT_VERBS,
    "predict",
)  # the kinds of box that are about one hypothesis, which follows: ``refute H7``
_HYP = (*HYPOTHESIS_VERBS, *EVIDENCE_VERBS, "list", "show")


def valid_box_kind(kind: str) -> str:
    """``kind`` as a box can be of it; a note, where it is one that has gone, or is yet to come."""
    verb, _, name = kind.partition(" ")
    if verb in HYPOTHESIS_VERBS:
        return kind if name else "note"
    if verb in EVIDENCE_VERBS:
        name, _, at = name.partition(" ")
        return kind if name and Stamp.parse(at.removeprefix("@")) is not None else "note"
    if verb in ("correct", "words"):
        return kind if Stamp.parse(name.removeprefix("@")) is not None else "note"
    return kind if kind in ("hypothesis", "changed") else "note"  # words whose stamp was not written are a note


def draft_from_box(kind: str, text: str, settings: Settings) -> Draft:
    """The draft that ``text`` is in a box of this kind: ``note``, ``refute H7``, ``correct @stamp``."""
    verb, _, name = kind.partition(" ")
    if verb in VERDICT_VERBS:
        return conclusion_draft(verb, name, text, settings.toxic_cups)
    if verb in EVIDENCE_VERBS:
        name, _, cited = name.partition(" ")
        return evidence_draft(verb, name, Stamp.parse(cited.removeprefix("@")), text)
    at = Stamp.parse(name.removeprefix("@"))
    match verb:
        case "predict":
            return prediction_draft(name, text)
        case "hypothesis":
            return hypothesis_draft(text, settings.toxic_cups)
        case "words":
            return stamp_words_draft(lambda: at, text)
        case "correct" if at is not None:
            return correction_draft(at, text)
        case "changed":
            return change_draft(*parse_typed_change(text))
        case _:
            return note_draft(text)


def texts_of_box(kind: str, text: str) -> list[str]:
    """Return the texts of the entries that `draft_from_box` writes, as far as the box alone determines them.

    What only the state determines is absent: the number that a hypothesis gets, and the stamp of words whose stamp is
    not written yet.
    """
    verb, _, name = kind.partition(" ")
    match verb:
        case "predict":
            return split_submission(f"{PREDICTION}: {text}")
        case "support" | "contradict":
            return split_submission(f"{EVIDENCE_VERBS[verb]}: {name.partition(' ')[2]} {text.strip()}")
        case "hypothesis":
            return split_submission(f"Hypothesis: {text}")
        case "words" | "correct":
            label = "Words" if verb == "words" else "Correction"
            is_cited = name.startswith("@")
            return split_submission(
                f"{label}: {name} {join_lines(text)}" if is_cited else f"{label}: {join_lines(text)}"
            )
        case "changed":
            words, undo, _ = parse_typed_change(text)
            return [line.text for line in change_lines(words, undo)]
        case _ if verb in VERDICT_VERBS:
            return split_submission(f"{VERDICT_VERBS[verb][0]}: {text}")
        case _:
            return note_texts(text)


class UnknownCommand(Exception):
    """There is no such word on the `:` line; the message names the nearest."""


def parse_command(text: str) -> tuple[Action, str]:
    """The action that a `:` line calls, and what follows. Raises `UnknownCommand`.

    The words are the shell's: ``hyp refute H7 why`` and ``refute H7 why`` are the same.
    """
    text = text.strip().removeprefix(":").removeprefix("3am ").strip()
    for long, short in ALIASES.items():
        if text == long or text.startswith(long + " "):
            text = short + text[len(long) :]
    word, _, rest = text.partition(" ")
    if word == "hyp" and rest.partition(" ")[0] in _HYP:
        word, _, rest = rest.partition(" ")
        word, rest = ("board", "") if word == "list" else ("thread" if word == "show" else word, rest)
    if word == "log":
        word = "note"
    if word not in BY_COMMAND:
        near = get_close_matches(word, list(BY_COMMAND), 1)
        raise UnknownCommand(f"there is no :{word}" + (f"; did you mean :{near[0]}?" if near else "; ? lists them"))
    return BY_COMMAND[word], rest.strip()


def complete_command(text: str) -> tuple[str, list[str]]:
    """What Tab adds to a `:` line, and the words that begin like it: all that these have in common is added."""
    words = [word for word in BY_COMMAND if text and word.startswith(text)]
    letters = takewhile(lambda column: len(set(column)) == 1, zip(*words, strict=False))
    rest = "".join(column[0] for column in letters)[len(text) :]
    return (rest + " " if len(words) == 1 and BY_COMMAND[words[0]].argument else rest), words


class ActionProvider(Provider):
    """Every action that makes sense without the log under the cursor, in the palette."""

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        for action in self._actions():
            yield DiscoveryHit(action.label, partial(self._run, action), help=action.description)

    async def search(self, query: str) -> Hits:
        """Those that match."""
        matcher = self.matcher(query)
        for action in self._actions():
            score = matcher.match(f"{action.label} {action.description}")
            if score > 0:
                yield Hit(score, matcher.highlight(action.label), partial(self._run, action), help=action.description)

    def _actions(self) -> list[Action]:
        from threeam.tui.screens.commanding import CommandingScreen

        screen = self.screen
        if not isinstance(screen, CommandingScreen):
            return []
        return [a for a in ACTIONS if a.scope == "log" and (screen.is_writable or not a.writes)]

    async def _run(self, action: Action) -> None:
        from threeam.tui.screens.commanding import CommandingScreen

        if isinstance(self.screen, CommandingScreen):
            await self.screen.run(action)


class JournalProvider(Provider):
    """The other journals of the folder, in the palette."""

    async def discover(self) -> Hits:
        """All of them."""
        for journal in self._others():
            yield DiscoveryHit(self._title(journal), partial(self._open, journal), help="Show this journal here")

    async def search(self, query: str) -> Hits:
        """Those that match."""
        matcher = self.matcher(query)
        for journal in self._others():
            if (score := matcher.match(self._title(journal))) > 0:
                title = matcher.highlight(self._title(journal))
                yield Hit(score, title, partial(self._open, journal), help="Show this journal here")

    def _others(self) -> list[Journal]:
        from threeam.tui.app import JournalApp

        return self.app.other_journals if isinstance(self.app, JournalApp) else []

    @staticmethod
    def _title(journal: Journal) -> str:
        return f"journal {drawable(journal_name(journal))}"

    def _open(self, journal: Journal) -> None:
        from threeam.tui.app import JournalApp

        assert isinstance(self.app, JournalApp)
        self.app.open_journal(journal)
