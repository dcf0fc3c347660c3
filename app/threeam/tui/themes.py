"""The theme of 3am: dark ink, soft grey, amber for coffee, pale cyan for what is open or live, red for toxic."""

from __future__ import annotations

from textual.theme import Theme

# Our own variables, each with the variable that replaces it in Textual's themes.
FALLBACK_VARIABLES = {
    "coffee": "text-warning",
    "hypothesis": "text-accent",
    "row-cursor": "panel",
    "who-0": "text-primary",
    "who-1": "text-secondary",
    "who-2": "text-success",
    "who-3": "text-accent",
    "who-4": "text-warning",
    "who-5": "foreground",
}

NIGHT_THEME = Theme(
    name="3am",
    dark=True,
    primary="#8fb8de",
    secondary="#b5a7d6",
    accent="#9be3e3",
    warning="#e0a458",
    error="#f0605d",
    success="#9bc7a0",
    foreground="#c3c7cf",
    background="#0d1017",
    surface="#11151d",
    panel="#171c26",
    variables={
        "coffee": "#e0a458",
        "hypothesis": "#9be3e3",
        "row-cursor": "#1f2735",
        "foreground-muted": "#7c8494",
        "who-0": "#8fb8de",
        "who-1": "#b5a7d6",
        "who-2": "#9bc7a0",
        "who-3": "#d9a5b3",
        "who-4": "#c9c28a",
        "who-5": "#8ccbbd",
        "footer-key-foreground": "#9be3e3",
        "footer-background": "#11151d",
        "input-selection-background": "#9be3e3 25%",
        "block-cursor-background": "#9be3e3",
        "block-cursor-foreground": "#0d1017",
        "border": "#2a3242",
    },
)
