"""The end of the program: after the last write, and after work with an effect; what it leaves behind is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from rich.text import Text

from threeam.core.format.entry import escape_unprintable
from threeam.tui.dispatch import Handler
from threeam.tui.editor import Editor
from threeam.tui.effects import Effect, EffectRunner
from threeam.tui.services import ScreenServices

T = TypeVar("T")

_EFFECT_S = 1.0  # how long quitting waits for work with an effect


class QuitController:
    """Quits as soon as nothing is lost by it: ``editor`` (None if read-only) has its answers, ``effects`` have ended.

    ``is_leaving``: the user wants to quit.
    """

    def __init__(self, screen: ScreenServices, editor: Editor | None, effects: EffectRunner) -> None:
        self._screen = screen
        self._editor = editor
        self.effects = effects
        self.is_leaving = False
        self._has_ended = False
        self._parting_text = ""  # printed on the terminal at the end
        self._problems: list[str] = []  # printed in its place: a notice could not be read any more

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers of the actions, by id."""
        return {"quit": self.quit}

    @property
    def is_busy(self) -> bool:
        """Return whether something is still to be written, or is still being done."""
        return bool(self._editor is not None and len(self._editor.outbox)) or bool(len(self.effects))

    @property
    def effects_under_way(self) -> str:
        """Return a sentence that names the work with an effect that is under way; empty if there is none."""
        names = [effect.name for effect in self.effects.running]
        return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} still under way" if names else ""

    # Work with an effect.

    def start_effect(self, name: str, work: Callable[[], T], then: Callable[[T], object], check: str) -> None:
        """Run ``work``, which changes something, on a thread, and then ``then`` with its result, here.

        Only the end of the program cancels it. The parting text names it then, and ``check``, which says how to find
        out whether it has happened. The same work a second time is refused while it runs.
        """
        if not self.effects.start(name, work, then, check):
            self._screen.notify_once("it is still under way", title=name)

    def finish_effect(self, effect: Effect) -> None:
        """Take the result of ``effect``, which has ended, and quit if the program waited for it."""
        self._settle(effect)
        self.leave_if_done()

    def _settle(self, effect: Effect) -> None:
        if not self.effects.remove(effect):
            return
        if effect.problem:
            self.report_at_end(f"{effect.name}: {effect.problem}")
            self._screen.notify_once(effect.problem, title=effect.name, severity="warning", timeout=10)
        else:
            effect.on_done(effect.result)

    # The end.

    def report_at_end(self, sentence: str) -> None:
        """Print ``sentence`` on the terminal if the program ends before a notice about it can be read."""
        if self.is_leaving or self._has_ended:
            self._problems.append(f"3am: {escape_unprintable(sentence)}")

    def quit(self) -> None:
        """Quit when all is written and done; the second time, quit now."""
        if not self.is_busy or self.is_leaving:
            self.leave(0)
            return
        self.is_leaving = True
        again = f"{self._screen.key_of('quit')} again"
        if self.effects_under_way:
            sentence = f"this quits when it has ended and is written; {again} leaves it, and it may get no line"
            self._screen.notify_once(sentence, title=self.effects_under_way, severity="warning", timeout=10)
        else:
            self._screen.notify_once(f"quits as soon as all is written; {again} quits now, and your text is kept")

    def leave_when_written(self, parting_text: str) -> None:
        """Quit as soon as nothing waits to be written, and print ``parting_text``."""
        self.is_leaving, self._parting_text = True, parting_text

    def stay(self) -> None:
        """Do not quit when all is written."""
        self.is_leaving, self._parting_text = False, ""

    def leave_if_done(self) -> None:
        """Quit if that was asked for and nothing is still to be written or done."""
        if self.is_leaving and not self.is_busy:
            self.leave(0)

    def leave(self, code: int) -> None:
        """End the program with exit code ``code``: what still waits is taken back, and stays as the draft.

        What has happened, or may have happened, and may not be in the log is named on the terminal.
        """
        self._has_ended = True
        for effect in self.effects.wait(_EFFECT_S):
            self._settle(effect)
        lost = [
            escape_unprintable(
                f"3am: {effect.name} was still under way, and may have happened without a line: {effect.how_to_check}"
            )
            for effect in self.effects.running
        ]
        if self._editor is not None:
            unwritten = self._editor.close()
            lost += [f"3am: this happened, and may not be in the log: {request.title}" for request in unwritten]
        parting = "\n".join([*self._problems, *lost]) or self._parting_text
        # As a Text, since a path in brackets would be taken for markup.
        self._screen.app.exit(return_code=code, message=Text(parting) if parting else None)
