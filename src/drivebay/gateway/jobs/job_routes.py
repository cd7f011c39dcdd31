"""The routes of jobs, and of the copies that start them."""

from __future__ import annotations

from typing import Final

from ... import errors
from ...contract.auth import Scope
from ..entries.views import File, NewCopy
from ..route import Parameter, Route
from . import views
from .job_resource import JobResource

_READ: Final = (Scope.READ, Scope.WRITE)
_WRITE: Final = (Scope.WRITE,)


def job_routes(jobs: JobResource, key: Parameter) -> tuple[Route, ...]:
    """Return the routes of jobs. `key` is `Idempotency-Key`."""
    return (
        Route(
            "POST", "/v1/files/{id}/copy", "copyFile",
            "Copy a file, or a folder with everything in it; 202 with a job if it takes long",
            jobs.copy_file, {201: File, 202: views.StartedJob}, body=NewCopy, parameters=(key,),
            headers=("ETag", "Location"),
            errors=(
                errors.NotFound, errors.NameTaken, errors.WouldCycle, errors.Conflict, errors.TooLarge,
                errors.QuotaExceeded,
                errors.IdempotencyKeyReused, errors.InProgress,
            ), scopes=_WRITE,
        ),
        Route(
            "GET", "/v1/jobs/{id}", "showJob", "Get one of your jobs", jobs.get_job, {200: views.Job},
            errors=(errors.NotFound,), scopes=_READ,
        ),
        Route(
            "DELETE", "/v1/jobs/{id}", "cancelJob", "Cancel one of your jobs: none of its files appear",
            jobs.cancel_job, {204: None}, errors=(errors.NotFound,), scopes=_WRITE,
        ),
    )  # fmt: skip
