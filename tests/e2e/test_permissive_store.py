"""On a store that accepts a second PUT with an upload's URL, a file still never changes."""

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
from tests import permissive_store

from .conftest import FAST, assert_sound, http_client, server_settings

pytestmark = pytest.mark.slow

ONE, OTHER = b"the one body", b"other bodies"


@pytest.fixture
async def environment(database_url: str, nats_url: str, store: Store, bucket: str) -> AsyncIterator[dict[str, str]]:
    async with permissive_store.run(store, "if-none-match") as proxy:
        yield FAST | server_settings(database_url, nats_url, replace(proxy.store, filer_grpc=store.filer_grpc), bucket)


async def list_keys(store: Store, bucket: str) -> list[str]:
    """Return the keys of all objects in the bucket."""
    options = s3.S3Options(
        store.s3_endpoint,
        store.access_key,
        store.secret_key,
        bucket,
        region=store.region,
        timeout=timedelta(seconds=10),
    )
    async with s3.connect(options, now=lambda: datetime.now(UTC)) as driver:
        return [object.key for object in (await driver.list_objects("", "", 1000)).objects]


@pytest.mark.parametrize("topology", ["one", "six"])
async def test_a_file_never_changes_and_its_deletion_leaves_no_object(
    topology: str, tmp_path: Path, environment: dict[str, str], store: Store, bucket: str
) -> None:
    short_grace = {"DRIVEBAY_TRASH_GRACE": "1s"}
    async with world.run(tmp_path, environment | short_grace, topology) as running, http_client() as http:
        verbose = (await http.get(f"{running.api}/readyz?verbose")).json()
        assert (verbose["status"], verbose["store"]["write_once"]) == ("ready", False)
        user = await Client(http, running.api).sign_up()
        upload = await user.begin("a.txt", ONE)
        assert (await user.put(upload, ONE)).status_code == 200

        async def file_exists() -> bool:
            return await user.names() == ["a.txt"]

        await eventually(file_exists, within=20)
        file = (await user.ok("GET", f"/v1/uploads/{upload['id']}"))["file_id"]
        assert (await user.put(upload, ONE)).status_code == 200
        assert await user.download(file) == ONE
        await assert_sound(running)

        assert (await user.call("DELETE", f"/v1/files/{file}")).status_code == 204

        async def bucket_is_empty() -> bool:
            return await list_keys(store, bucket) == []

        await eventually(bucket_is_empty, within=30)
        await assert_sound(running)


async def test_the_doctor_passes_and_reports_the_missing_capability(
    tmp_path: Path, environment: dict[str, str], store: Store, bucket: str
) -> None:
    async with world.run(tmp_path, environment | {"DRIVEBAY_TRASH_GRACE": "1s"}) as running:
        _, out, err = await running.command("doctor", "--json")
        assert out, err
        found = json.loads(out)["findings"]
        details = [finding["detail"] for finding in found if finding["verdict"] != "ok" and finding["check"] == "store"]
        assert details == ["the store accepts a second upload to the same URL"]
        assert {finding["verdict"] for finding in found if finding["check"] == "public endpoint"} == {"ok"}
        # The PostgreSQL of the test run does not sync to disk, so this check fails.
        assert {finding["check"] for finding in found if finding["verdict"] == "failed"} <= {"durability"}

        async def bucket_is_empty() -> bool:
            return await list_keys(store, bucket) == []

        await eventually(bucket_is_empty, within=30)


async def test_a_client_that_writes_repeatedly_gets_one_file_that_does_not_change(
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

        async def file_exists() -> bool:
            return await user.names() == ["a.txt"]

        await eventually(file_exists, within=20)
        file = (await user.ok("GET", f"/v1/uploads/{upload['id']}"))["file_id"]
        downloads = {await user.download(file) for _ in range(10)}
        await writing
        downloads |= {await user.download(file)}
        assert len(downloads) == 1
        assert downloads < {ONE, OTHER}
        await assert_sound(running)


async def test_after_a_crash_between_copy_and_commit_the_copy_is_used(
    tmp_path: Path, environment: dict[str, str], store: Store, bucket: str
) -> None:
    async with world.run(tmp_path, environment, "six") as running, http_client() as http:
        user = await Client(http, running.api).sign_up()
        await running.stop("files")
        await running.start("files", crash_at="commit.promoted")
        await running.ready()
        upload = await user.begin("a.txt", ONE)
        await user.put(upload, ONE)
        files = running.processes["files"]
        assert await asyncio.wait_for(files.wait(), 20) == -signal.SIGKILL
        copies = [key for key in await list_keys(store, bucket) if "~" in key]
        assert len(copies) == 1
        await running.stop("files")
        await running.start("files")
        await running.ready()

        async def file_exists() -> bool:
            return await user.names() == ["a.txt"]

        await eventually(file_exists, within=20)
        file = (await user.ok("GET", f"/v1/uploads/{upload['id']}"))["file_id"]
        assert await user.download(file) == ONE
        assert [key for key in await list_keys(store, bucket) if "~" in key] == copies
        await assert_sound(running)
