"""Many writers at once: nothing is lost, doubled, torn or interleaved, and everything adds up."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from support.commands import Run, command
from support.journals import all_texts, entries, lines
from support.processes import BASH_LINE, sections
from threeam.core.format.entry import NS_PER_S

pytestmark = pytest.mark.slow

# The script of the essay. Only its two paths and its root check are adapted.
SCRIPT = r"""#!/usr/bin/env bash
set -euo pipefail
# Configuration
LOG_FILE="${SANITY_LOG}"
LOCK_FILE="${SANITY_LOCK}"
COFFEE_CUPS=${1:-0}
MESSAGE=${2:-"Staring into the void. The void is returning a 502 Bad Gateway."}
# Function to log with high-precision timestamps
log_debug() {
local msg="$1"
local timestamp
# Using nanoseconds to prove to ourselves that time exists
timestamp=$(date +'%Y-%m-%dT%H:%M:%S.%N%z')
echo "[${timestamp}] [COFFEE: ${COFFEE_CUPS}] ${msg}" | tee -a "${LOG_FILE}"
}
# The Critical Section
(
flock -e 200
log_debug "Acquired sanity lock."
# Simulating the biological delay of processing the bug
sleep 1
log_debug "Hypothesis: ${MESSAGE}"
if [[ ${COFFEE_CUPS} -gt 4 ]]; then
log_debug "WARNING: Caffeine toxicity imminent. Logic may be compromised."
fi
log_debug "Releasing sanity lock."
) 200> "${LOCK_FILE}"
exit 0
"""

WRITERS, ROUNDS = 8, 5
LOOPS, TURNS = 3, 15
STREAMS, STREAMED = 2, 3000
CUPS = {"alice": [1, 2, 1], "bob": [1, 1]}  # by process
CLAIMS = 4


class Night(NamedTuple):
    """What is left of a night on which everybody wrote at once."""

    log: Path
    env: Mapping[str, str]
    printed: list[bytes]
    """What each process printed: its acknowledgements."""
    failed: list[str]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """Eight loops of `3am log`, three of Bash, two streams, five people's coffee, four claims and `3am sanity`."""
    folder = tmp_path_factory.mktemp("night")
    log, lock = folder / "sanity.log", folder / "sanity.log.lock"
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SANITY_", "XDG_", "TMUX", "SUDO_"))}
    env = {
        **clean,
        "HOME": str(folder),
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "SANITY_LOG": str(log),
        "SANITY_LOCK": str(lock),
        "SANITY_LOCK_TIMEOUT": "60",
        "PATH": f"{Path(command()).parent}:{os.environ['PATH']}",
    }
    jobs: list[tuple[str, list[str], bytes]] = []
    for w in range(WRITERS):
        loop = f"for i in $(seq {ROUNDS}); do 3am log \"w{w} round $i\"$'\\nsecond\\r\\nthird' || exit; done"
        jobs.append(("alice", ["bash", "-c", loop], b""))
    for b in range(LOOPS):
        loop = f'{BASH_LINE} for i in $(seq {TURNS}); do line "$SANITY_LOG" "$SANITY_LOCK" 2 "bash {b} turn $i"; done'
        jobs.append(("alice", ["bash", "-c", loop], b""))
    for s in range(STREAMS):
        stream = "".join(f"stream {s} line {i}\n" for i in range(STREAMED))
        jobs.append(("alice", ["3am", "log", "-"], stream.encode()))
    for user, each in CUPS.items():
        jobs += [(user, ["3am", "coffee", str(cups)], b"") for cups in each]
    jobs += [("carol", ["3am", "hyp", "new", f"claim of process {c}"], b"") for c in range(CLAIMS)]
    jobs.append(("alice", ["3am", "sanity", "2", "the script's own words", "--delay", "0.02"], b""))

    running: list[tuple[list[str], subprocess.Popen[bytes]]] = []
    for user, argv, stdin in jobs:
        with (folder / f"in.{len(running)}").open("w+b") as source:
            source.write(stdin)
            source.seek(0)
            printed = (folder / f"out.{len(running)}").open("w+b")
            stderr_file = (folder / f"err.{len(running)}").open("w+b")
            running.append(
                (
                    argv,
                    subprocess.Popen(
                        argv, stdin=source, stdout=printed, stderr=stderr_file, env={**env, "LOGNAME": user}
                    ),
                )
            )
            printed.close()
            stderr_file.close()
    failed = []
    for number, (argv, job) in enumerate(running):
        if code := job.wait(60):
            failed.append(f"{argv}: exit {code}: {(folder / f'err.{number}').read_text()}")
    acknowledged = [(folder / f"out.{number}").read_bytes() for number in range(len(running))]
    return Night(log, env, acknowledged, failed)


