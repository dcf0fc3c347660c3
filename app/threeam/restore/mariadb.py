"""Facts about the binary log of a MariaDB, queried through its own client, without a further dependency."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from threeam.core.format.entry import escape_unprintable
from threeam.core.format.markdown import inline_code
from threeam.core.format.times import format_duration
from threeam.restore.pitr import RecoveryTarget, ServerReport
from threeam.restore.postgres import ServerUnreachable

_CONNECT_TIMEOUT_S = 5
_QUERY_TIMEOUT_S = 30
_MAX_BINLOG_FILES = 8  # searched for transactions around T, from the newest backward
_MAX_TRANSACTIONS_LISTED = 20
_VARIABLES = (
    *("version", "time_zone", "system_time_zone", "log_bin", "binlog_format", "binlog_row_image"),
    *("expire_logs_days", "gtid_binlog_pos"),
)
_TRANSACTION = re.compile(r"^#(\d{6}) +(\d{1,2}:\d\d:\d\d) .*\sGTID (\d+-\d+-\d+)", re.MULTILINE)


class ClientAddress(NamedTuple):
    """The way to reach a server: options of its client, and the password, which goes through the environment."""

    options: tuple[str, ...]
    password: str = ""

    @property
    def shell_options(self) -> str:
        """Return the options for a shell variable that is expanded without quotes; empty if they are unsafe there."""
        text = " ".join(self.options)
        odd = any(re.search(r"[\s*?\[\]]", option) or escape_unprintable(option) != option for option in self.options)
        return "" if odd else text


def parse_dsn(dsn: str) -> ClientAddress:
    """Return the server of ``mariadb://user:password@host:port/`` or ``mariadb:///?socket=/run/….sock``.

    Raise `ServerUnreachable` if ``dsn`` is invalid, without quoting it: it may contain the password.
    """
    try:
        url = urlsplit(dsn)
        port, parameters = url.port, parse_qs(url.query)
    except ValueError:
        port, parameters, url = None, {}, urlsplit("")
    if url.scheme not in ("mariadb", "mysql"):
        raise ServerUnreachable(
            "not a valid DSN: write mariadb://user@host:3306/ or mariadb:///?socket=/run/mysqld/mysqld.sock"
        )
    host = f"--host={unquote(url.hostname)}" if url.hostname else ""
    socket = f"--socket={parameters['socket'][0]}" if "socket" in parameters else ""
    user = f"--user={unquote(url.username)}" if url.username else ""
    options = (socket or host, f"--port={port}" if port and not socket else "", user)
    return ClientAddress(tuple(option for option in options if option), unquote(url.password or ""))


def inspect_mariadb(address: ClientAddress, target: RecoveryTarget, clock: Callable[[], int]) -> ServerReport:
    """Return facts about the server, and the obstacles to a restore to ``target``. Raise `ServerUnreachable`."""
    names = ", ".join(f"@@{name}" for name in _VARIABLES)
    before_ns, start_ns = clock(), time.monotonic_ns()
    rows = _query(address, f"SELECT UNIX_TIMESTAMP(SYSDATE(6)), {names}")
    took_ns = time.monotonic_ns() - start_ns
    try:
        ((server_time_s, *values),) = rows
        offset_ns = int(float(server_time_s) * 1e6) * 1_000 - before_ns
        variables = dict(zip(_VARIABLES, values, strict=True))
    except ValueError:
        raise ServerUnreachable("MariaDB: the server's answer does not fit the query") from None
    code = {name: inline_code(value) for name, value in variables.items()}
    facts = [
        f"MariaDB {code['version']}, time zone {code['time_zone']} (of the system: {code['system_time_zone']})",
        _describe_clock_offset(offset_ns, took_ns),
    ]
    if variables["log_bin"] != "1":
        obstacle = "log_bin is off: there is nothing to replay beyond the backup"
        return ServerReport(facts, [obstacle], live_address=address.shell_options)
    obstacles = []
    if variables["binlog_format"] != "ROW":
        obstacles.append("binlog_format is not ROW: replayed statements may give different rows")
    files = [row[0] for row in _query(address, "SHOW BINARY LOGS")]
    facts += [
        f"binlog_format {code['binlog_format']}, binlog_row_image {code['binlog_row_image']}",
        f"files of the binary log are removed after {code['expire_logs_days']}d (0: never)",
        f"the last GTID is {code['gtid_binlog_pos']}",
        f"files of the binary log: {inline_code(files[0])} to {inline_code(files[-1])}" if files else "no binary log",
        *_transactions_around(address, target, files),
    ]
    return ServerReport(facts, obstacles, live_address=address.shell_options)


def _describe_clock_offset(offset_ns: int, took_ns: int) -> str:
    """Return how far the server's clock is from ours. It answered at some time within ``took_ns``."""
    if 0 <= offset_ns <= took_ns:
        return f"its clock agrees with this machine's, within {format_duration(took_ns)}"
    offset_ns -= took_ns // 2
    offset = f"{format_duration(abs(offset_ns))} {'ahead of' if offset_ns > 0 else 'behind'}"
    return f"its clock is {offset} this machine's (± {format_duration(took_ns)}): T must be a time of its clock"


def _transactions_around(address: ClientAddress, target: RecoveryTarget, files: list[str]) -> list[str]:
    """Return the transactions around T, by GTID, in the last file that has any."""
    for file in reversed(files[-_MAX_BINLOG_FILES:]):
        period = (f"--start-datetime={target.search_begin}", f"--stop-datetime={target.search_end}")
        try:
            text = _run_client(address, "mariadb-binlog", "--read-from-remote-server", *period, file)
        except ServerUnreachable as error:
            return [f"the GTIDs around T are not known: {inline_code(str(error))}"]
        transactions = [
            f"{inline_code(gtid)} at {time_of_day} (20{day[:2]}-{day[2:4]}-{day[4:]}, UTC)"
            for day, time_of_day, gtid in _TRANSACTION.findall(text)
        ]
        if transactions:
            count = len(transactions)
            limit = f" (the last {_MAX_TRANSACTIONS_LISTED} of {count})" if count > _MAX_TRANSACTIONS_LISTED else ""
            title = f"transactions around T, in {inline_code(file)}{limit}, in their order:"
            return [title, *transactions[-_MAX_TRANSACTIONS_LISTED:]]
    return ["no transaction around T is in the last files of its binary log"]


def _query(address: ClientAddress, query: str) -> list[list[str]]:
    args = ("--batch", "--skip-column-names", f"--connect-timeout={_CONNECT_TIMEOUT_S}", f"--execute={query}")
    return [line.split("\t") for line in _run_client(address, "mariadb", *args).splitlines()]


def _run_client(address: ClientAddress, program: str, *args: str) -> str:
    """Return the output of a program of MariaDB. Raise `ServerUnreachable`."""
    environ = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    if address.password:
        environ["MYSQL_PWD"] = address.password  # any user could read it among a command's arguments
    try:
        result = subprocess.run(
            [program, *address.options, *args],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_QUERY_TIMEOUT_S,
            env=environ,
            check=False,
        )
    except FileNotFoundError:
        raise ServerUnreachable(f"this needs MariaDB's client, {program}: apt-get install mariadb-client") from None
    except subprocess.TimeoutExpired:
        raise ServerUnreachable(f"MariaDB did not answer within {_QUERY_TIMEOUT_S}s") from None
    if result.returncode != 0:
        error = result.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        if address.password:
            error = error.replace(address.password, "***")
        raise ServerUnreachable(f"MariaDB: {error or f'{program} exits {result.returncode}'}")
    return result.stdout.decode("utf-8", "replace")
