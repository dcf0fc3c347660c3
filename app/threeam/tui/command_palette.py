"""The command palette: the actions of the table, and the other journals of the folder."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from threeam.actions import ACTIONS, Action
from threeam.core.state.catalog import journal_name
from threeam.core.store.journal import Journal
from threeam.tui.cells import drawable
from threeam.tui.key_labels import key_for_action
from threeam.tui.services import CommandScreen, Program


class ActionProvider(Provider):
    """The actions of the log, in the palette."""

    async def discover(self) -> Hits:
        """Yield all of them, before anything is typed."""
        for action in self._actions():
            yield DiscoveryHit(
                Content.assemble(action.label, *self._key(action)),
                partial(self._run, action),
                text=action.label,
                help=action.description,
            )

    async def search(self, query: str) -> Hits:
        """Yield those that match ``query``."""
        matcher = self.matcher(query)
        for action in self._actions():
            score = max(2 * matcher.match(action.label), matcher.match(f"{action.label} {action.description}"))
            if score > 0:
                yield Hit(
                    score,
                    Content.assemble(matcher.highlight(action.label), *self._key(action)),
                    partial(self._run, action),
                    text=action.label,
                    help=action.description,
                )

    def _key(self, action: Action) -> list[tuple[str, str]]:
        """Return the key of ``action``, as it stands behind its name."""
        return [("  ", ""), (key_for_action(self.screen, action.id), "$footer-key-foreground")]

    def _actions(self) -> list[Action]:
        screen = self.screen
        if not isinstance(screen, CommandScreen):
            return []
        return [a for a in ACTIONS if a.scope == "log" and (screen.commands.is_writable or not a.writes)]

    async def _run(self, action: Action) -> None:
        if isinstance(self.screen, CommandScreen):
            await self.screen.commands.run(action)


class JournalProvider(Provider):
    """The other journals of the folder, in the palette."""

    async def discover(self) -> Hits:
        """Yield all of them."""
        for journal in self._others():
            yield DiscoveryHit(self._title(journal), partial(self._open, journal), help="Show this journal here")

    async def search(self, query: str) -> Hits:
        """Yield those that match ``query``."""
        matcher = self.matcher(query)
        for journal in self._others():
            if (score := matcher.match(self._title(journal))) > 0:
                title = matcher.highlight(self._title(journal))
                yield Hit(score, title, partial(self._open, journal), help="Show this journal here")

    def _others(self) -> list[Journal]:
        return list(self.app.other_journals) if isinstance(self.app, Program) else []

    @staticmethod
    def _title(journal: Journal) -> str:
        return f"journal {drawable(journal_name(journal))}"

    def _open(self, journal: Journal) -> None:
        assert isinstance(self.app, Program)
        self.app.open_journal(journal)
