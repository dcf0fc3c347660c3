"""``3am doctor``: reads every file of the journal and says what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.cli.console import print_err, print_json, print_out
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.core.platform.disk import network_fs_warning
from threeam.core.store.doctor import LogChecker
from threeam.core.write.lock import find_lock_holder


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am doctor``."""
    parser = Parser(
        "3am doctor",
        "Reads every file of the journal and says what is wrong with it: torn, foreign or doubled lines, NULs, stamps "
        "that run backwards undeclared, critical sections that overlap, lines that only look like those of a rotation. "
        "Changes nothing. Exit 5 if there is any damage, 3 if a file cannot be read, 1 if there is no log.",
        "example:\n  3am doctor && echo sound",
    )
    parser.add_argument("--json", action="store_true", help="one object a finding")
    args = parser.parse_args(argv)
    journal = context(args).journal
    live = journal.open_live()
    if live is None:
        print_err(f"there is no log at {journal.log_path}; 3am path says which files, and why")
        return ExitCode.NEGATIVE
    if (warning := network_fs_warning(journal.log_path)) is not None:
        print_err(warning)
    examination = LogChecker(lock_held=find_lock_holder(*journal.lock_paths) is not None)
    found = files = 0
    for segment in journal.segments_forward(live):
        files += 1
        if files == 1 and (gone := segment.head.predecessor_name) is not None and not journal.chain.unreadable:
            print_err(f"the journal begins in {segment.path}: {gone}, which it continues, is not there any more")
        for finding in examination.check(segment, segment.size()):
            found += 1
            if args.json:
                print_json(finding._asdict())
            else:
                print_out(f"{finding.file}, offset {finding.offset}, line {finding.line}: {finding.text}")
    name = journal.log_path if files == 1 else f"{journal.log_path} and the {files - 1} before it"
    if found:
        print_err(f"{found} finding{'' if found == 1 else 's'} in {name}; nothing was changed")
        return ExitCode.DAMAGED
    if journal.chain.unreadable:
        print_err(f"nothing wrong was found in what could be read of {name}")
        return ExitCode.IO_ERROR
    proof = (
        f"; {examination.complete_sections} critical sections, and none overlaps"
        if examination.complete_sections
        else ""
    )
    print_err(f"{name}: sound{proof}")
    return ExitCode.OK
