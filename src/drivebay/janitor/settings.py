"""What a deployment decides about the janitor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Settings:
    """`interval` is the pause between rounds, `batch` the objects of one delete call (1,000 at most),
    `in_flight` the batches at once. `stray_age` is how old an object that nobody knows must be before it is
    moved out of reach, `stray_interval` the pause between looking for such. `deadline` bounds a call and,
    for `delete` and `finish` together, must stay below the lease; `copy_deadline` bounds moving one object."""

    interval: timedelta = timedelta(seconds=60)
    batch: int = 1000
    in_flight: int = 2
    stray_age: timedelta = timedelta(hours=24)
    stray_interval: timedelta = timedelta(hours=1)
    deadline: timedelta = timedelta(seconds=12)
    copy_deadline: timedelta = timedelta(minutes=11)
