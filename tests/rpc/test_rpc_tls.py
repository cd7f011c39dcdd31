"""Mutual TLS: only callers with an accepted name get in, and a client accepts only the service that it expects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import grpc.aio
import pytest
import structlog.testing

from drivebay import rpc
from drivebay.cli.operator.certificates import CertificateAuthority
from drivebay.contract.storage import Storage
from drivebay.errors import Unavailable
from drivebay.proto import STORAGE
from drivebay.rpc.msgpack_codec import contract_fields
from drivebay.rpc.multiplex_frames import PROTOCOL, Greeting, Welcome
from drivebay.rpc.tls import Identity

from .multiplex_peers import RawStream
from .rpc_fakes import STORE, fake

CALLERS = frozenset({"gateway", "janitor"})


def authority(
    folder: Path, *, past: timedelta = timedelta(), life: timedelta = timedelta(days=1)
) -> CertificateAuthority:
    return CertificateAuthority(folder, datetime.now(UTC) - past, life)


def identity(of: CertificateAuthority, name: str, ca: Path | None = None) -> Identity:
    return Identity(*of.issue(name), ca or of.ca_cert_file)


@asynccontextmanager
async def served(by: Identity) -> AsyncIterator[str]:
    served = [(Storage, STORAGE, STORE)]
    async with rpc.serve("127.0.0.1:0", served, identity=by, callers=CALLERS) as address:
        yield address


async def call(address: str, caller: Identity | None) -> bool:
    async with rpc.connect(Storage, STORAGE, address, identity=caller, timeouts={"quarantine_object": 5.0}) as storage:
        return await storage.quarantine_object("there")


async def test_a_caller_in_the_list_can_call(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    async with served(identity(ours, "storage")) as address:
        assert await call(address, identity(ours, "gateway")) is True
        assert await call(address, identity(ours, "janitor")) is True


async def test_a_caller_without_a_certificate_is_refused(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    async with served(identity(ours, "storage")) as address:
        with pytest.raises(Unavailable):
            await call(address, None)
        anonymous = grpc.ssl_channel_credentials(ours.ca_cert_file.read_bytes())
        options = (("grpc.ssl_target_name_override", "storage"),)
        async with grpc.aio.secure_channel(address, anonymous, options=options) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await channel.unary_unary(f"/{STORAGE.full_name}/QuarantineObject")(b"", timeout=60)
    assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_server_refuses_a_client_of_another_authority(tmp_path: Path) -> None:
    ours, other = authority(tmp_path / "ours"), authority(tmp_path / "other")
    async with served(identity(ours, "storage")) as address:
        with pytest.raises(Unavailable, match="closed the connection, as a service with TLS does"):
            await call(address, identity(other, "gateway", ca=ours.ca_cert_file))


async def test_a_caller_outside_the_list_is_refused_with_a_reason(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    async with served(identity(ours, "storage")) as address:
        with (
            structlog.testing.capture_logs() as logged,
            pytest.raises(Unavailable, match="refuses this process"),
        ):
            await call(address, identity(ours, "ingest"))
    (line,) = (line for line in logged if line["event"] == "caller_refused")
    assert "ingest" in line["names"]
    assert line["call"] == "Storage.quarantine_object"


async def test_a_client_refuses_a_server_with_the_name_of_another_service(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    async with served(identity(ours, "files")) as address:
        with pytest.raises(Unavailable, match="its certificate has another name"):
            await call(address, identity(ours, "gateway"))


async def test_a_client_refuses_a_server_of_another_authority(tmp_path: Path) -> None:
    ours, other = authority(tmp_path / "ours"), authority(tmp_path / "other")
    async with served(identity(other, "storage", ca=ours.ca_cert_file)) as address:
        with pytest.raises(Unavailable, match="not from the authority in DRIVEBAY_TLS_CA"):
            await call(address, identity(ours, "gateway"))


async def test_the_error_for_a_server_without_tls_differs_from_the_one_for_no_server(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    async with rpc.serve("127.0.0.1:0", [(Storage, STORAGE, STORE)]) as address:
        with pytest.raises(Unavailable, match="it does not use TLS"):
            await call(address, identity(ours, "gateway"))
    with pytest.raises(Unavailable, match=r"cannot reach Storage at [\d.:]+$"):
        await call(address, identity(ours, "gateway"))


async def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    expired = authority(tmp_path, past=timedelta(days=3))
    async with served(identity(ours, "storage")) as address:
        with pytest.raises(Unavailable):
            await call(address, identity(expired, "gateway"))


async def test_an_invalid_message_over_tls_is_an_invalid_argument_and_the_server_goes_on(
    tmp_path: Path,
) -> None:
    ours = authority(tmp_path)
    caller = identity(ours, "gateway")
    async with served(identity(ours, "storage")) as address:
        options = (("grpc.ssl_target_name_override", "storage"),)
        async with grpc.aio.secure_channel(address, caller.client_credentials(), options=options) as channel:
            for request in (b"\xff" * 100, b"\x0a\xff\xff\xff\xff\x7f"):
                with pytest.raises(grpc.aio.AioRpcError) as refusal:
                    await channel.unary_unary(f"/{STORAGE.full_name}/QuarantineObject")(request, timeout=60)
                assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert await call(address, caller) is True


async def test_a_connection_without_tls_is_closed(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    async with served(identity(ours, "storage")) as address:
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert b"200" not in await asyncio.wait_for(reader.read(), 120)
        writer.close()
        assert await call(address, identity(ours, "gateway")) is True


async def test_a_renewed_certificate_is_used_without_a_restart(tmp_path: Path) -> None:
    old, new = authority(tmp_path / "old"), authority(tmp_path / "new")
    mine = identity(old, "storage")
    caller = identity(new, "gateway")
    async with served(mine) as address:
        with pytest.raises(Unavailable):
            await call(address, caller)
        # While only the key is replaced, key and certificate do not fit, and the old pair stays in use.
        renewed = identity(new, "storage")
        mine.key.write_bytes(renewed.key.read_bytes())
        assert await call(address, identity(old, "gateway")) is True
        mine.cert.write_bytes(renewed.cert.read_bytes())
        mine.ca.write_bytes(renewed.ca.read_bytes())
        assert await call(address, caller) is True


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("cert", b"no pem", "certificate"),
        ("key", b"no pem", "key"),
        ("ca", b"no pem", "certificate"),
        ("key", None, "is not the key"),
    ],
)
def test_the_error_names_the_unusable_file(tmp_path: Path, file: str, content: bytes | None, message: str) -> None:
    ours = authority(tmp_path)
    mine = identity(ours, "storage")
    mine.check()
    target: Path = getattr(mine, file)
    target.write_bytes(ours.issue("files")[1].read_bytes() if content is None else content)
    with pytest.raises(ValueError, match=message) as refusal:
        mine.check()
    assert str(target) in str(refusal.value)


async def test_only_their_user_can_read_the_keys(tmp_path: Path) -> None:
    ours = authority(tmp_path / "certs")
    _, key = ours.issue("storage")
    for file in (key, tmp_path / "certs" / "ca.key"):
        assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "certs").stat().st_mode & 0o777 == 0o700


async def test_issuing_again_keeps_the_authority(tmp_path: Path) -> None:
    first = authority(tmp_path)
    before = first.ca_cert_file.read_bytes()
    again = authority(tmp_path)
    async with served(identity(first, "storage")) as address:
        assert await call(address, identity(again, "gateway")) is True
    assert again.ca_cert_file.read_bytes() == before


# -- streams --------------------------------------------------------------------------------------


async def _answer_to_greeting(address: str, caller: Identity, *, sends: bool = True) -> object:
    """Open a stream and return its first frame. A server that refuses the caller reads nothing, and a message that is
    being sent when the refusal arrives fails with another status: so a caller that is to be refused sends nothing."""
    options = (("grpc.ssl_target_name_override", "storage"),)
    async with grpc.aio.secure_channel(address, caller.client_credentials(), options=options) as channel:
        stream = RawStream(channel)
        if sends:
            await stream.send(Greeting(PROTOCOL, STORAGE.full_name, "test", contract_fields(Storage)))
        return await stream.receive()


async def test_only_callers_in_the_list_can_open_a_stream(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    async with served(identity(ours, "storage")) as address:
        assert isinstance(await _answer_to_greeting(address, identity(ours, "gateway")), Welcome)
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await _answer_to_greeting(address, identity(ours, "ingest"), sends=False)
    assert refusal.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_the_calls_of_a_client_spread_over_all_processes_of_a_name(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    calls = [0, 0]

    def service(number: int) -> Storage:
        async def quarantine_object(key: str) -> bool:
            calls[number] += 1
            await asyncio.sleep(0.01)
            return True

        return fake(Storage, quarantine_object=quarantine_object)

    async with AsyncExitStack() as stack:
        addresses = [
            await stack.enter_async_context(
                rpc.serve(
                    "127.0.0.1:0",
                    [(Storage, STORAGE, service(number))],
                    identity=identity(ours, "storage"),
                    callers=CALLERS,
                )
            )
            for number in range(2)
        ]
        name = f"ipv4:{','.join(addresses)}"
        client = rpc.connect(Storage, STORAGE, name, identity=identity(ours, "gateway"))
        storage = await stack.enter_async_context(client)
        async with asyncio.timeout(120):
            while min(calls) < 50:
                await asyncio.gather(*(storage.quarantine_object("there") for _ in range(20)))
