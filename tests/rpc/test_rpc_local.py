"""Local and remote calls behave the same."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from drivebay import rpc
from drivebay.contract.auth import Auth, Tokens
from drivebay.contract.files import Access, FilePage, Files
from drivebay.contract.ids import UserId
from drivebay.contract.storage import Storage
from drivebay.errors import Internal, NotFound, Unavailable
from drivebay.proto import AUTH, FILES, STORAGE
from drivebay.rpc import call_guard, local
from drivebay.testing.deliveries import DELIVERIES, deliver

from .rpc_fakes import STORE, fake


@pytest.mark.parametrize("delivery", DELIVERIES)
async def test_arguments_may_be_named_or_omitted(delivery: str) -> None:
    async def refresh(refresh_token: str) -> Tokens:
        return Tokens(refresh_token, "", 1)

    seen: list[tuple[object, ...]] = []

    async def list_trash(access: Access, limit: int = 100, cursor: str | None = None) -> FilePage:
        seen.append((access, limit, cursor))
        return FilePage((), None)

    access = Access.personal(UserId(UUID(int=1)))
    async with deliver(delivery, Auth, AUTH, fake(Auth, refresh=refresh)) as auth:
        assert await auth.refresh(refresh_token="r") == await auth.refresh("r") == Tokens("r", "", 1)
    async with deliver(delivery, Files, FILES, fake(Files, list_trash=list_trash)) as files:
        await files.list_trash(access, cursor="c")
        await files.list_trash(limit=5, access=access)
    assert list(dict.fromkeys(seen)) == [(access, 100, "c"), (access, 5, None)]


@pytest.mark.parametrize("delivery", ["direct", "grpc", "twice"])
@pytest.mark.parametrize("arguments", [(), ("a", "b")])
async def test_a_call_with_wrong_arguments_is_a_defect(delivery: str, arguments: tuple[str, ...]) -> None:
    async with deliver(delivery, Storage, STORAGE, STORE) as storage:
        with pytest.raises(Internal):
            await storage.quarantine_object(*arguments)


@pytest.mark.parametrize("contract", [Auth, Files, Storage])
async def test_a_missing_service_names_the_setting(contract: type[Any]) -> None:
    missing: Any = rpc.unconfigured_client(contract, "DRIVEBAY_SOME_ADDRESS")
    with pytest.raises(Unavailable, match="DRIVEBAY_SOME_ADDRESS"):
        await missing.health()


async def test_each_call_is_counted_by_its_outcome() -> None:
    async def refresh(refresh_token: str) -> Tokens:
        if not refresh_token:
            raise NotFound
        return Tokens("", "", 1)

    def count(outcome: str) -> float:
        labels = {"side": "near", "service": "Auth", "method": "refresh", "outcome": outcome}
        return float(call_guard.LATENCY.labels(**labels)._sum.get())

    auth = local.connect(Auth, fake(Auth, refresh=refresh))
    before = count("ok"), count("not_found")
    await auth.refresh("r")
    with pytest.raises(NotFound):
        await auth.refresh("")
    assert count("ok") > before[0]
    assert count("not_found") > before[1]
