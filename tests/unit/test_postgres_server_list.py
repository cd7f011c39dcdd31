"""A URL may name several servers: a connection goes to the first one that can be used."""

from __future__ import annotations

import asyncio
import urllib.parse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from drivebay.postgres.server_list import ServerList, server_urls

TIMEOUT = 2.0
WRITES = "target_session_attrs=read-write"
"""Of several servers, only one takes writes."""


@pytest.mark.parametrize(
    ("url", "urls"),
    [
        ("postgresql://u:p@a:1/db?x=y", ["postgresql://u:p@a:1/db?x=y"]),
        (
            "postgresql://u:p@a:1,b:2/db?x=y",
            [f"postgresql://u:p@a:1/db?x=y&{WRITES}", f"postgresql://u:p@b:2/db?x=y&{WRITES}"],
        ),
        ("postgresql://a,[::1]:2/db", [f"postgresql://a/db?{WRITES}", f"postgresql://[::1]:2/db?{WRITES}"]),
        (
            "postgresql://a,b/db?target_session_attrs=any",
            ["postgresql://a/db?target_session_attrs=any", "postgresql://b/db?target_session_attrs=any"],
        ),
        (
            "postgresql://u@/db?host=/a,/b&port=1,2&x=y",
            [f"postgresql://u@/db?host=%2Fa&port=1&x=y&{WRITES}", f"postgresql://u@/db?host=%2Fb&port=2&x=y&{WRITES}"],
        ),
        (
            "postgresql://u@/db?host=/a,/b&port=1",
            [f"postgresql://u@/db?host=%2Fa&port=1&{WRITES}", f"postgresql://u@/db?host=%2Fb&port=1&{WRITES}"],
        ),
        (
            "postgresql://u@/db?host=/a,b",
            [f"postgresql://u@/db?host=%2Fa&{WRITES}", f"postgresql://u@/db?host=b&{WRITES}"],
        ),
        ("postgresql://u@/db?host=/a", ["postgresql://u@/db?host=/a"]),
    ],
)
def test_each_server_of_a_url_has_its_own_url(url: str, urls: list[str]) -> None:
    assert list(server_urls(url)) == urls


class HangingServer:
    """Accepts connections and never responds. It counts them."""

    def __init__(self) -> None:
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while await reader.read(1000):
            pass
        writer.close()

    @asynccontextmanager
    async def run(self, folder: Path) -> AsyncIterator[None]:
        async with await asyncio.start_unix_server(self.serve, folder / ".s.PGSQL.5432"):
            yield


def url_of(folder: Path, database_url: str) -> str:
    """Return the URL that names the server of `folder` first, and then that of `database_url`."""
    (real,) = urllib.parse.parse_qs(urllib.parse.urlsplit(database_url).query)["host"]
    return f"{database_url.partition('?')[0]}?host={folder},{real}&target_session_attrs=read-write"


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s")  # short, for a socket


async def test_a_server_that_hangs_is_passed_over(folder: Path, database_url: str) -> None:
    async with HangingServer().run(folder):
        connection = await ServerList(url_of(folder, database_url)).connect(timeout=TIMEOUT)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()


async def test_a_caller_that_is_cancelled_passes_the_server_on(folder: Path, database_url: str) -> None:
    """Its time is shorter than the share of a server, as that of a health check is."""
    servers = ServerList(url_of(folder, database_url))
    async with HangingServer().run(folder):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await servers.connect(timeout=60)
        async with asyncio.timeout(20):
            connection = await servers.connect(timeout=60)
        await connection.close()


async def test_a_server_that_is_down_is_passed_over(folder: Path, database_url: str) -> None:
    connection = await ServerList(url_of(folder, database_url)).connect(timeout=TIMEOUT)
    await connection.close()


async def test_the_server_that_was_used_last_is_tried_first(folder: Path, database_url: str) -> None:
    hanging = HangingServer()
    servers = ServerList(url_of(folder, database_url))
    async with hanging.run(folder):
        for _ in range(3):
            await (await servers.connect(timeout=TIMEOUT)).close()
    assert hanging.connections == 1


async def test_the_error_is_that_of_the_server_that_responds(folder: Path, database_url: str) -> None:
    name = urllib.parse.urlsplit(database_url).path[1:]
    servers = ServerList(url_of(folder, database_url))
    connection = await servers.connect(timeout=TIMEOUT)
    try:
        await connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        with pytest.raises(asyncpg.TargetServerAttributeNotMatched):
            await servers.connect(timeout=TIMEOUT)
    finally:
        await connection.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        await connection.close()
