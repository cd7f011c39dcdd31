"""Batches of files and folders: one request changes up to 100 of them, each with its own result."""

from __future__ import annotations

from collections.abc import Sequence

from .api_client import ApiClient, ApiRequest, item_result
from .api_models import File, FileResults
from .batcher import MAX_BATCH
from .errors import ApiError


async def change_files(
    api: ApiClient, change: str, ids: Sequence[str], options: dict[str, object] | None = None
) -> list[File | ApiError]:
    """Send `change` (`move`, `copy`, `trash`, `restore`) for all ids, 100 in each request.

    Return a file or an error for each id. Raises ApiError and NetworkError if a whole request fails. The requests
    before it may have changed files.
    """
    results: list[File | ApiError] = []
    for start in range(0, len(ids), MAX_BATCH):
        body = {"ids": ids[start : start + MAX_BATCH], **(options or {})}
        response = await api.call(ApiRequest(FileResults, "POST", f"/v1/files/batch/{change}", body, is_slow=True))
        results += [item_result(item.file, item.error) for item in response.items]
    return results


def if_match(etag: str | None) -> dict[str, str]:
    """Return the header `If-Match` with an entity tag, or no header if `etag` is None."""
    return {} if etag is None else {"If-Match": etag}
