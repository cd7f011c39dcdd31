"""The deployment secret is strong, and no secret is logged or stored in clear text."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from drivebay.auth import subkeys
from drivebay.auth.settings import Settings
from drivebay.errors import TokenReused, Unauthenticated
from drivebay.postgres import Database

from .conftest import StartService

EMAIL, PASSWORD, ADDRESS = "ann@example.org", "canary password", "192.0.2.1"


@pytest.mark.parametrize("weak", [b"", b"secret", b"x" * 31, b"x" * 64, b"changeme" * 4, b"0" * 40])
def test_a_weak_secret_is_refused(weak: bytes) -> None:
    with pytest.raises(ValueError, match="random"):
        Settings(secret=weak)


def test_settings_do_not_show_their_secret(settings: Settings) -> None:
    assert "secret" not in repr(settings)
    assert repr(settings.secret) not in repr(settings)


def test_each_purpose_has_its_own_key() -> None:
    labels: tuple[subkeys.Label, ...] = ("pepper", "signing-keys", "refresh-tokens", "idempotency")
    keys = {subkeys.derive_key(bytes(range(32)), label) for label in labels}
    assert len(keys) == len(labels)
    assert not keys & {subkeys.derive_key(bytes(range(1, 33)), label) for label in labels}


async def test_no_secret_is_in_the_logs_or_tables(
    start_service: StartService, database: Database, settings: Settings
) -> None:
    with capture_logs() as logs:
        async with start_service() as auth:
            await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key")
            first = await auth.log_in(EMAIL, PASSWORD, ADDRESS)
            second = await auth.refresh(first.refresh_token)
            third = await auth.refresh(second.refresh_token)
            with pytest.raises(TokenReused):
                await auth.refresh(first.refresh_token)
            with pytest.raises(Unauthenticated):
                await auth.log_in(EMAIL, "another canary", ADDRESS)
            await auth.rotate_key()
    canaries = [PASSWORD, "another canary", settings.secret.hex(), repr(settings.secret)]
    canaries += [token for tokens in (first, second, third) for token in (tokens.access_token, tokens.refresh_token)]
    assert {"signed_up", "logged_in", "refresh_token_reused", "key_rotated"} <= {entry["event"] for entry in logs}
    stored = await dump_tables(database)
    assert EMAIL in stored, "the dump contains the data"
    for canary in canaries:
        assert canary not in repr(logs)
        assert canary not in stored


async def dump_tables(database: Database) -> str:
    tables = await database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'auth'")
    rows = [
        await database.fetchval(f"SELECT string_agg(t::text, ' ') FROM auth.{table['tablename']} t") for table in tables
    ]
    return "\n".join(row for row in rows if row)
