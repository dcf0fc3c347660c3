"""The judge of the soak on journals that are written by hand: what it must find, and what it must let pass."""

from __future__ import annotations

from collections.abc import Iterable

import judge
import pytest
from books import Answer, Books, Problem, Text
from journal_files import File, Journal, chain, cup_words, journal_of, rows_of
from torn import torn_lines

from threeam.core.format.entry import Stamp

ALICE = "[BY: alice@db1:7]"


def at(second: int, ns: int = 0) -> str:
    return str(Stamp((1_795_490_047 + second) * 10**9 + ns))


def note(second: int, words: str, *, cups: int = 0, by: str = ALICE) -> bytes:
    return f"[{at(second)}] [COFFEE: {cups}] {by} {words}".encode()


def repeated(second: int, words: str, *, cups: int = 0, tags: str = "") -> bytes:
    return f"[{at(second)}] [COFFEE: {cups}] {ALICE} [AT: {at(0)}]{tags} {words}".encode()


def log(*lines: bytes, name: str = "sanity.log", inode: int = 1) -> File:
    return File(name, inode, b"".join(line + b"\n" for line in lines))


def given(
    books: Books, words: str, answer: Answer = Answer.ACKNOWLEDGED, *, writer: str = "w", block: str = ""
) -> Text:
    text = books.begin(words, writer, block)
    text.set(answer)
    return text


def script_line(books: Books, second: int, words: str, answer: Answer = Answer.ACKNOWLEDGED) -> bytes:
    raw = f"[{at(second)}] [COFFEE: 1] {words}".encode()
    books.script_line(raw, words, len(books.script_lines) + 1).set(answer)
    return raw


def rules(problems: Iterable[Problem]) -> list[str]:
    return [problem.rule for problem in problems]


def of(books: Books, *files: File) -> Journal:
    return journal_of(list(files), books)


def test_an_acknowledged_line_is_there_once() -> None:
    books = Books()
    for words in ("once", "twice", "lost"):
        given(books, words)
    journal = of(books, log(note(1, "once"), note(2, "twice"), note(3, "twice")))
    assert [problem.text for problem in judge.counted(journal, books, [])] == [
        "'twice' was acknowledged, and is there 2 times",
        "'lost' was acknowledged, and is there 0 times",
    ]


def test_a_refused_and_an_unread_line_are_not_there() -> None:
    books = Books()
    given(books, "refused", Answer.REFUSED)
    given(books, "unread", Answer.UNREAD)
    assert rules(judge.counted(of(books, log()), books, [])) == []
    assert rules(judge.counted(of(books, log(note(1, "refused"), note(2, "unread"))), books, [])) == ["count", "count"]


def test_an_unsure_and_an_unknown_line_are_there_once_at_most() -> None:
    books = Books()
    given(books, "unsure", Answer.UNSURE)
    given(books, "unknown", Answer.UNKNOWN)
    assert rules(judge.counted(of(books, log(note(1, "unknown"))), books, [])) == []
    assert rules(judge.counted(of(books, log(note(1, "unsure"), note(2, "unsure"))), books, [])) == ["count"]


def test_a_line_that_is_repeated_after_a_rotation_is_not_a_second_one() -> None:
    books = Books()
    given(books, "the sweeper")
    opened = note(1, "Hypothesis: the sweeper", by=f"{ALICE} [H1: open]")
    again = repeated(2, "Hypothesis: the sweeper", tags=" [H1: open]")
    assert rules(judge.counted(of(books, log(opened), log(again)), books, [])) == []


def test_what_was_printed_is_what_is_in_the_log() -> None:
    books = Books()
    books.begin("said", "w").set(Answer.ACKNOWLEDGED, note(1, "said"))
    assert rules(judge.printed_as_written(of(books, log(note(1, "said"))))) == []
    assert rules(judge.printed_as_written(of(books, log(note(2, "said"))))) == ["printed"]


def test_the_lines_of_one_writer_keep_their_order_and_those_of_two_need_not() -> None:
    books = Books()
    given(books, "one")
    given(books, "two")
    given(books, "other", writer="another")
    assert rules(judge.order_of_each_writer(of(books, log(note(1, "other"), note(2, "one"), note(3, "two"))))) == []
    assert rules(judge.order_of_each_writer(of(books, log(note(1, "two"), note(2, "one"))))) == ["order"]


