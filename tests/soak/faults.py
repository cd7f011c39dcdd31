"""What a fault is, and the loop that injects faults.

A fault has a target. No two faults have the same target at once. A fault lasts some seconds and then undoes itself, so
no fault remains at the end.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import asyncpg
import nats.errors

from drivebay.errors import StartError, Unavailable

from .ledger import Ledger

InjectFault = Callable[[random.Random], Awaitable[None]]
EVERYTHING: Final = "*"
"""The target of a fault that runs alone."""
_MAX_CONCURRENT_FAULTS: Final = 3
_TARGET_IS_DOWN: Final = (
    *(Unavailable, StartError, OSError, TimeoutError),
    *(asyncpg.PostgresError, asyncpg.InterfaceError, nats.errors.Error),
)
"""Errors of a fault that needs a server which another fault has taken down."""


@dataclass(frozen=True)
class Fault:
    """What the fault targets, how often it is chosen, and the function that injects and undoes it.

    `kills` is the number of processes that it kills with SIGKILL.
    """

    target: str
    weight: float
    inject: InjectFault
    kills: int = 0


@dataclass
class FaultCounts:
    """How often each fault was injected, how often it failed because another fault had taken down its target, and how
    many processes were killed."""

    injected: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    kills: int = 0


async def inject_faults(
    faults: Mapping[str, Fault], ledger: Ledger, rng: random.Random, seconds: float, counts: FaultCounts
) -> None:
    """Inject random faults for so many seconds. Return when all are undone. The ledger records each start and end."""
    if not faults:
        await asyncio.sleep(seconds)
        return
    names = list(faults)
    weights = [fault.weight for fault in faults.values()]
    active_targets: set[str] = set()
    end = asyncio.get_running_loop().time() + seconds

    async def inject(name: str) -> None:
        await ledger.write("", "fault_started", detail=name)
        try:
            await faults[name].inject(rng)
            counts.injected[name] += 1
            counts.kills += faults[name].kills
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
    if target == EVERYTHING:
        return not active_targets
    is_free = target not in active_targets and EVERYTHING not in active_targets
    return is_free and len(active_targets) < _MAX_CONCURRENT_FAULTS
