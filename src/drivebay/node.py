"""The composition root: builds all services from the settings, without a dependency-injection framework.

A process runs any set of services. A service that calls another service gets the object of the other service if both
run in this process. Otherwise it gets a gRPC client for the address of the other service. If no address is set, it gets
a stub: every call raises Unavailable and names the missing setting.

Each service is imported where it is started, so a process loads only the libraries of its own services.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import uuid_utils
from uuid_utils.compat import uuid7

from . import proto, rpc, runtime
from .config import Settings
from .contract.auth import Auth
from .contract.files import Files
from .contract.health import Health
from .contract.storage import Storage
from .contract.timeouts import METHOD_TIMEOUTS
from .hints import HintChannel
from .hints.hint_channel import reaches_all
from .ingest.settings import Settings as IngestSettings
from .rpc import local
from .rpc.server_stream import server_stream
from .runtime import Progress, ServiceNames

if TYPE_CHECKING:
    from .gateway.readiness import ReadinessMonitor

SERVICES: Final = ("gateway", "auth", "files", "storage", "ingest", "janitor", "worker")
CONTRACT_SERVICES: Final = ("auth", "files", "storage")
"""The services with a contract. Other processes may call them over gRPC."""
CALLED_BY: Final = {
    "gateway": frozenset({"auth", "files", "storage"}),
    "auth": frozenset[str](),
    "files": frozenset({"storage"}),
    "storage": frozenset[str](),
    "ingest": frozenset({"files"}),
    "janitor": frozenset({"files", "storage"}),
    "worker": frozenset({"auth", "files", "storage"}),
}
"""The contract services that each service calls. With mutual TLS, the other services refuse its calls by default
(`DRIVEBAY_AUTH_CALLERS` and so on)."""

_DATABASE_WAIT: Final = 120.0
"""Seconds that a process waits at its start while the database accepts no writes or no connections."""

T = TypeVar("T")


def now() -> datetime:
    return datetime.now(UTC)


def new_request_id() -> str:
    return str(uuid_utils.uuid7())  # `str(uuid7())` takes five times as long, and each request calls this function


@dataclass(frozen=True, slots=True)
class Services:
    """The contracts, each connected to its service, and the settings with the addresses of embedded servers."""

    auth: Auth
    files: Files
    storage: Storage
    settings: Settings
    hints: HintChannel


@asynccontextmanager
async def open_services(
    settings: Settings,
    names: ServiceNames,
    progress: Progress = lambda _: None,
    *,
    called: ServiceNames = frozenset(CONTRACT_SERVICES),
    database_wait: float = 0.0,
    is_child: bool = False,
) -> AsyncIterator[Services]:
    """Start the contract services among `names`, and the embedded servers that any of `names` needs.

    Contracts in `called` that are not among `names` are reached at the address in the settings. `database_wait` is how
    many seconds to wait for a database that accepts no writes or no connections now. `is_child`: this is a further
    gateway process, so its parent runs the same services. Raises StartError and SettingsError.
    """
    async with AsyncExitStack() as stack:
        hints_reach_all = reaches_all(settings.database_url, settings.nats_url)
        settings = await stack.enter_async_context(runtime.open_servers(settings, names, progress))
        connector = _ContractConnector(stack, settings, names, called)
        is_only = not is_child and settings.workers == 1 and settings.files_address is None
        channel = HintChannel(
            is_alone=settings.nats_url is None and "files" in names and is_only, reaches_all=hints_reach_all
        )
        hints = await _start_hints(stack, settings, names, channel)
        storage: Storage = await connector.connect("storage", Storage, proto.STORAGE, _storage)
        if settings.sign_locally and "gateway" in names and "storage" not in names:
            storage = _sign_locally(storage, settings)
        files: Files = await connector.connect(
            "files", Files, proto.FILES, lambda files_settings: _files(files_settings, storage, hints, database_wait)
        )
        auth: Auth = await connector.connect(
            "auth", Auth, proto.AUTH, lambda auth_settings: _auth(auth_settings, database_wait)
        )
        yield Services(auth, files, storage, settings, hints)


@dataclass(frozen=True, slots=True)
class _ContractConnector:
    """Decides for each contract service whether it runs in this process, is remote, or is missing."""

    stack: AsyncExitStack
    settings: Settings
    names: ServiceNames
    called: ServiceNames

    async def connect(
        self,
        name: str,
        contract: type[T],
        descriptor: Any,
        start: Callable[[Settings], AbstractAsyncContextManager[T]],
    ) -> T:
        settings = self.settings
        address, callers = {
            "auth": (settings.auth_address, settings.auth_callers),
            "files": (settings.files_address, settings.files_callers),
            "storage": (settings.storage_address, settings.storage_callers),
        }[name]
        if name not in self.names:
            if address is None or name not in self.called:
                return rpc.unconfigured_client(contract, f"DRIVEBAY_{name.upper()}_ADDRESS")
            client = rpc.connect(contract, descriptor, address, timeouts=METHOD_TIMEOUTS, identity=settings.identity)
            return await self.stack.enter_async_context(client)
        service = await self.stack.enter_async_context(start(settings))
        if address is not None:
            server = rpc.serve(
                address,
                [(contract, descriptor, service)],
                timeouts=METHOD_TIMEOUTS,
                identity=settings.identity,
                callers=frozenset(callers),
            )
            await self.stack.enter_async_context(server)
        return local.connect(contract, service, timeouts=METHOD_TIMEOUTS)


@asynccontextmanager
async def _auth(settings: Settings, database_wait: float) -> AsyncIterator[Auth]:
    from .auth import service as auth_service
    from .auth import store as auth_store
    from .runtime import database_start

    async with database_start.open_database(settings, "auth", auth_store.MIGRATIONS, database_wait) as database:
        auth_settings = settings.auth()
        random_bytes = secrets.token_bytes
        async with auth_service.start(
            database, auth_settings, now=now, new_id=uuid7, random_bytes=random_bytes
        ) as service:
            yield service


async def _start_hints(
    stack: AsyncExitStack, settings: Settings, names: ServiceNames, hints: HintChannel
) -> HintChannel:
    """Connect the hint channel of this process to NATS, if a URL of NATS is set. Return the channel.

    Without NATS, hints reach no other process. That is sufficient if only this process changes files.
    """
    publishes, listens = "files" in names, not names.isdisjoint({"gateway", "worker"})
    if settings.nats_url is None or not (publishes or listens):
        return hints
    from .hints.nats_transport import NatsTransport

    transport = NatsTransport(settings.nats_url, hints, publishes=publishes, listens=listens)
    running = asyncio.create_task(transport.run(), name="hints")
    stack.push_async_callback(_cancel, running)
    return hints


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@asynccontextmanager
async def _files(
    settings: Settings, storage: Storage, hints: HintChannel, database_wait: float
) -> AsyncIterator[Files]:
    from .files import service as files_service
    from .runtime import database_start

    migrations = Path(files_service.__file__).parent / "migrations"
    async with database_start.open_database(settings, "files", migrations, database_wait) as database:
        yield files_service.Service(database, storage, settings.files(), new_id=uuid7, hints=hints)


@asynccontextmanager
async def _storage(settings: Settings) -> AsyncIterator[Storage]:
    from .storage import service as storage_service

    async with storage_service.open(settings.storage(), now=now) as service:
        yield service


def _sign_locally(storage: Storage, settings: Settings) -> Storage:
    from .storage.local_signing import LocallySignedStorage, LocalSigning

    return LocallySignedStorage(storage, LocalSigning(storage, settings.storage(), now))


# -- running --------------------------------------------------------------------------------------


async def run(
    settings: Settings, names: ServiceNames, *, progress: Progress, ready: Callable[[Settings], None]
) -> None:
    """Run services until SIGINT or SIGTERM. `ready` is called when all of them are up.

    Raises the errors of `open_services`, and StartError when a port is taken.
    """
    _require_free_ports(settings, names)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopping = asyncio.create_task(stop.wait())
    running = asyncio.create_task(_run_until_cancelled(settings, names, progress, ready, stop))
    await asyncio.wait((stopping, running), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if "gateway" in names and settings.stop_delay:
        await asyncio.wait((running,), timeout=settings.stop_delay.total_seconds())
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def run_child(settings: Settings, names: ServiceNames) -> None:
    """Run one more gateway process on the port of the parent process, until the parent exits.

    A terminal and a service manager send their signals to all processes, but only the parent knows when
    `DRIVEBAY_STOP_DELAY` has passed. So this process ignores the signals. Raises the errors of `open_services`.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, lambda: None)
    stop = asyncio.Event()
    services_open = open_services(settings, names, database_wait=_DATABASE_WAIT, is_child=True)
    async with services_open as services, asyncio.TaskGroup() as tasks:
        gateway_task = tasks.create_task(_run_gateway(services, names, stop, serves_operations=False))
        runtime.reduce_garbage_collection()
        await runtime.wait_for_parent_exit(stop)
        gateway_task.cancel()


