"""The deployment on clusters: PostgreSQL by Patroni, three NATS servers, SeaweedFS, and 15 processes of Drivebay.

All are processes on loopback, with the settings of the tests in `tests/cluster`. The filers of SeaweedFS keep their
names in a database of the same PostgreSQL. A balancer in front of it knows the primary, as HAProxy does.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from drivebay.testing import proxy
from drivebay.testing.client import eventually
from drivebay.testing.proxy import Proxy
from tests.cluster import balancer, drivebay_cluster, nats_cluster, patroni_cluster, seaweedfs_cluster
from tests.cluster.drivebay_cluster import DrivebayCluster
from tests.cluster.nats_cluster import NatsCluster
from tests.cluster.patroni_cluster import PatroniCluster
from tests.cluster.seaweedfs_cluster import SeaweedfsCluster

from . import cluster_faults
from .cluster_faults import LONG
from .deployment import BUCKET, EVENTS_SUBJECT, SHORT_TIMES, Deployment, connect_bucket
from .faults import Fault


@dataclass(frozen=True)
class Cluster:
    """The deployment, its clusters, and the proxies by name. `freezes_long`: some processes freeze for two minutes."""

    deployment: Deployment
    drivebay: DrivebayCluster
    postgres: PatroniCluster
    nats: NatsCluster
    store: SeaweedfsCluster
    proxies: dict[str, Proxy]
    freezes_long: bool

    @property
    def recovery_limit(self) -> float:
        """Return the seconds after the last fault in which every guarantee must hold again."""
        return LONG

    def faults(self) -> dict[str, Fault]:
        """Return all faults by name."""
        return cluster_faults.fault_table(self)

    async def restart_ended_services(self, counts: Counter[str]) -> None:
        """Start each process again that ended by itself, as a process supervisor does. Runs until cancelled."""
        while True:
            for part in self.drivebay.parts.values():
                if await part.launch_if_ended():
                    counts[f"{part.service} ended by itself"] += 1
            await asyncio.sleep(0.5)

    async def recover(self) -> None:
        """End all faults and wait until the deployment is ready. The caller sets the time limit."""
        for each in self.proxies.values():
            each.heal()
        for part in self.drivebay.parts.values():
            part.send(signal.SIGCONT)
        for node in self.postgres.nodes.values():
            node.send(signal.SIGCONT)
        for server in self.nats.servers.values():
            server.resume()
        await self.nats.start()
        await self.store.start()
        await eventually(self.postgres.is_replicating, LONG)
        await eventually(self.drivebay.balancer.all_are_ready, LONG)


@asynccontextmanager
async def start(folder: Path, *, freezes_long: bool = False) -> AsyncIterator[Cluster]:
    """Start a deployment with data in `folder`, yield it when it is ready, and stop it at the end."""
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(patroni_cluster.run())
        await postgres.create_database("filers")
        primary_checks = {node.port: f"{node.api}/primary" for node in postgres.nodes.values()}
        primary = await stack.enter_async_context(balancer.run(primary_checks, requires_ready=True))

        async def primary_is_known() -> bool:
            return len(primary.ready) == 1

        await eventually(primary_is_known, LONG)
        filers_url = f"postgresql://drivebay:{postgres.password}@127.0.0.1:{primary.port}/filers"
        nats = await stack.enter_async_context(nats_cluster.run(folder / "nats"))
        store = await stack.enter_async_context(seaweedfs_cluster.run(folder / "seaweedfs", filers_url))
        direct_settings = {
            "DRIVEBAY_DATABASE_URL": postgres.url,
            "DRIVEBAY_NATS_URL": nats.url,
            "DRIVEBAY_NATS_REPLICAS": "3",
            "DRIVEBAY_S3_ENDPOINT": store.store.s3_endpoint,
            "DRIVEBAY_S3_ACCESS_KEY": store.store.access_key,
            "DRIVEBAY_S3_SECRET_KEY": store.store.secret_key,
            "DRIVEBAY_FILER_ADDRESS": store.store.filer_grpc,
            "DRIVEBAY_S3_BUCKET": BUCKET,
            "DRIVEBAY_EVENTS_SUBJECT": EVENTS_SUBJECT,
        }
        proxies: dict[str, Proxy] = {}

        async def route(name: str, port: int) -> str:
            proxies[name] = await stack.enter_async_context(proxy.run(("127.0.0.1", port)))
            return proxies[name].host_port

        database_url, filers = postgres.url, []
        for name, node in postgres.nodes.items():
            database_url = database_url.replace(f"127.0.0.1:{node.port}", await route(f"postgres {name}", node.port))
        for name, address in store.filers.items():
            filers.append(await route(name, int(address.rpartition(":")[2])))
        environment = SHORT_TIMES | direct_settings
        environment |= {
            "DRIVEBAY_DATABASE_URL": database_url,
            "DRIVEBAY_FILER_ADDRESS": ",".join(filers),
            "DRIVEBAY_S3_ENDPOINT": f"http://{await route('store', store.balancer.port)}",
            "DRIVEBAY_S3_PUBLIC_ENDPOINT": f"http://{await route('public store', store.balancer.port)}",
        }
        logs = folder / "drivebay"
        logs.mkdir()
        drivebay = await stack.enter_async_context(drivebay_cluster.run(logs, environment, route))
        api = f"http://{await route('api', drivebay.balancer.port)}"
        bucket = await stack.enter_async_context(connect_bucket(direct_settings))
        deployment = Deployment(api, logs, environment, direct_settings, bucket)
        yield Cluster(deployment, drivebay, postgres, nats, store, proxies, freezes_long)
