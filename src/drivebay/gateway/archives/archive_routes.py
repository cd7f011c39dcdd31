"""The routes of archives."""

from __future__ import annotations

from typing import Final

from ... import errors
from ...contract.auth import Scope
from ..links.public_link_resource import SESSION_HEADER
from ..route import Parameter, Route
from . import views
from .archive_resource import MEDIA_TYPE, ArchiveResource

_RANGE: Final = Parameter("Range", "header", {"type": "string"}, "one range of bytes; several ranges are ignored")
_IF_RANGE: Final = Parameter(
    "If-Range", "header", {"type": "string"}, "with `Range`: the ETag; another one gets the whole archive"
)
_IF_NONE_MATCH: Final = Parameter("If-None-Match", "header", {"type": "string"}, "the ETag; 304 if it is this one")
_IF_MATCH: Final = Parameter("If-Match", "header", {"type": "string"}, "the ETag; 412 if it is another one")
_SESSION: Final = Parameter(
    SESSION_HEADER, "header", {"type": "string"}, "the `link_session` of `unlockLink`, for a link with a password"
)
_HEADERS: Final = ("ETag", "Accept-Ranges", "Content-Disposition")


def archive_routes(archives: ArchiveResource, key: Parameter) -> tuple[Route, ...]:
    """Return the routes of archives. `key` is `Idempotency-Key`."""
    return (
        Route(
            "POST", "/v1/archives", "createArchive", "Get a URL that downloads files and folders as one ZIP file",
            archives.create_archive, {201: views.Archive}, body=views.NewArchive, parameters=(key,),
            headers=("Location",), errors=(errors.IdempotencyKeyReused, errors.InProgress), scopes=(Scope.READ,),
        ),
        Route(
            "POST", "/v1/public/{token}/archives", "createPublicArchive",
            "Get a URL that downloads files and folders of a link as one ZIP file; counts one download",
            archives.create_link_archive, {201: views.Archive}, body=views.NewArchive,
            parameters=(_SESSION, key), headers=("Location",),
            errors=(errors.NotFound, errors.PasswordRequired, errors.IdempotencyKeyReused, errors.InProgress),
            public=True,
        ),
        Route(
            "GET", "/v1/archives/{token}", "downloadArchive", "Download an archive; the URL needs no login",
            archives.send_archive, {200: None, 206: None, 304: None},
            parameters=(_RANGE, _IF_RANGE, _IF_MATCH, _IF_NONE_MATCH), headers=_HEADERS,
            errors=(errors.NotFound, errors.RangeNotSatisfiable, errors.PreconditionFailed), public=True,
            response_media_type=MEDIA_TYPE,
        ),
    )  # fmt: skip
