"""The pages that people read: those of the manual, and the README."""

from __future__ import annotations

import re
from pathlib import Path

import threeam

MANUAL = Path(threeam.__file__).parent / "manual"
README = Path(__file__).parents[2] / "README.md"
PAGES = [*sorted(MANUAL.glob("*.md")), README]


def prose_of(page: Path) -> str:
    """Return the text of a page without its fenced and generated parts, its tables and its indented code."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!-- generated.*?<!-- /generated -->", "", text, flags=re.DOTALL)
    return "\n".join(line for line in text.splitlines() if not line.startswith(("|", "    ", "![", "[![")))