def test_what_was_acknowledged_before_another_was_begun_stands_before_it() -> None:
    books = Books()
    given(books, "one", writer="a")
    given(books, "two", writer="b")
    assert rules(judge.order_in_time(of(books, log(note(1, "one"), note(2, "two"))))) == []
    assert rules(judge.order_in_time(of(books, log(note(1, "two"), note(2, "one"))))) == ["time"]


def test_a_block_is_whole_and_in_one_piece() -> None:
    books = Books()
    for words in ("a", "| b"):
        given(books, words, Answer.UNKNOWN, block="a")
    given(books, "other")
    assert rules(judge.blocks_whole(of(books, log(note(1, "a"), note(2, "| b"))), books)) == []
    assert rules(judge.blocks_whole(of(books, log(note(1, "other"))), books)) == []
    assert rules(judge.blocks_whole(of(books, log(note(1, "a"))), books)) == ["block"]
    assert rules(judge.blocks_whole(of(books, log(note(1, "a"), note(2, "other"), note(3, "| b"))), books)) == ["block"]
    assert rules(judge.blocks_whole(of(books, log(note(1, "a")), log(note(2, "| b"))), books)) == ["block"]


def test_cups_count_on_and_every_line_says_how_many_there_are() -> None:
    books = Books()
    cup = [note(n, f"Coffee: cup {n} of the night.", cups=n) for n in range(4)]
    assert rules(judge.cups_counted(of(books, log(note(1, "x"), cup[1], cup[2], note(3, "y", cups=2))))) == []
    assert rules(judge.cups_counted(of(books, log(cup[1], cup[1])))) == ["cups"]
    assert rules(judge.cups_counted(of(books, log(cup[1], note(3, "y"))))) == ["cups"]
    assert rules(judge.cups_counted(of(books, log(cup[1]), log(cup[1], inode=2)))) == []  # another log begins


def test_a_cup_is_the_text_of_the_process_that_wrote_it() -> None:
    books = Books()
    given(books, cup_words(7, 1))
    cup = note(1, "Coffee: cup 1 of the night.", cups=1)
    assert rules(judge.counted(of(books, log(cup)), books, [])) == []
    assert rules(judge.counted(of(books, log(note(1, "x"))), books, [])) == ["count"]
    _, problems = torn_lines(of(books, log(cup, cup)), books)
    assert rules(problems) == ["foreign"]


def test_hypotheses_are_numbered_without_a_gap() -> None:
    books = Books()
    opened = [note(n, f"Hypothesis: {n}", by=f"{ALICE} [H{n}: open]") for n in range(4)]
    assert rules(judge.numbers_counted(of(books, log(opened[1], opened[2], opened[3])))) == []
    assert rules(judge.numbers_counted(of(books, log(opened[1], opened[3])))) == ["numbers"]
    assert rules(judge.numbers_counted(of(books, log(opened[1], opened[1])))) == ["numbers"]


def test_of_two_hypotheses_of_one_number_one_at_most_was_acknowledged() -> None:
    books = Books()
    given(books, "a")
    b = given(books, "b", Answer.UNSURE)
    lines = [note(n, f"Hypothesis: {words}", by=f"{ALICE} [H1: open]") for n, words in enumerate("ab")]
    assert rules(judge.acknowledged_numbers(of(books, log(*lines)))) == []
    b.set(Answer.ACKNOWLEDGED)
    assert rules(judge.acknowledged_numbers(of(books, log(*lines)))) == ["numbers"]


def test_a_cup_may_come_twice_if_a_line_in_doubt_between_them_says_fewer() -> None:
    books = Books()
    for pid in (8, 9):
        given(books, cup_words(pid, 1))
    stale = given(books, "stale", Answer.UNSURE)
    cups = [note(n, "Coffee: cup 1 of the night.", cups=1, by=f"[BY: alice@db1:{n}]") for n in (8, 9)]
    lines = [cups[0], note(8, "stale", by="[BY: alice@db1:7]"), cups[1]]
    assert rules(judge.acknowledged_numbers(of(books, log(*lines)))) == []
    assert rules(judge.acknowledged_numbers(of(books, log(*cups)))) == ["numbers"]
    assert rules(judge.acknowledged_numbers(of(books, log(cups[0], note(8, "stale", cups=1), cups[1])))) == ["numbers"]
    stale.set(Answer.ACKNOWLEDGED)
    assert rules(judge.acknowledged_numbers(of(books, log(*lines)))) == ["numbers"]


