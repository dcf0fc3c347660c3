"""The first processes in a fresh home: what the first one keeps, the next one finds; and whose the folders are."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.commands import Run
from support.journals import entries
from support.people import ALICE, BOB, TEAM, Person
from threeam.core.errors import BadInput
from threeam.core.platform import user_dirs
from threeam.core.store.attachment_kinds import COPIED_TEXT
from threeam.core.store.attachments import attachment_dir, attachment_dirs, replace_attachment
from threeam.core.store.journal import Journal, resolve_journal
from threeam.tui.draft_store import DraftStore, SavedDraft, SavedDrafts

NOBODY = Person("nobody", 64099, (64002,))  # without an entry in the user database, as all of these

As = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def as_person(place: Path, monkeypatch: pytest.MonkeyPatch) -> As:
    """Run `3am` as a person, from their own home folder: ``as_person(ALICE, "log", "words")``."""
    for name in ("SANITY_LOG", "SANITY_LOCK", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name)

    def run(who: Person, *args: str, **env: str) -> subprocess.CompletedProcess[bytes]:
        home = place / who.name
        if not home.exists():
            home.mkdir(mode=0o700)
            os.chown(home, who.uid, who.gids[0])
        environ = {**os.environ, "HOME": str(home), "LOGNAME": who.name, **env}
        return subprocess.run(who.argv(*args), input=b"", capture_output=True, timeout=60, env=environ, cwd=home)

    return run


def folder_in(path_output: bytes) -> Path:
    """The folder of the attachments, as `3am path` prints it."""
    (row,) = [row for row in path_output.decode().splitlines() if row.startswith("folder ")]
    return Path(row.split("  (")[0].removeprefix("folder ").strip())


@pytest.mark.usefixtures("bare_home")
def test_a_baseline_of_the_first_process_is_found_by_the_next_one(run: Run) -> None:
    assert run("-j", "try", "baseline", "save", "--cmd", "echo quiet").returncode == 0
    done = run("-j", "try", "baseline", "diff")
    assert (done.returncode in (0, 1), b"not there" in done.stderr) == (True, False), done.stderr


def test_the_output_of_the_first_run_lies_where_the_next_process_looks(run: Run, bare_home: Path) -> None:
    before = folder_in(run("-j", "try", "path").stdout)
    assert run("-j", "try", "run", "--", "echo", "hello").returncode == 0
    assert folder_in(run("-j", "try", "path").stdout) == before
    (entry,) = entries(bare_home / ".local/state/3am/try.log")
    assert (before / (entry.tag("FILE") or "")).read_bytes() == b"hello\n"


def test_an_experiment_that_the_first_process_began_is_resumed(run: Run, bare_home: Path) -> None:
    (bare_home / "there").touch()
    stops = f"test -e {bare_home}/again && exit 0; touch {bare_home}/again; kill -INT $PPID; sleep 60"
    assert run("-j", "try", "run", "-n", "1", "--", "sh", "-c", stops).returncode == 130
    assert run("-j", "try", "run", "--resume", "R1").returncode == 0


def test_the_drafts_and_the_history_of_the_first_screen_are_found(bare_home: Path, run: Run) -> None:
    state = bare_home / ".local/state/3am"
    journal = resolve_journal(str(state / "try.log"), state_dir=str(state))
    first = DraftStore(journal, lambda sentence: pytest.fail(sentence) if sentence else None)
    first.add_to_history("sent before")
    first.save(SavedDrafts("alice@db1:1", (SavedDraft("note", "half a thought", None),)))
    first.flush(10)
    first.stop(10)
    assert run("-j", "try", "log", "words").returncode == 0
    second = DraftStore(journal, lambda sentence: None)
    restored = second.restore()
    assert restored is not None
    assert [draft.text for draft in restored.drafts] == ["half a thought"]
    assert second.history() == ["sent before"]
    second.stop(10)


def test_without_a_home_no_folder_is_made_anywhere(as_person: As, place: Path) -> None:
    done = as_person(NOBODY, "log", "words", HOME="")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"set HOME" in done.stderr
    assert b"words" in done.stderr, "what was typed is handed back"
    assert list((place / "nobody").iterdir()) == []


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No home folder; the working folder."""
    monkeypatch.setenv("HOME", "")
    monkeypatch.setattr(user_dirs, "home_in_passwd", lambda uid: "")
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_without_a_home_a_log_that_is_named_is_written(
    run_here: Run, homeless: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SANITY_LOCK")
    monkeypatch.setenv("SANITY_LOG", "my.log")
    for words in (["log", "words"], ["run", "--", "echo", "hello"], ["path"], ["journals"], ["status"]):
        done = run_here(*words)
        assert done.returncode == 0, done
    assert sorted(path.name for path in homeless.iterdir()) == ["my.log", "my.log.d", "my.log.lock"]


def test_without_a_home_what_must_be_signed_is_refused_in_a_sentence(run_here: Run, homeless: Path) -> None:
    done = run_here("run", "-n", "1", "--", "true")
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1)
    assert b"set HOME or XDG_STATE_HOME" in done.stderr
    assert list(homeless.iterdir()) == []


