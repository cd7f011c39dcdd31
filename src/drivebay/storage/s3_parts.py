"""Objects in parts, as S3 has them: the half of the driver that speaks of multipart uploads."""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape as escape_xml
from html import unescape as unescape_xml
from typing import Final

from ..contract.storage import StoredPart, Unfinished, UnfinishedPage
from ..errors import Unavailable
from .calls import Answer, Calls, refusal

_UPLOAD_ID: Final = re.compile(rb"<UploadId>([^<]*)</UploadId>")
_PART: Final = re.compile(rb"<Part>(.*?)</Part>", re.DOTALL)
_PART_FIELD: Final = re.compile(rb"<(PartNumber|Size|ETag|LastModified)>([^<]*)<")
_UPLOAD: Final = re.compile(rb"<Upload>(.*?)</Upload>", re.DOTALL)
_UPLOAD_FIELD: Final = re.compile(rb"<(Key|UploadId|Initiated)>([^<]*)<")
_NEXT_PART: Final = re.compile(rb"<NextPartNumberMarker>(\d+)<")
_NEXT_KEY: Final = re.compile(rb"<NextKeyMarker>([^<]*)<")
_NEXT_UPLOAD: Final = re.compile(rb"<NextUploadIdMarker>([^<]*)<")
_TRUNCATED: Final = b"<IsTruncated>true</IsTruncated>"
_MOST_PARTS: Final = 10_000
_BODY_WITHIN: Final = 25.0
"""Seconds for the bytes of a part, which is less than a caller has."""
_OCTETS: Final = {"Content-Type": "application/octet-stream"}
# Separates the two markers of a place in the listing; no key of ours and no id has it.
_BETWEEN: Final = "\n"


