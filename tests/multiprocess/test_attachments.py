"""A line can name any file of ours: no file is read as another kind, and none is run that we did not sign.

The first tests are two real users of a team; the others look at what a file must be like.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.commands import Run
from support.journals import entries
from support.people import ALICE, BOB, TEAM, Person
from threeam.core.errors import FileUnusable
from threeam.core.store.attachment_kinds import (
    BASELINE,
    CAPTURED_PANE,
    COPIED_TEXT,
    PLAN,
    RUN_OUTPUT,
    RUNBOOK,
    TRACER_OUTPUT,
    AttachmentKind,
)
from threeam.core.store.attachments import (
    attachment_dir,
    create_attachment,
    read_attachment,
    replace_attachment,
    write_attachment,
)
from threeam.core.store.journal import Journal

As = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def team(place: Path) -> Path:
    """A folder of alice's for the team, with a log that all of them write."""
    folder = place / "team"
    folder.mkdir()
    os.chown(folder, ALICE.uid, TEAM)
    folder.chmod(0o2770)
    log = folder / "night.log"
    log.touch()
    os.chown(log, ALICE.uid, TEAM)
    log.chmod(0o660)
    for person in (ALICE, BOB):
        home = place / person.name
        home.mkdir(mode=0o700)
        os.chown(home, person.uid, person.gids[0])
    return folder


@pytest.fixture
def as_person(place: Path, team: Path, monkeypatch: pytest.MonkeyPatch) -> As:
    """Run `3am` on the team's log as a person: ``as_person(ALICE, "log", "words")``."""
    monkeypatch.delenv("SANITY_LOCK")

    def run(who: Person, *args: str) -> subprocess.CompletedProcess[bytes]:
        environ = {**os.environ, "HOME": str(place / who.name), "LOGNAME": who.name, "SANITY_LOG": f"{team}/night.log"}
        return subprocess.run(who.argv(*args), input=b"", capture_output=True, timeout=60, env=environ, cwd=team)

    return run


def printed_by_alice(as_person: As, team: Path, text: str) -> str:
    """Have alice run a command that prints what bob has written; return the name of the file that keeps it."""
    (team / "service.log").write_text(text)
    assert as_person(ALICE, "run", "--", "cat", "service.log").returncode == 0
    return entries(team / "night.log")[-1].tag("FILE") or ""


def forge(team: Path, tags: str, text: str) -> None:
    """Write a line as bob, who may write to the log."""
    with (team / "night.log").open("a") as log:
        log.write(f"[2026-11-30T03:14:07.123456789+0000] [COFFEE: 0] [BY: alice@db1:1] {tags} {text}\n")


def a_baseline(command: str) -> str:
    """What a baseline file held before there were signatures."""
    shot = {"at_ns": "1", "numbers": {}, "texts": {f"command/{command}": "x"}, "unread": [], "blind": []}
    content = {"format": 1, "name": "normal", "host": "db1", "watched": [], "commands": [command], "snapshots": [shot]}
    return json.dumps(content, indent=1)


@pytest.mark.slow
@pytest.mark.usefixtures("team")
def test_a_run_output_that_a_forged_line_calls_a_baseline_is_not_run(as_person: As, team: Path) -> None:
    name = printed_by_alice(as_person, team, a_baseline(f"touch {team}/pwned"))
    forge(team, f"[BASELINE: normal] [FILE: {name}]", "Baseline: normal is 1 thing")
    done = as_person(ALICE, "baseline", "diff")
    assert not (team / "pwned").exists(), "alice's 3am ran bob's command"
    assert done.returncode == 3
    assert b"was not written by 3am" in done.stderr


def test_a_run_output_that_a_forged_line_calls_a_plan_is_not_run(as_person: As, team: Path) -> None:
    pwn = ["touch", f"{team}/pwned"]
    assert as_person(BOB, "run", "-n", "1", "--", *pwn).returncode == 0
    (team / "pwned").unlink()
    (line,) = [entry for entry in entries(team / "night.log") if entry.kind == "Plan"]
    (file,) = team.rglob(line.tag("FILE") or "")
    plan = json.loads(file.read_text())["content"]
    name = printed_by_alice(as_person, team, json.dumps(plan, indent=1))
    tags = f"[R9: 0/1] [PLAN: {line.tag('PLAN')}] [FILE: {name}]"
    forge(team, tags, "Plan: harmless; 1 run of bare, seed 1; fails if exit!=0")
    done = as_person(ALICE, "run", "--resume", "R9")
    assert not (team / "pwned").exists(), "alice's 3am ran bob's command"
    assert done.returncode == 3, done.stderr
    assert b"was not written by 3am" in done.stderr


