"""The log files of a command line, opened: with the shifts that the journal notes."""

from __future__ import annotations

from argparse import Namespace

from threeam.cli.console import print_err
from threeam.cli.context import Context
from threeam.cli.mirrors import mirror_opener
from threeam.timeline.arguments import OpenedSources, open_sources, source_names, source_options
from threeam.timeline.clock_lines import clock_corrections
from threeam.timeline.shifts import format_correction


def open_named_files(args: Namespace, ctx: Context, *, live: bool = False) -> OpenedSources:
    """Open the files of a command line, and print on stderr what their lines do not show.

    That is each file that cannot be read, and each shift that comes from a ``Clock:`` line. ``live``: they will be
    followed. Raises `BadInput`.
    """
    names, options = source_names(args.files), source_options(args)._replace(open_mirror=mirror_opener(ctx.journal))
    options.check_names([name.name for name in names])
    noted = clock_corrections(ctx.load_state())
    opened = open_sources(names, options.with_noted_shifts(noted), live=live)
    for source in opened.sources:
        if source.name in noted and source.name not in options.shifts:
            shift = format_correction(source.correction)
            print_err(
                f"{source.name} is shifted by {shift}, as the journal notes; --shift {source.name}=0s±0s undoes it"
            )
    for source in opened.sources:
        if source.measured_clock is not None and source.correction.shift_ns:
            shift = format_correction(source.correction)
            sentence = f"{source.name} is shifted by {shift}, as 3am team measures its clock"
            print_err(f"{sentence}; --shift {source.name}=0s undoes it")
    for name in sorted(set(noted) - {source.name for source in opened.sources}):
        for source in opened.sources:
            if _base(name) == _base(source.name) and source.name not in noted:
                print_err(
                    f"the journal notes a shift of {name}: write {name}={source.segment.path} if that is this log"
                )
    for sentence in opened.problems:
        print_err(sentence)
    return opened


def _base(name: str) -> str:
    """Return the last part of a source's name: ``app`` of ``web2/app``."""
    return name.rpartition("/")[2]
