"""The routes of links: routes for the users who create links, and public routes for the holders of a link."""

from __future__ import annotations

from typing import Final

from ... import errors
from ...contract.auth import Scope
from .. import concurrency
from ..entries import views as entry_views
from ..route import Parameter, Route
from ..uploads import views as upload_views
from . import views
from .link_resource import LinkResource
from .public_link_resource import SESSION_HEADER, PublicLinkResource

_READ: Final = (Scope.READ, Scope.SHARE)
_SHARE: Final = (Scope.SHARE,)
_SESSION: Final = Parameter(
    SESSION_HEADER, "header", {"type": "string"}, "the `link_session` of `unlockLink`, for a link with a password"
)
_HOLDER_ERRORS: Final = (errors.NotFound, errors.PasswordRequired)
_UPLOAD_ERRORS: Final = (*_HOLDER_ERRORS, errors.Forbidden)
_IDEMPOTENCY_ERRORS: Final = (errors.IdempotencyKeyReused, errors.InProgress)


def link_routes(links: LinkResource, key: Parameter, page: tuple[Parameter, ...]) -> tuple[Route, ...]:
    """Return the routes for users who create links. `key` is `Idempotency-Key`, `page` the parameters of a list."""
    return (
        Route(
            "POST", "/v1/files/{id}/links", "createLink",
            "Create a link to a file or folder for people without an account", links.create_link,
            {201: views.CreatedShareLink}, body=views.LinkRequest, parameters=(key,),
            errors=(errors.QuotaExceeded, *_IDEMPOTENCY_ERRORS), scopes=_SHARE,
        ),
        Route(
            "GET", "/v1/files/{id}/links", "listFileLinks", "List the links of a file or folder",
            links.list_links_of_file, {200: views.ShareLinkList}, parameters=page, errors=(errors.InvalidCursor,),
            scopes=_READ,
        ),
        Route(
            "GET", "/v1/links", "listLinks", "List my links in a drive; a manager sees all", links.list_links,
            {200: views.ShareLinkList}, parameters=page, errors=(errors.InvalidCursor,), scopes=_READ,
        ),
        Route(
            "PATCH", "/v1/links/{id}", "changeLink", "Change a link; null clears a field", links.update_link,
            {200: views.ShareLink}, body=views.LinkChange, scopes=_SHARE,
        ),
        Route(
            "DELETE", "/v1/links/{id}", "deleteLink", "End a link at once", links.delete_link, {204: None},
            scopes=_SHARE,
        ),
    )  # fmt: skip


def public_link_routes(
    links: PublicLinkResource, key: Parameter, listing: tuple[Parameter, ...], disposition: Parameter
) -> tuple[Route, ...]:
    """Return the public routes. `listing` are the parameters of the list of files."""
    link_path, upload_path = "/v1/public/{token}", "/v1/public/{token}/uploads/{id}"
    return (
        Route(
            "GET", "/s/{token}", "openShare",
            "Redirect to the link of this token; with `Accept: text/html` show its page in the web app",
            links.redirect_to_link, {200: None, 302: None}, headers=("Location",), errors=(errors.NotFound,),
            public=True, response_media_type="text/html",
        ),
        Route(
            "GET", link_path, "showPublicLink", "Get the name of the item of a link, and the role", links.get_link,
            {200: views.PublicLink}, parameters=(_SESSION,), errors=_HOLDER_ERRORS, public=True,
        ),
        Route(
            "POST", f"{link_path}/unlock", "unlockLink", "Exchange the password of a link for a link session",
            links.unlock_link, {200: views.UnlockedLink}, body=views.LinkUnlock, limiter=concurrency.HASHING,
            errors=(errors.NotFound, errors.InvalidCredentials), public=True,
        ),
        Route(
            "GET", f"{link_path}/files", "listPublicFiles", "List a folder of a link", links.list_files,
            {200: views.PublicFileList}, parameters=(_SESSION, *listing),
            errors=(*_HOLDER_ERRORS, errors.InvalidCursor), public=True,
        ),
        Route(
            "GET", f"{link_path}/files/{{id}}/download", "downloadPublicFile",
            "Get a presigned URL of a file below the shared folder; counts one download", links.get_download_of_file,
            {200: entry_views.Download}, parameters=(_SESSION, disposition), headers=("Repr-Digest",),
            errors=_HOLDER_ERRORS, public=True,
        ),
        Route(
            "GET", f"{link_path}/download", "downloadPublic",
            "Get a presigned URL of the shared file; counts one download", links.get_download,
            {200: entry_views.Download}, parameters=(_SESSION, disposition), headers=("Repr-Digest",),
            errors=_HOLDER_ERRORS, public=True,
        ),
        Route(
            "POST", f"{link_path}/uploads", "beginPublicUpload", "Begin an upload into the shared folder",
            links.create_upload, {201: upload_views.Upload}, body=upload_views.NewUpload, parameters=(_SESSION, key),
            headers=("Location",),
            errors=(*_UPLOAD_ERRORS, errors.QuotaExceeded, errors.TooLarge, errors.RateLimited, *_IDEMPOTENCY_ERRORS),
            public=True,
        ),
        Route(
            "GET", upload_path, "showPublicUpload", "Get an upload that was begun with this link", links.get_upload,
            {200: upload_views.Upload}, parameters=(_SESSION,), errors=_UPLOAD_ERRORS, public=True,
        ),
        Route(
            "POST", f"{upload_path}/parts", "signPublicParts", "Get URLs to send parts to; may be repeated",
            links.sign_parts, {200: upload_views.SignedParts}, body=upload_views.NewParts, parameters=(_SESSION,),
            errors=(*_UPLOAD_ERRORS, errors.Conflict), public=True,
        ),
        Route(
            "POST", f"{upload_path}/complete", "completePublicUpload", "Commit an upload whose bytes are stored",
            links.complete_upload, {200: upload_views.Upload}, parameters=(_SESSION,),
            errors=(*_UPLOAD_ERRORS, errors.NotUploaded), public=True,
        ),
    )  # fmt: skip
