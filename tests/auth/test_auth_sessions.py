"""Sessions, refresh tokens and signing keys, as the contract promises them.

Where time has to pass, rows are made older instead: `auth` compares by the database's clock.
"""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from drivebay.auth.service import Settings, prune
from drivebay.auth.store import Store
from drivebay.auth.tokens import WrongSecret
from drivebay.contract.auth import Auth, Tokens
from drivebay.db import Database
from drivebay.errors import TokenReused, Unauthenticated

from .conftest import Clock, Start

EMAIL, PASSWORD, ADDRESS = "ann@example.org", "correct horse battery", "192.0.2.1"
GRACE_OVER = timedelta(seconds=11)


async def logged_in(auth: Auth) -> Tokens:
    await auth.sign_up(EMAIL, PASSWORD, ADDRESS, "key")
    return await auth.log_in(EMAIL, PASSWORD, ADDRESS)


async def wait(database: Database, time: timedelta) -> None:
    await database.execute(
        "UPDATE auth.refresh_tokens SET spent_at = spent_at - $1::interval, expires_at = expires_at - $1::interval",
        time,
    )
    await database.execute("UPDATE auth.sessions SET expires_at = expires_at - $1::interval", time)


def signer(tokens: Tokens) -> str:
    header = json.loads(urlsafe_b64decode(tokens.access_token.partition(".")[0] + "=="))
    return str(header["kid"])


async def reused(auth: Auth, token: str) -> None:
    with pytest.raises(TokenReused):
        await auth.refresh(token)


async def ended(auth: Auth, token: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        await auth.refresh(token)
    assert caught.value.code == "unauthenticated"


async def test_a_refresh_gives_new_tokens_of_the_same_user(auth: Auth) -> None:
    first = await logged_in(auth)
    second = await auth.refresh(first.refresh_token)
    third = await auth.refresh(second.refresh_token)
    assert len({tokens.refresh_token for tokens in (first, second, third)}) == 3
    assert len({tokens.access_token for tokens in (first, second, third)}) == 3
    users = {(await auth.verify_token(tokens.access_token)).user for tokens in (first, second, third)}
    assert len(users) == 1


async def test_a_lost_answer_can_be_asked_for_again(auth: Auth, database: Database) -> None:
    first = await logged_in(auth)
    lost = await auth.refresh(first.refresh_token)
    await wait(database, timedelta(seconds=9))
    again = await auth.refresh(first.refresh_token)
    await auth.verify_token(again.access_token)
    # Both answers lead on, and to one place: the family has no branches.
    assert (await auth.refresh(lost.refresh_token)).refresh_token == (
        await auth.refresh(again.refresh_token)
    ).refresh_token


async def test_twenty_refreshes_at_once_leave_one_session_that_works(auth: Auth, database: Database) -> None:
    first = await logged_in(auth)
    answers = await asyncio.gather(*(auth.refresh(first.refresh_token) for _ in range(20)))
    assert len({answer.refresh_token for answer in answers}) == 1
    await auth.refresh(answers[7].refresh_token)
    # A login gives one unspent token to each session, and so many there still are.
    unspent = await database.fetchval("SELECT count(*) FROM auth.refresh_tokens WHERE spent_at IS NULL")
    assert unspent == await database.fetchval("SELECT count(*) FROM auth.sessions")


async def test_a_replay_after_the_grace_ends_the_whole_session(auth: Auth, database: Database) -> None:
    first = await logged_in(auth)
    second = await auth.refresh(first.refresh_token)
    await wait(database, GRACE_OVER)
    await reused(auth, first.refresh_token)
    await ended(auth, second.refresh_token)
    await reused(auth, first.refresh_token)


async def test_a_replay_by_the_thief_shuts_out_the_thief(auth: Auth, database: Database) -> None:
    first = await logged_in(auth)
    thief = await auth.refresh(first.refresh_token)
    thief = await auth.refresh(thief.refresh_token)
    await wait(database, GRACE_OVER)
    await reused(auth, first.refresh_token)
    await ended(auth, thief.refresh_token)


async def test_a_grandparent_has_no_grace(auth: Auth) -> None:
    first = await logged_in(auth)
    second = await auth.refresh(first.refresh_token)
    third = await auth.refresh(second.refresh_token)
    await reused(auth, first.refresh_token)
    await ended(auth, third.refresh_token)


async def test_the_end_of_one_session_leaves_the_others(auth: Auth, database: Database) -> None:
    first = await logged_in(auth)
    other = await auth.log_in(EMAIL, PASSWORD, ADDRESS)
    await auth.refresh(first.refresh_token)
    await wait(database, GRACE_OVER)
    await reused(auth, first.refresh_token)
    await auth.refresh(other.refresh_token)


async def test_logging_out_ends_the_session_whichever_of_its_tokens_is_shown(auth: Auth) -> None:
    first = await logged_in(auth)
    second = await auth.refresh(first.refresh_token)
    await auth.log_out(first.refresh_token)
    await ended(auth, second.refresh_token)
    await ended(auth, first.refresh_token)
    await auth.log_out(second.refresh_token)


async def test_a_refresh_within_the_grace_cannot_undo_a_logout(auth: Auth) -> None:
    first = await logged_in(auth)
    await auth.refresh(first.refresh_token)
    await auth.log_out(first.refresh_token)
    await ended(auth, first.refresh_token)


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "A" * 100_000, "é" * 43, "\0" * 43])
async def test_an_unknown_token_is_refused_and_logs_nobody_out(auth: Auth, token: str) -> None:
    await ended(auth, token)
    await auth.log_out(token)


