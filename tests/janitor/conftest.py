from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from janitor_backend import Backend, open_backend

from drivebay.testing.databases import PooledDatabase


@pytest.fixture
async def backend(pooled_database: PooledDatabase) -> AsyncIterator[Backend]:
    """Every invariant holds at the end of a test."""
    async with open_backend(pooled_database) as backend:
        yield backend
        backend.bucket.memory.broken = False
        assert await backend.real_files.check_invariants() == ()
