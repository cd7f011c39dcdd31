"""`drivebay doctor` finds nothing wrong where nothing is, and names what is wrong where something is."""

import json
from pathlib import Path
from typing import Any

import pytest

from drivebay import db
from drivebay.embedded import Postgres
from drivebay.testing import proxy, world
from drivebay.testing.world import World

from .conftest import FAST, OwnServers, assert_sound

pytestmark = pytest.mark.slow


async def findings(running: World, **more: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit status, and for each check the finding that is least well."""
    running.own = {**running.own, "all": more}
    status, out, err = await running.command("doctor", "--json")
    assert out, err
    found: dict[str, dict[str, Any]] = {}
    order = ("ok", "warning", "failed")
    for finding in json.loads(out)["findings"]:
        known = found.setdefault(finding["check"], finding)
        if order.index(finding["verdict"]) > order.index(known["verdict"]):
            found[finding["check"]] = finding
    return status, found


async def test_where_all_is_well_it_says_so_and_leaves_nothing_behind(tmp_path: Path, own_servers: OwnServers) -> None:
    async with world.run(tmp_path, FAST | own_servers.environment | {"DRIVEBAY_TRASH_GRACE": "1s"}) as running:
        status, found = await findings(running)
        assert {check: finding for check, finding in found.items() if finding["verdict"] != "ok"} == {}
        assert status == 0
        assert {"database", "events", "store", "public address", "browsers", "round trip"} <= found.keys()
        status, out, _ = await running.command("doctor")
        assert status == 0
        assert "X-Amz-Signature" not in out
        await assert_sound(running)


async def test_on_a_laptop_with_nothing_set_all_is_well(tmp_path: Path) -> None:
    async with world.run(tmp_path, FAST) as running:
        status, found = await findings(running)
    assert {finding["verdict"] for finding in found.values()} == {"ok"}, found
    assert status == 0


async def test_a_public_address_that_is_none_is_named(tmp_path: Path, own_servers: OwnServers) -> None:
    async with (
        proxy.run(("127.0.0.1", 9)) as nowhere,
        world.run(tmp_path, FAST | own_servers.environment) as running,
    ):
        nowhere.refuse = True
        wrong = f"http://{nowhere.host_port}"
        status, found = await findings(running, DRIVEBAY_S3_PUBLIC_ENDPOINT=wrong)
    assert status == 1
    assert found["public address"]["verdict"] == "failed"
    assert "DRIVEBAY_S3_PUBLIC_ENDPOINT" in found["public address"]["fix"]


async def test_what_keeps_it_from_looking_is_a_finding_too(tmp_path: Path, own_servers: OwnServers) -> None:
    nowhere = f"postgresql://drivebay@/drivebay?host={tmp_path}"
    async with world.run(tmp_path, FAST | own_servers.environment) as running:
        status, found = await findings(running, DRIVEBAY_DATABASE_URL=nowhere)
    assert status == 1
    assert found["start"]["verdict"] == "failed"
    assert "DRIVEBAY_DATABASE_URL" in found["start"]["detail"]


async def test_each_thing_that_is_away_is_named_with_the_setting_that_says_where_it_is(
    tmp_path: Path, own_servers: OwnServers
) -> None:
    async with (
        proxy.run(("127.0.0.1", 9)) as nowhere,
        world.run(tmp_path, FAST | own_servers.environment) as running,
    ):
        nowhere.refuse = True
        away = {"DRIVEBAY_AUTH_ADDRESS": nowhere.host_port, "DRIVEBAY_NATS_URL": f"nats://{nowhere.host_port}"}
        status, found = await findings(running, **away)
    assert status == 1
    failed = {check for check, finding in found.items() if finding["verdict"] == "failed"}
    assert failed == {"auth", "signing keys", "events"}
    assert "DRIVEBAY_AUTH_ADDRESS" in found["auth"]["fix"]
    assert "DRIVEBAY_NATS_URL" in found["events"]["fix"]
    assert found["files: postgres"]["verdict"] == "ok"


async def test_without_ingest_the_round_trip_says_that_nobody_sweeps(
    tmp_path: Path, server_environment: dict[str, str]
) -> None:
    async with world.run(tmp_path, FAST | server_environment, "six") as running:
        await running.stop("ingest")
        status, found = await findings(running)
    assert status == 1
    assert "ingest" in found["round trip"]["fix"]


async def test_beside_services_apart_it_says_what_it_did_not_see_and_starts_no_servers(
    tmp_path: Path, server_environment: dict[str, str]
) -> None:
    async with world.run(tmp_path, FAST | server_environment, "six") as running:
        hidden = dict.fromkeys((name for name in server_environment if name != "DRIVEBAY_S3_BUCKET"), "")
        status, found = await findings(running, **hidden | {"DRIVEBAY_DATA": str(tmp_path / "empty")})
    assert status == 1
    assert {check for check, finding in found.items() if finding["verdict"] != "ok"} == {"database", "events"}, found
    assert "DRIVEBAY_NATS_URL" in found["events"]["fix"]
    assert not {"nats", "postgres", "store"} & {path.name for path in (tmp_path / "empty").glob("*")}


async def test_a_sweeper_that_found_it_is_told_from_an_event(tmp_path: Path, own_servers: OwnServers) -> None:
    host, _, port = own_servers.environment["DRIVEBAY_FILER_ADDRESS"].partition(":")
    async with proxy.run((host, int(port))) as filer:
        environment = own_servers.environment | {
            "DRIVEBAY_FILER_ADDRESS": filer.host_port,
            "DRIVEBAY_SWEEP_INTERVAL": "4s",
        }
        async with world.run(tmp_path, FAST | environment) as running:
            filer.silent = True
            status, found = await findings(running)
    assert status == 1
    assert found["round trip"]["verdict"] == "warning"
    assert "no event came" in found["round trip"]["detail"]


async def test_a_database_that_forgets_at_a_power_cut_is_named(
    tmp_path: Path, postgres: Postgres, server_environment: dict[str, str]
) -> None:
    # The tests' own server does not sync, which is just what the doctor is there to see.
    async with db.connect(server_environment["DRIVEBAY_DATABASE_URL"], size=1) as database:
        assert await database.fetchval("SELECT current_setting('fsync')") == "off"
    async with world.run(tmp_path, FAST | server_environment) as running:
        status, found = await findings(running)
    assert status == 1
    assert found["durability"]["verdict"] == "failed"
    assert "fsync" in found["durability"]["detail"] + found["durability"]["fix"]
