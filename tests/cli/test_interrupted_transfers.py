"""`put` and `get` after an interruption: a file is complete or absent, and the same command resumes the transfer."""

import asyncio
import signal
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from tests.client.conftest import Site
from tests.client.transfer_helpers import MIB, random_bytes, until_passed

from .shell import EXIT_TIMEOUT, Shell

pytestmark = pytest.mark.slow

SIZE = 40 * MIB + 11
BODY = random_bytes(SIZE, seed=5)


@pytest.fixture
def source(shell: Shell) -> Path:
    path = shell.home / "large.bin"
    path.write_bytes(BODY)
    return path


async def reserved_and_unfinished(shell: Shell) -> tuple[int, list[object]]:
    """Return the reserved bytes and the unfinished uploads that `status` shows."""
    status = (await shell.ok("status", "--json")).json
    return status["account"]["usage"]["reserved_bytes"], status["unfinished"]


@pytest.mark.parametrize(("ended_by", "status"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, -15)])
async def test_put_resumes_a_large_file_after_a_signal(
    site: Site, shell: Shell, source: Path, ended_by: signal.Signals, status: int
) -> None:
    site.store.delay = 0.01
    process = await shell.start("put", "large.bin")
    await until_passed(site.store, 36 * MIB)
    process.send_signal(ended_by)
    stdout, stderr = await asyncio.wait_for(process.communicate(), EXIT_TIMEOUT)
    assert (process.returncode, stdout) == (status, b"")
    assert b"Traceback" not in stderr
    site.heal()
    assert (await shell.ok("ls")).lines == []
    reserved, unfinished = await reserved_and_unfinished(shell)
    assert (reserved, len(unfinished)) == (SIZE, 1)
    before = site.store.passed
    assert (await shell.ok("put", "large.bin")).lines == ["/large.bin"]
    assert site.store.passed - before < SIZE
    assert (await shell.ok("cat", "/large.bin")).stdout == BODY
    assert await reserved_and_unfinished(shell) == (0, [])
    # A third run sends nothing.
    before = site.store.passed
    assert (await shell.ok("put", "large.bin", "--json")).json[0]["status"] == "there"
    assert site.store.passed == before


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGINT])
async def test_put_resumes_a_folder_of_small_files_after_a_signal(
    site: Site, shell: Shell, ended_by: signal.Signals
) -> None:
    bodies = {f"{number:03}.bin": random_bytes(4096, seed=number) for number in range(300)}
    folder = shell.home / "small"
    folder.mkdir()
    for name, body in bodies.items():
        (folder / name).write_bytes(body)
    site.store.delay = 0.02
    process = await shell.start("put", "small")
    await until_passed(site.store, 50 * 4096)
    process.send_signal(ended_by)
    _, stderr = await asyncio.wait_for(process.communicate(), EXIT_TIMEOUT)
    assert b"Traceback" not in stderr
    site.heal()
    # The second run aborts the pending uploads of the first one. Otherwise their names stay taken until the deadline.
    assert len((await shell.ok("put", "small")).lines) == len(bodies)
    assert await reserved_and_unfinished(shell) == (0, [])
    assert list((shell.home / ".local/state/drivebay/uploads/begun").iterdir()) == []
    (shell.home / "back").mkdir()
    assert len((await shell.ok("get", "/small", "--to", "back")).lines) == len(bodies)
    assert {path.name: path.read_bytes() for path in (shell.home / "back/small").iterdir()} == bodies


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGINT])
async def test_get_resumes_after_a_signal_and_creates_the_target_only_when_complete(
    site: Site, shell: Shell, source: Path, ended_by: signal.Signals
) -> None:
    await shell.ok("put", "large.bin")
    source.unlink()
    site.store.delay = 0.01
    process = await shell.start("get", "/large.bin")
    await until_passed(site.store, 36 * MIB)
    process.send_signal(ended_by)
    await asyncio.wait_for(process.communicate(), EXIT_TIMEOUT)
    assert not source.exists()
    site.heal()
    assert (await shell.ok("get", "/large.bin")).lines == ["large.bin"]
    assert source.read_bytes() == BODY
    assert sorted(path.name for path in shell.home.iterdir() if "part" in path.name) == []


async def test_put_continues_after_the_server_restarts(site: Site, shell: Shell, source: Path) -> None:
    site.store.delay = 0.01
    process = await shell.start("put", "large.bin")
    await until_passed(site.store, 20 * MIB)
    await site.world.stop("all", signal.SIGKILL)
    site.heal()
    await asyncio.sleep(1)  # the command's requests for part URLs fail in the meantime
    await site.world.start("all")
    await site.world.ready()
    stdout, stderr = await asyncio.wait_for(process.communicate(), EXIT_TIMEOUT)
    assert (process.returncode, stdout) == (0, b"/large.bin\n"), stderr
    assert (await shell.ok("cat", "/large.bin")).stdout == BODY
    assert await reserved_and_unfinished(shell) == (0, [])


async def test_put_continues_after_a_network_failure(site: Site, shell: Shell, source: Path) -> None:
    site.store.delay = 0.01
    process = await shell.start("put", "large.bin")
    await until_passed(site.store, 12 * MIB)
    for proxy in (site.store, site.api):
        proxy.refuse = True
        proxy.cut()
    await asyncio.sleep(3)
    site.heal()
    stdout, stderr = await asyncio.wait_for(process.communicate(), EXIT_TIMEOUT)
    assert (process.returncode, stdout) == (0, b"/large.bin\n"), stderr
    assert (await shell.ok("cat", "/large.bin")).stdout == BODY


async def test_get_on_a_full_disk_fails_and_leaves_no_file(shell: Shell, source: Path) -> None:
    await shell.ok("put", "large.bin")
    (shell.home / "small.bin").write_bytes(BODY[:MIB])
    await shell.ok("put", "small.bin")
    (shell.home / "to").mkdir()
    for name in ("small.bin", "large.bin"):
        # A limit of 512 KiB on the size of a file: to the command it looks like a full disk.
        script = f"ulimit -f 512; exec {' '.join(shell.command)} get /{name} --to to"
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", script, env=shell.environment, cwd=shell.home, stdout=PIPE, stderr=PIPE
        )
        stdout, stderr = await asyncio.wait_for(process.communicate(), EXIT_TIMEOUT)
        assert (process.returncode, stdout) == (1, b"")
        assert b"File too large" in stderr
        assert b"free some space" in stderr
        assert list((shell.home / "to").iterdir()) == []


async def test_put_refuses_a_file_that_changes_all_the_time(shell: Shell, source: Path) -> None:
    async def append_bytes() -> None:
        while True:
            with source.open("ab") as file:
                file.write(b"x")
            await asyncio.sleep(0.005)

    writer = asyncio.create_task(append_bytes())
    try:
        result = await shell("put", "large.bin")
    finally:
        writer.cancel()
    assert (result.status, result.stdout) == (5, b"")
    assert "changed while it was read" in result.stderr
    assert (await shell.ok("ls")).lines == []
    assert await reserved_and_unfinished(shell) == (0, [])
