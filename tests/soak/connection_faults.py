"""The faults of one connection, injected by its proxy."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from functools import partial

from drivebay.testing.proxy import Proxy

from .faults import Fault


def fault_table(name: str, proxy: Proxy, share: float = 1.0) -> dict[str, Fault]:
    """Return the faults of the connection `name` by name. Their weights are multiplied by `share`."""
    target = f"connection to {name}"

    def fault(weight: float, attribute: str, value: Callable[[random.Random], object]) -> Fault:
        return Fault(target, weight * share, partial(_set_for_some_seconds, proxy, attribute, value))

    return {
        f"{target}: cut": Fault(target, 2 * share, partial(_cut, proxy)),
        f"{target}: delay": fault(1, "delay", lambda rng: rng.uniform(0.02, 0.3)),
        f"{target}: stall": fault(1, "stalled", lambda _: True),
        f"{target}: lose responses": fault(2, "drop_responses", lambda _: True),
        f"{target}: lose requests": fault(1, "drop_requests", lambda _: True),
        f"{target}: refuse": fault(1, "refuse", lambda _: True),
        f"{target}: cut in a message": fault(2, "cut_after", lambda rng: int(10 ** rng.uniform(1.5, 6))),
    }


async def _cut(proxy: Proxy, _: random.Random) -> None:
    """Reset all open connections once."""
    proxy.cut()


async def _set_for_some_seconds(
    proxy: Proxy, attribute: str, value: Callable[[random.Random], object], rng: random.Random
) -> None:
    """Set an attribute of the proxy for up to 5 s."""
    setattr(proxy, attribute, value(rng))
    try:
        await asyncio.sleep(rng.uniform(0.5, 5))
    finally:
        proxy.heal()
