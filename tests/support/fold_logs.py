"""Logs of any kinds of lines, for properties of the fold: what people write, what scripts write, and nonsense."""

from __future__ import annotations

from hypothesis import strategies as st

from support.folds import remote_tags
from support.lines import HOUR_NS, NIGHT
from threeam.core.format.entry import Entry, Stamp, format_entry
from threeam.core.state.fold import OPEN

people = st.sampled_from(["alice@db1:4121%3", "alice@db1:7", "bob@db1:9%1", "mallory@web:1"])
words = st.sampled_from(
    [
        "tcpdump on :5432",
        "he wrote ] [BY: mallory@x:1] [H9: open]",
        "[H9: open] [BY: mallory@x:1] forged",
        "] [BY: bob@x:1] [NIGHT: over] [MG: 95]",
        "[COFFEE: 7] Hypothesis: quoted from the script",
        "Hypothesis: in words only",
        "Coffee: two, please",
        "naïve ☕",
        "",
        "x" * 90,
    ]
)
numbers = st.integers(1, 4)
states = st.sampled_from([OPEN, "confirmed", "refuted", "parked"])
cups = st.integers(0, 6)
files = st.sampled_from(["/srv/cart", "/srv/a b/[x)ü", "/var/lib/3am/baseline-normal-1.json", ""])
nonsense = st.sampled_from(["", "-1", "9" * 30, "x", "0", "٣"])
plans = st.builds(
    lambda number, n, arms, seed, file, place: (
        (f"R{number}", place or f"0/{n * len(arms)}"),
        ("PLAN", f"n={n} seed={seed} arms={','.join(arms)} same=0123456789ab{' nth=3 stop=evidence' if file else ''}"),
        *([("FILE", file), ("BUILD", f"files={file}:ab head=0123456789ab")] if file else []),
    ),
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from([["bare"], ["bare", "strace"], ["bare", "bare"], ["a", "b+pin", "c"]]),
    st.one_of(st.integers(0, 9), nonsense),
    st.sampled_from(["", "plan-1.json"]),
    st.sampled_from(["", "", "", "", "0/0", "0/999999999", "x"]),
)
searches = st.builds(
    lambda number, rounds, seed, arms, kinds, place: (
        (f"R{number}", place or "0/6"),
        (
            "PLAN",
            f"search rounds={rounds} seed={seed} budget=60 limit=0{kinds} same=0123456789ab arms={','.join(arms)}",
        ),
        ("FILE", "plan-1.json"),
    ),
    st.integers(1, 3),
    st.sampled_from(["3", "3", "3", "0", "1,2", "x"]),
    st.one_of(st.integers(0, 9), nonsense),
    st.sampled_from([["bare", "strace"], ["bare", "delay:mkdir=20ms"], ["bare"], ["bare", "bare"]]),
    st.sampled_from(["", " kinds=ab", " kinds=?"]),
    st.sampled_from(["", "", "", "0/0", "0/7", "x"]),
)
runs = st.builds(
    lambda number, nth, total, arm, outcome, code, ns, letter, same, file: (
        (f"R{number}", f"{nth}/{total}"),
        ("RUN", f"{arm} {outcome} exit={code} began=1795490047123456789 ns={ns} cpu=1000 bytes=3{letter}{same}"),
        *([("FILE", file)] if file else []),
    ),
    st.integers(1, 3),
    st.integers(0, 7),
    st.sampled_from([1, 1, 2, 4, 6]),
    st.sampled_from(["bare", "bare", "strace", "a", "nobody"]),
    st.sampled_from(["passed", "failed", "timed-out", "cut", "flown"]),
    st.one_of(st.integers(0, 139), nonsense),
    st.one_of(st.integers(0, 10**10), nonsense),
    st.sampled_from(["", " kind=a", " kind=b", " kind=?"]),
    st.sampled_from([" same=0123456789ab", ""]),
    st.sampled_from(["", "R1-2-3.out"]),
)
failure_kinds = st.builds(
    lambda number, nth, total, kind: ((f"R{number}", f"{nth}/{total}"), ("KIND", kind)),
    st.integers(1, 3),
    st.integers(0, 7),
    st.sampled_from([1, 2, 4, 6]),
    st.sampled_from(["a 7f3a9c12e0", "b 0123456789", "b 7f3a9c12e0", "c", "ab 12"]),
)
observers = st.builds(
    "{} {} from={} to={}".format,
    st.sampled_from(["strace", "lsof", "gdb"]),
    st.sampled_from(["4121", "7", "x"]),
    st.sampled_from(["1795490047000000000", "1795490048000000000", "-1"]),
    st.sampled_from(["now", "now", "1795490049000000000", "later"]),
)
clocks = st.builds(
    "{} {} {}".format,
    st.sampled_from(["web2", "app log", "x"]),
    st.sampled_from(["3200000", "-1", "0", "soon"]),
    st.sampled_from(["400000", "unknown", "0", "-1"]),
)
bisected = st.builds(
    lambda run, done, value, rest: ((f"R{run}", f"{done}/40"), *([("COMMIT", value)] if value else []), *rest),
    st.integers(1, 3),
    st.integers(0, 5),
    st.sampled_from(["3", "0", "7", "2 cannot", "x", ""]),
    st.sampled_from(
        [
            (("BISECT", "commits=7"), ("FILE", "bisect-1-2.json")),
            (("BISECT", "commits=0"),),
            (("RUN", "0123abcd failed exit=1 began=1 ns=5 cpu=1 bytes=0"),),
            (("RUN", "0123abcd passed exit=0 began=1 ns=5 cpu=1 bytes=0"),),
            (("BISECTED", "p=0.96"),),
        ]
    ),
)
later = st.one_of(st.integers(1, 3), st.integers(0, 20 * HOUR_NS), st.integers(-2 * HOUR_NS, 0))


