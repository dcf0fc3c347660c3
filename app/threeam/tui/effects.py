"""Work that changes something outside the screen: never twice at the same time, and never cancelled while 3am runs.

A Textual worker would not do: it is cancelled when its group starts another one or its screen closes. Its thread runs
on all the same, and its result is lost, so no line about it would be written.

The end of the program ends the threads of effects too. Work that is under way then may have happened and gets no line,
so the screen warns before it quits, and the last text on the terminal names the work.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from threeam.core.errors import JournalError

T = TypeVar("T")


@dataclass(eq=False)
class Effect:
    """A piece of work under way. ``on_done`` takes its result on the screen; ``problem`` is set if it failed.

    ``how_to_check``: how to find out whether it has happened, if the program ends first.
    """

    name: str
    on_done: Callable[[Any], object]
    how_to_check: str = ""
    result: Any = None
    problem: str = ""
    finished: threading.Event = field(default_factory=threading.Event)


class EffectRunner:
    """The effects of one screen that are under way. ``on_finished`` is called on the thread of the effect."""

    def __init__(self, on_finished: Callable[[Effect], object]) -> None:
        self._on_finished = on_finished
        self._running: dict[str, Effect] = {}

    def __len__(self) -> int:
        return len(self._running)

    @property
    def running(self) -> list[Effect]:
        """The effects that are not removed yet."""
        return list(self._running.values())

    def start(self, name: str, work: Callable[[], T], on_done: Callable[[T], object], how_to_check: str = "") -> bool:
        """Run ``work`` on a thread of its own; return False if work of this name is under way."""
        if name in self._running:
            return False
        effect = self._running[name] = Effect(name, on_done, how_to_check)
        threading.Thread(target=self._run, args=(effect, work), name=name, daemon=True).start()
        return True

    def remove(self, effect: Effect) -> bool:
        """Remove ``effect``; return False if it was removed before."""
        return self._running.pop(effect.name, None) is effect

    def wait(self, timeout_s: float) -> list[Effect]:
        """Wait for all effects, at most ``timeout_s`` seconds; return the finished ones."""
        deadline = time.monotonic() + timeout_s
        for effect in self._running.values():
            effect.finished.wait(max(0.0, deadline - time.monotonic()))
        return [effect for effect in self._running.values() if effect.finished.is_set()]

    def _run(self, effect: Effect, work: Callable[[], Any]) -> None:
        try:
            effect.result = work()
        except (JournalError, OSError) as error:
            effect.problem = str(error)
        except Exception as error:  # else it would stay under way for ever
            effect.problem = f"{type(error).__name__}: {error}"
        effect.finished.set()
        self._on_finished(effect)
