"""Modes, owners and other users: whoever may write may lock, and nobody else gets in the way.

These tests become other users, so they are run by root, as in a container.
"""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from support.commands import command
from support.journals import all_texts, entries
from support.owners import ALICE, BOB, ELSEWHERE, MALLORY, TEAM, RunAs, give, make_log, mode
from support.people import Person
from support.processes import eventually, is_free

# Writes one line into each of many logs, every time at the same instant as the other one does: each says with a
# file that it is there, and waits for the other's.
IN_STEP = """
import os, sys
from threeam.core.format.clock import system_clock
from threeam.core.write.draft import note_draft
from threeam.core.store.journal import resolve_journal
from threeam.core.write.locked_log import WriteOptions
from threeam.core.write.writer import Writer
from threeam.projections import FOLD
folder, me, other, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
for n in range(rounds):
    journal = resolve_journal(f"{folder}/{n}.log")
    writer = Writer(journal, FOLD, system_clock, WriteOptions(me, f"{me}@db1:1", sync=False))
    os.close(os.open(f"{folder}/{n}.{me}", os.O_CREAT))
    while not os.path.exists(f"{folder}/{n}.{other}"):
        pass
    try:
        writer.write(note_draft(me))
    except Exception as error:
        print(n, error, flush=True)
"""


@pytest.mark.parametrize("umask", ["000", "022", "077", "777"])
def test_new_files_are_their_owners_alone_whatever_the_umask(run_as: RunAs, place: Path, umask: str) -> None:
    give(place, ALICE)
    home = place / "state" / "3am"
    give_me = {"SANITY_LOG": "", "XDG_STATE_HOME": str(place / "state")}
    if umask == "777":  # under which nobody could make a folder and go into it
        home.mkdir(parents=True, mode=0o700)
        give(home, ALICE)
        give(home.parent, ALICE)
    done = run_as(ALICE._replace(umask=umask), "log", "words", **give_me)
    assert (done.returncode, done.stderr) == (0, b"")
    assert mode(home) == "0700"
    assert mode(home / "sanity.log") == "0600"
    assert mode(home / "sanity.log.lock") == "0600"


