"""The rules of ``3am races``: each finds its pattern, and not its harmless twin."""

from __future__ import annotations

import pytest

from support.commands import Run, good, refused
from support.race_logs import at, races, write_lines

# What the lines of web1 and web2 are, by their milliseconds, and the rule that finds something: certain or possible.
A, B = "req=a", "req=b"
PATTERNS = {
    "use after delete": (
        [(0, f"{A} update cart=1"), (10, f"{A} delete cart=1")],
        [(20, f"{B} update cart=1")],
        [("use after delete", True)],
    ),
    "created again": (
        [(0, f"{A} delete cart=1"), (10, "req=c create cart=1")],
        [(20, f"{B} update cart=1")],
        [],
    ),
    "maybe created again": (
        [(0, f"{A} delete cart=1"), (20, f"{B} update cart=1")],
        [(20, "req=c create cart=1")],
        [("use after delete", False)],
    ),
    "update before delete": ([(0, f"{A} update cart=1")], [(20, f"{B} delete cart=1")], []),
    "use after delete by the same actor": ([(0, f"{A} delete cart=1"), (1, f"{A} update cart=1")], [], []),
    "too far apart": ([(0, f"{A} delete cart=1")], [(700_000, f"{B} update cart=1")], []),
    "lost update": (
        [(0, f"{A} read cart=1"), (10, f"{A} write cart=1")],
        [(5, f"{B} write cart=1")],
        [("lost update", True)],
    ),
    "one after the other": (
        [(0, f"{A} read cart=1"), (10, f"{A} write cart=1")],
        [(11, f"{B} read cart=1"), (15, f"{B} write cart=1")],
        [],
    ),
    "two transactions of one actor": (
        [(0, f"{A} read cart=1"), (2, f"{A} commit cart=1"), (10, f"{A} write cart=1")],
        [(5, f"{B} write cart=1")],
        [],
    ),
    "two reads differ": (
        [(0, f"{A} read cart=1"), (10, f"{A} read cart=1")],
        [(5, f"{B} write cart=1")],
        [("two reads differ", True)],
    ),
    "own write overwritten": (
        [(0, f"{A} write cart=1"), (10, f"{A} read cart=1")],
        [(5, f"{B} write cart=1")],
        [("own write overwritten", True)],
    ),
    "half an update read": (
        [(0, f"{A} write cart=1"), (10, f"{A} write cart=1")],
        [(5, f"{B} read cart=1")],
        [("half an update read", True)],
    ),
    "begun twice": (
        [(0, f"{A} start cart=1"), (30, f"{A} done cart=1")],
        [(10, f"{B} start cart=1")],
        [("done twice", True)],
    ),
    "begun again after the end": (
        [(0, f"{A} start cart=1"), (5, f"{A} done cart=1")],
        [(10, f"{B} start cart=1")],
        [],
    ),
    "ended twice": (
        [(0, f"{A} create cart=1"), (5, f"{A} done cart=1")],
        [(10, f"{B} done cart=1")],
        [("done twice", True)],
    ),
    "check, then act": (
        [(0, f"{A} exists cart=1"), (10, f"{A} insert cart=1")],
        [(5, f"{B} exists cart=1"), (15, f"{B} insert cart=1")],
        [("check, then act", True)],
    ),
    "checked after the act": (
        [(0, f"{A} exists cart=1"), (4, f"{A} insert cart=1")],
        [(5, f"{B} exists cart=1"), (15, f"{B} insert cart=1")],
        [],
    ),
    "order of equal stamps": (
        [(10, f"{A} delete cart=1")],
        [(10, f"{B} update cart=1")],
        [("use after delete", False)],
    ),
    "order of equal stamps in one file": (
        [(10, f"{A} delete cart=1"), (10, f"{B} update cart=1")],
        [],
        [("use after delete", False)],
    ),
    "another key": ([(0, f"{A} delete cart=1")], [(1, f"{B} update cart=11")], []),
}


