"""Leave secrets out of what is shown, written or kept. The kinds of secrets are a table: `secret_patterns`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from heapq import heappop, heappush
from typing import Any, NamedTuple

from threeam.core.redact.secret_patterns import SECRET_KINDS, SecretKind
from threeam.core.redact.secret_values import LIST_REST, QUOTED_REST, WORD_REST

_REPLACEMENT = b"***"
# A port is not a password, unless an @ follows it.
_URL_PASSWORD = re.compile(r"(://[^/\s:@'\"]{0,256}:)(?!\d{1,5}(?:[/?'\",;)\s]|\Z))(?:[^\s'\"]*@|[^\s'\"]*)")
# SQL can quote it in a dozen ways, each of which can stand in a string in another: all that follows goes.
_SQL_PASSWORD = re.compile(r"(passw(?:or)?d|identified\s+by)\b(.*)", re.IGNORECASE | re.DOTALL)
_OPENING_QUOTE = re.compile(rb"\\*[\"']|[\[(]")
_CLOSING_BRACKETS = {b"[": b"]", b"(": b")"}

# The words of a command line: an option whose value is the next word, and a word that assigns.
_SECRET_NAME = (
    r"(?:[\w-]{0,64}[-_])?(?:password|passwd|passphrase|pass|pwd|secret|token"
    r"|(?:api|access|secret|private|account)[-_]?key)"
)
_SECRET_OPTION = re.compile(rf"--?{_SECRET_NAME}", re.IGNORECASE)
_SECRET_ASSIGNMENT = re.compile(rf"(-{{0,2}}{_SECRET_NAME}=).*", re.IGNORECASE | re.DOTALL)
_USER_OPTION = re.compile(r"-u|--(?:proxy-)?user")
_USER_PASSWORD = re.compile(r"([^\s:/]+:)(?!//)(?!\d+$).+", re.DOTALL)
_SHELL_SCRIPT_OPTION = re.compile(r"-\w{0,8}c")
_SHORT_PASSWORD_PROGRAM = re.compile(r"(?:mysql|mariadb|sshpass)[\w-]*")

_PEM_BEGIN = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = b"-----END "
# A line of a key is base64 or a header; a YAML, a diff, a string of a program may hold it, and any log in its own way.
_PEM_LINE = re.compile(
    rb"[\s|>#\"'+-]*+(?:(?:Proc-Type|DEK-Info|Comment|Version): .*|(?:[A-Za-z0-9+/=]|\\[nr])*+)[\s\"',+;)\\]*+"
    rb"|(?:.*[\s|:])?[A-Za-z0-9+/]{32,}+={0,2}\s*+"
)
_LAST_PEM_LINE = re.compile(rb"(?:.*[\s|:])?[A-Za-z0-9+/]++={0,2}\s*+")
_LONG_PEM_LINE = re.compile(rb"(?:.*[\s|:])?[A-Za-z0-9+/]{32,}+={0,2}\s*+")

_LOOKAHEAD_BYTES = 64 * 1024  # bytes of a line without an end that are held back, so that no secret is cut in two
_MAX_SECRET_BYTES = (
    1024 * 1024
)  # bytes of one secret that are held back; of a longer one the rest is dropped as it comes


class _CompiledKinds(NamedTuple):
    """The table, compiled at the first use: an import of this module costs no time at the start of a screen."""

    triggers: Any  # for RE2, which finds a hundred as fast as one
    secret_names: Any  # for RE2: the triggers of names, each with the rest of its name
    secret_name_triggers: Any  # for RE2: these triggers alone
    patterns_by_prefix: dict[
        bytes, tuple[re.Pattern[bytes], ...]
    ]  # what is tried where a trigger begins with these two
    line_patterns: tuple[re.Pattern[bytes], ...]  # what is searched for at the beginning of each line


class _SecretSpan(NamedTuple):
    """A secret in some bytes: where the match begins, where the secret does, and where both end."""

    match_begin: int
    begin: int
    end: int


def redact_url_passwords(text: str) -> str:
    """``text`` without the passwords of its URLs: nothing that was typed for a server is kept with one."""
    return _URL_PASSWORD.sub(lambda url: f"{url[1]}***{'@' if url[0].endswith('@') else ''}", text)


def redact(text: str) -> str:
    """``text`` with ``***`` in place of each secret. What stands around a secret stays, also its quotes."""
    listed = Redactor()(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")
    return redact_url_passwords(listed)


def redact_sql(query: str) -> str:
    """``query`` without its secrets, and without all that follows a word for a password: it may have been cut."""
    return _SQL_PASSWORD.sub(r"\1 ***", redact(query))


def redact_argv(argv: Sequence[str]) -> list[str]:
    """The words of a command, each without its secrets; a value that is a word of its own is known by its option."""
    shown: list[str] = []
    short = any(_SHORT_PASSWORD_PROGRAM.fullmatch(word.rpartition("/")[2]) for word in argv)
    for index, word in enumerate(argv):
        option = argv[index - 1] if index else ""
        user = _USER_PASSWORD.fullmatch(word) if _USER_OPTION.fullmatch(option) else None
        assigns = _SECRET_ASSIGNMENT.fullmatch(word) if not _SHELL_SCRIPT_OPTION.fullmatch(option) else None
        if _SECRET_OPTION.fullmatch(option) and not word.startswith("-"):
            shown.append("***")
        elif user is not None:
            shown.append(f"{user[1]}***")
        elif assigns is not None and not assigns[1].startswith("PWD="):
            shown.append(f"{assigns[1]}***")
        elif short and option == "-p" and "sshpass" in argv[0]:
            shown.append("***")
        elif short and re.match(r"-p.", word):
            shown.append("-p***")
        else:
            shown.append(redact(word))
    return shown


def format_redacted_command(argv: Sequence[str]) -> str:
    """The words of a command as a line for a shell, without their secrets."""
    quoted = []
    for word in redact_argv(argv):
        plain = word.replace("***", "x")
        quoted.append(word if shlex.quote(plain) == plain else shlex.quote(word))
    return " ".join(quoted)


class Redactor:
    """Leaves secrets out of lines of output, which come in order. The last call is one without ``more``."""

    def __init__(self) -> None:
        self._key_line_prefix: bytes | None = (
            None  # what stood before the beginning of the key that we are in; None: in none
        )
        self._pending = b""  # the end of a line that goes on
        self._continuation: re.Pattern[bytes] | None = None  # what goes on of a secret whose beginning was left out

    def __call__(self, data: bytes, *, has_more: bool = False) -> bytes:
        """``data`` with ``***`` for what is left out. ``has_more``: more of the same output may come.

        Whole lines are given back at once. Of a line that goes on, the end is held back until more of it comes.
        """
        data, self._pending = self._pending + data, b""
        goes_on = has_more and not data.endswith(b"\n")
        if self._key_line_prefix is not None or (not goes_on and b"PRIVATE KEY" in data):
            data = self._redact_private_keys(data)
        begin = self._skip_continuation(data)
        limit = max(begin, len(data) - _LOOKAHEAD_BYTES) if goes_on else len(data)
        pieces: list[bytes] = []
        for secret in _find_secrets(data, begin):
            if secret.match_begin >= limit:
                break
            if secret.end > limit and goes_on:
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
        """Where a secret ends that began in the data before."""
        if self._continuation is None or not data:
            return 0
        match = self._continuation.match(data)
        end = match.end() if match is not None else 0
        if end < len(data):
            self._continuation = None
        return end

    def _redact_private_keys(self, lines: bytes) -> bytes:
        kept: list[bytes] = []
        for line in lines.splitlines(keepends=True):
            if self._key_line_prefix is not None:
                end = line.find(_PEM_END)
                if end < 0 and _PEM_LINE.fullmatch(line.removeprefix(self._key_line_prefix)):
                    continue
                line, self._key_line_prefix = line[max(0, end) :], None
            elif _PEM_END in line and _PEM_BEGIN.search(line) is None and b"PRIVATE KEY" in line:  # it began before
                _drop_key_lines(kept, line[: line.find(_PEM_END)])
            begins = _PEM_BEGIN.search(line, max(0, line.rfind(b"-----BEGIN ")))
            if begins is not None and _PEM_LINE.fullmatch(line, begins.end()):  # else it is only spoken of
                self._key_line_prefix = line[: begins.start()]
                line = line[: begins.end()] + b"***\n"
            kept.append(line)
        return b"".join(kept)


def _drop_key_lines(lines: list[bytes], prefix: bytes) -> None:
    """Take the lines of a private key from the end of ``lines``. ``prefix`` stands before its END on the line."""
    count = 0
    while count < len(lines):
        line = lines[-1 - count]
        last = count == 0 and len(lines) > 1 and _LAST_PEM_LINE.fullmatch(line) and _LONG_PEM_LINE.fullmatch(lines[-2])
        if not (_PEM_LINE.fullmatch(line.removeprefix(prefix)) or last):
            break
        count += 1
    if count:
        del lines[-count:]
    lines.append(b"***\n")


def _find_secrets(data: bytes, begin: int) -> Iterator[_SecretSpan]:
    """The secrets in ``data`` from ``begin`` on, in order; none begins in another."""
    table = _compiled_kinds()
    data = b"\n" + data  # so that also the first word and the first line have something in front of them
    begin += 1
    whole_lines = {
        match.start() + 1: match for pattern in table.line_patterns for match in pattern.finditer(data, begin - 1)
    }
    # Each with the end of its name; 0: it stands in none.
    names = [match.span() for match in table.secret_names.finditer(data, begin)]
    places = sorted([*names, *((place, 0) for place in {*_trigger_offsets(table, data, begin), *whole_lines})])
    while places:
        place, end = heappop(places)
        if place < begin:
            # A secret before it has taken the first part of the name; what is left may hold another trigger.
            word = table.secret_name_triggers.search(data, begin, end) if end > begin else None
            if word is not None:
                heappush(places, (word.start(), end))
            continue
        patterns = table.patterns_by_prefix.get(data[place : place + 2].lower(), ())
        matches = (pattern.match(data, place) for pattern in patterns)
        match = whole_lines.get(place) or next((match for match in matches if match is not None), None)
        if match is None:
            continue
        keeps = "keep" in match.re.groupindex
        yield _SecretSpan(place - 1, (match.end("keep") if keeps else match.start()) - 1, match.end() - 1)
        begin = match.end()


def _trigger_offsets(table: _CompiledKinds, data: bytes, begin: int) -> Iterator[int]:
    """Yield where a trigger begins in ``data``, except those of names. What must stand before it is not part of it."""
    match = table.triggers.search(data, begin - 1)
    while match is not None:
        start = match.start()
        yield start if data[start : start + 2].lower() in table.patterns_by_prefix else start + 1
        match = table.triggers.search(data, start + 1)  # a trigger can stand in another: a key in a header


def _replacement(value: bytes) -> bytes:
    """What stands in place of ``value``; its own quotes or brackets stay."""
    match = _OPENING_QUOTE.match(value)
    if match is None:
        return _REPLACEMENT
    closing = _CLOSING_BRACKETS.get(match[0], match[0])
    closes = len(value) > len(match[0]) and value.endswith(closing)
    return match[0] + _REPLACEMENT + (closing if closes else b"")


def _continuation_pattern(value: bytes) -> re.Pattern[bytes] | None:
    """What may go on of ``value``, which stands at the end of what has come; None if it is complete."""
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
    by_letters: dict[bytes, tuple[re.Pattern[bytes], ...]] = {}
    of_lines: list[re.Pattern[bytes]] = []
    for kind in SECRET_KINDS:
        if not kind.triggers:
            of_lines += (re.compile(b"\n" + one.encode(), _regex_flags(kind)) for one in kind.patterns)
        patterns = tuple(re.compile(one.encode(), _regex_flags(kind)) for one in kind.patterns)
        for letters in dict.fromkeys(_trigger_prefix(trigger) for trigger in kind.triggers):
            by_letters[letters] = (*by_letters.get(letters, ()), *patterns)
    of_names = [kind for kind in SECRET_KINDS if kind.name_tail]
    return _CompiledKinds(
        _compile_triggers([(kind, "") for kind in SECRET_KINDS if not kind.name_tail]),
        _compile_triggers([(kind, kind.name_tail) for kind in of_names]),
        _compile_triggers([(kind, "") for kind in of_names]),
        by_letters,
        tuple(of_lines),
    )


def _compile_triggers(kinds: Sequence[tuple[SecretKind, str]]) -> Any:
    """Return the triggers of ``kinds`` as one pattern, each followed by what is given with its kind."""
    import re2  # 15 ms: a command that redacts nothing does not wait for it

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.case_sensitive = False
    options.never_capture = True
    pieces = [
        f"{kind.preceded_by}(?{'-i' if kind.case_sensitive else ''}:{'|'.join(kind.triggers)}){rest}"
        for kind, rest in kinds
        if kind.triggers
    ]
    return re2.compile("|".join(pieces).encode(), options)


def _trigger_prefix(trigger: str) -> bytes:
    """Return the two characters with which ``trigger`` begins, in lower case."""
    return trigger[:2].lower().encode()


def _regex_flags(kind: SecretKind) -> int:
    return 0 if kind.case_sensitive else re.IGNORECASE
