"""Files that were read by a person before they were kept, and that an output must equal from then on."""

from __future__ import annotations

import os
from pathlib import Path

GOLDEN = Path(__file__).parent.parent / "unit" / "golden"
REWRITE = os.environ.get("SANITY_GOLDEN") == "write"  # read before a test clears the environment


def assert_golden(name: str, text: str) -> None:
    """Compare ``text`` with the golden file, or make that file if SANITY_GOLDEN is ``write``."""
    path = GOLDEN / name
    if REWRITE:
        path.write_bytes(text.encode())
    assert text.encode() == path.read_bytes()
