"""The methods of `AsyncDrive` about copies and the jobs that copy large folders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from .api_client import ApiRequest, decode_response, item_result
from .api_methods import ApiMethods
from .api_models import File, OnConflict
from .entry_batches import change_files
from .errors import ApiError, Conflict, NetworkError
from .job_models import Job, JobResponse

_FIRST_DELAY: Final = 0.1
"""The first pause between two requests for the state of a job, in seconds."""
_MAX_DELAY: Final = 2.0
"""The longest pause, in seconds."""
_STALLED_AFTER: Final = 600.0
"""The number of seconds without progress after which `wait_for_job` raises NetworkError."""


class JobMethods(ApiMethods):
    """Copies of files and folders, and jobs."""

    async def copy(
        self,
        file: str | File,
        target: str,
        on_conflict: OnConflict | str = OnConflict.RENAME,
        *,
        drive_id: str | None = None,
        progress: Callable[[Job], None] | None = None,
    ) -> File:
        """Copy a file, or a folder with everything in it, to the path `target`, and return the copy.

        If `target` is a folder, copy into the folder. `target` may also be the id of a folder. `drive_id` is the drive
        that gets the copy, by default the drive of the original. `on_conflict` as in `update`. This computer sends no
        bytes. Each copy counts in the quota. A copy that takes long is made by a job. This method waits for the job,
        and calls `progress` with its state. If the wait is cancelled, the job continues. Raises NotFound, Conflict
        `name_taken`, `would_cycle`, and the errors of `wait_for_job`.
        """
        started = await self.start_copy(file, target, on_conflict, drive_id=drive_id)
        return started if isinstance(started, File) else await self.wait_for_job(started, progress)

    async def start_copy(
        self,
        file: str | File,
        target: str,
        on_conflict: OnConflict | str = OnConflict.RENAME,
        *,
        drive_id: str | None = None,
    ) -> File | Job:
        """Copy as `copy` does, but do not wait for a job. Return the copy, or the job of a copy that takes long."""
        original = await self._finder.resolve(file)
        id = await self._finder.non_root_id(original)
        parent, name = await self._finder.in_drive(drive_id).find_destination(original, target)
        body = {"parent_id": parent.id, "name": name, "on_conflict": OnConflict(on_conflict).value}
        if drive_id is not None:
            body["drive_id"] = drive_id
        path, key = f"/v1/files/{quote(id, '')}/copy", self._api.new_key()
        response = await self._api.call(ApiRequest(msgspec.Raw, "POST", path, body, idempotency_key=key, is_slow=True))
        started = decode_response(bytes(response), JobResponse)
        return decode_response(bytes(response), File) if started.job is None else started.job

    async def copy_all(
        self, files: Sequence[str | File], folder: str | File, on_conflict: OnConflict | str = OnConflict.RENAME
    ) -> list[File | ApiError]:
        """Copy files and folders to a folder, 100 in each request. Return the copy, or its error, for each.

        A folder with more than 1,000 files and folders gets the error `too_large`. Copy such a folder with `copy`.
        """
        parent = await self._finder.resolve_folder(folder)
        ids = [await self._finder.id_for_batch(file) for file in files]
        options: dict[str, object] = {"parent_id": parent.id, "on_conflict": OnConflict(on_conflict).value}
        return await change_files(self._api, "copy", ids, options)

    async def job(self, id: str) -> Job:
        """Return the current state of one of your jobs. Raises NotFound."""
        return await self._api.call(ApiRequest(Job, "GET", _job_path(id)))

    async def wait_for_job(self, job: str | Job, progress: Callable[[Job], None] | None = None) -> File:
        """Wait until a job is done, and return the copy. `progress` is called with each new state of the job.

        Raises NotFound, Conflict if the job was cancelled, the ApiError of the job if it has failed, and NetworkError
        if it makes no progress for 10 minutes.
        """
        id = job if isinstance(job, str) else job.id
        clock = asyncio.get_running_loop().time
        pause, last_state, changed_at = _FIRST_DELAY, None, clock()
        while True:
            current = await self.job(id)
            if current != last_state:
                last_state, changed_at = current, clock()
                if progress is not None:
                    progress(current)
            if current.status == "cancelled":
                raise Conflict(409, "conflict", f"the job {id} was cancelled")
            if current.status != "running":
                result = item_result(current.result, current.error)
                if isinstance(result, ApiError):
                    raise result
                return result
            if clock() > changed_at + _STALLED_AFTER:
                raise NetworkError(f"the job {id} made no progress for 10 minutes: is the worker service running?")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _MAX_DELAY)

    async def cancel_job(self, id: str) -> None:
        """Cancel a running job, so that no copy appears. Do nothing if the job has ended. Raises NotFound."""
        await self._api.call(ApiRequest(type(None), "DELETE", _job_path(id)))


def _job_path(id: str) -> str:
    return f"/v1/jobs/{quote(id, '')}"
