"""Proves the whole path of a deployment with a real round trip, and says what is wrong and how to mend it.

It looks with the settings of the process that asks: at the servers, at what they promise to keep, and at
the store from where clients stand, through its public address. One small file is uploaded, found, read
and put into the trash, for an owner that is nobody's.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import httpx
import msgspec
from cryptography import x509

from . import db
from .contract.files import Intent, Upload, UploadStatus
from .contract.ids import ROOT, UserId
from .contract.storage import Arrival, Disposition, Presence, Put, SignedRequest
from .errors import Error, Unavailable
from .ingest import nats
from .node import Services

NOBODY: Final = UserId(UUID("00000000-0000-7000-8000-646f63746f72"))
"""Whose file the round trip makes: no account ever has this id."""
_EVENT_WITHIN: Final = 20.0
_PROMPT: Final = 2.0
"""An event brings a file sooner than this; what takes longer was found by the sweeper."""
_SKEW: Final = 60.0
_SOON: Final = timedelta(days=14)
_WANTED: Final = ("signed_length", "signed_type", "checksum", "write_once", "batch_delete")
"""What a store may lack, at a price."""
_LOCAL_ORIGIN: Final = "http://localhost:3000"
_BEHIND: Final = {
    "postgres": "is PostgreSQL running, and is DRIVEBAY_DATABASE_URL right?",
    "store": "is the store running, and are DRIVEBAY_S3_ENDPOINT, _ACCESS_KEY, _SECRET_KEY and _BUCKET right?",
    "store clock": "set both clocks right (NTP): the store takes no signature of another time",
}
"""What to do where something that a service stands on is not well."""

Say = Callable[[str], None]


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It works, less well or less safely than it could."""
    FAILED = "failed"


class Finding(msgspec.Struct, frozen=True):
    """What was looked at, how it is, and what to do where that is not well."""

    check: str
    verdict: Verdict
    detail: str
    fix: str = ""


async def examine(services: Services, now: Callable[[], datetime], say: Say) -> AsyncIterator[Finding]:
    """Every finding as it is made. `say` hears what is being looked at. Never raises for what it examines."""
    checks: dict[str, Callable[[Services, Callable[[], datetime]], Awaitable[list[Finding]]]] = {
        "services": _services,
        "signing keys": _keys,
        "database": _database,
        "events": _stream,
        "store": _store,
        "public address": _public,
        "round trip": _round_trip,
        "certificates": _certificates,
    }
    for name, check in checks.items():
        say(name)
        try:
            findings = await asyncio.wait_for(check(services, now), 60)
        except (Error, OSError, TimeoutError, httpx.HTTPError) as error:
            findings = [_failed(name, str(error) or type(error).__name__, "see the findings above; then ask again")]
        for finding in findings:
            yield finding


def _ok(check: str, detail: str) -> Finding:
    return Finding(check, Verdict.OK, detail)


def _warning(check: str, detail: str, fix: str) -> Finding:
    return Finding(check, Verdict.WARNING, detail, fix)


def _failed(check: str, detail: str, fix: str) -> Finding:
    return Finding(check, Verdict.FAILED, detail, fix)


# -- what stands behind ---------------------------------------------------------------------------


async def _services(services: Services, _: Callable[[], datetime]) -> list[Finding]:
    """Each service answers, and so does what it stands on."""
    found = []
    for part, service in (("auth", services.auth), ("files", services.files), ("storage", services.storage)):
        try:
            health = await service.health()
        except (Error, OSError, TimeoutError) as error:
            setting = f"DRIVEBAY_{part.upper()}"
            fix = f"is it running, is {setting}_ADDRESS right, and our certificate's name among its {setting}_CALLERS?"
            found.append(_failed(part, str(error) or type(error).__name__, fix))
            continue
        for each in health:
            check, fix = f"{part}: {each.name}", _BEHIND.get(each.name, "see its log")
            found.append(_ok(check, each.detail or "answers") if each.ok else _failed(check, each.detail, fix))
    return found


async def _keys(services: Services, _: Callable[[], datetime]) -> list[Finding]:
    keys = await services.auth.keys()
    return [_ok("signing keys", f"{len(keys)} accepted")]


