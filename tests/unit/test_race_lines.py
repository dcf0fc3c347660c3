"""What a line means beside its operation: if it may mean something else, no finding on it is certain."""

from __future__ import annotations

import pytest

from support.commands import Run
from support.race_reports import Report, races
from support.race_traps import CART, JOB, at, certain, downgraded, write
from threeam.races.finding import Rule


@pytest.mark.parametrize(
    ("first", "second", "key", "things"),
    [
        ("delete session id=42", "update cart id=42", r"id=(?P<key>\d+)", "session, cart"),
        ("DELETE /sessions/42", "PUT /carts/42", r"/(?P<key>\d+)", "session, cart"),
        ("DELETE FROM old WHERE id = 42", "SELECT n FROM carts WHERE id = 42", r"id = (?P<key>\d+)", "old, cart"),
        ("DELETE FROM shop.cart WHERE id = 42", "UPDATE `carts` SET n = 1 WHERE id = 42", r"id = (?P<key>\d+)", ""),
        ("delete cart id=42", "update carts id=42", r"id=(?P<key>\d+)", ""),
        ("INFO id=42 deleted", "WARN id=42 updated", r"id=(?P<key>\d+)", ""),
        ("cart deleted id=42", "cart updated id=42", r"id=(?P<key>\d+)", ""),
        ("delete id=42", "INFO update id=42", r"id=(?P<key>\d+)", ""),
        ("deleteCart id=42", "carts updated for id=42", r"id=(?P<key>\d+)", ""),
        ("session deleted id=42", "cart updated id=42", r"id=(?P<key>\d+)", "session, cart"),
        ('msg="session deleted" id=42', 'msg="cart updated" id=42', r"id=(?P<key>\d+)", "session, cart"),
    ],
)  # fmt: skip
def test_an_equal_number_may_be_of_another_thing(first: str, second: str, key: str, things: str, run: Run) -> None:
    log = write("a.log", at("03:14:07.100", f"req=a1 {first}"), at("03:14:07.200", f"req=b2 {second}"))
    report = races(run, "--key", key, log)
    if things:
        downgraded(report, Rule.AFTER_DELETE, f"different things: {things}")
    else:
        certain(report, Rule.AFTER_DELETE)


def test_two_kinds_of_work_are_not_one_work_done_twice(run: Run) -> None:
    log = write(
        "a.log", at("03:14:07.100", "req=a1 begin checkout job=7"), at("03:14:07.200", "req=b2 start payment job=7")
    )
    downgraded(races(run, "--key", JOB, log), Rule.TWICE, "different things: checkout, payment")
    log = write(
        "a.log", at("03:14:07.100", "req=a1 begin checkout job=7"), at("03:14:07.200", "req=b2 start checkout job=7")
    )
    certain(races(run, "--key", JOB, log), Rule.TWICE)


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        ("user=bob.smith", "user=bob.jones", r"user=(?P<key>\w+)"),
        ("cart=42/items/7", "cart=42", r"cart=(?P<key>\d+)"),
        ("cart:42:lock", "cart:42", r"cart:(?P<key>\d+)"),
        ("host=web-1", "host=web-2", r"host=(?P<key>[a-z]+)"),
    ],
)
def test_a_part_of_a_longer_name_is_no_certain_key(first: str, second: str, key: str, run: Run) -> None:
    log = write("a.log", at("03:14:07.100", f"req=a1 delete {first}"), at("03:14:07.200", f"req=b2 update {second}"))
    downgraded(races(run, "--key", key, log), Rule.AFTER_DELETE, "part of a longer name")


@pytest.mark.parametrize("second", ["zoé", "zoë", "zoe\u0308"])
def test_a_letter_beyond_ascii_is_a_part_of_the_word(second: str, run: Run) -> None:
    log = write(
        "a.log", at("03:14:07.100", "req=a1 delete user=zoë"), at("03:14:07.200", f"req=b2 update user={second}")
    )
    assert races(run, "--key", r"user=(?P<key>zo\w*)", log) == Report(0, [])


