"""The base class of the groups of methods of `AsyncDrive`."""

from __future__ import annotations

from .api_client import ApiClient
from .entry_finder import EntryFinder


class ApiMethods:
    """A group of methods of `AsyncDrive`, which sets these attributes."""

    _api: ApiClient
    _finder: EntryFinder
