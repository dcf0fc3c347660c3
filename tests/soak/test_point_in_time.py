"""The proof of `3am restore data`: a real PostgreSQL is corrupted at T, and its own runbook makes the rows whole."""

from __future__ import annotations

import re
import shutil
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from support.commands import Run
from support.journals import entries
from support.postgres import PASSWORD, Cluster, cluster, eventually, free_port
from threeam.core.format.entry import Stamp

pytestmark = pytest.mark.slow

# What may be in the way of a compare and a patch: another schema, a type without equality, columns that make themselves
TABLES = {
    "orders": "id int PRIMARY KEY, amount int, note text DEFAULT E'a\\tb\\n'",
    "shop.orders": "id int PRIMARY KEY, amount int",
    "documents": "id int PRIMARY KEY, amount int, doc json DEFAULT '{\"a\": 1}', at point DEFAULT '(1,2)'",
    "numbered": "id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, amount int",
    "doubled": "id int PRIMARY KEY, amount int, twice int GENERATED ALWAYS AS (amount * 2) STORED",
}
ARCHIVE = "mkdir -p {folder}/archive && cp %p {folder}/archive/%f"
ENDED = "recovery ended before configured recovery target was reached"
US = 1_000  # ns


class Night(NamedTuple):
    """What has happened: the live server, when the corruption was committed and by which transaction; the good one."""

    live: Cluster
    t: Stamp
    xid: int
    good: Stamp
    good_xid: int


