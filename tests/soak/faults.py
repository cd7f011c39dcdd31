"""The faults of the soak, and the loop that injects them.

A fault has a target. No two faults have the same target at once. A fault lasts some seconds and then undoes itself, so
no fault remains at the end.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import msgspec
import nats
import nats.errors
import nats.js.api
import nats.js.errors
from nats.aio.client import Client

from drivebay.contract.ids import LeaseId
from drivebay.errors import StartError, Unavailable
from drivebay.janitor.orphans import quarantine_orphans
from drivebay.janitor.settings import Settings as JanitorSettings
from drivebay.testing.scans import UnsharedScan

from .deployment import BUCKET, EVENTS_STREAM, EVENTS_SUBJECT, Deployment
from .ledger import Ledger

InjectFault = Callable[[Deployment, random.Random], Awaitable[None]]
SERVICES: Final = ("gateway", "auth", "files", "storage", "ingest", "janitor")
SERVERS: Final = ("postgres", "nats", "store")
CONNECTIONS: Final = ("postgres", "nats", "store", "public store", "filer", "api", "auth", "files", "storage")
_EVERYTHING: Final = "*"
"""The target of a fault that runs alone."""
_MAX_CONCURRENT_FAULTS: Final = 3
_TARGET_IS_DOWN: Final = (
    *(Unavailable, StartError, OSError, TimeoutError),
    *(asyncpg.PostgresError, asyncpg.InterfaceError, nats.errors.Error),
)
"""Errors of a fault that needs a server which another fault has taken down."""


@dataclass(frozen=True)
class Fault:
    """What the fault targets, how often it is chosen, and the function that injects and undoes it."""

    target: str
    weight: float
    inject: InjectFault


@dataclass
class FaultCounts:
    """How often each fault was injected, and how often it failed because another fault had taken down its target."""

    injected: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)


# -- processes ---------------------------------------------------------------------------------------


def kill_service(service: str) -> InjectFault:
    """Kill a service and start it again at once or up to 3 s later."""

    async def inject(deployment: Deployment, rng: random.Random) -> None:
        await deployment.world.stop(service, signal.SIGKILL)
        await asyncio.sleep(rng.choice((0, 0, 0.5, 3)))
        await deployment.world.start(service)

    return inject


def restart_service(service: str) -> InjectFault:
    """Stop a service with SIGTERM and start it again."""

    async def inject(deployment: Deployment, _: random.Random) -> None:
        await deployment.world.restart(service, signal.SIGTERM)

    return inject


def freeze_service(service: str) -> InjectFault:
    """Stop a service with SIGSTOP for up to 8 s."""

    async def inject(deployment: Deployment, rng: random.Random) -> None:
        process = deployment.world.processes[service]
        process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(rng.uniform(0.5, 8))
        finally:
            process.send_signal(signal.SIGCONT)

    return inject


def kill_server(server: str) -> InjectFault:
    """Kill a server and start it again at once or up to 4 s later."""

    async def inject(deployment: Deployment, rng: random.Random) -> None:
        await deployment.servers[server].kill()
        await asyncio.sleep(rng.choice((0, 0, 1, 4)))
        await deployment.servers[server].start()

    return inject


def freeze_server(server: str) -> InjectFault:
    """Stop a server with SIGSTOP for up to 6 s."""

    async def inject(deployment: Deployment, rng: random.Random) -> None:
        deployment.servers[server].pause()
        try:
            await asyncio.sleep(rng.uniform(0.5, 6))
        finally:
            deployment.servers[server].resume()

    return inject


async def kill_everything(deployment: Deployment, _: random.Random) -> None:
    """Kill all services and servers and start them again."""
    await asyncio.gather(*(deployment.world.stop(service, signal.SIGKILL) for service in SERVICES))
    await asyncio.gather(*(server.kill() for server in deployment.servers.values()))
    await asyncio.gather(*(server.start() for server in deployment.servers.values()))
    for service in SERVICES:
        await deployment.world.start(service)


# -- connections -------------------------------------------------------------------------------------


def cut(connection: str) -> InjectFault:
    """Reset all open connections once."""

    async def inject(deployment: Deployment, _: random.Random) -> None:
        deployment.proxies[connection].cut()

    return inject


def _set_for_some_seconds(connection: str, attribute: str, value: Callable[[random.Random], object]) -> InjectFault:
    """Set an attribute of a proxy for up to 5 s."""

    async def inject(deployment: Deployment, rng: random.Random) -> None:
        setattr(deployment.proxies[connection], attribute, value(rng))
        try:
            await asyncio.sleep(rng.uniform(0.5, 5))
        finally:
            deployment.proxies[connection].heal()

    return inject


def delay(connection: str) -> InjectFault:
    """Delay each chunk by up to 0.3 s."""
    return _set_for_some_seconds(connection, "delay", lambda rng: rng.uniform(0.02, 0.3))


def stall(connection: str) -> InjectFault:
    """Keep connections open and forward nothing."""
    return _set_for_some_seconds(connection, "stalled", lambda _: True)


def lose_responses(connection: str) -> InjectFault:
    """Forward requests and discard responses."""
    return _set_for_some_seconds(connection, "drop_responses", lambda _: True)


def refuse(connection: str) -> InjectFault:
    """Close new connections at once."""
    return _set_for_some_seconds(connection, "refuse", lambda _: True)


def cut_in_message(connection: str) -> InjectFault:
    """Reset each connection after 30 bytes to 1 MB."""
    return _set_for_some_seconds(connection, "cut_after", lambda rng: int(10 ** rng.uniform(1.5, 6)))


# -- events ------------------------------------------------------------------------------------------


async def drop_events(deployment: Deployment, rng: random.Random) -> None:
    """Delete all events of the stream every 0.2 s, up to 20 times."""
    async with await _connect_nats(deployment) as client:
        for _ in range(rng.randint(1, 20)):
            with suppress(nats.js.errors.NotFoundError):
                await client.jetstream().purge_stream(EVENTS_STREAM)
            await asyncio.sleep(0.2)


async def repeat_events(deployment: Deployment, rng: random.Random) -> None:
    """Send the events of the last 200 uploads three times more, in random order."""
    async with await _connect_nats(deployment) as client:
        uploads = await _recent_uploads(deployment, 200)
        events = [_created_event(f"{owner}/{id}", size) for owner, id, size in uploads] * 3
        rng.shuffle(events)
        for event in events:
            await client.publish(f"{EVENTS_SUBJECT}.{BUCKET}", event)
        await client.flush()


async def forge_events(deployment: Deployment, rng: random.Random) -> None:
    """Send events with unknown keys, wrong sizes and wrong owners, invalid keys, and messages that are no events."""
    pending = await _recent_uploads(deployment, 50, "pending")
    events = [
        *(_created_event(f"{uuid4()}/{uuid4()}", 5) for _ in range(20)),
        *(_created_event(f"{owner}/{id}", size + 1) for owner, id, size in pending),
        *(_created_event(f"{uuid4()}/{id}", size) for _, id, size in pending),
        *(_created_event("../../etc/passwd", 1), _created_event("", 0), _created_event("a" * 5000, 1)),
        *(rng.randbytes(rng.randint(0, 300)) for _ in range(3)),
    ]
    rng.shuffle(events)
    async with await _connect_nats(deployment) as client:
        for event in events:
            await client.publish(f"{EVENTS_SUBJECT}.{BUCKET}", event)
        await client.flush()


def _created_event(key: str, size: int) -> bytes:
    """Return an event in the format of MinIO."""
    entity = {"bucket": {"name": BUCKET}, "object": {"key": key, "size": size}}
    record = {"eventName": "s3:ObjectCreated:Put", "eventTime": f"{datetime.now(UTC):%FT%TZ}", "s3": entity}
    return msgspec.json.encode({"EventName": "s3:ObjectCreated:Put", "Key": f"{BUCKET}/{key}", "Records": [record]})


async def _connect_nats(deployment: Deployment) -> Client:
    async def ignore_error(_: Exception) -> None:
        return None

    return await nats.connect(deployment.nats_url, allow_reconnect=False, connect_timeout=2, error_cb=ignore_error)


async def _recent_uploads(deployment: Deployment, limit: int, state: str | None = None) -> list[tuple[UUID, UUID, int]]:
    """Return owner, id and size of the newest uploads: all, or those of one state whose size is final."""
    connection = await _connect_database(deployment)
    try:
        rows = await connection.fetch(
            "SELECT owner_id, id, size FROM files.uploads WHERE $2::text IS NULL OR (state = $2 AND NOT deferred)"
            " ORDER BY created_at DESC LIMIT $1",
            limit,
            state,
        )
        return [(row["owner_id"], row["id"], row["size"]) for row in rows]
    finally:
        await connection.close(timeout=2)


async def _connect_database(deployment: Deployment) -> asyncpg.Connection[asyncpg.Record]:
    return await asyncpg.connect(deployment.database_url, timeout=2, command_timeout=5)


# -- leases, clocks and foreign objects --------------------------------------------------------------


async def end_leases(deployment: Deployment, rng: random.Random) -> None:
    """Freeze the janitor, end its leases, and do a part of its work elsewhere. Then the janitor continues."""
    janitor = deployment.world.processes["janitor"]
    janitor.send_signal(signal.SIGSTOP)
    try:
        await _end_all_leases(deployment)
        async with deployment.open_services() as services:
            lease = LeaseId(uuid4())
            purges = await services.files.claim_purges(lease, 1000)
            if rng.random() < 0.5:
                await services.storage.delete_objects(tuple(purge.key for purge in purges))
                await services.files.finish_purges(lease, tuple(purge.ref for purge in purges))
    finally:
        janitor.send_signal(signal.SIGCONT)
        await _end_all_leases(deployment)


async def _end_all_leases(deployment: Deployment) -> None:
    connection = await _connect_database(deployment)
    try:
        await connection.execute("UPDATE files.purges SET leased_until = now() WHERE leased_until > now()")
    finally:
        await connection.close(timeout=2)


async def run_janitor_two_days_ahead(deployment: Deployment, _: random.Random) -> None:
    """Search for orphans with a clock two days ahead. Every object is then old, and known ones must stay."""
    async with deployment.open_services() as services:
        two_days_ahead = datetime.now(UTC) + timedelta(days=2)
        await quarantine_orphans(
            services.files, services.storage, JanitorSettings(), UnsharedScan(), now=two_days_ahead
        )


async def put_objects_of_wrong_size(deployment: Deployment, rng: random.Random) -> None:
    """Write objects of a wrong size at the keys of up to three pending uploads."""
    for owner, id, size in (await _recent_uploads(deployment, 50, "pending"))[: rng.randint(1, 3)]:
        await deployment.put_object(f"{owner}/{id}", b"x" * (size + 1))


async def put_orphans(deployment: Deployment, _: random.Random) -> None:
    """Write two objects that no row accounts for. They may be moved to quarantine and never be deleted."""
    for key in (f"{uuid4()}/{uuid4()}", f"orphan-{uuid4()}"):
        if await deployment.put_object(key, b"orphan") == 200:
            deployment.orphan_keys.add(key)


# -- the fault table ---------------------------------------------------------------------------------


def fault_table() -> dict[str, Fault]:
    """Return all faults by name."""
    faults = {"everything: kill": Fault(_EVERYTHING, 1, kill_everything)}
    for service in SERVICES:
        faults[f"{service}: kill"] = Fault(service, 4, kill_service(service))
        faults[f"{service}: freeze"] = Fault(service, 2, freeze_service(service))
        faults[f"{service}: restart"] = Fault(service, 1, restart_service(service))
    for server in SERVERS:
        faults[f"{server}: kill"] = Fault(server, 3, kill_server(server))
        faults[f"{server}: freeze"] = Fault(server, 2, freeze_server(server))
    for connection in CONNECTIONS:
        target = f"connection to {connection}"
        faults[f"{target}: cut"] = Fault(target, 2, cut(connection))
        faults[f"{target}: delay"] = Fault(target, 1, delay(connection))
        faults[f"{target}: stall"] = Fault(target, 1, stall(connection))
        faults[f"{target}: lose responses"] = Fault(target, 2, lose_responses(connection))
        faults[f"{target}: refuse"] = Fault(target, 1, refuse(connection))
        faults[f"{target}: cut in a message"] = Fault(target, 2, cut_in_message(connection))
    faults["events: drop"] = Fault("events", 4, drop_events)
    faults["events: repeat and reorder"] = Fault("events", 4, repeat_events)
    faults["events: forge"] = Fault("events", 3, forge_events)
    faults["leases: end early"] = Fault("janitor", 3, end_leases)
    faults["janitor: clock two days ahead"] = Fault("orphans", 2, run_janitor_two_days_ahead)
    faults["store: objects of a wrong size"] = Fault("objects", 3, put_objects_of_wrong_size)
    faults["store: orphans"] = Fault("objects", 1, put_orphans)
    return faults


async def inject_faults(
    deployment: Deployment, ledger: Ledger, rng: random.Random, seconds: float, counts: FaultCounts
) -> None:
    """Inject random faults for so many seconds. Return when all are undone. The ledger records each start and end."""
    faults = fault_table()
    names = list(faults)
    weights = [fault.weight for fault in faults.values()]
    active_targets: set[str] = set()
    end = asyncio.get_running_loop().time() + seconds

    async def inject(name: str) -> None:
        await ledger.write("", "fault_started", detail=name)
        try:
            await faults[name].inject(deployment, rng)
            counts.injected[name] += 1
        except _TARGET_IS_DOWN:
            counts.failed[name] += 1
        finally:
            active_targets.discard(faults[name].target)
            await ledger.write("", "fault_ended", detail=name)

    async with asyncio.TaskGroup() as tasks:
        while asyncio.get_running_loop().time() < end:
            name = rng.choices(names, weights)[0]
            if _may_start(faults[name].target, active_targets):
                active_targets.add(faults[name].target)
                tasks.create_task(inject(name))
            await asyncio.sleep(rng.expovariate(1.2))


def _may_start(target: str, active_targets: set[str]) -> bool:
    if target == _EVERYTHING:
        return not active_targets
    is_free = target not in active_targets and _EVERYTHING not in active_targets
    return is_free and len(active_targets) < _MAX_CONCURRENT_FAULTS
