"""On a store that lets an upload's URL write again and again, a file is still what it was when it appeared."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drivebay.embedded import Store
from drivebay.storage import s3
from drivebay.testing import world
from drivebay.testing.client import Client, eventually
from tests import lax_store

from .conftest import FAST, assert_sound, http_client, server_settings

pytestmark = pytest.mark.slow

ONE, OTHER = b"the one body", b"other bodies"


@pytest.fixture
async def environment(database_url: str, nats_url: str, store: Store, bucket: str) -> AsyncIterator[dict[str, str]]:
    async with lax_store.run(store, "if-none-match") as lax:
        yield FAST | server_settings(database_url, nats_url, replace(lax.store, filer_grpc=store.filer_grpc), bucket)


async def keys(store: Store, bucket: str) -> list[str]:
    """Every object in the bucket, whoever put it there."""
    wait = timedelta(seconds=10)
    async with s3.connect(
        endpoint=store.s3_endpoint,
        public_endpoint=store.s3_endpoint,
        access_key=store.access_key,
        secret_key=store.secret_key,
        region=store.region,
        bucket=bucket,
        timeout=wait,
        copy_timeout=wait,
        connections=2,
        now=lambda: datetime.now(UTC),
    ) as driver:
        return [object.key for object in (await driver.page("", "", 1000)).objects]


@pytest.mark.parametrize("topology", ["one", "six"])
async def test_a_file_stays_what_it_was_and_goes_without_a_trace(
    topology: str, tmp_path: Path, environment: dict[str, str], store: Store, bucket: str
) -> None:
    hurry = {"DRIVEBAY_TRASH_GRACE": "1s"}
    async with world.run(tmp_path, environment | hurry, topology) as running, http_client() as http:
        verbose = (await http.get(f"{running.api}/readyz?verbose")).json()
        assert (verbose["status"], verbose["store"]["write_once"]) == ("ready", False)
        user = await Client(http, running.api).sign_up()
        upload = await user.begin("a.txt", ONE)
        assert (await user.put(upload, ONE)).status_code == 200

        async def is_there() -> bool:
            return await user.names() == ["a.txt"]

        await eventually(is_there, within=20)
        file = (await user.ok("GET", f"/v1/uploads/{upload['id']}"))["file_id"]
        assert (await user.put(upload, ONE)).status_code == 200
        assert await user.download(file) == ONE
        await assert_sound(running)

        assert (await user.call("DELETE", f"/v1/files/{file}")).status_code == 204

        async def is_gone() -> bool:
            return await keys(store, bucket) == []

        await eventually(is_gone, within=30)
        await assert_sound(running)


async def test_the_doctor_walks_the_whole_path_there_too(
    tmp_path: Path, environment: dict[str, str], store: Store, bucket: str
) -> None:
    async with world.run(tmp_path, environment | {"DRIVEBAY_TRASH_GRACE": "1s"}) as running:
        _, out, err = await running.command("doctor", "--json")
        assert out, err
        found = json.loads(out)["findings"]
        told = [finding["detail"] for finding in found if finding["verdict"] != "ok" and finding["check"] == "store"]
        assert told == ["it does not do: write once"]
        assert {finding["verdict"] for finding in found if finding["check"] == "public address"} == {"ok"}
        # The run's PostgreSQL does not sync, and the doctor says so.
        assert {finding["check"] for finding in found if finding["verdict"] == "failed"} <= {"durability"}

        async def is_gone() -> bool:
            return await keys(store, bucket) == []

        await eventually(is_gone, within=30)


async def test_who_writes_all_the_time_gets_one_file_that_does_not_change(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    async with world.run(tmp_path, environment, "one") as running, http_client() as http:
        user = await Client(http, running.api).sign_up()
        intent = {"name": "a.txt", "size": len(ONE), "content_type": "text/plain"}
        upload = await user.ok("POST", "/v1/uploads", intent)

        async def write() -> None:
            for n in range(60):
                assert (await user.put(upload, (ONE, OTHER)[n % 2])).status_code == 200

        writing = asyncio.create_task(write())

        async def is_there() -> bool:
            return await user.names() == ["a.txt"]

        await eventually(is_there, within=20)
        file = (await user.ok("GET", f"/v1/uploads/{upload['id']}"))["file_id"]
        seen = {await user.download(file) for _ in range(10)}
        await writing
        seen |= {await user.download(file)}
        assert len(seen) == 1
        assert seen < {ONE, OTHER}
        await assert_sound(running)


async def test_killed_between_copy_and_commit_the_copy_is_used(
    tmp_path: Path, environment: dict[str, str], store: Store, bucket: str
) -> None:
    async with world.run(tmp_path, environment, "six") as running, http_client() as http:
        user = await Client(http, running.api).sign_up()
        await running.stop("files")
        await running.start("files", crash_at="commit.accepted")
        await running.ready()
        upload = await user.begin("a.txt", ONE)
        await user.put(upload, ONE)
        files = running.processes["files"]
        assert await asyncio.wait_for(files.wait(), 20) == -signal.SIGKILL
        copies = [key for key in await keys(store, bucket) if "~" in key]
        assert len(copies) == 1
        await running.stop("files")
        await running.start("files")
        await running.ready()

        async def is_there() -> bool:
            return await user.names() == ["a.txt"]

        await eventually(is_there, within=20)
        file = (await user.ok("GET", f"/v1/uploads/{upload['id']}"))["file_id"]
        assert await user.download(file) == ONE
        assert [key for key in await keys(store, bucket) if "~" in key] == copies
        await assert_sound(running)
