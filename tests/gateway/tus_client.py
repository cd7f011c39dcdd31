"""A tus client that calls the app directly, so that a test controls each chunk and where the connection breaks."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any, NamedTuple

from .conftest import Gateway, User
from .openapi_document import undocumented

MIB = 2**20
PART = 8 * MIB
BYTES = "application/offset+octet-stream"


class TusResponse(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["code"]) if self.body else ""

    @property
    def offset(self) -> int:
        return int(self.headers["upload-offset"])


class Disconnect:
    """The connection breaks here."""


class Stall:
    """The client sends nothing more and keeps the connection. `reached` is set when the gateway waits for more."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()


class Hold:
    """The client sends nothing more until `go_on` is set. `reached` is set when the gateway waits for more."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()


class Pause(NamedTuple):
    """The client waits this long, then sends the bytes."""

    seconds: float
    body: bytes


BodyItem = bytes | Disconnect | Stall | Hold | Pause


class TusClient:
    """A tus client of one user."""

    def __init__(self, gateway: Gateway, user: User) -> None:
        self.gateway = gateway
        self.user = user

    async def request(
        self, method: str, path: str, *sent: BodyItem, without: Iterable[str] = (), **more: str
    ) -> TusResponse:
        """Send one request. `more` are headers, with underscores for hyphens. `sent` is the body, in chunks."""
        headers = {
            "authorization": f"Bearer {self.user.tokens['access_token']}",
            "tus-resumable": "1.0.0",
            **({"content-type": BYTES, "transfer-encoding": "chunked"} if sent else {}),
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        answers: list[Any] = []
        messages = self._messages(sent)

        async def receive() -> Any:
            return await anext(messages)

        async def send(message: Any) -> None:
            answers.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path.partition("?")[0],
            "query_string": path.partition("?")[2].encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items() if name not in without],
            "client": ("192.0.2.7", 50_000),
        }
        await self.gateway.app(scope, receive, send)
        response_headers = {name.decode(): value.decode() for name, value in answers[0]["headers"]}
        answer = TusResponse(answers[0]["status"], response_headers, answers[1].get("body", b""))
        problem = undocumented(method, path.partition("?")[0], answer.status, answer.headers, answer.body)
        assert problem is None, problem
        return answer

    async def _messages(self, sent: Iterable[BodyItem]) -> AsyncIterator[dict[str, Any]]:
        for each in sent:
            if isinstance(each, bytes):
                # A new object, as from a server, so that the test measures what the gateway holds.
                yield {"type": "http.request", "body": bytes(bytearray(each)), "more_body": True}
            elif isinstance(each, Pause):
                await asyncio.sleep(each.seconds)
                yield {"type": "http.request", "body": each.body, "more_body": True}
            elif isinstance(each, Hold):
                each.reached.set()
                await each.go_on.wait()
            elif isinstance(each, Stall):
                each.reached.set()
                await asyncio.get_running_loop().create_future()
            else:
                break
        else:
            yield {"type": "http.request", "body": b"", "more_body": False}
        while True:
            yield {"type": "http.disconnect"}

    async def create(self, length: int | None, *sent: BodyItem, **more: str) -> str:
        length_header = {"upload_defer_length": "1"} if length is None else {"upload_length": str(length)}
        answer = await self.request("POST", "/v1/tus", *sent, **(length_header | more))
        assert answer.status == 201, answer
        return answer.headers["location"]

    async def send(self, at: str, offset: int, *sent: BodyItem, **more: str) -> TusResponse:
        return await self.request("PATCH", at, *(sent or (b"",)), upload_offset=str(offset), **more)

    async def offset(self, at: str) -> int:
        answer = await self.request("HEAD", at)
        assert answer.status == 200, answer
        return answer.offset

    async def content(self, file: str) -> bytes:
        """Return the bytes of a file in the store."""
        upload = (await self.user.ok("GET", f"/v1/files/{file}/download"))["url"]
        return next(body for key, (_, body) in self.gateway.bucket.objects.items() if key.replace("/", "%2F") in upload)


def encode_metadata(**metadata: str) -> str:
    """Return an `Upload-Metadata` header."""
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in metadata.items())
