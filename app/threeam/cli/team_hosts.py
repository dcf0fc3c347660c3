"""The journals of a team, as the commands that tell of people and hypotheses need them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from threeam.cli.console import print_err
from threeam.cli.context import Context
from threeam.core.errors import JournalError
from threeam.core.format.remote_hypothesis import Bound, Named
from threeam.core.state.fold import OPEN, State
from threeam.core.state.host_state import HostState
from threeam.core.store.attachments import has_mirrors
from threeam.core.write.draft import hypothesis_number
from threeam.projections import FOLD

if TYPE_CHECKING:
    from threeam.human.team_cups import TeamCups
    from threeam.team.clocks.host_order import HostOrder


def read_hosts_of(ctx: Context, own: State) -> list[HostState]:
    """Return ``own``, the state of this journal, and those of the mirrored ones. Raises OSError or `FileUnusable`."""
    if not has_mirrors(ctx.journal):
        return [HostState("", "", own, is_own=True)]
    from threeam.team.mirrors.host_states import HostStates

    return HostStates(ctx.journal, FOLD).read(own)


def order_of_hosts(ctx: Context, hosts: Sequence[HostState]) -> HostOrder:
    """Return the order of what is said on different ``hosts``, as far as their clocks show it."""
    from threeam.team.clocks.host_clocks import clock_of
    from threeam.team.clocks.host_order import HostOrder

    (own,) = (host for host in hosts if host.is_own)
    return HostOrder(own.origin_id, partial(clock_of, ctx.journal))


def own_cups(ctx: Context, hosts: Sequence[HostState]) -> TeamCups:
    """Return the author's cups this night on ``hosts``."""
    from threeam.human.team_cups import team_cups

    settings = ctx.settings
    return team_cups(hosts, ctx.author.user, ctx.clock().ns, settings.night_gap_ns, settings.same_person)


def with_all_cups(ctx: Context, hosts: Sequence[HostState]) -> State:
    """Return the state of this journal to show, with the author's cups on all ``hosts``."""
    from threeam.human.team_cups import with_team_cups

    settings = ctx.settings
    return with_team_cups(hosts, ctx.author.user, ctx.clock().ns, settings.night_gap_ns, settings.same_person)


def count_open_hypotheses(ctx: Context, hosts: Sequence[HostState]) -> int:
    """Return how many hypotheses of this journal are open, by what all ``hosts`` say."""
    (own,) = (host for host in hosts if host.is_own)
    if len(hosts) == 1:
        return len(own.state.open_hypotheses())
    from threeam.hypotheses.team_fold import team_hypotheses

    found = team_hypotheses(hosts, order_of_hosts(ctx, hosts).is_before)
    return sum(not known.host and OPEN in known.states for known in found)


def has_evidence_on_hosts(ctx: Context, number: int) -> bool:
    """Return whether any host has evidence about the hypothesis of this journal with this number."""
    if not has_mirrors(ctx.journal):
        return False
    from threeam.hypotheses.team_fold import has_evidence, team_hypotheses

    hosts = read_hosts_if_possible(ctx, ctx.load_state())
    return has_evidence(team_hypotheses(hosts, order_of_hosts(ctx, hosts).is_before), number)


def read_hosts_if_possible(ctx: Context, own: State) -> list[HostState]:
    """Return what `read_hosts_of` does; only ``own`` if a mirror cannot be read, which must not prevent a line."""
    try:
        return read_hosts_of(ctx, own)
    except (JournalError, OSError) as error:
        print_err(f"other hosts are left out: {error}")
        return [HostState("", "", own, is_own=True)]


def cups_until_toxic(ctx: Context) -> int:
    """Return the setting toxic_cups without the cups that the author had on other hosts this night."""
    limit = ctx.settings.toxic_cups
    if not has_mirrors(ctx.journal):
        return limit
    return limit - own_cups(ctx, read_hosts_if_possible(ctx, ctx.load_state())).elsewhere


def read_bound(ctx: Context, name: str | None) -> Bound | None:
    """Return the hypothesis that ``-H`` names, so that an unknown one is reported before anything is run.

    Raises as `read_hypothesis_name` does, and `PreconditionFailed` if this journal has no such hypothesis.
    """
    if name is None:
        return None
    named = read_hypothesis_name(ctx, name)
    return hypothesis_number(ctx.load_state(), named) if isinstance(named, str) else named


def read_hypothesis_name(ctx: Context, name: str) -> Named:
    """Return the hypothesis that ``db1/H7`` names; any other name as it is. Raises as `find_remote_hypothesis` does."""
    if "/" not in name:
        return name
    from threeam.team.mirrors.host_states import find_remote_hypothesis

    return find_remote_hypothesis(ctx.journal, FOLD, name)
