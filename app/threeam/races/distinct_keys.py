"""The number of different keys that were seen, in memory that does not grow with it."""

from __future__ import annotations

from zlib import crc32

_HIGH_BITS = 0x7FFF_FFFF << 32  # of the hash; the checksum has 32 bits
MAX_COUNTED_KEYS = 2**16
"""Up to here the number is exact; above, it is an estimate with an error of about 0.5 %."""


class DistinctKeys:
    """The number of different keys among those that were added.

    It holds the hashes of the keys. If they are too many, it holds those of every second key from then on, then of
    every fourth, and so on (adaptive sampling). The last bits of a checksum decide which ones, so that the same logs
    give the same number.
    """

    def __init__(self) -> None:
        self._hashes: set[int] = set()
        self._skipped_bits = self._mask = 0

    def add(self, key: bytes) -> None:
        """Add a key, which may have been added before."""
        checksum = crc32(key)
        if checksum & self._mask:
            return
        self._hashes.add(hash(key) & _HIGH_BITS | checksum)
        while len(self._hashes) > MAX_COUNTED_KEYS:
            self._skip(self._skipped_bits + 1)

    def __len__(self) -> int:
        if not self._skipped_bits:
            return len(self._hashes)
        return max(MAX_COUNTED_KEYS + 1, len(self._hashes) << self._skipped_bits)

    def add_all(self, other: DistinctKeys) -> None:
        """Add the keys of ``other``."""
        self._hashes |= other._hashes
        self._skip(max(self._skipped_bits, other._skipped_bits))

    def _skip(self, bits: int) -> None:
        """Hold only the keys whose checksum ends with this number of bits that are 0."""
        self._skipped_bits, self._mask = bits, (1 << bits) - 1
        self._hashes = {number for number in self._hashes if not number & self._mask}


def format_key_count(count: int) -> str:
    """Return a number of keys: ``65``, or ``about 313,000`` if it is an estimate."""
    return f"about {round(count, -3):,}" if count > MAX_COUNTED_KEYS else f"{count:,}"
