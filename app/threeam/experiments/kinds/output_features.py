"""The features of an output: what distinguishes how one run ended from how another one did. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from threeam.core.format.entry import decode_utf8
from threeam.experiments.kinds.failed_tests import failed_tests

_LEAST_FUNCTIONS = 2  # a single line that looks like a frame of a stack may be chance
_FIRST_BYTES, _LAST_BYTES = 16 * 1024, 48 * 1024  # of a long output: an error is seldom in its middle

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CHECKER_PREFIX = re.compile(r"^(==|--)\d+\1 ?", re.MULTILINE)  # valgrind and the sanitizers
# Bytes that are not text, as `decode_utf8` shows them: a run of them has letters by chance, too.
_NOT_ASCII = re.compile(r"(?:\\x[0-9a-f]{2}|[^\t\n\x20-\x7e])+")
_NOT_TEXT = re.compile(r"[\\\x00-\x1f\x7f]")
_DAY, _MONTH = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*", "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_UNITS = r"(?: ?(?:ns|us|µs|ms|s|sec|min|[kKMG]?i?B|%)(?!\w))?"
# What differs from run to run though the same happened, in the order of replacement.
_CHANCE = re.compile(
    "|".join(
        (
            rf"\b(?:{_DAY},? +)?(?:\d{{1,2}}[ /-])?{_MONTH}[ /-]+\d{{1,4}}\b",
            r"\btmp(?:\.\w{6,}|[a-z0-9_]{8}\b)",  # as mktemp and Python name them, in any folder
            r"(?:/var)?/tmp/[^\s:;,'\"`)\]>]+|/dev/shm/[^\s:;,'\"`)\]>]+",
            r"\b0x[0-9a-fA-F]+\b",
            r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b",
            r"\b(?=[a-fA-F]*\d)[0-9a-fA-F]{6,}\b",
            r"\b(?=[A-Za-z_]*\d[\d_]*[A-Za-z]\w*\d)\w{8,}\b",  # a token: letters between digits
            r"(?<![\w:])(?=[0-9:]*(?:[a-fA-F]|::))(?=[a-fA-F:]*\d)(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{1,4}(?![\w:])",
            r"\b(?:\d+h)?\d+m(?:\d+(?:\.\d+)?s)?\b",
            r"(?<!\w)[bru]?'[^'\s]*'|\"[^\"\s]*\"",
            rf"(?:(?<![\w)\]])[-+])?\d+(?:[.,:_]\d+)*(?:[eE][-+]?\d+)?{_UNITS}",
        )
    )
)
_OWN_LINE = "[3am: "  # 3am says where it left something out, and whose stacks these are
_ADDRESS = re.compile(r"[/+]?0x[0-9a-f]+")  # in the name of a function: a JVM names classes by their addresses
_BLANKS = re.compile(r"[ \t]+")
_LISTS = re.compile(r"#(?:, ?#)+")  # of which the length depends on chance

_ERROR_WORD = re.compile(
    r"error|exception|fail|fatal|panic|abort|assert|deadlock|corrupt|mismatch|segmentation|overflow|unexpected|"
    r"violat|invalid|denied|refused|timed? ?out|"
    r"(?<![a-z])(?:lost|race|cannot|can't|unable|wrong|missing|killed)|"
    r" at \S+ line [#\d]",  # Perl
    re.IGNORECASE,
)
# The name of an exception, before its message. The message may have words of chance.
_EXCEPTION = re.compile(
    r"(?:Exception in thread \S+ |Caused by: |\w+ \w+ )?((?:[A-Za-z_][\w$]*[.:]+)*[A-Z]\w+)(?::.*)?"
)
_EXCEPTION_SUFFIX = re.compile(r"(?:Error|Exception|Exit|Interrupt|Failure|Empty|Full|Timeout)\d*\Z")
_GO_ERROR = re.compile(r"(?:panic|fatal error): .+")
_GO_STATE = re.compile(r"goroutine \d+ \[([^\],]+)[^\]]*\]:")
_GO_PLACE = re.compile(r"\t\S+:\d+(?: \+0x[0-9a-f]+)?")
_GO_FUNCTION = re.compile(r"(?:created by )?(\S+?)(?:\([^()]*\))?(?: in goroutine \d+)?")
_FRAME = re.compile(
    "|".join(
        (
            r'\s*File "[^"]+", line \d+,? in (.+)',  # Python
            r"\s+(\S+) \([^()\s]+\.py:\d+\)",  # py-spy
            r"\s*(?:at|by) 0x[0-9A-Fa-f]+: (.+) \([^()]*\)",  # valgrind
            r"\s+at (?:async |new )?(\S.*?) ?\([^()]*\)",  # Java, Node.js
            r"\s*#\d+ +0x[0-9a-fA-F]+ (?:in )?([A-Za-z_~:<][^(@\s]*).*",  # gdb, eu-stack, the sanitizers
            r"\s*#\d+ +([A-Za-z_~:<][^(@\s]*) \(.*",  # gdb, in the middle of a function
            r"\s+([\w:]+)\(.*\) called at .+ line \d+\.?",  # Perl
            r"\s+\d+: +(?:0x[0-9a-f]+ - )?([A-Za-z_<]\S*)",  # Rust
            r"\s*(?:from )?\S+:\d+:in [`'](.+)'.*",  # Ruby
            r"\S+\((\w+)\+0x[0-9a-f]+\) ?\[0x[0-9a-f]+\]",  # backtrace(3)
        )
    )
)


class OutputLine(NamedTuple):
    """A line of an output: as it was printed, without escapes, and with what depends on chance ``masked``."""

    text: str
    masked: str


class Features(NamedTuple):
    """The features of an output. ``has_stacks``: they are functions and errors, not lines. ``tests``: that failed."""

    marks: frozenset[str]
    has_stacks: bool
    tests: frozenset[str] = frozenset()


def split_output(output: bytes) -> list[OutputLine]:
    """Return the lines of ``output`` that are not blank and not from 3am. The middle of a long output is left out."""
    if len(output) > _FIRST_BYTES + _LAST_BYTES:
        output = b"%s\n%s" % (output[:_FIRST_BYTES], output[-_LAST_BYTES:])
    text = _CHECKER_PREFIX.sub("", _ESCAPES.sub("", decode_utf8(output).replace("\r", "\n")))
    masked = _CHANCE.sub("#", _NOT_ASCII.sub(_mask_if_not_text, text))
    masked = _LISTS.sub("#", _BLANKS.sub(" ", masked))
    pairs = zip(text.split("\n"), masked.split("\n"), strict=True)
    own = ((line, mask) for line, mask in pairs if line.strip() and not line.startswith(_OWN_LINE))
    return [OutputLine(line, mask.strip()) for line, mask in own]


def find_features(lines: Sequence[OutputLine]) -> Features:
    """Return the features of an output of which ``lines`` are worth a comparison."""
    tests = frozenset(failed_tests(lines))
    functions = frozenset(name for _, name in _frames(lines))
    if len(functions) >= _LEAST_FUNCTIONS:
        return Features(functions.union(_errors_of_stacks(lines)), has_stacks=True, tests=tests)
    masked = frozenset(line.masked for line in lines)
    return Features(frozenset(filter(_ERROR_WORD.search, masked)) or masked, has_stacks=False, tests=tests)


def _mask_if_not_text(characters: re.Match[str]) -> str:
    return "#" if _NOT_TEXT.search(characters[0]) else characters[0]


def describe_output(lines: Sequence[OutputLine], known: Collection[str]) -> str:
    """Return the line of an output that tells best what happened, and the function that it happened in.

    If tests have failed, it is the line of one of them.

    ``known``: the features of outputs of other kinds, and the tests that failed. They are avoided if there are others.
    """
    if tests := failed_tests(lines):
        return next((line for test, line in tests.items() if test not in known), next(iter(tests.values())))
    frames = _frames(lines)
    if len({name for _, name in frames}) < _LEAST_FUNCTIONS:
        own_lines = [line for line in lines if line.masked not in known] or lines
        errors = [line for line in own_lines if _ERROR_WORD.search(line.masked)]
        return (errors or own_lines[-1:])[0].text.strip() if own_lines else ""
    own_frames = [frame for frame in frames if frame[1] not in known] or frames
    error = _error_above_stacks(lines, {i for i, _ in frames})
    if error is None:
        return f"in {own_frames[0][1]}"
    _, function = min(own_frames, key=lambda frame: abs(frame[0] - error))
    return f"{lines[error].text.strip()} in {function}"


def _error_above_stacks(lines: Sequence[OutputLine], in_frames: Collection[int]) -> int | None:
    """Return the index of the last exception, else of a line with an error word: if possible the last above the frames.

    None: there is no such line.
    """
    exceptions = [i for i, line in enumerate(lines) if _GO_ERROR.fullmatch(line.text) or _exception_name(line.text)]
    if exceptions:
        return exceptions[-1]
    errors = [i for i, line in enumerate(lines) if i not in in_frames and _ERROR_WORD.search(line.masked)]
    above = [i for i in errors if i < min(in_frames)]
    return next(iter(above[-1:] or errors), None)


def _frames(lines: Sequence[OutputLine]) -> list[tuple[int, str]]:
    """Return the name of the function of each frame, with the index of its line."""
    frames = []
    for i, (text, _) in enumerate(lines):
        is_of_go = i + 1 < len(lines) and _GO_PLACE.fullmatch(lines[i + 1].text) is not None
        match = (_GO_FUNCTION if is_of_go else _FRAME).fullmatch(text)
        if match is not None:
            frames.append((i, _ADDRESS.sub("", match[match.lastindex or 0]).strip()))
    return frames


def _errors_of_stacks(lines: Sequence[OutputLine]) -> Iterator[str]:
    """Yield the errors that stacks were printed for, and what each goroutine waits for."""
    for text, masked in lines:
        if _GO_ERROR.fullmatch(text):
            yield masked
        elif state := _GO_STATE.fullmatch(text):
            yield f"[{state[1]}]"
        elif name := _exception_name(text):
            yield name


def _exception_name(text: str) -> str:
    match = _EXCEPTION.fullmatch(text)
    return match[1] if match is not None and _EXCEPTION_SUFFIX.search(match[1]) else ""
