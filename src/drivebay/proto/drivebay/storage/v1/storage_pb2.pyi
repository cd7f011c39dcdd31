import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Disposition(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DISPOSITION_UNSPECIFIED: _ClassVar[Disposition]
    DISPOSITION_ATTACHMENT: _ClassVar[Disposition]
    DISPOSITION_INLINE: _ClassVar[Disposition]

class Presence(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRESENCE_UNSPECIFIED: _ClassVar[Presence]
    PRESENCE_FOUND: _ClassVar[Presence]
    PRESENCE_ABSENT: _ClassVar[Presence]
    PRESENCE_UNKNOWN: _ClassVar[Presence]

class CopyStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COPY_STATUS_UNSPECIFIED: _ClassVar[CopyStatus]
    COPY_STATUS_DONE: _ClassVar[CopyStatus]
    COPY_STATUS_SOURCE_CHANGED: _ClassVar[CopyStatus]
    COPY_STATUS_RUNNING: _ClassVar[CopyStatus]
    COPY_STATUS_UNKNOWN: _ClassVar[CopyStatus]

class AssemblyStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ASSEMBLY_STATUS_UNSPECIFIED: _ClassVar[AssemblyStatus]
    ASSEMBLY_STATUS_DONE: _ClassVar[AssemblyStatus]
    ASSEMBLY_STATUS_MISSING: _ClassVar[AssemblyStatus]
    ASSEMBLY_STATUS_UNKNOWN: _ClassVar[AssemblyStatus]
DISPOSITION_UNSPECIFIED: Disposition
DISPOSITION_ATTACHMENT: Disposition
DISPOSITION_INLINE: Disposition
PRESENCE_UNSPECIFIED: Presence
PRESENCE_FOUND: Presence
PRESENCE_ABSENT: Presence
PRESENCE_UNKNOWN: Presence
COPY_STATUS_UNSPECIFIED: CopyStatus
COPY_STATUS_DONE: CopyStatus
COPY_STATUS_SOURCE_CHANGED: CopyStatus
COPY_STATUS_RUNNING: CopyStatus
COPY_STATUS_UNKNOWN: CopyStatus
ASSEMBLY_STATUS_UNSPECIFIED: AssemblyStatus
ASSEMBLY_STATUS_DONE: AssemblyStatus
ASSEMBLY_STATUS_MISSING: AssemblyStatus
ASSEMBLY_STATUS_UNKNOWN: AssemblyStatus

class PutSpec(_message.Message):
    __slots__ = ("key", "size", "content_type", "sha256", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    KEY_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    key: str
    size: int
    content_type: str
    sha256: bytes
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, key: _Optional[str] = ..., size: _Optional[int] = ..., content_type: _Optional[str] = ..., sha256: _Optional[bytes] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class GetSpec(_message.Message):
    __slots__ = ("key", "name", "content_type", "disposition")
    KEY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    DISPOSITION_FIELD_NUMBER: _ClassVar[int]
    key: str
    name: str
    content_type: str
    disposition: Disposition
    def __init__(self, key: _Optional[str] = ..., name: _Optional[str] = ..., content_type: _Optional[str] = ..., disposition: _Optional[_Union[Disposition, str]] = ...) -> None: ...

class SignedRequest(_message.Message):
    __slots__ = ("method", "url", "headers", "expires_at", "response_headers")
    class HeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class ResponseHeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    METHOD_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_HEADERS_FIELD_NUMBER: _ClassVar[int]
    method: str
    url: str
    headers: _containers.ScalarMap[str, str]
    expires_at: _timestamp_pb2.Timestamp
    response_headers: _containers.ScalarMap[str, str]
    def __init__(self, method: _Optional[str] = ..., url: _Optional[str] = ..., headers: _Optional[_Mapping[str, str]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., response_headers: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ObjectInfo(_message.Message):
    __slots__ = ("key", "presence", "size", "etag", "content_type", "sha256", "modified_at")
    KEY_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    MODIFIED_AT_FIELD_NUMBER: _ClassVar[int]
    key: str
    presence: Presence
    size: int
    etag: str
    content_type: str
    sha256: bytes
    modified_at: _timestamp_pb2.Timestamp
    def __init__(self, key: _Optional[str] = ..., presence: _Optional[_Union[Presence, str]] = ..., size: _Optional[int] = ..., etag: _Optional[str] = ..., content_type: _Optional[str] = ..., sha256: _Optional[bytes] = ..., modified_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StagedObject(_message.Message):
    __slots__ = ("key", "etag", "size")
    KEY_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    key: str
    etag: str
    size: int
    def __init__(self, key: _Optional[str] = ..., etag: _Optional[str] = ..., size: _Optional[int] = ...) -> None: ...

class ObjectCopy(_message.Message):
    __slots__ = ("source", "etag", "put")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    PUT_FIELD_NUMBER: _ClassVar[int]
    source: str
    etag: str
    put: PutSpec
    def __init__(self, source: _Optional[str] = ..., etag: _Optional[str] = ..., put: _Optional[_Union[PutSpec, _Mapping]] = ...) -> None: ...

class CopyResult(_message.Message):
    __slots__ = ("key", "status", "etag")
    KEY_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    key: str
    status: CopyStatus
    etag: str
    def __init__(self, key: _Optional[str] = ..., status: _Optional[_Union[CopyStatus, str]] = ..., etag: _Optional[str] = ...) -> None: ...

class Multipart(_message.Message):
    __slots__ = ("id", "checksummed")
    ID_FIELD_NUMBER: _ClassVar[int]
    CHECKSUMMED_FIELD_NUMBER: _ClassVar[int]
    id: str
    checksummed: bool
    def __init__(self, id: _Optional[str] = ..., checksummed: _Optional[bool] = ...) -> None: ...

class PartSpec(_message.Message):
    __slots__ = ("number", "size", "sha256")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    number: int
    size: int
    sha256: bytes
    def __init__(self, number: _Optional[int] = ..., size: _Optional[int] = ..., sha256: _Optional[bytes] = ...) -> None: ...

class PartialPart(_message.Message):
    __slots__ = ("number", "size")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    number: int
    size: int
    def __init__(self, number: _Optional[int] = ..., size: _Optional[int] = ...) -> None: ...

class StoredPart(_message.Message):
    __slots__ = ("number", "size", "etag")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    number: int
    size: int
    etag: str
    def __init__(self, number: _Optional[int] = ..., size: _Optional[int] = ..., etag: _Optional[str] = ...) -> None: ...

class AssemblyResult(_message.Message):
    __slots__ = ("status", "missing")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    status: AssemblyStatus
    missing: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, status: _Optional[_Union[AssemblyStatus, str]] = ..., missing: _Optional[_Iterable[int]] = ...) -> None: ...

class UnfinishedMultipart(_message.Message):
    __slots__ = ("key", "multipart_id", "begun_at")
    KEY_FIELD_NUMBER: _ClassVar[int]
    MULTIPART_ID_FIELD_NUMBER: _ClassVar[int]
    BEGUN_AT_FIELD_NUMBER: _ClassVar[int]
    key: str
    multipart_id: str
    begun_at: _timestamp_pb2.Timestamp
    def __init__(self, key: _Optional[str] = ..., multipart_id: _Optional[str] = ..., begun_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class MultipartPage(_message.Message):
    __slots__ = ("items", "after")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[UnfinishedMultipart]
    after: str
    def __init__(self, items: _Optional[_Iterable[_Union[UnfinishedMultipart, _Mapping]]] = ..., after: _Optional[str] = ...) -> None: ...

class DeletionResult(_message.Message):
    __slots__ = ("key", "error")
    KEY_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    key: str
    error: str
    def __init__(self, key: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class ObjectPage(_message.Message):
    __slots__ = ("objects", "after")
    OBJECTS_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    objects: _containers.RepeatedCompositeFieldContainer[ObjectInfo]
    after: str
    def __init__(self, objects: _Optional[_Iterable[_Union[ObjectInfo, _Mapping]]] = ..., after: _Optional[str] = ...) -> None: ...

class Capabilities(_message.Message):
    __slots__ = ("signed_length", "signed_type", "signed_checksum", "write_once", "reports_checksum", "complete_once", "conditional_copy", "batch_delete", "private", "cors", "event_rules", "versioned", "clock_offset", "reports_type", "unsupported_headers")
    SIGNED_LENGTH_FIELD_NUMBER: _ClassVar[int]
    SIGNED_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIGNED_CHECKSUM_FIELD_NUMBER: _ClassVar[int]
    WRITE_ONCE_FIELD_NUMBER: _ClassVar[int]
    REPORTS_CHECKSUM_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_ONCE_FIELD_NUMBER: _ClassVar[int]
    CONDITIONAL_COPY_FIELD_NUMBER: _ClassVar[int]
    BATCH_DELETE_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_FIELD_NUMBER: _ClassVar[int]
    CORS_FIELD_NUMBER: _ClassVar[int]
    EVENT_RULES_FIELD_NUMBER: _ClassVar[int]
    VERSIONED_FIELD_NUMBER: _ClassVar[int]
    CLOCK_OFFSET_FIELD_NUMBER: _ClassVar[int]
    REPORTS_TYPE_FIELD_NUMBER: _ClassVar[int]
    UNSUPPORTED_HEADERS_FIELD_NUMBER: _ClassVar[int]
    signed_length: bool
    signed_type: bool
    signed_checksum: bool
    write_once: bool
    reports_checksum: bool
    complete_once: bool
    conditional_copy: bool
    batch_delete: bool
    private: bool
    cors: bool
    event_rules: bool
    versioned: bool
    clock_offset: int
    reports_type: bool
    unsupported_headers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, signed_length: _Optional[bool] = ..., signed_type: _Optional[bool] = ..., signed_checksum: _Optional[bool] = ..., write_once: _Optional[bool] = ..., reports_checksum: _Optional[bool] = ..., complete_once: _Optional[bool] = ..., conditional_copy: _Optional[bool] = ..., batch_delete: _Optional[bool] = ..., private: _Optional[bool] = ..., cors: _Optional[bool] = ..., event_rules: _Optional[bool] = ..., versioned: _Optional[bool] = ..., clock_offset: _Optional[int] = ..., reports_type: _Optional[bool] = ..., unsupported_headers: _Optional[_Iterable[str]] = ...) -> None: ...

class Health(_message.Message):
    __slots__ = ("name", "ok", "detail")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    name: str
    ok: bool
    detail: str
    def __init__(self, name: _Optional[str] = ..., ok: _Optional[bool] = ..., detail: _Optional[str] = ...) -> None: ...

class PresignPutRequest(_message.Message):
    __slots__ = ("put", "signed_at", "ttl_seconds")
    PUT_FIELD_NUMBER: _ClassVar[int]
    SIGNED_AT_FIELD_NUMBER: _ClassVar[int]
    TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    put: PutSpec
    signed_at: _timestamp_pb2.Timestamp
    ttl_seconds: int
    def __init__(self, put: _Optional[_Union[PutSpec, _Mapping]] = ..., signed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ttl_seconds: _Optional[int] = ...) -> None: ...

class PresignPutResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: SignedRequest
    def __init__(self, value: _Optional[_Union[SignedRequest, _Mapping]] = ...) -> None: ...

class PresignGetRequest(_message.Message):
    __slots__ = ("key", "name", "content_type", "disposition", "ttl_seconds")
    KEY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    DISPOSITION_FIELD_NUMBER: _ClassVar[int]
    TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    key: str
    name: str
    content_type: str
    disposition: Disposition
    ttl_seconds: int
    def __init__(self, key: _Optional[str] = ..., name: _Optional[str] = ..., content_type: _Optional[str] = ..., disposition: _Optional[_Union[Disposition, str]] = ..., ttl_seconds: _Optional[int] = ...) -> None: ...

class PresignGetResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: SignedRequest
    def __init__(self, value: _Optional[_Union[SignedRequest, _Mapping]] = ...) -> None: ...

class PresignPutsRequest(_message.Message):
    __slots__ = ("puts", "signed_at", "ttl_seconds")
    PUTS_FIELD_NUMBER: _ClassVar[int]
    SIGNED_AT_FIELD_NUMBER: _ClassVar[int]
    TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    puts: _containers.RepeatedCompositeFieldContainer[PutSpec]
    signed_at: _timestamp_pb2.Timestamp
    ttl_seconds: int
    def __init__(self, puts: _Optional[_Iterable[_Union[PutSpec, _Mapping]]] = ..., signed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ttl_seconds: _Optional[int] = ...) -> None: ...

class PresignPutsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[SignedRequest]
    def __init__(self, value: _Optional[_Iterable[_Union[SignedRequest, _Mapping]]] = ...) -> None: ...

class PresignGetsRequest(_message.Message):
    __slots__ = ("gets", "ttl_seconds")
    GETS_FIELD_NUMBER: _ClassVar[int]
    TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    gets: _containers.RepeatedCompositeFieldContainer[GetSpec]
    ttl_seconds: int
    def __init__(self, gets: _Optional[_Iterable[_Union[GetSpec, _Mapping]]] = ..., ttl_seconds: _Optional[int] = ...) -> None: ...

class PresignGetsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[SignedRequest]
    def __init__(self, value: _Optional[_Iterable[_Union[SignedRequest, _Mapping]]] = ...) -> None: ...

class BeginMultipartRequest(_message.Message):
    __slots__ = ("put", "checksummed")
    PUT_FIELD_NUMBER: _ClassVar[int]
    CHECKSUMMED_FIELD_NUMBER: _ClassVar[int]
    put: PutSpec
    checksummed: bool
    def __init__(self, put: _Optional[_Union[PutSpec, _Mapping]] = ..., checksummed: _Optional[bool] = ...) -> None: ...

class BeginMultipartResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Multipart
    def __init__(self, value: _Optional[_Union[Multipart, _Mapping]] = ...) -> None: ...

class PresignPartsRequest(_message.Message):
    __slots__ = ("key", "multipart", "parts", "ttl_seconds")
    KEY_FIELD_NUMBER: _ClassVar[int]
    MULTIPART_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    key: str
    multipart: Multipart
    parts: _containers.RepeatedCompositeFieldContainer[PartSpec]
    ttl_seconds: int
    def __init__(self, key: _Optional[str] = ..., multipart: _Optional[_Union[Multipart, _Mapping]] = ..., parts: _Optional[_Iterable[_Union[PartSpec, _Mapping]]] = ..., ttl_seconds: _Optional[int] = ...) -> None: ...

class PresignPartsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[SignedRequest]
    def __init__(self, value: _Optional[_Iterable[_Union[SignedRequest, _Mapping]]] = ...) -> None: ...

class WritePartRequest(_message.Message):
    __slots__ = ("key", "multipart", "part", "body")
    KEY_FIELD_NUMBER: _ClassVar[int]
    MULTIPART_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    key: str
    multipart: Multipart
    part: PartSpec
    body: bytes
    def __init__(self, key: _Optional[str] = ..., multipart: _Optional[_Union[Multipart, _Mapping]] = ..., part: _Optional[_Union[PartSpec, _Mapping]] = ..., body: _Optional[bytes] = ...) -> None: ...

class WritePartResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WritePartialPartRequest(_message.Message):
    __slots__ = ("key", "number", "body")
    KEY_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    key: str
    number: int
    body: bytes
    def __init__(self, key: _Optional[str] = ..., number: _Optional[int] = ..., body: _Optional[bytes] = ...) -> None: ...

class WritePartialPartResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListPartialPartsRequest(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    def __init__(self, key: _Optional[str] = ...) -> None: ...

class ListPartialPartsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[PartialPart]
    def __init__(self, value: _Optional[_Iterable[_Union[PartialPart, _Mapping]]] = ...) -> None: ...

class ReadPartialPartRequest(_message.Message):
    __slots__ = ("key", "partial")
    KEY_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_FIELD_NUMBER: _ClassVar[int]
    key: str
    partial: PartialPart
    def __init__(self, key: _Optional[str] = ..., partial: _Optional[_Union[PartialPart, _Mapping]] = ...) -> None: ...

class ReadPartialPartResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: bytes
    def __init__(self, value: _Optional[bytes] = ...) -> None: ...

class DeletePartialPartsRequest(_message.Message):
    __slots__ = ("key", "number")
    KEY_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    key: str
    number: int
    def __init__(self, key: _Optional[str] = ..., number: _Optional[int] = ...) -> None: ...

class DeletePartialPartsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListPartsRequest(_message.Message):
    __slots__ = ("key", "multipart_id")
    KEY_FIELD_NUMBER: _ClassVar[int]
    MULTIPART_ID_FIELD_NUMBER: _ClassVar[int]
    key: str
    multipart_id: str
    def __init__(self, key: _Optional[str] = ..., multipart_id: _Optional[str] = ...) -> None: ...

class ListPartsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[StoredPart]
    def __init__(self, value: _Optional[_Iterable[_Union[StoredPart, _Mapping]]] = ...) -> None: ...

class MeasurePartsRequest(_message.Message):
    __slots__ = ("key", "multipart_id")
    KEY_FIELD_NUMBER: _ClassVar[int]
    MULTIPART_ID_FIELD_NUMBER: _ClassVar[int]
    key: str
    multipart_id: str
    def __init__(self, key: _Optional[str] = ..., multipart_id: _Optional[str] = ...) -> None: ...

class MeasurePartsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: int
    def __init__(self, value: _Optional[int] = ...) -> None: ...

class AssemblePartsRequest(_message.Message):
    __slots__ = ("key", "multipart_id", "sizes", "sha256")
    KEY_FIELD_NUMBER: _ClassVar[int]
    MULTIPART_ID_FIELD_NUMBER: _ClassVar[int]
    SIZES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    key: str
    multipart_id: str
    sizes: _containers.RepeatedScalarFieldContainer[int]
    sha256: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, key: _Optional[str] = ..., multipart_id: _Optional[str] = ..., sizes: _Optional[_Iterable[int]] = ..., sha256: _Optional[_Iterable[bytes]] = ...) -> None: ...

class AssemblePartsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: AssemblyResult
    def __init__(self, value: _Optional[_Union[AssemblyResult, _Mapping]] = ...) -> None: ...

class AbortMultipartRequest(_message.Message):
    __slots__ = ("key", "multipart_id")
    KEY_FIELD_NUMBER: _ClassVar[int]
    MULTIPART_ID_FIELD_NUMBER: _ClassVar[int]
    key: str
    multipart_id: str
    def __init__(self, key: _Optional[str] = ..., multipart_id: _Optional[str] = ...) -> None: ...

class AbortMultipartResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListMultipartsRequest(_message.Message):
    __slots__ = ("after", "limit")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    after: str
    limit: int
    def __init__(self, after: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ListMultipartsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: MultipartPage
    def __init__(self, value: _Optional[_Union[MultipartPage, _Mapping]] = ...) -> None: ...

class StatObjectsRequest(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, keys: _Optional[_Iterable[str]] = ...) -> None: ...

class StatObjectsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[ObjectInfo]
    def __init__(self, value: _Optional[_Iterable[_Union[ObjectInfo, _Mapping]]] = ...) -> None: ...

class StatStagedRequest(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, keys: _Optional[_Iterable[str]] = ...) -> None: ...

class StatStagedResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[ObjectInfo]
    def __init__(self, value: _Optional[_Iterable[_Union[ObjectInfo, _Mapping]]] = ...) -> None: ...

class CopyObjectsRequest(_message.Message):
    __slots__ = ("copies",)
    COPIES_FIELD_NUMBER: _ClassVar[int]
    copies: _containers.RepeatedCompositeFieldContainer[ObjectCopy]
    def __init__(self, copies: _Optional[_Iterable[_Union[ObjectCopy, _Mapping]]] = ...) -> None: ...

class CopyObjectsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[CopyResult]
    def __init__(self, value: _Optional[_Iterable[_Union[CopyResult, _Mapping]]] = ...) -> None: ...

class PromoteRequest(_message.Message):
    __slots__ = ("staged",)
    STAGED_FIELD_NUMBER: _ClassVar[int]
    staged: _containers.RepeatedCompositeFieldContainer[StagedObject]
    def __init__(self, staged: _Optional[_Iterable[_Union[StagedObject, _Mapping]]] = ...) -> None: ...

class PromoteResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[ObjectInfo]
    def __init__(self, value: _Optional[_Iterable[_Union[ObjectInfo, _Mapping]]] = ...) -> None: ...

class CleanStagingRequest(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, keys: _Optional[_Iterable[str]] = ...) -> None: ...

class CleanStagingResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeleteObjectsRequest(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, keys: _Optional[_Iterable[str]] = ...) -> None: ...

class DeleteObjectsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[DeletionResult]
    def __init__(self, value: _Optional[_Iterable[_Union[DeletionResult, _Mapping]]] = ...) -> None: ...

class ReadObjectRequest(_message.Message):
    __slots__ = ("key", "offset", "length")
    KEY_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    key: str
    offset: int
    length: int
    def __init__(self, key: _Optional[str] = ..., offset: _Optional[int] = ..., length: _Optional[int] = ...) -> None: ...

class ReadObjectResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: bytes
    def __init__(self, value: _Optional[bytes] = ...) -> None: ...

class ListObjectsRequest(_message.Message):
    __slots__ = ("after", "limit")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    after: str
    limit: int
    def __init__(self, after: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ListObjectsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: ObjectPage
    def __init__(self, value: _Optional[_Union[ObjectPage, _Mapping]] = ...) -> None: ...

class QuarantineObjectRequest(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    def __init__(self, key: _Optional[str] = ...) -> None: ...

class QuarantineObjectResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: bool
    def __init__(self, value: _Optional[bool] = ...) -> None: ...

class GetCapabilitiesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCapabilitiesResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Capabilities
    def __init__(self, value: _Optional[_Union[Capabilities, _Mapping]] = ...) -> None: ...

class HealthRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HealthResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Health]
    def __init__(self, value: _Optional[_Iterable[_Union[Health, _Mapping]]] = ...) -> None: ...

class ThumbnailImage(_message.Message):
    __slots__ = ("size", "body")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    size: int
    body: bytes
    def __init__(self, size: _Optional[int] = ..., body: _Optional[bytes] = ...) -> None: ...

class WriteThumbnailsRequest(_message.Message):
    __slots__ = ("key", "images")
    KEY_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    key: str
    images: _containers.RepeatedCompositeFieldContainer[ThumbnailImage]
    def __init__(self, key: _Optional[str] = ..., images: _Optional[_Iterable[_Union[ThumbnailImage, _Mapping]]] = ...) -> None: ...

class WriteThumbnailsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeleteThumbnailsRequest(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, keys: _Optional[_Iterable[str]] = ...) -> None: ...

class DeleteThumbnailsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[DeletionResult]
    def __init__(self, value: _Optional[_Iterable[_Union[DeletionResult, _Mapping]]] = ...) -> None: ...
