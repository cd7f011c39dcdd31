"""What happens to a deployment in a bad year, in a few minutes.

A fault holds its target for itself, lasts some seconds and then undoes itself, so that several can be on
at once and none is left behind.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
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
from drivebay.errors import Unavailable
from drivebay.janitor import strays
from drivebay.janitor.settings import Settings as JanitorSettings
from drivebay.node import CannotRun

from .arena import BUCKET, STREAM, SUBJECT, Arena
from .ledger import Ledger

Fault = Callable[[Arena, random.Random], Awaitable[None]]
PARTS: Final = ("gateway", "auth", "files", "storage", "ingest", "janitor")
SERVERS: Final = ("postgres", "nats", "store")
WAYS: Final = ("postgres", "nats", "store", "public store", "filer", "api", "auth", "files", "storage")
_MOST_AT_ONCE: Final = 3
_DOWN: Final = (
    *(Unavailable, CannotRun, OSError, TimeoutError),
    *(asyncpg.PostgresError, asyncpg.InterfaceError, nats.errors.Error),
)
"""What a fault's own tools raise where another fault has taken down what they need."""


# -- processes ---------------------------------------------------------------------------------------


def kill_part(part: str) -> Fault:
    async def fault(arena: Arena, chance: random.Random) -> None:
        await arena.world.stop(part, signal.SIGKILL)
        await asyncio.sleep(chance.choice((0, 0, 0.5, 3)))
        await arena.world.start(part)

    return fault


def restart_part(part: str) -> Fault:
    async def fault(arena: Arena, _: random.Random) -> None:
        await arena.world.restart(part, signal.SIGTERM)

    return fault


def freeze_part(part: str) -> Fault:
    async def fault(arena: Arena, chance: random.Random) -> None:
        process = arena.world.processes[part]
        process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(chance.uniform(0.5, 8))
        finally:
            process.send_signal(signal.SIGCONT)

    return fault


def kill_server(server: str) -> Fault:
    async def fault(arena: Arena, chance: random.Random) -> None:
        await arena.servers[server].kill()
        await asyncio.sleep(chance.choice((0, 0, 1, 4)))
        await arena.servers[server].start()

    return fault


def freeze_server(server: str) -> Fault:
    async def fault(arena: Arena, chance: random.Random) -> None:
        arena.servers[server].pause()
        try:
            await asyncio.sleep(chance.uniform(0.5, 6))
        finally:
            arena.servers[server].resume()

    return fault


async def power_cut(arena: Arena, _: random.Random) -> None:
    """Everything at once."""
    await asyncio.gather(*(arena.world.stop(part, signal.SIGKILL) for part in PARTS))
    await asyncio.gather(*(server.kill() for server in arena.servers.values()))
    await asyncio.gather(*(server.start() for server in arena.servers.values()))
    for part in PARTS:
        await arena.world.start(part)


# -- connections -------------------------------------------------------------------------------------


def cut(way: str) -> Fault:
    async def fault(arena: Arena, _: random.Random) -> None:
        arena.proxies[way].cut()

    return fault


def _lasting(way: str, name: str, value: Callable[[random.Random], object]) -> Fault:
    async def fault(arena: Arena, chance: random.Random) -> None:
        setattr(arena.proxies[way], name, value(chance))
        try:
            await asyncio.sleep(chance.uniform(0.5, 5))
        finally:
            arena.proxies[way].heal()

    return fault


def delay(way: str) -> Fault:
    return _lasting(way, "delay", lambda chance: chance.uniform(0.02, 0.3))


def silence(way: str) -> Fault:
    return _lasting(way, "silent", lambda _: True)


def lose_replies(way: str) -> Fault:
    return _lasting(way, "deaf", lambda _: True)


def refuse(way: str) -> Fault:
    return _lasting(way, "refuse", lambda _: True)


def cut_midway(way: str) -> Fault:
    return _lasting(way, "cut_after", lambda chance: int(10 ** chance.uniform(1.5, 6)))


# -- events ------------------------------------------------------------------------------------------


