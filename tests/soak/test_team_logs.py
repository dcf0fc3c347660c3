"""What happens to the log of a host in a team: rotations, other programs, a full disk, two users, many origins."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from phase import GROUP, SECOND_USER

from support.commands import command
from support.journals import writer_of
from support.nats_server import Engine, Host, start_hosts, wait_for_mirrors, wait_until
from support.team import content, journal_bytes
from support.team_origins import Origins
from threeam.core.errors import DiskFull
from threeam.core.format.clock import system_clock
from threeam.core.write import log_file
from threeam.core.write.log_file import LogFile
from threeam.team.mirrors.mirror import read_mirror
from threeam.team.origin import read_origin

pytestmark = pytest.mark.slow

ROTATE_BYTES = 20_000


@pytest.fixture
def hosts(engine: Engine, hosts: list[Host]) -> list[Host]:
    """The two hosts, with the lines of each other."""
    start_hosts(engine, hosts)
    return hosts


def write_with_rotations(host: Host, count: int) -> None:
    """Write lines with `3am log -`, which rotates."""
    words = [command(), "log", "-q", "-", "--log", str(host.log), "--lock", host.journal.lock_path]
    data = b"".join(b"with rotations %d\n" % number for number in range(count))
    subprocess.run(words, input=data, env={**os.environ, "SANITY_ROTATE_BYTES": str(ROTATE_BYTES)}, check=True)


def logrotate(host: Host, *directives: str) -> None:
    config = host.folder / "logrotate.conf"
    config.write_text("\n".join([f"{host.log} {{", "rotate 9", "size 1", "su root root", *directives, "}\n"]))
    config.chmod(0o644)
    subprocess.run(["logrotate", "-f", "-s", str(host.folder / "state"), str(config)], check=True)


def segments(host: Host, other: Host) -> list[str]:
    """Return the segments of the mirror of ``other``, which has one epoch and no gap."""
    (files,) = host.mirrors(other)
    assert files.gaps == []
    return [part.segment for part in files.parts]


def test_rotations_without_an_engine_arrive_in_order(engine: Engine, hosts: list[Host]) -> None:
    db1, web1 = hosts
    engine.kill()
    for _ in range(8):
        write_with_rotations(db1, 300)
    engine.start()
    wait_for_mirrors(hosts)
    found = segments(web1, db1)
    assert len(found) > 5
    assert found == sorted(found)


@pytest.mark.parametrize("team_runs", [True, False])
@pytest.mark.parametrize("directives", [("create",), ("copytruncate",), ("copytruncate", "dateext")])
def test_lines_that_logrotate_puts_aside_without_an_engine_arrive(
    directives: tuple[str, ...], team_runs: bool, engine: Engine, hosts: list[Host]
) -> None:
    db1, web1 = hosts
    engine.kill()
    db1.write(100)
    expected = db1.log.read_bytes()
    if not team_runs:
        db1.end()
    logrotate(db1, *directives)
    db1.write(50)
    expected += db1.log.read_bytes()
    engine.start()
    if not team_runs:
        db1.start(engine.url)
    wait_until(lambda: content(web1.mirrors(db1)[0]) == expected, "all lines")
    assert len(segments(web1, db1)) == 2
    wait_until(lambda: (db1.unsent(), db1.unheld()) == (0, 0), "all lines are held")
    assert db1.notices() == ""


def test_lines_that_logrotate_has_compressed_unsent_are_told(engine: Engine, hosts: list[Host]) -> None:
    db1, web1 = hosts
    engine.kill()
    db1.write(100)
    logrotate(db1, "copytruncate", "compress")
    db1.write(50)
    engine.start()
    wait_until(lambda: web1.has_all_of(db1) or content(web1.mirrors(db1)[0]).endswith(db1.log.read_bytes()), "the rest")
    wait_until(lambda: "was removed or compressed" in db1.notices(), "the notice")
    wait_until(lambda: (db1.unsent(), db1.unheld()) == (0, 0), "the lines that are here are held")


def test_a_line_that_a_program_appends_to_the_renamed_log_arrives(engine: Engine, hosts: list[Host]) -> None:
    db1, web1 = hosts
    with db1.log.open("ab") as other_program:
        renamed = db1.log.rename(db1.log.with_name("sanity.log.1"))
        other_program.write(b"of a program that has the file open\n")
        other_program.flush()
        wait_until(lambda: content(web1.mirrors(db1)[0]) == renamed.read_bytes(), "the line")
    db1.write(5)
    expected = renamed.read_bytes() + db1.log.read_bytes()
    wait_until(lambda: content(web1.mirrors(db1)[0]) == expected, "all lines")
    assert len(segments(web1, db1)) == 2


@pytest.mark.parametrize("change", ["longer", "other"])
def test_a_file_that_is_moved_over_the_log_is_the_same_log_or_a_new_epoch(
    change: str, engine: Engine, hosts: list[Host]
) -> None:
    """An editor does that, `mv` of a backup, and `mv` of a fork."""
    db1, web1 = hosts
    db1.write(20)
    wait_for_mirrors(hosts)
    replacement = db1.log.with_name("replacement")
    data = db1.log.read_bytes()
    if change == "other":
        data = data.replace(b"note 7", b"(left)")
    last = db1.log.read_bytes().splitlines(keepends=True)[-1]
    replacement.write_bytes(data + last.replace(b"note 20", b"note 21"))
    replacement.rename(db1.log)
    wait_for_mirrors(hosts)
    assert len(web1.mirrors(db1)) == (2 if change == "other" else 1)
    assert [files.gaps for files in web1.mirrors(db1)] == [[] for _ in web1.mirrors(db1)]
    db1.write(5)
    wait_for_mirrors(hosts)


def test_a_block_that_a_full_disk_takes_back_is_not_sent(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer is slow: the team's process meets the half block while the writer holds the lock."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", str(disk)], check=True)
    db1, web1 = Host(tmp_path, "db1", log=disk / "sanity.log"), Host(tmp_path, "web1")
    try:
        for host in (db1, web1):
            host.write()
            host.start(engine.url)
        wait_for_mirrors([db1, web1])
        sizes, undo = [], LogFile._undo_append

        def undo_slowly(self: LogFile, size: int) -> None:
            sizes.append(self.segment.size())
            threading.Event().wait(0.2)
            undo(self, size)

        monkeypatch.setattr(LogFile, "_undo_append", undo_slowly)
        monkeypatch.setattr(log_file, "has_space", lambda *_: True)  # another program takes it in the meantime
        before = db1.log.stat().st_size
        writer = writer_of("db1", db1.journal, system_clock)
        for _ in range(5):
            with pytest.raises(DiskFull):
                writer.write_stream([f"too large {number} {'x' * 1000}" for number in range(2_000)])
        assert len(sizes) == 5
        assert min(sizes) > before + 100_000  # so much of the block was in the file
        assert db1.log.stat().st_size == before
        db1.write(5)
        wait_for_mirrors([db1, web1])
        assert len(web1.mirrors(db1)) == 1
    finally:
        for host in (db1, web1):
            host.end()
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_of_two_users_of_a_log_one_sends_and_both_have_mirrors(engine: Engine, hosts: list[Host], place: Path) -> None:
    db1, web1 = hosts
    second = Host(place, "db1-of-bob", log=db1.log)
    path = Path(__file__).parent
    become = "import concurrent.futures.thread, encodings.idna\n"  # the second user cannot read the interpreter
    become += f"import sys; sys.path.insert(0, {str(path)!r}); import faults; faults.become({SECOND_USER}, {GROUP})"
    run = "from threeam.cli.main import run_and_exit; run_and_exit()"
    second.program = [sys.executable, "-P", "-c", f"{become}\n{run}"]
    os.chown(second.folder, SECOND_USER, GROUP)
    for beside in ("", ".lock", ".origin"):
        os.chown(f"{db1.log}{beside}", -1, GROUP)
        os.chmod(f"{db1.log}{beside}", 0o660)
    os.chmod(db1.folder, 0o755)
    second.start(engine.url)
    try:
        found: list[Path] = []

        def has_all_of_web1() -> bool:
            found[:] = second.folder.rglob("remote/*/*.log")
            return [file.read_bytes() for file in found] == [web1.log.read_bytes()]

        wait_until(has_all_of_web1, "the mirror of the second user")
        assert found[0].stat().st_uid == SECOND_USER
        db1.write(5)
        web1.write(5)
        wait_for_mirrors(hosts)
        wait_until(has_all_of_web1, "the mirror of the second user")
        db1.end()
        db1.write(5)
        second.end()
        second.start(engine.url)  # nobody else publishes now
        wait_until(lambda: web1.has_all_of(second), "what the second user sends")
        assert len(web1.mirrors(second)) == 1
    finally:
        second.end()


def test_twenty_origins_of_a_thousand_lines_a_second_lose_nothing(engine: Engine, tmp_path: Path) -> None:
    origins = Origins(engine.url, tmp_path, 20, 1_000, 8)
    web1 = Host(tmp_path, "web1")
    web1.write()
    web1.start(engine.url)
    try:
        origins.begin()
        origins.wait_sent()
        for journal in origins.journals:
            origin, expected = read_origin(journal), journal_bytes(journal)
            assert origin is not None
            assert expected.count(b"\n") == 8_001
            wait_until(
                lambda: [content(files) for files in read_mirror(web1.journal, origin.id)] == [expected],  # noqa: B023
                "the mirror",
            )
    finally:
        web1.end()
        origins.end()