class S3Parts:
    """See `bucket.Bucket`."""

    def __init__(self, calls: Calls, copy_timeout: float) -> None:
        self._calls = calls
        self._copy_timeout = copy_timeout

    async def write(self, key: str, body: bytes, sha256: bytes) -> None:
        answer = await self._calls.ask(
            "put", "PUT", key, headers=_OCTETS, body=body, digest=sha256, timeout=_BODY_WITHIN
        )
        if answer.status != 200:
            raise refusal(answer, "write an object")

    async def read(self, key: str) -> bytes | None:
        answer = await self._calls.ask("get", "GET", key, timeout=_BODY_WITHIN)
        if answer.status == 404 and answer.code != "NoSuchBucket":
            return None
        if answer.status != 200:
            raise refusal(answer, "read an object")
        return answer.body

    async def write_part(
        self, key: str, multipart: str, number: int, body: bytes, sha256: bytes, checked: bool
    ) -> bool:
        answer = await self._calls.ask(
            "put_part",
            "PUT",
            key,
            query={"partNumber": str(number), "uploadId": multipart},
            headers=_OCTETS | ({"x-amz-checksum-sha256": base64.b64encode(sha256).decode()} if checked else {}),
            body=body,
            digest=sha256,
            timeout=_BODY_WITHIN,
        )
        if answer.status == 404 and answer.code in ("NoSuchUpload", "NoSuchKey"):
            return False
        if answer.status != 200:
            raise refusal(answer, "write a part")
        return True

    async def begin_parts(self, key: str, headers: Mapping[str, str]) -> str:
        answer = await self._calls.ask("begin_parts", "POST", key, query={"uploads": ""}, headers=headers)
        found = _UPLOAD_ID.search(answer.body)
        if answer.status != 200 or found is None:
            raise refusal(answer, "begin an object in parts")
        return unescape_xml(found[1].decode())

    async def parts(self, key: str, multipart: str) -> tuple[StoredPart, ...] | None:
        seen: defaultdict[int, list[tuple[datetime, StoredPart]]] = defaultdict(list)
        marker = 0
        while True:
            # As many as a store gives at once: SeaweedFS lists a part once for each time it was sent, and would
            # cut between two of them.
            query = {"uploadId": multipart, "max-parts": str(_MOST_PARTS)}
            if marker:
                query["part-number-marker"] = str(marker)
            answer = await self._calls.ask("list_parts", "GET", key, query=query)
            if answer.status == 404 and answer.code in ("NoSuchUpload", "NoSuchKey"):
                return None
            if answer.status != 200:
                raise refusal(answer, "list parts")
            if b"</ListPartsResult>" not in answer.body:
                raise Unavailable("the store's listing of parts cannot be understood")
            try:
                for entry in _PART.findall(answer.body):
                    at, part = _part(entry)
                    seen[part.number].append((at, part))
            except (KeyError, ValueError):
                raise Unavailable("the store's listing of parts cannot be understood") from None
            further = _NEXT_PART.search(answer.body) if _TRUNCATED in answer.body else None
            if further is None or int(further[1]) <= marker:
                return tuple(part for number in sorted(seen) for part in _last(seen[number]))
            marker = int(further[1])

    async def complete_parts(
        self, key: str, multipart: str, parts: Sequence[StoredPart], sha256: Sequence[bytes]
    ) -> bool:
        answer = await self._complete(key, multipart, parts, sha256)
        if answer.status == 412 or answer.code in ("NoSuchUpload", "NoSuchKey", "ConditionalRequestConflict"):
            return False
        # It may begin with 200 and fail later (S3 API, CompleteMultipartUpload): then the body says so.
        if answer.status != 200 or b"<Error>" in answer.body:
            raise refusal(answer, "put parts together")
        return True

    async def _complete(self, key: str, multipart: str, parts: Sequence[StoredPart], sha256: Sequence[bytes]) -> Answer:
        listed = "".join(
            f"<Part><PartNumber>{part.number}</PartNumber><ETag>&quot;{escape_xml(part.etag)}&quot;</ETag>{checksum}</Part>"
            for part, checksum in zip(parts, map(_checksum, sha256) if sha256 else [""] * len(parts), strict=True)
        )
        body = (
            f'<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{listed}</CompleteMultipartUpload>'
        ).encode()
        return await self._calls.ask(
            "complete_parts",
            "POST",
            key,
            query={"uploadId": multipart},
            headers={"If-None-Match": "*", "Content-Type": "application/xml"},
            body=body,
            timeout=self._copy_timeout,
        )

    async def abort_parts(self, key: str, multipart: str) -> None:
        answer = await self._calls.ask("abort_parts", "DELETE", key, query={"uploadId": multipart})
        if answer.status >= 300 and answer.status != 404:
            raise refusal(answer, "abort an object in parts")

    async def unfinished(self, after: str, limit: int) -> UnfinishedPage:
        key, _, upload = after.partition(_BETWEEN)
        markers = {"key-marker": key, "upload-id-marker": upload}
        query = {"uploads": "", "max-uploads": str(limit)} | {name: value for name, value in markers.items() if value}
        answer = await self._calls.ask("list_uploads", "GET", query=query)
        if answer.status != 200:
            raise refusal(answer, "list objects in parts")
        if b"</ListMultipartUploadsResult>" not in answer.body:
            raise Unavailable("the store's listing of objects in parts cannot be understood")
        try:
            items = tuple(_unfinished(entry) for entry in _UPLOAD.findall(answer.body))
        except (KeyError, ValueError):
            raise Unavailable("the store's listing of objects in parts cannot be understood") from None
        if _TRUNCATED not in answer.body or not items:
            return UnfinishedPage(items, None)
        # Just the markers that it gives: SeaweedFS goes by the ids alone, and a key would make it skip some.
        found = (pattern.search(answer.body) for pattern in (_NEXT_KEY, _NEXT_UPLOAD))
        place = _BETWEEN.join(unescape_xml(marker[1].decode()) if marker else "" for marker in found)
        if place == _BETWEEN:
            raise Unavailable("the store's listing of objects in parts breaks off")
        return UnfinishedPage(items, None if place == after else place)

    async def completes_once(self, key: str) -> bool:
        try:
            multipart = await self.begin_parts(key, {})
        except Unavailable:
            return False
        sent = await self._calls.ask(
            "put_part", "PUT", key, query={"partNumber": "1", "uploadId": multipart}, body=b"part"
        )
        part = StoredPart(1, 4, sent.headers.get("ETag", "").strip('"'))
        ended = await self._complete(key, multipart, (part,), ())
        if ended.status != 200:
            await self.abort_parts(key, multipart)
        return sent.status == 200 and ended.status == 412


def _part(entry: bytes) -> tuple[datetime, StoredPart]:
    fields = {name: text.decode() for name, text in _PART_FIELD.findall(entry)}
    etag = unescape_xml(fields[b"ETag"]).strip('"')
    at = (
        datetime.fromisoformat(fields[b"LastModified"])
        if b"LastModified" in fields
        else datetime.min.replace(tzinfo=UTC)
    )
    return at, StoredPart(int(fields[b"PartNumber"]), int(fields[b"Size"]), etag)


def _last(sent: list[tuple[datetime, StoredPart]]) -> list[StoredPart]:
    """Of what was sent as one part what came last, as a list of it; an empty one if that cannot be told."""
    latest = max(at for at, _ in sent)
    last = {part.etag: part for at, part in sent if at == latest}
    return list(last.values()) if len(last) == 1 else []


def _unfinished(entry: bytes) -> Unfinished:
    fields = {name: unescape_xml(text.decode()) for name, text in _UPLOAD_FIELD.findall(entry)}
    return Unfinished(fields[b"Key"], fields[b"UploadId"], datetime.fromisoformat(fields[b"Initiated"]))


def _checksum(digest: bytes) -> str:
    return f"<ChecksumSHA256>{base64.b64encode(digest).decode()}</ChecksumSHA256>"
