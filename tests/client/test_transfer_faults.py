"""Transfers through the SDK while connections, answers, the gateway or the object store fail.

A file arrives whole or not at all, exactly once, and no reserved bytes stay behind.
"""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import pytest

from drivebay.client import AsyncDrive, ContentChanged, MemoryTokenStore, RetryPolicy
from drivebay.embedded.postgres import Postgres
from drivebay.embedded.seaweedfs import Store
from drivebay.testing.proxy import Proxy
from tests.cli.shell import PASSWORD
from tests.e2e.conftest import server_settings

from .conftest import NewDrive, Site, site_of
from .memory_resume_store import MemoryResumeStore
from .transfer_helpers import MIB, random_bytes, reserved_bytes, until_passed

pytestmark = pytest.mark.slow

SIZE = 40 * MIB + 11
CONTENT = random_bytes(SIZE, seed=5)
PATIENT = RetryPolicy(timeout=60, first_delay=0.05, max_delay=1)


@pytest.mark.parametrize("crash_point", ["parts.begun", "parts.before_assembly", "parts.assembled"])
async def test_upload_in_parts_survives_a_crash_of_the_gateway(site: Site, crash_point: str) -> None:
    await site.world.stop("all")
    await site.world.start("all", crash_at=crash_point)
    await site.world.ready()

    async def restart_after_crash() -> int:
        status = await asyncio.wait_for(site.world.processes["all"].wait(), 30)
        await site.world.start("all")
        return status

    async with AsyncDrive(site.server, token_store=MemoryTokenStore(), retry_policy=PATIENT) as drive:
        email = f"{uuid4().hex}@example.com"
        await drive.sign_up(email, PASSWORD)
        await drive.log_in(email, PASSWORD)
        file, status = await asyncio.gather(drive.upload(CONTENT, name="a.bin"), restart_after_crash())
        assert status == -signal.SIGKILL
        assert await drive.read(file) == CONTENT
        assert [found.id async for found in drive.files()] == [file.id]
        assert await reserved_bytes(drive) == 0
    await site.world.ready()


@pytest.mark.parametrize("seed", range(3))
async def test_transfers_survive_cut_connections(site: Site, drive: AsyncDrive, tmp_path: Path, seed: int) -> None:
    cut_points = random.Random(seed)

    async def cut_repeatedly() -> None:
        while True:
            await until_passed(site.store, cut_points.randrange(4 * MIB, 40 * MIB))
            site.store.cut()
            site.api.cut()

    content = CONTENT[: 20 * MIB + seed]
    cutter = asyncio.create_task(cut_repeatedly())
    try:
        file = await drive.upload(content, name="a.bin")
        small_files = [
            await drive.upload(content[: 1000 * number], name=f"{number}.bin", on_conflict="fail")
            for number in range(8)
        ]
        await drive.download(file, tmp_path / "a.bin")
        for small_file in small_files:
            await drive.download(small_file, tmp_path)
    finally:
        cutter.cancel()
    assert (tmp_path / "a.bin").read_bytes() == content
    for number in range(8):
        assert (tmp_path / f"{number}.bin").read_bytes() == content[: 1000 * number]
    expected = sorted(["a.bin", *(f"{number}.bin" for number in range(8))])
    assert sorted([found.name async for found in drive.files()]) == expected
    assert await reserved_bytes(drive) == 0


async def drop_answers(proxy: Proxy, seconds: float) -> None:
    """Let requests through and drop their answers for some seconds, then cut the connections."""
    proxy.drop_responses = True
    await asyncio.sleep(seconds)
    proxy.cut()
    proxy.drop_responses = False


@pytest.mark.parametrize("proxy_name", ["api", "store"])
async def test_a_lost_answer_repeats_no_effect(site: Site, new_drive: NewDrive, proxy_name: str) -> None:
    drive = await new_drive()
    proxy: Proxy = getattr(site, proxy_name)
    operations: list[Callable[[], Awaitable[object]]] = [
        lambda: drive.upload(b"small", name="a", on_conflict="fail"),
        lambda: drive.upload(CONTENT[: 17 * MIB], name="b", on_conflict="fail"),
        lambda: drive.make_folder("/c"),
        lambda: drive.trash("/a"),
    ]
    for operation in operations:
        await asyncio.gather(operation(), drop_answers(proxy, 0.6))
    assert [file.name async for file in drive.files()] == ["b", "c"]
    assert [file.name async for file in drive.trashed()] == ["a"]
    assert await drive.read("/b") == CONTENT[: 17 * MIB]


@pytest.fixture
async def site_with_own_store(
    tmp_path: Path, own_store: Callable[[], Awaitable[Store]], postgres: Postgres, database_url: str, nats_url: str
) -> AsyncIterator[tuple[Site, Store]]:
    """A Drivebay with an object store that the test may kill."""
    store = await own_store()
    async with site_of(tmp_path, server_settings(database_url, nats_url, store, "own"), store) as site:
        yield site, store


async def test_transfers_survive_a_restart_of_the_store(
    site_with_own_store: tuple[Site, Store], tmp_path: Path
) -> None:
    site, store = site_with_own_store
    assert store.server_process is not None
    (tmp_path / "large.bin").write_bytes(CONTENT)
    async with AsyncDrive(
        site.server, token_store=MemoryTokenStore(), resume_store=MemoryResumeStore(), retry_policy=PATIENT
    ) as drive:
        await drive.sign_up("ada@example.com", PASSWORD)
        await drive.log_in("ada@example.com", PASSWORD)

        async def restart_store() -> None:
            await until_passed(site.store, 20 * MIB)
            await store.server_process.kill()  # type: ignore[union-attr]
            await asyncio.sleep(0.5)
            await store.server_process.start()  # type: ignore[union-attr]

        site.store.delay = 0.005
        file, _ = await asyncio.gather(drive.upload(tmp_path / "large.bin"), restart_store())
        await asyncio.gather(drive.download(file, tmp_path / "copy.bin"), restart_store())
        assert (tmp_path / "copy.bin").read_bytes() == CONTENT
        usage = (await drive.me()).usage
        assert usage is not None
        assert (usage.file_count, usage.reserved_bytes) == (1, 0)


async def test_a_file_that_changes_leaves_no_upload_behind(new_drive: NewDrive, tmp_path: Path) -> None:
    drive = await new_drive(resume_store=MemoryResumeStore())
    path = tmp_path / "log.bin"
    path.write_bytes(CONTENT)

    def append_after_30_mib(done: int, total: int) -> None:
        if done > 30 * MIB:
            with path.open("ab") as file:
                file.write(b"x")

    with pytest.raises(ContentChanged):
        await drive.send(path, progress=append_after_30_mib)
    assert await reserved_bytes(drive) == 0
