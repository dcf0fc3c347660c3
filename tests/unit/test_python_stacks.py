"""Where a Python program makes a delayed call, by the stacks that it writes to a descriptor that is not open."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from threeam.experiments.provoke import python_run
from threeam.experiments.provoke.python_stacks import (
    NO_DESCRIPTOR,
    PythonCall,
    PythonFrame,
    choose_python_call,
    describe_frames,
    format_python_calls,
    parse_python_calls,
)

STACK = ["Stack (most recent call first):\\n"]
STACK += ["  File ", '\\"', "/srv/worker.py", '\\"', ", line ", "7", " in ", "claim", "\\n"]
STACK += ["  File ", '\\"', "/srv/worker.py", '\\"', ", line ", "20", " in ", "main", "\\n"]
CLAIM = PythonFrame("/srv/worker.py", 7, "claim")
MAIN = PythonFrame("/srv/worker.py", 20, "main")
PYTHON_SITE = Path(python_run.__file__).with_name("python_site")


def writes(thread: int, pieces: Iterable[str]) -> list[str]:
    """Return what strace prints about the writes of a stack."""
    failed = "-1 EBADF (Bad file descriptor)"
    return [f'{thread} write({NO_DESCRIPTOR}, "{piece}", {len(piece)}) = {failed}' for piece in pieces]


def frame(path: str, line: int = 1, function: str = "f") -> PythonFrame:
    return PythonFrame(path, line, function)


def test_a_stack_belongs_to_the_call_before_it_of_the_same_thread() -> None:
    first, second = writes(501, STACK), writes(502, STACK)
    second[3] = f'502 write({NO_DESCRIPTOR}, "/srv/worker.py", 14 <unfinished ...>'
    lines = [
        '501 write(3, "blat", 4)               = 4',
        '501 mkdir("/tmp/x-9", 0777 <unfinished ...>',
        '502 mkdir("/tmp/x-9", 0777 <unfinished ...>',
        "501 <... mkdir resumed>)              = 0",
        *first[:5],
        "502 <... mkdir resumed>)              = -1 EEXIST (File exists)",
        *second[:4],
        *first[5:],
        "502 <... write resumed>) = -1 EBADF (Bad file descriptor)",
        *second[4:],
        '502 write(1, "claimed twice", 13)     = 13',
        '501 mkdir("/tmp/y", 0777) = 0',
    ]
    calls = [PythonCall('mkdir("/tmp/x-9", 0777) = 0', (CLAIM, MAIN))]
    calls += [PythonCall('mkdir("/tmp/x-9", 0777) = -1 EEXIST (File exists)', (CLAIM, MAIN))]
    assert sorted(parse_python_calls(lines, ["mkdir"])) == sorted(calls)
    assert list(parse_python_calls(lines[:4], ["mkdir"])) == []


def test_a_write_of_the_program_is_told_from_those_of_its_stack() -> None:
    stack = writes(501, STACK)
    unfinished = [
        f'501 write({NO_DESCRIPTOR}, "  File ", 7 <unfinished ...>',
        "501 <... write resumed>) = -1 EBADF (Bad)",
    ]
    lines = ['501 write(3, "0", 1) = 1', stack[0], *unfinished, *stack[2:]]
    assert list(parse_python_calls(lines, ["write"])) == [PythonCall('write(3, "0", 1) = 1', (CLAIM, MAIN))]


def test_a_call_that_the_signal_has_interrupted_is_shown_without_that() -> None:
    lines = ["501 flock(3, LOCK_EX) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)", *writes(501, STACK)]
    (made,) = parse_python_calls(lines, ["flock"])
    assert made.call == "flock(3, LOCK_EX)"


def test_names_that_are_not_ascii_are_read_and_bytes_that_are_no_text_stay_escapes() -> None:
    pieces = [*STACK]
    pieces[3], pieces[8] = "/srv/gr\\\\xf6\\\\xdfe/\\\\u20ac\\\\udcff.py", "pr\\\\xfcfe"
    (made,) = parse_python_calls(['501 mkdir("x", 0777) = 0', *writes(501, pieces)], ["mkdir"])
    assert made.frames[0] == PythonFrame("/srv/größe/€\\udcff.py", 7, "prüfe")


def test_the_program_comes_before_packages_and_these_before_the_standard_library() -> None:
    standard = [frame("/usr/lib/python3.11/os.py"), frame("<frozen os>"), frame("/opt/py/lib/python3.13t/queue.py")]
    packages = [frame("/usr/lib/python3/dist-packages/a.py"), frame("/v/lib/python3.11/site-packages/b.py")]
    own = [frame("/srv/lib/worker.py"), frame("<string>")]
    mixed = (standard[0], packages[0], own[0], standard[1], own[1], packages[1], standard[2])
    assert PythonCall("", mixed).shown_frames == tuple(own)
    assert PythonCall("", (*standard, *packages)).shown_frames == tuple(packages)
    assert PythonCall("", tuple(standard)).shown_frames == tuple(standard)


def test_calls_that_only_import_a_module_come_last() -> None:
    importing = (frame("<frozen importlib._bootstrap_external>", 1073, "get_data"), MAIN)
    calls = [PythonCall('openat("a.pyc") = 3', importing)] * 9 + [PythonCall('openat("state") = 3', (CLAIM, MAIN))]
    assert choose_python_call(calls, []) == calls[-1]
    assert choose_python_call(calls[:9], []) == calls[0]


def test_a_call_that_fails_only_in_the_run_that_failed_comes_first_and_is_shown_so() -> None:
    reads = [PythonCall('openat(AT_FDCWD, "/tmp/a1/cfg", O_RDONLY) = -1 ENOENT (No such file)', (MAIN,))] * 5
    claim = PythonCall('openat(AT_FDCWD, "/tmp/a1/lock-1", O_CREAT|O_EXCL, 0666) = 3', (CLAIM, MAIN))
    delayed = [made.call.replace("a1", "b2") for made in reads]
    delayed += [
        'openat(AT_FDCWD, "/tmp/b2/lock-22", O_CREAT|O_EXCL, 0666) = 4',
        'openat(AT_FDCWD, "/tmp/b2/lock-22", O_CREAT|O_EXCL, 0666) = -1 EEXIST (File exists)',
    ]
    assert choose_python_call([*reads, claim], delayed) == claim._replace(call=delayed[-1])
    assert choose_python_call([*reads, claim], delayed[:-1]).frames == (MAIN,)
    assert choose_python_call([claim], delayed[:-1]) == claim._replace(call=delayed[-2])
    assert choose_python_call([claim], []) == claim


def test_a_place_is_told_from_the_folder_of_the_command() -> None:
    frames = [frame("/srv/jobs/queue/work.py", 3, "claim"), frame("/opt/lib.py", 4, "run"), frame("<string>", 1)]
    assert describe_frames(frames, "/srv/jobs") == "claim (queue/work.py:3) ← run (lib.py:4) ← f (<string>:1)"
    assert describe_frames(5 * [MAIN], "/srv").count("←") == 3


def test_stacks_as_text_have_each_place_once() -> None:
    calls = [PythonCall('mkdir("a", 0777) = 0', (MAIN,)), *2 * [PythonCall('mkdir("b", 0777) = 0', (CLAIM, MAIN))]]
    lines = format_python_calls(calls).splitlines()
    assert lines[:2] == ['mkdir("b", 0777) = 0  [3am: 2 of this place]', '  File "/srv/worker.py", line 7, in claim']
    assert len(lines) == 5


@pytest.mark.parametrize("own", ["", "print('own', __name__)", "import no_such_module"])
def test_the_sitecustomize_of_the_machine_is_imported_as_without_ours(tmp_path: Path, own: str) -> None:
    if own:
        (tmp_path / "sitecustomize.py").write_text(own)
    prints = "import sys; print([path for path in sys.path if 'python_site' in path])"
    results = []
    for folders in ([str(PYTHON_SITE), str(tmp_path)], [str(tmp_path)]):
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(folders), "PYTHONDONTWRITEBYTECODE": "1"}
        results.append(subprocess.run([sys.executable, "-c", prints], env=environ, capture_output=True, timeout=30))
    with_ours, without = results
    assert (with_ours.returncode, with_ours.stdout, with_ours.stderr) == (0, without.stdout, without.stderr)


def test_the_stacks_are_looked_for_where_python_writes_them() -> None:
    assert "\nNO_DESCRIPTOR = 2**31 - 1\n" in (PYTHON_SITE / "sitecustomize.py").read_text()
    assert NO_DESCRIPTOR == 2**31 - 1
