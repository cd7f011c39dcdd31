"""Passwords, profiles, sessions and the deletion of accounts."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, cast
from uuid import uuid4

import pytest

from drivebay.auth.service import prune
from drivebay.auth.settings import Rate, Settings, SignupMode
from drivebay.auth.store import Store
from drivebay.contract.auth import (
    AccountUpdate,
    Actor,
    AuditEvent,
    AuditQuery,
    Auth,
    DeletedAccount,
    Role,
    Scope,
    User,
)
from drivebay.contract.ids import SessionId, UserId
from drivebay.errors import (
    EmailTaken,
    InvalidCredentials,
    InvalidRequest,
    NotFound,
    RateLimited,
    SignupClosed,
    Unauthenticated,
    Unavailable,
)
from drivebay.postgres import Database
from drivebay.testing.client import eventually

from .conftest import StartService

EMAIL, PASSWORD, ADDRESS = "ann@example.org", "correct horse battery", "192.0.2.1"
NEW_PASSWORD = "staple battery horse"
OPERATOR = Actor(is_operator=True)


async def sign_up(auth: Auth, email: str = EMAIL) -> User:
    return await auth.sign_up(email, PASSWORD, ADDRESS, f"key {email}")


async def events_of(auth: Auth, user: User) -> tuple[AuditEvent, ...]:
    """Return the records about an account, newest first."""
    return (await auth.list_audit_events(OPERATOR, AuditQuery(user=user.id))).items


async def session_of(auth: Auth, access_token: str) -> SessionId:
    session = (await auth.verify_token(access_token)).session
    assert session is not None
    return session


async def test_a_changed_password_ends_every_other_session(auth: Auth) -> None:
    user = await sign_up(auth)
    kept, ended = [await auth.log_in(EMAIL, PASSWORD, ADDRESS) for _ in range(2)]
    keep = await session_of(auth, kept.access_token)
    await auth.change_password(user.id, PASSWORD, NEW_PASSWORD, ADDRESS, keep)
    with pytest.raises(InvalidCredentials):
        await auth.log_in(EMAIL, PASSWORD, ADDRESS)
    await auth.refresh(kept.refresh_token)
    with pytest.raises(Unauthenticated):
        await auth.refresh(ended.refresh_token)
    assert [session.id for session in await auth.list_sessions(user.id)] == [keep]
    await auth.log_in(EMAIL, NEW_PASSWORD, ADDRESS)


async def test_a_wrong_password_changes_nothing(auth: Auth) -> None:
    user = await sign_up(auth)
    with pytest.raises(InvalidCredentials):
        await auth.change_password(user.id, "not the password", NEW_PASSWORD, ADDRESS)
    with pytest.raises(InvalidCredentials):
        await auth.delete_account(user.id, "not the password", ADDRESS)
    await auth.log_in(EMAIL, PASSWORD, ADDRESS)


COMMON = ["password", "PASSWORD", "Password1", "12345678", " qwertyuiop ", "iloveyou", "\uff50\uff41\uff53\uff53word"]


@pytest.mark.parametrize("password", COMMON)
async def test_a_common_password_is_refused(start_service: StartService, password: str) -> None:
    async with start_service() as auth:
        with pytest.raises(InvalidRequest) as refused:
            await auth.sign_up("bob@example.org", password, ADDRESS)
        assert [error.field for error in refused.value.errors] == ["password"]
        user = await sign_up(auth)
        with pytest.raises(InvalidRequest) as refused:
            await auth.change_password(user.id, PASSWORD, password, ADDRESS)
        assert [error.field for error in refused.value.errors] == ["new_password"]


@pytest.mark.parametrize("password", ["short", "x" * 257, "surrogate \ud800"])
async def test_a_new_password_follows_the_rules_of_sign_up(start_service: StartService, password: str) -> None:
    async with start_service() as auth:
        user = await sign_up(auth)
        with pytest.raises(InvalidRequest) as refused:
            await auth.change_password(user.id, PASSWORD, password, ADDRESS)
        assert [error.field for error in refused.value.errors] == ["new_password"]


async def test_attempts_to_change_a_password_are_limited_and_leave_the_login(start_service: StartService) -> None:
    async with start_service(login_limit=Rate(3, timedelta(hours=1))) as auth:
        user = await sign_up(auth)
        for _ in range(3):
            with pytest.raises(InvalidCredentials):
                await auth.change_password(user.id, "not the password", NEW_PASSWORD, ADDRESS)
        with pytest.raises(RateLimited):
            await auth.change_password(user.id, PASSWORD, NEW_PASSWORD, ADDRESS)
        with pytest.raises(RateLimited):
            await auth.delete_account(user.id, PASSWORD, ADDRESS)
        await auth.log_in(EMAIL, PASSWORD, ADDRESS)
        for _ in range(3):
            with pytest.raises(InvalidCredentials):
                await auth.log_in(EMAIL, "not the password", ADDRESS)
        await auth.change_password(user.id, PASSWORD, NEW_PASSWORD, "192.0.2.9")


async def test_a_login_with_the_old_password_starts_no_session_after_the_change(
    start_service: StartService, database: Database
) -> None:
    """The password is verified before the change, and the session is stored after it."""
    async with start_service() as auth:
        await sign_up(auth)
        async with database.transaction() as connection:
            await connection.execute("UPDATE auth.users SET password_version = password_version + 1")
            login = asyncio.create_task(auth.log_in(EMAIL, PASSWORD, ADDRESS))

            async def waits() -> bool:
                waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'sessions'"
                return login.done() or await database.fetchval(waiting) > 0

            await eventually(waits)
        with pytest.raises(InvalidCredentials):
            await login


async def test_concurrent_changes_of_a_password_have_one_winner(start_service: StartService) -> None:
    async with start_service(bcrypt_threads=4) as auth:
        user = await sign_up(auth)
        changes = [auth.change_password(user.id, PASSWORD, f"{NEW_PASSWORD} {n}", ADDRESS) for n in range(4)]
        results = await asyncio.gather(*changes, return_exceptions=True)
        assert [type(result) for result in results].count(type(None)) == 1
        assert sum(isinstance(result, InvalidCredentials) for result in results) == 3


async def test_sessions_show_the_client_of_the_login(auth: Auth, database: Database) -> None:
    user = await sign_up(auth)
    tokens = await auth.log_in(EMAIL, PASSWORD, "2001:db8::7", "Agent/1.0 \x1b[31m\r\n" + "x" * 1000)
    await database.execute("UPDATE auth.sessions SET started_at = started_at - interval '1 hour'")
    id = await session_of(auth, tokens.access_token)
    (session,) = [each for each in await auth.list_sessions(user.id) if each.id == id]
    assert session.address == "2001:db8::7"
    assert session.user_agent.startswith("Agent/1.0 [31m")
    assert len(session.user_agent) <= 256
    assert session.user_agent.isprintable()
    assert session.last_used_at == session.created_at
    await auth.refresh(tokens.refresh_token)
    (session,) = [each for each in await auth.list_sessions(user.id) if each.id == id]
    assert session.last_used_at > session.created_at


async def test_a_user_ends_only_own_sessions(auth: Auth) -> None:
    ann, bob = await sign_up(auth), await sign_up(auth, "bob@example.org")
    tokens = await auth.log_in(EMAIL, PASSWORD, ADDRESS)
    session = await session_of(auth, tokens.access_token)
    with pytest.raises(NotFound):
        await auth.end_session(bob.id, session)
    await auth.end_sessions(bob.id)
    assert await auth.list_sessions(bob.id) == ()
    fresh = await auth.refresh(tokens.refresh_token)
    await auth.end_session(ann.id, session)
    with pytest.raises(NotFound):
        await auth.end_session(ann.id, session)
    with pytest.raises(Unauthenticated):
        await auth.refresh(fresh.refresh_token)


async def test_every_way_to_end_a_session_is_reported(auth: Auth, database: Database) -> None:
    user = await sign_up(auth)
    logins = [await auth.log_in(EMAIL, PASSWORD, ADDRESS) for _ in range(4)]
    sessions = [await session_of(auth, tokens.access_token) for tokens in logins]
    assert await revoked(auth) == set()
    await auth.log_out(logins[0].refresh_token)
    await auth.end_session(user.id, sessions[1])
    await auth.refresh(logins[2].refresh_token)
    await database.execute("UPDATE auth.refresh_tokens SET spent_at = spent_at - interval '1 hour'")
    with pytest.raises(Unauthenticated):
        await auth.refresh(logins[2].refresh_token)
    assert await revoked(auth) == set(sessions[:3])
    await auth.change_password(user.id, PASSWORD, NEW_PASSWORD, ADDRESS)
    assert await revoked(auth) >= set(sessions)


async def revoked(auth: Auth) -> set[SessionId]:
    return {session.id for session in (await auth.list_revoked_sessions()).sessions}


async def test_ended_sessions_are_reported_since_a_time_and_while_their_tokens_live(
    start_service: StartService, database: Database, settings: Settings
) -> None:
    async with start_service() as auth:
        user = await sign_up(auth)
        await auth.log_in(EMAIL, PASSWORD, ADDRESS)
        await auth.end_sessions(user.id)
        first = await auth.list_revoked_sessions()
        assert len(first.sessions) == 1
        assert first.sessions[0].expires_at >= first.as_of + settings.access_token_ttl
        assert len((await auth.list_revoked_sessions(first.as_of)).sessions) == 1
        await database.execute("UPDATE auth.sessions SET ended_at = ended_at - interval '2 minutes'")
        assert (await auth.list_revoked_sessions(first.as_of)).sessions == ()
        assert len((await auth.list_revoked_sessions()).sessions) == 1
        await database.execute("UPDATE auth.sessions SET ended_at = ended_at - $1::interval", settings.access_token_ttl)
        assert (await auth.list_revoked_sessions()).sessions == ()


async def test_ended_sessions_are_read_in_pages(auth: Auth, database: Database) -> None:
    user = await sign_up(auth)
    await database.execute(
        "INSERT INTO auth.sessions (id, user_id, newest, expires_at, ended_at, end_reason) "
        "SELECT gen_random_uuid(), $1, sha256(n::text::bytea), now() + interval '1 day', "
        "now() - (n / 10) * interval '1 second', 'ended' FROM generate_series(1, 95) n",
        user.id,
    )
    whole = await auth.list_revoked_sessions()
    assert (len(whole.sessions), whole.next) == (95, None)
    for limit in (1, 10, 95, 96):
        found, after = [], None
        while True:
            page = await auth.list_revoked_sessions(None, limit, after)
            assert len(page.sessions) <= limit
            found += page.sessions
            after = page.next
            if after is None:
                break
        assert [session.id for session in found] == [session.id for session in whole.sessions]
    for limit in (0, 10_001):
        with pytest.raises(InvalidRequest):
            await auth.list_revoked_sessions(None, limit)


async def test_pruning_keeps_an_ended_session_while_its_tokens_live(
    start_service: StartService, database: Database, settings: Settings
) -> None:
    async with start_service() as auth:
        user = await sign_up(auth)
        await auth.log_in(EMAIL, PASSWORD, ADDRESS)
        await auth.end_sessions(user.id)
        await database.execute("UPDATE auth.sessions SET expires_at = now() - interval '1 second'")
        await prune(Store(database), settings)
        assert len((await auth.list_revoked_sessions()).sessions) == 1
        await database.execute("UPDATE auth.sessions SET ended_at = ended_at - interval '1 hour'")
        await prune(Store(database), settings)
        assert await database.fetchval("SELECT count(*) FROM auth.sessions") == 0


class FailingDatabase:
    """A database on which the statements that contain `text` fail."""

    def __init__(self, database: Database, text: str, error: Exception) -> None:
        self._database = database
        self._text = text
        self._error = error
        self.failures = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def _check(self, sql: str) -> None:
        if self._text in sql:
            self.failures += 1
            raise self._error

    async def fetch(self, sql: str, *arguments: object) -> Any:
        self._check(sql)
        return await self._database.fetch(sql, *arguments)

    async def fetchrow(self, sql: str, *arguments: object) -> Any:
        self._check(sql)
        return await self._database.fetchrow(sql, *arguments)


@pytest.mark.parametrize("failure", [Unavailable("the statement took too long"), ValueError("a defect")])
@pytest.mark.parametrize("table", ["auth.audit", "auth.mails", "auth.password_tokens"])
async def test_a_step_of_the_pruning_that_fails_does_not_stop_the_others(
    database: Database, settings: Settings, table: str, failure: Exception
) -> None:
    await database.execute(
        "INSERT INTO auth.signing_keys (kid, x, sealed, created_at)"
        " SELECT n::text, 'x', 'x', now() - n * interval '30 days' FROM generate_series(1, 3) n"
    )
    await database.execute("INSERT INTO auth.throttle (bucket, full_at) VALUES ('full', now() - interval '1 s')")
    failing = FailingDatabase(database, table, failure)
    with pytest.raises((ExceptionGroup, Unavailable)) as caught:
        await prune(Store(cast("Database", failing)), settings)
    assert failing.failures >= 1
    assert failure is caught.value or failure in getattr(caught.value, "exceptions", ())
    assert await database.fetchval("SELECT count(*) FROM auth.throttle") == 0
    assert await database.fetchval("SELECT array_agg(kid) FROM auth.signing_keys") == ["1"]


async def test_a_profile_is_changed(auth: Auth) -> None:
    user = await sign_up(auth)
    assert user.display_name == ""
    assert (await auth.update_profile(user.id, " Ann Lee ")).display_name == "Ann Lee"
    assert (await auth.update_profile(user.id)).display_name == "Ann Lee"
    for name in ("x" * 101, "two\nlines", "bell\x07", "zero\0"):
        with pytest.raises(InvalidRequest):
            await auth.update_profile(user.id, name)
    assert (await auth.update_profile(user.id, "")).display_name == ""
    with pytest.raises(NotFound):
        await auth.update_profile(UserId(uuid4()), "x")


@pytest.mark.parametrize("mode", [SignupMode.CLOSED, SignupMode.INVITE])
async def test_a_closed_deployment_takes_no_sign_ups(start_service: StartService, mode: SignupMode) -> None:
    async with start_service() as auth:
        await sign_up(auth)
    async with start_service(signup=mode) as auth:
        with pytest.raises(SignupClosed):
            await auth.sign_up("bob@example.org", PASSWORD, ADDRESS)
        await auth.log_in(EMAIL, PASSWORD, ADDRESS)


async def test_a_deleted_account_is_gone_and_its_address_is_free_after_the_purge(
    auth: Auth, database: Database
) -> None:
    user = await sign_up(auth)
    tokens = await auth.log_in(EMAIL, PASSWORD, ADDRESS)
    await auth.delete_account(user.id, PASSWORD, ADDRESS)
    for call in (auth.get_user(user.id), auth.delete_account(user.id, PASSWORD, ADDRESS)):
        with pytest.raises(NotFound):
            await call
    with pytest.raises(InvalidCredentials):
        await auth.log_in(EMAIL, PASSWORD, ADDRESS)
    with pytest.raises(Unauthenticated):
        await auth.refresh(tokens.refresh_token)
    with pytest.raises(EmailTaken):
        await auth.sign_up(EMAIL, NEW_PASSWORD, ADDRESS)
    assert await session_of(auth, tokens.access_token) in await revoked(auth)
    (deleted,) = await auth.list_deleted_accounts()
    assert deleted.user == user.id
    assert await auth.list_deleted_accounts(deleted) == ()

    # Gateways must still learn that its sessions have ended.
    assert not await auth.purge_account(user.id)
    await database.execute("UPDATE auth.sessions SET ended_at = ended_at - interval '1 hour'")
    assert await auth.purge_account(user.id)
    assert await auth.purge_account(user.id)
    assert await auth.list_deleted_accounts() == ()
    again = await auth.sign_up(EMAIL, NEW_PASSWORD, ADDRESS, "another key")
    assert again.id != user.id
    await auth.log_in(EMAIL, NEW_PASSWORD, ADDRESS)


async def test_only_a_deleted_account_is_purged(auth: Auth) -> None:
    user = await sign_up(auth)
    await auth.log_in(EMAIL, PASSWORD, ADDRESS)
    assert not await auth.purge_account(user.id)
    assert await auth.get_user(user.id) == user
    assert {event.address for event in await events_of(auth, user)} == {ADDRESS}


async def test_of_a_purged_account_the_audit_log_keeps_only_ids(start_service: StartService) -> None:
    async with start_service() as auth:
        user, other = await sign_up(auth), await sign_up(auth, "bob@example.org")
        for email in (EMAIL, "bob@example.org"):
            with pytest.raises(InvalidCredentials):
                await auth.log_in(email, "not the password", ADDRESS, "a browser")
            await auth.log_in(email, PASSWORD, ADDRESS, "a browser")
        await auth.create_api_token(user.id, "phone of Ann", (Scope.READ,), None, Actor(user.id, ADDRESS, "a browser"))
        admin = Actor(other.id, "192.0.2.9", "the browser of an admin")
        await auth.update_account(OPERATOR, other.id, AccountUpdate(role=Role.ADMIN))
        await auth.end_user_sessions(admin, user.id)
        before = await events_of(auth, user)
        await auth.delete_account(user.id, PASSWORD, ADDRESS, "a browser")
        await auth.purge_account(user.id)
        events = await events_of(auth, user)
        assert [event.id for event in events[1:]] == [event.id for event in before]
        assert {event.action: (event.address, event.user_agent) for event in events} == {
            "account_deleted": ("", ""),
            "sessions_ended": ("192.0.2.9", "the browser of an admin"),
            "api_token_created": ("", ""),
            "login": ("", ""),
            "login_failed": ("", ""),
        }
        (created,) = [event.detail for event in events if event.action == "api_token_created"]
        assert created.keys() == {"token_id", "scopes"}
        assert {event.address for event in await events_of(auth, other)} == {ADDRESS, "192.0.2.9", ""}


async def test_deleted_accounts_are_listed_in_pages(start_service: StartService) -> None:
    async with start_service() as auth:
        users = [(await sign_up(auth, f"{n}@example.org")).id for n in range(3)]
        for user in users:
            await auth.delete_account(user, PASSWORD, ADDRESS)
        listed: list[DeletedAccount] = []
        while page := await auth.list_deleted_accounts(listed[-1] if listed else None, 2):
            listed += page
        assert [account.user for account in listed] == users
        for limit in (0, 1001):
            with pytest.raises(InvalidRequest):
                await auth.list_deleted_accounts(None, limit)
