"""Checks of tmux settings that matter to the journal."""

from __future__ import annotations

from threeam.host.check import OK, UNKNOWN, YELLOW, Check
from threeam.host.system import System

_SLOW_ESCAPE_MS = 100  # above this, Esc and every Alt+ key feel slow


def check_tmux(system: System) -> list[Check]:
    """Return the checks of tmux's clipboard, escape-time and colours; one `unknown` outside tmux."""
    if not system.environ.get("TMUX"):
        return [Check("tmux", UNKNOWN, "not inside tmux")]
    return [_check_clipboard(system), _check_escape_time(system), _check_colours(system)]


def _tmux_option(system: System, name: str) -> str | None:
    result = system.run(("tmux", "show-options", "-sv", name))
    return result[1].strip() if result is not None and result[0] == 0 else None


def _check_clipboard(system: System) -> Check:
    """Return whether tmux passes what ``y`` copies on to the terminal (set-clipboard in tmux(1))."""
    value = _tmux_option(system, "set-clipboard")
    if value is None:
        return Check("tmux clipboard", UNKNOWN, "tmux does not report it")
    if value == "off":
        fix = "tmux set-option -s set-clipboard external"
        return Check("tmux clipboard", YELLOW, "set-clipboard off: y copies into tmux's buffer only", fix)
    return Check("tmux clipboard", OK, f"set-clipboard {value}")


def _check_escape_time(system: System) -> Check:
    value = _tmux_option(system, "escape-time")
    if value is None or not (value.isascii() and value.isdigit()):
        return Check("tmux escape-time", UNKNOWN, "tmux does not report it")
    if int(value) > _SLOW_ESCAPE_MS:
        fix = "tmux set-option -s escape-time 10"
        return Check("tmux escape-time", YELLOW, f"{value}ms: esc is delayed by that much", fix)
    return Check("tmux escape-time", OK, f"{value}ms")


def _check_colours(system: System) -> Check:
    result = system.run(("tmux", "display-message", "-p", "#{client_termfeatures}"))
    features = result[1].strip() if result is not None and result[0] == 0 else ""
    term = system.environ.get("TERM", "")
    if "RGB" in features.split(","):
        return Check("tmux colours", OK, f"16 million, {term}")
    if "256" in features.split(",") or "256color" in term:
        fix = "tmux set-option -as terminal-features ',*:RGB'"
        return Check("tmux colours", YELLOW, f"256 ({term}): the theme is approximated", fix)
    return Check(
        "tmux colours", YELLOW, f"few ({term or 'no TERM'})", "tmux set-option -g default-terminal tmux-256color"
    )
