import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ScanKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCAN_KIND_UNSPECIFIED: _ClassVar[ScanKind]
    SCAN_KIND_OBJECTS: _ClassVar[ScanKind]
    SCAN_KIND_MULTIPARTS: _ClassVar[ScanKind]

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_VIEWER: _ClassVar[Role]
    ROLE_EDITOR: _ClassVar[Role]
    ROLE_MANAGER: _ClassVar[Role]

class OnConflict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ON_CONFLICT_UNSPECIFIED: _ClassVar[OnConflict]
    ON_CONFLICT_FAIL: _ClassVar[OnConflict]
    ON_CONFLICT_RENAME: _ClassVar[OnConflict]
    ON_CONFLICT_REPLACE: _ClassVar[OnConflict]

class UploadStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UPLOAD_STATUS_UNSPECIFIED: _ClassVar[UploadStatus]
    UPLOAD_STATUS_PENDING: _ClassVar[UploadStatus]
    UPLOAD_STATUS_COMPLETE: _ClassVar[UploadStatus]
    UPLOAD_STATUS_FAILED: _ClassVar[UploadStatus]
    UPLOAD_STATUS_EXPIRED: _ClassVar[UploadStatus]
    UPLOAD_STATUS_ABORTED: _ClassVar[UploadStatus]

