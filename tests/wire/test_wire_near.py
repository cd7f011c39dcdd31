"""A call is the same call near and far."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from drivebay.contract.auth import Auth, Tokens
from drivebay.contract.files import FilePage, Files
from drivebay.contract.ids import UserId
from drivebay.contract.storage import Storage
from drivebay.errors import Internal, NotFound, Unavailable
from drivebay.proto import AUTH, FILES, STORAGE
from drivebay.testing.deliveries import WAYS, deliver
from drivebay.wire import call, local, rpc

from .fakes import STORE, fake


@pytest.mark.parametrize("way", WAYS)
async def test_arguments_may_be_named_or_left_out(way: str) -> None:
    async def refresh(refresh_token: str) -> Tokens:
        return Tokens(refresh_token, "", 1)

    seen: list[tuple[object, ...]] = []

    async def list_trash(owner: UserId, limit: int = 100, cursor: str | None = None) -> FilePage:
        seen.append((owner, limit, cursor))
        return FilePage((), None)

    owner = UserId(UUID(int=1))
    async with deliver(way, Auth, AUTH, fake(Auth, refresh=refresh)) as auth:
        assert await auth.refresh(refresh_token="r") == await auth.refresh("r") == Tokens("r", "", 1)
    async with deliver(way, Files, FILES, fake(Files, list_trash=list_trash)) as files:
        await files.list_trash(owner, cursor="c")
        await files.list_trash(limit=5, owner=owner)
    assert list(dict.fromkeys(seen)) == [(owner, 100, "c"), (owner, 5, None)]


@pytest.mark.parametrize("way", ["direct", "grpc", "twice"])
@pytest.mark.parametrize("arguments", [(), ("a", "b")])
async def test_a_wrong_call_is_a_defect_however_it_travels(way: str, arguments: tuple[str, ...]) -> None:
    async with deliver(way, Storage, STORAGE, STORE) as storage:
        with pytest.raises(Internal):
            await storage.quarantine(*arguments)


@pytest.mark.parametrize("contract", [Auth, Files, Storage])
async def test_a_missing_service_names_the_setting(contract: type[Any]) -> None:
    absent: Any = rpc.missing(contract, "DRIVEBAY_SOME_ADDRESS")
    with pytest.raises(Unavailable, match="DRIVEBAY_SOME_ADDRESS"):
        await absent.health()


async def test_each_call_is_counted_by_its_outcome() -> None:
    async def refresh(refresh_token: str) -> Tokens:
        if not refresh_token:
            raise NotFound
        return Tokens("", "", 1)

    def count(outcome: str) -> float:
        labels = {"side": "near", "service": "Auth", "method": "refresh", "outcome": outcome}
        return float(call.LATENCY.labels(**labels)._sum.get())

    auth = local.connect(Auth, fake(Auth, refresh=refresh))
    before = count("ok"), count("not_found")
    await auth.refresh("r")
    with pytest.raises(NotFound):
        await auth.refresh("")
    assert count("ok") > before[0]
    assert count("not_found") > before[1]
