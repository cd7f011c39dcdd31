"""A client of the public API for tests: what a user's program would do, and nothing it could not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import uuid4

import httpx

Json = dict[str, Any]


class Client:
    """One user of one API. `http` never follows redirects and carries no token by itself."""

    def __init__(self, http: httpx.AsyncClient, api: str) -> None:
        self.http = http
        self.api = api
        self.email = f"{uuid4().hex}@example.com"
        self.password = f"password {uuid4().hex}"
        self.tokens: Json = {}

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        parameters: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """A call with the user's token."""
        return await self.http.request(
            method,
            self.api + path,
            json=body,
            params=parameters,
            headers={"Authorization": f"Bearer {self.tokens['access_token']}", **(headers or {})},
        )

    async def ok(
        self, method: str, path: str, body: object = None, parameters: Mapping[str, str] | None = None
    ) -> Json:
        """A call that must succeed; its JSON (empty for 204)."""
        response = await self.call(method, path, body, parameters)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return {} if response.status_code == 204 else response.json()

    async def sign_up(self) -> Client:
        account = {"email": self.email, "password": self.password}
        response = await self.http.post(f"{self.api}/v1/signup", json=account)
        assert response.status_code == 201, response.text
        return await self.log_in()

    async def log_in(self) -> Client:
        account = {"email": self.email, "password": self.password}
        response = await self.http.post(f"{self.api}/v1/login", json=account)
        assert response.status_code == 200, response.text
        self.tokens = response.json()
        return self

    async def begin(
        self, name: str, body: bytes, *, checksum: bool = True, fields: Mapping[str, str] | None = None
    ) -> Json:
        intent: Json = {"name": name, "size": len(body), "content_type": "text/plain", **(fields or {})}
        if checksum:
            intent["sha256"] = base64.b64encode(hashlib.sha256(body).digest()).decode()
        return await self.ok("POST", "/v1/uploads", intent)

    async def put(self, upload: Json, body: bytes) -> httpx.Response:
        return await self.http.request(upload["method"], upload["url"], headers=upload["headers"], content=body)

    async def store(self, name: str, body: bytes, **fields: str) -> Json:
        """Upload and complete; the file."""
        upload = await self.begin(name, body, fields=fields)
        response = await self.put(upload, body)
        assert response.status_code == 200, response.text
        done = await self.ok("POST", f"/v1/uploads/{upload['id']}/complete")
        return await self.ok("GET", f"/v1/files/{done['file_id']}")

    async def download(self, file_id: str) -> bytes:
        signed = await self.ok("GET", f"/v1/files/{file_id}/download")
        response = await self.http.get(signed["url"])
        assert response.status_code == 200, response.text
        return response.content

    async def names(self) -> list[str]:
        return sorted(
            item["name"] for item in (await self.ok("GET", "/v1/files", parameters={"limit": "1000"}))["items"]
        )


async def eventually(fact: Callable[[], Awaitable[bool]], within: float = 25.0, every: float = 0.1) -> None:
    """Wait until `fact` holds. Raises AssertionError when it does not within so many seconds."""
    deadline = asyncio.get_running_loop().time() + within
    while not await fact():
        assert asyncio.get_running_loop().time() < deadline, f"not so within {within} s"
        await asyncio.sleep(every)
