"""``3am align``: the shift between the clocks of two logs, printed and written to the journal."""

from __future__ import annotations

import gzip
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

import pytest

from support.commands import Run, good, refused, stderr_lines
from support.journals import end_of, entries
from support.log_sources import BASE_NS, stamped, write_log
from support.two_hosts import TrueLine, TwoLogs, simulate
from threeam.core.format.entry import Stamp
from threeam.core.store.journal import Journal
from threeam.projections import FOLD
from threeam.timeline.clock_lines import clock_corrections
from threeam.timeline.instant import ClockCorrection
from threeam.timeline.shifts import parse_shift

MS = 10**6
KEY = ("--key", r"req=(\w+)")


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, utc: None) -> None:
    monkeypatch.chdir(tmp_path)


def write_two(logs: TwoLogs) -> None:
    def time_of(line: TrueLine) -> str:
        digits = len(str(10**9 // line.stamp.resolution_ns)) - 1
        return str(Stamp(line.stamp.ns))[: 20 + digits].rstrip(".")

    def lines(log: Iterable[TrueLine]) -> Iterable[str]:
        return (f"{time_of(line)}Z {line.raw.decode()}" for line in log)

    write_log(Path("web1.log"), lines(logs.a))
    write_log(Path("web2.log"), lines(logs.b))


def write_calls(b_late_ns: Iterable[int], *, with_answers: bool = True) -> None:
    """Write a request a second: called, 2 ms later logged at B, whose clock is so much ahead, 2 ms later answered."""
    a, b = [], []
    for number, late_ns in enumerate(b_late_ns):
        ns = BASE_NS + number * 10**9
        a += [stamped(ns, f"call req={number}", 3), *([stamped(ns + 4 * MS, f"answer req={number}", 3)] * with_answers)]
        b.append(stamped(ns + 2 * MS + late_ns, f"req={number}", 3))
    write_log(Path("web1.log"), a)
    write_log(Path("web2.log"), b)


def printed_shift(printed: str) -> ClockCorrection:
    """Return the correction in the option that align has printed."""
    [line] = [line for line in printed.splitlines() if line.startswith("--shift")]
    name, correction = parse_shift(shlex.split(line)[1])
    assert name == "web2"
    return correction


@pytest.mark.parametrize("seed", [2, 5, 9])
def test_what_is_printed_has_the_true_shift(run: Run, seed: int) -> None:
    logs = simulate(seed, requests=60)
    write_two(logs)
    shift_ns, bound_ns = printed_shift(good(run("align", "web1.log", "web2.log", *KEY)))
    assert bound_ns is not None
    assert all(abs(logs.true_shift_ns(line.true_ns) - shift_ns) <= bound_ns for line in logs.b)


def test_the_report_names_the_requests_and_what_is_assumed(run: Run) -> None:
    write_calls([3 * MS, 2 * MS, 4 * MS])
    assert good(run("align", "web1.log", "web2.log", *KEY)).splitlines() == [
        "3 requests in both logs, 2 lines of each in web1",
        "at least -5ms: 1 (web1 2026-11-24 03:14:08 to 03:14:08.004, web2 2026-11-24 03:14:08.004)",
        "at most -1ms: 2 (web1 2026-11-24 03:14:09 to 03:14:09.004, web2 2026-11-24 03:14:09.006)",
        "assumed: the first line of a request in web1 is before its first line in web2",
        "assumed: the last line of a request in web1 is after its first line in web2",
        "assumed: the clocks drift by 100 ppm at most; that widens the result by 0.3006ms",
        "web2 is ahead of web1 by 2.95ms±2.16ms",
        "--shift 'web2=-2.95ms±2.16ms'",
    ]


def test_the_option_that_is_printed_is_taken_by_merge(run: Run) -> None:
    write_calls([3 * MS])
    option = good(run("align", "web1.log", "web2.log", *KEY)).splitlines()[-1]
    merged = good(run("merge", *shlex.split(option), "-o", "raw", "web1.log", "web2.log"))
    assert [line.split()[1] for line in merged.splitlines()] == ["call", "req=0", "answer"]


def test_write_puts_it_into_the_journal(run: Run, log: Path, journal: Journal) -> None:
    write_calls([3 * MS] * 3)
    printed = good(run("align", "web1.log", "web2.log", *KEY, "--write"))
    [entry] = entries(log)
    correction = printed_shift(printed)
    assert entry.text == "Clock: web2 -3ms±3.06ms (against web1: align --key, 3 requests)"
    assert entry.tag("CLOCK") == "web2 -3000000 3060000"
    assert clock_corrections(FOLD.state_at(*end_of(journal))) == {"web2": correction}
    assert entry.text in printed


def test_quiet_does_not_print_the_line(run: Run, log: Path) -> None:
    write_calls([3 * MS])
    printed = good(run("align", "web1.log", "web2.log", *KEY, "--write", "-q"))
    assert "COFFEE" not in printed
    assert printed_shift(printed)
    assert len(entries(log)) == 1


def test_a_step_of_a_clock_is_told_with_both_requests(run: Run, log: Path) -> None:
    write_calls([3 * MS] * 10 + [13 * MS] * 10)
    sentence = refused(run("align", "web1.log", "web2.log", *KEY, "--write"), 1)
    assert sentence.startswith("3am: no shift of web2 fits all requests. At least -6ms, by 9 (web1 2026-11-24 ")
    assert "At most -10ms, by 10 (web1 2026-11-24 03:14:17 to 03:14:17.004, web2" in sentence
    assert not log.exists()


def test_the_wrong_caller_is_a_contradiction(run: Run) -> None:
    write_calls([3 * MS] * 3)
    printed = run("align", "web2.log", "web1.log", *KEY)
    assert good(printed).splitlines()[-1].startswith("the shift of web1 is at least ")


@pytest.mark.parametrize("write", [False, True])
def test_a_log_without_answers_gives_one_limit_and_no_line(run: Run, log: Path, write: bool) -> None:
    write_calls([3 * MS] * 3, with_answers=False)
    done = run("align", "web1.log", "web2.log", *KEY, *(["--write"] if write else []))
    limit = "the shift of web2 is at least -6.0501ms, and "
    assert done.stdout.decode().splitlines()[-1].startswith(limit)
    assert "there is no upper limit: web1 has no lines of answers" in done.stdout.decode()
    assert stderr_lines(done) == ["3am: nothing was written: a Clock: line needs a limit on both sides"] * write
    assert done.returncode == int(write)
    assert not log.exists()


def test_a_shift_of_the_caller_adds_up(run: Run) -> None:
    write_calls([3 * MS])
    plain = printed_shift(good(run("align", "web1.log", "web2.log", *KEY)))
    assert plain.bound_ns is not None
    printed = good(run("align", "web1.log", "web2.log", *KEY, "--shift", "web1=+1s±5ms"))
    assert "web1 itself is shifted by +1s±5ms: both shifts and bounds add up" in printed
    assert printed_shift(printed) == (plain.shift_ns + 10**9, plain.bound_ns + 5 * MS)
    printed = good(run("align", "web1.log", "web2.log", *KEY, "--shift", "web1=+1s"))
    assert printed_shift(printed) == (plain.shift_ns + 10**9, None)


def test_a_shift_of_the_caller_in_the_journal_adds_up_too(run: Run, log: Path) -> None:
    write_calls([3 * MS])
    plain = printed_shift(good(run("align", "web1.log", "web2.log", *KEY)))
    good(run("align", "-q", "web2=web1.log", "web1=web2.log", "--at", "web2@03:14:07.004", "web1@03:14:07.005"))
    good(
        run(
            "align", "-q", "web2=web1.log", "web1=web2.log", "--at", "web2@03:14:07.004", "web1@03:14:07.005", "--write"
        )
    )
    [entry] = entries(log)
    assert entry.tag("CLOCK") == "web1 -1000000 1000000"
    assert printed_shift(good(run("align", "web1.log", "web2.log", *KEY))) == (
        plain.shift_ns - MS,
        (plain.bound_ns or 0) + MS,
    )
    overridden = good(run("align", "web1.log", "web2.log", *KEY, "--shift", "web1=±0s"))
    assert printed_shift(overridden) == plain


def test_hours_between_two_logs_are_a_hint_at_their_zones(run: Run) -> None:
    write_calls([3600 * 10**9 + 3 * MS] * 2)
    printed = good(run("align", "web1.log", "web2.log", *KEY))
    assert re.search(
        r"^web2 is ahead of web1 by .*: about whole quarters of an hour, so look at the zones", printed, re.M
    )


def test_a_clock_that_was_set_back_within_its_log_is_told(run: Run) -> None:
    """All requests are after the step, so they do not contradict each other; the lines before it have another shift."""
    write_calls([3 * MS] * 40)
    called = Path("web2.log")
    before = [stamped(BASE_NS + n * 10**9, "before the step", 3) for n in range(3600, 3700)]
    called.write_text("".join(f"{line}\n" for line in before) + called.read_text())
    done = run("align", "web1.log", "web2.log", *KEY)
    assert printed_shift(good(done))
    [warning] = stderr_lines(done)
    assert warning.startswith("3am: the clock of web2 was set back by ")
    assert warning.endswith("so align the two parts of the file, each alone")


# --- two lines


def write_events() -> None:
    write_log(Path("app.log"), [stamped(BASE_NS + ns, f"line {ns}", 3) for ns in (0, 100 * MS, 101 * MS, 10**9)])
    write_log(Path("pg.log"), [stamped(BASE_NS + ns, f"line {ns}", 6) for ns in (0, 96_500_000, 2 * 10**9)])


@pytest.mark.parametrize(
    ("at_a", "at_b", "tag"),
    [
        ("app@03:14:07.100", "db@03:14:07.0965", "db 3500000 1000000"),
        ("app@03:14:07.100", "db@03:14:07.09±1ms", "db 3500000 2000000"),
        ("app@2026-11-24T03:14:07.101Z±1ns", "db@03:14:07.0965+-2us", "db 4500000 1002001"),
        ("app@03:14:08", "db@03:14:09", "db -1000000000 1000000"),
    ],
)
def test_two_lines_of_one_event_give_the_shift(run: Run, log: Path, at_a: str, at_b: str, tag: str) -> None:
    write_events()
    printed = good(run("align", "app.log", "db=pg.log", "--at", at_a, at_b, "--write"))
    [entry] = entries(log)
    assert entry.tag("CLOCK") == tag
    assert entry.text.endswith(" (against app: align --at)")
    assert "assumed: both lines are about one event" in printed
    assert "two clocks may drift by 100 ppm" in printed


@pytest.mark.parametrize(
    ("at_a", "at_b", "code", "sentence"),
    [
        ("app@03:14:07", "db@03:14:07.09", 2, "'03:14:07' names 3 times in app, such as 2026-11-24 03:14:07 and"),
        (
            "app@03:14:07.2",
            "db@03:14:07.09",
            1,
            "app has no line at 03:14:07.2; the nearest is at 2026-11-24 03:14:07.101",
        ),
        ("app@noon", "db@03:14:07.09", 2, "'noon' is not the time of a line: write 03:14:07.123"),
        ("app@03:14:99", "db@03:14:07.09", 2, "'03:14:99' is not a time"),
        ("app@03:14:07.100", "db@03:14:07.09±", 2, "--at db@03:14:07.09±: after ± comes a duration, such as 1ms"),
        ("web@03:14:07.100", "db@03:14:07.09", 2, "--at web@03:14:07.100: write app@T db@T, with T such as"),
        ("03:14:07.100", "db@03:14:07.09", 2, "--at 03:14:07.100: write app@T db@T, with T such as 03:14:07.123"),
    ],
)
def test_a_line_that_is_not_found_is_refused(run: Run, at_a: str, at_b: str, code: int, sentence: str) -> None:
    write_events()
    assert sentence in refused(run("align", "app.log", "db=pg.log", "--at", at_a, at_b), code)


# --- what cannot be aligned


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("web1.log", "web2.log", "--key", r"req=\w+"), 2, "needs a group that is the key"),
        (("web1.log", "web2.log", "--key", r"req=(\w+"), 2, "is not a regular expression"),
        (("web1.log", "web2.log", "--key", r"user=(\w+)"), 1, "no line of web1 matches --key"),
        (("web1.log", "web2.log", "--key", r"answer req=(9\w*)"), 1, "no line of web1 matches --key"),
        (("web1.log", "plain.txt", *KEY), 1, "plain.txt has no timestamps that were found: --format or --stamp says"),
        (("web1.log", *KEY), 2, "two files are needed: A, which calls, and B, which is called"),
        (("web1.log", "web2.log", "web1.log", *KEY), 2, "two files are needed"),
        (
            ("web1.log", "web2.log", *KEY, "--shift", "web2=+1s"),
            2,
            "--shift web2=…: the shift of B is what align measures",
        ),
        (
            ("web1.log", "web2.log", *KEY, "--shift", "web=+1s"),
            2,
            "--shift web=…: there is no source web; did you mean",
        ),
        (("web1.log", "web2.log"), 2, "one of the arguments --key --at is required"),
        (("web1.log", "gone.log", *KEY), 3, "gone.log cannot be opened: No such file or directory"),
        (("a]b=web1.log", "c]d=web2.log", *KEY, "--write"), 2, "a Clock: line cannot hold the name"),
    ],
)
def test_what_cannot_be_aligned_is_said_in_one_sentence(
    run: Run, log: Path, words: tuple[str, ...], code: int, sentence: str
) -> None:
    write_calls([3 * MS] * 3)
    Path("plain.txt").write_text("no time at all req=1\n" * 20)
    done = run("align", *words)
    assert done.returncode == code, stderr_lines(done)
    assert sentence in "\n".join(stderr_lines(done))
    assert not log.exists()


def test_a_log_that_shares_no_key_is_refused(run: Run) -> None:
    write_calls([3 * MS] * 3)
    write_log(Path("web2.log"), [stamped(BASE_NS + n, f"req=x{n}") for n in range(20)])
    sentence = refused(run("align", "web1.log", "web2.log", *KEY), 1)
    assert "no line of web2 matches --key with a key of web1" in sentence


def test_compressed_logs_are_read(run: Run) -> None:
    write_calls([3 * MS] * 3)
    plain = good(run("align", "web1.log", "web2.log", *KEY))
    for name in ("web1.log", "web2.log"):
        Path(f"{name}.gz").write_bytes(gzip.compress(Path(name).read_bytes()))
        Path(name).unlink()
    assert good(run("align", "web1.log.gz", "web2.log.gz", *KEY)) == plain
