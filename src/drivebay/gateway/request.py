"""What a client sent, read strictly: whatever does not fit is an InvalidRequest that names the field."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from litestar import Request

from ..contract.ids import ROOT, FileId, UploadId, UserId
from ..errors import FieldError, InvalidRequest, MalformedBody, UnsupportedMediaType

T = TypeVar("T")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PATH = re.compile(r" - at `\$\.?(.*?)`$")
_NAMED = re.compile(r"field `([^`]*)`")


class Call:
    """One request on its way through a handler. `user` is set on routes that need a token."""

    def __init__(self, request: Request[Any, Any, Any], address: str) -> None:
        self.request = request
        self.address = address
        self.user = UserId(UUID(int=0))

    def header(self, name: str) -> str | None:
        return self.request.headers.get(name)

    async def body(self, decoder: msgspec.json.Decoder[T]) -> T:
        """Raises MalformedBody, UnsupportedMediaType, InvalidRequest."""
        sent = self.header("content-type")
        if sent is not None and sent.partition(";")[0].strip().lower() != "application/json":
            raise UnsupportedMediaType
        raw = await self.request.body()
        try:
            return decoder.decode(raw)
        except msgspec.ValidationError as error:
            raise _invalid(str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise MalformedBody from None

    def query(self) -> dict[str, str]:
        raw = self.request.scope["query_string"]
        return dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True)) if raw else {}

    def file_id(self) -> FileId:
        return folder_id(self.request.path_params["id"], "id")

    def upload_id(self) -> UploadId:
        return UploadId(uuid(self.request.path_params["id"], "id"))

    def idempotency_key(self) -> str | None:
        key = self.header("idempotency-key")
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


def entity_tag(if_match: str | None, current: str) -> str | None:
    """The tag that a change may be made conditional on, out of an `If-Match` header (RFC 9110, 13.1.1).

    None when the header does not restrict (absent or `*`). A list is reduced to `current` if that is in
    it. Tags may come without their quotes. Weak tags never match.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    tags = [tag.strip() for tag in if_match.split(",")]
    strong = {f'"{tag.strip(chr(34))}"' for tag in tags if not tag.startswith("W/")}
    return current if current in strong else "none of these"


def _invalid(message: str) -> InvalidRequest:
    """msgspec says `Expected `int`, got `str` - at `$.size``; clients get the field and the sentence."""
    path = _PATH.search(message)
    text = _PATH.sub("", message)
    field = path[1] if path else ""
    if named := _NAMED.search(text):
        field = f"{field}.{named[1]}" if field else named[1]
    text = text.replace("`", "").replace("Object", "the body")
    return InvalidRequest(f"{field}: {text}" if field else text, errors=(FieldError(field or "body", text),))


def moment(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")
