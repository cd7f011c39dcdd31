"""Simulated users: each has tokens and files and does one random action after another.

The random source is an argument, so that one seed gives the same actions at the same times.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from .measurements import OK, SHED, Measurements
from .raw_http import BrokenConnection, Http, Response

Json = dict[str, Any]

MIX: Mapping[str, float] = {
    "list": 36,
    "show": 12,
    "me": 4,
    "trash list": 2,
    "download": 15,
    "upload": 12,
    "rename": 7,
    "trash": 6,
    "restore": 5,
    "refresh": 0.9,
    "log in": 0.1,
}
"""Share of each action in percent. A download fetches a URL and the bytes; an upload is begin, PUT and complete."""
API_REQUESTS = {"upload": 3}
"""API requests of an action, if not one. Requests to the store do not count."""
DEADLINE = 15.0
"""Seconds after which a request has failed. The API itself gives up after ten."""
_RENEW = 600.0
"""Age in seconds at which a user renews its access token, which is valid for 15 minutes."""
_NO_HEADERS: Mapping[str, str] = {}
_SIZES = (1 << 10, 64 << 10)
_BYTES = random.Random(1).randbytes(_SIZES[1])


def mean_requests() -> float:
    """Return the average number of API requests of an action."""
    total = sum(MIX.values())
    return sum(weight * API_REQUESTS.get(action, 1) for action, weight in MIX.items()) / total


@dataclass
class User:
    email: str
    password: str
    access: str = ""
    refresh: str = ""
    renewed_at: float = 0.0
    renewing: bool = False
    files: list[str] = field(default_factory=list)
    trashed: list[str] = field(default_factory=list)


class RequestFailed(Exception):
    """A request failed. It has been recorded and ends the action.

    `refused`: the server refused it at once and did nothing. Otherwise its effect is unknown.
    """

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.refused = outcome == SHED


class SimulatedUsers:
    """Users of one API over one HTTP client. Each request is recorded in `measurements`."""

    def __init__(self, http: Http, api: str, users: list[User], measurements: Measurements, chance: random.Random):
        self.users = users
        self.measurements = measurements
        self._http = http
        self._api = api
        self._chance = chance
        self._named = 0
        self._actions, self._weights = list(MIX), list(MIX.values())
        self._handlers = {
            "list": self._list,
            "show": self._show,
            "me": self._me,
            "trash list": self._list_trash,
            "download": self._download,
            "upload": self._upload,
            "rename": self._rename,
            "trash": self._trash,
            "restore": self._restore,
            "refresh": self._refresh,
            "log in": self._log_in,
        }

    def choose(self) -> tuple[User, str]:
        """Choose the next user and action."""
        return self._chance.choice(self.users), self._chance.choices(self._actions, self._weights)[0]

    async def act(self, user: User, action: str, due_at: float) -> bool:
        """Run one action that was due at `due_at` (monotonic seconds). Return whether it succeeded."""
        sent = time.monotonic()
        self.measurements.late(due_at, sent)
        try:
            if not user.refresh:
                await self._log_in(user, due_at)
                due_at = time.monotonic()
            elif sent - user.renewed_at > _RENEW and action != "refresh" and not user.renewing:
                await self._refresh(user, due_at)
                due_at = time.monotonic()
            await self._handlers[action](user, due_at)
        except RequestFailed:
            return False
        return True

    # -- actions ----------------------------------------------------------------------------------

    async def _list(self, user: User, due_at: float) -> None:
        await self._call(user, "GET", "/v1/files", due_at, "?parent_id=root&sort=-created&limit=20")

    async def _list_trash(self, user: User, due_at: float) -> None:
        await self._call(user, "GET", "/v1/trash", due_at, "?limit=20")

    async def _me(self, user: User, due_at: float) -> None:
        await self._call(user, "GET", "/v1/me", due_at)

    async def _show(self, user: User, due_at: float) -> None:
        if not user.files:
            return await self._list(user, due_at)
        await self._call(user, "GET", "/v1/files/{id}", due_at, id=self._chance.choice(user.files))
        return None

    async def _download(self, user: User, due_at: float) -> None:
        if not user.files:
            return await self._list(user, due_at)
        link = await self._call(user, "GET", "/v1/files/{id}/download", due_at, id=self._chance.choice(user.files))
        await self._ask("store GET", "GET", link["url"], time.monotonic())
        return None

    async def _upload(self, user: User, due_at: float) -> None:
        low, high = _SIZES
        body = _BYTES[: int(low * (high / low) ** self._chance.random())]
        intent = {"name": self._name(), "size": len(body), "content_type": "application/octet-stream"}
        upload = await self._call(user, "POST", "/v1/uploads", due_at, body=intent)
        await self._ask("store PUT", upload["method"], upload["url"], time.monotonic(), upload["headers"], body)
        path = "/v1/uploads/{id}/complete"
        done = await self._call(user, "POST", path, time.monotonic(), id=upload["id"])
        user.files.append(done["file_id"])

    async def _rename(self, user: User, due_at: float) -> None:
        if not user.files:
            return await self._list(user, due_at)
        file = _take_random(user.files, self._chance)
        try:
            await self._call(user, "PATCH", "/v1/files/{id}", due_at, id=file, body={"name": self._name()})
        finally:
            user.files.append(file)
        return None

    async def _trash(self, user: User, due_at: float) -> None:
        if not user.files:
            return await self._list(user, due_at)
        file = _take_random(user.files, self._chance)
        try:
            await self._call(user, "DELETE", "/v1/files/{id}", due_at, id=file)
        except RequestFailed as lost:
            if lost.refused:
                user.files.append(file)
            raise
        user.trashed.append(file)
        return None

    async def _restore(self, user: User, due_at: float) -> None:
        if not user.trashed:
            return await self._list_trash(user, due_at)
        file = _take_random(user.trashed, self._chance)
        try:
            await self._call(user, "POST", "/v1/files/{id}/restore", due_at, id=file)
        except RequestFailed as lost:
            if lost.refused:
                user.trashed.append(file)
            raise
        user.files.append(file)
        return None

    async def _refresh(self, user: User, due_at: float) -> None:
        if user.renewing:
            return await self._me(user, due_at)
        user.renewing = True
        try:
            self._store_tokens(user, await self._ask_json("/v1/token/refresh", {"refresh_token": user.refresh}, due_at))
        except RequestFailed as lost:
            if not lost.refused:
                user.refresh = ""  # it may be spent, so the next action logs in again
            raise
        finally:
            user.renewing = False
        return None

    async def _log_in(self, user: User, due_at: float) -> None:
        account = {"email": user.email, "password": user.password}
        self._store_tokens(user, await self._ask_json("/v1/login", account, due_at))

    async def sign_up(self, user: User) -> None:
        await self._ask_json("/v1/signup", {"email": user.email, "password": user.password}, time.monotonic())
        await self._log_in(user, time.monotonic())

    # -- requests ---------------------------------------------------------------------------------

    def _store_tokens(self, user: User, given: Json) -> None:
        user.access, user.refresh = given["access_token"], given["refresh_token"]
        user.renewed_at = time.monotonic()

    def _name(self) -> str:
        self._named += 1
        return f"file {self._named} of the load.bin"

    async def _ask_json(self, path: str, body: Json, due_at: float) -> Json:
        headers = {"Content-Type": "application/json"}
        raw = await self._ask(f"POST {path}", "POST", self._api + path, due_at, headers, msgspec.json.encode(body))
        given: Json = msgspec.json.decode(raw)
        return given

    async def _call(
        self, user: User, method: str, path: str, due_at: float, query: str = "", id: str = "", body: Json | None = None
    ) -> Json:
        headers = {"Authorization": f"Bearer {user.access}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        url = self._api + path.replace("{id}", id) + query
        sent = None if body is None else msgspec.json.encode(body)
        raw = await self._ask(f"{method} {path}", method, url, due_at, headers, sent)
        return msgspec.json.decode(raw) if raw else {}

    async def _ask(
        self,
        route: str,
        method: str,
        url: str,
        due_at: float,
        headers: Mapping[str, str] = _NO_HEADERS,
        body: bytes | None = None,
    ) -> bytes:
        """Send a request and record it. Raises RequestFailed."""
        try:
            answer = await self._http.ask(method, url, headers, body)
            raw, outcome = answer.body, _outcome(answer)
        except TimeoutError:
            raw, outcome = b"", "timeout"
        except (OSError, BrokenConnection) as error:
            raw, outcome = b"", type(error).__name__
        self.measurements.add(route, outcome, due_at, time.monotonic())
        if outcome != OK:
            raise RequestFailed(outcome)
        return raw


def _take_random(files: list[str], chance: random.Random) -> str:
    """Remove a random file from the list, so that no other action uses it meanwhile."""
    i = chance.randrange(len(files))
    files[i], files[-1] = files[-1], files[i]
    return files.pop()


def _outcome(answer: Response) -> str:
    if answer.status < 400:
        return OK
    if answer.status in (429, 503) and b"retry-after" in answer.headers:
        return SHED
    try:
        return f"{answer.status} {msgspec.json.decode(answer.body)['code']}"
    except (msgspec.DecodeError, KeyError, TypeError):
        return str(answer.status)
