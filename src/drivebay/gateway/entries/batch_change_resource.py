"""Handlers of batches of files and folders: move, copy, trash and restore up to 100, each with its own result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import msgspec
from falcon.asgi import Response

from ...contract import files as contract
from ...contract.ids import FileId
from ..batch_items import UndecodedItems, parse_item_id, read_batch, refused_items
from ..http_request import Request, idempotency_key, parse_file_id
from ..http_response import respond_json
from ..uploads.views import item_problem_view
from . import views


class _MoveRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`views.MoveRequest` whose items are not decoded yet."""

    ids: UndecodedItems
    parent_id: str
    on_conflict: contract.OnConflict = contract.OnConflict.FAIL


class _CopyRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`views.CopyRequest` whose items are not decoded yet."""

    ids: UndecodedItems
    parent_id: str
    on_conflict: contract.OnConflict = contract.OnConflict.RENAME


class _FileIds(msgspec.Struct, forbid_unknown_fields=True):
    """`views.FileIds` whose items are not decoded yet."""

    ids: UndecodedItems


_move_request_decoder = msgspec.json.Decoder(_MoveRequest)
_copy_request_decoder = msgspec.json.Decoder(_CopyRequest)
_file_ids_decoder = msgspec.json.Decoder(_FileIds)


class BatchChangeResource:
    def __init__(self, files: contract.Files) -> None:
        self._files = files

    async def move_files(self, req: Request, resp: Response) -> None:
        body, items = await read_batch(req, "ids", _move_request_decoder)
        parent = parse_file_id(body.parent_id, "parent_id")

        async def move(ids: tuple[FileId, ...]) -> tuple[contract.FileResult, ...]:
            return await self._files.move_entries(req.access, ids, parent, body.on_conflict)

        await _respond_results(resp, items, move)

    async def copy_files(self, req: Request, resp: Response) -> None:
        body, items = await read_batch(req, "ids", _copy_request_decoder)
        target = contract.CopyTarget(parse_file_id(body.parent_id, "parent_id"), None, body.on_conflict)
        key = idempotency_key(req)
        # A key identifies the whole request. So the service needs the refused items too, to recognize a repeat.
        refused = () if key is None else refused_items(items, [parse_item_id(item) for item in items])

        async def copy(ids: tuple[FileId, ...]) -> tuple[contract.FileResult, ...]:
            return await self._files.copy_entries(req.access, ids, target, key, refused)

        await _respond_results(resp, items, copy, refused)

    async def trash_files(self, req: Request, resp: Response) -> None:
        _, items = await read_batch(req, "ids", _file_ids_decoder)
        await _respond_results(resp, items, lambda ids: self._files.trash_entries(req.access, ids))

    async def restore_files(self, req: Request, resp: Response) -> None:
        _, items = await read_batch(req, "ids", _file_ids_decoder)
        await _respond_results(resp, items, lambda ids: self._files.restore_entries(req.access, ids))


async def _respond_results(
    resp: Response,
    items: Sequence[bytes],
    change: Callable[[tuple[FileId, ...]], Awaitable[tuple[contract.FileResult, ...]]],
    refused: Sequence[contract.RefusedItem] = (),
) -> None:
    """Change the items that are ids, and respond with a result for each item.

    `change` is also called without ids if there are `refused` items, which then belong to an idempotency key.
    """
    parsed = [parse_item_id(item) for item in items]
    ids = tuple(FileId(item) for item in parsed if isinstance(item, UUID))
    needs_call = bool(ids or refused)  # guard: copies-refused-key
    results = iter(await change(ids) if needs_call else ())
    result_views = []
    for item in parsed:
        result = next(results) if isinstance(item, UUID) else contract.FileResult(error=item.error)
        result_views.append(_result_view(result))
    respond_json(resp, views.FileResults(result_views))


def _result_view(result: contract.FileResult) -> views.FileResult:
    if result.file is not None:
        return views.FileResult(views.file_view(result.file))
    if result.error is not None:
        return views.FileResult(error=item_problem_view(result.error))
    raise AssertionError("a result has a file or an error")
