"""A resume store in memory."""

from __future__ import annotations

from drivebay.client import PendingBatch, UnfinishedUpload


class MemoryResumeStore:
    """A `ResumeStore` in memory. A test inspects and changes its records."""

    def __init__(self) -> None:
        self.uploads: dict[str, UnfinishedUpload] = {}
        self.batches: dict[str, PendingBatch] = {}
        self.abandoned: list[PendingBatch] = []
        """Batches whose process has ended."""

    def record_batch(self, batch: PendingBatch) -> None:
        self.batches[batch.key] = batch

    def remove_batch(self, key: str) -> None:
        del self.batches[key]

    def take_abandoned_batches(self, server: str) -> list[PendingBatch]:
        taken, self.abandoned = [batch for batch in self.abandoned if batch.server == server], []
        self.batches.update({batch.key: batch for batch in taken})
        return taken

    def find_upload(self, key: str) -> UnfinishedUpload | None:
        return self.uploads.get(key)

    def save_upload(self, upload: UnfinishedUpload) -> None:
        self.uploads[upload.key] = upload

    def remove_upload(self, key: str) -> None:
        self.uploads.pop(key, None)