def _require_free_ports(settings: Settings, names: ServiceNames) -> None:
    if "gateway" in names:
        runtime.require_free_port(
            settings.host, settings.port, host_setting="DRIVEBAY_HOST", port_setting="DRIVEBAY_PORT"
        )
        if settings.operations_address is not None:
            host, port = runtime.split_host_port(settings.operations_address)
            setting = "DRIVEBAY_OPERATIONS_ADDRESS"
            runtime.require_free_port(host, port, host_setting=setting, port_setting=setting)
    if "ingest" in names and settings.webhook_address is not None:
        host, port = runtime.split_host_port(settings.webhook_address)
        setting = "DRIVEBAY_WEBHOOK_ADDRESS"
        runtime.require_free_port(host, port, host_setting=setting, port_setting=setting)


async def _run_until_cancelled(
    settings: Settings,
    names: ServiceNames,
    progress: Progress,
    ready: Callable[[Settings], None],
    stop: asyncio.Event,
) -> None:
    called = frozenset[str]().union(*(CALLED_BY[name] for name in names))
    services_open = open_services(settings, names, progress, called=called, database_wait=_DATABASE_WAIT)
    async with services_open as services, asyncio.TaskGroup() as tasks:
        if services.settings.metrics_address is not None:
            runtime.serve_metrics(services.settings.metrics_address)
        if "ingest" in names:
            _start_ingest(services, tasks)
        if "janitor" in names:
            from .janitor import service as janitor

            tasks.create_task(janitor.run(services.files, services.storage, services.settings.janitor()))
        if "worker" in names:
            from .worker import service as worker

            own = services.settings.worker()
            files, storage = services.files, services.storage
            tasks.create_task(worker.run(services.auth, own, files=files, storage=storage, hints=services.hints))
        if "gateway" in names:
            tasks.create_task(_run_gateway(services, names, stop))
            _start_gateway_processes(services.settings, names, tasks, stop)
            from .runtime.http_server import wait_until_reachable

            await wait_until_reachable(settings.host, settings.port)
        runtime.reduce_garbage_collection()
        ready(services.settings)
        # gRPC servers run in tasks of their own. This task only keeps the block open.
        await asyncio.get_running_loop().create_future()


