"""`drivebay migrate` applies what is missing, once, and names the setting that it needs."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import asyncpg

from drivebay import postgres
from drivebay.auth import store as auth_store


async def run(folder: Path, *arguments: str, **settings: str) -> tuple[int, str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DRIVEBAY_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "drivebay.cli", "migrate", *arguments),
        env=inherited | settings,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode or 0, out.decode(), err.decode()


async def test_missing_migrations_are_applied_once(fresh_database_url: str, tmp_path: Path) -> None:
    connection = await asyncpg.connect(fresh_database_url)
    try:
        await connection.execute("DROP SCHEMA auth CASCADE")
    finally:
        await connection.close()
    known = postgres.migration_names(auth_store.MIGRATIONS)

    status, out, err = await run(tmp_path, "--json", DRIVEBAY_DATABASE_URL=fresh_database_url)
    assert (status, json.loads(out)) == (0, {"applied": {"auth": list(known), "files": []}}), err
    status, out, err = await run(tmp_path, DRIVEBAY_DATABASE_URL=fresh_database_url)
    assert (status, out) == (0, "no migration is missing\n"), err


async def test_without_a_database_the_setting_is_named(tmp_path: Path) -> None:
    status, out, err = await run(tmp_path)
    assert (status, out) == (1, "")
    assert "DRIVEBAY_DATABASE_URL is not set" in err
