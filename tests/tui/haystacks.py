"""Many lines, to search in."""

from __future__ import annotations

from pilots import line


def haystack(needles: dict[int, str], count: int = 3000) -> bytes:
    """Many lines, of which a few are others."""
    return b"".join(line(needles.get(n, f"hay {n}"), n * 1_000_000) for n in range(count))
