"""The screen while somebody else holds the lock: it lives, it says who, and nothing is lost or written twice."""

from __future__ import annotations

import os
from pathlib import Path

from terminals import Terminal, held, let_go, terminal

from support.journals import texts


def lock_of(log: Path) -> Path:
    return Path(f"{log}.lock")


def write_notes(log: Path, count: int) -> None:
    log.write_bytes(b"".join(b"[2026-11-24T03:14:07.%09d+0000] [COFFEE: 0] note %d\n" % (n, n) for n in range(count)))


def selected(on: Terminal) -> list[str]:
    """The row that has the cursor."""
    return [row for row in on.shown.splitlines() if row.startswith("▌")]


def test_the_keys_live_the_header_names_the_holder_and_the_text_lands_once(log: Path) -> None:
    write_notes(log, 60)
    with held(lock_of(log)) as holder, terminal(size=(120, 30)) as on:
        on.opened()
        on.send("imy words\r\r")
        on.shows("waits for the lock, held by")
        on.eventually(lambda: f"flock {holder.pid}" in on.header or f"cat {holder.pid}" in on.header, "who holds it")
        assert "my words" in on.shown, "the text stays in the box"
        on.shows("c coffee")
        on.send("\x1b[5~")
        on.eventually(lambda: "PAUSED" in on.header, "page up scrolls the log")
        before = selected(on)
        on.send("k")
        on.eventually(lambda: selected(on) != before, "the cursor moves")
        assert len(texts(log)) == 60
        let_go(holder)
        on.eventually(lambda: texts(log)[60:] == ["my words"], "it is written once the lock is free")
        on.eventually(lambda: "lock" not in on.header, "it is free")
        on.send("F")
        on.shows("note: my words")
        assert "waits for the lock" not in on.shown
        on.send("c")
        on.eventually(lambda: len(texts(log)) == 62, "and the next thing is written")
        assert texts(log).count("my words") == 1


def test_esc_takes_it_back_and_nothing_lands_when_the_lock_is_free(log: Path) -> None:
    write_notes(log, 3)
    with held(lock_of(log)) as holder, terminal(size=(120, 30)) as on:
        on.opened()
        on.send("imy words\r")
        on.shows("waits for the lock")
        on.send("\x1b")
        on.shows("taken back")
        assert "my words" in on.shown, "the text is still in the box"
        let_go(holder)
        on.send("i again\r")
        on.eventually(lambda: len(texts(log)) == 4, "it can be sent once more")
        assert texts(log)[3:] == ["my words again"]


def test_the_read_only_screen_opens_while_the_lock_is_held_and_follows(log: Path) -> None:
    write_notes(log, 3)
    with held(lock_of(log)) as holder:
        before = sorted(os.listdir(log.parent))
        with terminal("-R", size=(120, 30)) as on:
            on.opened()
            assert "read-only" in on.header
            on.eventually(lambda: f" {holder.pid}" in on.header, "who holds it")
            with log.open("ab") as file:
                file.write(b"[2026-11-24T03:14:08.000000000+0000] [COFFEE: 0] from elsewhere\n")
            on.shows("from elsewhere")
            on.send("c")
            on.shows("read-only: ")
            on.send("q")
            on.ends_with(0)
            on.is_as_it_was()
        assert sorted(os.listdir(log.parent)) == before, "it creates nothing"


def test_keys_for_a_second_box_in_one_read_never_act_on_the_log(log: Path) -> None:
    burst = "ia note\r:changed the fuse\r:hyp the fuse\ric\rHas\r"
    expected = ["a note", "Changed: the fuse", "Hypothesis: the fuse", "c", "Hypothesis: as"]

    def written() -> list[str]:
        return [text for text in texts(log) if "sanity lock" not in text]

    with terminal(size=(120, 30)) as on:
        on.opened()
        on.send(burst)
        on.eventually(lambda: written() == expected, "each key went to its box")
        with held(lock_of(log)) as holder:
            on.send("\x1b" + burst)
            on.shows("5 wait")
            on.shows("waits for the lock, held by")
            assert written() == expected
            let_go(holder)
        on.eventually(lambda: written() == expected * 2, "and so they do after a wait")


def test_while_the_lock_is_held_a_second_box_opens_and_esc_and_q_do_what_they_say(log: Path) -> None:
    write_notes(log, 3)
    with held(lock_of(log)), terminal(size=(120, 30)) as on:
        on.opened()
        on.send("imy words\r")
        on.shows("waits for the lock, held by")
        on.send("\x1b[<0;5;5M\x1b[<0;5;5m")  # a click into the log
        on.send("Hthe fuse")
        on.shows("hypothesis ▏the fuse")
        on.shows("note: my words")
        on.send("\x1b")
        on.shows("taken back; your text")
        on.send("\x1biand more")
        on.shows("note ▏my wordsand more")
        on.send_and_wait_until_read(b"\x1b")
        on.send("q")
        on.ends_with(0)
        on.is_as_it_was()
    assert len(texts(log)) == 3
