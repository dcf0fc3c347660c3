"""Patterns for the names of secrets: of variables and fields, and of options."""

from __future__ import annotations

_WORDS = ("passw(?:or)?d", "passphrase", "secret", "token")
_KEYS = ("api", "access", "secret", "private", "account")  # in names like api_key

NAME_TRIGGERS = (*_WORDS, "pwd", *(f"{key}[-_ ]?key" for key in _KEYS))  # for RE2
# In PWD and OLDPWD a shell keeps the paths of folders.
FIELD_NAME = rf"(?:{'|'.join(_WORDS)}|pwd(?!(?<=\bpwd)=/)(?!(?<=\boldpwd)=/)|(?:{'|'.join(_KEYS)})[-_ ]?key)"
OPTION_NAME = rf"(?:{'|'.join(_WORDS)}|pwd|pass|(?:{'|'.join(_KEYS)})[-_]?key)"  # without its dashes
