"""What `3am merge` and `3am sources` do with files of every kind: one clear sentence, and the others go on."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import resource
import subprocess
from pathlib import Path

import pytest

from support.commands import Done, Run, command, good, refused, stderr_lines
from support.people import CAROL
from threeam.cli.exits import ExitCode

LINES = b"".join(b"2026-11-24T03:14:%02d.000Z line %d\n" % (second, second) for second in range(0, 60, 2))
OTHER = b"".join(b"2026-11-24T03:14:%02d.000Z other %d\n" % (second, second) for second in range(1, 60, 2))
MERGED = b"".join(
    line + b"\n"
    for pair in zip(LINES.splitlines(), OTHER.splitlines(), strict=True)
    for line in pair
)  # fmt: skip


def went_on(done: Done) -> str:
    """Return the one sentence about a file that cannot be used; the others were printed."""
    (sentence,) = stderr_lines(done)
    assert done.stdout == OTHER
    assert done.returncode != 0
    return sentence


@pytest.fixture(autouse=True)
def _other() -> None:
    Path("other.log").write_bytes(OTHER)


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [
        (".gz", gzip.compress),
        (".bz2", bz2.compress),
        (".xz", lzma.compress),
        (".zst", lambda data: subprocess.run(["zstd", "-q"], input=data, capture_output=True, check=True).stdout),
        (".old", gzip.compress),  # the bytes count, not the name
        (".log", lambda data: data),
        (".gz2", lambda data: gzip.compress(data[:500]) + gzip.compress(data[500:])),  # two members, as logs are joined
    ],
)  # fmt: skip
def test_a_compressed_file_is_read_like_any_other(run_here: Run, suffix: str, pack) -> None:  # type: ignore[no-untyped-def]
    Path(f"a{suffix}").write_bytes(pack(LINES))
    assert good(run_here("merge", "-o", "raw", f"a{suffix}", "other.log")).encode() == MERGED


@pytest.mark.parametrize(
    ("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)  # fmt: skip
def test_of_a_file_that_is_cut_off_the_beginning_is_read(run_here: Run, suffix: str, pack) -> None:  # type: ignore[no-untyped-def]
    rows = [
        b"2026-11-24T03:%02d:%02d.000Z %s\n" % (n // 60, n % 60, os.urandom(300).hex().encode()) for n in range(3600)
    ]
    whole = pack(b"".join(rows))
    Path(f"cut{suffix}").write_bytes(whole[: len(whole) * 3 // 4])
    done = run_here("merge", "-o", "raw", f"cut{suffix}")
    (sentence,) = stderr_lines(done)
    assert "damaged or cut off" in sentence
    assert done.returncode == ExitCode.IO_ERROR
    read = done.stdout.splitlines(keepends=True)
    assert len(read) > 100
    assert read[:-1] == rows[: len(read) - 1]


def test_a_cut_off_zstd_file_is_told(run_here: Run) -> None:
    packed = subprocess.run(["zstd", "-q"], input=os.urandom(300_000), capture_output=True, check=True).stdout
    Path("cut.zst").write_bytes(packed[:200_000])
    done = run_here("merge", "-o", "raw", "cut.zst")
    assert any("damaged or cut off" in sentence for sentence in stderr_lines(done))
    assert done.returncode == ExitCode.IO_ERROR


def test_zstd_that_is_not_installed_is_named(run_here: Run) -> None:
    Path("a.zst").write_bytes(b"\x28\xb5\x2f\xfd" + bytes(40))
    done = run_here("merge", "-o", "raw", "a.zst", "other.log", PATH="/nowhere")
    assert "needs the program zstd" in went_on(done)


def test_a_folder_is_no_log(run_here: Run) -> None:
    Path("folder").mkdir()
    assert "folder is a folder" in went_on(run_here("merge", "-o", "raw", "folder", "other.log"))


def test_a_fifo_is_not_waited_for(run_here: Run) -> None:
    os.mkfifo("pipe")
    assert "pipe is a FIFO" in went_on(run_here("merge", "-o", "raw", "pipe", "other.log"))


def test_a_file_that_is_not_there_is_told(run_here: Run) -> None:
    sentence = went_on(run_here("merge", "-o", "raw", "none.log", "other.log"))
    assert sentence == "3am: none.log cannot be opened: No such file or directory"


def test_a_device_and_a_dangling_link_are_told(run_here: Run) -> None:
    assert "is a device" in went_on(run_here("merge", "-o", "raw", "/dev/zero", "other.log"))
    Path("link.log").symlink_to("nothing")
    assert "link.log cannot be opened" in went_on(run_here("merge", "-o", "raw", "link.log", "other.log"))


def test_an_unreadable_file_is_told_and_the_others_go_on(place: Path) -> None:
    (place / "secret.log").write_bytes(LINES)
    (place / "secret.log").chmod(0o600)
    (place / "other.log").write_bytes(OTHER)
    (place / "other.log").chmod(0o644)
    files = [str(place / "secret.log"), str(place / "other.log")]
    env = {**os.environ, "HOME": str(place), "SANITY_LOG": str(place / "sanity.log")}
    argv = CAROL.argv("merge", "-o", "raw", *files)
    done = subprocess.run(argv, input=b"", capture_output=True, timeout=60, env=env)
    assert "secret.log cannot be opened: Permission denied" in went_on(done)


def test_if_no_file_can_be_read_nothing_is_printed(run_here: Run) -> None:
    assert "none.log" in refused(run_here("merge", "none.log"), ExitCode.IO_ERROR)


def test_sources_reports_the_files_that_can_be_read(run_here: Run) -> None:
    Path("a.log").write_bytes(LINES)
    done = run_here("sources", "--json", "a.log", "none.log", "other.log")
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert [report["source"] for report in reports] == ["a", "other"]
    assert [report["stamped"] for report in reports] == [30, 30]
    assert len(stderr_lines(done)) == 1
    assert done.returncode == ExitCode.IO_ERROR


# Names.


@pytest.mark.parametrize(
    "name",
    ["a=b.log", "a:b.log", "with space.log", "new\nline.log", "ümlaut.log", "=.log", "*.log", "[a].log", "-dash.log"],
)
def test_a_file_with_an_odd_name_is_read(run_here: Run, name: str) -> None:
    Path("logs").mkdir()
    (Path("logs") / name).write_bytes(LINES)
    done = run_here("merge", "-o", "raw", f"logs/{name}")
    assert good(done).encode() == LINES
    shown = good(run_here("merge", f"logs/{name}"))
    assert len(shown.splitlines()) == 30, shown


def test_bytes_of_a_name_that_are_not_utf_8_are_no_fault(run_process: Run) -> None:
    name = b"bad\xff.log"
    Path(os.fsdecode(name)).write_bytes(LINES)
    done = run_process("merge", "-o", "raw", name)
    assert done.stdout == LINES
    assert len(run_process("merge", name).stdout.splitlines()) == 30
    assert json.loads(run_process("merge", "-o", "json", "-n", "1", name).stdout)["text"].endswith("line 58")
    assert run_process("sources", name).returncode == 0


def test_a_name_before_the_file_names_the_source(run_here: Run) -> None:
    Path("a.log").write_bytes(LINES)
    rows = [
        json.loads(line) for line in good(run_here("merge", "-o", "json", "web=a.log", "db=other.log")).splitlines()
    ]
    assert {row["source"] for row in rows} == {"web", "db"}


def test_two_files_of_one_name_are_told_apart(run_here: Run) -> None:
    for folder in ("web1", "web2"):
        Path(folder).mkdir()
        (Path(folder) / "app.log").write_bytes(LINES)
    rows = [
        json.loads(line) for line in good(run_here("merge", "-o", "json", "web1/app.log", "web2/app.log")).splitlines()
    ]
    assert {row["source"] for row in rows} == {"web1/app", "web2/app"}
    sentence = refused(run_here("merge", "a=web1/app.log", "a=web2/app.log"), ExitCode.USAGE)
    assert "two files have the name a" in sentence


def test_the_same_file_twice_is_two_sources(run_here: Run) -> None:
    Path("a.log").write_bytes(LINES)
    rows = [json.loads(line) for line in good(run_here("merge", "-o", "json", "a.log", "a.log")).splitlines()]
    assert len(rows) == 60
    assert len({row["source"] for row in rows}) == 2


def test_a_glob_is_expanded_and_one_without_files_is_refused(run_here: Run) -> None:
    for name in ("w1", "w2", "w3"):
        Path(f"{name}.log").write_bytes(LINES)
    rows = [json.loads(line) for line in good(run_here("merge", "-o", "json", "w*.log")).splitlines()]
    assert {row["source"] for row in rows} == {"w1", "w2", "w3"}
    assert "no file matches" in refused(run_here("merge", "x*.log"), ExitCode.USAGE)
    assert "one name for 3 files" in refused(run_here("merge", "web=w*.log"), ExitCode.USAGE)


def test_a_link_is_followed(run_here: Run) -> None:
    Path("real.log").write_bytes(LINES)
    Path("link.log").symlink_to("real.log")
    assert good(run_here("merge", "-o", "raw", "link.log", "other.log")).encode() == MERGED


def test_stdin_is_a_source(run_process: Run) -> None:
    assert good(run_process("merge", "-o", "raw", "-", "other.log", stdin=LINES)).encode() == MERGED
    assert good(run_process("merge", "-o", "raw", "in=-", "other.log", stdin=LINES)).encode() == MERGED
    row = json.loads(good(run_process("merge", "-o", "json", "-n", "1", "-", stdin=LINES)))
    assert row["source"] == "stdin"


def test_a_compressed_stdin_is_read_or_told(run_process: Run) -> None:
    done = run_process("merge", "-o", "raw", "-", "other.log", stdin=gzip.compress(LINES))
    assert done.stdout == MERGED or "gzip" in " ".join(stderr_lines(done))


def test_stdin_twice_is_told(run_process: Run) -> None:
    done = run_process("merge", "-o", "raw", "-", "-", stdin=LINES)
    assert done.returncode == ExitCode.USAGE or done.stdout == LINES


# Many, and changing ones.


def test_300_files_at_once(run_process: Run) -> None:
    Path("many").mkdir()
    lines: list[bytes] = []
    for number in range(300):
        line = b"2026-11-24T03:%02d:%02d.000Z file %d\n" % (14 + number // 60, number % 60, number)
        (Path("many") / f"{number:03}.log").write_bytes(line)
        lines.append(line)
    assert good(run_process("merge", "-o", "raw", "many/*.log")).encode() == b"".join(lines)
    assert len(good(run_process("merge", "many/*.log")).splitlines()) == 300


def test_more_files_than_descriptors_is_told_in_one_sentence(tmp_path: Path) -> None:
    Path("many").mkdir()
    for number in range(100):
        (Path("many") / f"{number:03}.log").write_bytes(LINES)
    files = sorted(str(path) for path in Path("many").iterdir())
    done = subprocess.run(
        [command(), "merge", "-o", "raw", *files],
        capture_output=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
    )
    sentences = stderr_lines(done)
    assert done.returncode == ExitCode.IO_ERROR
    assert len(sentences) == 1, sentences[:3]
    assert "too many" in sentences[0].lower()


def test_a_file_that_disappears_while_it_is_read_is_read_to_its_end() -> None:
    data = b"".join(b"2026-11-24T03:14:07.%06dZ %s\n" % (number, b"x" * 200) for number in range(20_000))
    Path("big.log").write_bytes(data)
    with subprocess.Popen([command(), "merge", "-o", "raw", "big.log"], stdout=subprocess.PIPE) as merge:
        assert merge.stdout is not None
        head = merge.stdout.read(1)
        Path("big.log").unlink()
        assert head + merge.stdout.read() == data
    assert merge.returncode == 0


@pytest.mark.parametrize("output", ["raw", "short"])
def test_a_file_that_shrinks_while_it_is_read_loses_only_what_is_gone(output: str) -> None:
    data = b"".join(b"2026-11-24T03:14:07.%06dZ %s\n" % (number, b"x" * 200) for number in range(20_000))
    Path("big.log").write_bytes(data)
    Path("second.log").write_bytes(data.replace(b"xxx", b"yyy"))
    with subprocess.Popen(
        [command(), "merge", "-o", output, "big.log", "second.log"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as merge:
        assert merge.stdout is not None
        assert merge.stderr is not None
        head = merge.stdout.read(1)
        os.truncate("big.log", 1000)
        printed = head + merge.stdout.read()
        errors = merge.stderr.read()
    assert b"Traceback" not in errors
    assert printed.count(b"yyy") == data.count(b"xxx")
    assert merge.returncode in (0, ExitCode.IO_ERROR)


def test_a_full_temporary_folder_is_told(run_process: Run, tmp_path: Path) -> None:
    Path("a.gz").write_bytes(gzip.compress(LINES))
    done = run_process("merge", "-o", "raw", "a.gz", "other.log", TMPDIR=str(tmp_path / "none"))
    assert done.stdout in (MERGED, OTHER)
    assert "Traceback" not in done.stderr.decode()


def test_the_name_of_a_source_has_no_line_ends(run_here: Run) -> None:
    Path("a.log").write_bytes(LINES)
    assert "control characters" in refused(run_here("merge", "a\nb=a.log"), ExitCode.USAGE)
