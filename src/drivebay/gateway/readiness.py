"""Readiness: a state that is refreshed in the background, so that requests do not add load to the checked servers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, TypeAlias

from ..contract.health import Health
from ..contract.storage import Capabilities, Storage
from ..errors import Error

Check: TypeAlias = Callable[[], Awaitable[tuple[Health, ...]]]

_CHECK_TIMEOUT: Final = 3.0
"""The maximum number of seconds that one check may take."""
_INTERVAL: Final = 1.0
"""Seconds between the end of a round of checks and the start of the next round."""


@dataclass(frozen=True, slots=True)
class ReadinessState:
    """The result of one round of checks: `ok` or the error, by name. Unknown `capabilities` are None."""

    checks: Mapping[str, str]
    capabilities: Capabilities | None
    checked_at: datetime
    """The start of the round, in UTC."""

    @property
    def is_ready(self) -> bool:
        return all(outcome == "ok" for outcome in self.checks.values())


class ReadinessMonitor:
    """Runs `checks` at most once a second, for all requests. `storage` returns the capabilities of the store."""

    def __init__(self, checks: Mapping[str, Check], storage: Storage) -> None:
        self._checks = checks
        self._storage = storage
        self._state: ReadinessState | None = None
        self._refreshed_at = 0.0
        self._is_running = False
        self._is_stopping = False
        self._lock = asyncio.Lock()

    async def run(self) -> None:
        """Refresh the state each second until cancelled."""
        self._is_running = True
        try:
            while True:
                await self._refresh()
                await asyncio.sleep(_INTERVAL)
        finally:
            self._is_running = False

    async def get(self) -> ReadinessState:
        """Return the latest state. While `run` is active, only the first call may wait for the checks."""
        state = self._state
        if state is None or not (self._is_running or self._is_fresh()):
            state = await self._refresh()
        if self._is_stopping:  # guard: readiness-stopping
            return replace(state, checks={**state.checks, "process": "stops"})
        return state

    def announce_stop(self) -> None:
        """Report from now on that this process is not ready, because it stops soon."""
        self._is_stopping = True

    async def _refresh(self) -> ReadinessState:
        async with self._lock:
            if self._state is not None and self._is_fresh():  # guard: readiness-interval
                return self._state
            self._refreshed_at = asyncio.get_running_loop().time()
            checked_at = datetime.now(UTC)
            running = (_run_check(name, check) for name, check in self._checks.items())
            results, capabilities = await asyncio.gather(asyncio.gather(*running), self._get_capabilities())
            checks = {name: outcome for result in results for name, outcome in result.items()}
            self._state = ReadinessState(checks, capabilities, checked_at)
            return self._state

    def _is_fresh(self) -> bool:
        return asyncio.get_running_loop().time() - self._refreshed_at < _INTERVAL

    async def _get_capabilities(self) -> Capabilities | None:
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT):
                return await self._storage.get_capabilities()
        except (Error, TimeoutError):
            return None  # the check of the storage service reports the reason


async def _run_check(name: str, check: Check) -> dict[str, str]:
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT):
            parts = await check()
    except TimeoutError:
        return {name: f"no response within {_CHECK_TIMEOUT:.0f} s"}
    except Error as error:
        return {name: error.detail}
    outcomes = {name: "ok"}
    for part in parts:
        outcomes[f"{name}: {part.name}"] = "ok" if part.ok else part.detail or "not healthy"
    return outcomes
