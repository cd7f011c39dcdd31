"""Handlers of archives: create an archive, and send an archive as a ZIP file."""

from __future__ import annotations

import asyncio
import hashlib
from functools import partial
from typing import Final, NamedTuple

import msgspec
from falcon.asgi import Response

from ...contract import files as contract
from ...contract.auth import Auth
from ...contract.storage import Storage
from ...errors import NotFound
from ...formats.content_disposition import content_disposition
from ...formats.zip_format import ZipEntry
from ...formats.zip_layout import ZipLayout
from ..client_address import ClientAddresses, client_network
from ..conditional_requests import Validators, is_not_modified, is_range_current
from ..http_request import Request, idempotency_key, parse_file_id, read_json
from ..http_response import respond_empty, respond_json
from ..links.public_link_resource import SESSION_HEADER
from ..public_url import PublicUrls
from . import views
from .archive_body import ArchiveBody
from .archive_slots import ArchiveSlots
from .archive_stream import Admission, ArchiveStream
from .byte_ranges import parse_range
from .crc_states import CrcStates

MEDIA_TYPE: Final = "application/zip"
_PAGE: Final = 1000
"""The number of entries in one page of an archive."""
_new_archive_decoder = msgspec.json.Decoder(views.NewArchive)


class ArchiveServices(NamedTuple):
    """The services behind archives: their lists, the bytes of their entries, and the accounts of their creators."""

    files: contract.Files
    storage: Storage
    auth: Auth


class _EntryList(NamedTuple):
    """All entries of an archive, and the layout of the ZIP file."""

    entries: list[contract.ArchiveEntry]
    layout: ZipLayout


class ArchiveResource:
    """Creates and sends archives. `timeout` is the time in seconds that a client may take to accept the next bytes. It
    is also the interval at which the access to an archive that is being sent is checked again.
    """

    def __init__(
        self,
        services: ArchiveServices,
        urls: PublicUrls,
        addresses: ClientAddresses,
        slots: ArchiveSlots,
        timeout: float,
    ) -> None:
        self._files, self._storage, self._auth = services
        self._urls = urls
        self._addresses = addresses
        self._slots = slots
        self._timeout = timeout

    async def create_archive(self, req: Request, resp: Response) -> None:
        body = await read_json(req, _new_archive_decoder)
        ids = tuple(parse_file_id(id, "ids") for id in body.ids)
        archive = await self._files.create_archive(req.access, ids, body.name, idempotency_key(req))
        self._respond_created(req, resp, archive)

    async def create_link_archive(self, req: Request, resp: Response, token: str) -> None:
        body = await read_json(req, _new_archive_decoder)
        ids = tuple(parse_file_id(id, "ids") for id in body.ids)
        session = req.get_header(SESSION_HEADER)
        archive = await self._files.create_link_archive(token, session, ids, body.name, idempotency_key(req))
        self._respond_created(req, resp, archive)

    async def send_archive(self, req: Request, resp: Response, token: str) -> None:
        """Respond to GET with the ZIP file or a range of it, and to HEAD without a body."""
        archive = await self._open(token)
        # The entries of an archive never change, so the token identifies the bytes. The ETag is a hash of the token,
        # so that it does not reveal the token.
        validators = Validators(f'"{hashlib.blake2b(token.encode(), digest_size=16).hexdigest()}"')
        headers = {"ETag": validators.etag, "Accept-Ranges": "bytes"}
        if is_not_modified(req, validators, redirects=False):
            respond_empty(resp, 304, headers)
            return
        headers |= {"Content-Type": MEDIA_TYPE, "Content-Disposition": content_disposition(archive.name)}
        if req.method == "HEAD":
            respond_empty(resp, 200, headers | {"Content-Length": str(archive.size)})
            return
        byte_range = _parse_byte_range(req, resp, validators, archive.size)
        start, stop = byte_range or (0, archive.size)
        # The slot is taken before the list of entries is read, because the list takes memory.
        release = self._slots.acquire(archive.actor or client_network(self._addresses.resolve(req.scope)))
        try:
            entries, layout = await self._load(archive)
            crcs = CrcStates(self._files, token, entries)
            body = ArchiveBody(self._storage, layout, entries, crcs)
            admission = Admission(partial(self._recheck_access, token), release, self._timeout)
            stream = ArchiveStream(req, body.blocks(start, stop), crcs, admission)
        except BaseException:
            release()
            raise
        await stream.begin()
        resp.stream = stream
        headers["Content-Length"] = str(stop - start)
        if byte_range is not None:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{archive.size}"
        respond_empty(resp, 200 if byte_range is None else 206, headers)

    async def _open(self, token: str) -> contract.Archive:
        """Return an archive that may be read now. Raises NotFound (also if the account of its creator is disabled or
        deleted), Unavailable."""
        archive = (await self._files.open_archive(token, 0, 1)).archive
        if archive.actor is not None:
            users = await self._auth.list_users((archive.actor,))
            if not users or users[0].disabled:  # guard: archive-account
                raise _no_archive_error()
        return archive

    async def _recheck_access(self, token: str) -> None:
        """Raise NotFound if an archive that is being sent may not be read any more. Raises Unavailable."""
        await self._open(token)

    def _respond_created(self, req: Request, resp: Response, archive: contract.Archive) -> None:
        url = self._urls.absolute_link(req.scope, f"/v1/archives/{archive.token}")
        respond_json(resp, views.Archive(url, archive.size, archive.expires_at), 201, {"Location": url})

    async def _load(self, archive: contract.Archive) -> _EntryList:
        """Return the entries of an archive and the layout of the ZIP file. Raises NotFound, Unavailable."""
        entries: list[contract.ArchiveEntry] = []
        while len(entries) < archive.entry_count:
            page = await self._files.open_archive(archive.token, len(entries), _PAGE)
            if not page.entries:
                raise _no_archive_error()
            entries += page.entries
        # Thousands of headers take long enough to delay other requests.
        layout = await asyncio.to_thread(lambda: ZipLayout([_zip_entry(entry) for entry in entries]))
        if layout.size != archive.size:  # guard: archive-size
            raise _no_archive_error()  # another release of Drivebay created the archive, with another layout
        return _EntryList(entries, layout)


def _zip_entry(entry: contract.ArchiveEntry) -> ZipEntry:
    return ZipEntry(entry.path.encode(), entry.size, entry.modified_at)


def _no_archive_error() -> NotFound:
    return NotFound("no such archive, or it has expired")


def _parse_byte_range(req: Request, resp: Response, validators: Validators, size: int) -> tuple[int, int] | None:
    """Return the range of a request: start and stop (exclusive), in bytes. Raises RangeNotSatisfiable."""
    if not is_range_current(req, validators):
        return None
    resp.set_header("Content-Range", f"bytes */{size}")  # for the error response, if `parse_range` raises
    byte_range = parse_range(req.get_header("Range"), size)
    resp.delete_header("Content-Range")
    return byte_range
