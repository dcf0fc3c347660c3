"""stdout is data, stderr is talk."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from threeam.core.entry import Stamp, visible
from threeam.core.reader import Line


def out(text: str) -> None:
    """One line of data, at once: whoever reads the pipe sees it now."""
    put((text + "\n").encode("utf-8", "backslashreplace"))


def put(data: bytes) -> None:
    """Data as it is. Raises BrokenPipeError when nobody reads any more."""
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def talk(text: str) -> None:
    """One line of talk, made safe, so that a path or a message cannot drive the terminal."""
    print(f"3am: {visible(text)}", file=sys.stderr, flush=True)


def out_json(value: Mapping[str, Any]) -> None:
    """One object on one line."""
    out(json.dumps(value, ensure_ascii=False))


def stamp_json(stamp: Stamp) -> dict[str, str]:
    """``ts`` in RFC 3339 with nine digits, ``ts_ns`` as a string: it is more than a double can hold."""
    return {"ts": stamp.rfc3339(), "ts_ns": str(stamp.ns)}


def line_json(line: Line) -> dict[str, Any]:
    """A line of the log as machine output; a foreign one has no stamp and is told by ``foreign``."""
    entry = line.entry
    if entry is None:
        return {"ts": None, "ts_ns": None, "offset": line.offset, "foreign": True, "text": line.shown}
    by, hypothesis = entry.by, entry.hypothesis
    value: dict[str, Any] = {
        **stamp_json(entry.stamp),
        "offset": line.offset,
        "coffee": entry.coffee,
        "by": str(by) if by else None,
        "kind": entry.kind,
        "text": visible(entry.text),
    }
    if hypothesis:
        value |= {"hypothesis": hypothesis[0], "state": visible(hypothesis[1])}
    if others := {key: visible(value) for key, value in entry.tags if key != "BY"}:
        value["tags"] = others
    if not line.finished:
        value["unfinished"] = True
    return value
