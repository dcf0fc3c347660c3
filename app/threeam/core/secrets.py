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


LISTED = (
    Listed("the password in a URL", (b"://",), re.compile(rb"(?P<keep>://[^/\s:@'\"]{0,256}:)[^\s'\"@/]{1,512}(?=@)")),
    Listed(
        "what follows password, passwd, pwd, passphrase, secret, token, api, access or private key and a = or :",
        (b"passw", b"pwd", b"passphrase", b"secret", b"token", b"key"),
        re.compile(
            rb"(?P<keep>(?:passw(?:or)?d|pwd|passphrase|secret|token|(?:api|access|secret|private)[-_ ]?key)"
            rb"[\w-]{0,32}[\"']?[ \t]{0,4}(?:=>?|:(?!:))[ \t]{0,4})"
            rb"(?:\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])*'?|[^\s,;&\"')}\]]+)"
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
        re.compile(rb"(?P<keep>\b(?:Bearer|Basic)[ \t]+)[A-Za-z0-9+/._~-]{8,}=*"),
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
_KEY_BEGINS = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY")
_KEY_ENDS = re.compile(rb"-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----")


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
        self._in_key = False

    def __call__(self, lines: bytes) -> bytes:
        """``lines``, whole ones, with ``***`` for what is left out."""
        if self._in_key or b"PRIVATE KEY" in lines:
            lines = self._without_keys(lines)
        small = lines.lower()  # as long, byte for byte
        for one in LISTED:
            if any(hint in small for hint in one.hints):
                lines = _starred(lines, one.pattern.finditer(small if one.small else lines))
                small = lines.lower()
        return lines

    def _without_keys(self, lines: bytes) -> bytes:
        kept, at = b"", 0
        while at < len(lines):
            edge = (_KEY_ENDS if self._in_key else _KEY_BEGINS).search(lines, at)
            end = len(lines) if edge is None else edge.end()
            if not self._in_key:
                kept += lines[at:end]
            elif edge is not None:
                kept += b"-----\n***\n" + edge[0]
            at = end
            self._in_key = self._in_key != (edge is not None)
        return kept


def _starred(lines: bytes, found: Iterable[re.Match[bytes]]) -> bytes:
    """``lines`` with ``***`` in place of what was found in them, but for what stays."""
    pieces, at = [], 0
    for one in found:
        begin = one.end("keep") if "keep" in one.re.groupindex else one.start()
        pieces += [lines[at:begin], b"***"]
        at = one.end()
    return b"".join([*pieces, lines[at:]])
