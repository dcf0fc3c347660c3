"""The life of an observation: attach a tool to a process, save its output, log its begin and end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from threading import Thread
from typing import NamedTuple

from threeam.core.errors import FileUnusable, JournalError
from threeam.core.format.clock import Clock
from threeam.core.format.entry import decode_utf8
from threeam.core.format.remote_hypothesis import Bound
from threeam.core.platform.signals import INTERRUPT_SIGNALS, defer_interrupts
from threeam.core.store.attachment_kinds import TRACER_OUTPUT
from threeam.core.store.attachments import discard_attachment
from threeam.core.store.journal import Journal
from threeam.core.write.draft import Draft
from threeam.core.write.writer import Writer
from threeam.process.background import PROGRAM_ENDED
from threeam.process.execute import ExecutionResult, StartFailed
from threeam.process.guard import RunningProgram
from threeam.process.output import OutputRecorder, SavedOutput, record_output
from threeam.tracing.observations import TracerAttachment, attached_draft, detached_draft
from threeam.tracing.tracer import TracedProcess, TracerSession, run_tracer, stop_orphaned_tracer

_MAX_ERROR_BYTES = 4096  # of the tool's output, whose first line says why the tool did not attach


class ObservationRequest(NamedTuple):
    """The tool, the process that it is attached to, for how long (s; None: until an interrupt), and the hypothesis."""

    tool: str
    process: TracedProcess
    duration_s: float | None
    hypothesis: Bound | None

    def __str__(self) -> str:
        return f"{self.process.pid} ({self.process.name})"


class ObservationContext(NamedTuple):
    """The journal, the clock, and the callbacks of an observation.

    ``new_writer``: gives a writer with the lock timeout of the user. ``new_patient_writer``: gives one that waits for
    the lock without a limit: without the line of the end, all later lines would be marked as observed. ``on_written``
    gets the lines that were written, and ``on_warning`` messages for the user.
    """

    journal: Journal
    clock: Clock
    new_writer: Callable[[], Writer]
    new_patient_writer: Callable[[], Writer]
    on_written: Callable[[bytes], object]
    on_warning: Callable[[str], object]


class LiveObservation:
    """A tool that is attached to a process now. `run` does all of it, in the process that reads the tool's output."""

    def __init__(self, request: ObservationRequest, context: ObservationContext) -> None:
        self._request = request
        self._context = context
        process, started_ns = request.process, context.clock().ns
        self._attachment = TracerAttachment(request.tool, process.pid, process.name, started_ns, request.hypothesis)
        self._output_name = f"{request.tool}-{process.pid}-{started_ns}.out"
        self._first_bytes = bytearray()  # of the tool's output
        self._log_thread: Thread | None = None  # it writes that the tool is attached; None until it is

    def run(self, running: RunningProgram) -> int:
        """Attach the tool, watch until it ends, and log the end. Return the signal that interrupted it (0: none).

        Raise `FileUnusable` if the tool did not attach, or if its output could not be saved.
        """
        with defer_interrupts(True):  # they are delivered while the tool is attached, and at no other moment
            result, saved = self.watch(running)
            if self._log_thread is None:
                raise self._attach_error(result, saved)
            self.finish(running, saved)
        return result.interrupted_by

    def attach(self) -> None:
        """Log that the tool is attached.

        On a thread: the process would stand still if nothing read the output of the tool during a wait for the lock.
        """
        self._log_thread = Thread(target=self._log_attached)
        self._log_thread.start()

    def watch(self, running: RunningProgram) -> tuple[ExecutionResult, SavedOutput]:
        """Start the tool, and save its output until it ends."""
        request = self._request

        def run(recorder: OutputRecorder) -> ExecutionResult:
            def take(_: int, data: bytes) -> None:
                self._first_bytes.extend(data[: _MAX_ERROR_BYTES - len(self._first_bytes)])
                recorder.feed(data)

            session = TracerSession(request.tool, request.process, request.duration_s, lambda _: self.attach())
            return run_tracer(session, take, running)

        try:
            # The output is saved as it comes: no run is timed meanwhile.
            result, _, saved = record_output(
                self._context.journal, TRACER_OUTPUT, self._output_name, "", run, flush_bytes=0
            )
        except StartFailed as error:
            raise FileUnusable(str(error)) from None
        finally:
            if self._log_thread is not None:
                self._log_thread.join()
        return result, saved

    def finish(self, running: RunningProgram, saved: SavedOutput) -> None:
        """Log that the tool is detached, however long the lock is held by another process."""
        draft, context, tool = self._detached_draft(saved.name), self._context, self._request.tool
        # From now on an interrupt ends the wait of the other process, and not the write of this line.
        running.update(PROGRAM_ENDED, 0)
        for signum in INTERRUPT_SIGNALS:
            signal.signal(signum, signal.SIG_IGN)
        try:
            block = context.new_patient_writer().write(draft)
        except JournalError:
            context.on_warning("the journal does not say that the tool is detached: 3am observe --over logs it later")
            raise
        context.on_written(block.raw)
        if saved.path:
            context.on_warning(f"the output of {tool} is saved in {saved.path}")
        if saved.problem:
            raise FileUnusable(f"the output of {tool} is not saved: {saved.problem}")

    def finish_orphaned(self, running: RunningProgram) -> None:
        """Stop the tool and log its end, from another process, after the process that ran it was killed."""
        stop_orphaned_tracer(running)
        self._context.new_patient_writer().write(self._detached_draft(self._output_name))

    def _log_attached(self) -> None:
        try:
            block = self._context.new_writer().write(attached_draft(self._attachment))
            self._context.on_written(block.raw)
        except JournalError as error:  # the line of the end also says since when the tool was attached
            self._context.on_warning(str(error))

    def _detached_draft(self, output_name: str) -> Draft:
        return detached_draft(self._attachment, self._context.clock().ns, output_name)

    def _attach_error(self, result: ExecutionResult, saved: SavedOutput) -> FileUnusable:
        if saved.path:
            discard_attachment(saved.path)
        first_line = decode_utf8(bytes(self._first_bytes)).strip().partition("\n")[0]
        reason = first_line or f"exit {result.exit_code}"
        return FileUnusable(f"{self._request.tool} did not attach to {self._request}: {reason}")
