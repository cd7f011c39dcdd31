"""The routes of copies of files and folders."""

from __future__ import annotations

from typing import Final

from ... import errors
from ...contract.auth import Scope
from ..route import Parameter, Route
from . import views
from .batch_change_resource import BatchChangeResource
from .entry_resource import EntryResource

_WRITE: Final = (Scope.WRITE,)


def copy_routes(entries: EntryResource, changes: BatchChangeResource, key: Parameter) -> tuple[Route, ...]:
    """Return the routes of copies. `key` is `Idempotency-Key`."""
    return (
        Route(
            "POST", "/v1/files/{id}/copy", "copyFile", "Copy a file, or a folder with everything in it",
            entries.copy_file, {201: views.File}, body=views.NewCopy, parameters=(key,), headers=("ETag",),
            errors=(
                errors.NotFound, errors.NameTaken, errors.WouldCycle, errors.Conflict, errors.TooLarge,
                errors.QuotaExceeded,
                errors.IdempotencyKeyReused, errors.InProgress,
            ), scopes=_WRITE,
        ),
        Route(
            "POST", "/v1/files/batch/copy", "copyFiles", "Copy up to 100 files and folders, each with its own result",
            changes.copy_files, {200: views.FileResults}, body=views.CopyRequest, scopes=_WRITE,
        ),
    )  # fmt: skip
