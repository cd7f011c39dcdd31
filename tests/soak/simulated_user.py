"""A simulated user: its session with the API, and what it knows of its files, folders and uploads.

A user runs only one step on a file at a time. So it knows that a file exists if it stored the file and never tried to
delete it, whatever faults happen. A violation found during the run goes into the ledger. The oracle finds the others.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import aiohttp

from . import account_steps
from .account_steps import AccountState
from .change_follower import ChangeFollower
from .deployment import Deployment
from .ledger import Ledger

if TYPE_CHECKING:
    from .shared_drives import SharedDrives
    from .tus_uploads import TusUpload

Json = dict[str, Any]
REQUEST_TIMEOUT: Final = aiohttp.ClientTimeout(total=20)
MAX_ATTEMPTS: Final = 5


class ApiResponse(NamedTuple):
    """A complete response of the API."""

    status: int
    body: Json


class Placement(NamedTuple):
    """The location of a new file. `on_conflict` is the rule for a name that is taken."""

    name: str
    parent: str
    on_conflict: str


@dataclass
class KnownFile:
    """What the user knows of a file.

    `is_live`: it is not in the trash. `is_certain`: no lost response and no trashed folder makes that uncertain.
    `is_busy`: a step uses the file now. `trashed_at` is in seconds since 1970.
    """

    id: str
    parent: str
    is_live: bool = True
    is_certain: bool = True
    trashed_at: float = 0.0
    is_busy: bool = False


@dataclass
class SimulatedUser:
    """One user. The names of its files begin with `name`, so a file of another user is recognized.

    `uploads` are ids. `trashed_folders` are those that the user tried to delete. `paused_tus_uploads` are continued
    later. `name_count` numbers the names. The user stops at `stop_at`, in seconds since 1970. `drives` is set when all
    users have an account, before any fault.
    """

    name: str
    http: aiohttp.ClientSession
    deployment: Deployment
    ledger: Ledger
    rng: random.Random
    counts: Counter[str]
    other_users: Sequence[SimulatedUser] = ()
    id: str = ""
    access_token: str = ""
    refresh_token: str = ""
    files: dict[str, KnownFile] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)
    paused_tus_uploads: list[TusUpload] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    trashed_folders: set[str] = field(default_factory=set)
    name_count: int = 0
    stop_at: float = 0.0
    follower: ChangeFollower = field(init=False)
    account: AccountState = field(init=False)
    drives: SharedDrives = field(init=False)

    def __post_init__(self) -> None:
        self.follower = ChangeFollower(self)
        self.account = AccountState([f"password of {self.name}"])

    @property
    def api(self) -> str:
        """Return the base URL of the API."""
        return self.deployment.api

    # -- the session -------------------------------------------------------------------------------

    @property
    def email(self) -> str:
        """Return the email address of the account."""
        return f"{self.name}@example.com"

    async def sign_up(self) -> None:
        """Create the account and log in, before any fault happens."""
        account = {"email": self.email, "password": self.account.passwords[0]}
        async with self.http.post(f"{self.api}/v1/signup", json=account) as response:
            assert response.status == 201, await response.text()
            self.id = (await response.json())["id"]
        await self._log_in()
        assert self.access_token

    async def _log_in(self) -> None:
        self._use_tokens(await account_steps.log_in(self))

    async def refresh_session(self) -> None:
        """Get a new access token."""
        response = await self.send("POST", "/v1/token/refresh", {"refresh_token": self.refresh_token}, {})
        if response is not None and response.status == 401:
            # The session has ended. Or the response to an earlier refresh was lost, and its refresh token was accepted
            # for a limited time only.
            await self._log_in()
        elif response is not None and response.status == 200:
            self._use_tokens(response.body)

    def _use_tokens(self, tokens: Json | None) -> None:
        if tokens is not None:
            self.access_token, self.refresh_token = tokens["access_token"], tokens["refresh_token"]

    async def send(self, method: str, path: str, body: Json | None, headers: dict[str, str]) -> ApiResponse | None:
        """Send one request. Return None if no complete response arrived."""
        try:
            async with self.http.request(
                method, self.api + path, json=body, headers=headers, timeout=REQUEST_TIMEOUT, allow_redirects=False
            ) as response:
                content = await response.json(content_type=None) if response.status != 204 else {}
                self.counts[f"api {response.status}"] += 1
                return ApiResponse(response.status, content or {})
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            self.counts["api no response"] += 1
            return None

    async def call(
        self, method: str, path: str, body: Json | None = None, *, expect: Sequence[int], key: str = ""
    ) -> ApiResponse | None:
        """Send one request with the access token and the idempotency key `key`.

        Return None if the request can be repeated: there was no response, or its status was 401, 429 or 503. A status
        that is not in `expect` is a violation, and None is returned.
        """
        token = self.access_token
        headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
        response = await self.send(method, path, body, headers)
        if response is None or response.status in (429, 503):
            return None
        if response.status == 401:
            if token == self.access_token:
                await self.refresh_session()
            return None
        if response.status not in expect:
            await self.report_violation(f"{method} {path}: {response.status} {str(response.body)[:300]}")
            return None
        return response

    async def retry(self, send: Callable[[], Awaitable[ApiResponse | None]]) -> ApiResponse | None:
        """Call `send` up to five times, with exponential backoff. Return None if it never returned a response."""
        for attempt in range(MAX_ATTEMPTS):
            response = await send()
            if response is not None:
                return response
            await self.back_off(attempt)
        return None

    async def post_with_key(self, path: str, body: Json, key: str, *, expect: Sequence[int]) -> ApiResponse | None:
        """Send a POST with the idempotency key `key` until a response arrives. Return None if none did."""

        async def send() -> ApiResponse | None:
            response = await self.call("POST", path, body, expect=(*expect, 409), key=key)
            if response is not None and response.status == 409:
                if response.body.get("code") != "in_progress":
                    await self.report_violation(f"POST {path}: 409 {str(response.body)[:300]}")
                return None
            return response

        return await self.retry(send)

    async def back_off(self, attempt: int) -> None:
        """Wait before the next attempt. The first attempt has number 0."""
        await asyncio.sleep(self.rng.uniform(0.1, 0.4) * 2**attempt)

    async def report_violation(self, detail: str, **fields: object) -> None:
        """Record a violated guarantee in the ledger."""
        self.counts["violations"] += 1
        await self.ledger.write(self.name, "violation", detail=detail, **fields)

    # -- uploads -----------------------------------------------------------------------------------

    def live_folders(self) -> list[str]:
        """Return the folders that the user never tried to delete."""
        return [folder for folder in self.folders if folder not in self.trashed_folders]

    def choose_placement(self) -> Placement:
        """Choose a name, a folder, and what to do if the name is taken."""
        self.name_count += 1
        on_conflict = self.rng.choices(("rename", "fail", "replace"), (6, 1, 3))[0]
        # Twenty names are used again and again, so that conflicts happen.
        repeats_name = on_conflict != "fail" or self.rng.random() < 0.2
        number = self.rng.randrange(20) if repeats_name else self.name_count
        folders = self.live_folders()
        parent = self.rng.choice(folders) if folders and self.rng.random() < 0.3 else "root"
        return Placement(f"{self.name} {number}.bin", parent, on_conflict)

    async def create_upload(self, content: bytes, *, is_multipart: bool = False) -> Json | None:
        """Create an upload of `content`. Return the response with the folder as `parent`, or None if it failed."""
        name, parent, on_conflict = self.choose_placement()
        digest = hashlib.sha256(content).digest()
        intent: Json = {"name": name, "size": len(content), "content_type": "application/octet-stream"}
        intent |= {"parent_id": parent, "on_conflict": on_conflict}
        if is_multipart:
            intent["multipart"] = True
        elif self.rng.random() < 0.9:
            intent["sha256"] = base64.b64encode(digest).decode()
        key = f"{self.name}-{self.name_count}-{self.rng.getrandbits(32):x}"
        recorded = {"name": name, "parent": parent, "size": len(content), "sha256": digest.hex()}
        await self.ledger.write(self.name, "upload_requested", detail=key, **recorded)

        async def send() -> ApiResponse | None:
            response = await self.call("POST", "/v1/uploads", intent, expect=(201, 404, 409, 429, 507), key=key)
            if response is None or (response.status == 409 and response.body.get("code") == "in_progress"):
                return None
            return response

        response = await self.retry(send)
        if response is None:
            return None
        if response.status == 507:
            self.counts["quota exceeded"] += 1
            return None
        if response.status == 404 and parent not in self.trashed_folders:
            await self.report_violation(f"folder {parent} does not exist", parent=parent)
        if response.status != 201:
            return None
        await self.ledger.write(self.name, "upload_created", upload=response.body["id"], **recorded)
        return response.body | {"parent": parent}

    async def complete_upload(self, upload: Json, *, is_stored: bool) -> None:
        """Complete an upload. `is_stored`: the store has accepted its bytes."""
        id = upload["id"]
        response = await self.retry(lambda: self.call("POST", f"/v1/uploads/{id}/complete", expect=(200, 409)))
        if response is None:
            return
        if response.status == 409:
            if is_stored and response.body.get("code") == "not_uploaded":
                await self.report_violation(
                    "the store accepted the bytes, but complete returns not_uploaded", upload=id
                )
            return
        status = response.body["status"]
        if status == "complete":
            self.counts["completed by the client"] += 1
            if "part_count" in upload:  # parts alone are no stored object
                await self.ledger.write(self.name, "stored", upload=id, detail="complete")
            self.add_file(response.body["file_id"], upload["parent"])
        elif is_stored:
            self.counts[f"complete returned {status}"] += 1

    async def abort_upload(self, id: str) -> None:
        """Abort an upload that may be complete already."""
        await self.ledger.write(self.name, "abort_requested", upload=id)
        # 409: the upload is complete.
        await self.retry(lambda: self.call("DELETE", f"/v1/uploads/{id}", expect=(204, 409)))

    # -- files -------------------------------------------------------------------------------------

    def add_file(self, id: str, parent: str) -> None:
        """Remember a file. A file that is known already stays as it is."""
        if id not in self.files:
            self.files[id] = KnownFile(id, parent, is_certain=parent not in self.trashed_folders)

    async def check_missing(self, file: KnownFile) -> None:
        """Report a violation if the API responded with 404 for a file that must exist."""
        # The folder may have been trashed while the request was under way.
        if file.is_certain and file.parent not in self.trashed_folders:
            await self.report_violation("a file that was not deleted does not exist", file=file.id)
        file.is_certain = False
