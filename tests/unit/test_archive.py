"""The archive of a journal with its files: it gives all bytes back, and a hostile one writes nothing."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import re
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.commands import Run, command
from support.exports import refused
from support.journals import FakeClock, writer_of
from threeam.core.store.archive import (
    ARCHIVED_KINDS,
    FILES_PREFIX,
    JOURNAL_MEMBER,
    SUMS_MEMBER,
    ArchiveWriter,
    InvalidArchive,
    is_archive,
    read_archive,
    read_member,
)
from threeam.core.store.attachments import MAX_ATTACHMENT_BYTES, attachment_path, create_attachment
from threeam.core.store.journal import Journal
from threeam.core.write.draft import Draft, DraftLine

OUTPUT, PANE = "R1-2-17.out", "pane-1-2.out"


def archive_of(records: bytes, files: Mapping[str, bytes]) -> bytes:
    data = bytearray()
    writer = ArchiveWriter(data.extend)
    writer.add(JOURNAL_MEMBER, len(records), [records])
    for name, content in files.items():
        writer.add(FILES_PREFIX + name, len(content), [content])
    writer.close()
    return bytes(data)


def contents_of(data: bytes) -> dict[str, bytes]:
    file = io.BytesIO(data)
    return {name: read_member(file, member) for name, member in read_archive(file).items()}


names = st.one_of([st.from_regex(re.compile(kind.name_pattern, re.ASCII), fullmatch=True) for kind in ARCHIVED_KINDS])
contents = st.binary(max_size=1500) | st.sampled_from([bytes(512), bytes(511), bytes(513), b"x" * 1024])


@given(records=contents, files=st.dictionaries(names, contents, max_size=5))
def test_an_archive_gives_every_byte_back(records: bytes, files: dict[str, bytes]) -> None:
    data = archive_of(records, files)
    assert is_archive(data[:16])
    assert contents_of(data) == {
        JOURNAL_MEMBER: records,
        **{FILES_PREFIX + name: content for name, content in files.items()},
    }


@given(
    records=contents, files=st.dictionaries(names, contents, max_size=3), place=st.floats(0, 1), bit=st.integers(0, 7)
)
def test_with_one_flipped_bit_it_is_refused_or_means_the_same(
    records: bytes, files: dict[str, bytes], place: float, bit: int
) -> None:
    data = bytearray(archive_of(records, files))
    expected = contents_of(bytes(data))
    data[min(len(data) - 1, int(place * len(data)))] ^= 1 << bit
    with suppress(InvalidArchive):
        assert contents_of(bytes(data)) == expected


@given(files=st.dictionaries(names, contents, max_size=3), share=st.floats(0, 1, exclude_max=True))
def test_a_cut_off_one_is_refused(files: dict[str, bytes], share: float) -> None:
    data = archive_of(b"{}\n", files)
    with pytest.raises(InvalidArchive):
        read_archive(io.BytesIO(data[: int(share * (len(data) - 1024))]))


@given(st.binary(max_size=3000) | st.binary(max_size=600).map(lambda rest: b"journal.jsonl" + bytes(499) + rest))
def test_any_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidArchive):
        read_archive(io.BytesIO(data))


def test_tar_and_sha256sum_read_it(tmp_path: Path) -> None:
    """The programs of every system can unpack and check it, without 3am."""
    (tmp_path / "night.tar").write_bytes(archive_of(b"{}\n", {OUTPUT: b"1\n", PANE: bytes(5000)}))
    for argv in (["tar", "xf", "night.tar"], ["sha256sum", "--quiet", "--strict", "-c", SUMS_MEMBER]):
        assert subprocess.run(argv, cwd=tmp_path, capture_output=True, check=True).stdout == b""
    assert (tmp_path / FILES_PREFIX / PANE).read_bytes() == bytes(5000)


# --- from the shell


@pytest.fixture
def night(run: Run, journal: Journal) -> Journal:
    """A journal with a line that names a file, and one whose file is gone."""
    with create_attachment(journal, ARCHIVED_KINDS[0], OUTPUT) as file:
        file.write(b"\x1b[31mfailed\x00\xff\n")
    lines = [DraftLine("Run: failed", (("FILE", OUTPUT),)), DraftLine("Captured: a pane", (("FILE", PANE),))]
    writer_of("alice", journal, FakeClock()).write(Draft.fixed(lines))
    return journal


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_log_and_files_are_restored_elsewhere(run: Run, night: Journal, tmp_path: Path) -> None:
    done = run("export", "jsonl", "--with-files")
    assert done.returncode == 0
    gone = attachment_path(night, PANE)
    assert done.stderr.decode().startswith(f"3am: not in the archive: {gone} does not exist: it was removed, or ")
    (tmp_path / "new").mkdir()
    new = tmp_path / "new" / "copy.log"
    imported = run("--log", str(new), "import", "-", stdin=done.stdout)
    assert (imported.returncode, imported.stdout) == (0, b"")
    assert new.read_bytes() == Path(night.log_path).read_bytes()
    (restored,) = (tmp_path / "new" / "copy.log.d").iterdir()
    assert (restored.name, restored.read_bytes()) == (OUTPUT, b"\x1b[31mfailed\x00\xff\n")
    assert (restored.stat().st_mode & 0o777, restored.stat().st_nlink) == (0o600, 1)
    assert run("--log", str(new), "export", "jsonl", "--with-files").stdout == done.stdout


@pytest.mark.parametrize("output_format", ["md", "html", "csv"])
def test_only_the_jsonl_has_files(run: Run, night: Journal, output_format: str) -> None:
    assert "--with-files goes with jsonl" in refused(run("export", output_format, "--with-files"), 2)


def test_a_line_cannot_name_another_file_of_the_folder(run: Run, night: Journal) -> None:
    """Whoever may write to the log could otherwise have a draft, or any file, sent with the night."""
    beside = Path(night.folder_beside_log)
    (beside / "history").write_text("what I have typed")
    (beside / "run-1-1.out").symlink_to("/etc/hostname")
    for name in ("history", "../sanity.log", "/etc/passwd", "run-1-1.out", "baseline-x-1.json/../../sanity.log"):
        writer_of("eve", night, FakeClock()).write(Draft.fixed([DraftLine("Run: x", (("FILE", name),))]))
    archive = run("export", "jsonl", "--with-files").stdout
    assert list(contents_of(archive)) == [JOURNAL_MEMBER, FILES_PREFIX + OUTPUT]


@pytest.mark.parametrize("is_same", [True, False])
def test_no_file_is_overwritten(run: Run, night: Journal, tmp_path: Path, is_same: bool) -> None:
    archive = run("export", "jsonl", "--with-files").stdout
    beside = tmp_path / "new" / "copy.log.d"
    beside.mkdir(0o700, parents=True)
    there = contents_of(archive)[FILES_PREFIX + OUTPUT] if is_same else b"mine"
    (beside / OUTPUT).write_bytes(there)
    done = run("--log", str(tmp_path / "new" / "copy.log"), "import", "-", stdin=archive)
    if is_same:  # an import that was killed is made again
        assert done.returncode == 0
    else:
        assert "is there already with other bytes" in refused(done, 1)
        assert not (tmp_path / "new" / "copy.log").exists()
    assert files_below(beside) == {OUTPUT: there}


def test_bad_records_leave_no_file_behind(run: Run, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    archive = archive_of(b'{"at": "never"}\n', {OUTPUT: b"1\n"})
    assert "nothing was written" in refused(
        run("--log", str(tmp_path / "new" / "copy.log"), "import", "-", stdin=archive), 2
    )
    assert [name for name in files_below(tmp_path / "new") if not name.endswith(".lock")] == []


def test_a_file_that_cannot_be_written_takes_the_log_and_the_others_with_it(
    run: Run, night: Journal, tmp_path: Path
) -> None:
    records = contents_of(run("export", "jsonl", "--with-files").stdout)[JOURNAL_MEMBER]
    (tmp_path / "new").mkdir()
    archive = archive_of(records, {"run-1-1.out": b"1\n", OUTPUT: b"x" * 300_000})
    argv = ["prlimit", "--fsize=100000", command(), "--log", str(tmp_path / "new" / "copy.log"), "import", "night.tar"]
    (tmp_path / "night.tar").write_bytes(archive)
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, check=False)
    assert "cannot be written: File too large" in refused(done, 3)
    assert [name for name in files_below(tmp_path / "new") if not name.endswith(".lock")] == []


def tar_of(*members: tuple[tarfile.TarInfo, bytes], tar_format: int = tarfile.GNU_FORMAT) -> bytes:
    """A tar by Python's own writer, which makes all that tar knows."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tar_format) as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def member(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


