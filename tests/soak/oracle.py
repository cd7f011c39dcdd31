"""What must be true when everything is up again, held against what the users know.

The users' knowledge is read back from the disk. A reply that was lost leaves two truths possible; a reply
that came leaves one.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import asyncpg
import msgspec

from drivebay.contract.storage import TAILS
from drivebay.janitor import parts
from drivebay.janitor.settings import Settings
from drivebay.storage.service import QUARANTINE

from .arena import Arena
from .ledger import Record, read
from .user import PATIENCE, User

Json = dict[str, Any]
_AT_ONCE = 8


@dataclass(frozen=True)
class Violation:
    """A broken promise; `about` is the id of the upload or file it is about, if any."""

    promise: str
    detail: str
    user: str = ""
    about: str = ""


@dataclass
class Knowledge:
    """One user's ledger, sorted."""

    begun: dict[str, Record] = field(default_factory=dict)
    put: set[str] = field(default_factory=set)
    stored: dict[str, bool] = field(default_factory=dict)  # in time: the store said so before the deadline
    aborted: set[str] = field(default_factory=set)
    over: set[str] = field(default_factory=set)  # told that it is: it cannot become a file any more
    kept: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    deletions: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    parents: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    links: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    broken: list[Record] = field(default_factory=list)

    def add(self, record: Record) -> None:
        match record.what:
            case "begun":
                self.begun[record.upload] = record
            case "put":
                self.put.add(record.upload)
            case "stored":
                in_time = not record.detail.endswith("late")
                self.stored[record.upload] = self.stored.get(record.upload, False) or in_time
            case "abort":
                self.aborted.add(record.upload)
            case "terminated" | "ended":
                self.over.add(record.upload)
            case "kept":
                self.kept[record.upload].append(record)
            case "trash" | "trashed" | "restore" | "restored" | "gone":
                self.deletions[record.file].append(record.what)
                if record.parent:
                    self.parents[record.file].add(record.parent)
            case "move":
                self.parents[record.file].add(record.parent)
            case "link":
                self.links[record.file].add(record.url)
            case "broken":
                self.broken.append(record)

    def surely_gone(self, file: str) -> bool:
        return self.deletions.get(file, [""])[-1] in ("trashed", "gone")

    def surely_live(self, file: str, uploads: Iterable[str]) -> bool:
        """Nobody ever tried to delete it or a folder that it may have been in, or it was brought back."""
        parents = self.parents[file] | {self.begun[id].parent for id in uploads}
        if any(parent in self.deletions for parent in parents):
            return False
        return self.deletions.get(file, ["restored"])[-1] == "restored"


def knowledge(path: Path) -> dict[str, Knowledge]:
    found: defaultdict[str, Knowledge] = defaultdict(Knowledge)
    for record in read(path):
        found[record.user].add(record)
    return dict(found)