class Sort(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SORT_UNSPECIFIED: _ClassVar[Sort]
    SORT_NAME: _ClassVar[Sort]
    SORT_MODIFIED: _ClassVar[Sort]
    SORT_CREATED: _ClassVar[Sort]
    SORT_SIZE: _ClassVar[Sort]

class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KIND_UNSPECIFIED: _ClassVar[Kind]
    KIND_FILE: _ClassVar[Kind]
    KIND_FOLDER: _ClassVar[Kind]

class Trigger(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRIGGER_UNSPECIFIED: _ClassVar[Trigger]
    TRIGGER_CLIENT: _ClassVar[Trigger]
    TRIGGER_EVENT: _ClassVar[Trigger]
    TRIGGER_SWEEP: _ClassVar[Trigger]

class CommitOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMMIT_OUTCOME_UNSPECIFIED: _ClassVar[CommitOutcome]
    COMMIT_OUTCOME_COMPLETED: _ClassVar[CommitOutcome]
    COMMIT_OUTCOME_ALREADY_ENDED: _ClassVar[CommitOutcome]
    COMMIT_OUTCOME_ABSENT: _ClassVar[CommitOutcome]
    COMMIT_OUTCOME_EXPIRED: _ClassVar[CommitOutcome]
    COMMIT_OUTCOME_REJECTED: _ClassVar[CommitOutcome]
    COMMIT_OUTCOME_UNKNOWN: _ClassVar[CommitOutcome]
    COMMIT_OUTCOME_NO_UPLOAD: _ClassVar[CommitOutcome]

class ChangeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANGE_KIND_UNSPECIFIED: _ClassVar[ChangeKind]
    CHANGE_KIND_CREATED: _ClassVar[ChangeKind]
    CHANGE_KIND_CONTENT: _ClassVar[ChangeKind]
    CHANGE_KIND_RENAMED: _ClassVar[ChangeKind]
    CHANGE_KIND_MOVED: _ClassVar[ChangeKind]
    CHANGE_KIND_TRASHED: _ClassVar[ChangeKind]
    CHANGE_KIND_RESTORED: _ClassVar[ChangeKind]
    CHANGE_KIND_DELETED: _ClassVar[ChangeKind]
    CHANGE_KIND_SHARED: _ClassVar[ChangeKind]
    CHANGE_KIND_PROPERTIES: _ClassVar[ChangeKind]

class DriveKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DRIVE_KIND_UNSPECIFIED: _ClassVar[DriveKind]
    DRIVE_KIND_PERSONAL: _ClassVar[DriveKind]
    DRIVE_KIND_SHARED: _ClassVar[DriveKind]

class LinkRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LINK_ROLE_UNSPECIFIED: _ClassVar[LinkRole]
    LINK_ROLE_VIEWER: _ClassVar[LinkRole]
    LINK_ROLE_UPLOADER: _ClassVar[LinkRole]
    LINK_ROLE_EDITOR: _ClassVar[LinkRole]

class LinkField(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LINK_FIELD_UNSPECIFIED: _ClassVar[LinkField]
    LINK_FIELD_NAME: _ClassVar[LinkField]
    LINK_FIELD_PASSWORD: _ClassVar[LinkField]
    LINK_FIELD_EXPIRES_AT: _ClassVar[LinkField]
    LINK_FIELD_MAX_DOWNLOADS: _ClassVar[LinkField]

class DeliveryOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DELIVERY_OUTCOME_UNSPECIFIED: _ClassVar[DeliveryOutcome]
    DELIVERY_OUTCOME_DELIVERED: _ClassVar[DeliveryOutcome]
    DELIVERY_OUTCOME_FAILED: _ClassVar[DeliveryOutcome]
    DELIVERY_OUTCOME_GONE: _ClassVar[DeliveryOutcome]
    DELIVERY_OUTCOME_ACCOUNT_ENDED: _ClassVar[DeliveryOutcome]

class JobKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_KIND_UNSPECIFIED: _ClassVar[JobKind]
    JOB_KIND_COPY: _ClassVar[JobKind]

class JobStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_STATUS_UNSPECIFIED: _ClassVar[JobStatus]
    JOB_STATUS_RUNNING: _ClassVar[JobStatus]
    JOB_STATUS_DONE: _ClassVar[JobStatus]
    JOB_STATUS_FAILED: _ClassVar[JobStatus]
    JOB_STATUS_CANCELLED: _ClassVar[JobStatus]

class ThumbnailState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    THUMBNAIL_STATE_UNSPECIFIED: _ClassVar[ThumbnailState]
    THUMBNAIL_STATE_READY: _ClassVar[ThumbnailState]
    THUMBNAIL_STATE_QUEUED: _ClassVar[ThumbnailState]
    THUMBNAIL_STATE_NONE: _ClassVar[ThumbnailState]

class ThumbnailOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    THUMBNAIL_OUTCOME_UNSPECIFIED: _ClassVar[ThumbnailOutcome]
    THUMBNAIL_OUTCOME_MADE: _ClassVar[ThumbnailOutcome]
    THUMBNAIL_OUTCOME_NO_PREVIEW: _ClassVar[ThumbnailOutcome]
    THUMBNAIL_OUTCOME_FAILED: _ClassVar[ThumbnailOutcome]
    THUMBNAIL_OUTCOME_POSTPONED: _ClassVar[ThumbnailOutcome]
SCAN_KIND_UNSPECIFIED: ScanKind
SCAN_KIND_OBJECTS: ScanKind
SCAN_KIND_MULTIPARTS: ScanKind
ROLE_UNSPECIFIED: Role
ROLE_VIEWER: Role
ROLE_EDITOR: Role
ROLE_MANAGER: Role
ON_CONFLICT_UNSPECIFIED: OnConflict
ON_CONFLICT_FAIL: OnConflict
ON_CONFLICT_RENAME: OnConflict
ON_CONFLICT_REPLACE: OnConflict
UPLOAD_STATUS_UNSPECIFIED: UploadStatus
UPLOAD_STATUS_PENDING: UploadStatus
UPLOAD_STATUS_COMPLETE: UploadStatus
UPLOAD_STATUS_FAILED: UploadStatus
UPLOAD_STATUS_EXPIRED: UploadStatus
UPLOAD_STATUS_ABORTED: UploadStatus
SORT_UNSPECIFIED: Sort
SORT_NAME: Sort
SORT_MODIFIED: Sort
SORT_CREATED: Sort
SORT_SIZE: Sort
KIND_UNSPECIFIED: Kind
KIND_FILE: Kind
KIND_FOLDER: Kind
TRIGGER_UNSPECIFIED: Trigger
TRIGGER_CLIENT: Trigger
TRIGGER_EVENT: Trigger
TRIGGER_SWEEP: Trigger
COMMIT_OUTCOME_UNSPECIFIED: CommitOutcome
COMMIT_OUTCOME_COMPLETED: CommitOutcome
COMMIT_OUTCOME_ALREADY_ENDED: CommitOutcome
COMMIT_OUTCOME_ABSENT: CommitOutcome
COMMIT_OUTCOME_EXPIRED: CommitOutcome
COMMIT_OUTCOME_REJECTED: CommitOutcome
COMMIT_OUTCOME_UNKNOWN: CommitOutcome
COMMIT_OUTCOME_NO_UPLOAD: CommitOutcome
CHANGE_KIND_UNSPECIFIED: ChangeKind
CHANGE_KIND_CREATED: ChangeKind
CHANGE_KIND_CONTENT: ChangeKind
CHANGE_KIND_RENAMED: ChangeKind
CHANGE_KIND_MOVED: ChangeKind
CHANGE_KIND_TRASHED: ChangeKind
CHANGE_KIND_RESTORED: ChangeKind
CHANGE_KIND_DELETED: ChangeKind
CHANGE_KIND_SHARED: ChangeKind
CHANGE_KIND_PROPERTIES: ChangeKind
DRIVE_KIND_UNSPECIFIED: DriveKind
DRIVE_KIND_PERSONAL: DriveKind
DRIVE_KIND_SHARED: DriveKind
LINK_ROLE_UNSPECIFIED: LinkRole
LINK_ROLE_VIEWER: LinkRole
LINK_ROLE_UPLOADER: LinkRole
LINK_ROLE_EDITOR: LinkRole
LINK_FIELD_UNSPECIFIED: LinkField
LINK_FIELD_NAME: LinkField
LINK_FIELD_PASSWORD: LinkField
LINK_FIELD_EXPIRES_AT: LinkField
LINK_FIELD_MAX_DOWNLOADS: LinkField
DELIVERY_OUTCOME_UNSPECIFIED: DeliveryOutcome
DELIVERY_OUTCOME_DELIVERED: DeliveryOutcome
DELIVERY_OUTCOME_FAILED: DeliveryOutcome
DELIVERY_OUTCOME_GONE: DeliveryOutcome
DELIVERY_OUTCOME_ACCOUNT_ENDED: DeliveryOutcome
JOB_KIND_UNSPECIFIED: JobKind
JOB_KIND_COPY: JobKind
JOB_STATUS_UNSPECIFIED: JobStatus
JOB_STATUS_RUNNING: JobStatus
JOB_STATUS_DONE: JobStatus
JOB_STATUS_FAILED: JobStatus
JOB_STATUS_CANCELLED: JobStatus
THUMBNAIL_STATE_UNSPECIFIED: ThumbnailState
THUMBNAIL_STATE_READY: ThumbnailState
THUMBNAIL_STATE_QUEUED: ThumbnailState
THUMBNAIL_STATE_NONE: ThumbnailState
THUMBNAIL_OUTCOME_UNSPECIFIED: ThumbnailOutcome
THUMBNAIL_OUTCOME_MADE: ThumbnailOutcome
THUMBNAIL_OUTCOME_NO_PREVIEW: ThumbnailOutcome
THUMBNAIL_OUTCOME_FAILED: ThumbnailOutcome
THUMBNAIL_OUTCOME_POSTPONED: ThumbnailOutcome

class ScanClaim(_message.Message):
    __slots__ = ("is_granted", "position")
    IS_GRANTED_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    is_granted: bool
    position: str
    def __init__(self, is_granted: _Optional[bool] = ..., position: _Optional[str] = ...) -> None: ...

class Access(_message.Message):
    __slots__ = ("drive", "actor", "role", "grants")
    DRIVE_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    drive: str
    actor: str
    role: Role
    grants: _containers.RepeatedCompositeFieldContainer[Grant]
    def __init__(self, drive: _Optional[str] = ..., actor: _Optional[str] = ..., role: _Optional[_Union[Role, str]] = ..., grants: _Optional[_Iterable[_Union[Grant, _Mapping]]] = ...) -> None: ...

class Grant(_message.Message):
    __slots__ = ("item", "role")
    ITEM_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    item: str
    role: Role
    def __init__(self, item: _Optional[str] = ..., role: _Optional[_Union[Role, str]] = ...) -> None: ...

class RefusedItem(_message.Message):
    __slots__ = ("position", "digest")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    position: int
    digest: bytes
    def __init__(self, position: _Optional[int] = ..., digest: _Optional[bytes] = ...) -> None: ...

class UploadIntent(_message.Message):
    __slots__ = ("name", "size", "content_type", "parent", "on_conflict", "sha256", "multipart", "deferred_length", "client_note", "modified_at")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    ON_CONFLICT_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    MULTIPART_FIELD_NUMBER: _ClassVar[int]
    DEFERRED_LENGTH_FIELD_NUMBER: _ClassVar[int]
    CLIENT_NOTE_FIELD_NUMBER: _ClassVar[int]
    MODIFIED_AT_FIELD_NUMBER: _ClassVar[int]
    name: str
    size: int
    content_type: str
    parent: str
    on_conflict: OnConflict
    sha256: bytes
    multipart: bool
    deferred_length: bool
    client_note: str
    modified_at: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., size: _Optional[int] = ..., content_type: _Optional[str] = ..., parent: _Optional[str] = ..., on_conflict: _Optional[_Union[OnConflict, str]] = ..., sha256: _Optional[bytes] = ..., multipart: _Optional[bool] = ..., deferred_length: _Optional[bool] = ..., client_note: _Optional[str] = ..., modified_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Upload(_message.Message):
    __slots__ = ("id", "owner", "status", "name", "size", "content_type", "sha256", "key", "metadata", "created_at", "expires_at", "file", "reason", "parts", "deferred_length", "client_note", "parent", "is_instant")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    DEFERRED_LENGTH_FIELD_NUMBER: _ClassVar[int]
    CLIENT_NOTE_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    IS_INSTANT_FIELD_NUMBER: _ClassVar[int]
    id: str
    owner: str
    status: UploadStatus
    name: str
    size: int
    content_type: str
    sha256: bytes
    key: str
    metadata: _containers.ScalarMap[str, str]
    created_at: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    file: str
    reason: str
    parts: PartLayout
    deferred_length: bool
    client_note: str
    parent: str
    is_instant: bool
    def __init__(self, id: _Optional[str] = ..., owner: _Optional[str] = ..., status: _Optional[_Union[UploadStatus, str]] = ..., name: _Optional[str] = ..., size: _Optional[int] = ..., content_type: _Optional[str] = ..., sha256: _Optional[bytes] = ..., key: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., file: _Optional[str] = ..., reason: _Optional[str] = ..., parts: _Optional[_Union[PartLayout, _Mapping]] = ..., deferred_length: _Optional[bool] = ..., client_note: _Optional[str] = ..., parent: _Optional[str] = ..., is_instant: _Optional[bool] = ...) -> None: ...

class UploadPage(_message.Message):
    __slots__ = ("items", "next_cursor")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Upload]
    next_cursor: str
    def __init__(self, items: _Optional[_Iterable[_Union[Upload, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class PartLayout(_message.Message):
    __slots__ = ("size", "count", "multipart_id", "checksummed")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    MULTIPART_ID_FIELD_NUMBER: _ClassVar[int]
    CHECKSUMMED_FIELD_NUMBER: _ClassVar[int]
    size: int
    count: int
    multipart_id: str
    checksummed: bool
    def __init__(self, size: _Optional[int] = ..., count: _Optional[int] = ..., multipart_id: _Optional[str] = ..., checksummed: _Optional[bool] = ...) -> None: ...

class PartIntent(_message.Message):
    __slots__ = ("number", "sha256")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    number: int
    sha256: bytes
    def __init__(self, number: _Optional[int] = ..., sha256: _Optional[bytes] = ...) -> None: ...

class Part(_message.Message):
    __slots__ = ("number", "size", "etag", "sha256")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    number: int
    size: int
    etag: str
    sha256: bytes
    def __init__(self, number: _Optional[int] = ..., size: _Optional[int] = ..., etag: _Optional[str] = ..., sha256: _Optional[bytes] = ...) -> None: ...

class UploadEvent(_message.Message):
    __slots__ = ("at", "state", "trigger", "detail")
    AT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    state: str
    trigger: str
    detail: str
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[str] = ..., trigger: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class ContentResult(_message.Message):
    __slots__ = ("content",)
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    content: Content
    def __init__(self, content: _Optional[_Union[Content, _Mapping]] = ...) -> None: ...

class Listing(_message.Message):
    __slots__ = ("parent", "sort", "descending", "limit", "cursor", "name", "starred")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    DESCENDING_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STARRED_FIELD_NUMBER: _ClassVar[int]
    parent: str
    sort: Sort
    descending: bool
    limit: int
    cursor: str
    name: str
    starred: bool
    def __init__(self, parent: _Optional[str] = ..., sort: _Optional[_Union[Sort, str]] = ..., descending: _Optional[bool] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ..., name: _Optional[str] = ..., starred: _Optional[bool] = ...) -> None: ...

class Search(_message.Message):
    __slots__ = ("text", "kind", "media_type", "min_size", "max_size", "modified_after", "modified_before", "below", "limit", "cursor", "starred")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    MIN_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_SIZE_FIELD_NUMBER: _ClassVar[int]
    MODIFIED_AFTER_FIELD_NUMBER: _ClassVar[int]
    MODIFIED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    BELOW_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    STARRED_FIELD_NUMBER: _ClassVar[int]
    text: str
    kind: Kind
    media_type: str
    min_size: int
    max_size: int
    modified_after: _timestamp_pb2.Timestamp
    modified_before: _timestamp_pb2.Timestamp
    below: str
    limit: int
    cursor: str
    starred: bool
    def __init__(self, text: _Optional[str] = ..., kind: _Optional[_Union[Kind, str]] = ..., media_type: _Optional[str] = ..., min_size: _Optional[int] = ..., max_size: _Optional[int] = ..., modified_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., modified_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., below: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ..., starred: _Optional[bool] = ...) -> None: ...

class FoundFile(_message.Message):
    __slots__ = ("file", "path")
    FILE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    file: File
    path: str
    def __init__(self, file: _Optional[_Union[File, _Mapping]] = ..., path: _Optional[str] = ...) -> None: ...

class SearchPage(_message.Message):
    __slots__ = ("items", "next_cursor")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[FoundFile]
    next_cursor: str
    def __init__(self, items: _Optional[_Iterable[_Union[FoundFile, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class FilePage(_message.Message):
    __slots__ = ("items", "next_cursor", "changes_cursor")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    CHANGES_CURSOR_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[File]
    next_cursor: str
    changes_cursor: str
    def __init__(self, items: _Optional[_Iterable[_Union[File, _Mapping]]] = ..., next_cursor: _Optional[str] = ..., changes_cursor: _Optional[str] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("kind", "file_id", "at", "cursor", "actor", "file")
    KIND_FIELD_NUMBER: _ClassVar[int]
    FILE_ID_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    kind: ChangeKind
    file_id: str
    at: _timestamp_pb2.Timestamp
    cursor: str
    actor: str
    file: File
    def __init__(self, kind: _Optional[_Union[ChangeKind, str]] = ..., file_id: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cursor: _Optional[str] = ..., actor: _Optional[str] = ..., file: _Optional[_Union[File, _Mapping]] = ...) -> None: ...

class ChangePage(_message.Message):
    __slots__ = ("items", "next_cursor")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Change]
    next_cursor: str
    def __init__(self, items: _Optional[_Iterable[_Union[Change, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class Activity(_message.Message):
    __slots__ = ("kind", "at", "actor")
    KIND_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    kind: ChangeKind
    at: _timestamp_pb2.Timestamp
    actor: str
    def __init__(self, kind: _Optional[_Union[ChangeKind, str]] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ...) -> None: ...

class ActivityPage(_message.Message):
    __slots__ = ("items", "next_cursor")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Activity]
    next_cursor: str
    def __init__(self, items: _Optional[_Iterable[_Union[Activity, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class File(_message.Message):
    __slots__ = ("id", "kind", "name", "parent", "size", "content_type", "sha256", "etag", "created_at", "modified_at", "trashed_at", "purge_after", "part_size", "parts_sha256", "drive", "version", "starred", "properties", "created_by", "modified_by")
    class PropertiesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    MODIFIED_AT_FIELD_NUMBER: _ClassVar[int]
    TRASHED_AT_FIELD_NUMBER: _ClassVar[int]
    PURGE_AFTER_FIELD_NUMBER: _ClassVar[int]
    PART_SIZE_FIELD_NUMBER: _ClassVar[int]
    PARTS_SHA256_FIELD_NUMBER: _ClassVar[int]
    DRIVE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STARRED_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    MODIFIED_BY_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: Kind
    name: str
    parent: str
    size: int
    content_type: str
    sha256: bytes
    etag: str
    created_at: _timestamp_pb2.Timestamp
    modified_at: _timestamp_pb2.Timestamp
    trashed_at: _timestamp_pb2.Timestamp
    purge_after: _timestamp_pb2.Timestamp
    part_size: int
    parts_sha256: bytes
    drive: str
    version: str
    starred: bool
    properties: _containers.ScalarMap[str, str]
    created_by: str
    modified_by: str
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[Kind, str]] = ..., name: _Optional[str] = ..., parent: _Optional[str] = ..., size: _Optional[int] = ..., content_type: _Optional[str] = ..., sha256: _Optional[bytes] = ..., etag: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., modified_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., trashed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., purge_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., part_size: _Optional[int] = ..., parts_sha256: _Optional[bytes] = ..., drive: _Optional[str] = ..., version: _Optional[str] = ..., starred: _Optional[bool] = ..., properties: _Optional[_Mapping[str, str]] = ..., created_by: _Optional[str] = ..., modified_by: _Optional[str] = ...) -> None: ...

class CreatedFolder(_message.Message):
    __slots__ = ("folder", "is_new")
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    IS_NEW_FIELD_NUMBER: _ClassVar[int]
    folder: File
    is_new: bool
    def __init__(self, folder: _Optional[_Union[File, _Mapping]] = ..., is_new: _Optional[bool] = ...) -> None: ...

class TreeSize(_message.Message):
    __slots__ = ("bytes", "files", "folders")
    BYTES_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    FOLDERS_FIELD_NUMBER: _ClassVar[int]
    bytes: int
    files: int
    folders: int
    def __init__(self, bytes: _Optional[int] = ..., files: _Optional[int] = ..., folders: _Optional[int] = ...) -> None: ...

class FileResult(_message.Message):
    __slots__ = ("file", "error")
    FILE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    file: File
    error: ItemError
    def __init__(self, file: _Optional[_Union[File, _Mapping]] = ..., error: _Optional[_Union[ItemError, _Mapping]] = ...) -> None: ...

class Content(_message.Message):
    __slots__ = ("key", "name", "content_type", "size", "sha256", "part_size", "parts_sha256", "etag")
    KEY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    PART_SIZE_FIELD_NUMBER: _ClassVar[int]
    PARTS_SHA256_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    key: str
    name: str
    content_type: str
    size: int
    sha256: bytes
    part_size: int
    parts_sha256: bytes
    etag: str
    def __init__(self, key: _Optional[str] = ..., name: _Optional[str] = ..., content_type: _Optional[str] = ..., size: _Optional[int] = ..., sha256: _Optional[bytes] = ..., part_size: _Optional[int] = ..., parts_sha256: _Optional[bytes] = ..., etag: _Optional[str] = ...) -> None: ...

class CopyTarget(_message.Message):
    __slots__ = ("parent", "name", "on_conflict")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ON_CONFLICT_FIELD_NUMBER: _ClassVar[int]
    parent: str
    name: str
    on_conflict: OnConflict
    def __init__(self, parent: _Optional[str] = ..., name: _Optional[str] = ..., on_conflict: _Optional[_Union[OnConflict, str]] = ...) -> None: ...

class Version(_message.Message):
    __slots__ = ("id", "size", "content_type", "sha256", "created_at", "created_by", "is_current")
    ID_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    IS_CURRENT_FIELD_NUMBER: _ClassVar[int]
    id: str
    size: int
    content_type: str
    sha256: bytes
    created_at: _timestamp_pb2.Timestamp
    created_by: str
    is_current: bool
    def __init__(self, id: _Optional[str] = ..., size: _Optional[int] = ..., content_type: _Optional[str] = ..., sha256: _Optional[bytes] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_by: _Optional[str] = ..., is_current: _Optional[bool] = ...) -> None: ...

class VersionPage(_message.Message):
    __slots__ = ("items", "next_cursor")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Version]
    next_cursor: str
    def __init__(self, items: _Optional[_Iterable[_Union[Version, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class EntryUpdate(_message.Message):
    __slots__ = ("name", "parent", "on_conflict", "modified_at", "starred", "properties", "removed_properties")
    class PropertiesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    ON_CONFLICT_FIELD_NUMBER: _ClassVar[int]
    MODIFIED_AT_FIELD_NUMBER: _ClassVar[int]
    STARRED_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    REMOVED_PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    name: str
    parent: str
    on_conflict: OnConflict
    modified_at: _timestamp_pb2.Timestamp
    starred: bool
    properties: _containers.ScalarMap[str, str]
    removed_properties: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., parent: _Optional[str] = ..., on_conflict: _Optional[_Union[OnConflict, str]] = ..., modified_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., starred: _Optional[bool] = ..., properties: _Optional[_Mapping[str, str]] = ..., removed_properties: _Optional[_Iterable[str]] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("used_bytes", "reserved_bytes", "limit_bytes", "file_count")
    USED_BYTES_FIELD_NUMBER: _ClassVar[int]
    RESERVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    FILE_COUNT_FIELD_NUMBER: _ClassVar[int]
    used_bytes: int
    reserved_bytes: int
    limit_bytes: int
    file_count: int
    def __init__(self, used_bytes: _Optional[int] = ..., reserved_bytes: _Optional[int] = ..., limit_bytes: _Optional[int] = ..., file_count: _Optional[int] = ...) -> None: ...

class ItemError(_message.Message):
    __slots__ = ("code", "detail", "field")
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    code: str
    detail: str
    field: str
    def __init__(self, code: _Optional[str] = ..., detail: _Optional[str] = ..., field: _Optional[str] = ...) -> None: ...

class BatchResult(_message.Message):
    __slots__ = ("upload", "error")
    UPLOAD_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    upload: Upload
    error: ItemError
    def __init__(self, upload: _Optional[_Union[Upload, _Mapping]] = ..., error: _Optional[_Union[ItemError, _Mapping]] = ...) -> None: ...

class UploadRef(_message.Message):
    __slots__ = ("owner", "id")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    owner: str
    id: str
    def __init__(self, owner: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class PurgeTask(_message.Message):
    __slots__ = ("ref", "key", "multipart_id", "has_partial_parts", "has_thumbnails")
    REF_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    MULTIPART_ID_FIELD_NUMBER: _ClassVar[int]
    HAS_PARTIAL_PARTS_FIELD_NUMBER: _ClassVar[int]
    HAS_THUMBNAILS_FIELD_NUMBER: _ClassVar[int]
    ref: UploadRef
    key: str
    multipart_id: str
    has_partial_parts: bool
    has_thumbnails: bool
    def __init__(self, ref: _Optional[_Union[UploadRef, _Mapping]] = ..., key: _Optional[str] = ..., multipart_id: _Optional[str] = ..., has_partial_parts: _Optional[bool] = ..., has_thumbnails: _Optional[bool] = ...) -> None: ...

class DeadLetter(_message.Message):
    __slots__ = ("id", "subject", "reason", "payload", "deliveries")
    ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    id: str
    subject: str
    reason: str
    payload: bytes
    deliveries: int
    def __init__(self, id: _Optional[str] = ..., subject: _Optional[str] = ..., reason: _Optional[str] = ..., payload: _Optional[bytes] = ..., deliveries: _Optional[int] = ...) -> None: ...

class Violation(_message.Message):
    __slots__ = ("invariant", "owner", "detail", "is_unknown")
    INVARIANT_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    IS_UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    invariant: str
    owner: str
    detail: str
    is_unknown: bool
    def __init__(self, invariant: _Optional[str] = ..., owner: _Optional[str] = ..., detail: _Optional[str] = ..., is_unknown: _Optional[bool] = ...) -> None: ...

class Backlog(_message.Message):
    __slots__ = ("pending_uploads", "overdue_uploads", "due_purges", "dead_letters")
    PENDING_UPLOADS_FIELD_NUMBER: _ClassVar[int]
    OVERDUE_UPLOADS_FIELD_NUMBER: _ClassVar[int]
    DUE_PURGES_FIELD_NUMBER: _ClassVar[int]
    DEAD_LETTERS_FIELD_NUMBER: _ClassVar[int]
    pending_uploads: int
    overdue_uploads: int
    due_purges: int
    dead_letters: int
    def __init__(self, pending_uploads: _Optional[int] = ..., overdue_uploads: _Optional[int] = ..., due_purges: _Optional[int] = ..., dead_letters: _Optional[int] = ...) -> None: ...

class DriveUsage(_message.Message):
    __slots__ = ("drive", "usage")
    DRIVE_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    drive: str
    usage: Usage
    def __init__(self, drive: _Optional[str] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ...) -> None: ...

class UsageListing(_message.Message):
    __slots__ = ("descending", "limit", "cursor", "context")
    DESCENDING_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    descending: bool
    limit: int
    cursor: str
    context: str
    def __init__(self, descending: _Optional[bool] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ..., context: _Optional[str] = ...) -> None: ...

class UsagePage(_message.Message):
    __slots__ = ("items", "next_cursor")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[DriveUsage]
    next_cursor: str
    def __init__(self, items: _Optional[_Iterable[_Union[DriveUsage, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class Totals(_message.Message):
    __slots__ = ("shared_drives", "file_count", "used_bytes", "reserved_bytes")
    SHARED_DRIVES_FIELD_NUMBER: _ClassVar[int]
    FILE_COUNT_FIELD_NUMBER: _ClassVar[int]
    USED_BYTES_FIELD_NUMBER: _ClassVar[int]
    RESERVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    shared_drives: int
    file_count: int
    used_bytes: int
    reserved_bytes: int
    def __init__(self, shared_drives: _Optional[int] = ..., file_count: _Optional[int] = ..., used_bytes: _Optional[int] = ..., reserved_bytes: _Optional[int] = ...) -> None: ...

class Health(_message.Message):
    __slots__ = ("name", "ok", "detail")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    name: str
    ok: bool
    detail: str
    def __init__(self, name: _Optional[str] = ..., ok: _Optional[bool] = ..., detail: _Optional[str] = ...) -> None: ...

class BeginUploadRequest(_message.Message):
    __slots__ = ("access", "intent", "idempotency_key")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    access: Access
    intent: UploadIntent
    idempotency_key: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., intent: _Optional[_Union[UploadIntent, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class BeginUploadResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Upload
    def __init__(self, value: _Optional[_Union[Upload, _Mapping]] = ...) -> None: ...

class BeginUploadsRequest(_message.Message):
    __slots__ = ("access", "intents", "idempotency_key", "refused")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    INTENTS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    access: Access
    intents: _containers.RepeatedCompositeFieldContainer[UploadIntent]
    idempotency_key: str
    refused: _containers.RepeatedCompositeFieldContainer[RefusedItem]
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., intents: _Optional[_Iterable[_Union[UploadIntent, _Mapping]]] = ..., idempotency_key: _Optional[str] = ..., refused: _Optional[_Iterable[_Union[RefusedItem, _Mapping]]] = ...) -> None: ...

class BeginUploadsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[BatchResult]
    def __init__(self, value: _Optional[_Iterable[_Union[BatchResult, _Mapping]]] = ...) -> None: ...

class GetUploadRequest(_message.Message):
    __slots__ = ("access", "id")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ...) -> None: ...

class GetUploadResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Upload
    def __init__(self, value: _Optional[_Union[Upload, _Mapping]] = ...) -> None: ...

class OpenPartsRequest(_message.Message):
    __slots__ = ("access", "id", "parts")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    parts: _containers.RepeatedCompositeFieldContainer[PartIntent]
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ..., parts: _Optional[_Iterable[_Union[PartIntent, _Mapping]]] = ...) -> None: ...

class OpenPartsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Upload
    def __init__(self, value: _Optional[_Union[Upload, _Mapping]] = ...) -> None: ...

class ListPartsRequest(_message.Message):
    __slots__ = ("access", "id")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ...) -> None: ...

class ListPartsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Part]
    def __init__(self, value: _Optional[_Iterable[_Union[Part, _Mapping]]] = ...) -> None: ...

class CompleteUploadsRequest(_message.Message):
    __slots__ = ("access", "ids")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    access: Access
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., ids: _Optional[_Iterable[str]] = ...) -> None: ...

class CompleteUploadsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[BatchResult]
    def __init__(self, value: _Optional[_Iterable[_Union[BatchResult, _Mapping]]] = ...) -> None: ...

class ListUploadEventsRequest(_message.Message):
    __slots__ = ("access", "id")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ...) -> None: ...

class ListUploadEventsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[UploadEvent]
    def __init__(self, value: _Optional[_Iterable[_Union[UploadEvent, _Mapping]]] = ...) -> None: ...

class ListPendingUploadsRequest(_message.Message):
    __slots__ = ("access", "limit", "cursor", "oldest_first")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    OLDEST_FIRST_FIELD_NUMBER: _ClassVar[int]
    access: Access
    limit: int
    cursor: str
    oldest_first: bool
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ..., oldest_first: _Optional[bool] = ...) -> None: ...

class ListPendingUploadsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: UploadPage
    def __init__(self, value: _Optional[_Union[UploadPage, _Mapping]] = ...) -> None: ...

class ResizeUploadRequest(_message.Message):
    __slots__ = ("access", "id", "size", "final")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    size: int
    final: bool
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ..., size: _Optional[int] = ..., final: _Optional[bool] = ...) -> None: ...

class ResizeUploadResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Upload
    def __init__(self, value: _Optional[_Union[Upload, _Mapping]] = ...) -> None: ...

class CompleteUploadRequest(_message.Message):
    __slots__ = ("access", "id")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ...) -> None: ...

class CompleteUploadResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Upload
    def __init__(self, value: _Optional[_Union[Upload, _Mapping]] = ...) -> None: ...

class AbortUploadRequest(_message.Message):
    __slots__ = ("access", "id")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ...) -> None: ...

class AbortUploadResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListFilesRequest(_message.Message):
    __slots__ = ("access", "listing")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    LISTING_FIELD_NUMBER: _ClassVar[int]
    access: Access
    listing: Listing
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., listing: _Optional[_Union[Listing, _Mapping]] = ...) -> None: ...

class ListFilesResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: FilePage
    def __init__(self, value: _Optional[_Union[FilePage, _Mapping]] = ...) -> None: ...

class ListChangesRequest(_message.Message):
    __slots__ = ("access", "cursor", "limit")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    access: Access
    cursor: str
    limit: int
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., cursor: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ListChangesResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: ChangePage
    def __init__(self, value: _Optional[_Union[ChangePage, _Mapping]] = ...) -> None: ...

class ListActivityRequest(_message.Message):
    __slots__ = ("access", "id", "limit", "cursor")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    limit: int
    cursor: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class ListActivityResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: ActivityPage
    def __init__(self, value: _Optional[_Union[ActivityPage, _Mapping]] = ...) -> None: ...

class ListTrashRequest(_message.Message):
    __slots__ = ("access", "limit", "cursor")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    access: Access
    limit: int
    cursor: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class ListTrashResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: FilePage
    def __init__(self, value: _Optional[_Union[FilePage, _Mapping]] = ...) -> None: ...

class GetFileRequest(_message.Message):
    __slots__ = ("access", "id")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ...) -> None: ...

class GetFileResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: File
    def __init__(self, value: _Optional[_Union[File, _Mapping]] = ...) -> None: ...

class GetContentRequest(_message.Message):
    __slots__ = ("access", "id")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ...) -> None: ...

class GetContentResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Content
    def __init__(self, value: _Optional[_Union[Content, _Mapping]] = ...) -> None: ...

class GetContentsRequest(_message.Message):
    __slots__ = ("access", "ids")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    access: Access
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., ids: _Optional[_Iterable[str]] = ...) -> None: ...

class GetContentsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[ContentResult]
    def __init__(self, value: _Optional[_Iterable[_Union[ContentResult, _Mapping]]] = ...) -> None: ...

class CreateFolderRequest(_message.Message):
    __slots__ = ("access", "parent", "name", "idempotency_key")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    access: Access
    parent: str
    name: str
    idempotency_key: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., parent: _Optional[str] = ..., name: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class CreateFolderResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: File
    def __init__(self, value: _Optional[_Union[File, _Mapping]] = ...) -> None: ...

class UpdateEntryRequest(_message.Message):
    __slots__ = ("access", "id", "update", "if_match")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    IF_MATCH_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    update: EntryUpdate
    if_match: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ..., update: _Optional[_Union[EntryUpdate, _Mapping]] = ..., if_match: _Optional[str] = ...) -> None: ...

class UpdateEntryResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: File
    def __init__(self, value: _Optional[_Union[File, _Mapping]] = ...) -> None: ...

class FindEntryRequest(_message.Message):
    __slots__ = ("access", "names")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    access: Access
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., names: _Optional[_Iterable[str]] = ...) -> None: ...

class FindEntryResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: File
    def __init__(self, value: _Optional[_Union[File, _Mapping]] = ...) -> None: ...

class GetPathRequest(_message.Message):
    __slots__ = ("access", "id")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ...) -> None: ...

class GetPathResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[File]
    def __init__(self, value: _Optional[_Iterable[_Union[File, _Mapping]]] = ...) -> None: ...

class MeasureTreeRequest(_message.Message):
    __slots__ = ("access", "id")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ...) -> None: ...

class MeasureTreeResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: TreeSize
    def __init__(self, value: _Optional[_Union[TreeSize, _Mapping]] = ...) -> None: ...

class CreateFoldersRequest(_message.Message):
    __slots__ = ("access", "parent", "names", "idempotency_key")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    access: Access
    parent: str
    names: _containers.RepeatedScalarFieldContainer[str]
    idempotency_key: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., parent: _Optional[str] = ..., names: _Optional[_Iterable[str]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class CreateFoldersResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: CreatedFolder
    def __init__(self, value: _Optional[_Union[CreatedFolder, _Mapping]] = ...) -> None: ...

class MoveEntriesRequest(_message.Message):
    __slots__ = ("access", "ids", "parent", "on_conflict")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    ON_CONFLICT_FIELD_NUMBER: _ClassVar[int]
    access: Access
    ids: _containers.RepeatedScalarFieldContainer[str]
    parent: str
    on_conflict: OnConflict
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., ids: _Optional[_Iterable[str]] = ..., parent: _Optional[str] = ..., on_conflict: _Optional[_Union[OnConflict, str]] = ...) -> None: ...

class MoveEntriesResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[FileResult]
    def __init__(self, value: _Optional[_Iterable[_Union[FileResult, _Mapping]]] = ...) -> None: ...

class TrashEntriesRequest(_message.Message):
    __slots__ = ("access", "ids")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    access: Access
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., ids: _Optional[_Iterable[str]] = ...) -> None: ...

class TrashEntriesResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[FileResult]
    def __init__(self, value: _Optional[_Iterable[_Union[FileResult, _Mapping]]] = ...) -> None: ...

class RestoreEntriesRequest(_message.Message):
    __slots__ = ("access", "ids")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    access: Access
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., ids: _Optional[_Iterable[str]] = ...) -> None: ...

class RestoreEntriesResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[FileResult]
    def __init__(self, value: _Optional[_Iterable[_Union[FileResult, _Mapping]]] = ...) -> None: ...

class TrashEntryRequest(_message.Message):
    __slots__ = ("access", "id", "if_match")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    IF_MATCH_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    if_match: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ..., if_match: _Optional[str] = ...) -> None: ...

class TrashEntryResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CopyEntryRequest(_message.Message):
    __slots__ = ("access", "id", "target", "idempotency_key")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    target: CopyTarget
    idempotency_key: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ..., target: _Optional[_Union[CopyTarget, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class CopyEntryResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: File
    def __init__(self, value: _Optional[_Union[File, _Mapping]] = ...) -> None: ...

class CopyEntriesRequest(_message.Message):
    __slots__ = ("access", "ids", "target", "idempotency_key", "refused")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    access: Access
    ids: _containers.RepeatedScalarFieldContainer[str]
    target: CopyTarget
    idempotency_key: str
    refused: _containers.RepeatedCompositeFieldContainer[RefusedItem]
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., ids: _Optional[_Iterable[str]] = ..., target: _Optional[_Union[CopyTarget, _Mapping]] = ..., idempotency_key: _Optional[str] = ..., refused: _Optional[_Iterable[_Union[RefusedItem, _Mapping]]] = ...) -> None: ...

class CopyEntriesResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[FileResult]
    def __init__(self, value: _Optional[_Iterable[_Union[FileResult, _Mapping]]] = ...) -> None: ...

class ListVersionsRequest(_message.Message):
    __slots__ = ("access", "id", "limit", "cursor")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    limit: int
    cursor: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class ListVersionsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: VersionPage
    def __init__(self, value: _Optional[_Union[VersionPage, _Mapping]] = ...) -> None: ...

class GetVersionContentRequest(_message.Message):
    __slots__ = ("access", "id", "version")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    version: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class GetVersionContentResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Content
    def __init__(self, value: _Optional[_Union[Content, _Mapping]] = ...) -> None: ...

class RestoreVersionRequest(_message.Message):
    __slots__ = ("access", "id", "version")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    version: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class RestoreVersionResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: File
    def __init__(self, value: _Optional[_Union[File, _Mapping]] = ...) -> None: ...

class DeleteVersionRequest(_message.Message):
    __slots__ = ("access", "id", "version")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    version: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class DeleteVersionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RestoreEntryRequest(_message.Message):
    __slots__ = ("access", "id", "parent", "on_conflict")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    ON_CONFLICT_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    parent: str
    on_conflict: OnConflict
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ..., parent: _Optional[str] = ..., on_conflict: _Optional[_Union[OnConflict, str]] = ...) -> None: ...

class RestoreEntryResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: File
    def __init__(self, value: _Optional[_Union[File, _Mapping]] = ...) -> None: ...

class DeleteTrashedRequest(_message.Message):
    __slots__ = ("access", "id")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ...) -> None: ...

class DeleteTrashedResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EmptyTrashRequest(_message.Message):
    __slots__ = ("access",)
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    access: Access
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ...) -> None: ...

class EmptyTrashResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SearchFilesRequest(_message.Message):
    __slots__ = ("access", "search")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    access: Access
    search: Search
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., search: _Optional[_Union[Search, _Mapping]] = ...) -> None: ...

class SearchFilesResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: SearchPage
    def __init__(self, value: _Optional[_Union[SearchPage, _Mapping]] = ...) -> None: ...

class IndexNamesRequest(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: int
    def __init__(self, limit: _Optional[int] = ...) -> None: ...

class IndexNamesResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: int
    def __init__(self, value: _Optional[int] = ...) -> None: ...

class GetUsageRequest(_message.Message):
    __slots__ = ("access",)
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    access: Access
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ...) -> None: ...

class GetUsageResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Usage
    def __init__(self, value: _Optional[_Union[Usage, _Mapping]] = ...) -> None: ...

class CommitUploadsRequest(_message.Message):
    __slots__ = ("uploads", "trigger")
    UPLOADS_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    uploads: _containers.RepeatedCompositeFieldContainer[UploadRef]
    trigger: Trigger
    def __init__(self, uploads: _Optional[_Iterable[_Union[UploadRef, _Mapping]]] = ..., trigger: _Optional[_Union[Trigger, str]] = ...) -> None: ...

class CommitUploadsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedScalarFieldContainer[CommitOutcome]
    def __init__(self, value: _Optional[_Iterable[_Union[CommitOutcome, str]]] = ...) -> None: ...

class ClaimPendingUploadsRequest(_message.Message):
    __slots__ = ("limit", "overdue", "newest_first")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    OVERDUE_FIELD_NUMBER: _ClassVar[int]
    NEWEST_FIRST_FIELD_NUMBER: _ClassVar[int]
    limit: int
    overdue: bool
    newest_first: bool
    def __init__(self, limit: _Optional[int] = ..., overdue: _Optional[bool] = ..., newest_first: _Optional[bool] = ...) -> None: ...

class ClaimPendingUploadsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[UploadRef]
    def __init__(self, value: _Optional[_Iterable[_Union[UploadRef, _Mapping]]] = ...) -> None: ...

class RecheckPendingUploadsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RecheckPendingUploadsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: int
    def __init__(self, value: _Optional[int] = ...) -> None: ...

class ClaimScanRequest(_message.Message):
    __slots__ = ("kind", "lease")
    KIND_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    kind: ScanKind
    lease: str
    def __init__(self, kind: _Optional[_Union[ScanKind, str]] = ..., lease: _Optional[str] = ...) -> None: ...

class ClaimScanResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: ScanClaim
    def __init__(self, value: _Optional[_Union[ScanClaim, _Mapping]] = ...) -> None: ...

class SaveScanRequest(_message.Message):
    __slots__ = ("kind", "lease", "position")
    KIND_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    kind: ScanKind
    lease: str
    position: str
    def __init__(self, kind: _Optional[_Union[ScanKind, str]] = ..., lease: _Optional[str] = ..., position: _Optional[str] = ...) -> None: ...

class SaveScanResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: bool
    def __init__(self, value: _Optional[bool] = ...) -> None: ...

class FinishScanRequest(_message.Message):
    __slots__ = ("kind", "lease", "pause_seconds")
    KIND_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    PAUSE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    kind: ScanKind
    lease: str
    pause_seconds: int
    def __init__(self, kind: _Optional[_Union[ScanKind, str]] = ..., lease: _Optional[str] = ..., pause_seconds: _Optional[int] = ...) -> None: ...

class FinishScanResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: bool
    def __init__(self, value: _Optional[bool] = ...) -> None: ...

class ClaimPurgesRequest(_message.Message):
    __slots__ = ("lease", "limit")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    lease: str
    limit: int
    def __init__(self, lease: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ClaimPurgesResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[PurgeTask]
    def __init__(self, value: _Optional[_Iterable[_Union[PurgeTask, _Mapping]]] = ...) -> None: ...

class FinishPurgesRequest(_message.Message):
    __slots__ = ("lease", "uploads")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    UPLOADS_FIELD_NUMBER: _ClassVar[int]
    lease: str
    uploads: _containers.RepeatedCompositeFieldContainer[UploadRef]
    def __init__(self, lease: _Optional[str] = ..., uploads: _Optional[_Iterable[_Union[UploadRef, _Mapping]]] = ...) -> None: ...

class FinishPurgesResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: int
    def __init__(self, value: _Optional[int] = ...) -> None: ...

class KnownUploadsRequest(_message.Message):
    __slots__ = ("uploads",)
    UPLOADS_FIELD_NUMBER: _ClassVar[int]
    uploads: _containers.RepeatedCompositeFieldContainer[UploadRef]
    def __init__(self, uploads: _Optional[_Iterable[_Union[UploadRef, _Mapping]]] = ...) -> None: ...

class KnownUploadsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedScalarFieldContainer[bool]
    def __init__(self, value: _Optional[_Iterable[bool]] = ...) -> None: ...

class ListMultipartIdsRequest(_message.Message):
    __slots__ = ("uploads",)
    UPLOADS_FIELD_NUMBER: _ClassVar[int]
    uploads: _containers.RepeatedCompositeFieldContainer[UploadRef]
    def __init__(self, uploads: _Optional[_Iterable[_Union[UploadRef, _Mapping]]] = ...) -> None: ...

class ListMultipartIdsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, value: _Optional[_Iterable[str]] = ...) -> None: ...

class DeadLetterRequest(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: DeadLetter
    def __init__(self, event: _Optional[_Union[DeadLetter, _Mapping]] = ...) -> None: ...

class DeadLetterResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CheckInvariantsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CheckInvariantsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Violation]
    def __init__(self, value: _Optional[_Iterable[_Union[Violation, _Mapping]]] = ...) -> None: ...

class TrimChangesRequest(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: int
    def __init__(self, limit: _Optional[int] = ...) -> None: ...

class TrimChangesResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: int
    def __init__(self, value: _Optional[int] = ...) -> None: ...

class GetBacklogRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetBacklogResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Backlog
    def __init__(self, value: _Optional[_Union[Backlog, _Mapping]] = ...) -> None: ...

class HealthRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HealthResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Health]
    def __init__(self, value: _Optional[_Iterable[_Union[Health, _Mapping]]] = ...) -> None: ...

class Drive(_message.Message):
    __slots__ = ("id", "kind", "name", "role", "usage", "created_at", "creator")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    CREATOR_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: DriveKind
    name: str
    role: Role
    usage: Usage
    created_at: _timestamp_pb2.Timestamp
    creator: str
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[DriveKind, str]] = ..., name: _Optional[str] = ..., role: _Optional[_Union[Role, str]] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., creator: _Optional[str] = ...) -> None: ...

class DrivePage(_message.Message):
    __slots__ = ("items", "next_cursor")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Drive]
    next_cursor: str
    def __init__(self, items: _Optional[_Iterable[_Union[Drive, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class Member(_message.Message):
    __slots__ = ("user", "role", "hides_email")
    USER_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    HIDES_EMAIL_FIELD_NUMBER: _ClassVar[int]
    user: str
    role: Role
    hides_email: bool
    def __init__(self, user: _Optional[str] = ..., role: _Optional[_Union[Role, str]] = ..., hides_email: _Optional[bool] = ...) -> None: ...

class ResolveAccessRequest(_message.Message):
    __slots__ = ("actor", "drive")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    DRIVE_FIELD_NUMBER: _ClassVar[int]
    actor: str
    drive: str
    def __init__(self, actor: _Optional[str] = ..., drive: _Optional[str] = ...) -> None: ...

class ResolveAccessResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Access
    def __init__(self, value: _Optional[_Union[Access, _Mapping]] = ...) -> None: ...

class ListDrivesRequest(_message.Message):
    __slots__ = ("actor", "limit", "cursor")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    actor: str
    limit: int
    cursor: str
    def __init__(self, actor: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class ListDrivesResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: DrivePage
    def __init__(self, value: _Optional[_Union[DrivePage, _Mapping]] = ...) -> None: ...

class CreateDriveRequest(_message.Message):
    __slots__ = ("actor", "name", "idempotency_key")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    actor: str
    name: str
    idempotency_key: str
    def __init__(self, actor: _Optional[str] = ..., name: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class CreateDriveResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Drive
    def __init__(self, value: _Optional[_Union[Drive, _Mapping]] = ...) -> None: ...

class GetDriveRequest(_message.Message):
    __slots__ = ("access",)
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    access: Access
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ...) -> None: ...

class GetDriveResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Drive
    def __init__(self, value: _Optional[_Union[Drive, _Mapping]] = ...) -> None: ...

class RenameDriveRequest(_message.Message):
    __slots__ = ("access", "name")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    access: Access
    name: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., name: _Optional[str] = ...) -> None: ...

class RenameDriveResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Drive
    def __init__(self, value: _Optional[_Union[Drive, _Mapping]] = ...) -> None: ...

class DeleteDriveRequest(_message.Message):
    __slots__ = ("access",)
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    access: Access
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ...) -> None: ...

class DeleteDriveResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListMembersRequest(_message.Message):
    __slots__ = ("access",)
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    access: Access
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ...) -> None: ...

class ListMembersResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Member]
    def __init__(self, value: _Optional[_Iterable[_Union[Member, _Mapping]]] = ...) -> None: ...

class PutMemberRequest(_message.Message):
    __slots__ = ("access", "user", "role", "named_by_id")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    NAMED_BY_ID_FIELD_NUMBER: _ClassVar[int]
    access: Access
    user: str
    role: Role
    named_by_id: bool
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., user: _Optional[str] = ..., role: _Optional[_Union[Role, str]] = ..., named_by_id: _Optional[bool] = ...) -> None: ...

class PutMemberResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Member
    def __init__(self, value: _Optional[_Union[Member, _Mapping]] = ...) -> None: ...

class RemoveMemberRequest(_message.Message):
    __slots__ = ("access", "user")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    access: Access
    user: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., user: _Optional[str] = ...) -> None: ...

class RemoveMemberResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EmptyDriveRequest(_message.Message):
    __slots__ = ("drive",)
    DRIVE_FIELD_NUMBER: _ClassVar[int]
    drive: str
    def __init__(self, drive: _Optional[str] = ...) -> None: ...

class EmptyDriveResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: bool
    def __init__(self, value: _Optional[bool] = ...) -> None: ...

class SetQuotaRequest(_message.Message):
    __slots__ = ("drive", "limit_bytes")
    DRIVE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    drive: str
    limit_bytes: int
    def __init__(self, drive: _Optional[str] = ..., limit_bytes: _Optional[int] = ...) -> None: ...

class SetQuotaResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Usage
    def __init__(self, value: _Optional[_Union[Usage, _Mapping]] = ...) -> None: ...

class GetUsagesRequest(_message.Message):
    __slots__ = ("drives",)
    DRIVES_FIELD_NUMBER: _ClassVar[int]
    drives: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, drives: _Optional[_Iterable[str]] = ...) -> None: ...

class GetUsagesResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Usage]
    def __init__(self, value: _Optional[_Iterable[_Union[Usage, _Mapping]]] = ...) -> None: ...

class ListUsagesRequest(_message.Message):
    __slots__ = ("listing",)
    LISTING_FIELD_NUMBER: _ClassVar[int]
    listing: UsageListing
    def __init__(self, listing: _Optional[_Union[UsageListing, _Mapping]] = ...) -> None: ...

class ListUsagesResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: UsagePage
    def __init__(self, value: _Optional[_Union[UsagePage, _Mapping]] = ...) -> None: ...

class GetTotalsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetTotalsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Totals
    def __init__(self, value: _Optional[_Union[Totals, _Mapping]] = ...) -> None: ...

