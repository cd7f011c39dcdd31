"""Handlers of the versions of files: list, restore and delete them. Downloads: `entries/download_resource.py`."""

from __future__ import annotations

from falcon.asgi import Response

from ...contract import files as contract
from ..entries.views import file_view
from ..http_request import Request, parse_file_id, parse_limit, parse_version_id
from ..http_response import respond_empty, respond_json
from . import views


class VersionResource:
    def __init__(self, files: contract.Files) -> None:
        self._files = files

    async def list_versions(self, req: Request, resp: Response, id: str) -> None:
        limit, cursor = parse_limit(req.query_value("limit")), req.query_value("cursor")
        page = await self._files.list_versions(req.access, parse_file_id(id), limit, cursor)
        respond_json(resp, views.version_list_view(page))

    async def restore_version(self, req: Request, resp: Response, id: str, version: str) -> None:
        file = await self._files.restore_version(req.access, parse_file_id(id), parse_version_id(version))
        respond_json(resp, file_view(file), headers={"ETag": file.etag})

    async def delete_version(self, req: Request, resp: Response, id: str, version: str) -> None:
        await self._files.delete_version(req.access, parse_file_id(id), parse_version_id(version))
        respond_empty(resp, 204)
