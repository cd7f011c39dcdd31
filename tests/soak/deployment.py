"""The deployment under test, as users and the oracle see it. `six_processes` and `cluster` start one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from drivebay import config, node
from drivebay.config import parsing
from drivebay.storage import s3
from drivebay.storage.bucket import PresignSpec

BUCKET: Final = "soak"
EVENTS_SUBJECT: Final = "soak.events"
EVENTS_STREAM: Final = "SOAK_EVENTS"

SHORT_TIMES: Final = {
    "DRIVEBAY_BCRYPT_COST": "4",
    "DRIVEBAY_SWEEP_INTERVAL": "2s",
    "DRIVEBAY_JANITOR_INTERVAL": "1s",
    "DRIVEBAY_SIGNUP_LIMIT": "off",
    "DRIVEBAY_LOGIN_LIMIT": "off",
    "DRIVEBAY_ACCESS_TOKEN_TTL": "2m",
    "DRIVEBAY_UPLOAD_TTL": "20s",
    "DRIVEBAY_PARTS_TTL": "20s",
    "DRIVEBAY_DOWNLOAD_TTL": "1d",
    "DRIVEBAY_TRASH_GRACE": "4s",
    "DRIVEBAY_VERSIONS_AGE": "12s",
    "DRIVEBAY_QUOTA": "48MiB",
    "DRIVEBAY_LOG": "info",
}
"""Settings that shorten minutes and days to seconds, so that uploads expire and files are purged during a run."""


@dataclass(frozen=True)
class Deployment:
    """A running deployment.

    `api` is the base URL of the API, which may lead through a proxy. `folder` has the data and the logs of Drivebay.
    `direct_settings` name the servers themselves, not their proxies. `orphan_keys` are the keys of objects that a
    fault wrote and that no row accounts for.
    """

    api: str
    folder: Path
    environment: Mapping[str, str]
    direct_settings: dict[str, str]
    bucket: s3.S3Bucket
    orphan_keys: set[str] = field(default_factory=set)

    @property
    def grace_seconds(self) -> float:
        """Return the grace period of the trash."""
        return parsing.duration(self.environment["DRIVEBAY_TRASH_GRACE"]).total_seconds()

    @property
    def version_seconds(self) -> float:
        """Return how long an old version is kept."""
        return parsing.duration(self.environment["DRIVEBAY_VERSIONS_AGE"]).total_seconds()

    @property
    def upload_seconds(self) -> float:
        """Return the time until an upload expires."""
        return parsing.duration(self.environment["DRIVEBAY_UPLOAD_TTL"]).total_seconds()

    @property
    def database_url(self) -> str:
        """Return the URL of PostgreSQL without a proxy."""
        return self.direct_settings["DRIVEBAY_DATABASE_URL"]

    @property
    def nats_url(self) -> str:
        """Return the URL of NATS without a proxy."""
        return self.direct_settings["DRIVEBAY_NATS_URL"]

    @asynccontextmanager
    async def open_services(self) -> AsyncIterator[node.Services]:
        """Open the files and storage services in this process, on the same servers without proxies."""
        data = {"DRIVEBAY_DATA": str(self.folder / "data")}
        loaded = config.load_or_create_root_secret(
            config.load({**self.environment, **self.direct_settings, **data}, self.folder)
        )
        async with node.open_services(loaded, frozenset({"files", "storage"})) as services:
            yield services

    async def put_object(self, key: str, body: bytes) -> int:
        """Write a new object with the store's own keys, as an operator can. Return the HTTP status.

        An existing object is not overwritten, because it could not be restored.
        """
        headers = {"If-None-Match": "*"}
        url = self.bucket.presign(PresignSpec("PUT", key, datetime.now(UTC), 300, headers=headers, for_clients=False))
        return await self.bucket.send("PUT", url, headers, body)

    async def object_sizes(self) -> dict[str, int]:
        """List the bucket. Return the size of each object by key."""
        sizes: dict[str, int] = {}
        after = ""
        while True:
            page = await self.bucket.list_objects("", after, 1000)
            sizes |= {object.key: object.size for object in page.objects}
            if page.after is None:
                return sizes
            after = page.after


def connect_bucket(settings: Mapping[str, str]) -> AbstractAsyncContextManager[s3.S3Bucket]:
    """Connect to the bucket of the deployment with the store's own keys."""
    options = s3.S3Options(
        settings["DRIVEBAY_S3_ENDPOINT"],
        settings["DRIVEBAY_S3_ACCESS_KEY"],
        settings["DRIVEBAY_S3_SECRET_KEY"],
        BUCKET,
        timeout=timedelta(seconds=10),
        copy_timeout=timedelta(seconds=60),
        connections=4,
    )
    return s3.connect(options, now=lambda: datetime.now(UTC))


async def run_python(code: str, *arguments: str) -> int:
    """Run `code` in a new Python process, for at most 60 s. Return its exit status."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, *arguments)
    return await asyncio.wait_for(process.wait(), 60)
