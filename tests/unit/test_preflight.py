"""What is looked at before the hunt: each check with a system that the test makes up, and what the shell says of it.

`golden/preflight.txt` was read before it was kept. SANITY_GOLDEN=write makes it anew, to be read again.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path

import pytest

from support.commands import Run
from support.golden import assert_golden
from support.hosts import NOW, PARANOID, PTRACE_SCOPE, TOOLS, check_named, fake_system, fake_time
from support.journals import FakeClock, entries, texts, writer_of
from threeam.cli import preflight as command
from threeam.core.format.entry import NS_PER_S
from threeam.core.store.journal import Journal, resolve_journal
from threeam.core.write.draft import note_draft
from threeam.host.baseline_log import baseline_saved_draft
from threeam.host.check import OK, RED, UNKNOWN, VERDICTS, YELLOW, Check
from threeam.host.clock_checks import check_clock
from threeam.host.disk_checks import check_disk
from threeam.host.system import System
from threeam.host.tmux_checks import check_tmux
from threeam.host.tracer_checks import check_tracers
from threeam.human.drafts import coffee_draft

MINUTE, DAY = 60 * NS_PER_S, 86_400 * NS_PER_S
MIB = 1024 * 1024
LOG = "/var/log/app/sanity.log"
CONF = "/etc/logrotate.conf"
STATE = "/var/lib/logrotate/status"
STATE_OF_RHEL = "/var/lib/logrotate/logrotate.status"

pytestmark = pytest.mark.usefixtures("utc")


# --- tracing tools


def test_a_system_on_which_all_is_well_needs_no_fix() -> None:
    checks = check_tracers(fake_system())
    assert [(check.name, check.verdict, check.fix) for check in checks] == [
        (name, OK, "") for name in (*TOOLS, "attach to a process", "perf events")
    ]


BERLIN_BY_RULE = "CET-1CEST,M3.5.0,M10.5.0/3"


@pytest.mark.parametrize(
    ("zone", "day", "verdict"),
    [
        ("Europe/Berlin", (2026, 10, 24, 12), YELLOW),  # summer time ends on the 25th at 01:00 UTC
        ("Europe/Berlin", (2026, 10, 25, 12), YELLOW),
        ("Europe/Berlin", (2026, 10, 20, 12), OK),
        ("America/New_York", (2026, 3, 8, 2), YELLOW),
        ("UTC", (2026, 10, 25, 0), OK),
        (":Europe/Berlin", (2026, 10, 25, 0), YELLOW),
        (":/usr/share/zoneinfo/Europe/Berlin", (2026, 10, 25, 0), YELLOW),  # as TZ=:/etc/localtime, which many set
        (BERLIN_BY_RULE, (2026, 10, 25, 0), YELLOW),  # as in tzset(3)
        (BERLIN_BY_RULE, (2026, 10, 20, 0), OK),
    ],
)
def test_a_zone_whose_clocks_change_within_a_day_is_reported(
    zone: str, day: tuple[int, int, int, int], verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    now_ns = round(datetime.fromisoformat("{}-{:02}-{:02}T{:02}:00:00Z".format(*day)).timestamp()) * NS_PER_S
    check = check_named(check_clock(fake_system(environ={"TZ": zone}), now_ns), "time zone")
    assert check.verdict == verdict


# --- the log's disk


def rotation(files: Mapping[str, str | None], log: str = LOG) -> Check:
    return check_named(check_disk(fake_system(files), resolve_journal(log), NOW, 0, 64 * MIB), "rotation")


def state(log: str, last: str) -> str:
    return f'logrotate state -- version 2\n"/var/log/syslog" 2026-11-24-0:0:1\n"{log}" {last}\n'


def test_a_log_that_logrotate_does_not_know_is_rotated_by_3am() -> None:
    check = rotation({CONF: "weekly\ninclude /etc/logrotate.d\n# /var/log/app/sanity.log {\n"})
    assert (check.verdict, "by 3am itself, at 64 MiB" in check.detail) == (OK, True)


@pytest.mark.parametrize(
    "names",
    [f"{LOG} {{", f'"{LOG}" {{', f"/var/log/syslog {LOG}\n{{", "/var/log/app/*.log {", "/var/log/*/sanity.log{"],
)
def test_a_rotation_that_last_worked_in_october_is_red(names: str) -> None:
    check = rotation({CONF: f"{names}\n  daily\n}}\n", STATE: state(LOG, "2026-10-12-3:0:0")})
    assert check.verdict == RED
    assert "43d ago; it has rotated others since" in check.detail
    assert check.fix == f"sudo logrotate -v {CONF}"


@pytest.mark.parametrize("path", [STATE, STATE_OF_RHEL, "/var/lib/logrotate.status"])
@pytest.mark.parametrize("last", ["2026-11-23-0:0:0", "2026-11-23"])
def test_a_rotation_of_yesterday_is_well(path: str, last: str) -> None:
    check = rotation({CONF: f"{LOG} {{\n  weekly\n}}\n", path: state(LOG, last)})
    assert (check.verdict, check.fix) == (OK, "")
    assert f"by logrotate ({CONF}, weekly), last 1d ago" in check.detail


def test_a_rotation_that_has_not_come_yet_is_yellow() -> None:
    assert rotation({CONF: f"{LOG} {{ }}", STATE: state("/other.log", "2026-11-23-0:0:0")}).verdict == YELLOW


def test_a_state_that_is_garbage_is_not_a_rotation() -> None:
    assert rotation({CONF: f"{LOG} {{ }}", STATE: f'"{LOG}" 2026-99-99-0:0:0\n\x00"\n'}).verdict != OK


def test_a_glob_of_logrotate_does_not_reach_into_folders() -> None:
    # glob(7): a / is matched by a / alone; nobody rotates this log but 3am
    assert "by 3am itself" in rotation({CONF: "/var/log/*.log {\n}\n", STATE: state(LOG, "2026-11-23")}).detail


@pytest.mark.parametrize(
    ("rule", "red"),
    [
        (f"{LOG} {{\n  daily\n  copytruncate\n}}\n", True),
        (f"copytruncate\n{LOG} {{\n  daily\n}}\n", True),
        (f"copytruncate\n{LOG} {{\n  nocopytruncate\n}}\n", False),
        (f"/other.log {{\n  copytruncate\n}}\n{LOG} {{\n  daily\n}}\n", False),
        (f"{LOG} {{\n  # copytruncate\n}}\n", False),
    ],
)
def test_a_rotation_by_copytruncate_is_red_because_it_loses_lines(rule: str, red: bool) -> None:
    check = rotation({CONF: rule, STATE: state(LOG, "2026-11-23")})
    assert (check.verdict == RED, "lines that come between the copy and the cut are lost" in check.detail) == (red, red)
    assert check.fix == (f"sudo sed -i s/copytruncate/create/ {CONF}" if red else "")


def test_a_log_that_cannot_get_another_name_is_reported(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write_bytes(b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] a\n")
    append_only = (0x20).to_bytes(8, sys.byteorder)
    monkeypatch.setattr("fcntl.ioctl", lambda *_: append_only)
    check = rotation({}, str(log))
    assert check.verdict == YELLOW
    assert check.detail == f"{log} cannot get another name: it is append-only (chattr +a); so it grows on"
    assert check.fix == f"sudo chattr -a {log}"


def test_a_quoted_name_may_have_a_space_in_it() -> None:
    log = "/var/log/my app/sanity.log"
    assert "by logrotate" in rotation({CONF: f'"{log}" {{\n}}\n', STATE: state(log, "2026-11-23")}, log).detail


@pytest.mark.parametrize("rule", ["monthly", "size 100M"])
def test_a_rotation_that_is_not_due_is_not_red(rule: str) -> None:
    check = rotation({CONF: f"{LOG} {{\n  {rule}\n}}\n", STATE: state(LOG, "2026-11-04-0:0:0")})
    assert check.verdict != RED, check.detail


@pytest.mark.parametrize(("of_what_is_free", "verdict"), [(2.0, RED), (0.5, YELLOW), (0.001, OK)])
def test_a_full_disk_is_red_and_a_low_one_yellow(journal: Journal, of_what_is_free: float, verdict: str) -> None:
    about = os.statvfs(os.path.dirname(journal.log_path))
    floor = round(about.f_bavail * about.f_frsize * of_what_is_free)
    check = check_named(check_disk(fake_system(), journal, NOW, floor, MIB), "disk space")
    assert check.verdict == verdict
    assert bool(check.fix) == (verdict != OK)


def test_a_command_that_fixes_can_be_pasted_whatever_the_folder_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "my $app"
    folder.mkdir()
    check = check_named(
        check_disk(fake_system(), resolve_journal(str(folder / "sanity.log")), NOW, 1 << 62, MIB), "disk space"
    )
    assert str(folder) in shlex.split(check.fix)


@pytest.mark.parametrize(("free", "verdict"), [(0, RED), (10 * MIB, RED), (100 * MIB, YELLOW), (1 << 40, OK)])
def test_how_long_the_room_lasts_as_the_log_grows_now(
    journal: Journal, clock: FakeClock, free: int, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = writer_of("alice", journal, clock)
    writer.write(note_draft("long ago\n" + "x" * 10_000))
    clock.forward(2 * DAY)
    for _ in range(10):
        clock.forward(MINUTE)
        writer.write(note_draft("x" * 100_000))  # 1 MB in the last hour
    monkeypatch.setattr("threeam.host.disk_checks.free_bytes", lambda _: free)
    check = check_named(check_disk(fake_system(), journal, clock.now.ns, 0, MIB), "disk full in")
    assert check.verdict == verdict
    assert "978 KiB an hour" in check.detail
    clock.forward(2 * DAY)
    assert "nothing" in check_named(check_disk(fake_system(), journal, clock.now.ns, 0, MIB), "disk full in").detail


# --- the terminal


def in_tmux(clipboard: str = "external", escape: str = "10", features: str = "256,RGB", term: str = "tmux") -> System:
    says = {
        "tmux show-options -sv set-clipboard": (0, f"{clipboard}\n"),
        "tmux show-options -sv escape-time": (0, f"{escape}\n"),
        "tmux display-message": (0, f"{features}\n"),
    }
    return fake_system(says=says, environ={"TMUX": "/tmp/tmux-0/default,1,0", "TERM": term})


@pytest.mark.parametrize(
    ("system", "verdicts"),
    [
        (in_tmux(), [OK, OK, OK]),
        (in_tmux(clipboard="on"), [OK, OK, OK]),
        (in_tmux(clipboard="off"), [YELLOW, OK, OK]),
        (in_tmux(escape="500"), [OK, YELLOW, OK]),
        (in_tmux(escape=""), [OK, UNKNOWN, OK]),
        (in_tmux(features="256,clipboard"), [OK, OK, YELLOW]),
        (in_tmux(features="", term="screen"), [OK, OK, YELLOW]),
        (fake_system(environ={"TMUX": "x"}, says={"tmux": None}), [UNKNOWN, UNKNOWN, YELLOW]),
    ],
)
def test_what_tmux_is_set_to(system: System, verdicts: list[str]) -> None:
    checks = check_tmux(system)
    assert [check.verdict for check in checks] == verdicts
    assert all(check.fix.startswith("tmux set-option ") == (check.verdict == YELLOW) for check in checks)


def test_outside_of_tmux_nothing_is_asked_of_it() -> None:
    assert [(check.name, check.verdict) for check in check_tmux(fake_system())] == [("tmux", UNKNOWN)]


# --- the shell


@pytest.fixture
def shell(run_here: Run, log: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`3am preflight` at 03:14 on a system that is handed in: ``shell(system, "--json")``."""
    monkeypatch.setattr("threeam.cli.context.system_clock", clock)
    monkeypatch.setattr("threeam.host.clock_checks.time", fake_time(60))

    def run_preflight(system: System, *args: str) -> subprocess.CompletedProcess[bytes]:
        monkeypatch.setattr(command, "this_system", lambda: system)
        return run_here("preflight", *args)

    return run_preflight


