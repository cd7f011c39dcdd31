"""`drivebay doctor`: every check is ok in a working deployment, and each fault is found and named."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drivebay import postgres as database_pool
from drivebay.embedded import Postgres, Store
from drivebay.testing import proxy, world
from drivebay.testing.world import World
from tests import permissive_store

from .conftest import FAST, OwnServers, assert_sound, server_settings

pytestmark = pytest.mark.slow

SEVERITY = ("ok", "warning", "failed")


async def run_doctor(running: World, **settings: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run the doctor with additional settings. Return its exit status, and the worst finding of each check."""
    running.own = {**running.own, "all": settings}
    status, stdout, stderr = await running.command("doctor", "--json")
    assert stdout, stderr
    worst: dict[str, dict[str, Any]] = {}
    for finding in json.loads(stdout)["findings"]:
        known = worst.setdefault(finding["check"], finding)
        if SEVERITY.index(finding["verdict"]) > SEVERITY.index(known["verdict"]):
            worst[finding["check"]] = finding
    return status, worst


def not_ok(findings: dict[str, dict[str, Any]]) -> set[str]:
    return {check for check, finding in findings.items() if finding["verdict"] != "ok"}


async def test_all_checks_are_ok_and_the_doctor_leaves_nothing_behind(tmp_path: Path, own_servers: OwnServers) -> None:
    async with world.run(tmp_path, FAST | own_servers.environment | {"DRIVEBAY_TRASH_GRACE": "1s"}) as running:
        status, findings = await run_doctor(running)
        assert not_ok(findings) == set(), findings
        assert status == 0
        assert {"database", "search", "events", "store", "public endpoint", "browsers", "round trip"} <= findings.keys()
        status, stdout, _ = await running.command("doctor")
        assert status == 0
        assert "X-Amz-Signature" not in stdout
        await assert_sound(running)


async def test_all_checks_are_ok_with_embedded_servers_and_no_settings(tmp_path: Path) -> None:
    async with world.run(tmp_path, FAST) as running:
        status, findings = await run_doctor(running)
    assert not_ok(findings) == set(), findings
    assert status == 0


async def test_wrong_public_endpoint_is_found(tmp_path: Path, own_servers: OwnServers) -> None:
    async with (
        proxy.run(("127.0.0.1", 9)) as unreachable,
        world.run(tmp_path, FAST | own_servers.environment) as running,
    ):
        unreachable.refuse = True
        endpoint = f"http://{unreachable.host_port}"
        status, findings = await run_doctor(running, DRIVEBAY_S3_PUBLIC_ENDPOINT=endpoint)
    assert status == 1
    assert findings["public endpoint"]["verdict"] == "failed"
    assert unreachable.host_port in findings["public endpoint"]["detail"]
    assert "X-Amz-Signature" not in findings["public endpoint"]["detail"]
    assert "DRIVEBAY_S3_PUBLIC_ENDPOINT" in findings["public endpoint"]["fix"]


async def test_store_that_cannot_write_is_found_with_its_fix(
    tmp_path: Path, database_url: str, nats_url: str, store: Store, bucket: str
) -> None:
    async with permissive_store.run(store) as full:
        settings = server_settings(database_url, nats_url, replace(full.store, filer_grpc=store.filer_grpc), bucket)
        async with world.run(tmp_path, FAST | settings) as running:
            full.is_full = True
            status, findings = await run_doctor(running)
    assert status == 1
    assert findings["storage: store"]["detail"] == "the store responds to PUT with 500 InternalError"
    assert "`No writable volumes`" in findings["storage: store"]["fix"]
    assert "-volume.max=" in findings["storage: store"]["fix"]
    assert findings["public endpoint"]["verdict"] == "failed"


async def test_error_at_start_is_a_finding_too(tmp_path: Path, own_servers: OwnServers) -> None:
    wrong_url = f"postgresql://drivebay@/drivebay?host={tmp_path}"
    async with world.run(tmp_path, FAST | own_servers.environment) as running:
        status, findings = await run_doctor(running, DRIVEBAY_DATABASE_URL=wrong_url)
    assert status == 1
    assert findings["start"]["verdict"] == "failed"
    assert "DRIVEBAY_DATABASE_URL" in findings["start"]["detail"]


async def test_unreachable_servers_are_named_with_their_settings(tmp_path: Path, own_servers: OwnServers) -> None:
    async with (
        proxy.run(("127.0.0.1", 9)) as unreachable,
        world.run(tmp_path, FAST | own_servers.environment) as running,
    ):
        unreachable.refuse = True
        address = unreachable.host_port
        status, findings = await run_doctor(
            running, DRIVEBAY_AUTH_ADDRESS=address, DRIVEBAY_NATS_URL=f"nats://{address}"
        )
    assert status == 1
    failed = {check for check, finding in findings.items() if finding["verdict"] == "failed"}
    assert failed == {"auth", "signing keys", "events"}
    assert "DRIVEBAY_AUTH_ADDRESS" in findings["auth"]["fix"]
    assert "DRIVEBAY_NATS_URL" in findings["events"]["fix"]
    assert findings["files: postgres"]["verdict"] == "ok"