async def test_a_refresh_token_lives_for_thirty_days_after_the_last_refresh(auth: Auth, database: Database) -> None:
    first = await logged_in(auth)
    await wait(database, timedelta(days=30, minutes=-1))
    second = await auth.refresh(first.refresh_token)
    await wait(database, timedelta(days=30, minutes=-1))
    third = await auth.refresh(second.refresh_token)
    await wait(database, timedelta(days=30, minutes=1))
    await ended(auth, third.refresh_token)


async def test_pruning_takes_what_is_over_and_leaves_what_is_not(
    auth: Auth, database: Database, settings: Settings
) -> None:
    old = await logged_in(auth)
    await wait(database, timedelta(days=31))
    young = await auth.log_in(EMAIL, PASSWORD, ADDRESS)
    await prune(Store(database), settings)
    for table in ("refresh_tokens", "sessions"):
        assert await database.fetchval(f"SELECT min(expires_at) > now() FROM auth.{table}")
    await ended(auth, old.refresh_token)
    await auth.refresh(young.refresh_token)


async def test_an_access_token_lives_for_fifteen_minutes(start: Start, clock: Clock) -> None:
    async with start() as auth:
        tokens = await logged_in(auth)
        clock.ahead = timedelta(minutes=14, seconds=58)
        await auth.verify_token(tokens.access_token)
        clock.ahead = timedelta(minutes=15)
        with pytest.raises(Unauthenticated):
            await auth.verify_token(tokens.access_token)


async def test_a_token_for_another_deployment_is_refused(start: Start) -> None:
    async with start() as auth, start(audience="another") as other, start(issuer="another") as third:
        tokens = await logged_in(auth)
        for stranger in (other, third):
            with pytest.raises(Unauthenticated):
                await stranger.verify_token(tokens.access_token)


async def test_a_rotated_key_signs_and_the_old_one_still_counts(auth: Auth) -> None:
    before = await logged_in(auth)
    (old,) = await auth.keys()
    new = await auth.rotate_key()
    published = await auth.keys()
    assert new in published
    # Between the two there may be one more: a rotation delivered twice makes two keys.
    assert published[-1] == old != new
    after = await auth.refresh(before.refresh_token)
    for tokens in (before, after):
        await auth.verify_token(tokens.access_token)
    assert signer(before) == old.kid
    assert signer(after) == published[0].kid


async def test_a_replaced_key_is_withdrawn_when_its_last_token_has_expired(auth: Auth, database: Database) -> None:
    (old,) = await auth.keys()
    await auth.rotate_key()
    await age_keys(database, timedelta(minutes=15))
    assert old.kid in {key.kid for key in await auth.keys()}
    await age_keys(database, timedelta(minutes=6))
    assert [key.kid for key in await auth.keys()] == [
        await database.fetchval("SELECT kid FROM auth.signing_keys ORDER BY created_at DESC LIMIT 1")
    ]


async def test_a_key_long_withdrawn_is_destroyed_and_the_last_one_never(
    auth: Auth, database: Database, settings: Settings
) -> None:
    await auth.rotate_key()
    newest = (await auth.keys())[0]
    await age_keys(database, timedelta(hours=23))
    await prune(Store(database), settings)
    assert await database.fetchval("SELECT count(*) FROM auth.signing_keys") >= 2
    await age_keys(database, timedelta(days=400))
    await prune(Store(database), settings)
    assert [key.kid for key in await auth.keys()] == [newest.kid]


async def age_keys(database: Database, by: timedelta) -> None:
    await database.execute("UPDATE auth.signing_keys SET created_at = created_at - $1::interval", by)


async def test_another_process_accepts_a_rotated_key_at_once(start: Start, clock: Clock) -> None:
    async with start() as one, start() as other:
        first = await logged_in(one)
        await other.verify_token(first.access_token)
        new = await one.rotate_key()
        second = await one.refresh(first.refresh_token)
        clock.ahead = timedelta(seconds=2)
        await other.verify_token(second.access_token)
        assert (await other.keys())[0] == new


async def test_ten_processes_that_start_at_once_make_one_key(start: Start) -> None:
    async with AsyncExitStack() as stack:
        services = await asyncio.gather(*(stack.enter_async_context(start()) for _ in range(10)))
        assert {await service.keys() for service in services} == {await services[0].keys()}
        assert len(await services[0].keys()) == 1
        tokens = await logged_in(services[0])
        for service in services:
            await service.verify_token(tokens.access_token)


async def test_rotations_at_once_are_all_kept_in_one_order(auth: Auth) -> None:
    made = await asyncio.gather(*(auth.rotate_key() for _ in range(5)))
    published = await auth.keys()
    assert {key.kid for key in made} <= {key.kid for key in published}
    assert [key.created_at for key in published] == sorted((key.created_at for key in published), reverse=True)


async def test_another_secret_does_not_open_the_keys(start: Start) -> None:
    async with start():
        pass
    with pytest.raises(WrongSecret, match="secret"):
        async with start(secret=bytes(range(40))):
            pass
