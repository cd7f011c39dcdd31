"""Notices: the mails that tell a user that their account was changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from drivebay.auth.settings import OidcProvider
from drivebay.contract.auth import AuditQuery, MailKind, MailOutcome, MailResult
from drivebay.contract.ids import LeaseId, UserId
from drivebay.gateway.settings import Settings

from ..oidc_provider import CLIENT_ID, CLIENT_SECRET, serve
from .conftest import Gateway, User, assert_problem, open_gateway
from .test_admin import OPERATOR, id_of, make_admin
from .test_oidc import Site
from .test_passkeys import BASE, make, with_code

SCOPES = {"name": "backup", "scopes": ["read"]}


@pytest.fixture
async def site(database_url: str) -> AsyncIterator[Gateway]:
    async with open_gateway(database_url, Settings(public_url=BASE), sends_mail=True) as gateway:
        yield gateway


async def confirmed_user(site: Gateway) -> User:
    """Return a user whose email address is confirmed, and to whom all mails were sent."""
    user = await site.user()
    await site.database.execute("UPDATE auth.users SET email_verified_at = now() WHERE email = $1", user.email)
    await kinds(site)
    return user


async def kinds(site: Gateway) -> list[MailKind]:
    """Send the mails in the queue, and return their kinds."""
    lease = LeaseId(uuid4())
    tasks = await site.auth.claim_mails(lease, 100)
    await site.auth.finish_mails(lease, tuple(MailResult(task.id, MailOutcome.SENT) for task in tasks))
    return sorted(task.kind for task in tasks)


async def test_a_user_hears_of_each_change_of_the_second_factor(site: Gateway) -> None:
    user = await confirmed_user(site)
    factor = await with_code(site, user)
    assert await kinds(site) == [MailKind.SECOND_FACTOR_ENABLED]
    body = {"password": user.password, "code": "000000"}
    assert_problem(await user.call("DELETE", "/v1/me/totp", body), 401, "invalid_code")
    assert await kinds(site) == []
    await user.ok("DELETE", "/v1/me/totp", body | {"code": factor.code()})
    assert await kinds(site) == [MailKind.SECOND_FACTOR_DISABLED]


async def test_a_user_hears_of_each_used_recovery_code(site: Gateway) -> None:
    """At a login, before a passkey is added, and at the removal of the second factor. A refused code is no change."""
    user = await confirmed_user(site)
    factor = await with_code(site, user)
    await kinds(site)
    login, passkey, removal = factor.recovery_codes[:3]
    assert (await factor.log_in(login)).status_code == 200
    assert await kinds(site) == [MailKind.RECOVERY_CODE_USED]
    assert_problem(await factor.log_in(login), 401, "invalid_code")
    factor.next_step()
    assert (await factor.log_in(factor.code())).status_code == 200
    assert await kinds(site) == []
    await user.ok("POST", "/v1/me/passkeys/options", {"password": user.password, "code": passkey})
    assert await kinds(site) == [MailKind.RECOVERY_CODE_USED]
    await user.ok("DELETE", "/v1/me/totp", {"password": user.password, "code": removal})
    assert await kinds(site) == [MailKind.RECOVERY_CODE_USED, MailKind.SECOND_FACTOR_DISABLED]
    events = (await site.auth.list_audit_events(OPERATOR, AuditQuery(action="recovery_code_used"))).items
    id = UUID(await id_of(user))
    assert [(event.actor, event.target, event.detail) for event in events] == [(id, str(id), {})] * 3


async def test_a_user_hears_of_the_deletion_of_their_account(site: Gateway) -> None:
    by_user, by_operator = await confirmed_user(site), await confirmed_user(site)
    await by_user.ok("POST", "/v1/me/tokens", SCOPES)  # its notice is not needed any more
    await by_user.ok("DELETE", "/v1/me", {"password": by_user.password})
    await site.auth.remove_account(OPERATOR, UserId(UUID(await id_of(by_operator))))
    lease = LeaseId(uuid4())
    tasks = {task.recipient: task for task in await site.auth.claim_mails(lease, 100)}
    assert sorted(tasks) == sorted((by_user.email, by_operator.email))
    assert {task.kind for task in tasks.values()} == {MailKind.ACCOUNT_DELETED}
    again = await site.auth.claim_mails(lease, 100)  # another attempt
    assert {task.recipient: task for task in again} == tasks


async def test_a_deletion_that_fails_sends_no_notice(site: Gateway) -> None:
    admin = await make_admin(site, await confirmed_user(site))
    body = {"password": admin.password}
    assert_problem(await admin.call("DELETE", "/v1/me", body), 409, "last_admin")
    assert_problem(await admin.call("DELETE", "/v1/me", {"password": "wrong horse"}), 401, "invalid_credentials")
    assert await kinds(site) == []


async def test_a_user_hears_of_each_passkey(site: Gateway) -> None:
    user = await confirmed_user(site)
    holder = await make(site, user)
    assert await kinds(site) == [MailKind.PASSKEY_ADDED]
    await user.ok("DELETE", f"/v1/me/passkeys/{holder.id}", {"password": user.password})
    assert await kinds(site) == [MailKind.PASSKEY_REMOVED]


async def test_a_user_hears_what_an_operator_removed(site: Gateway) -> None:
    user = await confirmed_user(site)
    await make(site, user)
    await with_code(site, user)
    await kinds(site)
    await site.auth.reset_second_factor(OPERATOR, UserId(UUID(await id_of(user))))
    assert await kinds(site) == [MailKind.PASSKEY_REMOVED, MailKind.SECOND_FACTOR_DISABLED]


async def test_a_user_hears_of_each_api_token(site: Gateway) -> None:
    user = await confirmed_user(site)
    for _ in range(2):  # a repeat creates no second token
        await user.call("POST", "/v1/me/tokens", SCOPES, headers={"Idempotency-Key": "once"})
    assert await kinds(site) == [MailKind.API_TOKEN_CREATED]


async def test_a_user_hears_of_a_changed_password(site: Gateway) -> None:
    user = await confirmed_user(site)
    body = {"current_password": user.password, "new_password": "a quiet green table"}
    await user.ok("POST", "/v1/me/password", body)
    token = await site.auth.create_reset_token(OPERATOR, UserId(UUID(await id_of(user))))
    reset = {"token": token, "password": "a quiet red table"}
    assert (await site.http.post("/v1/password/reset/confirm", json=reset)).status_code == 204
    assert await kinds(site) == [MailKind.PASSWORD_CHANGED] * 2


async def test_a_notice_is_queued_in_the_transaction_of_its_change(site: Gateway) -> None:
    user = await confirmed_user(site)
    await site.database.execute("ALTER TABLE auth.mails ADD CONSTRAINT refused CHECK (kind <> 'api_token_created')")
    answer = await user.call("POST", "/v1/me/tokens", SCOPES)
    assert answer.status_code >= 500
    assert (await user.ok("GET", "/v1/me/tokens"))["items"] == []


async def test_ten_notices_of_one_kind_are_sent_in_a_day(site: Gateway) -> None:
    user = await confirmed_user(site)
    for _ in range(12):
        await user.ok("POST", "/v1/me/tokens", SCOPES)
    await with_code(site, user)
    assert await kinds(site) == [MailKind.API_TOKEN_CREATED] * 10 + [MailKind.SECOND_FACTOR_ENABLED]


async def test_an_address_that_is_not_confirmed_gets_no_notices(site: Gateway) -> None:
    """It may belong to another person, who would get mails because of somebody else."""
    user = await site.user()
    await kinds(site)
    await user.ok("POST", "/v1/me/tokens", SCOPES)
    await with_code(site, user)
    assert await kinds(site) == []
    body = {"current_password": user.password, "new_password": "a quiet green table"}
    await user.ok("POST", "/v1/me/password", body)
    assert await kinds(site) == [MailKind.PASSWORD_CHANGED]
    await user.ok("DELETE", "/v1/me", {"password": "a quiet green table"})
    assert await kinds(site) == []


async def test_a_disabled_user_hears_of_a_change_before(site: Gateway) -> None:
    user = await confirmed_user(site)
    await user.ok("POST", "/v1/me/tokens", SCOPES)
    await site.database.execute("UPDATE auth.users SET disabled_at = now()")
    assert await kinds(site) == [MailKind.API_TOKEN_CREATED]


async def test_a_user_hears_of_a_linked_identity(database_url: str) -> None:
    async with serve() as provider:
        oidc = OidcProvider(provider.issuer, CLIENT_ID, CLIENT_SECRET, BASE, link_by_email=True)
        settings = Settings(public_url=BASE)
        async with open_gateway(database_url, settings, sends_mail=True, oidc=oidc) as gateway:
            user = await confirmed_user(gateway)
            provider.new_person(email=user.email)
            for _ in range(2):  # only the first sign-in links
                assert await Site(gateway, provider).tokens()
            assert await kinds(gateway) == [MailKind.IDENTITY_LINKED]
