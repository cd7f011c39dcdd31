"""Whatever breaks on the way, a file arrives whole or not at all, and nothing is left behind."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import pytest

from drivebay.client import AsyncDrive, Changed, InMemory, Patience
from drivebay.embedded.postgres import Postgres
from drivebay.embedded.seaweedfs import Store
from drivebay.testing.proxy import Proxy
from tests.e2e.conftest import server_settings

from .conftest import QUICK, NewDrive, Site, site_of
from .kept import MIB, Kept, random_bytes
from .shell import PASSWORD, Shell

pytestmark = pytest.mark.slow

SIZE = 40 * MIB + 11
BODY = random_bytes(SIZE, seed=5)


@pytest.fixture
def source(shell: Shell) -> Path:
    path = shell.home / "large.bin"
    path.write_bytes(BODY)
    return path


async def passed(proxy: Proxy, bytes: int) -> None:
    """Wait until so many more have."""
    end = proxy.passed + bytes
    async with asyncio.timeout(60):
        while proxy.passed < end:
            await asyncio.sleep(0.01)


async def left_over(shell: Shell) -> tuple[int, list[object]]:
    status = (await shell.ok("status", "--json")).json
    return status["account"]["usage"]["reserved_bytes"], status["unfinished"]


@pytest.mark.parametrize(("how", "status"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, -15)])
async def test_a_put_that_was_ended_goes_on(
    site: Site, shell: Shell, source: Path, how: signal.Signals, status: int
) -> None:
    site.store.delay = 0.01
    process = await shell.start("put", "large.bin")
    await passed(site.store, 36 * MIB)
    process.send_signal(how)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, out) == (status, b"")
    assert b"Traceback" not in err
    site.heal()
    assert (await shell.ok("ls")).lines == []
    reserved, unfinished = await left_over(shell)
    assert (reserved, len(unfinished)) == (SIZE, 1)
    before = site.store.passed
    assert (await shell.ok("put", "large.bin")).lines == ["/large.bin"]
    assert site.store.passed - before < SIZE
    assert (await shell.ok("cat", "/large.bin")).raw == BODY
    assert await left_over(shell) == (0, [])
    # And said once more, it has nothing to do.
    before = site.store.passed
    assert (await shell.ok("put", "large.bin", "--json")).json[0]["status"] == "there"
    assert site.store.passed == before


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_a_folder_of_small_files_that_was_ended_goes_on(site: Site, shell: Shell, how: signal.Signals) -> None:
    bodies = {f"{number:03}.bin": random_bytes(4096, seed=number) for number in range(300)}
    folder = shell.home / "small"
    folder.mkdir()
    for name, body in bodies.items():
        (folder / name).write_bytes(body)
    site.store.delay = 0.02
    process = await shell.start("put", "small")
    await passed(site.store, 50 * 4096)
    process.send_signal(how)
    _, err = await asyncio.wait_for(process.communicate(), 30)
    assert b"Traceback" not in err
    site.heal()
    # What was begun and not ended held its name until its deadline, if nobody gave it up.
    assert len((await shell.ok("put", "small")).lines) == len(bodies)
    assert await left_over(shell) == (0, [])
    assert list((shell.home / ".local/state/drivebay/uploads/begun").iterdir()) == []
    (shell.home / "back").mkdir()
    assert len((await shell.ok("get", "/small", "--to", "back")).lines) == len(bodies)
    assert {path.name: path.read_bytes() for path in (shell.home / "back/small").iterdir()} == bodies


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_a_get_that_was_ended_goes_on_and_never_has_its_name_before(
    site: Site, shell: Shell, source: Path, how: signal.Signals
) -> None:
    await shell.ok("put", "large.bin")
    source.unlink()
    site.store.delay = 0.01
    process = await shell.start("get", "/large.bin")
    await passed(site.store, 36 * MIB)
    process.send_signal(how)
    await asyncio.wait_for(process.communicate(), 30)
    assert not source.exists()
    site.heal()
    assert (await shell.ok("get", "/large.bin")).lines == ["large.bin"]
    assert source.read_bytes() == BODY
    assert sorted(path.name for path in shell.home.iterdir() if "part" in path.name) == []


async def test_a_put_outlives_the_gateway(site: Site, shell: Shell, source: Path) -> None:
    site.store.delay = 0.01
    process = await shell.start("put", "large.bin")
    await passed(site.store, 20 * MIB)
    await site.world.stop("all", signal.SIGKILL)
    site.heal()
    await asyncio.sleep(1)  # parts are asked for meanwhile, in vain
    await site.world.start("all")
    await site.world.ready()
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, out) == (0, b"/large.bin\n"), err
    assert (await shell.ok("cat", "/large.bin")).raw == BODY
    assert await left_over(shell) == (0, [])


@pytest.mark.parametrize("point", ["parts.begun", "parts.before_assembly", "parts.assembled"])
async def test_an_upload_outlives_a_gateway_that_dies_between_parts_and_file(site: Site, point: str) -> None:
    await site.world.stop("all")
    await site.world.start("all", crash_at=point)
    await site.world.ready()

    async def revive() -> int:
        status = await asyncio.wait_for(site.world.processes["all"].wait(), 30)
        await site.world.start("all")
        return status

    patient = Patience(seconds=60, first=0.05, longest=1)
    async with AsyncDrive(site.server, session=InMemory(), patience=patient) as drive:
        email = f"{uuid4().hex}@example.com"
        await drive.sign_up(email, PASSWORD)
        await drive.log_in(email, PASSWORD)
        file, status = await asyncio.gather(drive.upload(BODY, name="a.bin"), revive())
        assert status == -signal.SIGKILL
        assert await drive.read(file) == BODY
        assert [each.id async for each in drive.files()] == [file.id]
        usage = (await drive.me()).usage
        assert usage is not None
        assert usage.reserved_bytes == 0
    await site.world.ready()


async def test_a_network_that_is_gone_for_a_while_is_waited_for(site: Site, shell: Shell, source: Path) -> None:
    site.store.delay = 0.01
    process = await shell.start("put", "large.bin")
    await passed(site.store, 12 * MIB)
    for proxy in (site.store, site.api):
        proxy.refuse = True
        proxy.cut()
    await asyncio.sleep(3)
    site.heal()
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, out) == (0, b"/large.bin\n"), err
    assert (await shell.ok("cat", "/large.bin")).raw == BODY


@pytest.mark.parametrize("seed", range(3))
async def test_connections_that_are_cut_anywhere_harm_nothing(
    site: Site, drive: AsyncDrive, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)

    async def cut() -> None:
        while True:
            await passed(site.store, chance.randrange(4 * MIB, 40 * MIB))
            site.store.cut()
            site.api.cut()

    body = BODY[: 20 * MIB + seed]
    cutter = asyncio.create_task(cut())
    try:
        file = await drive.upload(body, name="a.bin")
        small = [await drive.upload(body[: 1000 * n], name=f"{n}.bin", on_conflict="fail") for n in range(8)]
        await drive.download(file, tmp_path / "a.bin")
        for each in small:
            await drive.download(each, tmp_path)
    finally:
        cutter.cancel()
    assert (tmp_path / "a.bin").read_bytes() == body
    for n in range(8):
        assert (tmp_path / f"{n}.bin").read_bytes() == body[: 1000 * n]
    # Begun again or not, each is there once.
    assert sorted([each.name async for each in drive.files()]) == sorted(["a.bin", *(f"{n}.bin" for n in range(8))])
    usage = (await drive.me()).usage
    assert usage is not None
    assert usage.reserved_bytes == 0


async def deaf_for(proxy: Proxy, seconds: float) -> None:
    """Requests arrive and are done, and nobody hears of it."""
    proxy.deaf = True
    await asyncio.sleep(seconds)
    proxy.cut()
    proxy.deaf = False


@pytest.mark.parametrize("where", ["api", "store"])
async def test_answers_that_are_lost_make_nothing_twice(site: Site, new_drive: NewDrive, where: str) -> None:
    drive = await new_drive()
    proxy: Proxy = getattr(site, where)
    work: list[Callable[[], Awaitable[object]]] = [
        lambda: drive.upload(b"small", name="a", on_conflict="fail"),
        lambda: drive.upload(BODY[: 17 * MIB], name="b", on_conflict="fail"),
        lambda: drive.make_folder("/c"),
        lambda: drive.trash("/a"),
    ]
    for each in work:
        await asyncio.gather(each(), deaf_for(proxy, 0.6))
    assert [file.name async for file in drive.files()] == ["b", "c"]
    assert [file.name async for file in drive.trashed()] == ["a"]
    assert await drive.read("/b") == BODY[: 17 * MIB]


async def test_a_full_disk_leaves_nothing_behind(shell: Shell, source: Path) -> None:
    await shell.ok("put", "large.bin")
    (shell.home / "small.bin").write_bytes(BODY[:MIB])
    await shell.ok("put", "small.bin")
    (shell.home / "to").mkdir()
    for name in ("small.bin", "large.bin"):
        # A file may grow to 512 KiB and no further: to the program it is a disk that is full.
        script = f"ulimit -f 512; exec {' '.join(shell.command)} get /{name} --to to"
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            script,
            env=shell.environment,
            cwd=shell.home,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert (process.returncode, out) == (1, b"")
        assert b"File too large" in err
        assert b"make room" in err
        assert list((shell.home / "to").iterdir()) == []


async def test_a_file_that_is_written_to_all_the_time_is_refused(shell: Shell, source: Path) -> None:
    async def write() -> None:
        while True:
            with source.open("ab") as file:
                file.write(b"x")
            await asyncio.sleep(0.005)

    writer = asyncio.create_task(write())
    try:
        ran = await shell("put", "large.bin")
    finally:
        writer.cancel()
    assert (ran.status, ran.raw) == (5, b"")
    assert "changed while it was read" in ran.err
    assert (await shell.ok("ls")).lines == []
    assert await left_over(shell) == (0, [])


@pytest.fixture
async def own_site(
    tmp_path: Path, own_store: Callable[[], Awaitable[Store]], postgres: Postgres, database_url: str, nats_url: str
) -> AsyncIterator[tuple[Site, Store]]:
    """A Drivebay on a store of its own, which may be killed."""
    store = await own_store()
    async with site_of(tmp_path, server_settings(database_url, nats_url, store, "own"), store) as site:
        yield site, store


async def test_transfers_outlive_the_store(own_site: tuple[Site, Store], tmp_path: Path) -> None:
    site, store = own_site
    assert store.process is not None
    (tmp_path / "large.bin").write_bytes(BODY)
    patient = Patience(seconds=60, first=0.05, longest=1)
    async with AsyncDrive(site.server, session=InMemory(), resume=Kept(), patience=patient) as drive:
        await drive.sign_up("ada@example.com", PASSWORD)
        await drive.log_in("ada@example.com", PASSWORD)

        async def kill() -> None:
            await passed(site.store, 20 * MIB)
            await store.process.kill()  # type: ignore[union-attr]
            await asyncio.sleep(0.5)
            await store.process.start()  # type: ignore[union-attr]

        site.store.delay = 0.005
        file, _ = await asyncio.gather(drive.upload(tmp_path / "large.bin"), kill())
        await asyncio.gather(drive.download(file, tmp_path / "back.bin"), kill())
        assert (tmp_path / "back.bin").read_bytes() == BODY
        usage = (await drive.me()).usage
        assert usage is not None
        assert (usage.file_count, usage.reserved_bytes) == (1, 0)


async def test_a_changed_file_leaves_no_part_in_the_store(site: Site, new_drive: NewDrive, tmp_path: Path) -> None:
    drive = await new_drive(resume=Kept(), patience=QUICK)
    path = tmp_path / "log.bin"
    path.write_bytes(BODY)

    def write(done: int, total: int) -> None:
        if done > 30 * MIB:
            with path.open("ab") as file:
                file.write(b"x")

    with pytest.raises(Changed):
        await drive.send(path, progress=write)
    usage = (await drive.me()).usage
    assert usage is not None
    assert usage.reserved_bytes == 0