def _start_ingest(services: Services, tasks: asyncio.TaskGroup) -> None:
    from .ingest import service as ingest
    from .ingest.event_endpoint import EventEndpoint
    from .runtime.http_server import serve_http

    settings = services.settings
    endpoint = None if settings.webhook_token is None else EventEndpoint(settings.webhook_token)
    tasks.create_task(ingest.run(services.files, settings.ingest(), open_stream=server_stream, endpoint=endpoint))
    if endpoint is not None and settings.webhook_address is not None:
        host, port = runtime.split_host_port(settings.webhook_address)
        tasks.create_task(serve_http(endpoint, host, port, idle_timeout=settings.idle_timeout))


def _start_gateway_processes(
    settings: Settings, names: ServiceNames, tasks: asyncio.TaskGroup, stop: asyncio.Event
) -> None:
    # Services keep no state, so each child runs its own contract services instead of calling this process.
    # An empty value overrides a line in `.env`: only this process serves its metrics and gRPC addresses.
    unset = ("METRICS_ADDRESS", *(f"{name.upper()}_ADDRESS" for name in names & set(CONTRACT_SERVICES)))
    environment = settings.child_environment() | {f"DRIVEBAY_{name}": "" for name in unset}
    environment["DRIVEBAY_WORKERS"] = "1"
    child_services = sorted(names & {"gateway", *CONTRACT_SERVICES})
    for number in range(1, settings.workers):
        tasks.create_task(runtime.keep_gateway_process_running(number, child_services, environment, stop))


async def _run_gateway(
    services: Services, names: ServiceNames, stop: asyncio.Event, *, serves_operations: bool = True
) -> None:
    from .gateway import app as gateway
    from .runtime.http_server import serve_http

    settings = services.settings
    async with AsyncExitStack() as stack:
        readiness_checks = {}
        if settings.nats_url is not None and settings.events != "off" and "ingest" in names:
            readiness_checks["ingest"] = await stack.enter_async_context(_nats_check(settings.ingest()))
        app = gateway.create_app(
            services.auth,
            services.files,
            services.storage,
            settings.gateway(),
            now=now,
            new_request_id=new_request_id,
            readiness_checks=readiness_checks,
            hints=services.hints,
        )
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        tasks.create_task(app.readiness.run())
        tasks.create_task(_announce_stop(stop, app.readiness))
        tasks.create_task(app.revoked_sessions.run())
        if serves_operations:  # one process is enough, so further gateway processes do not
            tasks.create_task(app.account_purge.run())
        if settings.operations_address is not None and serves_operations:
            host, port = runtime.split_host_port(settings.operations_address)
            tasks.create_task(serve_http(app.operations, host, port, idle_timeout=settings.idle_timeout))
        await serve_http(
            app, settings.host, settings.port, idle_timeout=settings.idle_timeout, before_stop=app.waiters.close
        )


async def _announce_stop(stop: asyncio.Event, readiness: ReadinessMonitor) -> None:
    await stop.wait()
    readiness.announce_stop()


@asynccontextmanager
async def _nats_check(settings: IngestSettings) -> AsyncIterator[Callable[[], Any]]:
    from .ingest.nats_connection import ConnectionCheck

    connection = ConnectionCheck(settings)

    async def check() -> tuple[Health, ...]:
        problem = await connection.find_problem()
        return (Health("nats", problem is None, problem or ""),)

    try:
        yield check
    finally:
        await connection.close()
