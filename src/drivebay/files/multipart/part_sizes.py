"""The size of the parts of an upload."""

from __future__ import annotations

from typing import Final

MAX_PARTS: Final = 10_000
"""The maximum number of parts of one upload in S3."""
_MIB: Final = 2**20
_MIN_PART_SIZE: Final = 8 * _MIB


def choose_part_size(size: int) -> int:
    """Return the part size in bytes for a file of `size` bytes.

    The part size is a whole number of MiB, at least 8 MiB, and large enough for the file to fit in 10,000 parts.
    """
    return max(_MIN_PART_SIZE, -(-size // (MAX_PARTS * _MIB)) * _MIB)
