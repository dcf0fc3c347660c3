"""The state of a team does not depend on how its lines have arrived: as a property, through real mirrors."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from support.hypotheses import hypothesis_entry, line, verdict_entry
from support.team import DB1, message
from support.team_states import HOSTS, author_on, facts_of, order_not_known, remote, verdict_on
from threeam.core.format.entry import Entry, format_entry
from threeam.core.store.journal import Journal, resolve_journal
from threeam.human.team_cups import team_cups
from threeam.hypotheses.team_fold import team_hypotheses
from threeam.projections import FOLD
from threeam.team.messages.message import Message
from threeam.team.messages.position import Origin, stamp_name
from threeam.team.mirrors.host_states import HostStates
from threeam.team.mirrors.mirror import Mirror
from threeam.team.origin import origin_path

DB1_CLAIM, WEB1_CLAIM = hypothesis_entry(1, "the sweeper", 1, author_on("db1")), hypothesis_entry(1, "the cron job", 2)
ON_DB1, ON_WEB1 = remote("db1", 1, DB1_CLAIM), remote("web1", 1, WEB1_CLAIM)


def cup(host: str, number: int, seconds: float) -> Entry:
    text = f"Coffee: cup {number} of the night."
    return line(seconds, author_on(host), text, ("MG", "95"), cups=number)


JOURNALS = {
    "db1": [DB1_CLAIM, cup("db1", 1, 10), verdict_entry(1, "refuted", "it was off", 20, author_on("db1"))],
    "web1": [
        WEB1_CLAIM,
        line(15, author_on("web1"), "Supports: seen", *ON_DB1.tags()),
        verdict_on(ON_DB1, "confirmed", "300 clean runs", 19, author_on("web1")),
        cup("web1", 1, 21),
        cup("web1", 2, 22),
    ],
    "web2": [
        line(3, author_on("web2"), "hello"),
        verdict_on(ON_WEB1, "parked", "needs staging", 4, author_on("web2")),
        line(5, author_on("web2"), "Contradicts: it was off", *ON_DB1.tags()),
        verdict_on(ON_WEB1, "open", "seen", 6, author_on("web2")),
    ],
}


def sent_by(host: str) -> list[Message]:
    """Return a message for each line of a journal."""
    raw = [format_entry(entry) for entry in JOURNALS[host]]
    ends = [sum(map(len, raw[:count])) for count in range(len(raw) + 1)]
    segment, data = stamp_name(JOURNALS[host][0].stamp), b"".join(raw)
    sent = [message(data, begin, end, segment=segment) for begin, end in pairwise(ends)]
    return [each._replace(origin=Origin(HOSTS[host]), host=host) for each in sent]


MESSAGES = [each for host in HOSTS for each in sent_by(host)]


def host_journal(folder: Path, host: str) -> Journal:
    """Return the journal of a host, written and with its id."""
    journal = resolve_journal(str(folder / host / "sanity.log"))
    (folder / host).mkdir()
    Path(journal.log_path).write_bytes(b"".join(map(format_entry, JOURNALS[host])))
    Path(origin_path(journal)).write_text(f"{HOSTS[host]} 000001\n")
    return journal


def seen_on(journal: Journal, arrived: list[Message]) -> tuple[object, ...]:
    """Return the hypotheses and cups of the team on a host, after the messages of others have arrived."""
    for each in arrived:
        mirror = Mirror(journal, each.origin.id)
        mirror.write(each)
        mirror.close()
    live = journal.open_live()
    assert live is not None
    hosts = HostStates(journal, FOLD).read(FOLD.state_at(live, live.size()))
    found = team_hypotheses(hosts, order_not_known)
    cups = team_cups(hosts, "alice", JOURNALS["web1"][-1].stamp.ns, 10**12)
    return {known.key: facts_of(known) for known in found}, cups.total


@given(st.permutations(MESSAGES), st.lists(st.sampled_from(MESSAGES), max_size=6))
@settings(max_examples=8)
def test_every_host_comes_to_the_same_however_the_lines_arrive(order: list[Message], again: list[Message]) -> None:
    assert DB1.id == HOSTS["db1"]
    seen = []
    with tempfile.TemporaryDirectory() as folder:
        for host in HOSTS:
            others = [each for each in (*order, *again) if each.origin.id != HOSTS[host]]
            seen.append(seen_on(host_journal(Path(folder), host), others))
    hypotheses, cups = seen[0]
    assert seen == [(hypotheses, cups)] * 3
    assert cups == 3
    assert isinstance(hypotheses, dict)
    (_, states, verdicts, supports, contradicts) = hypotheses[ON_DB1.key]
    assert (states, len(verdicts), supports, contradicts) == (("confirmed", "refuted"), 2, 1, 1)
    assert hypotheses[ON_WEB1.key][1] == ("open",)
