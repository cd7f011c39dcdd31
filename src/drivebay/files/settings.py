"""What a deployment decides about files."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Settings:
    """Sizes in bytes. `secret` seals cursors. What is over `multipart_threshold` comes in parts; `parts_ttl` is how
    long such an upload waits for the next part to be asked for, and for its parts to be put together. `watch` is how
    long an expired upload is still looked for, `tombstone` how long after a deletion the key is deleted once more,
    `lease` how long a janitor may take for one batch."""

    secret: bytes = field(repr=False)
    quota: int = 10 * 2**30
    max_file_size: int = 5 * 2**40
    multipart_threshold: int = 64 * 2**20
    upload_ttl: timedelta = timedelta(minutes=15)
    parts_ttl: timedelta = timedelta(days=1)
    trash_grace: timedelta = timedelta(days=30)
    max_open_uploads: int = 10_000
    max_depth: int = 64
    watch: timedelta = timedelta(days=7)
    tombstone: timedelta = timedelta(days=7)
    lease: timedelta = timedelta(seconds=30)

    @property
    def url_life(self) -> timedelta:
        """How long after an upload's deadline the last URL signed for it has surely ended."""
        return self.upload_ttl + timedelta(minutes=1)
