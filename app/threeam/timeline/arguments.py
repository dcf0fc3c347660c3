"""The files of a command line as sources: ``FILE``, ``NAME=FILE`` or ``-``, and the options about one of them."""

from __future__ import annotations

import glob
import os
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import tzinfo
from functools import partial
from typing import NamedTuple

from threeam.core.config.options import OptionParser, did_you_mean
from threeam.core.errors import BadInput, FileUnusable
from threeam.core.format.clock import monotonic_epoch_ns
from threeam.core.format.entry import escape_unprintable
from threeam.timeline.detect import Detection, detect, reader_for_format
from threeam.timeline.files import STDIN, OpenedFile, TooManyFiles, allow_open_files, open_log_file, remote_parts
from threeam.timeline.instant import ClockCorrection
from threeam.timeline.missing_date import UnclearStamps
from threeam.timeline.samples import sample_lines
from threeam.timeline.shifts import parse_shift
from threeam.timeline.source import Source
from threeam.timeline.stamp_pattern import reader_for_pattern
from threeam.timeline.timestamp_format import Context
from threeam.timeline.zones import AmbiguousZone, host_zone, parse_zone

_SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".log")
_WILDCARDS = frozenset("*?[")


class SourceName(NamedTuple):
    """A file, and the name that it has on the timeline."""

    name: str
    path: str


class SourceOptions(NamedTuple):
    """The options that name a source, each by the source's name.

    ``open_mirror``: opens the journal of a host by its name; it returns None if no host is known. Raises `FileUnusable`
    if that one is not.
    """

    zones: dict[str, tzinfo]
    shifts: dict[str, ClockCorrection]
    formats: dict[str, str]
    patterns: dict[str, str]
    open_mirror: Callable[[str], OpenedFile | None] = lambda name: None

    def with_noted_shifts(self, noted: Mapping[str, ClockCorrection]) -> SourceOptions:
        """Return these options with the shifts that the journal notes, for the sources without ``--shift``."""
        return self._replace(shifts={**noted, **self.shifts})

    def check_names(self, names: Sequence[str]) -> None:
        """Raise `BadInput` if an option names no source."""
        for option, values in (
            ("--tz", self.zones),
            ("--shift", self.shifts),
            ("--format", self.formats),
            ("--stamp", self.patterns),
        ):
            for name in values:
                if name not in names:
                    known = f"the sources are {', '.join(names)}"
                    raise BadInput(f"{option} {name}=…: there is no source {name}{did_you_mean(name, names)}; {known}")


class OpenedSources(NamedTuple):
    """The sources that can be read, and a sentence for each file that cannot, or not wholly."""

    sources: list[Source]
    problems: list[str]