async def _database(services: Services, now: Callable[[], datetime]) -> list[Finding]:
    url = services.settings.database_url
    if url is None:
        return [_warning("database", "not looked at: it is behind other services", "set DRIVEBAY_DATABASE_URL too")]
    async with db.connect(url, size=1) as database:
        row = await database.fetchrow(
            "SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,"
            " current_setting('synchronous_commit') AS synchronous_commit,"
            " current_setting('server_version_num')::int / 10000 AS version, now() AS at"
        )
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    found = [_ok("database", f"PostgreSQL {row['version']}, migrated")]
    found += [
        _failed("durability", f"{setting} is off: a power cut loses files", f"set {setting} = on")
        for setting in ("fsync", "full_page_writes", "synchronous_commit")
        if row[setting] == "off"
    ]
    skew = abs((row["at"] - now()).total_seconds())
    if skew > _SKEW:
        found.append(_failed("clocks", f"the database's clock is {skew:.0f} s from ours", "run NTP on both"))
    return found


async def _stream(services: Services, _: Callable[[], datetime]) -> list[Finding]:
    settings = services.settings.ingest()
    if settings.nats_url is None and settings.listens:
        return [_warning("events", "not looked at: ingest is another process", "set DRIVEBAY_NATS_URL too")]
    if settings.nats_url is None or not settings.listens:
        return [
            _warning(
                "events",
                "there are none: uploads that no client completes are found by the sweeper, seconds later",
                "set DRIVEBAY_NATS_URL, and DRIVEBAY_EVENTS if it is off",
            )
        ]
    try:
        differences = await nats.differences(settings)
    except Unavailable as error:
        fix = "is NATS running with JetStream, and is DRIVEBAY_NATS_URL right, user and password too?"
        return [_failed("events", error.detail, fix)]
    return [_failed("events", each, "change the stream with `nats stream edit`") for each in differences] or [
        _ok(
            "events",
            f"the stream {settings.stream} is as it should be; that NATS syncs at once (sync_interval: always)"
            " can be seen only in its own file",
        )
    ]


async def _store(services: Services, _: Callable[[], datetime]) -> list[Finding]:
    able = await services.storage.capabilities()
    found = [
        _warning("store", f"it does not do: {name.replace('_', ' ')}", "docs/guide/stores.md says what follows from it")
        for name in _WANTED
        if not getattr(able, name)
    ]
    settings = services.settings.ingest()
    if settings.listens and settings.filer is None and not able.event_rules:
        said = "its bucket has no rule that tells our queue of new objects"
        found.append(_warning("store", said, "docs/guide/stores.md says how; until then the sweeper finds uploads"))
    if able.versioned:
        said = "the bucket keeps old versions: what is purged stays there"
        found.append(_warning("bucket", said, "switch its versioning off, or let old versions expire"))
    if not able.closed:
        said = "it can be read, listed or written without keys"
        found.append(_failed("bucket", said, "remove the bucket's public policy or anonymous access"))
    return found or [_ok("store", "does all that Drivebay can make use of")]


# -- from where clients stand -----------------------------------------------------------------------


async def _public(services: Services, now: Callable[[], datetime]) -> list[Finding]:
    """A signed PUT, a browser's question before it, a signed GET, and a stranger's GET, at the public address."""
    body = f"drivebay doctor {now().isoformat()}".encode()
    key = f".drivebay/doctor/{hashlib.sha256(body).hexdigest()[:32]}"
    put = await services.storage.presign_put(
        Put(key, len(body), "text/plain", hashlib.sha256(body).digest()), now(), 300
    )
    fix = "DRIVEBAY_S3_PUBLIC_ENDPOINT must be the store as clients reach it, with scheme and port, and from here too"
    async with httpx.AsyncClient(timeout=10, follow_redirects=False, trust_env=False) as http:
        try:
            sent = await _send(http, put, body)
            found = [await _preflight(http, services, put)]
            if sent.status_code != 200:
                return [*found, _failed("public address", f"a signed PUT is answered {sent.status_code}", fix)]
            (there,) = await services.storage.arrived((key,))
            if there.presence is Presence.FOUND:
                (there,) = await services.storage.accept((Arrival(there.key, there.etag, there.size),))
            get = await services.storage.presign_get(there.key, "doctor.txt", "text/plain", Disposition.ATTACHMENT, 300)
            back = await http.get(get.url)
            stranger = await http.get(put.url.partition("?")[0])
        except httpx.TransportError as error:
            return [_failed("public address", f"{type(error).__name__} at {httpx.URL(put.url).host}", fix)]
        finally:
            await services.storage.delete((key,))
    if back.content != body:
        found.append(_failed("public address", f"a signed GET is answered {back.status_code}", fix))
    if stranger.status_code != 403:
        said = f"an unsigned GET is answered {stranger.status_code}: anybody may read"
        found.append(_failed("bucket", said, "remove the bucket's public policy or anonymous access"))
    return [_ok("public address", "takes a signed PUT, gives it back for a signed GET, and to nobody else"), *found]


