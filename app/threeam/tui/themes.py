"""The theme of 3am: dark ink, soft grey, amber for coffee, pale cyan for what is open or live, red for toxic."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath

from rich.console import Console
from textual.color import Color
from textual.theme import Theme

from threeam.tui.contrast import BORDER_RATIO, TEXT_RATIO, with_contrast

# Our own variables in Textual's themes. Their shades of one hue would make all kinds of lines look alike.
_DARK = {
    "coffee": "#e0a458",
    "hypothesis": "#9be3e3",
    "experiment": "#c39be8",
    "confirmed": "#8fd694",
    "water": "#58aeff",
    "who-0": "#8fb8de",
    "who-1": "#b5a7d6",
    "who-2": "#9bc7a0",
    "who-3": "#d9a5b3",
    "who-4": "#c9c28a",
    "who-5": "#8ccbbd",
}
_LIGHT = {
    "coffee": "#8a5a00",
    "hypothesis": "#006b75",
    "experiment": "#7b2fa8",
    "confirmed": "#2e7032",
    "water": "#1f55b0",
    "who-0": "#1f55b0",
    "who-1": "#6a3fb3",
    "who-2": "#2e7032",
    "who-3": "#a3315e",
    "who-4": "#6b6000",
    "who-5": "#00705c",
}
# The colours of a terminal's palette are not known: there each of ours is one of the theme's.
_ANSI = {
    "coffee": "text-warning",
    "hypothesis": "text-accent",
    "experiment": "text-secondary",
    "confirmed": "text-success",
    "water": "primary",
    "who-0": "text-primary",
    "who-1": "text-secondary",
    "who-2": "text-success",
    "who-3": "text-accent",
    "who-4": "text-warning",
    "who-5": "foreground",
}
# In a palette of 16 colours the nearest of each shade is grey on grey. These are colours of the palette themselves.
_SIXTEEN_DARK = {
    **dict.fromkeys(("background", "surface", "panel", "footer-background", "alarm-ground"), "#000000"),
    **dict.fromkeys(("row-cursor", "as-of-ground"), "#0000aa"),
    **dict.fromkeys(("foreground", "footer-description-foreground", "who-5"), "#ffffff"),
    **dict.fromkeys(("foreground-muted", "border", "who-3", "who-4"), "#aaaaaa"),
    **dict.fromkeys(("hypothesis", "accent", "footer-key-foreground"), "#55ffff"),
    **dict.fromkeys(("coffee", "warning"), "#ffff55"),
    **dict.fromkeys(("water", "primary", "who-0"), "#00aaaa"),
    "error": "#ff5555",
    **dict.fromkeys(("success", "confirmed", "who-2"), "#55ff55"),
    **dict.fromkeys(("experiment", "who-1"), "#ff55ff"),
}
_SIXTEEN_LIGHT = {
    **dict.fromkeys(("background", "surface", "panel", "footer-background", "alarm-ground"), "#ffffff"),
    **dict.fromkeys(("row-cursor", "as-of-ground"), "#ffff55"),
    **dict.fromkeys(("foreground", "footer-description-foreground", "who-5"), "#000000"),
    **dict.fromkeys(("foreground-muted", "border", "who-3", "who-4"), "#555555"),
    **dict.fromkeys(("hypothesis", "confirmed", "accent", "footer-key-foreground", "who-0"), "#0000aa"),
    **dict.fromkeys(("coffee", "warning", "who-2"), "#aa5500"),
    **dict.fromkeys(("experiment", "water", "primary", "success", "who-1"), "#aa00aa"),
    "error": "#aa0000",
}
GROUNDS = ("background", "surface", "panel", "row-cursor", "alarm-ground")  # what text stands on
_TINTS = {"alarm-ground": ("error", 0.15), "as-of-ground": ("warning", 0.25)}  # of the background, for the head
TEXTS = (
    *("foreground", "foreground-muted", "error", "warning", "primary", *_DARK),
    *("footer-key-foreground", "footer-description-foreground"),
)
BORDERS = ("border",)
BORDER_GROUNDS = ("background", "surface", "panel")


def style_sheets() -> list[str | PurePath]:
    """Return the style sheets: in a wheel they are beside the package, in a checkout at its top."""
    package = Path(__file__).resolve().parent.parent
    folder = package / "styles"
    if not folder.is_dir():
        folder = package.parent.parent / "styles"
    return sorted(folder.glob("*.tcss"))


def has_few_colors() -> bool:
    """Return whether the terminal has the 16 colours of the ANSI palette."""
    return Console(force_terminal=True).color_system == "standard"


def complete_variables(theme: Theme, variables: Mapping[str, str], few_colors: bool = False) -> dict[str, str]:
    """Return the ``variables`` of ``theme`` with ours, each text and border with enough contrast on every ground.

    ``few_colors``: they are for a terminal with a palette of 16 colours.
    """
    ansi = getattr(theme, "ansi", False)
    own = {name: variables[like] for name, like in _ANSI.items()} if ansi else _DARK if theme.dark else _LIGHT
    complete = dict.fromkeys(("row-cursor", *_TINTS), variables["panel"]) | own | dict(variables)
    if ansi:
        return complete
    if few_colors:
        return complete | (_SIXTEEN_DARK if theme.dark else _SIXTEEN_LIGHT)
    background = Color.parse(complete["background"])
    for name, (tint, share) in _TINTS.items():
        complete[name] = background.blend(Color.parse(complete[tint]), share).hex
    grounds = tuple(background + Color.parse(complete[name]) for name in GROUNDS)
    for name in TEXTS:
        own_grounds = (*grounds, Color.parse(complete["as-of-ground"])) if name == "foreground" else grounds
        complete[name] = with_contrast(background + Color.parse(complete[name]), own_grounds, TEXT_RATIO).hex
    border_grounds = tuple(background + Color.parse(complete[name]) for name in BORDER_GROUNDS)
    for name in BORDERS:
        complete[name] = with_contrast(background + Color.parse(complete[name]), border_grounds, BORDER_RATIO).hex
    return complete


NIGHT_THEME = Theme(
    name="3am",
    dark=True,
    primary="#8fb8de",
    secondary="#b5a7d6",
    accent="#9be3e3",
    warning="#e0a458",
    error="#f06f6d",
    success="#9bc7a0",
    foreground="#c3c7cf",
    background="#0d1017",
    surface="#11151d",
    panel="#171c26",
    variables={
        "row-cursor": "#263043",
        "foreground-muted": "#9097a5",
        "footer-key-foreground": "#9be3e3",
        "footer-background": "#11151d",
        "input-selection-background": "#9be3e3 25%",
        "block-cursor-background": "#9be3e3",
        "block-cursor-foreground": "#0d1017",
        "border": "#616773",
    },
)
