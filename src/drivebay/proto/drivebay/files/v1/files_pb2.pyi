import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

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

class Cause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAUSE_UNSPECIFIED: _ClassVar[Cause]
    CAUSE_CLIENT: _ClassVar[Cause]
    CAUSE_EVENT: _ClassVar[Cause]
    CAUSE_SWEEP: _ClassVar[Cause]

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_COMPLETED: _ClassVar[Outcome]
    OUTCOME_ALREADY: _ClassVar[Outcome]
    OUTCOME_ABSENT: _ClassVar[Outcome]
    OUTCOME_EXPIRED: _ClassVar[Outcome]
    OUTCOME_REJECTED: _ClassVar[Outcome]
    OUTCOME_UNKNOWN: _ClassVar[Outcome]
    OUTCOME_NO_UPLOAD: _ClassVar[Outcome]
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
CAUSE_UNSPECIFIED: Cause
CAUSE_CLIENT: Cause
CAUSE_EVENT: Cause
CAUSE_SWEEP: Cause
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_COMPLETED: Outcome
OUTCOME_ALREADY: Outcome
OUTCOME_ABSENT: Outcome
OUTCOME_EXPIRED: Outcome
OUTCOME_REJECTED: Outcome
OUTCOME_UNKNOWN: Outcome
OUTCOME_NO_UPLOAD: Outcome

class Intent(_message.Message):
    __slots__ = ("name", "size", "content_type", "parent", "on_conflict", "sha256", "multipart", "deferred", "note")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    ON_CONFLICT_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    MULTIPART_FIELD_NUMBER: _ClassVar[int]
    DEFERRED_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    name: str
    size: int
    content_type: str
    parent: str
    on_conflict: OnConflict
    sha256: bytes
    multipart: bool
    deferred: bool
    note: str
    def __init__(self, name: _Optional[str] = ..., size: _Optional[int] = ..., content_type: _Optional[str] = ..., parent: _Optional[str] = ..., on_conflict: _Optional[_Union[OnConflict, str]] = ..., sha256: _Optional[bytes] = ..., multipart: _Optional[bool] = ..., deferred: _Optional[bool] = ..., note: _Optional[str] = ...) -> None: ...

class Upload(_message.Message):
    __slots__ = ("id", "owner", "status", "name", "size", "content_type", "sha256", "key", "metadata", "created_at", "expires_at", "file", "reason", "parts", "deferred", "note")
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
    DEFERRED_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
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
    parts: Parts
    deferred: bool
    note: str
    def __init__(self, id: _Optional[str] = ..., owner: _Optional[str] = ..., status: _Optional[_Union[UploadStatus, str]] = ..., name: _Optional[str] = ..., size: _Optional[int] = ..., content_type: _Optional[str] = ..., sha256: _Optional[bytes] = ..., key: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., file: _Optional[str] = ..., reason: _Optional[str] = ..., parts: _Optional[_Union[Parts, _Mapping]] = ..., deferred: _Optional[bool] = ..., note: _Optional[str] = ...) -> None: ...

class Parts(_message.Message):
    __slots__ = ("size", "count", "multipart", "checked")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    MULTIPART_FIELD_NUMBER: _ClassVar[int]
    CHECKED_FIELD_NUMBER: _ClassVar[int]
    size: int
    count: int
    multipart: str
    checked: bool
    def __init__(self, size: _Optional[int] = ..., count: _Optional[int] = ..., multipart: _Optional[str] = ..., checked: _Optional[bool] = ...) -> None: ...

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

class Moment(_message.Message):
    __slots__ = ("at", "what", "cause", "detail")
    AT_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    what: str
    cause: str
    detail: str
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., what: _Optional[str] = ..., cause: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class Found(_message.Message):
    __slots__ = ("content",)
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    content: Content
    def __init__(self, content: _Optional[_Union[Content, _Mapping]] = ...) -> None: ...

