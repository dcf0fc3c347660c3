"""The peer of a line on the screen: the leanest Textual app that shows the last line of a file as it is appended.

One widget with the Line API, one thread that waits on inotify, and one line of the screen that is drawn again.
"""

from __future__ import annotations

import os
import sys
import threading

from inotify_simple import INotify, flags
from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

READY = b"LAST-LINE-APP-READY"


class LastLine(Widget):
    """The last line of a file, on the first line of the widget."""

    text = READY.decode()

    def render_line(self, y: int) -> Strip:
        return Strip([Segment(self.text if y == 0 else "")]).adjust_cell_length(self.size.width)


class LastLineApp(App[None]):
    """Follows the file at ``path``."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._line = LastLine()

    def compose(self) -> ComposeResult:
        yield self._line

    def on_mount(self) -> None:
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        inotify = INotify()
        inotify.add_watch(self._path, flags.MODIFY)
        with open(self._path, "rb") as file:
            file.seek(0, os.SEEK_END)
            while True:
                inotify.read()
                if data := file.read():
                    self._line.text = data.decode().rstrip("\n")
                    self.call_from_thread(self._line.refresh, Region(0, 0, self._line.size.width, 1))


if __name__ == "__main__":
    LastLineApp(sys.argv[1]).run()
