"""Connections are lent in order, come back clean, and survive whatever ends their use."""

import asyncio
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from drivebay import db
from drivebay.errors import NotFound, Unavailable


async def test_no_more_connections_than_there_may_be(database_url: str) -> None:
    async with db.connect(database_url, size=3) as database:
        await asyncio.gather(*(database.fetchval("SELECT pg_sleep(0.05)") for _ in range(9)))
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        assert await database.fetchval(sessions) == 3


async def test_whoever_waits_longest_is_next(database_url: str) -> None:
    order: list[int] = []
    async with db.connect(database_url, size=1) as database:

        async def work(number: int) -> None:
            await database.fetchval("SELECT pg_sleep(0.01)")
            order.append(number)

        async with asyncio.TaskGroup() as tasks:
            for number in range(5):
                tasks.create_task(work(number))
                await asyncio.sleep(0)
    assert order == sorted(order)


async def test_a_call_given_up_costs_nobody_a_connection(database_url: str) -> None:
    async with db.connect(database_url, size=2) as database:
        for _ in range(6):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(database.fetchval("SELECT pg_sleep(5)"), 0.05)
        assert await asyncio.wait_for(database.fetchval("SELECT 1"), 10) == 1


async def test_a_waiter_given_up_passes_its_turn_on(database_url: str) -> None:
    async with db.connect(database_url, size=1) as database:
        busy = asyncio.create_task(database.fetchval("SELECT pg_sleep(0.2)"))
        await asyncio.sleep(0.02)
        given_up = asyncio.create_task(database.fetchval("SELECT 2"))
        patient = asyncio.create_task(database.fetchval("SELECT 3"))
        await asyncio.sleep(0.02)
        given_up.cancel()
        await busy
        assert await asyncio.wait_for(patient, 2) == 3


async def test_a_transaction_given_up_half_way_leaves_nothing(database_url: str) -> None:
    async with db.connect(database_url, size=1) as database:
        await database.execute("CREATE TABLE kept (n int)")

        async def half() -> None:
            async with database.transaction() as tx:
                await tx.execute("INSERT INTO kept VALUES (1)")
                await asyncio.sleep(5)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(half(), 0.1)
        with pytest.raises(NotFound):
            async with database.transaction() as tx:
                await tx.execute("INSERT INTO kept VALUES (2)")
                raise NotFound
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with database.transaction() as tx:
                await tx.execute("INSERT INTO kept VALUES (3)")
                await tx.execute("SELECT 1/0")
        assert await database.fetchval("SELECT count(*) FROM kept") == 0


async def test_sessions_ended_by_the_server_are_unavailable_once_and_replaced(database_url: str) -> None:
    async with db.connect(database_url, size=2) as database:
        with pytest.raises(Unavailable):
            await database.fetchval("SELECT pg_terminate_backend(pg_backend_pid())")
        assert await database.fetchval("SELECT 1") == 1


async def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        async with db.connect(f"postgresql://nobody@/none?host={tmp_path}"):
            pass


async def test_a_server_that_does_not_know_us_is_unavailable(database_url: str, tmp_path: Path) -> None:
    stranger = database_url.replace("//drivebay@", "//nobody-here@")
    assert stranger != database_url
    with pytest.raises(Unavailable, match="InvalidAuthorization"):
        await db.migrate(stranger, "probe", tmp_path)
    with pytest.raises(Unavailable, match="InvalidAuthorization"):
        async with db.connect(stranger):
            pass


async def test_a_user_that_may_not_migrate_is_told_what_it_needs(database_url: str, tmp_path: Path) -> None:
    role = f"guest_{uuid4().hex}"
    async with db.connect(database_url, size=1) as database:
        await database.execute(f'CREATE ROLE "{role}" LOGIN')
        try:
            with pytest.raises(db.MigrationError, match="needs CREATE in the database"):
                await db.migrate(database_url.replace("//drivebay@", f"//{role}@"), "probe", tmp_path)
        finally:
            await database.execute(f'DROP ROLE "{role}"')


def test_statements_have_names_and_no_name_twice(tmp_path: Path) -> None:
    file = tmp_path / "store.sql"
    file.write_text("-- name: one\n-- For a test.\nSELECT 1;\n\n-- name: two\nSELECT 2;\n")
    assert dict(db.Statements(file)) == {"one": "-- For a test.\nSELECT 1;", "two": "SELECT 2;"}
    file.write_text("-- name: one\nSELECT 1;\n-- name: one\nSELECT 2;\n")
    with pytest.raises(ValueError, match="twice"):
        db.Statements(file)


async def test_migrations_run_once_and_edited_or_unknown_ones_are_refused(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE probe.one (n int);")
    first = await asyncio.gather(*(db.migrate(database_url, "probe", tmp_path) for _ in range(4)))
    assert sorted(first, key=len) == [(), (), (), ("0001_first",)]
    (tmp_path / "0002_second.sql").write_text("SELECT 1/0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await db.migrate(database_url, "probe", tmp_path)
    (tmp_path / "0002_second.sql").write_text("CREATE TABLE probe.two (n int);")
    assert await db.migrate(database_url, "probe", tmp_path) == ("0002_second",)
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE probe.other (n int);")
    with pytest.raises(db.MigrationError, match="changed"):
        await db.migrate(database_url, "probe", tmp_path)
    (tmp_path / "0001_first.sql").unlink()
    with pytest.raises(db.MigrationError, match="newer"):
        await db.migrate(database_url, "probe", tmp_path)
