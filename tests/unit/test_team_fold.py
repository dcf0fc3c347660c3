"""The hypotheses of all hosts: two verdicts of unknown order both stand, and every host comes to the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.hypotheses import hypothesis_entry, line, state_after, verdict_entry, written_entries
from support.lines import at_second
from support.team_states import (
    HOSTS,
    author_on,
    board,
    facts_of,
    order_not_known,
    order_of_stamps,
    remote,
    seen_from,
    verdict_on,
)
from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Entry, Stamp, format_entry, parse_entry
from threeam.core.format.remote_hypothesis import RemoteHypothesis, parse_remote_hypothesis
from threeam.core.write.draft import bound_note_draft
from threeam.hypotheses.drafts import conclusion_draft, evidence_draft, prediction_draft
from threeam.hypotheses.ledger import sorted_hypotheses
from threeam.hypotheses.remarks import remarks
from threeam.hypotheses.team_fold import team_hypotheses
from threeam.projections import FOLD

ALICE, BOB = author_on("web1"), author_on("web2", "bob")
H1 = remote("db1")
CLAIM = hypothesis_entry(1, "the sweeper", by=author_on("db1"))

# --- the line

remotes = st.builds(
    RemoteHypothesis,
    st.sampled_from(["db1", "db1·2", "a b", "x/H2", "db]"]),
    st.sampled_from(list(HOSTS.values())),
    st.integers(0, 999_999_999),
    st.builds(Stamp, st.integers(0, 4 * 10**18), st.sampled_from([0, 3600, -5400])),
)


@given(remotes, st.sampled_from(["", "refuted"]), st.sampled_from(["Supports", "Conclusion", "Prediction", "note"]))
def test_a_line_says_which_hypothesis_of_another_host_it_is_about(
    subject: RemoteHypothesis, state: str, kind: str
) -> None:
    written = line(0, ALICE, f"{kind}: it was off", *subject.tags(state))
    entry = parse_entry(format_entry(written)[:-1])
    assert entry is not None
    assert parse_remote_hypothesis(entry) == subject._replace(host=subject.host.replace("]", ")"))
    assert (entry.kind, entry.state_after) == (kind, state or None)
    assert entry.hypothesis is None  # for every reader that does not know the tag, it is about none of this log
    assert entry.hypothesis_name == subject.name.replace("]", ")")


@pytest.mark.parametrize(
    ("tags", "text"),
    [
        ((("ON", "db1/H7"),), "Conclusion: without the id of the journal"),
        ((("ON", "db1"), ("CLAIM", f"{HOSTS['db1']}@{at_second(0)}")), "Conclusion: without a number"),
        ((("ON", "db1/H7"), ("CLAIM", f"{HOSTS['db1']}@2026-02-31")), "Conclusion: no such day"),
        ((("H1", "refuted"), *H1.tags("refuted")), "Conclusion: of this log"),
        (H1.tags("open"), "Hypothesis: only its own log opens it"),
        (H1.tags(), "a note"),
    ],
)
def test_a_line_that_is_not_about_it_changes_nothing(tags: tuple[tuple[str, str], ...], text: str) -> None:
    assert remarks(state_after(line(0, ALICE, text, *tags))) == {}


def test_a_line_about_another_host_changes_nothing_of_the_own_hypotheses() -> None:
    own = (hypothesis_entry(1, "the cron job"), verdict_entry(1, "refuted", "it was off", 1))
    before, after = state_after(*own), state_after(*own, verdict_on(H1, "confirmed", "seen", 2, ALICE))
    assert after.hypotheses == before.hypotheses
    assert after.next_number() == before.next_number()


# --- the drafts


def test_what_is_written_about_it_has_its_tags() -> None:
    drafts = [
        prediction_draft(H1, "500 runs stay clean"),
        evidence_draft("support", H1, at_second(1), "seen"),
        conclusion_draft("refute", H1, "it was off\nand it still happened", 4),
        conclusion_draft("reopen", H1, "again", 4),
        bound_note_draft("Next: ask bob", H1),
    ]
    written = [entry for draft in drafts for entry in written_entries(draft, state_after(), 2, ALICE)]
    assert [(entry.kind, entry.hypothesis_name, entry.state_after) for entry in written] == [
        ("Prediction", "db1/H1", None),
        ("Supports", "db1/H1", None),
        ("Conclusion", "db1/H1", "refuted"),
        ("note", "db1/H1", "refuted"),
        ("Reopened", "db1/H1", "open"),
        ("Next", "db1/H1", None),
    ]


def test_a_line_counts_once_for_a_hypothesis_of_another_host() -> None:
    draft = evidence_draft("support", H1, at_second(1), "seen")
    said = state_after(*written_entries(draft, state_after(), 2, ALICE))
    with pytest.raises(PreconditionFailed, match="alice has said already that this line supports db1/H1"):
        written_entries(draft, said, 3, ALICE)


# --- what the lines add up to


def test_two_verdicts_of_unknown_order_both_stand_on_every_host() -> None:
    """The network is parted; db1 refutes, web1 confirms, and it is joined."""
    journals = {
        "db1": [CLAIM, verdict_entry(1, "refuted", "it was off", 60, author_on("db1"))],
        "web1": [verdict_on(H1, "confirmed", "300 clean runs", 3600, ALICE)],
        "web2": [],
    }
    for viewer in HOSTS:
        known = board(viewer, journals)["db1/H1"]
        assert known.states == ("confirmed", "refuted")
        assert [verdict.text for verdict in known.standing] == ["it was off", "300 clean runs"]


def test_of_two_verdicts_the_later_one_stands_if_the_clocks_show_it() -> None:
    journals = {
        "db1": [CLAIM, verdict_entry(1, "refuted", "it was off", 60, author_on("db1"))],
        "web1": [verdict_on(H1, "open", "seen again", 3600, ALICE)],
    }
    known = board("db1", journals, order_of_stamps)["db1/H1"]
    assert (known.states, [verdict.text for verdict in known.standing]) == (("open",), ["seen again"])


def test_of_one_journal_the_last_verdict_stands() -> None:
    said = [verdict_on(H1, state, state, at, ALICE) for at, state in enumerate(("refuted", "open", "confirmed"))]
    known = board("web2", {"db1": [CLAIM], "web1": said})["db1/H1"]
    assert (known.states, len(known.standing)) == (("confirmed",), 1)


def test_two_equal_verdicts_of_unknown_order_make_one_state() -> None:
    said = {
        "db1": [CLAIM],
        "web1": [verdict_on(H1, "refuted", "it was off", 9, ALICE)],
        "web2": [verdict_on(H1, "refuted", "seen without it", 7, BOB)],
    }
    known = board("db1", said)["db1/H1"]
    assert known.name == "H1"
    assert (known.states, len(known.standing)) == (("refuted",), 2)


def test_a_number_that_was_given_again_is_another_hypothesis() -> None:
    """db1 was restored from a backup, and has given the number again; what was said before is about the lost claim."""
    again = hypothesis_entry(1, "the cron job", 1000, author_on("db1"))
    said = [
        verdict_on(H1, "refuted", "it was off", 60, ALICE),
        verdict_on(remote("db1", 1, again), "confirmed", "seen", 1060, ALICE),
    ]
    found = team_hypotheses(seen_from("web1", {"db1": [again], "web1": said}), order_not_known)
    assert {(known.claim, known.states) for known in found} == {("the cron job", ("confirmed",)), ("", ("refuted",))}


def test_a_hypothesis_of_an_unknown_journal_is_known_from_what_is_said_about_it() -> None:
    known = board("web1", {"web1": [verdict_on(H1, "refuted", "it was off", 60, ALICE)]})["db1/H1"]
    assert (known.claim, known.states) == ("", ("refuted",))


def test_a_state_without_a_verdict_stands_too() -> None:
    parked = line(5, author_on("db1"), "later", ("H1", "parked"))
    journals = {"db1": [CLAIM, parked], "web1": [verdict_on(H1, "refuted", "it was off", 60, ALICE)]}
    assert board("web1", journals)["db1/H1"].states == ("parked", "refuted")


# --- as properties

steps = st.lists(
    st.tuples(
        st.sampled_from(list(HOSTS)),
        st.sampled_from(["claim", "Supports", "Contradicts", "confirmed", "refuted", "open", "note"]),
        st.sampled_from(list(HOSTS)),
        st.integers(1, 2),
    ),
    max_size=16,
)


def journals_of(taken: list[tuple[str, str, str, int]]) -> dict[str, list[Entry]]:
    """Return the journals after some steps: a host says something about a hypothesis of a host."""
    journals: dict[str, list[Entry]] = {host: [] for host in HOSTS}
    claims: dict[tuple[str, int], Entry] = {}
    for seconds, (host, verb, owner, number) in enumerate(taken):
        by = author_on(host)
        claim = claims.get((owner, number))
        if verb == "claim":
            count = sum(owner == host for owner, _ in claims) + 1
            claims[host, count] = hypothesis_entry(count, f"{host} {count}", seconds, by)
            journals[host].append(claims[host, count])
        elif claim is not None:
            is_verdict = verb in ("confirmed", "refuted", "open")
            subject = remote(owner, number, claim)
            own_tags = ((f"H{number}", verb if is_verdict else "open"),)
            tags = own_tags if owner == host else subject.tags(verb if is_verdict else "")
            kind = ("Reopened" if verb == "open" else "Conclusion") if is_verdict else verb
            journals[host].append(line(seconds, by, f"{kind}: {seconds}", *tags))
    return journals


@given(steps, st.booleans(), st.randoms())
def test_every_host_comes_to_the_same_in_whatever_order_the_journals_are_read(taken, known_order, random) -> None:  # type: ignore[no-untyped-def]
    journals, is_before = journals_of(taken), order_of_stamps if known_order else order_not_known
    expected = {name: facts_of(known) for name, known in board("db1", journals, is_before).items()}
    for viewer in HOSTS:
        read = dict(random.sample(sorted(journals.items()), len(journals)))
        assert {name: facts_of(known) for name, known in board(viewer, read, is_before).items()} == expected


@given(steps)
def test_without_other_hosts_the_board_is_that_of_the_log(taken: list[tuple[str, str, str, int]]) -> None:
    own = [entry for entry in journals_of(taken)["db1"] if entry.hypothesis is not None]
    state = state_after(*own)
    found = team_hypotheses(seen_from("db1", {"db1": own}), order_not_known)
    assert [known.hypothesis for known in found] == sorted_hypotheses(state)
    assert [known.states for known in found] == [(hypothesis.state,) for hypothesis in sorted_hypotheses(state)]


@given(steps)
def test_a_rotation_keeps_what_is_said_about_mirrors(taken: list[tuple[str, str, str, int]]) -> None:
    state = state_after(*journals_of(taken)["web1"])
    repeated = FOLD(FOLD.empty_state, FOLD.checkpoint(state, at_second(5000)))
    assert remarks(repeated) == remarks(state)
