"""A call delivered twice: what a contract says of repeating is held against the service."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from drivebay.contract.auth import Auth, Tokens, User
from drivebay.contract.ids import UserId
from drivebay.errors import EmailTaken, InvalidCredentials, Unauthenticated
from drivebay.proto import AUTH
from drivebay.testing.deliveries import deliver

from .fakes import fake


class Forgetful:
    """Remembers no key and no session that has ended: every repeat fails."""

    def __init__(self) -> None:
        self.calls = 0

    async def sign_up(self, email: str, password: str, address: str, idempotency_key: str | None = None) -> User:
        self._once(EmailTaken())
        return User(UserId(UUID(int=1)), email, datetime(2026, 1, 1, tzinfo=UTC))

    async def log_out(self, refresh_token: str) -> None:
        self._once(Unauthenticated())

    def _once(self, error: Exception) -> None:
        self.calls += 1
        if self.calls > 1:
            raise error


async def test_a_broken_promise_about_repeating_shows() -> None:
    service = Forgetful()
    async with deliver("twice", Auth, AUTH, fake(Auth, sign_up=service.sign_up)) as auth:
        with pytest.raises(EmailTaken):
            await auth.sign_up("a@b.c", "password", "::1", idempotency_key="k")
    service = Forgetful()
    async with deliver("twice", Auth, AUTH, fake(Auth, log_out=service.log_out)) as auth:
        with pytest.raises(Unauthenticated):
            await auth.log_out("r")


async def test_a_repeat_that_nothing_was_promised_of_is_delivered_and_does_not_show() -> None:
    service = Forgetful()
    async with deliver("twice", Auth, AUTH, fake(Auth, sign_up=service.sign_up)) as auth:
        assert (await auth.sign_up("a@b.c", "password", "::1")).email == "a@b.c"
    assert service.calls == 2


async def test_a_call_that_failed_is_not_delivered_again() -> None:
    calls = 0

    async def log_in(email: str, password: str, address: str) -> Tokens:
        nonlocal calls
        calls += 1
        raise InvalidCredentials

    async with deliver("twice", Auth, AUTH, fake(Auth, log_in=log_in)) as auth:
        with pytest.raises(InvalidCredentials):
            await auth.log_in("a@b.c", "password", "::1")
    assert calls == 1
