"""The doctor's check of thumbnails: makes a thumbnail of an image in this file, as the worker would."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from typing import Final

from ...node import Services
from ...worker.thumbnail_subprocess import NotReadable, ProcessFailed, has_libraries, make_thumbnails
from .findings import Finding, ok, warning

Now = Callable[[], datetime]

_INSTALL: Final = "install drivebay[thumbnails] where files and worker run, or set DRIVEBAY_THUMBNAILS=off"
_PNG: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg=="
)
"""A PNG image of one pixel."""


async def check_thumbnails(services: Services, _: Now) -> list[Finding]:
    """Check that this machine can make thumbnails, within the limits of the worker."""
    settings = services.settings.worker()
    if not settings.thumbnails:
        return [ok("thumbnails", "off: DRIVEBAY_THUMBNAILS is off")]
    if not has_libraries():
        detail = "pyvips and pypdfium2 are not installed here, so no file has a thumbnail"
        return [warning("thumbnails", detail, _INSTALL)]
    try:
        await make_thumbnails(_PNG, settings.thumbnail_limits)
    except (NotReadable, ProcessFailed) as error:
        detail = f"no thumbnail could be made of a small image: {str(error) or 'it was refused'}"
        return [warning("thumbnails", detail, _INSTALL)]
    return [ok("thumbnails", "a thumbnail was made of a small image")]
