"""The table of all routes. The app and the OpenAPI document are built from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from .. import errors
from ..contract import files as contract
from ..contract.auth import Auth, Scope
from ..contract.storage import Storage
from . import concurrency
from .access_rules import DriveSource, access_rule
from .accounts.account_resource import AccountResource
from .accounts.account_routes import account_routes, api_token_routes, session_routes
from .accounts.api_token_resource import ApiTokenResource
from .accounts.mail_resource import MailResource
from .accounts.mail_routes import mail_routes
from .accounts.oidc_resource import OidcResource
from .accounts.oidc_routes import oidc_routes
from .accounts.passkey_resource import PasskeyResource
from .accounts.passkey_routes import passkey_routes
from .accounts.session_cookie import SessionCookies
from .accounts.session_resource import SessionResource
from .accounts.totp_resource import TotpResource
from .accounts.totp_routes import totp_routes
from .admin.admin_resource import AdminResource
from .admin.admin_routes import admin_routes
from .archives.archive_resource import ArchiveResource, ArchiveServices
from .archives.archive_routes import archive_routes
from .archives.archive_slots import ArchiveSlots
from .authentication import Authenticator
from .changes.activity_resource import ActivityResource
from .changes.change_resource import ChangeResource
from .changes.change_routes import change_routes
from .changes.change_waiters import ChangeWaiters
from .client_address import ClientAddresses
from .drives.drive_resource import DriveResource
from .drives.drive_routes import drive_routes
from .entries import views as entry_views
from .entries.batch_change_resource import BatchChangeResource
from .entries.download_resource import DownloadResource
from .entries.entry_resource import EntryResource
from .jobs.job_resource import JobResource
from .jobs.job_routes import job_routes
from .json_types import NAME_SCHEMA, PATH_PATTERN, UUID, UUID_OR_ROOT
from .links.link_resource import LinkResource
from .links.link_routes import link_routes, public_link_routes
from .links.public_link_resource import PublicLinkResource
from .operations_resource import Alive, OperationsResource, Readiness
from .permissions.permission_resource import PermissionResource
from .permissions.permission_routes import permission_routes
from .public_url import PublicUrls
from .readiness import Check, ReadinessMonitor
from .route import Parameter, Route
from .search.search_resource import SearchResource
from .search.search_routes import search_routes
from .settings import Settings
from .thumbnails.thumbnail_resource import ThumbnailResource
from .thumbnails.thumbnail_routes import thumbnail_routes
from .tus.tus_resource import TusResource
from .tus.tus_routes import tus_routes
from .uploads.batch_resource import BatchResource
from .uploads.upload_resource import UploadResource, UploadSigner
from .uploads.upload_routes import upload_routes
from .versions.version_resource import VersionResource
from .versions.version_routes import version_routes
from .webhooks.webhook_resource import WebhookResource
from .webhooks.webhook_routes import webhook_routes

_VERBOSE = Parameter("verbose", "query", {"type": "string"}, "with any value: also show the capabilities of the store")
_LIMIT = Parameter("limit", "query", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "items a page")
_CURSOR = Parameter("cursor", "query", {"type": "string"}, "`next_cursor` of the previous page")
_PARENT = Parameter(
    "parent_id",
    "query",
    {"type": "string", "pattern": UUID_OR_ROOT},
    "a folder's id or `root`; without this parameter, the files of all folders",
)
_PUBLIC_PARENT = Parameter(
    "parent_id", "query", {"type": "string", "pattern": UUID_OR_ROOT}, "a folder's id; `root` is the shared folder"
)
_NAME = Parameter(
    "name",
    "query",
    {"type": "string", "minLength": 1, "maxLength": 255, **NAME_SCHEMA},
    "only the entry with this name in the folder `parent_id`",
)
_SORT = Parameter(
    "sort",
    "query",
    {"type": "string", "enum": [f"{sign}{sort.value}" for sort in contract.Sort for sign in ("", "-")]},
    "`-` is descending; the default is `name` in a folder, otherwise `-created`",
)
_STARRED = Parameter(
    "starred",
    "query",
    {"type": "string", "enum": ["true", "false"]},
    "`true`: only files and folders with a star; `false`: only those without",
)
_PATH = Parameter(
    "path",
    "query",
    {"type": "string", "pattern": PATH_PATTERN, "minLength": 2},
    "names from the root down: `/reports/2026/a.pdf`",
    required=True,
)
_DISPOSITION = Parameter(
    "disposition",
    "query",
    {"type": "string", "enum": ["attachment", "inline"], "default": "attachment"},
    "`inline` has an effect only for types without active content",
)
_DRIVE = Parameter(
    "drive_id",
    "query",
    {"type": "string", "pattern": f"^{UUID}$"},
    "the drive; without this parameter, the personal drive of the caller",
)
_KEY = Parameter(
    "Idempotency-Key",
    "header",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "the same key and body within 24 h give the first response again",
)
_IF_MATCH = Parameter("If-Match", "header", {"type": "string"}, "the file's ETag")
_CONDITIONS = (
    Parameter("If-Match", "header", {"type": "string"}, "the ETag of the bytes; 412 if they have been replaced"),
    Parameter("If-None-Match", "header", {"type": "string"}, "the ETag of the bytes; 304 if they are still the same"),
    Parameter("If-Unmodified-Since", "header", {"type": "string"}, "a date; 412 if the bytes were stored later"),
)
_IF_RANGE = Parameter(
    "If-Range", "header", {"type": "string"}, "with `Range`: the ETag of the bytes; 412 if they have been replaced"
)
_READ = (Scope.READ,)
_WRITE = (Scope.WRITE,)

_IDEMPOTENCY_ERRORS = (errors.IdempotencyKeyReused, errors.InProgress)


def build_routes(
    auth: Auth,
    files: contract.Files,
    storage: Storage,
    settings: Settings,
    *,
    now: Callable[[], datetime],
    readiness: ReadinessMonitor,
    waiters: ChangeWaiters,
    authenticator: Authenticator | None = None,
) -> tuple[Route, ...]:
    """Return the table of routes, with handlers that call these services.

    `authenticator` authenticates the requests. Handlers update it at once when they revoke a session or a token.
    """
    authenticator = authenticator or Authenticator(auth, settings, now)
    upload_ttl, download_ttl = _whole_seconds(settings.upload_ttl), _whole_seconds(settings.download_ttl)
    addresses = ClientAddresses(settings.trusted_proxies)
    urls = PublicUrls(settings.public_url, addresses)
    cookies = SessionCookies(urls)
    accounts = AccountResource(auth, files, addresses, authenticator, cookies)
    signer = UploadSigner(storage, now, upload_ttl)
    holders = PublicLinkResource(files, storage, urls, signer, download_ttl, addresses)
    batches = BatchResource(files, storage, now, upload_ttl)
    batch_changes = BatchChangeResource(files)
    downloads = DownloadResource(files, storage, download_ttl)
    slots = ArchiveSlots(settings.archives, settings.user_archives)
    services, timeout = ArchiveServices(files, storage, auth), settings.archive_timeout.total_seconds()
    archives = ArchiveResource(services, urls, addresses, slots, timeout)
    routes = (
        *account_routes(accounts, _KEY),
        *session_routes(SessionResource(auth, authenticator)),
        *api_token_routes(ApiTokenResource(auth, authenticator, addresses), _KEY, (_LIMIT, _CURSOR)),
        *drive_routes(DriveResource(auth, files, urls, settings), _KEY, (_LIMIT, _CURSOR)),
        *permission_routes(PermissionResource(auth, files), (_LIMIT, _CURSOR)),
        *upload_routes(UploadResource(files, urls, signer), batches, _KEY, (_LIMIT, _CURSOR)),
        *tus_routes(TusResource(files, storage, urls, settings), _KEY),
        *_entry_routes(EntryResource(files), downloads),
        *version_routes(VersionResource(files), downloads, _DISPOSITION, (_LIMIT, _CURSOR)),
        *thumbnail_routes(ThumbnailResource(files, storage, download_ttl)),
        *change_routes(ChangeResource(files, waiters), ActivityResource(auth, files), _LIMIT, (_LIMIT, _CURSOR)),
        *mail_routes(MailResource(auth, addresses)),
        *oidc_routes(OidcResource(auth, files, addresses, authenticator, cookies, settings.public_url)),
        *totp_routes(TotpResource(auth, addresses), accounts),
        *passkey_routes(PasskeyResource(auth, addresses, cookies, urls, settings.public_url)),
        *admin_routes(AdminResource(auth, files, urls, addresses, authenticator), _KEY, (_LIMIT, _CURSOR)),
        *_tree_routes(EntryResource(files)),
        *link_routes(LinkResource(files, urls), _KEY, (_LIMIT, _CURSOR)),
        *public_link_routes(holders, _KEY, (_PUBLIC_PARENT, _NAME, _SORT, _LIMIT, _CURSOR), _DISPOSITION),
        *webhook_routes(WebhookResource(files, urls), _KEY, (_LIMIT, _CURSOR)),
        *_batch_change_routes(batch_changes),
        *job_routes(JobResource(files, urls), _KEY),
        *archive_routes(archives, _KEY),
        *search_routes(SearchResource(files), (_STARRED, _LIMIT, _CURSOR)),
        *_operations_routes(readiness, separate=settings.has_operations_address),
    )
    return tuple(route if route.public else _with_access(route) for route in routes)


def _with_access(route: Route) -> Route:
    """Return a route with its access rule, and with the errors and the parameter that the rule adds."""
    rule = access_rule(route.method, route.path)
    if rule is None:
        return route
    added: list[type[errors.Error]] = [errors.NotFound]
    if rule.role is not contract.Role.VIEWER or rule.whole_drive:
        added.append(errors.Forbidden)
    parameters = (*route.parameters, _DRIVE) if rule.source is DriveSource.QUERY else route.parameters
    all_errors = tuple(dict.fromkeys((*route.errors, *added)))
    return dataclasses.replace(route, access=rule, parameters=parameters, errors=all_errors)


def create_readiness_monitor(
    auth: Auth, files: contract.Files, storage: Storage, extra_checks: Mapping[str, Check]
) -> ReadinessMonitor:
    """Return the monitor of a gateway: checks of its three services, and `extra_checks`."""
    checks: dict[str, Check] = {"auth": auth.health, "files": files.health, "storage": storage.health}
    return ReadinessMonitor(checks | dict(extra_checks), storage)


def _whole_seconds(ttl: timedelta) -> int:
    """Return a lifetime in whole seconds, at least one, because a signature has no fractions of seconds."""
    return max(1, int(ttl.total_seconds()))


def _entry_routes(entries: EntryResource, downloads: DownloadResource) -> tuple[Route, ...]:
    change_errors = (errors.NotFound, errors.PreconditionFailed)
    return (
        Route(
            "GET", "/v1/files", "listFiles", "List files that are not in the trash", entries.list_files,
            {200: entry_views.FileListing}, parameters=(_PARENT, _NAME, _SORT, _STARRED, _LIMIT, _CURSOR),
            errors=(errors.NotFound, errors.Forbidden, errors.InvalidCursor), scopes=_READ,
        ),
        Route(
            "GET", "/v1/files/{id}", "showFile", "Get a file or folder", entries.get_file, {200: entry_views.File},
            headers=("ETag",), errors=(errors.NotFound,), scopes=_READ,
        ),
        Route(
            "PATCH", "/v1/files/{id}", "changeFile", "Rename, move, or set the time, the star or properties",
            entries.update_file, {200: entry_views.File}, body=entry_views.EntryUpdate, parameters=(_IF_MATCH,),
            headers=("ETag",), errors=(*change_errors, errors.NameTaken, errors.WouldCycle), scopes=_WRITE,
        ),
        Route(
            "DELETE", "/v1/files/{id}", "trashFile", "Move to the trash, a folder with everything in it",
            entries.trash_file, {204: None}, parameters=(_IF_MATCH,), errors=change_errors, scopes=_WRITE,
        ),
        Route(
            "POST", "/v1/files/{id}/restore", "restoreFile", "Restore from the trash", entries.restore_file,
            {200: entry_views.File}, body=entry_views.Restoration, body_required=False, headers=("ETag",),
            errors=(errors.NotFound, errors.NameTaken), scopes=_WRITE,
        ),
        Route(
            "GET", "/v1/files/{id}/download", "downloadFile", "Get a presigned URL of the bytes",
            downloads.get_download, {200: entry_views.Download}, parameters=(_DISPOSITION,), headers=("Repr-Digest",),
            errors=(errors.NotFound,), scopes=_READ,
        ),
        Route(
            "GET", "/v1/files/{id}/content", "fileContent", "Redirect to the bytes", downloads.redirect_to_content,
            {302: None, 304: None}, parameters=(_DISPOSITION, *_CONDITIONS, _IF_RANGE),
            headers=("ETag", "Location", "Repr-Digest"), errors=(errors.NotFound, errors.PreconditionFailed),
            scopes=_READ,
        ),
        Route(
            "HEAD", "/v1/files/{id}/content", "describeContent", "Get the headers that a download of the bytes has",
            downloads.describe_content, {200: None, 304: None}, parameters=(_DISPOSITION, *_CONDITIONS),
            headers=("Accept-Ranges", "Content-Disposition", "Content-Length", "Content-Type", "ETag", "Repr-Digest"),
            errors=(errors.NotFound, errors.PreconditionFailed), scopes=_READ,
        ),
        Route(
            "POST", "/v1/folders", "createFolder", "Create a folder, or all folders of a path", entries.create_folder,
            {200: entry_views.File, 201: entry_views.File}, body=entry_views.NewFolder, parameters=(_KEY,),
            headers=("ETag",), scopes=_WRITE,
            errors=(errors.NotFound, errors.NameTaken, errors.QuotaExceeded, *_IDEMPOTENCY_ERRORS),
        ),
        Route(
            "GET", "/v1/trash", "listTrash", "List the entries in the trash, latest first", entries.list_trash,
            {200: entry_views.FileList}, parameters=(_LIMIT, _CURSOR), errors=(errors.InvalidCursor,), scopes=_READ,
        ),
        Route(
            "DELETE", "/v1/trash", "emptyTrash", "Delete everything in the trash for good", entries.empty_trash,
            {204: None}, scopes=_WRITE,
        ),
        Route(
            "DELETE", "/v1/trash/{id}", "deleteTrashed", "Delete an entry in the trash for good",
            entries.delete_trashed, {204: None}, errors=(errors.NotFound,), scopes=_WRITE,
        ),
        Route(
            "POST", "/v1/files/batch/download", "downloadFiles", "Get presigned URLs of up to 100 files",
            downloads.create_downloads, {200: entry_views.DownloadResults}, body=entry_views.DownloadRequest,
            scopes=_READ,
        ),
    )  # fmt: skip


def _tree_routes(entries: EntryResource) -> tuple[Route, ...]:
    return (
        Route(
            "GET", "/v1/files/by-path", "findFile", "Get the file or folder at a path", entries.find_file,
            {200: entry_views.File}, parameters=(_PATH,), headers=("ETag",), errors=(errors.NotFound,), scopes=_READ,
        ),
        Route(
            "GET", "/v1/files/{id}/path", "showPath", "Get the folders above a file or folder", entries.get_path,
            {200: entry_views.Path}, errors=(errors.NotFound,), scopes=_READ,
        ),
        Route(
            "GET", "/v1/files/{id}/size", "measureFolder", "Get the size of a folder with everything below it",
            entries.get_size, {200: entry_views.TreeSize}, errors=(errors.NotFound,), scopes=_READ, takes_root=True,
        ),
    )  # fmt: skip


def _batch_change_routes(changes: BatchChangeResource) -> tuple[Route, ...]:
    return (
        Route(
            "POST", "/v1/files/batch/move", "moveFiles", "Move up to 100 files and folders, each with its own result",
            changes.move_files, {200: entry_views.FileResults}, body=entry_views.MoveRequest, scopes=_WRITE,
        ),
        Route(
            "POST", "/v1/files/batch/trash", "trashFiles", "Move up to 100 files and folders to the trash",
            changes.trash_files, {200: entry_views.FileResults}, body=entry_views.FileIds, scopes=_WRITE,
        ),
        Route(
            "POST", "/v1/files/batch/restore", "restoreFiles", "Restore up to 100 files and folders from the trash",
            changes.restore_files, {200: entry_views.FileResults}, body=entry_views.FileIds, scopes=_WRITE,
        ),
        Route(
            "POST", "/v1/files/batch/copy", "copyFiles", "Copy up to 100 files and folders, each with its own result",
            changes.copy_files, {200: entry_views.FileResults}, body=entry_views.CopyRequest, parameters=(_KEY,),
            errors=_IDEMPOTENCY_ERRORS, scopes=_WRITE,
        ),
    )  # fmt: skip


def _operations_routes(readiness: ReadinessMonitor, *, separate: bool) -> tuple[Route, ...]:
    """Return the routes for operators. Metrics and details of readiness can have a `separate` address."""
    operations = OperationsResource(readiness, has_details=not separate)
    routes = (
        Route(
            "GET", "/healthz", "alive", "Check that the process is alive", operations.get_health, {200: Alive},
            public=True, limiter=concurrency.UNLIMITED,
        ),
        Route(
            "GET", "/readyz", "ready", "Check every service and server that the process needs",
            operations.get_readiness, {200: Readiness, 503: Readiness}, parameters=(_VERBOSE,), public=True,
            limiter=concurrency.UNLIMITED,
        ),
        Route(
            "GET", "/metrics", "metrics", "Get metrics for Prometheus", operations.get_metrics, {200: None},
            public=True, limiter=concurrency.UNLIMITED,
        ),
    )  # fmt: skip
    return routes[:-1] if separate else routes  # guard: public-metrics
