"""The capabilities and the health of the store."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ..health import Health


class Capabilities(msgspec.Struct, frozen=True):
    """The capabilities that the store proved in real requests at start-up.

    What the store refuses:
    - `signed_length`: a presigned PUT whose length differs from the signed length.
    - `signed_type`: a presigned PUT whose content type differs from the signed content type.
    - `signed_checksum`: a presigned PUT of bytes that do not have the signed SHA-256.
    - `write_once`: a presigned PUT to a key that already has an object.

    The other capabilities:
    - `reports_checksum`: a look-up returns the SHA-256.
    - `reports_type`: a look-up returns the content type that the PUT had.
    - `complete_once`: the store refuses to assemble parts over an existing object.
    - `conditional_copy`: a copy is refused if its source has changed.
    - `batch_delete`: one request can delete many objects.
    - `private`: a request without a signature can neither read, list nor write.
    - `cors`: the bucket accepted our CORS rule for browsers.
    - `event_rules`: the bucket accepted our notification rule, which sends events to NATS.
    - `versioned`: the bucket keeps deleted objects as old versions.
    - `clock_offset`: seconds by which the clock of the store is ahead of ours, None if it reports no time.
    - `unsupported_headers`: headers that uploads leave out, because the store refuses uploads with them.
    """

    signed_length: bool
    signed_type: bool
    signed_checksum: bool
    write_once: bool
    reports_checksum: bool
    complete_once: bool
    conditional_copy: bool
    batch_delete: bool
    private: bool
    cors: bool
    event_rules: bool
    versioned: bool
    clock_offset: int | None
    reports_type: bool = False
    unsupported_headers: tuple[str, ...] = ()


class StoreStatus(Protocol):
    async def get_capabilities(self) -> Capabilities:
        """Return the capabilities found at start-up. Raises Unavailable until the store has responded once."""
        ...

    async def health(self) -> tuple[Health, ...]:
        """Check the store now: it is reachable, the bucket exists, and the clocks differ by less than 60 seconds."""
        ...