RECORDS = member(JOURNAL_MEMBER)


def sums_of(*members: tuple[tarfile.TarInfo, bytes]) -> tuple[tarfile.TarInfo, bytes]:
    lines = [f"{hashlib.sha256(content).hexdigest()}  {info.name}\n" for info, content in members]
    return member(SUMS_MEMBER, "".join(lines).encode())


def with_member(name: str, content: bytes = b"", **fields: object) -> Callable[[], bytes]:
    extra = member(name, content, **fields)
    return lambda: tar_of(RECORDS, extra, sums_of(RECORDS, extra))


def with_size(field: bytes) -> bytes:
    """An archive whose second member claims another size, under a correct checksum of its header."""
    data = bytearray(tar_of(RECORDS, member(f"files/{OUTPUT}"), sums_of(RECORDS)))
    header = data[512:1024]
    header[124:136] = field
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    data[512:1024] = header
    return bytes(data)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a parent folder": with_member("files/../../.bashrc"),
    "an absolute path": with_member("/etc/cron.d/x"),
    "a folder between": with_member(f"files/x/{OUTPUT}"),
    "no folder": with_member(OUTPUT),
    "another name": with_member("files/.bashrc"),
    "a draft": with_member("files/draft-1-1.json"),
    "the history": with_member("files/history"),
    "a newline in a name": with_member("files/run-1-1.out\n"),
    "an escape in a name": with_member("files/\x1b[2J"),
    "a name that is not ASCII": with_member("files/run-\u0661-1.out"),
    "a long name": with_member("files/" + "x" * 300),
    "a symbolic link": with_member(f"files/{OUTPUT}", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "a hard link": with_member(f"files/{OUTPUT}", type=tarfile.LNKTYPE, linkname=JOURNAL_MEMBER),
    "a folder": with_member(f"files/{OUTPUT}", type=tarfile.DIRTYPE),
    "a pipe": with_member(f"files/{OUTPUT}", type=tarfile.FIFOTYPE),
    "a device": with_member(f"files/{OUTPUT}", type=tarfile.CHRTYPE),
    "a sparse file": with_member(f"files/{OUTPUT}", type=tarfile.GNUTYPE_SPARSE),
    "a header of pax": lambda: tar_of(
        RECORDS,
        member(f"files/{OUTPUT}", pax_headers={"GNU.sparse.size": "99999999999"}),
        sums_of(RECORDS),
        tar_format=tarfile.PAX_FORMAT,
    ),
    "a member twice": lambda: tar_of(RECORDS, RECORDS, sums_of(RECORDS)),
    "the sums first": lambda: tar_of(RECORDS, sums_of(RECORDS), member(f"files/{OUTPUT}")),
    "no sums": lambda: tar_of(RECORDS),
    "a digest of something else": lambda: tar_of(RECORDS, sums_of(member(JOURNAL_MEMBER, b"x"))),
    "a member that is not listed": lambda: tar_of(RECORDS, member(f"files/{OUTPUT}"), sums_of(RECORDS)),
    "a listed member that is missing": lambda: tar_of(RECORDS, sums_of(RECORDS, member(f"files/{OUTPUT}"))),
    "sums that are no sums": lambda: tar_of(RECORDS, member(SUMS_MEMBER, b"\xff\n")),
    "a negative size": lambda: with_size(b"\xff" * 12),
    "a size without end": lambda: with_size(b"\x80" + b"\xff" * 11),
    "a size above the limit": lambda: with_size(b"%011o\0" % (MAX_ATTACHMENT_BYTES + 1)),
    "a size that is no number": lambda: with_size(b"many bytes..."[:12]),
    "a size beyond the end": lambda: with_size(b"%011o\0" % MAX_ATTACHMENT_BYTES),
    "nothing behind the first header": lambda: tar_of(RECORDS)[:512],
}


