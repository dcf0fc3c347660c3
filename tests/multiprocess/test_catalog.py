"""The list of journals, of which one may not be read."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from support.commands import good
from support.lines import line
from support.people import CAROL


def test_one_that_may_not_be_read_is_listed_with_its_problem(place: Path) -> None:
    folder = place / "state" / "3am"
    folder.mkdir(parents=True)
    (folder / "mine.log").write_bytes(line(0, "x"))
    (folder / "theirs.log").write_bytes(line(0, "x"))
    (folder / "mine.log").chmod(0o644)
    (folder / "theirs.log").chmod(0o600)

    def as_user(*argv: str) -> str:
        env = {**os.environ, "HOME": str(place), "XDG_STATE_HOME": str(place / "state"), "SANITY_LOG": ""}
        return good(
            subprocess.run(
                CAROL.argv(*argv),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=60,
                env={**env, "SANITY_LOCK": ""},
            )
        )

    mine, theirs = map(json.loads, as_user("journals", "--json").splitlines())
    assert (mine["name"], mine["problem"]) == ("mine", None)
    assert theirs["name"] == "theirs"
    assert "ermission denied" in theirs["problem"]
    assert "ermission denied" in as_user("journals").splitlines()[1]
