"""What `3am init tmux` prints, in a real tmux with a client: the status line, the popup, and the key that captures."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminals import Terminal, Tmux, needs_tmux, terminal, tmux

from support.commands import Run, command, good
from support.journals import entries, texts

pytestmark = needs_tmux


@pytest.fixture
def server(run: Run, tmp_path: Path) -> Iterator[Tmux]:
    """Start a tmux that has the snippet as its configuration, with a pane that prints some lines."""
    good(run("coffee", "-q", "5"))
    snippet = tmp_path / "3am.tmux.conf"
    snippet.write_bytes(subprocess.run([command(), "init", "tmux"], capture_output=True, check=True).stdout)
    with tmux() as server:
        server("new-session", "-d", "-x", "120", "-y", "36", "echo the first line; exec sleep 1000")
        server("source-file", str(snippet))
        server("set", "-g", "status-interval", "1")
        yield server


@pytest.fixture
def client(server: Tmux) -> Iterator[Terminal]:
    """Attach a client of 120 by 36."""
    with terminal(argv=["tmux", "-L", server._name, "attach"], size=(120, 36)) as shown:
        yield shown


def test_the_status_line_is_not_cut_and_what_is_toxic_is_reversed(client: Terminal) -> None:
    client.eventually(lambda: "☕" in client.shown.splitlines()[-1], "the status line is there")
    client.eventually(lambda: "5 TOXIC · 0 open · 475 mg▲ ·" in client.shown.splitlines()[-1], "all of it")
    row = client._screen.buffer[35]
    column = client._screen.display[35].index("TOXIC")
    assert row[column].reverse != row[column + 8].reverse


def test_the_clock_stays_beside_it(client: Terminal) -> None:
    client.eventually(lambda: "mg▲" in client.shown.splitlines()[-1], "the status line is there")
    assert re.search(r" \d\d:\d\d$", client.shown.splitlines()[-1])


def test_a_status_line_of_your_own_stays_as_it_is(server: Tmux, tmp_path: Path) -> None:
    own = '#[bold]#(date +%H) #{?client_prefix,a,"b"} %d-%b'
    server("set", "-g", "status-right", own)
    for _ in range(2):  # a configuration may be read again
        server("source-file", str(tmp_path / "3am.tmux.conf"))
    shown = server("show", "-gv", "status-right").rstrip()
    assert shown.startswith(f'#("{command()}" --log ')
    assert shown.partition(" status --tmux) ")[2] == own


def test_a_key_opens_the_journal_in_a_popup(client: Terminal) -> None:
    client.shows("the first line")
    client.send("\x02j")
    client.shows("LIVE")
    client.send("q")
    client.eventually(lambda: "LIVE" not in client.shown, "the popup has gone")
    client.shows("the first line")


def test_a_key_captures_the_pane(client: Terminal, log: Path) -> None:
    client.shows("the first line")
    client.send("\x02k")
    client.shows("3am has the last lines of %0")
    assert entries(log)[-2].kind == "Captured"
    assert texts(log)[-1].endswith("the first line")


def test_a_capture_that_fails_says_why(client: Terminal, log: Path) -> None:
    client.shows("the first line")
    log.unlink()
    log.mkdir()
    client.send("\x02k")
    client.shows("nothing was captured")
