"""A signal ends a `3am team` in order, whatever it is doing."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from threeam.cli.exit_on_signal import TERMINATION_SIGNALS
from threeam.cli.signals import interrupt_exit_code, raise_on_signals
from threeam.cli.team_loop import run_until_signal


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (*TERMINATION_SIGNALS, signal.SIGALRM)}
    raise_on_signals()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", TERMINATION_SIGNALS)
def test_a_signal_in_a_task_lets_all_tasks_close_what_they_use(number: signal.Signals) -> None:
    closed = list[str]()

    async def work(name: str, *, signals: bool) -> None:
        try:
            while True:
                await asyncio.sleep(0)
                if signals:
                    signals = False
                    os.kill(os.getpid(), number)
        finally:
            await asyncio.sleep(0)
            closed.append(name)

    async def run() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(work("other", signals=False))
                group.create_task(work("interrupted", signals=True))
        finally:
            await asyncio.sleep(0)
            closed.append("all")

    with pytest.raises(KeyboardInterrupt) as ended:
        run_until_signal(run())
    assert sorted(closed) == ["all", "interrupted", "other"]
    assert interrupt_exit_code(ended.value) == 128 + number
