"""``3am completion``: completion for shells, and the candidates that it asks for at each Tab."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from threeam.cli.candidates import FILES, Candidate, find_candidates
from threeam.cli.console import print_out, write_bytes
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.shell_files import program_path, quote_for_fish, read_shared

_SHELLS = ("bash", "zsh", "fish")
_WORD_BREAKS = "=:@"  # of bash: it completes only what follows the last of these
_LISTED = ("33", "63")  # COMP_TYPE of bash while it lists the candidates and inserts none


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am completion``."""
    parser = Parser(
        "3am completion",
        "Prints what a shell needs to complete commands, options, journals, hypotheses, experiments and stamps.",
        'examples:\n  eval "$(3am completion bash)"      # in ~/.bashrc; zsh: in ~/.zshrc, after compinit\n'
        "  3am completion fish | source       # in ~/.config/fish/config.fish",
        with_journal_options=False,
    )
    parser.add_argument("shell", choices=(*_SHELLS, "candidates"), metavar="SHELL", help=f"one of {', '.join(_SHELLS)}")
    parser.add_argument("--bash", metavar="TYPE", help="with candidates: the words are one line of bash")
    end = argv.index("--") if "--" in argv else len(argv)  # candidates has the typed words after it
    args, words = parser.parse_args(argv[:end]), argv[end + 1 :]
    if args.shell != "candidates":
        quote = quote_for_fish if args.shell == "fish" else shlex.quote
        print_out(read_shared(f"completion.{args.shell}", {"PROGRAM": quote(program_path())}).rstrip("\n"))
    elif args.bash is None:
        _print_rows(f"{value}\t{about}".rstrip("\t") for value, about in find_candidates(words or [""]))
    else:
        words = _split_bash_line(" ".join(words))
        _print_rows(_format_for_bash(words[-1], find_candidates(words), is_listed=args.bash in _LISTED))
    return ExitCode.OK


def _print_rows(rows: Iterable[str]) -> None:
    write_bytes("".join(f"{row}\n" for row in rows).encode())  # with tabs, which print_out would escape


def _split_bash_line(line: str) -> list[str]:
    """Return the words after the command in a line of bash up to the cursor; the last one may be empty."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    try:
        words += lexer
    except ValueError:  # a quote is still open
        words.append(lexer.token)
    if not line or line[-1].isspace():
        words.append("")
    return words[1:] or [""]


def _format_for_bash(prefix: str, candidates: Sequence[Candidate], *, is_listed: bool) -> list[str]:
    """Return the candidates without the part of ``prefix`` that bash does not replace; with their help in a list."""
    if candidates == [FILES]:
        return [FILES.value]
    begin = max(prefix.rfind(character) for character in _WORD_BREAKS) + 1
    if is_listed and len(candidates) > 1:
        width = max(len(value) for value, _ in candidates)
        return [f"{value:<{width}}  {about}".rstrip() for value, about in candidates]
    return [value[begin:] for value, _ in candidates]
