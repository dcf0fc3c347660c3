"""The files and settings of this run, and where each comes from.

A flag beats the environment, which beats the settings file, which beats the default.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from threeam.core.errors import BadSetting
from threeam.core.format.entry import NS_PER_S, escape_tag_value
from threeam.core.format.times import parse_seconds
from threeam.core.platform.user_dirs import user_state_dir, xdg_dir
from threeam.core.store.journal import SCRIPT_LOCK, SCRIPT_LOG, Journal, resolve_journal

REMINDERS = ("water", "dose", "awake")
_MAX_NAME_BYTES = 200  # of a journal: with .log and a rotation's suffix it still is a file name


class Settings(NamedTuple):
    """The settings in force. Units: hours (``_h``), milligrams, seconds, bytes, as in the settings file.

    ``keep``: the number of rotated files to keep; None is ``all``. ``reminders``: those that are on. ``same_person``:
    for each person with several names, these names, as ``alice@db1``.
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
    same_person: tuple[tuple[str, ...], ...] = ()

    @property
    def night_gap_ns(self) -> int:
        """Return ``night_gap_h`` in nanoseconds."""
        return round(self.night_gap_h * 3600) * NS_PER_S


class PathFlags(NamedTuple):
    """The options of the command line that name files."""

    log: str | None = None
    lock: str | None = None
    journal_name: str | None = None


class ResolvedConfig(NamedTuple):
    """The journal and the settings of this run. ``origins``: where the log, the lock and each setting come from."""

    journal: Journal
    settings: Settings
    config_path: str
    origins: Mapping[str, str]


class _LogChoice(NamedTuple):
    """A log, where its path comes from, and the folder that 3am makes for it; None: the folder must exist."""

    path: str
    origin: str
    state_dir: str | None = None


class Rule(NamedTuple):
    """The rule for the value of a setting. ``convert`` returns the value to use, or raises ValueError."""

    must_be: str
    convert: Callable[[object], Any]


class Setting(NamedTuple):
    """The description of a setting, as the manual has it, and the rule for its value."""

    description: str
    rule: Rule


def load_config(flags: PathFlags, environ: Mapping[str, str], uid: int) -> ResolvedConfig:
    """Return what applies to this run. Raises `BadSetting`, or `FileUnusable` for a log that must not be used."""
    config_path, origins = settings_path(environ), {"settings": "SANITY_CONFIG"}
    if not environ.get("SANITY_CONFIG"):
        origins["settings"] = "default" if config_path else "none: there is no home folder"
    table = _read_toml(config_path) if config_path else {}
    settings = _merge_settings(table, environ, config_path, origins)
    journal = _choose_journal(_choose_log(flags, environ, table, config_path, uid), flags, environ, origins)
    return ResolvedConfig(journal, settings, config_path, origins)


def settings_path(environ: Mapping[str, str]) -> str:
    """Return the path of the settings file, which need not exist; an empty string without a home folder."""
    folder = xdg_dir(environ, "XDG_CONFIG_HOME", ".config")
    default = os.path.join(folder, "3am", "config.toml") if folder is not None else ""
    return environ.get("SANITY_CONFIG") or default


def _choose_log(
    flags: PathFlags, environ: Mapping[str, str], table: Mapping[str, Any], config_path: str, uid: int
) -> _LogChoice:
    if flags.log is not None:
        return _LogChoice(flags.log, "--log")
    if flags.journal_name is not None:
        return _choose_named(flags.journal_name, f"-j {flags.journal_name}", environ)
    if environ.get("SANITY_LOG"):
        return _LogChoice(environ["SANITY_LOG"], "SANITY_LOG")
    if environ.get("SANITY_JOURNAL"):
        return _choose_named(environ["SANITY_JOURNAL"], "SANITY_JOURNAL", environ)
    if "log" in table:
        if not isinstance(table["log"], str) or not table["log"]:
            raise BadSetting(f"{config_path}: log must be the path of a file, in quotes")
        path = os.path.expanduser(table["log"])
        if path.startswith("~"):
            raise BadSetting(
                f"{config_path}: log begins with ~, and there is no such home folder: write the whole path"
            )
        return _LogChoice(path, config_path)
    if uid == 0:
        return _LogChoice(SCRIPT_LOG, "default for root, the log of the Bash script")
    state_dir = user_state_dir(environ)
    return _LogChoice(os.path.join(state_dir, "sanity.log"), "default", state_dir)