@pytest.fixture(scope="module")
def night() -> Iterator[Night]:
    """Rows, a base backup, good changes, the corruption, and what came after; all of it archived."""
    given = {"archive_mode": "on", "archive_command": ARCHIVE, "track_commit_timestamp": "on", "fsync": "on"}
    with cluster(given) as live, live.connect() as admin:
        admin.execute("CREATE SCHEMA shop")
        for table, columns in TABLES.items():
            admin.execute(f"CREATE TABLE {table} ({columns})".encode())
            rows = "SELECT g, g * 100 FROM generate_series(1, 20) AS g"
            admin.execute(f"INSERT INTO {table} (id, amount) OVERRIDING SYSTEM VALUE {rows}".encode())
        admin.execute(f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'".encode())
        live.base_backup(live.folder / "base")
        ended = live.fact("SELECT ceil(extract(epoch FROM clock_timestamp()))::int8")  # known to the second only
        next_second = "SELECT extract(epoch FROM clock_timestamp()) > %s"
        eventually(lambda: live.fact(next_second, ended), "the second in which the backup ended has gone by")
        commit(live, "UPDATE {table} SET amount = 333 WHERE id = 3")
        good_xid, good = commit(live, "UPDATE {table} SET amount = 444 WHERE id = 4")
        past = "SELECT clock_timestamp() > pg_xact_commit_timestamp(%s::text::xid) + interval '3 ms'"
        eventually(lambda: live.fact(past, good_xid), "3 ms have gone by")
        xid, t = commit(live, "UPDATE {table} SET amount = 0 WHERE id = 7", "DELETE FROM {table} WHERE id = 8")
        assert 3_000_000 < t.ns - good.ns < 1_000_000_000
        after = "INSERT INTO {table} (id, amount) OVERRIDING SYSTEM VALUE VALUES (21, 2100)"
        commit(live, "UPDATE {table} SET amount = 999 WHERE id = 9", after)
        live.archived()
        yield Night(live, t, xid, good, good_xid)


def commit(live: Cluster, *statements: str) -> tuple[int, Stamp]:
    """One transaction over all tables: its number, and when the server says that it was committed."""
    with live.connect(autocommit=False) as session:
        for table in TABLES:
            for statement in statements:
                session.execute(statement.format(table=table).encode())
        xid = session.execute("SELECT pg_current_xact_id()::text::int8").fetchall()[0][0]
        session.commit()
    asked = "SELECT (extract(epoch FROM pg_xact_commit_timestamp(%s::text::xid)) * 1000000)::int8"
    return xid, Stamp(live.fact(asked, xid) * US)


def written(run: Run, *argv: str, code: int = 0) -> str:
    """The runbook that is printed."""
    done = run("restore", "data", "--engine", "postgres", *argv)
    assert done.returncode == code, done
    assert PASSWORD.encode() not in done.stdout + done.stderr
    return str(done.stdout.decode())


def block(text: str, step: int, language: str = "sh") -> str:
    """The block of code of a step."""
    match = re.search(rf"^## {step}\. .*?^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert match is not None, f"step {step} has no block of {language}: {text}"
    return match[1]


def target(text: str) -> str:
    """The time in the recovery settings."""
    return str(re.findall(r"^recovery_target_time = '([^']+)'$", block(text, 3, "ini"), re.MULTILINE)[0])


class Restored(NamedTuple):
    """A second cluster, made by a runbook, beside the live one."""

    text: str
    live: Cluster
    other: Cluster

    def does(self, script: str, table: str = "orders", check: bool = True) -> str:
        """Runs shell of the runbook, with the port, the table and the folders of this test, as the server's user."""
        given = [line for step in (2, 5) for line in block(self.text, step).splitlines() if line.startswith("export ")]
        exported = "\n".join(given)
        for old, new in {
            "/var/tmp/restore-before": str(self.other.data),
            "/path/to/base.tar": str(self.live.folder / "base" / "base.tar"),
            "port=5433": f"port={self.other.port}",
            "-p 5433": f"-p {self.other.port}",
            "TABLE=orders": f"TABLE={table}",
        }.items():
            script, exported = script.replace(old, new), exported.replace(old, new)
        done = self.live.as_server("sh", "-e", "-c", f"{exported}\n{script}", check=False)
        wrong = done.returncode != 0 or "ERROR" in done.stderr  # psql that reads from stdin ends with 0 all the same
        assert not (check and wrong), f"{script}{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def unpack(self, settings: str | None = None) -> None:
        """Steps 2 and 3."""
        self.does(block(self.text, 2))
        with (self.other.data / "postgresql.auto.conf").open("a") as file:
            file.write(
                (settings or block(self.text, 3, "ini")).replace("/path/to/archive", f"{self.live.folder}/archive")
            )

    @property
    def starting(self) -> str:
        """The command of step 4 that starts it."""
        (start_command,) = re.findall(r"^pg_ctl .*start.*$", block(self.text, 4), re.MULTILINE)
        return str(start_command)

    def start(self) -> str:
        """Step 4, and what it says; returns when the replay is paused, also where step 4 does not wait for that."""
        printed = self.does(block(self.text, 4))
        paused = "SELECT pg_get_wal_replay_pause_state() = 'paused'"
        eventually(lambda: self.other.fact(paused), "the replay is paused")
        return printed

    def amounts(self, table: str = "orders", *, of: Cluster | None = None) -> dict[int, int]:
        """The amounts by id, in this one or in the live one."""
        with (of or self.other).connect() as session:
            return dict(session.execute(f"SELECT id, amount FROM {table}".encode()).fetchall())


def says(folder: Path, text: str) -> bool:
    return any(text in path.read_text(errors="replace") for path in folder.glob("*log*") if path.is_file())


def beside(live: Cluster, text: str) -> Iterator[Restored]:
    """A place for another cluster beside the live one, stopped and removed at the end."""
    port = free_port()
    other = Cluster(live.folder, live.folder / f"restored-{port}", port)
    try:
        yield Restored(text, live, other)
    finally:
        try:
            other.stop()
        finally:
            shutil.rmtree(other.data, ignore_errors=True)


@pytest.fixture
def restored(night: Night, run: Run) -> Iterator[Restored]:
    """What the runbook for T makes, not yet unpacked."""
    yield from beside(night.live, written(run, "--at", f"@{night.t}", "--dsn", night.live.dsn()))


BEFORE = {**{n: n * 100 for n in range(1, 21)}, 3: 333, 4: 444}  # the rows a millisecond before T


@pytest.mark.parametrize("table", TABLES)
def test_the_row_is_whole_again_by_the_runbook_word_for_word(night: Night, restored: Restored, table: str) -> None:
    restored.unpack()
    restored.start()
    for name in TABLES:
        assert restored.amounts(name) == BEFORE
    brought_back(restored, table)
    restored.does(block(restored.text, 8).splitlines()[0])
    assert not (restored.other.data / "postmaster.pid").exists()


def brought_back(restored: Restored, table: str) -> None:
    """Steps 5 to 8 with one table: the rows of then beside, compared, patched, and put away."""
    live = restored.amounts(table, of=restored.live)
    restored.does(block(restored.text, 5), table)
    assert restored.amounts(f"{table}_before", of=restored.live) == BEFORE
    assert restored.amounts(table, of=restored.live) == live, "nothing changes a live row before step 7"
    compared = restored.does(block(restored.text, 6), table)
    matches = re.findall(r"^ *(\d+) \| (\w+) since", compared, re.MULTILINE)
    assert matches == [("7", "changed"), ("8", "gone"), ("9", "changed"), ("21", "came")], compared
    patch = block(restored.text, 7).replace("4711", "7").replace("4712", "8")
    restored.does(patch, table)
    assert restored.amounts(table, of=restored.live) == live, "without a COMMIT nothing is patched"
    restored.does(patch.replace("ROLLBACK", "COMMIT"), table)
    assert restored.amounts(table, of=restored.live) == {**live, 7: 700, 8: 800}
    restored.does(block(restored.text, 8).splitlines()[1], table)


def test_while_it_still_replays_step_4_does_not_send_anybody_on(night: Night, restored: Restored) -> None:
    """It answers long before it is at the target: whoever copies rows then copies those of some earlier moment."""
    slow = block(restored.text, 3, "ini").replace("'cp ", "'sleep 0.7; cp ")
    restored.unpack(slow)
    printed = restored.start()
    assert re.search(r"^ *paused\b", printed, re.MULTILINE), printed


def test_stopped_too_early_it_goes_on_to_a_later_target(night: Night, run: Run) -> None:
    early = written(run, "--at", f"@{night.good}", "--dsn", night.live.dsn())
    for copy in beside(night.live, early):
        copy.unpack()
        copy.start()
        assert copy.amounts() == {**BEFORE, 4: 400}
        later = block(written(run, "--at", f"@{night.t}"), 3, "ini")
        copy.does(block(early, 8).splitlines()[0])
        with (copy.other.data / "postgresql.auto.conf").open("a") as file:
            file.write(later.replace("/path/to/archive", f"{night.live.folder}/archive"))
        copy.start()
        assert copy.amounts() == BEFORE


def test_without_the_segment_of_t_it_says_what_the_runbook_says(night: Night, run: Run) -> None:
    now = Stamp(night.t.ns + 3600 * 10**9)  # nothing was committed after it: as if that segment were not archived
    for copy in beside(night.live, written(run, "--at", f"@{night.t}")):
        late = block(copy.text, 3, "ini").replace(target(copy.text), f"{now.iso_date} {now.time_of_day[:15]}+00")
        copy.unpack(late)
        copy.does(f"({copy.starting}) >{copy.other.data}/terminal.log 2>&1 || true")
        eventually(partial(says, copy.other.data, ENDED), ENDED)


def test_where_the_configuration_lies_elsewhere_it_is_still_the_restored_one(night: Night, restored: Restored) -> None:
    """As Debian has it: a configuration in /etc that names the data folder of the live one."""
    restored.unpack()
    etc = restored.live.folder / "etc"
    etc.mkdir(exist_ok=True)
    for name in ("postgresql.conf", "pg_hba.conf"):
        shutil.move(restored.other.data / name, etc / name)
    with (etc / "postgresql.conf").open("a") as file:
        file.write(f"data_directory = '{restored.live.data}'\nexternal_pid_file = '{etc}/main.pid'\n")
    more = re.search(r"If the configuration is outside.*?(?=\n\n|\n## )", restored.text, re.DOTALL)
    assert more is not None
    options = {"config_file": etc / "postgresql.conf", "hba_file": etc / "pg_hba.conf"}
    options |= {"data_directory": restored.other.data} if "data_directory" in more[0] else {}
    added = " ".join(f"-c {name}={value}" for name, value in options.items())
    printed = restored.does(re.sub(r"-o '([^']*)'", rf"-o '\1 {added}'", restored.starting), check=False)
    assert (restored.other.data / "postmaster.pid").exists(), f"it was started on the live data folder: {printed}"


def test_the_number_of_the_transaction_is_as_good_as_its_time(night: Night, run: Run) -> None:
    by_xid = written(run, "--xid", str(night.xid), "--dsn", night.live.dsn())
    by_time = written(run, "--at", f"@{night.t}", "--dsn", night.live.dsn())
    assert block(by_xid, 3, "ini") == block(by_time, 3, "ini")
    assert str(night.xid) in by_xid


@pytest.mark.parametrize("xid", ["0", "1", "2", "-1", "4000000000", "99999999999999999999", "later", "another epoch"])
def test_a_transaction_that_was_never_committed_is_refused(night: Night, run: Run, log: Path, xid: str) -> None:
    number = {"later": str(night.xid + 1_000_000), "another epoch": str(night.xid + 2**32)}.get(xid, xid)
    done = run("restore", "data", f"--xid={number}", "--engine", "postgres", "--dsn", night.live.dsn())
    assert (done.returncode, done.stdout) == (1, b""), done
    assert done.stderr.count(b"\n") == 1
    assert not log.exists()


@pytest.mark.parametrize(
    ("minus", "ns"), [("1ms", 10**6), ("1us", 10**3), ("1ns", 1), ("999ns", 999), ("2s", 2 * 10**9)]
)
def test_the_target_is_so_long_before_t_and_never_later(night: Night, run: Run, minus: str, ns: int) -> None:
    stamp = Stamp((night.t.ns - ns) // US * US)
    assert (
        target(written(run, "--at", f"@{night.t}", "--minus", minus)) == f"{stamp.iso_date} {stamp.time_of_day[:15]}+00"
    )


def test_the_server_says_what_was_committed_around_t(night: Night, run: Run) -> None:
    printed = written(run, "--at", f"@{night.t}", "--dsn", night.live.dsn())
    for xid, stamp in ((night.xid, night.t), (night.good_xid, night.good)):
        (match,) = [line for line in printed.splitlines() if re.search(rf"\bxid {xid}\b", line)]
        assert f"{stamp.iso_date} {stamp.time_of_day[:15]}" in match
        assert ("is replayed" in match) == (xid == night.good_xid)
    assert f"cp %p {night.live.folder}/archive/%f" in printed
    assert "nightly" in printed
    for line in printed.splitlines():
        assert not line.startswith("- **"), f"nothing stands against it: {line}"


def test_it_is_kept_beside_the_log_for_nobody_else(night: Night, run: Run, log: Path) -> None:
    printed = written(run, "--at", f"@{night.t}", "--dsn", night.live.dsn())
    (attachment,) = Path(f"{log}.d").glob("restore-*")
    assert (attachment.read_text(), stat.S_IMODE(attachment.stat().st_mode)) == (printed, 0o600)
    (entry,) = entries(log)
    assert ("RESTORE", "data") in entry.tags
    assert entry.text.startswith("Restore: ")
    for piece in (target(printed), str(attachment)):
        assert piece in entry.text
    assert PASSWORD not in log.read_text() + printed


def test_a_target_before_the_base_backup_is_reported_and_is_no(night: Night, run: Run) -> None:
    done = run(
        "restore", "data", "--at", f"@{night.t}", "--minus", "1h", "--engine", "postgres", "--dsn", night.live.dsn()
    )
    assert done.returncode == 1, done
    assert b"```ini" in done.stdout
    assert b"older backup" in done.stderr


def test_an_archive_that_fails_is_reported(night: Night, run: Run) -> None:
    with night.live.connect() as admin:
        admin.execute("ALTER SYSTEM SET archive_command = 'false --password=geheim2'")
        admin.execute("SELECT pg_reload_conf()")
        try:
            eventually(lambda: night.live.fact("SHOW archive_command").startswith("false"), "it is read")
            admin.execute("SELECT pg_logical_emit_message(true, '3am', 'x'), pg_switch_wal()")
            eventually(lambda: night.live.fact("SELECT failed_count > 0 FROM pg_stat_archiver"), "it has failed")
            printed = written(run, "--at", f"@{night.t}", "--dsn", night.live.dsn())
        finally:
            admin.execute("ALTER SYSTEM RESET archive_command")
            admin.execute("SELECT pg_reload_conf()")
    assert "FAILS" in printed
    assert "geheim2" not in printed


def test_an_ordinary_role_is_told_what_it_may_not_ask(night: Night, run: Run) -> None:
    printed = written(run, "--at", f"@{night.t}", "--dsn", night.live.dsn("app"))
    assert "pg_monitor" in printed
    assert f"xid {night.xid}" in printed


@pytest.mark.parametrize("moment", [("--at", "-1m"), ("--xid", "800")])
def test_a_server_that_cannot_be_asked_is_one_sentence(
    night: Night, run: Run, log: Path, moment: tuple[str, str]
) -> None:
    wrong = night.live.dsn(password="falsch-3am")
    done = run("restore", "data", f"{moment[0]}={moment[1]}", "--engine", "postgres", "--dsn", wrong)
    assert (done.returncode, done.stdout) == (3, b""), done
    assert done.stderr.startswith(b"3am: ")
    assert done.stderr.count(b"\n") == 1
    assert b"falsch-3am" not in done.stderr
    assert not log.exists()


def test_without_an_archive_it_is_no_and_the_runbook_is_there_all_the_same(run: Run) -> None:
    with cluster() as bare:
        done = run("restore", "data", "--at=-1s", "--engine", "postgres", "--dsn", bare.dsn())
        assert (done.returncode, b"```ini" in done.stdout) == (1, True), done
        for output in (done.stdout, done.stderr):
            assert b"archive_mode is off" in output
        assert b"track_commit_timestamp is off" in done.stdout
        by_xid = run("restore", "data", "--xid", "800", "--engine", "postgres", "--dsn", bare.dsn())
        assert (by_xid.returncode, by_xid.stdout) == (1, b"")
        assert b"track_commit_timestamp" in by_xid.stderr
