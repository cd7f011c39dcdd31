"""Handlers of files, folders and the trash."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec
from falcon.asgi import Response
from msgspec import UNSET, UnsetType

from ...contract import files as contract
from ...contract.ids import ROOT
from ..conditional_requests import match_entity_tag
from ..http_request import (
    Request,
    body_length,
    decode_json,
    idempotency_key,
    invalid_field_error,
    parse_file_id,
    parse_limit,
    parse_names,
    read_json,
    read_json_body,
)
from ..http_response import respond_empty, respond_json
from . import views

T = TypeVar("T")

_new_folder_decoder = msgspec.json.Decoder(views.NewFolder)
_entry_update_decoder = msgspec.json.Decoder(views.EntryUpdate)
_restoration_decoder = msgspec.json.Decoder(views.Restoration)
_BOOLS: Final = {None: None, "true": True, "false": False}
_SORTS: Final = {f"{sign}{sort.value}": (sort, bool(sign)) for sort in contract.Sort for sign in ("", "-")}
"""Values of the parameter `sort`: the field, and whether it is descending."""


class EntryResource:
    def __init__(self, files: contract.Files) -> None:
        self._files = files

    async def list_files(self, req: Request, resp: Response) -> None:
        parent = req.query_value("parent_id")
        sort = req.query_value("sort")
        if sort is None:
            sort = "-created" if parent is None else "name"
        field, descending = parse_sort(sort)
        starred = req.query_value("starred")
        if starred not in _BOOLS:
            raise invalid_field_error("starred", "must be true or false")
        listing = contract.Listing(
            parent=None if parent is None else parse_file_id(parent, "parent_id"),
            sort=field,
            descending=descending,
            limit=parse_limit(req.query_value("limit")),
            cursor=req.query_value("cursor"),
            name=req.query_value("name"),
            starred=_BOOLS[starred],
        )
        respond_json(resp, views.file_listing_view(await self._files.list_files(req.access, listing)))

    async def list_trash(self, req: Request, resp: Response) -> None:
        limit, cursor = parse_limit(req.query_value("limit")), req.query_value("cursor")
        respond_json(resp, views.file_list_view(await self._files.list_trash(req.access, limit, cursor)))

    async def get_file(self, req: Request, resp: Response, id: str) -> None:
        file = await self._files.get_file(req.access, parse_file_id(id))
        respond_json(resp, views.file_with_parts_view(file), headers={"ETag": file.etag})

    async def find_file(self, req: Request, resp: Response) -> None:
        path = req.query_value("path")
        if path is None:
            raise invalid_field_error("path", "is required")
        _respond_file(resp, await self._files.find_entry(req.access, parse_names(path)))

    async def get_path(self, req: Request, resp: Response, id: str) -> None:
        path = await self._files.get_path(req.access, parse_file_id(id))
        respond_json(resp, views.Path([views.file_view(file) for file in path]))

    async def get_size(self, req: Request, resp: Response, id: str) -> None:
        size = await self._files.measure_tree(req.access, parse_file_id(id))
        respond_json(resp, views.TreeSize(size.bytes, size.files, size.folders))

    async def create_folder(self, req: Request, resp: Response) -> None:
        body, key = await read_json(req, _new_folder_decoder), idempotency_key(req)
        if body.path is not UNSET:
            if body.name is not UNSET or body.parent_id is not UNSET:
                raise invalid_field_error("path", "excludes name and parent_id")
            created = await self._files.create_folders(req.access, ROOT, parse_names(body.path), key)
            _respond_file(resp, created.folder, 201 if created.is_new else 200)
            return
        if body.name is UNSET:
            raise invalid_field_error("name", "is required, unless there is a path")
        parent = ROOT if body.parent_id is UNSET else parse_file_id(body.parent_id, "parent_id")
        _respond_file(resp, await self._files.create_folder(req.access, parent, body.name, key), 201)

    async def update_file(self, req: Request, resp: Response, id: str) -> None:
        body = await read_json(req, _entry_update_decoder)
        properties = {} if body.properties is UNSET else body.properties
        update = contract.EntryUpdate(
            name=_or_none(body.name),
            parent=None if body.parent_id is UNSET else parse_file_id(body.parent_id, "parent_id"),
            on_conflict=body.on_conflict,
            modified_at=_or_none(body.modified_at),
            starred=_or_none(body.starred),
            properties={key: value for key, value in properties.items() if value is not None},
            removed_properties=tuple(key for key, value in properties.items() if value is None),
        )
        etag = await self._required_etag(req, id)
        _respond_file(resp, await self._files.update_entry(req.access, parse_file_id(id), update, etag))

    async def trash_file(self, req: Request, resp: Response, id: str) -> None:
        etag = await self._required_etag(req, id)
        await self._files.trash_entry(req.access, parse_file_id(id), etag)
        respond_empty(resp, 204)

    async def restore_file(self, req: Request, resp: Response, id: str) -> None:
        # A body is optional, and a client may send an empty body.
        content = b"" if body_length(req) == 0 else await read_json_body(req)
        body = decode_json(content, _restoration_decoder) if content else views.Restoration()
        parent = None if body.parent_id is UNSET else parse_file_id(body.parent_id, "parent_id")
        _respond_file(resp, await self._files.restore_entry(req.access, parse_file_id(id), parent, body.on_conflict))

    async def delete_trashed(self, req: Request, resp: Response, id: str) -> None:
        await self._files.delete_trashed(req.access, parse_file_id(id))
        respond_empty(resp, 204)

    async def empty_trash(self, req: Request, resp: Response) -> None:
        await self._files.empty_trash(req.access)
        respond_empty(resp, 204)

    async def _required_etag(self, req: Request, id: str) -> str | None:
        """Return the entity tag that `If-Match` requires, or None without a condition.

        The files service compares the tag with the file again, under its lock.
        """
        file_id = parse_file_id(id)
        if_match = req.get_header("If-Match")
        if if_match is None or if_match.strip() == "*":
            return None
        # The service accepts one tag, so a list is reduced to one here.
        current = await self._files.get_file(req.access, file_id)
        return match_entity_tag(if_match, current.etag)


def parse_sort(text: str) -> tuple[contract.Sort, bool]:
    """Return the field of a parameter `sort`, and whether it is descending. Raises InvalidRequest."""
    if text not in _SORTS:
        raise invalid_field_error("sort", f"must be one of {', '.join(_SORTS)}")
    return _SORTS[text]


def _or_none(value: T | UnsetType) -> T | None:
    return None if isinstance(value, UnsetType) else value


def _respond_file(resp: Response, file: contract.File, status: int = 200) -> None:
    respond_json(resp, views.file_view(file), status, {"ETag": file.etag})
