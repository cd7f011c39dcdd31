"""Health and readiness."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from uuid_utils.compat import uuid7

from drivebay import rpc
from drivebay.contract.health import Health
from drivebay.contract.storage import Storage
from drivebay.gateway import app as gateway
from drivebay.gateway.app import GatewayApp
from drivebay.gateway.settings import Settings
from drivebay.testing.client import eventually

from .conftest import Gateway, raw_request


async def test_readyz_is_ready_when_all_checks_pass(shared: Gateway) -> None:
    response = await shared.http.get("/readyz")
    assert response.status_code == 200
    assert response.json()["status"] == "ready"
    assert set(response.json()["checks"].values()) == {"ok"}


@pytest.mark.parametrize("query", ["verbose", "verbose=1", "verbose="])
async def test_readyz_verbose_shows_the_capabilities_of_the_store(shared: Gateway, query: str) -> None:
    assert "store" not in (await shared.http.get("/readyz")).json()
    capabilities_json = (await shared.http.get(f"/readyz?{query}")).json()["store"]
    capabilities = await shared.storage.get_capabilities()
    assert set(capabilities_json) == {
        "signed_length", "signed_type", "checksum", "write_once", "checksum_told", "complete_once", "copy_condition",
        "batch_delete", "closed", "cors", "event_rules", "versioned", "clock", "reports_type",
    }  # fmt: skip
    values = msgspec.structs.asdict(capabilities)
    del values["unsupported_headers"]
    assert sorted(map(repr, capabilities_json.values())) == sorted(map(repr, values.values()))
    assert capabilities_json["write_once"] is True
    assert capabilities_json["clock"] == capabilities.clock_offset


async def test_readyz_verbose_omits_an_unreachable_store(own: Gateway) -> None:
    storage = rpc.unconfigured_client(Storage, "DRIVEBAY_STORAGE_ADDRESS")
    app = gateway.create_app(
        own.auth, own.files, storage, Settings(), now=own.clock, new_request_id=lambda: str(uuid7())
    )
    status, _, body = await raw_request(app, "GET", "/readyz?verbose", {})
    assert status == 503
    assert "store" not in json.loads(body)
    assert "DRIVEBAY_STORAGE_ADDRESS" in json.loads(body)["checks"]["storage"]


async def test_readyz_names_the_failed_check(own: Gateway) -> None:
    own.bucket.broken = True
    response = await own.http.get("/readyz")
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1
    assert response.headers["content-type"] == "application/json"
    checks = response.json()["checks"]
    assert [name for name, problem in checks.items() if problem != "ok"]
    assert all(name.startswith("storage") for name, problem in checks.items() if problem != "ok")


async def test_readyz_is_not_ready_before_a_stop_while_requests_are_served(own: Gateway) -> None:
    assert (await own.http.get("/readyz")).status_code == 200
    own.app.readiness.announce_stop()
    response = await own.http.get("/readyz")
    assert (response.status_code, response.json()["checks"]["process"]) == (503, "stops")
    assert (await own.http.get("/healthz")).status_code == 200
    await (await own.user()).ok("GET", "/v1/files")


async def test_readyz_does_not_wait_for_a_check_that_hangs(own: Gateway) -> None:
    async def hang() -> tuple[Health, ...]:
        await asyncio.sleep(60)
        return ()

    checks = {"broker": hang}
    app = gateway.create_app(
        own.auth,
        own.files,
        own.storage,
        Settings(),
        now=own.clock,
        new_request_id=lambda: str(uuid7()),
        readiness_checks=checks,
    )
    async with asyncio.timeout(10):
        status, _, body = await raw_request(app, "GET", "/readyz", {})
    assert status == 503
    found = json.loads(body)["checks"]
    assert {name for name, outcome in found.items() if outcome != "ok"} == {"broker"}
    assert found["files"] == "ok"


class CountedCheck:
    """A check that counts its calls, and fails while `problem` is set."""

    def __init__(self) -> None:
        self.count = 0
        self.problem = ""

    async def __call__(self) -> tuple[Health, ...]:
        self.count += 1
        return (Health("part", not self.problem, self.problem),)


def app_with(own: Gateway, check: CountedCheck, settings: Settings | None = None) -> GatewayApp:
    return gateway.create_app(
        own.auth,
        own.files,
        own.storage,
        settings or Settings(),
        now=own.clock,
        new_request_id=lambda: str(uuid7()),
        readiness_checks={"broker": check},
    )


async def test_many_requests_run_the_checks_once(own: Gateway) -> None:
    check = CountedCheck()
    app = app_with(own, check)
    started = asyncio.get_running_loop().time()
    answers = await asyncio.gather(*(raw_request(app, "GET", "/readyz?verbose", {}) for _ in range(100)))
    assert {status for status, _, _ in answers} == {200}
    assert check.count <= 1 + (asyncio.get_running_loop().time() - started)


async def test_readiness_is_refreshed_without_a_request(own: Gateway) -> None:
    check = CountedCheck()
    app = app_with(own, check)
    check.problem = "broken"
    assert (await raw_request(app, "GET", "/readyz", {}))[0] == 503, "the first response is right"
    refreshing = asyncio.create_task(app.readiness.run())

    async def is_ready() -> bool:
        return (await raw_request(app, "GET", "/readyz", {}))[0] == 200

    check.problem = ""
    await eventually(is_ready)
    check.problem = "broken"

    async def is_unavailable() -> bool:
        return not await is_ready()

    await eventually(is_unavailable)
    refreshing.cancel()


async def test_metrics_and_details_can_have_their_own_address(own: Gateway) -> None:
    check = CountedCheck()
    check.problem = "nats://10.0.0.9 refuses the password"
    app = app_with(own, check, Settings(has_operations_address=True))
    assert (await raw_request(app, "GET", "/metrics", {}))[0] == 404
    status, _, body = await raw_request(app, "GET", "/readyz?verbose", {})
    assert (status, json.loads(body)["checks"]["broker: part"]) == (503, "failed")
    assert b"10.0.0.9" not in body
    assert "store" not in json.loads(body)
    operations: Any = app.operations
    status, headers, body = await raw_request(operations, "GET", "/readyz", {})
    assert (status, json.loads(body)["checks"]["broker: part"]) == (503, check.problem)
    assert int(headers["retry-after"]) >= 1
    assert json.loads(body)["store"]["write_once"] is True
    assert b"drivebay_http_request_seconds" in (await raw_request(operations, "GET", "/metrics", {}))[2]
    assert (await raw_request(operations, "GET", "/healthz", {}))[0] == 200
    assert (await raw_request(operations, "GET", "/v1/files", {}))[0] == 404
    assert (await raw_request(operations, "POST", "/metrics", {}))[0] == 405
