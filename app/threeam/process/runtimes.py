"""The runtime of a process, told by its executable: Go, Java, Python, or none of them."""

from __future__ import annotations

import os
import re
import struct
from typing import BinaryIO

GO, JAVA, PYTHON, NATIVE = "go", "java", "python", "native"
_PYTHON_NAME = re.compile(r"python[0-9.]*[a-z]?\Z")
_GO_SECTION = b".go.buildinfo"  # every Go program has it, also without symbols
_INTERPRETER_SECTION = b".interp"  # names the dynamic linker
_HEADER = struct.Struct("=16xHHIQQQIHHHHHH")  # Elf64_Ehdr: elf(5)
_SECTION = struct.Struct("=IIQQQQIIQQ")  # Elf64_Shdr
_MAX_SECTIONS_BYTES = 1024 * 1024


def runtime_of(pid: int) -> str:
    """Return the runtime of the process ``pid``; `NATIVE` if its files cannot be read."""
    try:
        name = os.path.basename(os.readlink(f"/proc/{pid}/exe")).removesuffix(" (deleted)")
        if _PYTHON_NAME.match(name):
            return PYTHON
        with open(f"/proc/{pid}/maps", errors="replace") as file:
            maps = file.read()
        if "/libjvm.so" in maps:
            return JAVA
        if "/libpython" in maps:
            return PYTHON
        with open(f"/proc/{pid}/exe", "rb") as file:
            return GO if _GO_SECTION in _section_names(file) else NATIVE
    except (OSError, struct.error):
        return NATIVE


def takes_preloads(path: str) -> bool:
    """Return whether a library of LD_PRELOAD may have an effect in the program at ``path``.

    A program that is linked statically loads none, and the threads of a Go program call no functions of one.
    """
    try:
        with open(path, "rb") as file:
            names = _section_names(file)
    except (OSError, struct.error):
        return True
    return not names or (_INTERPRETER_SECTION in names and _GO_SECTION not in names)


def _section_names(file: BinaryIO) -> set[bytes]:
    """Return the names of the sections of a 64-bit ELF file of this machine's byte order; none of another file."""
    header = file.read(_HEADER.size)
    if not header.startswith(b"\x7fELF\x02"):
        return set()
    *_, offset, _, _, _, _, entry_bytes, count, names_index = _HEADER.unpack(header)
    if entry_bytes != _SECTION.size or names_index >= count:
        return set()
    file.seek(offset + names_index * _SECTION.size)
    _, _, _, _, names_offset, names_bytes, *_ = _SECTION.unpack(file.read(_SECTION.size))
    file.seek(names_offset)
    return set(file.read(min(names_bytes, _MAX_SECTIONS_BYTES)).split(b"\0"))
