"""lnav and logrotate, the real programs, with what `3am init` prints for them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.commands import Run, good, refused
from support.journals import entries


def lnav(home: Path, *args: str) -> str:
    """Return what lnav prints; it reads its formats from ``home``."""
    env = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": "", "TERM": "dumb"}
    done = subprocess.run(["lnav", *args], env=env, capture_output=True, text=True, timeout=60, check=True)
    assert "error" not in done.stderr
    return done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("lnav") is None, reason="lnav is not installed")
def test_lnav_reads_a_journal(run: Run, log: Path, tmp_path: Path) -> None:
    good(run("coffee", "5", TMUX="/tmp/tmux,1,0", TMUX_PANE="%3"))
    good(run("hyp", "new", "the sweeper races the writer"))
    good(run("log", "-", stdin=b"worker: touched row 7\n"))
    with log.open("ab") as file:
        file.write(b"[2126-11-24T03:14:07.123456789+0100] [COFFEE: 9] WARNING: Caffeine toxicity imminent.\n")
    home = tmp_path / "lnav-home"
    home.mkdir()
    snippet = tmp_path / "3am.lnav.json"
    snippet.write_text(good(run("init", "lnav")))
    assert "installed" in lnav(home, "-i", str(snippet))
    query = "SELECT log_time, log_level, coffee, author, host, pane, via, tags, log_body FROM threeam_log"
    rows = json.loads(lnav(home, "-n", "-c", f";{query}", "-c", ":write-json-to -", str(log)))
    written = entries(log)
    assert len(rows) == len(written)
    for row, entry in zip(rows, written, strict=True):
        assert row["coffee"] == entry.cups
        assert row["log_body"] == entry.text
        assert row["author"] == (entry.author and entry.author.user)
        assert row["via"] == entry.tag("VIA")
        warning = entry.text.startswith("WARNING")
        lock = entry.kind == "ceremony"
        assert row["log_level"] == ("warning" if warning else "trace" if lock else "info")
    assert rows[0]["pane"] == "%3"
    assert any("[H1: open]" in (row["tags"] or "") for row in rows)


@pytest.mark.skipif(shutil.which("logrotate") is None, reason="logrotate is not installed")
def test_logrotate_lets_3am_rotate(run: Run, log: Path, tmp_path: Path) -> None:
    good(run("hyp", "new", "the sweeper races the writer"))
    good(run("log", "-q", "-", stdin=b"worker: touched a row\n" * 300))
    before = len(entries(log))
    rule = tmp_path / "rule"
    rule.write_text(good(run("init", "logrotate")))
    rule.chmod(0o644)
    marker = Path(f"{log}.marker")
    marker.touch()
    state = tmp_path / "state"

    def logrotate(*options: str) -> None:
        argv = ["logrotate", *options, "-s", str(state), str(rule)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
        assert "error" not in done.stderr

    logrotate()
    assert len(entries(log)) == before, "the first time logrotate only notes the date"
    logrotate("-f")
    assert marker.exists()
    assert len(entries(log)) < 20
    assert entries(log)[0].predecessor_name is not None
    assert "1 open" in good(run("status"))
    good(run("doctor"))
    state.write_text(state.read_text().replace("2026", "2020"))
    logrotate()
    good(run("log", "-q", "it goes on"))
    good(run("doctor"))


def test_logrotate_may_have_a_path_that_tmux_may_not(run: Run, tmp_path: Path) -> None:
    odd = str(tmp_path / "a#b.log")
    assert f'"{odd}.marker" {{' in good(run("--log", odd, "init", "logrotate"))
    assert "cannot quote" in refused(run("--log", odd, "init", "tmux"), 2)
