"""Several logs of one layout, as large as is asked for, and writers that append to them."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path

NS_PER_S = 1_000_000_000
FIRST_NS = 1_795_490_047 * NS_PER_S
NAMES = ("a", "b", "c", "d")
_LINES_PER_SECOND = 1000  # of a large log


def second_text(ns: int) -> bytes:
    """Return a timestamp up to the point after the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(ns // NS_PER_S)).encode()


def write_logs(folder: Path, lines: int) -> list[Path]:
    """Write four logs that have ``lines`` lines together, whose times interleave by chance."""
    rng = random.Random(1)
    paths = [folder / f"{name}.log" for name in NAMES]
    files = [path.open("wb") for path in paths]
    ns = FIRST_NS
    for number in range(lines):
        ns += rng.randrange(2_000, 100_000)
        text = b"%06dZ app[42] INFO request %d for cart %d took a while\n" % (
            ns % NS_PER_S // 1000,
            number,
            number % 977,
        )
        rng.choice(files).write(second_text(ns) + text)
    for file in files:
        file.close()
    return paths


def write_large_logs(folder: Path, size: int) -> list[Path]:
    """Write four logs of ``size`` bytes each."""
    paths = [folder / f"{name}.log" for name in NAMES]
    for path in paths:
        fraction = NS_PER_S // 1000 // _LINES_PER_SECOND
        block = b"".join(
            b"@%06dZ app[%s] INFO request %d took a while and a bit longer than that\n"
            % (number * fraction, path.stem.encode(), number)
            for number in range(_LINES_PER_SECOND)
        )
        with path.open("wb") as file:
            ns = FIRST_NS
            while file.tell() < size:
                file.write(block.replace(b"@", second_text(ns)))
                ns += NS_PER_S
    return paths


def append_lines(paths: Sequence[Path], lines_per_s: int, seconds: float, writes_per_s: int = 100) -> int:
    """Append to each file ``lines_per_s`` lines a second, stamped with the clock; return the number of all lines."""
    files = [path.open("ab", buffering=0) for path in paths]
    count, begin_s = 0, time.monotonic()
    for write in range(int(seconds * writes_per_s)):
        time.sleep(max(0, begin_s + write / writes_per_s - time.monotonic()))
        for file in files:
            ns = time.time_ns()
            stamp = second_text(ns) + b"%09dZ" % (ns % NS_PER_S)
            file.write(b"".join(b"%s line %d\n" % (stamp, count + each) for each in range(lines_per_s // writes_per_s)))
            count += lines_per_s // writes_per_s
    for file in files:
        file.close()
    return count