def test_a_new_file_begins_with_the_state_of_all_before_it() -> None:
    first = log(note(0, "Coffee: cup 1 of the night.", cups=1, by=f"{ALICE} [MG: 95]"), name="sanity.1.log")
    begin = repeated(1, "Continued from sanity.1.log")
    ns = (1_795_490_047) * 10**9
    carried = [
        repeated(2, "Carried: 1 cups of alice.", cups=1),
        repeated(3, "Doses: 1 of alice.", tags=f" [WATER: 0] [DOSES: 95@{ns}]"),
    ]
    assert rules(judge.states_repeated([first, log(begin, *carried, note(4, "x", cups=1))])) == []
    assert "state" in rules(judge.states_repeated([first, log(begin, note(4, "x", cups=1))]))
    assert "state" in rules(judge.states_repeated([first, log(begin, carried[0], note(4, "x", cups=1))]))
    assert rules(judge.states_repeated([first, log(note(4, "x"))])) == []  # it continues nothing


def test_a_line_that_comes_after_the_rotation_has_read_its_file_is_neither_repeated_nor_always_heard() -> None:
    """There were two holders of the lock, and 3am has told of it: only the script's line is taken for written."""
    books = Books()
    given(books, "seen")
    given(books, "in doubt", Answer.UNSURE)
    by_script = script_line(books, 1, "Hypothesis: the pool")
    last, begin = script_line(books, 0, "x"), repeated(2, "Continued from sanity.1.log")
    in_doubt = note(1, "Hypothesis: in doubt", by=f"{ALICE} [H1: open]")

    def found(*old: bytes) -> list[str]:
        evidence = judge.Evidence(of(books, log(*old, name="sanity.1.log"), log(begin)), heard=[[last, begin]])
        relaxed = judge.judge(books, evidence, judge.Rules(lock=False))
        return rules(problem for problem in relaxed if problem.rule in ("state", "heard"))

    assert found(last, by_script, in_doubt) == []
    assert found(by_script, last) == ["state", "state", "heard"]
    assert found(last, note(1, "Hypothesis: seen", by=f"{ALICE} [H1: open]")) == ["state", "state", "heard"]
    journal = of(books, log(last, by_script, name="sanity.1.log"), log(begin))
    strict = judge.judge(books, judge.Evidence(journal, heard=[[last, begin]]), judge.Rules())
    assert {"state", "heard"} <= set(rules(strict))


def test_the_doctor_must_find_what_is_expected_and_no_more() -> None:
    books = Books()
    journal = of(books, log(note(1, "x")))
    finding = {"file": "sanity.log", "offset": 0, "what": "double", "text": "it was written twice"}
    assert rules(judge.doctor_agrees(journal, [], [], 0)) == []
    assert rules(judge.doctor_agrees(journal, [], [], 5)) == ["doctor"]
    assert rules(judge.doctor_agrees(journal, [], [finding], 5)) == ["doctor", "doctor"]


def test_the_doctor_must_find_a_clock_that_the_script_cannot_declare() -> None:
    books = Books()
    lines = [note(5, "ahead"), script_line(books, 3, "script")]
    journal = of(books, log(*lines))
    finding = {"file": "sanity.log", "offset": len(lines[0]) + 1, "what": "backwards", "text": "by 2 s"}
    assert rules(judge.doctor_agrees(journal, [], [finding], 5)) == []
    assert rules(judge.doctor_agrees(journal, [], [], 0)) == ["doctor", "doctor"]


def test_a_follower_prints_each_line_once_and_in_order() -> None:
    books = Books()
    given(books, "cut back", Answer.REFUSED)
    lines = [note(n, f"line {n}") for n in range(4)]
    journal = of(books, log(*lines[:2]), log(repeated(9, "Continued from x"), *lines[2:]))

    def heard(*printed: bytes) -> list[str]:
        return rules(judge.heard_all(journal, books, printed, "it"))

    assert heard(*lines) == []
    warning = "WARNING: Clock stepped back 1.000 s; the order of the file is the true order."
    assert heard(lines[0], note(8, warning), note(8, "cut back"), *lines[1:]) == []
    assert heard(*lines[:3]) == ["heard"]
    assert heard(*lines, lines[0]) == ["heard"]
    assert rules(judge.heard_in_order(journal, lines, "it")) == []
    assert rules(judge.heard_in_order(journal, [lines[1], lines[0], *lines[2:]], "it")) == ["heard"]
    assert heard(*lines, note(8, "nobody's")) == ["heard"]


