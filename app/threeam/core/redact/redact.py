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

_STARS = b"***"
# A port is not a password, unless an @ follows it.
_URL = re.compile(r"(://[^/\s:@'\"]{0,256}:)(?!\d{1,5}(?:[/?'\",;)\s]|\Z))(?:[^\s'\"]*@|[^\s'\"]*)")
# SQL can quote it in a dozen ways, each of which can stand in a string in another: all that follows goes.
_IN_SQL = re.compile(r"(passw(?:or)?d|identified\s+by)\b(.*)", re.IGNORECASE | re.DOTALL)
_OPENS = re.compile(rb"\\*[\"']|[\[(]")
_CLOSES = {b"[": b"]", b"(": b")"}

# The words of a command line: an option whose value is the next word, and a word that assigns.
_SECRET_NAME = (
    r"(?:[\w-]{0,64}[-_])?(?:password|passwd|passphrase|pass|pwd|secret|token"
    r"|(?:api|access|secret|private|account)[-_]?key)"
)
_OPTION = re.compile(rf"--?{_SECRET_NAME}", re.IGNORECASE)
_ASSIGNS = re.compile(rf"(-{{0,2}}{_SECRET_NAME}=).*", re.IGNORECASE | re.DOTALL)
_USER_OPTION = re.compile(r"-u|--(?:proxy-)?user")
_USER_PASSWORD = re.compile(r"([^\s:/]+:)(?!//)(?!\d+$).+", re.DOTALL)
_SCRIPT_OPTION = re.compile(r"-\w{0,8}c")
_SHORT_PASSWORD = re.compile(r"(?:mysql|mariadb|sshpass)[\w-]*")

_KEY_BEGINS = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_ENDS = b"-----END "
# A line of a key is base64 or a header; a YAML, a diff, a string of a program may hold it, and any log in its own way.
_KEY_LINE = re.compile(
    rb"[\s|>#\"'+-]*+(?:(?:Proc-Type|DEK-Info|Comment|Version): .*|(?:[A-Za-z0-9+/=]|\\[nr])*+)[\s\"',+;)\\]*+"
    rb"|(?:.*[\s|:])?[A-Za-z0-9+/]{32,}+={0,2}\s*+"
)
_LAST_KEY_LINE = re.compile(rb"(?:.*[\s|:])?[A-Za-z0-9+/]++={0,2}\s*+")
_LONG_KEY_LINE = re.compile(rb"(?:.*[\s|:])?[A-Za-z0-9+/]{32,}+={0,2}\s*+")

_LOOKAHEAD = 64 * 1024  # bytes of a line without an end that are held back, so that no secret is cut in two
_LONGEST = 1024 * 1024  # bytes of one secret that are held back; of a longer one the rest is dropped as it comes


class _Compiled(NamedTuple):
    """The table, compiled at the first use: an import of this module costs no time at the start of a screen."""

    triggers: Any  # for RE2, which finds a hundred as fast as one
    names: Any  # for RE2: the triggers of names, each with the rest of its name
    names_begin: Any  # for RE2: these triggers alone
    by_letters: dict[bytes, tuple[re.Pattern[bytes], ...]]  # what is tried where a trigger begins with these two
    of_lines: tuple[re.Pattern[bytes], ...]  # what is searched for at the beginning of each line


class _Secret(NamedTuple):
    """A secret in some bytes: where the match begins, where the secret does, and where both end."""

    match: int
    begin: int
    end: int


def redact_url_passwords(text: str) -> str:
    """``text`` without the passwords of its URLs: nothing that was typed for a server is kept with one."""
    return _URL.sub(lambda url: f"{url[1]}***{'@' if url[0].endswith('@') else ''}", text)


