"""Presigned URLs for uploads, downloads and parts. Signing sends nothing to the store."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from ..contract.storage import STAGING_PREFIX, Disposition, GetSpec, Multipart, PartSpec, PutSpec, SignedRequest
from ..errors import InvalidRequest
from ..formats.content_disposition import content_disposition
from .argument_checks import check_key, check_multipart_id, check_parts, check_signed_count, check_single_put
from .bucket import Presigner, PresignSpec
from .capability_probe import ProbeResult
from .media_types import is_safe_inline, media_type
from .object_headers import BINARY_TYPE, CHECKSUM, CONTENT_LENGTH, upload_headers
from .sealed_metadata import MetadataSeal


class ProbeResultSource(Protocol):
    """A source of the results of the store probe."""

    def require_ready(self) -> ProbeResult:
        """Return the results. Raises Unavailable until the probe has succeeded."""
        ...


MAX_TTL_SECONDS: Final = 7 * 24 * 3600
"""The longest lifetime of a presigned URL in seconds (SigV4, X-Amz-Expires)."""


class UrlSigning:
    """Implements `contract.storage.Signing` and `presign_parts`."""

    def __init__(
        self, presigner: Presigner, store: ProbeResultSource, seal: MetadataSeal | None, now: Callable[[], datetime]
    ) -> None:
        self._presigner = presigner
        self._seal = seal
        self._store = store
        self._now = now

    async def presign_put(self, put: PutSpec, signed_at: datetime, ttl_seconds: int) -> SignedRequest:
        check_single_put(put)
        store = self._store.require_ready()
        headers = upload_headers(put, self._seal, frozenset(store.capabilities.unsupported_headers))
        key = STAGING_PREFIX + put.key if store.uses_staging else put.key  # guard: upload-staging
        signed = {**headers, CONTENT_LENGTH: str(put.size)}  # guard: put-length, put-metadata
        url, expires_at = self._presign(PresignSpec("PUT", key, signed_at, ttl_seconds, headers=signed))
        return SignedRequest("PUT", url, headers, expires_at)

    async def presign_get(
        self, key: str, name: str, content_type: str, disposition: Disposition, ttl_seconds: int
    ) -> SignedRequest:
        self._store.require_ready()
        response_headers = {
            "Content-Disposition": download_disposition(name, disposition, content_type),
            "Content-Type": media_type(content_type) or BINARY_TYPE,
        }
        query = {f"response-{name.lower()}": value for name, value in response_headers.items()}
        url, expires_at = self._presign(PresignSpec("GET", key, self._now(), ttl_seconds, query=query))
        return SignedRequest("GET", url, {}, expires_at, response_headers)

    async def presign_puts(
        self, puts: tuple[PutSpec, ...], signed_at: datetime, ttl_seconds: int
    ) -> tuple[SignedRequest, ...]:
        check_signed_count(puts)
        return tuple([await self.presign_put(put, signed_at, ttl_seconds) for put in puts])

    async def presign_gets(self, gets: tuple[GetSpec, ...], ttl_seconds: int) -> tuple[SignedRequest, ...]:
        check_signed_count(gets)
        return tuple(
            [await self.presign_get(get.key, get.name, get.content_type, get.disposition, ttl_seconds) for get in gets]
        )

    async def presign_parts(
        self, key: str, multipart: Multipart, parts: tuple[PartSpec, ...], ttl_seconds: int
    ) -> tuple[SignedRequest, ...]:
        self._store.require_ready()
        check_parts(parts, multipart)
        check_multipart_id(multipart.id)
        now = self._now()
        requests = []
        for part in parts:
            headers = {} if part.sha256 is None else {CHECKSUM: base64.b64encode(part.sha256).decode()}
            query = {"partNumber": str(part.number), "uploadId": multipart.id}
            signed = {**headers, CONTENT_LENGTH: str(part.size)}  # guard: part-length
            url, expires_at = self._presign(PresignSpec("PUT", key, now, ttl_seconds, query, signed))
            requests.append(SignedRequest("PUT", url, headers, expires_at))
        return tuple(requests)

    def _presign(self, spec: PresignSpec) -> tuple[str, datetime]:
        """Return the URL and its expiry time (UTC). Raises InvalidRequest."""
        check_key(spec.key)
        if not 1 <= spec.ttl_seconds <= MAX_TTL_SECONDS:
            raise InvalidRequest(f"ttl_seconds must be 1 to {MAX_TTL_SECONDS}")
        if spec.signed_at.tzinfo is None:
            raise InvalidRequest("signed_at must have a time zone")
        try:
            signed_at = spec.signed_at.astimezone(UTC).replace(microsecond=0)
            expires_at = signed_at + timedelta(seconds=spec.ttl_seconds)
        except OverflowError:
            raise InvalidRequest("signed_at must be in the years 1 to 9999") from None
        spec = PresignSpec(spec.method, spec.key, signed_at, spec.ttl_seconds, spec.query, spec.headers)
        return self._presigner.presign(spec), expires_at


def download_disposition(name: str, disposition: Disposition, content_type: str) -> str:
    """Return the value of `Content-Disposition` for a download. With INLINE, a type that may have active content is
    still an attachment."""
    inline = disposition is Disposition.INLINE and is_safe_inline(content_type)  # guard: download-inline-type
    return content_disposition(name, inline=inline)
