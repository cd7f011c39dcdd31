"""Mails: queued with their request, claimed under leases, and links that work once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pyotp
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from drivebay import proto
from drivebay.auth.mail import service as mail_service
from drivebay.auth.service import prune
from drivebay.auth.settings import Rate, Settings
from drivebay.auth.store import Store
from drivebay.contract.auth import (
    AccountUpdate,
    Actor,
    AuditQuery,
    Auth,
    MailKind,
    MailOutcome,
    MailResult,
    MailTask,
    NewAccount,
    Scope,
    User,
)
from drivebay.contract.ids import LeaseId, UserId
from drivebay.errors import (
    Forbidden,
    InvalidRequest,
    InvalidToken,
    NotFound,
    RateLimited,
    SecondFactorRequired,
    Unauthenticated,
)
from drivebay.postgres import Database
from drivebay.testing.deliveries import deliver

from .conftest import StartService

EMAIL, PASSWORD, ADDRESS = "ann@example.org", "correct horse battery", "192.0.2.1"
NEW_PASSWORD = "staple battery horse"
CLIENT = Actor(address=ADDRESS, user_agent="a browser")
OPERATOR = Actor(is_operator=True)


@pytest.fixture(params=["direct", "encoded", "grpc", "stream", "twice"])
async def mailing(request: pytest.FixtureRequest, start_service: StartService) -> AsyncIterator[Auth]:
    """A service that sends mail, in each delivery."""
    async with (
        start_service(sends_mail=True) as running,
        deliver(request.param, Auth, proto.AUTH, running) as auth,  # type: ignore[type-abstract]
    ):
        yield auth


@pytest.fixture
async def direct(start_service: StartService) -> AsyncIterator[Auth]:
    async with start_service(sends_mail=True) as running:
        yield running


async def sign_up(auth: Auth, email: str = EMAIL) -> User:
    return await auth.sign_up(email, PASSWORD, ADDRESS, f"key {email}")


async def claim(auth: Auth) -> tuple[MailTask, ...]:
    return await auth.claim_mails(LeaseId(uuid4()), 100)


async def take(auth: Auth, kind: MailKind) -> MailTask:
    """Claim all mails, finish them as sent, and return the one of this kind."""
    lease = LeaseId(uuid4())
    tasks = await auth.claim_mails(lease, 100)
    await auth.finish_mails(lease, tuple(MailResult(task.id, MailOutcome.SENT) for task in tasks))
    (found,) = [task for task in tasks if task.kind is kind]
    return found


async def forget_limits(database: Database) -> None:
    await database.fetchrow("DELETE FROM auth.throttle")


async def end_leases(database: Database) -> None:
    await database.fetchrow("UPDATE auth.mails SET due_at = now()")


async def test_a_sign_up_is_confirmed_with_the_link_of_its_mail(mailing: Auth) -> None:
    user = await sign_up(mailing)
    assert not user.email_verified
    task = await take(mailing, MailKind.VERIFICATION)
    assert task.recipient == EMAIL
    assert task.token not in (None, repr(task))
    await mailing.verify_email(CLIENT, task.token or "")
    assert (await mailing.get_user(user.id)).email_verified
    with pytest.raises(InvalidToken):
        await mailing.verify_email(CLIENT, task.token or "")
    events = (await mailing.list_audit_events(OPERATOR, AuditQuery(action="email_verified"))).items
    assert [(event.actor, event.target, event.address) for event in events] == [(user.id, str(user.id), ADDRESS)]


async def test_a_reset_link_sets_the_password_once_and_confirms_the_address(mailing: Auth) -> None:
    user = await sign_up(mailing)
    session = await mailing.log_in(EMAIL, PASSWORD, ADDRESS)
    await mailing.request_password_reset(CLIENT, " Ann@Example.org")
    task = await take(mailing, MailKind.RESET)
    assert task.recipient == EMAIL  # the stored address, whatever was asked for
    await mailing.reset_password(CLIENT, task.token or "", NEW_PASSWORD)
    with pytest.raises(Unauthenticated):
        await mailing.refresh(session.refresh_token)
    with pytest.raises(InvalidToken):
        await mailing.reset_password(CLIENT, task.token or "", PASSWORD)
    await mailing.log_in(EMAIL, NEW_PASSWORD, ADDRESS)
    assert (await mailing.get_user(user.id)).email_verified
    assert (await take(mailing, MailKind.PASSWORD_CHANGED)).token is None
    created = (await mailing.list_audit_events(OPERATOR, AuditQuery(action="password_reset_created"))).items
    assert [(event.actor, event.target, event.address, event.detail) for event in created] == [
        (user.id, str(user.id), ADDRESS, {"by": "mail"})
    ]


async def test_of_two_uses_of_a_link_at_once_one_succeeds(direct: Auth) -> None:
    await sign_up(direct)
    await direct.request_password_reset(CLIENT, EMAIL)
    tasks = {task.kind: task.token or "" for task in await claim(direct)}
    reset = [direct.reset_password(CLIENT, tasks[MailKind.RESET], NEW_PASSWORD) for _ in range(4)]
    verify = [direct.verify_email(CLIENT, tasks[MailKind.VERIFICATION]) for _ in range(4)]
    for calls in (verify, reset):
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == [*["InvalidToken"] * 3, "NoneType"]


async def test_an_unknown_address_is_answered_alike_and_gets_no_mail(direct: Auth, database: Database) -> None:
    for email in ("nobody@example.org", "not an address", "", "\0@example.org", "\ud800", "x" * 10_000):
        await direct.request_password_reset(CLIENT, email)
    assert await claim(direct) == ()
    assert await database.fetchval("SELECT count(*) FROM auth.mails") == 0


async def test_a_request_for_a_reset_looks_up_no_account(direct: Auth, database: Database) -> None:
    # Otherwise the time of the call could show which addresses have accounts.
    await sign_up(direct)
    await take(direct, MailKind.VERIFICATION)
    for email in (EMAIL, "nobody@example.org"):
        await direct.request_password_reset(CLIENT, email)
    rows = await database.fetch("SELECT requested_email, user_id FROM auth.mails ORDER BY id")
    assert [tuple(row) for row in rows] == [(EMAIL, None), ("nobody@example.org", None)]


async def test_deleted_and_disabled_accounts_get_no_links(direct: Auth) -> None:
    gone, disabled = await sign_up(direct), await sign_up(direct, "bob@example.org")
    await direct.delete_account(gone.id, PASSWORD, ADDRESS)
    await direct.update_account(OPERATOR, disabled.id, AccountUpdate(disabled=True))
    for email in (EMAIL, "bob@example.org"):
        await direct.request_password_reset(CLIENT, email)
    assert {task.kind for task in await claim(direct)} <= {MailKind.VERIFICATION}


async def test_one_mail_a_minute_and_ten_a_day_are_sent_to_an_address(direct: Auth, database: Database) -> None:
    user = await sign_up(direct)
    await take(direct, MailKind.VERIFICATION)
    await direct.request_verification(user.id)
    with pytest.raises(RateLimited) as refused:
        await direct.request_verification(user.id)
    assert 0 < (refused.value.retry_after or 0) <= 60
    await asyncio.gather(*(direct.request_password_reset(CLIENT, email) for email in (EMAIL, "ANN@example.org") * 5))
    assert sorted(task.kind for task in await claim(direct)) == [MailKind.RESET, MailKind.VERIFICATION]
    for _ in range(20):
        await database.fetchrow("DELETE FROM auth.throttle WHERE bucket LIKE '%:minute:%'")
        await direct.request_password_reset(CLIENT, EMAIL)
    assert len(await claim(direct)) == mail_service.MAILS_A_DAY.count  # of these one is the network's own
    await direct.request_password_reset(Actor(address="198.51.100.7"), EMAIL)  # the owner, elsewhere
    await direct.request_password_reset(Actor(address="198.51.100.7"), EMAIL)
    assert len(await claim(direct)) == 1


async def test_others_do_not_keep_a_reset_from_the_owner_in_the_same_minute(direct: Auth) -> None:
    await sign_up(direct)
    await take(direct, MailKind.VERIFICATION)
    for address in (ADDRESS, ADDRESS, "198.51.100.7"):
        await direct.request_password_reset(Actor(address=address), EMAIL)
    assert [task.kind for task in await claim(direct)] == [MailKind.RESET, MailKind.RESET]


async def test_a_mail_of_a_later_release_does_not_stop_the_others(direct: Auth, database: Database) -> None:
    await sign_up(direct)
    await sign_up(direct, "ben@example.org")
    await database.fetchrow(
        "UPDATE auth.mails SET kind = 'unknown', due_at = due_at - interval '1 minute'"
        " WHERE user_id = (SELECT id FROM auth.users WHERE email = $1)",
        EMAIL,
    )
    assert [task.recipient for task in await claim(direct)] == ["ben@example.org"]


async def test_a_mail_that_can_still_be_sent_is_not_given_up(direct: Auth, database: Database) -> None:
    await sign_up(direct)
    await prune(Store(database), Settings(b"0123456789abcdef" * 2))
    assert len(await claim(direct)) == 1


async def test_a_mail_whose_time_has_ended_is_logged_and_counted(direct: Auth, database: Database) -> None:
    await sign_up(direct)
    await sign_up(direct, "bob@example.org")
    (leased,) = await direct.claim_mails(LeaseId(uuid4()), 1)
    await database.fetchrow("UPDATE auth.mails SET give_up_at = now() - interval '1 second'")
    labels = {"kind": "verification"}
    before = REGISTRY.get_sample_value("drivebay_auth_mails_failed_total", labels) or 0.0
    with capture_logs() as logs:
        for _ in range(2):  # once for each mail
            await prune(Store(database), Settings(b"0123456789abcdef" * 2))
    failed = [entry for entry in logs if entry["event"] == "mail_failed"]
    assert [(entry["kind"], entry["reason"]) for entry in failed] == [("verification", "it was not sent in time")]
    assert failed[0]["mail"] != str(leased.id)  # a worker has it
    assert REGISTRY.get_sample_value("drivebay_auth_mails_failed_total", labels) == before + 1
    assert await database.fetchval("SELECT count(*) FROM auth.mails WHERE failed_at IS NOT NULL") == 1


async def test_a_client_address_asks_for_a_limited_number_of_mails(start_service: StartService) -> None:
    async with start_service(sends_mail=True, signup_limit=Rate(2, timedelta(minutes=1))) as auth:
        for name in ("a", "b"):
            await auth.request_password_reset(CLIENT, f"{name}@example.org")
        with pytest.raises(RateLimited):
            await auth.request_password_reset(CLIENT, "c@example.org")
        await auth.request_password_reset(Actor(address="192.0.2.2"), "c@example.org")


async def test_a_confirmed_address_gets_no_further_mail(direct: Auth, database: Database) -> None:
    user = await sign_up(direct)
    await direct.request_verification(user.id)
    tasks = await claim(direct)
    assert [task.kind for task in tasks] == [MailKind.VERIFICATION] * 2
    await direct.verify_email(CLIENT, tasks[0].token or "")
    with pytest.raises(InvalidToken):  # the other link has ended too
        await direct.verify_email(CLIENT, tasks[1].token or "")
    await direct.request_verification(user.id)
    await end_leases(database)
    assert await claim(direct) == ()


async def test_an_address_without_confirmation_is_not_found(direct: Auth, start_service: StartService) -> None:
    user = await sign_up(direct)
    with pytest.raises(NotFound):
        await direct.find_user(EMAIL)
    assert (await direct.get_user(user.id)).id == user.id  # with its id it can become a member
    await direct.verify_email(CLIENT, (await take(direct, MailKind.VERIFICATION)).token or "")
    assert (await direct.find_user(EMAIL)).id == user.id
    async with start_service() as without_mail:
        other = await sign_up(without_mail, "bob@example.org")
        assert (await without_mail.find_user("bob@example.org")).id == other.id


async def test_an_invitation_is_mailed_with_a_link_of_its_own(mailing: Auth) -> None:
    created = await mailing.create_account(OPERATOR, NewAccount("eve@example.org"), "a key")
    task = await take(mailing, MailKind.INVITATION)
    assert task.recipient == "eve@example.org"
    assert created.invitation_token not in (None, task.token)
    await mailing.reset_password(CLIENT, task.token or "", NEW_PASSWORD)
    assert (await mailing.get_user(created.account.id)).email_verified
    with pytest.raises(InvalidToken):
        await mailing.reset_password(CLIENT, created.invitation_token or "", PASSWORD)


async def test_a_mailed_reset_ends_the_second_factor_of_an_unconfirmed_account(direct: Auth) -> None:
    """A stranger signed up with the address and set up a second factor. Its owner asks for a new password."""
    stranger = Actor((await sign_up(direct)).id)
    secret = await direct.begin_totp(stranger)
    await direct.confirm_totp(stranger, pyotp.TOTP(secret.secret).now())
    with pytest.raises(SecondFactorRequired):
        await direct.log_in(EMAIL, PASSWORD, "192.0.2.7")
    await direct.request_password_reset(CLIENT, EMAIL)
    await direct.reset_password(CLIENT, (await take(direct, MailKind.RESET)).token or "", NEW_PASSWORD)
    await direct.log_in(EMAIL, NEW_PASSWORD, "192.0.2.8")


async def test_a_mailed_reset_reclaims_an_unconfirmed_account_once(direct: Auth, database: Database) -> None:
    user = await sign_up(direct)
    await direct.log_in(EMAIL, PASSWORD, "192.0.2.7")
    for expected in (1, 0):
        await forget_limits(database)
        await direct.request_password_reset(CLIENT, EMAIL)
        await direct.reset_password(CLIENT, (await take(direct, MailKind.RESET)).token or "", NEW_PASSWORD)
        reclaimed = await direct.list_reclaimed_accounts()
        assert [account.user for account in reclaimed] == [user.id] * expected
        await database.execute("UPDATE auth.reclaimed_accounts SET reclaimed_at = now()")
        await direct.finish_reclaimed_account(user.id)
        assert len(await direct.list_reclaimed_accounts()) == expected  # for a minute
        await database.execute("UPDATE auth.reclaimed_accounts SET reclaimed_at = now() - interval '2 minutes'")
        await direct.finish_reclaimed_account(user.id)
        assert await direct.list_reclaimed_accounts() == ()
    assert await database.fetchval("SELECT count(*) FROM auth.known_networks") == 0
    for limit in (0, 1001):
        with pytest.raises(InvalidRequest):
            await direct.list_reclaimed_accounts(limit)


async def test_access_that_the_earlier_holder_made_with_an_ended_session_is_removed(
    direct: Auth, database: Database
) -> None:
    """A gateway accepts an access token for some seconds after its session has ended."""
    user = await sign_up(direct)
    await direct.request_password_reset(CLIENT, EMAIL)
    await direct.reset_password(CLIENT, (await take(direct, MailKind.RESET)).token or "", NEW_PASSWORD)
    await direct.create_api_token(user.id, "late", (Scope.READ,))
    holder = Actor(user.id)
    await direct.confirm_totp(holder, pyotp.TOTP((await direct.begin_totp(holder)).secret).now())
    await database.execute("UPDATE auth.reclaimed_accounts SET reclaimed_at = now()")  # however slow this machine is
    await direct.finish_reclaimed_account(user.id)
    assert await direct.list_api_tokens(user.id) == ()
    assert not (await direct.get_user(user.id)).second_factor
    await database.execute("UPDATE auth.reclaimed_accounts SET reclaimed_at = now() - interval '30 seconds'")
    await direct.create_api_token(user.id, "of the owner", (Scope.READ,))
    await direct.finish_reclaimed_account(user.id)
    assert [token.name for token in await direct.list_api_tokens(user.id)] == ["of the owner"]


async def test_an_invitation_by_mail_reclaims_nothing(direct: Auth) -> None:
    await direct.create_account(OPERATOR, NewAccount("eve@example.org"))
    await direct.reset_password(CLIENT, (await take(direct, MailKind.INVITATION)).token or "", NEW_PASSWORD)
    assert await direct.list_reclaimed_accounts() == ()


async def test_without_passwords_nothing_sets_one(start_service: StartService) -> None:
    async with start_service(sends_mail=True, passwords=False) as auth:
        created = await auth.create_account(OPERATOR, NewAccount("eve@example.org"), "key")
        assert created.invitation_token is None
        assert await auth.create_account(OPERATOR, NewAccount("eve@example.org"), "key") == created
        assert (await take(auth, MailKind.INVITATION)).token is None
        with pytest.raises(InvalidRequest) as refused:
            await auth.create_account(OPERATOR, NewAccount("bob@example.org", PASSWORD))
        assert [error.field for error in refused.value.errors] == ["password"]
        with pytest.raises(Forbidden):
            await auth.create_reset_token(OPERATOR, created.account.id)
        with pytest.raises(Forbidden):
            await auth.change_password(created.account.id, "", NEW_PASSWORD, ADDRESS)
        for call in (
            auth.reset_password(CLIENT, "A" * 43, NEW_PASSWORD),
            auth.request_password_reset(CLIENT, "eve@example.org"),
        ):
            with pytest.raises(NotFound):
                await call


async def test_mails_of_unknown_addresses_do_not_end_a_claim(direct: Auth) -> None:
    for number in range(3):
        await direct.request_password_reset(CLIENT, f"unknown{number}@example.org")
    await sign_up(direct)
    tasks = await direct.claim_mails(LeaseId(uuid4()), 1)
    assert [task.kind for task in tasks] == [MailKind.VERIFICATION]


async def test_a_link_that_did_not_come_by_mail_confirms_no_address(direct: Auth) -> None:
    created = await direct.create_account(OPERATOR, NewAccount("eve@example.org"))
    await direct.reset_password(CLIENT, created.invitation_token or "", NEW_PASSWORD)
    assert not (await direct.get_user(created.account.id)).email_verified
    token = await direct.create_reset_token(OPERATOR, created.account.id)
    await direct.reset_password(CLIENT, token, PASSWORD)
    assert not (await direct.get_user(created.account.id)).email_verified


async def test_an_account_with_a_password_gets_a_mail_that_confirms_its_address(direct: Auth) -> None:
    await direct.create_account(OPERATOR, NewAccount("eve@example.org", PASSWORD))
    assert (await take(direct, MailKind.VERIFICATION)).recipient == "eve@example.org"


async def test_a_changed_password_is_announced(direct: Auth) -> None:
    user = await sign_up(direct)
    await direct.change_password(user.id, PASSWORD, NEW_PASSWORD, ADDRESS)
    assert (await take(direct, MailKind.PASSWORD_CHANGED)).recipient == EMAIL


async def test_a_failed_request_queues_no_mail(direct: Auth, database: Database) -> None:
    await sign_up(direct)
    await sign_up(direct)  # the same request again
    assert await database.fetchval("SELECT count(*) FROM auth.mails") == 1


async def test_two_workers_never_claim_the_same_mail(direct: Auth) -> None:
    for number in range(12):
        await sign_up(direct, f"user{number}@example.org")
    claims = await asyncio.gather(*(direct.claim_mails(LeaseId(uuid4()), 3) for _ in range(8)))
    ids = [task.id for tasks in claims for task in tasks]
    assert len(ids) == len(set(ids)) == 12


async def test_a_mail_that_is_not_finished_is_claimed_again_as_it_was(direct: Auth, database: Database) -> None:
    user = await sign_up(direct)
    lease = LeaseId(uuid4())
    (first,) = await direct.claim_mails(lease, 10)
    assert await claim(direct) == ()
    assert await direct.claim_mails(lease, 10) == (first,)  # the answer was lost
    await end_leases(database)
    other = LeaseId(uuid4())
    assert await direct.claim_mails(other, 10) == (first,)
    assert await direct.finish_mails(lease, (MailResult(first.id, MailOutcome.SENT),)) == 0
    assert await direct.finish_mails(lease, (MailResult(first.id, MailOutcome.POSTPONED),)) == 0
    assert await direct.finish_mails(lease, (MailResult(first.id, MailOutcome.FAILED),)) == 0
    assert await direct.finish_mails(other, (MailResult(first.id, MailOutcome.SENT),)) == 1
    await direct.verify_email(CLIENT, first.token or "")
    assert (await direct.get_user(user.id)).email_verified


async def test_another_attempt_does_not_restore_a_used_link(direct: Auth, database: Database) -> None:
    await sign_up(direct)
    await direct.request_password_reset(CLIENT, EMAIL)
    (task,) = [task for task in await claim(direct) if task.kind is MailKind.RESET]
    await direct.reset_password(CLIENT, task.token or "", NEW_PASSWORD)
    await end_leases(database)  # the worker died after the mail server had taken the mail
    assert task.id in [again.id for again in await claim(direct)]
    with pytest.raises(InvalidToken):
        await direct.reset_password(CLIENT, task.token or "", PASSWORD)


async def test_a_mail_is_tried_with_growing_gaps_and_then_fails(direct: Auth, database: Database) -> None:
    await sign_up(direct)
    gaps = []
    for _ in range(80):
        await end_leases(database)
        lease = LeaseId(uuid4())
        tasks = await direct.claim_mails(lease, 10)
        if not tasks:
            break
        await direct.finish_mails(lease, (MailResult(tasks[0].id, MailOutcome.POSTPONED, "no\nanswer"),))
        row = await database.fetchrow("SELECT due_at - now() AS gap, failed_at, error FROM auth.mails")
        assert row is not None
        assert row["error"] == "no?answer"
        gaps.append(row["gap"])
        # The gap passes.
        await database.fetchrow("UPDATE auth.mails SET give_up_at = give_up_at - $1::interval", gaps[-1])
    assert [round(gap / timedelta(seconds=30)) for gap in gaps[:9]] == [1, 2, 4, 8, 16, 32, 64, 128, 128]
    assert row["failed_at"] is not None
    assert sum(gaps, timedelta()) > timedelta(days=1)


async def test_a_refused_mail_is_not_tried_again(direct: Auth, database: Database, settings: Settings) -> None:
    await sign_up(direct)
    lease = LeaseId(uuid4())
    (task,) = await direct.claim_mails(lease, 10)
    assert await direct.finish_mails(lease, (MailResult(task.id, MailOutcome.FAILED, "550 5.1.1"),)) == 1
    await end_leases(database)
    assert await claim(direct) == ()
    await prune(Store(database), settings)
    assert await database.fetchval("SELECT count(*) FROM auth.mails") == 1  # operators can look at it for a week
    await database.fetchrow("UPDATE auth.mails SET give_up_at = now() - interval '8 days'")
    await prune(Store(database), settings)
    assert await database.fetchval("SELECT count(*) FROM auth.mails") == 0


async def test_links_expire(direct: Auth, database: Database) -> None:
    await sign_up(direct)
    await direct.request_password_reset(CLIENT, EMAIL)
    tokens = {task.kind: task.token or "" for task in await claim(direct)}
    await database.fetchrow("UPDATE auth.email_tokens SET expires_at = expires_at - interval '7 days'")
    await database.fetchrow("UPDATE auth.password_tokens SET expires_at = expires_at - interval '1 hour'")
    with pytest.raises(InvalidToken):
        await direct.verify_email(CLIENT, tokens[MailKind.VERIFICATION])
    with pytest.raises(InvalidToken):
        await direct.reset_password(CLIENT, tokens[MailKind.RESET], NEW_PASSWORD)


async def test_a_link_confirms_only_the_address_that_it_was_sent_to(direct: Auth, database: Database) -> None:
    user = await sign_up(direct)
    task = await take(direct, MailKind.VERIFICATION)
    await database.fetchrow("UPDATE auth.users SET email = 'new@example.org', email_key = 'new@example.org'")
    with pytest.raises(InvalidToken):
        await direct.verify_email(CLIENT, task.token or "")
    assert not (await direct.get_user(user.id)).email_verified


async def test_the_queue_contains_no_secret(direct: Auth, database: Database) -> None:
    await sign_up(direct)
    await direct.request_password_reset(CLIENT, EMAIL)
    tasks = await claim(direct)
    tables = ("mails", "email_tokens", "password_tokens")
    stored = [str([tuple(row) for row in await database.fetch(f"SELECT * FROM auth.{table}")]) for table in tables]
    assert len(tasks) == 2
    assert not [task for task in tasks if task.token and any(task.token in text for text in stored)]


async def test_without_mail_the_calls_that_need_it_are_not_found(
    start_service: StartService, database: Database
) -> None:
    async with start_service() as auth:
        user = await sign_up(auth)
        with pytest.raises(NotFound):
            await auth.request_password_reset(CLIENT, EMAIL)
        with pytest.raises(NotFound):
            await auth.request_verification(user.id)
        with pytest.raises(NotFound):
            await auth.verify_email(CLIENT, "A" * 43)
    assert await database.fetchval("SELECT count(*) FROM auth.mails") == 0


async def test_a_claim_of_too_many_is_refused(direct: Auth) -> None:
    for limit in (0, 101):
        with pytest.raises(InvalidRequest):
            await direct.claim_mails(LeaseId(uuid4()), limit)
    with pytest.raises(NotFound):
        await direct.request_verification(UserId(uuid4()))


async def test_a_purged_account_leaves_no_mail(direct: Auth, database: Database) -> None:
    user = await sign_up(direct)
    await direct.delete_account(user.id, PASSWORD, ADDRESS)
    assert await direct.purge_account(user.id)
    assert await database.fetchval("SELECT count(*) FROM auth.mails") == 0


@pytest.mark.parametrize("end", ["sent", "failed", "expired"])
async def test_an_account_is_kept_until_the_notice_of_its_deletion_was_sent_or_given_up(
    mailing: Auth, database: Database, end: str
) -> None:
    user = await sign_up(mailing)
    await mailing.verify_email(CLIENT, (await take(mailing, MailKind.VERIFICATION)).token or "")
    await mailing.delete_account(user.id, PASSWORD, ADDRESS)
    # The mail server is down: each attempt is postponed.
    for _ in range(3):
        lease = LeaseId(uuid4())
        (notice,) = await mailing.claim_mails(lease, 100)
        assert (notice.kind, notice.recipient) == (MailKind.ACCOUNT_DELETED, EMAIL)
        assert not await mailing.purge_account(user.id)  # a worker is sending it now
        await mailing.finish_mails(lease, (MailResult(notice.id, MailOutcome.POSTPONED, "down"),))
        assert not await mailing.purge_account(user.id)
        await end_leases(database)
    if end == "expired":
        await database.execute("UPDATE auth.mails SET give_up_at = now() - interval '1 second'")
    else:
        lease = LeaseId(uuid4())
        (notice,) = await mailing.claim_mails(lease, 100)
        outcome = MailOutcome.SENT if end == "sent" else MailOutcome.FAILED
        await mailing.finish_mails(lease, (MailResult(notice.id, outcome, "no such mailbox"),))
    assert await mailing.purge_account(user.id)
    assert await database.fetchval("SELECT count(*) FROM auth.mails") == 0
    assert (await sign_up(mailing)).id != user.id


@pytest.mark.parametrize(
    ("email", "recipient"),
    [("Ann@Bücher.example", "Ann@xn--bcher-kva.example"), ("jürgen@example.org", "jürgen@example.org")],
)
async def test_a_mail_goes_to_the_domain_in_ascii(direct: Auth, email: str, recipient: str) -> None:
    await sign_up(direct, email)
    assert (await take(direct, MailKind.VERIFICATION)).recipient == recipient
