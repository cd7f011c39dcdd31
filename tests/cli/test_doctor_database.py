"""What the doctor says about the search: it depends on the encoding of the database, and on no extension."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast
from uuid import uuid4

from drivebay import node
from drivebay.cli.operator.findings import Finding, Verdict
from drivebay.cli.operator.server_checks import check_database
from drivebay.embedded.postgres import Postgres
from drivebay.node import Services
from drivebay.postgres import connect


async def find_search(database_url: str) -> Finding:
    """Return what the doctor says about the search."""
    services = cast("Services", SimpleNamespace(settings=SimpleNamespace(database_url=database_url)))
    (finding,) = [each for each in await check_database(services, node.now) if each.check == "search"]
    return finding


async def test_the_search_needs_no_extension(database_url: str) -> None:
    async with connect(database_url, size=1) as database:
        extensions = await database.fetch("SELECT extname FROM pg_extension")
    assert [row["extname"] for row in extensions] == ["plpgsql"]
    assert await find_search(database_url) == Finding("search", Verdict.OK, "needs no extension of PostgreSQL")


async def test_a_database_with_another_encoding_is_found(postgres: Postgres) -> None:
    name = f"test_{uuid4().hex}"
    create = f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'"
    async with connect(postgres.database_url("postgres"), size=1) as admin:
        await admin.execute(create)
        try:
            finding = await find_search(postgres.database_url(name))
        finally:
            await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    assert finding.verdict is Verdict.FAILED
    assert "SQL_ASCII" in finding.detail
    assert "ENCODING 'UTF8'" in finding.fix