def _choose_named(name: str, origin: str, environ: Mapping[str, str]) -> _LogChoice:
    state_dir = user_state_dir(environ)
    return _LogChoice(os.path.join(state_dir, _check_journal_name(name, origin) + ".log"), origin, state_dir)


def _choose_journal(log: _LogChoice, flags: PathFlags, environ: Mapping[str, str], origins: dict[str, str]) -> Journal:
    """Return the journal of ``log`` with its lock, and add to ``origins`` where both come from."""
    lock_path = flags.lock if flags.lock is not None else environ.get("SANITY_LOCK") or None
    if flags.lock is not None:
        lock_origin = "--lock"
    elif lock_path is not None:
        lock_origin = "SANITY_LOCK"
    else:
        lock_origin = "beside the log"
    for path, origin in ((log.path, log.origin), (lock_path, lock_origin)):
        if path is not None and (not path or "\0" in path):
            raise BadSetting(f"{origin}: {escape_tag_value(path)!r} is not a file path")
    journal = resolve_journal(log.path, lock_path, state_dir=log.state_dir)
    if lock_path is None and journal.lock_path == SCRIPT_LOCK:
        lock_origin = "the lock of the Bash script, for its log"
    origins |= {"log": log.origin, "lock": lock_origin}
    return journal


def _check_journal_name(name: str, origin: str) -> str:
    """Return ``name``, which ``origin`` chose. Raises `BadSetting` if it is not a plain file name."""
    is_plain = name.strip(". ") and "/" not in name and ".." not in name and escape_tag_value(name) == name
    if not is_plain or len(name.encode()) > _MAX_NAME_BYTES:
        option, example = ("-j", "-j checkout") if origin.startswith("-j ") else (f"{origin} is", "checkout")
        raise BadSetting(
            f"{option} {escape_tag_value(name)!r}: the name of a journal is one plain word, such as {example}"
        )
    return name


