"""Sessions, refresh tokens and signing keys.

The service compares times with the database's clock. So a test that needs time to pass makes the rows older.
"""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from drivebay.auth.rate_limiter import REFRESH_LIMIT
from drivebay.auth.service import prune
from drivebay.auth.sessions import MAX_SESSIONS
from drivebay.auth.settings import Settings
from drivebay.auth.signing_key import WrongSecret
from drivebay.auth.store import Store
from drivebay.contract.auth import AccountUpdate, Actor, Auth, Tokens
from drivebay.errors import RateLimited, TokenReused, Unauthenticated
from drivebay.postgres import Database

from .conftest import Clock, StartService

EMAIL, PASSWORD, ADDRESS = "ann@example.org", "correct horse battery", "192.0.2.1"
AFTER_GRACE = timedelta(seconds=11)


async def sign_up_and_log_in(auth: Auth) -> Tokens:
    await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key")
    return await auth.log_in(EMAIL, PASSWORD, ADDRESS)


async def age_sessions(database: Database, by: timedelta) -> None:
    await database.execute(
        "UPDATE auth.refresh_tokens SET spent_at = spent_at - $1::interval, expires_at = expires_at - $1::interval",
        by,
    )
    await database.execute("UPDATE auth.sessions SET expires_at = expires_at - $1::interval", by)


def signing_kid(tokens: Tokens) -> str:
    header = json.loads(urlsafe_b64decode(tokens.access_token.partition(".")[0] + "=="))
    return str(header["kid"])


async def assert_reused(auth: Auth, token: str) -> None:
    with pytest.raises(TokenReused):
        await auth.refresh(token)


