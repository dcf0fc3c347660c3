"""The runbook of a restore: nothing that a server says becomes markup, a block of code, or a line of one."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.restore import mariadb
from threeam.restore.pg_archive import inspect_postgres
from threeam.restore.pitr import RecoveryTarget
from threeam.restore.postgres import ServerUnreachable
from threeam.restore.runbook import render_runbook

T = Stamp(1_795_490_047_123_456_789)
TARGET = RecoveryTarget(T, 1_000_000)
PASTED = "UTC\n```\n\n```sh\nrm -rf /\n```\n"


class Hostile:
    """A connection to a server that gives ``value`` for every text that it is asked for."""

    def __init__(self, value: str) -> None:
        self.value = value
        self.info = SimpleNamespace(host="db1", port=5432, user="app", dbname=value)

    def execute(self, query: str, given: tuple[object, ...] = ()) -> Any:
        rows: list[tuple[object, ...]]
        if "current_setting(%s" in query:
            rows = [("on" if given == ("track_commit_timestamp",) else self.value,)]
        elif "pg_stat_archiver" in query:
            rows = [(self.value, self.value, self.value, self.value, True)]
        elif "pg_ls_waldir" in query:
            rows = [(self.value,)]
        elif "pg_read_file" in query:
            rows = [(T.ns // NS_PER_S - 60, self.value)]
        elif "clock_timestamp" in query:
            rows = [(T.ns // 1_000,)]
        elif "pg_snapshot_xmax" in query:
            rows = [(800,)]
        else:
            rows = []
        return Rows(rows)


class Rows:
    def __init__(self, rows: list[tuple[object, ...]]) -> None:
        self.rows = rows

    def fetchone(self) -> tuple[object, ...] | None:
        return self.rows[0] if self.rows else None

    def fetchall(self) -> list[tuple[object, ...]]:
        return self.rows

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        return iter(self.rows)


def written(value: str) -> str:
    return render_runbook("postgres", TARGET, value, inspect_postgres(Hostile(value), TARGET, lambda: T.ns))  # type: ignore[arg-type]


def of_mariadb(value: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The runbook that a hostile MariaDB gives."""

    def answers(at: mariadb.ClientAddress, program: str, *words: str) -> str:
        if program == "mariadb-binlog":
            return f"#261129 15:17:51 server id 1  end_log_pos 1 \tGTID 0-1-1 {value}"
        if words[-1].endswith("SHOW BINARY LOGS"):
            return f"{value}\t1\n"
        values = ["1" if name == "log_bin" else value for name in mariadb._VARIABLES]
        return "\t".join([str(T.ns / NS_PER_S), *values])

    monkeypatch.setattr(mariadb, "_run_client", answers)
    printed = mariadb.inspect_mariadb(mariadb.ClientAddress((f"--user={value}",)), TARGET, lambda: T.ns)
    return render_runbook("mariadb", TARGET, value, printed)


@pytest.mark.parametrize(
    "value", ["`x`", "```", "~~~", "<b>", "* a", "\x1b[2J", "@alice #12", "'; rm -rf / #", "\u202e"]
)
def test_what_a_mariadb_says_adds_no_block_of_code(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = of_mariadb(value, monkeypatch)
    assert blocks(text) == blocks(of_mariadb("plain", monkeypatch))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert ("export LIVE='--host" in text) == (" " in value or not value.isprintable())


@pytest.mark.parametrize("answer", ["", "x", "1\t2", "x\t" + "\t" * 8, "nan" + "\ta" * 8])
def test_a_server_that_answers_something_else_is_one_sentence(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mariadb, "_run_client", lambda *_: answer)
    with pytest.raises(ServerUnreachable, match="does not fit the query"):
        mariadb.inspect_mariadb(mariadb.ClientAddress(()), TARGET, lambda: T.ns)


@pytest.mark.parametrize(
    ("dsn", "options", "password"),
    [
        ("mariadb://app:ge%40heim@db1:3307/", ("--host=db1", "--port=3307", "--user=app"), "ge@heim"),
        ("mysql://db1", ("--host=db1",), ""),
        ("mariadb://root@/?socket=/run/m.sock", ("--socket=/run/m.sock", "--user=root"), ""),
        ("mariadb://[::1]:3306/", ("--host=::1", "--port=3306"), ""),
    ],
)
def test_a_dsn_becomes_options_of_the_client(dsn: str, options: tuple[str, ...], password: str) -> None:
    assert mariadb.parse_dsn(dsn) == mariadb.ClientAddress(options, password)


@pytest.mark.parametrize(
    "dsn", ["geheim", "postgres://a:geheim@b/", "mariadb://a:geheim@b:port/", "mariadb://[geheim/"]
)
def test_what_is_not_a_dsn_is_refused_without_its_words(dsn: str) -> None:
    with pytest.raises(ServerUnreachable) as refused:
        mariadb.parse_dsn(dsn)
    assert "geheim" not in str(refused.value)


def blocks(text: str) -> list[tuple[str, str]]:
    """The language and the text of each block of code, without the line that names the server."""
    fences = [token for token in MarkdownIt("commonmark").parse(text) if token.type in ("fence", "code_block")]
    return [
        (token.info, "\n".join(line for line in token.content.split("\n") if not line.startswith("export ")))
        for token in fences
    ]


def kinds(text: str) -> set[str]:
    return {child.type for token in MarkdownIt("commonmark").parse(text) for child in [token, *(token.children or [])]}


@given(st.text(st.sampled_from("`~ab \n\t-#*<>[]()!\\'\"\x1b\u202e|@12"), min_size=1, max_size=30))
@example(PASTED)
@example("~~~\n")
@example("'; rm -rf / #")
def test_what_a_server_says_adds_no_block_of_code(value: str) -> None:
    text = written(value)
    assert blocks(text) == blocks(written("plain"))
    assert kinds(text) <= kinds(written("plain")) | {"code_inline"}
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("value", ["a'b", "x y", "\\", "$(id)"])
def test_a_database_of_an_odd_name_is_still_reached_by_it(value: str) -> None:
    assert "export LIVE=" in written(value)
    assert "by hand" not in written(value)


def test_a_database_whose_name_cannot_stand_in_a_block_is_named_beside_it() -> None:
    text = written(PASTED)
    assert "set LIVE and THEN by hand" in text
    assert "export LIVE='port=5432 dbname=postgres'  # the live server, and the database\n" in text
