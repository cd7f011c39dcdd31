"""The addresses on which a server may listen, and the access rights of its socket."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from drivebay import rpc
from drivebay.contract.storage import Storage
from drivebay.proto import STORAGE

from .rpc_fakes import STORE, fake


@pytest.mark.parametrize(
    "refused", ["0.0.0.0:0", "[::]:0", "10.0.0.1:80", "example.com:80", ":80", "127.0.0.1", "localhost:http", ""]
)
async def test_without_tls_a_server_listens_only_on_loopback(refused: str) -> None:
    with pytest.raises(ValueError, match="not local"):
        async with rpc.serve(refused, [(Storage, STORAGE, STORE)]):
            raise AssertionError("the server listens")


@pytest.mark.parametrize("refused", ["127.0.0.1:65536", "[::1]:99999"])
async def test_a_port_out_of_range_is_refused(refused: str) -> None:
    with pytest.raises(ValueError, match="65535"):
        async with rpc.serve(refused, [(Storage, STORAGE, STORE)]):
            raise AssertionError("the server listens")


async def test_a_socket_without_a_path_is_refused() -> None:
    with pytest.raises(ValueError, match="has no path"):
        async with rpc.serve("unix:", [(Storage, STORAGE, STORE)]):
            raise AssertionError("the server listens")


async def test_port_zero_picks_a_free_port_and_the_address_has_it() -> None:
    async with rpc.serve("127.0.0.1:0", [(Storage, STORAGE, STORE)]) as bound:
        assert bound.startswith("127.0.0.1:")
        assert not bound.endswith(":0")
        async with rpc.connect(Storage, STORAGE, bound) as storage:
            assert await storage.quarantine_object("there") is True
            assert await storage.quarantine_object("gone") is False
        with pytest.raises(OSError, match="cannot listen"):
            async with rpc.serve(bound, [(Storage, STORAGE, STORE)]):
                raise AssertionError("two servers listen")


async def test_only_the_user_of_a_socket_can_open_it(address: str) -> None:
    path = Path(address.removeprefix("unix:"))
    before = os.umask(0o022)
    os.umask(before)
    async with rpc.serve(address, [(Storage, STORAGE, STORE)]):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        after = os.umask(before)
    assert after == before


async def test_a_socket_in_use_is_refused_and_keeps_working(address: str) -> None:
    async with rpc.serve(address, [(Storage, STORAGE, STORE)]):
        with pytest.raises(OSError, match="in use"):
            async with rpc.serve(address, [(Storage, STORAGE, STORE)]):
                raise AssertionError("two servers listen")
        async with rpc.connect(Storage, STORAGE, address) as storage:
            assert await storage.quarantine_object("there")


async def test_a_socket_with_a_full_queue_is_in_use(address: str) -> None:
    path = Path(address.removeprefix("unix:"))
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as busy, ExitStack() as waiting:
        busy.bind(str(path))
        busy.listen(0)
        for _ in range(4):
            caller = waiting.enter_context(socket.socket(socket.AF_UNIX))
            caller.setblocking(False)
            with suppress(BlockingIOError):
                caller.connect(str(path))
        with pytest.raises(OSError, match="in use"):
            async with rpc.serve(address, [(Storage, STORAGE, STORE)]):
                raise AssertionError("two servers listen")
        assert path.is_socket()


async def test_a_file_that_is_not_a_socket_is_kept(address: str) -> None:
    path = Path(address.removeprefix("unix:"))
    path.parent.mkdir()
    path.write_text("mine")
    with pytest.raises(OSError, match="in use"):
        async with rpc.serve(address, [(Storage, STORAGE, STORE)]):
            raise AssertionError("the server listens")
    assert path.read_text() == "mine"


async def test_a_stale_socket_is_replaced(address: str) -> None:
    path = Path(address.removeprefix("unix:"))
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    async with rpc.serve(address, [(Storage, STORAGE, STORE)]), rpc.connect(Storage, STORAGE, address) as storage:
        assert await storage.quarantine_object("there")


async def test_a_path_that_is_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="too long"):
        async with rpc.serve(f"unix:{tmp_path}/{'x' * 100}", [(Storage, STORAGE, STORE)]):
            raise AssertionError("the server listens")


async def test_a_list_of_addresses_may_have_both_versions_of_ip() -> None:
    calls: Counter[int] = Counter()

    def service(version: int) -> Storage:
        async def quarantine_object(key: str) -> bool:
            calls[version] += 1
            await asyncio.sleep(0.01)
            return True

        return fake(Storage, quarantine_object=quarantine_object)

    async with (
        rpc.serve("127.0.0.1:0", [(Storage, STORAGE, service(4))]) as fourth,
        rpc.serve("[::1]:0", [(Storage, STORAGE, service(6))]) as sixth,
        rpc.connect(Storage, STORAGE, f"{fourth},{sixth}") as storage,
        asyncio.timeout(120),
    ):
        while min(calls[4], calls[6]) < 10:
            await asyncio.gather(*(storage.quarantine_object("there") for _ in range(20)))
