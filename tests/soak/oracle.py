"""The oracle: compares what users were promised with what exists when everything is up again."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import aiohttp
import asyncpg

from drivebay.contract.storage import PARTIAL_PARTS_PREFIX, QUARANTINE_PREFIX, thumbnail_source, upload_key
from drivebay.janitor.multipart_cleanup import abort_orphaned_multiparts
from drivebay.janitor.settings import Settings
from drivebay.testing.scans import UnsharedScan
from tests.tree_follower import Item

from .account_steps import find_problems
from .copied_objects import find_uploads
from .deployment import Deployment
from .ledger import Record
from .ledger_summary import UserRecords
from .shared_drive_oracle import SharedDriveOracle
from .simulated_user import REQUEST_TIMEOUT, Json, SimulatedUser

_MAX_CONCURRENT_USERS: Final = 8
_AGING_LIMIT: Final = 60.0
"""Seconds in which old versions must be deleted. They are due after `DRIVEBAY_VERSIONS_AGE`."""
_PROBE_PREFIX: Final = ".drivebay/"
"""The prefix of the objects with which the storage service probes the store."""
_SECRETS: Final = ("X-Amz-Signature=", "Bearer ey", "password of ")
"""Texts that only a presigned URL, an access token or a password of a user contains."""
_OWNER_LENGTH: Final = 37
"""The length of `{owner}/` in the key of an object."""
_END_TOMBSTONES: Final = (
    "UPDATE files.purges SET due_at = now(), keep_until = now()"
    " WHERE due_at > now() AND (leased_until IS NULL OR leased_until <= now())"
)
"""Normally a purged key is deleted again when its URLs have expired, and hours later. This makes it happen at once."""


@dataclass(frozen=True)
class Violation:
    """A violated guarantee. `about` is the id of an upload or file, or empty."""

    promise: str
    detail: str
    user: str = ""
    about: str = ""


@dataclass
class Oracle:
    """Checks one deployment. `records` are the ledger's records by user name. Checks add to `violations`."""

    deployment: Deployment
    users: Sequence[SimulatedUser]
    records: dict[str, UserRecords]
    counts: Counter[str]
    violations: list[Violation] = field(default_factory=list)

    def _report(self, promise: str, detail: str, user: str = "", about: str = "") -> None:
        self.violations.append(Violation(promise, detail, user, about))

    # -- waiting -------------------------------------------------------------------------------------

    async def wait_until_settled(self, within: float) -> float:
        """Wait until no upload is pending, no job runs, and nothing is in the trash or purging. Return the seconds."""
        clock = asyncio.get_running_loop().time
        started = clock()
        backlog = "unknown"
        while clock() - started < within:
            rows = await self._query(
                "SELECT (SELECT count(*) FROM files.uploads WHERE state = 'pending') AS pending,"
                " (SELECT count(*) FROM files.entries WHERE trashed_at IS NOT NULL) AS trashed,"
                " (SELECT count(*) FROM files.purges WHERE stage = 'purging') AS purging,"
                " (SELECT count(*) FROM files.jobs WHERE NOT is_settled) AS jobs"
            )
            backlog = ", ".join(f"{count} {name}" for name, count in rows[0].items() if count)
            if not backlog:
                return clock() - started
            await asyncio.sleep(0.5)
        self._report("the system settles", f"backlog after {within:.0f} s: {backlog}")
        return within

    async def end_job_leases(self) -> None:
        """End the leases of a worker that was killed, as they would end a minute later."""
        await self._execute_with_retry("UPDATE files.jobs SET leased_until = now() WHERE leased_until > now()")

    async def end_waiting_times(self) -> None:
        """End all leases and make all look-ups due, as they would be in a minute."""
        await self.end_job_leases()
        for statement in (
            "UPDATE files.purges SET leased_until = now() WHERE leased_until > now()",
            "UPDATE files.uploads SET next_check_at = now() WHERE next_check_at > now()",
        ):
            await self._execute_with_retry(statement)

    async def _execute_with_retry(self, statement: str) -> None:
        # The services lock the same rows in another order, so deadlocks happen.
        connection = await asyncpg.connect(self.deployment.database_url)
        try:
            async with asyncio.timeout(20):
                while True:
                    with suppress(asyncpg.DeadlockDetectedError):
                        await connection.execute(statement)
                        return
        finally:
            await connection.close()

    # -- users ---------------------------------------------------------------------------------------

    async def check_users(self) -> None:
        """Check every guarantee for every user, and the invariants."""
        for name, records in self.records.items():
            for record in records.violations:
                self._report("checks during the run", record.detail, name, record.upload or record.file)
        async with asyncio.TaskGroup() as tasks:
            limit = asyncio.Semaphore(_MAX_CONCURRENT_USERS)
            for user in self.users:
                tasks.create_task(self._check_user(user, self.records.get(user.name, UserRecords()), limit))
        await self.check_invariants()

    async def check_invariants(self) -> None:
        """Run the checks of `drivebay check`."""
        async with self.deployment.open_services() as services:
            for violation in await services.files.check_invariants():
                self._report("drivebay check", f"{violation.invariant}: {violation.detail}", str(violation.owner))

    async def _check_user(self, user: SimulatedUser, records: UserRecords, limit: asyncio.Semaphore) -> None:
        async with limit:
            for problem in await find_problems(user):
                self._report("passwords and sessions end when they are replaced or ended", problem, user.name)
            self.counts["accounts checked"] += 1
            uploads = {id: await self._check_upload(user, records, id) for id in records.created}
            for id, offsets in records.offsets.items():
                await self._check_offsets(user, id, offsets)
            uploads_of_file: defaultdict[str, list[str]] = defaultdict(list)
            for id, upload in uploads.items():
                if upload is not None and upload["status"] == "complete":
                    uploads_of_file[upload["file_id"]].append(id)
            listed = {item["id"]: item for item in await self._list_all(user, "/v1/files")}
            if records.requests_copies:
                copies = await find_uploads(self.deployment.database_url, listed.keys() - uploads_of_file.keys())
                uploads_of_file |= {
                    id: known for id, found in copies if (known := [each for each in found if each in records.created])
                }
                self.counts["copies listed"] += len(copies)
            self._check_listing(user, records, uploads_of_file, listed)
            self._check_follower(user, await user.follower.read_to_the_end(), listed)
            for id in listed.keys() & uploads_of_file.keys():
                await self._check_content(user, listed[id], [records.created[each] for each in uploads_of_file[id]])
            live = {records.created[each].sha256 for id in listed for each in uploads_of_file.get(id, ())}
            for id, urls in records.download_urls.items():
                if records.is_certainly_deleted(id):
                    await self._check_old_urls(user, id, urls, live)
            await self._check_usage(user, listed)
            await SharedDriveOracle(user, records.shared_drives, self._report).check()

    async def _check_usage(self, user: SimulatedUser, listed: dict[str, Json]) -> None:
        """Compare the usage with the listed files.

        A late upload that this check completed may have replaced a file. The old version counts until it is aged.
        """
        expected = (sum(item["size"] for item in listed.values()), 0, len(listed))
        end = asyncio.get_running_loop().time() + _AGING_LIMIT
        while True:
            usage = (await self._get(user, "/v1/me"))["usage"]
            if (usage["used_bytes"], usage["reserved_bytes"], usage["file_count"]) == expected:
                return
            if asyncio.get_running_loop().time() > end:
                detail = f"{usage}, {len(listed)} files of {expected[0]} bytes"
                self._report("the quota is the sum of sizes", detail, user.name)
                return
            await asyncio.sleep(0.5)

    async def _check_upload(self, user: SimulatedUser, records: UserRecords, id: str) -> Json | None:
        """Check that an upload ended in an allowed state. Return it if so."""
        upload = await self._get(user, f"/v1/uploads/{id}")
        if upload.get("status") == "expired" and id in records.stored and not records.stored[id]:
            # The bytes arrived after the deadline. The owner completes the upload.
            await user.call("POST", f"/v1/uploads/{id}/complete", expect=(200,))
            upload = await self._get(user, f"/v1/uploads/{id}")
        status = upload.get("status", "absent")
        stored = "stored" if id in records.stored else "not stored"
        self.counts[f"upload {stored}: {status}"] += 1
        is_allowed = {
            "complete": (id in records.put_started or id in records.instant) and id not in records.ended,
            # An instant upload has no object of its own, so its row ends with its version (deleted or aged).
            404: id in records.instant,
            "failed": bool(upload.get("reason")),
            "expired": id not in records.stored,
            "aborted": id in records.abort_requested,
        }
        if not is_allowed.get(status, False):
            self._report("an upload ends in an allowed state", f"{status}, {stored}", user.name, id)
            return None
        return upload

    async def _check_offsets(self, user: SimulatedUser, id: str, reported: list[Record]) -> None:
        """Check that the offset of a tus upload never decreased, and that it did not expire too early."""
        for record in reported:
            # A request may get an old offset if it was sent before the response with the newer one arrived.
            earlier = [each.size for each in reported if each.at < record.sent_at]
            if earlier and record.size < max(earlier):
                detail = f"{record.size} bytes, after {max(earlier)}"
                self._report("the stored offset never decreases", detail, user.name, id)
        self.counts["tus offsets reported"] += len(reported)
        rows = await self._query("SELECT ended_at FROM files.uploads WHERE state = 'expired' AND id = $1", UUID(id))
        announced = max(record.expires_at for record in reported)
        if rows and rows[0]["ended_at"].timestamp() < announced:
            detail = f"{announced - rows[0]['ended_at'].timestamp():.1f} s too early"
            self._report("no upload expires before its announced time", detail, user.name, id)

    def _check_listing(
        self,
        user: SimulatedUser,
        records: UserRecords,
        uploads_of_file: dict[str, list[str]],
        listed: dict[str, Json],
    ) -> None:
        """Check that exactly the right files are listed."""
        for id, uploads in uploads_of_file.items():
            if id in listed and records.is_certainly_deleted(id):
                self._report("a deleted file is not listed", "it is listed", user.name, id)
            elif id not in listed and records.is_certainly_live(id, uploads):
                self._report("no file is lost", f"file {id} is not listed", user.name, uploads[-1])
            self.counts["files listed" if id in listed else "files deleted"] += 1
        for id in records.copies - uploads_of_file.keys():
            if records.is_certainly_live(id, ()):
                self._report("no copy is lost", f"copy {id} is not listed", user.name, id)
        for id, item in listed.items():
            if not item["name"].startswith(user.name):
                self._report("users see only their own files", item["name"], user.name, id)
            elif id not in uploads_of_file:
                self._report("every file comes from an upload or is a copy of one", item["name"], user.name, id)
        names = Counter((item["parent_id"], item["name"]) for item in listed.values())
        for (_, name), count in names.items():
            if count > 1:
                self._report("names in a folder are unique", f"{name} is listed {count} times", user.name)

    def _check_follower(self, user: SimulatedUser, followed: dict[str, Item], listed: dict[str, Json]) -> None:
        """Check that a client that followed all changes knows exactly the files that are listed."""
        shown = {id: Item(item["parent_id"], item["name"], item["size"]) for id, item in listed.items()}
        for id in followed.keys() | shown.keys():
            if followed.get(id) != shown.get(id):
                detail = f"followed: {followed.get(id)}, listed: {shown.get(id)}"
                self._report("a follower of the changes knows the tree", detail, user.name, id)
        self.counts["files compared with the changes"] += len(shown)

    async def _check_content(self, user: SimulatedUser, item: Json, uploads: list[Record]) -> None:
        """Check that a file downloads with the bytes of one of its uploads."""
        signed = await self._get(user, f"/v1/files/{item['id']}/download")
        content = await self._download(user, signed["url"])
        digest = hashlib.sha256(content or b"")
        is_uploaded = digest.hexdigest() in {record.sha256 for record in uploads}
        is_listed_checksum = item["sha256"] is None or base64.b64decode(item["sha256"]) == digest.digest()
        if content is None or not is_uploaded or len(content) != item["size"] or not is_listed_checksum:
            size = "no bytes" if content is None else f"{len(content)} bytes"
            detail = f"{size}, listed with {item['size']}"
            self._report("a file has the uploaded bytes", detail, user.name, uploads[-1].upload)
        self.counts["files compared byte by byte"] += 1

    async def _check_old_urls(self, user: SimulatedUser, id: str, urls: Iterable[str], live: Collection[str]) -> None:
        """Check that URLs of a purged file end. `live` are the SHA-256 of files that may share its object."""
        for url in urls:
            body = await self._download(user, url)
            if body is not None and hashlib.sha256(body).hexdigest() not in live:
                self._report("a purged file cannot be read", "an old URL works", user.name, id)
            self.counts["URLs of purged files tried"] += 1

    # -- the bucket ----------------------------------------------------------------------------------

    async def check_bucket(self, within: float) -> None:
        """Finish all purges, then check that objects and rows belong together."""
        connection = await asyncpg.connect(self.deployment.database_url)
        try:
            async with asyncio.timeout(within):
                while await connection.fetchval("SELECT count(*) FROM files.purges"):
                    await self._execute_with_retry(_END_TOMBSTONES)
                    await asyncio.sleep(0.5)
            rows = await connection.fetch(
                "SELECT DISTINCT owner_id, coalesce(object_id, id) AS id, size"
                " FROM files.versions WHERE state = 'stored'"
            )
        except TimeoutError:
            self._report("the janitor finishes all purges", f"purges remain after {within:.0f} s")
            return
        finally:
            await connection.close()
        versions = {f"{row['owner_id']}/{row['id']}": row["size"] for row in rows}
        self._compare_objects(versions, await self.deployment.object_sizes())

    def _compare_objects(self, versions: dict[str, int], objects: dict[str, int]) -> None:
        """Compare the sizes of stored versions with those of objects, both by key."""
        for key, size in versions.items():
            if objects.get(key) != size:
                detail = f"{key}: {objects.get(key)} bytes instead of {size}"
                self._report("every version has its object", detail, about=key[_OWNER_LENGTH:])
        orphans = self.deployment.orphan_keys
        for key in orphans - {key.removeprefix(QUARANTINE_PREFIX) for key in objects}:
            self._report("no orphan is deleted", key)
        # If partial parts could not be deleted at once, they are deleted with their file.
        partial_parts = {
            key
            for key in objects
            if key.startswith(PARTIAL_PARTS_PREFIX)
            and key.removeprefix(PARTIAL_PARTS_PREFIX).rpartition("/")[0] in versions
        }
        self.counts["partial parts of files"] += len(partial_parts)
        uploads = {upload_key(key) for key in versions}
        thumbnails = {key for key in objects if thumbnail_source(key) in uploads}
        self.counts["thumbnails of files"] += len(thumbnails)
        for key in objects.keys() - versions.keys() - orphans - partial_parts - thumbnails:
            if not key.startswith((QUARANTINE_PREFIX, _PROBE_PREFIX)):
                detail = f"{key}, {objects[key]} bytes"
                self._report("every object has a row", detail, about=key[_OWNER_LENGTH:])
            elif key.startswith(QUARANTINE_PREFIX) and key.removeprefix(QUARANTINE_PREFIX) not in orphans:
                self._report("only orphans are in quarantine", key, about=key[-36:])
        self.counts["objects with a row"] += len(objects)

    async def check_multiparts(self) -> None:
        """Abort orphaned multipart uploads as in two days, then check that the store has none."""
        async with self.deployment.open_services() as services:
            in_two_days = datetime.now(UTC) + timedelta(days=2)
            result = await abort_orphaned_multiparts(
                services.files, services.storage, Settings(), UnsharedScan(), now=in_two_days
            )
            self.counts["orphaned multipart uploads aborted"] += result.aborted
            left = (await services.storage.list_multiparts(None, 1000)).items
        if left:
            self._report("no multipart upload remains", f"{len(left)} multipart uploads", about=left[0].key)

    # -- logs ----------------------------------------------------------------------------------------

    def check_logs(self) -> None:
        """Check that no service logged an error, a traceback, a secret, or the token of a link or of an archive."""
        links = [link for records in self.records.values() for link in records.shared_drives.links.values()]
        tokens = [link.token for link in links]
        tokens += [path.rpartition("/")[2] for link in links for path in (*link.archives, *link.ended_archives)]
        for path in sorted(self.deployment.folder.glob("*.log")):
            text = path.read_text(errors="replace")
            if any(token in text for token in tokens):
                self._report("no log contains a secret", f"{path.stem}: the token of a link or an archive")
            for line in text.splitlines():
                if '"level":"error"' in line.replace(" ", "") or "Traceback" in line:
                    self._report("no log contains a defect", f"{path.stem}: {line[:600]}")
                if any(secret in line for secret in _SECRETS):
                    self._report("no log contains a secret", path.stem)

    # -- requests ------------------------------------------------------------------------------------

    async def _query(self, sql: str, *arguments: object) -> list[dict[str, Any]]:
        connection = await asyncpg.connect(self.deployment.database_url)
        try:
            return [dict(row) for row in await connection.fetch(sql, *arguments)]
        finally:
            await connection.close()

    async def _get(self, user: SimulatedUser, path: str) -> Json:
        """Send a GET that must succeed, because all faults have ended."""
        response = await user.retry(lambda: user.call("GET", path, expect=(200, 404)))
        if response is None:
            self._report("the API answers again", f"GET {path}", user.name)
            return {}
        return response.body

    async def _list_all(self, user: SimulatedUser, path: str) -> list[Json]:
        items: list[Json] = []
        cursor = ""
        while True:
            page = await self._get(user, f"{path}?limit=1000{cursor}")
            items += page.get("items", [])
            if not page.get("next_cursor"):
                return items
            cursor = f"&cursor={page['next_cursor']}"

    async def _download(self, user: SimulatedUser, url: str) -> bytes | None:
        """Return the object at a presigned URL, or None if the store refuses it."""
        for _ in range(5):
            try:
                async with user.http.get(url, timeout=REQUEST_TIMEOUT) as response:
                    if response.status == 200:
                        return await response.read()
                    if response.status in (403, 404):
                        return None
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass
            await asyncio.sleep(0.5)
        return None
