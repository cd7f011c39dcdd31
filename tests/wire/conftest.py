"""A place to listen at."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator

import pytest


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """A socket nobody listens at; a short path, as sockets need one."""
    with tempfile.TemporaryDirectory(prefix="db-") as folder:
        yield f"unix:{folder}/inner/s.sock"