def redact(text: str) -> str:
    """``text`` with ``***`` in place of each secret. What stands around a secret stays, also its quotes."""
    listed = Redactor()(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")
    return redact_url_passwords(listed)


def redact_sql(query: str) -> str:
    """``query`` without its secrets, and without all that follows a word for a password: it may have been cut."""
    return _IN_SQL.sub(r"\1 ***", redact(query))


def redact_argv(words: Sequence[str]) -> list[str]:
    """The words of a command, each without its secrets; a value that is a word of its own is known by its option."""
    shown: list[str] = []
    short = any(_SHORT_PASSWORD.fullmatch(word.rpartition("/")[2]) for word in words)
    for index, word in enumerate(words):
        option = words[index - 1] if index else ""
        user = _USER_PASSWORD.fullmatch(word) if _USER_OPTION.fullmatch(option) else None
        assigns = _ASSIGNS.fullmatch(word) if not _SCRIPT_OPTION.fullmatch(option) else None
        if _OPTION.fullmatch(option) and not word.startswith("-"):
            shown.append("***")
        elif user is not None:
            shown.append(f"{user[1]}***")
        elif assigns is not None and not assigns[1].startswith("PWD="):
            shown.append(f"{assigns[1]}***")
        elif short and option == "-p" and "sshpass" in words[0]:
            shown.append("***")
        elif short and re.match(r"-p.", word):
            shown.append("-p***")
        else:
            shown.append(redact(word))
    return shown


def format_redacted_command(words: Sequence[str]) -> str:
    """The words of a command as a line for a shell, without their secrets."""
    quoted = []
    for word in redact_argv(words):
        plain = word.replace("***", "x")
        quoted.append(word if shlex.quote(plain) == plain else shlex.quote(word))
    return " ".join(quoted)


class Redactor:
    """Leaves secrets out of lines of output, which come in order. The last call is one without ``more``."""

    def __init__(self) -> None:
        self._before: bytes | None = None  # what stood before the beginning of the key that we are in; None: in none
        self._held = b""  # the end of a line that goes on
        self._rest: re.Pattern[bytes] | None = None  # what goes on of a secret whose beginning was left out

    def __call__(self, data: bytes, *, more: bool = False) -> bytes:
        """``data`` with ``***`` for what is left out. ``more``: more of the same output may come.

        Whole lines are given back at once. Of a line that goes on, the end is held back until more of it comes.
        """
        data, self._held = self._held + data, b""
        goes_on = more and not data.endswith(b"\n")
        if self._before is not None or (not goes_on and b"PRIVATE KEY" in data):
            data = self._without_keys(data)
        begin = self._skip_rest(data)
        limit = max(begin, len(data) - _LOOKAHEAD) if goes_on else len(data)
        pieces: list[bytes] = []
        for secret in _secrets(data, begin):
            if secret.match >= limit:
                break
            if secret.end > limit and goes_on:
                if len(data) - secret.match <= _LONGEST:
                    limit = secret.match
                    break
                limit = secret.end
            value = data[secret.begin : secret.end]
            pieces += [data[begin : secret.begin], _stars(value)]
            begin = secret.end
            if secret.end == len(data) and more:
                self._rest = _rest_of(value)
        self._held = data[limit:]
        return b"".join([*pieces, data[begin:limit]])

    def _skip_rest(self, data: bytes) -> int:
        """Where a secret ends that began in the data before."""
        if self._rest is None or not data:
            return 0
        match = self._rest.match(data)
        end = match.end() if match is not None else 0
        if end < len(data):
            self._rest = None
        return end

    def _without_keys(self, lines: bytes) -> bytes:
        kept: list[bytes] = []
        for line in lines.splitlines(keepends=True):
            if self._before is not None:
                end = line.find(_KEY_ENDS)
                if end < 0 and _KEY_LINE.fullmatch(line.removeprefix(self._before)):
                    continue
                line, self._before = line[max(0, end) :], None
            elif _KEY_ENDS in line and _KEY_BEGINS.search(line) is None and b"PRIVATE KEY" in line:  # it began before
                _drop_key_lines(kept, line[: line.find(_KEY_ENDS)])
            begins = _KEY_BEGINS.search(line, max(0, line.rfind(b"-----BEGIN ")))
            if begins is not None and _KEY_LINE.fullmatch(line, begins.end()):  # else it is only spoken of
                self._before = line[: begins.start()]
                line = line[: begins.end()] + b"***\n"
            kept.append(line)
        return b"".join(kept)


def _drop_key_lines(kept: list[bytes], before: bytes) -> None:
    """Take the lines of a private key from the end of ``kept``. ``before`` stands before its END on the line."""
    count = 0
    while count < len(kept):
        line = kept[-1 - count]
        last = count == 0 and len(kept) > 1 and _LAST_KEY_LINE.fullmatch(line) and _LONG_KEY_LINE.fullmatch(kept[-2])
        if not (_KEY_LINE.fullmatch(line.removeprefix(before)) or last):
            break
        count += 1
    if count:
        del kept[-count:]
    kept.append(b"***\n")


def _secrets(data: bytes, begin: int) -> Iterator[_Secret]:
    """The secrets in ``data`` from ``begin`` on, in order; none begins in another."""
    table = _compiled()
    data = b"\n" + data  # so that also the first word and the first line have something in front of them
    begin += 1
    whole_lines = {
        match.start() + 1: match for pattern in table.of_lines for match in pattern.finditer(data, begin - 1)
    }
    # Each with the end of its name; 0: it stands in none.
    names = [match.span() for match in table.names.finditer(data, begin)]
    places = sorted([*names, *((place, 0) for place in {*_places(table, data, begin), *whole_lines})])
    while places:
        place, end = heappop(places)
        if place < begin:
            # A secret before it has taken the first part of the name; what is left may hold another trigger.
            word = table.names_begin.search(data, begin, end) if end > begin else None
            if word is not None:
                heappush(places, (word.start(), end))
            continue
        patterns = table.by_letters.get(data[place : place + 2].lower(), ())
        matches = (pattern.match(data, place) for pattern in patterns)
        match = whole_lines.get(place) or next((match for match in matches if match is not None), None)
        if match is None:
            continue
        keeps = "keep" in match.re.groupindex
        yield _Secret(place - 1, (match.end("keep") if keeps else match.start()) - 1, match.end() - 1)
        begin = match.end()


def _places(table: _Compiled, data: bytes, begin: int) -> Iterator[int]:
    """Yield where a trigger begins in ``data``, except those of names. What must stand before it is not part of it."""
    match = table.triggers.search(data, begin - 1)
    while match is not None:
        start = match.start()
        yield start if data[start : start + 2].lower() in table.by_letters else start + 1
        match = table.triggers.search(data, start + 1)  # a trigger can stand in another: a key in a header


def _stars(value: bytes) -> bytes:
    """What stands in place of ``value``; its own quotes or brackets stay."""
    match = _OPENS.match(value)
    if match is None:
        return _STARS
    closing = _CLOSES.get(match[0], match[0])
    closes = len(value) > len(match[0]) and value.endswith(closing)
    return match[0] + _STARS + (closing if closes else b"")


def _rest_of(value: bytes) -> re.Pattern[bytes] | None:
    """What may go on of ``value``, which stands at the end of what has come; None if it is complete."""
    match = _OPENS.match(value)
    if match is None:
        return None if value.endswith(b"\n") else _pattern(WORD_REST)
    if len(value) > len(match[0]) and value.endswith(_CLOSES.get(match[0], match[0])):
        return None
    if match[0] == b"[":
        return _pattern(LIST_REST)
    return _pattern(QUOTED_REST[match[0].decode()[-1]]) if match[0] != b"(" else None


@cache
def _pattern(text: str) -> re.Pattern[bytes]:
    return re.compile(text.encode(), re.IGNORECASE)


@cache
def _compiled() -> _Compiled:
    by_letters: dict[bytes, tuple[re.Pattern[bytes], ...]] = {}
    of_lines: list[re.Pattern[bytes]] = []
    for kind in SECRET_KINDS:
        if not kind.triggers:
            of_lines += (re.compile(b"\n" + one.encode(), _flags(kind)) for one in kind.patterns)
        patterns = tuple(re.compile(one.encode(), _flags(kind)) for one in kind.patterns)
        for letters in dict.fromkeys(_letters(trigger) for trigger in kind.triggers):
            by_letters[letters] = (*by_letters.get(letters, ()), *patterns)
    of_names = [kind for kind in SECRET_KINDS if kind.name_tail]
    return _Compiled(
        _triggers([(kind, "") for kind in SECRET_KINDS if not kind.name_tail]),
        _triggers([(kind, kind.name_tail) for kind in of_names]),
        _triggers([(kind, "") for kind in of_names]),
        by_letters,
        tuple(of_lines),
    )


def _triggers(kinds: Sequence[tuple[SecretKind, str]]) -> Any:
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


def _letters(trigger: str) -> bytes:
    """Return the two characters with which ``trigger`` begins, in lower case."""
    return trigger[:2].lower().encode()


def _flags(kind: SecretKind) -> int:
    return 0 if kind.case_sensitive else re.IGNORECASE