@pytest.mark.parametrize("end", ["…", "»", " →", "—"])
def test_a_sign_beyond_ascii_ends_the_word(end: str, run: Run) -> None:
    log = write("a.log", at("03:14:07.100", f"req=a1 delete cart=42{end}"), at("03:14:07.200", "req=b2 update cart=42"))
    certain(races(run, "--key", CART, log), Rule.AFTER_DELETE)


UPDATE = at("03:14:07.900", "req=b2 update cart=42")


@pytest.mark.parametrize(
    "later",
    [
        ["  error: permission denied"],
        [at("03:14:07.200", "req=c3 update cart=7"), at("03:14:07.300", "req=a1 rollback")],
        [at("03:14:07.200", "req=a1 delete failed cart=42")],
        [at("03:14:07.200", "req=a1 read cart=7"), at("03:14:07.300", "req=a1 status=500")],
        [UPDATE, at("03:14:08.200", "req=a1 transaction rolled back")],
    ],
)
def test_a_later_line_of_the_actor_may_say_that_it_failed(later: list[str], run: Run) -> None:
    lines = [at("03:14:07.100", "req=a1 delete cart=42"), *later]
    log = write("a.log", *lines, *([] if UPDATE in later else [UPDATE]))
    report = races(run, "--key", CART, log)
    assert report.certain == []
    assert {group.rule for group in report.groups} == {Rule.AFTER_DELETE}


def test_a_later_line_in_another_log_may_say_that_it_failed(run: Run) -> None:
    log = write("a.log", at("03:14:07.100", "req=a1 delete cart=42"), UPDATE)
    other = write("b.log", at("03:14:08.000", "boot"), at("03:14:09.000", "req=a1 delete cart=42 failed"))
    report = races(run, "--key", CART, log, other)
    assert report.certain == []
    assert {group.rule for group in report.groups} == {Rule.AFTER_DELETE}


@pytest.mark.parametrize(
    "later",
    [
        [at("03:14:07.200", "req=c3 rollback")],
        [at("03:14:07.200", "req=a1 commit"), at("03:14:07.300", "req=a1 failed to send a mail")],
        [at("03:14:07.200", "req=a11 rollback")],
        [at("03:14:07.200", "req=a1 mail skipped"), at("03:14:07.300", "req=a1 errors=0 err=<nil>")],
    ],
)
def test_what_fails_later_may_be_something_else(later: list[str], run: Run) -> None:
    log = write("a.log", at("03:14:07.100", "req=a1 delete cart=42"), *later, UPDATE)
    certain(races(run, "--key", CART, log), Rule.AFTER_DELETE)


@pytest.mark.parametrize(
    "symptom", ["ERROR req=b2 checkout failed: cart is gone", "req=b2 status=500", "req=b2 rollback"]
)
def test_a_use_may_fail_because_of_the_delete(symptom: str, run: Run) -> None:
    log = write("a.log", at("03:14:07.100", "req=a1 delete cart=42"), UPDATE, at("03:14:08.000", symptom))
    certain(races(run, "--key", CART, log), Rule.AFTER_DELETE)


@pytest.mark.parametrize("other", ["pid=11 GET /favicon.ico 404", "pid=11 sweep done: 12 deleted, 3 skipped, 1 failed"])
def test_other_work_of_the_process_may_fail(other: str, run: Run) -> None:
    use = UPDATE.replace("req=b2", "pid=12")
    log = write("a.log", at("03:14:07.100", "pid=11 delete cart=42"), at("03:14:07.200", other), use)
    certain(races(run, "--key", CART, log), Rule.AFTER_DELETE)
    undone = at("03:14:07.300", "pid=11 rollback")
    log = write("a.log", at("03:14:07.100", "pid=11 delete cart=42"), undone, use)
    downgraded(
        races(run, "--key", CART, log), Rule.AFTER_DELETE, "something failed: '2026-11-24T03:14:07.300Z pid=11 roll"
    )


