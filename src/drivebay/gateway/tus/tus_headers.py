"""Headers of tus 1.0: strict parsing of requests, and the headers of responses."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final, NamedTuple

import msgspec

from ...contract import files as contract
from ...contract.ids import ROOT, FileId
from ...errors import ChecksumMismatch, MalformedBody, PreconditionFailed, UnsupportedMediaType
from ..http_request import Request, invalid_field_error, parse_file_id
from ..json_types import Time

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,creation-defer-length,checksum,expiration,termination"
MEDIA_TYPE: Final = "application/offset+octet-stream"
VERSION_HEADERS: Final = {"Tus-Resumable": VERSION, "Tus-Version": VERSION}
"""The headers of every response, also of an error."""
ALGORITHMS: Final[dict[str, Callable[[], Any]]] = {
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "sha256": hashlib.sha256,
}
MAX_METADATA_LENGTH: Final = 4096
MAX_FOLDERS: Final = 64
"""The maximum number of folders in `relativePath`. Each may need two calls of the files service."""
MAX_NAME_BYTES: Final = 255
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_BYTE_COUNT: Final = re.compile(r"[0-9]{1,18}")
_SECONDS: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_time_decoder: Final = msgspec.json.Decoder(Time)
_EMPTY_VALUES: Final = frozenset({"", "null", "undefined"})
"""JavaScript clients send these for a value that is not set."""


class Checksum(NamedTuple):
    """The `Upload-Checksum` of a request's body."""

    algorithm: str
    digest: bytes

    def verify(self, actual: bytes) -> None:
        """Raise ChecksumMismatch if the digest of the body differs from the expected digest."""
        if actual != self.digest:
            raise ChecksumMismatch(
                f"the {self.algorithm} of the body differs from Upload-Checksum; nothing was stored, send it again"
            )


class UploadMetadata(NamedTuple):
    """The values of `Upload-Metadata` for a new file. `header` is the whole header, for later HEAD requests.

    `folders` are the names of the folders below `parent` that hold the file, from the top down.
    """

    name: str
    content_type: str
    parent: FileId
    folders: tuple[str, ...]
    on_conflict: contract.OnConflict
    header: str | None
    modified_at: datetime | None = None


def check_version(req: Request) -> None:
    """Raise PreconditionFailed unless the client uses this version of tus."""
    if req.get_header("Tus-Resumable") != VERSION:
        raise PreconditionFailed(f"this server supports tus {VERSION}: send Tus-Resumable: {VERSION}")


def check_media_type(req: Request) -> None:
    """Raise UnsupportedMediaType unless the body has the media type of tus."""
    media_type = (req.content_type or "").partition(";")[0].strip().lower()
    if media_type != MEDIA_TYPE:
        raise UnsupportedMediaType(f"the body must be {MEDIA_TYPE}")


def parse_byte_count(req: Request, name: str) -> int | None:
    """Return a header that is a number of bytes, or None without the header. Raises InvalidRequest."""
    text = req.get_header(name)
    if text is None:
        return None
    if not _BYTE_COUNT.fullmatch(text):
        raise invalid_field_error(name, "must be a number of bytes")
    return int(text)


def parse_creation_length(req: Request) -> int | None:
    """Return the length of a new upload, or None if it is deferred.

    Raises InvalidRequest unless the client sends exactly one of `Upload-Length` and `Upload-Defer-Length`.
    """
    length, deferred = parse_byte_count(req, "Upload-Length"), req.get_header("Upload-Defer-Length")
    if deferred not in (None, "1"):
        raise invalid_field_error("Upload-Defer-Length", "must be 1")
    if (length is None) == (deferred is None):
        raise invalid_field_error("Upload-Length", "is required, unless Upload-Defer-Length is sent instead")
    return length


def parse_checksum(req: Request) -> Checksum | None:
    """Return the checksum of the body, or None if the client sends none. Raises MalformedBody."""
    text = req.get_header("Upload-Checksum")
    if text is None:
        return None
    algorithm, _, encoded = text.partition(" ")
    if algorithm not in ALGORITHMS:
        # The checksum extension of tus requires status 400.
        raise MalformedBody(f"Upload-Checksum must use one of {', '.join(ALGORITHMS)}")
    digest = _decode_base64(encoded)
    if digest is None or len(digest) != ALGORITHMS[algorithm]().digest_size:
        raise MalformedBody(f"Upload-Checksum must be a {algorithm} in base64")
    return Checksum(algorithm, digest)