@pytest.mark.parametrize("case", PATTERNS)
def test_a_rule_finds_its_pattern_and_not_its_twin(case: str, run: Run) -> None:
    web1, web2, expected = PATTERNS[case]
    logs = [write_lines(f"web{n}.log", (at(*line) for line in web)) for n, web in ((1, web1), (2, web2)) if web]
    code, groups = races(run, *map(str, logs))
    assert [(group["rule"], group["certain"]) for group in groups] == expected
    assert code == any(is_certain for _, is_certain in expected)
    for group in groups:
        if not group["certain"] and case.startswith("order"):
            assert group["order"] == "order not known"


def test_the_clock_decides_between_certain_and_possible(run: Run) -> None:
    write_lines("web1.log", [at(0, "req=x idle"), at(10.000001, f"{A} delete cart=1", 9)])
    write_lines("web2.log", [at(0, "req=x idle"), at(13.200001, f"{B} update cart=1", 9)])
    certain = ("--shift", "web2=0s±3.199ms")
    possible = ("--shift", "web2=0s±3.2ms")
    assert [group["certain"] for group in races(run, *certain, "web1.log", "web2.log")[1]] == [True]
    assert [group["certain"] for group in races(run, *possible, "web1.log", "web2.log")[1]] == [False]


def test_many_findings_are_one_row_with_the_closest(run: Run) -> None:
    write_lines("web1.log", [at(100 * key + 0.001, f"req={key} delete cart={key % 65}") for key in range(1, 201)])
    write_lines(
        "web2.log", [at(100 * key + 7.001 + key, f"req=u{key} update cart={key % 65}") for key in range(1, 201)]
    )
    _, groups = races(run, "web1.log", "web2.log")
    (row,) = [group for group in groups if group["rule"] == "use after delete" and group["certain"]]
    assert (row["findings"], row["keys"], row["seen_keys"]) == (200, 65, 65)
    assert row["closest"]["gap_ns"] == 8_000_000


def test_what_is_against_the_habit_needs_no_known_words(run: Run) -> None:
    usual = [
        line for key in range(150) for line in ((10 * key, f"pick cart={key}"), (10 * key + 5, f"ship cart={key}"))
    ]
    write_lines("web1.log", (at(ms, text) for ms, text in [*usual, (2000, "ship cart=999"), (2003, "pick cart=999")]))
    code, groups = races(run, "web1.log")
    assert [(group["rule"], group["operations"], group["keys"]) for group in groups] == [
        ("against the habit", ["ship", "pick"], 1)
    ]
    assert code == 1


def test_a_retry_and_a_pid_are_reasons_to_doubt(run: Run) -> None:
    write_lines(
        "web1.log", [at(0, "app[1]: delete cart=1"), at(9, "app[2]: read cart=2"), at(20, "app[2]: write cart=2")]
    )
    write_lines("web2.log", [at(5, "app[3]: retry update cart=1"), at(10, "app[4]: write cart=2")])
    _, groups = races(run, "web1.log", "web2.log")
    doubts = {group["rule"]: group["closest"]["doubts"] for group in groups}
    remedy = "a group (?P<actor>…) in each --key settles that"
    other_log = f"a pid in each log, but maybe one request ({remedy})"
    assert doubts == {
        "use after delete": ["a retry", other_log],
        "lost update": [f"one process may serve several requests ({remedy})", other_log],
    }


def test_the_report_is_a_table_with_the_lines(run: Run) -> None:
    write_lines("web1.log", [at(0, "boot"), at(10, "req=a delete cart=42")])
    write_lines("web2.log", [at(11.5, "req=b update cart=42")])
    done = run("races", "--key", r"cart=(?P<key>\d+)", "web1.log", "web2.log")
    assert done.returncode == 1
    lines = done.stdout.decode().splitlines()
    assert lines[:-1] == [
        "CERTAIN",
        "  use after delete: delete → update, web1 → web2, cart: 1 of 1 keys, closest 1.5ms",
        "      2026-11-24 03:14:07",
        "      │ 2026-11-24 03:14:07.010000  web1:2  2026-11-24T03:14:07.010000Z req=a delete cart=42",
        "      │ 2026-11-24 03:14:07.011500  web2:1  2026-11-24T03:14:07.011500Z req=b update cart=42",
        "THE SEARCH",
        "  2 lines name a key; keys: 1 of cart; actor = request id",
    ]
    assert lines[-1].startswith("  assumed: web1, web2 have one clock; 3am align measures it")


