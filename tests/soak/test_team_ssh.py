"""Mirrors by a real sshd: what is killed, stopped, rotated or truncated on either side, each mirror equals its log."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable

import psutil
import pytest

from support.commands import command
from support.nats_server import Host, wait_until
from support.ssh_server import SshServer, send
from support.team import content, journal_bytes, outgoing_messages
from threeam.team.mirrors.mirror import Mirror
from threeam.team.origin import OriginFile, read_origin
from threeam.team.outgoing import Outgoing
from threeam.team.team_status import HostStatus, StatusFile, TeamStatus

pytestmark = pytest.mark.slow

URL = "ssh://db1"


def wait_for_mirror(host: Host, db1: Host) -> None:
    wait_until(lambda: host.has_all_of(db1), f"{host.name} mirrors {db1.name}")
    assert [files.gaps for files in host.mirrors(db1)] == [[] for _ in host.mirrors(db1)]


def away(host: Host) -> str:
    return host.status.away if host.status is not None else ""


def rotate(host: Host) -> None:
    subprocess.run([command(), "rotate", "--log", str(host.log)], check=True, capture_output=True)


def test_a_mirror_follows_and_the_process_on_the_host_ends_with_it(server: SshServer, db1: Host, web1: Host) -> None:
    server.start()
    web1.start(URL)
    wait_for_mirror(web1, db1)
    for _ in range(3):
        db1.write(1_000)
        rotate(db1)
        db1.write(1_000)
        wait_for_mirror(web1, db1)
    wait_until(lambda: web1.status is not None and web1.status.hosts, "the presence of db1")
    assert web1.status is not None
    assert [(host.host, host.unsent_lines) for host in web1.status.hosts.values()] == [("db1", 0)]
    web1.end(signal.SIGINT)
    wait_until(lambda: not server.feeds(), "3am on db1 ends")
    assert not os.path.exists(f"{web1.log}.origin")  # nothing of this host can be sent
    assert {path.name.partition(".")[2] for path in db1.folder.iterdir() if ".origin" in path.name} == {"log.origin"}


def local_team(web1: Host) -> psutil.Process:
    assert web1.process is not None
    return psutil.Process(web1.process.pid)


KILLED: dict[str, Callable[[SshServer, Host], list[psutil.Process]]] = {
    "3am here": lambda _, web1: [local_team(web1)],
    "ssh here": lambda _, web1: local_team(web1).children(),
    "3am there": lambda server, _: server.feeds(),
    "sshd there": lambda server, _: server.sessions(),
}


@pytest.mark.parametrize("killed", KILLED)
def test_whatever_is_killed_each_line_is_there_once(killed: str, server: SshServer, db1: Host, web1: Host) -> None:
    server.start()
    web1.start(URL)
    done, kills = set[int](), 0
    for number in range(6):
        wait_until(lambda: {process.pid for process in server.feeds()} - done, "3am on db1 runs")  # noqa: B023
        db1.write(20_000)
        if number % 3 == 2:
            rotate(db1)
        done |= {process.pid for process in server.feeds()}
        for process in KILLED[killed](server, web1):
            send(process, signal.SIGKILL)
            kills += 1
        if killed == "3am here":
            web1.end()
            wait_until(lambda: not server.feeds(), "3am on db1 ends")
            web1.start(URL)
    wait_for_mirror(web1, db1)
    assert kills >= 6
    assert len(web1.mirrors(db1)) == 1
    assert web1.notices() == ""


def test_lines_and_rotations_of_a_time_without_a_connection_arrive(server: SshServer, db1: Host, web1: Host) -> None:
    server.start()
    web1.start(URL)
    wait_for_mirror(web1, db1)
    server.kill()
    wait_until(lambda: "cannot be reached" in away(web1), "the loss is noticed")
    for _ in range(3):
        db1.write(10_000)
        rotate(db1)
    db1.write(10)
    server.start()
    wait_for_mirror(web1, db1)
    assert len(web1.mirrors(db1)) == 1


def test_a_file_that_is_deleted_meanwhile_does_not_stop_it(server: SshServer, db1: Host, web1: Host) -> None:
    server.start()
    web1.start(URL)
    wait_for_mirror(web1, db1)
    web1.end()
    db1.write(10)
    rotate(db1)
    db1.write(10)
    (rotated,) = db1.folder.glob("sanity.*.log")
    rotated.unlink()
    web1.start(URL)
    wait_until(lambda: any(content(files).endswith(db1.log.read_bytes()) for files in web1.mirrors(db1)), "the end")


def test_what_is_deleted_of_a_mirror_comes_again(server: SshServer, db1: Host, web1: Host) -> None:
    db1.write(50)
    rotate(db1)
    db1.write(50)
    server.start()
    web1.start(URL)
    wait_for_mirror(web1, db1)
    web1.end()
    os.unlink(web1.mirrors(db1)[0].parts[0].path)
    web1.start(URL)
    rotate(db1)  # with the next file the mirror is looked through
    db1.write(50)
    wait_for_mirror(web1, db1)
    web1.end()
    shutil.rmtree(f"{web1.log}.d/remote")
    web1.start(URL)
    wait_for_mirror(web1, db1)


def test_a_gap_that_an_engine_has_left_is_filled_by_ssh(server: SshServer, db1: Host, web1: Host) -> None:
    db1.write(9_000)
    origin_file = OriginFile(db1.journal)
    origin_file.close()
    outgoing = Outgoing(db1.journal)
    (first, *others) = outgoing_messages(outgoing, outgoing.begin(), origin_file.origin)
    mirror = Mirror(web1.journal, origin_file.origin.id)
    for sent in (first, *others[1:]):
        mirror.write(sent)
    mirror.close()
    (files,) = web1.mirrors(db1)
    assert [(gap.begin, gap.end) for gap in files.gaps] == [(first.end, others[0].end)]
    engine_status = StatusFile(web1.journal, "nats://engine:4222/night")
    hosts = {origin_file.origin.id: HostStatus(origin_file.origin, "db1")}
    engine_status.write(TeamStatus("nats://engine:4222/night", 1, 1, "", None, hosts, []), None)
    engine_status.close()
    server.start()
    web1.start(URL)
    wait_until(lambda: "whose journal comes from nats://engine:4222/night" in away(web1), "the other address is told")
    path = away(web1).rpartition("remove ")[2]
    web1.end()
    os.unlink(path)
    web1.start(URL)
    wait_for_mirror(web1, db1)


@pytest.mark.parametrize("is_running", [True, False], ids=["while it runs", "while away"])
def test_a_truncated_log_is_an_epoch_and_both_are_kept(
    is_running: bool, server: SshServer, db1: Host, web1: Host, web2: Host
) -> None:
    server.start()
    followers = (web1, web2)
    db1.write(50)
    for host in followers:
        host.start(URL)
    for host in followers:
        wait_for_mirror(host, db1)
        if not is_running:
            host.end()
    before = db1.log.read_bytes()
    os.truncate(db1.log, len(before) // 2)
    db1.write(5)
    for host in followers:
        if not is_running:
            host.start(URL)
        wait_for_mirror(host, db1)
        assert [files.origin.epoch for files in host.mirrors(db1)] == [1, 2]
        assert content(host.mirrors(db1)[0]) == before
        wait_until(lambda: "both versions are in" in host.notices(), "the notice")  # noqa: B023
    assert web1.mirrors(db1)[1].origin == web2.mirrors(db1)[1].origin == read_origin(db1.journal)


def test_a_loss_that_the_publisher_there_has_not_noticed_is_told(server: SshServer, db1: Host, web1: Host) -> None:
    server.start()
    db1.write(50)
    web1.start(URL)
    wait_for_mirror(web1, db1)
    file = OriginFile(db1.journal)
    assert file.lock()
    os.truncate(db1.log, db1.log.stat().st_size // 2)
    db1.write(5)
    wait_until(lambda: "restart it there" in away(web1), "the sentence")
    file.close()
    web1.end()
    web1.start(URL)
    wait_for_mirror(web1, db1)


def test_a_connection_that_stands_still_is_left_and_read_again(server: SshServer, db1: Host, web1: Host) -> None:
    server.start()
    web1.start(URL)
    wait_for_mirror(web1, db1)
    stopped = server.processes()
    for process in stopped:
        send(process, signal.SIGSTOP)
    db1.write(10)
    wait_until(lambda: away(web1), "the silence is noticed", 90)
    wait_for_mirror(web1, db1)  # by another connection
    for process in stopped:
        send(process, signal.SIGCONT)
    wait_until(lambda: len(server.feeds()) == 1, "the first one ends")


def forget_key(server: SshServer) -> None:
    server.known_hosts.write_text("")
    server.start()


def change_key(server: SshServer) -> None:
    server.known_hosts.write_text(f"db1 {(server.folder / 'user.pub').read_text()}")
    server.start()


def lock_out(server: SshServer) -> None:
    server.authorized_keys.write_text("")
    server.start()


def have_no_3am(server: SshServer) -> None:
    server.start(path="/usr/bin:/bin")


def have_an_old_3am(server: SshServer) -> None:
    old = server.folder / "old"
    old.mkdir()
    (old / "3am").write_text(
        "#!/bin/sh\necho '3am tail: there is no option --mirror; see 3am tail --help' >&2; exit 2\n"
    )
    (old / "3am").chmod(0o755)
    server.start(path=f"{old}:/usr/bin:/bin")


def be_another_user(server: SshServer) -> None:
    server.log.chmod(0o600)
    drop = "setpriv --reuid=65534 --regid=65534 --clear-groups"
    server.start(config=f'ForceCommand {drop} sh -c "$SSH_ORIGINAL_COMMAND"')


def have_no_log(server: SshServer) -> None:
    server.log.unlink()
    server.start()


@pytest.mark.parametrize(
    ("arrange", "what"),
    [
        (forget_key, "the key of ssh://db1 is not known here: run ssh db1 once, and compare the key"),
        (change_key, "the key of ssh://db1 is another than before: ask why, then see ssh db1"),
        (lock_out, "does not let you in without a question: try ssh-copy-id db1"),
        (have_no_3am, "has no 3am that ssh can start"),
        (have_an_old_3am, "3am on ssh://db1 is older than this one: update it there"),
        (be_another_user, "Permission denied"),
        (have_no_log, "there is no log at"),
    ],
)
def test_what_stops_it_is_one_sentence_and_no_storm(
    arrange: Callable[[SshServer], None], what: str, server: SshServer, db1: Host, web1: Host
) -> None:
    arrange(server)
    web1.start(URL)
    wait_until(lambda: what in away(web1), what)
    status = subprocess.run(
        [command(), "team", "status", "--log", str(web1.log)], capture_output=True, check=False, text=True
    )
    assert what in status.stdout.splitlines()[0]
    assert "Traceback" not in web1.output() + status.stderr
    db1_lines = web1.mirrors(db1)
    with pytest.raises(AssertionError, match="not within"):
        wait_until(lambda: server.calls > 1, "a second call", 5)
    assert db1_lines == []


def test_a_key_for_this_alone_is_enough(server: SshServer, db1: Host, web1: Host) -> None:
    key = server.authorized_keys.read_text()
    server.authorized_keys.write_text(f'command="3am tail --mirror",restrict {key}')
    server.start()
    web1.start(URL)
    db1.write(100)
    wait_for_mirror(web1, db1)


def test_several_hosts_by_one_process(server: SshServer, db1: Host, web1: Host, web2: Host) -> None:
    web2.write(100)
    server.start()
    words = [command(), "team", URL, f"{URL}{web2.log}", "--log", str(web1.log)]
    with (web1.folder / "team.txt").open("wb") as output:
        web1.process = subprocess.Popen(words, stdout=output, stderr=output)
    wait_until(lambda: len(web1.mirrors(db1)) == 2, "both mirrors")
    expected = sorted([journal_bytes(db1.journal), journal_bytes(web2.journal)])
    wait_until(lambda: sorted(content(files) for files in web1.mirrors(db1)) == expected, "all lines")