def test_a_first_command_under_sudo_leaves_the_state_folder_to_its_user(
    as_person: As, place: Path, run_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = place / "alice"
    home.mkdir(mode=0o700)
    os.chown(home, ALICE.uid, ALICE.gids[0])
    monkeypatch.setattr(user_dirs, "home_in_passwd", lambda uid: str(place / "root"))
    with monkeypatch.context() as sudo:
        sudo.setenv("HOME", str(home))
        sudo.setenv("SUDO_USER", "alice")
        for words in (["log", "as root"], ["run", "--", "echo", "as root"]):
            done = run_here("-j", "try", *words)
            assert done.returncode == 0, done.stderr
    assert len(list((place / "root").rglob("run-*.out"))) == 1, "what root has printed is root's"
    done = as_person(ALICE, "-j", "try", "run", "--", "echo", "hers")
    assert (done.returncode, done.stdout) == (0, b"hers\n"), done.stderr
    foreign = [path for path in home.rglob("*") if path.lstat().st_uid != ALICE.uid]
    assert foreign == []


def test_what_path_prints_for_a_team_log_is_what_each_of_the_team_uses(as_person: As, place: Path) -> None:
    team = place / "team"
    team.mkdir()
    os.chown(team, ALICE.uid, TEAM)
    team.chmod(0o2770)
    (team / "night.log").touch()
    os.chown(team / "night.log", ALICE.uid, TEAM)
    (team / "night.log").chmod(0o660)
    named = {"SANITY_LOG": str(team / "night.log")}
    for who, outer in ((ALICE, team), (BOB, place / "bob")):
        assert as_person(who, "run", "--", "echo", who.name, **named).returncode == 0
        folder = folder_in(as_person(who, "path", **named).stdout)
        assert outer in folder.parents
        (attachment,) = folder.glob("run-*.out")
        assert attachment.read_text() == f"{who.name}\n"


def test_a_path_of_any_length_has_a_private_folder(as_person: As, place: Path) -> None:
    team = place / "team" / ("d" * 120) / ("e" * 120)
    team.mkdir(parents=True)
    log = team / "night.log"
    log.touch()
    log.chmod(0o666)
    (team / "night.log.lock").touch()
    (team / "night.log.lock").chmod(0o666)
    done = as_person(BOB, "run", "--", "echo", "hello", SANITY_LOG=str(log))
    assert done.returncode == 0, done.stderr
    (attachment,) = folder_in(as_person(BOB, "path", SANITY_LOG=str(log)).stdout).glob("run-*.out")
    assert attachment.read_text() == "hello\n"


def test_a_home_that_is_a_relative_path_is_not_used(
    run_here: Run, homeless: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "relative")
    monkeypatch.delenv("SANITY_LOG")
    done = run_here("-j", "try", "log", "words")
    assert (done.returncode, list(homeless.iterdir())) == (2, [])


# Which folder it is.


def test_the_folder_is_the_same_before_and_after_the_state_folder_is_made(bare_home: Path) -> None:
    state = bare_home / ".local/state/3am"
    journal = resolve_journal(str(state / "try.log"), state_dir=str(state))
    before = attachment_dir(journal)
    journal.ensure_state_dir()
    assert attachment_dir(journal) == before == journal.folder_beside_log


def test_a_private_folder_stays_in_use_when_the_other_one_could_be_made(journal: Journal, log: Path) -> None:
    Path(journal.folder_beside_log).mkdir()
    os.chown(journal.folder_beside_log, BOB.uid, BOB.gids[0])
    private = Path(replace_attachment(journal, COPIED_TEXT, b"words")).parent
    assert str(private) != journal.folder_beside_log
    os.rmdir(journal.folder_beside_log)
    assert attachment_dirs(journal) == [str(private)]


def test_what_was_kept_in_the_other_folder_is_found_still(journal: Journal, bare_home: Path) -> None:
    """A process that began before there was a state folder had chosen the private one."""
    Path(journal.folder_beside_log).mkdir()
    os.chown(journal.folder_beside_log, BOB.uid, BOB.gids[0])
    private = attachment_dir(journal)
    replace_attachment(journal, COPIED_TEXT, b"words")
    os.chown(journal.folder_beside_log, 0, 0)
    assert attachment_dirs(journal) == [journal.folder_beside_log, private]


def test_a_folder_in_another_place_that_the_user_has_linked_is_used(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / "large disk").mkdir()
    Path(journal.folder_beside_log).symlink_to(tmp_path / "large disk")
    replace_attachment(journal, COPIED_TEXT, b"words")
    assert (tmp_path / "large disk" / "copied").read_bytes() == b"words"


def test_a_log_with_a_percent_sign_has_a_private_folder_of_its_own(tmp_path: Path) -> None:
    from threeam.core.store.attachments import flattened_path

    names = {flattened_path(resolve_journal(f"{tmp_path}/{name}")) for name in ("a/b.log", "a%b.log")}
    assert len(names) == 2


# The lock is never the log.


@pytest.mark.parametrize("kind", ["the same", "a relative path", "a symlink", "a hard link", "a symlinked log"])
def test_a_lock_that_is_the_log_is_refused_and_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    log, lock = tmp_path / "night.log", tmp_path / "other"
    match kind:
        case "a relative path":
            lock = Path("night.log")
        case "a symlink":
            lock.symlink_to(log)
        case "a hard link":
            log.touch()
            os.link(log, lock)
        case "a symlinked log":
            lock = log
            log = tmp_path / "link.log"
            log.symlink_to(lock)
        case _:
            lock = log
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(BadInput, match="is the log itself"):
        resolve_journal(str(log), str(lock))
    assert sorted(path.name for path in tmp_path.iterdir()) == before
