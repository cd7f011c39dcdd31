"""A process that has the keys of the store signs URLs itself: the same URLs as the storage service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
import pytest

from drivebay.contract.storage import Capabilities, Disposition, GetSpec, Multipart, PartSpec, PutSpec, Storage
from drivebay.errors import Unavailable
from drivebay.storage import service
from drivebay.storage.local_signing import LocallySignedStorage, LocalSigning
from drivebay.storage.service import Service, Settings

PUT = PutSpec("owner/upload", 5, "text/plain", bytes(32), {"owner": "o", "name": "a.txt"})
GET = GetSpec("owner/upload", "Résumé.pdf", "application/pdf", Disposition.INLINE)


@cache
def now() -> datetime:
    """Return the time of the first test. The store refuses one that is 15 minutes old, as that of the import can be."""
    return datetime.now(UTC)


class Remote:
    """The storage service behind a call that can fail. `calls` has the names of the methods that were called."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.calls: list[str] = []
        self.is_down = False
        self.unsupported: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: object) -> object:
            self.calls.append(name)
            if self.is_down:
                raise Unavailable("the storage service is down")
            result = await getattr(self._storage, name)(*arguments)
            if isinstance(result, Capabilities):
                return msgspec.structs.replace(result, unsupported_headers=self.unsupported)
            return result

        return call


@pytest.fixture
async def at_one_time(settings: Settings) -> AsyncIterator[Service]:
    async with service.open(settings, now=now) as storage:
        yield storage


Signed = Callable[[Storage], Any]


@pytest.mark.parametrize(
    "sign",
    [
        lambda storage: storage.presign_put(PUT, now(), 60),
        lambda storage: storage.presign_puts((PUT, PUT), now(), 60),
        lambda storage: storage.presign_get(GET.key, GET.name, GET.content_type, GET.disposition, 60),
        lambda storage: storage.presign_gets((GET,), 60),
        lambda storage: storage.presign_parts(
            "owner/upload", Multipart("id", checksummed=True), (PartSpec(1, 5, bytes(32)),), 60
        ),
    ],
)
async def test_urls_are_those_of_the_storage_service(at_one_time: Service, settings: Settings, sign: Signed) -> None:
    remote = Remote(at_one_time)
    local = LocallySignedStorage(remote, LocalSigning(remote, settings, now))
    assert await sign(local) == await sign(at_one_time)
    await sign(local)
    assert remote.calls == ["get_capabilities"]


async def test_every_other_call_goes_to_the_storage_service(at_one_time: Service, settings: Settings) -> None:
    remote = Remote(at_one_time)
    local = LocallySignedStorage(remote, LocalSigning(remote, settings, now))
    await local.stat_objects(("owner/upload",))
    await local.list_objects(None, 10)
    assert remote.calls == ["stat_objects", "list_objects"]


async def test_a_header_that_the_store_refuses_is_not_signed(at_one_time: Service, settings: Settings) -> None:
    remote = Remote(at_one_time)
    remote.unsupported = ("x-amz-checksum-sha256",)
    signed = await LocalSigning(remote, settings, now).presign_put(PUT, now(), 60)
    assert "x-amz-checksum-sha256" not in {name.lower() for name in signed.headers}


async def test_nothing_is_signed_before_the_capabilities_are_known(at_one_time: Service, settings: Settings) -> None:
    remote = Remote(at_one_time)
    signing = LocalSigning(remote, settings, now)
    remote.is_down = True
    with pytest.raises(Unavailable):
        await signing.presign_put(PUT, now(), 60)
    remote.is_down = False
    signed = await signing.presign_put(PUT, now(), 60)
    remote.is_down = True
    signing._read_at = float("-inf")  # the capabilities are old
    assert await signing.presign_put(PUT, now(), 60) == signed


async def test_the_clients_address_is_signed(at_one_time: Service, settings: Settings) -> None:
    public = replace(settings, public_endpoint="https://files.example.com")
    signed = await LocalSigning(at_one_time, public, now).presign_put(PUT, now(), 60)
    assert signed.url.startswith("https://files.example.com/")
