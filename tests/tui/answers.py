"""A bridge whose answers a test gives: each text that is sent waits until then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pilots import Night, night

from support.lines import NIGHT
from threeam.core.store.journal import Journal
from threeam.core.write.locked_log import Block
from threeam.projections import FOLD
from threeam.tui import messages
from threeam.tui.bridge import Bridge
from threeam.tui.outbox import WriteRequest


class Answers:
    """What was sent and has no answer yet, and the lines of the texts that were written."""

    def __init__(self) -> None:
        self.waiting: list[WriteRequest] = []
        self.written: list[str] = []

    def give(self, it: Night, *, written: bool) -> None:
        """Answer the first request that waits."""
        request = self.waiting.pop(0)
        request.written = written
        request.answered.set()
        if not written:
            it.journal_screen.post_message(messages.WriteRefused(request, "nothing was written"))
            return
        self.written += request.outgoing.text.split("\n") if request.outgoing is not None else []
        if request.on_written is None:
            it.journal_screen.post_message(messages.BlockWritten(request, Block((), b"", (), FOLD.empty_state)))
        else:  # it asks for the lines of the block
            it.journal_screen.post_message(messages.WriteUnsure(request, "it may not last", NIGHT, NIGHT))


@asynccontextmanager
async def night_with_answers(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Night, Answers]]:
    """Opens the screen on ``journal``, whose writing thread is the test."""
    answers = Answers()
    with monkeypatch.context() as patch:
        patch.setattr(Bridge, "submit", lambda _, request: answers.waiting.append(request))
        async with night(journal) as it:
            yield it, answers
            answers.waiting.clear()
