"""The settings of the janitor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one deployment for the janitor.

    `interval` is the pause between two rounds of purging and expiring, `orphan_interval` the pause between two searches
    for orphans. `batch` is the number of objects, uploads or rows in one call (at most 1,000), and `concurrent_batches`
    the number of batches that are purged at the same time. A scan of the bucket lists at most `scan_rate` objects a
    second, in pages of `scan_page` objects. An orphan is moved only when it is older than `orphan_age`.

    `deadline` bounds one step of a batch, such as the deletion of its objects. A lease must be longer than two
    deadlines. `copy_deadline` bounds the move of one object.
    """

    interval: timedelta = timedelta(seconds=30)
    batch: int = 1000
    concurrent_batches: int = 2
    orphan_age: timedelta = timedelta(hours=24)
    orphan_interval: timedelta = timedelta(hours=1)
    scan_rate: int = 2000
    scan_page: int = 1000
    deadline: timedelta = timedelta(seconds=12)
    copy_deadline: timedelta = timedelta(minutes=11)
