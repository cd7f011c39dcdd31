"""The pool serves waiters in order, never exceeds its size, and survives every way in which a loan can end."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Literal

import asyncpg
import pytest

from drivebay import postgres
from drivebay.embedded.postgres import Postgres
from drivebay.errors import NotFound, Unavailable
from drivebay.postgres import Database
from drivebay.testing.client import eventually

OTHER_SESSIONS = "pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
COUNT_SESSIONS = f"SELECT count(*) FROM {OTHER_SESSIONS}"
TERMINATE_SESSIONS = f"SELECT count(pg_terminate_backend(pid)) FROM {OTHER_SESSIONS}"
BACKEND = "SELECT pg_backend_pid()"


async def test_pool_never_opens_more_connections_than_its_size(fresh_database_url: str) -> None:
    async with postgres.connect(fresh_database_url, size=3) as database:
        await asyncio.gather(*(database.fetchval("SELECT pg_sleep(0.05)") for _ in range(9)))
        assert await database.fetchval(COUNT_SESSIONS) == 2  # and the session that asks


async def test_waiters_are_served_in_order(fresh_database_url: str) -> None:
    order: list[int] = []
    async with postgres.connect(fresh_database_url, size=1) as database:

        async def work(number: int) -> None:
            await database.fetchval("SELECT pg_sleep(0.01)")
            order.append(number)

        async with asyncio.TaskGroup() as tasks:
            for number in range(5):
                tasks.create_task(work(number))
                await asyncio.sleep(0)
    assert order == sorted(order)


async def test_cancelled_statement_does_not_use_up_a_connection(fresh_database_url: str) -> None:
    async with postgres.connect(fresh_database_url, size=2) as database:
        for _ in range(6):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(database.fetchval("SELECT pg_sleep(5)"), 0.05)
        assert await asyncio.wait_for(database.fetchval("SELECT 1"), 10) == 1


async def test_cancelled_transaction_does_not_use_up_a_connection(fresh_database_url: str) -> None:
    async with postgres.connect(fresh_database_url, size=2) as database:
        for _ in range(6):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), database.transaction() as connection:
                    await connection.fetchval("SELECT pg_sleep(5)")
        assert await asyncio.wait_for(database.fetchval("SELECT 1"), 10) == 1


async def test_cancelled_waiter_does_not_block_the_next_waiter(fresh_database_url: str) -> None:
    async with postgres.connect(fresh_database_url, size=1) as database:
        busy = asyncio.create_task(database.fetchval("SELECT pg_sleep(0.2)"))
        await asyncio.sleep(0.02)
        cancelled = asyncio.create_task(database.fetchval("SELECT 2"))
        next_waiter = asyncio.create_task(database.fetchval("SELECT 3"))
        await asyncio.sleep(0.02)
        cancelled.cancel()
        await busy
        assert await asyncio.wait_for(next_waiter, 10) == 3


async def test_failed_transaction_writes_nothing(fresh_database_url: str) -> None:
    async with postgres.connect(fresh_database_url, size=1) as database:
        await database.execute("CREATE TABLE rows (n int)")

        async def never_commits() -> None:
            async with database.transaction() as tx:
                await tx.execute("INSERT INTO rows VALUES (1)")
                await asyncio.sleep(5)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(never_commits(), 0.1)
        with pytest.raises(NotFound):
            async with database.transaction() as tx:
                await tx.execute("INSERT INTO rows VALUES (2)")
                raise NotFound
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with database.transaction() as tx:
                await tx.execute("INSERT INTO rows VALUES (3)")
                await tx.execute("SELECT 1/0")
        assert await database.fetchval("SELECT count(*) FROM rows") == 0


async def test_session_ended_by_the_server_fails_one_call_and_is_replaced(fresh_database_url: str) -> None:
    async with postgres.connect(fresh_database_url, size=2) as database:
        with pytest.raises(Unavailable):
            await database.fetchval("SELECT pg_terminate_backend(pg_backend_pid())")
        assert await database.fetchval("SELECT 1") == 1


async def _query_repeatedly(database: Database, stop: asyncio.Event) -> int:
    """Run statements until one succeeds after `stop` is set. Return how many failed with Unavailable."""
    failed = 0
    while True:
        try:
            await database.fetchval("SELECT pg_sleep(0.001)")
        except Unavailable:
            failed += 1
            await asyncio.sleep(0.001)
        else:
            if stop.is_set():
                return failed


async def _count_failures(database: Database, disturb: Callable[[], Awaitable[None]]) -> int:
    """Run 40 concurrent callers while `disturb` runs. Return the number of failed calls.

    Every caller must succeed after the disturbance. A caller that waits forever is a TimeoutError.
    """
    stop = asyncio.Event()
    async with asyncio.timeout(300), asyncio.TaskGroup() as tasks:
        callers = [tasks.create_task(_query_repeatedly(database, stop)) for _ in range(40)]
        try:
            await disturb()
        finally:
            stop.set()
    return sum(caller.result() for caller in callers)


async def test_terminated_sessions_under_contention_never_exceed_the_size(fresh_database_url: str) -> None:
    size = 5
    async with (
        postgres.connect(fresh_database_url, size=1) as observer,
        postgres.connect(fresh_database_url, size=size) as database,
    ):

        async def terminate_repeatedly() -> None:
            for _ in range(30):
                await observer.fetchval(TERMINATE_SESSIONS)
                await asyncio.sleep(0.02)

        assert await _count_failures(database, terminate_repeatedly) > 0

        # A terminated session stays in pg_stat_activity for a moment.
        async def within_size() -> bool:
            return 1 <= await observer.fetchval(COUNT_SESSIONS) <= size

        await eventually(within_size, within=30)


async def test_server_restarts_under_contention_never_exceed_the_size(
    own_postgres: Callable[[], Awaitable[Postgres]],
) -> None:
    size = 10
    server = await own_postgres()
    assert server.server_process is not None
    process = server.server_process
    async with postgres.connect(server.url, size=size) as database:

        async def restart_repeatedly() -> None:
            for _ in range(4):
                await process.kill()
                await process.start()
                await wait_until_it_answers(database)

        assert await _count_failures(database, restart_repeatedly) > 0
        async with postgres.connect(server.url, size=1) as observer:
            assert 1 <= await observer.fetchval(COUNT_SESSIONS) <= size


async def wait_until_it_answers(database: Database) -> None:
    async def answers() -> bool:
        return await database.ping() is None

    await eventually(answers, within=60)


async def test_idle_connections_are_closed_after_the_idle_timeout(fresh_database_url: str) -> None:
    async with (
        postgres.connect(fresh_database_url, size=1) as observer,
        postgres.connect(fresh_database_url, size=4, idle_timeout=0.3) as database,
    ):
        await asyncio.gather(*(database.fetchval("SELECT pg_sleep(0.05)") for _ in range(4)))

        async def all_closed() -> bool:
            return await observer.fetchval(COUNT_SESSIONS) == 0

        await eventually(all_closed, within=30)
        assert await database.fetchval("SELECT 1") == 1


async def test_connection_in_use_stays_open_after_the_idle_timeout(fresh_database_url: str) -> None:
    async with postgres.connect(fresh_database_url, size=1, idle_timeout=0.1) as database:
        backend = await database.fetchval(BACKEND)
        for _ in range(10):
            assert await database.fetchval(f"{BACKEND} FROM pg_sleep(0.05)") == backend


async def test_connection_to_a_read_only_server_is_closed(fresh_database_url: str) -> None:
    name = fresh_database_url.split("/")[3].partition("?")[0]
    async with postgres.connect(fresh_database_url, size=1) as admin:
        await admin.execute("CREATE TABLE rows (n int)")
        # What a demoted primary does to its clients: sessions that began read-only stay so.
        await admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        async with postgres.connect(fresh_database_url, size=3) as database:
            await asyncio.gather(*(database.fetchval("SELECT pg_sleep(0.05)") for _ in range(3)))
            await admin.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
            with pytest.raises(Unavailable, match="ReadOnly"):
                await database.execute("INSERT INTO rows VALUES (1)")
            assert await database.execute("INSERT INTO rows VALUES (1)") == 1
            for _ in range(3):
                async with database.transaction() as tx:
                    await tx.execute("INSERT INTO rows VALUES (1)")


async def test_transaction_on_a_read_only_server_closes_its_connection(fresh_database_url: str) -> None:
    name = fresh_database_url.split("/")[3].partition("?")[0]
    async with postgres.connect(fresh_database_url, size=1) as admin:
        await admin.execute("CREATE TABLE rows (n int)")
        await admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        async with postgres.connect(fresh_database_url, size=1) as database:
            await admin.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
            with pytest.raises(Unavailable, match="ReadOnly"):
                async with database.transaction() as tx:
                    await tx.execute("INSERT INTO rows VALUES (1)")
            async with database.transaction() as tx:
                await tx.execute("INSERT INTO rows VALUES (1)")


async def test_missing_privileges_and_tables_are_unavailable_and_readiness_names_them(fresh_database_url: str) -> None:
    async with postgres.connect(fresh_database_url, size=1) as admin:
        await admin.execute("CREATE TABLE files.rows (n int)")
        await admin.execute("DROP ROLE IF EXISTS without_privileges")
        await admin.execute("CREATE ROLE without_privileges LOGIN")
        await admin.execute("GRANT USAGE ON SCHEMA files TO without_privileges")
        other_user = fresh_database_url.replace("//drivebay@", "//without_privileges@")
        async with postgres.connect(other_user, size=1) as database:
            assert await database.ping() is None
            with pytest.raises(Unavailable, match="refuses a privilege"):
                await database.execute("INSERT INTO files.rows VALUES (1)")
            assert "refuses a privilege" in (await database.ping() or "")
        async with postgres.connect(fresh_database_url, size=1) as database:
            await admin.execute("DROP TABLE files.rows")
            with pytest.raises(Unavailable, match="tables of Drivebay are missing"):
                async with database.transaction() as tx:
                    await tx.execute("INSERT INTO files.rows VALUES (1)")
            assert "tables of Drivebay are missing" in (await database.ping() or "")
        await admin.execute("DROP OWNED BY without_privileges")
        await admin.execute("DROP ROLE without_privileges")


async def test_unreachable_server_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        async with postgres.connect(f"postgresql://nobody@/none?host={tmp_path}"):
            pass


@pytest.mark.parametrize("isolation", ["read_committed", "serializable"])
async def test_conflicting_changes_are_retryable_and_do_not_blame_the_server(
    fresh_database_url: str, isolation: Literal["read_committed", "serializable"]
) -> None:
    """Two transactions change two rows in opposite orders: a deadlock, or a failed serialization."""
    async with postgres.connect(fresh_database_url, size=2) as database:
        await database.execute("CREATE TABLE rows AS SELECT generate_series(1, 2) AS n, 0 AS changes")
        both_began = asyncio.Barrier(2)

        async def change(first: int, second: int) -> int:
            async with database.connection() as connection, connection.transaction(isolation=isolation):
                await connection.execute("UPDATE rows SET changes = changes + 1 WHERE n = $1", first)
                await both_began.wait()
                await connection.execute("UPDATE rows SET changes = changes + 1 WHERE n = $1", second)
                return await connection.fetchval(BACKEND)

        results = await asyncio.gather(change(1, 2), change(2, 1), return_exceptions=True)
        (error,) = [result for result in results if isinstance(result, BaseException)]
        assert isinstance(error, Unavailable)
        assert error.detail == "another change of the same data was made at the same time; try again"
        assert error.retry_after == 1
        assert await database.ping() is None
        with pytest.raises(Unavailable, match="another change of the same data"):
            await database.execute("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = 'serialization_failure'; END $$")


async def test_unknown_user_is_unavailable(fresh_database_url: str, tmp_path: Path) -> None:
    unknown_user = fresh_database_url.replace("//drivebay@", "//unknown@")
    assert unknown_user != fresh_database_url
    with pytest.raises(Unavailable, match="InvalidAuthorization"):
        await postgres.migrate(unknown_user, "probe", tmp_path)
    with pytest.raises(Unavailable, match="InvalidAuthorization"):
        async with postgres.connect(unknown_user):
            pass


async def test_connections_in_use_are_closed_after_another_met_a_read_only_server(fresh_database_url: str) -> None:
    async with postgres.connect(fresh_database_url, size=2) as database:
        async with database.connection() as connection:
            lent = await connection.fetchval(BACKEND)
            with pytest.raises(Unavailable, match="accepts no writes"):
                async with database.transaction() as tx:
                    await tx.execute("SET TRANSACTION READ ONLY")
                    await tx.execute("CREATE TABLE never (n int)")
        assert await database.fetchval(BACKEND) != lent


async def test_all_connections_are_closed_after_the_server_responded_to_none(
    own_postgres: Callable[[], Awaitable[Postgres]],
) -> None:
    server = await own_postgres()
    assert server.server_process is not None
    async with postgres.connect(server.url, size=3, timeout=3) as database:
        backends = set(await asyncio.gather(*(database.fetchval(f"{BACKEND} FROM pg_sleep(0.3)") for _ in range(3))))
        server.server_process.pause()  # as a machine that hangs
        with pytest.raises(Unavailable):
            await database.fetchval(BACKEND)
        server.server_process.resume()
        assert await database.fetchval(BACKEND) not in backends


async def test_a_statement_that_is_cancelled_after_an_idle_time_closes_only_its_connection(
    fresh_database_url: str,
) -> None:
    async with postgres.connect(fresh_database_url, size=3) as database:
        sleep = f"{BACKEND} FROM pg_sleep(0.3)"
        backends = set(await asyncio.gather(*(database.fetchval(sleep) for _ in range(3))))
        database._pool._responded_at -= 100  # nobody has asked for longer than a silence
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await database.fetchval("SELECT pg_sleep(30)")
        left = set(await asyncio.gather(*(database.fetchval(sleep) for _ in range(2))))
        assert left < backends


async def test_upgrade_of_the_tables_refuses_one_transaction_as_retryable(fresh_database_url: str) -> None:
    async with postgres.connect(fresh_database_url, size=2) as database:
        await database.execute("CREATE TABLE grows (n int)")

        async def read() -> None:
            async with database.transaction() as connection:
                await connection.fetch("SELECT * FROM grows")
                await connection.execute("SELECT pg_sleep(0.1)")

        await asyncio.gather(read(), read())  # both connections have prepared the statement
        await database.execute("ALTER TABLE grows ADD COLUMN m int")
        with pytest.raises(Unavailable, match="changed by an upgrade"):
            await read()
        await asyncio.gather(read(), read())


async def test_connection_that_met_a_full_disk_is_closed_and_readiness_names_the_disk(fresh_database_url: str) -> None:
    disk_full = "DO $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$"
    async with postgres.connect(fresh_database_url, size=1) as database:
        backend = await database.fetchval(BACKEND)
        assert await database.ping() is None
        with pytest.raises(Unavailable, match="disk is full"):
            await database.execute(disk_full)
        assert await database.fetchval(BACKEND) != backend
        assert await database.ping() == "PostgreSQL accepts no writes: its disk is full"
        backend = await database.fetchval(BACKEND)
        with pytest.raises(asyncpg.DivisionByZeroError):
            await database.fetchval("SELECT 1/0")
        assert await database.fetchval(BACKEND) == backend  # an ordinary error keeps its connection


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 150 MB. The test is skipped where this user may not mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=150m", "tmpfs", folder]).returncode:
        pytest.skip("this user cannot mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


async def test_full_disk_is_found_without_a_failed_write(
    own_postgres: Callable[..., Awaitable[Postgres]], small_disk: Path
) -> None:
    server = await own_postgres(small_disk / "postgres")
    filler = small_disk / "filler"
    async with postgres.connect(server.url, size=2) as database:
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        filler.write_bytes(b"x" * free)
        assert await database.ping() == "PostgreSQL accepts no writes: its disk is full"
    filler.unlink()
    async with postgres.connect(server.url, size=2) as database:
        assert await database.ping() is None


async def test_a_standby_is_named_starts_nothing_new_and_recovers_when_promoted(
    own_postgres: Callable[[], Awaitable[Postgres]], tmp_path: Path
) -> None:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001_first.sql").write_text("CREATE TABLE probe.rows (n int);")
    server = await own_postgres()
    process = server.server_process
    assert process is not None
    await postgres.migrate(server.url, "probe", tmp_path / "migrations")
    async with postgres.connect(server.url, size=2) as database:
        await database.execute("INSERT INTO probe.rows VALUES (1)")
        await process.stop()
        (tmp_path / "postgres" / "data" / "standby.signal").touch()
        await process.start()

        async def named() -> bool:
            return await database.ping() == "PostgreSQL accepts no writes: it is read-only or a standby"

        await eventually(named, within=60)
        assert await database.fetchval("SELECT n FROM probe.rows") == 1
        with pytest.raises(Unavailable, match="standby"):
            await database.execute("INSERT INTO probe.rows VALUES (2)")
        # A process can start: every migration is applied.
        assert await postgres.migrate(server.url, "probe", tmp_path / "migrations") == ()
        assert await database.fetchval("SELECT pg_promote()")
        await wait_until_it_answers(database)
        assert await database.execute("INSERT INTO probe.rows VALUES (2)") == 1
