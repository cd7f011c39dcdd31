"""tus requests straight into the app, chunk by chunk: so a test says where a connection breaks, and when."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any, NamedTuple

from .conftest import Gateway, User
from .described import undocumented

MIB = 2**20
PART = 8 * MIB
BYTES = "application/offset+octet-stream"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["code"]) if self.body else ""

    @property
    def offset(self) -> int:
        return int(self.headers["upload-offset"])


class Gone:
    """The connection breaks here."""


class Stalled:
    """Nothing more comes, and the connection stays. `reached` is set when the gateway waits for more."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()


Sent = bytes | Gone | Stalled


class Tus:
    """One user of one gateway."""

    def __init__(self, gateway: Gateway, user: User) -> None:
        self.gateway = gateway
        self.user = user

    async def ask(self, method: str, path: str, *sent: Sent, without: Iterable[str] = (), **more: str) -> Answer:
        """`more` are headers, with underscores for hyphens; a body without a length is chunked."""
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
            "path": path,
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items() if name not in without],
            "client": ("192.0.2.7", 50_000),
        }
        await self.gateway.app(scope, receive, send)
        told = {name.decode(): value.decode() for name, value in answers[0]["headers"]}
        answer = Answer(answers[0]["status"], told, answers[1]["body"])
        problem = undocumented(method, path, answer.status, answer.headers, answer.body)
        assert problem is None, problem
        return answer

    async def _messages(self, sent: Iterable[Sent]) -> AsyncIterator[dict[str, Any]]:
        for each in sent:
            if isinstance(each, bytes):
                # New bytes, as a server's would be: what the gateway holds of them is seen.
                yield {"type": "http.request", "body": bytes(bytearray(each)), "more_body": True}
            elif isinstance(each, Stalled):
                each.reached.set()
                await asyncio.get_running_loop().create_future()
            else:
                break
        else:
            yield {"type": "http.request", "body": b"", "more_body": False}
        while True:
            yield {"type": "http.disconnect"}

    async def create(self, length: int | None, *sent: Sent, **more: str) -> str:
        told = {"upload_defer_length": "1"} if length is None else {"upload_length": str(length)}
        answer = await self.ask("POST", "/v1/tus", *sent, **(told | more))
        assert answer.status == 201, answer
        return answer.headers["location"]

    async def send(self, at: str, offset: int, *sent: Sent, **more: str) -> Answer:
        return await self.ask("PATCH", at, *(sent or (b"",)), upload_offset=str(offset), **more)

    async def offset(self, at: str) -> int:
        answer = await self.ask("HEAD", at)
        assert answer.status == 200, answer
        return answer.offset

    async def content(self, file: str) -> bytes:
        """The bytes of a file as they are in the store."""
        upload = (await self.user.ok("GET", f"/v1/files/{file}/download"))["url"]
        return next(body for key, (_, body) in self.gateway.bucket.objects.items() if key.replace("/", "%2F") in upload)


def said(**metadata: str) -> str:
    """An `Upload-Metadata`."""
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in metadata.items())
