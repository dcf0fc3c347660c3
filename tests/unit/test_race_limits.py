"""The limits of `3am races`: it stays quick and small on any log, and what it leaves out is said."""

from __future__ import annotations

import pytest

from support.commands import Run
from support.race_logs import at, races, write_lines


@pytest.mark.timeout(20)
def test_long_digits_beside_suppressed_messages_take_no_time(run: Run) -> None:
    """A pattern that tries each digit as the begin of a number needs minutes for such a line."""
    dump = at(5, "dump " + "0" * 250_000)
    write_lines("web.log", [at(1, "req=a1 delete cart=1"), at(2, "3 packets dropped"), dump, at(6, "req=b1 get cart=1")])
    code, (group,) = races(run, "web.log")
    assert (code, group["rule"]) == (0, "use after delete")
    assert any("suppressed messages" in doubt for doubt in group["closest"]["doubts"])