def test_everybody_gets_their_turn(night: Night) -> None:
    assert night.failed == []


def test_nothing_is_lost_and_nothing_is_doubled(night: Night) -> None:
    expected: Counter[str] = Counter()
    for w, i in itertools.product(range(WRITERS), range(1, ROUNDS + 1)):
        expected.update([f"w{w} round {i}", "| second", "| third"])
    expected.update(f"bash {b} turn {i}" for b in range(LOOPS) for i in range(1, TURNS + 1))
    expected.update(f"stream {s} line {i}" for s in range(STREAMS) for i in range(STREAMED))
    expected.update(f"Coffee: cup {n} of the night." for cups in CUPS.values() for n in range(1, sum(cups) + 1))
    expected.update(f"Hypothesis: claim of process {c}" for c in range(CLAIMS))
    expected.update(["Hypothesis: the script's own words"])
    expected.update(["Acquired sanity lock.", "Releasing sanity lock."] * (CLAIMS + 1))
    counts = Counter(text for text in all_texts(night.log) if not text.startswith("WARNING: Caffeine"))
    assert counts == expected


def test_what_was_printed_is_what_stands_in_the_log_once(night: Night) -> None:
    """Every acknowledgement is a line of the log, byte for byte, and every line was acknowledged to somebody."""
    printed = Counter(line for out in night.printed for line in out.splitlines())
    assert printed == Counter(lines(night.log))


def test_the_lines_of_a_block_stand_together(night: Night) -> None:
    written = entries(night.log)
    heads = [i for i, entry in enumerate(written) if re.match(r"w\d round", entry.text)]
    assert len(heads) == WRITERS * ROUNDS
    for i in heads:
        block = written[i : i + 3]
        assert [entry.text for entry in block[1:]] == ["| second", "| third"]
        assert len({entry.author for entry in block}) == 1


def test_the_lines_of_each_writer_keep_their_order(night: Night) -> None:
    written = all_texts(night.log)
    for s in range(STREAMS):
        assert [t for t in written if t.startswith(f"stream {s} ")] == [f"stream {s} line {i}" for i in range(STREAMED)]
    for b in range(LOOPS):
        turns = [f"bash {b} turn {i}" for i in range(1, TURNS + 1)]
        assert [t for t in written if t.startswith(f"bash {b} ")] == turns


@pytest.mark.parametrize("user", CUPS)
def test_cups_that_are_drunk_at_the_same_instant_add_up(night: Night, user: str) -> None:
    mine = [e for e in entries(night.log) if e.author and e.author.user == user]
    cups = [e.cups for e in mine if e.kind == "Coffee"]
    assert cups == list(range(1, sum(CUPS[user]) + 1))
    assert all(before.cups <= after.cups for before, after in itertools.pairwise(mine))


def test_hypotheses_are_numbered_without_gap_or_duplicate(night: Night) -> None:
    opened = [e.hypothesis for e in entries(night.log) if e.kind == "Hypothesis" and e.author]
    assert opened == [(n, "open") for n in range(1, CLAIMS + 1)]


