"""The SDK: `AsyncDrive`, and `Drive` for programs without asyncio. It needs only aiohttp and msgspec.

from drivebay.client import Drive

with Drive("https://drive.example.com") as drive:
    drive.log_in("ada@example.com", "correct horse battery")
    drive.make_folder("/reports", parents=True)
    file = drive.upload("report.pdf", "/reports")
    drive.download(file, "copy.pdf")
"""

from __future__ import annotations

from .account_models import Account, ApiToken, Passkey, Scope, SessionInfo, TotpSecret
from .admin_models import AuditEvent, Statistics, User
from .api_models import (
    ROOT,
    Activity,
    Archive,
    Change,
    ChangePage,
    Disposition,
    File,
    FoundFile,
    Link,
    OnConflict,
    Role,
    Sort,
    Tokens,
    TreeSize,
    Upload,
    UploadEvent,
    Usage,
    Version,
)
from .async_admin import AsyncAdmin
from .async_drive import AsyncDrive
from .errors import (
    ApiError,
    ChecksumMismatch,
    Conflict,
    ContentChanged,
    CursorExpired,
    Error,
    FieldError,
    Forbidden,
    NetworkError,
    NotFound,
    RequestNotSent,
    SecondFactorRequired,
    StoreError,
    Unauthenticated,
    Unavailable,
    UnsafeName,
    UploadFailed,
)
from .job_models import Job
from .link_models import LinkFile, LinkInfo, LinkRole, ShareLink
from .part_file import is_part_name
from .public_link import AsyncPublicLink, is_link_url
from .resume_store import PendingBatch, ResumeStore, UnfinishedUpload
from .retry_policy import RetryPolicy
from .sharing_models import DriveInfo, Member, Permission
from .store_client import Progress
from .sync_drive import Admin, Drive, PublicLink
from .token_store import MemoryTokenStore, TokenStore
from .upload_sources import Content, file_time
from .webhook_models import Webhook, WebhookDelivery

__all__ = [
    "ROOT",
    "Account",
    "Activity",
    "Admin",
    "ApiError",
    "ApiToken",
    "Archive",
    "AsyncAdmin",
    "AsyncDrive",
    "AsyncPublicLink",
    "AuditEvent",
    "Change",
    "ChangePage",
    "ChecksumMismatch",
    "Conflict",
    "Content",
    "ContentChanged",
    "CursorExpired",
    "Disposition",
    "Drive",
    "DriveInfo",
    "Error",
    "FieldError",
    "File",
    "Forbidden",
    "FoundFile",
    "Job",
    "Link",
    "LinkFile",
    "LinkInfo",
    "LinkRole",
    "Member",
    "MemoryTokenStore",
    "NetworkError",
    "NotFound",
    "OnConflict",
    "Passkey",
    "PendingBatch",
    "Permission",
    "Progress",
    "PublicLink",
    "RequestNotSent",
    "ResumeStore",
    "RetryPolicy",
    "Role",
    "Scope",
    "SecondFactorRequired",
    "SessionInfo",
    "ShareLink",
    "Sort",
    "Statistics",
    "StoreError",
    "TokenStore",
    "Tokens",
    "TotpSecret",
    "TreeSize",
    "Unauthenticated",
    "Unavailable",
    "UnfinishedUpload",
    "UnsafeName",
    "Upload",
    "UploadEvent",
    "UploadFailed",
    "Usage",
    "User",
    "Version",
    "Webhook",
    "WebhookDelivery",
    "file_time",
    "is_link_url",
    "is_part_name",
]
