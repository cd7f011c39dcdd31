"""The doctor's checks of the services and of the servers behind them: database, event stream, filers and store."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from ... import postgres
from ...errors import Error, Unavailable
from ...ingest import nats_connection
from ...node import Services
from ...rpc.server_stream import check_connection
from .findings import Finding, failed, ok, warning
from .transfer_checks import STORE_FULL_FIX

Now = Callable[[], datetime]

_MAX_CLOCK_DIFFERENCE: Final = 60.0
"""The maximum difference between the clocks of PostgreSQL and of this computer, in seconds."""
_DURABILITY_SETTINGS: Final = ("fsync", "full_page_writes", "synchronous_commit")
_OPTIONAL_CAPABILITIES: Final = {
    "signed_length": "the store accepts an upload with another size than the signed size",
    "signed_type": "the store accepts an upload with another content type than the signed type",
    "signed_checksum": "the store does not verify the checksum of an upload",
    "write_once": "the store accepts a second upload to the same URL",
    "batch_delete": "the store cannot delete many objects in one request",
}
"""The capabilities that a store need not have, and the effect if the store does not have them. docs/guide/stores.md
describes the disadvantages."""
_DEPENDENCY_FIXES: Final = {
    "store": "check that the store is running and that DRIVEBAY_S3_ENDPOINT, DRIVEBAY_S3_ACCESS_KEY,"
    " DRIVEBAY_S3_SECRET_KEY and DRIVEBAY_S3_BUCKET are right",
    "store clock": "synchronize both clocks (NTP): the store rejects signatures from another time",
}
"""The fix for each dependency of a service that is not healthy. The keys are the names in the health report."""


async def check_services(services: Services, _: Now) -> list[Finding]:
    """Check that each service responds and that its dependencies are healthy."""
    findings = []
    for name, service in (("auth", services.auth), ("files", services.files), ("storage", services.storage)):
        try:
            dependencies = await service.health()
        except (Error, OSError, TimeoutError) as error:
            setting = f"DRIVEBAY_{name.upper()}"
            fix = (
                f"check that {name} is running, that {setting}_ADDRESS is right,"
                f" and that {setting}_CALLERS contains the name in our certificate"
            )
            findings.append(failed(name, str(error) or type(error).__name__, fix))
            continue
        for dependency in dependencies:
            check = f"{name}: {dependency.name}"
            if dependency.ok:
                findings.append(ok(check, dependency.detail or "responds"))
            else:
                fix = (
                    find_store_fix(dependency.detail)
                    or postgres.find_fix(dependency.detail)
                    or _DEPENDENCY_FIXES.get(dependency.name, f"read the log of {name}")
                )
                findings.append(failed(check, dependency.detail, fix))
    return findings


def find_store_fix(detail: str) -> str | None:
    """Return the fix for a store that responds but cannot write, None for any other problem."""
    # `S3Client.send` names the method and the status.
    return STORE_FULL_FIX if re.search(r"the store responds to PUT with 5\d\d", detail) else None


async def check_signing_keys(services: Services, _: Now) -> list[Finding]:
    """Check that auth lists its signing keys."""
    keys = await services.auth.list_keys()
    return [ok("signing keys", f"{len(keys)} accepted")]


async def check_database(services: Services, now: Now) -> list[Finding]:
    """Check that committed data survives a power failure, that the search can compare names, and that the clock of
    PostgreSQL agrees with that of this computer."""
    url = services.settings.database_url
    if url is None:
        return [
            warning(
                "database",
                "not checked: DRIVEBAY_DATABASE_URL is not set here, and other services use the database",
                "set DRIVEBAY_DATABASE_URL for the doctor too",
            )
        ]
    async with postgres.connect(url, size=1) as database:
        row = await database.fetchrow(
            "SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,"
            " current_setting('synchronous_commit') AS synchronous_commit,"
            " current_setting('server_version_num')::int / 10000 AS version,"
            " current_setting('server_encoding') AS encoding, now() AS at"
        )
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    findings = [ok("database", f"PostgreSQL {row['version']}"), _check_search(row["encoding"])]
    findings += [
        failed("durability", f"{setting} is off: a power cut loses files", f"set {setting} = on in postgresql.conf")
        for setting in _DURABILITY_SETTINGS
        if row[setting] == "off"
    ]
    difference = abs((row["at"] - now()).total_seconds())
    if difference > _MAX_CLOCK_DIFFERENCE:
        detail = f"the clocks of the database and of this computer differ by {difference:.0f} s"
        findings.append(failed("clocks", detail, "run NTP on both machines"))
    return findings


def _check_search(encoding: str) -> Finding:
    if encoding == "UTF8":
        return ok("search", "needs no extension of PostgreSQL")
    detail = (
        f"the encoding of the database is {encoding}: the search does not ignore case and accents outside ASCII, and"
        " some names cannot be stored"
    )
    fix = (
        "create a database with ENCODING 'UTF8', and move the data into it with `drivebay backup` and"
        " `drivebay restore-backup`"
    )
    return failed("search", detail, fix)


async def check_event_stream(services: Services, _: Now) -> list[Finding]:
    """Check that the stream of store events has the right configuration. Create the stream if it does not exist."""
    settings = services.settings.ingest()
    if settings.nats_url is None and settings.events_enabled:
        detail = "not checked: DRIVEBAY_NATS_URL is not set here, and ingest runs in another process"
        return [warning("events", detail, "set DRIVEBAY_NATS_URL for the doctor too")]
    if settings.nats_url is None or not settings.events_enabled:
        return [
            warning(
                "events",
                "events are off: some seconds pass before the sweep commits an upload that no client completes",
                "set DRIVEBAY_NATS_URL, and remove DRIVEBAY_EVENTS=off if it is set",
            )
        ]
    try:
        problems = await nats_connection.find_stream_problems(settings)
    except Unavailable as error:
        fix = "check that NATS runs with JetStream and that DRIVEBAY_NATS_URL, its user and its password are right"
        return [failed("events", error.detail, fix)]
    missing = "start the NATS servers that do not run: without a majority of them there are no events"
    return [
        *(
            failed("events", difference, "change the stream with `nats stream edit`")
            for difference in problems.settings
        ),
        *(warning("events", difference, missing) for difference in problems.replicas),
    ] or [
        ok(
            "events",
            f"the stream {settings.stream} is configured correctly (not checked: `sync_interval: always` in the"
            " configuration file of NATS)",
        )
    ]


async def check_filers(services: Services, _: Now) -> list[Finding]:
    """Check that this process can connect to each filer whose changes ingest reads."""
    settings = services.settings.ingest()
    filers = settings.active_filers if settings.events_enabled else ()
    fix = "check that the filer is running and that DRIVEBAY_FILER_ADDRESS has its gRPC address"
    findings = []
    for address in filers:
        try:
            await check_connection(address)
        except Unavailable as error:
            findings.append(warning("filers", f"{error.detail}; the sweep finds the uploads through this filer", fix))
    return findings or ([ok("filers", f"{len(filers)} can be reached")] if filers else [])


async def check_store(services: Services, _: Now) -> list[Finding]:
    """Check the capabilities of the store and the notification rule, and that the bucket is neither public nor
    versioned."""
    capabilities = await services.storage.get_capabilities()
    findings = [
        warning("store", detail, "docs/guide/stores.md describes the consequences")
        for name, detail in _OPTIONAL_CAPABILITIES.items()
        if not getattr(capabilities, name)
    ]
    settings = services.settings.ingest()
    if settings.events_enabled and not settings.active_filers and not capabilities.event_rules:
        fix = "add the rule as docs/guide/stores.md describes; until then the sweep finds uploads"
        findings.append(warning("store", "the bucket has no notification rule for new objects", fix))
    if capabilities.versioned:
        fix = "turn versioning off, or add a lifecycle rule that expires old versions"
        findings.append(warning("bucket", "the bucket is versioned: purged objects stay as old versions", fix))
    if not capabilities.private:
        fix = "remove the bucket's public policy or anonymous access"
        findings.append(failed("bucket", "the bucket can be read, listed or written without keys", fix))
    return findings or [ok("store", "has every capability that Drivebay uses")]
