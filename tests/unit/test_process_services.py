"""Which servers a process starts and which services it calls, by the services that it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivebay import node
from drivebay.config.loading import load
from drivebay.runtime import open_servers


@pytest.mark.parametrize("events", ["auto", "minio", "seaweedfs"])
async def test_ingest_alone_starts_no_store(tmp_path: Path, events: str) -> None:
    """It reads the events of the store of the storage service, which runs elsewhere."""
    elsewhere = {
        "DRIVEBAY_NATS_URL": "nats://nats.example.com:4222",
        "DRIVEBAY_FILES_ADDRESS": f"unix:{tmp_path}/files.sock",
        "DRIVEBAY_DATA": str(tmp_path / "data"),
    }
    settings = load(elsewhere | {"DRIVEBAY_EVENTS": events}, tmp_path)
    async with open_servers(settings, frozenset({"ingest"})) as opened:
        assert opened == settings
    assert not (tmp_path / "data").exists()


def test_each_service_may_call_what_it_calls(tmp_path: Path) -> None:
    settings = load({}, tmp_path)
    allowed = {"auth": settings.auth_callers, "files": settings.files_callers, "storage": settings.storage_callers}
    for called, callers in allowed.items():
        calling = {service for service, services in node.CALLED_BY.items() if called in services}
        assert calling | {"cli"} == set(callers), called