async def assert_ended(auth: Auth, token: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        await auth.refresh(token)
    assert caught.value.code == "unauthenticated"


async def test_a_refresh_gives_new_tokens_for_the_same_user(auth: Auth) -> None:
    first = await sign_up_and_log_in(auth)
    second = await auth.refresh(first.refresh_token)
    third = await auth.refresh(second.refresh_token)
    assert len({tokens.refresh_token for tokens in (first, second, third)}) == 3
    assert len({tokens.access_token for tokens in (first, second, third)}) == 3
    users = {(await auth.verify_token(tokens.access_token)).user for tokens in (first, second, third)}
    assert len(users) == 1


async def test_a_refresh_can_be_repeated_within_the_repeat_window(auth: Auth, database: Database) -> None:
    first = await sign_up_and_log_in(auth)
    lost = await auth.refresh(first.refresh_token)
    await age_sessions(database, timedelta(seconds=9))
    again = await auth.refresh(first.refresh_token)
    await auth.verify_token(again.access_token)
    # Both results continue the same session: a session has no branches.
    assert (await auth.refresh(lost.refresh_token)).refresh_token == (
        await auth.refresh(again.refresh_token)
    ).refresh_token


async def test_twenty_concurrent_refreshes_give_one_valid_token(auth: Auth, database: Database) -> None:
    first = await sign_up_and_log_in(auth)
    answers = await asyncio.gather(*(auth.refresh(first.refresh_token) for _ in range(20)))
    assert len({answer.refresh_token for answer in answers}) == 1
    await auth.refresh(answers[7].refresh_token)
    # Each session has exactly one token that was not replaced.
    current = await database.fetchval("SELECT count(*) FROM auth.refresh_tokens WHERE spent_at IS NULL")
    assert current == await database.fetchval("SELECT count(*) FROM auth.sessions")


async def test_reuse_after_the_repeat_window_ends_the_session(auth: Auth, database: Database) -> None:
    first = await sign_up_and_log_in(auth)
    second = await auth.refresh(first.refresh_token)
    await age_sessions(database, AFTER_GRACE)
    await assert_reused(auth, first.refresh_token)
    await assert_ended(auth, second.refresh_token)
    await assert_reused(auth, first.refresh_token)


async def test_reuse_by_the_owner_ends_the_session_of_a_thief(auth: Auth, database: Database) -> None:
    first = await sign_up_and_log_in(auth)
    thief = await auth.refresh(first.refresh_token)
    thief = await auth.refresh(thief.refresh_token)
    await age_sessions(database, AFTER_GRACE)
    await assert_reused(auth, first.refresh_token)
    await assert_ended(auth, thief.refresh_token)


async def test_only_the_last_replaced_token_can_be_repeated(auth: Auth) -> None:
    first = await sign_up_and_log_in(auth)
    second = await auth.refresh(first.refresh_token)
    third = await auth.refresh(second.refresh_token)
    await assert_reused(auth, first.refresh_token)
    await assert_ended(auth, third.refresh_token)


async def test_the_end_of_one_session_leaves_other_sessions_valid(auth: Auth, database: Database) -> None:
    first = await sign_up_and_log_in(auth)
    other = await auth.log_in(EMAIL, PASSWORD, ADDRESS)
    await auth.refresh(first.refresh_token)
    await age_sessions(database, AFTER_GRACE)
    await assert_reused(auth, first.refresh_token)
    await auth.refresh(other.refresh_token)


async def test_logout_with_any_token_of_a_session_ends_it(auth: Auth) -> None:
    first = await sign_up_and_log_in(auth)
    second = await auth.refresh(first.refresh_token)
    await auth.log_out(first.refresh_token)
    await assert_ended(auth, second.refresh_token)
    await assert_ended(auth, first.refresh_token)
    await auth.log_out(second.refresh_token)


async def test_a_repeated_refresh_cannot_undo_a_logout(auth: Auth) -> None:
    first = await sign_up_and_log_in(auth)
    await auth.refresh(first.refresh_token)
    await auth.log_out(first.refresh_token)
    await assert_ended(auth, first.refresh_token)


@pytest.mark.parametrize("column", ["disabled_at", "deleted_at"])
async def test_a_session_that_began_after_the_end_of_its_account_ends_at_the_refresh(
    start_service: StartService, database: Database, column: str
) -> None:
    """A process of an earlier release does not know that accounts can be disabled."""
    async with start_service() as auth:
        first = await sign_up_and_log_in(auth)
        second = await auth.refresh(first.refresh_token)
        await database.execute(f"UPDATE auth.users SET {column} = now()")
        for token in (second, first):
            await assert_ended(auth, token.refresh_token)
        await database.execute(f"UPDATE auth.users SET {column} = NULL")
        await assert_ended(auth, second.refresh_token)
        assert len((await auth.list_revoked_sessions()).sessions) == 1


async def test_a_login_ends_the_sessions_beyond_the_limit_that_were_used_least_recently(
    start_service: StartService, database: Database
) -> None:
    async with start_service() as auth:
        first = await sign_up_and_log_in(auth)
        user = (await auth.verify_token(first.access_token)).user
        await database.execute(
            "INSERT INTO auth.sessions (id, user_id, newest, expires_at, started_at) "
            "SELECT gen_random_uuid(), $1, sha256(n::text::bytea), now() + interval '1 day', "
            "now() - n * interval '1 minute' FROM generate_series(1, $2) n",
            user,
            MAX_SESSIONS + 4,
        )
        last = await auth.log_in(EMAIL, PASSWORD, ADDRESS)
        live = await auth.list_sessions(user)
        assert len(live) == MAX_SESSIONS
        assert len((await auth.list_revoked_sessions()).sessions) == 6
        for tokens in (first, last):
            await auth.refresh(tokens.refresh_token)


async def test_refreshes_of_a_session_are_limited(start_service: StartService) -> None:
    """Each refresh stores a token. Other sessions of the account go on."""
    async with start_service() as auth:
        tokens = await sign_up_and_log_in(auth)
        other = await auth.log_in(EMAIL, PASSWORD, ADDRESS)
        for _ in range(REFRESH_LIMIT.count):
            tokens = await auth.refresh(tokens.refresh_token)
        with pytest.raises(RateLimited) as caught:
            await auth.refresh(tokens.refresh_token)
        assert caught.value.retry_after is not None
        await auth.refresh(other.refresh_token)


async def test_disabling_again_ends_the_sessions_of_an_account(start_service: StartService, database: Database) -> None:
    async with start_service() as auth:
        tokens = await sign_up_and_log_in(auth)
        user = (await auth.verify_token(tokens.access_token)).user
        await database.execute("UPDATE auth.users SET disabled_at = now()")
        await auth.update_account(Actor(is_operator=True), user, AccountUpdate(disabled=True))
        assert len((await auth.list_revoked_sessions()).sessions) == 1


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "A" * 100_000, "é" * 43, "\0" * 43])
async def test_an_unknown_refresh_token_is_refused_and_logout_ignores_it(auth: Auth, token: str) -> None:
    await assert_ended(auth, token)
    await auth.log_out(token)


async def test_a_session_expires_thirty_days_after_its_last_refresh(auth: Auth, database: Database) -> None:
    first = await sign_up_and_log_in(auth)
    await age_sessions(database, timedelta(days=30, minutes=-1))
    second = await auth.refresh(first.refresh_token)
    await age_sessions(database, timedelta(days=30, minutes=-1))
    third = await auth.refresh(second.refresh_token)
    await age_sessions(database, timedelta(days=30, minutes=1))
    await assert_ended(auth, third.refresh_token)