def test_the_last_write_of_a_lost_update_may_fail_because_of_it(run: Run) -> None:
    lines = ["req=a1 read cart=42", "req=b2 update cart=42", "req=a1 update cart=42"]
    lines = [at(f"03:14:07.{number}00", line) for number, line in enumerate(lines, 1)]
    certain(
        races(run, "--key", CART, write("a.log", *lines, at("03:14:08", "ERROR req=a1 sum failed"))), Rule.LOST_UPDATE
    )
    undone = write("a.log", *lines, at("03:14:08", "req=a1 rolled back"))
    downgraded(races(run, "--key", CART, undone), Rule.LOST_UPDATE, "something failed")


@pytest.mark.parametrize(("worker", "is_certain"), [("1", False), ("2", True), ("11", True)])
def test_a_named_actor_may_fail_later(worker: str, is_certain: bool, run: Run) -> None:
    failed = at("03:14:07.200", f"worker={worker} failed with code 1")
    log = write("a.log", at("03:14:07.100", "worker=1 delete cart=42"), failed, UPDATE.replace("req=b2", "worker=7"))
    report = races(run, "--key", r"worker=(?P<actor>\d+).* cart=(?P<key>\d+)", log)
    assert [group.is_certain for group in report.groups] == [is_certain]


def test_a_statement_that_is_rolled_back_was_not_done(run: Run) -> None:
    line = "2026-11-24 03:14:0{} UTC [{}] LOG:  duration: 0.100 ms  statement: {}"
    lines = [
        line.format("7.100", 11, "DELETE FROM carts WHERE id = 42"),
        line.format("7.200", 11, "ROLLBACK"),
        line.format("8.100", 12, "UPDATE carts SET n = 1 WHERE id = 42"),
    ]
    downgraded(races(run, "--key", r"id = (?P<key>\d+)", write("db.log", *lines)), Rule.AFTER_DELETE, "failed")
    lines[1] = lines[1].replace("ROLLBACK", "COMMIT")
    certain(races(run, "--key", r"id = (?P<key>\d+)", write("db.log", *lines)), Rule.AFTER_DELETE)


@pytest.mark.parametrize("step", ["parse <unnamed>", "bind S_1"])
def test_a_statement_that_is_prepared_does_nothing(step: str, run: Run) -> None:
    line = "2026-11-24 03:14:0{} UTC [{}] LOG:  duration: 0.100 ms  {}: {}"
    log = write(
        "db.log",
        line.format("7.100", 11, step, "DELETE FROM carts WHERE id = 42"),
        line.format("7.200", 12, "execute S_2", "UPDATE carts SET n = 1 WHERE id = 42"),
        line.format("7.300", 11, "execute S_1", "DELETE FROM carts WHERE id = 42"),
    )
    assert races(run, "--key", r"id = (?P<key>\d+)", log) == Report(0, [])


@pytest.mark.parametrize("actor", ["pid={}", "worker={}"])
def test_two_programs_may_work_on_one_request(actor: str, run: Run) -> None:
    web = write("web.log", at("03:14:07.100", f"{actor.format(11)} begin checkout job=7"))
    pay = write("pay.log", at("03:14:07.150", f"{actor.format(77)} start checkout job=7"))
    downgraded(races(run, "--key", JOB, web, pay), Rule.TWICE, "in each log, but maybe one request")
    certain(races(run, "--same", "web=pay", "--key", JOB, web, pay), Rule.TWICE)


def locks(taking: str, acts: str) -> str:
    """Write a log of locks: ``a+1`` takes lock 1, in the words ``taking``; ``a?1`` wants it; ``a-1`` releases it."""
    lines = []
    for number, act in enumerate(acts.split()):
        actor, sign, key = tuple(act)
        words = {"+": taking, "?": "acquiring", "-": "released"}[sign]
        lines.append(at(f"03:14:07.{100 + number}", f"req={actor}1 {words} lock cart={key}"))
    return write("a.log", *lines)


NESTED = "a+1 a+2 a-2 b+2 a-1 b+1 b-1 b-2"


def test_released_locks_are_not_taken(run: Run) -> None:
    certain(races(run, "--key", CART, locks("acquired", NESTED)), Rule.LOCK_ORDER)
    one_by_one = locks("acquired", "a+1 a-1 b+2 b-2 a+2 a-2 b+1 b-1")
    assert races(run, "--key", CART, one_by_one) == Report(0, [])


