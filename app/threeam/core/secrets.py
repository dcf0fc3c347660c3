"""Passwords in what is shown, written or kept: they are left out. Better too much than too little."""

from __future__ import annotations

import re

# A port is not a password, unless an @ follows it.
_URL = re.compile(
    r"(://[^/\s:@'\"]*:)(?!\d{1,5}(?:[/?'\",;)\s]|\Z))(?:[^\s'\"]*@|[^\s'\"]*)",
)
# SQL can quote it in a dozen ways, each of which can stand in a string in another: all that follows goes.
_SECRET = re.compile(r"(passw(?:or)?d|identified\s+by)\b(.*)", re.IGNORECASE | re.DOTALL)


def without_url_password(text: str) -> str:
    """``text`` without the passwords of its URLs: nothing that was typed for a server is kept with one."""
    return _URL.sub(lambda url: f"{url[1]}***{'@' if url[0].endswith('@') else ''}", text)


def redacted(text: str) -> str:
    """``text``, SQL or a command, without what follows a word for a password in it, and without those of URLs."""
    return _SECRET.sub(r"\1 ***", without_url_password(text))
