"""``3am init``: shell functions, and configuration for the programs beside 3am."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files

from threeam.cli.console import print_out
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.core.config.identity import current_author
from threeam.core.config.settings import PathFlags, load_config
from threeam.core.format.kinds import NOTED_TAG, WORDS
from threeam.core.platform.user_dirs import user_state_dir
from threeam.core.store.journal import SCRIPT_LOCK, SCRIPT_LOG

_SHELLS = ("bash", "zsh", "fish")
_CHOOSING = ("SANITY_LOG", "SANITY_LOCK", "SANITY_JOURNAL")  # the function reads these at each call
_PLACEHOLDER = re.compile(r"@([A-Z_]+)@")


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am init``."""
    parser = Parser(
        "3am init",
        "Prints a shell function: with it, 3am log TEXT takes milliseconds, since it does not start Python.",
        'examples:\n  eval "$(3am init bash)"      # in ~/.bashrc; zsh: in ~/.zshrc\n'
        "  3am init fish | source       # in ~/.config/fish/config.fish",
        with_journal_options=False,
    )
    parser.add_argument("program", choices=_SHELLS, metavar="PROGRAM", help=f"one of {', '.join(_SHELLS)}")
    args = parser.parse_args(argv)
    print_out(_shell_function(args.program, os.environ, os.geteuid()).rstrip("\n"))
    return ExitCode.OK


def _shell_function(shell: str, environ: Mapping[str, str], uid: int) -> str:
    """Return the definition of the function ``3am`` for ``shell``."""
    environ = {name: value for name, value in environ.items() if name not in _CHOOSING}
    config = load_config(PathFlags(), environ, uid)
    settings, author = config.settings, current_author(environ, uid)
    noted = "|".join(name.lower() for name, kind in WORDS.items() if kind.tag in (NOTED_TAG, "CHANGE"))
    awk = _fill(_read("append.awk"), {"NIGHT_GAP_S": str(int(settings.night_gap_h * 3600)), "NOTED_WORDS": noted})
    quoted = {
        "AWK": awk,
        "LOG": config.journal.log_path,
        "STATE_DIR": user_state_dir(environ),
        "SCRIPT_LOG": SCRIPT_LOG,
        "SCRIPT_LOCK": SCRIPT_LOCK,
        "USER": author.user,
        "HOST": author.host,
        "PROGRAM": _program(),
    }
    values = {name: shlex.quote(value) for name, value in quoted.items()}
    values["SYNC"] = "true" if settings.sync == "always" else "false"
    functions = _fill(_read("append.sh"), values)
    if settings.ceremony == "always":  # the lines of the lock are around each note
        functions = functions.replace("  shift\n", "  return 100\n", 1)
    if shell == "fish":
        return _fill(
            _read("3am.fish"), {"SCRIPT": _fish_quote(functions + '_3am_log "$@"'), "PROGRAM": _fish_quote(_program())}
        )
    return functions + '\n3am() { case "${1-}" in log) _3am_log "$@" ;; *) _3am_program "$@" ;; esac; }\n'


def _program() -> str:
    """Return the path of this program, as it was called."""
    path = os.path.abspath(sys.argv[0])
    return path if os.path.basename(path) == "3am" and os.access(path, os.X_OK) else "3am"


def _read(name: str) -> str:
    return files("threeam").joinpath("share", name).read_text()


def _fill(template: str, values: Mapping[str, str]) -> str:
    """Return ``template`` with each ``@NAME@`` replaced by its value."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)


def _fish_quote(text: str) -> str:
    """Return ``text`` as one word of fish."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