def test_without_a_key_candidates_are_proposed_and_nothing_is_searched(run: Run) -> None:
    lines = [(key, f"req=r{key} delete cart={key} user=7 took=3") for key in range(9)]
    write_lines("web1.log", (at(*line) for line in lines))
    write_lines("web2.log", (at(ms + 1, text.replace("req=r", "req=q")) for ms, text in lines))
    shown = good(run("races", "web1.log", "web2.log"))
    assert "  cart: 9 values, 9 under two actors, 9 in two logs" in shown
    assert "3am races --key 'cart=(?P<key>\\d+)' web1.log web2.log" in shown
    assert "use after delete" not in shown


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--key", "cart="), "needs a group that is the key"),
        (("--key", "(?P<key>.)", "--op", "Z=x"), "write a letter and words"),
        (("--key", "(?P<key>.)", "--window", "soon"), "write a duration"),
        (("--key", "(?P<key>.)", "--same", "web1=nginx"), "there is no such source"),
        (("--shuffle", "9"), "--key is needed"),
    ],
)
def test_a_bad_option_is_refused_in_one_sentence(args: tuple[str, ...], sentence: str, run: Run) -> None:
    write_lines("web1.log", [at(0, "x")])
    assert sentence in refused(run("races", *args, "web1.log"), 2)


def test_a_log_without_timestamps_is_left_out(run: Run) -> None:
    write_lines("web1.log", [at(0, "req=a delete cart=1"), at(5, "req=b update cart=1")])
    write_lines("plain.log", ["cart=1 delete", "cart=1 update"])
    done = run("races", "--json", "--key", r"cart=(?P<key>\d+)", "web1.log", "plain.log")
    assert done.returncode == 1
    assert b"plain: no timestamp found, so its lines have no order: they are not searched for keys" in done.stderr
    assert refused(run("races", "missing.log", "--key", "(.)"), 3).endswith("No such file or directory")


@pytest.mark.parametrize(
    ("line", "is_certain"),
    [
        ("delete cart=42 ok", True),
        ("delete cart=42 errors=0 status=204", True),
        ("failed to delete cart=42", False),
        ("delete_failed cart=42", False),
        ("CartDeleteRejected cart=42", False),
        ("beforeDelete cart=42", False),
        ("undo delete cart=42", False),
        ("delete cart=42 rc=-1", False),
        ("delete cart=42 rows_affected=0", False),
        ("DELETE http://web/cart=42 -> 404", False),
        ("delete cart=42 statusCode=503", False),
        ("delete cart=42 code=PERMISSION_DENIED", False),
        ("delete cart=42 enqueued", False),
        ("acquiring lock to delete cart=42", False),
        ("delete cart=42 timeout=30s wait_ms=5 before=10", True),
        ("delete cart=42 rows=10 rc=0 status=204 failed_logins=0", True),
        ('delete cart=42 "errors":[],"err":"","error":null', True),
        ("delete cart=42 name IS NOT NULL", True),
        ("will delete cart=42", False),
        ("delete cart=42 denied", False),
        ("did not delete cart=42", False),
        ("didn't delete cart=42", False),
        ("delete cart=42: 0 rows", False),
        ("delete cart=42 status=409", False),
        ("ERROR delete cart=42: timeout", False),
    ],
)
def test_a_line_that_says_that_it_failed_is_a_reason_to_doubt(line: str, is_certain: bool, run: Run) -> None:
    write_lines("web1.log", [at(0.001, "boot"), at(1.001, f"{A} {line}")])
    write_lines("web2.log", [at(9.001, f"{B} update cart=42")])
    code, groups = races(run, "web1.log", "web2.log")
    assert [(group["rule"], group["certain"]) for group in groups] == [("use after delete", is_certain)]
    assert code == is_certain


def test_a_create_that_failed_does_not_explain_a_use_after_a_delete(run: Run) -> None:
    write_lines("web1.log", [at(0.001, f"{A} delete cart=42"), at(1.001, "req=c create cart=42 failed")])
    write_lines("web2.log", [at(9.001, f"{B} update cart=42")])
    _, groups = races(run, "web1.log", "web2.log")
    assert [(group["rule"], group["certain"]) for group in groups] == [("use after delete", False)]
