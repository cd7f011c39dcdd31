"""Handlers of jobs, and of the copies that start them. A job belongs to the caller."""

from __future__ import annotations

import msgspec
from falcon.asgi import Response
from msgspec import UNSET

from ...contract import files as contract
from ...contract.ids import JobId
from ...errors import Conflict, TooLarge
from ..entries.views import NewCopy, file_view
from ..http_request import Request, idempotency_key, parse_file_id, parse_uuid, read_json
from ..http_response import respond_empty, respond_json
from ..public_url import PublicUrls
from . import views

_new_copy_decoder = msgspec.json.Decoder(NewCopy)


class JobResource:
    def __init__(self, files: contract.Files, urls: PublicUrls) -> None:
        self._files = files
        self._urls = urls

    async def copy_file(self, req: Request, resp: Response, id: str) -> None:
        """Copy in this request, or start a job if the folder is too large for one request."""
        body = await read_json(req, _new_copy_decoder)
        if body.drive_id is not UNSET and parse_uuid(body.drive_id, "drive_id") != req.access.drive:
            raise Conflict("a copy stays in the drive of its original: drive_id names another drive")
        name = None if body.name is UNSET else body.name
        target = contract.CopyTarget(parse_file_id(body.parent_id, "parent_id"), name, body.on_conflict)
        file, key = parse_file_id(id), idempotency_key(req)
        try:
            copy = await self._files.copy_entry(req.access, file, target, key)
        except TooLarge:
            job = await self._files.start_copy(req.access, file, target, key)
            location = self._urls.link(req.scope, f"/v1/jobs/{job.id}")
            respond_json(resp, views.StartedJob(views.job_view(job)), 202, {"Location": location})
            return
        respond_json(resp, file_view(copy), 201, {"ETag": copy.etag})

    async def get_job(self, req: Request, resp: Response, id: str) -> None:
        respond_json(resp, views.job_view(await self._files.get_job(req.user, _parse_id(id))))

    async def cancel_job(self, req: Request, resp: Response, id: str) -> None:
        await self._files.cancel_job(req.user, _parse_id(id))
        respond_empty(resp, 204)


def _parse_id(text: str) -> JobId:
    return JobId(parse_uuid(text, "id"))
