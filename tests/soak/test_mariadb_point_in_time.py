"""The proof of `3am restore data --engine mariadb`: a real server is corrupted at T, and its own runbook repairs it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from support.commands import Run
from support.journals import entries
from support.mariadb import Maria, maria
from support.postgres import eventually
from threeam.core.format.entry import NS_PER_S, Stamp

pytestmark = pytest.mark.slow

PASSWORD = "geheim-3am"
# What may be in the way of a compare and a patch: odd text, columns that make themselves, triggers.
TABLES = {
    "orders": (
        "id int PRIMARY KEY, amount int, note text CHARSET utf8mb4 DEFAULT 'ä\\tb\\nINSERT INTO x', "
        "raw varbinary(9) DEFAULT x'00ff0a27', at timestamp DEFAULT current_timestamp"
    ),
    "doubled": "id int PRIMARY KEY, amount int, twice int GENERATED ALWAYS AS (amount * 2) STORED",
    "numbered": "id int PRIMARY KEY AUTO_INCREMENT, amount int",
}
BEFORE = {**{n: n * 100 for n in range(1, 21)}, 3: 333, 4: 444}  # the rows just before the corrupted transaction


class Night(NamedTuple):
    """What has happened: the live server, its backup, and the second in which it was corrupted."""

    live: Maria
    backup: Path
    t: Stamp


@pytest.fixture(scope="module")
def night() -> Iterator[Night]:
    """Rows, a backup, good changes, and in one second a good one, the corruption, and another good one."""
    with maria("--log-bin=binlog", "--server-id=1", "--binlog-format=ROW", "--default-time-zone=+05:00") as live:
        live.sql("CREATE DATABASE shop")
        for table, columns in TABLES.items():
            live.sql(f"CREATE TABLE {table} ({columns})", "shop")
            rows = ", ".join(f"({n}, {n * 100})" for n in range(1, 21))
            live.sql(f"INSERT INTO {table} (id, amount) VALUES {rows}", "shop")
        live.sql(f"CREATE USER app@localhost IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON *.* TO app@localhost")
        backup = live.folder / "backup.sql"
        live.shell(
            f"mariadb-dump {' '.join(live.options)} --single-transaction --master-data=2 --databases shop >{backup}"
        )
        live.sql(each("UPDATE {table} SET amount = 333 WHERE id = 3") + "FLUSH BINARY LOGS", "shop")
        # The clock of these sessions stands still: all that they commit is of one second.
        ((second,),) = live.sql("SELECT UNIX_TIMESTAMP() + 2")
        stands = f"SET TIMESTAMP = {second};"
        live.sql(stands + each("UPDATE {table} SET amount = 444 WHERE id = 4"), "shop")
        live.sql(stands + each("UPDATE {table} SET amount = 0 WHERE id = 7; DELETE FROM {table} WHERE id = 8"), "shop")
        after = "UPDATE {table} SET amount = 999 WHERE id = 9; INSERT INTO {table} (id, amount) VALUES (21, 2100)"
        live.sql(stands + each(after), "shop")
        live.sql(f"SET TIMESTAMP = {int(second) + 1}; FLUSH BINARY LOGS")
        yield Night(live, backup, Stamp(int(second) * NS_PER_S + 500_000_000))


def each(statements: str) -> str:
    """One transaction with ``statements`` for every table."""
    return f"BEGIN; {' '.join(f'{statements.format(table=table)};' for table in TABLES)} COMMIT;"


def written(run: Run, *argv: str, engine: str = "mariadb", code: int = 0) -> str:
    """The runbook that is printed."""
    done = run("restore", "data", "--engine", engine, *argv)
    assert done.returncode == code, done
    assert PASSWORD.encode() not in done.stdout + done.stderr
    return str(done.stdout.decode())


def block(text: str, step: int) -> str:
    """The shell of a step."""
    match = re.search(rf"^## {step}\. .*?^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert match is not None, f"step {step} has no shell: {text}"
    return match[1]


class Restored(NamedTuple):
    """A second server, made by the runbook ``text``, beside the live one."""

    text: str
    night: Night
    folder: Path

    def does(self, step: int, text: str = "", table: str = "orders", **given: str) -> str:
        """Run a step to the letter, after the exports of the steps before; only what a person names is replaced."""
        text = text or self.text
        before = [self.text] * 4 + [text] * 4
        exports = [
            line
            for earlier in range(1, step)
            for line in block(before[earlier - 1], earlier).splitlines()
            if line.startswith(("export ", "cd "))
        ]
        script = "\n".join([*exports, block(before[step - 1], step)])
        live = self.night.live
        for old, new in {
            **given,
            "export LIVE='--host=127.0.0.1 --user=root'": f"export LIVE='{' '.join(live.options)}'",
            "/var/tmp/restore-before": str(self.folder),
            "/path/to/backup.sql": str(self.night.backup),
            "BINLOGS=/var/lib/mysql": f"BINLOGS={live.data}",
            "TABLE=orders": f"TABLE={table}",
            "3am log ": "true ",
        }.items():
            script = script.replace(old, new)
        done = live.shell(script)
        assert "ERROR" not in done.stderr, f"{script}{done.stderr}"
        return done.stdout

    def corrupted(self, listed: str) -> tuple[str, str, str]:
        """File, position and GTID of the transaction in a list that deletes row 8, as a person finds it."""
        transactions = re.split(r"^(?=binlog\.)", listed, flags=re.MULTILINE)
        (deletion,) = [transaction for transaction in transactions if "DELETE FROM `shop`.`orders`" in transaction]
        match = re.match(r"(binlog\.\d+) (\d+) \d+ \S+ GTID (\d+-\d+-\d+)\n", deletion)
        assert match is not None, deletion
        return match[1], match[2], match[3]

    def amounts(self, table: str, *, live: bool = False, database: str = "shop") -> dict[int, int]:
        """The amounts by id, here or in the live one."""
        other = Maria(self.folder)
        rows = (self.night.live if live else other).sql(f"SELECT id, amount FROM {table}", database)
        return {int(key): int(amount) for key, amount in rows}


@pytest.fixture(scope="module")
def restored(night: Night, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restored]:
    """The second server after steps 1 to 4."""
    from threeam.restore.pitr import RecoveryTarget
    from threeam.restore.runbook import render_runbook

    folder = night.live.folder.with_name(f"{night.live.folder.name}-2")
    text = render_runbook("mariadb", RecoveryTarget(night.t, 1_000_000), "the test")
    made = Restored(text, night, folder)
    try:
        made.does(1)
        made.does(2)
        assert made.amounts("orders") == {n: n * 100 for n in range(1, 21)}, "the backup, and nothing after it"
        file, position, gtid = made.corrupted(made.does(3))
        replayed = made.does(4, **{"FILE=binlog.000123 STOP=5822": f"FILE={file} STOP={position}"})
        last = re.findall(r"^GTID (\S+)$", replayed, re.MULTILINE)[-1]
        domain, server_id, number = gtid.split("-")
        assert last == f"{domain}-{server_id}-{int(number) - 1}", "up to the transaction before, and no further"
        assert "DELETE FROM `shop`.`orders`" in replayed, "the corrupted one is shown"
        yield made
        _, shutdown, _ = block(text, 8).splitlines()
        made.does(8, **{block(text, 8): shutdown})
        eventually(lambda: not (folder / "pid").exists(), "the second server has ended by the last step")
    finally:
        try:
            Maria(folder).stop()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("engine", ["mariadb", "mysql"])
def test_the_rows_are_whole_again_by_the_runbook_word_for_word(
    night: Night, restored: Restored, run: Run, table: str, engine: str
) -> None:
    """The steps from 5 on are the same for both: MySQL's are executed here by MariaDB's programs of those names."""
    assert restored.amounts(table) == BEFORE
    text = written(run, "--at", f"@{night.t}", engine=engine)
    live = restored.amounts(table, live=True)
    restored.does(5, text, table)
    assert restored.amounts(f"{table}_before", live=True) == BEFORE
    checked = "SET time_zone = '+00:00'; CHECKSUM TABLE {}"
    ((_, there),) = Maria(restored.folder).sql(checked.format(table), "shop")
    ((_, here),) = restored.night.live.sql(checked.format(f"{table}_before"), "shop")
    assert there == here, "every column is as it was"
    assert restored.amounts(table, live=True) == live, "nothing changes a live row before step 7"
    rows = [line.split("\t")[:2] for line in restored.does(6, text, table).splitlines()[1:]]
    changed = [["7", "changed since"], ["8", "gone since"]]
    assert rows == [*changed, ["9", "changed since"], ["21", "came since"]]
    restored.does(7, text, table, **{"4711": "7", "4712": "8"})
    assert restored.amounts(table, live=True) == live, "without a COMMIT nothing is patched"
    restored.does(7, text, table, **{"4711": "7", "4712": "8", "ROLLBACK;": "COMMIT;"})
    assert restored.amounts(table, live=True) == {**live, 7: 700, 8: 800}
    drop = block(text, 8).splitlines()[0]
    restored.does(8, text, table, **{block(text, 8): drop})
    restored.night.live.sql(f"UPDATE {table} SET amount = 0 WHERE id = 7; DELETE FROM {table} WHERE id = 8", "shop")


def test_the_server_says_whether_it_can_be_done_and_the_gtids_around_t(night: Night, run: Run, log: Path) -> None:
    text = written(run, "--at", f"@{night.t}", "--dsn", f"mariadb://root@/?socket={night.live.folder}/socket")
    assert "binlog_format `ROW`" in text
    # The log has whole seconds, so on a fast disk the transactions of the night before are in the same one.
    assert len(re.findall(r"^- `0-1-\d+` at ", text, re.MULTILINE)) >= 3
    assert f"export LIVE='--socket={night.live.folder}/socket --user=root'\n" in text
    assert not re.search(r"^- \*\*", text, re.MULTILINE)
    (entry,) = entries(log)
    assert ("RESTORE", "data") in entry.tags


def test_a_password_goes_through_the_environment_and_is_written_nowhere(night: Night, run: Run, log: Path) -> None:
    dsn = f"mariadb://app:{PASSWORD}@/?socket={night.live.folder}/socket"
    assert re.search(r"^- MariaDB `\d+", written(run, "--at", f"@{night.t}", "--dsn", dsn), re.MULTILINE)
    assert PASSWORD not in log.read_text()


@pytest.mark.parametrize(
    "dsn", ["mariadb://app:falsch-3am@/?socket={}/socket", "mariadb://app:falsch-3am@127.0.0.1:1/", "falsch-3am"]
)
def test_a_server_that_cannot_be_asked_is_one_sentence(night: Night, run: Run, log: Path, dsn: str) -> None:
    done = run("restore", "data", "--at=-1m", "--engine", "mariadb", "--dsn", dsn.format(night.live.folder))
    assert (done.returncode, done.stdout) == (3, b""), done
    assert done.stderr.startswith(b"3am: ")
    assert done.stderr.count(b"\n") == 1
    assert b"falsch-3am" not in done.stderr
    assert not log.exists()


def test_without_a_binary_log_it_is_no_and_the_runbook_is_there_all_the_same(run: Run) -> None:
    with maria() as bare:
        dsn = f"mariadb://root@/?socket={bare.folder}/socket"
        done = run("restore", "data", "--at=-1s", "--engine", "mariadb", "--dsn", dsn)
        assert (done.returncode, b"```sh" in done.stdout) == (1, True), done
        for output in (done.stdout, done.stderr):
            assert b"log_bin is off" in output
