"""Records of unfinished uploads, so that another process can resume or abort them. The caller provides the storage."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Protocol

import msgspec


class UnfinishedUpload(msgspec.Struct, frozen=True):
    """The record of an upload in parts that can be resumed.

    `key` identifies the local file, its state, and the target. `path` is the local path, for messages. The record is
    saved before the upload is begun, with an empty `upload_id`, and again when the id is known. If the process ends in
    between, the same request with `idempotency_key` returns the upload that the process may have begun.
    """

    key: str
    upload_id: str
    server: str
    path: str
    size: int
    name: str
    begun_at: datetime
    idempotency_key: str = ""


class PendingBatch(msgspec.Struct, frozen=True):
    """A request that begins small uploads, recorded before it is sent: its Idempotency-Key and its JSON body."""

    key: str
    server: str
    body: bytes


class ResumeStore(Protocol):
    """Storage for records of unfinished uploads. The methods may block: the SDK calls them in a thread.

    An upload is begun only after its record is saved. If the record cannot be saved, the upload fails, and the server
    has no upload. If a record cannot be deleted (OSError), the SDK continues: the next process finds that the upload
    has ended.
    """

    def record_batch(self, batch: PendingBatch) -> None:
        """Save a batch. It belongs to this process until `remove_batch`, or until the process ends."""
        ...

    def remove_batch(self, key: str) -> None:
        """Delete a batch that belongs to this process. All its uploads have ended."""
        ...

    def take_abandoned_batches(self, server: str) -> list[PendingBatch]:
        """Return the batches of this server whose process has ended. They belong to this process from now on."""
        ...

    def find_upload(self, key: str) -> UnfinishedUpload | None:
        """Return the unfinished upload with this key, or None."""
        ...

    def save_upload(self, upload: UnfinishedUpload) -> None:
        """Save an unfinished upload atomically: after a crash there is the whole record, or no record."""
        ...

    def remove_upload(self, key: str) -> None:
        """Delete the record with this key. Do nothing if there is no such record."""
        ...


def resume_key(*parts: str) -> str:
    """Return a key for these values that can be used as a file name."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]
