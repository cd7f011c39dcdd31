"""The routes of uploads."""

from __future__ import annotations

from typing import Final

from ... import errors
from ...contract.auth import Scope
from ..route import Parameter, Route
from . import views
from .batch_resource import BatchResource
from .upload_resource import UploadResource

_UPLOAD_STATUS = Parameter(
    "status", "query", {"type": "string", "enum": ["pending"], "default": "pending"}, "only pending uploads are listed"
)
_UPLOAD_SORT = Parameter(
    "sort",
    "query",
    {"type": "string", "enum": ["created", "-created"], "default": "-created"},
    "`-created` is the newest first",
)
_WRITE: Final = (Scope.WRITE,)
_READ_OR_WRITE: Final = (Scope.READ, Scope.WRITE)
_IDEMPOTENCY_ERRORS: Final = (errors.IdempotencyKeyReused, errors.InProgress)


def upload_routes(
    uploads: UploadResource, batches: BatchResource, key: Parameter, page: tuple[Parameter, ...]
) -> tuple[Route, ...]:
    """Return the routes. `key` is the parameter `Idempotency-Key`, `page` are the parameters of a list."""
    return (
        Route(
            "POST", "/v1/uploads", "beginUpload", "Record an intent and get a URL to send the bytes to",
            uploads.create_upload, {201: views.Upload}, body=views.NewUpload, parameters=(key,),
            headers=("Location",),
            errors=(
                errors.NotFound, errors.NameTaken, errors.QuotaExceeded, errors.TooLarge, errors.RateLimited,
                *_IDEMPOTENCY_ERRORS,
            ), scopes=_WRITE,
        ),
        Route(
            "GET", "/v1/uploads", "listUploads", "List the pending uploads", uploads.list_uploads,
            {200: views.PendingUploads}, parameters=(_UPLOAD_STATUS, _UPLOAD_SORT, *page),
            errors=(errors.InvalidCursor,), scopes=_READ_OR_WRITE,
        ),
        Route(
            "GET", "/v1/uploads/{id}", "showUpload", "Get an upload; a pending one has a freshly signed URL",
            uploads.get_upload, {200: views.Upload}, errors=(errors.NotFound,), scopes=_WRITE,
        ),
        Route(
            "POST", "/v1/uploads/{id}/parts", "signParts", "Get URLs to send parts to; may be repeated",
            uploads.sign_parts, {200: views.SignedParts}, body=views.NewParts,
            errors=(errors.NotFound, errors.Conflict), scopes=_WRITE,
        ),
        Route(
            "GET", "/v1/uploads/{id}/parts", "listParts", "List the parts that the store has", uploads.list_parts,
            {200: views.PartList}, errors=(errors.NotFound, errors.Conflict), scopes=_READ_OR_WRITE,
        ),
        Route(
            "GET", "/v1/uploads/{id}/timeline", "showTimeline", "List the state changes of an upload",
            uploads.get_timeline, {200: views.Timeline}, errors=(errors.NotFound,), scopes=_READ_OR_WRITE,
        ),
        Route(
            "POST", "/v1/uploads/{id}/complete", "completeUpload", "Commit an upload whose bytes are stored",
            uploads.complete_upload, {200: views.Upload}, errors=(errors.NotFound, errors.NotUploaded),
            scopes=_WRITE,
        ),
        Route(
            "DELETE", "/v1/uploads/{id}", "abortUpload", "Abort an upload", uploads.abort_upload, {204: None},
            errors=(errors.NotFound, errors.Conflict), scopes=_WRITE,
        ),
        Route(
            "POST", "/v1/uploads/batch", "beginUploads", "Begin up to 100 uploads, each with its own result",
            batches.create_uploads, {200: views.UploadResults}, body=views.NewUploads,
            parameters=(key,), errors=_IDEMPOTENCY_ERRORS, scopes=_WRITE,
        ),
        Route(
            "POST", "/v1/uploads/batch/complete", "completeUploads", "Commit up to 100 uploads whose bytes are stored",
            batches.complete_uploads, {200: views.UploadResults}, body=views.UploadIds, scopes=_WRITE,
        ),
    )  # fmt: skip
