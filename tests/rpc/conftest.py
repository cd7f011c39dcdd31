"""The address fixture of these tests."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator

import pytest


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """A Unix socket on which nothing listens. Its path is short, because sockets have a limit."""
    with tempfile.TemporaryDirectory(prefix="db-") as folder:
        yield f"unix:{folder}/inner/s.sock"
