"""Bytes to files: how soon a file is visible, how fast a backlog is committed, how fast a purge goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import asyncpg
import msgspec
import nats
from uuid_utils.compat import uuid7

from drivebay import db, node
from drivebay import settings as settings_module
from drivebay.contract.storage import Put
from drivebay.janitor import purge
from drivebay.node import Services
from drivebay.testing.client import Client

from . import seed
from .arena import Arena, users
from .report import Report, console, percentile

BODY = b"visible?"


async def visibility(arena: Arena, report: Report) -> None:
    """From the store's 200 on the PUT to the file in `GET /v1/files`."""
    for topology in ("one", "six"):
        async with arena.world(topology) as running, users(running, 8) as crowd:
            await _seen(crowd[0], "warm-up")
            alone = [await _seen(crowd[0], f"alone {n}") for n in range(100)]
            _add(report, f"PUT to visible, one at a time, {topology}", alone, topology)
            together = await _paced(crowd, rate=50, seconds=10)
            _add(report, f"PUT to visible, 50 a second, {topology}", together, topology)


def _add(report: Report, name: str, seconds: Sequence[float], topology: str) -> None:
    p50, p99 = percentile(seconds, 0.5) * 1e3, percentile(seconds, 0.99) * 1e3
    goal = {"goal": "p50 15 ms, p99 60 ms", "met": p50 < 15 and p99 < 60} if topology == "one" else {}
    report.add(name, p50_ms=p50, p99_ms=p99, uploads=len(seconds), **goal)


async def _seen(user: Client, name: str) -> float:
    upload = await user.begin(name, BODY)
    answer = await user.put(upload, BODY)
    assert answer.status_code == 200, answer.text
    begun = time.perf_counter()
    while True:
        page = await user.ok("GET", "/v1/files", parameters={"limit": "20"})
        if any(item["name"] == name for item in page["items"]):
            return time.perf_counter() - begun
        await asyncio.sleep(0.002)


async def _paced(crowd: list[Client], rate: int, seconds: int) -> list[float]:
    """Uploads begun on a clock, whether or not the earlier ones are done."""
    tasks = []
    begun = asyncio.get_running_loop().time()
    for n in range(rate * seconds):
        await asyncio.sleep(max(0.0, begun + n / rate - asyncio.get_running_loop().time()))
        tasks.append(asyncio.create_task(_seen(crowd[n % len(crowd)], f"paced {n}")))
    return list(await asyncio.gather(*tasks))


@asynccontextmanager
async def _services(arena: Arena, **more: str) -> AsyncIterator[Services]:
    loaded = settings_module.load(
        arena.environment | {"DRIVEBAY_DATA": str(arena.folder / "data")} | more, arena.folder
    )
    async with node.services(settings_module.with_secret(loaded), frozenset({"files", "storage"})) as services:
        yield services


async def backlog(arena: Arena, report: Report, count: int) -> None:
    """Events of objects that are there, waiting in the queue; then one ingest is let loose on them."""
    bucket = "bench-backlog"
    subject = "bench.backlog"
    more = {"DRIVEBAY_S3_BUCKET": bucket, "DRIVEBAY_EVENTS_SUBJECT": subject}
    owners = max(1, count // 1000)
    uploads = await seed.pending(arena.database_url, owners, count // owners)
    async with _services(arena, **more) as services:
        await _write(services, uploads)
        await _publish(arena, bucket, subject, uploads)
        quiet = {"DRIVEBAY_SWEEP_INTERVAL": "1h", "DRIVEBAY_EVENTS": "minio"}
        async with db.connect(arena.database_url) as database, arena.world("one", **more, **quiet):
            begun = time.perf_counter()
            first = await _open(database)
            last = first
            while last > 0 and time.perf_counter() - begun < 600:
                await asyncio.sleep(0.05)
                last = await _open(database)
            took = time.perf_counter() - begun
        rate = (first - last) / took
        report.add("ingest, events committed of a backlog", per_second=rate, backlog=first, left=last,
                   goal="8,000/s", met=rate >= 8000 and last == 0)  # fmt: skip
        await _purge(arena, services, report, min(count, 20_000))


async def _open(database: db.Database) -> int:
    return int(await database.fetchval("SELECT coalesce(sum(open_uploads), 0) FROM files.usage"))


async def _write(services: Services, uploads: Sequence[tuple[str, str]]) -> None:
    console.print(f"writing {len(uploads):,} objects")
    now = datetime.now(UTC)
    waiting = iter(uploads)
    async with aiohttp.ClientSession() as http:

        async def worker() -> None:
            for owner, upload in waiting:
                signed = await services.storage.presign_put(Put(f"{owner}/{upload}", 0, "text/plain"), now, 3600)
                async with http.request(signed.method, signed.url, headers=signed.headers, data=b"") as answer:
                    assert answer.status == 200, await answer.text()

        await asyncio.gather(*(worker() for _ in range(32)))


async def _publish(arena: Arena, bucket: str, subject: str, uploads: Sequence[tuple[str, str]]) -> None:
    console.print(f"publishing {len(uploads):,} events")
    assert arena.servers.nats is not None
    client = await nats.connect(arena.servers.nats.url)
    jetstream = client.jetstream(publish_async_max_pending=4000)
    stream = subject.replace(".", "_").upper()
    await jetstream.add_stream(name=stream, subjects=[subject, f"{subject}.>"])
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    for owner, upload in uploads:
        key = f"{owner}/{upload}"
        record = {
            "eventName": "s3:ObjectCreated:Put",
            "eventTime": at,
            "s3": {"bucket": {"name": bucket}, "object": {"key": key, "eTag": "d41d8cd98f00b204e9800998ecf8427e"}},
        }
        message = {"EventName": "s3:ObjectCreated:Put", "Key": f"{bucket}/{key}", "Records": [record]}
        await jetstream.publish_async(subject, msgspec.json.encode(message))
    await jetstream.publish_async_completed()
    await client.close()


async def _purge(arena: Arena, services: Services, report: Report, count: int) -> None:
    connection = await asyncpg.connect(arena.database_url, command_timeout=600)
    await connection.execute(
        """WITH chosen AS (SELECT owner_id, id FROM files.entries WHERE trashed_at IS NULL AND size = 0 LIMIT $1),
                trashed AS (UPDATE files.entries e
                            SET trashed_at = now() - $2::interval, purge_after = now() - interval '1 day',
                                trashed_with = e.id
                            FROM chosen c WHERE e.owner_id = c.owner_id AND e.id = c.id RETURNING e.owner_id),
                counted AS (SELECT owner_id, count(*) AS n FROM trashed GROUP BY owner_id)
           UPDATE files.usage u SET file_count = file_count - counted.n FROM counted
           WHERE u.owner_id = counted.owner_id""",
        count,
        timedelta(days=31),
    )
    await connection.close()
    settings = settings_module.load(dict(arena.environment), arena.folder).janitor()
    begun = time.perf_counter()
    done = await purge.once(services.files, services.storage, settings, new_id=uuid7)
    took = time.perf_counter() - begun
    report.add("purge", per_second=count / took, objects=count, said=str(done), goal="1,500/s",
               met=count / took >= 1500)  # fmt: skip
