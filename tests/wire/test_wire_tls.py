"""Services prove who they are to one another: nobody comes in without a certificate that names a caller, and
nobody takes a service for another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import grpc.aio
import pytest
import structlog.testing

from drivebay.certs import Authority
from drivebay.contract.storage import Storage
from drivebay.errors import Unavailable
from drivebay.proto import STORAGE
from drivebay.wire import rpc
from drivebay.wire.tls import Identity

from .fakes import STORE

CALLERS = frozenset({"gateway", "janitor"})


def authority(folder: Path, *, past: timedelta = timedelta(), life: timedelta = timedelta(days=1)) -> Authority:
    return Authority(folder, datetime.now(UTC) - past, life)


def identity(of: Authority, name: str, ca: Path | None = None) -> Identity:
    return Identity(*of.issue(name), ca or of.file)


@asynccontextmanager
async def served(by: Identity) -> AsyncIterator[str]:
    served = [(Storage, STORAGE, STORE)]
    async with rpc.serve("127.0.0.1:0", served, identity=by, callers=CALLERS) as address:
        yield address


async def call(address: str, caller: Identity | None) -> bool:
    async with rpc.connect(Storage, STORAGE, address, identity=caller, deadlines={"quarantine": 5.0}) as storage:
        return await storage.quarantine("there")


async def test_a_caller_whom_the_service_knows_is_served(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    async with served(identity(ours, "storage")) as address:
        assert await call(address, identity(ours, "gateway")) is True
        assert await call(address, identity(ours, "janitor")) is True


async def test_without_a_certificate_nobody_is_served(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    async with served(identity(ours, "storage")) as address:
        with pytest.raises(Unavailable):
            await call(address, None)
        anonymous = grpc.ssl_channel_credentials(ours.file.read_bytes())
        options = (("grpc.ssl_target_name_override", "storage"),)
        async with grpc.aio.secure_channel(address, anonymous, options=options) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await channel.unary_unary(f"/{STORAGE.full_name}/Quarantine")(b"", timeout=5)
    assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_certificate_of_a_foreign_authority_is_refused(tmp_path: Path) -> None:
    ours, foreign = authority(tmp_path / "ours"), authority(tmp_path / "foreign")
    async with served(identity(ours, "storage")) as address:
        with pytest.raises(Unavailable, match="hangs up, as a service with TLS does"):
            await call(address, identity(foreign, "gateway", ca=ours.file))


async def test_another_services_certificate_opens_nothing_and_says_why(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    async with served(identity(ours, "storage")) as address:
        with (
            structlog.testing.capture_logs() as logged,
            pytest.raises(Unavailable, match="does not let this process in"),
        ):
            await call(address, identity(ours, "ingest"))
    (line,) = (line for line in logged if line["event"] == "caller_refused")
    assert "ingest" in line["names"]
    assert line["call"] == "Storage.quarantine"


async def test_a_service_with_anothers_certificate_is_not_believed(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    async with served(identity(ours, "files")) as address:
        with pytest.raises(Unavailable, match="its certificate has another name"):
            await call(address, identity(ours, "gateway"))


async def test_a_service_of_a_foreign_authority_is_not_believed(tmp_path: Path) -> None:
    ours, foreign = authority(tmp_path / "ours"), authority(tmp_path / "foreign")
    async with served(identity(foreign, "storage", ca=ours.file)) as address:
        with pytest.raises(Unavailable, match="not of the authority in DRIVEBAY_TLS_CA"):
            await call(address, identity(ours, "gateway"))


async def test_a_service_without_tls_is_told_from_one_that_is_away(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    async with rpc.serve("127.0.0.1:0", [(Storage, STORAGE, STORE)]) as address:
        with pytest.raises(Unavailable, match="it speaks no TLS"):
            await call(address, identity(ours, "gateway"))
    with pytest.raises(Unavailable, match=r"does not answer$"):
        await call(address, identity(ours, "gateway"))


async def test_a_certificate_that_is_over_is_refused(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    over = authority(tmp_path, past=timedelta(days=3))
    async with served(identity(ours, "storage")) as address:
        with pytest.raises(Unavailable):
            await call(address, identity(over, "gateway"))


async def test_bytes_that_are_no_message_are_a_documented_error_and_harm_nobody(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    caller = identity(ours, "gateway")
    async with served(identity(ours, "storage")) as address:
        options = (("grpc.ssl_target_name_override", "storage"),)
        async with grpc.aio.secure_channel(address, caller.client(), options=options) as channel:
            for request in (b"\xff" * 100, b"\x0a\xff\xff\xff\xff\x7f"):
                with pytest.raises(grpc.aio.AioRpcError) as refusal:
                    await channel.unary_unary(f"/{STORAGE.full_name}/Quarantine")(request, timeout=5)
                assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert await call(address, caller) is True


async def test_bytes_that_are_no_tls_are_hung_up_on(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    async with served(identity(ours, "storage")) as address:
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert b"200" not in await asyncio.wait_for(reader.read(), 10)
        writer.close()
        assert await call(address, identity(ours, "gateway")) is True


async def test_a_renewed_certificate_is_shown_without_a_restart(tmp_path: Path) -> None:
    old, new = authority(tmp_path / "old"), authority(tmp_path / "new")
    mine = identity(old, "storage")
    caller = identity(new, "gateway")
    async with served(mine) as address:
        with pytest.raises(Unavailable):
            await call(address, caller)
        # Half-way through, key and certificate do not fit together, and the old ones are shown on.
        renewed = identity(new, "storage")
        mine.key.write_bytes(renewed.key.read_bytes())
        assert await call(address, identity(old, "gateway")) is True
        mine.cert.write_bytes(renewed.cert.read_bytes())
        mine.ca.write_bytes(renewed.ca.read_bytes())
        assert await call(address, caller) is True


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("cert", b"no pem", "certificate"),
        ("key", b"no pem", "key"),
        ("ca", b"no pem", "certificate"),
        ("key", None, "is not the key"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path: Path, file: str, content: bytes | None, said: str) -> None:
    ours = authority(tmp_path)
    mine = identity(ours, "storage")
    mine.check()
    target: Path = getattr(mine, file)
    target.write_bytes(ours.issue("files")[1].read_bytes() if content is None else content)
    with pytest.raises(ValueError, match=said) as refusal:
        mine.check()
    assert str(target) in str(refusal.value)


async def test_the_keys_are_for_their_user_alone(tmp_path: Path) -> None:
    ours = authority(tmp_path / "certs")
    _, key = ours.issue("storage")
    for file in (key, tmp_path / "certs" / "ca.key"):
        assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "certs").stat().st_mode & 0o777 == 0o700


async def test_an_authority_is_kept_when_certificates_are_made_again(tmp_path: Path) -> None:
    first = authority(tmp_path)
    before = first.file.read_bytes()
    again = authority(tmp_path)
    async with served(identity(first, "storage")) as address:
        assert await call(address, identity(again, "gateway")) is True
    assert again.file.read_bytes() == before
