"""Servers that a test run shares: up while somebody uses them, gone after the last, killed or not."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivebay import db
from drivebay.embedded import process
from drivebay.embedded.nats import Nats
from drivebay.embedded.postgres import Postgres
from drivebay.testing import servers
from drivebay.testing.client import eventually

USER = """
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
    """Another test process that uses the NATS of the run in `tmp_path`."""
    code = textwrap.dedent(USER)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def said(user: subprocess.Popen[str]) -> str:
    assert user.stdout
    return user.stdout.readline().strip()


async def gone(tmp_path: Path) -> None:
    word = process.mark(tmp_path / "nats" / "server")

    async def none_left() -> bool:
        return not process.marked(word) and not (tmp_path / "nats" / "server").exists()

    await eventually(none_left, within=10)


async def test_a_killed_test_run_leaves_no_server(user: subprocess.Popen[str], tmp_path: Path) -> None:
    assert said(user).startswith("nats://")
    assert process.marked(process.mark(tmp_path / "nats" / "server"))
    user.kill()
    await gone(tmp_path)


async def test_the_server_outlives_the_process_that_asked_first(user: subprocess.Popen[str], tmp_path: Path) -> None:
    url = said(user)
    async with servers.shared(Nats, tmp_path) as server:
        user.kill()
        user.wait(5)
        assert server.url == url
        async with servers.shared(Nats, tmp_path) as again:
            assert again.url == url
        assert process.marked(process.mark(tmp_path / "nats" / "server"))
    await gone(tmp_path)


async def test_a_database_is_fresh_migrated_and_dropped(postgres: Postgres, database_template: str) -> None:
    for _ in range(2):
        async with (
            servers.database(postgres, database_template, "fresh_each_time") as url,
            db.connect(url, size=1) as database,
        ):
            await database.execute("CREATE TABLE public.mine ()")
            for schema in ("auth", "files"):
                assert await database.fetchval(f"SELECT count(*) FROM {schema}.migrations") > 0
    async with db.connect(postgres.database("postgres"), size=1) as admin:
        assert not await admin.fetchval("SELECT true FROM pg_database WHERE datname = 'fresh_each_time'")
