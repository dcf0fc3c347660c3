"""Checks of the clock before the hunt."""

from __future__ import annotations

import pytest

from support.hosts import NOW, SOURCE, check_named, fake_system, fake_time
from threeam.host.check import OK, RED, UNKNOWN, YELLOW
from threeam.host.clock_checks import check_clock
from threeam.host.system import System

pytestmark = pytest.mark.usefixtures("utc")


# --- the clock

CHRONY = "C0248F97,ntp1.example.net,3,1795489990.123456789,{offset},-0.000012,0.000031,-12.154,0.001,0.02,0.0012,"


CHRONY += "0.0003,64.2,{leap}\n"


TIMESYNC = """       Server: 185.125.190.57 (ntp.ubuntu.com)
Poll interval: 34min 8s (min: 32s; max 34min 8s)
         Leap: normal
    Precision: 1us (-25)
Root distance: 762us (max: 5s)
       Offset: {offset}
        Delay: 26.118ms
       Jitter: 1.119ms
"""


def chrony(offset: str, leap: str = "Normal") -> System:
    output = CHRONY.format(offset=offset, leap=leap)
    return fake_system(says={"chronyc -c tracking": (0, output)}, here={"chronyc", "apt-get"})


def timesyncd(offset: str | None, synchronised: str = "yes") -> System:
    status = (1, "Failed to query server\n") if offset is None else (0, TIMESYNC.format(offset=offset))
    return fake_system(says={"timedatectl show": (0, f"{synchronised}\n"), "timedatectl timesync": status})


@pytest.mark.parametrize(
    ("system", "verdict", "found"),
    [
        (chrony("-0.000000123"), OK, "by chrony, 123ns off"),
        (chrony("0.000812345"), OK, "by chrony, 0.8ms off"),
        (chrony("0.250000000"), YELLOW, "by chrony, 250ms off"),
        (chrony("-3.5"), YELLOW, "by chrony, 3.5s off"),
        (chrony("0.000000000", "Not synchronised"), YELLOW, "chrony runs, and has no source"),
        (timesyncd("+1.203ms"), OK, "by timesyncd, 1.2ms off"),
        (timesyncd("-762us"), OK, "by timesyncd, 0.7ms off"),
        (timesyncd("-1.5s"), YELLOW, "by timesyncd, 1.5s off"),
        (timesyncd("+1min 2.5s"), YELLOW, "by timesyncd, "),
        (timesyncd("-2h 3min"), YELLOW, "by timesyncd, "),
        (timesyncd(None), OK, "offset unknown"),
        (timesyncd(None, "no"), YELLOW, "no: "),
    ],
)
def test_who_keeps_the_clock_right_and_how_far_it_is_off(system: System, verdict: str, found: str) -> None:
    check = check_named(check_clock(system, NOW), "clock synchronised")
    assert found in check.detail
    assert check.verdict == verdict


@pytest.mark.parametrize(
    "said",
    ["", "506 Cannot talk to daemon", "a,b,c,d,e,f,g,h,i,j,k,l,m,n", "a,b,c,d,1e400,f,g,h,i,j,k,l,m,Normal"],
)
def test_chrony_that_cannot_be_understood_is_unknown(said: str) -> None:
    system = fake_system(says={"chronyc": (0, said)}, here={"chronyc"})
    assert check_named(check_clock(system, NOW), "clock synchronised").verdict == UNKNOWN


def test_chrony_whose_daemon_is_away_leaves_the_word_to_timedatectl() -> None:
    says = {"chronyc": (1, "506 Cannot talk to daemon\n"), "timedatectl show": (0, "no\n")}
    check = check_named(check_clock(fake_system(says=says, here={"chronyc"}), NOW), "clock synchronised")
    assert (check.verdict, check.detail.partition(":")[0]) == (YELLOW, "no")


def test_where_nobody_knows_of_the_clock_it_is_unknown() -> None:
    says = {"timedatectl": None}
    check = check_named(check_clock(fake_system(says=says), NOW), "clock synchronised")
    assert (check.verdict, check.fix) == (UNKNOWN, "sudo apt-get install chrony")


@pytest.mark.parametrize(
    ("source", "verdict"),
    [("tsc\n", OK), ("kvm-clock\n", OK), ("hpet\n", YELLOW), ("acpi_pm\n", YELLOW), (None, UNKNOWN)],
)
def test_a_slow_clock_source_is_reported(source: str | None, verdict: str) -> None:
    check = check_named(check_clock(fake_system({SOURCE: source}), NOW), "clock source")
    assert check.verdict == verdict
    assert ("available_clocksource" in check.fix) == (verdict == YELLOW)


@pytest.mark.parametrize("name", ["clock source", "clock synchronised"])
def test_what_only_root_may_mend_is_mended_with_sudo(name: str) -> None:
    says = {"chronyc": (0, CHRONY.format(offset="2.5", leap="Normal"))}
    system = fake_system({SOURCE: "hpet\n"}, says, {"chronyc"}, uid=1000)
    assert "sudo" in check_named(check_clock(system, NOW), name).fix


@pytest.mark.parametrize(("granularity_ns", "verdict"), [(60, OK), (50_000, YELLOW), (4_000_000, RED), (0, RED)])
def test_a_clock_too_coarse_for_a_race_is_red(
    granularity_ns: int, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threeam.host.clock_checks.time", fake_time(granularity_ns))
    assert check_named(check_clock(fake_system(), NOW), "clock resolution").verdict == verdict
