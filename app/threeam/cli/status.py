"""``3am status``: one line for a person, a status bar or a script."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from threeam.cli.console import print_json, print_out
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.core.write.lock import find_lock_holder
from threeam.human.caffeine import DAILY_LIMIT_MG, SINGLE_DOSE_LIMIT_MG
from threeam.human.night_summary import MORNING_HOUR, summarize_night

_LOOK_S = 1.0  # s at a footprint


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am status``."""
    parser = Parser(
        "3am status",
        "One line: your cups, the milligrams left now and at 07:00, water, open hypotheses, and the lock.",
        "example, for ~/.tmux.conf:\n  set -g status-right '#(3am status --tmux)'",
    )
    parser.add_argument("--json", action="store_true", help="one object")
    parser.add_argument("--tmux", action="store_true", help="with tmux's colours")
    parser.add_argument(
        "--footprint", action="store_true", help="what each running 3am takes of the machine, over a second"
    )
    args = parser.parse_args(argv)
    if args.footprint:
        return _footprint(as_json=args.json)
    at = context(args)
    facts = _facts(at)
    if args.json:
        print_json(facts)
        return ExitCode.OK
    toxic = " TOXIC" if facts["toxic"] else ""
    later = f" ({facts['mg_morning']['mg']:.0f} at {MORNING_HOUR:02d}:00)" if facts["mg"] >= 1 else ""
    cup, drop, over, dot = ("☕", "💧", "▲", "·") if at.settings.emoji else ("c", "w", "!", "|")
    much = over if facts["over_dose"] else ""
    cups = f"{cup} {facts['cups']}{toxic} {facts['mg']:.0f} mg{much}{later}"
    if args.tmux and (toxic or much):
        cups = f"#[fg=red]{cups}#[default]"
    lock = facts["lock"]
    if held := facts["holder"]:  # a process may be called anything, and tmux would run a #() in it
        lock = f"held by {held['name'].replace('#', '')} {held['pid']}"
    print_out(f" {dot} ".join((cups, f"{drop} {facts['water']}", f"{facts['open']} open", f"lock {lock}")))
    return ExitCode.OK


def _footprint(*, as_json: bool) -> int:
    from threeam.tracing.instances import format_instance, measure_instances, summarize_instances

    found = measure_instances(_LOOK_S, excluded_pids=[os.getpid()])
    for one in found:
        if as_json:
            print_json(
                {key: value for key, value in one._asdict().items() if key not in ("spent", "lately")}
                | {name: spent and spent._asdict() for name, spent in (("spent", one.spent), ("lately", one.lately))}
            )
        else:
            print_out(format_instance(one))
    if not as_json:
        print_out(summarize_instances(found))
    return ExitCode.OK


def _facts(at: Context) -> dict[str, Any]:
    state, settings, now = at.load_state(), at.settings, at.clock()
    cups = state.cups(at.author.user, now.ns, settings.night_gap_ns)
    one = summarize_night(state, at.author.user, now, settings.night_gap_ns, settings.half_life_h, at.zone)
    held = find_lock_holder(*at.journal.lock_paths)
    return {
        "cups": cups,
        "toxic": cups > settings.toxic_cups,
        "mg": round(one.mg_now, 1),
        "mg_24h": one.mg_last_24h,
        "over_dose": one.mg_now > SINGLE_DOSE_LIMIT_MG or one.mg_last_24h > DAILY_LIMIT_MG,
        "mg_morning": {"at": one.morning.rfc3339(), "mg": round(one.mg_at_morning, 1)},
        "water": one.glasses,
        "open": len(state.open_hypotheses()),
        "lock": "held" if held else "free",
        "holder": {"pid": held.pid, "name": held.name} if held and held.pid else None,
        "log": at.journal.log_path,
    }