@pytest.mark.parametrize("from_stdin", [False, True], ids=["a file", "stdin"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_in_one_sentence_and_nothing_is_written(
    run: Run, tmp_path: Path, name: str, from_stdin: bool
) -> None:
    data = HOSTILE[name]()
    (tmp_path / "new").mkdir()
    (tmp_path / "night.tar").write_bytes(data)
    before = files_below(tmp_path)
    source = "-" if from_stdin else str(tmp_path / "night.tar")
    stderr = refused(
        run("--log", str(tmp_path / "new" / "copy.log"), "import", source, stdin=data if from_stdin else b""), 2
    )
    assert stderr.endswith("; nothing was written\n")
    assert "\x1b" not in stderr
    assert files_below(tmp_path) == before


def test_a_plan_of_another_user_is_never_run(run_process: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive carries signatures as they are, and only those of this user's own key count."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "hers"))
    monkeypatch.delenv("SANITY_LOG", raising=False)
    interrupted = run_process("-j", "h", "run", "-n", "2", "--", "sh", "-c", "kill -TERM $PPID; sleep 5")
    assert interrupted.returncode == 143
    archive = run_process("-j", "h", "export", "jsonl", "--with-files").stdout
    assert any(name.startswith("files/plan-") for name in contents_of(archive))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "mine"))
    assert run_process("-j", "h", "import", "-", stdin=archive).returncode == 0
    done = run_process("-j", "h", "run", "--resume", "R1")
    assert "is not signed with your key" in refused(done, 3)


@pytest.mark.parametrize("form", ["pax", "posix", "gnu", "ustar"])
def test_a_tar_of_another_program_is_named_as_such(run: Run, tmp_path: Path, form: str) -> None:
    """tar(1) itself packs the members of an archive again, with the extensions of its format."""
    (tmp_path / "night.tar").write_bytes(archive_of(b"", {OUTPUT: b"\n"}))
    for arguments in (
        ["-xf", "night.tar"],
        [f"--format={form}", "-cf", "again.tar", "./journal.jsonl", "./SHA256SUMS"],
    ):
        subprocess.run(["tar", *arguments], cwd=tmp_path, check=True)
    error = refused(run("import", str(tmp_path / "again.tar")), 2)
    assert f"{tmp_path / 'again.tar'}: it is a tar that another program packed: import the one that 3am" in error
    assert not (tmp_path / "sanity.log").exists()


@pytest.mark.parametrize(
    ("program", "compress"),
    [("gzip", gzip.compress), ("bzip2", bz2.compress), ("xz", lzma.compress), ("zstd", lambda _: b"(\xb5/\xfd...")],
)
def test_a_compressed_archive_is_named_with_the_command_that_reads_it(
    run: Run, tmp_path: Path, program: str, compress: Callable[[bytes], bytes]
) -> None:
    (tmp_path / "night").write_bytes(compress(archive_of(b"", {})))
    error = refused(run("import", str(tmp_path / "night")), 2)
    assert f"it is compressed; to decompress it: {program} -dc FILE | 3am import -; nothing was written" in error
