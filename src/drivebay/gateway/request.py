"""What a client sent, read strictly: whatever does not fit is an InvalidRequest that names the field."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from ..contract.ids import ROOT, FileId, UploadId, UserId
from ..errors import FieldError, InvalidRequest, MalformedBody, TooLarge, UnsupportedMediaType
from .asgi import Receive, Scope
from .room import Room

T = TypeVar("T")

NOBODY: Final = UserId(UUID(int=0))
_BODY_LIMIT: Final = 2**20
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PATH = re.compile(r" - at `\$\.?(.*?)`$")
_NAMED = re.compile(r"field `([^`]*)`")


class Call:
    """One request on its way through a handler: an ASGI scope and the channel its body comes by.

    `sent` are its headers by lower-case name, `id` what stands for `{id}` in its path, `address` where it comes
    from. `user` is set on routes that need a token. `entered` is since when it is in its room (perf_counter),
    `body_within` how many seconds its body may take.
    """

    __slots__ = (
        "_body_within",
        "_receive",
        "_room",
        "_scope",
        "address",
        "entered",
        "id",
        "request_id",
        "sent",
        "user",
    )

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        sent: Mapping[bytes, bytes],
        id: str,
        address: str,
        request_id: str,
        room: Room,
        entered: float,
        body_within: float,
    ) -> None:
        self._scope = scope
        self._receive = receive
        self.sent = sent
        self.id = id
        self.address = address
        self.request_id = request_id
        self.user = NOBODY
        self.entered = entered
        self._room = room
        self._body_within = body_within

    def header(self, name: bytes) -> str | None:
        value = self.sent.get(name)
        return None if value is None else value.decode("latin-1")

    async def body(self, decoder: msgspec.json.Decoder[T]) -> T:
        """Raises MalformedBody, UnsupportedMediaType, TooLarge, InvalidRequest."""
        sent = self.header(b"content-type")
        if sent is not None and sent.partition(";")[0].strip().lower() != "application/json":
            raise UnsupportedMediaType
        raw = await self._bytes()
        try:
            return _decoded(raw, decoder)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise MalformedBody from None

    async def _bytes(self) -> bytes:
        # Told in more digits than any body needs, it is too large whatever they are.
        told = self.sent.get(b"content-length", b"0")
        if len(told) > 18 or (told.isdigit() and int(told) > _BODY_LIMIT):
            raise TooLarge("a body has at most 1 MiB")
        chunks: list[bytes] = []
        length = 0
        self._room.step_out()
        try:
            async with asyncio.timeout(self._body_within):
                while True:
                    chunk, more = await self.chunk()
                    chunks.append(chunk)
                    length += len(chunk)
                    if length > _BODY_LIMIT:
                        raise TooLarge("a body has at most 1 MiB")
                    if not more:
                        return b"".join(chunks)
        except TimeoutError:
            raise MalformedBody(f"the body did not come within {self._body_within:.0f} s") from None
        finally:
            self._room.step_in()
            self.entered = time.perf_counter()

    def content_length(self) -> int | None:
        """What is told of the body's length; None if it is told by its end alone."""
        told = self.sent.get(b"content-length")
        if told is not None and told.isdigit() and len(told) <= 18:
            return int(told)
        return None if told is not None or b"transfer-encoding" in self.sent else 0

    async def chunk(self) -> tuple[bytes, bool]:
        """The next bytes of the body, and whether there are more. Whoever asks for them bounds the wait."""
        message = await self._receive()
        if message["type"] != "http.request":
            raise MalformedBody("the request broke off")
        return message.get("body", b""), bool(message.get("more_body"))

    def query(self) -> dict[str, str]:
        """The parameters; of one that comes twice the last."""
        text: str = self._scope["query_string"].decode("latin-1")
        if "%" in text or "+" in text:
            return dict(parse_qsl(text, keep_blank_values=True))
        # Nothing is escaped, as in most queries: then this says the same, at a fifth of the cost.
        pairs = [part.partition("=") for part in text.split("&") if part]
        return {name: value for name, _, value in pairs}

    def file_id(self) -> FileId:
        return folder_id(self.id, "id")

    def upload_id(self) -> UploadId:
        return UploadId(uuid(self.id, "id"))

    def idempotency_key(self) -> str | None:
        key = self.header(b"idempotency-key")
        if key is None or (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
            return key
        raise invalid("Idempotency-Key", "must be 1 to 255 printable ASCII characters")


def invalid(field: str, problem: str) -> InvalidRequest:
    return InvalidRequest(f"{field} {problem}", errors=(FieldError(field, problem),))


def uuid(text: str, field: str) -> UUID:
    if not _UUID.fullmatch(text):
        raise invalid(field, "must be a UUID")
    return UUID(text)


def folder_id(text: str, field: str) -> FileId:
    return ROOT if text == "root" else FileId(uuid(text, field))


def sha256(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != 32:
        raise invalid("sha256", "must be base64 of 32 bytes")
    return digest


def limit(text: str | None) -> int:
    if text is None:
        return 100
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= 1000:
        raise invalid("limit", "must be 1 to 1000")
    return int(text)


def entity_tag(if_match: str, current: str) -> str:
    """The tag that a change is made conditional on, out of an `If-Match` that lists tags (RFC 9110, 13.1.1).

    It is `current` if that is in the list, else none that any file has. Tags may come without their quotes.
    Weak tags never match.
    """
    tags = [tag.strip() for tag in if_match.split(",")]
    strong = {f'"{tag.strip(chr(34))}"' for tag in tags if not tag.startswith("W/")}
    return current if current in strong else "none of these"


def _decoded(raw: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        found = _invalid(str(error))
    # The decoder stopped at the first thing that did not fit; behind it the body may be no JSON at all.
    with suppress(msgspec.ValidationError):  # a number without end is JSON all the same
        msgspec.json.decode(raw)
    raise found


def _invalid(message: str) -> InvalidRequest:
    """msgspec says `Expected `int`, got `str` - at `$.size``; clients get the field and the sentence."""
    path = _PATH.search(message)
    text = _PATH.sub("", message)
    field = path[1] if path else ""
    if named := _NAMED.search(text):
        field = f"{field}.{named[1]}" if field else named[1]
    text = text.replace("`", "").replace("Object", "the body")
    return InvalidRequest(f"{field}: {text}" if field else text, errors=(FieldError(field or "body", text),))
