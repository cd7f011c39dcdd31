"""Every statement is SQL that this schema understands, and is sent from one place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drivebay.auth import store
from drivebay.db import Database


@pytest.mark.parametrize("name", sorted(store.STATEMENTS))
async def test_a_statement_prepares_against_the_migrated_schema(database: Database, name: str) -> None:
    async with database.connection() as connection:
        await connection.prepare(store.STATEMENTS[name])


def test_a_statement_has_exactly_one_caller() -> None:
    text = Path(store.__file__).read_text("utf-8")
    used = re.findall(r'(?:_row\(|STATEMENTS\[)\s*"(\w+)"', text)
    assert sorted(used) == sorted(store.STATEMENTS)
