"""Refuse keys, part numbers, sizes and ids that a store would not accept, before a request is sent.

Every function raises InvalidRequest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from ..contract.storage import (
    PARTIAL_PARTS_PREFIX,
    PROMOTED_KEY_SEPARATOR,
    Multipart,
    ObjectCopy,
    PartSpec,
    PutSpec,
    StagedObject,
)
from ..errors import InvalidRequest

MAX_KEYS: Final = 1000
"""The maximum number of keys in one call."""
MAX_SIGNED: Final = 100
"""The maximum number of requests that one call signs."""
MAX_COPIES: Final = 100
"""The maximum number of copies that one call makes."""
MAX_PARTS: Final = 10_000
"""The highest part number of S3."""
MAX_BODY: Final = 15 * 2**20
"""The maximum number of bytes in one call, because of the size limit of a message between services."""
_MAX_PART_SIZE: Final = 5 * 2**30
"""The maximum number of bytes of a part in S3."""
_MAX_KEY_BYTES: Final = 1024
_MAX_PARTIAL_PART_NAME: Final = 14
"""The maximum length of the name of a partial part: a part number of 5 digits, a hyphen, and a size of 8 digits."""
# Characters that XML cannot contain or would change (XML 1.0, section 2.2), and lone surrogates.
_FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_DOT_SEGMENTS: Final = frozenset({".", ".."})
_ETAG: Final = re.compile("[!#-~]{1,256}")
_MULTIPART_ID: Final = re.compile("[!-~]{1,1024}")
_METADATA_NAME: Final = re.compile("[a-z0-9-]{1,64}")


def check_key(key: str) -> None:
    """Check that every store accepts this key unchanged.

    An empty key would mean the bucket itself. HTTP clients remove the segments '.' and '..'. A key with characters that
    XML cannot contain would make a whole batch fail.
    """
    if (
        not key
        or _FORBIDDEN.search(key)
        or len(key if key.isascii() else key.encode()) > _MAX_KEY_BYTES
        or ("." in key and not _DOT_SEGMENTS.isdisjoint(key.split("/")))
    ):
        raise InvalidRequest(
            f"a key must have 1 to {_MAX_KEY_BYTES} bytes, no control characters, and no segment '.' or '..'"
        )


def check_range(offset: int, length: int) -> None:
    if not 0 <= offset < 2**63 or not 1 <= length <= MAX_BODY:
        raise InvalidRequest(f"offset must be 0 or more, and length 1 to {MAX_BODY} bytes")


def check_keys(keys: tuple[str, ...]) -> None:
    if len(keys) > MAX_KEYS:
        raise InvalidRequest(f"a call accepts at most {MAX_KEYS} keys")
    for key in keys:
        check_key(key)


def check_single_put(put: PutSpec) -> None:
    """Check an upload in one request, which also needs a valid size and checksum."""
    if put.size < 0 or (put.sha256 is not None and len(put.sha256) != 32):
        raise InvalidRequest("size must not be negative, and sha256 must have 32 bytes")
    check_put(put)


def check_put(put: PutSpec) -> None:
    if PROMOTED_KEY_SEPARATOR in put.key:
        raise InvalidRequest(f"the key of an upload must not contain {PROMOTED_KEY_SEPARATOR}")
    if not all(_METADATA_NAME.fullmatch(name) for name in put.metadata):
        raise InvalidRequest("a metadata name must have 1 to 64 lower-case letters, digits and hyphens")
    check_key(put.key)


def check_signed_count(items: Sequence[object]) -> None:
    if len(items) > MAX_SIGNED:
        raise InvalidRequest(f"a call signs at most {MAX_SIGNED} requests")


def check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_KEYS:
        raise InvalidRequest(f"limit must be 1 to {MAX_KEYS}")


def check_position(after: str | None) -> None:
    """Check a position in a list. It may have a line break between two markers."""
    if after and _FORBIDDEN.search(after.replace("\n", "")):
        raise InvalidRequest("after must be the position that the previous page returned")


def check_key_position(after: str | None) -> None:
    """Check the key after which a list of objects continues."""
    if after and _FORBIDDEN.search(after):
        raise InvalidRequest("after must be the key that the previous page returned")


def check_copies(copies: tuple[ObjectCopy, ...]) -> None:
    if len(copies) > MAX_COPIES:
        raise InvalidRequest(f"a call copies at most {MAX_COPIES} objects")
    for copy in copies:
        check_key(copy.source)
        check_single_put(copy.put)
        _check_etag(copy.etag)
        if copy.source == copy.put.key:
            raise InvalidRequest("an object cannot be copied to its own key")
    if len({copy.put.key for copy in copies}) != len(copies):
        raise InvalidRequest("a call makes one copy with each key")


def check_staged(staged: tuple[StagedObject, ...]) -> None:
    check_keys(tuple(staged_object.key for staged_object in staged))
    for staged_object in staged:
        _check_etag(staged_object.etag)


def _check_etag(etag: str) -> None:
    if not _ETAG.fullmatch(etag):
        raise InvalidRequest("an ETag must have 1 to 256 printable characters and no quotes")


def check_multipart_id(id: str) -> None:
    if not _MULTIPART_ID.fullmatch(id):
        raise InvalidRequest("a multipart id must have 1 to 1024 printable characters")


def check_parts(parts: tuple[PartSpec, ...], multipart: Multipart) -> None:
    if not 1 <= len(parts) <= MAX_SIGNED:
        raise InvalidRequest(f"a call accepts 1 to {MAX_SIGNED} parts")
    for part in parts:
        check_part_number(part.number)
        if not 0 <= part.size <= _MAX_PART_SIZE:
            raise InvalidRequest(f"a part must have 0 to {_MAX_PART_SIZE} bytes")
        if (part.sha256 is not None) != multipart.checksummed or (part.sha256 is not None and len(part.sha256) != 32):
            raise InvalidRequest("sha256 must have 32 bytes, for every part or for none")


def check_part_number(number: int) -> None:
    if not 1 <= number <= MAX_PARTS:
        raise InvalidRequest(f"a part number must be 1 to {MAX_PARTS}")


def check_body_size(size: int, minimum: int) -> None:
    if not minimum <= size <= MAX_BODY:
        raise InvalidRequest(f"a call accepts {minimum} to {MAX_BODY} bytes")


def check_partial_part_key(key: str) -> None:
    """Check the key of an upload that may have partial parts: the keys of its partial parts are longer, and must be
    valid too."""
    check_key(key)
    check_key(f"{PARTIAL_PARTS_PREFIX}{key}/{'0' * _MAX_PARTIAL_PART_NAME}")
