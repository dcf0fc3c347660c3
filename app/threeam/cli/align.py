"""``3am align``: the shift between the clocks of two logs."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Iterator, Sequence

from threeam.cli.console import print_err, print_out
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.submit import Receipt, submit
from threeam.core.errors import BadInput, BadTime, PreconditionFailed
from threeam.core.format.clock import Zone
from threeam.core.format.entry import decode_utf8
from threeam.core.format.times import format_exact_duration
from threeam.core.store.regex import CapturingRegex
from threeam.timeline.align import DRIFT_PPM, Alignment, ClocksContradict, Request, same_event_correction
from threeam.timeline.align_sources import align_by_key, find_timestamp, format_instant
from threeam.timeline.arguments import add_source_options, open_sources, source_names, source_options
from threeam.timeline.clock_lines import clock_corrections, clock_draft
from threeam.timeline.instant import ClockCorrection
from threeam.timeline.shifts import format_correction, split_bound
from threeam.timeline.source import Source
from threeam.timeline.timestamp_format import Meaning

_DATE_CHARS = len("2026-11-24 ")
_QUARTER_HOUR_NS = 15 * 60 * 10**9  # zones are whole quarters of an hour apart


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am align``."""
    parser = Parser(
        "3am align",
        "Measures what must be added to the timestamps of B to get the time of A's clock, and how wrong that may be. "
        "With --key, A calls B, and both log the key of each request. A's first line of a request is before B's "
        "first one, and A's last line, the answer, is after it; RE should match no other line of A. With --at, two "
        "lines are about one event; each is named by its time as its file states it, and ±D after the second time "
        "says how far apart they may be. --write puts the result into the journal, where merge and the screen find "
        "it. Exit 1 if the requests contradict each other: then a clock was stepped.",
        "examples:\n  3am align web1.log web2.log --key 'req=(\\w+)'\n"
        "  3am align app=app.log db=pg.log --at app@03:14:07.100 db@03:14:07.096±1ms --write",
    )
    add_source_options(parser)
    method = parser.add_mutually_exclusive_group(required=True)
    method.add_argument("--key", metavar="RE", help="a regular expression with one group, or with (?P<key>…)")
    method.add_argument("--at", nargs=2, metavar=("A@T", "B@T"), help="two lines that are about one event")
    parser.add_argument("--write", action="store_true", help="write the result to the journal, as a Clock: line")
    parser.add_quiet_option()
    args = parser.parse_intermixed_args(argv)  # options may stand between the files
    names = source_names(args.files)
    if len(names) != 2:
        parser.error("two files are needed: A, which calls, and B, which is called")
    key = None if args.key is None else CapturingRegex(args.key, "key")
    options = source_options(args)
    options.check_names([name.name for name in names])
    if names[1].name in options.shifts:
        parser.error(f"--shift {names[1].name}=…: the shift of B is what align measures")
    ctx = context(args)
    opened = open_sources(names, options)
    for sentence in opened.problems:
        print_err(sentence)
    if len(opened.sources) != 2:
        return ExitCode.IO_ERROR
    caller, called = opened.sources
    if key is None:
        correction, reason = _correction_at(caller, called, args.at, ctx.zone), "align --at"
    else:
        found = _align_by_key(caller, called, key, ctx.zone)
        if found.correction is None:
            return _report_one_side(caller, called, found, wants_write=args.write)
        correction, reason = found.correction, f"align --key, {_count(found.used, 'request')}"
    for sentence in _step_warnings(caller, called, ctx.zone):
        print_err(sentence)
    print_out(_difference_sentence(caller, called, correction))
    base = options.shifts.get(caller.name) or clock_corrections(ctx.load_state()).get(caller.name, ClockCorrection())
    if base != ClockCorrection():
        print_out(f"{caller.name} itself is shifted by {format_correction(base)}: both shifts and bounds add up")
        correction = _sum(base, correction)
    print_out(f"--shift {shlex.quote(f'{called.name}={format_correction(correction)}')}")
    return _write(args, ctx, called, correction, f"against {caller.name}: {reason}") if args.write else ExitCode.OK


def _step_warnings(caller: Source, called: Source, zone: Zone) -> Iterator[str]:
    """Yield a sentence for each clock that was set back within its log: no shift is right for all of that log."""
    for source in (caller, called):
        index = source.make_index()
        steps = [step for step in index.steps if not step.is_one_wrong_stamp] if index is not None else []
        if steps:
            back, at = format_exact_duration(steps[0].back_ns), format_instant(steps[0].repeated_end_ns, zone)
            yield (
                f"the clock of {source.name} was set back by {back} at {at}: the shift is another one before and after "
                "that, so align the two parts of the file, each alone"
            )


def _write(args: Namespace, ctx: Context, called: Source, correction: ClockCorrection, reason: str) -> int:
    draft = clock_draft(called.name, correction, reason)
    return submit(lambda: ctx, lambda _: draft, "", Receipt(quiet=args.quiet))


def _correction_at(caller: Source, called: Source, words: Sequence[str], zone: Zone) -> ClockCorrection:
    """Return the correction by two lines that are about one event. Raises `BadInput`."""
    times, stated_ns = [], 0
    for word, source in zip(words, (caller, called), strict=True):
        name, at_sign, text = word.rpartition("@")
        if not at_sign or name != source.name:
            raise BadInput(f"--at {word}: write {caller.name}@T {called.name}@T, with T such as 03:14:07.123")
        try:
            text, bound_ns = split_bound(text)
        except BadTime:
            raise BadInput(f"--at {word}: after ± comes a duration, such as 1ms") from None
        stated_ns += bound_ns or 0
        times.append(find_timestamp(source, text, zone))
    apart = f", or two that are {format_exact_duration(stated_ns)} apart at most" if stated_ns else ""
    print_out(f"assumed: both lines are about one event{apart}")
    print_out(f"the bound is for that moment: two clocks may drift by {DRIFT_PPM} ppm, which is 0.36s in an hour")
    return same_event_correction(times[0], times[1], stated_ns)


