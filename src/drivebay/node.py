"""The composition root: settings become running parts, by plain calls. What is not here does not happen.

A process runs any set of parts. A part that needs a service which runs here gets it directly, else over
gRPC at its address, else a stand-in whose every call says which setting is missing. The service object is
the same one each time.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import resource
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog
from granian.constants import Interfaces
from granian.server.embed import Server
from prometheus_client import start_http_server
from uuid_utils.compat import uuid7

from . import db, embedded, proto
from . import files as files_package
from .auth import service as auth_service
from .auth import store as auth_store
from .contract.auth import Auth
from .contract.files import Files
from .contract.health import Health
from .contract.storage import Storage
from .errors import Unavailable
from .files import service as files_service
from .gateway import app as gateway
from .ingest import nats as events
from .ingest import service as ingest
from .ingest.settings import Settings as IngestSettings
from .ingest.webhook import Webhook
from .janitor import loop as janitor
from .settings import Settings
from .storage import service as storage_service
from .wire import local, rpc
from .wire.stream import server_stream

log = structlog.get_logger(__name__)

PARTS: Final = ("gateway", "auth", "files", "storage", "ingest", "janitor")
SERVED: Final = ("auth", "files", "storage")
"""The parts with a contract, which others may reach over gRPC."""

_SLOW: Final[Mapping[str, float]] = {
    "check": 3600.0,
    "commit": 30.0,
    "claim_purges": 30.0,
    "finish_purges": 30.0,
    "accept": 30.0,
    "discard": 60.0,
    "delete": 60.0,
    "page": 30.0,
    "quarantine": 660.0,
    "write_part": 30.0,
    "write_tail": 30.0,
    "tail": 30.0,
    "delete_tails": 30.0,
}
"""Methods that may take longer than a call usually does, in seconds."""
_STOP: Final = 5.0
_CONNECTIONS: Final = 10_000
"""Of clients, at once, about 20 KiB each. Most are idle: what may be worked on is bounded by the gateway itself,
which has to be reached to say so."""
_OWN_FILES: Final = 256
"""Open files that are no client's: databases, services, logs."""

T = TypeVar("T")
Say = Callable[[str], None]


class CannotRun(Exception):
    """Something that whoever starts us can mend; the message is one line and says what."""


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Services:
    """The contracts as this process reaches them, and its settings with the addresses of all servers in."""

    auth: Auth
    files: Files
    storage: Storage
    settings: Settings


@asynccontextmanager
async def services(settings: Settings, parts: frozenset[str], say: Say = lambda _: None) -> AsyncIterator[Services]:
    """Bring up what `parts` stand on, and those of them that have a contract."""
    async with AsyncExitStack() as stack:
        settings = await _servers(stack, settings, parts, say)
        storage: Storage = await _reach(stack, settings, parts, "storage", Storage, proto.STORAGE, _storage)
        files: Files = await _reach(
            stack, settings, parts, "files", Files, proto.FILES, lambda own: _files(own, storage)
        )
        auth: Auth = await _reach(stack, settings, parts, "auth", Auth, proto.AUTH, _auth)
        yield Services(auth, files, storage, settings)


async def _servers(stack: AsyncExitStack, settings: Settings, parts: frozenset[str], say: Say) -> Settings:
    """Start the servers in the data folder that no setting places elsewhere and some part here needs."""
    postgres = settings.database_url is None and bool(parts & {"auth", "files"})
    listens = settings.events != "off" and "ingest" in parts
    store = settings.s3_endpoint is None and ("storage" in parts or (listens and settings.filer_address is None))
    nats = settings.nats_url is None and listens
    if not (postgres or store or nats):
        return settings
    servers = await stack.enter_async_context(
        embedded.run(settings.data, postgres=postgres, nats=nats, store=store, progress=say)
    )
    if servers.postgres is not None:
        settings = replace(settings, database_url=servers.postgres.url)
    if servers.nats is not None:
        settings = replace(settings, nats_url=servers.nats.url)
    if servers.store is not None:
        settings = replace(
            settings,
            s3_endpoint=servers.store.s3_endpoint,
            s3_access_key=servers.store.access_key,
            s3_secret_key=servers.store.secret_key,
            filer_address=servers.store.filer_grpc,
        )
    return settings