@pytest.mark.parametrize(
    ("acts", "is_certain"),
    [
        ("a?1 a+1 a?2 a+2 a-2 b?2 b+2 a-1 b?1 b+1 b-1 b-2", True),
        ("a+1 a?1 a+2 a-2 b+2 a-1 b+1 b-1 b-2", False),  # it is wanted while it is held
        ("a+1 a+1 a+2 a-2 b+2 a-1 b+1 b-1 b-2", False),
        ("a+1 a?2 b+2 a-1 b?1 b-2", False),
    ],
)
def test_a_lock_that_is_wanted_and_then_taken_is_taken_once(acts: str, is_certain: bool, run: Run) -> None:
    group = races(run, "--key", CART, locks("acquired", acts)).groups[0]
    assert (group.rule, group.is_certain) == (Rule.LOCK_ORDER, is_certain)


@pytest.mark.parametrize("words", ["read", "shared", "acquired shared"])
def test_a_shared_lock_blocks_no_reader(words: str, run: Run) -> None:
    downgraded(races(run, "--key", CART, locks(words, NESTED)), Rule.LOCK_ORDER, "shared")


def test_a_job_that_was_finished_is_not_done_twice(run: Run) -> None:
    log = write(
        "queue.log",
        at("03:14:07.100", "req=a1 processing job=7"),
        at("03:14:07.300", "req=a1 finished processing job=7"),
        at("03:14:08.100", "req=b2 processing job=7"),
    )
    assert races(run, "--key", JOB, log) == Report(0, [])


@pytest.mark.parametrize("between", ["restored", "recreated", "upsert", "undeleted"])
def test_what_was_restored_may_be_used(between: str, run: Run) -> None:
    deleted = at("03:14:07.100", "req=a1 delete cart=42")
    log = write("a.log", deleted, at("03:14:07.200", f"req=c3 {between} cart=42"), UPDATE)
    assert races(run, "--key", CART, log).certain == []


def test_an_add_to_a_key_does_not_create_it(run: Run) -> None:
    deleted = at("03:14:07.100", "req=a1 delete cart=42")
    log = write("a.log", deleted, at("03:14:07.200", "req=c3 add item=4 to cart=42"), UPDATE)
    downgraded(races(run, "--key", CART, log), Rule.AFTER_DELETE, "created again")


def test_a_read_that_found_nothing_is_no_use(run: Run) -> None:
    deleted = at("03:14:07.100", "req=a1 delete cart=42")
    for outcome in (": not found", " -> nil", " rows=0", " miss"):
        log = write("a.log", deleted, at("03:14:07.200", f"req=b2 get cart=42{outcome}"))
        assert races(run, "--key", CART, log) == Report(0, [])
    certain(races(run, "--key", CART, write("a.log", deleted, UPDATE.replace("update", "get"))), Rule.AFTER_DELETE)


@pytest.mark.parametrize(
    ("outcome", "is_found"), [("", False), (": not found", False), (" found", True), (" hit", True)]
)
def test_a_check_that_found_the_key_is_none(outcome: str, is_found: bool, run: Run) -> None:
    acts = [f"a1 get cart=42{outcome}", f"b2 get cart=42{outcome}", "a1 create cart=42", "b2 create cart=42"]
    log = write("a.log", *(at(f"03:14:07.{number}00", f"req={act}") for number, act in enumerate(acts)))
    rules = {group.rule for group in races(run, "--key", CART, log).groups}
    assert (Rule.CHECK_THEN_ACT in rules) == (outcome not in (" found", " hit"))


