"""Faults of what is stored: events, leases, and objects that no row accounts for.

They use the servers directly, so they do not depend on how many processes there are.
"""

from __future__ import annotations

import asyncio
import random
import signal
from asyncio.subprocess import Process
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import msgspec
import nats
import nats.js.api
import nats.js.errors
from nats.aio.client import Client

from drivebay.contract.ids import LeaseId
from drivebay.janitor.orphans import quarantine_orphans
from drivebay.janitor.settings import Settings as JanitorSettings
from drivebay.testing.scans import UnsharedScan

from .deployment import BUCKET, EVENTS_STREAM, EVENTS_SUBJECT, Deployment
from .faults import Fault


def fault_table(deployment: Deployment) -> dict[str, Fault]:
    """Return the faults of this module by name, except `end_leases`, which needs the processes of the janitors."""
    return {
        "events: drop": Fault("events", 4, partial(drop_events, deployment)),
        "events: repeat and reorder": Fault("events", 4, partial(repeat_events, deployment)),
        "events: forge": Fault("events", 3, partial(forge_events, deployment)),
        "janitor: clock two days ahead": Fault("orphans", 2, partial(run_janitor_two_days_ahead, deployment)),
        "store: objects of a wrong size": Fault("objects", 3, partial(put_objects_of_wrong_size, deployment)),
        "store: orphans": Fault("objects", 1, partial(put_orphans, deployment)),
    }


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

    servers = deployment.nats_url.split(",")
    return await nats.connect(servers, allow_reconnect=False, connect_timeout=2, error_cb=ignore_error)


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


async def end_leases(deployment: Deployment, janitors: Sequence[Process], rng: random.Random) -> None:
    """Freeze the janitors, end their leases, and do a part of their work elsewhere. Then the janitors continue.

    The leases of jobs end too, while the worker runs them.
    """
    for janitor in janitors:
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
        for janitor in janitors:
            janitor.send_signal(signal.SIGCONT)
        await _end_all_leases(deployment)


async def _end_all_leases(deployment: Deployment) -> None:
    connection = await _connect_database(deployment)
    try:
        for table in ("purges", "jobs"):
            await connection.execute(f"UPDATE files.{table} SET leased_until = now() WHERE leased_until > now()")
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