@pytest.mark.slow
def test_a_colleague_sees_the_beginning_of_a_cited_line_and_why_there_is_no_more(as_person: As, team: Path) -> None:
    (team / "web1.log").write_text("2026-11-24 03:14:07.100900 delete cart=42\n  at Sweeper.tick\n" * 3)
    assert as_person(ALICE, "hyp", "new", "the sweeper").returncode == 0
    done = as_person(ALICE, "hyp", "support", "H1", "--cite", "web1.log:3")
    assert done.returncode == 0, done.stderr
    name = entries(team / "night.log")[-1].tag("FILE") or ""
    assert b"at Sweeper.tick" in as_person(ALICE, "handoff").stdout
    seen = as_person(BOB, "handoff").stdout.decode()
    assert "Supports: web1.log:3 @03:14:07.100900 delete cart=42" in seen
    assert f"{name} does not exist: it was removed, or only" in seen
    assert "at Sweeper.tick" not in seen
    assert as_person(BOB, "doctor").returncode == 0, "he cannot check it, and it is not his"
    assert as_person(ALICE, "doctor").returncode == 0


# A file must be what it is called.


def test_a_baseline_without_a_signature_is_compared_and_its_commands_are_not_run(
    run_here: Run, log: Path, journal: Journal, tmp_path: Path
) -> None:
    """As an older version has left it; or restored on another machine, without the key."""
    assert run_here("baseline", "save", "--cmd", "echo quiet").returncode == 0
    (file,) = Path(attachment_dir(journal)).glob("baseline-*.json")
    before = json.loads(file.read_text())["content"]
    before["commands"] = [f"touch {tmp_path}/ran"]
    file.write_text(json.dumps(before, indent=1))
    done = run_here("baseline", "diff")
    assert not (tmp_path / "ran").exists()
    assert b"is not signed with your key" in done.stderr
    assert f"touch {tmp_path}/ran".encode() in done.stderr, "it is shown"
    assert b"3am baseline save normal takes a new one" in done.stderr
    assert b"command/" not in done.stdout, "a command that was not run is no difference"
    assert done.returncode in (0, 1)


