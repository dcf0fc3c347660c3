"""A secret that ssh has brought to mirrors: once a host is reported as blanked, no file of it has the words."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.commands import command
from support.nats_server import Host, wait_until
from support.ssh_server import SshServer
from support.team import content

pytestmark = pytest.mark.slow

URL = "ssh://db1"
SECRET = "tok-Aeng3eiy8Ohj"


def run(host: Host, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of 3am on ``host``."""
    return subprocess.run(
        ["unshare", "--uts", "sh", "-c", f'hostname {host.name}; exec "$@"', "sh", command(), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "HOME": str(host.folder), "SANITY_LOG": str(host.log), "SANITY_LOCK": f"{host.log}.lock"},
    )


def stamp_of(text: str, words: str = SECRET) -> str:
    found: str = re.findall(rf"^\[(\S+?)\].*{words}", text, re.MULTILINE)[0]
    return f"@{found}"


def blank(host: Host, stamp: str, *options: str) -> tuple[int, dict[str, str]]:
    """Blank an entry; return the exit code, and what is reported of each mirror."""
    done = run(host, "team", "blank", stamp, *options)
    assert "Traceback" not in done.stderr
    rows = [line.strip().split(": ", 1) for line in done.stdout.splitlines()[1:]]
    return done.returncode, dict(rows)


def name(host: Host) -> str:
    return f"root@{host.name}:{host.log}"


def files_with_words(host: Host, words: str = SECRET) -> list[str]:
    return [str(path) for path in host.folder.rglob("*") if path.is_file() and words.encode() in path.read_bytes()]


def wait_for_mirror(host: Host, db1: Host) -> None:
    wait_until(lambda: host.has_all_of(db1), f"{host.name} mirrors {db1.name}")


def wait_for_end(host: Host, db1: Host, words: str) -> None:
    wait_until(
        lambda: host.mirrors(db1) and words.encode() in content(host.mirrors(db1)[-1]), f"{words} on {host.name}"
    )


def test_no_file_has_the_words_after_truncations_rotations_and_shifts(server: SshServer, db1: Host, web1: Host) -> None:
    """The older epochs have lines that the log does not have any more, or has at other places."""
    server.start()
    web1.start(URL)
    db1.write(3)
    db1.write(1, f"the token is {SECRET}")
    text, stamp = f"db1 the token is {SECRET} 4", stamp_of(db1.log.read_text())
    db1.write(3)
    run(db1, "log", f"who has logged {text!r}?")
    with db1.log.open("a") as file:
        file.write(f"of another program: {text}\n")
    wait_for_mirror(web1, db1)
    os.truncate(db1.log, db1.log.read_bytes().index(b"who has"))  # as after a crash: the quotations are lost
    db1.write(2, "after the crash")
    wait_for_end(web1, db1, "after the crash")
    web1.end()
    lines = db1.log.read_bytes().splitlines(keepends=True)
    db1.log.write_bytes(b"".join(lines[:1] + lines[2:]))  # all lines are at other places
    run(db1, "rotate")
    db1.write(2, "after the rotation")
    web1.start(URL)
    wait_for_end(web1, db1, "after the rotation")
    assert [files.origin.epoch for files in web1.mirrors(db1)] == [1, 2, 3]
    assert len(files_with_words(web1)) == 3
    assert blank(db1, stamp) == (0, {name(web1): "blanked"})
    assert files_with_words(web1) == []
    assert b"after the crash" in content(web1.mirrors(db1)[1])
    wait_until(lambda: "db1 has blanked" in web1.notices(), "the notice")


def test_a_host_that_is_away_is_named_and_blanks_at_its_return(
    server: SshServer, db1: Host, web1: Host, web2: Host
) -> None:
    server.start()
    db1.write(1, f"the token is {SECRET}")
    stamp = stamp_of(db1.log.read_text())
    for host in (web1, web2):
        host.start(URL)
        wait_for_mirror(host, db1)
    web2.end()
    wait_until(lambda: len(server.feeds()) == 1, "the feed of web2 ends")
    away = "not blanked, no answer; its 3am team blanks them when it runs again"
    assert blank(db1, stamp) == (1, {name(web1): "blanked", name(web2): away})
    assert (files_with_words(web1), len(files_with_words(web2))) == ([], 1)
    run(db1, "rotate")
    for path in db1.folder.glob("sanity.*.log"):
        path.unlink()  # the log does not have the line any more
    db1.write(3)
    web2.start(URL)
    wait_until(lambda: files_with_words(web2) == [], "web2 has blanked it")
    wait_until(lambda: server.feeds() and confirmed(db1) == 2, "it is noted")