async def _reach(
    stack: AsyncExitStack,
    settings: Settings,
    parts: frozenset[str],
    part: str,
    contract: type[T],
    descriptor: Any,
    start: Callable[[Settings], AbstractAsyncContextManager[T]],
) -> T:
    address, callers = {
        "auth": (settings.auth_address, settings.auth_callers),
        "files": (settings.files_address, settings.files_callers),
        "storage": (settings.storage_address, settings.storage_callers),
    }[part]
    if part in parts:
        service = await stack.enter_async_context(start(settings))
        if address is not None:
            serving = rpc.serve(
                address,
                [(contract, descriptor, service)],
                deadlines=_SLOW,
                identity=settings.identity,
                callers=frozenset(callers),
            )
            await stack.enter_async_context(serving)
        return local.connect(contract, service, deadlines=_SLOW)
    if address is not None:
        reaching = rpc.connect(contract, descriptor, address, deadlines=_SLOW, identity=settings.identity)
        return await stack.enter_async_context(reaching)
    return rpc.missing(contract, f"DRIVEBAY_{part.upper()}_ADDRESS")


def _url(settings: Settings) -> str:
    if settings.database_url is None:
        raise CannotRun("DRIVEBAY_DATABASE_URL is not set")
    return settings.database_url


async def _migrate(settings: Settings, schema: str, folder: Path) -> None:
    try:
        await db.migrate(_url(settings), schema, folder)
    except Unavailable as error:
        hint = "is PostgreSQL there, and are host, database, user and password in DRIVEBAY_DATABASE_URL right?"
        raise CannotRun(f"{error.detail}: {hint}") from error


@asynccontextmanager
async def _auth(settings: Settings) -> AsyncIterator[Auth]:
    await _migrate(settings, "auth", auth_store.MIGRATIONS)
    async with (
        db.connect(_url(settings)) as database,
        auth_service.start(
            database, settings.auth(), now=now, new_id=uuid7, random_bytes=secrets.token_bytes
        ) as service,
    ):
        yield service


@asynccontextmanager
async def _files(settings: Settings, storage: Storage) -> AsyncIterator[Files]:
    await _migrate(settings, "files", Path(files_package.__file__).parent / "migrations")
    async with db.connect(_url(settings)) as database:
        yield files_service.Service(database, storage, settings.files(), new_id=uuid7)


@asynccontextmanager
async def _storage(settings: Settings) -> AsyncIterator[Storage]:
    async with storage_service.open(settings.storage(), now=now) as service:
        yield service


# -- the parts without a contract -----------------------------------------------------------------


async def run(settings: Settings, parts: frozenset[str], *, say: Say, ready: Callable[[Settings], None]) -> None:
    """Run parts until SIGINT or SIGTERM. `ready` is called once they are up.

    Raises CannotRun, embedded.CannotStart, and what settings of a service cannot work with.
    """
    if "gateway" in parts:
        _require_free(settings.host, settings.port, "DRIVEBAY_HOST", "DRIVEBAY_PORT")
    if "ingest" in parts and settings.webhook_address is not None:
        host, _, port = settings.webhook_address.rpartition(":")
        _require_free(host.strip("[]"), int(port), "DRIVEBAY_WEBHOOK_ADDRESS", "DRIVEBAY_WEBHOOK_ADDRESS")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    starting = asyncio.create_task(stop.wait())
    running = asyncio.create_task(_run(settings, parts, say, ready))
    await asyncio.wait((starting, running), return_when=asyncio.FIRST_COMPLETED)
    starting.cancel()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def run_worker(settings: Settings, parts: frozenset[str]) -> None:
    """Be one more process behind the port of another, until that one closes our standard input."""
    async with services(settings, parts) as own, asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(_gateway(own, parts))
        _settle()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
        serving.cancel()


