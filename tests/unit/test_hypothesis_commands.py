"""Hypotheses, evidence, corrections and changes from the shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.commands import Run
from support.hypotheses import BOB, CRON, OF_THE_SCRIPT, hypothesis_entry, state_after, verdict_entry, written_entries
from support.lines import at_second
from threeam.core.format.entry import Entry, Stamp, format_entry, parse_entry
from threeam.core.store.journal import Journal, Segment
from threeam.hypotheses.changes import change_draft, open_changes
from threeam.hypotheses.drafts import hypothesis_draft
from threeam.hypotheses.guards import LATE_PREDICTION
from threeam.projections import FOLD

NOT_YET = "@2026-11-24T03:14:07.000000001+0000"  # before the first line of every log here


# --- the shell


def good(run: Run, *argv: str) -> str:
    done = run(*argv)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def one_line(run: Run, *argv: str) -> Entry:
    (raw,) = good(run, *argv).splitlines()
    entry = parse_entry(raw.encode())
    assert entry is not None
    return entry


def refused(run: Run, code: int, *argv: str) -> list[str]:
    """What is said on stderr of a command that does not do it."""
    done = run(*argv)
    assert (done.returncode, done.stdout) == (code, b""), done
    return done.stderr.decode().splitlines()


def test_a_hunt_is_told_from_the_shell(run: Run) -> None:
    good(run, "hyp", "new", "the", "sweeper")
    seen = one_line(run, "log", "UPDATE 2 ms after DELETE")
    assert one_line(run, "hyp", "predict", "h1", "500 clean runs").text == "Prediction: 500 clean runs"
    assert one_line(run, "hyp", "support", "1", f"@{seen.stamp}").text == f"Supports: @{seen.stamp} {seen.text}"
    against = one_line(run, "hyp", "contradict", "H1", "it", "was", "off")
    assert (against.text, against.hypothesis) == ("Contradicts: it was off", (1, "open"))
    (listed,) = [json.loads(line) for line in good(run, "hyp", "list", "--json").splitlines()]
    assert {"number", "state", "claim", "supports", "contradicts", "by", "at"} <= listed.keys()
    assert (listed["number"], listed["state"], listed["claim"]) == (1, "open", "the sweeper")
    assert (listed["supports"], listed["contradicts"]) == (1, 1)
    assert listed["by"].startswith("alice@")
    stamp = Stamp.parse(listed["at"])
    assert stamp is not None
    assert listed["ts_ns"] == str(stamp.ns)
    story = [parse_entry(line.encode()) for line in good(run, "hyp", "show", "H1").splitlines()]
    assert [entry.kind for entry in story if entry] == ["Hypothesis", "Prediction", "Supports", "Contradicts"]
    late = run("hyp", "predict", "H1", "and 500 more")
    assert late.returncode == 0
    assert late.stderr.decode().splitlines() == [f"3am: H1: {LATE_PREDICTION}"]


def test_a_corrected_claim_is_what_the_list_shows(run: Run) -> None:
    claimed = parse_entry(good(run, "hyp", "new", "replica 1 lags").splitlines()[1].encode())
    assert claimed is not None
    fixed = one_line(run, "correct", f"@{claimed.stamp}", "replica 2 lags")
    assert fixed.text == f"Correction: @{claimed.stamp} replica 2 lags"
    assert one_line(run, "correct", f"@{fixed.stamp}", "replica 3 lags").text.startswith(
        f"Correction: @{claimed.stamp} "
    )
    assert good(run, "hyp", "list") == "H1   open      +0 -0  replica 3 lags\n"
    assert json.loads(good(run, "hyp", "list", "--json"))["claim"] == "replica 3 lags"
    assert "replica 1 lags" in good(run, "hyp", "show", "H1")  # nothing is rewritten


def test_a_stamp_from_the_shell_gets_its_words_once(run: Run) -> None:
    taken = one_line(run, "stamp")
    assert (taken.text, taken.tag("STAMP")) == ("Stamp: words follow", "now")
    given_words = one_line(run, "stamp", f"@{taken.stamp}", "the", "lag", "jumped")
    assert given_words.text == f"Words: @{taken.stamp} the lag jumped"
    assert refused(run, 1, "stamp", f"@{taken.stamp}", "precious words") == [
        f"3am: not written: @{taken.stamp} precious words",
        f"3am: @{taken.stamp} has its words already, 'the lag jumped': correct them instead",
    ]


def test_what_was_changed_is_ticked_off_from_the_shell(run: Run) -> None:
    first = one_line(run, "changed", "flag", "on", "--undo", "flag off")
    assert (first.text, first.tag("CHANGE")) == ("Changed: flag on (undo: flag off)", "open")
    second = one_line(run, "changed", "pool at 50")
    lines = refused(run, 1, "undone")
    assert str(first.stamp) in lines[0]
    assert str(second.stamp) in lines[0]
    assert one_line(run, "undone", f"@{first.stamp}").text == f"Undone: @{first.stamp} flag off"
    assert refused(run, 1, "undone", f"@{first.stamp}", "again")[1].startswith("3am: that was undone already, by alice")
    assert one_line(run, "undone", "pool", "at", "20").text == f"Undone: @{second.stamp} pool at 20"
    assert refused(run, 1, "undone") == ["3am: nothing is left to undo"]


def test_whoever_takes_the_journal_holds_it(run: Run) -> None:
    assert one_line(run, "take").text == "Taken: alice holds the journal now."
    assert refused(run, 1, "take") == ["3am: alice holds the journal already"]
    assert one_line_as(run, "bob", "take").text == "Taken: bob holds the journal now, and no longer alice."


def one_line_as(run: Run, user: str, *argv: str) -> Entry:
    done = run(*argv, LOGNAME=user)
    assert done.returncode == 0, done.stderr.decode()
    entry = parse_entry(done.stdout.rstrip(b"\n"))
    assert entry is not None
    return entry


@pytest.mark.parametrize(
    ("argv", "words", "named"),
    [
        (["hyp", "predict", "H9", "precious"], "precious", "there are H1"),
        (["hyp", "support", "H9", "precious"], "precious", "there are H1"),
        (["hyp", "contradict", "9", "precious"], "precious", "there are H1"),
        (["hyp", "confirm", "H9", "precious"], "precious", "there are H1"),
        (["hyp", "confirm", "H1", "precious"], "precious", "H1 is confirmed already: 300 clean runs"),
        (["hyp", "support", "H1", NOT_YET, "precious"], f"{NOT_YET} precious", f"the nearest one is @{at_second(0)}"),
        (["correct", NOT_YET, "precious"], f"{NOT_YET} precious", f"the nearest one is @{at_second(0)}"),
        (
            ["correct", f"@{at_second(99)}", "precious"],
            f"@{at_second(99)} precious",
            f"the nearest one is @{at_second(5)}",
        ),
        (["stamp", f"@{at_second(0)}", "precious"], f"@{at_second(0)} precious", "is not a stamp without words"),
        (["undone", f"@{at_second(0)}", "precious"], f"@{at_second(0)} precious", "is not a change"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_answer_no_names_what_there_is_and_hands_the_words_back(
    run: Run, log: Path, argv: list[str], words: str, named: str
) -> None:
    before = b"".join(
        map(format_entry, [hypothesis_entry(1, "the sweeper"), verdict_entry(1, "confirmed", "300 clean runs", 5)])
    )
    log.write_bytes(before)
    given_back, why = refused(run, 1, *argv)
    assert given_back == f"3am: not written: {words}"
    assert named in why
    assert log.read_bytes() == before


@pytest.mark.parametrize(
    "argv",
    [
        ["hyp", "support", "H1", "@nonsense", "precious"],
        ["hyp", "contradict", "H1", "@2026-02-31T00:00:00.000000000+0000", "precious"],
        ["undone", "@nonsense", "precious"],
    ],
    ids=" ".join,
)
def test_a_word_that_is_not_a_stamp_is_bad_usage_and_the_words_come_back(run: Run, argv: list[str]) -> None:
    given_back, why = refused(run, 2, *argv)
    assert given_back.startswith("3am: not written: @")
    assert given_back.endswith("precious")
    assert "is not a stamp: write it as the log has it" in why


@pytest.mark.parametrize(
    "argv",
    [
        ["hyp", "predict", "H1", " "],
        ["hyp", "support", "H1"],
        ["hyp", "contradict", "H1", ""],
        ["changed", " "],
        ["changed"],
        ["correct"],
        ["take", "x"],
    ],
    ids=" ".join,
)
def test_bad_usage_is_one_sentence_and_leaves_nothing_behind(run: Run, log: Path, argv: list[str]) -> None:
    (why,) = refused(run, 2, *argv)
    assert why.startswith("3am")
    assert not log.exists()


@pytest.mark.parametrize(
    "argv",
    [
        ["correct", f"@{at_second(0)}", " "],
        ["correct", "@nonsense", "x"],
        ["correct", "no stamp before"],
        ["stamp", "no stamp before"],
        ["stamp", f"@{at_second(0)}"],
        ["stamp", "@nonsense"],
    ],
    ids=" ".join,
)
def test_words_without_their_stamp_come_back(run: Run, log: Path, argv: list[str]) -> None:
    given_back, why = refused(run, 2, *argv)
    assert given_back == f"3am: not written: {' '.join(argv[1:])}"
    assert "stamp" in why or "no words" in why
    assert not log.exists()


@pytest.mark.parametrize(
    "argv",
    [
        ["hyp", "predict", "H1", "x"],
        ["hyp", "support", "H1", f"@{at_second(0)}"],
        ["hyp", "park", "H1", "x"],
        ["stamp", f"@{at_second(0)}", "x"],
        ["correct", f"@{at_second(0)}", "x"],
        ["undone"],
    ],
    ids=" ".join,
)
def test_without_a_log_the_answer_is_no_and_there_is_none_after(run: Run, log: Path, argv: list[str]) -> None:
    refused(run, 1, *argv)
    assert not log.exists()
    assert good(run, "hyp", "list") == ""


def test_a_claim_like_a_refuted_one_is_written_and_the_old_reason_told(run: Run, log: Path) -> None:
    log.write_bytes(
        b"".join(
            map(format_entry, [hypothesis_entry(1, "the replica lags"), verdict_entry(1, "refuted", "0.4 ms", 5, BOB)])
        )
    )
    done = run("hyp", "new", "replicas are lagging")
    assert done.returncode == 0
    assert done.stderr.decode() == "3am: H2 resembles H1 'the replica lags', refuted by bob: 0.4 ms\n"
    assert b"[H2: open] Hypothesis: replicas are lagging\n" in done.stdout


def test_quiet_commands_print_nothing_and_write(run: Run) -> None:
    for argv in (["stamp", "-q"], ["changed", "-q", "flag on"], ["undone", "-q"], ["take", "-q"]):
        assert good(run, *argv) == ""
    assert len(good(run, "tail").splitlines()) == 4


# --- what a first reading of all this got wrong


def test_a_claim_that_mentions_a_hypothesis_of_the_scripts_does_not_swallow_it() -> None:
    state = FOLD(OF_THE_SCRIPT, written_entries(hypothesis_draft(f"unlike {CRON} the pool leaks", 4), OF_THE_SCRIPT, 6))
    assert len(state.hypotheses) == len(OF_THE_SCRIPT.hypotheses) + 1


def test_the_reason_of_a_verdict_is_reported_as_it_was_corrected(run: Run) -> None:
    run("hyp", "new", "the replica lags")
    verdict = one_line(run, "hyp", "refute", "H1", "replica 1 was off")
    run("correct", f"@{verdict.stamp}", "replica 2 was off")
    assert "replica 2 was off" in run("hyp", "list").stdout.decode()
    assert "replica 2 was off" in run("hyp", "list", "--json").stdout.decode()
    assert "replica 2 was off" in run("hyp", "new", f"the replica lags, see @{verdict.stamp}").stderr.decode()
    assert "replica 2 was off" in run("hyp", "refute", "H1", "no").stderr.decode()


def test_an_undo_of_several_lines_and_one_in_the_text_stay_apart() -> None:
    assert written_entries(change_draft("a", "b\nc"), FOLD.empty_state, 0)[0].text == "Changed: a (undo: b / c)"
    state = state_after(*written_entries(change_draft("x (undo: y)", "z"), FOLD.empty_state, 0))
    assert [(change.text, change.undo) for change in open_changes(state)] == [("x (undo: y)", "z")]


def test_a_log_that_goes_while_a_hypothesis_is_shown_is_a_sentence(
    run_here: Run, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_here("hyp", "new", "it races")
    look = Journal.open_live

    def goes(journal: Journal) -> Segment | None:
        """The file as it was found, which is deleted at once."""
        warnings = look(journal)
        log.unlink(missing_ok=True)
        return warnings

    monkeypatch.setattr(Journal, "open_live", goes)
    done = run_here("hyp", "show", "H1")
    assert (done.returncode, b"it races" in done.stdout, done.stderr) == (0, True, b"")
    done = run_here("hyp", "show", "H1")
    assert (done.returncode, b"there is no log at" in done.stderr) == (1, True)


def test_a_hypothesis_as_json_has_its_reasons_and_is_the_one_of_the_handoff(run: Run) -> None:
    good(run, "hyp", "new", "the sweeper races the writer")
    good(run, "hyp", "support", "H1", "seen twice")
    good(run, "hyp", "refute", "H1", "the sweeper was off")
    good(run, "hyp", "reopen", "H1", "a second sweeper")
    shown = json.loads(good(run, "hyp", "show", "H1", "--json"))
    assert (shown["number"], shown["state"], shown["supports"]) == (1, "open", 1)
    assert [(move["kind"], move["text"]) for move in shown["moves"]] == [
        ("Supports", "seen twice"),
        ("Conclusion", "the sweeper was off"),
        ("Reopened", "a second sweeper"),
    ]
    assert [shown] == json.loads(good(run, "handoff", "--json"))["hypotheses"]
    assert refused(run, 1, "hyp", "show", "H2", "--json")


def test_a_claim_is_no_evidence_for_itself(run: Run) -> None:
    lines = good(run, "hyp", "new", "the sweeper races the writer").splitlines()
    claim = next(entry for raw in lines if (entry := parse_entry(raw.encode())) and entry.kind == "Hypothesis")
    *_, sentence = refused(run, 1, "hyp", "support", "H1", f"@{claim.stamp}")
    assert "that line is H1 itself" in sentence
    good(run, "hyp", "new", "the pool hands out dirty connections")
    good(run, "hyp", "contradict", "H2", f"@{claim.stamp}", "it explains the same")