async def withhold_events(arena: Arena, chance: random.Random) -> None:
    """What the stream holds is thrown away, again and again for a while."""
    async with await _nats(arena) as client:
        for _ in range(chance.randint(1, 20)):
            with suppress(nats.js.errors.NotFoundError):
                await client.jetstream().purge_stream(STREAM)
            await asyncio.sleep(0.2)


async def repeat_events(arena: Arena, chance: random.Random) -> None:
    """The events of the last uploads come again, three times, in any order."""
    async with await _nats(arena) as client:
        payloads = [_created(f"{owner}/{id}", size) for owner, id, size in await _uploads(arena, 200)] * 3
        chance.shuffle(payloads)
        for payload in payloads:
            await client.publish(f"{SUBJECT}.{BUCKET}", payload)
        await client.flush()


async def forge_events(arena: Arena, chance: random.Random) -> None:
    """Events of objects that never were, of wrong buckets, keys and sizes, and none at all."""
    pending = await _uploads(arena, 50, "pending")
    payloads = [
        *(_created(f"{uuid4()}/{uuid4()}", 5) for _ in range(20)),
        *(_created(f"{owner}/{id}", size + 1) for owner, id, size in pending),
        *(_created(f"{uuid4()}/{id}", size) for _, id, size in pending),
        *(_created("../../etc/passwd", 1), _created("", 0), _created("a" * 5000, 1)),
        *(chance.randbytes(chance.randint(0, 300)) for _ in range(3)),
    ]
    chance.shuffle(payloads)
    async with await _nats(arena) as client:
        for payload in payloads:
            await client.publish(f"{SUBJECT}.{BUCKET}", payload)
        await client.flush()


def _created(key: str, size: int) -> bytes:
    """An event as MinIO sends it."""
    entity = {"bucket": {"name": BUCKET}, "object": {"key": key, "size": size}}
    record = {"eventName": "s3:ObjectCreated:Put", "eventTime": f"{datetime.now(UTC):%FT%TZ}", "s3": entity}
    return msgspec.json.encode({"EventName": "s3:ObjectCreated:Put", "Key": f"{BUCKET}/{key}", "Records": [record]})


async def _nats(arena: Arena) -> Client:
    async def quiet(_: Exception) -> None:
        return None

    return await nats.connect(arena.nats_url, allow_reconnect=False, connect_timeout=2, error_cb=quiet)


async def _uploads(arena: Arena, most: int, state: str | None = None) -> list[tuple[UUID, UUID, int]]:
    session = await asyncpg.connect(arena.database_url, timeout=2, command_timeout=5)
    try:
        rows = await session.fetch(
            "SELECT owner_id, id, size FROM files.uploads WHERE $2::text IS NULL OR state = $2"
            " ORDER BY created_at DESC LIMIT $1",
            most,
            state,
        )
        return [(row["owner_id"], row["id"], row["size"]) for row in rows]
    finally:
        await session.close(timeout=2)


# -- time, and bytes from nowhere ----------------------------------------------------------------------


async def leases_end(arena: Arena, chance: random.Random) -> None:
    """Every lease is over while its holder sleeps: others do the work, and it wakes up in the middle of it."""
    janitor = arena.world.processes["janitor"]
    janitor.send_signal(signal.SIGSTOP)
    try:
        session = await asyncpg.connect(arena.database_url, timeout=2, command_timeout=5)
        try:
            await session.execute("UPDATE files.purges SET leased_until = now() WHERE leased_until > now()")
        finally:
            await session.close(timeout=2)
        async with arena.services() as services:
            lease = LeaseId(uuid4())
            purges = await services.files.claim_purges(lease, 1000)
            if chance.random() < 0.5:
                await services.storage.delete(tuple(purge.key for purge in purges))
                await services.files.finish_purges(lease, tuple(purge.ref for purge in purges))
    finally:
        janitor.send_signal(signal.SIGCONT)
        session = await asyncpg.connect(arena.database_url, timeout=2, command_timeout=5)
        try:
            await session.execute("UPDATE files.purges SET leased_until = now() WHERE leased_until > now()")
        finally:
            await session.close(timeout=2)


