"""Where the bucket's name stands in a URL: in the path or in the host; and what is said when it is the other way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import pytest
from aiohttp import web
from stubborn import Answer, Stubborn, refusal, stubborn, willing

from drivebay.contract.storage import Presence, Put
from drivebay.storage import service
from drivebay.storage.bucket import Misconfigured
from drivebay.storage.service import Service, Settings


def utc_now() -> datetime:
    return datetime.now(UTC)


async def host_only(request: web.Request, body: bytes) -> web.Response | None:
    return None if request.host.startswith("b.localhost:") else refusal(403, "SecondLevelDomainForbidden")


async def path_only(request: web.Request, body: bytes) -> web.Response | None:
    """What stands first in the path is the bucket; without it, all buckets are meant."""
    if request.path == "/" and request.method == "GET":
        return web.Response(text="<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>")
    return None


def named(store: Stubborn, *, in_host: bool) -> Settings:
    endpoint = store.endpoint.replace("127.0.0.1", "localhost")
    return Settings(endpoint, "key", "secret", bucket="b", in_host=in_host)


@asynccontextmanager
async def started(answer: Answer, *, in_host: bool) -> AsyncIterator[tuple[Stubborn, Service]]:
    async with stubborn(answer) as store, service.open(named(store, in_host=in_host), now=utc_now) as storage:
        yield store, storage


async def test_a_bucket_in_the_host_is_found_there_and_signed_for_there() -> None:
    async with started(host_only, in_host=True) as (store, storage):
        signed = await storage.presign_put(Put("a/b", 1, "text/plain"), utc_now(), 60)
        assert urlsplit(signed.url).netloc == f"b.localhost:{urlsplit(store.endpoint).port}"
        assert urlsplit(signed.url).path == "/a/b"
        own = signed.url.replace("b.localhost", "127.0.0.1")
        async with httpx.AsyncClient() as client:
            host = {"Host": urlsplit(signed.url).netloc}
            assert (await client.put(own, headers=signed.headers | host, content=b"x")).status_code == 200
        assert (await storage.health())[0].ok


async def test_a_store_that_wants_the_bucket_in_the_host_is_named() -> None:
    with pytest.raises(Misconfigured, match="DRIVEBAY_S3_ADDRESSING to host"):
        async with started(host_only, in_host=False):
            pass


async def test_a_store_that_wants_the_bucket_in_the_path_is_named() -> None:
    with pytest.raises(Misconfigured, match="DRIVEBAY_S3_ADDRESSING"):
        async with started(path_only, in_host=True):
            pass


async def test_in_the_path_it_is_for_the_same_store() -> None:
    async with started(path_only, in_host=False) as (_, storage):
        assert (await storage.look_up(("a/b",)))[0].presence is Presence.ABSENT


async def test_another_region_is_named() -> None:
    async def elsewhere(request: web.Request, body: bytes) -> web.Response | None:
        return (
            refusal(400, "AuthorizationHeaderMalformed")
            if b"eu-west-7" not in _scope(request)
            else await willing(request, body)
        )

    async with stubborn(elsewhere) as store:
        with pytest.raises(Misconfigured, match="DRIVEBAY_S3_REGION"):
            async with service.open(named(store, in_host=False), now=utc_now):
                pass
        right = replace(named(store, in_host=False), region="eu-west-7")
        async with service.open(right, now=utc_now) as storage:
            assert (await storage.health())[0].ok


def _scope(request: web.Request) -> bytes:
    told = request.headers.get("Authorization", "") + request.query.get("X-Amz-Credential", "")
    # Strangers are let in here as they are everywhere in this store.
    return told.encode() or b"eu-west-7"
