"""The routes of thumbnails."""

from __future__ import annotations

from typing import Final

from ... import errors
from ...contract.auth import Scope
from ...contract.storage import THUMBNAIL_SIZES
from ..route import Parameter, Route
from .thumbnail_resource import DEFAULT_SIZE, ThumbnailResource

_SIZE: Final = Parameter(
    "size",
    "query",
    {"type": "integer", "enum": list(THUMBNAIL_SIZES), "default": DEFAULT_SIZE},
    "pixels of the longer side, at most",
)


def thumbnail_routes(thumbnails: ThumbnailResource) -> tuple[Route, ...]:
    """Return the routes of thumbnails."""
    return (
        Route(
            "GET", "/v1/files/{id}/thumbnail", "fileThumbnail",
            "Redirect to a WebP image of a file; 202 while it is made, 404 `no_preview` if there is none",
            thumbnails.get_thumbnail, {302: None, 202: None}, parameters=(_SIZE,),
            headers=("Location", "Retry-After"), errors=(errors.NotFound, errors.NoPreview), scopes=(Scope.READ,),
        ),
        Route(
            "HEAD", "/v1/files/{id}/thumbnail", "describeThumbnail", "Get the headers that the image has",
            thumbnails.get_thumbnail, {200: None, 202: None}, parameters=(_SIZE,),
            headers=("Accept-Ranges", "Content-Disposition", "Content-Length", "Content-Type", "ETag", "Retry-After"),
            errors=(errors.NotFound, errors.NoPreview), scopes=(Scope.READ,),
        ),
    )  # fmt: skip