@dataclass
class Oracle:
    arena: Arena
    users: Sequence[User]
    known: dict[str, Knowledge]
    tally: Counter[str]
    violations: list[Violation] = field(default_factory=list)

    def breach(self, promise: str, detail: str, user: str = "", about: str = "") -> None:
        self.violations.append(Violation(promise, detail, user, about))

    async def converged(self, within: float) -> float:
        """Wait until nothing is pending, due or held back; the seconds it took."""
        clock = asyncio.get_running_loop().time
        began = clock()
        waiting = "nothing yet"
        while clock() - began < within:
            rows = await self._ask(
                "SELECT (SELECT count(*) FROM files.uploads WHERE state = 'pending') AS pending,"
                " (SELECT count(*) FROM files.entries WHERE trashed_at IS NOT NULL) AS trashed,"
                " (SELECT count(*) FROM files.purges WHERE stage = 'purging') AS purging"
            )
            waiting = ", ".join(f"{count} {what}" for what, count in rows[0].items() if count)
            if not waiting:
                return clock() - began
            await asyncio.sleep(0.5)
        self.breach("it converges", f"after {within:.0f} s there are still: {waiting}")
        return within

    async def pass_time(self) -> None:
        """Let leases end, and look-ups be due, that would be so in half a minute."""
        for statement in (
            "UPDATE files.purges SET leased_until = now() WHERE leased_until > now()",
            "UPDATE files.uploads SET next_check_at = now() WHERE next_check_at > now()",
        ):
            await self._at_last(statement)

    async def _at_last(self, statement: str) -> None:
        # What works on the same rows meanwhile takes them in another order.
        session = await asyncpg.connect(self.arena.database_url)
        try:
            async with asyncio.timeout(20):
                while True:
                    with suppress(asyncpg.DeadlockDetectedError):
                        await session.execute(statement)
                        return
        finally:
            await session.close()

    async def hold(self) -> None:
        """Every promise against every user, then the whole bucket."""
        for tag, known in self.known.items():
            for record in known.broken:
                self.breach("while it ran", record.detail, tag, record.upload or record.file)
        async with asyncio.TaskGroup() as tasks:
            places = asyncio.Semaphore(_AT_ONCE)
            for user in self.users:
                tasks.create_task(self._user(user, self.known.get(user.tag, Knowledge()), places))
        await self.invariants()

    async def invariants(self) -> None:
        """What `drivebay check` says."""
        async with self.arena.services() as services:
            for violation in await services.files.check():
                self.breach("drivebay check", f"{violation.invariant}: {violation.detail}", str(violation.owner))

    async def _user(self, user: User, known: Knowledge, places: asyncio.Semaphore) -> None:
        async with places:
            uploads = {id: await self._upload(user, known, id) for id in known.begun}
            for id, told in known.kept.items():
                await self._kept(user, id, told)
            made: defaultdict[str, list[str]] = defaultdict(list)
            for id, upload in uploads.items():
                if upload is not None and upload["status"] == "complete":
                    made[upload["file_id"]].append(id)
            listed = {item["id"]: item for item in await self._all(user, "/v1/files")}
            await self._files(user, known, made, listed)
            usage = (await self._get(user, "/v1/me"))["usage"]
            sizes = sum(item["size"] for item in listed.values())
            if (usage["used_bytes"], usage["reserved_bytes"], usage["file_count"]) != (sizes, 0, len(listed)):
                self.breach("the quota is the sum of sizes", f"{usage}, {len(listed)} files of {sizes} bytes", user.tag)

    async def _upload(self, user: User, known: Knowledge, id: str) -> Json | None:
        """What became of an upload, if that may be."""
        upload = await self._get(user, f"/v1/uploads/{id}")
        if upload.get("status") == "expired" and id in known.stored and not known.stored[id]:
            # The bytes came after the deadline: its owner says that they are there.
            await user.call("POST", f"/v1/uploads/{id}/complete", expect=(200,))
            upload = await self._get(user, f"/v1/uploads/{id}")
        status = upload.get("status", "not there")
        stored = "stored" if id in known.stored else "not stored"
        self.tally[f"upload {stored}: {status}"] += 1
        allowed = {
            "complete": id in known.put and id not in known.over,
            "failed": bool(upload.get("reason")),
            "expired": id not in known.stored,
            "aborted": id in known.aborted,
        }
        if not allowed.get(status, False):
            self.breach("an upload ends as its user may expect", f"it is {status}, {stored}", user.tag, id)
            return None
        return upload

    async def _kept(self, user: User, id: str, told: list[Record]) -> None:
        """What was told of an upload by tus: never less than before, and never given up before its time."""
        for record in told:
            # What was asked before an answer came may be answered as things were.
            before = [each.size for each in told if each.at < record.asked]
            if before and record.size < max(before):
                detail = f"{record.size} bytes, after {max(before)}"
                self.breach("what is kept is kept", detail, user.tag, id)
        self.tally["offsets told by tus"] += len(told)
        rows = await self._ask("SELECT ended_at FROM files.uploads WHERE state = 'expired' AND id = $1", UUID(id))
        until = max(record.expires for record in told)
        if rows and rows[0]["ended_at"].timestamp() < until:
            early = until - rows[0]["ended_at"].timestamp()
            self.breach("nothing is given up before its time", f"{early:.1f} s too early", user.tag, id)

    async def _files(self, user: User, known: Knowledge, made: dict[str, list[str]], listed: dict[str, Json]) -> None:
        for id, uploads in made.items():
            if id in listed and known.surely_gone(id):
                self.breach("what is deleted is gone", "it is listed", user.tag, id)
            elif id not in listed and known.surely_live(id, uploads):
                self.breach("nothing is lost", f"a file of {len(uploads)} uploads is not listed", user.tag, uploads[-1])
            self.tally["files there" if id in listed else "files deleted"] += 1
        for id, item in listed.items():
            if not item["name"].startswith(user.tag):
                self.breach("nobody sees another's files", item["name"], user.tag, id)
            elif id not in made:
                self.breach("a file comes from an upload", item["name"], user.tag, id)
            else:
                await self._content(user, item, [known.begun[upload] for upload in made[id]])
        names = Counter((item["parent_id"], item["name"]) for item in listed.values())
        for (_, name), count in names.items():
            if count > 1:
                self.breach("names are unique", f"{name} is there {count} times", user.tag)
        for id, urls in known.links.items():
            if known.surely_gone(id):
                await self._dead(user, id, urls)

    async def _content(self, user: User, item: Json, uploads: list[Record]) -> None:
        signed = await self._get(user, f"/v1/files/{item['id']}/download")
        body = await self._bytes(user, signed["url"])
        digest = hashlib.sha256(body or b"")
        wanted = {record.sha256 for record in uploads}
        told = item["sha256"] is None or base64.b64decode(item["sha256"]) == digest.digest()
        if body is None or digest.hexdigest() not in wanted or len(body) != item["size"] or not told:
            got = "nothing" if body is None else f"{len(body)} bytes"
            self.breach("a file is what was stored", f"{got}, listed {item['size']}", user.tag, uploads[-1].upload)
        self.tally["files compared byte by byte"] += 1

    async def _dead(self, user: User, id: str, urls: Iterable[str]) -> None:
        for url in urls:
            if await self._bytes(user, url) is not None:
                self.breach("what is purged cannot be read", "an old link still answers", user.tag, id)
            self.tally["links of purged files tried"] += 1

    async def sweep_the_bucket(self, within: float) -> None:
        """Let the second look at deleted keys come now: then every object is accounted for."""
        await self._at_last("UPDATE files.purges SET due_at = now()")
        session = await asyncpg.connect(self.arena.database_url)
        try:
            async with asyncio.timeout(within):
                while await session.fetchval("SELECT count(*) FROM files.purges"):
                    await asyncio.sleep(0.5)
            rows = await session.fetch("SELECT owner_id, id, size FROM files.versions WHERE state = 'stored'")
        except TimeoutError:
            self.breach("the janitor finishes", f"purges are left after {within:.0f} s")
            return
        finally:
            await session.close()
        wanted = {f"{row['owner_id']}/{row['id']}": row["size"] for row in rows}
        found = await self.arena.keys()
        for key, size in wanted.items():
            if found.get(key) != size:
                self.breach("a row has its object", f"{key}: {found.get(key)} bytes of {size}", about=key[37:])
        strays = {key.removeprefix(QUARANTINE) for key in found} & self.arena.strays
        for key in self.arena.strays - strays:
            self.breach("nothing unaccounted for is deleted", key)
        # The tails of what has become a file go with it, if they could not be deleted at once.
        beside = {
            key for key in found if key.startswith(TAILS) and key.removeprefix(TAILS).rpartition("/")[0] in wanted
        }
        self.tally["tails beside files"] += len(beside)
        for key in found.keys() - wanted.keys() - self.arena.strays - beside:
            if not key.startswith((QUARANTINE, ".drivebay/")):
                self.breach("an object has its row", f"{key}, {found[key]} bytes", about=key[37:])
            elif key.startswith(QUARANTINE) and key.removeprefix(QUARANTINE) not in self.arena.strays:
                self.breach("only strays are put aside", key, about=key[-36:])
        self.tally["objects accounted for"] += len(found)

    # -- asking --------------------------------------------------------------------------------------

    async def end_parts(self) -> None:
        """Two days on, no write in parts is left in the store that no upload goes on with."""
        async with self.arena.services() as services:
            later = datetime.now(UTC) + timedelta(days=2)
            ended = await parts.once(services.files, services.storage, Settings(), now=later)
            self.tally["writes in parts that nobody knew of"] += ended.ended
            left = (await services.storage.unfinished(None, 1000)).items
        if left:
            self.breach("nothing stays of what is given up", f"{len(left)} writes in parts", about=left[0].key)

    async def _ask(self, sql: str, *arguments: object) -> list[Json]:
        session = await asyncpg.connect(self.arena.database_url)
        try:
            return [dict(row) for row in await session.fetch(sql, *arguments)]
        finally:
            await session.close()

    async def _get(self, user: User, path: str) -> Json:
        """An answer that must come now."""
        answer = await user.again(lambda: user.call("GET", path, expect=(200, 404)))
        if answer is None:
            self.breach("it answers again", f"GET {path}", user.tag)
            return {}
        return answer[1]

    async def _all(self, user: User, path: str) -> list[Json]:
        items: list[Json] = []
        cursor = ""
        while True:
            page = await self._get(user, f"{path}?limit=1000{cursor}")
            items += page.get("items", [])
            if not page.get("next_cursor"):
                return items
            cursor = f"&cursor={page['next_cursor']}"

    async def _bytes(self, user: User, url: str) -> bytes | None:
        """The object's bytes, None if the store refuses them."""
        for _ in range(5):
            try:
                async with user.http.get(url, timeout=PATIENCE) as response:
                    if response.status == 200:
                        return await response.read()
                    if response.status in (403, 404):
                        return None
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass
            await asyncio.sleep(0.5)
        return None


def trace(ledger: Path, logs: Path, about: str) -> str:
    """Everything that was written of one upload or file, and of the faults meanwhile, in order."""
    records = list(read(ledger))
    own = [record for record in records if about in (record.upload, record.file)]
    first, last = (own[0].at, own[-1].at) if own else (0.0, 0.0)
    shown = (record for record in records if record in own or (not record.user and first - 10 < record.at < last))
    lines = [msgspec.json.encode(record).decode() for record in shown]
    for log in sorted(logs.glob("*.log")):
        lines += [f"{log.stem}: {line}" for line in log.read_text(errors="replace").splitlines() if about in line]
    return "\n".join(lines)
