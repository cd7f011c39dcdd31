"""Users as load makes them: each has tokens and files, and does now this, now that.

Chance is an argument, so a seed gives the same users the same things to do at the same times.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from .http import Answer, Broken, Http
from .tally import OK, SHED, Tally

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
"""What users do, in percent. A download is a link and the bytes; an upload is begin, PUT and complete."""
API_REQUESTS = {"upload": 3}
"""Requests to the API that an action makes, where it is not one: those to the store are PUT and GET of bytes."""
DEADLINE = 15.0
"""Seconds after which a request counts as lost; the API itself gives up after ten."""
_RENEW = 600.0
"""Age of an access token (of 15 minutes) at which its user gets another before doing anything else."""
_NO_HEADERS: Mapping[str, str] = {}
_SIZES = (1 << 10, 64 << 10)
_BYTES = random.Random(1).randbytes(_SIZES[1])


def mean_requests() -> float:
    """Requests to the API an action makes on average."""
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


class Lost(Exception):
    """A request that was no success; it has been counted, and ends what its user was doing.

    `refused` is whether the server said at once that it would do nothing; else what it has done is in doubt.
    """

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.refused = outcome == SHED


class Crowd:
    """`users` who use one API through one session; each request is told to the tally."""

    def __init__(self, http: Http, api: str, users: list[User], tally: Tally, chance: random.Random):
        self.users = users
        self.tally = tally
        self._http = http
        self._api = api
        self._chance = chance
        self._named = 0
        self._actions, self._weights = list(MIX), list(MIX.values())
        self._does = {
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
        """Who does what next."""
        return self._chance.choice(self.users), self._chance.choices(self._actions, self._weights)[0]

    async def act(self, user: User, action: str, meant: float) -> bool:
        """Do one thing, meant to begin at that time (monotonic); whether it was done."""
        sent = time.monotonic()
        self.tally.late(meant, sent)
        try:
            if not user.refresh:
                await self._log_in(user, meant)
                meant = time.monotonic()
            elif sent - user.renewed_at > _RENEW and action != "refresh" and not user.renewing:
                await self._refresh(user, meant)
                meant = time.monotonic()
            await self._does[action](user, meant)
        except Lost:
            return False
        return True

    # -- what there is to do ----------------------------------------------------------------------

    async def _list(self, user: User, meant: float) -> None:
        await self._call(user, "GET", "/v1/files", meant, "?parent_id=root&sort=-created&limit=20")

    async def _list_trash(self, user: User, meant: float) -> None:
        await self._call(user, "GET", "/v1/trash", meant, "?limit=20")

    async def _me(self, user: User, meant: float) -> None:
        await self._call(user, "GET", "/v1/me", meant)

    async def _show(self, user: User, meant: float) -> None:
        if not user.files:
            return await self._list(user, meant)
        await self._call(user, "GET", "/v1/files/{id}", meant, id=self._chance.choice(user.files))
        return None

    async def _download(self, user: User, meant: float) -> None:
        if not user.files:
            return await self._list(user, meant)
        link = await self._call(user, "GET", "/v1/files/{id}/download", meant, id=self._chance.choice(user.files))
        await self._ask("store GET", "GET", link["url"], time.monotonic())
        return None

    async def _upload(self, user: User, meant: float) -> None:
        low, high = _SIZES
        body = _BYTES[: int(low * (high / low) ** self._chance.random())]
        intent = {"name": self._name(), "size": len(body), "content_type": "application/octet-stream"}
        upload = await self._call(user, "POST", "/v1/uploads", meant, body=intent)
        await self._ask("store PUT", upload["method"], upload["url"], time.monotonic(), upload["headers"], body)
        path = "/v1/uploads/{id}/complete"
        done = await self._call(user, "POST", path, time.monotonic(), id=upload["id"])
        user.files.append(done["file_id"])

    async def _rename(self, user: User, meant: float) -> None:
        if not user.files:
            return await self._list(user, meant)
        file = _taken(user.files, self._chance)
        try:
            await self._call(user, "PATCH", "/v1/files/{id}", meant, id=file, body={"name": self._name()})
        finally:
            user.files.append(file)
        return None

    async def _trash(self, user: User, meant: float) -> None:
        if not user.files:
            return await self._list(user, meant)
        file = _taken(user.files, self._chance)
        try:
            await self._call(user, "DELETE", "/v1/files/{id}", meant, id=file)
        except Lost as lost:
            if lost.refused:
                user.files.append(file)
            raise
        user.trashed.append(file)
        return None

    async def _restore(self, user: User, meant: float) -> None:
        if not user.trashed:
            return await self._list_trash(user, meant)
        file = _taken(user.trashed, self._chance)
        try:
            await self._call(user, "POST", "/v1/files/{id}/restore", meant, id=file)
        except Lost as lost:
            if lost.refused:
                user.trashed.append(file)
            raise
        user.files.append(file)
        return None

    async def _refresh(self, user: User, meant: float) -> None:
        if user.renewing:
            return await self._me(user, meant)
        user.renewing = True
        try:
            self._renewed(user, await self._ask_json("/v1/token/refresh", {"refresh_token": user.refresh}, meant))
        except Lost as lost:
            if not lost.refused:
                user.refresh = ""  # it may be spent; the next thing this user does is to log in
            raise
        finally:
            user.renewing = False
        return None

    async def _log_in(self, user: User, meant: float) -> None:
        account = {"email": user.email, "password": user.password}
        self._renewed(user, await self._ask_json("/v1/login", account, meant))

    async def sign_up(self, user: User) -> None:
        await self._ask_json("/v1/signup", {"email": user.email, "password": user.password}, time.monotonic())
        await self._log_in(user, time.monotonic())

    # -- how it is asked --------------------------------------------------------------------------

    def _renewed(self, user: User, given: Json) -> None:
        user.access, user.refresh = given["access_token"], given["refresh_token"]
        user.renewed_at = time.monotonic()

    def _name(self) -> str:
        self._named += 1
        return f"file {self._named} of the load.bin"

    async def _ask_json(self, path: str, body: Json, meant: float) -> Json:
        headers = {"Content-Type": "application/json"}
        raw = await self._ask(f"POST {path}", "POST", self._api + path, meant, headers, msgspec.json.encode(body))
        given: Json = msgspec.json.decode(raw)
        return given

    async def _call(
        self, user: User, method: str, path: str, meant: float, query: str = "", id: str = "", body: Json | None = None
    ) -> Json:
        headers = {"Authorization": f"Bearer {user.access}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        url = self._api + path.replace("{id}", id) + query
        sent = None if body is None else msgspec.json.encode(body)
        raw = await self._ask(f"{method} {path}", method, url, meant, headers, sent)
        return msgspec.json.decode(raw) if raw else {}

    async def _ask(
        self,
        route: str,
        method: str,
        url: str,
        meant: float,
        headers: Mapping[str, str] = _NO_HEADERS,
        body: bytes | None = None,
    ) -> bytes:
        """Raises Lost."""
        try:
            answer = await self._http.ask(method, url, headers, body)
            raw, outcome = answer.body, _outcome(answer)
        except TimeoutError:
            raw, outcome = b"", "timeout"
        except (OSError, Broken) as error:
            raw, outcome = b"", type(error).__name__
        self.tally.add(route, outcome, meant, time.monotonic())
        if outcome != OK:
            raise Lost(outcome)
        return raw


def _taken(files: list[str], chance: random.Random) -> str:
    """One of the files, which is nobody else's for as long as it is out of the list."""
    i = chance.randrange(len(files))
    files[i], files[-1] = files[-1], files[i]
    return files.pop()


def _outcome(answer: Answer) -> str:
    if answer.status < 400:
        return OK
    if answer.status in (429, 503) and b"retry-after" in answer.headers:
        return SHED
    try:
        return f"{answer.status} {msgspec.json.decode(answer.body)['code']}"
    except (msgspec.DecodeError, KeyError, TypeError):
        return str(answer.status)
