"""The runbook of a point-in-time recovery: the templates in ``runbooks/``, filled with the target and the server."""

from __future__ import annotations

import shlex
from importlib.resources import files

from threeam.core.format.markdown import escape_markdown, inline_code
from threeam.core.format.times import format_duration
from threeam.restore.pitr import RESTORED_PORT, RecoveryTarget, ServerReport

_NS_PER_US = 1_000

# engine -> how the live and the restored server are reached, if no server was inspected
_DEFAULT_ADDRESSES = {
    "postgres": ("port=5432 dbname=postgres", f"port={RESTORED_PORT} dbname=postgres"),
    "mariadb": ("--host=127.0.0.1 --user=root", ""),
    "mysql": ("--host=127.0.0.1 --user=root", ""),
}
_PROGRAMS = {
    "mariadb": {"client": "mariadb", "dump": "mariadb-dump", "admin": "mariadb-admin"},
    "mysql": {"client": "mysql", "dump": "mysqldump", "admin": "mysqladmin"},
}


def render_runbook(engine: str, target: RecoveryTarget, source: str, server: ServerReport | None = None) -> str:
    """Return the steps to ``target`` and back into the live rows, as Markdown. ``source``: where T comes from."""
    from jinja2 import (
        Environment,
        FunctionLoader,
        StrictUndefined,
    )  # takes 20 ms, which parsing options must not wait for

    environment = Environment(
        loader=FunctionLoader(_load_template),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(text=escape_markdown, code=inline_code)
    default_live, default_restored = _DEFAULT_ADDRESSES[engine]
    return environment.get_template(f"{engine}.md").render(
        target=target,
        step=5,
        **_PROGRAMS.get(engine, {}),
        minus=format_duration(target.minus_ns),
        at=str(target.t),
        t_us=target.t.ns // _NS_PER_US,
        source=source,
        live=shlex.quote((server.live_address if server is not None else "") or default_live),
        then=shlex.quote((server.restored_address if server is not None else "") or default_restored),
        server=server,
    )


def _load_template(name: str) -> str:
    return (files("threeam.restore") / "runbooks" / name).read_text(encoding="utf-8")
