"""The delivery `twice` checks what a contract promises about repeated calls."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from drivebay.contract.auth import Auth, Tokens, User
from drivebay.contract.ids import UserId
from drivebay.errors import EmailTaken, InvalidCredentials, Unauthenticated
from drivebay.proto import AUTH
from drivebay.testing.deliveries import deliver

from .rpc_fakes import fake


class FailsOnRepeat:
    """Breaks the promises about repeats: every second call fails."""

    def __init__(self) -> None:
        self.calls = 0

    async def sign_up(self, email: str, password: str, address: str, idempotency_key: str | None = None) -> User:
        self._fail_on_repeat(EmailTaken())
        return User(UserId(UUID(int=1)), email, datetime(2026, 1, 1, tzinfo=UTC))

    async def log_out(self, refresh_token: str) -> None:
        self._fail_on_repeat(Unauthenticated())

    def _fail_on_repeat(self, error: Exception) -> None:
        self.calls += 1
        if self.calls > 1:
            raise error


async def test_a_broken_promise_about_repeats_is_reported() -> None:
    service = FailsOnRepeat()
    async with deliver("twice", Auth, AUTH, fake(Auth, sign_up=service.sign_up)) as auth:
        with pytest.raises(EmailTaken):
            await auth.sign_up("a@b.c", "password", "::1", idempotency_key="k")
    service = FailsOnRepeat()
    async with deliver("twice", Auth, AUTH, fake(Auth, log_out=service.log_out)) as auth:
        with pytest.raises(Unauthenticated):
            await auth.log_out("r")


async def test_a_repeat_without_a_promise_is_sent_and_its_error_ignored() -> None:
    service = FailsOnRepeat()
    async with deliver("twice", Auth, AUTH, fake(Auth, sign_up=service.sign_up)) as auth:
        assert (await auth.sign_up("a@b.c", "password", "::1")).email == "a@b.c"
    assert service.calls == 2


async def test_a_failed_call_is_not_repeated() -> None:
    calls = 0

    async def log_in(email: str, password: str, address: str) -> Tokens:
        nonlocal calls
        calls += 1
        raise InvalidCredentials

    async with deliver("twice", Auth, AUTH, fake(Auth, log_in=log_in)) as auth:
        with pytest.raises(InvalidCredentials):
            await auth.log_in("a@b.c", "password", "::1")
    assert calls == 1