class Listing(_message.Message):
    __slots__ = ("parent", "sort", "descending", "limit", "cursor", "name")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    DESCENDING_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    parent: str
    sort: Sort
    descending: bool
    limit: int
    cursor: str
    name: str
    def __init__(self, parent: _Optional[str] = ..., sort: _Optional[_Union[Sort, str]] = ..., descending: _Optional[bool] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class FilePage(_message.Message):
    __slots__ = ("items", "next_cursor")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[File]
    next_cursor: str
    def __init__(self, items: _Optional[_Iterable[_Union[File, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class File(_message.Message):
    __slots__ = ("id", "kind", "name", "parent", "size", "content_type", "sha256", "etag", "created_at", "modified_at", "trashed_at", "purge_after", "part_size", "parts_sha256")
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
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[Kind, str]] = ..., name: _Optional[str] = ..., parent: _Optional[str] = ..., size: _Optional[int] = ..., content_type: _Optional[str] = ..., sha256: _Optional[bytes] = ..., etag: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., modified_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., trashed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., purge_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., part_size: _Optional[int] = ..., parts_sha256: _Optional[bytes] = ...) -> None: ...

class Content(_message.Message):
    __slots__ = ("key", "name", "content_type", "size", "sha256", "part_size", "parts_sha256")
    KEY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    PART_SIZE_FIELD_NUMBER: _ClassVar[int]
    PARTS_SHA256_FIELD_NUMBER: _ClassVar[int]
    key: str
    name: str
    content_type: str
    size: int
    sha256: bytes
    part_size: int
    parts_sha256: bytes
    def __init__(self, key: _Optional[str] = ..., name: _Optional[str] = ..., content_type: _Optional[str] = ..., size: _Optional[int] = ..., sha256: _Optional[bytes] = ..., part_size: _Optional[int] = ..., parts_sha256: _Optional[bytes] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("name", "parent")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    name: str
    parent: str
    def __init__(self, name: _Optional[str] = ..., parent: _Optional[str] = ...) -> None: ...

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

class Refusal(_message.Message):
    __slots__ = ("code", "detail", "field")
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    code: str
    detail: str
    field: str
    def __init__(self, code: _Optional[str] = ..., detail: _Optional[str] = ..., field: _Optional[str] = ...) -> None: ...

class Attempt(_message.Message):
    __slots__ = ("upload", "refusal")
    UPLOAD_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    upload: Upload
    refusal: Refusal
    def __init__(self, upload: _Optional[_Union[Upload, _Mapping]] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ...) -> None: ...

class UploadRef(_message.Message):
    __slots__ = ("owner", "id")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    owner: str
    id: str
    def __init__(self, owner: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class Purge(_message.Message):
    __slots__ = ("ref", "key", "multipart", "tails")
    REF_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    MULTIPART_FIELD_NUMBER: _ClassVar[int]
    TAILS_FIELD_NUMBER: _ClassVar[int]
    ref: UploadRef
    key: str
    multipart: str
    tails: bool
    def __init__(self, ref: _Optional[_Union[UploadRef, _Mapping]] = ..., key: _Optional[str] = ..., multipart: _Optional[str] = ..., tails: _Optional[bool] = ...) -> None: ...

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
    __slots__ = ("invariant", "owner", "detail")
    INVARIANT_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    invariant: str
    owner: str
    detail: str
    def __init__(self, invariant: _Optional[str] = ..., owner: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class Queues(_message.Message):
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

class Health(_message.Message):
    __slots__ = ("name", "ok", "detail")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    name: str
    ok: bool
    detail: str
    def __init__(self, name: _Optional[str] = ..., ok: _Optional[bool] = ..., detail: _Optional[str] = ...) -> None: ...

class BeginRequest(_message.Message):
    __slots__ = ("owner", "intent", "idempotency_key")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    INTENT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    owner: str
    intent: Intent
    idempotency_key: str
    def __init__(self, owner: _Optional[str] = ..., intent: _Optional[_Union[Intent, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class BeginResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Upload
    def __init__(self, value: _Optional[_Union[Upload, _Mapping]] = ...) -> None: ...

class BeginManyRequest(_message.Message):
    __slots__ = ("owner", "intents", "idempotency_key")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    INTENTS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    owner: str
    intents: _containers.RepeatedCompositeFieldContainer[Intent]
    idempotency_key: str
    def __init__(self, owner: _Optional[str] = ..., intents: _Optional[_Iterable[_Union[Intent, _Mapping]]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class BeginManyResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Attempt]
    def __init__(self, value: _Optional[_Iterable[_Union[Attempt, _Mapping]]] = ...) -> None: ...

class UploadRequest(_message.Message):
    __slots__ = ("owner", "id")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    owner: str
    id: str
    def __init__(self, owner: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class UploadResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Upload
    def __init__(self, value: _Optional[_Union[Upload, _Mapping]] = ...) -> None: ...

class OpenPartsRequest(_message.Message):
    __slots__ = ("owner", "id", "parts")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    owner: str
    id: str
    parts: _containers.RepeatedCompositeFieldContainer[PartIntent]
    def __init__(self, owner: _Optional[str] = ..., id: _Optional[str] = ..., parts: _Optional[_Iterable[_Union[PartIntent, _Mapping]]] = ...) -> None: ...

class OpenPartsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Upload
    def __init__(self, value: _Optional[_Union[Upload, _Mapping]] = ...) -> None: ...

class PartsRequest(_message.Message):
    __slots__ = ("owner", "id")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    owner: str
    id: str
    def __init__(self, owner: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class PartsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Part]
    def __init__(self, value: _Optional[_Iterable[_Union[Part, _Mapping]]] = ...) -> None: ...

class CompleteManyRequest(_message.Message):
    __slots__ = ("owner", "ids")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    owner: str
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, owner: _Optional[str] = ..., ids: _Optional[_Iterable[str]] = ...) -> None: ...

class CompleteManyResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Attempt]
    def __init__(self, value: _Optional[_Iterable[_Union[Attempt, _Mapping]]] = ...) -> None: ...

class TimelineRequest(_message.Message):
    __slots__ = ("owner", "id")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    owner: str
    id: str
    def __init__(self, owner: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class TimelineResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Moment]
    def __init__(self, value: _Optional[_Iterable[_Union[Moment, _Mapping]]] = ...) -> None: ...

class ResizeRequest(_message.Message):
    __slots__ = ("owner", "id", "size", "final")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    owner: str
    id: str
    size: int
    final: bool
    def __init__(self, owner: _Optional[str] = ..., id: _Optional[str] = ..., size: _Optional[int] = ..., final: _Optional[bool] = ...) -> None: ...

class ResizeResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Upload
    def __init__(self, value: _Optional[_Union[Upload, _Mapping]] = ...) -> None: ...

class CompleteRequest(_message.Message):
    __slots__ = ("owner", "id")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    owner: str
    id: str
    def __init__(self, owner: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class CompleteResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Upload
    def __init__(self, value: _Optional[_Union[Upload, _Mapping]] = ...) -> None: ...

class AbortRequest(_message.Message):
    __slots__ = ("owner", "id")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    owner: str
    id: str
    def __init__(self, owner: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class AbortResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListFilesRequest(_message.Message):
    __slots__ = ("owner", "listing")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    LISTING_FIELD_NUMBER: _ClassVar[int]
    owner: str
    listing: Listing
    def __init__(self, owner: _Optional[str] = ..., listing: _Optional[_Union[Listing, _Mapping]] = ...) -> None: ...

class ListFilesResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: FilePage
    def __init__(self, value: _Optional[_Union[FilePage, _Mapping]] = ...) -> None: ...

class ListTrashRequest(_message.Message):
    __slots__ = ("owner", "limit", "cursor")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    owner: str
    limit: int
    cursor: str
    def __init__(self, owner: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class ListTrashResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: FilePage
    def __init__(self, value: _Optional[_Union[FilePage, _Mapping]] = ...) -> None: ...

class FileRequest(_message.Message):
    __slots__ = ("owner", "id")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    owner: str
    id: str
    def __init__(self, owner: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class FileResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: File
    def __init__(self, value: _Optional[_Union[File, _Mapping]] = ...) -> None: ...

class ContentRequest(_message.Message):
    __slots__ = ("owner", "id")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    owner: str
    id: str
    def __init__(self, owner: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class ContentResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Content
    def __init__(self, value: _Optional[_Union[Content, _Mapping]] = ...) -> None: ...

class ContentsRequest(_message.Message):
    __slots__ = ("owner", "ids")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    owner: str
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, owner: _Optional[str] = ..., ids: _Optional[_Iterable[str]] = ...) -> None: ...

class ContentsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Found]
    def __init__(self, value: _Optional[_Iterable[_Union[Found, _Mapping]]] = ...) -> None: ...

class CreateFolderRequest(_message.Message):
    __slots__ = ("owner", "parent", "name", "idempotency_key")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    owner: str
    parent: str
    name: str
    idempotency_key: str
    def __init__(self, owner: _Optional[str] = ..., parent: _Optional[str] = ..., name: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class CreateFolderResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: File
    def __init__(self, value: _Optional[_Union[File, _Mapping]] = ...) -> None: ...

class ChangeRequest(_message.Message):
    __slots__ = ("owner", "id", "change", "if_match")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    IF_MATCH_FIELD_NUMBER: _ClassVar[int]
    owner: str
    id: str
    change: Change
    if_match: str
    def __init__(self, owner: _Optional[str] = ..., id: _Optional[str] = ..., change: _Optional[_Union[Change, _Mapping]] = ..., if_match: _Optional[str] = ...) -> None: ...

class ChangeResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: File
    def __init__(self, value: _Optional[_Union[File, _Mapping]] = ...) -> None: ...

class TrashRequest(_message.Message):
    __slots__ = ("owner", "id", "if_match")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    IF_MATCH_FIELD_NUMBER: _ClassVar[int]
    owner: str
    id: str
    if_match: str
    def __init__(self, owner: _Optional[str] = ..., id: _Optional[str] = ..., if_match: _Optional[str] = ...) -> None: ...

class TrashResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RestoreRequest(_message.Message):
    __slots__ = ("owner", "id")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    owner: str
    id: str
    def __init__(self, owner: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class RestoreResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: File
    def __init__(self, value: _Optional[_Union[File, _Mapping]] = ...) -> None: ...

class UsageRequest(_message.Message):
    __slots__ = ("owner",)
    OWNER_FIELD_NUMBER: _ClassVar[int]
    owner: str
    def __init__(self, owner: _Optional[str] = ...) -> None: ...

class UsageResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Usage
    def __init__(self, value: _Optional[_Union[Usage, _Mapping]] = ...) -> None: ...

class CommitRequest(_message.Message):
    __slots__ = ("uploads", "cause")
    UPLOADS_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    uploads: _containers.RepeatedCompositeFieldContainer[UploadRef]
    cause: Cause
    def __init__(self, uploads: _Optional[_Iterable[_Union[UploadRef, _Mapping]]] = ..., cause: _Optional[_Union[Cause, str]] = ...) -> None: ...

class CommitResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedScalarFieldContainer[Outcome]
    def __init__(self, value: _Optional[_Iterable[_Union[Outcome, str]]] = ...) -> None: ...

class ClaimChecksRequest(_message.Message):
    __slots__ = ("limit", "overdue")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    OVERDUE_FIELD_NUMBER: _ClassVar[int]
    limit: int
    overdue: bool
    def __init__(self, limit: _Optional[int] = ..., overdue: _Optional[bool] = ...) -> None: ...

class ClaimChecksResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[UploadRef]
    def __init__(self, value: _Optional[_Iterable[_Union[UploadRef, _Mapping]]] = ...) -> None: ...

class RecheckPendingRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RecheckPendingResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: int
    def __init__(self, value: _Optional[int] = ...) -> None: ...

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
    value: _containers.RepeatedCompositeFieldContainer[Purge]
    def __init__(self, value: _Optional[_Iterable[_Union[Purge, _Mapping]]] = ...) -> None: ...

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

class KnownRequest(_message.Message):
    __slots__ = ("uploads",)
    UPLOADS_FIELD_NUMBER: _ClassVar[int]
    uploads: _containers.RepeatedCompositeFieldContainer[UploadRef]
    def __init__(self, uploads: _Optional[_Iterable[_Union[UploadRef, _Mapping]]] = ...) -> None: ...

class KnownResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedScalarFieldContainer[bool]
    def __init__(self, value: _Optional[_Iterable[bool]] = ...) -> None: ...

class MultipartsRequest(_message.Message):
    __slots__ = ("uploads",)
    UPLOADS_FIELD_NUMBER: _ClassVar[int]
    uploads: _containers.RepeatedCompositeFieldContainer[UploadRef]
    def __init__(self, uploads: _Optional[_Iterable[_Union[UploadRef, _Mapping]]] = ...) -> None: ...

class MultipartsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, value: _Optional[_Iterable[str]] = ...) -> None: ...

class BuryRequest(_message.Message):
    __slots__ = ("letter",)
    LETTER_FIELD_NUMBER: _ClassVar[int]
    letter: DeadLetter
    def __init__(self, letter: _Optional[_Union[DeadLetter, _Mapping]] = ...) -> None: ...

class BuryResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CheckRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Violation]
    def __init__(self, value: _Optional[_Iterable[_Union[Violation, _Mapping]]] = ...) -> None: ...

class QueuesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class QueuesResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Queues
    def __init__(self, value: _Optional[_Union[Queues, _Mapping]] = ...) -> None: ...

class HealthRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HealthResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Health]
    def __init__(self, value: _Optional[_Iterable[_Union[Health, _Mapping]]] = ...) -> None: ...
