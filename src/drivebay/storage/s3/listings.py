"""Read the pages of lists in S3: objects, parts, and unfinished multipart uploads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeVar
from urllib.parse import unquote_plus

from ...contract.storage import MultipartPage, ObjectInfo, ObjectPage, Presence, StoredPart, UnfinishedMultipart
from ...errors import Unavailable
from .s3_client import S3Response
from .xml_documents import Element, children, fields

T = TypeVar("T")

_MARKER_SEPARATOR: Final = "\n"
"""The separator of the two markers of a position in the list of multipart uploads. Keys and ids have no line breaks."""
_NO_DATE: Final = datetime.min.replace(tzinfo=UTC)


class StoredCopy(NamedTuple):
    """The bytes of a part from one request. If a part was sent more than once, SeaweedFS keeps and lists all copies."""

    modified_at: datetime
    part: StoredPart


class PartPage(NamedTuple):
    """One page of a list of parts. `after` continues the list, and is None at its end."""

    copies: tuple[StoredCopy, ...]
    after: int | None


def object_page(response: S3Response) -> ObjectPage:
    """Read a response to ListObjectsV2. Raises Unavailable if it is incomplete."""
    root = response.document("ListBucketResult")
    attributes = fields(root)
    url_encoded = attributes.get("EncodingType") == "url"
    objects = _read(children(root, "Contents"), lambda entry: _object(fields(entry), url_encoded))
    if attributes.get("IsTruncated") != "true":
        return ObjectPage(objects, None)
    if not objects:  # guard: listing-truncated
        raise Unavailable("the store's listing is truncated and has no objects")
    return ObjectPage(objects, objects[-1].key)


def _object(entry: dict[str, str], url_encoded: bool) -> ObjectInfo:
    return ObjectInfo(
        unquote_plus(entry["Key"]) if url_encoded else entry["Key"],
        Presence.FOUND,
        size=int(entry["Size"]),
        etag=entry.get("ETag", "").strip('"'),
        modified_at=datetime.fromisoformat(entry["LastModified"]) if "LastModified" in entry else None,
    )


def part_page(response: S3Response) -> PartPage:
    """Read a response to ListParts. Raises Unavailable if it is incomplete."""
    root = response.document("ListPartsResult")
    attributes = fields(root)
    copies = _read(children(root, "Part"), lambda entry: _part(fields(entry)))
    marker = attributes.get("NextPartNumberMarker", "") if attributes.get("IsTruncated") == "true" else ""
    return PartPage(copies, int(marker) if marker.isdecimal() else None)


def _part(entry: dict[str, str]) -> StoredCopy:
    part = StoredPart(int(entry["PartNumber"]), int(entry["Size"]), entry["ETag"].strip('"'))
    return StoredCopy(datetime.fromisoformat(entry["LastModified"]) if "LastModified" in entry else _NO_DATE, part)


def latest_parts(copies: Iterable[StoredCopy]) -> tuple[StoredPart, ...]:
    """Return the latest copy of each part, by number.

    If two different copies of a part have the same time, the part is left out, because the store might use either.
    """
    by_number: defaultdict[int, list[StoredCopy]] = defaultdict(list)
    for copy in copies:
        by_number[copy.part.number].append(copy)
    parts: list[StoredPart] = []
    for number in sorted(by_number):
        latest = max(copy.modified_at for copy in by_number[number])
        # guard: part-latest-version
        candidates = {copy.part.etag: copy.part for copy in by_number[number] if copy.modified_at == latest}
        if len(candidates) == 1:  # guard: part-ambiguous-version
            parts += candidates.values()
    return tuple(parts)


def multipart_page(response: S3Response, after: str) -> MultipartPage:
    """Read a response to ListMultipartUploads for the position `after`. Raises Unavailable if it is incomplete."""
    root = response.document("ListMultipartUploadsResult")
    attributes = fields(root)
    items = _read(children(root, "Upload"), lambda entry: _multipart(fields(entry)))
    if attributes.get("IsTruncated") != "true" or not items:
        return MultipartPage(items, None)
    # Use the markers of the store unchanged. SeaweedFS continues after the upload id alone, and skips uploads if the
    # key is not the key that it sent.
    markers = [attributes.get(name, "") for name in ("NextKeyMarker", "NextUploadIdMarker")]
    if not any(markers):
        raise Unavailable("the store's listing of multipart uploads is truncated and has no marker")
    position = _MARKER_SEPARATOR.join(markers)
    return MultipartPage(items, None if position == after else position)


def multipart_markers(after: str) -> dict[str, str]:
    """Return the query parameters that continue a listing of multipart uploads after a position."""
    key, _, upload = after.partition(_MARKER_SEPARATOR)
    markers = {"key-marker": key, "upload-id-marker": upload}
    return {name: value for name, value in markers.items() if value}


def _multipart(entry: dict[str, str]) -> UnfinishedMultipart:
    return UnfinishedMultipart(entry["Key"], entry["UploadId"], datetime.fromisoformat(entry["Initiated"]))


def _read(entries: Iterable[Element], read: Callable[[Element], T]) -> tuple[T, ...]:
    try:
        return tuple([read(entry) for entry in entries])
    except (KeyError, ValueError) as error:
        raise Unavailable(f"the store's listing has an entry that is not valid: {error}") from None
