"""Search, filters and copies in a real tmux."""

from __future__ import annotations

from pathlib import Path

import pytest
from terminals import needs_tmux, tmux

from threeam.core.format.entry import Entry, Stamp, format_entry

pytestmark = needs_tmux

NIGHT = 1_795_490_047_123_456_789


def hay(count: int, needles: tuple[int, ...]) -> bytes:
    by = (("BY", "bob@db1:77%1"),)
    return b"".join(
        format_entry(Entry(Stamp(NIGHT + n * 1_000_000), 0, by, f"needle {n}" if n in needles else f"hay {n}"))
        for n in range(count)
    )


def test_keys_and_words_of_one_send_keys_search_filter_and_go(log: Path) -> None:
    log.write_bytes(hay(5000, (7, 2500)))
    with tmux() as server:
        pane = server.pane()
        server.shows(pane, "LIVE")
        server("send-keys", "-t", pane, "/needle", "Enter", "N")
        server.shows(pane, "match 1 of 2")
        server.shows(pane, "needle 7")
        server("send-keys", "-t", pane, "&needle", "Enter", "&!7$", "Enter")
        server.shows(pane, "1 line")
        server.shows(pane, "needle 2500")
        server("send-keys", "-t", pane, ":unfilter", "Enter", ":goto @2026-11-24T03:14:08.123456789+0000", "Enter")
        server.shows(pane, "hay 1000")
        server.shows(pane, "line 1,001/5,000")


@pytest.mark.parametrize(("width", "height"), [(120, 36), (80, 24), (40, 10)])
def test_it_searches_while_the_terminal_changes_its_size_and_the_log_is_rotated(
    log: Path, width: int, height: int
) -> None:
    log.write_bytes(hay(3000, (5, 1500)))
    with tmux() as server:
        pane = server.pane()
        server.shows(pane, "LIVE")
        server("send-keys", "-t", pane, "/needle", "Enter")
        server("resize-window", "-t", pane, "-x", str(width), "-y", str(height))
        server.shows(pane, "match 2 of 2")
        log.rename(log.with_suffix(".1"))  # as logrotate's create does
        log.write_bytes(hay(10, (3,)))
        server("send-keys", "-t", pane, "G")
        server.shows(pane, "LIVE")
        server.shows(pane, "hay 9")
        server("resize-window", "-t", pane, "-x", "100", "-y", "30")
        server("send-keys", "-t", pane, "N")
        server.shows(pane, "needle 3")


def test_y_copies_into_the_buffer_of_tmux(log: Path) -> None:
    log.write_bytes(hay(3, (1,)))
    with tmux() as server:
        pane = server.pane()
        server.shows(pane, "LIVE")
        server("send-keys", "-t", pane, "k", "Y")
        server.shows(pane, "prefix ] pastes it")
        assert server("show-buffer") == "@2026-11-24T03:14:07.124456789+0000"
        server("send-keys", "-t", pane, "y")
        server.eventually(lambda: "needle 1" in server("show-buffer"), "the line is in the buffer")
        assert server("show-buffer") == log.read_text().splitlines()[1]
