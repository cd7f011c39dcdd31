"""The contract of the storage service: presigned URLs for clients, look-ups and deletions for services.

The storage service does not know users. A key is opaque: 1 to 1,024 bytes of UTF-8 without control characters, where no
segment between slashes is '.' or '..'. An object is reported as absent only if the store reported that. After any other
failure its presence is unknown, and the caller must not draw a conclusion from that.
"""

from typing import Protocol

from .copies import Copying, CopyResult, CopyStatus, ObjectCopy
from .multiparts import (
    AssemblyResult,
    AssemblyStatus,
    Multipart,
    MultipartPage,
    Multiparts,
    PartialPart,
    PartSpec,
    StoredPart,
    UnfinishedMultipart,
)
from .objects import DeletionResult, ObjectInfo, ObjectPage, Objects, Presence
from .signing import Disposition, GetSpec, PutSpec, SignedRequest, Signing
from .staging import (
    PARTIAL_PARTS_PREFIX,
    PROMOTED_KEY_SEPARATOR,
    QUARANTINE_PREFIX,
    STAGING_PREFIX,
    StagedObject,
    Staging,
    upload_key,
)
from .store_status import Capabilities, StoreStatus
from .thumbnails import (
    THUMBNAIL_SIZES,
    THUMBNAIL_TYPE,
    THUMBNAILS_PREFIX,
    ThumbnailImage,
    Thumbnails,
    thumbnail_key,
    thumbnail_source,
)

__all__ = [
    "PARTIAL_PARTS_PREFIX",
    "PROMOTED_KEY_SEPARATOR",
    "QUARANTINE_PREFIX",
    "STAGING_PREFIX",
    "THUMBNAILS_PREFIX",
    "THUMBNAIL_SIZES",
    "THUMBNAIL_TYPE",
    "AssemblyResult",
    "AssemblyStatus",
    "Capabilities",
    "CopyResult",
    "CopyStatus",
    "Copying",
    "DeletionResult",
    "Disposition",
    "GetSpec",
    "Multipart",
    "MultipartPage",
    "Multiparts",
    "ObjectCopy",
    "ObjectInfo",
    "ObjectPage",
    "Objects",
    "PartSpec",
    "PartialPart",
    "Presence",
    "PutSpec",
    "SignedRequest",
    "Signing",
    "StagedObject",
    "Staging",
    "Storage",
    "StoreStatus",
    "StoredPart",
    "ThumbnailImage",
    "Thumbnails",
    "UnfinishedMultipart",
    "thumbnail_key",
    "thumbnail_source",
    "upload_key",
]


class Storage(Signing, Multiparts, Objects, Copying, Staging, Thumbnails, StoreStatus, Protocol):
    """The whole contract of the storage service, mirrored by `drivebay.storage.v1.StorageService`."""