@pytest.mark.parametrize("change", ["a byte of the content", "the name", "the key", "the signature"])
def test_a_signature_is_of_this_content_under_this_name_with_this_key(
    run_here: Run, journal: Journal, bare_home: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setenv("SANITY_LOG", journal.log_path)
    path = Path(write_attachment(journal, PLAN, "plan-1-1.json", b'{"n": 5}'))
    assert read_attachment(journal, "plan-1-1.json", PLAN) == (str(path), b'{"n": 5}', True)
    data, name, key = path.read_bytes(), "plan-1-1.json", bare_home / ".local/state/3am/key"
    assert (key.stat().st_mode & 0o777, key.stat().st_size) == (0o600, 32)
    match change:
        case "a byte of the content":
            path.write_bytes(data.replace(b"5}", b"6}"))
        case "the signature":
            path.write_bytes(data.replace(b'256": "', b'256": "0', 1).replace(b'", "content', b'x", "content')[:-1])
            with pytest.raises(FileUnusable, match="first bytes"):
                read_attachment(journal, name, PLAN)
            return
        case "the name":
            name = "plan-2-1.json"
            path.rename(path.with_name(name))
        case "the key":
            key.write_bytes(os.urandom(32))
    assert not read_attachment(journal, name, PLAN).signed


def test_a_plan_without_a_signature_is_shown_and_not_run(
    run: Run, run_here: Run, journal: Journal, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    stops = f"echo x >> {ran}; kill -INT $PPID; sleep 60"
    assert run("run", "-n", "1", "--", "sh", "-c", stops).returncode == 130
    (file,) = Path(attachment_dir(journal)).glob("plan-*.json")
    file.write_text(json.dumps(json.loads(file.read_text())["content"], indent=1))
    ran.unlink()
    done = run_here("run", "--resume", "R1")
    assert done.returncode == 3
    assert not ran.exists()
    assert b"is not signed with your key" in done.stderr
    assert b"kill -INT" in done.stderr, "its command is shown"
    assert b"3am run -n" in done.stderr, "and what to do"


@pytest.mark.parametrize("kind", [BASELINE, PLAN, RUNBOOK])
def test_a_file_with_the_first_bytes_of_something_else_is_not_read(journal: Journal, kind: AttachmentKind) -> None:
    name = {BASELINE: "baseline-normal-1.json", PLAN: "plan-1-1.json", RUNBOOK: "restore-mysql-1.md"}[kind]
    with create_attachment(journal, kind, name) as file:
        file.write(b"what a command has printed\n")
    with pytest.raises(FileUnusable, match="first bytes"):
        read_attachment(journal, name, kind)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x.out", "/etc/passwd", "history", "copied", "draft-1-1.json", "plan-1-1.json", "run-1-1.out\n"],
)
def test_only_a_name_of_the_wanted_kind_is_read(journal: Journal, name: str) -> None:
    replace_attachment(journal, COPIED_TEXT, b"words")
    with pytest.raises(FileUnusable, match="not the name of a run output or tracer output or captured pane"):
        read_attachment(journal, name, RUN_OUTPUT, TRACER_OUTPUT, CAPTURED_PANE)


@pytest.mark.parametrize("fate", ["a link", "a hard link", "somebody else's", "a folder", "a fifo"])
def test_only_a_regular_file_of_ours_with_one_name_is_read(journal: Journal, tmp_path: Path, fate: str) -> None:
    path = Path(write_attachment(journal, RUN_OUTPUT, "run-1-1.out", b"words"))
    assert read_attachment(journal, path.name, RUN_OUTPUT).content == b"words"
    match fate:
        case "a link":
            path.symlink_to(path.rename(tmp_path / "elsewhere"))
        case "a hard link":
            os.link(path, tmp_path / "second name")
        case "somebody else's":
            os.chown(path, BOB.uid, BOB.gids[0])
        case "a folder" | "a fifo":
            path.unlink()
            path.mkdir() if fate == "a folder" else os.mkfifo(path)
    with pytest.raises(FileUnusable):
        read_attachment(journal, path.name, RUN_OUTPUT)


@pytest.mark.parametrize("fate", ["somebody else's", "readable by others", "too short", "a link"])
def test_a_key_that_another_user_may_know_signs_nothing(
    journal: Journal, bare_home: Path, tmp_path: Path, fate: str
) -> None:
    write_attachment(journal, PLAN, "plan-1-1.json", b"{}")
    key = bare_home / ".local/state/3am/key"
    match fate:
        case "somebody else's":
            os.chown(key, BOB.uid, BOB.gids[0])
        case "readable by others":
            key.chmod(0o640)
        case "too short":
            key.write_bytes(b"x")
        case "a link":
            key.symlink_to(key.rename(tmp_path / "elsewhere"))
    with pytest.raises(FileUnusable, match="key"):
        write_attachment(journal, PLAN, "plan-2-1.json", b"{}")
    assert not (Path(attachment_dir(journal)) / "plan-2-1.json").exists()


def test_what_is_refused_after_its_file_is_gone_is_only_refused(run_here: Run, journal: Journal) -> None:
    """The file of a refused line is removed, and somebody may have been faster."""
    from threeam.cli.submit import clean_up_refused

    path = write_attachment(journal, RUN_OUTPUT, "run-1-1.out", b"words")
    os.unlink(path)
    clean_up_refused("", path)


def test_of_many_that_need_the_first_key_at_once_each_signs_with_the_same(journal: Journal) -> None:
    names = [f"plan-{number}-1.json" for number in range(16)]
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: write_attachment(journal, PLAN, name, b"{}"), names))
    assert all(read_attachment(journal, name, PLAN).signed for name in names)
