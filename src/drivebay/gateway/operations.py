"""Whether the process lives, whether it can work, its figures, and its own description."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec
import prometheus_client
from msgspec import UNSET, UnsetType

from ..contract.health import Health
from ..contract.storage import Storage
from ..errors import Error
from . import views
from .answer import Answer, json
from .request import Call

Check = Callable[[], Awaitable[tuple[Health, ...]]]

_WITHIN = 3.0
_RETRY_AFTER = "2"


class Operations:
    """`checks` are what this process stands on, by name: the services, and servers it knows of itself."""

    def __init__(self, checks: Mapping[str, Check], storage: Storage) -> None:
        self._checks = checks
        self._storage = storage

    async def alive(self, call: Call) -> Answer:
        return json(views.Alive())

    async def ready(self, call: Call) -> Answer:
        found = await asyncio.gather(*(_try(name, check) for name, check in self._checks.items()))
        checks = {name: problem for answers in found for name, problem in answers.items()}
        store = await self._store() if "verbose" in call.query() else UNSET
        if all(problem == "ok" for problem in checks.values()):
            return json(views.Readiness("ready", checks, store))
        return json(views.Readiness("unavailable", checks, store), 503, {"Retry-After": _RETRY_AFTER})

    async def _store(self) -> dict[str, bool | int | None] | UnsetType:
        try:
            async with asyncio.timeout(_WITHIN):
                return msgspec.structs.asdict(await self._storage.capabilities())
        except (Error, TimeoutError):
            return UNSET  # why is among the checks

    async def metrics(self, call: Call) -> Answer:
        text = prometheus_client.generate_latest()
        return Answer(200, text, media_type=prometheus_client.CONTENT_TYPE_LATEST)


async def _try(name: str, check: Check) -> dict[str, str]:
    try:
        async with asyncio.timeout(_WITHIN):
            parts = await check()
    except TimeoutError:
        return {name: f"no answer within {_WITHIN:.0f} s"}
    except Error as error:
        return {name: error.detail}
    answers = {name: "ok"}
    for part in parts:
        answers[f"{name}: {part.name}"] = "ok" if part.ok else part.detail or "not well"
    return answers
