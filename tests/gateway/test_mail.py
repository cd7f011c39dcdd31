"""Accounts and mail over HTTP, from the request to the mailbox and back with the link."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from drivebay.worker import service as worker
from drivebay.worker.settings import Settings, SmtpServer, SmtpTls

from ..mail_server import MailServer, link_of, serve, token_of
from .conftest import Gateway, User, assert_problem
from .test_admin import make_admin

SENDS_MAIL = pytest.mark.parametrize("own", [{"sends_mail": True}], indirect=True)


@dataclass
class Mailing:
    """A gateway, and the mail server that its worker sends to."""

    gateway: Gateway
    mail: MailServer

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        return await self.gateway.http.post(path, json=body)


@pytest.fixture
async def mailing(own: Gateway) -> AsyncIterator[Mailing]:
    async with serve() as server:
        smtp = SmtpServer("127.0.0.1", server.port, SmtpTls.OFF)
        settings = Settings(smtp, "drive@example.com", "https://drive.example.com", interval=timedelta(milliseconds=50))
        running = asyncio.create_task(worker.run(own.auth, settings))
        yield Mailing(own, server)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@SENDS_MAIL
async def test_an_address_is_confirmed_with_the_link_of_its_mail(mailing: Mailing) -> None:
    user = await mailing.gateway.user()
    assert not (await user.ok("GET", "/v1/me"))["email_verified"]
    token = token_of(await mailing.mail.next_mail())
    assert (await mailing.post("/v1/email/verify", {"token": token})).status_code == 204
    assert (await user.ok("GET", "/v1/me"))["email_verified"]
    assert_problem(await mailing.post("/v1/email/verify", {"token": token}), 401, "invalid_token")
    assert (await user.call("POST", "/v1/me/email/verification")).status_code == 202  # no mail: it is confirmed


@SENDS_MAIL
async def test_the_mail_that_confirms_an_address_can_be_sent_again(mailing: Mailing) -> None:
    user = await mailing.gateway.user()
    assert (await user.call("POST", "/v1/me/email/verification")).status_code == 202
    refused = await user.call("POST", "/v1/me/email/verification")
    assert_problem(refused, 429, "rate_limited")
    assert int(refused.headers["retry-after"]) > 0
    token = token_of(await mailing.mail.next_mail(1))
    assert (await mailing.post("/v1/email/verify", {"token": token})).status_code == 204


@SENDS_MAIL
async def test_the_notice_of_a_deletion_reaches_the_mailbox_of_the_account(mailing: Mailing) -> None:
    user = await mailing.gateway.user()
    body = {"token": token_of(await mailing.mail.next_mail())}
    assert (await mailing.post("/v1/email/verify", body)).status_code == 204
    assert (await user.call("DELETE", "/v1/me", {"password": user.password})).status_code == 204
    notice = await mailing.mail.next_mail(1)
    assert (notice["To"], notice["Subject"]) == (user.email, "Your account was deleted")


@SENDS_MAIL
async def test_a_forgotten_password_is_reset_by_mail(mailing: Mailing) -> None:
    user = await mailing.gateway.user()
    for email in (user.email, f"{uuid4().hex}@example.com"):
        answer = await mailing.post("/v1/password/reset", {"email": email})
        assert (answer.status_code, answer.content) == (202, b"")
    mails = [await mailing.mail.next_mail(position) for position in (0, 1)]
    (reset,) = [mail for mail in mails if "/reset-password#token=" in link_of(mail)]
    body = {"token": token_of(reset), "password": "staple battery horse"}
    assert (await mailing.post("/v1/password/reset/confirm", body)).status_code == 204
    assert (await user.call("GET", "/v1/me")).status_code == 401
    assert_problem(await mailing.post("/v1/password/reset/confirm", body), 401, "invalid_token")
    user.password = body["password"]
    await user.log_in()
    assert (await user.ok("GET", "/v1/me"))["email_verified"]
    assert (await mailing.mail.next_mail(2))["Subject"] == "Your password was changed"
    assert [mail["To"] for mail in mailing.mail.mails] == [user.email] * 3


@SENDS_MAIL
async def test_a_mailed_reset_ends_the_links_of_an_unconfirmed_account(mailing: Mailing) -> None:
    thief = await mailing.gateway.user()
    folder = (await thief.ok("POST", "/v1/folders", {"name": "a", "parent_id": "root"}))["id"]
    link = (await thief.ok("POST", f"/v1/files/{folder}/links", {"role": "editor"}))["token"]
    assert (await mailing.post("/v1/password/reset", {"email": thief.email})).status_code == 202
    mails = [await mailing.mail.next_mail(position) for position in (0, 1)]
    (reset,) = [mail for mail in mails if "/reset-password#token=" in link_of(mail)]
    body = {"token": token_of(reset), "password": "staple battery horse"}
    assert (await mailing.post("/v1/password/reset/confirm", body)).status_code == 204
    assert_problem(await mailing.gateway.http.get(f"/v1/public/{link}"), 404, "not_found")


@SENDS_MAIL
async def test_an_invitation_is_mailed_and_stays_in_the_answer(mailing: Mailing) -> None:
    admin = await make_admin(mailing.gateway, await mailing.gateway.user())
    created = await admin.ok("POST", "/v1/admin/users", {"email": "eve@example.com"})
    assert "/invitation#token=" in created["invitation_url"]
    mails = [await mailing.mail.next_mail(position) for position in (0, 1)]
    (invitation,) = [mail for mail in mails if mail["To"] == "eve@example.com"]
    assert link_of(invitation).startswith("https://drive.example.com/invitation#token=")
    body = {"token": token_of(invitation), "password": "staple battery horse"}
    assert (await mailing.post("/v1/password/reset/confirm", body)).status_code == 204


@SENDS_MAIL
async def test_an_address_becomes_a_member_only_when_it_is_confirmed(mailing: Mailing) -> None:
    owner, guest = await mailing.gateway.user(), await mailing.gateway.user()
    drive = await owner.ok("POST", "/v1/drives", {"name": "Team"})
    members, body = f"/v1/drives/{drive['id']}/members", {"email": guest.email, "role": "viewer"}
    assert_problem(await owner.call("PUT", members, body), 404, "not_found")
    mails = [await mailing.mail.next_mail(position) for position in (0, 1)]
    (mail,) = [mail for mail in mails if mail["To"] == guest.email]
    assert (await mailing.post("/v1/email/verify", {"token": token_of(mail)})).status_code == 204
    assert (await owner.ok("PUT", members, body))["email"] == guest.email


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/password/reset", {}),
        ("/v1/password/reset", {"email": None}),
        ("/v1/password/reset", {"email": ["ann@example.com"]}),
        ("/v1/password/reset", {"email": "ann@example.com", "password": "x"}),
        ("/v1/email/verify", {}),
        ("/v1/email/verify", {"token": 7}),
        ("/v1/email/verify", {"token": "x" * 1001}),
        ("/v1/email/verify", {"token": "x", "email": "x"}),
    ],
)
async def test_a_malformed_request_is_refused(shared: Gateway, path: str, body: dict[str, Any]) -> None:
    assert_problem(await shared.http.post(path, json=body), 422, "invalid_request")


@SENDS_MAIL
async def test_strange_addresses_and_tokens_are_answered_as_unknown_ones(own: Gateway) -> None:
    for email in ("", "\0", "a\r\nBcc: b@example.com", "x" * 100_000, "a@b@c", "\u202e@example.com"):
        assert (await own.http.post("/v1/password/reset", json={"email": email})).status_code == 202
    for token in ("", "\0", "A" * 43, "é" * 43, "a b"):
        assert_problem(await own.http.post("/v1/email/verify", json={"token": token}), 401, "invalid_token")


async def test_without_mail_the_routes_are_not_found(shared: Gateway, user: User) -> None:
    assert_problem(await shared.http.post("/v1/password/reset", json={"email": user.email}), 404, "not_found")
    assert_problem(await shared.http.post("/v1/email/verify", json={"token": "x"}), 404, "not_found")
    assert_problem(await user.call("POST", "/v1/me/email/verification"), 404, "not_found")
