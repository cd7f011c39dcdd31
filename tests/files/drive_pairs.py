"""Two drives of one user: the personal drive, and a shared drive that gets copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from uuid_utils.compat import uuid7

from drivebay.contract import files as c
from drivebay.contract.ids import ROOT, DriveId, FileId, LeaseId, UserId
from drivebay.contract.storage import Storage
from drivebay.files.service import Service

from .conftest import SETTINGS, Drive

IN_ROOT = c.CopyTarget(ROOT)


class MemberDrive(Drive):
    """A drive whose calls are made by a user who is not its owner."""

    member: c.Access

    @property
    def access(self) -> c.Access:
        return self.member


def as_member(drive: Drive, access: c.Access) -> MemberDrive:
    """Return the drive of an access, whose calls are made with that access."""
    own = MemberDrive(drive.files, drive.bucket, drive.database, drive.storage, access.drive, drive.hints)
    own.member = access
    return own


@dataclass
class DrivePair:
    """`source` is the personal drive of `user`, and `target` a shared drive that they manage."""

    source: Drive
    target: Drive

    @property
    def user(self) -> UserId:
        return UserId(self.source.owner)

    async def copy(
        self, id: FileId, target: c.CopyTarget = IN_ROOT, key: str | None = None, user: c.Access | None = None
    ) -> c.Job:
        """Start a copy. Calls may be delivered twice, so it has a key."""
        access = user or self.source.access
        return await self.source.files.start_drive_copy(access, id, self.target.access, target, key or uuid7().hex)

    async def get(self, job: c.Job) -> c.Job:
        return await self.source.files.get_job(self.user, job.id)

    async def claim(self) -> tuple[LeaseId, c.JobTask]:
        lease = LeaseId(uuid7())
        (task,) = await self.source.files.claim_jobs(lease, 10)
        return lease, task

    async def run(self) -> None:
        """Do what a worker does until no job is left."""
        lease = LeaseId(uuid7())
        for task in await self.source.files.claim_jobs(lease, 10):
            while await self.source.files.run_job_step(lease, task):
                pass

    async def run_until_planned(self) -> tuple[LeaseId, c.JobTask]:
        """Claim the only job, and run steps until objects are planned and none is copied."""
        lease, task = await self.claim()
        while not await self.count_planned():
            assert await self.source.files.run_job_step(lease, task)
        return lease, task

    async def run_until_ended(self, job: c.Job) -> None:
        """Run the steps of a claimed job until nothing of it is left."""
        lease = await self.source.database.fetchval("SELECT lease FROM files.jobs WHERE id = $1", job.id)
        while await self.source.files.run_job_step(lease, c.JobTask(job.drive, job.id)):
            pass

    async def count_planned(self) -> int:
        sql = "SELECT count(*) FROM files.job_objects WHERE owner_id = $1"
        return int(await self.source.database.fetchval(sql, self.target.owner))

    @property
    def copied(self) -> list[str]:
        """The keys of the objects that the store has copied into the other drive, in order."""
        return [key for key in self.source.bucket.copied if key.startswith(f"{self.target.owner}/")]

    async def target_keys(self) -> list[str]:
        """Return the keys of the objects of the drive that gets the copies."""
        return [key for key in self.source.bucket.objects if key.startswith(f"{self.target.owner}/")]

    def service(self, copying: Any) -> Service:
        """Return a files service whose storage copies objects with `copying`."""
        return Service(self.source.database, copying, SETTINGS, new_id=uuid7, hints=None)


class CopyingStorage:
    """A storage whose `copy_objects` can be replaced."""

    def __init__(self, storage: Storage, copy_objects: Any) -> None:
        self.copy_objects = copy_objects
        self.stat_objects = storage.stat_objects
        self.stat_staged = storage.stat_staged
        self.get_capabilities = storage.get_capabilities


async def make_pair(drive: Drive) -> DrivePair:
    shared = await drive.files.create_drive(UserId(drive.owner), "Team", "team")
    access = await drive.files.resolve_access(UserId(drive.owner), DriveId(shared.id))
    return DrivePair(drive, as_member(drive, access))