async def _run(settings: Settings, parts: frozenset[str], say: Say, ready: Callable[[Settings], None]) -> None:
    async with services(settings, parts, say) as own, asyncio.TaskGroup() as tasks:
        if own.settings.metrics_address is not None:
            _serve_metrics(own.settings.metrics_address)
        if "ingest" in parts:
            webhook = None if settings.webhook_token is None else Webhook(settings.webhook_token)
            tasks.create_task(ingest.run(own.files, own.settings.ingest(), open_stream=server_stream, webhook=webhook))
            if webhook is not None and settings.webhook_address is not None:
                host, _, port = settings.webhook_address.rpartition(":")
                tasks.create_task(_serve(webhook, host.strip("[]"), int(port)))
        if "janitor" in parts:
            tasks.create_task(janitor.run(own.files, own.storage, own.settings.janitor()))
        if "gateway" in parts:
            tasks.create_task(_gateway(own, parts))
            for number in range(1, settings.workers):
                tasks.create_task(_worker(number, own.settings, parts))
            await _answers(own.settings)
        _settle()
        ready(own.settings)
        # Services live in their servers' own tasks; this one only keeps the block open.
        await asyncio.get_running_loop().create_future()


def _settle() -> None:
    """What is here now stays: the collector need not walk through it again and again, nor so often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def _gateway(own: Services, parts: frozenset[str]) -> None:
    settings = own.settings
    checks = {}
    if settings.nats_url is not None and settings.events != "off" and "ingest" in parts:
        checks["ingest"] = _nats_check(settings.ingest())
    app = gateway.create(own.auth, own.files, own.storage, settings.gateway(), now=now, new_id=uuid7, checks=checks)
    await _serve(app, settings.host, settings.port)


async def _serve(app: Any, host: str, port: int) -> None:
    """Serve an ASGI app until cancelled."""
    server = Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        websockets=False,
        log_enabled=False,
        backlog=1024,
        backpressure=_connections(),
    )
    serving = asyncio.create_task(server.serve())
    try:
        await asyncio.shield(serving)
        raise CannotRun("the HTTP server ended by itself")
    finally:
        server.stop()  # type: ignore[no-untyped-call]
        with suppress(TimeoutError):
            await asyncio.wait_for(serving, _STOP)


def _connections() -> int:
    """How many connections this process may hold, once its limit of open files is as high as it is let.

    At that limit the HTTP server would accept nobody, and spin.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _CONNECTIONS + _OWN_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return _CONNECTIONS if soft == resource.RLIM_INFINITY else max(1, min(_CONNECTIONS, soft - _OWN_FILES))


def _nats_check(settings: IngestSettings) -> Callable[[], Any]:
    async def check() -> tuple[Health, ...]:
        problem = await events.check(settings)
        return (Health("nats", problem is None, problem or ""),)

    return check


async def _answers(settings: Settings) -> None:
    """Wait until the HTTP door takes connections."""
    async with asyncio.timeout(_STOP):
        while True:
            try:
                _, writer = await asyncio.open_connection(_reachable(settings.host), settings.port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


async def _worker(number: int, settings: Settings, parts: frozenset[str]) -> None:
    """One more process that serves the same port; started again when it dies.

    Services hold no state, so each worker has those of this process for itself instead of asking back.
    """
    own = ("METRICS_ADDRESS", *(f"{part.upper()}_ADDRESS" for part in parts & set(SERVED)))
    # Empty is not set, and wins over a line in `.env`: what is served here is not served twice.
    environment = settings.environment() | {"DRIVEBAY_WORKERS": "1"} | {f"DRIVEBAY_{name}": "" for name in own}
    wanted = sorted(parts & {"gateway", *SERVED})
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "drivebay.cli",
            "run",
            *wanted,
            "--as-worker",
            env=environment,
            stdin=asyncio.subprocess.PIPE,
        )
        try:
            status = await process.wait()
        finally:
            # A worker reads its standard input and ends with it, so it ends with us however we end.
            if process.returncode is None:
                process.terminate()
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), _STOP)
            if process.returncode is None:
                process.kill()
        log.warning("worker_ended", worker=number, status=status)
        await asyncio.sleep(1)


def _serve_metrics(address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        start_http_server(int(port), host.strip("[]"))
    except OSError as error:
        raise CannotRun(f"DRIVEBAY_METRICS_ADDRESS: {address} cannot be used ({error.strerror})") from error


def _require_free(host: str, port: int, host_name: str, port_name: str) -> None:
    """Said before anything starts: the server itself would share the port with whoever has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                hint = f"stop what listens there or set {port_name} to another port"
                raise CannotRun(f"{port_name}: {host}:{port} is taken; {hint}") from error
            name = port_name if error.errno == errno.EACCES else host_name
            raise CannotRun(f"{name}: cannot listen at {host}:{port} ({error.strerror})") from error
