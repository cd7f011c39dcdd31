"""Every SQL statement is valid for the migrated schema and has one caller."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

from drivebay.auth import store
from drivebay.auth.administration import store as administration
from drivebay.auth.audit import store as audit
from drivebay.auth.mail import store as mail
from drivebay.auth.oidc import store as oidc
from drivebay.auth.passkeys import store as passkeys
from drivebay.auth.rate_limits import store as rate_limits
from drivebay.auth.reclaims import store as reclaims
from drivebay.auth.second_factor import store as second_factor
from drivebay.postgres import Database, Statements

STORES = (store, administration, audit, mail, oidc, passkeys, rate_limits, reclaims, second_factor)


def test_every_file_of_statements_has_its_store_here() -> None:
    folder = Path(store.__file__).parent
    files = {path for path in folder.rglob("*.sql") if path.parent.name != "migrations"}
    assert files == {Path(module.__file__ or "").with_name("statements.sql") for module in STORES}


@pytest.mark.parametrize(
    ("statements", "name"),
    [
        pytest.param(module.STATEMENTS, name, id=f"{Path(module.__file__ or '').parent.name}-{name}")
        for module in STORES
        for name in sorted(module.STATEMENTS)
    ],
)
async def test_each_statement_is_valid_for_the_migrated_schema(
    database: Database, statements: Statements, name: str
) -> None:
    async with database.connection() as connection:
        await connection.prepare(statements[name])


@pytest.mark.parametrize("module", STORES)
def test_each_statement_has_one_caller(module: ModuleType) -> None:
    text = Path(module.__file__ or "").read_text("utf-8")
    used = re.findall(r'(?:_fetch_row\(|STATEMENTS\[)\s*"(\w+)"', text)
    assert sorted(used) == sorted(module.STATEMENTS)
