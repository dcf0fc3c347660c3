"""The reader of stamps whose place the user gives: a regular expression with a group ``stamp``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from threeam.core.errors import BadInput
from threeam.core.store.regex import CapturingRegex
from threeam.timeline.detect import Detection, detect_among
from threeam.timeline.instant import Timestamp
from threeam.timeline.notation import NOTATIONS
from threeam.timeline.stamp_clock import StampClock
from threeam.timeline.timestamp_format import Context, Layout, Meaning, TimestampFormat
from threeam.timeline.timestamp_reader import LearnedPlace, TimestampReader

_MAX_SEARCHED = 65_536  # bytes of a line
_WHOLE_TEXT = rb"\s*\Z"


class StampPattern:
    """Finds the text of a stamp in a line. Construction raises `BadPattern`."""

    def __init__(self, regex: str) -> None:
        self._regex = CapturingRegex(regex, "stamp")

    def text_in(self, raw: bytes) -> bytes | None:
        """Return the text of the group in a line; None without a match."""
        data = raw[:_MAX_SEARCHED]
        text = self._regex.capture(data)
        if text is None or (len(raw) > _MAX_SEARCHED and data.endswith(text)):
            return None  # the stamp may continue where the line was cut
        return text.strip()


class PatternReader(TimestampReader):
    """Reads the stamp that a pattern finds."""

    def __init__(self, pattern: StampPattern, place: LearnedPlace, clock: StampClock) -> None:
        super().__init__(place._replace(sorts=False), clock)
        self._stamp_pattern = pattern
        self._read_text: Callable[[bytes], Timestamp | None] = self.read
        self.read = self._read_found

    def with_clock(self, clock: StampClock) -> TimestampReader:
        """Return a reader of the same place with other rules."""
        return PatternReader(self._stamp_pattern, self.place, clock)

    def span(self, raw: bytes) -> tuple[int, int]:
        """Return where in a line the text stands that the pattern finds; (0, 0) if it finds none."""
        text = self._stamp_pattern.text_in(raw)
        begin = raw.find(text) if text else -1
        return (begin, begin + len(text)) if text and begin >= 0 else (0, 0)

    def _read_found(self, raw: bytes) -> Timestamp | None:
        text = self._stamp_pattern.text_in(raw)
        return None if text is None else self._read_text(text)


def reader_for_pattern(regex: str, samples: Sequence[bytes], context: Context) -> Detection:
    """Return the reader of the stamps that a pattern of the user finds. Raises `BadInput`."""
    pattern = StampPattern(regex)
    texts = [text for text in map(pattern.text_in, samples) if text]
    if not texts:
        raise BadInput(f"{regex!r} matches no line: write what stands around the stamp, and (?P<stamp>…) for it")
    row = TimestampFormat(
        "stamp",
        f"pattern {regex}",
        Meaning.EVENT,
        tuple(Layout(notation, after=_WHOLE_TEXT) for notation in NOTATIONS),
        (),
    )
    detection = detect_among((row,), texts, context)
    if detection is None:
        example = texts[0][:60].decode("utf-8", "backslashreplace")
        raise BadInput(f"{example!r}, which {regex!r} finds, is not a known timestamp")
    reader = PatternReader(pattern, detection.reader.place, detection.reader.clock)
    lines = sum(1 for line in samples if line.strip())
    return detection._replace(reader=reader, share=detection.share * len(texts) / lines)
