"""The `:` line and the palette: the same actions by their words."""

from __future__ import annotations

from difflib import get_close_matches
from functools import partial
from itertools import takewhile

from textual.command import DiscoveryHit, Hit, Hits, Provider

from threeam.actions import ACTIONS, BY_COMMAND, Action
from threeam.core.state.catalog import journal_name
from threeam.core.store.journal import Journal
from threeam.hypotheses.drafts import EVIDENCE_VERBS
from threeam.tui.cells import drawable
from threeam.tui.prompts import HYPOTHESIS_VERBS

ALIASES = {"journals": "journal", "hypothesis": "hyp", "quit": "q", "coffee --undo": "uncoffee", "hyp new": "hyp"}
_HYP = (*HYPOTHESIS_VERBS, *EVIDENCE_VERBS, "list", "show")


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
