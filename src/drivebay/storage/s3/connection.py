"""Connections to one bucket of one store."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import aiohttp
from aiohttp.abc import ResolveResult

from .bucket_address import BucketAddress
from .presigner import S3Presigner
from .s3_bucket import S3Bucket
from .s3_client import S3Client
from .sigv4 import Signer


@dataclass(frozen=True, slots=True)
class S3Options:
    """The address of the store and the options of its requests.

    Clients use `public_endpoint`. None means `endpoint`. With `virtual_hosted`, URLs have the name of the bucket in the
    host, otherwise in the path. `timeout` bounds a call without object bytes. `copy_timeout` bounds CopyObject,
    UploadPartCopy and CompleteMultipartUpload, which copy bytes inside the store. `connections` is the maximum number
    of connections at the same time.
    """

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    bucket: str
    public_endpoint: str | None = None
    region: str = "us-east-1"
    virtual_hosted: bool = False
    timeout: timedelta = timedelta(seconds=5)
    copy_timeout: timedelta = timedelta(minutes=10)
    connections: int = 64


@asynccontextmanager
async def connect(options: S3Options, *, now: Callable[[], datetime]) -> AsyncIterator[S3Bucket]:
    """Open a connection pool for one bucket. Nothing is sent yet.

    Raises Misconfigured if an endpoint is not a URL of a store.
    """
    presigner = create_presigner(options)
    # The signature covers the Host header, so aiohttp must not follow redirects or decode bodies.
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=options.connections, resolver=_LocalhostResolver()),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"Accept-Encoding": "identity"},
    ) as session:
        timeout = options.timeout.total_seconds()
        client = S3Client(session, presigner.signer, presigner.private_address, timeout, now)
        yield S3Bucket(client, presigner, copy_timeout=options.copy_timeout.total_seconds())


def create_presigner(options: S3Options) -> S3Presigner:
    """Return the presigner of a bucket. It sends nothing. Raises Misconfigured as `connect` does."""
    private_address = BucketAddress.parse(
        options.endpoint, options.bucket, options.virtual_hosted, "DRIVEBAY_S3_ENDPOINT"
    )
    public_address = private_address
    if options.public_endpoint is not None:
        setting = "DRIVEBAY_S3_PUBLIC_ENDPOINT"
        public_address = BucketAddress.parse(options.public_endpoint, options.bucket, options.virtual_hosted, setting)
    return S3Presigner(Signer(options.access_key, options.secret_key, options.region), public_address, private_address)


class _LocalhostResolver(aiohttp.ThreadedResolver):
    """Resolves every name under `.localhost` to this machine, as RFC 6761 requires and browsers do. This allows
    virtual-hosted-style URLs of a local store."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return await super().resolve("localhost" if host.endswith(".localhost") else host, port, family)
