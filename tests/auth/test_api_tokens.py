"""API tokens: scopes, expiry, last use and revocation."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta, timezone
from uuid import uuid4

import pytest

from drivebay.auth.api_tokens import CREATIONS_A_DAY, MAX_TOKENS
from drivebay.contract.auth import Auth, DeletedAccount, Scope
from drivebay.contract.ids import ApiTokenId, UserId
from drivebay.errors import (
    Conflict,
    IdempotencyKeyReused,
    InvalidCursor,
    InvalidRequest,
    NotFound,
    RateLimited,
    Unauthenticated,
)
from drivebay.postgres import Database

from .conftest import Clock, StartService
from .test_account_changes import ADDRESS, PASSWORD, sign_up


async def test_a_token_has_the_user_and_the_scopes(auth: Auth, clock: Clock) -> None:
    user = await sign_up(auth)
    expires_at = clock() + timedelta(days=1)
    created = await auth.create_api_token(user.id, " backup ", (Scope.WRITE, Scope.READ, Scope.WRITE), expires_at)
    assert re.fullmatch(r"dbt_[A-Za-z0-9_-]{43}", created.secret)
    assert created.secret not in repr(created)
    assert created.details.name == "backup"
    claims = await auth.verify_api_token(created.secret)
    assert (claims.user, claims.scopes, claims.id) == (user.id, (Scope.READ, Scope.WRITE), created.details.id)
    listed = {token.id: token for token in await auth.list_api_tokens(user.id)}
    assert listed[created.details.id].last_used_at is not None


@pytest.mark.parametrize("secret", ["", "dbt_", "dbt_" + "a" * 43, "dbt_" + "a" * 44, "x" * 47, "dbt_\0" + "a" * 42])
async def test_an_unknown_token_is_refused(start_service: StartService, secret: str) -> None:
    async with start_service() as auth:
        with pytest.raises(Unauthenticated):
            await auth.verify_api_token(secret)


async def test_the_database_has_no_token(start_service: StartService, database: Database) -> None:
    async with start_service() as auth:
        user = await sign_up(auth)
        created = await auth.create_api_token(user.id, "a", (Scope.READ,))
        row = await database.fetchval("SELECT t::text FROM auth.api_tokens t")
        assert created.secret.removeprefix("dbt_") not in row


async def test_a_token_expires(start_service: StartService, database: Database, clock: Clock) -> None:
    async with start_service() as auth:
        user = await sign_up(auth)
        created = await auth.create_api_token(user.id, "a", (Scope.READ,), clock() + timedelta(days=1))
        await auth.verify_api_token(created.secret)
        await database.execute("UPDATE auth.api_tokens SET expires_at = now() - interval '1 second'")
        with pytest.raises(Unauthenticated):
            await auth.verify_api_token(created.secret)
        assert len(await auth.list_api_tokens(user.id)) == 1


async def test_the_last_use_is_recorded_at_most_once_a_minute(start_service: StartService, database: Database) -> None:
    async with start_service() as auth:
        user = await sign_up(auth)
        created = await auth.create_api_token(user.id, "a", (Scope.READ,))

        async def last_use_after_use() -> object:
            await auth.verify_api_token(created.secret)
            return (await auth.list_api_tokens(user.id))[0].last_used_at

        first = await last_use_after_use()
        assert await last_use_after_use() == first is not None
        await database.execute("UPDATE auth.api_tokens SET last_used_at = last_used_at - interval '2 minutes'")
        assert await last_use_after_use() > first  # type: ignore[operator]


async def test_a_user_sees_and_revokes_only_own_tokens(auth: Auth) -> None:
    ann, bob = await sign_up(auth), await sign_up(auth, "bob@example.org")
    created = await auth.create_api_token(ann.id, "a", (Scope.READ,))
    assert await auth.list_api_tokens(bob.id) == ()
    with pytest.raises(NotFound):
        await auth.revoke_api_token(bob.id, created.details.id)
    await auth.verify_api_token(created.secret)
    await auth.revoke_api_token(ann.id, created.details.id)
    for unknown in (created.details.id, ApiTokenId(uuid4())):
        with pytest.raises(NotFound):
            await auth.revoke_api_token(ann.id, unknown)
    with pytest.raises(Unauthenticated):
        await auth.verify_api_token(created.secret)


async def test_a_deleted_account_has_no_tokens(start_service: StartService) -> None:
    async with start_service() as auth:
        user = await sign_up(auth)
        created = await auth.create_api_token(user.id, "a", (Scope.READ,))
        await auth.delete_account(user.id, PASSWORD, ADDRESS)
        assert await auth.list_api_tokens(user.id) == ()
        with pytest.raises(Unauthenticated):
            await auth.verify_api_token(created.secret)
        with pytest.raises(NotFound):
            await auth.create_api_token(user.id, "b", (Scope.READ,))


async def test_a_wrong_token_request_names_the_fields(start_service: StartService, clock: Clock) -> None:
    async with start_service() as auth:
        user = await sign_up(auth)
        with pytest.raises(InvalidRequest) as refused:
            await auth.create_api_token(user.id, "two\nlines", (), clock() - timedelta(seconds=1))
        assert {error.field for error in refused.value.errors} == {"name", "scopes", "expires_at"}
        for name in ("", " ", "x" * 101):
            with pytest.raises(InvalidRequest):
                await auth.create_api_token(user.id, name, (Scope.READ,))
        with pytest.raises(NotFound):
            await auth.create_api_token(UserId(uuid4()), "a", (Scope.READ,))


async def test_an_expiry_beyond_the_years_of_utc_is_refused(start_service: StartService) -> None:
    west = timezone(timedelta(hours=-1))
    async with start_service() as auth:
        user = await sign_up(auth)
        with pytest.raises(InvalidRequest) as refused:
            await auth.create_api_token(user.id, "a", (Scope.READ,), datetime.max.replace(tzinfo=west))
        assert [error.field for error in refused.value.errors] == ["expires_at"]
        latest = datetime.max.replace(tzinfo=west) - timedelta(hours=1)
        created = await auth.create_api_token(user.id, "a", (Scope.READ,), latest)
        stored = latest.replace(microsecond=0)
        assert created.details.expires_at == stored
        assert (await auth.verify_api_token(created.secret)).expires_at == stored


async def test_a_time_without_a_zone_is_refused(start_service: StartService) -> None:
    async with start_service() as auth:
        user = await sign_up(auth)
        with pytest.raises(InvalidRequest):
            await auth.create_api_token(user.id, "a", (Scope.READ,), datetime(2999, 1, 1))
        with pytest.raises(InvalidRequest):
            await auth.list_revoked_sessions(datetime(2026, 1, 1))
        with pytest.raises(InvalidRequest):
            await auth.list_deleted_accounts(DeletedAccount(user.id, datetime(2026, 1, 1)))


async def test_the_number_of_tokens_is_limited_also_at_once(start_service: StartService, database: Database) -> None:
    async with start_service() as auth:
        user = await sign_up(auth)
        await database.execute(
            "INSERT INTO auth.api_tokens (id, user_id, digest, name, scopes) "
            "SELECT gen_random_uuid(), $1, sha256(n::text::bytea), 'a', '{read}' FROM generate_series(1, $2) n",
            user.id,
            MAX_TOKENS - 1,
        )
        creating = [auth.create_api_token(user.id, "a", (Scope.READ,)) for _ in range(4)]
        results = await asyncio.gather(*creating, return_exceptions=True)
        assert sum(isinstance(result, Conflict) for result in results) == 3


async def test_a_user_creates_a_limited_number_of_tokens_a_day(start_service: StartService, database: Database) -> None:
    """The audit log keeps each creation and each revocation for a year."""
    async with start_service() as auth:
        user, other = await sign_up(auth), await sign_up(auth, "bob@example.org")
        kept = await auth.create_api_token(user.id, "a", (Scope.READ,), idempotency_key="key")
        gap = CREATIONS_A_DAY.per / CREATIONS_A_DAY.count
        await database.execute(
            "UPDATE auth.throttle SET full_at = now() + $1 WHERE bucket LIKE 'api-token:%'",
            CREATIONS_A_DAY.per - gap / 2,
        )
        for _ in range(2):
            with pytest.raises(RateLimited) as caught:
                await auth.create_api_token(user.id, "a", (Scope.READ,))
            assert 1 <= (caught.value.retry_after or 0) <= gap.total_seconds()
        assert len(await auth.list_api_tokens(user.id)) == 1
        again = await auth.create_api_token(user.id, "a", (Scope.READ,), idempotency_key="key")
        assert again.secret == kept.secret  # a repeat creates nothing
        await auth.create_api_token(other.id, "a", (Scope.READ,))


async def test_a_repeated_creation_returns_the_same_secret_which_is_not_stored(auth: Auth, database: Database) -> None:
    user = await sign_up(auth)
    created = await auth.create_api_token(user.id, "a", (Scope.READ,), idempotency_key="key")
    assert await auth.create_api_token(user.id, " a ", (Scope.READ,), idempotency_key="key") == created
    assert (await auth.verify_api_token(created.secret)).id == created.details.id
    another = await auth.create_api_token(user.id, "a", (Scope.READ,), idempotency_key="other")
    assert another.secret != created.secret
    with pytest.raises(IdempotencyKeyReused):
        await auth.create_api_token(user.id, "b", (Scope.READ,), idempotency_key="key")
    rows = await database.fetch(
        "SELECT t::text AS row FROM auth.api_tokens t UNION ALL SELECT i::text FROM auth.idempotency i"
    )
    assert not [row for row in rows if created.secret in row["row"]]


async def test_an_idempotency_key_belongs_to_one_user(auth: Auth) -> None:
    ann, bob = await sign_up(auth), await sign_up(auth, "bob@example.org")
    first = await auth.create_api_token(ann.id, "a", (Scope.READ,), idempotency_key="key")
    second = await auth.create_api_token(bob.id, "a", (Scope.READ,), idempotency_key="key")
    assert (await auth.verify_api_token(first.secret)).user == ann.id
    assert (await auth.verify_api_token(second.secret)).user == bob.id


async def test_a_repeat_after_the_revocation_creates_no_token(start_service: StartService) -> None:
    async with start_service() as auth:
        user = await sign_up(auth)
        created = await auth.create_api_token(user.id, "a", (Scope.READ,), idempotency_key="key")
        await auth.revoke_api_token(user.id, created.details.id)
        with pytest.raises(Conflict):
            await auth.create_api_token(user.id, "a", (Scope.READ,), idempotency_key="key")
        assert await auth.list_api_tokens(user.id) == ()


async def test_concurrent_creations_with_one_key_create_one_token(start_service: StartService) -> None:
    async with start_service() as auth:
        user = await sign_up(auth)
        creating = [auth.create_api_token(user.id, "a", (Scope.READ,), idempotency_key="key") for _ in range(6)]
        assert len({created.secret for created in await asyncio.gather(*creating)}) == 1
        assert len(await auth.list_api_tokens(user.id)) == 1


async def test_tokens_are_listed_in_pages(auth: Auth) -> None:
    user, other = await sign_up(auth), await sign_up(auth, "bob@example.org")
    for n in range(5):
        await auth.create_api_token(user.id, f"t{n}", (Scope.READ,), idempotency_key=f"key {n}")
    first = await auth.list_api_token_page(user.id, 2)
    second = await auth.list_api_token_page(user.id, 2, first.next_cursor)
    third = await auth.list_api_token_page(user.id, 2, second.next_cursor)
    names = [token.name for page in (first, second, third) for token in page.items]
    assert (names, third.next_cursor) == (["t4", "t3", "t2", "t1", "t0"], None)
    for owner, cursor in ((other, first.next_cursor), (user, "x"), (user, f"{first.next_cursor}A")):
        with pytest.raises(InvalidCursor):
            await auth.list_api_token_page(owner.id, 2, cursor)
    for limit in (0, 1001):
        with pytest.raises(InvalidRequest):
            await auth.list_api_token_page(user.id, limit)
