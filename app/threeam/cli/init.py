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
from threeam.core.config.settings import PathFlags, load_config
from threeam.core.errors import BadInput
from threeam.core.format.kinds import NOTED_TAG, WORDS
from threeam.core.platform.user_dirs import user_state_dir
from threeam.core.store.journal import SCRIPT_LOCK, SCRIPT_LOG, Journal

_SHELLS = ("bash", "zsh", "fish")
_FILES = {"tmux": "3am.tmux.conf", "lnav": "3am.lnav.json", "logrotate": "3am.logrotate"}
_NOT_FOR_TMUX = frozenset("'\"\\$`#\n")
_CHOOSING = ("SANITY_LOG", "SANITY_LOCK", "SANITY_JOURNAL")  # the function reads these at each call


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
        text = _shell_function(args.program, flags, os.environ, os.geteuid())
    elif args.program == "lnav":
        text = read_shared(_FILES["lnav"])
    else:
        journal = load_config(flags, os.environ, os.geteuid()).journal
        values = {"PROGRAM": program_path(), "LOG": journal.log_path, "LOCK": journal.lock_path}
        values["JOURNAL"] = _journal_options(journal, flags, os.environ)
        text = read_shared(_FILES[args.program], values)
    print_out(text.rstrip("\n"))
    return ExitCode.OK


def _journal_options(journal: Journal, flags: PathFlags, environ: Mapping[str, str]) -> str:
    """Return the options that select ``journal`` in a command of tmux; empty if none was chosen, but the default."""
    if not (any(flags) or any(environ.get(name) for name in _CHOOSING)):
        return ""
    if _NOT_FOR_TMUX & set(journal.log_path + journal.lock_path):
        raise BadInput(f"{journal.log_path} has characters that a configuration of tmux cannot quote")
    return f'--log "{journal.log_path}" --lock "{journal.lock_path}" '


def _shell_function(shell: str, flags: PathFlags, environ: Mapping[str, str], uid: int) -> str:
    """Return the definition of the function ``3am`` for ``shell``."""
    environ = {name: value for name, value in environ.items() if name not in _CHOOSING}
    config = load_config(flags, environ, uid)
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
    functions = read_shared("append.sh", values)
    if settings.ceremony == "always":  # the lines of the lock are around each note
        functions = functions.replace("  shift\n", "  return 100\n", 1)
    if shell == "fish":
        words = {"SCRIPT": functions + '_3am_log "$@"', "PROGRAM": program_path()}
        return read_shared("3am.fish", {name: quote_for_fish(word) for name, word in words.items()})
    return functions + '\n3am() { case "${1-}" in log) _3am_log "$@" ;; *) _3am_program "$@" ;; esac; }\n'
