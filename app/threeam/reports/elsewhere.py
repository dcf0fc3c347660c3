"""The changes and runs of other hosts for a hypothesis. Pure.

The runs of this host are compared with the changes in its own log: between two journals no order of the lines is
known but that of their clocks. What the other hosts have is told beside the answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.format.remote_hypothesis import Bound
from threeam.core.format.report import ReportLine, ReportSection, format_attribution
from threeam.core.state.fold import State
from threeam.core.state.host_state import HostState
from threeam.experiments.run_list import hypothesis_runs_report
from threeam.hypotheses.changes import Change, changes, open_changes
from threeam.hypotheses.team_fold import TeamHypothesis
from threeam.reports.fix_change import MAX_LISTED, Subject


def other_hosts(hosts: Sequence[HostState]) -> list[HostState]:
    """Return ``hosts`` without that of this journal."""
    return [host for host in hosts if not host.is_own]


def check_fix_is_here(state: State, hypothesis: Subject, known: TeamHypothesis, hosts: Sequence[HostState]) -> None:
    """Raise `PreconditionFailed` if the change that may be the fix is in the log of another host alone.

    A change of this host for no hypothesis at all must not be taken for it.
    """
    if any(change.hypothesis == hypothesis.bound is not None for change in changes(state)):
        return
    for host in other_hosts(hosts):
        for change in _changes_for(known, host)[-1:]:
            raise PreconditionFailed(
                f"the change for {hypothesis.label} is in the log of {host.host} ({change.text}), and runs of this "
                f"host are compared with changes in its own log: 3am changed -H {hypothesis.label} TEXT notes it here"
            )


def elsewhere_report(known: TeamHypothesis, hosts: Sequence[HostState], now: Stamp) -> list[ReportSection]:
    """Return a section for each other host, with its changes and runs for a hypothesis, the newest first."""
    sections = []
    for host in other_hosts(hosts):
        lines = [
            ReportLine(f"changed: {change.text}", format_attribution(change.author, change.stamp, now), icon="Changed")
            for change in reversed(_changes_for(known, host)[-MAX_LISTED:])
        ]
        for section in runs_report(known, host, now):
            lines += section.lines
        sections.append(ReportSection(f"on {host.host}, and not counted", lines))
    return [section for section in sections if section.lines]


def runs_report(known: TeamHypothesis, host: HostState, now: Stamp) -> list[ReportSection]:
    """Return a section with the runs of a host for a hypothesis, the newest first; no section if it has made none."""

    def is_about(bound: Bound | None) -> bool:
        return known.is_subject_of(host, bound)

    if host.is_own:
        return hypothesis_runs_report(host.state, is_about, now)
    sections = hypothesis_runs_report(host.state, is_about, now, f"runs on {host.host}")
    return [  # the stamps, the commands and the names are of use on that host alone
        section._replace(lines=[line._replace(stamp=None, command="", subject=None) for line in section.lines])
        for section in sections
    ]


def _changes_for(known: TeamHypothesis, host: HostState) -> list[Change]:
    return [change for change in open_changes(host.state) if known.is_subject_of(host, change.hypothesis)]
