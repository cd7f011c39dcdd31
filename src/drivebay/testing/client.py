"""A client of the public HTTP API for tests. It calls only what every user of the API can call."""

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
    """One user of one server. `api` is the base URL of the server. `http` must not follow redirects or send a token."""

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
        """Send a request with the access token of the user."""
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
        """Send a request that must succeed and return its JSON, or an empty dict for 204."""
        response = await self.call(method, path, body, parameters)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return {} if response.status_code == 204 else response.json()

    async def sign_up(self) -> Client:
        """Create the account and log in."""
        account = {"email": self.email, "password": self.password}
        response = await self.http.post(f"{self.api}/v1/signup", json=account)
        assert response.status_code == 201, response.text
        return await self.log_in()

    async def log_in(self) -> Client:
        """Log in and keep the tokens."""
        account = {"email": self.email, "password": self.password}
        response = await self.http.post(f"{self.api}/v1/login", json=account)
        assert response.status_code == 200, response.text
        self.tokens = response.json()
        return self

    async def begin(
        self, name: str, body: bytes, *, checksum: bool = True, fields: Mapping[str, str] | None = None
    ) -> Json:
        """Begin an upload of `body` and return the response. `fields` are added to the request."""
        intent: Json = {"name": name, "size": len(body), "content_type": "text/plain", **(fields or {})}
        if checksum:
            intent["sha256"] = base64.b64encode(hashlib.sha256(body).digest()).decode()
        return await self.ok("POST", "/v1/uploads", intent)

    async def put(self, upload: Json, body: bytes) -> httpx.Response:
        """Send the bytes of an upload with its presigned request, and return the store's response."""
        return await self.http.request(upload["method"], upload["url"], headers=upload["headers"], content=body)

    async def store(self, name: str, body: bytes, **fields: str) -> Json:
        """Upload a file: begin the upload, send the bytes, complete it, and return the file as JSON."""
        upload = await self.begin(name, body, fields=fields)
        if upload["status"] == "complete":  # an instant upload: the drive has these bytes already
            return await self.ok("GET", f"/v1/files/{upload['file_id']}")
        response = await self.put(upload, body)
        assert response.status_code == 200, response.text
        done = await self.ok("POST", f"/v1/uploads/{upload['id']}/complete")
        return await self.ok("GET", f"/v1/files/{done['file_id']}")

    async def download(self, file_id: str) -> bytes:
        """Return the content of a file."""
        signed = await self.ok("GET", f"/v1/files/{file_id}/download")
        response = await self.http.get(signed["url"])
        assert response.status_code == 200, response.text
        return response.content

    async def names(self) -> list[str]:
        """Return the sorted names of up to 1,000 files."""
        return sorted(
            item["name"] for item in (await self.ok("GET", "/v1/files", parameters={"limit": "1000"}))["items"]
        )


async def eventually(fact: Callable[[], Awaitable[bool]], within: float = 25.0, every: float = 0.1) -> None:
    """Call `fact` every `every` seconds until it returns True. Raises AssertionError after `within` seconds."""
    deadline = asyncio.get_running_loop().time() + within
    while not await fact():
        assert asyncio.get_running_loop().time() < deadline, f"the condition was not met within {within} s"
        await asyncio.sleep(every)
