"""Every route there is. The app and the OpenAPI document are both made from this table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from .. import errors
from ..contract import files as contract
from ..contract.auth import Auth
from ..contract.storage import Storage
from . import room, views
from .accounts import Accounts
from .batches import Batches
from .files import Files
from .operations import Check, Operations
from .route import Parameter, Route
from .settings import Settings
from .tus import Tus
from .tus_routes import tus_routes
from .uploads import Uploads

_VERBOSE = Parameter("verbose", "query", {"type": "string"}, "with any value or none: what the store can do, too")
_LIMIT = Parameter("limit", "query", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "items a page")
_CURSOR = Parameter("cursor", "query", {"type": "string"}, "`next_cursor` of the page before")
_PARENT = Parameter(
    "parent_id",
    "query",
    {"type": "string", "pattern": views.UUID_OR_ROOT},
    "a folder's id or `root`; without it all files",
)
_NAMED = Parameter(
    "name",
    "query",
    {"type": "string", "minLength": 1, "maxLength": 255, **views.NAME},
    "only the one of this name in the folder `parent_id`, if there is one",
)
_SORT = Parameter(
    "sort",
    "query",
    {"type": "string", "enum": [f"{sign}{sort.value}" for sort in contract.Sort for sign in ("", "-")]},
    "`-` is descending; by default `name` in a folder, else `-created`",
)
_DISPOSITION = Parameter(
    "disposition",
    "query",
    {"type": "string", "enum": ["attachment", "inline"], "default": "attachment"},
    "`inline` is granted only to types that no browser runs",
)
_KEY = Parameter(
    "Idempotency-Key",
    "header",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "the same key and body within 24 h give the first answer again",
)
_IF_MATCH = Parameter("If-Match", "header", {"type": "string"}, "the file's ETag")

_REPEATED = (errors.IdempotencyKeyReused, errors.InProgress)


def table(
    auth: Auth,
    files: contract.Files,
    storage: Storage,
    settings: Settings,
    *,
    now: Callable[[], datetime],
    checks: Mapping[str, Check],
) -> tuple[Route, ...]:
    own_checks = {"auth": auth.health, "files": files.health, "storage": storage.health}
    return (
        *_accounts(Accounts(auth, files)),
        *_uploads(Uploads(files, storage, settings, now)),
        *_batches(Batches(files, storage, settings, now)),
        *tus_routes(Tus(files, storage, settings), _KEY),
        *_files(Files(files, storage, settings)),
        *_operations(Operations(own_checks | dict(checks), storage)),
    )


def _accounts(own: Accounts) -> tuple[Route, ...]:
    return (
        Route(
            "POST", "/v1/signup", "signUp", "Make an account", own.sign_up, {201: views.Account},
            body=views.Credentials, parameters=(_KEY,), public=True, room=room.HASHING,
            errors=(errors.EmailTaken, errors.RateLimited, *_REPEATED),
        ),
        Route(
            "POST", "/v1/login", "logIn", "Begin a session", own.log_in, {200: views.Session},
            body=views.Login, public=True, room=room.HASHING,
            errors=(errors.InvalidCredentials, errors.RateLimited),
        ),
        Route(
            "POST", "/v1/token/refresh", "refresh", "Trade a refresh token for new tokens", own.refresh,
            {200: views.Session}, body=views.RefreshToken, public=True,
            errors=(errors.Unauthenticated, errors.TokenReused),
        ),
        Route(
            "POST", "/v1/logout", "logOut", "End a session", own.log_out, {204: None},
            body=views.RefreshToken, public=True,
        ),
        Route("GET", "/v1/me", "me", "Who I am and what I use", own.me, {200: views.Me}),
        Route(
            "GET", "/.well-known/jwks.json", "keys", "The public keys that sign access tokens", own.keys,
            {200: views.JwkSet}, public=True,
        ),
    )  # fmt: skip


def _uploads(own: Uploads) -> tuple[Route, ...]:
    return (
        Route(
            "POST", "/v1/uploads", "beginUpload", "Record an intent and get a URL to send the bytes to", own.begin,
            {201: views.Upload}, body=views.NewUpload, parameters=(_KEY,), headers=("Location",),
            errors=(
                errors.NotFound, errors.NameTaken, errors.QuotaExceeded, errors.TooLarge, errors.RateLimited, *_REPEATED
            ),
        ),
        Route(
            "GET", "/v1/uploads/{id}", "showUpload", "An upload; a pending one with a fresh URL", own.show,
            {200: views.Upload}, errors=(errors.NotFound,),
        ),
        Route(
            "POST", "/v1/uploads/{id}/parts", "signParts", "Get URLs to send parts to, as often as wanted",
            own.sign_parts, {200: views.SignedParts}, body=views.NewParts,
            errors=(errors.NotFound, errors.Conflict),
        ),
        Route(
            "GET", "/v1/uploads/{id}/parts", "listParts", "The parts that the store holds", own.list_parts,
            {200: views.PartList}, errors=(errors.NotFound, errors.Conflict),
        ),
        Route(
            "GET", "/v1/uploads/{id}/timeline", "showTimeline", "What became of an upload, and when", own.timeline,
            {200: views.Timeline}, errors=(errors.NotFound,),
        ),
        Route(
            "POST", "/v1/uploads/{id}/complete", "completeUpload", "Say that the bytes are there", own.complete,
            {200: views.Upload}, errors=(errors.NotFound, errors.NotUploaded),
        ),
        Route(
            "DELETE", "/v1/uploads/{id}", "abortUpload", "Give an upload up", own.abort, {204: None},
            errors=(errors.NotFound, errors.Conflict),
        ),
    )  # fmt: skip


def _batches(own: Batches) -> tuple[Route, ...]:
    return (
        Route(
            "POST", "/v1/uploads/batch", "beginUploads", "Begin up to 100 uploads, each answered by itself", own.begin,
            {200: views.UploadResults}, body=views.NewUploads, parameters=(_KEY,), errors=_REPEATED,
        ),
        Route(
            "POST", "/v1/uploads/batch/complete", "completeUploads", "Say that the bytes of up to 100 are there",
            own.complete, {200: views.UploadResults}, body=views.UploadIds,
        ),
        Route(
            "POST", "/v1/files/batch/download", "downloadFiles", "Signed URLs of the bytes of up to 100 files",
            own.download, {200: views.DownloadResults}, body=views.Downloads,
        ),
    )  # fmt: skip


def _files(own: Files) -> tuple[Route, ...]:
    changed = (errors.NotFound, errors.PreconditionFailed)
    return (
        Route(
            "GET", "/v1/files", "listFiles", "Files that are not in the trash", own.list_files,
            {200: views.FileList}, parameters=(_PARENT, _NAMED, _SORT, _LIMIT, _CURSOR),
            errors=(errors.NotFound, errors.InvalidCursor),
        ),
        Route(
            "GET", "/v1/files/{id}", "showFile", "A file or folder", own.show, {200: views.File},
            headers=("ETag",), errors=(errors.NotFound,),
        ),
        Route(
            "PATCH", "/v1/files/{id}", "changeFile", "Rename or move", own.change, {200: views.File},
            body=views.FileChange, parameters=(_IF_MATCH,), headers=("ETag",),
            errors=(*changed, errors.NameTaken),
        ),
        Route(
            "DELETE", "/v1/files/{id}", "trashFile", "Put into the trash, a folder with all in it", own.trash,
            {204: None}, parameters=(_IF_MATCH,), errors=changed,
        ),
        Route(
            "POST", "/v1/files/{id}/restore", "restoreFile", "Take out of the trash", own.restore, {200: views.File},
            headers=("ETag",), errors=(errors.NotFound,),
        ),
        Route(
            "GET", "/v1/files/{id}/download", "downloadFile", "A signed URL of the bytes", own.download,
            {200: views.Download}, parameters=(_DISPOSITION,), headers=("Repr-Digest",), errors=(errors.NotFound,),
        ),
        Route(
            "GET", "/v1/files/{id}/content", "fileContent", "A redirect to the bytes", own.content, {302: None},
            parameters=(_DISPOSITION,), headers=("Location", "Repr-Digest"), errors=(errors.NotFound,),
        ),
        Route(
            "POST", "/v1/folders", "createFolder", "Make a folder", own.create_folder, {201: views.File},
            body=views.NewFolder, parameters=(_KEY,), headers=("ETag",),
            errors=(errors.NotFound, errors.NameTaken, *_REPEATED),
        ),
        Route(
            "GET", "/v1/trash", "listTrash", "What was put into the trash, latest first", own.list_trash,
            {200: views.FileList}, parameters=(_LIMIT, _CURSOR), errors=(errors.InvalidCursor,),
        ),
    )  # fmt: skip


def _operations(own: Operations) -> tuple[Route, ...]:
    return (
        Route(
            "GET", "/healthz", "alive", "The process lives", own.alive, {200: views.Alive}, public=True, room=room.OPEN
        ),
        Route(
            "GET", "/readyz", "ready", "Every service and server behind answers", own.ready,
            {200: views.Readiness, 503: views.Readiness}, parameters=(_VERBOSE,), public=True, room=room.OPEN,
        ),
        Route(
            "GET", "/metrics", "metrics", "Figures for Prometheus", own.metrics, {200: None}, public=True,
            room=room.OPEN,
        ),
    )  # fmt: skip
