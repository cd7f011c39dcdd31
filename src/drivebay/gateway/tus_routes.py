"""The rows of the route table that speak tus."""

from __future__ import annotations

from typing import Any, Final

from .. import errors
from . import room, tus_headers
from .route import Parameter, Route
from .tus import HEADERS, Tus

_BYTES: Final = {"type": "integer", "minimum": 0}


def _header(name: str, schema: dict[str, Any], description: str, *, required: bool = False) -> Parameter:
    return Parameter(name, "header", schema, description, required)


_VERSION: Final = _header("Tus-Resumable", {"const": tus_headers.VERSION}, "the protocol's version", required=True)
_LENGTH: Final = _header("Upload-Length", _BYTES, "bytes of the whole file, unless they are told later")
_LATER: Final = _header("Upload-Defer-Length", {"const": "1"}, "the length is told later: with a PATCH")
_METADATA: Final = _header(
    "Upload-Metadata",
    {"type": "string", "maxLength": 4096},
    "`filename`, `filetype`, `parent_id` and `on_conflict` in base64; the rest is told again by HEAD",
)
_CHECKSUM: Final = _header(
    "Upload-Checksum",
    {"type": "string", "pattern": "^(sha1|md5|sha256) [A-Za-z0-9+/]+=*$"},
    "of this request's bytes, which are then 6 MiB at most",
)
_OFFSET: Final = _header("Upload-Offset", _BYTES, "bytes that are kept already", required=True)
_METHOD: Final = _header("X-HTTP-Method-Override", {"enum": ["PATCH", "HEAD", "DELETE"]}, "the method", required=True)

_NOT_TUS: Final = (errors.PreconditionFailed,)
_WRITING: Final = (
    *_NOT_TUS,
    errors.NotFound,
    errors.Conflict,
    errors.Locked,
    errors.MalformedBody,
    errors.ChecksumMismatch,
    errors.QuotaExceeded,
    errors.TooLarge,
    errors.UnsupportedMediaType,
)
_ASKING: Final = (*_NOT_TUS, errors.NotFound, errors.Conflict, errors.Locked)
_STATE: Final = ("Upload-Offset", "Upload-Expires", "Drivebay-File")
_ABOUT: Final = (*_STATE, "Upload-Length", "Upload-Defer-Length", "Upload-Metadata")


def tus_routes(own: Tus, key: Parameter) -> tuple[Route, ...]:
    at = "/v1/tus/{id}"
    ability = ("Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm")
    return (
        Route(
            "OPTIONS", "/v1/tus", "tusAbilities", "What of tus there is", own.options, {204: None}, public=True,
            headers=ability, always=HEADERS,
        ),
        Route(
            "POST", "/v1/tus", "tusCreate", "Begin an upload, perhaps with its first bytes", own.create, {201: None},
            parameters=(_VERSION, _LENGTH, _LATER, _METADATA, _CHECKSUM, key), headers=("Location", *_STATE),
            errors=(*_WRITING, errors.RateLimited, errors.IdempotencyKeyReused, errors.InProgress),
            room=room.STREAMS, always=HEADERS, streams=tus_headers.BYTES,
        ),
        Route(
            "OPTIONS", at, "tusAbilitiesHere", "What of tus there is", own.options, {204: None}, public=True,
            headers=ability, always=HEADERS,
        ),
        Route(
            "HEAD", at, "tusShow", "How much of an upload is kept", own.head, {200: None}, parameters=(_VERSION,),
            headers=_ABOUT, errors=(*_ASKING, errors.NotUploaded), always=HEADERS,
        ),
        Route(
            "PATCH", at, "tusSend", "Send bytes; with the last one it is a file", own.patch, {204: None},
            parameters=(_VERSION, _OFFSET, _LENGTH, _CHECKSUM), headers=_STATE, errors=_WRITING,
            room=room.STREAMS, always=HEADERS, streams=tus_headers.BYTES,
        ),
        Route(
            "POST", at, "tusOverride", "PATCH, HEAD or DELETE, for clients that can only POST", own.override,
            {200: None, 204: None}, parameters=(_VERSION, _METHOD), headers=_ABOUT,
            errors=(*_WRITING, errors.MethodNotAllowed), room=room.STREAMS, always=HEADERS, streams=tus_headers.BYTES,
        ),
        Route(
            "DELETE", at, "tusGiveUp", "Give an upload up", own.delete, {204: None}, parameters=(_VERSION,),
            errors=_ASKING, always=HEADERS,
        ),
    )  # fmt: skip
