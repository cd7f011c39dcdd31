"""URLs are path-style or virtual-hosted-style. If the store needs the other style, the error names the setting."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import pytest
from aiohttp import web
from scripted_store import Script, ScriptedStore, error_response, let_through, run_store

from drivebay.contract.storage import Presence, PutSpec
from drivebay.storage import service
from drivebay.storage.bucket import Misconfigured
from drivebay.storage.service import Service, Settings


def utc_now() -> datetime:
    return datetime.now(UTC)


async def virtual_hosted_only(request: web.Request, body: bytes) -> web.Response | None:
    return None if request.host.startswith("b.localhost:") else error_response(403, "SecondLevelDomainForbidden")


async def path_style_only(request: web.Request, body: bytes) -> web.Response | None:
    """A store that takes the first segment of the path as the bucket, and the path `/` as a list of all buckets."""
    if request.path == "/" and request.method == "GET":
        return web.Response(text="<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>")
    return None


def settings_for(store: ScriptedStore, *, virtual_hosted: bool) -> Settings:
    endpoint = store.endpoint.replace("127.0.0.1", "localhost")
    return Settings(endpoint, "key", "secret", bucket="b", virtual_hosted=virtual_hosted)


@asynccontextmanager
async def start_service(script: Script, *, virtual_hosted: bool) -> AsyncIterator[tuple[ScriptedStore, Service]]:
    async with (
        run_store(script) as store,
        service.open(settings_for(store, virtual_hosted=virtual_hosted), now=utc_now) as storage,
    ):
        yield store, storage


async def test_virtual_hosted_style_is_used_for_requests_and_urls() -> None:
    async with start_service(virtual_hosted_only, virtual_hosted=True) as (store, storage):
        signed = await storage.presign_put(PutSpec("a/b", 1, "text/plain"), utc_now(), 60)
        assert urlsplit(signed.url).netloc == f"b.localhost:{urlsplit(store.endpoint).port}"
        assert urlsplit(signed.url).path == "/a/b"
        reachable = signed.url.replace("b.localhost", "127.0.0.1")
        async with httpx.AsyncClient() as client:
            host = {"Host": urlsplit(signed.url).netloc}
            assert (await client.put(reachable, headers=signed.headers | host, content=b"x")).status_code == 200
        assert (await storage.health())[0].ok


async def test_a_store_that_needs_virtual_hosted_style_stops_the_start() -> None:
    with pytest.raises(Misconfigured, match="DRIVEBAY_S3_ADDRESSING to host"):
        async with start_service(virtual_hosted_only, virtual_hosted=False):
            pass


async def test_a_store_that_needs_path_style_stops_the_start() -> None:
    with pytest.raises(Misconfigured, match="DRIVEBAY_S3_ADDRESSING"):
        async with start_service(path_style_only, virtual_hosted=True):
            pass


async def test_path_style_is_used_for_requests() -> None:
    async with start_service(path_style_only, virtual_hosted=False) as (_, storage):
        assert (await storage.stat_objects(("a/b",)))[0].presence is Presence.ABSENT


async def test_a_wrong_region_stops_the_start() -> None:
    async def wrong_region(request: web.Request, body: bytes) -> web.Response | None:
        return (
            error_response(400, "AuthorizationHeaderMalformed")
            if b"eu-west-7" not in _scope(request)
            else await let_through(request, body)
        )

    async with run_store(wrong_region) as store:
        with pytest.raises(Misconfigured, match="DRIVEBAY_S3_REGION"):
            async with service.open(settings_for(store, virtual_hosted=False), now=utc_now):
                pass
        correct = replace(settings_for(store, virtual_hosted=False), region="eu-west-7")
        async with service.open(correct, now=utc_now) as storage:
            assert (await storage.health())[0].ok


def _scope(request: web.Request) -> bytes:
    credential = request.headers.get("Authorization", "") + request.query.get("X-Amz-Credential", "")
    # This store accepts unsigned requests.
    return credential.encode() or b"eu-west-7"
