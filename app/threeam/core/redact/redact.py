"""Redaction of secrets in text that is shown, written or saved. The kinds of secrets are in `secret_patterns`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from heapq import heappop, heappush
from typing import Any, NamedTuple

from threeam.core.redact.secret_names import OPTION_NAME
from threeam.core.redact.secret_patterns import SECRET_KINDS, SecretKind
from threeam.core.redact.secret_values import LIST_REST, QUOTED_REST, WORD_REST

_REPLACEMENT = b"***"
# A port is not a password, unless an @ follows it.
_URL_PASSWORD = re.compile(r"(://[^/\s:@'\"]{0,256}:)(?!\d{1,5}(?:[/?'\",;)\s]|\Z))(?:[^\s'\"]*@|[^\s'\"]*)")
# SQL can quote it in a dozen ways, also in strings in strings: all that follows is replaced.
_SQL_PASSWORD = re.compile(r"(passw(?:or)?d|identified\s+by)\b(.*)", re.IGNORECASE | re.DOTALL)
_OPENING_QUOTE = re.compile(rb"\\*[\"']|[\[(]")
_CLOSING_BRACKETS = {b"[": b"]", b"(": b")"}

# Words of a command line: an option whose value is the next word, and an assignment.
_SECRET_NAME = rf"(?:[\w-]{{0,64}}[-_])?{OPTION_NAME}"
_SECRET_OPTION = re.compile(rf"--?{_SECRET_NAME}", re.IGNORECASE)
_SECRET_ASSIGNMENT = re.compile(rf"(-{{0,2}}{_SECRET_NAME}=).*", re.IGNORECASE | re.DOTALL)
_USER_OPTION = re.compile(r"-u|--(?:proxy-)?user")
_USER_PASSWORD = re.compile(r"([^\s:/]+:)(?!//)(?!\d+$).+", re.DOTALL)
_SHELL_SCRIPT_OPTION = re.compile(r"-\w{0,8}c")
_SHORT_PASSWORD_PROGRAM = re.compile(r"(?:mysql|mariadb|sshpass)[\w-]*")

_PEM_BEGIN = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = b"-----END "
# A line of a key is base64 or a header, and may be in YAML, in a diff, in a string of a program, or in a log.
_PEM_LINE = re.compile(
    rb"[\s|>#\"'+-]*+(?:(?:Proc-Type|DEK-Info|Comment|Version): .*|(?:[A-Za-z0-9+/=]|\\[nr])*+)[\s\"',+;)\\]*+"
    rb"|(?:.*[\s|:])?[A-Za-z0-9+/]{32,}+={0,2}\s*+"
)
_LAST_PEM_LINE = re.compile(rb"(?:.*[\s|:])?[A-Za-z0-9+/]++={0,2}\s*+")
_LONG_PEM_LINE = re.compile(rb"(?:.*[\s|:])?[A-Za-z0-9+/]{32,}+={0,2}\s*+")

_LOOKAHEAD_BYTES = 64 * 1024  # bytes of a line without an end that are held back, so that no secret is cut in two
_MAX_SECRET_BYTES = 1024 * 1024  # of one secret that is held back; the rest of a longer one is dropped as it comes


class _CompiledKinds(NamedTuple):
    """The compiled table. It is compiled at the first use, so an import of this module costs a screen no time."""

    triggers: Any  # for RE2, which finds a hundred of them as fast as one
    secret_names: Any  # for RE2: the triggers in names, each with the rest of its name
    secret_name_triggers: Any  # for RE2: these triggers alone
    patterns_by_prefix: dict[bytes, tuple[re.Pattern[bytes], ...]]  # by the first two characters of a trigger
    line_patterns: tuple[re.Pattern[bytes], ...]  # tried at the beginning of each line


class _SecretSpan(NamedTuple):
    """The offsets of a secret: where the match begins, where the secret begins, and where both end."""

    match_begin: int
    begin: int
    end: int


def redact_url_passwords(text: str) -> str:
    """Return ``text`` with ``***`` for the passwords of its URLs."""
    return _URL_PASSWORD.sub(lambda url: f"{url[1]}***{'@' if url[0].endswith('@') else ''}", text)


def redact(text: str) -> str:
    """Return ``text`` with ``***`` for each secret. The text around a secret stays, also its quotes."""
    redacted = Redactor()(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")
    return redact_url_passwords(redacted)


def redact_sql(query: str) -> str:
    """Return ``query`` redacted, and without all that follows a word for a password: the query may be truncated."""
    return _SQL_PASSWORD.sub(r"\1 ***", redact(query))


def redact_argv(argv: Sequence[str]) -> list[str]:
    """Return the words of a command, redacted. The option before a word decides whether the word is a secret."""
    redacted: list[str] = []
    has_short_option = any(_SHORT_PASSWORD_PROGRAM.fullmatch(word.rpartition("/")[2]) for word in argv)
    for index, word in enumerate(argv):
        option = argv[index - 1] if index else ""
        user = _USER_PASSWORD.fullmatch(word) if _USER_OPTION.fullmatch(option) else None
        assigns = _SECRET_ASSIGNMENT.fullmatch(word) if not _SHELL_SCRIPT_OPTION.fullmatch(option) else None
        if _SECRET_OPTION.fullmatch(option) and not word.startswith("-"):
            redacted.append("***")
        elif user is not None:
            redacted.append(f"{user[1]}***")
        elif assigns is not None and not assigns[1].startswith("PWD="):
            redacted.append(f"{assigns[1]}***")
        elif has_short_option and option == "-p" and "sshpass" in argv[0]:
            redacted.append("***")
        elif has_short_option and re.match(r"-p.", word):
            redacted.append("-p***")
        else:
            redacted.append(redact(word))
    return redacted


def format_redacted_command(argv: Sequence[str]) -> str:
    """Return the words of a command as a redacted line for a shell."""
    quoted = []
    for word in redact_argv(argv):
        without_stars = word.replace("***", "x")  # which a shell would expand, so `quote` quotes them
        quoted.append(word if shlex.quote(without_stars) == without_stars else shlex.quote(word))
    return " ".join(quoted)


class Redactor:
    """A redaction of output that comes in pieces, in order. The last call is one without ``has_more``."""

    def __init__(self) -> None:
        self._key_line_prefix: bytes | None = None  # inside a private key: the text before its BEGIN
        self._pending = b""  # the end of an unfinished line
        self._continuation: re.Pattern[bytes] | None = None  # for the rest of a secret whose beginning was replaced

    def __call__(self, data: bytes, *, has_more: bool = False) -> bytes:
        """Return ``data`` with ``***`` for each secret. ``has_more``: more of the same output may come.

        Complete lines are returned at once. The end of an unfinished line is held back until more of it comes.
        """
        data, self._pending = self._pending + data, b""
        is_unfinished = has_more and not data.endswith(b"\n")
        if self._key_line_prefix is not None or (not is_unfinished and b"PRIVATE KEY" in data):
            data = self._redact_private_keys(data)
        begin = self._skip_continuation(data)
        limit = max(begin, len(data) - _LOOKAHEAD_BYTES) if is_unfinished else len(data)
        pieces: list[bytes] = []
        for secret in _find_secrets(data, begin):
            if secret.match_begin >= limit:
                break
            if secret.end > limit and is_unfinished:
                if len(data) - secret.match_begin <= _MAX_SECRET_BYTES:
                    limit = secret.match_begin
                    break
                limit = secret.end
            value = data[secret.begin : secret.end]
            pieces += [data[begin : secret.begin], _replacement(value)]
            begin = secret.end
            if secret.end == len(data) and has_more:
                self._continuation = _continuation_pattern(value)
        self._pending = data[limit:]
        return b"".join([*pieces, data[begin:limit]])

    def _skip_continuation(self, data: bytes) -> int:
        """Return the offset at which a secret ends that began in earlier data; 0 without one."""
        if self._continuation is None or not data:
            return 0
        match = self._continuation.match(data)
        end = match.end() if match is not None else 0
        if end < len(data):
            self._continuation = None
        return end

    def _redact_private_keys(self, lines: bytes) -> bytes:
        redacted: list[bytes] = []
        for line in lines.splitlines(keepends=True):
            if self._key_line_prefix is not None:
                end = line.find(_PEM_END)
                if end < 0 and _PEM_LINE.fullmatch(line.removeprefix(self._key_line_prefix)):
                    continue
                line, self._key_line_prefix = line[max(0, end) :], None
            elif (
                _PEM_END in line and _PEM_BEGIN.search(line) is None and b"PRIVATE KEY" in line
            ):  # BEGIN was in earlier lines
                _drop_key_lines(redacted, line[: line.find(_PEM_END)])
            begin = _PEM_BEGIN.search(line, max(0, line.rfind(b"-----BEGIN ")))
            if begin is not None and _PEM_LINE.fullmatch(line, begin.end()):  # else it is only a mention
                self._key_line_prefix = line[: begin.start()]
                line = line[: begin.end()] + b"***\n"
            redacted.append(line)
        return b"".join(redacted)


def _drop_key_lines(lines: list[bytes], prefix: bytes) -> None:
    """Remove the lines of a private key from the end of ``lines``. ``prefix``: the text before its END on the line."""
    count = 0
    while count < len(lines):
        line = lines[-1 - count]
        is_last = (
            count == 0 and len(lines) > 1 and _LAST_PEM_LINE.fullmatch(line) and _LONG_PEM_LINE.fullmatch(lines[-2])
        )
        if not (_PEM_LINE.fullmatch(line.removeprefix(prefix)) or is_last):
            break
        count += 1
    if count:
        del lines[-count:]
    lines.append(b"***\n")


def _find_secrets(data: bytes, begin: int) -> Iterator[_SecretSpan]:
    """Yield the secrets in ``data`` from ``begin`` on, in order and without overlaps."""
    table = _compiled_kinds()
    data = b"\n" + data  # so that the first word and the first line have a character before them, too
    begin += 1
    line_matches = {
        match.start() + 1: match for pattern in table.line_patterns for match in pattern.finditer(data, begin - 1)
    }
    # Offsets of triggers, each with the end of its name; 0: it is not in a name.
    names = [match.span() for match in table.secret_names.finditer(data, begin)]
    offsets = sorted([*names, *((offset, 0) for offset in {*_trigger_offsets(table, data, begin), *line_matches})])
    while offsets:
        offset, end = heappop(offsets)
        if offset < begin:
            # A secret before it includes the first part of the name; the rest may have another trigger.
            trigger = table.secret_name_triggers.search(data, begin, end) if end > begin else None
            if trigger is not None:
                heappush(offsets, (trigger.start(), end))
            continue
        patterns = table.patterns_by_prefix.get(data[offset : offset + 2].lower(), ())
        matches = (pattern.match(data, offset) for pattern in patterns)
        match = line_matches.get(offset) or next((match for match in matches if match is not None), None)
        if match is None:
            continue
        secret_begin = match.end("keep") if "keep" in match.re.groupindex else match.start()
        yield _SecretSpan(offset - 1, secret_begin - 1, match.end() - 1)
        begin = match.end()


def _trigger_offsets(table: _CompiledKinds, data: bytes, begin: int) -> Iterator[int]:
    """Yield the offsets of the triggers in ``data``, without those in names, and without the character before them."""
    match = table.triggers.search(data, begin - 1)
    while match is not None:
        start = match.start()
        yield start if data[start : start + 2].lower() in table.patterns_by_prefix else start + 1
        match = table.triggers.search(data, start + 1)  # triggers can overlap: a key in a header


def _replacement(value: bytes) -> bytes:
    """Return the replacement of ``value``, with its quotes or brackets."""
    match = _OPENING_QUOTE.match(value)
    if match is None:
        return _REPLACEMENT
    closing = _CLOSING_BRACKETS.get(match[0], match[0])
    is_closed = len(value) > len(match[0]) and value.endswith(closing)
    return match[0] + _REPLACEMENT + (closing if is_closed else b"")


def _continuation_pattern(value: bytes) -> re.Pattern[bytes] | None:
    """Return a pattern for the rest of ``value``, which is at the end of the data so far; None if it is complete."""
    match = _OPENING_QUOTE.match(value)
    if match is None:
        return None if value.endswith(b"\n") else _compile_cached(WORD_REST)
    if len(value) > len(match[0]) and value.endswith(_CLOSING_BRACKETS.get(match[0], match[0])):
        return None
    if match[0] == b"[":
        return _compile_cached(LIST_REST)
    return _compile_cached(QUOTED_REST[match[0].decode()[-1]]) if match[0] != b"(" else None


@cache
def _compile_cached(text: str) -> re.Pattern[bytes]:
    return re.compile(text.encode(), re.IGNORECASE)


@cache
def _compiled_kinds() -> _CompiledKinds:
    patterns_by_prefix: dict[bytes, tuple[re.Pattern[bytes], ...]] = {}
    line_patterns: list[re.Pattern[bytes]] = []
    for kind in SECRET_KINDS:
        if not kind.triggers:
            line_patterns += (re.compile(b"\n" + text.encode(), _regex_flags(kind)) for text in kind.patterns)
        patterns = tuple(re.compile(text.encode(), _regex_flags(kind)) for text in kind.patterns)
        for prefix in dict.fromkeys(_trigger_prefix(trigger) for trigger in kind.triggers):
            patterns_by_prefix[prefix] = (*patterns_by_prefix.get(prefix, ()), *patterns)
    name_kinds = [kind for kind in SECRET_KINDS if kind.name_tail]
    return _CompiledKinds(
        _compile_triggers([(kind, "") for kind in SECRET_KINDS if not kind.name_tail]),
        _compile_triggers([(kind, kind.name_tail) for kind in name_kinds]),
        _compile_triggers([(kind, "") for kind in name_kinds]),
        patterns_by_prefix,
        tuple(line_patterns),
    )


def _compile_triggers(kinds: Sequence[tuple[SecretKind, str]]) -> Any:
    """Return one pattern for the triggers of ``kinds``, each followed by the pattern that comes with its kind."""
    import re2  # 15 ms: only commands that redact wait for it

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.case_sensitive = False
    options.never_capture = True
    pieces = [
        f"{kind.preceded_by}(?{'-i' if kind.case_sensitive else ''}:{'|'.join(kind.triggers)}){tail}"
        for kind, tail in kinds
        if kind.triggers
    ]
    return re2.compile("|".join(pieces).encode(), options)


def _trigger_prefix(trigger: str) -> bytes:
    """Return the two characters with which ``trigger`` begins, in lower case."""
    return trigger[:2].lower().encode()


def _regex_flags(kind: SecretKind) -> int:
    return 0 if kind.case_sensitive else re.IGNORECASE
