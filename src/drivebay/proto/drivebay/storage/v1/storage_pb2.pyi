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

class Assembly(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ASSEMBLY_UNSPECIFIED: _ClassVar[Assembly]
    ASSEMBLY_DONE: _ClassVar[Assembly]
    ASSEMBLY_MISSING: _ClassVar[Assembly]
    ASSEMBLY_UNKNOWN: _ClassVar[Assembly]
DISPOSITION_UNSPECIFIED: Disposition
DISPOSITION_ATTACHMENT: Disposition
DISPOSITION_INLINE: Disposition
PRESENCE_UNSPECIFIED: Presence
PRESENCE_FOUND: Presence
PRESENCE_ABSENT: Presence
PRESENCE_UNKNOWN: Presence
ASSEMBLY_UNSPECIFIED: Assembly
ASSEMBLY_DONE: Assembly
ASSEMBLY_MISSING: Assembly
ASSEMBLY_UNKNOWN: Assembly

class Put(_message.Message):
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

class Get(_message.Message):
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
    __slots__ = ("method", "url", "headers", "expires_at")
    class HeadersEntry(_message.Message):
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
    method: str
    url: str
    headers: _containers.ScalarMap[str, str]
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, method: _Optional[str] = ..., url: _Optional[str] = ..., headers: _Optional[_Mapping[str, str]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Object(_message.Message):
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

class Arrival(_message.Message):
    __slots__ = ("key", "etag", "size")
    KEY_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    key: str
    etag: str
    size: int
    def __init__(self, key: _Optional[str] = ..., etag: _Optional[str] = ..., size: _Optional[int] = ...) -> None: ...

class Multipart(_message.Message):
    __slots__ = ("id", "checked")
    ID_FIELD_NUMBER: _ClassVar[int]
    CHECKED_FIELD_NUMBER: _ClassVar[int]
    id: str
    checked: bool
    def __init__(self, id: _Optional[str] = ..., checked: _Optional[bool] = ...) -> None: ...

class PartPut(_message.Message):
    __slots__ = ("number", "size", "sha256")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    number: int
    size: int
    sha256: bytes
    def __init__(self, number: _Optional[int] = ..., size: _Optional[int] = ..., sha256: _Optional[bytes] = ...) -> None: ...

class Tail(_message.Message):
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

class Assembled(_message.Message):
    __slots__ = ("assembly", "missing")
    ASSEMBLY_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    assembly: Assembly
    missing: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, assembly: _Optional[_Union[Assembly, str]] = ..., missing: _Optional[_Iterable[int]] = ...) -> None: ...

class Unfinished(_message.Message):
    __slots__ = ("key", "multipart", "begun_at")
    KEY_FIELD_NUMBER: _ClassVar[int]
    MULTIPART_FIELD_NUMBER: _ClassVar[int]
    BEGUN_AT_FIELD_NUMBER: _ClassVar[int]
    key: str
    multipart: str
    begun_at: _timestamp_pb2.Timestamp
    def __init__(self, key: _Optional[str] = ..., multipart: _Optional[str] = ..., begun_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class UnfinishedPage(_message.Message):
    __slots__ = ("items", "after")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Unfinished]
    after: str
    def __init__(self, items: _Optional[_Iterable[_Union[Unfinished, _Mapping]]] = ..., after: _Optional[str] = ...) -> None: ...

class Deletion(_message.Message):
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
    objects: _containers.RepeatedCompositeFieldContainer[Object]
    after: str
    def __init__(self, objects: _Optional[_Iterable[_Union[Object, _Mapping]]] = ..., after: _Optional[str] = ...) -> None: ...

class Capabilities(_message.Message):
    __slots__ = ("signed_length", "signed_type", "checksum", "write_once", "checksum_told", "complete_once", "copy_condition", "batch_delete", "closed", "cors", "event_rules", "versioned", "clock")
    SIGNED_LENGTH_FIELD_NUMBER: _ClassVar[int]
    SIGNED_TYPE_FIELD_NUMBER: _ClassVar[int]
    CHECKSUM_FIELD_NUMBER: _ClassVar[int]
    WRITE_ONCE_FIELD_NUMBER: _ClassVar[int]
    CHECKSUM_TOLD_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_ONCE_FIELD_NUMBER: _ClassVar[int]
    COPY_CONDITION_FIELD_NUMBER: _ClassVar[int]
    BATCH_DELETE_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    CORS_FIELD_NUMBER: _ClassVar[int]
    EVENT_RULES_FIELD_NUMBER: _ClassVar[int]
    VERSIONED_FIELD_NUMBER: _ClassVar[int]
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    signed_length: bool
    signed_type: bool
    checksum: bool
    write_once: bool
    checksum_told: bool
    complete_once: bool
    copy_condition: bool
    batch_delete: bool
    closed: bool
    cors: bool
    event_rules: bool
    versioned: bool
    clock: int
    def __init__(self, signed_length: _Optional[bool] = ..., signed_type: _Optional[bool] = ..., checksum: _Optional[bool] = ..., write_once: _Optional[bool] = ..., checksum_told: _Optional[bool] = ..., complete_once: _Optional[bool] = ..., copy_condition: _Optional[bool] = ..., batch_delete: _Optional[bool] = ..., closed: _Optional[bool] = ..., cors: _Optional[bool] = ..., event_rules: _Optional[bool] = ..., versioned: _Optional[bool] = ..., clock: _Optional[int] = ...) -> None: ...

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
    __slots__ = ("put", "signed_at", "seconds")
    PUT_FIELD_NUMBER: _ClassVar[int]
    SIGNED_AT_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    put: Put
    signed_at: _timestamp_pb2.Timestamp
    seconds: int
    def __init__(self, put: _Optional[_Union[Put, _Mapping]] = ..., signed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., seconds: _Optional[int] = ...) -> None: ...

class PresignPutResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: SignedRequest
    def __init__(self, value: _Optional[_Union[SignedRequest, _Mapping]] = ...) -> None: ...

class PresignGetRequest(_message.Message):
    __slots__ = ("key", "name", "content_type", "disposition", "seconds")
    KEY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    DISPOSITION_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    key: str
    name: str
    content_type: str
    disposition: Disposition
    seconds: int
    def __init__(self, key: _Optional[str] = ..., name: _Optional[str] = ..., content_type: _Optional[str] = ..., disposition: _Optional[_Union[Disposition, str]] = ..., seconds: _Optional[int] = ...) -> None: ...

class PresignGetResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: SignedRequest
    def __init__(self, value: _Optional[_Union[SignedRequest, _Mapping]] = ...) -> None: ...

class PresignPutsRequest(_message.Message):
    __slots__ = ("puts", "signed_at", "seconds")
    PUTS_FIELD_NUMBER: _ClassVar[int]
    SIGNED_AT_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    puts: _containers.RepeatedCompositeFieldContainer[Put]
    signed_at: _timestamp_pb2.Timestamp
    seconds: int
    def __init__(self, puts: _Optional[_Iterable[_Union[Put, _Mapping]]] = ..., signed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., seconds: _Optional[int] = ...) -> None: ...

class PresignPutsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[SignedRequest]
    def __init__(self, value: _Optional[_Iterable[_Union[SignedRequest, _Mapping]]] = ...) -> None: ...

class PresignGetsRequest(_message.Message):
    __slots__ = ("gets", "seconds")
    GETS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    gets: _containers.RepeatedCompositeFieldContainer[Get]
    seconds: int
    def __init__(self, gets: _Optional[_Iterable[_Union[Get, _Mapping]]] = ..., seconds: _Optional[int] = ...) -> None: ...

class PresignGetsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[SignedRequest]
    def __init__(self, value: _Optional[_Iterable[_Union[SignedRequest, _Mapping]]] = ...) -> None: ...

class BeginPartsRequest(_message.Message):
    __slots__ = ("put", "checked")
    PUT_FIELD_NUMBER: _ClassVar[int]
    CHECKED_FIELD_NUMBER: _ClassVar[int]
    put: Put
    checked: bool
    def __init__(self, put: _Optional[_Union[Put, _Mapping]] = ..., checked: _Optional[bool] = ...) -> None: ...

class BeginPartsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Multipart
    def __init__(self, value: _Optional[_Union[Multipart, _Mapping]] = ...) -> None: ...

class PresignPartsRequest(_message.Message):
    __slots__ = ("key", "multipart", "parts", "seconds")
    KEY_FIELD_NUMBER: _ClassVar[int]
    MULTIPART_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    key: str
    multipart: Multipart
    parts: _containers.RepeatedCompositeFieldContainer[PartPut]
    seconds: int
    def __init__(self, key: _Optional[str] = ..., multipart: _Optional[_Union[Multipart, _Mapping]] = ..., parts: _Optional[_Iterable[_Union[PartPut, _Mapping]]] = ..., seconds: _Optional[int] = ...) -> None: ...

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
    part: PartPut
    body: bytes
    def __init__(self, key: _Optional[str] = ..., multipart: _Optional[_Union[Multipart, _Mapping]] = ..., part: _Optional[_Union[PartPut, _Mapping]] = ..., body: _Optional[bytes] = ...) -> None: ...

class WritePartResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WriteTailRequest(_message.Message):
    __slots__ = ("key", "number", "body")
    KEY_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    key: str
    number: int
    body: bytes
    def __init__(self, key: _Optional[str] = ..., number: _Optional[int] = ..., body: _Optional[bytes] = ...) -> None: ...

class WriteTailResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TailsRequest(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    def __init__(self, key: _Optional[str] = ...) -> None: ...

class TailsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Tail]
    def __init__(self, value: _Optional[_Iterable[_Union[Tail, _Mapping]]] = ...) -> None: ...

class TailRequest(_message.Message):
    __slots__ = ("key", "tail")
    KEY_FIELD_NUMBER: _ClassVar[int]
    TAIL_FIELD_NUMBER: _ClassVar[int]
    key: str
    tail: Tail
    def __init__(self, key: _Optional[str] = ..., tail: _Optional[_Union[Tail, _Mapping]] = ...) -> None: ...

class TailResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: bytes
    def __init__(self, value: _Optional[bytes] = ...) -> None: ...

class DeleteTailsRequest(_message.Message):
    __slots__ = ("key", "number")
    KEY_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    key: str
    number: int
    def __init__(self, key: _Optional[str] = ..., number: _Optional[int] = ...) -> None: ...

class DeleteTailsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PartsRequest(_message.Message):
    __slots__ = ("key", "multipart")
    KEY_FIELD_NUMBER: _ClassVar[int]
    MULTIPART_FIELD_NUMBER: _ClassVar[int]
    key: str
    multipart: str
    def __init__(self, key: _Optional[str] = ..., multipart: _Optional[str] = ...) -> None: ...

class PartsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[StoredPart]
    def __init__(self, value: _Optional[_Iterable[_Union[StoredPart, _Mapping]]] = ...) -> None: ...

class AssembleRequest(_message.Message):
    __slots__ = ("key", "multipart", "sizes", "sha256")
    KEY_FIELD_NUMBER: _ClassVar[int]
    MULTIPART_FIELD_NUMBER: _ClassVar[int]
    SIZES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    key: str
    multipart: str
    sizes: _containers.RepeatedScalarFieldContainer[int]
    sha256: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, key: _Optional[str] = ..., multipart: _Optional[str] = ..., sizes: _Optional[_Iterable[int]] = ..., sha256: _Optional[_Iterable[bytes]] = ...) -> None: ...

class AssembleResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Assembled
    def __init__(self, value: _Optional[_Union[Assembled, _Mapping]] = ...) -> None: ...

class AbortPartsRequest(_message.Message):
    __slots__ = ("key", "multipart")
    KEY_FIELD_NUMBER: _ClassVar[int]
    MULTIPART_FIELD_NUMBER: _ClassVar[int]
    key: str
    multipart: str
    def __init__(self, key: _Optional[str] = ..., multipart: _Optional[str] = ...) -> None: ...

class AbortPartsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class UnfinishedRequest(_message.Message):
    __slots__ = ("after", "limit")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    after: str
    limit: int
    def __init__(self, after: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class UnfinishedResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: UnfinishedPage
    def __init__(self, value: _Optional[_Union[UnfinishedPage, _Mapping]] = ...) -> None: ...

class LookUpRequest(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, keys: _Optional[_Iterable[str]] = ...) -> None: ...

class LookUpResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Object]
    def __init__(self, value: _Optional[_Iterable[_Union[Object, _Mapping]]] = ...) -> None: ...

class ArrivedRequest(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, keys: _Optional[_Iterable[str]] = ...) -> None: ...

class ArrivedResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Object]
    def __init__(self, value: _Optional[_Iterable[_Union[Object, _Mapping]]] = ...) -> None: ...

