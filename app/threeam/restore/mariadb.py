"""What a MariaDB says of its binary log, asked through its own client: no further dependency."""

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
_MAX_BINLOG_FILES = 8  # of the binary log that are looked through for transactions around T, from the newest on
_MAX_TRANSACTIONS_LISTED = 20
_VARIABLES = (
    *("version", "time_zone", "system_time_zone", "log_bin", "binlog_format", "binlog_row_image"),
    *("expire_logs_days", "gtid_binlog_pos"),
)
_TRANSACTION = re.compile(r"^#(\d{6}) +(\d{1,2}:\d\d:\d\d) .*\sGTID (\d+-\d+-\d+)", re.MULTILINE)


class ClientAddress(NamedTuple):
    """How a server is reached: options of its client, and the password, which goes through the environment."""

    options: tuple[str, ...]
    password: str = ""

    @property
    def shell_options(self) -> str:
        """The options for a shell variable that is expanded without quotes; empty if they cannot stand in one."""
        text = " ".join(self.options)
        odd = any(re.search(r"[\s*?\[\]]", option) or escape_unprintable(option) != option for option in self.options)
        return "" if odd else text


def parse_dsn(dsn: str) -> ClientAddress:
    """Return the server of ``mariadb://user:password@host:port/`` or ``mariadb:///?socket=/run/….sock``.

    Raises `Unreachable` if it is none, without its words: they may hold the password.
    """
    try:
        url = urlsplit(dsn)
        port, given = url.port, parse_qs(url.query)
    except ValueError:
        port, given, url = None, {}, urlsplit("")
    if url.scheme not in ("mariadb", "mysql"):
        raise ServerUnreachable(
            "this DSN is none: write mariadb://user@host:3306/ or mariadb:///?socket=/run/mysqld/mysqld.sock"
        )
    host = f"--host={unquote(url.hostname)}" if url.hostname else ""
    socket = f"--socket={given['socket'][0]}" if "socket" in given else ""
    user = f"--user={unquote(url.username)}" if url.username else ""
    options = (socket or host, f"--port={port}" if port and not socket else "", user)
    return ClientAddress(tuple(option for option in options if option), unquote(url.password or ""))


def inspect_mariadb(address: ClientAddress, target: RecoveryTarget, clock: Callable[[], int]) -> ServerReport:
    """Return what the server says, and what stands against a restore to ``target``. Raises `Unreachable`."""
    names = ", ".join(f"@@{name}" for name in _VARIABLES)
    before, begun = clock(), time.monotonic_ns()
    rows = _query(address, f"SELECT UNIX_TIMESTAMP(SYSDATE(6)), {names}")
    took = time.monotonic_ns() - begun
    try:
        ((now, *values),) = rows
        off_ns, known = int(float(now) * 1e6) * 1_000 - before, dict(zip(_VARIABLES, values, strict=True))
    except ValueError:
        raise ServerUnreachable("MariaDB: that server answers something else than it was asked") from None
    says = [
        f"MariaDB {inline_code(known['version'])}, time zone {inline_code(known['time_zone'])} "
        f"(of the system: {inline_code(known['system_time_zone'])})",
        _describe_clock_offset(off_ns, took),
    ]
    if known["log_bin"] != "1":
        return ServerReport(
            says, ["log_bin is off: there is nothing to replay beyond the backup"], live_address=address.shell_options
        )
    against = []
    if known["binlog_format"] != "ROW":
        against.append("binlog_format is not ROW: statements that are replayed may give other rows than they did")
    says.append(
        f"binlog_format {inline_code(known['binlog_format'])}, binlog_row_image {inline_code(known['binlog_row_image'])}"
    )
    says.append(f"files of the binary log are removed after {inline_code(known['expire_logs_days'])} days (0: never)")
    says.append(f"the last GTID is {inline_code(known['gtid_binlog_pos'])}")
    files = [row[0] for row in _query(address, "SHOW BINARY LOGS")]
    says.append(
        f"files of the binary log: {inline_code(files[0])} to {inline_code(files[-1])}" if files else "no binary log"
    )
    return ServerReport(
        [*says, *_transactions_around(address, target, files)], against, live_address=address.shell_options
    )


def _describe_clock_offset(off_ns: int, took_ns: int) -> str:
    """How far its clock is from ours. It answered at some time while it was asked."""
    if 0 <= off_ns <= took_ns:
        return f"its clock is ours, within {format_duration(took_ns)}"
    off_ns -= took_ns // 2
    way = "ahead of" if off_ns > 0 else "behind"
    return f"its clock is {format_duration(abs(off_ns))} {way} this machine's (± {format_duration(took_ns)}): T must be of its clock"


def _transactions_around(address: ClientAddress, target: RecoveryTarget, files: list[str]) -> list[str]:
    """The transactions around T, by GTID, from the last file that has any."""
    for file in reversed(files[-_MAX_BINLOG_FILES:]):
        between = (f"--start-datetime={target.search_begin}", f"--stop-datetime={target.search_end}")
        try:
            text = _run_client(address, "mariadb-binlog", "--read-from-remote-server", *between, file)
        except ServerUnreachable as why:
            return [f"the GTIDs around T are not known: {inline_code(str(why))}"]
        transactions = _TRANSACTION.findall(text)
        if transactions:
            told = [
                f"{inline_code(gtid)} at {clock} (20{day[:2]}-{day[2:4]}-{day[4:]}, UTC)"
                for day, clock, gtid in transactions
            ]
            more = (
                f" (the last {_MAX_TRANSACTIONS_LISTED} of {len(told)})" if len(told) > _MAX_TRANSACTIONS_LISTED else ""
            )
            return [
                f"transactions around T, in {inline_code(file)}{more}, in their order:",
                *told[-_MAX_TRANSACTIONS_LISTED:],
            ]
    return ["no transaction around T is in the last files of its binary log"]


def _query(address: ClientAddress, query: str) -> list[list[str]]:
    words = ("--batch", "--skip-column-names", f"--connect-timeout={_CONNECT_TIMEOUT_S}", f"--execute={query}")
    return [line.split("\t") for line in _run_client(address, "mariadb", *words).splitlines()]


def _run_client(address: ClientAddress, program: str, *args: str) -> str:
    """What a program of MariaDB prints. Raises `Unreachable`."""
    environ = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    if address.password:
        environ["MYSQL_PWD"] = address.password  # in the words of a command everybody could read it
    try:
        done = subprocess.run(
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
        raise ServerUnreachable(f"MariaDB did not answer within {_QUERY_TIMEOUT_S} s") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        if address.password:
            said = said.replace(address.password, "***")
        raise ServerUnreachable(f"MariaDB: {said or f'{program} exits {done.returncode}'}")
    return done.stdout.decode("utf-8", "replace")
