"""The attachments with the bytes of cited lines of other logs."""

from __future__ import annotations

from threeam.core.errors import FileUnusable
from threeam.core.format.cited_line import CitedLine
from threeam.core.store.attachment_kinds import CITED_LINES
from threeam.core.store.attachments import Attachment, read_attachment
from threeam.core.store.journal import Journal


class ChangedAttachment(FileUnusable):
    """An attachment whose bytes are not those that were cited."""


def read_cited_attachment(journal: Journal, cited: CitedLine) -> Attachment:
    """Return the attachment with the bytes that evidence cites.

    Raises `FileUnusable`, and `ChangedAttachment` if it has other bytes now.
    """
    import hashlib  # only where evidence cites another log

    attachment = read_attachment(journal, cited.file, CITED_LINES)
    if hashlib.sha256(attachment.content).hexdigest() != cited.sha256:
        raise ChangedAttachment(f"{attachment.path} has other bytes than those that were cited: its SHA-256 is wrong")
    return attachment
