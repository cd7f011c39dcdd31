"""The routes of the tus protocol."""

from __future__ import annotations

from typing import Any, Final

from ... import errors
from ...contract.auth import Scope
from .. import concurrency
from ..route import Parameter, Route
from . import tus_headers
from .tus_headers import MEDIA_TYPE, VERSION_HEADERS
from .tus_resource import TusResource

_WRITE: Final = (Scope.WRITE,)
_BYTES: Final = {"type": "integer", "minimum": 0}


def _header(name: str, schema: dict[str, Any], description: str, *, required: bool = False) -> Parameter:
    return Parameter(name, "header", schema, description, required)


_VERSION: Final = _header("Tus-Resumable", {"const": tus_headers.VERSION}, "the protocol's version", required=True)
_LENGTH: Final = _header("Upload-Length", _BYTES, "bytes of the whole file, unless the length is deferred")
_DEFER_LENGTH: Final = _header("Upload-Defer-Length", {"const": "1"}, "a later PATCH sends the length")
_METADATA: Final = _header(
    "Upload-Metadata",
    {"type": "string", "maxLength": tus_headers.MAX_METADATA_LENGTH},
    "`filename`, `filetype`, `parent_id`, `relativePath`, `on_conflict`, `modified_at` (or `mtime`), in base64; HEAD "
    "returns this header unchanged",
)
_CHECKSUM: Final = _header(
    "Upload-Checksum",
    {"type": "string", "pattern": "^(sha1|md5|sha256) [A-Za-z0-9+/]+=*$"},
    "The checksum of this request's body. With this header a body may have at most 6 MiB, or three quarters of a part "
    "if the parts are larger than 8 MiB (files over 78 GiB).",
)
_OFFSET: Final = _header("Upload-Offset", _BYTES, "bytes that are already stored", required=True)
_METHOD: Final = _header(
    "X-HTTP-Method-Override", {"enum": ["PATCH", "HEAD", "DELETE"]}, "the method to run instead of POST", required=True
)

_VERSION_ERRORS: Final = (errors.PreconditionFailed,)
_WRITE_ERRORS: Final = (
    *_VERSION_ERRORS,
    errors.NotFound,
    errors.Conflict,
    errors.Locked,
    errors.MalformedBody,
    errors.ChecksumMismatch,
    errors.QuotaExceeded,
    errors.TooLarge,
    errors.UnsupportedMediaType,
)
_READ_ERRORS: Final = (*_VERSION_ERRORS, errors.NotFound, errors.Conflict, errors.Locked)
_STATE_HEADERS: Final = ("Upload-Offset", "Upload-Expires", "Drivebay-File")
_HEAD_RESPONSE_HEADERS: Final = (*_STATE_HEADERS, "Upload-Length", "Upload-Defer-Length", "Upload-Metadata")
_EXTENSION_HEADERS: Final = ("Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm")


def tus_routes(tus: TusResource, key: Parameter) -> tuple[Route, ...]:
    """Return the tus routes. `key` is the parameter `Idempotency-Key`."""
    item = "/v1/tus/{id}"
    return (
        Route(
            "OPTIONS", "/v1/tus", "tusOptions", "Get the supported tus extensions", tus.get_options, {204: None},
            public=True, headers=_EXTENSION_HEADERS, fixed_headers=VERSION_HEADERS,
        ),
        Route(
            "POST", "/v1/tus", "tusCreate", "Begin an upload, optionally with its first bytes", tus.create_tus_upload,
            {201: None}, parameters=(_VERSION, _LENGTH, _DEFER_LENGTH, _METADATA, _CHECKSUM, key),
            headers=("Location", *_STATE_HEADERS),
            errors=(*_WRITE_ERRORS, errors.NameTaken, errors.IdempotencyKeyReused, errors.InProgress),
            limiter=concurrency.STREAMS, scopes=_WRITE, fixed_headers=VERSION_HEADERS, request_media_type=MEDIA_TYPE,
        ),
        Route(
            "OPTIONS", item, "tusUploadOptions", "Get the supported tus extensions", tus.get_options, {204: None},
            public=True, headers=_EXTENSION_HEADERS, fixed_headers=VERSION_HEADERS,
        ),
        Route(
            "HEAD", item, "tusShow", "Get the stored offset of an upload", tus.get_offset, {200: None},
            parameters=(_VERSION,), headers=_HEAD_RESPONSE_HEADERS, errors=(*_READ_ERRORS, errors.NotUploaded),
            scopes=_WRITE, fixed_headers=VERSION_HEADERS,
        ),
        Route(
            "PATCH", item, "tusSend", "Send bytes; the last byte completes the file", tus.append_bytes, {204: None},
            parameters=(_VERSION, _OFFSET, _LENGTH, _CHECKSUM), headers=_STATE_HEADERS, errors=_WRITE_ERRORS,
            limiter=concurrency.STREAMS, scopes=_WRITE, fixed_headers=VERSION_HEADERS, request_media_type=MEDIA_TYPE,
        ),
        Route(
            "POST", item, "tusOverride", "Send PATCH, HEAD or DELETE, for clients that can only POST",
            tus.override_method, {200: None, 204: None}, parameters=(_VERSION, _METHOD), headers=_HEAD_RESPONSE_HEADERS,
            errors=(*_WRITE_ERRORS, errors.MethodNotAllowed), limiter=concurrency.STREAMS, scopes=_WRITE,
            fixed_headers=VERSION_HEADERS, request_media_type=MEDIA_TYPE,
        ),
        Route(
            "DELETE", item, "tusAbort", "Abort an upload", tus.abort_tus_upload, {204: None},
            parameters=(_VERSION,), errors=_READ_ERRORS, scopes=_WRITE, fixed_headers=VERSION_HEADERS,
        ),
    )  # fmt: skip
