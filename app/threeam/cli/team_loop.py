"""The event loop of a ``3am team`` that runs until it is ended."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from threeam.cli.exit_on_signal import TERMINATION_SIGNALS
from threeam.cli.exits import TerminatedBySignal


def run_until_signal(work: Coroutine[Any, Any, None]) -> None:
    """Run ``work``, and cancel it on a signal; then raise `KeyboardInterrupt`, as on a signal in other commands.

    Raised in the middle of a task, it would end the loop before the other tasks have closed what they use. A second
    signal ends the process at once.
    """
    received = list[int]()

    async def run() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        caught = [number for number in TERMINATION_SIGNALS if signal.getsignal(number) != signal.SIG_IGN]

        def end(number: int) -> None:
            received.append(number)
            for each in caught:
                loop.remove_signal_handler(each)
            task.cancel()

        for number in caught:
            loop.add_signal_handler(number, end, number)
        await work

    try:
        asyncio.run(run())
    except asyncio.CancelledError:
        raise (KeyboardInterrupt if received == [signal.SIGINT] else TerminatedBySignal(received[0])) from None
