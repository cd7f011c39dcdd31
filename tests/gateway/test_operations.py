"""Whether it can work, and who says so."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest
from uuid_utils.compat import uuid7

from drivebay.contract.health import Health
from drivebay.contract.storage import Storage
from drivebay.gateway import app as gateway
from drivebay.gateway.settings import Settings
from drivebay.wire import rpc

from .conftest import Gateway, bare


async def test_readyz_says_that_all_answer(shared: Gateway) -> None:
    response = await shared.http.get("/readyz")
    assert response.status_code == 200
    assert response.json()["status"] == "ready"
    assert set(response.json()["checks"].values()) == {"ok"}


@pytest.mark.parametrize("query", ["verbose", "verbose=1", "verbose="])
async def test_readyz_says_what_the_store_can_do_when_asked(shared: Gateway, query: str) -> None:
    assert "store" not in (await shared.http.get("/readyz")).json()
    able = (await shared.http.get(f"/readyz?{query}")).json()["store"]
    assert able == msgspec.structs.asdict(await shared.storage.capabilities())
    assert able["write_once"] is True


async def test_readyz_has_no_word_of_a_store_that_was_never_seen(own: Gateway) -> None:
    storage = rpc.missing(Storage, "DRIVEBAY_STORAGE_ADDRESS")
    app = gateway.create(own.auth, own.files, storage, Settings(), now=own.clock, new_id=uuid7)
    status, _, body = await bare(app, "GET", "/readyz?verbose", {})
    assert status == 503
    assert "store" not in json.loads(body)
    assert "DRIVEBAY_STORAGE_ADDRESS" in json.loads(body)["checks"]["storage"]


async def test_readyz_says_which_part_does_not_answer(own: Gateway) -> None:
    own.bucket.broken = True
    response = await own.http.get("/readyz")
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1
    assert response.headers["content-type"] == "application/json"
    checks = response.json()["checks"]
    assert [name for name, problem in checks.items() if problem != "ok"]
    assert all(name.startswith("storage") for name, problem in checks.items() if problem != "ok")


async def test_readyz_does_not_wait_for_what_hangs(own: Gateway) -> None:
    async def hang() -> tuple[Health, ...]:
        await asyncio.sleep(60)
        return ()

    checks = {"broker": hang}
    app = gateway.create(own.auth, own.files, own.storage, Settings(), now=own.clock, new_id=uuid7, checks=checks)
    async with asyncio.timeout(10):
        status, _, body = await bare(app, "GET", "/readyz", {})
    assert status == 503
    found = json.loads(body)["checks"]
    assert {name for name, said in found.items() if said != "ok"} == {"broker"}
    assert found["files"] == "ok"
