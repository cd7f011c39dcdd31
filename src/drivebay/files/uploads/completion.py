"""Completion: commits uploads on a client's request."""

from __future__ import annotations

from ...contract.files import Access, BatchResult, CommitOutcome, Role, Trigger, Upload, UploadRef, UploadStatus
from ...contract.ids import DriveId, UploadId
from ...errors import NotFound, NotUploaded, Unavailable
from ...postgres import Database
from ..batch_results import check_batch_size, failed_item
from ..commits.service import CommitService
from ..multipart.service import MultipartService
from ..permissions.access_scope import AccessScope, upload_folder
from .store import UploadStore


class CompletionService:
    """Implements `complete_upload` and `complete_uploads` of `contract.files.Uploads`."""

    def __init__(self, db: Database, commits: CommitService, multiparts: MultipartService) -> None:
        self._db = db
        self._scope = AccessScope()
        self._uploads = UploadStore()
        self._commits = commits
        self._multiparts = multiparts

    async def complete_upload(self, access: Access, id: UploadId) -> Upload:
        upload = await self._select_upload(access.drive, id)
        await self._scope.require_upload(self._db, access, upload)  # guard: scope-complete-upload
        if upload.status not in (UploadStatus.PENDING, UploadStatus.EXPIRED):
            return upload
        if upload.status is UploadStatus.PENDING:
            if upload.deferred_length:  # guard: complete-deferred-length
                raise NotUploaded(f"the length of upload {id} is not known yet; set it first")
            if upload.parts is not None:
                await self._multiparts.assemble(upload)
        if not await self._commits.commit_for_client(UploadRef(access.drive, id)):
            raise _not_uploaded_error(upload)
        return await self._select_upload(access.drive, id)

    async def complete_uploads(self, access: Access, ids: tuple[UploadId, ...]) -> tuple[BatchResult, ...]:
        check_batch_size(ids, "ids")
        hidden = await self._find_hidden(access, ids)
        refs = [UploadRef(access.drive, id) for id in ids if id not in hidden]  # guard: scope-complete-uploads
        committed = await self._commits.commit_uploads(tuple(refs), Trigger.CLIENT) if refs else ()
        outcomes = {ref.id: outcome for ref, outcome in zip(refs, committed, strict=True)}
        uploads = await self._uploads.select_uploads(self._db, access.drive, list(outcomes))
        return tuple(hidden.get(id) or _batch_result(id, outcomes[id], uploads.get(id)) for id in ids)

    async def _find_hidden(self, access: Access, ids: tuple[UploadId, ...]) -> dict[UploadId, BatchResult]:
        """Return the error results of the uploads to folders that an access with grants does not reach."""
        if not access.grants:
            return {}
        uploads = await self._uploads.select_uploads(self._db, access.drive, ids)
        folders = {id: upload_folder(upload) for id, upload in uploads.items()}
        errors = await self._scope.find_errors(self._db, access, Role.EDITOR, set(folders.values()))
        return {
            id: failed_item(NotFound(f"no upload {id}") if isinstance(errors[folder], NotFound) else errors[folder])
            for id, folder in folders.items()
            if folder in errors
        }

    async def _select_upload(self, owner: DriveId, id: UploadId) -> Upload:
        upload = await self._uploads.select_upload(self._db, owner, id)
        if upload is None:
            raise NotFound(f"no upload {id}")
        return upload


def _batch_result(id: UploadId, outcome: CommitOutcome, upload: Upload | None) -> BatchResult:
    if upload is None:
        return failed_item(NotFound(f"no upload {id}"))
    if outcome is CommitOutcome.UNKNOWN:
        return failed_item(Unavailable("the store does not respond now; try again later"))
    if outcome in (CommitOutcome.ABSENT, CommitOutcome.EXPIRED):
        if upload.parts is not None and upload.status is UploadStatus.PENDING:
            hint = f"complete it with POST /v1/uploads/{id}/complete, not in a batch"
            return failed_item(NotUploaded(f"upload {id} is an upload in parts; {hint}"))
        return failed_item(_not_uploaded_error(upload))
    return BatchResult(upload)


def _not_uploaded_error(upload: Upload) -> NotUploaded:
    if upload.status is UploadStatus.EXPIRED:
        return NotUploaded(f"upload {upload.id} has expired without its bytes; begin a new upload")
    return NotUploaded(f"the store has no object for upload {upload.id}; send the bytes first")