async def test_pruning_deletes_only_expired_sessions(auth: Auth, database: Database, settings: Settings) -> None:
    old = await sign_up_and_log_in(auth)
    await age_sessions(database, timedelta(days=31))
    young = await auth.log_in(EMAIL, PASSWORD, ADDRESS)
    await prune(Store(database), settings)
    for table in ("refresh_tokens", "sessions"):
        assert await database.fetchval(f"SELECT min(expires_at) > now() FROM auth.{table}")
    await assert_ended(auth, old.refresh_token)
    await auth.refresh(young.refresh_token)


async def test_an_access_token_expires_after_fifteen_minutes(start_service: StartService, clock: Clock) -> None:
    async with start_service() as auth:
        tokens = await sign_up_and_log_in(auth)
        clock.offset = timedelta(minutes=14, seconds=58)
        await auth.verify_token(tokens.access_token)
        clock.offset = timedelta(minutes=15)
        with pytest.raises(Unauthenticated):
            await auth.verify_token(tokens.access_token)


async def test_a_token_of_another_deployment_is_refused(start_service: StartService) -> None:
    async with (
        start_service() as auth,
        start_service(audience="another") as other,
        start_service(issuer="another") as third,
    ):
        tokens = await sign_up_and_log_in(auth)
        for service in (other, third):
            with pytest.raises(Unauthenticated):
                await service.verify_token(tokens.access_token)


async def test_the_new_key_signs_and_the_old_one_still_verifies(auth: Auth) -> None:
    before = await sign_up_and_log_in(auth)
    (old,) = await auth.list_keys()
    new = await auth.rotate_key()
    published = await auth.list_keys()
    assert new in published
    # A rotation that is delivered twice makes two keys, so there may be one more between these.
    assert published[-1] == old != new
    after = await auth.refresh(before.refresh_token)
    for tokens in (before, after):
        await auth.verify_token(tokens.access_token)
    assert signing_kid(before) == old.kid
    assert signing_kid(after) == published[0].kid


async def test_a_replaced_key_is_withdrawn_after_its_last_token_expired(auth: Auth, database: Database) -> None:
    (old,) = await auth.list_keys()
    await auth.rotate_key()
    await age_keys(database, timedelta(minutes=15))
    assert old.kid in {key.kid for key in await auth.list_keys()}
    await age_keys(database, timedelta(minutes=6))
    assert [key.kid for key in await auth.list_keys()] == [
        await database.fetchval("SELECT kid FROM auth.signing_keys ORDER BY created_at DESC LIMIT 1")
    ]


async def test_pruning_deletes_old_keys_and_never_the_newest(
    auth: Auth, database: Database, settings: Settings
) -> None:
    await auth.rotate_key()
    newest = (await auth.list_keys())[0]
    await age_keys(database, timedelta(hours=23))
    await prune(Store(database), settings)
    assert await database.fetchval("SELECT count(*) FROM auth.signing_keys") >= 2
    await age_keys(database, timedelta(days=400))
    await prune(Store(database), settings)
    assert [key.kid for key in await auth.list_keys()] == [newest.kid]


async def age_keys(database: Database, by: timedelta) -> None:
    await database.execute("UPDATE auth.signing_keys SET created_at = created_at - $1::interval", by)


async def test_another_process_accepts_a_new_key_at_once(start_service: StartService, clock: Clock) -> None:
    async with start_service() as one, start_service() as other:
        first = await sign_up_and_log_in(one)
        await other.verify_token(first.access_token)
        new = await one.rotate_key()
        second = await one.refresh(first.refresh_token)
        clock.offset = timedelta(seconds=2)
        await other.verify_token(second.access_token)
        assert (await other.list_keys())[0] == new


async def test_ten_processes_that_start_together_create_one_key(start_service: StartService) -> None:
    async with AsyncExitStack() as stack:
        services = await asyncio.gather(*(stack.enter_async_context(start_service()) for _ in range(10)))
        assert {await service.list_keys() for service in services} == {await services[0].list_keys()}
        assert len(await services[0].list_keys()) == 1
        tokens = await sign_up_and_log_in(services[0])
        for service in services:
            await service.verify_token(tokens.access_token)


async def test_concurrent_rotations_keep_every_key_in_one_order(auth: Auth) -> None:
    made = await asyncio.gather(*(auth.rotate_key() for _ in range(5)))
    published = await auth.list_keys()
    assert {key.kid for key in made} <= {key.kid for key in published}
    assert [key.created_at for key in published] == sorted((key.created_at for key in published), reverse=True)


async def test_the_service_does_not_start_with_another_secret(start_service: StartService) -> None:
    async with start_service():
        pass
    with pytest.raises(WrongSecret, match="secret"):
        async with start_service(secret=bytes(range(40))):
            pass