@pytest.mark.parametrize("umask", ["000", "077"])
@pytest.mark.parametrize(
    ("bits", "lock_bits"),
    [
        (0o600, "0600"),
        pytest.param(0o640, "0600", marks=pytest.mark.slow),
        (0o644, "0600"),
        (0o660, "0660"),
        pytest.param(0o664, "0660", marks=pytest.mark.slow),
        (0o666, "0666"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value:04o}",
)
def test_the_lock_lets_in_each_class_that_may_write_the_log(
    run_as: RunAs, place: Path, bits: int, lock_bits: str, umask: str
) -> None:
    log = make_log(give(place, ALICE), ALICE, bits)
    assert run_as(ALICE._replace(umask=umask), "log", "words").returncode == 0
    assert mode(Path(f"{log}.lock")) == lock_bits
    assert mode(log) == f"{bits:04o}", "an existing log keeps its mode"
    assert all_texts(log) == ["before", "words"]


@pytest.mark.parametrize("first", [ALICE, BOB], ids=["alice-first", "bob-first"])
def test_a_team_shares_a_log_in_a_setgid_folder(run_as: RunAs, place: Path, first: Person) -> None:
    folder = place / "team"
    folder.mkdir()
    give(folder, ALICE, TEAM, 0o2770)
    log = make_log(folder, ALICE, 0o660, TEAM)
    env = {"SANITY_LOG": str(log)}
    second = BOB if first is ALICE else ALICE
    for who, words in ((first, "one"), (second, "two"), (first, "three")):
        done = run_as(who, "log", words, **env)
        assert (done.returncode, done.stderr) == (0, b"")
    assert [(e.author.user if e.author else None, e.text) for e in entries(log)] == [
        (None, "before"),
        (first.name, "one"),
        (second.name, "two"),
        (first.name, "three"),
    ]
    lock = Path(f"{log}.lock")
    assert (mode(lock), lock.stat().st_gid) == ("0660", TEAM)


@pytest.mark.slow
def test_two_of_a_team_write_at_once(run_as: RunAs, place: Path) -> None:
    """The lock does not exist yet, and both come at the same instant; many times."""
    folder = place / "team"
    folder.mkdir()
    give(folder, ALICE, TEAM, 0o2770)
    log = make_log(folder, ALICE, 0o660, TEAM)
    env = {**os.environ, "HOME": str(place), "SANITY_LOG": str(log)}
    crowd = [
        subprocess.Popen(
            who.argv("hyp", "new", f"{who.name} {n}"),
            env={**env, "LOGNAME": who.name},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for n in range(3)
        for who in (ALICE, BOB)
    ]
    refused = [err for child in crowd if (err := child.communicate(timeout=60)[1])]
    assert refused == []
    written = [e for e in entries(log) if e.kind == "Hypothesis"]
    assert [e.hypothesis for e in written] == [(n, "open") for n in range(1, 7)]
    assert Counter(e.author.user for e in written if e.author) == {"alice": 3, "bob": 3}


@pytest.mark.slow
def test_a_lock_that_two_people_make_at_the_same_instant_lets_both_in(place: Path) -> None:
    """There is no moment at which the new lock exists and has not been given its mode."""
    folder, rounds = place / "team", 300
    folder.mkdir()
    give(folder, ALICE, TEAM, 0o2770)
    for n in range(rounds):
        log = folder / f"{n}.log"
        log.touch()
        give(log, ALICE, TEAM, 0o660)
    both = [
        subprocess.Popen(
            who.argv(str(folder), who.name, other.name, str(rounds), program=IN_STEP),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for who, other in ((ALICE, BOB), (BOB, ALICE))
    ]
    refused = [line for child in both for line in child.communicate(timeout=60)[0].decode().splitlines()]
    assert refused == []
    for n in range(rounds):
        assert sorted(all_texts(folder / f"{n}.log")) == ["alice", "bob"]


def test_the_lock_is_open_to_the_group_of_the_log_and_not_to_its_makers(run_as: RunAs, place: Path) -> None:
    """The folder is not setgid, and everybody's primary group is the same: bob may write, so he may lock, and
    mallory may not write, so she must not be able to hold everybody up.
    """
    folder = place / "team"
    folder.mkdir()
    give(folder, ALICE, TEAM, 0o775)
    log = make_log(folder, ALICE, 0o660, TEAM)
    assert run_as(ALICE, "log", "one", SANITY_LOG=str(log)).returncode == 0
    lock = Path(f"{log}.lock")
    done = run_as(BOB, "log", "two", SANITY_LOG=str(log))
    assert (done.returncode, done.stderr) == (0, b"")
    assert lock.stat().st_gid == TEAM
    for who, may in ((BOB, True), (MALLORY, False)):
        held_up = subprocess.run(
            ["flock", "-n", str(lock), "true"], user=who.uid, group=who.gids[0], extra_groups=who.gids[1:]
        )
        assert (held_up.returncode == 0) is may, who.name


def test_root_who_writes_first_does_not_lock_the_owner_out(run_as: RunAs, place: Path) -> None:
    """`sudo 3am --log ~alice/sanity.log log …` makes the lock; alice may write her log, so she may lock it."""
    log = make_log(give(place, ALICE), ALICE, 0o600)
    by_root = subprocess.run(
        [command(), "log", "from root"], capture_output=True, timeout=60, env={**os.environ, "SANITY_LOG": str(log)}
    )
    assert by_root.returncode == 0
    done = run_as(ALICE, "log", "from alice")
    assert (done.returncode, done.stderr) == (0, b"")
    assert all_texts(log) == ["before", "from root", "from alice"]
    assert (log.stat().st_uid, mode(log)) == (ALICE.uid, "0600")


def test_a_lock_whose_maker_is_not_of_the_logs_group_is_not_opened_to_another_group(run_as: RunAs, place: Path) -> None:
    """Alice owns the log and is not in its group, so she cannot give the lock to that group. Mallory shares alice's
    own group and may not write the log: she must not be able to hold it up.
    """
    alone = ALICE._replace(gids=(ELSEWHERE,))
    log = make_log(give(place, ALICE, bits=0o755), ALICE, 0o660, TEAM)
    assert run_as(alone, "log", "words").returncode == 0
    tried = subprocess.run(
        ["flock", "-n", f"{log}.lock", "true"],
        user=MALLORY.uid,
        group=MALLORY.gids[0],
        extra_groups=[],
        capture_output=True,
    )
    assert tried.returncode != 0


def test_root_can_use_the_lock_that_root_made_again(place: Path) -> None:
    """The defaults of root, when logrotate has given the log to somebody: it is syslog's, and the lock is in /tmp."""
    log = make_log(place, ALICE, 0o640)
    sticky = place / "tmp"
    sticky.mkdir()
    sticky.chmod(0o1777)
    env = {**os.environ, "SANITY_LOG": str(log), "SANITY_LOCK": str(sticky / "sanity.lock")}
    for words in ("one", "two"):
        done = subprocess.run([command(), "log", words], capture_output=True, timeout=60, env=env)
        assert (done.returncode, done.stderr) == (0, b"")
    assert all_texts(log) == ["before", "one", "two"]


@pytest.mark.parametrize("lock", ["no lock yet", "the owner's lock"])
@pytest.mark.parametrize("folder", ["somebody else's folder", "one's own folder"])
def test_a_log_that_may_only_be_read_is_refused_with_its_path_and_what_to_do(
    run_as: RunAs, place: Path, lock: str, folder: str
) -> None:
    give(place, BOB if folder == "one's own folder" else ALICE)
    log = make_log(place, ALICE, 0o644)
    if lock == "the owner's lock":
        Path(f"{log}.lock").touch()
        give(Path(f"{log}.lock"), ALICE, bits=0o600)
    before = log.read_bytes()
    done = run_as(BOB, "log", "the words")
    stderr = done.stderr.decode()
    assert (done.returncode, done.stdout) == (3, b"")
    assert "Traceback" not in stderr
    assert "the words" in stderr
    assert f"{log} " in stderr, "it is the log that may not be written"
    assert "--log" in stderr, "and another log that helps"
    assert log.read_bytes() == before


@pytest.mark.slow
def test_everybody_of_a_team_rotates_their_log_which_keeps_its_mode_and_group(run_as: RunAs, place: Path) -> None:
    """The recipe of the README, for people whom no list of groups names: they have the group from their login alone."""
    folder = place / "team"
    folder.mkdir()
    os.chown(folder, 0, TEAM)
    folder.chmod(0o2770)
    log = folder / "sanity.log"
    log.touch()
    os.chown(log, 0, TEAM)
    log.chmod(0o660)
    env = {"SANITY_LOG": str(log)}
    owners = []
    for who in (ALICE, BOB, ALICE, BOB):
        assert run_as(who, "log", who.name, **env).returncode == 0
        before = log.read_bytes()
        done = run_as(who, "rotate", **env)
        assert (done.returncode, done.stderr) == (0, b"")
        old = Path(done.stdout.decode().strip())
        assert (old.read_bytes(), mode(old), old.stat().st_gid) == (before, "0660", TEAM)
        assert (mode(log), log.stat().st_gid) == ("0660", TEAM)
        owners.append(log.stat().st_uid)
    assert owners == [ALICE.uid, BOB.uid, ALICE.uid, BOB.uid]
    by_root = subprocess.run([command(), "rotate"], capture_output=True, timeout=60, env={**os.environ, **env})
    assert by_root.returncode == 0
    about = log.stat()
    assert (about.st_uid, about.st_gid, mode(log)) == (BOB.uid, TEAM, "0660"), "root keeps the owner"
    assert run_as(ALICE, "doctor", **env).returncode == 0
    assert run_as(MALLORY, "rotate", **env).returncode == 3


@pytest.mark.parametrize(
    ("owner", "folder_owner", "bits", "group"),
    [(ALICE, 0, 0o2771, TEAM), (ALICE, ALICE.uid, 0o2770, TEAM), (ALICE, 0, 0o777, TEAM)],
    ids=["others get through the folder", "it is the owner's folder", "anybody's folder"],
)
def test_nobody_takes_a_log_from_an_owner_who_may_be_in_no_group_of_it(
    run_as: RunAs, place: Path, owner: Person, folder_owner: int, bits: int, group: int
) -> None:
    """Bob's new log would be alice's to write by its group alone, and she is not known to be in it."""
    folder = place / "team"
    folder.mkdir()
    os.chown(folder, folder_owner, group)
    folder.chmod(bits)
    log = make_log(folder, owner, 0o660, group)
    before = log.read_bytes()
    done = run_as(BOB, "rotate", SANITY_LOG=str(log))
    assert (done.returncode, done.stdout) == (1, b"")
    assert f"{log} is not rotated" in done.stderr.decode()
    assert "let them rotate it, or root" in done.stderr.decode()
    assert (log.read_bytes(), log.stat().st_uid) == (before, owner.uid)
    done = run_as(owner, "rotate", SANITY_LOG=str(log))
    assert (done.returncode, log.stat().st_uid) == (0, owner.uid)
    assert (mode(log), log.stat().st_gid) == ("0660", group)


@pytest.mark.parametrize("umask", ["000", "077"])
def test_a_log_of_root_keeps_its_mode_and_owner(run_as: RunAs, place: Path, umask: str) -> None:
    log = make_log(place, ALICE, 0o640, TEAM)
    done = subprocess.run(
        ["bash", "-c", f"umask {umask}; {command()} log words"],
        capture_output=True,
        timeout=60,
        env={**os.environ, "SANITY_LOG": str(log)},
    )
    assert done.returncode == 0
    about = log.stat()
    assert (about.st_uid, about.st_gid, mode(log)) == (ALICE.uid, TEAM, "0640")


def test_a_symlink_of_somebody_elses_is_refused_and_ones_own_is_followed(run_as: RunAs, place: Path) -> None:
    target = make_log(give(place, ALICE, TEAM, 0o777), ALICE, 0o666)
    link = place / "link.log"
    link.symlink_to(target)
    os.chown(link, BOB.uid, BOB.gids[0], follow_symlinks=False)
    done = run_as(ALICE, "log", "the words", SANITY_LOG=str(link))
    assert done.returncode == 3
    assert str(link) in done.stderr.decode()
    assert "the words" in done.stderr.decode()
    done = run_as(BOB, "log", "the words", SANITY_LOG=str(link))
    assert done.returncode == 0
    assert all_texts(target) == ["before", "the words"]
    assert Path(f"{target}.lock").exists(), "the lock lies beside the target"
    assert not Path(f"{link}.lock").exists()


def test_a_lock_in_a_sticky_folder_that_is_somebody_elses_is_refused(run_as: RunAs, place: Path) -> None:
    log = make_log(give(place, ALICE), ALICE, 0o600)
    sticky = place / "tmp"
    sticky.mkdir()
    sticky.chmod(0o1777)
    lock = sticky / "sanity.lock"
    lock.touch()
    give(lock, MALLORY, bits=0o666)
    done = run_as(ALICE, "log", "the words", SANITY_LOCK=str(lock))
    stderr = done.stderr.decode()
    assert done.returncode == 3
    assert str(lock) in stderr
    assert str(MALLORY.uid) in stderr
    assert "--lock" in stderr
    assert all_texts(log) == ["before"]
    eventually(lambda: is_free(lock), "the planted lock is not held by us")