def test_a_follower_of_a_log_that_was_taken_away_may_miss_lines_if_it_says_so() -> None:
    books = Books()
    given(books, "x")
    line = note(1, "x")
    journal = of(books, log(line))
    assert rules(judge.heard_once(journal, [], "it", gap=True)) == []
    assert rules(judge.heard_once(journal, [], "it", gap=False)) == ["heard"]
    assert rules(judge.heard_once(journal, [line, line], "it", gap=True)) == ["heard"]


def test_an_acknowledgement_without_a_sync_is_found() -> None:
    books = Books()
    given(books, "x")
    given(books, "doubtful", Answer.UNSURE)
    journal = of(books, log(note(1, "x"), note(2, "doubtful")))
    size = len(note(1, "x")) + 1
    assert rules(judge.synced(journal, [f"7 lost 1 {size} 500"])) == []
    assert rules(judge.synced(journal, [f"7 lost 1 0 {size}"])) == ["sync"]
    assert rules(judge.synced(journal, ["7 unsynced by exit 0"])) == ["sync"]


def test_a_line_that_nobody_wrote_is_found() -> None:
    books = Books()
    _, problems = torn_lines(of(books, log(b"garbage", note(1, "whose?"), b"")), books)
    assert rules(problems) == ["foreign"] * 3
    warning = "WARNING: Clock stepped back 1.000 s; the order of the file is the true order."
    _, problems = torn_lines(of(books, log(note(1, warning), note(2, "Acquired sanity lock."))), books)
    assert rules(problems) == []


def test_a_line_of_the_script_may_be_torn_by_a_full_disk_and_by_nothing_else() -> None:
    books = Books()
    torn = script_line(books, 1, "torn", Answer.UNKNOWN)
    complete = script_line(books, 2, "whole")
    journal = of(books, log(torn[:40], complete))
    assert rules(torn_lines(journal, books)[1]) == ["foreign"]
    text = books.script_lines[torn]
    books.full_disk.append([text.answered, text.answered + 1])
    torn_found, problems = torn_lines(journal, books)
    assert rules(problems) == []
    assert [line.beginnings for line in torn_found] == [(torn[:40],)]
    finding = {"file": "sanity.log", "offset": 0, "what": "foreign", "text": "torn"}
    assert rules(judge.doctor_agrees(journal, torn_found, [finding], 5)) == []


def test_a_line_is_torn_once_and_only_if_it_was_not_acknowledged() -> None:
    books = Books()
    torn = script_line(books, 1, "torn", Answer.UNKNOWN)
    complete = script_line(books, 2, "whole")
    text = books.script_lines[torn]
    books.full_disk.append([0, text.answered + 10**12])
    assert rules(torn_lines(of(books, log(torn[:40], torn[:50], complete)), books)[1]) == ["foreign"]
    assert rules(torn_lines(of(books, log(complete[:-2])), books)[1]) == ["foreign"]


@pytest.mark.parametrize("size", [1, 20, 37, 38, 44, 49, 66, 70])
def test_a_line_in_doubt_that_a_second_holder_of_the_lock_has_written_behind_is_torn(size: int) -> None:
    books = Books()
    given(books, "in doubt", Answer.UNSURE)
    complete = script_line(books, 2, "whole")
    torn = note(1, "in doubt")[:size]
    journal = of(books, log(torn + complete))
    found, problems = torn_lines(journal, books, lock=False)
    assert rules(problems) == []
    assert rules(judge.counted(journal, books, found)) == []
    assert rules(torn_lines(journal, books)[1]) == ["foreign"]  # the lock excludes the second holder
    twice = of(books, log(torn, torn + complete))
    assert rules(torn_lines(twice, books, lock=False)[1]) == ["foreign"]  # one line is torn once
    other = of(books, log(note(1, "in dread") + complete))
    assert rules(torn_lines(other, books, lock=False)[1]) == ["foreign"]