def the_system(log: Path, here: Collection[str] = ("strace", "lsof", "tcpdump", "apt-get")) -> System:
    """A system of which every verdict can be seen."""
    return fake_system(
        {PTRACE_SCOPE: "1\n", PARANOID: "4\n", CONF: f"{log} {{\n}}\n", STATE: state(str(log), "2026-10-12-3:0:0")},
        {"strace": (1, "strace: Operation not permitted\n"), "lsof": None, "timedatectl": (0, "yes\n")},
        here,
    )


def test_the_text_is_what_it_was_when_it_was_read(shell: Run, log: Path) -> None:
    done = shell(the_system(log))
    assert (done.returncode, done.stderr) == (1, b"")
    text = done.stdout.decode().replace(str(log), LOG)
    text, count = re.subn(r" +\w+ +(disk space|file system): .*\n( +\$ du.*\n)?", "", text)  # those of this machine
    assert count == 2
    text = re.sub(r"(\d+ RED), .* OK", r"\1, …", text)
    assert_golden("preflight.txt", text)


def test_a_preflight_is_one_line_that_says_why_it_is_red(shell: Run, log: Path) -> None:
    """Who only looks does not fill the log: what else is not well is named, and the report has the rest."""
    records = [json.loads(line) for line in shell(the_system(log), "--json").stdout.splitlines()]
    (line,) = entries(log)
    assert (line.kind, line.tag("PREFLIGHT")) == ("Preflight", "red")
    head, *findings = line.text.split("; ", 1)[1].split("; yellow: ")
    assert line.text.startswith("Preflight: 2 red, ")
    assert head.startswith("red: ")
    for record in records:
        if record["verdict"] == RED:
            assert f"{record['name']} ({record['found']})" in head
        elif record["verdict"] != OK:
            assert record["name"] in findings[0]
            assert record["found"] not in line.text


