"""Textual's driver and key parser, changed for 3am: all code that uses their private parts.

Textual decodes the keyboard strictly, so one byte that is not UTF-8 ends the program. It reads Esc and the next key as
alt+key if both come within its escape delay, and it discards unread keys whenever it stops reading.
"""

from __future__ import annotations

import codecs
import os
import re
import selectors
import signal
import termios
import time
import tty
from collections.abc import Iterable

from textual import constants, events
from textual._parser import ParseError
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.app import App
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size
from textual.message import Message

_ESC = "\x1b"
_INTRODUCERS = "[O"  # after ESC they begin a function key or a report
# A mouse report in the old encoding, whose three bytes are not characters. Textual asks for SGR reports.
_X10_MOUSE = re.compile(rb"\x1b\[M[\x20-\xff]{3}", re.DOTALL)
_ONE_KEY_S = 0.005  # a serial line sends the bytes of one key 1 ms apart; a hand is slower between two keys
_POLL_S = 0.1
_LARGEST = Size(1000, 300)  # in cells; a larger screen would be drawn for minutes


class EscapedKey(events.Key):
    """ESC and a key that came together: alt+key, or Esc and then the key. The app decides.

    A terminal sends the same two bytes for both, and tmux joins them if the second follows within its escape-time.
    """

    @property
    def as_alt_key(self) -> events.Key:
        """The event for alt+key."""
        name = f"shift+{self.key.lower()}" if len(self.key) == 1 and self.key.isupper() else self.key
        return events.Key(f"alt+{name}", self.character)

    @property
    def as_two_keys(self) -> tuple[events.Key, events.Key]:
        """The events for Esc and the key."""
        return events.Key("escape", _ESC), events.Key(self.key, self.character)


class KeyParser(XTermParser):
    """Textual's parser, which turns ESC and a key into one `EscapedKey` if they came together, else into two keys."""

    def __init__(self, debug: bool = False) -> None:
        self._escape_read_s: float | None = None  # when a read ended with ESC
        self._is_separate_key = False  # whether the first key of this read follows an earlier ESC
        self._last_chars = ""  # the last characters that were parsed as keys: a marker may begin in them
        self._paste_parts: list[str] | None = None  # the parts of a paste that have come; None: there is no paste
        super().__init__(debug)

    def feed(self, data: str) -> Iterable[Message]:
        """Parse the characters of one read. The result does not depend on how the stream is cut into reads."""
        now = time.monotonic()
        self._is_separate_key = self._escape_read_s is not None and now - self._escape_read_s > _ONE_KEY_S
        self._escape_read_s = now if data.endswith(_ESC) else None
        if not data:  # the end of the input
            yield from super().feed(data)
        while data:
            if self._paste_parts is None:
                before, begin, _ = (self._last_chars + data).partition(BRACKETED_PASTE_START)
                cut = len(before) + len(begin) - len(self._last_chars)
                keys, data = data[:cut], data[cut:]
                self._last_chars = (self._last_chars + keys)[1 - len(BRACKETED_PASTE_START) :]
                if begin:  # Textual has seen a part of it, so it gets the rest, and the end of its paste at once
                    keys += BRACKETED_PASTE_END
                    self._last_chars, self._paste_parts = "", [""]
                for message in super().feed(keys):
                    if not isinstance(message, events.Paste):
                        yield message
            else:
                # Textual would parse text after an ESC in a paste as keys.
                data = self._paste_parts.pop() + data
                text, end, rest = data.partition(BRACKETED_PASTE_END)
                if end:
                    yield events.Paste("".join([*self._paste_parts, text]).replace("\0", ""))
                    self._paste_parts, data = None, rest
                else:
                    cut = max(0, len(text) - len(BRACKETED_PASTE_END))  # the end marker may be cut in two
                    self._paste_parts += [text[:cut], text[cut:]]
                    return

    def tick(self) -> Iterable[Message]:
        """Parse an ESC that nothing followed as Esc, and an unfinished sequence as keys."""
        for message in super().tick():
            self._escape_read_s, self._last_chars = None, ""
            yield message

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        is_apart = False
        if len(sequence) == 2 and sequence[0] == _ESC:  # the first two characters of any sequence
            is_apart, self._is_separate_key = self._is_separate_key, False
        if len(sequence) == 2 and sequence[0] == _ESC and sequence[1] not in _INTRODUCERS:
            keys = self._parse_keys(sequence[1])
            if is_apart or len(keys) != 1:
                return [events.Key("escape", _ESC), *keys]
            return [EscapedKey(keys[0].key, keys[0].character)]
        if alt:  # ESC and an introducer, and no more: not a function key
            return [events.Key("escape", _ESC), *self._parse_keys(sequence)]
        return self._parse_keys(sequence)

    def _parse_keys(self, sequence: str) -> list[events.Key]:
        """Return the keys that Textual parses from ``sequence``; if there are none, a key that nothing is bound to."""
        try:
            return list(super()._sequence_to_key_events(sequence))
        except (ValueError, OverflowError):  # a report with an invalid character code would end the program
            return [events.Key("unknown", None)]


