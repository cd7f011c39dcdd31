"""The faults of `six_processes`: kills, freezes, restarts, and faults of each connection."""

from __future__ import annotations

import asyncio
import random
import signal
from functools import partial
from typing import TYPE_CHECKING, Final

from drivebay.embedded.server_process import ServerProcess
from drivebay.testing.world import World

from . import connection_faults, data_faults
from .faults import EVERYTHING, Fault

if TYPE_CHECKING:
    from .six_processes import SixProcesses

SERVICES: Final = ("gateway", "auth", "files", "storage", "ingest", "janitor", "worker")


def fault_table(system: SixProcesses) -> dict[str, Fault]:
    """Return all faults by name."""
    process_count = len(SERVICES) + len(system.servers)
    faults = {"everything: kill": Fault(EVERYTHING, 1, partial(kill_everything, system), process_count)}
    for service in SERVICES:
        faults[f"{service}: kill"] = Fault(service, 4, partial(kill_service, system.world, service), 1)
        faults[f"{service}: freeze"] = Fault(service, 2, partial(freeze_service, system.world, service))
        faults[f"{service}: restart"] = Fault(service, 1, partial(restart_service, system.world, service))
    for name, server in system.servers.items():
        faults[f"{name}: kill"] = Fault(name, 3, partial(kill_server, server), 1)
        faults[f"{name}: freeze"] = Fault(name, 2, partial(freeze_server, server))
    for name, each in system.proxies.items():
        faults |= connection_faults.fault_table(name, each)
    faults["leases: end early"] = Fault("janitor", 3, partial(end_leases, system))
    return faults | data_faults.fault_table(system.deployment)


async def kill_service(world: World, service: str, rng: random.Random) -> None:
    """Kill a service and start it again at once or up to 3 s later."""
    await world.stop(service, signal.SIGKILL)
    await asyncio.sleep(rng.choice((0, 0, 0.5, 3)))
    await world.start(service)


async def restart_service(world: World, service: str, _: random.Random) -> None:
    """Stop a service with SIGTERM and start it again."""
    await world.restart(service, signal.SIGTERM)


async def freeze_service(world: World, service: str, rng: random.Random) -> None:
    """Stop a service with SIGSTOP for up to 8 s."""
    process = world.processes[service]
    process.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(rng.uniform(0.5, 8))
    finally:
        process.send_signal(signal.SIGCONT)


async def kill_server(server: ServerProcess, rng: random.Random) -> None:
    """Kill a server and start it again at once or up to 4 s later."""
    await server.kill()
    await asyncio.sleep(rng.choice((0, 0, 1, 4)))
    await server.start()


async def freeze_server(server: ServerProcess, rng: random.Random) -> None:
    """Stop a server with SIGSTOP for up to 6 s."""
    server.pause()
    try:
        await asyncio.sleep(rng.uniform(0.5, 6))
    finally:
        server.resume()


async def kill_everything(system: SixProcesses, _: random.Random) -> None:
    """Kill all services and servers and start them again."""
    world, servers = system.world, system.servers.values()
    await asyncio.gather(*(world.stop(service, signal.SIGKILL) for service in SERVICES))
    await asyncio.gather(*(server.kill() for server in servers))
    await asyncio.gather(*(server.start() for server in servers))
    for service in SERVICES:
        await world.start(service)


async def end_leases(system: SixProcesses, rng: random.Random) -> None:
    """End the leases of the janitor early."""
    await data_faults.end_leases(system.deployment, (system.world.processes["janitor"],), rng)
