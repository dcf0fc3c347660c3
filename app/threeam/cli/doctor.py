"""``3am doctor``: a check of every file of the journal for damage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from threeam.cli.console import print_err, print_json, print_out
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.core.platform.disk import network_fs_warning
from threeam.core.store.doctor import Finding, LogChecker, check_cited_files
from threeam.core.write.lock import find_lock_holder


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am doctor``."""
    parser = Parser(
        "3am doctor",
        "Reads every file of the journal and prints what is wrong with it: torn, foreign or doubled lines, NULs, "
        "stamps that run backwards undeclared, critical sections that overlap, forged lines of a rotation, cited lines "
        "of other logs whose attachment is lost or has other bytes. Changes nothing. Exit 5 if there is any damage, "
        "3 if a file cannot be read, 1 if there is no log.",
        "example:\n  3am doctor && echo sound",
    )
    parser.add_argument("--json", action="store_true", help="one object a finding")
    args = parser.parse_args(argv)
    ctx = context(args)
    journal = ctx.journal
    live = journal.open_live()
    if live is None:
        print_err(f"there is no log at {journal.log_path}; 3am path shows which files are used, and why")
        return ExitCode.NEGATIVE
    if (warning := network_fs_warning(journal.log_path)) is not None:
        print_err(warning)
    checker = LogChecker(lock_held=find_lock_holder(*journal.lock_paths) is not None)
    finding_count = file_count = 0
    for segment in journal.segments_forward(live):
        file_count += 1
        predecessor = segment.head.predecessor_name
        if file_count == 1 and predecessor is not None and not journal.chain.unreadable:
            print_err(f"the journal begins in {segment.path}: {predecessor}, which it continues, no longer exists")
        finding_count += _print_findings(checker.check(segment, segment.size()), args.json)
    cited = check_cited_files(journal, journal.segments_backward(live), ctx.author.user)
    finding_count += _print_findings(cited, args.json)
    files = journal.log_path if file_count == 1 else f"{journal.log_path} and the {file_count - 1} before it"
    if finding_count:
        print_err(f"{finding_count} finding{'' if finding_count == 1 else 's'} in {files}; nothing was changed")
        return ExitCode.DAMAGED
    if journal.chain.unreadable:
        print_err(f"nothing wrong was found in what could be read of {files}")
        return ExitCode.IO_ERROR
    sections = checker.complete_sections
    detail = f"; {sections} critical section{'s, and none overlaps' if sections > 1 else ''}" if sections else ""
    print_err(f"{files}: sound{detail}")
    return ExitCode.OK


def _print_findings(findings: Iterable[Finding], as_json: bool) -> int:
    """Print the findings, and return how many there are."""
    count = 0
    for finding in findings:
        count += 1
        if as_json:
            print_json(finding._asdict())
        else:
            print_out(f"{finding.file}, offset {finding.offset}, line {finding.line}: {finding.text}")
    return count