def _read_toml(path: str) -> Mapping[str, Any]:
    """Return the table of the settings file at ``path``; an empty one if there is no file. Raises `BadSetting`."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise BadSetting(f"{path} cannot be read: {error.strerror}; correct it, or set SANITY_CONFIG") from None
    import tomllib  # imported only if there is a settings file: every `3am log` comes this way

    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadSetting(f"{path}, line {line}: bytes that are not UTF-8") from None
    except RecursionError:
        raise BadSetting(f"{path}: nested too deep to be settings") from None
    except ValueError as error:  # tomllib.TOMLDecodeError, or int() for 5,000 digits
        match = re.search(r"\(at (?:line (\d+), column \d+|end of document)\)", str(error))
        line = int(match[1]) if match and match[1] else data.count(b"\n") + 1
        problem = re.sub(r" \(at .*", "", str(error))
        raise BadSetting(f"{path}, line {line}: {problem}") from None


def _merge_settings(
    table: Mapping[str, Any], environ: Mapping[str, str], config_path: str, origins: dict[str, str]
) -> Settings:
    """Return the settings of the environment, the file and the defaults, and add to ``origins`` where each is from."""
    default = Settings()
    for key in table:
        if key not in default._fields and key != "log":
            suggestion = _suggestion(key, (*default._fields, "log"))
            raise BadSetting(f"{config_path}: there is no setting {escape_tag_value(key)!r}{suggestion}")
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
    """Return ``value`` as the setting ``name`` has it. Raises `BadSetting` with what it must be."""
    rule = SETTINGS[name].rule
    try:
        return rule.convert(value)
    except ValueError:
        raise BadSetting(f"{origin} must be {rule.must_be}, and not {escape_tag_value(str(value))!r}") from None


def _choice(*choices: str) -> Rule:
    """Return the rule for one of ``choices``."""

    def convert(value: object) -> object:
        if value not in choices:
            raise ValueError
        return value

    return Rule(f"one of {', '.join(choices)}", convert)


def _subset(*choices: str) -> Rule:
    """Return the rule for a list of ``choices``, or for text that names some of them; ``none``: an empty one."""

    def convert(value: object) -> tuple[str, ...]:
        names = value if isinstance(value, list) else re.findall(r"[^\s,]+", str(value).lower())
        if names != ["none"] and not all(name in choices for name in names):
            raise ValueError
        return tuple(choice for choice in choices if choice in names)

    return Rule(f"some of {', '.join(choices)}, or none", convert)


def _number(high: float, *, positive: bool = False) -> Rule:
    """Return the rule for a number up to ``high``: ``positive`` (0.001 at least), or 0 at least."""
    low = 1e-3 if positive else 0.0

    def convert(value: object) -> float:
        number = float(str(value))  # a boolean raises
        if not low <= number <= high:
            raise ValueError
        return number

    return Rule("a number above 0" if positive else "a number", convert)


def _duration(unit_s: int, high: float, *, positive: bool = False) -> Rule:
    """Return the rule for a number of units of ``unit_s`` seconds, or a duration such as ``0.4s``."""
    number = _number(high, positive=positive)

    def convert(value: object) -> float:
        if not isinstance(value, str) or not value.strip()[-1:].isalpha():
            return float(number.convert(value))
        return float(number.convert(parse_seconds(value) / unit_s))

    return Rule(f"{number.must_be} or a duration such as 1m30s", convert)


def _integer(high: float, *, positive: bool = False) -> Rule:
    """Return the rule for a whole number up to ``high``, which may be written as ``1e6``."""
    number = _number(high, positive=positive)

    def convert(value: object) -> int:
        converted = number.convert(value)
        if converted != int(converted):
            raise ValueError
        return int(converted)

    return Rule(number.must_be.replace("a ", "a whole "), convert)


def _all_or_integer(high: float) -> Rule:
    """Return the rule for a whole number, or ``all``, which becomes None."""
    integer = _integer(high)
    return Rule(f"all, or {integer.must_be}", lambda value: None if value == "all" else integer.convert(value))


def _convert_boolean(value: object) -> bool:
    word = str(value).lower()
    if word not in ("true", "1", "yes", "false", "0", "no"):
        raise ValueError
    return word in ("true", "1", "yes")


def _convert_theme(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _convert_keys(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value.values()):
        raise ValueError
    return value


def _convert_same_person(value: object) -> tuple[tuple[str, ...], ...]:
    """Return the names of each person: a list of lists, or in the environment the names of one person."""
    if value in ("none", ["none"]):
        return ()
    groups = [value.split()] if isinstance(value, str) else value
    if not isinstance(groups, list) or not all(isinstance(group, list) for group in groups):
        raise ValueError
    if not all(isinstance(name, str) and re.fullmatch(r"[^@\s]+@[^@\s]+", name) for group in groups for name in group):
        raise ValueError
    return tuple(map(tuple, groups))


SETTINGS = {
    "ceremony": Setting(
        "which writes are framed by the lines Acquired and Releasing sanity lock",
        _choice("hypotheses", "always", "never"),
    ),
    "toxic_cups": Setting("cups in a night; above that the screen and the log warn", _integer(1e6)),
    "cup_mg": Setting("milligrams of caffeine in a cup", _integer(1e3, positive=True)),
    "half_life_h": Setting("hours in which half of the caffeine is gone", _duration(3600, 1e6, positive=True)),
    "reminders": Setting("which reminders are on", _subset(*REMINDERS)),
    "night_gap_h": Setting("hours without a line of yours that end a night", _duration(3600, 1e6, positive=True)),
    "lock_timeout": Setting("seconds that a command waits for the lock", _duration(1, 1e6)),
    "sync": Setting("always: written lines are on the disk; never: in the system's cache", _choice("always", "never")),
    "rotate_bytes": Setting("size in bytes at which a log is rotated", _integer(1e15, positive=True)),
    "keep": Setting("number of rotated files that are kept", _all_or_integer(1e6)),
    "disk_floor": Setting("free bytes of the disk below which the log warns", _integer(1e15)),
    "theme": Setting("theme of the screen", Rule("the name of a theme, in quotes", _convert_theme)),
    "emoji": Setting("false: the screen and 3am status are in ASCII", Rule("true or false", _convert_boolean)),
    "keys": Setting("other keys for actions, by their ids", Rule('a table such as coffee = "f2"', _convert_keys)),
    "same_person": Setting(
        "names of one person on the hosts of a team, whose cups are added",
        Rule('a list such as [["alice@db1", "al@web2"]], or none', _convert_same_person),
    ),
}


def _suggestion(word: str, choices: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    matches = get_close_matches(word, choices, 1)
    return f"; did you mean {matches[0]!r}?" if matches else f"; there are {', '.join(choices)}"
