"""The hypotheses of all hosts: for each, what its own journal and all others say about it. Pure.

Each journal has an order, that of its lines. Between journals an order is known only if their clocks show it. So the
result does not depend on when a line has arrived here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from threeam.core.format.entry import author_name, escape_unprintable
from threeam.core.format.remote_hypothesis import Bound, RemoteHypothesis
from threeam.core.state.fold import OPEN, Hypothesis
from threeam.core.state.host_state import HostStamp, HostState
from threeam.hypotheses.amendments import claim_of
from threeam.hypotheses.ledger import VERDICT_KINDS, HypothesisEvent, Thread, event_text, thread_of, verdict_of
from threeam.hypotheses.remarks import Remarks, remarks


class Statement(NamedTuple):
    """A line about a hypothesis, and the host whose journal has the line."""

    host: HostState
    event: HypothesisEvent

    @property
    def stamp(self) -> HostStamp:
        """The stamp of the line, and its journal."""
        return HostStamp(self.host.origin_id, self.event.stamp.ns)

    @property
    def text(self) -> str:
        """The text of the line as it reads now."""
        return event_text(self.host.state, self.event)


IsBefore = Callable[[HostStamp, HostStamp], bool]  # whether the first is known to be before the second


class TeamHypothesis(NamedTuple):
    """A hypothesis with what all hosts say about it.

    ``host``: the name of its host; empty for one of this journal. ``origin_id``: its journal. ``claim``: as it reads
    now; empty if its first line is not here. ``threads``: by host, its own first. ``standing``: the verdicts of which
    none is known to be before another one.
    """

    host: str
    origin_id: str
    hypothesis: Hypothesis
    claim: str
    threads: tuple[tuple[HostState, Thread], ...]
    standing: tuple[Statement, ...]

    @property
    def name(self) -> str:
        """Return what a person types to name it: ``H7``, of another host ``db1/H7``."""
        return f"{self.host}/{self.hypothesis.name}" if self.host else self.hypothesis.name

    @property
    def key(self) -> tuple[str, int | None, int]:
        """Return what identifies it on every host, see `RemoteHypothesis.key`."""
        return self.origin_id, self.hypothesis.number, self.hypothesis.opened_at.ns

    def is_subject_of(self, host: HostState, bound: Bound | None) -> bool:
        """Return whether what the journal of ``host`` binds to ``bound`` belongs to this hypothesis."""
        if isinstance(bound, RemoteHypothesis):
            is_number = (bound.origin_id, bound.number) == (self.origin_id, self.hypothesis.number)
            return is_number and _is_claim_of(bound, self.hypothesis)
        return host.origin_id == self.origin_id and bound is not None and bound == self.hypothesis.number

    @property
    def states(self) -> tuple[str, ...]:
        """Return its states: more than one if verdicts contradict each other, and their order is not known."""
        return tuple(sorted({verdict.event.state for verdict in self.standing})) or (self.hypothesis.state,)

    @property
    def is_disputed(self) -> bool:
        """Return whether another verdict than that of its own journal may stand."""
        return self.states != (self.hypothesis.state,)

    @property
    def supports(self) -> list[Statement]:
        """Return the evidence for it."""
        return [Statement(host, event) for host, thread in self.threads for event in thread.supports]

    @property
    def contradicts(self) -> list[Statement]:
        """Return the evidence against it."""
        return [Statement(host, event) for host, thread in self.threads for event in thread.contradicts]


def has_evidence(found: Sequence[TeamHypothesis], number: int) -> bool:
    """Return whether any host has evidence about the hypothesis of this journal with this number."""
    return any(
        not known.host and known.hypothesis.number == number and bool(known.supports or known.contradicts)
        for known in found
    )


def join_states(states: Sequence[str]) -> str:
    """Return the states of a hypothesis in words: ``refuted``, or ``confirmed and refuted at once``."""
    return states[0] if len(states) == 1 else f"{' and '.join(states)} at once"


def states_text(known: TeamHypothesis) -> str:
    """Return ``refuted``, or ``confirmed and refuted at once``."""
    return escape_unprintable(join_states(known.states))


def verdict_text(known: TeamHypothesis) -> str:
    """Return the reason of the verdict; who gave it, if that was on another host or others stand beside it."""
    if not known.standing:
        return ""
    first, *others = known.standing
    if not others and first.host is known.threads[0][0]:
        return escape_unprintable(first.text)
    is_disputed = len(known.states) > 1
    return escape_unprintable("; ".join(_signed(verdict, with_state=is_disputed) for verdict in known.standing))


def _signed(verdict: Statement, *, with_state: bool) -> str:
    state = f"{verdict.event.state} by " if with_state else ""
    return f"{state}{author_name(verdict.event.author)}@{verdict.host.host}: {verdict.text}"


def team_hypotheses(hosts: Sequence[HostState], is_before: IsBefore) -> list[TeamHypothesis]:
    """Return the hypotheses of all ``hosts``, in the order of the board.

    Those that are open in any verdict come first, by fewest contradictions, then by most support, then by the newest
    line. The others follow, by their newest verdicts.
    """
    said: dict[tuple[str, int], list[tuple[HostState, Remarks]]] = {}
    for host in hosts:
        for about in remarks(host.state).values():
            said.setdefault((about.subject.origin_id, about.subject.number), []).append((host, about))
    found = []
    for host in hosts:
        for hypothesis in host.state.hypotheses.values():
            about_it: list[tuple[HostState, Remarks]] = []
            if hypothesis.number is not None:
                of_number = said.pop((host.origin_id, hypothesis.number), [])
                about_it = [pair for pair in of_number if _is_claim_of(pair[1].subject, hypothesis)]
                if rest := [pair for pair in of_number if not _is_claim_of(pair[1].subject, hypothesis)]:
                    said[host.origin_id, hypothesis.number] = rest
            found.append(_joined(host, hypothesis, about_it, is_before))
    found += _without_claim(hosts, said, is_before)
    return sorted(found, key=_sort_key)


def _is_claim_of(subject: RemoteHypothesis, hypothesis: Hypothesis) -> bool:
    """Return whether lines about ``subject`` are about this claim, and not about an earlier one of the number.

    A journal that was restored from a backup may give a number again. If the line of the claim is missing here, the
    stamp that is known for it is too late.
    """
    return not hypothesis.claim or subject.opened_at.ns >= hypothesis.opened_at.ns


def _joined(
    host: HostState, hypothesis: Hypothesis, about_it: Iterable[tuple[HostState, Remarks]], is_before: IsBefore
) -> TeamHypothesis:
    own = _own_verdict(host, hypothesis)
    others = sorted(about_it, key=lambda pair: (pair[0].origin_id, pair[1].subject.key))
    return TeamHypothesis(
        "" if host.is_own else host.host,
        host.origin_id,
        hypothesis,
        claim_of(host.state, hypothesis),
        ((host, thread_of(host.state, hypothesis)), *((other, about.thread) for other, about in others)),
        _standing([*([own] if own is not None else []), *_last_verdicts(others)], is_before),
    )


def _without_claim(
    hosts: Sequence[HostState], said: dict[tuple[str, int], list[tuple[HostState, Remarks]]], is_before: IsBefore
) -> Iterator[TeamHypothesis]:
    """Yield the hypotheses that are known only from what others say about them."""
    names = {host.origin_id: host.host for host in hosts}
    by_key: dict[tuple[str, int, int], list[tuple[HostState, Remarks]]] = {}
    for pairs in said.values():
        for pair in pairs:
            by_key.setdefault(pair[1].subject.key, []).append(pair)
    for pairs in by_key.values():
        others = sorted(pairs, key=lambda pair: pair[0].origin_id)
        subject = others[0][1].subject
        hypothesis = Hypothesis(subject.number, OPEN, "", None, subject.opened_at, subject.opened_at.ns)
        threads = tuple((other, about.thread) for other, about in others)
        standing = _standing([*_last_verdicts(others)], is_before)
        host = names.get(subject.origin_id, subject.host)
        yield TeamHypothesis(host, subject.origin_id, hypothesis, "", threads, standing)


def _own_verdict(host: HostState, hypothesis: Hypothesis) -> Statement | None:
    """Return the verdict of the hypothesis's own journal; a line of another kind may have set the state, too."""
    verdict = verdict_of(host.state, hypothesis)
    if verdict is None and hypothesis.state != OPEN:
        verdict = HypothesisEvent(
            hypothesis.opened_at, VERDICT_KINDS[0], None, "", hypothesis.state, position=hypothesis.position
        )
    return None if verdict is None else Statement(host, verdict)


def _last_verdicts(about_it: Iterable[tuple[HostState, Remarks]]) -> Iterable[Statement]:
    """Return the last verdict of each journal: an earlier one of the same journal does not stand any more."""
    last: dict[str, Statement] = {}
    for host, about in about_it:
        for event in about.thread.events:
            if event.kind in VERDICT_KINDS and event.state:
                before = last.get(host.origin_id)
                if before is None or event.position > before.event.position:
                    last[host.origin_id] = Statement(host, event)
    return last.values()


def _standing(verdicts: Sequence[Statement], is_before: IsBefore) -> tuple[Statement, ...]:
    return tuple(
        verdict
        for verdict in verdicts
        if not any(is_before(verdict.stamp, other.stamp) for other in verdicts if other is not verdict)
    )


def _sort_key(known: TeamHypothesis) -> tuple[int, ...]:
    if OPEN not in known.states:
        return (1, -max(verdict.event.position for verdict in known.standing))
    newest = max((thread.events[-1].position for _, thread in known.threads if thread.events), default=0)
    return (
        0,
        len(known.contradicts),
        -len(known.supports),
        -(newest or known.hypothesis.position),
    )
