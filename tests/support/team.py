"""Messages of a team, made by hand, and those that a journal would send."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from support.commands import Run, good
from support.journals import FakeClock, writer_of
from threeam.core.format.clock import system_clock
from threeam.core.store.journal import Journal, resolve_journal
from threeam.core.write.draft import Draft
from threeam.hypotheses.drafts import hypothesis_draft
from threeam.team.messages.line_chain import extend_chain, first_link
from threeam.team.messages.message import Message
from threeam.team.messages.position import Origin, SegmentEnd
from threeam.team.mirrors.mirror import Mirror, MirrorFiles
from threeam.team.origin import OriginFile
from threeam.team.outgoing import Cursor, Outgoing

DB1 = Origin("d" * 32)
SEGMENT = "20261124T031407.000000000Z"
LATER_SEGMENT = "20261124T041407.000000000Z"


def message(
    data: bytes, begin: int, end: int, *, segment: str = SEGMENT, epoch: int = 1, after: SegmentEnd | None = None
) -> Message:
    """Return the message with the bytes ``begin`` to ``end`` of a segment that holds ``data``."""
    link = extend_chain(first_link(segment), data[:begin])
    return Message(Origin(DB1.id, epoch), "db1", segment, begin, link, data[begin:end], after)


def outgoing_messages(outgoing: Outgoing, cursor: Cursor | None, origin: Origin = DB1) -> Iterator[Message]:
    """Yield the messages that would be sent from ``cursor`` on."""
    while cursor is not None and (batch := outgoing.read(cursor)) is not None:
        yield batch.message(origin, "db1", None)
        cursor = batch.end


def content(files: MirrorFiles) -> bytes:
    """Return all bytes of a mirror, in their order."""
    return b"".join(Path(part.path).read_bytes() for part in files.parts)


def journal_bytes(journal: Journal) -> bytes:
    """Return the bytes of all files of a journal, the oldest first."""
    live = journal.open_live()
    assert live is not None
    return b"".join(Path(segment.path).read_bytes() for segment in journal.segments_forward(live))


def mirror_journal(source: Journal, host: str, into: Journal) -> None:
    """Bring the mirror of ``source`` beside ``into`` up to date, as a follower would."""
    file, outgoing = OriginFile(source), Outgoing(source)
    mirror = Mirror(into, file.origin.id)
    for each in outgoing_messages(outgoing, outgoing.begin(), file.origin):
        mirror.write(each._replace(host=host))
    mirror.close()
    file.close()


class WritingHost:
    """A host of the team on which alice writes: its journal is mirrored beside that of ``here``, and has an H1."""

    def __init__(self, folder: Path, here: Journal, host: str = "db1") -> None:
        folder.mkdir()
        self.journal = resolve_journal(str(folder / "sanity.log"))
        self._here, self._host = here, host
        self._clock = FakeClock(system_clock())
        self.write(hypothesis_draft("the sweeper races the writer", 4))

    def write(self, *drafts: Draft) -> None:
        """Write a block of lines for each draft, and send it."""
        for draft in drafts:
            writer_of("alice", self.journal, self._clock).write(draft)
        mirror_journal(self.journal, self._host, self._here)

    def run(self, run: Run, *argv: str) -> str:
        """Run a command of `3am` there, with all lines that ``here`` has, and return what it prints."""
        mirror_journal(self._here, "web1", self.journal)
        log = self.journal.log_path
        return good(run(*argv, SANITY_LOG=log, SANITY_LOCK=f"{log}.lock"))


class OtherHost:
    """A host of the team: what it sends is in its mirror beside ``journal``."""

    def __init__(self, journal: Journal, host: str = "db1", origin: Origin = DB1) -> None:
        self._journal, self._host, self._origin = journal, host, origin
        self._sent: dict[str, bytes] = {}

    def send(self, data: bytes, segment: str = SEGMENT) -> None:
        """Let the mirror have the next lines of a segment."""
        after = None
        if segment not in self._sent and self._sent:
            last = max(self._sent)
            after = SegmentEnd(last, len(self._sent[last]))
        before = self._sent.get(segment, b"")
        self._sent[segment] = before + data
        mirror = Mirror(self._journal, self._origin.id)
        sent = message(before + data, len(before), len(before + data), segment=segment, after=after)
        mirror.write(sent._replace(origin=self._origin, host=self._host))
        mirror.close()
