"""The SDK: `AsyncDrive`, and `Drive` for scripts. It needs httpx and msgspec, and nothing else of Drivebay.

from drivebay.client import Drive

with Drive("https://drive.example.com") as drive:
    drive.log_in("ada@example.com", "correct horse battery")
    file = drive.upload("report.pdf", "/reports")
    drive.download(file, "copy.pdf")
"""

from __future__ import annotations

from .drive import AsyncDrive
from .errors import (
    ApiError,
    Changed,
    Conflict,
    Damaged,
    Error,
    FieldError,
    NetworkError,
    NotFound,
    StoreError,
    Unauthenticated,
    Unavailable,
    UnsafeName,
    UploadFailed,
)
from .models import ROOT, Account, Disposition, File, Link, Moment, OnConflict, Sort, Tokens, Upload, Usage
from .network import Network, NotSent, Response
from .plain import Drive
from .resume import Begun, Resume, Unfinished
from .retry import Patience
from .sessions import InMemory, Session
from .sources import Content
from .uploads import Progress

__all__ = [
    "ROOT",
    "Account",
    "ApiError",
    "AsyncDrive",
    "Begun",
    "Changed",
    "Conflict",
    "Content",
    "Damaged",
    "Disposition",
    "Drive",
    "Error",
    "FieldError",
    "File",
    "InMemory",
    "Link",
    "Moment",
    "Network",
    "NetworkError",
    "NotFound",
    "NotSent",
    "OnConflict",
    "Patience",
    "Progress",
    "Response",
    "Resume",
    "Session",
    "Sort",
    "StoreError",
    "Tokens",
    "Unauthenticated",
    "Unavailable",
    "Unfinished",
    "UnsafeName",
    "Upload",
    "UploadFailed",
    "Usage",
]
