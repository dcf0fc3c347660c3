"""The journal of another host through ssh, for a host on which only 3am is installed. Nothing is sent there."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import IO

from threeam.core.errors import JournalError
from threeam.core.format.escape import escape_unprintable
from threeam.core.store.journal import Journal
from threeam.team.blanking.blank_question import answer_question
from threeam.team.carrier import Announcement, CarrierAway, CarrierRefused, NoAnswer, Place, Received, Topic
from threeam.team.messages.presence import SILENT_S
from threeam.team.origin import read_origin
from threeam.team.ssh.frames import FROM_THE_BEGINNING, Answer, Ask, FrameReader, Here, HostileStream, Lines
from threeam.team.ssh.known_mirrors import mirror_name
from threeam.team.ssh.line_cursor import mirror_cursor
from threeam.team.ssh.ssh_target import SshTarget
from threeam.team.team_status import read_all_statuses, status_path

_GREETING_S = 30.0  # s; to connect, to log in, and to start 3am there
_END_S = 2.0  # s; for ssh to end
_READ_BYTES = 1024 * 1024
_MESSAGES_BYTES = 16 * 1024  # bytes of what ssh prints, of which the last are kept

_UNKNOWN_KEY = re.compile(r"Host key verification failed|No \S+ host key is known")
_CHANGED_KEY = re.compile(r"IDENTIFICATION HAS CHANGED|host key .* has changed")
_DENIED = re.compile(r"Permission denied|Too many authentication failures")


@asynccontextmanager
async def connect(target: SshTarget, journal: Journal) -> AsyncIterator[SshSource]:
    """Yield an open source, and close it. Raises `CarrierAway` or `CarrierRefused`."""
    source = SshSource(target, journal)
    try:
        await source.open()
        yield source
    finally:
        await source.close()


class SshSource:
    """A connection to one host. See `MessageSource`. ``journal``: the own one, which has the mirrors."""

    def __init__(self, target: SshTarget, journal: Journal) -> None:
        self._target = target
        self._journal = journal
        self._frames = FrameReader()
        self._process: subprocess.Popen[bytes] | None = None
        self._requests = -1  # the descriptor of the stdin of ssh, while it is open
        self._pipes: list[asyncio.ReadTransport] = []
        self._reading: asyncio.Task[JournalError] | None = None
        self._greeted = asyncio.Event()
        self._batches: asyncio.Queue[list[Received]] = asyncio.Queue(4)
        self._presences: asyncio.Queue[bytes] = asyncio.Queue()
        self._questions: dict[int, asyncio.Future[bytes]] = {}  # those without an answer, by their numbers
        self._answers = set[asyncio.Task[None]]()  # to questions of the host
        self._last_question = 0
        self._is_replaying = False
        self._messages = b""

    async def open(self) -> None:
        """Start ssh, and wait until 3am on the other host greets. Raises `CarrierAway` or `CarrierRefused`."""
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(self._target.command(), stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0)
        except OSError as error:
            raise CarrierRefused(f"ssh cannot be started: {error.strerror}; install openssh-client") from None
        assert self._process.stdin is not None
        self._requests = self._process.stdin.fileno()
        os.set_blocking(self._requests, False)
        output = await self._open_pipe(self._process.stdout)
        messages = await self._open_pipe(self._process.stderr)
        self._reading = asyncio.create_task(self._read(self._process, output, messages))
        greeted = asyncio.create_task(self._greeted.wait())
        await asyncio.wait({self._reading, greeted}, timeout=_GREETING_S, return_when=asyncio.FIRST_COMPLETED)
        greeted.cancel()
        if self._reading.done():
            raise self._reading.result()
        if not self._greeted.is_set():
            raise CarrierAway(f"{self._target} does not answer")
        self._check_origin()

    async def _open_pipe(self, pipe: IO[bytes] | None) -> asyncio.StreamReader:
        reader = asyncio.StreamReader(limit=_READ_BYTES)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
        self._pipes.append(transport)
        return reader

    async def close(self) -> None:
        """End ssh, and with it 3am on the other host."""
        if self._reading is not None:
            for task in {self._reading, *self._answers}:
                task.cancel()
            await asyncio.wait({self._reading, *self._answers})
        for transport in self._pipes:
            transport.close()
        if self._process is not None:
            self._process.terminate()  # the other side sees its connection end
            await self._end(self._process)

    async def replay(self, after: Place | None) -> AsyncIterator[list[Received]]:
        """Yield the lines of the host. See `MessageSource`.

        A place says only whose mirror it is: the mirror itself says where it ends.
        """
        if self._is_replaying:  # the cursor is sent once
            raise CarrierAway(f"{self._target} is read again")
        origin_id = self._frames.origin_id
        cursor = await asyncio.to_thread(mirror_cursor, self._journal, origin_id)
        self._is_replaying = True
        words = [mirror_name(self._journal)]
        if after != (origin_id,) or cursor is None:
            words.append(FROM_THE_BEGINNING)
        self._request(" ".join([*words, *([str(cursor)] if cursor is not None else [])]))
        while True:
            yield await self._batches.get()
            self._batches.task_done()  # it is in the mirror

    async def announcements(self) -> AsyncIterator[Announcement]:
        """Yield the presence of the host."""
        while True:
            yield Announcement(self._frames.origin_id, await self._presences.get())

    async def ask(self, topic: Topic, origin_id: str, question: bytes, limit_s: float) -> bytes:
        """Return what the host answers. See `MessageSource`; a question that is more than its topic is not answered."""
        self._last_question += 1
        number = self._last_question
        self._questions[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(limit_s):
                if self._is_replaying and origin_id == self._frames.origin_id and not question:
                    self._request(f"{topic} {number}")
                return await self._questions[number]
        except TimeoutError:
            raise NoAnswer(f"{self._target} does not answer") from None
        finally:
            del self._questions[number]

    async def wait_closed(self) -> None:
        """Wait until the connection is lost, and raise why."""
        assert self._reading is not None
        raise await asyncio.shield(self._reading)

    def _request(self, line: str) -> None:
        """Send a line, if the pipe has room for it; if 3am there does not read, it ends the connection."""
        if self._requests < 0:  # an end is noticed where the answers are read
            return
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(self._requests, line.encode() + b"\n")

    async def _read(
        self, process: subprocess.Popen[bytes], output: asyncio.StreamReader, messages: asyncio.StreamReader
    ) -> JournalError:
        """Take what comes, until it ends, and return why it has ended."""
        collecting = asyncio.create_task(self._collect_messages(messages))
        try:
            await self._take_frames(output)
            await asyncio.wait({collecting}, timeout=_END_S)
            code = await self._end(process)
            return describe_end(self._target, code, self._messages.decode(errors="replace").strip())
        except HostileStream as hostile:
            return CarrierRefused(f"{self._target} cannot be read: {hostile}")
        except TimeoutError:
            return CarrierAway(f"{self._target} does not answer")
        finally:
            collecting.cancel()

    async def _next_chunk(self, output: asyncio.StreamReader) -> bytes:
        async with asyncio.timeout(SILENT_S):  # `wait_for` of Python 3.11 forgets a cancel that comes with the bytes
            return await output.read(_READ_BYTES)

    async def _take_frames(self, output: asyncio.StreamReader) -> None:
        while chunk := await self._next_chunk(output):
            batch, presence, questions = list[Received](), b"", list[Ask]()
            for frame in self._frames.feed(chunk):
                match frame:
                    case Lines(headers, payload):
                        origin_id = self._frames.origin_id
                        batch.append(Received(origin_id, headers, payload, (origin_id,)))
                    case Answer(number, data):
                        if (asked := self._questions.get(number)) is not None and not asked.done():
                            asked.set_result(data)
                    case Ask():
                        questions.append(frame)
                    case Here(presence):
                        pass
            if self._frames.origin_id:
                self._greeted.set()
            if presence:
                self._request("")
                self._presences.put_nowait(presence)
            if batch:
                await self._batches.put(batch)
            for question in questions:
                task = asyncio.create_task(self._answer(question))
                self._answers.add(task)
                task.add_done_callback(self._answers.discard)

    async def _answer(self, question: Ask) -> None:
        """Answer a question of the host about its own lines, once all that came before it is in the mirror."""
        await self._batches.join()
        if question.data.startswith(b'["%s",' % self._frames.origin_id.encode()):
            answer = await asyncio.to_thread(answer_question, self._journal, question.data)
            if answer is not None:
                self._request(f"blanked {question.number} {answer.decode()}")

    async def _collect_messages(self, messages: asyncio.StreamReader) -> None:
        while data := await messages.read(_MESSAGES_BYTES):
            self._messages = (self._messages + data)[-_MESSAGES_BYTES:]

    async def _end(self, process: subprocess.Popen[bytes]) -> int:
        """Return the exit code of ssh, which has a moment to end by itself."""
        assert process.stdin is not None
        self._requests = -1
        process.stdin.close()
        try:
            return await asyncio.to_thread(process.wait, _END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return await asyncio.to_thread(process.wait)

    def _check_origin(self) -> None:
        """Raise `CarrierRefused` if this host has the id of this journal, or of one that another address brings."""
        target, origin_id = str(self._target), self._frames.origin_id
        a_copy = "if it is a copy, it needs an id of its own, by 3am team new-origin there"
        own = read_origin(self._journal)
        if own is not None and own.id == origin_id:
            raise CarrierRefused(f"{target} has the id of this journal: it is the same one; {a_copy}")
        for status, _ in read_all_statuses(self._journal):
            if origin_id in status.hosts and status.address != target:
                host, path = status.hosts[origin_id].host, status_path(self._journal, status.address)
                raise CarrierRefused(
                    f"{target} has the id of {host}, whose journal comes from {status.address}: {a_copy}; "
                    f"if that address is not used any more, remove {path}"
                )


def describe_end(target: SshTarget, code: int | None, text: str) -> JournalError:
    """Return why ssh has ended with ``code`` after it had printed ``text``."""
    last = escape_unprintable(text.splitlines()[-1])[:300] if text else ""
    where, login = str(target), target.login
    if code == 255:  # ssh itself
        if _CHANGED_KEY.search(text):
            return CarrierRefused(f"the key of {where} is another than before: ask why, then see ssh {login}")
        if _UNKNOWN_KEY.search(text):
            return CarrierRefused(f"the key of {where} is not known here: run ssh {login} once, and compare the key")
        if _DENIED.search(text):
            return CarrierRefused(f"{where} does not let you in without a question: try ssh-copy-id {login}")
        return CarrierAway(f"{where} cannot be reached: {last or 'the connection is lost'}")
    if code in (126, 127):  # the shell there
        return CarrierRefused(
            f"{where} has no 3am that ssh can start ({last}): install it there, with a link in /usr/local/bin"
        )
    if code == 2 and "--mirror" in text:
        return CarrierRefused(f"3am on {where} is older than this one: update it there")
    if code == 0 or code is None or code < 0:
        return CarrierAway(f"the connection to {where} has ended")
    return CarrierRefused(f"{where} reports: {last or f'exit {code}'}")