async def _send(http: httpx.AsyncClient, request: SignedRequest, body: bytes) -> httpx.Response:
    return await http.request(request.method, request.url, headers=request.headers, content=body)


async def _preflight(http: httpx.AsyncClient, services: Services, put: SignedRequest) -> Finding:
    origins = services.settings.allowed_origins
    origin = origins[0] if origins and origins[0] != "*" else _LOCAL_ORIGIN
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": ", ".join(name.lower() for name in put.headers),
    }
    answer = await http.options(put.url, headers=asked)
    allowed = answer.headers.get("access-control-allow-origin", "")
    if answer.is_success and allowed in ("*", origin):
        return _ok("browsers", f"pages of {origin} may upload")
    said = f"the store answers a page's question from {origin} with {answer.status_code}"
    return _warning("browsers", said, "allow PUT, GET and HEAD from your origins in the store's CORS settings")


async def _round_trip(services: Services, now: Callable[[], datetime]) -> list[Finding]:
    """One file's whole life, timed from its last byte to its being there."""
    files, body = services.files, f"drivebay doctor {now().isoformat()}".encode()
    upload = await files.begin(
        NOBODY, Intent("doctor.txt", len(body), "text/plain", ROOT, sha256=hashlib.sha256(body).digest())
    )
    put = Put(upload.key, upload.size, upload.content_type, upload.sha256, upload.metadata)
    signed = await services.storage.presign_put(put, upload.created_at, 300)
    async with httpx.AsyncClient(timeout=10, follow_redirects=False, trust_env=False) as http:
        try:
            sent = await _send(http, signed, body)
        except httpx.TransportError as error:
            await files.abort(NOBODY, upload.id)
            return [_failed("round trip", f"the upload ended in {type(error).__name__}", "see the public address")]
    if sent.status_code != 200:
        await files.abort(NOBODY, upload.id)
        return [
            _failed("round trip", f"the store answered the upload with {sent.status_code}", "see the public address")
        ]
    began = time.monotonic()
    upload, by_itself = await _arrival(services, upload)
    took = time.monotonic() - began
    if upload.file is None:
        return [_failed("round trip", f"the upload ended as {upload.status.value} ({upload.reason})", "see the store")]
    await files.trash(NOBODY, upload.file)
    return [_arrived(by_itself, took, services.settings.ingest().listens)]


async def _arrival(services: Services, upload: Upload) -> tuple[Upload, bool]:
    """The upload when it has ended, and whether it did so without being told."""
    end = time.monotonic() + _EVENT_WITHIN
    while time.monotonic() < end:
        found = await services.files.upload(NOBODY, upload.id)
        if found.status is not UploadStatus.PENDING:
            return found, True
        await asyncio.sleep(0.02)
    return await services.files.complete(NOBODY, upload.id), False


def _arrived(by_itself: bool, took: float, listens: bool) -> Finding:
    if not by_itself:
        said = f"the file was not there after {took:.0f} s, and only when it was asked for"
        fix = "is ingest running, with this DRIVEBAY_S3_BUCKET and database? It sweeps even without events"
        return _failed("round trip", said, fix)
    if listens and took > _PROMPT:
        said = f"the file was there after {took:.1f} s: the sweeper found it, no event came"
        return _warning("round trip", said, "does the store reach NATS, and is its notification rule on this bucket?")
    return _ok("round trip", f"uploaded, and there {took * 1000:.0f} ms after its last byte")


# -- who we are -------------------------------------------------------------------------------------


async def _certificates(services: Services, now: Callable[[], datetime]) -> list[Finding]:
    identity = services.settings.identity
    if identity is None:
        return [_ok("certificates", "none: services talk over Unix sockets or loopback")]
    found = []
    for file in (identity.cert, identity.ca):
        until = x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
        left = until - now().astimezone(UTC)
        if left < timedelta(0):
            found.append(_failed("certificates", f"{file.name} ended {until:%Y-%m-%d}", "renew it"))
        elif left < _SOON:
            found.append(_warning("certificates", f"{file.name} ends {until:%Y-%m-%d}", "renew it"))
        else:
            found.append(_ok("certificates", f"{file.name} is valid until {until:%Y-%m-%d}"))
    return found
