"""Files, folders, the trash and downloads."""

from __future__ import annotations

import base64

import msgspec
from msgspec import UNSET

from ..contract import files as contract
from ..contract.storage import Disposition, SignedRequest, Storage
from . import request, views
from .answer import Answer, json
from .request import Call
from .settings import Settings
from .uploads import seconds

_new_folder = msgspec.json.Decoder(views.NewFolder)
_change = msgspec.json.Decoder(views.FileChange)
_SORTS = {f"{sign}{sort.value}": (sort, bool(sign)) for sort in contract.Sort for sign in ("", "-")}


class Files:
    def __init__(self, files: contract.Files, storage: Storage, settings: Settings) -> None:
        self._files = files
        self._storage = storage
        self._seconds = seconds(settings.download_ttl)

    async def list_files(self, call: Call) -> Answer:
        query = call.query()
        parent = query.get("parent_id")
        sort = query.get("sort", "-created" if parent is None else "name")
        if sort not in _SORTS:
            raise request.invalid("sort", f"must be one of {', '.join(_SORTS)}")
        listing = contract.Listing(
            parent=None if parent is None else request.folder_id(parent, "parent_id"),
            sort=_SORTS[sort][0],
            descending=_SORTS[sort][1],
            limit=request.limit(query.get("limit")),
            cursor=query.get("cursor"),
            name=query.get("name"),
        )
        return json(views.file_list(await self._files.list_files(call.user, listing)))

    async def list_trash(self, call: Call) -> Answer:
        query = call.query()
        page = await self._files.list_trash(call.user, request.limit(query.get("limit")), query.get("cursor"))
        return json(views.file_list(page))

    async def show(self, call: Call) -> Answer:
        found = await self._files.file(call.user, call.file_id())
        return json(views.whole_file(found), headers={"ETag": found.etag})

    async def create_folder(self, call: Call) -> Answer:
        body = await call.body(_new_folder)
        parent = request.folder_id(body.parent_id, "parent_id")
        folder = await self._files.create_folder(call.user, parent, body.name, call.idempotency_key())
        return _file(folder, 201)

    async def change(self, call: Call) -> Answer:
        body = await call.body(_change)
        change = contract.Change(
            name=None if body.name is UNSET else body.name,
            parent=None if body.parent_id is UNSET else request.folder_id(body.parent_id, "parent_id"),
        )
        id = call.file_id()
        return _file(await self._files.change(call.user, id, change, await self._condition(call)))

    async def trash(self, call: Call) -> Answer:
        id = call.file_id()
        await self._files.trash(call.user, id, await self._condition(call))
        return Answer(204)

    async def _condition(self, call: Call) -> str | None:
        """The entity tag that the change depends on, if it does; the service compares it under its lock."""
        if_match = call.header(b"if-match")
        if if_match is None or if_match.strip() == "*":
            return None
        # A list becomes one tag; what happens between this look and the change, the service notices.
        current = await self._files.file(call.user, call.file_id())
        return request.entity_tag(if_match, current.etag)

    async def restore(self, call: Call) -> Answer:
        return _file(await self._files.restore(call.user, call.file_id()))

    async def download(self, call: Call) -> Answer:
        content, signed = await self._sign(call)
        return json(views.download(content, signed), headers=_digest(content))

    async def content(self, call: Call) -> Answer:
        content, signed = await self._sign(call)
        return Answer(302, headers={"Location": signed.url, **_digest(content)})

    async def _sign(self, call: Call) -> tuple[contract.Content, SignedRequest]:
        wanted = call.query().get("disposition", Disposition.ATTACHMENT.value)
        if wanted not in list(Disposition):
            raise request.invalid("disposition", "must be attachment or inline")
        content = await self._files.content(call.user, call.file_id())
        return content, await self._storage.presign_get(
            content.key, content.name, content.content_type, Disposition(wanted), self._seconds
        )


def _digest(content: contract.Content) -> dict[str, str]:
    """RFC 9530: of the file's bytes, as they are at the other end of the URL."""
    if content.sha256 is None:
        return {}
    return {"Repr-Digest": f"sha-256=:{base64.b64encode(content.sha256).decode()}:"}


def _file(value: contract.File, status: int = 200) -> Answer:
    return json(views.file(value), status, {"ETag": value.etag})
