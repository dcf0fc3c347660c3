"""A user's folders: home, state and configuration, by the XDG Base Directory Specification."""

from __future__ import annotations

import os
from collections.abc import Mapping

from threeam.core.errors import BadSetting


def user_state_dir(environ: Mapping[str, str]) -> str:
    """Return the folder of this user's journals. Raises `BadSetting` if the user has no known home."""
    folder = xdg_dir(environ, "XDG_STATE_HOME", ".local/state")
    if folder is None:
        raise BadSetting(
            f"uid {os.geteuid()} has no home folder and HOME is not set: set HOME, or name a log (--log, SANITY_LOG)"
        )
    return os.path.join(folder, "3am")


def private_state_dir(environ: Mapping[str, str]) -> str:
    """Return a state folder that is this user's alone. Raises `BadSetting` if the user has no known home.

    It is `user_state_dir`, except for root with the HOME of another user (sudo): then it is root's own.
    """
    folder = user_state_dir(environ)
    if _would_be_of_another_user(folder):
        return os.path.join(home_in_passwd(0) or "/root", ".local/state/3am")
    return folder


def private_cache_dir(environ: Mapping[str, str]) -> str | None:
    """Return the folder of what this user can compute again; None without a home, or with that of another user."""
    folder = xdg_dir(environ, "XDG_CACHE_HOME", ".cache")
    return None if folder is None or _would_be_of_another_user(folder) else os.path.join(folder, "3am")


def _would_be_of_another_user(folder: str) -> bool:
    """Return whether this is root, and ``folder`` lies in a folder of another user (sudo with the HOME of that one)."""
    if os.geteuid() != 0:
        return False
    existing = folder
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    return os.lstat(existing).st_uid != 0


def xdg_dir(environ: Mapping[str, str], name: str, under_home: str) -> str | None:
    """Return the XDG base folder of the variable ``name``, or its default ``under_home``; None without a home.

    A relative path in the variable is ignored, as the specification says.
    """
    folder = environ.get(name, "")
    if os.path.isabs(folder):
        return folder
    home = environ.get("HOME", "")
    if not os.path.isabs(home):  # a relative one would be a folder in the working directory
        home = home_in_passwd(os.geteuid())
    return os.path.join(home, under_home) if os.path.isabs(home) else None


def home_in_passwd(uid: int) -> str:
    """Return the home folder of a user in the user database, or an empty string."""
    import pwd  # needed without HOME only

    try:
        return pwd.getpwuid(uid).pw_dir
    except KeyError:
        return ""
