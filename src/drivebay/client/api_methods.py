"""What the methods of `AsyncDrive` have in common."""

from __future__ import annotations

from .api_client import ApiClient
from .entry_finder import EntryFinder


class ApiMethods:
    """A group of methods of `AsyncDrive`, which sets these attributes."""

    _api: ApiClient
    _finder: EntryFinder
