"""Benchmarks of the time until an uploaded file is visible, of committing a backlog of events, and of purges."""

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

from drivebay import config, node, postgres
from drivebay.contract.storage import PutSpec
from drivebay.janitor.object_purge import purge_objects
from drivebay.node import Services
from drivebay.testing.client import Client

from . import seed
from .bench_world import BenchServers, users
from .report import Report, console, percentile


def _new_body() -> bytes:
    """Return bytes that the drive does not have yet: others would not be sent."""
    return uuid7().bytes


async def visibility(bench_servers: BenchServers, report: Report) -> None:
    """Measure from the store's 200 for the PUT to the file in `GET /v1/files`."""
    for topology in ("one", "six"):
        async with bench_servers.world(topology) as running, users(running, 8) as crowd:
            await _visible_after(crowd[0], "warm-up")
            alone = [await _visible_after(crowd[0], f"alone {n}") for n in range(100)]
            _add(report, f"PUT to visible, one at a time, {topology}", alone, topology)
            together = await _upload_at_rate(crowd, rate=50, seconds=10)
            _add(report, f"PUT to visible, 50 a second, {topology}", together, topology)
            rate = await _upload_in_parallel(crowd[1], clients=16, seconds=10)
            report.add(f"begin, PUT and complete of one owner, 16 clients, {topology}", uploads_per_second=rate)


def _add(report: Report, name: str, seconds: Sequence[float], topology: str) -> None:
    p50, p99 = percentile(seconds, 0.5) * 1e3, percentile(seconds, 0.99) * 1e3
    has_goal = topology == "one"
    goal, met = ("p50 15 ms, p99 60 ms", p50 < 15 and p99 < 60) if has_goal else ("", None)
    report.add(name, p50_ms=p50, p99_ms=p99, uploads=len(seconds), goal=goal, met=met)


async def _visible_after(user: Client, name: str) -> float:
    body = _new_body()
    upload = await user.begin(name, body)
    answer = await user.put(upload, body)
    assert answer.status_code == 200, answer.text
    begun = time.perf_counter()
    while True:
        page = await user.ok("GET", "/v1/files", parameters={"limit": "20"})
        if any(item["name"] == name for item in page["items"]):
            return time.perf_counter() - begun
        await asyncio.sleep(0.002)


async def _upload_in_parallel(user: Client, clients: int, seconds: int) -> float:
    """Return the uploads a second of clients who begin, send and complete one after the other."""
    end = time.perf_counter() + seconds

    async def upload(client: int) -> int:
        done = 0
        while time.perf_counter() < end:
            body = _new_body()
            begun = await user.begin(f"{client}-{done}", body)
            answer = await user.put(begun, body)
            assert answer.status_code == 200, answer.text
            await user.ok("POST", f"/v1/uploads/{begun['id']}/complete")
            done += 1
        return done

    return sum(await asyncio.gather(*(upload(client) for client in range(clients)))) / seconds


async def _upload_at_rate(crowd: list[Client], rate: int, seconds: int) -> list[float]:
    """Start uploads at a fixed rate, whether or not earlier ones are done."""
    tasks = []
    begun = asyncio.get_running_loop().time()
    for n in range(rate * seconds):
        await asyncio.sleep(max(0.0, begun + n / rate - asyncio.get_running_loop().time()))
        tasks.append(asyncio.create_task(_visible_after(crowd[n % len(crowd)], f"paced {n}")))
    return list(await asyncio.gather(*tasks))


@asynccontextmanager
async def _services(bench_servers: BenchServers, **more: str) -> AsyncIterator[Services]:
    loaded = config.load(
        bench_servers.environment | {"DRIVEBAY_DATA": str(bench_servers.folder / "data")} | more, bench_servers.folder
    )
    async with node.open_services(
        config.load_or_create_root_secret(loaded), frozenset({"files", "storage"})
    ) as services:
        yield services


async def backlog(bench_servers: BenchServers, report: Report, count: int) -> None:
    """Queue events of existing objects, then start one ingest and measure its rate."""
    bucket = "bench-backlog"
    subject = "bench.backlog"
    more = {"DRIVEBAY_S3_BUCKET": bucket, "DRIVEBAY_EVENTS_SUBJECT": subject}
    owners = max(1, count // 1000)
    uploads = await seed.pending(bench_servers.database_url, owners, count // owners)
    async with _services(bench_servers, **more) as services:
        await _write(services, uploads)
        await _publish(bench_servers, bucket, subject, uploads)
        quiet = {"DRIVEBAY_SWEEP_INTERVAL": "1h", "DRIVEBAY_EVENTS": "minio"}
        async with (
            postgres.connect(bench_servers.database_url) as database,
            bench_servers.world("one", **more, **quiet),
        ):
            begun = time.perf_counter()
            first = await _pending_uploads(database)
            last = first
            while last > 0 and time.perf_counter() - begun < 600:
                await asyncio.sleep(0.05)
                last = await _pending_uploads(database)
            took = time.perf_counter() - begun
        rate = (first - last) / took
        report.add("ingest, events committed of a backlog", per_second=rate, backlog=first, left=last,
                   goal="8,000/s", met=rate >= 8000 and last == 0)  # fmt: skip
        await _purge(bench_servers, services, report, min(count, 20_000))


async def _pending_uploads(database: postgres.Database) -> int:
    return int(await database.fetchval("SELECT coalesce(sum(open_uploads), 0) FROM files.usage"))


async def _write(services: Services, uploads: Sequence[tuple[str, str]]) -> None:
    console.print(f"writing {len(uploads):,} objects")
    now = datetime.now(UTC)
    waiting = iter(uploads)
    async with aiohttp.ClientSession() as http:

        async def worker() -> None:
            for owner, upload in waiting:
                signed = await services.storage.presign_put(PutSpec(f"{owner}/{upload}", 0, "text/plain"), now, 3600)
                async with http.request(signed.method, signed.url, headers=signed.headers, data=b"") as answer:
                    assert answer.status == 200, await answer.text()

        await asyncio.gather(*(worker() for _ in range(32)))


async def _publish(bench_servers: BenchServers, bucket: str, subject: str, uploads: Sequence[tuple[str, str]]) -> None:
    console.print(f"publishing {len(uploads):,} events")
    assert bench_servers.servers.nats is not None
    client = await nats.connect(bench_servers.servers.nats.url)
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


async def _purge(bench_servers: BenchServers, services: Services, report: Report, count: int) -> None:
    connection = await asyncpg.connect(bench_servers.database_url, command_timeout=600)
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
    settings = config.load(dict(bench_servers.environment), bench_servers.folder).janitor()
    begun = time.perf_counter()
    done = await purge_objects(services.files, services.storage, settings, new_id=uuid7)
    took = time.perf_counter() - begun
    report.add("purge", per_second=count / took, objects=count, result=str(done), goal="1,500/s",
               met=count / took >= 1500)  # fmt: skip