def _align_by_key(caller: Source, called: Source, key: CapturingRegex, zone: Zone) -> Alignment:
    """Return the alignment; print what it follows from. Raises `PreconditionFailed`."""
    try:
        found = align_by_key(caller, called, key)
    except ClocksContradict as error:
        lowest, highest = (_request_text(request, caller, called, zone) for request in (error.lowest, error.highest))
        raise PreconditionFailed(
            f"no shift of {called.name} fits all requests. At least {_signed(error.lowest.lower_ns)}, by {lowest}. "
            f"At most {_signed(error.highest.upper_ns)}, by {highest}. So a clock was stepped between them, or they "
            f"drift by more than {DRIFT_PPM} ppm, or it is not {caller.name} that calls {called.name}, or --key "
            "matches other lines, too"
        ) from None
    for line in _evidence(found, caller, called, zone):
        print_out(line)
    return found


def _evidence(found: Alignment, caller: Source, called: Source, zone: Zone) -> Iterator[str]:
    """Yield what the result follows from: the requests with the narrowest limits, and what is assumed."""
    yield f"{_count(found.used, 'request')} in both logs, {_count(found.usual_lines, 'line')} of each in {caller.name}"
    if found.left_out:
        yield f"{_count(found.left_out, 'other request')} left out: another number of lines in {caller.name}"
    if found.lowest is not None:
        yield f"at least {_signed(found.lowest.lower_ns)}: {_request_text(found.lowest, caller, called, zone)}"
    if found.highest is not None:
        yield f"at most {_signed(found.highest.upper_ns)}: {_request_text(found.highest, caller, called, zone)}"
    if found.lowest is not None:
        yield f"assumed: the first line of a request in {caller.name} is before its first line in {called.name}"
    if found.highest is not None:
        yield f"assumed: the last line of a request in {caller.name} is after its first line in {called.name}"
    for source in (caller, called):
        if source.detection is not None and source.detection.format.meaning is Meaning.RECEIPT:
            yield f"assumed: the lines of {source.name} were received without a delay, since that is what is stamped"
    widened = format_exact_duration(found.drift_ns)
    yield f"assumed: the clocks drift by {DRIFT_PPM} ppm at most; that widens the result by {widened}"


def _request_text(request: Request, caller: Source, called: Source, zone: Zone) -> str:
    """Return the key of a request, and the times of its lines, as the files state them."""
    times = [f"{caller.name} {format_instant(request.at_a.begin_ns, zone)}"]
    if request.at_a.last_ns != request.at_a.begin_ns:
        times.append(f"to {format_instant(request.at_a.last_ns, zone)[_DATE_CHARS:]}")
    key = decode_utf8(request.key[:80])
    return f"{key} ({' '.join(times)}, {called.name} {format_instant(request.at_b.begin_ns, zone)})"


def _report_one_side(caller: Source, called: Source, found: Alignment, *, wants_write: bool) -> int:
    """Print the only limit, and why there is no other. Raises `PreconditionFailed` if it was to be written."""
    if found.lower_ns is None and found.upper_ns is None:
        raise PreconditionFailed(
            f"the shift is not bounded: the timestamps of {caller.name} and {called.name} are not those of calls and "
            f"answers; 3am sources shows what they mean"
        )
    limit = (
        f"at most {_signed(found.upper_ns)}, and there is no lower limit: {caller.name} has no lines of calls"
        if found.lower_ns is None
        else f"at least {_signed(found.lower_ns)}, and there is no upper limit: {caller.name} has no lines of answers, "
        f"or {called.name} stamps only ends"
    )
    print_out(f"the shift of {called.name} is {limit}")
    if wants_write:
        raise PreconditionFailed("nothing was written: a Clock: line needs a limit on both sides")
    return ExitCode.OK


def _difference_sentence(caller: Source, called: Source, correction: ClockCorrection) -> str:
    """Return who is ahead of whom, without a sign that could be read both ways."""
    bound = "" if correction.bound_ns is None else f"±{format_exact_duration(correction.bound_ns)}"
    if not correction.shift_ns:
        return f"{called.name} agrees with {caller.name} {bound}"
    word = "behind" if correction.shift_ns > 0 else "ahead of"
    sentence = f"{called.name} is {word} {caller.name} by {format_exact_duration(abs(correction.shift_ns))}{bound}"
    quarters = round(correction.shift_ns / _QUARTER_HOUR_NS)
    if quarters and abs(correction.shift_ns - quarters * _QUARTER_HOUR_NS) <= (correction.bound_ns or 0) + 10**9:
        sentence += ": about whole quarters of an hour, so look at the zones first (--tz)"
    return sentence


def _sum(first: ClockCorrection, second: ClockCorrection) -> ClockCorrection:
    bounds = (first.bound_ns, second.bound_ns)
    return ClockCorrection(first.shift_ns + second.shift_ns, None if None in bounds else sum(filter(None, bounds)))


def _signed(ns: int | None) -> str:
    return f"{'+' if (ns or 0) >= 0 else ''}{format_exact_duration(ns or 0)}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
