"""Many writers and readers over many rotations: every line once, whole, and in order, in one of the files."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from support.commands import Run, command
from support.journals import writer_of
from support.processes import BASH_LINE, Output, eventually, three_am
from threeam.core.format.clock import system_clock
from threeam.core.format.entry import Entry, parse_entry
from threeam.core.store.follow import Follower
from threeam.core.store.journal import Journal, ResumePoint
from threeam.core.write.draft import note_draft

SMALL = "8000"


def chain(journal: Journal) -> list[Path]:
    live = journal.open_live()
    assert live is not None
    return [Path(segment.path) for segment in journal.segments_forward(live)]


def everything(journal: Journal) -> list[Entry]:
    """Every entry of every file, in order, without what was carried over."""
    written: list[Entry] = []
    for path in chain(journal):
        raw = path.read_bytes()
        assert raw.endswith(b"\n")
        for line in raw.splitlines():
            entry = parse_entry(line)
            assert entry is not None, line
            if entry.carried_from is None:
                written.append(entry)
    return written


@pytest.mark.slow
def test_nothing_is_lost_doubled_or_torn_over_many_rotations(journal: Journal, log: Path, run_here: Run) -> None:
    env = {**os.environ, "SANITY_ROTATE_BYTES": SMALL}
    loop = 'for i in $(seq 25); do "$0" log -q "shot $1 $i" || exit; done'
    bash = BASH_LINE + 'for i in $(seq 60); do line "$SANITY_LOG" "$SANITY_LOCK" 1 "bash $1 $i" >/dev/null; done'
    # a stream trickles: all at once it would be two holds, and two rotations at the most
    stream = (
        '(for i in $(seq 40); do seq -f "stream $1 %g" $((i * 25 - 24)) $((i * 25)); sleep 0.02; done) | "$0" log -q -'
    )
    run_here("log", "the first")
    with three_am("tail", "-f", "-n", "1") as tail:
        heard = Output(tail)
        heard.until(lambda lines: len(lines) == 1, "it follows")
        writers = [
            subprocess.Popen(["bash", "-c", loop, command(), str(n)], env=env, stderr=subprocess.PIPE) for n in range(2)
        ]
        writers += [
            subprocess.Popen(["bash", "-c", bash, "bash", str(n)], env=env, stderr=subprocess.PIPE) for n in range(2)
        ]
        writers += [
            subprocess.Popen(["bash", "-c", stream, command(), str(n)], env=env, stderr=subprocess.PIPE)
            for n in range(2)
        ]
        for child in writers:
            _, err = child.communicate(timeout=120)
            assert (child.returncode, err) == (0, b"")
        expected = Counter(
            ["the first"]
            + [f"shot {n} {i}" for n in range(2) for i in range(1, 26)]
            + [f"bash {n} {i}" for n in range(2) for i in range(1, 61)]
            + [f"stream {n} {i}" for n in range(2) for i in range(1, 1001)]
        )
        everything_read = everything(journal)
        assert Counter(entry.text for entry in everything_read) == expected
        assert len(chain(journal)) > 5
        for who in ("shot 0", "shot 1", "bash 0", "bash 1", "stream 0", "stream 1"):
            numbers = [
                int(entry.text.rpartition(" ")[2]) for entry in everything_read if entry.text.startswith(who + " ")
            ]
            assert numbers == sorted(numbers), who

        def told(lines: list[bytes]) -> Counter[str]:
            entries = [entry for line in lines if (entry := parse_entry(line))]
            return Counter(entry.text for entry in entries if entry.carried_from is None)

        heard.until(lambda lines: len(lines) >= len(expected), "all lines", seconds=30)
        heard.until(lambda lines: told(lines).total() >= len(expected), "all lines", seconds=30)
        assert told(heard.lines) == expected
    done = run_here("doctor")
    assert done.returncode == 0, done.stdout


def test_a_follower_that_was_several_files_behind_shows_each_line_once(journal: Journal, log: Path) -> None:
    writer = writer_of("alice", journal, system_clock)
    writer.write(note_draft("before"))
    live = journal.open_live()
    assert live is not None
    follower = Follower(journal, ResumePoint.capture(live, live.size()))
    expected = []
    for number in range(4):
        for i in range(20):
            writer.write(note_draft(f"file {number} line {i}"))
            expected.append(f"file {number} line {i}")
        with writer.lock_log(full_state=True) as locked:
            locked.rotate()
    writer.write(note_draft("the last"))
    heard: list[str] = []

    def hear() -> bool:
        for line in follower.read():
            assert not line.gap_reason
            entry = line.entry
            assert entry is not None
            if entry.carried_from is None:
                heard.append(entry.text)
        return heard[-1:] == ["the last"]

    eventually(hear, "the last line is heard")
    follower.close()
    assert heard == [*expected, "the last"]


def test_a_gap_is_reported(journal: Journal, log: Path) -> None:
    log.write_bytes(b"[2026-11-24T03:14:07.000000001+0000] [COFFEE: 0] one\n")
    with three_am("tail", "-f") as tail:
        heard = Output(tail)
        heard.until(lambda lines: len(lines) == 1, "the first line")
        log.rename(f"{log}.1")
        log.write_bytes(b"[2026-11-24T03:14:08.000000001+0000] [COFFEE: 0] two\n")
        heard.until(lambda lines: len(lines) == 2, "the line of the new file")
        os.truncate(log, 0)
        with log.open("ab") as file:
            file.write(b"[2026-11-24T03:14:09.000000001+0000] [COFFEE: 0] three\n")
        heard.until(lambda lines: len(lines) == 3, "the line after the truncation")
        tail.terminate()
        assert tail.stderr is not None
        stderr = tail.stderr.read().decode().splitlines()
    assert "does not say that it continues" in stderr[0]
    assert "truncated" in stderr[1]


def test_tail_and_show_read_across_files(run_here: Run, log: Path) -> None:
    run_here("hyp", "new", "the sweeper")
    for n in range(30):
        run_here("log", f"line {n}") if n % 10 == 0 else None
    rotated = run_here("rotate").stdout.decode().strip()
    assert Path(rotated).exists()
    run_here("hyp", "refute", "H1", "it was off")
    shown = run_here("hyp", "show", "H1").stdout.decode()
    assert shown.count("Hypothesis: the sweeper") == 1
    assert "Conclusion: it was off" in shown
    printed = run_here("tail", "-n", "100").stdout.decode()
    assert printed.index("line 0") < printed.index("Continued from") < printed.index("Conclusion")
    assert run_here("tail", "--grep", "line 20").stdout.decode().count("\n") == 1


def test_rotating_nothing_is_exit_1(run_here: Run, log: Path) -> None:
    done = run_here("rotate")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"nothing to rotate" in done.stderr
    assert not log.exists()


BAD = [("ROTATE_BYTES", "0"), ("ROTATE_BYTES", "x"), ("KEEP", "-1"), ("KEEP", "some")]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_setting_that_is_not_a_number_is_exit_2(run_here: Run, name: str, value: str) -> None:
    done = run_here("log", "x", **{f"SANITY_{name}": value})
    assert done.returncode == 2
    assert f"SANITY_{name}" in done.stderr.decode()
