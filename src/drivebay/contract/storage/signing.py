"""Presigned requests: what a client may send to the store directly."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec


class Disposition(StrEnum):
    """The action of a browser for a download: save it or show it (RFC 6266)."""

    ATTACHMENT = "attachment"
    INLINE = "inline"


class PutSpec(msgspec.Struct, frozen=True):
    """An object that a client may write once.

    `key` contains no `~`. `sha256` has 32 raw bytes. `metadata` is encrypted with a key derived from the root secret of
    the deployment, and stored with the object. Names in `metadata` consist of lower-case letters, digits and hyphens.
    """

    key: str
    size: int
    content_type: str
    sha256: bytes | None = None
    metadata: dict[str, str] = {}


class GetSpec(msgspec.Struct, frozen=True):
    """An object that a client may read. The store serves it with this name, type and disposition."""

    key: str
    name: str
    content_type: str
    disposition: Disposition


class SignedRequest(msgspec.Struct, frozen=True):
    """A request that a client may send to the store. It must send exactly these headers, and `Content-Length`.

    `response_headers` are headers that the response to a GET will have, with the name and the type of the file.
    """

    method: str
    url: str
    headers: dict[str, str]
    expires_at: datetime
    response_headers: dict[str, str] = {}


class Signing(Protocol):
    async def presign_put(self, put: PutSpec, signed_at: datetime, ttl_seconds: int) -> SignedRequest:
        """Sign a PUT that is valid for `ttl_seconds` from `signed_at`. The call sends no request to the store.

        The signature covers the length, the type, the checksum if given, and the condition that the object does not
        exist yet. Headers that the store does not support are left out. If the store accepts a second PUT, the URL
        writes a staged object, which `stat_staged` finds. The same arguments give the same URL.
        """
        ...

    async def presign_get(
        self, key: str, name: str, content_type: str, disposition: Disposition, ttl_seconds: int
    ) -> SignedRequest:
        """Sign a GET that is valid for `ttl_seconds` from now and is served with `name` and `content_type`.

        A type with active content is always served as an attachment. The call does not check whether the object exists.
        """
        ...

    async def presign_puts(
        self, puts: tuple[PutSpec, ...], signed_at: datetime, ttl_seconds: int
    ) -> tuple[SignedRequest, ...]:
        """Sign at most 100 PUTs, each as `presign_put` does."""
        ...

    async def presign_gets(self, gets: tuple[GetSpec, ...], ttl_seconds: int) -> tuple[SignedRequest, ...]:
        """Sign at most 100 GETs, each as `presign_get` does."""
        ...
