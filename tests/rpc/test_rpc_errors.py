"""The caller gets exactly the error that the service raised."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivebay.contract.auth import Auth, User
from drivebay.contract.ids import UserId
from drivebay.errors import BY_CODE, Error, FieldError, Internal, InvalidRequest, Unavailable
from drivebay.proto import AUTH
from drivebay.rpc.error_codec import decode_error, encode_error
from drivebay.testing.deliveries import DELIVERIES, deliver

from .rpc_fakes import fake

USER = UserId(UUID(int=7))


class FailingAuth:
    """Raises the error that a test sets."""

    def __init__(self) -> None:
        self.error: BaseException = Internal()

    async def get_user(self, user: UserId, caller: UserId | None = None) -> User:
        raise self.error


@pytest.fixture(params=DELIVERIES)
async def failing(request: pytest.FixtureRequest) -> AsyncIterator[tuple[FailingAuth, Auth]]:
    service = FailingAuth()
    async with deliver(request.param, Auth, AUTH, fake(Auth, get_user=service.get_user)) as auth:
        yield service, auth


def _content(error: Error) -> tuple[object, ...]:
    return type(error), error.detail, error.errors, error.retry_after


async def test_every_error_reaches_the_caller_unchanged(failing: tuple[FailingAuth, Auth]) -> None:
    service, auth = failing
    for kind in BY_CODE.values():
        for error in (
            kind(),
            kind("no file “ü” \n here", errors=(FieldError("a.b", "is ö"), FieldError("", ""))),
            kind("later", retry_after=7),
            kind(retry_after=None),
        ):
            service.error = error
            with pytest.raises(Error) as caught:
                await auth.get_user(USER)
            assert _content(caught.value) == _content(error)


@pytest.mark.parametrize("character", ["a", "ö", "\N{PILE OF POO}", "\ud800"])
async def test_an_error_of_any_length_keeps_its_class(failing: tuple[FailingAuth, Auth], character: str) -> None:
    service, auth = failing
    fields = tuple(FieldError(f"f{number}", character * 1000) for number in range(100))
    service.error = InvalidRequest(character * 100_000, errors=fields)
    with pytest.raises(InvalidRequest) as caught:
        await auth.get_user(USER)
    assert caught.value.detail


async def test_a_defect_shows_no_internals(failing: tuple[FailingAuth, Auth]) -> None:
    service, auth = failing
    service.error = KeyError("password=hunter2")
    with pytest.raises(Internal) as caught:
        await auth.get_user(USER)
    assert _content(caught.value) == _content(Internal())


async def test_a_timeout_inside_a_service_is_a_defect(failing: tuple[FailingAuth, Auth]) -> None:
    service, auth = failing
    service.error = TimeoutError()
    with pytest.raises(Internal):
        await auth.get_user(USER)


@pytest.mark.parametrize("delivery", DELIVERIES)
async def test_cancelling_a_call_cancels_it_in_the_service(delivery: str) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def get_user(_: UserId, caller: UserId | None = None) -> User:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        raise AssertionError("it was not cancelled")

    async with deliver(delivery, Auth, AUTH, fake(Auth, get_user=get_user)) as auth:
        task = asyncio.create_task(auth.get_user(USER))
        await asyncio.wait_for(started.wait(), 120)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(ended.wait(), 120)


@pytest.mark.parametrize("delivery", ["grpc", "stream"])
async def test_a_call_that_the_service_cancels_itself_is_unavailable(delivery: str) -> None:
    async def get_user(_: UserId, caller: UserId | None = None) -> User:
        raise asyncio.CancelledError

    async with deliver(delivery, Auth, AUTH, fake(Auth, get_user=get_user)) as auth:
        with pytest.raises(Unavailable):
            await asyncio.wait_for(auth.get_user(USER), 120)


@given(st.binary())
def test_random_bytes_in_the_trailer_become_an_error(data: bytes) -> None:
    assert isinstance(decode_error(data), Error)


@pytest.mark.parametrize(
    "trailer",
    [
        b"\x82\xa4code\xa9not_found\xa6detail\xa1\xff",
        b"\x81\xa1x" + b"\x91" * 5000,
    ],
    ids=["invalid UTF-8", "nested too deeply"],
)
def test_an_invalid_trailer_becomes_an_internal_error(trailer: bytes) -> None:
    assert type(decode_error(trailer)) is Internal


def test_an_unknown_code_becomes_an_internal_error() -> None:
    class Newer(Unavailable):
        code = "from_the_future"

    assert type(decode_error(encode_error(Newer("soon")))) is Internal
