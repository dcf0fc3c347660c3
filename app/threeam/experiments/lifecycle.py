"""The life that experiments, searches and bisections share: a plan file, a plan line, a lock, and an explained end."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from threeam.core.errors import FileUnusable, JournalError, PreconditionFailed, Unsure
from threeam.core.format.clock import Clock
from threeam.core.redact.redact import format_redacted_command
from threeam.core.state.fold import State
from threeam.core.store.attachment_kinds import AttachmentKind
from threeam.core.store.attachments import discard_attachment, read_attachment, write_attachment
from threeam.core.store.journal import Journal
from threeam.core.write.draft import Draft
from threeam.core.write.locked_log import INTERRUPTED_REASON, Block
from threeam.core.write.writer import Writer
from threeam.experiments.runs.run_tags import parse_index
from threeam.process.execute import StartFailed

_FORMAT_VERSION = 1  # of plan files


class JournalAccess(NamedTuple):
    """A journal, its clock, and functions that give a new writer for it and its current state."""

    journal: Journal
    clock: Clock
    new_writer: Callable[[], Writer]
    load_state: Callable[[], State]


class Listener(Protocol):
    """The caller's side of a plan: it shows what happens."""

    def on_written(self, raw: bytes) -> None:
        """Show lines that were written to the log."""

    def on_warning(self, text: str) -> None:
        """Show a message for the user."""

    def on_end(self) -> None:
        """Stop showing progress: the runs are made, or the plan was ended."""

    def on_unfinished(self, text: str) -> None:
        """Tell the user that a plan was ended too early, and which command continues it."""


class Plan(Protocol):
    """A plan of any sort."""

    @property
    def command(self) -> Sequence[str]:
        """Return the command and its arguments."""


P = TypeVar("P", bound=Plan)


class PlanFormat(NamedTuple, Generic[P]):
    """A sort of plan: its files, and the commands ``start`` and ``resume`` of 3am that begin and continue one.

    ``prefix``: the first word of the names of its files. ``to_record`` and ``from_record``: a plan as a JSON object,
    and back. The words of commands are in it as they were typed. They may contain secrets, so the file is private to
    its owner.
    """

    kind: AttachmentKind
    prefix: str
    to_record: Callable[[P], dict[str, Any]]
    from_record: Callable[[dict[str, Any]], P]
    start: str
    resume: str

    def encode(self, plan: P) -> bytes:
        """Return the content of the file of ``plan``."""
        record = {"format": _FORMAT_VERSION, **self.to_record(plan)}
        return json.dumps(record, indent=1).encode()  # undecodable bytes of a command become \udc.., and are restored

    def decode(self, content: bytes, path: str) -> P:
        """Return the plan of a file with this content. Raise `FileUnusable`; ``path`` is for its message."""
        try:
            record = json.loads(content)
            if record.pop("format") != _FORMAT_VERSION:
                raise FileUnusable(f"{path} was written by a later version of 3am")
            return self.from_record(record)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FileUnusable(f"{path} is not a {self.kind.name} of 3am: {error}") from None


class StoredPlan(NamedTuple, Generic[P]):
    """A plan as it was read from its file, and whether this user has signed the file."""

    plan: P
    path: str
    is_signed: bool
    start: str

    def signed(self) -> P:
        """Return the plan. Raise `FileUnusable` if this user has not signed it."""
        if self.is_signed:
            return self.plan
        command = format_redacted_command(self.plan.command)
        raise FileUnusable(
            f"{self.path} is not signed with your key, so its command is not run: {command}; "
            f"{self.start} makes a new plan"
        )


@contextmanager
def begun_plan(
    access: JournalAccess,
    listener: Listener,
    plan_format: PlanFormat[P],
    plan: P,
    draft_of: Callable[[str], Draft],
) -> Iterator[tuple[str, Writer]]:
    """Save ``plan``, log its line, lock its file, and yield the name of the plan (``R12``) and the writer that logged.

    ``draft_of``: returns the draft of the line, from the name of the file.
    """
    file_name = f"{plan_format.prefix}-{access.clock().ns}-{os.getpid()}.json"
    writer = access.new_writer()
    path = write_attachment(access.journal, plan_format.kind, file_name, plan_format.encode(plan))
    block = _write_plan_line(writer, draft_of(file_name), path)
    listener.on_written(block.raw)
    index = parse_index(block.draft_entries[-1])
    assert index is not None  # the draft has assigned the number
    name = f"R{index.experiment}"
    with lock_plan(path, name):
        yield name, writer


def read_plan(journal: Journal, plan_format: PlanFormat[P], file_name: str) -> StoredPlan[P]:
    """Return the plan that is stored in this file. Raise `FileUnusable` if it has no plan."""
    path, content, is_signed = read_attachment(journal, file_name, plan_format.kind)
    return StoredPlan(plan_format.decode(content, path), path, is_signed, plan_format.start)


@contextmanager
def lock_plan(path: str, name: str) -> Iterator[None]:
    """Hold a lock on the plan file at ``path``. Raise `PreconditionFailed` if another process holds it."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PreconditionFailed(f"{name} is being run by another process") from None
        yield
    finally:
        os.close(fd)


def submit_interruptible(writer: Writer, draft: Draft) -> None:
    """Write ``draft``; a signal may end the wait for the lock, unless the caller defers interrupts."""
    with writer.lock_log(full_state=draft.needs_full_state, interruptible=True) as log:
        log.write(draft)


@contextmanager
def explained_ending(name: str, resume: str, listener: Listener) -> Iterator[None]:
    """Tell ``listener`` when the runs of the plan ``name`` end, and if that is too early, which command continues it.

    ``resume``: the words of that command before the name.
    """
    unfinished = f"{name} is ended before its plan is done"
    try:
        yield
    except KeyboardInterrupt:
        listener.on_end()
        listener.on_unfinished(f"{unfinished}: {resume} {name} continues it")
        raise
    except (JournalError, StartFailed, OSError) as error:
        listener.on_end()
        listener.on_unfinished(f"{unfinished}: once this is fixed, {resume} {name} continues it")
        raise error if isinstance(error, JournalError) else FileUnusable(str(error)) from None
    except BaseException:
        listener.on_end()
        raise
    listener.on_end()


def _write_plan_line(writer: Writer, draft: Draft, path: str) -> Block:
    """Write the line of a plan; delete the plan file at ``path`` if nothing was written."""
    try:
        return writer.write(draft)
    except BaseException as error:
        if writer.first_stamp is None:
            discard_attachment(path)
        elif isinstance(error, KeyboardInterrupt):  # its exit code would say that nothing was written
            raise Unsure(writer.first_stamp, INTERRUPTED_REASON) from None
        raise
