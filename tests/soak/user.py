"""What a user does all day, through the public API and the store, and what they may expect of it.

A user acts on a file in one place at a time, so each knows what they know: a file that they stored and
never tried to delete is there, whatever breaks. `broken` records in the ledger are promises that were not
kept while it ran; the rest is for the oracle.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import aiohttp

from . import parts, tus
from .ledger import Ledger

Json = dict[str, Any]
PATIENCE: Final = aiohttp.ClientTimeout(total=20)
_SIZES: Final = (0, 1, 17, 1_000, 5_000, 20_000, 70_000, 300_000, 1_000_000, 6_000_000)
_WEIGHTS: Final = (2, 2, 4, 10, 10, 8, 6, 3, 1, 0.2)
_TRIES: Final = 5


@dataclass
class File:
    """What the user knows of a file. `sure`: it is where `live` says; else a reply was lost on the way."""

    id: str
    parent: str
    live: bool = True
    sure: bool = True
    changed_at: float = 0.0
    busy: bool = False


@dataclass
class User:
    """`tag` begins every name of theirs, so that a foreign file is seen at a glance. `grace` is what the trash
    gives, `patience` the life of an upload, in seconds."""

    tag: str
    http: aiohttp.ClientSession
    api: str
    ledger: Ledger
    chance: random.Random
    grace: float
    patience: float
    tally: Counter[str]
    strangers: Sequence[User] = ()
    token: str = ""
    refresh: str = ""
    files: dict[str, File] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)
    left: list[tus.Sending] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    doomed: set[str] = field(default_factory=set)
    made: int = 0
    until: float = 0.0

    @property
    def email(self) -> str:
        return f"{self.tag}@example.com"

    # -- the API -----------------------------------------------------------------------------------

    async def join(self) -> None:
        """Sign up and log in, before anything breaks."""
        account = {"email": self.email, "password": f"password of {self.tag}"}
        async with self.http.post(f"{self.api}/v1/signup", json=account) as response:
            assert response.status == 201, await response.text()
        await self._log_in()
        assert self.token

    async def _log_in(self) -> None:
        account = {"email": self.email, "password": f"password of {self.tag}"}
        answer = await self._once("POST", "/v1/login", account, {})
        if answer is not None and answer[0] == 200:
            self.token, self.refresh = answer[1]["access_token"], answer[1]["refresh_token"]

    async def renew(self) -> None:
        answer = await self._once("POST", "/v1/token/refresh", {"refresh_token": self.refresh}, {})
        if answer is not None and answer[0] == 200:
            self.token, self.refresh = answer[1]["access_token"], answer[1]["refresh_token"]
        elif answer is not None and answer[0] == 401:
            # The reply to an earlier refresh was lost for longer than the grace: a new session.
            await self._log_in()

    async def _once(
        self, method: str, path: str, body: Json | None, headers: dict[str, str]
    ) -> tuple[int, Json] | None:
        """One request; None when no whole answer came."""
        try:
            async with self.http.request(
                method, self.api + path, json=body, headers=headers, timeout=PATIENCE, allow_redirects=False
            ) as response:
                answer = await response.json(content_type=None) if response.status != 204 else {}
                self.tally[f"api {response.status}"] += 1
                return response.status, answer or {}
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            self.tally["api no answer"] += 1
            return None

    async def call(
        self, method: str, path: str, body: Json | None = None, *, expect: Sequence[int], key: str = ""
    ) -> tuple[int, Json] | None:
        """A call with the token; None for no answer and for 429 and 503. Any status but the expected is a
        broken promise."""
        token = self.token
        headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
        answer = await self._once(method, path, body, headers)
        if answer is None or answer[0] in (429, 503):
            return None
        if answer[0] == 401:
            if token == self.token:
                await self.renew()
            return None
        if answer[0] not in expect:
            await self.broken(f"{method} {path}: {answer[0]} {str(answer[1])[:300]}")
            return None
        return answer

    async def broken(self, detail: str, **fields: object) -> None:
        self.tally["broken"] += 1
        await self.ledger.write(self.tag, "broken", detail=detail, **fields)

    async def again(self, attempt: Callable[[], Awaitable[tuple[int, Json] | None]]) -> tuple[int, Json] | None:
        """What may be repeated is, with growing pauses; None when it never got an answer."""
        for n in range(_TRIES):
            answer = await attempt()
            if answer is not None:
                return answer
            await asyncio.sleep(self.chance.uniform(0.1, 0.4) * 2**n)
        return None

    # -- uploads -----------------------------------------------------------------------------------

    async def upload(self) -> None:
        """Begin, send, and mostly say so; now and then wait too long, send twice, or give up."""
        size = self.chance.choices(_SIZES, _WEIGHTS)[0]
        body = self.chance.randbytes(size)
        begun = await self.begin(body)
        if begun is None:
            return
        id = begun["id"]
        self.uploads.append(id)
        if self.chance.random() < 0.03:
            await asyncio.sleep(self.chance.uniform(0, 1.2) * self.patience)  # past the life of the URL, sometimes
        elif self.chance.random() < 0.03:
            return  # never sent: it expires
        stored = await self._put(begun, body)
        if self.chance.random() < 0.08:
            again = await self._put(begun, body)
            stored = stored or again
        if self.chance.random() < 0.05:
            await self.abort(id)
        elif self.chance.random() < 0.6:
            await self.complete(begun, stored)

    def place(self) -> tuple[str, str, str]:
        """A name, a folder, and what to do if the name is taken."""
        self.made += 1
        conflict = self.chance.choices(("rename", "fail", "replace"), (6, 1, 3))[0]
        # A few names come again and again.
        number = self.chance.randrange(20) if conflict != "fail" or self.chance.random() < 0.2 else self.made
        folders = [folder for folder in self.folders if folder not in self.doomed]
        parent = self.chance.choice(folders) if folders and self.chance.random() < 0.3 else "root"
        return f"{self.tag} {number}.bin", parent, conflict

    async def begin(self, body: bytes, *, in_parts: bool = False) -> Json | None:
        name, parent, conflict = self.place()
        digest = hashlib.sha256(body).digest()
        intent: Json = {"name": name, "size": len(body), "content_type": "application/octet-stream"}
        intent |= {"parent_id": parent, "on_conflict": conflict}
        if in_parts:
            intent["multipart"] = True
        elif self.chance.random() < 0.9:
            intent["sha256"] = base64.b64encode(digest).decode()
        key = f"{self.tag}-{self.made}-{self.chance.getrandbits(32):x}"
        facts = {"name": name, "parent": parent, "size": len(body), "sha256": digest.hex()}
        await self.ledger.write(self.tag, "begin", detail=key, **facts)

        async def attempt() -> tuple[int, Json] | None:
            answer = await self.call("POST", "/v1/uploads", intent, expect=(201, 404, 409, 429, 507), key=key)
            busy = answer is not None and answer[0] == 409 and answer[1].get("code") == "in_progress"
            return None if busy else answer

        answer = await self.again(attempt)
        if answer is None:
            return None
        if answer[0] == 507:
            self.tally["quota exceeded"] += 1
            return None
        if answer[0] == 404 and parent not in self.doomed:
            await self.broken(f"folder {parent} is gone", parent=parent)
        if answer[0] != 201:
            return None
        await self.ledger.write(self.tag, "begun", upload=answer[1]["id"], **facts)
        return answer[1] | {"parent": parent}

    async def _put(self, begun: Json, body: bytes) -> bool:
        """Send the bytes; whether the store has said that it holds them."""
        expires = datetime.fromisoformat(begun["expires_at"]).timestamp()
        await self.ledger.write(self.tag, "put", upload=begun["id"])
        for n in range(_TRIES):
            try:
                async with self.http.request(
                    begun["method"], begun["url"], headers=begun["headers"], data=io.BytesIO(body), timeout=PATIENCE
                ) as response:
                    text = await response.text()
                    status = response.status
            except (aiohttp.ClientError, TimeoutError, OSError):
                status, text = 0, ""
            self.tally[f"put {status or 'no answer'}"] += 1
            if status in (200, 412):
                # 412: it is there already, since an earlier answer was lost; nobody else has this URL.
                late = " late" if time.time() > expires - 1 else ""
                await self.ledger.write(self.tag, "stored", upload=begun["id"], detail=f"{status}{late}")
                return True
            if status in (400, 403, 404):
                if time.time() < expires - 1:
                    await self.broken(f"the store refused the bytes: {status} {text[:200]}", upload=begun["id"])
                return False
            await asyncio.sleep(self.chance.uniform(0.1, 0.4) * 2**n)
        return False

    async def complete(self, begun: Json, stored: bool) -> None:
        id = begun["id"]
        answer = await self.again(lambda: self.call("POST", f"/v1/uploads/{id}/complete", expect=(200, 409)))
        if answer is None:
            return
        if answer[0] == 409:
            if stored and answer[1].get("code") == "not_uploaded":
                await self.broken("the store said that it holds the bytes, complete says not_uploaded", upload=id)
            return
        if answer[1]["status"] == "complete":
            self.tally["completed by the client"] += 1
            if "part_count" in begun:  # only now is it more than parts
                await self.ledger.write(self.tag, "stored", upload=id, detail="complete")
            self.know(answer[1]["file_id"], begun["parent"])
        elif stored:
            self.tally[f"complete says {answer[1]['status']}"] += 1

    async def abort(self, id: str) -> None:
        await self.ledger.write(self.tag, "abort", upload=id)
        # 409: complete already.
        await self.again(lambda: self.call("DELETE", f"/v1/uploads/{id}", expect=(204, 409)))

    def know(self, id: str, parent: str) -> None:
        if id not in self.files:
            self.files[id] = File(id, parent, sure=parent not in self.doomed)

    # -- files -------------------------------------------------------------------------------------

    def _pick(self, live: bool) -> File | None:
        fitting = [file for file in self.files.values() if file.live is live and file.sure and not file.busy]
        return self.chance.choice(fitting) if fitting else None

    async def download(self) -> None:
        file = self._pick(live=True)
        if file is None:
            return
        file.busy = True
        try:
            before = await self.call("GET", f"/v1/files/{file.id}", expect=(200, 404))
            signed = await self.call("GET", f"/v1/files/{file.id}/download", expect=(200, 404))
            for answer in (before, signed):
                if answer is not None and answer[0] == 404:
                    await self.missing(file)
                    return
            if before is None or signed is None:
                return
            body = await self._get(signed[1]["url"])
            if body is None:
                return
            after = await self.call("GET", f"/v1/files/{file.id}", expect=(200, 404))
            # Uploads that replace it may come in between.
            shown = [answer[1] for answer in (before, after) if answer is not None and answer[0] == 200]
            if len(shown) == 2 and shown[0]["etag"] == shown[1]["etag"]:
                await self._compare(file, shown[0], body)
            await self.ledger.write(self.tag, "link", file=file.id, url=signed[1]["url"])
        finally:
            file.busy = False

    async def missing(self, file: File) -> None:
        # Its folder may have been doomed while we asked.
        if file.sure and file.parent not in self.doomed:
            await self.broken("a file that nobody deleted is not there", file=file.id)
        file.sure = False

    async def _compare(self, file: File, shown: Json, body: bytes) -> None:
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        if len(body) != shown["size"] or (shown["sha256"] is not None and shown["sha256"] != digest):
            await self.broken("a download has other bytes than the file says", file=file.id)
        self.tally["downloads verified"] += 1

    async def _get(self, url: str) -> bytes | None:
        try:
            async with self.http.get(url, timeout=PATIENCE) as response:
                self.tally[f"get {response.status}"] += 1
                return await response.read() if response.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, OSError):
            self.tally["get no answer"] += 1
            return None

    async def list_files(self) -> None:
        answer = await self.call("GET", "/v1/files?limit=1000", expect=(200,))
        if answer is None:
            return
        for item in answer[1]["items"]:
            if not item["name"].startswith(self.tag):
                await self.broken(f"somebody else's file is listed: {item['name']}", file=item["id"])
            elif item["id"] not in self.files:
                self.know(item["id"], item["parent_id"])

    async def rename(self) -> None:
        file = self._pick(live=True)
        if file is None:
            return
        file.busy = True
        try:
            self.made += 1
            body: Json = {"name": f"{self.tag} renamed {self.made}.bin"}
            folders = [folder for folder in self.folders if folder not in self.doomed]
            if folders and self.chance.random() < 0.3:
                body["parent_id"] = self.chance.choice(folders)
                await self.ledger.write(self.tag, "move", file=file.id, parent=body["parent_id"])
                file.parent = body["parent_id"]
            answer = await self.call("PATCH", f"/v1/files/{file.id}", body, expect=(200, 404, 409))
            if answer is not None and answer[0] == 404:
                await self.missing(file)
        finally:
            file.busy = False

    async def trash(self) -> None:
        file = self._pick(live=True)
        if file is None:
            return
        file.busy = True
        try:
            was_sure, file.sure = file.sure, False
            await self.ledger.write(self.tag, "trash", file=file.id)
            file.changed_at = time.time()
            for asked in range(3):
                answer = await self.call("DELETE", f"/v1/files/{file.id}", expect=(204, 404))
                if answer is not None and answer[0] == 404 and asked == 0:
                    file.sure = was_sure
                    await self.missing(file)
                    return
                if answer is not None:
                    # 404 after a lost answer: the first one did it.
                    file.live, file.sure = False, True
                    await self.ledger.write(self.tag, "trashed", file=file.id)
                    return
                await asyncio.sleep(self.chance.uniform(0.1, 0.5))
        finally:
            file.busy = False

    async def restore(self) -> None:
        file = self._pick(live=False)
        if file is None:
            return
        file.busy = True
        try:
            file.sure = False
            await self.ledger.write(self.tag, "restore", file=file.id)
            early = time.time() < file.changed_at + self.grace - 0.5
            answer = await self.call("POST", f"/v1/files/{file.id}/restore", expect=(200, 404))
            if answer is None:
                return
            file.sure = True
            if answer[0] == 200:
                file.live, file.parent = True, answer[1]["parent_id"]
                file.sure = file.parent not in self.doomed
                await self.ledger.write(self.tag, "restored", file=file.id, parent=file.parent)
                return
            # Gone for good. Within its grace that was too early, unless we have been slow.
            if early and time.time() < file.changed_at + self.grace - 0.2 and file.parent not in self.doomed:
                await self.broken("the trash lost a file within its grace", file=file.id)
            del self.files[file.id]
            await self.ledger.write(self.tag, "gone", file=file.id)
        finally:
            file.busy = False

    # -- folders, strangers ------------------------------------------------------------------------

    async def make_folder(self) -> None:
        self.made += 1
        name = f"{self.tag} folder {self.made}"
        key = f"{self.tag}-folder-{self.made}"
        body = {"name": name, "parent_id": "root"}
        answer = await self.again(lambda: self.call("POST", "/v1/folders", body, expect=(201, 409), key=key))
        if answer is not None and answer[0] == 201:
            self.folders.append(answer[1]["id"])
            await self.ledger.write(self.tag, "folder", file=answer[1]["id"], name=name)

    async def trash_folder(self) -> None:
        folders = [folder for folder in self.folders if folder not in self.doomed]
        if len(folders) < 2:
            return
        folder = self.chance.choice(folders)
        self.doomed.add(folder)
        for file in self.files.values():
            if file.parent == folder:
                file.sure = False
        await self.ledger.write(self.tag, "trash", file=folder)
        await self.again(lambda: self.call("DELETE", f"/v1/files/{folder}", expect=(204, 404)))

    async def trespass(self) -> None:
        """Try another's file or upload in every way there is."""
        stranger = self.chance.choice(self.strangers)
        if stranger.uploads and self.chance.random() < 0.25:
            await tus.trespass(self, self.chance.choice(stranger.uploads))
            return
        targets: list[tuple[str, str, Json | None]] = []
        if stranger.files:
            id = self.chance.choice(list(stranger.files))
            targets += [("GET", f"/v1/files/{id}", None), ("GET", f"/v1/files/{id}/download", None)]
            targets += [("DELETE", f"/v1/files/{id}", None), ("PATCH", f"/v1/files/{id}", {"name": "mine now"})]
            targets += [("POST", f"/v1/files/{id}/restore", None)]
        if stranger.uploads:
            id = self.chance.choice(stranger.uploads)
            targets += [("GET", f"/v1/uploads/{id}", None), ("DELETE", f"/v1/uploads/{id}", None)]
            targets += [("POST", f"/v1/uploads/{id}/complete", None), ("GET", f"/v1/uploads/{id}/parts", None)]
            targets += [("POST", f"/v1/uploads/{id}/parts", {"parts": [{"number": 1}]})]
        if targets:
            method, path, body = self.chance.choice(targets)
            if await self.call(method, path, body, expect=(404,)) is not None:
                self.tally["strangers refused"] += 1

    # -- all day -----------------------------------------------------------------------------------

    async def live(self, until: float) -> None:
        """Act until the clock says so, or `until` is set back; whatever is under way then is finished."""
        self.until = until
        acts: list[tuple[Callable[[], Awaitable[None]], float]] = [
            (self.upload, 36),
            (lambda: parts.upload(self), 4),
            (lambda: tus.upload(self), 8),
            (lambda: tus.come_back(self), 2),
            (self.download, 18),
            (self.list_files, 6),
            (self.rename, 5),
            (self.restore, 5),
            (self.make_folder, 1),
            (self.trash_folder, 0.3),
            (self.trespass, 6),
        ]
        while time.time() < self.until:
            crowded = len(self.files) > 120
            weights = [weight for _, weight in acts] + [45 if crowded else 9]
            act = self.chance.choices([*(act for act, _ in acts), self.trash], weights)[0]
            self.tally["steps"] += 1
            await act()
            await asyncio.sleep(self.chance.expovariate(40))