class Permission(_message.Message):
    __slots__ = ("user", "role", "created_at", "inherited_from", "created_by", "hides_email")
    USER_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    INHERITED_FROM_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    HIDES_EMAIL_FIELD_NUMBER: _ClassVar[int]
    user: str
    role: Role
    created_at: _timestamp_pb2.Timestamp
    inherited_from: str
    created_by: str
    hides_email: bool
    def __init__(self, user: _Optional[str] = ..., role: _Optional[_Union[Role, str]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., inherited_from: _Optional[str] = ..., created_by: _Optional[str] = ..., hides_email: _Optional[bool] = ...) -> None: ...

class SharedItem(_message.Message):
    __slots__ = ("file", "role", "shared_at", "shared_by")
    FILE_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    SHARED_AT_FIELD_NUMBER: _ClassVar[int]
    SHARED_BY_FIELD_NUMBER: _ClassVar[int]
    file: File
    role: Role
    shared_at: _timestamp_pb2.Timestamp
    shared_by: str
    def __init__(self, file: _Optional[_Union[File, _Mapping]] = ..., role: _Optional[_Union[Role, str]] = ..., shared_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., shared_by: _Optional[str] = ...) -> None: ...

class SharedItemPage(_message.Message):
    __slots__ = ("items", "next_cursor")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[SharedItem]
    next_cursor: str
    def __init__(self, items: _Optional[_Iterable[_Union[SharedItem, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class PutPermissionRequest(_message.Message):
    __slots__ = ("access", "id", "user", "role", "named_by_id")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    NAMED_BY_ID_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    user: str
    role: Role
    named_by_id: bool
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ..., user: _Optional[str] = ..., role: _Optional[_Union[Role, str]] = ..., named_by_id: _Optional[bool] = ...) -> None: ...

class PutPermissionResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Permission
    def __init__(self, value: _Optional[_Union[Permission, _Mapping]] = ...) -> None: ...

class ListPermissionsRequest(_message.Message):
    __slots__ = ("access", "id")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ...) -> None: ...

class ListPermissionsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Permission]
    def __init__(self, value: _Optional[_Iterable[_Union[Permission, _Mapping]]] = ...) -> None: ...

class DeletePermissionRequest(_message.Message):
    __slots__ = ("access", "id", "user")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    user: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ..., user: _Optional[str] = ...) -> None: ...

class DeletePermissionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListSharedItemsRequest(_message.Message):
    __slots__ = ("actor", "limit", "cursor")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    actor: str
    limit: int
    cursor: str
    def __init__(self, actor: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class ListSharedItemsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: SharedItemPage
    def __init__(self, value: _Optional[_Union[SharedItemPage, _Mapping]] = ...) -> None: ...

class Link(_message.Message):
    __slots__ = ("id", "file", "role", "downloads", "created_at", "created_by", "name", "has_password", "expires_at", "max_downloads", "token")
    ID_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    DOWNLOADS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    HAS_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    MAX_DOWNLOADS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    id: str
    file: str
    role: LinkRole
    downloads: int
    created_at: _timestamp_pb2.Timestamp
    created_by: str
    name: str
    has_password: bool
    expires_at: _timestamp_pb2.Timestamp
    max_downloads: int
    token: str
    def __init__(self, id: _Optional[str] = ..., file: _Optional[str] = ..., role: _Optional[_Union[LinkRole, str]] = ..., downloads: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_by: _Optional[str] = ..., name: _Optional[str] = ..., has_password: _Optional[bool] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., max_downloads: _Optional[int] = ..., token: _Optional[str] = ...) -> None: ...

class NewLink(_message.Message):
    __slots__ = ("file", "role", "name", "password", "expires_at", "max_downloads")
    FILE_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    MAX_DOWNLOADS_FIELD_NUMBER: _ClassVar[int]
    file: str
    role: LinkRole
    name: str
    password: str
    expires_at: _timestamp_pb2.Timestamp
    max_downloads: int
    def __init__(self, file: _Optional[str] = ..., role: _Optional[_Union[LinkRole, str]] = ..., name: _Optional[str] = ..., password: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., max_downloads: _Optional[int] = ...) -> None: ...

class LinkUpdate(_message.Message):
    __slots__ = ("name", "password", "expires_at", "max_downloads", "cleared")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    MAX_DOWNLOADS_FIELD_NUMBER: _ClassVar[int]
    CLEARED_FIELD_NUMBER: _ClassVar[int]
    name: str
    password: str
    expires_at: _timestamp_pb2.Timestamp
    max_downloads: int
    cleared: _containers.RepeatedScalarFieldContainer[LinkField]
    def __init__(self, name: _Optional[str] = ..., password: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., max_downloads: _Optional[int] = ..., cleared: _Optional[_Iterable[_Union[LinkField, str]]] = ...) -> None: ...

class LinkListing(_message.Message):
    __slots__ = ("file", "limit", "cursor")
    FILE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    file: str
    limit: int
    cursor: str
    def __init__(self, file: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class LinkPage(_message.Message):
    __slots__ = ("items", "next_cursor")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Link]
    next_cursor: str
    def __init__(self, items: _Optional[_Iterable[_Union[Link, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class LinkInfo(_message.Message):
    __slots__ = ("name", "kind", "size", "role", "expires_at", "content_type")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: Kind
    size: int
    role: LinkRole
    expires_at: _timestamp_pb2.Timestamp
    content_type: str
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[_Union[Kind, str]] = ..., size: _Optional[int] = ..., role: _Optional[_Union[LinkRole, str]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., content_type: _Optional[str] = ...) -> None: ...

class CreateLinkRequest(_message.Message):
    __slots__ = ("access", "new", "idempotency_key")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    NEW_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    access: Access
    new: NewLink
    idempotency_key: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., new: _Optional[_Union[NewLink, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class CreateLinkResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Link
    def __init__(self, value: _Optional[_Union[Link, _Mapping]] = ...) -> None: ...

class ListLinksRequest(_message.Message):
    __slots__ = ("access", "listing")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    LISTING_FIELD_NUMBER: _ClassVar[int]
    access: Access
    listing: LinkListing
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., listing: _Optional[_Union[LinkListing, _Mapping]] = ...) -> None: ...

class ListLinksResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: LinkPage
    def __init__(self, value: _Optional[_Union[LinkPage, _Mapping]] = ...) -> None: ...

class UpdateLinkRequest(_message.Message):
    __slots__ = ("access", "id", "update")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    update: LinkUpdate
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ..., update: _Optional[_Union[LinkUpdate, _Mapping]] = ...) -> None: ...

class UpdateLinkResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Link
    def __init__(self, value: _Optional[_Union[Link, _Mapping]] = ...) -> None: ...

class DeleteLinkRequest(_message.Message):
    __slots__ = ("access", "id")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ...) -> None: ...

class DeleteLinkResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EndLinksRequest(_message.Message):
    __slots__ = ("user",)
    USER_FIELD_NUMBER: _ClassVar[int]
    user: str
    def __init__(self, user: _Optional[str] = ...) -> None: ...

class EndLinksResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EndSharingRequest(_message.Message):
    __slots__ = ("user", "until")
    USER_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    user: str
    until: _timestamp_pb2.Timestamp
    def __init__(self, user: _Optional[str] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class EndSharingResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class OpenLinkRequest(_message.Message):
    __slots__ = ("token", "session")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    token: str
    session: str
    def __init__(self, token: _Optional[str] = ..., session: _Optional[str] = ...) -> None: ...

class OpenLinkResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: LinkInfo
    def __init__(self, value: _Optional[_Union[LinkInfo, _Mapping]] = ...) -> None: ...

class UnlockLinkRequest(_message.Message):
    __slots__ = ("token", "password", "client")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    token: str
    password: str
    client: str
    def __init__(self, token: _Optional[str] = ..., password: _Optional[str] = ..., client: _Optional[str] = ...) -> None: ...

class UnlockLinkResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: str
    def __init__(self, value: _Optional[str] = ...) -> None: ...

class ListLinkFilesRequest(_message.Message):
    __slots__ = ("token", "session", "listing")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    LISTING_FIELD_NUMBER: _ClassVar[int]
    token: str
    session: str
    listing: Listing
    def __init__(self, token: _Optional[str] = ..., session: _Optional[str] = ..., listing: _Optional[_Union[Listing, _Mapping]] = ...) -> None: ...

class ListLinkFilesResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: FilePage
    def __init__(self, value: _Optional[_Union[FilePage, _Mapping]] = ...) -> None: ...

class GetLinkContentRequest(_message.Message):
    __slots__ = ("token", "session", "id")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    token: str
    session: str
    id: str
    def __init__(self, token: _Optional[str] = ..., session: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class GetLinkContentResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Content
    def __init__(self, value: _Optional[_Union[Content, _Mapping]] = ...) -> None: ...

class CountLinkDownloadRequest(_message.Message):
    __slots__ = ("token", "session")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    token: str
    session: str
    def __init__(self, token: _Optional[str] = ..., session: _Optional[str] = ...) -> None: ...

class CountLinkDownloadResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class BeginLinkUploadRequest(_message.Message):
    __slots__ = ("token", "session", "intent", "idempotency_key")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    token: str
    session: str
    intent: UploadIntent
    idempotency_key: str
    def __init__(self, token: _Optional[str] = ..., session: _Optional[str] = ..., intent: _Optional[_Union[UploadIntent, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class BeginLinkUploadResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Upload
    def __init__(self, value: _Optional[_Union[Upload, _Mapping]] = ...) -> None: ...

class GetLinkUploadRequest(_message.Message):
    __slots__ = ("token", "session", "id")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    token: str
    session: str
    id: str
    def __init__(self, token: _Optional[str] = ..., session: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class GetLinkUploadResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Upload
    def __init__(self, value: _Optional[_Union[Upload, _Mapping]] = ...) -> None: ...

class OpenLinkPartsRequest(_message.Message):
    __slots__ = ("token", "session", "id", "parts")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    token: str
    session: str
    id: str
    parts: _containers.RepeatedCompositeFieldContainer[PartIntent]
    def __init__(self, token: _Optional[str] = ..., session: _Optional[str] = ..., id: _Optional[str] = ..., parts: _Optional[_Iterable[_Union[PartIntent, _Mapping]]] = ...) -> None: ...

class OpenLinkPartsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Upload
    def __init__(self, value: _Optional[_Union[Upload, _Mapping]] = ...) -> None: ...

class CompleteLinkUploadRequest(_message.Message):
    __slots__ = ("token", "session", "id")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    token: str
    session: str
    id: str
    def __init__(self, token: _Optional[str] = ..., session: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class CompleteLinkUploadResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Upload
    def __init__(self, value: _Optional[_Union[Upload, _Mapping]] = ...) -> None: ...

class Archive(_message.Message):
    __slots__ = ("token", "name", "actor", "entry_count", "expires_at", "size")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ENTRY_COUNT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    token: str
    name: str
    actor: str
    entry_count: int
    expires_at: _timestamp_pb2.Timestamp
    size: int
    def __init__(self, token: _Optional[str] = ..., name: _Optional[str] = ..., actor: _Optional[str] = ..., entry_count: _Optional[int] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., size: _Optional[int] = ...) -> None: ...

class ArchiveEntry(_message.Message):
    __slots__ = ("path", "size", "modified_at", "key", "crc_size", "crc32")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    MODIFIED_AT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    CRC_SIZE_FIELD_NUMBER: _ClassVar[int]
    CRC32_FIELD_NUMBER: _ClassVar[int]
    path: str
    size: int
    modified_at: _timestamp_pb2.Timestamp
    key: str
    crc_size: int
    crc32: int
    def __init__(self, path: _Optional[str] = ..., size: _Optional[int] = ..., modified_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., key: _Optional[str] = ..., crc_size: _Optional[int] = ..., crc32: _Optional[int] = ...) -> None: ...

class ArchivePage(_message.Message):
    __slots__ = ("archive", "entries")
    ARCHIVE_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    archive: Archive
    entries: _containers.RepeatedCompositeFieldContainer[ArchiveEntry]
    def __init__(self, archive: _Optional[_Union[Archive, _Mapping]] = ..., entries: _Optional[_Iterable[_Union[ArchiveEntry, _Mapping]]] = ...) -> None: ...

class EntryCrc(_message.Message):
    __slots__ = ("position", "size", "crc32")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CRC32_FIELD_NUMBER: _ClassVar[int]
    position: int
    size: int
    crc32: int
    def __init__(self, position: _Optional[int] = ..., size: _Optional[int] = ..., crc32: _Optional[int] = ...) -> None: ...

class CreateArchiveRequest(_message.Message):
    __slots__ = ("access", "ids", "name", "idempotency_key")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    access: Access
    ids: _containers.RepeatedScalarFieldContainer[str]
    name: str
    idempotency_key: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., ids: _Optional[_Iterable[str]] = ..., name: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class CreateArchiveResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Archive
    def __init__(self, value: _Optional[_Union[Archive, _Mapping]] = ...) -> None: ...

class CreateLinkArchiveRequest(_message.Message):
    __slots__ = ("token", "session", "ids", "name", "idempotency_key")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    token: str
    session: str
    ids: _containers.RepeatedScalarFieldContainer[str]
    name: str
    idempotency_key: str
    def __init__(self, token: _Optional[str] = ..., session: _Optional[str] = ..., ids: _Optional[_Iterable[str]] = ..., name: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class CreateLinkArchiveResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Archive
    def __init__(self, value: _Optional[_Union[Archive, _Mapping]] = ...) -> None: ...

class OpenArchiveRequest(_message.Message):
    __slots__ = ("token", "after", "limit")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    token: str
    after: int
    limit: int
    def __init__(self, token: _Optional[str] = ..., after: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class OpenArchiveResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: ArchivePage
    def __init__(self, value: _Optional[_Union[ArchivePage, _Mapping]] = ...) -> None: ...

class SaveArchiveCrcsRequest(_message.Message):
    __slots__ = ("token", "crcs")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    CRCS_FIELD_NUMBER: _ClassVar[int]
    token: str
    crcs: _containers.RepeatedCompositeFieldContainer[EntryCrc]
    def __init__(self, token: _Optional[str] = ..., crcs: _Optional[_Iterable[_Union[EntryCrc, _Mapping]]] = ...) -> None: ...

class SaveArchiveCrcsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeleteExpiredArchivesRequest(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: int
    def __init__(self, limit: _Optional[int] = ...) -> None: ...

class DeleteExpiredArchivesResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: int
    def __init__(self, value: _Optional[int] = ...) -> None: ...

class Webhook(_message.Message):
    __slots__ = ("id", "drive", "url", "created_at", "kinds", "disabled", "disabled_reason", "failing_since", "next_try_at", "secret")
    ID_FIELD_NUMBER: _ClassVar[int]
    DRIVE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    DISABLED_REASON_FIELD_NUMBER: _ClassVar[int]
    FAILING_SINCE_FIELD_NUMBER: _ClassVar[int]
    NEXT_TRY_AT_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    id: str
    drive: str
    url: str
    created_at: _timestamp_pb2.Timestamp
    kinds: _containers.RepeatedScalarFieldContainer[ChangeKind]
    disabled: bool
    disabled_reason: str
    failing_since: _timestamp_pb2.Timestamp
    next_try_at: _timestamp_pb2.Timestamp
    secret: str
    def __init__(self, id: _Optional[str] = ..., drive: _Optional[str] = ..., url: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kinds: _Optional[_Iterable[_Union[ChangeKind, str]]] = ..., disabled: _Optional[bool] = ..., disabled_reason: _Optional[str] = ..., failing_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., next_try_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., secret: _Optional[str] = ...) -> None: ...

class NewWebhook(_message.Message):
    __slots__ = ("drive", "url", "kinds")
    DRIVE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    drive: str
    url: str
    kinds: _containers.RepeatedScalarFieldContainer[ChangeKind]
    def __init__(self, drive: _Optional[str] = ..., url: _Optional[str] = ..., kinds: _Optional[_Iterable[_Union[ChangeKind, str]]] = ...) -> None: ...

class WebhookUpdate(_message.Message):
    __slots__ = ("url", "kinds", "every_kind", "disabled")
    URL_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    EVERY_KIND_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    url: str
    kinds: _containers.RepeatedScalarFieldContainer[ChangeKind]
    every_kind: bool
    disabled: bool
    def __init__(self, url: _Optional[str] = ..., kinds: _Optional[_Iterable[_Union[ChangeKind, str]]] = ..., every_kind: _Optional[bool] = ..., disabled: _Optional[bool] = ...) -> None: ...

class WebhookPage(_message.Message):
    __slots__ = ("items", "next_cursor")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Webhook]
    next_cursor: str
    def __init__(self, items: _Optional[_Iterable[_Union[Webhook, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class Delivery(_message.Message):
    __slots__ = ("id", "event_id", "kind", "file_id", "at", "attempt", "is_delivered", "response_status", "error", "next_try_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    FILE_ID_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    IS_DELIVERED_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_STATUS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    NEXT_TRY_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    event_id: str
    kind: ChangeKind
    file_id: str
    at: _timestamp_pb2.Timestamp
    attempt: int
    is_delivered: bool
    response_status: int
    error: str
    next_try_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., event_id: _Optional[str] = ..., kind: _Optional[_Union[ChangeKind, str]] = ..., file_id: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., attempt: _Optional[int] = ..., is_delivered: _Optional[bool] = ..., response_status: _Optional[int] = ..., error: _Optional[str] = ..., next_try_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DeliveryPage(_message.Message):
    __slots__ = ("items", "next_cursor")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Delivery]
    next_cursor: str
    def __init__(self, items: _Optional[_Iterable[_Union[Delivery, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class WebhookEvent(_message.Message):
    __slots__ = ("number", "resume_after", "change", "is_redelivery")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    RESUME_AFTER_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    IS_REDELIVERY_FIELD_NUMBER: _ClassVar[int]
    number: int
    resume_after: int
    change: Change
    is_redelivery: bool
    def __init__(self, number: _Optional[int] = ..., resume_after: _Optional[int] = ..., change: _Optional[_Union[Change, _Mapping]] = ..., is_redelivery: _Optional[bool] = ...) -> None: ...

class WebhookTask(_message.Message):
    __slots__ = ("webhook", "drive", "user", "url", "secret", "events")
    WEBHOOK_FIELD_NUMBER: _ClassVar[int]
    DRIVE_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    webhook: str
    drive: str
    user: str
    url: str
    secret: str
    events: _containers.RepeatedCompositeFieldContainer[WebhookEvent]
    def __init__(self, webhook: _Optional[str] = ..., drive: _Optional[str] = ..., user: _Optional[str] = ..., url: _Optional[str] = ..., secret: _Optional[str] = ..., events: _Optional[_Iterable[_Union[WebhookEvent, _Mapping]]] = ...) -> None: ...

class DeliveryResult(_message.Message):
    __slots__ = ("webhook", "drive", "event", "outcome", "response_status", "error", "ends_lease")
    WEBHOOK_FIELD_NUMBER: _ClassVar[int]
    DRIVE_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_STATUS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ENDS_LEASE_FIELD_NUMBER: _ClassVar[int]
    webhook: str
    drive: str
    event: WebhookEvent
    outcome: DeliveryOutcome
    response_status: int
    error: str
    ends_lease: bool
    def __init__(self, webhook: _Optional[str] = ..., drive: _Optional[str] = ..., event: _Optional[_Union[WebhookEvent, _Mapping]] = ..., outcome: _Optional[_Union[DeliveryOutcome, str]] = ..., response_status: _Optional[int] = ..., error: _Optional[str] = ..., ends_lease: _Optional[bool] = ...) -> None: ...

class CreateWebhookRequest(_message.Message):
    __slots__ = ("actor", "new", "idempotency_key")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    NEW_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    actor: str
    new: NewWebhook
    idempotency_key: str
    def __init__(self, actor: _Optional[str] = ..., new: _Optional[_Union[NewWebhook, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class CreateWebhookResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Webhook
    def __init__(self, value: _Optional[_Union[Webhook, _Mapping]] = ...) -> None: ...

class ListWebhooksRequest(_message.Message):
    __slots__ = ("actor", "drive", "limit", "cursor")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    DRIVE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    actor: str
    drive: str
    limit: int
    cursor: str
    def __init__(self, actor: _Optional[str] = ..., drive: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class ListWebhooksResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: WebhookPage
    def __init__(self, value: _Optional[_Union[WebhookPage, _Mapping]] = ...) -> None: ...

class GetWebhookRequest(_message.Message):
    __slots__ = ("actor", "id")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    actor: str
    id: str
    def __init__(self, actor: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class GetWebhookResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Webhook
    def __init__(self, value: _Optional[_Union[Webhook, _Mapping]] = ...) -> None: ...

class UpdateWebhookRequest(_message.Message):
    __slots__ = ("actor", "id", "update")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    actor: str
    id: str
    update: WebhookUpdate
    def __init__(self, actor: _Optional[str] = ..., id: _Optional[str] = ..., update: _Optional[_Union[WebhookUpdate, _Mapping]] = ...) -> None: ...

class UpdateWebhookResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Webhook
    def __init__(self, value: _Optional[_Union[Webhook, _Mapping]] = ...) -> None: ...

class DeleteWebhookRequest(_message.Message):
    __slots__ = ("actor", "id")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    actor: str
    id: str
    def __init__(self, actor: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class DeleteWebhookResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListDeliveriesRequest(_message.Message):
    __slots__ = ("actor", "id", "limit", "cursor")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    actor: str
    id: str
    limit: int
    cursor: str
    def __init__(self, actor: _Optional[str] = ..., id: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class ListDeliveriesResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: DeliveryPage
    def __init__(self, value: _Optional[_Union[DeliveryPage, _Mapping]] = ...) -> None: ...

class RedeliverRequest(_message.Message):
    __slots__ = ("actor", "id", "delivery")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    actor: str
    id: str
    delivery: str
    def __init__(self, actor: _Optional[str] = ..., id: _Optional[str] = ..., delivery: _Optional[str] = ...) -> None: ...

class RedeliverResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ClaimWebhooksRequest(_message.Message):
    __slots__ = ("lease", "limit")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    lease: str
    limit: int
    def __init__(self, lease: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ClaimWebhooksResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[WebhookTask]
    def __init__(self, value: _Optional[_Iterable[_Union[WebhookTask, _Mapping]]] = ...) -> None: ...

class RecordDeliveryRequest(_message.Message):
    __slots__ = ("lease", "result")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    lease: str
    result: DeliveryResult
    def __init__(self, lease: _Optional[str] = ..., result: _Optional[_Union[DeliveryResult, _Mapping]] = ...) -> None: ...

class RecordDeliveryResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: bool
    def __init__(self, value: _Optional[bool] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ("id", "drive", "kind", "status", "done", "total", "created_at", "result", "error", "done_bytes", "total_bytes", "waiting_since")
    ID_FIELD_NUMBER: _ClassVar[int]
    DRIVE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    DONE_BYTES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    WAITING_SINCE_FIELD_NUMBER: _ClassVar[int]
    id: str
    drive: str
    kind: JobKind
    status: JobStatus
    done: int
    total: int
    created_at: _timestamp_pb2.Timestamp
    result: File
    error: ItemError
    done_bytes: int
    total_bytes: int
    waiting_since: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., drive: _Optional[str] = ..., kind: _Optional[_Union[JobKind, str]] = ..., status: _Optional[_Union[JobStatus, str]] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., result: _Optional[_Union[File, _Mapping]] = ..., error: _Optional[_Union[ItemError, _Mapping]] = ..., done_bytes: _Optional[int] = ..., total_bytes: _Optional[int] = ..., waiting_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class JobTask(_message.Message):
    __slots__ = ("drive", "id")
    DRIVE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    drive: str
    id: str
    def __init__(self, drive: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class StartCopyRequest(_message.Message):
    __slots__ = ("access", "id", "target", "idempotency_key")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    target: CopyTarget
    idempotency_key: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ..., target: _Optional[_Union[CopyTarget, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class StartCopyResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Job
    def __init__(self, value: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class StartDriveCopyRequest(_message.Message):
    __slots__ = ("access", "id", "target_access", "target", "idempotency_key")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ACCESS_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    target_access: Access
    target: CopyTarget
    idempotency_key: str
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ..., target_access: _Optional[_Union[Access, _Mapping]] = ..., target: _Optional[_Union[CopyTarget, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class StartDriveCopyResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Job
    def __init__(self, value: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class GetJobRequest(_message.Message):
    __slots__ = ("actor", "id")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    actor: str
    id: str
    def __init__(self, actor: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class GetJobResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Job
    def __init__(self, value: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class CancelJobRequest(_message.Message):
    __slots__ = ("actor", "id")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    actor: str
    id: str
    def __init__(self, actor: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class CancelJobResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ClaimJobsRequest(_message.Message):
    __slots__ = ("lease", "limit")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    lease: str
    limit: int
    def __init__(self, lease: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ClaimJobsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[JobTask]
    def __init__(self, value: _Optional[_Iterable[_Union[JobTask, _Mapping]]] = ...) -> None: ...

class RunJobStepRequest(_message.Message):
    __slots__ = ("lease", "task", "ends_lease")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    ENDS_LEASE_FIELD_NUMBER: _ClassVar[int]
    lease: str
    task: JobTask
    ends_lease: bool
    def __init__(self, lease: _Optional[str] = ..., task: _Optional[_Union[JobTask, _Mapping]] = ..., ends_lease: _Optional[bool] = ...) -> None: ...

class RunJobStepResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: bool
    def __init__(self, value: _Optional[bool] = ...) -> None: ...

class ReleaseJobsRequest(_message.Message):
    __slots__ = ("lease",)
    LEASE_FIELD_NUMBER: _ClassVar[int]
    lease: str
    def __init__(self, lease: _Optional[str] = ...) -> None: ...

class ReleaseJobsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ThumbnailInfo(_message.Message):
    __slots__ = ("state", "key", "name", "retry_after")
    STATE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    state: ThumbnailState
    key: str
    name: str
    retry_after: int
    def __init__(self, state: _Optional[_Union[ThumbnailState, str]] = ..., key: _Optional[str] = ..., name: _Optional[str] = ..., retry_after: _Optional[int] = ...) -> None: ...

class ThumbnailTask(_message.Message):
    __slots__ = ("ref", "key", "size")
    REF_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    ref: UploadRef
    key: str
    size: int
    def __init__(self, ref: _Optional[_Union[UploadRef, _Mapping]] = ..., key: _Optional[str] = ..., size: _Optional[int] = ...) -> None: ...

class GetThumbnailRequest(_message.Message):
    __slots__ = ("access", "id", "is_lost")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    IS_LOST_FIELD_NUMBER: _ClassVar[int]
    access: Access
    id: str
    is_lost: bool
    def __init__(self, access: _Optional[_Union[Access, _Mapping]] = ..., id: _Optional[str] = ..., is_lost: _Optional[bool] = ...) -> None: ...

class GetThumbnailResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: ThumbnailInfo
    def __init__(self, value: _Optional[_Union[ThumbnailInfo, _Mapping]] = ...) -> None: ...

class ClaimThumbnailsRequest(_message.Message):
    __slots__ = ("lease", "limit")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    lease: str
    limit: int
    def __init__(self, lease: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ClaimThumbnailsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[ThumbnailTask]
    def __init__(self, value: _Optional[_Iterable[_Union[ThumbnailTask, _Mapping]]] = ...) -> None: ...

class FinishThumbnailRequest(_message.Message):
    __slots__ = ("lease", "ref", "outcome")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    lease: str
    ref: UploadRef
    outcome: ThumbnailOutcome
    def __init__(self, lease: _Optional[str] = ..., ref: _Optional[_Union[UploadRef, _Mapping]] = ..., outcome: _Optional[_Union[ThumbnailOutcome, str]] = ...) -> None: ...

class FinishThumbnailResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
