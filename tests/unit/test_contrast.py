"""Contrast and difference of the colours, in every theme that the screen offers."""

from __future__ import annotations

import math
from itertools import combinations, product

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from threeam.tui.contrast import contrast_ratio, with_contrast
from threeam.tui.themes import BORDER_GROUNDS, BORDERS, GROUNDS, NIGHT_THEME, TEXTS, complete_variables

THEMES = [
    NIGHT_THEME,
    *(theme for theme in BUILTIN_THEMES.values() if not theme.ansi),
]  # a palette has no known colours
KINDS = ("coffee", "hypothesis", "experiment", "confirmed", "water", "error", "foreground-muted")
each_theme = pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)


def colors_of(theme: Theme) -> dict[str, Color]:
    """The opaque colours of a theme as the screen uses them, by the names of their variables."""
    variables = complete_variables(theme, {**theme.to_color_system().generate(), **theme.variables})
    background = Color.parse(variables["background"])
    return {name: background + Color.parse(variables[name]) for name in (*GROUNDS, "as-of-ground", *TEXTS, *BORDERS)}


def ratios_of(
    colors: dict[str, Color], names: tuple[str, ...], grounds: tuple[str, ...]
) -> dict[tuple[str, str], float]:
    """Return the contrast of each colour of ``names`` with each ground."""
    return {
        (name, ground): round(contrast_ratio(colors[name], colors[ground]), 2)
        for name, ground in product(names, grounds)
    }


def difference(first: Color, second: Color) -> float:
    """How different two colours look: their distance in CIE L*a*b*, where 2 is just noticeable side by side."""
    return math.dist(lab(first), lab(second))


def lab(color: Color) -> tuple[float, float, float]:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (color.r / 255, color.g / 255, color.b / 255)
    ]
    rows = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    x, y, z = (
        part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116
        for part in (
            sum(a * b for a, b in zip(row, linear, strict=True)) / white
            for row, white in zip(rows, (0.95047, 1.0, 1.08883), strict=True)
        )
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize(
    ("first", "second", "ratio"),
    [
        ("#ffffff", "#000000", 21.0),
        ("#777777", "#ffffff", 4.48),
        ("#ff0000", "#ffffff", 4.0),
        ("#123456", "#123456", 1),
    ],
)
def test_the_ratio_is_the_one_of_wcag(first: str, second: str, ratio: float) -> None:
    assert contrast_ratio(Color.parse(first), Color.parse(second)) == pytest.approx(ratio, abs=0.01)


def test_a_colour_with_enough_contrast_stays_as_it_is() -> None:
    white = Color.parse("#ffffff")
    assert with_contrast(white, (Color.parse("#000000"),), 4.5) == white


@each_theme
def test_text_has_enough_contrast_on_every_ground(theme: Theme) -> None:
    colors = colors_of(theme)
    ratios = ratios_of(colors, TEXTS, GROUNDS)
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 4.5} == {}


@each_theme
def test_borders_have_enough_contrast(theme: Theme) -> None:
    colors = colors_of(theme)
    ratios = ratios_of(colors, BORDERS, BORDER_GROUNDS)
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 3} == {}


@each_theme
def test_the_bar_of_a_past_time_can_be_read(theme: Theme) -> None:
    colors = colors_of(theme)
    assert contrast_ratio(colors["foreground"], colors["as-of-ground"]) >= 4.5


@each_theme
def test_kinds_of_lines_look_different(theme: Theme) -> None:
    colors = colors_of(theme)
    alike = {
        (one, other): round(difference(colors[one], colors[other]), 1)
        for one, other in combinations(KINDS, 2)
        if difference(colors[one], colors[other]) < 18
    }
    assert alike == {}


# The 16 colours of the ANSI palette; its brown is darker than the rule has it.
PALETTE = {*product((0, 170), repeat=3), *product((85, 255), repeat=3), (170, 85, 0)} - {(170, 170, 0)}


@pytest.mark.parametrize("theme", [NIGHT_THEME, BUILTIN_THEMES["textual-light"]], ids=lambda theme: theme.name)
def test_sixteen_colours_are_of_the_palette_and_can_be_read_on_the_selected_row(theme: Theme) -> None:
    generated = {**theme.to_color_system().generate(), **theme.variables}
    variables = complete_variables(theme, generated, few_colors=True)
    for name in (*GROUNDS, *TEXTS, *BORDERS):
        assert Color.parse(variables[name]).rgb in PALETTE, f"{name} would become the nearest of the palette"
    for ground in GROUNDS:
        for name in TEXTS:
            ratio = contrast_ratio(Color.parse(variables[name]), Color.parse(variables[ground]))
            assert ratio >= 4.0, f"{name} on {ground}: {ratio:.2f}"
