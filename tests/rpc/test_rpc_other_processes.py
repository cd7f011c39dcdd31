"""Calls from other processes: a client made from the .proto files only, and a trace across processes."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import drivebay.proto
from drivebay import rpc
from drivebay.contract.auth import Auth, User
from drivebay.contract.ids import UserId
from drivebay.errors import NotFound
from drivebay.proto import AUTH

from .rpc_fakes import fake

PROTOS = Path(drivebay.proto.__file__).parent / "drivebay"
KNOWN_USER = UserId(UUID("01890000-0000-7000-8000-000000000001"))

_CLIENT = """
import sys
import grpc
import auth_pb2, auth_pb2_grpc

with grpc.insecure_channel(sys.argv[1]) as channel:
    stub = auth_pb2_grpc.AuthServiceStub(channel)
    user = stub.GetUser(auth_pb2.GetUserRequest(user=sys.argv[2]), timeout=60).value
    print(user.id, user.email, user.created_at.seconds)
    for unknown in ("01890000-0000-7000-8000-000000000002", "nobody"):
        try:
            stub.GetUser(auth_pb2.GetUserRequest(user=unknown), timeout=60)
        except grpc.RpcError as error:
            print(error.code().name, error.details())
"""


async def _run(*command: str, cwd: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), 120)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_a_client_made_from_the_proto_files_alone_can_call(address: str, tmp_path: Path) -> None:
    async def get_user(user: UserId, caller: UserId | None = None) -> User:
        if user != KNOWN_USER:
            raise NotFound(f"no user {user}")
        return User(user, "ada@example.com", datetime(2025, 1, 1, tzinfo=UTC))

    for area in ("auth", "files", "storage"):
        outputs = (f"--python_out={tmp_path}", f"--grpc_python_out={tmp_path}")
        compiler = (sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTOS / area / 'v1'}", *outputs)
        await _run(*compiler, f"{area}.proto", cwd=tmp_path)
    (tmp_path / "client.py").write_text(_CLIENT)
    async with rpc.serve(address, [(Auth, AUTH, fake(Auth, get_user=get_user))]):
        output = await _run(sys.executable, "client.py", address, str(KNOWN_USER), cwd=tmp_path)
    assert output.splitlines() == [
        f"{KNOWN_USER} ada@example.com 1735689600",
        "NOT_FOUND no user 01890000-0000-7000-8000-000000000002",
        "INVALID_ARGUMENT an id is not a UUID",
    ]


_TRACED = """
import asyncio, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from drivebay.contract.storage import Storage
from drivebay.proto import STORAGE
from drivebay import rpc
from drivebay.observability import tracing
from tests.rpc.rpc_fakes import STORE

async def main():
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    tracing.enable(provider)
    async with rpc.serve(sys.argv[1], [(Storage, STORAGE, STORE)]):
        async with rpc.connect(Storage, STORAGE, sys.argv[1]) as storage:
            with provider.get_tracer("test").start_as_current_span("outer"):
                await storage.quarantine_object("there")
            await storage.quarantine_object("there")
    inside, client, outer, other, _ = spans.get_finished_spans()
    assert inside.parent.span_id == client.context.span_id, "the caller is the parent"
    assert client.parent.span_id == outer.context.span_id
    assert inside.context.trace_id == outer.context.trace_id != other.context.trace_id
    print(inside.name, inside.kind.name, client.kind.name)

asyncio.run(main())
"""


async def test_the_trace_continues_in_the_service(address: str) -> None:
    output = await _run(sys.executable, "-c", _TRACED, address, cwd=Path(__file__).parents[2])
    assert output == "Storage.quarantine_object SERVER CLIENT\n"
