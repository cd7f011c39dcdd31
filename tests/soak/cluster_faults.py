"""The faults of `cluster`: servers and processes are killed, frozen and restarted, and the primary changes.

A fault ends when the cluster is whole again. So one volume server or one node of PostgreSQL is down at a time.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from drivebay.embedded.server_process import ServerProcess
from drivebay.embedded.start_error import ServerStartError
from drivebay.testing.client import eventually
from tests.cluster import nats_cluster
from tests.cluster.drivebay_cluster import PARTS, START, Part
from tests.cluster.patroni_cluster import Node
from tests.cluster.seaweedfs_cluster import FILERS, GATEWAYS, MASTERS, VOLUMES

from . import connection_faults, data_faults
from .faults import Fault

if TYPE_CHECKING:
    from .cluster import Cluster

LONG: Final = 300.0
"""Seconds for what takes an election or more. A wait that reaches this limit has found something that hangs."""
LIBFAKETIME: Final = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
"""The library that changes the clock of a process, or None if it is not installed."""
SKEWED_SERVICES: Final = ("files", "ingest", "janitor", "worker")
"""The services whose clock may be wrong by minutes. Tokens and presigned URLs need the clocks of the others."""
_SKEWS: Final = ("+300", "-300")
"""In seconds."""
_CLOCK: Final = {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DISABLE_SHM": "1"}
"""Other variables of libfaketime. With shared memory, each killed process would leave a file."""
_CONNECTION_SHARE: Final = 0.25
"""There are many connections. With less weight for each, processes and servers fail as often as connections."""
_STORE: Final = {"master": MASTERS, "volume server": VOLUMES, "filer": FILERS, "S3 gateway": GATEWAYS}


def fault_table(cluster: Cluster) -> dict[str, Fault]:
    """Return all faults by name."""
    faults = _postgres_faults(cluster) | _nats_faults(cluster)
    for service in PARTS:
        parts = [part for part in cluster.drivebay.parts.values() if part.service == service]
        faults[f"{service}: kill"] = Fault(service, 2, partial(kill_part, parts), 1)
        faults[f"{service}: freeze"] = Fault(service, 1, partial(freeze_part, parts, cluster.freezes_long))
        faults[f"{service}: rolling restart"] = Fault(service, 1, partial(restart_parts, parts))
        if LIBFAKETIME and service in SKEWED_SERVICES:
            name = f"{service}: clock five minutes wrong"
            faults[name] = Fault(service, 1, partial(run_with_wrong_clock, parts, LIBFAKETIME), 2)
    for kind, names in _STORE.items():
        servers = [cluster.store.servers[name] for name in names]
        faults[f"{kind}: kill"] = Fault(kind, 3, partial(kill_servers, servers, 1), 1)
        faults[f"{kind}: freeze"] = Fault(kind, 2, partial(freeze_server, servers, cluster.freezes_long))
    for name, proxy in cluster.proxies.items():
        faults |= connection_faults.fault_table(name, proxy, _CONNECTION_SHARE)
    faults["leases: end early"] = Fault("janitor", 3, partial(end_leases, cluster))
    return faults | data_faults.fault_table(cluster.deployment)


def _nats_faults(cluster: Cluster) -> dict[str, Fault]:
    servers = [cluster.nats.servers[name] for name in nats_cluster.NAMES]
    return {
        "NATS: kill one server": Fault("NATS", 4, partial(kill_servers, servers, 1), 1),
        "NATS: kill two servers": Fault("NATS", 3, partial(kill_servers, servers, 2), 2),
        "NATS: freeze": Fault("NATS", 3, partial(freeze_server, servers, cluster.freezes_long)),
    }


def _postgres_faults(cluster: Cluster) -> dict[str, Fault]:
    return {
        "PostgreSQL: kill the primary": Fault("PostgreSQL", 4, partial(kill_primary, cluster), 1),
        "PostgreSQL: kill the standby": Fault("PostgreSQL", 2, partial(kill_standby, cluster), 1),
        "PostgreSQL: freeze the primary": Fault("PostgreSQL", 2, partial(freeze_primary, cluster)),
        "PostgreSQL: switchover": Fault("PostgreSQL", 4, partial(switch_over, cluster)),
    }


def _freeze_seconds(rng: random.Random, *, is_long: bool) -> float:
    return rng.choice((rng.uniform(0.5, 8), 20, 120 if is_long else 4))


# -- processes of Drivebay -----------------------------------------------------------------------------


async def kill_part(parts: Sequence[Part], rng: random.Random) -> None:
    """Kill one process of a service and start it again at once or up to 3 s later."""
    part = rng.choice(parts)
    await part.kill()
    await asyncio.sleep(rng.choice((0, 0, 0.5, 3)))
    await _launch(part)


async def freeze_part(parts: Sequence[Part], is_long: bool, rng: random.Random) -> None:
    """Stop one process of a service with SIGSTOP for up to 20 s, or two minutes if `is_long`."""
    part = rng.choice(parts)
    part.send(signal.SIGSTOP)
    try:
        await asyncio.sleep(_freeze_seconds(rng, is_long=is_long))
    finally:
        part.send(signal.SIGCONT)


async def restart_parts(parts: Sequence[Part], _: random.Random) -> None:
    """Stop each process of a service with SIGTERM in turn, and start it again."""
    for part in parts:
        try:
            await part.stop()
        except TimeoutError:
            raise AssertionError(f"{part.name} did not end within {START:.0f} s of SIGTERM") from None
        await _launch(part)


async def run_with_wrong_clock(parts: Sequence[Part], library: Path, rng: random.Random) -> None:
    """Run one process of a service with a clock that is five minutes ahead or behind, for up to 20 s."""
    part = rng.choice(parts)
    await part.kill()
    await _launch(part, _CLOCK | {"LD_PRELOAD": str(library), "FAKETIME": rng.choice(_SKEWS)})
    await asyncio.sleep(rng.uniform(5, 20))
    await part.kill()
    await _launch(part)


async def _launch(part: Part, more_variables: Mapping[str, str] = MappingProxyType({})) -> None:
    """Start a process. If it ends, because what it needs is down, `restart_ended_services` starts it again."""
    await part.launch(more_variables)
    await eventually(part.runs, START)


async def end_leases(cluster: Cluster, rng: random.Random) -> None:
    """End the leases of both janitors early."""
    parts = [part for part in cluster.drivebay.parts.values() if part.service == "janitor"]
    processes = [part.process for part in parts if part.process is not None and part.process.returncode is None]
    await data_faults.end_leases(cluster.deployment, processes, rng)


# -- servers of NATS and SeaweedFS ---------------------------------------------------------------------


async def kill_servers(servers: Sequence[ServerProcess], count: int, rng: random.Random) -> None:
    """Kill `count` of the servers and start them again up to 15 s later."""
    victims = rng.sample(servers, count)
    await asyncio.gather(*(server.kill() for server in victims))
    await asyncio.sleep(rng.choice((0, 1, 4, 15)))
    await asyncio.gather(*map(_start, victims))


async def freeze_server(servers: Sequence[ServerProcess], is_long: bool, rng: random.Random) -> None:
    """Stop one of the servers with SIGSTOP for up to 20 s, or two minutes if `is_long`."""
    server = rng.choice(servers)
    server.pause()
    try:
        await asyncio.sleep(_freeze_seconds(rng, is_long=is_long))
    finally:
        server.resume()


async def _start(server: ServerProcess) -> None:
    """Start a server. Another fault may have taken down what it needs to start: then try again."""

    async def starts() -> bool:
        try:
            await server.start()
        except ServerStartError:
            return False
        return True

    await eventually(starts, LONG)


# -- nodes of PostgreSQL -------------------------------------------------------------------------------


async def kill_primary(cluster: Cluster, rng: random.Random) -> None:
    """Kill the primary with its Patroni. It returns at once, or when the standby has replaced it."""
    old = await cluster.postgres.leader()
    await old.kill()
    if rng.random() < 0.7:
        await _wait_for_primary(cluster, cluster.postgres.other(old))
    await old.patroni.start()
    await eventually(cluster.postgres.is_replicating, LONG)


async def kill_standby(cluster: Cluster, rng: random.Random) -> None:
    """Kill the standby with its Patroni. Commits wait until Patroni leaves it out, or until it has returned."""
    standby = cluster.postgres.other(await cluster.postgres.leader())
    await standby.kill()
    await asyncio.sleep(rng.choice((0, 5, 25)))
    await standby.patroni.start()
    await eventually(cluster.postgres.is_replicating, LONG)


async def freeze_primary(cluster: Cluster, rng: random.Random) -> None:
    """Stop the primary and its Patroni with SIGSTOP until the standby has replaced it. Then they continue."""
    old = await cluster.postgres.leader()
    old.send(signal.SIGSTOP)
    try:
        await _wait_for_primary(cluster, cluster.postgres.other(old))
        await asyncio.sleep(rng.choice((0, 5)))
    finally:
        old.send(signal.SIGCONT)
    await eventually(cluster.postgres.is_replicating, LONG)


async def switch_over(cluster: Cluster, _: random.Random) -> None:
    """Make the standby the primary."""
    await _wait_for_primary(cluster, await cluster.postgres.switch_over())
    await eventually(cluster.postgres.is_replicating, LONG)


async def _wait_for_primary(cluster: Cluster, node: Node) -> None:
    async def takes_writes() -> bool:
        return await cluster.postgres.takes_writes(node)

    await eventually(takes_writes, LONG)
