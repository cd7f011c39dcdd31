"""HTTP headers of uploads: content type, sealed metadata, checksum, and the condition that the object is new."""

from __future__ import annotations

import base64
from typing import Final

from ..contract.storage import PutSpec
from ..errors import InvalidRequest
from .media_types import media_type
from .sealed_metadata import METADATA_HEADER, MetadataSeal

CONTENT_TYPE: Final = "Content-Type"
CONTENT_LENGTH: Final = "Content-Length"
IF_NONE_MATCH: Final = "If-None-Match"
CHECKSUM: Final = "x-amz-checksum-sha256"
BINARY_TYPE: Final = "application/octet-stream"


def upload_headers(
    put: PutSpec, seal: MetadataSeal | None, unsupported: frozenset[str], *, single_request: bool = True
) -> dict[str, str]:
    """Return the headers of an upload. The client must send all of them, and all of them are signed.

    The metadata is sealed, or left out if there is no `seal`. `unsupported` are headers that the store does not accept.
    A multipart upload (`single_request` is False) has no condition, and no checksum of the whole object. Raises
    InvalidRequest if the content type is not a media type.
    """
    content_type = media_type(put.content_type)
    if content_type is None:
        raise InvalidRequest("content_type must be a media type, for example text/plain")
    # The metadata is sealed, because a store shows it to everybody who can download the object.
    metadata = seal.seal(put.key, put.metadata) if seal and put.metadata else None  # guard: metadata-sealed
    if not single_request:
        return signed_put_headers(content_type, None, metadata, unsupported | {IF_NONE_MATCH})
    return signed_put_headers(content_type, put.sha256, metadata, unsupported)


def signed_put_headers(
    content_type: str, sha256: bytes | None, metadata: str | None, unsupported: frozenset[str]
) -> dict[str, str]:
    """Return the headers of a PUT for values that need no encoding."""
    headers = {CONTENT_TYPE: content_type, IF_NONE_MATCH: "*"}  # guard: put-once, put-content-type
    if sha256 is not None:
        headers[CHECKSUM] = base64.b64encode(sha256).decode()  # guard: put-checksum
    if metadata is not None:
        headers[METADATA_HEADER] = metadata
    for name in unsupported:
        headers.pop(name, None)
    return headers
