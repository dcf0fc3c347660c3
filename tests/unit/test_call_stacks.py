"""Where a delayed call is made, by what ``strace -k`` and ``addr2line`` print."""

from __future__ import annotations

from threeam.experiments.provoke.call_stacks import (
    Frame,
    describe_site,
    find_call_sites,
    parse_source_lines,
    shorten_strings,
)

STACKS = """\
501 mkdir("/tmp/store-9", 0700) = 0 (DELAYED)
 > /usr/lib/x86_64-linux-gnu/libc.so.6(mkdir+0x7) [0xf7f37]
 > /usr/lib/x86_64-linux-gnu/libc.so.6(mkdtemp+0x12) [0xff142]
 > /srv/store(main+0x43) [0x11fc]
 > /usr/lib/x86_64-linux-gnu/libc.so.6(__libc_start_main+0x85) [0x27305]
 > /srv/store(_start+0x21) [0x10f1]
502 mkdir("/tmp/store-9/a", 0700 <unfinished ...>
503 mkdir("/tmp/store-9/a", 0700 <unfinished ...>
502 <... mkdir resumed>)              = 0 (DELAYED)
 > /usr/lib/x86_64-linux-gnu/libc.so.6(mkdir+0x7) [0xf7f37]
 > /srv/store(main+0x115) [0x12ce]
 > /srv/store(_start+0x21) [0x10f1]
503 <... mkdir resumed>)              = -1 EEXIST (File exists) (DELAYED)
 > /usr/lib/x86_64-linux-gnu/libc.so.6(mkdir+0x7) [0xf7f37]
 > /srv/store(main+0x115) [0x12ce]
 > /srv/store(_start+0x21) [0x10f1]
501 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=502} ---
 > /usr/lib/x86_64-linux-gnu/libc.so.6(wait4+0x13) [0xd3bd3]
 > /srv/store(main+0x92) [0x124b]
501 rmdir("/tmp/store-9") = 0
 > /srv/store(main+0x99) [0x1252]
"""


def test_the_place_of_most_calls_comes_first_with_a_call_that_failed() -> None:
    most, least = find_call_sites(STACKS, ["mkdir"])
    assert (most.times, most.call) == (2, 'mkdir("/tmp/store-9/a", 0700) = -1 EEXIST (File exists)')
    assert most.own_frames() == (Frame("/srv/store", "main", 0x12CE),)
    assert (least.times, least.call) == (1, 'mkdir("/tmp/store-9", 0700) = 0')
    assert [frame.function for frame in least.own_frames()] == ["main"]


def test_a_place_is_told_with_its_source_line_if_that_is_known() -> None:
    site = find_call_sites(STACKS, ["mkdir"])[0]
    inlined = parse_source_lines("open_store\n/src/store.c:12\nmain\n/src/store.c:19 (discriminator 2)\n")
    assert describe_site(site, lambda _: inlined) == "open_store (store.c:12) ← main (store.c:19)"
    assert describe_site(site, lambda _: parse_source_lines("main\n??:?\n")) == "main"
    assert parse_source_lines("??\n??:0\n") == []


def test_frames_without_names_are_addresses_and_other_lines_are_no_frames() -> None:
    text = 'mkdir("a", 0777) = 0\n > /opt/app(+0x0) [0x9f]\n > /opt/app() [0xa0]\n > unexpected_backtracing_error\n'
    (site,) = find_call_sites(text, ["mkdir"])
    assert describe_site(site, lambda _: []) == "app+0x9f ← app+0xa0"
    assert find_call_sites("", ["mkdir"]) == []
    assert find_call_sites('mkdir("a", 0777) = 0\n', ["mkdir"]) == []


def test_a_call_of_a_script_is_known_as_that() -> None:
    text = 'mkdir("a", 0777) = 0\n > /usr/lib/libc.so.6(mkdir+0x7) [0x1]\n > /usr/bin/python3.11(os_mkdir+0x9) [0x2]\n'
    (site,) = find_call_sites(text, ["mkdir"])
    assert (site.is_interpreted, site.is_python, site.has_names) == (True, True, False)
    for interpreter in ("perl", "dash", "bash", "sh", "busybox"):
        (site,) = find_call_sites(text.replace("python3.11", interpreter), ["mkdir"])
        assert (site.is_interpreted, site.is_python, site.has_names) == (True, False, False)
    site = find_call_sites(STACKS, ["mkdir"])[0]
    assert (site.is_interpreted, site.is_python, site.has_names) == (False, False, True)
    assert not find_call_sites(STACKS.replace("main+", "+"), ["mkdir"])[0].has_names


def test_data_is_shortened_and_paths_are_not() -> None:
    data = r'write(3, "' + 30 * "a" + r"\n\"" + 90 * "b" + '"..., 512) = 512'
    assert shorten_strings(data) == r'write(3, "' + 30 * "a" + r'\n\""..., 512) = 512'
    path = f'mkdir("/tmp/{60 * "d"}", 0777) = 0'
    assert shorten_strings(path) == path
