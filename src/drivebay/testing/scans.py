"""A scan of the whole bucket for tests: by one caller, without a lease, and as fast as possible."""

from __future__ import annotations


class UnsharedScan:
    """Implements `janitor.bucket_scan.Scan`. No other caller can take the scan over, and it does not wait between
    pages."""

    def __init__(self) -> None:
        self.position: str | None = None

    async def extend(self) -> bool:
        return True

    async def finish_page(self, position: str | None, listed: int) -> bool:
        self.position = position
        return position is not None
