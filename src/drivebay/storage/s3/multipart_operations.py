"""Operations on multipart uploads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ...contract.storage import MultipartPage, StoredPart
from ...errors import Unavailable
from ..bucket import PartCopy, PartUpload
from . import listings
from .s3_client import BINARY_BODY, BODY_TIMEOUT, S3Call, S3Client, S3Response, base64_digest
from .xml_documents import build, fields, serialize

_MAX_PARTS_PER_PAGE: Final = 10_000
_MULTIPART_ABSENT: Final = ("NoSuchUpload", "NoSuchKey")


class MultipartOperations:
    """Implements the calls of `storage.bucket.Bucket` about multipart uploads.

    `copy_timeout` bounds CompleteMultipartUpload and UploadPartCopy and is in seconds.
    """

    def __init__(self, client: S3Client, copy_timeout: float) -> None:
        self._client = client
        self._copy_timeout = copy_timeout

    async def create_multipart(self, key: str, headers: Mapping[str, str]) -> str:
        response = await self._client.call(
            S3Call("create_multipart", "POST", key, query={"uploads": ""}, headers=headers)
        )
        if response.status != 200:
            raise response.unexpected_error("CreateMultipartUpload")
        multipart_id = fields(response.document("InitiateMultipartUploadResult")).get("UploadId")
        if not multipart_id:
            raise response.unexpected_error("CreateMultipartUpload")
        return multipart_id

    async def upload_part(self, key: str, part: PartUpload) -> bool:
        checksum = {"x-amz-checksum-sha256": base64_digest(part.sha256)} if part.checksummed else {}
        response = await self._client.call(
            S3Call(
                "upload_part",
                "PUT",
                key,
                query={"partNumber": str(part.number), "uploadId": part.multipart_id},
                headers=BINARY_BODY | checksum,
                body=part.body,
                sha256=part.sha256,
                timeout=BODY_TIMEOUT,
            )
        )
        if response.status == 404 and response.error_code in _MULTIPART_ABSENT:
            return False
        if response.status != 200:
            raise response.unexpected_error("UploadPart")
        return True

    async def copy_part(self, key: str, multipart_id: str, copy: PartCopy) -> StoredPart | None:
        last = copy.start + copy.size - 1
        headers = self._client.copy_source(copy.source, copy.etag)
        headers["x-amz-copy-source-range"] = f"bytes={copy.start}-{last}"
        query = {"partNumber": str(copy.number), "uploadId": multipart_id}
        response = await self._client.call(
            S3Call("copy_part", "PUT", key, query=query, headers=headers, timeout=self._copy_timeout)
        )
        if response.status == 412 or (response.status == 404 and response.error_code in ("NoSuchKey", "")):
            return None
        if not response.succeeded:
            raise response.unexpected_error("UploadPartCopy")
        etag = fields(response.document("CopyPartResult")).get("ETag", "").strip('"')
        if not etag:
            raise response.unexpected_error("UploadPartCopy")
        return StoredPart(copy.number, copy.size, etag)

    async def list_parts(self, key: str, multipart_id: str) -> tuple[StoredPart, ...] | None:
        copies = await self._list_copies(key, multipart_id)
        return None if copies is None else listings.latest_parts(copies)

    async def measure_parts(self, key: str, multipart_id: str) -> int:
        copies = await self._list_copies(key, multipart_id)
        return sum(copy.part.size for copy in copies or ())

    async def _list_copies(self, key: str, multipart_id: str) -> list[listings.StoredCopy] | None:
        copies: list[listings.StoredCopy] = []
        after = 0
        while True:
            # Request the longest page. SeaweedFS lists every copy of a part, and a short page could end between two
            # copies.
            query = {"uploadId": multipart_id, "max-parts": str(_MAX_PARTS_PER_PAGE)}
            if after:
                query["part-number-marker"] = str(after)
            response = await self._client.call(S3Call("list_parts", "GET", key, query=query))
            if response.status == 404 and response.error_code in _MULTIPART_ABSENT:
                return None
            if response.status != 200:
                raise response.unexpected_error("ListParts")
            page = listings.part_page(response)
            copies += page.copies
            if page.after is None or page.after <= after:
                return copies
            after = page.after

    async def complete_multipart(
        self, key: str, multipart_id: str, parts: Sequence[StoredPart], part_digests: Sequence[bytes]
    ) -> bool:
        response = await self._complete(key, multipart_id, parts, part_digests)
        if response.status == 412 or response.error_code in (*_MULTIPART_ABSENT, "ConditionalRequestConflict"):
            return False
        if not response.succeeded:
            raise response.unexpected_error("CompleteMultipartUpload")
        return True

    async def _complete(
        self, key: str, multipart_id: str, parts: Sequence[StoredPart], part_digests: Sequence[bytes]
    ) -> S3Response:
        root = build("CompleteMultipartUpload")
        for index, part in enumerate(parts):
            entry = build("Part", build("PartNumber", str(part.number)), build("ETag", f'"{part.etag}"'))
            if part_digests:
                entry.append(build("ChecksumSHA256", base64_digest(part_digests[index])))
            root.append(entry)
        return await self._client.call(
            S3Call(
                "complete_multipart",
                "POST",
                key,
                query={"uploadId": multipart_id},
                headers={"If-None-Match": "*", "Content-Type": "application/xml"},  # guard: assembly-once
                body=serialize(root),
                timeout=self._copy_timeout,
            )
        )

    async def abort_multipart(self, key: str, multipart_id: str) -> None:
        response = await self._client.call(S3Call("abort_multipart", "DELETE", key, query={"uploadId": multipart_id}))
        if response.status >= 300 and response.status != 404:
            raise response.unexpected_error("AbortMultipartUpload")

    async def list_multiparts(self, after: str, limit: int) -> MultipartPage:
        query = {"uploads": "", "max-uploads": str(limit)} | listings.multipart_markers(after)
        response = await self._client.call(S3Call("list_multiparts", "GET", query=query))
        if response.status != 200:
            raise response.unexpected_error("ListMultipartUploads")
        return listings.multipart_page(response, after)

    async def refuses_complete_over_object(self, key: str) -> bool:
        try:
            multipart_id = await self.create_multipart(key, {})
        except Unavailable:
            return False
        query = {"partNumber": "1", "uploadId": multipart_id}
        uploaded = await self._client.call(S3Call("upload_part", "PUT", key, query=query, body=b"part"))
        part = StoredPart(1, 4, uploaded.headers.get("ETag", "").strip('"'))
        response = await self._complete(key, multipart_id, (part,), ())
        if response.status != 200:
            await self.abort_multipart(key, multipart_id)
        return uploaded.status == 200 and response.status == 412
