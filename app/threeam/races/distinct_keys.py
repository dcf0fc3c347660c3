"""The number of different keys that were seen, in memory that does not grow with it."""

from __future__ import annotations

from hashlib import blake2b

MAX_COUNTED_KEYS = 2**16
"""Up to here the number is exact; above, it is an estimate with an error of about 0.5 %."""


class DistinctKeys:
    """The number of different keys among those that were added.

    It holds the hashes of the keys. If they are too many, it holds those of every second key from then on, then of
    every fourth, and so on (adaptive sampling): which ones, the last bits of the hash decide.
    """

    def __init__(self) -> None:
        self._hashes: set[int] = set()
        self._skipped_bits = 0

    def add(self, key: bytes) -> None:
        """Add a key, which may have been added before."""
        number = int.from_bytes(blake2b(key, digest_size=8).digest())
        if number & self._mask:
            return
        self._hashes.add(number)
        while len(self._hashes) > MAX_COUNTED_KEYS:
            self._skipped_bits += 1
            mask = self._mask
            self._hashes = {each for each in self._hashes if not each & mask}

    def __len__(self) -> int:
        if not self._skipped_bits:
            return len(self._hashes)
        return max(MAX_COUNTED_KEYS + 1, len(self._hashes) << self._skipped_bits)

    def add_all(self, other: DistinctKeys) -> None:
        """Add the keys of ``other``."""
        self._skipped_bits = max(self._skipped_bits, other._skipped_bits)
        mask = self._mask
        self._hashes = {each for each in self._hashes | other._hashes if not each & mask}

    @property
    def _mask(self) -> int:
        return (1 << self._skipped_bits) - 1


def format_key_count(count: int) -> str:
    """Return a number of keys: ``65``, or ``about 313,000`` if it is an estimate."""
    return f"about {round(count, -3):,}" if count > MAX_COUNTED_KEYS else f"{count:,}"