def test_the_stamps_grow_down_the_file(night: Night) -> None:
    stamps = [entry.stamp.ns for entry in entries(night.log)]
    back = [(a, b) for a, b in itertools.pairwise(stamps) if b <= a]
    assert back == []


def test_no_two_critical_sections_overlap(night: Night) -> None:
    """The trace of mutual exclusion: in the order of the file, and by the stamps as well."""
    written = sections(entries(night.log))
    assert len(written) == CLAIMS + 1
    spans = sorted((section[0].stamp.ns, section[-1].stamp.ns) for section in written)
    assert all(ended < began for (_, ended), (began, _) in itertools.pairwise(spans))


def test_sanity_pauses_inside_its_section(night: Night) -> None:
    (section,) = (entry for entry in sections(entries(night.log)) if entry[0].author is None)
    assert [e.text for e in section[1:-1]] == ["Hypothesis: the script's own words"]
    assert section[-1].stamp.ns - section[0].stamp.ns >= 0.02 * NS_PER_S
    assert {(e.cups, e.tags) for e in section} == {(2, ())}


def test_doctor_finds_nothing(night: Night) -> None:
    done = subprocess.run([command(), "doctor"], env=night.env, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, b"")


def test_the_script_of_the_essay_shares_the_log(run: Run, tmp_path: Path, log: Path) -> None:
    """Two panes run the script itself, while `3am` logs, claims and imitates it, under the same lock."""
    script = tmp_path / "3am-sanity-lock.sh"
    script.write_text(SCRIPT)
    panes = [
        subprocess.Popen(["bash", str(script), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for args in (["5", "the cron job races the API"], [])
    ]
    beside = [
        subprocess.Popen([command(), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for args in (
            ["log", "a note beside it"],
            ["hyp", "new", "it is the sweeper"],
            ["sanity", "3", "imitated", "--delay", "0.01"],
        )
    ]
    printed: Counter[bytes] = Counter()
    for job in (*panes, *beside):
        out, err = job.communicate(timeout=30)
        assert (job.returncode, err) == (0, b"")
        printed.update(out.splitlines())
    assert printed == Counter(lines(log))

    written = entries(log)
    spans = sections(written)
    assert sorted(tuple(e.text for e in s[1:-1] if e.text.startswith("Hyp")) for s in spans) == [
        ("Hypothesis: Staring into the void. The void is returning a 502 Bad Gateway.",),
        ("Hypothesis: imitated",),
        ("Hypothesis: it is the sweeper",),
        ("Hypothesis: the cron job races the API",),
    ]
    assert "WARNING: Caffeine toxicity imminent. Logic may be compromised." in [e.text for e in written if e.cups == 5]
    assert sum(s[-1].stamp.ns - s[0].stamp.ns >= NS_PER_S for s in spans) == 2  # the script's second inside the lock
    assert run("doctor").returncode == 0
    listed = run("hyp", "list").stdout.decode()
    assert "H1" in listed
    assert "the cron job races the API" in listed


def test_a_stream_whose_reader_leaves_is_written_whole_or_says_that_it_was_not(tmp_path: Path, log: Path) -> None:
    """`3am log - | head -1`: exit 0 means written, so it must not stop at the first line and say 0."""
    source = tmp_path / "source"
    source.write_text("".join(f"line {i}\n" for i in range(50_000)))
    pipeline = f"{command()} log - < '{source}' | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", pipeline], capture_output=True, timeout=60)
    assert done.returncode != 0 or all_texts(log) == source.read_text().splitlines()


def test_sanity_whose_reader_leaves_writes_its_hypothesis_or_says_that_it_did_not(log: Path) -> None:
    """`3am sanity 2 words | true`: exit 0 means written."""
    read, write = os.pipe()
    os.close(read)  # nobody reads from the start
    done = subprocess.run([command(), "sanity", "2", "words", "--delay", "0"], stdout=write, timeout=60)
    os.close(write)
    assert done.returncode != 0 or "Hypothesis: words" in all_texts(log)
