"""Every failure is the same failure on the other side."""

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
from drivebay.testing.deliveries import WAYS, deliver
from drivebay.wire.failure import pack, unpack

from .fakes import fake

ANYBODY = UserId(UUID(int=7))


class Raising:
    """Raises what it is told to."""

    def __init__(self) -> None:
        self.error: BaseException = Internal()

    async def user(self, user: UserId) -> User:
        raise self.error


@pytest.fixture(params=WAYS)
async def raising(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Raising, Auth]]:
    service = Raising()
    async with deliver(request.param, Auth, AUTH, fake(Auth, user=service.user)) as auth:
        yield service, auth


def _facts(error: Error) -> tuple[object, ...]:
    return type(error), error.detail, error.errors, error.retry_after


async def test_errors_of_every_kind_cross_unchanged(raising: tuple[Raising, Auth]) -> None:
    service, auth = raising
    for kind in BY_CODE.values():
        for error in (
            kind(),
            kind("no file “ü” \n here", errors=(FieldError("a.b", "is ö"), FieldError("", ""))),
            kind("later", retry_after=7),
            kind(retry_after=None),
        ):
            service.error = error
            with pytest.raises(Error) as caught:
                await auth.user(ANYBODY)
            assert _facts(caught.value) == _facts(error)


@pytest.mark.parametrize("letter", ["a", "ö", "\N{PILE OF POO}", "\ud800"])
async def test_an_error_of_any_length_keeps_its_kind(raising: tuple[Raising, Auth], letter: str) -> None:
    service, auth = raising
    fields = tuple(FieldError(f"f{number}", letter * 1000) for number in range(100))
    service.error = InvalidRequest(letter * 100_000, errors=fields)
    with pytest.raises(InvalidRequest) as caught:
        await auth.user(ANYBODY)
    assert caught.value.detail


async def test_a_defect_says_nothing_of_our_insides(raising: tuple[Raising, Auth]) -> None:
    service, auth = raising
    service.error = KeyError("password=hunter2")
    with pytest.raises(Internal) as caught:
        await auth.user(ANYBODY)
    assert _facts(caught.value) == _facts(Internal())


async def test_a_timeout_inside_a_service_is_a_defect_and_no_deadline(raising: tuple[Raising, Auth]) -> None:
    service, auth = raising
    service.error = TimeoutError()
    with pytest.raises(Internal):
        await auth.user(ANYBODY)


@pytest.mark.parametrize("way", WAYS)
async def test_a_cancelled_call_ends_in_the_service_too(way: str) -> None:
    reached, ended = asyncio.Event(), asyncio.Event()

    async def user(_: UserId) -> User:
        reached.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        raise AssertionError("it was not cancelled")

    async with deliver(way, Auth, AUTH, fake(Auth, user=user)) as auth:
        task = asyncio.create_task(auth.user(ANYBODY))
        await asyncio.wait_for(reached.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(ended.wait(), 5)


@given(st.binary())
def test_a_trailer_of_noise_is_an_internal_error(noise: bytes) -> None:
    assert isinstance(unpack(noise), Error)


@pytest.mark.parametrize(
    "trailer",
    [
        b"\x82\xa4code\xa9not_found\xa6detail\xa1\xff",
        b"\x81\xa1x" + b"\x91" * 5000,
    ],
    ids=["no UTF-8", "too deep"],
)
def test_a_trailer_that_is_none_of_ours_is_internal(trailer: bytes) -> None:
    assert type(unpack(trailer)) is Internal


def test_a_kind_from_the_future_is_an_internal_error() -> None:
    class Newer(Unavailable):
        code = "from_the_future"

    assert type(unpack(pack(Newer("soon")))) is Internal
