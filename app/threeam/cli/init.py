"""``3am init``: shell functions, and configuration for tmux, lnav and logrotate."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence

from threeam.cli.console import print_out
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.shell_files import program_path, quote_for_fish, read_shared
from threeam.core.config.identity import current_author
from threeam.core.config.settings import SETTINGS, PathFlags, load_config, settings_path
from threeam.core.errors import BadInput
from threeam.core.format.kinds import NOTED_TAG, WORDS
from threeam.core.platform.user_dirs import user_state_dir
from threeam.core.store.journal import SCRIPT_LOCK, SCRIPT_LOG, Journal

_SHELLS = ("bash", "zsh", "fish")
_FILES = {"tmux": "3am.tmux.conf", "lnav": "3am.lnav.json", "logrotate": "3am.logrotate"}
_NOT_FOR_TMUX = frozenset("'\"\\$`#\n,{}")
_CHOOSING = ("SANITY_LOG", "SANITY_LOCK", "SANITY_JOURNAL")  # the function reads these at each call
_SETTLING = (  # with another value of one of these, the function leaves the text to the program
    *("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "SANITY_CONFIG"),
    *(f"SANITY_{name.upper()}" for name in SETTINGS if name != "keys"),
)


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am init``."""
    parser = Parser(
        "3am init",
        "Prints a shell function: with it, 3am log TEXT takes milliseconds, since it does not start Python. Or prints "
        "what tmux, lnav or logrotate needs: a status line and two keys, a log format, a rule.",
        'examples:\n  eval "$(3am init bash)"      # in ~/.bashrc; zsh: in ~/.zshrc\n'
        "  3am init fish | source       # in ~/.config/fish/config.fish\n"
        "  3am init tmux >> ~/.tmux.conf\n"
        "  3am init lnav > 3am.lnav.json && lnav -i 3am.lnav.json\n"
        "  3am -j cart init logrotate | sudo tee /etc/logrotate.d/3am",
    )
    programs = (*_SHELLS, *_FILES)
    parser.add_argument("program", choices=programs, metavar="PROGRAM", help=f"one of {', '.join(programs)}")
    args = parser.parse_args(argv)
    flags = PathFlags(args.log, args.lock, args.journal)
    if args.program in _SHELLS:
        if flags != PathFlags():
            raise BadInput(
                "a shell function takes no option that chooses a log: it asks SANITY_JOURNAL and SANITY_LOG at each "
                "call, so write SANITY_JOURNAL=cart 3am log TEXT"
            )
        text = _shell_function(args.program, os.environ, os.geteuid())
    elif args.program == "lnav":
        text = read_shared(_FILES["lnav"])
    else:
        journal = load_config(flags, os.environ, os.geteuid()).journal
        values = {"PROGRAM": program_path(), "LOG": journal.log_path, "LOCK": journal.lock_path}
        if args.program == "tmux":
            _require_tmux_can_quote(values["PROGRAM"])
            values["JOURNAL"] = _journal_options(journal, flags, os.environ)
        text = read_shared(_FILES[args.program], values)
    print_out(text.rstrip("\n"))
    return ExitCode.OK


def _journal_options(journal: Journal, flags: PathFlags, environ: Mapping[str, str]) -> str:
    """Return the options that select ``journal`` in a command of tmux; empty if none was chosen, but the default."""
    if not (any(flags) or any(environ.get(name) for name in _CHOOSING)):
        return ""
    _require_tmux_can_quote(journal.log_path)
    _require_tmux_can_quote(journal.lock_path)
    return f'--log "{journal.log_path}" --lock "{journal.lock_path}" '


def _require_tmux_can_quote(path: str) -> None:
    if _NOT_FOR_TMUX & set(path):
        raise BadInput(f"{path} has characters that a configuration of tmux cannot quote")


def _shell_function(shell: str, environ: Mapping[str, str], uid: int) -> str:
    """Return the definition of the function ``3am`` for ``shell``."""
    environ = {name: value for name, value in environ.items() if name not in _CHOOSING}
    settings_text = _read_settings_file(environ)  # read first: a change after this is seen at each call
    config = load_config(PathFlags(), environ, uid)
    settings, author = config.settings, current_author(environ, uid)
    noted = "|".join(name.lower() for name, kind in WORDS.items() if kind.tag in (NOTED_TAG, "CHANGE"))
    awk = read_shared("append.awk", {"NIGHT_GAP_S": str(int(settings.night_gap_h * 3600)), "NOTED_WORDS": noted})
    quoted = {
        "AWK": awk,
        "LOG": config.journal.log_path,
        "STATE_DIR": user_state_dir(environ),
        "SCRIPT_LOG": SCRIPT_LOG,
        "SCRIPT_LOCK": SCRIPT_LOCK,
        "USER": author.user,
        "HOST": author.host,
        "PROGRAM": program_path(),
    }
    values = {name: shlex.quote(value) for name, value in quoted.items()}
    values["SYNC"] = "true" if settings.sync == "always" else "false"
    values["VARIABLES"] = '"' + "|".join(f"${{{name}-}}" for name in _SETTLING) + '"'
    values["VALUES"] = shlex.quote("|".join(environ.get(name, "") for name in _SETTLING))
    same_file = _same_settings_file(shell, config.config_path, settings_text)
    values["SAME_FILE"] = same_file if shell != "fish" else "true"  # sh has no builtin that reads a file
    functions = read_shared("append.sh", values)
    if settings.ceremony == "always":  # the lines of the lock are around each note
        functions = functions.replace("  shift\n", "  return 100\n", 1)
    if shell == "fish":
        words = {"SCRIPT": functions + '_3am_log "$@"', "PROGRAM": program_path()}
        fish_values = {name: quote_for_fish(word) for name, word in words.items()}
        return read_shared("3am.fish", {**fish_values, "SAME_FILE": same_file})
    return functions + '\n3am() { case "${1-}" in log) _3am_log "$@" ;; *) _3am_program "$@" ;; esac; }\n'


def _read_settings_file(environ: Mapping[str, str]) -> str | None:
    """Return the text of the settings file, or None without a file. `load_config` refuses what it cannot parse."""
    try:
        with open(settings_path(environ), encoding="utf-8", errors="replace", newline="") as file:
            return file.read()
    except OSError:
        return None


def _same_settings_file(shell: str, path: str, text: str | None) -> str:
    """Return the condition, for ``shell``, that the file at ``path`` has the ``text``; without one: that it is absent.

    It starts no process.
    """
    is_fish = shell == "fish"
    quote = quote_for_fish if is_fish else shlex.quote
    if not path:
        return "true"
    file = quote(path)
    if text is None:
        return f"not test -e {file}" if is_fish else f"[ ! -e {file} ]"
    if is_fish:
        read = f"begin; read -z text; not read -z more; end <{file}"
        return f'test -f {file}; and test -r {file}; and {read}; and test "$text" = {quote(text)}'
    # read fails at the end of the file, and succeeds at a null byte
    return f"[ -f {file} ] && [ -r {file} ] && ! IFS= read -rd '' text <{file} && [ \"$text\" = {quote(text)} ]"
