"""The soak of a team: the engine, the origins, the followers and the writers are killed all the time.

By hand: ``PYTHONPATH=tests .venv-test/bin/python tests/soak/team_soak.py --seed 7``. It prints its report as a table.

Three origins and two watchers run `3am team`; `3am log -` writes and rotates on each origin. Afterwards each mirror is
its log byte for byte, and the stream of the engine has each byte once.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from signal import SIGTERM

from nats.aio.client import Client
from team_mutants import MUTANTS, mutated

from support.commands import command
from support.nats_server import NEWER, SYNC_ALWAYS, Engine, Host, wait_until
from support.team import content, journal_bytes
from threeam.team.messages.message import Message, decode
from threeam.team.origin import read_origin

ROTATE_BYTES = 100_000
BURSTS = (1, 1, 5, 20, 100, 400)  # lines


@dataclass
class TeamReport:
    """What a soak came to. ``problems``: a rule and a sentence for each thing that must not be."""

    kills: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[tuple[str, str]] = field(default_factory=list)

    def table(self) -> str:
        """Return the report as a Markdown table."""
        rows = [(f"{name} killed", count) for name, count in sorted(self.kills.items())]
        rows += [*sorted(self.counts.items()), ("problems", len(self.problems))]
        return "\n".join(["| soak of a team | |", "|---|---|", *(f"| {what} | {count:,} |" for what, count in rows)])


class TeamSoak:
    """An engine, hosts and their writers, in ``folder``. ``mutant``: the fault of their `3am team`, or empty.

    ``settle_s``: how long all lines may take to arrive after the last kill.
    """

    def __init__(self, folder: Path, program: str, seed: int, *, mutant: str = "", settle_s: float = 90) -> None:
        self._engine = Engine(folder, program, jetstream=SYNC_ALWAYS if program == NEWER else "")
        self._origins = [Host(folder, name) for name in ("db1", "web1", "web2")]
        self._watchers = [Host(folder, name) for name in ("desk", "laptop")]
        self._hosts = [*self._origins, *self._watchers]
        for host in self._hosts:
            host.write()
            host.program = mutated(mutant) if mutant else [command()]
        self._seed, self._settle_s = seed, settle_s
        self._ended = threading.Event()
        self.report = TeamReport()

    def run(self, seconds: float, kills: int) -> TeamReport:
        """Kill each kind of process ``kills`` times within about ``seconds``, and judge what is left."""
        try:
            self._engine.start()
            for host in self._hosts:
                self._start(host)
            self._disturb(seconds / kills, kills)
            self._settle()
            for host in self._hosts:
                host.end(SIGTERM)
            self._judge_hosts()
            self._judge_stream(asyncio.run(stored_messages(self._engine.url)))
        finally:
            for host in self._hosts:
                host.end()
            self._engine.kill()
        return self.report

    def _start(self, host: Host) -> None:
        host.start(self._engine.url, *(["--read-only"] if host in self._watchers else []))

    def _disturb(self, pause_s: float, kills: int) -> None:
        with ThreadPoolExecutor() as pool:
            writers = [pool.submit(self._write, host) for host in self._origins]
            killers = [
                pool.submit(self._kill, "engine", [self._engine.kill], [self._engine.start], pause_s, kills),
                pool.submit(self._kill_hosts, "origin", self._origins, pause_s, kills),
                pool.submit(self._kill_hosts, "follower", self._watchers, pause_s, kills),
            ]
            try:
                for killer in killers:
                    killer.result()
            finally:
                self._ended.set()
            for writer in writers:
                writer.result()

    def _kill_hosts(self, name: str, hosts: list[Host], pause_s: float, kills: int) -> None:
        starts = [partial(self._start, host) for host in hosts]
        self._kill(name, [host.end for host in hosts], starts, pause_s, kills)

    def _kill(
        self,
        name: str,
        ends: Sequence[Callable[[], None]],
        starts: Sequence[Callable[[], None]],
        pause_s: float,
        kills: int,
    ) -> None:
        chance = random.Random(f"{self._seed} {name}")
        for _ in range(kills):
            time.sleep(pause_s * chance.uniform(0.3, 1.5))
            index = chance.randrange(len(ends))
            ends[index]()
            self.report.kills[name] += 1
            time.sleep(pause_s * chance.uniform(0, 0.2))
            starts[index]()

    def _write(self, host: Host) -> None:
        """Write with `3am log -` until the end, and kill it at times."""
        chance = random.Random(f"{self._seed} {host.name}")
        env = {**os.environ, "HOME": str(host.folder), "SANITY_ROTATE_BYTES": str(ROTATE_BYTES), "LOGNAME": host.name}
        number = 0
        while not self._ended.is_set():
            words = [command(), "log", "-q", "-", "--log", str(host.log), "--lock", host.journal.lock_path]
            with (host.folder / "writer.txt").open("ab") as errors:
                writer = subprocess.Popen(words, env=env, stdin=subprocess.PIPE, stderr=errors)
            assert writer.stdin is not None
            with suppress(BrokenPipeError), writer.stdin:
                for _ in range(chance.randrange(20, 200)):
                    if self._ended.wait(chance.choice((0, 0.01, 0.05))):
                        break
                    texts = [f"{host.name} line {number + index}" for index in range(chance.choice(BURSTS))]
                    number += len(texts)
                    writer.stdin.write("".join(text + "\n" for text in texts).encode())
                    writer.stdin.flush()
                else:
                    writer.kill()
                    self.report.kills["writer"] += 1
            writer.wait()

    def _settle(self) -> None:
        for host in self._hosts:
            for origin in self._origins:
                if host is not origin:
                    self._expect("mirror", f"{host.name} mirrors {origin.name}", lambda: host.has_all_of(origin))  # noqa: B023
        for origin in self._origins:
            numbers = f"{origin.name} has sent all, and others hold it"
            self._expect("status", numbers, lambda: (origin.unsent(), origin.unheld()) == (0, 0))  # noqa: B023

    def _expect(self, rule: str, what: str, condition: Callable[[], object]) -> None:
        try:
            wait_until(condition, what, 1 if self.report.problems else self._settle_s)
        except AssertionError as late:
            self.report.problems.append((rule, str(late)))

    def _judge_hosts(self) -> None:
        for host in self._hosts:
            for what in (host.output(), host.notices()):
                if "Traceback" in what or (what == host.notices() and what):
                    self.report.problems.append(("notice", f"{host.name}: {what[-2000:]}"))
            for origin in self._origins:
                if host is not origin:
                    self._judge_mirror(host, origin)
        for origin in self._origins:
            live = origin.journal.open_live()
            assert live is not None
            self.report.counts["files of the origins"] += sum(1 for _ in origin.journal.segments_forward(live))
            self.report.counts["lines"] += journal_bytes(origin.journal).count(b"\n")

    def _judge_mirror(self, host: Host, origin: Host) -> None:
        epochs = host.mirrors(origin)
        if [files.gaps for files in epochs] != [[]]:
            self.report.problems.append(("gap", f"{host.name} has of {origin.name}: {epochs}"))
        if b"".join(map(content, epochs)) != journal_bytes(origin.journal):
            self.report.problems.append(("mirror", f"{host.name} has not the bytes of {origin.name}"))

    def _judge_stream(self, messages: Iterable[Message]) -> None:
        sent: dict[str, bytearray] = {}
        for message in messages:
            sent.setdefault(message.origin.id, bytearray()).extend(message.payload)
            self.report.counts["messages"] += 1
        for host in self._origins:
            origin = read_origin(host.journal)
            assert origin is not None
            if bytes(sent.get(origin.id, b"")) != journal_bytes(host.journal):
                self.report.problems.append(("stream", f"the engine has not each byte of {host.name} once"))


async def stored_messages(url: str) -> list[Message]:
    """Return all messages of a stream, in their order."""
    client = Client()
    await client.connect(url)
    try:
        jetstream = client.jetstream()
        state = (await jetstream.stream_info("3am-night")).state
        messages = []
        for sequence in range(state.first_seq, state.last_seq + 1):
            stored = await jetstream.get_msg("3am-night", sequence)
            origin_id = (stored.subject or "").rpartition(".")[2]
            messages.append(decode(origin_id, stored.headers or {}, stored.data or b""))
        return messages
    finally:
        await client.close()


def main() -> int:
    """Run it by hand."""
    parser = argparse.ArgumentParser(description="Soaks a team of 3am.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--server", default=NEWER)
    parser.add_argument("--mutant", choices=sorted(MUTANTS), default="")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="3am-team-soak-"))
    report = TeamSoak(folder, args.server, args.seed, mutant=args.mutant).run(args.seconds, args.kills)
    print(report.table(), f"seed {args.seed}, in {folder}", sep="\n")
    for rule, text in report.problems:
        print(f"{rule}: {text}", file=sys.stderr)
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
