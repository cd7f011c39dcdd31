from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from janitor_backend import Backend, open_backend


@pytest.fixture
async def backend(database_url: str) -> AsyncIterator[Backend]:
    """Every invariant holds at the end of a test."""
    async with open_backend(database_url) as backend:
        yield backend
        backend.bucket.memory.broken = False
        assert await backend.real_files.check_invariants() == ()
