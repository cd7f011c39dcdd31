"""Starts the embedded servers that the services of a process need, except where a setting names another server.

The code of the servers is imported where they are started: a process that uses other servers does not load it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..config import Settings

if TYPE_CHECKING:
    from .. import embedded

ServiceNames = frozenset[str]
Progress = Callable[[str], None]
"""Receives a line of text for people when an embedded server starts."""


@asynccontextmanager
async def open_servers(
    settings: Settings, names: ServiceNames, progress: Progress = lambda _: None
) -> AsyncIterator[Settings]:
    """Start the embedded servers that the services `names` need. No service is started. Yield the settings with the
    addresses of the servers.

    Raises ServerStartError.
    """
    needs_postgres = settings.database_url is None and bool(names & {"auth", "files"})
    needs_nats = settings.nats_url is None and settings.events != "off" and "ingest" in names
    # The store belongs to the process with the storage service. A process with only ingest reads the events of that
    # store.
    needs_store = settings.s3_endpoint is None and "storage" in names
    if not (needs_postgres or needs_nats or needs_store):
        yield settings
        return
    from .. import embedded

    async with embedded.run(
        settings.data,
        postgres=needs_postgres,
        nats=needs_nats,
        store=needs_store,
        store_address=_store_address(settings),
        progress=progress,
    ) as servers:
        yield _with_addresses(settings, servers)


def _with_addresses(settings: Settings, servers: embedded.Servers) -> Settings:
    if servers.postgres is not None:
        settings = replace(settings, database_url=servers.postgres.url)
    if servers.nats is not None:
        settings = replace(settings, nats_url=servers.nats.url)
    if servers.store is not None:
        settings = replace(
            settings,
            s3_endpoint=servers.store.s3_endpoint,
            s3_access_key=servers.store.access_key,
            s3_secret_key=servers.store.secret_key,
            filer_address=servers.store.filer_grpc,
            s3_public_endpoint=settings.s3_public_endpoint or _public_endpoint(settings, servers.store.s3_endpoint),
        )
    return settings


def _store_address(settings: Settings) -> embedded.StoreAddress:
    """Return the address on which the embedded store serves S3. Clients of the gateway must be able to reach it."""
    from .. import embedded
    from ..embedded import public_address

    host = public_address.listen_host(settings.host)
    public = urlsplit(settings.s3_public_endpoint or "")
    # Behind a proxy, the port of the public endpoint belongs to the proxy.
    is_direct = public.scheme == "http" and host != public_address.LOOPBACK
    return embedded.StoreAddress(host, public.port if is_direct else None)


def _public_endpoint(settings: Settings, s3_endpoint: str) -> str | None:
    from ..embedded import public_address

    host, port = public_address.listen_host(settings.host), urlsplit(s3_endpoint).port
    return public_address.public_endpoint(host, port or 80, settings.public_url)
