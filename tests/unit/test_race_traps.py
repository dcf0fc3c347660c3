"""Logs that look like races and are not: `3am races` finds nothing, or says why the finding is only possible."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from support.commands import Run, good
from support.race_reports import Report, races
from support.race_traps import CART, JOB, at, certain, downgraded, write
from threeam.races.finding import Rule

# A line is not the act: it may be written at the end of it, or have the time of its start.


def access_log(name: str, time: str, request: str) -> str:
    """Write an access log of two requests."""
    line = '10.0.0.9 - - [24/Nov/2026:{} +0000] "{} HTTP/1.1" 200 5 "-" "curl/8.5"'
    return write(name, line.format("03:14:01", "GET /health"), line.format(time, request))


def test_the_end_of_a_request_is_not_the_time_of_its_act(run: Run) -> None:
    app = write("app.log", at("03:14:07.100", "request_id=a delete cart=12"))
    web = access_log("web.log", "03:14:09", "PUT /cart/12")
    report = races(run, "--key", CART, "--format", "web=nginx-access", app, web)
    group = downgraded(report, Rule.AFTER_DELETE, "end")
    assert group.row["closest"]["distance_ns"] == [None, 2_900_000_000]
    text = run("races", "--key", CART, "--format", "web=nginx-access", app, web).stdout.decode()
    assert "true distance at most +2.9s" in text


def test_the_start_of_a_request_is_not_the_time_of_its_act(run: Run) -> None:
    web = access_log("web.log", "03:14:07", "DELETE /cart/12")
    app = write("app.log", at("03:14:09.100", "request_id=b update cart=12"))
    report = races(run, "--key", CART, "--format", "web=apache-access", app, web)
    downgraded(report, Rule.AFTER_DELETE, "start")


@pytest.mark.parametrize(("duration_ms", "is_certain"), [("500.000", True), ("1500.000", False)])
def test_a_statement_with_a_duration_began_before_its_line(run: Run, duration_ms: str, is_certain: bool) -> None:
    """The delete is at :08, and the line of the update at :09."""
    db = write(
        "db.log",
        "2026-11-24 03:14:06.000 UTC [41] LOG:  duration: 0.100 ms  statement: SELECT 1",
        f"2026-11-24 03:14:09.000 UTC [42] LOG:  duration: {duration_ms} ms  statement: /* req=b */ UPDATE carts "
        "SET n = 1 WHERE cart = 12",
    )
    app = write("app.log", at("03:14:08.000", "req=a delete cart = 12"))
    report = races(run, "--key", r"req=(?P<actor>\w+).* cart = (?P<key>\d+)", app, db)
    if is_certain:
        certain(report, Rule.AFTER_DELETE)
    else:
        assert report.certain == []


def test_a_statement_without_a_duration_has_not_been_executed(run: Run) -> None:
    """It may wait for a lock, while others read the row."""
    db = write(
        "db.log",
        "2026-11-24 03:14:07.000 UTC [41] LOG:  statement: DELETE FROM carts WHERE cart = 12",
        "2026-11-24 03:14:08.000 UTC [42] LOG:  statement: SELECT n FROM carts WHERE cart = 12",
    )
    report = races(run, "--key", r"cart = (?P<key>\d+)", db)
    downgraded(report, Rule.AFTER_DELETE, "before it is executed")


def test_a_start_after_an_end_is_later(run: Run) -> None:
    """The delete had ended at :08, and the update began at :09."""
    web = access_log("web.log", "03:14:07", "DELETE /cart/12")
    proxy = access_log("proxy.log", "03:14:09", "PUT /cart/12")
    formats = ("--format", "web=nginx-access", "--format", "proxy=apache-access")
    group = downgraded(races(run, "--key", CART, *formats, web, proxy), Rule.AFTER_DELETE, "may be of one request")
    assert group.row["order"] == "known"


def test_a_statement_that_failed_did_nothing(run: Run) -> None:
    db = write(
        "db.log",
        "2026-11-24 03:14:07.000 UTC [41] ERROR:  canceling statement due to lock timeout",
        "2026-11-24 03:14:07.000 UTC [41] STATEMENT:  DELETE FROM carts WHERE cart = 12",
        "2026-11-24 03:14:08.000 UTC [42] LOG:  duration: 0.100 ms  statement: SELECT n FROM carts WHERE cart = 12",
    )
    report = races(run, "--key", r"cart = (?P<key>\d+)", db)
    downgraded(report, Rule.AFTER_DELETE, "failed")


# A number that is used again, and one that is a part of another.


@pytest.mark.parametrize(
    "duration",
    [
        "took 500 ms",
        "duration_ms=500",
        '"elapsedMs": 500',
        "in 500 ms",
        "(500ms)",
        "dur=0.5s",
        "response_time=0.5",
        "latency=500",
        "took 0m0.5s",
        "took 1m",
        "took 2min",
        "cost 500ms",
        "rt=0.500",
        "took 0:01",
        "took PT0.5S",
        "elapsed_micros=500000",
        "in 7 ms, took 0.5 s",
    ],
)
def test_a_duration_in_any_form_is_the_length_of_the_act(duration: str, run: Run) -> None:
    first = at("03:14:07.100", "req=a1 delete cart=42")
    log = write("a.log", first, at("03:14:07.300", f"req=b2 update cart=42 {duration}"))
    downgraded(races(run, "--key", CART, log), Rule.AFTER_DELETE, "order not known")


@pytest.mark.parametrize(
    "text", ["in 500 carts", "(500)", "cost=500", "in 10:30", "for 5 users", "took the rest", "runtime=java", "in 1ms"]
)
def test_another_number_is_no_duration(text: str, run: Run) -> None:
    first = at("03:14:07.100", "req=a1 delete cart=42")
    certain(
        races(run, "--key", CART, write("a.log", first, at("03:14:07.300", f"req=b2 update cart=42 {text}"))),
        Rule.AFTER_DELETE,
    )


@pytest.mark.parametrize("name", ["app.log.1", "app.log-20261124", "app.log.2.old", "linked.log"])
def test_an_older_file_of_a_log_has_the_same_processes(name: str, run: Run) -> None:
    text = at("03:14:07.100", "web[12]: delete cart=42")
    new = write("app.log", at("03:14:07.300", "web[12]: update cart=42"))
    if name == "linked.log":
        write(new, text, at("03:14:07.300", "web[12]: update cart=42"))
        Path(name).symlink_to(new)
    else:
        write(name, text)
    assert races(run, "--key", CART, name, new) == Report(0, [])


@pytest.mark.parametrize(
    ("first", "second", "is_certain"),
    [
        ("deleting", "update", False),
        ("started to delete", "update", False),
        ("finished deleting", "update", True),
        ("deleted", "updating", True),
    ],
)
def test_an_act_that_has_begun_may_not_be_done(first: str, second: str, is_certain: bool, run: Run) -> None:
    log = write("a.log", at("03:14:07.100", f"req=a1 {first} cart=42"), at("03:14:07.200", f"req=b2 {second} cart=42"))
    report = races(run, "--key", CART, log)
    if is_certain:
        certain(report, Rule.AFTER_DELETE)
    else:
        downgraded(report, Rule.AFTER_DELETE, "has begun")


def test_a_key_that_was_created_again_may_be_used(run: Run) -> None:
    log = write(
        "app.log",
        at("03:14:07.100", "request_id=a delete cart=12"),
        at("03:14:07.200", "request_id=b create cart=12"),
        at("03:14:07.300", "request_id=c update cart=12"),
    )
    assert races(run, "--key", CART, log) == Report(0, [])


def test_a_key_is_not_a_part_of_a_longer_one(run: Run) -> None:
    log = write(
        "app.log",
        at("03:14:07.100", "request_id=a delete cart=12"),
        at("03:14:07.200", "request_id=b update cart=123"),
        at("03:14:07.300", "request_id=c update supercart=12"),
        at("03:14:07.400", "request_id=d update cart=12_x"),
    )
    assert races(run, "--key", CART, log) == Report(0, [])


# What repeats, and who does it.


@pytest.mark.parametrize("mark", ["attempt=2", "retry 1", "redelivered", "retrying"])
def test_a_retry_is_not_done_twice_for_certain(run: Run, mark: str) -> None:
    log = write(
        "queue.log",
        at("03:14:07.100", "request_id=a start job=7"),
        at("03:14:37.200", f"request_id=b start job=7 {mark}"),
        at("03:14:37.900", "request_id=a done job=7"),
    )
    downgraded(races(run, "--key", JOB, log), Rule.TWICE, "retr")


def test_a_job_that_starts_twice_is_done_twice(run: Run) -> None:
    log = write(
        "queue.log",
        at("03:14:07.100", "request_id=a start job=7"),
        at("03:14:07.200", "request_id=b start job=7"),
        at("03:14:07.900", "request_id=a done job=7"),
    )
    certain(races(run, "--key", JOB, log), Rule.TWICE)


@pytest.mark.parametrize("duration", ["in 1.2s", "took 900 ms", "duration_ms=800"])
def test_the_duration_of_a_job_does_not_move_its_end(duration: str, run: Run) -> None:
    started = at("03:14:07.100", "request_id=a Started job=7"), at("03:14:07.200", "request_id=b Started job=7")
    finished = at("03:14:07.900", f"request_id=a Finished job=7 {duration}")
    certain(races(run, "--key", JOB, write("queue.log", *started, finished)), Rule.TWICE)
    late = started[1].replace("07.200", "08.200")
    log = write("queue.log", started[0], finished, late)
    assert races(run, "--key", JOB, log) == Report(0, [])


LOST_UPDATE = ("{} read cart=12", "{} update cart=12", "{} update cart=12")


def lost_update(*actors: str) -> str:
    """Write a log in which actors read, update and update a cart."""
    lines = [text.format(actor) for actor, text in zip(actors, LOST_UPDATE, strict=True)]
    return write("app.log", *(at(f"03:14:07.{number}00", line) for number, line in enumerate(lines)))


def test_one_process_may_serve_several_requests(run: Run) -> None:
    log = lost_update("app[42]:", "app[43]:", "app[42]:")
    downgraded(races(run, "--key", CART, log), Rule.LOST_UPDATE, "several requests")


def test_the_request_is_the_actor_if_the_lines_name_it(run: Run) -> None:
    one_process = ("app[42]: request_id={}", "app[43]: request_id={}", "app[42]: request_id={}")
    log = lost_update(*(actor.format(name) for actor, name in zip(one_process, "abc", strict=True)))
    assert races(run, "--key", CART, log) == Report(0, [])
    log = lost_update(*(actor.format(name) for actor, name in zip(one_process, "aba", strict=True)))
    certain(races(run, "--key", CART, log), Rule.LOST_UPDATE)


def test_a_request_and_a_transaction_may_be_one_actor(run: Run) -> None:
    web = write("web.log", at("03:14:07.100", "req=a1 delete cart=42"))
    db = write("db.log", at("03:14:07.200", "txid=77 update cart=42"))
    downgraded(races(run, "--key", CART, web, db), Rule.AFTER_DELETE, "different texts")


@pytest.mark.parametrize(("number", "is_certain"), [("7", False), ("123456789", False), ("a7", True)])
def test_a_number_may_be_another_request_in_each_log(number: str, is_certain: bool, run: Run) -> None:
    first = write("web1.log", at("03:14:07.100", f"req={number} read cart=42"))
    other = write("web2.log", at("03:14:07.150", "req=b2 write cart=42"))
    second = write("web3.log", at("03:14:07.200", f"req={number} write cart=42"))
    report = races(run, "--key", CART, first, other, second)
    if is_certain:
        certain(report, Rule.LOST_UPDATE)
    else:
        downgraded(report, Rule.LOST_UPDATE, "another request in each log")


def test_two_logs_of_one_event_are_not_two_actors(run: Run) -> None:
    app = write("app.log", at("03:14:07.100", "start job=7"), at("03:14:07.300", "done job=7"))
    proxy = write("proxy.log", at("03:14:07.101", "start job=7"), at("03:14:07.302", "done job=7"))
    files = ("--key", JOB, app, proxy)
    assert Rule.TWICE in {group.rule for group in races(run, *files).groups}
    assert races(run, "--same", "app=proxy", *files) == Report(0, [])


# A pattern that is everywhere, and one that chance makes.


def test_an_unprotected_counter_is_one_row(run: Run) -> None:
    lines: list[str] = []
    for number in range(1697):
        second = f"03:{number // 60:02}:{number % 60:02}"
        for millisecond, act in enumerate(("a{0} read", "b{0} incr", "a{0} incr")):
            lines.append(at(f"{second}.{100 + millisecond}", f"request_id={act.format(number)} stat=1"))
    for key in range(2, 66):
        lines.append(at("03:59:00.100", f"request_id=c{key} read stat={key}"))
        lines.append(at("03:59:00.200", f"request_id=c{key} incr stat={key}"))
    report = races(run, "--key", r"stat=(?P<key>\d+)", write("app.log", *lines))
    (group,) = [group for group in report.groups if group.rule == Rule.LOST_UPDATE]
    assert (group.findings, group.keys, group.seen_keys) == (1697, 1, 65)
    assert len(report.groups) == 1


def test_what_chance_makes_is_told_by_its_base_rate(run: Run) -> None:
    """Two logs that have nothing to do with each other: some deletes are before an update all the same."""
    rng = random.Random(14)
    for name, word in (("a.log", "delete"), ("b.log", "update")):
        times = sorted(f"03:{rng.randrange(60):02}:{rng.randrange(60):02}.{rng.randrange(1000):03}" for _ in range(60))
        write(name, *(at(time, f"request_id={word}{time} {word} cart={rng.randrange(40)}") for time in times))
    report = races(run, "--key", CART, "--window", "2m", "--shuffle", "39", "a.log", "b.log")
    (group,) = report.groups
    assert 0 < group.keys < group.seen_keys
    assert group.chance is not None
    assert group.chance > 0.05


def test_the_last_line_counts_without_its_newline(run: Run) -> None:
    text = at("03:14:07.100", "req=a1 delete cart=42") + "\n" + at("03:14:07.200", "req=b2 update cart=42")
    Path("a.log").write_text(text)
    certain(races(run, "--key", CART, "a.log"), Rule.AFTER_DELETE)


def test_bytes_before_the_key_that_are_not_utf_8_do_not_move_it(run: Run) -> None:
    first = at("03:14:07.100", "req=a1 read ? delete cart=42 and nothing else").encode().replace(b"?", b"\xff" * 8)
    Path("a.log").write_bytes(first + b"\n" + at("03:14:07.200", "req=b2 update cart=42").encode() + b"\n")
    (group,) = races(run, "--key", CART, "a.log").groups
    assert group.rule == Rule.AFTER_DELETE


def test_the_verb_near_a_key_counts_in_a_line_of_any_length(run: Run) -> None:
    long = at("03:14:07.100", "req=a1 update " + "x" * 300_000 + " y y y delete cart=42 done with it")
    certain(
        races(run, "--key", CART, write("a.log", long, at("03:14:07.200", "req=b2 update cart=42"))), Rule.AFTER_DELETE
    )


def test_the_verb_of_a_statement_is_not_that_of_other_lines_with_the_same_words_near_the_key(run: Run) -> None:
    log = write(
        "a.log",
        at("03:14:07.100", "req=a1 UPDATE carts SET state = 'deleted' of cart=41"),
        at("03:14:07.200", "req=a2 read cart=41"),
        at("03:14:07.300", "req=a3 state = 'deleted' of cart=42"),
        at("03:14:07.400", "req=a4 update cart=42"),
    )
    group = certain(races(run, "--key", CART, log), Rule.AFTER_DELETE)
    assert group.key == "42"


def test_of_a_line_of_thousands_of_keys_the_first_hundred_are_read(run: Run) -> None:
    keys = " ".join(f"cart={number}" for number in range(20_000))
    log = write("a.log", at("03:14:07.100", f"req=a1 delete {keys}"), at("03:14:07.200", f"req=b2 update {keys}"))
    printed = good(run("races", "--key", CART, log))
    assert "  2 lines name a key; keys: 100 of cart;" in printed


def test_a_line_that_names_many_keys_is_one_act(run: Run) -> None:
    keys = " ".join(f"cart={key}" for key in range(1, 40))
    log = write(
        "app.log",
        at("03:14:07.100", f"request_id=a sweep {keys}"),
        at("03:14:07.200", "request_id=b update cart=12"),
    )
    downgraded(races(run, "--key", CART, log), Rule.AFTER_DELETE, "keys")
