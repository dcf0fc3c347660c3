"""The page of the demo's story in a headless Chromium: what it makes of it, asks for and complains about; a picture."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import zlib
from collections import Counter
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import pytest

from support.commands import Run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]

SECTIONS = [
    *("The night", "Summary", "Impact", "Timeline", "Root cause", "Theories tried, and their verdicts"),
    *("Evidence", "What was changed, and undone", "Open questions", "Action items"),
]
WIDTH, HEIGHT = 1100, 1600
OWN = (  # the browser's own requests are no matter of the page's; most are not made then, and none gets an answer
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
ITS_OWN = "not an origin"  # who asks for what the browser itself wants, as it logs that


class Dom(HTMLParser):
    """The elements of a page, with their attributes, and the text of each heading."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[str] = []
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "h2":
            self.headings.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "h2":
            self.headings[-1] += data


class Opened(NamedTuple):
    """What a browser did with a page."""

    out: str
    console: list[str]
    asked_for: list[str]


def opened(page: Path, *argv: str) -> Opened:
    """Opens a page in a browser of its own."""
    assert CHROMIUM is not None
    net = page.with_suffix(".net.json")
    profile = page.with_suffix(".profile")
    done = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", *OWN),
            *(f"--user-data-dir={profile}", "--enable-logging=stderr", f"--log-net-log={net}"),
            *(f"--window-size={WIDTH},{HEIGHT}", *argv, page.as_uri()),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )
    stderr = done.stderr.decode(errors="replace")
    assert done.returncode == 0, stderr
    events = json.loads(net.read_text())["events"]
    params = [event.get("params", {}) for event in events]
    asked_for = [
        parameters["url"]
        for parameters in params
        if "url" in parameters and parameters.get("initiator", ITS_OWN) != ITS_OWN
    ]
    return Opened(done.stdout.decode(), [line for line in stderr.splitlines() if "CONSOLE" in line], asked_for)


@pytest.fixture
def page(run: Run, log: Path, tmp_path: Path) -> Path:
    """The demo's story as a page."""
    story = run("demo")
    assert story.returncode == 0, story.stderr
    log.write_bytes(story.stdout)
    done = run("export", "html")
    assert (done.returncode, done.stderr) == (0, b"")
    written = tmp_path / "night.html"
    written.write_bytes(done.stdout)
    return written


def pixels(png: bytes) -> tuple[int, int, Sequence[bytes]]:
    """Width, height and the rows of an image, not unfiltered: enough to tell something from nothing."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    position, data, head = 8, b"", b""
    while position < len(png):
        (size,) = struct.unpack(">I", png[position : position + 4])
        kind, body = png[position + 4 : position + 8], png[position + 8 : position + 8 + size]
        head = body if kind == b"IHDR" else head
        data += body if kind == b"IDAT" else b""
        position += size + 12
    width, height, _, colour = struct.unpack(">IIBB", head[:10])
    stride = 1 + width * {2: 3, 6: 4}[colour]
    raw = zlib.decompress(data)
    return width, height, [raw[n : n + stride] for n in range(0, len(raw), stride)]


def test_the_test_sees_what_a_page_asks_for_and_complains_about(tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text('<script>console.error("oops")</script><img src="http://127.0.0.1:9/x.png"><p>x')
    did = opened(bad, "--dump-dom")
    assert "oops" in did.console[0]
    assert "http://127.0.0.1:9/x.png" in did.asked_for


def test_the_browser_makes_of_it_what_was_meant(page: Path) -> None:
    did = opened(page, "--dump-dom")
    dom = Dom(did.out)
    assert did.console == []
    assert did.asked_for == []
    assert dom.headings == SECTIONS
    made = Counter(tag for tag, _ in dom.elements)
    assert made["script"] == made["img"] == made["iframe"] == made["link"] == 0
    assert made["svg"] == 7, "the chart, and the six signs of its legend"
    assert made["circle"] > 10
    assert made["rect"] > 10
    assert made["tr"] > 30
    source = Dom(page.read_text())
    assert made["tr"] == Counter(tag for tag, _ in source.elements)["tr"], "the browser mended nothing"
    assert made["a"] == Counter(tag for tag, _ in source.elements)["a"]


def test_each_stamp_is_a_link_to_a_row_that_is_there(page: Path) -> None:
    dom = Dom(opened(page, "--dump-dom").out)
    ids = [attrs["id"] for _, attrs in dom.elements if "id" in attrs]
    links = [attrs["href"] or "" for _, attrs in dom.elements if "href" in attrs]
    assert len(ids) == len(set(ids))
    assert len(links) > len(ids) > 30
    assert all(re.fullmatch(r"#at-\d+", link) for link in links)
    assert {link[1:] for link in links} <= set(ids)


def test_a_picture_of_it_has_something_on_it(page: Path) -> None:
    picture = page.with_suffix(".png")
    opened(page, f"--screenshot={picture}")
    width, height, rows = pixels(picture.read_bytes())
    assert (width, height) == (WIDTH, HEIGHT)
    assert picture.stat().st_size > 50_000
    assert len(set(rows)) > 300, "not an empty page"


def test_it_prints(page: Path) -> None:
    pdf = page.with_suffix(".pdf")
    did = opened(page, f"--print-to-pdf={pdf}", "--no-pdf-header-footer")
    assert did.console == []
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert pdf.stat().st_size > 20_000
