"""Each test has its own queue, on a real broker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from ingest_helpers import Publish, RecordingFiles

from drivebay.embedded import nats as embedded_nats
from drivebay.ingest import nats_connection
from drivebay.ingest.settings import Settings


@pytest.fixture(scope="session")
async def ingest_nats_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with embedded_nats.run(tmp_path_factory.mktemp("nats")) as server:
        yield server.url


@pytest.fixture
async def own_broker(tmp_path: Path) -> AsyncIterator[embedded_nats.Nats]:
    """A broker of this test alone, which it may kill, pause and start again."""
    async with embedded_nats.run(tmp_path / "own-nats") as server:
        yield server


@pytest.fixture
def make_settings() -> Callable[..., Settings]:
    """Makes settings with a new stream and with delays that are short enough for a test."""

    def make(url: str, **changes: object) -> Settings:
        name = uuid4().hex
        values: dict[str, object] = {
            "bucket": "drivebay",
            "nats_url": url,
            "stream": f"EVENTS_{name}",
            "subject": f"events.{name}",
            "sweep_interval": timedelta(milliseconds=100),
            "ack_wait": timedelta(seconds=1),
            "first_retry_delay": timedelta(milliseconds=20),
            "max_retry_delay": timedelta(milliseconds=200),
            "max_reconnect_delay": timedelta(milliseconds=500),
        }
        return Settings(**{**values, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def settings(ingest_nats_url: str, make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(ingest_nats_url)


@pytest.fixture
async def publish(settings: Settings) -> AsyncIterator[Publish]:
    async with AsyncExitStack() as stack:
        yield (await stack.enter_async_context(nats_connection.connect(settings))).publish


@pytest.fixture
async def files() -> RecordingFiles:
    return RecordingFiles()