@pytest.mark.parametrize(
    "line",
    [
        "delete cart=42 -> false",
        "delete cart=42: context deadline exceeded",
        "delete cart=42: connection reset by peer",
        "delete cart=42 throttled",
        "delete cart=42 rollback",
        "delete cart=42 code=13",
        "dry_run=1 delete cart=42",
        "delete cart=42 dry_run=true",
        "EXPIRE cart=42 3600",
        "expire cart=42 in 60 s",
        "delete cart=42 status=pending",
        "delete cart=42 status=failed",
        "delete cart=42: stale version",
        "dropped stale delete cart=42",
        "removed stale cart=42 err=<eof>",
        "delete cart=42 error_count=1",
        "delete cart=42 deleted_count=0",
    ],
)
def test_an_act_that_was_not_done_is_a_doubt(line: str, run: Run) -> None:
    log = write("a.log", at("03:14:07.100", f"req=a1 {line}"), UPDATE)
    downgraded(races(run, "--key", CART, log), Rule.AFTER_DELETE, "failed, or is to come")


@pytest.mark.parametrize(
    "line",
    [
        "delete cart=42 dry_run=0",
        "delete cart=42 code=200",
        "cart=42 expired",
        "removed stale cart=42",
        "purged the stale cart=42",
        "delete cart=42 err=<nil>",
        "delete cart=42 error=null",
        "delete cart=42 error_count=0",
        "delete cart=42 retry_count=0",
        "delete cart=42 maxRetries=3",
        "delete cart=42 max_retries=3",
        'delete cart=42 {"retry":false}',
    ],
)
def test_an_act_that_was_done_is_no_doubt(line: str, run: Run) -> None:
    certain(races(run, "--key", CART, write("a.log", at("03:14:07.100", f"req=a1 {line}"), UPDATE)), Rule.AFTER_DELETE)


@pytest.mark.parametrize(
    ("line", "is_certain"),
    [
        ("update cart=42 status=pending", True),
        ("update cart=42 status=cancelled", True),
        ('get cart=42 {"state":"cancelled"}', True),
        ("UPDATE carts SET status = 'pending', mail = 'failed' WHERE cart=42", True),
        ("update cart=42 status=failed", False),
        ("update cart=42 cancelled", False),
        ("update cart=42 retry_count=1", False),
        ("update cart=42 retry after 5s", False),
    ],
)
def test_what_the_key_became_is_no_outcome_of_the_act(line: str, is_certain: bool, run: Run) -> None:
    deleted = at("03:14:07.100", "req=a1 delete cart=42")
    report = races(run, "--key", CART, write("a.log", deleted, at("03:14:07.900", f"req=b2 {line}")))
    assert [(group.rule, group.is_certain) for group in report.groups] == [(Rule.AFTER_DELETE, is_certain)]


@pytest.mark.parametrize("first", ["begin delete cart=42", "start the delete of cart=42", "delete cart=42 started"])
def test_a_delete_that_begins_may_end_later(first: str, run: Run) -> None:
    log = write("a.log", at("03:14:07.100", f"req=a1 {first}"), UPDATE)
    downgraded(races(run, "--key", CART, log), Rule.AFTER_DELETE, "has begun")


def test_an_epoch_with_digits_may_be_rounded(run: Run) -> None:
    first = write("a.log", "1795490047.100800 req=a1 delete cart=42")
    second = write("b.log", "1795490047.101 req=b2 update cart=42")
    downgraded(races(run, "--key", CART, first, second), Rule.AFTER_DELETE, "order not known")
    second = write("b.log", "1795490047.102 req=b2 update cart=42")
    certain(races(run, "--key", CART, first, second), Rule.AFTER_DELETE)


@pytest.mark.parametrize(
    ("late", "is_certain"),
    [
        (["30.000 ship", "30.002 pick"], True),
        (["00.900 ship", "30.002 pick"], False),
        (["30.000 ship", "30.002 pick", "30.005 ship"], False),
    ],
)
def test_a_log_may_begin_within_a_cycle(late: list[str], is_certain: bool, run: Run) -> None:
    usual = [
        f"{second:02}.{milli:03} {word} cart={milli}"
        for milli in range(120)
        for second, word in ((1, "pick"), (9, "ship"))
    ]
    lines = sorted([*usual, *(f"{act} cart=999" for act in late)])
    log = write("a.log", *(at(f"03:14:{line[:6]}", line[7:]) for line in lines))
    report = races(run, "--key", CART, log)
    assert [(group.rule, group.is_certain) for group in report.groups] == [(Rule.HABIT, is_certain)]
