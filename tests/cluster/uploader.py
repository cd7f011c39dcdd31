"""A user who uploads and lists files while servers fail."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import httpx

from drivebay.testing.client import Client, Json


class Uploader:
    """Uploads files and lists them until told to stop. A request succeeds, or is refused with 503.

    Each listing must contain all acknowledged files. A file is `uncertain` if a request of its upload got a 503.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.acknowledged: set[str] = set()
        self.uncertain: set[str] = set()
        self.stops = False

    async def work(self) -> None:
        """Work until `stops` is set."""
        self.stops = False
        while not self.stops:
            name = f"{uuid4().hex}.txt"
            self.uncertain.add(name)
            if await self._upload(name):
                self.uncertain.remove(name)
                self.acknowledged.add(name)
            else:
                await asyncio.sleep(0.1)
            await self._list()

    async def _upload(self, name: str) -> bool:
        body = name.encode()
        intent = {"name": name, "size": len(body), "content_type": "text/plain"}
        upload = await self._ask("POST", "/v1/uploads", intent)
        if upload is None:
            return False
        assert (await self.client.put(upload, body)).status_code == 200
        return await self._ask("POST", f"/v1/uploads/{upload['id']}/complete") is not None

    async def _list(self) -> None:
        page = await self._ask("GET", "/v1/files?limit=1000")
        if page is not None:
            self.check([item["name"] for item in page["items"]], is_complete=page.get("next_cursor") is None)

    def check(self, names: list[str], *, is_complete: bool = True) -> None:
        """Check a listing: no file is there twice or came from nowhere, and no acknowledged file is missing."""
        assert len(names) == len(set(names))
        assert set(names) <= self.acknowledged | self.uncertain
        if is_complete:
            assert self.acknowledged <= set(names), f"lost: {self.acknowledged - set(names)}"

    async def _ask(self, method: str, path: str, body: object = None) -> Json | None:
        """Return the response, None for a 503."""
        response: httpx.Response = await self.client.call(method, path, body)
        assert response.is_success or response.status_code == 503, f"{path}: {response.status_code} {response.text}"
        return response.json() if response.is_success else None
