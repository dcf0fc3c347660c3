"""``3am status``: one line for a person, a status bar or a script."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from threeam.cli.console import print_json, print_out
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.team_hosts import count_open_hypotheses, own_cups, read_hosts_if_possible, with_all_cups
from threeam.core.write.draft import is_toxic
from threeam.core.write.lock import find_lock_holder
from threeam.human.night_summary import MORNING_HOUR, summarize_night

_TMUX_CELLS = 40  # what tmux shows of a status-right by default
_SAMPLE_S = 1.0  # how long the load of running instances is measured


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am status``."""
    parser = Parser(
        "3am status",
        "Prints one line: your cups, the milligrams left now and at 07:00, water, open hypotheses, and the lock.",
        "example, for ~/.tmux.conf (3am init tmux):\n  set -g status-right '#(3am status --tmux)'",
    )
    parser.add_argument("--json", action="store_true", help="one object")
    parser.add_argument(
        "--tmux", action="store_true", help="for a status line of tmux: at most 40 cells, what is toxic reversed"
    )
    parser.add_argument(
        "--footprint", action="store_true", help="the load of each running 3am instead, measured for a second"
    )
    args = parser.parse_args(argv)
    if args.footprint:
        return _print_footprint(as_json=args.json)
    ctx = context(args)
    values = _status_values(ctx)
    if args.json:
        print_json(values)
    else:
        format_line = _tmux_status if args.tmux else _status_line
        print_out(format_line(values, emoji=ctx.settings.emoji))
    return ExitCode.OK


def _status_line(values: dict[str, Any], *, emoji: bool) -> str:
    cup, drop, over, dot = ("☕", "💧", "▲", "·") if emoji else ("c", "w", "!", "|")
    toxic = " TOXIC" if values["toxic"] else ""
    over_dose = over if values["over_dose"] else ""
    later = f" ({values['mg_morning']['mg']:.0f} at {MORNING_HOUR:02d}:00)" if values["mg"] >= 1 else ""
    elsewhere = ", ".join(f"{cups} on {host}" for host, cups in values["cups_elsewhere"].items())
    total = f"{values['cups']} ({elsewhere})" if elsewhere else values["cups"]
    cups = f"{cup} {total}{toxic} {values['mg']:.0f} mg{over_dose}{later}"
    lock = values["lock"]
    if holder := values["holder"]:
        lock = f"held by {holder['name']} {holder['pid']}"
    return f" {dot} ".join((cups, f"{drop} {values['water']}", f"{values['open']} open", f"lock {lock}"))


def _tmux_status(values: dict[str, Any], *, emoji: bool) -> str:
    """Return the line for tmux. What does not fit into 40 cells is left out, the least important first."""
    cup, drop, over, dot = ("☕", "💧", "▲", "·") if emoji else ("c", "w", "!", "|")
    cups = f"{cup} {values['cups']}{' TOXIC' if values['toxic'] else ''}"
    parts = [cups, f"{values['open']} open"]
    if holder := values["holder"]:  # the name of a process is arbitrary, and tmux would run a #() in it
        parts.append(f"held by {holder['name'].replace('#', '')[:10]} {holder['pid']}")
    parts += [f"{values['mg']:.0f} mg{over if values['over_dose'] else ''}", f"{drop} {values['water']}"]
    fitting: list[str] = []
    for part in parts:
        joined = f" {dot} ".join((*fitting, part))
        if len(joined) + joined.count("☕") + joined.count("💧") <= _TMUX_CELLS:  # each is two cells wide
            fitting.append(part)
    line = f" {dot} ".join(fitting)
    return line.replace(cups, f"#[reverse]{cups}#[noreverse]", 1) if values["toxic"] else line


def _print_footprint(*, as_json: bool) -> int:
    from threeam.tracing.instances import format_instance, measure_instances, summarize_instances

    instances = measure_instances(_SAMPLE_S, excluded_pids=[os.getpid()])
    for instance in instances:
        if as_json:
            record = instance._asdict()
            for key, stats in (("spent", instance.spent), ("lately", instance.lately)):
                record[key] = stats and stats._asdict()
            print_json(record)
        else:
            print_out(format_instance(instance))
    if not as_json:
        print_out(summarize_instances(instances))
    return ExitCode.OK


def _status_values(ctx: Context) -> dict[str, Any]:
    own, settings, now = ctx.load_state(), ctx.settings, ctx.clock()
    hosts = read_hosts_if_possible(ctx, own)
    state, elsewhere = with_all_cups(ctx, hosts), own_cups(ctx, hosts).by_host
    cups = state.cups(ctx.author.user, now.ns, settings.night_gap_ns)
    summary = summarize_night(state, ctx.author.user, now, settings.night_gap_ns, settings.half_life_h, ctx.zone)
    holder = find_lock_holder(*ctx.journal.lock_paths)
    return {
        "cups": cups,
        "cups_elsewhere": dict(elsewhere),
        "toxic": is_toxic(cups, settings.toxic_cups),
        "mg": round(summary.mg_now, 1),
        "mg_24h": summary.mg_last_24h,
        "over_dose": summary.is_over_single_dose or summary.is_over_daily_dose,
        "mg_morning": {"at": summary.morning.rfc3339(), "mg": round(summary.mg_at_morning, 1)},
        "water": summary.glasses,
        "open": count_open_hypotheses(ctx, hosts),
        "lock": "held" if holder else "free",
        "holder": {"pid": holder.pid, "name": holder.name} if holder and holder.pid else None,
        "log": ctx.journal.log_path,
    }
