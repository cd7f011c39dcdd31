"""Handlers of jobs, and of the copies that start them. A job belongs to the caller."""

from __future__ import annotations

from typing import Final

import msgspec
from falcon.asgi import Response
from msgspec import UNSET

from ...contract import files as contract
from ...contract.files import Role
from ...contract.ids import DriveId, JobId
from ...errors import TooLarge
from ..access_rules import AccessRule, access_to_drive, require_role
from ..entries.views import NewCopy, file_view
from ..http_request import Request, idempotency_key, parse_file_id, parse_uuid, read_json
from ..http_response import respond_empty, respond_json
from ..public_url import PublicUrls
from . import views

_TARGET_RULE: Final = AccessRule(Role.EDITOR)
"""The role that a copy into another drive needs in that drive."""
_new_copy_decoder = msgspec.json.Decoder(NewCopy)


class JobResource:
    def __init__(self, files: contract.Files, urls: PublicUrls) -> None:
        self._files = files
        self._urls = urls

    async def copy_file(self, req: Request, resp: Response, id: str) -> None:
        """Copy in this request, or start a job if that takes too long for one request."""
        body = await read_json(req, _new_copy_decoder)
        name = None if body.name is UNSET else body.name
        target = contract.CopyTarget(parse_file_id(body.parent_id, "parent_id"), name, body.on_conflict)
        file, key = parse_file_id(id), idempotency_key(req)
        drive = req.access.drive if body.drive_id is UNSET else DriveId(parse_uuid(body.drive_id, "drive_id"))
        if drive != req.access.drive:
            access = await access_to_drive(self._files, req, _TARGET_RULE, drive)
            job = await self._files.start_drive_copy(req.access, file, access, target, key)
            if job.result is None:
                self._respond_job(req, resp, job)
            else:
                _respond_copy(resp, job.result)
            return
        require_role(req.access, Role.EDITOR)
        try:
            _respond_copy(resp, await self._files.copy_entry(req.access, file, target, key))
        except TooLarge:
            self._respond_job(req, resp, await self._files.start_copy(req.access, file, target, key))

    def _respond_job(self, req: Request, resp: Response, job: contract.Job) -> None:
        location = self._urls.link(req.scope, f"/v1/jobs/{job.id}")
        respond_json(resp, views.StartedJob(views.job_view(job)), 202, {"Location": location})

    async def get_job(self, req: Request, resp: Response, id: str) -> None:
        respond_json(resp, views.job_view(await self._files.get_job(req.user, _parse_id(id))))

    async def cancel_job(self, req: Request, resp: Response, id: str) -> None:
        await self._files.cancel_job(req.user, _parse_id(id))
        respond_empty(resp, 204)


def _respond_copy(resp: Response, copy: contract.File) -> None:
    respond_json(resp, file_view(copy), 201, {"ETag": copy.etag})


def _parse_id(text: str) -> JobId:
    return JobId(parse_uuid(text, "id"))