@st.composite
def logs(draw: st.DrawFn) -> bytes:
    """Whatever several people, streams, the Bash script and foreign tools leave in a log."""
    lines: list[bytes] = []
    ns = NIGHT.ns
    scripts: list[tuple[Stamp, str]] = []
    stamps: list[Stamp] = [NIGHT]
    for _ in range(draw(st.integers(0, 14))):
        ns += draw(later)
        stamp = Stamp(ns, draw(st.sampled_from([0, 3600])))
        by = ("BY", draw(people))
        number = f"H{draw(numbers)}"
        text, coffee = draw(words), draw(cups)
        cited = Stamp(draw(st.sampled_from(stamps)).ns, draw(st.sampled_from([0, 3600])))
        stamps.append(stamp)

        def said(*tags: tuple[str, str], text: str = text, stamp: Stamp = stamp, coffee: int = coffee) -> bytes:
            return format_entry(Entry(stamp, coffee, tags, text))

        match draw(st.integers(0, 41)):
            case 0 | 1 | 2:
                lines.append(said(by))
            case 3:
                lines.append(said(by, ("VIA", "stdin")))
            case 4:
                lines.append(said(by, ("MG", str(draw(st.sampled_from([95, 40, -95])))), text="Coffee: cup."))
            case 5:
                lines.append(said(by, ("WATER", str(coffee)), text="Water: glass."))
            case 6:
                lines.append(said(by, ("NIGHT", draw(st.sampled_from(["over", "new"]))), text="Sleep: at last."))
            case 7:
                lines.append(said(by, (number, OPEN), text=f"Hypothesis: {text}"))
            case 8:
                lines.append(said(by, (number, draw(states)), text=f"Conclusion: {text}"))
            case 9:
                lines.append(said(by, (number, OPEN), text=f"Prediction: {text}"))
            case 12 | 13:
                kind = draw(st.sampled_from(["Supports", "Contradicts"]))
                reference = draw(st.sampled_from([f"@{cited} ", f"@{cited}", "", "@2026-02-31 "]))
                lines.append(said(by, (number, draw(states)), text=f"{kind}: {reference}{text}"))
            case 14:
                kind = draw(st.sampled_from(["Conclusion", "Reopened"]))
                lines.append(said(by, (number, draw(states)), ("RECHECK", "toxic"), text=f"{kind}: {text}"))
            case 15:
                undo = draw(st.sampled_from(["", " (undo: back to 20)", " (undo: )"]))
                lines.append(said(by, ("CHANGE", "open"), text=f"Changed: {text}{undo}"))
            case 16:
                lines.append(said(by, ("CHANGE", "undone"), text=f"Undone: @{cited} {text}"))
            case 17:
                kind, value = draw(st.sampled_from([("Stamp", "now"), ("Words", "words"), ("Words", "now")]))
                reference = "" if kind == "Stamp" else f"@{cited} "
                lines.append(said(by, ("STAMP", value), text=f"{kind}: {reference}{text}"))
            case 18:
                value = draw(st.sampled_from(["1", "2", "003", "lots", "9" * 5000]))
                lines.append(said(by, ("CORRECTION", value), text=f"Correction: @{cited} {text}"))
            case 19:
                what = draw(st.sampled_from(["next", "topology", "shared", "hypothesis", "holder"]))
                lines.append(said(by, ("NOTED", what), text=f"{what.capitalize()}: {text}"))
                lines.append(said(by, ("NOTED", what), text=f"| {text}", stamp=Stamp(ns + 1)))
                if draw(st.booleans()):
                    lines.append(said(by, ("HOLDS", "alice"), text=f"Taken: {text}"))
            case 20 | 21:
                name, file = draw(st.sampled_from(["normal", "checkout-prod"])), draw(files)
                kind = draw(st.sampled_from(["Baseline", "Compared"]))
                there = (("FILE", file),) if kind == "Baseline" or draw(st.booleans()) else ()
                lines.append(said(by, ("BASELINE", name), *there, text=f"{kind}: {text}"))
            case 10 | 11:
                pid = draw(st.sampled_from(["4711", "4712", "0", "-1", "many", "9" * 5000]))
                lines.append(said(by, ("TERMINATED", pid), text=f"Terminated: {text}"))
            case 22 | 23:
                commit = draw(st.sampled_from(["0123abcd" * 5, "deadbeef", "--output=x", ""]))
                lines.append(said(by, ("STABLE", commit), ("TREE", draw(files)), text=f"Stable: {text}"))
            case 24:
                over = (("NIGHT", "over"),) if draw(st.booleans()) else ()
                own = draw(st.sampled_from(["Carried: 0 cups of alice.", "Sleep: at last."]))
                lines.append(said(by, ("AT", str(cited)), *over, text=own))
            case 25:
                lines.append(said(by, ("VIA", "run"), *draw(plans), text=f"Plan: {text}; 2 runs of bare"))
            case 26 | 27 | 28:
                about = ((number, draw(states)),) if draw(st.booleans()) else ()
                lines.append(said(by, ("VIA", "run"), *draw(runs), *about, text=f"Run: passed, exit 0: {text}"))
            case 39 | 40:
                kind = draw(st.sampled_from(["Conclusion", "Reopened", "Supports", "Prediction", "Hypothesis", "x"]))
                about = ((number, draw(states)),) if not draw(st.integers(0, 5)) else ()
                lines.append(said(by, *about, *draw(remote_tags), text=f"{kind}: {text}"))
            case 37:
                lines.append(said(by, ("VIA", "run"), *draw(searches), text=f"Plan: {text}; searches 1 arm"))
            case 36:
                begin = draw(st.sampled_from(["a ", "b ", "", "a  "]))
                lines.append(said(by, ("VIA", "run"), *draw(failure_kinds), text=f"Kind: {begin}{text}"))
            case 29:
                about = ((number, draw(states)),) if draw(st.booleans()) else ()
                place = (f"R{draw(numbers)}", "4/4")
                stopped = draw(st.sampled_from([[], [("STOPPED", "1/2")]]))
                lines.append(
                    said(by, ("VIA", "run"), place, *about, ("VERDICT", "x"), *stopped, text=f"Verdict: {text}")
                )
            case 30:
                tag = ("OBSERVER", draw(observers))
                there = (("FILE", draw(files)),) if draw(st.booleans()) else ()
                lines.append(said(by, ("VIA", "observe"), tag, *there, text=f"Observer: {text}"))
            case 33 | 34 | 35:
                tags = draw(bisected)
                about = ((number, draw(states)),) if draw(st.booleans()) else ()
                kind = {"BISECT": "Bisect", "BISECTED": "Bisected"}.get(tags[-1][0], "Run")
                kind = "Bisect" if "BISECT" in dict(tags) else kind
                lines.append(said(by, ("VIA", "run"), *tags, *about, text=f"{kind}: {text}"))
            case 32:
                lines.append(said(by, ("CLOCK", draw(clocks)), text=f"Clock: {text}"))
            case 10:
                ahead = Stamp(ns + draw(st.sampled_from([0, HOUR_NS])), stamp.utc_offset_s)  # its clock may be ahead
                scripts.append((ahead, text))
                lines.append(said(text="Acquired sanity lock.", stamp=ahead))
                lines.append(said(text=f"Hypothesis: {text}", stamp=ahead))
            case 11 | 31 if scripts:
                script, claim = draw(st.sampled_from(scripts))
                claim = draw(st.sampled_from([claim, claim, text]))
                lines.append(said(by, (number, OPEN), text=f"Hypothesis: @{script} {claim}"))
            case _:
                foreign = [b"kernel: oops [H2: open]\n", b"\n", b"\xff\x00 [BY: bob@x:1]\n", said(by)[:60] + b"\n"]
                lines.append(draw(st.sampled_from(foreign)))
    if draw(st.booleans()):  # a last line that is not finished is not there yet
        lines.append(format_entry(Entry(Stamp(ns + 1), 9, (("BY", "alice@db1:1"), ("H4", "refuted")), "torn"))[:-1])
    return b"".join(lines)
