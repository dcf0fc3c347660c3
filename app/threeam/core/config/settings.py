"""Which files, which settings, and where each comes from: a flag beats the environment, which beats
the settings file, which beats the default.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from threeam.core.errors import BadSetting
from threeam.core.format.entry import NS_PER_S, escape_tag_value
from threeam.core.platform.user_dirs import user_state_dir, xdg_dir
from threeam.core.store.journal import SCRIPT_LOCK, SCRIPT_LOG, Journal, resolve_journal

REMINDERS = ("water", "dose", "awake")


class Settings(NamedTuple):
    """The settings in force. Units: hours (``_h``), milligrams, seconds, bytes, as in the settings file.

    ``keep``: rotated files that stay; None is ``all``. ``reminders``: those that are wanted.
    """

    ceremony: str = "hypotheses"
    toxic_cups: int = 4
    cup_mg: int = 95
    half_life_h: float = 5.0
    reminders: tuple[str, ...] = REMINDERS
    night_gap_h: float = 8.0
    lock_timeout: float = 10.0
    sync: str = "always"
    rotate_bytes: int = 64 * 1024 * 1024
    keep: int | None = None
    disk_floor: int = 64 * 1024 * 1024
    theme: str = "3am"
    emoji: bool = True
    keys: Mapping[str, str] = {}

    @property
    def night_gap_ns(self) -> int:
        """``night_gap_h`` in nanoseconds."""
        return round(self.night_gap_h * 3600) * NS_PER_S


class PathFlags(NamedTuple):
    """What the command line says about files."""

    log: str | None = None
    lock: str | None = None
    journal_name: str | None = None


class ResolvedConfig(NamedTuple):
    """Everything that was decided: the journal, the settings, and for each of them why."""

    journal: Journal
    settings: Settings
    config_path: str
    origins: Mapping[str, str]


def load_config(flags: PathFlags, environ: Mapping[str, str], uid: int) -> ResolvedConfig:
    """Decides. Raises `BadSetting`, or `Unusable` for a log that must not be used."""
    config, why = environ.get("SANITY_CONFIG") or "", {"settings": "SANITY_CONFIG"}
    if not config:
        folder = xdg_dir(environ, "XDG_CONFIG_HOME", ".config")
        config = os.path.join(folder, "3am", "config.toml") if folder is not None else ""
        why["settings"] = "default" if config else "none: there is no home folder"
    table = _read_toml(config) if config else {}
    settings = _merge_settings(table, environ, config, why)
    journal = _choose_journal(flags, environ, table, config, uid, why)
    return ResolvedConfig(journal, settings, config, why)


def _choose_journal(
    flags: PathFlags,
    environ: Mapping[str, str],
    table: Mapping[str, Any],
    config_path: str,
    uid: int,
    origins: dict[str, str],
) -> Journal:
    home: str | None = None
    if flags.log is not None:
        log, origins["log"] = flags.log, "--log"
    elif flags.journal_name is not None:
        home, origins["log"] = user_state_dir(environ), f"-j {flags.journal_name}"
        log = os.path.join(home, _check_journal_name(flags.journal_name) + ".log")
    elif environ.get("SANITY_LOG"):
        log, origins["log"] = environ["SANITY_LOG"], "SANITY_LOG"
    elif "log" in table:
        if not isinstance(table["log"], str) or not table["log"]:
            raise BadSetting(f"{config_path}: log must be the path of a file, in quotes")
        log, origins["log"] = os.path.expanduser(table["log"]), config_path
        if log.startswith("~"):
            raise BadSetting(
                f"{config_path}: log begins with ~, and there is no such home folder: write the whole path"
            )
    elif uid == 0:
        log, origins["log"] = SCRIPT_LOG, "default for root, the log of the Bash script"
    else:
        home, origins["log"] = user_state_dir(environ), "default"
        log = os.path.join(home, "sanity.log")
    lock = flags.lock if flags.lock is not None else environ.get("SANITY_LOCK") or None
    origins["lock"] = "--lock" if flags.lock is not None else "SANITY_LOCK" if lock else "beside the log"
    for path, of in ((log, origins["log"]), (lock, origins["lock"])):
        if path is not None and (not path or "\0" in path):
            raise BadSetting(f"{of} must be the path of a file, and {escape_tag_value(path)!r} is none")
    journal = resolve_journal(log, lock, state_dir=home)
    if lock is None and journal.lock_path == SCRIPT_LOCK:
        origins["lock"] = "the lock of the Bash script, for its log"
    return journal


def _check_journal_name(name: str) -> str:
    if (
        not name.strip(". ")
        or "/" in name
        or ".." in name
        or escape_tag_value(name) != name
        or len(name.encode()) > 200
    ):
        raise BadSetting(f"-j {escape_tag_value(name)!r}: the name of a journal is one plain word, such as -j checkout")
    return name


def _read_toml(path: str) -> Mapping[str, Any]:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise BadSetting(f"{path} cannot be read: {error.strerror}; correct it, or set SANITY_CONFIG") from None
    import tomllib  # only where there is a settings file: it is on the path of every `3am log`

    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadSetting(f"{path}, line {line}: bytes that are not UTF-8") from None
    except RecursionError:
        raise BadSetting(f"{path}: nested too deep to be settings") from None
    except ValueError as error:  # tomllib.TOMLDecodeError, and what int() says of 5,000 digits
        found = re.search(r"\(at (?:line (\d+), column \d+|end of document)\)", str(error))
        line = int(found[1]) if found and found[1] else data.count(b"\n") + 1
        what = re.sub(r" \(at .*", "", str(error))
        raise BadSetting(f"{path}, line {line}: {what}") from None


def _merge_settings(
    table: Mapping[str, Any], environ: Mapping[str, str], config_path: str, origins: dict[str, str]
) -> Settings:
    default = Settings()
    for key in table:
        if key not in default._fields and key != "log":
            near = _suggestion(key, (*default._fields, "log"))
            raise BadSetting(f"{config_path}: there is no setting {escape_tag_value(key)!r}{near}")
    values: dict[str, Any] = {}
    for name in default._fields:
        variable = f"SANITY_{name.upper()}"
        if name != "keys" and environ.get(variable):
            values[name] = _validate(name, environ[variable], variable)
            origins[name] = variable
        elif name in table:
            values[name] = _validate(name, table[name], f"{config_path}: {name}")
            origins[name] = config_path
        else:
            origins[name] = "default"
    return default._replace(**values)


def _validate(name: str, value: object, origin: str) -> object:
    """``value`` as the setting has it, or `BadSetting` with what it should have been."""
    match name:
        case "ceremony" | "sync":
            choices = ("hypotheses", "always", "never") if name == "ceremony" else ("always", "never")
            if value in choices:
                return value
            wanted = f"one of {', '.join(choices)}"
        case "reminders":
            listed = value if isinstance(value, list) else re.findall(r"[^\s,]+", str(value).lower())
            if listed == ["none"] or all(one in REMINDERS for one in listed):
                return tuple(one for one in REMINDERS if one in listed)
            wanted = f"some of {', '.join(REMINDERS)}, or none"
        case "theme":
            if isinstance(value, str) and value:
                return value
            wanted = "the name of a theme, in quotes"
        case "emoji":
            if str(value).lower() in ("true", "1", "yes", "false", "0", "no"):
                return str(value).lower() in ("true", "1", "yes")
            wanted = "true or false"
        case "keys":
            if isinstance(value, dict) and all(isinstance(key, str) for key in value.values()):
                return value
            wanted = 'a table such as coffee = "f2"'
        case "keep" if value == "all":
            return None
        case _:
            whole = name in ("toxic_cups", "cup_mg", "rotate_bytes", "keep", "disk_floor")
            try:
                number = float(str(value)) if not isinstance(value, bool) else -1.0
            except ValueError:
                number = -1.0
            low = 0.0 if name in ("toxic_cups", "lock_timeout", "keep", "disk_floor") else 1e-3
            high = 1e15 if name in ("rotate_bytes", "disk_floor") else 1e3 if name == "cup_mg" else 1e6
            if low <= number <= high and not (whole and number != int(number)):
                return int(number) if whole else number
            words = "all, or a" if name == "keep" else "a"
            wanted = f"{words} {'whole ' if whole else ''}number{'' if low == 0.0 else ' above 0'}"
    raise BadSetting(f"{origin} must be {wanted}, and not {escape_tag_value(str(value))!r}")


def _suggestion(word: str, choices: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, choices, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(choices)}"
