"""The routes of the versions of files."""

from __future__ import annotations

from typing import Final

from ... import errors
from ...contract.auth import Scope
from ..entries import views as entry_views
from ..entries.download_resource import DownloadResource
from ..route import Parameter, Route
from . import views
from .version_resource import VersionResource

_READ: Final = (Scope.READ,)
_WRITE: Final = (Scope.WRITE,)


def version_routes(
    versions: VersionResource, downloads: DownloadResource, disposition: Parameter, page: tuple[Parameter, ...]
) -> tuple[Route, ...]:
    """Return the routes of versions. `disposition` is a parameter of downloads, `page` are the parameters of a list."""
    return (
        Route(
            "GET", "/v1/files/{id}/versions", "listVersions", "List the versions of a file, newest first",
            versions.list_versions, {200: views.VersionList}, parameters=page,
            errors=(errors.NotFound, errors.InvalidCursor), scopes=_READ,
        ),
        Route(
            "GET", "/v1/files/{id}/versions/{version}/download", "downloadVersion",
            "Get a presigned URL of the bytes of a version", downloads.get_version_download,
            {200: entry_views.Download}, parameters=(disposition,), headers=("Repr-Digest",),
            errors=(errors.NotFound,), scopes=_READ,
        ),
        Route(
            "POST", "/v1/files/{id}/versions/{version}/restore", "restoreVersion",
            "Make the content of a version current again, as a new version", versions.restore_version,
            {200: entry_views.File}, headers=("ETag",), errors=(errors.NotFound, errors.QuotaExceeded), scopes=_WRITE,
        ),
        Route(
            "DELETE", "/v1/files/{id}/versions/{version}", "deleteVersion", "Delete an old version for good",
            versions.delete_version, {204: None}, errors=(errors.NotFound, errors.Conflict), scopes=_WRITE,
        ),
    )  # fmt: skip
