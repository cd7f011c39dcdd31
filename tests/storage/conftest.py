"""A storage service over its own bucket in the real store, and an HTTP client that acts like a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import uuid4

import httpx
import pytest

from drivebay.contract.storage import SignedRequest
from drivebay.storage import service
from drivebay.storage.s3.sigv4 import Signer, UnsignedRequest
from drivebay.storage.service import Service, Settings

ROOT_SECRET = bytes(range(32))


class Store(Protocol):
    s3_endpoint: str
    access_key: str
    secret_key: str


def utc_now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def own_bucket(store: Store, bucket: str) -> Iterator[Settings]:
    """Yield the settings for a bucket, and delete it at the end.

    Each bucket has volumes of its own, and hundreds of buckets slow a store down. Some stores keep a bucket that has
    objects.
    """
    settings = Settings(
        store.s3_endpoint,
        store.access_key,
        store.secret_key,
        region=getattr(store, "region", "us-east-1"),
        bucket=bucket,
        startup_retry_delay=timedelta(milliseconds=200),
        root_secret=ROOT_SECRET,
    )
    yield settings
    signer = Signer(settings.access_key, settings.secret_key, settings.region)
    path, host = f"/{bucket}", settings.endpoint.partition("://")[2]
    request = UnsignedRequest("DELETE", host, path, {}, {})
    httpx.delete(f"{settings.endpoint}{path}?{signer.presign(request, utc_now(), 60)}", timeout=30)


@pytest.fixture
def settings(store: Store, bucket: str) -> Iterator[Settings]:
    with own_bucket(store, bucket) as settings:
        yield settings


@pytest.fixture(scope="session")
async def shared_service(store: Store) -> AsyncIterator[Service]:
    """The service on a bucket of several tests. To open it, it examines the store, which takes longer than a test."""
    with own_bucket(store, f"test-{uuid4().hex}") as settings:
        async with service.open(settings, now=utc_now) as running:
            yield running


@pytest.fixture
async def storage(settings: Settings) -> AsyncIterator[Service]:
    async with service.open(settings, now=utc_now) as running:
        yield running


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=20) as client:
        yield client


@pytest.fixture
def send(browser: httpx.AsyncClient) -> Callable[..., object]:
    """Send a presigned request with a body. `without` and `extra` change its headers."""

    async def send(
        signed: SignedRequest,
        body: bytes = b"",
        *,
        without: tuple[str, ...] = (),
        extra: dict[str, str] | None = None,
        method: str | None = None,
    ) -> httpx.Response:
        headers = {name: value for name, value in signed.headers.items() if name not in without} | (extra or {})
        content = body if signed.method == "PUT" else None
        return await browser.request(method or signed.method, signed.url, headers=headers, content=content)

    return send


@pytest.fixture
def unreachable(free_port: int) -> Settings:
    """Settings for a store that does not run."""
    settings = Settings(f"http://127.0.0.1:{free_port}", "key", "secret", bucket="unreachable")
    return replace(settings, startup_retry_delay=timedelta(milliseconds=100))