def test_json_gives_a_verdict_each(shell: Run, log: Path) -> None:
    done = shell(the_system(log), "--json")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert {tuple(record) for record in records} == {("group", "name", "verdict", "found", "mend")}
    assert {record["verdict"] for record in records} <= set(VERDICTS)
    verdicts = {record["name"]: record["verdict"] for record in records}
    assert [verdicts[tool] for tool in TOOLS] == [YELLOW, UNKNOWN, OK, YELLOW]
    assert (done.returncode, verdicts["rotation"]) == (1, RED)


def test_where_every_tool_is_refused_one_hunts_blind(shell: Run, log: Path) -> None:
    refused = dict.fromkeys(TOOLS, (1, "Operation not permitted\n"))
    done = shell(fake_system({}, refused), "--json")
    verdicts = {record["name"]: record["verdict"] for record in map(json.loads, done.stdout.splitlines())}
    assert (done.returncode, [verdicts[tool] for tool in TOOLS]) == (1, [RED] * 4)


def test_no_red_is_exit_0(shell: Run, log: Path) -> None:
    done = shell(fake_system(), "--json")
    assert b'"red"' not in done.stdout
    assert done.returncode == 0
    assert texts(log)[0].startswith("Preflight: ")


def test_what_the_journal_knows_of_the_hunt_is_looked_at(
    shell: Run, journal: Journal, log: Path, clock: FakeClock
) -> None:
    def verdicts() -> dict[str, tuple[str, str]]:
        records = [json.loads(line) for line in shell(fake_system(), "--json").stdout.splitlines()]
        return {
            record["name"]: (record["verdict"], record["found"]) for record in records if record["group"] == "the hunt"
        }

    assert [verdict for verdict, _ in verdicts().values()] == [YELLOW, YELLOW, YELLOW, OK]
    alice = writer_of("alice", journal, clock)
    for draft in (
        note_draft("Topology: lb -> app1, app2 -> db1"),
        note_draft("Shared: carts, in redis 0"),
        baseline_saved_draft("quiet", "/f", ""),
    ):
        alice.write(draft)
    assert [verdict for verdict, _ in verdicts().values()] == [OK, OK, OK, OK]
    alice.write(coffee_draft(5, 95, 4))
    clock.forward(MINUTE)
    assert verdicts()["you"] == (YELLOW, "5 cups, 0 glasses of water, 474 mg: no more coffee")
    clock.forward(31 * DAY)
    assert verdicts()["baseline"] == (YELLOW, "quiet is 31d old")
    assert verdicts()["you"][0] == OK


def test_no_tracing_tool_is_exit_1(shell: Run) -> None:
    assert shell(fake_system(here=())).returncode == 1


def test_what_a_tool_says_does_not_drive_the_terminal(shell: Run, log: Path) -> None:
    done = shell(fake_system(says={"strace": (1, "\x1b[2J\x07 \u202e no\n")}))
    assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout.decode())
    assert len(entries(log)) == len(texts(log))


def test_a_log_that_cannot_be_written_is_one_sentence(run: Run, log: Path) -> None:
    log.mkdir()
    done = run("preflight")
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert os.listdir(log) == []


@pytest.mark.parametrize("argv", [["now"], ["--yaml"]])
def test_a_wrong_word_is_bad_usage_and_writes_nothing(run: Run, log: Path, argv: list[str]) -> None:
    assert run("preflight", *argv).returncode == 2
    assert not log.exists()
