"""A secret that was pasted and sent: blanked in the store and in each mirror, also in one that was away."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commands import command
from support.nats_server import Host, wait_until
from support.team import content
from support.team_server import IDS, ManualEngine, give_id
from threeam.team.messages.hole import fill
from threeam.team.messages.position import SegmentEnd, segment_name

pytestmark = pytest.mark.slow

SECRET = "tok-Aeng3eiy8Ohj"


@pytest.fixture
def engine(manual_engine: ManualEngine) -> ManualEngine:
    return manual_engine


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[list[Host]]:
    hosts = [Host(tmp_path, name) for name in ("db1", "web1", "carol", "late")]
    for host in hosts:
        host.write()
        if host.name in IDS:
            give_id(host.journal, IDS[host.name])
    yield hosts
    for host in hosts:
        host.end()


def blank(engine: ManualEngine, host: Host, user: str = "admin") -> tuple[int, str, str]:
    stamp = re.findall(rf"^\[(\S+?)\].*{SECRET}", host.log.read_text(), re.MULTILINE)[0]
    words = [command(), "team", "blank", f"@{stamp}", engine.url, "--log", str(host.log)]
    words += ["--credentials", str(engine.credentials(user))]
    done = subprocess.run(
        ["unshare", "--uts", "sh", "-c", f'hostname {host.name}; exec "$@"', "sh", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


def blanked(host: Host) -> bytes:
    """Return the log of ``host`` as the mirrors should have it."""
    lines = host.log.read_bytes().splitlines(keepends=True)
    return b"".join(fill(line) if SECRET.encode() in line else line for line in lines)


def mirror(host: Host, other: Host) -> bytes | None:
    mirrors = host.mirrors(other)
    return content(mirrors[-1]) if mirrors else None


def has_secret(folder: Path) -> bool:
    return any(SECRET.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def start(engine: ManualEngine, db1: Host, web1: Host, carol: Host) -> None:
    for host in (db1, web1):
        engine.start_host(host, host.name)
    engine.start_host(carol, "carol", "--read-only")


def test_a_secret_is_blanked_everywhere(engine: ManualEngine, hosts: list[Host]) -> None:
    db1, web1, carol, late = hosts
    db1.write(20)
    db1.write(1, f"the token is {SECRET}")
    db1.write(20)
    start(engine, db1, web1, carol)
    for host in (web1, carol):
        wait_until(lambda: host.has_all_of(db1), f"{host.name} mirrors db1")  # noqa: B023
    wait_until(lambda: db1.has_all_of(web1), "db1 mirrors web1")
    assert has_secret(engine.store)
    web1.end()
    code, out, err = blank(engine, db1)
    assert (code, out) == (
        1,
        f"{engine.url}/night: 1 line blanked, 1 message replaced\n"
        "  web1: not blanked, no answer; its 3am team blanks them when it runs again\n",
    )
    assert "change the secret" in err
    wait_until(lambda: mirror(carol, db1) == blanked(db1), "the watcher has blanked it")
    assert not has_secret(carol.folder)
    assert not has_secret(engine.store)
    assert has_secret(web1.folder)
    db1.write(3)
    engine.start_host(web1, "web1")
    wait_until(lambda: mirror(web1, db1) == blanked(db1), "at its return")
    assert not has_secret(web1.folder)
    wait_until(lambda: "db1 has blanked 1 line that it had sent" in web1.notices(), "the notice")
    code, out, _ = blank(engine, db1)
    assert (code, out) == (0, f"{engine.url}/night: 1 line blanked, 0 messages replaced\n  web1: blanked\n")
    engine.start_host(late, "carol", "--read-only")
    wait_until(lambda: mirror(late, db1) == blanked(db1), "a new follower")
    wait_until(lambda: late.status is not None and late.status.hosts, "its status")
    assert [host.gaps for host in late.status.hosts.values()] == [[], []]  # type: ignore[union-attr]
    db1.end()
    db1.write(3)
    engine.start_host(db1, "db1")
    for host in (web1, carol, late):
        wait_until(lambda: mirror(host, db1) == blanked(db1), f"{host.name} has the lines after it")  # noqa: B023
    assert [len(host.mirrors(db1)) for host in (web1, carol, late)] == [1, 1, 1]
    assert not has_secret(engine.store)
    assert has_secret(db1.log.parent)


def test_what_the_log_and_the_store_do_not_have_any_more_is_blanked(engine: ManualEngine, hosts: list[Host]) -> None:
    """A mirror has an older epoch with a quotation, the beginning of one, and lines at other places."""
    db1, web1, _, _ = hosts
    db1.write(3)
    db1.write(1, f"the token is {SECRET}")
    text = f"db1 the token is {SECRET} 4"
    db1.write_texts(["somebody writes:", f"is {text} right?"])
    start(engine, *hosts[:3])
    wait_until(lambda: web1.has_all_of(db1), "the mirror")
    wait_until(lambda: db1.has_all_of(web1), "the mirror")
    for host in (db1, web1):
        host.end()
    engine.kill()
    shutil.rmtree(engine.store)  # as after 90 days
    engine.start()
    engine.create_store()
    data = db1.log.read_bytes()
    lines = data[: data.index(b"somebody")].splitlines(keepends=True)[:-1]
    db1.log.write_bytes(b"".join([lines[0], *lines[2:]]))  # a backup from before the quotation
    origin = Path(f"{db1.log}.origin")
    origin.write_text(origin.read_text().replace("000001", "000002"))
    for host in (db1, web1):
        engine.start_host(host, host.name)
    db1.write(2, "after it")
    wait_until(lambda: len(web1.mirrors(db1)) == 2 and web1.has_all_of(db1), "the next epoch")
    part = web1.mirrors(db1)[0].parts[-1]
    assert SECRET.encode() in Path(part.path).read_bytes()
    code, out, _ = blank(engine, db1)
    assert (code, out.splitlines()[1:]) == (0, ["  web1: blanked"])
    assert not has_secret(web1.folder)
    assert not has_secret(engine.store)


def test_a_rotation_does_not_bring_the_words_back(engine: ManualEngine, hosts: list[Host]) -> None:
    db1, web1, _, late = hosts
    log = [command(), "log", "--log", str(db1.log), "--lock", db1.journal.lock_path]
    subprocess.run([*log, "-H", f"the token is {SECRET}"], check=True, capture_output=True)
    start(engine, *hosts[:3])
    wait_until(lambda: web1.has_all_of(db1), "the mirror")
    assert blank(engine, db1)[0] == 0
    rotate = [command(), "rotate", "--log", str(db1.log), "--lock", db1.journal.lock_path]
    for number in range(2):
        subprocess.run(rotate, check=True, capture_output=True)
        db1.write(1, f"rotation {number}")
    engine.start_host(late, "carol", "--read-only")
    for host in (web1, late):
        wait_until(lambda: b"rotation 1" in (mirror(host, db1) or b""), "the last line")  # noqa: B023
        assert not has_secret(host.folder)
    assert SECRET in db1.log.read_text()
    assert not has_secret(engine.store)


def test_the_last_line_is_not_sent_again(engine: ManualEngine, hosts: list[Host]) -> None:
    db1, web1, _carol, _ = hosts
    engine.start_host(db1, "db1")
    wait_until(lambda: db1.unsent() == 0, "the first line is sent")
    db1.write(1, f"the token is {SECRET}")
    wait_until(lambda: db1.unsent() == 0, "all is sent")
    assert blank(engine, db1)[0] == 0
    db1.end()
    engine.start_host(db1, "db1")
    engine.start_host(web1, "web1")
    wait_until(lambda: mirror(web1, db1) == blanked(db1), "the mirror")
    db1.write(3)
    wait_until(lambda: mirror(web1, db1) == blanked(db1), "the mirror")
    assert not has_secret(engine.store)
    engine.kill()
    shutil.rmtree(engine.store)
    db1.end()
    engine.start()
    engine.create_store()
    engine.start_host(db1, "db1")
    wait_until(lambda: db1.unsent() == 0, "all is sent again")
    wait_until(lambda: mirror(web1, db1) == blanked(db1), "the mirror")
    assert not has_secret(engine.store)
    assert len(web1.mirrors(db1)) == 1


def test_a_line_that_was_not_sent_yet_is_never_sent(engine: ManualEngine, hosts: list[Host]) -> None:
    db1, web1, _, _ = hosts
    db1.write(30_000)
    db1.write(1, f"the token is {SECRET}")
    write_long_line(db1)
    db1.write(5)
    code, out, _ = blank(engine, db1)
    assert (code, out) == (0, f"{engine.url}/night: 2 lines blanked, 0 messages replaced\n")
    db1.write(5)
    start(engine, *hosts[:3])
    wait_until(lambda: web1.mirrors(db1) and web1.mirrors(db1)[-1].end == end_of(db1), "the mirror")
    assert not has_secret(engine.store)
    assert not has_secret(web1.folder)
    (files,) = web1.mirrors(db1)
    assert files.gaps == []
    kept = [line for line in db1.log.read_bytes().splitlines() if SECRET.encode() not in line]
    known = set(kept)
    assert [line for line in content(files).splitlines() if line in known] == kept


def test_an_entry_of_very_many_lines_is_blanked(engine: ManualEngine, hosts: list[Host]) -> None:
    db1, web1, _, _ = hosts
    db1.write(1, f"the token is {SECRET}")
    db1.write_texts([f"| {number} {SECRET}" for number in range(3_000)])
    start(engine, *hosts[:3])
    wait_until(lambda: web1.has_all_of(db1), "the mirror")
    code, out, _ = blank(engine, db1)
    assert code == 0
    assert "3,001 lines blanked" in out
    assert not has_secret(engine.store)
    assert not has_secret(web1.folder)
    assert mirror(web1, db1) == blanked(db1)


def test_a_line_of_many_messages_is_blanked(engine: ManualEngine, hosts: list[Host]) -> None:
    db1, web1, _, _ = hosts
    db1.write(1, f"the token is {SECRET}")
    write_long_line(db1)
    db1.write(5)
    start(engine, *hosts[:3])
    wait_until(lambda: web1.has_all_of(db1), "the mirror")
    code, out, _ = blank(engine, db1)
    assert (code, out) == (0, f"{engine.url}/night: 2 lines blanked, 5 messages replaced\n  web1: blanked\n")
    assert not has_secret(engine.store)
    assert not has_secret(web1.folder)
    db1.write(5)
    wait_until(lambda: web1.mirrors(db1)[-1].end == end_of(db1), "the mirror")
    assert len(web1.mirrors(db1)) == 1


def write_long_line(host: Host) -> None:
    """Append a line of another program that quotes the last one in the last of its four messages."""
    with host.log.open("a") as file:
        file.write("x" * 900_000 + f"{host.name} the token is {SECRET} {host.written - 1}\n")


def end_of(host: Host) -> SegmentEnd:
    segment = host.journal.open_live()
    assert segment is not None
    name = segment_name(segment)
    assert name is not None
    return SegmentEnd(name, segment.size())


def test_other_users_may_not_blank(engine: ManualEngine, hosts: list[Host]) -> None:
    db1, web1, _, _ = hosts
    db1.write(1, f"the token is {SECRET}")
    start(engine, *hosts[:3])
    wait_until(lambda: web1.has_all_of(db1), "the mirror")
    code, _, err = blank(engine, db1, "db1")
    assert code != 0
    assert "msg.delete" in err.lower()
    assert "repeat this" in err
    assert blank(engine, db1)[0] == 0
    assert not has_secret(engine.store)
