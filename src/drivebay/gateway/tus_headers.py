"""The headers of tus 1.0 (https://tus.io/protocols/resumable-upload), read strictly and written."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from email.utils import format_datetime
from typing import Any, Final, NamedTuple

from ..contract import files as contract
from ..contract.ids import ROOT, FileId
from ..errors import ChecksumMismatch, MalformedBody, PreconditionFailed, UnsupportedMediaType
from . import request
from .request import Call, invalid

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,creation-defer-length,checksum,expiration,termination"
BYTES: Final = "application/offset+octet-stream"
ALGORITHMS: Final[dict[str, Callable[[], Any]]] = {
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "sha256": hashlib.sha256,
}
_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_LONGEST_METADATA: Final = 4096
_NOTHING: Final = frozenset({"", "null", "undefined"})
"""What clients of JavaScript say when there is nothing to say."""


class Promise(NamedTuple):
    """What `Upload-Checksum` says of a request's body."""

    algorithm: str
    digest: bytes

    def hold(self, seen: bytes) -> None:
        """Raises ChecksumMismatch."""
        if seen != self.digest:
            raise ChecksumMismatch(f"the bytes have another {self.algorithm}; nothing of them was kept")


class Metadata(NamedTuple):
    name: str
    content_type: str
    parent: FileId
    on_conflict: contract.OnConflict
    note: str | None
    """The header as it came, to be told again."""


def check_version(call: Call) -> None:
    if call.header(b"tus-resumable") != VERSION:
        raise PreconditionFailed(f"this is tus {VERSION}: say so with Tus-Resumable")


def check_type(call: Call) -> None:
    sent = (call.header(b"content-type") or "").partition(";")[0].strip().lower()
    if sent != BYTES:
        raise UnsupportedMediaType(f"the body must be {BYTES}")


def number(call: Call, name: str) -> int | None:
    """A header that is a number of bytes."""
    text = call.header(name.lower().encode())
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        raise invalid(name, "must be a number of bytes")
    return int(text)


def length(call: Call) -> int | None:
    """The length of a new upload; None if it is told later. Raises InvalidRequest unless it is one of the two."""
    told, later = number(call, "Upload-Length"), call.header(b"upload-defer-length")
    if later not in (None, "1"):
        raise invalid("Upload-Defer-Length", "must be 1")
    if (told is None) == (later is None):
        raise invalid("Upload-Length", "is needed, or Upload-Defer-Length, and not both")
    return told


def promise(call: Call) -> Promise | None:
    text = call.header(b"upload-checksum")
    if text is None:
        return None
    algorithm, _, encoded = text.partition(" ")
    if algorithm not in ALGORITHMS:
        # By the extension's own word a 400.
        raise MalformedBody(f"of checksums there are {', '.join(ALGORITHMS)}")
    digest = _decoded(encoded)
    if digest is None or len(digest) != ALGORITHMS[algorithm]().digest_size:
        raise MalformedBody(f"Upload-Checksum is no {algorithm} in base64")
    return Promise(algorithm, digest)


def metadata(call: Call) -> Metadata:
    """What is said of a new file. Names that mean nothing here are kept and told again, no more."""
    text = call.header(b"upload-metadata")
    if text is None or not text.strip():
        return Metadata("upload", "application/octet-stream", ROOT, contract.OnConflict.RENAME, None)
    if len(text) > _LONGEST_METADATA or not (text.isascii() and text.isprintable()):
        raise invalid("Upload-Metadata", f"must be of printable ASCII characters, {_LONGEST_METADATA} at most")
    told = dict(_pair(pair) for pair in text.split(","))
    parent = _said(told, "parent_id")
    conflict = _said(told, "on_conflict") or contract.OnConflict.RENAME.value
    if conflict not in {each.value for each in contract.OnConflict}:
        raise invalid("on_conflict", "must be fail, rename or replace")
    return Metadata(
        _said(told, "filename", "name") or "upload",
        _said(told, "filetype", "type") or "application/octet-stream",
        ROOT if parent is None else request.folder_id(parent, "parent_id"),
        contract.OnConflict(conflict),
        text,
    )


def _pair(pair: str) -> tuple[str, bytes]:
    key, _, encoded = pair.strip().partition(" ")
    value = _decoded(encoded)
    if not key or value is None:
        raise invalid("Upload-Metadata", "must be of names, each with its value in base64, between commas")
    return key, value


def _said(told: dict[str, bytes], *names: str) -> str | None:
    for name in names:
        try:
            text = told.get(name, b"").decode()
        except UnicodeDecodeError:
            raise invalid(name, "must be UTF-8") from None
        if text not in _NOTHING:
            return text
    return None


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def state(upload: contract.Upload, offset: int) -> dict[str, str]:
    """What an answer says of an upload: how much is kept, and until when, or which file it has become."""
    said = {"Upload-Offset": str(offset)}
    if upload.status is contract.UploadStatus.PENDING:
        said["Upload-Expires"] = format_datetime(upload.expires_at, usegmt=True)
    if upload.file is not None:
        said["Drivebay-File"] = str(upload.file)
    return said


def of_head(upload: contract.Upload, offset: int) -> dict[str, str]:
    said = state(upload, offset)
    said |= {"Upload-Defer-Length": "1"} if upload.deferred else {"Upload-Length": str(upload.size)}
    return said if upload.note is None else said | {"Upload-Metadata": upload.note}