def test_what_was_glued_to_torn_lines_counts_as_there() -> None:
    books = Books()
    torn = [script_line(books, n, f"torn {n}", Answer.UNKNOWN) for n in range(2)]
    complete = script_line(books, 2, "whole")
    books.full_disk.append([0, 10**18 * 9])
    journal = of(books, log(torn[0][:45] + torn[1][:-2] + complete))
    torn_found, problems = torn_lines(journal, books)
    assert rules(problems) == []
    assert [line.glued for line in torn_found] == [books.script_lines[complete]]
    assert rules(judge.counted(journal, books, torn_found)) == []


def test_a_short_beginning_does_not_take_the_line_of_a_long_one() -> None:
    books = Books()
    torn = [script_line(books, n, f"torn {n}", Answer.UNKNOWN) for n in range(2)]
    complete = script_line(books, 2, "whole")
    books.full_disk.append([0, 10**18 * 9])
    glued, alone = torn[1][:5] + complete, torn[0][:-2]
    assert rules(torn_lines(of(books, log(glued, alone)), books)[1]) == []
    assert rules(torn_lines(of(books, log(glued, alone, b"[2")), books)[1]) == ["foreign"]


def test_the_doctor_finds_a_line_that_was_glued_to_one_that_parses() -> None:
    books = Books()
    torn = script_line(books, 1, "torn", Answer.UNKNOWN)
    complete = script_line(books, 2, "whole")
    books.full_disk.append([0, 10**18 * 9])
    journal = of(books, log(torn[:-2] + complete))
    torn_found, _ = torn_lines(journal, books)
    finding = {"file": "sanity.log", "offset": 0, "what": "torn", "text": "torn"}
    assert rules(judge.doctor_agrees(journal, torn_found, [finding], 5)) == []
    assert rules(judge.doctor_agrees(journal, torn_found, [], 0)) == ["doctor", "doctor"]


def test_the_doctor_cannot_find_a_glued_line_whose_clock_was_ahead_of_the_next_one() -> None:
    books = Books()
    torn = script_line(books, 1, "torn", Answer.UNKNOWN)
    complete = script_line(books, 2, "whole")
    books.full_disk.append([0, 10**18 * 9])
    torn_found, _ = torn_lines(of(books, log(torn[:-2] + complete)), books)
    finding = {"file": "sanity.log", "offset": 0, "what": "torn", "text": "torn"}
    before = of(books, log(torn[:-2] + complete, note(1, "x")))
    assert rules(judge.doctor_agrees(before, torn_found, [], 0)) == []
    after = of(books, log(torn[:-2] + complete, note(2, "x")))
    assert rules(judge.doctor_agrees(after, torn_found, [finding], 5)) == []


def test_an_unfinished_last_line_has_no_place_in_the_order_of_a_follower() -> None:
    old = File("sanity.1.log", 1, note(1, "x") + b"\n" + note(2, "y")[:30])
    live = log(repeated(3, "Continued from sanity.1.log"), note(4, "z"))
    books = Books()
    given(books, "x")
    given(books, "z")
    assert (
        rules(judge.heard_in_order(of(books, old, live), [note(1, "x"), note(4, "z"), note(2, "y")[:30]], "it")) == []
    )
    assert rules(judge.heard_in_order(of(books, old, live), [note(4, "z"), note(1, "x")], "it")) == ["heard"]


def test_a_text_that_a_screen_had_back_is_above_the_next_one_and_never_glued_to_it() -> None:
    books = Books()
    for number in range(1, 5):
        given(books, f"screen-{number}.")
    journal = of(books, log(note(1, "screen-1."), note(2, "| screen-2."), note(3, "screen-3.screen-4.")))
    assert rules(torn_lines(journal, books)[1]) == ["foreign"]
    assert rules(judge.counted(journal, books, [])) == ["count", "count"]


def test_a_file_that_no_other_links_to_is_not_in_the_chain() -> None:
    old = log(note(1, "x"), name="sanity.1.log")
    live = log(repeated(2, "Continued from sanity.1.log"))
    other = log(note(3, "y"), name="sanity.2.log")
    assert [file.name for file in chain([old, live, other], "sanity.log")] == ["sanity.1.log", "sanity.log"]


def test_the_last_line_without_a_newline_is_a_row_too() -> None:
    rows = list(rows_of([File("sanity.log", 1, note(1, "x") + b"\n" + note(2, "y"))]))
    assert [(row.offset, row.finished) for row in rows] == [(0, True), (len(note(1, "x")) + 1, False)]
