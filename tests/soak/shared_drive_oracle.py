"""The part of the oracle about shared drives: files and versions, accesses, links, jobs, and the usage."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from .file_steps import get_object
from .folder_link_oracle import FolderLinkOracle
from .job_steps import LARGE_COPY
from .link_steps import send_without_account
from .shared_drive_records import Contents, JobRecords, LinkRecords, SharedDriveRecords
from .shared_drives import SharedAccess, ShareLink
from .sharing_steps import read_requests, write_request
from .simulated_user import ApiResponse, Json, SimulatedUser

_AGING_LIMIT: Final = 60.0
"""Seconds in which old versions must be deleted, and uploads of others must become files."""
_MAX_DOWNLOADS: Final = 5

ReportViolation = Callable[[str, str, str, str], None]
"""Called with the promise, a detail, the name of the user, and the id of what it is about."""


@dataclass
class SharedDriveOracle:
    """Checks the shared drives of one user when all faults have ended."""

    user: SimulatedUser
    records: SharedDriveRecords
    report_violation: ReportViolation

    async def check(self) -> None:
        """Run all checks."""
        for (item, other), kind in self.records.accesses.items():
            await self._check_access(item, other, kind)
        await self._check_links()
        for name, job in self.records.jobs.items():
            await self._check_job(name, job)
        await self._check_copies()
        await self._check_work()
        for drive in (self.user.drives.work, self.user.drives.copies):
            await self._check_usage(drive)

    def _report(self, promise: str, detail: str, about: str = "") -> None:
        self.report_violation(promise, detail, self.user.name, about)

    # -- accesses ------------------------------------------------------------------------------------

    async def _check_access(self, item: str, other_name: str, kind: str) -> None:
        if kind not in ("access_given", "access_withdrawn"):
            return
        other = next(user for user in self.user.other_users if user.name == other_name)
        access = SharedAccess(other, item, "viewer", is_member=item == self.user.drives.work)
        requests = read_requests(self.user, access)
        expected = 200
        if kind == "access_withdrawn":
            expected = 404
            requests.append(write_request(self.user, access))
        for method, path, body in requests:
            response = await self._send(other, method, path, body, (200, 201, 403, 404))
            if response.status != expected:
                promise = "access holds until it is withdrawn, and never after"
                self._report(promise, f"{kind}: {method} {path} of {other_name}: {response.status}", item)
        self.user.counts[f"{kind.replace('_', ' ')}: checked at the end"] += 1

    # -- links ---------------------------------------------------------------------------------------

    async def _check_links(self) -> None:
        listed = {item["id"]: item for item in await self._list_all(f"/v1/links?drive_id={self.user.drives.work}")}
        for id, records in self.records.links.items():
            if records.role:
                await FolderLinkOracle(self.user, id, records, self.report_violation).check()
            if records.state == "link_revoked":
                await self._check_revoked(id, records, listed)
            elif records.state == "link_created":
                self._check_downloads(id, records, listed.get(id))

    async def _check_revoked(self, id: str, records: LinkRecords, listed: dict[str, Json]) -> None:
        link = ShareLink(id, records.token, self.user.drives.files[0], records.maximum)
        for path in ("", "/download", "/files"):
            response = await self.user.retry(lambda path=path: send_without_account(self.user, link, path))  # type: ignore[misc]
            if response is None or response.status != 404:
                self._report("a revoked link never gives access", f"{path}: {response}", id)
        if id in listed:
            self._report("a revoked link is not listed", "it is listed", id)
        self.user.counts["revoked links checked at the end"] += 1

    def _check_downloads(self, id: str, records: LinkRecords, item: Json | None) -> None:
        if item is None:
            self._report("no link is lost", "a link is not listed", id)
            return
        count, possible = item["downloads"], records.requested - records.refused
        if not records.downloaded <= count <= possible or 0 < records.maximum < count:
            detail = f"{count}, confirmed {records.downloaded}, possible {possible}, allowed {records.maximum}"
            self._report("downloads of a link are counted exactly", detail, id)
        self.user.counts["links checked at the end"] += 1

    # -- jobs and copies -----------------------------------------------------------------------------

    async def _check_job(self, name: str, records: JobRecords) -> None:
        if not records.id:
            return
        if records.guest:
            await self._check_job_of_guest(records)
            return
        job = (await self._get(f"/v1/jobs/{records.id}")).body
        status = job["status"]
        if status == "running" or records.status not in ("", status):
            self._report("a job ends once", f"{status}, ended as {records.status!r}", records.id)
        if status == "cancelled" and "job_cancel_requested" not in records.kinds:
            self._report("a job is cancelled only by its user", name, records.id)
        if status == "failed" and not (job["error"]["code"] == "not_found" and records.parent != "root"):
            self._report("a job fails only for a documented reason", str(job["error"]), records.id)
        records.status = status
        self.user.counts[f"job at the end: {status}"] += 1

    async def _check_job_of_guest(self, records: JobRecords) -> None:
        if "job_withdrawn" in records.kinds:
            guest = next(user for user in self.user.other_users if user.name == records.guest)
            response = await self._send(guest, "GET", f"/v1/jobs/{records.id}", None, (200, 404))
            if response.status != 404:
                self._report("access holds until it is withdrawn, and never after", "a job is shown", records.id)
            self.user.counts["jobs of removed members at the end"] += 1

    async def _check_copies(self) -> None:
        """Check that the copies of jobs that are done exist as a whole, and that nothing else exists."""
        items = await self._list_all(f"/v1/files?parent_id=root&drive_id={self.user.drives.copies}")
        folders = {item["name"]: item for item in items}
        for name, job in self.records.jobs.items():
            must_exist = job.status == "done" and job.parent == "root" and "copy_trash_requested" not in job.kinds
            must_not_exist = job.status in ("failed", "cancelled") or "copy_trashed" in job.kinds
            if must_exist and name not in folders:
                self._report("no copy of a job is lost", name, job.id)
            if "job_unfinished" in job.kinds and name in folders:
                self._report("a job ends when its user has lost the access", name, job.id)
            if must_not_exist and name in folders:
                self._report("a job that is not done leaves nothing", f"{name}: {job.status}", job.id)
        for name, item in folders.items():
            if LARGE_COPY in name and name in self.records.jobs:
                await self._check_large_copy(item)
            elif name in self.records.jobs:
                await self._check_copy(item)
            elif not name.endswith(" target") and item["id"] != self.user.drives.large:
                self._report("every copy belongs to a job", name, item["id"])

    async def _check_copy(self, folder: Json) -> None:
        drives = self.user.drives
        items = await self._list_all(f"/v1/files?parent_id={folder['id']}&drive_id={drives.copies}")
        copied = {item["name"]: item for item in items}
        if copied.keys() != {file.name for file in drives.files}:
            self._report("a copy has all files of its original", f"{sorted(copied)}", folder["id"])
        for file in drives.files:
            if file.name in copied:
                await self._check_bytes(drives.copies, copied[file.name], {file.sha256})
        self.user.counts["copies of jobs compared"] += 1

    async def _check_large_copy(self, folder: Json) -> None:
        original, copied = [
            (await self._get(f"/v1/files/{id}/size?drive_id={self.user.drives.copies}")).body
            for id in (self.user.drives.large, folder["id"])
        ]
        if copied != original:
            self._report("a copy has all files of its original", f"{copied} instead of {original}", folder["id"])
        self.user.counts["large copies of jobs compared"] += 1

    # -- files and versions --------------------------------------------------------------------------

    async def _check_work(self) -> None:
        """Check that every confirmed content is current and readable, and that no other file exists."""
        drives = self.user.drives
        listed = {item["name"]: item for item in await self._list_all(f"/v1/files?drive_id={drives.work}")}
        for name, contents in self.records.contents.items():
            is_confirmed = contents.file and contents.drive == drives.work
            if is_confirmed and (name not in listed or listed[name]["id"] != contents.file):
                self._report("no file of a shared drive is lost", name, contents.file)
        for name, item in listed.items():
            if name not in self.records.contents:
                self._report("every file of a shared drive was uploaded", name, item["id"])
                continue
            contents = self.records.contents[name]
            await self._check_bytes(
                drives.work, item, {contents.confirmed} if contents.confirmed else contents.possible
            )
            await self._check_deleted_versions(contents)

    async def _check_deleted_versions(self, contents: Contents) -> None:
        for version in contents.deleted_versions:
            path = f"/v1/files/{contents.file}/versions/{version}/download?drive_id={self.user.drives.work}"
            if (await self._get(path)).status != 404:
                self._report("a deleted version cannot be read", version, contents.file)
            self.user.counts["deleted versions tried"] += 1

    async def _check_bytes(self, drive: str, item: Json, expected: set[str]) -> None:
        signed = (await self._get(f"/v1/files/{item['id']}/download?drive_id={drive}")).body
        content = None
        for _ in range(_MAX_DOWNLOADS):
            content = await get_object(self.user, signed["url"])
            if content is not None:
                break
            await asyncio.sleep(0.5)
        if content is None or len(content) != item["size"] or hashlib.sha256(content).hexdigest() not in expected:
            size = "no bytes" if content is None else f"{len(content)} bytes"
            self._report("a file of a shared drive has the confirmed bytes", f"{item['name']}: {size}", item["id"])
        self.user.counts["files of shared drives compared"] += 1

    async def _check_usage(self, drive: str) -> None:
        """Compare the usage of a drive with its files. The last old versions count until they are aged."""
        end = asyncio.get_running_loop().time() + _AGING_LIMIT
        while True:
            items = await self._list_all(f"/v1/files?drive_id={drive}")
            usage = (await self._get(f"/v1/drives/{drive}")).body["usage"]
            expected = (sum(item["size"] for item in items), 0, len(items))
            if (usage["used_bytes"], usage["reserved_bytes"], usage["file_count"]) == expected:
                return
            if asyncio.get_running_loop().time() > end:
                self._report("the usage of a shared drive is the sum of sizes", f"{usage}, files: {expected}", drive)
                return
            await asyncio.sleep(0.5)

    # -- requests ------------------------------------------------------------------------------------

    async def _get(self, path: str) -> ApiResponse:
        return await self._send(self.user, "GET", path, None, (200, 404))

    async def _send(
        self, user: SimulatedUser, method: str, path: str, body: Json | None, expect: Sequence[int]
    ) -> ApiResponse:
        """Send a request that must get a response, because all faults have ended."""
        response = await user.retry(lambda: user.call(method, path, body, expect=expect))
        if response is None:
            self._report("the API answers again", f"{method} {path}")
            return ApiResponse(0, {})
        return response

    async def _list_all(self, path: str) -> list[Json]:
        items: list[Json] = []
        cursor = ""
        while True:
            page = (await self._get(f"{path}&limit=1000{cursor}")).body
            items += page.get("items", [])
            if not page.get("next_cursor"):
                return items
            cursor = f"&cursor={page['next_cursor']}"