class AcceptRequest(_message.Message):
    __slots__ = ("arrived",)
    ARRIVED_FIELD_NUMBER: _ClassVar[int]
    arrived: _containers.RepeatedCompositeFieldContainer[Arrival]
    def __init__(self, arrived: _Optional[_Iterable[_Union[Arrival, _Mapping]]] = ...) -> None: ...

class AcceptResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Object]
    def __init__(self, value: _Optional[_Iterable[_Union[Object, _Mapping]]] = ...) -> None: ...

class DiscardRequest(_message.Message):
    __slots__ = ("accepted",)
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    accepted: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, accepted: _Optional[_Iterable[str]] = ...) -> None: ...

class DiscardResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeleteRequest(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, keys: _Optional[_Iterable[str]] = ...) -> None: ...

class DeleteResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Deletion]
    def __init__(self, value: _Optional[_Iterable[_Union[Deletion, _Mapping]]] = ...) -> None: ...

class PageRequest(_message.Message):
    __slots__ = ("after", "limit")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    after: str
    limit: int
    def __init__(self, after: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class PageResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: ObjectPage
    def __init__(self, value: _Optional[_Union[ObjectPage, _Mapping]] = ...) -> None: ...

class QuarantineRequest(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    def __init__(self, key: _Optional[str] = ...) -> None: ...

class QuarantineResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: bool
    def __init__(self, value: _Optional[bool] = ...) -> None: ...

class CapabilitiesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CapabilitiesResponse(_message.Message):
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