def add_source_options(parser: OptionParser) -> None:
    """Add the files, and the options about one of them. `source_options` reads them."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a log, compressed or not; a host of the team; -: stdin; NAME=FILE names it",
    )
    about_one = parser.add_argument_group("about one source, by its name")
    for name, metavar, about in (
        ("--tz", "SRC=ZONE", "the zone of timestamps without one: Europe/Berlin, UTC, +02:00"),
        ("--shift", "SRC=D", "what is added to its timestamps: +3.2ms±0.4ms (3am align measures it)"),
        ("--format", "SRC=NAME", "the format of its timestamps, if it is not detected"),
        ("--stamp", "SRC=RE", "where its timestamps stand: a regular expression with (?P<stamp>…)"),
    ):
        about_one.add_argument(name, action="append", default=[], metavar=metavar, help=about)


def source_options(args: Namespace) -> SourceOptions:
    """Return the options about one source. Raises `BadInput`."""
    zones = {name: parse_zone(value) for name, value in _pairs("--tz", args.tz)}
    shifts = dict(parse_shift(text) for text in args.shift)
    return SourceOptions(zones, shifts, dict(_pairs("--format", args.format)), dict(_pairs("--stamp", args.stamp)))


def source_names(words: Sequence[str]) -> list[SourceName]:
    """Return the files that ``words`` name, wildcards expanded, each with a name of its own. Raises `BadInput`."""
    named: list[tuple[str | None, str]] = []
    for word in words:
        name, path = _split_name(word)
        paths = _expand(path)
        if name is not None and len(paths) > 1:
            raise BadInput(f"{word}: one name for {len(paths)} files; write a NAME=FILE for each")
        named += [(name, path) for path in paths]
    given = [name for name, _ in named if name is not None]
    if repeated := next((name for name in given if given.count(name) > 1), None):
        raise BadInput(f"two files have the name {repeated}: give each its own NAME=FILE")
    defaults = _unique_names([path for name, path in named if name is None], given)
    return [SourceName(name if name is not None else next(defaults), path) for name, path in named]


def open_sources(names: Sequence[SourceName], options: SourceOptions, *, live: bool = False) -> OpenedSources:
    """Open the files and detect their timestamps. Raises `BadInput` for an option that cannot be used.

    ``live``: the files will be followed.
    """
    allow_open_files(len(names))
    sources, problems = list[Source](), list[str]()
    for name in names:
        try:
            source, problem = open_source(name, len(sources), options, live=live)
        except TooManyFiles as too_many:
            problems.append(
                f"{too_many}: {len(names) - len(sources)} of {len(names)} are left out; `ulimit -n` is too low"
            )
            break
        except (FileUnusable, UnclearStamps, AmbiguousZone) as unusable:
            problems.append(str(unusable))
            continue
        sources.append(source)
        if problem:
            problems.append(problem)
    return OpenedSources(sources, problems)


def open_source(name: SourceName, number: int, options: SourceOptions, *, live: bool = False) -> tuple[Source, str]:
    """Return the source ``name``, and a sentence about what cannot be read of it, or "".

    Raises `FileUnusable`, or `BadInput` for an option that cannot be used.
    """
    file = (options.open_mirror(name.path) if _may_be_host(name.path) else None) or open_log_file(name.path, live=live)
    detector = partial(_detect, name.name, options, file.modified_ns)
    try:
        detection = detector(sample_lines(file.segment))
    except OSError as error:
        raise FileUnusable(f"{escape_unprintable(name.path)} cannot be read: {error.strerror}") from None
    source = Source(name.name, number, file, detection, options.shifts.get(name.name, file.default_correction))
    source.detector = detector
    return source, file.problem


def _may_be_host(path: str) -> bool:
    """Return whether ``path`` is not that of a file, and may be the name of a host. A folder can be named as a host."""
    return path != STDIN and "/" not in path and (os.path.isdir(path) or not os.path.lexists(path))


def _detect(name: str, options: SourceOptions, modified_ns: int, samples: Sequence[bytes]) -> Detection | None:
    given = options.zones.get(name)
    context = Context(modified_ns, given or host_zone(), given is None, monotonic_epoch_ns())
    try:
        if name in options.patterns:
            return reader_for_pattern(options.patterns[name], samples, context)
        if name in options.formats:
            return reader_for_format(options.formats[name], samples, context)
        return detect(samples, context)
    except BadInput as bad:
        raise type(bad)(f"{name}: {bad}") from None


def _pairs(option: str, texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise BadInput(f"{option} {text}: write the name of the source before the value, {option} web1={text}")
        yield name, value


def _split_name(word: str) -> tuple[str | None, str]:
    """Return the name and the path of ``NAME=FILE``; a file whose own name has a ``=`` needs no name."""
    name, equals, path = word.partition("=")
    if not equals or os.path.exists(word) or "/" in name:
        return None, word
    if not name or not path:
        raise BadInput(f"{word}: write NAME=FILE")
    if not name.isprintable():
        raise BadInput(f"{escape_unprintable(name)}: the name of a source has no line ends or control characters")
    return name, path


def _expand(path: str) -> list[str]:
    if path == STDIN or os.path.exists(path) or not _WILDCARDS & set(path):
        return [path]
    if not (paths := sorted(glob.glob(path, recursive=True))):
        raise BadInput(f"no file matches {path}")
    return paths


def _unique_names(paths: Sequence[str], taken: Sequence[str]) -> Iterator[str]:
    """Yield a short name for each path: its file name, with as many folders as tell it from the others."""
    used = set(taken)
    shorts = [_short_name(path, 1) for path in paths]
    for path, short in zip(paths, shorts, strict=True):
        candidates = [short] if shorts.count(short) == 1 else []
        candidates += [_short_name(path, parts) for parts in range(2, os.path.abspath(path).count("/") + 1)]
        name = next((candidate for candidate in candidates if candidate not in used), None)
        number = 2
        while name is None:
            name = f"{short}-{number}" if f"{short}-{number}" not in used else None
            number += 1
        used.add(name)
        yield name


def _short_name(path: str, parts: int) -> str:
    if path == STDIN:
        return "stdin"
    if remote := remote_parts(path):
        host, file = remote
        return host if parts == 1 else f"{host}/{_short_name(file, parts - 1)}"
    name = "/".join(os.path.abspath(path).split("/")[-parts:])
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix) or name
    return escape_unprintable(name)
