"""What the tests use of the private parts of Textual: all of it is here, so that a new release breaks one file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import pytest
from textual.app import App
from textual.binding import BindingsMap
from textual.cache import LRUCache
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.events import Event
from textual.keys import _character_to_key
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widgets._toast import Toast

__all__ = ["Toast", "bindings_of", "draw", "exception_of", "has_messages", "key_of", "notices_of", "send", "text_of"]


class StylesheetParsedOnce(Stylesheet):
    """A style sheet whose rules are parsed once for all screens of this process: that took a tenth of their time."""

    _parsed: ClassVar[dict[frozenset[tuple[str, str]], LRUCache[tuple[Any, ...], list[RuleSet]]]] = {}

    def __init__(self, *, variables: dict[str, str] | None = None) -> None:
        super().__init__(variables=variables)
        self._share_rules()

    def set_variables(self, variables: dict[str, str]) -> None:
        """Set the variables, which are in the rules, and let the rules of the former ones be."""
        self._parse_cache = LRUCache(1)
        super().set_variables(variables)
        self._share_rules()

    def _share_rules(self) -> None:
        self._parse_cache = self._parsed.setdefault(frozenset(self._variables.items()), LRUCache(1024))


pytest.MonkeyPatch().setattr("textual.app.Stylesheet", StylesheetParsedOnce)
pytest.MonkeyPatch().setattr("textual.css.stylesheet.Stylesheet", StylesheetParsedOnce)

pytest.MonkeyPatch().setattr(RuleSet, "__hash__", object.__hash__)  # the same in C: each node looks up each rule


def text_of(screen: Screen[Any]) -> list[str]:
    """Return the lines that a screen shows, from top to bottom."""
    return [strip.text for strip in screen._compositor.render_strips()]


def draw(screen: Screen[Any]) -> None:
    """Draw at once what the timer of the screen would draw."""
    screen._on_timer_update()


def send(app: App[Any], event: Event) -> None:
    """Hand an event to the program as its driver does when the terminal has sent something."""
    driver = app._driver
    assert driver is not None, "the program does not run"
    event.set_sender(app)
    driver.send_message(event)


def key_of(character: str) -> str:
    """Return the name of the key that types this character."""
    return _character_to_key(character)


def has_messages(nodes: Iterable[MessagePump]) -> bool:
    """Return whether a message waits at any of these."""
    return not all(node._message_queue.empty() for node in nodes)


def notices_of(app: App[Any]) -> list[str]:
    """Return every notice that is up, with its title."""
    return [f"{notice.title} {notice.message}".strip() for notice in app._notifications]


def bindings_of(node: DOMNode) -> BindingsMap:
    """Return the bindings in force at a node."""
    return node._bindings


def exception_of(app: App[Any]) -> Exception | None:
    """Return the exception that ended the program."""
    return app._exception
