"""Servers that a test run shares run while a process uses them, and end after the last one has ended."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivebay import postgres as postgres_pool
from drivebay.embedded.nats import Nats
from drivebay.embedded.postgres import Postgres
from drivebay.embedded.process_tags import find_tagged, process_tag
from drivebay.testing import servers
from drivebay.testing.client import eventually

USER_PROGRAM = """
    import asyncio, sys
    from pathlib import Path
    from drivebay.embedded.nats import Nats
    from drivebay.testing import servers

    async def main() -> None:
        async with servers.shared(Nats, Path(sys.argv[1])) as server:
            print(server.url, flush=True)
            await asyncio.to_thread(sys.stdin.read)

    asyncio.run(main())
"""


@pytest.fixture
def user(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another test process that uses the shared NATS in `tmp_path`."""
    code = textwrap.dedent(USER_PROGRAM)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def printed_url(user: subprocess.Popen[str]) -> str:
    assert user.stdout
    return user.stdout.readline().strip()


async def server_ended(tmp_path: Path) -> None:
    tag = process_tag(tmp_path / "nats" / "server")

    async def none_left() -> bool:
        return not find_tagged(tag) and not (tmp_path / "nats" / "server").exists()

    await eventually(none_left, within=10)


async def test_killed_test_run_leaves_no_server(user: subprocess.Popen[str], tmp_path: Path) -> None:
    assert printed_url(user).startswith("nats://")
    assert find_tagged(process_tag(tmp_path / "nats" / "server"))
    user.kill()
    await server_ended(tmp_path)


async def test_server_outlives_the_process_that_started_it(user: subprocess.Popen[str], tmp_path: Path) -> None:
    url = printed_url(user)
    async with servers.shared(Nats, tmp_path) as server:
        user.kill()
        user.wait(5)
        assert server.url == url
        async with servers.shared(Nats, tmp_path) as again:
            assert again.url == url
        assert find_tagged(process_tag(tmp_path / "nats" / "server"))
    await server_ended(tmp_path)


async def test_database_is_new_and_migrated_and_is_dropped_afterwards(
    postgres: Postgres, database_template: str
) -> None:
    for _ in range(2):
        async with (
            servers.database(postgres, database_template, "fresh_each_time") as url,
            postgres_pool.connect(url, size=1) as database,
        ):
            await database.execute("CREATE TABLE public.mine ()")
            for schema in ("auth", "files"):
                assert await database.fetchval(f"SELECT count(*) FROM {schema}.migrations") > 0
    async with postgres_pool.connect(postgres.database_url("postgres"), size=1) as admin:
        assert not await admin.fetchval("SELECT true FROM pg_database WHERE datname = 'fresh_each_time'")
