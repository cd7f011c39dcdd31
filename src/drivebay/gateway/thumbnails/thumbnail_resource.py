"""The handler of thumbnails: redirects to the store, if the store has the image."""

from __future__ import annotations

from typing import Final

from falcon.asgi import Response

from ...contract import files as contract
from ...contract.storage import THUMBNAIL_SIZES, THUMBNAIL_TYPE, Disposition, Presence, Storage, thumbnail_key
from ...errors import NoPreview, Unavailable
from ..http_request import Request, invalid_field_error, parse_file_id
from ..http_response import respond_empty

DEFAULT_SIZE: Final = 256


class ThumbnailResource:
    """`ttl_seconds` is the lifetime of presigned URLs."""

    def __init__(self, files: contract.Files, storage: Storage, ttl_seconds: int) -> None:
        self._files = files
        self._storage = storage
        self._ttl_seconds = ttl_seconds

    async def get_thumbnail(self, req: Request, resp: Response, id: str) -> None:
        """Respond to GET, and to HEAD as the store would, because the presigned URL allows only GET."""
        size, file_id = _size_of(req), parse_file_id(id)
        thumbnail = await self._files.get_thumbnail(req.access, file_id)
        if thumbnail.state is contract.ThumbnailState.READY:
            key = thumbnail_key(thumbnail.key, size)
            (found,) = await self._storage.stat_objects((key,))
            if found.presence is Presence.FOUND:
                signed = await self._storage.presign_get(
                    key, f"{thumbnail.name}.webp", THUMBNAIL_TYPE, Disposition.INLINE, self._ttl_seconds
                )
                if req.method == "HEAD":  # guard: thumbnail-head
                    about = {"Accept-Ranges": "bytes", "Content-Length": str(found.size), "ETag": f'"{found.etag}"'}
                    respond_empty(resp, 200, {**signed.response_headers, **about})
                else:
                    respond_empty(resp, 302, {"Location": signed.url})
                return
            if found.presence is Presence.UNKNOWN:
                raise Unavailable("the store does not respond now; try again later")
            # The images were lost, for example after a restore of a backup. They are made again.
            thumbnail = await self._files.get_thumbnail(req.access, file_id, True)  # guard: thumbnail-made-again
        if thumbnail.state is contract.ThumbnailState.NONE:
            raise NoPreview(f"file {file_id} has no thumbnail")
        respond_empty(resp, 202, {"Retry-After": str(max(1, thumbnail.retry_after))})


def _size_of(req: Request) -> int:
    """Return the parameter `size` of a request. Raises InvalidRequest."""
    text = req.query_value("size")
    if text is None:
        return DEFAULT_SIZE
    sizes = {str(size): size for size in THUMBNAIL_SIZES}
    if text not in sizes:
        raise invalid_field_error(
            "size", f"must be {', '.join(map(str, THUMBNAIL_SIZES[:-1]))} or {THUMBNAIL_SIZES[-1]}"
        )
    return sizes[text]