def confirmed(db1: Host) -> int:
    return sum(" " in row for row in (db1.folder / "sanity.log.mirrors").read_text().splitlines())


def test_the_words_do_not_come_back(server: SshServer, db1: Host, web1: Host, web2: Host) -> None:
    """Not by a rotation, which repeats open hypotheses; by a backup, where the line is elsewhere; or to new mirrors."""
    server.start()
    web1.start(URL)
    run(db1, "log", "-H", f"the token is {SECRET}")
    backup = db1.log.read_bytes()
    wait_for_mirror(web1, db1)
    assert blank(db1, stamp_of(db1.log.read_text()))[0] == 0
    for number in range(2):
        run(db1, "rotate")
        run(db1, "log", f"rotation {number}")
        wait_for_end(web1, db1, f"rotation {number}")
    assert SECRET in db1.log.read_text()
    web2.write()
    web2.start(URL)
    wait_for_end(web2, db1, "rotation 1")
    for host in (web1, web2):
        host.end()
    for path in db1.folder.glob("sanity.*.log"):
        path.unlink()
    db1.log.write_bytes(backup.splitlines(keepends=True)[0] + backup)
    run(db1, "log", "from a backup")
    for host in (web1, web2):
        host.start(URL)
        wait_for_end(host, db1, "from a backup")
        assert [files.origin.epoch for files in host.mirrors(db1)] == [1, 2]
        assert files_with_words(host) == []
    shutil.rmtree(f"{web1.log}.d/remote")
    db1.write()  # with it the mirror is filled again
    wait_for_end(web1, db1, "from a backup")
    assert files_with_words(web1) == []


def test_a_mirror_that_is_killed_while_it_blanks_ends_it(server: SshServer, db1: Host, web1: Host) -> None:
    server.start()
    web1.start(URL)
    db1.write(1, f"the token is {SECRET}")
    stamp = stamp_of(db1.log.read_text())
    text = f"db1 the token is {SECRET} 1"
    for number in range(3):
        db1.write_texts([f"{number} {text}"] * 2_000)
        wait_for_mirror(web1, db1)
        os.truncate(db1.log, db1.log.stat().st_size - 10)
        db1.write(1, f"epoch {number}")
        wait_for_end(web1, db1, f"epoch {number}")
    web1.end()
    blank(db1, stamp)
    for number in range(6):
        web1.start(URL)
        about = f"{web1.log}.d/remote/{web1.mirrors(db1)[0].origin.id}/about.json"
        before = os.stat(about).st_mtime_ns
        wait_until(lambda: os.stat(about).st_mtime_ns != before or not files_with_words(web1), "the first note")  # noqa: B023
        time.sleep(number * 0.008)  # the place of the kill, not a wait for something
        web1.end(signal.SIGKILL)
    web1.start(URL)
    wait_until(lambda: confirmed(db1) == 1, "it is noted")
    assert files_with_words(web1) == []
    assert blank(db1, stamp) == (0, {name(web1): "blanked"})
    assert len(web1.mirrors(db1)) == 4


@pytest.mark.parametrize("torn_in", ["words", "secret", "newline"])
def test_a_line_that_a_kill_has_torn_is_blanked(torn_in: str, server: SshServer, db1: Host, web1: Host) -> None:
    """In an older epoch it never comes again."""
    server.start()
    web1.start(URL)
    db1.write(3)
    db1.write(1, f"the token is {SECRET}")
    wait_for_mirror(web1, db1)
    web1.end()
    part, data = Path(web1.mirrors(db1)[0].parts[0].path), db1.log.read_bytes()
    begin, end = data.rindex(b"\n", 0, data.index(SECRET.encode())) + 1, data.index(SECRET.encode()) + len(SECRET)
    os.truncate(part, {"words": end - 22, "secret": end - 6, "newline": end}[torn_in])
    first_end = data.index(b"\n") + 1
    db1.log.write_bytes(data[:first_end] + data[begin:] + data[first_end:begin])
    web1.start(URL)
    wait_for_mirror(web1, db1)
    assert [files.origin.epoch for files in web1.mirrors(db1)] == [1, 2]
    assert blank(db1, stamp_of(db1.log.read_text())) == (0, {name(web1): "blanked"})
    assert files_with_words(web1, SECRET[:6]) == []
