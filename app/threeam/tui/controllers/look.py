"""The look of the screen: theme, wrapping and time column, as the user chose them last."""

from __future__ import annotations

from collections.abc import Mapping

from textual.theme import Theme

from threeam.core.errors import BadInput
from threeam.tui.dispatch import Handler
from threeam.tui.look import Look, save_look
from threeam.tui.services import ScreenServices
from threeam.tui.widgets.log_view import LogView


class LookController:
    """Applies the look of the session to ``log_view`` and to the app, and saves each change of it."""

    def __init__(self, screen: ScreenServices, log_view: LogView) -> None:
        self._screen = screen
        self._log_view = log_view
        self._saved = screen.session.look
        log_view.set_render_options(wrap=self._saved.wrap, time_mode=self._saved.time_mode)

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers of the actions, by id."""
        return {"theme": self.change_theme, "palette": self._screen.app.action_command_palette}

    def take_theme(self, theme: Theme) -> None:
        """Save the theme that the user has changed to."""
        self._save(self._saved._replace(theme=theme.name))

    def take_change(self, message: LogView.LookChanged) -> None:
        """Name the new look of the rows, and save it."""
        self._screen.notify_once(message.sentence, timeout=2)
        options = self._log_view.render_options
        mode = self._saved.time_mode if options.time_mode == "t0" else options.time_mode
        self._save(self._saved._replace(wrap=options.wrap, time_mode=mode))

    def change_theme(self, name: str = "") -> None:
        """Change to the theme ``name``, or let the user choose one."""
        app = self._screen.app
        if not name:
            app.search_themes()
        elif name in app.available_themes:
            app.theme = name
        else:
            raise BadInput(f"there is no theme {name}; there are {', '.join(sorted(app.available_themes))}")

    def _save(self, look: Look) -> None:
        if look == self._saved:
            return
        self._saved = look
        try:
            save_look(self._screen.session.look_path, look)
        except OSError as error:
            self._screen.notify_once(f"the look of the screen cannot be saved: {error.strerror}", severity="warning")
