"""Logs in which a third of the lines name a key, most keys once: what `3am races` has to read."""

from __future__ import annotations

import random
from collections import deque
from pathlib import Path

from bench.many_logs import FIRST_NS, NAMES, NS_PER_S, second_text

KEY = r"cart=(?P<key>\d+)"
SAME_KEYS = r"cart=\K\d+"  # the same for grep -P
_SHARE_OF_MATCHES = 0.376
_SHARE_OF_NEW_KEYS = 5 / 6
_RECENT_KEYS = 10_000
_WORDS = (b"select", b"update")


def write_keyed_logs(folder: Path, lines: int) -> list[Path]:
    """Write four logs that have ``lines`` lines together, and a key in 376 of 1,000 of them."""
    rng = random.Random(18)
    paths = [folder / f"{name}.log" for name in NAMES]
    files = [path.open("wb") for path in paths]
    recent = deque[int](maxlen=_RECENT_KEYS)
    ns = FIRST_NS
    for number in range(lines):
        ns += rng.randrange(2_000, 100_000)
        if rng.random() < _SHARE_OF_MATCHES:
            is_new = not recent or rng.random() < _SHARE_OF_NEW_KEYS
            key = number if is_new else rng.choice(recent)
            if is_new:
                recent.append(key)
            text = b"%s of cart=%d went well" % (rng.choice(_WORDS), key)
        else:
            text = b"a health check and a line without a key"
        prefix = second_text(ns) + b"%06dZ app[42] INFO request_id=%08x " % (ns % NS_PER_S // 1000, number // 3)
        rng.choice(files).write(prefix + text + b"\n")
    for file in files:
        file.close()
    return paths