async def test_stopped_ingest_is_found_by_the_round_trip(tmp_path: Path, server_environment: dict[str, str]) -> None:
    async with world.run(tmp_path, FAST | server_environment, "six") as running:
        await running.stop("ingest")
        status, findings = await run_doctor(running)
    assert status == 1
    assert "ingest" in findings["round trip"]["fix"]


async def test_with_remote_services_unchecked_servers_are_named_and_no_server_is_started(
    tmp_path: Path, server_environment: dict[str, str]
) -> None:
    async with world.run(tmp_path, FAST | server_environment, "six") as running:
        unset = dict.fromkeys((name for name in server_environment if name != "DRIVEBAY_S3_BUCKET"), "")
        status, findings = await run_doctor(running, **unset | {"DRIVEBAY_DATA": str(tmp_path / "empty")})
    assert status == 1
    assert not_ok(findings) == {"database", "events"}, findings
    assert "DRIVEBAY_NATS_URL" in findings["events"]["fix"]
    assert not {"nats", "postgres", "store"} & {path.name for path in (tmp_path / "empty").glob("*")}


async def test_commit_by_the_sweep_is_reported_as_a_missing_event(tmp_path: Path, own_servers: OwnServers) -> None:
    host, _, port = own_servers.environment["DRIVEBAY_FILER_ADDRESS"].partition(":")
    async with proxy.run((host, int(port))) as filer:
        environment = own_servers.environment | {
            "DRIVEBAY_FILER_ADDRESS": filer.host_port,
            "DRIVEBAY_SWEEP_INTERVAL": "4s",
        }
        async with world.run(tmp_path, FAST | environment) as running:
            filer.stalled = True
            status, findings = await run_doctor(running)
    assert status == 1
    assert findings["round trip"]["verdict"] == "warning"
    assert "no event came" in findings["round trip"]["detail"]


async def test_filer_of_a_cluster_that_cannot_be_reached_is_named(tmp_path: Path, own_servers: OwnServers) -> None:
    filer = own_servers.environment["DRIVEBAY_FILER_ADDRESS"]
    async with proxy.run(("127.0.0.1", 9)) as unreachable:
        unreachable.refuse = True
        environment = own_servers.environment | {"DRIVEBAY_FILER_ADDRESS": f"{filer},{unreachable.host_port}"}
        async with world.run(tmp_path, FAST | environment) as running:
            _, findings = await run_doctor(running)
    assert not_ok(findings) == {"filers"}, findings
    assert unreachable.host_port in findings["filers"]["detail"]
    assert filer not in findings["filers"]["detail"]


async def test_database_without_fsync_is_found(
    tmp_path: Path, postgres: Postgres, server_environment: dict[str, str]
) -> None:
    # The shared PostgreSQL of the tests runs without fsync, so it has the fault already.
    async with database_pool.connect(server_environment["DRIVEBAY_DATABASE_URL"], size=1) as database:
        assert await database.fetchval("SELECT current_setting('fsync')") == "off"
    async with world.run(tmp_path, FAST | server_environment) as running:
        status, findings = await run_doctor(running)
    assert status == 1
    assert findings["durability"]["verdict"] == "failed"
    assert "fsync" in findings["durability"]["detail"] + findings["durability"]["fix"]


async def test_check_tells_damage_from_a_store_that_could_not_be_asked(tmp_path: Path, own_servers: OwnServers) -> None:
    environment = FAST | own_servers.environment
    async with world.run(tmp_path, environment) as running:
        status, out, _ = await running.command("check", "--json")
        assert (status, json.loads(out)) == (0, {"verdict": "sound", "violations": [], "unchecked": []})
        # An empty drive asks the store about no object.
        await own_servers.store.kill()
        status, out, _ = await running.command("check", "--json")
        report = json.loads(out)
        assert (status, report["verdict"], report["violations"]) == (3, "unknown", []), report
        assert [each["invariant"] for each in report["unchecked"]] == ["a_stored_version_has_its_object"]
        status, out, _ = await running.command("check")
        assert status == 3
        assert "every invariant holds" not in out
        assert "no verdict" in out
        await own_servers.store.start()
        async with database_pool.connect(environment["DRIVEBAY_DATABASE_URL"], size=1) as database:
            await database.execute("INSERT INTO files.usage (owner_id, used_bytes) VALUES (gen_random_uuid(), 7)")
        status, out, _ = await running.command("check", "--json")
        assert (status, json.loads(out)["verdict"]) == (1, "damaged")
        await own_servers.postgres.kill()
        status, out, err = await running.command("check", "--json")
        assert (status, json.loads(out)["verdict"]) == (3, "unknown"), err
