"""`3am preflight` of a log that belongs to another user."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from support.people import Person


def test_a_log_of_somebody_elses_is_looked_at_and_not_written(place: Path) -> None:
    log = place / "sanity.log"
    log.write_bytes(b"")
    log.chmod(0o644)
    env = {**os.environ, "HOME": str(place), "SANITY_LOG": str(log), "SANITY_LOCK": str(place / "sanity.log.lock")}
    who = Person("alice", 64011, (64002,))
    done = subprocess.run(who.argv("preflight"), capture_output=True, timeout=60, env=env)
    assert b"disk space" in done.stdout
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1), done.stderr
