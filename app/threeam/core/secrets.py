"""Passwords in what is shown, written or kept: they are left out. Better too much than too little."""

from __future__ import annotations

import re

# A port is not a password, unless an @ follows it.
_URL = re.compile(
    r"(://[^/\s:@'\"]*:)(?!\d{1,5}(?:[/?'\",;)\s]|\Z))(?:[^\s'\"]*@|[^\s'\"]*)",
)
# SQL can quote it in a dozen ways, each of which can stand in a string in another: all that follows goes.
_SECRET = re.compile(r"(passw(?:or)?d|identified\s+by)\b(.*)", re.IGNORECASE | re.DOTALL)

# What is left out of a program's output, line by line. In each the part that is named `keep` stays.
LISTED = {
    "the password in a URL": rb"(?P<keep>://[^/\s:@'\"]{0,256}:)[^\s'\"@/]{1,512}(?=@)",
    "what follows password, passwd, pwd, passphrase, secret, token, api key or access key and a = or :": (
        rb"(?P<keep>(?i:passw(?:or)?d|pwd|passphrase|secret|token|(?:api|access|secret|private)[-_ ]?key)"
        rb"[\w-]{0,32}[\"']?\s{0,4}(?:=|:(?!:)|=>)\s{0,4})(?:\"(?:\\.|[^\"\\])*\"?|'(?:\\.|[^'\\])*'?|[^\s,;&\"')}\]]+)"
    ),
    "an Authorization or Cookie header": (
        rb"(?P<keep>(?i:(?:proxy-)?authorization|(?:set-)?cookie)[\"']?\s{0,4}[:=]\s{0,4})[^\r\n]+"
    ),
    "a Bearer or Basic token": rb"(?P<keep>\b(?:Bearer|Basic)\s+)[A-Za-z0-9+/._~-]{8,}=*",
    "keys and tokens of AWS, GitHub, GitLab, Slack, Stripe and Google": (
        rb"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}"
        rb"|xox[abeoprs]-[\w-]{10,}|[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|AIza[\w-]{35})"
    ),
    "a JSON web token": rb"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*",
}
_LISTED = [re.compile(pattern) for pattern in LISTED.values()]
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
        for pattern in _LISTED:
            lines = pattern.sub(_starred, lines)
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


def _starred(found: re.Match[bytes]) -> bytes:
    return (found["keep"] if "keep" in found.re.groupindex else b"") + b"***"