async def clock_jumps(arena: Arena, _: random.Random) -> None:
    """A janitor whose clock is two days ahead takes every object for old; what is known stays."""
    async with arena.services() as services:
        ahead = datetime.now(UTC) + timedelta(days=2)
        await strays.once(services.files, services.storage, JanitorSettings(), now=ahead)


async def wrong_bytes(arena: Arena, chance: random.Random) -> None:
    """Objects of another size stand where uploads are awaited."""
    for owner, id, size in (await _uploads(arena, 50, "pending"))[: chance.randint(1, 3)]:
        await arena.put_raw(f"{owner}/{id}", b"x" * (size + 1))


async def strangers_bytes(arena: Arena, _: random.Random) -> None:
    """Objects that nobody recorded: they may be moved aside, and never deleted."""
    for key in (f"{uuid4()}/{uuid4()}", f"stray-{uuid4()}"):
        if await arena.put_raw(key, b"stray") == 200:
            arena.strays.add(key)


# -- the menu ----------------------------------------------------------------------------------------


def menu() -> dict[str, tuple[str, float, Fault]]:
    """By name: what the fault holds for itself, how often it comes (by weight), and what it does."""
    faults: dict[str, tuple[str, float, Fault]] = {"everything: kill": ("*", 1, power_cut)}
    for part in PARTS:
        faults[f"{part}: kill"] = (part, 4, kill_part(part))
        faults[f"{part}: freeze"] = (part, 2, freeze_part(part))
        faults[f"{part}: restart"] = (part, 1, restart_part(part))
    for server in SERVERS:
        faults[f"{server}: kill"] = (server, 3, kill_server(server))
        faults[f"{server}: freeze"] = (server, 2, freeze_server(server))
    for way in WAYS:
        held = f"way to {way}"
        faults[f"{held}: cut"] = (held, 2, cut(way))
        faults[f"{held}: delay"] = (held, 1, delay(way))
        faults[f"{held}: silence"] = (held, 1, silence(way))
        faults[f"{held}: lose replies"] = (held, 2, lose_replies(way))
        faults[f"{held}: refuse"] = (held, 1, refuse(way))
        faults[f"{held}: cut midway"] = (held, 2, cut_midway(way))
    faults["events: withhold"] = ("events", 4, withhold_events)
    faults["events: repeat and shuffle"] = ("events", 4, repeat_events)
    faults["events: forge"] = ("events", 3, forge_events)
    faults["leases: end early"] = ("janitor", 3, leases_end)
    faults["janitor: clock two days ahead"] = ("strays", 2, clock_jumps)
    faults["store: wrong bytes"] = ("bytes", 3, wrong_bytes)
    faults["store: strangers' bytes"] = ("bytes", 1, strangers_bytes)
    return faults


async def rage(
    arena: Arena, book: Ledger, chance: random.Random, seconds: float, tally: Counter[str], missed: Counter[str]
) -> None:
    """Inject faults for so long; returns when all are undone. Begin and end of each go into the ledger. `missed`
    counts those whose own tools were down, because another fault held them."""
    faults = menu()
    names = list(faults)
    weights = [weight for _, weight, _ in faults.values()]
    held: set[str] = set()
    end = asyncio.get_running_loop().time() + seconds

    async def inject(name: str) -> None:
        target, _, fault = faults[name]
        await book.write("", "fault", detail=name)
        try:
            await fault(arena, chance)
            tally[name] += 1
        except _DOWN:
            missed[name] += 1
        finally:
            held.discard(target)
            await book.write("", "undone", detail=name)

    async with asyncio.TaskGroup() as tasks:
        while asyncio.get_running_loop().time() < end:
            name = chance.choices(names, weights)[0]
            target = faults[name][0]
            alone = target == "*" or "*" in held
            if len(held) < _MOST_AT_ONCE and target not in held and not (alone and held):
                held.add(target)
                tasks.create_task(inject(name))
            await asyncio.sleep(chance.expovariate(1.2))