def parse_metadata(req: Request) -> UploadMetadata:
    """Return the metadata of a new file. Unknown keys have no effect, and HEAD returns them unchanged."""
    header = req.get_header("Upload-Metadata")
    if header is None or not header.strip():
        return UploadMetadata("upload", "application/octet-stream", ROOT, (), contract.OnConflict.RENAME, None)
    if len(header) > MAX_METADATA_LENGTH or not (header.isascii() and header.isprintable()):
        raise invalid_field_error(
            "Upload-Metadata", f"must be at most {MAX_METADATA_LENGTH} printable ASCII characters"
        )
    values = dict(_parse_pair(pair) for pair in header.split(","))
    parent = _get_text(values, "parent_id")
    conflict = _get_text(values, "on_conflict") or contract.OnConflict.RENAME.value
    if conflict not in {choice.value for choice in contract.OnConflict}:
        raise invalid_field_error("on_conflict", "must be fail, rename or replace")
    path = _parse_relative_path(_get_text(values, "relativePath"))
    return UploadMetadata(
        _get_text(values, "filename", "name") or (path[-1] if path else "upload"),
        _get_text(values, "filetype", "type") or "application/octet-stream",
        ROOT if parent is None else parse_file_id(parent, "parent_id"),
        path[:-1],
        contract.OnConflict(conflict),
        header,
        _parse_time(_get_text(values, "modified_at", "mtime")),
    )


def _parse_time(text: str | None) -> datetime | None:
    """Return the modification time: RFC 3339 with a zone, or seconds since 1970. Raises InvalidRequest."""
    if text is None:
        return None
    try:
        if _SECONDS.fullmatch(text):
            return _EPOCH + timedelta(seconds=float(text))
        return _time_decoder.decode(msgspec.json.encode(text))
    except (msgspec.ValidationError, OverflowError):
        raise invalid_field_error(
            "modified_at", "must be a time with a zone (RFC 3339) or seconds since 1970"
        ) from None


def _parse_relative_path(text: str | None) -> tuple[str, ...]:
    """Return the names in a path such as `photos/2024/a.jpg`: folders, then the file. Raises InvalidRequest.

    The names are converted to NFC, as they are stored, and are all checked before the first folder is created. One
    slash at the beginning is ignored: Uppy sends the path of a dropped file as the browser returns it, `/photos/a.jpg`.
    """
    if text is None:
        return ()
    names = tuple(unicodedata.normalize("NFC", text).removeprefix("/").split("/"))
    if any(name in ("", ".", "..") for name in names):  # guard: relative-path-names
        raise invalid_field_error("relativePath", "must be names separated by single slashes, without . and ..")
    if any(len(name.encode()) > MAX_NAME_BYTES or _CONTROL.search(name) for name in names):
        raise invalid_field_error(
            "relativePath", f"must have names of at most {MAX_NAME_BYTES} bytes without control characters"
        )
    if len(names) - 1 > MAX_FOLDERS:  # guard: relative-path-depth
        raise invalid_field_error("relativePath", f"must have at most {MAX_FOLDERS} folders")
    return names


def _parse_pair(pair: str) -> tuple[str, bytes]:
    key, _, encoded = pair.strip().partition(" ")
    value = _decode_base64(encoded)
    if not key or value is None:
        raise invalid_field_error("Upload-Metadata", "must be keys with values in base64, separated by commas")
    return key, value


def _get_text(values: dict[str, bytes], *keys: str) -> str | None:
    """Return the first value that is set."""
    for key in keys:
        try:
            text = values.get(key, b"").decode()
        except UnicodeDecodeError:
            raise invalid_field_error(key, "must be UTF-8") from None
        if text not in _EMPTY_VALUES:
            return text
    return None


def _decode_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def state_headers(upload: contract.Upload, offset: int) -> dict[str, str]:
    """Return the headers with the stored offset, and with the upload's expiry time or the id of its file."""
    headers = {"Upload-Offset": str(offset)}
    if upload.status is contract.UploadStatus.PENDING:
        headers["Upload-Expires"] = format_datetime(upload.expires_at, usegmt=True)
    if upload.file is not None:
        headers["Drivebay-File"] = str(upload.file)
    return headers


def head_headers(upload: contract.Upload, offset: int) -> dict[str, str]:
    """Return the headers of a response to HEAD: the state, the length and the metadata."""
    headers = state_headers(upload, offset)
    headers |= {"Upload-Defer-Length": "1"} if upload.deferred_length else {"Upload-Length": str(upload.size)}
    # `client_note` is the `Upload-Metadata` of the request that created the upload.
    return headers if upload.client_note is None else headers | {"Upload-Metadata": upload.client_note}
