"""``3am hyp list`` and ``3am hyp show`` with the lines of other hosts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge
from typing import NamedTuple

from threeam.cli.console import print_err, print_json, print_out, print_quotation
from threeam.cli.context import Context
from threeam.cli.team_hosts import order_of_hosts, read_hypothesis_name
from threeam.core.format.cited_line import parse_cited_line
from threeam.core.format.entry import escape_unprintable
from threeam.core.format.remote_hypothesis import RemoteHypothesis
from threeam.core.state.host_state import HostStamp, HostState
from threeam.core.store.filters import Condition, InHypothesis, InRemoteHypothesis, LineFilter
from threeam.core.store.journal import Segment
from threeam.core.store.reader import Line
from threeam.core.store.seek import matches_forward
from threeam.hypotheses.quotations import QuotationReader
from threeam.hypotheses.team_fold import TeamHypothesis, team_hypotheses
from threeam.hypotheses.team_report import team_hypothesis_json, team_hypothesis_line
from threeam.timeline.instant import Order

_ORDER_MARKS = {Order.AFTER: " ", Order.UNKNOWN: "≈", Order.BEFORE: "«"}  # to the line above, as in 3am merge
_MAX_QUOTED_LINES = 1000  # of one cited entry


class _HostLine(NamedTuple):
    host: HostState
    stamp: HostStamp
    line: Line


def print_team_list(ctx: Context, hosts: Sequence[HostState], *, as_json: bool) -> None:
    """Print the hypotheses of all ``hosts``."""
    found = team_hypotheses(hosts, order_of_hosts(ctx, hosts).is_before)
    if not found:
        print_err("no hypotheses yet: 3am hyp new TEXT opens one")
    for known in found:
        if as_json:
            print_json(team_hypothesis_json(known))
        else:
            print_out(team_hypothesis_line(known))


def find_team_hypothesis(
    ctx: Context, hosts: Sequence[HostState], named: str | RemoteHypothesis
) -> TeamHypothesis | None:
    """Return what ``hosts`` say about a hypothesis; None if this journal has no such one.

    Raises as `read_hypothesis_name` does if another host has no such one.
    """
    found = team_hypotheses(hosts, order_of_hosts(ctx, hosts).is_before)
    if isinstance(named, str):
        mentioned = next((known for known in found if known.host and known.name == named), None)
        if mentioned is not None:  # perhaps only in what is said here: there may be no mirror of its host any more
            return mentioned
        named = read_hypothesis_name(ctx, named)
    if isinstance(named, RemoteHypothesis):
        return next((known for known in found if known.key == named.key), None)
    (own,) = (host for host in hosts if host.is_own)
    hypothesis = own.state.find_hypothesis(named)
    return next((known for known in found if not known.host and known.hypothesis == hypothesis), None)


def has_lines_elsewhere(ctx: Context, live: Segment, known: TeamHypothesis, hosts: Sequence[HostState]) -> bool:
    """Return whether another host has a line about a hypothesis: a statement, a run, a change, or a mere note."""
    return any(any(True for _ in _lines_of(ctx, live, known, host)) for host in hosts if not host.is_own)


def print_team_hypothesis(ctx: Context, live: Segment, known: TeamHypothesis, hosts: Sequence[HostState]) -> None:
    """Print what all ``hosts`` say about a hypothesis, by time. ``live``: the log of this host.

    The lines of a host are in the order of its log. A sign says if the order to the line above is not known.
    """
    quotations, order = QuotationReader(ctx.journal), order_of_hosts(ctx, hosts)
    claim = HostStamp(known.origin_id, known.hypothesis.opened_at.ns)
    cells = max(len(host.host) for host in hosts)
    streams = [_lines_of(ctx, live, known, host) for host in hosts]
    previous: _HostLine | None = None
    for said in merge(*streams, key=lambda said: said.stamp.ns):
        mark = " "
        is_of_another_host = previous is not None and previous.stamp.origin_id != said.stamp.origin_id
        if previous is not None and is_of_another_host and previous.stamp != claim:  # all is said after the claim
            mark = _ORDER_MARKS[order.order_to(said.stamp, previous.stamp)]
        print_out(f"{mark} {escape_unprintable(said.host.host):<{cells}} {said.line.display_text}")
        entry = said.line.entry
        cited = parse_cited_line(entry) if entry is not None and said.host.is_own else None
        if cited is not None:  # the attachments of other hosts are not mirrored
            print_quotation(quotations.quotation(cited, _MAX_QUOTED_LINES), "    ")
        previous = said


def _lines_of(ctx: Context, live: Segment, known: TeamHypothesis, host: HostState) -> Iterator[_HostLine]:
    """Yield the lines of a host about a hypothesis."""
    number = known.hypothesis.number
    if number is None:
        return
    is_its_own = host.origin_id == known.origin_id
    condition: Condition = InHypothesis(number) if is_its_own else InRemoteHypothesis(known.origin_id, number)
    line_filter = LineFilter((condition,), skip_repeated=True)
    for segment in _segments_of(ctx, live, host):
        for block in matches_forward(segment, 0, None, line_filter):
            for line in block.lines:
                if line.finished and line.entry is not None:
                    yield _HostLine(host, HostStamp(host.origin_id, line.entry.stamp.ns), line)


def _segments_of(ctx: Context, live: Segment, host: HostState) -> Iterator[Segment]:
    if host.is_own:
        return ctx.journal.segments_forward(live)
    from threeam.team.mirrors.host_states import open_current_mirror

    return iter([open_current_mirror(ctx.journal, host.origin_id)])
