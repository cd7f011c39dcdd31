"""The ids that travel between services. Each is a UUIDv7 (RFC 9562), so ids sort by time of birth."""

from __future__ import annotations

from typing import Final, NewType
from uuid import UUID

UserId = NewType("UserId", UUID)
FileId = NewType("FileId", UUID)
"""A file or a folder."""
UploadId = NewType("UploadId", UUID)
"""An upload; a version of a file carries the id of the upload that made it."""
LeaseId = NewType("LeaseId", UUID)
"""Who holds a batch of work, made new for each batch."""

ROOT: Final = FileId(UUID(int=0))
"""The folder at the top of every owner's tree. It has no row and the gateway writes it as `root`."""
