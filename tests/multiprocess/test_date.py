"""Stamps beside those of date(1)."""

from __future__ import annotations

import subprocess

from threeam.core.format.entry import (
    Stamp,
)


def test_a_stamp_is_what_date_prints() -> None:
    printed = subprocess.run(
        ["date", "+%Y-%m-%dT%H:%M:%S.%N%z"], env={"TZ": "Asia/Kathmandu", "PATH": "/usr/bin:/bin"}, capture_output=True
    ).stdout.decode()
    stamp = Stamp.parse(printed.strip())
    assert stamp is not None
    assert str(stamp) == printed.strip()
