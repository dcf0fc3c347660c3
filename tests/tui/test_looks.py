"""Sizes, themes and hostile text: whatever is in the log or the box, it is drawn, and nothing else happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pilots import SMALL, TINY, WIDE, append, full_disk, line, night, notes, section
from rich.cells import cell_len
from rich.style import Style
from textual.app import App
from textual_internals import Toast, exception_of

from support.journals import FakeClock, entries, texts
from support.lines import NIGHT
from threeam.core.config.settings import Settings
from threeam.core.format.entry import Entry, Stamp, format_entry
from threeam.core.store.journal import Journal, resolve_journal
from threeam.core.store.pattern import Pattern
from threeam.core.store.reader import Line
from threeam.tui.log_rows import Row
from threeam.tui.widgets.row_look import RenderOptions, RowFlags
from threeam.tui.widgets.row_renderer import render_row

THEMES = sorted(App().available_themes)  # Textual's own
HOSTILE = [
    "[/foo]",
    "[red]",
    "[bold",
    "[@click=app.quit]x[/]",
    b"\x1b[2J\x1b[31m".decode("unicode_escape"),
    "\x9b31m".encode().decode("unicode_escape"),
    "\u202egnp".encode().decode("unicode_escape"),
    b"\0".decode("unicode_escape"),
    "$coffee",
]
UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
EVERYTHING = b"".join(line(f"a {text} b", n) for n, text in enumerate(HOSTILE)) + b"".join(
    [
        b"\xff\xfe\x00\n\n",
        section(1, "[/foo] claim", 100, 800_000),
        section(2, "[red]claim", 1_000_000, 800_000, user="[red]"),
        line("Conclusion: [/foo]", 2_000_000, tags=(("H2", "[bold"),)),
        line("Hypothesis: of the script [/foo]", 2_000_001, user=""),
        line("Coffee: cup 9", 2_000_002, user="alice", cups=9, tags=(("MG", "95"), ("FUTURE", "[/foo]"))),
        line("WARNING: \x1b]0;title\x07", 2_000_003),
        line("☕🫠👩‍🔬❤️é" * 30, 2_000_004),
    ]
)


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (40, 10), (20, 5)], ids=str)
async def test_it_stands_at_every_size(journal: Journal, log: Path, size: tuple[int, int]) -> None:
    log.write_bytes(EVERYTHING)
    async with night(journal, size=size, notice="a notice [/foo]") as it:
        for keys in ("k", "w", "z", "1", "h", "escape", "F", "C", "escape", "question_mark", "escape", "w", "z"):
            await it.press(keys)
        await it.type("ihello\n")
        await it.eventually(lambda: log.read_bytes().endswith(b"] hello\n"), "a note can be written")
        assert "\x1b" not in it.shown


@pytest.mark.parametrize("size", [(80, 24), (40, 10)], ids=str)
async def test_toxic_paused_and_live_are_words_at_every_useful_size(
    journal: Journal, log: Path, size: tuple[int, int]
) -> None:
    log.write_bytes(notes(100) + line("Coffee: cup 5", 200_000_000, user="alice", cups=5, tags=(("MG", "95"),)))
    async with night(journal, size=size, clock=FakeClock(Stamp(NIGHT.ns + 300_000_000))) as it:
        await it.eventually(lambda: "5 TOXIC" in it.header, "the header says TOXIC")
        assert "LIVE" in it.header
        await it.press("k")
        assert "PAUSED" in it.header
        assert "5 TOXIC" in it.header


@pytest.mark.parametrize("theme", ["3am", "ansi-dark", "ansi-light", "nord", "textual-light"])
async def test_it_starts_in_a_theme(journal: Journal, log: Path, theme: str) -> None:
    log.write_bytes(EVERYTHING)
    async with night(journal, size=(100, 30), settings=Settings(theme=theme)) as it:
        assert it.app.theme == theme
        assert "HYPOTHESES" in it.shown


@pytest.mark.slow
async def test_every_theme_of_textual_can_be_taken_and_draws_all_of_it(journal: Journal, log: Path) -> None:
    log.write_bytes(EVERYTHING)
    async with night(journal, size=(100, 30)) as it:
        for theme in THEMES:
            it.journal_screen.look.change_theme(theme)
            await it.settled()
            assert it.app.theme == theme
            assert "HYPOTHESES" in it.shown
            await it.press("C", "escape")
        assert exception_of(it.app) is None


async def test_a_theme_that_is_not_there_is_reported_and_ours_is_taken(journal: Journal) -> None:
    async with night(journal, settings=Settings(theme="[/foo]")) as it:
        await it.says("there is no theme [/foo]")
        assert it.app.theme == "3am"


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
async def test_hostile_text_is_shown_as_it_is_and_never_obeyed(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    append(log, line("Hypothesis: " + text, tags=(("H1", "open"),)))
    safe = entries(log)[0].body
    append(log, text.encode() + b" foreign\n")
    async with night(journal) as it:
        assert f"Hypothesis: {safe}" in it.shown
        await it.paste(text)
        await it.press("enter")
        await it.eventually(lambda: log.read_bytes().count(b"\n") == 3, "it is written")
        await it.eventually(lambda: it.composer.text == "", "the box is empty again")
        with full_disk(monkeypatch, log):
            await it.press("escape", "colon")
            await it.type("note x")
            await it.paste(text)  # the notice has the text in its title
            await it.press("enter")
            await it.says("full")
        await it.press("escape", "h", "escape", "k", "w", "F")
        assert not UNSAFE.search(it.shown)
        assert it.app.is_running


@pytest.mark.parametrize("text", ["\x1b[2J\x1b]0;title\x07", "\x9b31m", "\u202egnp"], ids=ascii)
async def test_hostile_text_in_the_box_is_not_sent_to_the_terminal(journal: Journal, log: Path, text: str) -> None:
    async with night(journal) as it:
        await it.press("i")
        await it.paste(f"before {text} after")
        await it.shows("before")
        assert not UNSAFE.search(it.shown), "the draft is drawn with its controls"
        await it.press("enter")
        await it.shows("note: before")
        await it.press("up")
        assert not UNSAFE.search(it.shown), "the history is drawn with its controls"


@pytest.mark.parametrize("name", ["[red]x[bold.log", "a\x1b[2J.log", "x" * 200 + ".log"], ids=ascii)
async def test_a_hostile_name_of_the_log_is_shown_and_never_obeyed(tmp_path: Path, name: str) -> None:
    async with night(resolve_journal(str(tmp_path / name))) as it:
        await it.type("inote\n")
        await it.eventually(lambda: texts(tmp_path / name) == ["note"], "it is written")
        assert "\x1b" not in it.shown


async def test_a_very_long_line_causes_no_trouble(journal: Journal, log: Path) -> None:
    log.write_bytes(line("x" * 300_000) + b"y" * 300_000 + b"\n" + line("z"))
    async with night(journal, size=(80, 24)) as it:
        assert "note: z" in it.shown
        await it.press("k")
        assert "PAUSED" in it.header
        assert len([row for row in it.rows if "yyyyy" in row]) > 5
        await it.press("w")
        assert len([row for row in it.rows if "yyyyy" in row]) == 1
        await it.press("w")
        await it.press("b", "b", "enter", "end")
        await it.shows("KiB more")


@pytest.mark.parametrize("wrap", [False, True])
def test_of_an_endless_line_no_more_is_drawn_than_3am_would_write(wrap: bool) -> None:
    raw = ("字" * 2_000_000).encode()
    row = Row(Line(None, 0, raw), None)  # type: ignore[arg-type]
    strips = render_row(row, None, 80, RenderOptions(wrap=wrap), RowFlags(), lambda name: Style.null())
    assert len(strips) == 1 or 600 < len(strips) < 1100
    assert all(strip.cell_length == 80 for strip in strips)
    assert r"\x" not in strips[-1].text, "and it is not cut inside a character"
    shown = " ".join("".join(strip.text for strip in strips[-2:]).split())
    assert wrap is shown.endswith("and 5.7 MiB more")


TEXTS = st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from("☕❤️👩‍🔬e\u0301漢\u202e\x1b\t[]")), max_size=60)


@settings(max_examples=150, deadline=None)
@given(
    text=TEXTS,
    user=st.sampled_from(["bob", "漢字漢字漢字", "a" * 30, "☕"]),
    width=st.integers(20, 130),
    wrap=st.booleans(),
    selected=st.booleans(),
    emoji=st.booleans(),
    held=st.sampled_from([None, 800_000]),
    cups=st.sampled_from([0, 3, 999_999]),
)
def test_every_strip_of_a_row_is_as_wide_as_the_view(
    text: str, user: str, width: int, wrap: bool, selected: bool, emoji: bool, held: int | None, cups: int
) -> None:
    by = ("BY", f"{user}@db1:77%1")
    entry = Entry(Stamp(NIGHT.ns), cups, (by,), text)
    row = Row(Line(None, 0, b""), entry, held)  # type: ignore[arg-type]
    look = RenderOptions(wrap, emoji, pattern=Pattern("a|漢"))
    strips = render_row(row, None, width, look, RowFlags(selected, is_marked=wrap), lambda name: Style())
    assert strips
    assert wrap or len(strips) == 1
    for strip in strips:
        assert sum(cell_len(segment.text) for segment in strip) == width


@pytest.mark.parametrize(
    ("tag", "is_own"),
    [("DISK", True), ("H7", True), ("R12", True), ("P1", False), ("X9", False), ("H\u0667", False), ("FUTURE", False)],
)
def test_a_tag_of_another_tool_is_drawn_and_one_of_our_own_is_not(tag: str, is_own: bool) -> None:
    entry = Entry(NIGHT, 0, (("BY", "bob@db1:7"), (tag, "x")), "the words")
    row = Row(Line(None, 0, b"x", True), entry)  # type: ignore[arg-type]
    (strip,) = render_row(row, None, 100, RenderOptions(), RowFlags(), lambda _: Style())
    assert (f"[{tag}: x]" in strip.text) is not is_own


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("emoji", [True, False])
@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("the needle is here " + "x" * 500, "right"),
        ("x" * 500 + " the needle is here " + "y" * 500, "both"),
        ("漢" * 300 + " the needle is here " + "漢" * 300, "both"),
        ("x" * 500 + " a needle", "left"),
        ("x" * 200_000 + " the needle is here " + "y" * 500, "both"),
    ],
)
def test_a_match_is_in_view_however_far_into_the_line_it_is(width: int, emoji: bool, text: str, cut: str) -> None:
    entry = Entry(Stamp(NIGHT.ns), 0, (("BY", "bob@db1:77%1"),), text)
    row = Row(Line(None, 0, format_entry(entry)[:-1]), entry)  # type: ignore[arg-type]
    look = RenderOptions(False, emoji, pattern=Pattern("needle", skip_stamp=True))
    (strip,) = render_row(row, None, width, look, RowFlags(), lambda name: Style(bold=name == "match"))
    shown = strip.text
    more = "…" if emoji else "~"
    assert cell_len(shown) == width
    assert "needle" in shown
    assert [segment.text for segment in strip if segment.style and segment.style.bold] == ["needle"]
    assert shown.rstrip().endswith(more) == (cut in ("right", "both"))
    assert (more in shown.partition("needle")[0]) == (cut in ("left", "both"))
    (plain,) = render_row(row, None, width, RenderOptions(False, emoji), RowFlags(), lambda name: Style())
    assert "needle" not in plain.text or cut == "right"


@pytest.mark.parametrize("size", [WIDE, SMALL, TINY])
async def test_of_several_notices_the_newest_is_shown_in_the_last_row(
    journal: Journal, log: Path, size: tuple[int, int]
) -> None:
    append(log, notes(60))
    async with night(journal, size=size) as it:
        for sentence in ("the first", "the second", "the third"):
            it.journal_screen.notify_once(sentence, title="a title")
        await it.eventually(lambda: "the third" in it.shown, "the newest is up")
        assert "the first" not in it.shown
        assert "the second" not in it.shown
        (toast,) = (toast.region for toast in it.app.screen.query(Toast) if toast.region.width)
        assert (toast.y, toast.height) == (size[1] - 1, 1)
        assert not toast.overlaps(it.view.region)
        assert not toast.overlaps(it.composer.region)
