"""Thumbnails: small images of the content of files. The worker makes them after the first request.

A thumbnail belongs to an object, so copies and restored versions share it. `Thumbnails` is for users.
`ThumbnailJobs` is for the worker: it claims objects under a lease, makes their thumbnails and records the result.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import msgspec

from ..ids import FileId, LeaseId
from .access import Access
from .uploads import UploadRef


class ThumbnailState(StrEnum):
    """Whether the content of a file has thumbnails."""

    READY = "ready"
    QUEUED = "queued"
    """The worker will make the thumbnails."""
    NONE = "none"
    """The content has no thumbnails and will never have any."""


class ThumbnailInfo(msgspec.Struct, frozen=True):
    """The state of the thumbnails of a file. `name` is the name of the file.

    `key` is the key of the object with the content of the file. It is empty if there is no object, as for a folder.

    While the state is `QUEUED`, `retry_after` is the number of seconds after which the caller should ask again.
    """

    state: ThumbnailState
    key: str
    name: str
    retry_after: int = 0


class ThumbnailOutcome(StrEnum):
    """The result of an attempt to make the thumbnails of an object."""

    MADE = "made"
    NO_PREVIEW = "no_preview"
    """No thumbnail can be made of these bytes. A second attempt would have the same result."""
    FAILED = "failed"
    """The attempt took too long or needed too much memory, or its process died. A second attempt may succeed."""
    POSTPONED = "postponed"
    """The bytes could not be read, or the images not be written, because the store did not respond. Such an attempt
    does not count."""


class ThumbnailTask(msgspec.Struct, frozen=True):
    """An object whose thumbnails the worker must make. `key` is its key in the store, and `size` its length in
    bytes."""

    ref: UploadRef
    key: str
    size: int


class Thumbnails(Protocol):
    async def get_thumbnail(self, access: Access, id: FileId, is_lost: bool = False) -> ThumbnailInfo:
        """Return the state of the thumbnails of a file outside the trash. The first call for a content queues its
        object.

        `is_lost`: the caller found that the store has no thumbnail. Then an object in the state `READY` is queued
        again.

        If the actor has too many files in the queue, or if the queue is full, the state is `QUEUED`, although nothing
        was queued. A later call queues the file. A folder, and a file that is empty, large or of a type without a
        preview, has the state `NONE`. A repeat changes nothing.

        Raises NotFound, RateLimited (the actor has requested too many new thumbnails in the last hour).
        """
        ...


class ThumbnailJobs(Protocol):
    async def claim_thumbnails(self, lease: LeaseId, limit: int) -> tuple[ThumbnailTask, ...]:
        """Claim up to `limit` (1 to 100) objects in the queue under a new lease.

        Objects are claimed round-robin by the user who requested them: one object of each user comes before a second
        object of any user. The objects of one user are in the order of their requests.

        The lease lasts two minutes. Until it ends, no other caller gets these objects. A repeat returns the same
        objects. After three attempts without a result, an object has no thumbnails. Raises InvalidRequest.
        """
        ...

    async def finish_thumbnail(self, lease: LeaseId, ref: UploadRef, outcome: ThumbnailOutcome) -> None:
        """Record the result of an attempt. After `FAILED` and `POSTPONED` the object can be claimed again in half a
        minute.

        A result of a lease that has ended changes nothing.
        """
        ...
