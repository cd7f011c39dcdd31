"""The contract of the files service: all metadata of files and folders, and all rules about it.

The first argument of a call about data is an `Access`: the drive, the actor and their role. Data of another drive is
reported as NotFound, like an id that does not exist. In tables and statements the id of the drive is the `owner_id`.

An upload stays pending until `commit_uploads` finds its object in the store and turns it into a file. A commit relies
on its own look-up in the store and on the recorded intent, never on the caller or on an event.

`Files` combines the Protocols of all aggregates. One proto service, `FilesService`, mirrors it, because released gRPC
clients call that service. A new aggregate gets its own Protocol in its own module.
"""

from typing import Protocol

from .access import Access, Grant, Role
from .account_deletion import AccountDeletion
from .archives import Archive, ArchiveEntry, ArchivePage, Archives, EntryCrc
from .bucket_scans import BucketScans, ScanClaim, ScanKind
from .changes import Activity, ActivityPage, Change, ChangeKind, ChangePage, Changes
from .commits import CommitOutcome, Commits, Trigger
from .copies import Copies, CopyTarget
from .drives import Drive, DriveKind, DrivePage, Drives, Member
from .entries import (
    HIDDEN_FOLDER,
    Content,
    ContentResult,
    Entries,
    EntryUpdate,
    File,
    FilePage,
    Kind,
    Listing,
    Sort,
    Usage,
)
from .entry_batches import EntryBatches, FileResult
from .entry_paths import CreatedFolder, EntryPaths, TreeSize
from .jobs import Job, JobClaims, JobKind, Jobs, JobStatus, JobTask
from .links import (
    Link,
    LinkField,
    LinkInfo,
    LinkListing,
    LinkPage,
    LinkRole,
    Links,
    LinkUpdate,
    NewLink,
    PublicLinks,
)
from .maintenance import Backlog, DeadLetter, Maintenance, Violation
from .permissions import Permission, Permissions, SharedItem, SharedItemPage
from .purges import Purges, PurgeTask
from .quotas import DriveUsage, Quotas, Totals, UsageListing, UsagePage
from .receiver_urls import ReceiverRules
from .search import FoundFile, Search, Searches, SearchPage
from .thumbnails import (
    ThumbnailInfo,
    ThumbnailJobs,
    ThumbnailOutcome,
    Thumbnails,
    ThumbnailState,
    ThumbnailTask,
)
from .trash import Trash
from .uploads import (
    BatchResult,
    ItemError,
    OnConflict,
    Part,
    PartIntent,
    PartLayout,
    RefusedItem,
    Upload,
    UploadEvent,
    UploadIntent,
    UploadPage,
    UploadRef,
    Uploads,
    UploadStatus,
)
from .versions import Version, VersionPage, Versions
from .webhooks import (
    Delivery,
    DeliveryOutcome,
    DeliveryPage,
    DeliveryResult,
    NewWebhook,
    Webhook,
    WebhookDeliveries,
    WebhookEvent,
    WebhookPage,
    Webhooks,
    WebhookTask,
    WebhookUpdate,
    event_id,
)

__all__ = [
    "HIDDEN_FOLDER",
    "Access",
    "AccountDeletion",
    "Activity",
    "ActivityPage",
    "Archive",
    "ArchiveEntry",
    "ArchivePage",
    "Archives",
    "Backlog",
    "BatchResult",
    "BucketScans",
    "Change",
    "ChangeKind",
    "ChangePage",
    "Changes",
    "CommitOutcome",
    "Commits",
    "Content",
    "ContentResult",
    "Copies",
    "CopyTarget",
    "CreatedFolder",
    "DeadLetter",
    "Delivery",
    "DeliveryOutcome",
    "DeliveryPage",
    "DeliveryResult",
    "Drive",
    "DriveKind",
    "DrivePage",
    "DriveUsage",
    "Drives",
    "Entries",
    "EntryBatches",
    "EntryCrc",
    "EntryPaths",
    "EntryUpdate",
    "File",
    "FilePage",
    "FileResult",
    "Files",
    "FoundFile",
    "Grant",
    "ItemError",
    "Job",
    "JobClaims",
    "JobKind",
    "JobStatus",
    "JobTask",
    "Jobs",
    "Kind",
    "Link",
    "LinkField",
    "LinkInfo",
    "LinkListing",
    "LinkPage",
    "LinkRole",
    "LinkUpdate",
    "Links",
    "Listing",
    "Maintenance",
    "Member",
    "NewLink",
    "NewWebhook",
    "OnConflict",
    "Part",
    "PartIntent",
    "PartLayout",
    "Permission",
    "Permissions",
    "PublicLinks",
    "PurgeTask",
    "Purges",
    "Quotas",
    "ReceiverRules",
    "RefusedItem",
    "Role",
    "ScanClaim",
    "ScanKind",
    "Search",
    "SearchPage",
    "Searches",
    "SharedItem",
    "SharedItemPage",
    "Sort",
    "ThumbnailInfo",
    "ThumbnailJobs",
    "ThumbnailOutcome",
    "ThumbnailState",
    "ThumbnailTask",
    "Thumbnails",
    "Totals",
    "Trash",
    "TreeSize",
    "Trigger",
    "Upload",
    "UploadEvent",
    "UploadIntent",
    "UploadPage",
    "UploadRef",
    "UploadStatus",
    "Uploads",
    "Usage",
    "UsageListing",
    "UsagePage",
    "Version",
    "VersionPage",
    "Versions",
    "Violation",
    "Webhook",
    "WebhookDeliveries",
    "WebhookEvent",
    "WebhookPage",
    "WebhookTask",
    "WebhookUpdate",
    "Webhooks",
    "event_id",
]


class Files(
    Drives,
    Permissions,
    Uploads,
    Entries,
    EntryPaths,
    EntryBatches,
    Copies,
    Jobs,
    JobClaims,
    Versions,
    Searches,
    Archives,
    Trash,
    Changes,
    Links,
    PublicLinks,
    Webhooks,
    WebhookDeliveries,
    Thumbnails,
    ThumbnailJobs,
    Commits,
    Purges,
    BucketScans,
    AccountDeletion,
    Maintenance,
    Quotas,
    Protocol,
):
    """The whole contract of the files service, mirrored by `drivebay.files.v1.FilesService`."""
