"""Maintenance for operators and background jobs: dead letters, invariants, the backlog and health."""

from __future__ import annotations

from typing import Final

from ...contract.files import Backlog, DeadLetter, Violation
from ...contract.health import Health
from ...contract.storage import Storage
from ...errors import InvalidRequest
from ...postgres import Database
from ..settings import Settings
from .dead_letters import make_storable
from .invariant_check import check_all
from .store import MaintenanceStore

MAX_BATCH: Final = 1000
"""The maximum number of changes that one call deletes."""


class MaintenanceService:
    """Implements `contract.files.Maintenance`."""

    def __init__(self, db: Database, storage: Storage, settings: Settings) -> None:
        self._db = db
        self._settings = settings
        self._storage = storage
        self._maintenance = MaintenanceStore()

    async def dead_letter(self, event: DeadLetter) -> None:
        await self._maintenance.insert_dead_letter(self._db, make_storable(event))

    async def check_invariants(self) -> tuple[Violation, ...]:
        return await check_all(self._db, self._maintenance, self._storage)

    async def trim_changes(self, limit: int) -> int:
        if not 1 <= limit <= MAX_BATCH:
            raise InvalidRequest(f"limit must be 1 to {MAX_BATCH}")
        return await self._maintenance.trim_changes(self._db, limit, self._settings.change_age)

    async def get_backlog(self) -> Backlog:
        return await self._maintenance.select_backlog(self._db)

    async def health(self) -> tuple[Health, ...]:
        problem = await self._db.ping()
        return (Health("postgres", problem is None, problem or ""),)
