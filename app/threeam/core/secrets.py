"""Passwords in what is shown, written or kept: they are left out. Better too much than too little."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

# A port is not a password, unless an @ follows it.
_URL = re.compile(
    r"(://[^/\s:@'\"]*:)(?!\d{1,5}(?:[/?'\",;)\s]|\Z))(?:[^\s'\"]*@|[^\s'\"]*)",
)
# SQL can quote it in a dozen ways, each of which can stand in a string in another: all that follows goes.
_SECRET = re.compile(r"(passw(?:or)?d|identified\s+by)\b(.*)", re.IGNORECASE | re.DOTALL)


class Listed(NamedTuple):
    """Something that is left out of a program's output: how it is called, and what it looks like in a line.

    ``hints``: one of these stands in the line, in small letters; so much is found a hundred times as fast. Of what
    ``pattern`` finds the part that is named ``keep`` stays. ``small``: it is for small letters.
    """

    name: str
    hints: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    small: bool = False


_COLOUR = rb"(?:\x1b\[[0-9;:]*m)*"  # of a terminal: around a word, and before a value
_BLANK = rb"[ \t]{0,4}" + _COLOUR
# JSON in a string of JSON has a backslash before its quotes, or three.
_VALUE = (
    rb"(?:(?P<escape>\\+)[\"'](?:(?!(?<!\\)(?P=escape)[\"'])[^\n])*|\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])*'?"
    rb"|[^\s,;&\"')}\]]+)"
)

LISTED = (
    Listed(
        "the password in a URL",
        (b"://",),
        re.compile(rb"(?P<keep>://[^/\s:@'\"]{0,256}:)(?!\d{1,5}(?:[/?'\",;)\s]|\Z))[^\s'\"]{1,2048}(?=@)"),
    ),
    Listed(
        "what follows password, passwd, pwd, passphrase, secret, token, api, access or private key and a = or :",
        (b"passw", b"pwd", b"passphrase", b"secret", b"token", b"key"),
        re.compile(
            rb"(?P<keep>(?:passw(?:or)?d|pwd|passphrase|secret|token|(?:api|access|secret|private)[-_ ]?key)"
            rb"[\w-]{0,32}" + _COLOUR + rb"\\*[\"']?" + _BLANK + rb"(?:=>?|:(?!:))" + _BLANK + rb")" + _VALUE
        ),
        small=True,
    ),
    Listed(
        "an Authorization or Cookie header",
        (b"authorization", b"cookie"),
        re.compile(rb"(?P<keep>(?:(?:proxy-)?authorization|(?:set-)?cookie)[\"']?[ \t]{0,4}[:=][ \t]{0,4})[^\r\n]+"),
        small=True,
    ),
    Listed(
        "a Bearer or Basic token",
        (b"bearer", b"basic"),
        # A word of a sentence has no digit, and no capital but its first letter.
        re.compile(rb"(?P<keep>\b(?:Bearer|Basic)[ \t]+)(?=[A-Za-z0-9+/._~-]+[0-9A-Z=])[A-Za-z0-9+/._~-]{8,}=*"),
    ),
    Listed(
        "keys and tokens of AWS, GitHub, GitLab, Slack, Stripe and Google",
        (
            *(b"akia", b"asia", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_", b"glpat-", b"xox"),
            *(b"k_live_", b"k_test_", b"aiza"),
        ),
        re.compile(
            rb"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}"
            rb"|xox[abeoprs]-[\w-]{10,}|[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|AIza[\w-]{35})"
        ),
    ),
    Listed("a JSON web token", (b"eyj",), re.compile(rb"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")),
)
_KEY_BEGINS = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")
_KEY_ENDS = b"-----END "
_KEY_IN_A_LINE = re.compile(rb"(" + _KEY_BEGINS.pattern + rb")[^\n]*?(?=" + _KEY_ENDS + rb")")
# A line of a key is base64 or a header; a YAML, a diff, a string of a program may hold it, and any log in its own way.
_KEY_LINE = re.compile(
    rb"[\s|>#\"'+-]*(?:(?:Proc-Type|DEK-Info|Comment|Version): .*|(?:[A-Za-z0-9+/=]|\\[nr])*)[\s\"',+;)\\]*"
    rb"|(?:.*[\s|:])?[A-Za-z0-9+/]{32,}={0,2}\s*"
)


def without_url_password(text: str) -> str:
    """``text`` without the passwords of its URLs: nothing that was typed for a server is kept with one."""
    return _URL.sub(lambda url: f"{url[1]}***{'@' if url[0].endswith('@') else ''}", text)


def redacted(text: str) -> str:
    """``text``, SQL or a command, without what follows a word for a password in it, and without what is `LISTED`."""
    listed = Redaction()(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")
    return _SECRET.sub(r"\1 ***", without_url_password(listed))


class Redaction:
    """Leaves what is `LISTED` and PEM private keys out of lines of output, which come in order."""

    def __init__(self) -> None:
        self._before: bytes | None = None  # what stood before the beginning of the key that we are in; None: in none

    def __call__(self, lines: bytes) -> bytes:
        """``lines``, whole ones, with ``***`` for what is left out."""
        if self._before is not None or b"PRIVATE KEY" in lines:
            lines = self._without_keys(lines)
        small = lines.lower()  # as long, byte for byte
        for one in LISTED:
            if any(hint in small for hint in one.hints):
                lines = _starred(lines, one.pattern.finditer(small if one.small else lines))
                small = lines.lower()
        return lines

    def _without_keys(self, lines: bytes) -> bytes:
        kept: list[bytes] = []
        for line in _KEY_IN_A_LINE.sub(rb"\1***", lines).splitlines(keepends=True):
            if self._before is not None:
                end = line.find(_KEY_ENDS)
                if end < 0 and _KEY_LINE.fullmatch(line.removeprefix(self._before)):
                    continue
                line, self._before = line[max(0, end) :], None
            elif _KEY_ENDS in line and _KEY_BEGINS.search(line) is None and b"PRIVATE KEY" in line:  # it began before
                while kept and _KEY_LINE.fullmatch(kept[-1]):
                    kept.pop()
                kept.append(b"***\n")
            begins = _KEY_BEGINS.search(line, max(0, line.rfind(b"-----BEGIN ")))
            if begins is not None and _KEY_LINE.fullmatch(line, begins.end()):  # else it is only spoken of
                self._before = line[: begins.start()]
                line = line[: begins.end()] + b"***\n"
            kept.append(line)
        return b"".join(kept)


def _starred(lines: bytes, found: Iterable[re.Match[bytes]]) -> bytes:
    """``lines`` with ``***`` in place of what was found in them, but for what stays."""
    pieces, at = [], 0
    for one in found:
        begin = one.end("keep") if "keep" in one.re.groupindex else one.start()
        pieces += [lines[at:begin], b"***"]
        at = one.end()
    return b"".join([*pieces, lines[at:]])
