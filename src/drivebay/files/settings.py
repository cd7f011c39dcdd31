"""Settings of the files service."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from ..contract.files import ReceiverRules

MIN_PURGES: Final = 1_000_000
"""The lowest value that `max_purges` may have. A purge stays for days, so a low limit would stop ordinary use."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits and periods of the files service. All sizes are in bytes.

    The key of cursors is derived from `secret`. `quota` applies to a drive without a quota of its own. An upload larger
    than `multipart_threshold` is an upload in parts.

    `upload_ttl` is the lifetime of a pending upload in one piece. `parts_ttl` is the lifetime of an upload in parts,
    counted from the last request for part URLs. `watch` is how long an expired upload is still looked up. `trash_grace`
    is the grace period of entries in the trash. `tombstone` is how long the row of a deleted object stays. A late PUT
    may store the object again, so the object is deleted again when its last URL has expired, and when the tombstone
    ends. `lease` is the time that a janitor has for one batch of purges.

    Changes are deleted when they are older than `change_age`. `archive_ttl` is how long the URL of an archive works.

    `versions_keep` is how many old versions of a file are kept in addition to the current version. `versions_age` is
    how long an old version is kept after it was replaced.

    `max_depth` limits the number of nested folders. `max_entries` limits the files and folders of one drive. Items in
    the trash and pending uploads count. `max_purges` limits the purges of one drive. Tombstones and pending uploads
    count. While a drive has reached the limit, no upload begins. `max_drives` limits the shared drives of one user,
    because each has a quota of its own. `max_members` limits the members of one drive. `max_permissions` limits the
    permissions on one item, and `max_shared_items` the shared items of one user in one drive. `max_link_uploads` limits
    the pending uploads of one link. `max_links` limits the links of one drive. `bcrypt_cost` is the cost of the hash of
    a link's password. `search_time` limits each statement of a search. After this time the search starts no new scan.

    `receivers` are the rules for the URLs of webhooks. `max_webhooks` limits the webhooks of one user, and
    `max_webhook_leases` the webhooks of one user to which workers send at the same time. `webhook_lease` is the time
    that a worker has until it records a result. A webhook is disabled when it has failed for `webhook_retry_time`.

    `max_jobs` limits the unfinished jobs of one user in one drive. Of the jobs of a user that have ended, the last
    `max_ended_jobs` are kept. `job_lease` is the time that a worker has for one step.
    `max_copied_entries` limits the files and folders of one copy, because its last step makes all of them visible under
    the lock of the drive.

    Files have thumbnails only if `thumbnails` is True. A file larger than `max_thumbnail_source` has no thumbnail. The
    limit for a video is `max_video_source`, which may be larger, because a worker reads only a part of a video. With 0,
    no video has a thumbnail. A worker has `thumbnail_lease` for one object. `user_thumbnails_per_hour` limits the new
    thumbnails that one user requests. `max_user_thumbnails` limits the queued thumbnails of one user, and
    `max_queued_thumbnails` the queued thumbnails of all users.
    """

    secret: bytes = field(repr=False)
    quota: int = 10 * 2**30
    max_file_size: int = 5 * 2**40
    multipart_threshold: int = 64 * 2**20
    upload_ttl: timedelta = timedelta(minutes=15)
    parts_ttl: timedelta = timedelta(days=1)
    trash_grace: timedelta = timedelta(days=30)
    max_pending_uploads: int = 10_000
    max_depth: int = 64
    max_entries: int = 10_000_000
    max_purges: int = 10_000_000
    max_copied_entries: int = 200_000
    max_drives: int = 100
    max_members: int = 1000
    max_permissions: int = 200
    max_shared_items: int = 1000
    max_links: int = 10_000
    max_link_uploads: int = 100
    bcrypt_cost: int = 12
    receivers: ReceiverRules = field(default_factory=ReceiverRules)
    max_webhooks: int = 20
    max_webhook_leases: int = 4
    webhook_lease: timedelta = timedelta(minutes=1)
    webhook_retry_time: timedelta = timedelta(days=3)
    max_jobs: int = 10
    max_ended_jobs: int = 1000
    job_lease: timedelta = timedelta(minutes=1)
    thumbnails: bool = True
    max_thumbnail_source: int = 64 * 2**20
    max_video_source: int = 0
    thumbnail_lease: timedelta = timedelta(minutes=2)
    user_thumbnails_per_hour: int = 3000
    max_user_thumbnails: int = 100
    max_queued_thumbnails: int = 5000
    watch: timedelta = timedelta(days=7)
    tombstone: timedelta = timedelta(days=7)
    archive_ttl: timedelta = timedelta(hours=6)
    change_age: timedelta = timedelta(days=30)
    versions_keep: int = 20
    versions_age: timedelta = timedelta(days=30)
    lease: timedelta = timedelta(seconds=30)
    search_time: timedelta = timedelta(seconds=2)

    @property
    def cursor_key(self) -> bytes:
        """The key that signs cursors."""
        return hmac.digest(self.secret, b"files cursor", hashlib.sha256)

    @property
    def url_expiry_delay(self) -> timedelta:
        """The time after an upload's deadline at which every URL that was signed for it has expired."""
        return self.upload_ttl + timedelta(minutes=1)
