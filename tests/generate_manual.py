"""Write the generated parts of the manual, and the man page: ``python tests/generate_manual.py``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from support.man_page import man_page
from support.manual_tables import BLOCKS
from support.pages import MANUAL

_BLOCK = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(\n<!-- /generated -->)", re.DOTALL)


def generated_files() -> Iterator[tuple[Path, str]]:
    """Yield each file with generated parts, and the text that it must have."""
    for page in sorted(MANUAL.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if _BLOCK.search(text):
            yield page, _BLOCK.sub(lambda block: f"{block[1]}\n{BLOCKS[block['name']]()}\n{block[3]}", text)
    yield MANUAL / "3am.1", man_page()


def main() -> None:
    """Write the files that differ, and print their names."""
    for path, text in generated_files():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(path.name)


if __name__ == "__main__":
    main()
