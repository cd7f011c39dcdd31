"""Operations on objects: look-up, listing, reading, writing, copying, deletion."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from ...contract.storage import DeletionResult, ObjectInfo, ObjectPage, Presence
from ...errors import Unavailable
from . import listings
from .s3_client import BINARY_BODY, BODY_TIMEOUT, S3Call, S3Client, parse_http_date, xml_headers
from .xml_documents import build, children, fields, serialize

_OBJECT_ABSENT: Final = ("NoSuchKey", "NotFound")


class ObjectOperations:
    """Implements the calls of `storage.bucket.Bucket` about objects. `copy_timeout` is in seconds."""

    def __init__(self, client: S3Client, copy_timeout: float) -> None:
        self._client = client
        self._copy_timeout = copy_timeout

    async def head_object(self, key: str) -> ObjectInfo:
        response = await self._client.call(
            S3Call("head_object", "HEAD", key, headers={"x-amz-checksum-mode": "ENABLED"})
        )
        if response.status == 404:  # guard: absent-status
            return ObjectInfo(key, Presence.ABSENT)
        if response.status != 200:
            raise response.unexpected_error("HeadObject")
        headers = response.headers
        if "Content-Length" not in headers:  # guard: object-without-size
            # A default of 0 would reject a valid upload.
            raise Unavailable("the store did not send the size of an object")
        return ObjectInfo(
            key,
            Presence.FOUND,
            size=int(headers["Content-Length"]),
            etag=headers.get("ETag", "").strip('"'),
            content_type=headers.get("Content-Type"),
            sha256=_sha256(headers.get("x-amz-checksum-sha256", "")),
            modified_at=parse_http_date(headers.get("Last-Modified", "")),
        )

    async def list_objects(self, prefix: str, after: str, limit: int) -> ObjectPage:
        query = {"list-type": "2", "max-keys": str(limit), "encoding-type": "url"}
        if prefix:
            query["prefix"] = prefix
        if after:
            query["start-after"] = after
        response = await self._client.call(S3Call("list_objects", "GET", query=query))
        if response.status != 200:
            raise response.unexpected_error("ListObjectsV2")
        return listings.object_page(response)

    async def put_object(self, key: str, body: bytes, sha256: bytes) -> None:
        response = await self._client.call(
            S3Call("put_object", "PUT", key, headers=BINARY_BODY, body=body, sha256=sha256, timeout=BODY_TIMEOUT)
        )
        if response.status != 200:
            raise response.unexpected_error("PutObject")

    async def put_object_with_headers(self, key: str, body: bytes, sha256: bytes, headers: Mapping[str, str]) -> None:
        """Write an object with the headers of `read_headers`. The store keeps the SHA-256 for later look-ups."""
        checksum = {"x-amz-checksum-sha256": base64.b64encode(sha256).decode()}
        all_headers = {**BINARY_BODY, **headers, **checksum}
        response = await self._client.call(
            S3Call("put_object", "PUT", key, headers=all_headers, body=body, sha256=sha256, timeout=BODY_TIMEOUT)
        )
        if response.status != 200:
            raise response.unexpected_error("PutObject")

    async def read_headers(self, key: str) -> dict[str, str]:
        """Return the content type and the metadata of an object as headers. Return no headers if it does not exist."""
        response = await self._client.call(S3Call("head_object", "HEAD", key))
        if response.status == 404:
            return {}
        if response.status != 200:
            raise response.unexpected_error("HeadObject")
        headers = {name.lower(): value for name, value in response.headers.items()}
        metadata = {name: value for name, value in headers.items() if name.startswith("x-amz-meta-")}
        return {**({"Content-Type": headers["content-type"]} if "content-type" in headers else {}), **metadata}

    async def get_object(self, key: str) -> bytes | None:
        response = await self._client.call(S3Call("get_object", "GET", key, timeout=BODY_TIMEOUT))
        if response.status == 404 and response.error_code != "NoSuchBucket":
            return None
        if response.status != 200:
            raise response.unexpected_error("GetObject")
        return response.body

    async def read_range(self, key: str, start: int, length: int) -> bytes | None:
        """Return `length` bytes (at least 1) of an object from `start` on, or None if it does not have these bytes."""
        headers = {"Range": f"bytes={start}-{start + length - 1}"}
        response = await self._client.call(S3Call("get_object", "GET", key, headers=headers, timeout=BODY_TIMEOUT))
        if response.status == 416 or (response.status == 404 and response.error_code != "NoSuchBucket"):
            return None
        if response.status != 206:
            raise response.unexpected_error("GetObject")
        return response.body if len(response.body) == length else None

    async def copy_object(
        self, source: str, target: str, etag: str | None = None, headers: Mapping[str, str] | None = None
    ) -> bool:
        sent = self._client.copy_source(source, etag)
        if headers is not None:
            sent |= {**headers, "x-amz-metadata-directive": "REPLACE"}  # guard: copy-own-metadata
        response = await self._client.call(
            S3Call("copy_object", "PUT", target, headers=sent, timeout=self._copy_timeout)
        )
        if response.status == 412 or (response.status == 404 and response.error_code != "NoSuchBucket"):
            return False
        if not response.succeeded:
            raise response.unexpected_error("CopyObject")
        return True

    async def delete_objects(self, keys: tuple[str, ...]) -> tuple[DeletionResult, ...]:
        objects = (build("Object", build("Key", key)) for key in keys)
        body = serialize(build("Delete", build("Quiet", "true"), *objects))
        response = await self._client.call(
            S3Call("delete_objects", "POST", query={"delete": ""}, headers=xml_headers(body), body=body)
        )
        if response.status != 200:
            raise response.unexpected_error("DeleteObjects")
        errors: dict[str, str] = {}
        for error in children(response.document("DeleteResult"), "Error"):
            entry = fields(error)
            code = entry.get("Code", "unknown")
            if "Key" not in entry:
                raise Unavailable(f"the store did not delete an object and did not name it: {code}")
            if code not in _OBJECT_ABSENT:
                errors[entry["Key"]] = code
        return tuple(DeletionResult(key, errors.get(key)) for key in keys)  # guard: deletion-errors

    async def delete_object(self, key: str) -> None:
        response = await self._client.call(S3Call("delete_object", "DELETE", key))
        if response.status >= 300 and response.error_code not in _OBJECT_ABSENT:
            raise response.unexpected_error("DeleteObject")


def _sha256(text: str) -> bytes | None:
    """Return the checksum of a whole object, or None for a checksum of parts, which ends in `-N`."""
    try:
        digest = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return digest if len(digest) == 32 else None