class TerminalDriver(LinuxDriver):
    """Textual's driver for terminals, which accepts any byte and loses no key."""

    def __init__(
        self, app: App[object], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        # Textual's handlers write to the terminal wherever the signal comes: in the middle of another write they wait
        # for ever for the lock of its queue. They also take every SIGCONT for the end of a SIGTSTP, and leave two
        # threads that read keys. `install_signal_handlers` installs handlers that the loop calls.
        for number in (signal.SIGTSTP, signal.SIGCONT):
            signal.signal(number, signal.SIG_DFL)

    def run_input_thread(self) -> None:
        """Read keys and dispatch them, until the driver stops."""
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")  # the input box escapes such a byte
        parser = KeyParser(self._debug)
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            stopping = False
            while not stopping:
                stopping = self.exit_event.is_set()  # then read once more: keys typed before the stop are not lost
                if selector.select(_POLL_S):
                    data = _X10_MOUSE.sub(b"", os.read(self.fileno, 4096))
                    self._dispatch(parser.feed(text) if (text := decoder.decode(data, final=stopping)) else ())
                self._dispatch(parser.tick())
        try:
            list(parser.feed(""))
        except (EOFError, ParseError):
            pass

    def process_message(self, message: Message) -> None:
        """Process a message of the terminal; a size that is too large is reduced to one that can be drawn."""
        if isinstance(message, events.Resize):
            size = _drawable(message.size)
            message = events.Resize(size, size, pixel_size=message.pixel_size)
        super().process_message(message)

    def _get_terminal_size(self) -> tuple[int, int]:
        return _drawable(Size(*super()._get_terminal_size()))

    def _dispatch(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self.process_message(message)

    @property
    def is_suspended(self) -> bool:
        """Return whether the terminal was restored before the process was suspended."""
        return self._key_thread is None or not self._key_thread.is_alive()

    def reenter_application_mode(self) -> None:
        """Set the terminal to the modes of the full screen again, after another process may have changed them.

        The thread that reads keys keeps running. To stop it and to start another, as Textual does, discards keys.
        """
        try:
            modes = termios.tcgetattr(self.fileno)
            modes[tty.LFLAG] = self._patch_lflag(modes[tty.LFLAG])
            modes[tty.IFLAG] = self._patch_iflag(modes[tty.IFLAG])
            modes[tty.CC][termios.VMIN] = 1
            termios.tcsetattr(self.fileno, termios.TCSANOW, modes)
        except termios.error:  # the terminal is gone: `JournalApp` notices
            return
        self.write("\x1b[?1049l\x1b[?1049h")  # a shell may have drawn on the alternate screen: start with an empty one
        self._enable_mouse_support()
        self.write("\x1b[?25l\x1b[?1004h")
        if not constants.DISABLE_KITTY_KEY:
            flags = (
                linux_driver.KITTY_DISAMBIGUATE_ESCAPE_CODES
                | linux_driver.KITTY_REPORT_ALL_KEYS
                | linux_driver.KITTY_REPORT_ASSOCIATED_TEXT
            )
            self.write(f"\x1b[<u\x1b[>{flags}u")
        if self._in_band_window_resize:
            self._enable_in_band_window_resize()
        self._enable_bracketed_paste()
        self._disable_line_wrap()
        self.flush()


def _drawable(size: Size) -> Size:
    """Return ``size``, limited to between one cell and `_LARGEST`."""
    return Size(min(max(1, size.width), _LARGEST.width), min(max(1, size.height), _LARGEST.height))
